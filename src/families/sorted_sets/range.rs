//! Ranges by rank, score and member: counted, read, stored, removed.

use super::{Shape, removed_from, store};
use crate::base::float::parse_f64_loose;
use crate::base::num;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::Event;
use crate::object::sorted_set::{LexBound, LexRange, ScoreBound, ScoreRange, Scored};
use crate::object::{Limits, SortedSet};
use crate::structs::table::Entry;
use std::ops::Range;

/// What a range is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// A range as it was asked for.
#[derive(Debug, Clone, Copy)]
enum Span<'a> {
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

impl<'a> Span<'a> {
    /// Reads both ends, the lower first. Errors: those of the kind of range.
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Span<'a>, CommandError> {
        Ok(match by {
            By::Rank => {
                let rank = |text| num::parse_i64(text).ok_or(CommandError::NOT_INTEGER);
                Span::Ranks(rank(min)?, rank(max)?)
            }
            By::Score => Span::Scores(score_range(min, max)?),
            By::Lex => Span::Members(LexRange { min: lex_bound(min)?, max: lex_bound(max)? }),
        })
    }

    /// The ranks it covers in a set; `reverse` counts ranks from the top.
    fn ranks_in(&self, set: &SortedSet, reverse: bool) -> Range<usize> {
        match self {
            Span::Scores(range) => set.ranks_by_score(range),
            Span::Members(range) => set.ranks_by_lex(range, reverse),
            Span::Ranks(first, last) => {
                let len = set.len();
                // Beyond the set on the low side is the start for the first and before the start for the last.
                let place = |rank: i64| if rank < 0 { rank.saturating_add(len as i64) } else { rank };
                let start = (place(*first).max(0) as usize).min(len);
                let end = (place(*last).saturating_add(1).max(0) as usize).min(len).max(start);
                if reverse { len - end..len - start } else { start..end }
            }
        }
    }
}

fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange, CommandError> {
    let bound = |text: &[u8]| {
        let (exclusive, number) = match text {
            [b'(', number @ ..] => (true, number),
            number => (false, number),
        };
        let score = parse_f64_loose(number).ok_or(CommandError::MIN_MAX_NOT_FLOAT)?;
        Ok::<_, CommandError>(ScoreBound { score, exclusive })
    };
    Ok(ScoreRange { min: bound(min)?, max: bound(max)? })
}

fn lex_bound(text: &[u8]) -> Result<LexBound<'_>, CommandError> {
    match text {
        [b'-'] | [b'-', 0, ..] => Ok(LexBound::Lowest),
        [b'+'] | [b'+', 0, ..] => Ok(LexBound::Highest),
        [b'(', member @ ..] => Ok(LexBound::Excluding(member)),
        [b'[', member @ ..] => Ok(LexBound::Including(member)),
        _ => Err(CommandError::MIN_MAX_NOT_LEX),
    }
}

pub(super) fn zcount(cx: &mut DataCx<'_>) -> CmdResult {
    count(cx, By::Score)
}

pub(super) fn zlexcount(cx: &mut DataCx<'_>) -> CmdResult {
    count(cx, By::Lex)
}

fn count(cx: &mut DataCx<'_>, by: By) -> CmdResult {
    let span = Span::parse(by, cx.args.at(2), cx.args.at(3))?;
    let count = cx.db.get::<SortedSet>(cx.args.at(1))?.map_or(0, |set| span.ranks_in(set, false).len());
    cx.reply.integer(count as i64);
    Ok(Outcome::Done)
}

/// A range command's arguments from the source key on.
struct Request<'a> {
    key: &'a [u8],
    span: Span<'a>,
    reverse: bool,
    with_scores: bool,
    /// Matches to pass over; below zero there is nothing to give.
    offset: i64,
    /// Matches to give at most; below zero all.
    limit: i64,
}

/// What the command's name has settled: kind and direction of the range, or that options may say.
#[derive(Clone, Copy)]
struct Fixed {
    by: Option<By>,
    reverse: Option<bool>,
    store: bool,
}

