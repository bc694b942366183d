//! Ranges of a sorted set by score and by member. A range of either kind is first turned into a range of ranks, which
//! is then walked or removed.

use super::{Scored, SortedSet, packed};
use crate::object::Container;
use crate::structs::listpack::Item;
use crate::structs::score_tree::{Bound, Member};
use crate::structs::table::{Entry, hash};
use std::ops::Range;

/// One end of a range of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreBound {
    /// The score; not NaN.
    pub score: f64,
    /// Whether the score itself is outside.
    pub exclusive: bool,
}

/// A range of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    /// The lower end.
    pub min: ScoreBound,
    /// The upper end.
    pub max: ScoreBound,
}

impl ScoreRange {
    fn is_above_min(&self, score: f64) -> bool {
        if self.min.exclusive { score > self.min.score } else { score >= self.min.score }
    }

    fn is_below_max(&self, score: f64) -> bool {
        if self.max.exclusive { score < self.max.score } else { score <= self.max.score }
    }
}

/// One end of a range of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before all members.
    Lowest,
    /// After all members.
    Highest,
    /// These bytes, inside.
    Including(&'a [u8]),
    /// These bytes, outside.
    Excluding(&'a [u8]),
}

/// A range of members; meaningful where all scores are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lower end.
    pub min: LexBound<'a>,
    /// The upper end.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    pub(super) fn is_above_min(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => true,
            LexBound::Highest => false,
            LexBound::Including(min) => member >= min,
            LexBound::Excluding(min) => member > min,
        }
    }

    pub(super) fn is_below_max(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Including(max) => member <= max,
            LexBound::Excluding(max) => member < max,
        }
    }
}

/// The score of a member being walked, read only where it is wanted.
#[derive(Debug, Clone, Copy)]
pub enum RawScore<'a> {
    /// The number itself.
    Number(f64),
    /// As it is stored in a packed set.
    Stored(Item<'a>),
}

impl RawScore<'_> {
    /// The score.
    #[inline]
    pub fn number(self) -> f64 {
        match self {
            RawScore::Number(score) => score,
            RawScore::Stored(item) => packed::number(item),
        }
    }
}

