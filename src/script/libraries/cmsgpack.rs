//! `cmsgpack`: MessagePack, several values one behind the other in one string.

use super::{Steps, bounded, define};
use crate::script::arguments::Arguments;
use crate::script::entries::MOST_HELD;
use crate::script::failure::Failure;
use mlua::{Lua, MultiValue, Table, Value};

/// Tables nested deeper are packed as nil, which ends those that hold themselves.
const MOST_PACKED: usize = 16;
/// How deep unpacked values may nest: each level holds a table and perhaps a key.
const MOST_UNPACKED: usize = MOST_HELD / 2;
/// Values one call returns at most, for the same reason.
const MOST_RESULTS: usize = MOST_HELD;

/// The library.
pub fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    define(lua, &table, "pack", pack)?;
    define(lua, &table, "unpack", |lua, args| unpack(lua, &args, 0, 0))?;
    define(lua, &table, "unpack_one", |lua, args| {
        let offset = args.integer_or(2, 0)?;
        unpack(lua, &args, 1, offset)
    })?;
    define(lua, &table, "unpack_limit", |lua, args| {
        let (limit, offset) = (args.integer(2)?, args.integer_or(3, 0)?);
        unpack(lua, &args, limit, offset)
    })?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(table)
}

fn pack(lua: &Lua, args: Arguments<'_>) -> mlua::Result<Value> {
    if args.len() == 0 {
        return Err(args.error(0, "MessagePack pack needs input."));
    }
    let (mut out, mut steps) = (Vec::new(), Steps::default());
    for value in args.iter() {
        append(&mut out, value, 0, &mut steps)?;
    }
    Ok(Value::String(lua.create_string(out)?))
}

