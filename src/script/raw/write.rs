//! What a script returned as a reply. Aggregates are walked with a stack of our own beside the interpreter's: how deep
//! they nest is the script's choice.

use super::{Stack, State, bytes_at};
use crate::resp::reply::{Deferred, Protocol, Reply};
use crate::script::arguments::truncate;
use crate::script::convert::{ErrorReply, until_nul};
use mlua::{RegistryKey, ffi};
use std::os::raw::c_int;

/// Values that Redis may have on its stack when it writes another: one for an array around it, three for a map or a set,
/// and one more for a key of a map. The walk here takes no more.
const MOST_HELD: usize = 7_994;
/// Values one step pushes at most.
const STEP: c_int = 4;

/// An aggregate that is being written.
struct Open {
    place: Deferred,
    elements: Elements,
    written: usize,
}

/// What is on the stack for it, the topmost last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elements {
    /// A table, written up to its first nil.
    Array,
    /// A table and the key it has come to: the next entry's key is to be written.
    Map,
    /// A table, the key it has come to, and the value that is to be written.
    MapValue,
    /// A table and the key it has come to; keys alone are written.
    Set,
}

impl Elements {
    /// What it counts for [`MOST_HELD`].
    fn held(self) -> usize {
        if self == Elements::Array { 1 } else { 3 }
    }
}

impl Stack {
    /// Writes what the last run returned and lets go of it. `protocol`: the one the script chose for itself. Returned
    /// are the error replies among it.
    pub fn write(&self, reply: &mut Reply, protocol: Protocol) -> Vec<ErrorReply> {
        let (state, errors, open) = (self.state, Vec::new(), Vec::new());
        let mut writer = Writer { stack: self, state, reply, protocol, errors, open, held: 0 };
        // SAFETY: the state is alive, its memory is not limited between runs, and nothing here calls code of scripts or
        // allocates but the stack itself: no error arises. The value is taken from the place that keeps it alive only when
        // it is on the stack.
        unsafe {
            let before = ffi::lua_gettop(self.state);
            if ffi::lua_checkstack(self.state, STEP) == 0 {
                writer.error(b"ERR reached lua stack limit".to_vec(), false);
                return writer.errors;
            }
            ffi::lua_rawgeti_(self.state, ffi::LUA_REGISTRYINDEX, self.returned.id());
            ffi::lua_pushboolean(self.state, 0);
            ffi::lua_rawseti_(self.state, ffi::LUA_REGISTRYINDEX, self.returned.id());
            writer.value();
            while writer.step() {}
            ffi::lua_settop(self.state, before);
        }
        writer.errors
    }
}

struct Writer<'a> {
    stack: &'a Stack,
    state: State,
    reply: &'a mut Reply,
    protocol: Protocol,
    errors: Vec<ErrorReply>,
    open: Vec<Open>,
    /// The sum of [`Elements::held`].
    held: usize,
}

