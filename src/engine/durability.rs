//! Keeping what was acknowledged: the append-only log and snapshots, as the engine sees them.
//!
//! The loop only hands bytes and snapshots to the threads of `persist/` and looks at what they have reached. Under
//! `appendfsync always` a reply that may reveal a change is stamped with the log's offset behind that change, and the
//! rim holds it until the log is durable up to there; replies that reveal nothing new go at once.

use super::{ClientIndex, Engine};
use crate::base::ids::UnixMs;
use crate::client::BlockedOn;
use crate::command::meta::Flag;
use crate::command::{Args, CommandError};
use crate::config::Key;
use crate::persist::disk::Disk;
use crate::persist::save::{SaveJob, Snapshot, SnapshotOptions};
use crate::persist::worker::{AofWriter, Status};
use crate::persist::{Level, Note, Notify, Slot};
use crate::rdb::{SaveOptions, Usage};
use crate::structs::held;
use crate::structs::table::hash;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Writers that are slowed may run one command in so many milliseconds.
const SLOWED_MS: i64 = 10;

/// A stamp that is not known yet: the log's offset at the end of this turn.
pub const STAMP_OF_THIS_TURN: u64 = u64::MAX;

/// A snapshot that is being written.
pub struct RunningSave {
    /// The thread's work.
    pub job: SaveJob,
    /// When it began.
    pub began_at: UnixMs,
    /// Changes counted when it began.
    pub dirty_at_begin: u64,
    /// Somebody waits for it (SAVE): if it fails they are told, and writers are not refused.
    pub waited_for: bool,
}

/// Bytes that snapshots alone keep in memory.
#[derive(Debug, Default, Clone, Copy)]
pub struct HeldBack {
    /// By large values and whole databases that were given up since the account began.
    pub garbage: usize,
    /// The most bytes that were held back at a time since there was no snapshot.
    pub peak: usize,
    /// The log says since then that writers are slowed. Once is enough: what is held back may pass the limit again and again.
    pub is_told: bool,
    /// By the last snapshot, when it ended.
    pub last_save: usize,
    /// By the last rewrite, when it ended.
    pub last_rewrite: usize,
}

/// A client that is answered once the snapshot is written.
#[derive(Debug)]
pub struct SaveWaiter {
    /// The client.
    pub client: ClientIndex,
    /// Whether it is told of a failure (SAVE), or its command has done its work all the same (FLUSHALL).
    pub wants_result: bool,
}

/// The state of files, as far as the engine knows it.
pub struct Durability {
    /// The disk, lent by the rim.
    pub disk: Arc<dyn Disk>,
    /// Called by the threads when there is something to look at.
    pub notify: Notify,
    /// The append-only log, when it is on.
    pub log: Option<AofWriter>,
    /// Replies wait for the log to be durable (`appendfsync always`).
    pub always: bool,
    /// The snapshot being written.
    pub save: Option<RunningSave>,
    /// Snapshots on their way to replicas.
    pub transfers: usize,
    /// Clients that wait for it (SAVE, FLUSHALL).
    pub save_waiters: Vec<SaveWaiter>,
    /// Clients that wait for the log to be durable (WAITAOF).
    pub log_waiters: Vec<ClientIndex>,
    /// The log's thread has been told to remove its history; the place is filled when it has.
    pub history_removal: Option<Slot<()>>,
    /// Clients that are answered then.
    pub history_waiters: Vec<(ClientIndex, Slot<()>)>,
    /// Writers wait for their turn: snapshots hold back more memory than they may.
    pub slows_writers: bool,
    /// Those that wait.
    pub slowed: Vec<ClientIndex>,
    /// When their turn is.
    pub slowed_until: UnixMs,
    /// Most bytes that a snapshot held back: the one under way, or the last one of its kind.
    pub held_back: HeldBack,
    /// A save that is to begin once the log's rewrite is over.
    pub save_scheduled: bool,
    /// When the last snapshot was written, or the server started.
    pub last_save_at: UnixMs,
    /// When a snapshot was last begun.
    pub last_save_try: UnixMs,
    /// Whether the last snapshot was written.
    pub last_save_ok: bool,
    /// Seconds it took; -1 for none.
    pub last_save_seconds: i64,
    /// Changes counted when the last snapshot that was written began.
    pub dirty_at_last_save: u64,
    /// Snapshots written.
    pub saves: u64,
    /// The rewrite of the log that is going on.
    pub rewrite: Option<crate::persist::Rewrite>,
    /// When it began.
    pub rewrite_began_at: UnixMs,
    /// A rewrite that is to begin once the snapshot is written.
    pub rewrite_scheduled: bool,
    /// Rest between automatic rewrites that fail.
    pub rewrite_limit: crate::persist::RewriteLimit,
    /// Whether the last rewrite worked.
    pub last_rewrite_ok: bool,
    /// Seconds it took; -1 for none.
    pub last_rewrite_seconds: i64,
    /// Rewrites done.
    pub rewrites: u64,
    /// The log's size after the last rewrite, in bytes.
    pub rewrite_base_bytes: u64,
    /// Loaded keys take the place of those there are (DEBUG RELOAD MERGE).
    pub replace_on_load: bool,
    /// The load that is going on.
    pub loading: Option<Box<super::log_control::Loading>>,
    /// A slice of the load runs right now and has `loading` in its hands.
    pub load_slice_runs: bool,
    /// Keys the last load brought.
    pub loaded_keys: u64,
    /// Keys the last load left out because they had expired.
    pub expired_on_load: u64,
    /// The place in a history that the snapshot tells which was loaded last.
    pub loaded_history: Option<super::loaded_history::LoadedHistory>,
    /// The log was turned on and has no base yet.
    pub first_base: bool,
    /// Where the log is that is on.
    pub log_names: Option<crate::persist::AofNames>,
    /// Offset of the log up to which the keys in `recent` are durable.
    durable: u64,
    /// Keys changed behind the durable offset, by hash, with the offset behind the change.
    recent: HashMap<u64, u64>,
    fresh: Vec<u64>,
    /// Clients whose stamp is that of this turn.
    stamped: Vec<ClientIndex>,
    /// Offset behind the last change that named no key (SWAPDB): any value may be newer than what is durable.
    unnamed: u64,
}

