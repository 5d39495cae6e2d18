//! How a batch gets to Redis: on which connection, in which pieces, and what is made of a loss.
//!
//! Large batches have a connection to themselves, so that nobody's GET stands behind them: Redis itself
//! goes from one connection to the next after some 16 KB of commands. There they go out in slices, by
//! turns with the slices of others. The commands of a batch stay in order, and what comes between the
//! commands of one that is not atomic has always been open.

use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::super::{Fault, Kind, Link, Pass};
use super::{HOLD, Pool, RETRY};
use crate::command::{Batch, Command};
use crate::reply::Replies;

/// A batch of more commands is large: some 0.1 ms of Redis's time, and so of those behind it.
const FEW: usize = 128;

/// One of more bytes too: as many as a Unix socket takes at once.
const SHORT: usize = 128 << 10;

/// The size of a slice: some 1 ms of Redis's time, and so of another large batch's wait. A Redis that is
/// 10 ms away still takes 100 000 commands in a second this way.
const SLICE: usize = 1024;

/// A slice of larger commands ends earlier, at this many bytes.
const SLICE_BYTES: usize = 1 << 20;

impl Pool {
    /// Sends the batch. `pass` takes what the replies weigh.
    pub async fn execute(
        &self,
        batch: &Batch,
        own_connection: bool,
        pass: &mut Pass,
    ) -> Result<Replies, Fault> {
        let now = Instant::now();
        self.note_use(now);
        let end = now + self.timeout;
        let (result, used) = self.attempt(batch, own_connection, pass, end).await?;
        match result {
            // In a box like everything rare here, since every request carries the place for it.
            Err(Fault::Lost) => Box::pin(self.again_if_read(batch, pass, end)).await,
            Err(Fault::Timeout) => {
                // The connection itself may be what does not answer: new requests get a new one, as
                // do those that wait for their turn here; what is under way may still be answered.
                used.retire();
                Err(Fault::Timeout)
            }
            result => result,
        }
    }

    /// Asks at once, whoever else waits.
    pub async fn ask(&self, batch: &Batch) -> Result<Replies, Fault> {
        let link = self.link(false, Instant::now() + HOLD.min(self.timeout)).await?;
        link.send(batch, self.timeout).await
    }

    /// What the server's own command table says of each command, in their order.
    pub async fn kinds(&self, commands: &[Command]) -> Result<Vec<Kind>, Fault> {
        let link = self.link(false, Instant::now() + HOLD.min(self.timeout)).await?;
        link.kinds(commands, self.timeout).await.ok_or(Fault::NotSent)
    }

    /// A read that was lost with its connection is sent once more; anything else stays lost.
    /// All of it within `end`.
    async fn again_if_read(
        &self,
        batch: &Batch,
        pass: &mut Pass,
        end: Instant,
    ) -> Result<Replies, Fault> {
        let deadline = end.min(Instant::now() + HOLD);
        loop {
            let Ok(link) = self.link(is_large(batch), deadline).await else {
                return Err(Fault::Lost);
            };
            let is_read = |kind: &Kind| matches!(kind, Kind::Read | Kind::DangerousRead);
            match link.kinds(&batch.commands, HOLD).await.map(|kinds| kinds.iter().all(is_read)) {
                Some(true) => {
                    debug!(redis = self.target.name, ?batch, "sending a lost read again");
                    // On this very connection: it has just answered, so it is one to the Redis that
                    // came after the loss.
                    let mut replies = Replies::default();
                    let again = send(&link, batch, &mut replies, pass, end).await;
                    // Of the first time it is not known.
                    return again.map(|()| replies).map_err(|fault| match fault {
                        Fault::NotSent | Fault::Busy => Fault::Lost,
                        fault => fault,
                    });
                }
                Some(false) => return Err(Fault::Lost),
                // A connection that went with the same crash but had not noticed yet.
                None if Instant::now() < deadline => link.retire(),
                None => return Err(Fault::Lost),
            }
        }
    }

    /// Sends once; goes on on the next connection with what certainly did not leave. The error of a
    /// connection that did not come is one of the whole batch.
    async fn attempt(
        &self,
        batch: &Batch,
        own_connection: bool,
        pass: &mut Pass,
        end: Instant,
    ) -> Result<(Result<Replies, Fault>, Link), Fault> {
        let mut replies = Replies::default();
        let sent = self.attempt_rest(batch, own_connection, &mut replies, pass, end).await;
        let is_begun = !replies.is_empty();
        // Of what came before it is known that it was executed; of the whole it is not.
        let of_the_whole = |fault| match fault {
            Fault::Busy if is_begun => Fault::Timeout,
            Fault::NotSent | Fault::Down(_) if is_begun => Fault::Lost,
            fault => fault,
        };
        match sent {
            Ok((sent, link)) => Ok((sent.map(|()| replies), link)),
            Err(fault) => Err(of_the_whole(fault)),
        }
    }

