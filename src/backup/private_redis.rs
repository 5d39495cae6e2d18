//! A Redis that runs on the stopped store for as long as something is done with it, under the same
//! supervisor as ever: what a crash has left is cured first, and damage is explained.

use std::pin::pin;

use anyhow::{bail, ensure};

use super::progress::Progress;
use crate::config::ConnectionString;
use crate::data_dir::Lock;
use crate::state::{State, StatusReceiver};
use crate::stop::Stop;
use crate::supervisor::{Settings, Stopped, Supervisor, backup_login};

/// Starts it, does `work` with it, stops it. Must be driven by the main thread: see
/// [`Supervisor::run`].
pub async fn with<T>(
    settings: Settings,
    lock: Lock,
    progress: &Progress<'_>,
    work: impl AsyncFnOnce(&ConnectionString) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let redis_dir = settings.data_dir.clone();
    let supervisor = Supervisor::new(settings)?;
    let status = supervisor.status();
    let stop = Stop::default();
    let mut running = pin!(supervisor.run(lock, &stop));
    let working = async {
        until_ready(status, progress).await?;
        work(&backup_login(&redis_dir)?).await
    };
    let worked = tokio::select! {
        ended = &mut running => {
            ended?;
            bail!("Redis ended early");
        }
        worked = working => worked,
    };
    stop.request();
    let stopped = running.await?;
    ensure!(worked.is_err() || stopped == Stopped::Cleanly, "Redis did not stop cleanly");
    worked
}

async fn until_ready(mut status: StatusReceiver, progress: &Progress<'_>) -> anyhow::Result<()> {
    loop {
        match &status.borrow_and_update().state {
            State::Ready { .. } => return Ok(()),
            State::Damaged(what) => bail!("Redis cannot load the data: {what}"),
            State::Loading { percent } => progress.loads(*percent),
            _ => {}
        }
        // The supervisor ends first if it gives up, and says why.
        if status.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
