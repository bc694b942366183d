//! This server as a replica, of redis-server and of its own kind: it becomes equal and stays so, goes on where it was after
//! its link was cut or it was started again, and passes on what it gets.

use super::{LIBRARY, Reference, equal, field, figure, primary};
use crate::support::{Conn, Server, eventually, free_port};
use std::process::{Command, Stdio};

/// A redis-server that is a primary, in a folder of the test's server.
#[track_caller]
pub fn reference(beside: &Server, extra: &[&str]) -> Reference {
    let port = free_port();
    let dir = beside.dir().join(format!("primary-{port}"));
    std::fs::create_dir(&dir).unwrap();
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--dir", &dir.to_string_lossy(), "--save", ""])
        .args(["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"])
        .args(extra)
        .stdout(Stdio::null())
        .spawn()
        .expect("the reference is installed");
    let reference = Reference { child, port };
    reference.connect();
    reference
}

/// Has a server follow another one, and waits until it is in step.
#[track_caller]
pub fn follow(c: &mut Conn, port: u16) {
    c.is(&format!("REPLICAOF 127.0.0.1 {port}"), "+OK");
    linked(c);
}

#[track_caller]
pub fn linked(c: &mut Conn) {
    eventually("the link is up", || field(c, "master_link_status") == "up");
}

/// Something of everything.
fn write_some(c: &mut Conn, round: i64) {
    for number in round * 300..(round + 1) * 300 {
        match number % 7 {
            0 => drop(c.call(&format!("SET key:{} {number} EX 1000", number % 500))),
            1 => drop(c.call(&format!("RPUSH list {number}"))),
            2 => drop(c.call(&format!("HSET hash field{} {number}", number % 700))),
            3 => drop(c.call(&format!("ZINCRBY zset 1.5 member{}", number % 300))),
            4 => drop(c.call_bytes(&[b"EVAL", b"redis.call('incr','a') return redis.call('spop','set')", b"0"])),
            5 => drop(c.call(&format!("XADD stream * number {number}"))),
            _ => drop(c.call(&format!("SADD set {number}"))),
        }
        if number % 50 == 0 {
            c.is(&format!("SELECT {}", number / 50 % 3), "+OK");
            c.is("MULTI", "+OK");
            c.is("INCR counter", "+QUEUED");
            c.is("APPEND text more", "+QUEUED");
            c.send("EXEC");
            c.read();
        }
    }
}

#[test]
fn a_replica_of_redis_server_becomes_equal_however_the_snapshot_comes_and_is_loaded() {
    let s = Server::start();
    for diskless in ["yes", "no"] {
        let reference = reference(&s, &["--repl-diskless-sync", diskless]);
        let mut c = reference.connect();
        c.is("DEBUG POPULATE 50000", "+OK");
        assert_eq!(c.call_bytes(&[b"FUNCTION", b"LOAD", LIBRARY]).to_string(), "\"lib\"");
        c.is("SET volatile x PX 1", "+OK");
        let mut replica = s.connect();
        for load in ["disabled", "on-empty-db", "swapdb"] {
            replica.is("REPLICAOF NO ONE", "+OK");
            replica.is(&format!("CONFIG SET repl-diskless-load {load}"), "+OK");
            if load == "on-empty-db" {
                replica.is("FLUSHALL", "+OK");
                replica.is("FUNCTION FLUSH", "+OK");
            }
            replica.is(&format!("SET own:{load} 1"), "+OK");
            replica.is(&format!("REPLICAOF 127.0.0.1 {}", reference.port), "+OK");
            let mut round = 0;
            eventually("the link is up", || {
                write_some(&mut c, round);
                round += 1;
                field(&mut replica, "master_link_status") == "up"
            });
            write_some(&mut c, round);
            // What has expired is removed now, and not while the digests are taken.
            c.is("SELECT 0", "+OK");
            c.is("GET volatile", "nil");
            equal(&mut c, &mut replica);
            assert!(replica.call("FUNCTION LIST").to_string().contains("\"lib\""));
        }
    }
}

#[test]
fn a_replica_goes_on_where_it_was_whoever_cut_the_link() {
    let s = Server::start();
    let mut replica = s.connect();
    let reference = reference(&s, &[]);
    let mut c = reference.connect();
    follow(&mut replica, reference.port);
    for round in 1..=4 {
        write_some(&mut c, round);
        match round % 2 {
            0 => c.is("CLIENT KILL TYPE replica", ":1"),
            _ => replica.is("CLIENT KILL TYPE master", ":1"),
        }
        write_some(&mut c, round + 10);
        eventually("it is back", || figure(&mut c, "sync_partial_ok") == round);
        write_some(&mut c, round + 20);
        equal(&mut c, &mut replica);
    }
    assert_eq!(figure(&mut c, "sync_full"), 1);
}

