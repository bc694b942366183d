//! What is remembered about one client: who it is, its database and protocol, the transaction it queues, what it
//! waits for, and the replies not yet sent. Does not know the socket; the rim moves the bytes.
//!
//! An idle client is a few hundred bytes: everything that only some clients have is behind an `Option<Box<_>>`, and
//! the output buffer has no allocation between two replies.

mod address;

pub use address::Address;

use crate::base::ids::{ClientId, DbIndex, UnixMs, UserId};
use crate::command::{OwnedArgs, TimeoutReply, WaitKind};
use crate::resp::reply::{Protocol, Reply};
use crate::structs::alloc::taken_bytes;
use bitflags::bitflags;
use std::collections::BTreeSet;
use std::time::Duration;

bitflags! {
    /// States of a client, many of them letters of CLIENT LIST.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct ClientFlags: u64 {
        /// Commands are queued for EXEC.
        const MULTI = 1 << 0;
        /// A queued command was refused: EXEC will abort.
        const DIRTY_EXEC = 1 << 1;
        /// A watched key changed: EXEC will answer null.
        const DIRTY_CAS = 1 << 2;
        /// Close once the output is sent.
        const CLOSE_AFTER_REPLY = 1 << 3;
        /// Close without sending.
        const CLOSE_NOW = 1 << 4;
        /// CLIENT REPLY OFF.
        const REPLY_OFF = 1 << 5;
        /// The next command's reply is skipped.
        const REPLY_SKIP_NEXT = 1 << 6;
        /// This command's reply is skipped.
        const REPLY_SKIP = 1 << 7;
        /// MONITOR.
        const MONITOR = 1 << 8;
        /// Connected through the unix socket.
        const UNIX_SOCKET = 1 << 9;
        /// CLIENT NO-EVICT.
        const NO_EVICT = 1 << 10;
        /// CLIENT NO-TOUCH.
        const NO_TOUCH = 1 << 11;
        /// Client-side caching is on.
        const TRACKING = 1 << 12;
        /// ... by prefix.
        const TRACKING_BCAST = 1 << 13;
        /// ... only after CLIENT CACHING YES.
        const TRACKING_OPTIN = 1 << 14;
        /// ... unless CLIENT CACHING NO.
        const TRACKING_OPTOUT = 1 << 15;
        /// ... without the client's own changes.
        const TRACKING_NOLOOP = 1 << 16;
        /// The client that invalidations were redirected to is gone.
        const TRACKING_BROKEN_REDIRECT = 1 << 17;
        /// CLIENT CACHING was called for the next command.
        const TRACKING_CACHING = 1 << 18;
        /// The reply buffer is in the list of those to be sent.
        const OUTPUT_PENDING = 1 << 19;
        /// Logged in, or no password is asked for.
        const AUTHENTICATED = 1 << 20;
        /// The running command's transaction or script may not wait.
        const DENY_BLOCKING = 1 << 21;
        /// CLIENT UNBLOCK, or a pause that ended, woke it in this turn.
        const UNBLOCKED = 1 << 22;
        /// SCRIPT DEBUG: its scripts are debugged.
        const DEBUGS_SCRIPTS = 1 << 26;
        /// ... on the data there is.
        const DEBUGS_IN_SYNC = 1 << 27;
        /// What it says goes to its debugger.
        const IN_SESSION = 1 << 28;
        /// A replica: it is sent a snapshot and then the stream of what changes.
        const REPLICA = 1 << 31;
        /// The primary: its requests are the stream of what changes, and nothing is answered.
        const PRIMARY = 1 << 32;
        /// Runs the commands of scripts.
        const SCRIPT = 1 << 29;
        /// Runs the requests of a log that is being loaded.
        const LOADER = 1 << 30;
        /// Logged in, or no password was asked for when it connected.
        const LOGGED_IN = 1 << 24;
        /// Authenticated as a user that may do everything: nothing is to be checked.
        const UNRESTRICTED = 1 << 25;
        /// The soft output limit is exceeded since `soft_limit_since`.
        const SOFT_LIMIT = 1 << 23;
        /// What it asks for was granted elsewhere before.
        const OBEYED = ClientFlags::PRIMARY.bits() | ClientFlags::LOADER.bits();
    }
}

/// Commands queued between MULTI and EXEC.
#[derive(Debug, Default)]
pub struct Transaction {
    /// The commands, with the id each name had when it was queued.
    pub queue: Vec<(u16, OwnedArgs)>,
    /// Sum of the arguments' bytes on the heap.
    pub argument_bytes: usize,
}

/// A key a client WATCHes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its database.
    pub db: DbIndex,
    /// Its name.
    pub key: Box<[u8]>,
    /// Its deadline had passed when WATCH was called: that it is removed later is no change.
    pub stale: bool,
}

