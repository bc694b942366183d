//! redis-server as a replica of ours: it stays equal whatever is written, goes on after its link was cut, and acknowledges.

use super::{LIBRARY, Reference, equal, field, figure, primary};
use crate::support::{Conn, eventually};
use crate::tls::TlsServer;

#[test]
fn a_redis_server_follows_through_a_load_of_writes() {
    let s = primary(&[]);
    let mut c = s.connect();
    c.is("DEBUG POPULATE 100000", "+OK");
    let reference = Reference::follow(&s, &[]);
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
            && Conn::tcp("127.0.0.1", reference.port)
                .is_ok_and(|mut replica| field(&mut replica, "master_link_status") == "up");
    }
    equal(&mut c, &mut reference.linked());
}

#[test]
fn a_redis_server_goes_on_after_its_link_was_cut() {
    let s = primary(&["--repl-timeout", "60"]);
    let mut c = s.connect();
    let reference = Reference::follow(&s, &[]);
    let mut replica = reference.linked();
    for round in 1..=3 {
        c.is(&format!("SET round {round}"), "+OK");
        c.is("SELECT 5", "+OK");
        c.is("INCR counter", &format!(":{round}"));
        c.is("CLIENT KILL TYPE replica", ":1");
        c.is("RPUSH list while-away", &format!(":{}", 2 * round - 1));
        c.is("DEBUG SLEEP 0.05", "+OK");
        c.is("RPUSH list after", &format!(":{}", 2 * round));
        c.is("SELECT 0", "+OK");
        eventually("it is back", || figure(&mut c, "sync_partial_ok") == round);
        equal(&mut c, &mut replica);
    }
    assert_eq!((figure(&mut c, "sync_full"), figure(&mut c, "sync_partial_err")), (1, 0));
}

#[test]
fn a_redis_server_goes_on_after_its_primary_was_started_again() {
    let s = primary(&["--save", "3600 1"]);
    let mut c = s.connect();
    c.is("SET kept 1", "+OK");
    let reference = Reference::follow(&s, &[]);
    let mut replica = reference.linked();
    c.is("SELECT 3", "+OK");
    c.is("SET volatile x PX 300", "+OK");
    c.is("SET stays 2", "+OK");
    c.is("WAIT 1 0", ":1");
    let history = field(&mut c, "master_replid");
    c.send("SHUTDOWN SAVE");
    c.closed();
    let (port, dir) = (s.port().to_string(), s.dir().to_owned());
    // The deadline passes while nobody is there to see it.
    replica.is("SELECT 3", "+OK");
    eventually("it has expired", || replica.call("PTTL volatile").int() == -2);
    let s = s.restart(None, &["--port", &port, "--repl-diskless-sync-delay", "0", "--save", "3600 1"]);
    assert_eq!((s.port().to_string(), s.dir()), (port, &*dir));
    let mut c = s.connect();
    eventually("it is back", || figure(&mut c, "connected_slaves") == 1);
    assert_eq!((figure(&mut c, "sync_full"), figure(&mut c, "sync_partial_ok")), (0, 1));
    assert_eq!(field(&mut c, "master_replid2"), history);
    assert_ne!(field(&mut c, "master_replid"), history);
    c.is("SET after 1", "+OK");
    equal(&mut c, &mut replica);
    assert_eq!(replica.call("DBSIZE").int(), 1);
}

#[test]
fn a_redis_server_goes_on_when_its_primary_is_replaced_by_one_of_ours() {
    let mut s = primary(&[]);
    s.connect().send("SHUTDOWN NOSAVE");
    s.ends();
    let (port, dir) = (s.port(), s.dir().to_owned());
    let theirs = Reference::start(port, &dir, &["--repl-diskless-sync-delay", "0"]);
    let mut c = theirs.connect();
    let reference = Reference::follow(&s, &[]);
    let mut replica = reference.linked();
    c.is("SELECT 2", "+OK");
    c.is("RPUSH list 1 2 3", ":3");
    c.is("WAIT 1 0", ":1");
    c.send("SHUTDOWN SAVE");
    c.closed();
    drop(theirs);
    let s = s.restart(None, &["--port", &port.to_string()]);
    let mut c = s.connect();
    eventually("it is back", || figure(&mut c, "connected_slaves") == 1);
    assert_eq!((figure(&mut c, "sync_full"), figure(&mut c, "sync_partial_ok")), (0, 1));
    c.is("SELECT 2", "+OK");
    c.is("LPUSH list 0", ":4");
    equal(&mut c, &mut replica);
}

