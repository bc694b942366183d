//! Directives: clients. What one client may use, and what clients can be told.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{LONG_MAX, ListKind, Section, UINT_MAX, int, list, memory};

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "Clients",
    intro: "What one client may use, and what clients can be told.",
    rows: &[
        int(Key::Maxclients, "maxclients", 1, UINT_MAX, "10000").works("Clients that may be connected at once."),
        list(
            Key::ClientOutputBufferLimit,
            "client-output-buffer-limit",
            ListKind::OutputBufferLimits,
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        )
        .works(
            "Per class of client: hard limit, soft limit, and seconds above the soft limit before \
                 it is disconnected; 0 sets no limit.",
        ),
        memory(Key::ClientQueryBufferLimit, "client-query-buffer-limit", 1_048_576, LONG_MAX, "1073741824")
            .works("Bytes of one unfinished request that are kept before the client is disconnected."),
        memory(Key::ProtoMaxBulkLen, "proto-max-bulk-len", 1_048_576, LONG_MAX, "536870912")
            .works("Largest single argument of a request, in bytes; also the longest string value."),
        list(Key::NotifyKeyspaceEvents, "notify-keyspace-events", ListKind::NotifyEvents, "").works(
            "Which key-space events are published: K and/or E, then classes from g$lshzxetdmn, or A \
                 for the usual ones.",
        ),
        int(Key::TrackingTableMaxKeys, "tracking-table-max-keys", 0, LONG_MAX, "1000000")
            .works("Keys remembered for client-side caching; 0 sets no limit."),
    ],
};
