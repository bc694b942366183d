//! Active expiry: keys whose deadline has passed, and fields of hashes, leave in slices, found by the lower bounds the
//! table's nodes keep, without sampling.

use super::{DbIndex, Event, ExpireMode, Keyspace};

/// Where the expirer stands between two slices.
#[derive(Default)]
pub(super) struct ExpiryState {
    next_db: usize,
    batch: Vec<crate::object::Object>,
    /// Hashes of which fields are due.
    hashes: Vec<Box<[u8]>>,
}

impl Keyspace {
    /// Removes up to `limit` keys and fields whose deadline has passed, going round the databases; returns whether more are
    /// due. Bounded by twice `limit` removals plus the nodes that lead to them.
    pub fn expire_slice(&mut self, limit: usize) -> bool {
        if self.expire_mode != ExpireMode::Remove {
            return false;
        }
        let (now, dbs) = (self.now.0, self.dbs.len());
        let mut left = limit;
        let mut more = false;
        for _ in 0..dbs {
            let at = self.expiry.next_db % dbs;
            let mut batch = std::mem::take(&mut self.expiry.batch);
            let mut hashes = std::mem::take(&mut self.expiry.hashes);
            // A key lives through the millisecond of its deadline.
            let due = self.dbs[at].next_deadline().is_some_and(|bound| (bound as i64) < now);
            if due && left > 0 {
                more |= self.dbs[at].remove_due((now - 1) as u64, left, &mut batch, &mut hashes);
                left -= batch.len().min(left);
                for key in hashes.drain(..) {
                    // One at least, so that every walk gets on.
                    left -= self.db(DbIndex(at as u32)).expire_due_fields(&key, left.max(1)).min(left);
                }
                for object in batch.drain(..) {
                    self.log.removed(DbIndex(at as u32), object.key(), Event::EXPIRED);
                    self.stats.expired += 1;
                    self.discard(object);
                }
            } else if due {
                more = true;
            }
            (self.expiry.batch, self.expiry.hashes) = (batch, hashes);
            if left == 0 {
                break;
            }
            self.expiry.next_db = at + 1;
        }
        more
    }

    /// The moment the next key may expire: a lower bound over all databases.
    pub fn next_deadline(&self) -> Option<u64> {
        self.dbs.iter().filter_map(|table| table.next_deadline()).min()
    }
}
