//! Tests of saves: what is in the file, whatever is done meanwhile and wherever it breaks off.

use super::*;
use crate::object::sorted_set::AddOptions;
use crate::object::{Hash, Set, SortedSet, Typed, Value};
use crate::persist::disk::read_file;
use crate::persist::testing::{Image, fake};
use crate::rdb::{BytesSource, Item, LoadOptions, Reader};
use crate::structs::record::{Body, BodyMut};
use crate::structs::table::Table;

/// A database of small strings.
pub fn strings(pairs: impl IntoIterator<Item = (String, String)>) -> Table<Object> {
    let mut table = Table::new();
    for (key, value) in pairs {
        let object = Object::new(key.as_bytes(), Value::Bytes(value.as_bytes()).into_body(), None, 0, 0);
        table.insert(crate::structs::table::hash(key.as_bytes()), object);
    }
    table
}

fn snapshot(version: u32, keys: usize) -> Snapshot {
    let db = |db: u32| strings((0..keys).map(|key| (format!("{db}:{key}"), format!("{version}"))));
    Snapshot {
        dbs: [db(0), Table::new(), db(2)].map(Walk::from).into(),
        aux: vec![("redis-ver", b"7.0.15".into())],
        ..Snapshot::default()
    }
}

fn keys_of(bytes: &[u8]) -> (usize, Vec<String>) {
    let mut reader = Reader::new(BytesSource::new(bytes), LoadOptions::default());
    let (mut keys, mut values) = (0, Vec::new());
    loop {
        match reader.next().unwrap() {
            Item::Record(record) => {
                keys += 1;
                let text = crate::object::Text::of(record.object.body()).unwrap().to_vec();
                values.push(String::from_utf8(text).unwrap());
            }
            Item::End { .. } => break,
            _ => {}
        }
    }
    values.dedup();
    (keys, values)
}

#[test]
fn a_save_is_read_back_and_reports_its_size() {
    let disk = fake();
    let progress = Progress::default();
    let path = Path::new("/dump.rdb");
    let saved = save_snapshot(&disk, path, "7", snapshot(1, 100), &SnapshotOptions::default(), &progress).unwrap();
    let bytes = disk.after_crash(Image::Synced).bytes("/dump.rdb").unwrap();
    assert_eq!(saved, Saved { bytes: bytes.len() as u64, keys: 200 });
    assert_eq!((progress.keys(), progress.total(), progress.bytes()), (200, 200, saved.bytes));
    assert_eq!(keys_of(&bytes), (200, vec!["1".into()]));
    assert_eq!(disk.names(), ["/dump.rdb"]);
}

#[test]
fn the_file_is_the_old_or_the_new_one_wherever_the_plug_is_pulled() {
    let before = fake();
    let save = |disk: &dyn Disk, version: u32| {
        let progress = Progress::default();
        let path = Path::new("/dump.rdb");
        save_snapshot(disk, path, "7", snapshot(version, 3), &SnapshotOptions::default(), &progress).is_ok()
    };
    assert!(save(&before, 1));
    for tick in 0.. {
        let disk = before.after_crash(Image::Synced);
        disk.crash_at(tick);
        let done = save(&disk, 2);
        for image in Image::ALL {
            let bytes = read_file(&disk.after_crash(image), Path::new("/dump.rdb"), 1 << 20).unwrap();
            let (keys, versions) = keys_of(&bytes);
            assert_eq!(keys, 6);
            assert!(versions == ["2"] || (versions == ["1"] && !done), "tick {tick}, {image:?}: {versions:?}");
        }
        if done {
            break;
        }
    }
}

