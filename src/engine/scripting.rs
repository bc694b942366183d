//! Running scripts: the engine lends itself to the interpreter as the [`Caller`] of one run. What a script calls passes
//! the checks here rather than the gate, runs as a client of its own, and is one unit with the script around it.
//!
//! A script that runs for longer than `busy-reply-threshold` lets the rim serve the other clients in between; the gate
//! answers them BUSY, but for the few commands that may end it.

use super::debugging::Console;
use super::propagate::Readers;
use super::table::CommandId;
use super::{ClientIndex, Engine};
use crate::acl::Context;
use crate::base::ids::ClientId;
use crate::client::{Client, ClientFlags, Endpoints};
use crate::command::meta::Flag;
use crate::command::{Args, Caller, CommandError, OwnedArgs};
use crate::config::Key;
use crate::resp::reply::Protocol;
use crate::script::{ErrorReply, Registered, Returned, Script, ScriptFlags, Scripts};
use std::cell::RefCell;
use std::rc::Rc;

/// What another client is answered while a script is busy.
const BUSY_SCRIPT: CommandError =
    CommandError::fixed("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
/// The same while a function is.
const BUSY_FUNCTION: CommandError =
    CommandError::fixed("BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.");
/// Bytes of the script client's buffer that are kept between two scripts.
const KEPT_REPLY_BYTES: usize = 64 * 1024;

/// What is run.
#[derive(Clone)]
pub enum Runnable {
    /// A script of the cache.
    Script(Rc<Script>),
    /// A function of a library.
    Function(Rc<Registered>),
}

impl Runnable {
    fn flags(&self) -> ScriptFlags {
        match self {
            Runnable::Script(script) => script.flags,
            Runnable::Function(function) => function.flags,
        }
    }

    fn name(&self) -> String {
        String::from_utf8_lossy(match self {
            Runnable::Script(script) => &script.name,
            Runnable::Function(function) => &function.name,
        })
        .into_owned()
    }

    fn is_script(&self) -> bool {
        matches!(self, Runnable::Script(_))
    }
}

/// A script that is running.
pub struct Running {
    runnable: Runnable,
    /// Who called it.
    caller: ClientIndex,
    began_ns: u64,
    /// It may write nothing.
    read_only: bool,
    /// It may run beyond `maxmemory`.
    allow_oom: bool,
    /// It has written.
    wrote: bool,
    /// It has called a command that only reads.
    read: bool,
    /// It is to end.
    killed: bool,
    /// Who is to repeat what it writes.
    repeated_by: Readers,
    /// When its debugger last let it go on.
    resumed_ns: u64,
    /// Its caller's request, once others are served while it runs.
    busy: Option<OwnedArgs>,
}

/// Scripts and whether one is running.
pub struct Scripting {
    /// The interpreters; lent out for reading while a script runs.
    pub host: Rc<RefCell<Scripts>>,
    /// The client that scripts run their commands as.
    client: Option<ClientIndex>,
    running: Option<Running>,
    /// Where the client is that debugs the script.
    pub(super) console: Option<Box<dyn Console>>,
    /// That client was told the end of the session.
    pub(super) said_end: bool,
    /// The last command found memory above `maxmemory` and nothing to evict.
    pub(super) out_of_memory: bool,
}

impl Scripting {
    /// Interpreters for a machine with so much memory. Errors: why there are none.
    pub fn new(total_memory: u64, old_api: bool) -> Result<Scripting, String> {
        const LEAST_BYTES: u64 = 256 << 20;
        const MOST_BYTES: u64 = 4 << 30;
        let memory_bytes = (total_memory / 4).clamp(LEAST_BYTES, MOST_BYTES) as usize;
        let host = Rc::new(RefCell::new(Scripts::new(memory_bytes, old_api)?));
        Ok(Scripting { host, client: None, running: None, console: None, said_end: false, out_of_memory: false })
    }

    /// Clients that are only there for scripts.
    pub fn clients(&self) -> usize {
        usize::from(self.client.is_some())
    }

    /// Whether a script is running.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether the script that is running is to end.
    pub(super) fn is_killed(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.killed)
    }

    /// What other clients are answered, if a script has been running for too long.
    pub fn busy(&self) -> Option<CommandError> {
        let running = self.running.as_ref().filter(|running| running.busy.is_some())?;
        Some(if running.runnable.is_script() { BUSY_SCRIPT } else { BUSY_FUNCTION })
    }
}

