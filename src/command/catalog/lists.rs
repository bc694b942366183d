//! The list group: pushing, popping, moving and waiting for elements.

use super::terms::{
    RO_ACCESS_AT_1, RO_AT_1, RW_ACCESS_DELETE_AT_1, RW_ACCESS_DELETE_COUNTED_AT_1, RW_ACCESS_DELETE_COUNTED_AT_2,
    RW_ACCESS_DELETE_FROM_1_BUT_LAST, RW_DELETE_AT_1, RW_INSERT_AT_1, RW_INSERT_AT_2, RW_UPDATE_AT_1, double, integer,
    key, oneof, string, word,
};
use crate::command::meta::{Category, Flag, Group, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("blmove", 6, Group::List, "6.2.0")
        .summary("Pop an element from a list, push it to another list and return it; or block until one is available")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Noscript, Flag::Blocking])
        .acl(&[Category::Write, Category::List, Category::Slow, Category::Blocking])
        .keys(&[RW_ACCESS_DELETE_AT_1, RW_INSERT_AT_2])
        .params(&[
            key("source", 0),
            key("destination", 1),
            oneof("wherefrom", &[word("left", "LEFT"), word("right", "RIGHT")]),
            oneof("whereto", &[word("left", "LEFT"), word("right", "RIGHT")]),
            double("timeout"),
        ]),
    Meta::new("blmpop", -5, Group::List, "7.0.0")
        .summary("Pop elements from a list, or block until one is available")
        .complexity("O(N+M) where N is the number of provided keys and M is the number of elements returned.")
        .flags(&[Flag::Write, Flag::Blocking, Flag::Movablekeys])
        .acl(&[Category::Write, Category::List, Category::Slow, Category::Blocking])
        .keys(&[RW_ACCESS_DELETE_COUNTED_AT_2])
        .params(&[
            double("timeout"),
            integer("numkeys"),
            key("key", 0).multiple(),
            oneof("where", &[word("left", "LEFT"), word("right", "RIGHT")]),
            integer("count").token("COUNT").optional(),
        ]),
    Meta::new("blpop", -3, Group::List, "2.0.0")
        .summary("Remove and get the first element in a list, or block until one is available")
        .complexity("O(N) where N is the number of provided keys.")
        .flags(&[Flag::Write, Flag::Noscript, Flag::Blocking])
        .acl(&[Category::Write, Category::List, Category::Slow, Category::Blocking])
        .keys(&[RW_ACCESS_DELETE_FROM_1_BUT_LAST])
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .params(&[key("key", 0).multiple(), double("timeout")]),
    Meta::new("brpop", -3, Group::List, "2.0.0")
        .summary("Remove and get the last element in a list, or block until one is available")
        .complexity("O(N) where N is the number of provided keys.")
        .flags(&[Flag::Write, Flag::Noscript, Flag::Blocking])
        .acl(&[Category::Write, Category::List, Category::Slow, Category::Blocking])
        .keys(&[RW_ACCESS_DELETE_FROM_1_BUT_LAST])
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .params(&[key("key", 0).multiple(), double("timeout")]),
    Meta::new("brpoplpush", 4, Group::List, "2.2.0")
        .summary("Pop an element from a list, push it to another list and return it; or block until one is available")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Noscript, Flag::Blocking])
        .acl(&[Category::Write, Category::List, Category::Slow, Category::Blocking])
        .keys(&[RW_ACCESS_DELETE_AT_1, RW_INSERT_AT_2])
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")
        .params(&[key("source", 0), key("destination", 1), double("timeout")]),
    Meta::new("lindex", 3, Group::List, "1.0.0")
        .summary("Get an element from a list by its index")
        .complexity(
            "O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for \
             the first or the last element of the list O(1).",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::List, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), integer("index")]),
    Meta::new("linsert", 5, Group::List, "2.2.0")
        .summary("Insert an element before or after another element in a list")
        .complexity(
            "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that \
             inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on \
             the right end (tail) is O(N).",
        )
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::List, Category::Slow])
        .keys(&[RW_INSERT_AT_1])
        .params(&[
            key("key", 0),
            oneof("where", &[word("before", "BEFORE"), word("after", "AFTER")]),
            string("pivot"),
            string("element"),
        ]),
    Meta::new("llen", 2, Group::List, "1.0.0")
        .summary("Get the length of a list")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::List, Category::Fast])
        .keys(&[RO_AT_1])
        .params(&[key("key", 0)]),
    Meta::new("lmove", 5, Group::List, "6.2.0")
        .summary("Pop an element from a list, push it to another list and return it")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::List, Category::Slow])
        .keys(&[RW_ACCESS_DELETE_AT_1, RW_INSERT_AT_2])
        .params(&[
            key("source", 0),
            key("destination", 1),
            oneof("wherefrom", &[word("left", "LEFT"), word("right", "RIGHT")]),
            oneof("whereto", &[word("left", "LEFT"), word("right", "RIGHT")]),
        ]),
    Meta::new("lmpop", -4, Group::List, "7.0.0")
        .summary("Pop elements from a list")
        .complexity("O(N+M) where N is the number of provided keys and M is the number of elements returned.")
        .flags(&[Flag::Write, Flag::Movablekeys])
        .acl(&[Category::Write, Category::List, Category::Slow])
        .keys(&[RW_ACCESS_DELETE_COUNTED_AT_1])
        .params(&[
            integer("numkeys"),
            key("key", 0).multiple(),
            oneof("where", &[word("left", "LEFT"), word("right", "RIGHT")]),
            integer("count").token("COUNT").optional(),
        ]),
    Meta::new("lpop", -2, Group::List, "1.0.0")
        .summary("Remove and get the first elements in a list")
        .complexity("O(N) where N is the number of elements returned")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::List, Category::Fast])
        .keys(&[RW_ACCESS_DELETE_AT_1])
        .history(&[("6.2.0", "Added the `count` argument.")])
        .params(&[key("key", 0), integer("count").since("6.2.0").optional()]),
    Meta::new("lpos", -3, Group::List, "6.0.6")
        .summary("Return the index of matching elements on a list")
        .complexity(
            "O(N) where N is the number of elements in the list, for the average case. When searching for elements \
             near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in \
             constant time.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::List, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[
            key("key", 0),
            string("element"),
            integer("rank").token("RANK").optional(),
            integer("num-matches").token("COUNT").optional(),
            integer("len").token("MAXLEN").optional(),
        ]),
    Meta::new("lpush", -3, Group::List, "1.0.0")
        .summary("Prepend one or multiple elements to a list")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
             arguments.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::List, Category::Fast])
        .keys(&[RW_INSERT_AT_1])
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")])
        .params(&[key("key", 0), string("element").multiple()]),
    Meta::new("lpushx", -3, Group::List, "2.2.0")
        .summary("Prepend an element to a list, only if the list exists")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
             arguments.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::List, Category::Fast])
        .keys(&[RW_INSERT_AT_1])
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")])
        .params(&[key("key", 0), string("element").multiple()]),
    Meta::new("lrange", 4, Group::List, "1.0.0")
        .summary("Get a range of elements from a list")
        .complexity(
            "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) \
             for large lists; and N is the number of elements in the specified range.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::List, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), integer("start"), integer("stop")]),
    Meta::new("lrem", 4, Group::List, "1.0.0")
        .summary("Remove elements from a list")
        .complexity("O(N+M) where N is the length of the list and M is the number of elements removed.")
        .flags(&[Flag::Write])
        .acl(&[Category::Write, Category::List, Category::Slow])
        .keys(&[RW_DELETE_AT_1])
        .params(&[key("key", 0), integer("count"), string("element")]),
    Meta::new("lset", 4, Group::List, "1.0.0")
        .summary("Set the value of an element in a list by its index")
        .complexity(
            "O(N) where N is the length of the list. Setting either the first or the last element of the list is \
             O(1).",
        )
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::List, Category::Slow])
        .keys(&[RW_UPDATE_AT_1])
        .params(&[key("key", 0), integer("index"), string("element")]),
    Meta::new("ltrim", 4, Group::List, "1.0.0")
        .summary("Trim a list to the specified range")
        .complexity("O(N) where N is the number of elements to be removed by the operation.")
        .flags(&[Flag::Write])
        .acl(&[Category::Write, Category::List, Category::Slow])
        .keys(&[RW_DELETE_AT_1])
        .params(&[key("key", 0), integer("start"), integer("stop")]),
    Meta::new("rpop", -2, Group::List, "1.0.0")
        .summary("Remove and get the last elements in a list")
        .complexity("O(N) where N is the number of elements returned")
        .flags(&[Flag::Write, Flag::Fast])
        .acl(&[Category::Write, Category::List, Category::Fast])
        .keys(&[RW_ACCESS_DELETE_AT_1])
        .history(&[("6.2.0", "Added the `count` argument.")])
        .params(&[key("key", 0), integer("count").since("6.2.0").optional()]),
    Meta::new("rpoplpush", 3, Group::List, "1.2.0")
        .summary("Remove the last element in a list, prepend it to another list and return it")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::List, Category::Slow])
        .keys(&[RW_ACCESS_DELETE_AT_1, RW_INSERT_AT_2])
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")
        .params(&[key("source", 0), key("destination", 1)]),
    Meta::new("rpush", -3, Group::List, "1.0.0")
        .summary("Append one or multiple elements to a list")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
             arguments.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::List, Category::Fast])
        .keys(&[RW_INSERT_AT_1])
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")])
        .params(&[key("key", 0), string("element").multiple()]),
    Meta::new("rpushx", -3, Group::List, "2.2.0")
        .summary("Append an element to a list, only if the list exists")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
             arguments.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Fast])
        .acl(&[Category::Write, Category::List, Category::Fast])
        .keys(&[RW_INSERT_AT_1])
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")])
        .params(&[key("key", 0), string("element").multiple()]),
];
