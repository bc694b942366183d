//! WAIT and WAITAOF of a server without replicas.

use crate::support::{Server, eventually};

const WITHOUT_LOG: &str = "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";

#[test]
fn waitaof_waits_for_the_next_sync() {
    for policy in ["everysec", "always"] {
        let s = Server::with(&["--appendonly", "yes", "--appendfsync", policy]);
        let mut c = s.connect();
        c.is("WAITAOF 1 0 0", "[:1, :0]");
        for round in 1..=3 {
            c.is("INCR n", &format!(":{round}"));
            c.is("WAITAOF 1 0 0", "[:1, :0]");
            assert!(c.call("INFO persistence").text().contains("aof_pending_bio_fsync:0\r\n"));
        }
        c.is("WAITAOF 0 1 10", "[:1, :0]");
        c.is("WAITAOF 0 0 0", "[:1, :0]");
    }
}

#[test]
fn waitaof_that_is_not_fulfilled_ends_by_its_time_or_another_client() {
    let s = Server::with(&["--appendonly", "yes", "--appendfsync", "no"]);
    let (mut c, mut other) = (s.connect(), s.connect());
    c.is("SET k v", "+OK");
    c.is("WAITAOF 1 0 10", "[:0, :0]");
    for (how, expected) in [("TIMEOUT", "[:0, :0]"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK")] {
        let id = c.call("CLIENT ID").int();
        c.send("WAITAOF 1 1 0");
        s.blocked(1);
        other.is(&format!("CLIENT UNBLOCK {id} {how}"), ":1");
        c.reads(expected);
    }
    // Another client has changed nothing, so it waits for nothing.
    other.is("WAITAOF 1 0 0", "[:1, :0]");
    c.send("WAITAOF 1 0 0");
    s.blocked(1);
    other.is("CONFIG SET appendonly no", "+OK");
    c.reads(WITHOUT_LOG);
}

#[test]
fn waitaof_does_not_wait_inside_a_transaction() {
    let s = Server::with(&["--appendonly", "yes", "--appendfsync", "no"]);
    let mut c = s.connect();
    c.is("SET k v", "+OK");
    c.is("MULTI", "+OK");
    c.is("WAITAOF 1 0 0", "+QUEUED");
    c.is("WAIT 1 0", "+QUEUED");
    c.is("EXEC", "[[:0, :0], :0]");
}

#[test]
fn waitaof_refuses_what_makes_no_sense() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("WAITAOF 1 0 0", WITHOUT_LOG);
    c.is("WAITAOF 0 0 0", "[:0, :0]");
    c.is("WAITAOF 0 1 10", "[:0, :0]");
    c.is("WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1");
    c.is("WAITAOF x 0 0", "-ERR value is not an integer or out of range");
    c.is("WAITAOF 0 -1 0", "-ERR value is out of range, must be positive");
    c.is("WAITAOF 0 0 -1", "-ERR timeout is negative");
    c.is("WAITAOF 0 0 x", "-ERR timeout is not an integer or out of range");
    c.is("WAIT 1 10", ":0");
    c.is("WAIT 0 0", ":0");
    let mut waits = s.connect();
    waits.send("WAIT 1 0");
    eventually("it waits", || c.call("INFO clients").text().contains("blocked_clients:1\r\n"));
    let id = c.call("CLIENT LIST").text().lines().find(|line| line.contains("cmd=wait")).map(str::to_owned);
    let id = id.and_then(|line| line.split(['=', ' ']).nth(1).map(str::to_owned)).expect("an id");
    c.is(&format!("CLIENT UNBLOCK {id}"), ":1");
    waits.reads(":0");
}
