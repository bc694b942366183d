//! The request parser: bytes in, the places of the arguments out.
//!
//! Nothing is copied: a request is a list of `Span`s into the caller's buffer. Two roads lead through the same grammar.
//! `fast` takes a whole, well-formed `*N $L ...` request in one tight loop and gives up at the first surprise; `resume`
//! is exact about every limit and error and can stop at any byte. What it knows of an unfinished request is kept in one
//! box, so a parser between requests is a single word, and bytes already looked at are not looked at again: an argument
//! of any size that arrives in pieces costs its header once.
//!
//! Promises: every error and limit is that of Redis 7.0; the outcome depends on the bytes alone, never on how they were
//! split; memory grows only with bytes received, never with a length announced.
//!
//! Left out: the size of the buffer and how long to wait are the caller's.

use super::ProtocolError;
use crate::base::num::{parse_i64, parse_u64};
use crate::base::quoting::{is_space, split_args};

/// The longest inline request and the longest line with a count or a length, in bytes.
pub const LINE_LIMIT: usize = 64 * 1024;
/// The most arguments of one request.
pub const ARGS_LIMIT: i64 = i32::MAX as i64;
/// The most arguments of one request before the client has logged in.
pub const UNAUTHENTICATED_ARGS_LIMIT: i64 = 10;
/// The longest argument before the client has logged in, in bytes.
pub const UNAUTHENTICATED_BULK_LIMIT: u64 = 16384;

/// The place of one argument in the buffer that was parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Length in bytes.
    pub len: usize,
}

impl Span {
    /// The bytes meant; `buf` must be the buffer that was parsed, with its bytes where they were.
    #[inline]
    pub fn of(self, buf: &[u8]) -> &[u8] {
        &buf[self.start..self.start + self.len]
    }
}

/// What bounds a request, given afresh with each call since it changes with AUTH and CONFIG SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseLimits {
    /// The longest argument, in bytes (`proto-max-bulk-len`).
    pub max_bulk_len: u64,
    /// The client must log in and has not yet: it may send only small requests.
    pub unauthenticated: bool,
    /// The bytes come from our primary: arguments of any length, no inline requests.
    pub from_primary: bool,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { max_bulk_len: 512 * 1024 * 1024, unauthenticated: false, from_primary: false }
    }
}

/// The outcome of one call of `RequestParser::parse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The request is not complete: call again with the same bytes and more behind them.
    NeedMore,
    /// A request, whose arguments were pushed to `spans`.
    Request {
        /// Its length in bytes.
        consumed: usize,
    },
    /// An inline request with quotes, whose arguments had to be unescaped.
    Inline {
        /// The arguments, at least one.
        args: Vec<Vec<u8>>,
        /// Its length in bytes.
        consumed: usize,
    },
    /// Nothing to run: a blank line, or a request of no arguments.
    Empty {
        /// Its length in bytes.
        consumed: usize,
    },
    /// The stream cannot be understood from here on: answer and close.
    Error(ProtocolError),
}

/// The parser of one connection.
#[derive(Debug, Default)]
pub struct RequestParser {
    /// What is known of a request whose end has not arrived.
    pending: Option<Box<Pending>>,
}

/// The state of an unfinished request. Offsets count from its first byte.
#[derive(Debug, Default)]
struct Pending {
    /// The first byte that belongs to no finished line or argument.
    at: usize,
    /// No line end is before this offset (looking from `at`).
    searched: usize,
    /// Arguments still to come; zero until the count is known.
    args_left: usize,
    /// The length of the argument at `at`, when its header was read.
    bulk_len: Option<usize>,
    /// How many bytes the argument at `at` lacks, with its line end.
    lacking: usize,
    /// The finished arguments.
    spans: Vec<Span>,
}

/// Why `Pending` stopped before the end of the request.
enum Stop {
    NeedMore,
    Error(ProtocolError),
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Self {
        Self::Error(error)
    }
}

impl RequestParser {
    /// A parser at the start of a stream.
    pub const fn new() -> Self {
        Self { pending: None }
    }

    /// Parses the request at the start of `buf`; linear in the bytes not seen by an earlier call.
    ///
    /// `buf` begins with the current request and keeps its bytes between calls until `consumed` of them are reported.
    /// On `Request` the arguments, at least one, are pushed behind what `spans` holds; otherwise `spans` is unchanged.
    /// After `Error` the parser is of no more use.
    #[inline]
    pub fn parse(&mut self, buf: &[u8], spans: &mut Vec<Span>, limits: &ParseLimits) -> Parsed {
        if self.pending.is_none() && !limits.unauthenticated {
            let held = spans.len();
            if let Some(consumed) = fast(buf, spans, limits) {
                return Parsed::Request { consumed };
            }
            spans.truncate(held);
        }
        self.parse_slowly(buf, spans, limits)
    }

