//! The debugger of scripts: stops where it was told to, shows what is there, and does what the client at its console
//! says until that is to go on. The protocol is the one `redis-cli --ldb` speaks: each stop and each command is answered
//! with an array of lines.
//!
//! Owns one session on one thread. It waits for the client through the [`Caller`](crate::command::Caller) of the run and
//! does not know how that is done. What it shows is bounded, however wide and deep values are.

use super::failure::Failure;
use super::raw::locals;
use super::vm::CALLER;
use crate::base::num::parse_i64;
use crate::base::quoting::repr;
use crate::command::{Args, CommandError};
use crate::resp::reply::{Protocol, Reply};
use mlua::debug::{Debug, DebugEvent};
use mlua::{Lua, Value};
use std::cell::{Cell, RefCell};

/// Breakpoints at most.
const MOST_BREAKPOINTS: usize = 64;
/// Bytes of a value that are shown unless the client wants more.
const DEFAULT_LINE_BYTES: usize = 256;
/// The least that can be asked for.
const LEAST_LINE_BYTES: usize = 60;
/// Bytes of a value that are shown at most.
const MOST_LINE_BYTES: usize = 1 << 20;
/// Bytes of lines that wait to be sent; what comes then is left out.
const MOST_WAITING_BYTES: usize = 16 << 20;
/// Tables within tables that are shown.
const MOST_DEPTH: usize = 10;
/// Words of a command that are shown.
const MOST_WORDS: usize = 10;
/// Lines before and after the current one.
const CONTEXT_LINES: i64 = 5;
/// What part of a source's name makes it the script's.
const OF_SCRIPT: &str = "user_script";
/// The name of code the client has evaluated.
const EVALUATED: &str = "@ldb_eval";

const HELP: &[&str] = &[
    "Redis Lua debugger help:",
    "[h]elp               Show this help.",
    "[s]tep               Run current line and stop again.",
    "[n]ext               Alias for step.",
    "[c]ontinue           Run till next breakpoint.",
    "[l]ist               List source code around current line.",
    "[l]ist [line]        List source code around [line].",
    "                     line = 0 means: current position.",
    "[l]ist [line] [ctx]  In this form [ctx] specifies how many lines",
    "                     to show before/after [line].",
    "[w]hole              List all source code. Alias for 'list 1 1000000'.",
    "[p]rint              Show all the local variables.",
    "[p]rint <var>        Show the value of the specified variable.",
    "                     Can also show global vars KEYS and ARGV.",
    "[b]reak              Show all breakpoints.",
    "[b]reak <line>       Add a breakpoint to the specified line.",
    "[b]reak -<line>      Remove breakpoint from the specified line.",
    "[b]reak 0            Remove all breakpoints.",
    "[t]race              Show a backtrace.",
    "[e]val <code>        Execute some Lua code (in a different callframe).",
    "[r]edis <cmd>        Execute a Redis command.",
    "[m]axlen [len]       Trim logged Redis replies and Lua var dumps to len.",
    "                     Specifying zero as <len> means unlimited.",
    "[a]bort              Stop the execution of the script. In sync",
    "                     mode dataset changes will be retained.",
    "",
    "Debugger functions you can call from Lua scripts:",
    "redis.debug()        Produce logs in the debugger console.",
    "redis.breakpoint()   Stop execution like if there was a breakpoint in the",
    "                     next line of code.",
];

/// What a session knows.
struct Debugger {
    source: Vec<Vec<u8>>,
    lines: Vec<Vec<u8>>,
    waiting_bytes: usize,
    /// Stop at the next line.
    step: bool,
    /// `redis.breakpoint` was called.
    asked_to_stop: bool,
    breakpoints: Vec<i64>,
    current_line: i64,
    /// 0: no limit but the greatest.
    line_bytes: usize,
    hinted: bool,
    /// Nobody is at the console any more.
    alone: bool,
}

thread_local! {
    static DEBUGGER: RefCell<Option<Debugger>> = const { RefCell::new(None) };
    /// Commands and their replies are shown.
    static SHOWS_CALLS: Cell<bool> = const { Cell::new(false) };
    /// The client has code evaluated: it does not stop in there.
    static EVALUATING: Cell<bool> = const { Cell::new(false) };
}

