//! The one pseudo-random generator of the heart.
//!
//! Owns nothing but the name: whoever needs randomness is handed a `Rng`, and whoever makes one gives a seed, so that a
//! run can be repeated. Nothing here reads randomness from the operating system; nothing here is fit for secrets.

/// A small, fast, seedable generator.
pub type Rng = fastrand::Rng;

/// A generator that gives the same sequence for the same `seed` on every machine.
pub fn seeded(seed: u64) -> Rng {
    fastrand::Rng::with_seed(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence() {
        let (mut a, mut b) = (seeded(7), seeded(7));
        assert!((0..100).all(|_| a.u64(..) == b.u64(..)));
    }
}
