//! What can be wrong with bytes that should be RESP.
//!
//! Every variant is answered with `reply_text` as an error and then the connection is closed, except where noted.

use std::borrow::Cow;
use std::fmt;

/// A violation of the protocol by the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The count of a request is not a number or is too large.
    InvalidMultibulkLength,
    /// The length of an argument is not a number, is negative or exceeds the limit.
    InvalidBulkLength,
    /// An argument does not begin with a dollar sign but with this byte.
    ExpectedDollar(u8),
    /// The line with the count of a request is too long.
    TooBigMultibulkCount,
    /// The line with the length of an argument is too long.
    TooBigBulkCount,
    /// An inline request is too long.
    TooBigInline,
    /// The quotes of an inline request do not balance.
    UnbalancedQuotes,
    /// Too many arguments from a client that has not logged in.
    UnauthenticatedMultibulkLength,
    /// Too long an argument from a client that has not logged in.
    UnauthenticatedBulkLength,
    /// A primary sent an inline request; its link is closed without an answer.
    InlineFromPrimary,
    /// A reply that cannot be understood; only from the reply reader, and never answered.
    BadReply(&'static str),
}

impl ProtocolError {
    /// The text of the error reply, code first, without the line end: `ERR Protocol error: ...`.
    pub fn reply_text(&self) -> Vec<u8> {
        [b"ERR Protocol error: ", &*self.detail()].concat()
    }

    fn detail(&self) -> Cow<'static, [u8]> {
        Cow::Borrowed(match self {
            Self::InvalidMultibulkLength => b"invalid multibulk length",
            Self::InvalidBulkLength => b"invalid bulk length",
            Self::ExpectedDollar(byte) => return Cow::Owned([b"expected '$', got '", &[*byte][..], b"'"].concat()),
            Self::TooBigMultibulkCount => b"too big mbulk count string",
            Self::TooBigBulkCount => b"too big bulk count string",
            Self::TooBigInline => b"too big inline request",
            Self::UnbalancedQuotes => b"unbalanced quotes in request",
            Self::UnauthenticatedMultibulkLength => b"unauthenticated multibulk length",
            Self::UnauthenticatedBulkLength => b"unauthenticated bulk length",
            Self::InlineFromPrimary => b"primary using the inline protocol",
            Self::BadReply(what) => what.as_bytes(),
        })
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protocol error: {}", String::from_utf8_lossy(&self.detail()))
    }
}

impl std::error::Error for ProtocolError {}
