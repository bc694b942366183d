//! How keys and totals are listed.
//!
//! ```text
//! text  db, type, encoding, length, bytes, time to live, key in quotes, in columns; then the totals
//! json  one object a line: {"db":0,"key":"a","type":"string","encoding":"int","length":1,"bytes":48,
//!       "expire_at_ms":null,"ttl_ms":null}; a key that is no UTF-8 has a "key_hex" beside its likeness in "key"
//! csv   a header line with the same names; in keys, backslashes, control characters and bytes that are no
//!       UTF-8 stand as \\, \n, \xff and so on
//! ```
//!
//! Length is in bytes for strings, in elements for all else. Bytes are what the key takes in this server's memory, as
//! MEMORY USAGE counts them. Promises: totals take bounded memory, whatever the keys are.

use crate::base::quoting::repr;
use crate::object::{Container, Hash, List, Object, Set, SortedSet, Text, Typed, encoding_name, kind, memory_usage};
use crate::structs::record::Body;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;

/// Most prefixes that are counted each for itself.
const PREFIXES_MAX: usize = 100_000;
/// A key has no prefix when there is no ':' among so many bytes.
const PREFIX_MAX_BYTES: usize = 128;

/// How keys are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Text,
    /// JSON, an object a line.
    Json,
    /// Comma-separated values.
    Csv,
}

/// A key, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub db: u32,
    pub key: &'a [u8],
    pub kind: &'static str,
    pub encoding: &'static str,
    /// Bytes of a string, else elements.
    pub length: usize,
    /// In memory.
    pub bytes: usize,
    /// The moment it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<u64>,
}

impl<'a> Row<'a> {
    /// The row of a key. O(its elements).
    pub(super) fn of(db: u32, object: &'a Object) -> Row<'a> {
        Row {
            db,
            key: object.key(),
            kind: kind(object).name(),
            encoding: encoding_name(object),
            length: length(object),
            bytes: memory_usage(object, 0),
            expire_at_ms: object.deadline(),
        }
    }

    fn ttl_ms(&self, now_ms: u64) -> Option<i64> {
        self.expire_at_ms.map(|at| i64::try_from(i128::from(at) - i128::from(now_ms)).unwrap_or(i64::MAX))
    }
}

fn length(object: &Object) -> usize {
    match (Text::of(object.body()), object.body()) {
        (Some(text), _) => text.len(),
        (None, Body::Payload(container)) => elements(container),
        (None, _) => 0,
    }
}

fn elements(container: &Container) -> usize {
    let list = List::of(container).map(List::len);
    let set = || Set::of(container).map(Set::len);
    let hash = || Hash::of(container).map(Hash::len);
    let sorted_set = || SortedSet::of(container).map(SortedSet::len);
    list.or_else(set).or_else(hash).or_else(sorted_set).unwrap_or(0)
}

/// What stands before the first row.
pub(super) fn header(format: Format, out: &mut Vec<u8>) {
    out.extend_from_slice(match format {
        Format::Text => b" db type   encoding       length        bytes       ttl key\n",
        Format::Json => b"",
        Format::Csv => b"db,key,type,encoding,length,bytes,expire_at_ms,ttl_ms\n",
    });
}

/// Appends a row's line.
pub(super) fn row(format: Format, row: &Row<'_>, now_ms: u64, out: &mut Vec<u8>) {
    let Row { db, kind, encoding, length, bytes, .. } = *row;
    let number = |value: Option<i128>, none: &str| value.map_or(none.to_owned(), |value| value.to_string());
    let (at, ttl) = (row.expire_at_ms.map(i128::from), row.ttl_ms(now_ms));
    // Writing to a `Vec` cannot fail, here and below.
    let _ = match format {
        Format::Text => {
            let (ttl, key) = (ttl.map_or("-".to_owned(), span), repr(row.key));
            writeln!(out, "{db:>3} {kind:<6} {encoding:<10} {length:>10} {bytes:>12} {ttl:>9} {key}")
        }
        Format::Json => {
            let _ = write!(out, "{{\"db\":{db},\"key\":");
            json_key(row.key, out);
            let (at, ttl) = (number(at, "null"), number(ttl.map(i128::from), "null"));
            writeln!(
                out,
                ",\"type\":\"{kind}\",\"encoding\":\"{encoding}\",\"length\":{length},\"bytes\":{bytes},\
                 \"expire_at_ms\":{at},\"ttl_ms\":{ttl}}}"
            )
        }
        Format::Csv => {
            let _ = write!(out, "{db},");
            csv_key(row.key, out);
            let (at, ttl) = (number(at, ""), number(ttl.map(i128::from), ""));
            writeln!(out, ",{kind},{encoding},{length},{bytes},{at},{ttl}")
        }
    };
}

/// A span of milliseconds in its two largest units.
fn span(ms: i64) -> String {
    let seconds = ms / 1000;
    match seconds {
        _ if ms < 0 => "expired".to_owned(),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{}h", seconds / 86400, seconds / 3600 % 24),
    }
}

fn json_key(key: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for character in String::from_utf8_lossy(key).chars() {
        let _ = match character {
            '"' | '\\' => write!(out, "\\{character}"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\0'..' ' | '\u{7f}' => write!(out, "\\u{:04x}", u32::from(character)),
            _ => write!(out, "{character}"),
        };
    }
    out.push(b'"');
    if std::str::from_utf8(key).is_err() {
        out.extend_from_slice(b",\"key_hex\":\"");
        for byte in key {
            let _ = write!(out, "{byte:02x}");
        }
        out.push(b'"');
    }
}

fn csv_key(key: &[u8], out: &mut Vec<u8>) {
    let mut text = String::with_capacity(key.len());
    for chunk in key.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                _ if character.is_control() => text.extend(character.escape_default()),
                _ => text.push(character),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    // A space at an end is lost by some readers, and an empty field is no empty key to them.
    let plain = !text.contains([',', '"', ' ']) && !text.is_empty();
    let field = if plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) };
    out.extend_from_slice(field.as_bytes());
}

