//! Which commands may share a connection: one table, exact match on the upper-cased name and, where
//! it matters, the sub-command.
//!
//! On a shared connection a command that changes the connection's state (SELECT, MULTI, CLIENT
//! REPLY …) would change it for every other caller, and one that answers with more or fewer replies
//! than one (SUBSCRIBE, MONITOR …) would hand later replies to the wrong callers.

use bytes::Bytes;

use super::{Command, Name, acl, is_word};

/// The one parameter that callers may set, as at Upstash (docs, "CONFIG SET").
pub const NOTIFICATIONS: &str = "notify-keyspace-events";

/// What to do with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// Send it on a connection that others share.
    Share,
    /// Send it on a connection of its own.
    Lease,
    /// Do not send it; the text is the answer's `error`.
    Refuse(String),
}

/// The rows of the table.
enum Row {
    /// Changes the state of the connection, or has a path of its own.
    Connection,
    /// Controls the server; Upstash does not have it.
    Server,
    /// As `Server`, unless the sub-command is one of these.
    ServerBut(&'static [&'static str]),
    /// As `Server`, if the sub-command is one of these.
    ServerIf(&'static [&'static str]),
    /// As `Connection`, if the sub-command is one of these.
    ConnectionIf(&'static [&'static str]),
    /// Refused if it changes a user that pkv needs.
    Users,
    /// As `Server`, but for reading and for keyspace notifications.
    Configuration,
    /// Waits for others: a shared connection would wait with it.
    Blocking,
    /// Blocks if its options say so.
    BlockingOption,
    /// May be answered twice.
    ConditionalSet,
    /// Speaks of the connection's own writes.
    OwnConnection,
    /// Everything else, unknown names too: the server's own error becomes Upstash's text.
    Shared,
}

/// Looks the command up. `own_user` is who pkv is to the Redis that it would be sent to.
pub fn of(command: &Command, own_user: &str) -> Policy {
    // No command is called so, but Redis would run one: it takes a name for that of the connection's
    // last command if they are the same up to a NUL (`GET\0` after GET), and a sub-command's name is
    // written `client|setinfo`, which is how this connection began.
    if command.name().iter().any(|byte| matches!(byte, 0 | b'|')) {
        return Policy::Refuse(not_available(&command.display_name()));
    }
    let name = Name::of(command.name());
    if name.is_container() && hides_subcommand(command) {
        return Policy::Refuse(not_available(&command.display_name()));
    }
    let is_one_of = |list: &[&str]| {
        let is_it = |word: &Bytes| list.iter().any(|one| word.eq_ignore_ascii_case(one.as_bytes()));
        command.arguments().first().is_some_and(is_it)
    };
    match row(&name) {
        Row::Shared => Policy::Share,
        Row::OwnConnection => Policy::Lease,
        Row::ConnectionIf(refused) if !is_one_of(refused) => Policy::Share,
        Row::Connection | Row::ConnectionIf(_) => Policy::Refuse(format!(
            "ERR Command \"{}\" is not allowed in REST or it has a special context path",
            command.display_name()
        )),
        Row::Blocking => blocking(command),
        Row::BlockingOption if has_block_option(command) => blocking(command),
        Row::BlockingOption => Policy::Share,
        Row::ConditionalSet if is_answered_twice(command) => {
            Policy::Refuse("ERR must be exactly 16 hexadecimal characters".into())
        }
        Row::ConditionalSet => Policy::Share,
        Row::ServerBut(allowed) if is_one_of(allowed) => Policy::Share,
        Row::ServerIf(refused) if !is_one_of(refused) => Policy::Share,
        Row::Users => change_of_users(command, own_user),
        Row::Configuration if is_one_of(&["SET"]) => set_configuration(command),
        Row::Configuration if !is_one_of(&["REWRITE", "RESETSTAT"]) => Policy::Share,
        Row::Server | Row::ServerBut(_) | Row::ServerIf(_) | Row::Configuration => {
            Policy::Refuse(not_available(&command.display_name()))
        }
    }
}

/// Upstash's answer to a command that it does not have; `name` in upper case.
pub fn not_available(name: &str) -> String {
    format!(
        "ERR Command is not available: '{name}'. See \
         https://upstash.com/docs/redis/overall/rediscompatibility for details"
    )
}

