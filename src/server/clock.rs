//! The rim's senses: clocks, CPU time and memory of the process, lent to the engine as plain functions.

use crate::engine::{CpuTime, Senses, Usage};
use crate::structs::{alloc, process};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The senses of the real process.
pub const SENSES: Senses = Senses {
    monotonic_ns,
    unix_us,
    usage,
    used_memory: alloc::used_bytes,
    purge_memory: alloc::purge,
    serve_others: super::busy::serve_others,
    receive: super::busy::receive,
    spawn: super::busy::spawn,
    sleep: std::thread::sleep,
    prepare: super::follow::prepare,
    rewrite_config: super::config_file::rewrite,
    read_file: super::config_file::read,
    replace_file: super::config_file::replace_with,
    random_bytes: |bytes| getrandom::fill(bytes).map_err(|error| error.to_string()),
};

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
    let cpu = |(system_s, user_s)| CpuTime { system_s, user_s };
    // Pages in all, resident ones, those of files among them.
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Vec<u64> = statm.split(' ').map(|field| field.trim().parse().unwrap_or(0)).collect();
    let number = |at: usize| pages.get(at).copied().unwrap_or(0) * process::page_bytes();
    let anonymous_bytes = number(1).saturating_sub(number(2));
    Usage {
        process: cpu(process::cpu_seconds()),
        event_loop: cpu(process::thread_cpu_seconds()),
        resident_bytes: number(1),
        anonymous_bytes,
        // What is committed may never have been touched; it takes memory only once it is.
        heap_bytes: anonymous_bytes.min(alloc::committed_bytes() as u64),
    }
}

/// Random words from the operating system.
pub fn entropy() -> [u64; 4] {
    use std::hash::{BuildHasher, RandomState};
    // Each RandomState is keyed from the system's randomness.
    std::array::from_fn(|at| RandomState::new().hash_one((at, unix_us(), std::process::id())))
}
