//! The reply reader, for links to other servers and for tests: bytes in, one owned `Value` out.
//!
//! Understands every type of RESP2 and RESP3 but the streamed ones, which no server of this family sends. A reply that
//! has not arrived in full is tried again from its start with more bytes; that is enough for the short replies of links.
//!
//! Promises: no panic, nesting and lengths are bounded, and memory grows only with bytes received.

use super::ProtocolError;
use crate::base::num::{parse_i64, parse_u64};

/// How deep aggregates may nest.
pub const MAX_DEPTH: usize = 64;
/// The longest string, in bytes.
pub const MAX_BULK: u64 = 4 << 30;
/// The longest line, in bytes.
pub const MAX_LINE: usize = 1 << 20;
/// The most elements of one aggregate.
pub const MAX_ELEMENTS: u64 = i32::MAX as u64;

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `+`
    Simple(Vec<u8>),
    /// `-`, code and text.
    Error(Vec<u8>),
    /// `!`, an error that may hold line ends.
    BulkError(Vec<u8>),
    /// `:`
    Integer(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `$-1`
    NullBulk,
    /// `*-1`
    NullArray,
    /// `_`
    Null,
    /// `*`
    Array(Vec<Value>),
    /// `%`, in the order sent.
    Map(Vec<(Value, Value)>),
    /// `~`, in the order sent.
    Set(Vec<Value>),
    /// `>`
    Push(Vec<Value>),
    /// `|`, attributes and the value they describe.
    Attributed(Vec<(Value, Value)>, Box<Value>),
    /// `,`
    Double(f64),
    /// `#`
    Boolean(bool),
    /// `(`, the digits.
    BigNumber(Vec<u8>),
    /// `=`, the format tag and the text.
    Verbatim([u8; 3], Vec<u8>),
}

/// Why no value could be read.
enum Stop {
    NeedMore,
    Bad(&'static str),
}

type Step<T> = Result<T, Stop>;

/// Reads the reply at the start of `buf`: the value and its length in bytes, or `None` when it is not complete.
///
/// # Errors
/// `ProtocolError::BadReply` when no bytes to come can make it a reply.
pub fn read_reply(buf: &[u8]) -> Option<Result<(Value, usize), ProtocolError>> {
    let mut cursor = Cursor { buf, at: 0 };
    match cursor.value(0) {
        Ok(value) => Some(Ok((value, cursor.at))),
        Err(Stop::NeedMore) => None,
        Err(Stop::Bad(what)) => Some(Err(ProtocolError::BadReply(what))),
    }
}

struct Cursor<'a> {
    buf: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn value(&mut self, depth: usize) -> Step<Value> {
        if depth >= MAX_DEPTH {
            return Err(Stop::Bad("reply nested too deep"));
        }
        let (mark, line) = self.line()?;
        Ok(match mark {
            b'+' => Value::Simple(line.to_vec()),
            b'-' => Value::Error(line.to_vec()),
            b':' => Value::Integer(parse_i64(line).ok_or(Stop::Bad("invalid integer in reply"))?),
            b'$' if line == b"-1" => Value::NullBulk,
            b'$' => Value::Bulk(self.bulk(line)?.to_vec()),
            b'!' => Value::BulkError(self.bulk(line)?.to_vec()),
            b'=' => {
                let Some(([a, b, c, b':'], text)) = self.bulk(line)?.split_first_chunk::<4>() else {
                    return Err(Stop::Bad("verbatim string without a format in reply"));
                };
                Value::Verbatim([*a, *b, *c], text.to_vec())
            }
            b'*' if line == b"-1" => Value::NullArray,
            b'*' => Value::Array(self.elements(line, depth)?),
            b'~' => Value::Set(self.elements(line, depth)?),
            b'>' => Value::Push(self.elements(line, depth)?),
            b'%' => Value::Map(self.pairs(line, depth)?),
            b'|' => Value::Attributed(self.pairs(line, depth)?, Box::new(self.value(depth + 1)?)),
            b'_' if line.is_empty() => Value::Null,
            b'#' if line == b"t" => Value::Boolean(true),
            b'#' if line == b"f" => Value::Boolean(false),
            b',' => Value::Double(double(line).ok_or(Stop::Bad("invalid double in reply"))?),
            b'(' if is_big_number(line) => Value::BigNumber(line.to_vec()),
            b'(' => return Err(Stop::Bad("invalid big number in reply")),
            b'#' => return Err(Stop::Bad("invalid boolean in reply")),
            b'_' => return Err(Stop::Bad("invalid null in reply")),
            _ => return Err(Stop::Bad("unknown type in reply")),
        })
    }

