//! How much memory Redis may use: a share of what the container or the machine has.

use std::fs;

/// Of the whole, for data; the rest is for copy-on-write during rewrites, for buffers and for pkv.
const SHARE: f64 = 0.6;

/// A `maxmemory` in bytes, or `None` where nothing can be learnt (no limit is then set).
pub fn default_maxmemory() -> Option<u64> {
    let limits = [
        cgroup_limit("/sys/fs/cgroup/memory.max"),
        cgroup_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        machine_memory(),
    ];
    limits.into_iter().flatten().min().map(|bytes| (bytes as f64 * SHARE) as u64)
}

/// cgroup v2 says `max` and v1 a number near 2⁶³ where there is no limit; the machine's memory is
/// then the smaller one.
fn cgroup_limit(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn machine_memory() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
