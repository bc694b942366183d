//! What a script or a library died of, as an error reply.

use super::failure::Failure;
use mlua::{Lua, Value};

/// An error reply that a script returned or died of.
pub struct ErrorReply {
    /// Code and text.
    pub text: Vec<u8>,
    /// It is in the figures already.
    pub counted: bool,
}

/// A text as far as a C string goes.
pub fn until_nul(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// The text of an error that ended the load of a library.
pub fn message(lua: &Lua, value: &Value) -> Vec<u8> {
    let seen = match value {
        Value::Error(error) => Failure::of(error).into_value(lua).unwrap_or(Value::Nil),
        other => other.clone(),
    };
    let field = match &seen {
        Value::Table(table) => table.raw_get::<Value>("err").unwrap_or(Value::Nil),
        other => other.clone(),
    };
    let text = super::arguments::as_string(lua, &field).ok().flatten();
    let text = text.map_or_else(Vec::new, |text| until_nul(&text.as_bytes()).to_vec());
    if seen.is_table() { text } else { [b"ERR ", &text[..]].concat() }
}

/// What a script died of, as an error reply. `name`: the script's.
pub fn error_to_reply(lua: &Lua, value: &Value, name: &str) -> ErrorReply {
    let seen = match value {
        Value::Error(error) => Failure::of(error).into_value(lua).unwrap_or(Value::Nil),
        other => other.clone(),
    };
    let Value::Table(table) = seen else {
        let message = super::arguments::as_string(lua, &seen).ok().flatten();
        let message = message.map_or_else(|| b"execution failure".to_vec(), |text| text.as_bytes().to_vec());
        let message = until_nul(&message);
        let text = [b"ERR Error running script ", name.as_bytes(), b", ", &message[..message.len().min(100)]].concat();
        return ErrorReply { text, counted: false };
    };
    let field = |key: &str| {
        let value = table.raw_get::<Value>(key).ok()?;
        let text = super::arguments::as_string(lua, &value).ok().flatten()?;
        Some(until_nul(&text.as_bytes()).to_vec())
    };
    let mut text = field("err").unwrap_or_else(|| b"ERR unknown error".to_vec());
    if let (Some(line), Some(source)) = (field("line"), field("source")) {
        text.extend_from_slice(format!(" script: {name}, on ").as_bytes());
        text.extend_from_slice(&source);
        text.push(b':');
        text.extend_from_slice(&line);
        text.push(b'.');
    }
    let counted = matches!(table.raw_get::<Value>("ignore_error_stats_update"), Ok(Value::Boolean(true)));
    ErrorReply { text, counted }
}
