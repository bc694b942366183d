//! The hash group: fields of a key, and the deadlines of single fields.
//!
//! Beyond 7.0: all commands with field deadlines (`HEXPIRE` and its like, `HGETEX`, `HSETEX`) and `HGETDEL`.

use super::terms::{
    RO_ACCESS_AT_1, RO_AT_1, RW_ACCESS_DELETE_AT_1, RW_ACCESS_UPDATE_AT_1, RW_DELETE_AT_1, RW_INSERT_AT_1,
    RW_UPDATE_AT_1, block, double, integer, key, noted, oneof, pattern, string, unix_time, word,
};
use crate::command::meta::{Category, Flag, Group, KeyFlag, KeySpec, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("hdel", -3, Group::Hash, "2.0.0")
        .summary("Delete one or more hash fields")
        .complexity("O(N) where N is the number of fields to be removed.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_DELETE_AT_1])
        .history(&[("2.4.0", "Accepts multiple `field` arguments.")])
        .params(&[key("key", 0), string("field").multiple()]),
    Meta::new("hexists", 3, Group::Hash, "2.0.0")
        .summary("Determine if a hash field exists")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Hash, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0), string("field")]),
    Meta::new("hexpire", -6, Group::Hash, "7.4.0")
        .summary("Give fields of a hash a time to live in seconds")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[
            key("key", 0),
            integer("seconds"),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")]).optional(),
            block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS"),
        ]),
    Meta::new("hexpireat", -6, Group::Hash, "7.4.0")
        .summary("Give fields of a hash a deadline as a Unix time in seconds")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[
            key("key", 0),
            unix_time("unix-time-seconds"),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")]).optional(),
            block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS"),
        ]),
    Meta::new("hexpiretime", -5, Group::Hash, "7.4.0")
        .summary("Tell the deadlines of fields of a hash as Unix times in seconds")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Hash, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS")]),
    Meta::new("hget", 3, Group::Hash, "2.0.0")
        .summary("Get the value of a hash field")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Hash, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), string("field")]),
    Meta::new("hgetall", 2, Group::Hash, "2.0.0")
        .summary("Get all the fields and values in a hash")
        .complexity("O(N) where N is the size of the hash.")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Hash, Category::Slow])
        .tips(&["nondeterministic_output_order"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("hgetdel", -5, Group::Hash, "8.0.0")
        .summary("Get the values of fields of a hash and delete the fields")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_ACCESS_DELETE_AT_1])
        .params(&[key("key", 0), block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS")]),
    Meta::new("hgetex", -5, Group::Hash, "8.0.0")
        .summary("Get the values of fields of a hash and optionally set or remove their deadlines")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[noted(
            KeySpec::range(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Update], 1, 0, 1),
            "Written to only when a deadline is set or removed",
        )])
        .params(&[
            key("key", 0),
            oneof(
                "expiration",
                &[
                    integer("seconds").token("EX"),
                    integer("milliseconds").token("PX"),
                    unix_time("unix-time-seconds").token("EXAT"),
                    unix_time("unix-time-milliseconds").token("PXAT"),
                    word("persist", "PERSIST"),
                ],
            )
            .optional(),
            block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS"),
        ]),
    Meta::new("hincrby", 4, Group::Hash, "2.0.0")
        .summary("Increment the integer value of a hash field by the given number")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0), string("field"), integer("increment")]),
    Meta::new("hincrbyfloat", 4, Group::Hash, "2.6.0")
        .summary("Increment the float value of a hash field by the given amount")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0), string("field"), double("increment")]),
    Meta::new("hkeys", 2, Group::Hash, "2.0.0")
        .summary("Get all the fields in a hash")
        .complexity("O(N) where N is the size of the hash.")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Hash, Category::Slow])
        .tips(&["nondeterministic_output_order"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("hlen", 2, Group::Hash, "2.0.0")
        .summary("Get the number of fields in a hash")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Hash, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("hmget", -3, Group::Hash, "2.0.0")
        .summary("Get the values of all the given hash fields")
        .complexity("O(N) where N is the number of fields being requested.")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Hash, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), string("field").multiple()]),
    Meta::new("hmset", -4, Group::Hash, "2.0.0")
        .summary("Set multiple hash fields to multiple values")
        .complexity("O(N) where N is the number of fields being set.")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .deprecated("4.0.0", "`HSET` with multiple field-value pairs")
        .params(&[key("key", 0), block("field_value", &[string("field"), string("value")]).multiple()]),
    Meta::new("hpersist", -5, Group::Hash, "7.4.0")
        .summary("Take the deadlines of fields of a hash away")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[key("key", 0), block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS")]),
    Meta::new("hpexpire", -6, Group::Hash, "7.4.0")
        .summary("Give fields of a hash a time to live in milliseconds")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[
            key("key", 0),
            integer("milliseconds"),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")]).optional(),
            block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS"),
        ]),
    Meta::new("hpexpireat", -6, Group::Hash, "7.4.0")
        .summary("Give fields of a hash a deadline as a Unix time in milliseconds")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[
            key("key", 0),
            unix_time("unix-time-milliseconds"),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")]).optional(),
            block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS"),
        ]),
    Meta::new("hpexpiretime", -5, Group::Hash, "7.4.0")
        .summary("Tell the deadlines of fields of a hash as Unix times in milliseconds")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Hash, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS")]),
    Meta::new("hpttl", -5, Group::Hash, "7.4.0")
        .summary("Tell how long fields of a hash still have to live, in milliseconds")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Hash, Category::Fast])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS")]),
    Meta::new("hrandfield", -2, Group::Hash, "6.2.0")
        .summary("Get one or multiple random fields from a hash")
        .complexity("O(N) where N is the number of fields returned")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Hash, Category::Slow])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[
            key("key", 0),
            block("options", &[integer("count"), word("withvalues", "WITHVALUES").optional()]).optional(),
        ]),
    Meta::new("hscan", -3, Group::Hash, "2.8.0")
        .summary("Incrementally iterate hash fields and associated values")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to \
             return back to 0. N is the number of elements inside the collection..",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Hash, Category::Slow])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[
            key("key", 0),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
        ]),
    Meta::new("hset", -4, Group::Hash, "2.0.0")
        .summary("Set the string value of a hash field")
        .complexity(
            "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with \
             multiple field/value pairs.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .history(&[("4.0.0", "Accepts multiple `field` and `value` arguments.")])
        .params(&[key("key", 0), block("field_value", &[string("field"), string("value")]).multiple()]),
    Meta::new("hsetex", -6, Group::Hash, "8.0.0")
        .summary("Set fields of a hash, optionally with one deadline for all of them")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[
            key("key", 0),
            oneof("condition", &[word("fnx", "FNX"), word("fxx", "FXX")]).optional(),
            oneof(
                "expiration",
                &[
                    integer("seconds").token("EX"),
                    integer("milliseconds").token("PX"),
                    unix_time("unix-time-seconds").token("EXAT"),
                    unix_time("unix-time-milliseconds").token("PXAT"),
                    word("keepttl", "KEEPTTL"),
                ],
            )
            .optional(),
            block("fields", &[integer("numfields"), block("data", &[string("field"), string("value")]).multiple()])
                .token("FIELDS"),
        ]),
    Meta::new("hsetnx", 4, Group::Hash, "2.0.0")
        .summary("Set the value of a hash field, only if the field does not exist")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Hash, Category::Fast])
        .keys(&[RW_INSERT_AT_1])
        .params(&[key("key", 0), string("field"), string("value")]),
    Meta::new("hstrlen", 3, Group::Hash, "3.2.0")
        .summary("Get the length of the value of a hash field")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Hash, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0), string("field")]),
    Meta::new("httl", -5, Group::Hash, "7.4.0")
        .summary("Tell how long fields of a hash still have to live, in seconds")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Hash, Category::Fast])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS")]),
    Meta::new("hvals", 2, Group::Hash, "2.0.0")
        .summary("Get all the values in a hash")
        .complexity("O(N) where N is the size of the hash.")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Hash, Category::Slow])
        .tips(&["nondeterministic_output_order"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0)]),
];
