//! The wire format: request parser, reply writer, and a reply reader for links and tests.
//!
//! Bytes in, bytes out: no sockets, no command names, no clock. `parser` finds the arguments of requests without copying
//! them, `reply` writes RESP2 or RESP3, `reader` reads replies back.

mod error;
pub mod parser;
pub mod reader;
pub mod reply;

pub use error::ProtocolError;
pub use parser::{ParseLimits, Parsed, RequestParser, Span};
pub use reader::{Value, read_reply};
pub use reply::{Deferred, Mark, Protocol, Reply};
