//! Bits of byte strings, numbered as BITCOUNT and BITFIELD number them: bit 0 is the most significant of the first byte.
//! Counting, searching, and integers of any width at any offset. Whole words at a time; nothing here allocates.

/// The longest field, in bits.
pub const FIELD_MAX_BITS: u32 = 64;

/// Bytes a field can touch: 64 bits that start inside a byte.
const WINDOW_BYTES: usize = 9;

/// Number of set bits. O(n).
pub fn count_ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// Number of set bits from one bit to another, both included; `first <= last`, and `last` lies in `bytes`. O(n).
pub fn count_ones_between(bytes: &[u8], first: usize, last: usize) -> u64 {
    let within = &bytes[first / 8..=last / 8];
    let outside = (within[0] & !from_bit(first)).count_ones() + (within[within.len() - 1] & !to_bit(last)).count_ones();
    count_ones(within) - u64::from(outside)
}

/// The first bit that is `wanted`, from one bit to another, both included; `first <= last`, and `last` lies in `bytes`.
/// O(n).
pub fn find_between(bytes: &[u8], first: usize, last: usize, wanted: bool) -> Option<usize> {
    let flip = if wanted { 0 } else { 0xff };
    let (head, tail) = (first / 8, last / 8);
    let hit = |at: usize, byte: u8| (byte != 0).then(|| at * 8 + byte.leading_zeros() as usize);
    let mut byte = (bytes[head] ^ flip) & from_bit(first);
    if head == tail {
        byte &= to_bit(last);
        return hit(head, byte);
    }
    hit(head, byte)
        .or_else(|| find(&bytes[head + 1..tail], wanted).map(|at| at + (head + 1) * 8))
        .or_else(|| hit(tail, (bytes[tail] ^ flip) & to_bit(last)))
}

/// The first bit that is `wanted`. O(n).
pub fn find(bytes: &[u8], wanted: bool) -> Option<usize> {
    let flip = if wanted { 0 } else { u64::MAX };
    let (words, rest) = bytes.as_chunks::<8>();
    if let Some(at) = words.iter().position(|word| u64::from_ne_bytes(*word) != flip) {
        return Some(at * 64 + (u64::from_be_bytes(words[at]) ^ flip).leading_zeros() as usize);
    }
    let at = rest.iter().position(|byte| *byte != flip as u8)?;
    Some((words.len() * 8 + at) * 8 + (rest[at] ^ flip as u8).leading_zeros() as usize)
}

/// The bits of a byte from this one on.
fn from_bit(bit: usize) -> u8 {
    0xff >> (bit % 8)
}

/// The bits of a byte up to this one.
fn to_bit(bit: usize) -> u8 {
    !(0x7f >> (bit % 8))
}

/// The unsigned integer in `width` (1 to 64) bits at a bit offset; bits beyond the string are 0.
pub fn field(bytes: &[u8], offset: u64, width: u32) -> u64 {
    let (window, shift) = window(bytes, offset, width);
    (window >> shift) as u64 & mask(width)
}

/// The same as a two's complement number.
pub fn signed_field(bytes: &[u8], offset: u64, width: u32) -> i64 {
    let unused = FIELD_MAX_BITS - width;
    ((field(bytes, offset, width) << unused) as i64) >> unused
}

/// Stores the low `width` (1 to 64) bits of `value` at a bit offset; bits beyond the string are dropped.
pub fn set_field(bytes: &mut [u8], offset: u64, width: u32, value: u64) {
    let (window, shift) = window(bytes, offset, width);
    let mask = u128::from(mask(width)) << shift;
    let window = window & !mask | u128::from(value) << shift & mask;
    let start = usize::try_from(offset >> 3).unwrap_or(usize::MAX).min(bytes.len());
    let fresh = window.to_be_bytes();
    let fresh = &fresh[fresh.len() - WINDOW_BYTES..];
    bytes[start..].iter_mut().zip(fresh).for_each(|(byte, fresh)| *byte = *fresh);
}

/// The low `width` bits set.
fn mask(width: u32) -> u64 {
    debug_assert!((1..=FIELD_MAX_BITS).contains(&width));
    u64::MAX >> (FIELD_MAX_BITS - width)
}

/// The bytes around a field as one number, and how far above its end the field lies.
fn window(bytes: &[u8], offset: u64, width: u32) -> (u128, u32) {
    let start = usize::try_from(offset >> 3).unwrap_or(usize::MAX).min(bytes.len());
    let mut window = 0u128;
    for at in 0..WINDOW_BYTES {
        window = window << 8 | u128::from(bytes.get(start + at).copied().unwrap_or(0));
    }
    (window, 8 * WINDOW_BYTES as u32 - (offset % 8) as u32 - width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bit(bytes: &[u8], at: usize) -> bool {
        bytes.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
    }

    #[test]
    fn counts_and_searches_agree_with_single_bits() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..3000 {
            let mut bytes = vec![if rng.bool() { 0xff } else { 0 }; rng.usize(1..60)];
            for _ in 0..rng.usize(..4) {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            let first = rng.usize(..bytes.len() * 8);
            let last = rng.usize(first..bytes.len() * 8);
            let ones = (first..=last).filter(|at| bit(&bytes, *at)).count() as u64;
            assert_eq!(count_ones_between(&bytes, first, last), ones);
            assert_eq!(count_ones(&bytes), (0..bytes.len() * 8).filter(|at| bit(&bytes, *at)).count() as u64);
            for wanted in [false, true] {
                let found = (first..=last).find(|at| bit(&bytes, *at) == wanted);
                assert_eq!(find_between(&bytes, first, last, wanted), found, "{bytes:?} {first} {last} {wanted}");
                assert_eq!(find(&bytes, wanted), (0..bytes.len() * 8).find(|at| bit(&bytes, *at) == wanted));
            }
        }
    }

    #[test]
    fn a_field_is_its_bits_and_nothing_else_is_touched() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..3000 {
            let mut bytes: Vec<u8> = (0..rng.usize(..20)).map(|_| rng.u8(..)).collect();
            let (offset, width) = (rng.u64(..180), rng.u32(1..=64));
            let expected =
                (0..width).fold(0u64, |sum, at| sum << 1 | u64::from(bit(&bytes, offset as usize + at as usize)));
            assert_eq!(field(&bytes, offset, width), expected);
            let value = rng.u64(..);
            let before = bytes.clone();
            set_field(&mut bytes, offset, width, value);
            for at in 0..bytes.len() * 8 {
                let inside = (offset as usize..offset as usize + width as usize).contains(&at);
                let wanted = match inside {
                    true => value >> (width as usize - 1 - (at - offset as usize)) & 1 == 1,
                    false => bit(&before, at),
                };
                assert_eq!(bit(&bytes, at), wanted);
            }
        }
        assert_eq!(signed_field(&[0xff, 0xfe], 0, 16), -2);
        assert_eq!(signed_field(&[0x7f], 0, 8), 127);
        assert_eq!(field(&[0xff], u64::MAX, 64), 0);
    }
}