/// Why a client does not go on with its requests.
#[derive(Debug)]
pub enum BlockedOn {
    /// A key becoming ready.
    Keys {
        /// The type that makes a key ready.
        kind: WaitKind,
        /// The keys in order of priority.
        keys: Vec<Box<[u8]>>,
        /// The reply when time is over.
        on_timeout: TimeoutReply,
    },
    /// The end of CLIENT PAUSE.
    Pause,
    /// Replicas to acknowledge the client's writes (WAIT).
    Replicas {
        /// The history's offset behind them.
        offset: u64,
        /// How many replicas.
        replicas: i64,
    },
    /// A snapshot to be written (SAVE).
    Save,
    /// The log to be durable up to the client's writes, and replicas' logs (WAITAOF).
    Log {
        /// How far.
        offset: u64,
        /// Whether this server's log is waited for.
        local: bool,
        /// The history's offset behind the client's writes.
        replicated: u64,
        /// How many replicas are to have it in a durable log.
        replicas: i64,
    },
    /// Keys to reach another server (MIGRATE).
    Migration,
    /// The keys of a command that are on their way to another server.
    MigratingKeys,
    /// Replicas to catch up before the process ends (SHUTDOWN).
    Shutdown,
    /// Its turn, while snapshots hold back too much memory.
    Slowed,
    /// Files of the log's history to be removed (CONFIG SET).
    History,
}

/// A client that waits.
#[derive(Debug)]
pub struct Blocked {
    /// What for.
    pub on: BlockedOn,
    /// The database the keys are in.
    pub db: DbIndex,
    /// The moment the wait ends, or `None` for ever.
    pub until: Option<UnixMs>,
    /// The moment to look again although nothing happened.
    pub retry: Option<UnixMs>,
    /// The command to be run again.
    pub command: u16,
    /// Its arguments.
    pub args: OwnedArgs,
    /// Order of arrival among all waiting clients.
    pub ticket: u64,
    /// When the wait began.
    pub since: UnixMs,
    /// Time the command had taken before it began to wait.
    pub ran_for: Duration,
}

impl Blocked {
    /// The next moment at which something becomes of the wait by itself.
    pub fn wakes(&self) -> Option<UnixMs> {
        self.until.into_iter().chain(self.retry).min()
    }
}

/// Channels a client listens to.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// Channels.
    pub channels: BTreeSet<Box<[u8]>>,
    /// Patterns.
    pub patterns: BTreeSet<Box<[u8]>>,
    /// Shard channels.
    pub shard_channels: BTreeSet<Box<[u8]>>,
}

impl Subscriptions {
    /// Number of channels and patterns, as SUBSCRIBE answers it.
    pub fn count(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// Whether there is none of any kind.
    pub fn is_empty(&self) -> bool {
        self.count() + self.shard_channels.len() == 0
    }
}

/// What a client said about itself.
#[derive(Debug, Default)]
pub struct Identity {
    /// CLIENT SETNAME.
    pub name: Box<[u8]>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Box<[u8]>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: Box<[u8]>,
}

/// Client-side caching: where invalidations go and for which prefixes.
#[derive(Debug, Default)]
pub struct TrackingState {
    /// The client invalidations are sent to in its place.
    pub redirect: Option<ClientId>,
    /// Prefixes of BCAST mode.
    pub prefixes: BTreeSet<Box<[u8]>>,
}

/// The two ends of a connection, as CLIENT LIST prints them.
#[derive(Debug, Default, Clone)]
pub struct Endpoints {
    /// `addr`: the other side, or the socket's path and `:0`.
    pub peer: Address,
    /// `laddr`: this side.
    pub local: Address,
    /// The file descriptor.
    pub fd: i32,
    /// The other side is on this machine (protected mode).
    pub loopback: bool,
    /// What is said is sealed by TLS.
    pub tls: bool,
}

/// Sizes of buffers that the rim keeps for a client, told after each read.
#[derive(Debug, Default, Clone, Copy)]
pub struct QueryBuffer {
    /// Bytes waiting to be understood.
    pub used: u32,
    /// Bytes of requests and arguments that were understood and still lie there.
    pub parsed: u32,
    /// Bytes free.
    pub free: u32,
}

/// One client.
#[derive(Debug)]
pub struct Client {
    /// Unique for the life of the server.
    pub id: ClientId,
    /// The selected database.
    pub db: DbIndex,
    /// States.
    pub flags: ClientFlags,
    /// The user it is.
    pub user: UserId,
    /// Replies not yet sent.
    pub out: Reply,
    /// How much of `out` is already sent, in bytes.
    pub sent: usize,
    /// The command that ran last, by id; `u16::MAX` for none.
    pub last_command: u16,
    /// When it connected.
    pub created_at: UnixMs,
    /// When it last sent something.
    pub active_at: UnixMs,
    /// The query buffer's sizes.
    pub query: QueryBuffer,
    /// Bytes received.
    pub net_in: u64,
    /// Bytes sent.
    pub net_out: u64,
    /// Commands run.
    pub commands: u64,
    /// Since when the soft output limit is exceeded.
    pub soft_limit_since: UnixMs,
    /// The log's offset up to which the log must be durable before the output may be sent.
    pub stamp: u64,
    /// The log's offset behind the client's last change; 0 while it has changed nothing.
    pub logged: u64,
    /// The offset of the history for replicas behind the client's last change; 0 while it has changed nothing.
    pub replicated: u64,
    /// The largest output buffer lately, in bytes (`rbp`).
    pub output_peak: u32,
    /// Where it is connected.
    pub endpoints: Endpoints,
    /// What it said about itself.
    pub identity: Option<Box<Identity>>,
    /// The transaction being queued.
    pub transaction: Option<Box<Transaction>>,
    /// Keys WATCHed.
    pub watched: Vec<Watched>,
    /// What it waits for.
    pub blocked: Option<Box<Blocked>>,
    /// What it listens to.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// Client-side caching.
    pub tracking: Option<Box<TrackingState>>,
}

impl Client {
    /// A client that just connected.
    pub fn new(id: ClientId, endpoints: Endpoints, now: UnixMs) -> Client {
        Client {
            id,
            db: DbIndex(0),
            flags: ClientFlags::empty(),
            user: UserId::DEFAULT,
            out: Reply::new(Protocol::Resp2),
            sent: 0,
            last_command: u16::MAX,
            created_at: now,
            active_at: now,
            query: QueryBuffer::default(),
            net_in: 0,
            net_out: 0,
            commands: 0,
            soft_limit_since: UnixMs(0),
            stamp: 0,
            logged: 0,
            replicated: 0,
            output_peak: 0,
            endpoints,
            identity: None,
            transaction: None,
            watched: Vec::new(),
            blocked: None,
            subscriptions: None,
            tracking: None,
        }
    }

