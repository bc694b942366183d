//! `check-rdb`: reads a snapshot to its end, as a server that loads it would, and keeps nothing.
//!
//! Promises: the output is that of redis-check-rdb in its order and words, where there is something to say; a key whose
//! collection is empty is an error as it is there. Versions 11 and 12 and those of Valkey are read too.
//!
//! Left out: whether function libraries compile.

use super::console::Console;
use super::{Failed, Outcome};
use crate::persist::disk::reason;
use crate::rdb::{Item, LoadErrorKind, LoadOptions, ReadSource, Reader};
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes read at once.
const BLOCK_BYTES: usize = 256 * 1024;
/// From this version on a snapshot has a checksum.
const CHECKSUM_SINCE: u16 = 5;
/// Bytes of a key that are shown.
const SHOWN_KEY_BYTES: usize = 256;

/// How snapshots are read by the tools: any number of databases, all checks.
pub(super) fn load_options() -> LoadOptions {
    LoadOptions { databases: u32::MAX, ..LoadOptions::default() }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Checks a file.
pub(super) fn run(console: &mut Console, path: &Path) -> Outcome {
    console.line(format!("[offset 0] Checking RDB file {}", path.display()));
    let input = console.open(path, 0).map_err(|error| {
        let (path, reason) = (path.display(), reason(&error));
        console.fail(format!("{path}: Can't open it: {reason}"))
    })?;
    check(console, input, path).map(|_| ())
}

#[derive(Default)]
struct Counts {
    keys: u64,
    timed: u64,
    expired: u64,
}

impl Counts {
    fn tell(&self, console: &mut Console) {
        console.line(format!("[info] {} keys read", self.keys));
        console.line(format!("[info] {} expires", self.timed));
        console.line(format!("[info] {} already expired", self.expired));
    }
}

/// Checks the snapshot that `input` begins with and returns its length in bytes.
pub(super) fn check(console: &mut Console, input: impl Read, path: &Path) -> Result<u64, Failed> {
    let mut reader = Reader::new(ReadSource::new(input, BLOCK_BYTES), load_options());
    let mut counts = Counts::default();
    let (mut selected, mut last_key) = (None, None);
    let now_ms = now_ms();
    let problem = loop {
        let item = reader.next();
        let offset = reader.offset();
        let mut select = |console: &mut Console, db: u32| {
            if selected.replace(db) != Some(db) {
                console.line(format!("[offset {offset}] Selecting DB ID {db}"));
            }
        };
        match item {
            Ok(Item::Aux { name, value }) => {
                let (name, value) = (String::from_utf8_lossy(&name), String::from_utf8_lossy(&value));
                console.line(format!("[offset {offset}] AUX FIELD {name} = '{value}'"));
            }
            Ok(Item::Size { db, .. }) => select(console, db),
            Ok(Item::Record(record)) => {
                select(console, record.db);
                counts.keys += 1;
                if let Some(deadline) = record.object.deadline() {
                    counts.timed += 1;
                    counts.expired += u64::from(deadline < now_ms);
                }
                let key = record.object.key();
                let shown = last_key.get_or_insert_with(Vec::new);
                shown.clear();
                shown.extend_from_slice(&key[..key.len().min(SHOWN_KEY_BYTES)]);
            }
            Ok(Item::EmptyKey { db, key }) => {
                select(console, db);
                let key = key[..key.len().min(SHOWN_KEY_BYTES)].escape_ascii();
                break format!("The collection at key '{key}' has no elements");
            }
            Ok(Item::Function(_)) => {}
            Ok(Item::End { checked }) => {
                if checked {
                    console.line(format!("[offset {offset}] Checksum OK"));
                } else if reader.version().is_some_and(|version| version >= CHECKSUM_SINCE) {
                    let line = "RDB file was saved with checksum disabled: no check performed.";
                    console.line(format!("[offset {offset}] {line}"));
                }
                console.line(format!("[offset {offset}] \\o/ RDB looks OK! \\o/"));
                counts.tell(console);
                return Ok(offset);
            }
            Err(error) => {
                break match error.kind {
                    LoadErrorKind::ShortRead => "Unexpected EOF reading RDB file".to_owned(),
                    LoadErrorKind::Checksum { .. } => "RDB CRC error".to_owned(),
                    LoadErrorKind::Corrupt(what) => what.to_owned(),
                    LoadErrorKind::Read(kind) => kind.to_string(),
                    LoadErrorKind::UnknownType(byte) => format!("Invalid object type: {byte}"),
                    LoadErrorKind::Unsupported(what) => format!("{what} are not supported"),
                    _ => error.to_string(),
                };
            }
        }
    };
    let offset = reader.offset();
    console.line("--- RDB ERROR DETECTED ---");
    console.line(format!("[offset {offset}] {problem}"));
    if let Some(key) = last_key {
        console.line(format!("[additional info] The last sound key is '{}'", key.escape_ascii()));
    }
    counts.tell(console);
    Err(console.fail(format!("{}: offset {offset}: {problem}", path.display())))
}
