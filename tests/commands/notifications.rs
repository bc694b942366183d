//! Keyspace notifications.

use crate::support::{Conn, Server};

/// The next message as `channel message`.
#[track_caller]
fn event(c: &mut Conn) -> String {
    let reply = c.read();
    let items = reply.items();
    format!("{} {}", items[items.len() - 2].text(), items[items.len() - 1].text())
}

fn listen(s: &Server, flags: &str) -> (Conn, Conn) {
    let (mut sub, mut c) = (s.connect(), s.connect());
    c.is(&format!("CONFIG SET notify-keyspace-events {flags}"), "+OK");
    sub.is("PSUBSCRIBE __key*__:*", r#"["psubscribe", "__key*__:*", :1]"#);
    (sub, c)
}

#[test]
fn both_channels_carry_the_event_keyspace_first() {
    let s = Server::start();
    let (mut sub, mut c) = listen(&s, "KEA");
    c.is("SELECT 2", "+OK");
    c.is("SET k v", "+OK");
    assert_eq!(event(&mut sub), "__keyspace@2__:k set");
    assert_eq!(event(&mut sub), "__keyevent@2__:set k");
}

#[test]
fn each_command_names_its_event() {
    let s = Server::start();
    let (mut sub, mut c) = listen(&s, "EA");
    for (command, events) in [
        ("SET s 1 EX 1000", &["set s", "expire s"][..]),
        ("INCR s", &["incrby s"]),
        ("APPEND s x", &["append s"]),
        ("SETRANGE s 0 y", &["setrange s"]),
        ("PERSIST s", &["persist s"]),
        ("PEXPIRE s 100000", &["expire s"]),
        ("GETDEL s", &["del s"]),
        ("MSET a 1 b 2", &["set a", "set b"]),
        ("INCRBYFLOAT a 1.5", &["incrbyfloat a"]),
        ("DEL a b", &["del a", "del b"]),
        ("RPUSH l 3 1 2", &["rpush l"]),
        ("LPOP l", &["lpop l"]),
        ("LSET l 0 x", &["lset l"]),
        ("LINSERT l AFTER x y", &["linsert l"]),
        ("LTRIM l 0 0", &["ltrim l"]),
        ("LMOVE l m LEFT RIGHT", &["rpush m", "lpop l", "del l"]),
        ("LREM m 0 x", &["lrem m", "del m"]),
        ("SADD u 1 2 3", &["sadd u"]),
        ("SMOVE u w 1", &["srem u", "sadd w"]),
        ("SREM u 2 3", &["srem u", "del u"]),
        ("SUNIONSTORE x w", &["sunionstore x"]),
        ("SPOP x", &["spop x", "del x"]),
        ("HSET h f 1", &["hset h"]),
        ("HINCRBY h f 1", &["hincrby h"]),
        ("HDEL h f", &["hdel h", "del h"]),
        ("ZADD z 1 a 2 b", &["zadd z"]),
        ("ZINCRBY z 1 a", &["zincr z"]),
        ("ZPOPMIN z", &["zpopmin z"]),
        ("ZREMRANGEBYRANK z 0 -1", &["zremrangebyrank z", "del z"]),
        ("PFADD p a", &["pfadd p"]),
        ("SETBIT p2 1 1", &["setbit p2"]),
        ("RENAME p2 p3", &["rename_from p2", "rename_to p3"]),
        ("COPY p3 p4", &["copy_to p4"]),
        ("EXPIRE p4 -1", &["del p4"]),
        ("XADD st 1-1 f v", &["xadd st"]),
        ("XGROUP CREATE st g 0", &["xgroup-create st"]),
        ("XDEL st 1-1", &["xdel st"]),
        ("RPUSH so 2 1", &["rpush so"]),
        ("SORT so STORE so2", &["sortstore so2"]),
        ("MOVE so 1", &["move_from so", "move_to so"]),
    ] {
        let reply = c.call(command).to_string();
        assert!(!reply.starts_with('-'), "{command}: {reply}");
        for e in events {
            let got = event(&mut sub);
            assert_eq!(got.split_once(':').map(|(_, e)| e), Some(*e), "{command} told {got}");
        }
    }
}

#[test]
fn commands_that_change_nothing_tell_nothing() {
    let s = Server::start();
    let (mut sub, mut c) = listen(&s, "KEA");
    for line in [
        "DEL none",
        "SREM none a",
        "GET none",
        "SETNX none x",
        "SADD u a",
        "SADD u a",
        "HDEL none f",
        "PERSIST none",
        "LREM none 0 x",
    ] {
        c.call(line);
    }
    c.is("SET end 1", "+OK");
    let mut seen = Vec::new();
    loop {
        seen.push(event(&mut sub));
        if seen.last().is_some_and(|e| e == "__keyevent@0__:set end") {
            break;
        }
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

#[test]
fn an_expired_key_is_told_when_it_is_found_or_swept() {
    let s = Server::start();
    let (mut sub, mut c) = listen(&s, "Ex");
    c.is("SET k v PX 1", "+OK");
    assert_eq!(event(&mut sub), "__keyevent@0__:expired k");
}

#[test]
fn an_evicted_key_is_told() {
    let s = Server::start();
    let (mut sub, mut c) = listen(&s, "Ee");
    c.is("SET k v", "+OK");
    c.is("CONFIG SET maxmemory-policy allkeys-random", "+OK");
    c.is("CONFIG SET maxmemory 1", "+OK");
    c.call("SET other v");
    assert_eq!(event(&mut sub), "__keyevent@0__:evicted k");
}

#[test]
fn key_misses_and_new_keys_are_told_only_when_asked_for() {
    let s = Server::start();
    let (mut sub, mut c) = listen(&s, "Emn");
    c.is("GET none", "nil");
    assert_eq!(event(&mut sub), "__keyevent@0__:keymiss none");
    c.is("SET k v", "+OK");
    assert_eq!(event(&mut sub), "__keyevent@0__:new k");
    c.is("CONFIG GET notify-keyspace-events", r#"["notify-keyspace-events", "nEm"]"#);
    c.fails("CONFIG SET notify-keyspace-events Q", "ERR CONFIG SET failed");
}

#[test]
fn the_subscriber_hears_of_a_transaction_in_order() {
    let s = Server::start();
    let (mut sub, mut c) = listen(&s, "EA");
    for line in ["MULTI", "SET a 1", "RPUSH l x", "DEL a"] {
        c.call(line);
    }
    c.is("EXEC", "[+OK, :1, :1]");
    assert_eq!(
        [event(&mut sub), event(&mut sub), event(&mut sub)],
        ["__keyevent@0__:set a", "__keyevent@0__:rpush l", "__keyevent@0__:del a"]
    );
}
