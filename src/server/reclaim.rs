//! The reclaim thread: frees whatever takes long to free, so that dropping ten million keys costs the loop a message.

use crate::keyspace::{Garbage, Unfreed};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};

/// The loop's end of the queue.
pub struct Reclaim {
    queue: Sender<(Garbage, usize)>,
    pending: Arc<Unfreed>,
}

impl Reclaim {
    /// Starts the thread; `pending` counts what it has not freed yet.
    pub fn start(pending: Arc<Unfreed>) -> Reclaim {
        let (queue, incoming) = channel::<(Garbage, usize)>();
        let counter = pending.clone();
        let worker = move || {
            crate::structs::process::step_aside();
            for (garbage, bytes) in incoming {
                let values = garbage.len() as u64;
                drop(garbage);
                counter.values.fetch_sub(values, Ordering::Relaxed);
                counter.bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("reclaim".into()).spawn(worker) {
            // Without the thread the queue has no reader and what is handed over is freed in place.
            tracing::warn!("no reclaim thread, big values are freed by the loop: {error}");
        }
        Reclaim { queue, pending }
    }

    /// Hands over what is to be freed. `measured`: eviction wants to know how many bytes are on their way.
    pub fn hand_over(&self, garbage: Vec<Garbage>, measured: bool) {
        for garbage in garbage {
            let values = garbage.len() as u64;
            let bytes = if measured { garbage.approximate_bytes() } else { 0 };
            self.pending.values.fetch_add(values, Ordering::Relaxed);
            self.pending.bytes.fetch_add(bytes, Ordering::Relaxed);
            if self.queue.send((garbage, bytes)).is_err() {
                self.pending.values.fetch_sub(values, Ordering::Relaxed);
                self.pending.bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
    }
}