/// Begins the session of a script.
pub fn begin(body: &[u8]) {
    let end = body.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let source = body[..end].split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    DEBUGGER.set(Some(Debugger {
        source,
        lines: Vec::new(),
        waiting_bytes: 0,
        step: true,
        asked_to_stop: false,
        breakpoints: Vec::new(),
        current_line: 0,
        line_bytes: DEFAULT_LINE_BYTES,
        hinted: false,
        alone: false,
    }));
    SHOWS_CALLS.set(true);
}

/// Ends the session. Returned is what the client is to be told as its end.
pub fn end() -> Vec<u8> {
    SHOWS_CALLS.set(false);
    EVALUATING.set(false);
    let Some(mut debugger) = DEBUGGER.take() else { return Vec::new() };
    debugger.say("<endsession>");
    debugger.take_lines()
}

/// Whether a session is on.
pub fn is_on() -> bool {
    DEBUGGER.with_borrow(Option::is_some)
}

/// Does something with the session there is.
fn with<T>(act: impl FnOnce(&mut Debugger) -> T) -> Option<T> {
    DEBUGGER.with_borrow_mut(|debugger| debugger.as_mut().map(act))
}

/// Whether commands are to be shown; asked at each of them.
#[inline]
pub fn shows_calls() -> bool {
    SHOWS_CALLS.get()
}

/// Shows a command.
pub fn show_command(args: Args<'_>) {
    let mut line = b"<redis>".to_vec();
    for (at, word) in args.iter().enumerate() {
        if at == MOST_WORDS {
            line.extend_from_slice(format!(" ... ({} more)", args.len() - at - 1).as_bytes());
            break;
        }
        line.push(b' ');
        line.extend_from_slice(&word[..word.len().min(MOST_LINE_BYTES)]);
    }
    with(|debugger| debugger.say(line));
}

/// Shows what came of a command.
pub fn show_result(called: &Result<&[u8], CommandError>) {
    let error = match called {
        Ok(reply) if reply.first() == Some(&b'-') => {
            Some(&reply[..memchr::memchr(b'\r', reply).unwrap_or(reply.len())])
        }
        Ok(_) => None,
        // A refusal is shown without the code it gets for want of another.
        Err(error) => Some(error.text().strip_prefix(b"ERR ").unwrap_or(error.text())),
    };
    if let Some(error) = error {
        with(|debugger| debugger.say([b"<error> ", error].concat()));
    }
    if let Ok(reply) = called {
        let mut text = b"<reply> ".to_vec();
        describe_reply(&mut text, reply, 0);
        with(|debugger| debugger.say_trimmed(text));
    }
}

/// `redis.breakpoint`: whether there is somebody to stop for.
pub fn breakpoint() -> bool {
    with(|debugger| debugger.asked_to_stop = true).is_some()
}

/// `redis.debug`: shows values.
pub fn log<'v>(values: impl Iterator<Item = &'v Value>) {
    let Some(line) = with(|debugger| debugger.current_line) else { return };
    let mut text = format!("<debug> line {line}: ").into_bytes();
    for (at, value) in values.enumerate() {
        if at > 0 {
            text.extend_from_slice(b", ");
        }
        describe(&mut text, value, 0);
    }
    with(|debugger| debugger.say(text));
}

impl Debugger {
    /// Adds a line to what is sent next.
    fn say(&mut self, line: impl Into<Vec<u8>>) {
        let mut line = line.into();
        if self.waiting_bytes > MOST_WAITING_BYTES {
            return;
        }
        if self.waiting_bytes + line.len() > MOST_WAITING_BYTES {
            line = b"<hint> The lines that follow were left out, they are too many.".to_vec();
            self.waiting_bytes = MOST_WAITING_BYTES;
        }
        self.waiting_bytes += line.len() + 1;
        self.lines.push(line);
    }

    fn say_trimmed(&mut self, mut line: Vec<u8>) {
        let is_trimmed = self.line_bytes != 0 && line.len() > self.line_bytes;
        if is_trimmed {
            line.truncate(self.line_bytes);
            line.extend_from_slice(b" ...");
        }
        self.say(line);
        if is_trimmed && !self.hinted {
            self.hinted = true;
            self.say("<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.");
        }
    }

    /// What there is to say, as a reply.
    fn take_lines(&mut self) -> Vec<u8> {
        let mut reply = Reply::new(Protocol::Resp2);
        reply.array(self.lines.len());
        for mut line in self.lines.drain(..) {
            line.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
            reply.raw(b"+");
            reply.raw(&line);
            reply.raw(b"\r\n");
        }
        self.waiting_bytes = 0;
        reply.take()
    }