impl Durability {
    /// No log and no snapshot yet.
    pub fn new(disk: Arc<dyn Disk>, notify: Notify, now: UnixMs) -> Durability {
        Durability {
            disk,
            notify,
            log: None,
            always: false,
            save: None,
            transfers: 0,
            save_waiters: Vec::new(),
            log_waiters: Vec::new(),
            history_removal: None,
            history_waiters: Vec::new(),
            slows_writers: false,
            slowed: Vec::new(),
            slowed_until: UnixMs(0),
            held_back: HeldBack::default(),
            save_scheduled: false,
            last_save_at: now,
            last_save_try: UnixMs(0),
            last_save_ok: true,
            last_save_seconds: -1,
            dirty_at_last_save: 0,
            saves: 0,
            rewrite: None,
            rewrite_began_at: now,
            rewrite_scheduled: false,
            rewrite_limit: Default::default(),
            last_rewrite_ok: true,
            last_rewrite_seconds: -1,
            rewrites: 0,
            rewrite_base_bytes: 0,
            loading: None,
            load_slice_runs: false,
            replace_on_load: false,
            loaded_keys: 0,
            expired_on_load: 0,
            loaded_history: None,
            first_base: false,
            log_names: None,
            durable: 0,
            recent: HashMap::new(),
            fresh: Vec::new(),
            stamped: Vec::new(),
            unnamed: 0,
        }
    }

    /// Whether a snapshot is being written, for whatever purpose.
    #[inline]
    pub fn writes_snapshot(&self) -> bool {
        self.save.is_some() || self.rewrite.is_some() || self.transfers > 0
    }

    /// Whether the last snapshot and the log are as they should be.
    #[inline]
    pub fn is_fine(&self) -> bool {
        self.last_save_ok && self.log.as_ref().is_none_or(|log| log.status() == Status::Ok)
    }

    /// Whether there is a log, and its thread can write it.
    pub fn log_works(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.status() == Status::Ok)
    }

    /// Whether data is being loaded; true also for what runs in the middle of it.
    #[inline]
    pub fn is_loading(&self) -> bool {
        self.loading.is_some() || self.load_slice_runs
    }

    /// The log is closed with all it was given: nothing waits for it any more.
    pub fn release_all(&mut self) {
        self.recent.clear();
        self.fresh.clear();
        self.unnamed = 0;
        self.durable = u64::MAX - 1;
    }

    /// The offset up to which nothing can be lost any more.
    pub fn durable_offset(&self) -> u64 {
        self.durable
    }
}

