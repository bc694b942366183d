//! Being a replica: whom this server follows, how far the link to it has come, and what of its stream has taken effect.
//!
//! The rim connects, introduces this server and reads the snapshot (`server/primary_link.rs`); it tells each step here, with
//! the number of its attempt, and what is told by an attempt that is over is passed by. Once both sides are in step the
//! connection becomes a client with the flag `PRIMARY`, whose requests run as any other's (`primary_stream.rs`).
//!
//! Promises: the data is replaced at once and only by a whole, checked snapshot; the offset counts exactly the bytes of
//! requests that took effect (those of a MULTI when its EXEC ran), and these bytes go to this server's own replicas as they
//! came.

use super::{Ask, ClientIndex, Engine};
use crate::base::ids::{DbIndex, UnixMs};
use crate::client::{BlockedOn, ClientFlags};
use crate::command::CommandError;
use crate::config::Key;
use crate::keyspace::{AccessClock, ExpireMode, Garbage};
use crate::persist::arrival::{Arrived, Progress};
use crate::rdb;
use crate::replication::history::ReplicationId;
use crate::replication::link::{Answer, Extent, LinkState};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// So long after one attempt failed the next one waits for the second to be over, rather than being made at once.
const REST_MS: i64 = 1000;

/// A gap between two looks at the link that is longer than this means that the loop stood still.
const STANDSTILL_MS: i64 = 2000;

/// A primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Primary {
    /// Its host, as it was given.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// A snapshot that comes from the primary.
#[derive(Debug)]
pub struct Incoming {
    /// Its length, where that is told.
    pub total: Option<u64>,
    /// Bytes that have come.
    pub read: u64,
    /// When it began.
    pub began_at: UnixMs,
    /// What was decoded.
    pub progress: Arc<Progress>,
    /// Clients are told that data is being loaded.
    pub loading: bool,
    /// ... and are served the data there is meanwhile.
    pub serves_old: bool,
    /// It is decoded in sight of the clients while it comes (`repl-diskless-load`).
    direct: bool,
}

/// What the rim needs to know to connect to the primary.
#[derive(Debug, Clone)]
pub struct LinkOrder {
    /// Which attempt it is.
    pub attempt: u64,
    /// Whom to connect to.
    pub primary: Primary,
    /// The address to connect from, or "".
    pub source: String,
    /// Whether to speak TLS.
    pub tls: bool,
    /// User and password.
    pub auth: Option<(Option<Vec<u8>>, Vec<u8>)>,
    /// The port where this server is to be reached.
    pub listening_port: u16,
    /// Its address, where it is another than the connection's.
    pub announce_ip: Option<Vec<u8>>,
    /// The history and the position in it from where to go on, if there is one.
    pub from: Option<(ReplicationId, u64)>,
    /// The other side is to become the primary (FAILOVER).
    pub failover: bool,
}

/// What the rim does after the answer to PSYNC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The stream comes.
    Stream,
    /// The snapshot comes.
    Snapshot,
    /// It is to ask with SYNC.
    Sync,
    /// It is over.
    Over,
}

/// What a decoding thread begins with.
pub struct ArrivalOrder {
    /// How snapshots are read.
    pub options: rdb::LoadOptions,
    /// The access clock.
    pub access: AccessClock,
    /// Where it says how far it is.
    pub progress: Arc<Progress>,
}

/// Where this server stands as a replica.
#[derive(Debug, Default)]
pub struct Following {
    /// Whom it follows; `None`: it is a primary itself.
    pub primary: Option<Primary>,
    /// How far the link has come.
    pub state: LinkState,
    /// The connection's client, once it is connected.
    pub client: Option<ClientIndex>,
    /// The database the stream was in when the link broke, if it may go on from there.
    pub resume_in: Option<DbIndex>,
    /// The snapshot that comes.
    pub incoming: Option<Incoming>,
    /// When the primary was last heard of.
    pub heard_at: UnixMs,
    /// Since when there is no link; 0: there is one, or there never was.
    pub down_since: UnixMs,
    /// Keys with a deadline that this replica's own clients wrote, and nobody else will remove.
    pub own_timed: BTreeSet<(DbIndex, Box<[u8]>)>,
    /// Which of them is to be looked at next.
    pub own_looked_at: Option<(DbIndex, Box<[u8]>)>,
    /// An acknowledgement was asked for.
    pub ack_due: bool,
    /// Requests of the primary go on although they cannot be written to the disk: when that was last said.
    pub disk_trouble_told_at: UnixMs,
    attempt: u64,
    /// The history the snapshot is of.
    told: Option<(ReplicationId, u64)>,
    /// The primary counts bytes (it knows PSYNC).
    pub(super) counts: bool,
    /// What it sent was no request.
    pub(super) broken: bool,
    /// Bytes of requests that have not taken effect.
    pub(super) held: Vec<u8>,
    /// Bytes of requests that have, and are not in the history yet.
    pub(super) passed: Vec<u8>,
    /// When an attempt was last made at once after another one failed.
    hurried_at: UnixMs,
    /// When the link was last looked after.
    looked_at: UnixMs,
}

