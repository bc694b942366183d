//! The history of changes that replicas follow: its name, how long it is, and its last bytes (the backlog), from which a
//! replica that was away goes on where it was.
//!
//! The bytes are kept once, in blocks. Whoever reads them (a replica's connection, a replica that comes back) only knows
//! how far it is, as an offset; blocks go when the backlog no longer needs them and nobody is left to read them.
//!
//! Promises: what is held ends at `offset` and has no gap; at least the backlog's size is held once so much was written.
//!
//! Offsets count bytes: `offset` bytes were written since the history began. On the wire positions begin at 1, so a
//! replica that has all of them asks for `offset + 1`.

use std::collections::VecDeque;
use std::fmt;

/// Bytes of a block, at least and at most; between them a sixteenth of the backlog.
const LEAST_BLOCK_BYTES: usize = 16 * 1024;
const MOST_BLOCK_BYTES: usize = 1024 * 1024;
/// Bytes that are freed at a time: many have to go when a replica that was far behind has gone.
const FREED_AT_ONCE_BYTES: usize = 4 * 1024 * 1024;
/// So many blocks may be listed before the list is made shorter.
const LEAST_PLACES: usize = 64;

/// Characters of a name.
pub const ID_LEN: usize = 40;

/// The name of a history: 40 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReplicationId([u8; ID_LEN]);

impl ReplicationId {
    /// What is answered where there is none.
    pub const NONE: ReplicationId = ReplicationId([b'0'; ID_LEN]);

    /// A name from these bits.
    pub fn from_bits(bits: [u32; 5]) -> ReplicationId {
        let mut id = [0; ID_LEN];
        for (at, digit) in id.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(bits[at / 8] >> (at % 8 * 4) & 15) as usize];
        }
        ReplicationId(id)
    }

    /// A name that a peer or a file tells. `None`: no such name.
    pub fn parse(text: &[u8]) -> Option<ReplicationId> {
        let id: [u8; ID_LEN] = text.try_into().ok()?;
        id.iter().all(u8::is_ascii_graphic).then_some(ReplicationId(id))
    }

    /// Whether this is what a peer calls it.
    pub fn is(&self, text: &[u8]) -> bool {
        self.0.eq_ignore_ascii_case(text)
    }

    /// As bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        // Only graphic ASCII gets in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for ReplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ReplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why somebody cannot go on from where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It followed another history.
    OtherHistory,
    /// It followed the former history further than this one shares with it.
    BeyondFormer,
    /// What it lacks is no longer, or not yet, held.
    NotHeld,
}

/// A part of what was written.
#[derive(Debug)]
struct Block {
    /// The offset before its first byte.
    start: u64,
    bytes: Vec<u8>,
}

impl Block {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// The last bytes of the history.
#[derive(Debug)]
struct Backlog {
    /// The offset before the first byte that is held.
    start: u64,
    blocks: VecDeque<Block>,
    alloc_bytes: usize,
}

/// A history, which the server writes or follows.
#[derive(Debug)]
pub struct History {
    /// Its name.
    pub id: ReplicationId,
    /// The name it had before, and up to which position, on the wire, both are the same (`replid2`,
    /// `second_repl_offset`).
    pub second: Option<(ReplicationId, u64)>,
    /// Bytes that were written (`master_repl_offset`).
    pub offset: u64,
    backlog: Option<Backlog>,
    size: usize,
}

impl History {
    /// One of this name, with nothing written, of which later `size` bytes are to be kept.
    pub fn new(id: ReplicationId, size: usize) -> History {
        History { id, second: None, offset: 0, backlog: None, size }
    }

    /// Counts what was written, and remembers it while there is a backlog.
    pub fn append(&mut self, mut bytes: &[u8]) {
        let start = self.offset;
        self.offset += bytes.len() as u64;
        let block_bytes = self.block_bytes();
        let Some(backlog) = &mut self.backlog else { return };
        let mut at = start;
        while !bytes.is_empty() {
            let room = backlog.blocks.back().map_or(0, |last| last.bytes.capacity() - last.bytes.len());
            if room == 0 {
                let block = Block { start: at, bytes: Vec::with_capacity(block_bytes) };
                backlog.alloc_bytes += block.bytes.capacity();
                backlog.blocks.push_back(block);
                continue;
            }
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            if let Some(last) = backlog.blocks.back_mut() {
                last.bytes.extend_from_slice(now);
            }
            at += now.len() as u64;
            bytes = rest;
        }
    }

