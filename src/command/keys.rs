//! Which arguments of a request are keys, and what is done to each: by the command's key specs, and for the few
//! commands whose specs do not tell all (SORT's STORE, SET's GET ...) by a rule of their own, as Redis has them.
//!
//! Promise: no position is out of the request's range, whatever the arguments say.

use super::Args;
use super::meta::{BeginSearch, FindKeys, KeyFlag, KeySpec, Meta};
use smallvec::{SmallVec, smallvec};

/// Keys of a request; a few need no allocation.
pub type Keys = SmallVec<[KeyRef; 4]>;

/// One key of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRef {
    /// Its position in the arguments.
    pub at: usize,
    /// What is done to it; empty when the command does not say.
    pub flags: &'static [KeyFlag],
}

/// Whether requests of this command may name keys (channels that are only routed like keys do not count).
pub fn may_name_keys(meta: &Meta) -> bool {
    meta.keys.iter().any(|spec| !spec.flags.contains(&KeyFlag::NotKey))
}

/// Keys that stand at places which only the number of arguments moves: from `first` to `last` (negative: counted from the
/// end), every `step`th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRange {
    first: usize,
    last: isize,
    step: usize,
    /// What is done to them.
    pub flags: &'static [KeyFlag],
}

impl KeyRange {
    /// The range that tells all of a command's keys, if there is one.
    pub fn of(meta: &Meta) -> Option<KeyRange> {
        let [spec] = meta.keys else { return None };
        let is_plain = |flag: &KeyFlag| !matches!(flag, KeyFlag::NotKey | KeyFlag::Incomplete | KeyFlag::VariableFlags);
        match (spec.begin, spec.find) {
            (BeginSearch::Index(first), FindKeys::Range { last, step, limit: 0 })
                if spec.flags.iter().all(is_plain) && first > 0 && step > 0 =>
            {
                let last = if last < 0 { last } else { first + last };
                Some(KeyRange { first: first as usize, last: last as isize, step: step as usize, flags: spec.flags })
            }
            _ => None,
        }
    }

    /// The positions of the keys among so many arguments; none when they do not reach the last one.
    #[inline]
    pub fn positions(self, argc: usize) -> impl Iterator<Item = usize> {
        let last = if self.last < 0 { argc as isize + self.last } else { self.last };
        let end = if last < argc as isize { (last + 1).max(0) as usize } else { 0 };
        (self.first..end.max(self.first)).step_by(self.step)
    }
}

/// The keys of a request; empty when it names none or its arguments make no sense. O(arguments).
pub fn keys_of(meta: &Meta, args: Args<'_>) -> Keys {
    let vague = meta.keys.iter().any(|spec| spec.flags.contains(&KeyFlag::VariableFlags));
    if may_name_keys(meta)
        && !vague
        && let Some(keys) = by_specs(meta, args)
    {
        return keys;
    }
    if meta.keys.is_empty() {
        return Keys::new();
    }
    by_own_rule(meta.name, args)
}

/// The keys that the specs name; `None` when one of them cannot tell.
fn by_specs(meta: &Meta, args: Args<'_>) -> Option<Keys> {
    let mut keys = Keys::new();
    for spec in meta.keys.iter().filter(|spec| !spec.flags.contains(&KeyFlag::NotKey)) {
        let Some(first) = begin(spec, args)? else { continue };
        let argc = args.len() as i64;
        let (first, last, step) = match spec.find {
            FindKeys::Range { last, step, limit } => {
                let last = match last {
                    l if l >= 0 => first + i64::from(l),
                    l if limit == 0 => argc + i64::from(l),
                    l => first + (argc - first) / i64::from(limit) + i64::from(l),
                };
                (first, last, step)
            }
            FindKeys::KeyNum { index, first: offset, step } => {
                let count = args.get(usize::try_from(first + i64::from(index)).ok()?)?;
                let count = crate::base::num::parse_i64(count).filter(|count| (0..=argc).contains(count))?;
                let first = first + i64::from(offset);
                (first, first + (count - 1) * i64::from(step), step)
            }
            FindKeys::Unknown => return None,
        };
        if last >= argc || last < first || first < 0 {
            return None;
        }
        let places = (first..=last).step_by(step.max(1) as usize);
        keys.extend(places.map(|at| KeyRef { at: at as usize, flags: spec.flags }));
        if spec.flags.contains(&KeyFlag::Incomplete) {
            return None;
        }
    }
    Some(keys)
}

