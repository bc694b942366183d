//! Streams to bytes and back: blocks verbatim, then what the stream knows of itself, then its groups.
//!
//! ```text
//! stream     blocks, (16 bytes of id as a string, listpack as a string) ... | entries | last id
//!            | first id, greatest deleted id, entries ever added             (from the second form on)
//!            | groups, group ...
//! group      name | last id | entries read (from the second form on; -1: not known)
//!            | pending entries, (16 bytes of id, moment in ms, deliveries) ...
//!            | consumers, (name, seen at in ms, active at in ms (third form), pending entries, 16 bytes of id ...) ...
//! ```
//!
//! An entry that was released belongs to no consumer, for which the format has no form: it is written as one of a consumer
//! without a name that was never seen (-1), and such a one is not made when it is read.
//!
//! Numbers are lengths, ids two of them; moments are eight bytes, low first. The second form, of Redis 7.0, is written;
//! all three are read. Promise: what is read is consistent: every pending entry belongs to exactly one consumer.

use super::encode::Out;
use super::input::{Input, Source};
use super::writer::Sink;
use super::{LoadError, kind};
use crate::object::stream::{Consumer, Facts, Group, Stream, StreamId};
use crate::object::{Container, Typed};
use crate::structs::listpack::Listpack;
use crate::structs::ordered_tree::OrderedTree;

/// A group that does not know how many entries it has read.
const NOT_KNOWN: u64 = u64::MAX;
/// When the consumer was seen that stands for none.
const NEVER_SEEN: i64 = -1;

impl<S: Sink> Out<S> {
    pub(super) fn stream(&mut self, stream: &Stream) {
        self.length(stream.blocks_len() as u64);
        for (id, pack) in stream.blocks() {
            self.string(&id.to_bytes());
            self.string(pack.as_bytes());
            self.settle();
        }
        let facts = stream.facts();
        self.length(facts.len);
        self.id(facts.last_id);
        self.id(facts.first_id);
        self.id(facts.max_deleted_id);
        self.length(facts.entries_added as u64);
        self.length(stream.groups_len() as u64);
        for (name, group) in stream.groups() {
            self.string(name);
            self.id(group.last_id);
            self.length(group.entries_read.map_or(NOT_KNOWN, |read| read as u64));
            self.group(group);
        }
    }

    fn group(&mut self, group: &Group) {
        self.length(group.pending_len() as u64);
        for (id, pending) in group.pending_from(StreamId::MIN) {
            self.bytes.extend_from_slice(&id.to_bytes());
            self.bytes.extend_from_slice(&pending.delivered_at.to_le_bytes());
            self.length(pending.deliveries);
            self.settle();
        }
        let owned: usize = group.consumers().map(|(_, consumer)| consumer.pending_len()).sum();
        let released = group.pending_len() - owned;
        let nameless = group.consumer(b"");
        self.length(group.consumers_len() as u64 + u64::from(released > 0 && nameless.is_none()));
        if released > 0 && nameless.is_none() {
            self.consumer(group, b"", NEVER_SEEN, released, std::iter::empty());
        }
        for (name, consumer) in group.consumers() {
            let released = if name.is_empty() { released } else { 0 };
            self.consumer(group, name, consumer.seen_at, released, consumer.pending_from(StreamId::MIN));
        }
    }

    /// A consumer with its pending entries, and with all that were released if there are some.
    fn consumer(
        &mut self,
        group: &Group,
        name: &[u8],
        seen_at: i64,
        released: usize,
        pending: impl Iterator<Item = StreamId>,
    ) {
        self.string(name);
        self.bytes.extend_from_slice(&seen_at.to_le_bytes());
        let own = group.consumer(name).map_or(0, Consumer::pending_len);
        self.length((own + released) as u64);
        for id in pending {
            self.bytes.extend_from_slice(&id.to_bytes());
            self.settle();
        }
        if released > 0 {
            for (id, _) in group.pending_from(StreamId::MIN).filter(|(_, pending)| !pending.is_owned()) {
                self.bytes.extend_from_slice(&id.to_bytes());
                self.settle();
            }
        }
    }

    fn id(&mut self, id: StreamId) {
        self.length(id.ms);
        self.length(id.seq);
    }
}

