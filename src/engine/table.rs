//! The table of commands: the only file that lists all families. Binds each handler to its description in the
//! catalogue and finds a command by its case-insensitive name, subcommands included. A description without a handler
//! is not shown to clients.

use super::context::EngineHandler;
use super::names::Names;
use crate::acl::RuleId;
use crate::command::meta::{BeginSearch, FindKeys, Flag};
use crate::command::{Args, Bound, CommandError, DataHandler, Meta, catalog};
use crate::observe::CommandStats;
use std::collections::HashMap;

/// A command's number in the table.
pub type CommandId = u16;

/// What runs a command.
#[derive(Clone, Copy)]
pub enum Handler {
    /// A data command: sees only its context.
    Data(DataHandler),
    /// A command of the engine itself.
    Engine(EngineHandler),
    /// A name that only has subcommands.
    Container,
}

/// One command.
pub struct Command {
    /// Its number.
    pub id: CommandId,
    /// Full lower-case name: `get`, `config|get`.
    pub name: String,
    /// Its description.
    pub meta: &'static Meta,
    /// What runs it.
    pub handler: Handler,
    /// Its subcommands.
    pub subcommands: Vec<CommandId>,
    /// The container it is a subcommand of.
    pub parent: Option<CommandId>,
    /// Its number where users' rules are kept.
    pub rule: RuleId,
    /// It may read keys that its arguments name by patterns only.
    pub reads_by_pattern: bool,
    /// Position of its first key and the distance to the next ones (0: there is only one), for prefetching; 0 for none.
    pub prefetch: (usize, usize),
    /// Its figures.
    pub stats: CommandStats,
}

impl Command {
    /// Whether it has a behaviour flag.
    #[inline]
    pub fn has(&self, flag: Flag) -> bool {
        self.meta.flags.has(flag)
    }
}

/// All commands.
pub struct CommandTable {
    commands: Vec<Command>,
    /// Those that are no subcommands.
    names: Names,
    by_name: HashMap<String, CommandId>,
}

impl Default for CommandTable {
    fn default() -> CommandTable {
        CommandTable::new()
    }
}

impl CommandTable {
    /// Where the code of commands lies: the first and the last one's addresses.
    pub fn code(&self) -> Option<(usize, usize)> {
        let addresses = || {
            self.commands.iter().filter_map(|command| match command.handler {
                Handler::Data(handler) => Some(handler as usize),
                Handler::Engine(handler) => Some(handler as usize),
                Handler::Container => None,
            })
        };
        Some((addresses().min()?, addresses().max()?))
    }

    /// The table of all commands that have a handler.
    pub fn new() -> CommandTable {
        let mut handlers: HashMap<&'static str, Handler> = HashMap::new();
        let mut bind = |name, handler| {
            assert!(handlers.insert(name, handler).is_none(), "command {name} is bound twice");
        };
        let data: [&[Bound<DataHandler>]; _] = crate::families::ALL;
        for bound in data.into_iter().flatten() {
            bind(bound.name, Handler::Data(bound.handler));
        }
        for bound in super::commands::ALL.into_iter().flatten() {
            bind(bound.name, Handler::Engine(bound.handler));
        }
        let mut table = CommandTable { commands: Vec::new(), names: Names::default(), by_name: HashMap::new() };
        for meta in catalog::ALL.iter().flat_map(|group| group.iter()) {
            table.add(meta, &mut handlers);
        }
        let left: Vec<_> = handlers.keys().collect();
        assert!(left.is_empty(), "commands without a description: {left:?}");
        table.index();
        table
    }

    fn add(&mut self, meta: &'static Meta, handlers: &mut HashMap<&'static str, Handler>) {
        let own = handlers.remove(meta.name);
        let subcommands: Vec<_> = meta
            .subcommands
            .iter()
            .filter_map(|sub| {
                let name = format!("{}|{}", meta.name, sub.name);
                let bound = handlers.keys().find(|key| **key == name).copied()?;
                handlers.remove(bound).map(|handler| (sub, name, handler))
            })
            .collect();
        if own.is_none() && subcommands.is_empty() {
            return;
        }
        let id = self.push(meta, meta.name.to_owned(), own.unwrap_or(Handler::Container), None);
        for (sub, name, handler) in subcommands {
            let sub = self.push(sub, name, handler, Some(id));
            self.commands[id as usize].subcommands.push(sub);
        }
    }

