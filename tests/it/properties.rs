//! What holds for every input of the parsers and every reply: the library itself, without a process,
//! so that thousands of cases take a second. `PROPTEST_CASES=1000000 cargo test properties` takes
//! longer.

mod body;
mod json;
mod path;
mod reply;

use std::time::{Duration, Instant};

/// Longer than any work on a megabyte takes, however slow and busy the machine: a hang.
const LIMIT: Duration = Duration::from_secs(30);

/// Panics unless `work` can be done in time. Something else may be in the way, but not three times.
fn in_time(what: &str, work: impl Fn()) {
    let is_in_time = || {
        let started = Instant::now();
        work();
        started.elapsed() < LIMIT
    };
    assert!((0..3).any(|_| is_in_time()), "{what}: longer than {LIMIT:?}, three times");
}