    fn say_source_line(&mut self, number: i64) {
        let line = usize::try_from(number - 1).ok().and_then(|at| self.source.get(at));
        let line = line.map_or(&b"<out of range source code line>"[..], |line| line);
        let prefix = match (self.current_line == number, self.breakpoints.contains(&number)) {
            (true, true) => "->#",
            (true, false) => "-> ",
            (false, true) => "  #",
            (false, false) => "   ",
        };
        let line = [format!("{prefix}{number:<3} ").as_bytes(), line].concat();
        self.say(line);
    }

    fn list(&mut self, around: i64, context: i64) {
        let last = self.source.len() as i64;
        let from = around.saturating_sub(context).max(1);
        for number in from..=around.saturating_add(context).min(last) {
            self.say_source_line(number);
        }
    }

    fn list_command(&mut self, words: Args<'_>) {
        let number = |at: usize| words.get(at).map(leading_number);
        let around = number(1).filter(|&line| line > 0).unwrap_or(self.current_line);
        self.list(around, number(2).unwrap_or(CONTEXT_LINES));
    }

    fn break_command(&mut self, words: Args<'_>) {
        if words.len() == 1 {
            if self.breakpoints.is_empty() {
                return self.say("No breakpoints set. Use 'b <line>' to add one.");
            }
            self.say(format!("{} breakpoints set:", self.breakpoints.len()));
            for line in self.breakpoints.clone() {
                self.say_source_line(line);
            }
        }
        for word in words.iter().skip(1) {
            match parse_i64(word) {
                None => self.say([b"Invalid argument:'", word, b"'"].concat()),
                Some(0) => {
                    self.breakpoints.clear();
                    self.say("All breakpoints removed.");
                }
                Some(line) if line > 0 => self.add_breakpoint(line),
                Some(line) => {
                    let before = self.breakpoints.len();
                    self.breakpoints.retain(|&other| Some(other) != line.checked_neg());
                    let removed = self.breakpoints.len() < before;
                    self.say(if removed { "Breakpoint removed." } else { "No breakpoint in the specified line." });
                }
            }
        }
    }

    fn add_breakpoint(&mut self, line: i64) {
        if self.breakpoints.len() == MOST_BREAKPOINTS {
            return self.say("Too many breakpoints set.");
        }
        // A line that has one already is told like a line that does not exist, as Redis does.
        if line > self.source.len() as i64 || self.breakpoints.contains(&line) {
            return self.say("Wrong line number.");
        }
        self.breakpoints.push(line);
        self.list(line, 1);
    }

    fn maxlen_command(&mut self, words: Args<'_>) {
        if words.len() == 2 {
            self.hinted = true;
            let bytes = usize::try_from(leading_number(words.at(1))).unwrap_or(0);
            self.line_bytes = if bytes == 0 { 0 } else { bytes.max(LEAST_LINE_BYTES) };
        }
        self.say(match self.line_bytes {
            0 => "<value> replies are unlimited.".to_owned(),
            bytes => format!("<value> replies are truncated at {bytes} bytes."),
        });
    }
}

/// A number as C's `atoi` reads it.
fn leading_number(word: &[u8]) -> i64 {
    let sign = usize::from(matches!(word.first(), Some(b'-' | b'+')));
    let digits = word[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let from = usize::from(word.first() == Some(&b'+'));
    parse_i64(&word[from..sign + digits]).unwrap_or(0)
}

/// Why the script stops.
fn reason_to_stop(debugger: &Debugger, line: i64, is_overdue: bool) -> Option<&'static str> {
    if debugger.asked_to_stop {
        Some("redis.breakpoint() called")
    } else if debugger.breakpoints.contains(&line) {
        Some("break point")
    } else if is_overdue {
        Some("timeout reached, infinite loop?")
    } else if debugger.step {
        Some("step over")
    } else {
        None
    }
}

