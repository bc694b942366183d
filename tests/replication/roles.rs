//! What a role means to clients: what a replica refuses, what it hides, who is told when it changes; promotion, FAILOVER.

use super::following::{follow, linked};
use super::{Reference, equal, field, figure, primary};
use crate::support::{Server, eventually, free_port};

#[test]
fn a_replica_leaves_writes_to_its_primary() {
    let p = primary(&[]);
    let s = Server::start();
    let (mut c, mut replica) = (p.connect(), s.connect());
    follow(&mut replica, p.port());
    const REFUSED: &str = "READONLY You can't write against a read only replica.";
    replica.fails("SET key 1", REFUSED);
    replica.fails("BLPOP list 0", REFUSED);
    let error = replica.call_bytes(&[b"EVAL", b"return redis.call('set','key','1')", b"0"]).to_string();
    assert!(error.starts_with(&format!("-{REFUSED} script:")), "{error}");
    let declared = b"#!lua\nreturn redis.call('get','key')";
    replica.is("EVAL_RO return(1) 0", ":1");
    assert_eq!(replica.call_bytes(&[b"EVAL", declared, b"0"]).to_string(), format!("-{REFUSED}"));
    replica.is("MULTI", "+OK");
    replica.fails("SET key 1", REFUSED);
    replica.fails("EXEC", "EXECABORT");
    // What was queued when it still was a primary is not run any more.
    replica.is("REPLICAOF NO ONE", "+OK");
    replica.is("MULTI", "+OK");
    replica.is("SET key 1", "+QUEUED");
    follow(&mut s.connect(), p.port());
    replica.fails("EXEC", &format!("EXECABORT Transaction discarded because of: {REFUSED}"));
    c.is("SET key 2", "+OK");
    eventually("it has come", || replica.call("GET key").to_string() == "\"2\"");
}

#[test]
fn a_replica_without_its_link_shows_what_it_has_unless_it_is_not_to() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET key 1", "+OK");
    c.is(&format!("REPLICAOF 127.0.0.1 {}", free_port()), "+OK");
    c.is("GET key", "\"1\"");
    c.fails("PSYNC ? -1", "NOMASTERLINK Can't SYNC while not connected with my master");
    c.is("CONFIG SET replica-serve-stale-data no", "+OK");
    const DOWN: &str = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    c.fails("GET key", DOWN);
    c.fails("EVAL return(1) 0", DOWN);
    const STALE: &[u8] = b"#!lua flags=allow-stale,no-writes\nreturn redis.call('get','key')";
    let error = c.call_bytes(&[b"EVAL", STALE, b"0"]).to_string();
    assert!(error.starts_with("-ERR Can not execute the command on a stale replica"), "{error}");
    let reply = c.call_bytes(&[b"EVAL", b"#!lua flags=allow-stale,no-writes\nreturn 2", b"0"]).to_string();
    assert_eq!(reply, ":2");
    assert_eq!(field(&mut c, "role"), "slave");
    c.is("REPLICAOF NO ONE", "+OK");
    c.is("GET key", "\"1\"");
    assert_eq!(field(&mut c, "role"), "master");
}

#[test]
fn who_waits_for_what_only_a_primary_brings_is_told_that_it_is_none_any_more() {
    let s = Server::start();
    let mut c = s.connect();
    let mut waiting = [s.connect(), s.connect()];
    waiting[0].send("BLPOP list 0");
    waiting[1].send("XREAD BLOCK 0 STREAMS stream $");
    s.blocked(2);
    c.is(&format!("REPLICAOF 127.0.0.1 {}", free_port()), "+OK");
    for client in &mut waiting {
        client.reads("-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)");
        client.closed();
    }
}

