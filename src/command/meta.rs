//! What is known about a command without running it: name, arity, flags, ACL categories, where its keys are, and its
//! documentation. COMMAND, COMMAND DOCS, the arity check, the gate and key extraction all read this one description.
//! Everything is `const`, so the catalog is data in the binary.

use super::args::Args;

/// A behaviour flag as COMMAND INFO prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Flag {
    Write,
    Readonly,
    Denyoom,
    Admin,
    Pubsub,
    Noscript,
    Blocking,
    Loading,
    Stale,
    SkipMonitor,
    SkipSlowlog,
    Asking,
    Fast,
    NoAuth,
    MayReplicate,
    NoMandatoryKeys,
    Protected,
    NoAsyncLoading,
    NoMulti,
    AllowBusy,
    Movablekeys,
}

impl Flag {
    /// All flags with their names, in the order COMMAND INFO of Redis 7.0 prints them.
    pub const NAMES: [(Flag, &'static str); 21] = [
        (Flag::Write, "write"),
        (Flag::Readonly, "readonly"),
        (Flag::Denyoom, "denyoom"),
        (Flag::Admin, "admin"),
        (Flag::Pubsub, "pubsub"),
        (Flag::Noscript, "noscript"),
        (Flag::Blocking, "blocking"),
        (Flag::Loading, "loading"),
        (Flag::Stale, "stale"),
        (Flag::SkipMonitor, "skip_monitor"),
        (Flag::SkipSlowlog, "skip_slowlog"),
        (Flag::Asking, "asking"),
        (Flag::Fast, "fast"),
        (Flag::NoAuth, "no_auth"),
        (Flag::MayReplicate, "may_replicate"),
        (Flag::NoMandatoryKeys, "no_mandatory_keys"),
        (Flag::Protected, "protected"),
        (Flag::NoAsyncLoading, "no_async_loading"),
        (Flag::NoMulti, "no_multi"),
        (Flag::AllowBusy, "allow_busy"),
        (Flag::Movablekeys, "movablekeys"),
    ];
}

/// A set of [`Flag`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u32);

impl Flags {
    /// The set of these flags.
    pub const fn of(flags: &[Flag]) -> Flags {
        let mut bits = 0;
        let mut i = 0;
        while i < flags.len() {
            bits |= 1 << flags[i] as u32;
            i += 1;
        }
        Flags(bits)
    }

    /// Whether the flag is in the set.
    #[inline]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u32) != 0
    }
}

/// An ACL category, printed with `@` before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Category {
    Keyspace,
    Read,
    Write,
    Set,
    SortedSet,
    List,
    Hash,
    String,
    Bitmap,
    HyperLogLog,
    Geo,
    Stream,
    PubSub,
    Admin,
    Fast,
    Slow,
    Blocking,
    Dangerous,
    Connection,
    Transaction,
    Scripting,
}

impl Category {
    /// All categories with their names, in ACL CAT's order.
    pub const NAMES: [(Category, &'static str); 21] = [
        (Category::Keyspace, "keyspace"),
        (Category::Read, "read"),
        (Category::Write, "write"),
        (Category::Set, "set"),
        (Category::SortedSet, "sortedset"),
        (Category::List, "list"),
        (Category::Hash, "hash"),
        (Category::String, "string"),
        (Category::Bitmap, "bitmap"),
        (Category::HyperLogLog, "hyperloglog"),
        (Category::Geo, "geo"),
        (Category::Stream, "stream"),
        (Category::PubSub, "pubsub"),
        (Category::Admin, "admin"),
        (Category::Fast, "fast"),
        (Category::Slow, "slow"),
        (Category::Blocking, "blocking"),
        (Category::Dangerous, "dangerous"),
        (Category::Connection, "connection"),
        (Category::Transaction, "transaction"),
        (Category::Scripting, "scripting"),
    ];
}

/// A set of ACL categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Categories(pub u32);

impl Categories {
    /// The set of these categories.
    pub const fn of(categories: &[Category]) -> Categories {
        let mut bits = 0;
        let mut i = 0;
        while i < categories.len() {
            bits |= 1 << categories[i] as u32;
            i += 1;
        }
        Categories(bits)
    }