    /// Frees what the backlog need not hold and nobody has to read who is at `slowest` or further.
    pub fn trim(&mut self, slowest: Option<u64>) {
        let Some(backlog) = &mut self.backlog else { return };
        let mut freed = 0;
        while freed < FREED_AT_ONCE_BYTES
            && let Some(first) = backlog.blocks.front()
        {
            let needed = self.offset - first.end() < self.size as u64 || slowest.is_some_and(|at| at < first.end());
            if needed || backlog.blocks.len() == 1 {
                break;
            }
            freed += first.bytes.capacity();
            backlog.alloc_bytes -= first.bytes.capacity();
            backlog.start = first.end();
            backlog.blocks.pop_front();
        }
        if backlog.blocks.capacity() > LEAST_PLACES.max(4 * backlog.blocks.len()) {
            backlog.blocks.shrink_to(2 * backlog.blocks.len());
        }
    }

    /// What follows an offset, as far as it lies in one piece; empty at the end. `None`: it is not held.
    pub fn read(&self, from: u64) -> Option<&[u8]> {
        let backlog = self.backlog.as_ref()?;
        if from < backlog.start || from > self.offset {
            return None;
        }
        let at = backlog.blocks.partition_point(|block| block.end() <= from);
        let Some(block) = backlog.blocks.get(at) else { return Some(&[]) };
        Some(&block.bytes[(from - block.start) as usize..])
    }

    /// Where a replica is that asks to go on with the history of this name at this position. Errors: it cannot.
    pub fn since(&self, id: &[u8], position: i64) -> Result<u64, Lost> {
        if !self.id.is(id) {
            match &self.second {
                Some((second, _)) if !second.is(id) => return Err(Lost::OtherHistory),
                Some((_, until)) if i64::try_from(*until).is_ok_and(|until| position > until) => {
                    return Err(Lost::BeyondFormer);
                }
                Some(_) => {}
                None => return Err(Lost::OtherHistory),
            }
        }
        let at = u64::try_from(position).ok().and_then(|position| position.checked_sub(1)).ok_or(Lost::NotHeld)?;
        self.read(at).map(|_| at).ok_or(Lost::NotHeld)
    }

    /// Goes on under a new name; those who know the former one can still go on (promotion, `+CONTINUE <id>`).
    pub fn shift(&mut self, new: ReplicationId) {
        self.second = Some((self.id, self.offset + 1));
        self.id = new;
    }

    /// Follows another history from here on, of which nothing is held yet (`+FULLRESYNC`).
    pub fn adopt(&mut self, id: ReplicationId, offset: u64) {
        (self.id, self.second, self.offset) = (id, None, offset);
        self.free_backlog();
        self.begin_backlog();
    }

    /// Begins a history nobody knows. What is held is no part of it any more.
    pub fn restart(&mut self, new: ReplicationId) {
        (self.id, self.second) = (new, None);
    }

    /// Remembers from here on what is written.
    pub fn begin_backlog(&mut self) {
        if self.backlog.is_none() {
            self.backlog = Some(Backlog { start: self.offset, blocks: VecDeque::new(), alloc_bytes: 0 });
        }
    }

    /// Forgets what was written.
    pub fn free_backlog(&mut self) {
        self.backlog = None;
    }

    /// Sets how many bytes are kept at least (`repl-backlog-size`).
    pub fn resize_backlog(&mut self, size: usize) {
        self.size = size;
    }

    /// Whether what is written is remembered.
    #[inline]
    pub fn has_backlog(&self) -> bool {
        self.backlog.is_some()
    }

    /// The backlog's size, as set.
    pub fn backlog_size(&self) -> usize {
        self.size
    }

    /// Position of the first byte that is held, as the wire counts; 0 without a backlog.
    pub fn first_position(&self) -> u64 {
        self.backlog.as_ref().map_or(0, |backlog| backlog.start + 1)
    }

    /// Bytes that are held.
    pub fn held_bytes(&self) -> u64 {
        self.backlog.as_ref().map_or(0, |backlog| self.offset - backlog.start)
    }

    /// Bytes of memory beyond the backlog's size: those that are taken because somebody has still to read what is there,
    /// and what the first block and the last one have to spare.
    pub fn kept_bytes(&self) -> usize {
        self.alloc_bytes().saturating_sub(self.size)
    }

    fn block_bytes(&self) -> usize {
        (self.size / 16).clamp(LEAST_BLOCK_BYTES, MOST_BLOCK_BYTES)
    }

    /// Bytes of memory that the backlog takes.
    pub fn alloc_bytes(&self) -> usize {
        let places = |backlog: &Backlog| backlog.blocks.capacity() * size_of::<Block>();
        self.backlog.as_ref().map_or(0, |backlog| backlog.alloc_bytes + places(backlog))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 4 * LEAST_BLOCK_BYTES;

    fn id(word: u32) -> ReplicationId {
        ReplicationId::from_bits([word, 2, 3, 4, 5])
    }

    fn history() -> History {
        let mut history = History::new(id(1), SIZE);
        history.begin_backlog();
        history
    }

    /// All that follows an offset.
    fn read_all(history: &History, mut from: u64) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let piece = history.read(from).expect("it is held");
            if piece.is_empty() {
                return all;
            }
            all.extend_from_slice(piece);
            from += piece.len() as u64;
        }
    }

