//! Loading: from files to records and requests, decoded on other threads and handed to the caller in order.
//!
//! Owns [`load`], which decides what to load as Redis does: with the log on, its files by the manifest (or an older
//! single file, which is adopted); else the snapshot file; else nothing. One thread reads ahead and sums up, one decodes,
//! the caller inserts; the queues between them are short. Promises: items come in the order of the files; a group of
//! MULTI comes whole or not at all; the error names file and offset, in Redis's words. A log whose last file is cut off
//! is shortened to its last whole request, and it is said, where that is allowed; any other damage is an error.
//!
//! Left out: what records and requests do, expired keys, `aof-base` and the other AUX fields.

use super::Note;
use super::aof::{Batch, Stop, parse};
use super::disk::{Disk, DiskFile, Open, reason};
use super::folder::{AofFolder, AofNames, FolderError};
use super::manifest::LogFile;
use crate::rdb::{self, Block, Item, LoadErrorKind, Reader, Record, Source};
use crate::resp::Span;
use crate::structs::table::hash;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of a block.
const BLOCK_BYTES: usize = 256 * 1024;
/// Blocks that are read ahead.
const BLOCKS_AHEAD: usize = 8;
/// Records of a batch, at most.
const BATCH_RECORDS: usize = 512;
/// Bytes of the stream in a batch, about.
const BATCH_BYTES: u64 = 256 * 1024;
/// Batches that are decoded ahead.
const BATCHES_AHEAD: usize = 8;
/// So many empty keys are told by name.
const EMPTY_KEYS_TOLD: u64 = 10;

/// What to load, and how.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Where the log is; `names.dir` is the server's folder.
    pub names: AofNames,
    /// The snapshot's file name in that folder (`dbfilename`).
    pub snapshot: String,
    /// Whether the log is on (`appendonly`).
    pub log: bool,
    /// Whether the end of the log may be cut off (`aof-load-truncated`).
    pub truncated: bool,
    /// How snapshots are read.
    pub rdb: rdb::LoadOptions,
}

/// A request of the log.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The bytes the spans point into.
    pub bytes: &'a [u8],
    /// The arguments, at least one.
    pub spans: &'a [Span],
    /// The file it is in.
    pub file: &'a str,
}

impl<'a> Request<'a> {
    /// The arguments.
    pub fn args(self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.spans.iter().map(move |span| span.of(self.bytes))
    }
}

/// A key of a snapshot with its hash, taken where the key was just made.
pub struct Hashed {
    /// `structs::table::hash` of the key.
    pub hash: u64,
    /// The key with all that belongs to it.
    pub record: Record,
}

impl From<Record> for Hashed {
    fn from(record: Record) -> Hashed {
        Hashed { hash: hash(record.object.key()), record }
    }
}

