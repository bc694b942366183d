//! Patterns of keys and channels, prepared when the rule is made: most are a name, or a beginning and a star, and need
//! no search. The answers are those of `base::glob`.

use crate::base::glob::glob_match;

/// A pattern as it was written, and how it is matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<[u8]>,
    form: Form,
    /// Bytes at the beginning that stand for themselves.
    literal: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Name,
    /// The literal beginning, and anything.
    Beginning,
    Glob,
}

impl Pattern {
    /// Prepares a pattern.
    pub fn new(text: &[u8]) -> Pattern {
        let literal = text.iter().position(|byte| b"*?[\\".contains(byte)).unwrap_or(text.len());
        let form = match &text[literal..] {
            [] => Form::Name,
            [b'*'] => Form::Beginning,
            _ => Form::Glob,
        };
        Pattern { text: text.into(), form, literal }
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether the whole of `name` matches.
    #[inline]
    pub fn matches(&self, name: &[u8]) -> bool {
        if self.form == Form::Name {
            return *self.text == *name;
        }
        name.starts_with(&self.text[..self.literal])
            && match self.form {
                // A lone star does not match the empty name.
                Form::Beginning => self.literal != 0 || !name.is_empty(),
                _ => glob_match(&self.text, name, false),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_patterns_answer_as_globs_do() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut text = |most: usize, of: &[u8]| -> Vec<u8> {
            (0..rng.usize(..=most)).map(|_| of[rng.usize(..of.len())]).collect()
        };
        for _ in 0..50_000 {
            let (pattern, name) = (text(5, b"aab*?[]^\\-"), text(6, b"aab-]\\"));
            let expected = glob_match(&pattern, &name, false);
            assert_eq!(Pattern::new(&pattern).matches(&name), expected, "{pattern:?} {name:?}");
        }
    }
}
