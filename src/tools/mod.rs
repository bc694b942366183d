//! Tools for data files, in the same binary as the server: `check-rdb`, `check-aof`, `inspect`.
//!
//! Owns which words and program names start a tool ([`run`]), their arguments and exit codes. A tool is taken only when
//! its name is exactly the first argument, or when the program is called by the name of one (through a symbolic link:
//! `redis-check-rdb`, `larder-check-aof` and so on); all else is the server's command line.
//!
//! - `check_rdb.rs`, `check_aof.rs`: is the file sound; `aof_scan.rs` walks a log's requests.
//! - `inspect.rs`: what is in the file; `replay.rs` for logs, `listing.rs` for the output.
//! - `console.rs`, `source.rs`: output with a progress bar, and telling files apart.
//!
//! Promises: exit code 0 when all is well, else 1, as redis-check-rdb and redis-check-aof do; the last line on the
//! standard error output then tells file, offset and reason. Nothing is written but what `check-aof --fix` and
//! `--truncate-to-timestamp` are asked to cut off. Memory is bounded by the largest value of a file, not by the file;
//! only `inspect` of a log holds all keys that the log leaves behind, since any request may change any of them.

mod aof_scan;
mod check_aof;
mod check_rdb;
mod console;
mod inspect;
mod listing;
mod replay;
mod source;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use console::Console;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A tool failed; it has said why.
struct Failed;

type Outcome = Result<(), Failed>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    CheckRdb,
    CheckAof,
    Inspect,
}

/// What a tool is called as first argument; also the end of the program's name, behind `redis-` or `larder-`.
const NAMES: [(&str, Tool); 3] =
    [("check-rdb", Tool::CheckRdb), ("check-aof", Tool::CheckAof), ("inspect", Tool::Inspect)];

/// Runs the tool that the command line asks for, `argv[0]` included; nothing when it is the server's.
pub fn run(argv: &[OsString]) -> Option<ExitCode> {
    let (tool, name, taken) = chosen(argv)?;
    let args = std::iter::once(OsString::from(&name)).chain(argv[taken..].iter().cloned());
    let matches = match command(tool, &name).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            // Where the output cannot be written there is nobody to tell.
            let _ = error.print();
            return Some(if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
    };
    let mut console = Console::new(name);
    let outcome = match tool {
        Tool::CheckRdb => check_rdb::run(&mut console, &file(&matches)),
        Tool::CheckAof => check_aof::run(&mut console, &file(&matches), how(&matches)),
        Tool::Inspect => inspect::run(&mut console, &file(&matches), options(&matches)),
    };
    Some(match (outcome, console.close()) {
        (Ok(()), Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The tool, the name it shows, and how many arguments chose it.
fn chosen(argv: &[OsString]) -> Option<(Tool, String, usize)> {
    let program = Path::new(argv.first()?).file_name().and_then(OsStr::to_str).unwrap_or_default();
    for (name, tool) in NAMES {
        let whose = program.strip_suffix(name).unwrap_or_default();
        if whose.ends_with("larder-") || (whose.ends_with("redis-") && tool != Tool::Inspect) {
            return Some((tool, program.to_owned(), 1));
        }
    }
    let word = argv.get(1)?;
    let (name, tool) = NAMES.into_iter().find(|(name, _)| word == name)?;
    Some((tool, format!("larder {name}"), 2))
}

fn command(tool: Tool, name: &str) -> Command {
    let file = |what: &'static str| {
        Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help(what)
    };
    let version = Arg::new("version").short('v').long("version").action(ArgAction::Version).help("Print the version");
    let command = Command::new("larder")
        .display_name(name.to_owned())
        .bin_name(name.to_owned())
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .arg(version);
    match tool {
        Tool::CheckRdb => command.about("Check that a snapshot is sound").arg(file("The snapshot")),
        Tool::CheckAof => command
            .about("Check that an append-only log is sound, and cut off what is not")
            .arg(Arg::new("fix").long("fix").action(ArgAction::SetTrue).help("Cut off an unsound end, after asking"))
            .arg(
                Arg::new("until")
                    .long("truncate-to-timestamp")
                    .value_name("SECONDS")
                    .value_parser(value_parser!(i64))
                    .allow_negative_numbers(true)
                    .conflicts_with("fix")
                    .help("Cut off all that was logged after this moment (Unix time)"),
            )
            .arg(file("The manifest of a log, or one file of requests")),
        Tool::Inspect => command
            .about("List the keys of a snapshot or an append-only log, with totals by type and prefix")
            .arg(
                Arg::new("format")
                    .long("format")
                    .value_parser(PossibleValuesParser::new(["text", "json", "csv"]))
                    .default_value("text")
                    .help("How keys are listed; the totals of json and csv go to the standard error output"),
            )
            .arg(
                Arg::new("prefixes")
                    .long("prefixes")
                    .value_name("COUNT")
                    .value_parser(value_parser!(usize))
                    .default_value("20")
                    .help("How many of the largest prefixes (up to the first ':') the totals show"),
            )
            .arg(file("A snapshot, a manifest, or one file of requests")),
    }
}

fn file(matches: &ArgMatches) -> PathBuf {
    matches.get_one::<PathBuf>("file").cloned().unwrap_or_default()
}

fn how(matches: &ArgMatches) -> check_aof::How {
    match matches.get_one::<i64>("until") {
        // Redis takes 0 for "not given".
        Some(&until) if until != 0 => check_aof::How::Until(until),
        _ if matches.get_flag("fix") => check_aof::How::Fix,
        _ => check_aof::How::Look,
    }
}

fn options(matches: &ArgMatches) -> inspect::Options {
    let format = match matches.get_one::<String>("format").map(String::as_str) {
        Some("json") => listing::Format::Json,
        Some("csv") => listing::Format::Csv,
        _ => listing::Format::Text,
    };
    inspect::Options { format, prefixes: matches.get_one("prefixes").copied().unwrap_or(20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(words: &[&str]) -> Option<(Tool, String, usize)> {
        chosen(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn only_the_exact_first_word_starts_a_tool() {
        assert_eq!(tool(&["larder", "check-rdb", "x"]), Some((Tool::CheckRdb, "larder check-rdb".into(), 2)));
        assert_eq!(tool(&["/bin/larder", "inspect"]).map(|found| found.0), Some(Tool::Inspect));
        for words in [&["larder"][..], &["larder", "./check-rdb"], &["larder", "--port", "check-rdb"], &[]] {
            assert_eq!(tool(words), None, "{words:?}");
        }
    }

    #[test]
    fn a_program_name_starts_a_tool() {
        for (name, expected) in [
            ("/usr/bin/redis-check-rdb", Some(Tool::CheckRdb)),
            ("redis-check-aof", Some(Tool::CheckAof)),
            ("larder-check-aof", Some(Tool::CheckAof)),
            ("larder-inspect", Some(Tool::Inspect)),
            ("redis-inspect", None),
            ("check-rdb", None),
            ("redis-server", None),
        ] {
            assert_eq!(tool(&[name, "check-rdb-like"]).map(|found| found.0), expected, "{name}");
        }
    }

    #[test]
    fn the_arguments_are_well_formed() {
        for (name, tool) in NAMES {
            command(tool, name).debug_assert();
        }
    }
}
