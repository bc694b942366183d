//! One listpack entry: its bytes out of a value, its value out of the bytes, and its size both ways.
//!
//! An entry is `<encoding and data><backlen>`. The first byte tells the encoding:
//!
//! | first byte  | meaning                                     |
//! |-------------|---------------------------------------------|
//! | `0xxxxxxx`  | integer 0..=127                             |
//! | `10xxxxxx`  | string, 6 bit length                        |
//! | `110xxxxx`  | integer of 13 bits, high bits first         |
//! | `1110xxxx`  | string, 12 bit length, high bits first      |
//! | `F0`        | string, 32 bit length, low byte first       |
//! | `F1`..`F4`  | integer of 16, 24, 32, 64 bits, low first   |
//! | `FF`        | end of the listpack                         |
//!
//! The backlen is the size of what is before it, in groups of seven bits, high group first, where every byte but the
//! first has its top bit set, so that it can be read backwards.
//!
//! Everything here is plain arithmetic on slices; an index out of range is a mistake of ours, since `Listpack` holds
//! only bytes that it wrote or validated.

/// Marks the end of a listpack.
pub(super) const END: u8 = 0xff;

/// An element as it is stored: an integer, or bytes. Bytes that spell an integer are stored as one, so the same
/// element has one form (except in data taken from outside, where both forms are legal; compare with `== [u8]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An element whose bytes are this number in decimal.
    Int(i64),
    /// Any other element.
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// Length of the element in bytes; of an integer, of its decimal form. O(1).
    pub fn len(&self) -> usize {
        match *self {
            Item::Int(value) => decimal_len(value),
            Item::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether the element is the empty string.
    pub fn is_empty(&self) -> bool {
        matches!(self, Item::Bytes([]))
    }

    /// The element's bytes in a vector of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        match *self {
            Item::Int(value) => itoa::Buffer::new().format(value).into(),
            Item::Bytes(bytes) => bytes.to_vec(),
        }
    }

    /// Appends the element's bytes to `out`.
    pub fn write_into(&self, out: &mut Vec<u8>) {
        match *self {
            Item::Int(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
            Item::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// The element's bytes, without allocating: an integer is written into `buf`, bytes are returned as they are.
    pub fn as_str_buf<'b>(&self, buf: &'b mut [u8; 24]) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Item::Int(value) => {
                let mut digits = itoa::Buffer::new();
                let digits = digits.format(value).as_bytes();
                let out = &mut buf[..digits.len()];
                out.copy_from_slice(digits);
                out
            }
            Item::Bytes(bytes) => bytes,
        }
    }

    /// The element as an integer, if it is the decimal form of one.
    pub fn to_int(&self) -> Option<i64> {
        match *self {
            Item::Int(value) => Some(value),
            Item::Bytes(bytes) => parse_int(bytes),
        }
    }
}

/// Whether the element's bytes are these: for literals.
impl<const N: usize> PartialEq<[u8; N]> for Item<'_> {
    fn eq(&self, other: &[u8; N]) -> bool {
        *self == other[..]
    }
}

/// Whether the element's bytes are these.
impl PartialEq<[u8]> for Item<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        match *self {
            Item::Int(value) => parse_int(other) == Some(value),
            Item::Bytes(bytes) => bytes == other,
        }
    }
}

fn decimal_len(value: i64) -> usize {
    let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
    digits + usize::from(value < 0)
}

/// The integer that `bytes` spell, if they are exactly how it is printed: no sign but `-`, no leading zero, no `-0`.
#[inline]
pub fn parse_int(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        // 19 digits fit 64 bits without a sign, and no i64 has more.
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut value = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    match negative {
        false => i64::try_from(value).ok(),
        true => (value <= 1 << 63).then(|| (value as i64).wrapping_neg()),
    }
}

/// An element encoded, ready to be written: `head`, then `body`, then the backlen.
pub(super) struct Entry<'a> {
    head: [u8; 9],
    head_len: u8,
    back_len: u8,
    body: &'a [u8],
}

