//! A connection over TLS against what a plain one does: data of all sizes, pushes, limits, ends.

use super::{TlsServer, ping};
use crate::support::{Conn, Reply, eventually};
use rustls::version::{TLS12, TLS13};
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn values_of_all_sizes_come_back_as_they_were() {
    let s = TlsServer::start();
    for versions in [&[&TLS13], &[&TLS12]] {
        let mut c = s.connect_by(s.authority.client(true, versions));
        for len in [0, 1, 16_383, 16_384, 16_385, 65_536, 200_000, 5_000_000] {
            let value: Vec<u8> = (0..len).map(|at| (at * 7 % 251) as u8).collect();
            assert_eq!(c.call_bytes(&[b"SET", b"k", &value]).to_string(), "+OK");
            assert!(c.call("GET k") == Reply::Bulk(value), "{len} bytes");
        }
    }
    assert!(s.server.connect().call("STRLEN k").int() == 5_000_000);
}

#[test]
fn a_long_pipeline_is_answered_in_order() {
    const REQUESTS: i64 = 50_000;
    let s = TlsServer::start();
    let mut c = s.connect();
    // Small enough for both sides' buffers together with what the server keeps, so that writing first cannot lock up.
    for part in 0..10 {
        let requests = "INCR counter\r\n".repeat(REQUESTS as usize / 10);
        c.raw(requests.as_bytes());
        for n in 1..=REQUESTS / 10 {
            assert_eq!(c.read(), Reply::Int(part * REQUESTS / 10 + n));
        }
    }
}

#[test]
fn a_client_is_listed_and_pushed_to_and_killed_as_a_plain_one() {
    let s = TlsServer::start();
    let (mut c, mut plain) = (s.connect(), s.server.connect());
    let info = c.call("CLIENT INFO").text();
    assert!(info.contains(&format!("laddr=127.0.0.1:{} ", s.port)) && info.contains("addr=127.0.0.1:"), "{info}");
    c.is("SUBSCRIBE news", r#"["subscribe", "news", :1]"#);
    plain.is("PUBLISH news hello", ":1");
    c.reads(r#"["message", "news", "hello"]"#);
    let mut waits = s.connect();
    waits.send("BLPOP list 0");
    s.server.blocked(1);
    plain.is("RPUSH list a", ":1");
    waits.reads(r#"["list", "a"]"#);
    let id = waits.call("CLIENT ID").int();
    plain.is(&format!("CLIENT KILL ID {id}"), ":1");
    waits.closed();
    let mut quits = s.connect();
    quits.is("QUIT", "+OK");
    // An end without the closing alert would be an error here.
    quits.closed();
}

#[test]
fn keys_can_be_renewed_under_way() {
    let s = TlsServer::start();
    let mut c = s.connect_by(s.authority.client(true, &[&TLS13]));
    for round in 1..=20 {
        c.is("INCR n", &format!(":{round}"));
        c.tls_session().refresh_traffic_keys().expect("TLS 1.3");
    }
}

#[test]
fn a_reader_that_does_not_read_meets_the_output_limit() {
    let s = TlsServer::start();
    let (mut c, mut plain) = (s.connect(), s.server.connect());
    plain.call_bytes(&[b"CONFIG", b"SET", b"client-output-buffer-limit", b"normal 1000000 0 0"]);
    plain.call_bytes(&[b"SET", b"k", &vec![b'x'; 500_000]]);
    let id = c.call("CLIENT ID").int();
    c.raw("GET k\r\n".repeat(100).as_bytes());
    eventually("the client is closed", || plain.call(&format!("CLIENT LIST ID {id}")).text().is_empty());
}

#[test]
fn a_slow_reader_gets_all_of_it() {
    let s = TlsServer::start();
    let mut c = s.connect();
    c.call_bytes(&[b"SET", b"k", &vec![b'x'; 3_000_000]]);
    c.raw(b"GET k\r\nGET k\r\nGET k\r\nPING\r\n");
    let mut plain = s.server.connect();
    eventually("the socket is full", || {
        plain.call("CLIENT LIST").text().lines().any(|line| !line.contains(" omem=0 "))
    });
    for _ in 0..3 {
        assert!(c.read() == Reply::Bulk(vec![b'x'; 3_000_000]));
    }
    c.reads("+PONG");
}

#[test]
fn what_is_no_handshake_ends_its_connection_alone() {
    let s = TlsServer::start();
    let mut c = s.connect();
    c.is("PING", "+PONG");
    let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    hello.resize(517, 7);
    let pieces: [&[u8]; 7] = [
        b"PING\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x17\x03\x03\x00\x10aaaaaaaaaaaaaaaa",
        b"\x16\x03\x01\xff\xffx",
        &hello,
    ];
    for bytes in pieces {
        let mut socket = TcpStream::connect(("127.0.0.1", s.port)).expect("the port");
        socket.set_read_timeout(Some(crate::support::PATIENCE)).expect("a socket option");
        socket.write_all(bytes).expect("the socket takes it");
        let mut rest = Vec::new();
        // Whether it is closed or reset is the system's choice; that it ends is ours.
        if let Err(error) = socket.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{}", bytes.escape_ascii());
        }
        assert!(!rest.windows(4).any(|four| four == b"PONG"));
        c.is("PING", "+PONG");
    }
}

#[test]
fn connections_that_stall_in_the_handshake_count_and_time_out() {
    let s = TlsServer::with(&["--maxclients", "5"]);
    let mut plain = s.server.connect();
    let mut stalled: Vec<TcpStream> =
        (0..4).map(|_| TcpStream::connect(("127.0.0.1", s.port)).expect("the port")).collect();
    stalled[0].write_all(b"\x16\x03\x01\x02\x00\x01").expect("half a hello");
    eventually("all are taken", || plain.call("INFO clients").text().contains("connected_clients:5\r\n"));
    assert!(ping(&mut s.connect()).is_err(), "there is no place");
    plain.is("CONFIG SET timeout 1", "+OK");
    eventually("they are closed", || plain.call("INFO clients").text().contains("connected_clients:1\r\n"));
    for mut socket in stalled {
        assert_eq!(socket.read(&mut [0; 16]).expect("an end"), 0);
    }
    assert_eq!(ping(&mut s.connect()).ok().as_deref(), Some("+PONG"));
}

#[test]
fn a_server_may_listen_for_tls_alone_and_be_shut_down_over_it() {
    let mut s = TlsServer::start();
    let mut c = s.connect();
    c.is("CONFIG SET port 0", "+OK");
    assert!(Conn::tcp("127.0.0.1", s.server.port()).is_err());
    assert!(c.call("INFO server").text().contains(&format!("tcp_port:{}\r\n", s.port)));
    c.send("SHUTDOWN NOSAVE");
    assert!(s.server.ends().success());
}

#[test]
fn scripts_are_debugged_over_tls() {
    let s = TlsServer::start();
    for (mode, changed) in [("YES", ":0"), ("SYNC", ":1")] {
        let mut c = s.connect();
        c.is(&format!("SCRIPT DEBUG {mode}"), "+OK");
        let at = c.call_bytes(&[b"EVAL", b"local i = 1\nreturn redis.call('incr', 'n')", b"0"]).to_string();
        assert!(at.starts_with("[+* Stopped at 1, stop reason = step over"), "{at}");
        assert!(c.call("s").to_string().starts_with("[+* Stopped at 2"));
        c.is("print i", "[+<value> 1]");
        c.is("s", "[+<redis> incr n, +<reply> 1, +<endsession>]");
        c.reads(":1");
        c.closed();
        s.server.connect().is("EXISTS n", changed);
    }
}
