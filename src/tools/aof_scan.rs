//! A walk over a log's requests that keeps none of them: where the last whole one ends, and what is wrong behind it.
//!
//! Promises: memory does not grow with the log, nor with any length it announces. What is sound is what redis-check-aof
//! calls sound, but for two things that no server writes and none loads: a request without arguments, and a number with
//! anything but digits in it.
//!
//! Left out: what requests mean, but for MULTI and EXEC, which belong together.

use std::io::{self, BufRead, Read};

/// The longest line with a number, in bytes.
const NUMBER_LINE_MAX_BYTES: u64 = 127;
/// The longest annotation, in bytes.
const NOTE_MAX_BYTES: u64 = 1023;
/// Bytes of a request's name that are looked at: the length of MULTI.
const NAME_BYTES: usize = 5;

/// What a walk found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Offset behind the last whole request or group, in bytes.
    pub sound: u64,
    /// Lines up to where the walk ended, from 1.
    pub line: u64,
    /// What is wrong, and at which offset.
    pub wrong: Option<(u64, String)>,
    /// Whether it ended at a timestamp later than asked for.
    pub later: bool,
}

/// Why a walk could not be finished.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The file cannot be read.
    Io(io::Error),
    /// A timestamp at this offset that is none.
    Timestamp(u64),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Stopped {
        Stopped::Io(error)
    }
}

/// Walks over the requests of `input`, which begins at the offset `from` of its file, until something is wrong or, with
/// `until`, a timestamp is later than that many seconds since 1970. O(length).
pub(super) fn scan(input: impl BufRead, from: u64, until: Option<i64>) -> Result<Report, Stopped> {
    let mut walk = Walk { input, at: from, line: 1, in_group: false };
    let mut sound = from;
    let end = |walk: Walk<_>, sound, wrong| Ok(Report { sound, line: walk.line, wrong, later: false });
    loop {
        if !walk.in_group {
            sound = walk.at;
        }
        let at = walk.at;
        match walk.peek()? {
            None => {
                let wrong = walk.in_group.then(|| (at, "Reached EOF before reading EXEC for MULTI".to_owned()));
                return end(walk, sound, wrong);
            }
            Some(b'#') => {
                let note = walk.text(NOTE_MAX_BYTES)?;
                if let (Some(until), Some(seconds)) = (until, note.strip_prefix(b"#TS:"))
                    && timestamp(seconds).ok_or(Stopped::Timestamp(at))? > until
                {
                    return Ok(Report { sound, line: walk.line, wrong: None, later: true });
                }
            }
            Some(b'*') => match walk.request()? {
                Ok(()) => {}
                Err(wrong) => return end(walk, sound, Some(wrong)),
            },
            Some(byte) => {
                let wrong = format!("Expected a request ('*') or an annotation ('#'), got: {byte:02x}");
                return end(walk, sound, Some((at, wrong)));
            }
        }
    }
}