/// A running function, for FUNCTION STATS.
pub struct RunningFunction {
    /// Its name.
    pub name: Vec<u8>,
    /// The request that called it.
    pub command: OwnedArgs,
    /// Since when it runs.
    pub duration_ms: u64,
}

impl Engine {
    /// Who is meant by a client: the script's caller when it is the client of scripts.
    #[inline]
    pub(super) fn on_behalf_of(&self, index: ClientIndex) -> ClientIndex {
        match &self.scripting.running {
            Some(running) if self.scripting.client == Some(index) => running.caller,
            _ => index,
        }
    }

    /// Whether the script that is running is to end.
    pub fn script_is_killed(&self) -> bool {
        self.scripting.is_killed()
    }

    /// Does something in the middle of a script that serves the other clients: what belongs to the script's caller waits
    /// until then.
    pub(super) fn serving_others<T>(&mut self, act: impl FnOnce(&mut Engine) -> T) -> T {
        let caller = self.running.take();
        let messages = std::mem::take(&mut self.own_messages);
        let done = act(self);
        self.own_messages = messages;
        self.running = caller;
        done
    }

    /// Who called the running script.
    pub fn script_caller(&self) -> Option<ClientIndex> {
        self.scripting.running.as_ref().map(|running| running.caller)
    }

    /// The client that scripts run their commands as; nobody sees its replies.
    fn script_client(&mut self) -> ClientIndex {
        if let Some(index) = self.scripting.client {
            return index;
        }
        let mut client = Client::new(ClientId(u64::MAX), Endpoints::default(), self.now);
        client.flags = ClientFlags::AUTHENTICATED | ClientFlags::DENY_BLOCKING | ClientFlags::SCRIPT;
        let index = self.clients.insert(Box::new(client));
        self.scripting.client = Some(index);
        index
    }

    /// The flags a script or function that a request names has declared, if it has.
    pub(super) fn declared_flags(&self, id: CommandId, args: Args<'_>) -> Option<ScriptFlags> {
        let host = self.scripting.host.try_borrow().ok()?;
        let named = args.get(1)?;
        let flags = match self.table.get(id).meta.name {
            "fcall" | "fcall_ro" => return host.libraries.function(named).map(|function| function.flags),
            "eval" | "eval_ro" => crate::script::declared_flags(named)?,
            _ => host.find(named)?.flags,
        };
        (!flags.has(ScriptFlags::UNDECLARED)).then_some(flags)
    }

    /// Checks what has to hold before a script runs at all, in the order Redis does. `read_only`: it was called by a
    /// command that writes nothing.
    fn may_start(&self, flags: ScriptFlags, read_only: bool, obeyed: bool) -> Result<(), CommandError> {
        if self.scripting.is_running() {
            return Err(CommandError::fixed("ERR A script can not run another one"));
        }
        if flags.has(ScriptFlags::UNDECLARED) {
            return if self.is_stale() { Err(CommandError::MASTER_DOWN) } else { Ok(()) };
        }
        if self.is_stale() && !flags.has(ScriptFlags::ALLOW_STALE) {
            return Err(CommandError::fixed(
                "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is not \
                 set on the script.",
            ));
        }
        if !flags.has(ScriptFlags::NO_WRITES) {
            if self.following.is_replica() && self.options.replica_read_only && !obeyed {
                return Err(CommandError::fixed("READONLY Can not run script with write flag on readonly replica"));
            }
            if !obeyed && let Some(trouble) = self.disk_trouble() {
                return Err(writable_refusal(&trouble));
            }
            if read_only {
                return Err(CommandError::fixed("ERR Can not execute a script with write flag using *_ro command."));
            }
            if self.options.lacks_replicas && !obeyed && !self.following.is_replica() {
                return Err(CommandError::NO_REPLICAS);
            }
        }
        let roomy = flags.has(ScriptFlags::ALLOW_OOM) || flags.has(ScriptFlags::NO_WRITES);
        if self.options.max_memory != 0 && self.scripting.out_of_memory && !roomy {
            return Err(CommandError::fixed(
                "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
            ));
        }
        Ok(())
    }

