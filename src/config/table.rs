//! The directive table: what each directive is called, what it takes, what it is when nobody sets it.
//!
//! Owns the shape of a row and the lookup by key and by name; the rows are in `directives/`. Promises: one row a `Key`,
//! in the order of `Key` (checked while compiling); names and aliases are unique and lower case (checked by a test).
//! Leaves out values (`value.rs`) and every meaning a directive has for the rest of the server.

use super::directives::SECTIONS;
use super::key::Key;

/// Largest value of a C `int`, a bound that clients see in error messages.
pub(super) const INT_MAX: i128 = i32::MAX as i128;
/// Smallest value of a C `int`.
pub(super) const INT_MIN: i128 = i32::MIN as i128;
/// Largest value of a C `unsigned int`.
pub(super) const UINT_MAX: i128 = u32::MAX as i128;
/// Largest value of a C `long` and `long long`.
pub(super) const LONG_MAX: i128 = i64::MAX as i128;
/// Largest value of a C `unsigned long`.
pub(super) const ULONG_MAX: i128 = u64::MAX as i128;

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Decimal digits.
    Plain,
    /// Bytes, with an optional unit such as `kb` or `gb`.
    Memory,
    /// Bytes, or a percentage from 0 to 100 with a `%` behind it.
    MemoryOrPercent,
    /// Octal digits.
    Octal,
}

/// Which list a list directive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// Pairs of seconds and changes.
    Save,
    /// Class, hard limit, soft limit, seconds; any number of times.
    OutputBufferLimits,
    /// Three scores.
    OomScoreAdj,
    /// Letters that name classes of key-space events.
    NotifyEvents,
    /// Numbers from 0 to 100.
    Percentiles,
    /// Addresses to listen on.
    Bind,
    /// Host and port of a primary.
    ReplicaOf,
}

/// What a directive takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `yes` or `no`.
    YesNo,
    /// A number within bounds, both inclusive.
    Integer {
        /// Smallest value.
        min: i128,
        /// Largest value.
        max: i128,
        /// How it is written.
        unit: Unit,
    },
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Any of some words, each a bit; the word for 0 stands for none of them.
    Bits(&'static [(&'static str, u32)]),
    /// Bytes. With `empty_is_null` an empty value means that it is not set.
    Text {
        /// Whether empty means not set.
        empty_is_null: bool,
    },
    /// A list with a grammar of its own.
    List(ListKind),
}

impl Kind {
    /// Whether several words may follow the name; else exactly one must.
    pub fn takes_many(self) -> bool {
        match self {
            Kind::Bits(_) => true,
            Kind::List(list) => list != ListKind::NotifyEvents,
            _ => false,
        }
    }
}

/// What a directive does in this server today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is obeyed.
    Works,
    /// It is stored and shown; the feature it belongs to is not there yet.
    NotYet,
    /// It is stored and shown; what it tunes does not exist in this design.
    NoMeaning,
}

impl Status {
    /// The word shown in the documentation.
    pub fn word(self) -> &'static str {
        match self {
            Status::Works => "works",
            Status::NotYet => "not yet",
            Status::NoMeaning => "no meaning here",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    /// How the program knows it.
    pub key: Key,
    /// Its name, lower case.
    pub name: &'static str,
    /// Its older name, which CONFIG GET answers too.
    pub alias: Option<&'static str>,
    /// What it takes.
    pub kind: Kind,
    /// Its value when nobody sets it, as CONFIG GET shows it.
    pub default: &'static str,
    /// Whether only a start can set it.
    pub immutable: bool,
    /// Whether its value must not be logged.
    pub secret: bool,
    /// Whether patterns pass it by, so that it has to be named in full.
    pub hidden: bool,
    /// Whether changing it at run time needs `enable-protected-configs`.
    pub protected: bool,
    /// Whether setting it to the value it has is a change too, since what it names may have changed.
    pub volatile: bool,
    /// Whether it cannot be changed while data is loaded.
    pub deny_loading: bool,
    /// Whether it is obeyed.
    pub status: Status,
    /// What it is for, in a sentence or two.
    pub doc: &'static str,
}

/// Rows that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Heading in the documentation.
    pub title: &'static str,
    /// What the section is about.
    pub intro: &'static str,
    /// Its directives.
    pub rows: &'static [Directive],
}

/// A directive that only a file or the command line may hold: no value that CONFIG could show.
#[derive(Debug, Clone, Copy)]
pub struct FileDirective {
    /// Its name.
    pub name: &'static str,
    /// What follows the name.
    pub usage: &'static str,
    /// Whether it is obeyed.
    pub status: Status,
    /// What it is for.
    pub doc: &'static str,
}

/// The directives that CONFIG GET and SET do not know.
pub const FILE_DIRECTIVES: &[FileDirective] = &[
    FileDirective {
        name: "include",
        usage: "PATH",
        status: Status::Works,
        doc: "Reads another file at this point; later lines win over earlier ones. The path may hold * and ?.",
    },
    FileDirective {
        name: "rename-command",
        usage: "COMMAND NAME",
        status: Status::Works,
        doc: "Gives a command another name; an empty name (\"\") takes it away.",
    },
    FileDirective {
        name: "user",
        usage: "NAME RULE ...",
        status: Status::Works,
        doc: "Declares a user and what it may do; each name once, and not together with aclfile.",
    },
    FileDirective {
        name: "loadmodule",
        usage: "PATH ARGUMENT ...",
        status: Status::NoMeaning,
        doc: "Names a module to load. Modules are not supported: the server does not start.",
    },
    FileDirective {
        name: "sentinel",
        usage: "OPTION ARGUMENT ...",
        status: Status::NotYet,
        doc: "Options of Sentinel mode; refused in any other mode.",
    },
];

