//! Client-side caching: which client read which key, and who is told when a key changes.
//!
//! In the default mode the table remembers, for each key read, the clients that read it, and forgets them once they
//! were told. In BCAST mode clients register prefixes and are told of every change below them. The table is bounded by
//! `tracking-table-max-keys`: beyond it, keys are invalidated and forgotten.

use super::table::CommandId;
use super::{ClientIndex, Engine};
use crate::base::ids::{ClientId, DbIndex};
use crate::client::ClientFlags;
use crate::command::Args;
use crate::command::meta::Flag;
use crate::resp::reply::Protocol;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Everything remembered for client-side caching.
#[derive(Debug, Default)]
pub struct Tracking {
    readers: HashMap<Box<[u8]>, BTreeSet<ClientId>>,
    prefixes: BTreeMap<Box<[u8]>, BTreeSet<ClientId>>,
    clients: usize,
    items: usize,
}

impl Tracking {
    /// Whether any client tracks.
    pub fn is_active(&self) -> bool {
        self.clients > 0
    }

    /// Number of clients that track.
    pub fn clients(&self) -> usize {
        self.clients
    }

    /// Number of keys remembered.
    pub fn keys(&self) -> usize {
        self.readers.len()
    }

    /// Number of pairs of key and client remembered.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Number of prefixes registered.
    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// A client is gone; the keys it read are forgotten as they change.
    pub fn client_gone(&mut self, _id: ClientId) {}

    /// A client begins to track.
    pub fn client_on(&mut self) {
        self.clients += 1;
    }

    /// Registers a prefix of BCAST mode.
    pub fn add_prefix(&mut self, prefix: &[u8], id: ClientId) {
        self.prefixes.entry(prefix.into()).or_default().insert(id);
    }

    fn remove_prefix(&mut self, prefix: &[u8], id: ClientId) {
        if let Some(ids) = self.prefixes.get_mut(prefix) {
            ids.remove(&id);
            if ids.is_empty() {
                self.prefixes.remove(prefix);
            }
        }
    }

    fn remember(&mut self, key: &[u8], id: ClientId) {
        let added = match self.readers.get_mut(key) {
            Some(ids) => ids.insert(id),
            None => self.readers.insert(key.into(), BTreeSet::from([id])).is_none(),
        };
        self.items += added as usize;
    }

    fn forget(&mut self, key: &[u8]) -> Option<BTreeSet<ClientId>> {
        let ids = self.readers.remove(key)?;
        self.items -= ids.len();
        Some(ids)
    }
}

impl Engine {
    /// Switches client-side caching off for a client.
    pub(crate) fn tracking_off(&mut self, index: ClientIndex) {
        let client = &mut self.clients[index];
        if !client.flags.contains(ClientFlags::TRACKING) {
            return;
        }
        client.flags.remove(
            ClientFlags::TRACKING
                | ClientFlags::TRACKING_BCAST
                | ClientFlags::TRACKING_OPTIN
                | ClientFlags::TRACKING_OPTOUT
                | ClientFlags::TRACKING_NOLOOP
                | ClientFlags::TRACKING_BROKEN_REDIRECT
                | ClientFlags::TRACKING_CACHING,
        );
        let id = client.id;
        if let Some(state) = client.tracking.take() {
            for prefix in &state.prefixes {
                self.tracking.remove_prefix(prefix, id);
            }
        }
        self.tracking.clients -= 1;
        if self.tracking.clients == 0 {
            self.tracking = Tracking::default();
        }
        self.listening_changed();
    }

    /// Remembers the keys a tracking client just read.
    #[cold]
    pub(crate) fn remember_reads(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>) {
        let command = self.table.get(id);
        let client = &self.clients[index];
        let flags = client.flags;
        if !command.has(Flag::Readonly) || flags.contains(ClientFlags::TRACKING_BCAST) {
            return;
        }
        let caching = flags.contains(ClientFlags::TRACKING_CACHING);
        let opted_out = flags.contains(ClientFlags::TRACKING_OPTIN) && !caching
            || flags.contains(ClientFlags::TRACKING_OPTOUT) && caching;
        if opted_out {
            return;
        }
        let client_id = client.id;
        for at in self.key_positions(id, args) {
            self.tracking.remember(args.at(at), client_id);
        }
    }

