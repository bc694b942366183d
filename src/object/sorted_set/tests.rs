//! Tests of sorted sets against a sorted vector.

use super::*;
use std::collections::HashMap;

fn limits(entries: usize, value: usize) -> Limits {
    Limits { zset_max_listpack_entries: entries, zset_max_listpack_value: value, ..Limits::default() }
}

fn add(set: &mut SortedSet, member: &str, score: f64, limits: &Limits) -> Added {
    set.add(member.as_bytes(), score, AddOptions::default(), limits).unwrap()
}

fn contents(set: &SortedSet) -> Vec<(f64, Vec<u8>)> {
    let mut all = Vec::new();
    set.all_while(&mut |member, score| {
        all.push((score, member.to_vec()));
        true
    });
    all
}

fn sorted(model: &HashMap<Vec<u8>, f64>) -> Vec<(f64, Vec<u8>)> {
    let mut all: Vec<_> = model.iter().map(|(member, score)| (*score, member.clone())).collect();
    all.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap().then_with(|| a.1.cmp(&b.1)));
    all
}

#[test]
fn a_sorted_set_is_packed_up_to_its_limits() {
    let limits = limits(2, 4);
    let mut set = SortedSet::new();
    assert_eq!(add(&mut set, "1234", 1.0, &limits), Added::New(1.0));
    assert_eq!(add(&mut set, "b", 0.5, &limits), Added::New(0.5));
    assert_eq!(add(&mut set, "b", 2.0, &limits), Added::Updated(2.0));
    assert!(set.packed().is_some());
    let mut more = set.clone();
    add(&mut more, "c", 3.0, &limits);
    assert!(more.packed().is_none() && more.remove(b"c") && more.packed().is_none(), "it stays a tree");
    assert_eq!(contents(&more), contents(&set));
    let mut longer = SortedSet::new();
    add(&mut longer, "12345", 1.0, &limits);
    assert!(longer.packed().is_none());
    let entries = |names: &[&str]| names.iter().map(|name| Scored::new(name.as_bytes(), 1.0)).collect::<Vec<_>>();
    assert!(SortedSet::from_entries(entries(&["b", "1234"]), &limits).packed().is_some());
    assert!(SortedSet::from_entries(entries(&["b", "12345"]), &limits).packed().is_none());
    assert!(SortedSet::from_entries(entries(&["b", "a", "c"]), &limits).packed().is_none());
}

#[test]
fn packed_scores_are_stored_as_redis_stores_them() {
    let half = (i64::MAX / 2) as f64;
    for (score, stored) in [
        (-0.0, Item::Int(0)),
        (-5.0, Item::Int(-5)),
        (0.1, Item::Bytes(b"0.10000000000000001")),
        (half, Item::Int(1 << 62)),
        (4.7e18, Item::Bytes(b"4.7e+18")),
        (-1e19, Item::Bytes(b"-1e+19")),
        (f64::INFINITY, Item::Bytes(b"inf")),
    ] {
        let mut set = SortedSet::new();
        add(&mut set, "m", score, &Limits::default());
        assert_eq!(set.packed().unwrap().iter().next_back(), Some(stored));
        assert_eq!(set.score(b"m"), Some(score));
    }
}

#[test]
fn a_listpack_from_outside_has_pairs_and_ordered_numbers() {
    let of = |items: &[&str]| SortedSet::from_packed(items.iter().collect(), &Limits::default());
    assert!(of(&["a", "1", "b", "1.5"]).is_ok());
    assert!(of(&["a", "1", "b"]).is_err());
    assert!(of(&["a", "nan"]).is_err() && of(&["a", "x"]).is_err());
    assert!(of(&["a", "2", "b", "1"]).is_err());
    let pack: Listpack = ["b", "1", "a", "1"].into_iter().collect();
    let set = SortedSet::from_packed(pack, &limits(1, 64)).unwrap();
    set.check();
}

#[test]
fn an_increment_to_no_number_changes_nothing() {
    for entries in [0, 10] {
        let limits = limits(entries, 64);
        let how = AddOptions { increment: true, ..AddOptions::default() };
        let mut set = SortedSet::new();
        assert_eq!(set.add(b"m", f64::INFINITY, how, &limits), Ok(Added::New(f64::INFINITY)));
        assert_eq!(set.add(b"m", f64::NEG_INFINITY, how, &limits), Err(NotANumber));
        assert_eq!(set.score(b"m"), Some(f64::INFINITY));
    }
}

#[test]
fn options_refuse_what_they_say() {
    let with = |set: fn(&mut AddOptions)| {
        let mut how = AddOptions::default();
        set(&mut how);
        how
    };
    for entries in [0, 10] {
        let limits = limits(entries, 64);
        let mut set = SortedSet::new();
        add(&mut set, "m", 5.0, &limits);
        let mut add = |score, how| set.add(b"m", score, how, &limits).unwrap();
        assert_eq!(add(6.0, with(|how| how.only_new = true)), Added::Refused);
        assert_eq!(add(4.0, with(|how| how.only_greater = true)), Added::Refused);
        assert_eq!(add(6.0, with(|how| how.only_less = true)), Added::Refused);
        assert_eq!(add(5.0, with(|how| how.only_present = true)), Added::Same(5.0));
        assert_eq!(add(6.0, with(|how| how.only_greater = true)), Added::Updated(6.0));
        assert_eq!(set.add(b"n", 1.0, with(|how| how.only_present = true), &limits), Ok(Added::Refused));
        assert_eq!(set.add(b"n", 1.0, with(|how| how.only_less = true), &limits), Ok(Added::New(1.0)));
    }
}

