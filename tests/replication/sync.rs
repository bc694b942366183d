//! SYNC: the snapshot and the stream behind it, as tools read them.

use super::{LIBRARY, Stream, checked, figure, primary};
use crate::support::Server;
use crate::support::eventually;
use std::process::Command;

#[test]
fn a_snapshot_comes_first_and_then_what_changes() {
    let s = primary(&[]);
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
    let s = primary(&[]);
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
    let s = primary(&[]);
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
    stream.send("REPLCONF ACK 0\r\nSYNC\r\n");
    c.is("SET a 2", "+OK");
    stream.reads(&["SET a 2"]);
    // Whatever would be answered would stand in the midst of the stream.
    let asked = [("GET x", "get"), ("PING", "ping"), ("XINFO HELP", "xinfo|help"), ("SLOWLOG GET", "slowlog|get")];
    for (request, name) in asked {
        stream.send(&format!("{request}\r\n"));
        stream.ends();
        let said = format!("Replica generated a reply to command '{name}', disconnecting it: id=");
        eventually("the log says why", || s.log().contains(&said));
        (stream, _) = Stream::attach(&s, "");
    }
    eventually("the log says what was wrong", || {
        s.log()
            .contains("This master is sending an error to its replica: '-ERR Replica can't interact with the keyspace'")
    });
    c.is("CLIENT KILL TYPE replica", ":1");
    stream.ends();
    c.is("REPLCONF listening-port", "-ERR syntax error");
    c.is("REPLCONF nonsense 1", "-ERR Unrecognized REPLCONF option: nonsense");
    c.is("REPLCONF rdb-filter-only keys", "-ERR Unsupported rdb-filter-only option: keys");
    c.is("MULTI", "+OK");
    c.is("SYNC", "-ERR Command not allowed inside a transaction");
}

#[test]
fn whoever_wants_the_snapshot_only_is_left_alone_behind_it() {
    let s = primary(&[]);
    let mut c = s.connect();
    c.is("SET a 1", "+OK");
    assert_eq!(c.call_bytes(&[b"FUNCTION", b"LOAD", LIBRARY]).to_string(), "\"lib\"");
    let (mut all, snapshot) = Stream::attach(&s, "rdb-only 1 capa eof");
    assert!(checked(&s, &snapshot).contains("1 keys read"));
    all.ends();
    let (_, snapshot) = Stream::attach(&s, "capa eof rdb-only 1 rdb-filter-only functions");
    assert!(snapshot.windows(8).any(|part| part == b"name=lib") && checked(&s, &snapshot).contains("0 keys read"));
    let (_, snapshot) = Stream::attach(&s, "capa eof rdb-only 1 rdb-filter-only \"\"");
    assert!(!snapshot.windows(8).any(|part| part == b"name=lib"));
}

