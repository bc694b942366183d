//! The reclaim thread: frees whatever takes long to free, so that dropping ten million keys costs the loop a message.

use crate::keyspace::Garbage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

/// The loop's end of the queue.
pub struct Reclaim {
    queue: Sender<Garbage>,
    pending: Arc<AtomicU64>,
}

impl Reclaim {
    /// Starts the thread; `pending` counts the values it has not freed yet.
    pub fn start(pending: Arc<AtomicU64>) -> Reclaim {
        let (queue, incoming) = channel::<Garbage>();
        let counter = pending.clone();
        let worker = move || {
            crate::structs::process::step_aside();
            for garbage in incoming {
                let values = garbage.len() as u64;
                drop(garbage);
                counter.fetch_sub(values, Ordering::Relaxed);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("reclaim".into()).spawn(worker) {
            // Without the thread the queue has no reader and what is handed over is freed in place.
            tracing::warn!("no reclaim thread, big values are freed by the loop: {error}");
        }
        Reclaim { queue, pending }
    }

    /// Hands over what is to be freed.
    pub fn hand_over(&self, garbage: Vec<Garbage>) {
        for garbage in garbage {
            let values = garbage.len() as u64;
            self.pending.fetch_add(values, Ordering::Relaxed);
            if self.queue.send(garbage).is_err() {
                self.pending.fetch_sub(values, Ordering::Relaxed);
            }
        }
    }
}