/// Where a spec's search begins: outer `None` when it cannot tell, inner when its keyword is not there.
fn begin(spec: &KeySpec, args: Args<'_>) -> Option<Option<i64>> {
    let (word, from) = match spec.begin {
        BeginSearch::Index(at) => return Some(Some(i64::from(at))),
        BeginSearch::Keyword(word, from) => (word, i64::from(from)),
        BeginSearch::Unknown => return None,
    };
    let argc = args.len() as i64;
    let found = |at: &i64| args.is(*at as usize, word);
    // The search leaves out the last argument: a keyword there has nothing behind it.
    let place = match from {
        1.. => (from..argc - 1).find(found),
        _ => (2..=argc + from).rev().filter(|at| *at < argc).find(found),
    };
    Some(place.map(|at| at + 1))
}

const READ: &[KeyFlag] = &[KeyFlag::RO, KeyFlag::Access];
const READ_AND_WRITE: &[KeyFlag] = &[KeyFlag::RW, KeyFlag::Access, KeyFlag::Update];
const OVERWRITE: &[KeyFlag] = &[KeyFlag::OW, KeyFlag::Update];
const REMOVE: &[KeyFlag] = &[KeyFlag::RM, KeyFlag::Delete];
const MOVE_AWAY: &[KeyFlag] = &[KeyFlag::RW, KeyFlag::Access, KeyFlag::Delete];

fn by_own_rule(name: &str, args: Args<'_>) -> Keys {
    match name {
        "sort" => sort(args),
        "sort_ro" => smallvec![KeyRef { at: 1, flags: READ }],
        "set" => {
            // A condition on the value tells something of it.
            let reads = |at| ["GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE"].iter().any(|word| args.is(at, word));
            let reads = (3..args.len()).any(reads);
            smallvec![KeyRef { at: 1, flags: if reads { READ_AND_WRITE } else { OVERWRITE } }]
        }
        "delex" => smallvec![KeyRef { at: 1, flags: if args.len() > 2 { MOVE_AWAY } else { REMOVE } }],
        "bitfield" => smallvec![KeyRef { at: 1, flags: if only_reads_bits(args) { READ } else { READ_AND_WRITE } }],
        "migrate" => migrate(args),
        "zunionstore" | "zinterstore" | "zdiffstore" => counted(args, 2, 3, Some(1)),
        "zunion" | "zinter" | "zdiff" | "zintercard" | "sintercard" | "lmpop" | "zmpop" => counted(args, 1, 2, None),
        "eval" | "evalsha" | "eval_ro" | "evalsha_ro" | "fcall" | "fcall_ro" | "blmpop" | "bzmpop" => {
            counted(args, 2, 3, None)
        }
        _ => Keys::new(),
    }
}

/// `count key [key ...]`, and a destination that comes last in the answer.
fn counted(args: Args<'_>, count_at: usize, first: usize, destination: Option<usize>) -> Keys {
    let count = args.get(count_at).and_then(crate::base::num::parse_i64).unwrap_or(0);
    let left = args.len().saturating_sub(first) as i64;
    if !(1..=left).contains(&count) {
        return Keys::new();
    }
    (first..first + count as usize).chain(destination).map(|at| KeyRef { at, flags: &[] }).collect()
}

fn sort(args: Args<'_>) -> Keys {
    let mut keys: Keys = smallvec![KeyRef { at: 1, flags: READ }];
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "LIMIT") {
            at += 2;
        } else if args.is(at, "GET") || args.is(at, "BY") {
            at += 1;
        } else if args.is(at, "STORE") && at + 1 < args.len() {
            // The last STORE is the one that counts.
            keys.truncate(1);
            keys.push(KeyRef { at: at + 1, flags: OVERWRITE });
        }
        at += 1;
    }
    keys
}

fn only_reads_bits(args: Args<'_>) -> bool {
    let mut at = 2;
    while at < args.len() {
        let left = args.len() - at - 1;
        if args.is(at, "GET") && left >= 2 {
            at += 3;
        } else if args.is(at, "OVERFLOW") && left >= 1 {
            at += 2;
        } else {
            return false;
        }
    }
    true
}

