//! Values of directives: parsed from the words of a line, checked, and printed again.
//!
//! Owns the grammar of every kind of value and the texts of what can be wrong with one. Promises: what `show` prints,
//! `parse` takes back to an equal value; nothing is allocated beyond a small multiple of the input. Leaves out where a
//! value came from (`file.rs`, `cli.rs`, `mod.rs`).

use super::key::Key;
use super::table::{Directive, Kind, ListKind, Unit};
use crate::base::num::{parse_i64, parse_memory};
use std::borrow::Cow;
use std::fmt::Write;

/// Why a value was refused, as clients are told.
pub(super) type Reason = Cow<'static, str>;

/// Addresses that `bind` takes.
const MAX_BIND: usize = 16;
/// Bytes of a host name that may be announced, one less than the bound in the message.
const MAX_HOST_NAME: usize = 255;
/// Percentiles that are kept; a bound of ours, since each costs work in INFO.
const MAX_PERCENTILES: usize = 1024;
/// Letters of key-space events in the order they are shown; the first ten are what `A` stands for.
const EVENT_LETTERS: &[u8] = b"g$lshzxetdnKEm";
/// How many of `EVENT_LETTERS` the letter `A` stands for.
const EVENT_ALL: usize = 10;
/// Classes of clients, in the order of `client-output-buffer-limit`.
const CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// Limits of the output buffer of one class of clients; 0 sets no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufferLimit {
    /// Bytes at which a client is disconnected at once.
    pub hard_bytes: u64,
    /// Bytes above which a client may stay only for `soft_seconds`.
    pub soft_bytes: u64,
    /// Seconds above `soft_bytes`.
    pub soft_seconds: u64,
}

/// One pair of `save`: a snapshot is due when so many changes are at least so old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last snapshot, at least 1.
    pub seconds: u64,
    /// Changes since the last snapshot.
    pub changes: u64,
}

/// A set of key-space event letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotifyEvents(u16);

impl NotifyEvents {
    /// Whether the set is empty, so that nothing is published.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a letter of `KEg$lshzxetdmn` is in the set.
    pub fn has(self, letter: u8) -> bool {
        EVENT_LETTERS.iter().position(|&l| l == letter).is_some_and(|i| self.0 & 1 << i != 0)
    }

    fn parse(word: &[u8]) -> Option<Self> {
        let mut set = 0;
        for letter in word {
            set |= match EVENT_LETTERS.iter().position(|l| l == letter) {
                Some(i) => 1 << i,
                None if *letter == b'A' => (1 << EVENT_ALL) - 1,
                None => return None,
            };
        }
        Some(Self(set))
    }

    fn show(self) -> String {
        let all = (1 << EVENT_ALL) - 1;
        let mut out = String::new();
        // 'A' also hides 'n', as clients of the reference server see it.
        let skip = if self.0 & all == all {
            out.push('A');
            EVENT_ALL + 1
        } else {
            0
        };
        let shown = EVENT_LETTERS.iter().enumerate().skip(skip).filter(|(i, _)| self.0 & 1 << i != 0);
        out.extend(shown.map(|(_, &letter)| char::from(letter)));
        out
    }

    /// All letters, with nothing hidden behind `A`: what a file must hold to give this set again.
    pub(super) fn show_exactly(self) -> String {
        let mut out = self.show();
        if out.starts_with('A') && self.has(b'n') {
            out.push('n');
        }
        out
    }
}

/// The value of one directive.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    YesNo(bool),
    Integer(i128),
    Percent(u8),
    Choice(usize),
    Bits(u32),
    Text(Vec<u8>),
    Save(Vec<SavePoint>),
    Limits([BufferLimit; 3]),
    OomScoreAdj([i32; 3]),
    Events(NotifyEvents),
    Percentiles(Vec<f64>),
    Bind(Vec<Vec<u8>>),
    ReplicaOf(Option<(Vec<u8>, u16)>),
}