impl Engine {
    /// Stamps the running client's replies with what they may reveal. `changed`: the command changed data.
    #[cold]
    pub(super) fn stamp(&mut self, index: ClientIndex, id: super::table::CommandId, args: Args<'_>, changed: bool) {
        let command = self.table.get(id);
        let positions = self.key_positions(id, args);
        let mut stamp = 0;
        if changed {
            for &at in &positions {
                let hash = hash(args.at(at));
                self.durability.recent.insert(hash, STAMP_OF_THIS_TURN);
                self.durability.fresh.push(hash);
            }
            if positions.is_empty() {
                self.durability.unnamed = STAMP_OF_THIS_TURN;
            }
            stamp = STAMP_OF_THIS_TURN;
        } else if !self.durability.recent.is_empty() {
            if !positions.is_empty() {
                let recent = |&at: &usize| self.durability.recent.get(&hash(args.at(at))).copied();
                stamp = positions.iter().filter_map(recent).max().unwrap_or(0);
            } else if command.has(Flag::Readonly) || command.name == "exec" {
                // It may have looked at any key.
                stamp = self.durability.recent.values().copied().max().unwrap_or(0);
            }
        }
        if !changed && (!positions.is_empty() || command.has(Flag::Readonly)) {
            stamp = stamp.max(self.durability.unnamed);
        }
        let index = self.on_behalf_of(index);
        self.stamp_as(index, stamp);
    }

    /// Holds a client's replies until the log is durable up to this offset.
    pub(super) fn stamp_as(&mut self, index: ClientIndex, stamp: u64) {
        let client = &mut self.clients[index];
        if stamp == STAMP_OF_THIS_TURN && client.stamp != stamp {
            self.durability.stamped.push(index);
        }
        client.stamp = client.stamp.max(stamp);
    }

    /// Hands what the turn did to the log, and gives the turn's stamps their offset.
    pub fn end_turn(&mut self) {
        self.keyspace.let_walk();
        self.pass_stream_on();
        if self.replicas.ask && !self.pause.is_on() && !self.failover.is_on() {
            self.ask_replicas();
        }
        if self.propagation.has_for_replicas() {
            self.feed_replicas();
        }
        if self.propagation.is_empty() && self.durability.stamped.is_empty() {
            return;
        }
        let bytes = self.propagation.take();
        let Some(log) = &mut self.durability.log else { return };
        let offset = log.append(bytes);
        for hash in self.durability.fresh.drain(..) {
            self.durability.recent.insert(hash, offset);
        }
        if self.durability.unnamed == STAMP_OF_THIS_TURN {
            self.durability.unnamed = offset;
        }
        // Not only those with output: whoever is not answered now (CLIENT REPLY OFF) may be later.
        for index in self.durability.stamped.drain(..) {
            if let Some(client) = self.clients.get_mut(index)
                && client.stamp == STAMP_OF_THIS_TURN
            {
                client.stamp = offset;
            }
        }
    }

    /// Looks at what the threads have reached: the log's durable offset, ended saves. To be called once a turn.
    pub fn look_at_threads(&mut self) {
        if let Some(log) = &self.durability.log {
            let durable = log.durable_offset();
            if durable != self.durability.durable {
                self.durability.durable = durable;
                if durable == log.appended_offset() {
                    self.durability.recent.clear();
                } else {
                    self.durability.recent.retain(|_, offset| *offset > durable);
                }
            }
            for note in log.take_notes() {
                tell(&note);
            }
        }
        if !self.durability.log_waiters.is_empty() {
            self.release_log_waiters();
        }
        if !self.durability.history_waiters.is_empty() {
            self.release_history_waiters();
        }
        if self.replicas.await_snapshots() {
            self.go_on_with_deliveries();
        }
        self.look_at_sessions();
        if self.durability.writes_snapshot() {
            // Nodes go back as a snapshot is written, so the end tells little.
            self.durability.held_back.peak = self.peak_held_memory();
        }
        self.look_at_save();
        self.look_at_rewrite();
        if self.durability.writes_snapshot() {
            self.bound_held_memory();
        } else if self.durability.slows_writers {
            self.end_holding();
        }
    }

    /// Slows writers while snapshots hold back more than `snapshot-memory-limit`.
    fn bound_held_memory(&mut self) {
        let limit = match self.config.unsigned(Key::SnapshotMemoryLimit) {
            0 => self.facts.total_memory / 4,
            bytes => bytes,
        };
        let slow = self.held_memory() as u64 > limit;
        if slow && !self.durability.held_back.is_told {
            self.durability.held_back.is_told = true;
            tracing::warn!("A snapshot holds back {} bytes of memory: writers are slowed", self.held_memory());
        }
        self.durability.slows_writers = slow;
    }

