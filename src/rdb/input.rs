//! The bytes of a stream as they are asked for: lengths, integers and strings, out of blocks that a [`Source`] hands
//! over one at a time.
//!
//! Promises: what lies within one block is lent, not copied; what spans blocks or was compressed is put together in a
//! buffer that grows only as the bytes come. Every error carries the offset.

use super::{LoadError, LoadErrorKind, STRING_MAX_BYTES, crc64, string};
use crate::base::lzf;

/// Where a stream's bytes come from.
pub trait Source {
    /// A block's bytes.
    type Bytes: AsRef<[u8]>;
    /// The next block, `None` at the end. An empty block is passed over. Errors end the reading.
    fn next_block(&mut self) -> Result<Option<Block<Self::Bytes>>, std::io::ErrorKind>;
}

/// A part of a stream.
pub struct Block<B> {
    /// The bytes.
    pub bytes: B,
    /// The checksum of the stream up to here, where the source has taken it already (a thread that reads ahead does).
    pub crc_before: Option<u64>,
}

/// Bytes in memory as a source: one block.
pub struct BytesSource<'a>(Option<&'a [u8]>);

impl<'a> BytesSource<'a> {
    /// A stream of these bytes.
    pub fn new(bytes: &'a [u8]) -> BytesSource<'a> {
        BytesSource(Some(bytes))
    }
}

impl<'a> Source for BytesSource<'a> {
    type Bytes = &'a [u8];

    fn next_block(&mut self) -> Result<Option<Block<&'a [u8]>>, std::io::ErrorKind> {
        Ok(self.0.take().map(|bytes| Block { bytes, crc_before: None }))
    }
}

/// Anything that can be read as a source.
pub struct ReadSource<R> {
    read: R,
    block_bytes: usize,
}

impl<R: std::io::Read> ReadSource<R> {
    /// A stream read in blocks of up to so many bytes.
    pub fn new(read: R, block_bytes: usize) -> ReadSource<R> {
        ReadSource { read, block_bytes: block_bytes.max(1) }
    }
}

impl<R: std::io::Read> Source for ReadSource<R> {
    type Bytes = Vec<u8>;

    fn next_block(&mut self) -> Result<Option<Block<Vec<u8>>>, std::io::ErrorKind> {
        let mut bytes = vec![0; self.block_bytes];
        // One read, so that a stream from a peer is used as it comes.
        let filled = loop {
            match self.read.read(&mut bytes) {
                Ok(count) => break count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.kind()),
            }
        };
        bytes.truncate(filled);
        Ok((filled > 0).then_some(Block { bytes, crc_before: None }))
    }
}

/// A string of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text<'a> {
    /// Written as an integer.
    Int(i64),
    /// Written as bytes.
    Bytes(&'a [u8]),
}

impl<'a> Text<'a> {
    /// The bytes; an integer is written into `digits`.
    #[inline]
    pub(super) fn bytes<'b>(self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Text::Int(value) => digits.format(value).as_bytes(),
            Text::Bytes(bytes) => bytes,
        }
    }
}

/// A length, or the code of a string that is not given as it is.
enum Length {
    Of(u64),
    Code(u8),
}

/// Most bytes that are made room for before they have been seen.
const STEP_BYTES: usize = 64 * 1024;

/// A source that is being read.
pub(super) struct Input<S: Source> {
    source: S,
    block: Option<S::Bytes>,
    at: usize,
    /// Offset of the block in the stream.
    base: u64,
    /// Checksum of the stream up to `summed` in the block.
    crc: u64,
    summed: usize,
    check: bool,
    /// What spans blocks.
    joined: Vec<u8>,
    /// What was compressed.
    raw: Vec<u8>,
}

impl<S: Source> Input<S> {
    /// Nothing read yet. With `check`, the checksum is kept.
    pub(super) fn new(source: S, check: bool) -> Input<S> {
        let (joined, raw) = (Vec::new(), Vec::new());
        Input { source, block: None, at: 0, base: 0, crc: 0, summed: 0, check, joined, raw }
    }

