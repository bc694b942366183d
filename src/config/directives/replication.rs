//! Directives: replication. Following a primary and serving replicas.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{INT_MAX, LONG_MAX, ListKind, Section, choice, int, list, memory, nullable, yes_no};

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "Replication",
    intro: "Following a primary and serving replicas.",
    rows: &[
        list(Key::Replicaof, "replicaof", ListKind::ReplicaOf, "")
            .immutable()
            .alias("slaveof")
            .works("Host and port of the primary to follow."),
        nullable(Key::Masterauth, "masterauth").secret().works("Password for the primary."),
        nullable(Key::Masteruser, "masteruser").secret().works("User name for the primary."),
        yes_no(Key::ReplicaServeStaleData, "replica-serve-stale-data", "yes")
            .alias("slave-serve-stale-data")
            .works("Lets a replica answer reads while it has lost its primary."),
        yes_no(Key::ReplicaReadOnly, "replica-read-only", "yes")
            .alias("slave-read-only")
            .works("Refuses writes by clients on a replica."),
        yes_no(Key::ReplicaLazyFlush, "replica-lazy-flush", "no")
            .alias("slave-lazy-flush")
            .no_meaning("Old data goes in the background in any case, when all of the new is there."),
        yes_no(Key::ReplicaIgnoreMaxmemory, "replica-ignore-maxmemory", "yes")
            .alias("slave-ignore-maxmemory")
            .works("Leaves eviction on a replica to its primary."),
        yes_no(Key::ReplicaIgnoreDiskWriteErrors, "replica-ignore-disk-write-errors", "no")
            .works("Lets a replica go on when it cannot write to disk."),
        int(Key::ReplicaPriority, "replica-priority", 0, INT_MAX, "100")
            .alias("slave-priority")
            .works("Rank among replicas at a failover, the lowest first; 0 is never promoted."),
        yes_no(Key::ReplicaAnnounced, "replica-announced", "yes").works("Lets Sentinel list this replica."),
        nullable(Key::ReplicaAnnounceIp, "replica-announce-ip")
            .alias("slave-announce-ip")
            .works("Address this replica gives to its primary."),
        int(Key::ReplicaAnnouncePort, "replica-announce-port", 0, 65_535, "0")
            .alias("slave-announce-port")
            .works("Port this replica gives to its primary; 0 gives its own."),
        yes_no(Key::ReplDisklessSync, "repl-diskless-sync", "yes")
            .works("Sends snapshots to replicas without telling their length, where they understand that; otherwise each is made twice. No file is made in either case."),
        int(Key::ReplDisklessSyncDelay, "repl-diskless-sync-delay", 0, INT_MAX, "5")
            .works("Seconds to wait for more replicas before such a transfer starts."),
        int(Key::ReplDisklessSyncMaxReplicas, "repl-diskless-sync-max-replicas", 0, INT_MAX, "0")
            .works("Waiting replicas at which the transfer starts at once; 0 sets no number."),
        choice(Key::ReplDisklessLoad, "repl-diskless-load", &["disabled", "on-empty-db", "swapdb"], "disabled")
            .works("What clients are told while a replica loads a snapshot. New data is always built beside the old, from the network, and takes its place when it is whole: with `disabled` the old data is served while it comes; with `on-empty-db` and `swapdb` clients are told that it loads, unless `swapdb` finds it of the same history."),
        yes_no(Key::ReplDisableTcpNodelay, "repl-disable-tcp-nodelay", "no")
            .works("Sends the stream in fewer, later packets."),
        int(Key::ReplPingReplicaPeriod, "repl-ping-replica-period", 1, INT_MAX, "10")
            .alias("repl-ping-slave-period")
            .works("Seconds between pings to replicas."),
        int(Key::ReplTimeout, "repl-timeout", 1, INT_MAX, "60")
            .works("Seconds of silence after which a replication link is broken."),
        memory(Key::ReplBacklogSize, "repl-backlog-size", 1, LONG_MAX, "1048576")
            .works("Bytes of the stream kept for replicas that come back."),
        int(Key::ReplBacklogTtl, "repl-backlog-ttl", 0, LONG_MAX, "3600")
            .works("Seconds without replicas after which the backlog is freed; 0 never."),
        int(Key::MinReplicasToWrite, "min-replicas-to-write", 0, INT_MAX, "0")
            .alias("min-slaves-to-write")
            .works("Replicas that must be in step for writes to be taken; 0 asks for none."),
        int(Key::MinReplicasMaxLag, "min-replicas-max-lag", 0, INT_MAX, "10")
            .alias("min-slaves-max-lag")
            .works("Seconds of silence up to which a replica counts as in step; 0 asks for no replicas at all."),
    ],
};