/// A stream in the form of a type byte.
pub(super) fn stream<S: Source>(input: &mut Input<S>, type_byte: u8) -> Result<Option<Container>, LoadError> {
    let has_facts = type_byte != kind::STREAM_LISTPACKS;
    let mut blocks = Vec::new();
    for _ in 0..input.length()? {
        blocks.push(block(input)?);
    }
    let len = input.length()?;
    let mut facts = Facts { len, last_id: id(input)?, entries_added: len as i64, ..Facts::default() };
    if has_facts {
        facts.first_id = id(input)?;
        facts.max_deleted_id = id(input)?;
        facts.entries_added = input.length()? as i64;
    }
    let mut stream = Stream::from_blocks(blocks, facts).map_err(|wrong| input.corrupt(wrong))?;
    for _ in 0..input.length()? {
        let mut digits = itoa::Buffer::new();
        let name = input.string()?.bytes(&mut digits).to_vec();
        let last_id = id(input)?;
        let entries_read = match has_facts {
            true => Some(input.length()?).filter(|read| *read != NOT_KNOWN).map(|read| read as i64),
            false => stream.facts().entries_up_to(last_id),
        };
        let group = group(input, Group::new(last_id, entries_read), type_byte == kind::STREAM_LISTPACKS_3)?;
        if !stream.create_group(&name, group) {
            return Err(input.corrupt("Duplicated consumer group name"));
        }
    }
    Ok(Some(stream.into_container()))
}

fn block<S: Source>(input: &mut Input<S>) -> Result<(StreamId, Listpack), LoadError> {
    let mut digits = itoa::Buffer::new();
    let Ok(key) = <[u8; 16]>::try_from(input.string()?.bytes(&mut digits)) else {
        return Err(input.corrupt("Stream node key entry is not the size of a stream ID"));
    };
    let mut digits = itoa::Buffer::new();
    let pack = Listpack::from_bytes(input.string()?.bytes(&mut digits));
    let pack = pack.map_err(|_| input.corrupt("Stream listpack integrity check failed."))?;
    Ok((StreamId::from_bytes(key), pack))
}

fn id<S: Source>(input: &mut Input<S>) -> Result<StreamId, LoadError> {
    Ok(StreamId { ms: input.length()?, seq: input.length()? })
}

fn moment<S: Source>(input: &mut Input<S>) -> Result<i64, LoadError> {
    Ok(i64::from_le_bytes(input.array()?))
}

fn group<S: Source>(input: &mut Input<S>, mut group: Group, has_activity: bool) -> Result<Group, LoadError> {
    // What belongs to nobody yet.
    let mut pending: OrderedTree<StreamId, (i64, u64)> = OrderedTree::new();
    for _ in 0..input.length()? {
        let id = StreamId::from_bytes(input.array()?);
        let delivery = (moment(input)?, input.length()?);
        if pending.insert(id, delivery).is_some() {
            return Err(input.corrupt("Duplicated global PEL entry loading stream consumer group"));
        }
    }
    for _ in 0..input.length()? {
        let mut digits = itoa::Buffer::new();
        let name = input.string()?.bytes(&mut digits).to_vec();
        let seen_at = moment(input)?;
        let active_at = if has_activity { moment(input)? } else { seen_at };
        let stands_for_none = name.is_empty() && seen_at == NEVER_SEEN;
        if !stands_for_none && !group.create_consumer(&name, seen_at) {
            return Err(input.corrupt("Duplicate stream consumer detected"));
        }
        if let Some(consumer) = group.consumer_mut(&name) {
            consumer.active_at = active_at;
        }
        for _ in 0..input.length()? {
            let id = StreamId::from_bytes(input.array()?);
            let Some((delivered_at, deliveries)) = pending.remove(&id) else {
                return Err(input.corrupt(match group.pending(id) {
                    Some(_) => "Stream consumer PEL entry already has a consumer assigned",
                    None => "Consumer entry not found in group global PEL",
                }));
            };
            if stands_for_none {
                group.release(id, deliveries);
            } else {
                group.assign(id, &name, delivered_at, deliveries);
            }
        }
    }
    if !pending.is_empty() {
        return Err(input.corrupt("NACK entry without consumer"));
    }
    Ok(group)
}
