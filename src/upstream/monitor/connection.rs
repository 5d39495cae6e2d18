//! A connection that Redis tells its commands. Spoken by hand: the `redis` crate's own monitor makes
//! its connection itself, and takes lines of any length.

use std::io;
use std::pin::Pin;

use redis::Cmd;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::line;
use crate::config::ConnectionString;
use crate::upstream::Fault;
use crate::upstream::wire::{self, Wire};

/// Bytes of a line that are kept. A command may hold hundreds of megabytes, and the clients that
/// read event streams take lines of up to 1 MiB.
const LONGEST_LINE: usize = 1_000_000;

/// Bytes asked for at once: some hundred commands, so that a busy Redis does not wake us for each.
const READ: usize = 16 << 10;

/// A connection, and the line that has not arrived in full yet.
pub struct Connection<S> {
    wire: BufReader<S>,
    line: Vec<u8>,
    /// Bytes of that line that were not kept.
    cut: usize,
    /// Whether every client on a Unix socket is pkv itself.
    own_socket: bool,
}

/// Connects, and asks for the commands. On the bundled Redis (`own_socket`) nobody but pkv comes
/// over a Unix socket.
pub async fn open(target: &ConnectionString, own_socket: bool) -> Result<Connection<Wire>, Fault> {
    let info = target.info();
    let wire = wire::connect(info.addr())
        .await
        .map_err(|error| Fault::Down(format!("cannot connect to {target:?}: {error}")))?;
    let mut connection = Connection::new(wire, own_socket);
    let lost = |error: io::Error| Fault::Down(format!("{target:?} closed the connection: {error}"));
    let settings = info.redis_settings();
    if let Some(password) = settings.password() {
        let mut auth = redis::cmd("AUTH");
        if let Some(user) = settings.username() {
            auth.arg(user);
        }
        auth.arg(password);
        connection.ask(&auth).await.map_err(lost)?.map_err(|refusal| {
            match refusal.starts_with("WRONGPASS ") {
                true => Fault::Denied,
                false => Fault::Down(format!("{target:?} refused the connection: {refusal}")),
            }
        })?;
    }
    connection.ask(&redis::cmd("MONITOR")).await.map_err(lost)?.map_err(Fault::Refused)?;
    Ok(connection)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn new(wire: S, own_socket: bool) -> Self {
        let wire = BufReader::with_capacity(READ, wire);
        Self { wire, line: Vec::new(), cut: 0, own_socket }
    }

    /// Sends a command that is answered with a status; the inner error is Redis's text.
    async fn ask(&mut self, command: &Cmd) -> io::Result<Result<(), String>> {
        self.wire.write_all(&command.get_packed_command()).await?;
        self.wire.flush().await?;
        loop {
            if let Some(line) = self.take_line() {
                return match line.split_at_checked(1) {
                    Some(("+", _)) => Ok(Ok(())),
                    Some(("-", text)) => Ok(Err(text.to_owned())),
                    _ => Err(io::ErrorKind::InvalidData.into()),
                };
            }
            self.fill().await?;
        }
    }

    /// All commands that have arrived, as they may be shown, a line each; waits for the first one.
    /// Loses nothing if it is dropped while it waits: then it has taken no line that is shown.
    pub async fn commands(&mut self) -> io::Result<String> {
        let mut shown = String::new();
        loop {
            while let Some(line) = self.take_line() {
                line::show(&line, self.own_socket, &mut shown);
            }
            if !shown.is_empty() {
                return Ok(shown);
            }
            self.fill().await?;
        }
    }

    /// Waits for more bytes.
    async fn fill(&mut self) -> io::Result<()> {
        match self.wire.fill_buf().await? {
            [] => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The next line, if all of it has arrived; else what has arrived of it is kept for later.
    fn take_line(&mut self) -> Option<String> {
        let arrived = self.wire.buffer();
        let end = memchr::memchr(b'\n', arrived);
        let piece = &arrived[..end.unwrap_or(arrived.len())];
        let kept = piece.len().min(LONGEST_LINE - self.line.len());
        self.line.extend_from_slice(&piece[..kept]);
        self.cut += piece.len() - kept;
        let used = end.map_or(arrived.len(), |end| end + 1);
        Pin::new(&mut self.wire).consume(used);
        end?;
        let mut line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        match std::mem::take(&mut self.cut) {
            0 => line.truncate(line.trim_end_matches('\r').len()),
            // As SLOWLOG cuts arguments.
            cut => line += &format!("... ({cut} more bytes)"),
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_line_may_come_in_any_pieces_and_what_came_together_is_told_together() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut connection = Connection::new(near, false);
        let sent = b"+1.5 [0 h:1] \"PING\"\r\n+1.6 [0 h:1] \"GET\" \"k\"\r\n";
        for cut in 0..sent.len() {
            far.write_all(&sent[..cut]).await.unwrap();
            let mut told = String::new();
            // Dropped while it waits: nothing of the piece is lost.
            tokio::select! {
                biased;
                commands = connection.commands() => told += &commands.unwrap(),
                () = tokio::task::yield_now() => {}
            }
            far.write_all(&sent[cut..]).await.unwrap();
            while told.lines().count() < 2 {
                told += &connection.commands().await.unwrap();
            }
            assert_eq!(told, "1.5 [0 0.0.0.0:0] \"PING\"\n1.6 [0 0.0.0.0:0] \"GET\" \"k\"\n");
        }
    }

    #[tokio::test]
    async fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let mut connection = Connection::new(near, false);
        let writing = tokio::spawn(async move {
            let value = "x".repeat(5_000_000);
            let lines = format!("+1 [0 h:1] \"SET\" \"{value}\"\r\n+2 [0 h:1] \"PING\"\r\n");
            far.write_all(lines.as_bytes()).await.unwrap();
        });
        let mut told = String::new();
        while told.lines().count() < 2 {
            told += &connection.commands().await.unwrap();
        }
        writing.await.unwrap();
        let (long, next) = told.split_once('\n').unwrap();
        assert!(long.len() < LONGEST_LINE + 50, "{}", long.len());
        assert!(long.ends_with("xxx... (4000020 more bytes)"), "{}", &long[long.len() - 40..]);
        assert_eq!(next, "2 [0 0.0.0.0:0] \"PING\"\n");
    }

    #[tokio::test]
    async fn a_refusal_is_redis_s_own_text_and_an_end_is_an_error() {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let mut connection = Connection::new(near, false);
        far.write_all(b"+OK\r\n-NOPERM no\r\n").await.unwrap();
        let monitor = redis::cmd("MONITOR");
        assert_eq!(connection.ask(&monitor).await.unwrap(), Ok(()));
        assert_eq!(connection.ask(&monitor).await.unwrap(), Err("NOPERM no".to_owned()));
        let mut asked = [0; 34];
        far.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"*1\r\n$7\r\nMONITOR\r\n*1\r\n$7\r\nMONITOR\r\n");
        drop(far);
        assert!(connection.commands().await.is_err());
    }
}