    /// The type byte and the rest of the line at `at`; moves behind its end.
    fn line(&mut self) -> Step<(u8, &'a [u8])> {
        let rest = &self.buf[self.at..];
        let window = &rest[..rest.len().min(MAX_LINE + 2)];
        let Some(end) = memchr::memchr(b'\n', window) else {
            return Err(if window.len() < MAX_LINE + 2 {
                Stop::NeedMore
            } else {
                Stop::Bad("too long a line in reply")
            });
        };
        let line = window[..end].strip_suffix(b"\r").and_then(<[u8]>::split_first);
        let (&mark, line) = line.ok_or(Stop::Bad("invalid line in reply"))?;
        self.at += end + 1;
        Ok((mark, line))
    }

    /// The string announced by `line`; moves behind its line end.
    fn bulk(&mut self, line: &[u8]) -> Step<&'a [u8]> {
        let len = parse_u64(line).filter(|&len| len <= MAX_BULK).and_then(|len| usize::try_from(len).ok());
        let len = len.ok_or(Stop::Bad("invalid string length in reply"))?;
        let rest = &self.buf[self.at..];
        match rest.get(len..len + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(Stop::Bad("string without a line end in reply")),
            None => return Err(Stop::NeedMore),
        }
        self.at += len + 2;
        Ok(&rest[..len])
    }

    fn elements(&mut self, line: &[u8], depth: usize) -> Step<Vec<Value>> {
        let count = count(line)?;
        // No reply is shorter than three bytes, so no more elements than this can be in the buffer.
        let mut elements = Vec::with_capacity(count.min((self.buf.len() - self.at) / 3).min(1024));
        for _ in 0..count {
            elements.push(self.value(depth + 1)?);
        }
        Ok(elements)
    }

    fn pairs(&mut self, line: &[u8], depth: usize) -> Step<Vec<(Value, Value)>> {
        let count = count(line)?;
        let mut pairs = Vec::with_capacity(count.min((self.buf.len() - self.at) / 6).min(1024));
        for _ in 0..count {
            pairs.push((self.value(depth + 1)?, self.value(depth + 1)?));
        }
        Ok(pairs)
    }
}

fn count(line: &[u8]) -> Step<usize> {
    let count = parse_u64(line).filter(|&count| count <= MAX_ELEMENTS).and_then(|count| usize::try_from(count).ok());
    count.ok_or(Stop::Bad("invalid count in reply"))
}

fn double(line: &[u8]) -> Option<f64> {
    std::str::from_utf8(line).ok()?.parse().ok()
}

