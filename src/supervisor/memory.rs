//! How much memory Redis may use: a share of what the container or the machine has.

use crate::limits;

/// Of the whole, for data; the rest is for copy-on-write during rewrites, for buffers and for pkv.
const SHARE: f64 = 0.6;

/// A `maxmemory` in bytes, or `None` where nothing can be learnt (no limit is then set).
pub fn default_maxmemory() -> Option<u64> {
    limits::memory().map(|bytes| (bytes as f64 * SHARE) as u64)
}
