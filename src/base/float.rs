//! Doubles in text: the grammar of C's `strtod` and the texts of C's `%.17g` and `%.17f`.
//!
//! Scores and geo coordinates pass through here. `parse_f64` is what a command argument must satisfy, `parse_f64_loose`
//! the laxer reading of range ends. Writing is exact: all digits of the value are computed, ties go to the even digit.
//!
//! `round_to_even` and `scan_hex` are shared with `long_double`, which reads the same grammar into more bits.

use std::fmt::{self, Write};
use std::ops::Deref;

use super::long_double::write_fixed17;

/// A short text on the stack, as `format_f64_17g` makes it; reads as a byte slice.
#[derive(Clone, Copy)]
pub struct FloatText {
    len: u8,
    bytes: [u8; 39],
}

impl FloatText {
    const fn new() -> Self {
        Self { len: 0, bytes: [0; 39] }
    }

    /// The bytes of the text, always ASCII.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Appends what fits; nothing made here is longer than 24 bytes.
    fn extend(&mut self, more: &[u8]) {
        let start = usize::from(self.len);
        let end = (start + more.len()).min(self.bytes.len());
        self.bytes[start..end].copy_from_slice(&more[..end - start]);
        self.len = end as u8;
    }
}

impl Deref for FloatText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Write for FloatText {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.extend(s.as_bytes());
        Ok(())
    }
}

impl fmt::Debug for FloatText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self), f)
    }
}

/// A double as a command argument: all of `text` must be one, without spaces before it; NaN is refused, and so are
/// numbers too large or so small that they become zero. Infinities by name and hexadecimal floats are accepted.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    match read(text)? {
        Reading::Exact(number) if !number.is_nan() => Some(number),
        _ => None,
    }
}

/// A double as the end of a score range: white space may come first, what is out of range becomes infinite or zero, a
/// NUL ends the text, and an empty text is zero. NaN is refused.
pub fn parse_f64_loose(text: &[u8]) -> Option<f64> {
    let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
    if text.is_empty() {
        return Some(0.0);
    }
    let spaces = text.iter().take_while(|&&byte| super::quoting::is_space(byte)).count();
    match read(&text[spaces..])? {
        Reading::Exact(number) | Reading::OutOfRange(number) if !number.is_nan() => Some(number),
        _ => None,
    }
}

/// A text that is a number.
enum Reading {
    Exact(f64),
    /// Nearest there is, infinite or zero, for a number that is neither.
    OutOfRange(f64),
}

fn read(text: &[u8]) -> Option<Reading> {
    let (negative, digits) = split_sign(text);
    // The standard library reads the same decimal grammar and rounds correctly too.
    if let Some(number) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()) {
        let named = digits.first().is_some_and(u8::is_ascii_alphabetic);
        let out_of_range = !named && number.is_infinite() || number == 0.0 && has_nonzero_digit(digits);
        return Some(if out_of_range { Reading::OutOfRange(number) } else { Reading::Exact(number) });
    }
    let hex = scan_hex(digits)?;
    let sign = if negative { -1.0 } else { 1.0 };
    let (mantissa, exponent) = round_to_even(hex.mantissa, hex.exponent, hex.sticky, 53, -1074);
    let number = scale(mantissa, exponent);
    let exact = number.is_finite() && (number != 0.0 || hex.mantissa == 0);
    Some(if exact { Reading::Exact(sign * number) } else { Reading::OutOfRange(sign * number) })
}

/// Whether the text starts with a minus sign, and what follows its sign.
pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// Whether a decimal number, its exponent aside, has a digit other than zero.
pub(super) fn has_nonzero_digit(decimal: &[u8]) -> bool {
    decimal.iter().take_while(|byte| !matches!(byte, b'e' | b'E')).any(|byte| matches!(byte, b'1'..=b'9'))
}

/// `mantissa * 2^exponent`, with a non-zero tail below the mantissa when `sticky`.
pub(super) struct Hex {
    /// The leading digits, at most 124 bits; 121 or more when `sticky`.
    pub mantissa: u128,
    /// The weight of its last bit.
    pub exponent: i32,
    /// Whether digits that are not zero were left out.
    pub sticky: bool,
}

/// Exponents beyond this are the same as this: far out of range of every format, far from overflow here.
const EXPONENT_CAP: i64 = 1_000_000_000;