#[test]
fn a_redis_server_that_missed_more_than_the_backlog_gets_a_snapshot() {
    let s = primary(&["--repl-backlog-size", "16384"]);
    let mut c = s.connect();
    let reference = Reference::follow(&s, &[]);
    let mut replica = reference.linked();
    let value = "x".repeat(100_000);
    replica.is("REPLICAOF NO ONE", "+OK");
    for key in 0..10 {
        c.is(&format!("SET key:{key} {value}"), "+OK");
    }
    replica.is(&format!("REPLICAOF 127.0.0.1 {}", s.port()), "+OK");
    eventually("it has got another snapshot", || figure(&mut c, "sync_full") == 2);
    eventually("the link is up", || field(&mut replica, "master_link_status") == "up");
    equal(&mut c, &mut replica);
    assert_eq!(figure(&mut c, "sync_partial_err"), 1);
}

#[test]
fn a_redis_server_acknowledges_what_wait_waits_for() {
    let s = primary(&[]);
    let mut c = s.connect();
    let first = Reference::follow(&s, &[]);
    let second = Reference::follow(&s, &[]);
    first.linked();
    second.linked();
    eventually("both are online", || field(&mut c, "slave1").contains("state=online"));
    for number in 0..20 {
        c.is(&format!("SET key {number}"), "+OK");
        c.is("WAIT 2 0", ":2");
    }
    c.is("WAIT 0 0", ":2");
    // More than there are: as many as there are, when the time is over.
    c.is("SET key last", "+OK");
    c.is("WAIT 3 300", ":2");
    let mut stopped = first.connect();
    stopped.send("DEBUG SLEEP 2");
    eventually("one is behind", || {
        c.is("SET key behind", "+OK");
        c.call("WAIT 2 50").int() == 1
    });
    stopped.reads("+OK");
    c.is("WAIT 2 0", ":2");
    c.is("MULTI", "+OK");
    c.is("SET key in-multi", "+QUEUED");
    c.is("WAIT 2 0", "+QUEUED");
    assert!(c.call("EXEC").to_string().starts_with("[+OK, :"), "nothing waits inside MULTI");
}