fn row(name: &[u8]) -> Row {
    match name {
        b"AUTH" | b"HELLO" | b"RESET" | b"QUIT" | b"SELECT" | b"CLIENT" | b"MULTI" | b"EXEC"
        | b"DISCARD" | b"WATCH" | b"UNWATCH" | b"SUBSCRIBE" | b"PSUBSCRIBE" | b"SSUBSCRIBE"
        | b"UNSUBSCRIBE" | b"PUNSUBSCRIBE" | b"SUNSUBSCRIBE" | b"MONITOR" | b"READONLY"
        | b"READWRITE" | b"ASKING" => Row::Connection,

        // What it prepares is the connection's own (Redis 8.10).
        b"HIMPORT" => Row::Connection,

        // The debugger would take the connection over, and answer everybody else on it.
        b"SCRIPT" => Row::ConnectionIf(&["DEBUG"]),

        b"SYNC" | b"PSYNC" | b"REPLCONF" | b"SHUTDOWN" | b"DEBUG" | b"MODULE" | b"REPLICAOF"
        | b"SLAVEOF" | b"FAILOVER" | b"MIGRATE" | b"SWAPDB" | b"MOVE" | b"BACKUP" | b"SAVE"
        | b"BGSAVE" | b"BGREWRITEAOF" | b"PFDEBUG" | b"PFSELFTEST" | b"RESTORE-ASKING" => {
            Row::Server
        }
        b"CLUSTER" => Row::ServerBut(&[
            "COUNT-FAILURE-REPORTS",
            "COUNTKEYSINSLOT",
            "GETKEYSINSLOT",
            "HELP",
            "INFO",
            "KEYSLOT",
            "LINKS",
            "MYID",
            "MYSHARDID",
            "NODES",
            "REPLICAS",
            "SHARDS",
            "SLAVES",
            "SLOTS",
        ]),
        b"ACL" => Row::Users,
        b"CONFIG" => Row::Configuration,
        b"LATENCY" => Row::ServerIf(&["RESET"]),
        b"MEMORY" => Row::ServerIf(&["DOCTOR", "PURGE"]),

        b"BLPOP" | b"BRPOP" | b"BLMOVE" | b"BLMOVEM" | b"BRPOPLPUSH" | b"BLMPOP" | b"BZPOPMIN"
        | b"BZPOPMAX" | b"BZMPOP" => Row::Blocking,
        b"XREAD" | b"XREADGROUP" => Row::BlockingOption,

        b"SET" => Row::ConditionalSet,

        b"WAIT" | b"WAITAOF" => Row::OwnConnection,
        _ => Row::Shared,
    }
}

/// `ACL SETUSER name rule…` and `ACL DELUSER name…` of others than the one that pkv is, and the default
/// one, which Upstash keeps as well (docs, "ACL SETUSER"); on the bundled Redis, than all of pkv's own.
fn change_of_users(command: &Command, own_user: &str) -> Policy {
    let names = match command.arguments() {
        [word, name, ..] if word.eq_ignore_ascii_case(b"SETUSER") => std::slice::from_ref(name),
        [word, names @ ..] if word.eq_ignore_ascii_case(b"DELUSER") => names,
        _ => return Policy::Share,
    };
    let is_bundled = own_user.starts_with(acl::OWN_PREFIX);
    let is_kept = |name: &[u8]| {
        name == own_user.as_bytes()
            || name == acl::DEFAULT.as_bytes()
            || (is_bundled && acl::is_own(name))
    };
    match names.iter().find(|name| is_kept(name)) {
        Some(name) => Policy::Refuse(format!(
            "ERR The user '{}' cannot be changed or deleted",
            String::from_utf8_lossy(name)
        )),
        None => Policy::Share,
    }
}

/// A sub-command with a NUL in it, which Redis takes for the one that ends there, if both happen to
/// lie in the same place of its table. No command is called so.
fn hides_subcommand(command: &Command) -> bool {
    command.arguments().first().is_some_and(|word| memchr::memchr(0, word).is_some())
}

/// `CONFIG SET name value…`; the text is Redis's own for a name that it does not know.
fn set_configuration(command: &Command) -> Policy {
    let mut names = command.arguments()[1..].iter().step_by(2);
    match names.find(|name| !name.eq_ignore_ascii_case(NOTIFICATIONS.as_bytes())) {
        Some(name) => Policy::Refuse(format!(
            "ERR Unknown option or number of arguments for CONFIG SET - '{}'",
            String::from_utf8_lossy(name)
        )),
        None => Policy::Share,
    }
}

fn blocking(command: &Command) -> Policy {
    Policy::Refuse(format!(
        "ERR Command \"{}\" would block: blocking commands are not supported over REST; poll, or \
         use the non-blocking form",
        command.display_name()
    ))
}

/// Walks the options as Redis does: BLOCK is one only before STREAMS, and a group or a consumer may
/// bear any name.
fn has_block_option(command: &Command) -> bool {
    let mut words = command.arguments().iter();
    while let Some(word) = words.next() {
        match word {
            word if is_word(word, b"BLOCK") => return true,
            word if is_word(word, b"STREAMS") => return false,
            word if is_word(word, b"GROUP") => drop((words.next(), words.next())),
            word if is_word(word, b"COUNT") => drop(words.next()),
            _ => {}
        }
    }
    false
}

