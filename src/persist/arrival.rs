//! A snapshot that comes from a primary: its bytes go through a short queue to a thread that decodes them and builds new
//! databases. The loop only hands bytes on, and takes the databases when all of them are there.
//!
//! Promises: at most [`BLOCKS_AHEAD`] blocks wait; memory grows with the bytes that came, whatever lengths they announce;
//! databases are given out whole and checked or not at all; whoever drops an [`Arrival`] ends it, and what was built is
//! freed by its thread.
//!
//! Left out: where the bytes come from, how their end is found, and what becomes of the databases.

use super::{Notify, Slot, key_rest};
use crate::keyspace::AccessClock;
use crate::object::Object;
use crate::rdb::{Block, Item, LoadOptions, Reader, Record, Source};
use crate::structs::process::{breathe, step_aside};
use crate::structs::table::{Table, hash};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Blocks that may wait to be decoded.
pub const BLOCKS_AHEAD: usize = 8;
/// Room is made beforehand for so many keys in all at most: how many there will be is only said.
const MOST_RESERVED: u64 = 1 << 20;
/// Records that are gathered before they are put in, so that the memory their places need is on its way.
const BATCH_RECORDS: usize = 128;

/// What a snapshot brought.
#[derive(Default)]
pub struct Arrived {
    /// The databases, as many as the server has.
    pub databases: Vec<Table<Object>>,
    /// The code of the function libraries.
    pub functions: Vec<Vec<u8>>,
    /// The database that the stream behind it is in, where it says so.
    pub stream_db: Option<u32>,
    /// Keys that were put in.
    pub keys: u64,
    /// Keys that were passed over because nothing was in them.
    pub empty: u64,
}

/// How far a snapshot has come, for those who watch.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes that were decoded.
    pub bytes: AtomicU64,
    /// What the server that wrote it had in use.
    pub used_memory: AtomicU64,
    /// `key-load-delay`, which may be changed meanwhile.
    pub key_delay_us: AtomicI64,
    cancelled: AtomicBool,
    over: AtomicBool,
}

/// A snapshot that is coming.
pub struct Arrival {
    queue: Option<SyncSender<Vec<u8>>>,
    outcome: Slot<Result<Arrived, String>>,
    progress: Arc<Progress>,
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.progress.cancelled.store(true, Ordering::Relaxed);
    }
}

impl Arrival {
    /// Begins. `notify` is called whenever there is room in the queue again, and at the end. Errors: no thread can be had.
    pub fn start(
        options: LoadOptions,
        access: AccessClock,
        progress: Arc<Progress>,
        notify: Notify,
    ) -> io::Result<Arrival> {
        let (queue, blocks) = sync_channel(BLOCKS_AHEAD);
        let outcome = Slot::new();
        let (place, shared) = (outcome.clone(), progress.clone());
        std::thread::Builder::new().name("arrival".into()).spawn(move || {
            // Clients are served meanwhile.
            step_aside();
            let source = QueueSource { blocks, notify: notify.clone(), received: 0 };
            place.put(build(source, options, &access, &shared));
            shared.over.store(true, Ordering::Release);
            notify();
        })?;
        Ok(Arrival { queue: Some(queue), outcome, progress })
    }

    /// Hands bytes on. Gives them back when too much waits; what the thread no longer wants is dropped, and the outcome
    /// says why.
    pub fn offer(&self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        match self.queue.as_ref().map(|queue| queue.try_send(bytes)) {
            Some(Err(TrySendError::Full(bytes))) => Err(bytes),
            _ => Ok(()),
        }
    }

    /// No more bytes come.
    pub fn end(&mut self) {
        self.queue = None;
    }

    /// Whether more bytes may come.
    pub fn is_open(&self) -> bool {
        self.queue.is_some()
    }

    /// Whether its outcome is known.
    pub fn is_over(&self) -> bool {
        self.progress.over.load(Ordering::Acquire)
    }

    /// What became of it, once that is known. Errors: why it cannot be used.
    pub fn outcome(&self) -> Option<Result<Arrived, String>> {
        self.outcome.take()
    }
}

