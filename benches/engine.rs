//! A tick of the loop without its sockets: requests are parsed, their keys fetched ahead, run, and their replies left in
//! the client's buffer.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use larder::client::Endpoints;
use larder::command::Args;
use larder::config::Config;
use larder::engine::intake::Lookahead;
use larder::engine::{Engine, Facts, Files};
use larder::persist::RealDisk;
use larder::resp::{Parsed, RequestParser, Span};
use larder::server::clock::SENSES;

/// Keys of the database.
const KEYS: u64 = 1_000_000;
/// Requests of a tick: as fifty connections with sixteen each leave them.
const REQUESTS: usize = 800;

/// A heart with one client.
struct Heart {
    engine: Engine,
    client: usize,
    parser: RequestParser,
    spans: Vec<Span>,
    ahead: Lookahead,
}

impl Heart {
    fn new() -> Heart {
        let files = Files { disk: Arc::new(RealDisk::new()), notify: Arc::new(|| {}) };
        let engine = Engine::new(Config::default(), Facts::default(), SENSES, files, 1);
        let mut engine = engine.unwrap_or_else(|error| panic!("the defaults are sound: {error:?}"));
        engine.started();
        let client = engine.connect(Endpoints { loopback: true, ..Endpoints::default() }, false);
        Heart { engine, client, parser: RequestParser::new(), spans: Vec::new(), ahead: Lookahead::default() }
    }

    /// Runs all requests of a buffer; how many bytes they answered.
    fn tick(&mut self, input: &[u8]) -> usize {
        let limits = self.engine.parse_limits(self.client);
        let (mut requests, mut done) = (Vec::with_capacity(REQUESTS), 0);
        self.spans.clear();
        loop {
            let first = self.spans.len();
            match self.parser.parse(&input[done..], &mut self.spans, &limits) {
                Parsed::Request { consumed } => {
                    requests.push((done, first..self.spans.len()));
                    done += consumed;
                }
                _ => break,
            }
        }
        let engine = &mut self.engine;
        engine.begin_turn();
        self.ahead.begin(requests.len());
        let mut known = Vec::with_capacity(requests.len());
        for at in 0..requests.len() {
            while known.len() < requests.len() && (known.len() <= at || self.ahead.reaches(known.len() - at)) {
                let (base, spans) = &requests[known.len()];
                let args = Args::new(&input[*base..], &self.spans[spans.clone()]);
                known.push(engine.look_ahead(self.client, args, &mut self.ahead));
            }
            let (command, keys) = known[at];
            engine.fetch_ahead(&mut self.ahead, keys);
            let (base, spans) = &requests[at];
            engine.execute(self.client, Args::new(&input[*base..], &self.spans[spans.clone()]), command);
        }
        engine.due();
        engine.end_turn();
        engine.dirty.clear();
        let client = &mut engine.clients[self.client];
        client.flags.remove(larder::client::ClientFlags::OUTPUT_PENDING);
        let answered = client.out.len();
        client.out.clear();
        drop(engine.take_garbage());
        answered
    }
}

/// A buffer of so many requests, each made of its number's words.
fn requests(count: usize, mut words: impl FnMut() -> Vec<String>) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..count {
        let words = words();
        out.extend(format!("*{}\r\n", words.len()).into_bytes());
        for word in words {
            out.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
        }
    }
    out
}

fn tick(c: &mut Criterion) {
    let mut group = c.benchmark_group("tick_of_800");
    group.throughput(Throughput::Elements(REQUESTS as u64)).sample_size(20);
    let mut heart = Heart::new();
    for first in (0..KEYS).step_by(1000) {
        let mut number = first;
        heart.tick(&requests(1000, || {
            number += 1;
            vec!["SET".into(), format!("key:{:012}", number - 1), format!("value:{number:026}")]
        }));
    }
    let mut rng = fastrand::Rng::with_seed(1);
    let mut key = move || format!("key:{:012}", rng.u64(..KEYS));
    let value = "x".repeat(32);
    let mut of = |words: &mut dyn FnMut(String) -> Vec<String>| {
        // So many different ones that what a tick needs is not in the cache from the one before.
        (0..64).map(|_| requests(REQUESTS, || words(key()))).collect::<Vec<_>>()
    };
    let cases = [
        ("ping", of(&mut |_| vec!["PING".into()])),
        ("get", of(&mut |key| vec!["GET".into(), key])),
        ("set", of(&mut |key| vec!["SET".into(), key, value.clone()])),
        ("expire", of(&mut |key| vec!["EXPIRE".into(), key, "1000000".into()])),
        ("incr", of(&mut |key| vec!["INCR".into(), format!("counter:{key}")])),
        ("rpush, one list", of(&mut |_| vec!["RPUSH".into(), "list".into(), "element".into()])),
        ("lpop, one list", of(&mut |_| vec!["LPOP".into(), "list".into()])),
        ("sadd, one set", of(&mut |key| vec!["SADD".into(), "set".into(), key])),
        ("hset, one hash", of(&mut |key| vec!["HSET".into(), "hash".into(), key, "value".into()])),
        ("zadd, one sorted set", of(&mut |key| vec!["ZADD".into(), "zset".into(), key[4..].into(), key])),
        ("pfadd, one key", of(&mut |key| vec!["PFADD".into(), "hll".into(), key])),
    ];
    for (name, inputs) in &cases {
        let mut turn = 0;
        group.bench_function(*name, |b| {
            b.iter(|| {
                turn += 1;
                black_box(heart.tick(&inputs[turn % inputs.len()]))
            })
        });
    }
    group.finish();
}

criterion_group!(benches, tick);
criterion_main!(benches);
