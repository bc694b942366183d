//! Scripts and function libraries, in two interpreters of Lua 5.1: one for EVAL and its like, one for functions.
//!
//! Owns the interpreters, the cache of scripts, the loaded libraries, and what scripts can call. It does not know who
//! runs it: commands go through [`Caller`](crate::command::Caller), which is lent for one run.
//!
//! Promises: a script reaches no file, process, clock or memory of the server, and changes nothing that the next one
//! sees, except through commands and the settings of `cjson`; whatever it does ends in a value or an error.
//! Start reading at `vm.rs` and `sandbox.lua`.

mod api;
mod arguments;
mod convert;
mod debugger;
mod entries;
mod failure;
mod flags;
mod functions;
mod fuzz;
mod libraries;
mod random;
mod raw;
#[cfg(test)]
mod tests;
mod vm;

pub use convert::ErrorReply;
pub use flags::ScriptFlags;
pub use functions::{Libraries, Library, Registered};
pub use fuzz::fuzz_libraries;

use crate::command::{Args, Caller};
use crate::resp::reply::{Protocol, Reply};
use mlua::Value;
use random::Random48;
use sha1::{Digest, Sha1};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use vm::{Kept, Vm, VmOptions};

/// A script's name: the SHA-1 of its text in 40 hexadecimal digits.
pub type ScriptName = [u8; 40];

/// A script of the cache.
#[derive(Debug)]
pub struct Script {
    /// Its name.
    pub name: ScriptName,
    /// Its flags.
    pub flags: ScriptFlags,
    body_bytes: usize,
    function: Kept,
}

/// How a script ended, until what it returned is written, which its interpreter keeps; or the error that ended it.
#[derive(Debug)]
pub struct Returned {
    result: Result<(), Value>,
    by_function: bool,
}

/// The interpreters with what is loaded into them.
pub struct Scripts {
    memory_bytes: usize,
    old_api: bool,
    random: Rc<Random48>,
    evals: Vm,
    cache: HashMap<ScriptName, Rc<Script>, BuildHasherDefault<NameHasher>>,
    calls: Vm,
    /// The function libraries.
    pub libraries: Libraries,
}

/// Hashes names of scripts, which are digests: a few of their bytes tell as much as all.
#[derive(Debug, Default, Clone, Copy)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, name: &[u8]) {
        // Odd, with bits everywhere: the digits' own are few.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        if let Some(first) = name.first_chunk() {
            self.0 = (self.0 ^ u64::from_le_bytes(*first)).wrapping_mul(SPREAD);
        }
    }

    // The length, which all have in common.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// The name of a script by its text: its SHA-1 in hexadecimal digits.