/// Parses the words that follow the name of a directive. `old` is its value so far: a list that names only some classes
/// keeps the others.
pub(super) fn parse(row: &Directive, words: &[Vec<u8>], old: &Value) -> Result<Value, Reason> {
    let split;
    let words = match words {
        // An empty word stands for no primary, but a line has to hold one.
        [] if matches!(row.kind, Kind::List(ListKind::ReplicaOf)) => return Err(WRONG_NUMBER),
        // One word may hold all of them: this is how CONFIG SET gives a list.
        [word] if row.kind.takes_many() => {
            split = split_at_spaces(word);
            split.as_slice()
        }
        _ => words,
    };
    let value = match row.kind {
        Kind::Bits(known) => parse_bits(known, words)?,
        Kind::List(list) if row.kind.takes_many() => parse_list(list, words, old)?,
        _ => {
            let [word] = words else { return Err(WRONG_NUMBER) };
            parse_word(row.kind, word)?
        }
    };
    check(row.key, &value)?;
    Ok(value)
}

const WRONG_NUMBER: Reason = Cow::Borrowed("wrong number of arguments");

/// The value of a row that nobody has set.
pub(super) fn default_value(row: &Directive) -> Value {
    let empty = match row.kind {
        Kind::List(ListKind::OutputBufferLimits) => Value::Limits(Default::default()),
        _ => Value::YesNo(false),
    };
    // Defaults are constants of the table, and a test parses every one of them.
    parse(row, &[row.default.as_bytes().to_vec()], &empty).unwrap_or(empty)
}

/// Pieces between single spaces; none for an empty word. Two spaces give an empty piece, which lists then refuse.
fn split_at_spaces(word: &[u8]) -> Vec<Vec<u8>> {
    if word.is_empty() { Vec::new() } else { word.split(|&b| b == b' ').map(<[u8]>::to_vec).collect() }
}

fn parse_word(kind: Kind, word: &[u8]) -> Result<Value, Reason> {
    match kind {
        Kind::YesNo => match word.to_ascii_lowercase().as_slice() {
            b"yes" => Ok(Value::YesNo(true)),
            b"no" => Ok(Value::YesNo(false)),
            _ => Err("argument must be 'yes' or 'no'".into()),
        },
        Kind::Integer { min, max, unit } => parse_integer(min, max, unit, word),
        Kind::Choice(known) => {
            let at = known.iter().position(|k| k.as_bytes().eq_ignore_ascii_case(word));
            at.map(Value::Choice).ok_or_else(|| one_of(known.iter().copied()))
        }
        Kind::Text { .. } => Ok(Value::Text(word.to_vec())),
        Kind::List(_) => NotifyEvents::parse(word)
            .map(Value::Events)
            .ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
        Kind::Bits(known) => parse_bits(known, &[word.to_vec()]),
    }
}

fn parse_integer(min: i128, max: i128, unit: Unit, word: &[u8]) -> Result<Value, Reason> {
    let number = match unit {
        Unit::Plain => parse_i64(word).map(i128::from).ok_or("argument couldn't be parsed into an integer")?,
        Unit::Memory => parse_memory(word).map(i128::from).ok_or("argument must be a memory value")?,
        Unit::MemoryOrPercent => match word.strip_suffix(b"%") {
            None => parse_memory(word).map(i128::from).ok_or("argument must be a memory or percent value")?,
            Some(digits) => {
                let percent =
                    parse_i64(digits).filter(|&p| p >= 0).ok_or("argument must be a memory or percent value")?;
                return match u8::try_from(percent) {
                    // 0% and 0 both set no limit, and are the same value.
                    Ok(0) => Ok(Value::Integer(0)),
                    Ok(percent) if percent <= 100 => Ok(Value::Percent(percent)),
                    _ => Err("percentage argument must be less or equal to 100".into()),
                };
            }
        },
        Unit::Octal => std::str::from_utf8(word)
            .ok()
            .filter(|word| word.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|word| i64::from_str_radix(word, 8).ok())
            .map(i128::from)
            .ok_or("argument couldn't be parsed as an octal number")?,
    };
    if (min..=max).contains(&number) {
        Ok(Value::Integer(number))
    } else if unit == Unit::Octal {
        Err(format!("argument must be between {min:o} and {max:o} inclusive").into())
    } else {
        Err(format!("argument must be between {min} and {max} inclusive").into())
    }
}

fn one_of<'a>(known: impl Iterator<Item = &'a str>) -> Reason {
    format!("argument(s) must be one of the following: {}", known.collect::<Vec<_>>().join(", ")).into()
}

fn parse_bits(known: &[(&str, u32)], words: &[Vec<u8>]) -> Result<Value, Reason> {
    let mut bits = 0;
    for word in words {
        let found = known.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
        bits |= found.ok_or_else(|| one_of(known.iter().map(|k| k.0)))?.1;
    }
    if words.is_empty() { Err(one_of(known.iter().map(|k| k.0))) } else { Ok(Value::Bits(bits)) }
}

