//! What follows from what happened: after each unit (a command, a whole EXEC) the keyspace's log is turned into
//! consequences, in one place and in one order: WATCH and client-side caching, notifications, waiting clients whose
//! keys became ready, oldest first. Serving a waiter is a unit of its own and may make further keys ready.

use super::{ClientIndex, Engine};
use crate::base::ids::DbIndex;
use crate::client::{BlockedOn, ClientFlags};
use crate::command::WaitKind;
use crate::keyspace::{Change, Event, EventClass, Presence};
use crate::object::Kind;
use std::collections::VecDeque;

/// `notify-keyspace-events`: publish to `__keyspace@<db>__:<key>`.
pub const NOTIFY_KEYSPACE: u32 = 1 << 0;
/// `notify-keyspace-events`: publish to `__keyevent@<db>__:<event>`.
pub const NOTIFY_KEYEVENT: u32 = 1 << 1;

impl Engine {
    /// Draws the consequences of everything in the log. `by` is the client whose unit it was.
    #[cold]
    #[inline(never)]
    pub fn settle(&mut self, by: ClientIndex) {
        let mut ready: VecDeque<(DbIndex, Box<[u8]>)> = VecDeque::new();
        self.look_at_clock_after_long_unit();
        self.absorb(Some(by), &mut ready);
        while let Some((db, key)) = ready.pop_front() {
            self.serve(db, &key, &mut ready);
        }
        self.repeat_what_was_found_expired();
    }

    /// As [`Engine::settle`], for what happened outside any client's unit (expiry, eviction).
    pub fn settle_internal(&mut self) {
        if self.keyspace.log.is_empty() {
            return;
        }
        let mut ready = VecDeque::new();
        self.absorb(None, &mut ready);
        while let Some((db, key)) = ready.pop_front() {
            self.serve(db, &key, &mut ready);
        }
        self.repeat_what_was_found_expired();
    }

    /// Keys for which waiting clients were looked at, and which turned out to have expired.
    fn repeat_what_was_found_expired(&mut self) {
        if self.propagation.on && self.unit_depth == 0 {
            self.propagate_removals_alone();
        }
    }

    fn absorb(&mut self, by: Option<ClientIndex>, ready: &mut VecDeque<(DbIndex, Box<[u8]>)>) {
        if self.tracking.is_active() {
            self.tell_invalidations(by);
        }
        let changes = self.keyspace.log.take();
        for change in &changes {
            match change {
                Change::Key { db, key, modified: true, .. } => self.touch_watchers(*db, key),
                Change::Key { .. } => {}
                Change::Flushed(Some(db)) => self.ready_all(*db, ready),
                Change::Flushed(None) => {
                    (0..self.keyspace.databases() as u32).for_each(|db| self.ready_all(DbIndex(db), ready));
                }
                Change::Swapped(a, b) => {
                    self.ready_all(*a, ready);
                    self.ready_all(*b, ready);
                }
            }
        }
        if self.options.notify_classes != 0 {
            for change in &changes {
                if let Change::Key { db, key, event, .. } = change {
                    self.notify(*db, key, *event);
                }
            }
        }
        if !self.blocking.is_empty() {
            for change in changes {
                if let Change::Key { db, key, event, modified } = change
                    && may_serve(event, modified)
                    && self.blocking.is_awaited(db, &key)
                    && !ready.iter().any(|(other_db, other)| *other_db == db && *other == key)
                {
                    ready.push_back((db, key));
                }
            }
        }
    }

    /// Lets everybody look again who waits for a key of a database.
    fn ready_all(&self, db: DbIndex, ready: &mut VecDeque<(DbIndex, Box<[u8]>)>) {
        ready.extend(self.blocking.keys_in(db).into_iter().map(|key| (db, key)));
    }