fn name_of(body: &[u8]) -> ScriptName {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut name = [0; 40];
    for (digits, byte) in name.chunks_exact_mut(2).zip(Sha1::digest(body)) {
        digits.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    name
}

/// The flags a script's text declares, or that it declares none. `None`: its first line cannot be read.
pub fn declared_flags(body: &[u8]) -> Option<ScriptFlags> {
    flags::declared(body).ok().map(|(flags, _)| flags)
}

impl Scripts {
    /// Interpreters whose scripts may allocate so many bytes each. `old_api`: interfaces that were withdrawn are there.
    /// Errors: an interpreter could not be made, which is no fault of anybody's script.
    pub fn new(memory_bytes: usize, old_api: bool) -> Result<Scripts, String> {
        let options = VmOptions { memory_bytes, old_api, has_libraries: false };
        let of_libraries = VmOptions { has_libraries: true, ..options };
        let random = Rc::new(Random48::default());
        Ok(Scripts {
            memory_bytes,
            old_api,
            random: random.clone(),
            evals: Vm::new(options, random.clone()).map_err(|error| error.to_string())?,
            cache: HashMap::default(),
            calls: Vm::new(of_libraries, random).map_err(|error| error.to_string())?,
            libraries: Libraries::default(),
        })
    }

    /// The script with this name in any case.
    pub fn find(&self, name: &[u8]) -> Option<&Rc<Script>> {
        let mut lower: ScriptName = name.try_into().ok()?;
        lower.make_ascii_lowercase();
        self.cache.get(&lower)
    }

    /// The script of a text, compiled if it is new. Errors: a sentence for the client.
    pub fn load(&mut self, body: &[u8]) -> Result<Rc<Script>, Vec<u8>> {
        let name = name_of(body);
        if let Some(script) = self.cache.get(&name) {
            return Ok(script.clone());
        }
        let (flags, heading_len) = flags::declared(body)?;
        // The end of the first line stays, so that lines keep their numbers.
        let function = self
            .evals
            .compile(&body[heading_len..], "@user_script")
            .map_err(|error| [b"Error compiling script (new function): ", &error[..]].concat())?;
        let script = Rc::new(Script { name, flags, body_bytes: body.len(), function });
        self.cache.insert(name, script.clone());
        Ok(script)
    }

    /// Forgets all scripts and everything they left in their interpreter.
    pub fn flush(&mut self) {
        let options = VmOptions { memory_bytes: self.memory_bytes, old_api: self.old_api, has_libraries: false };
        self.cache.clear();
        // What worked at start works again; if it does not, the interpreter there is will do.
        if let Ok(vm) = Vm::new(options, self.random.clone()) {
            self.evals = vm;
        }
    }

    /// Runs a script.
    pub fn eval(&self, script: &Script, keys: Args<'_>, arguments: Args<'_>, caller: &mut dyn Caller) -> Returned {
        let result = self.evals.run(&script.function, keys, arguments, true, caller);
        Returned { result, by_function: false }
    }

    /// Runs the script of a text under the debugger. Returned is also what the client at its console is still to be told.
    pub fn debug(
        &self,
        script: &Script,
        body: &[u8],
        keys: Args<'_>,
        arguments: Args<'_>,
        caller: &mut dyn Caller,
    ) -> (Returned, Vec<u8>) {
        let (result, last) = self.evals.debug(body, &script.function, keys, arguments, caller);
        (Returned { result, by_function: false }, last)
    }

    /// Runs a function.
    pub fn call(
        &self,
        function: &Registered,
        keys: Args<'_>,
        arguments: Args<'_>,
        caller: &mut dyn Caller,
    ) -> Returned {
        let result = self.calls.run(&function.callback, keys, arguments, false, caller);
        Returned { result, by_function: true }
    }

    /// Writes what a run returned. `name` makes the name of the script or function, `protocol` is the one it chose for itself.
    /// Errors: the error that ended it, which is not written. Else the error replies among what it returned.
    pub fn write(
        &self,
        returned: Returned,
        name: impl FnOnce() -> String,
        protocol: Protocol,
        reply: &mut Reply,
    ) -> Result<Vec<ErrorReply>, ErrorReply> {
        let vm = if returned.by_function { &self.calls } else { &self.evals };
        match returned.result {
            Ok(()) => Ok(vm.write(reply, protocol)),
            Err(value) => Err(convert::error_to_reply(vm.lua(), &value, &name())),
        }
    }

    /// Runs the code of a library, without adding it to those that are loaded. Errors: a sentence for the client.
    pub fn build_library(&self, code: &[u8], caller: &mut dyn Caller) -> Result<Rc<Library>, Vec<u8>> {
        let heading = functions::heading(code)?;
        let function = self
            .calls
            .compile(&code[heading.len..], "@user_function")
            .map_err(|error| [b"Error compiling function: ", &error[..]].concat())?;
        let draft = self.calls.load_library(function, caller).map_err(|value| {
            [b"Error registering functions: ", &convert::message(self.calls.lua(), &value)[..]].concat()
        })?;
        draft.finish(heading.name, code)
    }

    /// The name of the library some code is of. Errors: a sentence for the client.
    pub fn library_name(code: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
        functions::heading(code).map(|heading| heading.name)
    }

    /// Lets go of functions of libraries that are gone.
    pub fn forget_dropped(&self) {
        self.calls.forget_dropped();
    }

    /// How many scripts there are.
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// Bytes of the cache beside those of the interpreter.
    pub fn cache_bytes(&self) -> usize {
        let bodies: usize = self.cache.values().map(|script| script.body_bytes).sum();
        bodies
            + self.cache.capacity() * (size_of::<ScriptName>() + size_of::<usize>())
            + self.cache.len() * size_of::<Script>()
    }

    /// Bytes of the interpreter of scripts.
    pub fn eval_bytes(&self) -> usize {
        self.evals.used_bytes()
    }

    /// Bytes of the interpreter of functions.
    pub fn call_bytes(&self) -> usize {
        self.calls.used_bytes()
    }
}
