//! The rim's senses: clocks, CPU time and memory of the process, lent to the engine as plain functions.

use crate::engine::{CpuTime, Senses, Usage};
use crate::structs::{alloc, cycles, process};
use std::cell::Cell;
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
    migrate: super::migrate::send_now,
    sleep: std::thread::sleep,
    prepare: super::follow::prepare,
    rewrite_config: super::config_file::rewrite,
    read_file: super::config_file::read,
    replace_file: super::config_file::replace_with,
    random_bytes: |bytes| getrandom::fill(bytes).map_err(|error| error.to_string()),
};

/// Nanoseconds since the process began to count.
///
/// Read after every command, so it asks the kernel only now and then, and the processor's counter in between where the
/// kernel trusts that too.
pub fn monotonic_ns() -> u64 {
    thread_local! {
        static TICKER: Ticker = const { Ticker::new() };
    }
    TICKER.with(Ticker::now_ns)
}

fn kernel_ns() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// The kernel's clock and the counter at one moment: of some looks the closest, since a thread may lose the processor
/// between the two.
fn both() -> (u64, u64) {
    let look = |_| {
        let before = cycles::now();
        let ns = kernel_ns();
        let gap = cycles::now().wrapping_sub(before);
        (gap, ns, before.wrapping_add(gap / 2))
    };
    let (_, ns, ticks) = (0..3).map(look).min().unwrap_or_default();
    (ns, ticks)
}

/// Whether the kernel itself takes the time from the processor's counter, which then is even and the same on all cores.
fn counter_is_trusted() -> bool {
    const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    static TRUSTED: OnceLock<bool> = OnceLock::new();
    *TRUSTED.get_or_init(|| {
        cycles::AVAILABLE && std::fs::read_to_string(SOURCE).is_ok_and(|source| source.trim_end() == "tsc")
    })
}

/// The kernel's clock, and the counter's since that was last asked. Never goes back.
struct Ticker {
    /// The first look at both, from which the counter's rate is taken: kernel's nanoseconds, counter.
    first: Cell<Option<(u64, u64)>>,
    /// The last look at both.
    anchor: Cell<(u64, u64)>,
    /// For how many ticks from the last look on the counter stands in; 0 while its rate is not known well enough.
    good_for: Cell<u64>,
    /// Nanoseconds a tick, in units of 2^-32.
    rate: Cell<u64>,
}

impl Ticker {
    /// How long the counter stands in for the kernel's clock.
    const SPAN_NS: u64 = 1_000_000;
    /// How long the two are compared before that.
    const LEAST_COMPARED_NS: u64 = 10_000_000;

    const fn new() -> Ticker {
        Ticker { first: Cell::new(None), anchor: Cell::new((0, 0)), good_for: Cell::new(0), rate: Cell::new(0) }
    }

    #[inline]
    fn now_ns(&self) -> u64 {
        let (anchor_ns, anchor_ticks) = self.anchor.get();
        let since = cycles::now().wrapping_sub(anchor_ticks);
        if since < self.good_for.get() {
            // No overflow: less than `SPAN_NS` comes out, times 2^32.
            return anchor_ns + ((since * self.rate.get()) >> 32);
        }
        self.look()
    }

    /// Asks the kernel, and works the counter's rate out anew.
    #[cold]
    fn look(&self) -> u64 {
        let (ns, ticks) = both();
        let (anchor_ns, anchor_ticks) = self.anchor.get();
        // The rate may have been a little too high.
        let since = ticks.wrapping_sub(anchor_ticks).min(self.good_for.get());
        let last = anchor_ns + ((since * self.rate.get()) >> 32);
        let now = ns.max(last);
        if !counter_is_trusted() {
            return now;
        }
        match self.first.get() {
            None => self.first.set(Some((ns, ticks))),
            Some((first_ns, first_ticks)) => {
                let (passed, counted) = (ns - first_ns, ticks.wrapping_sub(first_ticks));
                if passed >= Self::LEAST_COMPARED_NS && counted > 0 {
                    let rate = (u128::from(passed) << 32) / u128::from(counted);
                    let good_for = (u128::from(Self::SPAN_NS) << 32) / rate.max(1);
                    self.rate.set(u64::try_from(rate).unwrap_or(0));
                    self.good_for.set(u64::try_from(good_for).unwrap_or(0));
                }
            }
        }
        self.anchor.set((now, ticks));
        now
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back_and_keeps_to_the_kernels() {
        let ticker = Ticker::new();
        let (mut last, mut by_counter) = (0, 0);
        let until = kernel_ns() + 60_000_000;
        loop {
            let before = kernel_ns();
            let now = ticker.now_ns();
            let after = kernel_ns();
            assert!(now >= last, "{now} after {last}");
            // A hundredth of the span that the counter stands in for.
            assert!(now + 10_000 >= before && now <= after + 10_000, "{now} is not in {before}..{after}");
            last = now;
            by_counter += u64::from(ticker.good_for.get() > 0);
            if after > until {
                break;
            }
        }
        assert_eq!(by_counter > 0, counter_is_trusted());
    }
}
