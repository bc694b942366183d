//! The table as text for people: the example configuration file and the page of the documentation.
//!
//! Owns both layouts. Promises: every directive is in both, since both are made from the table; a test fails when the
//! files in the repository are not what these functions make (`UPDATE_DOCS=1 cargo test` writes them anew).

use super::table::{Directive, FILE_DIRECTIVES, Kind, ListKind, Status, sections};
use std::fmt::Write;

/// Columns of the example file.
const WIDTH: usize = 100;

/// The text of `redis.conf.example`: every directive with its default as a commented line.
pub fn example() -> String {
    let mut out = String::from(
        "# An example configuration for Larder.\n#\n\
         # Every line is `name value ...`. Values with spaces stand in quotes; \"...\" knows the escapes \\n \\r \\t \\\" \\\\\n\
         # and \\xFF. Sizes take units: 1k is 1000 bytes, 1kb is 1024, and so on with m, mb, g and gb. Later lines win.\n\
         # All lines are commented out and show the default, so this file as it stands changes nothing.\n\
         # Start with it:  larder redis.conf\n\
         # Check it:       larder --check-config redis.conf\n",
    );
    for section in sections() {
        let rule = "=".repeat(WIDTH - section.title.len() - 6);
        let _ = write!(out, "\n# === {} {rule}\n", section.title);
        comment(&mut out, section.intro);
        for row in section.rows.iter().filter(|row| !row.hidden) {
            out.push('\n');
            let mut doc = row.doc.to_string();
            if let Some(values) = values(row) {
                let _ = write!(doc, " {values}");
            }
            match row.status {
                Status::Works => {}
                Status::NotYet => doc += " (Accepted; not in effect yet.)",
                Status::NoMeaning => doc += " (Accepted; without effect in this design.)",
            }
            comment(&mut out, &doc);
            for line in default_lines(row) {
                let _ = writeln!(out, "# {line}");
            }
        }
    }
    let title = "Lines with a grammar of their own";
    let _ = write!(out, "\n# === {title} {}\n", "=".repeat(WIDTH - title.len() - 6));
    for row in FILE_DIRECTIVES {
        out.push('\n');
        comment(&mut out, row.doc);
        let _ = writeln!(out, "# {} {}", row.name, row.usage);
    }
    out
}

/// The text of `docs/configuration.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         <!-- Made from the directive table: change that and run `UPDATE_DOCS=1 cargo test config::docs`. -->\n\n\
         Settings come from a file, from the environment and from the command line; the last one that speaks wins, in\n\
         this order. `larder redis.conf --maxmemory 1gb` gives any directive on the command line;\n\
         `LARDER_MAXMEMORY=1gb` gives it in the environment, and `LARDER_REQUIREPASS_FILE=/run/secrets/password` names a\n\
         file that holds the value. `larder --check-config FILE` reads a file and says what is wrong with it.\n\n\
         *Changeable* says whether `CONFIG SET` may change it; `protected` ones need `enable-protected-configs`. *Status*:\n\
         **works**; **not yet**: stored and shown, its feature is not there yet; **no meaning here**: stored and shown\n\
         for programs that expect it, but what it tunes does not exist in this design.\n",
    );
    for section in sections() {
        let _ = write!(out, "\n## {}\n\n{}\n\n", section.title, section.intro);
        out += "| name | default | changeable | status | what it does |\n|---|---|---|---|---|\n";
        for row in section.rows {
            let alias = row.alias.map(|alias| format!(" (`{alias}`)")).unwrap_or_default();
            let default = if row.default.is_empty() { "\u{2013}".into() } else { format!("`{}`", row.default) };
            let changeable = match row {
                row if row.immutable => "no",
                row if row.protected => "protected",
                _ => "yes",
            };
            let hidden = if row.hidden { " Hidden from patterns." } else { "" };
            let (name, status, doc) = (row.name, row.status.word(), row.doc);
            let _ = writeln!(out, "| `{name}`{alias} | {default} | {changeable} | {status} | {doc}{hidden} |");
        }
    }
    out += "\n## Lines with a grammar of their own\n\n| line | status | what it does |\n|---|---|---|\n";
    for row in FILE_DIRECTIVES {
        let _ = writeln!(out, "| `{} {}` | {} | {} |", row.name, row.usage, row.status.word(), row.doc);
    }
    out
}

