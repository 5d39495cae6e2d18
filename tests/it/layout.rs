//! The arrows of the design: who may import whom. The table is the design; the sources are read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Room → the rooms that it may import. `lib` and `main` may import everything.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "api",
        &[
            "command", "config", "dialect", "engine", "reply", "state", "stop", "tokens",
            "upstream", "workers",
        ],
    ),
    ("backup", &["config", "data_dir", "private_dir", "state", "stop", "supervisor", "upstream"]),
    ("arguments", &[]),
    ("banner", &["config", "credentials", "secret"]),
    ("command", &[]),
    ("config", &["secret"]),
    ("credentials", &["secret"]),
    ("data_dir", &["config", "private_dir", "secret"]),
    ("dialect", &["command", "engine", "reply", "rest_token", "secret"]),
    ("engine", &[]),
    ("exec", &["config", "credentials", "secret"]),
    ("healthcheck", &["config"]),
    ("limits", &[]),
    ("logging", &[]),
    ("memory", &[]),
    ("private_dir", &[]),
    ("reply", &[]),
    ("rest_token", &["secret"]),
    ("secret", &[]),
    ("signals", &["stop"]),
    ("state", &["config"]),
    ("stop", &[]),
    (
        "supervisor",
        &[
            "command",
            "config",
            "data_dir",
            "limits",
            "private_dir",
            "secret",
            "state",
            "stop",
            "upstream",
        ],
    ),
    ("tokens", &["config", "rest_token", "secret"]),
    (
        "upstream",
        &["command", "config", "engine", "reply", "rest_token", "state", "tokens", "workers"],
    ),
    ("workers", &[]),
];

/// What only some rooms may touch: a text that betrays it, and the files that may contain it.
const RESERVED: &[(&str, &[&str])] = &[
    ("std::env::", &["config.rs", "config/", "main.rs"]),
    ("StatusCode", &["api/error.rs"]),
    ("wire::connect", &["upstream/link.rs", "upstream/monitor/connection.rs", "upstream/push.rs"]),
    ("Link::open", &["upstream/pool.rs", "supervisor/readiness.rs"]),
    ("unsafe {", &["memory.rs", "supervisor/child.rs"]),
];

/// `(path below src, text)` of every source file, tests at the end of a file left out.
fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.push((name, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort();
    found
}

fn room(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap()
}

/// Rooms that appear as `crate::room` in code (not in comments).
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn arrows_point_one_way() {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources() {
        let room = room(&path).to_owned();
        if room == "lib" || room == "main" {
            continue;
        }
        let mut others = imports(&text);
        others.remove(&room);
        seen.entry(room).or_default().append(&mut others);
    }
    for (room, imports) in &seen {
        let may =
            allowed.get(room.as_str()).unwrap_or_else(|| panic!("{room} is not in the table"));
        println!("{room:<11} → {}", imports.iter().cloned().collect::<Vec<_>>().join(", "));
        for import in imports {
            assert!(may.contains(&import.as_str()), "{room} must not import {import}");
        }
    }
    // No way leads back: following the arrows from a room never arrives at it again.
    for (start, _) in ARROWS {
        let mut reached = BTreeSet::new();
        let mut next = allowed[start].to_vec();
        while let Some(room) = next.pop() {
            assert_ne!(room, *start, "a circle through {start}");
            if reached.insert(room) {
                next.extend_from_slice(allowed[room]);
            }
        }
    }
}

#[test]
fn some_things_are_done_in_one_place_only() {
    for (path, text) in sources() {
        let code: Vec<_> =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (betrays, places) in RESERVED {
            if !places.iter().any(|place| path.starts_with(place)) {
                let found = code.iter().find(|line| line.contains(betrays));
                assert_eq!(found, None, "{path} has {betrays:?}, which belongs to {places:?}");
            }
        }
    }
}
