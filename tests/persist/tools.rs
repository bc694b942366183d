//! The tools for data files, on files made by both servers, whole and damaged, next to redis-check-rdb and
//! redis-check-aof: what those let pass we let pass, what those refuse we refuse.

use crate::support::{Conn, eventually};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const LARDER: &str = env!("CARGO_BIN_EXE_larder");
const SERVERS: [&str; 2] = [LARDER, "redis-server"];

/// A folder that is removed with its handle.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("larder-tools-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder under the temporary one");
        Folder(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a file in our folder");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server on a socket in its folder; killed when dropped.
struct Running(Child, PathBuf);

impl Running {
    fn start(server: &str, dir: &Path) -> Running {
        let socket = dir.join("socket");
        let child = Command::new(server)
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--aof-timestamp-enabled", "yes"])
            .arg("--unixsocket")
            .arg(&socket)
            .arg("--dir")
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {server}: {error}"));
        eventually("the server answers", || {
            Conn::unix(&socket).is_ok_and(|mut conn| {
                conn.try_raw(b"PING\r\n").is_ok()
                    && conn.try_read().is_ok_and(|reply| reply.is_some_and(|reply| reply.to_string() == "+PONG"))
            })
        });
        Running(child, socket)
    }

    fn connect(&self) -> Conn {
        Conn::unix(&self.1).expect("a connection")
    }

    fn stop(mut self) {
        let _ = self.connect().try_raw(b"SHUTDOWN NOSAVE\r\n");
        eventually("the server ends", || self.0.try_wait().expect("our own child").is_some());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The keys of [`made_by`]: db, key, type, encoding, length, deadline.
/// Database, key, type, encoding, bytes, deadline.
type Listed = (u32, &'static str, &'static str, &'static str, usize, Option<u64>);

const KEYS: &[Listed] = &[
    (0, "counter", "string", "int", 1, None),
    (0, "hash:small", "hash", "listpack", 2, None),
    (0, "list:a", "list", "quicklist", 3, None),
    (0, "set:ints", "set", "intset", 3, None),
    (0, "set:words", "set", "hashtable", 2, None),
    (0, "str:long", "string", "raw", 100, None),
    (0, "str:text", "string", "embstr", 5, None),
    (0, "timed:late", "string", "embstr", 1, Some(4_102_444_800_000)),
    (0, "zset:a", "zset", "listpack", 2, None),
    (3, "other:db", "string", "int", 5, None),
];

/// A folder with a snapshot and a log of the same keys, half of them in the log's base.
fn made_by(server: &str) -> Folder {
    let folder = Folder::new();
    let running = Running::start(server, &folder.0);
    let mut conn = running.connect();
    let long = format!("SET str:long {}", "x".repeat(100));
    for line in [
        "SET str:text hello",
        &long,
        "RPUSH list:a 1 2 three",
        "SADD set:ints 1 2 3",
        "SADD set:words a b",
        "BGREWRITEAOF",
    ] {
        conn.call(line);
    }
    eventually("the log is written anew", || {
        let text = std::fs::read_to_string(manifest_of(&folder)).unwrap_or_default();
        text.contains("appendonly.aof.2.base.rdb") && !text.contains("type h")
    });
    for line in [
        "ZADD zset:a 1 a 2.5 b",
        "HSET hash:small f v g w",
        "SET timed:late v PXAT 4102444800000",
        "SET gone x",
        "DEL gone",
        "MULTI",
        "INCR counter",
        "INCR counter",
        "EXEC",
        "SELECT 3",
        "SET other:db 12345",
        "SAVE",
    ] {
        conn.call(line);
    }
    drop(conn);
    running.stop();
    folder
}

fn manifest_of(folder: &Folder) -> PathBuf {
    folder.0.join("appendonlydir/appendonly.aof.manifest")
}

/// The log's last file.
fn increment_of(folder: &Folder) -> PathBuf {
    let text = std::fs::read_to_string(manifest_of(folder)).expect("a manifest");
    let line = text.lines().rfind(|line| line.contains("type i")).expect("an increment");
    folder.0.join("appendonlydir").join(line.split(' ').nth(1).expect("a name"))
}

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(program: &str, args: &[&str], stdin: &str) -> Ran {
    let mut child = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
    // A program that does not ask may be gone already.
    let _ = child.stdin.take().expect("stdin is piped").write_all(stdin.as_bytes());
    let out = child.wait_with_output().expect("our own child");
    Ran {
        code: out.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&out.stdout).into_owned(),
        err: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("our names are plain")
}

fn larder(words: &[&str], path: &Path) -> Ran {
    run(LARDER, &[words, &[shown(path)]].concat(), "")
}

/// Runs our tool and Redis's: both exit codes are the same, and a refusal of ours ends in a line with the file.
#[track_caller]
fn both(tool: &str, path: &Path, what: &str) -> (Ran, Ran) {
    let ours = larder(&[tool], path);
    let theirs = run(&format!("redis-{tool}"), &[shown(path)], "");
    assert_eq!(ours.code, theirs.code, "{what}\nours: {ours:?}\ntheirs: {theirs:?}");
    if ours.code != 0 {
        let lines: Vec<_> = ours.err.lines().collect();
        assert!(lines.len() == 1 && lines[0].starts_with(&format!("larder {tool}: ")), "{what}: {lines:?}");
        let folder = path.parent().expect("a folder");
        assert!(lines[0].contains(shown(folder)) && lines[0].contains("offset "), "{what}: {lines:?}");
    }
    (ours, theirs)
}

fn flipped(bytes: &[u8], at: usize, bit: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << bit;
    bytes
}

#[test]
fn sound_files_are_told_as_the_reference_tells_them() {
    for server in SERVERS {
        let folder = made_by(server);
        for (tool, path) in [
            ("check-rdb", folder.0.join("dump.rdb")),
            ("check-aof", manifest_of(&folder)),
            ("check-aof", increment_of(&folder)),
        ] {
            let (ours, theirs) = both(tool, &path, server);
            assert_eq!((ours.code, ours.err.as_str()), (0, ""), "{server}: {ours:?}");
            // Theirs tells of a selection without a size; of what follows a database both tell alike.
            assert_eq!(ours.out, without_places(&theirs.out, &ours.out), "{server}, {tool}");
        }
        let old = folder.0.join("old.aof");
        let mut bytes = std::fs::read(folder.0.join("dump.rdb")).expect("a snapshot");
        bytes.extend(std::fs::read(increment_of(&folder)).expect("a log"));
        std::fs::write(&old, bytes).expect("a file in our folder");
        assert_eq!(both("check-aof", &old, "a snapshot before requests").0.code, 0);
    }
}

/// The reference names the offset right behind a database's number; ours names that behind its sizes.
fn without_places(theirs: &str, ours: &str) -> String {
    let lines = theirs.lines().zip(ours.lines());
    let text: Vec<&str> = lines
        .map(|(theirs, ours)| {
            let rest = |line: &str| line.split_once("] Selecting").map(|(_, rest)| rest.to_owned());
            if rest(theirs).is_some() && rest(theirs) == rest(ours) { ours } else { theirs }
        })
        .collect();
    assert_eq!(theirs.lines().count(), ours.lines().count(), "{theirs}\n{ours}");
    text.join("\n") + "\n"
}

/// `REDIS` and four digits.
const SIGNATURE_BYTES: usize = 9;

#[test]
fn damaged_snapshots_are_refused_as_the_reference_refuses_them() {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    for server in SERVERS {
        let folder = made_by(server);
        let whole = std::fs::read(folder.0.join("dump.rdb")).expect("a snapshot");
        for _ in 0..24 {
            // The version is left alone: what is no number there, the reference reads as one as far as it goes.
            let (at, bit) = (rng.usize(SIGNATURE_BYTES..whole.len()), rng.u32(0..8));
            let cut = folder.file("cut.rdb", &whole[..at]);
            both("check-rdb", &cut, &format!("seed {seed}, cut at {at}"));
            let bad = folder.file("bad.rdb", &flipped(&whole, at, bit));
            both("check-rdb", &bad, &format!("seed {seed}, bit {bit} of {at}"));
        }
        let bad = folder.file("bad.rdb", &flipped(&whole, whole.len() - 1, 0));
        let ours = both("check-rdb", &bad, "the checksum").0;
        assert!(ours.err.ends_with(&format!("bad.rdb: offset {}: RDB CRC error\n", whole.len())), "{ours:?}");
    }
}

#[test]
fn damaged_logs_are_refused_as_the_reference_refuses_them() {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    let folder = made_by(LARDER);
    let (manifest, increment) = (manifest_of(&folder), increment_of(&folder));
    let whole = std::fs::read(&increment).expect("a log");
    for _ in 0..40 {
        let (at, bit) = (rng.usize(0..whole.len()), rng.u32(0..8));
        let cut = folder.file("cut.aof", &whole[..at]);
        both("check-aof", &cut, &format!("seed {seed}, cut at {at}"));
        std::fs::write(&increment, flipped(&whole, at, bit)).expect("a file in our folder");
        both("check-aof", &manifest, &format!("seed {seed}, bit {bit} of {at}"));
    }
    for text in [
        "",
        "*0",
        "junk",
        "*1\r\n$4\r\nexec\r\n",
        "*1\r\n$5\r\nmulti\r\n",
        "# a comment",
        "REDIS",
        "REDIS0011 and so on",
    ] {
        both("check-aof", &folder.file("odd.aof", text.as_bytes()), text);
    }
}

#[test]
fn unsound_manifests_are_refused_as_the_reference_refuses_them() {
    let folder = Folder::new();
    let ping = b"*1\r\n$4\r\nping\r\n";
    folder.file("a", ping);
    folder.file("b", ping);
    folder.file("cut", &ping[..9]);
    folder.file("none", b"");
    for (text, code) in [
        ("file a seq 1 type b\nfile b seq 1 type i\n", 0),
        ("file none seq 1 type b\nfile b seq 1 type i\n", 0),
        ("# only history\nfile gone seq 1 type h\n", 0),
        ("file a seq 1 type b\nfile gone seq 1 type i\n", 1),
        ("file gone seq 1 type b\n", 1),
        ("file a seq 1 type i\nfile cut seq 2 type i\n", 1),
        ("file a seq 1 type x\n", 1),
        ("file a seq 2 type i\nfile b seq 1 type i\n", 1),
        ("file a seq 1 type b", 1),
    ] {
        let path = folder.file("x.manifest", text.as_bytes());
        let (ours, theirs) = (larder(&["check-aof"], &path), run("redis-check-aof", &[shown(&path)], ""));
        assert_eq!((ours.code, theirs.code), (code, code), "{text}\n{ours:?}\n{theirs:?}");
        assert_eq!(ours.err.lines().count(), code as usize, "{ours:?}");
    }
    // An unsound file that is not the last one is not cut.
    let path = folder.file("x.manifest", b"file cut seq 1 type i\nfile b seq 2 type i\n");
    let ours = run(LARDER, &["check-aof", "--fix", shown(&path)], "y\n");
    assert_eq!((ours.code, std::fs::read(folder.0.join("cut")).expect("it is there").len()), (1, 9), "{ours:?}");
    assert!(ours.err.contains("offset 0: ") && ours.err.contains("not the last file"), "{ours:?}");
}

#[test]
fn a_fix_cuts_where_the_reference_cuts_and_only_after_a_yes() {
    let folder = made_by(LARDER);
    let whole = std::fs::read(increment_of(&folder)).expect("a log");
    // In the middle of the last request, and of the transaction before it.
    let group = whole.windows(5).position(|bytes| bytes.eq_ignore_ascii_case(b"multi")).expect("a transaction");
    for at in [whole.len() - 3, group + 20] {
        let (mine, other) = (folder.file("mine.aof", &whole[..at]), folder.file("other.aof", &whole[..at]));
        for answer in ["n\n", ""] {
            let ours = run(LARDER, &["check-aof", "--fix", shown(&mine)], answer);
            assert_eq!((ours.code, std::fs::read(&mine).expect("it is there").len()), (1, at), "{ours:?}");
        }
        let ours = run(LARDER, &["check-aof", "--fix", shown(&mine)], "y\n");
        let theirs = run("redis-check-aof", &["--fix", shown(&other)], "y\n");
        assert_eq!((ours.code, theirs.code), (0, 0), "{ours:?}");
        assert_eq!(std::fs::read(&mine).expect("it is there"), std::fs::read(&other).expect("it is there"));
        assert!(ours.out.ends_with(&format!("Successfully truncated AOF {}\n", mine.display())), "{ours:?}");
        assert_eq!(both("check-aof", &mine, "after the fix").0.code, 0);
    }
}

#[test]
fn a_fix_is_refused_while_a_server_works_on_the_log() {
    let folder = Folder::new();
    let running = Running::start(LARDER, &folder.0);
    let path = folder.file("appendonlydir/stray.aof", b"*1\r\n$4\r\npin");
    let ours = run(LARDER, &["check-aof", "--fix", shown(&path)], "y\n");
    assert_eq!(ours.code, 1);
    assert!(ours.err.contains("another server is using the folder"), "{ours:?}");
    running.stop();
    assert_eq!(run(LARDER, &["check-aof", "--fix", shown(&path)], "y\n").code, 0);
    assert_eq!(std::fs::read(&path).expect("it is there"), b"");
}

#[test]
fn a_log_is_cut_at_a_timestamp_as_the_reference_cuts_it() {
    let folder = Folder::new();
    let text = "#TS:1000\r\n*1\r\n$4\r\nping\r\n#TS:2000\r\n*1\r\n$4\r\nping\r\n#TS:3000\r\n*1\r\n$4\r\nping\r\n";
    for until in ["1", "1000", "1500", "2999", "3000", "9999", "x", "0"] {
        for bytes in [text.as_bytes(), &text.as_bytes()[..text.len() - 1], b"#TS:1x\r\n"] {
            let (mine, other) = (folder.file("mine.aof", bytes), folder.file("other.aof", bytes));
            let ours = run(LARDER, &["check-aof", "--truncate-to-timestamp", until, shown(&mine)], "");
            let theirs = run("redis-check-aof", &["--truncate-to-timestamp", until, shown(&other)], "");
            assert_eq!(ours.code, theirs.code, "{until}: {ours:?} {theirs:?}");
            let (mine, other) =
                (std::fs::read(&mine).expect("it is there"), std::fs::read(&other).expect("it is there"));
            assert_eq!(mine, other, "{until}: {ours:?}");
        }
    }
}

/// The rows of a JSON listing, as [`KEYS`] gives them, in order.
fn rows(listing: &str) -> Vec<String> {
    let mut rows: Vec<String> = listing
        .lines()
        .map(|line| {
            let (before, after) = line.split_once("\"bytes\":").expect("a size");
            let (bytes, rest) = after.split_once(',').expect("more fields");
            assert!(bytes.parse::<u64>().expect("a number") > 0, "{line}");
            let deadline = rest.split_once(",\"ttl_ms\"").expect("a time to live").0;
            format!("{before}{deadline}")
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn the_keys_of_a_snapshot_and_of_a_log_are_listed_alike() {
    let mut expected: Vec<String> = KEYS
        .iter()
        .map(|(db, key, kind, encoding, length, deadline)| {
            let deadline = deadline.map_or("null".to_owned(), |at| at.to_string());
            format!(
                "{{\"db\":{db},\"key\":\"{key}\",\"type\":\"{kind}\",\"encoding\":\"{encoding}\",\"length\":{length},\
                 \"expire_at_ms\":{deadline}"
            )
        })
        .collect();
    expected.sort();
    for server in SERVERS {
        let folder = made_by(server);
        let old = folder.0.join("old.aof");
        let base = folder.0.join("appendonlydir").join("appendonly.aof.2.base.rdb");
        let bytes = [std::fs::read(base).expect("a base"), std::fs::read(increment_of(&folder)).expect("a log")];
        std::fs::write(&old, bytes.concat()).expect("a file in our folder");
        for path in [folder.0.join("dump.rdb"), manifest_of(&folder), old] {
            let ours = larder(&["inspect", "--format", "json"], &path);
            assert_eq!(ours.code, 0, "{server}: {ours:?}");
            assert_eq!(rows(&ours.out), expected, "{server}, {}", path.display());
            assert!(ours.err.starts_with("# 10 keys, 1 with a time to live, 0 of them expired, "), "{ours:?}");
        }
        let text = larder(&["inspect"], &folder.0.join("dump.rdb"));
        assert_eq!(text.code, 0);
        for part in ["\"str:text\"\n", "# 10 keys, 1 with", "  \"str:\"\n", "  (no prefix)\n", "  zset\n"] {
            assert!(text.out.contains(part), "{part} in {}", text.out);
        }
        let csv = larder(&["inspect", "--format=csv"], &manifest_of(&folder));
        assert!(csv.out.starts_with("db,key,type,encoding,length,bytes,expire_at_ms,ttl_ms\n"), "{csv:?}");
        assert_eq!((csv.code, csv.out.lines().count()), (0, KEYS.len() + 1), "{csv:?}");
        assert!(csv.out.lines().any(|line| line.starts_with("0,list:a,list,quicklist,3,")), "{csv:?}");
    }
}

#[test]
fn what_is_before_the_damage_is_listed_and_no_file_is_changed() {
    let folder = made_by(LARDER);
    let whole = std::fs::read(folder.0.join("dump.rdb")).expect("a snapshot");
    let bad = folder.file("bad.rdb", &flipped(&whole, whole.len() - 1, 0));
    let ours = larder(&["inspect", "--format", "csv"], &bad);
    assert_eq!((ours.code, ours.out.lines().count()), (1, KEYS.len() + 1), "{ours:?}");
    let last = ours.err.lines().last().unwrap_or_default();
    assert!(last.contains(&format!("bad.rdb: offset {}: ", whole.len())) && last.contains("CRC"), "{ours:?}");

    let increment = increment_of(&folder);
    let whole = std::fs::read(&increment).expect("a log");
    std::fs::write(&increment, &whole[..whole.len() - 1]).expect("a file in our folder");
    let ours = larder(&["inspect", "--format", "csv"], &manifest_of(&folder));
    assert_eq!((ours.code, ours.out.lines().count()), (1, KEYS.len()), "{ours:?}");
    let last = ours.err.lines().last().unwrap_or_default();
    assert!(last.contains(shown(&increment)) && last.contains("offset "), "{ours:?}");
    assert_eq!(std::fs::read(&increment).expect("it is there").len(), whole.len() - 1);

    let ours = larder(&["inspect"], &folder.file("junk", b"*1\r\n$4\r\nping\r\njunk"));
    assert!(ours.code == 1 && ours.err.contains("offset 14"), "{ours:?}");
    let ours = larder(&["inspect"], &folder.0.join("gone"));
    assert!(ours.code == 1 && ours.err.contains("gone: No such file or directory"), "{ours:?}");
    let ours = larder(&["inspect"], &folder.file("empty", b""));
    assert!(ours.code == 0 && ours.out.ends_with("# 0 keys, 0 with a time to live, 0 of them expired, 0 bytes\n"));
}

#[test]
fn a_reader_that_goes_away_ends_a_listing_quietly() {
    let folder = made_by(LARDER);
    let mut child = Command::new(LARDER)
        .arg("inspect")
        .arg(folder.0.join("dump.rdb"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("our own binary");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("our own child");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn tools_are_started_by_name_and_wrong_words_end_with_one() {
    let folder = made_by(LARDER);
    let snapshot = folder.0.join("dump.rdb");
    for (name, path) in
        [("redis-check-rdb", &snapshot), ("larder-check-rdb", &snapshot), ("redis-check-aof", &manifest_of(&folder))]
    {
        let link = folder.0.join(name);
        std::os::unix::fs::symlink(LARDER, &link).expect("a link in our folder");
        let ran = run(shown(&link), &[shown(path)], "");
        assert!(ran.code == 0 && ran.out.contains("RDB looks OK!"), "{name}: {ran:?}");
        assert_eq!(run(shown(&link), &[], "").code, 1);
        assert_eq!(run(shown(&link), &["--version"], "").code, 0);
    }
    for words in [
        &["check-rdb"][..],
        &["check-rdb", "a", "b"],
        &["check-aof", "--fix"],
        &["check-aof", "--fix", "--truncate-to-timestamp", "1", "x"],
        &["inspect", "--format", "xml", "x"],
        &["check-rdb", "/nonexistent"],
        &["check-aof", "/nonexistent"],
    ] {
        let ran = run(LARDER, words, "");
        assert!(ran.code == 1 && !ran.err.is_empty(), "{words:?}: {ran:?}");
    }
    // Any other first argument is the server's: a file of configuration, here.
    let conf = folder.file("check-rdb", b"nonsense yes\n");
    let ran = run(LARDER, &[shown(&conf)], "");
    assert!(ran.code == 1 && ran.err.contains("nonsense"), "{ran:?}");
}
