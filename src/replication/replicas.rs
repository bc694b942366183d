//! Who the replicas are: the stage each has come to, up to where it was given the history, what it acknowledged and when,
//! and the snapshots on their way, each of which may be for several.
//!
//! Left out: their connections, and what is said on them.

use super::Announced;
use crate::base::ids::{ClientId, UnixMs};

/// How far a replica has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for others to share a snapshot with, or for a place.
    Queued,
    /// Its snapshot is being made; nothing of it was sent.
    Waiting,
    /// It is being sent its snapshot.
    Receiving,
    /// It has got its snapshot, but only it can tell where that ended: what changes waits until it says that it has
    /// found the mark.
    Marking,
    /// It is sent what changes.
    Online,
    /// It has got the snapshot that was all it wanted.
    Served,
}

/// A replica.
#[derive(Debug)]
pub struct Replica {
    /// The client it is.
    pub client: ClientId,
    /// What it said of itself.
    pub announced: Announced,
    /// How far it has come.
    pub stage: Stage,
    /// It asked with PSYNC: it knows offsets, and acknowledges them.
    pub acknowledges: bool,
    /// Which snapshot is on its way to it.
    pub delivery: Option<u64>,
    /// Up to where it was given the history.
    pub at: u64,
    /// Up to where it has run it, as it last said.
    pub acked: u64,
    /// Up to where its log is durable, as it last said.
    pub durable: u64,
    /// When it was last heard of.
    pub heard_at: UnixMs,
    /// When it asked.
    pub asked_at: UnixMs,
    /// Bytes its socket had taken when that was last looked at, and since when it has been so many.
    pub taken: u64,
    /// See `taken`.
    pub taken_at: UnixMs,
}

impl Replica {
    /// One that asks now.
    pub fn new(client: ClientId, announced: Announced, acknowledges: bool, now: UnixMs) -> Replica {
        Replica {
            client,
            announced,
            stage: Stage::Queued,
            acknowledges,
            delivery: None,
            at: 0,
            acked: 0,
            durable: 0,
            heard_at: now,
            asked_at: now,
            taken: 0,
            taken_at: now,
        }
    }

    /// Whether it has its snapshot, as far as the primary can tell.
    pub fn is_online(&self) -> bool {
        matches!(self.stage, Stage::Marking | Stage::Online)
    }

    /// Whether the history is kept for it from where it is.
    pub fn reads(&self) -> bool {
        match self.stage {
            Stage::Queued | Stage::Served => false,
            Stage::Waiting | Stage::Receiving | Stage::Marking => !self.announced.only_snapshot,
            Stage::Online => true,
        }
    }

    /// Seconds since it was last heard of.
    pub fn lag_s(&self, now: UnixMs) -> i64 {
        if self.is_online() { now.as_secs() - self.heard_at.as_secs() } else { 0 }
    }

    /// Its stage as INFO names it. What is sent without its length is for others still being made while it is sent.
    pub fn stage_name(&self, marked: bool) -> &'static str {
        match self.stage {
            Stage::Queued | Stage::Waiting => "wait_bgsave",
            Stage::Receiving if marked => "wait_bgsave",
            Stage::Receiving => "send_bulk",
            Stage::Marking | Stage::Online => "online",
            Stage::Served => "rdb_transmitted",
        }
    }
}

/// A snapshot (`T`) on its way to one or more replicas.
#[derive(Debug)]
pub struct Delivery<T> {
    /// What replicas know it by.
    pub number: u64,
    /// The snapshot.
    pub snapshot: T,
    /// What stands behind a snapshot whose length was not told; empty where it was.
    pub mark: String,
}

/// All replicas, and what is on its way to them (`T`: a snapshot).
#[derive(Debug)]
pub struct Replicas<T> {
    all: Vec<Replica>,
    deliveries: Vec<Delivery<T>>,
    next_delivery: u64,
    /// Clients that wait for replicas to acknowledge something (WAIT).
    pub waiters: Vec<ClientId>,
    /// Replicas are to be asked how far they are.
    pub ask: bool,
    /// Since when there has been none.
    pub none_since: UnixMs,
}

impl<T> Default for Replicas<T> {
    fn default() -> Self {
        Replicas {
            all: Vec::new(),
            deliveries: Vec::new(),
            next_delivery: 0,
            waiters: Vec::new(),
            ask: false,
            none_since: UnixMs(0),
        }
    }
}

