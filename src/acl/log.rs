//! The log of what was denied, newest first. What happens again within a minute is counted in the entry it already has.

use crate::base::ids::UnixMs;
use std::collections::VecDeque;

/// What was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
    /// Logging in.
    Auth,
}

impl Reason {
    /// The word ACL LOG shows.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
        }
    }
}

/// Where it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// By a client.
    TopLevel,
    /// Inside MULTI, or by EXEC.
    Multi,
    /// By a script.
    Lua,
}

impl Context {
    /// The word ACL LOG shows.
    pub fn name(self) -> &'static str {
        match self {
            Context::TopLevel => "toplevel",
            Context::Multi => "multi",
            Context::Lua => "lua",
        }
    }
}

/// Something that was denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub reason: Reason,
    /// Where.
    pub context: Context,
    /// The command, key or channel; when logging in, the command as it was written.
    pub object: Vec<u8>,
    /// The user, or the name somebody tried to log in by.
    pub username: Vec<u8>,
    /// The client, as CLIENT LIST shows it.
    pub client_info: Vec<u8>,
}

/// An event, and how often it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Numbers entries from 0.
    pub id: u64,
    /// How often.
    pub count: u64,
    /// The first time.
    pub created: UnixMs,
    /// The last time.
    pub updated: UnixMs,
    /// What happened; the client is the last one.
    pub event: Event,
}

/// The log.
#[derive(Debug, Clone)]
pub struct AclLog {
    entries: VecDeque<Entry>,
    next_id: u64,
    /// Entries it keeps.
    pub max_len: usize,
}

impl Default for AclLog {
    fn default() -> AclLog {
        AclLog { entries: VecDeque::new(), next_id: 0, max_len: 128 }
    }
}

impl AclLog {
    /// Entries that are looked at for one that says the same.
    const GROUPED_AMONG: usize = 10;
    /// How long after the last time an entry still counts.
    const GROUPED_WITHIN_MS: i64 = 60_000;

    /// Takes an event in.
    pub fn add(&mut self, event: Event, now: UnixMs) {
        let same = |entry: &Entry| {
            let known = &entry.event;
            (known.reason, known.context) == (event.reason, event.context)
                && now.ms_since(entry.updated).abs() <= Self::GROUPED_WITHIN_MS
                && known.object == event.object
                && known.username == event.username
        };
        let known = self.entries.iter().take(Self::GROUPED_AMONG).position(same);
        if let Some(mut entry) = known.and_then(|at| self.entries.remove(at)) {
            entry.count += 1;
            entry.updated = now;
            entry.event.client_info = event.client_info;
            self.entries.push_front(entry);
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push_front(Entry { id, count: 1, created: now, updated: now, event });
        self.entries.truncate(self.max_len);
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The entries, newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(object: &str, client: &str) -> Event {
        Event {
            reason: Reason::Key,
            context: Context::TopLevel,
            object: object.into(),
            username: b"alice".to_vec(),
            client_info: client.into(),
        }
    }

    #[test]
    fn what_happens_again_within_a_minute_is_one_entry() {
        let mut log = AclLog::default();
        log.add(denied("a", "id=1"), UnixMs(1000));
        log.add(denied("b", "id=1"), UnixMs(2000));
        log.add(denied("a", "id=2"), UnixMs(61_000));
        let seen: Vec<_> = log.entries().map(|e| (e.id, e.count, e.created.0, e.updated.0)).collect();
        assert_eq!(seen, [(0, 2, 1000, 61_000), (1, 1, 2000, 2000)]);
        assert_eq!(log.entries().next().unwrap().event.client_info, b"id=2");
        log.add(denied("a", "id=2"), UnixMs(121_001));
        assert_eq!(log.entries().map(|e| e.count).collect::<Vec<_>>(), [1, 2, 1]);
    }

    #[test]
    fn another_user_reason_or_context_is_another_entry() {
        let mut log = AclLog::default();
        log.add(denied("a", ""), UnixMs(0));
        log.add(Event { username: b"bob".to_vec(), ..denied("a", "") }, UnixMs(0));
        log.add(Event { reason: Reason::Channel, ..denied("a", "") }, UnixMs(0));
        log.add(Event { context: Context::Multi, ..denied("a", "") }, UnixMs(0));
        assert_eq!(log.entries().len(), 4);
    }

    #[test]
    fn the_oldest_entries_go() {
        let mut log = AclLog { max_len: 2, ..AclLog::default() };
        ["a", "b", "c"].iter().for_each(|object| log.add(denied(object, ""), UnixMs(0)));
        assert_eq!(log.entries().map(|e| e.event.object.clone()).collect::<Vec<_>>(), [b"c", b"b"]);
        log.max_len = 0;
        log.add(denied("d", ""), UnixMs(0));
        assert_eq!(log.entries().len(), 0);
    }
}
