//! Latency events: spikes by name above `latency-monitor-threshold`, a ring of 160 samples each.

use std::collections::BTreeMap;

const SAMPLES: usize = 160;

/// One event's samples.
#[derive(Debug, Clone, Default)]
pub struct Series {
    samples: Vec<(u32, u32)>,
    at: usize,
    /// Highest latency ever, in milliseconds.
    pub max_ms: u32,
}

impl Series {
    /// Samples from the oldest to the newest: unix seconds and milliseconds.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (newer, older) = self.samples.split_at(if self.samples.len() < SAMPLES { 0 } else { self.at });
        older.iter().chain(newer).copied()
    }

    /// The newest sample.
    pub fn latest(&self) -> Option<(u32, u32)> {
        self.iter().last()
    }

    fn add(&mut self, at_seconds: u32, took_ms: u32) {
        self.max_ms = self.max_ms.max(took_ms);
        let newest = if self.samples.len() < SAMPLES { self.samples.len() } else { self.at + SAMPLES };
        if let Some(last) = newest.checked_sub(1).and_then(|i| self.samples.get_mut(i % SAMPLES))
            && last.0 == at_seconds
        {
            last.1 = last.1.max(took_ms);
            return;
        }
        if self.samples.len() < SAMPLES {
            self.samples.push((at_seconds, took_ms));
        } else {
            self.samples[self.at] = (at_seconds, took_ms);
            self.at = (self.at + 1) % SAMPLES;
        }
    }
}

/// All events.
#[derive(Debug, Default)]
pub struct LatencyMonitor {
    /// `latency-monitor-threshold` in milliseconds; 0: off.
    pub threshold_ms: u64,
    events: BTreeMap<&'static str, Series>,
}

impl LatencyMonitor {
    /// Adds a sample when it reaches the threshold.
    #[inline]
    pub fn note(&mut self, event: &'static str, took_ms: u64, now_seconds: i64) {
        if self.threshold_ms != 0 && took_ms >= self.threshold_ms {
            self.events.entry(event).or_default().add(now_seconds as u32, took_ms.min(u32::MAX as u64) as u32);
        }
    }

    /// The series of an event.
    pub fn series(&self, event: &[u8]) -> Option<&Series> {
        self.events.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(event)).map(|(_, series)| series)
    }

    /// All events with their series.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &Series)> {
        self.events.iter().map(|(name, series)| (*name, series))
    }

    /// Forgets one event, or all; returns how many.
    pub fn reset(&mut self, event: Option<&[u8]>) -> usize {
        let before = self.events.len();
        self.events.retain(|name, _| event.is_some_and(|only| !name.as_bytes().eq_ignore_ascii_case(only)));
        before - self.events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_below_the_threshold_are_not_kept() {
        let mut monitor = LatencyMonitor { threshold_ms: 10, ..LatencyMonitor::default() };
        monitor.note("command", 9, 100);
        assert!(monitor.series(b"command").is_none());
        monitor.note("command", 10, 100);
        monitor.note("command", 30, 100);
        monitor.note("command", 20, 100);
        assert_eq!(monitor.series(b"command").unwrap().iter().collect::<Vec<_>>(), [(100, 30)]);
        assert_eq!(monitor.reset(None), 1);
    }

    #[test]
    fn the_ring_drops_the_oldest_sample() {
        let mut series = Series::default();
        for second in 0..200 {
            series.add(second, second);
        }
        let seen: Vec<_> = series.iter().collect();
        assert_eq!(seen.len(), 160);
        assert_eq!(seen[0], (40, 40));
        assert_eq!(series.latest(), Some((199, 199)));
    }
}