fn migrate(args: Args<'_>) -> Keys {
    let mut range = 3..4;
    let mut at = 6;
    while at < args.len() {
        if args.is(at, "KEYS") {
            range = if args.at(3).is_empty() { at + 1..args.len() } else { 0..0 };
            break;
        }
        at += if args.is(at, "AUTH") {
            2
        } else if args.is(at, "AUTH2") {
            3
        } else {
            1
        };
    }
    range.filter(|at| *at < args.len()).map(|at| KeyRef { at, flags: MOVE_AWAY }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::OwnedArgs;
    use crate::command::catalog::find;

    fn keys(request: &str) -> Vec<usize> {
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        let args = OwnedArgs::of(&words);
        let name = words[0].to_ascii_lowercase();
        let meta = find(std::str::from_utf8(&name).unwrap()).unwrap();
        keys_of(meta, args.as_args()).into_iter().map(|key| key.at).collect()
    }

    #[test]
    fn specs_find_the_keys_of_plain_commands() {
        assert_eq!(keys("get a"), [1]);
        assert_eq!(keys("mset a 1 b 2"), [1, 3]);
        assert_eq!(keys("blpop a b c 0"), [1, 2, 3]);
        assert_eq!(keys("zunionstore to 2 a b weights 1 2"), [1, 3, 4]);
        assert_eq!(keys("xread count 3 streams a b 0 0"), [4, 5]);
        assert_eq!(keys("msetex 3 a 1 b 2 c 3 ex 10"), [2, 4, 6]);
        assert_eq!(keys("msetex 0 a 1"), []);
        assert_eq!(keys("ping"), []);
    }

    #[test]
    fn a_range_tells_what_the_specs_tell() {
        let all = crate::command::catalog::ALL.iter().flat_map(|group| group.iter());
        let plain: Vec<&Meta> = all.flat_map(|meta| meta.subcommands.iter().chain([meta])).collect();
        let ranges: Vec<(&Meta, KeyRange)> =
            plain.into_iter().filter_map(|meta| KeyRange::of(meta).map(|range| (meta, range))).collect();
        assert!(ranges.len() > 100, "{}", ranges.len());
        for (meta, range) in ranges {
            for argc in 1..12 {
                let args = OwnedArgs::of(&vec![&b"1"[..]; argc]);
                let expected: Vec<usize> = keys_of(meta, args.as_args()).into_iter().map(|key| key.at).collect();
                assert_eq!(range.positions(argc).collect::<Vec<_>>(), expected, "{} of {argc}", meta.name);
            }
        }
    }

    #[test]
    fn commands_with_vague_specs_have_rules_of_their_own() {
        assert_eq!(keys("sort a by store limit 0 1 store to"), [1, 8]);
        assert_eq!(keys("sort a store one store two"), [1, 5]);
        assert_eq!(keys("sort a get store"), [1]);
        assert_eq!(keys("set a 1 get"), [1]);
        assert_eq!(keys("bitfield a get u4 0"), [1]);
        assert_eq!(keys("eval body 2 a b arg"), [3, 4]);
    }

    #[test]
    fn no_command_with_vague_specs_goes_without_a_rule() {
        let vague = |meta: &&Meta| meta.keys.iter().any(|spec| spec.flags.contains(&KeyFlag::VariableFlags));
        let all = crate::command::catalog::ALL.iter().flat_map(|group| group.iter());
        for meta in all.filter(vague) {
            for argc in 2..6 {
                let args = OwnedArgs::of(&vec![&b"k"[..]; argc]);
                let keys = keys_of(meta, args.as_args());
                assert!(keys.iter().any(|key| key.at == 1 && !key.flags.is_empty()), "{} of {argc}", meta.name);
            }
        }
    }

    #[test]
    fn senseless_counts_find_nothing_and_never_leave_the_request() {
        assert_eq!(keys("eval body none a"), []);
        assert_eq!(keys("eval body 9 a"), []);
        assert_eq!(keys("eval body 9223372036854775807 a"), []);
        assert_eq!(keys("zunionstore to -1 a"), []);
        assert_eq!(keys("xread streams"), []);
    }

    #[test]
    fn no_request_of_any_command_makes_a_position_out_of_range() {
        let words = ["1", "2", "-1", "store", "keys", "streams", "get", "count", "a", "99999999999"];
        let mut rng = fastrand::Rng::with_seed(7);
        for meta in crate::command::catalog::ALL.iter().flat_map(|group| group.iter()) {
            for _ in 0..200 {
                let argc = rng.usize(1..9).max(meta.arity.unsigned_abs() as usize);
                let parts: Vec<&[u8]> = std::iter::once(meta.name.as_bytes())
                    .chain((1..argc).map(|_| words[rng.usize(..words.len())].as_bytes()))
                    .collect();
                let args = OwnedArgs::of(&parts);
                assert!(keys_of(meta, args.as_args()).iter().all(|key| key.at < argc), "{parts:?}");
            }
        }
    }
}
