//! The rules of the house that can be read off the source text: floors, nothing waits below `server/`, words, openings,
//! unsafe.
//!
//! The text is read with comments, strings and test modules taken out (`Source::code`), so a rule speaks of code only.
//! A failing rule prints every place at once. To open a new edge between rooms, change `FLOORS`, and say why in the commit.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by floor, the lowest first. A room may import rooms of lower floors only, never one beside it.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["structs", "resp", "observe"],
    &["object"],
    &["keyspace", "rdb"],
    &["command"],
    &["families", "client", "acl", "pubsub", "script", "persist", "replication", "cluster", "sentinel"],
    &["config"],
    &["engine"],
    &["server", "tools"],
];

/// What only the rim may do: wait, spawn, and look at the clock, the system, the disk or the network.
const RIM_ONLY: &[&str] = &[
    "tokio",
    "async",
    ".await",
    "thread::spawn",
    "thread::Builder",
    "thread::sleep",
    "Instant::now",
    "SystemTime::now",
    "cycles::",
    "getrandom",
    "Rng::new()",
    "std::env",
    "std::fs",
    "std::net",
    "process::Command",
    "process::exit",
];

/// The one file below the rim that touches the file system and its clock: the real disk behind `trait Disk`.
const DISK: &str = "persist/disk.rs";

/// Calls that change the process as a whole, unsafe and therefore in structs/; only the rim makes them.
const PROCESS: &str = "structs/process.rs";

/// The room whose threads write and read files: the loop hands them snapshots and bytes and never waits for them.
const FILE_THREADS: &str = "persist/";

/// Where unsafe code may stand: the containers, and what works on the stack of the interpreter of scripts.
const UNSAFE: &[&str] = &["structs/", "script/raw/"];

/// Files that are compiled only for tests.
const TEST_FILES: &[&str] = &["persist/reference.rs", "persist/testing.rs", "families/testing.rs"];

/// Words that code does not use, and what to do instead.
const WORDS: &[(&str, &str)] = &[
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "finish it or leave it out"),
    ("dbg!", "take it out"),
    ("fn get_", "name the thing, without get_"),
];

/// Endings that say nothing about a type.
const EMPTY_NAMES: &[&str] = &["Manager", "Helper", "Util", "Utils"];

/// One Rust file, as written and as code alone.
struct Source {
    path: PathBuf,
    text: String,
    code: String,
}

impl Source {
    fn read(path: PathBuf) -> Source {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut code = blank(&text);
        // Unit tests stand at the bottom and may do as they like.
        if let Some(at) = code.find("#[cfg(test)]\nmod tests {") {
            code.truncate(at);
        }
        Source { path, text, code }
    }

    /// The path under `src/`, with `/` between its parts.
    fn place(&self) -> String {
        let root = root().join("src");
        self.path.strip_prefix(root).unwrap_or(&self.path).to_string_lossy().replace('\\', "/")
    }

    /// `structs` for `src/structs/table.rs`; nothing for `lib.rs` and `main.rs`.
    fn room(&self) -> Option<String> {
        self.place().split_once('/').map(|(room, _)| room.to_owned())
    }

    fn is_test(&self) -> bool {
        self.path.file_name().is_some_and(|n| n == "tests.rs")
            || self.path.components().any(|c| c.as_os_str() == "tests")
    }

    fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Every place where `word` stands in the code as a word of its own.
    fn places_of(&self, word: &str) -> Vec<usize> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (first, last) = (word.chars().next(), word.chars().next_back());
        let found = self.code.match_indices(word).map(|(at, _)| at);
        found
            .filter(|&at| {
                let before = self.code[..at].chars().next_back();
                let after = self.code[at + word.len()..].chars().next();
                let runs_on = first.is_some_and(is_word) && before.is_some_and(is_word);
                // A word that ends in an underscore is a beginning.
                let goes_on = last.is_some_and(|c| is_word(c) && c != '_') && after.is_some_and(is_word);
                !runs_on && !goes_on
            })
            .collect()
    }
}

fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

fn collect(dir: &Path, into: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut paths: Vec<_> = entries.map(|e| e.expect("a readable directory").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && !["target", "node_modules", ".venv"].contains(&name.as_str()) {
            collect(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(Source::read(path));
        }
    }
}

fn sources(dirs: &[&str]) -> Vec<Source> {
    let mut all = Vec::new();
    for dir in dirs {
        collect(&root().join(dir), &mut all);
    }
    assert!(!all.is_empty(), "no sources under {}", root().display());
    all
}

/// The same text with comments and the insides of string and character literals replaced by spaces; lines stay.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    let keep = |c: char| if c == '\n' { '\n' } else { ' ' };
    while i < chars.len() {
        let rest = &chars[i..];
        let before = if i > 0 { chars[i - 1] } else { ' ' };
        let end = match rest {
            ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => block_comment(rest),
            ['r', '"' | '#', ..] if !before.is_alphanumeric() || before == 'b' => raw_string(rest).unwrap_or(0),
            ['"', ..] => quoted(rest, '"'),
            // A lifetime has no closing quote one or two characters on.
            ['\'', '\\', ..] => quoted(rest, '\''),
            ['\'', _, '\'', ..] => 3,
            _ => 0,
        };
        if end == 0 {
            out.push(chars[i]);
            i += 1;
        } else {
            out.extend(rest[..end].iter().map(|&c| keep(c)));
            i += end;
        }
    }
    out
}

