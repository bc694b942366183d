//! What falls due by time: waits that end, the end of CLIENT PAUSE, expiry slices, and ten times a second the
//! bookkeeping of clients and figures. Every slice is bounded, so no turn is long.

use super::{Ask, ClientIndex, Engine};
use crate::base::ids::UnixMs;
use crate::client::ClientFlags;
use std::time::Duration;

/// Where the periodic work stands.
#[derive(Debug, Default)]
pub(crate) struct CronState {
    pub(super) next_tick: UnixMs,
    next_expiry: UnixMs,
    next_client: ClientIndex,
    next_sample: UnixMs,
    pub(super) next_client_eviction: UnixMs,
    pub(super) eviction_wanted: bool,
    /// The second of the last tick.
    second: i64,
    /// The most memory in use since it was last given back, and what was in use lately, in bytes.
    most_used: usize,
    last_used: usize,
}

impl CronState {
    /// The system's clock may be set back: nothing periodic is then due as late as it was planned.
    fn follow_clock(&mut self, now: UnixMs) {
        const LONGEST_PERIOD_MS: i64 = 1000;
        let latest = UnixMs(now.0 + LONGEST_PERIOD_MS);
        for at in [&mut self.next_tick, &mut self.next_expiry, &mut self.next_sample, &mut self.next_client_eviction] {
            *at = (*at).min(latest);
        }
    }
}

/// Most keys one expiry slice removes, and the time it may take.
const EXPIRY_BATCH: usize = 256;
const EXPIRY_SLICE_NS: u64 = 1_000_000;
/// So much less memory has to be in use than before, and a sixteenth less, for what is free to be given back.
const TRIM_BYTES: usize = 1024 * 1024;
/// Pause between two slices while more keys are due.
const EXPIRY_PAUSE_MS: i64 = 2;

impl Engine {
    /// How long the rim may sleep from now to this moment.
    pub fn time_until(&self, at: UnixMs) -> Duration {
        Duration::from_millis((at.0 - (self.senses.unix_us)() / 1000).max(0) as u64)
    }

    /// The moment to wake at if nothing is read before.
    pub fn next_due(&self) -> UnixMs {
        let mut at = self.cron.next_tick;
        if let Some(timeout) = self.blocking.next_timeout() {
            at = at.min(UnixMs(timeout.0 + 1));
        }
        if self.pause.until.0 != 0 {
            at = at.min(self.pause.until);
        }
        if !self.durability.slowed.is_empty() {
            at = at.min(self.durability.slowed_until);
        }
        if !self.debug.no_active_expire && !self.pause.is_on() {
            at = at.min(self.cron.next_expiry.max(self.now));
        }
        at
    }

    /// Does what is due now.
    pub fn due(&mut self) {
        let now = self.now;
        self.cron.follow_clock(now);
        if self.blocking.next_timeout().is_some_and(|at| at < now) {
            for index in self.blocking.timed_out(UnixMs(now.0 - 1)) {
                let blocked = self.clients.get(index).and_then(|client| client.blocked.as_deref());
                let is_over = blocked.is_none_or(|blocked| blocked.until.is_some_and(|until| until < now));
                if is_over {
                    self.end_wait(index, None);
                } else {
                    self.look_again(index);
                }
            }
        }
        if self.pause.until.0 != 0 && now >= self.pause.until {
            self.end_pause();
        }
        if !self.durability.slowed.is_empty() && now >= self.durability.slowed_until {
            self.let_slowed_writers_go_on();
        }
        if now >= self.cron.next_expiry && !self.debug.no_active_expire && !self.pause.is_on() {
            self.expiry_slice();
        }
        if now >= self.cron.next_tick && !self.debug.pause_cron {
            if std::mem::take(&mut self.cron.eviction_wanted) {
                self.evict_to_limit();
            }
            self.tick();
        }
        self.save_if_due();
        self.rewrite_if_due();
        if self.tracking.is_active() {
            self.bound_tracking_table();
            self.broadcast_invalidations();
        }
    }

