//! LZF as liblzf writes it: the compression inside RDB files, DUMP payloads and the deep blocks of lists.
//!
//! ```text
//! 000LLLLL                     L + 1 literal bytes follow
//! LLLooooo oooooooo            L + 2 bytes from o + 1 bytes back, L from 1 to 6
//! 111ooooo LLLLLLLL oooooooo   L + 9 bytes from o + 1 bytes back
//! ```
//!
//! Promises: the compressed bytes are those of liblzf with the parameters Redis builds it with (a table of 2^16 places
//! that begins empty), so payloads can be compared with Redis's; whatever the input, neither direction panics or writes
//! beyond the room it is given.

use std::cell::RefCell;

/// Places of the table.
const PLACES: usize = 1 << 16;
/// Longest run of literals, in bytes.
const LITERALS_MAX: usize = 1 << 5;
/// Farthest reference, in bytes.
const OFFSET_MAX: usize = 1 << 13;
/// Longest reference, in bytes.
const REFERENCE_MAX: usize = (1 << 8) + (1 << 3);
/// Bytes that three bytes of compressed data can stand for at most.
const EXPANSION_MAX: usize = 88;

/// Longest input that is compressed, in bytes: the table holds positions in 32 bits.
pub const INPUT_MAX_BYTES: usize = 1 << 30;

/// Where each hash was last seen. Positions count on from one input to the next, so that those of earlier inputs are
/// told from those of this one without clearing the table.
struct Places {
    at: Box<[u32]>,
    base: u32,
}

thread_local! {
    static TABLE: RefCell<Option<Places>> = const { RefCell::new(None) };
}

/// The first three bytes from `at` on make a place; `hash` holds the two before the last.
#[inline(always)]
fn place(hash: u32) -> usize {
    ((hash >> 8).wrapping_sub(hash.wrapping_mul(5))) as usize & (PLACES - 1)
}

/// Compresses `input` into `out`; the number of bytes written, or `None` when they do not fit (or the input is shorter
/// than 4 bytes, or longer than [`INPUT_MAX_BYTES`]). O(n); one table of 256 KiB is kept for each thread that comes here.
pub fn compress(input: &[u8], out: &mut [u8]) -> Option<usize> {
    if input.len() < 4 || input.len() > INPUT_MAX_BYTES || out.is_empty() {
        return None;
    }
    TABLE.with_borrow_mut(|table| {
        let table = table.get_or_insert_with(|| Places { at: vec![0; PLACES].into(), base: 0 });
        // Fits: the length was just bounded.
        let len = input.len() as u32;
        if table.base > u32::MAX - len {
            table.at.fill(0);
            table.base = 0;
        }
        let base = table.base;
        table.base += len;
        let at: &mut [u32; PLACES] = table.at.as_mut().try_into().ok()?;
        compress_with(input, out, at, base)
    })
}

fn compress_with(input: &[u8], out: &mut [u8], table: &mut [u32; PLACES], base: u32) -> Option<usize> {
    let (end, out_end) = (input.len(), out.len());
    // The run of literals that is being written has its head at `to - literals - 1`.
    let (mut at, mut to, mut literals) = (0, 1, 0);
    let mut hash = u32::from(input[0]) << 8 | u32::from(input[1]);
    while at + 2 < end {
        hash = hash << 8 | u32::from(input[at + 2]);
        let slot = &mut table[place(hash)];
        let seen = std::mem::replace(slot, base + at as u32);
        // Never the first byte, which is how liblzf has it.
        let back = if seen > base { (seen - base) as usize } else { 0 };
        if back == 0 || at - back > OFFSET_MAX || input[back..back + 3] != input[at..at + 3] {
            let byte = input[at];
            *out.get_mut(to)? = byte;
            (at, to, literals) = (at + 1, to + 1, literals + 1);
            if literals == LITERALS_MAX {
                out[to - literals - 1] = literals as u8 - 1;
                (to, literals) = (to + 1, 0);
            }
            continue;
        }
        let head = usize::from(literals == 0);
        if to - head + 4 >= out_end {
            return None;
        }
        if literals > 0 {
            out[to - literals - 1] = literals as u8 - 1;
        }
        to -= head;
        let (len, offset) = (match_len(input, back, at), at - back - 1);
        let units = len - 2;
        if units < 7 {
            out[to] = (offset >> 8) as u8 | (units as u8) << 5;
            to += 1;
        } else {
            out[to] = (offset >> 8) as u8 | 7 << 5;
            out[to + 1] = (units - 7) as u8;
            to += 2;
        }
        out[to] = offset as u8;
        (to, literals) = (to + 2, 0);
        at += len;
        if at + 2 >= end {
            break;
        }
        // Of the bytes passed over, the last two get their places.
        hash = u32::from(input[at - 2]) << 8 | u32::from(input[at - 1]);
        for from in [at - 2, at - 1] {
            hash = hash << 8 | u32::from(input[from + 2]);
            table[place(hash)] = base + from as u32;
        }
    }
    if to + 3 > out_end {
        return None;
    }
    for byte in &input[at..] {
        out[to] = *byte;
        (to, literals) = (to + 1, literals + 1);
        if literals == LITERALS_MAX {
            out[to - literals - 1] = literals as u8 - 1;
            (to, literals) = (to + 1, 0);
        }
    }
    if literals == 0 {
        return Some(to - 1);
    }
    out[to - literals - 1] = literals as u8 - 1;
    Some(to)
}

