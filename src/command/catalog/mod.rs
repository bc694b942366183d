//! The catalogue: what is known about every command without running it, as data in the binary.
//!
//! Owns one table per documentation group, sorted by name, and the look-up by full name. An entry says exactly what
//! Redis 7.0.15 answers to COMMAND INFO and COMMAND DOCS, and has the flags that it keeps to itself (`may_replicate`,
//! `protected`); commands and options of later versions carry the version they came with. A command is described here
//! whether or not the server has a handler for it: the table of handlers decides what is shown to clients.
//!
//! `MIGRATE` has a word that is the empty string, so whoever prints the arguments prints the token of a `PureToken`
//! always, and of the other types only when there is one.
//!
//! Subcommands hold only their own part of the name (`"get"` under `"config"`) and are sorted too. The reference
//! server keeps them in a randomly seeded dictionary, so there is no order of its own to follow.

pub mod bitmaps;
pub mod cluster;
pub mod connection;
pub mod geo;
pub mod hashes;
pub mod hyperloglogs;
pub mod keys;
pub mod lists;
pub mod pubsub;
pub mod scripting;
pub mod server;
pub mod sets;
pub mod sorted_sets;
pub mod streams;
pub mod strings;
mod terms;
pub mod transactions;

use super::meta::{BeginSearch, FindKeys, Meta};

/// All groups. Their order means nothing.
pub static ALL: &[&[Meta]] = &[
    keys::COMMANDS,
    strings::COMMANDS,
    lists::COMMANDS,
    sets::COMMANDS,
    sorted_sets::COMMANDS,
    hashes::COMMANDS,
    bitmaps::COMMANDS,
    hyperloglogs::COMMANDS,
    geo::COMMANDS,
    streams::COMMANDS,
    pubsub::COMMANDS,
    transactions::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
    scripting::COMMANDS,
    cluster::COMMANDS,
];

/// The entry with this full lower-case name: `"get"`, or `"object|freq"` for a subcommand. O(groups * log(commands)):
/// meant for building the table of handlers, not for every request.
pub fn find(full_name: &str) -> Option<&'static Meta> {
    let (name, sub) = match full_name.split_once('|') {
        Some((name, sub)) => (name, Some(sub)),
        None => (full_name, None),
    };
    let top = ALL.iter().find_map(|group| find_in(group, name))?;
    match sub {
        Some(sub) => find_in(top.subcommands, sub),
        None => Some(top),
    }
}

