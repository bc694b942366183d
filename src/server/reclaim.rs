//! The reclaim thread: frees whatever takes long to free, so that dropping ten million keys costs the loop a message.

use crate::keyspace::{Garbage, Unfreed};
use crate::structs::alloc;
use crate::structs::process::{breathe, step_aside};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long nothing has to come before free memory is given back to the system, and how long it is kept at most while
/// something comes.
const QUIET: Duration = Duration::from_millis(100);
const LONGEST_KEPT: Duration = Duration::from_secs(1);

/// Something for the thread to do.
enum Job {
    /// Free this, of so many bytes.
    Free(Garbage, usize),
    /// Give back what is free.
    Trim,
}

/// The loop's end of the queue.
pub struct Reclaim {
    queue: Sender<Job>,
    pending: Arc<Unfreed>,
}

impl Reclaim {
    /// Starts the thread; `pending` counts what it has not freed yet.
    pub fn start(pending: Arc<Unfreed>) -> Reclaim {
        let (queue, incoming) = channel();
        let counter = pending.clone();
        if let Err(error) = std::thread::Builder::new().name("reclaim".into()).spawn(move || work(&incoming, &counter))
        {
            // Without the thread the queue has no reader and what is handed over is freed in place.
            tracing::warn!("no reclaim thread, big values are freed by the loop: {error}");
        }
        Reclaim { queue, pending }
    }

    /// Has memory that is free inside the allocator given back to the system.
    pub fn trim(&self) {
        // Without the thread it stays with the allocator, which uses it again.
        let _ = self.queue.send(Job::Trim);
    }

    /// Hands over what is to be freed. `measured`: eviction wants to know how many bytes are on their way.
    pub fn hand_over(&self, garbage: Vec<Garbage>, measured: bool) {
        for garbage in garbage {
            let values = garbage.len() as u64;
            let bytes = if measured { garbage.approximate_bytes() } else { 0 };
            self.pending.values.fetch_add(values, Ordering::Relaxed);
            self.pending.bytes.fetch_add(bytes, Ordering::Relaxed);
            if self.queue.send(Job::Free(garbage, bytes)).is_err() {
                self.pending.values.fetch_sub(values, Ordering::Relaxed);
                self.pending.bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
    }
}

/// What was freed is not given back at once: the allocator keeps it until it is used again, if need be for ever.
fn work(incoming: &Receiver<Job>, counter: &Unfreed) {
    step_aside();
    let mut kept_since: Option<Instant> = None;
    loop {
        let job = match kept_since {
            None => incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(_) => incoming.recv_timeout(QUIET),
        };
        let quiet = match job {
            Ok(Job::Free(garbage, bytes)) => {
                let values = garbage.len() as u64;
                drop(garbage);
                counter.values.fetch_sub(values, Ordering::Relaxed);
                counter.bytes.fetch_sub(bytes, Ordering::Relaxed);
                kept_since.get_or_insert_with(Instant::now);
                breathe();
                false
            }
            Ok(Job::Trim) => {
                kept_since.get_or_insert_with(Instant::now);
                false
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if quiet || kept_since.is_some_and(|since| since.elapsed() >= LONGEST_KEPT) {
            alloc::purge();
            kept_since = None;
        }
    }
}
