//! ACL users, as Upstash has them (docs, "ACL SETUSER" and the pages beside it): a password is a token
//! from GENTOKEN, which is also a token for the REST API; RESTTOKEN makes one for whoever knows the
//! password.
//!
//! | command | Upstash | Redis |
//! |---|---|---|
//! | `ACL GENTOKEN`, `ACL RESTTOKEN` | exist | unknown |
//! | `ACL SETUSER` | takes GENTOKEN's passwords only; no `nopass`, hashes, sub-commands, selectors | takes all |
//! | `ACL GETUSER` | five fields | a sixth, `selectors`; patterns in one string |
//! | `ACL LOG` | always empty | failures |
//!
//! On the bundled Redis there is more to it: users are saved at each change, they cannot be given more
//! than callers have, and pkv's own are not shown. (`command::policy` keeps those from being changed.)

use bytes::Bytes;
use redis::Value;
use sha2::{Digest, Sha256};

use super::{Listener, Meaning, Sent, Translation, error_words};
use crate::command::{Command, Name, acl};
use crate::rest_token::{Key, Login};
use crate::secret::Secret;

/// A supplied password has at least so many bytes, and so many different ones: what Upstash calls
/// "minimum entropy" without a figure. A word or a date is refused, 8 random bytes in hexadecimal pass.
const LEAST_BYTES: usize = 16;
const LEAST_DIFFERENT: usize = 6;

/// Whoever knows `login`'s password gets a token for it.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    key: Key,
    login: Login,
}

pub(super) fn rewrite(command: Command, listener: Listener<'_>) -> Translation {
    let [subcommand, arguments @ ..] = command.arguments() else { return command.into() };
    let is_pkvs = |name: &[u8]| listener.is_bundled && acl::is_own(name);
    let result = match (&*Name::of(subcommand), listener.key) {
        // Whatever the user may do in Redis: an ACL user of a server elsewhere may be an administrator.
        (b"GENTOKEN" | b"RESTTOKEN" | b"SETUSER" | b"DELUSER", None) => {
            Err(error_words::no_permission("acl"))
        }
        (_, None) => Ok(command.into()),
        (b"GENTOKEN" | b"RESTTOKEN", _) if arguments.first().is_some_and(|name| is_pkvs(name)) => {
            Err("ERR this user is pkv's own: SRH_TOKEN and SRH_READONLY_TOKEN are the tokens"
                .into())
        }
        (b"GENTOKEN", Some(key)) => gentoken(arguments, key),
        (b"RESTTOKEN", Some(key)) => resttoken(arguments, key),
        (b"SETUSER", Some(key)) => setuser(arguments, key, listener.is_bundled),
        (b"DELUSER", _) if listener.is_bundled => Ok(saved(command)),
        (b"GETUSER", _) => Ok(match arguments {
            [name] if listener.is_bundled && is_hidden(name) => Translation::constant(Value::Nil),
            _ => mapped(command, five_fields),
        }),
        (b"LIST" | b"USERS", _) if listener.is_bundled => Ok(mapped(command, shown)),
        (b"WHOAMI", _) if listener.is_bundled => Ok(mapped(command, who)),
        (b"LOG", _) => Ok(match arguments {
            [] => Translation::constant(Value::Array(Vec::new())),
            [word] if word.eq_ignore_ascii_case(b"RESET") => Translation::constant(Value::Okay),
            [_] => Translation::constant(Value::Array(Vec::new())),
            _ => command.into(),
        }),
        (b"SAVE" | b"LOAD", _) if listener.is_bundled && arguments.is_empty() => {
            Ok(Translation::constant(Value::Okay))
        }
        _ => Ok(command.into()),
    };
    result.unwrap_or_else(Translation::error)
}

fn mapped(command: Command, map: fn(Value) -> Value) -> Translation {
    Translation { sent: Sent::One(command), meaning: Meaning::Mapped(map) }
}

