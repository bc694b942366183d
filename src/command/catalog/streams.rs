//! The stream group: entries, ranges, consumer groups.

use super::terms::{
    RO_ACCESS_AT_1, RO_ACCESS_AT_2, RO_AT_1, RW_DELETE_AT_1, RW_DELETE_AT_2, RW_INSERT_AT_2, RW_UPDATE_AT_1, block,
    integer, key, noted, oneof, string, unix_time, word,
};
use crate::command::meta::{BeginSearch, Category, FindKeys, Flag, Group, KeyFlag, KeySpec, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("xack", -4, Group::Stream, "5.0.0")
        .summary(
            "Marks a pending message as correctly processed, effectively removing it from the pending entries list of \
             the consumer group. Return value of the command is the number of messages successfully acknowledged, that \
             is, the IDs we were actually able to resolve in the PEL.",
        )
        .complexity("O(1) for each message ID processed.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Stream, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[key("key", 0), string("group"), string("id").multiple()]),
    Meta::new("xackdel", -6, Group::Stream, "8.2.0")
        .summary("Acknowledge entries of a group and delete those that nobody refers to any more")
        .complexity("O(1) for each entry ID processed.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Stream, Category::Fast])
        .keys(&[KeySpec::range(&[KeyFlag::RW, KeyFlag::Update, KeyFlag::Delete], 1, 0, 1)])
        .params(&[
            key("key", 0),
            string("group"),
            oneof("condition", &[word("keepref", "KEEPREF"), word("delref", "DELREF"), word("acked", "ACKED")])
                .optional(),
            block("ids", &[integer("numids"), string("id").multiple()]).token("IDS"),
        ]),
    Meta::new("xadd", -5, Group::Stream, "5.0.0")
        .summary("Appends a new entry to a stream")
        .complexity("O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Stream, Category::Fast])
        .tips(&["nondeterministic_output"])
        .keys(&[noted(
            KeySpec::range(&[KeyFlag::RW, KeyFlag::Update], 1, 0, 1),
            "UPDATE instead of INSERT because of the optional trimming feature",
        )])
        .history(&[
            ("6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."),
            ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
            ("8.2.0", "Added the `KEEPREF`, `DELREF` and `ACKED` options."),
        ])
        .params(&[
            key("key", 0),
            word("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
            oneof("condition", &[word("keepref", "KEEPREF"), word("delref", "DELREF"), word("acked", "ACKED")])
                .since("8.2.0")
                .optional(),
            block(
                "trim",
                &[
                    oneof("strategy", &[word("maxlen", "MAXLEN"), word("minid", "MINID").since("6.2.0")]),
                    oneof("operator", &[word("equal", "="), word("approximately", "~")]).optional(),
                    string("threshold"),
                    integer("count").token("LIMIT").since("6.2.0").optional(),
                ],
            )
            .optional(),
            oneof("id_or_auto", &[word("auto_id", "*"), string("id")]),
            block("field_value", &[string("field"), string("value")]).multiple(),
        ]),
    Meta::new("xautoclaim", -6, Group::Stream, "6.2.0")
        .summary(
            "Changes (or acquires) ownership of messages in a consumer group, as if the messages were delivered to the \
             specified consumer.",
        )
        .complexity("O(1) if COUNT is small.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Stream, Category::Fast])
        .tips(&["nondeterministic_output"])
        .keys(&[RW_DELETE_AT_1])
        .history(&[(
            "7.0.0",
            "Added an element to the reply array, containing deleted entries the command cleared from the PEL",
        )])
        .params(&[
            key("key", 0),
            string("group"),
            string("consumer"),
            string("min-idle-time"),
            string("start"),
            integer("count").token("COUNT").optional(),
            word("justid", "JUSTID").optional(),
        ]),
    Meta::new("xclaim", -6, Group::Stream, "5.0.0")
        .summary(
            "Changes (or acquires) ownership of a message in a consumer group, as if the message was delivered to the \
             specified consumer.",
        )
        .complexity("O(log N) with N being the number of messages in the PEL of the consumer group.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Stream, Category::Fast])
        .tips(&["nondeterministic_output"])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[
            key("key", 0),
            string("group"),
            string("consumer"),
            string("min-idle-time"),
            string("id").multiple(),
            integer("ms").token("IDLE").optional(),
            unix_time("unix-time-milliseconds").token("TIME").optional(),
            integer("count").token("RETRYCOUNT").optional(),
            word("force", "FORCE").optional(),
            word("justid", "JUSTID").optional(),
            string("id").token("LASTID").optional(),
        ]),
    Meta::new("xdel", -3, Group::Stream, "5.0.0")
        .summary(
            "Removes the specified entries from the stream. Returns the number of items actually deleted, that may be \
             different from the number of IDs passed in case certain IDs do not exist.",
        )
        .complexity("O(1) for each single item to delete in the stream, regardless of the stream size.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Stream, Category::Fast])
        .keys(&[RW_DELETE_AT_1])
        .params(&[key("key", 0), string("id").multiple()]),
    Meta::new("xdelex", -5, Group::Stream, "8.2.0")
        .summary("Delete entries of a stream with regard to what its groups refer to")
        .complexity("O(1) for each single item to delete in the stream, regardless of the stream size.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Stream, Category::Fast])
        .keys(&[RW_DELETE_AT_1])
        .params(&[
            key("key", 0),
            oneof("condition", &[word("keepref", "KEEPREF"), word("delref", "DELREF"), word("acked", "ACKED")])
                .optional(),
            block("ids", &[integer("numids"), string("id").multiple()]).token("IDS"),
        ]),
    Meta::new("xgroup", -2, Group::Stream, "5.0.0")
        .summary("A container for consumer groups commands")
        .complexity("Depends on subcommand.")
        .acl(&[Category::Slow])
        .subcommands(&[
            Meta::new("create", -5, Group::Stream, "5.0.0")
                .summary("Create a consumer group.")
                .complexity("O(1)")
                .flags(&[Flag::Write, Flag::Denyoom])
                .acl(&[Category::Write, Category::Stream, Category::Slow])
                .keys(&[RW_INSERT_AT_2])
                .history(&[("7.0.0", "Added the `entries_read` named argument.")])
                .params(&[
                    key("key", 0),
                    string("groupname"),
                    oneof("id", &[string("id"), word("new_id", "$")]),
                    word("mkstream", "MKSTREAM").optional(),
                    integer("entries_read").token("ENTRIESREAD").optional(),
                ]),
            Meta::new("createconsumer", 5, Group::Stream, "6.2.0")
                .summary("Create a consumer in a consumer group.")
                .complexity("O(1)")
                .flags(&[Flag::Write, Flag::Denyoom])
                .acl(&[Category::Write, Category::Stream, Category::Slow])
                .keys(&[RW_INSERT_AT_2])
                .params(&[key("key", 0), string("groupname"), string("consumername")]),
            Meta::new("delconsumer", 5, Group::Stream, "5.0.0")
                .summary("Delete a consumer from a consumer group.")
                .complexity("O(1)")
                .flags(&[Flag::Write])
                .acl(&[Category::Write, Category::Stream, Category::Slow])
                .keys(&[RW_DELETE_AT_2])
                .params(&[key("key", 0), string("groupname"), string("consumername")]),
            Meta::new("destroy", 4, Group::Stream, "5.0.0")
                .summary("Destroy a consumer group.")
                .complexity("O(N) where N is the number of entries in the group's pending entries list (PEL).")
                .flags(&[Flag::Write])
                .acl(&[Category::Write, Category::Stream, Category::Slow])
                .keys(&[RW_DELETE_AT_2])
                .params(&[key("key", 0), string("groupname")]),
            Meta::new("help", 2, Group::Stream, "5.0.0")
                .summary("Show helpful text about the different subcommands")
                .complexity("O(1)")
                .flags(&[Flag::Loading, Flag::Stale])
                .acl(&[Category::Stream, Category::Slow]),
            Meta::new("setid", -5, Group::Stream, "5.0.0")
                .summary("Set a consumer group to an arbitrary last delivered ID value.")
                .complexity("O(1)")
                .flags(&[Flag::Write])
                .acl(&[Category::Write, Category::Stream, Category::Slow])
                .keys(&[KeySpec::range(&[KeyFlag::RW, KeyFlag::Update], 2, 0, 1)])
                .history(&[("7.0.0", "Added the optional `entries_read` argument.")])
                .params(&[
                    key("key", 0),
                    string("groupname"),
                    oneof("id", &[string("id"), word("new_id", "$")]),
                    integer("entries_read").token("ENTRIESREAD").optional(),
                ]),
        ]),
    Meta::new("xinfo", -2, Group::Stream, "5.0.0")
        .summary("A container for stream introspection commands")
        .complexity("Depends on subcommand.")
        .acl(&[Category::Slow])
        .subcommands(&[
            Meta::new("consumers", 4, Group::Stream, "5.0.0")
                .summary("List the consumers in a consumer group")
                .complexity("O(1)")
                .flags(&[Flag::Readonly])
                .acl(&[Category::Read, Category::Stream, Category::Slow])
                .tips(&["nondeterministic_output"])
                .keys(&[RO_ACCESS_AT_2])
                .params(&[key("key", 0), string("groupname")]),
            Meta::new("groups", 3, Group::Stream, "5.0.0")
                .summary("List the consumer groups of a stream")
                .complexity("O(1)")
                .flags(&[Flag::Readonly])
                .acl(&[Category::Read, Category::Stream, Category::Slow])
                .keys(&[RO_ACCESS_AT_2])
                .history(&[("7.0.0", "Added the `entries-read` and `lag` fields")])
                .params(&[key("key", 0)]),
            Meta::new("help", 2, Group::Stream, "5.0.0")
                .summary("Show helpful text about the different subcommands")
                .complexity("O(1)")
                .flags(&[Flag::Loading, Flag::Stale])
                .acl(&[Category::Stream, Category::Slow]),
            Meta::new("stream", -3, Group::Stream, "5.0.0")
                .summary("Get information about a stream")
                .complexity("O(1)")
                .flags(&[Flag::Readonly])
                .acl(&[Category::Read, Category::Stream, Category::Slow])
                .keys(&[RO_ACCESS_AT_2])
                .history(&[
                    ("6.0.0", "Added the `FULL` modifier."),
                    (
                        "7.0.0",
                        "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` \
                         and `lag` fields",
                    ),
                ])
                .params(&[
                    key("key", 0),
                    block("full", &[integer("count").token("COUNT").optional()]).token("FULL").optional(),
                ]),
        ]),
    Meta::new("xlen", 2, Group::Stream, "5.0.0")
        .summary("Return the number of entries in a stream")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Stream, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("xnack", -7, Group::Stream, "8.8.0")
        .summary("Give pending entries back to their group, to be delivered to others at once")
        .complexity("O(1) for each message ID processed.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Stream, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[
            key("key", 0),
            string("group"),
            oneof("mode", &[word("silent", "SILENT"), word("fail", "FAIL"), word("fatal", "FATAL")]),
            block("ids", &[integer("numids"), string("id").multiple()]).token("IDS"),
            integer("count").token("RETRYCOUNT").optional(),
            word("force", "FORCE").optional(),
        ]),
    Meta::new("xpending", -3, Group::Stream, "5.0.0")
        .summary(
            "Return information and entries from a stream consumer group pending entries list, that are messages \
             fetched but never acknowledged.",
        )
        .complexity(
            "O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call \
             is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the \
             command returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an \
             additional O(N) time for iterating every consumer.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Stream, Category::Slow])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")])
        .params(&[
            key("key", 0),
            string("group"),
            block(
                "filters",
                &[
                    integer("min-idle-time").token("IDLE").since("6.2.0").optional(),
                    string("start"),
                    string("end"),
                    integer("count"),
                    string("consumer").optional(),
                ],
            )
            .optional(),
        ]),
    Meta::new("xrange", -4, Group::Stream, "5.0.0")
        .summary("Return a range of elements in a stream, with IDs matching the specified IDs interval")
        .complexity(
            "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the \
             first 10 elements with COUNT), you can consider it O(1).",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Stream, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("6.2.0", "Added exclusive ranges.")])
        .params(&[key("key", 0), string("start"), string("end"), integer("count").token("COUNT").optional()]),
    Meta::new("xread", -4, Group::Stream, "5.0.0")
        .summary(
            "Return never seen elements in multiple streams, with IDs greater than the ones reported by the caller for \
             each stream. Can block.",
        )
        .complexity(
            "For each stream mentioned: O(N) with N being the number of elements being returned, it means that \
             XREAD-ing with a fixed COUNT is O(1). Note that when the BLOCK option is used, XADD will pay O(M) time in \
             order to serve the M clients blocked on the stream getting new data.",
        )
        .flags(&[Flag::Readonly, Flag::Blocking, Flag::Movablekeys])
        .acl(&[Category::Read, Category::Stream, Category::Slow, Category::Blocking])
        .keys(&[KeySpec {
            flags: &[KeyFlag::RO, KeyFlag::Access],
            begin: BeginSearch::Keyword("STREAMS", 1),
            find: FindKeys::Range { last: -1, step: 1, limit: 2 },
            notes: "",
        }])
        .params(&[
            integer("count").token("COUNT").optional(),
            integer("milliseconds").token("BLOCK").optional(),
            block("streams", &[key("key", 0).multiple(), string("id").multiple()]).token("STREAMS"),
        ]),
    Meta::new("xreadgroup", -7, Group::Stream, "5.0.0")
        .summary(
            "Return new entries from a stream using a consumer group, or access the history of the pending entries for \
             a given consumer. Can block.",
        )
        .complexity(
            "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. \
             always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when \
             XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream \
             getting new data.",
        )
        .flags(&[Flag::Write, Flag::Blocking, Flag::Movablekeys])
        .acl(&[Category::Write, Category::Stream, Category::Slow, Category::Blocking])
        .keys(&[KeySpec {
            flags: &[KeyFlag::RO, KeyFlag::Access],
            begin: BeginSearch::Keyword("STREAMS", 4),
            find: FindKeys::Range { last: -1, step: 1, limit: 2 },
            notes: "",
        }])
        .history(&[("8.4.0", "Added the `CLAIM` option.")])
        .params(&[
            block("group_consumer", &[string("group"), string("consumer")]).token("GROUP"),
            integer("count").token("COUNT").optional(),
            integer("milliseconds").token("BLOCK").optional(),
            integer("min-idle-time").token("CLAIM").since("8.4.0").optional(),
            word("noack", "NOACK").optional(),
            block("streams", &[key("key", 0).multiple(), string("id").multiple()]).token("STREAMS"),
        ]),
    Meta::new("xrevrange", -4, Group::Stream, "5.0.0")
        .summary(
            "Return a range of elements in a stream, with IDs matching the specified IDs interval, in reverse order \
             (from greater to smaller IDs) compared to XRANGE",
        )
        .complexity(
            "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first 10 \
             elements with COUNT), you can consider it O(1).",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Stream, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("6.2.0", "Added exclusive ranges.")])
        .params(&[key("key", 0), string("end"), string("start"), integer("count").token("COUNT").optional()]),
    Meta::new("xsetid", -3, Group::Stream, "5.0.0")
        .summary("An internal command for replicating stream values")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Stream, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .history(&[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")])
        .params(&[
            key("key", 0),
            string("last-id"),
            integer("entries_added").token("ENTRIESADDED").since("7.0.0").optional(),
            string("max_deleted_entry_id").token("MAXDELETEDID").since("7.0.0").optional(),
        ]),
    Meta::new("xtrim", -4, Group::Stream, "5.0.0")
        .summary("Trims the stream to (approximately if '~' is passed) a certain size")
        .complexity(
            "O(N), with N being the number of evicted entries. Constant times are very small however, since entries \
             are organized in macro nodes containing multiple entries that can be released with a single \
             deallocation.",
        )
        .flags(&[Flag::Write])
        .acl(&[Category::Write, Category::Stream, Category::Slow])
        .tips(&["nondeterministic_output"])
        .keys(&[RW_DELETE_AT_1])
        .history(&[
            ("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option."),
            ("8.2.0", "Added the `KEEPREF`, `DELREF` and `ACKED` options."),
        ])
        .params(&[
            key("key", 0),
            block(
                "trim",
                &[
                    oneof("strategy", &[word("maxlen", "MAXLEN"), word("minid", "MINID").since("6.2.0")]),
                    oneof("operator", &[word("equal", "="), word("approximately", "~")]).optional(),
                    string("threshold"),
                    integer("count").token("LIMIT").since("6.2.0").optional(),
                ],
            ),
            oneof("condition", &[word("keepref", "KEEPREF"), word("delref", "DELREF"), word("acked", "ACKED")])
                .since("8.2.0")
                .optional(),
        ]),
];
