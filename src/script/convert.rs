//! Between RESP and Lua: a reply as the value `redis.call` returns, and what a script returns as a reply.

use super::arguments::truncate;
use super::entries::{self, Entries, MOST_HELD};
use super::failure::{Failure, error_table, error_text};
use crate::base::num::{parse_f64, parse_i64};
use crate::resp::reply::{Deferred, Protocol, Reply};
use mlua::{Function, Lua, LuaString, Table, Value};

/// The value a script gets for a reply that the server itself wrote.
pub fn reply_to_value(lua: &Lua, reply: &[u8]) -> mlua::Result<Value> {
    Cursor { lua, bytes: reply, at: 0 }.value()
}

struct Cursor<'a> {
    lua: &'a Lua,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn line(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = memchr::memchr(b'\r', rest).unwrap_or(rest.len());
        self.at += len + 2;
        &rest[..len]
    }

    fn payload(&mut self, len: usize) -> &'a [u8] {
        let bytes = self.bytes.get(self.at..self.at + len).unwrap_or_default();
        self.at += len + 2;
        bytes
    }

    fn string(&self, bytes: &[u8]) -> mlua::Result<Value> {
        Ok(Value::String(self.lua.create_string(bytes)?))
    }

    fn named(&self, name: &str, value: Value) -> mlua::Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    }

    fn value(&mut self) -> mlua::Result<Value> {
        let line = self.line();
        let Some((&mark, text)) = line.split_first() else { return Ok(Value::Nil) };
        let number = || parse_i64(text).unwrap_or(-1);
        let count = || usize::try_from(number()).ok();
        match mark {
            b'$' => match count() {
                Some(len) => {
                    let bytes = self.payload(len);
                    self.string(bytes)
                }
                None => Ok(Value::Boolean(false)),
            },
            b':' => Ok(Value::Number(number() as f64)),
            b'+' => self.named("ok", self.string(text)?),
            b'-' => error_table(self.lua, &error_text(line), true),
            b'*' | b'>' => match count() {
                Some(count) => self.array(count),
                None => Ok(Value::Boolean(false)),
            },
            b'_' => Ok(Value::Nil),
            b'#' => Ok(Value::Boolean(text == b"t")),
            b',' => self.named("double", Value::Number(parse_f64(text).unwrap_or(f64::NAN))),
            b'(' => self.named("big_number", self.string(text)?),
            b'=' => {
                let bytes = self.payload(count().unwrap_or(0));
                let (format, text) = (bytes.get(..3).unwrap_or_default(), bytes.get(4..).unwrap_or_default());
                let inner = self.lua.create_table_with_capacity(0, 2)?;
                inner.raw_set("string", self.string(text)?)?;
                inner.raw_set("format", self.string(format)?)?;
                self.named("verbatim_string", Value::Table(inner))
            }
            b'%' => {
                let pairs = self.lua.create_table()?;
                for _ in 0..count().unwrap_or(0) {
                    let (key, value) = (self.value()?, self.value()?);
                    pairs.raw_set(key, value)?;
                }
                self.named("map", Value::Table(pairs))
            }
            b'~' => {
                let members = self.lua.create_table()?;
                for _ in 0..count().unwrap_or(0) {
                    let member = self.value()?;
                    members.raw_set(member, true)?;
                }
                self.named("set", Value::Table(members))
            }
            // Attributes describe the value that follows; scripts do not see them.
            b'|' => {
                for _ in 0..2 * count().unwrap_or(0) {
                    self.value()?;
                }
                self.value()
            }
            _ => Ok(Value::Nil),
        }
    }

    fn array(&mut self, count: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table_with_capacity(count, 0)?;
        for index in 1..=count {
            let value = self.value()?;
            table.raw_seti(index, value)?;
        }
        Ok(Value::Table(table))
    }
}

/// An error reply that a script returned or died of.
pub struct ErrorReply {
    /// Code and text.
    pub text: Vec<u8>,
    /// It is in the figures already.
    pub counted: bool,
}

/// Writes what a script returned. `protocol`: the one the script chose for itself. Returned are the error replies
/// among it. Aggregates are walked with a stack of our own: how deep they nest is the script's choice.
pub fn value_to_reply(lua: &Lua, value: &Value, reply: &mut Reply, protocol: Protocol) -> Vec<ErrorReply> {
    let mut writer = Writer { reply, protocol, errors: Vec::new(), open: Vec::new(), held: 0 };
    writer.value(value);
    if writer.open.is_empty() {
        return writer.errors;
    }
    // The interpreter has kept it since it was made.
    let Ok(next) = entries::next(lua) else { return writer.errors };
    while let Some(top) = writer.open.last_mut() {
        if let Some(value) = top.pending.take() {
            top.written += 1;
            writer.value(&value);
        } else if top.step(&next) {
            let value = top.current.take().unwrap_or_default();
            top.written += 1;
            writer.value(&value);
        } else {
            writer.close();
        }
    }
    writer.errors
}