/// Length of a block comment, nested ones included.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut i) = (0, 0);
    while i < rest.len() {
        match rest[i..] {
            ['/', '*', ..] => (depth, i) = (depth + 1, i + 2),
            ['*', '/', ..] => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    rest.len()
}

/// Length of a literal with escapes that starts here, quotes included.
fn quoted(rest: &[char], quote: char) -> usize {
    let mut i = 1;
    while i < rest.len() {
        match rest[i] {
            '\\' => i += 2,
            c if c == quote => return i + 1,
            _ => i += 1,
        }
    }
    rest.len()
}

/// Length of `r"..."` or `r#"..."#`; `None` when this is a raw identifier.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let closing: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = 2 + hashes;
    let at = rest[body..].windows(closing.len()).position(|w| w == closing)?;
    Some(body + at + closing.len())
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The rooms named by `crate::...` in this code, with their places: `crate::a::x` and `use crate::{a::x, b}` alike.
fn edges(source: &Source) -> Vec<(String, usize)> {
    let code = &source.code;
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(inside) = rest.strip_prefix('{') else {
            found.push((first_word(rest), at));
            continue;
        };
        let (mut depth, mut start, mut offset) = (0, true, 0);
        for c in inside.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.push((first_word(&inside[offset..]), at));
                    start = false;
                }
                _ => {}
            }
            offset += c.len_utf8();
        }
    }
    found
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[track_caller]
fn none(rule: &str, complaints: &[String]) {
    let mut list = String::new();
    for c in complaints {
        let _ = writeln!(list, "  {c}");
    }
    assert!(complaints.is_empty(), "{rule}:\n{list}");
}

#[test]
fn rooms_import_only_rooms_of_lower_floors() {
    let mut complaints = Vec::new();
    for s in sources(&["src"]) {
        let Some(room) = s.room() else { continue };
        let Some(floor) = floor_of(&room) else {
            complaints.push(format!("{}: the room {room} has no floor", s.place()));
            continue;
        };
        for (other, at) in edges(&s) {
            // Macros and items of the crate root belong to no room.
            let Some(other_floor) = floor_of(&other) else { continue };
            if other != room && other_floor >= floor {
                complaints.push(format!("{}:{}: {room} must not know {other}", s.place(), s.line_of(at)));
            }
        }
    }
    none("imports go down only", &complaints);
}

#[test]
fn nothing_waits_below_the_server() {
    let mut complaints = Vec::new();
    for s in sources(&["src"]) {
        let place = s.place();
        let rim = place.starts_with("server/") || place.starts_with("tools/");
        if place == "main.rs" || rim || s.is_test() {
            continue;
        }
        for word in RIM_ONLY {
            let excused = place == DISK && ["std::fs", "Instant::now"].contains(word)
                || place == PROCESS && ["std::fs", "process::exit"].contains(word)
                || place.starts_with(FILE_THREADS) && ["thread::Builder", "thread::sleep"].contains(word)
                || TEST_FILES.contains(&place.as_str());
            if excused {
                continue;
            }
            complaints.extend(s.places_of(word).iter().map(|&at| format!("{place}:{}: {word}", s.line_of(at))));
        }
    }
    none("waiting, clocks, disks and sockets live in server/ and tools/", &complaints);
}

/// What stands between backticks in a text, code blocks left out.
fn quoted_words(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn architecture_names_every_room_on_its_floor() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let mut complaints = Vec::new();
    let mut named = Vec::new();
    for line in text.lines() {
        let mut columns = line.split('|').map(str::trim).skip(1);
        let (Some(floor), Some(rooms)) = (columns.next().and_then(|n| n.parse::<usize>().ok()), columns.next()) else {
            continue;
        };
        for room in quoted_words(rooms).into_iter().filter_map(|word| word.strip_suffix('/')) {
            named.push(room.to_owned());
            match floor_of(room) {
                Some(own) if own == floor => {}
                own => complaints.push(format!("{room} is on floor {own:?} of the table here, not on {floor}")),
            }
            if !root().join("src").join(room).is_dir() {
                complaints.push(format!("there is no src/{room}"));
            }
        }
    }
    assert!(named.len() > 10, "the table of floors was not found");
    for entry in fs::read_dir(root().join("src")).expect("src") {
        let entry = entry.expect("a readable directory");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !named.contains(&name) {
            complaints.push(format!("src/{name} is not in the table of floors"));
        }
    }
    none("ARCHITECTURE.md is in step with src/", &complaints);
}

