//! Intersections, unions and differences of sets.
//!
//! The sets are held as clones, which cost a counter each and no copy. An answer is written as it is found, without a
//! set of results, unless a difference is cheaper to reach by taking the others' members out of a clone. What is stored
//! has the encoding that Redis 7.0 arrives at by adding the results one by one to an empty intset.

use super::{write, write_all};
use crate::command::{CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::{Event, Expiry};
use crate::object::{Set, Typed, Value};
use crate::structs::listpack::Item;
use smallvec::SmallVec;

/// The sets of some keys, in the order of the keys; `None` where there is no key.
type Sets = SmallVec<[Option<Set>; 4]>;

/// The sets under the keys at these positions. Errors: a key holds another type.
fn sets(cx: &mut DataCx<'_>, keys: std::ops::Range<usize>) -> Result<Sets, CommandError> {
    let mut sets = Sets::new();
    for at in keys {
        sets.push(cx.db.get::<Set>(cx.args.at(at))?.cloned());
    }
    Ok(sets)
}

// ---- intersection ------------------------------------------------------------------------------------------------

pub(super) fn sinter(cx: &mut DataCx<'_>) -> CmdResult {
    let sets = sets(cx, 1..cx.args.len())?;
    let reply = &mut *cx.reply;
    if let [Some(only)] = &sets[..] {
        write_all(reply, only);
        return Ok(Outcome::Done);
    }
    let (place, mut found) = (reply.defer_set(), 0);
    intersect(sets, |member| {
        write(reply, member);
        found += 1;
    });
    reply.finish_set(place, found);
    Ok(Outcome::Done)
}

pub(super) fn sintercard(cx: &mut DataCx<'_>) -> CmdResult {
    let keys = match cx.integer(1) {
        Ok(keys) if keys > 0 => keys as usize,
        _ => return Err(CommandError::NUMKEYS_NOT_POSITIVE),
    };
    if keys > cx.args.len() - 2 {
        return Err(CommandError::NUMKEYS_TOO_MANY);
    }
    let (mut at, mut limit) = (2 + keys, 0);
    while at < cx.args.len() {
        if !cx.args.is(at, "LIMIT") || at + 1 == cx.args.len() {
            return Err(CommandError::SYNTAX);
        }
        limit = match cx.integer(at + 1) {
            Ok(limit) if limit >= 0 => limit as usize,
            _ => return Err(CommandError::LIMIT_NEGATIVE),
        };
        at += 2;
    }
    let sets = sets(cx, 2..2 + keys)?;
    let mut found = 0;
    if limit == 0 {
        intersect(sets, |_| found += 1);
    } else if let Some((smallest, others)) = by_size(sets) {
        found = smallest.iter().filter(|&member| others.iter().all(|set| set.holds(member))).take(limit).count();
    }
    cx.reply.integer(found as i64);
    Ok(Outcome::Done)
}

pub(super) fn sinterstore(cx: &mut DataCx<'_>) -> CmdResult {
    let sets = sets(cx, 2..cx.args.len())?;
    let (mut result, limits) = (Set::new(), cx.limits);
    intersect(sets, |member| {
        result.insert_item(member, limits);
    });
    store(cx, result, Event::SINTERSTORE)
}

/// Gives the members that all sets have. O(members of the smallest times number of sets).
fn intersect(sets: Sets, mut f: impl FnMut(Item<'_>)) {
    let Some((smallest, others)) = by_size(sets) else { return };
    let [second, others @ ..] = &others[..] else { return smallest.for_each(f) };
    smallest.for_each_probed(second, |member, is_held| {
        if is_held && others.iter().all(|set| set.holds(member)) {
            f(member);
        }
    });
}

/// The smallest set and the others, in order of size; `None` if one is missing.
fn by_size(sets: Sets) -> Option<(Set, SmallVec<[Set; 4]>)> {
    let mut sets = sets.into_iter().collect::<Option<SmallVec<[Set; 4]>>>()?;
    sets.sort_by_key(Set::len);
    let smallest = sets.remove(0);
    Some((smallest, sets))
}

// ---- union -------------------------------------------------------------------------------------------------------

pub(super) fn sunion(cx: &mut DataCx<'_>) -> CmdResult {
    let mut sets: SmallVec<[Set; 4]> = sets(cx, 1..cx.args.len())?.into_iter().flatten().collect();
    let reply = &mut *cx.reply;
    if let [only] = &sets[..] {
        write_all(reply, only);
        return Ok(Outcome::Done);
    }
    // The largest first: its members are looked for in no other set.
    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
    let (place, mut found) = (reply.defer_set(), 0);
    if let [largest, others @ ..] = &sets[..] {
        largest.for_each(|member| write(reply, member));
        found += largest.len();
        for (at, set) in others.iter().enumerate() {
            set.for_each_probed(largest, |member, is_held| {
                if !is_held && !others[..at].iter().any(|earlier| earlier.holds(member)) {
                    write(reply, member);
                    found += 1;
                }
            });
        }
    }
    reply.finish_set(place, found);
    Ok(Outcome::Done)
}

pub(super) fn sunionstore(cx: &mut DataCx<'_>) -> CmdResult {
    let mut sets: SmallVec<[Set; 4]> = sets(cx, 2..cx.args.len())?.into_iter().flatten().collect();
    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
    let mut result = Set::new();
    let mut rest = &sets[..];
    // A union can begin as a clone of the largest set if that has the encoding the union is bound to have.
    if let [largest, others @ ..] = rest
        && largest.is_intset() == (largest.len() <= cx.limits.set_max_intset_entries)
    {
        result = largest.clone();
        rest = others;
    }
    for set in rest {
        set.for_each(|member| {
            result.insert_item(member, cx.limits);
        });
    }
    drop(sets);
    store(cx, result, Event::SUNIONSTORE)
}

// ---- difference --------------------------------------------------------------------------------------------------

pub(super) fn sdiff(cx: &mut DataCx<'_>) -> CmdResult {
    let sets = sets(cx, 1..cx.args.len())?;
    let reply = &mut *cx.reply;
    let (first, others) = match &sets[..] {
        [Some(first), others @ ..] => (first, others),
        _ => {
            reply.set(0);
            return Ok(Outcome::Done);
        }
    };
    if !probes(first, others) {
        write_all(reply, &without(first, others));
        return Ok(Outcome::Done);
    }
    let (place, mut found) = (reply.defer_set(), 0);
    subtract(first, others, |member| {
        write(reply, member);
        found += 1;
    });
    reply.finish_set(place, found);
    Ok(Outcome::Done)
}

pub(super) fn sdiffstore(cx: &mut DataCx<'_>) -> CmdResult {
    let sets = sets(cx, 2..cx.args.len())?;
    let (mut result, limits) = (Set::new(), cx.limits);
    if let [Some(first), others @ ..] = &sets[..] {
        if probes(first, others) {
            subtract(first, others, |member| {
                result.insert_item(member, limits);
            });
        } else {
            // Redis adds the whole first set before it removes, so that decides the encoding.
            let is_ints = first.len() <= limits.set_max_intset_entries
                && (first.is_intset() || first.iter().all(|member| member.to_int().is_some()));
            result = without(first, others);
            if is_ints && !result.is_intset() {
                let members = std::mem::take(&mut result);
                members.for_each(|member| {
                    result.insert_item(member, limits);
                });
            } else if !is_ints {
                result.abandon_ints(limits);
            }
        }
    }
    drop(sets);
    store(cx, result, Event::SDIFFSTORE)
}

/// Whether to look each member of the first set up in the others, or else to take the others' members out of a clone of
/// it: what Redis reckons to be less work, so that what is stored has the same encoding.
fn probes(first: &Set, others: &[Option<Set>]) -> bool {
    let (mut lookups, mut removals) = (first.len(), first.len());
    for set in others.iter().flatten() {
        lookups += first.len();
        removals += set.len();
    }
    lookups / 2 <= removals
}

/// Gives the members of the first set that no other has.
fn subtract(first: &Set, others: &[Option<Set>], mut f: impl FnMut(Item<'_>)) {
    // The larger a set, the sooner a member is found in it.
    let mut others: SmallVec<[&Set; 4]> = others.iter().flatten().collect();
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    let [largest, others @ ..] = &others[..] else { return first.for_each(f) };
    first.for_each_probed(largest, |member, is_held| {
        if !is_held && !others.iter().any(|set| set.holds(member)) {
            f(member);
        }
    });
}

/// A clone of the first set with the others' members taken out.
fn without(first: &Set, others: &[Option<Set>]) -> Set {
    let mut rest = first.clone();
    for set in others.iter().flatten() {
        set.for_each(|member| {
            rest.remove_item(member);
        });
    }
    rest
}

// ---- storing -----------------------------------------------------------------------------------------------------

/// Puts a result under the key of the first argument, or deletes that if the result is empty.
fn store(cx: &mut DataCx<'_>, result: Set, event: Event) -> CmdResult {
    let (key, len) = (cx.args.at(1), result.len());
    if len > 0 {
        cx.db.put(key, Value::Container(result.into_container()), Expiry::Clear);
        cx.db.changed(key, event);
    } else if cx.db.delete(key) {
        cx.db.changed(key, Event::DEL);
    }
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}
