//! Who a client is, and whether its user may do what it asks for. Everything that users allow is decided in `crate::acl`;
//! here its answers become refusals, entries of the log, and closed connections.
//!
//! A client that may do everything carries a flag, and nothing is asked for it. The flag is renewed whenever a user
//! changes, which is rare.

use super::table::CommandId;
use super::{ClientIndex, Engine, StartError};
use crate::acl::log::Event;
use crate::acl::rule::{RuleError, merge_selectors};
use crate::acl::selector::{allows_channel, has_spaces};
use crate::acl::{Context, DEFAULT_NAME, Denied, Reason, RulesError, User, UserFlags, UserId, file};
use crate::client::ClientFlags;
use crate::command::meta::Flag;
use crate::command::{Args, CommandError};
use crate::config::Key;

impl Engine {
    // ---- who a client is ---------------------------------------------------------------------------------------------

    /// Makes a client the default user, as it is when it connects.
    pub(crate) fn log_out(&mut self, index: ClientIndex) {
        self.become_user(index, UserId::DEFAULT, self.acl.default_user().needs_no_login());
    }

    fn become_user(&mut self, index: ClientIndex, user: UserId, logged_in: bool) {
        let client = &mut self.clients[index];
        client.user = user;
        client.flags.set(ClientFlags::LOGGED_IN, logged_in);
        self.renew_access(index);
    }

    /// Logs a client in. Errors: wrong user or password, which is noted in the log.
    pub(crate) fn log_in(
        &mut self,
        index: ClientIndex,
        name: &[u8],
        password: &[u8],
        args: Args<'_>,
    ) -> Result<(), CommandError> {
        if let Some(user) = self.acl.authenticate(name, password) {
            self.become_user(index, user, true);
            return Ok(());
        }
        let context = self.context_of(index);
        self.note_denied_to(index, name.to_vec(), Reason::Auth, context, args.at(0).to_vec(), args);
        Err(CommandError::WRONG_PASS)
    }

    /// Renews what a client's flags say of its rights.
    fn renew_access(&mut self, index: ClientIndex) {
        let client = &mut self.clients[index];
        if client.flags.contains(ClientFlags::LOADER) {
            return;
        }
        let known = client.flags.contains(ClientFlags::LOGGED_IN) || self.acl.default_user().needs_no_login();
        let unrestricted = known && self.acl.user(client.user).is_unrestricted();
        client.flags.set(ClientFlags::AUTHENTICATED, known);
        client.flags.set(ClientFlags::UNRESTRICTED, unrestricted);
    }

    fn renew_all_access(&mut self) {
        let all: Vec<ClientIndex> = self.client_ids.values().copied().collect();
        all.into_iter().for_each(|index| self.renew_access(index));
    }

    // ---- what a client may do ----------------------------------------------------------------------------------------

    /// Why a client that is not free to do everything may not run a command, if so.
    #[inline(never)]
    pub(super) fn access_refusal(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>) -> Option<CommandError> {
        let flags = self.clients[index].flags;
        let command = self.table.get(id);
        if !flags.contains(ClientFlags::AUTHENTICATED) && !command.has(Flag::NoAuth) {
            return Some(CommandError::NO_AUTH);
        }
        if flags.contains(ClientFlags::MULTI) && command.has(Flag::NoMulti) {
            return Some(CommandError::NOT_IN_MULTI);
        }
        match self.check_access(index, id, args) {
            Ok(()) => None,
            Err(denied) => Some(self.deny(index, id, args, denied, self.context_of(index))),
        }
    }

    /// Whether a client's user may run a command with these arguments, the command's name first. Nothing is noted.
    #[inline]
    pub(crate) fn check_access(&self, index: ClientIndex, id: CommandId, args: Args<'_>) -> Result<(), Denied> {
        let client = &self.clients[index];
        if client.flags.contains(ClientFlags::UNRESTRICTED) {
            return Ok(());
        }
        self.acl.user(client.user).check(self.table.get(id).rule, args)
    }

    /// Notes in the log what a client was denied, and says so as a client is told.
    #[cold]
    pub(crate) fn deny(
        &mut self,
        index: ClientIndex,
        id: CommandId,
        args: Args<'_>,
        denied: Denied,
        context: Context,
    ) -> CommandError {
        let rule = self.table.get(id).rule;
        let name = &*crate::acl::commands::commands().get(rule).name;
        let (object, error) = match denied {
            Denied::Command => (name.as_bytes(), CommandError::no_permission(name)),
            Denied::Key(at) => (args.at(at), CommandError::NO_PERMISSION_FOR_KEY),
            Denied::Channel(at) => (args.at(at), CommandError::NO_PERMISSION_FOR_CHANNEL),
        };
        let username = self.acl.name(self.clients[index].user).to_vec();
        self.note_denied_to(index, username, denied.reason(), context, object.to_vec(), args);
        error
    }

