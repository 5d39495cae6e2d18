//! The same commands through pkv's REST API and, over RESP, to a second Redis: what is answered must
//! be the same, by the documented rules of the API, command by command.
//!
//! The commands are drawn at random, from a seed. By hand, for as long as one likes:
//! `DIFFERENTIAL_SECONDS=600 cargo test differential`, each round with a seed of its own;
//! `DIFFERENTIAL_SEED=<seed>` runs one round again that has failed.

mod commands;
mod expected;
mod lua;
mod requests;
mod rows;
mod words;

use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use serde_json::Value;

use self::commands::{Line, command, is_our_own, refused};
use self::expected::Form;
use self::requests::Written;
use self::words::Draw;
use crate::support::raw_http::{Connection, request};
use crate::support::{Dice, Pkv, RedisServer, Reply, Resp, Resp2Connection};

/// The seed of every run that is not told another.
const SEED: u64 = 20_260_821;

/// Batches of one caller in a round.
const BATCHES: usize = 250;

/// Callers beside each other: they share pkv's only connection to Redis.
const CALLERS: usize = 4;

/// Commands that a failure shows, the last one included.
const SHOWN: usize = 25;

/// The parts of a test: a pkv, and the server that says what is right.
struct Pair {
    pkv: Pkv,
    reference: RedisServer,
    /// Whether pkv's Redis is the bundled one, and its dialect Upstash's.
    bundled: bool,
}

/// One of several who send commands, with keys of his own.
struct Caller<'a> {
    pair: &'a Pair,
    seed: u64,
    dice: Dice,
    prefix: String,
    http: Connection,
    resp: Resp2Connection,
    sent: Vec<String>,
}

/// How a batch is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Single,
    Path,
    Pipeline,
    Transaction,
}

impl Pair {
    async fn flush(&self) {
        let mut resp = Resp2Connection::open(self.reference.port).await;
        for command in ["FLUSHALL", "SCRIPT FLUSH", "FUNCTION FLUSH"] {
            let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
            let reply = self.pkv.run(words.clone().into()).await;
            assert_eq!(reply.status, 200, "{command}: {}", reply.body);
            let words: Vec<_> = words.into_iter().map(String::into_bytes).collect();
            assert_eq!(resp.ask(&words).await, Resp::Status(b"OK".to_vec()), "{command}");
        }
    }

    /// One caller alone, who may also use the empty key, then several beside each other. Returns how
    /// many commands were compared.
    async fn round(&self, seed: u64) -> usize {
        self.flush().await;
        let alone = self.caller(seed, String::new()).await.run().await;
        self.flush().await;
        let beside: Vec<_> = (0..CALLERS)
            .map(async |number| self.caller(seed, format!("c{number}:")).await.run().await)
            .collect();
        alone + join_all(beside).await.into_iter().sum::<usize>()
    }

    async fn caller(&self, seed: u64, prefix: String) -> Caller<'_> {
        let own = prefix.bytes().fold(seed, |seed, byte| Dice::new(seed + u64::from(byte)).roll());
        Caller {
            pair: self,
            seed,
            dice: Dice::new(own),
            prefix,
            http: Connection::open(&self.pkv).await,
            resp: Resp2Connection::open(self.reference.port).await,
            sent: Vec::new(),
        }
    }
}

