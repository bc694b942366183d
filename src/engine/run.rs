//! One request: lookup, gate, run, settle. A command run inside EXEC, or again after waiting, enters below the gate.

use super::context::EngineCx;
use super::gate::Verdict;
use super::table::{CommandId, Handler};
use super::{ClientIndex, Engine};
use crate::base::ids::UnixMs;
use crate::client::{Blocked, BlockedOn, ClientFlags};
use crate::command::meta::Flag;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome, TimeoutReply, WaitOn};

impl Engine {
    /// Runs one request of a client. The reply is left in the client's output buffer; the client may be blocked or
    /// closing afterwards, and then the rim holds back its further requests. `known`: the command, if it was looked up
    /// already; `CommandId::MAX` otherwise.
    pub fn execute(&mut self, index: ClientIndex, args: Args<'_>, known: CommandId) {
        self.lend_buffer(index);
        let now = self.now;
        let client = &mut self.clients[index];
        client.active_at = now;
        let mark = client.out.mark();
        const APART: ClientFlags =
            ClientFlags::REPLY_SKIP_NEXT.union(ClientFlags::IN_SESSION).union(ClientFlags::REPLICA);
        if client.flags.intersects(APART) {
            if client.flags.contains(ClientFlags::IN_SESSION) {
                return self.tell_session(index, args);
            }
            if client.flags.contains(ClientFlags::REPLICA) {
                return self.execute_for_replica(index, args, known);
            }
            client.flags.remove(ClientFlags::REPLY_SKIP_NEXT);
            client.flags.insert(ClientFlags::REPLY_SKIP);
        }
        self.running = Some(index);
        self.execute_known(index, args, known);
        self.running = None;
        let client = &mut self.clients[index];
        let flags = client.flags;
        const UNUSUAL: ClientFlags = ClientFlags::REPLY_OFF
            .union(ClientFlags::REPLY_SKIP)
            .union(ClientFlags::TRACKING_CACHING)
            .union(ClientFlags::PRIMARY);
        if flags.intersects(UNUSUAL) {
            self.after_unusual(index, mark);
        }
        self.check_output_limit(index);
        let client = &mut self.clients[index];
        if !flags.contains(ClientFlags::OUTPUT_PENDING) && !client.out.is_empty() {
            self.mark_dirty(index);
        }
        if !self.own_messages.is_empty() {
            self.deliver_own_messages(index);
        }
        // What a script did until now is settled once it has ended, not when others are served while it runs.
        if !self.keyspace.log.is_empty() && !self.scripting.is_running() {
            self.settle(index);
        }
    }

    /// The reply that ends a wait is not written for a client that wants none (CLIENT REPLY OFF).
    pub(super) fn take_back_unwanted(&mut self, index: ClientIndex, mark: crate::resp::reply::Mark) {
        let client = &mut self.clients[index];
        if client.flags.contains(ClientFlags::REPLY_OFF) {
            client.out.rollback(mark);
        }
    }

    /// What lasts for one command ends: CLIENT REPLY SKIP and CLIENT CACHING; replies nobody wants are taken back.
    #[cold]
    fn after_unusual(&mut self, index: ClientIndex, mark: crate::resp::reply::Mark) {
        let client = &mut self.clients[index];
        let last = match client.last_command {
            u16::MAX => "",
            id => &self.table.get(id).name,
        };
        // Subscriptions are announced by messages, which are no replies.
        let announces = last.ends_with("subscribe");
        let unwanted = ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP;
        if client.flags.intersects(unwanted) && !announces || client.flags.contains(ClientFlags::PRIMARY) {
            client.out.rollback(mark);
        }
        client.flags.remove(ClientFlags::REPLY_SKIP);
        if !client.flags.contains(ClientFlags::MULTI) && !last.starts_with("client|") {
            client.flags.remove(ClientFlags::TRACKING_CACHING);
        }
    }