impl Following {
    /// Whether this server is a replica.
    #[inline]
    pub fn is_replica(&self) -> bool {
        self.primary.is_some()
    }

    /// Whether it is one that is in step with its primary.
    pub fn is_connected(&self) -> bool {
        self.state == LinkState::Connected
    }

    /// Whether clients are told that data is being loaded.
    pub fn is_loading(&self) -> bool {
        self.incoming.as_ref().is_some_and(|incoming| incoming.loading && !incoming.serves_old)
    }

    /// Whether data is being loaded while clients are served what is there.
    pub fn is_loading_aside(&self) -> bool {
        self.incoming.as_ref().is_some_and(|incoming| incoming.loading && incoming.serves_old)
    }

    /// Bytes of the primary's requests that have not taken effect.
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }
}

impl Engine {
    // ---- roles ---------------------------------------------------------------------------------------------------

    /// Takes the role that the configuration says, before anything is loaded.
    pub(super) fn begin_role(&mut self) {
        let primary = self.config.replicaof().map(|(host, port)| (String::from_utf8_lossy(host).into_owned(), port));
        self.following.primary = primary.map(|(host, port)| Primary { host, port });
        self.follow_expire_mode();
    }

    /// What a deadline in the past means follows from the role, and from CLIENT PAUSE.
    pub(super) fn follow_expire_mode(&mut self) {
        let hides = self.following.is_replica() || self.pause.is_on() || self.failover.is_on();
        self.keyspace.expire_mode = if hides { ExpireMode::HideOnly } else { ExpireMode::Remove };
    }

    /// Becomes a replica, or one of another primary.
    pub(crate) fn follow(&mut self, host: &[u8], port: u16) {
        let was_primary = !self.following.is_replica();
        // Nobody is followed while the link ends, lest it be made anew.
        self.following.primary = None;
        self.drop_primary();
        self.turn_blocked_away();
        self.end_turn();
        self.propagation.forget_replicas();
        self.cancel_link();
        if was_primary {
            tracing::info!(
                "Before turning into a replica, using my own master parameters to synthesize a cached master: I may be able \
                 to synchronize with the new master with just a partial transfer."
            );
            self.following.resume_in = Some(DbIndex(0));
        }
        self.config.set_replicaof(Some((host.to_vec(), port)));
        self.begin_role();
        self.follow_readers();
        self.asks.push(Ask::RoleChanged);
        self.following.state = LinkState::Connect;
        tracing::info!("Connecting to MASTER {}:{port}", String::from_utf8_lossy(host));
        self.begin_link();
    }

    /// Becomes a primary.
    pub(crate) fn stop_following(&mut self) {
        if self.following.primary.take().is_none() {
            return;
        }
        self.drop_primary();
        self.discard_resume();
        self.cancel_link();
        self.config.set_replicaof(None);
        self.begin_role();
        self.following.down_since = UnixMs(0);
        self.following.own_timed.clear();
        let id = self.random_replication_id();
        self.history.shift(id);
        let second = self.history.second.map_or(ReplicationId::NONE, |(second, _)| second);
        tracing::warn!(
            "Setting secondary replication ID to {second}, valid up to offset: {}. New replication ID is {id}",
            self.history.offset + 1
        );
        // They are told the new name when they come back, and go on where they are.
        self.disconnect_replicas();
        self.propagation.begin_replica();
        self.follow_readers();
        self.asks.push(Ask::RoleChanged);
        self.restart_log_if_off();
    }

