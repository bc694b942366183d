//! Requests in any cut: byte by byte, many at once, inline, huge, broken.

use crate::support::Server;

const REQUESTS: &[u8] = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$7\r\nva\r\nlue\r\nPING hello\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n\r\nECHO 'a b'\r\n*1\r\n$4\r\nPING\r\n";
const REPLIES: [&str; 5] = ["+OK", r#""hello""#, r#""va\r\nlue""#, r#""a b""#, "+PONG"];

#[test]
fn a_request_sent_byte_by_byte_is_understood() {
    let s = Server::start();
    let mut c = s.connect();
    for b in REQUESTS {
        c.raw(&[*b]);
    }
    for expected in REPLIES {
        c.reads(expected);
    }
}

#[test]
fn every_cut_in_two_gives_the_same_replies() {
    let s = Server::start();
    let mut c = s.connect();
    let mut other = s.connect();
    for at in 0..=REQUESTS.len() {
        c.raw(&REQUESTS[..at]);
        // A round trip in between, so that the server has most likely seen the first half alone.
        other.is("PING", "+PONG");
        c.raw(&REQUESTS[at..]);
        for expected in REPLIES {
            assert_eq!(c.read().to_string(), expected, "cut at {at}");
        }
    }
}

#[test]
fn ten_thousand_requests_in_one_write_are_answered_in_order() {
    let s = Server::start();
    let mut c = s.connect();
    c.raw(&b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".repeat(10_000));
    for i in 1..=10_000 {
        assert_eq!(c.read().int(), i);
    }
}

#[test]
fn an_error_in_the_middle_of_a_pipeline_stops_nothing() {
    let s = Server::start();
    let mut c = s.connect();
    for line in ["SET k v", "LPUSH k x", "NOSUCH a b", "GET", "GET k"] {
        c.send(line);
    }
    c.reads("+OK");
    c.reads("-WRONGTYPE Operation against a key holding the wrong kind of value");
    c.reads("-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ");
    c.reads("-ERR wrong number of arguments for 'get' command");
    c.reads(r#""v""#);
}

#[test]
fn what_came_before_a_protocol_error_is_answered_and_what_follows_is_not() {
    let s = Server::start();
    let mut c = s.connect();
    c.raw(b"SET k v\r\n*1\r\n$x\r\nPING\r\n");
    c.reads("+OK");
    c.reads("-ERR Protocol error: invalid bulk length");
    c.closed();
    s.connect().is("GET k", r#""v""#);
}

#[test]
fn inline_commands_know_quotes_and_escapes() {
    let s = Server::start();
    let mut c = s.connect();
    c.raw(b"set \"a key\" 'single \\' quote'\r\n");
    c.reads("+OK");
    c.raw(b"get \"a\\x20key\"\n");
    c.reads(r#""single \' quote""#);
    c.raw(b"echo \"\\n\\r\\t\\x00\\\"\"\r\n");
    c.reads(r#""\n\r\t\x00\"""#);
    c.raw(b"echo \"open\r\n");
    c.reads("-ERR Protocol error: unbalanced quotes in request");
    c.closed();
}

#[test]
fn a_value_of_many_megabytes_comes_back_unchanged() {
    let s = Server::start();
    let mut c = s.connect();
    let value: Vec<u8> = (0..32 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(c.call_bytes(&[b"SET", b"big", &value]).to_string(), "+OK");
    c.send("GET big");
    assert!(matches!(c.read(), crate::support::Reply::Bulk(b) if b == value));
    c.is("STRLEN big", &format!(":{}", value.len()));
}

#[test]
fn a_half_request_does_not_hold_up_others_and_is_forgotten_with_its_client() {
    let s = Server::start();
    let mut half = s.connect();
    half.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nab");
    let mut c = s.connect();
    c.is("PING", "+PONG");
    c.is("EXISTS k", ":0");
    drop(half);
    c.is("EXISTS k", ":0");
}

#[test]
fn a_request_of_a_hundred_thousand_arguments_works() {
    let s = Server::start();
    let mut c = s.connect();
    let members: Vec<String> = (0..100_000).map(|i| format!("member:{i}")).collect();
    let mut words: Vec<&[u8]> = vec![b"SADD", b"u"];
    words.extend(members.iter().map(|m| m.as_bytes()));
    assert_eq!(c.call_bytes(&words).int(), 100_000);
    c.is("SCARD u", ":100000");
}

#[test]
fn the_redis_crate_pipelines_and_runs_transactions() {
    let s = Server::start();
    let mut con = s.client();
    let (a, b): (i64, String) = redis::pipe()
        .atomic()
        .cmd("INCR")
        .arg("n")
        .cmd("SET")
        .arg("k")
        .arg("v")
        .ignore()
        .cmd("GET")
        .arg("k")
        .query(&mut con)
        .expect("replies");
    assert_eq!((a, b.as_str()), (1, "v"));
}