#[test]
fn a_transaction_that_was_cut_off_is_run_whole_after_the_link_is_back() {
    let s = Server::start();
    let p = primary(&[]);
    let (mut c, mut replica) = (p.connect(), s.connect());
    follow(&mut replica, p.port());
    for _ in 0..20 {
        c.is("MULTI", "+OK");
        (0..50).for_each(|_| c.is("INCR counter", "+QUEUED"));
        c.is("CLIENT KILL TYPE replica", "+QUEUED");
        (0..50).for_each(|_| c.is("INCR counter", "+QUEUED"));
        c.send("EXEC");
        c.read();
        let count = replica.call("GET counter").to_string();
        let count: i64 = count.trim_matches('"').parse().unwrap_or(0);
        assert_eq!(count % 100, 0, "a part of a transaction is seen");
        linked(&mut replica);
    }
    equal(&mut c, &mut replica);
    assert_eq!(figure(&mut c, "sync_full"), 1);
}

#[test]
fn a_chain_of_both_kinds_of_server_stays_equal() {
    let top = primary(&[]);
    let middle = primary(&[]);
    let below = Server::start();
    let (mut c, mut m, mut b) = (top.connect(), middle.connect(), below.connect());
    write_some(&mut c, 1);
    follow(&mut m, top.port());
    follow(&mut b, middle.port());
    let reference = Reference::follow(&middle, &[]);
    let mut r = reference.linked();
    write_some(&mut c, 2);
    // Its own links are cut in turn.
    m.is("CLIENT KILL TYPE master", ":1");
    write_some(&mut c, 3);
    linked(&mut m);
    m.is("CLIENT KILL TYPE replica", ":2");
    write_some(&mut c, 4);
    for replica in [&mut m, &mut b, &mut r] {
        linked(replica);
        equal(&mut c, replica);
        assert_eq!(field(replica, "master_replid"), field(&mut c, "master_replid"));
    }
    assert_eq!((figure(&mut m, "sync_full"), figure(&mut m, "sync_partial_ok")), (2, 2));
    // The middle becomes the primary: those below go on with it by its new name.
    m.is("REPLICAOF NO ONE", "+OK");
    m.is("SET promoted 1", "+OK");
    for replica in [&mut b, &mut r] {
        eventually("it has heard", || replica.call("GET promoted").to_string() == "\"1\"");
        equal(&mut m, replica);
    }
    assert_eq!((figure(&mut m, "sync_full"), figure(&mut m, "sync_partial_ok")), (2, 4));
    // And the former primary goes on as its replica, since it has written nothing since.
    follow(&mut c, middle.port());
    equal(&mut m, &mut c);
    assert_eq!((figure(&mut m, "sync_full"), figure(&mut m, "sync_partial_ok")), (2, 5));
}

#[test]
fn a_replica_that_was_started_again_goes_on_from_its_snapshot() {
    let p = primary(&[]);
    let mut c = p.connect();
    let s = Server::with(&["--replicaof", "127.0.0.1", &p.port().to_string()]);
    let mut replica = s.connect();
    linked(&mut replica);
    c.is("SELECT 7", "+OK");
    write_some(&mut c, 1);
    c.is("SET volatile x PX 100", "+OK");
    equal(&mut c, &mut replica);
    replica.send("SHUTDOWN SAVE");
    replica.closed();
    write_some(&mut c, 2);
    let s = s.restart(None, &["--replicaof", "127.0.0.1", &p.port().to_string()]);
    let mut replica = s.connect();
    linked(&mut replica);
    write_some(&mut c, 3);
    // Not between the two digests.
    eventually("the volatile key has expired", || figure(&mut c, "expired_keys") == 1);
    equal(&mut c, &mut replica);
    assert_eq!((figure(&mut c, "sync_full"), figure(&mut c, "sync_partial_ok")), (1, 1));
}

#[test]
fn the_log_of_a_replica_begins_anew_with_what_it_got() {
    let p = primary(&[]);
    let mut c = p.connect();
    let s = Server::with(&["--appendonly", "yes"]);
    let mut replica = s.connect();
    replica.is("SET own 1", "+OK");
    write_some(&mut c, 1);
    follow(&mut replica, p.port());
    write_some(&mut c, 2);
    equal(&mut c, &mut replica);
    eventually("its first base is written", || {
        field(&mut replica, "aof_rewrite_in_progress") == "0" && field(&mut replica, "aof_rewrite_scheduled") == "0"
    });
    write_some(&mut c, 3);
    equal(&mut c, &mut replica);
    let digest = c.call("DEBUG DIGEST").to_string();
    // Alone, with nothing but its log.
    let s = s.restart(None, &["--appendonly", "yes"]);
    s.connect().is("DEBUG DIGEST", &digest);
}

