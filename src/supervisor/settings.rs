//! What follows for the supervisor from the environment and the data directory.

use anyhow::Context;

use super::{Settings, default_maxmemory};
use crate::config::Bundled;
use crate::data_dir::{DataDir, Snapshots};

impl Settings {
    /// What the environment says, for the data in this directory: a Redis that nobody but pkv reaches.
    pub fn new(bundled: &Bundled, data_dir: &DataDir) -> anyhow::Result<Self> {
        let server = bundled.server.clone().context(
            "no redis-server found on the PATH: install Redis 8 (apt-get install redis-server, \
             brew install redis), or name the program in PKV_REDIS_SERVER",
        )?;
        Ok(Self {
            server,
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