    /// How many more bytes the argument that is being received needs, its line end included; zero when that is unknown.
    ///
    /// It is what the other side announced, within the limits: bound it before you reserve memory.
    pub fn needed_hint(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.lacking)
    }

    /// How many bytes of the unfinished request are understood: finished lines and arguments.
    pub fn understood(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.at)
    }

    /// Whether a part of a request was seen and its end was not.
    pub fn is_mid_request(&self) -> bool {
        self.pending.is_some()
    }

    #[cold]
    fn parse_slowly(&mut self, buf: &[u8], spans: &mut Vec<Span>, limits: &ParseLimits) -> Parsed {
        let Some(&first) = buf.first() else { return Parsed::NeedMore };
        let mut boxed = self.pending.take();
        let mut fresh = Pending::default();
        let pending = boxed.as_deref_mut().unwrap_or(&mut fresh);
        let outcome =
            if first == b'*' { pending.multibulk(buf, spans, limits) } else { pending.inline(buf, spans, limits) };
        match outcome {
            Ok(parsed) => parsed,
            Err(Stop::Error(error)) => Parsed::Error(error),
            Err(Stop::NeedMore) => {
                self.pending = Some(boxed.unwrap_or_else(|| Box::new(fresh)));
                Parsed::NeedMore
            }
        }
    }
}

/// A whole `*N $L ...` request within the limits at the start of `buf`; its length, or `None` on anything else.
///
/// Spans pushed before a `None` are the caller's to remove.
#[inline]
fn fast(buf: &[u8], spans: &mut Vec<Span>, limits: &ParseLimits) -> Option<usize> {
    let (count, mut at) = fast_header(buf, 0, b'*')?;
    if count == 0 {
        return None;
    }
    for _ in 0..count {
        let (len, start) = fast_header(buf, at, b'$')?;
        // No overflow: the length has at most nine digits.
        at = start + len + 2;
        if at > buf.len() || len as u64 > limits.max_bulk_len {
            return None;
        }
        spans.push(Span { start, len });
    }
    Some(at)
}

/// A header line of one to nine digits without a leading zero (a lone zero is fine): its number and the offset after it.
#[inline(always)]
fn fast_header(buf: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    // The byte after the carriage return is not looked at, here as in Redis; it only has to be there.
    let [m, d, c, _] = *buf.get(at..at + 4)?.first_chunk::<4>()?;
    let mut number = usize::from(d.wrapping_sub(b'0'));
    if m != mark || number > 9 {
        return None;
    }
    if c == b'\r' {
        return Some((number, at + 4));
    }
    if number == 0 {
        return None;
    }
    let mut next = c;
    let mut digits = 1;
    loop {
        let digit = usize::from(next.wrapping_sub(b'0'));
        digits += 1;
        if digit > 9 || digits > 9 {
            return None;
        }
        number = number * 10 + digit;
        next = *buf.get(at + 1 + digits)?;
        if next == b'\r' {
            let after = at + 3 + digits;
            return (after <= buf.len()).then_some((number, after));
        }
    }
}

impl Pending {
    fn multibulk(&mut self, buf: &[u8], spans: &mut Vec<Span>, limits: &ParseLimits) -> Result<Parsed, Stop> {
        if self.args_left == 0 {
            let line = self.line(buf, ProtocolError::TooBigMultibulkCount)?;
            let count = parse_i64(line).filter(|&count| count <= ARGS_LIMIT);
            let count = count.ok_or(ProtocolError::InvalidMultibulkLength)?;
            if count > UNAUTHENTICATED_ARGS_LIMIT && limits.unauthenticated {
                return Err(ProtocolError::UnauthenticatedMultibulkLength.into());
            }
            self.args_left = match usize::try_from(count) {
                Ok(0) | Err(_) => return Ok(Parsed::Empty { consumed: self.at }),
                Ok(count) => count,
            };
        }
        while self.args_left > 0 {
            let len = match self.bulk_len {
                Some(len) => len,
                None => self.bulk_header(buf, limits)?,
            };
            // A primary may announce any length, so the sum could overflow; such an argument never completes.
            let end = self.at.saturating_add(len).saturating_add(2);
            if end > buf.len() {
                self.bulk_len = Some(len);
                self.lacking = end - buf.len();
                return Err(Stop::NeedMore);
            }
            self.spans.push(Span { start: self.at, len });
            (self.at, self.searched) = (end, end);
            (self.bulk_len, self.lacking) = (None, 0);
            self.args_left -= 1;
        }
        spans.append(&mut self.spans);
        Ok(Parsed::Request { consumed: self.at })
    }

