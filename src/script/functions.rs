//! Function libraries: what is loaded, which library has which function, and what `redis.register_function` takes.
//!
//! Names of libraries are told apart by case, names of functions are not. A library is there whole or not at all: it is
//! linked only after its code has run and no name of it is taken.

use super::arguments::{Arguments, as_string};
use super::failure::Failure;
use super::flags::ScriptFlags;
use super::vm::{Kept, Shared};
use crate::base::quoting::split_args;
use mlua::{Lua, Table, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A registered function.
#[derive(Debug)]
pub struct Registered {
    /// Its name.
    pub name: Vec<u8>,
    /// What it says of itself.
    pub description: Option<Vec<u8>>,
    /// Its flags.
    pub flags: ScriptFlags,
    pub(super) callback: Kept,
}

/// A library being loaded.
#[derive(Debug, Default)]
pub struct Draft {
    functions: Vec<Rc<Registered>>,
}

/// A library.
#[derive(Debug)]
pub struct Library {
    /// Its name.
    pub name: Vec<u8>,
    /// Its code with the first line.
    pub code: Vec<u8>,
    /// Its functions, in the order they were registered.
    pub functions: Vec<Rc<Registered>>,
}

/// All that is loaded.
#[derive(Debug, Default, Clone)]
pub struct Libraries {
    by_name: BTreeMap<Vec<u8>, Rc<Library>>,
    /// Functions by their name in lower case.
    functions: BTreeMap<Vec<u8>, Rc<Registered>>,
}

impl Libraries {
    /// The libraries by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Library> {
        self.by_name.values().map(|library| &**library)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// How many functions there are.
    pub fn functions(&self) -> usize {
        self.functions.len()
    }

    /// A function by its name in any case.
    pub fn function(&self, name: &[u8]) -> Option<Rc<Registered>> {
        self.functions.get(&name.to_ascii_lowercase()).cloned()
    }

    /// Whether there is a library of this name.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.by_name.contains_key(name)
    }

    /// Bytes held beside those of the interpreter.
    pub fn bytes(&self) -> usize {
        const PLACE_BYTES: usize = 64;
        let of_function = |function: &Rc<Registered>| {
            size_of::<Registered>()
                + 2 * function.name.len()
                + function.description.as_ref().map_or(0, Vec::len)
                + PLACE_BYTES
        };
        let of_library = |library: &Rc<Library>| {
            size_of::<Library>()
                + 2 * library.name.len()
                + library.code.len()
                + PLACE_BYTES
                + library.functions.iter().map(of_function).sum::<usize>()
        };
        self.by_name.values().map(of_library).sum()
    }

    /// Removes a library. False: there is none of this name.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.by_name.remove(name) else { return false };
        for function in &library.functions {
            self.functions.remove(&function.name.to_ascii_lowercase());
        }
        true
    }

    /// Adds a library, in place of one of its name if that may be. Errors: a sentence; nothing has changed then.
    pub fn add(&mut self, library: Rc<Library>, replace: bool) -> Result<(), Vec<u8>> {
        let old = self.by_name.get(&library.name).cloned();
        if old.is_some() && !replace {
            return Err([b"Library '", &library.name[..], b"' already exists"].concat());
        }
        if let Some(old) = &old {
            self.remove(&old.name);
        }
        let taken = library.functions.iter().find(|f| self.functions.contains_key(&f.name.to_ascii_lowercase()));
        if let Some(function) = taken {
            let error = [b"Function ", &function.name[..], b" already exists"].concat();
            if let Some(old) = old {
                self.link(old);
            }
            return Err(error);
        }
        self.link(library);
        Ok(())
    }

    fn link(&mut self, library: Rc<Library>) {
        for function in &library.functions {
            self.functions.entry(function.name.to_ascii_lowercase()).or_insert_with(|| function.clone());
        }
        self.by_name.insert(library.name.clone(), library);
    }

    /// Adds all of others. Errors: a sentence; nothing has changed then.
    pub fn join(&mut self, others: Libraries, replace: bool) -> Result<(), Vec<u8>> {
        let mut joined = self.clone();
        for name in others.by_name.keys() {
            if joined.contains(name) && !replace {
                return Err([b"Library ", &name[..], b" already exists"].concat());
            }
            joined.remove(name);
        }
        for library in others.by_name.into_values() {
            joined.add(library, false)?;
        }
        *self = joined;
        Ok(())
    }
}

/// What the first line of a library says.
#[derive(Debug, PartialEq, Eq)]
pub struct Heading {
    /// The library's name.
    pub name: Vec<u8>,
    /// Where the line ends.
    pub len: usize,
}

/// Reads the first line of a library's code. Errors: a sentence for the client.
pub fn heading(code: &[u8]) -> Result<Heading, Vec<u8>> {
    if !code.starts_with(b"#!") {
        return Err(b"Missing library metadata".to_vec());
    }
    let Some(len) = memchr::memchr(b'\n', code) else { return Err(b"Invalid library metadata".to_vec()) };
    let parts = split_args(&code[..len]).unwrap_or_default();
    let Some((engine, options)) = parts.split_first() else { return Err(b"Invalid library metadata".to_vec()) };
    let mut name = None;
    for option in options {
        match option.split_at_checked(5) {
            Some((word, value)) if word.eq_ignore_ascii_case(b"name=") => {
                if name.replace(value.to_vec()).is_some() {
                    return Err(b"Invalid metadata value, name argument was given multiple times".to_vec());
                }
            }
            _ => return Err([b"Invalid metadata value given: ", &option[..]].concat()),
        }
    }
    let Some(name) = name else { return Err(b"Library name was not given".to_vec()) };
    check_name(&name)?;
    if !engine[2..].eq_ignore_ascii_case(b"lua") {
        return Err([b"Engine '", &engine[2..], b"' not found"].concat());
    }
    Ok(Heading { name, len })
}

