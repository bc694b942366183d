//! The processor's counter of cycles: the cheapest clock there is, in a unit of its own.
#![allow(unsafe_code)]

/// Whether this processor has a counter that [`now`] reads.
pub const AVAILABLE: bool = cfg!(target_arch = "x86_64");

/// The counter; it counts up at an even rate where the kernel takes its own time from it. 0 where there is none.
#[inline(always)]
pub fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction; it touches no memory.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    0
}
