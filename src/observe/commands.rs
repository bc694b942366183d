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
    /// Its latencies; made at the first call while tracking is on.
    pub latencies: Option<Box<Latencies>>,
}

/// The longest latency told apart, in nanoseconds.
const MAX_LATENCY_NS: u64 = 1_000_000_000;

/// Counts of latencies by the ranges that a [`Histogram`] of two digits tells apart. One is counted after every command,
/// so that is a shift and an addition; whoever asks gets the histogram made of them.
#[derive(Debug)]
pub struct Latencies([u32; Latencies::RANGES]);

impl Latencies {
    /// Bits of a latency that are told apart, counted from its highest.
    const BITS: u32 = 8;
    const LARGEST_SHIFT: u32 = u64::BITS - MAX_LATENCY_NS.leading_zeros() - Latencies::BITS;
    /// Below 2^8 every nanosecond has a range of its own; from there on each doubling has 2^7 of them.
    const RANGES: usize = (Latencies::LARGEST_SHIFT as usize + 2) << (Latencies::BITS - 1);

    /// Counts a latency; one that is above the longest counts as that.
    #[inline]
    fn count(&mut self, ns: u64) {
        let ns = ns.clamp(1, MAX_LATENCY_NS);
        let shift = (u64::BITS - Latencies::BITS).saturating_sub(ns.leading_zeros());
        let range = &mut self.0[((shift as usize) << (Latencies::BITS - 1)) + (ns >> shift) as usize];
        *range = range.saturating_add(1);
    }

    /// The histogram, in nanoseconds.
    pub fn histogram(&self) -> Histogram<u32> {
        let mut histogram = Histogram::new_with_bounds(1, MAX_LATENCY_NS, 2).expect("constants that are in bounds");
        let half = 1 << (Latencies::BITS - 1);
        for (range, &count) in self.0.iter().enumerate().filter(|(_, count)| **count > 0) {
            let shift = (range / half).saturating_sub(1);
            let ns = ((range - shift * half) as u64) << shift;
            histogram.saturating_record_n(ns, count);
        }
        histogram
    }
}

impl CommandStats {
    /// Counts a run that took this long.
    #[inline]
    pub fn ran(&mut self, took_ns: u64, track: bool) {
        self.calls += 1;
        self.total_ns += took_ns;
        if track {
            self.latencies.get_or_insert_with(|| Box::new(Latencies([0; Latencies::RANGES]))).count(took_ns);
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
        let histogram = stats.latencies.as_ref().unwrap().histogram();
        let p50 = histogram.value_at_quantile(0.5) as f64 / 1000.0;
        assert!((495.0..=510.0).contains(&p50), "{p50}");
        stats.reset();
        assert!(stats.latencies.is_none());
    }

    #[test]
    fn the_ranges_are_those_of_the_histogram() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut expected = Histogram::<u32>::new_with_bounds(1, MAX_LATENCY_NS, 2).unwrap();
        let mut latencies = Latencies([0; Latencies::RANGES]);
        let edges = (0..40).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        for ns in edges.chain((0..10_000).map(|_| rng.u64(..) >> rng.u32(20..64))).chain([u64::MAX]) {
            latencies.count(ns);
            expected.record(ns.clamp(1, MAX_LATENCY_NS)).unwrap();
        }
        assert_eq!(latencies.histogram(), expected);
    }
}
