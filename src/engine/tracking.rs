//! Client-side caching: which client read which key, and who is told when a key changes.
//!
//! In the default mode the table remembers, for each key read, the clients that read it, and forgets them once they
//! were told. In BCAST mode clients register prefixes and are told, once a turn, of all changes below them. The table
//! is bounded by `tracking-table-max-keys`: beyond it, keys are invalidated and forgotten.
//!
//! Who is to be told is found out after each command, even inside a transaction: a key read after it was changed stays
//! known. Promise: they are told when the unit is settled, so a client reads what its own command invalidated after
//! that command's reply; only what is evicted to make room for a command is told before its reply.

use super::table::CommandId;
use super::{ClientIndex, Engine};
use crate::base::ids::ClientId;
use crate::client::ClientFlags;
use crate::command::Args;
use crate::command::meta::Flag;
use crate::keyspace::{Change, Event};
use crate::resp::reply::Protocol;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A prefix of BCAST mode.
#[derive(Debug, Default)]
struct Prefix {
    clients: BTreeSet<ClientId>,
    /// Keys changed since the clients were last told, each with who changed it last.
    changed: BTreeMap<Box<[u8]>, Option<ClientId>>,
}

/// Everything remembered for client-side caching.
#[derive(Debug, Default)]
pub struct Tracking {
    readers: HashMap<Box<[u8]>, BTreeSet<ClientId>>,
    prefixes: BTreeMap<Box<[u8]>, Prefix>,
    /// Some prefix has changed keys.
    to_broadcast: bool,
    /// How many of the changes in the keyspace's log are looked at.
    seen: usize,
    /// Who is to be told of which key, or that all are gone, once the unit is over.
    to_tell: Vec<(ClientId, Option<Box<[u8]>>)>,
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

    fn add_prefix(&mut self, prefix: &[u8], id: ClientId) {
        self.prefixes.entry(prefix.into()).or_default().clients.insert(id);
    }

