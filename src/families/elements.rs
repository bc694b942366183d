//! What commands on elements of hashes, sets and sorted sets share: writing an element, how many random elements are
//! wanted, the options of HSCAN and its like.

use super::keys;
use crate::base::glob::glob_match;
use crate::command::{Args, CommandError, DataCx};
use crate::object::Limits;
use crate::resp::reply::Reply;
use crate::structs::listpack::Item;

/// Most elements a command picks with repetition where no output limit ends it; beyond it the reply alone would be
/// gigabytes.
const MOST_REPEATED: usize = 1 << 27;

/// Bytes of output at which a command that picks with repetition stops, if there is such a limit. Errors: `count`
/// elements are too many to pick without one.
pub(super) fn repeated_bound(limits: &Limits, count: usize) -> Result<usize, CommandError> {
    match limits.output_max_bytes {
        0 if count > MOST_REPEATED => Err(CommandError::OUT_OF_RANGE),
        0 => Ok(usize::MAX),
        bytes => Ok(bytes),
    }
}

/// Writes an element as a string.
#[inline]
pub(super) fn bulk_item(reply: &mut Reply, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Int(value) => reply.bulk_int(value),
    }
}

/// How many random elements are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RandomCount {
    /// One, not in an array.
    One,
    /// Up to so many, all different.
    Distinct(usize),
    /// Exactly so many, some perhaps more than once, unless the output reaches `most_bytes`.
    #[allow(missing_docs)]
    Repeated { count: usize, most_bytes: usize },
}

/// The count and the option (WITHVALUES, WITHSCORES) behind the key of HRANDFIELD or ZRANDMEMBER, and whether the
/// option is given. Errors: no count, a count out of range, another word.
pub(super) fn random_count(cx: &DataCx<'_>, with: &str) -> Result<(RandomCount, bool), CommandError> {
    if cx.args.len() < 3 {
        return Ok((RandomCount::One, false));
    }
    let count = cx.integer(2)?;
    if count == i64::MIN {
        return Err(CommandError::COUNT_TOO_LOW);
    }
    let paired = cx.args.len() > 3;
    if paired {
        if cx.args.len() > 4 || !cx.args.is(3, with) {
            return Err(CommandError::SYNTAX);
        }
        if !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
            return Err(CommandError::OUT_OF_RANGE);
        }
    }
    let size = count.unsigned_abs() as usize;
    match count {
        0.. => Ok((RandomCount::Distinct(size), paired)),
        _ => Ok((RandomCount::Repeated { count: size, most_bytes: repeated_bound(cx.limits, size)? }, paired)),
    }
}

/// The options of a scan of one collection.
pub(super) struct ScanOptions<'a> {
    /// How many elements a page is to hold, about.
    pub count: usize,
    /// Whether only names are wanted (HSCAN's NOVALUES).
    pub bare: bool,
    pattern: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Reads the arguments behind the cursor; `bare_word` is the option for names only, if there is one.
    pub fn parse(args: Args<'a>, bare_word: Option<&str>) -> Result<ScanOptions<'a>, CommandError> {
        let mut options = ScanOptions { count: 10, bare: false, pattern: None };
        let mut at = 3;
        while at < args.len() {
            if bare_word.is_some_and(|word| args.is(at, word)) {
                options.bare = true;
                at += 1;
                continue;
            }
            let operand = args.get(at + 1).ok_or(CommandError::SYNTAX)?;
            if args.is(at, "COUNT") {
                let count = crate::base::num::parse_i64(operand).ok_or(CommandError::NOT_INTEGER)?;
                options.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or(CommandError::SYNTAX)?;
            } else if args.is(at, "MATCH") {
                options.pattern = Some(operand).filter(|pattern| *pattern != b"*");
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 2;
        }
        Ok(options)
    }

    /// Whether an element is to be shown.
    pub fn admits(&self, item: Item<'_>) -> bool {
        self.pattern.is_none_or(|pattern| glob_match(pattern, item.as_str_buf(&mut [0; 24]), false))
    }
}

/// The cursor of a scan, at argument 2. Errors: no number.
pub(super) fn scan_cursor(args: Args<'_>) -> Result<u64, CommandError> {
    keys::cursor(args.at(2)).ok_or(CommandError::INVALID_CURSOR)
}

/// Writes a page of a scan: `page` holds `count` elements, already written.
pub(super) fn scan_reply(reply: &mut Reply, next: u64, count: usize, page: &Reply) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply.array(count);
    reply.raw(page.as_slice());
}