fn check_name(name: &[u8]) -> Result<(), Vec<u8>> {
    if !name.is_empty() && name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(());
    }
    let text =
        "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";
    Err(text.as_bytes().to_vec())
}

impl Draft {
    /// The finished library. Errors: it registered nothing.
    pub fn finish(self, name: Vec<u8>, code: &[u8]) -> Result<Rc<Library>, Vec<u8>> {
        if self.functions.is_empty() {
            return Err(b"No functions registered".to_vec());
        }
        Ok(Rc::new(Library { name, code: code.to_vec(), functions: self.functions }))
    }
}

/// `redis.register_function`: a name and a callback, or one table with all there is to say.
pub fn register_function(lua: &Lua, args: &Arguments<'_>, shared: &Shared) -> mlua::Result<()> {
    let mut draft = shared.draft.borrow_mut();
    let Some(draft) = &mut *draft else {
        return Err(Failure::reply("redis.register_function can only be called on FUNCTION LOAD command"));
    };
    let function = match args.len() {
        1 => named(lua, args.value(1))?,
        2 => positional(lua, args)?,
        _ => return Err(Failure::reply("wrong number of arguments to redis.register_function")),
    };
    check_name(&function.name).map_err(Failure::reply)?;
    if draft.functions.iter().any(|other| other.name == function.name) {
        return Err(Failure::reply("Function already exists in the library"));
    }
    draft.functions.push(Rc::new(function));
    Ok(())
}

fn positional(lua: &Lua, args: &Arguments<'_>) -> mlua::Result<Registered> {
    let Some(name) = as_string(lua, args.value(1))? else {
        return Err(Failure::reply("first argument to redis.register_function must be a string"));
    };
    let Value::Function(callback) = args.value(2) else {
        return Err(Failure::reply("second argument to redis.register_function must be a function"));
    };
    let name = name.as_bytes().to_vec();
    let callback = lua.create_registry_value(callback)?;
    Ok(Registered { name, description: None, flags: ScriptFlags::default(), callback })
}

fn named(lua: &Lua, value: &Value) -> mlua::Result<Registered> {
    let Value::Table(table) = value else {
        return Err(Failure::reply(
            "calling redis.register_function with a single argument is only applicable to Lua table (representing named \
             arguments).",
        ));
    };
    let string = |value: &Value, message: &str| match as_string(lua, value)? {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => Err(Failure::reply(message)),
    };
    let (mut name, mut description, mut callback, mut flags) = (None, None, None, ScriptFlags::default());
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let key = string(&key, "named argument key given to redis.register_function is not a string")?;
        match &key.to_ascii_lowercase()[..] {
            b"function_name" => {
                let message = "function_name argument given to redis.register_function must be a string";
                name = Some(string(&value, message)?);
            }
            b"description" => {
                let message = "description argument given to redis.register_function must be a string";
                description = Some(string(&value, message)?);
            }
            b"callback" => {
                let Value::Function(function) = value else {
                    let message = "callback argument given to redis.register_function must be a function";
                    return Err(Failure::reply(message));
                };
                callback = Some(function);
            }
            b"flags" => {
                let Value::Table(names) = value else {
                    return Err(Failure::reply(
                        "flags argument to redis.register_function must be a table representing function flags",
                    ));
                };
                flags = read_flags(lua, &names)?;
            }
            _ => return Err(Failure::reply("unknown argument given to redis.register_function")),
        }
    }
    let Some(name) = name else {
        return Err(Failure::reply("redis.register_function must get a function name argument"));
    };
    let Some(callback) = callback else {
        return Err(Failure::reply("redis.register_function must get a callback argument"));
    };
    let callback = lua.create_registry_value(callback)?;
    Ok(Registered { name, description, flags, callback })
}

fn read_flags(lua: &Lua, names: &Table) -> mlua::Result<ScriptFlags> {
    let mut flags = ScriptFlags::default();
    for index in 1.. {
        let value = names.raw_get::<Value>(index)?;
        if value.is_nil() {
            break;
        }
        let text = as_string(lua, &value)?;
        let name = text.as_ref().map(|text| text.as_bytes().to_vec()).unwrap_or_default();
        let known = ScriptFlags::NAMES.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(&name));
        let Some((flag, _)) = known else { return Err(Failure::reply("unknown flag given")) };
        flags.add(*flag);
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_library() {
        assert_eq!(heading(b"#!lua name=l\nx"), Ok(Heading { name: b"l".to_vec(), len: 12 }));
        for (code, error) in [
            ("return", "Missing library metadata"),
            ("#!lua", "Invalid library metadata"),
            ("#!lua name=a name=b\n", "Invalid metadata value, name argument was given multiple times"),
            ("#!lua foo=bar\n", "Invalid metadata value given: foo=bar"),
            ("#!lua\n", "Library name was not given"),
            ("#!bad name=l\n", "Engine 'bad' not found"),
        ] {
            assert_eq!(heading(code.as_bytes()).unwrap_err(), error.as_bytes());
        }
        assert!(heading(b"#!lua name=a.b\n").is_err());
    }
}
