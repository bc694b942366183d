//! The table under random access: lookups one by one and in prefetched groups, writes, and writes under a
//! snapshot. Keys are 16 bytes, values 32, as in the figures of the design; times are per operation.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use larder::structs::record::{NewBody, Record};
use larder::structs::table::{Entry, Table, hash};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Key = Record<Box<u64>>;

const GROUP: usize = 16;

fn key(n: u32) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = n;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn record(key: &[u8]) -> Key {
    Record::new(key, NewBody::Bytes(&[b'v'; 32]), None, 0, 0)
}

fn filled(len: u32) -> Table<Key> {
    let mut table = Table::new();
    for n in 0..len {
        let key = key(n);
        table.insert(hash(&key), record(&key));
    }
    table
}

/// Times `iters` operations in batches over random keys, made outside the measured time.
fn timed(iters: u64, len: u32, mut run: impl FnMut(&[[u8; 16]])) -> Duration {
    let mut rng = fastrand::Rng::with_seed(iters);
    let (mut left, mut spent) = (iters.next_multiple_of(GROUP as u64), Duration::ZERO);
    let mut keys = Vec::new();
    while left > 0 {
        let batch = left.min(65_536);
        keys.clear();
        keys.extend((0..batch).map(|_| key(rng.u32(..len))));
        let start = Instant::now();
        run(&keys);
        spent += start.elapsed();
        left -= batch;
    }
    spent
}

fn lookups(c: &mut Criterion, len: u32) {
    let table = filled(len);
    let mut group = c.benchmark_group(format!("{}M", len / 1_000_000));
    group.throughput(Throughput::Elements(1)).sample_size(20);
    println!("{:?}, {} bytes of nodes a key", table.node_counts(), table.alloc_bytes() as f64 / f64::from(len));
    group.bench_function("get hit", |b| {
        b.iter_custom(|iters| {
            timed(iters, len, |keys| {
                for key in keys {
                    black_box(table.get(hash(key), key).map(Key::clock));
                }
            })
        });
    });
    group.bench_function("get miss", |b| {
        b.iter_custom(|iters| {
            timed(iters, len, |keys| {
                for key in keys {
                    black_box(table.get(hash(&key[1..]), &key[1..]).is_some());
                }
            })
        });
    });
    group.bench_function("get hit, groups of 16", |b| {
        b.iter_custom(|iters| {
            timed(iters, len, |keys| {
                let mut hashes = [0; GROUP];
                for keys in keys.chunks_exact(GROUP) {
                    for (at, key) in keys.iter().enumerate() {
                        hashes[at] = hash(key);
                        table.prefetch_segment(hashes[at]);
                    }
                    hashes.iter().for_each(|hash| table.prefetch_entry(*hash));
                    for (key, hash) in keys.iter().zip(hashes) {
                        black_box(table.get(hash, key).map(Key::clock));
                    }
                }
            })
        });
    });
    let mut table = table;
    group.bench_function("overwrite, groups of 16", |b| {
        b.iter_custom(|iters| {
            timed(iters, len, |keys| {
                let mut hashes = [0; GROUP];
                for keys in keys.chunks_exact(GROUP) {
                    for (at, key) in keys.iter().enumerate() {
                        hashes[at] = hash(key);
                        table.prefetch_segment(hashes[at]);
                    }
                    hashes.iter().for_each(|hash| table.prefetch_entry(*hash));
                    for (key, hash) in keys.iter().zip(hashes) {
                        let entry = table.get_mut(hash, key).expect("every key is there");
                        black_box(entry.replace_body(NewBody::Bytes(&[b'w'; 32]), 0));
                    }
                }
            })
        });
    });
    group.bench_function("remove and insert", |b| {
        b.iter_custom(|iters| {
            timed(iters, len, |keys| {
                for key in keys {
                    let hash = hash(key);
                    let entry = table.remove(hash, key).expect("every key is there");
                    table.insert(hash, entry);
                }
            })
        });
    });
    group.bench_function("overwrite under a new snapshot each 65536", |b| {
        b.iter_custom(|iters| {
            timed(iters, len, |keys| {
                let snapshot = table.clone();
                for key in keys {
                    table.get_mut(hash(key), key).expect("every key is there").replace_body(NewBody::Int(1), 0);
                }
                black_box(&snapshot);
            })
        });
    });
    group.bench_function("random", |b| {
        let mut rng = fastrand::Rng::with_seed(1);
        b.iter(|| table.random(&mut rng).map(Key::clock));
    });
    group.finish();
}

fn table(c: &mut Criterion) {
    c.bench_function("insert into a growing table, to 1M", |b| {
        b.iter_custom(|iters| {
            let (mut left, mut spent) = (iters, Duration::ZERO);
            while left > 0 {
                let batch = left.min(1_000_000) as u32;
                let keys: Vec<_> = (0..batch).map(key).collect();
                let mut table = Table::new();
                let start = Instant::now();
                for key in &keys {
                    table.insert(hash(key), record(key));
                }
                spent += start.elapsed();
                left -= u64::from(batch);
                assert!(table.iter().take(2).is_sorted_by_key(Entry::hash));
            }
            spent
        });
    });
    for len in [1_000_000, 5_000_000] {
        lookups(c, len);
    }
}

criterion_group!(benches, table);
criterion_main!(benches);
