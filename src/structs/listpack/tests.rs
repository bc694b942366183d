//! Tests of `Listpack` against a vector of vectors, against bytes taken from a Redis 7 server, and against damage.

use super::*;

type Model = Vec<Vec<u8>>;

fn rng() -> fastrand::Rng {
    let seed =
        std::env::var("LARDER_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("LARDER_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// An element of any kind, mostly short, often beside a limit of an encoding.
fn element(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(..12) {
        0 => Vec::new(),
        1..=3 => rng.i64(-200..200).to_string().into_bytes(),
        4 | 5 => {
            let limit = 1i128 << rng.u32(6..=63);
            let value = limit + rng.i128(-2..=1);
            (if rng.bool() { value } else { -value }).to_string().into_bytes()
        }
        6 => vec![b'x'; [62, 63, 64, 65, 124, 125, 126, 127, 128, 300][rng.usize(..10)]],
        7 if rng.u8(..8) == 0 => vec![b'y'; [4094, 4095, 4096, 4097, 16377, 16378, 16379, 16380][rng.usize(..8)]],
        _ => (0..rng.usize(..20)).map(|_| rng.u8(..)).collect(),
    }
}

fn same(pack: &Listpack, model: &Model) {
    pack.check();
    assert_eq!(pack.len(), model.len());
    assert!(pack.iter().map(|item| item.to_vec()).eq(model.iter().cloned()), "{pack:?} {model:?}");
    assert!(pack.iter().rev().map(|item| item.to_vec()).eq(model.iter().rev().cloned()));
}

#[test]
fn a_listpack_is_one_pointer() {
    assert_eq!((size_of::<Listpack>(), size_of::<Option<Listpack>>()), (8, 8));
    assert_eq!(Listpack::new().alloc_bytes(), 16);
    fn shared<T: Send + Sync>() {}
    shared::<Listpack>();
}

#[test]
fn random_edits_agree_with_a_vec_and_leave_clones_alone() {
    let mut rng = rng();
    for _ in 0..12 {
        let (mut pack, mut model) = (Listpack::new(), Model::new());
        let mut clones: Vec<(Listpack, Model)> = Vec::new();
        for _ in 0..400 {
            let index = rng.usize(..=model.len());
            let here = pack.seek(index as isize);
            assert_eq!(here.is_some(), index < model.len());
            let new = element(&mut rng);
            let before = pack.byte_len();
            match (rng.u8(..16), here) {
                (0, _) => {
                    let pos = pack.push_back(&new);
                    assert!(pack.get(pos) == new[..] && pack.last() == Some(pos));
                    assert_eq!(pack.byte_len() - before, Listpack::entry_size(&new));
                    model.push(new);
                }
                (1, _) => {
                    let pos = pack.push_front(&new);
                    assert!(pack.get(pos) == new[..] && pack.first() == Some(pos));
                    model.insert(0, new);
                }
                (2, _) => {
                    let value = rng.i64(..) >> rng.u32(..64);
                    match rng.bool() {
                        true => (pack.push_back_int(value), model.push(value.to_string().into())),
                        false => (pack.push_front_int(value), model.insert(0, value.to_string().into())),
                    };
                }
                (3 | 4, Some(pos)) => {
                    let pos = pack.insert_before_or(pos, &new);
                    assert!(pack.get(pos) == new[..]);
                    model.insert(index, new);
                }
                (5 | 6, Some(pos)) => {
                    let pos = pack.insert_after(pos, &new);
                    assert!(pack.get(pos) == new[..]);
                    model.insert(index + 1, new);
                }
                (7 | 8, Some(pos)) => {
                    let pos = pack.replace(pos, &new);
                    assert!(pack.get(pos) == new[..]);
                    model[index] = new;
                }
                (9, Some(pos)) => {
                    pack.replace_int(pos, -77);
                    model[index] = b"-77".to_vec();
                }
                (10 | 11, Some(pos)) => {
                    let next = pack.remove(pos);
                    model.remove(index);
                    assert_eq!(next.map(|pos| pack.get(pos).to_vec()), model.get(index).cloned());
                }
                (12, Some(_)) => {
                    let count = rng.usize(..4);
                    let from = if rng.bool() { index as isize } else { index as isize - model.len() as isize };
                    let gone = model.drain(index..(index + count).min(model.len())).count();
                    assert_eq!(pack.remove_range(from, count), gone);
                }
                (13, _) => {
                    let (left, right) = pack.split_at(index);
                    same(&left, &model[..index].to_vec());
                    same(&right, &model[index..].to_vec());
                    pack = left;
                    pack.append(&right);
                }
                (14, _) => clones.push((pack.clone(), model.clone())),
                _ => pack = Listpack::from_bytes(pack.as_bytes()).expect("what we wrote is valid"),
            }
            same(&pack, &model);
            let wanted = element(&mut rng);
            for skip in 0..3 {
                let found = model.iter().step_by(skip + 1).position(|one| *one == wanted).map(|at| at * (skip + 1));
                assert_eq!(
                    pack.find(&wanted, skip),
                    found.and_then(|at| pack.seek(at as isize)),
                    "{wanted:?} in {model:?}"
                );
            }
        }
        for (clone, then) in &clones {
            same(clone, then);
        }
    }
}

impl Listpack {
    /// Both ways to insert before, chosen by the element, so that the random walk covers them.
    fn insert_before_or(&mut self, pos: Pos, element: &[u8]) -> Pos {
        match parse_int(element) {
            Some(value) => self.insert_before_int(pos, value),
            None => self.insert_before(pos, element),
        }
    }
}

#[test]
fn walking_goes_both_ways_and_stops_at_the_ends() {
    let pack: Listpack = ["a", "12", "", "-5000", "b"].into_iter().collect();
    let mut pos = pack.first().expect("there is a first");
    for index in 1..5 {
        let next = pack.next(pos).expect("there is a next");
        assert_eq!(pack.prev(next), Some(pos));
        assert_eq!((pack.seek(index), pack.seek(index - 5)), (Some(next), Some(next)));
        pos = next;
    }
    assert_eq!((pack.next(pos), pack.last()), (None, Some(pos)));
    assert_eq!(pack.first().and_then(|pos| pack.prev(pos)), None);
    assert_eq!((pack.seek(5), pack.seek(-6), pack.seek(isize::MIN), pack.seek(isize::MAX)), (None, None, None, None));
    let mut both = pack.iter();
    let ends =
        (both.next(), both.next_back(), both.next(), both.next_back(), both.next(), both.next(), both.next_back());
    let wanted = (Item::Bytes(b"a"), Item::Bytes(b"b"), Item::Int(12), Item::Int(-5000), Item::Bytes(b""));
    assert_eq!(ends, (Some(wanted.0), Some(wanted.1), Some(wanted.2), Some(wanted.3), Some(wanted.4), None, None));
    let middle = pack.seek(2).expect("there is a third");
    let mut rest = pack.iter_from(middle);
    assert_eq!((rest.pos(), rest.clone().count()), (Some(middle), 3));
    assert_eq!((rest.nth(1), rest.next_back(), rest.next(), rest.pos()), (Some(wanted.3), Some(wanted.1), None, None));
    let empty = Listpack::new();
    assert_eq!(
        (empty.first(), empty.last(), empty.seek(0), empty.seek(-1), empty.find(b"", 0)),
        (None, None, None, None, None)
    );
}

#[test]
fn a_queue_of_one_block_is_first_in_first_out() {
    let mut pack = Listpack::new();
    for round in 0..2000i64 {
        pack.push_back_int(round);
        if round >= 100 {
            let first = pack.first().expect("there are a hundred");
            assert_eq!(pack.get(first), Item::Int(round - 100));
            pack.remove(first);
        }
    }
    pack.check();
    assert_eq!(pack.len(), 100);
}

#[test]
fn strings_take_the_encoding_of_their_length_on_both_sides_of_each_limit() {
    for (len, first, total) in [
        (0, 0x80, 2),
        (63, 0xbf, 65),
        (64, 0xe0, 67),
        (125, 0xe0, 128),
        (126, 0xe0, 130),
        (4095, 0xef, 4099),
        (4096, 0xf0, 4103),
        (16377, 0xf0, 16384),
        (16378, 0xf0, 16386),
        (2_097_145, 0xf0, 2_097_153),
        (2_097_146, 0xf0, 2_097_155),
    ] {
        let text = vec![b'.'; len];
        let mut pack = Listpack::new();
        pack.push_back(&text);
        pack.push_front(b"front");
        pack.push_back_int(1);
        let pos = pack.seek(1).expect("there are three");
        assert_eq!(pack.as_bytes()[pos.at()], first, "{len}");
        assert_eq!((Listpack::entry_size(&text), pack.get(pos)), (total, Item::Bytes(&text)));
        assert_eq!(pack.last().and_then(|pos| pack.prev(pos)), Some(pos));
        assert!(entry::size_of_len(len) == total && Listpack::from_bytes(pack.as_bytes()).as_ref() == Ok(&pack));
        pack.check();
    }
}

#[test]
fn integers_take_the_shortest_encoding_on_both_sides_of_each_limit() {
    for (bits, first, size) in [(13, 0xc0, 3), (16, 0xf1, 4), (24, 0xf2, 5), (32, 0xf3, 6), (64, 0xf4, 10)] {
        let (low, high) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
        for (value, inside) in [(low, true), (high, true), (low.wrapping_sub(1), false), (high.wrapping_add(1), false)]
        {
            let pack: Listpack = [value.to_string()].into_iter().collect();
            let found = (pack.as_bytes()[HEADER] & if bits == 13 { 0xe0 } else { 0xff }, pack.byte_len() - HEADER - 1);
            assert_eq!(found == (first, size), inside || bits == 64, "{value}");
            assert_eq!(pack.iter().next(), Some(Item::Int(value)));
            assert!(entry::size_of_len(value.to_string().len()) >= size || !inside || bits == 64);
        }
    }
    let pack: Listpack = ["0", "127", "128", "-1"].into_iter().collect();
    assert_eq!(pack.as_bytes()[HEADER..], *b"\x00\x01\x7f\x01\xc0\x80\x02\xdf\xff\x02\xff");
}

/// The node of a list, as `DUMP` of a Redis 7.0.15 server gave it.
const LIST: &[u8] =
    b"\xb2\x00\x00\x00\x16\x00\x81a\x02\x00\x01\x7f\x01\xc0\x80\x02\xdf\xff\x02\xd0\x00\x02\xcf\xff\x02\
\xf1\x00\x10\x03\xf1\x00\x80\x03\xf1\xff\x7f\x03\xf2\x00\x80\x00\x04\xf2\xff\xff\x7f\x04\xf3\x00\x00\x80\x00\x05\
\xf3\x00\x00\x00\x80\x05\xf4\x00\x00\x00\x80\x00\x00\x00\x00\t\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\t\
\xf4\x00\x00\x00\x00\x00\x00\x00\x80\t\x80\x01\x83007\x04\x82+5\x03\x82-0\x03\
\xe0F0123456789012345678901234567890123456789012345678901234567890123456789H\xff";
const LIST_ELEMENTS: [&str; 22] = [
    "a",
    "0",
    "127",
    "128",
    "-1",
    "-4096",
    "4095",
    "4096",
    "-32768",
    "32767",
    "32768",
    "8388607",
    "8388608",
    "-2147483648",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "",
    "007",
    "+5",
    "-0",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
];

/// A small hash, likewise.
const HASH: &[u8] = b"V\x00\x00\x00\x06\x00\x82f1\x03\x82v1\x03\x81n\x02\xf190\x03\x84long\x05\
\xb8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa9\xff";

#[test]
fn the_bytes_are_those_of_redis() {
    let pack: Listpack = LIST_ELEMENTS.into_iter().collect();
    assert_eq!(pack.as_bytes(), LIST);
    let mut backwards = Listpack::new();
    for element in LIST_ELEMENTS.iter().rev() {
        backwards.push_front(element.as_bytes());
    }
    assert_eq!(backwards.as_bytes(), LIST);
    assert_eq!(Listpack::from_bytes(LIST).as_ref(), Ok(&pack));

    let hash: Listpack = ["f1", "v1", "n", "12345", "long", &"a".repeat(56)].into_iter().collect();
    assert_eq!(hash.as_bytes(), HASH);
    let field = hash.find(b"n", 1).expect("the field is there");
    assert_eq!(hash.next(field).map(|pos| hash.get(pos)), Some(Item::Int(12345)));
    assert_eq!(hash.find(b"12345", 1), None, "values are passed over");
}

#[test]
fn other_encodings_than_the_shortest_are_read_and_found() {
    // "5" as a string of 6, 12 and 32 bits, and as an integer of 16, 24 and 64.
    let entries =
        b"\x815\x02\xe0\x015\x03\xf0\x01\x00\x00\x005\x06\xf1\x05\x00\x03\xf2\x05\x00\x00\x04\xf4\x05\0\0\0\0\0\0\0\x09";
    let mut bytes = vec![0; HEADER];
    bytes[0] = (HEADER + entries.len() + 1) as u8;
    bytes[4] = 6;
    bytes.extend_from_slice(entries);
    bytes.push(END);
    let pack = Listpack::from_bytes(&bytes).expect("all of these are legal");
    pack.check();
    let mut pos = pack.find(b"5", 0);
    for _ in 0..6 {
        let here = pos.expect("each is found");
        assert!(pack.get(here) == b"5"[..] && pack.find_from(here, b"5", 0) == pos);
        pos = pack.next(here);
    }
    assert_eq!(pos, None);
}

#[test]
fn the_count_is_exact_until_it_no_longer_fits() {
    let mut pack = Listpack::with_capacity(70_000 * 2);
    let room = pack.alloc_bytes();
    for value in 0..65_534 {
        pack.push_back_int(value & 63);
    }
    assert_eq!((pack.known_len(), pack.len(), pack.alloc_bytes()), (Some(65_534), 65_534, room));
    pack.push_back_int(0);
    assert_eq!((pack.known_len(), pack.len()), (None, 65_535));
    pack.check();
    assert_eq!(pack.seek(-65_535), pack.first());
    assert_eq!((pack.seek(65_534), pack.seek(65_535), pack.seek(-65_536)), (pack.last(), None, None));
    assert_eq!(pack.remove_range(10, 5), 5);
    assert_eq!((pack.known_len(), pack.len()), (None, 65_530), "an unknown count stays so");
    assert_eq!(
        Listpack::from_bytes(pack.as_bytes()).expect("it is valid").known_len(),
        Some(65_530),
        "until it is read"
    );
    let (left, right) = pack.split_at(30_000);
    assert_eq!((left.known_len(), right.known_len()), (Some(30_000), Some(35_530)));
    let mut whole = left.clone();
    whole.append(&right);
    assert_eq!((whole.known_len(), whole.len()), (Some(65_530), 65_530));
    whole.append(&right);
    assert_eq!((whole.known_len(), whole.len()), (None, 101_060));
    whole.append(&right);
    assert_eq!(whole.len(), 136_590);
    whole.check();
}

#[test]
fn memory_follows_the_elements_both_ways() {
    let mut pack = Listpack::new();
    let follows = |pack: &Listpack| {
        let (used, taken) = (pack.byte_len() + 8, pack.alloc_bytes());
        assert!(taken >= used && (taken <= 48 || taken <= used * 2), "{taken} for {used}");
    };
    for _ in 0..2000 {
        let before = pack.alloc_bytes();
        pack.push_back(b"element");
        follows(&pack);
        assert!(pack.alloc_bytes() <= before.max(64) * 5 / 4, "one class at a time");
    }
    while let Some(first) = pack.first() {
        pack.remove(first);
        follows(&pack);
    }
    assert!(pack.is_empty() && pack.alloc_bytes() <= 48);
}

#[test]
fn what_would_not_fit_is_told_before() {
    let pack: Listpack = ["abc"].into_iter().collect();
    assert!(pack.would_fit(0) && pack.would_fit(1 << 29));
    assert!(!pack.would_fit(MAX_BYTES) && !pack.would_fit(MAX_BYTES - 10) && !pack.would_fit(usize::MAX));
    assert!(pack.would_fit(MAX_BYTES - pack.byte_len() - 10) && !pack.would_fit(MAX_BYTES - pack.byte_len() - 9));
}

#[test]
fn damaged_bytes_are_refused_or_harmless() {
    let mut rng = rng();
    let large: Listpack = (0..300).map(|_| element(&mut rng)).collect();
    for good in [LIST, HASH, large.as_bytes(), Listpack::new().as_bytes()] {
        assert!(Listpack::from_bytes(good).is_ok());
        for len in 0..good.len().min(400) {
            fuzz_listpack(&good[..len]);
            // Cut, with a header that says so.
            let mut cut = good[..len].to_vec();
            if len > HEADER {
                cut[..4].copy_from_slice(&(len as u32).to_le_bytes());
                cut[4..6].copy_from_slice(&UNKNOWN.to_le_bytes());
                cut[len - 1] = END;
                fuzz_listpack(&cut);
            }
        }
        for at in 0..good.len().min(400) {
            for bit in 0..8 {
                let mut bytes = good.to_vec();
                bytes[at] ^= 1 << bit;
                fuzz_listpack(&bytes);
            }
        }
        for _ in 0..2000 {
            let mut bytes = good.to_vec();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..bytes.len());
                bytes[at] =
                    if rng.bool() { rng.u8(..) } else { [0, 0x7f, 0x80, 0xef, 0xf0, 0xf4, 0xfe, END][rng.usize(..8)] };
            }
            if rng.bool() && bytes.len() >= 6 {
                bytes[4..6].copy_from_slice(&UNKNOWN.to_le_bytes());
            }
            fuzz_listpack(&bytes);
        }
    }
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..rng.usize(7..24)).map(|_| rng.u8(..) & rng.u8(..)).collect();
        let len = bytes.len();
        bytes[..6].copy_from_slice(&[len as u8, 0, 0, 0, 0xff, 0xff]);
        bytes[len - 1] = END;
        fuzz_listpack(&bytes);
    }
}

