//! A selector: some commands, with the keys and channels they may name. A user may do what one of its selectors allows
//! whole; two selectors do not add up for one request.
//!
//! Promises: rules mean what they mean to Redis 7.0, oddities included (a rule's words end at a NUL byte; a category
//! takes the subcommands of its containers with it); what [`Selector::describe_commands`] writes makes the same selector
//! when it is read; a check allocates nothing unless a request names many keys.

use super::Denied;
use super::commands::{Channels, CommandSet, Entry, KeyPlan, RuleId, category, commands};
use super::pattern::Pattern;
use super::rule::RuleError;
use crate::base::quoting::is_space;
use crate::command::Args;
use crate::command::error::as_c_text;
use crate::command::keys::{Keys, keys_of};
use crate::command::meta::{Category, KeyFlag};
use bitflags::bitflags;

bitflags! {
    /// What may be done to a key.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Access: u8 {
        /// Its value may be learnt.
        const READ = 1;
        /// It may be changed, made or removed.
        const WRITE = 2;
    }
}

impl Access {
    /// What a command that does this to a key needs.
    pub fn needed(flags: &[KeyFlag]) -> Access {
        flags.iter().fold(Access::empty(), |access, flag| match flag {
            KeyFlag::Access => access | Access::READ,
            KeyFlag::Insert | KeyFlag::Delete | KeyFlag::Update => access | Access::WRITE,
            _ => access,
        })
    }

    fn prefix(self) -> &'static str {
        match (self.contains(Access::READ), self.contains(Access::WRITE)) {
            (true, false) => "%R~",
            (false, true) => "%W~",
            _ => "~",
        }
    }
}

/// Keys, and what may be done to them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyRule {
    access: Access,
    pattern: Pattern,
}

/// The keys of a request, found when the first selector asks for them.
pub type FoundKeys = Option<Keys>;

/// Commands, keys and channels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// `+@all`, and no command taken out since.
    all_commands: bool,
    all_keys: bool,
    all_channels: bool,
    commands: CommandSet,
    /// Commands that may be run with certain first arguments only.
    first_args: Vec<(RuleId, Vec<Box<[u8]>>)>,
    keys: Vec<KeyRule>,
    channels: Vec<Pattern>,
}

impl Selector {
    /// One that allows nothing, except all channels if `all_channels`.
    pub fn new(all_channels: bool) -> Selector {
        Selector { all_channels, ..Selector::default() }
    }

    /// Whether it allows everything.
    pub fn is_unrestricted(&self) -> bool {
        self.all_commands && self.all_keys && self.all_channels
    }

    /// Whether it allows all channels.
    pub fn allows_all_channels(&self) -> bool {
        self.all_channels
    }

    /// The patterns of channels it allows.
    pub fn channels(&self) -> &[Pattern] {
        &self.channels
    }

    // ---- rules -------------------------------------------------------------------------------------------------------

