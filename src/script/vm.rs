//! One Lua interpreter: its walls (`sandbox.lua`), its memory, and running a function in it for somebody.
//!
//! Whoever runs a script is lent to the native functions for that time through `CALLER`; outside of a run it is unset,
//! and functions that need it say so. The interpreter counts what it allocates, and past the limit a script is told that
//! there is no memory.

use super::convert::ErrorReply;
use super::failure::Failure;
use super::functions::Draft;
use super::random::Random48;
use super::raw::Stack;
use super::{api, debugger, libraries};
use crate::command::{Args, Caller};
use crate::resp::reply::{Protocol, Reply};
use mlua::debug::{Debug, DebugEvent};
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
    /// Interfaces that were withdrawn are there.
    pub old_api: bool,
    /// The random numbers.
    pub random: Rc<Random48>,
    /// The library being loaded.
    pub draft: RefCell<Option<Draft>>,
    killed: Cell<bool>,
}

impl Shared {
    /// What code that was ended dies of.
    fn end(&self) -> &'static str {
        if self.draft.borrow().is_some() { "FUNCTION LOAD timeout" } else { KILLED }
    }
}

/// One interpreter.
pub struct Vm {
    lua: Lua,
    shared: Rc<Shared>,
    limit_bytes: usize,
    stack: Stack,
    load_library: Function,
    runs: Cell<u32>,
    /// What the last full collection left.
    in_use_bytes: Cell<usize>,
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
    /// A new interpreter with its walls up. Its random numbers go on in a row that others may share.
    pub fn new(options: VmOptions, random: Rc<Random48>) -> mlua::Result<Vm> {
        let lua = Lua::new_with(StdLib::TABLE | StdLib::STRING | StdLib::MATH, LuaOptions::new())?;
        let shared = Rc::new(Shared {
            has_libraries: options.has_libraries,
            old_api: options.old_api,
            random,
            ..Shared::default()
        });
        super::entries::keep_next(&lua)?;
        let native = lua.create_table()?;
        libraries::install(&lua, &native)?;
        api::install(&lua, &native, &shared)?;
        let own = shared.clone();
        let catch = lua.create_function(move |lua, value: Value| match own.killed.get() {
            // Whoever catches the end of a killed script is ended by it too.
            true => Err(Failure::reply(own.end())),
            false => seen_error(lua, value),
        })?;
        native.raw_set("seen_error", catch)?;
        let handler = lua.create_function(|lua, value: Value| handle_error(lua, value))?;
        native.raw_set("handler", &handler)?;
        let sandbox = lua.load(include_str!("sandbox.lua")).set_name(SANDBOX_NAME);
        let parts: Table = sandbox.call((native, options.old_api))?;
        lua.set_globals(parts.raw_get("globals")?)?;
        let vm = Vm {
            stack: Stack::new(&lua, &parts.raw_get("real")?, &handler)?,
            limit_bytes: options.memory_bytes,
            load_library: parts.raw_get("load_library")?,
            runs: Cell::new(0),
            in_use_bytes: Cell::new(0),
            lua,
            shared,
        };
        vm.look_every(INSTRUCTIONS_BETWEEN_LOOKS)?;
        Ok(vm)
    }

    /// Asks the caller every so many instructions whether to go on.
    fn look_every(&self, instructions: u32) -> mlua::Result<()> {
        self.look_at(HookTriggers::new().every_nth_instruction(instructions))
    }