    fn bulk_header(&mut self, buf: &[u8], limits: &ParseLimits) -> Result<usize, Stop> {
        let first = buf.get(self.at).copied();
        let line = self.line(buf, ProtocolError::TooBigBulkCount)?;
        match first {
            Some(b'$') => {}
            other => return Err(ProtocolError::ExpectedDollar(other.unwrap_or(0)).into()),
        }
        let len = parse_u64(line).filter(|&len| len <= i64::MAX as u64);
        let len = len.ok_or(ProtocolError::InvalidBulkLength)?;
        if len > limits.max_bulk_len && !limits.from_primary {
            return Err(ProtocolError::InvalidBulkLength.into());
        }
        if len > UNAUTHENTICATED_BULK_LIMIT && limits.unauthenticated {
            return Err(ProtocolError::UnauthenticatedBulkLength.into());
        }
        usize::try_from(len).map_err(|_| ProtocolError::InvalidBulkLength.into())
    }

    /// The header line at `at` without its first byte and its end; moves behind it.
    ///
    /// The line ends at a carriage return, whatever byte follows that. A NUL ends the search for good.
    fn line<'a>(&mut self, buf: &'a [u8], too_big: ProtocolError) -> Result<&'a [u8], Stop> {
        let end = self.find(buf, b'\r', too_big)?;
        if end + 2 > buf.len() {
            return Err(Stop::NeedMore);
        }
        // An empty line has no first byte to leave out.
        let line = &buf[(self.at + 1).min(end)..end];
        (self.at, self.searched) = (end + 2, end + 2);
        Ok(line)
    }

    /// The first `wanted` at or after `at`, at most `LINE_LIMIT` further; looks only at bytes not searched before.
    fn find(&mut self, buf: &[u8], wanted: u8, too_big: ProtocolError) -> Result<usize, Stop> {
        let window = &buf[..buf.len().min(self.at.saturating_add(LINE_LIMIT + 1))];
        let from = self.searched.max(self.at).min(window.len());
        match memchr::memchr2(wanted, 0, &window[from..]) {
            Some(found) if window[from + found] == wanted => {
                self.searched = from + found;
                return Ok(from + found);
            }
            Some(nul) => self.searched = from + nul,
            None => self.searched = window.len(),
        }
        Err(if buf.len() - self.at > LINE_LIMIT { too_big.into() } else { Stop::NeedMore })
    }

    fn inline(&mut self, buf: &[u8], spans: &mut Vec<Span>, limits: &ParseLimits) -> Result<Parsed, Stop> {
        let end = self.find(buf, b'\n', ProtocolError::TooBigInline)?;
        let consumed = end + 1;
        let line = &buf[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if memchr::memchr2(b'"', b'\'', line).is_some() {
            let args = split_args(line).ok_or(ProtocolError::UnbalancedQuotes)?;
            refuse_inline(limits)?;
            // A quote belongs to some argument, so there is one.
            return Ok(Parsed::Inline { args, consumed });
        }
        if !line.is_empty() {
            refuse_inline(limits)?;
        }
        let held = spans.len();
        push_words(line, spans);
        Ok(if spans.len() == held { Parsed::Empty { consumed } } else { Parsed::Request { consumed } })
    }
}

fn refuse_inline(limits: &ParseLimits) -> Result<(), ProtocolError> {
    if limits.from_primary { Err(ProtocolError::InlineFromPrimary) } else { Ok(()) }
}

/// The words of a line without quotes, by the rules of `split_args`.
fn push_words(line: &[u8], spans: &mut Vec<Span>) {
    let mut at = 0;
    loop {
        while line.get(at).copied().is_some_and(is_space) {
            at += 1;
        }
        if at == line.len() {
            return;
        }
        let ends = |&byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        let len = line[at..].iter().position(ends).unwrap_or(line.len() - at);
        spans.push(Span { start: at, len });
        at += len;
    }
}

