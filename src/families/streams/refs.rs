//! XDELEX, XACKDEL (Redis 8.2) and XNACK (8.8): deletions that mind what consumer groups refer to, and pending entries
//! given back to their group.
//!
//! A group refers to an entry while it has not read it, or has not acknowledged it.

use super::ids_of;
use crate::base::num;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::Event;
use crate::object::Stream;
use crate::object::stream::{Keep, StreamId, Trim};
use smallvec::SmallVec;

/// What a deletion does with the references of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum References {
    /// They stay, and lead nowhere.
    #[default]
    Keep,
    /// They go too.
    Delete,
    /// Entries that have some stay.
    Respect,
}

impl References {
    /// By its word, if it is one.
    pub(super) fn named(args: Args<'_>, at: usize) -> Option<References> {
        if args.is(at, "KEEPREF") {
            Some(References::Keep)
        } else if args.is(at, "DELREF") {
            Some(References::Delete)
        } else if args.is(at, "ACKED") {
            Some(References::Respect)
        } else {
            None
        }
    }
}

/// What a trimming came to.
pub(super) struct Trimmed {
    /// How many entries went.
    pub(super) count: u64,
    /// The exact limit that leaves the same entries, in the place of an approximate one.
    pub(super) left: Option<Keep>,
}

/// Shortens a stream and does what is asked with the references to what went.
pub(super) fn shorten(stream: &mut Stream, trim: Trim, references: References) -> Trimmed {
    let exact = |keep: Keep| trim.whole_blocks.then_some(keep);
    if references == References::Respect && stream.groups_len() > 0 {
        let (count, last) = stream.trim_acknowledged(trim);
        let left = match trim.keep {
            Keep::Len(_) => Keep::Len(stream.facts().len),
            Keep::From(_) => Keep::From(last.and_then(StreamId::next).unwrap_or(StreamId::MIN)),
        };
        return Trimmed { count, left: exact(left) };
    }
    let before = (references == References::Delete && stream.groups_len() > 0).then(|| stream.clone());
    let count = stream.trim(trim);
    if let Some(before) = before {
        let first_left = stream.entries().range(StreamId::MIN, StreamId::MAX, false).next();
        let last_gone = first_left.map_or(StreamId::MAX, |entry| entry.id.previous().unwrap_or(StreamId::MIN));
        for entry in before.entries().range(StreamId::MIN, last_gone, false) {
            stream.forget(entry.id);
        }
    }
    let left = match trim.keep {
        Keep::Len(_) => Keep::Len(stream.facts().len),
        Keep::From(_) => {
            let mut all = stream.entries().range(StreamId::MIN, StreamId::MAX, false).with_tombstones();
            Keep::From(all.next().map_or(StreamId::MAX, |entry| entry.id))
        }
    };
    Trimmed { count, left: exact(left) }
}

/// The ids behind IDS and their number, and how many arguments that were. Errors: no such number, fewer ids. That one of
/// them is no id is for later: whether there is a stream comes first.
fn counted_ids(args: Args<'_>) -> Result<Args<'_>, CommandError> {
    let count = args.get(0).and_then(num::parse_i64).filter(|count| (1..=i32::MAX as i64).contains(count));
    let count = count.ok_or(CommandError::NUMIDS_NOT_POSITIVE)? as usize;
    let ids = args.from(1);
    if count > ids.len() { Err(CommandError::NUMIDS_MISMATCH) } else { Ok(ids.first(count)) }
}

/// `[KEEPREF | DELREF | ACKED] IDS number id ...` in any order.
fn references_and_ids(args: Args<'_>) -> Result<(References, Args<'_>), CommandError> {
    let (mut references, mut ids) = (None, None);
    let mut at = 0;
    while at < args.len() {
        if let Some(named) = References::named(args, at).filter(|_| references.is_none()) {
            references = Some(named);
            at += 1;
        } else if args.is(at, "IDS") && ids.is_none() {
            let counted = counted_ids(args.from(at + 1))?;
            ids = Some(counted);
            at += 2 + counted.len();
        } else {
            return Err(CommandError::SYNTAX);
        }
    }
    Ok((references.unwrap_or_default(), ids.ok_or(CommandError::SYNTAX)?))
}

/// What became of an entry.
mod code {
    pub const MISSING: i64 = -1;
    pub const DELETED: i64 = 1;
    pub const KEPT: i64 = 2;
}

/// Entries that are being deleted from a stream.
#[derive(Default)]
struct Deletions {
    codes: SmallVec<[i64; 8]>,
    deleted: usize,
    forgotten: usize,
    first_went: bool,
}

impl Deletions {
    /// Deletes an entry if the references allow it.
    fn delete(&mut self, stream: &mut Stream, id: StreamId, references: References) {
        if references == References::Delete {
            self.forgotten += usize::from(stream.forget(id));
        }
        if stream.entries().entry(id).is_none() {
            return self.codes.push(code::MISSING);
        }
        // Where nobody reads, nobody has acknowledged.
        if references == References::Respect && (stream.groups_len() == 0 || stream.is_referred_to(id)) {
            return self.codes.push(code::KEPT);
        }
        let was_first = id == stream.facts().first_id;
        stream.delete(id);
        self.first_went |= was_first;
        self.deleted += 1;
        self.codes.push(code::DELETED);
    }

    fn finish(self, cx: &mut DataCx<'_>, key: &[u8], aside: usize) -> CmdResult {
        if self.deleted > 0 {
            if let Some(stream) = cx.db.edit::<Stream>(key)? {
                stream.deleted(self.first_went);
            }
            cx.db.changed_by(key, Event::XDEL, self.deleted);
        }
        if self.forgotten + aside > 0 {
            cx.db.changed_aside(key, None, self.forgotten + aside);
        }
        write_codes(cx, &self.codes);
        Ok(Outcome::Done)
    }
}

fn write_codes(cx: &mut DataCx<'_>, codes: &[i64]) {
    cx.reply.array(codes.len());
    codes.iter().for_each(|code| cx.reply.integer(*code));
}

pub(super) fn xdelex(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let (references, texts) = references_and_ids(cx.args.from(2))?;
    let ids = ids_of(texts);
    let Some(stream) = cx.db.edit::<Stream>(key)? else {
        write_codes(cx, &vec![code::MISSING; texts.len()]);
        return Ok(Outcome::Done);
    };
    let mut deletions = Deletions::default();
    for id in ids? {
        deletions.delete(stream, id, references);
    }
    deletions.finish(cx, key, 0)
}

/// An entry that is not pending for the group is passed over.
pub(super) fn xackdel(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, group) = (cx.args.at(1), cx.args.at(2));
    let (references, texts) = references_and_ids(cx.args.from(3))?;
    let ids = ids_of(texts);
    let Some(stream) = cx.db.edit::<Stream>(key)?.filter(|stream| stream.group(group).is_some()) else {
        write_codes(cx, &vec![code::MISSING; texts.len()]);
        return Ok(Outcome::Done);
    };
    let (mut deletions, mut acknowledged) = (Deletions::default(), 0);
    for id in ids? {
        if stream.group_mut(group).is_some_and(|group| group.acknowledge(id)) {
            acknowledged += 1;
            deletions.delete(stream, id, references);
        } else {
            deletions.codes.push(code::MISSING);
        }
    }
    deletions.finish(cx, key, acknowledged)
}

