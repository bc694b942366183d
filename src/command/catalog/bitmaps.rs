//! The bitmap group: single bits, bit fields, and bitwise algebra on strings.

use super::terms::{
    OW_UPDATE_AT_2, RO_ACCESS_AT_1, RW_ACCESS_UPDATE_AT_1, block, integer, key, noted, oneof, string, word,
};
use crate::command::meta::{Category, Flag, Group, KeyFlag, KeySpec, Meta};

/// The commands, in order of their names.
pub static COMMANDS: &[Meta] = &[
    Meta::new("bitcount", -2, Group::Bitmap, "2.6.0")
        .summary("Count set bits in a string")
        .complexity("O(N)")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Bitmap, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
        .params(&[
            key("key", 0),
            block(
                "index",
                &[
                    integer("start"),
                    integer("end"),
                    oneof("index_unit", &[word("byte", "BYTE"), word("bit", "BIT")]).since("7.0.0").optional(),
                ],
            )
            .optional(),
        ]),
    Meta::new("bitfield", -2, Group::Bitmap, "3.2.0")
        .summary("Perform arbitrary bitfield integer operations on strings")
        .complexity("O(1) for each subcommand specified")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::Bitmap, Category::Slow])
        .keys(&[noted(
            KeySpec::range(&[KeyFlag::RW, KeyFlag::Access, KeyFlag::Update, KeyFlag::VariableFlags], 1, 0, 1),
            "This command allows both access and modification of the key",
        )])
        .params(&[
            key("key", 0),
            oneof(
                "operation",
                &[
                    block("encoding_offset", &[string("encoding"), integer("offset")]).token("GET"),
                    block(
                        "write",
                        &[
                            oneof("wrap_sat_fail", &[word("wrap", "WRAP"), word("sat", "SAT"), word("fail", "FAIL")])
                                .token("OVERFLOW")
                                .optional(),
                            oneof(
                                "write_operation",
                                &[
                                    block(
                                        "encoding_offset_value",
                                        &[string("encoding"), integer("offset"), integer("value")],
                                    )
                                    .token("SET"),
                                    block(
                                        "encoding_offset_increment",
                                        &[string("encoding"), integer("offset"), integer("increment")],
                                    )
                                    .token("INCRBY"),
                                ],
                            ),
                        ],
                    ),
                ],
            )
            .optional()
            .multiple(),
        ]),
    Meta::new("bitfield_ro", -2, Group::Bitmap, "6.0.0")
        .summary("Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD")
        .complexity("O(1) for each subcommand specified")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Bitmap, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[
            key("key", 0),
            block("encoding_offset", &[string("encoding"), integer("offset")])
                .token("GET")
                .optional()
                .multiple()
                .multiple_token(),
        ]),
    Meta::new("bitop", -4, Group::Bitmap, "2.6.0")
        .summary("Perform bitwise operations between strings")
        .complexity("O(N)")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::Bitmap, Category::Slow])
        .keys(&[OW_UPDATE_AT_2, KeySpec::range(&[KeyFlag::RO, KeyFlag::Access], 3, -1, 1)])
        .history(&[("8.2.0", "Added the `DIFF`, `DIFF1`, `ANDOR`, and `ONE` operations.")])
        .params(&[
            oneof(
                "operation",
                &[
                    word("and", "AND"),
                    word("or", "OR"),
                    word("xor", "XOR"),
                    word("not", "NOT"),
                    word("diff", "DIFF").since("8.2.0"),
                    word("diff1", "DIFF1").since("8.2.0"),
                    word("andor", "ANDOR").since("8.2.0"),
                    word("one", "ONE").since("8.2.0"),
                ],
            ),
            key("destkey", 0),
            key("key", 1).multiple(),
        ]),
    Meta::new("bitpos", -3, Group::Bitmap, "2.8.7")
        .summary("Find first bit set or clear in a string")
        .complexity("O(N)")
        .flags(&[Flag::Readonly])
        .acl(&[Category::Read, Category::Bitmap, Category::Slow])
        .keys(&[RO_ACCESS_AT_1])
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
        .params(&[
            key("key", 0),
            integer("bit"),
            block(
                "index",
                &[
                    integer("start"),
                    block(
                        "end_index",
                        &[
                            integer("end"),
                            oneof("index_unit", &[word("byte", "BYTE"), word("bit", "BIT")]).since("7.0.0").optional(),
                        ],
                    )
                    .optional(),
                ],
            )
            .optional(),
        ]),
    Meta::new("getbit", 3, Group::Bitmap, "2.2.0")
        .summary("Returns the bit value at offset in the string value stored at key")
        .complexity("O(1)")
        .flags(&[Flag::Readonly, Flag::Fast])
        .acl(&[Category::Read, Category::Bitmap, Category::Fast])
        .keys(&[RO_ACCESS_AT_1])
        .params(&[key("key", 0), integer("offset")]),
    Meta::new("setbit", 4, Group::Bitmap, "2.2.0")
        .summary("Sets or clears the bit at offset in the string value stored at key")
        .complexity("O(1)")
        .flags(&[Flag::Write, Flag::Denyoom])
        .acl(&[Category::Write, Category::Bitmap, Category::Slow])
        .keys(&[RW_ACCESS_UPDATE_AT_1])
        .params(&[key("key", 0), integer("offset"), integer("value")]),
];