    /// Whoever waits for what only a primary can bring is told that this is over.
    fn turn_blocked_away(&mut self) {
        const TURNED: CommandError = CommandError::fixed(
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
        );
        let waits =
            |on: &BlockedOn| matches!(on, BlockedOn::Keys { .. } | BlockedOn::Replicas { .. } | BlockedOn::Log { .. });
        let waiting: Vec<ClientIndex> = self
            .clients
            .iter()
            .filter(|(_, client)| client.blocked.as_ref().is_some_and(|blocked| waits(&blocked.on)))
            .map(|(index, _)| index)
            .collect();
        for index in waiting {
            self.end_wait(index, Some(&TURNED));
            self.close(index, true);
        }
    }

    /// What was loaded at the start is of this place in the primary's history: it may go on from there.
    pub(super) fn resume_from(&mut self, id: ReplicationId, offset: u64, db: DbIndex) {
        tracing::info!(
            "Before turning into a replica, using my own master parameters to synthesize a cached master: I may be able to \
             synchronize with the new master with just a partial transfer."
        );
        self.history.adopt(id, offset);
        self.following.resume_in = Some(db);
    }

    // ---- the link ------------------------------------------------------------------------------------------------

    /// Asks the rim to connect to the primary.
    pub(super) fn begin_link(&mut self) {
        let Some(primary) = self.following.primary.clone() else { return };
        self.following.attempt += 1;
        self.following.state = LinkState::Connecting;
        self.following.heard_at = self.now;
        self.following.told = None;
        let config = &self.config;
        let text = |key| config.string(key);
        let own = |text: &[u8]| (!text.is_empty()).then(|| text.to_vec());
        let tls = config.boolean(Key::TlsReplication);
        let port = |key| config.integer(key) as u16;
        let ports = [Key::ReplicaAnnouncePort, if tls { Key::TlsPort } else { Key::Port }, Key::Port];
        let order = LinkOrder {
            attempt: self.following.attempt,
            primary,
            source: String::from_utf8_lossy(text(Key::BindSourceAddr)).into_owned(),
            tls,
            auth: own(text(Key::Masterauth)).map(|password| (own(text(Key::Masteruser)), password)),
            listening_port: ports.into_iter().map(port).find(|port| *port != 0).unwrap_or(0),
            announce_ip: own(text(Key::ReplicaAnnounceIp)),
            from: self.following.resume_in.map(|_| (self.history.id, self.history.offset + 1)),
            failover: self.failover.is_in_progress(),
        };
        tracing::info!("MASTER <-> REPLICA sync started");
        self.asks.push(Ask::FollowPrimary(Box::new(order)));
    }

    /// Ends an attempt that has not led to a connection yet.
    fn cancel_link(&mut self) {
        self.following.attempt += 1;
        self.following.state = LinkState::Connect;
        self.following.incoming = None;
        self.asks.push(Ask::LeavePrimary);
    }

    /// Ends the connection to the primary, if there is one.
    pub(super) fn drop_primary(&mut self) {
        if let Some(index) = self.following.client {
            self.close(index, false);
        }
    }

    fn discard_resume(&mut self) {
        if self.following.resume_in.take().is_some() {
            tracing::info!("Discarding previously cached master state.");
        }
    }

    /// Makes another attempt, at once unless the last one was made in a hurry too.
    fn try_again(&mut self, at_once: bool) {
        self.following.state = LinkState::Connect;
        self.following.incoming = None;
        let Some(primary) = &self.following.primary else { return };
        if at_once && self.now.0 - self.following.hurried_at.0 >= REST_MS {
            self.following.hurried_at = self.now;
            tracing::info!("Reconnecting to MASTER {}:{} after failure", primary.host, primary.port);
            self.begin_link();
        }
    }

