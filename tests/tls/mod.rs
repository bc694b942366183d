//! TLS: who may come in, what is negotiated, reloading, resumption, and that a connection behaves as a plain one does.

mod certificates;
mod configuration;
mod connections;

pub use certificates::Authority;

use crate::support::{Conn, Server, free_port};
use std::io;
use std::sync::Arc;

/// A server with a plain and a TLS port, and the authority whose certificates it knows.
pub struct TlsServer {
    pub server: Server,
    pub authority: Authority,
    pub port: u16,
}

impl TlsServer {
    #[track_caller]
    pub fn start() -> TlsServer {
        TlsServer::with(&[])
    }

    #[track_caller]
    pub fn with(extra: &[&str]) -> TlsServer {
        let authority = Authority::new("authority");
        let paths = authority.issue("server");
        let port = free_port();
        let port_text = port.to_string();
        let mut args = vec!["--tls-port", &port_text, "--tls-ca-cert-file", authority.path()];
        args.extend(["--tls-cert-file", &paths.certificate, "--tls-key-file", &paths.key]);
        args.extend(extra);
        TlsServer { server: Server::with(&args), authority, port }
    }

    /// A client with a certificate.
    #[track_caller]
    pub fn connect(&self) -> Conn {
        self.connect_by(self.authority.client(true, &[&rustls::version::TLS13, &rustls::version::TLS12]))
    }

    #[track_caller]
    pub fn connect_by(&self, config: Arc<rustls::ClientConfig>) -> Conn {
        Conn::tls(self.port, config).expect("a connection")
    }
}

/// A PING's answer, or how the connection or its handshake ended.
pub fn ping(conn: &mut Conn) -> io::Result<String> {
    conn.try_raw(b"PING\r\n")?;
    match conn.try_read()? {
        Some(reply) => Ok(reply.to_string()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