    /// The source, as far as it was read.
    pub(super) fn into_source(self) -> S {
        self.source
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    pub(super) fn error(&self, kind: LoadErrorKind) -> LoadError {
        LoadError { offset: self.offset(), kind }
    }

    /// An error about bytes that no server writes.
    pub(super) fn corrupt(&self, what: &'static str) -> LoadError {
        self.error(LoadErrorKind::Corrupt(what))
    }

    /// The checksum of all that was read; 0 when none is kept.
    pub(super) fn checksum(&mut self) -> u64 {
        self.sum();
        self.crc
    }

    fn sum(&mut self) {
        if self.check
            && let Some(block) = &self.block
        {
            self.crc = crc64(self.crc, &block.as_ref()[self.summed..self.at]);
        }
        self.summed = self.at;
    }

    #[inline(always)]
    fn rest(&self) -> &[u8] {
        self.block.as_ref().map_or(&[], |block| &block.as_ref()[self.at..])
    }

    /// Goes on to the next block once this one is used up.
    #[cold]
    fn advance(&mut self) -> Result<(), LoadError> {
        let held = self.block.as_ref().map_or(0, |block| block.as_ref().len());
        loop {
            let next = self.source.next_block().map_err(|kind| self.error(LoadErrorKind::Read(kind)))?;
            let Some(next) = next else { return Err(self.error(LoadErrorKind::ShortRead)) };
            if next.bytes.as_ref().is_empty() {
                continue;
            }
            match next.crc_before {
                Some(crc) => self.crc = crc,
                None => self.sum(),
            }
            self.base += held as u64;
            (self.block, self.at, self.summed) = (Some(next.bytes), 0, 0);
            return Ok(());
        }
    }

    /// The next byte.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, LoadError> {
        loop {
            if let Some(byte) = self.rest().first().copied() {
                self.at += 1;
                return Ok(byte);
            }
            self.advance()?;
        }
    }

