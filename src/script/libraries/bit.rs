//! `bit`: operations on the low 32 bits of numbers, with signed results.

use super::define;
use crate::script::arguments::Arguments;
use mlua::{Lua, Table};

/// The library.
pub fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    define(lua, &table, "tobit", |_, args| Ok(signed(bits(&args, 1)?)))?;
    define(lua, &table, "bnot", |_, args| Ok(signed(!bits(&args, 1)?)))?;
    define(lua, &table, "bswap", |_, args| Ok(signed(bits(&args, 1)?.swap_bytes())))?;
    define(lua, &table, "band", |_, args| fold(&args, |a, b| a & b))?;
    define(lua, &table, "bor", |_, args| fold(&args, |a, b| a | b))?;
    define(lua, &table, "bxor", |_, args| fold(&args, |a, b| a ^ b))?;
    define(lua, &table, "lshift", |_, args| shift(&args, |value, by| value << by))?;
    define(lua, &table, "rshift", |_, args| shift(&args, |value, by| value >> by))?;
    define(lua, &table, "arshift", |_, args| shift(&args, |value, by| (value as i32 >> by) as u32))?;
    define(lua, &table, "rol", |_, args| shift(&args, u32::rotate_left))?;
    define(lua, &table, "ror", |_, args| shift(&args, u32::rotate_right))?;
    define(lua, &table, "tohex", |lua, args| lua.create_string(hexadecimal(&args)?))?;
    Ok(table)
}

/// The low 32 bits of a number, rounded to the nearest integer: adding 2^52 + 2^51 leaves them at the end of the mantissa.
fn bits(args: &Arguments<'_>, number: usize) -> mlua::Result<u32> {
    Ok((args.number(number)? + 6_755_399_441_055_744.0).to_bits() as u32)
}

fn signed(bits: u32) -> f64 {
    f64::from(bits as i32)
}

fn fold(args: &Arguments<'_>, combine: fn(u32, u32) -> u32) -> mlua::Result<f64> {
    let mut result = bits(args, 1)?;
    for number in (2..=args.len()).rev() {
        result = combine(result, bits(args, number)?);
    }
    Ok(signed(result))
}

fn shift(args: &Arguments<'_>, apply: fn(u32, u32) -> u32) -> mlua::Result<f64> {
    Ok(signed(apply(bits(args, 1)?, bits(args, 2)? & 31)))
}

fn hexadecimal(args: &Arguments<'_>) -> mlua::Result<Vec<u8>> {
    let value = bits(args, 1)?;
    let wanted = if args.len() < 2 { 8 } else { bits(args, 2)? as i32 };
    let text = if wanted < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    let digits = wanted.unsigned_abs().min(8) as usize;
    Ok(text.into_bytes().split_off(8 - digits))
}
