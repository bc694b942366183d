//! The file of users (`aclfile`): a line for each, `user NAME RULE ...`. Reading it is all or nothing; every error is told,
//! with file and line, so that a broken file is mended in one go. There are no comments in it, because it is written anew
//! by ACL SAVE.

use super::rule::{RuleError, merge_selectors};
use super::selector::has_spaces;
use super::user::User;
use super::{Acl, Defaults};
use crate::command::error::as_c_text;
use std::collections::BTreeMap;

/// Users by name.
pub type Users = BTreeMap<Box<[u8]>, User>;

/// Reads users. Errors: everything that is wrong, as one line that names `file`.
pub fn parse(text: &[u8], file: &str, defaults: Defaults) -> Result<Users, String> {
    let mut users = Users::new();
    let mut errors = String::new();
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        if let Err(error) =
            parse_line(trim(line, b" \t\r\n"), &mut users, defaults, &format!("{file}:{number}"), number)
        {
            errors.push_str(&error);
        }
    }
    if errors.is_empty() {
        return Ok(users);
    }
    Err(errors + "WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
}

fn parse_line(line: &[u8], users: &mut Users, defaults: Defaults, place: &str, number: usize) -> Result<(), String> {
    if line.is_empty() {
        return Ok(());
    }
    let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let [b"user", name, rules @ ..] = &words[..] else {
        return Err(format!("{place} should start with user keyword followed by the username. "));
    };
    let shown = String::from_utf8_lossy(as_c_text(name));
    if has_spaces(name) {
        return Err(format!("'{place}: username '{shown}' contains invalid characters. "));
    }
    if users.contains_key(*name) {
        return Err(format!("WARNING: Duplicate user '{shown}' found on line {number}. "));
    }
    let mut user = User::new(defaults);
    let mut errors = String::new();
    match merge_selectors(rules.iter().copied()) {
        Ok(rules) => apply(&mut user, &rules, defaults, place, &mut errors),
        Err(_) => errors = format!("{place}: Unmatched parenthesis in selector definition."),
    }
    users.insert((*name).into(), user);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Follows a user's rules. Of wrong ones only the first is told, and not which one, for it may hold a password; names that
/// are not known are all told.
fn apply(user: &mut User, rules: &[Vec<u8>], defaults: Defaults, place: &str, errors: &mut String) {
    let mut told = false;
    for rule in rules {
        let rule = trim(rule, b"\t\r\n");
        match user.apply(rule, defaults) {
            Ok(()) => {}
            Err(error @ RuleError::UnknownName) => {
                let rule = String::from_utf8_lossy(as_c_text(rule));
                *errors += &format!("{place}: Error in applying operation '{rule}': {}. ", error.reason());
            }
            Err(_) if told => {}
            Err(error) => {
                *errors += &format!("{place}: {}. ", error.reason());
                told = true;
            }
        }
    }
}

fn trim<'a>(text: &'a [u8], set: &[u8]) -> &'a [u8] {
    let first = text.iter().position(|byte| !set.contains(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !set.contains(byte)).map_or(first, |last| last + 1);
    &text[first..end]
}

/// Writes all users.
pub fn write(acl: &Acl) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, user) in acl.iter() {
        text.extend_from_slice(&Acl::line(name, user));
        text.push(b'\n');
    }
    text
}
