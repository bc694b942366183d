//! Who may do what: users with their passwords and selectors, the file they are kept in, and the log of what was denied.
//!
//! Owns the users by name and by number; numbers are what clients hold. User 0 is `default` and always there. Knows
//! neither sockets nor the running command: it is given a command's number and a request, and says whether they are
//! allowed. Start reading at `user.rs`.

pub mod commands;
pub mod file;
pub mod log;
pub mod pattern;
pub mod rule;
pub mod selector;
pub mod user;

pub use commands::RuleId;
pub use log::{AclLog, Context, Reason};
pub use rule::RulesError;
pub use user::{User, UserFlags};

pub use crate::base::ids::UserId;
use slab::Slab;
use std::collections::BTreeMap;

/// The name of the user that connections have before they log in.
pub const DEFAULT_NAME: &[u8] = b"default";

/// What is not allowed of a request: the command, or the key or channel at a position. In the order in which one is told
/// rather than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// The command.
    Command,
    /// The key at this position.
    Key(usize),
    /// The channel at this position.
    Channel(usize),
}

impl Denied {
    /// As the log calls it.
    pub fn reason(self) -> Reason {
        match self {
            Denied::Command => Reason::Command,
            Denied::Key(_) => Reason::Key,
            Denied::Channel(_) => Reason::Channel,
        }
    }

    /// Why EXEC does not run a command that could be queued.
    pub fn exec_reason(self) -> &'static str {
        match self {
            Denied::Command => "no permission to execute the command or subcommand",
            Denied::Key(_) => "no permission to touch the specified keys",
            Denied::Channel(_) => "no permission to access one of the channels used as arguments",
        }
    }

    /// What a script's user cannot do.
    pub fn script_reason(self) -> &'static str {
        match self {
            Denied::Command => "can't run this command or subcommand",
            Denied::Key(_) => "can't access at least one of the keys mentioned in the command arguments",
            Denied::Channel(_) => "can't publish to the channel mentioned in the command",
        }
    }
}

/// What a new user may do before any rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Defaults {
    /// All channels (`acl-pubsub-default allchannels`).
    pub all_channels: bool,
}

/// The users, and the log.
#[derive(Debug, Clone)]
pub struct Acl {
    users: Slab<(Box<[u8]>, User)>,
    by_name: BTreeMap<Box<[u8]>, UserId>,
    /// What was denied.
    pub log: AclLog,
    /// What new users may do.
    pub defaults: Defaults,
}

impl Default for Acl {
    /// The default user alone, allowed everything.
    fn default() -> Acl {
        let (users, by_name) = (Slab::new(), BTreeMap::new());
        let mut acl = Acl { users, by_name, log: AclLog::default(), defaults: Defaults::default() };
        let id = acl.put(DEFAULT_NAME, User::unrestricted());
        assert!(id == UserId::DEFAULT, "the first user is the default one");
        acl
    }
}

impl Acl {
    /// A user by number.
    #[inline]
    pub fn user(&self, id: UserId) -> &User {
        &self.users[id.0 as usize].1
    }

    /// The default user.
    pub fn default_user(&self) -> &User {
        self.user(UserId::DEFAULT)
    }

    /// The default user, to be changed.
    pub fn default_user_mut(&mut self) -> &mut User {
        &mut self.users[UserId::DEFAULT.0 as usize].1
    }

    /// The name of a user.
    pub fn name(&self, id: UserId) -> &[u8] {
        &self.users[id.0 as usize].0
    }

    /// A user by name.
    pub fn find(&self, name: &[u8]) -> Option<UserId> {
        self.by_name.get(name).copied()
    }

    /// All users, in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &User)> {
        self.by_name.iter().map(|(name, id)| (&**name, self.user(*id)))
    }

    /// A new user before any rule.
    pub fn new_user(&self) -> User {
        User::new(self.defaults)
    }

    /// Keeps a user under a name, in place of the one that had it.
    pub fn put(&mut self, name: &[u8], user: User) -> UserId {
        if let Some(id) = self.find(name) {
            self.users[id.0 as usize].1 = user;
            return id;
        }
        let id = UserId(self.users.insert((name.into(), user)) as u32);
        self.by_name.insert(name.into(), id);
        id
    }

    /// Takes a user out, unless it is the default one; whoever holds its number must let go of it.
    pub fn remove(&mut self, name: &[u8]) -> Option<UserId> {
        let id = self.find(name).filter(|id| *id != UserId::DEFAULT)?;
        self.by_name.remove(name);
        self.users.remove(id.0 as usize);
        Some(id)
    }

    /// Replaces all users, as a file names them; without a default user there is one that is allowed everything. Returns
    /// the numbers of all that were there before, which whoever holds them must let go of.
    pub fn replace(&mut self, users: file::Users) -> Vec<UserId> {
        let names: Vec<Box<[u8]>> = self.by_name.keys().cloned().collect();
        let gone = names.iter().filter_map(|name| self.remove(name)).collect();
        *self.default_user_mut() = User::unrestricted();
        for (name, user) in users {
            self.put(&name, user);
        }
        gone
    }

    /// The user with this name and password.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<UserId> {
        self.find(name).filter(|id| self.user(*id).accepts(password))
    }

    /// A user as a line of a file: `user NAME RULE ...`.
    pub fn line(name: &[u8], user: &User) -> Vec<u8> {
        let mut line = [b"user ", name, b" "].concat();
        user.describe(&mut line);
        line
    }
}

#[cfg(test)]
mod tests;
