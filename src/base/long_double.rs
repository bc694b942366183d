//! `LongDouble`: the 80-bit extended precision of x87, which INCRBYFLOAT and HINCRBYFLOAT compute in.
//!
//! Clients see the 64-bit mantissa: 0.1 added to 0.2 gives 0.3. Reading is C's `strtold`, rounding to nearest, ties to
//! even; writing is `%.17Lf` with trailing zeros removed. Addition and the general case of reading decimals are
//! `rustc_apfloat`'s; decimals of up to 19 digits with a small exponent, the usual ones, are read here with the same
//! result by one multiplication or division of integers.

use std::fmt;
use std::ops::Add;

use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Round, Status};

use super::float::{has_nonzero_digit, round_to_even, scan_exponent, scan_hex, split_sign};

/// The longest text that is read, in bytes; also more than the longest that is written.
const MAX_TEXT: usize = 5 * 1024 - 1;
/// Mantissa bits, the leading one included.
const PRECISION: u32 = 64;
/// The weight of the last bit of the smallest number.
const MIN_EXPONENT: i32 = -16445;
/// What is added to the weight of the last bit to make the stored exponent.
const BIAS: i32 = 16446;

/// A number of x87 extended precision.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct LongDouble(X87DoubleExtended);

impl LongDouble {
    /// Reads a number: all of `text` must be one, by the grammar of `strtold` without spaces before it. Infinities by name
    /// and hexadecimal floats are accepted; NaN, numbers out of range and those that become zero are refused.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let (negative, digits) = split_sign(text);
        if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::from_bits(negative, 0x7fff, 1 << 63));
        }
        if let Some(hex) = scan_hex(digits) {
            let (mantissa, exponent) = round_to_even(hex.mantissa, hex.exponent, hex.sticky, PRECISION, MIN_EXPONENT);
            return if mantissa == 0 && hex.mantissa != 0 { None } else { Self::compose(negative, mantissa, exponent) };
        }
        let decimal = Decimal::scan(digits)?;
        decimal.read_fast(negative).or_else(|| decimal.read_exactly(negative, digits))
    }

    /// Whether this is no number, such as the sum of two opposite infinities.
    pub fn is_nan(self) -> bool {
        self.0.is_nan()
    }

    /// Whether this is an infinity.
    pub fn is_inf(self) -> bool {
        self.0.is_infinite()
    }

    /// The product with `factor`, rounded once, as the next greater integer; `None` when that is out of range.
    pub fn times_ceil(self, factor: i64) -> Option<i64> {
        let product = (self.0 * Self::from(factor).0).value;
        let integer = product.to_i128_r(64, Round::TowardPositive, &mut false);
        if integer.status.contains(Status::INVALID_OP) { None } else { i64::try_from(integer.value).ok() }
    }

    /// Appends the text by `%.17Lf` without trailing zeros, `-0` as `0`; infinities as `inf` and `-inf`. The text of a
    /// number near the top of the range has nearly 5000 digits and takes time with their square.
    pub fn write_human(self, out: &mut Vec<u8>) {
        if self.is_nan() {
            return out.extend_from_slice(b"nan");
        }
        let negative = self.0.is_negative();
        if self.is_inf() {
            return out.extend_from_slice(if negative { b"-inf" } else { b"inf" });
        }
        let bits = self.0.to_bits();
        let exponent = ((bits >> 64) as i32 & 0x7fff).max(1) - BIAS;
        write_fixed17(out, negative, bits as u64, exponent);
    }

    /// As `write_human`, into a buffer of its own.
    pub fn to_human(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        self.write_human(&mut out);
        out
    }

    /// `mantissa * 2^exponent`, which must be exact but for its range; `None` when it is too large.
    fn compose(negative: bool, mantissa: u64, exponent: i32) -> Option<Self> {
        if mantissa == 0 {
            return Some(Self::from_bits(negative, 0, 0));
        }
        let room = exponent.saturating_sub(MIN_EXPONENT).max(0) as u32;
        let shift = mantissa.leading_zeros().min(room);
        let (mantissa, exponent) = (mantissa << shift, exponent - shift as i32);
        // Without its leading bit the number is subnormal, which is stored as exponent zero.
        let stored = if mantissa >> 63 == 1 { exponent.saturating_add(BIAS) } else { 0 };
        (stored < 0x7fff).then(|| Self::from_bits(negative, stored as u32, mantissa))
    }

    fn from_bits(negative: bool, stored_exponent: u32, mantissa: u64) -> Self {
        let top = u128::from(negative) << 15 | u128::from(stored_exponent);
        Self(X87DoubleExtended::from_bits(top << 64 | u128::from(mantissa)))
    }
}

