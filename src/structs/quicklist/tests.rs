//! The list against a `Vec` of elements, its blocks at their limits, compression, and its clones.

use super::shape::{ELEMENT_OVERHEAD_BYTES, PACK_FRAME_BYTES, SAFE_BYTES};
use super::*;

type Model = Vec<Vec<u8>>;

fn elements(list: &Quicklist) -> Model {
    let mut all = Model::new();
    list.for_range(0, usize::MAX, false, &mut |item| all.push(item.to_vec()));
    all
}

fn of(fill: i64, compress: i64, values: impl IntoIterator<Item = Vec<u8>>) -> Quicklist {
    let mut list = Quicklist::new(fill, compress);
    for value in values {
        list.push_back(&value);
    }
    list.check();
    list
}

fn numbers(count: usize) -> Model {
    (0..count).map(|number| number.to_string().into_bytes()).collect()
}

fn any_value(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.usize(..10) {
        0..=3 => rng.i32(-20..20).to_string().into_bytes(),
        4 => rng.i64(..).to_string().into_bytes(),
        5..=7 => vec![b'a' + rng.u8(..3); rng.usize(..40)],
        8 => (0..rng.usize(..300)).map(|_| rng.u8(..)).collect(),
        _ => vec![b'z'; rng.usize(..3000)],
    }
}

/// An index from the head and, at random, the same counted from the tail.
fn either(rng: &mut fastrand::Rng, index: usize, len: usize) -> isize {
    if rng.bool() { index as isize } else { index as isize - len as isize }
}

fn remove_matching(model: &mut Model, value: &[u8], count: isize) -> usize {
    let most = if count == 0 { usize::MAX } else { count.unsigned_abs() };
    let mut matching: Vec<usize> = (0..model.len()).filter(|&at| model[at] == value).collect();
    if count < 0 {
        matching.reverse();
    }
    matching.truncate(most);
    matching.sort_unstable();
    for &at in matching.iter().rev() {
        model.remove(at);
    }
    matching.len()
}