/// A sum over keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    keys: u64,
    timed: u64,
    elements: u64,
    bytes: u64,
}

impl Total {
    fn add(&mut self, row: &Row<'_>) {
        self.keys += 1;
        self.timed += u64::from(row.expire_at_ms.is_some());
        self.elements += if row.kind == "string" { 1 } else { row.length as u64 };
        self.bytes += row.bytes as u64;
    }
}

/// Sums by type and by key prefix.
#[derive(Debug, Default)]
pub(super) struct Totals {
    all: Total,
    expired: u64,
    kinds: BTreeMap<&'static str, Total>,
    prefixes: HashMap<Vec<u8>, Total>,
    without_prefix: Total,
    others: Total,
}

impl Totals {
    /// Counts a key. O(1).
    pub(super) fn add(&mut self, row: &Row<'_>, now_ms: u64) {
        self.all.add(row);
        self.expired += u64::from(row.ttl_ms(now_ms).is_some_and(|ttl| ttl < 0));
        self.kinds.entry(row.kind).or_default().add(row);
        let window = &row.key[..row.key.len().min(PREFIX_MAX_BYTES)];
        let total = match memchr::memchr(b':', window) {
            None => &mut self.without_prefix,
            Some(at) => {
                let prefix = &row.key[..at];
                if self.prefixes.len() >= PREFIXES_MAX && !self.prefixes.contains_key(prefix) {
                    &mut self.others
                } else {
                    // A prefix is bounded, so its copy is.
                    self.prefixes.entry(prefix.to_vec()).or_default()
                }
            }
        };
        total.add(row);
    }

