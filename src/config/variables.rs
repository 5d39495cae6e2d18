//! The variables that pkv reads: for `--help`, for the README and for "did you mean".

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What holds when it is unset or empty.
    pub default: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
}

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}

/// Every setting of pkv, in the order in which a reader wants to meet them.
pub const VARIABLES: &[Variable] = &[
    variable(
        "SRH_TOKEN",
        "generated",
        "the full-access token; generated only for the bundled Redis, kept in the data directory",
    ),
    variable(
        "SRH_READONLY_TOKEN",
        "none",
        "a token that may only read (KV_REST_API_READ_ONLY_TOKEN is another name for it)",
    ),
    variable("SRH_PORT", "7860", "HTTP port; 0 picks a free one and prints it"),
    variable("PORT", "7860", "HTTP port, if SRH_PORT is unset"),
    variable("PKV_BIND", "all addresses", "address to listen on"),
    variable(
        "SRH_MODE",
        "unset",
        "bundled: the bundled Redis; env: SRH_CONNECTION_STRING; file: tokens.json; unset: file if there is a tokens.json, else bundled",
    ),
    variable(
        "SRH_CONNECTION_STRING",
        "none",
        "with SRH_MODE=env: redis://, rediss:// or redis+unix:// URL of the Redis to serve",
    ),
    variable(
        "SRH_MAX_CONNECTIONS",
        "6; 3 with SRH_MODE=env",
        "connections of a pool; one more is for large batches, and as many for WAIT",
    ),
    variable(
        "PKV_TOKENS_FILE",
        "/app/srh-config/tokens.json, then srh-config/tokens.json",
        "with SRH_MODE=file: token -> {srh_id, connection_string, max_connections}",
    ),
    variable(
        "PKV_DATA_DIR",
        "/data if writable, else .pkv",
        "where the bundled Redis's data is kept",
    ),
    variable(
        "PKV_STORAGE",
        "auto",
        "how it is kept: append-only (a file that every write is appended to), snapshots (whole copies, for directories that hold no append-only file), memory (not at all); auto: what the directory can hold",
    ),
    variable(
        "PKV_SNAPSHOT_INTERVAL",
        "60s",
        "with snapshots: how often one is stored, if something has changed",
    ),
    variable(
        "PKV_LOCAL_DIR",
        "TMPDIR, else /tmp",
        "with snapshots: where, on a local disk, Redis's own files are",
    ),
    variable("PKV_REDIS_SERVER", "redis-server, then valkey-server", "the server program to run"),
    variable(
        "PKV_JSON_MODULE",
        "libpkv_json.so beside pkv or in ../lib/pkv",
        "the module that gives the bundled Redis its JSON.* commands; off: none",
    ),
    variable(
        "PKV_REDIS_PORT",
        "none",
        "also let the bundled Redis listen on 127.0.0.1 at this port, without a password",
    ),
    variable(
        "PKV_DURABILITY",
        "everysec",
        "when a write reaches the disk: always (before it is acknowledged), everysec (within a second or two), none (when the system likes)",
    ),
    variable("PKV_MAXMEMORY", "60 % of the memory", "most memory for data, such as 512mb"),
    variable("PKV_MAX_BODY", "10mb", "largest request body"),
    variable(
        "PKV_MAX_RESPONSE",
        "no limit",
        "largest answer to commands, at least 1kb; beyond it they have been executed, and the answer is an error",
    ),
    variable(
        "PKV_MAX_QUEUE",
        "10 % of the memory",
        "most memory for requests and answers under way, at least 1mb; of several Redises one has half of it; beyond it a request gets a 503",
    ),
    variable("PKV_TIMEOUT", "30s", "longest wait for Redis's answer"),
    variable(
        "PKV_CLIENT_TIMEOUT",
        "30s",
        "longest pause of a client that sends its request's body or takes its answer",
    ),
    variable(
        "PKV_IDLE_TIMEOUT",
        "75s",
        "longest wait for the next request on an open connection, its headers included",
    ),
    variable(
        "PKV_HANG_LIMIT",
        "60s",
        "a bundled Redis that has not answered anybody for so long is ended and started again",
    ),
    variable(
        "PKV_DIALECT",
        "upstash",
        "redis: send commands as they are, even where Upstash takes them differently",
    ),
    variable(
        "PKV_LOG",
        "info",
        "off, error, warn, info, debug or trace; JSON when stdout is no terminal",
    ),
    variable("SRH_IPV6", "ignored", "kept for compatibility: pkv listens on IPv4 and IPv6"),
];

