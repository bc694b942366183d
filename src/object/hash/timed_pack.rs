//! A small hash whose fields have deadlines, as a listpack: field, value, deadline, field, value, deadline ...
//!
//! Promises: the triples stand in the order of their deadlines, earliest first, and those without one, whose third
//! element is 0, behind them in the order they came. So the first triple tells when the first field is due, and the
//! bytes are those of RDB files. Callers check lengths.

use crate::structs::listpack::{Item, Listpack, Pos};

/// Stands for no deadline.
const NONE: i64 = 0;
/// Elements of a triple.
pub const WIDTH: usize = 3;

/// The triples of a pack of pairs, none with a deadline.
pub(super) fn from_pairs(pairs: &Listpack) -> Listpack {
    let mut pack = Listpack::with_capacity(pairs.byte_len() + pairs.len());
    let mut items = pairs.iter();
    while let (Some(field), Some(value)) = (items.next(), items.next()) {
        pack.push_back_item(field);
        pack.push_back_item(value);
        pack.push_back_int(NONE);
    }
    pack
}

/// The fields and values alone.
pub fn to_pairs(pack: &Listpack) -> Listpack {
    let mut pairs = Listpack::with_capacity(pack.byte_len());
    for (field, value, _) in triples(pack) {
        pairs.push_back_item(field);
        pairs.push_back_item(value);
    }
    pairs
}

/// All triples, in order.
pub fn triples(pack: &Listpack) -> impl Iterator<Item = (Item<'_>, Item<'_>, Option<u64>)> {
    let mut items = pack.iter();
    std::iter::from_fn(move || Some((items.next()?, items.next()?, deadline(items.next()?))))
}

fn deadline(item: Item<'_>) -> Option<u64> {
    item.to_int().filter(|at| *at != NONE).map(|at| at as u64)
}

/// The triples in their order.
pub fn sorted(pack: Listpack) -> Listpack {
    let moment = |triple: &(Item<'_>, Item<'_>, Option<u64>)| triple.2.unwrap_or(u64::MAX);
    let mut all: Vec<_> = triples(&pack).collect();
    if all.is_sorted_by_key(moment) {
        return pack;
    }
    all.sort_by_key(moment);
    let mut sorted = Listpack::with_capacity(pack.byte_len());
    for (field, value, deadline) in all {
        sorted.push_back_item(field);
        sorted.push_back_item(value);
        sorted.push_back_int(deadline.map_or(NONE, |at| at as i64));
    }
    sorted
}

/// Where a field is.
pub(super) fn find(pack: &Listpack, field: &[u8]) -> Option<Pos> {
    pack.find(field, WIDTH - 1)
}

/// Where the value is of the field at `at`.
pub(super) fn value_pos(pack: &Listpack, at: Pos) -> Pos {
    // Whoever makes such a pack, here or from outside, makes it of triples.
    pack.next(at).expect("a field is followed by its value")
}

fn deadline_pos(pack: &Listpack, at: Pos) -> Pos {
    pack.next(value_pos(pack, at)).expect("a value is followed by its deadline")
}

/// The deadline of the field at `at`.
pub(super) fn deadline_at(pack: &Listpack, at: Pos) -> Option<u64> {
    deadline(pack.get(deadline_pos(pack, at)))
}

/// The earliest deadline.
pub(super) fn first_deadline(pack: &Listpack) -> Option<u64> {
    deadline_at(pack, pack.first()?)
}

/// Puts in a field that is not there. O(n).
pub fn insert(pack: &mut Listpack, field: &[u8], value: &[u8], deadline: Option<u64>) {
    let Some(deadline) = deadline else {
        pack.push_back(field);
        pack.push_back(value);
        pack.push_back_int(NONE);
        return;
    };
    let mut before = pack.first();
    while let Some(at) = before {
        let third = deadline_pos(pack, at);
        if deadline_at(pack, at).is_none_or(|other| other > deadline) {
            break;
        }
        before = pack.next(third);
    }
    match before {
        Some(at) => {
            let at = pack.insert_before(at, field);
            let at = pack.insert_after(at, value);
            pack.insert_after_int(at, deadline as i64);
        }
        None => {
            pack.push_back(field);
            pack.push_back(value);
            pack.push_back_int(deadline as i64);
        }
    }
}

/// Gives the field at `at` another deadline, and the place that goes with it. O(n).
pub(super) fn move_to(pack: &mut Listpack, at: Pos, deadline: Option<u64>) {
    let field = pack.get(at).to_vec();
    let value = pack.get(value_pos(pack, at)).to_vec();
    pack.remove_at(at, WIDTH);
    insert(pack, &field, &value, deadline);
}

/// How many fields have a deadline before `moment`. They are the first ones.
pub(super) fn due_len(pack: &Listpack, moment: u64) -> usize {
    triples(pack).take_while(|(.., deadline)| deadline.is_some_and(|at| at < moment)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pack: &Listpack) -> Vec<String> {
        let word = |item: Item<'_>| String::from_utf8(item.to_vec()).unwrap();
        triples(pack).map(|(field, value, at)| format!("{}={} {}", word(field), word(value), at.unwrap_or(0))).collect()
    }

    #[test]
    fn triples_stand_in_the_order_of_their_deadlines() {
        let pairs: Listpack = ["a", "1", "b", "2", "c", "3"].into_iter().collect();
        let mut pack = from_pairs(&pairs);
        assert_eq!((text(&pack), first_deadline(&pack)), (vec!["a=1 0".into(), "b=2 0".into(), "c=3 0".into()], None));
        for (field, at) in [("c", Some(20)), ("a", Some(10)), ("b", Some(20)), ("c", Some(5)), ("a", None)] {
            let place = find(&pack, field.as_bytes()).unwrap();
            move_to(&mut pack, place, at);
        }
        assert_eq!(text(&pack), ["c=3 5", "b=2 20", "a=1 0"]);
        insert(&mut pack, b"d", b"4", Some(30));
        assert_eq!((text(&pack).concat(), first_deadline(&pack)), ("c=3 5b=2 20d=4 30a=1 0".into(), Some(5)));
        assert_eq!([5, 6, 21, 99].map(|moment| due_len(&pack, moment)), [0, 1, 2, 3]);
        assert_eq!(to_pairs(&pack).len(), 8);
        pack.check();
    }
}
