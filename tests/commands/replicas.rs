//! SYNC: the snapshot and the stream behind it, as tools and a redis-server replica read them.

use crate::support::{Conn, Server, eventually, free_port};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LIBRARY: &[u8] = b"#!lua name=lib\nredis.register_function('f', function() return 1 end)";

/// A connection that asked with SYNC.
struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Asks, with these words of REPLCONF before, reads the snapshot, and says so.
    fn attach(s: &Server, announced: &str) -> (Stream, Vec<u8>) {
        let (mut stream, snapshot) = Stream::attach_silently(s, announced);
        // Where its length was not told, only whoever reads can tell where the snapshot ends.
        stream.send("REPLCONF ACK 0\r\n");
        (stream, snapshot)
    }

    /// The same without saying so.
    fn attach_silently(s: &Server, announced: &str) -> (Stream, Vec<u8>) {
        let socket = TcpStream::connect(("127.0.0.1", s.port())).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut stream = Stream(BufReader::new(socket));
        if !announced.is_empty() {
            stream.send(&format!("REPLCONF {announced}\r\n"));
            assert_eq!(stream.line(), "+OK");
        }
        stream.send("SYNC\r\n");
        let mut head = String::new();
        while head.is_empty() {
            head = stream.line();
        }
        let snapshot = match head.strip_prefix("$EOF:") {
            None => {
                let len: usize = head.strip_prefix('$').expect("a bulk header").parse().unwrap();
                let mut bytes = vec![0; len];
                stream.0.read_exact(&mut bytes).unwrap();
                bytes
            }
            Some(mark) => {
                let mut bytes = Vec::new();
                while !bytes.ends_with(mark.as_bytes()) {
                    let mut byte = [0];
                    stream.0.read_exact(&mut byte).unwrap();
                    bytes.push(byte[0]);
                }
                bytes.truncate(bytes.len() - mark.len());
                bytes
            }
        };
        (stream, snapshot)
    }

    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next request of the stream, its words apart by spaces; pings are passed over.
    fn request(&mut self) -> String {
        loop {
            let count: usize = self.line().strip_prefix('*').expect("a request").parse().unwrap();
            let words: Vec<String> = (0..count)
                .map(|_| {
                    assert!(self.line().starts_with('$'));
                    self.line()
                })
                .collect();
            if words != ["PING"] {
                return words.join(" ");
            }
        }
    }

    #[track_caller]
    fn reads(&mut self, expected: &[&str]) {
        for request in expected {
            assert_eq!(self.request(), *request);
        }
    }
}

/// What check-rdb of the reference says of a snapshot.
fn checked(s: &Server, snapshot: &[u8]) -> String {
    let path = s.dir().join("received.rdb");
    std::fs::write(&path, snapshot).unwrap();
    let said = Command::new("redis-check-rdb").arg(&path).output().expect("the reference is installed");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

#[test]
fn a_snapshot_comes_first_and_then_what_changes() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("DEBUG POPULATE 20000", "+OK");
    for announced in ["", "capa eof"] {
        let (mut stream, snapshot) = Stream::attach(&s, announced);
        assert!(checked(&s, &snapshot).contains("20000 keys read"), "{announced}");
        c.is("SET a 1", "+OK");
        c.is("INCRBYFLOAT a 1.5", "\"2.5\"");
        c.is("SELECT 3", "+OK");
        c.is("SET b 1 EX 100 GET", "nil");
        c.is("MULTI", "+OK");
        c.is("SADD s x", "+QUEUED");
        c.is("PUBLISH channel hello", "+QUEUED");
        c.is("EXEC", "[:1, :0]");
        c.is("PUBLISH channel again", ":0");
        let script = b"redis.set_repl(redis.REPL_AOF) redis.call('set','n','1') redis.call('del','n')";
        assert_eq!(c.call_bytes(&[b"EVAL", script, b"0"]).to_string(), "nil");
        c.is("DEL b s", ":2");
        c.is("SELECT 0", "+OK");
        c.is("DEL a", ":1");
        stream.reads(&["SELECT 0", "SET a 1", "SET a 2.5 KEEPTTL", "SELECT 3"]);
        assert!(stream.request().starts_with("SET b 1 PXAT "));
        stream.reads(&["MULTI", "SADD s x", "PUBLISH channel hello", "EXEC", "PUBLISH channel again"]);
        stream.reads(&["DEL b s", "SELECT 0", "DEL a"]);
    }
    eventually("both are gone", || c.call("INFO replication").text().contains("connected_slaves:0\r\n"));
}

