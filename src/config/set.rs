//! Changing values: several at once, whole or not at all.
//!
//! Owns the rules of CONFIG SET and the texts of its errors. Promises: after an error nothing has changed. Leaves out
//! what follows from a change (listening on another port, say): the engine applies the keys it is told, and goes back
//! to a snapshot when that fails, with `SetError::apply` for the answer.

use super::key::Key;
use super::table::{Directive, directive, lookup};
use super::value::{self, Reason, Value};
use super::{Config, Snapshot};
use std::fmt;

/// When and by whom values are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetAt {
    /// Before the server runs: everything may be set.
    Startup,
    /// By a client of the running server.
    Runtime {
        /// Whether the client is on this host, for protected directives.
        local_client: bool,
        /// Whether data is being loaded.
        loading: bool,
    },
}

/// Why nothing was changed. `Display` is the whole reply, with its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetError {
    /// The name that is to blame, as it was given or as the table has it.
    pub name: Vec<u8>,
    /// Why; empty when the name is not known.
    pub reason: String,
    cause: Cause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    UnknownName,
    Loading,
    Refused,
}

impl SetError {
    fn refused(name: impl Into<Vec<u8>>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), reason: reason.into(), cause: Cause::Refused }
    }

    /// A value was stored but could not be put into effect.
    pub fn apply(key: Key, reason: impl Into<String>) -> Self {
        Self::refused(directive(key).name, reason)
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.name);
        match self.cause {
            Cause::UnknownName => {
                write!(f, "ERR Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            Cause::Loading => f.write_str("LOADING Redis is loading the dataset in memory"),
            Cause::Refused => {
                write!(f, "ERR CONFIG SET failed (possibly related to argument '{name}')")?;
                if self.reason.is_empty() { Ok(()) } else { write!(f, " - {}", self.reason) }
            }
        }
    }
}

impl std::error::Error for SetError {}

impl Config {
    /// Sets pairs of name and value, all or none; the keys whose values differ now or that are volatile, in the order
    /// given.
    ///
    /// A list is given as one value with single spaces. O(pairs * (pairs + directives)).
    ///
    /// # Errors
    /// The first name that is unknown, may not be set at this moment or stands twice; then the first value that its
    /// directive refuses.
    pub fn set_many(&mut self, pairs: &[(&[u8], &[u8])], at: SetAt) -> Result<Vec<Key>, SetError> {
        let rows = self.admit(pairs, at)?;
        let before = self.snapshot();
        let mut changed = Vec::new();
        for ((row, name), (_, word)) in rows.into_iter().zip(pairs) {
            match self.set_words(row, &[word.to_vec()]) {
                Ok(differs) if (differs || row.volatile) && !changed.contains(&row.key) => changed.push(row.key),
                Ok(_) => {}
                Err(reason) => {
                    self.restore(before);
                    return Err(SetError::refused(name, reason));
                }
            }
        }
        Ok(changed)
    }

    /// Undoes what was set since the snapshot, when putting it into effect has failed for `key`.
    pub fn roll_back(&mut self, before: Snapshot, key: Key, reason: impl Into<String>) -> SetError {
        self.restore(before);
        SetError::apply(key, reason)
    }

    /// The rows that the pairs name, when all of them may be set now.
    fn admit(&self, pairs: &[(&[u8], &[u8])], at: SetAt) -> Result<Vec<(&'static Directive, &'static str)>, SetError> {
        let mut rows: Vec<(&Directive, &str)> = Vec::new();
        for (given, _) in pairs {
            let Some((row, name)) = lookup(given) else {
                return Err(SetError { name: given.to_vec(), reason: String::new(), cause: Cause::UnknownName });
            };
            if let SetAt::Runtime { local_client, loading } = at {
                if row.immutable {
                    return Err(SetError::refused(*given, "can't set immutable config"));
                }
                if row.protected && !self.allows_protected(local_client) {
                    return Err(SetError::refused(*given, "can't set protected config"));
                }
                if loading && row.deny_loading {
                    return Err(SetError { name: given.to_vec(), reason: String::new(), cause: Cause::Loading });
                }
            }
            // A name and its alias count as two, and the later one wins.
            if rows.iter().any(|&(_, known)| known == name) {
                return Err(SetError::refused(*given, "duplicate parameter"));
            }
            rows.push((row, name));
        }
        Ok(rows)
    }

    fn allows_protected(&self, local_client: bool) -> bool {
        match self.enum_name(Key::EnableProtectedConfigs) {
            "yes" => true,
            "local" => local_client,
            _ => false,
        }
    }

    /// Sets one directive from the words behind its name; whether its value differs now.
    pub(super) fn set_words(&mut self, row: &Directive, words: &[Vec<u8>]) -> Result<bool, Reason> {
        let mut value = value::parse(row, words, self.value(row.key))?;
        if let (Key::Hz, Value::Integer(hz)) = (row.key, &mut value) {
            *hz = (*hz).clamp(1, 500);
        }
        Ok(self.assign(row.key, value))
    }
}