#[test]
fn random_edits_agree_with_a_model_and_leave_clones_as_they_were() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    for round in 0..24 {
        let limits = limits(rng.usize(..100), 12);
        let (mut set, mut model) = (SortedSet::new(), HashMap::new());
        let mut clones: Vec<(SortedSet, HashMap<Vec<u8>, f64>)> = Vec::new();
        for _ in 0..500 {
            let member = rng.u32(..if round % 2 == 0 { 50 } else { 1000 }).to_string();
            match rng.u32(..20) {
                0..11 => {
                    let score = f64::from(rng.i32(-20..20)) / 4.0;
                    let expected = match model.insert(member.clone().into_bytes(), score) {
                        None => Added::New(score),
                        Some(old) if old == score => Added::Same(score),
                        Some(_) => Added::Updated(score),
                    };
                    assert_eq!(add(&mut set, &member, score, &limits), expected);
                }
                11..16 => assert_eq!(set.remove(member.as_bytes()), model.remove(member.as_bytes()).is_some()),
                16 => {
                    let all = sorted(&model);
                    let from = rng.usize(..=all.len());
                    let to = (from + rng.usize(..4)).min(all.len());
                    assert_eq!(set.remove_ranks(from..to), to - from);
                    all[from..to].iter().for_each(|(_, member)| {
                        model.remove(member);
                    });
                }
                17 => {
                    let (from_top, mut all) = (rng.bool(), sorted(&model));
                    if from_top {
                        all.reverse();
                    }
                    let mut popped = Vec::new();
                    set.pop(from_top, 2, &mut |member, score| popped.push((score, member.to_vec())));
                    assert_eq!(popped, all[..2.min(all.len())]);
                    popped.iter().for_each(|(_, member)| {
                        model.remove(member);
                    });
                }
                18 => {
                    let all = sorted(&model);
                    if let Some((score, member)) = all.get(rng.usize(..all.len().max(1))) {
                        let rank = all.iter().position(|(_, other)| other == member).unwrap();
                        assert_eq!((set.rank(member), set.score(member)), (Some((rank, *score)), Some(*score)));
                    }
                }
                _ => clones.push((set.clone(), model.clone())),
            }
            assert_eq!(set.len(), model.len());
        }
        set.check();
        assert_eq!(contents(&set), sorted(&model));
        for (clone, model) in clones {
            clone.check();
            assert_eq!(contents(&clone), sorted(&model));
        }
    }
}

#[test]
fn ranges_agree_with_a_sorted_vector() {
    let mut rng = Rng::with_seed(3);
    for entries in [0, 200] {
        let limits = limits(entries, 64);
        let mut set = SortedSet::new();
        for _ in 0..120 {
            add(&mut set, &rng.u32(..1000).to_string(), f64::from(rng.i32(0..10)), &limits);
        }
        let all = contents(&set);
        for _ in 0..300 {
            let mut bound = || ScoreBound { score: f64::from(rng.i32(-1..11)), exclusive: rng.bool() };
            let range = ScoreRange { min: bound(), max: bound() };
            let inside = |score: f64| {
                (if range.min.exclusive { score > range.min.score } else { score >= range.min.score })
                    && (if range.max.exclusive { score < range.max.score } else { score <= range.max.score })
            };
            let mut wanted: Vec<_> = all.iter().filter(|(score, _)| inside(*score)).cloned().collect();
            let reverse = rng.bool();
            if reverse {
                wanted.reverse();
            }
            let mut found = Vec::new();
            let ranks = set.ranks_by_score(&range);
            set.for_range(ranks, reverse, |member, score| found.push((score.number(), member.to_vec())));
            assert_eq!(found, wanted, "{range:?}");
        }
    }
}

#[test]
fn lexical_ranges_agree_with_a_sorted_vector() {
    let mut rng = Rng::with_seed(4);
    for entries in [0, 200] {
        let limits = limits(entries, 64);
        let mut set = SortedSet::new();
        for _ in 0..100 {
            add(&mut set, &rng.u32(..1000).to_string(), 0.0, &limits);
        }
        let all = contents(&set);
        for _ in 0..300 {
            let ends = [rng.u32(..1000).to_string(), rng.u32(..1000).to_string()];
            let mut bound = |at: usize| match rng.u32(..6) {
                0 => LexBound::Lowest,
                1 => LexBound::Highest,
                2 | 3 => LexBound::Including(ends[at].as_bytes()),
                _ => LexBound::Excluding(ends[at].as_bytes()),
            };
            let range = LexRange { min: bound(0), max: bound(1) };
            let inside = |member: &[u8]| range.is_above_min(member) && range.is_below_max(member);
            let wanted = all.iter().filter(|(_, member)| inside(member)).count();
            for reverse in [false, true] {
                let ranks = set.ranks_by_lex(&range, reverse);
                assert_eq!(ranks.len(), wanted, "{range:?}");
                assert!(all[ranks].iter().all(|(_, member)| inside(member)));
            }
        }
    }
}

#[test]
fn distinct_random_members_are_distinct_and_exactly_as_many() {
    let mut rng = Rng::with_seed(7);
    for size in [1, 10, 500] {
        let mut set = SortedSet::new();
        for at in 0..size {
            add(&mut set, &at.to_string(), at as f64, &Limits::default());
        }
        for count in [0, 1, 4, size / 2, size - 1, size, size + 5, usize::MAX] {
            let mut seen = HashSet::new();
            set.random_distinct(&mut rng, count, &mut |member, _| assert!(seen.insert(member.to_vec())));
            assert_eq!(seen.len(), count.min(size));
        }
    }
}
