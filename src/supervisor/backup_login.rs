//! How `pkv backup` gets to a running Redis: a file beside Redis's own, for their owner alone, with the
//! socket and the password of a user that may take a copy and nothing else.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::users;
use crate::config::ConnectionString;
use crate::data_dir;
use crate::secret::Secret;

const FILE: &str = "backup-login";

/// Writes it; it holds until the next start.
pub fn write(redis_dir: &Path, socket: &Path, password: &Secret) -> anyhow::Result<()> {
    let text = format!("{}\n{}\n", socket.display(), password.reveal());
    data_dir::replace(&redis_dir.join(FILE), &text)
}

/// The way to the Redis that was started last on these files.
pub fn read(redis_dir: &Path) -> anyhow::Result<ConnectionString> {
    let path = redis_dir.join(FILE);
    let text = data_dir::read_if_there(&path)?;
    let (socket, password) = text
        .trim_end()
        .rsplit_once('\n')
        .with_context(|| format!("{} does not say how to reach Redis", path.display()))?;
    let socket = PathBuf::from(OsStr::from_bytes(socket.as_bytes()));
    Ok(ConnectionString::unix(socket, Some((users::BACKUP, &Secret::new(password))), 0))
}
