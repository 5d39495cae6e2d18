//! The bundled Redis's data into a file, and back, by hand: `pkv backup` and `pkv restore`.
//!
//! The file is an RDB, which every Redis of the same or a later release loads. Promises: a backup is of
//! one moment, also of a running store; nothing is overwritten without being told to; what was written
//! has been checked before it takes its place; an interrupted command leaves everything as it was.
//! Leaves to others: what the environment says, and how progress looks.

mod check;
mod private_redis;
mod progress;
mod store;

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::config::{Bundled, ConnectionString, Storage};
use crate::data_dir::{DataDir, Lock, Locked};
use crate::stop::Stop;
use crate::supervisor::{Settings, backup_login};
use crate::upstream::Source;
use check::Checked;
use progress::Progress;
use store::Store;

/// How long a pkv that holds the data directory may take until its Redis answers: it may be starting.
const ANSWER: Duration = Duration::from_secs(10);

/// Between two tries to reach it.
const AGAIN: Duration = Duration::from_millis(100);

/// What was done.
#[derive(Debug)]
pub struct Report {
    /// Keys in the file.
    pub keys: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// How long it took, the check included.
    pub took: Duration,
}

/// Writes a copy of all data into `file`. `replaces`: also if there is one.
///
/// Must be driven by the main thread, as [`restore`] must: see [`crate::supervisor::Supervisor::run`].
pub async fn save(
    bundled: &Bundled,
    file: &Path,
    replaces: bool,
    stop: &Stop,
) -> anyhow::Result<Report> {
    let begun = Instant::now();
    ensure!(
        replaces || !file.exists(),
        "{} is there already: --force overwrites it",
        file.display()
    );
    ensure!(DataDir::exists(bundled), "there is no data directory (PKV_DATA_DIR names it)");
    let data_dir = DataDir::find(bundled)?;
    not_in_memory(&data_dir)?;
    let settings = Settings::new(bundled, &data_dir)?;
    let progress = Progress::new(stop);
    let partial = Partial::beside(file);
    match holder(&data_dir).await? {
        Holder::Pkv(redis) => copy(&redis, &partial, &progress).await?,
        Holder::Nobody(lock) => {
            let is_empty = Store::of(&data_dir).is_empty();
            ensure!(!is_empty, "{} holds no data", data_dir.path().display());
            owned(&data_dir)?;
            let work = async |redis: &ConnectionString| copy(redis, &partial, &progress).await;
            private_redis::with(settings.clone(), lock, &progress, work).await?;
        }
    }
    progress.checks();
    let checked = check::check(&settings, &partial.0).await?;
    let bytes = fs::metadata(&partial.0)?.len();
    partial.publish(file, replaces)?;
    Ok(Report { keys: checked.keys, bytes, took: begun.elapsed() })
}

fn not_in_memory(data_dir: &DataDir) -> anyhow::Result<()> {
    if data_dir.storage() == Storage::Memory {
        let why = data_dir.why().unwrap_or_default();
        bail!("there is no data directory, data is in memory only ({why})");
    }
    Ok(())
}

/// Files that root makes there would keep a pkv that is not root from starting.
fn owned(data_dir: &DataDir) -> anyhow::Result<()> {
    let dir = data_dir.redis_dir();
    let owner = fs::metadata(dir)?.uid();
    ensure!(
        owner == nix::unistd::geteuid().as_raw(),
        "{} belongs to the user {owner}: run this as that user",
        dir.display()
    );
    Ok(())
}

/// Who holds the data directory.
enum Holder {
    /// A pkv, whose Redis answers.
    Pkv(ConnectionString),
    /// Nobody did, so now it is us.
    Nobody(Lock),
}