    /// Bytes that only snapshots keep in memory, at most this many.
    pub fn held_memory(&self) -> usize {
        match self.durability.writes_snapshot() {
            true => held::bytes() + self.durability.held_back.garbage,
            false => 0,
        }
    }

    /// The most that it has been since there was no snapshot.
    pub fn peak_held_memory(&self) -> usize {
        self.durability.held_back.peak.max(self.held_memory())
    }

    /// Gives each writer that waits its turn: one command.
    pub(super) fn let_slowed_writers_go_on(&mut self) {
        self.durability.slowed_until = UnixMs(self.now.0 + SLOWED_MS);
        let slows = std::mem::take(&mut self.durability.slows_writers);
        for index in std::mem::take(&mut self.durability.slowed) {
            if let Some(blocked) = self.release_blocked(index) {
                self.execute(index, blocked.args.as_args(), super::table::CommandId::MAX);
                if self.clients.get(index).is_some_and(|client| client.blocked.is_none()) {
                    self.resume(index);
                }
            }
        }
        self.durability.slows_writers = slows && self.durability.writes_snapshot();
    }

    /// A snapshot is about to be taken.
    pub(super) fn begin_holding(&mut self) {
        if !self.durability.writes_snapshot() {
            self.durability.held_back.garbage = 0;
            self.durability.held_back.peak = 0;
            self.durability.held_back.is_told = false;
            held::begin();
        }
    }

    /// A snapshot has ended; the account goes on while another one is left.
    pub(super) fn end_holding(&mut self) {
        if !self.durability.writes_snapshot() {
            held::end();
            self.durability.slows_writers = false;
            self.durability.slowed_until = self.now;
        }
    }

    /// Notes where the log and the history for replicas are behind a client's change.
    #[cold]
    pub(super) fn note_written(&mut self, index: ClientIndex) {
        let replicated = self.history_offset();
        let Some(client) = self.clients.get_mut(index) else { return };
        client.replicated = replicated;
        if let Some(log) = &self.durability.log {
            client.logged = log.appended_offset() + self.propagation.len() as u64;
        }
    }

    /// How far the history for replicas is, with what this turn adds to it.
    pub(crate) fn history_offset(&self) -> u64 {
        self.applied_offset() + self.propagation.len_for_replicas() as u64
    }

    /// Answers WAITAOF where the log has come far enough, or is there no more.
    #[cold]
    pub(super) fn release_log_waiters(&mut self) {
        let durable = self.durability.log.is_some().then_some(self.durability.durable);
        for index in self.durability.log_waiters.clone() {
            let Some(&BlockedOn::Log { offset, local, replicated, replicas }) =
                self.clients[index].blocked.as_ref().map(|blocked| &blocked.on)
            else {
                continue;
            };
            match durable {
                None if local => self.end_wait(index, Some(&CommandError::WAITAOF_WITHOUT_LOG)),
                _ if self.replicas.durable(replicated) < replicas as usize => {}
                Some(durable) if offset <= durable => self.end_wait(index, None),
                None => self.end_wait(index, None),
                _ => {}
            }
        }
    }

    /// Answers CONFIG SET once the log's history is removed, or nobody can tell when it will be.
    #[cold]
    fn release_history_waiters(&mut self) {
        let stuck = !self.durability.log_works();
        let waiters = self.durability.history_waiters.iter();
        let over = |(_, removed): &&(ClientIndex, Slot<()>)| stuck || removed.take().is_some();
        let answered: Vec<ClientIndex> = waiters.filter(over).map(|(client, _)| *client).collect();
        for client in answered {
            self.answer(client, |reply| reply.ok());
        }
    }

    /// Whether a client's output may be sent.
    #[inline]
    pub fn may_send(&self, index: ClientIndex) -> bool {
        !self.durability.always || self.clients[index].stamp <= self.durability.durable
    }

    // ---- snapshots -----------------------------------------------------------------------------------------------

    /// Everything as it is now, with what is to be known about it.
    pub fn take_snapshot(&mut self) -> Snapshot {
        let used = self.used_memory();
        Snapshot {
            dbs: self.keyspace.snapshot(),
            functions: self.library_codes(),
            aux: vec![
                ("redis-ver", super::commands::info::REDIS_VERSION.as_bytes().to_vec()),
                ("redis-bits", b"64".to_vec()),
                ("ctime", self.now.as_secs().to_string().into_bytes()),
                ("used-mem", used.to_string().into_bytes()),
            ],
        }
    }

