//! SORT and SORT_RO: the elements of a list, set or sorted set in order of themselves or of other keys' values.
//!
//! Promise: elements are copied once, into one block of bytes, before any other key is read; nothing is stored unless
//! every element had a weight. Texts are compared byte by byte, as in the C locale; those that compare equal keep the
//! order in which the container holds them. Patterns are refused to callers that may not read every key: nobody knows
//! beforehand which ones they name.

use crate::base::num;
use crate::base::quoting::is_space;
use crate::command::{Args, Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::{DbMut, Event, Expiry};
use crate::object::list::End;
use crate::object::{Container, Hash, Kind, List, Set, SortedSet, Text, Typed, Value};
use crate::structs::listpack::Item;
use crate::structs::record::Body;
use std::cmp::Ordering;
use std::ops::Range;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[data("sort", sort), data("sort_ro", sort_ro)];

fn sort(cx: &mut DataCx<'_>) -> CmdResult {
    run(cx, false)
}

fn sort_ro(cx: &mut DataCx<'_>) -> CmdResult {
    run(cx, true)
}

fn run(cx: &mut DataCx<'_>, readonly: bool) -> CmdResult {
    let mut options = Options::parse(cx.args.from(2), readonly, cx.reads_all_keys)?;
    let container = match cx.db.read(cx.args.at(1)).map(|object| object.body()) {
        // The clone takes constant time, and lets other keys be read while it is walked.
        Some(Body::Payload(container)) => Some(container.clone()),
        Some(_) => return Err(CommandError::WRONG_TYPE),
        None => None,
    };
    let kind = container.as_ref().map_or(Kind::List, Container::kind);
    if !matches!(kind, Kind::List | Kind::Set | Kind::SortedSet) {
        return Err(CommandError::WRONG_TYPE);
    }
    // Clients see it by OBJECT ENCODING: a sorted set that was sorted once is a large one from then on.
    if matches!(container, Some(Container::ZsetPacked(_)))
        && let Some(sorted_set) = cx.db.edit::<SortedSet>(cx.args.at(1))?
    {
        sorted_set.unpack();
    }
    // What is stored from a set must not depend on the order in which the set holds it.
    if options.by == By::Nothing && kind == Kind::Set && (options.store.is_some() || cx.in_script) {
        (options.by, options.alpha) = (By::Element, true);
    }
    let mut elements = Elements::default();
    let order = match (options.by, container) {
        (_, None) => Vec::new(),
        (By::Nothing, Some(container)) => {
            let window = options.window(len(&container));
            elements.load(&container, window, options.descending);
            (0..elements.len()).collect()
        }
        (_, Some(container)) => {
            let window = 0..len(&container);
            elements.load(&container, window.clone(), false);
            let mut order = sorted(cx, &options, &elements)?;
            let window = options.window(order.len());
            order.truncate(window.end);
            order.drain(..window.start);
            order
        }
    };
    match options.store {
        Some(target) => store(cx, target, &options.get, &elements, &order),
        None => answer(cx, &options.get, &elements, &order),
    }
    Ok(Outcome::Done)
}

fn answer(cx: &mut DataCx<'_>, get: &[Pattern<'_>], elements: &Elements, order: &[usize]) {
    cx.reply.array(order.len() * get.len().max(1));
    for &at in order {
        let element = elements.get(at);
        if get.is_empty() {
            cx.reply.bulk(element);
        }
        for pattern in get {
            pattern.read(&mut cx.db, element, |value| match value {
                Some(value) => cx.reply.bulk(value),
                None => cx.reply.null(),
            });
        }
    }
}

