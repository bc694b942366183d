//! The language commands are written in: what a command is (`Meta`), what it is given (`Args`, `DataCx`), what it
//! answers (`CmdResult`) and what it leaves behind (`Effects`). Knows no single command; the descriptions of the
//! commands are data in `catalog`.

pub mod args;
pub mod caller;
pub mod catalog;
pub mod context;
pub mod effects;
pub mod error;
pub mod keys;
pub mod meta;

pub use args::{Args, OwnedArgs};
pub use caller::Caller;
pub use context::DataCx;
pub use effects::{Effects, Propagate};
pub use error::CommandError;
pub use meta::Meta;

use crate::keyspace::UnixMs;

/// What a handler returns. On `Err` the reply is rolled back and the error written instead; a handler that returns
/// `Err` has changed nothing.
pub type CmdResult = Result<Outcome, CommandError>;

/// How a command ended.
#[derive(Debug)]
pub enum Outcome {
    /// The reply is written.
    Done,
    /// Nothing is written yet: file the client under these keys and run the command again when one is ready. Boxed, so that
    /// the results of all others are small.
    Wait(Box<WaitOn>),
}

/// The types of key a waiting command can be served by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitKind {
    /// BLPOP, BLMOVE and their like.
    List,
    /// BZPOPMIN, BZMPOP and their like.
    SortedSet,
    /// XREAD and XREADGROUP.
    Stream,
}

/// What is answered at once where a client may not wait (in MULTI, in a script). When its time is over, a client that
/// waited for keys is answered `*-1` (RESP3 `_`) by every command, as Redis does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeoutReply {
    /// `*-1` (RESP3 `_`).
    NullArray,
    /// `$-1` (RESP3 `_`): commands that answer with one element.
    Null,
}

/// A command that waits: the keys by their position in the arguments, in order of priority.
#[derive(Debug)]
pub struct WaitOn {
    /// The type that makes a key ready.
    pub kind: WaitKind,
    /// Positions of the keys in the command's arguments.
    pub keys: std::ops::Range<usize>,
    /// The moment the wait ends, or `None` for ever.
    pub until: Option<UnixMs>,
    /// The moment to look again although no key became ready.
    pub retry: Option<UnixMs>,
    /// The reply where it may not wait.
    pub on_timeout: TimeoutReply,
    /// The request as it is to be run again, with the keys in the same places, where that is not as it was received.
    pub again: Option<OwnedArgs>,
}

/// A handler of a data command.
pub type DataHandler = fn(&mut DataCx<'_>) -> CmdResult;

/// A row of a family's table: the command's full lower-case name (`"object|freq"` for a subcommand) and its handler.
#[derive(Clone, Copy)]
pub struct Bound<H> {
    /// The name under which `catalog` describes the command.
    pub name: &'static str,
    /// What runs.
    pub handler: H,
}

/// A row of a data family's table.
pub const fn data(name: &'static str, handler: DataHandler) -> Bound<DataHandler> {
    Bound { name, handler }
}
