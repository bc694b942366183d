//! The transactions group: `MULTI`, `EXEC` and the keys they watch.

use super::terms::{RO_FROM_1, key};
use crate::command::meta::{Category, Flag, Group, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("discard", 1, Group::Transactions, "2.0.0")
        .summary("Discard all commands issued after MULTI")
        .complexity("O(N), when N is the number of queued commands")
        .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::AllowBusy])
        .acl(&[Category::Fast, Category::Transaction]),
    Meta::new("exec", 1, Group::Transactions, "1.2.0")
        .summary("Execute all commands issued after MULTI")
        .complexity("Depends on commands in the transaction")
        .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::SkipSlowlog])
        .acl(&[Category::Slow, Category::Transaction]),
    Meta::new("multi", 1, Group::Transactions, "1.2.0")
        .summary("Mark the start of a transaction block")
        .complexity("O(1)")
        .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::AllowBusy])
        .acl(&[Category::Fast, Category::Transaction]),
    Meta::new("unwatch", 1, Group::Transactions, "2.2.0")
        .summary("Forget about all watched keys")
        .complexity("O(1)")
        .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::AllowBusy])
        .acl(&[Category::Fast, Category::Transaction]),
    Meta::new("watch", -2, Group::Transactions, "2.2.0")
        .summary("Watch the given keys to determine execution of the MULTI/EXEC block")
        .complexity("O(1) for every key.")
        .flags(&[Flag::Noscript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::AllowBusy])
        .acl(&[Category::Fast, Category::Transaction])
        .keys(&[RO_FROM_1])
        .params(&[key("key", 0).multiple()]),
];