/// How many bytes from `at` on equal those from `back` on, three being known. Ends where liblzf ends, which is two bytes
/// early near the end of the input unless more than 16 are left.
#[inline]
fn match_len(input: &[u8], back: usize, at: usize) -> usize {
    let most = (input.len() - at - 2).min(REFERENCE_MAX);
    let (old, new) = (&input[back..], &input[at..]);
    let mut len = 2;
    if most > 16 {
        while len < 18 {
            len += 1;
            if old[len] != new[len] {
                return len;
            }
        }
    }
    loop {
        len += 1;
        if len >= most || old[len] != new[len] {
            return len;
        }
    }
}

/// Whether so many compressed bytes can stand for `len` bytes: to be asked before `len` bytes are allocated.
pub fn may_expand(compressed: usize, len: usize) -> bool {
    len / EXPANSION_MAX <= compressed
}

/// Decompresses `input` into `out`; the number of bytes written, or `None` when the input is damaged or holds more than
/// `out` has room for. O(bytes).
pub fn decompress(input: &[u8], out: &mut [u8]) -> Option<usize> {
    let (mut at, mut to) = (0, 0);
    while at < input.len() {
        let head = usize::from(input[at]);
        at += 1;
        if head < LITERALS_MAX {
            let len = head + 1;
            let literals = input.get(at..at + len)?;
            out.get_mut(to..to + len)?.copy_from_slice(literals);
            (at, to) = (at + len, to + len);
            continue;
        }
        let mut len = (head >> 5) + 2;
        if len == 9 {
            len += usize::from(*input.get(at)?);
            at += 1;
        }
        let offset = ((head & 0x1f) << 8) + usize::from(*input.get(at)?) + 1;
        at += 1;
        let from = to.checked_sub(offset)?;
        let end = to + len;
        let room = out.get_mut(from..end)?;
        if offset >= len {
            room.copy_within(..len, offset);
        } else if offset == 1 {
            let byte = room[0];
            room[1..].fill(byte);
        } else {
            for index in offset..room.len() {
                room[index] = room[index - offset];
            }
        }
        to = end;
    }
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(input: &[u8]) -> Option<Vec<u8>> {
        let mut out = vec![0; input.len().saturating_sub(4)];
        let len = compress(input, &mut out)?;
        out.truncate(len);
        Some(out)
    }

    fn unpacked(input: &[u8], len: usize) -> Option<Vec<u8>> {
        let mut out = vec![0; len];
        (decompress(input, &mut out) == Some(len)).then_some(out)
    }

    #[test]
    fn the_bytes_are_those_of_liblzf() {
        // From `DUMP` of Redis 7.0.15.
        assert_eq!(packed(&[b'a'; 21]).as_deref(), Some(&b"\x01aa\xe0\n\x00"[..]));
        let text = b"hello hello hello hello hello hello";
        assert_eq!(packed(text).as_deref(), Some(&b"\x06hello h\xe0\x11\x05\x01lo"[..]));
    }

    #[test]
    fn what_was_compressed_comes_back() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut smaller = 0;
        for round in 0..3_000 {
            let (len, letters) = (rng.usize(..if round % 50 == 0 { 40_000 } else { 300 }), rng.u8(1..12));
            let mut input: Vec<u8> = (0..len).map(|_| rng.u8(..letters)).collect();
            if rng.bool() {
                let half = input.len() / 2;
                input.extend_from_within(..half);
            }
            if let Some(out) = packed(&input) {
                smaller += 1;
                assert!(out.len() + 4 <= input.len() && may_expand(out.len(), input.len()));
                assert_eq!(unpacked(&out, input.len()).as_deref(), Some(&input[..]));
                assert_eq!(decompress(&out, &mut vec![0; input.len() - 1]), None);
                assert_eq!(packed(&input), Some(out), "the table's past does not show");
            }
        }
        assert!(smaller > 1_000);
        let zeros = packed(&vec![0; 1 << 20]).unwrap();
        assert!(may_expand(zeros.len(), 1 << 20) && unpacked(&zeros, 1 << 20) == Some(vec![0; 1 << 20]));
    }

    #[test]
    fn what_cannot_be_compressed_is_refused() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for len in 0..600 {
            let input: Vec<u8> = (0..len).map(|_| rng.u8(..)).collect();
            assert_eq!(packed(&input), None);
        }
        assert_eq!(compress(b"aaaaaaaaaaaa", &mut []), None);
    }

    #[test]
    fn damaged_bytes_end_in_nothing_or_in_other_bytes() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let input: Vec<u8> = (0..rng.usize(..60)).map(|_| rng.u8(..)).collect();
            let mut out = vec![0; rng.usize(..400)];
            assert!(decompress(&input, &mut out).is_none_or(|len| len <= out.len()));
        }
    }
}