/// Parses `data` in one piece and in random pieces and asserts that both give the same requests and the same end.
///
/// The pieces and the limits are drawn from the bytes, so a failure can be repeated.
pub fn fuzz_request_parser(data: &[u8]) {
    let mut rng = crate::base::rng::seeded(data.iter().fold(0x9e37, |sum: u64, &b| sum.rotate_left(7) ^ u64::from(b)));
    let limits = ParseLimits {
        max_bulk_len: [10, 1000, 1 << 40][rng.usize(..3)],
        unauthenticated: rng.u8(..4) == 0,
        from_primary: rng.u8(..4) == 0,
    };
    let whole = drain(&mut RequestParser::new(), &mut data.to_vec(), &limits);
    let mut pieces = (Vec::new(), false);
    let (mut parser, mut buf, mut rest) = (RequestParser::new(), Vec::new(), data);
    while !rest.is_empty() && !pieces.1 {
        let most = [1, 3, 100, LINE_LIMIT][rng.usize(..4)];
        let (piece, left) = rest.split_at(rng.usize(1..=most).min(rest.len()));
        buf.extend_from_slice(piece);
        rest = left;
        let (events, failed) = drain(&mut parser, &mut buf, &limits);
        pieces.0.extend(events);
        pieces.1 = failed;
    }
    assert_eq!(whole, pieces, "split feeding must equal feeding at once");
}

