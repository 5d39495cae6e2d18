//! What MONITOR says, as it may be shown: without clients' addresses, without secrets, and without
//! what pkv itself asks of the bundled Redis.
//!
//! A line is `+1721284005.242090 [0 127.0.0.1:51234] "SET" "k" "v"`: when, in which database, from
//! where (`unix:` and a path, or `lua` for a script's calls), and the words, each in quotes and with
//! everything escaped that is not printable ASCII.
//!
//! Redis itself shows no administrator's commands (ACL, CONFIG SET …) and hides passwords in AUTH,
//! HELLO and MIGRATE. That is not relied on here, because a Redis elsewhere may be of any kind.

/// Where everything comes from, as Upstash shows it.
const NOWHERE: &str = "0.0.0.0:0";

/// In the place of a secret, as Redis writes it.
const HIDDEN: &str = "\"(redacted)\"";

/// How pkv greets, and nothing that a caller may send (see `command::policy`).
///
/// What callers may send too is shown, since it cannot be told apart: `INFO server`, `COMMAND INFO`
/// and empty transactions, by which a pool learns about its server, and the PING behind `/ready`.
/// The supervisor asks only before Redis is ready, when nobody monitors yet. A Redis elsewhere shows
/// pkv's greetings among those of its other clients.
const GREETINGS: [&str; 4] = ["AUTH", "CLIENT", "HELLO", "SELECT"];

/// Appends the line with its end as it may be shown, or nothing. With `own_socket`, every client on
/// a Unix socket is pkv.
pub fn show(line: &str, own_socket: bool, shown: &mut String) {
    // What has another form is left out: nobody knows what it would show.
    let Some((time, database, client, words)) = parse(line) else { return };
    let name = words.get(1..).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    if own_socket && client.starts_with("unix:") && GREETINGS.iter().any(is) {
        return;
    }
    let address = if client == "lua" { client } else { NOWHERE };
    for part in [time, " [", database, " ", address, "] "] {
        shown.push_str(part);
    }
    if ["ACL", "AUTH", "CONFIG", "HELLO", "MIGRATE"].iter().any(is) {
        redact(words, shown);
    } else {
        shown.push_str(words);
    }
    shown.push('\n');
}

/// When, the database, the client, the words.
fn parse(line: &str) -> Option<(&str, &str, &str, &str)> {
    let (time, rest) = line.strip_prefix('+')?.split_once(" [")?;
    let (database, rest) = rest.split_once(' ')?;
    // An IPv6 address has brackets of its own, and a path may hold anything.
    let (client, _) = rest.split_once("] \"")?;
    let words = &rest[client.len() + 2..];
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_number(time) && is_number(database)).then_some((time, database, client, words))
}

/// Appends the words, those behind which a secret may stand replaced.
fn redact(words: &str, shown: &mut String) {
    let words = split(words);
    let open = words.len().min(how_many_are_open(&words));
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            shown.push(' ');
        }
        shown.push_str(if index < open { word } else { HIDDEN });
    }
}

/// How many of the words, name included, hold no secret.
fn how_many_are_open(words: &[&str]) -> usize {
    let is = |word: &str, known: &str| word.trim_matches('"').eq_ignore_ascii_case(known);
    match words {
        [name, ..] if is(name, "AUTH") => 1,
        // ACL SETUSER user >password …, ACL RESTTOKEN user password
        [name, ..] if is(name, "ACL") => 3,
        [name, set, ..] if is(name, "CONFIG") && is(set, "SET") => 2,
        [name, ..] if is(name, "CONFIG") => words.len(),
        // HELLO 2 AUTH user password, MIGRATE … AUTH password, MIGRATE … AUTH2 user password
        _ => match words.iter().position(|word| is(word, "AUTH") || is(word, "AUTH2")) {
            Some(at) => at + 1,
            None => words.len(),
        },
    }
}