/// The script has come to a line, or has run for a while within one. True: nobody is at the console since. Errors: what
/// it is to die of.
pub fn pause(lua: &Lua, debug: &Debug<'_>) -> mlua::Result<bool> {
    let is_script = debug.source().short_src.is_some_and(|name| name.contains(OF_SCRIPT));
    if EVALUATING.get() || !is_script {
        return Ok(false);
    }
    let is_overdue = !matches!(debug.event(), DebugEvent::Line) && CALLER.with(|caller| caller.is_overdue());
    let line = debug.current_line().map_or(-1, |line| line as i64);
    let reason = with(|debugger| {
        debugger.current_line = line;
        if debugger.alone {
            // Nobody would ever end it.
            let text = "timeout during Lua debugging with client closing connection";
            return if is_overdue { Err(Failure::reply(text)) } else { Ok(None) };
        }
        let reason = reason_to_stop(debugger, line, is_overdue);
        if let Some(reason) = reason {
            (debugger.step, debugger.asked_to_stop) = (false, false);
            debugger.say(format!("* Stopped at {line}, stop reason = {reason}"));
            debugger.say_source_line(line);
        }
        Ok(reason)
    });
    if reason.transpose()?.flatten().is_none() {
        return Ok(false);
    }
    // Nothing here is held to the limit but what the client evaluates; setting it fails only for interpreters of others.
    let limit_bytes = lua.set_memory_limit(0).unwrap_or(0);
    let ended = converse(lua, limit_bytes);
    let _ = lua.set_memory_limit(limit_bytes);
    SHOWS_CALLS.set(with(|debugger| debugger.step) == Some(true));
    ended
}

/// Does what the client says until the script is to go on. True: it has gone. Errors: the script is not to go on.
fn converse(lua: &Lua, limit_bytes: usize) -> mlua::Result<bool> {
    loop {
        let lines = with(Debugger::take_lines).unwrap_or_default();
        let next = CALLER.with(|caller| {
            caller.debugger_says(lines);
            caller.next_debugger_command()
        });
        let Some(words) = next else {
            // It runs on without being stopped.
            with(|debugger| {
                (debugger.step, debugger.alone) = (false, true);
                debugger.breakpoints.clear();
            });
            return Ok(true);
        };
        let words = words.as_args();
        let Some(name) = words.get(0) else { continue };
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        match (&*name, words.len()) {
            ("s" | "step" | "n" | "next", _) => {
                with(|debugger| debugger.step = true);
                return Ok(false);
            }
            ("c" | "continue", _) => return Ok(false),
            ("a" | "abort", _) => return Err(Failure::reply("script aborted for user request")),
            ("h" | "help", _) => drop(with(|debugger| HELP.iter().for_each(|line| debugger.say(*line)))),
            ("t" | "trace", _) => trace(lua),
            ("m" | "maxlen", _) => drop(with(|debugger| debugger.maxlen_command(words))),
            ("b" | "break", _) => drop(with(|debugger| debugger.break_command(words))),
            ("e" | "eval", _) => evaluate(lua, words, limit_bytes),
            ("r" | "redis", 2..) => call(words.from(1)),
            ("p" | "print", 2) => print_one(lua, words.at(1)),
            ("p" | "print", _) => print_all(lua),
            ("l" | "list", _) => drop(with(|debugger| debugger.list_command(words))),
            ("w" | "whole", _) => drop(with(|debugger| debugger.list(1, 1_000_000))),
            _ => {
                let text = "<error> Unknown Redis Lua debugger command or wrong number of arguments.";
                with(|debugger| debugger.say(text));
            }
        }
    }
}

fn trace(lua: &Lua) {
    for level in 0.. {
        let frame = lua.inspect_stack(level, |debug| {
            let source = debug.source().short_src.unwrap_or_default().into_owned();
            let name = debug.names().name.map(|name| name.into_owned());
            (source, name, debug.current_line().map_or(-1, |line| line as i64))
        });
        let Some((source, name, line)) = frame else { return };
        if source.contains(OF_SCRIPT) {
            let relation = if level == 0 { "In" } else { "From" };
            with(|debugger| {
                debugger.say(format!("{relation} {}:", name.as_deref().unwrap_or("top level")));
                debugger.say_source_line(line);
            });
        }
    }
}

fn print_one(lua: &Lua, name: &[u8]) {
    let mut found = None;
    for level in 0.. {
        let Some(locals) = locals(lua, level) else { break };
        found = locals.into_iter().find(|(other, _)| other.as_bytes() == name).map(|(_, value)| value);
        if found.is_some() {
            break;
        }
    }
    if found.is_none() && matches!(name, b"KEYS" | b"ARGV") {
        found = lua.globals().get::<Value>(&*String::from_utf8_lossy(name)).ok();
    }
    match found {
        Some(value) => say_value(b"<value> ", &value),
        None => drop(with(|debugger| debugger.say("No such variable."))),
    }
}

