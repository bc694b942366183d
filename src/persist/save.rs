//! A snapshot as a file: written block by block on a thread of its own, while the loop goes on changing its keyspace.
//!
//! Owns [`Snapshot`], [`SaveJob`] and [`Progress`]. Promises: the file of a save is replaced whole or not at all;
//! memory is that of a block; each node of the keyspace is given back as soon as it is written, on the saving thread; a
//! cancelled save ends soon and leaves no file.
//!
//! Left out: the bytes of the snapshot format (`rdb/`), when to save.

use super::aof::{append_count, append_request, append_timestamp};
use super::commands::append_object;
use super::disk::{Disk, DiskFile, Open, folder_of};
use super::manifest::BaseFormat;
use super::{Notify, Slot};
use crate::object::Object;
use crate::persist::aof::{append_bulk, append_bulk_int};
use crate::rdb::{self, Sink, Usage, Writer};
use crate::structs::process::{breathe, step_aside};
use crate::structs::table::Walk;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Bytes of a write.
const BLOCK_BYTES: usize = 256 * 1024;
/// With `incremental_sync`, bytes between two syncs. As few as in Redis: a kernel that is not preempted holds the core for
/// as long as it takes to hand them to the disk, some milliseconds for 32 MiB.
const SYNC_BYTES: u64 = 4 * 1024 * 1024;

/// Everything that goes into a file: the keyspace between two commands.
#[derive(Default)]
pub struct Snapshot {
    /// The databases, by number.
    pub dbs: Vec<Walk<Object>>,
    /// The function libraries' code.
    pub functions: Vec<Vec<u8>>,
    /// What else is to be known: names and values of AUX fields (`redis-ver`, `ctime`, `repl-id`...), in order.
    /// `aof-base` is added here.
    pub aux: Vec<(&'static str, Vec<u8>)>,
}

impl Snapshot {
    /// Number of keys.
    pub fn keys(&self) -> u64 {
        self.dbs.iter().map(|table| table.len() as u64).sum()
    }
}

/// What a record says of its key's use, from the object.
pub type UsageOf = Arc<dyn Fn(&Object) -> Usage + Send + Sync>;

/// How a snapshot is written.
#[derive(Clone, Default)]
pub struct SnapshotOptions {
    /// The format's own.
    pub rdb: rdb::SaveOptions,
    /// Sync on the way, so that the last sync has little to do.
    pub incremental_sync: bool,
    /// Time to rest after each key, in microseconds; -N: a microsecond after every N keys (`rdb-key-save-delay`).
    pub key_delay_us: i64,
    /// What is said of keys' use, if anything.
    pub usage: Option<UsageOf>,
    /// Seconds since the epoch, to be noted in a base of requests (`aof-timestamp-enabled`).
    pub timestamp: Option<i64>,
}

/// How far a save has come; shared with it.
#[derive(Debug, Default)]
pub struct Progress {
    keys: AtomicU64,
    total: AtomicU64,
    bytes: AtomicU64,
    cancelled: AtomicBool,
    resting: Mutex<()>,
    wake: Condvar,
}

impl Progress {
    /// Keys written.
    pub fn keys(&self) -> u64 {
        self.keys.load(Ordering::Relaxed)
    }

    /// Keys to be written.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Bytes written.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Makes the save end with an error of kind `Interrupted`.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        drop(self.resting.lock());
        self.wake.notify_all();
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    fn rest(&self, span: Duration) {
        let guard = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_cancelled() && !span.is_zero() {
            // A rest that ends early does no harm.
            drop(self.wake.wait_timeout(guard, span));
        }
    }
}

/// A finished save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Length of the file.
    pub bytes: u64,
    /// Keys in it.
    pub keys: u64,
}

/// The file that takes the blocks.
struct FileSink<'a> {
    file: Box<dyn DiskFile>,
    at: u64,
    synced: u64,
    incremental_sync: bool,
    progress: &'a Progress,
}

impl FileSink<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.progress.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        self.progress.bytes.store(self.at, Ordering::Relaxed);
        if self.incremental_sync && self.at - self.synced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.synced = self.at;
        }
        Ok(())
    }
}

impl Sink for FileSink<'_> {
    fn write_block(&mut self, block: Vec<u8>) -> io::Result<Vec<u8>> {
        self.put(&block)?;
        Ok(block)
    }
}

/// How long to rest after the `count`th key: so many microseconds, or one microsecond after every N keys for -N, since
/// a shorter sleep than that is none.
pub fn key_rest(delay_us: i64, count: u64) -> Duration {
    match u64::try_from(delay_us) {
        Ok(span) => Duration::from_micros(span),
        Err(_) => Duration::from_micros(u64::from(count.is_multiple_of(delay_us.unsigned_abs()))),
    }
}