/// The words, in their quotes. The last one of a line that was cut has no closing quote.
fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut in_quotes, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_quotes = !in_quotes,
            b' ' if !in_quotes => {
                words.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&text[start..]);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(client: &str, words: &str, own_socket: bool) -> String {
        let mut out = String::new();
        show(&format!("+1721284005.242090 [3 {client}] {words}"), own_socket, &mut out);
        out
    }

    #[test]
    fn addresses_are_rewritten_and_everything_else_stays() {
        for words in [r#""GET" "k""#, r#""SET" "a] \"b" "\xf0\\""#, r#""ECHO" """#] {
            for client in
                ["127.0.0.1:51234", "[::1]:51234", "unix:/tmp/pkv 1/redis.sock", "unix:", "?:0"]
            {
                let want = format!("1721284005.242090 [3 0.0.0.0:0] {words}\n");
                assert_eq!(shown(client, words, false), want, "{client}");
                assert_eq!(shown(client, words, true), want, "{client}");
            }
            let want = format!("1721284005.242090 [3 lua] {words}\n");
            assert_eq!(shown("lua", words, true), want);
        }
    }

    #[test]
    fn what_has_another_form_is_not_shown() {
        for line in ["", "+", "+OK", "-ERR", "+1.5 [0 1.2.3.4:5]", "+1.5 [x 1.2.3.4:5] \"A\""] {
            let mut out = String::new();
            show(line, false, &mut out);
            assert_eq!(out, "", "{line}");
        }
    }

    #[test]
    fn secrets_are_hidden_whatever_redis_does() {
        for (words, want) in [
            (r#""AUTH" "pw""#, r#""AUTH" #"#),
            (r#""auth" "u" "p\" w""#, r#""auth" # #"#),
            (r#""HELLO" "3""#, r#""HELLO" "3""#),
            (r#""HELLO" "3" "auth" "u" "pw" "SETNAME" "n""#, r#""HELLO" "3" "auth" # # # #"#),
            (r#""ACL" "WHOAMI""#, r#""ACL" "WHOAMI""#),
            (r#""Acl" "SETUSER" "u" "on" ">p w" "~*""#, r#""Acl" "SETUSER" "u" # # #"#),
            (r#""ACL" "RESTTOKEN" "u" "pw""#, r#""ACL" "RESTTOKEN" "u" #"#),
            (r#""ACL" "GENTOKEN" "u" "pw""#, r#""ACL" "GENTOKEN" "u" #"#),
            (r#""CONFIG" "GET" "maxmemory""#, r#""CONFIG" "GET" "maxmemory""#),
            (r#""CONFIG" "set" "requirepass" "pw""#, r#""CONFIG" "set" # #"#),
            (r#""CONFIG" "SET" "hz" "10" "masterauth" "pw""#, r#""CONFIG" "SET" # # # #"#),
            (r#""MIGRATE" "h" "1" "k" "0" "9""#, r#""MIGRATE" "h" "1" "k" "0" "9""#),
            (
                r#""MIGRATE" "h" "1" "k" "0" "9" "COPY" "AUTH2" "u" "pw""#,
                r#""MIGRATE" "h" "1" "k" "0" "9" "COPY" "AUTH2" # #"#,
            ),
            (r#""AUTH" "a word that was cut... (9 more bytes)"#, r#""AUTH" #"#),
            (r#""SET" "AUTH" "pw""#, r#""SET" "AUTH" "pw""#),
        ] {
            let want = want.replace('#', HIDDEN);
            assert_eq!(
                shown("127.0.0.1:1", words, false),
                format!("1721284005.242090 [3 0.0.0.0:0] {want}\n")
            );
        }
    }

    #[test]
    fn pkvs_greetings_are_left_out_where_they_are_certainly_its_own() {
        for words in
            [r#""CLIENT" "SETINFO" "LIB-NAME" "redis-rs""#, r#""auth" "x""#, r#""SELECT" "3""#]
        {
            assert_eq!(shown("unix:/run/redis.sock", words, true), "");
            assert_ne!(shown("unix:/run/redis.sock", words, false), "");
            assert_ne!(shown("127.0.0.1:51234", words, true), "");
        }
        assert_ne!(shown("unix:/run/redis.sock", r#""GET" "SELECT""#, true), "");
    }

    /// As Redis quotes an argument (`sdscatrepr`).
    fn quoted(bytes: &[u8]) -> String {
        let quoted: String = bytes
            .iter()
            .map(|byte| match byte {
                b'"' | b'\\' => format!("\\{}", *byte as char),
                b' '..=b'~' => (*byte as char).to_string(),
                _ => format!("\\x{byte:02x}"),
            })
            .collect();
        format!("\"{quoted}\"")
    }

    proptest! {
        #[test]
        fn words_are_found_whatever_they_hold(
            words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 1..9),
        ) {
            let quoted: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            let text = quoted.join(" ");
            prop_assert_eq!(split(&text), quoted);
        }

        #[test]
        fn no_password_is_ever_shown(noise in "[ -~]{0,9}", user in "[a-z\" ]{1,9}") {
            let secret = "S3CRET";
            for command in [
                vec!["AUTH", secret],
                vec!["AUTH", &user, secret],
                vec!["HELLO", "2", "AUTH", &user, secret],
                vec!["ACL", "SETUSER", &user, &noise, ">S3CRET"],
                vec!["ACL", "RESTTOKEN", &user, secret],
                vec!["CONFIG", "SET", &noise, "1", "requirepass", secret],
                vec!["MIGRATE", &noise, "1", &noise, "0", "9", "AUTH", secret, "KEYS", &noise],
            ] {
                let words: Vec<_> = command.iter().map(|word| quoted(word.as_bytes())).collect();
                let out = shown("127.0.0.1:1", &words.join(" "), false);
                prop_assert!(!out.contains(secret), "{}", out);
            }
        }
    }
}