    /// The totals as lines, with the `shown` prefixes that take most memory.
    pub(super) fn lines(&self, shown: usize, out: &mut Vec<u8>) {
        let Total { keys, timed, bytes, .. } = self.all;
        let _ = writeln!(
            out,
            "# {keys} keys, {timed} with a time to live, {} of them expired, {bytes} bytes",
            self.expired
        );
        let heading = |first: &str, out: &mut Vec<u8>| {
            let _ = writeln!(out, "# {:>10} {:>10} {:>12} {:>14}  {first}", "keys", "with ttl", "elements", "bytes");
        };
        let line = |total: &Total, name: &str, out: &mut Vec<u8>| {
            let Total { keys, timed, elements, bytes } = total;
            let _ = writeln!(out, "# {keys:>10} {timed:>10} {elements:>12} {bytes:>14}  {name}");
        };
        if keys == 0 {
            return;
        }
        heading("type", out);
        for (kind, total) in &self.kinds {
            line(total, kind, out);
        }
        if shown == 0 {
            return;
        }
        heading("prefix", out);
        let mut prefixes: Vec<_> = self.prefixes.iter().collect();
        prefixes.sort_unstable_by(|a, b| b.1.bytes.cmp(&a.1.bytes).then_with(|| a.0.cmp(b.0)));
        for (prefix, total) in prefixes.iter().take(shown) {
            let name = repr(prefix);
            // The quotes go around the prefix with its colon.
            line(total, &format!("{}:\"", &name[..name.len() - 1]), out);
        }
        let mut others = self.others;
        for (_, total) in prefixes.iter().skip(shown) {
            others.keys += total.keys;
            others.timed += total.timed;
            others.elements += total.elements;
            others.bytes += total.bytes;
        }
        for (total, name) in [(others, "(other prefixes)"), (self.without_prefix, "(no prefix)")] {
            if total.keys > 0 {
                line(&total, name, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(key: &[u8]) -> Row<'_> {
        Row { db: 3, key, kind: "list", encoding: "quicklist", length: 2, bytes: 100, expire_at_ms: None }
    }

    fn shown(format: Format, sample: &Row<'_>) -> String {
        let mut out = Vec::new();
        row(format, sample, 1_000, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_is_shown_in_each_format() {
        let row = Row { expire_at_ms: Some(61_500), ..sample(b"a:1") };
        assert_eq!(shown(Format::Text, &row), "  3 list   quicklist           2          100      1m0s \"a:1\"\n");
        assert_eq!(
            shown(Format::Json, &row),
            "{\"db\":3,\"key\":\"a:1\",\"type\":\"list\",\"encoding\":\"quicklist\",\"length\":2,\"bytes\":100,\
             \"expire_at_ms\":61500,\"ttl_ms\":60500}\n"
        );
        assert_eq!(shown(Format::Csv, &row), "3,a:1,list,quicklist,2,100,61500,60500\n");
        assert_eq!(shown(Format::Csv, &Row { expire_at_ms: Some(0), ..row }), "3,a:1,list,quicklist,2,100,0,-1000\n");
        assert_eq!(shown(Format::Csv, &sample(b"a")), "3,a,list,quicklist,2,100,,\n");
        let mut out = Vec::new();
        header(Format::Text, &mut out);
        let heading = String::from_utf8(out).unwrap();
        assert_eq!(heading.find("key"), shown(Format::Text, &sample(b"a")).find('"'));
    }

    #[test]
    fn keys_of_any_bytes_are_shown_without_loss() {
        for (key, json, csv) in [
            (&b"a\"b\\\n\0"[..], r#""a\"b\\\n\u0000""#, r#""a""b\\\n\u{0}""#),
            ("é,".as_bytes(), "\"é,\"", "\"é,\""),
            (b"\xff", "\"\u{fffd}\",\"key_hex\":\"ff\"", "\\xff"),
            (b"\\xff", r#""\\xff""#, "\\\\xff"),
            (b"", "\"\"", "\"\""),
        ] {
            let (mut found_json, mut found_csv) = (Vec::new(), Vec::new());
            json_key(key, &mut found_json);
            csv_key(key, &mut found_csv);
            assert_eq!((found_json.as_slice(), found_csv.as_slice()), (json.as_bytes(), csv.as_bytes()));
        }
    }

    #[test]
    fn totals_are_by_type_and_prefix_the_largest_first() {
        let mut totals = Totals::default();
        for key in [&b"a:1"[..], b"a:2", b"b:1", b"c:1", b"plain"] {
            totals.add(&sample(key), 0);
        }
        let text = Row { kind: "string", bytes: 1000, expire_at_ms: Some(5), ..sample(b"b:text") };
        totals.add(&text, 10);
        let mut out = Vec::new();
        totals.lines(2, &mut out);
        let words: Vec<Vec<String>> = String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect();
        let expected = [
            "# 6 keys, 1 with a time to live, 1 of them expired, 1500 bytes",
            "# keys with ttl elements bytes type",
            "# 5 0 10 500 list",
            "# 1 1 1 1000 string",
            "# keys with ttl elements bytes prefix",
            "# 2 1 3 1100 \"b:\"",
            "# 2 0 4 200 \"a:\"",
            "# 1 0 2 100 (other prefixes)",
            "# 1 0 2 100 (no prefix)",
        ];
        let expected: Vec<Vec<String>> =
            expected.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
        assert_eq!(words, expected);
    }

    #[test]
    fn prefixes_that_never_end_take_bounded_memory() {
        let mut totals = Totals::default();
        for at in 0..PREFIXES_MAX + 7 {
            totals.add(&sample(format!("{at}:x").as_bytes()), 0);
        }
        totals.add(&sample(b"0:again"), 0);
        totals.add(&sample(&[b'x'; 1000]), 0);
        assert_eq!(totals.prefixes.len(), PREFIXES_MAX);
        assert_eq!((totals.others.keys, totals.without_prefix.keys), (7, 1));
        assert_eq!(totals.prefixes[&b"0"[..]].keys, 2);
    }
}
