//! Clients that write all the time, and keep journals.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::journal::{Held, Journal, Outcome, Way};
use crate::support::{Pkv, Reply, TOKEN, items};

/// Enough that requests are always under way, on every connection to Redis.
pub const CLIENTS: usize = 16;

/// Longest wait for an answer: pkv's own limit (`PKV_TIMEOUT`) is half of it.
const ANSWER: Duration = Duration::from_secs(60);

/// Longest time without an acknowledged write, once the fault is over: Redis's restart, 15 s of
/// back-off and what a busy machine adds.
const RECOVERY: Duration = Duration::from_secs(60);

/// A pause after a write that was refused, so that refusals are not the only load.
const PAUSE: Duration = Duration::from_millis(5);

/// What the writers have seen, all together.
#[derive(Debug)]
pub struct Pulse {
    start: Instant,
    /// When the newest request was begun whose write was acknowledged, in µs since `start`.
    newest: AtomicU64,
    pub acknowledged: AtomicUsize,
    /// By Redis, since its disk is full.
    pub refused: AtomicUsize,
    pub reads: AtomicUsize,
    pub failed_reads: AtomicUsize,
    /// What took longer than anything here can take.
    late: Mutex<Vec<String>>,
}

/// The writers while they write.
pub struct Writers {
    pub pulse: Arc<Pulse>,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Journal>>,
}

