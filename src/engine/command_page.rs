//! The command table as a page for people: `docs/commands.md`.
//!
//! Owns the page's layout and how arguments are written down. Promises: a command with a handler is on it with all its
//! subcommands, and no other; a test fails when the page in the repository is not what this makes
//! (`UPDATE_DOCS=1 cargo test command_page` writes it anew). Compiled for tests only: the server never needs it.

use super::table::{CommandTable, Handler};
use crate::command::meta::{Param, ParamType};
use crate::command::{Meta, catalog};
use std::fmt::Write;

const INTRO: &str = "\
# Commands

<!-- Made from the command table: change that and run `UPDATE_DOCS=1 cargo test command_page`. -->

Every command the server answers, as `COMMAND DOCS` describes it. *Since* is the version of Redis that brought it; a
part of its arguments may be younger. What stands on no line here answers `ERR unknown command` and is not in `COMMAND`.
";

/// Titles of the groups, in the catalogue's order.
const TITLES: [&str; 16] = [
    "Keys",
    "Strings",
    "Lists",
    "Sets",
    "Sorted sets",
    "Hashes",
    "Bitmaps",
    "HyperLogLogs",
    "Geo",
    "Streams",
    "Pub/sub",
    "Transactions",
    "Connections",
    "Server",
    "Scripts and functions",
    "Cluster",
];

/// What is to be known of all commands of a group.
fn note(title: &str) -> &'static str {
    match title {
        "Cluster" => {
            "There is no cluster mode: each of these answers `ERR This instance has cluster support disabled`, as \
             redis-server does with `cluster-enabled no`.\n\n"
        }
        _ => "",
    }
}

/// The text of `docs/commands.md`.
fn markdown(table: &CommandTable) -> String {
    let containers = table.iter().filter(|command| matches!(command.handler, Handler::Container)).count();
    let mut out = INTRO.to_owned();
    let _ = writeln!(out, "There are {} of them, subcommands counted one by one.", table.iter().count() - containers);
    for (title, group) in TITLES.iter().zip(catalog::ALL) {
        let mut rows = String::new();
        for meta in group.iter() {
            let Some(id) = table.find_full(meta.name.as_bytes()) else { continue };
            let command = table.get(id);
            if !matches!(command.handler, Handler::Container) {
                row(&mut rows, &meta.name.to_ascii_uppercase(), meta);
            }
            for &sub in &command.subcommands {
                let sub = table.get(sub);
                row(&mut rows, &sub.name.replace('|', " ").to_ascii_uppercase(), sub.meta);
            }
        }
        if !rows.is_empty() {
            let head = "| command | since | cost | what it does |\n|---|---|---|---|";
            let _ = write!(out, "\n## {title}\n\n{}{head}\n{rows}", note(title));
        }
    }
    let absent: Vec<String> = catalog::ALL.iter().flat_map(|group| absent(table, group)).collect();
    if !absent.is_empty() {
        let _ = write!(
            out,
            "\n## Not there\n\nCommands of Redis and its successors that are missing: {}.\n",
            absent.join(", ")
        );
    }
    out
}

fn row(out: &mut String, name: &str, meta: &Meta) {
    let mut words = vec![name.to_owned()];
    words.extend(meta.params.iter().map(written));
    let syntax = words.join(" ").replace('|', "\\|");
    let replaced = if meta.replaced_by.is_empty() { String::new() } else { format!(": use {}", meta.replaced_by) };
    let deprecated = match meta.deprecated_since {
        "" => String::new(),
        since => format!(" Deprecated since {since}{replaced}."),
    };
    let sentence = if meta.summary.ends_with('.') { meta.summary.to_owned() } else { format!("{}.", meta.summary) };
    let text = |text: &str| text.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*");
    let (since, cost) = (meta.since, text(meta.complexity));
    let _ = writeln!(out, "| `{syntax}` | {since} | {cost} | {}{} |", text(&sentence), text(&deprecated));
}

/// One argument as redis-cli's help writes it.
fn written(param: &Param) -> String {
    let parts = |between: &str| param.parts.iter().map(written).collect::<Vec<_>>().join(between);
    let inner = match param.kind {
        ParamType::PureToken => String::new(),
        ParamType::Oneof if param.optional && param.token.is_empty() => parts("|"),
        ParamType::Oneof => format!("<{}>", parts("|")),
        ParamType::Block => parts(" "),
        _ => param.name.to_owned(),
    };
    let token = if param.kind == ParamType::PureToken && param.token.is_empty() { "\"\"" } else { param.token };
    let mut text = [token, &inner].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if param.multiple {
        let again = if param.multiple_token { text.clone() } else { inner };
        let _ = write!(text, " [{again} ...]");
    }
    if param.optional { format!("[{text}]") } else { text }
}

/// Commands of a group that have no handler; a container none of whose subcommands has one stands for all of them.
fn absent(table: &CommandTable, group: &'static [Meta]) -> Vec<String> {
    let mut names = Vec::new();
    for meta in group {
        let upper = meta.name.to_ascii_uppercase();
        if table.find_full(meta.name.as_bytes()).is_none() {
            names.push(upper);
            continue;
        }
        for sub in meta.subcommands {
            if table.find_full(format!("{}|{}", meta.name, sub.name).as_bytes()).is_none() {
                names.push(format!("{upper} {}", sub.name.to_ascii_uppercase()));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn the_page_of_commands_is_in_step_with_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
        let made = markdown(&CommandTable::new());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &made).expect("a writable file");
        }
        let held = fs::read_to_string(&path).unwrap_or_default();
        assert!(held == made, "{} is stale: UPDATE_DOCS=1 cargo test command_page writes it anew", path.display());
    }

    #[test]
    fn every_group_has_a_title_and_every_command_a_line() {
        assert_eq!(TITLES.len(), catalog::ALL.len());
        let table = CommandTable::new();
        let page = markdown(&table);
        for command in table.iter().filter(|command| !matches!(command.handler, Handler::Container)) {
            let name = command.name.replace('|', " ").to_ascii_uppercase();
            let line =
                page.lines().any(|l| l.starts_with(&format!("| `{name}`")) || l.starts_with(&format!("| `{name} ")));
            assert!(line, "{name}");
        }
    }

    #[test]
    fn arguments_are_written_as_the_help_of_redis_cli_writes_them() {
        let syntax = |name: &str| {
            let meta = catalog::find(name).expect("a command");
            meta.params.iter().map(written).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(syntax("get"), "key");
        assert_eq!(syntax("mset"), "key value [key value ...]");
        assert_eq!(syntax("lmove"), "source destination <LEFT|RIGHT> <LEFT|RIGHT>");
        assert_eq!(syntax("expire"), "key seconds [NX|XX|GT|LT]");
        let sort = syntax("sort");
        assert!(sort.contains(" [GET pattern [GET pattern ...]] [ASC|DESC] [ALPHA] [STORE destination]"), "{sort}");
    }
}