impl<'a> Request<'a> {
    /// Reads `key min max [options]`. The loop and the order of its checks are the order errors have.
    fn parse(args: Args<'a>, fixed: Fixed) -> Result<Request<'a>, CommandError> {
        let integer = |text: &[u8]| num::parse_i64(text).ok_or(CommandError::NOT_INTEGER);
        let Fixed { mut by, mut reverse, store } = fixed;
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut at = 3;
        while at < args.len() {
            if !store && args.is(at, "WITHSCORES") {
                with_scores = true;
            } else if args.is(at, "LIMIT") && at + 2 < args.len() {
                offset = integer(args.at(at + 1))?;
                limit = integer(args.at(at + 2))?;
                at += 2;
            } else if reverse.is_none() && args.is(at, "REV") {
                reverse = Some(true);
            } else if by.is_none() && args.is(at, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && args.is(at, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(CommandError::LIMIT_WITHOUT_BY);
        }
        if with_scores && by == By::Lex {
            return Err(CommandError::WITHSCORES_BYLEX);
        }
        let ends = if reverse && by != By::Rank { (2, 1) } else { (1, 2) };
        let span = Span::parse(by, args.at(ends.0), args.at(ends.1))?;
        // A range of ranks knows no LIMIT, but takes one that says nothing.
        let offset = if by == By::Rank { 0 } else { offset };
        Ok(Request { key: args.at(0), span, reverse, with_scores, offset, limit })
    }

    /// The ranks to be given, LIMIT applied.
    fn ranks_in(&self, set: &SortedSet) -> Range<usize> {
        let Range { start, end } = self.span.ranks_in(set, self.reverse);
        let found = end - start;
        let passed = usize::try_from(self.offset).unwrap_or(found).min(found);
        let given = usize::try_from(self.limit).unwrap_or(found).min(found - passed);
        if self.reverse { end - passed - given..end - passed } else { start + passed..start + passed + given }
    }
}

pub(super) fn zrange(cx: &mut DataCx<'_>) -> CmdResult {
    range(cx, None, None)
}

pub(super) fn zrevrange(cx: &mut DataCx<'_>) -> CmdResult {
    range(cx, Some(By::Rank), Some(true))
}

pub(super) fn zrangebyscore(cx: &mut DataCx<'_>) -> CmdResult {
    range(cx, Some(By::Score), Some(false))
}

pub(super) fn zrevrangebyscore(cx: &mut DataCx<'_>) -> CmdResult {
    range(cx, Some(By::Score), Some(true))
}

pub(super) fn zrangebylex(cx: &mut DataCx<'_>) -> CmdResult {
    range(cx, Some(By::Lex), Some(false))
}

pub(super) fn zrevrangebylex(cx: &mut DataCx<'_>) -> CmdResult {
    range(cx, Some(By::Lex), Some(true))
}

#[inline]
fn range(cx: &mut DataCx<'_>, by: Option<By>, reverse: Option<bool>) -> CmdResult {
    let request = Request::parse(cx.args.from(1), Fixed { by, reverse, store: false })?;
    let Some(set) = cx.db.get::<SortedSet>(request.key)? else {
        cx.reply.empty_array();
        return Ok(Outcome::Done);
    };
    let ranks = request.ranks_in(set);
    let shape = Shape::of(request.with_scores, cx.reply);
    shape.header(cx.reply, ranks.len());
    match shape {
        // On its own, so that no score is looked at.
        Shape::Bare => set.for_range(ranks, request.reverse, |member, _| super::bulk_item(cx.reply, member)),
        _ => set.for_range(ranks, request.reverse, |member, score| shape.write(cx.reply, member, score)),
    }
    Ok(Outcome::Done)
}

pub(super) fn zrangestore(cx: &mut DataCx<'_>) -> CmdResult {
    let request = Request::parse(cx.args.from(2), Fixed { by: None, reverse: None, store: true })?;
    let set = cx.db.get::<SortedSet>(request.key)?;
    let mut entries = set.map_or_else(Vec::new, |set| set.entries(request.ranks_in(set)));
    unsign_zeros(&mut entries, &request, cx.limits);
    store(cx, cx.args.at(1), entries, Event::ZRANGESTORE);
    Ok(Outcome::Done)
}

/// Makes each -0 a 0 that Redis would: it adds the members one by one to a packed set, which knows no -0, until they
/// are too many or one is too long, unless it knows before that they will be too many.
fn unsign_zeros(entries: &mut [Scored], request: &Request<'_>, limits: &Limits) {
    let most = limits.zset_max_listpack_entries;
    if matches!(request.span, Span::Ranks(..)) && entries.len() > most {
        return;
    }
    let is_short = |entry: &&mut Scored| entry.key().len() <= limits.zset_max_listpack_value;
    let unsign = |entry: &mut Scored| {
        if entry.score() == 0.0 && entry.score().is_sign_negative() {
            entry.set_score(0.0);
        }
    };
    if request.reverse {
        entries.iter_mut().rev().take(most).take_while(is_short).for_each(unsign);
    } else {
        entries.iter_mut().take(most).take_while(is_short).for_each(unsign);
    }
}

pub(super) fn zremrangebyrank(cx: &mut DataCx<'_>) -> CmdResult {
    remove_range(cx, By::Rank, Event::ZREMRANGEBYRANK)
}

pub(super) fn zremrangebyscore(cx: &mut DataCx<'_>) -> CmdResult {
    remove_range(cx, By::Score, Event::ZREMRANGEBYSCORE)
}

pub(super) fn zremrangebylex(cx: &mut DataCx<'_>) -> CmdResult {
    remove_range(cx, By::Lex, Event::ZREMRANGEBYLEX)
}

fn remove_range(cx: &mut DataCx<'_>, by: By, event: Event) -> CmdResult {
    let key = cx.args.at(1);
    let span = Span::parse(by, cx.args.at(2), cx.args.at(3))?;
    let Some(set) = cx.db.edit::<SortedSet>(key)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    let removed = set.remove_ranks(span.ranks_in(set, false));
    let is_empty = set.is_empty();
    removed_from(cx, key, event, removed, is_empty);
    cx.reply.integer(removed as i64);
    Ok(Outcome::Done)
}
