//! The rows of the directive table, a file per section of the example configuration.
//!
//! Owns the list of sections and nothing else. The order here, the order of rows in a section and the order of `Key`
//! are the same; `table.rs` proves it while compiling.

pub(super) mod clients;
pub(super) mod cluster;
pub(super) mod diagnostics;
pub(super) mod encodings;
pub(super) mod general;
pub(super) mod memory;
pub(super) mod network;
pub(super) mod persistence;
pub(super) mod replication;
pub(super) mod security;

use super::table::Section;

/// All sections in the order of `Key`.
pub(super) const SECTIONS: &[Section] = &[
    network::SECTION,
    general::SECTION,
    memory::SECTION,
    encodings::SECTION,
    clients::SECTION,
    diagnostics::SECTION,
    persistence::SECTION,
    replication::SECTION,
    cluster::SECTION,
    security::SECTION,
];