    fn push(&mut self, meta: &'static Meta, name: String, handler: Handler, parent: Option<CommandId>) -> CommandId {
        let id = self.commands.len() as CommandId;
        let prefetch = match meta.keys.first().map(|spec| (spec.begin, spec.find)) {
            Some((BeginSearch::Index(at), FindKeys::Range { last, step, .. })) if last < 0 => {
                (at.max(0) as usize, step as usize)
            }
            Some((BeginSearch::Index(at), FindKeys::Range { .. })) => (at.max(0) as usize, 0),
            _ => (0, 0),
        };
        let rule = crate::acl::commands::commands().find(name.as_bytes());
        let rule = rule.unwrap_or_else(|| unreachable!("every command of the table is in the catalogue"));
        let reads_by_pattern = meta.keys.iter().any(|spec| spec.begin == BeginSearch::Unknown);
        self.by_name.insert(name.clone(), id);
        let (subcommands, stats) = (Vec::new(), CommandStats::default());
        let command = Command { id, name, meta, handler, subcommands, parent, rule, reads_by_pattern, prefetch, stats };
        self.commands.push(command);
        id
    }

    fn index(&mut self) {
        let names: Vec<_> = self.top().map(|command| (&*command.name, command.id)).collect();
        self.names = Names::new(&names);
    }

    /// The command with this name in any case, subcommands left aside.
    #[inline]
    pub fn find_top(&self, name: &[u8]) -> Option<CommandId> {
        self.names.find(name)
    }

    /// The command a request names, with its subcommand. Errors: unknown command or subcommand, with the text for
    /// the client.
    #[inline]
    pub fn resolve(&self, args: Args<'_>) -> Result<CommandId, CommandError> {
        let Some(id) = self.find_top(args.at(0)) else { return Err(CommandError::unknown_command(args)) };
        let command = &self.commands[id as usize];
        if command.subcommands.is_empty() || args.len() < 2 {
            return Ok(id);
        }
        self.find_sub(id, args.at(1)).ok_or_else(|| CommandError::unknown_subcommand(args.at(1), &command.name))
    }

    /// A subcommand by its own name in any case.
    pub fn find_sub(&self, id: CommandId, name: &[u8]) -> Option<CommandId> {
        let subcommands = self.commands[id as usize].subcommands.iter().copied();
        subcommands.into_iter().find(|&sub| self.commands[sub as usize].meta.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// A command by its full name in any case (`config|get`).
    pub fn find_full(&self, name: &[u8]) -> Option<CommandId> {
        let lower = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.by_name.get(&lower).copied()
    }

    /// A command by number.
    #[inline]
    pub fn get(&self, id: CommandId) -> &Command {
        &self.commands[id as usize]
    }

    /// A command by number, to count in its figures.
    #[inline]
    pub fn get_mut(&mut self, id: CommandId) -> &mut Command {
        &mut self.commands[id as usize]
    }

    /// All commands and subcommands.
    pub fn iter(&self) -> impl Iterator<Item = &Command> {
        self.commands.iter()
    }

    /// All commands and subcommands, to reset their figures.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Command> {
        self.commands.iter_mut()
    }

    /// Commands that are no subcommands.
    pub fn top(&self) -> impl Iterator<Item = &Command> {
        self.commands.iter().filter(|command| command.parent.is_none())
    }

    /// Gives a command another name, or takes it away when the new name is empty (`rename-command`). Errors: no such
    /// command, or the new name is taken.
    pub fn rename(&mut self, old: &str, new: &str) -> Result<(), &'static str> {
        let id = self.find_top(old.as_bytes()).ok_or("No such command in rename-command")?;
        self.by_name.remove(&self.commands[id as usize].name);
        if new.is_empty() {
            self.commands[id as usize].name.clear();
            self.commands[id as usize].parent = Some(id);
        } else {
            if self.find_top(new.as_bytes()).is_some() {
                return Err("Target command name already exists");
            }
            self.commands[id as usize].name = new.to_ascii_lowercase();
            self.by_name.insert(new.to_ascii_lowercase(), id);
        }
        self.index();
        Ok(())
    }
}
