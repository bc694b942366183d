//! Values to bytes, into a buffer that is handed on block by block.
//!
//! Promises: packed forms go out verbatim; whatever the size of a value, the buffer holds about one block and one
//! element of it. The bytes of every value but the unordered ones are those Redis 7.0 writes for the same encoding.

use super::writer::Sink;
use super::{VERSION, VERSION_WITH_FIELD_DEADLINES, crc64, kind, node, string};
use crate::base::lzf;
use crate::base::num::parse_i64;
use crate::object::hash::Field;
use crate::object::{Container, Object};
use crate::structs::process::breathe;
use crate::structs::record::{Body, Payload};
use crate::structs::table::Entry;

/// Strings of at most so many bytes are not compressed: nothing is gained.
const COMPRESS_ABOVE_BYTES: usize = 20;
/// Bytes that compression has to save.
const COMPRESS_GAIN_BYTES: usize = 4;
/// Strings of more bytes are not compressed: it would take as much room again in one piece.
const COMPRESS_MAX_BYTES: usize = 1 << 26;
/// A string of at most so many bytes may be the text of an integer of 32 bits.
const INT_MAX_LEN: usize = 11;

/// A buffer on its way to a sink.
pub(super) struct Out<S> {
    pub(super) bytes: Vec<u8>,
    packed: Vec<u8>,
    compress: bool,
    sum: bool,
    crc: u64,
    block_bytes: usize,
    pub(super) sink: S,
    pub(super) error: Option<std::io::Error>,
}

impl<S: Sink> Out<S> {
    /// An empty buffer that is handed on from `block_bytes` on. With `sum`, its checksum is taken.
    pub(super) fn new(sink: S, compress: bool, sum: bool, block_bytes: usize) -> Out<S> {
        Out { bytes: Vec::new(), packed: Vec::new(), compress, sum, crc: 0, block_bytes, sink, error: None }
    }

    /// Hands the buffer on if it is full. To be called after each element: others may want the core meanwhile.
    #[inline]
    pub(super) fn settle(&mut self) {
        breathe();
        if self.bytes.len() >= self.block_bytes {
            self.flush();
        }
    }

    /// Hands the buffer on. After an error, it is emptied and nothing else.
    #[cold]
    pub(super) fn flush(&mut self) {
        if self.sum {
            self.crc = crc64(self.crc, &self.bytes);
        }
        let mut block = std::mem::take(&mut self.bytes);
        if self.error.is_none() {
            match self.sink.write_block(block) {
                Ok(next) => block = next,
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            }
        }
        block.clear();
        self.bytes = block;
    }

    /// The checksum of everything so far; 0 when none is taken.
    pub(super) fn checksum(&mut self) -> u64 {
        if self.sum { crc64(self.crc, &self.bytes) } else { 0 }
    }

    /// Bytes as they are, in pieces that fit blocks.
    fn raw(&mut self, bytes: &[u8]) {
        if bytes.len() < self.block_bytes {
            self.bytes.extend_from_slice(bytes);
        } else {
            for piece in bytes.chunks(self.block_bytes) {
                self.bytes.extend_from_slice(piece);
                self.settle();
            }
        }
    }

    pub(super) fn length(&mut self, len: u64) {
        match len {
            0..0x40 => self.bytes.push(len as u8),
            0x40..0x4000 => self.bytes.extend_from_slice(&[(len >> 8) as u8 | 0x40, len as u8]),
            0x4000..=0xffff_ffff => {
                self.bytes.push(0x80);
                self.bytes.extend_from_slice(&(len as u32).to_be_bytes());
            }
            _ => {
                self.bytes.push(0x81);
                self.bytes.extend_from_slice(&len.to_be_bytes());
            }
        }
    }

    /// A string in its shortest form.
    #[inline]
    pub(super) fn string(&mut self, bytes: &[u8]) {
        if bytes.len() <= INT_MAX_LEN
            && let Some(value) = parse_i64(bytes)
            && let Ok(value) = i32::try_from(value)
        {
            return self.int32(value);
        }
        if self.compress && bytes.len() > COMPRESS_ABOVE_BYTES && self.compressed(bytes) {
            return;
        }
        self.length(bytes.len() as u64);
        self.raw(bytes);
    }

    fn int32(&mut self, value: i32) {
        let wide = value.to_le_bytes();
        let (code, width) = match value {
            -0x80..=0x7f => (string::INT8, 1),
            -0x8000..=0x7fff => (string::INT16, 2),
            _ => (string::INT32, 4),
        };
        self.bytes.push(0xc0 | code);
        self.bytes.extend_from_slice(&wide[..width]);
    }

    /// Writes a string in LZF if that saves enough; whether it did.
    fn compressed(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > COMPRESS_MAX_BYTES {
            return false;
        }
        let mut packed = std::mem::take(&mut self.packed);
        let room = bytes.len() - COMPRESS_GAIN_BYTES;
        if packed.len() < room {
            packed.resize(room, 0);
        }
        let len = lzf::compress(bytes, &mut packed[..room]);
        if let Some(len) = len {
            self.bytes.push(0xc0 | string::LZF);
            self.length(len as u64);
            self.length(bytes.len() as u64);
            self.raw(&packed[..len]);
        }
        // The room of something large is not kept.
        if packed.len() <= 1 << 20 {
            self.packed = packed;
        }
        len.is_some()
    }

