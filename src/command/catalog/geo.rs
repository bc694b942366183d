//! The geo group: places stored as scores of a sorted set.

use super::terms::{
    OW_UPDATE_AT_1, RO_ACCESS_AT_1, RO_ACCESS_AT_2, RW_UPDATE_AT_1, block, double, integer, key, oneof, string, word,
};
use crate::command::meta::{BeginSearch, Category, FindKeys, Flag, Group, KeyFlag, KeySpec, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("geoadd", -5, Group::Geo, "3.2.0")
        .summary("Add one or more geospatial items in the geospatial index represented using a sorted set")
        .complexity("O(log(N)) for each item added, where N is the number of elements in the sorted set.")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::Geo, Category::Slow])
        .keys(&[RW_UPDATE_AT_1])
        .history(&[("6.2.0", "Added the `CH`, `NX` and `XX` options.")])
        .params(&[
            key("key", 0),
            oneof("condition", &[word("nx", "NX"), word("xx", "XX")]).since("6.2.0").optional(),
            word("change", "CH").since("6.2.0").optional(),
            block("longitude_latitude_member", &[double("longitude"), double("latitude"), string("member")]).multiple(),
        ]),
    Meta::new("geodist", -4, Group::Geo, "3.2.0")
        .summary("Returns the distance between two members of a geospatial index")
        .complexity("O(log(N))")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Geo, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[
            key("key", 0),
            string("member1"),
            string("member2"),
            oneof("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]).optional(),
        ]),
    Meta::new("geohash", -2, Group::Geo, "3.2.0")
        .summary("Returns members of a geospatial index as standard geohash strings")
        .complexity("O(log(N)) for each member requested, where N is the number of elements in the sorted set.")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Geo, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), string("member").multiple()]),
    Meta::new("geopos", -2, Group::Geo, "3.2.0")
        .summary("Returns longitude and latitude of members of a geospatial index")
        .complexity("O(N) where N is the number of members requested.")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Geo, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), string("member").multiple()]),
    Meta::new("georadius", -6, Group::Geo, "3.2.0")
        .summary(
            "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance \
             from a point",
        )
        .complexity(
            "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by \
             center and radius and M is the number of items inside the index.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Movablekeys])
        .acl(&[Category::Write, Category::Geo, Category::Slow])
        .keys(&[
            RO_ACCESS_AT_1,
            KeySpec {
                flags: &[KeyFlag::OW, KeyFlag::Update],
                begin: BeginSearch::Keyword("STORE", 6),
                find: FindKeys::Range { last: 0, step: 1, limit: 0 },
                notes: "",
            },
            KeySpec {
                flags: &[KeyFlag::OW, KeyFlag::Update],
                begin: BeginSearch::Keyword("STOREDIST", 6),
                find: FindKeys::Range { last: 0, step: 1, limit: 0 },
                notes: "",
            },
        ])
        .history(&[
            ("6.2.0", "Added the `ANY` option for `COUNT`."),
            ("7.0.0", "Added support for uppercase unit names."),
        ])
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")
        .params(&[
            key("key", 0),
            double("longitude"),
            double("latitude"),
            double("radius"),
            oneof("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").since("6.2.0").optional()]).optional(),
            oneof("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            key("key", 1).token("STORE").optional(),
            key("key", 2).token("STOREDIST").optional(),
        ]),
    Meta::new("georadius_ro", -6, Group::Geo, "3.2.10")
        .summary("A read-only variant for GEORADIUS")
        .complexity(
            "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by \
             center and radius and M is the number of items inside the index.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Geo, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("6.2.0", "Added the `ANY` option for `COUNT`.")])
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")
        .params(&[
            key("key", 0),
            double("longitude"),
            double("latitude"),
            double("radius"),
            oneof("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").since("6.2.0").optional()]).optional(),
            oneof("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
        ]),
    Meta::new("georadiusbymember", -5, Group::Geo, "3.2.0")
        .summary(
            "Query a sorted set representing a geospatial index to fetch members matching a given maximum distance \
             from a member",
        )
        .complexity(
            "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by \
             center and radius and M is the number of items inside the index.",
        )
        .flags(&[Flag::Write, Flag::Denyoom, Flag::Movablekeys])
        .acl(&[Category::Write, Category::Geo, Category::Slow])
        .keys(&[
            RO_ACCESS_AT_1,
            KeySpec {
                flags: &[KeyFlag::OW, KeyFlag::Update],
                begin: BeginSearch::Keyword("STORE", 5),
                find: FindKeys::Range { last: 0, step: 1, limit: 0 },
                notes: "",
            },
            KeySpec {
                flags: &[KeyFlag::OW, KeyFlag::Update],
                begin: BeginSearch::Keyword("STOREDIST", 5),
                find: FindKeys::Range { last: 0, step: 1, limit: 0 },
                notes: "",
            },
        ])
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .params(&[
            key("key", 0),
            string("member"),
            double("radius"),
            oneof("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").optional()]).optional(),
            oneof("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            key("key", 1).token("STORE").optional(),
            key("key", 2).token("STOREDIST").optional(),
        ]),
    Meta::new("georadiusbymember_ro", -5, Group::Geo, "3.2.10")
        .summary("A read-only variant for GEORADIUSBYMEMBER")
        .complexity(
            "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by \
             center and radius and M is the number of items inside the index.",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Geo, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .params(&[
            key("key", 0),
            string("member"),
            double("radius"),
            oneof("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").optional()]).optional(),
            oneof("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
        ]),
    Meta::new("geosearch", -7, Group::Geo, "6.2.0")
        .summary(
            "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle.",
        )
        .complexity(
            "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape \
             provided as the filter and M is the number of items inside the shape",
        )
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Geo, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .params(&[
            key("key", 0),
            oneof(
                "from",
                &[
                    string("member").token("FROMMEMBER"),
                    block("longitude_latitude", &[double("longitude"), double("latitude")]).token("FROMLONLAT"),
                ],
            ),
            oneof(
                "by",
                &[
                    block(
                        "circle",
                        &[
                            double("radius").token("BYRADIUS"),
                            oneof("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                        ],
                    ),
                    block(
                        "box",
                        &[
                            double("width").token("BYBOX"),
                            double("height"),
                            oneof("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                        ],
                    ),
                ],
            ),
            oneof("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").optional()]).optional(),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
        ]),
    Meta::new("geosearchstore", -8, Group::Geo, "6.2.0")
        .summary(
            "Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle, \
             and store the result in another key.",
        )
        .complexity(
            "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape \
             provided as the filter and M is the number of items inside the shape",
        )
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::Geo, Category::Slow])
        .keys(&[OW_UPDATE_AT_1, RO_ACCESS_AT_2])
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .params(&[
            key("destination", 0),
            key("source", 1),
            oneof(
                "from",
                &[
                    string("member").token("FROMMEMBER"),
                    block("longitude_latitude", &[double("longitude"), double("latitude")]).token("FROMLONLAT"),
                ],
            ),
            oneof(
                "by",
                &[
                    block(
                        "circle",
                        &[
                            double("radius").token("BYRADIUS"),
                            oneof("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                        ],
                    ),
                    block(
                        "box",
                        &[
                            double("width").token("BYBOX"),
                            double("height"),
                            oneof("unit", &[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                        ],
                    ),
                ],
            ),
            oneof("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
            block("count", &[integer("count").token("COUNT"), word("any", "ANY").optional()]).optional(),
            word("storedist", "STOREDIST").optional(),
        ]),
];
