//! The writer thread of the append-only log: bytes in, offsets out, and the loop never waits.
//!
//! Owns [`AofWriter`], the loop's end, and the thread behind it. The loop appends bytes and is told their offset in the
//! log; the thread writes them, syncs by the [`Policy`], and publishes how far it has come. Whatever arrives while it
//! writes or syncs is done together next. Steps that change the log's files (`switch`, `install`) stand in the same
//! queue, so they take effect exactly between two appends.
//!
//! Promises: bytes are written in order, once, whole record by whole record, and never given up: after an error the
//! thread tries again until it works or is closed, and [`AofWriter::status`] tells. `durable_offset` covers only what a
//! sync has confirmed (but see [`Begin::Waiting`]). An append is one whole unit (a request, or MULTI to EXEC): after a
//! failed write the file ends behind a whole one.
//!
//! Left out: what waits for an offset, and how many queued bytes are too many ([`AofWriter::queued_bytes`]).

use super::folder::{AofFolder, InUse};
use super::log_file::LogWriter;
use super::manifest::BaseFormat;
use super::{Note, Notify, Slot, disk};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// When the log is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// As soon as something was written.
    Always,
    /// Once a second.
    EverySecond,
    /// When the system likes.
    Never,
}

/// How the thread works.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// When to sync.
    pub policy: Policy,
    /// How long to wait before a failed write or sync is tried again.
    pub retry: Duration,
}

impl WriterOptions {
    /// The usual times, for a policy.
    pub fn new(policy: Policy) -> WriterOptions {
        WriterOptions { policy, retry: Duration::from_millis(200) }
    }
}

/// Where the thread begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Behind the last increment of the manifest, or with a first one.
    Last,
    /// Nowhere: the log has just been turned on and has no base yet. Bytes before the first [`AofWriter::switch`] are
    /// dropped and count as durable, since the base will hold them; then a temporary increment takes them.
    Waiting,
}

/// How the disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Fine, as far as is known.
    Ok,
    /// The last write failed, with this error number (0: unknown). Tried again until it works.
    WriteFailed(i32),
    /// The last sync failed, with this error number (0: unknown). Tried again until it works.
    SyncFailed(i32),
}

/// The log has a new increment: what comes behind the step goes there.
#[derive(Debug)]
pub struct Switched {
    /// Its name.
    pub name: String,
}

/// The log has a new base.
#[derive(Debug)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// What to tell.
    pub notes: Vec<Note>,
}

/// How far a caller waits, see [`AofWriter::wait`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The bytes have been handed to the system.
    Written,
    /// The bytes have been synced.
    Durable,
}

