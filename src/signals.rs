//! The signals that pkv acts on: SIGTERM, SIGINT, SIGHUP and SIGQUIT all mean "stop".
//!
//! PID 1 has no default signal actions: without a handler a `docker stop` would be ignored for ten
//! seconds and end in SIGKILL. So this is installed first, before anything slow.

use std::thread;

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::stop::Stop;

/// Turns each of the signals into a [`Stop::request`], from a thread of its own that lives as long
/// as the process.
pub fn listen() -> anyhow::Result<Stop> {
    let stop = Stop::default();
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        .context("installing the signal handlers")?;
    let requested = stop.clone();
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || signals.forever().for_each(|_| requested.request()))
        .context("starting the signal thread")?;
    Ok(stop)
}