    fn int(&mut self, value: i64) {
        match i32::try_from(value) {
            Ok(value) => self.int32(value),
            Err(_) => self.string(itoa::Buffer::new().format(value).as_bytes()),
        }
    }

    /// A record's value, without its type byte.
    pub(super) fn value(&mut self, object: &Object) {
        match object.body() {
            Body::Int(value) => self.int(value),
            Body::Bytes(bytes) => self.string(bytes),
            Body::Payload(container) => self.container(container),
        }
    }

    #[inline]
    fn scored(&mut self, member: &[u8], score: f64) {
        self.string(member);
        self.bytes.extend_from_slice(&score.to_le_bytes());
        self.settle();
    }

    #[inline]
    fn field(&mut self, field: &Field) {
        self.string(field.key());
        self.string(field.value());
        self.settle();
    }

    fn container(&mut self, container: &Container) {
        match container {
            Container::Raw(bytes) => self.string(bytes),
            Container::ListPacked(pack) => {
                self.length(1);
                self.length(node::PACKED);
                self.string(pack.as_bytes());
            }
            Container::ListQuick(list) => {
                self.length(list.node_count() as u64);
                for chunk in list.iter_nodes() {
                    self.length(if chunk.is_plain() { node::PLAIN } else { node::PACKED });
                    self.string(chunk.bytes());
                    self.settle();
                }
            }
            Container::SetInts(ints) => self.string(ints.as_bytes()),
            Container::SetPacked(pack) => {
                self.length(pack.len() as u64);
                pack.iter().for_each(|member| self.string(member.as_str_buf(&mut [0; 24])));
            }
            Container::SetTable(table) => {
                self.length(table.len() as u64);
                table.for_each(|member| {
                    self.string(member.key());
                    self.settle();
                });
            }
            Container::SetWalk(walk) => {
                self.length(walk.len() as u64);
                walk.consume(|member| {
                    self.string(member.key());
                    self.settle();
                });
            }
            Container::HashPacked(pack) | Container::ZsetPacked(pack) => self.string(pack.as_bytes()),
            Container::HashTimed(pack) => self.timed_pack(pack),
            Container::HashTable(table) if table.len_with_deadline() > 0 => self.timed_fields(table),
            Container::HashTable(table) => {
                self.length(table.len() as u64);
                table.for_each(|field| self.field(field));
            }
            Container::HashWalk(walk) => match walk.next_deadline() {
                Some(earliest) => {
                    self.timed_head(earliest, walk.len());
                    walk.consume(|field| self.timed_field(earliest, field));
                }
                None => {
                    self.length(walk.len() as u64);
                    walk.consume(|field| self.field(field));
                }
            },
            Container::ZsetTree(scores) => {
                self.length(scores.len() as u64);
                // From the greatest down, as Redis writes them: its reader is quickest so.
                for (score, member) in scores.tree.iter_rev_from(scores.len().wrapping_sub(1)) {
                    self.scored(member.key(), score);
                }
            }
            Container::ZsetWalk(walk) => {
                self.length(walk.len() as u64);
                walk.consume(|member| self.scored(member.key(), member.score()));
            }
            Container::Stream(stream) => self.stream(stream),
        }
    }
}

/// The version that a record's value needs.
pub(super) fn version(object: &Object) -> u16 {
    match type_byte(object) {
        kind::HASH_DEADLINES | kind::HASH_LISTPACK_DEADLINES => VERSION_WITH_FIELD_DEADLINES,
        _ => VERSION,
    }
}

/// The type byte of a record's value.
pub(super) fn type_byte(object: &Object) -> u8 {
    match object.body() {
        Body::Int(_) | Body::Bytes(_) => kind::STRING,
        Body::Payload(container) => match container {
            Container::Raw(_) => kind::STRING,
            Container::ListPacked(_) | Container::ListQuick(_) => kind::LIST_QUICKLIST_2,
            Container::SetInts(_) => kind::SET_INTSET,
            Container::SetPacked(_) | Container::SetTable(_) | Container::SetWalk(_) => kind::SET,
            Container::HashPacked(_) => kind::HASH_LISTPACK,
            Container::HashTable(table) if table.len_with_deadline() > 0 => kind::HASH_DEADLINES,
            Container::HashWalk(walk) if walk.next_deadline().is_some() => kind::HASH_DEADLINES,
            Container::HashTable(_) | Container::HashWalk(_) => kind::HASH,
            Container::HashTimed(_) if container.parts_due().is_some() => kind::HASH_LISTPACK_DEADLINES,
            Container::HashTimed(_) => kind::HASH_LISTPACK,
            Container::ZsetPacked(_) => kind::ZSET_LISTPACK,
            Container::ZsetTree(_) | Container::ZsetWalk(_) => kind::ZSET_2,
            Container::Stream(_) => kind::STREAM_LISTPACKS_2,
        },
    }
}
