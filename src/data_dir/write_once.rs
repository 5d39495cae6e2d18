//! Files as an object store takes them: created, written from the beginning to the end, closed; never
//! renamed, never appended to.
//!
//! Such mounts store a file when it is closed, and say then whether that went well (hf-mount's README,
//! "Consistency model": "Durability: on close").

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How much is copied at once: large enough for a network behind the file, small beside a progress bar.
const PIECE_BYTES: usize = 1 << 20;

/// A file for its owner alone; what was there before is gone.
#[derive(Debug)]
pub struct WriteOnce(File);

impl WriteOnce {
    /// Begins it.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600).open(path).map(Self)
    }

    /// Ends it; it is stored once this has returned.
    pub fn finish(self) -> io::Result<()> {
        match self.0.sync_all() {
            // Not every mount has fsync, and those store on close.
            Err(error)
                if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput) => {}
            synced => synced?,
        }
        // Dropping it would hide the outcome.
        nix::unistd::close(self.0).map_err(Into::into)
    }
}

impl Write for WriteOnce {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes a whole file.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = WriteOnce::create(path)?;
    file.write_all(text.as_bytes())?;
    file.finish()
}

/// Copies all that there is, telling `progress` the size of each piece, whose error ends it; returns the
/// size of the whole.
pub fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    mut progress: impl FnMut(u64) -> io::Result<()>,
) -> io::Result<u64> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut copied = 0;
    loop {
        let length = match from.read(&mut piece) {
            Ok(0) => return Ok(copied),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(&piece[..length])?;
        copied += length as u64;
        progress(length as u64)?;
    }
}