fn is_big_number(line: &[u8]) -> bool {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Reads replies from `data` and asserts that a reply is found exactly when its last byte is there, and is then the same.
pub fn fuzz_reply_reader(data: &[u8]) {
    let mut rest = data;
    // A reply cut short is read anew from its start, so the prefixes that are tried are bounded.
    let mut tries = 2000;
    while let Some(Ok((value, consumed))) = read_reply(rest) {
        assert!(consumed > 0 && consumed <= rest.len());
        let step = consumed / 64 + 1;
        for end in (0..consumed).step_by(step) {
            assert!(read_reply(&rest[..end]).is_none(), "a part of a reply was taken for one");
        }
        let alone = read_reply(&rest[..consumed]);
        assert_eq!(format!("{alone:?}"), format!("{:?}", Some(Ok::<_, ProtocolError>((value, consumed)))));
        rest = &rest[consumed..];
        tries -= 1;
        if tries == 0 {
            return;
        }
    }
    if let Some(Err(error)) = read_reply(rest) {
        // Once wrong, always wrong: more bytes do not mend it.
        assert_eq!(read_reply(&[rest, b"\r\n+OK\r\n"].concat()), Some(Err(error)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::{Protocol, Reply};

    fn read(text: &[u8]) -> Value {
        let (value, consumed) = read_reply(text).expect("complete").expect("valid");
        assert_eq!(consumed, text.len());
        value
    }

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    #[test]
    fn every_type_is_understood() {
        let text = b"*14\r\n+OK\r\n-ERR x\r\n:-5\r\n$2\r\nhi\r\n$-1\r\n*-1\r\n_\r\n,1.5\r\n,-inf\r\n#t\r\n(123\r\n=6\r\ntxt:yo\r\n\
                     ~1\r\n:1\r\n%1\r\n+a\r\n:2\r\n";
        let expected = vec![
            Value::Simple(b"OK".into()),
            Value::Error(b"ERR x".into()),
            Value::Integer(-5),
            bulk("hi"),
            Value::NullBulk,
            Value::NullArray,
            Value::Null,
            Value::Double(1.5),
            Value::Double(f64::NEG_INFINITY),
            Value::Boolean(true),
            Value::BigNumber(b"123".into()),
            Value::Verbatim(*b"txt", b"yo".into()),
            Value::Set(vec![Value::Integer(1)]),
            Value::Map(vec![(Value::Simple(b"a".into()), Value::Integer(2))]),
        ];
        assert_eq!(read(text), Value::Array(expected));
        assert_eq!(read(b">1\r\n!3\r\nE a\r\n"), Value::Push(vec![Value::BulkError(b"E a".into())]));
        let attributes = vec![(bulk("k"), Value::Boolean(false))];
        assert_eq!(read(b"|1\r\n$1\r\nk\r\n#f\r\n:7\r\n"), Value::Attributed(attributes, Box::new(Value::Integer(7))));
    }

    #[test]
    fn what_the_writer_writes_is_read_back() {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let mut reply = Reply::new(protocol);
            reply.array(4);
            reply.bulk(b"a\r\n");
            reply.integer(12);
            reply.error(b"WRONGTYPE x");
            reply.bulk_int(-3);
            let elements = vec![bulk("a\r\n"), Value::Integer(12), Value::Error(b"WRONGTYPE x".into()), bulk("-3")];
            assert_eq!(read(reply.as_slice()), Value::Array(elements));
        }
    }

    #[test]
    fn nonsense_is_refused_and_bounds_hold() {
        let bad: [&[u8]; 13] = [
            b"x\r\n",
            b"\r\n",
            b":a\r\n",
            b"$-2\r\n",
            b"$1\r\nabc",
            b"*-2\r\n",
            b"#x\r\n",
            b"_x\r\n",
            b"(1a\r\n",
            b"=2\r\nab\r\n",
            b"$99999999999999\r\n",
            b"*99999999999\r\n",
            b"+OK\n",
        ];
        for text in bad {
            assert!(matches!(read_reply(text), Some(Err(_))), "{:?}", String::from_utf8_lossy(text));
        }
        assert!(matches!(read_reply(&b"*1\r\n".repeat(MAX_DEPTH)), Some(Err(_))));
        assert!(read_reply(&b"*1\r\n".repeat(MAX_DEPTH - 1)).is_none());
        assert!(matches!(read_reply(&vec![b'+'; MAX_LINE + 2]), Some(Err(_))));
        assert!(read_reply(b"*2147483647\r\n").is_none());
    }

    #[test]
    fn random_replies_are_read_alike_whole_and_cut() {
        let seed = 23;
        let mut rng = fastrand::Rng::with_seed(seed);
        let words: [&[u8]; 14] = [
            b"*2\r\n",
            b"%1\r\n",
            b"~1\r\n",
            b"|1\r\n",
            b":1\r\n",
            b"$3\r\nabc\r\n",
            b"$-1\r\n",
            b"_\r\n",
            b"#t\r\n",
            b",1e5\r\n",
            b"(99\r\n",
            b"=5\r\ntxt:x\r\n",
            b"+OK\r\n",
            b"*0\r\n",
        ];
        for _ in 0..5000 {
            let mut data: Vec<u8> = Vec::new();
            for _ in 0..rng.usize(1..20) {
                data.extend_from_slice(words[rng.usize(..words.len())]);
            }
            if rng.bool() {
                let at = rng.usize(..data.len());
                data[at] = rng.u8(..);
            }
            fuzz_reply_reader(&data);
        }
    }
}
