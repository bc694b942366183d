//! What the rim needs of the engine around a request: limits for its parser, refusals, protocol errors, prefetching.

use super::table::CommandId;
use super::{ClientIndex, Engine};
use crate::base::ids::DbIndex;
use crate::base::quoting::repr;
use crate::client::{ClientFlags, Endpoints};
use crate::command::{Args, CommandError};
use crate::resp::parser::ParseLimits;
use crate::structs::table::hash;

/// What the protected mode tells a client from elsewhere.
const DENIED: &str = "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for \
     the default user. In this mode connections are only accepted from the loopback interface. If you want to \
     connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable \
     protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by \
     connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly \
     accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively \
     you can just disable the protected mode by editing the Redis configuration file, and setting the protected \
     mode option to 'no', and then restarting the server. 3) If you started the server manually just for \
     testing, restart it with the '--protected-mode no' option. 4) Set up an authentication password for the \
     default user. NOTE: You only need to do one of the above things in order for the server to start accepting \
     connections from the outside.";

impl Engine {
    /// What a client's requests are bounded by.
    #[inline]
    pub fn parse_limits(&self, index: ClientIndex) -> ParseLimits {
        ParseLimits {
            max_bulk_len: self.limits.proto_max_bulk_len as u64,
            unauthenticated: !self.clients[index].flags.contains(ClientFlags::AUTHENTICATED),
            from_primary: self.is_primary(index),
        }
    }

    /// Positions of a request's keys, by its command's key specs.
    pub(crate) fn key_positions(&self, id: CommandId, args: Args<'_>) -> Vec<usize> {
        let mut positions = Vec::new();
        for spec in self.table.get(id).meta.keys {
            spec.positions(args, &mut positions);
        }
        positions
    }

    /// Counts bytes a client sent.
    #[inline]
    pub fn received(&mut self, index: ClientIndex, bytes: usize) {
        self.clients[index].net_in += bytes as u64;
        self.stats.net_in += bytes as u64;
        if self.is_primary(index) {
            self.following.heard_at = self.now;
            self.stats.net_replication_in += bytes as u64;
        }
        self.stats.reads_processed += 1;
    }

    /// Number of clients with a connection.
    pub fn connected(&self) -> usize {
        self.clients.len() - self.scripting.clients()
    }

    /// Why a new connection is not taken, as the line it is sent before it is closed.
    pub fn refuse_connection(&mut self, endpoints: &Endpoints, unix_socket: bool) -> Option<String> {
        if self.connected() >= self.options.max_clients {
            self.stats.rejected_connections += 1;
            return Some("-ERR max number of clients reached\r\n".into());
        }
        if !unix_socket && self.is_denied(endpoints) {
            self.stats.rejected_connections += 1;
            return Some(format!("-{DENIED}\r\n"));
        }
        None
    }

    /// Why a new TLS connection is not taken: nobody is told, since that would take a handshake. The protected mode is
    /// looked at after the handshake, by [`Engine::refuse_if_protected`].
    pub fn refuse_tls_connection(&mut self) -> bool {
        let refused = self.connected() >= self.options.max_clients;
        self.stats.rejected_connections += refused as u64;
        refused
    }

    /// Answers a client that the protected mode keeps out, and closes.
    pub fn refuse_if_protected(&mut self, index: ClientIndex) {
        if self.is_denied(&self.clients[index].endpoints) {
            self.stats.rejected_connections += 1;
            self.lend_buffer(index);
            self.clients[index].out.error(DENIED.as_bytes());
            self.mark_dirty(index);
            self.close(index, true);
        }
    }

    fn is_denied(&self, endpoints: &Endpoints) -> bool {
        self.options.protected_mode && self.acl.default_user().needs_no_password() && !endpoints.loopback
    }

    /// Answers bytes that are no request, and closes.
    pub fn protocol_error(&mut self, index: ClientIndex, text: &[u8]) {
        if self.is_primary(index) {
            tracing::warn!(
                "Protocol error ({}) from client: {}. The stream of the master can not go on from here.",
                String::from_utf8_lossy(text),
                self.client_line(index)
            );
            self.stream_broken();
            return self.close(index, false);
        }
        tracing::debug!("Protocol error from client: {}", String::from_utf8_lossy(text));
        self.lend_buffer(index);
        self.clients[index].out.error(text);
        self.count_error(&CommandError::from_bytes(text.to_vec()));
        self.mark_dirty(index);
        self.close(index, true);
    }

    /// Closes a client that keeps sending without ending its request.
    pub fn query_buffer_exceeded(&mut self, index: ClientIndex, query: &[u8]) {
        if self.is_primary(index) {
            return;
        }
        let begin = repr(&query[..query.len().min(64)]);
        tracing::warn!(
            "Closing client that reached max query buffer length: id={} (qbuf initial bytes: {begin})",
            self.clients[index].id
        );
        self.stats.query_buffer_disconnections += 1;
        self.close(index, false);
    }

