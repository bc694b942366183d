//! The value types and their encodings: one file a type, and the thresholds that move a value from its small
//! encoding to its large one. Knows neither key names, expiry nor replies.
//!
//! An [`Object`] is the key's record: key bytes, optional deadline, access clock, and the value, which is an integer,
//! bytes inline, or a [`Container`]. Every type but the string is a transparent newtype over `Container`, so a
//! `&mut List` is the record's own container, converted in place when it outgrows its encoding. All containers clone
//! in constant time (copy on write), so a snapshot of the keyspace holds whole values for the price of a pointer.

pub mod digest;
pub mod hash;
pub mod limits;
pub mod list;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod text;

pub use hash::Hash;
pub use limits::Limits;
pub use list::List;
pub use set::Set;
pub use sorted_set::SortedSet;
pub use stream::Stream;
pub use text::Text;

use crate::structs::intset::IntSet;
use crate::structs::listpack::Listpack;
use crate::structs::quicklist::Quicklist;
use crate::structs::record::{Body, NewBody, Payload, Record};
use crate::structs::table::{PassedOnce, Table};
use triomphe::Arc;

/// A key with its value: one entry of a database.
pub type Object = Record<Container>;

/// A value that is not stored inline in its key's record, in one of its encodings.
#[derive(Clone)]
pub enum Container {
    /// A string that is edited in place (after APPEND, SETRANGE, SETBIT) or is too long to be inline.
    Raw(Arc<Vec<u8>>),
    /// A list in one packed block.
    ListPacked(Listpack),
    /// A list as a sequence of packed blocks.
    ListQuick(Box<Quicklist>),
    /// A set of integers.
    SetInts(IntSet),
    /// A small set.
    SetPacked(Listpack),
    /// A large set.
    SetTable(Box<Table<set::Member>>),
    /// A large set as a snapshot has it that is changed meanwhile. Never under a key.
    SetWalk(PassedOnce<set::Member>),
    /// A small hash: field, value, field, value.
    HashPacked(Listpack),
    /// A large hash.
    HashTable(Box<Table<hash::Field>>),
    /// A large hash as a snapshot has it that is changed meanwhile. Never under a key.
    HashWalk(PassedOnce<hash::Field>),
    /// A small hash of which some field has, or had, a deadline: field, value, deadline.
    HashTimed(Listpack),
    /// A small sorted set: member, score, in score order.
    ZsetPacked(Listpack),
    /// A large sorted set.
    ZsetTree(Box<sorted_set::Scores>),
    /// A large sorted set as a snapshot has it that is changed meanwhile, in any order. Never under a key.
    ZsetWalk(PassedOnce<sorted_set::Scored>),
    /// A stream.
    Stream(Box<Stream>),
}

/// A value's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Stream,
}

impl Kind {
    /// The name TYPE answers.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Hash => "hash",
            Kind::Stream => "stream",
        }
    }
}

/// A type whose values live in a [`Container`]: the bridge between `db.edit::<List>(key)` and the record.
pub trait Typed: Sized {
    /// The type.
    const KIND: Kind;
    /// The container as this type, if it is.
    fn of(container: &Container) -> Option<&Self>;
    /// The container as this type, to be changed.
    fn of_mut(container: &mut Container) -> Option<&mut Self>;
    /// The container of an owned value.
    fn into_container(self) -> Container;
    /// Whether nothing is in it (an empty value is deleted with its key).
    fn is_empty(&self) -> bool;
}

impl Container {
    /// The type.
    pub fn kind(&self) -> Kind {
        match self {
            Container::Raw(_) => Kind::String,
            Container::ListPacked(_) | Container::ListQuick(_) => Kind::List,
            Container::SetInts(_) | Container::SetPacked(_) | Container::SetTable(_) | Container::SetWalk(_) => {
                Kind::Set
            }
            Container::HashPacked(_) | Container::HashTable(_) | Container::HashTimed(_) | Container::HashWalk(_) => {
                Kind::Hash
            }
            Container::ZsetPacked(_) | Container::ZsetTree(_) | Container::ZsetWalk(_) => Kind::SortedSet,
            Container::Stream(_) => Kind::Stream,
        }
    }

    /// Number of allocations it takes to free the value, roughly: what decides whether it is dropped here or handed
    /// to the reclaim thread.
    pub fn weight(&self) -> usize {
        match self {
            Container::ListQuick(list) => list.node_count(),
            Container::SetTable(table) => table.len(),
            Container::HashTable(table) => table.len(),
            Container::SetWalk(walk) => walk.len(),
            Container::HashWalk(walk) => walk.len(),
            Container::ZsetWalk(walk) => walk.len(),
            Container::ZsetTree(scores) => scores.len(),
            Container::Stream(stream) => stream.weight(),
            _ => 1,
        }
    }