/// `SET k v IFDEQ abc GET`: Redis 8.6.3 answers with the value, and then with an error, since the
/// digest has not 16 digits. It reads an option's name up to a NUL.
fn is_answered_twice(command: &Command) -> bool {
    let options = command.arguments().get(2..).unwrap_or_default();
    let is_malformed = |pair: &[Bytes]| {
        (is_word(&pair[0], b"IFDEQ") || is_word(&pair[0], b"IFDNE")) && pair[1].len() != 16
    };
    options.windows(2).any(is_malformed) && options.iter().any(|word| is_word(word, b"GET"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(line: &str) -> Policy {
        let words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes()));
        of(&Command::new(words.collect()).unwrap(), "default")
    }

    #[track_caller]
    fn refused(line: &str, part: &str) {
        match policy(line) {
            Policy::Refuse(text) => assert!(text.contains(part), "{line}: {text}"),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn connection_state_is_refused_in_any_case() {
        refused("subscribe c", "Command \"SUBSCRIBE\" is not allowed in REST");
        assert_eq!(policy("script exists x"), Policy::Share);
        for line in [
            "SCRIPT debug YES",
            "Select 1",
            "client setinfo lib-name x",
            "MULTI",
            "hello 3",
            "quit",
            "RESET",
        ] {
            refused(line, "is not allowed in REST");
        }
    }

    #[test]
    fn server_control_is_not_available() {
        for line in ["SHUTDOWN", "debug sleep 1", "CONFIG REWRITE", "cluster reset", "CLUSTER"] {
            refused(line, "Command is not available: '");
        }
        refused("CONFIG SET notify-keyspace-events K save x", "CONFIG SET - 'save'");
        assert_eq!(policy("config set Notify-Keyspace-Events KEA"), Policy::Share);
        assert_eq!(policy("CONFIG GET maxmemory"), Policy::Share);
        assert_eq!(policy("cluster info"), Policy::Share);
        assert_eq!(policy("memory usage k"), Policy::Share);
    }

    #[test]
    fn a_name_that_redis_could_take_for_its_last_command_is_refused() {
        refused("client|setinfo x lib-name y", "not available: 'CLIENT|SETINFO'");
        refused("SELECT\0 1", "not available: 'SELECT\0'");
        refused(&format!("get{}\0 k", "x".repeat(100)), "not available: 'GETXX");
        assert_eq!(policy("ECHO a|b\0"), Policy::Share);
        for line in ["CONFIG SET\0z save x", "acl setuser\0 bob", "SCRIPT DEBUG\0au SYNC"] {
            refused(line, "Command is not available: '");
        }
        refused("XREAD BLOCK\0 3000 STREAMS s $", "would block");
    }

    #[test]
    fn nobody_locks_pkv_out() {
        refused("acl setuser default off", "'default' cannot be changed");
        refused("ACL DELUSER bob default", "cannot be changed or deleted");
        assert_eq!(policy("ACL SETUSER bob default"), Policy::Share);
        assert_eq!(policy("ACL SETUSER default_ro off"), Policy::Share, "not the bundled Redis");
        let words = ["ACL", "SETUSER", "default_ro"].map(Bytes::from);
        let command = Command::new(words.to_vec()).unwrap();
        assert!(matches!(of(&command, acl::CALLERS), Policy::Refuse(_)));
        assert_eq!(policy("ACL SETUSER bob on"), Policy::Share);
        assert_eq!(policy("ACL GETUSER default"), Policy::Share);
        assert_eq!(policy("ACL"), Policy::Share);
    }

    #[test]
    fn blocking_forms_are_refused_and_their_siblings_are_not() {
        refused("blpop k 0", "\"BLPOP\" would block");
        refused("xread count 1 block 0 streams s $", "would block");
        refused("XREADGROUP GROUP g c BLOCK 5 STREAMS s >", "would block");
        assert_eq!(policy("xread count 1 streams block 0"), Policy::Share);
        assert_eq!(policy("XREADGROUP GROUP block streams STREAMS s >"), Policy::Share);
        refused("XREADGROUP GROUP streams streams NOACK BLOCK 5 STREAMS s >", "would block");
        assert_eq!(policy("LPOP k"), Policy::Share);
    }

    #[test]
    fn a_set_that_redis_would_answer_twice_is_refused() {
        for line in ["SET k v IFDEQ abc GET", "set k v get\0 ex 5 ifdne\0x abc"] {
            refused(line, "ERR must be exactly 16 hexadecimal characters");
        }
        for line in [
            "SET k v IFDEQ abc",
            "SET k v GET IFDEQ 0123456789abcdef",
            "SET k GET",
            "SET IFDEQ GET",
        ] {
            assert_eq!(policy(line), Policy::Share, "{line}");
        }
    }

    #[test]
    fn wait_has_a_connection_of_its_own_and_the_rest_shares() {
        assert_eq!(policy("wait 1 100"), Policy::Lease);
        assert_eq!(policy("get k"), Policy::Share);
        assert_eq!(policy("NOTACMD"), Policy::Share);
        assert_eq!(policy(&"x".repeat(1000)), Policy::Share);
    }
}
