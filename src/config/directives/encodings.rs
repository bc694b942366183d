//! Directives: encodings. Up to what size a collection stays one packed block, and how large the blocks are after that.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{INT_MAX, INT_MIN, LONG_MAX, Section, int, memory};

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "Encodings",
    intro: "Up to what size a collection stays one packed block, and how large the blocks are after that.",
    rows: &[
        int(Key::HashMaxListpackEntries, "hash-max-listpack-entries", 0, LONG_MAX, "512")
            .alias("hash-max-ziplist-entries")
            .works("Fields up to which a hash is one packed block."),
        memory(Key::HashMaxListpackValue, "hash-max-listpack-value", 0, LONG_MAX, "64")
            .alias("hash-max-ziplist-value")
            .works("Bytes up to which a field or value fits a packed hash."),
        int(Key::ListMaxListpackSize, "list-max-listpack-size", INT_MIN, INT_MAX, "-2")
            .alias("list-max-ziplist-size")
            .works("Size of one block of a list: entries when positive; -1 to -5 mean 4, 8, 16, 32 and 64 KiB."),
        int(Key::ListCompressDepth, "list-compress-depth", 0, INT_MAX, "0")
            .works("Blocks at each end of a list that are never compressed; 0 compresses none."),
        int(Key::SetMaxIntsetEntries, "set-max-intset-entries", 0, LONG_MAX, "512")
            .works("Members up to which a set of integers is a sorted array."),
        int(Key::ZsetMaxListpackEntries, "zset-max-listpack-entries", 0, LONG_MAX, "128")
            .alias("zset-max-ziplist-entries")
            .works("Members up to which a sorted set is one packed block."),
        memory(Key::ZsetMaxListpackValue, "zset-max-listpack-value", 0, LONG_MAX, "64")
            .alias("zset-max-ziplist-value")
            .works("Bytes up to which a member fits a packed sorted set."),
        memory(Key::HllSparseMaxBytes, "hll-sparse-max-bytes", 0, LONG_MAX, "3000")
            .works("Bytes up to which a HyperLogLog keeps its sparse form."),
        memory(Key::StreamNodeMaxBytes, "stream-node-max-bytes", 0, LONG_MAX, "4096")
            .works("Bytes in one block of a stream; 0 sets no limit."),
        int(Key::StreamNodeMaxEntries, "stream-node-max-entries", 0, LONG_MAX, "100")
            .works("Entries in one block of a stream; 0 sets no limit."),
    ],
};
