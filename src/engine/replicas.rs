//! The primary's side at work: who asks to follow goes on where it was, or gets a snapshot; what changes from then on is
//! `replica_stream.rs`'s.

use super::propagate::Readers;
use super::{Ask, ClientIndex, Engine};
use crate::base::ids::ClientId;
use crate::client::ClientFlags;
use crate::config::Key;
use crate::persist::transfer::{Piece, Transfer};
use crate::replication::history::{Lost, ReplicationId};
use crate::replication::{Announced, Replica, Stage};

/// While so much output waits for a replica's socket, no more of its snapshot is taken from the thread that makes it.
const MOST_WAITING_BYTES: usize = 1024 * 1024;
/// Snapshots on their way at a time; who comes then shares the next one.
const MOST_DELIVERIES: usize = 4;

/// How a client asks to follow.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// SYNC: for a snapshot.
    Sync,
    /// PSYNC: to go on with the history of this name at this position, or else for a snapshot.
    Psync(&'a [u8], i64),
}

impl Engine {
    /// Sets who reads what is repeated, if anything is: not while data is being loaded.
    pub(super) fn follow_readers(&mut self) {
        let mut readers = Readers::empty();
        readers.set(Readers::LOG, self.durability.log.is_some());
        // A replica passes its primary's stream on as it is.
        let writes_history = !self.following.is_replica();
        readers.set(Readers::REPLICAS, writes_history && (!self.replicas.is_empty() || self.history.has_backlog()));
        self.propagation.set_readers(readers, self.durability.is_loading());
        self.keyspace.log.keep_removals = !readers.is_empty();
        self.effects.wanted = !readers.is_empty();
    }

    /// Makes a client a replica: it goes on where it was, or gets a snapshot and then what changes.
    pub(super) fn begin_replica(&mut self, index: ClientIndex, asked: Asked<'_>) {
        // What happened before belongs to those who were there before.
        self.end_turn();
        let id = self.clients[index].id;
        let announced = self.announced.get(&id).cloned().unwrap_or_default();
        let name = self.replica_name(index, &announced);
        tracing::info!("Replica {name} asks for synchronization");
        let acknowledges = matches!(asked, Asked::Psync(..));
        let mut replica = Replica::new(id, announced, acknowledges, self.now);
        if let Asked::Psync(history, position) = asked {
            match self.history.since(history, position) {
                Ok(at) => {
                    tracing::info!(
                        "Partial resynchronization request from {name} accepted. Sending {} bytes of backlog starting \
                         from offset {position}.",
                        self.history.offset - at
                    );
                    self.stats.partial_syncs += 1;
                    replica.at = at;
                    return self.go_on_with_replica(index, replica);
                }
                Err(lost) => self.tell_lost(&name, history, position, lost),
            }
        }
        self.stats.full_syncs += 1;
        self.clients[index].flags.insert(ClientFlags::REPLICA);
        self.replicas.add(replica);
        if self.config.boolean(Key::ReplDisableTcpNodelay) {
            self.asks.push(Ask::GatherPackets(index));
        }
        if !self.history.has_backlog() {
            // What happened while nothing was remembered is in no history that anybody knows.
            let id = self.random_replication_id();
            self.history.restart(id);
            self.history.begin_backlog();
            tracing::info!(
                "Replication backlog created, my new replication IDs are '{id}' and '{}'",
                ReplicationId::NONE
            );
        }
        self.follow_readers();
        self.start_due_snapshots();
        if self.replicas.find(id).is_some_and(|replica| replica.stage == Stage::Queued) {
            tracing::info!("Delay next BGSAVE for diskless SYNC");
        }
    }

    /// A replica that was away goes on from the backlog.
    fn go_on_with_replica(&mut self, index: ClientIndex, mut replica: Replica) {
        replica.stage = Stage::Online;
        let client = &mut self.clients[index];
        client.flags.insert(ClientFlags::REPLICA);
        match replica.announced.renames {
            true => client.out.raw(format!("+CONTINUE {}\r\n", self.history.id).as_bytes()),
            false => client.out.raw(b"+CONTINUE\r\n"),
        }
        self.replicas.add(replica);
        self.follow_readers();
        self.fill_replica(index);
        self.count_replicas_in_step();
        self.mark_dirty(index);
    }

