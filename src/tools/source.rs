//! Telling data files apart by their first bytes.
//!
//! Left out: what the rest of them says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// The list of a log's files.
    Manifest,
    /// Begins with a snapshot; requests may follow.
    Rdb,
    /// Requests, or nothing that is known.
    Requests,
}

/// The longest line of a manifest and of an annotation, in bytes.
const LINE_MAX_BYTES: u64 = 1024;
/// A snapshot's header is longer than this, so a file that is not has none.
const HEADER_MIN_BYTES: usize = 8;

/// What a file is. Unlike redis-check-aof, only the first line that is no comment is asked whether this is a manifest,
/// so a log with a value that begins like one is not taken for it.
pub(super) fn kind_of(path: &Path) -> io::Result<FileKind> {
    kind(BufReader::new(File::open(path)?))
}

fn kind(mut input: impl BufRead) -> io::Result<FileKind> {
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut input).take(LINE_MAX_BYTES).read_until(b'\n', &mut line)?;
        if line.first() == Some(&b'#') && line.ends_with(b"\n") {
            continue;
        }
        if line.starts_with(b"file") {
            return Ok(FileKind::Manifest);
        }
        // A snapshot may have an end of line among its first bytes.
        let short = HEADER_MIN_BYTES.saturating_sub(line.len()) as u64;
        input.take(short).read_to_end(&mut line)?;
        let is_rdb = line.len() >= HEADER_MIN_BYTES && (line.starts_with(b"REDIS") || line.starts_with(b"VALKEY"));
        return Ok(if is_rdb { FileKind::Rdb } else { FileKind::Requests });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart() {
        for (text, expected) in [
            ("file a seq 1 type b\n", FileKind::Manifest),
            ("# a comment\n#\nfile a seq 1 type b", FileKind::Manifest),
            ("REDIS0010\u{7f}", FileKind::Rdb),
            ("VALKEY080", FileKind::Rdb),
            ("REDIS", FileKind::Requests),
            ("", FileKind::Requests),
            ("# only a comment", FileKind::Requests),
            ("#TS:1\r\n*1\r\n$8\r\nfilename\r\n", FileKind::Requests),
            ("\nfile a seq 1 type b\n", FileKind::Requests),
        ] {
            assert_eq!(kind(text.as_bytes()).unwrap(), expected, "{text:?}");
        }
    }
}
