//! A snapshot on its way to a replica: serialised on a thread of its own into a queue that the loop empties as fast as the
//! replica reads. No file is made of it.
//!
//! Promises: memory is that of a few blocks; nodes of the keyspace are given back as they are passed; whoever drops a
//! [`Transfer`] ends it.
//!
//! Left out: what is said around the bytes, and who they are for.

use super::Notify;
use super::save::{Progress, Snapshot, SnapshotOptions, write_rdb};
use crate::rdb::{SaveOptions, Sink};
use crate::structs::process::step_aside;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

/// Bytes of a block, and blocks that may wait.
const BLOCK_BYTES: usize = 256 * 1024;
const BLOCKS_AHEAD: usize = 4;

/// What comes out of a transfer, in this order.
#[derive(Debug)]
pub enum Piece {
    /// How many bytes there will be; only where that was asked for.
    Length(u64),
    /// Some of them.
    Block(Vec<u8>),
    /// There are no more.
    End,
    /// The thread has ended before the end.
    Broken,
}

/// A snapshot that is being serialised.
pub struct Transfer {
    pieces: Receiver<Piece>,
    progress: Arc<Progress>,
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.progress.cancel();
    }
}

impl Transfer {
    /// Begins. With `counted` the length comes first, for which everything is serialised twice: it is not known before.
    /// `notify` is called whenever there is something to take. Errors: no thread can be had.
    pub fn start(snapshot: Snapshot, options: SnapshotOptions, counted: bool, notify: Notify) -> io::Result<Transfer> {
        let (queue, pieces) = sync_channel(BLOCKS_AHEAD);
        let options =
            SnapshotOptions { rdb: SaveOptions { block_bytes: BLOCK_BYTES, ..options.rdb.clone() }, ..options };
        let progress = Arc::new(Progress::default());
        let shared = progress.clone();
        std::thread::Builder::new().name("transfer".into()).spawn(move || {
            step_aside();
            crate::structs::held::walk();
            let sink = QueueSink { queue, notify: notify.clone() };
            // An error says that nobody listens any more.
            let _ = write(sink, snapshot, &options, counted, &shared);
            notify();
        })?;
        Ok(Transfer { pieces, progress })
    }

    /// The next piece, if it is there.
    pub fn take(&self) -> Option<Piece> {
        match self.pieces.try_recv() {
            Ok(piece) => Some(piece),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Piece::Broken),
        }
    }
}

fn write(
    sink: QueueSink,
    snapshot: Snapshot,
    options: &SnapshotOptions,
    counted: bool,
    progress: &Progress,
) -> io::Result<()> {
    let mut options = options.clone();
    if counted {
        let Counter(length) = write_rdb(Counter(0), snapshot.clone(), false, &options, progress)?;
        sink.put(Piece::Length(length))?;
        // It has rested after each key.
        options.key_delay_us = 0;
    }
    let sink = write_rdb(sink, snapshot, false, &options, progress)?;
    sink.put(Piece::End)
}

/// Counts bytes.
struct Counter(u64);

impl Sink for Counter {
    fn write_block(&mut self, block: Vec<u8>) -> io::Result<Vec<u8>> {
        self.0 += block.len() as u64;
        Ok(block)
    }
}

/// Hands blocks to the loop.
struct QueueSink {
    queue: SyncSender<Piece>,
    notify: Notify,
}

impl QueueSink {
    fn put(&self, piece: Piece) -> io::Result<()> {
        self.queue.send(piece).map_err(|_| io::ErrorKind::BrokenPipe)?;
        (self.notify)();
        Ok(())
    }
}

impl Sink for QueueSink {
    fn write_block(&mut self, block: Vec<u8>) -> io::Result<Vec<u8>> {
        self.put(Piece::Block(block))?;
        Ok(Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::save::tests::strings;
    use crate::rdb::{BytesSource, Item, LoadOptions, Reader};
    use std::sync::mpsc;

    fn snapshot(keys: usize) -> Snapshot {
        let pairs = (0..keys).map(|key| (format!("key:{key}"), format!("{key:032}")));
        Snapshot { dbs: vec![strings(pairs)], ..Snapshot::default() }
    }

    fn start(keys: usize, counted: bool) -> (Transfer, mpsc::Receiver<()>) {
        let (told, tells) = mpsc::channel();
        let notify: Notify = Arc::new(move || told.send(()).unwrap_or_default());
        (Transfer::start(snapshot(keys), SnapshotOptions::default(), counted, notify).unwrap(), tells)
    }

    /// All bytes, and the length that came before them.
    fn receive(transfer: &Transfer, tells: &mpsc::Receiver<()>) -> (Vec<u8>, Option<u64>) {
        let (mut bytes, mut length) = (Vec::new(), None);
        loop {
            match transfer.take() {
                Some(Piece::Length(told)) => {
                    assert!(bytes.is_empty());
                    length = Some(told);
                }
                Some(Piece::Block(block)) => bytes.extend(block),
                Some(Piece::End) => return (bytes, length),
                Some(Piece::Broken) => panic!("it goes on to its end"),
                None => tells.recv().unwrap(),
            }
        }
    }

    #[test]
    fn what_comes_out_is_a_snapshot_of_the_length_that_was_told() {
        for counted in [false, true] {
            let (transfer, tells) = start(50_000, counted);
            let (bytes, length) = receive(&transfer, &tells);
            assert_eq!(length, counted.then_some(bytes.len() as u64));
            let mut reader = Reader::new(BytesSource::new(&bytes), LoadOptions::default());
            let mut keys = 0;
            loop {
                match reader.next().unwrap() {
                    Item::Record(_) => keys += 1,
                    Item::End { .. } => break,
                    _ => {}
                }
            }
            assert_eq!(keys, 50_000);
        }
    }

    #[test]
    fn a_transfer_that_nobody_takes_ends() {
        for counted in [false, true] {
            let (transfer, tells) = start(200_000, counted);
            drop(transfer);
            // The thread lets go of its end of the channel when it ends.
            while tells.recv().is_ok() {}
        }
    }
}
