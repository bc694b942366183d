//! The thresholds that govern encodings and lengths, filled from the configuration.

/// Limits of encodings and lengths, with the defaults of Redis 7.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `hash-max-listpack-entries`: most fields of a packed hash.
    pub hash_max_listpack_entries: usize,
    /// `hash-max-listpack-value`: longest field or value of a packed hash, in bytes.
    pub hash_max_listpack_value: usize,
    /// `set-max-intset-entries`: most members of an intset.
    pub set_max_intset_entries: usize,
    /// `set-max-listpack-entries`: most members of a packed set.
    pub set_max_listpack_entries: usize,
    /// `set-max-listpack-value`: longest member of a packed set, in bytes.
    pub set_max_listpack_value: usize,
    /// `zset-max-listpack-entries`: most members of a packed sorted set.
    pub zset_max_listpack_entries: usize,
    /// `zset-max-listpack-value`: longest member of a packed sorted set, in bytes.
    pub zset_max_listpack_value: usize,
    /// `list-max-listpack-size`: entries of a list's block, or -1..-5 for 4..64 KiB.
    pub list_max_listpack_size: i32,
    /// `list-compress-depth`: blocks at each end of a list that stay uncompressed; 0 for all.
    pub list_compress_depth: u32,
    /// Bytes from which a list's element has a block of its own; 0: the default.
    pub list_packed_threshold: usize,
    /// RESTORE takes payloads whose checksum is wrong (DEBUG SET-SKIP-CHECKSUM-VALIDATION).
    pub skip_payload_checksum: bool,
    /// `hll-sparse-max-bytes`: longest sparse HyperLogLog, in bytes.
    pub hll_sparse_max_bytes: usize,
    /// `stream-node-max-bytes`: bytes in one block of a stream; 0: no limit.
    pub stream_node_max_bytes: usize,
    /// `stream-node-max-entries`: entries in one block of a stream; 0: no limit.
    pub stream_node_max_entries: usize,
    /// `proto-max-bulk-len`: longest string in bytes.
    pub proto_max_bulk_len: usize,
    /// Bytes of output beyond which an ordinary client is closed; 0: no limit. A handler that can write any amount stops
    /// there.
    pub output_max_bytes: usize,
    /// Whether Redis would share small integers among keys: OBJECT REFCOUNT tells. Nothing is shared here, where an
    /// integer takes no memory of its own.
    pub shared_integers: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            list_max_listpack_size: -2,
            list_compress_depth: 0,
            list_packed_threshold: 0,
            skip_payload_checksum: false,
            hll_sparse_max_bytes: 3000,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
            proto_max_bulk_len: 512 * 1024 * 1024,
            output_max_bytes: 0,
            shared_integers: true,
        }
    }
}
