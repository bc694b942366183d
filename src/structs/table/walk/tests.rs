//! Tests of walks: what they give, and what they spare the table.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use super::super::tests::{Key, Model, record, same, seeded, step, value};
use super::super::{Entry, Table, hash};
use super::Walk;

fn numbers(count: usize) -> (Table<Key>, Model) {
    let mut table = Table::new();
    let mut model = Model::new();
    for n in 0..count {
        let key = n.to_string().into_bytes();
        table.insert(hash(&key), record(&key, n as i64, None));
        model.insert(key, (n as i64, None));
    }
    (table, model)
}

/// Takes what a walk gives out of what it should give; what is left is missing.
fn takes_all(walk: Walk<Key>, mut expected: Model) -> usize {
    assert_eq!(walk.len(), expected.len());
    walk.consume(|entry| {
        let given = (value(entry), entry.deadline());
        assert_eq!(expected.remove(entry.key()), Some(given), "an entry of the moment, and once");
    });
    expected.len()
}

#[test]
fn a_walk_gives_what_was_there_whatever_is_done_meanwhile() {
    let mut rng = seeded();
    for keys in [40, 5_000, 30_000] {
        let (mut table, mut model) = numbers(keys / 2);
        for round in 0..8 {
            let (walk, expected) = (table.walk(), model.clone());
            let walker = std::thread::spawn(move || takes_all(walk, expected));
            let mut others: Vec<(Table<Key>, Model)> = Vec::new();
            let mut done = 0;
            // Bounded: where threads take turns, the walker may not get one before this thread waits for it.
            while done < keys / 2 || done < 4 * keys && !walker.is_finished() {
                done += 1;
                step(&mut rng, &mut table, &mut model, keys, round % 4 < 2, 1);
                if rng.u8(..200) == 0 {
                    table.let_walk();
                }
                if rng.usize(..keys * 4) == 0 {
                    others.push((table.clone(), model.clone()));
                }
                if rng.usize(..keys * 4) == 0 {
                    let (walk, expected) = (table.walk(), model.clone());
                    table.let_walk();
                    assert_eq!(takes_all(walk, expected), 0, "a walk beside a walk");
                }
            }
            table.let_walk();
            assert_eq!(walker.join().unwrap(), 0);
            assert!(!table.let_walk(), "it is over");
            others.iter().for_each(|(table, model)| same(table, model));
            drop(others);
            same(&table, &model);
        }
    }
}

#[test]
fn a_walk_that_begins_late_gives_what_was_put_by() {
    let mut rng = seeded();
    for keys in [3_000, 12_000] {
        let (mut table, mut model) = numbers(keys);
        for _ in 0..4 {
            let (walk, expected) = (table.walk(), model.clone());
            for _ in 0..keys {
                let growing = rng.bool();
                step(&mut rng, &mut table, &mut model, keys, growing, 1);
            }
            let (mut due, mut parts) = (Vec::new(), Vec::new());
            table.remove_due(500, keys / 10, &mut due, &mut parts);
            for entry in due {
                model.remove(entry.key());
            }
            table.let_walk();
            assert_eq!(takes_all(walk, expected), 0);
            assert!(!table.let_walk());
            same(&table, &model);
        }
    }
}

fn leaf_of(table: &Table<Key>, key: &[u8]) -> *const () {
    std::ptr::from_ref(table.tree.leaf(hash(key)).unwrap()).cast()
}

