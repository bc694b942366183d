//! The generic group: what is done to a key whatever its type.
//!
//! Beyond 7.0: `WAITAOF`.

use super::terms::{
    OW_UPDATE_AT_1, OW_UPDATE_AT_2, RM_DELETE_FROM_1, RO_ACCESS_AT_1, RO_AT_1, RO_AT_2, RO_FROM_1,
    RW_ACCESS_DELETE_AT_1, RW_ACCESS_UPDATE_AT_1, RW_UPDATE_AT_1, block, integer, key, noted, oneof, pattern, string,
    unix_time, word,
};
use crate::command::meta::{BeginSearch, Category, FindKeys, Flag, Group, KeyFlag, KeySpec, Meta, Param};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("copy", -3, Group::Generic, "6.2.0")
        .summary("Copy a key")
        .complexity("O(N) worst case for collections, where N is the number of nested items. O(1) for string values.")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Keyspace, Category::Write, Category::Slow])
        .keys(&[RO_ACCESS_AT_1, OW_UPDATE_AT_2])
        .params(&[
            key("source", 0),
            key("destination", 1),
            integer("destination-db").token("DB").optional(),
            word("replace", "REPLACE").optional(),
        ]),
    Meta::new("del", -2, Group::Generic, "1.0.0")
        .summary("Delete a key")
        .complexity(
            "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a \
             string, the individual complexity for this key is O(M) where M is the number of elements in the list, \
             set, sorted set or hash. Removing a single key that holds a string value is O(1).",
        )
        .flags(&[Flag::Write])
        .acl(&[Category::Keyspace, Category::Write, Category::Slow])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .keys(&[RM_DELETE_FROM_1])
        .params(&[key("key", 0).multiple()]),
    Meta::new("dump", 2, Group::Generic, "2.6.0")
        .summary("Return a serialized version of the value stored at the specified key.")
        .complexity(
            "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects \
             composing the value and M their average size. For small string values the time complexity is thus \
             O(1)+O(1*M) where M is small, so simply O(1).",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Keyspace, Category::Read, Category::Slow])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("exists", -2, Group::Generic, "1.0.0")
        .summary("Determine if a key exists")
        .complexity("O(N) where N is the number of keys to check.")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Read, Category::Fast])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .keys(&[RO_FROM_1])
        .history(&[("3.0.3", "Accepts multiple `key` arguments.")])
        .params(&[key("key", 0).multiple()]),
    Meta::new("expire", -3, Group::Generic, "1.0.0")
        .summary("Set a key's time to live in seconds")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Write, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .params(&[
            key("key", 0),
            integer("seconds"),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")])
                .since("7.0.0")
                .optional(),
        ]),
    Meta::new("expireat", -3, Group::Generic, "1.2.0")
        .summary("Set the expiration for a key as a UNIX timestamp")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Write, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .params(&[
            key("key", 0),
            unix_time("unix-time-seconds"),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")])
                .since("7.0.0")
                .optional(),
        ]),
    Meta::new("expiretime", 2, Group::Generic, "7.0.0")
        .summary("Get the expiration Unix timestamp for a key")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Read, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("keys", 2, Group::Generic, "1.0.0")
        .summary("Find all keys matching the given pattern")
        .complexity(
            "O(N) with N being the number of keys in the database, under the assumption that the key names in the \
             database and the given pattern have limited length.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Keyspace, Category::Read, Category::Slow, Category::Dangerous])
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .params(&[pattern("pattern")]),
    Meta::new("migrate", -6, Group::Generic, "2.6.0")
        .summary("Atomically transfer a key from a Redis instance to another one.")
        .complexity(
            "This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target instance. \
             See the pages of these commands for time complexity. Also an O(N) data transfer between the two instances \
             is performed.",
        )
        .flags(&[Flag::Write, Flag::Movablekeys])
        .acl(&[Category::Keyspace, Category::Write, Category::Slow, Category::Dangerous])
        .tips(&["nondeterministic_output"])
        .keys(&[
            KeySpec::range(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Delete], 3, 0, 1),
            KeySpec {
                flags: &[KeyFlag::RW, KeyFlag::Access, KeyFlag::Delete, KeyFlag::Incomplete],
                begin: BeginSearch::Keyword("KEYS", -2),
                find: FindKeys::Range { last: -1, step: 1, limit: 0 },
                notes: "",
            },
        ])
        .history(&[
            ("3.0.0", "Added the `COPY` and `REPLACE` options."),
            ("3.0.6", "Added the `KEYS` option."),
            ("4.0.7", "Added the `AUTH` option."),
            ("6.0.0", "Added the `AUTH2` option."),
        ])
        .params(&[
            string("host"),
            integer("port"),
            oneof("key_or_empty_string", &[key("key", 0), word("empty_string", "")]),
            integer("destination-db"),
            integer("timeout"),
            word("copy", "COPY").since("3.0.0").optional(),
            word("replace", "REPLACE").since("3.0.0").optional(),
            oneof(
                "authentication",
                &[
                    string("password").token("AUTH").since("4.0.7").optional(),
                    block("username_password", &[string("username"), string("password")])
                        .token("AUTH2")
                        .since("6.0.0")
                        .optional(),
                ],
            )
            .optional(),
            key("key", 1).token("KEYS").since("3.0.6").optional().multiple(),
        ]),
    Meta::new("move", 3, Group::Generic, "1.0.0")
        .summary("Move a key to another database")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Write, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0), integer("db")]),
    Meta::new("object", -2, Group::Generic, "2.2.3")
        .summary("A container for object introspection commands")
        .complexity("Depends on subcommand.")
        .acl(&[Category::Slow])
        .subcommands(&[
            Meta::new("encoding", 3, Group::Generic, "2.2.3")
                .summary("Inspect the internal encoding of a Redis object")
                .complexity("O(1)")
                .flags(&[Flag::Readonly])
                .acl(&[Category::Keyspace, Category::Read, Category::Slow])
                .tips(&["nondeterministic_output"])
                .keys(&[RO_AT_2])
                .params(&[key("key", 0)]),
            Meta::new("freq", 3, Group::Generic, "4.0.0")
                .summary("Get the logarithmic access frequency counter of a Redis object")
                .complexity("O(1)")
                .flags(&[Flag::Readonly])
                .acl(&[Category::Keyspace, Category::Read, Category::Slow])
                .tips(&["nondeterministic_output"])
                .keys(&[RO_AT_2])
                .params(&[key("key", 0)]),
            Meta::new("help", 2, Group::Generic, "6.2.0")
                .summary("Show helpful text about the different subcommands")
                .complexity("O(1)")
                .flags(&[Flag::Loading, Flag::Stale])
                .acl(&[Category::Keyspace, Category::Slow]),
            Meta::new("idletime", 3, Group::Generic, "2.2.3")
                .summary("Get the time since a Redis object was last accessed")
                .complexity("O(1)")
                .flags(&[Flag::Readonly])
                .acl(&[Category::Keyspace, Category::Read, Category::Slow])
                .tips(&["nondeterministic_output"])
                .keys(&[RO_AT_2])
                .params(&[key("key", 0)]),
            Meta::new("refcount", 3, Group::Generic, "2.2.3")
                .summary("Get the number of references to the value of the key")
                .complexity("O(1)")
                .flags(&[Flag::Readonly])
                .acl(&[Category::Keyspace, Category::Read, Category::Slow])
                .tips(&["nondeterministic_output"])
                .keys(&[RO_AT_2])
                .params(&[key("key", 0)]),
        ]),
    Meta::new("persist", 2, Group::Generic, "2.2.0")
        .summary("Remove the expiration from a key")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Write, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("pexpire", -3, Group::Generic, "2.6.0")
        .summary("Set a key's time to live in milliseconds")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Write, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .params(&[
            key("key", 0),
            integer("milliseconds"),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")])
                .since("7.0.0")
                .optional(),
        ]),
    Meta::new("pexpireat", -3, Group::Generic, "2.6.0")
        .summary("Set the expiration for a key as a UNIX timestamp specified in milliseconds")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Write, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .params(&[
            key("key", 0),
            unix_time("unix-time-milliseconds"),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX"), word("gt", "GT"), word("lt", "LT")])
                .since("7.0.0")
                .optional(),
        ]),
    Meta::new("pexpiretime", 2, Group::Generic, "7.0.0")
        .summary("Get the expiration Unix timestamp for a key in milliseconds")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Read, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("pttl", 2, Group::Generic, "2.6.0")
        .summary("Get the time to live for a key in milliseconds")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Read, Category::Fast])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("2.8.0", "Added the -2 reply.")])
        .params(&[key("key", 0)]),
    Meta::new("randomkey", 1, Group::Generic, "1.0.0")
        .summary("Return a random key from the keyspace")
        .complexity("O(1)")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Keyspace, Category::Read, Category::Slow])
        .tips(&["request_policy:all_shards", "nondeterministic_output"]),
    Meta::new("rename", 3, Group::Generic, "1.0.0")
        .summary("Rename a key")
        .complexity("O(1)")
        .flags(&[Flag::Write])
        .acl(&[Category::Keyspace, Category::Write, Category::Slow])
        .keys(&[RW_ACCESS_DELETE_AT_1, OW_UPDATE_AT_2])
        .params(&[key("key", 0), key("newkey", 1)]),
    Meta::new("renamenx", 3, Group::Generic, "1.0.0")
        .summary("Rename a key, only if the new key does not exist")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Write, Category::Fast])
        .keys(&[RW_ACCESS_DELETE_AT_1, KeySpec::range(&[KeyFlag::OW, KeyFlag::Insert], 2, 0, 1)])
        .history(&[("3.2.0", "The command no longer returns an error when source and destination names are the same.")])
        .params(&[key("key", 0), key("newkey", 1)]),
    Meta::new("restore", -4, Group::Generic, "2.6.0")
        .summary("Create a key using the provided serialized value, previously obtained using DUMP.")
        .complexity(
            "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the \
             number of Redis objects composing the value and M their average size. For small string values the time \
             complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the \
             complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
        )
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Keyspace, Category::Write, Category::Slow, Category::Dangerous])
        .keys(&[OW_UPDATE_AT_1])
        .history(&[
            ("3.0.0", "Added the `REPLACE` modifier."),
            ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ])
        .params(&[
            key("key", 0),
            integer("ttl"),
            string("serialized-value"),
            word("replace", "REPLACE").since("3.0.0").optional(),
            word("absttl", "ABSTTL").since("5.0.0").optional(),
            integer("seconds").token("IDLETIME").since("5.0.0").optional(),
            integer("frequency").token("FREQ").since("5.0.0").optional(),
        ]),
    Meta::new("scan", -2, Group::Generic, "2.8.0")
        .summary("Incrementally iterate the keys space")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to \
             return back to 0. N is the number of elements inside the collection.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Keyspace, Category::Read, Category::Slow])
        .tips(&["nondeterministic_output", "request_policy:special"])
        .history(&[("6.0.0", "Added the `TYPE` subcommand.")])
        .params(&[
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
            string("type").token("TYPE").since("6.0.0").optional(),
        ]),
    Meta::new("sort", -2, Group::Generic, "1.0.0")
        .summary("Sort the elements in a list, set or sorted set")
        .complexity(
            "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned \
             elements. When the elements are not sorted, complexity is O(N).",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Movablekeys])
        .acl(&[
            Category::Write,
            Category::Set,
            Category::SortedSet,
            Category::List,
            Category::Slow,
            Category::Dangerous,
        ])
        .keys(&[
            RO_ACCESS_AT_1,
            noted(
                KeySpec {
                    flags: &[KeyFlag::RO, KeyFlag::Access],
                    begin: BeginSearch::Unknown,
                    find: FindKeys::Unknown,
                    notes: "",
                },
                "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content \
                 of the key we sort",
            ),
            noted(
                KeySpec {
                    flags: &[KeyFlag::OW, KeyFlag::Update],
                    begin: BeginSearch::Unknown,
                    find: FindKeys::Unknown,
                    notes: "",
                },
                "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the \
                 argument array",
            ),
        ])
        .params(&[
            key("key", 0),
            Param { key_spec: 1, ..pattern("pattern") }.token("BY").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
            Param { key_spec: 1, ..pattern("pattern") }.token("GET").optional().multiple().multiple_token(),
            oneof("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            word("sorting", "ALPHA").optional(),
            key("destination", 2).token("STORE").optional(),
        ]),
    Meta::new("sort_ro", -2, Group::Generic, "7.0.0")
        .summary("Sort the elements in a list, set or sorted set. Read-only variant of SORT.")
        .complexity(
            "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned \
             elements. When the elements are not sorted, complexity is O(N).",
        )
        .flags(&[Flag::Readonly, Flag::Movablekeys])
        .acl(&[Category::Read, Category::Set, Category::SortedSet, Category::List, Category::Slow, Category::Dangerous])
        .keys(&[
            RO_ACCESS_AT_1,
            noted(
                KeySpec {
                    flags: &[KeyFlag::RO, KeyFlag::Access],
                    begin: BeginSearch::Unknown,
                    find: FindKeys::Unknown,
                    notes: "",
                },
                "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content \
                 of the key we sort",
            ),
        ])
        .params(&[
            key("key", 0),
            Param { key_spec: 1, ..pattern("pattern") }.token("BY").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
            Param { key_spec: 1, ..pattern("pattern") }.token("GET").optional().multiple().multiple_token(),
            oneof("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            word("sorting", "ALPHA").optional(),
        ]),
    Meta::new("touch", -2, Group::Generic, "3.2.1")
        .summary("Alters the last access time of a key(s). Returns the number of existing keys specified.")
        .complexity("O(N) where N is the number of keys that will be touched.")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Read, Category::Fast])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .keys(&[RO_FROM_1])
        .params(&[key("key", 0).multiple()]),
    Meta::new("ttl", 2, Group::Generic, "1.0.0")
        .summary("Get the time to live for a key in seconds")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Read, Category::Fast])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("2.8.0", "Added the -2 reply.")])
        .params(&[key("key", 0)]),
    Meta::new("type", 2, Group::Generic, "1.0.0")
        .summary("Determine the type stored at key")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Read, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("unlink", -2, Group::Generic, "4.0.0")
        .summary("Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking.")
        .complexity(
            "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread \
             in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
        )
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Keyspace, Category::Write, Category::Fast])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .keys(&[RM_DELETE_FROM_1])
        .params(&[key("key", 0).multiple()]),
    Meta::new("wait", 3, Group::Generic, "3.0.0")
        .summary(
            "Wait for the synchronous replication of all the write commands sent in the context of the current \
             connection",
        )
        .complexity("O(1)")
        .flags(&[Flag::Noscript])
        .acl(&[Category::Slow, Category::Connection])
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .params(&[integer("numreplicas"), integer("timeout")]),
    Meta::new("waitaof", 4, Group::Generic, "7.2.0")
        .summary(
            "Wait until the earlier writes of the connection are in the append-only files of this server and of its \
             replicas",
        )
        .complexity("O(1)")
        .flags(&[Flag::Blocking])
        .acl(&[Category::Slow, Category::Blocking, Category::Connection])
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .params(&[integer("numlocal"), integer("numreplicas"), integer("timeout")]),
];
