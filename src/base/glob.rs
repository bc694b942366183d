//! Glob patterns as KEYS, SCAN and PSUBSCRIBE understand them.
//!
//! `*` any run, `?` any byte, `[a-c]`, `[^abc]`, `\x` for a literal `x`. Works on bytes. The answers are those of
//! Redis 7.0, its oddities included: `*` does not match the empty text (callers that mean "everything" must ask
//! `matches_all` first), an unterminated class ends with the pattern, and range ends compare as signed bytes.
//!
//! Promise: time is at most pattern length times text length and no recursion takes place. Where the rest of a pattern
//! after the latest `*` cannot be found, no earlier `*` could help by taking more, so one resume point is enough.

/// Whether `pattern` is the lone `*`, which callers take as "everything" without asking `glob_match`.
pub fn matches_all(pattern: &[u8]) -> bool {
    pattern == b"*"
}

/// Stars that may be passed in one match; a pattern with more matches nothing that needs them, as in Redis.
const STARS_LIMIT: usize = 1000;

/// Whether the whole of `text` matches `pattern`; with `nocase`, ASCII letters match in either case.
pub fn glob_match(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when a literal fails: the pattern after the latest star, and the text it was last tried at.
    let mut resume: Option<(usize, usize)> = None;
    let mut stars = 0;
    loop {
        if p == pattern.len() || t == text.len() {
            if p == pattern.len() && t == text.len() {
                return true;
            }
        } else if pattern[p] == b'*' {
            while byte(pattern, p + 1) == b'*' {
                p += 1;
            }
            p += 1;
            if p == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > STARS_LIMIT {
                return false;
            }
            resume = Some((p, t));
            continue;
        } else if let Some(next) = match_one(pattern, p, text[t], nocase) {
            p = next;
            t += 1;
            if t == text.len() {
                while byte(pattern, p) == b'*' {
                    p += 1;
                }
            }
            continue;
        }
        match &mut resume {
            Some((after_star, tried)) if *tried + 1 < text.len() => {
                *tried += 1;
                (p, t) = (*after_star, *tried);
            }
            _ => return false,
        }
    }
}

/// The byte at `at`, or zero past the end, as in a terminated string.
fn byte(pattern: &[u8], at: usize) -> u8 {
    pattern.get(at).copied().unwrap_or(0)
}

/// Matches the single-byte element that starts at `p` (not a star) against `c`; the position after it on success.
fn match_one(pattern: &[u8], p: usize, c: u8, nocase: bool) -> Option<usize> {
    match pattern[p] {
        b'?' => Some(p + 1),
        b'[' => match_class(pattern, p + 1, c, nocase),
        first => {
            let at = if first == b'\\' && p + 1 < pattern.len() { p + 1 } else { p };
            same(pattern[at], c, nocase).then_some(at + 1)
        }
    }
}

/// Matches a class whose first byte after `[` is at `p`; the position after its `]` on success.
fn match_class(pattern: &[u8], mut p: usize, c: u8, nocase: bool) -> Option<usize> {
    let negated = byte(pattern, p) == b'^';
    if negated {
        p += 1;
    }
    let mut found = false;
    loop {
        let left = pattern.len().saturating_sub(p);
        if left >= 2 && pattern[p] == b'\\' {
            // An escaped byte of a class is compared as it stands, whatever `nocase` says.
            p += 1;
            found |= pattern[p] == c;
        } else if left == 0 {
            break;
        } else if pattern[p] == b']' {
            p += 1;
            break;
        } else if left >= 3 && pattern[p + 1] == b'-' {
            found |= in_range(pattern[p], pattern[p + 2], c, nocase);
            p += 2;
        } else {
            found |= same(pattern[p], c, nocase);
        }
        p += 1;
    }
    (found != negated).then_some(p)
}

fn in_range(from: u8, to: u8, c: u8, nocase: bool) -> bool {
    let (low, high) = if (from as i8) <= (to as i8) { (from, to) } else { (to, from) };
    let fold = |b: u8| if nocase { b.to_ascii_lowercase() as i8 } else { b as i8 };
    (fold(low)..=fold(high)).contains(&fold(c))
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || nocase && a.eq_ignore_ascii_case(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook form: tries every way a star can stretch. Exponential, so only for short input.
    fn oracle(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
        let (Some(&first), Some(&c)) = (pattern.first(), text.first()) else {
            return pattern.is_empty() && text.is_empty();
        };
        if first == b'*' {
            let rest = &pattern[pattern.iter().position(|&b| b != b'*').unwrap_or(pattern.len())..];
            return rest.is_empty() || (0..text.len()).any(|skip| oracle(rest, &text[skip..], nocase));
        }
        let Some(next) = match_one(pattern, 0, c, nocase) else { return false };
        let mut rest = &pattern[next..];
        if text.len() == 1 {
            while rest.first() == Some(&b'*') {
                rest = &rest[1..];
            }
        }
        oracle(rest, &text[1..], nocase)
    }

    fn m(pattern: &str, text: &str) -> bool {
        glob_match(pattern.as_bytes(), text.as_bytes(), false)
    }

    #[test]
    fn stars_and_question_marks_stretch_as_expected() {
        assert!(m("h*llo", "heeeello") && m("h?llo", "hallo") && m("*", "a") && m("a*", "a") && m("a***", "a"));
        assert!(m("*.png", "a.png.png") && m("a*b*c", "axxbxxbc") && m("", ""));
        assert!(!m("h?llo", "hllo") && !m("*b", "a") && !m("a", "") && !m("", "a"));
    }

    #[test]
    fn a_star_does_not_match_the_empty_text() {
        assert!(!m("*", "") && !m("**", "") && matches_all(b"*") && !matches_all(b"**"));
    }

    #[test]
    fn classes_ranges_negation_and_escapes() {
        assert!(m("h[ae]llo", "hallo") && !m("h[^e]llo", "hello") && m("h[a-b]llo", "hbllo") && m("[c-a]", "b"));
        assert!(m("\\*", "*") && !m("\\*", "a") && m("[\\]]", "]") && m("a\\", "a\\") && m("[\\-]", "-"));
        assert!(m("[]a]", "") == m("[", "") && !m("[]", "a") && m("[^]", "a") && m("[^", "a") && m("[a", "a"));
        assert!(glob_match(b"h[A-C]LLO", b"hbllo", true) && !glob_match(b"[\\A]", b"a", true));
    }

    #[test]
    fn ranges_compare_signed_bytes() {
        assert!(glob_match(b"[\xf0-a]", b"\x00", false));
        assert!(!glob_match(b"[\xf0-a]", b"\x80", false));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = [b"a*".repeat(5000), b"b".to_vec()].concat();
        assert!(!glob_match(&pattern, &b"a".repeat(20000), false));
    }

    #[test]
    fn random_patterns_agree_with_the_textbook() {
        let seed = 11;
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..200_000 {
            let mut draw =
                |set: &[u8], max| (0..rng.usize(..max)).map(|_| set[rng.usize(..set.len())]).collect::<Vec<u8>>();
            let (pattern, text) = (draw(b"aAbc*?[]^-\\\xf0", 10), draw(b"aAbc-]\\\xf0", 8));
            let nocase = rng.bool();
            let same = glob_match(&pattern, &text, nocase) == oracle(&pattern, &text, nocase);
            assert!(same, "seed {seed}: {pattern:?} {text:?} {nocase}");
        }
    }
}
