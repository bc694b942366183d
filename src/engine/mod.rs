//! The engine: sole owner of all state. Bytes become effects here: [`Engine::execute`] takes one request through
//! lookup, gate, run and settle, and leaves replies in the clients' output buffers. It never waits, reads no clock
//! but the one it is given, and opens no file; what must happen outside it leaves in [`Engine::asks`].
//!
//! Start reading at `run.rs`.

pub mod access;
pub mod apply;
pub mod blocking;
#[cfg(test)]
mod command_page;
pub mod commands;
pub mod context;
pub mod cron;
pub mod debugging;
pub mod durability;
pub mod failover;
pub mod farewell;
pub mod following;
pub mod gate;
pub mod intake;
pub mod loaded_history;
pub mod log_control;
pub mod memory;
pub mod migration;
pub mod monitor;
mod names;
mod own_deadlines;
pub mod primary_stream;
pub mod propagate;
mod replica_stream;
pub mod replicas;
pub mod run;
pub mod scripting;
pub mod settle;
pub mod table;
pub mod tracking;
pub mod watch;

use crate::acl::Acl;
use crate::base::ids::{ClientId, DbIndex, UnixMs};
use crate::client::{Client, ClientFlags, Endpoints};
use crate::command::Effects;
use crate::config::{Config, Key};
use crate::keyspace::evict::EvictionPool;
use crate::keyspace::{Garbage, Keyspace};
use crate::object::Limits;
use crate::observe::{LatencyMonitor, ServerStats, SlowLog};
use crate::pubsub::PubSub;
use crate::replication::history::{History, ReplicationId};
use blocking::Blocking;
use slab::Slab;
use std::collections::BTreeMap;
use table::CommandTable;
use watch::Watches;

/// The engine's handle of a client; free to be used again once the client is gone.
pub type ClientIndex = usize;

/// Something that only the rim can do.
#[derive(Debug)]
pub enum Ask {
    /// End the process (SHUTDOWN).
    Shutdown {
        /// How, as far as files are concerned.
        how: ShutdownHow,
        /// Who asked, to be told if it fails.
        client: Option<ClientIndex>,
    },
    /// Keys are to be sent to another server.
    Migrate(Box<migration::Shipment>),
    /// Directives changed that the rim has to follow: listeners, limits of files, the log.
    ConfigChanged {
        /// Which.
        keys: Vec<Key>,
        /// What the rim got ready for it.
        prepared: Prepared,
    },
    /// Connect to the primary.
    FollowPrimary(Box<following::LinkOrder>),
    /// Stop trying to.
    LeavePrimary,
    /// The server has become a replica, or a primary.
    RoleChanged,
    /// Send what is for a client in fewer, later packets (`repl-disable-tcp-nodelay`).
    GatherPackets(ClientIndex),
    /// Give free memory back to the system, since much was freed.
    TrimMemory,
    /// Kill the process as DEBUG PANIC asks.
    Crash,
    /// Let it crash as if it had gone astray in memory (DEBUG SEGFAULT).
    Fault,
}

/// What SHUTDOWN was told about saving and waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShutdownHow {
    /// SAVE.
    pub save: bool,
    /// NOSAVE.
    pub nosave: bool,
    /// NOW.
    pub now: bool,
    /// FORCE.
    pub force: bool,
}

impl ShutdownHow {
    /// From the bits of `shutdown-on-sigterm` and its like.
    pub fn from_bits(bits: u32) -> ShutdownHow {
        let set = |bit| bits & bit != 0;
        ShutdownHow { save: set(1), nosave: set(2), now: set(4), force: set(8) }
    }
}

/// CLIENT PAUSE: until when, and what. The server holds writes itself while it takes leave of replicas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pause {
    /// Until when; 0: not paused.
    pub until: UnixMs,
    /// Every command, not only writes.
    pub all: bool,
    /// Writes are held whatever clients ask for.
    pub holds_writes: bool,
}

impl Pause {
    /// Whether there may be anything to hold.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.until.0 != 0 || self.holds_writes
    }
}

/// What the rim tells the engine once, at start.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Path of the executable.
    pub executable: String,
    /// Path of the configuration file, or "".
    pub config_file: String,
    /// Process id.
    pub process_id: u32,
    /// When the process started.
    pub started_at: UnixMs,
    /// 40 hex digits, new at each start.
    pub run_id: String,
    /// `uname` in short.
    pub os: String,
    /// Physical memory in bytes.
    pub total_memory: u64,
}

