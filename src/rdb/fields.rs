//! Hashes whose fields have deadlines, to bytes and back.
//!
//! ```text
//! 24  earliest deadline: u64 ms | number | span, field, value ...      span: a length; 0 for none, else
//!                                                                      deadline - earliest + 1
//! 25  earliest deadline: u64 ms | listpack of field, value, deadline ...   in the order of deadlines, 0 for none
//! 22  number | deadline, field, value ...                              deadline: a length; 0 for none
//! 23  listpack as in 25
//! 22  (of Valkey) number | field, value, deadline: i64 ms ...          -1 for none
//! ```
//!
//! The first two are written, by the encoding the hash is in; the next two were written by Redis before 7.4 was released.
//! Promise: a hash of which no field has a deadline is written as every other hash.

use super::decode::{TWIN_FIELDS, has_twins, listpack};
use super::encode::Out;
use super::input::{Input, Source};
use super::writer::Sink;
use super::{LoadError, LoadErrorKind};
use crate::object::hash::{Field, Hash, timed_pack};
use crate::object::{Container, Limits, Typed};
use crate::structs::listpack::Listpack;
use crate::structs::table::{Entry, Table, hash};

/// The latest deadline Redis can write.
const DEADLINE_MAX: u64 = (1 << 48) - 1;

/// How the deadlines of listed fields are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Before the field, counted from the earliest one.
    Spans,
    /// Before the field, as moments.
    Moments,
    /// Behind the value, as moments.
    Valkey,
}

impl<S: Sink> Out<S> {
    pub(super) fn timed_pack(&mut self, pack: &Listpack) {
        match timed_pack::triples(pack).next().and_then(|(.., deadline)| deadline) {
            Some(earliest) => {
                self.bytes.extend_from_slice(&earliest.to_le_bytes());
                self.string(pack.as_bytes());
            }
            None => self.string(timed_pack::to_pairs(pack).as_bytes()),
        }
    }

    pub(super) fn timed_fields(&mut self, table: &Table<Field>) {
        let mut earliest = u64::MAX;
        table.for_each(|field| earliest = earliest.min(field.deadline().unwrap_or(u64::MAX)));
        self.timed_head(earliest, table.len());
        table.for_each(|field| self.timed_field(earliest, field));
    }

    /// What stands before fields with deadlines, none of which is earlier.
    pub(super) fn timed_head(&mut self, earliest: u64, fields: usize) {
        self.bytes.extend_from_slice(&earliest.to_le_bytes());
        self.length(fields as u64);
    }

    /// One of the fields that [`Encoder::timed_head`] announced.
    pub(super) fn timed_field(&mut self, earliest: u64, field: &Field) {
        self.length(field.deadline().map_or(0, |at| at - earliest + 1));
        self.string(field.key());
        self.string(field.value());
        self.settle();
    }
}

fn too_late<S: Source>(input: &Input<S>) -> LoadError {
    input.error(LoadErrorKind::Corrupt("invalid expireAt time"))
}

/// The earliest deadline in front of a hash; its fields tell their own.
fn earliest<S: Source>(input: &mut Input<S>) -> Result<u64, LoadError> {
    let at = u64::from_le_bytes(input.array()?);
    // One above the latest says that there is none.
    if at > DEADLINE_MAX + 1 { Err(too_late(input)) } else { Ok(at) }
}

/// A deadline that is written as a length, if there is one.
fn deadline<S: Source>(input: &mut Input<S>, form: Form, earliest: u64) -> Result<Option<u64>, LoadError> {
    let at = match (input.length()?, form) {
        (0, _) => return Ok(None),
        (span, Form::Spans) => span.saturating_add(earliest).saturating_sub(1).max(1),
        (at, _) => at,
    };
    if at > DEADLINE_MAX { Err(too_late(input)) } else { Ok(Some(at)) }
}

