//! The primary's side of replication, as plain state: who the replicas are, what they said of themselves, and how far they
//! have come. Does not know sockets nor the append-only file; the engine moves the bytes.
//!
//! What is there: a replica asks with SYNC, gets a snapshot and from then on the stream of what changes. What is not there
//! yet: going on after a broken connection (PSYNC, a backlog), acknowledgements, and being a replica.

pub mod history;
pub mod link;

use crate::base::ids::ClientId;

/// What a client says of itself before it asks for a snapshot (REPLCONF).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announced {
    /// The port it listens on, if any.
    pub port: u16,
    /// Its address, where that differs from its connection's.
    pub address: Option<String>,
    /// It understands a snapshot whose length is not told beforehand (`capa eof`).
    pub eof: bool,
    /// It wants the snapshot and nothing behind it (`rdb-only`).
    pub only_snapshot: bool,
    /// It wants function libraries only, or nothing at all (`rdb-filter-only`).
    pub filter: Option<Filter>,
}

/// What is left in a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Function libraries.
    pub functions: bool,
}

impl Filter {
    /// Reads the words of `rdb-filter-only`. Errors: the word that is not known.
    pub fn parse(words: &[u8]) -> Result<Filter, Vec<u8>> {
        let mut filter = Filter::default();
        for word in words.split(|byte| *byte == b' ').filter(|word| !word.is_empty()) {
            match word.eq_ignore_ascii_case(b"functions") {
                true => filter.functions = true,
                false => return Err(word.to_vec()),
            }
        }
        Ok(filter)
    }
}

/// How far a replica has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its snapshot is being made; nothing of it was sent.
    Waiting,
    /// It is being sent its snapshot.
    Receiving,
    /// It has got its snapshot, but only it can tell where that ended: what changes waits until it says that it has
    /// found the mark.
    Marking,
    /// It is sent what changes.
    Online,
}

impl Stage {
    /// As INFO names it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Waiting => "wait_bgsave",
            Stage::Receiving => "send_bulk",
            Stage::Marking | Stage::Online => "online",
        }
    }
}

/// A replica, and what is on its way to it (`T`: the snapshot).
#[derive(Debug)]
pub struct Replica<T> {
    /// The client it is.
    pub client: ClientId,
    /// What it said of itself.
    pub announced: Announced,
    /// How far it has come.
    pub stage: Stage,
    /// The snapshot, until it has gone out.
    pub snapshot: Option<T>,
    /// What stands behind a snapshot whose length was not told.
    pub mark: String,
    /// What has changed since the snapshot, until that has gone out.
    pub pending: Vec<u8>,
}

impl<T> Replica<T> {
    /// STAND-IN until acknowledgements are kept.
    pub fn acknowledged(&self) -> u64 {
        0
    }
}

/// All replicas.
#[derive(Debug)]
pub struct Replicas<T> {
    all: Vec<Replica<T>>,
}

impl<T> Default for Replicas<T> {
    fn default() -> Self {
        Replicas { all: Vec::new() }
    }
}

impl<T> Replicas<T> {
    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether any is still without its whole snapshot.
    #[inline]
    pub fn await_snapshots(&self) -> bool {
        self.all.iter().any(|replica| replica.snapshot.is_some())
    }

    /// All of them, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &Replica<T>> {
        self.all.iter()
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Replica<T>> {
        self.all.iter_mut()
    }

    /// Adds one.
    pub fn add(&mut self, replica: Replica<T>) {
        self.all.push(replica);
    }

    /// Takes one out.
    pub fn remove(&mut self, client: ClientId) -> Option<Replica<T>> {
        let at = self.all.iter().position(|replica| replica.client == client)?;
        Some(self.all.remove(at))
    }

    /// Bytes that wait for snapshots to go out.
    pub fn pending_bytes(&self) -> usize {
        self.all.iter().map(|replica| replica.pending.capacity()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_words() {
        assert_eq!(Filter::parse(b""), Ok(Filter { functions: false }));
        assert_eq!(Filter::parse(b" functions  FUNCTIONS"), Ok(Filter { functions: true }));
        assert_eq!(Filter::parse(b"functions keys"), Err(b"keys".to_vec()));
    }

    #[test]
    fn replicas_come_and_go() {
        let mut replicas: Replicas<()> = Replicas::default();
        let replica = |id| Replica {
            client: ClientId(id),
            announced: Announced::default(),
            stage: Stage::Waiting,
            snapshot: None,
            mark: String::new(),
            pending: Vec::new(),
        };
        replicas.add(replica(1));
        replicas.add(replica(2));
        assert!(!replicas.await_snapshots() && !replicas.is_empty());
        replicas.iter_mut().for_each(|replica| replica.snapshot = Some(()));
        assert!(replicas.await_snapshots());
        replicas.iter_mut().for_each(|replica| replica.snapshot = None);
        assert!(!replicas.await_snapshots());
        assert!(replicas.remove(ClientId(3)).is_none());
        assert_eq!(replicas.remove(ClientId(1)).map(|replica| replica.client), Some(ClientId(1)));
        assert_eq!(replicas.iter().map(|replica| replica.client).collect::<Vec<_>>(), [ClientId(2)]);
    }
}