/// The text of an unsigned hexadecimal float, `0x1.8p3`; all of it must be one.
pub(super) fn scan_hex(text: &[u8]) -> Option<Hex> {
    let ([b'0', b'x' | b'X'], mut rest) = text.split_first_chunk::<2>()? else { return None };
    let (mut mantissa, mut sticky, mut exponent) = (0u128, false, 0i64);
    let (mut digits, mut after_point) = (0usize, false);
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'.' && !after_point {
            after_point = true;
        } else if let Some(digit) = char::from(byte).to_digit(16) {
            digits += 1;
            if mantissa >> 120 == 0 {
                mantissa = mantissa << 4 | u128::from(digit);
                exponent -= if after_point { 4 } else { 0 };
            } else {
                sticky |= digit != 0;
                exponent += if after_point { 0 } else { 4 };
            }
        } else {
            break;
        }
        rest = tail;
    }
    if digits == 0 {
        return None;
    }
    match rest {
        [] => {}
        [b'p' | b'P', power @ ..] => exponent += scan_exponent(power)?,
        _ => return None,
    }
    Some(Hex { mantissa, exponent: exponent.clamp(-EXPONENT_CAP, EXPONENT_CAP) as i32, sticky })
}

/// A decimal exponent with an optional sign, held at `EXPONENT_CAP`; all of `text` must be one.
pub(super) fn scan_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(EXPONENT_CAP));
    Some(if negative { -size } else { size })
}

/// Rounds `mantissa * 2^exponent` to `precision` bits (at most 64), or fewer where the last bit would weigh less than
/// `2^min_exponent`; ties go to even. `sticky` says that the value is a little larger than given; a mantissa with it
/// must be longer than `precision`. Returns mantissa and exponent.
pub(super) fn round_to_even(
    mantissa: u128,
    exponent: i32,
    sticky: bool,
    precision: u32,
    min_exponent: i32,
) -> (u64, i32) {
    let bits = (u128::BITS - mantissa.leading_zeros()) as i32;
    let drop = (bits - precision as i32).max(min_exponent.saturating_sub(exponent)).max(0);
    if drop == 0 {
        return (mantissa as u64, exponent);
    }
    if drop > bits {
        return (0, min_exponent);
    }
    // `drop` is 1 to 128 here; in two steps since a shift by 128 is not one.
    let kept = mantissa >> (drop - 1) >> 1;
    let half = 1u128 << (drop - 1);
    let below = mantissa & ((half - 1) | half);
    let up = below > half || below == half && (sticky || kept & 1 == 1);
    let rounded = kept + u128::from(up);
    if rounded >> precision != 0 {
        ((rounded >> 1) as u64, exponent + drop + 1)
    } else {
        (rounded as u64, exponent + drop)
    }
}

/// `mantissa * 2^exponent` for a mantissa of at most 53 bits, exact where a double can be; infinite beyond.
fn scale(mantissa: u64, exponent: i32) -> f64 {
    let power = |exponent: i32| f64::from_bits(((exponent + 1023) as u64) << 52);
    let number = mantissa as f64;
    match exponent {
        _ if mantissa == 0 => 0.0,
        1024.. => f64::INFINITY,
        // In two exact steps: the first product is normal, whatever the mantissa.
        512.. => number * power(511) * power(exponent - 511),
        -512..512 => number * power(exponent),
        -1100..-512 => number * power(-512) * power(exponent + 512),
        _ => 0.0,
    }
}

/// The text of `number` by C's `%.17g`: `3`, `0.10000000000000001`, `1e+20`, `-0`, `inf`, `-inf`, `nan`.
pub fn format_f64_17g(number: f64) -> FloatText {
    let mut text = FloatText::new();
    if !number.is_finite() {
        text.extend(if number.is_nan() {
            b"nan"
        } else if number > 0.0 {
            b"inf"
        } else {
            b"-inf"
        });
        return text;
    }
    if number.is_sign_negative() {
        text.extend(b"-");
    }
    let magnitude = number.abs();
    // All integers below 2^53 are their own digits.
    if magnitude < 9_007_199_254_740_992.0 && magnitude.trunc() == magnitude {
        text.extend(itoa::Buffer::new().format(magnitude as u64).as_bytes());
        return text;
    }
    let mut scientific = FloatText::new();
    // Writing to `FloatText` cannot fail.
    let _ = write!(scientific, "{magnitude:.16e}");
    layout_17g(&scientific, &mut text);
    text
}

