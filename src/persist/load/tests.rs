//! Loading from a disk in memory, and from folders of the reference server.

use super::*;
use crate::object::Text;
use crate::persist::testing::{FakeDisk, Image, fake};
use std::collections::BTreeMap;

fn names() -> AofNames {
    AofNames { dir: "/".into(), folder: "aof".into(), stem: "log".into() }
}

fn options(log: bool) -> LoadOptions {
    LoadOptions { names: names(), snapshot: "dump.rdb".into(), log, truncated: true, rdb: rdb::LoadOptions::default() }
}

/// What a load gave.
#[derive(Default, Debug)]
pub struct Seen {
    /// Strings by key; requests other than SET and SELECT as their text.
    pub data: BTreeMap<String, String>,
    pub requests: Vec<String>,
    pub notes: Vec<String>,
    pub aux: Vec<String>,
    pub bytes: u64,
    pub origin: Option<Origin>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Loads into a map.
pub fn load_all(disk: Arc<dyn Disk>, options: &LoadOptions) -> Result<Seen, LoadError> {
    let mut seen = Seen::default();
    let loaded = load(disk, options, &mut |item| {
        match item {
            LoadItem::Records(records) => {
                for Hashed { record, .. } in records {
                    let value = Text::of(record.object.body()).map(|value| text(&value.to_vec()));
                    seen.data.insert(text(record.object.key()), value.unwrap_or_else(|| "?".into()));
                }
            }
            LoadItem::Request(request) => {
                let args: Vec<String> = request.args().map(text).collect();
                match (&*args[0].to_ascii_lowercase(), &args[..]) {
                    ("set", [_, key, value, ..]) => {
                        seen.data.insert(key.clone(), value.clone());
                    }
                    ("select", _) => {}
                    ("bla", _) => {
                        return Err(format!("Unknown command 'bla' reading the append only file {}", request.file));
                    }
                    _ => seen.requests.push(args.join(" ")),
                }
            }
            LoadItem::Note(note) => seen.notes.push(note.text),
            LoadItem::Aux { name, value } => seen.aux.push(format!("{}={}", text(&name), text(&value))),
            LoadItem::Progress { bytes, total } => {
                assert!(bytes >= seen.bytes && bytes <= total, "{bytes} of {total}");
                seen.bytes = bytes;
            }
            LoadItem::Size { .. } | LoadItem::Function(_) | LoadItem::SnapshotEnd { .. } | LoadItem::FileStart(_) => {}
        }
        Ok(())
    })?;
    seen.origin = Some(loaded.origin);
    Ok(seen)
}

/// The strings of the log in the folder `/aof`.
pub fn dataset(disk: &FakeDisk) -> BTreeMap<String, String> {
    load_all(Arc::new(disk.clone()), &options(true)).unwrap_or_else(|error| panic!("{error}: {:?}", disk.names())).data
}

fn try_load(disk: &FakeDisk) -> Result<Seen, LoadError> {
    load_all(Arc::new(disk.clone()), &options(true))
}

fn requests(lines: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        crate::persist::aof::append_request(&mut out, line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    }
    out
}

/// A log of two increments.
fn log(first: &[u8], second: &[u8]) -> FakeDisk {
    let disk = fake();
    disk.put("/aof/log.1.incr.aof", first);
    disk.put("/aof/log.2.incr.aof", second);
    disk.put("/aof/log.manifest", b"file log.1.incr.aof seq 1 type i\nfile log.2.incr.aof seq 2 type i\n");
    disk
}

#[test]
fn without_files_nothing_is_loaded() {
    for log in [false, true] {
        let seen = load_all(Arc::new(fake()), &options(log)).unwrap();
        assert_eq!(seen.origin, Some(Origin::Nothing));
    }
    let disk = fake();
    disk.put("/dump.rdb", b"");
    assert_eq!(load_all(Arc::new(disk), &options(false)).unwrap().origin, Some(Origin::Nothing));
}

#[test]
fn increments_are_loaded_in_order() {
    let disk = log(&requests(&["set a 1", "set b 1"]), &requests(&["set a 2", "multi", "set c 3", "exec"]));
    let seen = try_load(&disk).unwrap();
    assert_eq!(seen.data, BTreeMap::from([("a", "2"), ("b", "1"), ("c", "3")].map(|(k, v)| (k.into(), v.into()))));
    assert!(seen.notes[0].starts_with("DB loaded from incr file log.1.incr.aof: 0.000 seconds"), "{:?}", seen.notes);
    assert!(seen.notes.last().unwrap().starts_with("DB loaded from append only file: "));
}

#[test]
fn a_request_longer_than_any_block_is_loaded() {
    let long = "x".repeat(3 * BLOCK_BYTES + 17);
    let disk = log(&requests(&["set a 1", &format!("set b {long}"), "set c 1"]), b"");
    assert_eq!(try_load(&disk).unwrap().data["b"], long);
}

#[test]
fn a_cut_last_file_is_shortened_and_that_is_said() {
    let second = requests(&["set b 2", "multi", "set c 3", "exec"]);
    let whole = requests(&["set b 2"]).len();
    for end in 0..second.len() {
        let disk = log(&requests(&["set a 1"]), &second[..end]);
        let seen = try_load(&disk).unwrap();
        assert_eq!(seen.data.contains_key("b"), end >= whole);
        assert!(!seen.data.contains_key("c"));
        let left = if end >= whole { whole } else { 0 };
        assert_eq!(disk.bytes("/aof/log.2.incr.aof").unwrap().len(), left);
        let said = seen.notes.contains(&format!("!!! Truncating the AOF log.2.incr.aof at offset {left} !!!"));
        assert_eq!(said, end != left);
    }
    let seen = try_load(&log(b"", &requests(&["multi", "set c 3"]))).unwrap();
    assert_eq!(seen.notes[1], "Revert incomplete MULTI/EXEC transaction in AOF file log.2.incr.aof");
    assert_eq!(seen.notes[4], "AOF log.2.incr.aof loaded anyway because aof-load-truncated is enabled");
}

#[test]
fn a_torn_end_is_cut_wherever_the_plug_is_pulled() {
    let second = requests(&["set b 2", "multi", "set c 3", "exec"]);
    let before = log(&requests(&["set a 1"]), &second[..second.len() - 3]);
    let whole = BTreeMap::from([("a", "1"), ("b", "2")].map(|(k, v)| (k.into(), v.into())));
    for tick in 0.. {
        let disk = before.after_crash(Image::Everything);
        disk.crash_at(tick);
        let done = try_load(&disk).is_ok();
        for image in Image::ALL {
            assert_eq!(dataset(&disk.after_crash(image)), whole, "tick {tick}, {image:?}");
        }
        if done {
            break;
        }
    }
}

#[test]
fn zeros_at_the_end_count_as_cut_off() {
    let good = requests(&["set b 2"]);
    for keep in 0..=good.len() {
        let mut second = good[..keep].to_vec();
        second.resize(keep + 3 * BLOCK_BYTES, 0);
        let disk = log(b"", &second);
        let seen = try_load(&disk);
        // A length that lost its end may still be the length of zeros: then the request is refused as damaged or cut.
        let seen = seen.unwrap_or_else(|error| panic!("{keep}: {error}"));
        assert_eq!(seen.data.contains_key("b"), keep == good.len(), "{keep}");
    }
}

#[test]
fn a_cut_file_is_an_error_where_it_may_not_be_or_is_not_the_last() {
    let cut = &requests(&["set b 2"])[..9];
    let error = try_load(&log(cut, b"")).unwrap_err();
    assert_eq!(error.lines, ["Fatal error: the truncated file is not the last file"]);
    let strict = LoadOptions { truncated: false, ..options(true) };
    let error = load_all(Arc::new(log(b"", cut)), &strict).unwrap_err();
    assert!(error.lines[0].starts_with("Unexpected end of file reading the append only file log.2.incr.aof. You can:"));
    assert_eq!((error.file.as_deref(), error.offset), (Some("log.2.incr.aof"), Some(0)));
}

#[test]
fn damage_and_refusals_name_file_and_offset() {
    let good = requests(&["set a 1"]);
    let error = try_load(&log(&[&good[..], b"!!!"].concat(), b"")).unwrap_err();
    assert!(
        error.to_string().starts_with("Bad file format reading the append only file log.1.incr.aof: make a backup")
    );
    assert_eq!(error.offset, Some(good.len() as u64));
    let error = try_load(&log(b"", &requests(&["bla x"]))).unwrap_err();
    assert_eq!(error.lines, ["Unknown command 'bla' reading the append only file log.2.incr.aof"]);
    let disk = log(b"", b"");
    disk.remove(Path::new("/aof/log.2.incr.aof")).unwrap();
    let text = try_load(&disk).unwrap_err().to_string();
    assert_eq!(text, "Unable to obtain the AOF file log.2.incr.aof length. stat: No such file or directory");
    disk.put("/aof/log.manifest", b"file x seq 1 type q\n");
    assert!(try_load(&disk).unwrap_err().lines.contains(&"Unknown AOF file type".to_owned()));
}

fn small_snapshot() -> Vec<u8> {
    let mut writer = rdb::Writer::new(Vec::new(), &rdb::SaveOptions::default());
    writer.aux("redis-ver", b"7.0.15");
    writer.select(0, 1, 0);
    let body = crate::object::Value::Bytes(b"1").into_body();
    writer.record(&crate::object::Object::new(b"a", body, None, 0, 0), rdb::Usage::None);
    writer.finish().unwrap()
}

#[test]
fn a_single_old_file_with_a_preamble_is_adopted() {
    let disk = fake();
    let mut bytes = small_snapshot();
    bytes.extend(requests(&["set b 2"]));
    disk.put("/log", &bytes);
    for _ in 0..2 {
        let seen = try_load(&disk).unwrap();
        assert_eq!((seen.data.len(), seen.bytes), (2, bytes.len() as u64));
        assert!(seen.notes.contains(&"Reading RDB preamble from AOF file...".to_owned()));
        assert!(seen.notes.contains(&"Reading the remaining AOF tail...".to_owned()));
    }
    assert_eq!(disk.names(), ["/aof/log", "/aof/log.manifest"]);
}

#[test]
fn a_damaged_snapshot_says_where() {
    let good = small_snapshot();
    for (at, expected) in [(good.len() - 1, "RDB CRC error"), (0, "Wrong signature")] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        let disk = fake();
        disk.put("/dump.rdb", &bytes);
        let error = load_all(Arc::new(disk), &options(false)).unwrap_err();
        assert!(error.lines[0].contains(expected), "{error}");
        assert_eq!(error.file.as_deref(), Some("dump.rdb"));
    }
    let disk = fake();
    disk.put("/dump.rdb", &good[..20]);
    let error = load_all(Arc::new(disk), &options(false)).unwrap_err();
    assert!(error.lines[0].starts_with("Short read or OOM loading DB."), "{error}");
    assert_eq!(error.lines.last().unwrap(), "Terminating server after rdb file reading failure.");
}

#[test]
fn a_refusal_ends_the_load_though_much_is_left() {
    let mut writer = rdb::Writer::new(Vec::new(), &rdb::SaveOptions::default());
    let mut log = Vec::new();
    for number in 0..200_000u32 {
        let key = number.to_string();
        let body = crate::object::Value::Bytes(&[b'x'; 40]).into_body();
        writer.record(&crate::object::Object::new(key.as_bytes(), body, None, 0, 0), rdb::Usage::None);
        log.extend(requests(&["bla some arguments"]));
    }
    let disk = fake();
    disk.put("/dump.rdb", &writer.finish().unwrap());
    disk.put("/log", &log);
    for log in [false, true] {
        let mut given = 0;
        let ended = load(Arc::new(disk.clone()), &options(log), &mut |item| match item {
            LoadItem::Records(_) | LoadItem::Request(_) => {
                given += 1;
                if given == 3 { Err("enough".into()) } else { Ok(()) }
            }
            _ => Ok(()),
        });
        assert_eq!(ended.err().unwrap().lines, ["enough"]);
        assert_eq!(given, 3);
    }
}