/// `GENTOKEN user [password]`: nothing is stored, so nothing is sent.
fn gentoken(arguments: &[Bytes], key: &Key) -> Result<Translation, String> {
    let (user, password) = match arguments {
        [user] => (user, Secret::generate().map_err(|error| format!("ERR {error}"))?),
        [user, password] => {
            let is_weak = password.len() < LEAST_BYTES || different(password) < LEAST_DIFFERENT;
            if is_weak {
                return Err(format!(
                    "ERR the password is too weak: take {LEAST_BYTES} characters or more, at \
                     random, or leave it out to have one made"
                ));
            }
            (user, Secret::new(text(password)?))
        }
        _ => return Err("ERR invalid syntax. Usage: ACL GENTOKEN username [password]".into()),
    };
    let token = signed(key, &Login { user: text(user)?, password })?;
    Ok(Translation::constant(Value::BulkString(token.into_bytes())))
}

fn different(bytes: &[u8]) -> usize {
    bytes.iter().collect::<std::collections::BTreeSet<_>>().len()
}

fn text(word: &[u8]) -> Result<String, String> {
    String::from_utf8(word.to_vec()).map_err(|_| "ERR names and passwords must be UTF-8".into())
}

fn signed(key: &Key, login: &Login) -> Result<String, String> {
    key.sign(login).map_err(|reason| format!("ERR {reason}"))
}

/// `RESTTOKEN user password`: what GETUSER says of the user decides.
fn resttoken(arguments: &[Bytes], key: &Key) -> Result<Translation, String> {
    let [user, password] = arguments else {
        return Err("ERR invalid syntax. Usage: ACL RESTTOKEN username password".into());
    };
    let user = text(user)?;
    // GENTOKEN's token stands for the password that it carries.
    let password = match key.login(password) {
        Some(login) if login.user == user => login.password,
        _ => Secret::new(text(password)?),
    };
    let words = ["ACL", "GETUSER", &user].map(|word| Bytes::copy_from_slice(word.as_bytes()));
    let grant = Grant { key: key.clone(), login: Login { user, password } };
    let command = Command::new(words.to_vec()).ok_or("ERR no command")?;
    Ok(Translation { sent: Sent::One(command), meaning: Meaning::Granted(Box::new(grant)) })
}

impl Grant {
    /// The token, if GETUSER's answer shows that the password is the user's.
    pub(super) fn answer(&self, user: &Value) -> Result<Value, String> {
        let hash = Sha256::digest(self.login.password.reveal().as_bytes());
        let hash = base16ct::lower::encode_string(&hash);
        let has = |field, word: &str| words_of(user, field).contains(&word.as_bytes());
        let is_right = has(b"passwords", &hash) || has(b"flags", "nopass");
        if !is_right || !has(b"flags", "on") || is_hidden(self.login.user.as_bytes()) {
            return Err(format!(
                "ERR Wrong password or user \"{}\" does not exist",
                self.login.user
            ));
        }
        signed(&self.key, &self.login).map(|token| Value::BulkString(token.into_bytes()))
    }
}

/// The words of a field of GETUSER's answer, an array of alternating names and values.
fn words_of<'a>(user: &'a Value, field: &[u8]) -> Vec<&'a [u8]> {
    let Value::Array(fields) = user else { return Vec::new() };
    let is_it = |name: &Value| matches!(name, Value::BulkString(name) if name == field);
    let words = fields.chunks_exact(2).find(|pair| is_it(&pair[0])).map(|pair| &pair[1]);
    let Some(Value::Array(words)) = words else { return Vec::new() };
    let word = |word: &'a Value| match word {
        Value::BulkString(word) => Some(word.as_slice()),
        Value::SimpleString(word) => Some(word.as_bytes()),
        _ => None,
    };
    words.iter().filter_map(word).collect()
}