impl Caller<'_> {
    async fn run(mut self) -> usize {
        for _ in 0..BATCHES {
            let ways = [Way::Single, Way::Path, Way::Pipeline, Way::Transaction];
            let way = *self.dice.pick(&ways);
            let lines = self.batch(way);
            // A transaction is always answered in JSON.
            let forms = [Form::Text, Form::Base64, Form::Text, Form::Base64, Form::Resp2];
            let forms = if way == Way::Transaction { &forms[..4] } else { &forms };
            let form = *self.dice.pick(forms);
            match way {
                Way::Single | Way::Path => {
                    for line in &lines {
                        self.one(line, way, form).await;
                    }
                }
                Way::Pipeline => self.pipeline(&lines, form).await,
                Way::Transaction => self.transaction(&lines, form).await,
            }
        }
        self.sent.len()
    }

    fn batch(&mut self, way: Way) -> Vec<Line> {
        let draw = Draw { prefix: self.prefix.clone(), binary: way == Way::Path };
        let mut lines = Vec::new();
        for _ in 0..=self.dice.below(12) {
            // A path that begins with `subscribe` is a stream, and one refused line is enough for a
            // whole transaction.
            let rarely = if way == Way::Transaction { 1 } else { 4 };
            let line = match way != Way::Path && self.dice.percent(rarely) {
                true => refused(&mut self.dice),
                false => command(&mut self.dice, &draw),
            };
            if !(self.pair.bundled && is_our_own(&line.words)) {
                lines.push(line);
            }
        }
        lines
    }

    async fn one(&mut self, line: &Line, way: Way, form: Form) {
        let path = match way {
            Way::Path => requests::path(&mut self.dice, &line.words),
            _ => None,
        };
        let is_text = line.words.iter().all(|word| std::str::from_utf8(word).is_ok());
        let written = match path {
            Some(written) => written,
            None if is_text => Written::post("/", requests::json_line(&mut self.dice, &line.words)),
            None => return,
        };
        let got = self.ask(written, way, std::slice::from_ref(line), form).await;
        let reply = self.reference(line).await;
        self.compare(got, expected::single(line, &reply, form), std::slice::from_ref(line));
    }

    async fn pipeline(&mut self, lines: &[Line], form: Form) {
        if lines.is_empty() {
            return;
        }
        let written = self.lines("/pipeline", lines);
        let got = self.ask(written, Way::Pipeline, lines, form).await;
        let mut body = Vec::new();
        for line in lines {
            let reply = self.reference(line).await;
            body.push(expected::item(line, &reply, form));
        }
        self.compare(got, Reply { status: 200, body: Value::Array(body) }, lines);
    }

    async fn transaction(&mut self, lines: &[Line], form: Form) {
        if lines.is_empty() {
            return;
        }
        let written = self.lines("/multi-exec", lines);
        let got = self.ask(written, Way::Transaction, lines, form).await;
        let refused = lines.iter().find(|line| line.refused.is_some());
        let want = match refused {
            Some(line) => expected::single(line, &Resp::Nil, form),
            None => {
                self.resp.ask(&[b"MULTI".to_vec()]).await;
                let mut queued = Vec::new();
                for line in lines {
                    queued.push(self.resp.ask(&line.words).await);
                }
                let exec = self.resp.ask(&[b"EXEC".to_vec()]).await;
                expected::transaction(lines, &queued, &exec, form)
            }
        };
        self.compare(got, want, lines);
    }

    /// The second Redis's reply; what pkv refuses is not sent to it.
    async fn reference(&mut self, line: &Line) -> Resp {
        match line.refused {
            Some(_) => Resp::Nil,
            None => self.resp.ask(&line.words).await,
        }
    }

    fn lines(&mut self, target: &str, lines: &[Line]) -> Written {
        let lines: Vec<_> =
            lines.iter().map(|line| requests::json_line(&mut self.dice, &line.words)).collect();
        Written::post(target, format!("[{}]", lines.join(",")))
    }

    async fn ask(&mut self, written: Written, way: Way, lines: &[Line], form: Form) -> Reply {
        for line in lines {
            let words = line.words.iter().map(|word| shortened(&word.escape_ascii().to_string()));
            let words: String = words.map(|word| format!(" \"{word}\"")).collect();
            self.sent.push(format!("{way:?} {form:?}{words}"));
        }
        let headers = match form {
            Form::Text => "",
            Form::Base64 => "Upstash-Encoding: base64\r\n",
            Form::Resp2 => "Upstash-Response-Format: resp2\r\n",
        };
        let Written { method, target, body } = written;
        let bytes = request(&self.pair.pkv, method, &target, headers, &body);
        let answer = self.http.exchange(&bytes).await;
        let body = expected::body(&answer.body, form, matches!(way, Way::Pipeline));
        Reply { status: answer.status, body }
    }

    fn compare(&self, mut got: Reply, want: Reply, lines: &[Line]) {
        match got.body.as_array_mut() {
            Some(items) => {
                items.iter_mut().zip(lines).for_each(|(item, line)| {
                    expected::cut_origin(item);
                    expected::sort(item, line.order);
                });
            }
            None => {
                expected::cut_origin(&mut got.body);
                expected::sort(&mut got.body, lines[0].order);
            }
        }
        if got == want {
            return;
        }
        let shown = &self.sent[self.sent.len().saturating_sub(SHOWN.max(lines.len()))..];
        panic!(
            "by the caller {:?}, DIFFERENTIAL_SEED={}:\n{}\n\n{}",
            self.prefix,
            self.seed,
            shown.join("\n"),
            difference(&got, &want)
        );
    }
}

/// Where the answers differ, in an array item by item.
fn difference(got: &Reply, want: &Reply) -> String {
    let show = |got: &Value, want: &Value| {
        let (got, want) = (shortened(&got.to_string()), shortened(&want.to_string()));
        format!("pkv answers   {got}\nRedis answers {want}\n")
    };
    let mut text = format!("status {}, and {} is right\n", got.status, want.status);
    match (got.body.as_array(), want.body.as_array()) {
        (Some(got), Some(want)) if got.len() == want.len() => {
            for (at, (got, want)) in got.iter().zip(want).enumerate() {
                if got != want {
                    text += &format!("item {at}\n{}", show(got, want));
                }
            }
        }
        _ => text += &show(&got.body, &want.body),
    }
    text
}

/// No more than what one wants to read.
fn shortened(text: &str) -> String {
    const MOST: usize = 300;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}

/// A variable of a run by hand.
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// As many rounds as were asked for, one at least.
async fn rounds(pair: &Pair) {
    let started = Instant::now();
    let limit = variable("DIFFERENTIAL_SECONDS").map(Duration::from_secs);
    let clock = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let fresh = if limit.is_some() { clock() } else { SEED };
    let mut seed = variable("DIFFERENTIAL_SEED").unwrap_or(fresh);
    let (mut count, mut compared) = (0, 0);
    loop {
        compared += pair.round(seed).await;
        count += 1;
        if limit.is_none_or(|limit| started.elapsed() >= limit) {
            break;
        }
        seed = seed.wrapping_add(1);
    }
    let seconds = started.elapsed().as_secs_f32();
    println!("{compared} commands in {count} rounds, {seconds:.1} s, the last seed was {seed}");
}

#[tokio::test]
async fn every_answer_is_the_one_that_redis_gives() {
    let upstream = RedisServer::start(&[]).await;
    let pkv = Pkv::start_with(&[
        ("PKV_DIALECT", "redis"),
        ("SRH_CONNECTION_STRING", &upstream.url()),
        ("SRH_MODE", "env"),
        ("SRH_MAX_CONNECTIONS", "1"),
    ]);
    rounds(&Pair { pkv, reference: RedisServer::start(&[]).await, bundled: false }).await;
}

#[tokio::test]
async fn the_bundled_redis_answers_like_any_other_where_the_dialect_has_nothing_to_say() {
    // The other one has no module.
    let vars = [("SRH_MAX_CONNECTIONS", "1"), ("PKV_JSON_MODULE", "off")];
    let pkv = Pkv::start_with(&vars);
    rounds(&Pair { pkv, reference: RedisServer::start(&[]).await, bundled: true }).await;
}
