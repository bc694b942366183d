//! Memory as the engine sees it: what is used, what counts against `maxmemory`, evicting keys and clients.

use super::{ClientIndex, Engine};
use crate::base::ids::UnixMs;
use crate::client::{Client, ClientFlags};
use crate::keyspace::evict::Policy;
use std::sync::atomic::Ordering;

/// Keys one call of eviction removes at most before the loop goes on; more are evicted by the calls that follow.
const MOST_EVICTIONS: usize = 10_000;
/// So many bytes of output are no client's fault: no limit applies to them.
const UNLIMITED_OUTPUT_BYTES: usize = 16 * 1024;
/// What somebody who is not logged in may have beyond that.
const STRANGERS_BYTES: usize = 1024;

impl Engine {
    /// Bytes allocated.
    pub fn used_memory(&self) -> usize {
        (self.senses.used_memory)()
    }

    /// Bytes of output for replicas, which do not count against `maxmemory`: evicting keys would only add to them.
    pub fn memory_not_counted(&self) -> usize {
        if self.replicas.is_empty() {
            // What was kept for those that have left is freed bit by bit.
            return self.history.kept_bytes();
        }
        let indices = self.replicas.iter().filter_map(|replica| self.client_by_id(replica.client));
        indices.map(|index| self.clients[index].out.capacity()).sum::<usize>() + self.history.kept_bytes()
    }

    /// Whether more memory is in use than `maxmemory`.
    pub(crate) fn is_above_limit(&self) -> bool {
        self.used_memory().saturating_sub(self.memory_not_counted()) > self.options.max_memory
    }

    /// Evicts until memory is below `maxmemory`; false when it is not and nothing can go. Counts the time that memory
    /// stays above.
    pub(crate) fn evict_to_limit(&mut self) -> bool {
        let roomy = self.try_evict_to_limit();
        if !roomy {
            self.stats.over_memory_since_ns.get_or_insert_with(self.senses.monotonic_ns);
        } else if let Some(since) = self.stats.over_memory_since_ns.take() {
            self.stats.over_memory_ns += (self.senses.monotonic_ns)().saturating_sub(since);
        }
        roomy
    }

    /// Has memory brought below `maxmemory` as soon as the running command is over.
    pub(crate) fn evict_soon(&mut self) {
        self.cron.eviction_wanted = true;
        self.cron.next_tick = UnixMs(0);
    }

    fn try_evict_to_limit(&mut self) -> bool {
        let limit = self.options.max_memory;
        // During CLIENT PAUSE the data stays as it is.
        let paused = self.pause.until > self.now || self.pause.holds_writes || self.failover.is_on();
        // A replica's data is its primary's.
        let paused = paused || self.following.is_replica() && self.options.leaves_eviction;
        if limit == 0 || paused || self.used_memory().saturating_sub(self.memory_not_counted()) <= limit {
            return true;
        }
        // Buffers that nobody uses go before data does.
        self.spare_buffers.clear();
        // What is on its way to be free needs nobody else to go.
        let mut uncounted = self.memory_not_counted() + self.reclaim_pending.bytes.load(Ordering::Relaxed);
        let leaving = self.closing.iter().filter_map(|&index| self.clients.get(index));
        uncounted += leaving.map(|client| client.memory_bytes()).sum::<usize>();
        let mut dropped = 0;
        for garbage in &self.keyspace.garbage {
            uncounted += garbage.approximate_bytes();
            dropped += 1;
        }
        if self.used_memory().saturating_sub(uncounted) <= limit {
            return true;
        }
        if self.options.policy == Policy::NoEviction {
            return false;
        }
        let began_ns = (self.senses.monotonic_ns)();
        let roomy = self.evict_keys(limit, uncounted, dropped);
        let took_ns = (self.senses.monotonic_ns)().saturating_sub(began_ns);
        self.latency.note("eviction-cycle", took_ns / 1_000_000, self.now.0 / 1000);
        roomy
    }

    /// Evicts keys until no more than `limit` bytes are in use, `uncounted` ones aside, among them those of the first
    /// `dropped` values that are to be freed. False when no key may go.
    fn evict_keys(&mut self, limit: usize, mut uncounted: usize, mut dropped: usize) -> bool {
        for _ in 0..MOST_EVICTIONS {
            let (policy, samples) = (self.options.policy, self.options.samples);
            if !self.keyspace.evict_one(policy, samples, &mut self.eviction_pool, &mut self.rng) {
                return false;
            }
            if self.unit_depth == 0 {
                // What those who are told hold until they have read it must not cost further keys.
                let before = self.used_memory();
                self.settle_internal();
                self.propagate_removals_alone();
                uncounted += self.used_memory().saturating_sub(before);
            }
            for garbage in &self.keyspace.garbage[dropped..] {
                uncounted += garbage.approximate_bytes();
                dropped += 1;
            }
            if self.used_memory().saturating_sub(uncounted) <= limit {
                return true;
            }
        }
        true
    }

