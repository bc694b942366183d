//! From directives to behaviour: fills each room's own options from the configuration, at start and after CONFIG SET.
//! No room reads the configuration by itself.

use super::settle::{NOTIFY_KEYEVENT, NOTIFY_KEYSPACE};
use super::{Ask, Engine, Prepared};
use crate::config::{BufferLimit, Key, MemoryLimit};
use crate::keyspace::EventClass;
use crate::keyspace::evict::Policy;
use crate::object::Limits;

/// Who may use a protected command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protected {
    /// Nobody.
    #[default]
    No,
    /// Everybody.
    Yes,
    /// Clients on this machine.
    Local,
}

/// Directives that the engine needs at hand.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `protected-mode`.
    pub protected_mode: bool,
    /// `maxclients`.
    pub max_clients: usize,
    /// `maxmemory` in bytes; 0: no limit.
    pub max_memory: usize,
    /// `maxmemory-policy`.
    pub policy: Policy,
    /// `maxmemory-samples`.
    pub samples: usize,
    /// `maxmemory-clients` in bytes; 0: no limit.
    pub max_memory_clients: usize,
    /// `client-query-buffer-limit` in bytes.
    pub query_buffer_limit: usize,
    /// `client-output-buffer-limit` of normal, replica and pubsub clients.
    pub output_limits: [BufferLimit; 3],
    /// `notify-keyspace-events` as bits of [`EventClass`] and the two `NOTIFY_` bits.
    pub notify_classes: u32,
    /// `latency-tracking`.
    pub latency_tracking: bool,
    /// A command that takes this long is looked at for slow log and latency events, in nanoseconds.
    pub slow_ns: u64,
    /// `enable-debug-command`.
    pub enable_debug_command: Protected,
    /// `enable-module-command`.
    pub enable_module_command: Protected,
    /// `tracking-table-max-keys`.
    pub tracking_table_max_keys: usize,
    /// `timeout` in seconds; 0: never.
    pub idle_timeout_s: u64,
    /// `hz`.
    pub hz: u32,
    /// Replicas that keep in step, where some are asked for (`min-replicas-to-write`, `min-replicas-max-lag`).
    pub replicas_in_step: Option<usize>,
    /// Writes are refused, since there are fewer than were asked for.
    pub lacks_replicas: bool,
    /// `replica-read-only`.
    pub replica_read_only: bool,
    /// `replica-serve-stale-data`.
    pub serves_stale: bool,
    /// `replica-ignore-maxmemory`.
    pub leaves_eviction: bool,
    /// `unixsocket`.
    pub unix_socket: String,
}

impl Engine {
    /// Fills all options from the configuration.
    pub fn apply_all(&mut self) {
        let config = &self.config;
        let size = |key| config.integer(key).max(0) as usize;
        let policy = POLICIES[config.enum_index(Key::MaxmemoryPolicy) % POLICIES.len()];
        let protected = |key| match config.enum_name(key) {
            "yes" => Protected::Yes,
            "local" => Protected::Local,
            _ => Protected::No,
        };
        let slow_us = config.integer(Key::SlowlogLogSlowerThan);
        let spike_ms = config.integer(Key::LatencyMonitorThreshold).max(0) as u64;
        let slow_ns = if slow_us < 0 { u64::MAX } else { slow_us as u64 * 1000 };
        let spike_ns = if spike_ms == 0 { u64::MAX } else { spike_ms * 1_000_000 };
        let options = Options {
            protected_mode: config.boolean(Key::ProtectedMode),
            max_clients: size(Key::Maxclients),
            max_memory: size(Key::Maxmemory),
            policy,
            samples: size(Key::MaxmemorySamples).max(1),
            max_memory_clients: self.client_memory_limit(),
            query_buffer_limit: size(Key::ClientQueryBufferLimit),
            output_limits: config.output_buffer_limits(),
            notify_classes: self.notify_classes(),
            latency_tracking: config.boolean(Key::LatencyTracking),
            slow_ns: slow_ns.min(spike_ns),
            enable_debug_command: protected(Key::EnableDebugCommand),
            enable_module_command: protected(Key::EnableModuleCommand),
            tracking_table_max_keys: size(Key::TrackingTableMaxKeys),
            idle_timeout_s: size(Key::Timeout) as u64,
            hz: size(Key::Hz).clamp(1, 500) as u32,
            replicas_in_step: None,
            lacks_replicas: false,
            replica_read_only: config.boolean(Key::ReplicaReadOnly),
            serves_stale: config.boolean(Key::ReplicaServeStaleData),
            leaves_eviction: config.boolean(Key::ReplicaIgnoreMaxmemory),
            unix_socket: String::from_utf8_lossy(config.string(Key::Unixsocket)).into_owned(),
        };
        self.limits = Limits {
            hash_max_listpack_entries: size(Key::HashMaxListpackEntries),
            hash_max_listpack_value: size(Key::HashMaxListpackValue),
            set_max_intset_entries: size(Key::SetMaxIntsetEntries),
            zset_max_listpack_entries: size(Key::ZsetMaxListpackEntries),
            zset_max_listpack_value: size(Key::ZsetMaxListpackValue),
            list_max_listpack_size: config.integer(Key::ListMaxListpackSize) as i32,
            list_compress_depth: size(Key::ListCompressDepth) as u32,
            list_packed_threshold: self.debug.list_packed_threshold,
            skip_payload_checksum: self.debug.skip_checksums,
            hll_sparse_max_bytes: size(Key::HllSparseMaxBytes),
            stream_node_max_bytes: size(Key::StreamNodeMaxBytes),
            stream_node_max_entries: size(Key::StreamNodeMaxEntries),
            proto_max_bulk_len: size(Key::ProtoMaxBulkLen),
            output_max_bytes: config.output_buffer_limits()[0].hard_bytes as usize,
            shared_integers: size(Key::Maxmemory) == 0 || !(policy.is_lru() || policy.is_lfu()),
            ..Limits::default()
        };
        self.history.resize_backlog(size(Key::ReplBacklogSize));
        self.slowlog.threshold_us = slow_us;
        self.slowlog.max_len = size(Key::SlowlogMaxLen);
        self.slowlog.trim();
        self.acl.log.max_len = size(Key::AcllogMaxLen);
        self.acl.defaults.all_channels = config.enum_name(Key::AclPubsubDefault) == "allchannels";
        self.latency.threshold_ms = spike_ms;
        let access = &mut self.keyspace.access;
        access.lfu_log_factor = config.integer(Key::LfuLogFactor).max(0) as u32;
        access.lfu_decay_minutes = config.integer(Key::LfuDecayTime).max(0) as u32;
        if policy != self.options.policy {
            access.lfu = policy.is_lfu();
            self.eviction_pool.clear();
        }
        self.options = options;
        if let Some(incoming) = &self.following.incoming {
            let delay_us = self.config.integer(Key::KeyLoadDelay);
            incoming.progress.key_delay_us.store(delay_us, std::sync::atomic::Ordering::Relaxed);
        }
        self.count_replicas_in_step();
        self.follow_log_options();
        self.listening_changed();
    }