/// What is loaded, piece by piece.
pub enum LoadItem<'a> {
    /// Keys of a snapshot, at least one. They come many at once so that the memory their places need can be asked for
    /// ahead (`Table::prefetch_segment`).
    Records(Vec<Hashed>),
    /// How many keys a database of a snapshot has.
    Size {
        /// The database.
        db: u32,
        /// Its keys.
        keys: u64,
        /// Those with a deadline.
        timed: u64,
    },
    /// A function library's code.
    Function(Vec<u8>),
    /// Something a snapshot says of itself.
    Aux {
        /// Its name.
        name: Vec<u8>,
        /// What it says.
        value: Vec<u8>,
    },
    /// A snapshot is at its end.
    SnapshotEnd {
        /// Keys that were given.
        keys: u64,
        /// Keys passed over because nothing was in them.
        empty: u64,
    },
    /// A request of the log. Those of a file begin in database 0.
    Request(Request<'a>),
    /// A file of the log begins: database 0 is selected.
    FileStart(&'a str),
    /// How far it has come, in bytes of all files.
    Progress {
        /// Bytes done.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A line for the server's log.
    Note(Note),
}

/// Takes what is loaded; an error text ends the loading.
pub type Consumer<'a> = &'a mut dyn FnMut(LoadItem<'_>) -> Result<(), String>;

/// Where the data came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// There was no file.
    Nothing,
    /// The snapshot file.
    Snapshot,
    /// The log.
    Log,
}

/// A finished load.
pub struct Loaded {
    /// Where the data came from.
    pub origin: Origin,
    /// The log's folder with its manifest, for the writer.
    pub folder: AofFolder,
    /// Bytes that were loaded.
    pub bytes: u64,
}

/// Why the data cannot be loaded.
#[derive(Debug)]
pub struct LoadError {
    /// The file, when it is about one.
    pub file: Option<String>,
    /// The offset in that file where it went wrong, in bytes.
    pub offset: Option<u64>,
    /// The lines for the server's log, the reason among them.
    pub lines: Vec<String>,
}

impl LoadError {
    fn new(file: Option<&str>, offset: Option<u64>, lines: Vec<String>) -> LoadError {
        LoadError { file: file.map(str::to_owned), offset, lines }
    }

    fn of_file(file: &str, offset: u64, line: String) -> LoadError {
        LoadError::new(Some(file), Some(offset), vec![line])
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))?;
        match (&self.file, self.offset) {
            (Some(file), Some(offset)) => write!(f, " ({file}, offset {offset})"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<FolderError> for LoadError {
    fn from(error: FolderError) -> LoadError {
        let lines = match error {
            FolderError::Manifest(error) => error.lines(),
            FolderError::Io(text) => vec![text],
        };
        LoadError::new(None, None, lines)
    }
}

/// Loads whatever there is. `each` is called on the calling thread.
pub fn load(disk: Arc<dyn Disk>, options: &LoadOptions, each: Consumer<'_>) -> Result<Loaded, LoadError> {
    let began = disk.uptime();
    let mut folder = AofFolder::open(disk.clone(), options.names.clone())?;
    let mut job = Job { disk: &*disk, options, each, done: 0, total: 0 };
    if options.log {
        if let Some(note) = folder.adopt_old_file()? {
            job.note(note)?;
        }
        if folder.manifest().is_empty() {
            return Ok(Loaded { origin: Origin::Nothing, folder, bytes: 0 });
        }
        job.total = folder.sizes()?.0;
        let files: Vec<LogFile> = folder.manifest().files().cloned().collect();
        let base = folder.manifest().base.is_some();
        for (at, file) in files.iter().enumerate() {
            let path = options.names.path(&file.name);
            let since = disk.uptime();
            job.log_file(&path, &file.name, at + 1 == files.len())?;
            let kind = if at == 0 && base { "base" } else { "incr" };
            let seconds = disk.uptime().saturating_sub(since).as_secs_f64();
            job.note(Note::notice(format!("DB loaded from {kind} file {}: {seconds:.3} seconds", file.name)))?;
        }
        let seconds = disk.uptime().saturating_sub(began).as_secs_f64();
        job.note(Note::notice(format!("DB loaded from append only file: {seconds:.3} seconds")))?;
        return Ok(Loaded { origin: Origin::Log, folder, bytes: job.done });
    }
    let path: PathBuf = options.names.dir.join(&options.snapshot);
    let fatal = |why: String| {
        LoadError::new(Some(&options.snapshot), None, vec![format!("Fatal error loading the DB: {why}. Exiting.")])
    };
    job.total = match disk.len(&path) {
        Ok(0) => return Ok(Loaded { origin: Origin::Nothing, folder, bytes: 0 }),
        Ok(len) => len,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Loaded { origin: Origin::Nothing, folder, bytes: 0 });
        }
        Err(error) => return Err(fatal(reason(&error))),
    };
    let file = disk.open(&path, Open::Read).map_err(|error| fatal(reason(&error)))?;
    job.done = job.snapshot(file, &options.snapshot)?;
    let seconds = disk.uptime().saturating_sub(began).as_secs_f64();
    job.note(Note::notice(format!("DB loaded from disk: {seconds:.3} seconds")))?;
    Ok(Loaded { origin: Origin::Snapshot, folder, bytes: job.done })
}

struct Job<'a> {
    disk: &'a dyn Disk,
    options: &'a LoadOptions,
    each: Consumer<'a>,
    /// Bytes of the files that are finished.
    done: u64,
    total: u64,
}

/// The caller's own refusal, at a place.
fn refused(file: &str, offset: u64) -> impl Fn(String) -> LoadError + use<'_> {
    move |text| LoadError::of_file(file, offset, text)
}

