//! Hashes in all encodings against maps of the standard library, with and without deadlines.

use super::*;
use std::collections::{HashMap, HashSet};

fn limits(entries: usize, value: usize) -> Limits {
    Limits { hash_max_listpack_entries: entries, hash_max_listpack_value: value, ..Limits::default() }
}

fn contents(hash: &Hash) -> HashMap<Vec<u8>, Vec<u8>> {
    let mut all = HashMap::new();
    hash.for_each(|field, value| assert!(all.insert(field.to_vec(), value.to_vec()).is_none()));
    all
}

#[test]
fn a_hash_is_packed_up_to_its_limits() {
    let limits = limits(2, 4);
    let mut hash = Hash::new();
    assert!(hash.set(b"a", b"1234", &limits) && hash.set(b"b", b"1", &limits));
    assert!(!hash.set(b"b", b"2", &limits) && hash.packed().is_some());
    let mut more = hash.clone();
    assert!(more.set(b"c", b"3", &limits) && more.packed().is_none());
    let mut longer = hash.clone();
    assert!(!longer.set(b"a", b"12345", &limits) && longer.packed().is_none());
    assert!(more.remove(b"c") && more.packed().is_none(), "it stays a table");
    assert_eq!(contents(&more), contents(&hash));
    let mut field = Hash::new();
    field.set(b"12345", b"", &limits);
    assert!(field.packed().is_none());
}

/// A field's value and deadline.
type Fact = (Vec<u8>, Option<u64>);

fn facts(hash: &Hash) -> HashMap<Vec<u8>, Fact> {
    let mut all = HashMap::new();
    hash.for_each_timed(|field, value, at| assert!(all.insert(field.to_vec(), (value.to_vec(), at)).is_none()));
    all
}

fn check(hash: &Hash, model: &HashMap<Vec<u8>, Fact>, moment: u64) {
    assert_eq!(facts(hash), *model);
    assert_eq!(hash.len(), model.len());
    let earliest = model.values().filter_map(|fact| fact.1).min();
    assert_eq!(hash.has_deadlines(), earliest.is_some());
    assert!(hash.next_due().unwrap_or(u64::MAX) <= earliest.unwrap_or(u64::MAX));
    assert_eq!(hash.next_due().is_some(), earliest.is_some());
    let is_live = |fact: &Fact| fact.1.is_none_or(|at| at >= moment);
    let live: HashMap<_, _> =
        model.iter().filter(|(_, fact)| is_live(fact)).map(|(f, fact)| (f.clone(), fact.0.clone())).collect();
    assert_eq!(hash.due_len(moment), model.len() - live.len());
    let (mut walked, mut scanned, mut cursor) = (HashMap::new(), HashMap::new(), 0);
    hash.for_each_live(moment, |field, value| assert!(walked.insert(field.to_vec(), value.to_vec()).is_none()));
    loop {
        let mut add = |f: Item<'_>, v: Item<'_>| assert!(scanned.insert(f.to_vec(), v.to_vec()).is_none());
        cursor = hash.scan_live(cursor, 7, moment, &mut add);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!((&walked, &scanned), (&live, &live));
    let mut rng = Rng::with_seed(3);
    assert_eq!(hash.random_live(&mut rng, moment).is_some(), !live.is_empty());
    let mut drawn = HashSet::new();
    hash.random_distinct_live(&mut rng, 5, moment, &mut |field, _| assert!(drawn.insert(field.to_vec())));
    assert!(drawn.len() == live.len().min(5) && drawn.iter().all(|field| live.contains_key(field)));
    for (field, fact) in model {
        match hash.look(field, moment) {
            Lookup::Live(item) => assert!(is_live(fact) && item == fact.0[..]),
            Lookup::Expired => assert!(!is_live(fact)),
            Lookup::Missing => panic!("it is there"),
        }
    }
}

#[test]
fn random_edits_agree_with_a_model_and_leave_clones_as_they_were() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    for round in 0..40 {
        let limits = limits(rng.usize(..60), 12);
        let timed = round % 4 != 0;
        let (mut hash, mut model) = (Hash::new(), HashMap::<Vec<u8>, Fact>::new());
        let mut clones = Vec::new();
        for _ in 0..600 {
            let field = rng.u32(..if round % 2 == 0 { 40 } else { 400 }).to_string().into_bytes();
            match rng.u32(..13) {
                0..5 => {
                    let value = vec![b'v'; rng.usize(..10)];
                    assert_eq!(hash.set(&field, &value, &limits), model.insert(field, (value, None)).is_none());
                }
                5 => {
                    let value = vec![b'w'; rng.usize(..10)];
                    let deadline = model.get(&field).and_then(|fact| fact.1);
                    assert_eq!(hash.set_keeping(&field, &value, &limits), !model.contains_key(&field));
                    model.insert(field, (value, deadline));
                }
                6..8 => assert_eq!(hash.remove(&field), model.remove(&field).is_some()),
                8..11 if timed => {
                    let deadline = rng.bool().then(|| rng.u64(1..100));
                    assert_eq!(hash.set_deadline(&field, deadline), model.contains_key(&field));
                    if let Some(fact) = model.get_mut(&field) {
                        fact.1 = deadline;
                    }
                }
                11 if timed && rng.u8(..8) == 0 => {
                    let (moment, limit) = (rng.u64(..40), rng.usize(1..30));
                    let mut gone = Vec::new();
                    hash.remove_due(moment, limit, |field| gone.push(field.to_vec()));
                    let due = model.values().filter(|fact| fact.1.is_some_and(|at| at < moment)).count();
                    assert_eq!(gone.len(), due.min(limit));
                    assert!(gone.iter().all(|field| model.remove(field).is_some_and(|fact| fact.1 < Some(moment))));
                }
                12 => clones.push((hash.clone(), model.clone())),
                _ => {}
            }
            assert_eq!(hash.len(), model.len());
        }
        for moment in [0, 1, 50, 1000] {
            check(&hash, &model, moment);
        }
        for (clone, model) in clones {
            assert_eq!(facts(&clone), model);
        }
    }
}

#[test]
fn distinct_random_fields_are_distinct_and_exactly_as_many() {
    let mut rng = Rng::with_seed(7);
    for size in [1, 10, 500] {
        let mut hash = Hash::new();
        for at in 0..size {
            hash.set(at.to_string().as_bytes(), b"v", &limits(100, 64));
        }
        for count in [0, 1, 4, size / 2, size - 1, size, size + 5, usize::MAX] {
            let mut seen = HashSet::new();
            hash.random_distinct(&mut rng, count, &mut |field, _| assert!(seen.insert(field.to_vec())));
            assert_eq!(seen.len(), count.min(size));
        }
    }
}

#[test]
fn a_scan_gives_every_field_once() {
    let mut hash = Hash::new();
    for at in 0..1000 {
        hash.set(at.to_string().as_bytes(), b"v", &Limits::default());
    }
    let (mut seen, mut cursor) = (HashSet::new(), 0);
    loop {
        cursor = hash.scan(cursor, 10, &mut |field, _| assert!(seen.insert(field.to_vec())));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 1000);
}
