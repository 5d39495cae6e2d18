//! One connection to Redis, shared by many callers: what they ask goes out in the order in which it came,
//! and each gets the replies to its own.
//!
//! Promises: what is asked at the same time leaves together; replies stay in the bytes in which they came,
//! whatever is in them; what had not begun to leave when the connection broke is known not to have been
//! sent. Bytes that nobody has asked for, or that are not RESP2, end the connection.
//!
//! Not the `redis` crate's multiplexed connection: it makes a tree of every reply, gives the connection up
//! over a text that is not UTF-8 or an array of more than 100 levels, and cannot tell what it has not
//! sent yet.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Fault;
use super::wire::Wire;
use crate::reply::{READ, Scan, Scanner};

/// With less room than this behind what was read, new memory is taken.
const LEAST_READ: usize = 4 << 10;

/// Requests are put together into pieces of this many bytes; a longer one is a piece of its own, written
/// by its caller while nobody waits.
const PIECE: usize = 64 << 10;

/// The room of a piece to begin with: for some tens of usual requests.
const LEAST_PIECE: usize = 4 << 10;

/// What one request is answered is long from so many bytes on: Redis sends a connection some 64 KB before it goes
/// on to the next one (`NET_MAX_WRITES_PER_EVENT`). With 32 KB it does not cost to use more connections, with 4 to
/// 16 KB they cost 3 to 5 % of the requests per second.
const LONG: usize = 32 << 10;

/// Leave to have something under way.
pub type Turn = OwnedSemaphorePermit;

/// A connection, until it is dropped.
#[derive(Debug)]
pub struct Connection {
    queue: Arc<Mutex<Queue>>,
    driver: AbortHandle,
    heard: Arc<Heard>,
}

/// What was last heard of the server.
#[derive(Debug)]
struct Heard {
    begun: Instant,
    /// When: milliseconds since then.
    at: AtomicU64,
    /// Whether it is in the middle of a reply that is longer than what is read at once.
    in_long_reply: AtomicBool,
    /// Whether anybody was answered at length by what it has sent last.
    replies_are_long: AtomicBool,
}

impl Heard {
    fn note(&self) {
        self.at.store(self.begun.elapsed().as_millis() as u64, Ordering::Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What callers have asked for and the driver has not taken yet.
#[derive(Default)]
struct Queue {
    pieces: Vec<Vec<u8>>,
    waiting: Vec<Waiting>,
    /// The driver's, while it sleeps.
    waker: Option<Waker>,
    /// Nothing is taken any more.
    is_closed: bool,
}

/// Nothing of the contents: data and passwords stay out of logs.
impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests", self.waiting.len())
    }
}

/// Somebody who waits for so many replies. One who has gone away stays in his place, and keeps his turn,
/// since his replies still come.
#[derive(Debug)]
struct Waiting {
    replies: usize,
    answer: oneshot::Sender<Result<Bytes, Fault>>,
    _turn: Option<Turn>,
}

/// Replies that are on their way.
#[derive(Debug)]
pub struct Answer(oneshot::Receiver<Result<Bytes, Fault>>);

impl Answer {
    /// The replies to one request, one behind the other.
    pub async fn replies(self) -> Result<Bytes, Fault> {
        self.0.await.unwrap_or(Err(Fault::Lost))
    }
}

impl Connection {
    /// Takes the bytes' way to Redis over. `closed` is called when it is closed, before those who still
    /// wait are told.
    pub fn start(wire: Wire, closed: impl FnOnce() + Send + 'static) -> Self {
        let queue = Arc::<Mutex<Queue>>::default();
        let heard = Arc::new(Heard {
            begun: Instant::now(),
            at: AtomicU64::new(0),
            in_long_reply: AtomicBool::new(false),
            replies_are_long: AtomicBool::new(false),
        });
        let driver = Driver {
            wire,
            queue: queue.clone(),
            heard: heard.clone(),
            has_begun: false,
            stands_back: false,
            has_grown: false,
            longest: 0,
            closed: Some(closed),
            pieces: VecDeque::new(),
            written: 0,
            is_flushed: true,
            received: BytesMut::with_capacity(READ),
            scanner: Scanner::new(0),
            waiting: VecDeque::new(),
        };
        let driver = tokio::spawn(driver.run()).abort_handle();
        Self { queue, driver, heard }
    }

