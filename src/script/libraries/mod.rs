//! The libraries scripts find beside Lua's own: `cjson`, `cmsgpack`, `struct` and `bit`, each with the results, limits and
//! messages that scripts know. Nothing in them trusts a length or a depth.

mod bit;
mod cjson;
mod cmsgpack;
mod structs;

use super::arguments::Arguments;
use super::failure::Failure;
use super::vm::{CALLER, KILLED};
use mlua::{IntoLuaMulti, Lua, MultiValue, Table};

/// No string made by a library is longer than this; beyond it a script is out of memory.
pub const MOST_ENCODED: usize = 512 << 20;

/// Steps of a native loop between two looks at the clock.
const STEPS_BETWEEN_LOOKS: u32 = 10_000;

/// Counts the steps of a native loop, so that it can be ended as a loop of the script can: a table that holds others
/// many times over takes far longer to write than to make.
#[derive(Debug, Default)]
pub struct Steps(u32);

impl Steps {
    /// One more step. Errors: the script is to end.
    pub fn step(&mut self) -> mlua::Result<()> {
        self.0 += 1;
        if self.0 >= STEPS_BETWEEN_LOOKS {
            self.0 = 0;
            if CALLER.is_set() && CALLER.with(|caller| caller.interrupted()) {
                return Err(Failure::reply(KILLED));
            }
        }
        Ok(())
    }
}

/// Adds a native function to a table.
pub fn define<R: IntoLuaMulti + 'static>(
    lua: &Lua,
    table: &Table,
    name: &str,
    function: impl Fn(&Lua, Arguments<'_>) -> mlua::Result<R> + 'static,
) -> mlua::Result<()> {
    let native = lua.create_function(move |lua, values: MultiValue| function(lua, Arguments::new(lua, values)))?;
    table.raw_set(name, native)
}

/// Adds the four libraries to the table of native functions.
pub fn install(lua: &Lua, native: &Table) -> mlua::Result<()> {
    native.raw_set("cjson", cjson::library(lua)?)?;
    native.raw_set("cmsgpack", cmsgpack::library(lua)?)?;
    native.raw_set("struct", structs::library(lua)?)?;
    native.raw_set("bit", bit::library(lua)?)
}

/// Refuses to let an encoded string grow without end.
fn bounded(out: &[u8]) -> mlua::Result<()> {
    if out.len() > MOST_ENCODED { Err(Failure::no_memory()) } else { Ok(()) }
}