    /// Removes due keys for at most a millisecond.
    fn expiry_slice(&mut self) {
        let began = (self.senses.monotonic_ns)();
        let period = 1000 / self.options.hz as i64;
        let mut more = self.keyspace.next_deadline().is_some_and(|at| (at as i64) < self.now.0);
        while more {
            more = self.keyspace.expire_slice(EXPIRY_BATCH);
            self.settle_internal();
            self.propagate_removals_alone();
            if (self.senses.monotonic_ns)() - began >= EXPIRY_SLICE_NS {
                self.stats.expiry_time_cap_reached += more as u64;
                break;
            }
        }
        if !self.following.own_timed.is_empty() {
            self.expire_own_keys();
        }
        let took_ns = (self.senses.monotonic_ns)() - began;
        self.stats.expiry_ns += took_ns;
        self.latency.note("expire-cycle", took_ns / 1_000_000, self.now.0 / 1000);
        self.cron.next_expiry = UnixMs(self.now.0 + if more { EXPIRY_PAUSE_MS } else { period });
    }

    fn tick(&mut self) {
        let now = self.now;
        self.cron.next_tick = UnixMs(now.0 + 1000 / self.options.hz as i64);
        if now >= self.cron.next_sample {
            self.cron.next_sample = UnixMs(now.0 + 100);
            let totals = [self.stats.commands, self.stats.net_in, self.stats.net_out];
            self.stats.rates.sample(now.0, totals);
        }
        let used = (self.senses.used_memory)();
        self.stats.peak_memory = self.stats.peak_memory.max(used);
        self.trim_memory(used);
        if now.as_secs() != self.cron.second {
            self.cron.second = now.as_secs();
            self.look_after_failover();
            self.look_after_link();
            self.look_after_replicas();
        }
        self.history.trim(self.replicas.slowest());
        if !self.replicas.is_empty() {
            self.start_due_snapshots();
        }
        if self.farewell.is_some() {
            self.look_at_farewell();
        }
        self.clients_slice();
        self.evict_clients();
    }

    /// Has free memory given back once less and less of it has been in use and that is over.
    fn trim_memory(&mut self, used: usize) {
        let falls = used < self.cron.last_used;
        self.cron.last_used = used;
        self.cron.most_used = self.cron.most_used.max(used);
        if !falls && self.cron.most_used - used >= TRIM_BYTES.max(self.cron.most_used / 16) {
            self.cron.most_used = used;
            self.asks.push(Ask::TrimMemory);
        }
    }

    /// Looks after a share of the clients: idle ones, and those whose soft output limit has been exceeded too long.
    fn clients_slice(&mut self) {
        let share = (self.clients.len() / self.options.hz as usize).max(50).min(self.clients.len());
        let slots = self.clients.capacity();
        let mut seen = 0;
        let mut looked_at = 0;
        while seen < share && looked_at < slots {
            looked_at += 1;
            let index = self.cron.next_client % slots.max(1);
            self.cron.next_client = index + 1;
            if !self.clients.contains(index) {
                continue;
            }
            seen += 1;
            let client = &self.clients[index];
            let idle_s = (self.now.0 - client.active_at.0) / 1000;
            let exempt = client.blocked.is_some()
                || client.subscriptions.is_some()
                || client.flags.intersects(
                    ClientFlags::MONITOR | ClientFlags::REPLICA | ClientFlags::PRIMARY | ClientFlags::SCRIPT,
                );
            if self.options.idle_timeout_s != 0 && !exempt && idle_s > self.options.idle_timeout_s as i64 {
                tracing::debug!(target: "verbose", "Closing idle client");
                self.close(index, false);
                continue;
            }
            self.check_output_limit(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_up() {
        let mut cron = CronState { next_tick: UnixMs(5_000_100), next_expiry: UnixMs(100), ..CronState::default() };
        cron.follow_clock(UnixMs(5_000_050));
        assert_eq!((cron.next_tick, cron.next_expiry), (UnixMs(5_000_100), UnixMs(100)));
        cron.follow_clock(UnixMs(2_000));
        assert_eq!((cron.next_tick, cron.next_expiry), (UnixMs(3_000), UnixMs(100)));
    }
}