/// CPU seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuTime {
    /// In the kernel.
    pub system_s: f64,
    /// Outside it.
    pub user_s: f64,
}

/// A measurement only the rim can take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// CPU time of the whole process.
    pub process: CpuTime,
    /// CPU time of the loop's thread.
    pub event_loop: CpuTime,
    /// Bytes of the process in physical memory.
    pub resident_bytes: u64,
    /// Those of them that belong to no file: heap and stacks.
    pub anonymous_bytes: u64,
    /// Those of them that the allocator holds, in use or not.
    pub heap_bytes: u64,
}

/// What the rim got ready for a change of directives before it was answered: bound sockets, say. Opaque to the engine,
/// which hands it back with [`Ask::ConfigChanged`].
#[derive(Debug, Default)]
pub struct Prepared {
    /// The rim's own.
    pub handle: Option<Box<dyn std::any::Any>>,
    /// The real path of `dir`, when that changed.
    pub dir: Option<Vec<u8>>,
}

/// Why a change of directives cannot be followed: the key that is to blame and the reason for the client.
pub type Unprepared = (Key, String);

/// What a thread is to do.
pub type Work = Box<dyn FnOnce() + Send>;

/// Functions the rim lends to the engine, so that it can be run under a simulated clock.
#[derive(Clone, Copy)]
pub struct Senses {
    /// A monotonic clock in nanoseconds.
    pub monotonic_ns: fn() -> u64,
    /// The time of day.
    pub unix_us: fn() -> i64,
    /// CPU and memory of the process.
    pub usage: fn() -> Usage,
    /// Bytes allocated now.
    pub used_memory: fn() -> usize,
    /// Gives memory that is free inside the allocator back to the system.
    pub purge_memory: fn(),
    /// Serves the clients other than the one whose script is running, once and without waiting.
    pub serve_others: fn(&mut Engine),
    /// Waits until a client has sent something and appends it, past the runtime; the others are served meanwhile. False:
    /// nothing more will come.
    pub receive: fn(&mut Engine, ClientIndex, &mut Vec<u8>) -> bool,
    /// Runs something on a thread of this name. Errors: the reason why there is none.
    pub spawn: fn(&str, Work) -> Result<(), String>,
    /// Sends records to another server while everything waits; the positions of those that are there.
    pub migrate: fn(&migration::Target, &[crate::object::Object]) -> (migration::Delivery, Vec<usize>),
    /// Holds the whole server for this long (DEBUG SLEEP).
    pub sleep: fn(std::time::Duration),
    /// Does of a change of directives what may fail, and leaves all as it was when it does: old settings, new ones,
    /// and the keys that differ. Errors: the key that is to blame and the reason.
    pub prepare: fn(&Config, &Config, &[Key]) -> Result<Prepared, Unprepared>,
    /// Writes the configuration file at this path anew. Errors: the reason.
    pub rewrite_config: fn(&str, &Config, bool) -> Result<(), String>,
    /// The bytes of the file at this path. Errors: the reason.
    pub read_file: fn(&str) -> Result<Vec<u8>, String>,
    /// Puts these bytes in place of the file at this path, whole or not at all. Errors: the reason.
    pub replace_file: fn(&str, &[u8]) -> Result<(), String>,
    /// Fills with randomness that nobody can foretell. Errors: the reason.
    pub random_bytes: fn(&mut [u8]) -> Result<(), String>,
}

/// Why a server cannot be started with its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// The `rename-command` line at this position, and what is wrong with it.
    Renamed(usize, &'static str),
    /// The `user` line at this position, and what is wrong with it.
    User(usize, String),
    /// The file of users, or users as a whole: lines for the log.
    Users(Vec<String>),
}

/// What the threads that write files need of the rim.
pub struct Files {
    /// The disk.
    pub disk: std::sync::Arc<dyn crate::persist::Disk>,
    /// Wakes the loop; called by other threads.
    pub notify: crate::persist::Notify,
}

