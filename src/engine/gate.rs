//! What has to hold before a command runs: one ordered list of small checks over its description and the client.
//! Command names are not compared here; flags say what a command is.

use super::table::CommandId;
use super::{ClientIndex, Engine};
use crate::client::ClientFlags;
use crate::command::meta::{Flag, Flags};
use crate::command::{Args, CommandError};
use crate::script::ScriptFlags;

/// What becomes of a command.
pub enum Verdict {
    /// It runs.
    Pass,
    /// It is queued for EXEC.
    Queue,
    /// It is answered an error.
    Refuse(CommandError),
    /// It waits for the end of CLIENT PAUSE.
    Postpone,
    /// It waits until keys it may change have reached another server or not.
    AwaitKeys,
    /// It waits for its turn: snapshots hold back too much memory.
    Slow,
}

impl Engine {
    /// Checks a resolved command in the order Redis does, so that the first of several errors is the same.
    #[inline]
    pub(super) fn gate(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>) -> Verdict {
        let command = self.table.get(id);
        let meta = command.meta;
        if !meta.arity_allows(args.len()) {
            return Verdict::Refuse(CommandError::arity(&command.name));
        }
        if command.has(Flag::Protected)
            && let Err(error) = self.protected_allowed(index, id)
        {
            return Verdict::Refuse(error);
        }
        if !self.clients[index].flags.contains(ClientFlags::UNRESTRICTED)
            && let Some(error) = self.access_refusal(index, id, args)
        {
            return Verdict::Refuse(error);
        }
        let in_multi = self.clients[index].flags.contains(ClientFlags::MULTI);
        if in_multi && meta.flags.has(Flag::NoMulti) {
            return Verdict::Refuse(CommandError::NOT_IN_MULTI);
        }
        // What a script declares stands in place of its command's own flags.
        let declared = if meta.flags.has(Flag::NoMandatoryKeys) { self.declared_flags(id, args) } else { None };
        let busy = if self.scripting.is_running() { self.scripting.busy() } else { None };
        if self.options.max_memory != 0
            && busy.is_none()
            && let Some(error) = self.make_room(index, id, declared)
        {
            return Verdict::Refuse(error);
        }
        let writes = match declared {
            Some(flags) => !flags.has(ScriptFlags::NO_WRITES),
            None => meta.flags.has(Flag::Write),
        };
        if let Some(error) = self.state_refusal(index, id, writes) {
            return Verdict::Refuse(error);
        }
        let client = &self.clients[index];
        if client.subscriptions.is_some() && client.in_pubsub_mode() && !self.table.get(id).allowed_while_subscribed() {
            return Verdict::Refuse(CommandError::new(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                self.table.get(id).name
            )));
        }
        if self.following.is_replica()
            && let Some(error) = self.stale_refusal(index, id, declared)
        {
            return Verdict::Refuse(error);
        }
        let loading = self.durability.is_loading() || self.following.incoming.is_some();
        if loading && self.refuses_while_loading(index, id) && !self.clients[index].flags.contains(ClientFlags::LOADER)
        {
            return Verdict::Refuse(CommandError::fixed("LOADING Redis is loading the dataset in memory"));
        }
        if let Some(busy) = busy
            && !meta.flags.has(Flag::AllowBusy)
        {
            return Verdict::Refuse(busy);
        }
        let may_replicate = declared.is_none() && meta.flags.has(Flag::MayReplicate);
        if (self.pause.is_on() || self.failover.is_on())
            && !self.may_run_while_paused(index, id, writes || may_replicate)
        {
            return Verdict::Postpone;
        }
        if self.durability.slows_writers && self.grows_snapshots(index, id, writes || may_replicate) {
            return Verdict::Slow;
        }
        if in_multi && !self.table.get(id).runs_inside_multi() {
            return Verdict::Queue;
        }
        if self.migrations.hold_keys() && self.touches_migrating(index, id, args) {
            return Verdict::AwaitKeys;
        }
        Verdict::Pass
    }

    /// Why a command may not run in the state that files and replicas are in, if so.
    #[inline]
    fn state_refusal(&mut self, index: ClientIndex, id: CommandId, writes: bool) -> Option<CommandError> {
        if !self.durability.is_fine()
            && let Some(error) = self.write_refusal(index, id, writes)
        {
            return Some(error);
        }
        if self.following.is_replica() && self.refuses_writes(index, id, writes) {
            return Some(CommandError::READ_ONLY);
        }
        if self.clients[index].flags.contains(ClientFlags::REPLICA) {
            let flags = self.table.get(id).meta.flags;
            if [Flag::Write, Flag::Readonly, Flag::MayReplicate].into_iter().any(|flag| flags.has(flag)) {
                return Some(CommandError::fixed("ERR Replica can't interact with the keyspace"));
            }
        }
        if self.options.lacks_replicas { self.replica_refusal(index, id, writes) } else { None }
    }

    /// Why nothing may be written while a file cannot be, if so; EXEC writes when a queued command does. PING is refused
    /// too, as Redis does, so that those who only watch the server learn of it.
    #[cold]
    fn write_refusal(&mut self, index: ClientIndex, id: CommandId, writes: bool) -> Option<CommandError> {
        let command = self.table.get(id);
        let queued_writes = || {
            let transaction = self.clients[index].transaction.as_ref();
            transaction.is_some_and(|t| t.queue.iter().any(|(id, _)| self.table.get(*id).has(Flag::Write)))
        };
        let (is_ping, is_exec) = (command.name == "ping", command.name == "exec");
        if !(writes || is_ping || is_exec && queued_writes()) {
            return None;
        }
        let trouble = self.disk_trouble()?;
        if !self.is_primary(index) {
            return Some(trouble);
        }
        if !is_ping {
            self.go_on_without_disk();
        }
        None
    }

    /// Whether a replica leaves a command to its primary.
    #[cold]
    fn refuses_writes(&self, index: ClientIndex, id: CommandId, writes: bool) -> bool {
        self.options.replica_read_only
            && !self.clients[index].flags.intersects(ClientFlags::OBEYED)
            && (writes || self.table.get(id).name == "exec" && self.queue_writes(index, false))
    }

    /// Why a replica that is not in step may not run a command, if it is not to show what is stale.
    #[cold]
    fn stale_refusal(&self, index: ClientIndex, id: CommandId, declared: Option<ScriptFlags>) -> Option<CommandError> {
        if !self.is_stale() {
            return None;
        }
        let allowed = match declared {
            Some(flags) => flags.has(ScriptFlags::ALLOW_STALE),
            None => self.table.get(id).has(Flag::Stale) && !self.queue_has(index, id, |flags| !flags.has(Flag::Stale)),
        };
        (!allowed).then_some(CommandError::MASTER_DOWN)
    }

    /// Whether a command may not run while data is loaded: all of it, or beside what is there.
    #[cold]
    fn refuses_while_loading(&self, index: ClientIndex, id: CommandId) -> bool {
        let command = self.table.get(id);
        if self.following.is_loading_aside() {
            return command.has(Flag::NoAsyncLoading) || self.queue_has(index, id, |f| f.has(Flag::NoAsyncLoading));
        }
        let loading = self.durability.is_loading() || self.following.is_loading();
        loading && (!command.has(Flag::Loading) || self.queue_has(index, id, |flags| !flags.has(Flag::Loading)))
    }

    /// Whether EXEC, if a command is that, would run one of such flags.
    fn queue_has(&self, index: ClientIndex, id: CommandId, which: impl Fn(Flags) -> bool) -> bool {
        let transaction = self.clients[index].transaction.as_ref();
        self.table.get(id).name == "exec"
            && transaction.is_some_and(|t| t.queue.iter().any(|(id, _)| which(self.table.get(*id).meta.flags)))
    }

    /// Whether this is a replica that is not in step and is not to show what is stale.
    pub(super) fn is_stale(&self) -> bool {
        self.following.is_replica() && !self.following.is_connected() && !self.options.serves_stale
    }

    /// Why nothing may be written while there are fewer replicas than asked for, if so. What the log holds is loaded.
    #[cold]
    fn replica_refusal(&self, index: ClientIndex, id: CommandId, writes: bool) -> Option<CommandError> {
        let client = &self.clients[index];
        let concerned = writes || self.table.get(id).name == "exec" && self.queue_writes(index, false);
        let exempt = self.following.is_replica() || client.flags.intersects(ClientFlags::OBEYED);
        (concerned && !exempt).then_some(CommandError::NO_REPLICAS)
    }

    /// Whether a command that EXEC would run writes, or if asked for, may be repeated to replicas. What a script declares
    /// stands for it.
    fn queue_writes(&self, index: ClientIndex, or_replicates: bool) -> bool {
        let Some(transaction) = &self.clients[index].transaction else { return false };
        transaction.queue.iter().any(|(id, args)| {
            let queued = self.table.get(*id);
            let declared =
                if queued.has(Flag::NoMandatoryKeys) { self.declared_flags(*id, args.as_args()) } else { None };
            match declared {
                Some(flags) => !flags.has(ScriptFlags::NO_WRITES),
                None => queued.has(Flag::Write) || or_replicates && queued.has(Flag::MayReplicate),
            }
        })
    }

    /// Whether a command may change what snapshots share. Inside MULTI it is only queued, so that EXEC waits for all.
    #[cold]
    fn grows_snapshots(&self, index: ClientIndex, id: CommandId, writes: bool) -> bool {
        let (client, command) = (&self.clients[index], self.table.get(id));
        if client.flags.intersects(ClientFlags::DENY_BLOCKING | ClientFlags::PRIMARY) {
            return false;
        }
        if client.flags.contains(ClientFlags::MULTI) {
            let writes = |queue: &[(CommandId, _)]| queue.iter().any(|(id, _)| self.table.get(*id).has(Flag::Write));
            return command.name == "exec" && client.transaction.as_ref().is_some_and(|t| writes(&t.queue));
        }
        writes
    }

    #[cold]
    fn protected_allowed(&self, index: ClientIndex, id: CommandId) -> Result<(), CommandError> {
        let client = &self.clients[index];
        let local = client.flags.contains(ClientFlags::UNIX_SOCKET) || client.endpoints.loopback;
        let name = self.table.get(id).name.split('|').next().unwrap_or_default();
        let (setting, directive, command) = match name {
            "debug" => (self.options.enable_debug_command, "enable-debug-command", "DEBUG"),
            _ => (self.options.enable_module_command, "enable-module-command", "MODULE"),
        };
        if setting == super::apply::Protected::Yes || setting == super::apply::Protected::Local && local {
            return Ok(());
        }
        Err(CommandError::new(format!(
            "ERR {command} command not allowed. If the {directive} option is set to \"local\", you can run it from a \
             local connection, otherwise you need to set this option in the configuration file, and then restart the server."
        )))
    }

    /// Evicts until there is room for a command. The error when there is none and the command needs some.
    #[cold]
    fn make_room(&mut self, index: ClientIndex, id: CommandId, declared: Option<ScriptFlags>) -> Option<CommandError> {
        if self.options.max_memory_clients != 0 && self.is_above_limit() {
            // Clients go before keys do.
            self.evict_clients();
            if self.clients[index].closing() {
                return Some(CommandError::OOM);
            }
        }
        let roomy = self.evict_to_limit();
        self.scripting.out_of_memory = !roomy;
        let command = self.table.get(id);
        // What is queued is kept in memory whatever it does; EXEC needs room when a queued command does.
        let queued = self.clients[index].flags.contains(ClientFlags::MULTI) && !command.runs_inside_multi();
        let of_itself = match declared {
            Some(flags) => !flags.has(ScriptFlags::ALLOW_OOM) && !flags.has(ScriptFlags::NO_WRITES),
            None => command.has(Flag::Denyoom),
        };
        let needs_room = of_itself || queued || command.name == "exec" && self.queue_needs_room(index);
        (!roomy && needs_room).then_some(CommandError::OOM)
    }

    fn queue_needs_room(&self, index: ClientIndex) -> bool {
        let transaction = self.clients[index].transaction.as_ref();
        transaction.is_some_and(|t| t.queue.iter().any(|(id, _)| self.table.get(*id).has(Flag::Denyoom)))
    }

    #[cold]
    fn may_run_while_paused(&mut self, index: ClientIndex, id: CommandId, writes: bool) -> bool {
        let paused = self.now < self.pause.until;
        // What replicas acknowledge is waited for while writes are held.
        let is_replica = self.clients[index].flags.contains(ClientFlags::REPLICA);
        if !paused && !self.pause.holds_writes && !self.failover.is_on() || is_replica {
            return true;
        }
        let command = self.table.get(id);
        if !(paused && self.pause.all) {
            let queue_writes = command.name == "exec" && self.queue_writes(index, true);
            return !(writes || queue_writes);
        }
        // Inside MULTI commands are only queued, and CLIENT itself must be able to end the pause... as Redis does,
        // nothing else runs.
        false
    }
}

impl super::table::Command {
    /// Commands a RESP2 client with subscriptions may still send.
    fn allowed_while_subscribed(&self) -> bool {
        matches!(
            self.name.as_str(),
            "subscribe"
                | "unsubscribe"
                | "psubscribe"
                | "punsubscribe"
                | "ssubscribe"
                | "sunsubscribe"
                | "ping"
                | "quit"
                | "reset"
        )
    }

    /// Commands that act on the transaction being queued rather than being queued.
    fn runs_inside_multi(&self) -> bool {
        matches!(self.name.as_str(), "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
    }
}