#[test]
fn keys_that_scans_and_waiting_clients_find_expired_are_repeated_one_by_one() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    c.is("SET one 1 PX 1", "+OK");
    c.is("SET two 1 PX 1", "+OK");
    eventually("both have expired", || c.call("EXISTS nothing").int() == 0 && c.call("PTTL one").int() == -2);
    c.is("SET three 1 PX 1", "+OK");
    eventually("it has expired", || c.call("DBSIZE").int() == 2 && c.call("DEBUG SLEEP 0.002").to_string() == "+OK");
    let (mut stream, _) = Stream::attach(&s, "");
    c.is("SCAN 0", "[\"0\", []]");
    stream.reads(&["SELECT 0"]);
    let mut gone = [stream.request(), stream.request()];
    gone.sort();
    assert_eq!(gone, ["DEL three", "DEL two"]);
    let mut waiting = s.connect();
    waiting.is("SELECT 9", "+OK");
    c.is("SELECT 1", "+OK");
    c.is("RPUSH list x", ":1");
    c.is("PEXPIRE list 1", ":1");
    waiting.send("BRPOP list 0");
    s.blocked(1);
    c.is("DEBUG SLEEP 0.002", "+OK");
    c.is("SWAPDB 1 9", "+OK");
    stream.reads(&["SELECT 1", "RPUSH list x"]);
    assert!(stream.request().starts_with("PEXPIREAT list "));
    stream.reads(&["SWAPDB 1 9", "SELECT 9", "DEL list"]);
    waiting.silent();
}

#[test]
fn a_replica_is_listed_and_keeps_its_hands_off_the_keys() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("ROLE", "[\"master\", :0, []]");
    let (mut stream, _) = Stream::attach(&s, "listening-port 7777 ip-address 10.1.2.3 capa eof capa psync2");
    c.is("SET a 1", "+OK");
    stream.reads(&["SELECT 0", "SET a 1"]);
    let info = c.call("INFO replication").text();
    assert!(info.contains("connected_slaves:1\r\n"), "{info}");
    assert!(info.contains("slave0:ip=10.1.2.3,port=7777,state=online,"), "{info}");
    assert_eq!(c.call("ROLE").items()[2].to_string(), "[[\"10.1.2.3\", \"7777\", \"0\"]]");
    assert!(c.call("CLIENT LIST TYPE replica").text().contains(" flags=S "));
    stream.send("GET x\r\n");
    assert_eq!(stream.line(), "-ERR Replica can't interact with the keyspace");
    stream.send("REPLCONF ACK 0\r\nSYNC\r\nPING\r\n");
    assert_eq!(stream.line(), "+PONG");
    c.is("CLIENT KILL TYPE replica", ":1");
    assert_eq!(stream.line(), "");
    c.is("REPLCONF listening-port", "-ERR syntax error");
    c.is("REPLCONF nonsense 1", "-ERR Unrecognized REPLCONF option: nonsense");
    c.is("REPLCONF rdb-filter-only keys", "-ERR Unsupported rdb-filter-only option: keys");
    c.is("MULTI", "+OK");
    c.is("SYNC", "-ERR Command not allowed inside a transaction");
}

#[test]
fn whoever_wants_the_snapshot_only_is_left_alone_behind_it() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET a 1", "+OK");
    assert_eq!(c.call_bytes(&[b"FUNCTION", b"LOAD", LIBRARY]).to_string(), "\"lib\"");
    let (mut all, snapshot) = Stream::attach(&s, "rdb-only 1 capa eof");
    assert!(checked(&s, &snapshot).contains("1 keys read"));
    assert_eq!(all.line(), "");
    let (_, snapshot) = Stream::attach(&s, "rdb-only 1 rdb-filter-only functions");
    assert!(snapshot.windows(8).any(|part| part == b"name=lib") && checked(&s, &snapshot).contains("0 keys read"));
    let (_, snapshot) = Stream::attach(&s, "rdb-only 1 rdb-filter-only \"\"");
    assert!(!snapshot.windows(8).any(|part| part == b"name=lib"));
}