fn append(out: &mut Vec<u8>, value: &Value, level: usize, steps: &mut Steps) -> mlua::Result<()> {
    bounded(out)?;
    steps.step()?;
    match value {
        Value::String(text) => {
            let bytes = text.as_bytes();
            match bytes.len() {
                len @ 0..=31 => out.push(0xa0 | len as u8),
                len @ 32..=0xff => out.extend_from_slice(&[0xd9, len as u8]),
                len @ 0x100..=0xffff => append_sized(out, 0xda, &(len as u16).to_be_bytes()),
                len => append_sized(out, 0xdb, &(len as u32).to_be_bytes()),
            }
            out.extend_from_slice(&bytes);
        }
        Value::Boolean(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Integer(number) => append_integer(out, *number),
        Value::Number(number) => append_number(out, *number),
        Value::Table(table) if level < MOST_PACKED => append_table(out, table, level, steps)?,
        _ => out.push(0xc0),
    }
    Ok(())
}

fn append_sized(out: &mut Vec<u8>, mark: u8, size: &[u8]) {
    out.push(mark);
    out.extend_from_slice(size);
}

fn append_number(out: &mut Vec<u8>, number: f64) {
    // Infinities are no integers; everything else is asked the way back.
    let integer = crate::script::arguments::truncate(number);
    if number.is_finite() && integer as f64 == number {
        return append_integer(out, integer);
    }
    let short = number as f32;
    if f64::from(short) == number {
        append_sized(out, 0xca, &short.to_be_bytes());
    } else {
        append_sized(out, 0xcb, &number.to_be_bytes());
    }
}

fn append_integer(out: &mut Vec<u8>, number: i64) {
    match number {
        0..=127 => out.push(number as u8),
        128..=0xff => out.extend_from_slice(&[0xcc, number as u8]),
        0x100..=0xffff => append_sized(out, 0xcd, &(number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => append_sized(out, 0xce, &(number as u32).to_be_bytes()),
        0x1_0000_0000.. => append_sized(out, 0xcf, &number.to_be_bytes()),
        -32..=-1 => out.push(number as u8),
        -128..=-33 => out.extend_from_slice(&[0xd0, number as u8]),
        -32_768..=-129 => append_sized(out, 0xd1, &(number as i16).to_be_bytes()),
        -2_147_483_648..=-32_769 => append_sized(out, 0xd2, &(number as i32).to_be_bytes()),
        _ => append_sized(out, 0xd3, &number.to_be_bytes()),
    }
}

fn append_table(out: &mut Vec<u8>, table: &Table, level: usize, steps: &mut Steps) -> mlua::Result<()> {
    let (mut count, mut max, mut is_array) = (0usize, 0i64, true);
    for pair in table.pairs::<Value, Value>() {
        let (key, _) = pair?;
        count += 1;
        match key {
            Value::Integer(key) if key > 0 && i32::try_from(key).is_ok() => max = max.max(key),
            _ => is_array = false,
        }
    }
    if is_array && max == count as i64 {
        append_count(out, count, 0x90, 0xdc);
        for index in 1..=count {
            append(out, &table.raw_get::<Value>(index)?, level + 1, steps)?;
        }
        return Ok(());
    }
    append_count(out, count, 0x80, 0xde);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        append(out, &key, level + 1, steps)?;
        append(out, &value, level + 1, steps)?;
    }
    Ok(())
}

fn append_count(out: &mut Vec<u8>, count: usize, short: u8, long: u8) {
    match count {
        0..=15 => out.push(short | count as u8),
        16..=0xffff => append_sized(out, long, &(count as u16).to_be_bytes()),
        _ => append_sized(out, long + 1, &(count as u32).to_be_bytes()),
    }
}

fn unpack(lua: &Lua, args: &Arguments<'_>, limit: i64, offset: i64) -> mlua::Result<MultiValue> {
    let text = args.string(1)?;
    let bytes = text.as_bytes();
    let len = bytes.len();
    if offset < 0 || limit < 0 {
        let text = format!("Invalid request to unpack with offset of {} and limit of {}.", offset as i32, len as i32);
        return Err(Failure::at_caller(lua, text));
    }
    if offset as u64 > len as u64 {
        let text = format!("Start offset {} greater than input length {}.", offset as i32, len as i32);
        return Err(Failure::at_caller(lua, text));
    }
    let all = limit == 0 && offset == 0;
    let limit = if all { i64::from(i32::MAX) } else { limit };
    let mut input = Input { lua, bytes: &bytes, at: offset as usize };
    let mut values = Vec::new();
    while input.at < len && (values.len() as i64) < limit {
        if values.len() >= MOST_RESULTS {
            let text = "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";
            return Err(Failure::at_caller(lua, text));
        }
        match input.value() {
            Ok(value) => values.push(value),
            Err(Stop::Missing) => return Err(Failure::at_caller(lua, "Missing bytes in input.")),
            Err(Stop::Bad) => return Err(Failure::at_caller(lua, "Bad data format in input.")),
            Err(Stop::Other(error)) => return Err(error),
        }
    }
    if !all {
        let next = if input.at == len { -1.0 } else { input.at as f64 };
        values.insert(0, Value::Number(next));
    }
    Ok(MultiValue::from_vec(values))
}

enum Stop {
    Missing,
    Bad,
    Other(mlua::Error),
}

impl From<mlua::Error> for Stop {
    fn from(error: mlua::Error) -> Stop {
        Stop::Other(error)
    }
}

struct Input<'a> {
    lua: &'a Lua,
    bytes: &'a [u8],
    at: usize,
}

/// A table being filled.
struct Open {
    table: Table,
    left: usize,
    /// Of an array the last index used; of a map a key that waits for its value.
    index: usize,
    is_map: bool,
    key: Option<Value>,
}

impl<'a> Input<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        self.slice(N)?.try_into().map_err(|_| Stop::Missing)
    }

    fn slice(&mut self, len: usize) -> Result<&'a [u8], Stop> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..len)).ok_or(Stop::Missing)?;
        self.at += len;
        Ok(bytes)
    }

    /// A whole value, tables with all that is in them. Walked with a stack of our own: the depth is the input's choice.
    fn value(&mut self) -> Result<Value, Stop> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut value = self.begin(&mut open)?;
            // Every value may be the last one of the table around it.
            loop {
                let Some(top) = open.last_mut() else {
                    return value.ok_or(Stop::Bad);
                };
                if let Some(value) = value.take() {
                    self.add(top, value)?;
                }
                if top.left > 0 {
                    break;
                }
                value = open.pop().map(|done| Value::Table(done.table));
            }
        }
    }

    fn add(&self, top: &mut Open, value: Value) -> Result<(), Stop> {
        if !top.is_map {
            top.left -= 1;
            top.index += 1;
            return Ok(top.table.raw_seti(top.index, value)?);
        }
        let Some(key) = top.key.take() else {
            top.key = Some(value);
            return Ok(());
        };
        top.left -= 1;
        match &key {
            Value::Nil => Err(Failure::at_caller(self.lua, "table index is nil").into()),
            Value::Number(number) if number.is_nan() => Err(Failure::at_caller(self.lua, "table index is NaN").into()),
            _ => Ok(top.table.raw_set(key, value)?),
        }
    }

    fn begin_table(&self, open: &mut Vec<Open>, left: usize, is_map: bool) -> Result<Option<Value>, Stop> {
        if open.len() >= MOST_UNPACKED {
            let text = match is_map {
                false => "stack overflow (in function mp_decode_to_lua_array)",
                true => "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)",
            };
            return Err(Failure::at_caller(self.lua, text).into());
        }
        open.push(Open { table: self.lua.create_table()?, left, index: 0, is_map, key: None });
        Ok(None)
    }

    /// The next value, or the begin of a table, which is put on the stack.
    fn begin(&mut self, open: &mut Vec<Open>) -> Result<Option<Value>, Stop> {
        let [mark] = self.take()?;
        let number = |number: f64| Ok(Some(Value::Number(number)));
        match mark {
            0x00..=0x7f => number(mark.into()),
            0xe0..=0xff => number((mark as i8).into()),
            0xcc => number(u8::from_be_bytes(self.take()?).into()),
            0xcd => number(u16::from_be_bytes(self.take()?).into()),
            0xce => number(u32::from_be_bytes(self.take()?).into()),
            // As the reference, which pushes it as a signed number.
            0xcf => number(u64::from_be_bytes(self.take()?) as i64 as f64),
            0xd0 => number(i8::from_be_bytes(self.take()?).into()),
            0xd1 => number(i16::from_be_bytes(self.take()?).into()),
            0xd2 => number(i32::from_be_bytes(self.take()?).into()),
            0xd3 => number(i64::from_be_bytes(self.take()?) as f64),
            0xca => number(f32::from_be_bytes(self.take()?).into()),
            0xcb => number(f64::from_be_bytes(self.take()?)),
            0xc0 => Ok(Some(Value::Nil)),
            0xc2 => Ok(Some(Value::Boolean(false))),
            0xc3 => Ok(Some(Value::Boolean(true))),
            0xa0..=0xbf => self.string(usize::from(mark & 0x1f)),
            0xd9 => {
                let len = u8::from_be_bytes(self.take()?);
                self.string(len.into())
            }
            0xda => {
                let len = u16::from_be_bytes(self.take()?);
                self.string(len.into())
            }
            0xdb => {
                let len = u32::from_be_bytes(self.take()?);
                self.string(len as usize)
            }
            0x90..=0x9f => self.begin_table(open, usize::from(mark & 0xf), false),
            0x80..=0x8f => self.begin_table(open, usize::from(mark & 0xf), true),
            0xdc | 0xde => {
                let len = u16::from_be_bytes(self.take()?);
                self.begin_table(open, len.into(), mark == 0xde)
            }
            0xdd | 0xdf => {
                let len = u32::from_be_bytes(self.take()?);
                self.begin_table(open, len as usize, mark == 0xdf)
            }
            _ => Err(Stop::Bad),
        }
    }

    fn string(&mut self, len: usize) -> Result<Option<Value>, Stop> {
        let bytes = self.slice(len)?;
        Ok(Some(Value::String(self.lua.create_string(bytes)?)))
    }
}
