//! MULTI, EXEC and WATCH with several clients.

use crate::support::{Conn, Server, eventually};

const ABORT: &str = "-EXECABORT Transaction discarded because of previous errors.";

/// Watches `k`, lets `other` do something, and tells whether EXEC then goes through.
fn goes_through(s: &Server, watch: &str, other: &[&str]) -> bool {
    let (mut c, mut o) = (s.connect(), s.connect());
    c.is(watch, "+OK");
    for line in other {
        o.call(line);
    }
    c.is("MULTI", "+OK");
    c.is("PING", "+QUEUED");
    match c.call("EXEC").to_string().as_str() {
        "[+PONG]" => true,
        "nil*" => false,
        other => panic!("EXEC answered {other}"),
    }
}

fn filled() -> (Server, Conn) {
    let s = Server::start();
    let mut c = s.connect();
    c.is("SET k v", "+OK");
    (s, c)
}

#[test]
fn a_watched_key_that_another_client_changes_stops_the_transaction() {
    for change in [
        "SET k x",
        "DEL k",
        "APPEND k x",
        "EXPIRE k 1000",
        "RENAME k z",
        "FLUSHALL",
        "FLUSHDB",
        "SWAPDB 0 1",
        "MOVE k 1",
        "GETDEL k",
        "SET k v",
    ] {
        let (s, _) = filled();
        assert!(!goes_through(&s, "WATCH k", &[change]), "{change} must stop it");
    }
}

#[test]
fn what_does_not_change_a_watched_key_does_not_stop_the_transaction() {
    for harmless in [
        "GET k",
        "SET other x",
        "DEL nothing",
        "SETNX k y",
        "PERSIST k",
        "EXISTS k",
        "OBJECT ENCODING k",
        "LPUSH k x",
        "COPY k z",
    ] {
        let (s, _) = filled();
        assert!(goes_through(&s, "WATCH k", &[harmless]), "{harmless} must not stop it");
    }
    // The same name in another database is another key.
    let (s, _) = filled();
    assert!(goes_through(&s, "WATCH k", &["SELECT 1", "SET k x"]));
    // Flushing where the watched key does not exist changes nothing.
    assert!(goes_through(&s, "WATCH none", &["FLUSHALL"]));
}

#[test]
fn creating_a_watched_missing_key_stops_the_transaction() {
    let (s, _) = filled();
    assert!(!goes_through(&s, "WATCH none", &["SET none 1"]));
    assert!(!goes_through(&s, "WATCH a none2 b", &["RPUSH none2 1", "DEL none2"]));
}

#[test]
fn a_change_inside_anothers_transaction_counts() {
    let (s, _) = filled();
    assert!(!goes_through(&s, "WATCH k", &["MULTI", "SET k x", "EXEC"]));
    assert!(goes_through(&s, "WATCH k", &["MULTI", "SET k x", "DISCARD"]));
}

