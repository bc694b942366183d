//! XREAD and XREADGROUP: entries beyond an id, of several streams at once, with waiting or without.
//!
//! With CLAIM, a consumer of a group is given first what has been pending too long, and only then what is new.
//!
//! Who waits is run again when a key is ready, and looks at that key alone. An id of `$` means the last one at the moment
//! the command was given, so it is replaced by that id for later. What a group reads is repeated as the claims it amounts
//! to, never as it was received.

use super::{Claim, id, repeat_claim, repeat_group_id, write_entry, write_fields, write_id};
use crate::command::{
    CmdResult, CommandError, DataCx, Effects, Outcome, OwnedArgs, Propagate, TimeoutReply, WaitKind, WaitOn,
};
use crate::keyspace::{Event, UnixMs};
use crate::object::stream::{Entries, Entry, Facts, Group, StreamId};
use crate::object::{Object, Stream, Typed};
use crate::resp::reply::Reply;
use crate::structs::record::Body;
use smallvec::SmallVec;

/// How many entries of a key are read at most by somebody who waited for it and did not say.
const WAITED_MAX_ENTRIES: usize = 1000;

/// In the place of an id: what was not delivered to the group yet.
const UNDELIVERED: StreamId = StreamId::MAX;

/// The arguments, read.
struct Request<'a> {
    /// Most entries of each stream; 0: all.
    count: usize,
    /// Whether it waits, and until when.
    wait: Option<Option<UnixMs>>,
    /// Where the keys begin.
    keys_at: usize,
    keys: usize,
    group: Option<Reader<'a>>,
}

/// For whom a group is read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    /// What is delivered does not become pending.
    no_ack: bool,
    /// What has been pending for so long is claimed.
    claim_idle_ms: Option<i64>,
}

impl Reader<'_> {
    /// The moment up to which a delivery is so long ago that its entry is claimed.
    fn claims_up_to(&self, now: i64) -> Option<i64> {
        self.claim_idle_ms.map(|idle_ms| now.saturating_sub(idle_ms))
    }
}

