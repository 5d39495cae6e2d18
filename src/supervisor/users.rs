//! The users that Redis is started with: pkv's own, made anew at each start, and those that callers
//! have made (Redis saves them there, ACL SAVE).

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::Settings;
use crate::command::acl;
use crate::secret::Secret;

/// The file's name, in the data directory.
pub const FILE: &str = "users.acl";

/// The user that the supervisor itself connects as.
pub const SUPERVISOR: &str = "pkv-supervisor";

/// The user that `pkv backup` connects as.
pub const BACKUP: &str = "pkv-backup";

/// What it may do: be a replica, and ask how far it is.
const BACKUP_RULES: &str = "resetchannels -@all +sync +replconf +info";

/// What every caller may do: everything but controlling the server. Enforced by Redis itself, so
/// that a Lua script cannot reach what the policy table refuses.
const CALLER_RULES: &str = "~* &* +@all -@admin -@dangerous \
    +keys +info +sort +sort_ro +flushdb +flushall +restore \
    -move -memory|doctor -memory|purge -script|debug";

/// What callers over REST may do beside that. No script may call any of it, and how callers may is
/// for `command::policy` and `dialect` to say.
const REST_RULES: &str = "+monitor +acl +config|get +config|set +config|rewrite";

/// What the read-only token's user may do: reading, except what goes over all keys (Upstash docs,
/// "Read-only token"), and what needs no data.
const READONLY_RULES: &str =
    "~* resetchannels -@all +@read -@dangerous -keys -scan +ping +echo +time +multi +exec +select";

/// Passwords of pkv's own users.
#[derive(Debug)]
pub struct Passwords {
    /// Of the supervisor.
    pub supervisor: Secret,
    /// Of callers over REST.
    pub callers: Secret,
    /// Of `pkv backup`.
    pub backup: Secret,
}

/// The whole file, passwords as hashes only. `before` is the file of the start before: whoever is in
/// it and is not pkv's own stays, within the limits that callers' users have.
pub fn render(settings: &Settings, passwords: &Passwords, before: &str) -> String {
    let mut file = String::new();
    let mut user = |name: &str, password: &str, rules: &str| {
        let _ = writeln!(file, "user {name} on {password} {rules}");
    };
    let default = settings.password.as_ref().map_or("nopass".to_owned(), hashed);
    user(acl::DEFAULT, &default, CALLER_RULES);
    user(acl::CALLERS, &hashed(&passwords.callers), &format!("{CALLER_RULES} {REST_RULES}"));
    if let Some(token) = &settings.readonly_token {
        user(acl::READONLY, &hashed(token), READONLY_RULES);
    }
    user(SUPERVISOR, &hashed(&passwords.supervisor), "~* &* +@all");
    user(BACKUP, &hashed(&passwords.backup), BACKUP_RULES);
    for line in callers(before).lines() {
        let _ = writeln!(file, "{}", limited(line));
    }
    file
}

/// A line with the limits at its end, once: Redis writes the file only when a user is changed, so that
/// those of the start before may stand there still.
fn limited(line: &str) -> String {
    // A file from elsewhere may hold selectors, which no rule behind them limits.
    let limits = format!(" clearselectors {}", acl::LIMITS.join(" "));
    let line = line.trim_end().trim_end_matches(&limits);
    format!("{line}{limits}")
}

/// The lines of the users that callers have made.
pub fn callers(file: &str) -> String {
    file.lines().filter(|line| is_callers(line)).map(|line| format!("{line}\n")).collect()
}

/// `user name …` of a user that is not pkv's own.
fn is_callers(line: &str) -> bool {
    let mut words = line.split(' ');
    words.next() == Some("user") && words.next().is_some_and(|name| !acl::is_own(name.as_bytes()))
}

/// Redis's `#hash` form of a password.
fn hashed(password: &Secret) -> String {
    let hash = Sha256::digest(password.reveal().as_bytes());
    format!("#{}", base16ct::lower::encode_string(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hashes() {
        // printf secret | sha256sum
        let hash = "#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        assert_eq!(hashed(&Secret::new("secret")), hash);
    }

    #[test]
    fn only_callers_users_are_kept() {
        assert!(is_callers("user app on #00 ~* +get"));
        for line in
            ["user default on", "user default_ro on", "user pkv-x on", "user", "", "# user a"]
        {
            assert!(!is_callers(line), "{line}");
        }
    }

    #[test]
    fn a_line_does_not_grow_from_start_to_start() {
        let once = limited("user app on #00 ~* +@all (+get ~x)");
        assert!(once.starts_with("user app on #00 ~* +@all (+get ~x) clearselectors "), "{once}");
        assert!(once.contains(" -@admin "), "{once}");
        assert_eq!(limited(&once), once);
    }

    #[test]
    fn own_users_are_known_as_such() {
        assert!(acl::is_own(SUPERVISOR.as_bytes()) && acl::is_own(acl::CALLERS.as_bytes()));
    }
}