    pub(super) fn execute_known(&mut self, index: ClientIndex, args: Args<'_>, known: CommandId) {
        let found = if known != CommandId::MAX { Ok(known) } else { self.table.resolve(args) };
        let id = match found {
            Ok(id) => id,
            Err(error) => {
                self.clients[index].last_command = u16::MAX;
                if is_http(args.at(0)) {
                    return self.turn_away(index);
                }
                return self.refuse(index, None, &error);
            }
        };
        self.clients[index].last_command = id;
        match self.gate(index, id, args) {
            Verdict::Pass => {
                self.run(index, id, args, None);
            }
            Verdict::Queue => {
                let owned = args.to_owned();
                let client = &mut self.clients[index];
                let transaction = client.transaction.get_or_insert_default();
                transaction.argument_bytes += owned.alloc_bytes();
                transaction.queue.push((id, owned));
                client.out.simple("QUEUED");
            }
            Verdict::Refuse(error) => self.refuse(index, Some(id), &error),
            Verdict::Postpone => self.postpone(index, args),
            Verdict::AwaitKeys => self.postpone_for_migration(index, args),
            Verdict::Slow => {
                self.hold(index, BlockedOn::Slowed, args);
                self.durability.slowed.push(index);
            }
        }
    }

    /// Closes a connection that speaks HTTP: a browser was made to send it, by a page that hopes for commands in it.
    #[cold]
    fn turn_away(&mut self, index: ClientIndex) {
        tracing::warn!(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. This is \
             likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. \
             Connection from {} aborted.",
            self.clients[index].endpoints.peer
        );
        self.close(index, false);
    }

    /// Answers an error to a command that does not run; a transaction being queued is spoilt by it.
    fn refuse(&mut self, index: ClientIndex, id: Option<CommandId>, error: &CommandError) {
        let client = &mut self.clients[index];
        if client.flags.contains(ClientFlags::MULTI) {
            client.flags.insert(ClientFlags::DIRTY_EXEC);
        }
        if client.flags.intersects(ClientFlags::PRIMARY | ClientFlags::REPLICA) {
            self.tell_unexpected_error(index, error);
        }
        let client = &mut self.clients[index];
        let Some(id) = id else {
            client.out.error(error.text());
            return self.count_error(error);
        };
        self.table.get_mut(id).stats.rejected += 1;
        if self.table.get(id).name != "exec" {
            client.out.error(error.text());
            return self.count_error(error);
        }
        let reason = error.text().strip_prefix(b"ERR ").unwrap_or(error.text());
        let text = [b"EXECABORT Transaction discarded because of: ", reason].concat();
        client.out.error(&text);
        self.count_error(&CommandError::from_bytes(text));
        self.discard_transaction(index);
    }

    /// Counts an error reply under its code.
    pub(crate) fn count_error(&mut self, error: &CommandError) {
        const MOST_CODES: usize = 128;
        self.stats.errors += 1;
        let code = String::from_utf8_lossy(error.code());
        if let Some(count) = self.error_counts.get_mut(&*code) {
            *count += 1;
        } else if self.error_counts.len() < MOST_CODES {
            self.error_counts.insert(code.into_owned(), 1);
        }
    }

    /// Runs a command that passed the gate: measures it, writes its error, files it if it waits. Returns whether the
    /// client now waits.
    pub(crate) fn run(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>, ready_key: Option<&[u8]>) -> bool {
        let started_ns = self.clock_ns;
        let mark = self.clients[index].out.mark();
        self.unit_depth += 1;
        let result = self.call(index, id, args, ready_key);
        self.unit_depth -= 1;
        if self.unit_depth == 0 && self.propagation.on && self.propagation.end_unit() {
            self.note_written(index);
        }
        let ended_ns = (self.senses.monotonic_ns)();
        let took_ns = ended_ns.saturating_sub(started_ns);
        self.clock_ns = ended_ns;
        let failed = match result {
            Ok(Outcome::Done) => false,
            Ok(Outcome::Wait(wait)) => {
                if ready_key.is_some() {
                    self.look_later(index, wait.retry);
                    return true;
                }
                const NEVER: ClientFlags =
                    ClientFlags::DENY_BLOCKING.union(ClientFlags::MULTI).union(ClientFlags::PRIMARY);
                if !self.clients[index].flags.intersects(NEVER) {
                    self.wait(index, id, args, *wait, took_ns);
                    return true;
                }
                let reply = &mut self.clients[index].out;
                match wait.on_timeout {
                    TimeoutReply::Null => reply.null(),
                    TimeoutReply::NullArray => reply.null_array(),
                }
                false
            }
            Err(error) => {
                let reply = &mut self.clients[index].out;
                reply.rollback(mark);
                reply.error(error.text());
                self.count_error(&error);
                if self.clients[index].flags.intersects(ClientFlags::PRIMARY | ClientFlags::REPLICA) {
                    self.tell_unexpected_error(index, &error);
                }
                for remark in self.effects.remarks.drain(..) {
                    tracing::debug!(target: "verbose", "{remark}");
                }
                if error == CommandError::REPLY_TOO_LONG && self.clients[index].subscriptions.is_none() {
                    self.close_for_output(index);
                }
                true
            }
        };
        self.ran(index, id, args, took_ns, failed);
        false
    }

