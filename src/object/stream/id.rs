//! The ids of stream entries: milliseconds and a sequence number, `<ms>-<seq>` in text, ordered by both.
//!
//! Promise: text is read as Redis reads it, which for a number that is not in its canonical form means as `strtoull`
//! does (white space before it, a sign, leading zeros).

use crate::base::num::parse_i64;

/// The id of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StreamId {
    /// The moment, in Unix milliseconds, or whatever the client chose.
    pub ms: u64,
    /// Tells entries of one moment apart.
    pub seq: u64,
}

/// Longest text of an id that is read, in bytes.
const TEXT_MAX_BYTES: usize = 127;

impl StreamId {
    /// The least id, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The greatest id.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// An id of its parts.
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The id after this one, if there is one.
    pub fn next(self) -> Option<StreamId> {
        match (self.ms, self.seq) {
            (u64::MAX, u64::MAX) => None,
            (ms, u64::MAX) => Some(StreamId::new(ms + 1, 0)),
            (ms, seq) => Some(StreamId::new(ms, seq + 1)),
        }
    }

    /// The id before this one, if there is one.
    pub fn previous(self) -> Option<StreamId> {
        match (self.ms, self.seq) {
            (0, 0) => None,
            (ms, 0) => Some(StreamId::new(ms - 1, u64::MAX)),
            (ms, seq) => Some(StreamId::new(ms, seq - 1)),
        }
    }

    /// The 16 bytes, high first, by which files know a block of entries.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// The id of its 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> StreamId {
        let number = u128::from_be_bytes(bytes);
        StreamId { ms: (number >> 64) as u64, seq: number as u64 }
    }

    /// Reads `<ms>-<seq>`, or `<ms>` alone, which is given `missing_seq`.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        let (ms, seq) = halves(text)?;
        let seq = match seq {
            None => missing_seq,
            Some(seq) => parse_half(seq)?,
        };
        Some(StreamId { ms: parse_half(ms)?, seq })
    }

    /// Reads the id of a new entry: as [`StreamId::parse`] does, or `<ms>-*`, which leaves the second number open.
    pub fn parse_new(text: &[u8]) -> Option<(u64, Option<u64>)> {
        let (ms, seq) = halves(text)?;
        let seq = match seq {
            None => Some(0),
            Some(b"*") => None,
            Some(seq) => Some(parse_half(seq)?),
        };
        Some((parse_half(ms)?, seq))
    }

    /// The text `<ms>-<seq>`.
    #[inline]
    pub fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; 41], len: 0 };
        text.push(itoa::Buffer::new().format(self.ms).as_bytes());
        text.push(b"-");
        text.push(itoa::Buffer::new().format(self.seq).as_bytes());
        text
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// An id as text.
#[derive(Clone, Copy)]
pub struct IdText {
    bytes: [u8; 41],
    len: usize,
}

impl IdText {
    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    /// The text.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What is before and after the first dash. Like a C string, the text ends at its first NUL.
fn halves(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.len() > TEXT_MAX_BYTES {
        return None;
    }
    let text = text.split(|byte| *byte == 0).next()?;
    Some(match text.iter().position(|byte| *byte == b'-') {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    })
}

fn parse_half(text: &[u8]) -> Option<u64> {
    match parse_i64(text) {
        Some(number) => u64::try_from(number).ok(),
        None => parse_loosely(text),
    }
}

/// As `strtoull` reads the whole of a text.
fn parse_loosely(text: &[u8]) -> Option<u64> {
    let start = text.iter().position(|byte| !matches!(byte, b' ' | 9..=13))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for byte in digits {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        let id = |ms, seq| Some(StreamId::new(ms, seq));
        for (text, read) in [
            (&b"5-7"[..], id(5, 7)),
            (b"5", id(5, 9)),
            (b"0-0", id(0, 0)),
            (b"18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            (b" +07-007", id(7, 7)),
            (b"1--01", id(1, u64::MAX)),
            (b"1-1\0x", id(1, 1)),
            (b"18446744073709551616-0", None),
            (b"", None),
            (b"-", None),
            (b"+", None),
            (b"-1", None),
            (b"1-", None),
            (b"1--1", None),
            (b"1-1-1", None),
            (b"1-*", None),
            (b"x", None),
            (b"1 ", None),
            (&[b'1'; 128], None),
        ] {
            assert_eq!(StreamId::parse(text, 9), read, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(StreamId::parse_new(b"5-*"), Some((5, None)));
        assert_eq!(StreamId::parse_new(b"5"), Some((5, Some(0))));
        assert_eq!(StreamId::parse_new(b"*-1"), None);
    }

    #[test]
    fn neighbours_carry_from_one_number_to_the_other() {
        assert_eq!(StreamId::new(1, u64::MAX).next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).previous(), Some(StreamId::new(1, u64::MAX)));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
        let id = StreamId::new(1 << 40, 77);
        assert_eq!(StreamId::from_bytes(id.to_bytes()), id);
        assert_eq!(id.text().as_bytes(), id.to_string().as_bytes());
        assert_eq!(StreamId::MAX.text().as_bytes().len(), 41);
    }
}
