//! A request's arguments: slices of the bytes they came in, name first. `Args` borrows the buffer and is two words
//! pairs wide; `OwnedArgs` is its own exact copy, for MULTI queues, waiting clients and rewritten commands.

use crate::base::num::i64_len;
use crate::resp::parser::Span;
use std::ops::Index;

/// The arguments of one request, name at 0.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Arguments at these places of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8], spans: &'a [Span]) -> Args<'a> {
        Args { bytes, spans }
    }

    /// Number of arguments, with the name.
    #[allow(clippy::len_without_is_empty)]
    #[inline]
    pub fn len(self) -> usize {
        self.spans.len()
    }

    /// The argument at a position, if there is one. The slice lives as long as the request's bytes.
    #[inline]
    pub fn get(self, at: usize) -> Option<&'a [u8]> {
        self.spans.get(at).map(|span| &self.bytes[span.start..span.start + span.len])
    }

    /// The argument at a position that the arity check has guaranteed.
    #[inline]
    pub fn at(self, at: usize) -> &'a [u8] {
        let span = self.spans[at];
        &self.bytes[span.start..span.start + span.len]
    }

    /// All arguments from a position on.
    #[inline]
    pub fn from(self, at: usize) -> Args<'a> {
        Args { bytes: self.bytes, spans: self.spans.get(at..).unwrap_or(&[]) }
    }

    /// The first `count` arguments, or all when there are fewer.
    #[inline]
    pub fn first(self, count: usize) -> Args<'a> {
        Args { bytes: self.bytes, spans: &self.spans[..count.min(self.spans.len())] }
    }

    /// The arguments in turn.
    #[inline]
    pub fn iter(self) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + Clone {
        self.spans.iter().map(move |span| &self.bytes[span.start..span.start + span.len])
    }

    /// Whether the argument at a position is this word in any case.
    #[inline]
    pub fn is(self, at: usize, word: &str) -> bool {
        self.get(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Sum of the arguments' lengths in bytes.
    pub fn byte_len(self) -> usize {
        self.spans.iter().map(|span| span.len).sum()
    }

    /// The whole request as a client sent it, where its bytes are there and are exactly those that anybody would write for
    /// these arguments (`*3\r\n$3\r\nSET\r\n...`). Inline requests and copies have none. O(arguments).
    pub fn frame(self) -> Option<&'a [u8]> {
        let line_ends = |at: usize| self.bytes.get(at - 2..at) == Some(b"\r\n");
        let mut at = 1 + i64_len(self.spans.len() as i64) + 2;
        if self.bytes.first() != Some(&b'*') || !line_ends(at) {
            return None;
        }
        // These may be some of the request's arguments only.
        let count = self.bytes[1..at - 2].iter().fold(0, |sum, digit| sum * 10 + usize::from(digit.wrapping_sub(b'0')));
        if count != self.spans.len() {
            return None;
        }
        for span in self.spans {
            let begin = at + 1 + i64_len(span.len as i64) + 2;
            at = begin + span.len + 2;
            // A number of as many digits as the length has, in its place, can only be the length.
            if span.start != begin || !line_ends(begin) || !line_ends(at) {
                return None;
            }
        }
        Some(&self.bytes[..at])
    }

    /// An exact copy of its own.
    pub fn to_owned(self) -> OwnedArgs {
        OwnedArgs::from_parts(self.iter())
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];
    #[inline]
    fn index(&self, at: usize) -> &[u8] {
        self.at(at)
    }
}

impl std::fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(String::from_utf8_lossy)).finish()
    }
}

/// Arguments with bytes of their own.
#[derive(Clone, Default)]
pub struct OwnedArgs {
    bytes: Box<[u8]>,
    spans: Box<[Span]>,
}

impl OwnedArgs {
    /// A copy of these arguments.
    pub fn from_parts<'p>(parts: impl Iterator<Item = &'p [u8]> + Clone) -> OwnedArgs {
        let mut bytes = Vec::with_capacity(parts.clone().map(<[u8]>::len).sum());
        let mut spans = Vec::with_capacity(parts.size_hint().0);
        for part in parts {
            spans.push(Span { start: bytes.len(), len: part.len() });
            bytes.extend_from_slice(part);
        }
        OwnedArgs { bytes: bytes.into_boxed_slice(), spans: spans.into_boxed_slice() }
    }

    /// A copy of a list of slices.
    pub fn of(parts: &[&[u8]]) -> OwnedArgs {
        OwnedArgs::from_parts(parts.iter().copied())
    }

    /// The arguments, borrowed.
    #[inline]
    pub fn as_args(&self) -> Args<'_> {
        Args { bytes: &self.bytes, spans: &self.spans }
    }

    /// Bytes held on the heap.
    pub fn alloc_bytes(&self) -> usize {
        self.bytes.len() + std::mem::size_of_val(&*self.spans)
    }
}

impl std::fmt::Debug for OwnedArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_args().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::parser::{ParseLimits, Parsed, RequestParser};

    /// The frame of the first request in these bytes.
    fn frame(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut spans = Vec::new();
        let parsed = RequestParser::new().parse(bytes, &mut spans, &ParseLimits::default());
        assert!(matches!(parsed, Parsed::Request { .. }), "{parsed:?}");
        Args::new(bytes, &spans).frame().map(<[u8]>::to_vec)
    }

    #[test]
    fn a_request_as_anybody_writes_it_is_its_own_frame() {
        let long = [&b"*2\r\n$3\r\nGET\r\n$1000\r\n"[..], &[b'$'; 1000], b"\r\n"].concat();
        for request in [&b"*1\r\n$4\r\nPING\r\n"[..], b"*3\r\n$3\r\nset\r\n$0\r\n\r\n$4\r\n\r\n*1\r\n", &long] {
            let followed = [request, b"*1\r\n$1\r\nx\r\n"].concat();
            assert_eq!(frame(&followed).as_deref(), Some(request));
        }
    }

    #[test]
    fn what_others_would_write_differently_is_no_frame() {
        for request in [&b"*2\r\n$3\r\nGET\r\n$1\r_k\r\n"[..], b"*2\r\n$3\r\nGET__$1\r\nk\r\n", b"*1\r_$4\r\nPING\r\n"]
        {
            assert_eq!(frame(request), None, "{}", request.escape_ascii());
        }
        let request = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
        let mut spans = Vec::new();
        RequestParser::new().parse(request, &mut spans, &ParseLimits::default());
        let args = Args::new(request, &spans);
        assert_eq!(args.from(1).frame(), None);
        assert_eq!(args.first(2).frame(), None);
        assert_eq!(args.to_owned().as_args().frame(), None);
        assert_eq!(OwnedArgs::of(&[b"*1\r\n$1\r\nx\r\n"]).as_args().frame(), None);
        assert_eq!(OwnedArgs::default().as_args().frame(), None);
    }
}
