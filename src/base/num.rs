//! Integers and memory sizes in text, read as strictly and written as plainly as Redis does.
//!
//! One text for one number: no spaces, no plus sign, no leading zeros, no `-0`. That is what lets a value be kept as an
//! integer and still be given back byte for byte. Doubles are in `float`, extended precision in `long_double`; both are
//! offered here too.

pub use super::float::{FloatText, format_f64_17g, format_f64_human, parse_f64};
pub use super::long_double::LongDouble;

/// The longest text of an `i64`, in bytes.
pub const I64_MAX_LEN: usize = 20;

/// The integer whose one text is `text`; `None` on anything else, or out of range.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => match parse_digits(digits)? {
            0 => None,
            magnitude => 0i64.checked_sub_unsigned(magnitude),
        },
        digits => i64::try_from(parse_digits(digits)?).ok(),
    }
}

/// The unsigned integer whose one text is `text`; `None` on anything else, or out of range.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    parse_digits(text)
}

#[inline]
fn parse_digits(digits: &[u8]) -> Option<u64> {
    let (&first, rest) = digits.split_first()?;
    let mut number = u64::from(first.wrapping_sub(b'0'));
    // A leading zero stands alone; nineteen digits cannot overflow, the twentieth can.
    if number > 9 || rest.len() > 19 || number == 0 && !rest.is_empty() {
        return None;
    }
    for (i, &byte) in rest.iter().enumerate() {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        number = if i < 18 { number * 10 + digit } else { number.checked_mul(10)?.checked_add(digit)? };
    }
    Some(number)
}

/// Appends `number` in decimal.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// How many bytes `write_i64` would append.
#[inline]
pub const fn i64_len(number: i64) -> usize {
    let digits = match number.unsigned_abs().checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    };
    digits + (number < 0) as usize
}

/// A size in bytes: decimal digits and an optional unit in any case (`b`, `k` = 1000, `kb` = 1024, `m`, `mb`, `g`, `gb`).
///
/// As in Redis, no digits before the unit mean zero, digits beyond 64 bits mean the largest number, and the product with
/// the unit wraps around. `None` on a sign, an unknown unit, or 128 digits and more.
pub fn parse_memory(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits);
    let factor: u64 = match unit {
        _ if digits.len() >= 128 || unit.len() > 2 => return None,
        unit => match unit.to_ascii_lowercase().as_slice() {
            b"" | b"b" => 1,
            b"k" => 1000,
            b"kb" => 1 << 10,
            b"m" => 1_000_000,
            b"mb" => 1 << 20,
            b"g" => 1_000_000_000,
            b"gb" => 1 << 30,
            _ => return None,
        },
    };
    let number = digits.iter().try_fold(0u64, |sum, byte| sum.checked_mul(10)?.checked_add(u64::from(byte - b'0')));
    Some(number.unwrap_or(u64::MAX).wrapping_mul(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_an_integer() {
        for good in ["0", "-1", "9", "10", "-9223372036854775808", "9223372036854775807", "1000000000000000000"] {
            assert_eq!(parse_i64(good.as_bytes()), Some(good.parse().unwrap()), "{good}");
        }
        let bad = ["", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1a", "--1", "9223372036854775808", "1\0"];
        for bad in bad.into_iter().chain(["-9223372036854775809", "99999999999999999999", "184467440737095516160"]) {
            assert_eq!(parse_i64(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"-1"), None);
    }

    #[test]
    fn integers_survive_text() {
        let mut rng = fastrand::Rng::with_seed(3);
        for number in (0..20_000).map(|_| rng.i64(..) >> rng.u32(..64)).chain([0, i64::MIN, i64::MAX, -1, 9, 10, -10]) {
            let mut text = Vec::new();
            write_i64(&mut text, number);
            assert_eq!(text, number.to_string().into_bytes());
            assert_eq!((text.len(), parse_i64(&text)), (i64_len(number), Some(number)));
        }
    }

    #[test]
    fn memory_sizes_know_their_units() {
        let known: [(&str, Option<u64>); 15] = [
            ("0", Some(0)),
            ("100b", Some(100)),
            ("1k", Some(1000)),
            ("1Kb", Some(1024)),
            ("3m", Some(3_000_000)),
            ("3MB", Some(3 << 20)),
            ("2g", Some(2_000_000_000)),
            ("2gb", Some(2 << 30)),
            ("-1", None),
            ("1 kb", None),
            ("1tb", None),
            ("", Some(0)),
            ("mb", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("99999999999gb", Some(15_140_462_030_378_500_096)),
        ];
        for (text, size) in known {
            assert_eq!(parse_memory(text.as_bytes()), size, "{text}");
        }
    }
}