    /// How long the server has said nothing.
    pub fn silence(&self) -> Duration {
        let at = Duration::from_millis(self.heard.at.load(Ordering::Relaxed));
        self.heard.begun.elapsed().saturating_sub(at)
    }

    /// Whether what is asked now waits for the rest of a long reply, which may take its time.
    pub fn is_in_long_reply(&self) -> bool {
        self.heard.in_long_reply.load(Ordering::Relaxed)
    }

    /// Whether what is asked now comes behind long replies, or is likely to be one.
    pub fn replies_are_long(&self) -> bool {
        self.heard.replies_are_long.load(Ordering::Relaxed)
    }

    /// Asks for what `write` writes, `size` bytes at the most, and gets so many replies, one at least. It
    /// leaves in one piece: nobody else's commands come between. The turn lasts until they have come.
    pub fn ask(
        &self,
        size: usize,
        replies: usize,
        turn: Option<Turn>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Answer, Fault> {
        let (answer, answered) = oneshot::channel();
        debug_assert!(replies > 0, "nobody would be told");
        let waiting = Waiting { replies, answer, _turn: turn };
        let waker = if size > PIECE {
            let mut alone = Vec::with_capacity(size);
            write(&mut alone);
            let mut queue = lock(&self.queue);
            queue.pieces.push(alone);
            queue.add(waiting)?
        } else {
            let mut queue = lock(&self.queue);
            write(queue.piece(size));
            queue.add(waiting)?
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(Answer(answered))
    }
}

impl Queue {
    /// Where so many bytes may be added.
    fn piece(&mut self, size: usize) -> &mut Vec<u8> {
        let has_room = self.pieces.last().is_some_and(|last| last.len() + size <= PIECE);
        if !has_room {
            self.pieces.push(Vec::with_capacity(size.max(LEAST_PIECE)));
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    /// Somebody waits for what was written last. Returns whom to wake.
    fn add(&mut self, waiting: Waiting) -> Result<Option<Waker>, Fault> {
        if self.is_closed {
            self.pieces.clear();
            return Err(Fault::NotSent);
        }
        self.waiting.push(waiting);
        Ok(self.waker.take())
    }
}

/// Nothing panics while it is held: encoding a command only copies bytes.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads and writes.
struct Driver<F: FnOnce()> {
    wire: Wire,
    queue: Arc<Mutex<Queue>>,
    heard: Arc<Heard>,
    /// Something was asked. What a server says before (that it has no place for this connection, say)
    /// is left for whoever asks first.
    has_begun: bool,
    /// It lets others run before it takes what was asked.
    stands_back: bool,
    /// A reply was longer than what is read at once.
    has_grown: bool,
    /// Bytes that somebody was handed at the most since that was last looked at.
    longest: usize,
    closed: Option<F>,
    /// What is being written, and how much of the first has been.
    pieces: VecDeque<Vec<u8>>,
    written: usize,
    /// Something was written that may still stand in the wire's own memory (TLS).
    is_flushed: bool,
    /// What was read and belongs to the first of those who wait.
    received: BytesMut,
    scanner: Scanner,
    waiting: VecDeque<Waiting>,
}

impl<F: FnOnce()> Driver<F> {
    async fn run(mut self) {
        let end = poll_fn(|cx| self.poll(cx)).await;
        tracing::debug!(%end, "connection to Redis ended");
    }

    /// Ready when the connection is at its end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.has_begun
            && let Poll::Ready(end) = self.poll_receive(cx)
        {
            return Poll::Ready(end);
        }
        loop {
            if let Poll::Ready(end) = self.poll_send(cx) {
                return Poll::Ready(end);
            }
            if !self.pieces.is_empty() {
                return Poll::Pending;
            }
            let mut queue = lock(&self.queue);
            if queue.pieces.is_empty() {
                queue.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            // What others ask who are ready now leaves in the same write. tokio runs whoever was woken
            // last next, which without this is the driver, for each request by itself.
            self.stands_back = !self.stands_back;
            if self.stands_back {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.waiting.is_empty() {
                let first = queue.waiting.first().map_or(0, |first| first.replies);
                self.scanner = Scanner::new(first);
            }
            self.pieces.extend(queue.pieces.drain(..));
            self.waiting.extend(queue.waiting.drain(..));
            drop(queue);
            if !self.has_begun {
                self.has_begun = true;
                if let Poll::Ready(end) = self.poll_receive(cx) {
                    return Poll::Ready(end);
                }
            }
        }
    }

    /// Writes what was taken. Pending: for as long as the kernel takes no more, or if nothing is left.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while let Some(piece) = self.pieces.front() {
            match ready!(Pin::new(&mut self.wire).poll_write(cx, &piece[self.written..])) {
                Ok(0) => return Poll::Ready(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) => return Poll::Ready(error),
            }
            self.is_flushed = false;
            if self.written == piece.len() {
                self.written = 0;
                self.pieces.pop_front();
            }
        }
        if !self.is_flushed {
            match ready!(Pin::new(&mut self.wire).poll_flush(cx)) {
                Ok(()) => self.is_flushed = true,
                Err(error) => return Poll::Ready(error),
            }
        }
        Poll::Pending
    }

    /// Reads what has come, and hands it out.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            match ready!(pin!(self.wire.read_buf(&mut self.received)).poll(cx)) {
                Ok(0) => return Poll::Ready(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => self.heard.note(),
                Err(error) => return Poll::Ready(error),
            }
            let to_come = match self.hand_out() {
                Ok(to_come) => to_come,
                Err(error) => return Poll::Ready(error),
            };
            let unfinished = self.received.len().max(to_come);
            self.heard.in_long_reply.store(unfinished > READ, Ordering::Relaxed);
            let longest = std::mem::take(&mut self.longest);
            let are_long = longest.max(self.received.len() + to_come) >= LONG;
            // The beginning of the next one tells nothing.
            if are_long || longest > 0 {
                self.heard.replies_are_long.store(are_long, Ordering::Relaxed);
            }
            if std::mem::take(&mut self.has_grown) {
                // Or the memory of the longest reply would stay for as long as the connection is used.
                let rest = std::mem::take(&mut self.received);
                self.received = BytesMut::with_capacity(READ.max(rest.len()));
                self.received.extend_from_slice(&rest);
            }
            // It doubles at the most, whatever length a reply announces.
            let most = READ.max(self.received.len());
            let wanted = to_come.clamp(LEAST_READ, most);
            if self.received.capacity() - self.received.len() < wanted {
                self.received.reserve(wanted.max(READ));
            }
        }
    }

    /// Gives everybody whose replies are whole what is his. Returns how many bytes are still to come at
    /// the least.
    fn hand_out(&mut self) -> io::Result<usize> {
        while !self.waiting.is_empty() {
            let scan = self.scanner.scan(&self.received);
            match scan.map_err(|_| io::Error::other("an answer that is not RESP2"))? {
                Scan::Unfinished(least) => return Ok(least - self.received.len()),
                Scan::Whole(length) => {
                    let replies = self.received.split_to(length);
                    // Who came behind a long one does not keep its memory.
                    let replies = match self.has_grown {
                        true => Bytes::copy_from_slice(&replies),
                        false => replies.freeze(),
                    };
                    self.has_grown |= length > READ;
                    self.longest = self.longest.max(length);
                    if let Some(first) = self.waiting.pop_front() {
                        // Unless he has gone away.
                        let _ = first.answer.send(Ok(replies));
                    }
                    let next = self.waiting.front().map_or(0, |next| next.replies);
                    self.scanner = Scanner::new(next);
                }
            }
        }
        match self.received.is_empty() {
            true => Ok(0),
            false => Err(io::Error::other("an answer that nobody has asked for")),
        }
    }
}

impl<F: FnOnce()> Drop for Driver<F> {
    fn drop(&mut self) {
        let unsent = {
            let mut queue = lock(&self.queue);
            queue.is_closed = true;
            queue.pieces.clear();
            std::mem::take(&mut queue.waiting)
        };
        if let Some(closed) = self.closed.take() {
            closed();
        }
        for one in unsent {
            let _ = one.answer.send(Err(Fault::NotSent));
        }
        // Those of whom something may have left learn from the end of `waiting` that it is lost.
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
    use tokio::time::timeout;

    use super::*;

    /// Longer than anything here takes.
    const LIMIT: Duration = Duration::from_secs(10);

    /// A connection, Redis's end of it, and whether it is closed. `room` is what is on its way at the most.
    fn start(room: usize) -> (Connection, DuplexStream, Arc<AtomicBool>) {
        let (near, far) = duplex(room);
        let is_closed = Arc::new(AtomicBool::new(false));
        let closed = is_closed.clone();
        let connection =
            Connection::start(Box::pin(near), move || closed.store(true, Ordering::SeqCst));
        (connection, far, is_closed)
    }

    fn ask(connection: &Connection, request: &[u8], replies: usize) -> Result<Answer, Fault> {
        connection.ask(request.len(), replies, None, |out| out.extend_from_slice(request))
    }

    async fn told(answer: Answer) -> Result<Bytes, Fault> {
        timeout(LIMIT, answer.replies()).await.unwrap()
    }

    /// Counts the writes.
    struct Counted(DuplexStream, Arc<AtomicU64>);

    impl AsyncRead for Counted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, into)
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.1.fetch_add(1, Ordering::SeqCst);
            Pin::new(&mut self.0).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_is_asked_at_the_same_time_leaves_together() {
        let (near, mut far) = duplex(1 << 10);
        let writes = Arc::new(AtomicU64::new(0));
        let wire = Box::pin(Counted(near, writes.clone()));
        let connection = Arc::new(Connection::start(wire, || {}));
        // On the worker, where the driver is.
        let asked = tokio::spawn(async move {
            for _ in 0..20 {
                let connection = connection.clone();
                tokio::spawn(async move { ask(&connection, b"x", 1).unwrap().replies().await });
            }
        });
        asked.await.unwrap();
        timeout(LIMIT, far.read_exact(&mut [0; 20])).await.unwrap().unwrap();
        let writes = writes.load(Ordering::SeqCst);
        assert!(writes <= 2, "{writes} writes");
    }