    fn note_denied_to(
        &mut self,
        index: ClientIndex,
        username: Vec<u8>,
        reason: Reason,
        context: Context,
        object: Vec<u8>,
        args: Args<'_>,
    ) {
        let counter = match reason {
            Reason::Auth => &mut self.stats.denied_auth,
            Reason::Command => &mut self.stats.denied_commands,
            Reason::Key => &mut self.stats.denied_keys,
            Reason::Channel => &mut self.stats.denied_channels,
        };
        *counter += 1;
        let mut client_info = Vec::with_capacity(400);
        self.describe_client(index, Some((index, args)), &mut client_info);
        client_info.truncate(client_info.trim_ascii_end().len());
        self.acl.log.add(Event { reason, context, object, username, client_info }, self.now);
    }

    fn context_of(&self, index: ClientIndex) -> Context {
        match self.clients[index].flags.contains(ClientFlags::MULTI) {
            true => Context::Multi,
            false => Context::TopLevel,
        }
    }

    /// Checks a queued command again, for rules may have changed since; answers it when it may not run.
    pub(crate) fn may_exec(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>) -> bool {
        let Err(denied) = self.check_access(index, id, args) else { return true };
        self.deny(index, id, args, denied, Context::Multi);
        let error = CommandError::new(format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command \
             is no longer allowed for the following reason: {}",
            denied.exec_reason()
        ));
        self.clients[index].out.error(error.text());
        self.count_error(&error);
        false
    }

    /// Why a client that waited may not have what it waited for, if its rights changed meanwhile.
    pub(super) fn refusal_when_served(
        &mut self,
        index: ClientIndex,
        id: CommandId,
        args: Args<'_>,
    ) -> Option<CommandError> {
        match self.check_access(index, id, args) {
            Ok(()) => None,
            Err(denied) => Some(self.deny(index, id, args, denied, Context::TopLevel)),
        }
    }

    /// Whether a client may read any key there is with this request. Asked only of commands that read keys by patterns.
    #[inline(never)]
    pub(super) fn reads_all_keys(&self, index: ClientIndex, id: CommandId, args: Args<'_>) -> bool {
        let command = self.table.get(id);
        !command.reads_by_pattern || self.acl.user(self.clients[index].user).reads_all_keys(command.rule, args)
    }

    // ---- changes of users --------------------------------------------------------------------------------------------

    /// Gives a user these rules on top of those it has; makes it when it is not there. Subscribers to channels that it may
    /// no longer use are closed. Errors: the first rule that cannot be followed; nothing is changed then.
    pub(crate) fn set_user<'a>(
        &mut self,
        name: &[u8],
        rules: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), RulesError> {
        let known = self.acl.find(name);
        let before = known.map_or_else(|| self.acl.new_user(), |id| self.acl.user(id).clone());
        let after = before.after(rules, self.acl.defaults)?;
        if let Some(id) = known {
            self.close_subscribers(id, &before, &after);
        }
        self.acl.put(name, after);
        self.renew_all_access();
        Ok(())
    }

    /// Removes a user and closes its connections. False when there is no such user.
    pub(crate) fn remove_user(&mut self, name: &[u8]) -> bool {
        let Some(id) = self.acl.remove(name) else { return false };
        self.close_clients_of(&[id]);
        true
    }

    /// Closes the connections of users that are gone. The client whose command is running still gets its reply.
    fn close_clients_of(&mut self, gone: &[UserId]) {
        let all: Vec<ClientIndex> = self.clients.iter().map(|(index, _)| index).collect();
        for index in all {
            let client = &mut self.clients[index];
            if client.flags.intersects(ClientFlags::OBEYED) || !gone.contains(&client.user) {
                continue;
            }
            // Whatever it still manages to ask for, nobody in particular asks for it.
            self.become_user(index, UserId::DEFAULT, false);
            if self.client_ids.contains_key(&self.clients[index].id) {
                self.close(index, self.running == Some(index));
            }
        }
    }

    /// Closes subscribers of a user that listen to what it may no longer listen to.
    fn close_subscribers(&mut self, id: UserId, before: &User, after: &User) {
        if after.all_selectors().any(|selector| selector.allows_all_channels()) {
            return;
        }
        let allowed: Vec<_> = after.all_selectors().flat_map(|selector| selector.channels()).cloned().collect();
        let kept = before.all_selectors().all(|selector| {
            !selector.allows_all_channels() && selector.channels().iter().all(|pattern| allowed.contains(pattern))
        });
        if kept {
            return;
        }
        let all: Vec<ClientIndex> = self.client_ids.values().copied().collect();
        for index in all {
            let client = &self.clients[index];
            let Some(subscriptions) = client.subscriptions.as_deref().filter(|_| client.user == id) else { continue };
            let channels = subscriptions.channels.iter().chain(&subscriptions.shard_channels);
            let still = subscriptions.patterns.iter().all(|pattern| allows_channel(&allowed, pattern, true))
                && channels.into_iter().all(|channel| allows_channel(&allowed, channel, false));
            if !still {
                self.close(index, self.running == Some(index));
            }
        }
    }

    /// Gives the default user the password of `requirepass`, or none.
    pub(super) fn follow_requirepass(&mut self) {
        let password = self.config.string(Key::Requirepass);
        self.acl.default_user_mut().set_password((!password.is_empty()).then_some(password));
        self.renew_all_access();
    }

    // ---- users at start, and their file ------------------------------------------------------------------------------

    /// Makes the users that the configuration names. Errors: what is wrong with them.
    pub(super) fn load_users(&mut self) -> Result<(), StartError> {
        self.acl.defaults.all_channels = self.config.enum_name(Key::AclPubsubDefault) == "allchannels";
        let password = self.config.string(Key::Requirepass);
        if !password.is_empty() {
            self.acl.default_user_mut().set_password(Some(password));
        }
        for (at, words) in self.config.users().to_vec().iter().enumerate() {
            let Some((name, rules)) = words.split_first() else { continue };
            self.load_user(at, name, rules)?;
        }
        if !self.config.string(Key::Aclfile).is_empty() {
            self.load_user_file().map_err(|error| {
                StartError::Users(vec![format!("Aborting Redis startup because of ACL errors: {error}")])
            })?;
        }
        Ok(())
    }

    /// Makes the user of a `user` line.
    fn load_user(&mut self, at: usize, name: &[u8], rules: &[Vec<u8>]) -> Result<(), StartError> {
        let shown = String::from_utf8_lossy(name).into_owned();
        let wrong = |what: &[u8], reason: &str| {
            StartError::User(at, format!("Error in user declaration '{}': {reason}", String::from_utf8_lossy(what)))
        };
        if has_spaces(name) {
            tracing::warn!("Spaces not allowed in ACL usernames");
            return Err(wrong(name, "Spaces not allowed in ACL usernames"));
        }
        let defaults = self.acl.defaults;
        let mut user = self.acl.new_user();
        if name == DEFAULT_NAME {
            // It is there already, and begins anew; no rule of a name can be wrong.
            let _ = user.apply(b"reset", defaults);
        }
        let merged = merge_selectors(rules.iter().map(Vec::as_slice))
            .map_err(|error| wrong(name, &String::from_utf8_lossy(&error.text())))?;
        for rule in merged {
            match user.apply(&rule, defaults) {
                Ok(()) => {}
                Err(error @ RuleError::UnknownName) => {
                    let (rule, reason) = (String::from_utf8_lossy(&rule), error.reason());
                    tracing::warn!("Error loading ACL rule '{rule}' for the user named '{shown}': {reason}");
                    return Err(wrong(rule.as_bytes(), reason));
                }
                // The rule itself may hold a password.
                Err(error) => return Err(wrong(name, error.reason())),
            }
        }
        if user.flags.contains(UserFlags::OFF) {
            tracing::info!(
                "The user '{shown}' is disabled (there is no 'on' modifier in the user description). Make sure this is not \
                 a configuration error."
            );
        }
        self.acl.put(name, user);
        Ok(())
    }

    fn user_file(&self) -> String {
        String::from_utf8_lossy(self.config.string(Key::Aclfile)).into_owned()
    }

    /// Replaces all users by those of the file, and closes the connections of all but the default one. Errors: what is
    /// wrong with the file; nothing is changed then.
    pub(crate) fn load_user_file(&mut self) -> Result<(), String> {
        let path = self.user_file();
        let text = (self.senses.read_file)(&path)
            .map_err(|reason| format!("Error loading ACLs, opening file '{path}': {reason}"))?;
        let users = file::parse(&text, &path, self.acl.defaults)?;
        let gone = self.acl.replace(users);
        self.close_clients_of(&gone);
        self.renew_all_access();
        Ok(())
    }

    /// Writes all users to the file. Errors: it cannot be written, which is in the log then.
    pub(crate) fn save_user_file(&self) -> Result<(), ()> {
        (self.senses.replace_file)(&self.user_file(), &file::write(&self.acl)).map_err(|reason| {
            tracing::warn!("Writing ACL file for ACL SAVE: {reason}");
        })
    }
}
