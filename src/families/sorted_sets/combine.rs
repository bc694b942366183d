//! Unions, intersections and differences of sorted sets; plain sets take part as if every score were 1.

use super::{Shape, store};
use crate::base::num;
use crate::command::{CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::Event;
use crate::object::sorted_set::{RawScore, Scored};
use crate::object::{Set, SortedSet, Typed};
use crate::structs::listpack::Item;
use crate::structs::record::Body;
use crate::structs::table::{Entry, Table, hash};

/// What is made of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// How scores of one member become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// Opposite infinities sum up to 0.
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Aggregate::Sum => number(a + b),
            Aggregate::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// An input: a clone of the value, which costs a counter.
enum Source {
    Missing,
    Sorted(SortedSet),
    Plain(Set),
}

impl Source {
    fn read(cx: &mut DataCx<'_>, key: &[u8]) -> Result<Source, CommandError> {
        let Some(object) = cx.db.read(key) else { return Ok(Source::Missing) };
        let Body::Payload(container) = object.body() else { return Err(CommandError::WRONG_TYPE) };
        match (SortedSet::of(container), Set::of(container)) {
            (Some(set), _) => Ok(Source::Sorted(set.clone())),
            (_, Some(set)) => Ok(Source::Plain(set.clone())),
            _ => Err(CommandError::WRONG_TYPE),
        }
    }

    fn len(&self) -> usize {
        match self {
            Source::Missing => 0,
            Source::Sorted(set) => set.len(),
            Source::Plain(set) => set.len(),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Missing => None,
            Source::Sorted(set) => set.score(member),
            Source::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    /// All members with their scores until `f` says no.
    fn all_while(&self, f: &mut dyn FnMut(&[u8], f64) -> bool) {
        match self {
            Source::Missing => {}
            Source::Sorted(set) => set.all_while(f),
            Source::Plain(set) => {
                let _ = set.iter().all(|member| f(member.as_str_buf(&mut [0; 24]), 1.0));
            }
        }
    }
}

/// A command's inputs and options.
struct Request {
    /// With their weights, for unions and intersections the smallest first.
    sources: Vec<(Source, f64)>,
    aggregate: Aggregate,
    with_scores: bool,
    /// ZINTERCARD's LIMIT; 0 for none.
    limit: usize,
}

/// The options a command takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// WITHSCORES, and WEIGHTS and AGGREGATE unless it is a difference.
    Reading,
    /// WEIGHTS and AGGREGATE unless it is a difference.
    Storing,
    /// LIMIT.
    Counting,
}

impl Request {
    /// Reads `numkeys key ... options` from position `at` on.
    fn parse(
        cx: &mut DataCx<'_>,
        at: usize,
        name: &str,
        operation: Operation,
        takes: Takes,
    ) -> Result<Request, CommandError> {
        let number = cx.integer(at)?;
        if number < 1 {
            return Err(CommandError::no_input_keys(name));
        }
        let first = at + 1;
        let number = usize::try_from(number).ok().filter(|number| *number <= cx.args.len() - first);
        let number = number.ok_or(CommandError::SYNTAX)?;
        let mut sources = Vec::with_capacity(number);
        for key in cx.args.from(first).first(number).iter() {
            sources.push((Source::read(cx, key)?, 1.0));
        }
        let mut request = Request { sources, aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
        request.options(cx, first + number, operation, takes)?;
        if operation != Operation::Difference {
            // In this order scores are summed, and floating point shows it.
            request.sources.sort_by_key(|(source, _)| source.len());
        }
        Ok(request)
    }

    fn options(
        &mut self,
        cx: &DataCx<'_>,
        mut at: usize,
        operation: Operation,
        takes: Takes,
    ) -> Result<(), CommandError> {
        let args = cx.args;
        let weighs = operation != Operation::Difference && takes != Takes::Counting;
        while at < args.len() {
            let left = args.len() - at;
            if weighs && left > self.sources.len() && args.is(at, "WEIGHTS") {
                for (place, (_, weight)) in self.sources.iter_mut().enumerate() {
                    *weight = num::parse_f64(args.at(at + 1 + place)).ok_or(CommandError::WEIGHT_NOT_FLOAT)?;
                }
                at += 1 + self.sources.len();
            } else if weighs && left >= 2 && args.is(at, "AGGREGATE") {
                self.aggregate = match () {
                    () if args.is(at + 1, "SUM") => Aggregate::Sum,
                    () if args.is(at + 1, "MIN") => Aggregate::Min,
                    () if args.is(at + 1, "MAX") => Aggregate::Max,
                    () => return Err(CommandError::SYNTAX),
                };
                at += 2;
            } else if takes == Takes::Reading && args.is(at, "WITHSCORES") {
                self.with_scores = true;
                at += 1;
            } else if takes == Takes::Counting && left >= 2 && args.is(at, "LIMIT") {
                let limit = cx.integer(at + 1).ok().and_then(|limit| usize::try_from(limit).ok());
                self.limit = limit.ok_or(CommandError::LIMIT_NEGATIVE)?;
                at += 2;
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(())
    }

    /// The result, in any order.
    fn result(&self, operation: Operation) -> Vec<Scored> {
        match operation {
            Operation::Union => self.union(),
            Operation::Intersection => {
                let mut found = Vec::new();
                self.intersection(&mut |member, score| {
                    found.push(Scored::new(member, score));
                    true
                });
                found
            }
            Operation::Difference => self.difference(),
        }
    }

    fn union(&self) -> Vec<Scored> {
        let mut all: Table<Scored> = Table::new();
        for (source, weight) in &self.sources {
            source.all_while(&mut |member, score| {
                let score = number(weight * score);
                let (entry, made) = all.find_or_insert_with(hash(member), member, || Scored::new(member, score));
                if !made {
                    entry.set_score(self.aggregate.of(entry.score(), score));
                }
                true
            });
        }
        let mut entries = Vec::with_capacity(all.len());
        all.for_each(|entry| entries.push(entry.clone()));
        entries
    }

    /// The members of all inputs until `f` says no.
    fn intersection(&self, f: &mut dyn FnMut(&[u8], f64) -> bool) {
        let Some(((smallest, weight), others)) = self.sources.split_first() else { return };
        smallest.all_while(&mut |member, score| {
            let mut sum = number(weight * score);
            for (other, weight) in others {
                let Some(score) = other.score(member) else { return true };
                sum = self.aggregate.of(sum, weight * score);
            }
            f(member, sum)
        });
    }

    fn difference(&self) -> Vec<Scored> {
        let mut found = Vec::new();
        if let Some(((first, _), others)) = self.sources.split_first() {
            first.all_while(&mut |member, score| {
                if others.iter().all(|(other, _)| other.score(member).is_none()) {
                    found.push(Scored::new(member, score));
                }
                true
            });
        }
        found
    }
}

pub(super) fn zunion(cx: &mut DataCx<'_>) -> CmdResult {
    read(cx, "zunion", Operation::Union)
}

pub(super) fn zinter(cx: &mut DataCx<'_>) -> CmdResult {
    read(cx, "zinter", Operation::Intersection)
}

pub(super) fn zdiff(cx: &mut DataCx<'_>) -> CmdResult {
    read(cx, "zdiff", Operation::Difference)
}

fn read(cx: &mut DataCx<'_>, name: &str, operation: Operation) -> CmdResult {
    let request = Request::parse(cx, 1, name, operation, Takes::Reading)?;
    let mut entries = request.result(operation);
    entries.sort_unstable_by(Scored::order);
    let shape = Shape::of(request.with_scores, cx.reply);
    shape.header(cx.reply, entries.len());
    for entry in &entries {
        shape.write(cx.reply, Item::Bytes(entry.key()), RawScore::Number(entry.score()));
    }
    Ok(Outcome::Done)
}

pub(super) fn zunionstore(cx: &mut DataCx<'_>) -> CmdResult {
    combine_and_store(cx, "zunionstore", Operation::Union, Event::ZUNIONSTORE)
}

pub(super) fn zinterstore(cx: &mut DataCx<'_>) -> CmdResult {
    combine_and_store(cx, "zinterstore", Operation::Intersection, Event::ZINTERSTORE)
}

pub(super) fn zdiffstore(cx: &mut DataCx<'_>) -> CmdResult {
    combine_and_store(cx, "zdiffstore", Operation::Difference, Event::ZDIFFSTORE)
}

fn combine_and_store(cx: &mut DataCx<'_>, name: &str, operation: Operation, event: Event) -> CmdResult {
    let request = Request::parse(cx, 2, name, operation, Takes::Storing)?;
    let entries = request.result(operation);
    // So that the key's old value, if it was an input, is not dropped twice as slowly.
    drop(request);
    store(cx, cx.args.at(1), entries, event);
    Ok(Outcome::Done)
}

pub(super) fn zintercard(cx: &mut DataCx<'_>) -> CmdResult {
    let request = Request::parse(cx, 1, "zintercard", Operation::Intersection, Takes::Counting)?;
    let mut count = 0;
    request.intersection(&mut |_, _| {
        count += 1;
        count != request.limit
    });
    cx.reply.integer(count as i64);
    Ok(Outcome::Done)
}
