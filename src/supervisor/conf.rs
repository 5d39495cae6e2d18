//! The configuration that Redis is started with: `etc/redis.conf` and the lines that depend on the
//! environment.

use std::fmt::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Settings;
use crate::config::Durability;
use crate::secret::Secret;

/// The static part, in the binary so that the binary alone is enough.
const STATIC: &str = include_str!("../../etc/redis.conf");

/// The user that the supervisor itself connects as.
pub const SUPERVISOR_USER: &str = "pkv-supervisor";

/// What every caller may do: everything but controlling the server. Enforced by Redis itself, so
/// that a Lua script cannot reach what the policy table refuses. (MONITOR is for `/monitor`; no
/// script may call it.)
const CALLER_RULES: &str = "~* &* +@all -@admin -@dangerous \
    +keys +info +sort +sort_ro +flushdb +flushall +restore +monitor \
    -move -memory|doctor -memory|purge -script|debug";

/// The user of the read-only token, as Upstash names it for its TCP clients.
pub const READONLY_USER: &str = "default_ro";

/// What it may do: reading, except what goes over all keys (Upstash docs, "Read-only token"), and
/// what needs no data.
const READONLY_RULES: &str =
    "~* resetchannels -@all +@read -@dangerous -keys -scan +ping +echo +time +multi +exec";

/// The whole file. `socket` is where Redis listens; passwords appear as hashes only.
pub fn render(settings: &Settings, socket: &Path, supervisor_password: &Secret) -> String {
    let mut conf = String::from(STATIC);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(conf, "{name} {value}");
    };
    line("dir", &quoted(settings.data_dir.as_os_str().as_encoded_bytes()));
    line("unixsocket", &quoted(socket.as_os_str().as_encoded_bytes()));
    line(
        "appendfsync",
        match settings.durability {
            Durability::Always => "always",
            // See `sync`: the supervisor syncs, so that Redis never holds acknowledged writes back.
            Durability::EverySecond | Durability::None => "no",
        },
    );
    if let Some(bytes) = settings.maxmemory {
        line("maxmemory", &bytes.to_string());
    }
    if let Some(address) = settings.address {
        line("port", &address.port().to_string());
        line("bind", &address.ip().to_string());
    }
    // Redis has 16 by default.
    line("databases", &(settings.database + 1).max(16).to_string());
    let password = match &settings.password {
        Some(password) => hashed(password),
        None => "nopass".to_owned(),
    };
    line("user", &format!("default on {password} {CALLER_RULES}"));
    if let Some(token) = &settings.readonly_token {
        line("user", &format!("{READONLY_USER} on {} {READONLY_RULES}", hashed(token)));
    }
    let password = hashed(supervisor_password);
    line("user", &format!("{SUPERVISOR_USER} on {password} ~* &* +@all"));
    conf
}

/// Redis's `#hash` form of a password.
fn hashed(password: &Secret) -> String {
    Sha256::digest(password.reveal().as_bytes()).iter().fold("#".to_owned(), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}

/// A value in redis.conf's quotes, so that any path can stand there.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b' '..=b'~' if !matches!(byte, b'"' | b'\\') => text.push(*byte as char),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_can_be_quoted() {
        assert_eq!(quoted(b"/data"), "\"/data\"");
        assert_eq!(quoted("/a b\"\\é".as_bytes()), r#""/a b\x22\x5c\xc3\xa9""#);
    }

    #[test]
    fn passwords_are_hashes() {
        // printf secret | sha256sum
        let hash = "#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        assert_eq!(hashed(&Secret::new("secret")), hash);
    }
}