impl<'a> Entry<'a> {
    #[inline]
    pub(super) fn new(value: &'a [u8]) -> Entry<'a> {
        match parse_int(value) {
            Some(int) => Entry::int(int),
            None => Entry::bytes(value),
        }
    }

    #[inline]
    pub(super) fn item(item: Item<'a>) -> Entry<'a> {
        match item {
            Item::Int(int) => Entry::int(int),
            Item::Bytes(bytes) => Entry::bytes(bytes),
        }
    }

    #[inline]
    pub(super) fn int(value: i64) -> Entry<'a> {
        let mut head = [0; 9];
        let wide = value.to_le_bytes();
        let head_len = match value {
            0..=127 => {
                head[0] = value as u8;
                1
            }
            -4096..=4095 => {
                head[0] = 0xc0 | (wide[1] & 0x1f);
                head[1] = wide[0];
                2
            }
            _ => {
                let (code, width) = match value {
                    -0x8000..=0x7fff => (0xf1, 2),
                    -0x80_0000..=0x7f_ffff => (0xf2, 3),
                    -0x8000_0000..=0x7fff_ffff => (0xf3, 4),
                    _ => (0xf4, 8),
                };
                head[0] = code;
                head[1..].copy_from_slice(&wide);
                width + 1
            }
        };
        Entry { head, head_len, back_len: 1, body: &[] }
    }

    /// Panics on 4 GiB and more, which no listpack can hold.
    #[inline]
    fn bytes(body: &'a [u8]) -> Entry<'a> {
        let mut head = [0; 9];
        let head_len = match body.len() {
            len @ 0..0x40 => {
                head[0] = 0x80 | len as u8;
                1
            }
            len @ 0x40..0x1000 => {
                head[0] = 0xe0 | (len >> 8) as u8;
                head[1] = len as u8;
                2
            }
            len => {
                let len = u32::try_from(len).expect("callers ask `would_fit` before they insert");
                head[0] = 0xf0;
                head[1..5].copy_from_slice(&len.to_le_bytes());
                5
            }
        };
        Entry { head, head_len, back_len: back_len(head_len as usize + body.len()) as u8, body }
    }

    /// Bytes the entry takes, backlen included.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.head_len as usize + self.body.len() + self.back_len as usize
    }

    /// Writes the entry to the start of `out`, which has `size` bytes at least.
    #[inline]
    pub(super) fn write(&self, out: &mut [u8]) {
        let (head_len, size) = (self.head_len as usize, self.head_len as usize + self.body.len());
        if head_len == 1 {
            out[0] = self.head[0];
        } else {
            out[..head_len].copy_from_slice(&self.head[..head_len]);
        }
        out[head_len..size].copy_from_slice(self.body);
        if self.back_len == 1 {
            out[size] = size as u8;
        } else {
            write_back(&mut out[size..size + self.back_len as usize], size);
        }
    }
}

/// Bytes that the entry of a string of `len` bytes takes if it is not an integer: an upper bound for any element.
pub(super) fn size_of_len(len: usize) -> usize {
    let head = match len {
        0..0x40 => 1,
        0x40..0x1000 => 2,
        _ => 5,
    };
    let size = head + len;
    size + back_len(size)
}

/// Bytes of the backlen of an entry whose encoding and data take `size`. Two of the limits are one less than seven bits
/// a byte would allow; it is the format, and files depend on it.
#[inline]
pub(super) fn back_len(size: usize) -> usize {
    match size {
        0..128 => 1,
        128..0x3fff => 2,
        0x3fff..0x1f_ffff => 3,
        0x1f_ffff..0xfff_ffff => 4,
        _ => 5,
    }
}

fn write_back(out: &mut [u8], size: usize) {
    let mut rest = size;
    for byte in out.iter_mut().rev() {
        *byte = (rest & 0x7f) as u8 | 0x80;
        rest >>= 7;
    }
    out[0] &= 0x7f;
}

/// The size written in the backlen that ends just before `end`.
#[inline]
pub(super) fn read_back(bytes: &[u8], end: usize) -> usize {
    let last = bytes[end - 1];
    if last < 0x80 {
        return last as usize;
    }
    let (mut size, mut shift) = ((last & 0x7f) as usize, 7);
    for &byte in bytes[..end - 1].iter().rev().take(4) {
        size |= ((byte & 0x7f) as usize) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    size
}

/// Where the entry after the one at `at` begins.
#[inline]
pub(super) fn skip(bytes: &[u8], at: usize) -> usize {
    let size = match bytes[at] {
        0..0x80 => return at + 2,
        byte @ 0x80..0xc0 => 1 + (byte & 0x3f) as usize,
        0xc0..0xe0 => return at + 3,
        byte @ 0xe0..0xf0 => 2 + (((byte & 0x0f) as usize) << 8 | bytes[at + 1] as usize),
        0xf0 => 5 + read_u32(bytes, at + 1) as usize,
        0xf1 => return at + 4,
        0xf2 => return at + 5,
        0xf3 => return at + 6,
        0xf4 => return at + 10,
        _ => panic!("a listpack position that is not that of an entry"),
    };
    at + size + back_len(size)
}

/// The element at `at`, and where the next entry begins.
#[inline]
pub(super) fn decode(bytes: &[u8], at: usize) -> (Item<'_>, usize) {
    let (head, len) = match bytes[at..] {
        [byte @ 0..0x80, ..] => return (Item::Int(i64::from(byte)), at + 2),
        [byte @ 0x80..0xc0, ..] => (1, (byte & 0x3f) as usize),
        // Up into the sign and down again: the thirteenth bit is the sign.
        [high @ 0xc0..0xe0, low, ..] => {
            return (Item::Int(i64::from((i16::from_be_bytes([high, low]) << 3) >> 3)), at + 3);
        }
        [high @ 0xe0..=0xef, low, ..] => (2, ((high & 0x0f) as usize) << 8 | low as usize),
        [0xf0, a, b, c, d, ..] => (5, u32::from_le_bytes([a, b, c, d]) as usize),
        [0xf1, a, b, ..] => return (Item::Int(i64::from(i16::from_le_bytes([a, b]))), at + 4),
        [0xf2, a, b, c, ..] => return (Item::Int(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)), at + 5),
        [0xf3, a, b, c, d, ..] => return (Item::Int(i64::from(i32::from_le_bytes([a, b, c, d]))), at + 6),
        [0xf4, a, b, c, d, e, f, g, h, ..] => {
            return (Item::Int(i64::from_le_bytes([a, b, c, d, e, f, g, h])), at + 10);
        }
        _ => panic!("a listpack position that is not that of an entry"),
    };
    let size = head + len;
    (Item::Bytes(&bytes[at + head..at + size]), at + size + back_len(size))
}

#[inline]
pub(super) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("the range is four bytes"))
}

