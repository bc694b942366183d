//! For fuzzing: whatever the bytes, reading them ends in an error or in values that can be written and read again.

use super::{BytesSource, Item, LoadOptions, Payload, ReadSource, Reader, Source, VERSION, crc64, dump_payload};
use crate::object::{Limits, Object};

/// Reads a stream, in one piece and in small ones, without minding its checksum.
pub fn fuzz_rdb(data: &[u8]) {
    let options = || LoadOptions { check: false, ..LoadOptions::default() };
    let whole = read_all(Reader::new(BytesSource::new(data), options()));
    let pieces = read_all(Reader::new(ReadSource::new(data, 7), options()));
    assert_eq!(whole, pieces, "blocks make no difference");
}

/// Reads a value as RESTORE does, behind a footer that fits it, so that the value is reached whatever its bytes are.
pub fn fuzz_restore(data: &[u8]) {
    let mut bytes = data.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&crc64(0, &bytes).to_le_bytes());
    let mut payload = Payload::open(&bytes, true).expect("the footer was made to fit");
    let Ok(value) = payload.value(&Limits::default()) else { return };
    rewrite(&Object::new(b"key", value.into_body(), None, 0, 0));
}

/// The keys' payloads up to the end or the first error, and whether there was one.
fn read_all<S: Source>(mut reader: Reader<S>) -> (Vec<Vec<u8>>, bool) {
    let mut all = Vec::new();
    loop {
        match reader.next() {
            Ok(Item::Record(record)) => all.push(rewrite(&record.object)),
            Ok(Item::End { .. }) => return (all, true),
            Ok(_) => {}
            Err(_) => return (all, false),
        }
    }
}

/// Writes a value and reads it again: what was accepted must be accepted as we write it.
fn rewrite(object: &Object) -> Vec<u8> {
    let bytes = dump_payload(object, true);
    let mut payload = Payload::open(&bytes, true).expect("a footer as it was just written");
    let value = payload.value(&Limits::default()).expect("a value as it was just written");
    let again = Object::new(object.key(), value.into_body(), None, 0, 0);
    assert_eq!(crate::object::kind(&again), crate::object::kind(object));
    bytes
}