/// `SETUSER user rule…`.
fn setuser(arguments: &[Bytes], key: &Key, is_bundled: bool) -> Result<Translation, String> {
    let arity = "ERR wrong number of arguments for 'acl|setuser' command";
    let (name, rules) = arguments.split_first().ok_or(arity)?;
    let mut words = vec![Bytes::from("ACL"), Bytes::from("SETUSER"), name.clone()];
    // What is no text would keep pkv from reading its file of users at the next start, and Redis reads
    // a rule up to a NUL.
    if [name].into_iter().chain(rules).any(|word| text(word).is_err() || word.contains(&0)) {
        return Err("ERR Error in ACL SETUSER modifier: names and rules must be text".into());
    }
    for rule in rules {
        add_rule(&mut words, rule, name, key)?;
    }
    if is_bundled {
        words.extend(acl::LIMITS.map(Bytes::from));
    }
    let command = Command::new(words).ok_or(arity)?;
    Ok(if is_bundled { saved(command) } else { command.into() })
}

/// The change, and the file of users written behind it.
fn saved(change: Command) -> Translation {
    Translation::lasting(change, ["ACL", "SAVE"])
}

/// A rule as Redis is to get it. GENTOKEN's token is a password as it stands, for TCP clients, and so
/// is the one that it carries, as which the token's bearer comes over REST.
fn add_rule(words: &mut Vec<Bytes>, rule: &Bytes, name: &[u8], key: &Key) -> Result<(), String> {
    let refused = |what: &str| Err(format!("ERR Error in ACL SETUSER modifier: {what}"));
    let carried = |token| {
        key.login(token).filter(|login| login.user.as_bytes() == name).map(|login| login.password)
    };
    match &**rule {
        [sign @ (b'>' | b'<'), token @ ..] => match (carried(token), sign) {
            (Some(password), _) => {
                words.push([&[*sign][..], password.reveal().as_bytes()].concat().into());
            }
            (None, b'<') => {}
            (None, _) => {
                return refused(
                    "a password has to be a token that ACL GENTOKEN has made for this user",
                );
            }
        },
        [b'#', ..] => return refused("hashes are not supported; use ACL GENTOKEN"),
        [b'(', ..] => return refused("selectors are not supported"),
        [b'+' | b'-', command @ ..] if command.contains(&b'|') => {
            return refused("rules for sub-commands are not supported");
        }
        word if word.eq_ignore_ascii_case(b"nopass") => {
            return refused("nopass is not supported: every user has a password");
        }
        _ => {}
    }
    words.push(rule.clone());
    Ok(())
}

/// Whether callers of the bundled Redis are to know nothing of this user.
fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(acl::OWN_PREFIX.as_bytes())
}

/// GETUSER's answer without `selectors`, its patterns one by one.
fn five_fields(user: Value) -> Value {
    let Value::Array(fields) = user else { return user };
    let mut kept = Vec::with_capacity(10);
    for pair in fields.chunks_exact(2) {
        let [Value::BulkString(name), value] = pair else { continue };
        let value = match (name.as_slice(), value) {
            (b"selectors", _) => continue,
            (b"keys" | b"channels", Value::BulkString(patterns)) => {
                let patterns = patterns.split(|byte| *byte == b' ').filter(|one| !one.is_empty());
                Value::Array(patterns.map(|one| Value::BulkString(one.to_vec())).collect())
            }
            (_, value) => value.clone(),
        };
        kept.extend([pair[0].clone(), value]);
    }
    Value::Array(kept)
}

/// LIST's and USERS' answers without pkv's own: a name, or a line `user name …`.
fn shown(users: Value) -> Value {
    let Value::Array(mut users) = users else { return users };
    users.retain(|user| {
        let Value::BulkString(user) = user else { return true };
        !is_hidden(user) && !is_hidden(user.strip_prefix(b"user ").unwrap_or(user))
    });
    Value::Array(users)
}

fn who(user: Value) -> Value {
    match user {
        Value::BulkString(name) if name == acl::CALLERS.as_bytes() => {
            Value::BulkString(acl::DEFAULT.into())
        }
        user => user,
    }
}