#[test]
fn a_replica_acknowledges_and_is_waited_for() {
    let s = Server::start();
    let mut replica = s.connect();
    let reference = reference(&s, &[]);
    let mut c = reference.connect();
    follow(&mut replica, reference.port);
    for number in 0..50 {
        c.is(&format!("SET key {number}"), "+OK");
        c.is("WAIT 1 0", ":1");
        replica.is("GET key", &format!("\"{number}\""));
    }
    let list = replica.call("CLIENT LIST TYPE master").text();
    assert!(list.contains(" flags=M ") && list.lines().count() == 1, "{list}");
    replica.fails("WAIT 1 0", "ERR WAIT cannot be used with replica instances.");
}

#[test]
fn a_password_is_given_to_the_primary() {
    let s = Server::start();
    let mut replica = s.connect();
    let reference =
        reference(&s, &["--requirepass", "secret", "--user", "syncer", "on", ">word", "+psync", "+replconf", "+ping"]);
    replica.is(&format!("REPLICAOF 127.0.0.1 {}", reference.port), "+OK");
    eventually("it is refused", || s.log().contains("NOAUTH"));
    replica.is("CONFIG SET masterauth wrong", "+OK");
    eventually("it is refused", || s.log().contains("Unable to AUTH to MASTER: -WRONGPASS"));
    replica.is("CONFIG SET masterauth secret", "+OK");
    linked(&mut replica);
    replica.is("CONFIG SET masteruser syncer masterauth word", "+OK");
    replica.is("CLIENT KILL TYPE master", ":1");
    let mut c = reference.connect();
    c.is("AUTH secret", "+OK");
    eventually("it has come back as another user", || {
        c.call("CLIENT LIST TYPE replica").text().contains("user=syncer")
    });
}

#[test]
fn a_replica_follows_over_tls() {
    let p = crate::tls::TlsServer::with(&["--repl-diskless-sync-delay", "0", "--tls-auth-clients", "yes"]);
    let paths = p.authority.issue("replica");
    let mut tls = vec!["--tls-replication", "yes", "--tls-ca-cert-file", p.authority.path()];
    tls.extend(["--tls-cert-file", &paths.certificate, "--tls-key-file", &paths.key]);
    let s = Server::with(&tls);
    let (mut c, mut replica) = (p.server.connect(), s.connect());
    c.is("DEBUG POPULATE 30000 key 100", "+OK");
    follow(&mut replica, p.port);
    for round in 1..=3 {
        write_some(&mut c, round);
        c.is("CLIENT KILL TYPE replica", ":1");
        write_some(&mut c, round + 10);
        eventually("it is back", || figure(&mut c, "sync_partial_ok") == round);
        equal(&mut c, &mut replica);
    }
    // A server whose certificate no authority of ours has signed is not believed.
    let other = crate::tls::TlsServer::with(&["--tls-auth-clients", "no"]);
    replica.is(&format!("REPLICAOF 127.0.0.1 {}", other.port), "+OK");
    eventually("it is refused", || s.log().contains("invalid peer certificate"));
    let digest = c.call("DEBUG DIGEST").to_string();
    replica.is("DEBUG DIGEST", &digest);
}

#[test]
fn what_expires_while_nobody_writes_goes_to_replicas_and_the_log_at_once() {
    let p = Server::with(&["--repl-diskless-sync-delay", "0", "--appendonly", "yes", "--appendfsync", "always"]);
    let mut c = p.connect();
    let s = Server::with(&["--replicaof", "127.0.0.1", &p.port().to_string()]);
    let mut replica = s.connect();
    linked(&mut replica);
    c.is("SET volatile x PX 30", "+OK");
    // Asked for in a way that looks at no key.
    eventually("it has expired", || figure(&mut c, "expired_keys") == 1);
    eventually("the replica has removed it too", || replica.call("DBSIZE").int() == 0);
    c.is("HSET hash field value", ":1");
    c.is("HPEXPIRE hash 30 FIELDS 1 field", "[:1]");
    eventually("the field has expired", || figure(&mut c, "expired_subkeys") == 1);
    eventually("the replica has removed it too", || replica.call("DBSIZE").int() == 0);
    c.is("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    c.is("SET found x PX 1", "+OK");
    eventually("it has expired", || c.call("EXISTS found").int() == 0);
    eventually("the replica has removed it too", || replica.call("DBSIZE").int() == 0);
    let offset = field(&mut c, "master_repl_offset");
    assert_eq!(field(&mut replica, "slave_repl_offset"), offset);
    let log = p.dir().join("appendonlydir/appendonly.aof.1.incr.aof");
    for (request, key) in [("DEL", "found"), ("DEL", "volatile"), ("HDEL", "hash")] {
        let begin = format!("{request}\r\n${}\r\n{key}\r\n", key.len()).into_bytes();
        eventually("the log has it too", || {
            std::fs::read(&log).unwrap().windows(begin.len()).any(|part| part == begin)
        });
    }
}