    /// Whether the category is in the set.
    pub const fn has(self, category: Category) -> bool {
        self.0 & (1 << category as u32) != 0
    }
}

/// What a command does to the keys a [`KeySpec`] finds, as COMMAND GETKEYSANDFLAGS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum KeyFlag {
    /// Read-only.
    RO,
    /// Read and write.
    RW,
    /// Overwritten without being read.
    OW,
    /// Removed.
    RM,
    Access,
    Update,
    Insert,
    Delete,
    NotKey,
    Incomplete,
    VariableFlags,
}

impl KeyFlag {
    /// All key flags with their names, in COMMAND INFO's order.
    pub const NAMES: [(KeyFlag, &'static str); 11] = [
        (KeyFlag::RO, "RO"),
        (KeyFlag::RW, "RW"),
        (KeyFlag::OW, "OW"),
        (KeyFlag::RM, "RM"),
        (KeyFlag::Access, "access"),
        (KeyFlag::Update, "update"),
        (KeyFlag::Insert, "insert"),
        (KeyFlag::Delete, "delete"),
        (KeyFlag::NotKey, "not_key"),
        (KeyFlag::Incomplete, "incomplete"),
        (KeyFlag::VariableFlags, "variable_flags"),
    ];
}

/// Where the search for keys begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeginSearch {
    /// At this argument.
    Index(i32),
    /// After this word, looked for from this argument on (backwards when negative).
    Keyword(&'static str, i32),
    /// Not to be told from the arguments alone.
    Unknown,
}

/// How the keys follow from where the search began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindKeys {
    /// From the start to `last` (relative; negative counts from the end), every `step`th; a `limit` above 1 divides what is left.
    Range {
        /// Last key, relative to the start.
        last: i32,
        /// Distance of two keys.
        step: i32,
        /// Divisor of the remaining arguments, or 0.
        limit: i32,
    },
    /// A number of keys stands at `index`, the first key at `first` (both relative to the start).
    KeyNum {
        /// Where the number stands.
        index: i32,
        /// Where the first key stands.
        first: i32,
        /// Distance of two keys.
        step: i32,
    },
    /// Not to be told from the arguments alone.
    Unknown,
}

/// One group of a command's keys.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// What is done to these keys.
    pub flags: &'static [KeyFlag],
    /// Where to begin.
    pub begin: BeginSearch,
    /// How to go on.
    pub find: FindKeys,
    /// Remark, or "".
    pub notes: &'static str,
}

impl KeySpec {
    /// Keys at `index`, up to `last` (relative), every `step`th.
    pub const fn range(flags: &'static [KeyFlag], index: i32, last: i32, step: i32) -> KeySpec {
        KeySpec { flags, begin: BeginSearch::Index(index), find: FindKeys::Range { last, step, limit: 0 }, notes: "" }
    }

    /// `numkeys key [key ...]` beginning at `index`.
    pub const fn keynum(flags: &'static [KeyFlag], index: i32) -> KeySpec {
        KeySpec {
            flags,
            begin: BeginSearch::Index(index),
            find: FindKeys::KeyNum { index: 0, first: 1, step: 1 },
            notes: "",
        }
    }