#[test]
fn papers_name_only_files_that_are_there() {
    let sources: Vec<String> = sources(&["src", "tests", "benches"])
        .iter()
        .map(|s| s.path.strip_prefix(root()).unwrap_or(&s.path).to_string_lossy().replace('\\', "/"))
        .collect();
    let mut complaints = Vec::new();
    for paper in ["ARCHITECTURE.md", "README.md"] {
        let text = fs::read_to_string(root().join(paper)).unwrap_or_else(|e| panic!("{paper}: {e}"));
        for word in quoted_words(&text) {
            // A file of the house, by its whole path or the end of it.
            if word.ends_with(".rs") && !sources.iter().any(|s| s == word || s.ends_with(&format!("/{word}"))) {
                complaints.push(format!("{paper}: {word}"));
            }
            let first = word.split(' ').next().unwrap_or_default();
            let ours = ["docs/", "scripts/", "tests/", ".ci/", "benches/", "fuzz/"];
            if ours.iter().any(|dir| first.starts_with(dir)) && !root().join(first).exists() {
                complaints.push(format!("{paper}: {first}"));
            }
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !link.contains("://") && !root().join(link).exists() {
                complaints.push(format!("{paper}: a link to {link}"));
            }
        }
    }
    none("papers name files that are there", &complaints);
}

#[test]
fn every_file_opens_with_what_it_owns() {
    let complaints: Vec<_> = sources(&["src", "tests", "benches", "fuzz"])
        .iter()
        .filter(|s| !s.text.starts_with("//! "))
        .map(|s| s.path.display().to_string())
        .collect();
    none("a file opens with //! and a sentence", &complaints);
}

#[test]
fn unsafe_stands_only_in_leaf_modules_and_says_why_it_is_sound() {
    let mut complaints = Vec::new();
    for s in sources(&["src"]) {
        let place = s.place();
        let allowed = UNSAFE.iter().any(|dir| place.starts_with(dir));
        let lines: Vec<&str> = s.text.lines().collect();
        for at in s.places_of("unsafe") {
            let line = s.line_of(at);
            if !allowed {
                complaints.push(format!("{place}:{line}: unsafe outside {UNSAFE:?}"));
            }
            let rest = s.code[at + "unsafe".len()..].trim_start();
            let above = &lines[line.saturating_sub(12)..line];
            let wanted = if rest.starts_with("fn") { "# Safety" } else { "SAFETY:" };
            if (rest.starts_with('{') || rest.starts_with("impl")) && !above.iter().any(|l| l.contains(wanted)) {
                complaints.push(format!("{place}:{line}: no {wanted} in the lines above"));
            }
        }
        if s.code.contains("allow(unsafe_code)") && !allowed {
            complaints.push(format!("{place}: allows unsafe code"));
        }
    }
    none("unsafe lives in leaf modules with a reason at each block", &complaints);
}

#[test]
fn words_that_code_does_not_use() {
    let mut complaints = Vec::new();
    for s in sources(&["src"]) {
        let place = s.place();
        for (word, instead) in WORDS {
            for at in s.places_of(word) {
                // `get_mut` is the standard library's own partner of `get`.
                if !s.code[at..].starts_with("fn get_mut") {
                    complaints.push(format!("{place}:{}: {word}: {instead}", s.line_of(at)));
                }
            }
        }
        for keyword in ["struct ", "enum ", "trait ", "type "] {
            for at in s.places_of(keyword) {
                let name = first_word(&s.code[at + keyword.len()..]);
                if EMPTY_NAMES.iter().any(|e| name.ends_with(e)) {
                    complaints.push(format!("{place}:{}: {name} says nothing", s.line_of(at)));
                }
            }
        }
        // The wire's old words live in strings only, and strings are blanked here.
        for old in ["master", "slave", "master_", "slave_"] {
            complaints.extend(
                s.places_of(old).iter().map(|&at| format!("{place}:{}: {old}: say primary or replica", s.line_of(at))),
            );
        }
        for (i, line) in s.text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric());
            if line.trim_start().starts_with("//") && words.any(|w| ["TODO", "FIXME", "XXX", "HACK"].contains(&w)) {
                complaints.push(format!("{place}:{}: a note to oneself", i + 1));
            }
        }
    }
    none("words", &complaints);
}

#[test]
fn the_reader_of_source_text_sees_code_only() {
    let text = "let a = \"tokio // no\"; // async\nlet b = r#\"std::fs \"quoted\" \"#; /* .await /* nested */ */ let c: &'a str = 'x'; let q = '\\''; end";
    let code = blank(text);
    assert_eq!(code.lines().count(), 2);
    for gone in ["tokio", "async", "std::fs", "await", "nested", "'x'"] {
        assert!(!code.contains(gone), "{gone} in {code}");
    }
    for kept in ["let a =", "let b =", "&'a str", "let q =", "end"] {
        assert!(code.contains(kept), "{kept} in {code}");
    }
    let source = Source {
        path: "src/engine/x.rs".into(),
        text: String::new(),
        code: "use crate::{base::{a, b}, server, resp::R};\ncrate::object::V".into(),
    };
    let rooms: Vec<_> = edges(&source).into_iter().map(|(room, _)| room).collect();
    assert_eq!(rooms, ["base", "server", "resp", "object"]);
}
