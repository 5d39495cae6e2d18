//! Redis's append-only files: made anew from an RDB, set aside, taken back.
//!
//! They lie in a directory with a manifest that lists them
//! (<https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/>). A base file and no
//! other is enough: Redis loads it and begins the file that it appends to. That is how an RDB gets into
//! a Redis with `appendonly yes`, which does not look at `dump.rdb`.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::write_once::{self, WriteOnce};

/// Redis's default for `appenddirname`.
pub const DIR: &str = "appendonlydir";

/// Where it is while a restore replaces it.
pub const SET_ASIDE: &str = "appendonlydir.before-restore";

/// Where it is once somebody else has stored a newer snapshot than it goes on from.
pub const STALE: &str = "appendonlydir.stale";

/// The list of them.
pub const MANIFEST: &str = "appendonly.aof.manifest";

const NEW: &str = "appendonlydir.new";
const BASE: &str = "appendonly.aof.1.base.rdb";

/// Whether append-only files are there.
pub fn is_in(redis_dir: &Path) -> bool {
    redis_dir.join(DIR).exists()
}

/// Makes this RDB the base of new append-only files; those that are there are set aside under that
/// name. The new ones are whole before they are renamed into place.
pub fn begin_with(
    redis_dir: &Path,
    rdb: &mut impl Read,
    aside: &str,
    progress: impl FnMut(u64) -> io::Result<()>,
) -> io::Result<u64> {
    let new = redis_dir.join(NEW);
    remove(redis_dir, NEW)?;
    DirBuilder::new().mode(0o700).create(&new)?;
    let mut base = WriteOnce::create(&new.join(BASE))?;
    let bytes = write_once::copy(rdb, &mut base, progress)?;
    base.finish()?;
    write_once::write(&new.join(MANIFEST), &format!("file {BASE} seq 1 type b\n"))?;
    File::open(&new)?.sync_all()?;
    set_aside(redis_dir, aside)?;
    rename(redis_dir, NEW, DIR)?;
    Ok(bytes)
}

/// Sets them aside under this name, in place of what was set aside before; none is fine.
pub fn set_aside(redis_dir: &Path, name: &str) -> io::Result<()> {
    if !is_in(redis_dir) {
        return Ok(());
    }
    remove(redis_dir, name)?;
    rename(redis_dir, DIR, name)
}

/// Takes back what was set aside, if anything was, in place of what is there now.
pub fn take_back(redis_dir: &Path, name: &str) -> io::Result<()> {
    remove(redis_dir, DIR)?;
    match redis_dir.join(name).exists() {
        true => rename(redis_dir, name, DIR),
        false => Ok(()),
    }
}

/// Removes them, or what was set aside; none is fine.
pub fn remove(redis_dir: &Path, name: &str) -> io::Result<()> {
    match fs::remove_dir_all(redis_dir.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn rename(redis_dir: &Path, from: &str, to: &str) -> io::Result<()> {
    fs::rename(redis_dir.join(from), redis_dir.join(to))?;
    File::open(redis_dir)?.sync_all()
}
