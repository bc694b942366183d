//! INFO: memory. The figures are shared with MEMORY STATS and MEMORY DOCTOR.

use crate::base::ids::DbIndex;
use crate::client::ClientFlags;
use crate::config::Key;
use crate::engine::{Engine, Usage};
use crate::observe::InfoWriter;
use crate::observe::info_writer::human_bytes;
use crate::structs::alloc;
use std::sync::atomic::Ordering;

/// Bytes of a record that hold its deadline.
const DEADLINE_BYTES: usize = 8;

/// Memory of one database that is not keys or values.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::commands) struct DatabaseFigures {
    /// Its number.
    pub index: u32,
    /// Bytes of the table's nodes.
    pub table_bytes: usize,
    /// Bytes of deadlines.
    pub deadline_bytes: usize,
}

#[derive(Default)]
/// Where the memory goes. Collecting it takes a look at every client, and none at keys.
pub(in crate::engine::commands) struct MemoryFigures {
    /// Bytes allocated.
    pub used: usize,
    /// Bytes that were allocated when the server began to serve.
    pub startup: usize,
    /// Most bytes ever allocated.
    pub peak: usize,
    /// Bytes of clients and their buffers, replicas left out.
    pub clients: usize,
    /// Bytes of replicas with what is on its way to them.
    pub replicas: usize,
    /// Bytes of the backlog.
    pub backlog: usize,
    /// The databases that have keys.
    pub databases: Vec<DatabaseFigures>,
    /// Bytes of the cache of scripts.
    pub scripts: usize,
    /// Bytes of function libraries.
    pub libraries: usize,
    /// Number of keys.
    pub keys: usize,
    /// Bytes that are not the data's.
    pub overhead: usize,
    /// Bytes of the data.
    pub dataset: usize,
    /// What the process takes from the system.
    pub usage: Usage,
}

impl MemoryFigures {
    /// The figures of now.
    pub fn of(engine: &Engine) -> MemoryFigures {
        let used = engine.used_memory();
        let of_clients = |replicas: bool| {
            let some = engine.clients.iter().map(|(_, client)| client);
            let some = some.filter(|client| client.flags.contains(ClientFlags::REPLICA) == replicas);
            some.map(|client| client.memory_bytes()).sum::<usize>()
        };
        let clients = of_clients(false);
        let kept = if engine.replicas.is_empty() { 0 } else { engine.history.kept_bytes() };
        let replicas = of_clients(true) + kept;
        let databases: Vec<DatabaseFigures> = (0..engine.keyspace.databases() as u32)
            .map(|index| (index, engine.keyspace.table(DbIndex(index))))
            .filter(|(_, table)| !table.is_empty())
            .map(|(index, table)| DatabaseFigures {
                index,
                table_bytes: table.alloc_bytes(),
                deadline_bytes: table.len_with_deadline() * DEADLINE_BYTES,
            })
            .collect();
        let tables: usize = databases.iter().map(|db| db.table_bytes + db.deadline_bytes).sum();
        let host = engine.scripting.host.borrow();
        let (scripts, libraries) = (host.cache_bytes(), host.libraries.bytes());
        let backlog = engine.history.alloc_bytes() - kept;
        let overhead = engine.startup_memory + clients + replicas + backlog + tables + scripts + libraries;
        MemoryFigures {
            used,
            startup: engine.startup_memory,
            peak: engine.stats.peak_memory.max(used),
            clients,
            replicas,
            backlog,
            databases,
            scripts,
            libraries,
            keys: engine.keyspace.total_keys(),
            overhead,
            dataset: used.saturating_sub(overhead),
            usage: (engine.senses.usage)(),
        }
    }

    /// Bytes allocated since the server began to serve, at least 1.
    fn net(&self) -> usize {
        self.used.saturating_sub(self.startup).max(1)
    }

    /// The data's share of what was allocated since the start, in percent.
    pub fn dataset_percent(&self) -> f64 {
        self.dataset as f64 * 100.0 / self.net() as f64
    }

    /// Bytes a key takes in the mean, with its share of everything.
    pub fn bytes_per_key(&self) -> usize {
        self.net() / self.keys.max(1) * usize::from(self.keys > 0)
    }

    /// What is used now in percent of the peak.
    pub fn peak_percent(&self) -> f64 {
        self.used as f64 * 100.0 / self.peak.max(1) as f64
    }

    /// Bytes the allocator holds ready above those in use, as a ratio and a difference.
    pub fn allocator_fragmentation(&self) -> (f64, i64) {
        compare(self.usage.heap_bytes, self.used as u64)
    }

