//! The 24 bits a record keeps about its use: under an LRU policy the second of the last access, under an LFU policy
//! the minute of the last decrement (16 bits) and a logarithmic counter of accesses (8 bits), as Redis does.

use super::UnixMs;

/// A new key's LFU counter, so that it survives long enough to be used.
pub const LFU_INITIAL: u8 = 5;
const CLOCK_MAX: u32 = (1 << 24) - 1;

/// How accesses are recorded.
#[derive(Debug, Clone)]
pub struct AccessClock {
    /// Record frequency (an LFU policy) rather than recency.
    pub lfu: bool,
    /// `lfu-log-factor`.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time` in minutes.
    pub lfu_decay_minutes: u32,
    seconds: u32,
    minutes: u16,
    rng: fastrand::Rng,
}

impl Default for AccessClock {
    fn default() -> AccessClock {
        AccessClock {
            lfu: false,
            lfu_log_factor: 10,
            lfu_decay_minutes: 1,
            seconds: 0,
            minutes: 0,
            rng: fastrand::Rng::with_seed(0x5ca1_ab1e),
        }
    }
}

impl AccessClock {
    /// Sets the time.
    #[inline]
    pub fn set_now(&mut self, now: UnixMs) {
        self.seconds = (now.0 / 1000) as u32 & CLOCK_MAX;
        self.minutes = (now.0 / 60_000) as u16;
    }

    /// The clock of a key that is created now.
    #[inline]
    pub fn fresh(&self) -> u32 {
        if self.lfu { (self.minutes as u32) << 8 | LFU_INITIAL as u32 } else { self.seconds }
    }

    /// The clock after an access now.
    #[inline]
    pub fn accessed(&mut self, clock: u32) -> u32 {
        if !self.lfu {
            return self.seconds;
        }
        let counter = self.frequency(clock);
        (self.minutes as u32) << 8 | self.raised(counter) as u32
    }

    fn raised(&mut self, counter: u8) -> u8 {
        if counter == u8::MAX {
            return counter;
        }
        let base = counter.saturating_sub(LFU_INITIAL) as f64;
        if self.rng.f64() < 1.0 / (base * self.lfu_log_factor as f64 + 1.0) { counter + 1 } else { counter }
    }

    /// The LFU counter with the decay due since it was last written.
    pub fn frequency(&self, clock: u32) -> u8 {
        let counter = (clock & 0xff) as u8;
        if self.lfu_decay_minutes == 0 {
            return counter;
        }
        let elapsed = self.minutes.wrapping_sub((clock >> 8) as u16) as u32;
        counter.saturating_sub((elapsed / self.lfu_decay_minutes).min(255) as u8)
    }

    /// Seconds since the last access.
    pub fn idle_seconds(&self, clock: u32) -> u32 {
        self.seconds.wrapping_sub(clock) & CLOCK_MAX
    }

    /// The clock of a key that was last used this many seconds ago.
    pub fn idle_since(&self, seconds: u64) -> u32 {
        self.seconds.wrapping_sub(seconds as u32 & CLOCK_MAX) & CLOCK_MAX
    }

    /// The clock of a key whose use was told in one way or the other, if that is the way the eviction policy looks at it.
    pub fn as_told(&self, idle_seconds: Option<u64>, frequency: Option<u8>) -> Option<u32> {
        match self.lfu {
            true => frequency.map(|counter| self.with_frequency(counter)),
            false => idle_seconds.map(|seconds| self.idle_since(seconds)),
        }
    }

    /// The clock of a key with this LFU counter.
    pub fn with_frequency(&self, counter: u8) -> u32 {
        (self.minutes as u32) << 8 | counter as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lfu_counter_decays_by_the_minute_and_saturates() {
        let mut clock = AccessClock { lfu: true, ..AccessClock::default() };
        clock.set_now(UnixMs(60_000 * 1000));
        let fresh = clock.fresh();
        assert_eq!(clock.frequency(fresh), LFU_INITIAL);
        clock.set_now(UnixMs(60_000 * 1003));
        assert_eq!(clock.frequency(fresh), LFU_INITIAL - 3);
        clock.set_now(UnixMs(60_000 * 1100));
        assert_eq!(clock.frequency(fresh), 0);
        let mut used = clock.fresh();
        for _ in 0..1_000_000 {
            used = clock.accessed(used);
        }
        assert!(clock.frequency(used) > 200);
    }

    #[test]
    fn idle_time_is_counted_across_the_wrap() {
        let mut clock = AccessClock::default();
        clock.set_now(UnixMs(CLOCK_MAX as i64 * 1000));
        let at = clock.fresh();
        clock.set_now(UnixMs((CLOCK_MAX as i64 + 11) * 1000));
        assert_eq!(clock.idle_seconds(at), 11);
        assert_eq!(clock.idle_seconds(clock.idle_since(77)), 77);
    }
}