/// The words a directive takes, when they are not told by its kind.
fn values(row: &Directive) -> Option<String> {
    let words: Vec<&str> = match row.kind {
        Kind::Choice(words) => words.to_vec(),
        Kind::Bits(words) => words.iter().map(|word| word.0).collect(),
        _ => return None,
    };
    Some(format!("One of: {}.", words.join(", ")))
}

/// The default as lines of a file.
fn default_lines(row: &Directive) -> Vec<String> {
    let name = row.name;
    let words: Vec<&str> = row.default.split(' ').collect();
    match row.kind {
        Kind::List(ListKind::Save) => words.chunks(2).map(|pair| format!("{name} {}", pair.join(" "))).collect(),
        Kind::List(ListKind::OutputBufferLimits) => {
            words.chunks(4).map(|class| format!("{name} {}", class.join(" ").replace("slave", "replica"))).collect()
        }
        Kind::Text { .. } if row.default.is_empty() || words.len() > 1 => vec![format!("{name} \"{}\"", row.default)],
        _ if row.default.is_empty() => vec![format!("{name} \"\"")],
        _ => vec![format!("{name} {}", row.default)],
    }
}

/// Appends text as comment lines of bounded width.
fn comment(out: &mut String, text: &str) {
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + 1 + word.len() > WIDTH {
            out.push('\n');
            column = 0;
        }
        out.push_str(if column == 0 { "# " } else { " " });
        out.push_str(word);
        column += word.len() + if column == 0 { 2 } else { 1 };
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::super::table::{TABLE, lookup};
    use super::super::{Config, Key};
    use super::*;
    use std::collections::HashSet;
    use std::{fs, io, path::Path};

    fn hold_or_update(path: &str, made: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::create_dir_all(path.parent().expect("it is in the repository")).expect("a directory");
            fs::write(&path, made).expect("a writable file");
        }
        let held = fs::read_to_string(&path).unwrap_or_default();
        assert!(held == made, "{} is stale: UPDATE_DOCS=1 cargo test config::docs writes it anew", path.display());
    }

    #[test]
    fn the_files_in_the_repository_are_in_step_with_the_table() {
        hold_or_update("redis.conf.example", &example());
        hold_or_update("docs/configuration.md", &markdown());
    }

    #[test]
    fn the_example_names_every_directive_and_no_other() {
        let text = example();
        let mut named = HashSet::new();
        for line in text.lines().filter_map(|line| line.strip_prefix("# ")) {
            let first = line.split(' ').next().unwrap_or_default();
            if lookup(first.as_bytes()).is_some_and(|(row, name)| line.starts_with(name) && !row.hidden) {
                named.insert(first);
            }
        }
        for row in TABLE.iter().filter(|row| !row.hidden) {
            assert!(named.contains(row.name), "{}", row.name);
        }
        assert_eq!(named.len(), TABLE.iter().filter(|row| !row.hidden).count());
    }

    #[test]
    fn the_lines_of_the_example_give_the_defaults() {
        let lines: Vec<String> = TABLE
            .iter()
            // Without a primary there is nothing to name.
            .filter(|row| row.key != Key::Replicaof)
            .flat_map(default_lines)
            .collect();
        let read = |_: &str| -> io::Result<Vec<u8>> { Err(io::ErrorKind::NotFound.into()) };
        let loaded = parse("example", lines.join("\n").as_bytes(), &mut { read }).expect("lines of the example");
        assert_eq!(loaded.config, Config::default());
    }
}