#[test]
fn each_kind_of_damage_has_its_error() {
    let text = |bytes: &[u8]| Listpack::from_bytes(bytes).expect_err("this is damaged");
    assert_eq!(text(b"\x06\0\0\0\0\0"), "listpack shorter than its header");
    assert_eq!(text(b"\x08\0\0\0\0\0\xff"), "listpack of another length than it says");
    assert_eq!(text(b"\x07\0\0\0\0\0\xfe"), "listpack without its end mark");
    assert_eq!(text(b"\x07\0\0\0\x01\0\xff"), "listpack with a wrong count");
    assert_eq!(text(b"\x09\0\0\0\x01\0\x05\x02\xff"), "listpack entry with a wrong back length");
    assert_eq!(text(b"\x09\0\0\0\x01\0\x82a\xff"), "listpack entry runs over the end");
    assert_eq!(text(b"\x0c\0\0\0\x01\0\xf0\xff\xff\xff\xff\xff"), "listpack entry runs over the end");
    assert_eq!(text(b"\x09\0\0\0\x01\0\xf5\x01\xff"), "listpack entry of unknown or cut encoding");
    assert_eq!(text(b"\x09\0\0\0\x01\0\xff\x01\xff"), "listpack entry of unknown or cut encoding");
    assert_eq!(text(b"\x08\0\0\0\x01\0\xe1\xff"), "listpack entry of unknown or cut encoding");
}