fn store(cx: &mut DataCx<'_>, target: &[u8], get: &[Pattern<'_>], elements: &Elements, order: &[usize]) {
    let stored = order.len() * get.len().max(1);
    if stored == 0 {
        if cx.db.delete(target) {
            cx.db.changed(target, Event::DEL);
        }
    } else {
        let mut list = List::new();
        for &at in order {
            let element = elements.get(at);
            if get.is_empty() {
                list.push(End::Tail, element, cx.limits);
            }
            for pattern in get {
                pattern.read(&mut cx.db, element, |value| list.push(End::Tail, value.unwrap_or_default(), cx.limits));
            }
        }
        cx.db.put(target, Value::Container(list.into_container()), Expiry::Clear);
        cx.db.changed_by(target, Event::SORT_STORE, stored);
    }
    cx.reply.integer(stored as i64);
}

// ---- options ---------------------------------------------------------------------------------------------------------

/// What elements are compared by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By<'a> {
    Element,
    /// The order in which the container holds them.
    Nothing,
    Pattern(Pattern<'a>),
}

struct Options<'a> {
    by: By<'a>,
    get: Vec<Pattern<'a>>,
    store: Option<&'a [u8]>,
    limit: (i64, i64),
    alpha: bool,
    descending: bool,
}

impl<'a> Options<'a> {
    /// Errors: an unknown option, or a pattern where its caller may not read any key that it could name.
    fn parse(args: Args<'a>, readonly: bool, reads_all_keys: bool) -> Result<Options<'a>, CommandError> {
        let mut options =
            Options { by: By::Element, get: Vec::new(), store: None, limit: (0, -1), alpha: false, descending: false };
        let integer = |text| num::parse_i64(text).ok_or(CommandError::NOT_INTEGER);
        let mut at = 0;
        while at < args.len() {
            if args.is(at, "ASC") {
                options.descending = false;
            } else if args.is(at, "DESC") {
                options.descending = true;
            } else if args.is(at, "ALPHA") {
                options.alpha = true;
            } else if args.is(at, "LIMIT")
                && let (Some(skip), Some(count)) = (args.get(at + 1), args.get(at + 2))
            {
                options.limit = (integer(skip)?, integer(count)?);
                at += 2;
            } else if let Some(operand) = args.get(at + 1) {
                if args.is(at, "BY") {
                    if !reads_all_keys && memchr::memchr(b'*', operand).is_some() {
                        return Err(CommandError::SORT_BY_DENIED);
                    }
                    // A pattern that names one key for all elements cannot order them. An order once given up stays so.
                    options.by = match Pattern::parse(operand) {
                        pattern @ Pattern::Key { .. } if options.by != By::Nothing => By::Pattern(pattern),
                        _ => By::Nothing,
                    };
                } else if args.is(at, "GET") {
                    if !reads_all_keys {
                        return Err(CommandError::SORT_GET_DENIED);
                    }
                    options.get.push(Pattern::parse(operand));
                } else if args.is(at, "STORE") && !readonly {
                    options.store = Some(operand);
                } else {
                    return Err(CommandError::SYNTAX);
                }
                at += 1;
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }

    /// The part of `len` sorted elements that LIMIT leaves.
    fn window(&self, len: usize) -> Range<usize> {
        let within = |value: i64| value.min(len as i64) as usize;
        let start = within(self.limit.0.max(0));
        let end = if self.limit.1 < 0 { len } else { (start + within(self.limit.1)).min(len) };
        start..end
    }
}

/// The name of a key, or of a field of a hash, made of an element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// A name without a place for the element: never found.
    Fixed,
    /// The element stands between the two parts; with a field, the key is a hash.
    Key { before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    fn parse(text: &'a [u8]) -> Pattern<'a> {
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(star) = memchr::memchr(b'*', text) else { return Pattern::Fixed };
        let (before, rest) = (&text[..star], &text[star + 1..]);
        match memchr::memmem::find(rest, b"->") {
            Some(arrow) if arrow + 2 < rest.len() => {
                Pattern::Key { before, after: &rest[..arrow], field: Some(&rest[arrow + 2..]) }
            }
            _ => Pattern::Key { before, after: rest, field: None },
        }
    }

    /// Hands over the string that the pattern names for an element, if it is there and a string.
    fn read<R>(&self, db: &mut DbMut<'_>, element: &[u8], found: impl FnOnce(Option<&[u8]>) -> R) -> R {
        let (before, after, field) = match *self {
            Pattern::Element => return found(Some(element)),
            Pattern::Fixed => return found(None),
            Pattern::Key { before, after, field } => (before, after, field),
        };
        let key = [before, element, after].concat();
        let Some(object) = db.read(&key) else { return found(None) };
        let mut digits = itoa::Buffer::new();
        match (field, object.body()) {
            (None, body) => found(Text::of(body).map(|text| text.bytes(&mut digits))),
            (Some(field), Body::Payload(container)) => field_of(container, field, found),
            (Some(_), _) => found(None),
        }
    }
}

// ---- order -----------------------------------------------------------------------------------------------------------

/// The elements' positions in the order asked for. Errors: a weight that is no number, without ALPHA.
fn sorted(cx: &mut DataCx<'_>, options: &Options<'_>, elements: &Elements) -> Result<Vec<usize>, CommandError> {
    let directed = |order: Ordering| if options.descending { order.reverse() } else { order };
    let pattern = match options.by {
        By::Pattern(pattern) => Some(pattern),
        _ => None,
    };
    if options.alpha {
        // A reply is in the order of C's `strcoll`, which stops at a NUL; what is stored is in the order of all bytes.
        let stored = options.store.is_some();
        let collate = |text| if stored { text } else { before_nul(text) };
        let mut order: Vec<usize> = (0..elements.len()).collect();
        match pattern {
            None => order.sort_by(|&a, &b| directed(collate(elements.get(a)).cmp(collate(elements.get(b))))),
            Some(pattern) => {
                // A missing weight comes before all others, as `None` does.
                let weights: Vec<Option<Vec<u8>>> = (0..elements.len())
                    .map(|at| pattern.read(&mut cx.db, elements.get(at), |value| value.map(<[u8]>::to_vec)))
                    .collect();
                let key = |at: usize| weights[at].as_deref().map(collate);
                order.sort_by(|&a, &b| directed(key(a).cmp(&key(b))));
            }
        }
        return Ok(order);
    }
    let mut weighed: Vec<(f64, usize)> = Vec::with_capacity(elements.len());
    for at in 0..elements.len() {
        let element = elements.get(at);
        let weight = match pattern {
            None => weight(element),
            Some(pattern) => pattern.read(&mut cx.db, element, |value| value.map_or(Some(0.0), weight)),
        };
        weighed.push((weight.ok_or(CommandError::SORT_NOT_DOUBLE)?, at));
    }
    weighed.sort_by(|&(x, a), &(y, b)| {
        let order = x.partial_cmp(&y).unwrap_or(Ordering::Equal);
        directed(order.then_with(|| elements.get(a).cmp(elements.get(b))))
    });
    Ok(weighed.into_iter().map(|(_, at)| at).collect())
}

/// The text as C sees it.
fn before_nul(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// The number a text begins and ends with, as C's `strtod` reads it: an empty text is zero, a NUL ends it, spaces may
/// come first.
fn weight(text: &[u8]) -> Option<f64> {
    let text = before_nul(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let spaces = text.iter().take_while(|&&byte| is_space(byte)).count();
    num::parse_f64(&text[spaces..]).filter(|value| !value.is_subnormal())
}

// ---- containers ------------------------------------------------------------------------------------------------------

/// Elements, one after the other in one block of bytes.
#[derive(Default)]
struct Elements {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Elements {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[at]]
    }

    fn push_item(&mut self, item: Item<'_>) {
        item.write_into(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Copies a part of a container's elements, from its end backwards if so asked.
    fn load(&mut self, container: &Container, part: Range<usize>, backwards: bool) {
        let (start, count) = (part.start, part.len());
        if count == 0 {
            return;
        }
        let last = len(container) - 1 - start;
        if let Some(list) = List::of(container) {
            if backwards {
                list.for_range_back(last, count, |item| self.push_item(item));
            } else {
                list.for_range(start, count, |item| self.push_item(item));
            }
            return;
        }
        if let Some(set) = Set::of(container) {
            return set.iter().skip(start).take(count).for_each(|item| self.push_item(item));
        }
        if let Some(set) = SortedSet::of(container) {
            let ranks = if backwards { last + 1 - count..last + 1 } else { start..start + count };
            set.for_range(ranks, backwards, |member, _| self.push_item(member));
        }
    }
}

/// Number of elements of a list, set or sorted set.
fn len(container: &Container) -> usize {
    let list = List::of(container).map(List::len);
    let set = || Set::of(container).map(Set::len);
    let sorted_set = || SortedSet::of(container).map(SortedSet::len);
    list.or_else(set).or_else(sorted_set).unwrap_or(0)
}

/// Hands over the value of a hash's field, if the container is a hash and has it.
fn field_of<R>(container: &Container, field: &[u8], found: impl FnOnce(Option<&[u8]>) -> R) -> R {
    let value = Hash::of(container).and_then(|hash| hash.get(field));
    let mut digits = [0; 24];
    found(value.as_ref().map(|item| item.as_str_buf(&mut digits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::testing::Bench;

    fn bulks(reply: &str) -> Vec<&str> {
        reply.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with(['*', '$'])).collect()
    }

    #[test]
    fn patterns_split_around_the_star_and_the_arrow() {
        let key = |before, after, field| Pattern::Key { before, after, field };
        assert!(Pattern::parse(b"#") == Pattern::Element);
        assert!(Pattern::parse(b"name") == Pattern::Fixed);
        assert!(Pattern::parse(b"w_*") == key(b"w_", b"", None));
        assert!(Pattern::parse(b"o_*_x->f") == key(b"o_", b"_x", Some(b"f")));
        assert!(Pattern::parse(b"o_*->") == key(b"o_", b"->", None));
        assert!(Pattern::parse(b"a->b*") == key(b"a->b", b"", None));
    }

    #[test]
    fn patterns_are_refused_to_those_who_may_not_read_every_key() {
        let mut b = Bench::new();
        b.run("rpush l 2 1");
        b.reads_all_keys = false;
        assert_eq!(b.run("sort l by w*"), b.error(&CommandError::SORT_BY_DENIED));
        assert_eq!(b.run("sort l get #"), b.error(&CommandError::SORT_GET_DENIED));
        assert_eq!(b.run("sort_ro l get o*->f"), b.error(&CommandError::SORT_GET_DENIED));
        assert_eq!(bulks(&b.run("sort l by nosort")), ["2", "1"]);
        assert_eq!(bulks(&b.run("sort l")), ["1", "2"]);
    }

    #[test]
    fn weights_are_read_as_strtod_reads_them() {
        for (text, value) in [
            (&b""[..], Some(0.0)),
            (b"  7", Some(7.0)),
            (b"1e2", Some(100.0)),
            (b"5\0x", Some(5.0)),
            (b"inf", Some(f64::INFINITY)),
            (b"0x10", Some(16.0)),
            (b"7 ", None),
            (b" ", None),
            (b"nan", None),
            (b"1e999", None),
            (b"x", None),
        ] {
            assert_eq!(weight(text), value, "{text:?}");
        }
    }

    #[test]
    fn lists_are_sorted_as_numbers_or_texts() {
        let mut bench = Bench::new();
        bench.run("RPUSH l 10 9 1.5 -3 1e1");
        assert_eq!(bulks(&bench.run("SORT l")), ["-3", "1.5", "9", "10", "1e1"]);
        assert_eq!(bulks(&bench.run("SORT l DESC")), ["1e1", "10", "9", "1.5", "-3"]);
        assert_eq!(bulks(&bench.run("SORT_RO l ALPHA")), ["-3", "1.5", "10", "1e1", "9"]);
        assert_eq!(bulks(&bench.run("SORT l LIMIT 1 2")), ["1.5", "9"]);
        assert_eq!(bulks(&bench.run("SORT l LIMIT 9 2")), Vec::<&str>::new());
        assert_eq!(bulks(&bench.run("SORT l BY nosort DESC LIMIT 1 2")), ["-3", "1.5"]);
        assert_eq!(bulks(&bench.run("SORT l BY nosort LIMIT 3 9")), ["-3", "1e1"]);
        bench.run("RPUSH l x");
        assert_eq!(bench.run("SORT l"), bench.error(&CommandError::SORT_NOT_DOUBLE));
        assert_eq!(bench.run("SORT l STORE t"), bench.error(&CommandError::SORT_NOT_DOUBLE));
        assert_eq!(bench.run("SORT none"), "*0\r\n");
        assert_eq!(bench.run("SORT_RO l STORE t"), "-ERR syntax error\r\n");
        bench.run("SET s x");
        assert_eq!(bench.run("SORT s"), bench.error(&CommandError::WRONG_TYPE));
    }

    #[test]
    fn other_keys_give_weights_and_answers() {
        let mut bench = Bench::new();
        bench.run("RPUSH l a b c");
        bench.run("MSET w_a 3 w_b 1 n_a A n_c C");
        assert_eq!(bulks(&bench.run("SORT l BY w_*")), ["c", "b", "a"]);
        assert_eq!(
            bench.run("SORT l BY w_* GET # GET n_*"),
            "*6\r\n$1\r\nc\r\n$1\r\nC\r\n$1\r\nb\r\n$-1\r\n$1\r\na\r\n$1\r\nA\r\n"
        );
        assert_eq!(bulks(&bench.run("SORT l BY w_* ALPHA DESC")), ["a", "b", "c"]);
        assert_eq!(bench.run("SORT l BY w_* GET n_* STORE t"), ":3\r\n");
        assert_eq!(bench.dirty(), 3);
        assert_eq!(bench.run("LRANGE t 0 -1"), "*3\r\n$1\r\nC\r\n$0\r\n\r\n$1\r\nA\r\n");
        assert_eq!(bench.run("SORT none STORE t"), ":0\r\n");
        assert_eq!(bench.run("EXISTS t"), ":0\r\n");
        assert_eq!(bench.events().split_off(2), ["set w_b", "set n_a", "set n_c", "sortstore t", "del t"]);
    }

    #[test]
    fn fields_of_hashes_give_weights_too() {
        let mut bench = Bench::new();
        bench.run("RPUSH l a b");
        bench.run("HSET o_a w 2 n first");
        bench.run("HSET o_b w 1");
        assert_eq!(bench.run("SORT l BY o_*->w GET o_*->n"), "*2\r\n$-1\r\n$5\r\nfirst\r\n");
        assert_eq!(bulks(&bench.run("SORT l BY o_*->none DESC")), ["b", "a"]);
    }

    #[test]
    fn sorted_sets_keep_their_order_and_become_large() {
        let mut bench = Bench::new();
        bench.run("ZADD z 1 9 2 5 3 7");
        assert_eq!(bulks(&bench.run("SORT z")), ["5", "7", "9"]);
        assert_eq!(bench.dirty(), 0);
        assert_eq!(bench.run("OBJECT ENCODING z"), "$8\r\nskiplist\r\n");
        assert_eq!(bulks(&bench.run("SORT z BY nosort")), ["9", "5", "7"]);
        assert_eq!(bulks(&bench.run("SORT z BY nosort DESC LIMIT 1 1")), ["5"]);
    }

    #[test]
    fn what_is_stored_from_a_set_is_ordered() {
        let mut bench = Bench::new();
        bench.run("SADD s b c a");
        bench.run("SORT s BY nosort STORE t");
        assert_eq!(bulks(&bench.run("LRANGE t 0 -1")), ["a", "b", "c"]);
    }
}