    /// The protocol replies are written in.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.out.protocol()
    }

    /// Whether only subscription commands are allowed (RESP2 with subscriptions).
    pub fn in_pubsub_mode(&self) -> bool {
        self.protocol() == Protocol::Resp2 && self.subscriptions.as_ref().is_some_and(|subs| !subs.is_empty())
    }

    /// Its subscriptions, made when there are none.
    pub fn subscriptions_mut(&mut self) -> &mut Subscriptions {
        self.subscriptions.get_or_insert_default()
    }

    /// What it said about itself, made when it said nothing.
    pub fn identity_mut(&mut self) -> &mut Identity {
        self.identity.get_or_insert_default()
    }

    /// The name it gave itself, or "".
    pub fn name(&self) -> &[u8] {
        self.identity.as_ref().map_or(&[], |identity| &identity.name)
    }

    /// Bytes of output that are not sent yet.
    pub fn output_bytes(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Whether the connection is to be closed.
    pub fn closing(&self) -> bool {
        self.flags.intersects(ClientFlags::CLOSE_AFTER_REPLY | ClientFlags::CLOSE_NOW)
    }

    /// Bytes of memory the client holds, buffers included. O(watched keys + subscriptions + prefixes).
    pub fn memory_bytes(&self) -> usize {
        // A name is kept here and in the registry it is looked up in, each with its place in a tree.
        const PLACE_BYTES: usize = 32;
        let of_name = |name: &[u8]| 2 * (name.len() + PLACE_BYTES);
        let transaction =
            self.transaction.as_ref().map_or(0, |t| t.argument_bytes + t.queue.len() * size_of::<(u16, OwnedArgs)>());
        let watched: usize = self.watched.iter().map(|watched| of_name(&watched.key)).sum();
        let subscribed: usize = self.subscriptions.as_ref().map_or(0, |subs| {
            let sets = [&subs.channels, &subs.patterns, &subs.shard_channels];
            sets.iter().flat_map(|set| set.iter()).map(|name| of_name(name)).sum()
        });
        let prefixes: usize =
            self.tracking.as_ref().map_or(0, |state| state.prefixes.iter().map(|prefix| of_name(prefix)).sum());
        let blocked = self.blocked.as_ref().map_or(0, |blocked| blocked.args.alloc_bytes());
        let query = self.query.used as usize + self.query.parsed as usize + self.query.free as usize;
        // Large buffers take up to a quarter more than was asked for, and it is for the clients that hold them to go when
        // memory runs out, not for keys.
        let buffers = taken_bytes(self.out.capacity()) + taken_bytes(query);
        size_of::<Client>() + buffers + transaction + watched + subscribed + prefixes + blocked
    }
}
