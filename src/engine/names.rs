//! Finding commands by their names, in any case: once for every request, so a name is compared as one number.

use super::table::CommandId;

/// Longest name that fits a number.
const PACKED_BYTES: usize = size_of::<u128>();

/// The bit that tells a capital letter from a small one, in one byte and in each of eight.
const CASE: u8 = 0x20;
const EACH_CASE: u64 = u64::from_ne_bytes([CASE; 8]);

/// Command numbers by name.
#[derive(Default)]
pub struct Names {
    /// Open addressing by the name's hash.
    slots: Vec<Slot>,
    /// The few longer ones.
    long: Vec<(Box<[u8]>, CommandId)>,
}

/// A place for one name.
#[derive(Clone, Copy)]
struct Slot {
    /// The name in lower case, packed.
    name: u128,
    /// The bits that have to be equal: all of them, but for [`CASE`] where the name has a letter.
    strict: u128,
    /// `CommandId::MAX`: empty.
    id: CommandId,
}

/// The bytes of a name of 1 to 16 bytes as a number. Names that do not end with a zero byte have different numbers.
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
    match len {
        8.. => both(8),
        4..8 => both(4),
        2..4 => both(2),
        _ => both(1),
    }
}

/// Where to look for a name; the case of its letters makes no difference.
#[inline(always)]
fn slot_of(packed: u128, mask: usize) -> usize {
    let (low, high) = (packed as u64 & !EACH_CASE, (packed >> 64) as u64 & !EACH_CASE);
    let folded = low ^ high.rotate_left(29);
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & mask
}

impl Names {
    /// An index of these names, which are in lower case.
    pub fn new(names: &[(&str, CommandId)]) -> Names {
        let size = (names.len() * 4).next_power_of_two();
        let mut index = Names { slots: vec![Slot { name: 0, strict: 0, id: CommandId::MAX }; size], long: Vec::new() };
        for &(name, id) in names {
            if name.is_empty() || name.len() > PACKED_BYTES {
                index.long.push((name.as_bytes().into(), id));
                continue;
            }
            let letters: Vec<u8> = name.bytes().map(|byte| if byte.is_ascii_lowercase() { CASE } else { 0 }).collect();
            let packed_name = packed(name.as_bytes());
            let mut at = slot_of(packed_name, size - 1);
            while index.slots[at].id != CommandId::MAX {
                at = (at + 1) & (size - 1);
            }
            index.slots[at] = Slot { name: packed_name, strict: !packed(&letters), id };
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
            let slot = &self.slots[at];
            if slot.id == CommandId::MAX {
                return None;
            }
            if (slot.name ^ packed) & slot.strict == 0 {
                return (name.last() != Some(&0)).then_some(slot.id);
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
    fn a_number_is_the_name() {
        for byte in 0..=u8::MAX {
            for len in 1..=PACKED_BYTES {
                let mut name = [b'Q'; PACKED_BYTES];
                name[len - 1] = byte;
                name[len / 2] = byte;
                let mut expected = [0; PACKED_BYTES];
                expected[..len].copy_from_slice(&name[..len]);
                assert_eq!(packed(&name[..len]), u128::from_le_bytes(expected), "{byte} {len}");
            }
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_nothing_else_is() {
        let known =
            ["get", "set", "hello", "zrevrangebyscore", "georadiusbymember", "georadiusbymember_ro", "x", "eval_2-3"];
        let names = Names::new(&known.into_iter().zip(0..).collect::<Vec<_>>());
        for (id, name) in (0..).zip(known) {
            assert_eq!(names.find(name.as_bytes()), Some(id));
            assert_eq!(names.find(name.to_ascii_uppercase().as_bytes()), Some(id));
            assert_eq!(names.find(&name.as_bytes()[1..]), None);
            for (at, bit) in (0..name.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let mut other = name.as_bytes().to_vec();
                other[at] ^= 1 << bit;
                let found = other.eq_ignore_ascii_case(name.as_bytes()).then_some(id);
                assert_eq!(names.find(&other), found, "{name} {at} {bit}");
            }
            assert_eq!(names.find(format!("{name}\0").as_bytes()), None);
            assert_eq!(names.find(format!("{name}{name}").as_bytes()), None);
        }
        assert_eq!(names.find(b""), None);
        assert_eq!(names.find(&[b'g'; 300]), None);
        assert_eq!(names.find(&[0; 16]), None);
    }
}
