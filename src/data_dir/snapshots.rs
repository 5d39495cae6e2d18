//! Snapshots in a data directory that takes nothing else: whole copies of the data, named by their time.
//!
//! `snapshots/<time>.rdb`, and beside it what an RDB does not hold: the users and settings that callers
//! have made. These are written before it, so that an RDB that is there is complete. Names sort by age.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use tracing::{info, warn};

use super::write_once::{self, WriteOnce};
use super::{probe, read_if_there};

/// Snapshots that are kept, those that Redis has refused not counted: one more than the pair of which
/// the newer may be damaged.
const KEPT: usize = 3;

/// How the names end.
const RDB: &str = ".rdb";

/// The first bytes of every RDB.
const MAGIC: &[u8] = b"REDIS";

/// Of the file that says why Redis refused the RDB beside it.
const REFUSED: &str = ".refused";

/// Where they are.
#[derive(Debug, Clone)]
pub struct Snapshots(PathBuf);

impl Snapshots {
    /// Those of this data directory.
    pub fn below(data_dir: &Path) -> Self {
        Self(data_dir.join("snapshots"))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// The data directory that it is in.
    pub fn data_dir(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }

    /// Whether any are there, as far as can be seen.
    pub fn are_there(&self) -> bool {
        self.by_preference().is_ok_and(|names| !names.is_empty())
    }

    /// Their names, the best one last: the newest that Redis has not refused yet.
    pub fn by_preference(&self) -> anyhow::Result<Vec<String>> {
        let mut names = self.names(RDB)?;
        let refused = self.names(REFUSED)?;
        names.sort_by_key(|name| (!refused.contains(name), name.clone()));
        Ok(names)
    }

    /// The part of the names before this ending, oldest first.
    fn names(&self, ending: &str) -> anyhow::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
        };
        let entries = entries.with_context(|| format!("reading {}", self.0.display()))?;
        let name = |entry: &fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(ending).map(str::to_owned)
        };
        let mut names: Vec<_> = entries.iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// The name of a snapshot that is made now: later than all others, whatever the clock says.
    pub fn next_name(&self, now: SystemTime) -> anyhow::Result<String> {
        let names = self.names(RDB)?;
        let newest = names.iter().rev().find_map(|name| time_of(name));
        let least = newest.map_or(now, |newest| newest + Duration::from_millis(1));
        Ok(name_of(now.max(least)))
    }

    /// Where a snapshot's RDB is.
    pub fn rdb(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}{RDB}"))
    }

    /// Whether it begins as an RDB does.
    pub fn is_rdb(&self, name: &str) -> anyhow::Result<bool> {
        let path = self.rdb(name);
        let mut start = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start))
            .with_context(|| format!("reading {}", path.display()))?;
        Ok(start == MAGIC)
    }

    /// What was stored beside a snapshot under the name `file`; empty if nothing was.
    pub fn beside(&self, name: &str, file: &str) -> anyhow::Result<String> {
        read_if_there(&self.0.join(format!("{name}.{file}")))
    }

    /// Stores a snapshot: an RDB, and texts under the names of their files.
    pub fn store(
        &self,
        name: &str,
        rdb: &Path,
        texts: &[(&str, String)],
        progress: impl FnMut(u64) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let path = self.rdb(name);
        let written = self.write_all(name, rdb, texts, progress);
        if written.is_err() {
            let _ = fs::remove_file(&path);
        }
        written.with_context(|| format!("storing {}", path.display()))
    }

    fn write_all(
        &self,
        name: &str,
        rdb: &Path,
        texts: &[(&str, String)],
        progress: impl FnMut(u64) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        probe::make(&self.0)?;
        for (file, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
            write_once::write(&self.0.join(format!("{name}.{file}")), text)?;
        }
        let mut from = File::open(rdb)?;
        let mut to = WriteOnce::create(&self.rdb(name))?;
        let bytes = write_once::copy(&mut from, &mut to, progress)?;
        to.finish()?;
        let stored = fs::metadata(self.rdb(name))?.len();
        ensure!(stored == bytes, "{bytes} bytes were written and {stored} are there");
        Ok(())
    }

    /// Remembers that Redis does not load it, and why. It is kept, and tried after all others.
    pub fn refuse(&self, name: &str, why: &str) {
        let path = self.0.join(format!("{name}{REFUSED}"));
        if let Err(error) = write_once::write(&path, &format!("{why}\n")) {
            warn!(%error, file = %path.display(), "not written");
        }
    }

    /// Removes all but the newest, and never one that Redis has refused: that one is for a person.
    pub fn prune(&self) -> anyhow::Result<()> {
        let refused = self.names(REFUSED)?;
        let mut names = self.names(RDB)?;
        names.retain(|name| !refused.contains(name));
        for name in &names[..names.len().saturating_sub(KEPT)] {
            self.remove(name)?;
            info!(snapshot = name, "an old snapshot was removed");
        }
        Ok(())
    }

    /// Removes a snapshot and what is beside it.
    pub fn remove(&self, name: &str) -> anyhow::Result<()> {
        // The RDB first: what is without one is no snapshot.
        let path = self.rdb(name);
        fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        for entry in fs::read_dir(&self.0)?.filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with(&format!("{name}.")) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// `2026-11-24T06-31-37.123Z`: a colon is no part of a name on every system.
fn name_of(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string().replace(':', "-")
}

/// When a snapshot was made, by its name.
pub fn time_of(name: &str) -> Option<SystemTime> {
    let (day, time) = name.split_once('T')?;
    humantime::parse_rfc3339(&format!("{day}T{}", time.replace('-', ":"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshots() -> (tempfile::TempDir, Snapshots, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let rdb = dir.path().join("dump.rdb");
        fs::write(&rdb, "REDIS").unwrap();
        let snapshots = Snapshots::below(dir.path());
        (dir, snapshots, rdb)
    }

    #[test]
    fn three_are_kept_and_refused_ones_beside_them() {
        let (_dir, snapshots, rdb) = snapshots();
        assert!(!snapshots.are_there());
        let mut names = Vec::new();
        for number in 0..6 {
            // A clock that stands still.
            let name = snapshots.next_name(SystemTime::UNIX_EPOCH).unwrap();
            let texts = [("users.acl", "user a on\n".to_owned()), ("redis.conf", String::new())];
            snapshots.store(&name, &rdb, &texts, |_| Ok(())).unwrap();
            if number == 1 {
                snapshots.refuse(&name, "short read");
            }
            snapshots.prune().unwrap();
            names.push(name);
        }
        assert!(names.is_sorted(), "{names:?}");
        let left = [&names[1], &names[3], &names[4], &names[5]];
        assert_eq!(snapshots.by_preference().unwrap().iter().collect::<Vec<_>>(), left);
        assert_eq!(snapshots.beside(&names[5], "users.acl").unwrap(), "user a on\n");
        assert_eq!(snapshots.beside(&names[5], "redis.conf").unwrap(), "");
        // Four RDBs, the users beside each, and why one was refused.
        assert_eq!(fs::read_dir(snapshots.dir()).unwrap().count(), 9);
    }

    #[test]
    fn a_name_tells_the_time() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_501_897_123);
        assert_eq!(name_of(time), "2026-11-24T06-31-37.123Z");
        assert_eq!(time_of(&name_of(time)), Some(time));
        assert_eq!(time_of("dump"), None);
    }
}