    /// Runs a script or function for a client and writes what it returns. `args`: the whole request, keys from 3 on.
    pub(super) fn run_script(
        &mut self,
        caller: ClientIndex,
        args: Args<'_>,
        runnable: Runnable,
        keys: usize,
        read_only: bool,
    ) -> Result<(), CommandError> {
        let flags = runnable.flags();
        let obeyed = self.clients[caller].flags.intersects(ClientFlags::OBEYED);
        self.may_start(flags, read_only, obeyed)?;
        let index = self.script_client();
        let Client { db, user, flags: of_caller, .. } = *self.clients[caller];
        let client = &mut self.clients[index];
        (client.db, client.user) = (db, user);
        client.flags.set(ClientFlags::UNRESTRICTED, of_caller.contains(ClientFlags::UNRESTRICTED));
        client.out.set_protocol(Protocol::Resp2);
        client.flags.set(ClientFlags::LOADER, of_caller.contains(ClientFlags::LOADER));
        client.stamp = 0;
        let declared = !flags.has(ScriptFlags::UNDECLARED);
        self.scripting.running = Some(Running {
            runnable: runnable.clone(),
            caller,
            began_ns: self.clock_ns,
            read_only: read_only || declared && flags.has(ScriptFlags::NO_WRITES),
            allow_oom: declared && flags.has(ScriptFlags::ALLOW_OOM),
            wrote: false,
            read: false,
            killed: false,
            repeated_by: Readers::all(),
            resumed_ns: self.clock_ns,
            busy: None,
        });
        let host = self.scripting.host.clone();
        let host = host.borrow();
        let (names, rest) = (args.from(3).first(keys), args.from(3 + keys));
        let mut call = ScriptCall { engine: self, client: index, args };
        let returned = match &runnable {
            Runnable::Script(script) if call.engine.scripting.console.is_some() => {
                let (returned, last) = host.debug(script, args.at(1), names, rest, &mut call);
                self.clients[caller].out.raw(&last);
                self.scripting.said_end = true;
                returned
            }
            Runnable::Script(script) => host.eval(script, names, rest, &mut call),
            Runnable::Function(function) => host.call(function, names, rest, &mut call),
        };
        let read = self.scripting.running.take().is_some_and(|running| running.read);
        if read && self.tracking.is_active() {
            self.remember_declared(caller, names);
        }
        let script = &mut self.clients[index];
        let stamp = script.stamp;
        let protocol = script.out.protocol();
        script.out.clear();
        script.out.shrink_to(KEPT_REPLY_BYTES);
        // What its commands may have revealed, the reply of the script may.
        self.stamp_as(caller, stamp);
        let failed = self.finish_script(caller, &host, returned, &runnable, protocol)?;
        // An error that a command of the script gave is in the figures; that the script failed of it is not yet.
        if failed && let Some(id) = self.table.find_top(args.at(0)) {
            self.table.get_mut(id).stats.failed += 1;
        }
        Ok(())
    }

    /// Writes what a script returned; whether there are errors in it. Errors: one that ended it and is still to be
    /// written and counted.
    fn finish_script(
        &mut self,
        caller: ClientIndex,
        host: &Scripts,
        returned: Returned,
        runnable: &Runnable,
        protocol: Protocol,
    ) -> Result<bool, CommandError> {
        let reply = &mut self.clients[caller].out;
        match host.write(returned, || runnable.name(), protocol, reply) {
            Ok(errors) => {
                let failed = !errors.is_empty();
                for ErrorReply { text, .. } in errors.into_iter().filter(|error| !error.counted) {
                    self.count_error(&CommandError::from_bytes(text));
                }
                Ok(failed)
            }
            Err(ErrorReply { text, counted: true }) => {
                reply.error(&text);
                Ok(true)
            }
            Err(ErrorReply { text, .. }) => Err(CommandError::from_bytes(text)),
        }
    }

    /// Ends the running script, unless it has written. `script`: asked by SCRIPT KILL rather than FUNCTION KILL.
    pub(super) fn kill_script(&mut self, script: bool) -> Result<(), CommandError> {
        let Some(running) = &mut self.scripting.running else {
            return Err(CommandError::fixed("NOTBUSY No scripts in execution right now."));
        };
        if self.clients[running.caller].flags.intersects(ClientFlags::OBEYED) {
            return Err(CommandError::fixed(
                "UNKILLABLE The busy script was sent by a master instance in the context of replication and cannot be killed.",
            ));
        }
        if running.wrote {
            return Err(CommandError::fixed(
                "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
                 script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
            ));
        }
        match (script, running.runnable.is_script()) {
            (true, false) => return Err(BUSY_FUNCTION),
            (false, true) => return Err(BUSY_SCRIPT),
            _ => running.killed = true,
        }
        Ok(())
    }

