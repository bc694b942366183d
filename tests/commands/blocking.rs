//! Blocking commands: who is served, when, by what, and what a transaction, a wrong type or a disconnect changes.

use crate::support::Server;

#[test]
fn blpop_serves_waiters_in_the_order_they_came() {
    let s = Server::start();
    let mut waiters: Vec<_> = (0..4).map(|_| s.connect()).collect();
    for (i, w) in waiters.iter_mut().enumerate() {
        w.send("BLPOP l 0");
        s.blocked(i + 1);
    }
    let mut c = s.connect();
    c.is("RPUSH l a b", ":2");
    waiters[0].reads(r#"["l", "a"]"#);
    waiters[1].reads(r#"["l", "b"]"#);
    c.is("RPUSH l c", ":1");
    waiters[2].reads(r#"["l", "c"]"#);
    c.is("EXISTS l", ":0");
    waiters[3].silent();
}

#[test]
fn a_push_of_several_values_is_complete_before_waiters_are_served() {
    let s = Server::start();
    let (mut w, mut c) = (s.connect(), s.connect());
    w.send("BLPOP l 0");
    s.blocked(1);
    c.is("LPUSH l a b c", ":3");
    w.reads(r#"["l", "c"]"#);
    c.is("LRANGE l 0 -1", r#"["b", "a"]"#);
}

#[test]
fn a_waiter_on_several_keys_takes_the_first_that_has_data() {
    let s = Server::start();
    let (mut w, mut c) = (s.connect(), s.connect());
    w.send("BLPOP a b c 0");
    s.blocked(1);
    c.send("MULTI");
    c.send("RPUSH c 1");
    c.send("RPUSH b 2");
    c.send("EXEC");
    for expected in ["+OK", "+QUEUED", "+QUEUED", "[:1, :1]"] {
        c.reads(expected);
    }
    // The key that became ready first wins, not the first of the command.
    w.reads(r#"["c", "1"]"#);
    c.is("LRANGE b 0 -1", r#"["2"]"#);
}

/// Each way to make a list appear wakes a waiter on it.
#[test]
fn rename_copy_move_sort_store_lmove_swapdb_and_restore_wake_waiters() {
    let s = Server::start();
    let mut c = s.connect();
    for (prepare, wake, expected) in [
        ("RPUSH x 1", "RENAME x l", r#"["l", "1"]"#),
        ("RPUSH x 1", "RENAMENX x l", r#"["l", "1"]"#),
        ("RPUSH x 1 2", "COPY x l", r#"["l", "1"]"#),
        ("RPUSH x 2 1", "SORT x STORE l", r#"["l", "1"]"#),
        ("RPUSH x 1 2", "LMOVE x l RIGHT LEFT", r#"["l", "2"]"#),
        ("RPUSH x 1 2", "RPOPLPUSH x l", r#"["l", "2"]"#),
        ("RPUSH x 1", "BLMOVE x l LEFT LEFT 0", r#"["l", "1"]"#),
    ] {
        c.is("FLUSHALL", "+OK");
        c.call(prepare);
        let mut w = s.connect();
        w.send("BLPOP l 0");
        s.blocked(1);
        c.call(wake);
        assert_eq!(w.read().to_string(), expected, "after {wake}");
    }
    // From another database.
    c.is("FLUSHALL", "+OK");
    for wake in ["MOVE l 0", "SWAPDB 0 1"] {
        let mut w = s.connect();
        w.send("BRPOP l 0");
        s.blocked(1);
        let mut other = s.connect();
        other.is("SELECT 1", "+OK");
        other.is("RPUSH l v", ":1");
        other.call(wake);
        assert_eq!(w.read().to_string(), r#"["l", "v"]"#, "after {wake}");
    }
}

#[test]
fn a_transaction_serves_waiters_only_at_its_end() {
    let s = Server::start();
    let (mut w, mut c) = (s.connect(), s.connect());
    w.send("BLPOP l 0");
    s.blocked(1);
    // Pushed and gone again inside the transaction: nobody is served.
    for line in ["MULTI", "RPUSH l a", "DEL l"] {
        c.call(line);
    }
    c.is("EXEC", "[:1, :1]");
    c.is("PING", "+PONG");
    w.silent();
    for line in ["MULTI", "RPUSH l a", "RPUSH l b", "LPUSH l c"] {
        c.call(line);
    }
    c.is("EXEC", "[:1, :2, :3]");
    w.reads(r#"["l", "c"]"#);
}

#[test]
fn blocking_commands_inside_a_transaction_do_not_wait() {
    let s = Server::start();
    let mut c = s.connect();
    for line in [
        "MULTI",
        "BLPOP l 0",
        "BLMOVE a b LEFT LEFT 0",
        "BZPOPMIN z 0",
        "BLMPOP 0 1 l LEFT",
        "XREAD BLOCK 0 STREAMS s $",
    ] {
        c.call(line);
    }
    c.is("EXEC", "[nil*, nil, nil*, nil*, nil*]");
}

#[test]
fn a_key_of_another_type_does_not_wake_a_waiter() {
    let s = Server::start();
    let (mut w, mut c) = (s.connect(), s.connect());
    w.send("BLPOP l 0");
    s.blocked(1);
    c.is("ZADD l 1 a", ":1");
    c.is("PING", "+PONG");
    w.silent();
    c.is("DEL l", ":1");
    c.is("RPUSH l a", ":1");
    w.reads(r#"["l", "a"]"#);
}

#[test]
fn blmove_to_a_key_of_another_type_fails_for_the_waiter_and_leaves_the_element() {
    let s = Server::start();
    let (mut w, mut c) = (s.connect(), s.connect());
    c.is("SET target x", "+OK");
    w.send("BLMOVE l target LEFT LEFT 0");
    s.blocked(1);
    c.is("RPUSH l a", ":1");
    w.reads("-WRONGTYPE Operation against a key holding the wrong kind of value");
    c.is("LRANGE l 0 -1", r#"["a"]"#);
}

#[test]
fn blmove_passes_an_element_down_a_chain_of_waiters() {
    let s = Server::start();
    let (mut first, mut second, mut last) = (s.connect(), s.connect(), s.connect());
    last.send("BLPOP c 0");
    s.blocked(1);
    second.send("BLMOVE b c LEFT LEFT 0");
    s.blocked(2);
    first.send("BRPOPLPUSH a b 0");
    s.blocked(3);
    s.connect().is("RPUSH a v", ":1");
    first.reads(r#""v""#);
    second.reads(r#""v""#);
    last.reads(r#"["c", "v"]"#);
    s.blocked(0);
}

#[test]
fn sorted_sets_wake_their_waiters() {
    let s = Server::start();
    let (mut min, mut max, mut many) = (s.connect(), s.connect(), s.connect());
    min.send("BZPOPMIN z 0");
    s.blocked(1);
    max.send("BZPOPMAX z 0");
    s.blocked(2);
    many.send("BZMPOP 0 1 z MIN COUNT 10");
    s.blocked(3);
    s.connect().is("ZADD z 1 a 2 b 3 c 4 d", ":4");
    min.reads(r#"["z", "a", "1"]"#);
    max.reads(r#"["z", "d", "4"]"#);
    many.reads(r#"["z", [["b", "2"], ["c", "3"]]]"#);
}

#[test]
fn streams_wake_readers_and_group_readers() {
    let s = Server::start();
    let (mut reader, mut member, mut c) = (s.connect(), s.connect(), s.connect());
    c.is("XGROUP CREATE s g $ MKSTREAM", "+OK");
    reader.send("XREAD BLOCK 0 STREAMS s $");
    s.blocked(1);
    member.send("XREADGROUP GROUP g me BLOCK 0 STREAMS s >");
    s.blocked(2);
    c.is("XADD s 5-1 f v", r#""5-1""#);
    reader.reads(r#"[["s", [["5-1", ["f", "v"]]]]]"#);
    member.reads(r#"[["s", [["5-1", ["f", "v"]]]]]"#);
}

#[test]
fn a_blmpop_waiter_takes_up_to_its_count() {
    let s = Server::start();
    let mut w = s.connect();
    w.send("BLMPOP 0 2 a b RIGHT COUNT 2");
    s.blocked(1);
    s.connect().is("RPUSH b 1 2 3", ":3");
    w.reads(r#"["b", ["3", "2"]]"#);
}

#[test]
fn client_unblock_ends_the_wait_as_a_timeout_or_as_an_error() {
    let s = Server::start();
    let (mut w, mut c) = (s.connect(), s.connect());
    let id = w.call("CLIENT ID").int();
    c.is(&format!("CLIENT UNBLOCK {id}"), ":0");
    w.send("BLPOP l 0");
    s.blocked(1);
    c.is(&format!("CLIENT UNBLOCK {id}"), ":1");
    w.reads("nil*");
    w.send("BLMOVE a b LEFT LEFT 0");
    s.blocked(1);
    c.is(&format!("CLIENT UNBLOCK {id} TIMEOUT"), ":1");
    w.reads("nil*");
    w.send("BLPOP l 0");
    s.blocked(1);
    c.is(&format!("CLIENT UNBLOCK {id} ERROR"), ":1");
    w.reads("-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    c.fails("CLIENT UNBLOCK nope", "ERR value is not an integer");
    w.is("PING", "+PONG");
}

#[test]
fn a_wait_with_a_timeout_ends_with_nil() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("BLPOP l 0.01", "nil*");
    // A null array even where the reply is else a string.
    c.is("BLMOVE a b LEFT LEFT 0.01", "nil*");
    c.is("BRPOPLPUSH a b 0.01", "nil*");
    c.is("BZPOPMIN z 0.01", "nil*");
    c.is("BLMPOP 0.01 1 l LEFT", "nil*");
    c.is("XREAD BLOCK 1 STREAMS s $", "nil*");
    let mut c = s.connect3();
    c.is("BLPOP l 0.01", "_");
    c.is("BLMOVE a b LEFT LEFT 0.01", "_");
}

#[test]
fn commands_sent_while_waiting_run_afterwards() {
    let s = Server::start();
    let mut w = s.connect();
    w.send("BLPOP l 0");
    w.send("LLEN l");
    w.send("SET after 1");
    s.blocked(1);
    s.connect().is("EXISTS after", ":0");
    s.connect().is("RPUSH l a b", ":2");
    w.reads(r#"["l", "a"]"#);
    w.reads(":1");
    w.reads("+OK");
}

#[test]
fn a_waiter_that_left_takes_nothing() {
    let s = Server::start();
    let (mut gone, mut c) = (s.connect(), s.connect());
    gone.send("BLPOP l 0");
    s.blocked(1);
    drop(gone);
    s.blocked(0);
    c.is("RPUSH l a", ":1");
    c.is("LRANGE l 0 -1", r#"["a"]"#);
}

#[test]
fn a_served_waiter_can_wait_again_and_stands_at_the_end() {
    let s = Server::start();
    let (mut a, mut b, mut c) = (s.connect(), s.connect(), s.connect());
    a.send("BLPOP l 0");
    s.blocked(1);
    b.send("BLPOP l 0");
    s.blocked(2);
    c.is("RPUSH l 1", ":1");
    a.reads(r#"["l", "1"]"#);
    a.send("BLPOP l 0");
    s.blocked(2);
    c.is("RPUSH l 2 3", ":2");
    b.reads(r#"["l", "2"]"#);
    a.reads(r#"["l", "3"]"#);
}

#[test]
fn timeouts_are_checked_before_anything_waits() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("BLPOP l -1", "-ERR timeout is negative");
    c.is("BLPOP l x", "-ERR timeout is not a float or out of range");
    c.is("XREAD BLOCK -1 STREAMS s $", "-ERR timeout is negative");
}