/// All state of the server.
pub struct Engine {
    /// The data.
    pub keyspace: Keyspace,
    /// The directives.
    pub config: Config,
    /// The directives the hot path needs, as plain fields.
    pub options: apply::Options,
    /// Limits of encodings and lengths.
    pub limits: Limits,
    /// The commands.
    pub table: CommandTable,
    /// The clients.
    pub clients: Slab<Box<Client>>,
    /// Clients by id.
    pub client_ids: BTreeMap<ClientId, ClientIndex>,
    /// Users, and what was denied them.
    pub acl: Acl,
    /// Channels.
    pub pubsub: PubSub,
    /// Who waits for keys.
    pub blocking: Blocking,
    /// Who watches keys.
    pub watches: Watches,
    /// Client-side caching.
    pub tracking: tracking::Tracking,
    /// Who MONITORs.
    pub monitors: Vec<ClientIndex>,
    /// Who follows this server.
    pub replicas: crate::replication::Replicas<crate::persist::transfer::Transfer>,
    /// What clients said of themselves that may become replicas.
    pub announced: BTreeMap<ClientId, crate::replication::Announced>,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// A shutdown that waits for replicas.
    pub farewell: Option<farewell::Farewell>,
    /// Clients held by the pause, in order of arrival.
    pub paused: Vec<ClientIndex>,
    /// Clients whose output is to be sent.
    pub dirty: Vec<ClientIndex>,
    /// Clients that may go on with their buffered requests.
    pub unblocked: Vec<ClientIndex>,
    /// Clients whose connection is to be closed.
    pub closing: Vec<ClientIndex>,
    /// What only the rim can do.
    pub asks: Vec<Ask>,
    /// Counters.
    pub stats: ServerStats,
    /// Error replies by code.
    pub error_counts: BTreeMap<String, u64>,
    /// The slow log.
    pub slowlog: SlowLog,
    /// Latency events.
    pub latency: LatencyMonitor,
    /// Candidates for eviction.
    pub eviction_pool: EvictionPool,
    /// Randomness.
    pub rng: fastrand::Rng,
    /// The moment of the running unit.
    pub now: UnixMs,
    /// Facts about the process.
    pub facts: Facts,
    /// The rim's functions.
    pub senses: Senses,
    /// The history of changes that replicas follow.
    pub history: History,
    /// Whom this server follows.
    pub following: following::Following,
    /// FAILOVER.
    pub failover: failover::Failover,
    /// Bytes that were allocated when the server began to serve.
    pub startup_memory: usize,
    /// Switches of DEBUG.
    pub debug: commands::debug::Switches,
    /// Scripts and functions.
    pub scripting: scripting::Scripting,
    /// Scripts that are debugged elsewhere.
    pub sessions: debugging::Sessions,
    effects: Effects,
    /// Keys on their way to other servers.
    pub migrations: migration::Migrations,
    /// Log and snapshots.
    pub durability: durability::Durability,
    /// What is repeated in the append-only file.
    pub propagation: propagate::Propagation,
    unit_depth: u32,
    running: Option<ClientIndex>,
    own_messages: Vec<Vec<Vec<u8>>>,
    clock_ns: u64,
    /// What it was when the time of day was last taken.
    looked_at_ns: u64,
    next_client_id: u64,
    cron: cron::CronState,
    spare_buffers: Vec<Vec<u8>>,
    /// Values handed to the reclaim thread that it has not freed yet.
    pub reclaim_pending: std::sync::Arc<crate::keyspace::Unfreed>,
}