impl Job<'_> {
    fn note(&mut self, note: Note) -> Result<(), LoadError> {
        (self.each)(LoadItem::Note(note)).map_err(|text| LoadError::new(None, None, vec![text]))
    }

    fn progress(&mut self, file: &str, offset: u64) -> Result<(), LoadError> {
        let (bytes, total) = (self.done + offset, self.total);
        (self.each)(LoadItem::Progress { bytes, total }).map_err(refused(file, offset))
    }

    /// Loads one file of the log: a snapshot, requests, or one before the other.
    fn log_file(&mut self, path: &Path, name: &str, last: bool) -> Result<(), LoadError> {
        let unreadable = |error: io::Error| {
            let why = reason(&error);
            LoadError::of_file(
                name,
                0,
                format!("Fatal error: can't open the append log file {name} for reading: {why}"),
            )
        };
        let mut file = self.disk.open(path, Open::Read).map_err(unreadable)?;
        let mut magic = [0; 6];
        let mut filled = 0;
        while filled < magic.len() {
            match file.read_at(&mut magic[filled..], filled as u64).map_err(unreadable)? {
                0 => break,
                count => filled += count,
            }
        }
        (self.each)(LoadItem::FileStart(name)).map_err(refused(name, 0))?;
        let mut offset = 0;
        if magic.starts_with(b"REDIS") || magic == *b"VALKEY" {
            let old_style = name == self.options.names.stem;
            let kind = if old_style {
                "Reading RDB preamble from AOF file..."
            } else {
                "Reading RDB base file on AOF loading..."
            };
            self.note(Note::notice(kind))?;
            offset = self.snapshot(file, name).map_err(|mut error| {
                error.lines.push(match old_style {
                    true => format!("Error reading the RDB preamble of the AOF file {name}, AOF loading aborted"),
                    false => format!("Error reading the RDB base file {name}, AOF loading aborted"),
                });
                error
            })?;
            if old_style {
                self.note(Note::notice("Reading the remaining AOF tail..."))?;
            }
            file = self.disk.open(path, Open::Read).map_err(unreadable)?;
        }
        self.requests(path, name, file, offset, last)?;
        self.done += self.disk.len(path).map_err(unreadable)?;
        Ok(())
    }

    /// Loads a snapshot and returns its length in bytes.
    fn snapshot(&mut self, file: Box<dyn DiskFile>, name: &str) -> Result<u64, LoadError> {
        let settings = self.options.rdb.clone();
        let sum = settings.check;
        std::thread::scope(|scope| {
            let (blocks, blocks_in) = sync_channel(BLOCKS_AHEAD);
            let (batches, batches_in) = sync_channel(BATCHES_AHEAD);
            // Either thread ends by itself once its receiver is gone.
            let spawned = std::thread::Builder::new()
                .name("load-read".into())
                .spawn_scoped(scope, move || read_ahead(file, 0, sum, &blocks))
                .and_then(|_| {
                    std::thread::Builder::new()
                        .name("load-decode".into())
                        .spawn_scoped(scope, move || decode(BlockSource(blocks_in), settings, &batches))
                });
            spawned.map_err(|error| LoadError::of_file(name, 0, format!("Can't start a thread: {error}")))?;
            self.take_records(&batches_in, name)
        })
    }

    fn take_records(&mut self, batches: &Receiver<Decoded>, name: &str) -> Result<u64, LoadError> {
        let (mut keys, mut empty) = (0, 0);
        for decoded in batches {
            let offset = decoded.offset;
            let refused = refused(name, offset);
            if !decoded.records.is_empty() {
                keys += decoded.records.len() as u64;
                (self.each)(LoadItem::Records(decoded.records)).map_err(&refused)?;
            }
            let item = match decoded.next {
                Next::Records => None,
                Next::Other(Item::Size { db, keys, timed }) => Some(LoadItem::Size { db, keys, timed }),
                Next::Other(Item::Function(code)) => Some(LoadItem::Function(code)),
                Next::Other(Item::Aux { name, value }) => Some(LoadItem::Aux { name, value }),
                Next::Other(Item::Record(record)) => Some(LoadItem::Records(vec![record.into()])),
                Next::Other(Item::EmptyKey { key, .. }) => {
                    empty += 1;
                    let text = || format!("rdbLoadObject skipping empty key: {}", String::from_utf8_lossy(&key));
                    (empty <= EMPTY_KEYS_TOLD).then(|| LoadItem::Note(Note::notice(text())))
                }
                Next::Other(Item::End { .. }) => {
                    (self.each)(LoadItem::SnapshotEnd { keys, empty }).map_err(&refused)?;
                    self.progress(name, offset)?;
                    return Ok(offset);
                }
                Next::Failed(error) => return Err(snapshot_error(name, &error)),
            };
            if let Some(item) = item {
                (self.each)(item).map_err(&refused)?;
            }
            self.progress(name, offset)?;
        }
        Err(LoadError::of_file(name, 0, "The decoding thread died".to_owned()))
    }

    /// Loads the requests of a file from an offset on.
    fn requests(
        &mut self,
        path: &Path,
        name: &str,
        file: Box<dyn DiskFile>,
        from: u64,
        last: bool,
    ) -> Result<(), LoadError> {
        std::thread::scope(|scope| {
            let (blocks, blocks_in) = sync_channel(BLOCKS_AHEAD);
            let (batches, batches_in) = sync_channel(BATCHES_AHEAD);
            let spawned = std::thread::Builder::new()
                .name("load-read".into())
                .spawn_scoped(scope, move || read_ahead(file, from, false, &blocks))
                .and_then(|_| {
                    std::thread::Builder::new()
                        .name("load-parse".into())
                        .spawn_scoped(scope, move || cut(&BlockSource(blocks_in), from, &batches))
                });
            spawned.map_err(|error| LoadError::of_file(name, from, format!("Can't start a thread: {error}")))?;
            self.take_requests(&batches_in, path, name, last)
        })
    }

    fn take_requests(&mut self, batches: &Receiver<Cut>, path: &Path, name: &str, last: bool) -> Result<(), LoadError> {
        for cut in batches {
            match cut {
                Cut::Batch(batch, offset) => {
                    for spans in batch.requests() {
                        let request = Request { bytes: &batch.bytes, spans, file: name };
                        (self.each)(LoadItem::Request(request)).map_err(refused(name, offset))?;
                    }
                    self.progress(name, offset)?;
                }
                Cut::Whole => return Ok(()),
                Cut::Short { valid, in_group } => return self.shorten(path, name, valid, in_group, last),
                Cut::Damaged(offset) => {
                    let line = format!(
                        "Bad file format reading the append only file {name}: make a backup of your AOF file, then use \
                         ./redis-check-aof --fix <filename.manifest>"
                    );
                    return Err(LoadError::of_file(name, offset, line));
                }
                Cut::Failed(kind, offset) => {
                    let line = format!("Unrecoverable error reading the append only file {name}: {kind}");
                    return Err(LoadError::of_file(name, offset, line));
                }
            }
        }
        Err(LoadError::of_file(name, 0, "The parsing thread died".to_owned()))
    }

    /// The file is cut off behind `valid` bytes: drops the rest, if that is allowed.
    fn shorten(&mut self, path: &Path, name: &str, valid: u64, in_group: bool, last: bool) -> Result<(), LoadError> {
        if in_group {
            self.note(Note::warning(format!("Revert incomplete MULTI/EXEC transaction in AOF file {name}")))?;
        }
        if !self.options.truncated {
            let line = format!(
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF file, \
                 then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
                 'aof-load-truncated' configuration option to yes and restart the server."
            );
            return Err(LoadError::of_file(name, valid, line));
        }
        self.note(Note::warning(format!("!!! Warning: short read while loading the AOF file {name}!!!")))?;
        if !last {
            let line = "Fatal error: the truncated file is not the last file".to_owned();
            return Err(LoadError::of_file(name, valid, line));
        }
        self.note(Note::warning(format!("!!! Truncating the AOF {name} at offset {valid} !!!")))?;
        let cut = || {
            let mut file = self.disk.open(path, Open::Keep)?;
            file.set_len(valid)?;
            file.sync_all()
        };
        cut().map_err(|error| {
            let line = format!("Error truncating the AOF file {name}: {}", reason(&error));
            LoadError::of_file(name, valid, line)
        })?;
        self.note(Note::warning(format!("AOF {name} loaded anyway because aof-load-truncated is enabled")))
    }
}

