//! XACK, XPENDING, XCLAIM, XAUTOCLAIM: what was delivered and is not done yet.
//!
//! Claims are repeated one by one as an XCLAIM that sets owner, moment and count, so that they come to the same at any
//! time. Entries that were deleted since their delivery stop being pending where they are met.

use super::{Claim, ids, range_end, range_start, repeat_claim, repeat_group_id, write_entry, write_id};
use crate::command::{CmdResult, CommandError, DataCx, Outcome, Propagate};
use crate::keyspace::Event;
use crate::object::Stream;
use crate::object::stream::{Group, Pending, StreamId};
use crate::resp::reply::Reply;
use smallvec::SmallVec;

pub(super) fn xack(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let ids = ids(cx, 3);
    // It counts as a read in the figures.
    cx.db.look(key);
    let stream = cx.db.edit::<Stream>(key)?;
    let Some(group) = stream.and_then(|stream| stream.group_mut(cx.args.at(2))) else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    let acknowledged = ids?.into_iter().filter(|id| group.acknowledge(*id)).count();
    if acknowledged > 0 {
        cx.db.changed_aside(key, None, acknowledged);
    }
    cx.reply.integer(acknowledged as i64);
    Ok(Outcome::Done)
}

/// A part of the pending entries.
struct Part<'a> {
    from: StreamId,
    to: StreamId,
    count: usize,
    min_idle_ms: i64,
    consumer: Option<&'a [u8]>,
}

impl<'a> Part<'a> {
    /// `[IDLE ms] from to count [consumer]`, or nothing for a summary.
    fn parse(cx: &DataCx<'a>) -> Result<Option<Part<'a>>, CommandError> {
        match cx.args.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(CommandError::SYNTAX),
        }
        let (mut at, mut min_idle_ms) = (3, 0);
        if cx.args.is(at, "IDLE") {
            min_idle_ms = cx.integer(at + 1)?;
            if cx.args.len() < 8 {
                return Err(CommandError::SYNTAX);
            }
            at += 2;
        }
        let count = cx.integer(at + 2)?.max(0) as usize;
        let (from, to) = (range_start(cx.args.at(at))?, range_end(cx.args.at(at + 1))?);
        Ok(Some(Part { from, to, count, min_idle_ms, consumer: cx.args.get(at + 3) }))
    }

    fn write(&self, reply: &mut Reply, group: &Group, now: i64) {
        let place = reply.defer_array();
        let mut written = 0;
        let mut write = |id: StreamId, pending: &Pending| {
            let idle_ms = now.saturating_sub(pending.delivered_at);
            if self.min_idle_ms != 0 && idle_ms < self.min_idle_ms {
                return true;
            }
            reply.array(4);
            write_id(reply, id);
            reply.bulk(pending.consumer());
            reply.integer(idle_ms.max(0));
            reply.integer(pending.deliveries as i64);
            written += 1;
            written < self.count
        };
        if self.count > 0 {
            match self.consumer {
                None => {
                    let all = group.pending_from(self.from).take_while(|(id, _)| *id <= self.to);
                    let _ = all.into_iter().all(|(id, pending)| write(id, pending));
                }
                Some(name) => {
                    let own = group.consumer(name).into_iter().flat_map(|consumer| consumer.pending_from(self.from));
                    let mut own = own.take_while(|id| *id <= self.to);
                    own.all(|id| group.pending(id).is_none_or(|pending| write(id, pending)));
                }
            }
        }
        reply.finish_array(place, written);
    }
}

pub(super) fn xpending(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, name, now) = (cx.args.at(1), cx.args.at(2), cx.now.0);
    let part = Part::parse(cx)?;
    let group = cx.db.get::<Stream>(key)?.and_then(|stream| stream.group(name));
    let group = group.ok_or_else(|| CommandError::no_key_or_group(key, name))?;
    match part {
        Some(part) => part.write(cx.reply, group, now),
        None => write_summary(cx.reply, group),
    }
    Ok(Outcome::Done)
}

fn write_summary(reply: &mut Reply, group: &Group) {
    reply.array(4);
    reply.integer(group.pending_len() as i64);
    let Some((first, last)) = group.pending_ends() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(reply, first);
    write_id(reply, last);
    let place = reply.defer_array();
    let mut owners = 0;
    for (name, consumer) in group.consumers().filter(|(_, consumer)| consumer.pending_len() > 0) {
        reply.array(2);
        reply.bulk(name);
        reply.bulk_int(consumer.pending_len() as i64);
        owners += 1;
    }
    reply.finish_array(place, owners);
}

