//! The manifest of the append-only folder: which files make up the log, in the grammar of Redis 7.
//!
//! Owns the text (`file NAME seq N type b|h|i` a line, `#` comments, unknown keys passed over), the order of files, and
//! the names of new ones. A log is at most one base file, then increments in the order of their numbers; history files
//! have been replaced by a rewrite and wait to be removed. Promises: errors in Redis's words; what `to_text` writes,
//! `parse` gives back.
//!
//! Left out: files (`folder.rs`).

use crate::base::quoting::{is_space, repr, split_args};
use std::fmt;

/// The longest line, in bytes with its end.
pub const LINE_MAX_BYTES: usize = 1024;
/// The longest manifest that is read, in bytes.
pub const MANIFEST_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// One file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Its name inside the folder.
    pub name: String,
    /// Its number, counted apart for bases and increments.
    pub seq: i64,
}

/// How a base file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseFormat {
    /// The snapshot format.
    Rdb,
    /// Requests.
    Aof,
}

/// The files of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The snapshot the log begins with.
    pub base: Option<LogFile>,
    /// What was replaced, newest last removed.
    pub history: Vec<LogFile>,
    /// What was written since, oldest first.
    pub increments: Vec<LogFile>,
    /// The highest number a base was given.
    pub base_seq: i64,
    /// The highest number an increment was given.
    pub increment_seq: i64,
}

/// A manifest that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The line's number, from 1, and its text, when the line could be told.
    pub line: Option<(usize, String)>,
    /// What is wrong, in Redis's words.
    pub reason: &'static str,
}

impl ManifestError {
    /// The message, line by line.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["*** FATAL AOF MANIFEST FILE ERROR ***".to_owned()];
        if let Some((number, text)) = &self.line {
            lines.push(format!("Reading the manifest file, at line {number}"));
            lines.push(format!(">>> '{text}'"));
        }
        lines.push(self.reason.to_owned());
        lines
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

const BAD_FORMAT: &str = "Invalid AOF manifest file format";

impl Manifest {
    /// Whether the log has no files.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.increments.is_empty()
    }

    /// The files to be loaded, in order.
    pub fn files(&self) -> impl Iterator<Item = &LogFile> {
        self.base.iter().chain(&self.increments)
    }

