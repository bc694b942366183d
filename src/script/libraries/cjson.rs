//! `cjson`: the library's functions and settings. Reading is in `json_reader.rs`, writing in `json_writer.rs`.
//!
//! The settings belong to one copy of the library (`cjson.new()` makes another) and last as long as the interpreter.

#[path = "json_reader.rs"]
mod json_reader;
#[path = "json_writer.rs"]
mod json_writer;

use super::define;
use crate::script::arguments::Arguments;
use mlua::{Lua, MultiValue, Table, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// How many places nested tables may take, whatever the settings say.
const MOST_PLACES: usize = crate::script::entries::MOST_HELD;

/// Settings of one copy of the library.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Sparse arrays are written as objects rather than refused.
    sparse_convert: bool,
    /// An array is sparse when its largest index is more than so many times the number of its elements; 0: never.
    sparse_ratio: i64,
    /// Largest index up to which an array is never sparse.
    sparse_safe: i64,
    /// How deep what is written may nest.
    encode_max_depth: i64,
    /// How deep what is read may nest.
    decode_max_depth: i64,
    /// NaN and infinities: refused (0), written as they are (1), or as null (2).
    encode_invalid_numbers: usize,
    /// NaN, infinities and hexadecimal numbers are read.
    decode_invalid_numbers: bool,
    /// Significant digits of numbers.
    precision: i64,
    /// Kept for scripts that set it; nothing follows from it here.
    keep_buffer: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_max_depth: 1000,
            decode_max_depth: 1000,
            encode_invalid_numbers: 0,
            decode_invalid_numbers: true,
            precision: 14,
            keep_buffer: true,
        }
    }
}

type Shared = Rc<RefCell<Settings>>;

/// The library with settings of its own.
pub fn library(lua: &Lua) -> mlua::Result<Table> {
    let settings = Shared::default();
    let table = lua.create_table()?;
    let add = |name: &str, run: fn(&Lua, &Arguments<'_>, &mut Settings) -> mlua::Result<MultiValue>| {
        let settings = settings.clone();
        define(lua, &table, name, move |lua, args| run(lua, &args, &mut settings.borrow_mut()))
    };
    add("encode", encode)?;
    add("decode", decode)?;
    add("encode_sparse_array", |_, args, settings| {
        no_more_than(args, 3)?;
        let convert = switch(args, 1, &mut settings.sparse_convert)?;
        let ratio = number_setting(args, 2, &mut settings.sparse_ratio, 0, i32::MAX.into())?;
        let safe = number_setting(args, 3, &mut settings.sparse_safe, 0, i32::MAX.into())?;
        Ok(MultiValue::from_vec(vec![convert, ratio, safe]))
    })?;
    add("encode_max_depth", |_, args, settings| {
        no_more_than(args, 1)?;
        one(number_setting(args, 1, &mut settings.encode_max_depth, 1, i32::MAX.into()))
    })?;
    add("decode_max_depth", |_, args, settings| {
        no_more_than(args, 1)?;
        one(number_setting(args, 1, &mut settings.decode_max_depth, 1, i32::MAX.into()))
    })?;
    add("encode_number_precision", |_, args, settings| {
        no_more_than(args, 1)?;
        one(number_setting(args, 1, &mut settings.precision, 1, 14))
    })?;
    add("encode_keep_buffer", |_, args, settings| {
        no_more_than(args, 1)?;
        one(switch(args, 1, &mut settings.keep_buffer))
    })?;
    add("encode_invalid_numbers", |lua, args, settings| {
        no_more_than(args, 1)?;
        match args.value(1) {
            Value::Nil => {}
            Value::Boolean(value) => settings.encode_invalid_numbers = usize::from(*value),
            _ => settings.encode_invalid_numbers = option(args, 1, &["off", "on", "null"])?,
        }
        one(match settings.encode_invalid_numbers {
            2 => lua.create_string("null").map(Value::String),
            other => Ok(Value::Boolean(other == 1)),
        })
    })?;
    add("decode_invalid_numbers", |_, args, settings| {
        no_more_than(args, 1)?;
        one(switch(args, 1, &mut settings.decode_invalid_numbers))
    })?;
    define(lua, &table, "new", |lua, _| library(lua))?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    Ok(table)
}

fn one(value: mlua::Result<Value>) -> mlua::Result<MultiValue> {
    Ok(MultiValue::from_vec(vec![value?]))
}

fn encode(lua: &Lua, args: &Arguments<'_>, settings: &mut Settings) -> mlua::Result<MultiValue> {
    if args.len() != 1 {
        return Err(args.error(1, "expected 1 argument"));
    }
    let text = json_writer::write(lua, settings, args.value(1))?;
    one(lua.create_string(text).map(Value::String))
}

fn decode(lua: &Lua, args: &Arguments<'_>, settings: &mut Settings) -> mlua::Result<MultiValue> {
    if args.len() != 1 {
        return Err(args.error(1, "expected 1 argument"));
    }
    let text = args.string(1)?;
    one(json_reader::read(lua, settings, &text.as_bytes()))
}

fn no_more_than(args: &Arguments<'_>, most: usize) -> mlua::Result<()> {
    if args.len() > most { Err(args.error(most + 1, "found too many arguments")) } else { Ok(()) }
}

fn number_setting(
    args: &Arguments<'_>,
    number: usize,
    setting: &mut i64,
    least: i64,
    most: i64,
) -> mlua::Result<Value> {
    if !args.value(number).is_nil() {
        let value = args.integer(number)?;
        if !(least..=most).contains(&value) {
            return Err(args.error(1, format!("expected integer between {least} and {most}")));
        }
        *setting = value;
    }
    Ok(Value::Number(*setting as f64))
}

fn switch(args: &Arguments<'_>, number: usize, setting: &mut bool) -> mlua::Result<Value> {
    match args.value(number) {
        Value::Nil => {}
        Value::Boolean(value) => *setting = *value,
        _ => *setting = option(args, number, &["off", "on"])? == 1,
    }
    Ok(Value::Boolean(*setting))
}

fn option(args: &Arguments<'_>, number: usize, options: &[&str]) -> mlua::Result<usize> {
    let word = args.string(number)?;
    let word = word.as_bytes();
    options
        .iter()
        .position(|option| option.as_bytes() == &*word)
        .ok_or_else(|| args.error(number, [b"invalid option '", &*word, b"'"].concat()))
}