/// Blocks from the queue.
struct QueueSource {
    blocks: Receiver<Vec<u8>>,
    notify: Notify,
    received: u64,
}

impl Source for QueueSource {
    type Bytes = Vec<u8>;

    fn next_block(&mut self) -> Result<Option<Block<Vec<u8>>>, io::ErrorKind> {
        let Ok(bytes) = self.blocks.recv() else { return Ok(None) };
        self.received += bytes.len() as u64;
        (self.notify)();
        Ok(Some(Block { bytes, crc_before: None }))
    }
}

fn build(
    source: QueueSource,
    options: LoadOptions,
    access: &AccessClock,
    progress: &Progress,
) -> Result<Arrived, String> {
    let mut arrived = Arrived::default();
    arrived.databases.resize_with(options.databases as usize, Table::new);
    let mut reader = Reader::new(source, options);
    let mut reservable = MOST_RESERVED;
    let mut batch: Vec<(u64, Record)> = Vec::with_capacity(BATCH_RECORDS);
    loop {
        let item = reader.next().map_err(|error| error.to_string())?;
        progress.bytes.store(reader.offset(), Ordering::Relaxed);
        if let Item::Record(record) = item {
            breathe();
            batch.push((hash(record.object.key()), record));
            let delay_us = progress.key_delay_us.load(Ordering::Relaxed);
            if batch.len() == BATCH_RECORDS || delay_us != 0 {
                arrived.insert(&mut batch, access)?;
                progress.rest(key_rest(delay_us, arrived.keys));
            }
            if progress.cancelled.load(Ordering::Relaxed) {
                return Err("cancelled".to_owned());
            }
            continue;
        }
        arrived.insert(&mut batch, access)?;
        match item {
            Item::Size { db, keys, .. } => {
                if let Some(table) = arrived.databases.get_mut(db as usize) {
                    let keys = keys.min(reservable);
                    reservable -= keys;
                    table.reserve(keys as usize);
                }
            }
            Item::Function(code) => arrived.functions.push(code),
            Item::Aux { name, value } => arrived.note(&name, &value, progress),
            Item::EmptyKey { .. } => arrived.empty += 1,
            Item::Record(_) => {}
            Item::End { .. } => break,
        }
    }
    let end = reader.offset();
    let mut source = reader.into_source();
    // Whoever hands the bytes on says when there are no more.
    if source.received != end || matches!(source.next_block(), Ok(Some(_))) {
        return Err(format!("Internal error in RDB reading offset {end} -> bytes behind its end"));
    }
    Ok(arrived)
}

impl Arrived {
    /// Puts records where they belong. Errors: a key that is there already.
    fn insert(&mut self, batch: &mut Vec<(u64, Record)>, access: &AccessClock) -> Result<(), String> {
        for (hash, record) in batch.iter() {
            self.databases[record.db as usize].prefetch_path(*hash);
        }
        for (hash, record) in batch.iter() {
            self.databases[record.db as usize].prefetch_segment(*hash);
        }
        for (hash, record) in batch.drain(..) {
            let object = record.object;
            if let Some(clock) = access.as_told(record.idle_seconds, record.frequency) {
                object.set_clock(clock);
            }
            self.keys += 1;
            if !self.databases[record.db as usize].insert_new(hash, object) {
                return Err("it holds a key twice".to_owned());
            }
        }
        Ok(())
    }

    /// Notes what the snapshot says of itself.
    fn note(&mut self, name: &[u8], value: &[u8], progress: &Progress) {
        let number = || std::str::from_utf8(value).ok()?.parse::<i64>().ok();
        match name {
            b"repl-stream-db" => self.stream_db = number().and_then(|db| u32::try_from(db).ok()),
            b"used-mem" => progress.used_memory.store(number().unwrap_or(0).max(0) as u64, Ordering::Relaxed),
            _ => {}
        }
    }
}