/// Fields one by one, each with its deadline.
pub(super) fn listed<S: Source>(
    input: &mut Input<S>,
    form: Form,
    limits: &Limits,
) -> Result<Option<Container>, LoadError> {
    let earliest = if form == Form::Spans { earliest(input)? } else { 0 };
    let len = input.length()?;
    if len == 0 {
        return Ok(None);
    }
    let longest = limits.hash_max_listpack_value;
    let mut pack = (len <= limits.hash_max_listpack_entries as u64).then(Listpack::new);
    let mut table = Table::new();
    let (mut field, mut value) = (Vec::new(), Vec::new());
    for _ in 0..len {
        field.clear();
        value.clear();
        let before = if form == Form::Valkey { None } else { deadline(input, form, earliest)? };
        input.string_into(&mut field)?;
        input.string_into(&mut value)?;
        let at = if form == Form::Valkey { valkey_deadline(input)? } else { before };
        if let Some(small) = &mut pack {
            if field.len() <= longest && value.len() <= longest && small.would_fit(field.len() + value.len()) {
                small.push_back(&field);
                small.push_back(&value);
                small.push_back_int(at.unwrap_or(0) as i64);
                continue;
            }
            match unpack(small) {
                Some(fields) => (table, pack) = (fields, None),
                None => return Err(input.corrupt(TWIN_FIELDS)),
            }
        }
        if table.insert(hash(&field), Field::timed(&field, &value, at)).is_some() {
            return Err(input.corrupt(TWIN_FIELDS));
        }
    }
    match pack {
        Some(pack) if has_twins(&pack, timed_pack::WIDTH) => Err(input.corrupt("Hash with dup elements")),
        Some(pack) => Ok(Some(Hash::from_triples(timed_pack::sorted(pack)).into_container())),
        None => Ok(Some(Hash::from_table(table).into_container())),
    }
}

fn valkey_deadline<S: Source>(input: &mut Input<S>) -> Result<Option<u64>, LoadError> {
    match i64::from_le_bytes(input.array()?) {
        -1 => Ok(None),
        at if at < 0 => Err(too_late(input)),
        at => Ok(Some(at.max(1) as u64)),
    }
}

/// Triples as the fields of a table; `None` when a field comes twice.
fn unpack(pack: &Listpack) -> Option<Table<Field>> {
    let mut table = Table::new();
    for (field, value, deadline) in timed_pack::triples(pack) {
        let (mut field_digits, mut value_digits) = ([0; 24], [0; 24]);
        let field = field.as_str_buf(&mut field_digits);
        let entry = Field::timed(field, value.as_str_buf(&mut value_digits), deadline);
        if table.insert(hash(field), entry).is_some() {
            return None;
        }
    }
    Some(table)
}

