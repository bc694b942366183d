//! `redis.call`, `redis.pcall` and `redis.acl_check_cmd`: the words they are given, and the reply as values.
//!
//! Such a function has three parts. The words are copied, which allocates nothing in the interpreter. Then the caller of
//! the run is asked, where all may happen that happens in a server, and nothing of the interpreter is touched. What is
//! left of that is an [`Answer`], which owns nothing; the values for it are pushed last, when an error may jump.

use super::{State, bytes_at, push_bytes};
use crate::base::num::{format_f64_17g, parse_f64, parse_i64};
use crate::command::Args;
use crate::resp::parser::Span;
use crate::script::debugger;
use crate::script::failure::{NO_MEMORY, error_text};
use crate::script::vm::CALLER;
use mlua::{Function, Lua, Table, ffi};
use std::cell::RefCell;
use std::ffi::CStr;
use std::os::raw::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A reply that is longer is not held to the limit of memory when it becomes values: it is in memory already.
const LARGE_REPLY_BYTES: usize = 64 * 1024;

/// The words of one command, as they were given to `redis.call`.
#[derive(Debug, Default)]
struct Words {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// One of them was no word.
    bad: bool,
}

thread_local! {
    /// The words of the call that is being made, and the buffers of the next.
    static WORDS: RefCell<Words> = RefCell::default();
    /// The text of the error that is being raised.
    static ERROR: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a call came to.
#[derive(Clone, Copy)]
enum Answer {
    /// A reply, which the caller keeps until it is asked the next time.
    Reply(*const [u8]),
    /// The text in `ERROR`. `counted`: it is in the figures already.
    Error { counted: bool },
    /// A truth value.
    Truth(bool),
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// The reply of a command. `raises`: an error ends the script.
    Call { raises: bool },
    /// Whether a command is allowed.
    MayRun,
}

/// Adds the functions to `redis`. `old_api`: scripts can have code run by the collector.
pub fn install(lua: &Lua, redis: &Table, old_api: bool) -> mlua::Result<()> {
    for (name, function) in [("call", call as ffi::lua_CFunction), ("pcall", pcall), ("acl_check_cmd", acl_check_cmd)] {
        // SAFETY: the functions expect `old_api` as what belongs to them, and nothing of their arguments; there is room.
        let function: Function = unsafe {
            lua.exec_raw((), |state| {
                ffi::lua_pushboolean(state, c_int::from(old_api));
                ffi::lua_pushcclosure(state, function, 1);
            })?
        };
        redis.raw_set(name, function)?;
    }
    Ok(())
}

/// `redis.call`.
unsafe extern "C-unwind" fn call(state: State) -> c_int {
    // SAFETY: called by the interpreter, as `install` made it.
    unsafe { answer(state, Ask::Call { raises: true }) }
}

/// `redis.pcall`.
unsafe extern "C-unwind" fn pcall(state: State) -> c_int {
    // SAFETY: as for `call`.
    unsafe { answer(state, Ask::Call { raises: false }) }
}

/// `redis.acl_check_cmd`.
unsafe extern "C-unwind" fn acl_check_cmd(state: State) -> c_int {
    // SAFETY: as for `call`.
    unsafe { answer(state, Ask::MayRun) }
}

/// Does what a function is for and pushes its result.
///
/// # Safety
/// It is the body of a C function that `install` made.
unsafe fn answer(state: State, ask: Ask) -> c_int {
    // SAFETY: reading arguments and asking raise no error of the interpreter and let no panic through, and own nothing
    // when they are done. What may jump comes after, and passes `Copy` values only. The stack is emptied before, so there
    // is room for 20 values.
    unsafe {
        let answer = make(state, ask);
        ffi::lua_settop(state, 0);
        let is_large = matches!(answer, Answer::Reply(reply) if reply.len() > LARGE_REPLY_BYTES);
        if is_large || ffi::lua_toboolean(state, ffi::lua_upvalueindex(1)) != 0 {
            push_undisturbed(state, answer);
        } else {
            push(state, answer);
        }
        match (answer, ask) {
            (Answer::Error { .. }, Ask::MayRun | Ask::Call { raises: true }) => ffi::lua_error(state),
            _ => 1,
        }
    }
}

/// Pushes the value of an answer.
///
/// # Safety
/// Nothing else was asked since, and is until it returns; a jump may pass the caller; there is room for 20 values.
unsafe fn push(state: State, answer: Answer) {
    // SAFETY: promised by the caller.
    unsafe {
        match answer {
            Answer::Truth(truth) => ffi::lua_pushboolean(state, c_int::from(truth)),
            Answer::Error { counted } => {
                let text: *const [u8] = ERROR.with_borrow(|text| &raw const text[..]);
                push_error(state, &*text, counted);
            }
            Answer::Reply(reply) => Cursor { state, bytes: &*reply, at: 0 }.push(),
        }
    }
}

/// The same while the collector rests and memory is not limited. Where code of scripts may be run by the collector, it
/// could call a command, whose reply would take the place of this one.
///
/// # Safety
/// As for [`push`].
unsafe fn push_undisturbed(state: State, answer: Answer) {
    // SAFETY: promised by the caller. No error arises without a limit and without code of scripts, so what is changed here
    // is changed back. The state belongs to an interpreter of the binding.
    unsafe {
        let lua = Lua::get_or_init_from_ptr(state);
        // Setting a limit fails only for interpreters of others.
        let limit_bytes = lua.set_memory_limit(0).unwrap_or(0);
        ffi::lua_gc(state, ffi::LUA_GCSTOP, 0);
        push(state, answer);
        ffi::lua_gc(state, ffi::LUA_GCRESTART, 0);
        let _ = lua.set_memory_limit(limit_bytes);
    }
}

/// Reads the arguments and asks the caller.
///
/// # Safety
/// The whole stack of this function is its arguments.
unsafe fn make(state: State, ask: Ask) -> Answer {
    let asked = catch_unwind(AssertUnwindSafe(|| {
        if !CALLER.is_set() {
            let name = if ask == Ask::MayRun { "redis.acl_check_cmd" } else { "redis.call/pcall" };
            return fail(&format!("{name} can only be called inside a script invocation"));
        }
        // Taken out for the time, so that whatever runs meanwhile finds an empty place.
        let mut words = WORDS.take();
        // SAFETY: promised by the caller.
        unsafe { words.read(state) };
        let answer = match (words.bad, words.spans.is_empty()) {
            (true, _) => fail("Lua redis lib command arguments must be strings or integers"),
            (_, true) => fail("Please specify at least one argument for this redis lib call"),
            _ => words.ask(ask),
        };
        words.clear();
        WORDS.set(words);
        answer
    }));
    asked.unwrap_or_else(|_| {
        ERROR.set(NO_MEMORY.to_vec());
        Answer::Error { counted: false }
    })
}

/// An error with a text that has no code yet.
fn fail(message: &str) -> Answer {
    set_error(message.as_bytes());
    Answer::Error { counted: false }
}

fn set_error(message: &[u8]) {
    ERROR.set(error_text(message));
}

impl Words {
    /// Takes over the arguments of a function, up to one that is no word.
    ///
    /// # Safety
    /// The whole stack is arguments.
    unsafe fn read(&mut self, state: State) {
        // SAFETY: promised by the caller. Strings are read as they are and numbers as numbers, which allocates nothing.
        unsafe {
            for place in 1..=ffi::lua_gettop(state) {
                match ffi::lua_type(state, place) {
                    ffi::LUA_TSTRING => self.push(bytes_at(state, place)),
                    ffi::LUA_TNUMBER => self.push_number(ffi::lua_tonumber(state, place)),
                    _ => {
                        self.bad = true;
                        return;
                    }
                }
            }
        }
    }

    fn push(&mut self, word: &[u8]) {
        self.spans.push(Span { start: self.bytes.len(), len: word.len() });
        self.bytes.extend_from_slice(word);
    }

    fn push_number(&mut self, number: f64) {
        const EXACT: f64 = 1e15;
        if number.abs() < EXACT && number.fract() == 0.0 && !(number == 0.0 && number.is_sign_negative()) {
            self.push(itoa::Buffer::new().format(number as i64).as_bytes());
        } else {
            self.push(format_f64_17g(number).as_bytes());
        }
    }

    fn ask(&self, ask: Ask) -> Answer {
        let args = Args::new(&self.bytes, &self.spans);
        CALLER.with(|caller| match ask {
            Ask::MayRun => match caller.may_run(args) {
                Some(may) => Answer::Truth(may),
                None => fail("Invalid command passed to redis.acl_check_cmd()"),
            },
            Ask::Call { raises } => {
                let is_shown = debugger::shows_calls();
                if is_shown {
                    debugger::show_command(args);
                }
                let called = caller.call(args);
                if is_shown {
                    debugger::show_result(&called);
                }
                match called {
                    Ok(reply) if raises && reply.first() == Some(&b'-') => {
                        set_error(&reply[..memchr::memchr(b'\r', reply).unwrap_or(reply.len())]);
                        Answer::Error { counted: true }
                    }
                    Ok(reply) => Answer::Reply(reply),
                    Err(refusal) => {
                        set_error(&[b"-", refusal.text()].concat());
                        Answer::Error { counted: true }
                    }
                }
            }
        })
    }

    fn clear(&mut self) {
        const KEPT_BYTES: usize = 64 * 1024;
        self.bad = false;
        self.bytes.clear();
        self.spans.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.spans.shrink_to(KEPT_BYTES / size_of::<Span>());
    }
}

/// Pushes the table a script gets for an error.
///
/// # Safety
/// As for [`push`].
unsafe fn push_error(state: State, text: &[u8], counted: bool) {
    // SAFETY: promised by the caller.
    unsafe {
        ffi::lua_createtable(state, 0, 2);
        push_bytes(state, text);
        ffi::lua_setfield(state, -2, c"err".as_ptr());
        if counted {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_setfield(state, -2, c"ignore_error_stats_update".as_ptr());
        }
    }
}

/// Reads a reply that the server itself wrote.
struct Cursor<'a> {
    state: State,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn line(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = memchr::memchr(b'\r', rest).unwrap_or(rest.len());
        self.at += len + 2;
        &rest[..len]
    }

    fn payload(&mut self, len: usize) -> &'a [u8] {
        let bytes = self.bytes.get(self.at..self.at + len).unwrap_or_default();
        self.at += len + 2;
        bytes
    }

    /// Pushes the next value. How deep replies nest is the server's choice, and little.
    ///
    /// # Safety
    /// A jump may pass the caller, and this: nothing is owned while the interpreter allocates.
    unsafe fn push(&mut self) {
        let state = self.state;
        let line = self.line();
        let (mark, text) = line.split_first().map_or((b'_', line), |(&mark, text)| (mark, text));
        let number = || parse_i64(text).unwrap_or(-1);
        let count = || c_int::try_from(number()).ok().filter(|&count| count >= 0);
        // SAFETY: promised by the caller; room is asked for.
        unsafe {
            ffi::luaL_checkstack(state, 4, c"the reply nests too deep".as_ptr());
            match mark {
                b'$' => match usize::try_from(number()) {
                    Ok(len) => push_bytes(state, self.payload(len)),
                    Err(_) => ffi::lua_pushboolean(state, 0),
                },
                b':' => ffi::lua_pushnumber(state, number() as f64),
                b'+' => self.push_named(c"ok", |_| push_bytes(state, text)),
                b'-' => {
                    set_error(line);
                    push(state, Answer::Error { counted: true });
                }
                b'*' | b'>' => match count() {
                    Some(count) => self.push_array(count),
                    None => ffi::lua_pushboolean(state, 0),
                },
                b'#' => ffi::lua_pushboolean(state, c_int::from(text == b"t")),
                b',' => {
                    let number = parse_f64(text).unwrap_or(f64::NAN);
                    self.push_named(c"double", |_| ffi::lua_pushnumber(state, number));
                }
                b'(' => self.push_named(c"big_number", |_| push_bytes(state, text)),
                b'=' => self.push_named(c"verbatim_string", |cursor| {
                    let bytes = cursor.payload(usize::try_from(number()).unwrap_or(0));
                    ffi::lua_createtable(state, 0, 2);
                    push_bytes(state, bytes.get(4..).unwrap_or_default());
                    ffi::lua_setfield(state, -2, c"string".as_ptr());
                    push_bytes(state, bytes.get(..3).unwrap_or_default());
                    ffi::lua_setfield(state, -2, c"format".as_ptr());
                }),
                b'%' => self.push_named(c"map", |cursor| {
                    ffi::lua_createtable(state, 0, count().unwrap_or(0));
                    for _ in 0..count().unwrap_or(0) {
                        cursor.push();
                        cursor.push();
                        ffi::lua_rawset(state, -3);
                    }
                }),
                b'~' => self.push_named(c"set", |cursor| {
                    ffi::lua_createtable(state, 0, count().unwrap_or(0));
                    for _ in 0..count().unwrap_or(0) {
                        cursor.push();
                        ffi::lua_pushboolean(state, 1);
                        ffi::lua_rawset(state, -3);
                    }
                }),
                // Attributes describe the value that follows; scripts do not see them.
                b'|' => {
                    for _ in 0..2 * count().unwrap_or(0) {
                        self.push();
                        ffi::lua_pop(state, 1);
                    }
                    self.push();
                }
                _ => ffi::lua_pushnil(state),
            }
        }
    }

    /// Pushes a table with one field.
    ///
    /// # Safety
    /// As for [`Cursor::push`]; `value` pushes one value.
    unsafe fn push_named(&mut self, name: &'static CStr, value: impl FnOnce(&mut Self)) {
        // SAFETY: promised by the caller.
        unsafe {
            ffi::lua_createtable(self.state, 0, 1);
            value(self);
            ffi::lua_setfield(self.state, -2, name.as_ptr());
        }
    }

    /// Pushes an array of the next values.
    ///
    /// # Safety
    /// As for [`Cursor::push`].
    unsafe fn push_array(&mut self, count: c_int) {
        // SAFETY: promised by the caller.
        unsafe {
            ffi::lua_createtable(self.state, count, 0);
            for place in 1..=count {
                self.push();
                ffi::lua_rawseti_(self.state, -2, place);
            }
        }
    }
}
