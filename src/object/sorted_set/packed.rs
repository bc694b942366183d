//! The packed form of a sorted set: member, score, member, score, ordered by score and then by the member's bytes.
//!
//! Promise: the bytes are those Redis writes. A score that is an integer within half the 64-bit range is stored as
//! one, which makes `-0` a `0`; any other as its text with 17 significant digits.

use crate::base::num;
use crate::structs::listpack::{Item, Listpack, Pos};

/// Beyond this a score is stored as text even where it is an integer: half of the 64-bit range, rounded.
const LARGEST_INT: f64 = (i64::MAX / 2) as f64;

/// The number a stored score stands for.
#[inline]
pub(super) fn number(stored: Item<'_>) -> f64 {
    match stored {
        Item::Int(value) => value as f64,
        Item::Bytes(text) => num::parse_f64(text).unwrap_or_default(),
    }
}

/// Whether a stored score from outside is a number.
pub(super) fn is_number(stored: Item<'_>) -> bool {
    match stored {
        Item::Int(_) => true,
        Item::Bytes(text) => num::parse_f64(text).is_some(),
    }
}

/// The integer a score is stored as, if it is.
fn as_int(score: f64) -> Option<i64> {
    let whole = score as i64;
    ((-LARGEST_INT..=LARGEST_INT).contains(&score) && whole as f64 == score).then_some(whole)
}

/// Members with their stored scores, in order.
#[inline]
pub(super) fn pairs(pack: &Listpack) -> impl Iterator<Item = (Item<'_>, Item<'_>)> {
    let mut items = pack.iter();
    std::iter::from_fn(move || Some((items.next()?, items.next()?)))
}

/// Where a member is, with its score. O(n).
#[inline]
pub(super) fn find(pack: &Listpack, member: &[u8]) -> Option<(Pos, f64)> {
    let at = pack.find(member, 1)?;
    Some((at, number(pack.get(score_pos(pack, at)))))
}

/// Where the score is of the member at `at`.
#[inline]
pub(super) fn score_pos(pack: &Listpack, at: Pos) -> Pos {
    // Whoever makes a packed sorted set, here or from outside, makes it of pairs.
    pack.next(at).expect("a member is followed by its score")
}

/// Adds a member that is not there, in its place. O(n).
pub(super) fn insert(pack: &mut Listpack, member: &[u8], score: f64) {
    let mut items = pack.iter();
    let mut digits = [0; 24];
    let place = loop {
        let at = items.pos();
        let (Some(other), Some(stored)) = (items.next(), items.next()) else { break None };
        let other_score = number(stored);
        if other_score > score || other_score == score && other.as_str_buf(&mut digits) > member {
            break at;
        }
    };
    match place {
        None => push(pack, member, score),
        Some(at) => {
            match as_int(score) {
                Some(int) => pack.insert_before_int(at, int),
                None => pack.insert_before(at, &num::format_f64_17g(score)),
            };
            pack.insert_before(at, member);
        }
    }
}

/// Adds a member after all others, where it belongs. O(1).
pub(super) fn push(pack: &mut Listpack, member: &[u8], score: f64) {
    pack.push_back(member);
    match as_int(score) {
        Some(int) => pack.push_back_int(int),
        None => pack.push_back(&num::format_f64_17g(score)),
    };
}