/// An aggregate that is being written.
struct Open {
    place: Deferred,
    elements: Elements,
    /// The element that is to be written now, and of a map the value that follows it.
    current: Option<Value>,
    pending: Option<Value>,
    written: usize,
}

enum Elements {
    /// Up to the first nil.
    Array(Table),
    /// Keys and values in turn.
    Map(Entries),
    /// Keys alone.
    Set(Entries),
}

impl Open {
    /// Goes to the next element, if there is one.
    fn step(&mut self, next: &Function) -> bool {
        self.current = match &mut self.elements {
            Elements::Array(table) => {
                table.raw_get::<Value>(self.written as i64 + 1).ok().filter(|value| !value.is_nil())
            }
            Elements::Map(entries) => entries.next(next).ok().flatten().map(|(key, value)| {
                self.pending = Some(value);
                key
            }),
            Elements::Set(entries) => entries.next(next).ok().flatten().map(|(key, _)| key),
        };
        self.current.is_some()
    }

    /// References into the interpreter it holds while what is in it is written.
    fn held(&self) -> usize {
        match self.elements {
            Elements::Array(_) => 1,
            Elements::Map(_) | Elements::Set(_) => 3,
        }
    }
}

struct Writer<'a> {
    reply: &'a mut Reply,
    protocol: Protocol,
    errors: Vec<ErrorReply>,
    open: Vec<Open>,
    /// References into the interpreter that are held.
    held: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.reply.bulk(&text.as_bytes()),
            Value::Integer(number) => self.reply.integer(*number),
            Value::Number(number) => self.reply.integer(truncate(*number)),
            Value::Boolean(value) if self.protocol == Protocol::Resp3 => self.reply.boolean(*value),
            Value::Boolean(true) => self.reply.integer(1),
            Value::Table(_) if self.held >= MOST_HELD => self.error(b"ERR reached lua stack limit".to_vec(), false),
            Value::Table(table) => self.table(table),
            _ => self.reply.null(),
        }
    }

    fn error(&mut self, text: Vec<u8>, counted: bool) {
        self.reply.error(&text);
        self.errors.push(ErrorReply { text, counted });
    }

    fn table(&mut self, table: &Table) {
        let field = |name: &str| table.raw_get::<Value>(name).unwrap_or(Value::Nil);
        if let Value::String(text) = field("err") {
            let counted = matches!(field("ignore_error_stats_update"), Value::Boolean(true));
            return self.error(until_nul(&text.as_bytes()).to_vec(), counted);
        }
        if let Value::String(text) = field("ok") {
            return self.reply.status(until_nul(&text.as_bytes()));
        }
        match field("double") {
            Value::Number(number) => return self.reply.double(number),
            Value::Integer(number) => return self.reply.double(number as f64),
            _ => {}
        }
        if let Value::String(digits) = field("big_number") {
            let digits: Vec<u8> =
                digits.as_bytes().iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }).collect();
            return self.reply.big_number(&digits);
        }
        if let Value::Table(verbatim) = field("verbatim_string")
            && let Ok(Value::String(format)) = verbatim.raw_get::<Value>("format")
            && let Ok(Value::String(text)) = verbatim.raw_get::<Value>("string")
        {
            return self.verbatim(&format, &text);
        }
        let (place, elements) = if let Value::Table(pairs) = field("map") {
            (self.reply.defer_map(), Elements::Map(Entries::of(pairs)))
        } else if let Value::Table(members) = field("set") {
            (self.reply.defer_set(), Elements::Set(Entries::of(members)))
        } else {
            (self.reply.defer_array(), Elements::Array(table.clone()))
        };
        let open = Open { place, elements, current: None, pending: None, written: 0 };
        self.held += open.held();
        self.open.push(open);
    }

    /// All of the innermost aggregate is written.
    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        self.held -= open.held();
        let Open { place, elements, written, .. } = open;
        match elements {
            Elements::Array(_) => self.reply.finish_array(place, written),
            Elements::Map(_) => self.reply.finish_map(place, written / 2),
            Elements::Set(_) => self.reply.finish_set(place, written),
        }
    }

    fn verbatim(&mut self, format: &LuaString, text: &LuaString) {
        let mut tag = [b' '; 3];
        for (to, from) in tag.iter_mut().zip(until_nul(&format.as_bytes())) {
            *to = *from;
        }
        self.reply.verbatim(&tag, &text.as_bytes());
    }
}

/// A text as far as a C string goes.
fn until_nul(text: &[u8]) -> &[u8] {
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
