//! The set group: members, and the algebra of several sets.

use super::terms::{
    OW_UPDATE_AT_1, RO_ACCESS_AT_1, RO_ACCESS_COUNTED_AT_1, RO_ACCESS_FROM_1, RO_ACCESS_FROM_2, RO_AT_1,
    RW_ACCESS_DELETE_AT_1, RW_DELETE_AT_1, RW_INSERT_AT_1, RW_INSERT_AT_2, RW_UPDATE_AT_1, integer, key, pattern,
    string,
};
use crate::command::meta::{Category, Flag, Group, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("sadd", -3, Group::Set, "1.0.0")
        .summary("Add one or more members to a set")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
             arguments.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::Set, Category::Fast])
        .keys(&[RW_INSERT_AT_1])
        .history(&[("2.4.0", "Accepts multiple `member` arguments.")])
        .params(&[key("key", 0), string("member").multiple()]),
    Meta::new("scard", 2, Group::Set, "1.0.0")
        .summary("Get the number of members in a set")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Set, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("sdiff", -2, Group::Set, "1.0.0")
        .summary("Subtract multiple sets")
        .complexity("O(N) where N is the total number of elements in all given sets.")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Set, Category::Slow])
        .tips(&["nondeterministic_output_order"])
        .keys(&[RO_ACCESS_FROM_1])
        .params(&[key("key", 0).multiple()]),
    Meta::new("sdiffstore", -3, Group::Set, "1.0.0")
        .summary("Subtract multiple sets and store the resulting set in a key")
        .complexity("O(N) where N is the total number of elements in all given sets.")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::Set, Category::Slow])
        .keys(&[OW_UPDATE_AT_1, RO_ACCESS_FROM_2])
        .params(&[key("destination", 0), key("key", 1).multiple()]),
    Meta::new("sinter", -2, Group::Set, "1.0.0")
        .summary("Intersect multiple sets")
        .complexity("O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Set, Category::Slow])
        .tips(&["nondeterministic_output_order"])
        .keys(&[RO_ACCESS_FROM_1])
        .params(&[key("key", 0).multiple()]),
    Meta::new("sintercard", -3, Group::Set, "7.0.0")
        .summary("Intersect multiple sets and return the cardinality of the result")
        .complexity("O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.")
        .flags(&[Flag::Readonly, Flag::Movablekeys])
        .acl(&[Category::Read, Category::Set, Category::Slow])
        .keys(&[RO_ACCESS_COUNTED_AT_1])
        .params(&[integer("numkeys"), key("key", 0).multiple(), integer("limit").token("LIMIT").optional()]),
    Meta::new("sinterstore", -3, Group::Set, "1.0.0")
        .summary("Intersect multiple sets and store the resulting set in a key")
        .complexity("O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::Set, Category::Slow])
        .keys(&[RW_UPDATE_AT_1, RO_ACCESS_FROM_2])
        .params(&[key("destination", 0), key("key", 1).multiple()]),
    Meta::new("sismember", 3, Group::Set, "1.0.0")
        .summary("Determine if a given value is a member of a set")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Set, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0), string("member")]),
    Meta::new("smembers", 2, Group::Set, "1.0.0")
        .summary("Get all the members in a set")
        .complexity("O(N) where N is the set cardinality.")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Set, Category::Slow])
        .tips(&["nondeterministic_output_order"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("smismember", -3, Group::Set, "6.2.0")
        .summary("Returns the membership associated with the given elements for a set")
        .complexity("O(N) where N is the number of elements being checked for membership")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Set, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), string("member").multiple()]),
    Meta::new("smove", 4, Group::Set, "1.0.0")
        .summary("Move a member from one set to another")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Set, Category::Fast])
        .keys(&[RW_ACCESS_DELETE_AT_1, RW_INSERT_AT_2])
        .params(&[key("source", 0), key("destination", 1), string("member")]),
    Meta::new("spop", -2, Group::Set, "1.0.0")
        .summary("Remove and return one or multiple random members from a set")
        .complexity("Without the count argument O(1), otherwise O(N) where N is the value of the passed count.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Set, Category::Fast])
        .tips(&["nondeterministic_output"])
        .keys(&[RW_ACCESS_DELETE_AT_1])
        .history(&[("3.2.0", "Added the `count` argument.")])
        .params(&[key("key", 0), integer("count").since("3.2.0").optional()]),
    Meta::new("srandmember", -2, Group::Set, "1.0.0")
        .summary("Get one or multiple random members from a set")
        .complexity(
            "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Set, Category::Slow])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("2.6.0", "Added the optional `count` argument.")])
        .params(&[key("key", 0), integer("count").since("2.6.0").optional()]),
    Meta::new("srem", -3, Group::Set, "1.0.0")
        .summary("Remove one or more members from a set")
        .complexity("O(N) where N is the number of members to be removed.")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::Set, Category::Fast])
        .keys(&[RW_DELETE_AT_1])
        .history(&[("2.4.0", "Accepts multiple `member` arguments.")])
        .params(&[key("key", 0), string("member").multiple()]),
    Meta::new("sscan", -3, Group::Set, "2.8.0")
        .summary("Incrementally iterate Set elements")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to \
             return back to 0. N is the number of elements inside the collection..",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Set, Category::Slow])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[
            key("key", 0),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
        ]),
    Meta::new("sunion", -2, Group::Set, "1.0.0")
        .summary("Add multiple sets")
        .complexity("O(N) where N is the total number of elements in all given sets.")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Set, Category::Slow])
        .tips(&["nondeterministic_output_order"])
        .keys(&[RO_ACCESS_FROM_1])
        .params(&[key("key", 0).multiple()]),
    Meta::new("sunionstore", -3, Group::Set, "1.0.0")
        .summary("Add multiple sets and store the resulting set in a key")
        .complexity("O(N) where N is the total number of elements in all given sets.")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::Set, Category::Slow])
        .keys(&[OW_UPDATE_AT_1, RO_ACCESS_FROM_2])
        .params(&[key("destination", 0), key("key", 1).multiple()]),
];