    /// Once a second: attempts that are due, and those that take too long.
    pub(super) fn look_after_link(&mut self) {
        if !self.following.is_replica() {
            return;
        }
        if self.now.0 - self.following.looked_at.0 > STANDSTILL_MS {
            // Whoever stood still (a script, DEBUG SLEEP) has not listened.
            self.following.heard_at = self.now;
        }
        self.following.looked_at = self.now;
        let silent_s = (self.now.0 - self.following.heard_at.0) / 1000;
        let overdue = silent_s > self.config.integer(Key::ReplTimeout);
        match self.following.state {
            LinkState::Connecting | LinkState::Handshake if overdue => {
                tracing::warn!("Timeout connecting to the MASTER...");
                self.cancel_link();
                self.try_again(true);
            }
            LinkState::Transfer if overdue => {
                tracing::warn!(
                    "Timeout receiving bulk data from MASTER... If the problem persists try to set the 'repl-timeout' \
                     parameter in redis.conf to a larger value."
                );
                self.cancel_link();
                self.try_again(true);
            }
            LinkState::Connected if overdue => {
                tracing::warn!("MASTER timeout: no data nor PING received...");
                self.drop_primary();
            }
            _ => {}
        }
        if self.following.state == LinkState::Connect && !self.durability.is_loading() {
            if let Some(primary) = &self.following.primary {
                tracing::info!("Connecting to MASTER {}:{}", primary.host, primary.port);
            }
            self.begin_link();
        }
        if self.following.counts {
            self.acknowledge();
        }
    }

    /// Tells the primary how far its stream has taken effect.
    pub(super) fn acknowledge(&mut self) {
        let Some(index) = self.following.client else { return };
        let offset = self.applied_offset().to_string();
        let mut request = Vec::new();
        crate::persist::aof::append_request(&mut request, [&b"REPLCONF"[..], b"ACK", offset.as_bytes()]);
        self.lend_buffer(index);
        self.clients[index].out.raw(&request);
        self.mark_dirty(index);
    }

    // ---- what the rim tells --------------------------------------------------------------------------------------

    /// Whether an attempt is the one that counts.
    pub fn is_attempt(&self, attempt: u64) -> bool {
        self.following.attempt == attempt
    }

    /// The primary was heard of; whether the attempt still counts.
    pub fn link_lives(&mut self, attempt: u64) -> bool {
        if self.is_attempt(attempt) {
            self.following.heard_at = UnixMs((self.senses.unix_us)() / 1000);
        }
        self.is_attempt(attempt)
    }

    /// The connection is there, and both sides introduce themselves.
    pub fn link_connected(&mut self, attempt: u64) {
        if self.link_lives(attempt) {
            self.following.state = LinkState::Handshake;
            tracing::info!("Non blocking connect for SYNC fired the event.");
        }
    }

    /// An attempt has come to nothing. `at_once`: it had come so far that another one may be made at once.
    pub fn link_failed(&mut self, attempt: u64, line: &str, at_once: bool) {
        if !self.is_attempt(attempt) {
            return;
        }
        tracing::warn!("{line}");
        self.begin_turn();
        self.try_again(at_once);
    }