    #[tokio::test]
    async fn who_comes_behind_a_long_reply_does_not_keep_its_memory() {
        let (connection, mut redis, _) = start(4 * READ);
        let answers = [(); 3].map(|()| ask(&connection, b"x", 1).unwrap());
        redis.read_exact(&mut [0; 3]).await.unwrap();
        let bulk = |length| [format!("${length}\r\n"), "x".repeat(length), "\r\n".into()].concat();
        let sent = [bulk(5), bulk(READ), bulk(7)].concat();
        redis.write_all(sent.as_bytes()).await.unwrap();
        let [before, long, behind] = answers.map(told);
        let (before, long, behind) = tokio::join!(before, long, behind);
        let (before, long, behind) = (before.unwrap(), long.unwrap(), behind.unwrap());
        assert_eq!([&before[..], &long, &behind].concat(), sent.as_bytes());
        assert_ne!(long.as_ptr_range().end, behind.as_ptr());
    }

    #[tokio::test]
    async fn replies_are_long_until_a_short_one_was_whole() {
        let (connection, mut redis, _) = start(4 * LONG);
        let [long, short] = [(); 2].map(|()| ask(&connection, b"x", 1).unwrap());
        redis.read_exact(&mut [0; 2]).await.unwrap();
        let mut sent = async |bytes: &[u8]| {
            redis.write_all(bytes).await.unwrap();
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            connection.replies_are_long()
        };
        // Some of a field each: what has come says little of what will.
        let list = [b"*2\r\n$20000\r\n", &[b'x'; 20_000][..], b"\r\n"].concat();
        assert!(!sent(&list).await);
        assert!(sent(&list[4..]).await);
        assert!(sent(b"+sh").await);
        assert!(!sent(b"ort\r\n").await);
        assert_eq!(told(long).await.unwrap().len(), 2 * list.len() - 4);
        assert_eq!(told(short).await.unwrap(), "+short\r\n");
    }

