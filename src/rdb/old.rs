//! The packed forms that servers before Redis 7 wrote: the ziplist and, before 2.6, the zipmap.
//!
//! ```text
//! ziplist   bytes: u32 | tail: u32 | count: u16 | entry ... entry | FF                      (low byte first)
//! entry     size of the entry before (1 byte, or FE and 4) | encoding | data
//! zipmap    count | (length, field, length, free: u8, value, free bytes) ... | FF
//! length    1 byte below FE, or FE and 4
//! ```
//!
//! Promises: every entry is checked before it is given, and so is what the headers say of the whole; nothing is
//! allocated beyond the listpack that is made.

use crate::structs::listpack::{Item, Listpack, MAX_BYTES};

const ZIPLIST_HEADER: usize = 10;
const END: u8 = 0xff;
const BIG: u8 = 0xfe;

/// Gives each element of a ziplist. False when it is not well formed, or as soon as `each` says so.
pub(super) fn ziplist(bytes: &[u8], mut each: impl FnMut(Item<'_>) -> bool) -> bool {
    walk_ziplist(bytes, &mut each).is_some()
}

fn walk_ziplist(bytes: &[u8], each: &mut impl FnMut(Item<'_>) -> bool) -> Option<()> {
    let total = u32::from_le_bytes(*bytes.first_chunk()?);
    let tail = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    let said = u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    let (last, body) = bytes.get(ZIPLIST_HEADER..)?.split_last()?;
    if total as usize != bytes.len() || *last != END {
        return None;
    }
    let (mut at, mut before, mut size, mut count) = (0, 0, 0, 0usize);
    while at < body.len() {
        let entry = &body[at..];
        let (claimed, rest) = match entry {
            [BIG, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
            [BIG..=END, ..] | [] => return None,
            [byte, rest @ ..] => (usize::from(*byte), rest),
        };
        if claimed != size {
            return None;
        }
        let (item, rest) = ziplist_item(rest)?;
        if !each(item) {
            return None;
        }
        (before, size) = (at, entry.len() - rest.len());
        at += size;
        count += 1;
    }
    let tail_fits = count == 0 || tail as usize == ZIPLIST_HEADER + before;
    let count_fits = said == u16::MAX || usize::from(said) == count;
    (tail_fits && count_fits).then_some(())
}

/// The element that begins with its encoding, and what follows it.
fn ziplist_item(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (encoding, rest) = bytes.split_first()?;
    let (len, rest) = match encoding {
        0..0x40 => (usize::from(*encoding), rest),
        0x40..0x80 => {
            let (low, rest) = rest.split_first()?;
            (usize::from(encoding & 0x3f) << 8 | usize::from(*low), rest)
        }
        0x80..0xc0 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u32::from_be_bytes(*len) as usize, rest)
        }
        _ => return ziplist_int(*encoding, rest).map(|(value, rest)| (Item::Int(value), rest)),
    };
    let (text, rest) = rest.split_at_checked(len)?;
    Some((Item::Bytes(text), rest))
}

fn ziplist_int(encoding: u8, bytes: &[u8]) -> Option<(i64, &[u8])> {
    Some(match encoding {
        0xc0 => bytes.split_first_chunk().map(|(data, rest)| (i64::from(i16::from_le_bytes(*data)), rest))?,
        0xd0 => bytes.split_first_chunk().map(|(data, rest)| (i64::from(i32::from_le_bytes(*data)), rest))?,
        0xe0 => bytes.split_first_chunk().map(|(data, rest)| (i64::from_le_bytes(*data), rest))?,
        0xf0 => {
            let ([a, b, c], rest) = bytes.split_first_chunk()?;
            (i64::from(i32::from_le_bytes([0, *a, *b, *c]) >> 8), rest)
        }
        0xfe => bytes.split_first().map(|(byte, rest)| (i64::from(*byte as i8), rest))?,
        0xf1..=0xfd => (i64::from(encoding & 0x0f) - 1, bytes),
        _ => return None,
    })
}

/// The elements of a ziplist as a listpack; `None` when it is not well formed, or too long for one.
pub(super) fn ziplist_to_listpack(bytes: &[u8]) -> Option<Listpack> {
    // An entry may take a few bytes more than it took.
    if bytes.len() > MAX_BYTES / 4 {
        return None;
    }
    let mut pack = Listpack::with_capacity(bytes.len());
    let sound = ziplist(bytes, |item| {
        match item {
            Item::Int(value) => pack.push_back_int(value),
            Item::Bytes(text) => pack.push_back(text),
        };
        true
    });
    sound.then_some(pack)
}

/// The fields and values of a zipmap as a listpack, with the length of the longest; `None` when it is not well formed
/// or empty, or too long for one.
pub(super) fn zipmap_to_listpack(bytes: &[u8]) -> Option<(Listpack, usize)> {
    let (said, rest) = bytes.split_first()?;
    let (last, mut rest) = rest.split_last()?;
    if *last != END || bytes.len() > MAX_BYTES / 4 {
        return None;
    }
    let (mut pack, mut longest, mut count) = (Listpack::with_capacity(bytes.len()), 0, 0usize);
    while !rest.is_empty() {
        let (len, after) = zipmap_length(rest)?;
        let (field, after) = after.split_at_checked(len)?;
        let (len, after) = zipmap_length(after)?;
        let (free, after) = after.split_first()?;
        let (value, after) = after.split_at_checked(len)?;
        let (_, after) = after.split_at_checked(usize::from(*free))?;
        pack.push_back(field);
        pack.push_back(value);
        longest = longest.max(field.len()).max(value.len());
        count += 1;
        rest = after;
    }
    let fits = *said >= BIG || usize::from(*said) == count;
    (count > 0 && fits).then_some((pack, longest))
}

fn zipmap_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [BIG, a, b, c, d, rest @ ..] => {
            let len = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
            // A short length has one form only.
            (len >= usize::from(BIG)).then_some((len, rest))
        }
        [END, ..] | [] => None,
        [byte, rest @ ..] => Some((usize::from(*byte), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of RPUSH 1 "a" -5 300 70000 10000000000 in Redis 2.8.
    const ZIPLIST: &[u8] = b"\x27\0\0\0\x1c\0\0\0\x06\0\0\xf2\x02\x01a\x03\xfe\xfb\x03\xc0\x2c\x01\x04\xd0\x70\x11\x01\
        \0\x06\xe0\0\xe4\x0b\x54\x02\0\0\0\xff";

    fn items(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        ziplist(bytes, |item| {
            all.push(item.to_vec());
            true
        })
        .then_some(all)
    }

    #[test]
    fn a_ziplist_gives_its_elements() {
        let bytes = ZIPLIST.to_vec();
        let expected = ["1", "a", "-5", "300", "70000", "10000000000"].map(|text| text.as_bytes().to_vec());
        assert_eq!(items(&bytes).as_deref(), Some(&expected[..]));
        let pack = ziplist_to_listpack(&bytes).unwrap();
        pack.check();
        assert_eq!(pack.iter().map(|item| item.to_vec()).collect::<Vec<_>>(), expected);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                ziplist_to_listpack(&damaged);
            }
            assert_eq!(items(&bytes[..at]), None);
        }
    }

    #[test]
    fn a_zipmap_gives_its_fields() {
        let bytes = b"\x02\x03foo\x03\x00bar\x05hello\x05\x02worldxx\xff";
        let (pack, longest) = zipmap_to_listpack(bytes).unwrap();
        let texts: Vec<_> = pack.iter().map(|item| item.to_vec()).collect();
        assert_eq!((texts, longest), (["foo", "bar", "hello", "world"].map(|text| text.as_bytes().to_vec()).into(), 5));
        for at in 0..bytes.len() {
            assert!(zipmap_to_listpack(&bytes[..at]).is_none());
            for bit in 0..8 {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 1 << bit;
                zipmap_to_listpack(&damaged);
            }
        }
        assert!(zipmap_to_listpack(b"\x00\xff").is_none(), "no empty one was ever written");
    }
}