fn parse_list(list: ListKind, words: &[Vec<u8>], old: &Value) -> Result<Value, Reason> {
    // A lone "" is how a file says: an empty list.
    let words = if matches!(words, [word] if word.is_empty()) { &[] } else { words };
    match list {
        ListKind::Save => parse_save(words),
        ListKind::OutputBufferLimits => parse_limits(words, old),
        ListKind::OomScoreAdj => {
            let [a, b, c] = words else { return Err(WRONG_NUMBER) };
            let score = |word: &[u8]| {
                let score = strtol(word).and_then(|n| i32::try_from(n).ok()).filter(|n| (-2000..=2000).contains(n));
                score.ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
            };
            Ok(Value::OomScoreAdj([score(a)?, score(b)?, score(c)?]))
        }
        ListKind::Percentiles => parse_percentiles(words),
        ListKind::Bind if words.len() > MAX_BIND => Err("Too many bind addresses specified.".into()),
        ListKind::Bind => Ok(Value::Bind(words.to_vec())),
        ListKind::ReplicaOf => match words {
            [] => Ok(Value::ReplicaOf(None)),
            [no, one] if no.eq_ignore_ascii_case(b"no") && one.eq_ignore_ascii_case(b"one") => {
                Ok(Value::ReplicaOf(None))
            }
            [host, port] => {
                let port = strtol(port).and_then(|p| u16::try_from(p).ok()).ok_or("Invalid master port")?;
                Ok(Value::ReplicaOf(Some((host.clone(), port))))
            }
            _ => Err(WRONG_NUMBER),
        },
        ListKind::NotifyEvents => Err(WRONG_NUMBER),
    }
}

fn parse_save(words: &[Vec<u8>]) -> Result<Value, Reason> {
    const WRONG: &str = "Invalid save parameters";
    let pairs = words.chunks(2).map(|pair| {
        let [seconds, changes] = pair else { return Err(WRONG.into()) };
        let seconds = strtol(seconds).and_then(|n| u64::try_from(n).ok()).filter(|&n| n >= 1).ok_or(WRONG)?;
        // Changes are a C int there, and what does not fit wraps; a wrapped minus is refused like any other.
        let changes = strtol(changes).and_then(|n| u64::try_from(n as i32).ok()).ok_or(WRONG)?;
        Ok(SavePoint { seconds, changes })
    });
    pairs.collect::<Result<_, _>>().map(Value::Save)
}

fn parse_limits(words: &[Vec<u8>], old: &Value) -> Result<Value, Reason> {
    let Value::Limits(mut limits) = old.clone() else { return Err(WRONG_NUMBER) };
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for words in words.chunks(4) {
        let class = match words[0].to_ascii_lowercase().as_slice() {
            b"normal" => 0,
            b"slave" | b"replica" => 1,
            b"pubsub" => 2,
            _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
        };
        let seconds = strtol(&words[3]).and_then(|n| u64::try_from(n).ok());
        let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) =
            (parse_memory(&words[1]), parse_memory(&words[2]), seconds)
        else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".into());
        };
        limits[class] = BufferLimit { hard_bytes, soft_bytes, soft_seconds };
    }
    Ok(Value::Limits(limits))
}

fn parse_percentiles(words: &[Vec<u8>]) -> Result<Value, Reason> {
    if words.len() > MAX_PERCENTILES {
        return Err("Too many latency-tracking-info-percentiles parameters".into());
    }
    let numbers = words.iter().map(|word| {
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok()).filter(|n| !n.is_nan());
        let number = number.ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&number) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
        // Six digits are shown and written to files, so no more are kept; adding 0 turns -0 into 0.
        Ok((number * 1e6).round() / 1e6 + 0.0)
    });
    numbers.collect::<Result<_, _>>().map(Value::Percentiles)
}