    /// Follows one rule. Errors: it is none, or has no meaning here; nothing is changed then.
    pub fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let text = as_c_text(rule);
        let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
        match text.first().copied().unwrap_or(0) {
            _ if is("allkeys") || is("~*") => {
                self.all_keys = true;
                self.keys.clear();
            }
            _ if is("resetkeys") => {
                self.all_keys = false;
                self.keys.clear();
            }
            _ if is("allchannels") || is("&*") => {
                self.all_channels = true;
                self.channels.clear();
            }
            _ if is("resetchannels") => {
                self.all_channels = false;
                self.channels.clear();
            }
            _ if is("allcommands") || is("+@all") => self.set_all_commands(true),
            _ if is("nocommands") || is("-@all") => self.set_all_commands(false),
            b'~' | b'%' => return self.add_keys(rule),
            b'&' => return self.add_channels(&rule[1..]),
            sign @ (b'+' | b'-') => {
                let on = sign == b'+';
                match text[1..].strip_prefix(b"@") {
                    Some(name) => {
                        let category = category(name).ok_or(RuleError::UnknownName)?;
                        self.change_category(category, on);
                    }
                    None if on => return self.add_command(&text[1..]),
                    None => {
                        let id = commands().find(&text[1..]).ok_or(RuleError::UnknownName)?;
                        self.change(id, false);
                    }
                }
            }
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    fn set_all_commands(&mut self, on: bool) {
        self.all_commands = on;
        self.commands = if on { CommandSet::ALL } else { CommandSet::default() };
        self.first_args.clear();
    }

    /// Puts a command in or takes it out, with its subcommands.
    fn change(&mut self, id: RuleId, on: bool) {
        self.commands.set(id, on);
        self.first_args.retain(|(of, _)| *of != id);
        commands().get(id).subcommands.clone().for_each(|sub| self.commands.set(sub, on));
        self.all_commands &= on;
    }

    fn change_category(&mut self, category: usize, on: bool) {
        self.commands.set_all(commands().reach(category), on);
        let members = commands().members(category);
        self.first_args.retain(|(of, _)| !members.has(*of));
        self.all_commands &= on;
    }

    /// `+name`, `+name|subcommand` or `+name|first-argument`, without the sign.
    fn add_command(&mut self, text: &[u8]) -> Result<(), RuleError> {
        let find = |name| commands().find(name).ok_or(RuleError::UnknownName);
        let Some(bar) = text.iter().rposition(|&byte| byte == b'|') else {
            self.change(find(text)?, true);
            return Ok(());
        };
        let (name, second) = (&text[..bar], &text[bar + 1..]);
        let id = find(name)?;
        let command = commands().get(id);
        if command.parent.is_some() {
            return Err(RuleError::FirstArgOfSubcommand);
        }
        if second.is_empty() {
            return Err(RuleError::Syntax);
        }
        if !command.subcommands.is_empty() {
            self.change(find(text)?, true);
            return Ok(());
        }
        tracing::warn!(
            "Deprecation warning: Allowing a first arg of an otherwise blocked command is a misuse of ACL and may get \
             disabled in the future (offender: +{})",
            String::from_utf8_lossy(text)
        );
        let at = self.first_args.iter().position(|(of, _)| *of == id).unwrap_or_else(|| {
            self.first_args.push((id, Vec::new()));
            self.first_args.len() - 1
        });
        let allowed = &mut self.first_args[at].1;
        if !allowed.iter().any(|known| known.eq_ignore_ascii_case(second)) {
            allowed.push(second.into());
        }
        Ok(())
    }

    /// `~pattern`, `%R~pattern`, `%W~pattern` or `%RW~pattern`.
    fn add_keys(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::KeysAfterAll);
        }
        let (access, pattern) = match rule[0] {
            b'~' => (Access::all(), &rule[1..]),
            _ => parse_access(&rule[1..])?,
        };
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        match self.keys.iter_mut().find(|known| known.pattern.text() == pattern) {
            Some(known) => known.access |= access,
            None => self.keys.push(KeyRule { access, pattern: Pattern::new(pattern) }),
        }
        Ok(())
    }

    fn add_channels(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::ChannelsAfterAll);
        }
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        if !self.channels.iter().any(|known| known.text() == pattern) {
            self.channels.push(Pattern::new(pattern));
        }
        Ok(())
    }

    // ---- checks ------------------------------------------------------------------------------------------------------

    /// Whether a request is allowed whole. `keys` are its keys once they were asked for. Errors: what is not allowed.
    pub fn check(&self, id: RuleId, args: Args<'_>, keys: &mut FoundKeys) -> Result<(), Denied> {
        let command = commands().get(id);
        if !self.all_commands && !self.commands.has(id) && !command.for_anybody && !self.allows_first_arg(id, args) {
            return Err(Denied::Command);
        }
        if !self.all_keys {
            self.check_keys(command, args, keys)?;
        }
        if self.all_channels {
            return Ok(());
        }
        let names = match command.channels {
            Channels::None => return Ok(()),
            Channels::First => 1..args.len().min(2),
            Channels::All | Channels::Patterns => 1..args.len(),
        };
        let is_pattern = command.channels == Channels::Patterns;
        match names.into_iter().find(|at| !allows_channel(&self.channels, args.at(*at), is_pattern)) {
            Some(at) => Err(Denied::Channel(at)),
            None => Ok(()),
        }
    }

    #[inline]
    fn check_keys(&self, command: &Entry, args: Args<'_>, keys: &mut FoundKeys) -> Result<(), Denied> {
        let denied = match command.keys {
            KeyPlan::None => None,
            KeyPlan::Range(range, access) => {
                range.positions(args.len()).find(|at| !self.allows_key(args.at(*at), access))
            }
            KeyPlan::Search => {
                let keys = keys.get_or_insert_with(|| keys_of(command.meta, args));
                let denied = keys.iter().find(|key| !self.allows_key(args.at(key.at), Access::needed(key.flags)));
                denied.map(|key| key.at)
            }
        };
        denied.map_or(Ok(()), |at| Err(Denied::Key(at)))
    }

    fn allows_first_arg(&self, id: RuleId, args: Args<'_>) -> bool {
        let Some(first) = args.get(1).map(as_c_text) else { return false };
        let allowed = self.first_args.iter().find(|(of, _)| *of == id);
        allowed.is_some_and(|(_, words)| words.iter().any(|word| word.eq_ignore_ascii_case(first)))
    }

    #[inline]
    fn allows_key(&self, key: &[u8], access: Access) -> bool {
        self.keys.iter().any(|rule| rule.access.contains(access) && rule.pattern.matches(key))
    }

    /// Whether every key there could be may be read.
    pub fn reads_all_keys(&self) -> bool {
        let all = |rule: &KeyRule| rule.access.contains(Access::READ) && as_c_text(rule.pattern.text()) == b"*";
        self.all_keys || self.keys.iter().any(all)
    }

    // ---- descriptions ------------------------------------------------------------------------------------------------

    /// Appends the keys, as rules.
    pub fn describe_keys(&self, out: &mut Vec<u8>) {
        if self.all_keys {
            out.extend_from_slice(b"~*");
        }
        for (at, rule) in self.keys.iter().enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(rule.access.prefix().as_bytes());
            out.extend_from_slice(rule.pattern.text());
        }
    }

    /// Appends the channels, as rules.
    pub fn describe_channels(&self, out: &mut Vec<u8>) {
        if self.all_channels {
            out.extend_from_slice(b"&*");
        }
        for (at, pattern) in self.channels.iter().enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            out.push(b'&');
            out.extend_from_slice(pattern.text());
        }
    }

    /// Appends the commands, as rules that make the same set: all or none, then the categories that come nearest, then
    /// single commands.
    pub fn describe_commands(&self, out: &mut Vec<u8>) {
        let all = commands();
        let subtracts = self.commands.has_future();
        out.extend_from_slice(if subtracts { b"+@all" } else { b"-@all" });
        // What the rules written so far make; and what is left to be said.
        let mut made = if subtracts { CommandSet::ALL } else { CommandSet::default() };
        let mut left = self.commands;
        let mut used = [false; Category::NAMES.len()];
        while let Some(best) = nearest_category(&left, &used, subtracts) {
            out.extend_from_slice(if subtracts { b" -@" } else { b" +@" });
            out.extend_from_slice(Category::NAMES[best].1.as_bytes());
            made.set_all(all.reach(best), !subtracts);
            left.set_all(all.reach(best), subtracts);
            used[best] = true;
        }
        for (id, command) in all.iter() {
            let on = self.commands.has(id);
            if made.has(id) != on {
                out.extend_from_slice(if on { b" +" } else { b" -" });
                out.extend_from_slice(command.name.as_bytes());
                made.set(id, on);
                command.subcommands.clone().for_each(|sub| made.set(sub, on));
            }
            let words = self.first_args.iter().find(|(of, _)| *of == id && !on);
            for word in words.iter().flat_map(|(_, words)| words) {
                out.extend_from_slice(b" +");
                out.extend_from_slice(command.name.as_bytes());
                out.push(b'|');
                out.extend_from_slice(word);
            }
        }
        debug_assert!(made == self.commands, "a description must make what it describes");
    }

    /// Appends everything, as rules.
    pub fn describe(&self, out: &mut Vec<u8>) {
        self.describe_keys(out);
        if self.all_keys || !self.keys.is_empty() {
            out.push(b' ');
        }
        if !self.all_channels {
            out.extend_from_slice(b"resetchannels ");
        }
        self.describe_channels(out);
        if self.all_channels || !self.channels.is_empty() {
            out.push(b' ');
        }
        self.describe_commands(out);
    }
}