/// Checks the entry at `at` in bytes from outside, of which `bytes` excludes the end mark; answers where the next begins.
///
/// Errors when the encoding is unknown, the entry does not fit, or the backlen is not the one we would write.
pub(super) fn validate(bytes: &[u8], at: usize) -> Result<usize, &'static str> {
    let rest = &bytes[at..];
    let size = match *rest {
        [] => return Err("listpack entry beyond the end"),
        [0..0x80, ..] => 1,
        [byte @ 0x80..0xc0, ..] => 1 + (byte & 0x3f) as usize,
        [0xc0..0xe0, ..] => 2,
        [byte @ 0xe0..=0xef, low, ..] => 2 + (((byte & 0x0f) as usize) << 8 | low as usize),
        [0xf0, a, b, c, d, ..] => 5 + u32::from_le_bytes([a, b, c, d]) as usize,
        [0xf1, ..] => 3,
        [0xf2, ..] => 4,
        [0xf3, ..] => 5,
        [0xf4, ..] => 9,
        _ => return Err("listpack entry of unknown or cut encoding"),
    };
    let back = back_len(size);
    // The usual one, without the detour.
    if back == 1 && rest.get(size).is_some_and(|found| *found as usize == size) {
        return Ok(at + size + 1);
    }
    let Some(found) = rest.get(size..size + back) else { return Err("listpack entry runs over the end") };
    let mut wanted = [0; 5];
    write_back(&mut wanted[..back], size);
    if found != &wanted[..back] {
        return Err("listpack entry with a wrong back length");
    }
    Ok(at + size + back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_printed_form_of_an_integer_is_an_integer() {
        for value in [0, 1, -1, 9, 10, 127, 128, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1, 1 << 40] {
            assert_eq!(parse_int(value.to_string().as_bytes()), Some(value));
            assert_eq!(Item::Int(value).len(), value.to_string().len());
        }
        let not = [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1a",
            "a",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "-01",
            "--1",
            "1\0",
        ];
        for text in not {
            assert_eq!(parse_int(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_back_length_reads_backwards_on_both_sides_of_each_limit() {
        let limits =
            [(127, 1), (128, 2), (16382, 2), (16383, 3), (2097150, 3), (2097151, 4), (268435454, 4), (268435455, 5)];
        for (size, len) in limits {
            assert_eq!(back_len(size), len, "{size}");
            let mut bytes = vec![0xff; len + 3];
            write_back(&mut bytes[3..], size);
            assert_eq!(read_back(&bytes, len + 3), size);
        }
        assert_eq!(read_back(&[0xff; 9], 9), (1 << 35) - 1, "a run of continuation bytes ends after five");
    }

    #[test]
    fn items_show_their_bytes_in_every_way() {
        let mut buf = [0; 24];
        for (item, bytes) in [(Item::Int(-12345), &b"-12345"[..]), (Item::Bytes(b"ab"), b"ab"), (Item::Bytes(b""), b"")]
        {
            let mut out = b"x".to_vec();
            item.write_into(&mut out);
            assert_eq!((&out[1..], item.as_str_buf(&mut buf), &item.to_vec()[..]), (bytes, bytes, bytes));
            assert!(
                item == *bytes && item != *b"-1234" && item.is_empty() == bytes.is_empty() && item.len() == bytes.len()
            );
        }
        assert_eq!(Item::Int(i64::MIN).as_str_buf(&mut buf), b"-9223372036854775808");
        assert_eq!(
            (Item::Bytes(b"7").to_int(), Item::Bytes(b"x").to_int(), Item::Int(3).to_int()),
            (Some(7), None, Some(3))
        );
    }
}
