//! Whether a file is a whole RDB that Redis can read, by the word of Redis's own checker: the server
//! itself under another name. It reads key by key, so that a check beside a running store does not need
//! the store's memory once more.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use tokio::process::Command;

use crate::private_dir::PrivateDir;
use crate::supervisor::Settings;

/// The name by which Redis knows that it is to check; Valkey takes it as well.
const CHECKER: &str = "redis-check-rdb";

/// What the checker has counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked {
    /// All keys.
    pub keys: u64,
    /// Those of them that expire, or parts of them, so that they may be gone by the time they are
    /// loaded.
    pub expires: u64,
}

/// Checks it; an error says what is wrong.
pub async fn check(settings: &Settings, file: &Path) -> anyhow::Result<Checked> {
    let dir = PrivateDir::create(&settings.temp_dir, &[])?;
    let checker = dir.path().join(CHECKER);
    let server = settings.server.canonicalize().context("finding the server program")?;
    symlink(server, &checker)?;
    let output = Command::new(&checker)
        .arg(file.canonicalize().with_context(|| format!("reading {}", file.display()))?)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("checking the file")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        said.contains("Checking RDB file"),
        "{} does not act as {CHECKER} when called by that name, so that nothing can be checked \
         (PKV_REDIS_SERVER)",
        settings.server.display()
    );
    verdict(&said).with_context(|| {
        format!("{} is not a whole RDB file that this Redis can read", file.display())
    })
}

fn verdict(said: &str) -> anyhow::Result<Checked> {
    if !said.contains("RDB looks OK") {
        // The error stands between `--- RDB ERROR DETECTED ---` and what was being read.
        let error = said.lines().skip_while(|line| !line.contains("RDB ERROR")).nth(1);
        bail!("{}", error.unwrap_or("it ends too early"));
    }
    // `[info] 1003 keys read`
    let number = |what: &str| -> Option<u64> {
        let mut numbers = said.lines().filter_map(|line| line.strip_prefix("[info] "));
        numbers.find_map(|line| line.strip_suffix(what)?.trim().parse().ok())
    };
    // Fields that expire came with Redis 7.4.
    let expires = number(" expires").unwrap_or(0) + number(" subexpires").unwrap_or(0);
    Ok(Checked { keys: number(" keys read").context("it counts no keys")?, expires })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkers_words_are_understood() {
        let said = "[offset 0] Checking RDB file dump.rdb\n\
                    [offset 8919] Checksum OK\n\
                    [offset 8919] \\o/ RDB looks OK! \\o/\n\
                    [info] 1003 keys read\n\
                    [info] 1 expires\n\
                    [info] 1 already expired\n\
                    [info] 1 subexpires\n";
        assert_eq!(verdict(said).unwrap(), Checked { keys: 1003, expires: 2 });
        let said = "[offset 0] Checking RDB file dump.rdb\n\
                    --- RDB ERROR DETECTED ---\n\
                    [offset 7000] Unexpected EOF reading RDB file\n\
                    [additional info] While doing: read-object-value\n";
        assert!(verdict(said).unwrap_err().to_string().contains("Unexpected EOF"));
    }
}