/// Takes all that is complete out of `buf`: what was found, and whether it ended in an error.
fn drain(parser: &mut RequestParser, buf: &mut Vec<u8>, limits: &ParseLimits) -> (Vec<Vec<Vec<u8>>>, bool) {
    let mut events = Vec::new();
    let mut done = 0;
    let mut spans = Vec::new();
    let failed = loop {
        spans.clear();
        let frame = &buf[done..];
        match parser.parse(frame, &mut spans, limits) {
            Parsed::NeedMore => {
                assert!(spans.is_empty());
                break false;
            }
            Parsed::Request { consumed } => {
                assert!(consumed <= frame.len() && !spans.is_empty() && !parser.is_mid_request());
                events.push(spans.iter().map(|span| span.of(&frame[..consumed]).to_vec()).collect());
                done += consumed;
            }
            Parsed::Inline { args, consumed } => {
                assert!(!args.is_empty());
                events.push(args);
                done += consumed;
            }
            Parsed::Empty { consumed } => {
                assert!(consumed > 0 && spans.is_empty());
                done += consumed;
            }
            Parsed::Error(error) => {
                events.push(vec![error.reply_text()]);
                break true;
            }
        }
    };
    buf.drain(..done);
    (events, failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_with(input: &[u8], limits: &ParseLimits) -> (Vec<Vec<u8>>, Parsed) {
        let mut spans = Vec::new();
        let parsed = RequestParser::new().parse(input, &mut spans, limits);
        (spans.iter().map(|span| span.of(input).to_vec()).collect(), parsed)
    }

    fn parse(input: &[u8]) -> (Vec<Vec<u8>>, Parsed) {
        parse_with(input, &ParseLimits::default())
    }

    fn error(input: &[u8]) -> String {
        match parse(input).1 {
            Parsed::Error(error) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_gives_the_places_of_its_arguments() {
        let (args, parsed) = parse(b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\nhello\r\nworld\r\n*1\r\n");
        assert_eq!(args, [&b"SET"[..], b"", b"hello\r\nworld"]);
        assert_eq!(parsed, Parsed::Request { consumed: 38 });
    }

    #[test]
    fn requests_of_nothing_are_empty() {
        assert_eq!(parse(b"*0\r\nrest").1, Parsed::Empty { consumed: 4 });
        assert_eq!(parse(b"*-10\r\n").1, Parsed::Empty { consumed: 6 });
        assert_eq!(parse(b"*\r\n").1, Parsed::Error(ProtocolError::InvalidMultibulkLength));
        assert_eq!(parse(b"\r\nPING").1, Parsed::Empty { consumed: 2 });
        assert_eq!(parse(b" \t \n").1, Parsed::Empty { consumed: 4 });
    }

    #[test]
    fn inline_requests_are_split_into_words() {
        let (args, parsed) = parse(b" set  foo\tbar\\n \r\nPING\r\n");
        assert_eq!(args, [&b"set"[..], b"foo", b"bar\\n"]);
        assert_eq!(parsed, Parsed::Request { consumed: 18 });
        let args = vec![b"set".to_vec(), b"a\0b".to_vec()];
        assert_eq!(parse(b"set \"a\\x00b\"\n").1, Parsed::Inline { args, consumed: 13 });
        assert_eq!(parse(b"set \"a\n").1, Parsed::Error(ProtocolError::UnbalancedQuotes));
    }

    #[test]
    fn malformed_requests_are_named() {
        assert_eq!(error(b"*3\r\nx3\r\n"), "Protocol error: expected '$', got 'x'");
        assert_eq!(error(b"*abc\r\n"), "Protocol error: invalid multibulk length");
        assert_eq!(error(b"*01\r\n"), "Protocol error: invalid multibulk length");
        assert_eq!(error(b"*2147483648\r\n"), "Protocol error: invalid multibulk length");
        assert_eq!(error(b"*1\r\n$-1\r\n"), "Protocol error: invalid bulk length");
        assert_eq!(error(b"*1\r\n$536870913\r\n"), "Protocol error: invalid bulk length");
        assert_eq!(error(b"*1\r\n$9223372036854775808\r\n"), "Protocol error: invalid bulk length");
        assert_eq!(error(&[b'*'; LINE_LIMIT + 1]), "Protocol error: too big mbulk count string");
        assert_eq!(error(&[b'a'; LINE_LIMIT + 1]), "Protocol error: too big inline request");
        let long = [b"*1\r\n".to_vec(), vec![b'$'; LINE_LIMIT + 1]].concat();
        assert_eq!(error(&long), "Protocol error: too big bulk count string");
    }

    #[test]
    fn strangers_may_send_only_small_requests() {
        let limits = ParseLimits { unauthenticated: true, ..ParseLimits::default() };
        let fails = |input: &[u8]| match parse_with(input, &limits).1 {
            Parsed::Error(error) => Some(error),
            _ => None,
        };
        assert_eq!(fails(b"*11\r\n"), Some(ProtocolError::UnauthenticatedMultibulkLength));
        assert_eq!(fails(b"*10\r\n$16385\r\n"), Some(ProtocolError::UnauthenticatedBulkLength));
        assert_eq!(fails(b"*10\r\n$16384\r\n"), None);
        assert_eq!(parse_with(b"*1\r\n$4\r\nPING\r\n", &limits).1, Parsed::Request { consumed: 14 });
    }

    #[test]
    fn a_primary_may_send_long_arguments_but_no_lines() {
        let limits = ParseLimits { from_primary: true, max_bulk_len: 2, ..ParseLimits::default() };
        assert_eq!(parse_with(b"*1\r\n$4\r\nPING\r\n", &limits).1, Parsed::Request { consumed: 14 });
        assert_eq!(parse_with(b"*1\r\n$9223372036854775807\r\n", &limits).1, Parsed::NeedMore);
        assert_eq!(parse_with(b"PING\r\n", &limits).1, Parsed::Error(ProtocolError::InlineFromPrimary));
        assert_eq!(parse_with(b"\n", &limits).1, Parsed::Empty { consumed: 1 });
    }

    #[test]
    fn what_a_large_argument_lacks_is_told() {
        let mut parser = RequestParser::new();
        let (mut spans, limits) = (Vec::new(), ParseLimits::default());
        let mut buf = b"*2\r\n$3\r\nGET\r\n$1000\r\n0123456789".to_vec();
        assert_eq!(parser.parse(&buf, &mut spans, &limits), Parsed::NeedMore);
        assert_eq!(parser.needed_hint(), 992);
        buf.resize(buf.len() + 992, b'\r');
        assert_eq!(parser.parse(&buf, &mut spans, &limits), Parsed::Request { consumed: buf.len() });
        assert_eq!((spans[1].len, parser.needed_hint()), (1000, 0));
    }

    #[test]
    fn an_idle_parser_is_one_word() {
        assert_eq!(size_of::<RequestParser>(), size_of::<usize>());
    }

    #[test]
    fn random_bytes_parse_alike_however_they_are_split() {
        let seed = 21;
        let mut rng = fastrand::Rng::with_seed(seed);
        let words: [&[u8]; 18] = [
            b"*1\r\n",
            b"*2\r\n",
            b"*12\r\n",
            b"$3\r\n",
            b"$0\r\n",
            b"$20\r\n",
            b"$16385\r\n",
            b"\r\n",
            b"\n",
            b"\r",
            b"abc",
            b"\0",
            b"\"",
            b"' ",
            b"*0\r\n",
            b"*-1\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        ];
        for _ in 0..20_000 {
            let mut data = Vec::new();
            for _ in 0..rng.usize(1..12) {
                match rng.u8(..60) {
                    0 => data.resize(data.len() + rng.usize(..2 * LINE_LIMIT), b'0'),
                    1 => data.push(rng.u8(..)),
                    _ => data.extend_from_slice(words[rng.usize(..words.len())]),
                }
            }
            fuzz_request_parser(&data);
        }
    }
}
