//! The random numbers of `math.random`: the same row after the same seed, on every machine.

use std::cell::Cell;

/// A linear congruential generator of 48 bits, as `drand48` specifies it.
#[derive(Debug)]
pub struct Random48(Cell<u64>);

/// The fractions are of this.
const RANGE: f64 = 2_147_483_647.0;

const MULTIPLIER: u64 = 0x5_deec_e66d;
const INCREMENT: u64 = 0xb;
const BITS: u64 = (1 << 48) - 1;
const LOW_OF_SEED: u64 = 0x330e;

impl Default for Random48 {
    fn default() -> Random48 {
        Random48(Cell::new(0x1234_abcd_330e))
    }
}

impl Random48 {
    /// Begins the row of a seed.
    pub fn seed(&self, seed: i32) {
        self.0.set(u64::from(seed as u32) << 16 | LOW_OF_SEED);
    }

    /// The next number, of 31 bits.
    pub fn next(&self) -> u32 {
        self.0.set(self.0.get().wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & BITS);
        (self.0.get() >> 17) as u32
    }

    /// The next number as a fraction of one.
    pub fn fraction(&self) -> f64 {
        f64::from(self.next() % RANGE as u32) / RANGE
    }
}
