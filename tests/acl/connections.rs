//! Logging in and out, the default user, and connections that end because their user changed.

use crate::support::{Server, is_reference};

#[test]
fn clients_are_listed_and_killed_by_user() {
    let s = Server::start();
    let mut admin = s.connect();
    admin.is("ACL SETUSER alice on nopass +@all", "+OK");
    let mut alice = s.connect();
    alice.is("AUTH alice x", "+OK");
    alice.is("ACL WHOAMI", r#""alice""#);
    let list = admin.call("CLIENT LIST").text();
    assert!(list.contains(" user=alice ") && list.contains(" user=default "), "{list}");
    admin.is("CLIENT KILL USER nosuch", "-ERR No such user 'nosuch'");
    admin.is("CLIENT KILL USER alice", ":1");
    alice.closed();
    admin.is("CLIENT KILL USER default", ":0");
}

#[test]
fn connections_end_with_their_user() {
    let s = Server::start();
    let mut admin = s.connect();
    admin.is("ACL SETUSER alice on nopass +@all allkeys allchannels", "+OK");
    let (mut waits, mut listens, mut stays) = (s.connect(), s.connect(), s.connect());
    for c in [&mut waits, &mut listens] {
        c.is("AUTH alice x", "+OK");
    }
    waits.send("BLPOP list 0");
    listens.is("SUBSCRIBE c", r#"["subscribe", "c", :1]"#);
    s.blocked(1);
    admin.is("ACL DELUSER alice nosuch", ":1");
    waits.closed();
    listens.closed();
    stays.is("PING", "+PONG");
    stays.is("PUBLISH c m", ":0");
    stays.is("RPUSH list a", ":1");
    stays.is("AUTH alice x", "-WRONGPASS invalid username-password pair or user is disabled.");
    stays.is("ACL DELUSER default", "-ERR The 'default' user cannot be removed");
}

#[test]
fn who_removes_itself_still_gets_its_reply() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("ACL SETUSER alice on nopass +@all", "+OK");
    c.is("AUTH alice x", "+OK");
    c.is("ACL DELUSER alice", ":1");
    c.closed();
}

#[test]
fn a_user_that_is_turned_off_keeps_its_connections_but_cannot_log_in() {
    let s = Server::start();
    let mut admin = s.connect();
    admin.is("ACL SETUSER alice on nopass +@all", "+OK");
    let mut alice = s.connect();
    alice.is("AUTH alice x", "+OK");
    admin.is("ACL SETUSER alice off", "+OK");
    alice.is("ACL WHOAMI", r#""alice""#);
    admin.is("AUTH alice x", "-WRONGPASS invalid username-password pair or user is disabled.");
}

#[test]
fn subscribers_are_closed_when_their_user_loses_their_channel() {
    let s = Server::start();
    let mut admin = s.connect();
    let subscriber = |rules: &str, request: &str| {
        let mut admin = s.connect();
        admin.is("ACL SETUSER alice reset on nopass +@all", "+OK");
        admin.is(&format!("ACL SETUSER alice {rules}"), "+OK");
        let mut c = s.connect();
        c.is("AUTH alice x", "+OK");
        c.call(request);
        c
    };
    for (before, request, after) in [
        ("&a &b", "SUBSCRIBE a", "resetchannels &b"),
        ("&a* &b", "PSUBSCRIBE a*", "resetchannels &a"),
        ("&a &b", "SSUBSCRIBE a", "resetchannels"),
        ("&*", "SUBSCRIBE a", "resetchannels &b"),
        ("(&a)", "SUBSCRIBE a", "clearselectors"),
    ] {
        let before = if before.starts_with('(') { format!("&a {before}") } else { before.to_owned() };
        let mut c = subscriber(&before, request);
        if after == "clearselectors" {
            admin.is("ACL SETUSER alice clearselectors", "+OK");
            c.is("PING", r#"["pong", ""]"#);
            continue;
        }
        admin.is(&format!("ACL SETUSER alice {after}"), "+OK");
        c.closed();
    }
    for (before, request, after) in [
        ("&a &b", "SUBSCRIBE a", "resetchannels &a"),
        ("&a", "SUBSCRIBE a", "resetchannels &a*"),
        ("&a*", "PSUBSCRIBE a*", "allchannels"),
        ("&a", "SUBSCRIBE a", "-@all"),
    ] {
        let mut c = subscriber(before, request);
        admin.is(&format!("ACL SETUSER alice {after}"), "+OK");
        admin.call("PUBLISH a m");
        // What it hears shows that it is still there.
        let heard = c.read().to_string();
        assert!(heard.contains("message"), "{heard}");
    }
}

#[test]
fn requirepass_is_the_password_of_the_default_user() {
    let s = Server::with(&["--requirepass", "first"]);
    let mut c = s.connect();
    c.is("PING", "-NOAUTH Authentication required.");
    c.is("AUTH first", "+OK");
    assert!(c.call("ACL GETUSER default").to_string().starts_with(r#"["flags", ["on"], "passwords", ["a7937b64b8ca"#));
    c.is("ACL SETUSER default >second", "+OK");
    let mut other = s.connect();
    other.is("AUTH default second", "+OK");
    c.is("CONFIG SET requirepass third", "+OK");
    // Who is logged in stays so.
    other.is("PING", "+PONG");
    let mut late = s.connect();
    late.is("AUTH first", "-WRONGPASS invalid username-password pair or user is disabled.");
    late.is("PING", "-NOAUTH Authentication required.");
    c.call_bytes(&[b"CONFIG", b"SET", b"requirepass", b""]);
    late.is("PING", "+PONG");
    // Nobody asked it for a password, yet it never gave one.
    late.fails("HELLO 3", "NOAUTH HELLO must be called with the client already authenticated");
    late.fails("AUTH third", "ERR AUTH <password> called without any password configured for the default user.");
    late.is("AUTH default anything", "+OK");
    late.call("HELLO 3");
    late.is("RESET", "+RESET");
    late.is("PING", "+PONG");
}

#[test]
fn a_default_user_that_is_off_makes_everybody_log_in() {
    let s = Server::start();
    let mut admin = s.connect();
    admin.is("ACL SETUSER alice on >secret +acl +ping", "+OK");
    admin.is("ACL SETUSER default off", "+OK");
    let mut c = s.connect();
    c.is("PING", "-NOAUTH Authentication required.");
    c.is("AUTH default x", "-WRONGPASS invalid username-password pair or user is disabled.");
    c.is("AUTH alice secret", "+OK");
    c.is("PING", "+PONG");
    c.is("RESET", "+RESET");
    c.is("PING", "-NOAUTH Authentication required.");
    let hello = c.call("HELLO 3 AUTH alice secret SETNAME me").to_string();
    assert!(hello.starts_with('{'), "{hello}");
    c.is("ACL SETUSER default on", "+OK");
    assert!(c.call("ACL LIST").to_string().contains("user default on"));
}

#[test]
fn hello_logs_in_before_it_looks_at_the_rest() {
    let s = Server::start();
    let mut c = s.connect();
    c.is("ACL SETUSER alice on >secret +@all", "+OK");
    c.is("HELLO 3 AUTH alice secret NOSUCH", "-ERR Syntax error in HELLO option 'NOSUCH'");
    c.is("ACL WHOAMI", r#""alice""#);
    c.is("HELLO 3 AUTH alice wrong", "-WRONGPASS invalid username-password pair or user is disabled.");
    c.is("ACL WHOAMI", r#""alice""#);
    if !is_reference() {
        assert!(c.call("INFO stats").text().contains("acl_access_denied_auth:1\r\n"));
    }
}