fn run(seed: u64, steps: usize) {
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let fill = [-1, -2, -5, 1, 2, 3, 16, 128, 0][rng.usize(..9)];
    let compress = [0, 0, 1, 2, 5][rng.usize(..5)];
    let mut list = Quicklist::new(fill, compress);
    if rng.bool() {
        list.set_packed_threshold(1000);
    }
    let (mut model, mut kept) = (Model::new(), Vec::<(Quicklist, Model)>::new());
    for step in 0..steps {
        let value = any_value(&mut rng);
        let at = if model.is_empty() { 0 } else { rng.usize(..model.len()) };
        let index = either(&mut rng, at, model.len());
        let is_there = at < model.len();
        let growing = step % (steps / 2) < steps / 4;
        match rng.usize(..24) {
            0..=3 => {
                list.push_back(&value);
                model.push(value);
            }
            4..=7 => {
                list.push_front(&value);
                model.insert(0, value);
            }
            8 | 9 if !growing => assert_eq!(list.pop_front(), is_there.then(|| model.remove(0))),
            10 | 11 if !growing => assert_eq!(list.pop_back(), model.pop()),
            12 | 13 => {
                assert_eq!(list.set(index, &value), is_there);
                if is_there {
                    model[at] = value;
                }
            }
            14 | 15 => {
                assert_eq!(list.insert_before(index, &value), is_there);
                if is_there {
                    model.insert(at, value);
                }
            }
            16 | 17 => {
                assert_eq!(list.insert_after(index, &value), is_there);
                if is_there {
                    model.insert(at + 1, value);
                }
            }
            18 if is_there => {
                let count = if growing { rng.usize(..4) } else { rng.usize(..model.len() + 2) };
                let end = at.saturating_add(count).min(model.len());
                assert_eq!(list.remove_range(index, count), end - at);
                model.drain(at..end);
            }
            19 => {
                let value = if is_there && rng.bool() { model[at].clone() } else { value };
                let count = rng.isize(-3..4);
                assert_eq!(list.remove_matching(&value, count), remove_matching(&mut model, &value, count));
            }
            20 => {
                assert_eq!(list.get(index), model.get(at).cloned());
                assert_eq!(list.position(&value, Direction::Forward), model.iter().position(|other| *other == value));
                assert_eq!(list.position(&value, Direction::Backward), model.iter().rposition(|other| *other == value));
            }
            21 => {
                let count = rng.usize(..40);
                let mut seen = Model::new();
                list.for_range(at, count, false, &mut |item| seen.push(item.to_vec()));
                assert!(seen.iter().eq(model.iter().skip(at).take(count)));
                seen.clear();
                list.for_range(at, count, true, &mut |item| seen.push(item.to_vec()));
                assert!(seen.iter().eq(model[..(at + 1).min(model.len())].iter().rev().take(count)));
                for direction in [Direction::Forward, Direction::Backward] {
                    let (mut walk, mut walked) = (list.iter_from(at, direction), Model::new());
                    while let Some(item) = walk.next() {
                        walked.push(item.to_vec());
                    }
                    match direction {
                        Direction::Forward => assert!(walked.iter().eq(model.iter().skip(at))),
                        Direction::Backward => assert_eq!(walked, seen_all_before(&model, at)),
                    }
                }
            }
            22 if rng.usize(..20) == 0 => {
                list.set_compress([0, 1, 3][rng.usize(..3)]);
                list.set_fill([-1, 4, 32][rng.usize(..3)]);
            }
            23 if kept.len() < 5 && rng.usize(..10) == 0 => kept.push((list.clone(), model.clone())),
            _ => {}
        }
        assert_eq!(list.len(), model.len());
        assert_eq!(list.is_empty(), list.node_count() == 0);
        if step % 8 == 0 {
            list.check();
        }
        if step % 100 == 0 {
            assert_eq!(elements(&list), model);
        }
    }
    kept.push((list, model));
    for (list, model) in kept {
        list.check();
        assert_eq!(elements(&list), model);
        let mut loaded = Quicklist::new(-2, 1);
        for chunk in list.iter_nodes() {
            loaded.push_node(chunk);
        }
        loaded.check();
        assert_eq!(elements(&loaded), model);
        assert_eq!(loaded.node_count(), list.node_count());
    }
}

fn seen_all_before(model: &Model, at: usize) -> Model {
    model[..(at + 1).min(model.len())].iter().rev().cloned().collect()
}

#[test]
fn random_operations_agree_with_a_vec_and_leave_clones_alone() {
    match std::env::var("LARDER_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => run(seed, 1600),
        None => (1..60).for_each(|seed| run(seed, 800)),
    }
}

#[test]
fn a_fill_by_elements_starts_a_block_after_so_many() {
    for fill in [1, 2, 3, 128] {
        assert_eq!(of(fill, 0, numbers(fill as usize)).node_count(), 1);
        assert_eq!(of(fill, 0, numbers(fill as usize + 1)).node_count(), 2);
    }
    assert_eq!(of(0, 0, numbers(5)).node_count(), 5);
}

#[test]
fn a_fill_by_elements_also_keeps_to_the_safe_size() {
    // A frame of 7, elements of 2 + 998 + 2, and 8 to spare for the one to come.
    let most = (SAFE_BYTES - PACK_FRAME_BYTES - 998 - ELEMENT_OVERHEAD_BYTES) / 1002 + 1;
    assert_eq!(of(10_000, 0, vec![vec![b'x'; 998]; most]).node_count(), 1);
    assert_eq!(of(10_000, 0, vec![vec![b'x'; 998]; most + 1]).node_count(), 2);
}

#[test]
fn a_fill_by_bytes_counts_the_block_the_element_and_eight() {
    for (fill, bytes) in [(-1, 4096), (-2, 8192), (-3, 16384), (-4, 32768), (-5, 65536)] {
        let first = vec![b'x'; 1000];
        let frame = of(fill, 0, [first.clone()]).iter_nodes().next().unwrap().bytes().len();
        let room = bytes - frame - ELEMENT_OVERHEAD_BYTES;
        assert_eq!(of(fill, 0, [first.clone(), vec![b'y'; room]]).node_count(), 1);
        assert_eq!(of(fill, 0, [first, vec![b'y'; room + 1]]).node_count(), 2);
    }
}

