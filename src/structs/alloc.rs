//! The allocator: mimalloc, with the bytes in use counted. Each thread counts for itself and hands its balance to the
//! shared counter in steps, so that an allocation costs an addition and no locked instruction.
//!
//! Promise: [`used_bytes`] differs from the true sum by at most [`STEP_BYTES`] for each thread other than the caller.
#![allow(unsafe_code)]

use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

/// A thread's balance is handed over once it is this far from zero, in bytes.
pub const STEP_BYTES: isize = 64 * 1024;

static SHARED: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static BALANCE: Cell<isize> = const { Cell::new(0) };
}

/// The counting allocator.
pub struct CountingAllocator;

#[inline]
fn count(bytes: isize) {
    // A thread that is being torn down has no balance of its own any more.
    let counted = BALANCE.try_with(|balance| {
        let sum = balance.get() + bytes;
        if sum.unsigned_abs() >= STEP_BYTES as usize {
            balance.set(0);
            SHARED.fetch_add(sum, Ordering::Relaxed);
        } else {
            balance.set(sum);
        }
    });
    if counted.is_err() {
        SHARED.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Bytes allocated and not freed.
pub fn used_bytes() -> usize {
    let own = BALANCE.try_with(Cell::get).unwrap_or(0);
    (SHARED.load(Ordering::Relaxed) + own).max(0) as usize
}

/// What an allocation of this size takes: the allocator's size classes are 16 bytes apart up to 64 but for one of 8,
/// then four to a doubling.
#[inline]
fn class(bytes: usize) -> isize {
    if bytes <= 8 {
        return 8;
    }
    if bytes <= 64 {
        return ((bytes + 15) & !15) as isize;
    }
    let step = (1usize << (usize::BITS - 1 - (bytes - 1).leading_zeros())) / 4;
    ((bytes + step - 1) & !(step - 1)) as isize
}

/// What a buffer of this capacity adds to [`used_bytes`]; nothing for one that holds none.
pub fn taken_bytes(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { class(capacity) as usize }
}

/// Alignment in bytes that every allocation of at least as many bytes has.
const NATURAL_ALIGNMENT: usize = 16;

/// Whether an allocation is aligned without asking. Asked for an alignment, mimalloc takes a larger block wherever it is
/// not sure to have it (8,192 bytes then take 10,240), so it is not asked in vain.
#[inline]
fn is_natural(layout: Layout) -> bool {
    layout.align() <= NATURAL_ALIGNMENT && layout.align() <= layout.size()
}

// SAFETY: every call is passed on to mimalloc unchanged, which upholds the contract; counting touches no memory of
// the allocation.
unsafe impl GlobalAlloc for CountingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(class(layout.size()));
        if is_natural(layout) {
            // SAFETY: any size may be asked for; a block of 16 bytes and more is aligned to 16, a smaller one to 8.
            return unsafe { libmimalloc_malloc(layout.size()) };
        }
        // SAFETY: the caller's promises about `layout` are mimalloc's.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-class(layout.size()));
        // SAFETY: `at` came from `alloc` above with this layout, and so from mimalloc.
        unsafe { MiMalloc.dealloc(at, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(class(layout.size()));
        if is_natural(layout) {
            // SAFETY: any size may be asked for; a block of 16 bytes and more is aligned to 16, a smaller one to 8.
            return unsafe { libmimalloc_zalloc(layout.size()) };
        }
        // SAFETY: the caller's promises about `layout` are mimalloc's.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(class(size) - class(layout.size()));
        if is_natural(layout) && layout.align() <= size {
            // SAFETY: `at` came from mimalloc, and the new block is as aligned as one that is allocated.
            return unsafe { libmimalloc_realloc(at, size) };
        }
        // SAFETY: `at` came from mimalloc with this layout; the caller promises a valid new size.
        unsafe { MiMalloc.realloc(at, layout, size) }
    }
}

/// Returns memory that is free inside the allocator to the operating system (MEMORY PURGE).
pub fn purge() {
    // SAFETY: may be called at any time from any thread.
    unsafe { libmimalloc_collect(true) }
}

/// Bytes the allocator has committed: what it holds ready, in use or not.
pub fn committed_bytes() -> usize {
    let mut committed = 0;
    // SAFETY: null pointers are allowed for figures that are not wanted; `committed` is writable.
    unsafe {
        use std::ptr::null_mut;
        libmimalloc_process_info(
            null_mut(),
            null_mut(),
            null_mut(),
            null_mut(),
            null_mut(),
            &mut committed,
            null_mut(),
            null_mut(),
        );
    }
    committed
}

/// The allocator's version, as `major.minor.patch`.
pub fn version() -> String {
    // SAFETY: takes nothing and returns a number.
    let number = unsafe { libmimalloc_version() };
    format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
}

unsafe extern "C" {
    #[link_name = "mi_malloc"]
    fn libmimalloc_malloc(size: usize) -> *mut u8;

    #[link_name = "mi_zalloc"]
    fn libmimalloc_zalloc(size: usize) -> *mut u8;

    #[link_name = "mi_realloc"]
    fn libmimalloc_realloc(at: *mut u8, size: usize) -> *mut u8;

    #[link_name = "mi_collect"]
    fn libmimalloc_collect(force: bool);

    #[link_name = "mi_version"]
    fn libmimalloc_version() -> std::ffi::c_int;

    #[link_name = "mi_process_info"]
    fn libmimalloc_process_info(
        elapsed_ms: *mut usize,
        user_ms: *mut usize,
        system_ms: *mut usize,
        current_rss: *mut usize,
        peak_rss: *mut usize,
        current_commit: *mut usize,
        peak_commit: *mut usize,
        page_faults: *mut usize,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_cover_what_is_asked_for() {
        for bytes in 1..10_000 {
            let taken = class(bytes) as usize;
            assert!(taken >= bytes && taken <= bytes + bytes / 4 + 15, "{bytes} -> {taken}");
        }
    }

    #[test]
    fn a_buffer_takes_what_it_adds_to_the_bytes_in_use() {
        assert_eq!(taken_bytes(0), 0);
        for capacity in [1, 40, 1000, 200_032] {
            let layout = Layout::from_size_align(capacity, 1).unwrap();
            let before = used_bytes();
            // SAFETY: the layout is not empty; the block is freed once, with the layout it was allocated with.
            unsafe {
                let at = CountingAllocator.alloc(layout);
                assert_eq!(used_bytes() - before, taken_bytes(capacity), "{capacity}");
                CountingAllocator.dealloc(at, layout);
            }
            assert_eq!(used_bytes(), before);
        }
    }

    #[test]
    fn allocations_are_aligned_and_keep_their_bytes() {
        for align in [1, 2, 4, 8, 16, 32, 64, 4096] {
            for size in [1, 7, 8, 9, 15, 16, 24, 40, 72, 384, 1000, 3584, 8192, 100_000] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: the layout is not empty; the block is written within its size, grown, read and freed once.
                unsafe {
                    let at = CountingAllocator.alloc(layout);
                    assert!((at as usize).is_multiple_of(align), "{size} aligned to {align}");
                    at.write_bytes(7, size);
                    let at = CountingAllocator.realloc(at, layout, size + 500);
                    assert!((at as usize).is_multiple_of(align), "{size} grown, aligned to {align}");
                    assert!(std::slice::from_raw_parts(at, size).iter().all(|byte| *byte == 7));
                    CountingAllocator.dealloc(at, Layout::from_size_align(size + 500, align).unwrap());
                    let at = CountingAllocator.alloc_zeroed(layout);
                    assert!((at as usize).is_multiple_of(align));
                    assert!(std::slice::from_raw_parts(at, size).iter().all(|byte| *byte == 0));
                    CountingAllocator.dealloc(at, layout);
                }
            }
        }
    }
}
