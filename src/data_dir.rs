//! Where the bundled Redis's data is kept, what can be kept there, and the token that was generated
//! for it.
//!
//! Three kinds ([`Storage`]): a directory that holds an append-only file is Redis's own; one in which
//! files can only be created and written once (a mounted bucket) takes snapshots, and Redis's own
//! directory is on the local disk; where nothing can be written, nothing is kept. In the second kind
//! nothing is ever renamed or appended to in the data directory.

pub mod append_only;
mod local;
mod lock;
mod probe;
mod snapshots;
mod write_once;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use nix::unistd::{AccessFlags, access};
use tracing::warn;

use crate::config::{Bundled, Storage};
use crate::private_dir::PrivateDir;
use crate::secret::Secret;
use probe::Finding;

pub use local::{note_snapshot, noted_snapshot};
pub use lock::{Lock, Locked};
pub use snapshots::{Snapshots, time_of as snapshot_time};
pub use write_once::copy;

/// Tried in turn if no directory was named; the first is never made.
const PLACES: [&str; 2] = ["/data", ".pkv"];

/// A directory that exists and can be written.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    storage: Storage,
    redis_dir: PathBuf,
    why: Option<String>,
    /// Of `Storage::Memory`; held for its Drop.
    _temporary: Option<PrivateDir>,
}

impl DataDir {
    /// The directory that was asked for, or `/data` if it can be written, or `.pkv` below the
    /// working directory. Made if need be, for its owner alone. If none was asked for and none can be
    /// written, nothing is kept.
    pub fn find(settings: &Bundled) -> anyhow::Result<Self> {
        if settings.storage == Some(Storage::Memory) {
            let why = match settings.data_dir.as_deref().filter(|path| holds_data(path)) {
                Some(path) => format!("PKV_STORAGE=memory, although {} holds data", path.display()),
                None => "PKV_STORAGE=memory".to_owned(),
            };
            return Self::in_memory(&settings.temp_dir, why);
        }
        if let Some(path) = &settings.data_dir {
            let finding = probe::make(path).and_then(|()| probe::probe(path));
            let finding = finding.with_context(|| cannot_write(path))?;
            return Self::open(path, finding, settings);
        }
        Self::first_of(&PLACES.map(Path::new), settings)
    }

    fn first_of(places: &[&Path], settings: &Bundled) -> anyhow::Result<Self> {
        let mut faults = Vec::new();
        for path in places {
            let made = if path.is_absolute() { Ok(()) } else { probe::make(path) };
            match made.and_then(|()| probe::probe(path)) {
                Ok(finding) => return Self::open(path, finding, settings),
                // Beginning anew elsewhere would look as if everything was lost.
                Err(error) if holds_data(path) => {
                    let what = format!("{}, which holds data", cannot_write(path));
                    return Err(error).context(what);
                }
                Err(error) => faults.push(format!("{}: {error}", path.display())),
            }
        }
        let why = format!("no directory can be written ({})", faults.join("; "));
        Self::in_memory(&settings.temp_dir, why)
    }

    fn in_memory(temp_dir: &Path, why: String) -> anyhow::Result<Self> {
        let temporary = PrivateDir::create(temp_dir, &[])?;
        let path = temporary.path().to_owned();
        let redis_dir = path.clone();
        let (storage, why) = (Storage::Memory, Some(why));
        Ok(Self { path, storage, redis_dir, why, _temporary: Some(temporary) })
    }

    fn open(path: &Path, finding: Finding, settings: &Bundled) -> anyhow::Result<Self> {
        let path = path.canonicalize().with_context(|| format!("finding {}", path.display()))?;
        let (storage, why) = match (settings.storage, finding) {
            (Some(storage), Finding::AppendOnly) => (storage, None),
            (Some(storage), Finding::WriteOnce(why)) => {
                if storage == Storage::AppendOnly {
                    warn!(dir = %path.display(), why, "an append-only file may not last here");
                }
                (storage, None)
            }
            (None, Finding::AppendOnly) => (Storage::AppendOnly, None),
            (None, Finding::WriteOnce(why)) => (Storage::Snapshots, Some(why)),
        };
        let redis_dir = match storage {
            Storage::Snapshots => Self::local_dir(&path, settings)?,
            Storage::AppendOnly | Storage::Memory => path.clone(),
        };
        Ok(Self { path, storage, redis_dir, why, _temporary: None })
    }

    fn local_dir(path: &Path, settings: &Bundled) -> anyhow::Result<PathBuf> {
        ensure!(
            !append_only::is_in(path),
            "{} holds an append-only file, which would be left aside if snapshots were kept there: \
             PKV_STORAGE=append-only, or move {} away",
            path.display(),
            append_only::DIR
        );
        let local = local::make(&settings.local_dir, &local::id(path)?)?;
        let finding = probe::probe(&local).with_context(|| cannot_write(&local))?;
        if let Finding::WriteOnce(why) = finding {
            bail!(
                "{} holds no append-only file ({why}): PKV_LOCAL_DIR names one on a local disk",
                local.display()
            );
        }
        Ok(local)
    }