impl Pulse {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            newest: AtomicU64::new(0),
            acknowledged: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            failed_reads: AtomicUsize::new(0),
            late: Mutex::default(),
        }
    }

    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_micros() as u64
    }

    fn acknowledge(&self, begun: Instant) {
        self.newest.fetch_max(self.micros(begun), Ordering::AcqRel);
        self.acknowledged.fetch_add(1, Ordering::AcqRel);
    }

    /// How long from `fault` to the next acknowledged write that was begun after it.
    pub async fn outage(&self, fault: Instant) -> Duration {
        let since = self.micros(fault);
        while self.newest.load(Ordering::Acquire) <= since {
            assert!(fault.elapsed() < RECOVERY, "no write was acknowledged within {RECOVERY:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        fault.elapsed()
    }

    /// Waits until so many more writes are acknowledged.
    pub async fn beats(&self, count: usize) {
        let (begun, before) = (Instant::now(), self.acknowledged.load(Ordering::Acquire));
        while self.acknowledged.load(Ordering::Acquire) < before + count {
            assert!(begun.elapsed() < RECOVERY, "not {count} writes within {RECOVERY:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Writers {
    /// Each journal's client begins to write to the pkv at `url`, which may change.
    pub fn start(journals: Vec<Journal>, url: &Arc<Mutex<String>>) -> Self {
        let (pulse, stop) = (Arc::new(Pulse::new()), Arc::new(AtomicBool::new(false)));
        let tasks = journals
            .into_iter()
            .map(|journal| {
                let http = reqwest::Client::builder().timeout(ANSWER).build().unwrap();
                let writer = Writer { http, url: url.clone(), pulse: pulse.clone(), journal };
                tokio::spawn(writer.run(stop.clone()))
            })
            .collect();
        Self { pulse, stop, tasks }
    }

    /// Ends it.
    pub async fn finish(self) -> Vec<Journal> {
        self.stop.store(true, Ordering::Release);
        let mut journals = Vec::new();
        for task in self.tasks {
            let journal = tokio::time::timeout(ANSWER + PAUSE, task).await;
            journals.push(journal.expect("a client hangs").unwrap());
        }
        let late = self.pulse.late.lock().unwrap();
        assert!(late.is_empty(), "nothing stopped Redis for so long, but: {late:?}");
        journals
    }
}

struct Writer {
    http: reqwest::Client,
    url: Arc<Mutex<String>>,
    pulse: Arc<Pulse>,
    journal: Journal,
}

/// How a request ended.
enum Answer {
    Reply(Reply),
    /// There was nobody to send it to.
    NotSent,
    /// The connection broke.
    Broken,
}

impl Writer {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Journal {
        while !stop.load(Ordering::Acquire) {
            if !self.write().await {
                tokio::time::sleep(PAUSE).await;
            }
            self.read().await;
        }
        self.journal
    }

    /// The next write; whether all of it was acknowledged.
    async fn write(&mut self) -> bool {
        let (way, numbers) = self.journal.next();
        let (path, body) = request(self.journal.client, way, &numbers);
        let begun = Instant::now();
        let answer = self.post(path, &body).await;
        let mut all = true;
        for (place, number) in numbers.into_iter().enumerate() {
            let outcome = self.outcome(way, place, &answer);
            match outcome {
                Outcome::Acknowledged => self.pulse.acknowledge(begun),
                _ => all = false,
            }
            self.journal.note(way, number, outcome);
        }
        all
    }

    /// Whatever is wrong with writing, reading should go on.
    async fn read(&self) {
        let list = format!("list{}", self.journal.client);
        match self.post("/", &json!(["LLEN", list])).await {
            Answer::Reply(reply) if reply.status == 200 => {
                self.pulse.reads.fetch_add(1, Ordering::AcqRel);
            }
            answer => {
                self.pulse.failed_reads.fetch_add(1, Ordering::AcqRel);
                if let Answer::Reply(reply) = answer {
                    self.not_done(reply.status, reply.body["error"].as_str().unwrap());
                }
            }
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let url = format!("{}{path}", self.url.lock().unwrap());
        let answer = async {
            let response = self.http.post(url).bearer_auth(TOKEN).json(body).send().await?;
            let status = response.status().as_u16();
            Ok(Reply { status, body: response.json().await? })
        };
        match answer.await {
            Ok(reply) => Answer::Reply(reply),
            Err(error) if reqwest::Error::is_timeout(&error) => panic!("no answer: {error}"),
            Err(error) if error.is_connect() => Answer::NotSent,
            Err(_) => Answer::Broken,
        }
    }

    /// What became of the number at this place of the request.
    fn outcome(&self, way: Way, place: usize, answer: &Answer) -> Outcome {
        let reply = match answer {
            Answer::NotSent => return Outcome::Refused("no connection to pkv".to_owned()),
            Answer::Broken => return Outcome::Unknown,
            Answer::Reply(reply) => reply,
        };
        let body = match way {
            // Behind the PING.
            Way::Pipeline if reply.status == 200 => &reply.body[place + 1],
            Way::Transaction if reply.status == 200 => &reply.body[0],
            _ => &reply.body,
        };
        match body.get("error") {
            Some(error) => self.not_done(reply.status, error.as_str().unwrap()),
            None => Outcome::Acknowledged,
        }
    }

    /// What an error means; panics on one that nothing here should lead to.
    fn not_done(&self, status: u16, error: &str) -> Outcome {
        match status {
            503 if error.contains("not sent") => Outcome::Refused(error.to_owned()),
            503 if error.contains("outcome unknown") => Outcome::Unknown,
            504 => {
                self.pulse.late.lock().unwrap().push(error.to_owned());
                Outcome::Unknown
            }
            200 | 400 if ["MISCONF", "EXECABORT"].iter().any(|code| error.starts_with(code)) => {
                self.pulse.refused.fetch_add(1, Ordering::AcqRel);
                Outcome::Refused(error.to_owned())
            }
            _ => panic!("an answer that should not be: {status} {error}"),
        }
    }
}

fn request(client: usize, way: Way, numbers: &[u32]) -> (&'static str, Value) {
    let (list, count, bulk) =
        (format!("list{client}"), format!("count{client}"), format!("bulk{client}"));
    let number = numbers[0];
    let large = Journal::is_bulky(way, number).then(|| format!("{number}:{}", "x".repeat(20_000)));
    match way {
        Way::Single => ("/", json!(["RPUSH", list, number])),
        Way::Pipeline => {
            let pushes = numbers.iter().map(|number| json!(["RPUSH", list, number]));
            let lines = std::iter::once(json!(["PING"])).chain(pushes);
            ("/pipeline", lines.collect())
        }
        Way::Transaction => {
            let lines = [json!(["INCR", count]), json!(["RPUSH", list, number])].into_iter();
            let set = large.map(|large| json!(["SET", bulk, large]));
            ("/multi-exec", lines.chain(set).collect())
        }
        Way::Script => {
            let script = "redis.call('INCR', KEYS[2]) \
                if ARGV[2] then redis.call('SET', KEYS[3], ARGV[2]) end \
                return redis.call('RPUSH', KEYS[1], ARGV[1])";
            let words = [json!("EVAL"), json!(script), json!(3), json!(list), json!(count)];
            let words = words.into_iter().chain([json!(bulk), json!(number)]);
            ("/", words.chain(large.map(Value::from)).collect())
        }
    }
}

/// What Redis holds for each journal's client.
pub async fn held(pkv: &Pkv, journals: &[Journal]) -> Vec<Held> {
    let mut all = Vec::new();
    for journal in journals {
        let client = journal.client;
        let lines = json!([
            ["LRANGE", format!("list{client}"), journal.settled, -1],
            ["GET", format!("count{client}")],
            ["GETRANGE", format!("bulk{client}"), 0, 15],
        ]);
        let found = items(pkv.post("/pipeline", lines).await.unwrap());
        let numbers = found[0]["result"].as_array().unwrap();
        let number = |value: &Value| value.as_str().unwrap().parse().unwrap();
        let bulk = found[2]["result"].as_str().unwrap().split_once(':');
        all.push(Held {
            numbers: numbers.iter().map(number).collect(),
            counter: found[1]["result"].as_str().map_or(0, |text| text.parse().unwrap()),
            bulk: bulk.map(|(number, _)| number.parse().unwrap()),
        });
    }
    all
}
