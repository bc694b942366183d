//! The rim's senses: clocks, CPU time and memory of the process, lent to the engine as plain functions.

use crate::engine::{Senses, Usage};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The senses of the real process.
pub const SENSES: Senses = Senses { monotonic_ns, unix_us, usage, used_memory: crate::structs::alloc::used_bytes };

/// Nanoseconds since the process began to count.
pub fn monotonic_ns() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Microseconds since 1970.
pub fn unix_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

fn usage() -> Usage {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    const TICKS_A_SECOND: f64 = 100.0;
    const PAGE_BYTES: u64 = 4096;
    Usage {
        cpu_user_s: number(11) as f64 / TICKS_A_SECOND,
        cpu_system_s: number(12) as f64 / TICKS_A_SECOND,
        resident_bytes: number(21) * PAGE_BYTES,
    }
}

/// Random words from the operating system.
pub fn entropy() -> [u64; 4] {
    use std::hash::{BuildHasher, RandomState};
    // Each RandomState is keyed from the system's randomness.
    std::array::from_fn(|at| RandomState::new().hash_one((at, unix_us(), std::process::id())))
}