/// Lays `d.dddddddddddddddde-N` out as `%g` does: no trailing zeros, an exponent only when below -4 or above 16.
fn layout_17g(scientific: &[u8], text: &mut FloatText) {
    let e = scientific.iter().position(|&byte| byte == b'e').unwrap_or(scientific.len());
    let exponent = scan_exponent(scientific.get(e + 1..).unwrap_or(b"")).unwrap_or(0);
    let mut digits = [b'0'; 17];
    for (digit, byte) in digits.iter_mut().zip(scientific[..e].iter().filter(|&&byte| byte != b'.')) {
        *digit = *byte;
    }
    let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
    let digits = &digits[..significant];
    match exponent {
        0..17 => {
            let whole = exponent as usize + 1;
            text.extend(&digits[..whole.min(significant)]);
            text.extend(&b"00000000000000000"[..whole.saturating_sub(significant)]);
            if significant > whole {
                text.extend(b".");
                text.extend(&digits[whole..]);
            }
        }
        -4..0 => {
            text.extend(&b"0.000"[..1 + exponent.unsigned_abs() as usize]);
            text.extend(digits);
        }
        _ => {
            text.extend(&digits[..1]);
            if significant > 1 {
                text.extend(b".");
                text.extend(&digits[1..]);
            }
            let _ = write!(text, "e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs());
        }
    }
}

/// Appends the text of `number` by C's `%.17f` without trailing zeros, `-0` as `0`; up to 327 bytes.
pub fn write_f64_human(out: &mut Vec<u8>, number: f64) {
    if !number.is_finite() {
        return out.extend_from_slice(&format_f64_17g(number));
    }
    let bits = number.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = match (bits >> 52 & 0x7ff) as i32 {
        0 => (fraction, -1074),
        biased => (fraction | 1 << 52, biased - 1075),
    };
    write_fixed17(out, number.is_sign_negative(), mantissa, exponent);
}

/// As `write_f64_human`, into a buffer of its own.
pub fn format_f64_human(number: f64) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    write_f64_human(&mut out, number);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn g(number: f64) -> String {
        String::from_utf8(format_f64_17g(number).to_vec()).unwrap()
    }

    #[test]
    fn doubles_print_as_c_prints_them() {
        let known = [
            (3.0, "3"),
            (-0.0, "-0"),
            (0.1, "0.10000000000000001"),
            (1e20, "1e+20"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e-7, "1.4999999999999999e-07"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (123456.789, "123456.789"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "4.9406564584124654e-324"),
            (1e15 + 0.25, "1000000000000000.2"),
            (1e15 + 0.75, "1000000000000000.8"),
            (-99999999999999984.0, "-99999999999999984"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (0.05, "0.050000000000000003"),
            (-1.25e-3, "-0.00125"),
            (1e100, "1e+100"),
        ];
        for (number, text) in known {
            assert_eq!(g(number), text);
        }
    }

    #[test]
    fn doubles_survive_their_text() {
        let mut rng = fastrand::Rng::with_seed(9);
        for _ in 0..100_000 {
            let number = f64::from_bits(rng.u64(..));
            if number.is_finite() {
                assert_eq!(parse_f64(&format_f64_17g(number)), Some(number));
            }
        }
    }

    #[test]
    fn arguments_are_read_strictly() {
        let good = [
            ("1", 1.0),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1e3),
            ("-Inf", f64::NEG_INFINITY),
            ("infinity", f64::INFINITY),
            ("0x1p-2", 0.25),
            ("0X.8", 0.5),
            ("-0xA", -10.0),
            ("0x1.", 1.0),
            ("0e999999999999999999999", 0.0),
            ("5e-324", 5e-324),
            ("0x1p-1074", 5e-324),
            ("0x1.fffffffffffff7p0", 2.0 - f64::EPSILON),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.00000000000008000000000000000000001p0", 1.0 + f64::EPSILON),
            ("0x1.fffffffffffff7p1023", f64::MAX),
            ("0x0p99999999999", 0.0),
            ("0x1.8p-1074", 1e-323),
        ];
        for (text, number) in good {
            assert_eq!(parse_f64(text.as_bytes()), Some(number), "{text}");
        }
        let bad = [
            "",
            " 1",
            "1 ",
            "nan",
            "-nan",
            "NaN",
            "nan(1)",
            "1e",
            "1e+",
            ".",
            "+",
            "-",
            "--1",
            "0x",
            "0x.",
            "0xp1",
            "0x1p",
            "1e400",
            "-1e400",
            "1e-400",
            "0x1p1024",
            "0x1p-1080",
            "1_0",
            "1\0",
            "infinit",
            "e5",
            "0x1.8.1",
            "1,5",
        ];
        for text in bad {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn range_ends_are_read_loosely() {
        let good = [
            (" 1", 1.0),
            ("", 0.0),
            ("1\0x", 1.0),
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("1e-400", 0.0),
        ];
        for (text, number) in good {
            assert_eq!(parse_f64_loose(text.as_bytes()), Some(number), "{text}");
        }
        for text in [" ", "1 ", "nan", "x"] {
            assert_eq!(parse_f64_loose(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn human_doubles_have_no_exponent_and_no_trailing_zeros() {
        let known = [
            (3.0, "3"),
            (-0.0, "0"),
            (0.1, "0.10000000000000001"),
            (1e22, "10000000000000000000000"),
            (1e-20, "0"),
            (13.361389338970184, "13.36138933897018433"),
        ];
        for (number, text) in known {
            assert_eq!(String::from_utf8(format_f64_human(number)).unwrap(), text);
        }
    }
}