    /// The same, with the place in the history that it is a snapshot of: whoever loads it can go on there.
    pub fn take_snapshot_with_history(&mut self) -> Snapshot {
        let mut snapshot = self.take_snapshot();
        // Nobody knows a history that is not remembered, and in the midst of a unit there is no place in it.
        let db = if self.following.is_replica() { self.stream_db() } else { self.propagation.db_for_replicas() };
        if self.history.has_backlog()
            && let Some(db) = db
        {
            snapshot.aux.extend([
                ("repl-stream-db", db.0.to_string().into_bytes()),
                ("repl-id", self.history.id.as_bytes().to_vec()),
                ("repl-offset", self.history_offset().to_string().into_bytes()),
            ]);
        }
        snapshot
    }

    /// The same snapshot once more, while nothing has changed.
    pub fn take_again(&mut self, taken: &Snapshot) -> Snapshot {
        let dbs = if taken.dbs.is_empty() { Vec::new() } else { self.keyspace.snapshot() };
        Snapshot { dbs, functions: taken.functions.clone(), aux: taken.aux.clone() }
    }

    /// How snapshots are written, by the directives.
    pub fn snapshot_options(&self) -> SnapshotOptions {
        let config = &self.config;
        let access = self.keyspace.access.clone();
        let usage: Option<crate::persist::save::UsageOf> = match self.options.policy {
            policy if policy.is_lfu() => {
                Some(Arc::new(move |object: &crate::object::Object| Usage::Frequency(access.frequency(object.clock()))))
            }
            policy if policy.is_lru() => Some(Arc::new(move |object: &crate::object::Object| {
                Usage::IdleSeconds(access.idle_seconds(object.clock()) as u64)
            })),
            _ => None,
        };
        SnapshotOptions {
            rdb: SaveOptions {
                compress: config.boolean(Key::Rdbcompression),
                checksum: config.boolean(Key::Rdbchecksum),
                ..SaveOptions::default()
            },
            incremental_sync: config.boolean(Key::RdbSaveIncrementalFsync),
            key_delay_us: config.integer(Key::RdbKeySaveDelay),
            usage,
            timestamp: None,
        }
    }

    /// The snapshot file.
    pub fn snapshot_path(&self) -> PathBuf {
        let dir = String::from_utf8_lossy(self.config.string(Key::Dir)).into_owned();
        PathBuf::from(dir).join(String::from_utf8_lossy(self.config.string(Key::Dbfilename)).as_ref())
    }

    /// Begins to write a snapshot on a thread, `waited_for` by a client. Errors: one is being written, or no thread can be had.
    pub fn begin_save(&mut self, waited_for: bool) -> Result<(), CommandError> {
        if self.durability.save.is_some() {
            return Err(CommandError::fixed("ERR Background save already in progress"));
        }
        self.begin_holding();
        let (path, snapshot, options) =
            (self.snapshot_path(), self.take_snapshot_with_history(), self.snapshot_options());
        self.durability.last_save_try = self.now;
        let pid = self.facts.process_id;
        let started =
            SaveJob::save(self.durability.disk.clone(), path, pid, snapshot, options, self.durability.notify.clone());
        match started {
            Ok(job) => {
                tracing::info!("Background saving started");
                let dirty_at_begin = self.keyspace.log.dirty;
                self.durability.save = Some(RunningSave { job, began_at: self.now, dirty_at_begin, waited_for });
                self.follow_busy_disk();
                Ok(())
            }
            Err(error) => {
                self.durability.last_save_ok = false;
                self.end_holding();
                tracing::warn!("Can't save in background: {error}");
                Err(CommandError::new(format!("ERR Can't save in background: {error}")))
            }
        }
    }

    /// FLUSHALL: what is being saved is of no use any more, and with save points the empty data takes its place on the
    /// disk. True when the client waits for that.
    pub(super) fn save_after_flush(&mut self, may_wait: bool) -> bool {
        if let Some(running) = self.durability.save.take() {
            running.job.cancel();
            self.end_holding();
            self.follow_busy_disk();
            self.saved(Err(std::io::ErrorKind::Interrupted.into()), running.began_at, running.dirty_at_begin, true);
            self.answer_save_waiters(false);
        }
        if self.config.save_points().is_empty() {
            return false;
        }
        if !may_wait {
            // Inside EXEC what follows belongs to the same snapshot.
            self.durability.save_scheduled = true;
            return false;
        }
        // A failure is in the log, and INFO tells of it.
        self.begin_save(true).is_ok()
    }

