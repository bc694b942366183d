//! The string group: whole values, ranges and counters.
//!
//! Beyond 7.0: `DELEX`, `DELIFEQ`, `DIGEST`, `MSETEX`, and the `IF...` conditions of `SET`. Bits of a string are in
//! `bitmaps.rs`.

use super::terms::{
    OW_UPDATE_AT_1, RO_ACCESS_AT_1, RO_ACCESS_FROM_1, RO_AT_1, RW_ACCESS_DELETE_AT_1, RW_ACCESS_UPDATE_AT_1,
    RW_INSERT_AT_1, RW_UPDATE_AT_1, block, double, integer, key, noted, oneof, string, unix_time, word,
};
use crate::command::meta::{BeginSearch, Category, FindKeys, Flag, Group, KeyFlag, KeySpec, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("append", 3, Group::String, "2.0.0")
        .summary("Append a value to a key")
        .complexity(
            "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present \
             value is of any size, since the dynamic string library used by Redis will double the free space available \
             on every reallocation.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[RW_INSERT_AT_1])
        .params(&[key("key", 0), string("value")]),
    Meta::new("decr", 2, Group::String, "1.0.0")
        .summary("Decrement the integer value of a key by one")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("decrby", 3, Group::String, "1.0.0")
        .summary("Decrement the integer value of a key by the given number")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0), integer("decrement")]),
    Meta::new("delex", -2, Group::String, "8.4.0")
        .summary("Delete a key, optionally only if its value or digest is, or is not, the one given")
        .complexity("O(N) where N is the length of the value when a condition is given, otherwise as DEL")
        .flags(&[Flag::Write, Flag::Fast, Flag::Movablekeys])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[KeySpec::range(&[KeyFlag::RW, KeyFlag::Delete, KeyFlag::VariableFlags], 1, 0, 1)])
        .params(&[
            key("key", 0),
            oneof(
                "condition",
                &[
                    string("ifeq-value").token("IFEQ"),
                    string("ifne-value").token("IFNE"),
                    string("ifdeq-digest").token("IFDEQ"),
                    string("ifdne-digest").token("IFDNE"),
                ],
            )
            .optional(),
        ]),
    Meta::new("delifeq", 3, Group::String, "9.0.0")
        .summary("Delete a key only if its value is the one given")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[KeySpec::range(&[KeyFlag::RM, KeyFlag::Access, KeyFlag::Delete], 1, 0, 1)])
        .params(&[key("key", 0), string("value")]),
    Meta::new("digest", 2, Group::String, "8.4.0")
        .summary("Get the XXH3 digest of the value of a key")
        .complexity("O(N) where N is the length of the value")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::String, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("get", 2, Group::String, "1.0.0")
        .summary("Get the value of a key")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::String, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("getdel", 2, Group::String, "6.2.0")
        .summary("Get the value of a key and delete the key")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[RW_ACCESS_DELETE_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("getex", -2, Group::String, "6.2.0")
        .summary("Get the value of a key and optionally set its expiration")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[noted(
            KeySpec::range(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Update], 1, 0, 1),
            "RW and UPDATE because it changes the TTL",
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
        ]),
    Meta::new("getrange", 4, Group::String, "2.4.0")
        .summary("Get a substring of the string stored at a key")
        .complexity(
            "O(N) where N is the length of the returned string. The complexity is ultimately determined by the \
             returned length, but because creating a substring from an existing string is very cheap, it can be \
             considered O(1) for small strings.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::String, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), integer("start"), integer("end")]),
    Meta::new("getset", 3, Group::String, "1.0.0")
        .summary("Set the string value of a key and return its old value")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .deprecated("6.2.0", "`SET` with the `!GET` argument")
        .params(&[key("key", 0), string("value")]),
    Meta::new("incr", 2, Group::String, "1.0.0")
        .summary("Increment the integer value of a key by one")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("incrby", 3, Group::String, "1.0.0")
        .summary("Increment the integer value of a key by the given amount")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0), integer("increment")]),
    Meta::new("incrbyfloat", 3, Group::String, "2.6.0")
        .summary("Increment the float value of a key by the given amount")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0), double("increment")]),
    Meta::new("lcs", -3, Group::String, "7.0.0")
        .summary("Find longest common substring")
        .complexity("O(N*M) where N and M are the lengths of s1 and s2, respectively")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::String, Category::Slow])
        .keys(&[KeySpec::range(&[KeyFlag::RO, KeyFlag::Access], 1, 1, 1)])
        .params(&[
            key("key1", 0),
            key("key2", 0),
            word("len", "LEN").optional(),
            word("idx", "IDX").optional(),
            integer("len").token("MINMATCHLEN").optional(),
            word("withmatchlen", "WITHMATCHLEN").optional(),
        ]),
    Meta::new("mget", -2, Group::String, "1.0.0")
        .summary("Get the values of all the given keys")
        .complexity("O(N) where N is the number of keys to retrieve.")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::String, Category::Fast])
        .tips(&["request_policy:multi_shard"])
        .keys(&[RO_ACCESS_FROM_1])
        .params(&[key("key", 0).multiple()]),
    Meta::new("mset", -3, Group::String, "1.0.1")
        .summary("Set multiple keys to multiple values")
        .complexity("O(N) where N is the number of keys to set.")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::String, Category::Slow])
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .keys(&[KeySpec::range(&[KeyFlag::OW, KeyFlag::Update], 1, -1, 2)])
        .params(&[block("key_value", &[key("key", 0), string("value")]).multiple()]),
    Meta::new("msetex", -4, Group::String, "8.4.0")
        .summary("Set multiple keys together, optionally under one condition and with one expiration")
        .complexity("O(N) where N is the number of keys given")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Movablekeys])
        .acl(&[Category::Write, Category::String, Category::Slow])
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .keys(&[KeySpec {
            flags: &[KeyFlag::OW, KeyFlag::Update],
            begin: BeginSearch::Index(1),
            find: FindKeys::KeyNum { index: 0, first: 1, step: 2 },
            notes: "",
        }])
        .params(&[
            integer("numkeys"),
            block("data", &[key("key", 0), string("value")]).multiple(),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX")]).optional(),
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
        ]),
    Meta::new("msetnx", -3, Group::String, "1.0.1")
        .summary("Set multiple keys to multiple values, only if none of the keys exist")
        .complexity("O(N) where N is the number of keys to set.")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::String, Category::Slow])
        .tips(&["request_policy:multi_shard", "response_policy:agg_min"])
        .keys(&[KeySpec::range(&[KeyFlag::OW, KeyFlag::Insert], 1, -1, 2)])
        .params(&[block("key_value", &[key("key", 0), string("value")]).multiple()]),
    Meta::new("psetex", 4, Group::String, "2.6.0")
        .summary("Set the value and expiration in milliseconds of a key")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::String, Category::Slow])
        .keys(&[OW_UPDATE_AT_1])
        .params(&[key("key", 0), integer("milliseconds"), string("value")]),
    Meta::new("set", -3, Group::String, "1.0.0")
        .summary("Set the string value of a key")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::String, Category::Slow])
        .keys(&[noted(
            KeySpec::range(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Update, KeyFlag::VariableFlags], 1, 0, 1),
            "RW and ACCESS due to the optional `GET` argument",
        )])
        .history(&[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
            ("8.4.0", "Added the `IFEQ`, `IFNE`, `IFDEQ` and `IFDNE` options."),
        ])
        .params(&[
            key("key", 0),
            string("value"),
            oneof(
                "condition",
                &[
                    word("nx", "NX"),
                    word("xx", "XX"),
                    string("ifeq-value").token("IFEQ").since("8.4.0"),
                    string("ifne-value").token("IFNE").since("8.4.0"),
                    string("ifdeq-digest").token("IFDEQ").since("8.4.0"),
                    string("ifdne-digest").token("IFDNE").since("8.4.0"),
                ],
            )
            .since("2.6.12")
            .optional(),
            word("get", "GET").since("6.2.0").optional(),
            oneof(
                "expiration",
                &[
                    integer("seconds").token("EX").since("2.6.12"),
                    integer("milliseconds").token("PX").since("2.6.12"),
                    unix_time("unix-time-seconds").token("EXAT").since("6.2.0"),
                    unix_time("unix-time-milliseconds").token("PXAT").since("6.2.0"),
                    word("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ]),
    Meta::new("setex", 4, Group::String, "2.0.0")
        .summary("Set the value and expiration of a key")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::String, Category::Slow])
        .keys(&[OW_UPDATE_AT_1])
        .params(&[key("key", 0), integer("seconds"), string("value")]),
    Meta::new("setnx", 3, Group::String, "1.0.0")
        .summary("Set the value of a key, only if the key does not exist")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::String, Category::Fast])
        .keys(&[KeySpec::range(&[KeyFlag::OW, KeyFlag::Insert], 1, 0, 1)])
        .params(&[key("key", 0), string("value")]),
    Meta::new("setrange", 4, Group::String, "2.2.0")
        .summary("Overwrite part of a string at key starting at the specified offset")
        .complexity(
            "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so \
             the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value \
             argument.",
        )
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::String, Category::Slow])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[key("key", 0), integer("offset"), string("value")]),
    Meta::new("strlen", 2, Group::String, "2.2.0")
        .summary("Get the length of the value stored in a key")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::String, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("substr", 4, Group::String, "1.0.0")
        .summary("Get a substring of the string stored at a key")
        .complexity(
            "O(N) where N is the length of the returned string. The complexity is ultimately determined by the \
             returned length, but because creating a substring from an existing string is very cheap, it can be \
             considered O(1) for small strings.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::String, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .deprecated("2.0.0", "`GETRANGE`")
        .params(&[key("key", 0), integer("start"), integer("end")]),
];
