//! Configuration: the directive table, the store of values, and the ways in and out of it.
//!
//! Owns every setting of the server as data: `Config` is the store, `file` reads configuration files, `cli` puts
//! file, environment and command line together, `rewrite` writes a file back, `docs` describes the table. Promises:
//! a change of several directives happens whole or not at all; a snapshot costs one reference count; names, formats and
//! messages are those clients of Redis 7.0 know. Leaves out what a setting does: rooms take their own `Options`, which
//! the engine fills from here. Nothing here opens a file or reads a clock: bytes are passed in.

pub mod cli;
mod directives;
pub mod docs;
mod env;
pub mod file;
mod fuzz;
mod key;
pub mod rewrite;
mod set;
pub mod table;
mod value;

pub use cli::{StartError, Startup};
pub use file::{ConfigError, Loaded, Origins, Sources};
pub use fuzz::fuzz_config;
pub use key::Key;
pub use set::{SetAt, SetError};
pub use table::{Directive, directive, lookup};
pub use value::{BufferLimit, NotifyEvents, SavePoint, expand_title};

use crate::base::glob::glob_match;
use std::sync::Arc;
use table::{COUNT, Kind, TABLE};
use value::Value;

/// A `rename-command` line: the command's name and its new one, empty when the command goes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenamedCommand {
    /// Name in the command table.
    pub from: Vec<u8>,
    /// New name.
    pub to: Vec<u8>,
}

/// A limit in bytes or relative to `maxmemory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// So many bytes; 0 sets no limit.
    Bytes(u64),
    /// So many hundredths of `maxmemory`, 1 to 100.
    PercentOfMaxmemory(u8),
}

#[derive(Debug, Clone, PartialEq)]
struct Store {
    values: Vec<Value>,
    renamed: Vec<RenamedCommand>,
    users: Vec<Vec<Vec<u8>>>,
    modules: Vec<Vec<Vec<u8>>>,
    sentinel: Vec<Vec<Vec<u8>>>,
}

/// The value of every directive.
///
/// A clone shares its values until one side changes, so taking a copy to roll back to is cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    store: Arc<Store>,
}

/// What a `Config` was at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot(Arc<Store>);

impl Default for Config {
    fn default() -> Self {
        let values = TABLE.iter().map(value::default_value).collect();
        let store = Store { values, renamed: vec![], users: vec![], modules: vec![], sentinel: vec![] };
        Self { store: Arc::new(store) }
    }
}

impl Config {
    fn value(&self, key: Key) -> &Value {
        &self.store.values[key as usize]
    }