/// The lines Redis logs for a snapshot it cannot read.
fn snapshot_error(name: &str, error: &rdb::LoadError) -> LoadError {
    let mut lines = vec![error.to_string()];
    match &error.kind {
        LoadErrorKind::ShortRead => {
            lines.insert(0, "Short read or OOM loading DB. Unrecoverable error, aborting now.".to_owned());
            lines.push("Terminating server after rdb file reading failure.".to_owned());
        }
        LoadErrorKind::Signature | LoadErrorKind::Version(_) => {
            lines.push("Fatal error loading the DB: Invalid argument. Exiting.".to_owned());
        }
        _ => lines.push("Terminating server after rdb file reading failure.".to_owned()),
    }
    if matches!(error.kind, LoadErrorKind::Corrupt(_)) {
        // What redis-check-rdb says, which Redis runs at this point.
        let at = format!("[offset {}] {}", error.offset, lines[0]);
        lines.splice(1..1, ["--- RDB ERROR DETECTED ---".to_owned(), at]);
    }
    LoadError::new(Some(name), Some(error.offset), lines)
}

type BlockResult = Result<Block<Vec<u8>>, io::ErrorKind>;

/// Reads a file block by block and, with `sum`, takes its checksum. Ends with the file, or when nobody listens.
fn read_ahead(mut file: Box<dyn DiskFile>, mut offset: u64, sum: bool, out: &SyncSender<BlockResult>) {
    let mut crc = 0;
    loop {
        let mut bytes = vec![0; BLOCK_BYTES];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => {
                    // Nobody listens any more: nothing to do.
                    let _ = out.send(Err(error.kind()));
                    return;
                }
            }
        }
        bytes.truncate(filled);
        if filled == 0 {
            return;
        }
        offset += filled as u64;
        let crc_before = sum.then_some(crc);
        if sum {
            crc = rdb::crc64(crc, &bytes);
        }
        if out.send(Ok(Block { bytes, crc_before })).is_err() {
            return;
        }
    }
}

