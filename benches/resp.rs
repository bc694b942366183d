//! The wire format without sockets: what one request costs to find and one reply to write.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use larder::base::num::{LongDouble, format_f64_17g, parse_f64, parse_i64};
use larder::resp::{ParseLimits, Parsed, Protocol, Reply, RequestParser, read_reply};

/// Requests in one buffer, as a pipeline of this depth leaves them.
const DEPTH: u64 = 16;

fn parse_all(parser: &mut RequestParser, spans: &mut Vec<larder::resp::Span>, input: &[u8]) -> usize {
    let limits = ParseLimits::default();
    let mut done = 0;
    loop {
        spans.clear();
        match parser.parse(&input[done..], spans, &limits) {
            Parsed::Request { consumed } => {
                black_box(&*spans);
                done += consumed;
            }
            _ => return done,
        }
    }
}

fn parser(c: &mut Criterion) {
    let value = "x".repeat(32);
    let mset: String = (10..60).map(|i| format!("$6\r\nkey:{i}\r\n$2\r\n{i}\r\n")).collect();
    let requests = [
        ("get", "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n".to_string()),
        ("set", format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$32\r\n{value}\r\n")),
        ("mset_50_pairs", format!("*101\r\n$4\r\nMSET\r\n{mset}")),
        ("inline_ping", "PING\r\n".to_string()),
    ];
    let mut group = c.benchmark_group("parse_16");
    group.throughput(Throughput::Elements(DEPTH));
    for (name, request) in requests {
        let input = request.repeat(DEPTH as usize).into_bytes();
        let (mut parser, mut spans) = (RequestParser::new(), Vec::new());
        group.bench_function(name, |b| b.iter(|| parse_all(&mut parser, &mut spans, black_box(&input))));
    }
    group.finish();

    let mut large = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n".to_vec();
    large.resize(large.len() + 1_000_002, b'x');
    c.bench_function("parse_a_megabyte_in_16k_pieces", |b| {
        b.iter_batched(
            || (RequestParser::new(), Vec::new()),
            |(mut parser, mut spans)| {
                let ends = (16384..large.len()).step_by(16384).chain([large.len()]);
                for end in ends {
                    black_box(parser.parse(&large[..end], &mut spans, &ParseLimits::default()));
                }
            },
            BatchSize::SmallInput,
        );
    });
}

fn writer(c: &mut Criterion) {
    let mut reply = Reply::new(Protocol::Resp2);
    let mut group = c.benchmark_group("reply_16");
    group.throughput(Throughput::Elements(DEPTH));
    let mut bench = |name: &str, write: &dyn Fn(&mut Reply)| {
        group.bench_function(name, |b| {
            b.iter(|| {
                reply.clear();
                for _ in 0..DEPTH {
                    write(black_box(&mut reply));
                }
                reply.len()
            });
        });
    };
    let value = [b'x'; 32];
    bench("ok", &|r| r.ok());
    bench("bulk_32_bytes", &|r| r.bulk(black_box(&value)));
    bench("integer", &|r| r.integer(black_box(123_456)));
    bench("double", &|r| r.double(black_box(0.1)));
    group.finish();

    let mut array = Reply::new(Protocol::Resp3);
    array.array(100);
    (0..100).for_each(|i| array.bulk_int(i * 1000));
    c.bench_function("read_an_array_of_100", |b| b.iter(|| read_reply(black_box(array.as_slice()))));
}

fn numbers(c: &mut Criterion) {
    c.bench_function("parse_i64", |b| b.iter(|| parse_i64(black_box(b"-1234567890"))));
    c.bench_function("parse_f64", |b| b.iter(|| parse_f64(black_box(b"3.14159265"))));
    c.bench_function("format_f64_17g", |b| b.iter(|| format_f64_17g(black_box(2.7031415))));
    c.bench_function("incrbyfloat", |b| {
        let mut out = Vec::new();
        b.iter(|| {
            out.clear();
            let sum = LongDouble::parse(black_box(b"10.50"))? + LongDouble::parse(black_box(b"0.1"))?;
            sum.write_human(&mut out);
            Some(out.len())
        });
    });
}

criterion_group!(benches, parser, writer, numbers);
criterion_main!(benches);