impl Add for LongDouble {
    type Output = Self;

    /// The sum, rounded once.
    fn add(self, other: Self) -> Self {
        Self((self.0 + other.0).value)
    }
}

impl From<i64> for LongDouble {
    /// Exact: every `i64` fits the mantissa.
    fn from(number: i64) -> Self {
        let magnitude = number.unsigned_abs();
        let stored = if magnitude == 0 { 0 } else { 63 - magnitude.leading_zeros() + 16383 };
        let mantissa = magnitude.checked_shl(magnitude.leading_zeros()).unwrap_or(0);
        Self::from_bits(number < 0, stored, mantissa)
    }
}

impl fmt::Debug for LongDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_human()))
    }
}

/// An unsigned decimal float whose grammar was checked: `mantissa * 10^exponent`.
struct Decimal {
    /// The digits without leading zeros, as far as they fit; meaningful when `whole`.
    mantissa: u64,
    exponent: i64,
    /// Whether the mantissa holds all digits.
    whole: bool,
}

/// Powers of five, all that fit in 64 bits.
const FIVES: [u64; 28] = {
    let mut powers = [1u64; 28];
    let mut i = 1;
    while i < 28 {
        powers[i] = powers[i - 1] * 5;
        i += 1;
    }
    powers
};

impl Decimal {
    fn scan(text: &[u8]) -> Option<Self> {
        let mut decimal = Self { mantissa: 0, exponent: 0, whole: true };
        let (mut digits, mut after_point) = (0usize, false);
        for (i, &byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    digits += 1;
                    let next = decimal.mantissa.checked_mul(10).and_then(|m| m.checked_add(u64::from(byte - b'0')));
                    match next {
                        Some(next) if decimal.whole => decimal.mantissa = next,
                        _ => decimal.whole = false,
                    }
                    decimal.exponent -= i64::from(after_point);
                }
                b'.' if !after_point => after_point = true,
                b'e' | b'E' if digits > 0 => {
                    decimal.exponent += scan_exponent(&text[i + 1..])?;
                    return Some(decimal);
                }
                _ => return None,
            }
        }
        (digits > 0).then_some(decimal)
    }

    /// The number when mantissa and power of ten are both exact in 64 bits.
    fn read_fast(&self, negative: bool) -> Option<LongDouble> {
        if !self.whole {
            return None;
        }
        if self.mantissa == 0 {
            return LongDouble::compose(negative, 0, 0);
        }
        let power = i32::try_from(self.exponent).ok()?;
        let five = u128::from(*FIVES.get(power.unsigned_abs() as usize)?);
        let (scaled, exponent, sticky) = if power >= 0 {
            (u128::from(self.mantissa) * five, power, false)
        } else {
            // The numerator fills 128 bits and the divisor at most 63, which leaves more bits than are kept.
            let shift = u128::from(self.mantissa).leading_zeros();
            let numerator = u128::from(self.mantissa) << shift;
            (numerator / five, power - shift as i32, numerator % five != 0)
        };
        let (mantissa, exponent) = round_to_even(scaled, exponent, sticky, PRECISION, MIN_EXPONENT);
        LongDouble::compose(negative, mantissa, exponent)
    }

    /// The number whatever its size; `digits` is the text that was scanned.
    fn read_exactly(&self, negative: bool, digits: &[u8]) -> Option<LongDouble> {
        let nonzero = has_nonzero_digit(digits);
        if !nonzero {
            return LongDouble::compose(negative, 0, 0);
        }
        // Written anew with a bounded exponent, since the library's own reading of exponents need not be trusted. More
        // digits than `MAX_TEXT` there are not, so what is held at the bound is out of range.
        let end = digits.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(digits.len());
        let mut text: String =
            digits[..end].iter().filter(|&&byte| byte != b'.').map(|&byte| char::from(byte)).collect();
        text.push_str(&format!("e{}", self.exponent.clamp(-20_000, 20_000)));
        let number: X87DoubleExtended = text.parse().ok()?;
        if number.is_infinite() || number.is_zero() {
            return None;
        }
        Some(LongDouble(if negative { -number } else { number }))
    }
}