    /// EXEC of those who watch a key will answer null, unless all that happened is that a key went whose deadline had
    /// passed before they watched it.
    pub(crate) fn touch_watchers(&mut self, db: DbIndex, key: &[u8]) {
        if self.watches.is_empty() {
            return;
        }
        let missing = self.keyspace.db(db).presence(key) == Presence::Missing;
        for &index in self.watches.watchers(db, key) {
            let client = &mut self.clients[index];
            let watched = client.watched.iter_mut().find(|watched| watched.db == db && *watched.key == *key);
            match watched {
                Some(watched) if watched.stale => watched.stale = !missing,
                _ => client.flags.insert(ClientFlags::DIRTY_CAS),
            }
        }
    }

    /// The same for all keys of a database that is about to be emptied, or replaced by another one.
    pub(crate) fn touch_watchers_of_db(&mut self, db: DbIndex, replaced_by: Option<DbIndex>) {
        let keys: Vec<(Vec<u8>, Vec<ClientIndex>)> =
            self.watches.in_db(db).map(|(key, clients)| (key.to_vec(), clients.to_vec())).collect();
        for (key, clients) in keys {
            let before = self.keyspace.db(db).presence(&key);
            let after = replaced_by.map_or(Presence::Missing, |other| self.keyspace.db(other).presence(&key));
            if before == Presence::Missing && after == Presence::Missing {
                continue;
            }
            for index in clients {
                let client = &mut self.clients[index];
                let Some(watched) = client.watched.iter_mut().find(|watched| watched.db == db && *watched.key == key)
                else {
                    continue;
                };
                let unchanged = if watched.stale {
                    watched.stale = after != Presence::Missing;
                    after != Presence::Live
                } else if before == Presence::Missing && after == Presence::Stale {
                    watched.stale = true;
                    true
                } else {
                    false
                };
                if !unchanged {
                    client.flags.insert(ClientFlags::DIRTY_CAS);
                }
            }
        }
    }

    /// Publishes an event to the channels its class is switched on for.
    fn notify(&mut self, db: DbIndex, key: &[u8], event: Event) {
        let classes = self.options.notify_classes;
        if classes & event.class as u32 == 0 {
            return;
        }
        let name = event.name.as_bytes();
        if classes & NOTIFY_KEYSPACE != 0 {
            let mut channel = format!("__keyspace@{}__:", db.0).into_bytes();
            channel.extend_from_slice(key);
            self.publish(&channel, name);
        }
        if classes & NOTIFY_KEYEVENT != 0 {
            let mut channel = format!("__keyevent@{}__:", db.0).into_bytes();
            channel.extend_from_slice(name);
            self.publish(&channel, key);
        }
    }

    /// Runs the commands of those who wait for a key again, oldest first, as long as the key can serve them.
    fn serve(&mut self, db: DbIndex, key: &[u8], ready: &mut VecDeque<(DbIndex, Box<[u8]>)>) {
        for (ticket, index) in self.blocking.waiting(db, key) {
            let kind = self.keyspace.db(db).kind(key);
            let Some(blocked) = &self.clients[index].blocked else { continue };
            if blocked.ticket != ticket {
                continue;
            }
            let BlockedOn::Keys { kind: wanted, .. } = &blocked.on else { continue };
            let fits = match wanted {
                WaitKind::List => kind == Some(Kind::List),
                WaitKind::SortedSet => kind == Some(Kind::SortedSet),
                // Consumers of a group have to learn that their stream is gone.
                WaitKind::Stream => true,
            };
            if !fits {
                continue;
            }
            let (id, args) = (blocked.command, blocked.args.clone());
            if let Some(error) = self.refusal_when_served(index, id, args.as_args()) {
                self.end_wait(index, Some(&error));
                continue;
            }
            self.lend_buffer(index);
            let mark = self.clients[index].out.mark();
            if !self.run(index, id, args.as_args(), Some(key)) {
                self.take_back_unwanted(index, mark);
                self.release_blocked(index);
                self.resume(index);
                self.absorb(Some(index), ready);
            }
        }
    }
}

/// Whether what happened to a key may end somebody's wait for it. Of a stream only new entries do, and the end of a group.
fn may_serve(event: Event, modified: bool) -> bool {
    match event.class {
        // Released entries can be claimed at once.
        _ if event == Event::XNACK => true,
        EventClass::Stream => event == Event::XADD || event == Event::XGROUP_DESTROY,
        _ => modified,
    }
}