    /// Says why a replica cannot go on. One that asks for `?` does not want to.
    fn tell_lost(&mut self, name: &str, history: &[u8], position: i64, lost: Lost) {
        if history.first() == Some(&b'?') {
            return tracing::info!("Full resync requested by replica {name}");
        }
        self.stats.refused_partial_syncs += 1;
        let second = self.history.second.map_or((ReplicationId::NONE, -1), |(id, until)| (id, until as i64));
        match lost {
            Lost::OtherHistory => tracing::info!(
                "Partial resynchronization not accepted: Replication ID mismatch (Replica asked for '{}', my \
                 replication IDs are '{}' and '{}')",
                String::from_utf8_lossy(history),
                self.history.id,
                second.0
            ),
            Lost::BeyondFormer => tracing::info!(
                "Partial resynchronization not accepted: Requested offset for second ID was {position}, but I can reply \
                 up to {}",
                second.1
            ),
            Lost::NotHeld => {
                tracing::info!(
                    "Unable to partial resync with replica {name} for lack of backlog (Replica request was: {position})."
                );
                if position > self.history.offset as i64 {
                    tracing::warn!(
                        "Warning: replica {name} tried to PSYNC with an offset that is greater than the master \
                         replication offset."
                    );
                }
            }
        }
    }

    /// A name for a history that nobody knows.
    pub(crate) fn random_replication_id(&mut self) -> ReplicationId {
        ReplicationId::from_bits(std::array::from_fn(|_| self.rng.u32(..)))
    }

    /// Lets all replicas go: what they followed is not this server's history any more.
    pub fn disconnect_replicas(&mut self) {
        let all: Vec<_> = self.replicas.iter().filter_map(|replica| self.client_by_id(replica.client)).collect();
        all.into_iter().for_each(|index| self.close(index, false));
    }

    // ---- snapshots -----------------------------------------------------------------------------------------------

    /// Begins snapshots for those that have waited long enough for others to share them.
    pub(super) fn start_due_snapshots(&mut self) {
        let diskless = self.config.boolean(Key::ReplDisklessSync);
        let delay_s = if diskless { self.config.integer(Key::ReplDisklessSyncDelay) } else { 0 };
        let enough = self.config.integer(Key::ReplDisklessSyncMaxReplicas).max(0) as usize;
        while self.replicas.deliveries().len() < MOST_DELIVERIES {
            let members = self.replicas.due(self.now, delay_s.saturating_mul(1000), enough);
            if members.is_empty() {
                break;
            }
            if let Err(error) = self.start_snapshot(&members, diskless) {
                tracing::warn!("BGSAVE for replication failed: {error}");
                members.iter().for_each(|member| self.refuse_replica(*member));
            }
        }
    }

    /// Begins a snapshot of this moment for these replicas. Errors: no thread can be had.
    fn start_snapshot(&mut self, members: &[ClientId], diskless: bool) -> std::io::Result<()> {
        let Some(first) = members.first().and_then(|id| self.replicas.find(*id)) else { return Ok(()) };
        let (filter, marked) = (first.announced.filter, first.announced.eof && diskless);
        tracing::info!("Starting BGSAVE for SYNC with target: {}", if marked { "replicas sockets" } else { "disk" });
        // What happened before belongs to the snapshot.
        self.end_turn();
        let mut snapshot = self.take_snapshot_with_history();
        if let Some(filter) = filter {
            snapshot.dbs.clear();
            if !filter.functions {
                snapshot.functions.clear();
            }
        }
        let counted = (!marked).then(|| self.take_again(&snapshot));
        let mark = if marked { self.random_replication_id().to_string() } else { String::new() };
        let (options, notify) = (self.snapshot_options(), self.durability.notify.clone());
        self.begin_holding();
        let transfer = Transfer::start(snapshot, counted, options, notify).inspect_err(|_| self.end_holding())?;
        self.durability.transfers += 1;
        let number = self.replicas.deliver(transfer, mark);
        self.propagation.begin_replica();
        for id in members {
            let Some(index) = self.client_by_id(*id) else { continue };
            let Some(replica) = self.replicas.find_mut(*id) else { continue };
            (replica.stage, replica.delivery) = (Stage::Waiting, Some(number));
            (replica.at, replica.taken_at) = (self.history.offset, self.now);
            if replica.acknowledges {
                let answer = format!("+FULLRESYNC {} {}\r\n", self.history.id, self.history.offset);
                self.clients[index].out.raw(answer.as_bytes());
                self.mark_dirty(index);
            }
        }
        Ok(())
    }

    /// There is no snapshot for a replica: it is told, and let go.
    fn refuse_replica(&mut self, id: ClientId) {
        let Some(index) = self.client_by_id(id) else { return };
        self.clients[index].out.error(b"ERR BGSAVE failed, replication can't continue");
        self.forget_replica(index);
        self.clients[index].flags.remove(ClientFlags::REPLICA);
        self.mark_dirty(index);
        self.close(index, true);
    }

    /// Takes more of the snapshots that are on their way, as far as the replicas' sockets have taken what was there.
    #[cold]
    pub(super) fn go_on_with_deliveries(&mut self) {
        let numbers: Vec<u64> = self.replicas.deliveries().iter().map(|delivery| delivery.number).collect();
        for number in numbers {
            while self.take_piece(number) {}
        }
    }