/// The seconds of a timestamp's line.
fn timestamp(line: &[u8]) -> Option<i64> {
    let digits = line.split(|&byte| byte == b'\r').next()?;
    if digits.len() == line.len() {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

type Wrong = (u64, String);

struct Walk<R> {
    input: R,
    at: u64,
    line: u64,
    in_group: bool,
}

impl<R: BufRead> Walk<R> {
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A line with its end, or as much of it as there is or may be.
    fn text(&mut self, max_bytes: u64) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.at += (&mut self.input).take(max_bytes).read_until(b'\n', &mut line)? as u64;
        Ok(line)
    }

    fn request(&mut self) -> io::Result<Result<(), Wrong>> {
        let began = self.at;
        let count = match self.number(b'*')? {
            Ok(0) => return Ok(Err((began, "Expected at least one argument".to_owned()))),
            Ok(count) => count,
            Err(wrong) => return Ok(Err(wrong)),
        };
        for index in 0..count {
            let at = self.at;
            let name = match self.argument()? {
                Ok(name) => name,
                Err(wrong) => return Ok(Err(wrong)),
            };
            if index > 0 {
                continue;
            }
            let (multi, exec) = (name.eq_ignore_ascii_case(b"multi"), name.eq_ignore_ascii_case(b"exec"));
            if (multi && self.in_group) || (exec && !self.in_group) {
                return Ok(Err((at, format!("Unexpected {}", if multi { "MULTI" } else { "EXEC" }))));
            }
            self.in_group = (self.in_group || multi) && !exec;
        }
        Ok(Ok(()))
    }

    /// A line of a sign and a number.
    fn number(&mut self, sign: u8) -> io::Result<Result<u64, Wrong>> {
        let at = self.at;
        let line = self.text(NUMBER_LINE_MAX_BYTES)?;
        let Some((&first, rest)) = line.split_first() else {
            return Ok(Err((at, "Unexpected end of file".to_owned())));
        };
        if first != sign {
            let (sign, first) = (char::from(sign), first.escape_ascii());
            return Ok(Err((at, format!("Expected prefix '{sign}', got: '{first}'"))));
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, tail) = rest.split_at(digits);
        if digits.is_empty() || tail != b"\r\n" {
            let shown = if digits.is_empty() { rest } else { tail };
            let byte = |index: usize| shown.get(index).copied().unwrap_or(0);
            let what = if digits.is_empty() { "a number" } else { "\\r\\n" };
            return Ok(Err((at, format!("Expected {what}, got: {:02x}{:02x}", byte(0), byte(1)))));
        }
        let number = digits.iter().try_fold(0i64, |number, digit| {
            number.checked_mul(10)?.checked_add(i64::from(digit - b'0')).filter(|&number| number < i64::MAX - 2)
        });
        self.line += 1;
        // Not below zero: made of digits.
        Ok(number.map(i64::unsigned_abs).ok_or((at, "The number is not in the suitable range".to_owned())))
    }

    /// An argument: the bytes it begins with, when it is short enough for a name that matters.
    fn argument(&mut self) -> io::Result<Result<Vec<u8>, Wrong>> {
        let len = match self.number(b'$')? {
            Ok(len) => len,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let at = self.at;
        let mut kept = Vec::new();
        let mut ending = Vec::new();
        // The argument and the end of its line, which is kept in `ending`.
        let mut rest = len + 2;
        while rest > 0 {
            if self.peek()?.is_none() {
                let (wanted, got) = (len + 2, len + 2 - rest);
                return Ok(Err((at, format!("Expected to read {wanted} bytes, got {got} bytes"))));
            }
            let bytes = self.input.fill_buf()?;
            let take = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
            let body = usize::try_from(rest.saturating_sub(2)).unwrap_or(usize::MAX).min(take);
            if len <= NAME_BYTES as u64 {
                kept.extend_from_slice(&bytes[..body]);
            }
            ending.extend_from_slice(&bytes[body..take]);
            self.input.consume(take);
            self.at += take as u64;
            rest -= take as u64;
        }
        if ending != b"\r\n" {
            return Ok(Err((at, format!("Expected \\r\\n, got: {:02x}{:02x}", ending[0], ending[1]))));
        }
        self.line += 1;
        Ok(Ok(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::aof::{Batch, append_request, parse};
    use std::io::BufReader;

    fn log(requests: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for request in requests {
            append_request(&mut out, request.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        }
        out
    }

    fn sound(bytes: &[u8]) -> (u64, Option<Wrong>) {
        let report = scan(bytes, 0, None).unwrap();
        (report.sound, report.wrong)
    }

    #[test]
    fn a_whole_log_is_sound_to_its_end_in_blocks_of_any_size() {
        let mut bytes = log(&["select 0", "MULTI", "set k v", "exec"]);
        bytes.extend_from_slice(b"#TS:12\r\n");
        bytes.extend(log(&["set k \r\n*"]));
        for block in [1, 2, 3, 7, 4096] {
            let report = scan(BufReader::with_capacity(block, &bytes[..]), 0, None).unwrap();
            assert_eq!(
                report,
                Report { sound: bytes.len() as u64, line: 1 + 5 + 3 + 7 + 3 + 7, wrong: None, later: false }
            );
        }
    }

    #[test]
    fn a_log_cut_anywhere_is_sound_up_to_where_loading_would_go_on() {
        let bytes = log(&["select 0", "multi", "set key value", "del key", "exec", "incr counter"]);
        for cut in 0..bytes.len() {
            let found = parse(&bytes[..cut], &mut Batch::default());
            let (end, wrong) = sound(&bytes[..cut]);
            assert_eq!(end, found.consumed as u64, "{cut}");
            assert_eq!(wrong.is_none(), found.consumed == cut, "{cut}: {wrong:?}");
        }
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let good = log(&["set k v"]);
        let at = good.len() as u64;
        for (text, place, what) in [
            ("!", at, "Expected a request"),
            ("*x\r\n", at, "Expected a number"),
            ("*0\r\n", at, "Expected at least one"),
            ("*1\r\n:3\r\n", at + 4, "Expected prefix '$', got: ':'"),
            ("*1\n$3\r\n", at, "Expected \\r\\n, got: 0a00"),
            ("*1\r\n$1\r\nabcd", at + 8, "Expected \\r\\n, got: 6263"),
            ("*1\r\n$9223372036854775807\r\n", at + 4, "The number is not"),
            ("*1\r\n$900000000000000000\r\nabc", at + 25, "Expected to read 900000000000000002 bytes, got 3"),
            ("*1\r\n$4\r\nexec\r\n", at + 4, "Unexpected EXEC"),
            ("*1\r\n$5\r\nmulti\r\n*1\r\n$5\r\nMULTI\r\n", at + 19, "Unexpected MULTI"),
            ("*1\r\n$5\r\nmulti\r\n", at + 15, "Reached EOF before"),
        ] {
            let (end, wrong) = sound(&[&good, text.as_bytes()].concat());
            let (offset, reason) = wrong.unwrap();
            assert_eq!((end, offset), (at, place), "{text}: {reason}");
            assert!(reason.starts_with(what), "{text}: {reason}");
        }
    }

    #[test]
    fn it_ends_at_a_later_timestamp() {
        let mut bytes = b"#TS:10\r\n".to_vec();
        bytes.extend(log(&["set a 1"]));
        let first = bytes.len() as u64;
        bytes.extend_from_slice(b"#TS:20\r\n");
        bytes.extend(log(&["set a 2"]));
        let cut = |until| scan(&bytes[..], 0, Some(until)).map(|report| (report.sound, report.later)).unwrap();
        assert_eq!(cut(9), (0, true));
        assert_eq!(cut(10), (first, true));
        assert_eq!(cut(20), (bytes.len() as u64, false));
        for text in ["#TS:1x\r\n", "#TS:\r\n", "#TS:1"] {
            assert!(matches!(scan(text.as_bytes(), 0, Some(5)), Err(Stopped::Timestamp(0))), "{text}");
            assert_eq!(sound(text.as_bytes()).1, None);
        }
    }

    #[test]
    fn any_bytes_are_walked_over_without_panic() {
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        let words = ["*1\r\n", "*2\r\n", "$4\r\n", "exec\r\n", "$5\r\nmulti\r\n", "#TS:7\r\n", "9", "-", "\0", "\r\n"];
        for _ in 0..3000 {
            let text: String = (0..rng.usize(0..20)).map(|_| words[rng.usize(0..words.len())]).collect();
            let scanned = std::panic::catch_unwind(|| scan(text.as_bytes(), 0, Some(5)));
            match scanned {
                Ok(Ok(report)) => assert!(report.sound <= text.len() as u64, "seed {seed}: {text:?}"),
                Ok(Err(_)) => {}
                Err(_) => panic!("seed {seed}: {text:?}"),
            }
        }
    }
}