impl<'a> Request<'a> {
    fn parse(cx: &DataCx<'a>, of_group: bool) -> Result<Request<'a>, CommandError> {
        let args = cx.args;
        let mut request = Request { count: 0, wait: None, keys_at: 0, keys: 0, group: None };
        let (mut no_ack, mut claim_idle_ms) = (false, None);
        let mut at = 1;
        while at < args.len() {
            let more = args.len() - 1 - at;
            if args.is(at, "BLOCK") && more > 0 {
                if cx.in_script {
                    return Err(CommandError::block_in_script(args.at(0)));
                }
                at += 1;
                request.wait = Some(deadline(cx, at)?);
            } else if args.is(at, "COUNT") && more > 0 {
                at += 1;
                request.count = cx.integer(at)?.max(0) as usize;
            } else if args.is(at, "STREAMS") && more > 0 {
                if more % 2 == 1 {
                    return Err(CommandError::UNBALANCED_STREAMS);
                }
                (request.keys_at, request.keys) = (at + 1, more / 2);
                break;
            } else if args.is(at, "GROUP") && more >= 2 {
                if !of_group {
                    return Err(CommandError::XREAD_GROUP);
                }
                let (group, consumer) = (args.at(at + 1), args.at(at + 2));
                request.group = Some(Reader { group, consumer, no_ack: false, claim_idle_ms: None });
                at += 2;
            } else if args.is(at, "NOACK") {
                if !of_group {
                    return Err(CommandError::XREAD_NOACK);
                }
                no_ack = true;
            } else if of_group && args.is(at, "CLAIM") && more > 0 {
                at += 1;
                let idle_ms = cx.integer(at).map_err(|_| CommandError::CLAIM_NOT_INTEGER)?;
                if idle_ms < 0 {
                    return Err(CommandError::CLAIM_NEGATIVE);
                }
                claim_idle_ms = Some(idle_ms);
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 1;
        }
        if request.keys == 0 {
            return Err(CommandError::SYNTAX);
        }
        match &mut request.group {
            Some(reader) => (reader.no_ack, reader.claim_idle_ms) = (no_ack, claim_idle_ms),
            None if of_group => return Err(CommandError::XREADGROUP_WITHOUT_GROUP),
            None => {}
        }
        Ok(request)
    }

    /// The ids after which is read. Errors: an id that is none, another type, a group that is not there.
    fn resolve(&self, cx: &mut DataCx<'_>) -> Result<SmallVec<[StreamId; 8]>, CommandError> {
        let mut ids = SmallVec::new();
        for at in self.keys_at..self.keys_at + self.keys {
            let (key, text) = (cx.args.at(at), cx.args.at(at + self.keys));
            let stream = cx.db.get::<Stream>(key)?;
            if let Some(reader) = &self.group
                && stream.and_then(|stream| stream.group(reader.group)).is_none()
            {
                return Err(CommandError::no_group_to_read(key, reader.group));
            }
            ids.push(match (text, &self.group) {
                (b"$", Some(_)) => return Err(CommandError::LAST_ID_OF_GROUP),
                (b"$", None) => stream.map_or(StreamId::MIN, |stream| stream.facts().last_id),
                (b">", None) => return Err(CommandError::UNDELIVERED_WITHOUT_GROUP),
                (b">", Some(_)) => UNDELIVERED,
                (text, _) => id(text)?,
            });
        }
        Ok(ids)
    }

    fn waiting(&self, cx: &mut DataCx<'_>, until: Option<UnixMs>, again: Option<OwnedArgs>) -> CmdResult {
        let keys = self.keys_at..self.keys_at + self.keys;
        let retry = self.next_claim(cx);
        let on_timeout = TimeoutReply::NullArray;
        Ok(Outcome::Wait(Box::new(WaitOn { kind: WaitKind::Stream, keys, until, retry, on_timeout, again })))
    }

    /// The next moment at which something has been pending long enough to be claimed, if nothing else happens.
    fn next_claim(&self, cx: &mut DataCx<'_>) -> Option<UnixMs> {
        let reader = self.group?;
        let idle_ms = reader.claim_idle_ms?;
        let mut next: Option<i64> = None;
        for at in self.keys_at..self.keys_at + self.keys {
            let Ok(Some(stream)) = cx.db.edit::<Stream>(cx.args.at(at)) else { continue };
            let Some(group) = stream.group_mut(reader.group) else { continue };
            if let Some(delivered_at) = group.oldest_delivery() {
                let due = delivered_at.saturating_add(idle_ms);
                next = Some(next.map_or(due, |other| other.min(due)));
            }
        }
        // What is due already was looked at in this millisecond.
        next.map(|at| UnixMs(at.max(cx.now.0 + 1)))
    }
}

/// A timeout in milliseconds as a moment, `None` for ever.
fn deadline(cx: &DataCx<'_>, at: usize) -> Result<Option<UnixMs>, CommandError> {
    match cx.integer(at).map_err(|_| CommandError::TIMEOUT_NOT_INTEGER)? {
        ..0 => Err(CommandError::TIMEOUT_NEGATIVE),
        0 => Ok(None),
        ms => Ok(cx.now.0.checked_add(ms).filter(|at| *at < i64::MAX).map(UnixMs)),
    }
}

pub(super) fn xread(cx: &mut DataCx<'_>) -> CmdResult {
    let request = Request::parse(cx, false)?;
    if let Some(key) = cx.ready_key {
        return serve_ready(cx, &request, key);
    }
    let ids = request.resolve(cx)?;
    let mut served: SmallVec<[usize; 8]> = SmallVec::new();
    for (at, after) in ids.iter().enumerate() {
        let stream = cx.db.get::<Stream>(cx.args.at(request.keys_at + at))?;
        if stream.and_then(|stream| stream.entries().last_id()).is_some_and(|last| last > *after) {
            served.push(at);
        }
    }
    if served.is_empty() {
        return wait_or_nothing(cx, &request, &ids);
    }
    write_header(cx.reply, served.len());
    for at in served {
        let key = cx.args.at(request.keys_at + at);
        let Some(stream) = stream_of(cx.db.peek(key)) else { continue };
        write_key(cx.reply, key);
        write_after(cx.reply, stream.entries(), ids[at], request.count);
    }
    Ok(Outcome::Done)
}

fn write_header(reply: &mut Reply, streams: usize) {
    if reply.is_resp3() { reply.map(streams) } else { reply.array(streams) }
}

fn write_key(reply: &mut Reply, key: &[u8]) {
    if !reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk(key);
}

fn write_after(reply: &mut Reply, entries: Entries<'_>, after: StreamId, count: usize) {
    let start = after.next().unwrap_or(StreamId::MIN);
    let most = if count == 0 { usize::MAX } else { count };
    super::write_entries(reply, entries.range(start, StreamId::MAX, false).take(most));
}

fn stream_of(object: Option<&Object>) -> Option<&Stream> {
    match object?.body() {
        Body::Payload(container) => Stream::of(container),
        _ => None,
    }
}

/// Nothing was there.
fn wait_or_nothing(cx: &mut DataCx<'_>, request: &Request<'_>, ids: &[StreamId]) -> CmdResult {
    let Some(until) = request.wait else {
        cx.reply.null_array();
        return Ok(Outcome::Done);
    };
    let ids_at = request.keys_at + request.keys;
    let again = cx.args.from(ids_at).iter().any(|text| text == b"$").then(|| {
        let texts: Vec<_> = ids.iter().map(|id| id.text()).collect();
        let mut parts: Vec<&[u8]> = cx.args.first(ids_at).iter().collect();
        parts.extend(texts.iter().map(|text| text.as_bytes()));
        OwnedArgs::of(&parts)
    });
    request.waiting(cx, until, again)
}

/// A key that was waited for is ready: whatever it has now beyond the id is read.
fn serve_ready(cx: &mut DataCx<'_>, request: &Request<'_>, key: &[u8]) -> CmdResult {
    cx.effects.propagate = Propagate::Nothing;
    let until = request.wait.unwrap_or(None);
    let Some(at) = (0..request.keys).find(|at| cx.args.at(request.keys_at + at) == key) else {
        return request.waiting(cx, until, None);
    };
    let count = if request.count == 0 { WAITED_MAX_ENTRIES } else { request.count };
    let now = cx.now.0;
    let Some(reader) = request.group else {
        let after = id(cx.args.at(request.keys_at + request.keys + at))?;
        let Some(stream) = stream_of(cx.db.peek(key)).filter(|stream| stream.facts().last_id > after) else {
            return request.waiting(cx, until, None);
        };
        write_header(cx.reply, 1);
        write_key(cx.reply, key);
        write_after(cx.reply, stream.entries(), after, count);
        return Ok(Outcome::Done);
    };
    let stream = stream_of(cx.db.peek(key)).ok_or(CommandError::STREAM_IS_GONE)?;
    let group = stream.group(reader.group).ok_or(CommandError::GROUP_IS_GONE)?;
    if stream.facts().last_id <= group.last_id && !may_claim(cx, key, reader) {
        return request.waiting(cx, until, None);
    }
    write_header(cx.reply, 1);
    let created = cx
        .db
        .edit::<Stream>(key)?
        .is_some_and(|stream| deliver(stream, key, reader, UNDELIVERED, count, now, cx.reply, cx.effects));
    if created {
        cx.db.changed_aside(key, Some(Event::XGROUP_CREATECONSUMER), 1);
    }
    Ok(Outcome::Done)
}

pub(super) fn xreadgroup(cx: &mut DataCx<'_>) -> CmdResult {
    let request = Request::parse(cx, true)?;
    if let Some(key) = cx.ready_key {
        return serve_ready(cx, &request, key);
    }
    let ids = request.resolve(cx)?;
    let Some(reader) = request.group else { return Err(CommandError::XREADGROUP_WITHOUT_GROUP) };
    cx.effects.propagate = Propagate::Nothing;
    let now = cx.now.0;
    let place = cx.reply.defer_array();
    let mut served = 0;
    for (at, after) in ids.iter().enumerate() {
        let key = cx.args.at(request.keys_at + at);
        let is_new = |stream: &&Stream| {
            let delivered = stream.group(reader.group).map(|group| group.last_id);
            *after != UNDELIVERED || stream.entries().last_id() > delivered
        };
        if cx.db.get::<Stream>(key)?.filter(is_new).is_none() && !may_claim(cx, key, reader) {
            continue;
        }
        served += 1;
        let created = cx
            .db
            .edit::<Stream>(key)?
            .is_some_and(|stream| deliver(stream, key, reader, *after, request.count, now, cx.reply, cx.effects));
        if created {
            cx.db.changed_aside(key, Some(Event::XGROUP_CREATECONSUMER), 1);
        }
        cx.db.changed_aside(key, None, 1);
    }
    if served == 0 {
        return wait_or_nothing(cx, &request, &ids);
    }
    if cx.reply.is_resp3() {
        cx.reply.finish_map(place, served)
    } else {
        cx.reply.finish_array(place, served)
    }
    Ok(Outcome::Done)
}

/// Whether a key has entries that have been pending so long that they are claimed.
fn may_claim(cx: &mut DataCx<'_>, key: &[u8], reader: Reader<'_>) -> bool {
    let Some(up_to) = reader.claims_up_to(cx.now.0) else { return false };
    let stream = cx.db.edit::<Stream>(key).ok().flatten();
    let group = stream.and_then(|stream| stream.group_mut(reader.group));
    group.and_then(Group::oldest_delivery).is_some_and(|at| at <= up_to)
}

/// Writes a key and what a consumer is given of it; answers whether the consumer is new.
#[allow(clippy::too_many_arguments)]
fn deliver(
    stream: &mut Stream,
    key: &[u8],
    reader: Reader<'_>,
    after: StreamId,
    count: usize,
    now: i64,
    reply: &mut Reply,
    effects: &mut Effects,
) -> bool {
    write_key(reply, key);
    // The group was there when the command was read.
    let Some((entries, facts, group)) = stream.split(reader.group) else { return false };
    let created = group.see_consumer(reader.consumer, now);
    if created && reader.no_ack {
        effects.propagate_instead(&[b"XGROUP", b"CREATECONSUMER", key, reader.group, reader.consumer]);
    }
    let most = if count == 0 { usize::MAX } else { count };
    if after == UNDELIVERED {
        deliver_new(entries, &facts, group, key, reader, most, now, reply, effects);
    } else {
        deliver_again(entries, group, reader, after, most, now, reply);
    }
    created
}

#[allow(clippy::too_many_arguments)]
fn deliver_new(
    entries: Entries<'_>,
    facts: &Facts,
    group: &mut Group,
    key: &[u8],
    reader: Reader<'_>,
    most: usize,
    now: i64,
    reply: &mut Reply,
    effects: &mut Effects,
) {
    let place = reply.defer_array();
    let start = group.last_id.next().unwrap_or(StreamId::MIN);
    let claimed = claim_idle(entries, group, key, reader, most, now, reply, effects);
    let mut delivered = 0;
    for entry in entries.range(start, StreamId::MAX, false).take(most - claimed) {
        facts.advance(group, entry.id);
        match reader.claim_idle_ms {
            Some(_) => write_delivery(reply, &entry, 0, 0),
            None => write_entry(reply, &entry),
        }
        delivered += 1;
        if !reader.no_ack {
            group.assign(entry.id, reader.consumer, now, 1);
            let claim = Claim { delivered_at: now, deliveries: 1, last_id: group.last_id };
            repeat_claim(effects, [key, reader.group, reader.consumer], entry.id, claim);
        }
    }
    reply.finish_array(place, claimed + delivered);
    if claimed + delivered > 0 {
        if reader.no_ack && delivered > 0 {
            repeat_group_id(effects, key, reader.group, group.last_id, group.entries_read);
        }
        if let Some(consumer) = group.consumer_mut(reader.consumer) {
            consumer.active_at = now;
        }
    }
}

/// An entry with how long ago, and how often, it was delivered before.
fn write_delivery(reply: &mut Reply, entry: &Entry<'_>, idle_ms: i64, deliveries: u64) {
    reply.array(4);
    write_id(reply, entry.id);
    write_fields(reply, entry);
    reply.integer(idle_ms);
    reply.integer(deliveries as i64);
}

/// Gives a consumer what has been pending too long, longest first; answers how much that was. Entries that were deleted
/// stop being pending.
#[allow(clippy::too_many_arguments)]
fn claim_idle(
    entries: Entries<'_>,
    group: &mut Group,
    key: &[u8],
    reader: Reader<'_>,
    most: usize,
    now: i64,
    reply: &mut Reply,
    effects: &mut Effects,
) -> usize {
    let Some(up_to) = reader.claims_up_to(now) else { return 0 };
    let mut claimed = 0;
    while claimed < most {
        let Some(id) = group.pending_since(up_to).next() else { break };
        let Some(before) = group.pending(id).cloned() else { break };
        let last_id = group.last_id;
        let Some(entry) = entries.entry(id) else {
            let claim = Claim { delivered_at: before.delivered_at, deliveries: before.deliveries, last_id };
            repeat_claim(effects, [key, reader.group, before.consumer()], id, claim);
            group.acknowledge(id);
            continue;
        };
        if before.delivered_at == now {
            // With a span of 0 everything would come again and again.
            break;
        }
        write_delivery(reply, &entry, now.saturating_sub(before.delivered_at).max(0), before.deliveries);
        let deliveries = before.deliveries.saturating_add(1).min(i64::MAX as u64);
        group.assign(id, reader.consumer, now, deliveries);
        repeat_claim(
            effects,
            [key, reader.group, reader.consumer],
            id,
            Claim { delivered_at: now, deliveries, last_id },
        );
        claimed += 1;
    }
    claimed
}

/// What is pending for a consumer once more. It is not repeated elsewhere, as with Redis.
fn deliver_again(
    entries: Entries<'_>,
    group: &mut Group,
    reader: Reader<'_>,
    after: StreamId,
    most: usize,
    now: i64,
    reply: &mut Reply,
) {
    let start = after.next().unwrap_or(StreamId::MIN);
    let ids: Vec<StreamId> = group
        .consumer(reader.consumer)
        .map_or_else(Vec::new, |consumer| consumer.pending_from(start).take(most).collect());
    reply.array(ids.len());
    for id in ids {
        match entries.entry(id) {
            Some(entry) => {
                write_entry(reply, &entry);
                group.redelivered(id, now);
            }
            // Deleted meanwhile.
            None => {
                reply.array(2);
                write_id(reply, id);
                reply.null_array();
            }
        }
    }
}