    /// Reads a manifest. O(length).
    pub fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
        let mut manifest = Manifest::default();
        let mut rest = text;
        let mut number = 0;
        if text.is_empty() {
            return Err(ManifestError { line: None, reason: "Found an empty AOF manifest" });
        }
        while !rest.is_empty() {
            let window = &rest[..rest.len().min(LINE_MAX_BYTES)];
            let end = memchr::memchr(b'\n', window).map(|at| at + 1);
            let line = &rest[..end.unwrap_or(window.len())];
            rest = &rest[line.len()..];
            number += 1;
            if line[0] == b'#' {
                continue;
            }
            if end.is_none() || line.contains(&0) {
                return Err(ManifestError { line: None, reason: "The AOF manifest file contains too long line" });
            }
            let line = trim(line);
            let failed = |reason| ManifestError { line: Some((number, String::from_utf8_lossy(line).into())), reason };
            if line.is_empty() {
                return Err(ManifestError { line: Some((number, String::new())), reason: BAD_FORMAT });
            }
            manifest.add_line(line).map_err(failed)?;
        }
        Ok(manifest)
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let args = split_args(line).filter(|args| args.len() >= 6 && args.len() % 2 == 0).ok_or(BAD_FORMAT)?;
        let (mut name, mut seq, mut kind) = (None, 0, 0);
        for pair in args.chunks_exact(2) {
            let (key, value) = (&pair[0], &pair[1]);
            if key.eq_ignore_ascii_case(b"file") {
                let text = String::from_utf8(value.clone()).map_err(|_| BAD_FORMAT)?;
                if text.contains(['/', '\\']) || text == "." || text == ".." {
                    return Err("File can't be a path, just a filename");
                }
                name = Some(text).filter(|text| !text.is_empty());
            } else if key.eq_ignore_ascii_case(b"seq") {
                seq = leading_integer(value);
            } else if key.eq_ignore_ascii_case(b"type") {
                kind = value.first().copied().unwrap_or(0);
            }
        }
        let file = name.filter(|_| seq != 0 && kind != 0).map(|name| LogFile { name, seq }).ok_or(BAD_FORMAT)?;
        match kind {
            b'b' if self.base.is_some() => return Err("Found duplicate base file information"),
            b'b' => {
                self.base_seq = seq;
                self.base = Some(file);
            }
            b'h' => self.history.push(file),
            b'i' if seq <= self.increment_seq => return Err("Found a non-monotonic sequence number"),
            b'i' => {
                self.increment_seq = seq;
                self.increments.push(file);
            }
            _ => return Err("Unknown AOF file type"),
        }
        Ok(())
    }

    /// The manifest's text.
    pub fn to_text(&self) -> String {
        let base = self.base.iter().map(|file| (file, 'b'));
        let history = self.history.iter().map(|file| (file, 'h'));
        let increments = self.increments.iter().map(|file| (file, 'i'));
        let mut text = String::new();
        for (file, kind) in base.chain(history).chain(increments) {
            let plain = file.name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\'));
            let name = if plain { file.name.clone() } else { repr(file.name.as_bytes()) };
            text.push_str(&format!("file {name} seq {} type {kind}\n", file.seq));
        }
        text
    }

    /// Puts a new base in front of what it replaces: the old base and all increments but, with `keep_last`, the one
    /// that is being written become history. Returns the new base's name.
    pub fn replace_base(&mut self, stem: &str, format: BaseFormat, keep_last: bool) -> String {
        let kept = if keep_last { self.increments.pop() } else { None };
        let mut history = std::mem::take(&mut self.increments);
        history.extend(self.base.take());
        history.append(&mut self.history);
        self.history = history;
        self.increments.extend(kept);
        self.base_seq += 1;
        let suffix = match format {
            BaseFormat::Rdb => "rdb",
            BaseFormat::Aof => "aof",
        };
        let name = format!("{stem}.{}.base.{suffix}", self.base_seq);
        self.base = Some(LogFile { name: name.clone(), seq: self.base_seq });
        name
    }

    /// Adds a new increment and returns its name.
    pub fn add_increment(&mut self, stem: &str) -> String {
        self.increment_seq += 1;
        let name = format!("{stem}.{}.incr.aof", self.increment_seq);
        self.increments.push(LogFile { name: name.clone(), seq: self.increment_seq });
        name
    }
}

/// Cuts spaces, tabs and line ends off both sides.
fn trim(mut line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    while let Some((_, rest)) = line.split_first().filter(|(first, _)| blank(first)) {
        line = rest;
    }
    while let Some((_, rest)) = line.split_last().filter(|(last, _)| blank(last)) {
        line = rest;
    }
    line
}