/// A listpack of triples.
pub(super) fn packed<S: Source>(
    input: &mut Input<S>,
    has_earliest: bool,
    limits: &Limits,
) -> Result<Option<Container>, LoadError> {
    const WRONG: &str = "Hash listpack integrity check failed.";
    if has_earliest {
        earliest(input)?;
    }
    let pack = listpack(input, WRONG)?;
    if pack.is_empty() {
        return Ok(None);
    }
    let in_range = |at: i64| (0..=DEADLINE_MAX as i64).contains(&at);
    let mut thirds = pack.iter().skip(2).step_by(timed_pack::WIDTH);
    if pack.len() % timed_pack::WIDTH != 0
        || !thirds.all(|item| item.to_int().is_some_and(in_range))
        || has_twins(&pack, timed_pack::WIDTH)
    {
        return Err(input.corrupt(WRONG));
    }
    Ok(Some(Hash::from_triples(timed_pack::sorted(pack)).bounded(limits).into_container()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{contents, payload, read, records, restored, stream, text};
    use super::super::{crc64, dump_payload, kind};
    use crate::object::hash::timed_pack;
    use crate::object::{Limits, encoding_name};
    use crate::rdb::LoadErrorKind;
    use crate::structs::listpack::Listpack;

    const EARLIEST: u64 = 1_700_000_000_000;

    fn listed(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    /// Three fields, two with deadlines, counted from the earliest.
    fn spans() -> Vec<u8> {
        listed(&[
            &EARLIEST.to_le_bytes(),
            b"\x03",
            b"\x01",
            &text(b"a"),
            &text(b"v"),
            b"\x00",
            &text(b"b"),
            &text(b"w"),
            b"\x43\xe9",
            &text(b"c"),
            b"\xc0\x07",
        ])
    }

    fn texts(contents: &[Vec<u8>]) -> Vec<&str> {
        contents.iter().map(|line| std::str::from_utf8(line).unwrap()).collect()
    }

    const FIELDS: [&str; 3] = ["a=v 1700000000000", "b=w 0", "c=7 1700000001000"];

    fn triples() -> Listpack {
        let mut pack = Listpack::new();
        for (field, value, at) in [("a", "v", EARLIEST), ("c", "7", EARLIEST + 1000), ("b", "w", 0)] {
            pack.push_back(field.as_bytes());
            pack.push_back(value.as_bytes());
            pack.push_back_int(at as i64);
        }
        pack
    }

    fn packed(earliest: Option<u64>) -> Vec<u8> {
        let pack = triples();
        let bytes = earliest.map_or(Vec::new(), |at| at.to_le_bytes().to_vec());
        [bytes, text(pack.as_bytes())].concat()
    }

    #[test]
    fn all_forms_of_redis_are_read() {
        let table = Limits { hash_max_listpack_entries: 2, ..Limits::default() };
        let moment = |at: u64| [&[0x81][..], &at.to_be_bytes()].concat();
        let moments = listed(&[
            b"\x03",
            &moment(EARLIEST),
            &text(b"a"),
            &text(b"v"),
            b"\x00",
            &text(b"b"),
            &text(b"w"),
            &moment(EARLIEST + 1000),
            &text(b"c"),
            &text(b"7"),
        ]);
        for (type_byte, data) in [
            (kind::HASH_DEADLINES, spans()),
            (kind::HASH_LISTPACK_DEADLINES, packed(Some(EARLIEST))),
            (kind::HASH_DEADLINES_EARLY, moments),
            (kind::HASH_LISTPACK_DEADLINES_EARLY, packed(None)),
        ] {
            let bytes = payload(type_byte, &data);
            let small = restored(&bytes, &Limits::default()).unwrap();
            assert_eq!((texts(&contents(&small)), encoding_name(&small)), (FIELDS.to_vec(), "listpackex"));
            assert_eq!((small.has_timed_parts(), small.due()), (true, Some(EARLIEST)));
            let large = restored(&bytes, &table).unwrap();
            assert_eq!((texts(&contents(&large)), encoding_name(&large)), (FIELDS.to_vec(), "hashtable"));
            assert_eq!(large.due(), Some(EARLIEST));
        }
    }

    #[test]
    fn a_hash_is_written_in_the_form_of_its_encoding() {
        let small = restored(&payload(kind::HASH_DEADLINES, &spans()), &Limits::default()).unwrap();
        let dumped = dump_payload(&small, false);
        assert_eq!(dumped[0], kind::HASH_LISTPACK_DEADLINES);
        assert_eq!(dumped[1..dumped.len() - 10], packed(Some(EARLIEST))[..]);
        assert_eq!(dumped[dumped.len() - 10..dumped.len() - 8], 12u16.to_le_bytes());
        let table = Limits { hash_max_listpack_entries: 0, ..Limits::default() };
        let large = restored(&dumped, &table).unwrap();
        let dumped = dump_payload(&large, false);
        assert_eq!((dumped[0], dumped.len()), (kind::HASH_DEADLINES, 1 + spans().len() + 10));
        assert_eq!(dumped[1..9], EARLIEST.to_le_bytes());
        assert_eq!(texts(&contents(&restored(&dumped, &table).unwrap())), FIELDS);
    }

    #[test]
    fn a_hash_without_deadlines_is_written_as_every_other() {
        let data = listed(&[&EARLIEST.to_le_bytes(), b"\x01\x00", &text(b"f"), &text(b"v")]);
        let object = restored(&payload(kind::HASH_DEADLINES, &data), &Limits::default()).unwrap();
        assert_eq!((encoding_name(&object), object.has_timed_parts()), ("listpack", false));
        let dumped = dump_payload(&object, false);
        assert_eq!((dumped[0], dumped[dumped.len() - 10]), (kind::HASH_LISTPACK, 10));
    }

    #[test]
    fn files_of_valkey_have_a_form_of_their_own() {
        let data = listed(&[
            b"\x16",
            &text(b"h"),
            b"\x03",
            &text(b"a"),
            &text(b"v"),
            &EARLIEST.to_le_bytes(),
            &text(b"b"),
            &text(b"w"),
            &(-1i64).to_le_bytes(),
            &text(b"c"),
            &text(b"7"),
            &(EARLIEST + 1000).to_le_bytes(),
        ]);
        for magic in [b"VALKEY080", b"VALKEY081"] {
            let mut bytes = [&magic[..], &data, b"\xff"].concat();
            bytes.extend_from_slice(&crc64(0, &bytes).to_le_bytes());
            let found = records(&bytes);
            assert_eq!(texts(&contents(&found[0].object)), FIELDS);
        }
        assert!(read(&stream(b"0012", &data)).is_err(), "the same bytes of Redis are something else");
        let mut of_valkey = [&data[..1], &data[3..], &80u16.to_le_bytes()].concat();
        of_valkey.extend_from_slice(&crc64(0, &of_valkey).to_le_bytes());
        assert_eq!(texts(&contents(&restored(&of_valkey, &Limits::default()).unwrap())), FIELDS);
        let mut later = b"VALKEY080\x18\x01h\0\0\0\0\0\0\0\0\x01\x01\x01f\x01v\xff".to_vec();
        later.extend_from_slice(&crc64(0, &later).to_le_bytes());
        assert!(matches!(read(&later).err().map(|error| error.kind), Some(LoadErrorKind::UnknownType(24))));
    }

    #[test]
    fn triples_out_of_order_are_put_in_order() {
        let mut pack = Listpack::new();
        for (field, at) in [("b", 0i64), ("c", 20), ("a", 10)] {
            pack.push_back(field.as_bytes());
            pack.push_back(b"v");
            pack.push_back_int(at);
        }
        let data = [&10u64.to_le_bytes()[..], &text(pack.as_bytes())].concat();
        let object = restored(&payload(kind::HASH_LISTPACK_DEADLINES, &data), &Limits::default()).unwrap();
        let dumped = dump_payload(&object, false);
        let written = Listpack::from_bytes(&dumped[10..dumped.len() - 10]).unwrap();
        let order: Vec<_> = timed_pack::triples(&written).map(|(field, _, at)| (field.to_vec(), at)).collect();
        assert_eq!(order, [(b"a".to_vec(), Some(10)), (b"c".to_vec(), Some(20)), (b"b".to_vec(), None)]);
    }

    #[test]
    fn damaged_ones_are_refused() {
        let late = ((1u64 << 48) + 1).to_le_bytes();
        let pack = |items: &[&str]| text(items.iter().map(|item| item.as_bytes()).collect::<Listpack>().as_bytes());
        let early = 1u64.to_le_bytes();
        let table = Limits { hash_max_listpack_entries: 1, ..Limits::default() };
        for (type_byte, data) in [
            (kind::HASH_DEADLINES, listed(&[&late, b"\x01\x01", &text(b"f"), &text(b"v")])),
            (
                kind::HASH_DEADLINES,
                listed(&[&early, b"\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff", &text(b"f"), &text(b"v")]),
            ),
            (
                kind::HASH_DEADLINES,
                listed(&[&early, b"\x02\x01", &text(b"f"), &text(b"v"), b"\x00", &text(b"f"), &text(b"v")]),
            ),
            (
                kind::HASH_DEADLINES,
                listed(&[&early, b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01", &text(b"f"), &text(b"v")]),
            ),
            (kind::HASH_DEADLINES, early.to_vec()),
            (kind::HASH_DEADLINES, listed(&[&early, b"\x00"])),
            (kind::HASH_LISTPACK_DEADLINES, listed(&[&early, &pack(&["f", "v"])])),
            (kind::HASH_LISTPACK_DEADLINES, listed(&[&early, &pack(&["f", "v", "x"])])),
            (kind::HASH_LISTPACK_DEADLINES, listed(&[&early, &pack(&["f", "v", "-1"])])),
            (kind::HASH_LISTPACK_DEADLINES, listed(&[&early, &pack(&["f", "v", "281474976710656"])])),
            (kind::HASH_LISTPACK_DEADLINES, listed(&[&early, &pack(&["f", "v", "1", "f", "w", "2"])])),
            (kind::HASH_LISTPACK_DEADLINES, listed(&[&early, &pack(&[])])),
            (kind::HASH_LISTPACK_DEADLINES_EARLY, pack(&["f", "v", "1", "f", "w", "0"])),
        ] {
            for limits in [&Limits::default(), &table] {
                assert!(restored(&payload(type_byte, &data), limits).is_err(), "{type_byte} {data:?}");
            }
        }
    }
}