/// The options of XCLAIM, behind the ids.
struct ClaimOptions {
    ids: SmallVec<[StreamId; 8]>,
    delivered_at: i64,
    deliveries: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

impl ClaimOptions {
    fn parse(cx: &DataCx<'_>) -> Result<ClaimOptions, CommandError> {
        let now = cx.now.0;
        let ids: SmallVec<[StreamId; 8]> = cx.args.from(5).iter().map_while(|text| StreamId::parse(text, 0)).collect();
        let mut at = 5 + ids.len();
        let mut options = ClaimOptions {
            ids,
            delivered_at: now,
            deliveries: None,
            force: false,
            just_id: false,
            last_id: StreamId::MIN,
        };
        while at < cx.args.len() {
            let more = at + 1 < cx.args.len();
            if cx.args.is(at, "FORCE") {
                options.force = true;
            } else if cx.args.is(at, "JUSTID") {
                options.just_id = true;
            } else if cx.args.is(at, "IDLE") && more {
                at += 1;
                options.delivered_at = now.wrapping_sub(number(cx, at, "Invalid IDLE option argument for XCLAIM")?);
            } else if cx.args.is(at, "TIME") && more {
                at += 1;
                options.delivered_at = number(cx, at, "Invalid TIME option argument for XCLAIM")?;
            } else if cx.args.is(at, "RETRYCOUNT") && more {
                at += 1;
                let count = number(cx, at, "Invalid RETRYCOUNT option argument for XCLAIM")?;
                options.deliveries = u64::try_from(count).ok();
            } else if cx.args.is(at, "LASTID") && more {
                at += 1;
                options.last_id = super::id(cx.args.at(at))?;
            } else {
                return Err(CommandError::unknown_claim_option(cx.args.at(at)));
            }
            at += 1;
        }
        // A client's clock may be ahead of ours.
        if !(0..=now).contains(&options.delivered_at) {
            options.delivered_at = now;
        }
        Ok(options)
    }
}

fn number(cx: &DataCx<'_>, at: usize, error: &str) -> Result<i64, CommandError> {
    cx.integer(at).map_err(|_| CommandError::new(format!("ERR {error}")))
}

/// Errors: another type, no key, no group.
fn check_group(cx: &mut DataCx<'_>) -> Result<(), CommandError> {
    let (key, name) = (cx.args.at(1), cx.args.at(2));
    match cx.db.get::<Stream>(key)?.and_then(|stream| stream.group(name)) {
        Some(_) => Ok(()),
        None => Err(CommandError::no_key_or_group(key, name)),
    }
}

pub(super) fn xclaim(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, group_name, consumer, now) = (cx.args.at(1), cx.args.at(2), cx.args.at(3), cx.now.0);
    check_group(cx)?;
    let min_idle_ms = number(cx, 4, "Invalid min-idle-time argument for XCLAIM")?.max(0);
    let options = ClaimOptions::parse(cx)?;
    cx.effects.propagate = Propagate::Nothing;
    let stream = cx.db.edit::<Stream>(key)?;
    let Some((entries, _, group)) = stream.and_then(|stream| stream.split(group_name)) else {
        return Err(CommandError::no_key_or_group(key, group_name));
    };
    let mut last_id_rose = options.last_id > group.last_id;
    group.last_id = group.last_id.max(options.last_id);
    let place = cx.reply.defer_array();
    let (mut claimed, mut changes) = (0, 0);
    let (mut seen, mut created) = (false, false);
    for id in options.ids {
        let before = group.pending(id).cloned();
        let Some(entry) = entries.entry(id) else {
            if let Some(before) = before {
                last_id_rose = false;
                let claim = claim_of(&before, group.last_id);
                repeat_claim(cx.effects, [key, group_name, before.consumer()], id, claim);
                group.acknowledge(id);
                changes += 1;
            }
            continue;
        };
        let deliveries = match &before {
            None if !options.force => continue,
            None => 1,
            Some(before) if min_idle_ms > 0 && now.saturating_sub(before.delivered_at) < min_idle_ms => continue,
            Some(before) => before.deliveries,
        };
        let deliveries = options.deliveries.unwrap_or(deliveries.wrapping_add(u64::from(!options.just_id)));
        if !seen {
            seen = true;
            created = group.see_consumer(consumer, now);
        }
        group.assign(id, consumer, options.delivered_at, deliveries);
        if options.just_id {
            write_id(cx.reply, id)
        } else {
            write_entry(cx.reply, &entry)
        }
        claimed += 1;
        changes += 1;
        last_id_rose = false;
        let claim = Claim { delivered_at: options.delivered_at, deliveries, last_id: group.last_id };
        repeat_claim(cx.effects, [key, group_name, consumer], id, claim);
    }
    cx.reply.finish_array(place, claimed);
    if last_id_rose {
        repeat_group_id(cx.effects, key, group_name, group.last_id, group.entries_read);
        changes += 1;
    }
    after_claims(group, consumer, now, claimed > 0);
    told(cx, key, created, changes);
    Ok(Outcome::Done)
}

