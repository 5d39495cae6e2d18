//! What a loss of power leaves at the end of the append-only file, put away before Redis sees it.
//!
//! A file system may have stored that a file has grown, and not yet what was written there: it then
//! ends in zeros, which Redis takes for damage and does not load
//! (<https://github.com/redis/redis/issues/5177>). No command ends in a zero, so none is lost with
//! them. While a rewrite is under way there are two files, and the one that was appended to until then
//! is the one that may be torn. Redis accepts that of the last one only, so an empty one behind it is
//! struck off the list.
//!
//! Zeros anywhere else, and more of them than a machine keeps in memory, are damage, and left alone.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::Context;
use tracing::warn;

use super::sync::incremental;
use crate::data_dir::{self, append_only, read_if_there};

/// Read at once, from the end.
const PIECE: u64 = 64 << 10;

/// More zeros than this, in bytes, are no loss of power: an append-only file is stored once a second, or
/// when Linux likes, which is every 30 s.
const MOST: u64 = 64 << 20;

/// Puts the end of the append-only file below Redis's `dir` right, if there is one.
pub fn cut_off(dir: &Path) -> anyhow::Result<()> {
    let files = dir.join(append_only::DIR);
    let path = files.join(append_only::MANIFEST);
    let mut manifest = read_if_there(&path)?;
    loop {
        let Some((name, line)) = incremental(&manifest).next_back() else { return Ok(()) };
        let file = files.join(name);
        if name.contains('/') || !file.is_file() {
            return Ok(()); // for Redis to complain about
        }
        let (length, zeros) =
            cut(&file, MOST).with_context(|| format!("mending {}", file.display()))?;
        if zeros > 0 {
            warn!(file = name, zeros, "the append-only file ended in zeros: they were cut off");
        }
        let before: String = manifest.lines().filter(|other| *other != line).map(ended).collect();
        if length > 0 || incremental(&before).next().is_none() {
            return Ok(());
        }
        warn!(file = name, "the last append-only file is empty: the one before is gone on with");
        if let Err(error) = data_dir::replace(&path, &before) {
            // No room, say. Redis may do without.
            warn!("{error:#}");
            return Ok(());
        }
        manifest = before;
    }
}

fn ended(line: &str) -> String {
    format!("{line}\n")
}

/// Cuts zeros off the end of a file, if there are no more than `most`; returns its length then, and how
/// many were cut off.
fn cut(path: &Path, most: u64) -> std::io::Result<(u64, u64)> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut end = length;
    let mut piece = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start))?;
        piece.clear();
        (&mut file).take(end - start).read_to_end(&mut piece)?;
        if let Some(last) = piece.iter().rposition(|byte| *byte != 0) {
            end = start + last as u64 + 1;
            break;
        }
        end = start;
        if length - end > most {
            return Ok((length, 0));
        }
    }
    if length - end > most {
        return Ok((length, 0));
    }
    if end < length {
        file.set_len(end)?;
        file.sync_all()?;
    }
    Ok((end, length - end))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const COMMAND: &str = "*1\r\n$5\r\nMULTI\r\n";

    /// A directory with these incremental files; returns it and its manifest.
    fn directory(contents: &[&[u8]]) -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let files = dir.path().join(append_only::DIR);
        fs::create_dir(&files).unwrap();
        let mut manifest = "file base seq 1 type b\n".to_owned();
        for (number, content) in contents.iter().enumerate() {
            fs::write(files.join(format!("incr{number}")), content).unwrap();
            manifest += &format!("file incr{number} seq {number} type i startoffset 0\n");
        }
        fs::write(files.join(append_only::MANIFEST), &manifest).unwrap();
        (dir, manifest)
    }

    fn content(dir: &Path, name: &str) -> Vec<u8> {
        fs::read(dir.join(append_only::DIR).join(name)).unwrap()
    }

    #[test]
    fn zeros_go_and_nothing_else() {
        let zeros = |count| vec![0; count];
        for count in [0, 1, 747, PIECE as usize - COMMAND.len(), PIECE as usize, 200_000] {
            let (dir, manifest) = directory(&[&[COMMAND.as_bytes(), &zeros(count)].concat()]);
            cut_off(dir.path()).unwrap();
            assert_eq!(content(dir.path(), "incr0"), COMMAND.as_bytes(), "{count} zeros");
            assert_eq!(content(dir.path(), append_only::MANIFEST), manifest.as_bytes());
        }
        let middle = [&zeros(9), COMMAND.as_bytes()].concat();
        let (dir, _) = directory(&[&middle]);
        cut_off(dir.path()).unwrap();
        assert_eq!(content(dir.path(), "incr0"), middle);
    }

    #[test]
    fn more_zeros_than_a_loss_of_power_leaves_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for (zeros, left) in [(200_000, 0), (200_001, 200_001), (400_000, 400_000)] {
            fs::write(&path, vec![0; zeros]).unwrap();
            cut(&path, 200_000).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().len(), left, "{zeros}");
        }
    }

    #[test]
    fn empty_files_behind_one_that_may_be_torn_are_struck_off() {
        let torn = [COMMAND.as_bytes(), &[0; 9]].concat();
        let (dir, manifest) = directory(&[COMMAND.as_bytes(), &torn, b"", &[0; 5]]);
        cut_off(dir.path()).unwrap();
        let kept: String = manifest.lines().take(3).map(ended).collect();
        assert_eq!(content(dir.path(), append_only::MANIFEST), kept.as_bytes());
        assert_eq!(content(dir.path(), "incr1"), COMMAND.as_bytes());
        // A new store's file is empty, and there is none before it.
        let (dir, manifest) = directory(&[b""]);
        cut_off(dir.path()).unwrap();
        assert_eq!(content(dir.path(), append_only::MANIFEST), manifest.as_bytes());
        cut_off(tempfile::tempdir().unwrap().path()).unwrap();
    }
}