/// Blocks from the thread that reads ahead.
struct BlockSource(Receiver<BlockResult>);

impl BlockSource {
    fn next(&self) -> Result<Option<Block<Vec<u8>>>, io::ErrorKind> {
        self.0.recv().ok().transpose()
    }
}

impl Source for BlockSource {
    type Bytes = Vec<u8>;

    fn next_block(&mut self) -> Result<Option<Block<Vec<u8>>>, io::ErrorKind> {
        self.next()
    }
}

/// A piece of a snapshot, and how far the stream has been read.
struct Decoded {
    records: Vec<Hashed>,
    /// What follows the records.
    next: Next,
    offset: u64,
}

enum Next {
    /// More records.
    Records,
    Other(Item),
    Failed(rdb::LoadError),
}

/// Decodes a snapshot into batches. Ends with it, or when nobody listens.
fn decode(source: BlockSource, options: rdb::LoadOptions, out: &SyncSender<Decoded>) {
    let mut reader = Reader::new(source, options);
    loop {
        let began = reader.offset();
        let mut records = Vec::with_capacity(BATCH_RECORDS);
        let next = loop {
            if records.len() >= BATCH_RECORDS || reader.offset() - began >= BATCH_BYTES {
                break Next::Records;
            }
            match reader.next() {
                Ok(Item::Record(record)) => records.push(record.into()),
                Ok(other) => break Next::Other(other),
                Err(error) => break Next::Failed(error),
            }
        };
        let ended = matches!(next, Next::Other(Item::End { .. }) | Next::Failed(_));
        let sent = out.send(Decoded { records, next, offset: reader.offset() });
        if ended || sent.is_err() {
            return;
        }
    }
}