/// Counts a key, lets others have the core or rests, and says whether to go on.
fn counted(progress: &Progress, delay_us: i64) -> bool {
    breathe();
    // The save is the only writer, so no locked instruction is needed.
    let count = progress.keys() + 1;
    progress.keys.store(count, Ordering::Relaxed);
    if delay_us != 0 {
        progress.rest(key_rest(delay_us, count));
    }
    !progress.is_cancelled()
}

/// Writes a snapshot in its own format, block by block.
pub(super) fn write_rdb<S: Sink>(
    sink: S,
    snapshot: Snapshot,
    aof_base: bool,
    options: &SnapshotOptions,
    progress: &Progress,
) -> io::Result<S> {
    let timed_fields = snapshot.dbs.iter().any(|table| table.len_with_timed_parts() > 0);
    let version = if timed_fields { rdb::VERSION_WITH_FIELD_DEADLINES } else { rdb::VERSION };
    let settings = rdb::SaveOptions { block_bytes: BLOCK_BYTES, version, ..options.rdb.clone() };
    let mut writer = Writer::new(sink, &settings);
    for (name, value) in &snapshot.aux {
        writer.aux(name, value);
    }
    writer.aux("aof-base", if aof_base { b"1" } else { b"0" });
    for code in &snapshot.functions {
        writer.function(code);
    }
    for (db, table) in snapshot.dbs.into_iter().enumerate() {
        if table.is_empty() {
            continue;
        }
        writer.select(db as u32, table.len() as u64, table.len_with_deadline() as u64);
        let mut go_on = true;
        table.consume(|object| {
            if go_on {
                writer.record(object, options.usage.as_ref().map_or(Usage::None, |usage| usage(object)));
                go_on = counted(progress, options.key_delay_us) && !writer.has_failed();
            }
        });
    }
    writer.finish()
}

fn write_requests<'p>(
    mut sink: FileSink<'p>,
    snapshot: Snapshot,
    options: &SnapshotOptions,
    progress: &'p Progress,
) -> io::Result<FileSink<'p>> {
    let mut out = Vec::new();
    let mut failed = None;
    let mut settle = |out: &mut Vec<u8>, least: usize| {
        if out.len() >= least {
            if failed.is_none() {
                failed = sink.put(out).err();
            }
            out.clear();
        }
        failed.is_none()
    };
    if let Some(seconds) = options.timestamp {
        append_timestamp(&mut out, seconds);
    }
    for code in &snapshot.functions {
        append_request(&mut out, [&b"FUNCTION"[..], b"LOAD", code]);
    }
    for (db, table) in snapshot.dbs.into_iter().enumerate() {
        if table.is_empty() {
            continue;
        }
        append_count(&mut out, 2);
        append_bulk(&mut out, b"SELECT");
        append_bulk_int(&mut out, db as i64);
        let mut go_on = true;
        table.consume(|object| {
            if go_on {
                append_object(&mut out, object, &mut |out| go_on &= settle(out, BLOCK_BYTES));
                go_on &= counted(progress, options.key_delay_us);
            }
        });
    }
    settle(&mut out, 1);
    match failed {
        Some(error) => Err(error),
        None => Ok(sink),
    }
}

/// Writes a snapshot to a file and syncs it. After an error the file is removed if it can be.
fn write_file(
    disk: &dyn Disk,
    path: &Path,
    snapshot: Snapshot,
    kind: Kind,
    options: &SnapshotOptions,
    progress: &Progress,
) -> io::Result<Saved> {
    progress.total.store(snapshot.keys(), Ordering::Relaxed);
    let write = || {
        let file = disk.open(path, Open::Truncate)?;
        let sink = FileSink { file, at: 0, synced: 0, incremental_sync: options.incremental_sync, progress };
        let mut sink = match kind {
            Kind::Save => write_rdb(sink, snapshot, false, options, progress)?,
            Kind::Base(BaseFormat::Rdb) => write_rdb(sink, snapshot, true, options, progress)?,
            Kind::Base(BaseFormat::Aof) => write_requests(sink, snapshot, options, progress)?,
        };
        if progress.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        sink.file.sync_all()?;
        Ok(Saved { bytes: sink.at, keys: progress.keys() })
    };
    let written = write();
    if written.is_err() {
        // The error is what matters; a leftover is removed at the next start.
        let _ = disk.remove(path);
    }
    written
}