    /// What the values are now, to come back to. O(1).
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.store.clone())
    }

    /// Goes back to a snapshot of this or another configuration. O(1).
    pub fn restore(&mut self, snapshot: Snapshot) {
        self.store = snapshot.0;
    }

    /// Whether a directive has the value it has when nobody sets it.
    pub fn is_default(&self, key: Key) -> bool {
        *self.value(key) == value::default_value(directive(key))
    }

    /// A yes/no directive; no for a directive of another kind.
    pub fn boolean(&self, key: Key) -> bool {
        let value = self.value(key);
        debug_assert!(matches!(value, Value::YesNo(_)), "{key:?} is not a yes/no directive");
        matches!(value, Value::YesNo(true))
    }

    /// A number; what is above the largest `i64` is held there. A percentage counts below zero: `5%` is -5.
    pub fn integer(&self, key: Key) -> i64 {
        match self.value(key) {
            Value::Integer(n) => i64::try_from(*n).unwrap_or(i64::MAX),
            Value::Percent(percent) => -i64::from(*percent),
            other => {
                debug_assert!(false, "{key:?} holds {other:?}, not a number");
                0
            }
        }
    }

    /// A number that cannot be below zero, in the unit of its directive; 0 for one that is.
    pub fn unsigned(&self, key: Key) -> u64 {
        match self.value(key) {
            Value::Integer(n) => u64::try_from(*n).unwrap_or(0),
            _ => u64::try_from(self.integer(key)).unwrap_or(0),
        }
    }

    /// Text; empty when it is not set.
    pub fn string(&self, key: Key) -> &[u8] {
        match self.value(key) {
            Value::Text(text) => text,
            other => {
                debug_assert!(false, "{key:?} holds {other:?}, not text");
                b""
            }
        }
    }

    /// Position of the word in the list of its directive.
    pub fn enum_index(&self, key: Key) -> usize {
        match self.value(key) {
            Value::Choice(at) => *at,
            other => {
                debug_assert!(false, "{key:?} holds {other:?}, not a word");
                0
            }
        }
    }

    /// The word of a directive that takes one of some words.
    pub fn enum_name(&self, key: Key) -> &'static str {
        match directive(key).kind {
            Kind::Choice(words) => words.get(self.enum_index(key)).copied().unwrap_or_default(),
            _ => "",
        }
    }

    /// The bits of a directive that takes any of some words: for shutdowns save 1, nosave 2, now 4, force 8.
    pub fn bits(&self, key: Key) -> u32 {
        match self.value(key) {
            Value::Bits(bits) => *bits,
            other => {
                debug_assert!(false, "{key:?} holds {other:?}, not bits");
                0
            }
        }
    }

    /// `save`: empty when snapshots are not taken by themselves.
    pub fn save_points(&self) -> &[SavePoint] {
        if let Value::Save(points) = self.value(Key::Save) { points } else { &[] }
    }

    /// `client-output-buffer-limit` of normal clients, replicas and subscribers, in this order.
    pub fn output_buffer_limits(&self) -> [BufferLimit; 3] {
        if let Value::Limits(limits) = self.value(Key::ClientOutputBufferLimit) { *limits } else { Default::default() }
    }

    /// `bind`: addresses, each with a '-' in front when it may be missing.
    pub fn bind(&self) -> &[Vec<u8>] {
        if let Value::Bind(addresses) = self.value(Key::Bind) { addresses } else { &[] }
    }

    /// `latency-tracking-info-percentiles`, each from 0 to 100.
    pub fn percentiles(&self) -> &[f64] {
        if let Value::Percentiles(numbers) = self.value(Key::LatencyTrackingInfoPercentiles) { numbers } else { &[] }
    }

    /// `oom-score-adj-values` of a primary, a replica and a child.
    pub fn oom_score_adj_values(&self) -> [i32; 3] {
        if let Value::OomScoreAdj(values) = self.value(Key::OomScoreAdjValues) { *values } else { [0; 3] }
    }

    /// `notify-keyspace-events`.
    pub fn notify_events(&self) -> NotifyEvents {
        if let Value::Events(events) = self.value(Key::NotifyKeyspaceEvents) { *events } else { Default::default() }
    }

    /// `replicaof`: host and port of the primary, none when this server is one.
    pub fn replicaof(&self) -> Option<(&[u8], u16)> {
        match self.value(Key::Replicaof) {
            Value::ReplicaOf(Some((host, port))) => Some((host, *port)),
            _ => None,
        }
    }

    /// Changes `replicaof`, which CONFIG SET cannot but the command REPLICAOF and a failover do.
    pub fn set_replicaof(&mut self, primary: Option<(Vec<u8>, u16)>) {
        self.assign(Key::Replicaof, Value::ReplicaOf(primary));
    }

    /// Puts the real path in place of `dir`, as CONFIG GET and a rewritten file show it.
    pub fn set_dir(&mut self, absolute: &[u8]) {
        self.assign(Key::Dir, Value::Text(absolute.to_vec()));
    }

    /// `maxmemory-clients`.
    pub fn maxmemory_clients(&self) -> MemoryLimit {
        match self.value(Key::MaxmemoryClients) {
            Value::Percent(percent) => MemoryLimit::PercentOfMaxmemory(*percent),
            _ => MemoryLimit::Bytes(self.unsigned(Key::MaxmemoryClients)),
        }
    }

    /// `rename-command` lines in their order. Whether the commands exist is for the reader to check.
    pub fn renamed_commands(&self) -> &[RenamedCommand] {
        &self.store.renamed
    }

    /// `user` lines in their order, without the first word: name, then rules.
    pub fn users(&self) -> &[Vec<Vec<u8>>] {
        &self.store.users
    }

    /// Replaces the `user` lines, so that a rewritten file holds the users of now.
    pub fn set_users(&mut self, users: Vec<Vec<Vec<u8>>>) {
        self.change().users = users;
    }

    /// `loadmodule` lines in their order, without the first word.
    pub fn modules(&self) -> &[Vec<Vec<u8>>] {
        &self.store.modules
    }

    /// `sentinel` lines in their order, without the first word.
    pub fn sentinel_lines(&self) -> &[Vec<Vec<u8>>] {
        &self.store.sentinel
    }

    /// The value of one directive as CONFIG GET shows it.
    pub fn show(&self, key: Key) -> Vec<u8> {
        value::show(directive(key).kind, self.value(key))
    }

    /// CONFIG GET: names and values that match any of the patterns, each name once.
    ///
    /// A pattern without `*`, `?` and `[` is a name: it is answered as it was written, and only so are hidden
    /// directives found. Aliases are names of their own. O(patterns * directives).
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        // Two seats a row: its name and its alias.
        let mut seen = [[false; 2]; COUNT];
        let mut found = Vec::new();
        for pattern in patterns {
            let is_glob = pattern.iter().any(|b| matches!(b, b'[' | b'*' | b'?'));
            for row in &TABLE {
                for (seat, name) in [Some(row.name), row.alias].into_iter().enumerate() {
                    let Some(name) = name.map(str::as_bytes) else { continue };
                    let matched = if is_glob {
                        !row.hidden && glob_match(pattern, name, true)
                    } else {
                        name.eq_ignore_ascii_case(pattern)
                    };
                    let seen = &mut seen[row.key as usize][seat];
                    if matched && !*seen {
                        *seen = true;
                        let shown = if is_glob { name } else { pattern };
                        found.push((shown.to_vec(), self.show(row.key)));
                    }
                }
            }
        }
        found
    }

    fn change(&mut self) -> &mut Store {
        Arc::make_mut(&mut self.store)
    }

    /// Stores a value of the right kind; whether it differs from the one before.
    fn assign(&mut self, key: Key, value: Value) -> bool {
        let differs = *self.value(key) != value;
        if differs {
            self.change().values[key as usize] = value;
        }
        differs
    }
}

#[cfg(test)]
mod tests;