    /// Tells those who cached a key that it changed.
    pub(crate) fn invalidate_key(&mut self, _db: DbIndex, key: &[u8], by: Option<ClientIndex>) {
        if !self.tracking.is_active() {
            return;
        }
        let by = by.and_then(|index| self.clients.get(index)).map(|client| client.id);
        let mut told: BTreeSet<ClientId> = self.tracking.forget(key).unwrap_or_default();
        for (prefix, ids) in &self.tracking.prefixes {
            if key.starts_with(prefix) {
                told.extend(ids);
            }
        }
        for id in told {
            let Some(index) = self.client_by_id(id) else { continue };
            let flags = self.clients[index].flags;
            if !flags.contains(ClientFlags::TRACKING) || flags.contains(ClientFlags::TRACKING_NOLOOP) && by == Some(id)
            {
                continue;
            }
            self.send_invalidation(index, Some(&[key]));
        }
    }

    /// Tells everybody who tracks that all keys are gone.
    pub(crate) fn invalidate_all(&mut self) {
        if !self.tracking.is_active() {
            return;
        }
        self.tracking.readers.clear();
        self.tracking.items = 0;
        let tracking: Vec<ClientIndex> =
            self.clients.iter().filter(|(_, c)| c.flags.contains(ClientFlags::TRACKING)).map(|(i, _)| i).collect();
        for index in tracking {
            self.send_invalidation(index, None);
        }
    }

    /// Keeps the table within `tracking-table-max-keys`, a bounded number of keys at a time.
    pub(crate) fn bound_tracking_table(&mut self) {
        const MOST_AT_ONCE: usize = 1000;
        let max = self.options.tracking_table_max_keys;
        if max == 0 || self.tracking.readers.len() <= max {
            return;
        }
        let surplus = (self.tracking.readers.len() - max).min(MOST_AT_ONCE);
        let keys: Vec<Box<[u8]>> = self.tracking.readers.keys().take(surplus).cloned().collect();
        for key in keys {
            for id in self.tracking.forget(&key).unwrap_or_default() {
                if let Some(index) = self.client_by_id(id) {
                    self.send_invalidation(index, Some(&[&key]));
                }
            }
        }
    }

    fn send_invalidation(&mut self, index: ClientIndex, keys: Option<&[&[u8]]>) {
        let redirect = self.clients[index].tracking.as_ref().and_then(|state| state.redirect);
        let target = match redirect {
            None => index,
            Some(id) => match self.client_by_id(id) {
                Some(target) => target,
                None => {
                    self.clients[index].flags.insert(ClientFlags::TRACKING_BROKEN_REDIRECT);
                    if self.clients[index].protocol() == Protocol::Resp3 {
                        self.lend_buffer(index);
                        let reply = &mut self.clients[index].out;
                        reply.push(2);
                        reply.bulk(b"tracking-redir-broken");
                        reply.integer(id.0 as i64);
                        self.mark_dirty(index);
                    }
                    return;
                }
            },
        };
        let client = &mut self.clients[target];
        let listens =
            client.subscriptions.as_ref().is_some_and(|subs| subs.channels.contains(&b"__redis__:invalidate"[..]));
        let resp3 = client.protocol() == Protocol::Resp3;
        if !resp3 && !(redirect.is_some() && listens) {
            return;
        }
        self.lend_buffer(target);
        let reply = &mut self.clients[target].out;
        if resp3 {
            reply.push(2);
            reply.bulk(b"invalidate");
        } else {
            reply.array(3);
            reply.bulk(b"message");
            reply.bulk(b"__redis__:invalidate");
        }
        match keys {
            Some(keys) => {
                reply.array(keys.len());
                keys.iter().for_each(|key| reply.bulk(key));
            }
            None => reply.null_array(),
        }
        self.mark_dirty(target);
    }
}
