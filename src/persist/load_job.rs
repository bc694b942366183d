//! Loading on a thread of its own, so that the loop can answer its clients meanwhile: what [`load`] gives is packed into
//! steps that own their bytes and travel through a short queue.
//!
//! Promises: the steps come in the order of the files; at most [`STEPS_AHEAD`] are ahead of the loop; dropping the job
//! ends the thread at its next step.

use super::load::{Hashed, LoadError, LoadItem, LoadOptions, Loaded, load};
use super::{Disk, Note, Notify};
use crate::resp::Span;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

/// Steps that are ahead of the loop, at most.
pub const STEPS_AHEAD: usize = 16;
/// Requests of a block, and their bytes, at most (one request may be longer).
const BLOCK_REQUESTS: usize = 512;
const BLOCK_BYTES: usize = 256 * 1024;

/// Requests of the log, one after the other, with bytes of their own.
#[derive(Debug, Default)]
pub struct RequestBlock {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// Where each request's spans end.
    ends: Vec<usize>,
    /// The file they are in.
    pub file: String,
}

impl RequestBlock {
    fn add<'a>(&mut self, args: impl Iterator<Item = &'a [u8]>) {
        for arg in args {
            self.spans.push(Span { start: self.bytes.len(), len: arg.len() });
            self.bytes.extend_from_slice(arg);
        }
        self.ends.push(self.spans.len());
    }

    fn is_full(&self) -> bool {
        self.ends.len() >= BLOCK_REQUESTS || self.bytes.len() >= BLOCK_BYTES
    }

    /// Number of requests.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The request at a place: the bytes and its spans.
    pub fn get(&self, at: usize) -> Option<(&[u8], &[Span])> {
        let from = if at == 0 { 0 } else { *self.ends.get(at - 1)? };
        Some((&self.bytes, &self.spans[from..*self.ends.get(at)?]))
    }

    /// The requests: the bytes and each one's spans.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[Span])> {
        self.ends.iter().scan(0, |from, &end| {
            let spans = &self.spans[*from..end];
            *from = end;
            Some((self.bytes.as_slice(), spans))
        })
    }
}

/// A piece of what is loaded.
pub enum Step {
    /// Keys of a snapshot.
    Records(Vec<Hashed>),
    /// How many keys a database of a snapshot says it has.
    Size {
        /// The database.
        db: u32,
        /// Its keys.
        keys: u64,
    },
    /// Requests of the log.
    Requests(RequestBlock),
    /// A file of the log begins: database 0 is selected.
    FileStart,
    /// A function library's code.
    Function(Vec<u8>),
    /// Something a snapshot says of itself.
    Aux {
        /// Its name.
        name: Vec<u8>,
        /// What it says.
        value: Vec<u8>,
    },
    /// A snapshot is at its end; so many keys were passed over because nothing was in them.
    SnapshotEnd {
        /// How many.
        empty: u64,
    },
    /// How far it has come, in bytes of all files.
    Progress {
        /// Bytes done.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A line for the server's log.
    Note(Note),
    /// It is over.
    End(Result<Loaded, LoadError>),
}

/// A load that is going on.
pub struct LoadJob {
    steps: Receiver<Step>,
}

impl LoadJob {
    /// Starts to load. `notify` is called when there is something to take. Errors: no thread can be had.
    pub fn start(disk: Arc<dyn Disk>, options: LoadOptions, notify: Notify) -> io::Result<LoadJob> {
        let (queue, steps) = sync_channel(STEPS_AHEAD);
        std::thread::Builder::new().name("load".into()).spawn(move || {
            let mut packer = Packer { queue, notify, block: RequestBlock::default() };
            let result = load(disk, &options, &mut |item| packer.pack(item));
            packer.flush();
            packer.send(Step::End(result));
        })?;
        Ok(LoadJob { steps })
    }

    /// The next step, if it is there. A thread that died without its end is an error in its place.
    pub fn take(&mut self) -> Option<Step> {
        match self.steps.try_recv() {
            Ok(step) => Some(step),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let lines = vec!["The loading thread died".to_owned()];
                Some(Step::End(Err(LoadError { file: None, offset: None, lines })))
            }
        }
    }
}

struct Packer {
    queue: SyncSender<Step>,
    notify: Notify,
    block: RequestBlock,
}

impl Packer {
    /// Packs one item; an error ends the load when the loop has dropped its end.
    fn pack(&mut self, item: LoadItem<'_>) -> Result<(), String> {
        if let LoadItem::Request(request) = item {
            if self.block.file != request.file {
                self.flush();
                self.block.file = request.file.to_owned();
            }
            self.block.add(request.args());
            return if self.block.is_full() { self.flush() } else { true }.then_some(()).ok_or_else(String::new);
        }
        let step = match item {
            LoadItem::Records(records) => Step::Records(records),
            LoadItem::Function(code) => Step::Function(code),
            LoadItem::FileStart(_) => Step::FileStart,
            LoadItem::Progress { bytes, total } => Step::Progress { bytes, total },
            LoadItem::Note(note) => Step::Note(note),
            LoadItem::Aux { name, value } => Step::Aux { name, value },
            LoadItem::SnapshotEnd { empty, .. } => Step::SnapshotEnd { empty },
            LoadItem::Size { db, keys, .. } => Step::Size { db, keys },
            LoadItem::Request(_) => return Ok(()),
        };
        (self.flush() && self.send(step)).then_some(()).ok_or_else(String::new)
    }

    fn flush(&mut self) -> bool {
        if self.block.ends.is_empty() {
            return true;
        }
        let next = RequestBlock { file: self.block.file.clone(), ..RequestBlock::default() };
        let full = std::mem::replace(&mut self.block, next);
        self.send(Step::Requests(full))
    }

    fn send(&mut self, step: Step) -> bool {
        let sent = self.queue.send(step).is_ok();
        (self.notify)();
        sent
    }
}