/// The category, among those not used yet, most of whose commands are in the set (out of it when rules subtract): the
/// one with the fewest others, of those the one with most.
fn nearest_category(left: &CommandSet, used: &[bool], subtracts: bool) -> Option<usize> {
    let mut best: Option<(usize, u32, u32)> = None;
    for at in (0..Category::NAMES.len()).filter(|at| !used[*at]) {
        let (on, off) = left.count(commands().members(at));
        let (same, other) = if subtracts { (off, on) } else { (on, off) };
        let better = best.is_none_or(|(_, fewest, most)| other < fewest || other == fewest && same > most);
        if same > other && better {
            best = Some((at, other, same));
        }
    }
    best.map(|(at, _, _)| at)
}

/// `R~pattern`, `W~pattern` or `RW~pattern`; without `~` the pattern is empty.
fn parse_access(text: &[u8]) -> Result<(Access, &[u8]), RuleError> {
    let mut access = Access::empty();
    let mut at = 0;
    while let Some(&letter) = text.get(at) {
        at += 1;
        match letter.to_ascii_uppercase() {
            b'R' if !access.contains(Access::READ) => access |= Access::READ,
            b'W' if !access.contains(Access::WRITE) => access |= Access::WRITE,
            b'~' => break,
            _ => return Err(RuleError::Syntax),
        }
    }
    // Without a letter the rule would allow nothing, and nothing could be written that makes it again.
    if access.is_empty() { Err(RuleError::Syntax) } else { Ok((access, &text[at..])) }
}

/// Whether a name or pattern holds white space or NUL, which would end it where rules are read.
pub fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|&byte| byte == 0 || is_space(byte))
}

/// Whether one of the patterns allows a channel. A pattern of channels must be allowed literally.
pub fn allows_channel<'a>(patterns: impl IntoIterator<Item = &'a Pattern>, channel: &[u8], is_pattern: bool) -> bool {
    patterns.into_iter().any(|pattern| match is_pattern {
        true => as_c_text(pattern.text()) == as_c_text(channel),
        false => pattern.matches(channel),
    })
}
