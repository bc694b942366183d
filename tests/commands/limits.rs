//! Bounds that protect the server from its clients: query buffer, output buffers, number of clients, idle time.

use std::io::Write;

use crate::support::{Server, eventually, is_reference};

#[test]
fn a_request_longer_than_the_query_buffer_limit_ends_the_connection() {
    let s = Server::with(&["--client-query-buffer-limit", "1mb"]);
    let mut c = s.connect();
    c.raw(b"*2\r\n$4\r\nECHO\r\n$3000000\r\n");
    let chunk = vec![b'x'; 100_000];
    for _ in 0..30 {
        if c.try_raw(&chunk).is_err() {
            break;
        }
    }
    c.closed();
    s.connect().is("PING", "+PONG");
}

#[test]
fn a_bulk_longer_than_proto_max_bulk_len_is_a_protocol_error() {
    let s = Server::with(&["--proto-max-bulk-len", "1mb"]);
    let mut c = s.connect();
    c.raw(b"*2\r\n$4\r\nECHO\r\n$1048577\r\n");
    c.reads("-ERR Protocol error: invalid bulk length");
    c.closed();
}

#[test]
fn a_subscriber_that_does_not_read_is_disconnected_at_its_hard_limit() {
    let s = Server::start();
    let (mut slow, mut c) = (s.connect(), s.connect());
    c.call_bytes(&[b"CONFIG", b"SET", b"client-output-buffer-limit", b"pubsub 1mb 0 0"]);
    slow.is("SUBSCRIBE ch", r#"["subscribe", "ch", :1]"#);
    let message = vec![b'm'; 200_000];
    let mut sent = 0;
    eventually("the slow subscriber is dropped", || {
        sent += 1;
        assert!(sent < 2_000, "still there after 400 MB");
        c.call_bytes(&[b"PUBLISH", b"ch", &message]).int() == 0
    });
    assert!(c.call("CLIENT LIST").text().lines().count() == 1);
}

#[test]
fn a_normal_client_has_no_output_limit_by_default() {
    let s = Server::start();
    let mut c = s.connect();
    let value = vec![b'v'; 1 << 20];
    c.call_bytes(&[b"SET", b"big", &value]);
    for _ in 0..60 {
        c.send("GET big");
    }
    for _ in 0..60 {
        assert_eq!(c.read().text().len(), 1 << 20);
    }
}

#[test]
fn the_client_after_maxclients_is_told_so_and_closed() {
    let s = Server::with(&["--maxclients", "3"]);
    let mut clients: Vec<_> = (0..3).map(|_| s.connect()).collect();
    for c in &mut clients {
        c.is("PING", "+PONG");
    }
    let mut extra = s.connect();
    extra.reads("-ERR max number of clients reached");
    extra.closed();
    drop(clients.pop());
    eventually("a place is free again", || {
        let mut c = s.connect();
        c.try_raw(b"PING\r\n").is_ok() && c.try_read().is_ok_and(|r| r.is_some_and(|r| r.to_string() == "+PONG"))
    });
}

#[test]
fn an_idle_client_is_closed_after_the_timeout_but_not_a_subscriber_or_a_waiter() {
    let s = Server::with(&["--timeout", "1"]);
    let (mut idle, mut subscriber, mut waiter) = (s.connect(), s.connect(), s.connect());
    subscriber.is("SUBSCRIBE ch", r#"["subscribe", "ch", :1]"#);
    waiter.send("BLPOP l 0");
    s.blocked(1);
    idle.is("PING", "+PONG");
    idle.closed();
    let mut c = s.connect();
    c.is("PUBLISH ch hello", ":1");
    subscriber.reads(r#"["message", "ch", "hello"]"#);
    c.is("RPUSH l a", ":1");
    waiter.reads(r#"["l", "a"]"#);
}

#[test]
fn a_client_that_sends_but_never_reads_does_not_stop_the_others() {
    let s = Server::start();
    let mut c = s.connect();
    c.call_bytes(&[b"SET", b"big", &vec![b'v'; 1 << 20]]);
    let mut greedy = std::net::TcpStream::connect(("127.0.0.1", s.port())).expect("a connection");
    greedy.write_all(&b"GET big\r\n".repeat(50)).expect("small writes");
    for i in 0..100 {
        c.is("INCR n", &format!(":{}", i + 1));
    }
}

#[test]
fn many_connections_at_once_are_all_served() {
    let s = Server::start();
    let mut clients: Vec<_> = (0..500).map(|_| s.connect()).collect();
    for c in &mut clients {
        c.send("INCR n");
    }
    let mut seen: Vec<i64> = clients.iter_mut().map(|c| c.read().int()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=500).collect::<Vec<_>>());
}

#[test]
fn a_reply_of_any_length_ends_at_the_output_limit() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("HSET hash field value", ":1");
    c.is("SADD set member", ":1");
    c.is("ZADD sorted 1 member", ":1");
    c.fails("HRANDFIELD hash -999999999", "ERR value is out of range");
    c.call_bytes(&[b"CONFIG", b"SET", b"client-output-buffer-limit", b"normal 1mb 0 0"]);
    for request in
        ["HRANDFIELD hash -999999999", "SRANDMEMBER set -999999999", "ZRANDMEMBER sorted -999999999 WITHSCORES"]
    {
        let mut greedy = s.connect();
        greedy.send(request);
        greedy.closed();
    }
    c.is("PING", "+PONG");
}

#[test]
fn client_list_tells_what_of_a_request_is_there() {
    let s = Server::start();
    let (mut half, mut c) = (s.connect(), s.connect());
    half.is("CLIENT SETNAME half", "+OK");
    half.raw(b"*3\r\n$3\r\nSET\r\n$100000\r\n");
    half.raw(&vec![b'k'; 100_000]);
    half.raw(b"\r\n$300000\r\n");
    half.raw(&vec![b'v'; 200_000]);
    let field = |c: &mut crate::support::Conn, name: &str| -> usize {
        let list = c.call("CLIENT LIST").text();
        let line = list.lines().find(|line| line.contains(" name=half ")).expect("it is connected").to_owned();
        line.split(' ')
            .find_map(|field| field.strip_prefix(&format!("{name}=")))
            .expect("the field")
            .parse()
            .expect("a number")
    };
    eventually("all has arrived", || field(&mut c, "qbuf") == 200_000);
    assert!((100_000..100_100).contains(&field(&mut c, "argv-mem")));
    // The allocator rounds the room for what was announced up to its next size.
    assert!((300_000..460_000).contains(&field(&mut c, "tot-mem")), "{}", field(&mut c, "tot-mem"));
    half.raw(&vec![b'v'; 100_000]);
    half.raw(b"\r\n");
    half.reads("+OK");
    assert_eq!(field(&mut c, "qbuf"), 0);
}

#[test]
fn reply_buffers_stay_with_clients_when_debug_says_so() {
    if is_reference() {
        println!("the reference always keeps them");
        return;
    }
    let s = Server::start();
    let (mut named, mut c) = (s.connect(), s.connect());
    named.is("CLIENT SETNAME named", "+OK");
    let own_buffer = |c: &mut crate::support::Conn| {
        let list = c.call("CLIENT LIST").text();
        list.lines().any(|line| line.contains(" name=named ") && !line.contains(" rbs=0 "))
    };
    assert!(!own_buffer(&mut c));
    c.is("DEBUG REPLYBUFFER RESIZING 0", "+OK");
    named.is("PING", "+PONG");
    assert!(own_buffer(&mut c));
    c.is("DEBUG REPLYBUFFER RESIZING 1", "+OK");
    named.is("PING", "+PONG");
    assert!(!own_buffer(&mut c));
    c.fails(
        "DEBUG REPLYBUFFER PEAK-RESET-TIME 100",
        "ERR unknown subcommand or wrong number of arguments for 'REPLYBUFFER'.",
    );
}