    #[inline]
    fn call(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>, ready_key: Option<&[u8]>) -> CmdResult {
        let (db, before) = (self.clients[index].db, self.keyspace.log.dirty);
        let result = match self.table.get(id).handler {
            Handler::Data(handler) => {
                let reads_all_keys = self.clients[index].flags.contains(ClientFlags::UNRESTRICTED)
                    || self.reads_all_keys(index, id, args);
                let client = &mut self.clients[index];
                self.keyspace.touch = !client.flags.contains(ClientFlags::NO_TOUCH);
                self.effects.clear();
                let mut cx = DataCx {
                    args,
                    db: self.keyspace.db(client.db),
                    reply: &mut client.out,
                    effects: &mut self.effects,
                    limits: &self.limits,
                    now: self.now,
                    rng: &mut self.rng,
                    ready_key,
                    reads_all_keys,
                    replayed: client.flags.contains(ClientFlags::LOADER),
                    in_script: client.flags.contains(ClientFlags::SCRIPT),
                };
                handler(&mut cx)
            }
            Handler::Engine(handler) => {
                let writes = self.table.get(id).has(Flag::Write);
                if writes {
                    self.effects.clear();
                }
                let result = handler(&mut EngineCx { engine: self, client: index, args });
                if !writes {
                    // What EXEC runs is propagated by itself.
                    return result;
                }
                result
            }
            Handler::Container => Err(CommandError::arity(&self.table.get(id).name)),
        };
        if self.propagation.on {
            self.propagate(db, args, self.keyspace.log.dirty != before);
        }
        if self.following.is_replica() && self.keyspace.log.dirty != before {
            self.note_own_deadlines(index, id, args);
        }
        if self.durability.always {
            self.stamp(index, id, args, self.keyspace.log.dirty != before);
        }
        result
    }

    /// What follows every run: figures, slow log, latency, MONITOR, keys to remember for client-side caching.
    #[inline]
    fn ran(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>, took_ns: u64, failed: bool) {
        self.stats.commands += 1;
        let command = self.table.get_mut(id);
        command.stats.ran(took_ns, self.options.latency_tracking);
        command.stats.failed += failed as u64;
        let Some(client) = self.clients.get_mut(index) else { return };
        client.commands += 1;
        if took_ns >= self.options.slow_ns {
            self.note_slow(index, id, args, took_ns);
        }
        if !self.monitors.is_empty() {
            self.feed_monitors(index, id, args);
        }
        if self.tracking.is_active() {
            // What was changed before is forgotten before what was read is remembered.
            self.note_invalidations(Some(self.on_behalf_of(index)));
            if self.clients[index].flags.contains(ClientFlags::TRACKING) {
                self.remember_reads(index, id, args);
            }
        }
    }

    #[cold]
    fn note_slow(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>, took_ns: u64) {
        let command = self.table.get(id);
        let event = if command.has(Flag::Fast) { "fast-command" } else { "command" };
        self.latency.note(event, took_ns / 1_000_000, self.now.0 / 1000);
        if command.has(Flag::SkipSlowlog) || !self.slowlog.is_slow(took_ns / 1000) {
            return;
        }
        let redacted = super::commands::redact(&command.name, args);
        let client = &self.clients[self.on_behalf_of(index)];
        let (at, took_us) = (self.now.0 / 1000, took_ns / 1000);
        match redacted {
            Some(parts) => self.slowlog.push(
                at,
                took_us,
                parts.iter().map(|p| &p[..]),
                &client.endpoints.peer.to_string(),
                client.name(),
            ),
            None => self.slowlog.push(at, took_us, args.iter(), &client.endpoints.peer.to_string(), client.name()),
        }
    }

    // ---- waiting -------------------------------------------------------------------------------------------------

