//! What the log holds of a crash: the signal or the panic, and the stack. The report is written by the code that
//! crashed, so it asks for as little as it can.

use super::{log, start};
use crate::config::{Config, Key};
use crate::structs::process;
use std::backtrace::Backtrace;
use std::sync::atomic::{AtomicBool, Ordering};

/// `crash-log-enabled`.
static ENABLED: AtomicBool = AtomicBool::new(true);

/// Reports panics from now on, and signals that tell of a fault unless `crash-log-enabled` is off.
pub fn watch(config: &Config) {
    follow(config);
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        report(&format!("panicked in thread '{}': {panic}", thread.name().unwrap_or("unnamed")));
    }));
    process::on_crash(|signal| {
        if ENABLED.load(Ordering::Relaxed) {
            report(&format!("crashed by signal: {signal}"));
        }
    });
}

/// Follows `crash-log-enabled`.
pub fn follow(config: &Config) {
    ENABLED.store(config.boolean(Key::CrashLogEnabled), Ordering::Relaxed);
}

fn report(what: &str) {
    log::line('#', "");
    log::line('#', "");
    log::line('#', "=== REDIS BUG REPORT START: Cut & paste starting from here ===");
    log::line('#', &format!("Larder {} {}", start::VERSION, what.replace('\n', " ")));
    log::line('#', "------ STACK TRACE ------");
    for line in Backtrace::force_capture().to_string().lines() {
        log::line('#', line);
    }
    log::line('#', "=== REDIS BUG REPORT END. Make sure to include from START to END. ===");
}