/// Whether a name is in a namespace of ours, so that nobody else can have meant something by it.
pub fn is_ours(name: &str) -> bool {
    name.starts_with("SRH_") || name.starts_with("PKV_")
}

/// A warning for each `SRH_*` or `PKV_*` name that pkv does not read.
pub fn warnings_about_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names
        .filter(|name| is_ours(name) && VARIABLES.iter().all(|known| known.name != *name))
        .map(|name| match nearest(name) {
            Some(known) => format!("{name} is not a variable of pkv: did you mean {known}?"),
            None => format!("{name} is not a variable of pkv; pkv --help lists them"),
        })
        .collect()
}

/// The known name that is the same behind the prefix, or nearest by edits (at most 3).
fn nearest(name: &str) -> Option<&'static str> {
    let tail = |name: &'static str| name.split_once('_').map(|(_, tail)| tail);
    let same_tail = VARIABLES
        .iter()
        .map(|known| known.name)
        .find(|known| tail(known).is_some_and(|tail| name[4..] == *tail));
    same_tail.or_else(|| {
        VARIABLES
            .iter()
            .map(|known| (strsim::damerau_levenshtein(name, known.name), known.name))
            .min()
            .filter(|(distance, _)| *distance <= 3)
            .map(|(_, known)| known)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is read besides: not pkv's to explain, or another name for what is listed.
    const NOT_LISTED: [&str; 5] =
        ["KV_REST_API_READ_ONLY_TOKEN", "PATH", "SPACE_HOST", "SPACE_ID", "TMPDIR"];

    /// Listed so that nobody is warned; there is nothing to read in it.
    const NOT_READ: &str = "SRH_IPV6";

    #[test]
    fn the_variables_that_are_read_are_the_ones_that_are_listed() {
        let code = include_str!("../config.rs").split("#[cfg(test)]").next().unwrap();
        let code = format!("{code}{}", include_str!("programs.rs"));
        let is_name =
            |text: &str| text.len() > 3 && text.chars().all(|c| matches!(c, 'A'..='Z' | '_'));
        let read: BTreeSet<_> = code.split('"').filter(|text| is_name(text)).collect();
        let listed = VARIABLES.iter().map(|variable| variable.name);
        let known: BTreeSet<_> =
            listed.filter(|name| *name != NOT_READ).chain(NOT_LISTED).collect();
        assert_eq!(read, known);
    }

    #[test]
    fn the_readme_lists_the_same_variables_with_the_same_defaults() {
        let readme = include_str!("../../README.md");
        let settings = readme.split("\n## ").find(|section| section.starts_with("Settings\n"));
        let rows = settings.unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
        let told: Vec<_> = rows
            .map(|row| row.split_once("` | ").unwrap())
            .map(|(name, rest)| (name, rest.split(" | ").next().unwrap().replace('`', "")))
            .collect();
        let listed: Vec<_> =
            VARIABLES.iter().map(|one| (one.name, one.default.to_owned())).collect();
        assert_eq!(told, listed);
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_right_one() {
        let names = ["SRH_TOKNE", "PKV_PORT", "SRH_DATA_DIR", "PKV_NONSENSE", "PKV_LOG", "HOME"];
        let warnings = warnings_about_names(names.into_iter());
        assert_eq!(warnings.len(), 4);
        assert!(warnings[0].contains("did you mean SRH_TOKEN?"));
        assert!(warnings[1].contains("did you mean SRH_PORT?"));
        assert!(warnings[2].contains("did you mean PKV_DATA_DIR?"));
        assert!(warnings[3].contains("--help"));
    }
}
