//! The small encodings: a listpack as a queue, as a small hash and as bytes from a file; an intset as a set.
//!
//! Run with the server's allocator, since growth by size class is made for it.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use larder::structs::intset::IntSet;
use larder::structs::listpack::{Item, Listpack};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A block of `count` elements of eleven bytes, none an integer.
fn filled(count: usize) -> Listpack {
    (0..count).map(|index| format!("element-{index:03}")).collect()
}

fn queue(c: &mut Criterion) {
    let mut group = c.benchmark_group("listpack queue");
    group.throughput(Throughput::Elements(1));
    for count in [16, 128, 500] {
        let mut pack = filled(count);
        group.bench_function(format!("push back, pop front, {count}"), |b| {
            b.iter(|| {
                pack.push_back(black_box(b"element-xyz"));
                pack.first().map(|first| pack.remove(first))
            })
        });
        group.bench_function(format!("push front, pop back, {count}"), |b| {
            b.iter(|| {
                pack.push_front(black_box(b"element-xyz"));
                pack.last().map(|last| pack.remove(last))
            })
        });
        group.bench_function(format!("push back, pop back, {count}"), |b| {
            b.iter(|| {
                pack.push_back(black_box(b"element-xyz"));
                pack.last().map(|last| pack.remove(last))
            })
        });
    }
    group.throughput(Throughput::Elements(500));
    group.bench_function("fill with 500 strings", |b| {
        b.iter(|| {
            let mut pack = Listpack::new();
            for _ in 0..500 {
                pack.push_back(black_box(b"element-xyz"));
            }
            pack
        })
    });
    group.bench_function("fill with 500 integers", |b| {
        b.iter(|| {
            let mut pack = Listpack::new();
            for _ in 0..500 {
                pack.push_back(black_box(b"1234567"));
            }
            pack
        })
    });
    group.finish();
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("listpack reading");
    let pack = filled(128);
    let numbers: Listpack = (0..128).map(|value| (value * 1000).to_string()).collect();
    group.bench_function("find the last of 128 strings", |b| b.iter(|| pack.find(black_box(b"element-127"), 0)));
    group.bench_function("find the last of 64 fields", |b| b.iter(|| pack.find(black_box(b"element-126"), 1)));
    group.bench_function("find the last of 128 integers", |b| b.iter(|| numbers.find(black_box(b"127000"), 0)));
    group.bench_function("seek to the middle of 128", |b| b.iter(|| pack.seek(black_box(64))));
    let sum = |pack: &Listpack| {
        let mut buf = [0; 24];
        pack.iter().map(|item: Item<'_>| item.as_str_buf(&mut buf).len()).sum::<usize>()
    };
    group.bench_function("walk 128 strings", |b| b.iter(|| sum(black_box(&pack))));
    group.bench_function("walk 128 integers", |b| b.iter(|| sum(black_box(&numbers))));
    group.bench_function("read 128 from bytes", |b| b.iter(|| Listpack::from_bytes(black_box(pack.as_bytes()))));
    group.bench_function("clone", |b| b.iter(|| black_box(&pack).clone()));
    group.bench_function("replace in a shared block of 128", |b| {
        let pos = pack.seek(64).expect("there are 128");
        b.iter_batched(|| pack.clone(), |mut clone| clone.replace(pos, b"element-xyz"), BatchSize::SmallInput)
    });
    group.finish();
}

fn intset(c: &mut Criterion) {
    let mut group = c.benchmark_group("intset");
    let mut rng = fastrand::Rng::with_seed(1);
    let mut set: IntSet = (0..512).map(|value| value * 100).collect();
    let asked: Vec<i64> = (0..1024).map(|_| rng.i64(0..51_200)).collect();
    let mut turn = 0;
    group.bench_function("contains, of 512", |b| {
        b.iter(|| {
            turn = (turn + 1) % asked.len();
            set.contains(asked[turn])
        })
    });
    group.bench_function("insert and remove, of 512", |b| {
        b.iter(|| {
            turn = (turn + 1) % asked.len();
            set.insert(asked[turn] | 1) && set.remove(asked[turn] | 1)
        })
    });
    group.bench_function("fill with 512 ascending", |b| b.iter(|| (0..512).collect::<IntSet>()));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(std::time::Duration::from_millis(300)).measurement_time(std::time::Duration::from_secs(1));
    targets = queue, reading, intset
}
criterion_main!(benches);
