//! The reply writer: RESP2 and RESP3 into one growing buffer.
//!
//! A command writes its reply through one of these methods and never looks at the protocol version: a type that RESP2
//! lacks is written as what RESP2 clients get in its stead. Short replies are the rule, so a header of one or two digits
//! is stored as a constant-sized array, without formatting.
//!
//! Promises: what was written after a `Mark` can be taken back; no text breaks a line of the protocol. The writer does
//! not check that an aggregate gets as many elements as its header says.

use crate::base::num::{format_f64_17g, write_i64};

/// The version of the protocol a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What a connection starts with.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

/// A place in a reply to return to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

/// An aggregate whose elements are being written and whose count is not known yet.
#[derive(Debug)]
#[must_use = "an aggregate without a header is not a reply"]
pub struct Deferred(usize);

/// A buffer of replies in the protocol of one client.
#[derive(Debug, Default)]
pub struct Reply {
    buf: Vec<u8>,
    protocol: Protocol,
}

const CRLF: [u8; 2] = *b"\r\n";

impl Reply {
    /// An empty buffer.
    pub const fn new(protocol: Protocol) -> Self {
        Self { buf: Vec::new(), protocol }
    }

    /// Lends a buffer to a reply that has none; what `buf` holds comes first.
    pub fn give(&mut self, buf: Vec<u8>) {
        debug_assert!(self.buf.is_empty());
        self.buf = buf;
    }

    /// Writes behind what `buf` holds.
    pub const fn over(buf: Vec<u8>, protocol: Protocol) -> Self {
        Self { buf, protocol }
    }

    /// The protocol being written.
    #[inline]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Changes the protocol of what is written from here on.
    pub const fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Whether the client speaks RESP3.
    #[inline]
    pub const fn is_resp3(&self) -> bool {
        matches!(self.protocol, Protocol::Resp3)
    }

    /// Bytes written and not taken.
    #[inline]
    pub const fn len(&self) -> usize {
        self.buf.len()
    }

