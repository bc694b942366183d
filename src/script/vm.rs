//! One Lua interpreter: its walls (`sandbox.lua`), its memory, and running a function in it for somebody.
//!
//! Whoever runs a script is lent to the native functions for that time through `CALLER`; outside of a run it is unset,
//! and functions that need it say so. The interpreter counts what it allocates, and past the limit a script is told that
//! there is no memory.

use super::failure::Failure;
use super::functions::Draft;
use super::random::Random48;
use super::{api, libraries};
use crate::command::Caller;
use mlua::debug::Debug;
use mlua::{Function, HookTriggers, Lua, LuaOptions, RegistryKey, StdLib, Table, Value, VmState};
use scoped_tls_hkt::scoped_thread_local;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

scoped_thread_local!(
    /// Who runs the script of this thread.
    pub(super) static mut CALLER: for<'a> &'a mut dyn Caller
);

/// Instructions between two looks at the clock.
const INSTRUCTIONS_BETWEEN_LOOKS: u32 = 100_000;
/// What a script that was killed dies of.
pub const KILLED: &str = "Script killed by user with SCRIPT KILL...";
/// Runs between two steps of the garbage collector.
const RUNS_BETWEEN_STEPS: u32 = 50;
/// The name of our own Lua code, which errors do not point into.
const SANDBOX_NAME: &str = "=sandbox";

/// What native functions of one interpreter share.
#[derive(Default)]
pub struct Shared {
    /// Function libraries are loaded in it.
    pub has_libraries: bool,
    /// The random numbers.
    pub random: Random48,
    /// The library being loaded.
    pub draft: RefCell<Option<Draft>>,
    limit_bytes: Cell<usize>,
    killed: Cell<bool>,
}

impl Shared {
    /// Does something that may pass the limit of memory. It is also faster: nothing in it has to expect to be refused.
    pub fn without_limit<T>(&self, lua: &Lua, act: impl FnOnce() -> T) -> T {
        // Setting a limit fails only for interpreters of others.
        let _ = lua.set_memory_limit(0);
        let done = act();
        let _ = lua.set_memory_limit(self.limit_bytes.get());
        done
    }
}

/// One interpreter.
pub struct Vm {
    lua: Lua,
    shared: Rc<Shared>,
    real: Table,
    run: Function,
    load_library: Function,
    runs: Cell<u32>,
}

/// A function kept in the interpreter's registry, where there is room for any number of them.
pub type Kept = RegistryKey;

/// How an interpreter is to be.
#[derive(Debug, Clone, Copy)]
pub struct VmOptions {
    /// Bytes its scripts may allocate.
    pub memory_bytes: usize,
    /// Interfaces that were withdrawn are there (`lua-enable-deprecated-api`).
    pub old_api: bool,
    /// Function libraries are loaded in it.
    pub has_libraries: bool,
}

impl Vm {
    /// A new interpreter with its walls up.
    pub fn new(options: VmOptions) -> mlua::Result<Vm> {
        let lua = Lua::new_with(StdLib::TABLE | StdLib::STRING | StdLib::MATH, LuaOptions::new())?;
        let shared = Rc::new(Shared {
            has_libraries: options.has_libraries,
            limit_bytes: Cell::new(options.memory_bytes),
            ..Shared::default()
        });
        super::entries::keep_next(&lua)?;
        let native = lua.create_table()?;
        libraries::install(&lua, &native)?;
        api::install(&lua, &native, &shared)?;
        native.raw_set("seen_error", lua.create_function(|lua, value: Value| seen_error(lua, value))?)?;
        native.raw_set("handler", lua.create_function(|lua, value: Value| handle_error(lua, value))?)?;
        let sandbox = lua.load(include_str!("sandbox.lua")).set_name(SANDBOX_NAME);
        let parts: Table = sandbox.call((native, options.old_api))?;
        lua.set_globals(parts.raw_get("globals")?)?;
        let vm = Vm {
            real: parts.raw_get("real")?,
            run: parts.raw_get("run")?,
            load_library: parts.raw_get("load_library")?,
            runs: Cell::new(0),
            lua,
            shared,
        };
        vm.look_every(INSTRUCTIONS_BETWEEN_LOOKS)?;
        Ok(vm)
    }

