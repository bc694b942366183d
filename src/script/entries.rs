//! Walking a table that holds others, step by step, with as few references into the interpreter as that takes: there is
//! room for some eight thousand at a time, and a table may have more entries.

use mlua::{Function, Lua, Table, Value};

/// The name under which the interpreter's own `next` is kept.
const NEXT: &str = "larder.next";

/// How many references a walk may hold at a time.
pub const MOST_HELD: usize = 7_000;

/// Keeps `next` before scripts get another one.
pub fn keep_next(lua: &Lua) -> mlua::Result<()> {
    let next: Function = lua.globals().raw_get("next")?;
    lua.set_named_registry_value(NEXT, next)
}

/// `next`, for [`Entries::next`].
pub fn next(lua: &Lua) -> mlua::Result<Function> {
    lua.named_registry_value(NEXT)
}

/// Where the walk of one table stands.
#[derive(Debug)]
pub struct Entries {
    table: Table,
    key: Value,
}

impl Entries {
    /// Before the first entry.
    pub fn of(table: Table) -> Entries {
        Entries { table, key: Value::Nil }
    }

    /// The next key and value.
    pub fn next(&mut self, next: &Function) -> mlua::Result<Option<(Value, Value)>> {
        let (key, value): (Value, Value) = next.call((&self.table, &self.key))?;
        if key.is_nil() {
            return Ok(None);
        }
        self.key = key.clone();
        Ok(Some((key, value)))
    }
}