    #[tokio::test]
    async fn each_gets_his_own_however_replies_are_cut() {
        let (connection, mut redis, _) = start(1 << 10);
        let first = ask(&connection, b"a", 2).unwrap();
        // He goes away; his reply comes all the same.
        drop(ask(&connection, b"b", 1).unwrap());
        let last = ask(&connection, b"c", 1).unwrap();
        let mut asked = [0; 3];
        redis.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"abc");
        for byte in b"+one\r\n*1\r\n:2\r\n-gone\r\n$3\r\nown\r\n" {
            redis.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(told(first).await.unwrap(), "+one\r\n*1\r\n:2\r\n");
        assert_eq!(told(last).await.unwrap(), "$3\r\nown\r\n");
    }

    /// Redis has no place for a connection, say.
    #[tokio::test]
    async fn what_is_said_before_anything_was_asked_is_for_who_asks_first() {
        let (connection, mut redis, _) = start(1 << 10);
        redis.write_all(b"-ERR max number of clients reached\r\n").await.unwrap();
        drop(redis);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let first = ask(&connection, b"a", 1).unwrap();
        assert_eq!(told(first).await.unwrap(), "-ERR max number of clients reached\r\n");
    }

    #[tokio::test]
    async fn what_is_ready_together_leaves_together_and_in_order() {
        let (connection, mut redis, _) = start(1 << 20);
        let long = vec![b'x'; PIECE + 1];
        let answers = [&b"a"[..], b"b", &long, b"c"].map(|one| ask(&connection, one, 1).unwrap());
        let mut asked = vec![0; long.len() + 3];
        redis.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, [b"ab", &long[..], b"c"].concat());
        redis.write_all(b":1\r\n:2\r\n:3\r\n:4\r\n").await.unwrap();
        for (answer, want) in answers.into_iter().zip([":1\r\n", ":2\r\n", ":3\r\n", ":4\r\n"]) {
            assert_eq!(told(answer).await.unwrap(), want);
        }
    }

