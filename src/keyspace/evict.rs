//! Choosing what to evict when `maxmemory` is reached: the eight policies. LRU and LFU compare samples and keep the
//! best candidates in a small pool, as Redis does; `volatile-ttl` is exact, because the tables know their earliest
//! deadline, unless fields of hashes have deadlines: these cover those of the keys, which are sampled then.

use super::{DbIndex, Event, Keyspace};
use crate::object::Object;
use crate::structs::table::hash;

/// `maxmemory-policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Policy {
    VolatileLru,
    VolatileLfu,
    VolatileRandom,
    VolatileTtl,
    AllkeysLru,
    AllkeysLfu,
    AllkeysRandom,
    #[default]
    NoEviction,
}

impl Policy {
    /// Whether only keys with a deadline may go.
    pub fn volatile_only(self) -> bool {
        matches!(self, Policy::VolatileLru | Policy::VolatileLfu | Policy::VolatileRandom | Policy::VolatileTtl)
    }

    /// Whether it compares access frequencies.
    pub fn is_lfu(self) -> bool {
        matches!(self, Policy::VolatileLfu | Policy::AllkeysLfu)
    }

    /// Whether it compares the times of last access.
    pub fn is_lru(self) -> bool {
        matches!(self, Policy::VolatileLru | Policy::AllkeysLru)
    }
}

const POOL: usize = 16;

/// The best candidates seen so far, worst to keep last.
#[derive(Debug, Default)]
pub struct EvictionPool {
    candidates: Vec<(u64, DbIndex, Box<[u8]>)>,
    next_db: usize,
}

impl Keyspace {
    /// Evicts one key by the policy and logs it; false when there is none to evict. `samples` is `maxmemory-samples`.
    pub fn evict_one(
        &mut self,
        policy: Policy,
        samples: usize,
        pool: &mut EvictionPool,
        rng: &mut fastrand::Rng,
    ) -> bool {
        let victim = match policy {
            Policy::NoEviction => None,
            Policy::VolatileTtl if self.dbs.iter().all(|table| table.len_with_timed_parts() == 0) => self.earliest(),
            Policy::VolatileRandom | Policy::AllkeysRandom => self.random_victim(policy, pool, rng),
            _ => self.idlest(policy, samples, pool, rng),
        };
        let Some((db, key)) = victim else { return false };
        let Some(object) = self.dbs[db.0 as usize].remove(hash(&key), &key) else { return false };
        self.discard(object);
        self.stats.evicted += 1;
        self.log.removed(db, &key, Event::EVICTED);
        true
    }

    fn earliest(&mut self) -> Option<(DbIndex, Box<[u8]>)> {
        let (at, _) = (0..self.dbs.len())
            .filter(|&at| self.dbs[at].len_with_deadline() > 0)
            .filter_map(|at| self.dbs[at].next_deadline().map(|bound| (at, bound)))
            .min_by_key(|&(_, bound)| bound)?;
        let object = self.dbs[at].earliest()?;
        Some((DbIndex(at as u32), object.key().into()))
    }

    fn random_victim(
        &mut self,
        policy: Policy,
        pool: &mut EvictionPool,
        rng: &mut fastrand::Rng,
    ) -> Option<(DbIndex, Box<[u8]>)> {
        for _ in 0..self.dbs.len() {
            let at = pool.next_db % self.dbs.len();
            pool.next_db = at + 1;
            let table = &self.dbs[at];
            if table.is_empty() || policy.volatile_only() && table.len_with_deadline() == 0 {
                continue;
            }
            for _ in 0..64 {
                let object = table.random(rng)?;
                if !policy.volatile_only() || object.deadline().is_some() {
                    return Some((DbIndex(at as u32), object.key().into()));
                }
            }
            // Keys with a deadline are rare: the earliest one is as good as any.
            if let Some(object) = self.dbs[at].earliest() {
                return Some((DbIndex(at as u32), object.key().into()));
            }
        }
        None
    }

    /// How much a key deserves to go: idle seconds, the complement of its frequency, or of its deadline.
    fn merit(&self, policy: Policy, object: &Object) -> u64 {
        if policy == Policy::VolatileTtl {
            u64::MAX - object.deadline().unwrap_or(u64::MAX)
        } else if policy.is_lfu() {
            255 - self.access.frequency(object.clock()) as u64
        } else {
            self.access.idle_seconds(object.clock()) as u64
        }
    }

    fn idlest(
        &mut self,
        policy: Policy,
        samples: usize,
        pool: &mut EvictionPool,
        rng: &mut fastrand::Rng,
    ) -> Option<(DbIndex, Box<[u8]>)> {
        // A few rounds: a pool of keys that are all gone by now, or samples without any candidate, are not the end.
        for _ in 0..64 {
            let mut any = false;
            for at in 0..self.dbs.len() {
                let table = &self.dbs[at];
                if table.is_empty() || policy.volatile_only() && table.len_with_deadline() == 0 {
                    continue;
                }
                any = true;
                let mut seen = Vec::with_capacity(samples);
                table.sample(rng, samples.max(1), &mut |object: &Object| {
                    if !policy.volatile_only() || object.deadline().is_some() {
                        seen.push((self.merit(policy, object), object.key().into()));
                    }
                });
                for (merit, key) in seen {
                    pool.offer(merit, DbIndex(at as u32), key);
                }
            }
            if !any {
                pool.candidates.clear();
                return None;
            }
            while let Some((merit, db, key)) = pool.candidates.pop() {
                let Some(object) = self.dbs.get(db.0 as usize).and_then(|table| table.get(hash(&key), &key)) else {
                    continue;
                };
                let stale = policy.volatile_only() && object.deadline().is_none() || self.merit(policy, object) < merit;
                if !stale {
                    return Some((db, key));
                }
            }
        }
        // Keys with a deadline are too rare to be sampled.
        if policy.volatile_only() { self.earliest() } else { None }
    }
}

impl EvictionPool {
    /// Forgets all candidates (the policy changed).
    pub fn clear(&mut self) {
        self.candidates.clear();
    }

    fn offer(&mut self, merit: u64, db: DbIndex, key: Box<[u8]>) {
        if self.candidates.iter().any(|(_, other_db, other)| *other_db == db && *other == key) {
            return;
        }
        let at = self.candidates.partition_point(|&(other, ..)| other < merit);
        if self.candidates.len() == POOL {
            if at == 0 {
                return;
            }
            self.candidates.remove(0);
            self.candidates.insert(at - 1, (merit, db, key));
        } else {
            self.candidates.insert(at, (merit, db, key));
        }
    }
}
