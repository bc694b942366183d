//! Quoted text: how bytes are shown to people, and how a line is cut into arguments.
//!
//! `repr` is the form of MONITOR, DEBUG and CONFIG REWRITE; `split_args` reads it back and serves inline requests and
//! configuration lines. A NUL byte ends the line, as it does for the servers whose lines we read.

/// `bytes` in double quotes, with escapes for quotes, backslashes and all that is not printable ASCII.
pub fn repr(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'"' => out.push_str("\\\""),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            7 => out.push_str("\\a"),
            8 => out.push_str("\\b"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\x");
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out.push('"');
    out
}

/// Whether `byte` is white space to C's `isspace`.
pub const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

/// Cuts a line into arguments at white space, with `"..."` (escapes) and `'...'` (only `\'`) as in a shell.
///
/// `None` when a quote is left open or a closing quote is not followed by white space. A blank line gives no arguments.
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = &line[..memchr::memchr(0, line).unwrap_or(line.len())];
    let mut args = Vec::new();
    let mut at = 0;
    loop {
        while line.get(at).copied().is_some_and(is_space) {
            at += 1;
        }
        if at == line.len() {
            return Some(args);
        }
        let mut arg = Vec::new();
        at = take_arg(line, at, &mut arg)?;
        args.push(arg);
    }
}

/// Reads one argument that starts at `at`; the position after it, or `None` when its quotes do not balance.
fn take_arg(line: &[u8], mut at: usize, arg: &mut Vec<u8>) -> Option<usize> {
    loop {
        match line.get(at) {
            None => return Some(at),
            // Narrower than `is_space`: vertical tab and form feed end no argument, they are only skipped before one.
            Some(b' ' | b'\n' | b'\r' | b'\t') => return Some(at + 1),
            Some(b'"') => return take_double(line, at + 1, arg),
            Some(b'\'') => return take_single(line, at + 1, arg),
            Some(&byte) => arg.push(byte),
        }
        at += 1;
    }
}

/// The rest of an argument inside double quotes; a closing quote also closes the argument.
fn take_double(line: &[u8], mut at: usize, arg: &mut Vec<u8>) -> Option<usize> {
    loop {
        match (*line.get(at)?, line.get(at + 1).copied()) {
            (b'\\', Some(b'x')) if hex_pair(line, at + 2).is_some() => {
                arg.extend(hex_pair(line, at + 2));
                at += 4;
            }
            (b'\\', Some(escaped)) => {
                arg.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => other,
                });
                at += 2;
            }
            (b'"', next) => return closes(next, at),
            (byte, _) => {
                arg.push(byte);
                at += 1;
            }
        }
    }
}

fn take_single(line: &[u8], mut at: usize, arg: &mut Vec<u8>) -> Option<usize> {
    loop {
        match (*line.get(at)?, line.get(at + 1).copied()) {
            (b'\\', Some(b'\'')) => {
                arg.push(b'\'');
                at += 2;
            }
            (b'\'', next) => return closes(next, at),
            (byte, _) => {
                arg.push(byte);
                at += 1;
            }
        }
    }
}

/// A closing quote at `at` must be followed by white space or the end.
fn closes(next: Option<u8>, at: usize) -> Option<usize> {
    next.is_none_or(is_space).then_some(at + 1)
}

fn hex_pair(line: &[u8], at: usize) -> Option<u8> {
    let digit = |i: usize| char::from(*line.get(i)?).to_digit(16);
    Some((digit(at)? * 16 + digit(at + 1)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<Vec<String>> {
        let args = split_args(line.as_bytes())?;
        Some(args.into_iter().map(|arg| String::from_utf8_lossy(&arg).into_owned()).collect())
    }

    #[test]
    fn repr_escapes_what_cannot_be_printed() {
        assert_eq!(repr(b"a\x00\n\"\\\x07\x08\t\r\xff~ "), "\"a\\x00\\n\\\"\\\\\\a\\b\\t\\r\\xff~ \"");
    }

    #[test]
    fn words_and_quotes_are_cut_as_in_a_shell() {
        assert_eq!(split("  set  foo\tbar \r\n").unwrap(), ["set", "foo", "bar"]);
        assert_eq!(split(r#"a "b c" 'd "e' f"g h""#).unwrap(), ["a", "b c", "d \"e", "fg h"]);
        assert_eq!(split(r#""\x41\n\q\x4" '\'' '\n'"#).unwrap(), ["A\nqx4", "'", "\\n"]);
        assert_eq!(split(r#""" ''"#).unwrap(), ["", ""]);
        assert_eq!(split("").unwrap(), Vec::<String>::new());
        assert_eq!(split("a\x0bb \x0bc").unwrap(), ["a\x0bb", "c"]);
        assert_eq!(split("a b\0c d").unwrap(), ["a", "b"]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in ["\"a", "'a", "\"a\"b", "'a'b", "\"a\\\"", "'a\\'", "\"a\\"] {
            assert_eq!(split(line), None, "{line}");
        }
    }

    #[test]
    fn what_repr_writes_split_args_reads() {
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
            assert_eq!(split_args(repr(&bytes).as_bytes()), Some(vec![bytes]));
        }
    }
}
