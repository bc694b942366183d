//! The commands as rules see them: every command the catalogue describes, by number, with its categories. Whether the
//! server has a handler for a command means nothing here, so that files written for other servers can be read; nor does
//! `rename-command`, so that rules go on meaning what they say.

use super::selector::Access;
use crate::command::Meta;
use crate::command::catalog;
use crate::command::keys::{KeyRange, may_name_keys};
use crate::command::meta::{Category, Flag};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

/// A command's number in [`Commands`].
pub type RuleId = u16;

const WORDS: usize = 16;

/// A set of commands. Its last bit stands for commands that nobody knows yet: only `+@all` sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommandSet([u64; WORDS]);

impl CommandSet {
    /// Numbers below this fit; the one below it is taken by the commands to come.
    const CAPACITY: usize = WORDS * 64;

    /// All commands, those to come included.
    pub const ALL: CommandSet = CommandSet([u64::MAX; WORDS]);

    /// Whether commands nobody knows yet are in the set.
    pub fn has_future(&self) -> bool {
        self.has(Self::CAPACITY as RuleId - 1)
    }

    /// Whether a command is in the set.
    #[inline]
    pub fn has(&self, id: RuleId) -> bool {
        let id = usize::from(id);
        self.0.get(id / 64).is_some_and(|word| word & (1 << (id % 64)) != 0)
    }

    /// Puts a command in or takes it out.
    pub fn set(&mut self, id: RuleId, on: bool) {
        let id = usize::from(id);
        let bit = 1 << (id % 64);
        if on {
            self.0[id / 64] |= bit;
        } else {
            self.0[id / 64] &= !bit;
        }
    }

    /// Puts all of another set in or takes them out.
    pub fn set_all(&mut self, other: &CommandSet, on: bool) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word = if on { *word | other } else { *word & !other };
        }
    }

    /// How many of another set are in this one, and how many are not.
    pub fn count(&self, other: &CommandSet) -> (u32, u32) {
        let pairs = self.0.iter().zip(other.0);
        pairs.fold((0, 0), |(on, off), (word, other)| {
            (on + (word & other).count_ones(), off + (!word & other).count_ones())
        })
    }
}

/// How a command's arguments name channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Not at all, or only channels it leaves.
    None,
    /// The first argument is a channel.
    First,
    /// All arguments are channels.
    All,
    /// All arguments are patterns of channels.
    Patterns,
}

/// How a command's keys are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlan {
    /// It has none.
    None,
    /// They stand at known places, and need this.
    Range(KeyRange, Access),
    /// Each request has to be read.
    Search,
}

impl KeyPlan {
    fn of(meta: &Meta) -> KeyPlan {
        match KeyRange::of(meta) {
            Some(range) => KeyPlan::Range(range, Access::needed(range.flags)),
            None if may_name_keys(meta) => KeyPlan::Search,
            None => KeyPlan::None,
        }
    }
}

/// What rules need to know of one command.
#[derive(Debug)]
pub struct Entry {
    /// Full lower-case name: `get`, `config|get`.
    pub name: Box<str>,
    /// Its description.
    pub meta: &'static Meta,
    /// The container it is a subcommand of.
    pub parent: Option<RuleId>,
    /// Its subcommands.
    pub subcommands: Range<RuleId>,
    /// Where its keys are.
    pub keys: KeyPlan,
    /// How its arguments name channels.
    pub channels: Channels,
    /// It may be run by anybody, logged in or not.
    pub for_anybody: bool,
}

/// All commands, in the order of their names, each followed by its subcommands.
pub struct Commands {
    entries: Vec<Entry>,
    by_name: HashMap<Box<str>, RuleId>,
    members: Vec<CommandSet>,
    reach: Vec<CommandSet>,
}

/// The commands of the catalogue.
pub fn commands() -> &'static Commands {
    static COMMANDS: LazyLock<Commands> = LazyLock::new(Commands::of_catalog);
    &COMMANDS
}

