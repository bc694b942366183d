//! The directives: what is negotiated, who is let in, reloading, and what a wrong value gets.

use super::{Authority, TlsServer, ping};
use crate::support::{Conn, Server, eventually, free_port, run_to_end};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, HandshakeKind, ProtocolVersion};

const REFUSED: &str = "Unable to update TLS configuration. Check server logs.";

#[test]
fn a_client_must_show_a_certificate_unless_told_otherwise() {
    let s = TlsServer::start();
    let mut plain = s.server.connect();
    let stranger = Authority::new("another");
    let none = s.authority.client(false, &[&TLS13]);
    assert!(ping(&mut s.connect_by(none.clone())).is_err());
    assert_eq!(ping(&mut s.connect()).ok().as_deref(), Some("+PONG"));
    plain.is("CONFIG SET tls-auth-clients optional", "+OK");
    assert_eq!(ping(&mut s.connect_by(none.clone())).ok().as_deref(), Some("+PONG"));
    plain.is("CONFIG SET tls-auth-clients no", "+OK");
    assert_eq!(ping(&mut s.connect_by(none.clone())).ok().as_deref(), Some("+PONG"));
    plain.is("CONFIG SET tls-auth-clients yes", "+OK");
    assert!(ping(&mut s.connect_by(none)).is_err());
    // Another authority in its place: the certificates of the first are good no more.
    plain.is(&format!("CONFIG SET tls-ca-cert-file {}", stranger.path()), "+OK");
    assert!(ping(&mut s.connect()).is_err());
    plain.is(&format!("CONFIG SET tls-ca-cert-dir {}", s.authority.folder()), "+OK");
    assert_eq!(ping(&mut s.connect()).ok().as_deref(), Some("+PONG"));
    eventually("the refusal is in the log", || s.server.log().contains("Error accepting a client connection: "));
}

