//! The interpreter's stack, used directly where every call of a script passes: its keys and arguments, what
//! `redis.call` is given and returns, and what the script returns. The safe binding keeps a reference for each value and
//! protects each step by a call; here one protected call covers the whole run.
//!
//! Owns the unsafe code of scripts. Invariants:
//! - An error of the interpreter leaves C functions by a jump. So where one can arise (every allocation of the
//!   interpreter while its memory is limited), no frame of ours that it passes owns anything: what is there is `Copy`.
//! - Panics do not pass frames of C: what can panic is caught before it returns to the interpreter.
//! - The stack is as high after each function here as before, but for what it says it pushes.
//!
//! Start reading at [`Stack::run`].
#![allow(unsafe_code)]

mod call;
mod frames;
mod write;

pub use call::install;
pub use frames::locals;

use super::failure::Failure;
use crate::command::Args;
use mlua::{Function, Lua, RegistryKey, Table, Value, ffi};
use std::os::raw::c_int;

/// An interpreter, or a coroutine in it.
type State = *mut ffi::lua_State;

/// Places of the registry with the names of fields that replies and errors are made of.
#[derive(Debug)]
struct Names {
    err: RegistryKey,
    counted: RegistryKey,
    ok: RegistryKey,
    double: RegistryKey,
    big_number: RegistryKey,
    verbatim_string: RegistryKey,
    string: RegistryKey,
    format: RegistryKey,
    map: RegistryKey,
    set: RegistryKey,
}

/// The stack of one interpreter.
pub struct Stack {
    lua: Lua,
    state: State,
    enter: RegistryKey,
    handler: RegistryKey,
    globals: RegistryKey,
    keys: RegistryKey,
    arguments: RegistryKey,
    /// Where what the last run returned is kept until it is written.
    returned: RegistryKey,
    names: Names,
}

/// What one run is given; the interpreter is handed its address.
#[derive(Clone, Copy)]
struct Run<'a> {
    stack: &'a Stack,
    function: c_int,
    keys: Args<'a>,
    arguments: Args<'a>,
    as_globals: bool,
}

impl Stack {
    /// The stack of an interpreter. `globals`: the table that gets `KEYS` and `ARGV`; `handler`: what describes errors.
    pub fn new(lua: &Lua, globals: &Table, handler: &Function) -> mlua::Result<Stack> {
        let name = |name: &str| lua.create_registry_value(lua.create_string(name)?);
        // SAFETY: `enter` is given a `Run` by `Stack::run`, and is within reach of nobody else.
        let enter = unsafe { lua.create_c_function(enter)? };
        Ok(Stack {
            lua: lua.clone(),
            state: lua.exec_raw_lua(|raw| raw.state()),
            enter: lua.create_registry_value(enter)?,
            handler: lua.create_registry_value(handler)?,
            globals: lua.create_registry_value(globals)?,
            keys: name("KEYS")?,
            arguments: name("ARGV")?,
            // Anything but nil gets a place.
            returned: lua.create_registry_value(false)?,
            names: Names {
                err: name("err")?,
                counted: name("ignore_error_stats_update")?,
                ok: name("ok")?,
                double: name("double")?,
                big_number: name("big_number")?,
                verbatim_string: name("verbatim_string")?,
                string: name("string")?,
                format: name("format")?,
                map: name("map")?,
                set: name("set")?,
            },
        })
    }

    /// Runs a function with so much memory; what it returns is kept for [`Stack::write`]. `as_globals`: keys and
    /// arguments are found as `KEYS` and `ARGV` rather than given to it. Errors: the value that describes the error.
    pub fn run(
        &self,
        function: &RegistryKey,
        keys: Args<'_>,
        arguments: Args<'_>,
        as_globals: bool,
        limit_bytes: usize,
    ) -> Result<(), Value> {
        let state = self.state;
        let run = Run { stack: self, function: function.id(), keys, arguments, as_globals };
        // SAFETY: `self.lua` keeps the state alive, `run` outlives the call that reads it. Memory is not limited until the
        // stack has room for the three values, and what is pushed allocates nothing, so no error arises but inside the
        // protected call. That leaves the handler with one value above it.
        let status = unsafe {
            if ffi::lua_checkstack(state, 3) == 0 {
                return Err(Value::Error(Box::new(Failure::no_memory())));
            }
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, self.handler.id());
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, self.enter.id());
            ffi::lua_pushlightuserdata(state, (&raw const run).cast_mut().cast());
            // Setting a limit fails only for interpreters of others.
            let _ = self.lua.set_memory_limit(limit_bytes);
            let status = ffi::lua_pcall(state, 1, 1, -3);
            let _ = self.lua.set_memory_limit(0);
            ffi::lua_remove(state, -2);
            status
        };
        // SAFETY: the value is there. The place it is put into exists, so nothing is allocated for it.
        unsafe {
            if status == ffi::LUA_OK {
                ffi::lua_rawseti_(state, ffi::LUA_REGISTRYINDEX, self.returned.id());
                Ok(())
            } else {
                Err(self.lua.exec_raw_lua(|raw| raw.pop_value()))
            }
        }
    }
}

/// The function that is called protected: pushes what the script is given and calls it.
///
/// # Safety
/// Its one argument is the address of a [`Run`].
unsafe extern "C-unwind" fn enter(state: State) -> c_int {
    // SAFETY: promised by the caller. There is room for 20 values in a C function, and five are pushed at most; `Run`
    // and references to it are all that a jump passes.
    unsafe {
        let run = *ffi::lua_touserdata(state, 1).cast::<Run<'_>>();
        let stack = run.stack;
        let given = if run.as_globals {
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, stack.globals.id());
            for (name, words) in [(&stack.keys, run.keys), (&stack.arguments, run.arguments)] {
                ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, name.id());
                push_list(state, words);
                ffi::lua_rawset(state, -3);
            }
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, run.function);
            0
        } else {
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, run.function);
            push_list(state, run.keys);
            push_list(state, run.arguments);
            2
        };
        ffi::lua_call(state, given, 1);
        1
    }
}

/// Pushes a table with these words.
///
/// # Safety
/// There is room for two values, and a jump may pass the caller.
unsafe fn push_list(state: State, words: Args<'_>) {
    // SAFETY: promised by the caller; the words are copied.
    unsafe {
        ffi::lua_createtable(state, c_int::try_from(words.len()).unwrap_or(0), 0);
        for at in 0..words.len() {
            push_bytes(state, words.at(at));
            ffi::lua_rawseti_(state, -2, at as c_int + 1);
        }
    }
}

/// Pushes a string.
///
/// # Safety
/// There is room for it, and a jump may pass the caller.
unsafe fn push_bytes(state: State, bytes: &[u8]) {
    // SAFETY: promised by the caller; the bytes are copied, and of none nothing is read.
    unsafe { ffi::lua_pushlstring_(state, bytes.as_ptr().cast(), bytes.len()) }
}

/// The bytes of the string at a place of the stack.
///
/// # Safety
/// It is a string, and stays on the stack as long as the bytes are used.
unsafe fn bytes_at<'a>(state: State, place: c_int) -> &'a [u8] {
    let mut len = 0;
    // SAFETY: promised by the caller: of a string, nothing is converted or allocated.
    unsafe {
        let begin = ffi::lua_tolstring(state, place, &raw mut len);
        std::slice::from_raw_parts(begin.cast(), len)
    }
}
