//! What changes, on its way to replicas: one history that all of them read, each from where it is, and what they say of
//! how far they have come.
//!
//! The history's bytes are kept once. A replica's output buffer is given the next few of them whenever its socket has
//! taken those before, so that one which is slow, or still busy with its snapshot, costs no copy.

use super::table::CommandId;
use super::{ClientIndex, Engine};
use crate::base::ids::ClientId;
use crate::client::{BlockedOn, ClientFlags};
use crate::command::Args;
use crate::config::Key;
use crate::replication::Stage;

/// Bytes of the history that a replica's output buffer is given at a time.
const FILL_BYTES: usize = 64 * 1024;

impl Engine {
    /// Gives the replicas what was written for them.
    #[cold]
    pub(super) fn feed_replicas(&mut self) {
        let bytes = self.propagation.take_for_replicas();
        self.feed_replicas_raw(&bytes);
    }

    /// Adds bytes to the history, which all replicas follow. A replica passes on so what its primary sends.
    pub(super) fn feed_replicas_raw(&mut self, bytes: &[u8]) {
        self.history.append(bytes);
        self.history.trim(self.replicas.slowest());
        let readers: Vec<ClientId> =
            self.replicas.iter().filter(|replica| replica.reads()).map(|replica| replica.client).collect();
        for id in readers {
            let Some(index) = self.client_by_id(id) else { continue };
            self.fill_replica(index);
            self.check_replica_limit(index);
        }
    }

    /// Gives a replica's output what follows of the history, to be sent with this turn.
    pub(super) fn fill_replica(&mut self, index: ClientIndex) {
        if self.fill_output(index) {
            self.mark_dirty(index);
        }
    }

    /// Gives a replica's output what follows of the history, as far as there is room. Whether there is any output now.
    fn fill_output(&mut self, index: ClientIndex) -> bool {
        let id = self.clients[index].id;
        let Some(replica) = self.replicas.find_mut(id) else { return false };
        if replica.stage != Stage::Online || self.clients[index].closing() {
            return false;
        }
        let mut at = replica.at;
        if self.history.read(at).is_none() {
            // The history it followed is no longer this server's.
            self.close(index, false);
            return false;
        }
        self.lend_buffer(index);
        let client = &mut self.clients[index];
        if client.sent >= FILL_BYTES || client.output_bytes() == 0 {
            client.out.discard_front(client.sent);
            client.sent = 0;
        }
        let before = at;
        while client.output_bytes() < FILL_BYTES
            && let Some(piece) = self.history.read(at)
            && !piece.is_empty()
        {
            let piece = &piece[..piece.len().min(FILL_BYTES - client.output_bytes())];
            client.out.raw(piece);
            at += piece.len() as u64;
        }
        self.stats.net_out_to_replicas += at - before;
        let filled = client.output_bytes() > 0;
        if let Some(replica) = self.replicas.find_mut(id) {
            replica.at = at;
        }
        filled
    }

    /// A client's socket has taken all its output. Whether there is more for it: only replicas have more.
    #[inline]
    pub fn refill(&mut self, index: ClientIndex) -> bool {
        let flags = self.clients[index].flags;
        flags.contains(ClientFlags::REPLICA) && !flags.contains(ClientFlags::CLOSE_NOW) && self.fill_output(index)
    }

    /// Bytes of the history that wait for a client to take them, if it is a replica.
    pub(crate) fn unread_by(&self, id: ClientId) -> u64 {
        match self.replicas.find(id) {
            Some(replica) if replica.reads() => self.history.offset - replica.at,
            _ => 0,
        }
    }

    /// A replica has found the end of its snapshot, or knew it beforehand: what has changed meanwhile goes out.
    pub(super) fn begin_stream(&mut self, index: ClientIndex) {
        let (id, now) = (self.clients[index].id, self.now);
        let Some(replica) = self.replicas.find_mut(id).filter(|replica| replica.stage == Stage::Marking) else {
            return;
        };
        replica.stage = Stage::Online;
        replica.heard_at = now;
        self.fill_replica(index);
        self.mark_dirty(index);
        self.count_replicas_in_step();
    }

    /// Runs a request of a replica. What goes to it is the stream, so it cannot be answered: whoever asks for an answer
    /// is let go.
    #[cold]
    pub(super) fn execute_for_replica(&mut self, index: ClientIndex, args: Args<'_>, known: CommandId) {
        let id = self.clients[index].id;
        // Both grow by the same when the stream goes on.
        let written = |engine: &Engine| {
            let streamed = engine.replicas.find(id).map_or(0, |replica| replica.at);
            engine.clients[index].output_bytes() as i64 - streamed as i64
        };
        let before = written(self);
        self.running = Some(index);
        self.execute_known(index, args, known);
        self.running = None;
        if !self.clients[index].closing() && written(self) > before {
            let command = match self.clients[index].last_command {
                u16::MAX => "<unknown>".to_owned(),
                command => self.table.get(command).name.clone(),
            };
            let who = self.client_line(index);
            tracing::warn!("Replica generated a reply to command '{command}', disconnecting it: {who}");
            self.close(index, false);
        }
        if !self.keyspace.log.is_empty() && !self.scripting.is_running() {
            self.settle(index);
        }
    }

    // ---- acknowledgements ----------------------------------------------------------------------------------------