impl SortedSet {
    /// The ranks of the members in a range of scores. O(log n), packed O(n).
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        let (start, end) = match &self.0 {
            Container::ZsetPacked(pack) => {
                let scores = || packed::pairs(pack).map(|(_, stored)| packed::number(stored));
                let start = scores().take_while(|score| !range.is_above_min(*score)).count();
                (start, start + scores().skip(start).take_while(|score| range.is_below_max(*score)).count())
            }
            Container::ZsetTree(scores) => {
                let ScoreRange { min, max } = *range;
                let start = if min.exclusive { Bound::AfterScore(min.score) } else { Bound::AtScore(min.score) };
                let end = if max.exclusive { Bound::AtScore(max.score) } else { Bound::AfterScore(max.score) };
                (scores.tree.lower_bound(start), scores.tree.lower_bound(end))
            }
            _ => unreachable!("the type was checked when the reference was made"),
        };
        start..end.max(start)
    }

    /// The ranks of the members in a range of members, sought from its upper end when `reverse` (which makes a
    /// difference only where scores differ and the range means little). O(log n), packed O(n).
    pub fn ranks_by_lex(&self, range: &LexRange<'_>, reverse: bool) -> Range<usize> {
        let (start, end) = match &self.0 {
            Container::ZsetPacked(pack) => {
                let (mut above, mut below) = (Vec::new(), Vec::new());
                for (member, _) in packed::pairs(pack) {
                    let mut digits = [0; 24];
                    let member = member.as_str_buf(&mut digits);
                    above.push(range.is_above_min(member));
                    below.push(range.is_below_max(member));
                }
                return packed_lex_ranks(&above, &below, reverse);
            }
            Container::ZsetTree(scores) => {
                let len = scores.len();
                let rank = |bound: Bound<'_>| scores.tree.lower_bound(bound);
                let start = match range.min {
                    LexBound::Lowest => 0,
                    LexBound::Highest => len,
                    LexBound::Including(min) => rank(Bound::AtMember(min)),
                    LexBound::Excluding(min) => rank(Bound::AfterMember(min)),
                };
                let end = match range.max {
                    LexBound::Lowest => 0,
                    LexBound::Highest => len,
                    LexBound::Including(max) => rank(Bound::AfterMember(max)),
                    LexBound::Excluding(max) => rank(Bound::AtMember(max)),
                };
                (start, end)
            }
            _ => unreachable!("the type was checked when the reference was made"),
        };
        start..end.max(start)
    }

    /// The members with these ranks and their scores, upwards or downwards; ranks past the end are ignored.
    /// O(log n + k), packed O(n).
    #[inline]
    pub fn for_range(&self, ranks: Range<usize>, reverse: bool, mut f: impl FnMut(Item<'_>, RawScore<'_>)) {
        let end = ranks.end.min(self.len());
        let count = end.saturating_sub(ranks.start);
        if count == 0 {
            return;
        }
        match &self.0 {
            Container::ZsetPacked(pack) if reverse => {
                let mut at = pack.seek(2 * end as isize - 1);
                for _ in 0..count {
                    let Some(score) = at else { return };
                    let Some(member) = pack.prev(score) else { return };
                    f(pack.get(member), RawScore::Stored(pack.get(score)));
                    at = pack.prev(member);
                }
            }
            Container::ZsetPacked(pack) => {
                let Some(at) = pack.seek(2 * ranks.start as isize) else { return };
                let mut items = pack.iter_from(at);
                for _ in 0..count {
                    let (Some(member), Some(score)) = (items.next(), items.next()) else { return };
                    f(member, RawScore::Stored(score));
                }
            }
            Container::ZsetTree(scores) => {
                let mut give = |(score, member): (f64, &Scored)| f(Item::Bytes(member.key()), RawScore::Number(score));
                if reverse {
                    scores.tree.iter_rev_from(end - 1).take(count).for_each(&mut give);
                } else {
                    scores.tree.iter_from(ranks.start).take(count).for_each(&mut give);
                }
            }
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// The members with these ranks, in order, as entries to build another set from; those of a large set are shared.
    pub fn entries(&self, ranks: Range<usize>) -> Vec<Scored> {
        let end = ranks.end.min(self.len());
        let count = end.saturating_sub(ranks.start);
        let mut entries = Vec::with_capacity(count);
        match &self.0 {
            Container::ZsetTree(scores) if count > 0 => {
                entries.extend(scores.tree.iter_from(ranks.start).take(count).map(|(_, member)| member.clone()));
            }
            _ => self.for_range(ranks, false, |member, score| {
                let mut digits = [0; 24];
                entries.push(Scored::new(member.as_str_buf(&mut digits), score.number()));
            }),
        }
        entries
    }

    /// Removes the members with these ranks; returns how many there were. O(k log n), packed O(n).
    pub fn remove_ranks(&mut self, ranks: Range<usize>) -> usize {
        let before = self.len();
        let count = ranks.end.min(before).saturating_sub(ranks.start);
        if count == 0 {
            return 0;
        }
        match &mut self.0 {
            Container::ZsetPacked(pack) => {
                pack.remove_range(2 * ranks.start as isize, 2 * count);
            }
            Container::ZsetTree(scores) => {
                let super::Scores { table, tree } = &mut **scores;
                tree.remove_range(ranks.start..ranks.start + count, &mut |_, member| {
                    table.remove(hash(member.bytes()), member.bytes());
                });
                table.let_walk();
            }
            _ => unreachable!("the type was checked when the reference was made"),
        }
        before - self.len()
    }

    /// Takes up to `count` members from the lower end, or the upper, each given away with its score. O(k log n).
    pub fn pop(&mut self, from_top: bool, count: usize, f: &mut dyn FnMut(Item<'_>, f64)) -> usize {
        let len = self.len();
        let count = count.min(len);
        match &mut self.0 {
            Container::ZsetTree(scores) => {
                for _ in 0..count {
                    let popped = if from_top { scores.tree.pop_last() } else { scores.tree.pop_first() };
                    let Some((score, member)) = popped else { break };
                    scores.table.remove(hash(member.key()), member.key());
                    f(Item::Bytes(member.key()), score);
                }
                scores.table.let_walk();
            }
            _ => {
                let ranks = if from_top { len - count..len } else { 0..count };
                self.for_range(ranks.clone(), from_top, |member, score| f(member, score.number()));
                self.remove_ranks(ranks);
            }
        }
        count
    }
}

/// Ranks where both ends are met, walked as Redis walks a packed set, given for each rank whether it is above the lower
/// and below the upper end.
fn packed_lex_ranks(above: &[bool], below: &[bool], reverse: bool) -> Range<usize> {
    let len = above.len();
    if len == 0 || !above[len - 1] || !below[0] {
        return 0..0;
    }
    if reverse {
        let end = below.iter().rposition(|inside| *inside).map_or(0, |last| last + 1);
        let start = above[..end].iter().rposition(|inside| !inside).map_or(0, |last| last + 1);
        return start..end;
    }
    let start = above.iter().position(|inside| *inside).unwrap_or(len);
    let end = below[start..].iter().position(|inside| !inside).map_or(len, |out| start + out);
    start..end
}
