//! Debugging scripts (SCRIPT DEBUG): who is at the console, and what the script works on.
//!
//! SCRIPT DEBUG SYNC runs the script where scripts run, on the data there is. It holds the server as a busy script does:
//! while it waits for its client, the others are answered BUSY and may end it.
//!
//! SCRIPT DEBUG YES disturbs nobody. What Redis forks a process for is done by a second engine on a thread of its own: it
//! has the same users and directives, and clones of the databases' roots, so it begins in constant time, sees the data
//! as it was then, and what it changes is copied first and gone at its end. It has no log, no other clients and no
//! sockets. The loop passes on what the client says, in order, and sends what the session says. A session ends with its
//! client.

use super::table::CommandId;
use super::{ClientIndex, Engine, Facts, Files, Senses};
use crate::acl::Acl;
use crate::client::{Client, ClientFlags, Endpoints};
use crate::command::{Args, CommandError, OwnedArgs};
use crate::config::Config;
use crate::object::Object;
use crate::persist::Notify;
use crate::resp::parser::{ParseLimits, Parsed, RequestParser};
use crate::structs::table::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

/// Sessions at a time.
const MOST_SESSIONS: usize = 16;
/// Commands of a client that its session has not taken yet.
const MOST_COMMANDS: usize = 1024;
/// What a session has said and was not looked at.
const MOST_SAID: usize = 16;
/// The longest command of a client whose session holds the server, in bytes.
const LONGEST_COMMAND_BYTES: usize = 1 << 20;
/// The same of one of its words.
const LONGEST_WORD_BYTES: u64 = 1 << 19;
/// What a session says last where nothing else is left to say.
const NOTHING_BUT_THE_END: &[u8] = b"*1\r\n+<endsession>\r\n";

/// Where the client of a debugger is.
pub(super) trait Console {
    /// Tells it something.
    fn say(&mut self, engine: &mut Engine, reply: Vec<u8>);

    /// Waits for what it says next. `None`: nothing more will come.
    fn next(&mut self, engine: &mut Engine) -> Option<OwnedArgs>;

    /// It will never want to know how the script ends.
    fn is_gone(&self) -> bool;
}

/// What a session tells the loop.
enum Said {
    /// Lines.
    Lines(Vec<u8>),
    /// Its last lines and the reply of the script.
    End(Vec<u8>),
}

/// The loop's end of a session.
struct Session {
    client: ClientIndex,
    commands: SyncSender<OwnedArgs>,
    said: Receiver<Said>,
    is_over: Arc<AtomicBool>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// The sessions there are.
#[derive(Default)]
pub struct Sessions(Vec<Session>);

impl Sessions {
    /// A client is gone, and its session with it.
    pub(super) fn forget(&mut self, client: ClientIndex) {
        self.0.retain(|session| session.client != client);
    }
}

/// A session's end of it.
struct FarConsole {
    commands: Receiver<OwnedArgs>,
    said: SyncSender<Said>,
    notify: Notify,
    is_over: Arc<AtomicBool>,
}

impl FarConsole {
    fn tell(&self, said: Said) {
        // Who does not listen any more has ended the session.
        let _ = self.said.send(said);
        (self.notify)();
    }
}

impl Console for FarConsole {
    fn say(&mut self, _: &mut Engine, reply: Vec<u8>) {
        self.tell(Said::Lines(reply));
    }

    fn next(&mut self, _: &mut Engine) -> Option<OwnedArgs> {
        self.commands.recv().ok()
    }

