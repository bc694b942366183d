//! The sorted-set group: members with scores, their ranks and ranges.
//!
//! Beyond 7.0: the `WITHSCORE` option of `ZRANK` and `ZREVRANK`, and with it their open arity.

use super::terms::{
    OW_UPDATE_AT_1, RO_ACCESS_AT_1, RO_ACCESS_AT_2, RO_ACCESS_COUNTED_AT_1, RO_ACCESS_COUNTED_AT_2, RO_AT_1,
    RW_ACCESS_DELETE_AT_1, RW_ACCESS_DELETE_COUNTED_AT_1, RW_ACCESS_DELETE_COUNTED_AT_2,
    RW_ACCESS_DELETE_FROM_1_BUT_LAST, RW_ACCESS_UPDATE_AT_1, RW_DELETE_AT_1, RW_UPDATE_AT_1, block, double, integer,
    key, oneof, pattern, string, word,
};
use crate::command::meta::{Category, Flag, Group, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("bzmpop", -5, Group::SortedSet, "7.0.0")
        .summary("Remove and return members with scores in a sorted set or block until one is available")
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted \
             set, and M being the number of elements popped.",
        )
        .flags(&[Flag::Write, Flag::Blocking, Flag::Movablekeys])
        .acl(&[Category::Write, Category::SortedSet, Category::Slow, Category::Blocking])
        .keys(&[RW_ACCESS_DELETE_COUNTED_AT_2])
        .params(&[
            double("timeout"),
            integer("numkeys"),
            key("key", 0).multiple(),
            oneof("where", &[word("min", "MIN"), word("max", "MAX")]),
            integer("count").token("COUNT").optional(),
        ]),
    Meta::new("bzpopmax", -3, Group::SortedSet, "5.0.0")
        .summary(
            "Remove and return the member with the highest score from one or more sorted sets, or block until one is \
             available",
        )
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .flags(&[Flag::Write, Flag::Noscript, Flag::Blocking, Flag::Fast])
        .acl(&[Category::Write, Category::SortedSet, Category::Fast, Category::Blocking])
        .keys(&[RW_ACCESS_DELETE_FROM_1_BUT_LAST])
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .params(&[key("key", 0).multiple(), double("timeout")]),
    Meta::new("bzpopmin", -3, Group::SortedSet, "5.0.0")
        .summary(
            "Remove and return the member with the lowest score from one or more sorted sets, or block until one is \
             available",
        )
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .flags(&[Flag::Write, Flag::Noscript, Flag::Blocking, Flag::Fast])
        .acl(&[Category::Write, Category::SortedSet, Category::Fast, Category::Blocking])
        .keys(&[RW_ACCESS_DELETE_FROM_1_BUT_LAST])
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .params(&[key("key", 0).multiple(), double("timeout")]),
    Meta::new("zadd", -4, Group::SortedSet, "1.2.0")
        .summary("Add one or more members to a sorted set, or update its score if it already exists")
        .complexity("O(log(N)) for each item added, where N is the number of elements in the sorted set.")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::SortedSet, Category::Fast])
        .keys(&[RW_UPDATE_AT_1])
        .history(&[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ])
        .params(&[
            key("key", 0),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX")]).since("3.0.2").optional(),
            oneof("comparison", &[word("gt", "GT"), word("lt", "LT")]).since("6.2.0").optional(),
            word("change", "CH").since("3.0.2").optional(),
            word("increment", "INCR").since("3.0.2").optional(),
            block("score_member", &[double("score"), string("member")]).multiple(),
        ]),
    Meta::new("zcard", 2, Group::SortedSet, "1.2.0")
        .summary("Get the number of members in a sorted set")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::SortedSet, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("zcount", 4, Group::SortedSet, "2.0.0")
        .summary("Count the members in a sorted set with scores within the given values")
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::SortedSet, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), double("min"), double("max")]),
    Meta::new("zdiff", -3, Group::SortedSet, "6.2.0")
        .summary("Subtract multiple sorted sets")
        .complexity(
            "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of \
             the first set, and K is the size of the result set.",
        )
        .flags(&[Flag::Readonly, Flag::Movablekeys])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_COUNTED_AT_1])
        .params(&[integer("numkeys"), key("key", 0).multiple(), word("withscores", "WITHSCORES").optional()]),
    Meta::new("zdiffstore", -4, Group::SortedSet, "6.2.0")
        .summary("Subtract multiple sorted sets and store the resulting sorted set in a new key")
        .complexity(
            "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of \
             the first set, and K is the size of the result set.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Movablekeys])
        .acl(&[Category::Write, Category::SortedSet, Category::Slow])
        .keys(&[OW_UPDATE_AT_1, RO_ACCESS_COUNTED_AT_2])
        .params(&[key("destination", 0), integer("numkeys"), key("key", 1).multiple()]),
    Meta::new("zincrby", 4, Group::SortedSet, "1.2.0")
        .summary("Increment the score of a member in a sorted set")
        .complexity("O(log(N)) where N is the number of elements in the sorted set.")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::SortedSet, Category::Fast])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0), integer("increment"), string("member")]),
    Meta::new("zinter", -3, Group::SortedSet, "6.2.0")
        .summary("Intersect multiple sorted sets")
        .complexity(
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input \
             sorted sets and M being the number of elements in the resulting sorted set.",
        )
        .flags(&[Flag::Readonly, Flag::Movablekeys])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_COUNTED_AT_1])
        .params(&[
            integer("numkeys"),
            key("key", 0).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            oneof("aggregate", &[word("sum", "SUM"), word("min", "MIN"), word("max", "MAX")])
                .token("AGGREGATE")
                .optional(),
            word("withscores", "WITHSCORES").optional(),
        ]),
    Meta::new("zintercard", -3, Group::SortedSet, "7.0.0")
        .summary("Intersect multiple sorted sets and return the cardinality of the result")
        .complexity(
            "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
        )
        .flags(&[Flag::Readonly, Flag::Movablekeys])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_COUNTED_AT_1])
        .params(&[integer("numkeys"), key("key", 0).multiple(), integer("limit").token("LIMIT").optional()]),
    Meta::new("zinterstore", -4, Group::SortedSet, "2.0.0")
        .summary("Intersect multiple sorted sets and store the resulting sorted set in a new key")
        .complexity(
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input \
             sorted sets and M being the number of elements in the resulting sorted set.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Movablekeys])
        .acl(&[Category::Write, Category::SortedSet, Category::Slow])
        .keys(&[OW_UPDATE_AT_1, RO_ACCESS_COUNTED_AT_2])
        .params(&[
            key("destination", 0),
            integer("numkeys"),
            key("key", 1).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            oneof("aggregate", &[word("sum", "SUM"), word("min", "MIN"), word("max", "MAX")])
                .token("AGGREGATE")
                .optional(),
        ]),
    Meta::new("zlexcount", 4, Group::SortedSet, "2.8.9")
        .summary("Count the number of members in a sorted set between a given lexicographical range")
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::SortedSet, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), string("min"), string("max")]),
    Meta::new("zmpop", -4, Group::SortedSet, "7.0.0")
        .summary("Remove and return members with scores in a sorted set")
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted \
             set, and M being the number of elements popped.",
        )
        .flags(&[Flag::Write, Flag::Movablekeys])
        .acl(&[Category::Write, Category::SortedSet, Category::Slow])
        .keys(&[RW_ACCESS_DELETE_COUNTED_AT_1])
        .params(&[
            integer("numkeys"),
            key("key", 0).multiple(),
            oneof("where", &[word("min", "MIN"), word("max", "MAX")]),
            integer("count").token("COUNT").optional(),
        ]),
    Meta::new("zmscore", -3, Group::SortedSet, "6.2.0")
        .summary("Get the score associated with the given members in a sorted set")
        .complexity("O(N) where N is the number of members being requested.")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::SortedSet, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), string("member").multiple()]),
    Meta::new("zpopmax", -2, Group::SortedSet, "5.0.0")
        .summary("Remove and return members with the highest scores in a sorted set")
        .complexity(
            "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements \
             popped.",
        )
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::SortedSet, Category::Fast])
        .keys(&[RW_ACCESS_DELETE_AT_1])
        .params(&[key("key", 0), integer("count").optional()]),
    Meta::new("zpopmin", -2, Group::SortedSet, "5.0.0")
        .summary("Remove and return members with the lowest scores in a sorted set")
        .complexity(
            "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements \
             popped.",
        )
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::SortedSet, Category::Fast])
        .keys(&[RW_ACCESS_DELETE_AT_1])
        .params(&[key("key", 0), integer("count").optional()]),
    Meta::new("zrandmember", -2, Group::SortedSet, "6.2.0")
        .summary("Get one or multiple random elements from a sorted set")
        .complexity("O(N) where N is the number of elements returned")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[
            key("key", 0),
            block("options", &[integer("count"), word("withscores", "WITHSCORES").optional()]).optional(),
        ]),
    Meta::new("zrange", -4, Group::SortedSet, "1.2.0")
        .summary("Return a range of members in a sorted set")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")])
        .params(&[
            key("key", 0),
            string("start"),
            string("stop"),
            oneof("sortby", &[word("byscore", "BYSCORE"), word("bylex", "BYLEX")]).since("6.2.0").optional(),
            word("rev", "REV").since("6.2.0").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").since("6.2.0").optional(),
            word("withscores", "WITHSCORES").optional(),
        ]),
    Meta::new("zrangebylex", -4, Group::SortedSet, "2.8.9")
        .summary("Return a range of members in a sorted set, by lexicographical range")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being \
             returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it \
             O(log(N)).",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument")
        .params(&[
            key("key", 0),
            string("min"),
            string("max"),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    Meta::new("zrangebyscore", -4, Group::SortedSet, "1.0.5")
        .summary("Return a range of members in a sorted set, by score")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being \
             returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it \
             O(log(N)).",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("2.0.0", "Added the `WITHSCORES` modifier.")])
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
        .params(&[
            key("key", 0),
            double("min"),
            double("max"),
            word("withscores", "WITHSCORES").since("2.0.0").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    Meta::new("zrangestore", -5, Group::SortedSet, "6.2.0")
        .summary("Store a range of members from sorted set into another key")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored \
             into the destination key.",
        )
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::SortedSet, Category::Slow])
        .keys(&[OW_UPDATE_AT_1, RO_ACCESS_AT_2])
        .params(&[
            key("dst", 0),
            key("src", 1),
            string("min"),
            string("max"),
            oneof("sortby", &[word("byscore", "BYSCORE"), word("bylex", "BYLEX")]).optional(),
            word("rev", "REV").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    Meta::new("zrank", -3, Group::SortedSet, "2.0.0")
        .summary("Determine the index of a member in a sorted set")
        .complexity("O(log(N))")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::SortedSet, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")])
        .params(&[key("key", 0), string("member"), word("withscore", "WITHSCORE").since("7.2.0").optional()]),
    Meta::new("zrem", -3, Group::SortedSet, "1.2.0")
        .summary("Remove one or more members from a sorted set")
        .complexity(
            "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be \
             removed.",
        )
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::SortedSet, Category::Fast])
        .keys(&[RW_DELETE_AT_1])
        .history(&[("2.4.0", "Accepts multiple elements.")])
        .params(&[key("key", 0), string("member").multiple()]),
    Meta::new("zremrangebylex", 4, Group::SortedSet, "2.8.9")
        .summary("Remove all members in a sorted set between the given lexicographical range")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by \
             the operation.",
        )
        .flags(&[Flag::Write])
        .acl(&[Category::Write, Category::SortedSet, Category::Slow])
        .keys(&[RW_DELETE_AT_1])
        .params(&[key("key", 0), string("min"), string("max")]),
    Meta::new("zremrangebyrank", 4, Group::SortedSet, "2.0.0")
        .summary("Remove all members in a sorted set within the given indexes")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by \
             the operation.",
        )
        .flags(&[Flag::Write])
        .acl(&[Category::Write, Category::SortedSet, Category::Slow])
        .keys(&[RW_DELETE_AT_1])
        .params(&[key("key", 0), integer("start"), integer("stop")]),
    Meta::new("zremrangebyscore", 4, Group::SortedSet, "1.2.0")
        .summary("Remove all members in a sorted set within the given scores")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by \
             the operation.",
        )
        .flags(&[Flag::Write])
        .acl(&[Category::Write, Category::SortedSet, Category::Slow])
        .keys(&[RW_DELETE_AT_1])
        .params(&[key("key", 0), double("min"), double("max")]),
    Meta::new("zrevrange", -4, Group::SortedSet, "1.2.0")
        .summary("Return a range of members in a sorted set, by index, with scores ordered from high to low")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument")
        .params(&[key("key", 0), integer("start"), integer("stop"), word("withscores", "WITHSCORES").optional()]),
    Meta::new("zrevrangebylex", -4, Group::SortedSet, "2.8.9")
        .summary(
            "Return a range of members in a sorted set, by lexicographical range, ordered from higher to lower \
             strings.",
        )
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being \
             returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it \
             O(log(N)).",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
        .params(&[
            key("key", 0),
            string("max"),
            string("min"),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    Meta::new("zrevrangebyscore", -4, Group::SortedSet, "2.2.0")
        .summary("Return a range of members in a sorted set, by score, with scores ordered from high to low")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being \
             returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it \
             O(log(N)).",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("2.1.6", "`min` and `max` can be exclusive.")])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
        .params(&[
            key("key", 0),
            double("max"),
            double("min"),
            word("withscores", "WITHSCORES").optional(),
            block("offset_count", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]),
    Meta::new("zrevrank", -3, Group::SortedSet, "2.0.0")
        .summary("Determine the index of a member in a sorted set, with scores ordered from high to low")
        .complexity("O(log(N))")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::SortedSet, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")])
        .params(&[key("key", 0), string("member"), word("withscore", "WITHSCORE").since("7.2.0").optional()]),
    Meta::new("zscan", -3, Group::SortedSet, "2.8.0")
        .summary("Incrementally iterate sorted sets elements and associated scores")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to \
             return back to 0. N is the number of elements inside the collection..",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .tips(&["nondeterministic_output"])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[
            key("key", 0),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
        ]),
    Meta::new("zscore", 3, Group::SortedSet, "1.2.0")
        .summary("Get the score associated with the given member in a sorted set")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::SortedSet, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), string("member")]),
    Meta::new("zunion", -3, Group::SortedSet, "6.2.0")
        .summary("Add multiple sorted sets")
        .complexity(
            "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of \
             elements in the resulting sorted set.",
        )
        .flags(&[Flag::Readonly, Flag::Movablekeys])
        .acl(&[Category::Read, Category::SortedSet, Category::Slow])
        .keys(&[RO_ACCESS_COUNTED_AT_1])
        .params(&[
            integer("numkeys"),
            key("key", 0).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            oneof("aggregate", &[word("sum", "SUM"), word("min", "MIN"), word("max", "MAX")])
                .token("AGGREGATE")
                .optional(),
            word("withscores", "WITHSCORES").optional(),
        ]),
    Meta::new("zunionstore", -4, Group::SortedSet, "2.0.0")
        .summary("Add multiple sorted sets and store the resulting sorted set in a new key")
        .complexity(
            "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of \
             elements in the resulting sorted set.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Movablekeys])
        .acl(&[Category::Write, Category::SortedSet, Category::Slow])
        .keys(&[OW_UPDATE_AT_1, RO_ACCESS_COUNTED_AT_2])
        .params(&[
            key("destination", 0),
            integer("numkeys"),
            key("key", 1).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            oneof("aggregate", &[word("sum", "SUM"), word("min", "MIN"), word("max", "MAX")])
                .token("AGGREGATE")
                .optional(),
        ]),
];