    /// Follows directives that CONFIG SET changed, and asks the rim to follow what only it can.
    pub fn apply_changed(&mut self, keys: Vec<Key>, prepared: Prepared) {
        if let Some(dir) = &prepared.dir {
            self.config.set_dir(dir);
        }
        self.apply_all();
        if keys.contains(&Key::Requirepass) {
            self.follow_requirepass();
        }
        if keys.contains(&Key::Maxmemory) && self.options.max_memory != 0 {
            let (limit, used) = (self.options.max_memory, self.used_memory().saturating_sub(self.memory_not_counted()));
            if limit < used {
                tracing::warn!(
                    "WARNING: the new maxmemory value set via CONFIG SET ({limit}) is smaller than the current memory \
                     usage ({used}). This will result in key eviction and/or the inability to accept new write commands \
                     depending on the maxmemory-policy."
                );
            }
            // After the command: what it takes itself is no reason to evict, and its consequences come first.
            self.evict_soon();
        }
        if keys.contains(&Key::AofDisableAutoGc)
            && !self.config.boolean(Key::AofDisableAutoGc)
            && let Some(log) = &self.durability.log
        {
            self.durability.history_removal = Some(log.remove_history());
        }
        self.evict_clients();
        self.asks.push(Ask::ConfigChanged { keys, prepared });
    }

    /// `maxmemory-clients`: bytes, or a percentage of `maxmemory`.
    fn client_memory_limit(&self) -> usize {
        match self.config.maxmemory_clients() {
            MemoryLimit::Bytes(bytes) => bytes as usize,
            MemoryLimit::PercentOfMaxmemory(percent) => {
                let max_memory = self.config.integer(Key::Maxmemory).max(0) as u128;
                (max_memory * percent as u128 / 100) as usize
            }
        }
    }

    fn notify_classes(&self) -> u32 {
        let events = self.config.notify_events();
        let letters = [
            (b'K', NOTIFY_KEYSPACE),
            (b'E', NOTIFY_KEYEVENT),
            (b'g', EventClass::Generic as u32),
            (b'$', EventClass::String as u32),
            (b'l', EventClass::List as u32),
            (b's', EventClass::Set as u32),
            (b'h', EventClass::Hash as u32),
            (b'z', EventClass::SortedSet as u32),
            (b'x', EventClass::Expired as u32),
            (b'e', EventClass::Evicted as u32),
            (b't', EventClass::Stream as u32),
            (b'm', EventClass::KeyMiss as u32),
            (b'd', EventClass::Module as u32),
            (b'n', EventClass::New as u32),
        ];
        let classes = letters.iter().filter(|(letter, _)| events.has(*letter)).fold(0, |bits, (_, bit)| bits | bit);
        // Classes alone publish nothing.
        if classes & (NOTIFY_KEYSPACE | NOTIFY_KEYEVENT) == 0 { 0 } else { classes }
    }
}

/// The policies in the order of the directive's words.
const POLICIES: [Policy; 8] = [
    Policy::VolatileLru,
    Policy::VolatileLfu,
    Policy::VolatileRandom,
    Policy::VolatileTtl,
    Policy::AllkeysLru,
    Policy::AllkeysLfu,
    Policy::AllkeysRandom,
    Policy::NoEviction,
];
