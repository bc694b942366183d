//! FUNCTION and FCALL: libraries of functions. They belong to the data: they are saved with it and written to the log.

use super::scripting_commands::{INTERPRETER_IN_USE, as_error, key_count, show};
use crate::base::glob::glob_match;
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::Engine;
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::scripting::{LibraryLoad, Runnable};
use crate::rdb::{Payload, dump_functions};
use crate::script::{Libraries, Library, Scripts};
use std::rc::Rc;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("fcall", |cx| fcall(cx, false)),
    engine("fcall_ro", |cx| fcall(cx, true)),
    engine("function|delete", function_delete),
    engine("function|dump", function_dump),
    engine("function|flush", function_flush),
    engine("function|help", function_help),
    engine("function|kill", function_kill),
    engine("function|list", function_list),
    engine("function|load", function_load),
    engine("function|restore", function_restore),
    engine("function|stats", function_stats),
];

/// Time the code of a library has to register its functions.
const LOAD_TIMEOUT_MS: u64 = 500;

fn fcall(cx: &mut EngineCx<'_>, read_only: bool) -> CmdResult {
    show(cx);
    let function = cx.engine.scripting.host.borrow().libraries.function(cx.args.at(1));
    let function = function.ok_or(CommandError::fixed("ERR Function not found"))?;
    let keys = key_count(cx.args, CommandError::fixed("ERR Bad number of keys provided"))?;
    cx.engine.run_script(cx.client, cx.args, Runnable::Function(function), keys, read_only)?;
    Ok(Outcome::Done)
}

impl Engine {
    /// Changes the libraries and counts it as a change of the data.
    fn change_libraries(
        &mut self,
        change: impl FnOnce(&mut Scripts) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let host = self.scripting.host.clone();
        let mut host = host.try_borrow_mut().map_err(|_| INTERPRETER_IN_USE)?;
        change(&mut host)?;
        host.forget_dropped();
        self.keyspace.log.dirty += 1;
        Ok(())
    }

    fn build_library(&self, code: &[u8], most_ms: Option<u64>) -> Result<Rc<Library>, Vec<u8>> {
        let mut load = LibraryLoad::new(self.senses.monotonic_ns, most_ms);
        self.scripting.host.borrow().build_library(code, &mut load)
    }

    /// Loads a library that a file holds. Errors: a sentence for the log.
    pub(crate) fn load_saved_library(&mut self, code: &[u8], replace: bool) -> Result<(), String> {
        let text = |error: Vec<u8>| String::from_utf8_lossy(&error).into_owned();
        let library = self.build_library(code, None).map_err(text)?;
        self.scripting.host.borrow_mut().libraries.add(library, replace).map_err(text)
    }

    /// Builds libraries from their code, beside those there are. Errors: a sentence for the log.
    pub(crate) fn build_libraries(&self, codes: &[Vec<u8>]) -> Result<Libraries, String> {
        let text = |error: Vec<u8>| String::from_utf8_lossy(&error).into_owned();
        let mut libraries = Libraries::default();
        for code in codes {
            let library = self.build_library(code, None).map_err(text)?;
            libraries.add(library, false).map_err(text)?;
        }
        Ok(libraries)
    }

    /// Puts other libraries in place of those there are.
    pub(crate) fn replace_libraries(&mut self, libraries: Libraries) {
        let mut host = self.scripting.host.borrow_mut();
        host.libraries = libraries;
        host.forget_dropped();
    }

    /// Forgets all libraries, before those of a file are loaded.
    pub(crate) fn forget_libraries(&mut self) {
        self.scripting.host.borrow_mut().libraries = Libraries::default();
    }

    /// The code of all libraries, for a file.
    pub(crate) fn library_codes(&self) -> Vec<Vec<u8>> {
        self.scripting.host.borrow().libraries.iter().map(|library| library.code.clone()).collect()
    }
}

fn function_load(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    let code = args.at(args.len() - 1);
    for at in 2..args.len() - 1 {
        if !args.is(at, "REPLACE") {
            return Err(CommandError::from_bytes([b"ERR Unknown option given: ", args.at(at)].concat()));
        }
    }
    let replace = args.len() > 3;
    let name = Scripts::library_name(code).map_err(as_error)?;
    if !replace && cx.engine.scripting.host.borrow().libraries.contains(&name) {
        return Err(as_error([b"Library '", &name[..], b"' already exists"].concat()));
    }
    // What is in a log was loaded in time once.
    let obeyed = cx.client().flags.intersects(crate::client::ClientFlags::OBEYED);
    if cx.engine.scripting.is_running() {
        return Err(INTERPRETER_IN_USE);
    }
    let library = cx.engine.build_library(code, (!obeyed).then_some(LOAD_TIMEOUT_MS)).map_err(as_error)?;
    cx.engine.change_libraries(|host| host.libraries.add(library, replace).map_err(as_error))?;
    cx.reply().bulk(&name);
    Ok(Outcome::Done)
}

