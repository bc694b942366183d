//! What the rim needs of the engine around a request: limits for its parser, refusals, protocol errors, prefetching.

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
            from_primary: false,
        }
    }

    /// Positions of a request's keys, by its command's key specs.
    pub(crate) fn key_positions(&self, id: super::table::CommandId, args: Args<'_>) -> Vec<usize> {
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
        tracing::debug!("Protocol error from client: {}", String::from_utf8_lossy(text));
        self.lend_buffer(index);
        self.clients[index].out.error(text);
        self.count_error(&CommandError::from_bytes(text.to_vec()));
        self.mark_dirty(index);
        self.close(index, true);
    }

    /// Closes a client that keeps sending without ending its request.
    pub fn query_buffer_exceeded(&mut self, index: ClientIndex, query: &[u8]) {
        let begin = repr(&query[..query.len().min(64)]);
        tracing::warn!(
            "Closing client that reached max query buffer length: id={} (qbuf initial bytes: {begin})",
            self.clients[index].id
        );
        self.stats.query_buffer_disconnections += 1;
        self.close(index, false);
    }

    /// Begins to fetch what a request's keys need, and says which those are. Only a hint: the request may turn out to be
    /// refused.
    #[inline]
    pub fn prefetch_keys(&self, index: ClientIndex, args: Args<'_>, wanted: &mut Prefetch) {
        let Some(id) = self.table.find_top(args.at(0)) else { return };
        let (first, step) = self.table.get(id).prefetch;
        if first == 0 {
            return;
        }
        let db = self.clients[index].db;
        let table = self.keyspace.table(db);
        let mut at = first;
        while let Some(key) = args.get(at) {
            let hash = hash(key);
            table.prefetch_path(hash);
            if !wanted.push(db, hash) || step == 0 {
                return;
            }
            at += step;
        }
    }

    /// The further steps of [`Engine::prefetch_keys`]: the segments, then the records.
    #[inline]
    pub fn prefetch_records(&self, wanted: &Prefetch) {
        for &(db, hash) in wanted.keys() {
            self.keyspace.table(db).prefetch_segment(hash);
        }
        for &(db, hash) in wanted.keys() {
            self.keyspace.table(db).prefetch_entry(hash);
        }
    }
}

/// Keys whose records are on their way into the cache.
pub struct Prefetch {
    keys: [(DbIndex, u64); Prefetch::MOST],
    len: usize,
}

impl Default for Prefetch {
    fn default() -> Prefetch {
        Prefetch { keys: [(DbIndex(0), 0); Prefetch::MOST], len: 0 }
    }
}

impl Prefetch {
    /// Keys prefetched together: as many misses as a processor keeps under way, a few times over.
    const MOST: usize = 64;

    /// Forgets all, for the next group.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    fn push(&mut self, db: DbIndex, hash: u64) -> bool {
        if self.len < Prefetch::MOST {
            self.keys[self.len] = (db, hash);
            self.len += 1;
        }
        self.len < Prefetch::MOST
    }

    fn keys(&self) -> &[(DbIndex, u64)] {
        &self.keys[..self.len]
    }
}
