//! Directives: cluster. Sharding over several nodes.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{INT_MAX, LONG_MAX, Section, ULONG_MAX, choice, int, memory, nullable, text, yes_no};

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "Cluster",
    intro: "Sharding over several nodes.",
    rows: &[
        yes_no(Key::ClusterEnabled, "cluster-enabled", "no")
            .immutable()
            .works("Only no: cluster mode is not there yet, and with yes the server does not start."),
        text(Key::ClusterConfigFile, "cluster-config-file", "nodes.conf")
            .immutable()
            .not_yet("File in which a node keeps what it knows of the cluster; the server writes it."),
        int(Key::ClusterPort, "cluster-port", 0, 65_535, "0")
            .immutable()
            .not_yet("Port of the bus between nodes; 0 means the client port plus 10000."),
        int(Key::ClusterNodeTimeout, "cluster-node-timeout", 0, LONG_MAX, "15000")
            .not_yet("Milliseconds after which a silent node is suspected."),
        int(Key::ClusterReplicaValidityFactor, "cluster-replica-validity-factor", 0, INT_MAX, "10")
            .alias("cluster-slave-validity-factor")
            .not_yet(
                "How old, in node timeouts, a replica's data may be for it to stand for election; 0 \
                 takes any age.",
            ),
        yes_no(Key::ClusterReplicaNoFailover, "cluster-replica-no-failover", "no")
            .alias("cluster-slave-no-failover")
            .not_yet("Keeps this replica from standing for election."),
        int(Key::ClusterMigrationBarrier, "cluster-migration-barrier", 0, INT_MAX, "1")
            .not_yet("Replicas a primary keeps before one may move to another primary."),
        yes_no(Key::ClusterAllowReplicaMigration, "cluster-allow-replica-migration", "yes")
            .not_yet("Lets replicas move to primaries that have none."),
        yes_no(Key::ClusterRequireFullCoverage, "cluster-require-full-coverage", "yes")
            .not_yet("Stops serving while any slot has no node."),
        yes_no(Key::ClusterAllowReadsWhenDown, "cluster-allow-reads-when-down", "no")
            .not_yet("Answers reads while the cluster is down."),
        yes_no(Key::ClusterAllowPubsubshardWhenDown, "cluster-allow-pubsubshard-when-down", "yes")
            .not_yet("Serves sharded channels while the cluster is down."),
        memory(Key::ClusterLinkSendbufLimit, "cluster-link-sendbuf-limit", 0, ULONG_MAX, "0")
            .not_yet("Bytes that may wait on one bus link before it is dropped; 0 sets no limit."),
        nullable(Key::ClusterAnnounceIp, "cluster-announce-ip").not_yet("Address this node gives to others."),
        int(Key::ClusterAnnouncePort, "cluster-announce-port", 0, 65_535, "0")
            .not_yet("Client port this node gives to others; 0 gives its own."),
        int(Key::ClusterAnnounceTlsPort, "cluster-announce-tls-port", 0, 65_535, "0")
            .not_yet("TLS client port this node gives to others; 0 gives its own."),
        int(Key::ClusterAnnounceBusPort, "cluster-announce-bus-port", 0, 65_535, "0")
            .not_yet("Bus port this node gives to others; 0 gives its own."),
        nullable(Key::ClusterAnnounceHostname, "cluster-announce-hostname")
            .not_yet("Host name this node gives to others."),
        choice(
            Key::ClusterPreferredEndpointType,
            "cluster-preferred-endpoint-type",
            &["ip", "hostname", "unknown-endpoint"],
            "ip",
        )
        .not_yet("What redirections name: the address, the host name, or nothing."),
    ],
};
