//! What is measured about each command: calls, time, refusals and failures, and a histogram of its latencies.

use hdrhistogram::Histogram;

/// Figures of one command.
#[derive(Debug, Default)]
pub struct CommandStats {
    /// Times it ran.
    pub calls: u64,
    /// Nanoseconds it took in all.
    pub total_ns: u64,
    /// Times it was refused before it ran.
    pub rejected: u64,
    /// Times it answered an error.
    pub failed: u64,
    /// Its latencies in nanoseconds; made at the first call while tracking is on.
    pub latencies: Option<Box<Histogram<u32>>>,
}

/// The longest latency told apart, in nanoseconds.
const MAX_LATENCY_NS: u64 = 1_000_000_000;

impl CommandStats {
    /// Counts a run that took this long.
    #[inline]
    pub fn ran(&mut self, took_ns: u64, track: bool) {
        self.calls += 1;
        self.total_ns += took_ns;
        if track {
            self.record(took_ns);
        }
    }

    fn record(&mut self, took_ns: u64) {
        if self.latencies.is_none() {
            // The bounds are constants that hdrhistogram accepts, so making one cannot fail.
            self.latencies = Histogram::new_with_bounds(1, MAX_LATENCY_NS, 2).ok().map(Box::new);
        }
        if let Some(latencies) = &mut self.latencies {
            latencies.saturating_record(took_ns.clamp(1, MAX_LATENCY_NS));
        }
    }

    /// Microseconds it took in all.
    pub fn total_us(&self) -> u64 {
        self.total_ns / 1000
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = CommandStats::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_follow_what_was_recorded() {
        let mut stats = CommandStats::default();
        for us in 1..=1000u64 {
            stats.ran(us * 1000, true);
        }
        assert_eq!(stats.calls, 1000);
        let histogram = stats.latencies.as_ref().unwrap();
        let p50 = histogram.value_at_quantile(0.5) as f64 / 1000.0;
        assert!((495.0..=510.0).contains(&p50), "{p50}");
        stats.reset();
        assert!(stats.latencies.is_none());
    }
}