fn find_in(sorted: &'static [Meta], name: &str) -> Option<&'static Meta> {
    sorted.binary_search_by(|meta| meta.name.cmp(name)).ok().map(|at| &sorted[at])
}

/// First key, last key and step as COMMAND INFO prints them, from before there were key specs: all specs that begin
/// at an index and step by one, as long as they lie side by side, taken together. `(0, 0, 0)` when there are none.
pub fn legacy_range(meta: &Meta) -> (i32, i32, i32) {
    if let [only] = meta.keys
        && let BeginSearch::Index(first) = only.begin
        && let FindKeys::Range { last, step, .. } = only.find
    {
        return (first, if last >= 0 { first + last } else { last }, step);
    }
    let mut range: Option<(i32, i32)> = None;
    for spec in meta.keys {
        let (BeginSearch::Index(at), FindKeys::Range { last, step: 1, .. }) = (spec.begin, spec.find) else { continue };
        let end = if last >= 0 { at + last } else { last };
        range = match range {
            None => Some((at, end)),
            Some((first, before)) if before == at - 1 => Some((first.min(at), end)),
            Some(apart) => Some(apart),
        };
    }
    range.map_or((0, 0, 0), |(first, last)| (first, last, 1))
}

#[cfg(test)]
mod tests {
    use super::super::meta::{Category, Flag, Param, ParamType};
    use super::*;
    use std::collections::HashSet;

    /// Write commands that touch no key they name: whole databases, or keys known only to the script.
    const WRITES_WITHOUT_KEYS: &[&str] =
        &["flushall", "flushdb", "function|delete", "function|flush", "function|load", "function|restore", "swapdb"];

    fn each(mut visit: impl FnMut(&str, &'static Meta)) {
        for group in ALL {
            for meta in group.iter() {
                visit(meta.name, meta);
                for sub in meta.subcommands {
                    visit(&format!("{}|{}", meta.name, sub.name), sub);
                }
            }
        }
    }

    fn each_param(params: &'static [Param], visit: &mut impl FnMut(&'static Param)) {
        for param in params {
            visit(param);
            each_param(param.parts, visit);
        }
    }

    #[test]
    fn names_are_unique_and_lower_case() {
        let mut seen = HashSet::new();
        each(|name, meta| {
            assert!(seen.insert(name.to_owned()), "{name} twice");
            assert!(!meta.name.is_empty() && !meta.name.contains('|'), "{name}");
            assert_eq!(name, name.to_ascii_lowercase());
        });
    }

    #[test]
    fn every_group_and_every_list_of_subcommands_is_sorted() {
        for group in ALL {
            assert!(group.is_sorted_by(|a, b| a.name < b.name));
            for meta in group.iter() {
                assert!(meta.subcommands.is_sorted_by(|a, b| a.name < b.name), "{}", meta.name);
            }
        }
    }

    #[test]
    fn a_group_holds_only_its_own() {
        for group in ALL {
            for meta in group.iter() {
                assert_eq!(meta.group, group[0].group, "{}", meta.name);
            }
        }
    }

    #[test]
    fn subcommands_go_one_level_deep() {
        each(|name, meta| assert!(!name.contains('|') || meta.subcommands.is_empty(), "{name}"));
    }

    #[test]
    fn everything_is_found_by_its_full_name_and_nothing_else_is() {
        each(|name, meta| assert!(std::ptr::eq(find(name).expect(name), meta)));
        for stranger in ["", "|", "get|", "|get", "nosuch", "config|nosuch", "get|get", "GET"] {
            assert!(find(stranger).is_none(), "{stranger}");
        }
    }

    #[test]
    fn arity_counts_the_name_and_the_arguments_that_must_be_there() {
        each(|name, meta| {
            let words = if name.contains('|') { 2 } else { 1 };
            assert!(meta.arity.abs() >= words, "{name}");
            if !meta.subcommands.is_empty() {
                return;
            }
            let open = meta.params.iter().any(|param| param.optional || param.multiple);
            assert!(meta.arity < 0 || !open, "{name} has a fixed arity and an argument that may come or go");
        });
    }

    #[test]
    fn every_entry_has_a_summary_and_a_version() {
        each(|name, meta| {
            assert!(!meta.summary.is_empty(), "{name}");
            assert!(meta.since.split('.').all(|part| part.parse::<u8>().is_ok()), "{name}");
            assert_eq!(meta.deprecated_since.is_empty(), meta.replaced_by.is_empty(), "{name}");
        });
    }

    #[test]
    fn a_write_has_a_key_spec_or_is_known_to_have_none() {
        each(|name, meta| {
            if meta.flags.has(Flag::Write) {
                assert_eq!(meta.keys.is_empty(), WRITES_WITHOUT_KEYS.contains(&name), "{name}");
            }
        });
    }

    #[test]
    fn no_command_both_writes_and_only_reads() {
        each(|name, meta| assert!(!(meta.flags.has(Flag::Write) && meta.flags.has(Flag::Readonly)), "{name}"));
    }

    #[test]
    fn acl_categories_follow_from_the_flags() {
        each(|name, meta| {
            if !meta.subcommands.is_empty() {
                return;
            }
            let (flags, acl) = (meta.flags, meta.acl);
            assert_eq!(acl.has(Category::Fast), flags.has(Flag::Fast), "{name}");
            assert_eq!(acl.has(Category::Slow), !flags.has(Flag::Fast), "{name}");
            assert!(!flags.has(Flag::Write) || acl.has(Category::Write), "{name}");
            assert!(!flags.has(Flag::Admin) || acl.has(Category::Admin) && acl.has(Category::Dangerous), "{name}");
            assert!(!flags.has(Flag::Blocking) || acl.has(Category::Blocking), "{name}");
            assert!(!flags.has(Flag::Pubsub) || acl.has(Category::PubSub), "{name}");
        });
    }

    #[test]
    fn a_parameter_points_to_a_key_spec_that_exists() {
        each(|name, meta| {
            each_param(meta.params, &mut |param| {
                assert!(
                    param.key_spec >= -1 && (param.key_spec as isize) < meta.keys.len() as isize,
                    "{name} {}",
                    param.name
                );
            });
        });
    }

    #[test]
    fn only_blocks_and_choices_have_parts() {
        each(|name, meta| {
            each_param(meta.params, &mut |param| {
                let holds = matches!(param.kind, ParamType::Block | ParamType::Oneof);
                assert_eq!(holds, !param.parts.is_empty(), "{name} {}", param.name);
            });
        });
    }

    #[test]
    fn only_the_key_of_migrate_stands_for_itself_as_an_empty_word() {
        each(|name, meta| {
            each_param(meta.params, &mut |param| {
                if param.kind == ParamType::PureToken && param.token.is_empty() {
                    assert_eq!((name, param.name), ("migrate", "empty_string"));
                }
            });
        });
    }

    #[test]
    fn the_legacy_range_joins_specs_that_lie_side_by_side() {
        let range = |name| legacy_range(find(name).expect(name));
        assert_eq!(range("get"), (1, 1, 1));
        assert_eq!(range("mset"), (1, -1, 2));
        assert_eq!(range("del"), (1, -1, 1));
        assert_eq!(range("bitop"), (2, -1, 1));
        assert_eq!(range("blpop"), (1, -2, 1));
        assert_eq!(range("rename"), (1, 2, 1));
        assert_eq!(range("object|freq"), (2, 2, 1));
        assert_eq!(range("ping"), (0, 0, 0));
        assert_eq!(range("eval"), (0, 0, 0));
    }
}
