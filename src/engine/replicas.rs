//! The primary's side at work: a snapshot for each replica that asks, then the stream of what changes, which is the
//! append-only file's but for what only replicas repeat (PUBLISH).

use super::propagate::Readers;
use super::{ClientIndex, Engine};
use crate::client::ClientFlags;
use crate::persist::transfer::{Piece, Transfer};
use crate::replication::history::ReplicationId;
use crate::replication::{Announced, Replica, Stage};

/// While so much output waits for a replica's socket, no more of its snapshot is taken from the thread that makes it.
const MOST_WAITING_BYTES: usize = 1024 * 1024;

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

    /// Makes a client a replica: it gets a snapshot of this moment, and then what changes. Errors: no thread can be had.
    pub(super) fn begin_replica(&mut self, index: ClientIndex) -> std::io::Result<()> {
        // What happened before belongs to the snapshot, and to those who were there before.
        self.end_turn();
        let client = &self.clients[index];
        let announced = self.announced.get(&client.id).cloned().unwrap_or_default();
        let mut snapshot = self.take_snapshot();
        if let Some(filter) = announced.filter {
            snapshot.dbs.clear();
            if !filter.functions {
                snapshot.functions.clear();
            }
        }
        let mark = if announced.eof { self.random_mark() } else { String::new() };
        let (options, notify) = (self.snapshot_options(), self.durability.notify.clone());
        self.begin_holding();
        let transfer = match Transfer::start(snapshot, options, !announced.eof, notify) {
            Ok(transfer) => transfer,
            Err(error) => {
                self.end_holding();
                return Err(error);
            }
        };
        self.durability.transfers += 1;
        tracing::info!("Replica {} asks for synchronization", self.replica_name(index, &announced));
        let client = &mut self.clients[index];
        client.flags.insert(ClientFlags::REPLICA);
        let replica = Replica {
            client: client.id,
            announced,
            stage: Stage::Waiting,
            snapshot: Some(transfer),
            mark,
            pending: Vec::new(),
        };
        self.replicas.add(replica);
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
        self.propagation.begin_replica();
        self.follow_readers();
        Ok(())
    }

    /// A name for a history that nobody knows.
    pub(crate) fn random_replication_id(&mut self) -> ReplicationId {
        ReplicationId::from_bits(std::array::from_fn(|_| self.rng.u32(..)))
    }

    /// Lets all replicas go: what they followed is not this server's history any more.
    pub(super) fn disconnect_replicas(&mut self) {
        let all: Vec<_> = self.replicas.iter().filter_map(|replica| self.client_by_id(replica.client)).collect();
        all.into_iter().for_each(|index| self.close(index, false));
    }

    fn random_mark(&mut self) -> String {
        (0..5).map(|_| format!("{:08x}", self.rng.u32(..))).collect()
    }

    /// Address and port as the log and INFO name a replica.
    fn replica_name(&self, index: ClientIndex, announced: &Announced) -> String {
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

    /// Takes more of the snapshots that are on their way, as far as the replicas' sockets have taken what was there.
    #[cold]
    pub(super) fn go_on_with_transfers(&mut self) {
        let receiving: Vec<_> =
            self.replicas.iter().filter(|replica| replica.snapshot.is_some()).map(|replica| replica.client).collect();
        for id in receiving {
            let Some(index) = self.client_by_id(id) else { continue };
            while self.clients[index].output_bytes() < MOST_WAITING_BYTES && self.take_piece(index) {}
        }
    }

    /// Takes the next piece of a replica's snapshot. Whether there may be more.
    fn take_piece(&mut self, index: ClientIndex) -> bool {
        let id = self.clients[index].id;
        let Some(replica) = self.replicas.iter_mut().find(|replica| replica.client == id) else { return false };
        let Some(transfer) = &replica.snapshot else { return false };
        let Some(piece) = transfer.take() else { return false };
        let begins = replica.stage == Stage::Waiting && !replica.mark.is_empty();
        replica.stage = Stage::Receiving;
        let out = &mut self.clients[index].out;
        if begins {
            out.raw(format!("$EOF:{}\r\n", replica.mark).as_bytes());
        }
        match piece {
            Piece::Length(bytes) => out.raw(format!("${bytes}\r\n").as_bytes()),
            Piece::Block(block) => out.raw(&block),
            Piece::Broken => {
                tracing::warn!("The snapshot for a replica could not be made");
                self.close(index, false);
                return false;
            }
            Piece::End => {
                out.raw(replica.mark.as_bytes());
                replica.stage = Stage::Marking;
                replica.snapshot = None;
                let (only_snapshot, marked) = (replica.announced.only_snapshot, !replica.mark.is_empty());
                self.end_transfer();
                if only_snapshot {
                    self.close(index, true);
                } else if !marked {
                    self.begin_stream(index);
                }
            }
        }
        self.mark_dirty(index);
        true
    }

    /// A replica has found the end of its snapshot, or knew it beforehand: what has changed meanwhile goes out.
    pub(super) fn begin_stream(&mut self, index: ClientIndex) {
        let id = self.clients[index].id;
        let marking = |replica: &&mut Replica<Transfer>| replica.client == id && replica.stage == Stage::Marking;
        let Some(replica) = self.replicas.iter_mut().find(marking) else { return };
        replica.stage = Stage::Online;
        self.clients[index].out.raw(&std::mem::take(&mut replica.pending));
        tracing::info!("Synchronization with replica {} succeeded", self.clients[index].endpoints.peer);
        self.mark_dirty(index);
    }

    fn end_transfer(&mut self) {
        self.durability.transfers -= 1;
        self.end_holding();
    }

    /// Gives the replicas what was written for them.
    #[cold]
    pub(super) fn feed_replicas(&mut self) {
        let bytes = self.propagation.take_for_replicas();
        self.feed_replicas_raw(&bytes);
    }

    /// Adds bytes to the history, and gives them to all replicas. A replica passes on so what its primary sends.
    pub(super) fn feed_replicas_raw(&mut self, bytes: &[u8]) {
        self.history.append(bytes);
        self.history.trim(None);
        let limit = self.options.output_limits[1].hard_bytes;
        let mut fed = Vec::new();
        for replica in self.replicas.iter_mut() {
            let too_much = match replica.stage {
                Stage::Online => false,
                _ if replica.announced.only_snapshot => continue,
                _ => {
                    replica.pending.extend_from_slice(bytes);
                    limit != 0 && replica.pending.len() as u64 >= limit
                }
            };
            fed.push((replica.client, replica.stage, too_much));
        }
        for (id, stage, too_much) in fed {
            let Some(index) = self.client_by_id(id) else { continue };
            if too_much {
                self.close_for_output(index);
            } else if stage == Stage::Online && !self.clients[index].closing() {
                self.lend_buffer(index);
                self.clients[index].out.raw(bytes);
                self.mark_dirty(index);
                self.check_output_limit(index);
            }
        }
    }

    /// Tells replicas that the primary is there, which they cannot know while nothing changes: a PING, or an empty line
    /// before the snapshot. Called once a second.
    pub(super) fn greet_replicas(&mut self) {
        if self.replicas.is_empty() {
            return;
        }
        let period_s = self.config.integer(crate::config::Key::ReplPingReplicaPeriod).max(1);
        if self.now.as_secs() % period_s == 0 {
            self.propagation.add_sign_of_life();
            self.end_turn();
        }
        let waiting: Vec<_> = self
            .replicas
            .iter()
            .filter(|replica| replica.stage == Stage::Waiting)
            .filter_map(|replica| self.client_by_id(replica.client))
            .collect();
        for index in waiting {
            self.clients[index].out.raw(b"\n");
            self.mark_dirty(index);
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
            tracing::info!("Connection with replica {} lost.", self.clients[index].endpoints.peer);
            if replica.snapshot.is_some() {
                drop(replica);
                self.end_transfer();
            }
        }
        self.follow_readers();
    }
}
