//! Directives: memory. How much memory may be used, what goes when it runs out, and when memory is given back.
//!
//! Owns rows of the table only; what a row's parts mean is in `table.rs`.

use super::super::key::Key;
use super::super::table::{INT_MAX, LONG_MAX, Section, ULONG_MAX, choice, int, memory, memory_or_percent, yes_no};

/// The rows, in the order of the example file.
pub(in crate::config) const SECTION: Section = Section {
    title: "Memory",
    intro: "How much memory may be used, what goes when it runs out, and when memory is given back.",
    rows: &[
        memory(Key::Maxmemory, "maxmemory", 0, ULONG_MAX, "0").works("Bytes that the data may take; 0 sets no limit."),
        choice(
            Key::MaxmemoryPolicy,
            "maxmemory-policy",
            &[
                "volatile-lru",
                "volatile-lfu",
                "volatile-random",
                "volatile-ttl",
                "allkeys-lru",
                "allkeys-lfu",
                "allkeys-random",
                "noeviction",
            ],
            "noeviction",
        )
        .works("Which keys make room when maxmemory is reached; noeviction refuses writes instead."),
        int(Key::MaxmemorySamples, "maxmemory-samples", 1, INT_MAX, "5")
            .works("How many keys are compared to choose one to evict."),
        int(Key::MaxmemoryEvictionTenacity, "maxmemory-eviction-tenacity", 0, 100, "10")
            .works("How long one eviction pass may take, from 0 (short) to 100 (until done)."),
        memory_or_percent(Key::MaxmemoryClients, "maxmemory-clients", "0").works(
            "Bytes that all client buffers together may take, or a percentage of maxmemory; 0 sets \
                 no limit.",
        ),
        int(Key::LfuLogFactor, "lfu-log-factor", 0, INT_MAX, "10").works("How slowly the access counter of LFU grows."),
        int(Key::LfuDecayTime, "lfu-decay-time", 0, INT_MAX, "1")
            .works("Minutes after which the access counter of LFU loses one."),
        int(Key::ActiveExpireEffort, "active-expire-effort", 1, 10, "1")
            .no_meaning("Effort spent on finding expired keys, 1 to 10; deadlines are kept in order here."),
        yes_no(Key::LazyfreeLazyEviction, "lazyfree-lazy-eviction", "no")
            .no_meaning("Frees evicted values in the background; big values always are."),
        yes_no(Key::LazyfreeLazyExpire, "lazyfree-lazy-expire", "no")
            .no_meaning("Frees expired values in the background; big values always are."),
        yes_no(Key::LazyfreeLazyServerDel, "lazyfree-lazy-server-del", "no")
            .no_meaning("Frees overwritten values in the background; big values always are."),
        yes_no(Key::LazyfreeLazyUserDel, "lazyfree-lazy-user-del", "no")
            .no_meaning("Makes DEL free in the background; big values always are."),
        yes_no(Key::LazyfreeLazyUserFlush, "lazyfree-lazy-user-flush", "no")
            .works("Makes FLUSHALL and FLUSHDB without an argument report as asynchronous."),
        yes_no(Key::Activerehashing, "activerehashing", "yes")
            .no_meaning("Spends idle time on rehashing; tables never rehash here."),
        yes_no(Key::JemallocBgThread, "jemalloc-bg-thread", "yes")
            .no_meaning("Lets the allocator jemalloc purge in a thread of its own."),
        yes_no(Key::Activedefrag, "activedefrag", "no")
            .no_meaning("Moves values to reduce fragmentation; cannot be turned on."),
        memory(Key::ActiveDefragIgnoreBytes, "active-defrag-ignore-bytes", 1, LONG_MAX, "104857600")
            .no_meaning("Fragmentation in bytes below which nothing is moved."),
        int(Key::ActiveDefragThresholdLower, "active-defrag-threshold-lower", 0, 1000, "10")
            .no_meaning("Percentage of fragmentation at which moving starts."),
        int(Key::ActiveDefragThresholdUpper, "active-defrag-threshold-upper", 0, 1000, "100")
            .no_meaning("Percentage of fragmentation at which moving is at full effort."),
        int(Key::ActiveDefragCycleMin, "active-defrag-cycle-min", 1, 99, "1")
            .no_meaning("Percentage of processor time at the lower threshold."),
        int(Key::ActiveDefragCycleMax, "active-defrag-cycle-max", 1, 99, "25")
            .no_meaning("Percentage of processor time at the upper threshold."),
        int(Key::ActiveDefragMaxScanFields, "active-defrag-max-scan-fields", 1, LONG_MAX, "1000")
            .no_meaning("Members of a collection moved in one step."),
    ],
};