/// Names that older files hold and that are accepted, with one argument, without effect.
pub const FORGOTTEN: &[&str] = &["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

const fn row(key: Key, name: &'static str, kind: Kind, default: &'static str) -> Directive {
    Directive {
        key,
        name,
        alias: None,
        kind,
        default,
        immutable: false,
        secret: false,
        hidden: false,
        protected: false,
        volatile: false,
        deny_loading: false,
        status: Status::NotYet,
        doc: "",
    }
}

pub(super) const fn yes_no(key: Key, name: &'static str, default: &'static str) -> Directive {
    row(key, name, Kind::YesNo, default)
}

pub(super) const fn int(key: Key, name: &'static str, min: i128, max: i128, default: &'static str) -> Directive {
    row(key, name, Kind::Integer { min, max, unit: Unit::Plain }, default)
}

pub(super) const fn memory(key: Key, name: &'static str, min: i128, max: i128, default: &'static str) -> Directive {
    row(key, name, Kind::Integer { min, max, unit: Unit::Memory }, default)
}

pub(super) const fn octal(key: Key, name: &'static str, min: i128, max: i128, default: &'static str) -> Directive {
    row(key, name, Kind::Integer { min, max, unit: Unit::Octal }, default)
}

pub(super) const fn memory_or_percent(key: Key, name: &'static str, default: &'static str) -> Directive {
    row(key, name, Kind::Integer { min: 0, max: LONG_MAX, unit: Unit::MemoryOrPercent }, default)
}

pub(super) const fn choice(
    key: Key,
    name: &'static str,
    words: &'static [&'static str],
    default: &'static str,
) -> Directive {
    row(key, name, Kind::Choice(words), default)
}

pub(super) const fn bits(
    key: Key,
    name: &'static str,
    words: &'static [(&'static str, u32)],
    default: &'static str,
) -> Directive {
    row(key, name, Kind::Bits(words), default)
}

pub(super) const fn text(key: Key, name: &'static str, default: &'static str) -> Directive {
    row(key, name, Kind::Text { empty_is_null: false }, default)
}

pub(super) const fn nullable(key: Key, name: &'static str) -> Directive {
    row(key, name, Kind::Text { empty_is_null: true }, "")
}

pub(super) const fn list(key: Key, name: &'static str, kind: ListKind, default: &'static str) -> Directive {
    row(key, name, Kind::List(kind), default)
}

impl Directive {
    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    pub(super) const fn immutable(mut self) -> Self {
        self.immutable = true;
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(super) const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    pub(super) const fn protected(mut self) -> Self {
        self.protected = true;
        self
    }

    pub(super) const fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    pub(super) const fn deny_loading(mut self) -> Self {
        self.deny_loading = true;
        self
    }

    pub(super) const fn works(mut self, doc: &'static str) -> Self {
        self.status = Status::Works;
        self.doc = doc;
        self
    }

    pub(super) const fn not_yet(mut self, doc: &'static str) -> Self {
        self.status = Status::NotYet;
        self.doc = doc;
        self
    }

    pub(super) const fn no_meaning(mut self, doc: &'static str) -> Self {
        self.status = Status::NoMeaning;
        self.doc = doc;
        self
    }
}

/// Number of directives.
pub const COUNT: usize = count();

const fn count() -> usize {
    let (mut total, mut section) = (0, 0);
    while section < SECTIONS.len() {
        total += SECTIONS[section].rows.len();
        section += 1;
    }
    total
}

/// All directives, in the order of `Key`.
pub static TABLE: [Directive; COUNT] = flatten();

const fn flatten() -> [Directive; COUNT] {
    let mut table = [SECTIONS[0].rows[0]; COUNT];
    let (mut at, mut section) = (0, 0);
    while section < SECTIONS.len() {
        let rows = SECTIONS[section].rows;
        let mut i = 0;
        while i < rows.len() {
            assert!(rows[i].key as usize == at, "the rows must stand in the order of Key");
            table[at] = rows[i];
            at += 1;
            i += 1;
        }
        section += 1;
    }
    table
}

/// The sections of the table, for documentation.
pub fn sections() -> &'static [Section] {
    SECTIONS
}

/// The row of a key. O(1).
pub fn directive(key: Key) -> &'static Directive {
    &TABLE[key as usize]
}

/// Finds a directive by its name or alias in any case, with the name that matched. O(directives).
pub fn lookup(name: &[u8]) -> Option<(&'static Directive, &'static str)> {
    TABLE.iter().find_map(|row| {
        let matched = |known: &&'static str| known.as_bytes().eq_ignore_ascii_case(name);
        Some(row.name).filter(matched).or_else(|| row.alias.filter(matched)).map(|known| (row, known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_aliases_are_unique_and_lower_case() {
        let mut seen = HashSet::new();
        for row in &TABLE {
            for name in [Some(row.name), row.alias].into_iter().flatten() {
                assert!(seen.insert(name), "{name} stands twice");
                assert_eq!(name, name.to_lowercase());
                assert!(!FORGOTTEN.contains(&name));
            }
            assert!(row.doc.ends_with('.'), "{} lacks a sentence", row.name);
        }
        assert!(FILE_DIRECTIVES.iter().all(|d| seen.insert(d.name)));
    }

    #[test]
    fn a_row_is_found_by_its_name_and_alias_in_any_case() {
        let (row, name) = lookup(b"SLAVE-Priority").expect("an alias is known");
        assert_eq!((row.key, name), (Key::ReplicaPriority, "slave-priority"));
        assert_eq!(lookup(b"maxmemory").map(|(row, _)| row.key), Some(Key::Maxmemory));
        assert!(lookup(b"maxmemor").is_none());
        assert!(lookup(b"").is_none());
    }
}