/// The integer a text begins with, 0 when there is none, as C's `atoll`.
pub(super) fn leading_integer(text: &[u8]) -> i64 {
    let skipped = text.iter().take_while(|&&byte| is_space(byte)).count();
    let text = &text[skipped..];
    let signed = matches!(text.first(), Some(b'-' | b'+'));
    let mut value: i64 = 0;
    for digit in text[usize::from(signed)..].iter().take_while(|byte| byte.is_ascii_digit()) {
        value = value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    if text.first() == Some(&b'-') { -value } else { value }
}

/// Reads any bytes as a manifest: for fuzzing.
pub fn fuzz_manifest(data: &[u8]) {
    if let Ok(manifest) = Manifest::parse(data) {
        let again = Manifest::parse(manifest.to_text().as_bytes());
        if manifest != Manifest::default() {
            let again = again.expect("what was written is read back");
            assert_eq!((again.base, again.increments), (manifest.base, manifest.increments));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> &'static str {
        Manifest::parse(text.as_bytes()).unwrap_err().reason
    }

    #[test]
    fn a_manifest_of_the_reference_is_read_and_written_the_same() {
        let text = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.1.incr.aof seq 1 type h\n\
                    file appendonly.aof.4.incr.aof seq 4 type i\nfile appendonly.aof.5.incr.aof seq 5 type i\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.to_text(), text);
        assert_eq!((manifest.base_seq, manifest.increment_seq), (2, 5));
    }

    #[test]
    fn comments_unknown_keys_and_any_case_are_tolerated() {
        let text = "# a comment\nFILE a seq 1 type b startoffset 12\nfile b type i seq 7 endoffset 3\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.base.unwrap().name, "a");
        assert_eq!(manifest.increments, [LogFile { name: "b".into(), seq: 7 }]);
    }

    #[test]
    fn errors_are_in_the_words_of_the_reference() {
        assert_eq!(reason(""), "Found an empty AOF manifest");
        assert_eq!(reason("file a seq 1 type x\n"), "Unknown AOF file type");
        for text in ["\n", "file a seq 1\n", "file a seq 0 type b\n", "a b c d e f\n", "file a seq 1 type b x\n"] {
            assert_eq!(reason(text), BAD_FORMAT, "{text}");
        }
        assert_eq!(reason("file a seq 1 type b"), "The AOF manifest file contains too long line");
        let long = format!("file {} seq 1 type b\n", "a".repeat(1100));
        assert_eq!(reason(&long), "The AOF manifest file contains too long line");
        assert_eq!(reason("file a seq 1 type b\nfile b seq 2 type b\n"), "Found duplicate base file information");
        for text in ["file a seq 2 type i\nfile b seq 1 type i\n", "file a seq 2 type i\nfile b seq 2 type i\n"] {
            assert_eq!(reason(text), "Found a non-monotonic sequence number");
        }
        assert_eq!(reason("file ../a seq 1 type b\n"), "File can't be a path, just a filename");
        let shown = Manifest::parse(b"# x\nfile a seq 1 type x \n").unwrap_err().lines();
        assert_eq!(
            shown[1..],
            ["Reading the manifest file, at line 2", ">>> 'file a seq 1 type x'", "Unknown AOF file type"]
        );
    }

    #[test]
    fn names_with_spaces_are_quoted() {
        let mut manifest = Manifest::default();
        manifest.replace_base("file a b", BaseFormat::Rdb, true);
        manifest.add_increment("file a b");
        let text = manifest.to_text();
        assert!(text.starts_with("file \"file a b.1.base.rdb\" seq 1 type b\n"), "{text}");
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest);
    }

    #[test]
    fn a_new_base_makes_history_of_all_but_the_file_in_use() {
        let mut manifest = Manifest::default();
        manifest.replace_base("a", BaseFormat::Rdb, true);
        for _ in 0..3 {
            manifest.add_increment("a");
        }
        assert_eq!(manifest.replace_base("a", BaseFormat::Aof, true), "a.2.base.aof");
        let names = |files: &[LogFile]| files.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&manifest.history), ["a.1.incr.aof", "a.2.incr.aof", "a.1.base.rdb"]);
        assert_eq!(names(&manifest.increments), ["a.3.incr.aof"]);
        manifest.replace_base("a", BaseFormat::Rdb, false);
        assert!(manifest.increments.is_empty());
        assert_eq!(manifest.add_increment("a"), "a.4.incr.aof");
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        let words = [
            "file", "seq", "type", "b", "i", "h", "a.1", "1", "2", "-3", "\"", "'", "#", "\n", "\n", " ", "\0", "\\x00",
        ];
        for _ in 0..3000 {
            let text: String =
                (0..rng.usize(0..24)).map(|_| format!("{} ", words[rng.usize(0..words.len())])).collect();
            let text = text.replace(" \n ", "\n");
            if std::panic::catch_unwind(|| fuzz_manifest(text.as_bytes())).is_err() {
                panic!("seed {seed}: {text:?}");
            }
        }
    }
}
