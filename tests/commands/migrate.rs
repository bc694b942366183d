//! MIGRATE between two servers of ours, and what happens to keys under way.

use crate::support::{Conn, Server, eventually, request};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn pair() -> (Server, Server, Conn, Conn) {
    let (from, to) = (Server::start(), Server::start());
    let (a, b) = (from.connect(), to.connect());
    (from, to, a, b)
}

#[test]
fn a_key_of_every_type_moves_with_its_deadline() {
    let (_from, to, mut a, mut b) = pair();
    let port = to.port();
    for (line, check, expected) in [
        ("SET string value", "GET string", r#""value""#),
        ("RPUSH list a b c", "LRANGE list 0 -1", r#"["a", "b", "c"]"#),
        ("SADD set 1 2", "SCARD set", ":2"),
        ("ZADD zset 1 a", "ZSCORE zset a", r#""1""#),
        ("HSET hash f v", "HGET hash f", r#""v""#),
        ("XADD stream 1-1 f v", "XLEN stream", ":1"),
    ] {
        let key = line.split(' ').nth(1).expect("a key");
        a.call(line);
        a.is(&format!("PEXPIRE {key} 100000"), ":1");
        a.is(&format!("MIGRATE 127.0.0.1 {port} {key} 0 5000"), "+OK");
        a.is(&format!("EXISTS {key}"), ":0");
        b.is(check, expected);
        let left = b.call(&format!("PTTL {key}")).int();
        assert!((90_000..=100_000).contains(&left), "{left}");
    }
    a.is("SET forever 1", "+OK");
    a.is(&format!("MIGRATE 127.0.0.1 {port} forever 3 5000"), "+OK");
    b.is("SELECT 3", "+OK");
    b.is("TTL forever", ":-1");
    assert!(a.call("INFO stats").text().contains("migrate_cached_sockets:1\r\n"));
}

#[test]
fn several_keys_copies_and_replacements() {
    let (_from, to, mut a, mut b) = pair();
    let port = to.port();
    a.is("MSET a 1 b 2 c 3", "+OK");
    a.call_bytes(&[
        b"MIGRATE",
        b"127.0.0.1",
        port.to_string().as_bytes(),
        b"",
        b"0",
        b"5000",
        b"COPY",
        b"KEYS",
        b"a",
        b"no",
        b"b",
    ]);
    a.is("EXISTS a b c", ":3");
    b.is("MGET a b c", r#"["1", "2", nil]"#);
    a.is(
        &format!("MIGRATE 127.0.0.1 {port} a 0 5000"),
        "-ERR Target instance replied with error: BUSYKEY Target key name already exists.",
    );
    a.is("SET a new", "+OK");
    a.is(&format!("MIGRATE 127.0.0.1 {port} a 0 5000 REPLACE"), "+OK");
    b.is("GET a", r#""new""#);
    // What was taken is deleted, though another key was refused.
    let reply =
        a.call_bytes(&[b"MIGRATE", b"127.0.0.1", port.to_string().as_bytes(), b"", b"0", b"5000", b"KEYS", b"b", b"c"]);
    assert_eq!(reply.to_string(), "-ERR Target instance replied with error: BUSYKEY Target key name already exists.");
    a.is("EXISTS b", ":1");
    a.is("EXISTS c", ":0");
    a.is(&format!("MIGRATE 127.0.0.1 {port} nothing 0 5000"), "+NOKEY");
}

#[test]
fn errors_are_redis_own() {
    let (_from, to, mut a, _b) = pair();
    let port = to.port();
    a.is("SET k v", "+OK");
    a.fails("MIGRATE 127.0.0.1 1 k 0", "ERR wrong number of arguments for 'migrate' command");
    a.is(&format!("MIGRATE 127.0.0.1 {port} k 0 1000 SIDEWAYS"), "-ERR syntax error");
    a.is(&format!("MIGRATE 127.0.0.1 {port} k 0 1000 AUTH"), "-ERR syntax error");
    a.is(
        &format!("MIGRATE 127.0.0.1 {port} k 0 1000 KEYS k"),
        "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
    );
    a.is(&format!("MIGRATE 127.0.0.1 {port} k zero 1000"), "-ERR value is not an integer or out of range");
    a.is(
        &format!("MIGRATE 127.0.0.1 {port} k 99 1000"),
        "-ERR Target instance replied with error: ERR DB index is out of range",
    );
    a.is("MIGRATE 127.0.0.1 1 k 0 1000", "-IOERR error or timeout connecting to the client");
    a.is(
        &format!("MIGRATE 127.0.0.1 {port} k 0 1000 AUTH2 nobody wrong"),
        "-ERR Target instance replied with error: WRONGPASS invalid username-password pair or user is disabled.",
    );
    a.is("GET k", r#""v""#);
    let locked = Server::with(&["--requirepass", "secret"]);
    let port = locked.port();
    a.is(
        &format!("MIGRATE 127.0.0.1 {port} k 0 1000"),
        "-ERR Target instance replied with error: NOAUTH Authentication required.",
    );
    a.is(&format!("MIGRATE 127.0.0.1 {port} k 0 1000 AUTH2 default secret"), "+OK");
    a.is("SET k v", "+OK");
    a.is(&format!("MIGRATE 127.0.0.1 {port} k 0 1000 REPLACE AUTH secret"), "+OK");
    a.is("EXISTS k", ":0");
}

#[test]
fn keys_move_in_the_middle_of_transactions_and_scripts() {
    let from = Server::with(&["--appendonly", "yes", "--enable-debug-command", "yes"]);
    let to = Server::start();
    let (mut a, mut b, port) = (from.connect(), to.connect(), to.port());
    a.is("MSET k 1 l 2 m 3 n 4 stays 5", "+OK");
    a.is("MULTI", "+OK");
    a.is("INCR k", "+QUEUED");
    a.is(&format!("MIGRATE 127.0.0.1 {port} k 0 5000"), "+QUEUED");
    a.is("EXISTS k", "+QUEUED");
    a.is(&format!("MIGRATE 127.0.0.1 {port} gone 0 5000"), "+QUEUED");
    a.is(&format!("MIGRATE 127.0.0.1 {port} stays 0 5000 COPY"), "+QUEUED");
    a.is("EXEC", "[:2, +OK, :0, +NOKEY, +OK]");
    b.is("MGET k stays", r#"["2", "5"]"#);
    let script = "return {redis.call('migrate', '127.0.0.1', ARGV[1], '', 0, 5000, 'keys', unpack(KEYS)), redis.call('exists', KEYS[1])}";
    let port_text = port.to_string();
    let call: Vec<&[u8]> = [b"EVAL", script.as_bytes(), b"2", b"l", b"m", port_text.as_bytes()].into();
    assert_eq!(a.call_bytes(&call).to_string(), "[+OK, :0]");
    b.is("MGET l m", r#"["2", "3"]"#);
    // Where not all arrive, those that did are gone here.
    b.is("SET n there", "+OK");
    a.is("SET o 6", "+OK");
    a.is("MULTI", "+OK");
    a.call_bytes(&[b"MIGRATE", b"127.0.0.1", port_text.as_bytes(), b"", b"0", b"5000", b"KEYS", b"n", b"o"]);
    a.is("MIGRATE 127.0.0.1 1 stays 0 100", "+QUEUED");
    a.is(
        "EXEC",
        "[-ERR Target instance replied with error: BUSYKEY Target key name already exists., \
         -IOERR error or timeout connecting to the client]",
    );
    a.is("DEBUG LOADAOF", "+OK");
    a.is("MGET k l m n o stays", r#"[nil, nil, nil, "4", nil, "5"]"#);
}

/// A target that says nothing until it is told to.
fn silent_target() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// Waits for SELECT and RESTORE.
fn read_restore(socket: &mut TcpStream) {
    let (mut seen, mut chunk) = (Vec::new(), [0; 4096]);
    while !seen.windows(7).any(|seven| seven == b"RESTORE") {
        let read = socket.read(&mut chunk).expect("the request");
        assert!(read > 0, "the connection ended");
        seen.extend_from_slice(&chunk[..read]);
    }
}

#[test]
fn the_server_goes_on_and_writers_of_a_key_under_way_wait() {
    let from = Server::start();
    let (mut a, mut writer, mut other) = (from.connect(), from.connect(), from.connect());
    other.is("MSET k old x 1", "+OK");
    let (listener, port) = silent_target();
    a.send(&format!("MIGRATE 127.0.0.1 {port} k 0 20000"));
    let (mut socket, _) = listener.accept().expect("a connection");
    read_restore(&mut socket);
    // Others are served, the key is read, and whoever would change it waits.
    other.is("GET k", r#""old""#);
    other.is("SET x 2", "+OK");
    writer.send("APPEND k er");
    eventually("the writer is held", || other.call("CLIENT LIST").text().contains("cmd=append"));
    let mut transaction = from.connect();
    transaction.is("MULTI", "+OK");
    transaction.is("APPEND k !", "+QUEUED");
    transaction.send("EXEC");
    other.is("GET k", r#""old""#);
    writer.silent();
    socket.write_all(b"+OK\r\n+OK\r\n").expect("the answers");
    a.reads("+OK");
    writer.reads(":2");
    transaction.reads("[:3]");
    other.is("GET k", r#""er!""#);
}

#[test]
fn a_target_that_dies_or_sleeps_leaves_the_key() {
    let from = Server::start();
    let (mut a, mut writer) = (from.connect(), from.connect());
    a.is("SET k v", "+OK");
    let (listener, port) = silent_target();
    a.is(&format!("MIGRATE 127.0.0.1 {port} k 0 100"), "-IOERR error or timeout reading to target instance");
    drop(listener.accept().expect("the first connection"));
    // Closed in the middle: tried once more, which ends alike.
    a.send(&format!("MIGRATE 127.0.0.1 {port} k 0 20000"));
    for _ in 0..2 {
        let (mut socket, _) = listener.accept().expect("a connection");
        read_restore(&mut socket);
    }
    a.reads("-IOERR error or timeout reading to target instance");
    // Half of the answers: what was confirmed is gone, the rest stays.
    a.is("MSET k1 1 k2 2", "+OK");
    a.raw(&request(&[
        b"MIGRATE",
        b"127.0.0.1",
        port.to_string().as_bytes(),
        b"",
        b"0",
        b"20000",
        b"KEYS",
        b"k1",
        b"k2",
    ]));
    let (mut socket, _) = listener.accept().expect("a connection");
    read_restore(&mut socket);
    socket.write_all(b"+OK\r\n+OK\r\n").expect("answers to SELECT and the first RESTORE");
    drop(socket);
    a.reads("-IOERR error or timeout reading to target instance");
    a.is("EXISTS k k1 k2", ":2");
    a.is("EXISTS k1", ":0");
    // Emptied while it was under way: what comes after is not deleted.
    a.send(&format!("MIGRATE 127.0.0.1 {port} k 0 20000"));
    let (mut socket, _) = listener.accept().expect("a connection");
    read_restore(&mut socket);
    writer.is("FLUSHALL", "+OK");
    socket.write_all(b"+OK\r\n+OK\r\n").expect("the answers");
    a.reads("+OK");
    writer.is("DBSIZE", ":0");
}

#[test]
fn a_migrated_key_is_deleted_in_the_log_too() {
    let from = Server::with(&["--appendonly", "yes"]);
    let to = Server::start();
    let mut a = from.connect();
    a.is("MSET gone 1 kept 2", "+OK");
    a.is(&format!("MIGRATE 127.0.0.1 {} gone 0 5000", to.port()), "+OK");
    a.is("WAITAOF 1 0 10000", "[:1, :0]");
    a.is("DEBUG LOADAOF", "+OK");
    a.is("MGET gone kept", r#"[nil, "2"]"#);
    to.connect().is("GET gone", r#""1""#);
}