fn print_all(lua: &Lua) {
    let mut locals = locals(lua, 0).unwrap_or_default();
    locals.retain(|(name, _)| !name.contains("(*temporary)"));
    if locals.is_empty() {
        with(|debugger| debugger.say("No local variables in the current context."));
    }
    for (name, value) in &locals {
        say_value(format!("<value> {name} = ").as_bytes(), value);
    }
}

fn say_value(prefix: &[u8], value: &Value) {
    let mut text = prefix.to_vec();
    describe(&mut text, value, 0);
    with(|debugger| debugger.say_trimmed(text));
}

/// Runs code of the client, in a coroutine: there, it can be ended as scripts can.
fn evaluate(lua: &Lua, words: Args<'_>, limit_bytes: usize) {
    let code = words.iter().skip(1).collect::<Vec<_>>().join(&b' ');
    let compile = |code: &[u8]| {
        let mode = mlua::chunk::ChunkMode::Text;
        lua.load(code).set_name(EVALUATED).set_mode(mode).into_function()
    };
    let function = compile(&[b"return ", &code[..]].concat()).or_else(|_| compile(&code));
    EVALUATING.set(true);
    let _ = lua.set_memory_limit(limit_bytes);
    let result = function.and_then(|function| lua.create_thread(function)?.resume::<Value>(()));
    let _ = lua.set_memory_limit(0);
    EVALUATING.set(false);
    match result {
        Ok(value) => say_value(b"<retval> ", &value),
        Err(error) => {
            let (Failure::Text(text) | Failure::Reply { text, .. }) = Failure::of(&error);
            // The binding adds where it was called from.
            let end = memchr::memmem::find(&text, b"\nstack traceback").unwrap_or(text.len());
            with(|debugger| debugger.say([b"<error> ", &text[..end]].concat()));
        }
    }
}

/// Runs a command of the client and shows what it is answered.
fn call(args: Args<'_>) {
    show_command(args);
    CALLER.with(|caller| show_result(&caller.call(args)));
}

/// Appends a value as it is shown.
fn describe(text: &mut Vec<u8>, value: &Value, depth: usize) {
    if text.len() > MOST_LINE_BYTES {
        return;
    }
    if depth == MOST_DEPTH {
        return text.extend_from_slice(b"<max recursion level reached! Nested table?>");
    }
    let opaque = |name: &str| format!("\"{name}@{:?}\"", value.to_pointer()).into_bytes();
    match value {
        Value::String(string) => {
            let bytes = string.as_bytes();
            text.extend_from_slice(repr(&bytes[..bytes.len().min(MOST_LINE_BYTES)]).as_bytes());
        }
        Value::Boolean(truth) => text.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Integer(number) => text.extend_from_slice(general(*number as f64).as_bytes()),
        Value::Number(number) => text.extend_from_slice(general(*number).as_bytes()),
        Value::Nil => text.extend_from_slice(b"nil"),
        Value::Table(table) => describe_table(text, table, depth + 1),
        Value::Function(_) => text.extend_from_slice(&opaque("function")),
        Value::Thread(_) => text.extend_from_slice(&opaque("thread")),
        Value::LightUserData(_) => text.extend_from_slice(&opaque("light-userdata")),
        _ => text.extend_from_slice(&opaque("userdata")),
    }
}

/// A table with keys unless they are 1, 2, 3 and so on.
fn describe_table(text: &mut Vec<u8>, table: &mlua::Table, depth: usize) {
    let is_list = table.pairs::<Value, Value>().zip(1..).all(|(pair, number)| match pair {
        Ok((Value::Integer(key), _)) => key == number,
        _ => false,
    });
    text.push(b'{');
    for (at, (key, value)) in table.pairs::<Value, Value>().flatten().enumerate() {
        if text.len() > MOST_LINE_BYTES {
            break;
        }
        if at > 0 {
            text.extend_from_slice(b"; ");
        }
        if !is_list {
            text.push(b'[');
            describe(text, &key, depth);
            text.extend_from_slice(b"]=");
        }
        describe(text, &value, depth);
    }
    text.push(b'}');
}

