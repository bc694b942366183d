//! All a data command needs and all it can reach: its arguments, the selected database, the reply, the effects,
//! limits, the time and a source of randomness.

use super::{Args, CommandError, Effects};
use crate::base::num;
use crate::keyspace::{DbMut, UnixMs};
use crate::object::Limits;
use crate::resp::reply::Reply;

/// The context of a data command.
pub struct DataCx<'a> {
    /// The request, name first.
    pub args: Args<'a>,
    /// The selected database; other databases and the whole keyspace are reached through it.
    pub db: DbMut<'a>,
    /// Where the reply is written.
    pub reply: &'a mut Reply,
    /// What else must happen.
    pub effects: &'a mut Effects,
    /// Limits of encodings and lengths.
    pub limits: &'a Limits,
    /// The moment the command (or its transaction, or script) began.
    pub now: UnixMs,
    /// Randomness.
    pub rng: &'a mut fastrand::Rng,
    /// Set when a waiting command is run again: the key that became ready. Only this key is to be served.
    pub ready_key: Option<&'a [u8]>,
    /// Whether the caller may read any key there is, and so those that patterns in the arguments will name.
    pub reads_all_keys: bool,
    /// Set when the request comes from a log or a primary, which has carried it out already: it is not to be bounded or
    /// refused for reasons of policy.
    pub replayed: bool,
    /// Set when a script called the command: it may not ask to wait, and its reply has to be the same each time.
    pub in_script: bool,
}

impl<'a> DataCx<'a> {
    /// The integer at a position. Errors: not an integer.
    pub fn integer(&self, at: usize) -> Result<i64, CommandError> {
        num::parse_i64(self.args.at(at)).ok_or(CommandError::NOT_INTEGER)
    }

    /// The finite or infinite float at a position. Errors: not a float, NaN.
    pub fn float(&self, at: usize) -> Result<f64, CommandError> {
        num::parse_f64(self.args.at(at)).filter(|value| !value.is_nan()).ok_or(CommandError::NOT_FLOAT)
    }

    /// The timeout in seconds at a position as a moment, `None` for ever (0). Errors: no number, or negative; like Redis,
    /// a number of milliseconds beyond 64 bits counts as negative.
    pub fn deadline(&self, at: usize) -> Result<Option<UnixMs>, CommandError> {
        let seconds = num::LongDouble::parse(self.args.at(at)).ok_or(CommandError::TIMEOUT_NOT_FLOAT)?;
        match seconds.times_ceil(1000) {
            None | Some(..0) => Err(CommandError::TIMEOUT_NEGATIVE),
            Some(0) => Ok(None),
            // A moment that no clock reaches is for ever too.
            Some(ms) => Ok(self.now.0.checked_add(ms).filter(|&at| at < i64::MAX).map(UnixMs)),
        }
    }
}