#[test]
fn redis_cli_takes_snapshots_over_the_wire() {
    let s = primary(&[]);
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

#[test]
fn a_replica_that_does_not_read_is_let_go() {
    let s = primary(&["--client-output-buffer-limit", "replica 1mb 0 0"]);
    let mut c = s.connect();
    let (_stream, _) = Stream::attach(&s, "");
    let value = "x".repeat(100_000);
    eventually("it is let go", || {
        c.is(&format!("SET key {value}"), "+OK");
        c.call("INFO replication").text().contains("connected_slaves:0\r\n")
    });
    eventually("the log says so", || s.log().contains("overcoming of output buffer limits"));
}

#[test]
fn what_is_loaded_or_kept_back_by_a_script_is_not_repeated() {
    let s = primary(&[]);
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
    const VALUES: i64 = 40;
    let s = primary(&[]);
    let mut c = s.connect();
    assert_eq!((figure(&mut c, "mem_clients_slaves"), figure(&mut c, "mem_not_counted_for_evict")), (0, 0));
    // It has its snapshot, and does not say that it has found the end of it.
    let (mut silent, _) = Stream::attach_silently(&s, "capa eof");
    let value = "x".repeat(100_000);
    for _ in 0..VALUES {
        c.is(&format!("SET key {value}"), "+OK");
    }
    let backlog = figure(&mut c, "mem_replication_backlog");
    for name in ["mem_clients_slaves", "mem_not_counted_for_evict"] {
        assert!(figure(&mut c, name) + backlog >= VALUES * value.len() as i64, "{name}");
    }
    c.is("CONFIG SET maxmemory-policy allkeys-lru", "+OK");
    let limit = figure(&mut c, "used_memory") - VALUES * value.len() as i64 / 2;
    c.is(&format!("CONFIG SET maxmemory {limit}"), "+OK");
    c.is("SET small 1", "+OK");
    c.is("DBSIZE", ":2");
    silent.send("REPLCONF ACK 0\r\n");
    silent.reads(&["SELECT 0"]);
    assert!(silent.request().starts_with("SET key xxx"));
    eventually("what waited has gone out", || figure(&mut c, "mem_not_counted_for_evict") < value.len() as i64 * 4);
}

#[test]
fn what_waits_for_several_replicas_is_kept_once() {
    const VALUES: i64 = 40;
    let s = primary(&["--repl-backlog-size", "16384"]);
    let mut c = s.connect();
    let value = "x".repeat(100_000);
    let all = VALUES * value.len() as i64;
    let silent: Vec<Stream> = (0..3).map(|_| Stream::attach_silently(&s, "capa eof").0).collect();
    let before = figure(&mut c, "used_memory");
    for _ in 0..VALUES {
        c.is(&format!("SET key {value}"), "+OK");
    }
    let grown = figure(&mut c, "used_memory") - before;
    assert!((all * 9 / 10..all * 3 / 2).contains(&grown), "{grown}");
    assert!(figure(&mut c, "mem_total_replication_buffers") >= all);
    let list = c.call("CLIENT LIST TYPE replica").text();
    let held = list.lines().filter_map(|line| line.split(" omem=").nth(1)?.split(' ').next()?.parse::<i64>().ok());
    assert_eq!(held.filter(|bytes| *bytes >= all).count(), 3, "{list}");
    // Each reads all of it in its own time.
    for mut stream in silent {
        stream.send("REPLCONF ACK 0\r\n");
        stream.reads(&["SELECT 0"]);
        (0..VALUES).for_each(|_| assert_eq!(stream.request().len(), "SET key ".len() + value.len()));
    }
    eventually("what waited is gone", || figure(&mut c, "mem_total_replication_buffers") < all / 10);
}

#[test]
fn a_replica_may_be_behind_for_some_time_only() {
    let s = primary(&["--client-output-buffer-limit", "replica 0 100kb 1", "--repl-backlog-size", "16384"]);
    let mut c = s.connect();
    let (_silent, _) = Stream::attach_silently(&s, "capa eof");
    let value = "x".repeat(50_000);
    c.is(&format!("SET key {value}"), "+OK");
    for _ in 0..3 {
        c.is(&format!("SET key {value}"), "+OK");
    }
    assert_eq!(figure(&mut c, "connected_slaves"), 1);
    eventually("it is let go", || figure(&mut c, "connected_slaves") == 0);
    eventually("the log says so", || s.log().contains("overcoming of output buffer limits"));
}

#[test]
fn a_snapshot_goes_on_for_those_that_are_left() {
    let s = primary(&["--repl-diskless-sync-delay", "60", "--repl-diskless-sync-max-replicas", "2"]);
    let mut c = s.connect();
    c.is("DEBUG POPULATE 1000", "+OK");
    c.is("CONFIG SET rdb-key-save-delay 500", "+OK");
    let mut asked = [Stream::connect(&s, "capa eof"), Stream::connect(&s, "capa eof")];
    asked.iter_mut().for_each(|stream| stream.send("SYNC\r\n"));
    eventually("the snapshot is being made", || s.log().contains("target: replicas sockets"));
    let [mut stays, leaves] = asked;
    drop(leaves);
    eventually("one has left", || figure(&mut c, "connected_slaves") == 1);
    assert!(checked(&s, &stays.snapshot()).contains("1000 keys read"));
    // When the last one leaves, the thread has nothing to do.
    c.is("CONFIG SET rdb-key-save-delay 1000000", "+OK");
    c.is("CONFIG SET repl-diskless-sync-delay 0", "+OK");
    let mut last = Stream::connect(&s, "capa eof rdb-only 1");
    last.send("SYNC\r\n");
    eventually("it waits for its snapshot", || figure(&mut c, "connected_slaves") == 2);
    drop(last);
    eventually("it has left", || s.log().contains("last replica dropped"));
    c.is("PING", "+PONG");
}

#[test]
fn a_script_that_is_busy_sees_a_replica_leave() {
    let s = Server::with(&["--busy-reply-threshold", "10"]);
    let (mut runner, mut c) = (s.connect(), s.connect());
    let (replica, _) = Stream::attach(&s, "capa eof");
    eventually("it is online", || c.call("INFO replication").text().contains("state=online"));
    let script = "redis.call('set', 'k', 1) \
                  while not string.match(redis.call('info', 'replication'), 'connected_slaves:0') do end \
                  return redis.call('incr', 'k')";
    runner.raw(&crate::support::request(&[b"EVAL", script.as_bytes(), b"1", b"k"]));
    eventually("it is busy", || c.call("PING").to_string().starts_with("-BUSY"));
    drop(replica);
    runner.reads(":2");
    c.is("GET k", "\"2\"");
}