    fn look_at(&self, triggers: HookTriggers) -> mlua::Result<()> {
        let shared = self.shared.clone();
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

    /// Runs a function; what it returns is kept until [`Vm::write`]. `globals`: keys and arguments are found as `KEYS` and
    /// `ARGV` rather than given to it. Errors: the value that describes the error.
    pub fn run(
        &self,
        function: &Kept,
        keys: Args<'_>,
        arguments: Args<'_>,
        globals: bool,
        caller: &mut dyn Caller,
    ) -> Result<(), Value> {
        let act = || {
            let ended = self.stack.run(function, keys, arguments, globals, self.limit_bytes);
            self.collect_if_full();
            Ok(ended)
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

    /// Runs a function as [`Vm::run`], under the debugger. Returned is also what the client at its console is still to be
    /// told.
    pub fn debug(
        &self,
        body: &[u8],
        function: &Kept,
        keys: Args<'_>,
        arguments: Args<'_>,
        caller: &mut dyn Caller,
    ) -> (Result<(), Value>, Vec<u8>) {
        let triggers = HookTriggers::EVERY_LINE.every_nth_instruction(INSTRUCTIONS_BETWEEN_LOOKS);
        debugger::begin(body);
        // Cannot fail: a hook was set before.
        let _ = self.look_at(triggers);
        let result = self.run(function, keys, arguments, true, caller);
        let _ = self.look_every(INSTRUCTIONS_BETWEEN_LOOKS);
        (result, debugger::end())
    }

    /// Collects what is left of runs when it takes half of the memory there is: Lua itself waits until it holds twice of
    /// what was in use, and then there may be no room for the next run.
    fn collect_if_full(&self) {
        let used_bytes = self.used_bytes();
        let in_use_bytes = self.in_use_bytes.get();
        if used_bytes > self.limit_bytes / 2 && used_bytes > in_use_bytes + in_use_bytes / 4 {
            // Fails only with code of scripts that the collector runs, which ends there.
            let _ = self.lua.gc_collect();
            self.in_use_bytes.set(self.used_bytes());
        }
    }

    /// Writes what the last run returned.
    pub fn write(&self, reply: &mut Reply, protocol: Protocol) -> Vec<ErrorReply> {
        self.stack.write(reply, protocol)
    }

    /// Does something with the limit of memory in force.
    fn limited<T>(&self, act: impl FnOnce() -> T) -> T {
        // Setting a limit fails only for interpreters of others.
        let _ = self.lua.set_memory_limit(self.limit_bytes);
        act()
    }

    /// Runs code of somebody for a caller, and brings the interpreter back to where it can run the next.
    fn guarded<T>(
        &self,
        caller: &mut dyn Caller,
        act: impl FnOnce() -> mlua::Result<Result<T, Value>>,
    ) -> Result<T, Value> {
        // The binding panics when a script makes it hold more values at a time than there is room for.
        let result = catch_unwind(AssertUnwindSafe(|| CALLER.set(caller, act)));
        let _ = self.lua.set_memory_limit(0);
        if self.shared.killed.take() {
            // Cannot fail: a hook was set before.
            let _ = self.look_every(INSTRUCTIONS_BETWEEN_LOOKS);
        }
        match result {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => Err(Value::Error(Box::new(error))),
            Err(_) => Err(Value::Error(Box::new(Failure::no_memory()))),
        }
    }

    /// Runs the code of a function library, which registers its functions. Errors: what it died of.
    pub fn load_library(&self, function: Kept, caller: &mut dyn Caller) -> Result<Draft, Value> {
        *self.shared.draft.borrow_mut() = Some(Draft::default());
        let act = || {
            let code: Function = self.lua.registry_value(&function)?;
            let (succeeded, value) = self.limited(|| self.load_library.call::<(bool, Value)>(code))?;
            Ok(if succeeded { Ok(()) } else { Err(value) })
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
    let is_line = matches!(debug.event(), DebugEvent::Line);
    if !shared.killed.get() && (is_line || !CALLER.with(|caller| caller.interrupted())) {
        let is_left = debugger::is_on() && debugger::pause(lua, debug)?;
        if !is_left || !CALLER.with(|caller| caller.interrupted()) {
            return Ok(VmState::Continue);
        }
    }
    if !shared.killed.replace(true) {
        // From here on every instruction ends it, so that it cannot catch the error and go on.
        let own = shared.clone();
        lua.set_global_hook(HookTriggers::new().every_nth_instruction(1), move |lua, debug| look(lua, debug, &own))?;
    }
    Err(Failure::reply(shared.end()))
}

/// What a script may see of an error it caught.
fn seen_error(lua: &Lua, value: Value) -> mlua::Result<Value> {
    match value {
        Value::Error(error) => Failure::of(&error).into_value(lua),
        Value::String(text) => match without_our_place(&text.as_bytes()) {
            Some(message) => Ok(Value::String(lua.create_string(message)?)),
            None => Ok(Value::String(text.clone())),
        },
        other => Ok(other),
    }
}

/// A message without the place in our own code that it begins with, if it does: the native functions that it calls for
/// scripts name their caller.
fn without_our_place(message: &[u8]) -> Option<&[u8]> {
    let rest = message.strip_prefix(b"sandbox:")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest[digits..].strip_prefix(b": ").filter(|_| digits > 0)
}

/// Describes an error that ends a script: a table with its text and the place it comes from.
fn handle_error(lua: &Lua, value: Value) -> mlua::Result<Value> {
    let origin = origin(lua);
    let ours = matches!(&value, Value::String(text) if without_our_place(&text.as_bytes()).is_some());
    let table = match seen_error(lua, value)? {
        Value::Table(table) => table,
        other => {
            let mut text = b"ERR ".to_vec();
            if let Some((source, line)) = origin.as_ref().filter(|_| ours) {
                text.extend_from_slice(format!("{}:{line}: ", source.trim_start_matches(['@', '='])).as_bytes());
            }
            match super::arguments::as_string(lua, &other)? {
                Some(string) => text.extend_from_slice(&string.as_bytes()),
                None => text.extend_from_slice(other.to_string()?.as_bytes()),
            }
            let table = lua.create_table_with_capacity(0, 3)?;
            table.raw_set("err", lua.create_string(text)?)?;
            table
        }
    };
    if let Some((source, line)) = origin {
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
