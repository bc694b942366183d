//! Streams as several clients see them: waiting for entries, groups that end, what WATCH and notifications take for a
//! change.

use crate::support::Server;

#[test]
fn the_last_id_is_that_of_the_moment_of_waiting() {
    let s = Server::start();
    let (mut w, mut c) = (s.connect(), s.connect());
    c.is("XADD s 1-1 f a", r#""1-1""#);
    w.send("XREAD BLOCK 0 STREAMS s other $ $");
    s.blocked(1);
    // Neither of these is a new entry.
    c.is("XSETID s 5-0", "+OK");
    c.is("XDEL s 1-1", ":1");
    w.silent();
    c.is("XADD s 6-0 f b", r#""6-0""#);
    w.reads(r#"[["s", [["6-0", ["f", "b"]]]]]"#);
}

#[test]
fn all_readers_get_an_entry_and_one_consumer_of_a_group_does() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("XGROUP CREATE s g $ MKSTREAM", "+OK");
    let mut waiters: Vec<_> = (0..4).map(|_| s.connect()).collect();
    for (at, command) in ["XREAD BLOCK 0 STREAMS s $", "XREADGROUP GROUP g c1 BLOCK 0 STREAMS s >"].iter().enumerate() {
        waiters[2 * at].send(command);
        s.blocked(2 * at + 1);
        waiters[2 * at + 1].send(command);
        s.blocked(2 * at + 2);
    }
    c.is("XADD s 1-0 f a", r#""1-0""#);
    for at in [0, 1, 2] {
        waiters[at].reads(r#"[["s", [["1-0", ["f", "a"]]]]]"#);
    }
    waiters[3].silent();
    c.is("XADD s 2-0 f b", r#""2-0""#);
    waiters[3].reads(r#"[["s", [["2-0", ["f", "b"]]]]]"#);
}

#[test]
fn consumers_hear_that_their_group_or_stream_is_gone_and_readers_go_on_waiting() {
    let s = Server::start();
    let mut c = s.connect();
    for end in ["DEL s", "SET s x", "FLUSHALL", "SWAPDB 0 1", "RENAME s t", "PEXPIREAT s 1", "XGROUP DESTROY s g"] {
        c.is("FLUSHALL", "+OK");
        c.is("XGROUP CREATE s g $ MKSTREAM", "+OK");
        let (mut group, mut reader) = (s.connect(), s.connect());
        group.send("XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
        s.blocked(1);
        reader.send("XREAD BLOCK 0 STREAMS s $");
        s.blocked(2);
        c.call(end);
        let reply = group.read().to_string();
        let expected = match end {
            "XGROUP DESTROY s g" => "-NOGROUP the consumer group this client was blocked on no longer exists",
            _ => "-UNBLOCKED the stream key no longer exists",
        };
        assert_eq!(reply, expected, "after {end}");
        reader.silent();
        s.blocked(1);
    }
}

#[test]
fn what_only_a_group_knows_is_no_change_to_who_watches() {
    let s = Server::start();
    let (mut c, mut other) = (s.connect(), s.connect());
    c.is("XADD s 1-0 f a", r#""1-0""#);
    other.is("XGROUP CREATE s g 0", "+OK");
    c.is("WATCH s", "+OK");
    other.call("XREADGROUP GROUP g c STREAMS s >");
    other.is("XACK s g 1-0", ":1");
    other.is("XSETID s 9-0", "+OK");
    for (send, reply) in [("MULTI", "+OK"), ("XLEN s", "+QUEUED"), ("EXEC", "[:1]")] {
        c.is(send, reply);
    }
    c.is("WATCH s", "+OK");
    other.is("XDEL s 1-0", ":1");
    for (send, reply) in [("MULTI", "+OK"), ("XLEN s", "+QUEUED"), ("EXEC", "nil*")] {
        c.is(send, reply);
    }
}