#[test]
fn options_out_of_range_are_brought_into_it() {
    let list = Quicklist::new(-9, -1);
    assert_eq!((list.fill(), list.compress()), (-5, 0));
    let list = Quicklist::new(1 << 40, 1 << 40);
    assert_eq!((list.fill(), list.compress()), (32767, 65535));
}

#[test]
fn a_large_element_lives_alone_and_changes_kind_when_set() {
    let mut list = Quicklist::new(-2, 0);
    list.set_packed_threshold(100);
    for size in [10, 99, 100, 10] {
        list.push_back(&vec![b'x'; size]);
    }
    list.check();
    let kinds = |list: &Quicklist| list.iter_nodes().map(|chunk| chunk.is_plain()).collect::<Vec<_>>();
    assert_eq!(kinds(&list), [false, true, false]);
    assert!(list.set(2, b"small"));
    list.check();
    assert_eq!(kinds(&list), [false, false]);
    assert!(list.set(0, &[b'y'; 100]));
    list.check();
    assert_eq!(kinds(&list), [true, false, false]);
    assert_eq!(list.get(2).unwrap(), b"small");
    assert!(list.insert_after(1, &[b'w'; 200]) && list.set(-4, &[b'z'; 300]));
    list.check();
    assert_eq!(elements(&list).iter().map(Vec::len).collect::<Vec<_>>(), [100, 300, 200, 5, 10]);
}

#[test]
fn an_element_in_the_middle_of_a_full_block_splits_it() {
    let mut list = of(4, 0, numbers(12));
    assert!(list.insert_after(5, b"new"));
    list.check();
    assert_eq!(list.node_count(), 4);
    let mut model = numbers(12);
    model.insert(6, b"new".to_vec());
    assert_eq!(elements(&list), model);
}

#[test]
fn blocks_nearer_than_the_depth_stay_raw() {
    let text = |number: usize| format!("{number} {}", "la".repeat(100)).into_bytes();
    for depth in [1, 2, 3] {
        for blocks in 1..12 {
            let list = of(2, depth, (0..blocks * 2).map(text));
            let compressed = Blocks::new(&list, 0, Direction::Forward).filter(|block| block.is_compressed()).count();
            assert_eq!(compressed, blocks.saturating_sub(2 * depth as usize));
        }
    }
    let mut list = of(2, 1, (0..40).map(text));
    let compressed_bytes = list.alloc_bytes();
    assert!(list.set(20, b"short") && list.insert_before(11, &text(99)));
    list.check();
    list.set_compress(0);
    list.check();
    assert!(list.alloc_bytes() > compressed_bytes * 3 / 2);
    assert_eq!(list.remove_range(0, 30), 30);
    list.check();
}

#[test]
fn too_little_to_compress_stays_raw() {
    let mut list = of(1, 1, vec![vec![b'a'; 30]; 5]);
    assert!(Blocks::new(&list, 0, Direction::Forward).all(|block| !block.is_compressed()));
    list = of(1, 1, vec![vec![b'a'; 60]; 5]);
    assert_eq!(Blocks::new(&list, 0, Direction::Forward).filter(|block| block.is_compressed()).count(), 3);
}

#[test]
fn a_queue_of_any_length_drains_to_nothing() {
    for count in [1, 100, 20_000] {
        let mut list = of(-1, 1, numbers(count));
        for number in 0..count {
            list.push_back(number.to_string().as_bytes());
            assert_eq!(list.pop_front(), Some((number % count).to_string().into_bytes()));
        }
        list.check();
        while list.pop_front_with(|item| item.len()).is_some() {}
        list.check();
        assert_eq!((list.len(), list.node_count(), list.alloc_bytes()), (0, 0, 0));
        assert_eq!((list.pop_front(), list.pop_back()), (None, None));
    }
}

#[test]
fn lists_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Quicklist>();
}
