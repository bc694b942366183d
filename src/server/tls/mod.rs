//! TLS at the rim: settings from the `tls-*` directives, one session a connection, and the socket behind it.
//!
//! The library (rustls) sees bytes alone; sockets are read and written by the rim, once a turn, as plain ones are. What
//! a session decrypts goes where a plain read goes, so nothing behind it knows that there is TLS. An idle connection
//! keeps its keys and no buffer: records go through one buffer of the thread.

mod cache;
mod ciphers;
mod keys;
mod session;
pub mod settings;
mod stream;
mod verify;

pub use stream::{TlsStream, connect, serve, split};

/// How long a handshake may take before the connection is closed.
pub const HANDSHAKE_SECONDS: u64 = 60;