#[test]
fn redis_cli_takes_snapshots_over_the_wire() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("DEBUG POPULATE 5000", "+OK");
    assert_eq!(c.call_bytes(&[b"FUNCTION", b"LOAD", LIBRARY]).to_string(), "\"lib\"");
    for (option, keys) in [("--rdb", "5000 keys read"), ("--functions-rdb", "0 keys read")] {
        let path = s.dir().join("taken.rdb");
        let taken = Command::new("redis-cli")
            .args(["-p", &s.port().to_string(), option, &path.to_string_lossy()])
            .output()
            .expect("redis-cli is installed");
        assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
        assert!(checked(&s, &std::fs::read(&path).unwrap()).contains(keys), "{option}");
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_redis_server_follows_through_a_load_of_writes() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("DEBUG POPULATE 100000", "+OK");
    let port = free_port();
    let dir = s.dir().join("replica");
    std::fs::create_dir(&dir).unwrap();
    let replica = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--dir", &dir.to_string_lossy(), "--save", ""])
        .args(["--enable-debug-command", "yes", "--replicaof", "127.0.0.1", &s.port().to_string()])
        .stdout(Stdio::null())
        .spawn()
        .expect("the reference is installed");
    let _running = Running(replica);
    let mut linked = false;
    let mut number = 0;
    while !linked || number < 20_000 {
        number += 1;
        match number % 6 {
            0 => drop(c.call(&format!("SET key:{} {number} EX 1000", number % 5000))),
            1 => drop(c.call(&format!("RPUSH list {number}"))),
            2 => drop(c.call(&format!("HSET hash field{} {number}", number % 700))),
            3 => drop(c.call(&format!("ZINCRBY zset 1.5 member{}", number % 300))),
            4 => drop(c.call_bytes(&[b"EVAL", b"redis.call('incr','a') return redis.call('spop','set')", b"0"])),
            _ => drop(c.call(&format!("SADD set {number}"))),
        }
        linked |= number % 200 == 0
            && Conn::tcp("127.0.0.1", port)
                .is_ok_and(|mut replica| replica.call("INFO replication").text().contains("master_link_status:up"));
    }
    let mut replica = Conn::tcp("127.0.0.1", port).unwrap();
    c.is("SET last 1", "+OK");
    eventually("the replica has the last write", || replica.call("GET last").to_string() == "\"1\"");
    assert_eq!(replica.call("DEBUG DIGEST").to_string(), c.call("DEBUG DIGEST").to_string());
}

#[test]
fn a_replica_that_does_not_read_is_let_go() {
    let s = Server::with(&["--client-output-buffer-limit", "replica 1mb 0 0"]);
    let mut c = s.connect();
    let (_stream, _) = Stream::attach(&s, "");
    let value = "x".repeat(100_000);
    eventually("it is let go", || {
        c.is(&format!("SET key {value}"), "+OK");
        c.call("INFO replication").text().contains("connected_slaves:0\r\n")
    });
    assert!(s.log().contains("overcoming of output buffer limits"));
}

#[test]
fn what_is_loaded_or_kept_back_by_a_script_is_not_repeated() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET a 1", "+OK");
    let (mut stream, _) = Stream::attach(&s, "");
    c.is("DEBUG RELOAD", "+OK");
    let script = b"redis.set_repl(redis.REPL_NONE) redis.call('publish','quiet','x') redis.call('set','b','2') \
        redis.set_repl(redis.REPL_ALL) redis.call('publish','loud','x')";
    assert_eq!(c.call_bytes(&[b"EVAL", script, b"0"]).to_string(), "nil");
    c.is("SET c 3", "+OK");
    stream.reads(&["SELECT 0", "publish loud x", "SET c 3"]);
}

#[test]
fn what_waits_for_a_replica_counts_as_its_memory_and_evicts_nothing() {
    const VALUES: usize = 40;
    let s = Server::start();
    let mut c = s.connect();
    let figure = |c: &mut Conn, name: &str| {
        let info = c.call("INFO memory").text();
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("{name}:")[..])).expect("it is in INFO");
        line.parse::<usize>().expect("a number")
    };
    assert_eq!((figure(&mut c, "mem_clients_slaves"), figure(&mut c, "mem_not_counted_for_evict")), (0, 0));
    // It has its snapshot, and does not say that it has found the end of it.
    let (mut silent, _) = Stream::attach_silently(&s, "capa eof");
    let value = "x".repeat(100_000);
    for _ in 0..VALUES {
        c.is(&format!("SET key {value}"), "+OK");
    }
    for name in ["mem_clients_slaves", "mem_not_counted_for_evict"] {
        assert!(figure(&mut c, name) >= VALUES * value.len(), "{name}");
    }
    c.is("CONFIG SET maxmemory-policy allkeys-lru", "+OK");
    let limit = figure(&mut c, "used_memory") - VALUES * value.len() / 2;
    c.is(&format!("CONFIG SET maxmemory {limit}"), "+OK");
    c.is("SET small 1", "+OK");
    c.is("DBSIZE", ":2");
    silent.send("REPLCONF ACK 0\r\n");
    silent.reads(&["SELECT 0"]);
    assert!(silent.request().starts_with("SET key xxx"));
    eventually("what waited has gone out", || figure(&mut c, "mem_not_counted_for_evict") == 0);
}