#[test]
fn a_full_disk_fails_the_save_and_leaves_the_old_file() {
    let disk = fake();
    disk.put("/dump.rdb", b"old");
    disk.room(Some(100));
    let path = Path::new("/dump.rdb");
    let failed = save_snapshot(&disk, path, "7", snapshot(1, 100), &SnapshotOptions::default(), &Progress::default());
    assert_eq!(failed.unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    assert_eq!(disk.names(), ["/dump.rdb"]);
    assert_eq!(disk.bytes("/dump.rdb").unwrap(), b"old");
}

#[test]
fn a_cancelled_save_ends_though_it_rests_and_leaves_no_file() {
    let disk = fake();
    let options = SnapshotOptions { key_delay_us: 3_600_000_000, ..SnapshotOptions::default() };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let job = SaveJob::save(shared, "/dump.rdb".into(), 7, snapshot(1, 5), options, Arc::new(|| ())).unwrap();
    while job.progress().keys() == 0 {
        std::thread::yield_now();
    }
    job.cancel();
    assert_eq!(job.wait().unwrap_err().kind(), io::ErrorKind::Interrupted);
    assert!(disk.names().is_empty());
}

/// What [`large`] makes.
const KEYS: [&str; 3] = ["hash", "set", "sorted"];

/// A field, its value and its deadline.
type Pair = (String, String, Option<u64>);

/// A large hash whose every fifth field has a deadline when `timed`, a large set and a large sorted set with the same
/// members, each with its number as score; and what is in them.
fn large(len: u64, timed: bool) -> (Table<Object>, Vec<Pair>, Vec<String>) {
    let limits = crate::object::Limits::default();
    let (mut hash, mut set, mut sorted) = (Hash::new(), Set::new(), SortedSet::new());
    let (mut fields, mut members) = (Vec::new(), Vec::new());
    for n in 0..len {
        let (name, deadline) = (format!("name{n:06}"), (timed && n % 5 == 0).then_some(n + 1_000_000));
        hash.set(name.as_bytes(), b"before", &limits);
        if deadline.is_some() {
            hash.set_deadline(name.as_bytes(), deadline);
        }
        set.insert(name.as_bytes(), &limits);
        sorted.add(name.as_bytes(), n as f64, AddOptions::default(), &limits).unwrap();
        fields.push((name.clone(), "before".into(), deadline));
        members.push(name);
    }
    let mut table = Table::new();
    let containers = [hash.into_container(), set.into_container(), sorted.into_container()];
    for (key, container) in KEYS.into_iter().zip(containers) {
        let object = Object::new(key.as_bytes(), Value::Container(container).into_body(), None, 0, 0);
        table.insert(crate::structs::table::hash(key.as_bytes()), object);
    }
    (table, fields, members)
}

fn edited<T: Typed>(table: &mut Table<Object>, key: &str, f: impl FnOnce(&mut T)) {
    let object = table.get_mut(crate::structs::table::hash(key.as_bytes()), key.as_bytes()).unwrap();
    let BodyMut::Payload(container) = object.body_mut() else { unreachable!("a container") };
    f(T::of_mut(container).unwrap());
}

fn put_by(table: &mut Table<Object>) {
    for key in KEYS {
        table.put_by(crate::structs::table::hash(key.as_bytes()), key.as_bytes());
    }
}

/// Changes everything that is there, over and over, until the save ends.
fn changed_until_the_end(table: &mut Table<Object>, len: u64, mut job: SaveJob) {
    let limits = crate::object::Limits::default();
    let mut round = 0;
    let result = loop {
        for n in (0..len).step_by(3) {
            let name = format!("name{n:06}");
            edited::<Hash>(table, "hash", |hash| match (n + round) % 4 {
                0 => _ = hash.remove(name.as_bytes()),
                1 => _ = hash.set_deadline(name.as_bytes(), Some(5)),
                _ => _ = hash.set(name.as_bytes(), b"a longer value", &limits),
            });
            edited::<Set>(table, "set", |set| match (n + round) % 3 {
                0 => _ = set.remove(name.as_bytes()),
                1 => _ = set.insert(format!("new{n}").as_bytes(), &limits),
                _ => _ = set.insert(name.as_bytes(), &limits),
            });
            edited::<SortedSet>(table, "sorted", |set| match (n + round) % 5 {
                0 => _ = set.remove(name.as_bytes()),
                1 => _ = set.remove_ranks(3..5),
                2 => _ = set.pop(true, 1, &mut |_, _| ()),
                _ => _ = set.add(name.as_bytes(), -5.5, AddOptions::default(), &limits),
            });
            if n % 100 == 0 {
                edited::<Hash>(table, "hash", |hash| hash.remove_due(100, 10, |_| ()));
                table.let_walk();
            }
        }
        table.let_walk();
        round += 1;
        if let Some(result) = job.poll() {
            break result;
        }
    };
    assert_eq!(result.unwrap().keys, 3);
}

#[test]
fn a_large_value_is_saved_as_it_was_however_much_it_is_changed_meanwhile() {
    let len = 20_000;
    for (timed, beforehand) in [(false, true), (true, true), (true, false)] {
        let (mut table, fields, members) = large(len, timed);
        let disk = fake();
        let walk = table.walk();
        if beforehand {
            put_by(&mut table);
        }
        let snapshot = Snapshot { dbs: vec![walk], ..Snapshot::default() };
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let options = SnapshotOptions::default();
        let job = SaveJob::save(shared, "/dump.rdb".into(), 7, snapshot, options, Arc::new(|| ())).unwrap();
        changed_until_the_end(&mut table, len, job);
        let bytes = disk.bytes("/dump.rdb").unwrap();
        let mut reader = Reader::new(BytesSource::new(&bytes), LoadOptions::default());
        let mut seen = 0;
        loop {
            let record = match reader.next().unwrap() {
                Item::Record(record) => record,
                Item::End { .. } => break,
                _ => continue,
            };
            seen += 1;
            let Body::Payload(container) = record.object.body() else { unreachable!("a container") };
            if let Some(hash) = Hash::of(container) {
                let mut found = Vec::new();
                hash.for_each_timed(|field, value, at| {
                    let text = |item: crate::structs::listpack::Item<'_>| String::from_utf8(item.to_vec()).unwrap();
                    found.push((text(field), text(value), at));
                });
                found.sort();
                assert!(found == fields, "a hash as it was");
            } else if let Some(set) = SortedSet::of(container) {
                let mut found = Vec::new();
                set.all_while(&mut |member, score| {
                    assert_eq!(score as usize, found.len());
                    found.push(String::from_utf8(member.to_vec()).unwrap());
                    true
                });
                assert!(found == members, "a sorted set as it was");
            } else {
                let mut found = Vec::new();
                let set = Set::of(container).unwrap();
                set.for_each(|member| found.push(String::from_utf8(member.to_vec()).unwrap()));
                found.sort();
                assert!(found == members, "a set as it was");
            }
        }
        assert_eq!(seen, 3);
    }
}

#[test]
fn a_base_of_requests_has_large_values_as_they_were() {
    let len = 5000;
    let (mut table, fields, members) = large(len, true);
    let walk = table.walk();
    put_by(&mut table);
    let disk = fake();
    let (shared, format): (Arc<dyn Disk>, _) = (Arc::new(disk.clone()), BaseFormat::Aof);
    let snapshot = Snapshot { dbs: vec![walk], ..Snapshot::default() };
    let job = SaveJob::base(shared, "/base".into(), format, snapshot, SnapshotOptions::default(), Arc::new(|| ()));
    changed_until_the_end(&mut table, len, job.unwrap());
    let text = String::from_utf8(disk.bytes("/base").unwrap()).unwrap();
    // Every other line is a length.
    let (mut pairs, mut names, mut deadlines, mut scored) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for request in text.split("*").skip(1) {
        let parts: Vec<&str> = request.split("\r\n").skip(2).step_by(2).collect();
        match parts[0] {
            "HMSET" => pairs.extend(parts[2..].chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            "SADD" => names.extend_from_slice(&parts[2..]),
            "ZADD" => scored.extend(parts[2..].chunks_exact(2).map(|pair| (pair[1], pair[0]))),
            "HPEXPIREAT" => deadlines.push((parts[5], parts[2].parse::<u64>().unwrap())),
            other => assert_eq!(other, "SELECT"),
        }
    }
    names.sort_unstable();
    pairs.sort_unstable();
    deadlines.sort_unstable();
    assert!(names == members);
    scored.sort_unstable();
    assert!(scored.iter().enumerate().all(|(n, pair)| *pair == (&members[n][..], &n.to_string()[..])));
    assert_eq!(scored.len(), members.len());
    assert!(pairs == fields.iter().map(|(name, value, _)| (&name[..], &value[..])).collect::<Vec<_>>());
    let timed = fields.iter().filter_map(|(name, _, at)| Some((&name[..], (*at)?)));
    assert!(deadlines == timed.collect::<Vec<_>>());
}

#[test]
fn a_base_of_requests_selects_its_databases() {
    let disk = fake();
    let options = SnapshotOptions { timestamp: Some(9), ..SnapshotOptions::default() };
    let mut some = snapshot(1, 1);
    some.functions.push(b"#!lua name=x".into());
    write_base(&disk, Path::new("/base"), BaseFormat::Aof, some, &options, &Progress::default()).unwrap();
    let text = String::from_utf8(disk.bytes("/base").unwrap()).unwrap();
    let expected = "#TS:9 *3 $8 FUNCTION $4 LOAD $12 #!lua name=x *2 $6 SELECT $1 0 *3 $3 SET $3 0:0 $1 1 \
                    *2 $6 SELECT $1 2 *3 $3 SET $3 2:0 $1 1 ";
    assert_eq!(text.replace("\r\n", " "), expected);
}
