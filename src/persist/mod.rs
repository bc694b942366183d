//! Files: the snapshot, the append-only log with its manifest, and the threads that write and read them.
//!
//! - `disk.rs`: [`Disk`], the only way to a file; locks, atomic replacement.
//! - `manifest.rs`, `folder.rs`: which files make up the log, and the steps that change it.
//! - `aof.rs`: the log's format: requests, annotations, groups.
//! - `save.rs`, `commands.rs`: a snapshot as a file, in either format, on a thread of its own.
//! - `worker.rs`, `log_file.rs`: the writer thread: appends, syncs, healing.
//! - `transfer.rs`, `arrival.rs`: a snapshot on its way to a replica, and from a primary.
//! - `rewrite.rs`: a rewrite of the log as steps that never wait.
//! - `load.rs`: from files to records and requests, through a pipeline of threads.
//!
//! Promises: the loop never waits for a disk; a file is replaced by write, sync, rename, sync of the folder; wherever
//! the plug is pulled, what loads is what was acknowledged. Nothing but snapshots (immutable), byte buffers and numbers
//! crosses threads.
//!
//! Left out: when to save, what a request does, replies and log output; the engine asks and tells. Text for the log
//! comes back as [`Note`]s.

pub mod aof;
pub mod arrival;
mod commands;
pub mod disk;
pub mod folder;
pub mod load;
pub mod load_job;
mod log_file;
pub mod manifest;
#[cfg(test)]
mod reference;
pub mod rewrite;
pub mod save;
#[cfg(test)]
pub(crate) mod testing;
pub mod transfer;
pub mod worker;

pub use disk::{Disk, RealDisk};
pub use folder::{AofFolder, AofNames};
pub use load::{LoadError, LoadItem, LoadOptions, Loaded, Origin, Request, load};
pub use load_job::{LoadJob, Step};
pub use manifest::{BaseFormat, Manifest};
pub use rewrite::{Outcome, Rewrite, RewriteLimit, RewriteOptions, start_log};
pub use save::{Progress, SaveJob, Saved, Snapshot, SnapshotOptions, key_rest, save_snapshot};
pub use worker::{AofWriter, Begin, Policy, Status, Until, WriterOptions};

use std::sync::{Arc, Mutex, PoisonError};

/// How loud a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For those who look closely.
    Verbose,
    /// What an operator wants to see.
    Notice,
    /// What an operator must see.
    Warning,
}

/// A line for the server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// How loud.
    pub level: Level,
    /// One line.
    pub text: String,
}

impl Note {
    /// What an operator wants to see.
    pub fn notice(text: impl Into<String>) -> Note {
        Note { level: Level::Notice, text: text.into() }
    }

    /// What an operator must see.
    pub fn warning(text: impl Into<String>) -> Note {
        Note { level: Level::Warning, text: text.into() }
    }
}

/// Called from other threads when there is something to be polled. It must not block.
pub type Notify = Arc<dyn Fn() + Send + Sync>;

/// The place where a thread leaves its result for the loop.
pub struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Slot<T> {
        Slot(self.0.clone())
    }
}

impl<T> Slot<T> {
    /// An empty place.
    pub(crate) fn new() -> Slot<T> {
        Slot(Arc::new(Mutex::new(None)))
    }

    /// Leaves a result.
    pub(crate) fn put(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    /// Takes the result, once it is there.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
