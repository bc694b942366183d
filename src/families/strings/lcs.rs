//! LCS: the longest common subsequence of two strings, by the table of all prefixes' lengths.
//!
//! Promise: the table is refused where it would exceed `proto-max-bulk-len` bytes, as in Redis; the length alone is
//! computed with two of its rows.

use crate::base::num;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::object::Text;

struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: u64,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, CommandError> {
        let mut options = Options { len: false, idx: false, with_match_len: false, min_match_len: 0 };
        let mut at = 0;
        while at < args.len() {
            if args.is(at, "IDX") {
                options.idx = true;
            } else if args.is(at, "LEN") {
                options.len = true;
            } else if args.is(at, "WITHMATCHLEN") {
                options.with_match_len = true;
            } else if args.is(at, "MINMATCHLEN")
                && let Some(least) = args.get(at + 1)
            {
                let least = num::parse_i64(least).ok_or(CommandError::NOT_INTEGER)?;
                options.min_match_len = least.max(0) as u64;
                at += 1;
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 1;
        }
        if options.idx && options.len { Err(CommandError::LCS_LEN_AND_IDX) } else { Ok(options) }
    }
}

pub(super) fn lcs(cx: &mut DataCx<'_>) -> CmdResult {
    let mut strings = [Vec::new(), Vec::new()];
    let mut wrong = false;
    for (at, string) in strings.iter_mut().enumerate() {
        match cx.db.text(cx.args.at(1 + at)) {
            Ok(text) => *string = text.map_or(Vec::new(), Text::to_vec),
            Err(_) => wrong = true,
        }
    }
    if wrong {
        return Err(CommandError::LCS_NOT_STRINGS);
    }
    let options = Options::parse(cx.args.from(3))?;
    let [a, b] = strings;
    let cells = (a.len() as u64 + 1).saturating_mul(b.len() as u64 + 1);
    if cells.saturating_mul(4) > cx.limits.proto_max_bulk_len as u64 {
        return Err(CommandError::LCS_TOO_LARGE);
    }
    if options.len {
        cx.reply.integer(length(&a, &b) as i64);
        return Ok(Outcome::Done);
    }
    let (common, matches) = trace(&a, &b);
    if !options.idx {
        cx.reply.bulk(&common);
        return Ok(Outcome::Done);
    }
    let long_enough = |found: &&Match| found.len >= options.min_match_len;
    cx.reply.map(2);
    cx.reply.bulk(b"matches");
    cx.reply.array(matches.iter().filter(long_enough).count());
    for found in matches.iter().filter(long_enough) {
        cx.reply.array(2 + options.with_match_len as usize);
        for start in [found.a, found.b] {
            cx.reply.array(2);
            cx.reply.integer(start as i64);
            cx.reply.integer((start + found.len - 1) as i64);
        }
        if options.with_match_len {
            cx.reply.integer(found.len as i64);
        }
    }
    cx.reply.bulk(b"len");
    cx.reply.integer(common.len() as i64);
    Ok(Outcome::Done)
}

/// A run of bytes that both strings share: where it begins in each, and how long it is.
#[derive(Debug, PartialEq, Eq)]
struct Match {
    a: u64,
    b: u64,
    len: u64,
}

/// The length of the longest common subsequence. O(a * b) time, O(b) memory.
fn length(a: &[u8], b: &[u8]) -> u32 {
    let mut above = vec![0u32; b.len() + 1];
    for &x in a {
        let mut diagonal = 0;
        let mut left = 0;
        for (&y, cell) in b.iter().zip(&mut above[1..]) {
            let up = *cell;
            left = if x == y { diagonal + 1 } else { up.max(left) };
            *cell = left;
            diagonal = up;
        }
    }
    above[b.len()]
}

/// The subsequence and its runs, last run first. O(a * b) time and memory.
fn trace(a: &[u8], b: &[u8]) -> (Vec<u8>, Vec<Match>) {
    let width = b.len() + 1;
    let mut table = vec![0u32; (a.len() + 1) * width];
    for (i, &x) in a.iter().enumerate() {
        let (above, row) = table[i * width..(i + 2) * width].split_at_mut(width);
        for (j, &y) in b.iter().enumerate() {
            row[j + 1] = if x == y { above[j] + 1 } else { above[j + 1].max(row[j]) };
        }
    }
    let (mut i, mut j) = (a.len(), b.len());
    let mut common = Vec::with_capacity(table[i * width + j] as usize);
    let mut matches: Vec<Match> = Vec::new();
    // Whether the last run may still grow backwards.
    let mut open = false;
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            common.push(a[i - 1]);
            i -= 1;
            j -= 1;
            match matches.last_mut().filter(|_| open) {
                Some(run) => *run = Match { a: i as u64, b: j as u64, len: run.len + 1 },
                None => matches.push(Match { a: i as u64, b: j as u64, len: 1 }),
            }
            open = true;
        } else {
            if table[(i - 1) * width + j] > table[i * width + j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
            open = false;
        }
    }
    common.reverse();
    (common, matches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::testing::Bench;

    #[test]
    fn runs_are_reported_from_the_end() {
        let (common, matches) = trace(b"ohmytext", b"mynewtext");
        assert_eq!(common, b"mytext");
        assert_eq!(matches, [Match { a: 4, b: 5, len: 4 }, Match { a: 2, b: 0, len: 2 }]);
        assert_eq!(trace(b"", b"abc"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn the_length_alone_agrees_with_the_subsequence() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let mut text = || -> Vec<u8> { (0..rng.usize(..30)).map(|_| rng.u8(b'a'..b'd')).collect() };
            let (a, b) = (text(), text());
            let (common, matches) = trace(&a, &b);
            assert_eq!(length(&a, &b) as usize, common.len());
            let mut joined = Vec::new();
            for run in matches.iter().rev() {
                let (from_a, from_b) =
                    (&a[run.a as usize..][..run.len as usize], &b[run.b as usize..][..run.len as usize]);
                assert_eq!(from_a, from_b);
                joined.extend_from_slice(from_a);
            }
            assert_eq!(joined, common);
        }
    }

    #[test]
    fn lcs_answers_as_its_options_say() {
        let mut bench = Bench::new();
        bench.run("MSET a ohmytext b mynewtext");
        assert_eq!(bench.run("LCS a b"), "$6\r\nmytext\r\n");
        assert_eq!(bench.run("LCS a b LEN"), ":6\r\n");
        assert_eq!(
            bench.run("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN"),
            "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n$3\r\nlen\r\n:6\r\n"
        );
        assert_eq!(bench.run("LCS a b IDX LEN"), bench.error(&CommandError::LCS_LEN_AND_IDX));
        assert_eq!(bench.run("LCS none b"), "$0\r\n\r\n");
        bench.run("RPUSH s x");
        assert_eq!(bench.run("LCS a s FOO"), bench.error(&CommandError::LCS_NOT_STRINGS));
    }
}