    /// The function that is running, if one is. Errors: a script is.
    pub(super) fn running_function(&self) -> Result<Option<RunningFunction>, CommandError> {
        let Some(running) = &self.scripting.running else { return Ok(None) };
        match &running.runnable {
            Runnable::Script(_) => Err(BUSY_SCRIPT),
            Runnable::Function(function) => Ok(Some(RunningFunction {
                name: function.name.clone(),
                command: running.busy.clone().unwrap_or_default(),
                duration_ms: (self.senses.monotonic_ns)().saturating_sub(running.began_ns) / 1_000_000,
            })),
        }
    }

    /// Checks a command that a script calls, in the order Redis does, and notes that the script writes if it does.
    fn check_script_command(
        &mut self,
        index: ClientIndex,
        args: Args<'_>,
    ) -> Result<CommandId, (Option<CommandId>, CommandError)> {
        let unknown = || (None, CommandError::fixed("ERR Unknown Redis command called from script"));
        let id = self.table.resolve(args).map_err(|_| unknown())?;
        let refuse = |error| Err((Some(id), error));
        let command = self.table.get(id);
        if !command.meta.arity_allows(args.len()) {
            return refuse(CommandError::fixed("ERR Wrong number of args calling Redis command from script"));
        }
        if command.has(Flag::Noscript) && !self.debug.scripts_call_all {
            return refuse(CommandError::fixed("ERR This Redis command is not allowed from script"));
        }
        let (writes, reads) = (command.has(Flag::Write), command.has(Flag::Readonly));
        if let Err(denied) = self.check_access(index, id, args) {
            let caller = self.on_behalf_of(index);
            self.deny(caller, id, args, denied, Context::Lua);
            return refuse(CommandError::new(format!("ERR The user executing the script {}", denied.script_reason())));
        }
        let command = self.table.get(id);
        let (may_replicate, needs_room) = (command.has(Flag::MayReplicate), command.has(Flag::Denyoom));
        let caller = self.on_behalf_of(index);
        let obeyed = self.clients[caller].flags.intersects(ClientFlags::OBEYED);
        let is_replica = self.following.is_replica();
        let read_only = (is_replica && self.options.replica_read_only && !obeyed).then_some(CommandError::READ_ONLY);
        let lonely = (self.options.lacks_replicas && !obeyed && !is_replica).then_some(CommandError::NO_REPLICAS);
        let trouble = if writes { read_only.or_else(|| self.disk_trouble()).or(lonely) } else { None };
        if self.is_stale() && !self.table.get(id).has(Flag::Stale) {
            return refuse(CommandError::fixed("ERR Can not execute the command on a stale replica"));
        }
        let above_limit = self.options.max_memory != 0 && self.scripting.out_of_memory;
        let Some(running) = &mut self.scripting.running else { return Err(unknown()) };
        if running.read_only && (writes || may_replicate) {
            return refuse(CommandError::fixed("ERR Write commands are not allowed from read-only scripts."));
        }
        if !running.wrote
            && let Some(trouble) = trouble
        {
            return refuse(trouble);
        }
        if above_limit && needs_room && !running.allow_oom && !running.wrote && !obeyed {
            return refuse(CommandError::OOM);
        }
        running.wrote |= writes;
        running.read |= reads;
        Ok(id)
    }
}

/// The refusal of a script that declares that it writes, while a file cannot be written.
fn writable_refusal(trouble: &CommandError) -> CommandError {
    let text = String::from_utf8_lossy(trouble.text());
    match text.strip_prefix("MISCONF Errors writing to the AOF file: ") {
        None => CommandError::fixed(
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Writable \
             scripts are blocked. Use 'no-writes' flag for read only scripts.",
        ),
        Some(reason) => CommandError::new(format!(
            "MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to disk. Writable \
             scripts are blocked. Use 'no-writes' flag for read only scripts. AOF error: {reason}"
        )),
    }
}

/// The engine, lent to a script for one run.
struct ScriptCall<'e> {
    engine: &'e mut Engine,
    /// The client the script's commands run as.
    client: ClientIndex,
    /// The request that began the run.
    args: Args<'e>,
}