    /// Takes the next piece of a snapshot, for all it is for. Whether there may be more.
    fn take_piece(&mut self, number: u64) -> bool {
        let receivers = self.replicas.receivers(number);
        let receivers: Vec<ClientIndex> = receivers.into_iter().filter_map(|id| self.client_by_id(id)).collect();
        if receivers.iter().any(|&index| self.clients[index].output_bytes() >= MOST_WAITING_BYTES) {
            return false;
        }
        let Some(delivery) = self.replicas.delivery(number) else { return false };
        let Some(piece) = delivery.snapshot.take() else { return false };
        if matches!(piece, Piece::Broken) {
            tracing::warn!("The snapshot for a replica could not be made");
            receivers.into_iter().for_each(|index| self.close(index, false));
            return false;
        }
        let (head, tail) = match delivery.mark.as_str() {
            "" => (Vec::new(), Vec::new()),
            mark => (format!("$EOF:{mark}\r\n").into_bytes(), mark.as_bytes().to_vec()),
        };
        let ends = matches!(piece, Piece::End);
        if ends {
            self.end_delivery(number);
            if !tail.is_empty() {
                tracing::info!("Diskless rdb transfer, done reading from pipe, {} replicas still up.", receivers.len());
            }
        }
        for index in receivers {
            let client = &mut self.clients[index];
            let Some(replica) = self.replicas.find_mut(client.id) else { continue };
            if replica.stage == Stage::Waiting {
                replica.stage = Stage::Receiving;
                client.out.raw(&head);
            }
            match &piece {
                Piece::Length(bytes) => client.out.raw(format!("${bytes}\r\n").as_bytes()),
                Piece::Block(block) => {
                    client.out.raw(block);
                    self.stats.net_out_to_replicas += block.len() as u64;
                }
                Piece::End => client.out.raw(&tail),
                Piece::Broken => {}
            }
            self.mark_dirty(index);
            if ends {
                self.snapshot_sent(index, tail.is_empty());
            }
        }
        !ends
    }

    /// A replica's snapshot is all in its output. `counted`: it knows where it ends.
    fn snapshot_sent(&mut self, index: ClientIndex, counted: bool) {
        let (id, now) = (self.clients[index].id, self.now);
        let Some(replica) = self.replicas.find_mut(id) else { return };
        replica.delivery = None;
        replica.heard_at = now;
        if replica.announced.only_snapshot {
            replica.stage = Stage::Served;
            tracing::info!(
                "RDB transfer completed, rdb only replica ({}) should be disconnected asap",
                self.clients[index].endpoints.peer
            );
            return self.close(index, true);
        }
        replica.stage = Stage::Marking;
        let announced = replica.announced.clone();
        tracing::info!("Synchronization with replica {} succeeded", self.replica_name(index, &announced));
        match counted {
            true => self.begin_stream(index),
            false => self.count_replicas_in_step(),
        }
    }

    fn end_delivery(&mut self, number: u64) {
        if self.replicas.end_delivery(number).is_some() {
            self.durability.transfers -= 1;
            self.end_holding();
        }
    }

    /// A client's connection ends: it is no replica any more.
    pub(super) fn forget_replica(&mut self, index: ClientIndex) {
        let id = self.clients[index].id;
        if !self.announced.is_empty() {
            self.announced.remove(&id);
        }
        if !self.clients[index].flags.contains(ClientFlags::REPLICA) {
            return;
        }
        if let Some(replica) = self.replicas.remove(id) {
            tracing::info!("Connection with replica {} lost.", self.replica_name(index, &replica.announced));
            if let Some(number) = replica.delivery
                && self.replicas.receivers(number).is_empty()
            {
                if self.replicas.delivery(number).is_some_and(|delivery| !delivery.mark.is_empty()) {
                    tracing::warn!("Diskless rdb transfer, last replica dropped, killing fork child.");
                }
                self.end_delivery(number);
            }
            if self.replicas.is_empty() {
                self.replicas.none_since = self.now;
            }
            // What was kept for it alone is not there when it comes back: it would be too much again.
            self.history.trim(self.replicas.slowest());
            self.count_replicas_in_step();
        }
        self.follow_readers();
    }

    /// Address and port as the log names a replica.
    pub(super) fn replica_name(&self, index: ClientIndex, announced: &Announced) -> String {
        let address = self.replica_address(index, announced);
        match announced.port {
            0 => format!("{address}:<unknown-replica-port>"),
            port => format!("{address}:{port}"),
        }
    }

    /// The address of a replica, without its port.
    pub(crate) fn replica_address(&self, index: ClientIndex, announced: &Announced) -> String {
        announced.address.clone().unwrap_or_else(|| {
            let peer = self.clients[index].endpoints.peer.to_string();
            let address = peer.rsplit_once(':').map_or(&*peer, |(address, _)| address);
            address.trim_matches(['[', ']']).to_owned()
        })
    }
}
