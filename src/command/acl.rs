//! The users of the bundled Redis: which of them are pkv's own, and what no other may do.

/// The names of the users that nobody but pkv itself is begin so.
pub const OWN_PREFIX: &str = "pkv-";

/// Who callers are to the bundled Redis; they are told that they are `default`.
pub const CALLERS: &str = "pkv-callers";

/// The user of clients on the loopback port.
pub const DEFAULT: &str = "default";

/// The user of the read-only token, as Upstash names it for its TCP clients.
pub const READONLY: &str = "default_ro";

/// What nobody may do whom a caller makes, as rules that come after all others. Without them a user
/// could be given more than whoever makes him has: control over the server, also from inside a script.
pub const LIMITS: [&str; 9] = [
    // A forged value, given to RESTORE, could crash the server.
    "sanitize-payload",
    "-@admin",
    "-migrate",
    "-swapdb",
    "-restore-asking",
    "-move",
    "-memory|doctor",
    "-memory|purge",
    "-script|debug",
];

/// Whether pkv makes this user itself, at each start anew.
pub fn is_own(name: &[u8]) -> bool {
    name.starts_with(OWN_PREFIX.as_bytes())
        || [DEFAULT, READONLY].iter().any(|own| own.as_bytes() == name)
}
