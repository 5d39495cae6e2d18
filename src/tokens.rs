//! Which token leads where: from `SRH_TOKEN`, or from SRH's `tokens.json`.
//!
//! Promises: a look-up takes the same time whatever the token (it is hashed first), and tokens are
//! kept as hashes alone. Leaves to others: connecting, and whether an ACL user still has the
//! password that his token carries.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::{ConfigError, ConnectionString};
use crate::rest_token::{Key, KeyName, Login};
use crate::secret::Secret;

/// A Redis that tokens lead to, with the size of its pool. Tokens with the same `srh_id` and
/// address share one.
#[derive(Debug, Clone)]
pub struct Target {
    /// `srh_id`: the name in logs.
    pub name: String,
    /// Address, user, password and database.
    pub connection: ConnectionString,
    /// Connections of its pool.
    pub max_connections: usize,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Index into [`Tokens::targets`].
    pub target: usize,
    /// What the bearer may do there.
    pub access: Access,
}

/// What a token's bearer may do, beside what Redis itself allows the user of its connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everything; the tokens that he makes for ACL users are signed with this key.
    Full(Arc<Key>),
    /// Reading; the server's own command table says what that is.
    ReadOnly,
    /// Reading; the connections' user may do no more, so that Redis enforces it.
    ReadOnlyUser,
    /// What Redis allows this ACL user, as whom he connects.
    User(Arc<Login>),
}

impl Access {
    /// Everything, for the bearer of this token.
    fn full(token: &str) -> Self {
        Self::Full(Arc::new(Key::new(token)))
    }

    /// Whether it is for reading only, whatever Redis would allow.
    pub fn is_readonly(&self) -> bool {
        matches!(self, Self::ReadOnly | Self::ReadOnlyUser)
    }

    /// The key for the tokens of ACL users, if he may make any.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Full(key) => Some(key),
            _ => None,
        }
    }
}

/// Why a request may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No such token.
    Unknown,
    /// No token exists at all, because the Space's owner has not set one yet.
    NoneConfigured,
}

/// The table of tokens.
#[derive(Debug)]
pub struct Tokens {
    tenants: HashMap<[u8; 32], Tenant>,
    /// Whose bearers have signed a token, by the name of the key.
    signers: HashMap<KeyName, Tenant>,
    targets: Vec<Target>,
}

/// An entry of SRH's tokens.json; other keys are ignored, as SRH does.
#[derive(Deserialize)]
struct Entry {
    srh_id: String,
    connection_string: String,
    max_connections: Option<serde_json::Number>,
    /// The entry's token may only read.
    #[serde(default)]
    read_only: bool,
    /// Another token that leads to the same Redis and may only read.
    readonly_token: Option<String>,
}

impl Tokens {
    /// One token, one target. Without a token every look-up is [`Denied::NoneConfigured`].
    pub fn single(token: Option<&Secret>, target: Target) -> Self {
        let mut tokens = Self::with_targets(vec![target]);
        if let Some(token) = token {
            let access = Access::full(token.reveal());
            tokens.add(token.reveal(), Tenant { target: 0, access });
        }
        tokens
    }

    fn with_targets(targets: Vec<Target>) -> Self {
        Self { tenants: HashMap::new(), signers: HashMap::new(), targets }
    }

    /// With one more token that may only read. `user`: the target with a user who may do no more;
    /// without one the server's command table decides.
    pub fn with_readonly(mut self, token: &Secret, user: Option<Target>) -> Self {
        let tenant = match user {
            Some(target) => {
                self.targets.push(target);
                Tenant { target: self.targets.len() - 1, access: Access::ReadOnlyUser }
            }
            None => Tenant { target: 0, access: Access::ReadOnly },
        };
        self.add(token.reveal(), tenant);
        self
    }

    fn add(&mut self, token: &str, tenant: Tenant) -> Option<Tenant> {
        if let Access::Full(key) = &tenant.access {
            self.signers.insert(key.name(), tenant.clone());
        }
        self.tenants.insert(digest(token.as_bytes()), tenant)
    }