impl Progress {
    /// Rests, unless nobody waits any more.
    fn rest(&self, span: Duration) {
        const SLICE: Duration = Duration::from_millis(10);
        let mut left = span;
        while !left.is_zero() && !self.cancelled.load(Ordering::Relaxed) {
            let slice = left.min(SLICE);
            std::thread::sleep(slice);
            left -= slice;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::save::tests::strings;
    use crate::persist::save::{Snapshot, SnapshotOptions};
    use crate::persist::transfer::{Piece, Transfer};
    use std::sync::mpsc;

    /// Tells the receiver of each call.
    fn bell() -> (Notify, mpsc::Receiver<()>) {
        let (told, tells) = mpsc::channel();
        (Arc::new(move || told.send(()).unwrap_or_default()), tells)
    }

    fn snapshot_bytes(keys: usize) -> Vec<u8> {
        let pairs = (0..keys).map(|key| (format!("key:{key}"), format!("{key:032}")));
        let snapshot = Snapshot {
            dbs: vec![strings(pairs).into()],
            aux: vec![("repl-stream-db", b"3".to_vec())],
            functions: vec![b"code".to_vec()],
        };
        let (notify, tells) = bell();
        let transfer = Transfer::start(snapshot, None, SnapshotOptions::default(), notify).unwrap();
        let mut bytes = Vec::new();
        loop {
            match transfer.take() {
                Some(Piece::Block(block)) => bytes.extend(block),
                Some(Piece::End) => return bytes,
                Some(_) => panic!("blocks and an end"),
                None => tells.recv().unwrap(),
            }
        }
    }

    /// Hands all bytes on in blocks of this size, and ends there.
    fn arrive(bytes: &[u8], size: usize) -> Result<Arrived, String> {
        let (notify, tells) = bell();
        let access = AccessClock::default();
        let mut arrival = Arrival::start(LoadOptions::default(), access, Arc::default(), notify).unwrap();
        for block in bytes.chunks(size) {
            let mut block = block.to_vec();
            while let Err(back) = arrival.offer(block) {
                block = back;
                tells.recv().unwrap();
            }
        }
        arrival.end();
        loop {
            match arrival.outcome() {
                Some(outcome) => return outcome,
                None => tells.recv().unwrap(),
            }
        }
    }

    #[test]
    fn a_whole_snapshot_becomes_databases_however_it_comes() {
        let bytes = snapshot_bytes(3000);
        for size in [7, 4096, bytes.len()] {
            let arrived = arrive(&bytes, size).unwrap();
            assert_eq!((arrived.keys, arrived.databases.len(), arrived.databases[0].len()), (3000, 16, 3000));
            assert_eq!((arrived.stream_db, &arrived.functions[..]), (Some(3), &[b"code".to_vec()][..]));
            arrived.databases[0].check();
        }
    }

    #[test]
    fn what_is_not_whole_is_not_given_out() {
        let bytes = snapshot_bytes(100);
        for cut in (0..bytes.len()).step_by(31) {
            assert!(arrive(&bytes[..cut], 4096).is_err_and(|line| line.contains("offset")), "{cut} bytes");
        }
        let mut wrong = bytes.clone();
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        assert!(arrive(&wrong, 4096).is_err_and(|line| line.contains("CRC error")));
        for size in [64, 1 << 20] {
            let line = arrive(&[&bytes[..], b"more"].concat(), size).err().unwrap();
            assert!(line.ends_with("bytes behind its end"), "{line}");
        }
        assert!(arrive(b"HTTP/1.1 400 Bad Request\r\n\r\n", 4096).is_err_and(|line| line.contains("Wrong signature")));
        // A database that says it has more keys than any memory holds.
        assert!(arrive(b"REDIS0011\xfe\x00\xfb\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00", 4096).is_err());
    }

    #[test]
    fn an_arrival_that_nobody_waits_for_ends() {
        let bytes = snapshot_bytes(10_000);
        for announced in [0, 1_000_000] {
            let (notify, tells) = bell();
            let progress = Arc::new(Progress::default());
            progress.key_delay_us.store(announced, Ordering::Relaxed);
            let arrival = Arrival::start(LoadOptions::default(), AccessClock::default(), progress, notify).unwrap();
            arrival.offer(bytes.clone()).unwrap();
            drop(arrival);
            // The thread lets go of its end of the channel when it ends.
            while tells.recv().is_ok() {}
        }
    }
}