    fn remove_prefix(&mut self, prefix: &[u8], id: ClientId) {
        if let Some(state) = self.prefixes.get_mut(prefix) {
            state.clients.remove(&id);
            if state.clients.is_empty() {
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

const MODES: ClientFlags = ClientFlags::TRACKING_BCAST
    .union(ClientFlags::TRACKING_OPTIN)
    .union(ClientFlags::TRACKING_OPTOUT)
    .union(ClientFlags::TRACKING_NOLOOP);

impl Engine {
    /// Switches client-side caching on for a client, or gives it other modes and more prefixes.
    pub(crate) fn tracking_on(
        &mut self,
        index: ClientIndex,
        redirect: Option<ClientId>,
        modes: ClientFlags,
        prefixes: &[&[u8]],
    ) {
        let client = &mut self.clients[index];
        let id = client.id;
        self.tracking.clients += !client.flags.contains(ClientFlags::TRACKING) as usize;
        client.flags.remove(MODES | ClientFlags::TRACKING_BROKEN_REDIRECT);
        client.flags.insert(ClientFlags::TRACKING | modes);
        let state = client.tracking.get_or_insert_default();
        state.redirect = redirect;
        if modes.contains(ClientFlags::TRACKING_BCAST) {
            let everything: &[&[u8]] = &[b""];
            for prefix in if prefixes.is_empty() { everything } else { prefixes } {
                state.prefixes.insert((*prefix).into());
                self.tracking.add_prefix(prefix, id);
            }
        }
        self.listening_changed();
    }

    /// Switches client-side caching off for a client.
    pub(crate) fn tracking_off(&mut self, index: ClientIndex) {
        let client = &mut self.clients[index];
        if !client.flags.contains(ClientFlags::TRACKING) {
            return;
        }
        client.flags.remove(
            MODES | ClientFlags::TRACKING | ClientFlags::TRACKING_BROKEN_REDIRECT | ClientFlags::TRACKING_CACHING,
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
        // What calls a script reads nothing by itself: see `remember_declared`.
        if !command.has(Flag::Readonly) || command.has(Flag::NoMandatoryKeys) || !self.wants_reads(index) {
            return;
        }
        let client_id = self.clients[index].id;
        for at in self.key_positions(id, args) {
            self.tracking.remember(args.at(at), client_id);
        }
    }

    /// Remembers the keys that a script was given, if its caller wants that: it has read something.
    pub(crate) fn remember_declared(&mut self, index: ClientIndex, keys: Args<'_>) {
        if self.clients[index].flags.contains(ClientFlags::TRACKING) && self.wants_reads(index) {
            let client_id = self.clients[index].id;
            keys.iter().for_each(|key| self.tracking.remember(key, client_id));
        }
    }

    /// Whether what a client that tracks reads now is to be remembered.
    fn wants_reads(&self, index: ClientIndex) -> bool {
        let flags = self.clients[index].flags;
        let caching = flags.contains(ClientFlags::TRACKING_CACHING);
        let opted_out = flags.contains(ClientFlags::TRACKING_OPTIN) && !caching
            || flags.contains(ClientFlags::TRACKING_OPTOUT) && caching;
        !opted_out && !flags.contains(ClientFlags::TRACKING_BCAST)
    }

    /// Finds out who is to be told of the changes made since it was last called, by this client's command if any.
    #[cold]
    pub(crate) fn note_invalidations(&mut self, by: Option<ClientIndex>) {
        let by = by.and_then(|index| self.clients.get(index)).map(|client| client.id);
        let kept = self.keyspace.log.kept();
        let fresh = kept.get(self.tracking.seen..).unwrap_or_default().to_vec();
        self.tracking.seen = kept.len();
        for change in fresh {
            match change {
                Change::Key { key, event, modified: true, .. } => {
                    self.note_changed_key(&key, by, event == Event::EXPIRED);
                }
                Change::Flushed(_) => self.note_flush(),
                Change::Key { .. } | Change::Swapped(..) => {}
            }
        }
    }

    /// Tells those who cached a key, with the end of the turn, of a change that is not logged.
    pub(crate) fn invalidate_unlogged(&mut self, key: &[u8], by: ClientIndex) {
        if self.tracking.is_active() {
            let by = self.clients[by].id;
            self.note_changed_key(key, Some(by), false);
        }
    }

    /// `expired`: by itself, whoever came upon it.
    fn note_changed_key(&mut self, key: &[u8], by: Option<ClientId>, expired: bool) {
        for (prefix, state) in &mut self.tracking.prefixes {
            if key.starts_with(prefix) {
                state.changed.insert(key.into(), if expired { None } else { by });
                self.tracking.to_broadcast = true;
            }
        }
        for id in self.tracking.forget(key).unwrap_or_default() {
            let Some(index) = self.client_by_id(id) else { continue };
            let flags = self.clients[index].flags;
            // A client that went over to BCAST mode is told by prefix alone, and one that no longer tracks not at all.
            let tracks = flags.contains(ClientFlags::TRACKING) && !flags.contains(ClientFlags::TRACKING_BCAST);
            if tracks && !(flags.contains(ClientFlags::TRACKING_NOLOOP) && by == Some(id)) {
                self.tracking.to_tell.push((id, Some(key.into())));
            }
        }
    }

    /// All keys are gone, or those of a database: everybody who tracks is to forget all.
    fn note_flush(&mut self) {
        self.tracking.readers = HashMap::new();
        self.tracking.items = 0;
        for (&id, &index) in &self.client_ids {
            if self.clients[index].flags.contains(ClientFlags::TRACKING) {
                self.tracking.to_tell.push((id, None));
            }
        }
    }

    /// Tells everybody who is to be told of what is in the log, which is to be drained next.
    #[cold]
    pub(crate) fn tell_invalidations(&mut self, by: Option<ClientIndex>) {
        self.note_invalidations(by);
        self.tracking.seen = 0;
        self.tell();
    }

    fn tell(&mut self) {
        for (id, key) in std::mem::take(&mut self.tracking.to_tell) {
            let Some(index) = self.client_by_id(id) else { continue };
            match key {
                Some(key) => self.send_invalidation(index, Some(&[&key])),
                None => self.send_invalidation(index, None),
            }
        }
    }

    /// At the end of a turn: tells the clients of BCAST mode which keys changed in it, all those below a prefix in one
    /// message, and the others what no unit told them.
    #[inline]
    pub(crate) fn broadcast_invalidations(&mut self) {
        self.tell();
        if self.tracking.to_broadcast {
            self.broadcast_changed();
        }
    }

    #[cold]
    fn broadcast_changed(&mut self) {
        self.tracking.to_broadcast = false;
        let mut messages = Vec::new();
        for state in self.tracking.prefixes.values_mut().filter(|state| !state.changed.is_empty()) {
            messages.push((state.clients.clone(), std::mem::take(&mut state.changed)));
        }
        for (clients, changed) in messages {
            for id in clients {
                let Some(index) = self.client_by_id(id) else { continue };
                let silent = self.clients[index].flags.contains(ClientFlags::TRACKING_NOLOOP).then_some(id);
                let others = changed.iter().filter(|(_, by)| silent.is_none() || **by != silent);
                let keys: Vec<&[u8]> = others.map(|(key, _)| &**key).collect();
                if !keys.is_empty() {
                    self.send_invalidation(index, Some(&keys));
                }
            }
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
                self.tracking.to_tell.push((id, Some(key.clone())));
            }
        }
        self.tell();
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
        let resp3 = client.protocol() == Protocol::Resp3;
        // RESP2 knows no messages out of turn but those of channels.
        if !resp3 && (redirect.is_none() || client.subscriptions.is_none()) {
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
            None => reply.null(),
        }
        self.mark_dirty(target);
        self.check_output_limit(target);
    }
}
