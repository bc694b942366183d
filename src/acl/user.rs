//! A user: how it logs in, and its selectors. Passwords are kept as SHA-256 only and compared in constant time.

use super::commands::RuleId;
use super::rule::{RuleError, RulesError, merge_selectors};
use super::selector::{FoundKeys, Selector};
use super::{Defaults, Denied};
use crate::base::quoting::split_args;
use crate::command::Args;
use crate::command::error::as_c_text;
use bitflags::bitflags;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

bitflags! {
    /// States of a user.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct UserFlags: u8 {
        /// It can log in.
        const ON = 1 << 0;
        /// It cannot.
        const OFF = 1 << 1;
        /// Any password will do.
        const NOPASS = 1 << 2;
        /// Payloads of RESTORE need no deep check.
        const SKIP_SANITIZE = 1 << 3;
        /// They do.
        const SANITIZE = 1 << 4;
    }
}

impl UserFlags {
    /// Their names, in the order they are shown.
    pub const NAMES: [(UserFlags, &'static str); 5] = [
        (UserFlags::ON, "on"),
        (UserFlags::OFF, "off"),
        (UserFlags::NOPASS, "nopass"),
        (UserFlags::SKIP_SANITIZE, "skip-sanitize-payload"),
        (UserFlags::SANITIZE, "sanitize-payload"),
    ];
}

type Hash = [u8; 32];

/// A user. Its name is where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its states.
    pub flags: UserFlags,
    passwords: Vec<Hash>,
    /// The selector outside parentheses.
    root: Selector,
    /// Those in parentheses.
    selectors: Vec<Selector>,
}

impl User {
    /// A user that cannot log in, and may do nothing.
    pub fn new(defaults: Defaults) -> User {
        let root = Selector::new(defaults.all_channels);
        User { flags: UserFlags::OFF, passwords: Vec::new(), root, selectors: Vec::new() }
    }

    /// The default user as it is when nobody changes it: on, without a password, allowed everything.
    pub fn unrestricted() -> User {
        let mut user = User::new(Defaults::default());
        user.flags = UserFlags::ON | UserFlags::NOPASS;
        for rule in ["+@all", "~*", "&*"] {
            // Rules without a name cannot be wrong.
            let _ = user.root.apply(rule.as_bytes());
        }
        user
    }

    /// Whether it may do everything.
    pub fn is_unrestricted(&self) -> bool {
        self.all_selectors().any(Selector::is_unrestricted)
    }

    /// Whether any password will do.
    pub fn needs_no_password(&self) -> bool {
        self.flags.contains(UserFlags::NOPASS)
    }

    /// Whether connections are this user without logging in.
    pub fn needs_no_login(&self) -> bool {
        self.flags.contains(UserFlags::NOPASS) && !self.flags.contains(UserFlags::OFF)
    }

    /// The selector outside parentheses.
    pub fn root(&self) -> &Selector {
        &self.root
    }

    /// The selectors in parentheses.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// All selectors, the root first.
    pub fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    /// The hashes of its passwords, as hexadecimal digits.
    pub fn password_hashes(&self) -> impl ExactSizeIterator<Item = String> {
        self.passwords.iter().map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    // ---- rules -------------------------------------------------------------------------------------------------------

    /// This user after a list of rules, which may hold selectors cut at spaces. Errors: the first rule that cannot be
    /// followed.
    pub fn after<'a>(&self, words: impl IntoIterator<Item = &'a [u8]>, defaults: Defaults) -> Result<User, RulesError> {
        let mut user = self.clone();
        for rule in merge_selectors(words)? {
            user.apply(&rule, defaults).map_err(|error| RulesError::Rule(rule, error))?;
        }
        Ok(user)
    }