#[test]
fn what_was_watched_has_changed_when_other_data_comes() {
    let p = primary(&[]);
    let s = Server::start();
    let (mut c, mut replica) = (p.connect(), s.connect());
    c.is("SET theirs 1", "+OK");
    replica.is("SET own 1", "+OK");
    let mut watchers = Vec::new();
    for (key, outcome) in [("theirs", "nil*"), ("own", "nil*"), ("neither", "[nil]")] {
        let mut watcher = s.connect();
        watcher.is(&format!("WATCH {key}"), "+OK");
        watchers.push((watcher, outcome));
    }
    follow(&mut replica, p.port());
    for (mut watcher, outcome) in watchers {
        watcher.is("MULTI", "+OK");
        watcher.is("GET none", "+QUEUED");
        watcher.is("EXEC", outcome);
    }
}

#[test]
fn what_has_expired_is_hidden_until_the_primary_removes_it() {
    let p = primary(&[]);
    let s = Server::start();
    let (mut c, mut replica) = (p.connect(), s.connect());
    follow(&mut replica, p.port());
    c.is("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    c.is("SET volatile x PX 60", "+OK");
    c.is("SET other x PX 60", "+OK");
    eventually("it has come", || replica.call("DBSIZE").int() == 2);
    eventually("both are hidden", || replica.call("MGET volatile other").to_string() == "[nil, nil]");
    replica.is("EXISTS volatile", ":0");
    replica.is("TTL volatile", ":-2");
    replica.is("KEYS *", "[]");
    replica.is("SCAN 0", "[\"0\", []]");
    replica.is("RANDOMKEY", "nil");
    replica.is("DBSIZE", ":2");
    // To the primary's own requests it is there as long as the primary has not said otherwise.
    c.is("GET volatile", "nil");
    eventually("one is gone", || replica.call("DBSIZE").int() == 1);
    c.is("RESTORE past 1000 x", "-ERR DUMP payload version or checksum are wrong");
    // As a primary it removes by itself.
    replica.is("REPLICAOF NO ONE", "+OK");
    eventually("it is removed", || replica.call("DBSIZE").int() == 0);
}

#[test]
fn a_writable_replica_removes_what_its_own_clients_let_expire() {
    let p = primary(&[]);
    let s = Server::with(&["--replica-read-only", "no"]);
    let (mut c, mut replica) = (p.connect(), s.connect());
    follow(&mut replica, p.port());
    c.is("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    c.is("SET theirs 1 PX 50", "+OK");
    replica.is("SET own 1 PX 50", "+OK");
    assert_eq!(
        replica.call_bytes(&[b"EVAL", b"return redis.call('set','scripted','1','PX','50')", b"0"]).to_string(),
        "+OK"
    );
    replica.is("SET kept 1 PX 50", "+OK");
    replica.is("PERSIST kept", ":1");
    eventually("its own are gone", || replica.call("DBSIZE").int() == 2);
    eventually("nothing is left to look after", || figure(&mut replica, "slave_expires_tracked_keys") == 0);
    replica.is("GET kept", "\"1\"");
    // Nothing of this is the primary's or is passed on.
    c.is("EXISTS kept", ":0");
    let offset = figure(&mut c, "master_repl_offset");
    replica.is("SET another 1", "+OK");
    c.is("WAIT 1 0", ":1");
    assert_eq!(figure(&mut replica, "slave_repl_offset"), figure(&mut c, "master_repl_offset"));
    assert!(figure(&mut c, "master_repl_offset") >= offset);
}

#[test]
fn clients_are_told_to_wait_while_a_snapshot_takes_long_unless_it_is_of_their_own_history() {
    let p = primary(&["--repl-backlog-size", "16384"]);
    let s = Server::with(&["--repl-diskless-load", "swapdb"]);
    let (mut c, mut replica) = (p.connect(), s.connect());
    replica.is("SET own 1", "+OK");
    c.is("DEBUG POPULATE 2000 key 100", "+OK");
    replica.is("CONFIG SET key-load-delay 10000", "+OK");
    replica.is(&format!("REPLICAOF 127.0.0.1 {}", p.port()), "+OK");
    eventually("it loads", || figure(&mut replica, "loading") == 1);
    replica.fails("GET own", "LOADING Redis is loading the dataset in memory");
    assert!(figure(&mut replica, "loading_loaded_bytes") >= 0);
    assert_eq!((figure(&mut replica, "async_loading"), field(&mut replica, "master_link_status")), (0, "down".into()));
    assert_eq!(replica.call("ROLE").items()[3].text(), "sync");
    // Written meanwhile, and there afterwards.
    c.is("SET meanwhile 1", "+OK");
    replica.is("CONFIG SET key-load-delay 0", "+OK");
    linked(&mut replica);
    equal(&mut c, &mut replica);
    replica.is("GET own", "nil");
    // The same history again: what is there is served meanwhile.
    replica.is("CONFIG SET key-load-delay 10000", "+OK");
    c.is("MULTI", "+OK");
    c.is("CLIENT KILL TYPE replica", "+QUEUED");
    let long = "x".repeat(30_000);
    for number in 0..10 {
        c.is(&format!("SET long{number} {long}"), "+QUEUED");
    }
    c.send("EXEC");
    c.read();
    eventually("it loads aside", || figure(&mut replica, "async_loading") == 1);
    replica.is("GET meanwhile", "\"1\"");
    replica.fails("REPLICAOF NO ONE", "LOADING");
    replica.fails("CONFIG SET appendonly yes", "LOADING");
    replica.fails("SET a 1", "READONLY");
    assert_eq!(figure(&mut replica, "loading"), 0);
    replica.is("CONFIG SET key-load-delay 0", "+OK");
    linked(&mut replica);
    equal(&mut c, &mut replica);
}

#[test]
fn the_primary_is_left_in_the_middle_of_its_snapshot_and_the_data_stays() {
    let p = primary(&[]);
    let s = Server::start();
    let (mut c, mut replica) = (p.connect(), s.connect());
    replica.is("SET own 1", "+OK");
    c.is("DEBUG POPULATE 2000 key 100", "+OK");
    replica.is("CONFIG SET key-load-delay 10000", "+OK");
    replica.is(&format!("REPLICAOF 127.0.0.1 {}", p.port()), "+OK");
    eventually("it comes", || figure(&mut replica, "master_sync_in_progress") == 1);
    eventually("it loads", || figure(&mut replica, "loading") == 1);
    replica.fails("REPLICAOF NO ONE", "LOADING");
    let other = primary(&[]);
    other.connect().is("SET other 1", "+OK");
    drop(p);
    replica.is("CONFIG SET key-load-delay 0", "+OK");
    eventually("it is over", || figure(&mut replica, "loading") == 0);
    follow(&mut replica, other.port());
    replica.is("GET other", "\"1\"");
}

#[test]
fn replicaof_may_stand_in_a_transaction_and_is_kept_in_the_file() {
    let s = Server::with_file("save \"\"\n");
    let mut c = s.connect();
    let port = free_port();
    c.is("MULTI", "+OK");
    c.is(&format!("SLAVEOF localhost {port}"), "+QUEUED");
    c.is("CONFIG REWRITE", "+QUEUED");
    c.is("ROLE", "+QUEUED");
    c.is("EXEC", &format!("[+OK, +OK, [\"slave\", \"localhost\", :{port}, \"connecting\", :-1]]"));
    let file = std::fs::read_to_string(s.dir().join("larder.conf")).unwrap();
    assert!(file.contains(&format!("replicaof localhost {port}\n")), "{file}");
    c.is(&format!("REPLICAOF LOCALHOST {port}"), "+OK Already connected to specified master");
    c.is("CONFIG GET replicaof", &format!("[\"replicaof\", \"localhost {port}\"]"));
    c.fails(
        "CONFIG SET replicaof x",
        "ERR CONFIG SET failed (possibly related to argument 'replicaof') - can't set immutable",
    );
    c.fails("REPLICAOF localhost 65536", "ERR Invalid master port");
    c.fails("REPLICAOF localhost x", "ERR Invalid master port");
    c.is("REPLICAOF no one", "+OK");
    c.is("CONFIG REWRITE", "+OK");
    let file = std::fs::read_to_string(s.dir().join("larder.conf")).unwrap();
    assert!(!file.contains("replicaof localhost"), "{file}");
}

#[test]
fn a_failover_makes_the_chosen_replica_the_primary_and_loses_nothing() {
    let p = primary(&[]);
    let s = Server::start();
    let (mut c, mut replica) = (p.connect(), s.connect());
    c.fails("FAILOVER", "ERR FAILOVER requires connected replicas.");
    follow(&mut replica, p.port());
    let reference = Reference::follow(&p, &[]);
    let mut other = reference.linked();
    eventually("both are there", || figure(&mut c, "connected_slaves") == 2);
    c.fails("FAILOVER TO 127.0.0.1 1", "ERR FAILOVER target HOST and PORT is not a replica.");
    c.fails(&format!("FAILOVER TO 127.0.0.1 {} FORCE", s.port()), "ERR FAILOVER with force option requires both");
    c.fails("FAILOVER ABORT", "ERR No failover in progress.");
    replica.fails("FAILOVER", "ERR FAILOVER is not valid when server is a replica.");
    c.is("SET before 1", "+OK");
    c.is(&format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 20000", s.port()), "+OK");
    // Held while it lasts, and then answered by a replica.
    let mut writer = p.connect();
    writer.fails("SET held 1", "READONLY");
    eventually("roles have changed", || field(&mut c, "role") == "slave" && field(&mut replica, "role") == "master");
    linked(&mut c);
    assert_eq!(field(&mut c, "master_failover_state"), "no-failover");
    replica.is("SET after 1", "+OK");
    equal(&mut replica, &mut c);
    c.is("GET after", "\"1\"");
    assert_eq!((figure(&mut replica, "sync_full"), figure(&mut replica, "sync_partial_ok")), (0, 1));
    // The third one follows the former primary, through the new one's name.
    linked(&mut other);
    equal(&mut replica, &mut other);
}

#[test]
fn a_failover_to_a_replica_that_stands_still_is_taken_back_or_forced() {
    let p = primary(&[]);
    let s = Server::start();
    let (mut c, mut replica) = (p.connect(), s.connect());
    follow(&mut replica, p.port());
    eventually("it is online", || field(&mut c, "slave0").contains("state=online"));
    s.signal("STOP");
    c.is("SET key 1", "+OK");
    c.is("FAILOVER", "+OK");
    assert_eq!(field(&mut c, "master_failover_state"), "waiting-for-sync");
    c.fails("REPLICAOF 127.0.0.1 1", "ERR REPLICAOF not allowed while failing over.");
    c.fails("FAILOVER", "ERR FAILOVER already in progress.");
    let mut writer = p.connect();
    writer.send("SET key 2");
    held(&mut c);
    c.is("FAILOVER ABORT", "+OK");
    writer.reads("+OK");
    c.is("FAILOVER TIMEOUT 100", "+OK");
    eventually("its time is over", || field(&mut c, "master_failover_state") == "no-failover");
    assert_eq!(field(&mut c, "role"), "master");
    c.is(&format!("FAILOVER TO 127.0.0.1 {} FORCE TIMEOUT 100", s.port()), "+OK");
    eventually("it is forced", || field(&mut c, "master_failover_state") == "failover-in-progress");
    s.signal("CONT");
    eventually("roles have changed", || field(&mut c, "role") == "slave" && field(&mut replica, "role") == "master");
    linked(&mut c);
    equal(&mut replica, &mut c);
}

/// Waits until a writer is held.
fn held(c: &mut crate::support::Conn) {
    eventually("a writer is held", || figure(c, "blocked_clients") == 1);
}
