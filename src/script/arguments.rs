//! The arguments of a native function, checked with the texts of Lua's auxiliary library.

use super::failure::Failure;
use mlua::{Error, Lua, LuaString, MultiValue, Value};

/// The arguments of one call.
pub struct Arguments<'l> {
    lua: &'l Lua,
    values: MultiValue,
}

/// `file:line: ` of the function at a level of the stack, or nothing where that is not Lua.
pub fn position(lua: &Lua, level: usize) -> Vec<u8> {
    let place = lua.inspect_stack(level, |debug| {
        let line = debug.current_line().filter(|&line| line > 0)?;
        Some(format!("{}:{line}: ", debug.source().short_src.unwrap_or_default()))
    });
    place.flatten().unwrap_or_default().into_bytes()
}

impl<'l> Arguments<'l> {
    /// Wraps what a function was called with.
    pub fn new(lua: &'l Lua, values: MultiValue) -> Arguments<'l> {
        Arguments { lua, values }
    }

    /// The same with a nil behind them.
    pub fn and_nil(mut self) -> Arguments<'l> {
        self.values.push_back(Value::Nil);
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The argument with this number (from 1), nil when it was left out.
    pub fn value(&self, number: usize) -> &Value {
        self.values.get(number - 1).unwrap_or(&Value::Nil)
    }

    /// Complains about an argument.
    pub fn error(&self, number: usize, message: impl AsRef<[u8]>) -> Error {
        let names = self.lua.inspect_stack(0, |debug| {
            let names = debug.names();
            (names.name.map(|name| name.into_owned()), names.name_what.unwrap_or_default())
        });
        let (name, what) = names.unwrap_or_default();
        let name = name.unwrap_or_else(|| "?".into());
        let mut number = number;
        let mut text = Vec::new();
        if what == "method" {
            if number == 1 {
                text.extend_from_slice(format!("calling '{name}' on bad self (").as_bytes());
                text.extend_from_slice(message.as_ref());
                text.push(b')');
                return Failure::at_caller(self.lua, text);
            }
            number -= 1;
        }
        text.extend_from_slice(format!("bad argument #{number} to '{name}' (").as_bytes());
        text.extend_from_slice(message.as_ref());
        text.push(b')');
        Failure::at_caller(self.lua, text)
    }

    fn wrong_type(&self, number: usize, expected: &str) -> Error {
        let found = if number > self.len() { "no value" } else { kind(self.value(number)) };
        self.error(number, format!("{expected} expected, got {found}"))
    }

    /// A number, or a string that is one.
    pub fn number(&self, number: usize) -> mlua::Result<f64> {
        as_number(self.lua, self.value(number)).ok_or_else(|| self.wrong_type(number, "number"))
    }

    /// A number without its fraction.
    pub fn integer(&self, number: usize) -> mlua::Result<i64> {
        self.number(number).map(truncate)
    }

    /// The same, with a value for an argument that is left out or nil.
    pub fn integer_or(&self, number: usize, default: i64) -> mlua::Result<i64> {
        if self.value(number).is_nil() { Ok(default) } else { self.integer(number) }
    }

    /// A string, or a number as one.
    pub fn string(&self, number: usize) -> mlua::Result<LuaString> {
        as_string(self.lua, self.value(number))?.ok_or_else(|| self.wrong_type(number, "string"))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }
}

/// A value's type as Lua names it.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::Thread(_) => "thread",
        _ => "userdata",
    }
}

/// A number, or a string that is one.
pub fn as_number(lua: &Lua, value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::String(_) => lua.coerce_number(value.clone()).ok().flatten(),
        _ => None,
    }
}

/// A string, or a number as Lua prints it.
pub fn as_string(lua: &Lua, value: &Value) -> mlua::Result<Option<LuaString>> {
    match value {
        Value::String(text) => Ok(Some(text.clone())),
        Value::Integer(_) | Value::Number(_) => lua.coerce_string(value.clone()),
        _ => Ok(None),
    }
}

/// A float as a 64-bit integer, as the processor truncates it: what does not fit is the smallest one.
pub fn truncate(number: f64) -> i64 {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if (-END..END).contains(&number) { number as i64 } else { i64::MIN }
}