    /// Looks at the clients' memory before requests are run. The more clients there are the less often, so that adding
    /// them up takes a small share of the time.
    #[cold]
    pub(crate) fn evict_clients_if_due(&mut self) {
        const CLIENTS_A_MS: usize = 100;
        const MOST_MS: i64 = 100;
        if self.now >= self.cron.next_client_eviction {
            let pause_ms = ((self.clients.len() / CLIENTS_A_MS) as i64).min(MOST_MS);
            self.cron.next_client_eviction = UnixMs(self.now.0 + pause_ms);
            self.evict_clients();
        }
    }

    /// Disconnects the clients that hold the most memory until all together are below `maxmemory-clients`.
    /// What protected clients hold counts; others go for it.
    pub(crate) fn evict_clients(&mut self) {
        let limit = self.options.max_memory_clients;
        if limit == 0 {
            return;
        }
        let mut sizes: Vec<(usize, ClientIndex)> = Vec::with_capacity(self.clients.len());
        let mut total = 0;
        for &index in self.client_ids.values() {
            let client = &self.clients[index];
            let bytes = client.memory_bytes();
            total += bytes;
            if !client.flags.intersects(ClientFlags::NO_EVICT | ClientFlags::REPLICA | ClientFlags::PRIMARY) {
                sizes.push((bytes, index));
            }
        }
        if total < limit {
            return;
        }
        sizes.sort_unstable();
        while total >= limit
            && let Some((bytes, index)) = sizes.pop()
        {
            total -= bytes;
            tracing::info!("Evicting client: id={} bytes={bytes}", self.clients[index].id);
            self.stats.evicted_clients += 1;
            self.close(index, false);
        }
    }

    /// Which of the three output limits holds for a client: normal, replica, pubsub.
    fn output_class(client: &Client) -> usize {
        match client.flags.contains(ClientFlags::REPLICA) {
            true => 1,
            false if client.subscriptions.is_some() => 2,
            false => 0,
        }
    }

    /// Closes a client whose unsent output exceeds its limit.
    #[inline]
    pub fn check_output_limit(&mut self, index: ClientIndex) {
        let client = &self.clients[index];
        if client.output_bytes() > UNLIMITED_OUTPUT_BYTES || client.flags.contains(ClientFlags::SOFT_LIMIT) {
            self.check_large_output(index);
        }
    }

    #[cold]
    fn check_large_output(&mut self, index: ClientIndex) {
        let client = &mut self.clients[index];
        let mut limit = self.options.output_limits[Self::output_class(client)];
        let bytes = client.output_bytes();
        let mut used = bytes as u64;
        if client.flags.contains(ClientFlags::REPLICA) {
            // A smaller limit would let those go at once that go on from the backlog.
            let least = self.history.backlog_size() as u64;
            for bytes in [&mut limit.hard_bytes, &mut limit.soft_bytes] {
                *bytes = if *bytes == 0 { 0 } else { least.max(*bytes) };
            }
            let id = client.id;
            // A snapshot's bytes come no faster than they are taken.
            let receives = self.replicas.find(id).is_some_and(|replica| replica.delivery.is_some());
            used = self.unread_by(id) + if receives { 0 } else { used };
        }
        let client = &mut self.clients[index];
        // Somebody who is not logged in has no use for more than a few errors.
        let stranger =
            !client.flags.contains(ClientFlags::AUTHENTICATED) && bytes > UNLIMITED_OUTPUT_BYTES + STRANGERS_BYTES;
        let hard = stranger || limit.hard_bytes != 0 && used >= limit.hard_bytes;
        let mut soft = false;
        if limit.soft_bytes != 0 && used >= limit.soft_bytes {
            if client.flags.contains(ClientFlags::SOFT_LIMIT) {
                soft = self.now.0 - client.soft_limit_since.0 > limit.soft_seconds as i64 * 1000;
            } else {
                client.flags.insert(ClientFlags::SOFT_LIMIT);
                client.soft_limit_since = self.now;
            }
        } else {
            client.flags.remove(ClientFlags::SOFT_LIMIT);
            client.soft_limit_since = UnixMs(0);
        }
        if hard || soft {
            self.close_for_output(index);
        }
    }

    /// The same for a replica, which the history may wait for.
    pub(super) fn check_replica_limit(&mut self, index: ClientIndex) {
        if !self.clients[index].closing() {
            self.check_large_output(index);
        }
    }

    /// Closes a client whose output is too long.
    #[cold]
    pub(crate) fn close_for_output(&mut self, index: ClientIndex) {
        let client = &self.clients[index];
        if !client.closing() {
            tracing::warn!("Client id={} closed ASAP for overcoming of output buffer limits.", client.id);
            self.stats.output_buffer_disconnections += 1;
            self.close(index, false);
        }
    }
}