    /// Finds the command of a request that is to run soon, and begins to fetch what its keys need. Returns the command
    /// (`CommandId::MAX`: not found, or only with its subcommand) and how many keys were noted. Keys are only a hint: the
    /// request may turn out to be refused.
    #[inline]
    pub fn look_ahead(&self, index: ClientIndex, args: Args<'_>, ahead: &mut Lookahead) -> (CommandId, u8) {
        let Some(id) = self.table.find_top(args.at(0)) else { return (CommandId::MAX, 0) };
        let command = self.table.get(id);
        let known = if command.subcommands.is_empty() { id } else { CommandId::MAX };
        let (first, step) = command.prefetch;
        let mut keys = 0;
        if first != 0 && !ahead.alone {
            let db = self.clients[index].db;
            let table = self.keyspace.table(db);
            let mut at = if table.len() < Lookahead::LEAST_ENTRIES { args.len() } else { first };
            while keys < Lookahead::MOST_OF_ONE
                && let Some(key) = args.get(at)
            {
                let hash = hash(key);
                table.prefetch_root(hash);
                ahead.push(db, hash);
                keys += 1;
                if step == 0 {
                    break;
                }
                at += step;
            }
        }
        (known, keys)
    }

    /// Goes on fetching: the segments of keys further off, the records of those that come next. `due` keys belong to the
    /// request that runs now.
    #[inline]
    pub fn fetch_ahead(&self, ahead: &mut Lookahead, due: u8) {
        let due = ahead.passed + u32::from(due);
        let until = ahead.noted.min((ahead.passed + Lookahead::PATHS).max(due));
        while ahead.paths < until {
            let (db, hash) = ahead.at(ahead.paths);
            self.keyspace.table(db).prefetch_path(hash);
            ahead.paths += 1;
        }
        let until = ahead.paths.min((ahead.passed + Lookahead::SEGMENTS).max(due));
        while ahead.segments < until {
            let (db, hash) = ahead.at(ahead.segments);
            self.keyspace.table(db).prefetch_segment(hash);
            ahead.segments += 1;
        }
        let until = ahead.segments.min((ahead.passed + Lookahead::RECORDS).max(due));
        while ahead.records < until {
            let (db, hash) = ahead.at(ahead.records);
            self.keyspace.table(db).prefetch_entry(hash);
            ahead.records += 1;
        }
        ahead.passed = due;
    }
}

/// Keys of the requests that run next, on their way into the cache: the paths to the furthest are being fetched, the
/// segments of nearer ones, the records of the nearest. So many of the processor's loads are under way at any time, and
/// no request waits for its own.
#[derive(Default)]
pub struct Lookahead {
    keys: Vec<(DbIndex, u64)>,
    /// Keys noted in this turn; the counts below follow it.
    noted: u32,
    paths: u32,
    segments: u32,
    records: u32,
    passed: u32,
    alone: bool,
}

impl Lookahead {
    const ROOM: usize = 256;
    /// A table with fewer entries is in the cache as soon as it is in use.
    const LEAST_ENTRIES: usize = 1024;
    /// Requests that are looked at ahead of the running one, where they have no keys to fetch.
    const REQUESTS: usize = 64;
    /// Keys of one request that are fetched; the rest of a long one waits for its turn.
    const MOST_OF_ONE: u8 = 128;
    /// How far ahead of the running request, in keys, each step is done.
    const KEYS: u32 = 24;
    const PATHS: u32 = 20;
    const SEGMENTS: u32 = 14;
    const RECORDS: u32 = 7;

    /// Begins a turn of so many requests. With one there is nothing to overlap.
    pub fn begin(&mut self, requests: usize) {
        self.keys.resize(Lookahead::ROOM, (DbIndex(0), 0));
        (self.noted, self.paths, self.segments, self.records, self.passed) = (0, 0, 0, 0, 0);
        self.alone = requests < 2;
    }

    /// Whether the request that is so many after the running one should be looked at.
    #[inline]
    pub fn reaches(&self, ahead: usize) -> bool {
        ahead < Lookahead::REQUESTS && self.noted.saturating_sub(self.passed) < Lookahead::KEYS
    }

    #[inline]
    fn push(&mut self, db: DbIndex, hash: u64) {
        self.keys[self.noted as usize % Lookahead::ROOM] = (db, hash);
        self.noted += 1;
    }

    #[inline]
    fn at(&self, at: u32) -> (DbIndex, u64) {
        self.keys[at as usize % Lookahead::ROOM]
    }
}
