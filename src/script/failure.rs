//! Errors that scripts see: a string as Lua's own errors are, or a table with the text of an error reply.
//!
//! A native function raises a [`Failure`]; Lua carries it as an opaque value to the next place that catches errors, and
//! all of those are ours (`sandbox.lua`), so that a script meets only what [`Failure::into_value`] makes of it.

use super::arguments::position;
use mlua::{Error, Lua, Value};

/// Why a native function did not return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A string.
    Text(Vec<u8>),
    /// A table with the field `err`.
    Reply {
        /// Code and text of the error.
        text: Vec<u8>,
        /// It is in the figures already.
        counted: bool,
    },
}

/// What Lua says when it gets no memory.
pub const NO_MEMORY: &[u8] = b"not enough memory";

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Failure::Text(text) | Failure::Reply { text, .. }) = self;
        f.write_str(&String::from_utf8_lossy(text))
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::external(failure)
    }
}

impl Failure {
    /// A string with the place of the caller before it, as `luaL_error` makes them.
    pub fn at_caller(lua: &Lua, message: impl AsRef<[u8]>) -> Error {
        let mut text = position(lua, 1);
        text.extend_from_slice(message.as_ref());
        Failure::Text(text).into()
    }

    /// A table with an error reply.
    pub fn reply(message: impl AsRef<[u8]>) -> Error {
        Failure::Reply { text: error_text(message.as_ref()), counted: false }.into()
    }

    /// Lua got no memory.
    pub fn no_memory() -> Error {
        Failure::Text(NO_MEMORY.to_vec()).into()
    }

    /// What an error of the binding stands for.
    pub fn of(error: &Error) -> Failure {
        match error {
            Error::CallbackError { cause, .. } => Failure::of(cause),
            Error::WithContext { cause, .. } => Failure::of(cause),
            Error::BadArgument { cause, .. } => Failure::of(cause),
            Error::ExternalError(external) => match external.downcast_ref::<Failure>() {
                Some(failure) => failure.clone(),
                None => Failure::Text(external.to_string().into_bytes()),
            },
            Error::MemoryError(_) => Failure::Text(NO_MEMORY.to_vec()),
            Error::RuntimeError(message) => Failure::Text(message.clone().into_bytes()),
            Error::SyntaxError { message, .. } => Failure::Text(message.clone().into_bytes()),
            other => Failure::Text(other.to_string().into_bytes()),
        }
    }

    /// The value a script catches.
    pub fn into_value(self, lua: &Lua) -> mlua::Result<Value> {
        match self {
            Failure::Text(text) => Ok(Value::String(lua.create_string(text)?)),
            Failure::Reply { text, counted } => error_table(lua, &text, counted),
        }
    }
}

/// The table a script gets for an error reply.
pub fn error_table(lua: &Lua, text: &[u8], counted: bool) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(0, 2)?;
    table.raw_set("err", lua.create_string(text)?)?;
    if counted {
        table.raw_set("ignore_error_stats_update", true)?;
    }
    Ok(Value::Table(table))
}

/// An error's text with its code: `-CODE text` gives `CODE text`; what has no code gets `ERR`. As with C strings, the
/// text ends at its first NUL.
pub fn error_text(message: &[u8]) -> Vec<u8> {
    let end = memchr::memchr(0, message).unwrap_or(message.len());
    let message = &message[..end];
    let (code, rest) = match message.strip_prefix(b"-") {
        None => (&b"ERR"[..], message),
        Some(tail) => match memchr::memchr(b' ', tail) {
            Some(at) => (&tail[..at], &tail[at + 1..]),
            None => (&b"ERR"[..], tail),
        },
    };
    let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let from = rest.iter().position(|byte| !is_line_end(byte)).unwrap_or(rest.len());
    let to = rest.iter().rposition(|byte| !is_line_end(byte)).map_or(from, |last| last + 1);
    [code, b" ", &rest[from..to]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_text_begins_with_a_code() {
        for (message, text) in [
            (&b"my error"[..], &b"ERR my error"[..]),
            (b"-WRONGTYPE of key\r\n", b"WRONGTYPE of key"),
            (b"-alone", b"ERR alone"),
            (b"", b"ERR "),
            (b"-", b"ERR "),
            (b"cut\0here", b"ERR cut"),
        ] {
            assert_eq!(error_text(message), text);
        }
    }
}