    /// Whether there is a directory to be found, without making one.
    pub fn exists(settings: &Bundled) -> bool {
        match &settings.data_dir {
            Some(path) => path.is_dir(),
            None => PLACES.iter().any(|place| Path::new(place).is_dir()),
        }
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How data is kept.
    pub fn storage(&self) -> Storage {
        self.storage
    }

    /// Why it is kept so, if there are better ways and nobody asked for this one.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// Where Redis has its files.
    pub fn redis_dir(&self) -> &Path {
        &self.redis_dir
    }

    /// The token that was generated for the directory that [`Self::find`] finds, if it was; nothing is
    /// made. In memory a new one is made at each start, and nobody else knows it.
    pub fn known_token(settings: &Bundled) -> anyhow::Result<Option<Secret>> {
        let may_write = |dir: &Path| access(dir, AccessFlags::W_OK).is_ok();
        let dir = match &settings.data_dir {
            _ if settings.storage == Some(Storage::Memory) => return Ok(None),
            Some(dir) => dir.as_path(),
            None => match PLACES.map(Path::new).into_iter().find(|dir| may_write(dir)) {
                Some(dir) => dir,
                None => return Ok(None),
            },
        };
        match read_if_there(&dir.join("token"))?.trim() {
            "" => Ok(None),
            token => Ok(Some(Secret::new(token))),
        }
    }

    /// The token that was generated for this directory, generated now if there is none.
    pub fn token(&self) -> anyhow::Result<Secret> {
        let path = self.path.join("token");
        match read_if_there(&path)?.trim() {
            "" => {
                let token = Secret::generate()?;
                let text = format!("{}\n", token.reveal());
                match self.storage {
                    Storage::Snapshots => write_once::write(&path, &text)
                        .with_context(|| format!("writing {}", path.display()))?,
                    _ => replace(&path, &text)?,
                }
                Ok(token)
            }
            token => Ok(Secret::new(token)),
        }
    }
}

fn cannot_write(path: &Path) -> String {
    format!(
        "cannot write to {} (PKV_DATA_DIR names another place, PKV_STORAGE=memory does without)",
        path.display()
    )
}

/// Whether somebody's data is there, as far as can be seen.
fn holds_data(path: &Path) -> bool {
    append_only::is_in(path) || Snapshots::below(path).are_there()
}

/// A file's text; empty if there is no such file. What is no text becomes U+FFFD.
pub fn read_if_there(path: &Path) -> anyhow::Result<String> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        bytes => Ok(String::from_utf8_lossy(
            &bytes.with_context(|| format!("reading {}", path.display()))?,
        )
        .into_owned()),
    }
}

/// Writes a file for its owner alone. It is renamed into place: a crash leaves the old one or the
/// whole new one.
pub fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Config;

    pub(super) fn settings(dir: &Path, storage: &str) -> Bundled {
        let vars = [
            ("PKV_DATA_DIR", dir.join("data")),
            ("PKV_STORAGE", storage.into()),
            ("TMPDIR", dir.to_owned()),
        ];
        Config::from_vars(vars.map(|(name, value)| (name.into(), value.into())).into_iter())
            .unwrap()
            .bundled
    }

    #[test]
    fn the_token_is_made_once_for_its_owner_alone() {
        for storage in ["append-only", "snapshots"] {
            let dir = tempfile::tempdir().unwrap();
            let data = DataDir::find(&settings(dir.path(), storage)).unwrap();
            let token = data.token().unwrap();
            assert_eq!(token.reveal().len(), 43);
            assert_eq!(data.token().unwrap(), token);
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&data.path().join("token")), 0o600);
            assert_eq!(mode(data.path()), 0o700);
            assert_eq!(mode(data.redis_dir()), 0o700);
        }
    }

    #[test]
    fn where_nothing_can_be_written_nothing_is_kept_unless_data_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path(), "auto");
        let missing = dir.path().join("missing");
        let data = DataDir::first_of(&[&missing], &settings).unwrap();
        assert_eq!(data.storage(), Storage::Memory);
        assert!(data.why().unwrap().contains("missing"), "{:?}", data.why());
        let temporary = data.path().to_owned();
        assert!(temporary.is_dir());
        drop(data);
        assert!(!temporary.exists());

        // A path so long that what is in it can be seen, while nothing with a longer name can be made:
        // not even root can write there.
        let mut full = dir.path().canonicalize().unwrap();
        while full.as_os_str().len() < 4080 {
            let left = 4080 - full.as_os_str().len();
            full.push("d".repeat((left - 1).clamp(1, 200)));
        }
        fs::create_dir_all(full.join(append_only::DIR)).unwrap();
        let error = DataDir::first_of(&[&missing, &full], &settings).unwrap_err().to_string();
        assert!(error.contains("which holds data"), "{error}");
    }

    #[test]
    fn an_append_only_file_is_not_left_aside() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path(), "snapshots");
        fs::create_dir_all(dir.path().join("data/appendonlydir")).unwrap();
        let error = DataDir::find(&settings).unwrap_err().to_string();
        assert!(error.contains("PKV_STORAGE=append-only"), "{error}");
    }
}
