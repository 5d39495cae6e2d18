//! Logs, on stderr: for people on a terminal, JSON elsewhere.
//!
//! Written by a thread of their own, through a bounded queue: a stderr that nobody reads must not
//! stop the service, so lines are dropped once the queue is full.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

/// Lines that may wait for stderr: a few megabytes.
const WAITING: usize = 10_000;

/// Installs the logger for the whole process. What still waits is written when the guard is
/// dropped, if stderr takes it within a second.
pub fn init(level: LevelFilter) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING)
        .lossy(true)
        .finish(std::io::stderr());
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(writer);
    if std::io::stdout().is_terminal() {
        builder.with_ansi(std::io::stderr().is_terminal()).compact().init();
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    }
    guard
}