#[test]
fn versions_and_suites_are_those_that_are_configured() {
    let s = TlsServer::start();
    let mut plain = s.server.connect();
    let negotiated = |versions: &[&'static rustls::SupportedProtocolVersion]| {
        let mut conn = s.connect_by(s.authority.client(true, versions));
        ping(&mut conn).ok().map(|_| {
            let session = conn.tls_session();
            (session.protocol_version(), session.negotiated_cipher_suite().map(|suite| suite.suite()))
        })
    };
    let version = |found: Option<(Option<ProtocolVersion>, _)>| found.and_then(|(version, _)| version);
    assert_eq!(version(negotiated(&[&TLS12, &TLS13])), Some(ProtocolVersion::TLSv1_3));
    plain.is("CONFIG SET tls-protocols TLSv1.2", "+OK");
    assert_eq!(version(negotiated(&[&TLS12, &TLS13])), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(negotiated(&[&TLS13]), None);
    plain.is("CONFIG SET tls-ciphers ECDHE-ECDSA-CHACHA20-POLY1305:AES256-SHA256", "+OK");
    let chacha = Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    assert_eq!(negotiated(&[&TLS12]).and_then(|(_, suite)| suite), chacha);
    plain.is("CONFIG SET tls-ciphers DEFAULT:-AES", "+OK");
    assert_eq!(negotiated(&[&TLS12]).and_then(|(_, suite)| suite), chacha);
    plain.call_bytes(&[b"CONFIG", b"SET", b"tls-protocols", b""]);
    plain.is("CONFIG SET tls-ciphersuites TLS_AES_128_GCM_SHA256", "+OK");
    let aes = Some(CipherSuite::TLS13_AES_128_GCM_SHA256);
    assert_eq!(negotiated(&[&TLS13]).and_then(|(_, suite)| suite), aes);
    // The client would rather have AES-256; the server may decide.
    plain.is("CONFIG SET tls-ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384", "+OK");
    let strong = Some(CipherSuite::TLS13_AES_256_GCM_SHA384);
    assert_eq!(negotiated(&[&TLS13]).and_then(|(_, suite)| suite), strong);
    plain.is("CONFIG SET tls-prefer-server-ciphers yes", "+OK");
    let chacha = Some(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    assert_eq!(negotiated(&[&TLS13]).and_then(|(_, suite)| suite), chacha);
}

#[test]
fn a_renewed_certificate_is_served_when_its_file_is_set_again() {
    let s = TlsServer::start();
    let served = || {
        let mut conn = s.connect();
        assert_eq!(ping(&mut conn).expect("an answer"), "+PONG");
        conn.tls_session().peer_certificates().expect("the server's")[0].to_vec()
    };
    let (first, mut before) = (served(), s.connect());
    before.is("PING", "+PONG");
    let paths = s.authority.issue("server");
    assert!(first == served(), "files are read when they are set alone");
    let mut plain = s.server.connect();
    plain.is(&format!("CONFIG SET tls-cert-file {} tls-key-file {}", paths.certificate, paths.key), "+OK");
    assert!(first != served());
    before.is("PING", "+PONG");
}

#[test]
fn a_wrong_value_is_refused_and_leaves_what_was() {
    let s = TlsServer::start();
    let mut plain = s.server.connect();
    let other = s.authority.issue("other");
    for (name, value) in [
        ("tls-cert-file", "/nowhere/at/all"),
        ("tls-cert-file", ""),
        ("tls-cert-file", other.certificate.as_str()),
        ("tls-key-file", other.key.as_str()),
        ("tls-key-file", other.certificate.as_str()),
        ("tls-ca-cert-file", ""),
        ("tls-ca-cert-file", other.key.as_str()),
        ("tls-dh-params-file", other.key.as_str()),
        ("tls-protocols", "SSLv3"),
        ("tls-protocols", "TLSv1.2  TLSv1.3"),
        ("tls-ciphers", "NONE"),
        ("tls-ciphersuites", "NONE"),
    ] {
        let shown = plain.call(&format!("CONFIG GET {name}")).to_string();
        let reply = plain.call_bytes(&[b"CONFIG", b"SET", name.as_bytes(), value.as_bytes()]).to_string();
        let expected = format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - {REFUSED}");
        assert_eq!(reply, expected, "{name} {value}");
        assert_eq!(plain.call(&format!("CONFIG GET {name}")).to_string(), shown);
        assert_eq!(ping(&mut s.connect()).ok().as_deref(), Some("+PONG"), "after {name} {value}");
    }
    plain.is(&format!("CONFIG SET tls-cert-file {} tls-key-file {}", other.certificate, other.key), "+OK");
    plain.fails(
        &format!("CONFIG SET tls-port {}", s.server.port()),
        "ERR CONFIG SET failed (possibly related to argument 'tls-port') - Unable to listen on this port.",
    );
    assert_eq!(ping(&mut s.connect()).ok().as_deref(), Some("+PONG"));
}

#[test]
fn a_start_without_what_tls_needs_says_why() {
    let authority = Authority::new("authority");
    let (paths, port) = (authority.issue("server"), free_port().to_string());
    let start = |more: &[&str]| run_to_end(&[&["--port", "0", "--save", "", "--tls-port", &port], more].concat());
    let cert = ["--tls-cert-file", &paths.certificate];
    let key = ["--tls-key-file", &paths.key];
    for (args, line) in [
        (vec![], "No tls-cert-file configured!"),
        (cert.to_vec(), "No tls-key-file configured!"),
        ([cert, key].concat(), "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when"),
        (
            [cert, key, ["--tls-ca-cert-file", "/none"]].concat(),
            "Failed to configure CA certificate(s) file/directory: /none: No such file or directory",
        ),
        (
            [["--tls-cert-file", "/none"], key, ["--tls-auth-clients", "no"]].concat(),
            "Failed to load certificate: /none: No such file or directory",
        ),
    ] {
        let (status, out) = start(&args);
        assert!(!status.success() && out.contains(line), "{args:?}: {out}");
        assert!(out.contains("Failed to configure TLS. Check logs for more info."), "{out}");
    }
}

#[test]
fn tls_can_be_turned_on_and_off_and_change_places_with_the_plain_port() {
    let authority = Authority::new("authority");
    let paths = authority.issue("server");
    let s = Server::with(&["--tls-auth-clients", "no"]);
    let port = s.port();
    let mut c = s.connect();
    let config = authority.client(false, &[&TLS13]);
    c.fails(
        &format!("CONFIG SET tls-port {}", free_port()),
        "ERR CONFIG SET failed (possibly related to argument 'tls-port') - Unable to update TLS",
    );
    c.is(&format!("CONFIG SET tls-cert-file {} tls-key-file {}", paths.certificate, paths.key), "+OK");
    c.is(&format!("CONFIG SET port 0 tls-port {port}"), "+OK");
    let mut over_tls = Conn::tls(port, config.clone()).expect("the same port");
    over_tls.is("PING", "+PONG");
    assert!(over_tls.call("INFO server").text().contains(&format!("tcp_port:{port}\r\n")));
    c.is("PING", "+PONG");
    // One after the other, over TLS.
    over_tls.is("CONFIG SET tls-port 0", "+OK");
    over_tls.is(&format!("CONFIG SET port {port}"), "+OK");
    Conn::tcp("127.0.0.1", port).expect("the same port").is("PING", "+PONG");
    c.is(&format!("CONFIG SET port 0 tls-port {port}"), "+OK");
    Conn::tls(port, config).expect("the same port").is("PING", "+PONG");
}

#[test]
fn a_key_with_a_password_needs_it() {
    let s = TlsServer::start();
    let mut plain = s.server.connect();
    let paths = s.authority.issue("locked");
    let locked = format!("{}.locked", paths.key);
    let made = std::process::Command::new("openssl")
        .args(["pkcs8", "-topk8", "-in", &paths.key, "-out", &locked, "-passout", "pass:1234"])
        .status();
    assert!(made.is_ok_and(|status| status.success()), "openssl locks the key");
    let set = format!("CONFIG SET tls-cert-file {} tls-key-file {locked}", paths.certificate);
    plain.fails(&set, "ERR CONFIG SET failed (possibly related to argument 'tls-cert-file') - Unable to update TLS");
    plain.is(&format!("{set} tls-key-file-pass 1234"), "+OK");
    assert_eq!(ping(&mut s.connect()).ok().as_deref(), Some("+PONG"));
}

#[test]
fn a_session_is_resumed_unless_that_is_turned_off() {
    for versions in [&[&TLS13], &[&TLS12]] {
        let s = TlsServer::start();
        let config = s.authority.client(true, versions);
        let kind = || {
            let mut conn = s.connect_by(config.clone());
            assert_eq!(ping(&mut conn).expect("an answer"), "+PONG");
            conn.tls_session().handshake_kind()
        };
        assert_eq!(kind(), Some(HandshakeKind::Full));
        assert_eq!(kind(), Some(HandshakeKind::Resumed));
        s.server.connect().is("CONFIG SET tls-session-caching no", "+OK");
        assert_eq!(kind(), Some(HandshakeKind::Full));
        assert_eq!(kind(), Some(HandshakeKind::Full));
    }
}
