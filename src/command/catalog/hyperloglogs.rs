//! The hyperloglog group: approximate counting of distinct elements.

use super::terms::{RO_ACCESS_FROM_2, RW_INSERT_AT_1, key, noted, string};
use crate::command::meta::{Category, Flag, Group, KeyFlag, KeySpec, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("pfadd", -2, Group::HyperLogLog, "2.8.9")
        .summary("Adds the specified elements to the specified HyperLogLog.")
        .complexity("O(1) to add every element.")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::HyperLogLog, Category::Fast])
        .keys(&[RW_INSERT_AT_1])
        .params(&[key("key", 0), string("element").optional().multiple()]),
    Meta::new("pfcount", -2, Group::HyperLogLog, "2.8.9")
        .summary("Return the approximated cardinality of the set(s) observed by the HyperLogLog at key(s).")
        .complexity(
            "O(1) with a very small average constant time when called with a single key. O(N) with N being the number \
             of keys, and much bigger constant times, when called with multiple keys.",
        )
        .flags(&[Flag::Readonly, Flag::MayReplicate])
        .acl(&[Category::Read, Category::HyperLogLog, Category::Slow])
        .keys(&[noted(
            KeySpec::range(&[KeyFlag::RW, KeyFlag::Access], 1, -1, 1),
            "RW because it may change the internal representation of the key, and propagate to replicas",
        )])
        .params(&[key("key", 0).multiple()]),
    Meta::new("pfdebug", 3, Group::HyperLogLog, "2.8.9")
        .summary("Internal commands for debugging HyperLogLog values")
        .complexity("N/A")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Admin])
        .acl(&[Category::Write, Category::HyperLogLog, Category::Admin, Category::Slow, Category::Dangerous])
        .keys(&[KeySpec::range(&[KeyFlag::RW, KeyFlag::Access], 2, 0, 1)])
        .doc_flags(&["syscmd"])
        .params(&[string("subcommand"), key("key", 0)]),
    Meta::new("pfmerge", -2, Group::HyperLogLog, "2.8.9")
        .summary("Merge N different HyperLogLogs into a single one.")
        .complexity("O(N) to merge N HyperLogLogs, but with high constant times.")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::HyperLogLog, Category::Slow])
        .keys(&[KeySpec::range(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Insert], 1, 0, 1), RO_ACCESS_FROM_2])
        .params(&[key("destkey", 0), key("sourcekey", 1).multiple()]),
    Meta::new("pfselftest", 1, Group::HyperLogLog, "2.8.9")
        .summary("An internal command for testing HyperLogLog values")
        .complexity("N/A")
        .flags(&[Flag::Admin])
        .acl(&[Category::HyperLogLog, Category::Admin, Category::Slow, Category::Dangerous])
        .doc_flags(&["syscmd"]),
];