impl Engine {
    /// An engine with empty databases. Errors: what of the configuration cannot be followed.
    pub fn new(config: Config, facts: Facts, senses: Senses, files: Files, seed: u64) -> Result<Engine, StartError> {
        let facts_started_at = facts.started_at;
        let databases = config.integer(Key::Databases).max(1) as usize;
        let old_api = config.boolean(Key::LuaEnableDeprecatedApi);
        // Only a machine without memory has no interpreter, and it has no server either.
        let scripting = scripting::Scripting::new(facts.total_memory, old_api).expect("an interpreter can be made");
        let mut engine = Engine {
            keyspace: Keyspace::new(databases),
            options: apply::Options::default(),
            limits: Limits::default(),
            table: CommandTable::new(),
            clients: Slab::new(),
            client_ids: BTreeMap::new(),
            acl: Acl::default(),
            pubsub: PubSub::default(),
            blocking: Blocking::default(),
            watches: Watches::default(),
            tracking: tracking::Tracking::default(),
            monitors: Vec::new(),
            replicas: Default::default(),
            announced: BTreeMap::new(),
            pause: Pause::default(),
            farewell: None,
            paused: Vec::new(),
            dirty: Vec::new(),
            unblocked: Vec::new(),
            closing: Vec::new(),
            asks: Vec::new(),
            stats: ServerStats::default(),
            error_counts: BTreeMap::new(),
            slowlog: SlowLog::default(),
            latency: LatencyMonitor::default(),
            eviction_pool: EvictionPool::default(),
            rng: fastrand::Rng::with_seed(seed),
            now: facts.started_at,
            facts,
            senses,
            history: History::new(ReplicationId::NONE, 0),
            following: Default::default(),
            failover: Default::default(),
            startup_memory: 0,
            debug: commands::debug::Switches::default(),
            scripting,
            sessions: debugging::Sessions::default(),
            effects: Effects::default(),
            migrations: migration::Migrations::default(),
            durability: durability::Durability::new(files.disk, files.notify, facts_started_at),
            propagation: propagate::Propagation::default(),
            unit_depth: 0,
            running: None,
            own_messages: Vec::new(),
            clock_ns: (senses.monotonic_ns)(),
            looked_at_ns: 0,
            next_client_id: 1,
            cron: cron::CronState::default(),
            spare_buffers: Vec::new(),
            reclaim_pending: Default::default(),
            config,
        };
        for (at, renamed) in engine.config.renamed_commands().iter().enumerate() {
            let (from, to) = (String::from_utf8_lossy(&renamed.from), String::from_utf8_lossy(&renamed.to));
            engine.table.rename(&from, &to).map_err(|reason| StartError::Renamed(at, reason))?;
        }
        engine.load_users()?;
        engine.apply_all();
        engine.begin_role();
        engine.history.id = engine.random_replication_id();
        engine.begin_turn();
        engine.started();
        Ok(engine)
    }

    /// The server begins to serve: what is allocated by now is not the data's.
    pub fn started(&mut self) {
        self.startup_memory = self.used_memory();
        self.stats.peak_memory = self.startup_memory;
    }

    /// Takes the time for the units that follow.
    #[inline]
    pub fn begin_turn(&mut self) {
        self.clock_ns = (self.senses.monotonic_ns)();
        self.look_at_clock();
        self.stats.turns += 1;
        if self.options.max_memory_clients != 0 {
            self.evict_clients_if_due();
        }
    }

    #[inline]
    fn look_at_clock(&mut self) {
        self.looked_at_ns = self.clock_ns;
        let us = (self.senses.unix_us)();
        self.now = UnixMs(us / 1000);
        self.keyspace.now = self.now;
        self.keyspace.access.set_now(self.now);
    }

    /// Takes the time anew if the unit that has just run took long: what follows from it sees the time after it.
    fn look_at_clock_after_long_unit(&mut self) {
        const LONG_NS: u64 = 1_000_000;
        if self.clock_ns.saturating_sub(self.looked_at_ns) >= LONG_NS {
            self.look_at_clock();
        }
    }

    /// A client connected.
    pub fn connect(&mut self, endpoints: Endpoints, unix_socket: bool) -> ClientIndex {
        let id = ClientId(self.next_client_id);
        self.next_client_id += 1;
        let mut client = Client::new(id, endpoints, self.now);
        client.flags.set(ClientFlags::UNIX_SOCKET, unix_socket);
        let index = self.clients.insert(Box::new(client));
        self.log_out(index);
        self.client_ids.insert(id, index);
        self.stats.connections += 1;
        index
    }

    /// A client's connection is gone: everything that knew it forgets it.
    pub fn disconnect(&mut self, index: ClientIndex) {
        self.detach(index);
        self.dirty.retain(|&other| other != index);
        self.unblocked.retain(|&other| other != index);
        self.closing.retain(|&other| other != index);
        self.clients.remove(index);
    }

