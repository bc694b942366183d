//! Prefetch hints for the processor.
//!
//! Owns the one intrinsic that asks for a cache line before it is needed. A hint never faults, whatever the
//! pointer holds, so these functions are safe to call with dangling and null pointers. On processors without
//! a known instruction they do nothing.
#![allow(unsafe_code)]

/// Asks for the cache line that holds `at` to be read. Costs about one load, waits for nothing.
#[inline(always)]
pub fn read<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is only a hint; it neither faults nor reads memory as far as the program can tell.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: `prfm` is only a hint; it neither faults nor changes anything the program can see.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hint_takes_any_pointer() {
        super::read(std::ptr::null::<u8>());
        super::read(std::ptr::without_provenance::<u64>(usize::MAX));
        super::read(&7u32);
    }
}