    /// The next `N` bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        if let Some(bytes) = self.rest().first_chunk() {
            let bytes = *bytes;
            self.at += N;
            return Ok(bytes);
        }
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(bytes)
    }

    /// The next `len` bytes.
    #[inline]
    pub(super) fn bytes(&mut self, len: u64) -> Result<&[u8], LoadError> {
        if len > STRING_MAX_BYTES {
            return Err(self.corrupt("String longer than any server writes"));
        }
        // Fits: just bounded.
        let len = len as usize;
        if self.rest().len() < len {
            return self.join(len);
        }
        let from = self.at;
        self.at += len;
        Ok(match &self.block {
            Some(block) => &block.as_ref()[from..from + len],
            None => &[],
        })
    }

    /// Puts together what does not lie in one block.
    #[cold]
    fn join(&mut self, len: usize) -> Result<&[u8], LoadError> {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        // An earlier, longer one leaves its room behind; beyond that, room is made as the bytes come.
        joined.reserve(len.min(STEP_BYTES));
        while joined.len() < len {
            if self.rest().is_empty() {
                self.advance()?;
            }
            let take = self.rest().len().min(len - joined.len());
            joined.extend_from_slice(&self.rest()[..take]);
            self.at += take;
        }
        self.joined = joined;
        Ok(&self.joined)
    }

    #[inline]
    fn length_or_code(&mut self) -> Result<Length, LoadError> {
        let byte = self.byte()?;
        Ok(match byte >> 6 {
            0 => Length::Of(u64::from(byte)),
            1 => Length::Of(u64::from(byte & 0x3f) << 8 | u64::from(self.byte()?)),
            3 => Length::Code(byte & 0x3f),
            _ => match byte {
                0x80 => Length::Of(u64::from(u32::from_be_bytes(self.array()?))),
                0x81 => Length::Of(u64::from_be_bytes(self.array()?)),
                _ => return Err(self.corrupt("Unknown length encoding 2 in rdbLoadLen()")),
            },
        })
    }

    /// A length or any other number.
    #[inline]
    pub(super) fn length(&mut self) -> Result<u64, LoadError> {
        match self.length_or_code()? {
            Length::Of(len) => Ok(len),
            // Redis takes the code for a length where no string is expected.
            Length::Code(code) => Ok(u64::from(code)),
        }
    }

    /// A string.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Text<'_>, LoadError> {
        match self.length_or_code()? {
            Length::Of(len) => self.bytes(len).map(Text::Bytes),
            Length::Code(string::INT8) => Ok(Text::Int(i64::from(self.byte()? as i8))),
            Length::Code(string::INT16) => Ok(Text::Int(i64::from(i16::from_le_bytes(self.array()?)))),
            Length::Code(string::INT32) => Ok(Text::Int(i64::from(i32::from_le_bytes(self.array()?)))),
            Length::Code(string::LZF) => self.compressed().map(Text::Bytes),
            Length::Code(_) => Err(self.corrupt("Unknown RDB string encoding type")),
        }
    }

    fn compressed(&mut self) -> Result<&[u8], LoadError> {
        let (packed, len) = (self.length()?, self.length()?);
        let fits = usize::try_from(packed).is_ok_and(|packed| lzf::may_expand(packed, len as usize));
        if len > STRING_MAX_BYTES || packed > STRING_MAX_BYTES || !fits {
            return Err(self.corrupt("Invalid LZF compressed string"));
        }
        let mut raw = std::mem::take(&mut self.raw);
        // Read first: room for the raw form is made only when its source is there.
        let source = self.bytes(packed)?;
        // Fits: just bounded.
        let len = len as usize;
        if raw.len() < len {
            raw.resize(len, 0);
        }
        let done = lzf::decompress(source, &mut raw[..len]) == Some(len);
        self.raw = raw;
        if !done {
            return Err(self.corrupt("Invalid LZF compressed string"));
        }
        Ok(&self.raw[..len])
    }

    /// Appends a string's bytes to `out`.
    #[inline]
    pub(super) fn string_into(&mut self, out: &mut Vec<u8>) -> Result<(), LoadError> {
        match self.string()? {
            Text::Int(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
            Text::Bytes(bytes) => out.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// Gives the large buffers of one value back.
    pub(super) fn trim(&mut self) {
        const KEEP_BYTES: usize = 1 << 20;
        for buffer in [&mut self.joined, &mut self.raw] {
            if buffer.capacity() > KEEP_BYTES {
                *buffer = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_length_makes_no_room() {
        for bytes in [
            &b"\x80\x7f\xff\xff\xff only this"[..],
            b"\xc3\x80\x7f\xff\xff\xff\x80\x7f\xff\xff\xff only this",
            b"\xc3\x03\x80\x7f\xff\xff\xffabc",
            b"\x81\0\0\0\x7f\xff\xff\xff\xff",
        ] {
            let mut input = Input::new(ReadSource::new(bytes, 5), false);
            assert!(input.string().is_err());
            assert!(input.joined.capacity() <= 2 * STEP_BYTES && input.raw.capacity() == 0);
        }
    }

    #[test]
    fn lengths_of_all_widths_are_read_across_blocks() {
        let bytes = b"\x00\x3f\x40\x40\x7f\xff\x80\0\0\x40\0\x80\xff\xff\xff\xff\x81\0\0\0\x01\0\0\0\0";
        for block in 1..bytes.len() {
            let mut input = Input::new(ReadSource::new(&bytes[..], block), true);
            for expected in [0, 63, 64, 16383, 16384, u64::from(u32::MAX), 1 << 32] {
                assert_eq!(input.length(), Ok(expected));
            }
            assert_eq!((input.offset(), input.checksum()), (bytes.len() as u64, crc64(0, bytes)));
            assert_eq!(input.byte().map_err(|error| error.kind), Err(LoadErrorKind::ShortRead));
        }
    }
}
