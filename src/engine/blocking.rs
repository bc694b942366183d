//! Who waits for which key, in order of arrival, and whose time is over when.

use super::ClientIndex;
use crate::base::ids::{DbIndex, UnixMs};
use std::collections::{BTreeMap, HashMap};

/// Clients by their number in the order of arrival.
type Queue = BTreeMap<u64, ClientIndex>;

/// The registry of waiting clients. What each waits for is in its `Client::blocked`.
#[derive(Debug, Default)]
pub struct Blocking {
    by_key: HashMap<(DbIndex, Box<[u8]>), Queue>,
    timeouts: BTreeMap<(UnixMs, u64), ClientIndex>,
    next_ticket: u64,
    clients: usize,
}

impl Blocking {
    /// Number of clients that wait for keys.
    pub fn len(&self) -> usize {
        self.clients
    }

    /// Whether nobody waits for a key.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Number of clients whose wait ends at some moment.
    pub fn timeouts(&self) -> usize {
        self.timeouts.len()
    }

    /// Number of keys waited for.
    pub fn keys(&self) -> usize {
        self.by_key.len()
    }

    /// The next number in the order of arrival.
    pub fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// Files a client under its keys and its deadline.
    pub fn add(&mut self, db: DbIndex, keys: &[Box<[u8]>], until: Option<UnixMs>, ticket: u64, client: ClientIndex) {
        self.clients += 1;
        for key in keys {
            self.by_key.entry((db, key.clone())).or_default().insert(ticket, client);
        }
        if let Some(until) = until {
            self.timeouts.insert((until, ticket), client);
        }
    }

    /// Takes a client out again.
    pub fn remove(&mut self, db: DbIndex, keys: &[Box<[u8]>], until: Option<UnixMs>, ticket: u64) {
        self.clients -= 1;
        for key in keys {
            let at = (db, key.clone());
            if let Some(waiting) = self.by_key.get_mut(&at) {
                waiting.remove(&ticket);
                if waiting.is_empty() {
                    self.by_key.remove(&at);
                }
            }
        }
        if let Some(until) = until {
            self.timeouts.remove(&(until, ticket));
        }
    }

    /// Files a client that waits already under another moment.
    pub fn change_timeout(&mut self, before: Option<UnixMs>, after: Option<UnixMs>, ticket: u64, client: ClientIndex) {
        if let Some(before) = before {
            self.timeouts.remove(&(before, ticket));
        }
        if let Some(after) = after {
            self.timeouts.insert((after, ticket), client);
        }
    }

    /// Who waits for a key, oldest first.
    pub fn waiting(&self, db: DbIndex, key: &[u8]) -> Vec<(u64, ClientIndex)> {
        let waiting = self.by_key.get(&(db, key.into()));
        waiting.map_or_else(Vec::new, |waiting| waiting.iter().map(|(&ticket, &client)| (ticket, client)).collect())
    }

    /// Whether somebody waits for a key.
    pub fn is_awaited(&self, db: DbIndex, key: &[u8]) -> bool {
        self.by_key.contains_key(&(db, key.into()))
    }

    /// Keys waited for in a database.
    pub fn keys_in(&self, db: DbIndex) -> Vec<Box<[u8]>> {
        self.by_key.keys().filter(|(at, _)| *at == db).map(|(_, key)| key.clone()).collect()
    }

    /// The earliest moment somebody's time is over.
    pub fn next_timeout(&self) -> Option<UnixMs> {
        self.timeouts.keys().next().map(|&(until, _)| until)
    }

    /// Clients whose time is over.
    pub fn timed_out(&self, now: UnixMs) -> Vec<ClientIndex> {
        self.timeouts.range(..(UnixMs(now.0 + 1), 0)).map(|(_, &client)| client).collect()
    }
}
