//! The log's format: requests as clients send them, one after the other, with `#` lines between.
//!
//! Owns writing a request ([`append_request`]) and cutting a stream of bytes into requests ([`AofParser`]). Promises:
//! requests between MULTI and EXEC come out together or not at all, without the MULTI and the EXEC; memory grows with the
//! bytes there are, never with a length announced; what counts as cut off (and may be dropped) and what as damaged is as
//! in Redis 7, but for two things: an argument must be followed by CR LF, and a tail of nothing but zeros, as a power
//! failure leaves it, counts as cut off.
//!
//! Left out: SELECT (the engine's), files and their order (`load.rs`).

use crate::base::num::{i64_len, write_i64};
use crate::resp::Span;

/// The longest line, in bytes.
const LINE_MAX_BYTES: usize = 1024;

/// Appends a request. O(its length).
pub fn append_request<'a, I>(out: &mut Vec<u8>, parts: I)
where
    I: IntoIterator<Item = &'a [u8], IntoIter: ExactSizeIterator>,
{
    let parts = parts.into_iter();
    append_count(out, parts.len());
    for part in parts {
        append_bulk(out, part);
    }
}

/// Appends the head of a request of `count` arguments; as many [`append_bulk`] must follow.
#[inline]
pub fn append_count(out: &mut Vec<u8>, count: usize) {
    out.push(b'*');
    write_i64(out, count as i64);
    out.extend_from_slice(b"\r\n");
}

/// Appends an argument.
#[inline]
pub fn append_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    write_i64(out, bytes.len() as i64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends an argument that is an integer.
pub fn append_bulk_int(out: &mut Vec<u8>, value: i64) {
    out.push(b'$');
    write_i64(out, i64_len(value) as i64);
    out.extend_from_slice(b"\r\n");
    write_i64(out, value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a note of the time, in seconds since the Unix epoch (`aof-timestamp-enabled`).
pub fn append_timestamp(out: &mut Vec<u8>, unix_secs: i64) {
    out.extend_from_slice(b"#TS:");
    write_i64(out, unix_secs);
    out.extend_from_slice(b"\r\n");
}

/// Several requests in one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    /// The bytes the spans point into.
    pub bytes: Vec<u8>,
    /// All requests' arguments.
    pub spans: Vec<Span>,
    /// Where each request's arguments end in `spans`.
    pub ends: Vec<usize>,
}

impl Batch {
    /// The arguments' places, request by request.
    pub fn requests(&self) -> impl Iterator<Item = &[Span]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.spans[start..end])
    }

    fn truncate(&mut self, requests: usize) {
        self.ends.truncate(requests);
        self.spans.truncate(self.ends.last().copied().unwrap_or(0));
    }
}

/// Why there is no further request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// More bytes are needed.
    NeedMore,
    /// The byte at this offset cannot be there.
    Damaged(usize),
}

/// What a call of [`parse`] found.
#[derive(Debug)]
pub struct Found {
    /// Bytes up to the end of the last whole request (or group, or `#` line).
    pub consumed: usize,
    /// The bytes behind belong to a MULTI whose EXEC has not come.
    pub in_group: bool,
    /// Why it stopped.
    pub stop: Stop,
}

/// Finds all whole requests at the start of `bytes`, and pushes them to `batch` (whose `bytes` are left alone).
/// O(length).
pub fn parse(bytes: &[u8], batch: &mut Batch) -> Found {
    let mut at = 0;
    // Where the open group began: its first byte, and the requests before it.
    let mut group: Option<(usize, usize)> = None;
    let stop = loop {
        match request(bytes, at, &mut batch.spans) {
            Ok(Line::Note(end)) => at = end,
            Ok(Line::Request(end)) => {
                let start = batch.ends.last().copied().unwrap_or(0);
                let name = batch.spans[start].of(bytes);
                if group.is_none() && name.eq_ignore_ascii_case(b"multi") {
                    group = Some((at, batch.ends.len()));
                    batch.spans.truncate(start);
                } else if name.eq_ignore_ascii_case(b"exec") {
                    group = None;
                    batch.spans.truncate(start);
                } else {
                    batch.ends.push(batch.spans.len());
                }
                at = end;
            }
            Err(stop) => break stop,
        }
    };
    let whole = group.map_or(batch.ends.len(), |(_, requests)| requests);
    batch.truncate(whole);
    Found { consumed: group.map_or(at, |(start, _)| start), in_group: group.is_some(), stop }
}

enum Line {
    /// A `#` line that ends here.
    Note(usize),
    /// A request that ends here.
    Request(usize),
}

/// One request or `#` line at `at`; its arguments are pushed to `spans`.
#[inline]
fn request(bytes: &[u8], at: usize, spans: &mut Vec<Span>) -> Result<Line, Stop> {
    match bytes.get(at) {
        None => return Err(Stop::NeedMore),
        Some(b'#') => return Ok(Line::Note(line(bytes, at)?)),
        Some(b'*') => {}
        Some(_) => return Err(Stop::Damaged(at)),
    }
    let (count, mut at) = header(bytes, at)?;
    if count < 1 {
        return Err(Stop::Damaged(at));
    }
    for _ in 0..count {
        match bytes.get(at) {
            None => return Err(Stop::NeedMore),
            Some(b'$') => {}
            Some(_) => return Err(Stop::Damaged(at)),
        }
        let (len, start) = header(bytes, at)?;
        let len = usize::try_from(len).map_err(|_| Stop::Damaged(at))?;
        let end = start.checked_add(len).filter(|&end| end <= isize::MAX as usize - 2).ok_or(Stop::Damaged(at))?;
        match bytes.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(bytes) => return Err(Stop::Damaged(end + usize::from(bytes[0] == b'\r'))),
            None if matches!(bytes.get(end), Some(&byte) if byte != b'\r') => return Err(Stop::Damaged(end)),
            None => return Err(Stop::NeedMore),
        }
        spans.push(Span { start, len });
        at = end + 2;
    }
    Ok(Line::Request(at))
}

