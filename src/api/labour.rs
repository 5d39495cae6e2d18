//! Work that keeps a core busy for longer than a request may wait for one.
//!
//! Parsing 100 000 commands, or writing their answers, takes tens of milliseconds. Done in place, it
//! would hold up every request whose turn on that thread it is; so the others go to another thread
//! meanwhile, and half of the cores are left to them.

use std::sync::LazyLock;

use tokio::sync::Semaphore;

/// Work on fewer bytes is done in place: it takes less than a millisecond.
const LARGE: usize = 128 << 10;

/// As many at the same time.
static CORES: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new(cores.div_ceil(2))
});

/// Does the work on so many bytes, when there is a core for it if it is large. Needs a runtime of
/// tokio's `multi_thread` kind, as those of pkv's workers are.
pub async fn run<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes < LARGE {
        return work();
    }
    // Never closed, so there is always a permit in the end.
    let _core = CORES.acquire().await;
    tokio::task::block_in_place(work)
}