    /// Reads `tokens.json`; an error names the file and the entry's `srh_id`, never the token.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let wrong = |fault: String| {
            let fault = format!("{} {fault}", path.display());
            ConfigError::new("PKV_TOKENS_FILE", fault, "/etc/pkv/tokens.json")
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let entries: BTreeMap<String, Entry> = serde_json::from_str(text).map_err(|error| {
            // serde_json's own text could repeat a piece of the file, and so of a secret.
            format!(
                "is not SRH's tokens.json (line {}): expected {{\"token\": {{\"srh_id\": \"name\", \
                 \"connection_string\": \"redis://host:6379\", \"max_connections\": 3}}}}",
                error.line()
            )
        })?;
        if entries.is_empty() {
            return Err("holds no token".into());
        }
        let mut tokens = Self::with_targets(Vec::new());
        let mut known: HashMap<(String, String), usize> = HashMap::new();
        for (token, entry) in entries {
            let srh_id = entry.srh_id.clone();
            let readonly_token = entry.readonly_token.clone();
            if token.is_empty() || readonly_token.as_ref().is_some_and(String::is_empty) {
                return Err(format!("has an empty token for srh_id {srh_id:?}"));
            }
            let access = if entry.read_only { Access::ReadOnly } else { Access::full(&token) };
            let key = (entry.srh_id.clone(), entry.connection_string.clone());
            let index = match known.get(&key) {
                Some(index) => *index,
                None => {
                    tokens.targets.push(target(entry)?);
                    known.insert(key, tokens.targets.len() - 1);
                    tokens.targets.len() - 1
                }
            };
            let reader = Tenant { target: index, access: Access::ReadOnly };
            let mut clash = tokens.add(&token, Tenant { target: index, access });
            if let Some(readonly) = readonly_token {
                clash = clash.or(tokens.add(&readonly, reader));
            }
            if clash.is_some() {
                return Err(format!("has a token twice, once for srh_id {srh_id:?}"));
            }
        }
        Ok(tokens)
    }

    /// Who bears this token. (An ACL user's tenant is made for the request, from what the token says.)
    pub fn tenant(&self, token: &[u8]) -> Result<Cow<'_, Tenant>, Denied> {
        if self.tenants.is_empty() {
            return Err(Denied::NoneConfigured);
        }
        let known = self.tenants.get(&digest(token)).map(Cow::Borrowed);
        known.or_else(|| self.user(token).map(Cow::Owned)).ok_or(Denied::Unknown)
    }

    /// The ACL user whose token it is, if it was signed here.
    fn user(&self, token: &[u8]) -> Option<Tenant> {
        let signer = self.signers.get(&KeyName::of(token)?)?;
        let login = signer.access.key()?.login(token)?;
        Some(Tenant { target: signer.target, access: Access::User(Arc::new(login)) })
    }

    /// Whether anybody can be let in.
    pub fn are_there(&self) -> bool {
        !self.tenants.is_empty()
    }

    /// The targets, in the order that [`Tenant::target`] counts.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }
}