    /// Resident bytes of heap and stacks against those the allocator holds ready.
    pub fn allocator_residence(&self) -> (f64, i64) {
        compare(self.usage.anonymous_bytes, self.usage.heap_bytes)
    }

    /// All resident bytes against those of heap and stacks.
    pub fn process_residence(&self) -> (f64, i64) {
        compare(self.usage.resident_bytes, self.usage.anonymous_bytes)
    }

    /// All resident bytes against those allocated.
    pub fn fragmentation(&self) -> (f64, i64) {
        compare(self.usage.resident_bytes, self.used as u64)
    }
}

fn compare(larger: u64, smaller: u64) -> (f64, i64) {
    (larger as f64 / smaller.max(1) as f64, larger as i64 - smaller as i64)
}

/// The allocator's name and version.
pub(in crate::engine::commands) fn allocator() -> String {
    format!("mimalloc-{}", alloc::version())
}

pub(super) fn memory(engine: &Engine, out: &mut InfoWriter) {
    let figures = MemoryFigures::of(engine);
    let usage = figures.usage;
    out.section("Memory");
    out.bytes("used_memory", figures.used as u64);
    out.bytes("used_memory_rss", usage.resident_bytes);
    out.bytes("used_memory_peak", figures.peak as u64);
    out.field("used_memory_peak_perc", format_args!("{:.2}%", figures.peak_percent()));
    out.field("used_memory_overhead", figures.overhead);
    out.field("used_memory_startup", figures.startup);
    out.field("used_memory_dataset", figures.dataset);
    out.field("used_memory_dataset_perc", format_args!("{:.2}%", figures.dataset_percent()));
    out.field("allocator_allocated", figures.used);
    out.field("allocator_active", usage.heap_bytes);
    out.field("allocator_resident", usage.anonymous_bytes);
    out.bytes("total_system_memory", engine.facts.total_memory);
    scripts(engine, out);
    out.bytes("maxmemory", engine.options.max_memory as u64);
    out.field("maxmemory_policy", engine.config.enum_name(Key::MaxmemoryPolicy));
    for (name, (ratio, bytes)) in [
        ("allocator_frag", figures.allocator_fragmentation()),
        ("allocator_rss", figures.allocator_residence()),
        ("rss_overhead", figures.process_residence()),
        ("mem_fragmentation", figures.fragmentation()),
    ] {
        out.ratio(&format!("{name}_ratio"), ratio);
        out.field(&format!("{name}_bytes"), bytes);
    }
    let pending = engine.reclaim_pending.values.load(Ordering::Relaxed) + waiting(engine);
    out.fields(&[
        ("mem_not_counted_for_evict", &engine.memory_not_counted()),
        ("mem_replication_backlog", &figures.backlog),
        ("mem_total_replication_buffers", &engine.history.alloc_bytes()),
        ("mem_clients_slaves", &figures.replicas),
        ("mem_clients_normal", &figures.clients),
        ("mem_cluster_links", &0),
        ("mem_aof_buffer", &0),
        ("mem_allocator", &allocator()),
        ("active_defrag_running", &0),
        ("lazyfree_pending_objects", &pending),
        ("lazyfreed_objects", &engine.stats.reclaimed.saturating_sub(pending)),
    ]);
}

/// Dropped values that are still to be handed to the reclaim thread.
fn waiting(engine: &Engine) -> u64 {
    engine.keyspace.garbage.iter().map(|garbage| garbage.len() as u64).sum()
}

/// What interpreters and what is loaded into them take.
fn scripts(engine: &Engine, out: &mut InfoWriter) {
    let host = engine.scripting.host.borrow();
    let (evals, calls) = (host.eval_bytes() as u64, host.call_bytes() as u64);
    let (cache, libraries) = (host.cache_bytes() as u64, host.libraries.bytes() as u64);
    out.fields(&[
        ("used_memory_lua", &evals),
        ("used_memory_vm_eval", &evals),
        ("used_memory_lua_human", &human_bytes(evals)),
        ("used_memory_scripts_eval", &cache),
        ("number_of_cached_scripts", &host.cached()),
        ("number_of_functions", &host.libraries.functions()),
        ("number_of_libraries", &host.libraries.len()),
        ("used_memory_vm_functions", &calls),
    ]);
    out.bytes("used_memory_vm_total", evals + calls);
    out.field("used_memory_functions", libraries);
    out.bytes("used_memory_scripts", cache + libraries);
}