    /// A replica says up to where it has run the history, and up to where its log is durable.
    pub(super) fn acknowledged(&mut self, index: ClientIndex, offset: u64, durable: Option<u64>) {
        let (id, now) = (self.clients[index].id, self.now);
        let Some(replica) = self.replicas.find_mut(id) else { return };
        replica.acked = replica.acked.max(offset);
        replica.durable = replica.durable.max(durable.unwrap_or(0));
        replica.heard_at = now;
        self.begin_stream(index);
        if !self.replicas.waiters.is_empty() {
            self.release_replica_waiters();
        }
        if durable.is_some() && !self.durability.log_waiters.is_empty() {
            self.release_log_waiters();
        }
        if self.options.lacks_replicas {
            self.count_replicas_in_step();
        }
    }

    /// Asks all replicas how far they are. They answer once they have run what was before the question.
    #[cold]
    pub(super) fn ask_replicas(&mut self) {
        self.replicas.ask = false;
        if !self.replicas.is_empty() && !self.following.is_replica() {
            self.propagation.add_apart([&b"REPLCONF"[..], b"GETACK", b"*"].into_iter());
        }
    }

    /// Answers WAIT where enough replicas have come far enough.
    fn release_replica_waiters(&mut self) {
        for id in self.replicas.waiters.clone() {
            let Some(index) = self.client_by_id(id) else { continue };
            let on = self.clients[index].blocked.as_ref().map(|blocked| &blocked.on);
            let Some(&BlockedOn::Replicas { offset, replicas }) = on else { continue };
            if self.replicas.acknowledged(offset) as i64 >= replicas {
                self.end_wait(index, None);
            }
        }
    }

    /// Sets whether writes are refused because there are too few replicas that keep in step.
    pub(super) fn count_replicas_in_step(&mut self) {
        let wanted = self.config.integer(Key::MinReplicasToWrite).max(0) as usize;
        let most_lag_s = self.config.integer(Key::MinReplicasMaxLag);
        let asked_for = wanted > 0 && most_lag_s > 0;
        self.options.replicas_in_step = asked_for.then(|| self.replicas.in_step(self.now, most_lag_s));
        self.options.lacks_replicas = self.options.replicas_in_step.is_some_and(|count| count < wanted);
    }

    // ---- time ----------------------------------------------------------------------------------------------------

    /// What is due once a second: signs of life, replicas that give none, a backlog that nobody comes back for.
    pub(super) fn look_after_replicas(&mut self) {
        self.free_unused_backlog();
        if self.replicas.is_empty() {
            return;
        }
        let period_s = self.config.integer(Key::ReplPingReplicaPeriod).max(1);
        // A replica's own replicas hear from its primary, and a failover ends where nothing is written any more.
        let silent = self.following.is_replica() || self.failover.is_on();
        if self.now.as_secs() % period_s == 0 && !silent {
            self.propagation.add_apart([&b"PING"[..]].into_iter());
            self.end_turn();
        }
        self.greet_waiting_replicas();
        self.note_taken();
        for (id, stage) in self.replicas.timed_out(self.now, self.config.integer(Key::ReplTimeout)) {
            let Some(index) = self.client_by_id(id) else { continue };
            let announced = self.replicas.find(id).map(|replica| replica.announced.clone()).unwrap_or_default();
            let part = if stage == Stage::Receiving { "full sync" } else { "streaming sync" };
            tracing::warn!("Disconnecting timedout replica ({part}): {}", self.replica_name(index, &announced));
            self.close(index, false);
        }
        self.count_replicas_in_step();
    }

    /// An empty line tells those that wait for their snapshot that the primary is there.
    fn greet_waiting_replicas(&mut self) {
        let waits = |stage| matches!(stage, Stage::Queued | Stage::Waiting);
        let waiting = self.replicas.iter().filter(|replica| waits(replica.stage));
        let waiting: Vec<_> = waiting.filter_map(|replica| self.client_by_id(replica.client)).collect();
        for index in waiting {
            self.clients[index].out.raw(b"\n");
            self.mark_dirty(index);
        }
    }

    /// Notes whose socket has taken something of a snapshot.
    fn note_taken(&mut self) {
        let now = self.now;
        for replica in self.replicas.iter_mut().filter(|replica| replica.stage == Stage::Receiving) {
            let Some(client) = self.client_ids.get(&replica.client).and_then(|&index| self.clients.get(index)) else {
                continue;
            };
            if client.net_out != replica.taken || client.output_bytes() == 0 {
                (replica.taken, replica.taken_at) = (client.net_out, now);
            }
        }
    }

    /// Frees the backlog once there has been no replica for `repl-backlog-ttl`.
    fn free_unused_backlog(&mut self) {
        let most_s = self.config.integer(Key::ReplBacklogTtl);
        let none_for_s = self.now.as_secs() - self.replicas.none_since.as_secs();
        // A replica may be the primary next, and its fellows go on from what it holds.
        if self.following.is_replica()
            || !self.history.has_backlog()
            || !self.replicas.is_empty()
            || most_s == 0
            || none_for_s <= most_s
        {
            return;
        }
        // What follows is not counted, so no replica may find the same name with another history behind it.
        let id = self.random_replication_id();
        self.history.restart(id);
        self.history.free_backlog();
        self.follow_readers();
        tracing::info!("Replication backlog freed after {most_s} seconds without connected replicas.");
    }
}