    fn is_gone(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// The console of a session that holds the server: the client itself.
struct NearConsole {
    client: ClientIndex,
    parser: RequestParser,
    received: Vec<u8>,
}

impl Console for NearConsole {
    fn say(&mut self, engine: &mut Engine, reply: Vec<u8>) {
        engine.lend_buffer(self.client);
        engine.clients[self.client].out.raw(&reply);
        engine.mark_dirty(self.client);
    }

    fn next(&mut self, engine: &mut Engine) -> Option<OwnedArgs> {
        let limits = ParseLimits { max_bulk_len: LONGEST_WORD_BYTES, ..ParseLimits::default() };
        loop {
            let mut spans = Vec::new();
            let (args, consumed) = match self.parser.parse(&self.received, &mut spans, &limits) {
                Parsed::Request { consumed } => (Some(Args::new(&self.received, &spans).to_owned()), consumed),
                Parsed::Inline { args, consumed } => {
                    (Some(OwnedArgs::from_parts(args.iter().map(|arg| &arg[..]))), consumed)
                }
                Parsed::Empty { consumed } => (None, consumed),
                Parsed::Error(_) => return None,
                Parsed::NeedMore if self.received.len() > LONGEST_COMMAND_BYTES => return None,
                Parsed::NeedMore => {
                    let receive = engine.senses.receive;
                    let received = &mut self.received;
                    let client = self.client;
                    let is_there = engine.serving_others(|engine| receive(engine, client, received));
                    if !is_there || engine.scripting.is_killed() {
                        return None;
                    }
                    continue;
                }
            };
            self.received.drain(..consumed);
            if args.is_some() {
                return args;
            }
        }
    }

    fn is_gone(&self) -> bool {
        false
    }
}

/// What the thread of a session begins with.
struct Beginning {
    config: Config,
    facts: Facts,
    senses: Senses,
    files: Files,
    seed: u64,
    databases: Vec<Table<Object>>,
    acl: Acl,
    /// The client's state there, but for its connection.
    client: Client,
    request: OwnedArgs,
    console: FarConsole,
}

impl Beginning {
    /// Runs the session to its end.
    fn run(self) {
        let Beginning { config, facts, senses, files, seed, databases, acl, client, request, console } = self;
        let (said, notify) = (console.said.clone(), console.notify.clone());
        let last = match Engine::new(config, facts, senses, files, seed) {
            Ok(mut engine) => {
                engine.keyspace.replace_databases(databases);
                engine.acl = acl;
                engine.scripting.console = Some(Box::new(console));
                let index = engine.clients.insert(Box::new(client));
                engine.execute(index, request.as_args(), CommandId::MAX);
                engine.clients[index].out.take()
            }
            // The configuration was good for the server.
            Err(_) => [NOTHING_BUT_THE_END, b"-ERR The debugging session can not begin\r\n"].concat(),
        };
        let _ = said.send(Said::End(last));
        notify();
    }
}

impl Engine {
    /// Whether a client's scripts are to be debugged.
    pub(super) fn is_debugging(&self, client: ClientIndex) -> bool {
        let flags = self.clients[client].flags;
        // What EXEC runs is answered with the rest, so there is no console.
        flags.contains(ClientFlags::DEBUGS_SCRIPTS) && !flags.contains(ClientFlags::DENY_BLOCKING)
    }

    /// Runs EVAL for a client that debugs: here, or in a session of its own. `run` is EVAL.
    pub(super) fn debug_script(
        &mut self,
        client: ClientIndex,
        args: Args<'_>,
        run: impl FnOnce(&mut Engine) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let holds_server = self.clients[client].flags.contains(ClientFlags::DEBUGS_IN_SYNC);
        if self.scripting.console.is_none() && !holds_server {
            return self.begin_session(client, args);
        }
        if holds_server {
            tracing::warn!("Redis synchronous debugging eval session started");
            let (parser, received) = (RequestParser::default(), Vec::new());
            self.scripting.console = Some(Box::new(NearConsole { client, parser, received }));
        }
        self.scripting.said_end = false;
        if let Err(error) = run(self) {
            if !self.scripting.said_end {
                self.clients[client].out.raw(NOTHING_BUT_THE_END);
            }
            self.clients[client].out.error(error.text());
            self.count_error(&error);
        }
        self.scripting.console = None;
        if holds_server {
            tracing::warn!("Redis synchronous debugging eval session ended");
            self.end_debugging(client);
        }
        Ok(())
    }

    /// The end of the connection tells the client that of its session.
    fn end_debugging(&mut self, client: ClientIndex) {
        self.clients[client].flags.remove(DEBUGGING);
        self.close(client, true);
    }

    fn begin_session(&mut self, client: ClientIndex, args: Args<'_>) -> Result<(), CommandError> {
        if self.sessions.0.len() >= MOST_SESSIONS {
            return Err(CommandError::fixed("ERR Can't run EVAL in debugging mode: there are too many sessions"));
        }
        let (commands, taken) = sync_channel(MOST_COMMANDS);
        let (said, heard) = sync_channel(MOST_SAID);
        let is_over = Arc::new(AtomicBool::new(false));
        let notify = self.durability.notify.clone();
        let beginning = Beginning {
            config: self.config.clone(),
            facts: self.facts.clone(),
            senses: self.senses,
            files: Files { disk: self.durability.disk.clone(), notify: notify.clone() },
            seed: self.rng.u64(..),
            databases: self.keyspace.clones(),
            acl: self.acl.clone(),
            client: self.double_of(client),
            request: args.to_owned(),
            console: FarConsole { commands: taken, said, notify, is_over: is_over.clone() },
        };
        (self.senses.spawn)("debugger", Box::new(move || beginning.run())).map_err(|reason| {
            CommandError::new(format!("ERR Can't begin a thread: can't run EVAL in debugging mode: {reason}"))
        })?;
        tracing::info!("A debugging session began");
        self.sessions.0.push(Session { client, commands, said: heard, is_over });
        self.clients[client].flags.insert(ClientFlags::IN_SESSION);
        Ok(())
    }

    /// A client as a session has it. It leaves no traces in access clocks: those are shared.
    fn double_of(&self, client: ClientIndex) -> Client {
        let original = &self.clients[client];
        let endpoints = Endpoints { peer: original.endpoints.peer.clone(), ..Endpoints::default() };
        let mut double = Client::new(original.id, endpoints, self.now);
        const KEPT: ClientFlags = ClientFlags::AUTHENTICATED
            .union(ClientFlags::LOGGED_IN)
            .union(ClientFlags::UNRESTRICTED)
            .union(ClientFlags::DEBUGS_SCRIPTS);
        double.flags = original.flags.intersection(KEPT) | ClientFlags::NO_TOUCH;
        (double.db, double.user) = (original.db, original.user);
        double.out.set_protocol(original.out.protocol());
        double
    }

    /// A client in a session has said something.
    #[cold]
    pub(super) fn tell_session(&mut self, client: ClientIndex, args: Args<'_>) {
        let Some(session) = self.sessions.0.iter().find(|session| session.client == client) else { return };
        // One that has ended is about to say so.
        if let Err(TrySendError::Full(_)) = session.commands.try_send(args.to_owned()) {
            self.close(client, false);
        }
    }

    /// Passes on what sessions have said.
    pub(super) fn look_at_sessions(&mut self) {
        let mut at = 0;
        while let Some(session) = self.sessions.0.get(at) {
            let client = session.client;
            match session.said.try_recv() {
                Ok(Said::Lines(lines)) => self.pass_on(client, &lines),
                Ok(Said::End(last)) => {
                    self.pass_on(client, &last);
                    self.sessions.forget(client);
                    tracing::info!("A debugging session ended");
                    self.end_debugging(client);
                }
                Err(TryRecvError::Empty) => at += 1,
                Err(TryRecvError::Disconnected) => {
                    self.sessions.forget(client);
                    self.close(client, false);
                }
            }
        }
    }

    fn pass_on(&mut self, client: ClientIndex, reply: &[u8]) {
        self.lend_buffer(client);
        self.clients[client].out.raw(reply);
        self.mark_dirty(client);
        self.check_output_limit(client);
    }

    /// Does something with the console of the script that runs.
    pub(super) fn at_console<T>(&mut self, act: impl FnOnce(&mut dyn Console, &mut Engine) -> T) -> Option<T> {
        let mut console = self.scripting.console.take()?;
        let done = act(&mut *console, self);
        self.scripting.console = Some(console);
        Some(done)
    }
}

/// What a client is that debugs.
const DEBUGGING: ClientFlags =
    ClientFlags::DEBUGS_SCRIPTS.union(ClientFlags::DEBUGS_IN_SYNC).union(ClientFlags::IN_SESSION);

impl super::context::EngineCx<'_> {
    /// SCRIPT DEBUG YES|SYNC|NO.
    pub(super) fn script_debug(&mut self) -> Result<(), CommandError> {
        if !self.client().out.is_empty() {
            return Err(CommandError::fixed("ERR SCRIPT DEBUG must be called outside a pipeline"));
        }
        let args = self.args;
        let wanted = match () {
            () if args.is(2, "no") => ClientFlags::empty(),
            () if args.is(2, "yes") => ClientFlags::DEBUGS_SCRIPTS,
            () if args.is(2, "sync") => ClientFlags::DEBUGS_SCRIPTS | ClientFlags::DEBUGS_IN_SYNC,
            () => return Err(CommandError::fixed("ERR Use SCRIPT DEBUG YES/SYNC/NO")),
        };
        self.client().flags.remove(DEBUGGING);
        self.client().flags.insert(wanted);
        self.reply().ok();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything a session begins with crosses to its thread.
    #[test]
    fn a_beginning_can_be_sent() {
        fn sent<T: Send>() {}
        sent::<Beginning>();
    }
}
