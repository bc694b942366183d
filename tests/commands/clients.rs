//! The CLIENT command: names, lists, killing, pausing, replies.

use crate::support::{Server, eventually};

#[test]
fn client_list_shows_names_databases_and_the_last_command() {
    let s = Server::start();
    let (mut a, mut c) = (s.connect(), s.connect());
    a.is("CLIENT SETNAME alice", "+OK");
    a.is("SELECT 3", "+OK");
    a.is("GET x", "nil");
    let id = a.call("CLIENT ID").int();
    let list = c.call(&format!("CLIENT LIST ID {id}")).text();
    for part in [
        format!("id={id} "),
        " name=alice ".into(),
        " db=3 ".into(),
        " cmd=client|id ".into(),
        " flags=N ".into(),
        " resp=2".into(),
    ] {
        assert!(list.contains(&part), "{part:?} in {list}");
    }
    assert_eq!(c.call("CLIENT LIST").text().lines().count(), 2);
    assert_eq!(a.call("CLIENT INFO").text().lines().count(), 1);
    a.is("CLIENT GETNAME", r#""alice""#);
    a.fails("CLIENT SETNAME a\nb", "ERR Client names cannot contain spaces, newlines or special characters.");
}

#[test]
fn client_ids_grow() {
    let s = Server::start();
    let ids: Vec<_> = (0..5).map(|_| s.connect().call("CLIENT ID").int()).collect();
    assert!(ids.windows(2).all(|w| w[0] < w[1]), "{ids:?}");
}

#[test]
fn client_kill_closes_by_id_by_address_and_by_type() {
    let s = Server::start();
    let mut c = s.connect();
    let mut victim = s.connect();
    let id = victim.call("CLIENT ID").int();
    c.is(&format!("CLIENT KILL ID {id}"), ":1");
    victim.closed();
    c.is(&format!("CLIENT KILL ID {id}"), ":0");
    let mut victim = s.connect();
    let info = victim.call("CLIENT INFO").text();
    let addr = info.split(' ').find_map(|w| w.strip_prefix("addr=")).expect("an address").to_owned();
    c.is(&format!("CLIENT KILL {addr}"), "+OK");
    victim.closed();
    c.is(&format!("CLIENT KILL {addr}"), "-ERR No such client");
    let mut subscriber = s.connect();
    subscriber.is("SUBSCRIBE ch", r#"["subscribe", "ch", :1]"#);
    c.is("CLIENT KILL TYPE pubsub", ":1");
    subscriber.closed();
    let mut victim = s.connect();
    victim.is("PING", "+PONG");
    c.is("CLIENT KILL TYPE normal SKIPME yes", ":1");
    victim.closed();
    c.is("PING", "+PONG");
}

#[test]
fn a_client_that_kills_itself_hears_ok_first() {
    let s = Server::start();
    let mut c = s.connect();
    let id = c.call("CLIENT ID").int();
    c.is(&format!("CLIENT KILL ID {id} SKIPME no"), ":1");
    c.closed();
}

#[test]
fn a_blocked_client_can_be_killed() {
    let s = Server::start();
    let (mut w, mut c) = (s.connect(), s.connect());
    let id = w.call("CLIENT ID").int();
    w.send("BLPOP l 0");
    s.blocked(1);
    c.is(&format!("CLIENT KILL ID {id}"), ":1");
    w.closed();
    s.blocked(0);
    c.is("RPUSH l a", ":1");
    c.is("LLEN l", ":1");
}

#[test]
fn client_pause_write_holds_writes_and_lets_reads_pass() {
    let s = Server::start();
    let (mut writer, mut reader, mut c) = (s.connect(), s.connect(), s.connect());
    c.is("CLIENT PAUSE 100000 WRITE", "+OK");
    writer.send("SET k v");
    s.blocked(1);
    reader.is("GET k", "nil");
    writer.silent();
    c.is("CLIENT UNPAUSE", "+OK");
    writer.reads("+OK");
    reader.is("GET k", r#""v""#);
}

#[test]
fn client_pause_all_holds_reads_and_client_too_until_it_ends() {
    let s = Server::start();
    let (mut other, mut c) = (s.connect(), s.connect());
    c.is("CLIENT PAUSE 100 ALL", "+OK");
    other.send("GET k");
    c.send("CLIENT UNPAUSE");
    other.reads("nil");
    c.reads("+OK");
}

#[test]
fn client_pause_ends_by_itself() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("CLIENT PAUSE 50", "+OK");
    c.is("SET k v", "+OK");
    c.fails("CLIENT PAUSE x", "ERR timeout is not an integer or out of range");
    c.fails("CLIENT PAUSE -1", "ERR timeout is negative");
    c.fails("CLIENT PAUSE 1 SOME", "ERR CLIENT PAUSE mode must be WRITE or ALL");
}

#[test]
fn client_reply_off_and_skip_swallow_replies() {
    let s = Server::start();
    let mut c = s.connect();
    c.send("CLIENT REPLY SKIP");
    c.send("SET a 1");
    c.is("GET a", r#""1""#);
    c.send("CLIENT REPLY OFF");
    c.send("SET a 2");
    c.send("NOSUCH");
    c.is("CLIENT REPLY ON", "+OK");
    c.is("GET a", r#""2""#);
}

#[test]
fn reset_gives_back_a_fresh_connection() {
    let s = Server::start();
    let mut c = s.connect3();
    for line in ["SELECT 4", "CLIENT SETNAME me", "MULTI", "SET a 1"] {
        c.call(line);
    }
    c.is("RESET", "+RESET");
    c.is("CLIENT GETNAME", "nil");
    c.is("EXEC", "-ERR EXEC without MULTI");
    let info = c.call("CLIENT INFO").text();
    assert!(info.contains(" db=0 ") && info.contains(" resp=2"), "{info}");
}

#[test]
fn hello_switches_the_protocol_and_tells_about_the_server() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("HELLO 4", "-NOPROTO unsupported protocol version");
    let text = c.call("HELLO 3 SETNAME bob").to_string();
    for part in [r#""proto": :3"#, r#""mode": "standalone""#, r#""role": "master""#, r#""modules": []"#] {
        assert!(text.contains(part), "{part} in {text}");
    }
    c.is("CLIENT GETNAME", r#""bob""#);
    c.is("HGETALL none", "{}");
    c.is("GET none", "_");
    assert!(c.call("HELLO 2").to_string().starts_with('['));
    c.is("GET none", "nil");
}

#[test]
fn quit_answers_and_closes() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("QUIT", "+OK");
    c.closed();
    let mut c = s.connect();
    eventually("only one client is left", || c.call("CLIENT LIST").text().lines().count() == 1);
}

#[test]
fn monitor_shows_commands_with_escaped_arguments() {
    let s = Server::start();
    let (mut m, mut c) = (s.connect(), s.connect());
    m.is("MONITOR", "+OK");
    c.is("SELECT 2", "+OK");
    c.call_bytes(&[b"SET", b"a\"b", b"\x01\n"]);
    assert!(m.read().text().ends_with(r#""SELECT" "2""#));
    let line = m.read().text();
    assert!(line.contains(" [2 127.0.0.1:") && line.ends_with(r#"] "SET" "a\"b" "\x01\n""#), "{line}");
}
