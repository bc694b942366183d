//! Encoding and decoding of streams in memory: a million small strings, and containers of every form. Figures are per
//! stream; the throughput counts keys for strings and elements for containers.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use larder::object::list::{End, List};
use larder::object::set::Set;
use larder::object::sorted_set::{AddOptions, SortedSet};
use larder::object::{Hash, Limits, Object, Typed, Value};
use larder::rdb::{BytesSource, Item, LoadOptions, Reader, SaveOptions, Usage, Writer, crc64};
use larder::structs::table::{Table, hash};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STRINGS: usize = 1_000_000;
const ELEMENTS: usize = 1_000_000;

fn object(key: &str, value: Value<'_>) -> Object {
    Object::new(key.as_bytes(), value.into_body(), None, 0, 0)
}

fn strings() -> Vec<Object> {
    let value = |n: usize| format!("value {n:026}");
    (0..STRINGS).map(|n| object(&format!("key:{n:012}"), Value::Bytes(value(n).as_bytes()))).collect()
}

/// So many containers of so many elements that there are `ELEMENTS` in all.
fn containers(size: usize, make: impl Fn(&[String], &Limits) -> larder::object::Container) -> Vec<Object> {
    let limits = Limits::default();
    let elements: Vec<String> = (0..size).map(|n| format!("element:{:06}", n * 7 % 1_000_003)).collect();
    let container = |n: usize| object(&format!("key:{n:012}"), Value::Container(make(&elements, &limits)));
    (0..ELEMENTS / size).map(container).collect()
}

fn list(elements: &[String], limits: &Limits) -> larder::object::Container {
    let mut list = List::new();
    elements.iter().for_each(|element| list.push(End::Tail, element.as_bytes(), limits));
    list.into_container()
}

fn set(elements: &[String], limits: &Limits) -> larder::object::Container {
    let mut set = Set::for_member(b"x", limits);
    elements.iter().for_each(|element| assert!(set.insert(element.as_bytes(), limits)));
    set.into_container()
}

fn fields(elements: &[String], limits: &Limits) -> larder::object::Container {
    let mut fields = Hash::new();
    elements.iter().for_each(|element| assert!(fields.set(element.as_bytes(), b"a value", limits)));
    fields.into_container()
}

fn sorted_set(elements: &[String], limits: &Limits) -> larder::object::Container {
    let mut set = SortedSet::new();
    for (n, element) in elements.iter().enumerate() {
        assert!(set.add(element.as_bytes(), (n * 31 % 1000) as f64 / 8.0, AddOptions::default(), limits).is_ok());
    }
    set.into_container()
}

fn encode(objects: &[Object], compress: bool) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &SaveOptions { compress, ..SaveOptions::default() });
    writer.select(0, objects.len() as u64, 0);
    objects.iter().for_each(|object| writer.record(object, Usage::None));
    writer.finish().expect("a vector takes everything")
}

fn decode(bytes: &[u8], mut take: impl FnMut(Object)) {
    let mut reader = Reader::new(BytesSource::new(bytes), LoadOptions::default());
    loop {
        match reader.next().expect("what was just written") {
            Item::Record(record) => take(record.object),
            Item::End { .. } => return,
            _ => {}
        }
    }
}

fn measure(c: &mut Criterion, name: &str, count: usize, objects: &[Object]) {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).throughput(Throughput::Elements(count as u64));
    group.bench_function("encode", |b| b.iter(|| black_box(encode(objects, true)).len()));
    group.bench_function("encode, not compressed", |b| b.iter(|| black_box(encode(objects, false)).len()));
    let bytes = encode(objects, true);
    group.bench_function("decode", |b| {
        // What was decoded is dropped outside the measurement.
        let decoded = || Vec::with_capacity(objects.len());
        b.iter_batched_ref(decoded, |all| decode(&bytes, |object| all.push(object)), BatchSize::PerIteration)
    });
    group.finish();
}

fn benches(c: &mut Criterion) {
    let objects = strings();
    measure(c, "a million strings", STRINGS, &objects);
    let bytes = encode(&objects, true);
    let mut group = c.benchmark_group("a million strings");
    group.sample_size(10).throughput(Throughput::Elements(STRINGS as u64));
    group.bench_function("decode and insert", |b| {
        let insert =
            |table: &mut Table<Object>| decode(&bytes, |object| drop(table.insert(hash(object.key()), object)));
        b.iter_batched_ref(Table::new, insert, BatchSize::PerIteration)
    });
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("checksum", |b| b.iter(|| crc64(0, black_box(&bytes))));
    group.finish();
    drop(objects);
    measure(c, "packed lists of 100", ELEMENTS, &containers(100, list));
    measure(c, "packed sets of 100", ELEMENTS, &containers(100, set));
    measure(c, "packed hashes of 100", ELEMENTS, &containers(100, fields));
    measure(c, "packed sorted sets of 100", ELEMENTS, &containers(100, sorted_set));
    measure(c, "lists of 100000", ELEMENTS, &containers(100_000, list));
    measure(c, "sets of 100000", ELEMENTS, &containers(100_000, set));
    measure(c, "hashes of 100000", ELEMENTS, &containers(100_000, fields));
    measure(c, "sorted sets of 100000", ELEMENTS, &containers(100_000, sorted_set));
}

criterion_group!(all, benches);
criterion_main!(all);