/// A number as C's `%g` prints it.
fn general(number: f64) -> String {
    const DIGITS: i32 = 6;
    if !number.is_finite() {
        let sign = if number.is_sign_negative() { "-" } else { "" };
        return format!("{sign}{}", if number.is_nan() { "nan" } else { "inf" });
    }
    let scientific = format!("{number:.*e}", DIGITS as usize - 1);
    // What is formatted so has an exponent.
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..DIGITS).contains(&exponent) {
        return trimmed(&format!("{number:.*}", (DIGITS - 1 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
}

/// Appends a reply as it is shown; returns what follows it.
fn describe_reply<'r>(text: &mut Vec<u8>, reply: &'r [u8], depth: usize) -> &'r [u8] {
    let end = memchr::memchr(b'\r', reply).unwrap_or(reply.len());
    let (line, rest) = (&reply[..end], reply.get(end + 2..).unwrap_or_default());
    let Some((mark, word)) = line.split_first() else { return rest };
    // Replies of the server nest less; what they are cut at is enough.
    let count = parse_i64(word).filter(|_| depth <= MOST_DEPTH && text.len() <= MOST_LINE_BYTES).unwrap_or(-1);
    match mark {
        b':' => text.extend_from_slice(word),
        b'$' => {
            let Ok(len) = usize::try_from(count) else {
                text.extend_from_slice(b"NULL");
                return rest;
            };
            text.extend_from_slice(repr(rest.get(..len.min(MOST_LINE_BYTES)).unwrap_or(rest)).as_bytes());
            return rest.get(len + 2..).unwrap_or_default();
        }
        b'+' | b'-' => text.extend_from_slice(repr(line).as_bytes()),
        b'*' if count < 0 => text.extend_from_slice(b"NULL"),
        b'*' => return describe_elements(text, rest, count, depth, [b"[", b",", b"]"]),
        b'~' => return describe_elements(text, rest, count, depth, [b"~(", b",", b")"]),
        b'%' => return describe_elements(text, rest, count.saturating_mul(2), depth, [b"{", b" => ", b"}"]),
        b'_' => text.extend_from_slice(b"(null)"),
        b'#' => text.extend_from_slice(if word == b"t" { b"#true" } else { b"#false" }),
        b',' => {
            text.extend_from_slice(b"(double) ");
            text.extend_from_slice(word);
        }
        _ => {}
    }
    rest
}

/// Appends the elements of an aggregate between brackets. What stands between a key and its value stands for a map.
fn describe_elements<'r>(
    text: &mut Vec<u8>,
    mut rest: &'r [u8],
    count: i64,
    depth: usize,
    [open, between, close]: [&[u8]; 3],
) -> &'r [u8] {
    let is_map = between != b",";
    text.extend_from_slice(open);
    for at in 0..count {
        if text.len() > MOST_LINE_BYTES {
            return &[];
        }
        if at > 0 {
            text.extend_from_slice(if is_map && at % 2 == 0 { b"," } else { between });
        }
        rest = describe_reply(text, rest, depth + 1);
    }
    text.extend_from_slice(close);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_c_does() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (123456.0, "123456"),
            (1234567.0, "1.23457e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (999999.5, "1e+06"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(general(number), text);
        }
    }

    #[test]
    fn replies_are_shown_in_short() {
        for (reply, text) in [
            (&b"*3\r\n:1\r\n$1\r\na\r\n*-1\r\n"[..], "[1,\"a\",NULL]"),
            (b"+OK\r\n", "\"+OK\""),
            (b"%1\r\n+a\r\n#t\r\n", "{\"+a\" => #true}"),
            (b"~2\r\n,1.5\r\n_\r\n", "~((double) 1.5,(null))"),
            (b"$-1\r\n", "NULL"),
            (b"$5\r\nab", "\"ab\""),
        ] {
            let mut shown = Vec::new();
            describe_reply(&mut shown, reply, 0);
            assert_eq!(String::from_utf8_lossy(&shown), text);
        }
    }

    #[test]
    fn numbers_of_commands_are_read_as_c_does() {
        for (word, number) in [("12", 12), ("-3x", -3), ("+4", 4), ("x", 0), ("", 0), ("-", 0)] {
            assert_eq!(leading_number(word.as_bytes()), number);
        }
    }
}
