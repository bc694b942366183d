//! Finding commands by their names, in any case: once for every request, so a name is compared as one number.

use super::table::CommandId;

/// Longest name that fits a number.
const PACKED_BYTES: usize = size_of::<u128>();

/// Command numbers by name.
#[derive(Default)]
pub struct Names {
    /// Open addressing by the name's hash; `CommandId::MAX` is empty.
    slots: Vec<(u128, CommandId)>,
    /// The few longer ones.
    long: Vec<(Box<[u8]>, CommandId)>,
}

/// The bytes of a name of 1 to 16 bytes as a number, in lower case. Names that do not end with a zero byte have different
/// numbers.
#[inline(always)]
fn packed(name: &[u8]) -> u128 {
    let len = name.len();
    debug_assert!((1..=PACKED_BYTES).contains(&len));
    // Two pieces that overlap where the length is none of a power of two: both have the same bits there.
    let both = |width: usize| {
        let piece = |from: usize| match width {
            8 => name[from..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)),
            4 => name[from..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes).into()),
            2 => name[from..].first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes).into()),
            _ => name[from].into(),
        };
        u128::from(piece(0)) | u128::from(piece(len - width)) << ((len - width) * 8)
    };
    let bytes = match len {
        8.. => both(8),
        4..8 => both(4),
        2..4 => both(2),
        _ => both(1),
    };
    const EACH: u128 = u128::MAX / 0xff;
    // The top bit of each byte tells whether it is a capital letter; no sum below carries into the next byte.
    let low = bytes & (EACH * 0x7f);
    let from_a = low + EACH * (0x80 - b'A' as u128);
    let beyond_z = low + EACH * (0x7f - b'Z' as u128);
    let capital = !bytes & from_a & !beyond_z & (EACH * 0x80);
    bytes | capital >> 2
}

#[inline(always)]
fn slot_of(packed: u128, mask: usize) -> usize {
    let folded = packed as u64 ^ ((packed >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & mask
}

impl Names {
    /// An index of these names, which are in lower case.
    pub fn new(names: &[(&str, CommandId)]) -> Names {
        let size = (names.len() * 4).next_power_of_two();
        let mut index = Names { slots: vec![(0, CommandId::MAX); size], long: Vec::new() };
        for &(name, id) in names {
            if name.is_empty() || name.len() > PACKED_BYTES {
                index.long.push((name.as_bytes().into(), id));
                continue;
            }
            let packed = packed(name.as_bytes());
            let mut at = slot_of(packed, size - 1);
            while index.slots[at].1 != CommandId::MAX {
                at = (at + 1) & (size - 1);
            }
            index.slots[at] = (packed, id);
        }
        index
    }

    /// The command of this name, in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<CommandId> {
        if name.is_empty() || name.len() > PACKED_BYTES {
            return self.find_long(name);
        }
        let packed = packed(name);
        let mask = self.slots.len() - 1;
        let mut at = slot_of(packed, mask);
        loop {
            let (found, id) = self.slots[at];
            if id == CommandId::MAX {
                return None;
            }
            if found == packed {
                return (name.last() != Some(&0)).then_some(id);
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn find_long(&self, name: &[u8]) -> Option<CommandId> {
        self.long.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, id)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_name_in_lower_case() {
        for byte in 0..=u8::MAX {
            for len in 1..=PACKED_BYTES {
                let mut name = [b'Q'; PACKED_BYTES];
                name[len - 1] = byte;
                name[len / 2] = byte;
                let mut expected = [0; PACKED_BYTES];
                expected[..len].copy_from_slice(&name[..len].to_ascii_lowercase());
                assert_eq!(packed(&name[..len]), u128::from_le_bytes(expected), "{byte} {len}");
            }
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_nothing_else_is() {
        let known = ["get", "set", "hello", "zrevrangebyscore", "georadiusbymember", "georadiusbymember_ro", "x"];
        let names = Names::new(&known.into_iter().zip(0..).collect::<Vec<_>>());
        for (id, name) in (0..).zip(known) {
            assert_eq!(names.find(name.as_bytes()), Some(id));
            assert_eq!(names.find(name.to_ascii_uppercase().as_bytes()), Some(id));
            assert_eq!(names.find(&name.as_bytes()[1..]), None);
            assert_eq!(names.find(format!("{name}\0").as_bytes()), None);
            assert_eq!(names.find(format!("{name}{name}").as_bytes()), None);
        }
        assert_eq!(names.find(b""), None);
        assert_eq!(names.find(&[b'g'; 300]), None);
        assert_eq!(names.find(&[0; 16]), None);
    }
}