    /// Follows one rule. Errors: it is none, or has no meaning here; nothing is changed then.
    pub fn apply(&mut self, rule: &[u8], defaults: Defaults) -> Result<(), RuleError> {
        let text = as_c_text(rule);
        let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
        match rule {
            [] => {}
            _ if is("on") => self.flip(UserFlags::ON, UserFlags::OFF),
            _ if is("off") => self.flip(UserFlags::OFF, UserFlags::ON),
            _ if is("skip-sanitize-payload") => self.flip(UserFlags::SKIP_SANITIZE, UserFlags::SANITIZE),
            _ if is("sanitize-payload") => self.flip(UserFlags::SANITIZE, UserFlags::SKIP_SANITIZE),
            _ if is("nopass") => {
                self.passwords.clear();
                self.flags.insert(UserFlags::NOPASS);
            }
            _ if is("resetpass") => {
                self.passwords.clear();
                self.flags.remove(UserFlags::NOPASS);
            }
            [sign @ (b'>' | b'#'), rest @ ..] => {
                let hash = if *sign == b'>' { hash_of(rest) } else { parse_hash(rest)? };
                if !self.passwords.contains(&hash) {
                    self.passwords.push(hash);
                }
                self.flags.remove(UserFlags::NOPASS);
            }
            [sign @ (b'<' | b'!'), rest @ ..] => {
                let hash = if *sign == b'<' { hash_of(rest) } else { parse_hash(rest)? };
                let at = self.passwords.iter().position(|known| *known == hash);
                self.passwords.remove(at.ok_or(RuleError::NoSuchPassword)?);
            }
            [b'(', rules @ .., b')'] => {
                let mut selector = Selector::new(defaults.all_channels);
                // What cannot be cut into words holds no rule: such a selector allows nothing.
                for rule in split_args(rules).unwrap_or_default() {
                    selector.apply(&rule)?;
                }
                self.selectors.push(selector);
            }
            _ if is("clearselectors") => self.selectors.clear(),
            _ if is("reset") => {
                let root = Selector::new(defaults.all_channels);
                let flags = UserFlags::OFF | UserFlags::SANITIZE;
                *self = User { flags, passwords: Vec::new(), root, selectors: Vec::new() };
            }
            _ => return self.root.apply(rule),
        }
        Ok(())
    }

    fn flip(&mut self, on: UserFlags, off: UserFlags) {
        self.flags.insert(on);
        self.flags.remove(off);
    }

    /// Gives it one password and no other, or none to be asked for (`requirepass`).
    pub fn set_password(&mut self, password: Option<&[u8]>) {
        self.passwords.clear();
        self.passwords.extend(password.map(hash_of));
        self.flags.set(UserFlags::NOPASS, password.is_none());
    }

    // ---- checks ------------------------------------------------------------------------------------------------------

    /// Whether it can log in with this password. The time it takes does not depend on how much of it is right.
    pub fn accepts(&self, password: &[u8]) -> bool {
        if self.flags.contains(UserFlags::OFF) {
            return false;
        }
        if self.flags.contains(UserFlags::NOPASS) {
            return true;
        }
        let given = hash_of(password);
        self.passwords.iter().fold(Choice::from(0), |found, hash| found | hash.ct_eq(&given)).into()
    }

    /// Whether one of its selectors allows a request. Errors: what none allows; of several things the one that came
    /// nearest to being allowed.
    #[inline]
    pub fn check(&self, id: RuleId, args: Args<'_>) -> Result<(), Denied> {
        let mut keys: FoundKeys = None;
        let mut denied = match self.root.check(id, args, &mut keys) {
            Ok(()) => return Ok(()),
            Err(denied) => denied,
        };
        for selector in &self.selectors {
            match selector.check(id, args, &mut keys) {
                Ok(()) => return Ok(()),
                Err(other) => denied = denied.max(other),
            }
        }
        Err(denied)
    }

    /// Whether a selector that allows a request lets every key be read: such a request may name keys by patterns.
    pub fn reads_all_keys(&self, id: RuleId, args: Args<'_>) -> bool {
        let mut keys: FoundKeys = None;
        self.all_selectors().any(|selector| selector.reads_all_keys() && selector.check(id, args, &mut keys).is_ok())
    }

    // ---- descriptions ------------------------------------------------------------------------------------------------

    /// Appends everything, as rules that make the same user of a new one.
    pub fn describe(&self, out: &mut Vec<u8>) {
        for (flag, name) in UserFlags::NAMES {
            if self.flags.contains(flag) {
                out.extend_from_slice(name.as_bytes());
                out.push(b' ');
            }
        }
        for hash in self.password_hashes() {
            out.push(b'#');
            out.extend_from_slice(hash.as_bytes());
            out.push(b' ');
        }
        self.root.describe(out);
        for selector in &self.selectors {
            out.extend_from_slice(b" (");
            selector.describe(out);
            out.push(b')');
        }
    }
}

fn hash_of(password: &[u8]) -> Hash {
    Sha256::digest(password).into()
}

/// A hash in 64 lower-case hexadecimal digits.
fn parse_hash(text: &[u8]) -> Result<Hash, RuleError> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() {
        return Err(RuleError::BadHash);
    }
    for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return Err(RuleError::BadHash) };
        *byte = high * 16 + low;
    }
    Ok(hash)
}
