//! `struct`: C structures as strings. A format is a row of one-letter options, some with a number behind.

use super::{bounded, define};
use crate::script::arguments::{Arguments, truncate};
use crate::script::failure::Failure;
use mlua::{Lua, MultiValue, Table, Value};

/// Bytes of the largest integer.
const MOST_INTEGER_BYTES: usize = 32;
/// `!` without a number.
const NATIVE_ALIGNMENT: usize = 8;
/// Bytes that count in an integer.
const INTEGER_BYTES: usize = 8;

/// The library.
pub fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    define(lua, &table, "pack", pack)?;
    define(lua, &table, "unpack", unpack)?;
    define(lua, &table, "size", size)?;
    Ok(table)
}

/// A format being read, and what it has said of byte order and alignment so far.
struct Format<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    big_endian: bool,
    alignment: usize,
}

impl<'a> Format<'a> {
    fn new(lua: &'a Lua, text: &'a [u8]) -> Format<'a> {
        let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
        Format { lua, text, at: 0, big_endian: false, alignment: 1 }
    }

    /// The next option and the bytes it takes, as far as that can be told from the format.
    fn next(&mut self) -> mlua::Result<Option<(u8, usize)>> {
        let Some(&option) = self.text.get(self.at) else { return Ok(None) };
        self.at += 1;
        let size = match option {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > MOST_INTEGER_BYTES {
                    let text = format!("integral size {size} is larger than limit of {MOST_INTEGER_BYTES}");
                    return Err(Failure::at_caller(self.lua, text));
                }
                size
            }
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    /// The number that follows, or the default.
    fn number(&mut self, default: usize) -> mlua::Result<usize> {
        const MOST: usize = i32::MAX as usize;
        let mut number = None;
        while let Some(digit) = self.text.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            let next = number.unwrap_or(0) * 10 + usize::from(digit - b'0');
            if next > MOST {
                return Err(Failure::at_caller(self.lua, "integral size overflow"));
            }
            number = Some(next);
            self.at += 1;
        }
        Ok(number.unwrap_or(default))
    }

    /// Bytes to be skipped so that an element of this size is aligned.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        // Sizes of integers need not be powers of two; the formula is that of everybody.
        let size = size.min(self.alignment);
        size.wrapping_sub(position & (size - 1)) & (size - 1)
    }

    /// An option that sets byte order or alignment.
    fn control(&mut self, args: &Arguments<'_>, option: u8) -> mlua::Result<()> {
        match option {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let alignment = self.number(NATIVE_ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    let text = format!("alignment {alignment} is not a power of 2");
                    return Err(Failure::at_caller(self.lua, text));
                }
                self.alignment = alignment;
            }
            other => {
                let text = [b"invalid format option '".as_slice(), &[other], b"'"].concat();
                return Err(args.error(1, text));
            }
        }
        Ok(())
    }

    fn order<const N: usize>(&self, mut bytes: [u8; N]) -> [u8; N] {
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }
}

fn pack(lua: &Lua, args: Arguments<'_>) -> mlua::Result<Value> {
    // Of the reference's arguments the one behind the last is nil.
    let args = args.and_nil();
    let text = args.string(1)?.as_bytes().to_vec();
    let mut format = Format::new(lua, &text);
    let mut out = Vec::new();
    let mut number = 1;
    while let Some((option, size)) = format.next()? {
        let padding = format.padding(out.len(), option, size);
        out.resize(out.len() + padding, 0);
        bounded(&out)?;
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                number += 1;
                put_integer(&mut out, args.number(number)?, size, format.big_endian);
            }
            b'x' => out.push(0),
            b'f' => {
                number += 1;
                out.extend_from_slice(&format.order((args.number(number)? as f32).to_le_bytes()));
            }
            b'd' => {
                number += 1;
                out.extend_from_slice(&format.order(args.number(number)?.to_le_bytes()));
            }
            b'c' | b's' => {
                number += 1;
                let string = args.string(number)?;
                let bytes = string.as_bytes();
                let len = if size == 0 { bytes.len() } else { size };
                if bytes.len() < len {
                    return Err(args.error(number + 1, "string too short"));
                }
                out.extend_from_slice(&bytes[..len]);
                if option == b's' {
                    out.push(0);
                }
            }
            other => format.control(&args, other)?,
        }
    }
    bounded(&out)?;
    Ok(Value::String(lua.create_string(out)?))
}