    /// Asks the caller every so many instructions whether to go on.
    fn look_every(&self, instructions: u32) -> mlua::Result<()> {
        let shared = self.shared.clone();
        let triggers = HookTriggers::new().every_nth_instruction(instructions);
        self.lua.set_global_hook(triggers, move |lua, debug| look(lua, debug, &shared))
    }

    /// Compiles a chunk. Errors: what is wrong with it, with its place.
    pub fn compile(&self, code: &[u8], name: &str) -> Result<Kept, Vec<u8>> {
        // Only text is compiled. The first byte of compiled code is no text, and the message names it.
        const COMPILED: u8 = 27;
        let chunk = |code: &[u8]| {
            let mode = mlua::chunk::ChunkMode::Text;
            self.lua.load(code).set_name(name).set_mode(mode).into_function()
        };
        let message = |error: mlua::Error| match Failure::of(&error) {
            Failure::Text(text) | Failure::Reply { text, .. } => text,
        };
        if code.first() == Some(&COMPILED) {
            let defused = [b"\x01", &code[1..]].concat();
            let text = chunk(&defused).map_err(message).err().unwrap_or_default();
            return Err(String::from_utf8_lossy(&text).replace("char(1)", "char(27)").into_bytes());
        }
        chunk(code).and_then(|function| self.lua.create_registry_value(function)).map_err(message)
    }

    /// Runs a function. `globals`: keys and arguments are found as `KEYS` and `ARGV` rather than given to it.
    /// Returns what it returned, or `Err` with the value that describes its error.
    pub fn run<'i>(
        &self,
        function: &Kept,
        keys: impl ExactSizeIterator<Item = &'i [u8]>,
        arguments: impl ExactSizeIterator<Item = &'i [u8]>,
        globals: bool,
        caller: &mut dyn Caller,
    ) -> Result<Value, Value> {
        let act = || -> mlua::Result<(bool, Value)> {
            let (keys, arguments) = (self.list(keys)?, self.list(arguments)?);
            let function: Function = self.lua.registry_value(function)?;
            if globals {
                self.real.raw_set("KEYS", keys)?;
                self.real.raw_set("ARGV", arguments)?;
                self.limited(|| self.run.call(function))
            } else {
                self.limited(|| self.run.call((function, keys, arguments)))
            }
        };
        let result = self.guarded(caller, act);
        self.runs.set(self.runs.get() + 1);
        if self.runs.get() == RUNS_BETWEEN_STEPS {
            self.runs.set(0);
            // What it frees are tables and strings: no code of scripts runs for it, so it does not fail.
            let _ = self.lua.gc_step();
        }
        result
    }

    /// Does something with the limit of memory in force.
    fn limited<T>(&self, act: impl FnOnce() -> T) -> T {
        // Setting a limit fails only for interpreters of others.
        let _ = self.lua.set_memory_limit(self.shared.limit_bytes.get());
        act()
    }

    /// Runs code of somebody for a caller, and brings the interpreter back to where it can run the next.
    fn guarded(
        &self,
        caller: &mut dyn Caller,
        act: impl FnOnce() -> mlua::Result<(bool, Value)>,
    ) -> Result<Value, Value> {
        // The binding panics when a script makes it hold more values at a time than there is room for.
        let result = catch_unwind(AssertUnwindSafe(|| CALLER.set(caller, act)));
        let _ = self.lua.set_memory_limit(0);
        if self.shared.killed.take() {
            // Cannot fail: a hook was set before.
            let _ = self.look_every(INSTRUCTIONS_BETWEEN_LOOKS);
        }
        match result {
            Ok(Ok((true, value))) => Ok(value),
            Ok(Ok((false, value))) => Err(value),
            Ok(Err(error)) => Err(Value::Error(Box::new(error))),
            Err(_) => Err(Value::Error(Box::new(Failure::no_memory()))),
        }
    }

    fn list<'i>(&self, items: impl ExactSizeIterator<Item = &'i [u8]>) -> mlua::Result<Table> {
        let table = self.lua.create_table_with_capacity(items.len(), 0)?;
        for (at, item) in items.enumerate() {
            table.raw_seti(at + 1, self.lua.create_string(item)?)?;
        }
        Ok(table)
    }

    /// Runs the code of a function library, which registers its functions. Errors: what it died of.
    pub fn load_library(&self, function: Kept, caller: &mut dyn Caller) -> Result<Draft, Value> {
        *self.shared.draft.borrow_mut() = Some(Draft::default());
        let act = || {
            let code: Function = self.lua.registry_value(&function)?;
            self.limited(|| self.load_library.call::<(bool, Value)>(code))
        };
        let result = self.guarded(caller, act);
        drop(function);
        self.lua.expire_registry_values();
        let draft = self.shared.draft.take().unwrap_or_default();
        result.map(|_| draft)
    }

    /// Lets go of functions that nobody keeps any more.
    pub fn forget_dropped(&self) {
        self.lua.expire_registry_values();
    }

    /// The interpreter.
    pub fn lua(&self) -> &Lua {
        &self.lua
    }

    /// Bytes it has allocated.
    pub fn used_bytes(&self) -> usize {
        self.lua.used_memory()
    }
}