/// Finds out who holds the directory. While somebody does whose Redis does not answer, it may be a pkv
/// that is starting, or the Redis of one that was killed, which is about to end.
async fn holder(data_dir: &DataDir) -> anyhow::Result<Holder> {
    let deadline = Instant::now() + ANSWER;
    loop {
        if let Locked::Ours(lock) = data_dir.try_lock()? {
            return Ok(Holder::Nobody(lock));
        }
        let answers = async {
            let login = backup_login(data_dir.redis_dir())?;
            Source::open(&login).await.map(|_| login)
        };
        match answers.await {
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!(
                    "the pkv that uses {} cannot be reached",
                    data_dir.path().display()
                )));
            }
            Err(_) => tokio::time::sleep(AGAIN).await,
            login => return login.map(Holder::Pkv),
        }
    }
}

async fn copy(
    redis: &ConnectionString,
    partial: &Partial,
    progress: &Progress<'_>,
) -> anyhow::Result<()> {
    let source = Source::open(redis).await?;
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial.0);
    let mut file = BufWriter::new(file.with_context(|| partial.0.display().to_string())?);
    let copying = source.copy(|piece| {
        file.write_all(piece)?;
        progress.copied(piece.len() as u64)
    });
    tokio::select! {
        copied = copying => copied?,
        never = progress.watch(redis) => match never {},
    }
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all().context("storing the copy")
}

/// A file that has not taken its place yet; gone if it never does.
#[derive(Debug)]
struct Partial(PathBuf);

impl Partial {
    fn beside(file: &Path) -> Self {
        let mut path = file.as_os_str().to_owned();
        path.push(".partial");
        Self(path.into())
    }

    fn publish(&self, file: &Path, replaces: bool) -> anyhow::Result<()> {
        let publish = || match replaces {
            true => fs::rename(&self.0, file),
            // Never over a file that has come meanwhile.
            false => match fs::hard_link(&self.0, file) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
                // Not every file system has links.
                Err(_) => fs::rename(&self.0, file),
                Ok(()) => Ok(()),
            },
        };
        publish().with_context(|| format!("making {}", file.display()))?;
        // Its name has to last as well.
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir).and_then(|dir| dir.sync_all()).context("storing the file's name")
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Puts the data of `file` into the stopped store. `replaces`: also if there is data.
pub async fn restore(
    bundled: &Bundled,
    file: &Path,
    replaces: bool,
    stop: &Stop,
) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let bytes = fs::metadata(file).with_context(|| format!("reading {}", file.display()))?.len();
    let data_dir = DataDir::find(bundled)?;
    not_in_memory(&data_dir)?;
    let settings = Settings::new(bundled, &data_dir)?;
    let lock = match data_dir.try_lock()? {
        Locked::Ours(lock) => lock,
        Locked::Theirs(holder) => bail!(
            "{} is used by a pkv that runs (process {holder}): stop it first",
            data_dir.path().display()
        ),
    };
    owned(&data_dir)?;
    let store = Store::of(&data_dir);
    ensure!(
        replaces || store.is_empty(),
        "{} holds data already: --force replaces it",
        data_dir.path().display()
    );
    let progress = Progress::new(stop);
    progress.checks();
    let checked = check::check(&settings, file).await?;
    let replaced = store.replace(file, &progress)?;
    let keys = prove(&settings, lock, &checked, &progress).await?;
    replaced.keep()?;
    Ok(Report { keys, bytes, took: begun.elapsed() })
}

/// Starts Redis once on what was restored, and counts.
async fn prove(
    settings: &Settings,
    lock: Lock,
    checked: &Checked,
    progress: &Progress<'_>,
) -> anyhow::Result<u64> {
    let count = async |redis: &ConnectionString| Source::open(redis).await?.keys().await;
    let keys = private_redis::with(settings.clone(), lock, progress, count).await?;
    // Those that expire may have done so.
    let expected = checked.keys.saturating_sub(checked.expires)..=checked.keys;
    ensure!(
        expected.contains(&keys),
        "Redis has {keys} keys of the {} in the file: nothing was changed",
        checked.keys
    );
    Ok(keys)
}