    #[tokio::test]
    async fn of_a_broken_connection_it_is_known_what_was_not_sent() {
        // More than fits the way: it is stuck in the middle of the first.
        let (connection, redis, is_closed) = start(16);
        let begun = ask(&connection, &[b'x'; 100], 1).unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let queued = ask(&connection, b"y", 1).unwrap();
        drop(redis);
        assert_eq!(told(begun).await, Err(Fault::Lost));
        assert!(is_closed.load(Ordering::SeqCst), "before anybody learns of it");
        assert_eq!(told(queued).await, Err(Fault::NotSent));
        assert_eq!(ask(&connection, b"z", 1).unwrap_err(), Fault::NotSent);
    }

    #[tokio::test]
    async fn what_nobody_has_asked_for_ends_the_connection() {
        for bytes in [&b"+OK\r\n:1\r\n"[..], b"HTTP/1.1 200 OK\r\n"] {
            let (connection, mut redis, is_closed) = start(1 << 10);
            let answer = ask(&connection, b"a", 1).unwrap();
            redis.read_exact(&mut [0]).await.unwrap();
            redis.write_all(bytes).await.unwrap();
            let is_his = bytes.starts_with(b"+");
            assert_eq!(told(answer).await.is_ok(), is_his);
            // It is dropped at the other end.
            assert_eq!(timeout(LIMIT, redis.read(&mut [0])).await.unwrap().unwrap(), 0);
            assert!(is_closed.load(Ordering::SeqCst));
        }
    }
}