#[test]
fn a_redis_server_keeps_equal_with_everything_there_is() {
    let s = primary(&[]);
    let mut c = s.connect();
    assert_eq!(c.call_bytes(&[b"FUNCTION", b"LOAD", LIBRARY]).to_string(), "\"lib\"");
    c.is("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    c.is("SET gone x PX 1", "+OK");
    let reference = Reference::follow(&s, &["--repl-diskless-load", "swapdb"]);
    let mut replica = reference.linked();
    let big = "b".repeat(3_000_000);
    c.is(&format!("SET big {big}"), "+OK");
    c.is("APPEND big tail", ":3000004");
    c.is("XADD stream 1-1 field value", "\"1-1\"");
    c.is("XADD stream * field value MAXLEN", "-ERR wrong number of arguments for 'xadd' command");
    assert!(c.call("XADD stream * field value").text().contains('-'));
    c.is("XGROUP CREATE stream group 0", "+OK");
    assert!(c.call("XREADGROUP GROUP group me COUNT 1 STREAMS stream >").to_string().contains("1-1"));
    c.is("XACK stream group 1-1", ":1");
    c.is("MULTI", "+OK");
    c.is("SADD set a b c d", "+QUEUED");
    c.is("SPOP set", "+QUEUED");
    c.is("SELECT 7", "+QUEUED");
    c.is("ZADD zset 1.5 a 2 b", "+QUEUED");
    assert_eq!(c.call("EXEC").items().len(), 4);
    c.is("SELECT 0", "+OK");
    let script = b"for i = 1, 10 do redis.call('lpush', KEYS[1], i) end return redis.call('spop', 'set')";
    assert!(!c.call_bytes(&[b"EVAL", script, b"1", b"list"]).text().is_empty());
    c.is("FCALL f 0", ":1");
    c.is("FUNCTION FLUSH", "+OK");
    let other = b"#!lua name=other\nredis.register_function('g', function() return redis.call('incr', 'n') end)";
    assert_eq!(c.call_bytes(&[b"FUNCTION", b"LOAD", other]).to_string(), "\"other\"");
    c.is("FCALL g 0", ":1");
    c.is("SET volatile x PX 30", "+OK");
    c.is("EXPIRE list 1000", ":1");
    c.is("GETEX big PERSIST", &format!("\"{big}tail\""));
    c.is("PFADD hll a b c", ":1");
    c.is("SETBIT bits 100 1", ":0");
    c.is("GEOADD places 13.361389 38.115556 Palermo", ":1");
    c.is("COPY list copied", ":1");
    c.is("SWAPDB 0 9", "+OK");
    c.is("SWAPDB 9 0", "+OK");
    c.is("DEBUG SET-ACTIVE-EXPIRE 1", "+OK");
    eventually("the volatile keys are gone", || c.call("EXISTS volatile gone").int() == 0);
    equal(&mut c, &mut replica);
    assert!(replica.call("FUNCTION LIST").to_string().contains("other"));
    c.is("FLUSHALL", "+OK");
    equal(&mut c, &mut replica);
    c.is("GET big", "nil");
}

#[test]
fn writes_are_refused_while_too_few_replicas_keep_in_step() {
    let s = primary(&["--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"]);
    let mut c = s.connect();
    const REFUSED: &str = "-NOREPLICAS Not enough good replicas to write.";
    c.is("SET key 1", REFUSED);
    assert_eq!(field(&mut c, "min_slaves_good_slaves"), "0");
    let reference = Reference::follow(&s, &[]);
    reference.linked();
    eventually("the replica is counted", || field(&mut c, "min_slaves_good_slaves") == "1");
    c.is("SET key 1", "+OK");
    let mut stopped = reference.connect();
    stopped.send("DEBUG SLEEP 5");
    eventually("it is missed", || c.call("SET key 2").to_string() == REFUSED);
    eventually("it is back", || c.call("SET key 3").to_string() == "+OK");
    c.is("CONFIG SET min-replicas-to-write 2", "+OK");
    c.is("SET key 4", REFUSED);
    c.is("CONFIG SET min-replicas-max-lag 0", "+OK");
    c.is("SET key 5", "+OK");
}

#[test]
fn a_redis_server_follows_over_tls() {
    let tls = TlsServer::with(&["--repl-diskless-sync-delay", "0", "--repl-disable-tcp-nodelay", "yes"]);
    let mut c = tls.server.connect();
    c.is("DEBUG POPULATE 20000 key 100", "+OK");
    let paths = tls.authority.issue("replica");
    let mut words = vec!["--tls-replication", "yes", "--tls-ca-cert-file", tls.authority.path()];
    words.extend(["--tls-cert-file", &paths.certificate, "--tls-key-file", &paths.key]);
    let reference = Reference::follow_port(&tls.server, tls.port, &words);
    let mut replica = reference.linked();
    let big = "b".repeat(5_000_000);
    for round in 1..=3 {
        c.is(&format!("SET big{round} {big}"), "+OK");
        (0..1000).for_each(|number| c.send(&format!("RPUSH list {number}")));
        (0..1000).for_each(|_| assert!(c.read().int() > 0));
        c.is("CLIENT KILL TYPE replica", ":1");
        c.is("INCR counter", &format!(":{round}"));
        eventually("it is back", || figure(&mut c, "connected_slaves") == 1);
        equal(&mut c, &mut replica);
    }
    c.is("WAIT 1 0", ":1");
}

#[test]
fn redis_servers_stay_equal_whenever_their_links_are_cut() {
    const CUTS: usize = 40;
    const WRITES: usize = 500;
    let s = primary(&["--repl-backlog-size", "65536", "--hz", "100"]);
    let mut c = s.connect();
    c.is("DEBUG POPULATE 20000", "+OK");
    let references = [Reference::follow(&s, &[]), Reference::follow(&s, &[])];
    let mut replicas = references.each_ref().map(Reference::linked);
    let mut admin = s.connect();
    for cut in 0..CUTS {
        // Now and then more is written than the backlog holds, and some cuts come before the snapshot is there.
        let value = "v".repeat(if cut % 4 == 0 { 2000 } else { 20 });
        if cut % 2 == 0 {
            eventually("both are back", || {
                ["slave0", "slave1"].iter().all(|name| field(&mut admin, name).contains("state=online"))
            });
        }
        for number in 0..WRITES {
            match number % 5 {
                0 => c.send(&format!("SELECT {}", number % 3)),
                1 => c.send(&format!("SET key:{} {value}{cut}", number % 200)),
                2 => c.send(&format!("RPUSH list:{} {cut}.{number}", number % 7)),
                3 => c.send(&format!("EXPIRE key:{} {}", number % 200, number % 3)),
                _ => c.send(&format!("SPOP set {}", number % 3 + 1)),
            }
            if number == cut * 12 {
                assert!(admin.call("CLIENT KILL TYPE replica").int() <= 2);
            }
        }
        (0..WRITES).for_each(|_| drop(c.read()));
        assert!(admin.call(&format!("SADD set {cut} a b c d e f")).int() > 0);
    }
    eventually("both are back", || figure(&mut c, "connected_slaves") == 2);
    eventually("what expires has expired", || {
        ["db0", "db1", "db2"].iter().all(|db| field(&mut c, db).contains("expires=0"))
    });
    for replica in &mut replicas {
        equal(&mut c, replica);
    }
    assert!(figure(&mut c, "sync_partial_ok") > 0);
}
