//! What the bundled Redis is to be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::memory::default_maxmemory;
use crate::config::{Bundled, Durability, Storage};
use crate::data_dir::{DataDir, Snapshots};
use crate::secret::Secret;

/// What the bundled Redis is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program.
    pub server: PathBuf,
    /// The module that gives it JSON commands.
    pub json_module: Option<PathBuf>,
    /// Where it keeps its files.
    pub data_dir: PathBuf,
    /// How data is kept.
    pub storage: Storage,
    /// Where snapshots are, if there are any.
    pub snapshots: Snapshots,
    /// Longest time between a change and the snapshot that holds it.
    pub snapshot_interval: Duration,
    /// Where the socket's private directory is tried first.
    pub temp_dir: PathBuf,
    /// A loopback address and port, beside the socket.
    pub address: Option<SocketAddr>,
    /// The password of Redis's default user; `None`: none is needed.
    pub password: Option<Secret>,
    /// The read-only token, which is also the password of the user that may only read.
    pub readonly_token: Option<Secret>,
    /// Database that callers use.
    pub database: i64,
    /// When writes reach the disk.
    pub durability: Durability,
    /// Bytes; `None`: no limit.
    pub maxmemory: Option<u64>,
    /// Longest silence of a Redis that runs.
    pub hang_limit: Duration,
}

impl Settings {
    /// What the environment says, for the data in this directory: a Redis that nobody but pkv reaches.
    pub fn new(bundled: &Bundled, data_dir: &DataDir) -> anyhow::Result<Self> {
        let server = bundled.server.clone().context(
            "no redis-server found on the PATH: install Redis 8 (apt-get install redis-server, \
             brew install redis), or name the program in PKV_REDIS_SERVER",
        )?;
        Ok(Self {
            server,
            json_module: bundled.json_module.clone(),
            data_dir: data_dir.redis_dir().to_owned(),
            storage: data_dir.storage(),
            snapshots: Snapshots::below(data_dir.path()),
            snapshot_interval: bundled.snapshot_interval,
            temp_dir: bundled.temp_dir.clone(),
            address: None,
            password: None,
            readonly_token: None,
            database: 0,
            durability: bundled.durability,
            maxmemory: bundled.maxmemory.or_else(default_maxmemory),
            hang_limit: bundled.hang_limit,
        })
    }
}