    /// Whether there is nothing to send.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// The bytes written.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.buf
    }

    /// Takes the buffer, leaving an empty one without memory.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buf)
    }

    /// Forgets what was written; the memory is kept.
    pub fn clear(&mut self) {
        self.buf.clear();
    }

    /// Forgets the first `count` bytes (at most all of them), those that were sent; moves the rest.
    pub fn discard_front(&mut self, count: usize) {
        self.buf.drain(..count.min(self.buf.len()));
    }

    /// Gives memory back that is not needed to hold `capacity` bytes.
    pub fn shrink_to(&mut self, capacity: usize) {
        self.buf.shrink_to(capacity);
    }

    /// Bytes of memory held.
    pub const fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// The place reached.
    #[inline]
    pub const fn mark(&self) -> Mark {
        Mark(self.buf.len())
    }

    /// Takes back all that was written since `mark`.
    pub fn rollback(&mut self, mark: Mark) {
        self.buf.truncate(mark.0);
    }

    /// What was written since `mark`.
    pub fn since(&self, mark: Mark) -> &[u8] {
        self.buf.get(mark.0..).unwrap_or(&[])
    }

    /// Bytes that are RESP already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.buf.extend_from_slice(b"+OK\r\n");
    }

    /// A status; line ends in it become spaces.
    pub fn simple(&mut self, text: &str) {
        self.status(text.as_bytes());
    }

    /// A status of any bytes; line ends in it become spaces.
    pub fn status(&mut self, text: &[u8]) {
        self.line(b'+', text);
    }

    /// An error, its code first (`ERR ...`); line ends at its end are dropped and become spaces elsewhere.
    pub fn error(&mut self, text: &[u8]) {
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        self.line(b'-', &text[..end]);
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, number: i64) {
        match number {
            0..=9 => self.buf.extend_from_slice(&[b':', b'0' + number as u8, b'\r', b'\n']),
            _ => self.number_line(b':', number),
        }
    }

    /// A string of any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        // One growth check for the whole; the ones below are then never taken.
        self.buf.reserve(bytes.len() + 32);
        self.header(b'$', bytes.len());
        self.buf.extend_from_slice(bytes);
        self.buf.extend_from_slice(&CRLF);
    }

    /// An integer as a string.
    #[inline]
    pub fn bulk_int(&mut self, number: i64) {
        self.bulk(itoa::Buffer::new().format(number).as_bytes());
    }

    /// The absence of a value.
    #[inline]
    pub fn null(&mut self) {
        self.buf.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// The absence of an array.
    #[inline]
    pub fn null_array(&mut self) {
        self.buf.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The header of an array of `count` elements, which follow.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.header(b'*', count);
    }

    /// An array of nothing.
    #[inline]
    pub fn empty_array(&mut self) {
        self.array(0);
    }

    /// The header of a map of `count` pairs, which follow as key, value, key, value; RESP2: an array.
    #[inline]
    pub fn map(&mut self, count: usize) {
        if self.is_resp3() { self.header(b'%', count) } else { self.header(b'*', count * 2) }
    }

    /// The header of a set of `count` members, which follow; RESP2: an array.
    #[inline]
    pub fn set(&mut self, count: usize) {
        self.header(if self.is_resp3() { b'~' } else { b'*' }, count);
    }

    /// The header of a message of `count` elements out of turn, which follow; RESP2: an array.
    #[inline]
    pub fn push(&mut self, count: usize) {
        self.header(if self.is_resp3() { b'>' } else { b'*' }, count);
    }

    /// The header of `count` pairs of attributes, which follow, before the value they describe. RESP3 only.
    pub fn attribute(&mut self, count: usize) {
        debug_assert!(self.is_resp3(), "RESP2 has no attributes: leave out their pairs too");
        self.header(b'|', count);
    }

    /// A double with 17 significant digits; RESP2: a string.
    pub fn double(&mut self, number: f64) {
        self.double_text(&format_f64_17g(number));
    }

    /// A double whose text the caller chose; RESP2: a string.
    pub fn double_text(&mut self, text: &[u8]) {
        if self.is_resp3() { self.line(b',', text) } else { self.bulk(text) }
    }

    /// A truth value; RESP2: the integer 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        self.buf.extend_from_slice(match (self.protocol, value) {
            (Protocol::Resp2, true) => b":1\r\n",
            (Protocol::Resp2, false) => b":0\r\n",
            (Protocol::Resp3, true) => b"#t\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
        });
    }

    /// An integer of any size in decimal; RESP2: a string.
    pub fn big_number(&mut self, digits: &[u8]) {
        if self.is_resp3() { self.line(b'(', digits) } else { self.bulk(digits) }
    }

    /// Text with a format tag such as `txt` or `mkd`; RESP2: a string without the tag.
    pub fn verbatim(&mut self, format: &[u8; 3], text: &[u8]) {
        if !self.is_resp3() {
            return self.bulk(text);
        }
        self.buf.reserve(text.len() + 32);
        self.header(b'=', text.len() + 4);
        self.buf.extend_from_slice(format);
        self.buf.push(b':');
        self.buf.extend_from_slice(text);
        self.buf.extend_from_slice(&CRLF);
    }

    /// Begins an array whose count is not known: write the elements, then call `finish_array`.
    #[inline]
    pub fn defer_array(&mut self) -> Deferred {
        Deferred(self.buf.len())
    }

    /// Begins a map whose count is not known: write the pairs, then call `finish_map`.
    #[inline]
    pub fn defer_map(&mut self) -> Deferred {
        Deferred(self.buf.len())
    }

    /// Begins a set whose count is not known: write the members, then call `finish_set`.
    #[inline]
    pub fn defer_set(&mut self) -> Deferred {
        Deferred(self.buf.len())
    }

    /// Puts the header of an array before its `count` elements; moves them. Inner aggregates are finished first.
    pub fn finish_array(&mut self, place: Deferred, count: usize) {
        self.insert_header(place, |reply| reply.array(count));
    }

    /// Puts the header of a map before its `count` pairs, as `finish_array`.
    pub fn finish_map(&mut self, place: Deferred, count: usize) {
        self.insert_header(place, |reply| reply.map(count));
    }

    /// Puts the header of a set before its `count` members, as `finish_array`.
    pub fn finish_set(&mut self, place: Deferred, count: usize) {
        self.insert_header(place, |reply| reply.set(count));
    }

    /// Writes a header at the end and rotates it to its place.
    fn insert_header(&mut self, place: Deferred, write: impl FnOnce(&mut Self)) {
        let end = self.buf.len();
        debug_assert!(place.0 <= end, "an aggregate was finished after it was rolled back");
        write(self);
        let header_len = self.buf.len() - end;
        self.buf[place.0.min(end)..].rotate_right(header_len);
    }

    #[inline]
    fn header(&mut self, mark: u8, number: usize) {
        match number {
            0..=9 => self.buf.extend_from_slice(&[mark, b'0' + number as u8, b'\r', b'\n']),
            10..=99 => {
                let (tens, ones) = (b'0' + (number / 10) as u8, b'0' + (number % 10) as u8);
                self.buf.extend_from_slice(&[mark, tens, ones, b'\r', b'\n']);
            }
            // A length or count in memory is below 2^63.
            _ => self.number_line(mark, number as i64),
        }
    }

    #[inline(never)]
    fn number_line(&mut self, mark: u8, number: i64) {
        self.buf.push(mark);
        write_i64(&mut self.buf, number);
        self.buf.extend_from_slice(&CRLF);
    }

    fn line(&mut self, mark: u8, text: &[u8]) {
        self.buf.reserve(text.len() + 3);
        self.buf.push(mark);
        let start = self.buf.len();
        self.buf.extend_from_slice(text);
        if memchr::memchr2(b'\r', b'\n', text).is_some() {
            for byte in &mut self.buf[start..] {
                if matches!(byte, b'\r' | b'\n') {
                    *byte = b' ';
                }
            }
        }
        self.buf.extend_from_slice(&CRLF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Reply)) -> [String; 2] {
        [Protocol::Resp2, Protocol::Resp3].map(|protocol| {
            let mut reply = Reply::new(protocol);
            write(&mut reply);
            String::from_utf8(reply.take()).unwrap()
        })
    }

    #[test]
    fn plain_types_are_alike_in_both_protocols() {
        let written = both(|r| {
            r.ok();
            r.simple("PONG");
            r.error(b"ERR a\r\nb\r\n");
            for number in [0, 9, 10, -1, i64::MIN] {
                r.integer(number);
            }
            r.bulk(b"");
            r.bulk(b"a\r\nb");
            r.bulk_int(-12);
            r.array(3);
            r.empty_array();
        });
        let expected = "+OK\r\n+PONG\r\n-ERR a  b\r\n:0\r\n:9\r\n:10\r\n:-1\r\n:-9223372036854775808\r\n$0\r\n\r\n\
                        $4\r\na\r\nb\r\n$3\r\n-12\r\n*3\r\n*0\r\n";
        assert_eq!(written, [expected, expected]);
    }

    #[test]
    fn newer_types_fall_back_in_resp2() {
        assert_eq!(both(Reply::null), ["$-1\r\n", "_\r\n"]);
        assert_eq!(both(Reply::null_array), ["*-1\r\n", "_\r\n"]);
        assert_eq!(both(|r| r.map(7)), ["*14\r\n", "%7\r\n"]);
        assert_eq!(both(|r| r.set(100)), ["*100\r\n", "~100\r\n"]);
        assert_eq!(both(|r| r.push(3)), ["*3\r\n", ">3\r\n"]);
        assert_eq!(both(|r| r.double(0.1)), ["$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"]);
        assert_eq!(both(|r| r.double(f64::NEG_INFINITY)), ["$4\r\n-inf\r\n", ",-inf\r\n"]);
        assert_eq!(both(|r| r.boolean(true)), [":1\r\n", "#t\r\n"]);
        assert_eq!(both(|r| r.big_number(b"123")), ["$3\r\n123\r\n", "(123\r\n"]);
        assert_eq!(both(|r| r.verbatim(b"txt", b"hi")), ["$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"]);
    }

    #[test]
    fn every_length_gets_its_header() {
        for len in (0..=300).chain([999, 1000, 65536]) {
            let payload = "x".repeat(len);
            let expected = format!("${len}\r\n{payload}\r\n");
            assert_eq!(both(|r| r.bulk(payload.as_bytes())), [expected.clone(), expected]);
        }
    }

    #[test]
    fn counts_can_be_told_after_the_elements() {
        let written = both(|r| {
            r.ok();
            let outer = r.defer_array();
            let inner = r.defer_map();
            r.integer(1);
            r.integer(2);
            r.finish_map(inner, 1);
            let none = r.defer_set();
            r.finish_set(none, 0);
            r.finish_array(outer, 2);
        });
        assert_eq!(written, ["+OK\r\n*2\r\n*2\r\n:1\r\n:2\r\n*0\r\n", "+OK\r\n*2\r\n%1\r\n:1\r\n:2\r\n~0\r\n"]);
    }

    #[test]
    fn a_mark_takes_back_what_followed() {
        let mut reply = Reply::new(Protocol::Resp2);
        reply.integer(1);
        let mark = reply.mark();
        reply.array(5);
        assert_eq!(reply.since(mark), b"*5\r\n");
        reply.rollback(mark);
        reply.null();
        assert_eq!(reply.as_slice(), b":1\r\n$-1\r\n");
        reply.discard_front(4);
        assert_eq!((reply.as_slice(), reply.len()), (&b"$-1\r\n"[..], 5));
    }
}
