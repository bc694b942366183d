//! Geo: places on the earth as scores of a sorted set; the arithmetic is in `base::geohash`.
//!
//! Here are the table, additions and single members; searches are in `geo/search.rs`.

mod search;
#[cfg(test)]
mod tests;

use crate::base::geohash::Point;
use crate::base::num;
use crate::command::{Args, Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::Event;
use crate::object::SortedSet;
use crate::object::sorted_set::{AddOptions, Added};
use crate::resp::reply::Reply;
use smallvec::SmallVec;
use std::io::Write;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("geoadd", geoadd),
    data("geodist", geodist),
    data("geohash", geohash),
    data("geopos", geopos),
    data("georadius", search::georadius),
    data("georadius_ro", search::georadius_ro),
    data("georadiusbymember", search::georadiusbymember),
    data("georadiusbymember_ro", search::georadiusbymember_ro),
    data("geosearch", search::geosearch),
    data("geosearchstore", search::geosearchstore),
];

fn geoadd(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, args) = (cx.args.at(1), cx.args);
    let (mut how, mut count_updates, mut first) = (AddOptions::default(), false, 2);
    loop {
        match () {
            _ if args.is(first, "NX") => how.only_new = true,
            _ if args.is(first, "XX") => how.only_present = true,
            _ if args.is(first, "CH") => count_updates = true,
            _ => break,
        }
        first += 1;
    }
    let places = args.from(first);
    if places.len() == 0 || places.len() % 3 != 0 || how.only_new && how.only_present {
        return Err(CommandError::SYNTAX);
    }
    let mut scores = SmallVec::<[f64; 8]>::new();
    for at in (0..places.len()).step_by(3) {
        scores.push(point(places, at)?.score());
        if places.at(at + 2).len() > u32::MAX as usize {
            return Err(CommandError::STRING_TOO_LONG);
        }
    }
    let set = match how.only_present {
        true => cx.db.edit::<SortedSet>(key)?,
        false => Some(cx.db.edit_or_create::<SortedSet>(key, SortedSet::new)?),
    };
    let (mut new, mut updated) = (0, 0);
    if let Some(set) = set {
        for (at, &score) in scores.iter().enumerate() {
            // Fails only for increments.
            match set.add(places.at(3 * at + 2), score, how, cx.limits).map_err(|_| CommandError::SCORE_NAN)? {
                Added::New(_) => new += 1,
                Added::Updated(_) => updated += 1,
                Added::Refused | Added::Same(_) => {}
            }
        }
    }
    if new + updated > 0 {
        cx.db.changed_by(key, Event::ZADD, new + updated);
    }
    cx.reply.integer(if count_updates { new + updated } else { new } as i64);
    Ok(Outcome::Done)
}

fn geodist(cx: &mut DataCx<'_>) -> CmdResult {
    let args = cx.args;
    let unit_m = match args.len() {
        4 => 1.0,
        5 => unit_m(args.at(4))?,
        _ => return Err(CommandError::SYNTAX),
    };
    let set = cx.db.get::<SortedSet>(args.at(1))?;
    let place = |at| set.and_then(|set| set.score(args.at(at))).map(Point::from_score);
    match (place(2), place(3)) {
        (Some(from), Some(to)) => distance(cx.reply, from.distance_m(to) / unit_m),
        _ => cx.reply.null(),
    }
    Ok(Outcome::Done)
}

fn geohash(cx: &mut DataCx<'_>) -> CmdResult {
    let set = cx.db.get::<SortedSet>(cx.args.at(1))?;
    let members = cx.args.from(2);
    cx.reply.array(members.len());
    for member in members.iter() {
        match set.and_then(|set| set.score(member)) {
            Some(score) => cx.reply.bulk(&Point::from_score(score).geohash()),
            None => cx.reply.null(),
        }
    }
    Ok(Outcome::Done)
}

fn geopos(cx: &mut DataCx<'_>) -> CmdResult {
    let set = cx.db.get::<SortedSet>(cx.args.at(1))?;
    let members = cx.args.from(2);
    cx.reply.array(members.len());
    for member in members.iter() {
        match set.and_then(|set| set.score(member)) {
            Some(score) => coordinates(cx.reply, Point::from_score(score)),
            None => cx.reply.null_array(),
        }
    }
    Ok(Outcome::Done)
}

// ---- helpers ---------------------------------------------------------------------------------------------------------

/// The longitude and latitude at a position. Errors: no floats, off the map.
fn point(args: Args<'_>, at: usize) -> Result<Point, CommandError> {
    let longitude = float(args, at, CommandError::NOT_FLOAT)?;
    let latitude = float(args, at + 1, CommandError::NOT_FLOAT)?;
    let point = Point { longitude, latitude };
    if point.is_on_map() { Ok(point) } else { Err(CommandError::coordinates(longitude, latitude)) }
}

/// The number at a position, or this error.
fn float(args: Args<'_>, at: usize, error: CommandError) -> Result<f64, CommandError> {
    num::parse_f64(args.at(at)).ok_or(error)
}

/// How many metres a unit has. Errors: another unit.
fn unit_m(word: &[u8]) -> Result<f64, CommandError> {
    let units: [(&[u8], f64); 4] = [(b"m", 1.0), (b"km", 1000.0), (b"ft", 0.3048), (b"mi", 1609.34)];
    let found = units.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
    found.map(|(_, metres)| *metres).ok_or(CommandError::UNSUPPORTED_UNIT)
}

/// Writes a distance as a string with four decimals.
fn distance(reply: &mut Reply, distance: f64) {
    let scaled = (distance * 10_000.0).round_ties_even() as i64;
    let mut text = [0; 32];
    let left = {
        let mut rest = &mut text[..];
        // Nineteen digits, a sign and a point fit.
        let _ = write!(rest, "{}.{:04}", scaled / 10_000, scaled % 10_000);
        rest.len()
    };
    reply.bulk(&text[..text.len() - left]);
}

/// Writes longitude and latitude.
fn coordinates(reply: &mut Reply, point: Point) {
    reply.array(2);
    reply.double_text(&num::format_f64_human(point.longitude));
    reply.double_text(&num::format_f64_human(point.latitude));
}
