//! Tests of the table as a whole, against maps of the standard library.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::*;
use crate::structs::record::{Body, BodyMut, NewBody, Payload, Record};
use crate::structs::thin::ThinBytes;

pub(super) type Key = Record<()>;
pub(super) type Model = HashMap<Vec<u8>, (i64, Option<u64>)>;

pub(super) fn record(key: &[u8], value: i64, deadline: Option<u64>) -> Key {
    Record::new(key, NewBody::Int(value), deadline, 0, 0)
}

pub(super) fn value(entry: &Key) -> i64 {
    match entry.body() {
        Body::Int(value) => value,
        Body::Bytes(text) => std::str::from_utf8(text).unwrap().parse().unwrap(),
        Body::Payload(()) => panic!("a number"),
    }
}

pub(super) fn seeded() -> fastrand::Rng {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

pub(super) fn same(table: &Table<Key>, model: &Model) {
    table.check();
    assert_eq!(table.len(), model.len());
    assert_eq!(table.len_with_deadline(), model.values().filter(|(_, deadline)| deadline.is_some()).count());
    for (key, (number, deadline)) in model {
        let entry = table.get(hash(key), key).expect("the model has it");
        assert_eq!((value(entry), entry.deadline()), (*number, *deadline));
    }
    let listed: Vec<u64> = table.iter().map(Entry::hash).collect();
    assert_eq!(listed.len(), model.len());
    assert!(listed.is_sorted());
    let mut count = 0;
    table.for_each(|_| count += 1);
    assert_eq!(count, model.len());
    Walk::from(table.clone()).consume(|entry| {
        let (number, deadline) = model[entry.key()];
        assert_eq!((value(entry), entry.deadline()), (number, deadline));
        count -= 1;
    });
    assert_eq!(count, 0);
    table.check();
}

/// One random step on table and model; `keys` bounds how many there can be.
pub(super) fn step(
    rng: &mut fastrand::Rng,
    table: &mut Table<Key>,
    model: &mut Model,
    keys: usize,
    growing: bool,
    now: u64,
) {
    let key = rng.usize(..keys).to_string().into_bytes();
    let at = hash(&key);
    let deadline = |rng: &mut fastrand::Rng| rng.bool().then(|| now + rng.u64(..1000));
    match rng.u8(..10) {
        0..4 if growing => {
            let (number, deadline) = (rng.i64(..), deadline(rng));
            let old = table.insert(at, record(&key, number, deadline));
            assert_eq!(
                old.map(|old| (value(&old), old.deadline())),
                model.insert(key, (number, deadline)),
                "the old entry"
            );
        }
        4 if growing => {
            let (number, deadline) = (rng.i64(..), deadline(rng));
            let (entry, made) = table.find_or_insert_with(at, &key, || record(&key, number, deadline));
            assert_eq!(made, !model.contains_key(&key));
            let expected = model.entry(key).or_insert((number, deadline));
            assert_eq!((value(entry), entry.deadline()), *expected);
        }
        0..6 => {
            let old = table.remove(at, &key);
            assert_eq!(old.map(|old| (value(&old), old.deadline())), model.remove(&key));
        }
        6 | 7 => match (table.get_mut(at, &key), model.get_mut(&key)) {
            (None, None) => {}
            (Some(entry), Some((number, _))) => {
                *number = number.wrapping_add(1);
                match entry.body_mut() {
                    BodyMut::Int(to) if rng.bool() => *to = to.wrapping_add(1),
                    // As text it has another length, and its record another size.
                    BodyMut::Int(_) => drop(entry.replace_body(NewBody::Bytes(number.to_string().as_bytes()), 0)),
                    _ => drop(entry.replace_body(NewBody::Int(*number), 0)),
                }
            }
            _ => panic!("only one has it"),
        },
        8 => {
            let deadline = deadline(rng);
            assert_eq!(table.set_deadline(at, &key, deadline), model.contains_key(&key));
            if let Some((_, old)) = model.get_mut(&key) {
                *old = deadline;
            }
        }
        _ => assert_eq!(table.get(at, &key).map(value), model.get(&key).map(|(number, _)| *number)),
    }
}

#[test]
fn random_steps_agree_with_a_map_and_snapshots_stay_as_they_were() {
    let mut rng = seeded();
    for keys in [40, 300, 5_000, 60_000] {
        let (mut table, mut model) = (Table::new(), Model::new());
        let mut snapshots: Vec<(Table<Key>, Model)> = Vec::new();
        for phase in 0..8 {
            for _ in 0..keys * 2 {
                step(&mut rng, &mut table, &mut model, keys, phase % 4 < 2, 1);
                if rng.usize(..keys) == 0 {
                    if snapshots.len() < 3 {
                        snapshots.push((table.clone(), model.clone()));
                    } else {
                        let (old, expected) = snapshots.swap_remove(rng.usize(..3));
                        same(&old, &expected);
                    }
                }
            }
            same(&table, &model);
        }
        snapshots.iter().for_each(|(table, model)| same(table, model));
    }
}

#[test]
fn snapshots_may_be_walked_and_dropped_on_another_thread() {
    let mut table = Table::new();
    for n in 0..20_000 {
        let key = n.to_string();
        table.insert(hash(key.as_bytes()), record(key.as_bytes(), n, None));
    }
    let threads: Vec<_> = (0..4)
        .map(|round| {
            let snapshot = table.clone();
            for n in 0..20_000 {
                let key = n.to_string();
                let BodyMut::Int(to) = table.get_mut(hash(key.as_bytes()), key.as_bytes()).unwrap().body_mut() else {
                    panic!("a number")
                };
                *to += 1_000_000;
            }
            std::thread::spawn(move || {
                let mut sum = 0;
                snapshot.for_each(|entry| sum += value(entry) - round * 1_000_000);
                sum
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), (0..20_000).sum());
    }
    table.check();
}

#[test]
fn a_table_grows_to_a_million_and_back_to_nothing() {
    let mut table = Table::new();
    let key = |n: u32| format!("key:{n:012}");
    for n in 0..1_000_000 {
        let key = key(n);
        assert!(table.insert(hash(key.as_bytes()), ThinBytes::new((), &[key.as_bytes()])).is_none());
    }
    table.check();
    assert_eq!(table.len(), 1_000_000);
    let per_entry = table.alloc_bytes() as f64 / 1e6;
    println!("{per_entry} bytes an entry, {:?}", table.node_counts());
    assert!(per_entry < 21.0, "{per_entry} bytes of nodes an entry");
    for n in 0..1_000_000 {
        let key = key(n);
        assert!(table.get(hash(key.as_bytes()), key.as_bytes()).is_some());
        assert!(table.get(hash(key.as_bytes()) ^ 1 << 63, key.as_bytes()).is_none());
    }
    for n in 0..1_000_000 {
        let key = key(n);
        assert!(table.remove(hash(key.as_bytes()), key.as_bytes()).is_some());
        if n == 990_000 {
            table.check();
            assert!(table.alloc_bytes() < 1_200_000, "{} bytes for 10,000 entries", table.alloc_bytes());
        }
    }
    table.check();
    assert_eq!((table.alloc_bytes(), table.len()), (0, 0));
}

#[test]
fn small_tables_are_lean() {
    let mut table = Table::<ThinBytes<()>>::new();
    assert_eq!(table.alloc_bytes(), 0);
    for n in 0..150u32 {
        let key = n.to_string();
        table.insert(hash(key.as_bytes()), ThinBytes::new((), &[key.as_bytes()]));
        assert!(n >= 56 || table.alloc_bytes() == 512);
    }
    assert!(table.alloc_bytes() < 6 * 1024, "{} bytes for 150 members", table.alloc_bytes());
}

#[test]
fn a_scan_gives_each_lasting_key_once_while_the_table_grows_and_shrinks() {
    let mut rng = seeded();
    for (lasting, passing) in [(50, 5_000), (3_000, 60_000), (60_000, 30_000)] {
        let (mut table, mut model) = (Table::new(), Model::new());
        for n in 0..lasting {
            let key = format!("stay {n}").into_bytes();
            table.insert(hash(&key), record(&key, n, None));
        }
        let (mut cursor, mut seen, mut round) = (0, HashSet::new(), 0);
        loop {
            let mut given = 0;
            let next = table.scan(cursor, 10, &mut |entry| {
                given += 1;
                if entry.key().starts_with(b"stay") {
                    assert!(seen.insert(entry.key().to_vec()), "given twice");
                }
            });
            assert!(given <= 11 && next < 1 << 48);
            assert!(next == 0 || (next > cursor && given >= 10));
            cursor = next;
            if cursor == 0 {
                break;
            }
            round += 1;
            for _ in 0..200 {
                step(&mut rng, &mut table, &mut model, passing, round % 400 < 200, 1);
            }
        }
        assert_eq!(seen.len(), lasting as usize);
        table.check();
    }
    assert_eq!(Table::<Key>::new().scan(0, 10, &mut |_| {}), 0);
    assert_eq!(Table::<Key>::new().scan(u64::MAX, 10, &mut |_| {}), 0);
}

#[test]
fn a_range_of_hashes_is_listed_and_removed_alone() {
    let mut rng = seeded();
    let (mut table, mut model) = (Table::new(), BTreeMap::new());
    for n in 0..20_000 {
        let key = n.to_string().into_bytes();
        model.insert(hash(&key), n);
        table.insert(hash(&key), record(&key, n, None));
    }
    let snapshot = table.clone();
    for _ in 0..40 {
        let (one, two) = (rng.u64(..), rng.u64(..));
        let (from, to) = (one.min(two), one.max(two).min(one.min(two).saturating_add(1 << 58)));
        let mut listed = Vec::new();
        table.scan_range(from, to, &mut |entry| listed.push(value(entry)));
        assert!(listed.iter().eq(model.range(from..=to).map(|(_, n)| n)));
        let (mut out, limit) = (Vec::new(), rng.usize(..400));
        let more = table.remove_range(from, to, limit, &mut out);
        assert_eq!(more, listed.len() > limit);
        assert!(out.iter().map(value).eq(listed.into_iter().take(limit)));
        for entry in out {
            model.remove(&entry.hash());
        }
        table.check();
        assert_eq!(table.len(), model.len());
    }
    table.remove_range(0, u64::MAX, usize::MAX, &mut Vec::new());
    assert_eq!((table.len(), table.alloc_bytes(), snapshot.len()), (0, 0, 20_000));
    snapshot.check();
}

/// Draws `draws` times and compares the counts with evenness by chi-square.
fn assert_even(table: &Table<Key>, rng: &mut fastrand::Rng, draws: usize) {
    let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
    for _ in 0..draws {
        *counts.entry(table.random(rng).unwrap().key().to_vec()).or_default() += 1;
    }
    let (n, expected) = (table.len() as f64, draws as f64 / table.len() as f64);
    let seen: f64 = counts.values().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
    let chi = seen + (table.len() - counts.len()) as f64 * expected;
    let sigmas = (chi - (n - 1.0)) / (2.0 * (n - 1.0)).sqrt();
    assert!(sigmas.abs() < 6.0, "chi-square is {sigmas} standard deviations off for {n} keys");
}

#[test]
fn a_random_key_is_any_key_with_the_same_probability() {
    // A fixed seed: an honest random test would fail once in a while.
    let mut rng = fastrand::Rng::with_seed(7);
    let mut table = Table::new();
    assert!(table.random(&mut rng).is_none());
    for n in 0..5_000 {
        let key = format!("key {n}").into_bytes();
        table.insert(hash(&key), record(&key, n, None));
        if [30, 57, 100, 400, 5_000].contains(&table.len()) {
            let draws = 100 * table.len();
            assert_even(&table, &mut rng, draws);
        }
    }
    for n in 0..4_900 {
        let key = format!("key {n}").into_bytes();
        table.remove(hash(&key), &key);
    }
    assert_even(&table, &mut rng, 20_000);
    for n in 4_901..5_000 {
        let key = format!("key {n}").into_bytes();
        table.remove(hash(&key), &key);
    }
    assert_eq!(table.random(&mut rng).unwrap().key(), b"key 4900");
}

#[test]
fn a_sample_gives_as_many_different_keys_as_there_are() {
    let mut rng = seeded();
    let mut table = Table::new();
    for n in 0..3_000 {
        let key = n.to_string().into_bytes();
        table.insert(hash(&key), record(&key, n, None));
        if n % 97 == 0 {
            for wanted in [0, 1, 5, 60, 200, 5_000] {
                let mut seen = HashSet::new();
                table.sample(&mut rng, wanted, &mut |entry| assert!(seen.insert(value(entry))));
                assert_eq!(seen.len(), wanted.min(table.len()));
            }
        }
    }
}

#[test]
fn due_entries_go_in_slices_and_nothing_else_does() {
    let mut rng = seeded();
    for keys in [30, 2_000, 100_000] {
        let (mut table, mut model) = (Table::new(), Model::new());
        let mut now = 0;
        let mut snapshot: Option<(Table<Key>, Model)> = None;
        for _ in 0..30 {
            for _ in 0..keys / 3 {
                step(&mut rng, &mut table, &mut model, keys, true, now);
            }
            if let Some((table, model)) = snapshot.take() {
                same(&table, &model);
            } else {
                snapshot = Some((table.clone(), model.clone()));
            }
            now += rng.u64(..200);
            let due = model.values().filter(|(_, deadline)| deadline.is_some_and(|at| at <= now)).count();
            let mut listed = 0;
            table.for_each_due(now, usize::MAX, |entry| {
                assert!(entry.deadline().unwrap() <= now);
                listed += 1;
            });
            assert_eq!(listed, due);
            let mut gone = Vec::new();
            loop {
                let (before, limit) = (gone.len(), rng.usize(1..500));
                let more = table.remove_due(now, limit, &mut gone, &mut Vec::new());
                assert!(gone.len() - before <= limit);
                assert!(more == table.next_deadline().is_some_and(|at| at <= now));
                if !more {
                    break;
                }
            }
            assert_eq!(gone.len(), due);
            for entry in gone {
                assert!(model.remove(entry.key()).unwrap().1.unwrap() <= now);
            }
            let earliest = model.values().filter_map(|(_, deadline)| *deadline).min();
            assert!(table.next_deadline().unwrap_or(u64::MAX) <= earliest.unwrap_or(u64::MAX));
            assert_eq!(table.earliest().and_then(Entry::deadline), earliest);
            assert_eq!(table.next_deadline(), earliest, "tightened by the walk");
            table.check();
        }
        same(&table, &model);
    }
}

#[test]
fn mass_expiry_gives_the_memory_back() {
    let mut table = Table::new();
    for n in 0..100_000 {
        let key = n.to_string().into_bytes();
        table.insert(hash(&key), record(&key, n, Some(5)));
    }
    let mut gone = Vec::new();
    assert!(!table.remove_due(4, 10, &mut gone, &mut Vec::new()) && gone.is_empty());
    while table.remove_due(5, 1000, &mut gone, &mut Vec::new()) {}
    assert_eq!((gone.len(), table.len(), table.alloc_bytes(), table.next_deadline()), (100_000, 0, 0, None));
}

/// The moment a part of an entry is due.
#[derive(Clone, Debug)]
struct Parts(Option<u64>);

impl Payload for Parts {
    fn parts_due(&self) -> Option<u64> {
        self.0
    }
}

/// Sets when a part of an entry is due, as an edit in place does.
fn set_parts(table: &mut Table<Record<Parts>>, key: &[u8], due: Option<u64>) {
    let BodyMut::Payload(parts) = table.get_mut(hash(key), key).unwrap().body_mut() else { panic!("parts") };
    parts.0 = due;
    table.note_parts(hash(key), key);
}

#[test]
fn parts_that_are_due_are_named_and_their_entries_stay() {
    let mut rng = seeded();
    for keys in [20, 3_000] {
        let mut table: Table<Record<Parts>> = Table::new();
        let mut model: BTreeMap<Vec<u8>, (Option<u64>, Option<u64>)> = BTreeMap::new();
        for now in (0..2_000u64).step_by(100) {
            for _ in 0..keys {
                let key = rng.usize(..keys).to_string().into_bytes();
                let mut moment = || (rng.u8(..3) == 0).then(|| now + 1 + rng.u64(..500));
                let (deadline, due) = (moment(), moment());
                match rng.u8(..6) {
                    0..2 => {
                        let body = NewBody::Payload(Parts(due));
                        table.insert(hash(&key), Record::new(&key, body, deadline, 0, 0));
                        model.insert(key, (deadline, due));
                    }
                    2 => assert_eq!(table.remove(hash(&key), &key).is_some(), model.remove(&key).is_some()),
                    3 if model.contains_key(&key) => {
                        assert!(table.set_deadline(hash(&key), &key, deadline));
                        model.get_mut(&key).unwrap().0 = deadline;
                    }
                    4 if model.contains_key(&key) => {
                        set_parts(&mut table, &key, due);
                        model.get_mut(&key).unwrap().1 = due;
                    }
                    _ => {}
                }
            }
            let snapshot = (table.clone(), model.clone());
            let (mut gone, mut named) = (Vec::new(), Vec::new());
            loop {
                let before = gone.len();
                let more = table.remove_due(now, 7, &mut gone, &mut named);
                assert!(gone.len() - before + named.len() <= 7);
                for entry in &gone[before..] {
                    assert!(model.remove(entry.key()).unwrap().0.is_some_and(|at| at <= now));
                }
                for key in named.drain(..) {
                    let (deadline, due) = model.get_mut(&*key).unwrap();
                    assert!(deadline.is_none_or(|at| at > now));
                    if due.is_some_and(|at| at <= now) {
                        *due = (rng.bool()).then_some(now + 50);
                        set_parts(&mut table, &key, *due);
                    }
                }
                if !more {
                    break;
                }
            }
            assert!(
                model
                    .values()
                    .all(|(deadline, due)| deadline.is_none_or(|at| at > now) && due.is_none_or(|at| at > now))
            );
            for (table, model) in [(&table, &model), (&snapshot.0, &snapshot.1)] {
                table.check();
                assert_eq!(table.len(), model.len());
                assert_eq!(table.len_with_deadline(), model.values().filter(|(at, _)| at.is_some()).count());
                assert_eq!(table.len_with_timed_parts(), model.values().filter(|(_, at)| at.is_some()).count());
                let first = model.values().flat_map(|(deadline, due)| deadline.iter().chain(due)).min();
                assert!(table.next_deadline().unwrap_or(u64::MAX) <= first.copied().unwrap_or(u64::MAX));
            }
            let earliest = model.values().filter_map(|(deadline, _)| *deadline).min();
            assert_eq!(table.earliest().and_then(Entry::deadline), earliest);
        }
    }
}

/// An entry whose hash the test chooses.
#[derive(Clone, Debug)]
struct Chosen {
    hash: u64,
    key: String,
    deadline: Option<u64>,
}

impl Entry for Chosen {
    fn key(&self) -> &[u8] {
        self.key.as_bytes()
    }
    fn hash(&self) -> u64 {
        self.hash
    }
    fn deadline(&self) -> Option<u64> {
        self.deadline
    }
    fn set_deadline(&mut self, deadline: Option<u64>) {
        self.deadline = deadline;
    }
}

#[test]
fn hashes_that_share_all_that_counts_overflow_and_still_work() {
    let mut rng = seeded();
    for spread in [1u64, 3, 1 << 20] {
        let mut table = Table::new();
        let mut model: BTreeMap<String, Chosen> = BTreeMap::new();
        let mut snapshot = None;
        for round in 0..6_000 {
            let n = rng.u64(..300);
            let key = n.to_string();
            let at = 0xabcd_ef01_2345_0000 | ((n * spread) & 0xffff_ffff) << if spread > 3 { 16 } else { 0 };
            let deadline = rng.bool().then(|| rng.u64(..1000));
            match rng.u8(..10) {
                0..5 if round % 2_000 < 1_200 => {
                    let entry = Chosen { hash: at, key: key.clone(), deadline };
                    let old = table.insert(at, entry.clone());
                    assert_eq!(old.is_some(), model.insert(key, entry).is_some());
                }
                5 if round % 2_000 < 1_200 => {
                    let entry = Chosen { hash: at, key: key.clone(), deadline };
                    let (_, made) = table.find_or_insert_with(at, key.as_bytes(), || entry.clone());
                    assert_eq!(made, !model.contains_key(&key));
                    model.entry(key).or_insert(entry);
                }
                0..7 => assert_eq!(table.remove(at, key.as_bytes()).is_some(), model.remove(&key).is_some()),
                7 => {
                    assert_eq!(table.set_deadline(at, key.as_bytes(), deadline), model.contains_key(&key));
                    if let Some(entry) = model.get_mut(&key) {
                        entry.deadline = deadline;
                    }
                }
                _ => assert_eq!(
                    table.get(at, key.as_bytes()).map(|entry| entry.deadline),
                    model.get(&key).map(|entry| entry.deadline)
                ),
            }
            if round % 50 == 0 {
                table.check();
                assert_eq!(table.len(), model.len());
                assert_eq!(table.iter().count(), model.len());
                let earliest = model.values().filter_map(|entry| entry.deadline).min();
                assert_eq!(table.earliest().and_then(Entry::deadline), earliest);
                let mut scanned = HashSet::new();
                let mut cursor = 0;
                loop {
                    cursor = table.scan(cursor, 7, &mut |entry| assert!(scanned.insert(entry.key.clone())));
                    if cursor == 0 {
                        break;
                    }
                }
                assert_eq!(scanned.len(), model.len());
                assert_eq!(table.random(&mut rng).is_some(), !model.is_empty());
                let mut sampled = 0;
                table.sample(&mut rng, 100, &mut |_| sampled += 1);
                assert_eq!(sampled, model.len().min(100));
                if round % 500 == 250 {
                    let mut gone = Vec::new();
                    while table.remove_due(300, 20, &mut gone, &mut Vec::new()) {}
                    for entry in &gone {
                        assert!(model.remove(&entry.key).unwrap().deadline.unwrap() <= 300);
                    }
                    assert!(model.values().all(|entry| entry.deadline.is_none_or(|at| at > 300)));
                    snapshot = Some((table.clone(), model.len()));
                }
                if let Some((table, len)) = &snapshot {
                    table.check();
                    assert_eq!(table.len(), *len);
                }
            }
        }
    }
}

#[test]
fn a_deadline_that_never_comes_is_never_due() {
    let mut table = Table::new();
    table.insert(hash(b"k"), record(b"k", 1, Some(u64::MAX)));
    assert_eq!((table.next_deadline(), table.len_with_deadline()), (None, 1));
    assert!(table.earliest().is_none());
    assert!(!table.remove_due(u64::MAX, 1, &mut Vec::new(), &mut Vec::new()));
    assert_eq!(table.len(), 1);
}

#[test]
fn the_top_bits_of_a_hash_are_even_for_keys_that_count_up() {
    for form in [|n: u32| format!("key:{n:012}"), |n: u32| n.to_string(), |n: u32| format!("{{user}}.{n}")] {
        let mut counts = vec![0u32; 1 << 12];
        for n in 0..(1 << 12) * 32 {
            counts[(hash(form(n).as_bytes()) >> 52) as usize] += 1;
        }
        let chi: f64 = counts.iter().map(|n| (f64::from(*n) - 32.0).powi(2) / 32.0).sum();
        let sigmas = (chi - 4095.0) / (2.0f64 * 4095.0).sqrt();
        assert!(sigmas.abs() < 6.0, "{sigmas} standard deviations off");
    }
}

#[test]
fn prefetching_is_harmless_everywhere() {
    let mut table = Table::new();
    for n in 0..200 {
        let key = n.to_string().into_bytes();
        table.prefetch_segment(hash(&key));
        table.prefetch_entry(hash(&key));
        table.insert(hash(&key), record(&key, n, None));
    }
}

#[test]
fn a_reserved_table_is_as_one_that_grew() {
    for keys in [0, 33, 34, 68, 1000, 5000, 150_000] {
        let (mut reserved, mut grown) = (Table::new(), Table::new());
        reserved.reserve(keys);
        reserved.check();
        for n in 0..keys {
            let key = n.to_string().into_bytes();
            assert!(reserved.insert_new(hash(&key), record(&key, n as i64, None)));
            assert!(grown.insert_new(hash(&key), record(&key, n as i64, None)));
        }
        reserved.check();
        grown.check();
        assert_eq!((reserved.len(), grown.len()), (keys, keys));
        assert!(reserved.alloc_bytes() <= grown.alloc_bytes() * 11 / 10 + 1024);
        // A table that is not empty keeps its shape.
        let before = grown.node_counts();
        grown.reserve(1 << 20);
        assert!(keys == 0 || grown.node_counts() == before);
        for n in 0..keys {
            let key = n.to_string().into_bytes();
            assert!(!reserved.insert_new(hash(&key), record(&key, -1, None)));
            assert_eq!(reserved.remove(hash(&key), &key).map(|old| value(&old)), Some(n as i64));
        }
        reserved.check();
    }
}

#[test]
fn a_reserved_table_of_two_levels_holds_its_invariants() {
    let mut table: Table<Key> = Table::new();
    table.reserve(1 << 19);
    table.check();
    assert_eq!(table.node_counts().deepest, 13);
    let mut model = Model::new();
    let mut rng = seeded();
    for _ in 0..5_000 {
        step(&mut rng, &mut table, &mut model, 3_000, true, 0);
    }
    same(&table, &model);
}

/// An entry whose life can be followed.
#[derive(Clone)]
struct Followed(std::sync::Arc<Vec<u8>>);

impl Entry for Followed {
    fn key(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn a_consumed_clone_gives_back_what_it_has_passed() {
    const KEYS: usize = 100_000;
    let mut table = Table::new();
    let mut lives = HashMap::new();
    for n in 0..KEYS {
        let key = n.to_string().into_bytes();
        let entry = Followed(std::sync::Arc::new(key.clone()));
        lives.insert(key.clone(), std::sync::Arc::downgrade(&entry.0));
        table.insert(hash(&key), entry);
    }
    let snapshot = Walk::from(table.clone());
    drop(table);
    let (mut passed, mut last) = (Vec::new(), 0);
    snapshot.consume(|entry| {
        passed.push(entry.0.to_vec());
        if passed.len() % 10_000 == 0 {
            let alive = passed.iter().filter(|key| lives[*key].strong_count() > 0).count();
            assert!(alive <= 2 * SLOTS, "{alive} of {} still there", passed.len());
            last = passed.len();
        }
    });
    assert_eq!((passed.len(), last), (KEYS, KEYS));
    assert!(lives.values().all(|life| life.strong_count() == 0));
}

#[test]
fn a_clone_is_consumed_by_one_thread_while_another_changes_the_table() {
    let mut rng = seeded();
    let mut table = Table::new();
    for n in 0..150_000i64 {
        let key = n.to_string().into_bytes();
        table.insert(hash(&key), record(&key, n, None));
    }
    for _ in 0..3 {
        let expected: HashMap<Vec<u8>, i64> = table.iter().map(|entry| (entry.key().to_vec(), value(entry))).collect();
        let snapshot = Walk::from(table.clone());
        let walker = std::thread::spawn(move || {
            let mut left = expected;
            snapshot.consume(|entry| assert_eq!(left.remove(entry.key()), Some(value(entry))));
            left.len()
        });
        while !walker.is_finished() {
            let key = rng.usize(..300_000).to_string().into_bytes();
            match rng.u8(..3) {
                0 => drop(table.remove(hash(&key), &key)),
                _ => drop(table.insert(hash(&key), record(&key, rng.i64(..), None))),
            }
        }
        assert_eq!(walker.join().unwrap(), 0);
        table.check();
    }
}