enum Item {
    Bytes(Vec<u8>),
    Switch(Slot<io::Result<Switched>>),
    /// Removes what rewrites have replaced.
    Collect(Slot<()>),
    Install {
        temp: PathBuf,
        format: BaseFormat,
        keep_history: bool,
        reply: Slot<io::Result<Installed>>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Close {
    No,
    /// Write and sync what is queued, trying once.
    Drained,
    Now,
}

struct Queue {
    items: VecDeque<Item>,
    policy: Policy,
    sync_paused: bool,
    /// How long to sleep before each write; for tests.
    delay: Duration,
    /// A sync is asked for, whatever the policy.
    sync_now: bool,
    /// Try again now what failed.
    retry_now: bool,
    close: Close,
    /// The thread sleeps and wants to hear of new items.
    sleeping: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    /// To the thread: there is something to do.
    wake: Condvar,
    /// From the thread: an offset or the status has changed.
    moved: Condvar,
    written: AtomicU64,
    durable: AtomicU64,
    status: AtomicU64,
    total_bytes: AtomicU64,
    base_bytes: AtomicU64,
    syncs: AtomicU64,
    notes: Mutex<Vec<Note>>,
    notify: Notify,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole between any two statements that hold the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> Status {
        let word = self.status.load(Ordering::Acquire);
        match word >> 32 {
            0 => Status::Ok,
            1 => Status::WriteFailed(word as i32),
            _ => Status::SyncFailed(word as i32),
        }
    }

    fn set_status(&self, status: Status) {
        let word = match status {
            Status::Ok => 0,
            Status::WriteFailed(errno) => 1 << 32 | u64::from(errno as u32),
            Status::SyncFailed(errno) => 2 << 32 | u64::from(errno as u32),
        };
        self.status.store(word, Ordering::Release);
    }

    /// Tells those that [`AofWriter::wait`], and the loop.
    fn announce(&self) {
        drop(self.queue());
        self.moved.notify_all();
        (self.notify)();
    }
}

/// The loop's end of the writer thread. Dropped without `close`, it stops the thread where it is.
pub struct AofWriter {
    shared: Arc<Shared>,
    appended: u64,
    thread: Option<JoinHandle<()>>,
}

impl AofWriter {
    /// Opens the log and starts the thread. `notify` is called from it when the durable offset has moved under
    /// [`Policy::Always`], when the status has changed, and when a step is done.
    pub fn start(mut folder: AofFolder, begin: Begin, options: WriterOptions, notify: Notify) -> io::Result<AofWriter> {
        let mut notes = Vec::new();
        let log = match begin {
            Begin::Last => {
                let (file, name, len, made) = folder.open_last_increment()?;
                let verb = if made { "Creating" } else { "Opening" };
                notes.push(Note::notice(format!("{verb} AOF incr file {name} on server start")));
                Some(LogWriter::new(file, len))
            }
            Begin::Waiting => None,
        };
        // A base that cannot be measured fails when it is loaded; here it only decides when to rewrite.
        let (total_bytes, base_bytes) = folder.sizes().unwrap_or((0, 0));
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                items: VecDeque::new(),
                policy: options.policy,
                sync_paused: false,
                delay: Duration::ZERO,
                sync_now: false,
                retry_now: false,
                close: Close::No,
                sleeping: false,
            }),
            wake: Condvar::new(),
            moved: Condvar::new(),
            written: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            status: AtomicU64::new(0),
            total_bytes: AtomicU64::new(total_bytes),
            base_bytes: AtomicU64::new(base_bytes),
            syncs: AtomicU64::new(0),
            notes: Mutex::new(notes),
            notify,
        });
        let thread = Thread {
            shared: shared.clone(),
            last_sync: folder.disk().uptime(),
            folder,
            log,
            waiting: begin == Begin::Waiting,
            pending: VecDeque::new(),
            written: 0,
            failed: false,
            given_up: false,
            retry: options.retry,
        };
        let thread = std::thread::Builder::new().name("aof".into()).spawn(move || thread.run())?;
        Ok(AofWriter { shared, appended: 0, thread: Some(thread) })
    }

    fn push(&self, item: Item) {
        let mut queue = self.shared.queue();
        queue.items.push_back(item);
        let sleeping = queue.sleeping;
        drop(queue);
        if sleeping {
            self.shared.wake.notify_one();
        }
    }

    /// Adds one whole unit to the log and returns the offset behind it, in bytes since `start`. O(1).
    pub fn append(&mut self, bytes: Vec<u8>) -> u64 {
        if !bytes.is_empty() {
            self.appended += bytes.len() as u64;
            self.push(Item::Bytes(bytes));
        }
        self.appended
    }

    /// The offset behind everything appended.
    pub fn appended_offset(&self) -> u64 {
        self.appended
    }

    /// The offset up to which bytes have been handed to the system.
    pub fn written_offset(&self) -> u64 {
        self.shared.written.load(Ordering::Acquire)
    }

    /// The offset up to which bytes have been synced.
    pub fn durable_offset(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// Bytes appended that have not been written.
    pub fn queued_bytes(&self) -> u64 {
        self.appended - self.written_offset()
    }

    /// How the disk is.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Size of the log's files in bytes, as far as written.
    pub fn total_bytes(&self) -> u64 {
        self.shared.total_bytes.load(Ordering::Relaxed)
    }

    /// Size of the log in bytes after the last rewrite, or of its base when it was loaded.
    pub fn base_bytes(&self) -> u64 {
        self.shared.base_bytes.load(Ordering::Relaxed)
    }

    /// Syncs that have succeeded.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }

    /// Lines for the server's log since the last call.
    pub fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut *self.shared.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes when to sync.
    pub fn set_policy(&self, policy: Policy) {
        self.shared.queue().policy = policy;
        self.shared.wake.notify_one();
    }

    /// Holds back the syncs of `EverySecond` (`no-appendfsync-on-rewrite`), or no longer.
    pub fn pause_syncs(&self, paused: bool) {
        self.shared.queue().sync_paused = paused;
        self.shared.wake.notify_one();
    }

    /// Has the thread sleep before each write (DEBUG AOF-FLUSH-SLEEP).
    pub fn set_delay(&self, delay: Duration) {
        self.shared.queue().delay = delay;
    }

    /// Asks for a sync of what was appended, whatever the policy.
    pub fn sync_now(&self) {
        self.shared.queue().sync_now = true;
        self.shared.wake.notify_one();
    }

    /// Tries again now what failed.
    pub fn retry_now(&self) {
        self.shared.queue().retry_now = true;
        self.shared.wake.notify_one();
    }

    /// Removes what earlier rewrites were told to keep. The place is filled when that was tried.
    pub fn remove_history(&self) -> Slot<()> {
        let reply = Slot::new();
        self.push(Item::Collect(reply.clone()));
        reply
    }

    /// What is appended from now on goes to a new increment; everything before is synced first. If that fails the log
    /// goes on in the file it is in.
    pub(super) fn switch(&self) -> Slot<io::Result<Switched>> {
        let reply = Slot::new();
        self.push(Item::Switch(reply.clone()));
        reply
    }

    /// Makes a synced snapshot of the moment of the last [`AofWriter::switch`] the base of the log.
    pub(super) fn install(&self, temp: PathBuf, format: BaseFormat, keep_history: bool) -> Slot<io::Result<Installed>> {
        let reply = Slot::new();
        self.push(Item::Install { temp, format, keep_history, reply: reply.clone() });
        reply
    }

    /// Blocks until `offset` is reached or the disk fails, and returns the status. For the few callers that must
    /// (a shutdown, a reload).
    pub fn wait(&self, offset: u64, until: Until) -> Status {
        let reached = match until {
            Until::Written => &self.shared.written,
            Until::Durable => &self.shared.durable,
        };
        let mut queue = self.shared.queue();
        queue.sync_now |= until == Until::Durable;
        self.shared.wake.notify_one();
        loop {
            let status = self.shared.status();
            let running = self.thread.as_ref().is_some_and(|thread| !thread.is_finished());
            if reached.load(Ordering::Acquire) >= offset || status != Status::Ok || !running {
                return status;
            }
            // Looks up from time to time, should the thread have died.
            let woken = self.shared.moved.wait_timeout(queue, Duration::from_millis(100));
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Stops the thread and waits for it. With `drain` everything queued is written and synced before, tried once; the
    /// status says whether that worked.
    pub fn close(mut self, drain: bool) -> Status {
        self.stop(if drain { Close::Drained } else { Close::Now });
        self.status()
    }

    fn stop(&mut self, close: Close) {
        self.shared.queue().close = close;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            self.shared.set_status(Status::WriteFailed(0));
        }
    }
}

impl Drop for AofWriter {
    fn drop(&mut self) {
        self.stop(Close::Now);
    }
}

/// What the thread does next.
enum Step {
    Write,
    Sync,
    Control(Item),
    Stop,
}

struct Thread {
    shared: Arc<Shared>,
    folder: AofFolder,
    /// None until the first switch of a log that was just turned on.
    log: Option<LogWriter>,
    /// The log has no base: its increment is the temporary one.
    waiting: bool,
    pending: VecDeque<Vec<u8>>,
    /// Offset behind what was written.
    written: u64,
    /// The last write or sync failed and has not been tried again.
    failed: bool,
    /// It failed while draining.
    given_up: bool,
    retry: Duration,
    last_sync: Duration,
}

/// How long a sync by [`Policy::EverySecond`] may wait.
const SYNC_SPAN: Duration = Duration::from_secs(1);

impl Thread {
    fn run(mut self) {
        loop {
            match self.next() {
                Step::Write => self.write(),
                Step::Sync => self.sync(),
                Step::Control(item) => self.control(item),
                Step::Stop => break,
            }
        }
        self.shared.announce();
    }

    fn is_synced(&self) -> bool {
        self.log.as_ref().is_none_or(LogWriter::is_synced)
    }

    /// Sleeps until there is something to do. A sync that is due goes before further writes, so that neither a stream
    /// of appends nor a full disk holds it up.
    fn next(&mut self) -> Step {
        let shared = self.shared.clone();
        let mut queue = shared.queue();
        // Whether the time to sleep was up.
        let mut rested = false;
        loop {
            let draining = queue.close == Close::Drained;
            if queue.close == Close::Now || (draining && self.given_up) {
                return Step::Stop;
            }
            let retry_now = std::mem::take(&mut queue.retry_now);
            let span = if self.failed && !rested && !retry_now && !draining {
                Some(self.retry)
            } else {
                self.failed = false;
                let due = self.sync_due(&queue);
                if due == Some(Duration::ZERO) || (due.is_some() && rested) {
                    queue.sync_now = false;
                    return Step::Sync;
                }
                while let Some(Item::Bytes(bytes)) = queue.items.pop_front_if(|item| matches!(item, Item::Bytes(_))) {
                    self.pending.push_back(bytes);
                }
                if !self.pending.is_empty() {
                    return Step::Write;
                }
                if let Some(item) = queue.items.pop_front() {
                    return Step::Control(item);
                }
                if draining {
                    return if self.is_synced() { Step::Stop } else { Step::Sync };
                }
                queue.sync_now = false;
                due
            };
            // While something is failing, new bytes are no reason to try again.
            queue.sleeping = !self.failed;
            (queue, rested) = match span {
                None => (shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner), false),
                Some(span) => {
                    let woken = shared.wake.wait_timeout(queue, span).unwrap_or_else(PoisonError::into_inner);
                    (woken.0, woken.1.timed_out())
                }
            };
            queue.sleeping = false;
        }
    }

    /// How long until a sync is due; none when there is nothing to sync or it is not wanted.
    fn sync_due(&self, queue: &Queue) -> Option<Duration> {
        if self.is_synced() {
            return None;
        }
        let again = matches!(self.shared.status(), Status::SyncFailed(_));
        match queue.policy {
            // Bytes that are still queued are to be covered as well.
            _ if queue.sync_now && self.pending.is_empty() && queue.items.is_empty() => Some(Duration::ZERO),
            Policy::Always => Some(Duration::ZERO),
            Policy::EverySecond if again => Some(Duration::ZERO),
            Policy::EverySecond if !queue.sync_paused => {
                Some(SYNC_SPAN.saturating_sub(self.folder.disk().uptime().saturating_sub(self.last_sync)))
            }
            Policy::EverySecond | Policy::Never => None,
        }
    }

    fn write(&mut self) {
        let queue = self.shared.queue();
        let (policy, delay) = (queue.policy, queue.delay);
        drop(queue);
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        let Some(log) = &mut self.log else {
            self.written += self.pending.drain(..).map(|bytes| bytes.len() as u64).sum::<u64>();
            self.publish_written();
            self.shared.durable.store(self.written, Ordering::Release);
            self.shared.announce();
            return;
        };
        let outcome = log.write(&mut self.pending, policy == Policy::Always);
        self.written += outcome.bytes;
        self.shared.total_bytes.fetch_add(outcome.bytes, Ordering::Relaxed);
        self.publish_written();
        match outcome.error {
            None => {
                if matches!(self.shared.status(), Status::WriteFailed(_)) {
                    self.recovered("AOF write error looks solved, Redis can write again.");
                }
                if policy != Policy::Always {
                    // Only those who wait in `wait` want to know.
                    drop(self.shared.queue());
                    self.shared.moved.notify_all();
                }
            }
            Some(error) => {
                let text = match outcome.short {
                    Some((done, wanted)) => format!(
                        "Short write while writing to the AOF file: (nwritten={done}, expected={wanted}): {}",
                        disk::reason(&error)
                    ),
                    None => format!("Error writing to the AOF file: {}", disk::reason(&error)),
                };
                self.fail(Status::WriteFailed(error.raw_os_error().unwrap_or(0)), text);
            }
        }
    }

    fn publish_written(&self) {
        self.shared.written.store(self.written, Ordering::Release);
    }

    fn sync(&mut self) {
        // Taken before: what is written during a sync is not covered by it.
        self.last_sync = self.folder.disk().uptime();
        let Some(log) = &mut self.log else { return };
        match log.sync() {
            Ok(()) => {
                self.shared.syncs.fetch_add(1, Ordering::Relaxed);
                self.shared.durable.store(self.written, Ordering::Release);
                if matches!(self.shared.status(), Status::SyncFailed(_)) {
                    self.recovered("AOF fsync error looks solved, the log is durable again.");
                } else {
                    self.shared.announce();
                }
            }
            Err(error) => {
                let text = format!("Fail to fsync the AOF file: {}", disk::reason(&error));
                self.fail(Status::SyncFailed(error.raw_os_error().unwrap_or(0)), text);
            }
        }
    }

    fn note(&self, note: Note) {
        self.shared.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    fn fail(&mut self, status: Status, text: String) {
        self.failed = true;
        self.given_up = self.shared.queue().close == Close::Drained;
        // Told once, not at every attempt.
        if self.shared.status() != status {
            self.note(Note::warning(text));
            self.shared.set_status(status);
            self.shared.announce();
        }
    }

    fn recovered(&mut self, text: &str) {
        self.note(Note::warning(text));
        self.shared.set_status(Status::Ok);
        self.shared.announce();
    }

    fn control(&mut self, item: Item) {
        match item {
            Item::Bytes(bytes) => self.pending.push_back(bytes),
            Item::Switch(reply) => reply.put(self.switch()),
            Item::Collect(reply) => {
                let mut notes = Vec::new();
                self.collect(&mut notes);
                notes.into_iter().for_each(|note| self.note(note));
                reply.put(());
            }
            Item::Install { temp, format, keep_history, reply } => {
                reply.put(self.install(temp, format, keep_history));
            }
        }
        self.shared.announce();
    }

    fn switch(&mut self) -> io::Result<Switched> {
        if let Some(log) = &mut self.log
            && !self.waiting
        {
            log.sync()?;
            self.shared.durable.store(self.written, Ordering::Release);
        }
        let (file, name) =
            if self.waiting { self.folder.open_temp_increment()? } else { self.folder.add_increment()? };
        self.log = Some(LogWriter::new(file, 0));
        self.note(Note::notice(format!("Creating AOF incr file {name} on background rewrite")));
        Ok(Switched { name })
    }

    fn install(&mut self, temp: PathBuf, format: BaseFormat, keep_history: bool) -> io::Result<Installed> {
        let mut notes = Vec::new();
        let in_use = if self.waiting { InUse::Temp } else { InUse::Last };
        if let Some(log) = &mut self.log
            && self.waiting
        {
            // From here on the increment counts.
            log.sync()?;
            self.shared.durable.store(self.written, Ordering::Release);
        }
        let (name, len) = self.folder.install_base(&temp, format, in_use)?;
        self.waiting = false;
        let total = len + self.log.as_ref().map_or(0, LogWriter::len);
        self.shared.total_bytes.store(total, Ordering::Relaxed);
        self.shared.base_bytes.store(total, Ordering::Relaxed);
        if !keep_history {
            self.collect(&mut notes);
        }
        Ok(Installed { name, notes })
    }

    fn collect(&mut self, notes: &mut Vec<Note>) {
        if let Err(error) = self.folder.remove_history(notes) {
            // The files are named as history for the next attempt.
            notes.push(Note::warning(format!("Can't update the AOF manifest file: {}", disk::reason(&error))));
        }
    }
}

#[cfg(test)]
mod tests;
