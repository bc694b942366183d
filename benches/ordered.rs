//! The large ordered containers (the score tree of sorted sets, the quicklist of lists, the tree of streams) and
//! HyperLogLogs.
//!
//! Run with the server's allocator, since node sizes are made for its classes.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use larder::structs::hyperloglog;
use larder::structs::ordered_tree::OrderedTree;
use larder::structs::quicklist::Quicklist;
use larder::structs::score_tree::{Bound, Member, ScoreTree};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTRIES: usize = 1_000_000;

/// Eight bytes wide and counted, as the members of the server are.
#[derive(Clone)]
struct Name(Arc<[u8; 16]>);

impl Member for Name {
    fn bytes(&self) -> &[u8] {
        &self.0[..]
    }
}

fn name(number: usize) -> Name {
    let mut bytes = *b"member:000000000";
    for (place, byte) in bytes[7..].iter_mut().rev().enumerate() {
        *byte = b'0' + (number / 10usize.pow(place as u32) % 10) as u8;
    }
    Name(Arc::new(bytes))
}

fn shuffled() -> Vec<(f64, Name)> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut entries: Vec<_> = (0..ENTRIES).map(|number| (number as f64, name(number))).collect();
    rng.shuffle(&mut entries);
    entries
}

fn score_tree(c: &mut Criterion) {
    let mut group = c.benchmark_group("score tree");
    group.sample_size(10).throughput(Throughput::Elements(1));
    let entries = shuffled();
    let mut tree = ScoreTree::new();
    for (score, member) in &entries {
        tree.insert(*score, member.clone());
    }
    println!("random inserts: {:.1} bytes an entry", tree.alloc_bytes() as f64 / ENTRIES as f64);
    let mut next = 0;
    let mut entry = || {
        next = (next + 1) % ENTRIES;
        &entries[next]
    };
    group.bench_function("rank", |b| {
        b.iter(|| {
            let (score, member) = entry();
            tree.rank(*score, member.bytes())
        })
    });
    group.bench_function("get by rank", |b| b.iter(|| tree.get(entry().0 as usize).map(|(score, _)| score)));
    group.bench_function("lower bound", |b| b.iter(|| tree.lower_bound(Bound::AfterScore(entry().0))));
    group.bench_function("remove and insert", |b| {
        b.iter(|| {
            let (score, member) = entry();
            let member = tree.remove(*score, member.bytes());
            tree.insert(*score, member.expect("every entry is there"));
        })
    });
    group.bench_function("rescore in place", |b| {
        b.iter(|| {
            let (score, member) = entry();
            tree.rescore(*score, member.bytes(), *score + 0.25) && tree.rescore(*score + 0.25, member.bytes(), *score)
        })
    });
    group.bench_function("pop first, insert last", |b| {
        let mut last = tree.last().map_or(0.0, |(score, _)| score);
        b.iter(|| {
            let (_, member) = tree.pop_first().expect("as many come as go");
            last += 1.0;
            tree.insert(last, member);
        });
    });
    group.bench_function("write after a clone", |b| {
        b.iter_with_large_drop(|| {
            let clone = tree.clone();
            let (score, member) = tree.get(ENTRIES / 2).expect("the tree is full");
            let (score, member) = (score, member.clone());
            tree.remove(score, member.bytes());
            tree.insert(score, member);
            clone
        })
    });
    group.throughput(Throughput::Elements(1000));
    group.bench_function("walk of 1000", |b| {
        b.iter(|| tree.iter_from(entry().0 as usize / 2).take(1000).map(|(score, _)| score).sum::<f64>())
    });
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("a million in random order", |b| {
        b.iter_batched(
            || entries.clone(),
            |entries| {
                let mut tree = ScoreTree::new();
                for (score, member) in entries {
                    tree.insert(score, member);
                }
                tree
            },
            BatchSize::PerIteration,
        )
    });
    group.finish();
}