    /// Bytes on the heap. For the large encodings of set, hash and sorted set, `samples` entries are measured and the
    /// rest extrapolated (0: all of them), as MEMORY USAGE promises.
    pub fn alloc_bytes(&self, samples: usize) -> usize {
        match self {
            Container::Raw(bytes) => 40 + bytes.capacity(),
            Container::ListPacked(pack) | Container::SetPacked(pack) => pack.alloc_bytes(),
            Container::HashPacked(pack) | Container::HashTimed(pack) | Container::ZsetPacked(pack) => {
                pack.alloc_bytes()
            }
            Container::SetInts(ints) => ints.alloc_bytes(),
            Container::ListQuick(list) => size_of::<Quicklist>() + list.alloc_bytes(),
            Container::SetTable(table) => {
                size_of_val(&**table)
                    + table.alloc_bytes()
                    + sampled(table.len(), samples, table.iter().map(|m| m.0.alloc_bytes()))
            }
            Container::HashTable(table) => {
                size_of_val(&**table)
                    + table.alloc_bytes()
                    + sampled(table.len(), samples, table.iter().map(|f| f.alloc_bytes()))
            }
            Container::ZsetTree(scores) => scores.alloc_bytes(samples),
            Container::Stream(stream) => stream.alloc_bytes(samples),
            // What the table holds is the table's.
            Container::SetWalk(_) | Container::HashWalk(_) | Container::ZsetWalk(_) => 0,
        }
    }
}

impl Payload for Container {
    #[inline]
    fn parts_due(&self) -> Option<u64> {
        match self {
            Container::HashTable(_) | Container::HashTimed(_) => Hash::of(self)?.next_due(),
            _ => None,
        }
    }

    fn put_by(&mut self) -> Option<Container> {
        match self {
            Container::SetTable(table) if table.len() >= WALKED_LEN => Some(Container::SetWalk(table.walk().into())),
            Container::HashTable(table) if table.len() >= WALKED_LEN => Some(Container::HashWalk(table.walk().into())),
            Container::ZsetTree(scores) if scores.len() >= WALKED_LEN => {
                Some(Container::ZsetWalk(scores.table.walk().into()))
            }
            _ => None,
        }
    }
}

/// Tables of at least this length are changed in place beside a snapshot: less is copied soon enough, leaf by leaf.
const WALKED_LEN: usize = 1024;

/// The sum of all sizes, extrapolated from the first `samples` of `len` (0: all are added).
pub(crate) fn sampled(len: usize, samples: usize, sizes: impl Iterator<Item = usize>) -> usize {
    if samples == 0 || samples >= len {
        return sizes.sum();
    }
    let sum: usize = sizes.take(samples).sum();
    (sum as f64 / samples as f64 * len as f64) as usize
}

/// The type of a record's value.
#[inline]
pub fn kind(object: &Object) -> Kind {
    match object.body() {
        Body::Int(_) | Body::Bytes(_) => Kind::String,
        Body::Payload(container) => container.kind(),
    }
}

/// Longest string whose encoding is called `embstr`, in bytes.
pub const EMBSTR_MAX_BYTES: usize = 44;

/// The encoding's name as OBJECT ENCODING of Redis 7.0 gives it for a value of this content. Small lists are
/// quicklists of one block, and small sets that are no integers are packed here although the name is `hashtable`.
pub fn encoding_name(object: &Object) -> &'static str {
    match object.body() {
        Body::Int(_) => "int",
        Body::Bytes(bytes) if bytes.len() <= EMBSTR_MAX_BYTES => "embstr",
        Body::Bytes(_) => "raw",
        Body::Payload(container) => match container {
            Container::Raw(_) => "raw",
            Container::ListPacked(_) | Container::ListQuick(_) => "quicklist",
            Container::SetInts(_) => "intset",
            Container::SetPacked(_) | Container::SetTable(_) | Container::SetWalk(_) => "hashtable",
            Container::HashPacked(_) => "listpack",
            Container::HashTable(_) | Container::HashWalk(_) => "hashtable",
            Container::HashTimed(_) => "listpackex",
            Container::ZsetPacked(_) => "listpack",
            Container::ZsetTree(_) | Container::ZsetWalk(_) => "skiplist",
            Container::Stream(_) => "stream",
        },
    }
}

/// Bytes of a record and its value on the heap; see [`Container::alloc_bytes`] for `samples`.
pub fn memory_usage(object: &Object, samples: usize) -> usize {
    object.alloc_bytes()
        + match object.body() {
            Body::Payload(container) => container.alloc_bytes(samples),
            _ => 0,
        }
}

/// A value to be stored under a key.
pub enum Value<'a> {
    /// String bytes; become an integer when they are the canonical form of one.
    Bytes(&'a [u8]),
    /// String bytes that stay bytes even when they are the form of an integer.
    Literal(&'a [u8]),
    /// A string that is an integer.
    Int(i64),
    /// Anything else.
    Container(Container),
}

impl<'a> Value<'a> {
    /// The record body for the value, in the encoding its content asks for.
    pub fn into_body(self) -> NewBody<'a, Container> {
        match self {
            Value::Bytes(bytes) => text::body(bytes),
            Value::Literal(bytes) => text::literal_body(bytes),
            Value::Int(value) => NewBody::Int(value),
            Value::Container(container) => NewBody::Payload(container),
        }
    }
}