fn function_delete(cx: &mut EngineCx<'_>) -> CmdResult {
    let name = cx.args.at(2);
    cx.engine.change_libraries(|host| match host.libraries.remove(name) {
        true => Ok(()),
        false => Err(CommandError::fixed("ERR Library not found")),
    })?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn function_flush(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    if args.len() > 3 {
        return Err(CommandError::subcommand_syntax(args));
    }
    if args.len() == 3 && !args.is(2, "SYNC") && !args.is(2, "ASYNC") {
        return Err(CommandError::fixed("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    cx.engine.change_libraries(|host| {
        host.libraries = Libraries::default();
        Ok(())
    })?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn function_dump(cx: &mut EngineCx<'_>) -> CmdResult {
    let codes = cx.engine.library_codes();
    let payload = dump_functions(codes.iter().map(Vec::as_slice), true);
    cx.reply().bulk(&payload);
    Ok(Outcome::Done)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RestorePolicy {
    Flush,
    Append,
    Replace,
}

fn function_restore(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    if args.len() > 4 {
        return Err(CommandError::subcommand_syntax(args));
    }
    let policy = match () {
        _ if args.len() == 3 || args.is(3, "APPEND") => RestorePolicy::Append,
        _ if args.is(3, "REPLACE") => RestorePolicy::Replace,
        _ if args.is(3, "FLUSH") => RestorePolicy::Flush,
        _ => {
            return Err(CommandError::fixed(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
    };
    let mut payload = Payload::open(args.at(2), true).map_err(|_| CommandError::PAYLOAD_FOOTER)?;
    if cx.engine.scripting.is_running() {
        return Err(INTERPRETER_IN_USE);
    }
    let mut restored = Libraries::default();
    while let Some(code) = payload.function() {
        let code = code.map_err(|sentence| as_error(sentence.into()))?;
        let library = cx.engine.build_library(&code, None).map_err(as_error)?;
        restored.add(library, false).map_err(as_error)?;
    }
    cx.engine.change_libraries(|host| {
        if policy == RestorePolicy::Flush {
            host.libraries = restored;
            return Ok(());
        }
        host.libraries.join(restored, policy == RestorePolicy::Replace).map_err(as_error)
    })?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn function_list(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    let (mut with_code, mut pattern) = (false, None);
    let mut at = 2;
    while at < args.len() {
        if !with_code && args.is(at, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && args.is(at, "LIBRARYNAME") {
            at += 1;
            let given = args.get(at).ok_or(CommandError::fixed("ERR library name argument was not given"))?;
            pattern = Some(given);
        } else {
            return Err(CommandError::from_bytes([b"ERR Unknown argument ", args.at(at)].concat()));
        }
        at += 1;
    }
    let host = cx.engine.scripting.host.clone();
    let host = host.borrow();
    let shown = |library: &&Library| pattern.is_none_or(|pattern| glob_match(pattern, &library.name, true));
    let libraries: Vec<&Library> = host.libraries.iter().filter(shown).collect();
    let reply = cx.reply();
    reply.array(libraries.len());
    for library in libraries {
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(&library.name);
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        reply.bulk(b"functions");
        reply.array(library.functions.len());
        for function in &library.functions {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&function.name);
            reply.bulk(b"description");
            match &function.description {
                Some(description) => reply.bulk(description),
                None => reply.null(),
            }
            reply.bulk(b"flags");
            reply.set(function.flags.names().count());
            function.flags.names().for_each(|name| reply.simple(name));
        }
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.code);
        }
    }
    Ok(Outcome::Done)
}

fn function_stats(cx: &mut EngineCx<'_>) -> CmdResult {
    let running = cx.engine.running_function()?;
    let host = cx.engine.scripting.host.clone();
    let host = host.borrow();
    let reply = cx.reply();
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some(function) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&function.name);
            reply.bulk(b"command");
            let command = function.command.as_args();
            reply.array(command.len());
            command.iter().for_each(|word| reply.bulk(word));
            reply.bulk(b"duration_ms");
            reply.integer(function.duration_ms as i64);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.integer(host.libraries.len() as i64);
    reply.bulk(b"functions_count");
    reply.integer(host.libraries.functions() as i64);
    Ok(Outcome::Done)
}

fn function_kill(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.kill_script(false)?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn function_help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&[
        "LOAD [REPLACE] <FUNCTION CODE>",
        "    Create a new library with the given library name and code.",
        "DELETE <LIBRARY NAME>",
        "    Delete the given library.",
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        "    Return general information on all the libraries:",
        "    * Library name",
        "    * The engine used to run the Library",
        "    * Library description",
        "    * Functions list",
        "    * Library code (if WITHCODE is given)",
        "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
        "STATS",
        "    Return information about the current function running:",
        "    * Function name",
        "    * Command used to run the function",
        "    * Duration in MS that the function is running",
        "    If no function is running, return nil",
        "    In addition, returns a list of available engines.",
        "KILL",
        "    Kill the current running function.",
        "FLUSH [ASYNC|SYNC]",
        "    Delete all the libraries.",
        "    When called without the optional mode argument, the behavior is determined by the",
        "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
        "    * ASYNC: Asynchronously flush the libraries.",
        "    * SYNC: Synchronously flush the libraries.",
        "DUMP",
        "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
        "    control how to handle existing libraries (default APPEND):",
        "    * FLUSH: delete all existing libraries.",
        "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
        "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
        "      libraries with the new libraries (notice that even on this option there is a chance of failure",
        "      in case of functions name collision with another library).",
    ]);
    Ok(Outcome::Done)
}