    /// Sends the commands that `replies` has no reply to.
    async fn attempt_rest(
        &self,
        batch: &Batch,
        own_connection: bool,
        replies: &mut Replies,
        pass: &mut Pass,
        end: Instant,
    ) -> Result<(Result<(), Fault>, Link), Fault> {
        let _lease = if own_connection { Some(self.lease(end).await?) } else { None };
        // Each connection has this long to come.
        let mut deadline = end.min(Instant::now() + HOLD);
        let patience = deadline;
        loop {
            let link = match own_connection {
                true => Box::pin(self.open(deadline)).await?.1,
                false => self.link(is_large(batch), deadline).await?,
            };
            if batch.atomic && !link.takes_transactions() {
                match Box::pin(self.refusal_of_transactions(&link, deadline)).await {
                    Ok(None) => {}
                    Ok(Some(refusal)) => {
                        *replies = refusal;
                        return Ok((Ok(()), link));
                    }
                    Err(Fault::NotSent) if Instant::now() < patience => {
                        sleep(RETRY).await;
                        deadline = end.min(Instant::now() + HOLD);
                        continue;
                    }
                    Err(fault) => return Err(fault),
                }
            }
            match send(&link, batch, replies, pass, end).await {
                Err(Fault::NotSent) if Instant::now() < end => {
                    sleep(RETRY).await;
                    // A turn may have been waited for in vain for long.
                    deadline = end.min(Instant::now() + HOLD);
                }
                // Nothing is wrong with the connection.
                Err(fault @ (Fault::NotSent | Fault::Busy)) => return Err(fault),
                sent => return Ok((sent, link)),
            }
        }
    }

    /// Leave to open a connection for one batch alone.
    async fn lease(&self, end: Instant) -> Result<SemaphorePermit<'_>, Fault> {
        let deadline = end.min(Instant::now() + HOLD);
        let lease = timeout_at(deadline, self.leases.acquire()).await;
        lease.map_err(|_| Fault::Busy)?.map_err(|_| Fault::Busy)
    }

    /// A server that refuses MULTI would execute what is sent behind it, command by command; so it is
    /// asked with an empty transaction before the first one on each connection. Not on that very
    /// connection: one that takes MULTI but not EXEC would leave it queueing everybody's commands.
    /// A refusal is not remembered, since a busy server refuses too.
    async fn refusal_of_transactions(
        &self,
        link: &Link,
        deadline: Instant,
    ) -> Result<Option<Replies>, Fault> {
        let (_, own) = self.open(deadline).await?;
        let empty = Batch { commands: Vec::new(), atomic: true };
        // Whatever became of it, nothing of the batch itself has left yet.
        let replies = own.send(&empty, HOLD).await.map_err(|_| Fault::NotSent)?;
        if replies.iter().any(|reply| reply.error().is_some()) {
            return Ok(Some(replies));
        }
        link.note_transactions();
        Ok(None)
    }
}

/// Sends what `replies` has no reply to, piece by piece.
async fn send(
    link: &Link,
    batch: &Batch,
    replies: &mut Replies,
    pass: &mut Pass,
    end: Instant,
) -> Result<(), Fault> {
    if batch.atomic {
        *replies = send_piece(link, &batch.commands, true, pass, end).await?;
        pass.add(replies.weight());
        return Ok(());
    }
    // One reply to each command.
    while let Some(rest) = batch.commands.get(replies.len()..).filter(|rest| !rest.is_empty()) {
        let some = send_piece(link, &rest[..slice(rest)], false, pass, end).await?;
        pass.add(some.weight());
        replies.extend(some);
    }
    Ok(())
}

/// Sends when it is its turn on the connection and there is room for the replies. Half of the time is
/// for the turn: one that comes at the very end would leave no time for an answer.
async fn send_piece(
    link: &Link,
    commands: &[Command],
    atomic: bool,
    pass: &mut Pass,
    end: Instant,
) -> Result<Replies, Fault> {
    let now = Instant::now();
    let latest = now + end.saturating_duration_since(now) / 2;
    loop {
        pass.turn(latest).await?;
        let turn = link.turn(latest).await?;
        // It may have taken so long that there is no room any more: then whoever has some goes first.
        if pass.may_send() {
            return link.exchange(commands, atomic, Some(turn), end).await;
        }
    }
}

/// How many of the commands the first slice holds.
fn slice(commands: &[Command]) -> usize {
    let mut bytes = 0;
    let fit = commands.iter().take(SLICE).take_while(|command| {
        bytes += command.bytes();
        bytes <= SLICE_BYTES
    });
    // A single command may be of any size.
    fit.count().max(commands.len().min(1))
}

fn is_large(batch: &Batch) -> bool {
    batch.commands.len() > FEW || batch.commands.iter().map(Command::bytes).sum::<usize>() > SHORT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(count: usize, bytes: usize) -> Vec<Command> {
        vec![Command::new(vec![vec![b'x'; bytes].into()]).unwrap(); count]
    }

    #[test]
    fn a_slice_ends_at_so_many_commands_or_bytes_and_holds_one_at_least() {
        assert_eq!(slice(&[]), 0);
        assert_eq!(slice(&commands(SLICE + 1, 1)), SLICE);
        assert_eq!(slice(&commands(10, 300 << 10)), 3);
        assert_eq!(slice(&commands(2, 2 << 20)), 1);
    }

    #[test]
    fn many_commands_or_many_bytes_are_large() {
        let batch = |count, bytes| Batch { commands: commands(count, bytes), atomic: false };
        assert!(!is_large(&batch(FEW, 100)));
        assert!(is_large(&batch(FEW + 1, 1)));
        assert!(is_large(&batch(1, SHORT + 1)));
    }
}
