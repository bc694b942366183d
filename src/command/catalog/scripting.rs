//! The scripting group: scripts and function libraries.

use super::terms::{RO_ACCESS_COUNTED_AT_2, integer, key, noted, oneof, string, word};
use crate::command::meta::{Category, Flag, Group, KeyFlag, KeySpec, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("eval", -3, Group::Scripting, "2.6.0")
        .summary("Execute a Lua script server side")
        .complexity("Depends on the script that is executed.")
        .flags(&[
            Flag::Noscript,
            Flag::Stale,
            Flag::SkipMonitor,
            Flag::NoMandatoryKeys,
            Flag::Movablekeys,
            Flag::MayReplicate,
        ])
        .acl(&[Category::Slow, Category::Scripting])
        .keys(&[noted(
            KeySpec::keynum(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Update], 2),
            "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE",
        )])
        .params(&[
            string("script"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    Meta::new("eval_ro", -3, Group::Scripting, "7.0.0")
        .summary("Execute a read-only Lua script server side")
        .complexity("Depends on the script that is executed.")
        .flags(&[
            Flag::Readonly,
            Flag::Noscript,
            Flag::Stale,
            Flag::SkipMonitor,
            Flag::NoMandatoryKeys,
            Flag::Movablekeys,
        ])
        .acl(&[Category::Slow, Category::Scripting])
        .keys(&[noted(
            KeySpec::keynum(&[KeyFlag::RO, KeyFlag::Access], 2),
            "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS",
        )])
        .params(&[
            string("script"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    Meta::new("evalsha", -3, Group::Scripting, "2.6.0")
        .summary("Execute a Lua script server side")
        .complexity("Depends on the script that is executed.")
        .flags(&[
            Flag::Noscript,
            Flag::Stale,
            Flag::SkipMonitor,
            Flag::NoMandatoryKeys,
            Flag::Movablekeys,
            Flag::MayReplicate,
        ])
        .acl(&[Category::Slow, Category::Scripting])
        .keys(&[KeySpec::keynum(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Update], 2)])
        .params(&[
            string("sha1"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    Meta::new("evalsha_ro", -3, Group::Scripting, "7.0.0")
        .summary("Execute a read-only Lua script server side")
        .complexity("Depends on the script that is executed.")
        .flags(&[
            Flag::Readonly,
            Flag::Noscript,
            Flag::Stale,
            Flag::SkipMonitor,
            Flag::NoMandatoryKeys,
            Flag::Movablekeys,
        ])
        .acl(&[Category::Slow, Category::Scripting])
        .keys(&[RO_ACCESS_COUNTED_AT_2])
        .params(&[
            string("sha1"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    Meta::new("fcall", -3, Group::Scripting, "7.0.0")
        .summary("Invoke a function")
        .complexity("Depends on the function that is executed.")
        .flags(&[
            Flag::Noscript,
            Flag::Stale,
            Flag::SkipMonitor,
            Flag::NoMandatoryKeys,
            Flag::Movablekeys,
            Flag::MayReplicate,
        ])
        .acl(&[Category::Slow, Category::Scripting])
        .keys(&[noted(
            KeySpec::keynum(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Update], 2),
            "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE",
        )])
        .params(&[
            string("function"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    Meta::new("fcall_ro", -3, Group::Scripting, "7.0.0")
        .summary("Invoke a read-only function")
        .complexity("Depends on the function that is executed.")
        .flags(&[
            Flag::Readonly,
            Flag::Noscript,
            Flag::Stale,
            Flag::SkipMonitor,
            Flag::NoMandatoryKeys,
            Flag::Movablekeys,
        ])
        .acl(&[Category::Slow, Category::Scripting])
        .keys(&[noted(
            KeySpec::keynum(&[KeyFlag::RO, KeyFlag::Access], 2),
            "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS",
        )])
        .params(&[
            string("function"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    Meta::new("function", -2, Group::Scripting, "7.0.0")
        .summary("A container for function commands")
        .complexity("Depends on subcommand.")
        .acl(&[Category::Slow])
        .subcommands(&[
            Meta::new("delete", 3, Group::Scripting, "7.0.0")
                .summary("Delete a function by name")
                .complexity("O(1)")
                .flags(&[Flag::Write, Flag::Noscript])
                .acl(&[Category::Write, Category::Slow, Category::Scripting])
                .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
                .params(&[string("library-name")]),
            Meta::new("dump", 2, Group::Scripting, "7.0.0")
                .summary("Dump all functions into a serialized binary payload")
                .complexity("O(N) where N is the number of functions")
                .flags(&[Flag::Noscript])
                .acl(&[Category::Slow, Category::Scripting]),
            Meta::new("flush", -2, Group::Scripting, "7.0.0")
                .summary("Deleting all functions")
                .complexity("O(N) where N is the number of functions deleted")
                .flags(&[Flag::Write, Flag::Noscript])
                .acl(&[Category::Write, Category::Slow, Category::Scripting])
                .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
                .params(&[oneof("async", &[word("async", "ASYNC"), word("sync", "SYNC")]).optional()]),
            Meta::new("help", 2, Group::Scripting, "7.0.0")
                .summary("Show helpful text about the different subcommands")
                .complexity("O(1)")
                .flags(&[Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Scripting]),
            Meta::new("kill", 2, Group::Scripting, "7.0.0")
                .summary("Kill the function currently in execution.")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::AllowBusy])
                .acl(&[Category::Slow, Category::Scripting])
                .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
            Meta::new("list", -2, Group::Scripting, "7.0.0")
                .summary("List information about all the functions")
                .complexity("O(N) where N is the number of functions")
                .flags(&[Flag::Noscript])
                .acl(&[Category::Slow, Category::Scripting])
                .tips(&["nondeterministic_output_order"])
                .params(&[
                    string("library-name-pattern").token("LIBRARYNAME").optional(),
                    word("withcode", "WITHCODE").optional(),
                ]),
            Meta::new("load", -3, Group::Scripting, "7.0.0")
                .summary("Create a function with the given arguments (name, code, description)")
                .complexity("O(1) (considering compilation time is redundant)")
                .flags(&[Flag::Write, Flag::Denyoom, Flag::Noscript])
                .acl(&[Category::Write, Category::Slow, Category::Scripting])
                .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
                .params(&[word("replace", "REPLACE").optional(), string("function-code")]),
            Meta::new("restore", -3, Group::Scripting, "7.0.0")
                .summary("Restore all the functions on the given payload")
                .complexity("O(N) where N is the number of functions on the payload")
                .flags(&[Flag::Write, Flag::Denyoom, Flag::Noscript])
                .acl(&[Category::Write, Category::Slow, Category::Scripting])
                .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
                .params(&[
                    string("serialized-value"),
                    oneof("policy", &[word("flush", "FLUSH"), word("append", "APPEND"), word("replace", "REPLACE")])
                        .optional(),
                ]),
            Meta::new("stats", 2, Group::Scripting, "7.0.0")
                .summary("Return information about the function currently running (name, description, duration)")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::AllowBusy])
                .acl(&[Category::Slow, Category::Scripting])
                .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
        ]),
    Meta::new("script", -2, Group::Scripting, "2.6.0")
        .summary("A container for Lua scripts management commands")
        .complexity("Depends on subcommand.")
        .acl(&[Category::Slow])
        .subcommands(&[
            Meta::new("debug", 3, Group::Scripting, "3.2.0")
                .summary("Set the debug mode for executed scripts.")
                .complexity("O(1)")
                .flags(&[Flag::Noscript])
                .acl(&[Category::Slow, Category::Scripting])
                .params(&[oneof("mode", &[word("yes", "YES"), word("sync", "SYNC"), word("no", "NO")])]),
            Meta::new("exists", -3, Group::Scripting, "2.6.0")
                .summary("Check existence of scripts in the script cache.")
                .complexity(
                    "O(N) with N being the number of scripts to check (so checking a single script is an O(1) \
                     operation).",
                )
                .flags(&[Flag::Noscript])
                .acl(&[Category::Slow, Category::Scripting])
                .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
                .params(&[string("sha1").multiple()]),
            Meta::new("flush", -2, Group::Scripting, "2.6.0")
                .summary("Remove all the scripts from the script cache.")
                .complexity("O(N) with N being the number of scripts in cache")
                .flags(&[Flag::Noscript])
                .acl(&[Category::Slow, Category::Scripting])
                .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
                .history(&[("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers.")])
                .params(&[oneof("async", &[word("async", "ASYNC"), word("sync", "SYNC")]).since("6.2.0").optional()]),
            Meta::new("help", 2, Group::Scripting, "5.0.0")
                .summary("Show helpful text about the different subcommands")
                .complexity("O(1)")
                .flags(&[Flag::Loading, Flag::Stale])
                .acl(&[Category::Slow, Category::Scripting]),
            Meta::new("kill", 2, Group::Scripting, "2.6.0")
                .summary("Kill the script currently in execution.")
                .complexity("O(1)")
                .flags(&[Flag::Noscript, Flag::AllowBusy])
                .acl(&[Category::Slow, Category::Scripting])
                .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
            Meta::new("load", 3, Group::Scripting, "2.6.0")
                .summary("Load the specified Lua script into the script cache.")
                .complexity("O(N) with N being the length in bytes of the script body.")
                .flags(&[Flag::Noscript, Flag::Stale])
                .acl(&[Category::Slow, Category::Scripting])
                .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
                .params(&[string("script")]),
        ]),
];