impl Writer<'_> {
    /// Writes the topmost value and pops it, or opens an aggregate for it.
    ///
    /// # Safety
    /// There is a value, and room for [`STEP`] more.
    unsafe fn value(&mut self) {
        let state = self.state;
        let is_key = self.open.last().is_some_and(|open| open.elements == Elements::MapValue);
        // SAFETY: promised by the caller.
        unsafe {
            match ffi::lua_type(state, -1) {
                _ if self.held + usize::from(is_key) > MOST_HELD => {
                    self.error(b"ERR reached lua stack limit".to_vec(), false);
                }
                ffi::LUA_TSTRING => self.reply.bulk(bytes_at(state, -1)),
                ffi::LUA_TNUMBER => self.reply.integer(truncate(ffi::lua_tonumber(state, -1))),
                ffi::LUA_TBOOLEAN => {
                    let truth = ffi::lua_toboolean(state, -1) != 0;
                    match (self.protocol, truth) {
                        (Protocol::Resp3, truth) => self.reply.boolean(truth),
                        (Protocol::Resp2, true) => self.reply.integer(1),
                        (Protocol::Resp2, false) => self.reply.null(),
                    }
                }
                ffi::LUA_TTABLE => return self.table(),
                _ => self.reply.null(),
            }
            ffi::lua_pop(state, 1);
        }
    }

    /// Goes on with the innermost aggregate. False: there is none.
    ///
    /// # Safety
    /// What stands in [`Elements`] is on the stack, with room for [`STEP`] more.
    unsafe fn step(&mut self) -> bool {
        let state = self.state;
        let Some(open) = self.open.last_mut() else { return false };
        // SAFETY: promised by the caller. The keys that `lua_next` is given are those it gave.
        unsafe {
            let found = match open.elements {
                Elements::Array => {
                    ffi::lua_rawgeti_(state, -1, open.written as c_int + 1);
                    let found = ffi::lua_type(state, -1) != ffi::LUA_TNIL;
                    if !found {
                        ffi::lua_pop(state, 1);
                    }
                    found
                }
                Elements::Map => {
                    let found = ffi::lua_next(state, -2) != 0;
                    if found {
                        ffi::lua_pushvalue(state, -2);
                        open.elements = Elements::MapValue;
                    }
                    found
                }
                Elements::MapValue => {
                    open.elements = Elements::Map;
                    true
                }
                Elements::Set => {
                    let found = ffi::lua_next(state, -2) != 0;
                    if found {
                        ffi::lua_pop(state, 1);
                        ffi::lua_pushvalue(state, -1);
                    }
                    found
                }
            };
            if found {
                open.written += 1;
                self.value();
            } else {
                self.close();
            }
        }
        true
    }

    /// All of the innermost aggregate is written.
    ///
    /// # Safety
    /// Its table is on top.
    unsafe fn close(&mut self) {
        let Some(Open { place, elements, written }) = self.open.pop() else { return };
        self.held -= elements.held();
        match elements {
            Elements::Array => self.reply.finish_array(place, written),
            Elements::Map | Elements::MapValue => self.reply.finish_map(place, written / 2),
            Elements::Set => self.reply.finish_set(place, written),
        }
        // SAFETY: promised by the caller.
        unsafe { ffi::lua_pop(self.state, 1) }
    }

    fn error(&mut self, text: Vec<u8>, counted: bool) {
        self.reply.error(&text);
        self.errors.push(ErrorReply { text, counted });
    }

    /// Pushes a field of a table in place of what is above it. Returns its type.
    ///
    /// # Safety
    /// A table is at `table`, and there is room for a value.
    unsafe fn field(&self, table: c_int, name: &RegistryKey) -> c_int {
        // SAFETY: promised by the caller.
        unsafe {
            ffi::lua_settop(self.state, table);
            self.another_field(table, name)
        }
    }

    /// The same above what is there.
    ///
    /// # Safety
    /// As for [`Writer::field`].
    unsafe fn another_field(&self, table: c_int, name: &RegistryKey) -> c_int {
        // SAFETY: promised by the caller.
        unsafe {
            ffi::lua_rawgeti_(self.state, ffi::LUA_REGISTRYINDEX, name.id());
            ffi::lua_rawget(self.state, table)
        }
    }

    /// Writes the table on top and pops it, or opens an aggregate for it.
    ///
    /// # Safety
    /// As for [`Writer::value`].
    unsafe fn table(&mut self) {
        let (state, names) = (self.state, &self.stack.names);
        // SAFETY: promised by the caller.
        unsafe {
            let table = ffi::lua_gettop(state);
            if ffi::lua_checkstack(state, STEP) == 0 {
                self.error(b"ERR reached lua stack limit".to_vec(), false);
            } else if self.field(table, &names.err) == ffi::LUA_TSTRING {
                let text = until_nul(bytes_at(state, -1)).to_vec();
                let counted =
                    self.field(table, &names.counted) == ffi::LUA_TBOOLEAN && ffi::lua_toboolean(state, -1) != 0;
                self.error(text, counted);
            } else if self.field(table, &names.ok) == ffi::LUA_TSTRING {
                self.reply.status(until_nul(bytes_at(state, -1)));
            } else if self.field(table, &names.double) == ffi::LUA_TNUMBER {
                self.reply.double(ffi::lua_tonumber(state, -1));
            } else if self.field(table, &names.big_number) == ffi::LUA_TSTRING {
                let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
                let digits: Vec<u8> =
                    bytes_at(state, -1).iter().map(|byte| if is_end(byte) { b' ' } else { *byte }).collect();
                self.reply.big_number(&digits);
            } else if self.field(table, &names.verbatim_string) != ffi::LUA_TTABLE || !self.verbatim() {
                return self.aggregate(table);
            }
            ffi::lua_settop(state, table - 1);
        }
    }

    /// Opens an aggregate for a table, in place of it and what is above it.
    ///
    /// # Safety
    /// As for [`Writer::value`].
    unsafe fn aggregate(&mut self, table: c_int) {
        let (state, names) = (self.state, &self.stack.names);
        // SAFETY: promised by the caller.
        unsafe {
            let (place, elements) = if self.field(table, &names.map) == ffi::LUA_TTABLE {
                (self.reply.defer_map(), Elements::Map)
            } else if self.field(table, &names.set) == ffi::LUA_TTABLE {
                (self.reply.defer_set(), Elements::Set)
            } else {
                (self.reply.defer_array(), Elements::Array)
            };
            self.held += elements.held();
            self.open.push(Open { place, elements, written: 0 });
            if elements != Elements::Array {
                // The entries take the place of the table that names them, and the walk begins before the first.
                ffi::lua_replace(state, table);
                ffi::lua_pushnil(state);
            } else {
                ffi::lua_settop(state, table);
            }
        }
    }

    /// Writes the table on top as a text with a format. False: it is none.
    ///
    /// # Safety
    /// As for [`Writer::value`].
    unsafe fn verbatim(&mut self) -> bool {
        let (state, names) = (self.state, &self.stack.names);
        // SAFETY: promised by the caller.
        unsafe {
            let table = ffi::lua_gettop(state);
            if self.field(table, &names.format) != ffi::LUA_TSTRING
                || self.another_field(table, &names.string) != ffi::LUA_TSTRING
            {
                return false;
            }
            let mut tag = [b' '; 3];
            for (to, from) in tag.iter_mut().zip(until_nul(bytes_at(state, -2))) {
                *to = *from;
            }
            self.reply.verbatim(&tag, bytes_at(state, -1));
            true
        }
    }
}
