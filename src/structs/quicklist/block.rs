//! One block of a quicklist: packed elements, one large element by itself, or either of them compressed.
//!
//! A block is a tag and a shared pointer. Compressed bytes are those of liblzf, so that they can go into a snapshot as
//! they are. Promise: a block says how many elements and raw bytes it stands for without being decompressed.

use triomphe::ThinArc;

use crate::base::lzf;
use crate::structs::counted_tree::Weigh;
use crate::structs::listpack::{Item, Listpack};

/// Raw bytes below which compression is not tried.
const COMPRESS_MIN_BYTES: usize = 48;
/// Raw bytes above which compression is not tried: a stall, and past the lengths the format's code counts in.
const COMPRESS_MAX_BYTES: usize = 1 << 26;
/// Bytes that compression has to save at the least.
const COMPRESS_MIN_GAIN_BYTES: usize = 8;

/// A shared block.
#[derive(Clone)]
pub(super) enum Block {
    Packed(Listpack),
    Plain(ThinArc<(), u8>),
    Lzf(ThinArc<LzfHead, u8>),
}

/// What a compressed block remembers of its raw form.
pub(super) struct LzfHead {
    raw_len: usize,
    count: usize,
    is_plain: bool,
}

impl Weigh for Block {
    fn weight(&self) -> usize {
        match self {
            Block::Packed(pack) => pack.len(),
            Block::Plain(_) => 1,
            Block::Lzf(block) => block.header.header.count,
        }
    }
}

impl Block {
    pub(super) fn plain(bytes: &[u8]) -> Self {
        Block::Plain(ThinArc::from_header_and_slice((), bytes))
    }

    /// A block of one element, with room for `room` bytes of elements.
    pub(super) fn packed(bytes: &[u8], room: usize) -> Self {
        let mut pack = Listpack::with_capacity(room);
        pack.push_back(bytes);
        Block::Packed(pack)
    }

    pub(super) fn is_plain(&self) -> bool {
        match self {
            Block::Packed(_) => false,
            Block::Plain(_) => true,
            Block::Lzf(block) => block.header.header.is_plain,
        }
    }

    pub(super) fn is_compressed(&self) -> bool {
        matches!(self, Block::Lzf(_))
    }

    /// Length of the raw block (for a packed one including its header and end).
    pub(super) fn raw_len(&self) -> usize {
        match self {
            Block::Packed(pack) => pack.byte_len(),
            Block::Plain(bytes) => bytes.slice.len(),
            Block::Lzf(block) => block.header.header.raw_len,
        }
    }

    /// Bytes allocated.
    pub(super) fn alloc_bytes(&self) -> usize {
        // A reference count and a length go with each slice.
        const THIN: usize = 2 * size_of::<usize>();
        match self {
            Block::Packed(pack) => pack.alloc_bytes(),
            Block::Plain(bytes) => bytes.slice.len() + THIN,
            Block::Lzf(block) => block.slice.len() + size_of::<LzfHead>() + THIN,
        }
    }

    /// The raw block: another reference, or decompressed.
    pub(super) fn raw(&self) -> Block {
        let Block::Lzf(block) = self else { return self.clone() };
        let head = &block.header.header;
        let mut bytes = vec![0; head.raw_len];
        lzf::decompress(&block.slice, &mut bytes).expect("bytes that were compressed here");
        if head.is_plain {
            Block::plain(&bytes)
        } else {
            Block::Packed(Listpack::from_bytes(&bytes).expect("a block that was sound before it was compressed"))
        }
    }

    /// Calls `read` with the raw block, which costs nothing where it is not compressed.
    pub(super) fn with_raw<R>(&self, read: impl FnOnce(&Block) -> R) -> R {
        if self.is_compressed() { read(&self.raw()) } else { read(self) }
    }

    /// Makes the block raw.
    pub(super) fn decompress(&mut self) {
        if self.is_compressed() {
            *self = self.raw();
        }
    }

    /// Compresses the block where that saves enough; otherwise it stays as it is.
    pub(super) fn compress(&mut self) {
        let bytes = match self {
            Block::Packed(pack) => pack.as_bytes(),
            Block::Plain(bytes) => &bytes.slice,
            Block::Lzf(_) => return,
        };
        let raw_len = bytes.len();
        if !(COMPRESS_MIN_BYTES..=COMPRESS_MAX_BYTES).contains(&raw_len) {
            return;
        }
        let mut small = vec![0; raw_len];
        let Some(len) = lzf::compress(bytes, &mut small) else { return };
        if len + COMPRESS_MIN_GAIN_BYTES < raw_len {
            let head = LzfHead { raw_len, count: self.weight(), is_plain: self.is_plain() };
            *self = Block::Lzf(ThinArc::from_header_and_slice(head, &small[..len]));
        }
    }

    /// The packed elements of a raw block.
    pub(super) fn pack(&self) -> Option<&Listpack> {
        match self {
            Block::Packed(pack) => Some(pack),
            _ => None,
        }
    }

    /// The packed elements of a raw block, to change.
    pub(super) fn pack_mut(&mut self) -> Option<&mut Listpack> {
        match self {
            Block::Packed(pack) => Some(pack),
            _ => None,
        }
    }

    /// The element at `offset` of a raw block.
    pub(super) fn item(&self, offset: usize) -> Option<Item<'_>> {
        match self {
            Block::Packed(pack) => Some(pack.get(pack.seek(isize::try_from(offset).ok()?)?)),
            Block::Plain(bytes) => (offset == 0).then_some(Item::Bytes(&bytes.slice)),
            Block::Lzf(_) => None,
        }
    }
}