    fn wait(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>, wait: WaitOn, took_ns: u64) {
        let mut keys: Vec<Box<[u8]>> = Vec::with_capacity(wait.keys.len());
        for at in wait.keys {
            let key = args.at(at);
            if !keys.iter().any(|other| **other == *key) {
                keys.push(key.into());
            }
        }
        let ticket = self.blocking.ticket();
        let client = &mut self.clients[index];
        let wakes = wait.until.into_iter().chain(wait.retry).min();
        self.blocking.add(client.db, &keys, wakes, ticket, index);
        client.blocked = Some(Box::new(Blocked {
            on: BlockedOn::Keys { kind: wait.kind, keys, on_timeout: wait.on_timeout },
            db: client.db,
            until: wait.until,
            retry: wait.retry,
            command: id,
            args: wait.again.unwrap_or_else(|| args.to_owned()),
            ticket,
            since: self.now,
            ran_for: std::time::Duration::from_nanos(took_ns),
        }));
        self.listening_changed();
    }

    /// Sets the moment at which a waiting client is to look again.
    fn look_later(&mut self, index: ClientIndex, retry: Option<UnixMs>) {
        let Some(blocked) = self.clients[index].blocked.as_deref_mut().filter(|blocked| blocked.retry != retry) else {
            return;
        };
        let before = blocked.wakes();
        blocked.retry = retry;
        self.blocking.change_timeout(before, blocked.wakes(), blocked.ticket, index);
    }

    /// Lets a client whose moment to look again has come run its command again for each of its keys.
    pub(crate) fn look_again(&mut self, index: ClientIndex) {
        let Some(blocked) = &self.clients[index].blocked else { return };
        let BlockedOn::Keys { keys, .. } = &blocked.on else { return };
        let (id, args, keys) = (blocked.command, blocked.args.clone(), keys.clone());
        for key in keys {
            self.lend_buffer(index);
            let mark = self.clients[index].out.mark();
            if !self.run(index, id, args.as_args(), Some(&key)) {
                self.take_back_unwanted(index, mark);
                self.release_blocked(index);
                self.resume(index);
                self.settle(index);
                return;
            }
        }
    }

    /// Holds WAIT or WAITAOF until its time is over, unless what it waits for comes first.
    pub(crate) fn wait_for_others(&mut self, index: ClientIndex, on: BlockedOn, args: Args<'_>, timeout_ms: i64) {
        let ticket = self.blocking.ticket();
        let until = (timeout_ms > 0).then(|| UnixMs(self.now.0.saturating_add(timeout_ms)));
        let id = self.clients[index].last_command;
        self.blocking.add(self.clients[index].db, &[], until, ticket, index);
        let client = &mut self.clients[index];
        client.blocked = Some(Box::new(Blocked {
            on,
            db: client.db,
            until,
            retry: None,
            command: id,
            args: args.to_owned(),
            ticket,
            since: self.now,
            ran_for: std::time::Duration::ZERO,
        }));
    }

    /// Holds a client until [`Engine::answer`].
    pub(crate) fn hold(&mut self, index: ClientIndex, on: BlockedOn, args: Args<'_>) {
        let ticket = self.blocking.ticket();
        let client = &mut self.clients[index];
        client.blocked = Some(Box::new(Blocked {
            on,
            db: client.db,
            until: None,
            retry: None,
            command: client.last_command,
            args: args.to_owned(),
            ticket,
            since: self.now,
            ran_for: std::time::Duration::ZERO,
        }));
    }

    /// Answers a client that was held, and lets it go on.
    pub(crate) fn answer(&mut self, index: ClientIndex, write: impl FnOnce(&mut crate::resp::reply::Reply)) {
        if self.clients.contains(index) && self.release_blocked(index).is_some() {
            self.lend_buffer(index);
            write(&mut self.clients[index].out);
            self.resume(index);
        }
    }

    /// Holds a command until CLIENT PAUSE ends.
    fn postpone(&mut self, index: ClientIndex, args: Args<'_>) {
        self.hold(index, BlockedOn::Pause, args);
        self.paused.push(index);
    }

    /// Holds a command until its keys have reached another server or not.
    fn postpone_for_migration(&mut self, index: ClientIndex, args: Args<'_>) {
        self.hold(index, BlockedOn::MigratingKeys, args);
        self.migrations.waiting.push(index);
    }

