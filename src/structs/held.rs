//! What only snapshots keep alive: an account of the nodes that their other holders have let go of.
//!
//! A shared node is either copied before it is changed or given up when its key goes; what is given up while others
//! still hold it is counted here, in bytes. Promises: one test of a flag when nothing is being written, and only where a
//! node is shared; the account begins with [`begin`] and means nothing after [`end`].
//!
//! A thread that writes a snapshot gives nodes back as it passes them; those that nobody else held any more leave the
//! account.
//!
//! Left out: what a container holds besides the node that was given up; who drops a large one adds that by itself.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use triomphe::Arc;

static COUNTING: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// This thread walks a snapshot: what it gives up, others need.
    static WALKS: Cell<bool> = const { Cell::new(false) };
}

/// Begins an account, or goes on with the one that runs.
pub fn begin() {
    if !COUNTING.swap(true, Ordering::Relaxed) {
        BYTES.store(0, Ordering::Relaxed);
    }
}

/// Ends the account: no snapshot is left.
pub fn end() {
    COUNTING.store(false, Ordering::Relaxed);
    BYTES.store(0, Ordering::Relaxed);
}

/// Bytes that only snapshots hold, at most this many. O(1).
pub fn bytes() -> usize {
    BYTES.load(Ordering::Relaxed)
}

/// This thread writes a snapshot: what it lets go of does not count.
pub fn walk() {
    WALKS.set(true);
}

/// Somebody has given up a share of so many bytes, and others still hold them.
#[inline]
pub fn left_behind(bytes: usize) {
    if COUNTING.load(Ordering::Relaxed) {
        add(bytes);
    }
}

#[cold]
fn add(bytes: usize) {
    // A thread that is being torn down gives up nothing of note.
    if !WALKS.try_with(Cell::get).unwrap_or(true) {
        BYTES.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The last share of so many bytes is about to be given back.
#[inline]
pub fn freed(bytes: usize) {
    if COUNTING.load(Ordering::Relaxed) {
        take_off(bytes);
    }
}

#[cold]
fn take_off(bytes: usize) {
    // Only what a walker frees was left behind before.
    if WALKS.try_with(Cell::get).unwrap_or(false) {
        // Not below zero: containers' inner nodes were not all counted.
        let lessened = |all: usize| Some(all.saturating_sub(bytes));
        let _ = BYTES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lessened);
    }
}

/// `Arc::make_mut`, with what a copy leaves behind counted.
#[inline]
pub fn own<T: Clone>(shared: &mut Arc<T>) -> &mut T {
    if COUNTING.load(Ordering::Relaxed) && !shared.is_unique() {
        add(size_of::<T>());
    }
    Arc::make_mut(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_while_shared_counts_but_not_by_the_walker() {
        // Other tests of this process may end the account at any moment, so it is tried until none does.
        let counted = (0..1000).any(|_| {
            begin();
            let mut one = Arc::new([0u8; 1 << 16]);
            let other = one.clone();
            own(&mut one)[0] = 1;
            let counted = bytes() >= 1 << 16;
            drop(other);
            counted
        });
        assert!(counted);
        let walker = std::thread::spawn(|| {
            walk();
            left_behind(1 << 40);
        });
        walker.join().unwrap();
        assert!(bytes() < 1 << 40);
    }

    #[test]
    fn what_the_walker_frees_leaves_the_account() {
        let left = (0..1000).any(|_| {
            begin();
            left_behind(1 << 41);
            let before = bytes();
            let walker = std::thread::spawn(|| {
                walk();
                freed(1 << 41);
            });
            walker.join().unwrap();
            freed(1 << 41);
            before >= 1 << 41 && bytes() < 1 << 41
        });
        assert!(left);
    }
}