/// What became of a piece of the log.
enum Cut {
    /// Requests, and the offset in the file behind them.
    Batch(Batch, u64),
    /// The file ends behind a whole request.
    Whole,
    /// The file ends in the middle of a request or group that began at an offset.
    Short { valid: u64, in_group: bool },
    /// The byte at an offset cannot be there.
    Damaged(u64),
    /// The file cannot be read.
    Failed(io::ErrorKind, u64),
}

/// Cuts a log into batches of whole requests. Ends with the log, or when nobody listens.
fn cut(source: &BlockSource, from: u64, out: &SyncSender<Cut>) {
    // Offset in the file of the first byte of `bytes`, which holds what is not finished.
    let mut offset = from;
    let mut bytes: Vec<u8> = Vec::new();
    // A request longer than a block is looked at again only when twice as much of it is there.
    let mut wanted = 0;
    loop {
        let block = match source.next() {
            Ok(block) => block,
            Err(kind) => {
                // Nobody listens any more: nothing to do, here and below.
                let _ = out.send(Cut::Failed(kind, offset));
                return;
            }
        };
        let ended = block.is_none();
        if let Some(block) = block {
            if bytes.is_empty() {
                bytes = block.bytes;
            } else {
                bytes.extend_from_slice(&block.bytes);
            }
        }
        if bytes.len() < wanted && !ended {
            continue;
        }
        let mut batch = Batch::default();
        let found = parse(&bytes, &mut batch);
        let rest = bytes[found.consumed..].to_vec();
        let at = offset + found.consumed as u64;
        wanted = rest.len() * 2;
        batch.bytes = bytes;
        if !batch.ends.is_empty() && out.send(Cut::Batch(batch, at)).is_err() {
            return;
        }
        let last = match found.stop {
            Stop::NeedMore if !ended => None,
            Stop::NeedMore if rest.is_empty() => Some(Cut::Whole),
            Stop::NeedMore => Some(Cut::Short { valid: at, in_group: found.in_group }),
            Stop::Damaged(place) => {
                // A tail of zeros is what a power failure leaves of bytes that were never written.
                let zeros = rest[place - found.consumed..].iter().all(|&byte| byte == 0) && only_zeros(source);
                Some(match zeros {
                    true => Cut::Short { valid: at, in_group: found.in_group },
                    false => Cut::Damaged(offset + place as u64),
                })
            }
        };
        if let Some(last) = last {
            let _ = out.send(last);
            return;
        }
        (offset, bytes) = (at, rest);
    }
}

/// Whether nothing but zeros comes.
fn only_zeros(source: &BlockSource) -> bool {
    loop {
        match source.next() {
            Ok(Some(block)) if block.bytes.iter().all(|&byte| byte == 0) => {}
            Ok(None) => return true,
            _ => return false,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