fn claim_of(pending: &Pending, last_id: StreamId) -> Claim {
    Claim { delivered_at: pending.delivered_at, deliveries: pending.deliveries, last_id }
}

fn after_claims(group: &mut Group, consumer: &[u8], now: i64, got_some: bool) {
    if got_some && let Some(consumer) = group.consumer_mut(consumer) {
        consumer.active_at = now;
    }
}

fn told(cx: &mut DataCx<'_>, key: &[u8], created: bool, changes: usize) {
    if created {
        cx.db.changed_aside(key, Some(Event::XGROUP_CREATECONSUMER), 1);
    }
    cx.db.changed_aside(key, None, changes);
}

/// How many pending entries XAUTOCLAIM looks at for each it may claim.
const LOOKS_PER_CLAIM: u64 = 10;
/// The largest COUNT of XAUTOCLAIM.
const AUTOCLAIM_MAX_COUNT: i64 = i64::MAX / 16;

pub(super) fn xautoclaim(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, group_name, consumer, now) = (cx.args.at(1), cx.args.at(2), cx.args.at(3), cx.now.0);
    let min_idle_ms = number(cx, 4, "Invalid min-idle-time argument for XAUTOCLAIM")?.max(0);
    let start = range_start(cx.args.at(5))?;
    let (mut count, mut just_id) = (100, false);
    let mut at = 6;
    while at < cx.args.len() {
        if cx.args.is(at, "COUNT") && at + 1 < cx.args.len() {
            at += 1;
            let given = cx.integer(at).ok().filter(|count| (1..=AUTOCLAIM_MAX_COUNT).contains(count));
            count = given.ok_or(CommandError::AUTOCLAIM_COUNT)? as u64;
        } else if cx.args.is(at, "JUSTID") {
            just_id = true;
        } else {
            return Err(CommandError::SYNTAX);
        }
        at += 1;
    }
    check_group(cx)?;
    cx.effects.propagate = Propagate::Nothing;
    let stream = cx.db.edit::<Stream>(key)?;
    let Some((entries, _, group)) = stream.and_then(|stream| stream.split(group_name)) else {
        return Err(CommandError::no_key_or_group(key, group_name));
    };
    // The place to go on from comes first in the reply.
    let mut claimed_reply = Reply::new(cx.reply.protocol());
    let (mut claimed, mut changes) = (0, 0);
    let (mut seen, mut created) = (false, false);
    let mut deleted: Vec<StreamId> = Vec::new();
    let mut looks = count * LOOKS_PER_CLAIM;
    let mut cursor = Some(start);
    let next = |group: &Group, cursor: Option<StreamId>| {
        group.pending_from(cursor?).next().map(|(id, pending)| (id, pending.clone()))
    };
    while looks > 0 && count > 0 {
        looks -= 1;
        let Some((id, before)) = next(group, cursor) else { break };
        cursor = id.next();
        let Some(entry) = entries.entry(id) else {
            repeat_claim(cx.effects, [key, group_name, before.consumer()], id, claim_of(&before, group.last_id));
            group.acknowledge(id);
            deleted.push(id);
            changes += 1;
            count -= 1;
            continue;
        };
        if min_idle_ms > 0 && now.saturating_sub(before.delivered_at) < min_idle_ms {
            continue;
        }
        if !seen {
            seen = true;
            created = group.see_consumer(consumer, now);
        }
        let deliveries = before.deliveries.wrapping_add(u64::from(!just_id));
        group.assign(id, consumer, now, deliveries);
        if just_id {
            write_id(&mut claimed_reply, id)
        } else {
            write_entry(&mut claimed_reply, &entry)
        }
        claimed += 1;
        changes += 1;
        count -= 1;
        let claim = Claim { delivered_at: now, deliveries, last_id: group.last_id };
        repeat_claim(cx.effects, [key, group_name, consumer], id, claim);
    }
    let end = next(group, cursor).map_or(StreamId::MIN, |(id, _)| id);
    after_claims(group, consumer, now, claimed > 0);
    cx.reply.array(3);
    write_id(cx.reply, end);
    cx.reply.array(claimed);
    cx.reply.raw(claimed_reply.as_slice());
    cx.reply.array(deleted.len());
    deleted.into_iter().for_each(|id| write_id(cx.reply, id));
    told(cx, key, created, changes);
    Ok(Outcome::Done)
}
