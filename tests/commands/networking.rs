//! Where the server listens, and who may come in: addresses, unix socket, protected mode, passwords.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use crate::support::{Conn, Server, run_to_end};

#[test]
fn a_unix_socket_serves_like_tcp_with_the_mode_asked_for() {
    let dir = std::env::temp_dir().join(format!("larder-unix-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let path = dir.join("s.sock");
    let s = Server::with(&["--unixsocket", path.to_str().expect("utf-8"), "--unixsocketperm", "700"]);
    let mut c = Conn::unix(&path).expect("the socket");
    c.is("SET k v", "+OK");
    s.connect().is("GET k", r#""v""#);
    assert!(c.call("CLIENT INFO").text().contains(&format!("addr={}:0", path.display())));
    let mode = std::fs::metadata(&path).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    drop(s);
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn the_server_listens_on_every_address_of_bind() {
    let s = Server::with(&["--bind", "127.0.0.1 127.0.0.2 -::1"]);
    for host in ["127.0.0.1", "127.0.0.2"] {
        Conn::tcp(host, s.port()).expect(host).is("PING", "+PONG");
    }
    assert!(Conn::tcp("127.0.0.3", s.port()).is_err());
}

#[test]
fn config_set_bind_moves_the_listeners() {
    let s = Server::start();
    let mut c = s.connect();
    c.call_bytes(&[b"CONFIG", b"SET", b"bind", b"127.0.0.1 127.0.0.4"]);
    Conn::tcp("127.0.0.4", s.port()).expect("the new address").is("PING", "+PONG");
    c.is("CONFIG GET bind", r#"["bind", "127.0.0.1 127.0.0.4"]"#);
}

#[test]
fn a_port_in_use_is_an_error_at_start() {
    let s = Server::start();
    let (status, out) = run_to_end(&["--port", &s.port().to_string(), "--bind", "127.0.0.1", "--save", ""]);
    assert!(!status.success(), "{out}");
    assert!(out.contains("in use"), "{out}");
}

#[test]
fn a_wrong_directive_is_an_error_at_start() {
    for args in [["--nosuchdirective", "1"], ["--port", "abc"], ["--maxmemory-policy", "sometimes"]] {
        let (status, out) = run_to_end(&args);
        assert!(!status.success(), "{args:?}: {out}");
        assert!(out.contains("FATAL CONFIG FILE ERROR"), "{args:?}: {out}");
    }
}

#[test]
fn a_start_that_cannot_be_says_why_in_the_systems_words() {
    let (status, out) = run_to_end(&["--port", "0", "--dir", "/nowhere/at/all"]);
    assert!(!status.success() && out.contains(">>> 'dir \"/nowhere/at/all\"'\nNo such file or directory\n"), "{out}");
    let (status, out) = run_to_end(&["--port", "0", "--slaveof"]);
    assert!(!status.success() && out.contains(">>> 'slaveof'\nwrong number of arguments\n"), "{out}");
    let socket = std::env::temp_dir().join(format!("larder-module-{}.socket", std::process::id()));
    let socket = socket.to_string_lossy();
    let dir = std::env::temp_dir();
    let dir = dir.to_string_lossy();
    let directives =
        ["--port", "0", "--dir", &dir, "--unixsocket", &socket, "--save", "", "--loadmodule", "/no/such.so"];
    let (status, out) = run_to_end(&directives);
    assert!(!status.success() && out.contains("Can't load module from /no/such.so: server aborting"), "{out}");
    for check in [false, true] {
        let file = std::env::temp_dir().join(format!("larder-cluster-{}.conf", std::process::id()));
        std::fs::write(&file, "port 0\ncluster-enabled yes\n").expect("a file in the temporary directory");
        let path = file.to_string_lossy();
        let args = if check { vec!["--check-config", &path] } else { vec![&*path] };
        let (status, out) = run_to_end(&args);
        std::fs::remove_file(&file).expect("our own file");
        assert!(!status.success(), "{args:?}: {out}");
        assert_eq!(out, "Cluster mode is not there yet: start with cluster-enabled no\n", "{args:?}");
    }
}

/// An address of this machine that is not the loopback one, when there is any.
fn outward_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Connecting a datagram socket sends nothing; it only picks the address.
    socket.connect("192.0.2.1:9").ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(ip) if !ip.is_loopback() && !ip.is_unspecified() => Some(ip),
        _ => None,
    }
}

#[test]
fn protected_mode_denies_strangers_until_there_is_a_password() {
    let Some(ip) = outward_address() else {
        println!("this machine has only the loopback address: nobody can be a stranger");
        return;
    };
    let s = Server::with(&["--bind", "*"]);
    let mut stranger = Conn::tcp(&ip.to_string(), s.port()).expect("reachable");
    let text = stranger.read().to_string();
    assert!(text.starts_with("-DENIED Redis is running in protected mode because protected mode is enabled"), "{text}");
    stranger.closed();
    s.connect().is("CONFIG SET protected-mode no", "+OK");
    Conn::tcp(&ip.to_string(), s.port()).expect("reachable").is("PING", "+PONG");
    s.connect().is("CONFIG SET protected-mode yes", "+OK");
    s.connect().is("CONFIG SET requirepass secret", "+OK");
    Conn::tcp(&ip.to_string(), s.port()).expect("reachable").is("PING", "-NOAUTH Authentication required.");
}

#[test]
fn requirepass_locks_everything_but_auth_hello_quit_and_reset() {
    let s = Server::with(&["--requirepass", "secret"]);
    let mut c = s.connect();
    c.is("GET k", "-NOAUTH Authentication required.");
    c.is("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: ");
    c.fails("HELLO 3", "NOAUTH HELLO must be called with the client already authenticated");
    c.is("AUTH wrong", "-WRONGPASS invalid username-password pair or user is disabled.");
    c.is("AUTH nobody secret", "-WRONGPASS invalid username-password pair or user is disabled.");
    c.is("AUTH secret", "+OK");
    c.is("GET k", "nil");
    c.is("RESET", "+RESET");
    c.is("GET k", "-NOAUTH Authentication required.");
    assert!(c.call("HELLO 3 AUTH default secret").to_string().starts_with('{'));
    c.is("GET k", "_");
    let mut old = s.connect();
    old.is("AUTH default secret", "+OK");
    c.is("CONFIG SET requirepass changed", "+OK");
    old.is("GET k", "nil");
    let mut c = s.connect();
    c.is("AUTH secret", "-WRONGPASS invalid username-password pair or user is disabled.");
    c.is("AUTH changed", "+OK");
}

#[test]
fn auth_without_a_password_says_so() {
    let s = Server::start();
    s.connect().fails("AUTH x", "ERR AUTH <password> called without any password configured for the default user.");
}

#[test]
fn an_unauthenticated_client_cannot_send_large_requests() {
    let s = Server::with(&["--requirepass", "secret"]);
    let mut c = s.connect();
    c.raw(b"*11\r\n");
    c.reads("-ERR Protocol error: unauthenticated multibulk length");
    c.closed();
    let mut c = s.connect();
    c.raw(b"*1\r\n$16385\r\n");
    c.reads("-ERR Protocol error: unauthenticated bulk length");
    c.closed();
}