impl Commands {
    fn of_catalog() -> Commands {
        let mut all: Vec<&'static Meta> = catalog::ALL.iter().flat_map(|group| group.iter()).collect();
        all.sort_by_key(|meta| meta.name);
        let mut commands =
            Commands { entries: Vec::new(), by_name: HashMap::new(), members: Vec::new(), reach: Vec::new() };
        for meta in all {
            let id = commands.push(meta, meta.name.into(), None);
            for sub in meta.subcommands {
                commands.push(sub, format!("{}|{}", meta.name, sub.name).into(), Some(id));
            }
            commands.entries[usize::from(id)].subcommands = id + 1..commands.entries.len() as RuleId;
        }
        assert!(commands.entries.len() < CommandSet::CAPACITY, "more commands than a set of them can hold");
        for (category, _) in Category::NAMES {
            let (mut members, mut reach) = (CommandSet::default(), CommandSet::default());
            for (id, entry) in (0..).zip(&commands.entries) {
                if entry.meta.acl.has(category) {
                    members.set(id, true);
                    reach.set(id, true);
                    entry.subcommands.clone().for_each(|sub| reach.set(sub, true));
                }
            }
            commands.members.push(members);
            commands.reach.push(reach);
        }
        commands
    }

    fn push(&mut self, meta: &'static Meta, name: Box<str>, parent: Option<RuleId>) -> RuleId {
        let id = self.entries.len() as RuleId;
        let channels = match &*name {
            "publish" | "spublish" => Channels::First,
            "subscribe" | "ssubscribe" => Channels::All,
            "psubscribe" => Channels::Patterns,
            _ => Channels::None,
        };
        self.by_name.insert(name.clone(), id);
        let (keys, for_anybody) = (KeyPlan::of(meta), meta.flags.has(Flag::NoAuth));
        self.entries.push(Entry { name, meta, parent, subcommands: 0..0, keys, channels, for_anybody });
        id
    }

    /// A command by number.
    #[inline]
    pub fn get(&self, id: RuleId) -> &Entry {
        &self.entries[usize::from(id)]
    }

    /// The number of a command, by its full name in any case.
    pub fn find(&self, name: &[u8]) -> Option<RuleId> {
        let lower = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.by_name.get(&*lower).copied()
    }

    /// All commands with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (RuleId, &Entry)> {
        (0..).zip(&self.entries)
    }

    /// The commands of a category, by its place in [`Category::NAMES`].
    pub fn members(&self, category: usize) -> &CommandSet {
        &self.members[category]
    }

    /// What a rule about a category changes: its commands, and the subcommands of those, whatever their categories.
    pub fn reach(&self, category: usize) -> &CommandSet {
        &self.reach[category]
    }
}

/// The place of a category in [`Category::NAMES`], by its name in any case.
pub fn category(name: &[u8]) -> Option<usize> {
    Category::NAMES.iter().position(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_full_name_in_any_case() {
        let all = commands();
        let name = |text: &[u8]| all.find(text).map(|id| &*all.get(id).name);
        assert_eq!(name(b"GET"), Some("get"));
        assert_eq!(name(b"Config|Get"), Some("config|get"));
        for stranger in [&b""[..], b"|", b"config|", b"get|x", b"config|get|x", b"\xff"] {
            assert_eq!(name(stranger), None);
        }
        let config = all.find(b"config").unwrap();
        assert!(all.get(config).subcommands.clone().all(|sub| all.get(sub).parent == Some(config)));
    }

    #[test]
    fn a_set_counts_members_and_keeps_the_last_bit_for_the_future() {
        let all = commands();
        let write = category(b"WRITE").unwrap();
        let mut set = CommandSet::default();
        set.set_all(all.reach(write), true);
        let (on, off) = set.count(all.members(write));
        assert!(on > 50 && off == 0 && !set.has_future());
        assert!(set.has(all.find(b"set").unwrap()) && !set.has(all.find(b"get").unwrap()));
        assert!(CommandSet::ALL.has_future() && !CommandSet::ALL.has(RuleId::MAX));
    }

    #[test]
    fn a_category_reaches_the_subcommands_of_its_containers() {
        let all = commands();
        let slow = category(b"slow").unwrap();
        let set = all.reach(slow);
        assert!(set.has(all.find(b"config").unwrap()) && set.has(all.find(b"config|get").unwrap()));
    }
}
