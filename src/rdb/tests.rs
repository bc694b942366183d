//! Vectors of Redis 7.0.15, round trips, and damage.

use super::fuzz::{fuzz_rdb, fuzz_restore};
use super::*;
use crate::base::float::format_f64_17g;
use crate::object::list::{End, List};
use crate::object::set::Set;
use crate::object::stream::{Group, Stream, StreamId};
use crate::object::{Container, Hash, Limits, Object, Text, Typed, Value, encoding_name};
use crate::structs::record::{Body, BodyMut};
use crate::structs::table::Entry;

/// Name, encoding, contents, and what DUMP of Redis 7.0.15 answered.
type Vector = (&'static str, &'static str, &'static [&'static [u8]], &'static str);

#[rustfmt::skip]
const VECTORS: &[Vector] = &[
    ("string", "embstr", &[b""], "00000a005d9b5c400f7fa2da"),
    ("string", "embstr", &[b"hello"], "000568656c6c6f0a006372df766534200a"),
    ("string", "int", &[b"0"], "00c0000a009840a778f8500308"),
    ("string", "int", &[b"-1"], "00c0ff0a000c937e2485089dc5"),
    ("string", "int", &[b"127"], "00c07f0a000db5eb315254c514"),
    ("string", "int", &[b"128"], "00c180000a00eb7ab3b510cf4b65"),
    ("string", "int", &[b"-128"], "00c0800a009966326d2f0c5bd9"),
    ("string", "int", &[b"-129"], "00c17fff0a001760822854808480"),
    ("string", "int", &[b"32767"], "00c1ff7f0a00495a37da17f4d52b"),
    ("string", "int", &[b"32768"], "00c2008000000a0045d82eedd5bda910"),
    ("string", "int", &[b"-32769"], "00c2ff7fffff0a00aee34c4d06c68536"),
    ("string", "int", &[b"2147483647"], "00c2ffffff7f0a002c74e59ee02eada1"),
    ("string", "int", &[b"2147483648"], "000a323134373438333634380a00e7b129a34c1d76ee"),
    ("string", "int", &[b"-2147483649"], "000b2d323134373438333634390a00c261377908f2028c"),
    ("string", "int", &[b"9223372036854775807"], "0013393232333337323033363835343737353830370a003a657e9481e85f22"),
    ("string", "embstr", &[b"007"], "00033030370a007258e27b4c69bad9"),
    ("string", "embstr", &[b"aaaaaaaaaaaaaaaaaaaa"], "001461616161616161616161616161616161616161610a0083b46b5e1b11acf1"),
    ("string", "embstr", &[b"aaaaaaaaaaaaaaaaaaaaa"], "00c30615016161e00a000a00fd0cb36807413f68"),
    ("string", "embstr", &[b"0123456789abcdefghijk"], "0015303132333435363738396162636465666768696a6b0a002c7e0de657fe7fe6"),
    ("string", "raw", &[&[b'q'; 45]], "00c3092d017171e020000171710a0027fd3de294074484"),
    ("string", "raw", &[b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./0123456789:;"], "003c000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b0a00717b2d32860ae8d5"),
    ("appended", "int", &[b"12"], "00c00c0a003c2af8515c04bcd5"),
    ("list", "quicklist", &[b"a", b"b", b"3", b"-40000", b"", b"hello world"], "120102232300000006008161028162020301f2c063ff0480018b68656c6c6f20776f726c640cff0a0091748af2747e794f"),
    ("list of nodes", "quicklist", &[b"a", b"b", b"c", b"d", b"e"], "1203020d0d0000000200816102816202ff020d0d0000000200816302816402ff020a0a0000000100816502ff0a00ec5236a76020a1db"),
    ("list with plain", "quicklist", &[b"a", &[b'p'; 100], b"b"], "1203020a0a0000000100816102ff01c3094064017070e05700017070020a0a0000000100816202ff0a00ee70a0f9461c169b"),
    ("list plain", "quicklist", &[&[b'z'; 120]], "120101c3094078017a7ae06b00017a7a0a0001812b3ecc6a02e2"),
    ("intset", "intset", &[b"-2", b"1", b"300"], "0b0e0200000003000000feff01002c010a005b0aa862f794600a"),
    ("intset32", "intset", &[b"1", b"70000"], "0b10040000000200000001000000701101000a002735436efd6656c4"),
    ("intset64", "intset", &[b"1", b"5000000000"], "0b180800000002000000010000000000000000f2052a010000000a0054f5a26ae707b5fc"),
    ("set", "hashtable", &[b"one"], "0201036f6e650a007c346b0591e5d20c"),
    ("set long", "hashtable", &[&[b'y'; 65]], "0201c3094041017979e034000179790a00dfed38db6db6bc4d"),
    ("hash", "listpack", &[b"big", &[b'x'; 64], b"f", b"v", b"n", b"12"], "10c320405a185a0000000600816602817602816e020c018362696704e04078e036000142ff0a00ef9478057a278868"),
    ("hash long", "hashtable", &[b"f", &[b'y'; 65]], "04010166c3094041017979e034000179790a0021ef8f5990cf4fd0"),
    ("zset", "listpack", &[b"-inf c", b"-0.10000000000000001 12", b"1 a", b"2.5 b", b"1e+30 e", b"inf d"], "11c33e404716470000000c00816302842d696e66050c01942d302e3130e005001c3115816102010181620283322e35048165028531652b3330068164028320360104ff0a00b89f5093aadd58d8"),
    ("zset long", "skiplist", &[b"1.5 yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"], "0501c3094041017979e03400017979000000000000f83f0a00e93a5aff8fbc2e83"),
];

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The elements of a value: in order where there is one, sorted otherwise.
pub(super) fn contents(object: &Object) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    if let Some(text) = Text::of(object.body()) {
        return vec![text.to_vec()];
    }
    let Body::Payload(container) = object.body() else { unreachable!("it is no string") };
    match container {
        Container::ListPacked(_) | Container::ListQuick(_) => {
            let list = List::of(container).unwrap();
            list.check();
            list.for_range(0, usize::MAX, |item| out.push(item.to_vec()));
            return out;
        }
        Container::SetInts(_) | Container::SetPacked(_) | Container::SetTable(_) => {
            Set::of(container).unwrap().for_each(|member| out.push(member.to_vec()));
        }
        Container::HashPacked(pack) => {
            pack.check();
            let items: Vec<_> = pack.iter().map(|item| item.to_vec()).collect();
            let mut pairs: Vec<_> = items.chunks(2).map(<[Vec<u8>]>::to_vec).collect();
            pairs.sort();
            return pairs.concat();
        }
        Container::HashTimed(_) => return timed_contents(Hash::of(container).unwrap()),
        Container::HashTable(table) if table.len_with_deadline() > 0 => {
            table.check();
            return timed_contents(Hash::of(container).unwrap());
        }
        Container::HashTable(table) => {
            table.check();
            let mut pairs: Vec<_> = table.iter().map(|field| [field.key().to_vec(), field.value().to_vec()]).collect();
            pairs.sort();
            return pairs.concat();
        }
        Container::ZsetPacked(pack) => {
            let items: Vec<_> = pack.iter().map(|item| item.to_vec()).collect();
            return items.chunks(2).map(|pair| [&pair[1][..], b" ", &pair[0]].concat()).collect();
        }
        Container::ZsetTree(scores) => {
            scores.table.check();
            scores.tree.check();
            assert_eq!(scores.table.len(), scores.tree.len());
            for (score, member) in scores.tree.iter() {
                assert!(scores.table.iter().any(|entry| entry.key() == member.key()) || scores.len() > 1000);
                out.push([format_f64_17g(score).as_bytes(), b" ", member.key()].concat());
            }
            return out;
        }
        Container::Stream(stream) => {
            stream.check();
            return stream_contents(stream);
        }
        Container::Raw(_) => unreachable!("it is no string"),
        Container::SetWalk(_) | Container::HashWalk(_) | Container::ZsetWalk(_) => {
            unreachable!("nothing is decoded to a walk")
        }
    }
    out.sort();
    out
}

/// Everything that is in a stream.
fn timed_contents(hash: &Hash) -> Vec<Vec<u8>> {
    let mut fields = Vec::new();
    hash.for_each_timed(|field, value, at| {
        fields
            .push([&field.to_vec()[..], b"=", &value.to_vec(), b" ", at.unwrap_or(0).to_string().as_bytes()].concat());
    });
    fields.sort();
    fields
}

fn stream_contents(stream: &Stream) -> Vec<Vec<u8>> {
    let mut out = vec![format!("{:?}", stream.facts()).into_bytes()];
    out.extend(stream.blocks().map(|(id, pack)| [&id.to_bytes()[..], pack.as_bytes()].concat()));
    for (name, group) in stream.groups() {
        out.push([name, format!("{} {:?}", group.last_id, group.entries_read).as_bytes()].concat());
        for (id, pending) in group.pending_from(StreamId::MIN) {
            let text = format!("{id} {} {} ", pending.delivered_at, pending.deliveries);
            out.push([text.as_bytes(), pending.consumer()].concat());
        }
        out.extend(group.consumers().map(|(name, consumer)| [name, &consumer.seen_at.to_le_bytes()].concat()));
    }
    out
}

fn random_stream(rng: &mut fastrand::Rng, limits: &Limits) -> Stream {
    let mut stream = Stream::new();
    for n in 1..rng.u64(2..300) {
        let words: Vec<Vec<u8>> = (0..2 * rng.usize(1..4)).map(|_| value_of(rng, 12)).collect();
        stream.append(StreamId::new(n, rng.u64(..3)), words.iter().map(|word| &word[..]), limits);
        if rng.u32(..4) == 0 && stream.delete(StreamId::new(rng.u64(1..=n), rng.u64(..3))) {
            stream.deleted(true);
        }
    }
    for name in [&b"g"[..], b"other"].into_iter().take(rng.usize(..3)) {
        let mut group = Group::new(StreamId::new(5, 1), rng.bool().then(|| rng.i64(0..9)));
        for n in 0..rng.u64(..200) {
            let consumer = [&b"a"[..], b"b", b"c"][rng.usize(..3)];
            group.see_consumer(consumer, rng.i64(..));
            group.assign(StreamId::new(n, 0), consumer, rng.i64(0..1 << 50), rng.u64(..));
        }
        stream.create_group(name, group);
    }
    stream
}

pub(super) fn restored(payload: &[u8], limits: &Limits) -> Result<Object, PayloadError> {
    let mut payload = Payload::open(payload, true)?;
    let value = payload.value(limits)?;
    Ok(Object::new(b"key", value.into_body(), None, 0, 0))
}

/// A payload of a type byte and its data.
pub(super) fn payload(type_byte: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = [&[type_byte], data, &VERSION.to_le_bytes()].concat();
    bytes.extend_from_slice(&crc64(0, &bytes).to_le_bytes());
    bytes
}

/// A stream of this version with its checksum.
pub(super) fn stream(version: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = [b"REDIS", version, data, &[opcode::EOF]].concat();
    bytes.extend_from_slice(&crc64(0, &bytes).to_le_bytes());
    bytes
}

/// A short string as it is written.
pub(super) fn text(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 64);
    [&[bytes.len() as u8], bytes].concat()
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Item>, LoadError> {
    let mut reader = Reader::new(BytesSource::new(bytes), LoadOptions::default());
    let mut items = Vec::new();
    loop {
        match reader.next()? {
            Item::End { .. } => return Ok(items),
            item => items.push(item),
        }
    }
}

pub(super) fn records(bytes: &[u8]) -> Vec<Record> {
    let items = read(bytes).unwrap().into_iter();
    items.filter_map(|item| if let Item::Record(record) = item { Some(record) } else { None }).collect()
}

// ---- vectors -----------------------------------------------------------------------------------------------------

#[test]
fn payloads_of_redis_are_read_and_written_byte_for_byte() {
    for (name, encoding, expected, hex) in VECTORS {
        let bytes = bytes_of(hex);
        let object = restored(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(contents(&object), *expected, "{name}");
        assert_eq!(encoding_name(&object), *encoding, "{name}");
        assert_eq!(dump_payload(&object, true), bytes, "{name}");
        let plain = dump_payload(&object, false);
        assert_eq!(contents(&restored(&plain, &Limits::default()).unwrap()), *expected, "{name}");
    }
}

#[test]
fn files_of_older_servers_are_read() {
    for (hex, encoding, expected) in [
        // Version 3 with a zipmap, without a checksum.
        (
            "524544495330303033fe0009046861736810020266310200763102663202007632ffff",
            "listpack",
            vec!["f1", "v1", "f2", "v2"],
        ),
        (
            "524544495330303039fa0972656469732d7665720b3235352e3235352e323535fa0a72656469732d62697473c040fa056374696d65c2\
             c85c9660fa08757365642d6d656dc290ad0c00fa0c616f662d707265616d626c65c000fe00fb01000d04686173681b1b000000160000\
             00040000026631040276310402663204027632ffff4f9cd1fd16699883",
            "listpack",
            vec!["f1", "v1", "f2", "v2"],
        ),
        (
            "524544495330303130fa0972656469732d7665720b3235352e3235352e323535fa0a72656469732d62697473c040fa056374696d65c2\
             62b71361fa08757365642d6d656dc250f40c00fa0c616f662d707265616d626c65c000fe00fb01000c047a7365741919000000160000\
             00040000036f6e6505f2020374776f05f3ffff1fb2fdf0997f9e19",
            "listpack",
            vec!["1 one", "2 two"],
        ),
        (
            "524544495330303038fa0972656469732d76657205342e302e39fa0a72656469732d62697473c040fa056374696d65c29f062661fa08\
             757365642d6d656dc280920700fa0c616f662d707265616d626c65c000fe00fb02000e046c697374010d0d0000000a00000001000\
             0f8ff000178c007ff3572f8541ac4d740",
            "quicklist",
            vec!["7"],
        ),
    ] {
        let first = records(&bytes_of(hex)).remove(0);
        assert_eq!(encoding_name(&first.object), encoding);
        let expected: Vec<Vec<u8>> = expected.into_iter().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(contents(&first.object), expected);
    }
}

#[test]
fn plain_types_of_all_times_are_read() {
    let list =
        |elements: &[&[u8]]| [vec![elements.len() as u8], elements.iter().flat_map(|e| text(e)).collect()].concat();
    let check = |type_byte, data: &[u8], encoding, expected: &[&[u8]]| {
        let object = restored(&payload(type_byte, data), &Limits::default()).unwrap();
        assert_eq!(
            (encoding_name(&object), contents(&object)),
            (encoding, expected.iter().map(|e| e.to_vec()).collect())
        );
    };
    check(kind::LIST, &list(&[b"b", b"a", b"1"]), "quicklist", &[b"b", b"a", b"1"]);
    check(kind::SET, &list(&[b"2", b"1"]), "intset", &[b"1", b"2"]);
    check(kind::SET, &list(&[b"2", b"a", b"1"]), "hashtable", &[b"1", b"2", b"a"]);
    check(kind::HASH, &[2, 1, b'f', 1, b'v', 0xc0, 7, 0], "listpack", &[b"7", b"", b"f", b"v"]);
    check(kind::ZSET, b"\x03\x01c\xfe\x01a\x031.5\x01b\xff", "listpack", &[b"-inf b", b"1.5 a", b"inf c"]);
    let scores = [&b"\x02\x01a"[..], &2f64.to_le_bytes(), b"\x01b", &(-0.5f64).to_le_bytes()].concat();
    check(kind::ZSET_2, &scores, "listpack", &[b"-0.5 b", b"2 a"]);
}

#[test]
fn a_packed_set_of_later_servers_is_read() {
    let pack: crate::structs::listpack::Listpack = [&b"a"[..], b"12", b"b"].into_iter().collect();
    let object = restored(&payload(kind::SET_LISTPACK, &text(pack.as_bytes())), &Limits::default()).unwrap();
    assert_eq!(
        (encoding_name(&object), contents(&object)),
        ("hashtable", [&b"12"[..], b"a", b"b"].map(<[u8]>::to_vec).into())
    );
}

// ---- encodings ---------------------------------------------------------------------------------------------------

#[test]
fn the_limits_decide_the_encoding_on_both_sides() {
    let at = |name: &str| bytes_of(VECTORS.iter().find(|vector| vector.0 == name).unwrap().3);
    let encoding = |bytes: &[u8], limits: &Limits| encoding_name(&restored(bytes, limits).unwrap());
    for (entries, hash, zset) in
        [(2, "hashtable", "skiplist"), (3, "listpack", "skiplist"), (6, "listpack", "listpack")]
    {
        let limits = Limits {
            hash_max_listpack_entries: entries,
            zset_max_listpack_entries: entries,
            set_max_intset_entries: entries,
            ..Limits::default()
        };
        assert_eq!(encoding(&at("hash"), &limits), hash);
        assert_eq!(encoding(&at("zset"), &limits), zset);
        assert_eq!(encoding(&at("intset"), &limits), if entries == 2 { "hashtable" } else { "intset" });
    }
    // What is packed stays so, however long its elements; what is not is packed by both limits.
    let limits = Limits { hash_max_listpack_value: 1, zset_max_listpack_value: 1, ..Limits::default() };
    assert_eq!(encoding(&at("hash"), &limits), "listpack");
    assert_eq!(encoding(&at("zset"), &limits), "listpack");
    let limits = Limits { hash_max_listpack_value: 65, zset_max_listpack_value: 65, ..Limits::default() };
    assert_eq!(encoding(&at("hash long"), &limits), "listpack");
    assert_eq!(encoding(&at("zset long"), &limits), "listpack");
    // A set becomes a table where its members are too many or too long, which does not show.
    for (entries, value) in [(0, 64), (128, 64), (128, 65)] {
        let limits = Limits { set_max_listpack_entries: entries, set_max_listpack_value: value, ..Limits::default() };
        let object = restored(&at("set long"), &limits).unwrap();
        let is_packed = matches!(object.body(), Body::Payload(Container::SetPacked(_)));
        assert_eq!(is_packed, entries == 128 && value == 65);
    }
}

fn value_of(rng: &mut fastrand::Rng, longest: usize) -> Vec<u8> {
    match rng.u32(..4) {
        0 => rng.i64(-200..200).to_string().into_bytes(),
        1 => rng.i64(..).to_string().into_bytes(),
        2 => vec![rng.u8(..); rng.usize(..=longest)],
        _ => (0..rng.usize(..=longest)).map(|_| rng.u8(..)).collect(),
    }
}

/// A value of any type, made through the plain forms of the format.
fn random_object(rng: &mut fastrand::Rng, limits: &Limits) -> Object {
    let (most, longest) = ([4, 40, 700][rng.usize(..3)], [8, 64, 70, 300][rng.usize(..4)]);
    let count = rng.usize(1..most);
    let deadline = rng.bool().then(|| rng.u64(..1 << 62));
    let key = value_of(rng, 30);
    let mut out = encode::Out::new(Vec::new(), rng.bool(), false, usize::MAX);
    if rng.u32(..8) == 0 {
        let stream = random_stream(rng, limits).into_container();
        return Object::new(&key, Value::Container(stream).into_body(), deadline, 0, 0);
    }
    let type_byte = [kind::STRING, kind::LIST, kind::SET, kind::SET, kind::HASH, kind::ZSET_2][rng.usize(..6)];
    let mut seen = std::collections::BTreeSet::new();
    if type_byte == kind::STRING {
        out.string(&value_of(rng, longest * count));
    } else {
        let integers = rng.bool();
        let mut elements: Vec<Vec<u8>> = (0..count)
            .map(|n| if integers { (n * n * 30).to_string().into_bytes() } else { value_of(rng, longest) })
            .collect();
        elements.retain(|element| type_byte == kind::LIST || seen.insert(element.clone()));
        out.length(elements.len() as u64);
        for element in &elements {
            out.string(element);
            match type_byte {
                kind::HASH => out.string(&value_of(rng, longest)),
                kind::ZSET_2 => {
                    let score = [rng.f64(), rng.i8(..) as f64, f64::INFINITY, -0.0, 1e300][rng.usize(..5)];
                    out.bytes.extend_from_slice(&score.to_le_bytes());
                }
                _ => {}
            }
        }
    }
    let bytes = payload(type_byte, &out.bytes);
    let mut read = Payload::open(&bytes, true).unwrap();
    let mut object = Object::new(&key, read.value(limits).unwrap().into_body(), deadline, 0, 0);
    if type_byte == kind::HASH && rng.bool() {
        give_deadlines(&mut object, &seen, rng);
    }
    object
}

/// Gives some fields of a hash deadlines.
fn give_deadlines(object: &mut Object, fields: &std::collections::BTreeSet<Vec<u8>>, rng: &mut fastrand::Rng) {
    let BodyMut::Payload(container) = object.body_mut() else { return };
    let Some(hash) = Hash::of_mut(container) else { return };
    for field in fields {
        if rng.bool() {
            assert!(hash.set_deadline(field, Some(rng.u64(1..1 << 46))));
        }
    }
    object.note_parts();
}

#[test]
fn values_of_every_type_come_back_in_streams_and_payloads() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for round in 0..60 {
        let limits = Limits {
            list_max_listpack_size: [-2, 3][round % 2],
            list_compress_depth: [0, 1][round / 2 % 2],
            ..Limits::default()
        };
        let objects: Vec<Object> = (0..20).map(|_| random_object(&mut rng, &limits)).collect();
        let options = SaveOptions {
            compress: rng.bool(),
            checksum: rng.bool(),
            block_bytes: [1, 100, 1 << 20][rng.usize(..3)],
            ..SaveOptions::default()
        };
        let mut writer = Writer::new(Vec::new(), &options);
        writer.aux("redis-ver", b"7.0.15");
        writer.function(b"#!lua name=l\n");
        for (at, object) in objects.iter().enumerate() {
            if at % 10 == 0 {
                writer.select(at as u32 / 10, 10, 5);
            }
            let usage = [Usage::None, Usage::IdleSeconds(at as u64 * 100), Usage::Frequency(at as u8)][at % 3];
            writer.record(object, usage);
        }
        let bytes = writer.finish().unwrap();
        let load = LoadOptions { limits: limits.clone(), clock: 77, ..LoadOptions::default() };
        let mut reader = Reader::new(ReadSource::new(&bytes[..], [1, 50, 1 << 20][rng.usize(..3)]), load);
        assert!(matches!(reader.next(), Ok(Item::Aux { name, value }) if name == b"redis-ver" && value == b"7.0.15"));
        assert!(matches!(reader.next(), Ok(Item::Function(code)) if code == b"#!lua name=l\n"));
        for (at, object) in objects.iter().enumerate() {
            if at % 10 == 0 {
                assert!(matches!(reader.next(), Ok(Item::Size { keys: 10, timed: 5, .. })));
            }
            let Ok(Item::Record(record)) = reader.next() else { panic!("record {at}") };
            assert_eq!((record.db, record.object.key()), (at as u32 / 10, object.key()));
            assert_eq!((record.object.deadline(), record.object.clock()), (object.deadline(), 77));
            assert_eq!(record.idle_seconds, (at % 3 == 1).then_some(at as u64 * 100));
            assert_eq!(record.frequency, (at % 3 == 2).then_some(at as u8));
            assert_eq!(encoding_name(&record.object), encoding_name(object));
            assert_eq!(contents(&record.object), contents(object));
            let again = restored(&dump_payload(object, rng.bool()), &limits).unwrap();
            assert_eq!((encoding_name(&again), contents(&again)), (encoding_name(object), contents(object)));
        }
        assert!(matches!(reader.next(), Ok(Item::End { checked }) if checked == options.checksum));
        assert_eq!(reader.offset(), bytes.len() as u64);
    }
}

// ---- streams -----------------------------------------------------------------------------------------------------

#[test]
fn a_stream_ends_where_it_ends_and_leaves_the_rest() {
    let bytes = [stream(b"0010", b"\x00\x01k\x01v"), b"*1\r\n".to_vec()].concat();
    for block in [1, 3, 1000] {
        let mut reader = Reader::new(ReadSource::new(&bytes[..], block), LoadOptions::default());
        assert!(matches!(reader.next(), Ok(Item::Record(_))));
        assert!(matches!(reader.next(), Ok(Item::End { checked: true })));
        assert!(matches!(reader.next(), Ok(Item::End { checked: true })));
        assert_eq!(reader.offset(), bytes.len() as u64 - 4);
    }
}

#[test]
fn every_opcode_is_read_or_passed_over() {
    let mut data = Vec::new();
    data.extend_from_slice(b"\xfd\x10\0\0\0\x00\x01s\x01v");
    data.extend_from_slice(b"\xf4\x05\x06\x07\xf7\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x01\x01\x09\x05\x03abc\x04");
    data.extend_from_slice(&1.5f64.to_le_bytes());
    data.extend_from_slice(
        b"\x03\0\0\0\0\x00\xfe\x03\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xf8\x09\xf9\x07\x00\x01t\x01v",
    );
    data.extend_from_slice(b"\x01\x01e\x00\x0d\x01z\x0b\x0b\0\0\0\x0a\0\0\0\0\0\xff");
    for bytes in [stream(b"0012", &data), stream(b"0011", &data)] {
        let items = read(&bytes).unwrap();
        let [Item::Record(s), Item::Record(t), Item::EmptyKey { db: 3, key }, Item::EmptyKey { key: other, .. }] =
            &items[..]
        else {
            panic!("{} items", items.len())
        };
        assert_eq!((s.object.key(), s.db, s.object.deadline()), (&b"s"[..], 0, Some(16_000)));
        assert_eq!((t.object.key(), t.db, t.object.deadline()), (&b"t"[..], 3, None));
        assert_eq!((t.idle_seconds, t.frequency, &key[..], &other[..]), (Some(9), Some(7), &b"e"[..], &b"z"[..]));
    }
    let mut valkey = b"VALKEY080\x00\x01k\x01v\xff".to_vec();
    valkey.extend_from_slice(&crc64(0, &valkey).to_le_bytes());
    assert_eq!(records(&valkey).len(), 1);
}

#[test]
fn errors_say_what_and_where_in_the_words_of_redis() {
    let kind_of = |bytes: &[u8]| read(bytes).err().map(|error| (error.offset, error.kind));
    let corrupt = |data: &[u8]| match read(&stream(b"0010", data)).err() {
        Some(LoadError { kind: LoadErrorKind::Corrupt(what), .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind_of(b"SIDER0010"), Some((9, LoadErrorKind::Signature)));
    assert_eq!(kind_of(b"REDIS00x0"), Some((9, LoadErrorKind::Signature)));
    assert_eq!(kind_of(b"REDIS0013"), Some((9, LoadErrorKind::Version(13))));
    assert_eq!(kind_of(b"REDIS0000"), Some((9, LoadErrorKind::Version(0))));
    assert_eq!(kind_of(b"REDIS"), Some((5, LoadErrorKind::ShortRead)));
    assert_eq!(kind_of(b"REDIS0010\xfe\x10"), Some((11, LoadErrorKind::Database(16))));
    assert_eq!(kind_of(b"REDIS0010\x00\x01k\x05v"), Some((14, LoadErrorKind::ShortRead)));
    assert_eq!(kind_of(&stream(b"0010", b"\x63\x01k\x00")).unwrap().1, LoadErrorKind::UnknownType(0x63));
    let module = [&b"\x07\x01k\x81"[..], &0u64.to_be_bytes()].concat();
    assert_eq!(kind_of(&stream(b"0010", &module)).unwrap().1, LoadErrorKind::Module(*b"AAAAAAAAA"));
    assert_eq!(corrupt(b"\x02\x01k\x02\x01a\x01a"), "Duplicate set members detected");
    assert_eq!(corrupt(b"\x02\x01k\x02\x011\x011"), "Duplicate set members detected");
    assert_eq!(corrupt(b"\x04\x01k\x02\x01a\x00\x01a\x00"), "Hash with dup elements");
    assert_eq!(corrupt(b"\x03\x01k\x02\x01a\x011\x01a\x012"), "Duplicate zset fields detected");
    assert_eq!(corrupt(b"\x03\x01k\x01\x01a\xfd"), "Zset with NAN score detected");
    assert_eq!(corrupt(b"\x12\x01k\x01\x03\x01a"), "Quicklist integrity check failed.");
    assert_eq!(corrupt(b"\x12\x01k\x01\x02\x01a"), "Listpack integrity check failed.");
    assert_eq!(corrupt(b"\x10\x01k\x01a"), "Hash listpack integrity check failed.");
    assert_eq!(corrupt(b"\x0b\x01k\x08\x02\0\0\0\0\0\0\0"), "Intset integrity check failed.");
    assert_eq!(corrupt(b"\x00\x01k\xc3\x01\x40\xff\x00"), "Invalid LZF compressed string");
    let mut bytes = stream(b"0010", b"\x00\x01k\x01v");
    bytes[13] ^= 1;
    let error = read(&bytes).err().unwrap();
    assert!(error.to_string().starts_with("Internal error in RDB reading offset 23 -> RDB CRC error"), "{error}");
    assert!(matches!(error.kind, LoadErrorKind::Checksum { .. }));
    let end = bytes.len() - 8;
    bytes[end..].fill(0);
    assert_eq!(read(&bytes).unwrap().len(), 1, "a checksum of zero is none");
}

#[test]
fn twins_are_found_in_packed_forms_of_any_size_and_form() {
    for count in [2usize, 9, 200] {
        let pack: crate::structs::listpack::Listpack = (0..count).flat_map(|n| [format!("f{n}"), "v".into()]).collect();
        let mut twice = pack.clone();
        twice.extend([b"f1", b"v2"]);
        for (pack, sound) in [(pack, true), (twice, false)] {
            let mut out = encode::Out::new(Vec::new(), true, false, usize::MAX);
            out.string(pack.as_bytes());
            assert_eq!(restored(&payload(kind::HASH_LISTPACK, &out.bytes), &Limits::default()).is_ok(), sound);
        }
    }
    // The integer 1, once as such and once as a string, which no server writes.
    let mixed = b"\x0f\0\0\0\x04\0\x01\x01\x81a\x02\x81\x31\x02\x00\x01\xff";
    let mut mixed = mixed.to_vec();
    mixed[0] = mixed.len() as u8;
    let pack = crate::structs::listpack::Listpack::from_bytes(&mixed).unwrap();
    assert_eq!(pack.len(), 4);
    let refused = restored(&payload(kind::HASH_LISTPACK, &text(&mixed)), &Limits::default()).err();
    let Some(PayloadError::Value(Some(error))) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("Hash listpack integrity check failed."), "{error}");
}

#[test]
fn a_packed_sorted_set_out_of_order_is_put_in_order() {
    let pack: crate::structs::listpack::Listpack = ["b", "2", "a", "2", "c", "-1.5"].into_iter().collect();
    let object = restored(&payload(kind::ZSET_LISTPACK, &text(pack.as_bytes())), &Limits::default()).unwrap();
    assert_eq!(contents(&object), [&b"-1.5 c"[..], b"2 a", b"2 b"]);
    let pack: crate::structs::listpack::Listpack = ["b", "nan"].into_iter().collect();
    assert!(restored(&payload(kind::ZSET_LISTPACK, &text(pack.as_bytes())), &Limits::default()).is_err());
}

#[test]
fn a_sink_that_fails_ends_the_writing() {
    struct Full(usize);
    impl Sink for Full {
        fn write_block(&mut self, block: Vec<u8>) -> std::io::Result<Vec<u8>> {
            self.0 = self.0.checked_sub(block.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(block)
        }
    }
    let options = SaveOptions { compress: false, block_bytes: 64, ..SaveOptions::default() };
    let object = Object::new(b"key", Value::Bytes(&[b'v'; 500]).into_body(), None, 0, 0);
    let mut writer = Writer::new(Full(300), &options);
    writer.record(&object, Usage::None);
    assert!(writer.has_failed());
    writer.record(&object, Usage::None);
    assert_eq!(writer.finish().err().map(|error| error.kind()), Some(std::io::ErrorKind::StorageFull));
    let mut writer = Writer::new(Full(600), &options);
    writer.record(&object, Usage::None);
    assert!(!writer.has_failed() && writer.finish().is_ok());
}

#[test]
fn a_value_larger_than_a_block_goes_out_in_blocks() {
    struct Blocks(usize, usize);
    impl Sink for Blocks {
        fn write_block(&mut self, block: Vec<u8>) -> std::io::Result<Vec<u8>> {
            (self.0, self.1) = (self.0 + 1, self.1.max(block.capacity()));
            Ok(block)
        }
    }
    let limits = Limits::default();
    let mut set = Set::new();
    (0..20_000).for_each(|n| assert!(set.insert(format!("member {n}").as_bytes(), &limits)));
    let mut list = List::new();
    (0..20_000).for_each(|n| list.push(End::Tail, format!("element {n}").as_bytes(), &limits));
    let long = vec![b'x'; 1 << 20];
    for value in
        [Value::Container(set.into_container()), Value::Container(list.into_container()), Value::Literal(&long)]
    {
        let object = Object::new(b"key", value.into_body(), None, 0, 0);
        let options = SaveOptions { compress: false, block_bytes: 10_000, ..SaveOptions::default() };
        let mut writer = Writer::new(Blocks(0, 0), &options);
        writer.record(&object, Usage::None);
        let Blocks(count, largest) = writer.finish().unwrap();
        assert!(count > 15 && largest <= 40_000, "{count} blocks of up to {largest} bytes");
    }
}

// ---- damage ------------------------------------------------------------------------------------------------------

/// Flips, cuts, forges lengths, joins.
fn damage(bytes: &mut Vec<u8>, rng: &mut fastrand::Rng) {
    for _ in 0..rng.usize(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.usize(..bytes.len());
        match rng.u32(..8) {
            0..=2 => bytes[at] ^= 1 << rng.u8(..8),
            3 => bytes[at] = rng.u8(..),
            4 => bytes.truncate(at),
            5 => drop(bytes.splice(at..at, [0x80, 0x7f, 0xff, 0xff, 0xff])),
            6 => drop(bytes.splice(at..at, [0x81, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff])),
            _ => {
                let end = rng.usize(at..bytes.len()).min(at + 30);
                let part = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, part));
            }
        }
    }
}

#[test]
fn damaged_payloads_are_refused_or_harmless() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut good: Vec<Vec<u8>> = VECTORS.iter().map(|vector| bytes_of(vector.3)).collect();
    good.push(payload(kind::LIST_ZIPLIST, b"\x0f\x0f\0\0\0\x0a\0\0\0\x01\0\0\x02ab\xff"));
    good.push(payload(kind::ZSET_ZIPLIST, &text(&bytes_of("1900000016000000040000036f6e6505f2020374776f05f3ff"))));
    good.push(payload(kind::HASH_ZIPLIST, &text(&bytes_of("1b00000016000000040000026631040276310402663204027632ff"))));
    good.push(payload(kind::LIST_QUICKLIST, &[&[1u8][..], &text(&bytes_of("0d0000000a0000000100000178ff"))].concat()));
    good.push(payload(kind::HASH_ZIPMAP, &text(&bytes_of("020266310200763102663202007632ff"))));
    good.push(payload(kind::ZSET, b"\x03\x01c\xfe\x01a\x031.5\x01b\xff"));
    good.push(payload(kind::SET, b"\x03\x01c\x011\xc0\x07"));
    good.push(payload(kind::HASH, b"\x02\x01c\x011\x01d\x012"));
    for _ in 0..60_000 {
        let mut bytes = good[rng.usize(..good.len())].clone();
        bytes.truncate(bytes.len() - 10);
        damage(&mut bytes, &mut rng);
        fuzz_restore(&bytes);
    }
}

#[test]
fn damaged_streams_are_refused_or_harmless() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let limits = Limits::default();
    for _ in 0..30 {
        let mut writer = Writer::new(Vec::new(), &SaveOptions::default());
        writer.aux("redis-bits", b"64");
        writer.select(0, 5, 0);
        for _ in 0..5 {
            writer.record(&random_object(&mut rng, &limits), Usage::None);
        }
        let good = writer.finish().unwrap();
        for _ in 0..50 {
            let mut bytes = good.clone();
            damage(&mut bytes, &mut rng);
            fuzz_rdb(&bytes);
        }
    }
}
