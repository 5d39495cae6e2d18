//! The configuration that Redis is started with: `etc/redis.conf` and the lines that depend on the
//! environment.

use std::fmt::Write;
use std::path::Path;

use super::headroom::NOBODY_MAY_WRITE;
use super::{Settings, users};
use crate::command::policy::NOTIFICATIONS;
use crate::config::{Durability, Storage};

/// The static part, in the binary so that the binary alone is enough.
const STATIC: &str = include_str!("../../etc/redis.conf");

/// The file's name, in the data directory: Redis writes there what callers change (CONFIG REWRITE).
pub const FILE: &str = "redis.conf";

/// The whole file. `socket` is where Redis listens; `before` is the file of the start before, of which
/// callers' settings are kept.
pub fn render(settings: &Settings, socket: &Path, before: &str) -> String {
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
    if settings.storage == Storage::Memory {
        // The last line of a name counts.
        line("appendonly", "no");
    } else {
        // Until the supervisor has seen that there is room.
        line("min-replicas-to-write", NOBODY_MAY_WRITE);
    }
    if let Some(bytes) = settings.maxmemory {
        line("maxmemory", &bytes.to_string());
    }
    if let Some(module) = &settings.json_module {
        line("loadmodule", &quoted(module.as_os_str().as_encoded_bytes()));
    }
    if let Some(address) = settings.address {
        line("port", &address.port().to_string());
        line("bind", &address.ip().to_string());
    }
    // Redis has 16 by default.
    line("databases", &(settings.database + 1).max(16).to_string());
    let users = settings.data_dir.join(users::FILE);
    line("aclfile", &quoted(users.as_os_str().as_encoded_bytes()));
    conf + &callers(before)
}

/// The lines that callers have changed.
pub fn callers(conf: &str) -> String {
    notifications(conf).map_or(String::new(), |kept| format!("{NOTIFICATIONS} {kept}\n"))
}

/// The value that Redis wrote, in its quotes.
fn notifications(before: &str) -> Option<&str> {
    before.lines().rev().find_map(|line| line.strip_prefix(NOTIFICATIONS)?.strip_prefix(' '))
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
    fn what_callers_have_set_is_kept() {
        let before = "port 0\nnotify-keyspace-events \"AKE\"\nmaxmemory 5\n";
        assert_eq!(notifications(before), Some("\"AKE\""));
        assert_eq!(notifications("# notify-keyspace-events\n"), None);
    }
}
