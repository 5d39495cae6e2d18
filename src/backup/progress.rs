//! What somebody who waits at a terminal sees; nothing elsewhere.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::config::ConnectionString;
use crate::stop::Stop;
use crate::upstream::Source;

/// Between two looks at how far Redis is, which says it once a second.
const LOOK: Duration = Duration::from_millis(500);

/// The motion of a bar whose length is not known yet.
const TICK: Duration = Duration::from_millis(120);

const UNKNOWN: &str = "{spinner} {msg} {bytes} {bytes_per_sec}";
const PERCENT: &str = "{msg} [{bar:30}] {percent} %";
const BYTES: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";

/// One line on stderr, if that is a terminal; it is wiped when this is dropped.
#[derive(Debug)]
pub struct Progress<'a>(ProgressBar, &'a Stop);

impl<'a> Progress<'a> {
    /// Shows nothing yet; `stop` is what interrupts.
    pub fn new(stop: &'a Stop) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.enable_steady_tick(TICK);
        Self(bar, stop)
    }

    fn phase(&self, template: &str, what: &'static str) {
        // The templates above are right, or this line is a plain one.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.set_message(what);
    }

    /// Redis loads the stopped store.
    pub fn loads(&self, percent: Option<u8>) {
        self.phase(PERCENT, "loading");
        self.0.set_length(100);
        self.0.set_position(percent.map_or(0, u64::from));
    }

    /// A file is being checked.
    pub fn checks(&self) {
        self.phase("{spinner} {msg}", "checking");
        self.0.unset_length();
    }

    /// A file of so many bytes will be copied.
    pub fn copies(&self, bytes: u64) {
        self.phase(BYTES, "restoring");
        self.0.reset();
        self.0.set_length(bytes);
    }

    /// So many more bytes were copied. An error means that no more should be.
    pub fn copied(&self, bytes: u64) -> io::Result<()> {
        self.0.inc(bytes);
        match self.1.is_requested() {
            true => Err(io::Error::other("interrupted")),
            false => Ok(()),
        }
    }

    /// Shows how far Redis is with a copy of which nobody knows how long it will be, until dropped: by
    /// its keys.
    pub async fn watch(&self, redis: &ConnectionString) -> Infallible {
        self.phase(UNKNOWN, "backing up");
        self.0.unset_length();
        self.0.reset();
        let mut source = None;
        loop {
            tokio::time::sleep(LOOK).await;
            if source.is_none() {
                source = Source::open(redis).await.ok();
            }
            if let Some(source) = &mut source
                && let Some(length) = expected_length(source, self.0.position()).await
            {
                self.phase(BYTES, "backing up");
                self.0.set_length(length);
            }
        }
    }
}

/// As long as the keys to come are like those before them.
async fn expected_length(source: &mut Source, copied: u64) -> Option<u64> {
    let number = async |source: &mut Source, field| {
        source.info("persistence", field).await.ok()??.parse::<u64>().ok()
    };
    let done = number(source, "current_save_keys_processed").await.filter(|done| *done > 0)?;
    let total = number(source, "current_save_keys_total").await?;
    Some((copied as f64 / done as f64 * total as f64) as u64)
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
