//! The cluster group: slots, nodes, and redirections.
//!
//! Beyond 7.0: `CLUSTER MYSHARDID`.

use super::terms::{block, integer, oneof, string, word};
use crate::command::meta::{Category, Flag, Group, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("asking", 1, Group::Cluster, "3.0.0")
        .summary("Sent by cluster clients after an -ASK redirect")
        .complexity("O(1)")
        .flags(&[Flag::Fast])
        .acl(&[Category::Fast, Category::Connection]),
    Meta::new("cluster", -2, Group::Cluster, "3.0.0")
        .summary("A container for cluster commands")
        .complexity("Depends on subcommand.")
        .acl(&[Category::Slow])
        .subcommands(&[
            Meta::new("addslots", -3, Group::Cluster, "3.0.0")
                .summary("Assign new hash slots to receiving node")
                .complexity("O(N) where N is the total number of hash slot arguments")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[integer("slot").multiple()]),
            Meta::new("addslotsrange", -4, Group::Cluster, "7.0.0")
                .summary("Assign new hash slots to receiving node")
                .complexity(
                    "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
                )
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[block("start-slot_end-slot", &[integer("start-slot"), integer("end-slot")]).multiple()]),
            Meta::new("bumpepoch", 2, Group::Cluster, "3.0.0")
                .summary("Advance the cluster config epoch")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .tips(&["nondeterministic_output"]),
            Meta::new("count-failure-reports", 3, Group::Cluster, "3.0.0")
                .summary("Return the number of failure reports active for a given node")
                .complexity("O(N) where N is the number of failure reports")
                .flags(&[Flag::Admin, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .tips(&["nondeterministic_output"])
                .params(&[string("node-id")]),
            Meta::new("countkeysinslot", 3, Group::Cluster, "3.0.0")
                .summary("Return the number of local keys in the specified hash slot")
                .complexity("O(1)")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow])
                .params(&[integer("slot")]),
            Meta::new("delslots", -3, Group::Cluster, "3.0.0")
                .summary("Set hash slots as unbound in receiving node")
                .complexity("O(N) where N is the total number of hash slot arguments")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[integer("slot").multiple()]),
            Meta::new("delslotsrange", -4, Group::Cluster, "7.0.0")
                .summary("Set hash slots as unbound in receiving node")
                .complexity(
                    "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
                )
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[block("start-slot_end-slot", &[integer("start-slot"), integer("end-slot")]).multiple()]),
            Meta::new("failover", -2, Group::Cluster, "3.0.0")
                .summary("Forces a replica to perform a manual failover of its master.")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[oneof("options", &[word("force", "FORCE"), word("takeover", "TAKEOVER")]).optional()]),
            Meta::new("flushslots", 2, Group::Cluster, "3.0.0")
                .summary("Delete a node's own slots information")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
            Meta::new("forget", 3, Group::Cluster, "3.0.0")
                .summary("Remove a node from the nodes table")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[string("node-id")]),
            Meta::new("getkeysinslot", 4, Group::Cluster, "3.0.0")
                .summary("Return local key names in the specified hash slot")
                .complexity("O(log(N)) where N is the number of requested keys")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow])
                .tips(&["nondeterministic_output"])
                .params(&[integer("slot"), integer("count")]),
            Meta::new("help", 2, Group::Cluster, "5.0.0")
                .summary("Show helpful text about the different subcommands")
                .complexity("O(1)")
                .flags(&[Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow]),
            Meta::new("info", 2, Group::Cluster, "3.0.0")
                .summary("Provides info about Redis Cluster node state")
                .complexity("O(1)")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow])
                .tips(&["nondeterministic_output"]),
            Meta::new("keyslot", 3, Group::Cluster, "3.0.0")
                .summary("Returns the hash slot of the specified key")
                .complexity("O(N) where N is the number of bytes in the key")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow])
                .params(&[string("key")]),
            Meta::new("links", 2, Group::Cluster, "7.0.0")
                .summary("Returns a list of all TCP links to and from peer nodes in cluster")
                .complexity("O(N) where N is the total number of Cluster nodes")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow])
                .tips(&["nondeterministic_output"]),
            Meta::new("meet", -4, Group::Cluster, "3.0.0")
                .summary("Force a node cluster to handshake with another node")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .history(&[("4.0.0", "Added the optional `cluster_bus_port` argument.")])
                .params(&[string("ip"), integer("port"), integer("cluster_bus_port").since("4.0.0").optional()]),
            Meta::new("myid", 2, Group::Cluster, "3.0.0")
                .summary("Return the node id")
                .complexity("O(1)")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow]),
            Meta::new("myshardid", 2, Group::Cluster, "7.2.0")
                .summary("Get the id of the shard the node belongs to")
                .complexity("O(1)")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow])
                .tips(&["nondeterministic_output"]),
            Meta::new("nodes", 2, Group::Cluster, "3.0.0")
                .summary("Get Cluster config for the node")
                .complexity("O(N) where N is the total number of Cluster nodes")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow])
                .tips(&["nondeterministic_output"]),
            Meta::new("replicas", 3, Group::Cluster, "5.0.0")
                .summary("List replica nodes of the specified master node")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .tips(&["nondeterministic_output"])
                .params(&[string("node-id")]),
            Meta::new("replicate", 3, Group::Cluster, "3.0.0")
                .summary("Reconfigure a node as a replica of the specified master node")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[string("node-id")]),
            Meta::new("reset", -2, Group::Cluster, "3.0.0")
                .summary("Reset a Redis Cluster node")
                .complexity(
                    "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.",
                )
                .flags(&[Flag::Admin, Flag::Noscript, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[oneof("hard_soft", &[word("hard", "HARD"), word("soft", "SOFT")]).optional()]),
            Meta::new("saveconfig", 2, Group::Cluster, "3.0.0")
                .summary("Forces the node to save cluster state on disk")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous]),
            Meta::new("set-config-epoch", 3, Group::Cluster, "3.0.0")
                .summary("Set the configuration epoch in a new node")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[integer("config-epoch")]),
            Meta::new("setslot", -4, Group::Cluster, "3.0.0")
                .summary("Bind a hash slot to a specific node")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale, Flag::NoAsyncLoading])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .params(&[
                    integer("slot"),
                    oneof(
                        "subcommand",
                        &[
                            string("node-id").token("IMPORTING"),
                            string("node-id").token("MIGRATING"),
                            string("node-id").token("NODE"),
                            word("stable", "STABLE"),
                        ],
                    ),
                ]),
            Meta::new("shards", 2, Group::Cluster, "7.0.0")
                .summary("Get array of cluster slots to node mappings")
                .complexity("O(N) where N is the total number of cluster nodes")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow])
                .tips(&["nondeterministic_output"]),
            Meta::new("slaves", 3, Group::Cluster, "3.0.0")
                .summary("List replica nodes of the specified master node")
                .complexity("O(1)")
                .flags(&[Flag::Admin, Flag::Stale])
                .acl(&[Category::Admin, Category::Slow, Category::Dangerous])
                .tips(&["nondeterministic_output"])
                .deprecated("5.0.0", "`CLUSTER REPLICAS`")
                .params(&[string("node-id")]),
            Meta::new("slots", 2, Group::Cluster, "3.0.0")
                .summary("Get array of Cluster slot to node mappings")
                .complexity("O(N) where N is the total number of Cluster nodes")
                .flags(&[Flag::Stale])
                .acl(&[Category::Slow])
                .tips(&["nondeterministic_output"])
                .history(&[("4.0.0", "Added node IDs."), ("7.0.0", "Added additional networking metadata field.")])
                .deprecated("7.0.0", "`CLUSTER SHARDS`"),
        ]),
    Meta::new("readonly", 1, Group::Cluster, "3.0.0")
        .summary("Enables read queries for a connection to a cluster replica node")
        .complexity("O(1)")
        .flags(&[Flag::Loading, Flag::Stale, Flag::Fast])
        .acl(&[Category::Fast, Category::Connection]),
    Meta::new("readwrite", 1, Group::Cluster, "3.0.0")
        .summary("Disables read queries for a connection to a cluster replica node")
        .complexity("O(1)")
        .flags(&[Flag::Loading, Flag::Stale, Flag::Fast])
        .acl(&[Category::Fast, Category::Connection]),
];
