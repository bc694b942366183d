//! Lua values as JSON text.

use super::{MOST_PLACES, Settings};
use crate::script::arguments::kind;
use crate::script::entries::{self, Entries};
use crate::script::failure::Failure;
use crate::script::libraries::{Steps, bounded};
use mlua::{Lua, Table, Value};

/// A table being written. Tables are walked with a stack of our own: how deep they nest is the script's choice.
enum Open {
    Array { table: Table, next: i64, len: i64 },
    Object { entries: Entries, first: bool },
}

/// The text of a value.
pub fn write(lua: &Lua, settings: &Settings, value: &Value) -> mlua::Result<Vec<u8>> {
    let mut writer = Writer { lua, settings, out: Vec::new(), open: Vec::new(), places: 1 };
    writer.value(value)?;
    if writer.open.is_empty() {
        return Ok(writer.out);
    }
    let next_entry = entries::next(lua)?;
    let mut steps = Steps::default();
    while let Some(top) = writer.open.last_mut() {
        bounded(&writer.out)?;
        steps.step()?;
        match top {
            Open::Array { next, len, .. } if *next > *len => {
                writer.out.push(b']');
                writer.open.pop();
                writer.places -= 1;
            }
            Open::Array { table, next, .. } => {
                if *next > 1 {
                    writer.out.push(b',');
                }
                let element = table.raw_get::<Value>(*next)?;
                *next += 1;
                writer.value(&element)?;
            }
            Open::Object { entries, first } => match entries.next(&next_entry)? {
                None => {
                    writer.out.push(b'}');
                    writer.open.pop();
                    writer.places -= 2;
                }
                Some((key, value)) => {
                    if !std::mem::take(first) {
                        writer.out.push(b',');
                    }
                    writer.key(&key)?;
                    writer.value(&value)?;
                }
            },
        }
    }
    Ok(writer.out)
}

struct Writer<'a> {
    lua: &'a Lua,
    settings: &'a Settings,
    out: Vec<u8>,
    open: Vec<Open>,
    /// Places the walk would take on Lua's stack.
    places: usize,
}

impl Writer<'_> {
    fn refuse(&self, value: &Value, reason: &str) -> mlua::Error {
        Failure::at_caller(self.lua, format!("Cannot serialise {}: {reason}", kind(value)))
    }

    fn value(&mut self, value: &Value) -> mlua::Result<()> {
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::Boolean(value) => self.out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Value::Integer(number) => self.number(value, *number as f64)?,
            Value::Number(number) => self.number(value, *number)?,
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Table(table) => self.table(table)?,
            Value::LightUserData(pointer) if pointer.0.is_null() => self.out.extend_from_slice(b"null"),
            other => return Err(self.refuse(other, "type not supported")),
        }
        Ok(())
    }

    fn table(&mut self, table: &Table) -> mlua::Result<()> {
        let depth = self.open.len() + 1;
        if depth as i64 > self.settings.encode_max_depth || self.places + 3 > MOST_PLACES {
            return Err(Failure::at_caller(self.lua, format!("Cannot serialise, excessive nesting ({depth})")));
        }
        let (mut max, mut items, mut is_array) = (0i64, 0i64, true);
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair?;
            match key {
                Value::Integer(index) if index >= 1 => max = max.max(index.min(i32::MAX.into())),
                _ => {
                    is_array = false;
                    break;
                }
            }
            items += 1;
        }
        let settings = self.settings;
        if is_array && settings.sparse_ratio > 0 && max > items * settings.sparse_ratio && max > settings.sparse_safe {
            if !settings.sparse_convert {
                return Err(self.refuse(&Value::Table(table.clone()), "excessively sparse array"));
            }
            is_array = false;
        }
        if is_array && max > 0 {
            self.out.push(b'[');
            self.places += 1;
            self.open.push(Open::Array { table: table.clone(), next: 1, len: max });
        } else {
            self.out.push(b'{');
            self.places += 2;
            self.open.push(Open::Object { entries: Entries::of(table.clone()), first: true });
        }
        Ok(())
    }

    fn key(&mut self, key: &Value) -> mlua::Result<()> {
        match key {
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Integer(_) | Value::Number(_) => {
                self.out.push(b'"');
                let number = key.as_number().or_else(|| key.as_integer().map(|n| n as f64)).unwrap_or_default();
                self.number(key, number)?;
                self.out.push(b'"');
            }
            other => return Err(self.refuse(other, "table key must be a number or string")),
        }
        self.out.push(b':');
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for &byte in text {
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'/' => self.out.extend_from_slice(b"\\/"),
                0x08 => self.out.extend_from_slice(b"\\b"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                0x0c => self.out.extend_from_slice(b"\\f"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                0..=0x1f | 0x7f => self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                other => self.out.push(other),
            }
        }
        self.out.push(b'"');
    }

    fn number(&mut self, value: &Value, number: f64) -> mlua::Result<()> {
        if !number.is_finite() {
            match self.settings.encode_invalid_numbers {
                0 => return Err(self.refuse(value, "must not be NaN or Inf")),
                1 if number.is_nan() => self.out.extend_from_slice(b"nan"),
                1 => self.out.extend_from_slice(if number > 0.0 { b"inf" } else { b"-inf" }),
                _ => self.out.extend_from_slice(b"null"),
            }
            return Ok(());
        }
        self.out.extend_from_slice(significant(number, self.settings.precision as usize).as_bytes());
        Ok(())
    }
}

/// A finite number with so many significant digits, in C's format `%g`.
fn significant(number: f64, digits: usize) -> String {
    let scientific = format!("{:.*e}", digits - 1, number);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let without_zeros = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.unsigned_abs());
    }
    without_zeros(&format!("{:.*}", (digits as i32 - 1 - exponent) as usize, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_does() {
        for (number, digits, text) in [
            (0.0, 14, "0"),
            (1.0, 14, "1"),
            (-1.5, 14, "-1.5"),
            (0.1, 14, "0.1"),
            (1e14, 14, "1e+14"),
            (123456789012345.0, 14, "1.2345678901234e+14"),
            (99999999999999.0, 14, "99999999999999"),
            (0.0001, 14, "0.0001"),
            (0.00001, 14, "1e-05"),
            (2.34567, 3, "2.35"),
            (1e300, 14, "1e+300"),
            (2.5e-310, 2, "2.5e-310"),
        ] {
            assert_eq!(significant(number, digits), text);
        }
    }
}
