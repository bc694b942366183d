//! What the integration tests stand on: a running server, a raw RESP connection, waiting for conditions.
//!
//! Promises: a server is killed and its directory removed when its handle is dropped; nothing sleeps for a guessed time,
//! every wait is for a condition and ends in a panic after `PATIENCE`.

mod conn;
mod server;

pub use conn::{Conn, Reply, request};
pub use server::{Server, free_port, is_reference, run_to_end};

use std::time::{Duration, Instant};

/// How long a condition may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls until `condition` holds; each poll is expected to be a round trip to the server.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::yield_now();
    }
}