/// Rules of single directives.
fn check(key: Key, value: &Value) -> Result<(), Reason> {
    match (key, value) {
        (Key::Appendfilename, Value::Text(name)) if name.is_empty() => Err("appendfilename can't be empty".into()),
        (Key::Appenddirname, Value::Text(name)) if name.is_empty() => Err("appenddirname can't be empty".into()),
        (Key::Appendfilename, Value::Text(name)) if name.contains(&b'/') => {
            Err("appendfilename can't be a path, just a filename".into())
        }
        (Key::Appenddirname, Value::Text(name)) if name.contains(&b'/') => {
            Err("appenddirname can't be a path, just a dirname".into())
        }
        (Key::Dbfilename, Value::Text(name)) if name.contains(&b'/') => {
            Err("dbfilename can't be a path, just a filename".into())
        }
        (Key::ClusterAnnounceHostname, Value::Text(name)) if name.len() > MAX_HOST_NAME => {
            Err("Hostnames must be less than 256 characters".into())
        }
        (Key::ClusterAnnounceHostname, Value::Text(name))
            if !name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) =>
        {
            Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
        }
        (Key::ProcTitleTemplate, Value::Text(template)) if !is_title_template(template) => {
            Err("template format is invalid or contains unknown variables".into())
        }
        (Key::Activedefrag, Value::YesNo(true)) => Err("Active defragmentation cannot be enabled: it requires a Redis \
             server compiled with a modified Jemalloc like the one shipped by default with the Redis source distribution"
            .into()),
        (Key::ShutdownOnSigint | Key::ShutdownOnSigterm, Value::Bits(bits)) if bits & 3 == 3 => {
            Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into())
        }
        _ => Ok(()),
    }
}

/// Whether a title template is not empty and names only what is known; `{{` is a brace.
fn is_title_template(template: &[u8]) -> bool {
    const KNOWN: [&[u8]; 7] =
        [b"title", b"listen-addr", b"server-mode", b"port", b"tls-port", b"config-file", b"unixsocket"];
    !template.is_empty() && expand_title(template, |name| KNOWN.contains(&name).then(String::new)).is_some()
}

/// A title template with its variables filled in; `None` when it names one that `variable` does not know.
pub fn expand_title(template: &[u8], variable: impl Fn(&[u8]) -> Option<String>) -> Option<String> {
    let mut title = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.iter().position(|&b| b == b'{') {
        title.extend_from_slice(&rest[..open]);
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix(b"{") {
            title.push(b'{');
            rest = after;
            continue;
        }
        let close = rest.iter().position(|&b| b == b'}')?;
        title.extend(variable(&rest[..close])?.bytes());
        rest = &rest[close + 1..];
    }
    title.extend_from_slice(rest);
    Some(String::from_utf8_lossy(&title).trim_matches(' ').to_owned())
}

/// A value as CONFIG GET shows it.
pub(super) fn show(kind: Kind, value: &Value) -> Vec<u8> {
    match value {
        Value::YesNo(yes) => if *yes { "yes" } else { "no" }.into(),
        Value::Integer(n) if matches!(kind, Kind::Integer { unit: Unit::Octal, .. }) => format!("{n:o}").into(),
        Value::Integer(n) => n.to_string().into(),
        Value::Percent(percent) => format!("{percent}%").into(),
        Value::Choice(at) => match kind {
            Kind::Choice(known) => known.get(*at).copied().unwrap_or_default().into(),
            _ => Vec::new(),
        },
        Value::Bits(bits) => show_bits(kind, *bits).into(),
        Value::Text(text) => text.clone(),
        Value::Save(points) => {
            let pairs: Vec<_> = points.iter().map(|p| format!("{} {}", p.seconds, p.changes)).collect();
            pairs.join(" ").into()
        }
        Value::Limits(limits) => {
            let classes = CLASSES.iter().zip(limits);
            let shown = classes.map(|(c, l)| format!("{c} {} {} {}", l.hard_bytes, l.soft_bytes, l.soft_seconds));
            shown.collect::<Vec<_>>().join(" ").into()
        }
        Value::OomScoreAdj([a, b, c]) => format!("{a} {b} {c}").into(),
        Value::Events(events) => events.show().into(),
        Value::Percentiles(numbers) => show_percentiles(numbers).into(),
        Value::Bind(addresses) => addresses.join(&b' '),
        Value::ReplicaOf(None) => Vec::new(),
        Value::ReplicaOf(Some((host, port))) => [host.as_slice(), b" ", port.to_string().as_bytes()].concat(),
    }
}