    /// A client's connection is to be closed without another reply: from here on it is not there for anybody, though
    /// its place is kept until the rim lets go of the connection.
    fn detach(&mut self, index: ClientIndex) {
        self.release_blocked(index);
        self.forget_watches(index);
        self.sessions.forget(index);
        self.forget_subscriptions(index);
        self.tracking_off(index);
        self.monitors.retain(|&other| other != index);
        self.forget_replica(index);
        self.forget_primary(index);
        self.paused.retain(|&other| other != index);
        self.client_ids.remove(&self.clients[index].id);
        if self.running != Some(index) {
            self.drop_output(index);
        }
        self.listening_changed();
    }

    /// What a client that is to be closed has not been sent is not sent any more.
    fn drop_output(&mut self, index: ClientIndex) {
        let client = &mut self.clients[index];
        client.out.take();
        client.sent = 0;
    }

    /// A client by id, if it is still there.
    pub fn client_by_id(&self, id: ClientId) -> Option<ClientIndex> {
        self.client_ids.get(&id).copied()
    }

    /// Asks the rim to close a connection, at once or after its output is sent.
    pub fn close(&mut self, index: ClientIndex, after_reply: bool) {
        let client = &mut self.clients[index];
        if client.closing() && (after_reply || client.flags.contains(ClientFlags::CLOSE_NOW)) {
            return;
        }
        client.flags.insert(if after_reply { ClientFlags::CLOSE_AFTER_REPLY } else { ClientFlags::CLOSE_NOW });
        self.closing.push(index);
        if !after_reply {
            self.detach(index);
        }
    }

    /// Puts a client on the list of those whose output is to be sent.
    #[inline]
    pub fn mark_dirty(&mut self, index: ClientIndex) {
        let client = &mut self.clients[index];
        if !client.flags.contains(ClientFlags::OUTPUT_PENDING) {
            client.flags.insert(ClientFlags::OUTPUT_PENDING);
            self.dirty.push(index);
        }
    }

    /// Gives a client an output buffer if it has none, from those other clients no longer use.
    #[inline]
    pub fn lend_buffer(&mut self, index: ClientIndex) {
        if self.clients[index].out.capacity() == 0
            && let Some(spare) = self.spare_buffers.pop()
        {
            self.clients[index].out.give(spare);
        }
    }

    /// Takes back the buffer of a client whose output is sent.
    #[inline]
    pub fn reclaim_buffer(&mut self, index: ClientIndex) {
        const LARGEST_SPARE_BYTES: usize = 64 * 1024;
        const MOST_SPARES: usize = 64;
        let client = &mut self.clients[index];
        client.sent = 0;
        if self.debug.keep_reply_buffers {
            client.out.clear();
            return;
        }
        // What a replica holds does not count against `maxmemory`; in another's hands it would.
        let passes_on = !client.flags.contains(ClientFlags::REPLICA);
        let mut buffer = client.out.take();
        if passes_on
            && self.spare_buffers.len() < MOST_SPARES
            && buffer.capacity() <= LARGEST_SPARE_BYTES
            && buffer.capacity() > 0
        {
            buffer.clear();
            self.spare_buffers.push(buffer);
        }
    }

    /// Dropped values that are to be freed where it stalls nobody.
    pub fn take_garbage(&mut self) -> Vec<Garbage> {
        let garbage = std::mem::take(&mut self.keyspace.garbage);
        if self.durability.writes_snapshot() {
            // What a snapshot shares of it stays.
            self.durability.held_back.garbage += garbage.iter().map(Garbage::approximate_bytes).sum::<usize>();
        }
        self.stats.reclaimed += garbage.iter().map(|garbage| garbage.len() as u64).sum::<u64>();
        garbage
    }

    /// Tells the keyspace's log what somebody listens to.
    pub(crate) fn listening_changed(&mut self) {
        let classes = self.options.notify_classes;
        self.keyspace.log.keep =
            classes != 0 || !self.watches.is_empty() || !self.blocking.is_empty() || self.tracking.is_active();
        self.keyspace.log.keep_notes = classes & (NOTIFY_KEY_MISS | NOTIFY_NEW) != 0;
    }

    /// The number of a database, if in range.
    pub fn db_index(&self, number: i64) -> Option<DbIndex> {
        (0..self.keyspace.databases() as i64).contains(&number).then_some(DbIndex(number as u32))
    }
}

const NOTIFY_KEY_MISS: u32 = crate::keyspace::EventClass::KeyMiss as u32;
const NOTIFY_NEW: u32 = crate::keyspace::EventClass::New as u32;