/// Appends the low bytes of a number. Beyond eight bytes there is nothing of it left.
fn put_integer(out: &mut Vec<u8>, number: f64, size: usize, big_endian: bool) {
    let value = if number < 0.0 { truncate(number) as u64 } else { to_unsigned(number) };
    let mut bytes = [0; MOST_INTEGER_BYTES];
    bytes[..INTEGER_BYTES].copy_from_slice(&value.to_le_bytes());
    let bytes = &mut bytes[..size];
    if big_endian {
        bytes.reverse();
    }
    out.extend_from_slice(bytes);
}

/// A positive float as an unsigned integer, as the processor converts it.
fn to_unsigned(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if number < HALF { truncate(number) as u64 } else { truncate(number - HALF) as u64 ^ (1 << 63) }
}

fn unpack(lua: &Lua, args: Arguments<'_>) -> mlua::Result<MultiValue> {
    let text = args.string(1)?.as_bytes().to_vec();
    let data = args.string(2)?;
    let data = data.as_bytes();
    let start = args.integer_or(3, 1)?;
    // As an unsigned number a negative offset is far behind the data.
    let Some(mut at) = (start as u64).checked_sub(1).map(|at| at as usize) else {
        return Err(args.error(3, "offset must be 1 or greater"));
    };
    let mut format = Format::new(lua, &text);
    let mut values: Vec<Value> = Vec::new();
    while let Some((option, mut size)) = format.next()? {
        at = at.wrapping_add(format.padding(at, option, size));
        let fits = |at: usize, size: usize| size <= data.len() && at <= data.len() - size;
        if !fits(at, size) {
            return Err(args.error(2, "data string too short"));
        }
        let bytes = &data[at..at + size];
        if values.len() >= MOST_RESULTS {
            return Err(Failure::at_caller(lua, "stack overflow (too many results)"));
        }
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                values.push(Value::Number(integer(bytes, format.big_endian, option.is_ascii_lowercase())));
            }
            b'x' => {}
            b'f' => {
                let bytes = format.order(bytes.try_into().unwrap_or_default());
                values.push(Value::Number(f32::from_le_bytes(bytes).into()));
            }
            b'd' => {
                let bytes = format.order(bytes.try_into().unwrap_or_default());
                values.push(Value::Number(f64::from_le_bytes(bytes)));
            }
            b'c' => {
                if size == 0 {
                    let Some(Value::Number(before)) = values.pop() else {
                        return Err(Failure::at_caller(lua, "format 'c0' needs a previous size"));
                    };
                    size = to_unsigned_any(before) as usize;
                    if !fits(at, size) {
                        return Err(args.error(2, "data string too short"));
                    }
                }
                values.push(Value::String(lua.create_string(&data[at..at + size])?));
            }
            b's' => {
                let Some(len) = memchr::memchr(0, &data[at..]) else {
                    return Err(Failure::at_caller(lua, "unfinished string in data"));
                };
                values.push(Value::String(lua.create_string(&data[at..at + len])?));
                size = len + 1;
            }
            other => format.control(&args, other)?,
        }
        at += size;
    }
    values.push(Value::Number(at as f64 + 1.0));
    Ok(MultiValue::from_vec(values))
}

/// Values one call returns at most.
const MOST_RESULTS: usize = crate::script::entries::MOST_HELD;

/// Any float as an unsigned integer, as the processor converts it.
fn to_unsigned_any(number: f64) -> u64 {
    if number < 0.0 { truncate(number) as u64 } else { to_unsigned(number) }
}

fn integer(bytes: &[u8], big_endian: bool, is_signed: bool) -> f64 {
    let mut value: u64 = 0;
    let mut add = |byte: &u8| value = value << 8 | u64::from(*byte);
    if big_endian {
        bytes.iter().for_each(&mut add)
    } else {
        bytes.iter().rev().for_each(&mut add)
    }
    if !is_signed {
        return value as f64;
    }
    // As the reference: the sign is looked for at the shift modulo 64.
    let mask = u64::MAX.wrapping_shl((bytes.len() as u32 * 8).wrapping_sub(1));
    let value = if value & mask != 0 { value | mask } else { value };
    value as i64 as f64
}

fn size(lua: &Lua, args: Arguments<'_>) -> mlua::Result<Value> {
    let text = args.string(1)?.as_bytes().to_vec();
    let mut format = Format::new(lua, &text);
    let mut at = 0usize;
    while let Some((option, size)) = format.next()? {
        at = at.wrapping_add(format.padding(at, option, size));
        match option {
            b's' => return Err(args.error(1, "option 's' has no fixed size")),
            b'c' if size == 0 => return Err(args.error(1, "option 'c0' has no fixed size")),
            other if !other.is_ascii_alphanumeric() => format.control(&args, other)?,
            _ => {}
        }
        at = at.wrapping_add(size);
    }
    Ok(Value::Number(at as f64))
}