    /// Runs a command that was held once more, from its beginning.
    pub(super) fn execute_held(&mut self, index: ClientIndex) {
        if let Some(blocked) = self.clients[index].blocked.take() {
            if self.is_primary(index) {
                self.execute_from_primary(index, blocked.args.as_args(), CommandId::MAX, &[]);
            } else {
                self.execute(index, blocked.args.as_args(), CommandId::MAX);
            }
            if self.clients[index].blocked.is_none() {
                self.resume(index);
            }
        }
    }

    /// Takes a client out of the waiting lists; what it waited for is returned.
    pub(crate) fn release_blocked(&mut self, index: ClientIndex) -> Option<Box<Blocked>> {
        let blocked = self.clients[index].blocked.take()?;
        match &blocked.on {
            BlockedOn::Keys { keys, .. } => {
                self.blocking.remove(blocked.db, keys, blocked.wakes(), blocked.ticket);
                self.listening_changed();
            }
            BlockedOn::Pause => self.paused.retain(|&other| other != index),
            BlockedOn::Replicas { .. } => {
                self.blocking.remove(blocked.db, &[], blocked.until, blocked.ticket);
                let id = self.clients[index].id;
                self.replicas.waiters.retain(|&other| other != id);
            }
            BlockedOn::Save => self.durability.save_waiters.retain(|other| other.client != index),
            BlockedOn::Log { .. } => {
                self.blocking.remove(blocked.db, &[], blocked.until, blocked.ticket);
                self.durability.log_waiters.retain(|&other| other != index);
            }
            BlockedOn::Migration => {}
            BlockedOn::MigratingKeys => self.migrations.waiting.retain(|&other| other != index),
            BlockedOn::Shutdown => {
                if let Some(farewell) = &mut self.farewell {
                    farewell.clients.retain(|&other| other != index);
                }
            }
            BlockedOn::Slowed => self.durability.slowed.retain(|&other| other != index),
            BlockedOn::History => self.durability.history_waiters.retain(|(other, _)| *other != index),
        }
        Some(blocked)
    }

    /// Lets a client whose wait is over go on with its requests.
    pub(crate) fn resume(&mut self, index: ClientIndex) {
        self.mark_dirty(index);
        self.unblocked.push(index);
    }

    /// Ends a client's wait with the reply of a timeout, or with an error in its place.
    pub(crate) fn end_wait(&mut self, index: ClientIndex, error: Option<&CommandError>) {
        let Some(blocked) = self.release_blocked(index) else { return };
        self.lend_buffer(index);
        let reply = &mut self.clients[index].out;
        let mark = reply.mark();
        match (error, &blocked.on) {
            (Some(error), _) => {
                reply.error(error.text());
                self.count_error(error);
            }
            // Whatever the command: `TimeoutReply` tells only those apart who may not wait at all.
            (None, BlockedOn::Keys { .. }) => reply.null_array(),
            (None, &BlockedOn::Replicas { offset, .. }) => reply.integer(self.replicas.acknowledged(offset) as i64),
            (None, &BlockedOn::Log { offset, replicated, .. }) => {
                let local = self.durability.log.is_some() && offset <= self.durability.durable_offset();
                reply.array(2);
                reply.integer(local as i64);
                reply.integer(self.replicas.durable(replicated) as i64);
            }
            (
                None,
                BlockedOn::Pause
                | BlockedOn::Save
                | BlockedOn::Migration
                | BlockedOn::MigratingKeys
                | BlockedOn::Shutdown
                | BlockedOn::Slowed
                | BlockedOn::History,
            ) => {}
        }
        self.take_back_unwanted(index, mark);
        self.table.get_mut(blocked.command).stats.failed += error.is_some() as u64;
        self.table.get_mut(blocked.command).stats.ran(blocked.ran_for.as_nanos() as u64, self.options.latency_tracking);
        self.resume(index);
    }

    /// Ends CLIENT PAUSE: held commands run in the order they came.
    pub fn end_pause(&mut self) {
        self.pause = super::Pause { holds_writes: self.pause.holds_writes, ..super::Pause::default() };
        self.writers_may_go_on();
    }

    /// A pause is over: what it held runs, unless something else holds it.
    pub(super) fn writers_may_go_on(&mut self) {
        self.follow_expire_mode();
        for index in std::mem::take(&mut self.paused) {
            self.execute_held(index);
        }
    }
}

/// Whether a request's first word is one that HTTP requests hold.
fn is_http(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"post") || word.eq_ignore_ascii_case(b"host:")
}
