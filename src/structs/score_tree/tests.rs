//! The tree against a sorted `Vec`, its shapes at the node limits, and its clones.

use std::sync::Arc as StdArc;

use super::node::{INNER_ROWS, LEAF_ROWS};
use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Name(StdArc<Vec<u8>>);

impl Member for Name {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn name(number: usize) -> Name {
    Name(StdArc::new(format!("m{number:08}").into_bytes()))
}

type Model = Vec<(f64, Vec<u8>)>;

fn place(model: &Model, score: f64, bytes: &[u8]) -> usize {
    model.partition_point(|(s, b)| s.partial_cmp(&score).unwrap().then_with(|| b.as_slice().cmp(bytes)).is_lt())
}

fn assert_same(tree: &ScoreTree<Name>, model: &Model) {
    tree.check();
    assert_eq!(tree.len(), model.len());
    assert!(tree.iter().map(|(s, m)| (s, m.bytes())).eq(model.iter().map(|(s, b)| (*s, b.as_slice()))));
}

fn ascending(count: usize) -> ScoreTree<Name> {
    let mut tree = ScoreTree::new();
    for number in 0..count {
        tree.insert(number as f64, name(number));
    }
    tree.check();
    tree
}

fn seeds(count: u64) -> impl Iterator<Item = fastrand::Rng> {
    let given = std::env::var("LARDER_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = given.unwrap_or(1);
    (first..first + if given.is_some() { 1 } else { count }).map(|seed| {
        println!("seed {seed}");
        fastrand::Rng::with_seed(seed)
    })
}

#[test]
fn random_operations_agree_with_a_sorted_vec_and_leave_clones_alone() {
    for mut rng in seeds(12) {
        let mut tree: ScoreTree<Name> = ScoreTree::new();
        let mut model = Model::new();
        let mut kept: Vec<(ScoreTree<Name>, Model)> = Vec::new();
        let span = [3, 50, 100_000][rng.usize(..3)];
        let mut growing = true;
        for step in 0..6000 {
            if step % 1500 == 0 {
                growing = !growing || step == 0;
            }
            let score = [-0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY].get(rng.usize(..40)).copied();
            let score = score.unwrap_or_else(|| f64::from(rng.i32(-span..span)) / 4.0);
            let pick = if model.is_empty() { None } else { Some(rng.usize(..model.len())) };
            match (rng.usize(..20), pick) {
                (0..=2, Some(at)) => {
                    let (s, b) = model.remove(at);
                    assert_eq!(tree.rank(s, &b), Some(at));
                    assert_eq!(tree.remove(s, &b).unwrap().bytes(), b);
                    assert_eq!(tree.remove(s, &b), None);
                }
                (3, Some(_)) => {
                    let (s, m) = tree.pop_first().unwrap();
                    assert_eq!((s, m.bytes().to_vec()), model.remove(0));
                }
                (4, Some(_)) => {
                    let (s, m) = tree.pop_last().unwrap();
                    assert_eq!(Some((s, m.bytes().to_vec())), model.pop());
                }
                (5, Some(at)) => {
                    let (s, b) = model.remove(at);
                    assert!(tree.rescore(s, &b, score));
                    model.insert(place(&model, score, &b), (score, b));
                }
                (6, Some(at)) => {
                    // A step small enough to stay between the neighbours, often.
                    let (s, b) = model.remove(at);
                    let near = if s.is_finite() { s + 0.01 } else { s };
                    assert!(tree.rescore(s, &b, near));
                    model.insert(place(&model, near, &b), (near, b));
                }
                (7, Some(at)) if !growing => {
                    let end = at + rng.usize(..400);
                    let mut gone = Model::new();
                    tree.remove_range(at..end, &mut |s, m| gone.push((s, m.bytes().to_vec())));
                    assert!(gone.iter().eq(model.drain(at..end.min(model.len())).as_slice()));
                }
                (8, Some(at)) => {
                    let (s, b) = &model[at];
                    let (got_s, got_m) = tree.get(at).unwrap();
                    assert_eq!((got_s, got_m.bytes()), (*s, b.as_slice()));
                    let reverse = tree.iter_rev_from(at).map(|(s, m)| (s, m.bytes().to_vec()));
                    assert!(reverse.eq(model[..=at].iter().rev().cloned()));
                    assert!(tree.iter_from(at).map(|(s, m)| (s, m.bytes().to_vec())).eq(model[at..].iter().cloned()));
                }
                (9, _) => {
                    assert_eq!(tree.lower_bound(Bound::AtScore(score)), model.partition_point(|(s, _)| *s < score));
                    assert_eq!(tree.lower_bound(Bound::AfterScore(score)), model.partition_point(|(s, _)| *s <= score));
                }
                (10, _) if kept.len() < 5 && rng.usize(..20) == 0 => kept.push((tree.clone(), model.clone())),
                (choice, _) if growing || choice > 15 => {
                    for _ in 0..3 {
                        let member = name(rng.usize(..));
                        model.insert(place(&model, score, member.bytes()), (score, member.bytes().to_vec()));
                        tree.insert(score, member);
                    }
                }
                _ => {}
            }
            assert_eq!(tree.len(), model.len());
            if step % 16 == 0 {
                tree.check();
            }
            if step % 500 == 0 {
                assert_same(&tree, &model);
            }
        }
        assert_same(&tree, &model);
        for (tree, model) in &kept {
            assert_same(tree, model);
        }
    }
}

#[test]
fn member_bounds_count_bytes_where_scores_are_equal() {
    let words: Vec<Vec<u8>> = (0u16..3000).map(|n| vec![b'a' + (n % 26) as u8, (n / 26) as u8]).collect();
    let mut sorted = words.clone();
    sorted.sort();
    let mut tree = ScoreTree::new();
    for word in words {
        tree.insert(0.0, Name(StdArc::new(word)));
    }
    tree.check();
    for limit in [&b""[..], b"a", b"a\x00", b"m\x30", b"m\x30\x00", b"z\xff", b"\xff"] {
        let at = sorted.partition_point(|word| word.as_slice() < limit);
        let after = sorted.partition_point(|word| word.as_slice() <= limit);
        assert_eq!(tree.lower_bound(Bound::AtMember(limit)), at);
        assert_eq!(tree.lower_bound(Bound::AfterMember(limit)), after);
    }
}

#[test]
fn minus_zero_is_zero() {
    let mut tree = ScoreTree::new();
    tree.insert(0.0, name(1));
    tree.insert(-0.0, name(2));
    assert_eq!(tree.rank(-0.0, name(1).bytes()), Some(0));
    assert_eq!(tree.rank(0.0, name(2).bytes()), Some(1));
    assert_eq!(tree.lower_bound(Bound::AtScore(-0.0)), 0);
    assert_eq!(tree.lower_bound(Bound::AfterScore(-0.0)), 2);
}

#[test]
fn an_empty_tree_answers_nothing_and_allocates_nothing() {
    let mut tree = ascending(LEAF_ROWS + 1);
    tree.remove_range(0..usize::MAX, &mut |_, _| {});
    tree.check();
    assert_eq!(tree.alloc_bytes(), 0);
    assert!(tree.is_empty() && tree.first().is_none() && tree.last().is_none() && tree.get(0).is_none());
    assert!(tree.pop_first().is_none() && tree.pop_last().is_none() && tree.remove(0.0, b"").is_none());
    assert_eq!((tree.iter().count(), tree.iter_rev_from(0).count()), (0, 0));
    assert_eq!(tree.lower_bound(Bound::AfterScore(1.0)), 0);
    assert!(!tree.rescore(1.0, b"x", 2.0));
}

#[test]
fn arrival_in_order_leaves_full_leaves_at_either_end() {
    let full = LEAF_ROWS * INNER_ROWS;
    for count in [1, LEAF_ROWS, LEAF_ROWS + 1, full, full + 1, full * 3 + 7] {
        let up = ascending(count);
        let mut down = ScoreTree::new();
        for number in (0..count).rev() {
            down.insert(number as f64, name(number));
        }
        down.check();
        let built = ScoreTree::from_sorted((0..count).map(|number| (number as f64, name(number))));
        built.check();
        for tree in [&up, &down, &built] {
            assert_eq!(tree.leaves, count.div_ceil(LEAF_ROWS));
            assert!(tree.iter().map(|(s, m)| (s, m.clone())).eq((0..count).map(|n| (n as f64, name(n)))));
        }
    }
}

#[test]
fn a_drained_tree_keeps_its_shape_from_either_end() {
    let full = LEAF_ROWS * INNER_ROWS * 2;
    let (mut front, mut back) = (ascending(full), ascending(full));
    for number in 0..full {
        assert_eq!(front.pop_first(), Some((number as f64, name(number))));
        assert_eq!(back.pop_last().unwrap().0, (full - 1 - number) as f64);
        if number % 61 == 0 || number + 200 > full {
            front.check();
            back.check();
        }
    }
    assert_eq!(front.alloc_bytes() + back.alloc_bytes(), 0);
}

#[test]
fn one_write_after_a_clone_copies_one_path() {
    let tree = ascending(LEAF_ROWS * INNER_ROWS * 2);
    let mut copy = tree.clone();
    copy.remove(5000.0, name(5000).bytes()).unwrap();
    let (Some(Node::Inner(old)), Some(Node::Inner(new))) = (&tree.root, &copy.root) else { panic!("two levels") };
    let shared = |a: &Node<Name>, b: &Node<Name>| match (a, b) {
        (Node::Leaf(a), Node::Leaf(b)) => Arc::ptr_eq(a, b),
        (Node::Inner(a), Node::Inner(b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    let differing: Vec<usize> = (0..old.len).filter(|&at| !shared(old.kid(at), new.kid(at))).collect();
    assert_eq!(differing.len(), 1);
    let (Node::Inner(a), Node::Inner(b)) = (old.kid(differing[0]), new.kid(differing[0])) else { panic!() };
    assert_eq!((0..a.len).filter(|&at| !shared(a.kid(at), b.kid(at))).count(), 1);
    assert_eq!(tree.len(), copy.len() + 1);
    tree.check();
    copy.check();
}

#[test]
fn a_removed_member_is_released_whatever_the_order() {
    for mut rng in seeds(3) {
        let members: Vec<Name> = (0..15_000).map(name).collect();
        let mut order: Vec<usize> = (0..members.len()).collect();
        rng.shuffle(&mut order);
        let mut tree = ScoreTree::new();
        for &number in &order {
            tree.insert(number as f64, members[number].clone());
        }
        tree.check();
        assert!(tree.inners > 5, "the test is about inner nodes too");
        rng.shuffle(&mut order);
        for (done, &number) in order.iter().enumerate() {
            tree.remove(number as f64, members[number].bytes()).unwrap();
            assert_eq!(StdArc::strong_count(&members[number].0), 1);
            if done % 97 == 0 {
                tree.check();
            }
        }
        assert_eq!(tree.alloc_bytes(), 0);
    }
}

#[test]
fn trees_cross_threads_and_nodes_fit_their_size_classes() {
    fn crosses<T: Send + Sync>() {}
    crosses::<ScoreTree<Name>>();
    assert_eq!(size_of::<Leaf<Name>>() + size_of::<usize>(), 1024);
    assert!(size_of::<Inner<Name>>() + size_of::<usize>() <= 2048);
}
