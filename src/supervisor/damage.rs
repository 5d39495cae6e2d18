//! Data that Redis cannot load: what it says then, and what can be done.
//!
//! No number of starts helps, and nothing here repairs: a repair throws data away, which is for the
//! data's owner to decide. A torn end is another thing (`aof`): that is what a crash leaves.

use std::fs;
use std::path::Path;

use crate::data_dir::append_only;

/// What Redis says before it ends, and what it means. Seen on Redis 7.0, 8.0 and Valkey 9.
const SAYINGS: [(&str, Damage); 9] = [
    // Before what is said of any command. Redis's and Valkey's words but for the first letter.
    ("nknown command 'JSON.", Damage::NoModule),
    ("module data I can't load", Damage::NoModule),
    ("Can't handle RDB format version", Damage::Newer),
    ("reading the append only file", Damage::AppendOnlyFile),
    ("Invalid AOF manifest", Damage::Missing),
    ("Unable to obtain the AOF file", Damage::Missing),
    ("Wrong signature trying to load DB", Damage::Base),
    ("Short read or OOM loading DB", Damage::Base),
    ("Internal error in RDB reading", Damage::Base),
];

/// What no older copy of the data would help against.
const NEWER: &str = "were written by a newer Redis than this one";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// Commands that make no sense.
    AppendOnlyFile,
    /// The file that holds what was there when the append-only file was begun.
    Base,
    /// A file that others refer to.
    Missing,
    /// A version to come.
    Newer,
    /// JSON documents, which take a module.
    NoModule,
}

/// What is damaged and what to do, if Redis's last words say that it cannot load its data.
pub fn diagnose(last_words: &[String], data_dir: &Path) -> Option<String> {
    let (line, damage) = last_words.iter().find_map(|line| {
        let (_, damage) = SAYINGS.iter().find(|(saying, _)| line.contains(saying))?;
        Some((line, *damage))
    })?;
    // Without process, time and level.
    let said = line.split_once(" # ").map_or(line.as_str(), |(_, said)| said);
    let dir = data_dir.join("appendonlydir");
    let manifest = dir.join("appendonly.aof.manifest");
    let (manifest, dir) = (manifest.display(), dir.display());
    let advice = match damage {
        Damage::AppendOnlyFile => format!(
            "back up {dir}, then cut the file before the damage with `redis-check-aof --fix \
             {manifest}`: what was written after it is lost"
        ),
        Damage::Base => format!(
            "`redis-check-rdb` tells what is wrong with the *.base.rdb in {dir}; bring that file back \
             from a backup"
        ),
        Damage::Missing => format!(
            "bring the files of {dir} back from a backup, all of one time; {manifest} lists them"
        ),
        Damage::Newer => format!(
            "the files in {dir} {NEWER}: start pkv with that Redis (PKV_REDIS_SERVER) or a newer one"
        ),
        Damage::NoModule => format!(
            "the files in {dir} hold JSON documents, and this Redis has no JSON module: see that \
             PKV_JSON_MODULE is not `off`, or names libpkv_json.so, or that the file lies beside pkv"
        ),
    };
    Some(format!("{said}. Nothing was changed. {advice}"))
}

/// What helps a Redis that cannot load a module.
pub fn module_advice(last_words: &[String]) -> &'static str {
    // Seen on Redis 7.0, 8.0 and Valkey 9.
    match last_words.iter().any(|line| line.contains("Can't load module")) {
        true => {
            ", since it cannot load the module that is named below: PKV_JSON_MODULE names another \
             one, built for this system, or is `off` to do without JSON commands"
        }
        false => "",
    }
}

/// Whether the diagnosis is that nothing is damaged, but too new.
pub fn is_newer(what: &str) -> bool {
    what.contains(NEWER)
}

/// What Redis would not notice: without its manifest it takes an append-only directory for a new one
/// and begins an empty database beside the old files.
pub fn before_start(data_dir: &Path) -> Option<String> {
    let dir = data_dir.join("appendonlydir");
    let set_aside = data_dir.join(append_only::SET_ASIDE);
    if !dir.exists() && set_aside.exists() {
        return Some(format!(
            "`pkv restore` was interrupted. Nothing is lost: run it again, or rename {} to {} to have \
             what was there before",
            set_aside.display(),
            append_only::DIR
        ));
    }
    let manifest = dir.join("appendonly.aof.manifest");
    let is_data = |name: &str| name.ends_with(".base.rdb") || name.ends_with(".incr.aof");
    let orphan = fs::read_dir(&dir).ok()?.find_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        is_data(&name).then_some(name)
    })?;
    (!manifest.exists()).then(|| {
        format!(
            "{} is missing, while {orphan} is there: without it Redis would begin an empty database. \
             Nothing was changed. Bring it back from a backup, or move the directory away to begin anew",
            manifest.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(line: &str) -> Option<String> {
        diagnose(&["1:M 1 Jan 2026 00:00:00.000 # before".into(), line.into()], Path::new("/data"))
    }

    #[test]
    fn words_lead_to_advice() {
        let prefix = "8:M 24 Nov 2026 06:03:54.370 # ";
        for (said, advice) in [
            (
                "Bad file format reading the append only file appendonly.aof.2.incr.aof: make a backup",
                "redis-check-aof --fix /data/appendonlydir/appendonly.aof.manifest",
            ),
            ("Internal error in RDB reading offset 0, function at rdb.c:419", "redis-check-rdb"),
            ("Short read or OOM loading DB. Unrecoverable error, aborting now.", "*.base.rdb"),
            ("Unknown command 'JSON.SET' reading the append only file x", "PKV_JSON_MODULE"),
            (
                "Error reading the append only file x, error: unknown command 'JSON.SET', with args",
                "PKV_JSON_MODULE",
            ),
            (
                "The RDB file contains module data I can't load: no matching module type 'ReJSON-RL'",
                "PKV_JSON_MODULE",
            ),
            ("Can't handle RDB format version 99", "newer Redis than this one"),
            ("Unable to obtain the AOF file appendonly.aof.2.incr.aof length", "from a backup"),
            ("Invalid AOF manifest file format", "appendonly.aof.manifest lists them"),
        ] {
            let text = diagnosis(&format!("{prefix}{said}")).unwrap();
            assert!(text.starts_with(said) && text.contains(advice), "{text}");
        }
        assert_eq!(diagnosis("Fatal: the moon is full"), None);
    }

    #[test]
    fn a_directory_without_its_manifest_is_not_taken_for_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(before_start(dir.path()), None);
        let files = dir.path().join("appendonlydir");
        fs::create_dir(&files).unwrap();
        assert_eq!(before_start(dir.path()), None);
        fs::write(files.join("appendonly.aof.3.incr.aof"), "").unwrap();
        assert!(before_start(dir.path()).unwrap().contains("appendonly.aof.3.incr.aof"));
        fs::write(files.join("appendonly.aof.manifest"), "").unwrap();
        assert_eq!(before_start(dir.path()), None);
    }

    #[test]
    fn an_interrupted_restore_is_not_taken_for_an_empty_directory() {
        let dir = tempfile::tempdir().unwrap();
        let set_aside = dir.path().join("appendonlydir.before-restore");
        fs::create_dir(&set_aside).unwrap();
        assert!(before_start(dir.path()).unwrap().contains("appendonlydir.before-restore"));
        fs::rename(set_aside, dir.path().join("appendonlydir")).unwrap();
        assert_eq!(before_start(dir.path()), None);
    }
}