/// Asks the caller whether the script is to go on.
fn look(lua: &Lua, debug: &Debug<'_>, shared: &Rc<Shared>) -> mlua::Result<VmState> {
    if !CALLER.is_set() {
        return Ok(VmState::Continue);
    }
    // Our own code does not last, and what it does for the end of a script is to be done.
    if shared.killed.get() && debug.source().source.is_some_and(|source| source == SANDBOX_NAME) {
        return Ok(VmState::Continue);
    }
    if !shared.killed.get() && !CALLER.with(|caller| caller.interrupted()) {
        return Ok(VmState::Continue);
    }
    if !shared.killed.replace(true) {
        // From here on every instruction ends it, so that it cannot catch the error and go on.
        let own = shared.clone();
        lua.set_global_hook(HookTriggers::new().every_nth_instruction(1), move |lua, debug| look(lua, debug, &own))?;
    }
    Err(Failure::reply(match shared.draft.borrow().is_some() {
        true => "FUNCTION LOAD timeout",
        false => KILLED,
    }))
}

/// What a script may see of an error it caught.
fn seen_error(lua: &Lua, value: Value) -> mlua::Result<Value> {
    match value {
        Value::Error(error) => Failure::of(&error).into_value(lua),
        other => Ok(other),
    }
}

/// Describes an error that ends a script: a table with its text and the place it comes from.
fn handle_error(lua: &Lua, value: Value) -> mlua::Result<Value> {
    let table = match seen_error(lua, value)? {
        Value::Table(table) => table,
        other => {
            let mut text = b"ERR ".to_vec();
            match super::arguments::as_string(lua, &other)? {
                Some(string) => text.extend_from_slice(&string.as_bytes()),
                None => text.extend_from_slice(other.to_string()?.as_bytes()),
            }
            let table = lua.create_table_with_capacity(0, 3)?;
            table.raw_set("err", lua.create_string(text)?)?;
            table
        }
    };
    if let Some((source, line)) = origin(lua) {
        table.set("source", source)?;
        table.set("line", line)?;
    }
    Ok(Value::Table(table))
}

/// Source and line of the function that raised an error, or of its caller when that is native.
fn origin(lua: &Lua) -> Option<(String, i64)> {
    let mut native = None;
    for level in 1.. {
        let (source, line, is_native) = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let line = debug.current_line().map_or(-1, |line| line as i64);
            (source.source.unwrap_or_default().into_owned(), line, source.what == "C")
        })?;
        if source == SANDBOX_NAME {
            continue;
        }
        if !is_native || native.is_some() {
            return Some((source, line));
        }
        native = Some(());
    }
    None
}