/// How XNACK counts the delivery that came to nothing.
#[derive(Clone, Copy)]
enum Mode {
    /// It did not take place.
    Silent,
    /// It did.
    Fail,
    /// It is not to be tried again.
    Fatal,
}

/// The count of an entry that is not to be delivered again.
const DELIVERIES_MAX: u64 = i64::MAX as u64;

struct Nack<'a> {
    mode: Mode,
    ids: Args<'a>,
    deliveries: Option<u64>,
    force: bool,
}

impl<'a> Nack<'a> {
    fn parse(args: Args<'a>) -> Result<Nack<'a>, CommandError> {
        let mode = if args.is(0, "SILENT") {
            Mode::Silent
        } else if args.is(0, "FAIL") {
            Mode::Fail
        } else if args.is(0, "FATAL") {
            Mode::Fatal
        } else {
            return Err(CommandError::SYNTAX);
        };
        if !args.is(1, "IDS") {
            return Err(CommandError::SYNTAX);
        }
        let ids = counted_ids(args.from(2))?;
        let mut nack = Nack { mode, ids, deliveries: None, force: false };
        let mut at = 3 + ids.len();
        while at < args.len() {
            if args.is(at, "FORCE") {
                nack.force = true;
            } else if args.is(at, "RETRYCOUNT") && at + 1 < args.len() {
                at += 1;
                let count = num::parse_i64(args.at(at)).ok_or(CommandError::NOT_INTEGER)?;
                nack.deliveries = Some(u64::try_from(count).map_err(|_| CommandError::OUT_OF_RANGE)?);
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 1;
        }
        Ok(nack)
    }

    fn deliveries(&self, before: Option<u64>) -> u64 {
        match (self.deliveries, self.mode, before) {
            (Some(deliveries), ..) => deliveries,
            (None, Mode::Fatal, _) => DELIVERIES_MAX,
            (None, _, None) => 0,
            (None, Mode::Silent, Some(before)) => before.saturating_sub(1),
            (None, Mode::Fail, Some(before)) => before,
        }
    }
}

/// What it comes to does not depend on the clock, so it is repeated as it was received.
pub(super) fn xnack(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, name) = (cx.args.at(1), cx.args.at(2));
    let nack = Nack::parse(cx.args.from(3))?;
    let ids = ids_of(nack.ids);
    let Some((entries, _, group)) = cx.db.edit::<Stream>(key)?.and_then(|stream| stream.split(name)) else {
        return Err(CommandError::no_key_or_group(key, name));
    };
    let mut released = 0;
    for id in ids? {
        let before = group.pending(id).map(|pending| pending.deliveries);
        if before.is_none() && !(nack.force && entries.entry(id).is_some()) {
            continue;
        }
        group.release(id, nack.deliveries(before));
        released += 1;
    }
    if released > 0 {
        cx.db.changed_aside(key, Some(Event::XNACK), released);
    }
    cx.reply.integer(released as i64);
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests;