impl<T> Replicas<T> {
    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &Replica> {
        self.all.iter()
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Replica> {
        self.all.iter_mut()
    }

    /// The one that is this client.
    pub fn find(&self, client: ClientId) -> Option<&Replica> {
        self.all.iter().find(|replica| replica.client == client)
    }

    /// The same, to be changed.
    pub fn find_mut(&mut self, client: ClientId) -> Option<&mut Replica> {
        self.all.iter_mut().find(|replica| replica.client == client)
    }

    /// Adds one.
    pub fn add(&mut self, replica: Replica) {
        self.all.push(replica);
    }

    /// Takes one out.
    pub fn remove(&mut self, client: ClientId) -> Option<Replica> {
        let at = self.all.iter().position(|replica| replica.client == client)?;
        Some(self.all.remove(at))
    }

    // ---- snapshots -----------------------------------------------------------------------------------------------

    /// Whether any snapshot is on its way.
    #[inline]
    pub fn await_snapshots(&self) -> bool {
        !self.deliveries.is_empty()
    }

    /// Snapshots on their way.
    pub fn deliveries(&self) -> &[Delivery<T>] {
        &self.deliveries
    }

    /// Sends a snapshot on its way. Returns its number.
    pub fn deliver(&mut self, snapshot: T, mark: String) -> u64 {
        self.next_delivery += 1;
        self.deliveries.push(Delivery { number: self.next_delivery, snapshot, mark });
        self.next_delivery
    }

    /// A snapshot has come to its end, or to nobody.
    pub fn end_delivery(&mut self, number: u64) -> Option<Delivery<T>> {
        let at = self.deliveries.iter().position(|delivery| delivery.number == number)?;
        Some(self.deliveries.remove(at))
    }

    /// The snapshot of this number, if it is on its way.
    pub fn delivery(&self, number: u64) -> Option<&Delivery<T>> {
        self.deliveries.iter().find(|delivery| delivery.number == number)
    }

    /// Who a snapshot is for.
    pub fn receivers(&self, number: u64) -> Vec<ClientId> {
        self.all.iter().filter(|replica| replica.delivery == Some(number)).map(|replica| replica.client).collect()
    }

    /// Those for whom a snapshot is to begin now, if any: all that can share it with the one that has waited longest.
    /// Those that take it without its length are waited for, for `delay_ms` or until there are `enough`.
    pub fn due(&self, now: UnixMs, delay_ms: i64, enough: usize) -> Vec<ClientId> {
        let queued = || self.all.iter().filter(|replica| replica.stage == Stage::Queued);
        for first in queued() {
            let sharing = queued().filter(|replica| replica.announced.shares_snapshot(&first.announced));
            let sharing: Vec<ClientId> = sharing.map(|replica| replica.client).collect();
            let waits = first.announced.eof && now.0 - first.asked_at.0 < delay_ms;
            if !waits || enough > 0 && sharing.len() >= enough {
                return sharing;
            }
        }
        Vec::new()
    }

    // ---- the history ---------------------------------------------------------------------------------------------

    /// Where the one is that is furthest behind.
    pub fn slowest(&self) -> Option<u64> {
        self.all.iter().filter(|replica| replica.reads()).map(|replica| replica.at).min()
    }

    /// How many have run the history up to an offset.
    pub fn acknowledged(&self, offset: u64) -> usize {
        self.all.iter().filter(|replica| replica.is_online() && replica.acked >= offset).count()
    }

    /// How many have it in a durable log up to an offset.
    pub fn durable(&self, offset: u64) -> usize {
        self.all.iter().filter(|replica| replica.is_online() && replica.durable >= offset).count()
    }

    /// How many were heard of in the last seconds.
    pub fn in_step(&self, now: UnixMs, most_lag_s: i64) -> usize {
        self.all.iter().filter(|replica| replica.is_online() && replica.lag_s(now) <= most_lag_s).count()
    }

    /// Those that have been silent for too long, or have taken nothing of their snapshot. Whoever asked with SYNC says
    /// nothing.
    pub fn timed_out(&self, now: UnixMs, timeout_s: i64) -> Vec<(ClientId, Stage)> {
        let since_s = |at: UnixMs| now.as_secs() - at.as_secs();
        let is_late = |replica: &&Replica| match replica.stage {
            Stage::Queued | Stage::Waiting | Stage::Served => false,
            Stage::Receiving => since_s(replica.taken_at) > timeout_s,
            Stage::Marking | Stage::Online => replica.acknowledges && replica.lag_s(now) > timeout_s,
        };
        self.all.iter().filter(is_late).map(|replica| (replica.client, replica.stage)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::Filter;

    fn replica(id: u64) -> Replica {
        Replica::new(ClientId(id), Announced { eof: true, ..Announced::default() }, true, UnixMs(1000))
    }

    fn replicas(count: u64) -> Replicas<()> {
        let mut replicas = Replicas::default();
        (1..=count).for_each(|id| replicas.add(replica(id)));
        replicas
    }

    fn ids(numbers: &[u64]) -> Vec<ClientId> {
        numbers.iter().map(|id| ClientId(*id)).collect()
    }

    #[test]
    fn replicas_come_and_go() {
        let mut replicas = replicas(2);
        assert!(!replicas.await_snapshots() && !replicas.is_empty());
        let number = replicas.deliver((), "mark".into());
        replicas.iter_mut().for_each(|replica| replica.delivery = Some(number));
        assert!(replicas.await_snapshots());
        assert_eq!(replicas.receivers(number), ids(&[1, 2]));
        assert!(replicas.remove(ClientId(3)).is_none());
        assert_eq!(replicas.remove(ClientId(1)).map(|replica| replica.client), Some(ClientId(1)));
        assert_eq!(replicas.receivers(number), ids(&[2]));
        assert!(replicas.end_delivery(number).is_some_and(|delivery| delivery.mark == "mark"));
        assert!(replicas.end_delivery(number).is_none() && !replicas.await_snapshots());
        assert_ne!(replicas.deliver((), String::new()), number);
    }

    #[test]
    fn a_snapshot_is_shared_by_those_who_wait_for_the_same() {
        let mut replicas = replicas(2);
        assert_eq!(replicas.due(UnixMs(5999), 5000, 0), []);
        assert_eq!(replicas.due(UnixMs(6000), 5000, 0), ids(&[1, 2]));
        assert_eq!(replicas.due(UnixMs(1000), 5000, 3), []);
        assert_eq!(replicas.due(UnixMs(1000), 5000, 2), ids(&[1, 2]));
        let mut filtered = replica(3);
        filtered.announced.filter = Some(Filter::default());
        replicas.add(filtered);
        let mut counted = replica(4);
        counted.announced.eof = false;
        replicas.add(counted);
        assert_eq!(replicas.due(UnixMs(1000), 5000, 0), ids(&[4]));
        assert_eq!(replicas.due(UnixMs(6000), 5000, 0), ids(&[1, 2]));
        replicas.iter_mut().take(2).for_each(|replica| replica.stage = Stage::Waiting);
        assert_eq!(replicas.due(UnixMs(6000), 5000, 0), ids(&[3]));
    }

    #[test]
    fn what_is_acknowledged_counts_from_when_a_replica_is_online() {
        let mut replicas = replicas(3);
        for (replica, acked) in replicas.iter_mut().zip([10, 20, 30]) {
            (replica.acked, replica.durable, replica.stage) = (acked, acked / 2, Stage::Online);
        }
        assert_eq!([10, 11, 30, 31].map(|offset| replicas.acknowledged(offset)), [3, 2, 1, 0]);
        assert_eq!(replicas.durable(10), 2);
        replicas.iter_mut().for_each(|replica| replica.stage = Stage::Receiving);
        assert_eq!((replicas.acknowledged(0), replicas.durable(0)), (0, 0));
    }

    #[test]
    fn the_history_is_kept_for_those_who_read_it() {
        let mut replicas = replicas(3);
        assert_eq!(replicas.slowest(), None);
        for (replica, at) in replicas.iter_mut().zip([30, 20, 10]) {
            (replica.at, replica.stage) = (at, Stage::Receiving);
        }
        assert_eq!(replicas.slowest(), Some(10));
        replicas.iter_mut().last().expect("there are three").announced.only_snapshot = true;
        assert_eq!(replicas.slowest(), Some(20));
    }

    #[test]
    fn silence_is_counted_by_stage() {
        let mut replicas = replicas(4);
        let stages = [Stage::Online, Stage::Receiving, Stage::Queued, Stage::Online];
        replicas.iter_mut().zip(stages).for_each(|(replica, stage)| replica.stage = stage);
        replicas.iter_mut().last().expect("there are four").acknowledges = false;
        assert_eq!(replicas.timed_out(UnixMs(11_999), 10), []);
        let late = [(ClientId(1), Stage::Online), (ClientId(2), Stage::Receiving)];
        assert_eq!(replicas.timed_out(UnixMs(12_000), 10), late);
        assert_eq!((replicas.in_step(UnixMs(11_000), 10), replicas.in_step(UnixMs(12_000), 10)), (2, 0));
        let names: Vec<_> = replicas.iter().map(|replica| replica.stage_name(false)).collect();
        assert_eq!(names, ["online", "send_bulk", "wait_bgsave", "online"]);
    }
}