    /// Appends the positions of this group's keys in `args`; false when the group is not to be found there.
    pub fn positions(&self, args: Args<'_>, out: &mut Vec<usize>) -> bool {
        let argc = args.len() as i64;
        let first = match self.begin {
            BeginSearch::Index(at) => at as i64,
            BeginSearch::Keyword(word, from) => {
                let mut at = if from > 0 { from as i64 } else { argc + from as i64 };
                let step = if from > 0 { 1 } else { -1 };
                loop {
                    if at < 1 || at >= argc {
                        return false;
                    }
                    if args[at as usize].eq_ignore_ascii_case(word.as_bytes()) {
                        break at + 1;
                    }
                    at += step;
                }
            }
            BeginSearch::Unknown => return false,
        };
        if first >= argc || first < 0 {
            return false;
        }
        let (first, last, step) = match self.find {
            FindKeys::Range { last, step, limit } => {
                let last = match last {
                    l if l >= 0 => first + l as i64,
                    l if limit <= 1 => argc + l as i64,
                    l => first + ((argc - first) / limit as i64 + l as i64),
                };
                (first, last, step as i64)
            }
            FindKeys::KeyNum { index, first: offset, step } => {
                let at = first + index as i64;
                if at >= argc {
                    return false;
                }
                let Some(count) = crate::base::num::parse_i64(&args[at as usize]) else { return false };
                if count < 0 || count > argc {
                    return false;
                }
                (first + offset as i64, first + offset as i64 + (count - 1) * step as i64, step as i64)
            }
            FindKeys::Unknown => return false,
        };
        if last >= argc || step < 1 {
            return false;
        }
        let mut at = first;
        while at <= last {
            out.push(at as usize);
            at += step;
        }
        true
    }
}

/// The group a command is documented under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    PubSub,
    Transactions,
    Connection,
    Server,
    Scripting,
    HyperLogLog,
    Cluster,
    Sentinel,
    Geo,
    Stream,
    Bitmap,
}

impl Group {
    /// The name COMMAND DOCS prints.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Scripting => "scripting",
            Group::HyperLogLog => "hyperloglog",
            Group::Cluster => "cluster",
            Group::Sentinel => "sentinel",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
        }
    }
}

/// The type of a documented argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ParamType {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    Oneof,
    Block,
}

impl ParamType {
    /// The name COMMAND DOCS prints.
    pub const fn name(self) -> &'static str {
        match self {
            ParamType::String => "string",
            ParamType::Integer => "integer",
            ParamType::Double => "double",
            ParamType::Key => "key",
            ParamType::Pattern => "pattern",
            ParamType::UnixTime => "unix-time",
            ParamType::PureToken => "pure-token",
            ParamType::Oneof => "oneof",
            ParamType::Block => "block",
        }
    }
}

/// One documented argument; blocks and choices hold others.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: ParamType,
    /// Key spec it belongs to, for keys; -1 for none.
    pub key_spec: i8,
    /// The word before it, or "".
    pub token: &'static str,
    /// Explanation, or "".
    pub summary: &'static str,
    /// First version that has it when later than the command, or "".
    pub since: &'static str,
    /// Version that deprecated it, or "".
    pub deprecated_since: &'static str,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub multiple: bool,
    /// Its token is repeated with it.
    pub multiple_token: bool,
    /// Parts of a block or choice.
    pub parts: &'static [Param],
}

impl Param {
    /// An argument of this name and type.
    pub const fn new(name: &'static str, kind: ParamType) -> Param {
        Param {
            name,
            kind,
            key_spec: -1,
            token: "",
            summary: "",
            since: "",
            deprecated_since: "",
            optional: false,
            multiple: false,
            multiple_token: false,
            parts: &[],
        }
    }
    /// A key of the key spec with this index.
    pub const fn key(name: &'static str, key_spec: i8) -> Param {
        Param { key_spec, ..Param::new(name, ParamType::Key) }
    }
    /// A word that stands for itself.
    pub const fn word(name: &'static str, token: &'static str) -> Param {
        Param { token, ..Param::new(name, ParamType::PureToken) }
    }
    /// A choice of parts.
    pub const fn oneof(name: &'static str, parts: &'static [Param]) -> Param {
        Param { parts, ..Param::new(name, ParamType::Oneof) }
    }
    /// A sequence of parts.
    pub const fn block(name: &'static str, parts: &'static [Param]) -> Param {
        Param { parts, ..Param::new(name, ParamType::Block) }
    }
    /// With this word before it.
    pub const fn token(self, token: &'static str) -> Param {
        Param { token, ..self }
    }
    /// With this explanation.
    pub const fn summary(self, summary: &'static str) -> Param {
        Param { summary, ..self }
    }
    /// Present since this version.
    pub const fn since(self, since: &'static str) -> Param {
        Param { since, ..self }
    }
    /// Deprecated since this version.
    pub const fn deprecated(self, since: &'static str) -> Param {
        Param { deprecated_since: since, ..self }
    }
    /// May be left out.
    pub const fn optional(self) -> Param {
        Param { optional: true, ..self }
    }
    /// May be repeated.
    pub const fn multiple(self) -> Param {
        Param { multiple: true, ..self }
    }
    /// Its token is repeated with it.
    pub const fn multiple_token(self) -> Param {
        Param { multiple_token: true, ..self }
    }
}