#[test]
fn a_walk_spares_its_table_the_copy_that_a_clone_costs() {
    let (mut table, _) = numbers(10_000);
    let key: &[u8] = b"77";
    let before = leaf_of(&table, key);
    let clone = table.clone();
    table.insert(hash(key), record(key, 1, None));
    let copied = leaf_of(&table, key);
    assert_ne!(copied, before);
    let walk = table.walk();
    table.insert(hash(key), record(key, 2, None));
    assert_ne!(leaf_of(&table, key), copied, "beside a clone a walk is no better");
    drop((clone, walk));

    let before = leaf_of(&table, key);
    let walk = table.walk();
    for n in 3..6 {
        table.insert(hash(key), record(key, n, None));
        table.let_walk();
    }
    assert!(table.remove(hash(b"78"), b"78").is_some());
    assert_eq!(leaf_of(&table, key), before);
    table.let_walk();
    let mut found = HashMap::new();
    walk.consume(|entry| _ = found.insert(entry.key().to_vec(), value(entry)));
    assert_eq!((found.len(), found[key], found[&b"78"[..]]), (10_000, 2, 78));
    assert!(!table.let_walk(), "it is over");
    table.insert(hash(key), record(key, 7, None));
    assert_eq!(leaf_of(&table, key), before, "nobody shares it any more");

    // A clone that is made meanwhile must stay as it is.
    let walk = table.walk();
    let clone = table.clone();
    table.insert(hash(key), record(key, 8, None));
    assert_ne!(leaf_of(&table, key), before);
    assert_eq!(clone.get(hash(key), key).map(value), Some(7));
    drop(walk);
}

#[test]
fn a_walk_waits_for_what_is_in_hand_and_for_nothing_else() {
    const KEYS: usize = 20_000;
    let (mut table, model) = numbers(KEYS);
    let walk = table.walk();
    table.insert(hash(b"1"), record(b"1", -1, None));
    let given = Arc::new(AtomicUsize::new(0));
    let counter = given.clone();
    let (told, tells) = std::sync::mpsc::channel();
    let walker = std::thread::spawn(move || {
        let mut left = model;
        walk.consume(|entry| {
            left.remove(entry.key());
            if counter.fetch_add(1, Ordering::Release) + 1 == KEYS - 56 {
                told.send(()).unwrap();
            }
        });
        left.len()
    });
    tells.recv().unwrap();
    assert!(given.load(Ordering::Acquire) < KEYS && !walker.is_finished(), "the changed segment is still in hand");
    table.let_walk();
    assert_eq!(walker.join().unwrap(), 0);
    table.check();
}

/// A key whose life can be followed.
#[derive(Clone)]
struct Followed(Arc<Vec<u8>>);

impl Entry for Followed {
    fn key(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn a_walk_leaves_nothing_behind_given_up_or_done() {
    for given_up in [false, true] {
        let mut table = Table::new();
        let mut lives: Vec<Weak<Vec<u8>>> = Vec::new();
        let put = |table: &mut Table<Followed>, lives: &mut Vec<Weak<_>>, key: String| {
            let entry = Followed(Arc::new(key.into_bytes()));
            lives.push(Arc::downgrade(&entry.0));
            table.insert(hash(entry.key()), entry);
        };
        (0..20_000).for_each(|n| put(&mut table, &mut lives, format!("{n}")));
        let walk = table.walk();
        (0..20_000).step_by(7).for_each(|n| put(&mut table, &mut lives, format!("{n}")));
        (20_000..20_500).for_each(|n| put(&mut table, &mut lives, format!("{n}")));
        for n in (0..20_000).step_by(11) {
            let key = format!("{n}").into_bytes();
            table.remove(hash(&key), &key);
        }
        table.let_walk();
        if given_up {
            drop(walk);
        } else {
            let mut count = 0;
            walk.consume(|_| count += 1);
            assert_eq!(count, 20_000);
        }
        assert_eq!(lives.iter().filter(|life| life.strong_count() > 0).count(), table.len());
        table.check();
        // A table may go before its walk does.
        let walk = table.walk();
        put(&mut table, &mut lives, "5".into());
        let length = walk.len();
        drop(table);
        let mut count = 0;
        walk.consume(|_| count += 1);
        assert_eq!(count, length);
        assert!(lives.iter().all(|life| life.strong_count() == 0));
    }
}
