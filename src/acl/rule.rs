//! What can be wrong with rules, in the words clients see; and how rules that were cut at spaces become whole again.

use crate::command::error::as_c_text;

/// Why a rule cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleError {
    /// It is no rule.
    Syntax,
    /// It names a command or category that is not there.
    UnknownName,
    /// A pattern of keys where all are allowed.
    KeysAfterAll,
    /// A pattern of channels where all are allowed.
    ChannelsAfterAll,
    /// A password that is to go and is not there.
    NoSuchPassword,
    /// A hash of a password that can be none.
    BadHash,
    /// A first argument of a subcommand.
    FirstArgOfSubcommand,
}

impl RuleError {
    /// The reason, as Redis gives it.
    pub fn reason(self) -> &'static str {
        match self {
            RuleError::Syntax => "Syntax error",
            RuleError::UnknownName => "Unknown command or category name in ACL",
            RuleError::KeysAfterAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. \
                 Try 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::ChannelsAfterAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
                 effect. Try 'resetchannels' to start with an empty list of channels"
            }
            RuleError::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            RuleError::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            RuleError::FirstArgOfSubcommand => "Allowing first-arg of a subcommand is not supported",
        }
    }
}

/// Why a list of rules cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesError {
    /// A selector that begins here does not end.
    Unmatched(Vec<u8>),
    /// This rule.
    Rule(Vec<u8>, RuleError),
}

impl RulesError {
    /// The text ACL SETUSER answers, without its code.
    pub fn text(&self) -> Vec<u8> {
        match self {
            RulesError::Unmatched(begin) => {
                [b"Unmatched parenthesis in acl selector starting at '", as_c_text(begin), b"'."].concat()
            }
            RulesError::Rule(rule, error) => {
                [b"Error in ACL SETUSER modifier '", as_c_text(rule), b"': ", error.reason().as_bytes()].concat()
            }
        }
    }
}

/// Puts selectors that stand in several words together again. Errors: one that does not end.
pub fn merge_selectors<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Vec<u8>>, RulesError> {
    let mut merged = Vec::new();
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for word in words {
        if word.first() == Some(&b'(') && word.last() != Some(&b')') {
            open = Some((word, word.to_vec()));
        } else if let Some((_, selector)) = &mut open {
            selector.push(b' ');
            selector.extend_from_slice(as_c_text(word));
            if word.last() == Some(&b')') {
                merged.extend(open.take().map(|(_, selector)| selector));
            }
        } else {
            merged.push(word.to_vec());
        }
    }
    match open {
        Some((begin, _)) => Err(RulesError::Unmatched(begin.to_vec())),
        None => Ok(merged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(text: &str) -> Result<Vec<String>, RulesError> {
        let words = merge_selectors(text.split(' ').map(str::as_bytes))?;
        Ok(words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect())
    }

    #[test]
    fn words_of_a_selector_become_one() {
        assert_eq!(merged("on (+get ~k) off").unwrap(), ["on", "(+get ~k)", "off"]);
        assert_eq!(merged("( +get ) (~a)").unwrap(), ["( +get )", "(~a)"]);
        assert_eq!(merged(") on").unwrap(), [")", "on"]);
        assert_eq!(merged("(+get (+set ~k)").unwrap(), ["(+set ~k)"]);
        assert_eq!(merged("").unwrap(), [""]);
    }

    #[test]
    fn a_selector_without_end_is_named() {
        assert_eq!(merged("on (+get ~k"), Err(RulesError::Unmatched(b"(+get".to_vec())));
        let text = merged("(").unwrap_err().text();
        assert_eq!(text, b"Unmatched parenthesis in acl selector starting at '('.");
    }
}