    #[test]
    fn a_name_is_forty_characters_whatever_their_case() {
        let name = id(0xabcd_ef01);
        assert_eq!(name.to_string().len(), ID_LEN);
        assert_eq!(ReplicationId::parse(name.as_bytes()), Some(name));
        assert!(name.is(name.as_str().to_uppercase().as_bytes()));
        assert!(!name.is(b"?") && !name.is(id(7).as_bytes()));
        assert_eq!(ReplicationId::parse(b"short"), None);
        assert_eq!(ReplicationId::parse(&[b' '; ID_LEN]), None);
    }

    #[test]
    fn what_was_written_is_read_from_any_place_that_is_held() {
        let mut history = history();
        let mut written = Vec::new();
        for number in 0..30_000_u32 {
            let bytes = number.to_string().into_bytes();
            history.append(&bytes);
            history.trim(None);
            written.extend_from_slice(&bytes);
        }
        assert_eq!(history.offset, written.len() as u64);
        let first = history.first_position() - 1;
        assert!(first > 0, "more was written than is kept");
        assert!(history.held_bytes() >= SIZE as u64 && history.held_bytes() <= (SIZE + 2 * LEAST_BLOCK_BYTES) as u64);
        for from in [first, first + 1, first + LEAST_BLOCK_BYTES as u64, history.offset - 1, history.offset] {
            assert!(read_all(&history, from) == written[from as usize..], "from {from}");
        }
        assert!(history.read(first - 1).is_none() && history.read(history.offset + 1).is_none());
    }

    #[test]
    fn what_somebody_has_still_to_read_is_kept() {
        let mut history = history();
        let piece = [7; LEAST_BLOCK_BYTES];
        (0..100).for_each(|_| history.append(&piece));
        history.trim(Some(10));
        assert_eq!(history.held_bytes(), history.offset);
        history.trim(Some(50 * LEAST_BLOCK_BYTES as u64 + 3));
        assert_eq!(history.first_position(), 50 * LEAST_BLOCK_BYTES as u64 + 1);
        history.trim(None);
        assert_eq!(history.held_bytes(), SIZE as u64);
        assert!(history.kept_bytes() < LEAST_BLOCK_BYTES, "{}", history.kept_bytes());
        history.resize_backlog(1);
        history.trim(None);
        assert_eq!(history.held_bytes(), LEAST_BLOCK_BYTES as u64);
    }

    #[test]
    fn a_replica_goes_on_by_the_name_it_knows() {
        let mut history = history();
        history.append(b"0123456789");
        let (first, second) = (history.id, id(9));
        assert_eq!(history.since(first.as_bytes(), 1), Ok(0));
        assert_eq!(history.since(first.as_bytes(), 11), Ok(10));
        for lost in [-1, 0, 12, i64::MAX] {
            assert_eq!(history.since(first.as_bytes(), lost), Err(Lost::NotHeld));
        }
        assert_eq!(history.since(b"?", 1), Err(Lost::OtherHistory));
        history.shift(second);
        history.append(b"more");
        assert_eq!(history.second, Some((first, 11)));
        assert_eq!(history.since(first.as_bytes(), 11), Ok(10));
        assert_eq!(history.since(first.as_bytes(), 12), Err(Lost::BeyondFormer));
        assert_eq!(history.since(second.as_bytes(), 15), Ok(14));
        assert_eq!(history.since(id(5).as_bytes(), 1), Err(Lost::OtherHistory));
        history.restart(id(3));
        assert_eq!(history.since(second.as_bytes(), 15), Err(Lost::OtherHistory));
    }

    #[test]
    fn much_is_freed_piece_by_piece() {
        let mut history = history();
        let pieces = 3 * FREED_AT_ONCE_BYTES / LEAST_BLOCK_BYTES;
        (0..pieces).for_each(|_| history.append(&[7; LEAST_BLOCK_BYTES]));
        for left in [2, 1] {
            history.trim(None);
            assert_eq!(history.held_bytes(), (left * FREED_AT_ONCE_BYTES) as u64);
        }
        history.trim(None);
        assert_eq!(history.held_bytes(), SIZE as u64);
        assert!(history.kept_bytes() < LEAST_BLOCK_BYTES, "{}", history.kept_bytes());
    }

    #[test]
    fn following_another_history_begins_with_nothing_held() {
        let mut history = history();
        history.append(b"0123456789");
        history.adopt(id(4), 1000);
        assert_eq!((history.offset, history.held_bytes(), history.first_position()), (1000, 0, 1001));
        history.append(b"abc");
        assert_eq!(read_all(&history, 1000), b"abc");
        assert_eq!(history.since(id(4).as_bytes(), 1000), Err(Lost::NotHeld));
        history.free_backlog();
        history.append(b"abc");
        assert_eq!((history.offset, history.read(1006)), (1006, None));
    }
}
