//! How data is kept where no append-only file can be, and where nothing can be written.

mod bucket;
mod memory;
mod restoring;
mod room;

use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Pkv, eventually, result};

/// A pkv with a local disk of its own, which is lost with it.
struct Machine {
    pkv: Pkv,
    disk: TempDir,
}

impl Machine {
    /// Starts on a new disk.
    fn start(data_dir: &Path, vars: &[(&str, &str)]) -> Self {
        Self::start_on(TempDir::new().unwrap(), data_dir, vars)
    }

    /// Starts on a disk that was in use before.
    fn start_on(disk: TempDir, data_dir: &Path, vars: &[(&str, &str)]) -> Self {
        let path = disk.path().to_str().unwrap();
        let mut all = vec![("PKV_DATA_DIR", data_dir.to_str().unwrap()), ("TMPDIR", path)];
        all.extend(vars);
        Self { pkv: Pkv::start_in(disk.path(), &all), disk }
    }

    async fn set(&self, key: &str, value: &str) {
        assert_eq!(result(self.pkv.run(json!(["SET", key, value])).await), "OK");
    }

    async fn get(&self, key: &str) -> Value {
        result(self.pkv.run(json!(["GET", key])).await)
    }

    /// What `/ready` says of the data.
    async fn data(&self) -> Value {
        let ready = self.pkv.get("/ready").await;
        assert_eq!(ready.status, 200, "{}", ready.body);
        ready.body["data"].clone()
    }

    /// Stops it, and loses the disk.
    async fn stop(self) {
        self.pkv.stop().await;
    }

    /// Kills it; the disk stays.
    async fn kill(mut self) -> TempDir {
        self.pkv.signal(Signal::SIGKILL);
        self.pkv.ended(Duration::from_secs(5)).await;
        self.disk
    }

    /// Waits until there is a snapshot of what was written until now.
    async fn until_stored(&self) {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        eventually("a snapshot", Duration::from_secs(15), async || {
            // The one that is made now may be a moment too old.
            result(self.pkv.run(json!(["INCR", "tick"])).await);
            self.data().await["last_snapshot"].as_str().is_some_and(|last| *last > *now)
        })
        .await;
    }
}
