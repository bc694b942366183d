//! BITOP: strings combined bit by bit, the shorter ones filled up with zeros.
//!
//! The result is built source by source in one buffer as long as the longest source; loops over slices, which compile
//! to whole vectors.

use super::put_raw;
use crate::command::{CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::{DbMut, Event};

/// An operation; X is the first source, Y are the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    /// Of a single source.
    Not,
    /// In X and in no Y.
    Diff,
    /// In some Y and not in X.
    Diff1,
    /// In X and in some Y.
    AndOr,
    /// In exactly one source.
    One,
}

impl Operation {
    fn parse(word: &[u8]) -> Option<Operation> {
        let words: [(&[u8], Operation); 8] = [
            (b"AND", Operation::And),
            (b"OR", Operation::Or),
            (b"XOR", Operation::Xor),
            (b"NOT", Operation::Not),
            (b"DIFF", Operation::Diff),
            (b"DIFF1", Operation::Diff1),
            (b"ANDOR", Operation::AndOr),
            (b"ONE", Operation::One),
        ];
        words.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, operation)| *operation)
    }
}

/// How a source enters the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    And,
    Or,
    Xor,
    AndNot,
}

pub(super) fn bitop(cx: &mut DataCx<'_>) -> CmdResult {
    let (word, target, sources) = (cx.args.at(1), cx.args.at(2), cx.args.from(3));
    let operation = Operation::parse(word).ok_or(CommandError::SYNTAX)?;
    match operation {
        Operation::Not if sources.len() != 1 => return Err(CommandError::BITOP_NOT_SOURCES),
        Operation::Diff | Operation::Diff1 | Operation::AndOr if sources.len() < 2 => {
            return Err(CommandError::bitop_sources(word));
        }
        _ => {}
    }
    let (x, ys) = (sources.at(0), sources.from(1));
    let db = &mut cx.db;
    let result = match operation {
        Operation::And => fold(db, x, ys.iter(), Step::And)?,
        Operation::Or => fold(db, x, ys.iter(), Step::Or)?,
        Operation::Xor => fold(db, x, ys.iter(), Step::Xor)?,
        Operation::Diff => fold(db, x, ys.iter(), Step::AndNot)?,
        Operation::Not => {
            let mut result = copy(db, x)?;
            result.iter_mut().for_each(|byte| *byte = !*byte);
            result
        }
        Operation::Diff1 | Operation::AndOr => {
            let mut result = fold(db, ys.at(0), ys.from(1).iter(), Step::Or)?;
            let step = if operation == Operation::Diff1 { Step::AndNot } else { Step::And };
            with_source(db, x, |source| enter(&mut result, source, step))?;
            result
        }
        Operation::One => one(db, sources.iter())?,
    };
    let len = result.len();
    if len > 0 {
        put_raw(&mut cx.db, target, result);
        cx.db.changed(target, Event::SET);
    } else if cx.db.delete(target) {
        cx.db.changed(target, Event::DEL);
    }
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

/// Gives a source's bytes to `f`; a missing one is empty. Errors: another type.
fn with_source<R>(db: &mut DbMut<'_>, key: &[u8], f: impl FnOnce(&[u8]) -> R) -> Result<R, CommandError> {
    let mut digits = itoa::Buffer::new();
    Ok(f(db.text(key)?.map_or(&[], |text| text.bytes(&mut digits))))
}

fn copy(db: &mut DbMut<'_>, key: &[u8]) -> Result<Vec<u8>, CommandError> {
    with_source(db, key, <[u8]>::to_vec)
}

/// The first source with all others entered.
fn fold<'k>(
    db: &mut DbMut<'_>,
    first: &[u8],
    others: impl Iterator<Item = &'k [u8]>,
    step: Step,
) -> Result<Vec<u8>, CommandError> {
    let mut result = copy(db, first)?;
    for key in others {
        with_source(db, key, |source| enter(&mut result, source, step))?;
    }
    Ok(result)
}

/// Enters a source into the result, which becomes as long as the longer of the two.
fn enter(result: &mut Vec<u8>, source: &[u8], step: Step) {
    if source.len() > result.len() {
        result.resize(source.len(), 0);
    }
    let (common, rest) = result.split_at_mut(source.len());
    let pairs = common.iter_mut().zip(source);
    match step {
        Step::And => {
            pairs.for_each(|(byte, other)| *byte &= other);
            rest.fill(0);
        }
        Step::Or => pairs.for_each(|(byte, other)| *byte |= other),
        Step::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
        Step::AndNot => pairs.for_each(|(byte, other)| *byte &= !other),
    }
}

/// The bits that are set in exactly one source.
fn one<'k>(db: &mut DbMut<'_>, sources: impl Iterator<Item = &'k [u8]>) -> Result<Vec<u8>, CommandError> {
    let (mut once, mut more) = (Vec::new(), Vec::new());
    for key in sources {
        with_source(db, key, |source| {
            if source.len() > once.len() {
                once.resize(source.len(), 0u8);
                more.resize(source.len(), 0u8);
            }
            for ((once, more), byte) in once.iter_mut().zip(&mut more).zip(source) {
                *more |= *once & byte;
                *once = (*once | byte) & !*more;
            }
        })?;
    }
    Ok(once)
}