    /// The primary has answered PSYNC with this line.
    pub fn link_answered(&mut self, attempt: u64, line: &[u8]) -> Next {
        if !self.link_lives(attempt) {
            return Next::Over;
        }
        let answer = Answer::parse(line);
        let text = String::from_utf8_lossy(&line[..line.len().min(256)]);
        if self.failover.is_in_progress() {
            if !matches!(answer, Answer::Continue(_) | Answer::Full(_)) {
                self.abort_failover("Failover target rejected psync request");
                return Next::Over;
            }
            self.end_failover();
        }
        match answer {
            Answer::Continue(new) => {
                tracing::info!("Successful partial resynchronization with master.");
                if self.following.resume_in.is_none() {
                    // It was not asked to go on.
                    tracing::warn!("Unexpected reply to PSYNC from master: {text}");
                    self.try_again(false);
                    return Next::Over;
                }
                if let Some(new) = new.filter(|new| *new != self.history.id) {
                    tracing::warn!("Master replication ID changed to {new}");
                    self.history.shift(new);
                    self.disconnect_replicas();
                }
                self.history.begin_backlog();
                self.follow_readers();
                tracing::info!("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
                Next::Stream
            }
            Answer::Full(told) => {
                match told {
                    Some((id, offset)) => tracing::info!("Full resync from master: {id}:{offset}"),
                    None => tracing::warn!("Master replied with wrong +FULLRESYNC syntax."),
                }
                self.await_snapshot(told);
                Next::Snapshot
            }
            Answer::Later => {
                tracing::info!("Master is currently unable to PSYNC but should be in the future: {text}");
                self.try_again(false);
                Next::Over
            }
            Answer::Unsupported => {
                match line.starts_with(b"-ERR") {
                    true => tracing::info!("Master does not support PSYNC or is in error state (reply: {text})"),
                    false => tracing::warn!("Unexpected reply to PSYNC from master: {text}"),
                }
                tracing::info!("Retrying with SYNC...");
                self.await_snapshot(None);
                Next::Sync
            }
        }
    }

    fn await_snapshot(&mut self, told: Option<(ReplicationId, u64)>) {
        self.following.told = told;
        self.following.state = LinkState::Transfer;
    }

    /// A snapshot begins, whose end is told so.
    pub fn snapshot_begins(&mut self, attempt: u64, extent: Extent) -> Option<ArrivalOrder> {
        if !self.link_lives(attempt) {
            return None;
        }
        let mode = self.config.enum_name(Key::ReplDisklessLoad);
        let direct = mode == "swapdb" || mode == "on-empty-db" && self.keyspace.total_keys() == 0;
        let same_history = self.following.told.is_some_and(|(id, _)| id == self.history.id);
        let whither = if direct { "to parser" } else { "to memory" };
        let total = match extent {
            Extent::Bytes(bytes) => {
                tracing::info!("MASTER <-> REPLICA sync: receiving {bytes} bytes from master {whither}");
                Some(bytes)
            }
            Extent::Mark(_) => {
                tracing::info!("MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF {whither}");
                None
            }
        };
        let progress = Arc::new(Progress::default());
        progress.key_delay_us.store(self.config.integer(Key::KeyLoadDelay), Ordering::Relaxed);
        self.following.incoming = Some(Incoming {
            total,
            read: 0,
            began_at: self.now,
            progress: progress.clone(),
            loading: false,
            serves_old: mode == "swapdb" && same_history,
            direct,
        });
        if direct {
            self.show_loading();
        }
        let options = rdb::LoadOptions {
            limits: self.limits.clone(),
            databases: self.keyspace.databases() as u32,
            check: self.config.boolean(Key::Rdbchecksum) && !self.debug.skip_checksums,
            clock: self.keyspace.access.fresh(),
        };
        Some(ArrivalOrder { options, access: self.keyspace.access.clone(), progress })
    }

    fn show_loading(&mut self) {
        if let Some(incoming) = self.following.incoming.as_mut().filter(|incoming| !incoming.loading) {
            incoming.loading = true;
            tracing::info!("MASTER <-> REPLICA sync: Loading DB in memory");
        }
    }

    /// Some of the snapshot has come; whether the attempt still counts.
    pub fn snapshot_read(&mut self, attempt: u64, bytes: usize) -> bool {
        let lives = self.link_lives(attempt);
        if lives && let Some(incoming) = &mut self.following.incoming {
            incoming.read += bytes as u64;
            self.stats.net_in += bytes as u64;
            self.stats.net_replication_in += bytes as u64;
        }
        lives
    }

    /// The connection broke in the middle of it.
    pub fn snapshot_lost(&mut self, attempt: u64, reason: &str) {
        let line = match self.following.incoming.as_ref().filter(|incoming| incoming.direct) {
            None => format!("I/O error trying to sync with MASTER: {reason}"),
            Some(incoming) => format!(
                "Failed trying to load the MASTER synchronization DB from socket: Internal error in RDB reading offset {} -> \
                 {reason}",
                incoming.read
            ),
        };
        self.link_failed(attempt, &line, true);
    }

    /// All of it has come, and what is left is to decode it.
    pub fn snapshot_received(&mut self, attempt: u64) {
        if self.link_lives(attempt) {
            self.show_loading();
        }
    }

    /// Takes a snapshot's databases in place of those there are. False: it cannot be used, and the log says why.
    pub fn snapshot_arrived(&mut self, attempt: u64, outcome: Result<Arrived, String>) -> bool {
        if !self.is_attempt(attempt) {
            self.keyspace.garbage.extend(outcome.into_iter().flat_map(|arrived| arrived.databases).map(Garbage::Table));
            return false;
        }
        self.begin_turn();
        let direct = self.following.incoming.as_ref().is_some_and(|incoming| incoming.direct);
        let result = outcome.and_then(|arrived| self.take_arrived(arrived, direct));
        if let Err(reason) = result {
            let from = if direct { "socket" } else { "memory" };
            self.link_failed(
                attempt,
                &format!("Failed trying to load the MASTER synchronization DB from {from}: {reason}"),
                true,
            );
            return false;
        }
        self.following.incoming = None;
        true
    }

    fn take_arrived(&mut self, mut arrived: Arrived, direct: bool) -> Result<(), String> {
        let libraries = match self.build_libraries(&arrived.functions) {
            Ok(libraries) => libraries,
            Err(reason) => {
                self.keyspace.garbage.extend(arrived.databases.drain(..).map(Garbage::Table));
                return Err(format!("Failed creating the library: {reason}"));
            }
        };
        let keys = arrived.keys;
        match arrived.empty {
            0 => tracing::info!("Done loading RDB, keys loaded: {keys}, keys expired: 0."),
            empty => {
                tracing::warn!("Done loading RDB, keys loaded: {keys}, keys expired: 0, empty keys skipped: {empty}.")
            }
        }
        self.durability.loaded_keys = keys;
        self.durability.expired_on_load = 0;
        self.discard_resume();
        self.end_turn();
        self.disconnect_replicas();
        // What the log holds is not the begin of what comes.
        self.stop_log();
        match direct {
            true => tracing::info!("MASTER <-> REPLICA sync: Swapping active DB with loaded DB"),
            false => tracing::info!("MASTER <-> REPLICA sync: Flushing old data"),
        }
        self.replace_data(arrived.databases);
        self.replace_libraries(libraries);
        self.following.resume_in = Some(DbIndex(arrived.stream_db.unwrap_or(0)));
        self.following.counts = self.following.told.is_some();
        match self.following.told {
            Some((id, offset)) => self.history.adopt(id, offset),
            None => {
                let id = self.random_replication_id();
                self.history.adopt(id, 0);
            }
        }
        self.follow_readers();
        self.restart_log_if_off();
        Ok(())
    }

    /// Puts other databases in place of all there are, and tells those who care.
    fn replace_data(&mut self, databases: Vec<crate::structs::table::Table<crate::object::Object>>) {
        let databases_count = self.keyspace.databases() as u32;
        // Whoever watches a key that was or is there has seen it change.
        let watchers: Vec<_> = (0..databases_count)
            .flat_map(|db| {
                self.watches.in_db(DbIndex(db)).map(move |(key, clients)| (DbIndex(db), key.to_vec(), clients.to_vec()))
            })
            .collect();
        for (db, key, clients) in watchers {
            let hash = crate::structs::table::hash(&key);
            let was = self.keyspace.table(db).get(hash, &key).is_some();
            let is = databases.get(db.0 as usize).is_some_and(|table| table.get(hash, &key).is_some());
            if was || is {
                clients.into_iter().for_each(|index| self.clients[index].flags.insert(ClientFlags::DIRTY_CAS));
            }
        }
        let dirty = self.keyspace.log.dirty;
        self.keyspace.flush(None);
        self.keyspace.log.dirty = dirty + 1;
        self.keyspace.replace_databases(databases);
        self.following.own_timed.clear();
        self.eviction_pool.clear();
        self.settle_internal();
    }

    /// The connection is in step from here on, as this client. `after`: how the end of the snapshot was told that came
    /// before, if one did.
    pub fn primary_connected(&mut self, attempt: u64, index: ClientIndex, after: Option<Extent>) {
        if !self.is_attempt(attempt) {
            return self.close(index, false);
        }
        let db = self.following.resume_in.take().filter(|db| (db.0 as usize) < self.keyspace.databases());
        let client = &mut self.clients[index];
        client.flags =
            ClientFlags::PRIMARY | ClientFlags::LOGGED_IN | ClientFlags::AUTHENTICATED | ClientFlags::UNRESTRICTED;
        client.db = db.unwrap_or(DbIndex(0));
        self.following.client = Some(index);
        self.following.heard_at = self.now;
        self.following.state = LinkState::Connected;
        self.following.down_since = UnixMs(0);
        self.following.broken = false;
        self.following.held.clear();
        match after {
            None => self.following.counts = true,
            Some(extent) => {
                tracing::info!("MASTER <-> REPLICA sync: Finished with success");
                // A primary that has marked the end of the snapshot waits to be told that it was found.
                if self.following.counts || matches!(extent, Extent::Mark(_)) {
                    self.acknowledge();
                }
            }
        }
    }
}
