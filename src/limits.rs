//! What clients may take of the machine: memory and connections.

use std::fs;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::debug;

/// Descriptors that are never given to clients: Redis's connections (some 20 for each token's), its
/// pipes, the files of the data directory.
const OWN_DESCRIPTORS: u64 = 256;

/// More than anybody needs. Where the system sets no limit, a program that Redis starts would otherwise
/// try to close a billion of them.
const ENOUGH_DESCRIPTORS: u64 = 1 << 20;

/// What an idle connection takes of pkv's memory, in bytes: 17 to 20 KB were measured.
const CONNECTION: u64 = 20 << 10;

/// Connections that are possible in the smallest memory.
const LEAST_CONNECTIONS: u64 = 1000;

/// The least room for what is under way, in bytes: a few bodies of the largest size. A fifth of a memory
/// in which that is too much.
const LEAST_QUEUE: u64 = 64 << 20;

/// Taken as the memory where nothing can be learnt about it.
const SMALL_MEMORY: u64 = 1 << 30;

/// The limits. Of the memory six tenths are for data, one (below 640 MB up to two) is for requests and
/// answers under way, and a twentieth for connections that are idle; the rest is for Redis's buffers and its copies during a
/// rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory for requests and answers under way, in bytes.
    pub queue: usize,
    /// Connections of clients.
    pub connections: usize,
}

impl Limits {
    /// Those of this machine, or container; `queue` is what the user has chosen.
    pub fn new(queue: Option<u64>) -> Self {
        Self::within(memory().unwrap_or(SMALL_MEMORY), queue, descriptors())
    }

    fn within(memory: u64, queue: Option<u64>, descriptors: u64) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let fit = (memory / 20 / CONNECTION).max(LEAST_CONNECTIONS);
        let free = descriptors.saturating_sub(OWN_DESCRIPTORS).max(descriptors / 2);
        let least = LEAST_QUEUE.min(memory / 5).max(1 << 20);
        let queue = queue.unwrap_or(least.max(memory / 10));
        Self { queue: size(queue), connections: size(free.min(fit)) }
    }
}

/// The memory of the container or the machine, in bytes. Where there is no limit, cgroup v2 says `max`
/// and v1 a number near 2⁶³.
pub fn memory() -> Option<u64> {
    let cgroup = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
    let machine = || {
        let info = fs::read_to_string("/proc/meminfo").ok()?;
        let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let limits = [
        cgroup("/sys/fs/cgroup/memory.max"),
        cgroup("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        machine(),
    ];
    limits.into_iter().flatten().min()
}

/// How many files and connections the process may have open: raised as far as the system lets anybody.
/// Redis inherits it.
fn descriptors() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        // The lowest that systems come with.
        return 256;
    };
    let wanted = hard.min(ENOUGH_DESCRIPTORS).max(soft);
    match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        Ok(()) => wanted,
        Err(error) => {
            debug!(%error, "the limit on open files could not be raised");
            soft
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_descriptors_limit_connections_but_some_are_always_possible() {
        let connections = |memory, descriptors| {
            let limits = Limits::within(memory, None, descriptors);
            (limits.queue >> 20, limits.connections)
        };
        assert_eq!(connections(16 << 30, 1 << 20), (1638, 41943));
        assert_eq!(connections(16 << 30, 20_000), (1638, 19_744));
        assert_eq!(connections(512 << 20, 1 << 20), (64, 1310));
        assert_eq!(connections(256 << 20, 1 << 20), (51, 1000));
        assert_eq!(connections(1 << 20, 256), (1, 128));
        assert_eq!(Limits::within(1 << 30, Some(5), 256).queue, 5);
    }
}