/// A number for a temporary file's name: the process's, and a count, since an earlier job that was cancelled may not
/// have removed its file yet.
pub(super) fn temp_number(pid: u32) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{pid}{:03}", COUNT.fetch_add(1, Ordering::Relaxed) % 1000)
}

#[derive(Clone, Copy)]
enum Kind {
    Save,
    Base(BaseFormat),
}

/// Puts a snapshot in the place of the file `path`, or leaves it as it was. Blocks; else see [`SaveJob`]. `number` is
/// part of the temporary file's name.
pub fn save_snapshot(
    disk: &dyn Disk,
    path: &Path,
    number: &str,
    snapshot: Snapshot,
    options: &SnapshotOptions,
    progress: &Progress,
) -> io::Result<Saved> {
    let folder = folder_of(path);
    let temp = folder.join(format!("temp-{number}.rdb"));
    let saved = write_file(disk, &temp, snapshot, Kind::Save, options, progress)?;
    if let Err(error) = disk.rename(&temp, path) {
        let _ = disk.remove(&temp);
        return Err(error);
    }
    disk.sync_folder(folder)?;
    Ok(saved)
}

/// Writes a snapshot as the base of a log, synced, under a name that the log's folder does not know yet. Blocks.
pub fn write_base(
    disk: &dyn Disk,
    path: &Path,
    format: BaseFormat,
    snapshot: Snapshot,
    options: &SnapshotOptions,
    progress: &Progress,
) -> io::Result<Saved> {
    write_file(disk, path, snapshot, Kind::Base(format), options, progress)
}

/// A save on a thread of its own. Dropping it does not stop it; [`SaveJob::cancel`] does.
pub struct SaveJob {
    progress: Arc<Progress>,
    result: Slot<io::Result<Saved>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl SaveJob {
    /// Starts [`save_snapshot`] (BGSAVE). `notify` is called when it is done.
    pub fn save(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        pid: u32,
        snapshot: Snapshot,
        options: SnapshotOptions,
        notify: Notify,
    ) -> io::Result<SaveJob> {
        SaveJob::numbered(disk, path, temp_number(pid), snapshot, options, notify)
    }

    /// The same for the last snapshot before the process ends: there is only one, and it is named after the process.
    pub fn last(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        pid: u32,
        snapshot: Snapshot,
        options: SnapshotOptions,
        notify: Notify,
    ) -> io::Result<SaveJob> {
        SaveJob::numbered(disk, path, pid.to_string(), snapshot, options, notify)
    }

    fn numbered(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        number: String,
        snapshot: Snapshot,
        options: SnapshotOptions,
        notify: Notify,
    ) -> io::Result<SaveJob> {
        let work = move |progress: &Progress| save_snapshot(&*disk, &path, &number, snapshot, &options, progress);
        SaveJob::run("save", notify, work)
    }

    /// Starts [`write_base`].
    pub(super) fn base(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        format: BaseFormat,
        snapshot: Snapshot,
        options: SnapshotOptions,
        notify: Notify,
    ) -> io::Result<SaveJob> {
        let work = move |progress: &Progress| write_base(&*disk, &path, format, snapshot, &options, progress);
        SaveJob::run("rewrite", notify, work)
    }

    fn run(
        name: &str,
        notify: Notify,
        work: impl FnOnce(&Progress) -> io::Result<Saved> + Send + 'static,
    ) -> io::Result<SaveJob> {
        let progress = Arc::new(Progress::default());
        let result = Slot::new();
        let (shared, reply) = (progress.clone(), result.clone());
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            step_aside();
            crate::structs::held::walk();
            reply.put(work(&shared));
            notify();
        })?;
        Ok(SaveJob { progress, result, thread: Some(thread) })
    }

    /// How far it has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The result, once, when there is one. An error of kind `Interrupted` says that it was cancelled.
    pub fn poll(&mut self) -> Option<io::Result<Saved>> {
        // Looked at first: a result that was left before the end is then seen.
        let ended = self.thread.as_ref().is_none_or(std::thread::JoinHandle::is_finished);
        let result = self.result.take();
        if result.is_none()
            && ended
            && let Some(thread) = self.thread.take()
        {
            let died = thread.join().is_err();
            return died.then(|| Err(io::Error::other("the saving thread died")));
        }
        result
    }

    /// Asks it to stop.
    pub fn cancel(&self) {
        self.progress.cancel();
    }

    /// Blocks until it is done.
    pub fn wait(mut self) -> io::Result<Saved> {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            return Err(io::Error::other("the saving thread died"));
        }
        self.result.take().unwrap_or_else(|| Err(io::Error::other("the result was taken before")))
    }
}

#[cfg(test)]
pub(super) mod tests;
