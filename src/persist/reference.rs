//! Our files and those of redis-server 7.0, each read by the other. The reference must be installed.

use super::aof::append_request;
use super::disk::{Disk, RealDisk};
use super::load::{Hashed, LoadItem, LoadOptions, Origin, load};
use super::rewrite::{Outcome, Rewrite, RewriteOptions, start_log};
use super::save::{Progress, Snapshot, SnapshotOptions, save_snapshot};
use super::testing::TempFolder;
use super::worker::{Policy, Status, WriterOptions};
use super::{AofNames, BaseFormat};
use crate::object::Object;
use crate::structs::table::Table;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A running redis-server on a folder; killed when dropped.
struct Reference {
    child: Child,
    socket: String,
}

impl Reference {
    fn start(dir: &Path, appendonly: &str) -> Reference {
        let socket = dir.join("socket").display().to_string();
        let dir = dir.display().to_string();
        let settings = [
            ["--port", "0"],
            ["--unixsocket", &socket],
            ["--dir", &dir],
            ["--appendonly", appendonly],
            ["--enable-debug-command", "yes"],
            ["--logfile", "log"],
        ];
        let child = Command::new("redis-server")
            .args(settings.concat())
            .args(["--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server 7.0 is installed");
        let mut server = Reference { child, socket };
        let began = Instant::now();
        while server.run(&["PING"]) != "PONG" {
            let log = || std::fs::read_to_string(Path::new(&dir).join("log")).unwrap_or_default();
            assert!(server.child.try_wait().unwrap().is_none(), "redis-server ended:\n{}", log());
            assert!(began.elapsed() < Duration::from_secs(30), "redis-server does not answer:\n{}", log());
        }
        server
    }

    fn run(&self, words: &[&str]) -> String {
        let done = Command::new("redis-cli").args(["-s", &self.socket]).args(words).output().unwrap();
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn digest(&self) -> String {
        self.run(&["DEBUG", "DIGEST"])
    }

    fn wait_for_info(&self, line: &str) {
        let began = Instant::now();
        while !self.run(&["INFO", "persistence"]).contains(line) {
            assert!(began.elapsed() < Duration::from_secs(30), "{line} never came");
        }
    }

    /// Keys of every type in every encoding, in two databases.
    fn fill(&self) {
        let script = "
            for n = 1, 300 do
                redis.call('SET', 'string:' .. n, string.rep('x', n))
                redis.call('SET', 'int:' .. n, n * 1000003)
                redis.call('SET', 'timed:' .. n, n, 'PX', 1000000000 + n)
                redis.call('RPUSH', 'list', string.rep(tostring(n), 40))
                redis.call('SADD', 'ints', n)
                redis.call('SADD', 'members', 'member' .. n)
                redis.call('HSET', 'hash', 'field' .. n, 'value' .. n)
                redis.call('ZADD', 'zset', n * 1.25, 'member' .. n)
            end
            redis.call('RPUSH', 'small:list', 'a', 1, string.rep('y', 100))
            redis.call('SADD', 'small:set', 'a', 'b')
            redis.call('HSET', 'small:hash', 'a', 1, 'b', 'two')
            redis.call('ZADD', 'small:zset', '-inf', 'a', 0.1, 'b', 5, 'c')
            redis.call('SET', 'binary', '\\0\\255\\r\\n')
            redis.call('SELECT', 9)
            redis.call('SET', 'other', 'database')";
        assert_eq!(self.run(&["EVAL", script, "0"]), "");
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // Whatever it was doing, its files are what they are.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn names(dir: &Path) -> AofNames {
    AofNames { dir: dir.to_owned(), folder: "appendonlydir".into(), stem: "appendonly.aof".into() }
}

/// What is in a folder: the records as tables, and the requests.
fn read(dir: &Path, log: bool) -> (Vec<Table<Object>>, Vec<String>) {
    let rdb = crate::rdb::LoadOptions::default();
    let options = LoadOptions { names: names(dir), snapshot: "dump.rdb".into(), log, truncated: true, rdb };
    let mut dbs: Vec<Table<Object>> = vec![Table::new(); 16];
    let mut requests = Vec::new();
    let loaded = load(Arc::new(RealDisk::new()), &options, &mut |item| {
        match item {
            LoadItem::Records(records) => {
                for Hashed { hash, record } in records {
                    dbs[record.db as usize].insert(hash, record.object);
                }
            }
            LoadItem::Request(request) => {
                let words: Vec<_> = request.args().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
                requests.push(words.join(" "));
            }
            _ => {}
        }
        Ok(())
    });
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.origin, if log { Origin::Log } else { Origin::Snapshot });
    (dbs, requests)
}

fn snapshot(dbs: &[Table<Object>]) -> Snapshot {
    Snapshot {
        dbs: dbs.iter().cloned().map(Into::into).collect(),
        aux: vec![("redis-ver", b"7.0.15".into())],
        ..Snapshot::default()
    }
}

fn appended(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    append_request(&mut bytes, line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    bytes
}

#[test]
fn logs_are_exchanged_with_the_reference_both_ways() {
    let theirs = TempFolder::new("theirs");
    let digest = {
        let server = Reference::start(theirs.path(), "yes");
        server.fill();
        server.run(&["BGREWRITEAOF"]);
        server.wait_for_info("aof_rewrite_in_progress:0");
        let digest = server.digest();
        server.run(&["SET", "later", "1"]);
        server.run(&["SHUTDOWN"]);
        digest
    };
    let (dbs, requests) = read(theirs.path(), true);
    assert_eq!(dbs.iter().map(Table::len).sum::<usize>(), 911);
    assert_eq!(requests, ["SELECT 0", "SET later 1"]);

    for format in [BaseFormat::Rdb, BaseFormat::Aof] {
        let ours = TempFolder::new("ours");
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
        let options = RewriteOptions {
            names: names(ours.path()),
            pid: std::process::id(),
            format,
            snapshot: SnapshotOptions::default(),
            keep_history: false,
        };
        let folder = super::AofFolder::open(disk.clone(), options.names.clone()).unwrap();
        let settings = WriterOptions::new(Policy::Always);
        let (mut writer, _) = start_log(folder, Snapshot::default, &options, settings, Arc::new(|| ())).unwrap();
        let mut rewrite = Rewrite::start(Some(&writer), disk, snapshot(&dbs), options, Arc::new(|| ())).unwrap();
        for line in ["SELECT 0", "MULTI", "SET later 1", "INCR later", "EXEC"] {
            writer.append(appended(line));
        }
        let began = Instant::now();
        let mut notes = Vec::new();
        let outcome = loop {
            assert!(began.elapsed() < Duration::from_secs(30), "{notes:?}");
            match rewrite.poll(Some(&writer), &mut notes) {
                Some(outcome) => break outcome,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!(outcome, Outcome::Done, "{notes:?}");
        assert_eq!(writer.close(true), Status::Ok);

        let server = Reference::start(ours.path(), "yes");
        assert_eq!(server.run(&["GET", "later"]), "2");
        server.run(&["DEL", "later"]);
        assert_eq!(server.digest(), digest, "{format:?}");
        server.run(&["BGREWRITEAOF"]);
        server.wait_for_info("aof_rewrite_in_progress:0");
        server.run(&["SHUTDOWN"]);
        let (again, requests) = read(ours.path(), true);
        assert_eq!(again.iter().map(Table::len).sum::<usize>(), 911);
        assert!(requests.is_empty(), "{requests:?}");
        let checked = Command::new("redis-check-aof")
            .arg(ours.path().join("appendonlydir/appendonly.aof.manifest"))
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }
}

#[test]
fn snapshots_are_exchanged_with_the_reference_both_ways() {
    let theirs = TempFolder::new("theirs");
    let digest = {
        let server = Reference::start(theirs.path(), "no");
        server.fill();
        server.run(&["SAVE"]);
        server.digest()
    };
    let (dbs, _) = read(theirs.path(), false);
    for compress in [true, false] {
        let ours = TempFolder::new("ours");
        let rdb = crate::rdb::SaveOptions { compress, checksum: compress, ..Default::default() };
        let options = SnapshotOptions { rdb, incremental_sync: true, ..SnapshotOptions::default() };
        let path = ours.path().join("dump.rdb");
        let disk = RealDisk::new();
        let saved = save_snapshot(&disk, &path, "1", snapshot(&dbs), &options, &Progress::default()).unwrap();
        assert_eq!((saved.keys, saved.bytes), (911, disk.len(&path).unwrap()));
        let server = Reference::start(ours.path(), "no");
        assert_eq!(server.digest(), digest);
    }
}
