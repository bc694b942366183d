//! Data commands, one file per family. A handler sees its [`DataCx`](crate::command::DataCx) and nothing else: it
//! checks everything before it touches a key, changes values in place, and tells the keyspace's log what changed.

pub mod bitmaps;
pub mod dump;
mod elements;
pub mod geo;
pub mod hashes;
pub mod hyperloglogs;
pub mod keys;
pub mod lists;
pub mod sets;
pub mod sort;
pub mod sorted_sets;
pub mod streams;
pub mod strings;
#[cfg(test)]
pub mod testing;

use crate::command::{Bound, DataHandler};

/// All families' tables.
pub const ALL: [&[Bound<DataHandler>]; 12] = [
    strings::COMMANDS,
    lists::COMMANDS,
    sets::COMMANDS,
    sorted_sets::COMMANDS,
    hashes::COMMANDS,
    streams::COMMANDS,
    keys::COMMANDS,
    sort::COMMANDS,
    bitmaps::COMMANDS,
    hyperloglogs::COMMANDS,
    geo::COMMANDS,
    dump::COMMANDS,
];
