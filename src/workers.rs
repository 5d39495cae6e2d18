//! The threads that serve clients: one for each core, each with a runtime of its own.
//!
//! A client's connection stays with the worker that it was given to, and usually so does what it asks of
//! Redis: each worker has connections of its own, which the thread drives that has opened them (see
//! `upstream::pool`). In one runtime of several threads, nearly every request makes some thread wake another
//! one, and its memory goes from one core's cache to the other's. On two cores that cost an eighth of the
//! processor's time for a GET and 5 to 30 % of the requests per second, depending on how many asked; GETs
//! beside LRANGEs of 100 000 items waited three times as long.
//!
//! What it costs: connections that are busy may share a worker while another one has nothing to do, and all
//! that comes over one connection of HTTP/2 has one core. Whatever takes long must not keep its worker:
//! parsing and writing of much leave it meanwhile (`api::labour`), other work pauses for others, and what may
//! block has threads of its own (`spawn_blocking`).

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::warn;

/// More workers than one Redis keeps busy.
const MOST: usize = 16;

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place { number: 0, of: 1 }) };
}

/// Which worker a thread belongs to.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// From 0.
    number: usize,
    /// How many there are.
    of: usize,
}

/// Where clients' connections are served. Clones are the same workers.
#[derive(Debug, Clone)]
pub struct Workers(Arc<[Worker]>);

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// There is a clone for each connection.
    load: Arc<()>,
}

impl Workers {
    /// Serves on these, one at least.
    pub fn new(runtimes: impl IntoIterator<Item = Handle>) -> Self {
        Self(runtimes.into_iter().map(|runtime| Worker { runtime, load: Arc::default() }).collect())
    }

    /// Hands a connection to the worker that has the fewest, which does this work with it. An error: the
    /// connection cannot be handed on, and is gone.
    pub fn give<W: Future<Output = ()> + Send>(
        &self,
        stream: TcpStream,
        work: impl FnOnce(TcpStream) -> W + Send + 'static,
    ) -> io::Result<()> {
        let load = |number: &usize| Arc::strong_count(&self.0[*number].load);
        let least = (0..self.0.len()).min_by_key(load).unwrap_or(0);
        let Worker { runtime, load } = &self.0[least];
        let load = load.clone();
        // Each runtime waits for its own sockets only.
        let stream = stream.into_std()?;
        runtime.spawn(async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => work(stream).await,
                Err(error) => warn!(%error, "cannot serve a connection"),
            }
            drop(load);
        });
        Ok(())
    }
}

/// How many there are; on a thread that is no worker's, 1.
pub fn count() -> usize {
    PLACE.get().of
}

/// The number of the worker whose thread this is, from 0; 0 on any other thread.
pub fn number() -> usize {
    PLACE.get().number
}

/// Of so many things, those that belong to the worker whose thread this is, by their numbers. They are dealt
/// out to all workers in turn; with more workers than things, some have the same one. On any other thread: all.
pub fn own(things: usize) -> impl Iterator<Item = usize> {
    let Place { number, of } = PLACE.get();
    (number % things.max(1)..things).step_by(of)
}

/// The runtimes of so many workers, one at least; one for each core if that is not said. The first is
/// also for all else that pkv does; only that one knows processes and signals, and the thread that calls this
/// counts as its own.
pub fn runtimes(count: Option<usize>) -> io::Result<Vec<Runtime>> {
    let cores = || available_parallelism().map_or(1, usize::from);
    let of = count.unwrap_or_else(cores).clamp(1, MOST);
    PLACE.set(Place { number: 0, of });
    (0..of).map(|number| runtime(Place { number, of })).collect()
}

/// Of several threads in name, for `block_in_place`: another one takes over what stands behind long work.
fn runtime(place: Place) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).on_thread_start(move || PLACE.set(place));
    match place.number {
        0 => builder.enable_all(),
        _ => builder.enable_io().enable_time(),
    };
    builder.build()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use tokio::net::TcpListener;
    use tokio::task::{block_in_place, spawn};
    use tokio::time::timeout;

    use super::*;

    /// Longer than anything here takes.
    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn things_are_dealt_out_in_turn_and_nobody_has_none() {
        let dealt = |of, things| {
            let own = |number| {
                PLACE.set(Place { number, of });
                own(things).collect::<Vec<_>>()
            };
            (0..of).map(own).collect::<Vec<_>>()
        };
        assert_eq!(dealt(2, 5), [vec![0, 2, 4], vec![1, 3]]);
        assert_eq!(dealt(1, 3), [[0, 1, 2]]);
        assert_eq!(dealt(5, 3), [[0], [1], [2], [0], [1]]);
    }

    #[test]
    fn a_connection_goes_to_the_worker_that_has_the_fewest_and_stays_there() {
        let runtimes = runtimes(Some(2)).unwrap();
        let workers = Workers::new(runtimes.iter().map(|one| one.handle().clone()));
        let (tell, told) = mpsc::channel();
        let listener = runtimes[0].block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        // The client's end, and whose connection it is.
        let connect = || {
            let client = std::net::TcpStream::connect(address).unwrap();
            let (stream, _) = runtimes[0].block_on(listener.accept()).unwrap();
            let tell = tell.clone();
            let work = move |stream: TcpStream| async move {
                tell.send(number()).unwrap();
                // Its end.
                stream.readable().await.unwrap();
                tell.send(number()).unwrap();
            };
            workers.give(stream, work).unwrap();
            (client, told.recv_timeout(LIMIT).unwrap())
        };
        let (first, second, third) = (connect(), connect(), connect());
        assert_eq!([first.1, second.1, third.1], [0, 1, 0]);
        drop((first, third));
        assert_eq!([told.recv_timeout(LIMIT), told.recv_timeout(LIMIT)], [Ok(0), Ok(0)]);
        let deadline = Instant::now() + LIMIT;
        while Arc::strong_count(&workers.0[0].load) > 1 {
            assert!(Instant::now() < deadline, "they still count");
            std::thread::yield_now();
        }
        let fourth = connect();
        assert_eq!(fourth.1, 0);
        drop(second);
        assert_eq!(told.recv_timeout(LIMIT), Ok(1));
    }

    #[test]
    fn who_goes_on_beside_long_work_is_the_same_worker() {
        let runtime = runtime(Place { number: 7, of: 8 }).unwrap();
        let busy =
            async { block_in_place(|| Handle::current().block_on(spawn(async { number() }))) };
        let beside = runtime.block_on(async { timeout(LIMIT, spawn(busy)).await });
        assert_eq!(beside.unwrap().unwrap().unwrap(), 7);
    }
}