/// Appends `mantissa * 2^exponent` by `%.17f`, exactly rounded, without trailing zeros; no sign for `0`.
pub(super) fn write_fixed17(out: &mut Vec<u8>, negative: bool, mantissa: u64, exponent: i32) {
    let start = out.len();
    if negative {
        out.push(b'-');
    }
    if exponent > 0 && mantissa.leading_zeros() < exponent as u32 {
        return write_shifted(out, mantissa, exponent as u32);
    }
    let (mut whole, mut fraction) =
        if exponent >= 0 { (mantissa << exponent, 0) } else { split17(mantissa, -exponent) };
    const ONE: u64 = 10u64.pow(17);
    if fraction == ONE {
        whole += 1;
        fraction = 0;
    }
    if whole == 0 && fraction == 0 {
        out.truncate(start);
        return out.push(b'0');
    }
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if fraction != 0 {
        // A one in front keeps the leading zeros of the fraction; the point then takes its place.
        let point = out.len();
        out.extend_from_slice(itoa::Buffer::new().format(ONE + fraction).as_bytes());
        out[point] = b'.';
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// `mantissa / 2^shift` as its whole part and its fraction in units of 10^-17, rounded (so the unit may be reached).
fn split17(mantissa: u64, shift: i32) -> (u64, u64) {
    let (whole, rest) = if shift < 64 { (mantissa >> shift, mantissa & ((1 << shift) - 1)) } else { (0, mantissa) };
    // Below 2^121, so beyond this shift it is less than half a unit.
    let scaled = u128::from(rest) * 10u128.pow(17);
    if shift > 122 {
        return (whole, 0);
    }
    let kept = scaled >> shift;
    let half = 1u128 << (shift - 1);
    let below = scaled & (half | (half - 1));
    let up = below > half || below == half && kept & 1 == 1;
    (whole, kept as u64 + u64::from(up))
}

/// Appends `mantissa << shift`, which need not fit any integer type.
fn write_shifted(out: &mut Vec<u8>, mantissa: u64, shift: u32) {
    const CHUNK: u64 = 1_000_000_000;
    let mut limbs = vec![0u32; shift as usize / 32];
    let spread = u128::from(mantissa) << (shift % 32);
    limbs.extend([spread as u32, (spread >> 32) as u32, (spread >> 64) as u32]);
    let mut chunks = Vec::with_capacity(limbs.len() * 32 / 29 + 1);
    loop {
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        if limbs.is_empty() {
            break;
        }
        let mut rest = 0u64;
        for limb in limbs.iter_mut().rev() {
            let number = rest << 32 | u64::from(*limb);
            *limb = (number / CHUNK) as u32;
            rest = number % CHUNK;
        }
        chunks.push(rest);
    }
    let mut buffer = itoa::Buffer::new();
    for (i, &chunk) in chunks.iter().rev().enumerate() {
        // A one in front keeps the leading zeros of all chunks but the first.
        let digits = if i == 0 { buffer.format(chunk) } else { &buffer.format(CHUNK + chunk)[1..] };
        out.extend_from_slice(digits.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn human(text: &str) -> Option<String> {
        Some(String::from_utf8(LongDouble::parse(text.as_bytes())?.to_human()).unwrap())
    }

    fn sum(a: &str, b: &str) -> String {
        let (a, b) = (LongDouble::parse(a.as_bytes()).unwrap(), LongDouble::parse(b.as_bytes()).unwrap());
        String::from_utf8((a + b).to_human()).unwrap()
    }

    #[test]
    fn small_decimals_add_up_without_surprise() {
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("5.0e3", "2.0e2"), "5200");
        assert_eq!(sum("3", "-3"), "0");
        assert_eq!(sum("-0", "-0"), "0");
        assert_eq!(sum("9223372036854775807", "1"), "9223372036854775808");
        assert_eq!(sum("1e-18", "1e-17"), "0.00000000000000001");
    }

    #[test]
    fn opposite_infinities_have_no_sum() {
        let (plus, minus) = (LongDouble::parse(b"inf").unwrap(), LongDouble::parse(b"-Infinity").unwrap());
        assert!((plus + minus).is_nan() && (plus + plus).is_inf() && !plus.is_nan());
        let top = LongDouble::parse(b"1.18973149535723176502e+4932").unwrap();
        assert!(!top.is_inf() && (top + top).is_inf());
    }

    #[test]
    fn the_grammar_is_that_of_strtold() {
        assert_eq!(human("0x1.8p1").as_deref(), Some("3"));
        assert_eq!(human("1e4932").map(|text| text.len()), Some(4933));
        assert_eq!(human("3.6e-4951").as_deref(), Some("0"));
        assert_eq!(human("0x1p-16445").as_deref(), Some("0"));
        assert_eq!(human("-1e-30").as_deref(), Some("0"));
        assert_eq!(human("0.000000000000000006").as_deref(), Some("0.00000000000000001"));
        assert_eq!(human("00012.5000").as_deref(), Some("12.5"));
        assert_eq!(human(&"1".repeat(40)).as_deref(), Some("1111111111111111111111671891239418986496"));
        let long = format!("0.{}1e5000", "0".repeat(5000));
        assert_eq!(human(&long).as_deref(), Some("0.1"));
        for bad in ["", " 1", "1 ", "nan", "1e5000", "1e-5000", "1e", "e1", ".", "0x", "1..2", "-", "0x1p16384", "1\0"]
        {
            assert_eq!(human(bad), None, "{bad}");
        }
        assert_eq!(human(&"1".repeat(5120)), None);
    }

    #[test]
    fn integers_convert_exactly() {
        let mut rng = fastrand::Rng::with_seed(17);
        for number in (0..2000).map(|_| rng.i64(..) >> rng.u32(..64)).chain([0, 1, -1, i64::MIN, i64::MAX]) {
            assert_eq!(LongDouble::from(number).to_human(), number.to_string().into_bytes());
            assert!(LongDouble::parse(number.to_string().as_bytes()).unwrap() == LongDouble::from(number));
        }
    }

    #[test]
    fn the_fast_reading_equals_the_exact_one() {
        let seed = 19;
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let mantissa = rng.u64(..) >> rng.u32(..64);
            let text = format!("{mantissa}e{}", rng.i32(-27..=27));
            let decimal = Decimal::scan(text.as_bytes()).unwrap();
            let (fast, exact) = (decimal.read_fast(false).unwrap(), decimal.read_exactly(false, text.as_bytes()));
            assert!(fast == exact.unwrap_or(fast), "seed {seed}: {text}");
        }
    }

    #[test]
    fn large_numbers_are_written_to_the_last_digit() {
        for (text, digits) in [("0x1p64", "18446744073709551616"), ("0x1p100", "1267650600228229401496703205376")] {
            assert_eq!(human(text).as_deref(), Some(digits));
        }
    }

    #[test]
    fn a_product_is_rounded_up_or_refused() {
        let times = |text: &str| LongDouble::parse(text.as_bytes()).unwrap().times_ceil(1000);
        for (text, expected) in [
            ("0", Some(0)),
            ("0.0001", Some(1)),
            ("1.5", Some(1500)),
            ("-0.001", Some(0)),
            ("-0.002", Some(-1)),
            ("9223372036854775", Some(9_223_372_036_854_775_000)),
            ("9223372036854776", None),
            ("1e400", None),
            ("inf", None),
            ("-inf", None),
        ] {
            assert_eq!(times(text), expected, "{text}");
        }
    }
}