fn show_bits(kind: Kind, bits: u32) -> String {
    let Kind::Bits(known) = kind else { return String::new() };
    match known.iter().find(|(_, bit)| *bit == bits) {
        Some((name, _)) => (*name).to_string(),
        None => {
            let set = known.iter().filter(|(_, bit)| bits & bit != 0).map(|(name, _)| *name);
            set.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Numbers with at most six decimals and no trailing zeros, apart by spaces.
fn show_percentiles(numbers: &[f64]) -> String {
    let mut out = String::new();
    for number in numbers {
        if !out.is_empty() {
            out.push(' ');
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "{number:.6}");
        out.truncate(out.trim_end_matches('0').trim_end_matches('.').len());
    }
    out
}

/// A decimal number as C's `strtol` takes it when the whole word must be used: leading spaces and a plus are skipped,
/// no digits at all are 0 when the word is empty, and what is out of range is held at the bounds.
fn strtol(word: &[u8]) -> Option<i64> {
    let start = word.iter().position(|b| !b.is_ascii_whitespace() && *b != 11).unwrap_or(0);
    let (negative, digits) = match &word[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if word.is_empty() {
        return Some(0);
    }
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let step = |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    let down = |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_sub(i64::from(digit - b'0'));
    Some(if negative { digits.iter().fold(0, down) } else { digits.iter().fold(0, step) })
}

#[cfg(test)]
mod tests {
    use super::super::table::{TABLE, directive};
    use super::*;

    fn set(key: Key, words: &[&str]) -> Result<String, String> {
        let row = directive(key);
        let old = default_value(row);
        let words: Vec<Vec<u8>> = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let value = parse(row, &words, &old).map_err(|reason| reason.to_string())?;
        Ok(String::from_utf8(show(row.kind, &value)).expect("shown as text"))
    }

    fn refused(key: Key, words: &[&str], reason: &str) {
        assert_eq!(set(key, words), Err(reason.to_string()), "{key:?} {words:?}");
    }

    fn taken(key: Key, words: &[&str], shown: &str) {
        assert_eq!(set(key, words), Ok(shown.to_string()), "{key:?} {words:?}");
    }

    #[test]
    fn defaults_are_shown_as_the_table_writes_them() {
        for row in &TABLE {
            assert_eq!(show(row.kind, &default_value(row)), row.default.as_bytes(), "{}", row.name);
        }
    }

    #[test]
    fn numbers_keep_to_their_bounds_and_units() {
        taken(Key::Maxmemory, &["1GB"], "1073741824");
        taken(Key::Maxmemory, &["18446744073709551615"], "18446744073709551615");
        taken(Key::Maxmemory, &[""], "0");
        refused(Key::Maxmemory, &["1.5gb"], "argument must be a memory value");
        refused(Key::Maxmemory, &["-1"], "argument must be a memory value");
        refused(Key::ProtoMaxBulkLen, &["1"], "argument must be between 1048576 and 9223372036854775807 inclusive");
        refused(Key::Port, &["01"], "argument couldn't be parsed into an integer");
        refused(Key::Port, &["70000"], "argument must be between 0 and 65535 inclusive");
        refused(Key::Port, &["1", "2"], "wrong number of arguments");
        refused(Key::Port, &[], "wrong number of arguments");
        taken(Key::Unixsocketperm, &["777"], "777");
        refused(Key::Unixsocketperm, &["8"], "argument couldn't be parsed as an octal number");
        refused(Key::Unixsocketperm, &["1000"], "argument must be between 0 and 777 inclusive");
        taken(Key::MaxmemoryClients, &["5%"], "5%");
        taken(Key::MaxmemoryClients, &["0%"], "0");
        taken(Key::MaxmemoryClients, &["1mb"], "1048576");
        refused(Key::MaxmemoryClients, &["101%"], "percentage argument must be less or equal to 100");
        refused(Key::MaxmemoryClients, &["-1%"], "argument must be a memory or percent value");
    }

    #[test]
    fn words_are_taken_in_any_case_and_shown_in_one() {
        taken(Key::MaxmemoryPolicy, &["ALLKEYS-LRU"], "allkeys-lru");
        taken(Key::ShutdownOnSigterm, &["force save"], "save force");
        taken(Key::ShutdownOnSigterm, &["default", "now"], "now");
        let shutdown = "argument(s) must be one of the following: default, save, nosave, now, force";
        refused(Key::ShutdownOnSigint, &[""], shutdown);
        refused(Key::ShutdownOnSigint, &[], shutdown);
        refused(Key::ShutdownOnSigint, &["now", "bla"], shutdown);
        let both = "shutdown options SAVE and NOSAVE can't be used simultaneously";
        refused(Key::ShutdownOnSigint, &["save nosave"], both);
        refused(
            Key::Loglevel,
            &["notice x"],
            "argument(s) must be one of the following: debug, verbose, notice, warning",
        );
    }

    #[test]
    fn save_points_come_in_pairs() {
        taken(Key::Save, &["900 1 300 10"], "900 1 300 10");
        taken(Key::Save, &["+900", "1"], "900 1");
        taken(Key::Save, &[""], "");
        taken(Key::Save, &["1 99999999999"], "1 1215752191");
        for wrong in ["900", "900 1 300", "900 1  300 2", " 900 1", "'900' 1", "0 1", "1 -1", "1 a"] {
            refused(Key::Save, &[wrong], "Invalid save parameters");
        }
    }

    #[test]
    fn buffer_limits_that_are_not_named_stay() {
        taken(
            Key::ClientOutputBufferLimit,
            &["normal 1mb 2 3"],
            "normal 1048576 2 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        );
        taken(
            Key::ClientOutputBufferLimit,
            &["replica 1 2 3 slave 4 5 6"],
            "normal 0 0 0 slave 4 5 6 pubsub 33554432 8388608 60",
        );
        let count = "Wrong number of arguments in buffer limit configuration.";
        refused(Key::ClientOutputBufferLimit, &["normal 1 2"], count);
        refused(Key::ClientOutputBufferLimit, &["normal 1 2 3 "], count);
        let number = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        refused(Key::ClientOutputBufferLimit, &["normal 1 2 -1"], number);
        refused(Key::ClientOutputBufferLimit, &["NORMAL 1 2 0x1"], number);
        let class = "Invalid client class specified in buffer limit configuration.";
        refused(Key::ClientOutputBufferLimit, &["master 1 2 3"], class);
    }

    #[test]
    fn event_letters_are_shown_in_one_order() {
        for (given, shown) in
            [("KEA", "AKE"), ("Eg$lshzxetdmnK", "AKEm"), ("gx", "gx"), ("Kmn", "nKm"), ("AKn", "AK"), ("", "")]
        {
            taken(Key::NotifyKeyspaceEvents, &[given], shown);
        }
        refused(Key::NotifyKeyspaceEvents, &["Q"], "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    }

    #[test]
    fn percentiles_have_six_decimals_at_most() {
        taken(Key::LatencyTrackingInfoPercentiles, &["50.5 1.123456789 100"], "50.5 1.123457 100");
        taken(Key::LatencyTrackingInfoPercentiles, &[""], "");
        let wrong = "Invalid latency-tracking-info-percentiles parameters";
        refused(Key::LatencyTrackingInfoPercentiles, &["50  60"], wrong);
        refused(Key::LatencyTrackingInfoPercentiles, &["nan"], wrong);
        let range = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
        refused(Key::LatencyTrackingInfoPercentiles, &["-1"], range);
    }

    #[test]
    fn other_lists_and_names_have_their_rules() {
        taken(Key::Bind, &["127.0.0.1 -::1"], "127.0.0.1 -::1");
        taken(Key::Bind, &[""], "");
        refused(Key::Bind, &["1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"], "Too many bind addresses specified.");
        taken(Key::OomScoreAdjValues, &["3 2 1"], "3 2 1");
        taken(Key::OomScoreAdjValues, &["1 2 "], "1 2 0");
        refused(Key::OomScoreAdjValues, &["1 2"], "wrong number of arguments");
        taken(Key::Replicaof, &["::1", "6379"], "::1 6379");
        taken(Key::Replicaof, &["NO", "one"], "");
        refused(Key::Replicaof, &["--127.0.0.1", "abc"], "Invalid master port");
        refused(Key::Appendfilename, &["a/b"], "appendfilename can't be a path, just a filename");
        refused(Key::Appenddirname, &[""], "appenddirname can't be empty");
        let hosts = "Hostnames may only contain alphanumeric characters, hyphens or dots";
        refused(Key::ClusterAnnounceHostname, &["a_b"], hosts);
        let template = "template format is invalid or contains unknown variables";
        for wrong in ["", "{title", "{x}"] {
            refused(Key::ProcTitleTemplate, &[wrong], template);
        }
        taken(Key::ProcTitleTemplate, &["{{a}b {port}"], "{{a}b {port}");
    }
}