impl Caller for ScriptCall<'_> {
    fn call(&mut self, args: Args<'_>) -> Result<&[u8], CommandError> {
        let engine = &mut *self.engine;
        engine.clients[self.client].out.clear();
        match engine.check_script_command(self.client, args) {
            Ok(id) => {
                let running = engine.scripting.running.as_ref();
                engine.propagation.wanted_by = running.map_or(Readers::all(), |running| running.repeated_by);
                engine.run(self.client, id, args, None);
                engine.propagation.wanted_by = Readers::all();
                Ok(engine.clients[self.client].out.as_slice())
            }
            Err((id, error)) => {
                if let Some(id) = id {
                    engine.table.get_mut(id).stats.rejected += 1;
                }
                engine.count_error(&error);
                Err(error)
            }
        }
    }

    fn set_protocol(&mut self, protocol: Protocol) {
        self.engine.clients[self.client].out.set_protocol(protocol);
    }

    fn set_replication(&mut self, log: bool, replicas: bool) {
        if let Some(running) = &mut self.engine.scripting.running {
            running.repeated_by.set(Readers::LOG, log);
            running.repeated_by.set(Readers::REPLICAS, replicas);
        }
    }

    fn may_run(&mut self, args: Args<'_>) -> Option<bool> {
        let id = self.engine.table.resolve(args).ok()?;
        Some(self.engine.check_access(self.client, id, args).is_ok())
    }

    fn interrupted(&mut self) -> bool {
        let engine = &mut *self.engine;
        if engine.scripting.console.as_ref().is_some_and(|console| console.is_gone()) {
            return true;
        }
        let threshold_ms = engine.config.integer(Key::BusyReplyThreshold);
        let now_ns = (engine.senses.monotonic_ns)();
        let Some(running) = &mut engine.scripting.running else { return false };
        let elapsed_ms = now_ns.saturating_sub(running.began_ns) / 1_000_000;
        if threshold_ms <= 0 || (elapsed_ms as i64) < threshold_ms {
            return running.killed;
        }
        if running.busy.is_none() {
            let kill = if running.runnable.is_script() { "SCRIPT KILL" } else { "FUNCTION KILL" };
            tracing::warn!(
                "Slow script detected: still in execution after {elapsed_ms} milliseconds. You can try killing the script \
                 using the {kill} command. Script name is: {}.",
                running.runnable.name()
            );
            running.busy = Some(self.args.to_owned());
        }
        let serve = engine.senses.serve_others;
        engine.serving_others(serve);
        engine.scripting.is_killed()
    }

    fn debugger_says(&mut self, reply: Vec<u8>) {
        self.engine.at_console(|console, engine| console.say(engine, reply));
    }

    fn next_debugger_command(&mut self) -> Option<OwnedArgs> {
        let request = self.args;
        if let Some(running) = &mut self.engine.scripting.running {
            running.busy.get_or_insert_with(|| request.to_owned());
        }
        let command = self.engine.at_console(|console, engine| console.next(engine)).flatten();
        let now_ns = (self.engine.senses.monotonic_ns)();
        if let Some(running) = &mut self.engine.scripting.running {
            running.resumed_ns = now_ns;
        }
        command
    }

    fn is_overdue(&mut self) -> bool {
        const DEFAULT_MS: u64 = 5000;
        let threshold_ms = self.engine.config.integer(Key::BusyReplyThreshold);
        let most_ms = u64::try_from(threshold_ms).ok().filter(|&ms| ms > 0).unwrap_or(DEFAULT_MS);
        let now_ns = (self.engine.senses.monotonic_ns)();
        let running = self.engine.scripting.running.as_ref();
        running.is_some_and(|running| now_ns.saturating_sub(running.resumed_ns) / 1_000_000 >= most_ms)
    }
}

/// Whoever runs the code of a function library: it can call nothing, and has a while to register its functions.
pub(super) struct LibraryLoad {
    clock: fn() -> u64,
    /// The moment its time is over; `None`: never.
    until_ns: Option<u64>,
}

impl LibraryLoad {
    /// A load that ends after so many milliseconds, if that is bounded.
    pub(super) fn new(clock: fn() -> u64, most_ms: Option<u64>) -> LibraryLoad {
        LibraryLoad { clock, until_ns: most_ms.map(|ms| clock() + ms * 1_000_000) }
    }
}

impl Caller for LibraryLoad {
    fn call(&mut self, _: Args<'_>) -> Result<&[u8], CommandError> {
        Err(CommandError::fixed("ERR Commands can not be called while a library is loaded"))
    }

    fn set_protocol(&mut self, _: Protocol) {}

    fn set_replication(&mut self, _: bool, _: bool) {}

    fn may_run(&mut self, _: Args<'_>) -> Option<bool> {
        None
    }

    fn interrupted(&mut self) -> bool {
        self.until_ns.is_some_and(|until| (self.clock)() > until)
    }
}