#[test]
fn exec_discard_and_unwatch_forget_what_was_watched() {
    for forget in [&["UNWATCH"][..], &["MULTI", "EXEC"], &["MULTI", "DISCARD"]] {
        let (s, mut other) = filled();
        let mut c = s.connect();
        c.is("WATCH k", "+OK");
        for line in forget {
            c.call(line);
        }
        other.is("SET k changed", "+OK");
        c.is("MULTI", "+OK");
        c.is("GET k", "+QUEUED");
        c.is("EXEC", r#"["changed"]"#);
    }
}

#[test]
fn a_watched_key_that_expires_stops_the_transaction() {
    let (s, mut other) = filled();
    let mut c = s.connect();
    other.is("PEXPIRE k 30", ":1");
    c.is("WATCH k", "+OK");
    eventually("k expires", || other.call("EXISTS k").int() == 0);
    c.is("MULTI", "+OK");
    c.is("PING", "+QUEUED");
    c.is("EXEC", "nil*");
}

#[test]
fn errors_while_queueing_abort_and_errors_while_running_do_not() {
    let (s, _) = filled();
    let mut c = s.connect();
    for wrong in ["NOSUCH", "GET", "GET a b", "CONFIG NOSUCH"] {
        c.is("MULTI", "+OK");
        c.is("SET a 1", "+QUEUED");
        c.fails(wrong, "ERR");
        c.is("SET b 1", "+QUEUED");
        c.is("EXEC", ABORT);
        c.is("EXISTS a b", ":0");
    }
    c.is("MULTI", "+OK");
    for line in ["SET a 1", "LPUSH a x", "INCR a"] {
        c.is(line, "+QUEUED");
    }
    c.is("EXEC", "[+OK, -WRONGTYPE Operation against a key holding the wrong kind of value, :2]");
}

#[test]
fn nested_and_misplaced_words_are_errors_that_leave_the_transaction_alone() {
    let (s, _) = filled();
    let mut c = s.connect();
    c.is("EXEC", "-ERR EXEC without MULTI");
    c.is("DISCARD", "-ERR DISCARD without MULTI");
    c.is("MULTI", "+OK");
    c.is("MULTI", "-ERR MULTI calls can not be nested");
    c.is("WATCH k", "-ERR WATCH inside MULTI is not allowed");
    c.is("GET k", "+QUEUED");
    c.is("EXEC", r#"["v"]"#);
}

#[test]
fn nobody_sees_a_transaction_half_done() {
    let s = Server::start();
    let mut writer = s.connect();
    let mut reader = s.connect();
    for i in 0..200 {
        for line in ["MULTI".to_owned(), format!("SET a {i}"), format!("SET b {i}"), "EXEC".to_owned()] {
            writer.send(&line);
        }
        let both = reader.call("MGET a b");
        assert_eq!(both.items()[0], both.items()[1]);
        for _ in 0..4 {
            writer.read();
        }
    }
}

#[test]
fn select_inside_a_transaction_moves_the_client() {
    let s = Server::start();
    let mut c = s.connect();
    for line in ["MULTI", "SELECT 5", "SET k v"] {
        c.call(line);
    }
    c.is("EXEC", "[+OK, +OK]");
    c.is("GET k", r#""v""#);
    c.is("SELECT 0", "+OK");
    c.is("EXISTS k", ":0");
}

#[test]
fn a_client_that_leaves_in_the_middle_leaves_nothing_behind() {
    let s = Server::start();
    let mut c = s.connect();
    let mut gone = s.connect();
    gone.is("WATCH k", "+OK");
    gone.is("MULTI", "+OK");
    gone.is("SET k v", "+QUEUED");
    drop(gone);
    eventually("it is gone", || c.call("CLIENT LIST").text().lines().count() == 1);
    c.is("EXISTS k", ":0");
    c.is("SET k 1", "+OK");
}

#[test]
fn writes_are_refused_while_there_are_fewer_replicas_than_asked_for() {
    const NO_REPLICAS: &str = "-NOREPLICAS Not enough good replicas to write.";
    let (s, mut c) = filled();
    let mut o = s.connect();
    c.is("MULTI", "+OK");
    c.is("SET k w", "+QUEUED");
    o.is("CONFIG SET min-replicas-to-write 2", "+OK");
    c.is("EXEC", &format!("-EXECABORT Transaction discarded because of: {}", &NO_REPLICAS[1..]));
    c.is("GET k", r#""v""#);
    c.is("SET k w", NO_REPLICAS);
    c.is("MULTI", "+OK");
    c.is("GET k", "+QUEUED");
    c.is("EXEC", r#"["v"]"#);
    c.is("MULTI", "+OK");
    c.is("SET k w", NO_REPLICAS);
    c.is("EXEC", ABORT);
    o.is("CONFIG SET min-replicas-to-write 0", "+OK");
    c.is("SET k w", "+OK");
}
