//! The words the entries of the catalogue are written in: one short constructor for each type of argument, and the
//! key specs that several commands share.
//!
//! A shared key spec is named by its flags and by where its keys stand: `_AT_1` is the one argument 1, `_FROM_1` all
//! arguments from 1 on, `_COUNTED_AT_1` as many as argument 1 says. A spec that a single command has, or that carries
//! a remark, is written out in its entry.

use crate::command::meta::{KeyFlag, KeySpec, Param, ParamType};

/// A key of the key spec with this index.
pub(super) const fn key(name: &'static str, key_spec: i8) -> Param {
    Param::key(name, key_spec)
}

/// Any bytes.
pub(super) const fn string(name: &'static str) -> Param {
    Param::new(name, ParamType::String)
}

/// A whole number.
pub(super) const fn integer(name: &'static str) -> Param {
    Param::new(name, ParamType::Integer)
}

/// A number with a fraction.
pub(super) const fn double(name: &'static str) -> Param {
    Param::new(name, ParamType::Double)
}

/// A glob pattern.
pub(super) const fn pattern(name: &'static str) -> Param {
    Param::new(name, ParamType::Pattern)
}

/// A moment, in the unit the command says.
pub(super) const fn unix_time(name: &'static str) -> Param {
    Param::new(name, ParamType::UnixTime)
}

/// A word that stands for itself.
pub(super) const fn word(name: &'static str, token: &'static str) -> Param {
    Param::word(name, token)
}

/// A choice of parts.
pub(super) const fn oneof(name: &'static str, parts: &'static [Param]) -> Param {
    Param::oneof(name, parts)
}

/// A sequence of parts.
pub(super) const fn block(name: &'static str, parts: &'static [Param]) -> Param {
    Param::block(name, parts)
}

/// The key spec with a remark.
pub(super) const fn noted(spec: KeySpec, notes: &'static str) -> KeySpec {
    KeySpec { notes, ..spec }
}

/// All arguments from 1 on: no key, but routed like one.
pub(super) const NOT_KEY_FROM_1: KeySpec = KeySpec::range(&[KeyFlag::NotKey], 1, -1, 1);
/// The key at argument 1: overwritten, its data changed.
pub(super) const OW_UPDATE_AT_1: KeySpec = KeySpec::range(&[KeyFlag::OW, KeyFlag::Update], 1, 0, 1);
/// The key at argument 2: overwritten, its data changed.
pub(super) const OW_UPDATE_AT_2: KeySpec = KeySpec::range(&[KeyFlag::OW, KeyFlag::Update], 2, 0, 1);
/// All arguments from 1 on: removed, data removed from them.
pub(super) const RM_DELETE_FROM_1: KeySpec = KeySpec::range(&[KeyFlag::RM, KeyFlag::Delete], 1, -1, 1);
/// The key at argument 1: read, its data returned or used.
pub(super) const RO_ACCESS_AT_1: KeySpec = KeySpec::range(&[KeyFlag::RO, KeyFlag::Access], 1, 0, 1);
/// The key at argument 2: read, its data returned or used.
pub(super) const RO_ACCESS_AT_2: KeySpec = KeySpec::range(&[KeyFlag::RO, KeyFlag::Access], 2, 0, 1);
/// The keys counted by argument 1: read, their data returned or used.
pub(super) const RO_ACCESS_COUNTED_AT_1: KeySpec = KeySpec::keynum(&[KeyFlag::RO, KeyFlag::Access], 1);
/// The keys counted by argument 2: read, their data returned or used.
pub(super) const RO_ACCESS_COUNTED_AT_2: KeySpec = KeySpec::keynum(&[KeyFlag::RO, KeyFlag::Access], 2);
/// All arguments from 1 on: read, their data returned or used.
pub(super) const RO_ACCESS_FROM_1: KeySpec = KeySpec::range(&[KeyFlag::RO, KeyFlag::Access], 1, -1, 1);
/// All arguments from 2 on: read, their data returned or used.
pub(super) const RO_ACCESS_FROM_2: KeySpec = KeySpec::range(&[KeyFlag::RO, KeyFlag::Access], 2, -1, 1);
/// The key at argument 1: read.
pub(super) const RO_AT_1: KeySpec = KeySpec::range(&[KeyFlag::RO], 1, 0, 1);
/// The key at argument 2: read.
pub(super) const RO_AT_2: KeySpec = KeySpec::range(&[KeyFlag::RO], 2, 0, 1);
/// All arguments from 1 on: read.
pub(super) const RO_FROM_1: KeySpec = KeySpec::range(&[KeyFlag::RO], 1, -1, 1);
/// The key at argument 1: read and written, its data returned or used, data removed from it.
pub(super) const RW_ACCESS_DELETE_AT_1: KeySpec =
    KeySpec::range(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Delete], 1, 0, 1);
/// The keys counted by argument 1: read and written, their data returned or used, data removed from them.
pub(super) const RW_ACCESS_DELETE_COUNTED_AT_1: KeySpec =
    KeySpec::keynum(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Delete], 1);
/// The keys counted by argument 2: read and written, their data returned or used, data removed from them.
pub(super) const RW_ACCESS_DELETE_COUNTED_AT_2: KeySpec =
    KeySpec::keynum(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Delete], 2);
/// All arguments from 1 on but the last: read and written, their data returned or used, data removed from them.
pub(super) const RW_ACCESS_DELETE_FROM_1_BUT_LAST: KeySpec =
    KeySpec::range(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Delete], 1, -2, 1);
/// The key at argument 1: read and written, its data returned or used, its data changed.
pub(super) const RW_ACCESS_UPDATE_AT_1: KeySpec =
    KeySpec::range(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Update], 1, 0, 1);
/// The key at argument 1: read and written, data removed from it.
pub(super) const RW_DELETE_AT_1: KeySpec = KeySpec::range(&[KeyFlag::RW, KeyFlag::Delete], 1, 0, 1);
/// The key at argument 2: read and written, data removed from it.
pub(super) const RW_DELETE_AT_2: KeySpec = KeySpec::range(&[KeyFlag::RW, KeyFlag::Delete], 2, 0, 1);
/// The key at argument 1: read and written, data added to it.
pub(super) const RW_INSERT_AT_1: KeySpec = KeySpec::range(&[KeyFlag::RW, KeyFlag::Insert], 1, 0, 1);
/// The key at argument 2: read and written, data added to it.
pub(super) const RW_INSERT_AT_2: KeySpec = KeySpec::range(&[KeyFlag::RW, KeyFlag::Insert], 2, 0, 1);
/// The key at argument 1: read and written, its data changed.
pub(super) const RW_UPDATE_AT_1: KeySpec = KeySpec::range(&[KeyFlag::RW, KeyFlag::Update], 1, 0, 1);