/// All that is known about a command without running it.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// Lower-case name; of a subcommand only its own part.
    pub name: &'static str,
    /// Number of arguments with the name; negative: at least that many.
    pub arity: i32,
    /// Documentation group.
    pub group: Group,
    /// First version.
    pub since: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Cost.
    pub complexity: &'static str,
    /// Behaviour flags.
    pub flags: Flags,
    /// ACL categories, all that COMMAND INFO prints.
    pub acl: Categories,
    /// Command tips.
    pub tips: &'static [&'static str],
    /// Where the keys are.
    pub keys: &'static [KeySpec],
    /// Changes by version.
    pub history: &'static [(&'static str, &'static str)],
    /// `deprecated`, `syscmd`.
    pub doc_flags: &'static [&'static str],
    /// Version that deprecated it, or "".
    pub deprecated_since: &'static str,
    /// What replaces it, or "".
    pub replaced_by: &'static str,
    /// Documented arguments.
    pub params: &'static [Param],
    /// Subcommands.
    pub subcommands: &'static [Meta],
}

impl Meta {
    /// A command of this name, arity and group, present since a version.
    pub const fn new(name: &'static str, arity: i32, group: Group, since: &'static str) -> Meta {
        Meta {
            name,
            arity,
            group,
            since,
            summary: "",
            complexity: "",
            flags: Flags::of(&[]),
            acl: Categories::of(&[]),
            tips: &[],
            keys: &[],
            history: &[],
            doc_flags: &[],
            deprecated_since: "",
            replaced_by: "",
            params: &[],
            subcommands: &[],
        }
    }
    /// With its one-line summary.
    pub const fn summary(self, summary: &'static str) -> Meta {
        Meta { summary, ..self }
    }
    /// With its cost.
    pub const fn complexity(self, complexity: &'static str) -> Meta {
        Meta { complexity, ..self }
    }
    /// With its behaviour flags.
    pub const fn flags(self, flags: &[Flag]) -> Meta {
        Meta { flags: Flags::of(flags), ..self }
    }
    /// With its ACL categories.
    pub const fn acl(self, acl: &[Category]) -> Meta {
        Meta { acl: Categories::of(acl), ..self }
    }
    /// With its command tips.
    pub const fn tips(self, tips: &'static [&'static str]) -> Meta {
        Meta { tips, ..self }
    }
    /// With its key specs.
    pub const fn keys(self, keys: &'static [KeySpec]) -> Meta {
        Meta { keys, ..self }
    }
    /// With its history.
    pub const fn history(self, history: &'static [(&'static str, &'static str)]) -> Meta {
        Meta { history, ..self }
    }
    /// Marked as deprecated.
    pub const fn deprecated(self, since: &'static str, replaced_by: &'static str) -> Meta {
        Meta { deprecated_since: since, replaced_by, doc_flags: &["deprecated"], ..self }
    }
    /// With documentation flags.
    pub const fn doc_flags(self, doc_flags: &'static [&'static str]) -> Meta {
        Meta { doc_flags, ..self }
    }
    /// With its arguments.
    pub const fn params(self, params: &'static [Param]) -> Meta {
        Meta { params, ..self }
    }
    /// With its subcommands.
    pub const fn subcommands(self, subcommands: &'static [Meta]) -> Meta {
        Meta { subcommands, ..self }
    }

    /// Whether this many arguments (with the name) are allowed.
    #[inline]
    pub const fn arity_allows(&self, argc: usize) -> bool {
        if self.arity >= 0 { argc == self.arity as usize } else { argc >= (-self.arity) as usize }
    }
}
