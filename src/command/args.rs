//! A request's arguments: slices of the bytes they came in, name first. `Args` borrows the buffer and is two words
//! pairs wide; `OwnedArgs` is its own exact copy, for MULTI queues, waiting clients and rewritten commands.

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