fn quicklist(c: &mut Criterion) {
    let mut group = c.benchmark_group("quicklist");
    group.sample_size(10).throughput(Throughput::Elements(1));
    for count in [0, 100, 100_000] {
        let mut list = Quicklist::new(-2, 0);
        for _ in 0..=count {
            list.push_back(b"element-xyz");
        }
        group.bench_function(format!("push back, pop front, {count}"), |b| {
            b.iter(|| {
                list.push_back(black_box(b"element-xyz"));
                list.pop_front_with(|item| item.len())
            })
        });
        group.bench_function(format!("push front, pop back, {count}"), |b| {
            b.iter(|| {
                list.push_front(black_box(b"element-xyz"));
                list.pop_back_with(|item| item.len())
            })
        });
    }
    let mut list = Quicklist::new(-2, 0);
    for number in 0..ENTRIES {
        list.push_back(name(number).bytes());
    }
    let mut rng = fastrand::Rng::with_seed(1);
    group.bench_function("get by index", |b| b.iter(|| list.with(rng.isize(0..ENTRIES as isize), |item| item.len())));
    group.bench_function("set by index", |b| b.iter(|| list.set(rng.isize(0..ENTRIES as isize), b"member:999999999")));
    group.throughput(Throughput::Elements(1000));
    group.bench_function("range of 1000", |b| {
        b.iter(|| {
            let mut bytes = 0;
            list.for_range(rng.usize(..ENTRIES), 1000, false, &mut |item| bytes += item.len());
            bytes
        })
    });
    group.finish();
}

/// The tree of a stream's blocks, by the id of their first entry.
fn ordered_tree(c: &mut Criterion) {
    let mut group = c.benchmark_group("ordered_tree");
    group.sample_size(10).throughput(Throughput::Elements(1));
    let mut tree = OrderedTree::new();
    for number in 0..ENTRIES as u64 {
        tree.insert((number, 0u64), number);
    }
    let mut rng = fastrand::Rng::with_seed(1);
    let mut id = move || (rng.u64(..ENTRIES as u64), 0);
    group.bench_function("get", |b| b.iter(|| tree.get(&id()).copied()));
    group.bench_function("floor", |b| b.iter(|| tree.floor(&id()).map(|(_, number)| *number)));
    group.bench_function("remove and insert", |b| {
        b.iter(|| {
            let id = id();
            tree.remove(&id);
            tree.insert(id, 7)
        })
    });
    let mut next = ENTRIES as u64;
    group.bench_function("remove first, insert last", |b| {
        b.iter(|| {
            let first = tree.first().map(|(first, _)| *first);
            first.map(|first| tree.remove(&first));
            next += 1;
            tree.insert((next, 0), next)
        })
    });
    group.bench_function("write after a clone", |b| {
        b.iter_batched(
            || tree.clone(),
            |mut clone| {
                clone.insert(id(), 7);
                clone
            },
            BatchSize::PerIteration,
        )
    });
    group.throughput(Throughput::Elements(1000));
    group.bench_function("walk of 1000", |b| {
        b.iter(|| tree.iter_from(&id()).take(1000).map(|(_, number)| *number).sum::<u64>())
    });
    group.finish();
}

fn hyperloglog(c: &mut Criterion) {
    const SPARSE_MAX_BYTES: usize = 3000;
    let mut group = c.benchmark_group("hyperloglog");
    group.sample_size(10).throughput(Throughput::Elements(1));
    for (kind, count) in [("sparse", 200), ("dense", ENTRIES)] {
        let mut value = hyperloglog::empty();
        for number in 0..count {
            hyperloglog::add(&mut value, name(number).bytes(), SPARSE_MAX_BYTES).expect("it is sound");
        }
        let mut rng = fastrand::Rng::with_seed(1);
        group.bench_function(format!("add what is there, {kind}"), |b| {
            b.iter(|| hyperloglog::add(&mut value, name(rng.usize(..count)).bytes(), SPARSE_MAX_BYTES))
        });
        group.bench_function(format!("count, {kind}"), |b| b.iter(|| hyperloglog::count(black_box(&value))));
    }
    group.finish();
}

criterion_group!(benches, score_tree, quicklist, ordered_tree, hyperloglog);
criterion_main!(benches);