fn target(entry: Entry) -> Result<Target, String> {
    let fault = |fault: String| format!("has a bad entry: srh_id {:?}: {fault}", entry.srh_id);
    let connection = ConnectionString::parse(&entry.connection_string)
        .map_err(|text| fault(format!("connection_string {text}")))?;
    let max_connections = match &entry.max_connections {
        None => 3,
        Some(number) => number
            .as_u64()
            .filter(|count| (1..=1000).contains(count))
            .ok_or_else(|| fault("max_connections is not a number from 1 to 1000".into()))?
            as usize,
    };
    Ok(Target { name: entry.srh_id, connection, max_connections })
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in SRH's README.
    const README: &str = r#"{
        "example_token": {
            "srh_id": "some_unique_identifier",
            "connection_string": "redis://localhost:6379",
            "max_connections": 3
        }
    }"#;

    #[test]
    fn srh_readme_file_is_read() {
        let tokens = Tokens::parse(README).unwrap();
        let tenant = tokens.tenant(b"example_token").unwrap();
        assert_eq!(tokens.targets()[tenant.target].name, "some_unique_identifier");
        assert_eq!(tokens.tenant(b"example_toke"), Err(Denied::Unknown));
    }

    #[test]
    fn tokens_share_a_target_only_if_id_and_address_are_the_same() {
        let entry = |id: &str, url: &str| {
            format!(r#"{{"srh_id":"{id}","connection_string":"{url}","more":1}}"#)
        };
        let text = format!(
            r#"{{"a":{},"b":{},"c":{}}}"#,
            entry("x", "redis://h:1"),
            entry("x", "redis://h:1"),
            entry("x", "redis://h:2")
        );
        let tokens = Tokens::parse(&text).unwrap();
        let target = |token: &[u8]| tokens.tenant(token).unwrap().target;
        assert_eq!(target(b"a"), target(b"b"));
        assert_ne!(target(b"a"), target(b"c"));
    }

    #[test]
    fn an_entry_may_be_for_reading_or_have_a_second_token_for_it() {
        let text = r#"{
            "a": {"srh_id": "x", "connection_string": "redis://h", "read_only": true},
            "b": {"srh_id": "y", "connection_string": "redis://i", "readonly_token": "c"}
        }"#;
        let tokens = Tokens::parse(text).unwrap();
        let tenant = |token: &[u8]| tokens.tenant(token).unwrap();
        assert_eq!(tenant(b"a").access, Access::ReadOnly);
        assert_eq!(tenant(b"b").access, Access::full("b"));
        assert_eq!(*tenant(b"c"), Tenant { access: Access::ReadOnly, ..tenant(b"b").into_owned() });
        let twice = text.replace(r#""c""#, r#""a""#);
        assert!(Tokens::parse(&twice).unwrap_err().contains("twice"));
    }

    #[test]
    fn a_token_that_a_bearer_of_full_access_has_signed_leads_where_his_does() {
        let text = r#"{
            "a": {"srh_id": "x", "connection_string": "redis://h"},
            "b-long-enough-to-sign": {
                "srh_id": "y", "connection_string": "redis://i",
                "readonly_token": "c-long-enough-to-sign"
            }
        }"#;
        let tokens = Tokens::parse(text).unwrap();
        let login = Login { user: "app".into(), password: Secret::new("s3cret") };
        let signed = |by: &str| Key::new(by).sign(&login).unwrap();
        let tenant = tokens.tenant(signed("b-long-enough-to-sign").as_bytes()).unwrap();
        assert_eq!(tenant.target, tokens.tenant(b"b-long-enough-to-sign").unwrap().target);
        assert_eq!(tenant.access, Access::User(Arc::new(login.clone())));
        for stranger in ["c-long-enough-to-sign", "d-long-enough-to-sign"] {
            assert_eq!(tokens.tenant(signed(stranger).as_bytes()), Err(Denied::Unknown));
        }
    }

    #[test]
    fn faults_name_the_entry_and_not_the_token() {
        for (text, part) in [
            ("{}", "holds no token"),
            ("[1]", "is not SRH's tokens.json"),
            (r#"{"s3cret":{"srh_id":"x"}}"#, "is not SRH's tokens.json"),
            (r#"{"s3cret":{"srh_id":"x","connection_string":"h:1"}}"#, "srh_id \"x\""),
            (
                r#"{"s3cret":{"srh_id":"x","connection_string":"redis://h","max_connections":0}}"#,
                "max_connections",
            ),
        ] {
            let error = Tokens::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn without_a_token_nobody_gets_in() {
        let target = Target {
            name: "bundled".into(),
            connection: ConnectionString::parse("redis://localhost").unwrap(),
            max_connections: 3,
        };
        let tokens = Tokens::single(None, target);
        assert_eq!(tokens.tenant(b""), Err(Denied::NoneConfigured));
    }
}