    fn answer_save_waiters(&mut self, ok: bool) {
        let waiters = std::mem::take(&mut self.durability.save_waiters);
        for SaveWaiter { client, wants_result } in waiters {
            let ok = ok || !wants_result;
            self.answer(client, |reply| if ok { reply.ok() } else { reply.error(b"ERR") });
        }
    }

    fn look_at_save(&mut self) {
        let Some(running) = &mut self.durability.save else { return };
        let Some(result) = running.job.poll() else { return };
        let (began_at, dirty, waited_for) = (running.began_at, running.dirty_at_begin, running.waited_for);
        self.durability.held_back.last_save = self.peak_held_memory();
        self.durability.save = None;
        self.end_holding();
        self.follow_busy_disk();
        let ok = self.saved(result.map(|_| ()), began_at, dirty, !waited_for);
        self.answer_save_waiters(ok);
    }

    /// Notes how a save ended; only the failure of one in the background is a reason to refuse writes. Returns whether the
    /// file is written.
    pub fn saved(
        &mut self,
        result: std::io::Result<()>,
        began_at: UnixMs,
        dirty_at_begin: u64,
        background: bool,
    ) -> bool {
        let written = result.is_ok();
        self.durability.last_save_seconds = (self.now.0 - began_at.0) / 1000;
        match result {
            Ok(()) => {
                tracing::info!("DB saved on disk");
                if background {
                    tracing::info!("Background saving terminated with success");
                }
                self.durability.last_save_ok = true;
                self.durability.last_save_at = self.now;
                self.durability.dirty_at_last_save = dirty_at_begin;
                self.durability.saves += 1;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                tracing::warn!("Background saving terminated by request");
            }
            Err(error) => {
                tracing::warn!("Error saving the DB on disk: {error}");
                if background {
                    tracing::warn!("Background saving error");
                    self.durability.last_save_ok = false;
                }
            }
        }
        written
    }

    /// Changes since the last snapshot.
    pub fn changes_since_save(&self) -> u64 {
        self.keyspace.log.dirty.saturating_sub(self.durability.dirty_at_last_save)
    }

    /// Begins a save when a save point is reached (`save`), or one was put off.
    pub(super) fn save_if_due(&mut self) {
        const RETRY_MS: i64 = 5000;
        if self.durability.save.is_some() {
            return;
        }
        if std::mem::take(&mut self.durability.save_scheduled) {
            // A failure is in the log, and INFO tells of it.
            let _ = self.begin_save(false);
            return;
        }
        let changes = self.changes_since_save();
        let since_s = (self.now.0 - self.durability.last_save_at.0) / 1000;
        let rested = self.now.0 - self.durability.last_save_try.0 > RETRY_MS || self.durability.last_save_ok;
        let due =
            self.config.save_points().iter().find(|point| changes >= point.changes && since_s > point.seconds as i64);
        if let Some(point) = due
            && rested
        {
            tracing::info!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
            let _ = self.begin_save(false);
        }
    }

    /// Why writes are refused, if they are.
    pub(super) fn disk_trouble(&self) -> Option<CommandError> {
        let stop = !self.durability.last_save_ok
            && !self.config.save_points().is_empty()
            && self.config.boolean(Key::StopWritesOnBgsaveError);
        if stop {
            return Some(CommandError::fixed(
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands \
                 that may modify the data set are disabled, because this instance is configured to report errors during \
                 writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for \
                 details about the RDB error.",
            ));
        }
        match self.durability.log.as_ref().map(AofWriter::status) {
            Some(Status::WriteFailed(errno)) | Some(Status::SyncFailed(errno)) => {
                let reason = std::io::Error::from_raw_os_error(errno).to_string();
                let reason = reason.split(" (os error").next().unwrap_or_default().to_owned();
                Some(CommandError::new(format!("MISCONF Errors writing to the AOF file: {reason}")))
            }
            _ => None,
        }
    }
}

/// Writes what a thread has to tell into the server's log.
pub fn tell(note: &Note) {
    match note.level {
        Level::Warning => tracing::warn!("{}", note.text),
        _ => tracing::info!("{}", note.text),
    }
}
