//! Which release brought which command, as far as it is newer than Redis 6.2.
//!
//! From the `since` of the servers' own command tables
//! (<https://github.com/redis/redis/tree/unstable/src/commands>,
//! <https://github.com/valkey-io/valkey/tree/unstable/src/commands>) and from the pages of
//! <https://redis.io/docs/latest/commands/>. Left out: what pkv never sends, and sub-commands.
//! Valkey began as Redis 7.2, under that number.

use super::{Release, Since};

/// The commands by the releases that brought them.
pub const NEWER: &[(Since, &[&str])] = &[
    (
        both((7, 0), (7, 2)),
        &[
            "EVALSHA_RO",
            "EVAL_RO",
            "EXPIRETIME",
            "FCALL",
            "FCALL_RO",
            "FUNCTION",
            "LCS",
            "LMPOP",
            "PEXPIRETIME",
            "SINTERCARD",
            "SORT_RO",
            "SPUBLISH",
            "ZINTERCARD",
            "ZMPOP",
        ],
    ),
    (both((7, 2), (7, 2)), &["WAITAOF"]),
    (
        both((7, 4), (9, 0)),
        &[
            "HEXPIRE",
            "HEXPIREAT",
            "HEXPIRETIME",
            "HPERSIST",
            "HPEXPIRE",
            "HPEXPIREAT",
            "HPEXPIRETIME",
            "HPTTL",
            "HTTL",
        ],
    ),
    (both((8, 0), (9, 0)), &["HGETEX", "HSETEX"]),
    (both((8, 0), (9, 1)), &["HGETDEL"]),
    (
        redis((8, 0)),
        &[
            "VADD",
            "VCARD",
            "VDIM",
            "VEMB",
            "VGETATTR",
            "VINFO",
            "VISMEMBER",
            "VLINKS",
            "VRANDMEMBER",
            "VREM",
            "VSETATTR",
            "VSIM",
        ],
    ),
    (redis((8, 2)), &["XACKDEL", "XDELEX"]),
    (redis((8, 4)), &["DELEX", "DIGEST", "VRANGE"]),
    (both((8, 4), (9, 1)), &["MSETEX"]),
    (redis((8, 6)), &["HOTKEYS", "XCFGSET"]),
    (
        redis((8, 8)),
        &[
            "ARCOUNT",
            "ARDEL",
            "ARDELRANGE",
            "ARGET",
            "ARGETRANGE",
            "ARGREP",
            "ARINFO",
            "ARINSERT",
            "ARLASTITEMS",
            "ARLEN",
            "ARMGET",
            "ARMSET",
            "ARNEXT",
            "AROP",
            "ARRING",
            "ARSCAN",
            "ARSEEK",
            "ARSET",
            "INCREX",
            "XNACK",
        ],
    ),
    (redis((8, 10)), &["LMOVEM", "SDIFFCARD", "SUNIONCARD"]),
    (valkey((8, 1)), &["COMMANDLOG"]),
    (valkey((9, 0)), &["DELIFEQ"]),
    (valkey((9, 1)), &["CLUSTERSCAN"]),
];

/// The first letters of a module's commands, and what the module is called. Redis's own builds have
/// had them since 8.0; Debian's have not.
const MODULES: &[(&str, &str)] = &[
    ("BF.", "Bloom"),
    ("CF.", "Bloom"),
    ("CMS.", "Bloom"),
    ("FT.", "search"),
    ("JSON.", "JSON"),
    ("TDIGEST.", "Bloom"),
    ("TOPK.", "Bloom"),
    ("TS.", "time series"),
];

/// The first releases with the command of this name (in upper case), if it is one of the newer ones.
pub fn since(name: &str) -> Option<Since> {
    NEWER.iter().find(|(_, names)| names.contains(&name)).map(|(since, _)| *since)
}

/// How the names of a module's commands begin, and the module that they come with.
pub fn module(name: &str) -> Option<(&'static str, &'static str)> {
    MODULES.iter().copied().find(|(prefix, _)| name.starts_with(prefix))
}

const fn both(redis: Release, valkey: Release) -> Since {
    Since { redis: Some(redis), valkey: Some(valkey) }
}

const fn redis(release: Release) -> Since {
    Since { redis: Some(release), valkey: None }
}

const fn valkey(release: Release) -> Since {
    Since { redis: None, valkey: Some(release) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_name_is_listed_once_and_in_upper_case() {
        let names: Vec<_> = NEWER.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        for name in names {
            assert_eq!(name, name.to_ascii_uppercase());
            assert_eq!(module(name), None, "{name}");
        }
    }

    #[test]
    fn names_are_found_whole_and_modules_by_their_prefix() {
        assert_eq!(since("HGETEX"), Some(both((8, 0), (9, 0))));
        assert_eq!(since("HGETE"), None);
        assert_eq!(since("GET"), None);
        assert_eq!(module("JSON.GET"), Some(("JSON.", "JSON")));
        for name in ["JSON", "SEARCH.QUERY", "VECTOR.UPSERT", "XTS.ADD"] {
            assert_eq!(module(name), None, "{name}");
        }
    }
}