/// The end of the line at `at`.
fn line(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let window = &bytes[at..bytes.len().min(at + LINE_MAX_BYTES)];
    match memchr::memchr(b'\n', window) {
        Some(length) => Ok(at + length + 1),
        None if window.len() == LINE_MAX_BYTES => Err(Stop::Damaged(at + memchr::memchr(0, window).unwrap_or(0))),
        None => Err(Stop::NeedMore),
    }
}

/// The number behind the sign at `at`, and where its line ends. What follows the digits is passed over, as `atoi` does.
#[inline]
fn header(bytes: &[u8], at: usize) -> Result<(i64, usize), Stop> {
    let mut value: i64 = 0;
    let mut cursor = at + 1;
    while let Some(digit) = bytes.get(cursor).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        value = value.saturating_mul(10).saturating_add(i64::from(digit));
        cursor += 1;
    }
    match bytes.get(cursor) {
        Some(b'\r') if bytes.get(cursor + 1) == Some(&b'\n') => Ok((value, cursor + 2)),
        // No digit: it will not become a number any more.
        Some(_) if cursor == at + 1 => Err(Stop::Damaged(cursor)),
        _ => Ok((value, line(bytes, at)?)),
    }
}

/// Reads any bytes as a log: for fuzzing.
pub fn fuzz_aof(data: &[u8]) {
    let mut batch = Batch::default();
    let found = parse(data, &mut batch);
    assert!(found.consumed <= data.len());
    for spans in batch.requests() {
        assert!(!spans.is_empty());
        for span in spans {
            assert!(span.of(data).len() <= found.consumed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(requests: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for request in requests {
            append_request(&mut out, request.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        }
        out
    }

    fn found(bytes: &[u8]) -> (Vec<String>, Found) {
        let mut batch = Batch::default();
        let found = parse(bytes, &mut batch);
        let text = |spans: &[Span]| {
            let words: Vec<_> = spans.iter().map(|span| String::from_utf8_lossy(span.of(bytes)).into_owned()).collect();
            words.join(" ")
        };
        (batch.requests().map(text).collect(), found)
    }

    #[test]
    fn requests_are_written_as_the_reference_writes_them() {
        assert_eq!(log(&["set k v"]), b"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n");
        let mut out = Vec::new();
        append_timestamp(&mut out, 1700000000);
        append_count(&mut out, 1);
        append_bulk_int(&mut out, -10);
        assert_eq!(out, b"#TS:1700000000\r\n*1\r\n$3\r\n-10\r\n");
    }

    #[test]
    fn what_was_written_is_read_back_from_every_prefix() {
        let mut bytes = log(&["select 0", "set k v"]);
        append_timestamp(&mut bytes, 5);
        bytes.extend(log(&["MULTI", "incr a", "incr b", "exec", "del k"]));
        let all = ["select 0", "set k v", "incr a", "incr b", "del k"];
        for end in 0..=bytes.len() {
            let (texts, found) = found(&bytes[..end]);
            assert!(all.starts_with(&texts.iter().map(String::as_str).collect::<Vec<_>>()), "{texts:?}");
            assert_ne!(texts.len(), 3, "half a group came out");
            assert_eq!(found.stop, Stop::NeedMore);
            assert!(end < bytes.len() || (texts.len() == 5 && found.consumed == end && !found.in_group));
        }
    }

    #[test]
    fn an_open_group_is_held_back() {
        let bytes = log(&["set k v", "multi", "incr a"]);
        let (texts, found) = found(&bytes);
        assert_eq!(texts, ["set k v"]);
        assert!(found.in_group);
        assert_eq!(found.consumed, log(&["set k v"]).len());
    }

    #[test]
    fn damage_is_told_with_its_place() {
        for (text, at) in [
            ("!!!", 0),
            ("*0\r\n", 4),
            ("*x\r\n", 1),
            ("*1\r\n:3\r\n", 4),
            ("*1\r\n$-1\r\n", 5),
            ("*1\r\n$1\r\nabc", 9),
            ("*1\r\n$99999999999999999999\r\n", 4),
        ] {
            assert_eq!(found(text.as_bytes()).1.stop, Stop::Damaged(at), "{text}");
        }
        for text in ["*", "*3", "*3\r\n", "*1\r\n$", "*1\r\n$3\r\nab", "*1\r\n$3\r\nabc\r", "#TS:12"] {
            assert_eq!(found(text.as_bytes()).1.stop, Stop::NeedMore, "{text}");
        }
        assert_eq!(found(&[b'#'; 2000]).1.stop, Stop::Damaged(0));
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        let words =
            ["*1\r\n", "*2\r\n", "$4\r\n", "$0\r\n\r\n", "exec\r\n", "$5\r\nmulti\r\n", "#x\n", "9", "-", "\0", "abc"];
        for _ in 0..3000 {
            let text: String = (0..rng.usize(0..20)).map(|_| words[rng.usize(0..words.len())]).collect();
            if std::panic::catch_unwind(|| fuzz_aof(text.as_bytes())).is_err() {
                panic!("seed {seed}: {text:?}");
            }
        }
    }
}
