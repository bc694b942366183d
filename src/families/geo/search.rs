//! GEOSEARCH, GEOSEARCHSTORE and the GEORADIUS commands: the members of a sorted set whose places lie in an area.
//!
//! The area is covered by at most nine cells, each a range of scores. Members found are copied into one buffer; a search
//! with ANY stops at the first enough.

use super::{coordinates, distance, float, point, unit_m};
use crate::base::geohash::{Point, Shape};
use crate::base::num;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::{Event, Expiry};
use crate::object::sorted_set::{ScoreBound, ScoreRange, Scored};
use crate::object::{SortedSet, Typed, Value};
use crate::resp::reply::Reply;
use crate::structs::table::Entry;

/// How a command names the area and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// GEORADIUS key longitude latitude radius unit; with STORE if it may write.
    Radius { may_store: bool },
    /// GEORADIUSBYMEMBER key member radius unit.
    RadiusByMember { may_store: bool },
    /// GEOSEARCH key, all else in options.
    Search,
    /// GEOSEARCHSTORE destination key.
    SearchStore,
}

pub(super) fn georadius(cx: &mut DataCx<'_>) -> CmdResult {
    run(cx, Form::Radius { may_store: true })
}

pub(super) fn georadius_ro(cx: &mut DataCx<'_>) -> CmdResult {
    run(cx, Form::Radius { may_store: false })
}

pub(super) fn georadiusbymember(cx: &mut DataCx<'_>) -> CmdResult {
    run(cx, Form::RadiusByMember { may_store: true })
}

pub(super) fn georadiusbymember_ro(cx: &mut DataCx<'_>) -> CmdResult {
    run(cx, Form::RadiusByMember { may_store: false })
}

pub(super) fn geosearch(cx: &mut DataCx<'_>) -> CmdResult {
    run(cx, Form::Search)
}

pub(super) fn geosearchstore(cx: &mut DataCx<'_>) -> CmdResult {
    run(cx, Form::SearchStore)
}

fn run(cx: &mut DataCx<'_>, form: Form) -> CmdResult {
    let args = cx.args;
    let source = args.at(if form == Form::SearchStore { 2 } else { 1 });
    // The type of the key comes before the arguments, and a missing key hides some errors in them.
    let set = cx.db.get::<SortedSet>(source)?;
    let query = Query::parse(args, set, form)?;
    let mut found = Found::default();
    if let (Some(set), Some((centre, shape))) = (set, query.area) {
        found.search(set, centre, shape, if query.any { query.count } else { 0 });
        found.arrange(query.order, query.count);
    }
    match query.store {
        Some(key) => store(cx, key, &query, &found, form),
        None => reply(cx.reply, &query, &found),
    }
    Ok(Outcome::Done)
}

fn reply(reply: &mut Reply, query: &Query<'_>, found: &Found) {
    let extras = [query.with_distance, query.with_hash, query.with_place].into_iter().filter(|with| *with).count();
    reply.array(found.places.len());
    for place in &found.places {
        if extras > 0 {
            reply.array(1 + extras);
        }
        reply.bulk(found.member(place));
        if query.with_distance {
            distance(reply, place.distance_m / query.unit_m);
        }
        if query.with_hash {
            reply.integer(place.score as i64);
        }
        if query.with_place {
            coordinates(reply, place.point);
        }
    }
}

fn store(cx: &mut DataCx<'_>, key: &[u8], query: &Query<'_>, found: &Found, form: Form) {
    let score = |place: &Place| if query.store_distance { place.distance_m / query.unit_m } else { place.score };
    let entries = found.places.iter().map(|place| Scored::new(found.member(place), score(place)));
    let mut entries: Vec<Scored> = entries.collect();
    entries.sort_unstable_by(Scored::order);
    // Should two cells be the same, their members are found twice.
    entries.dedup_by(|a, b| a.key() == b.key());
    let count = entries.len();
    if count > 0 {
        let set = SortedSet::from_entries(entries, cx.limits);
        cx.db.put(key, Value::Container(set.into_container()), Expiry::Clear);
        let event = match form {
            Form::Search | Form::SearchStore => Event::GEOSEARCHSTORE,
            Form::Radius { .. } | Form::RadiusByMember { .. } => Event::GEORADIUSSTORE,
        };
        cx.db.changed_by(key, event, count);
    } else if cx.db.delete(key) {
        cx.db.changed(key, Event::DEL);
    }
    cx.reply.integer(count as i64);
}

// ---- options ---------------------------------------------------------------------------------------------------------

/// The order of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As the cells give them.
    None,
    Nearest,
    Farthest,
}

/// What is searched for.
struct Query<'a> {
    /// The centre and the shape; `None` when the source is missing and the area was not read.
    area: Option<(Point, Shape)>,
    /// Metres of the unit distances are given in.
    unit_m: f64,
    order: Order,
    /// Most places; 0: all.
    count: usize,
    /// The first places found will do.
    any: bool,
    with_distance: bool,
    with_hash: bool,
    with_place: bool,
    store: Option<&'a [u8]>,
    store_distance: bool,
}

/// How the centre was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Centre {
    Member,
    Coordinates,
}

/// What of the area has been read.
#[derive(Default)]
struct Area {
    from: Option<Centre>,
    centre: Point,
    shape: Option<Shape>,
}

impl<'a> Query<'a> {
    fn parse(args: Args<'a>, set: Option<&SortedSet>, form: Form) -> Result<Query<'a>, CommandError> {
        let mut query = Query {
            area: None,
            unit_m: 1.0,
            order: Order::None,
            count: 0,
            any: false,
            with_distance: false,
            with_hash: false,
            with_place: false,
            store: (form == Form::SearchStore).then(|| args.at(1)),
            store_distance: false,
        };
        let mut area = Area::default();
        let first_option = match form {
            Form::Radius { .. } => {
                area.centre = point(args, 2)?;
                query.circle(&mut area, args, 4)?;
                6
            }
            Form::RadiusByMember { .. } => {
                if let Some(set) = set {
                    area.centre = place_of(set, args.at(2))?;
                    query.circle(&mut area, args, 3)?;
                }
                5
            }
            Form::Search => 2,
            Form::SearchStore => 3,
        };
        query.options(&mut area, args, first_option, set, form)?;
        query.check(&area, args.at(0), form)?;
        if query.count != 0 && query.order == Order::None && !query.any {
            query.order = Order::Nearest;
        }
        query.area = area.shape.map(|shape| (area.centre, shape));
        Ok(query)
    }

    fn options(
        &mut self,
        area: &mut Area,
        args: Args<'a>,
        first: usize,
        set: Option<&SortedSet>,
        form: Form,
    ) -> Result<(), CommandError> {
        let searches = matches!(form, Form::Search | Form::SearchStore);
        let may_store = matches!(form, Form::Radius { may_store: true } | Form::RadiusByMember { may_store: true });
        let mut at = first;
        while at < args.len() {
            let left = args.len() - at - 1;
            at += 1;
            match () {
                _ if args.is(at - 1, "WITHDIST") => self.with_distance = true,
                _ if args.is(at - 1, "WITHHASH") => self.with_hash = true,
                _ if args.is(at - 1, "WITHCOORD") => self.with_place = true,
                _ if args.is(at - 1, "ANY") => self.any = true,
                _ if args.is(at - 1, "ASC") => self.order = Order::Nearest,
                _ if args.is(at - 1, "DESC") => self.order = Order::Farthest,
                _ if args.is(at - 1, "COUNT") && left >= 1 => {
                    let count = num::parse_i64(args.at(at)).ok_or(CommandError::NOT_INTEGER)?;
                    if count <= 0 {
                        return Err(CommandError::GEO_COUNT_NOT_POSITIVE);
                    }
                    self.count = usize::try_from(count).unwrap_or(usize::MAX);
                    at += 1;
                }
                _ if args.is(at - 1, "STORE") && left >= 1 && may_store => {
                    (self.store, self.store_distance) = (Some(args.at(at)), false);
                    at += 1;
                }
                _ if args.is(at - 1, "STOREDIST") && left >= 1 && may_store => {
                    (self.store, self.store_distance) = (Some(args.at(at)), true);
                    at += 1;
                }
                _ if args.is(at - 1, "STOREDIST") && form == Form::SearchStore => self.store_distance = true,
                _ if searches => at += self.area_option(area, args, at, set)?,
                _ => return Err(CommandError::SYNTAX),
            }
        }
        Ok(())
    }

    /// An option of GEOSEARCH that names the area, whose own arguments start at `at`; how many these are.
    fn area_option(
        &mut self,
        area: &mut Area,
        args: Args<'a>,
        at: usize,
        set: Option<&SortedSet>,
    ) -> Result<usize, CommandError> {
        let left = args.len() - at;
        let (is_circle, is_box) =
            (matches!(area.shape, Some(Shape::Circle { .. })), matches!(area.shape, Some(Shape::Rectangle { .. })));
        match () {
            _ if args.is(at - 1, "FROMMEMBER") && left >= 1 && area.from != Some(Centre::Coordinates) => {
                // Without a source there is no member to be missed.
                if let Some(set) = set {
                    area.centre = place_of(set, args.at(at))?;
                }
                area.from = Some(Centre::Member);
                Ok(1)
            }
            _ if args.is(at - 1, "FROMLONLAT") && left >= 2 && area.from != Some(Centre::Member) => {
                area.centre = point(args, at)?;
                area.from = Some(Centre::Coordinates);
                Ok(2)
            }
            _ if args.is(at - 1, "BYRADIUS") && left >= 2 && !is_box => {
                self.circle(area, args, at)?;
                Ok(2)
            }
            _ if args.is(at - 1, "BYBOX") && left >= 3 && !is_circle => {
                let width = float(args, at, CommandError::WIDTH_NOT_NUMERIC)?;
                let height = float(args, at + 1, CommandError::HEIGHT_NOT_NUMERIC)?;
                if width < 0.0 || height < 0.0 {
                    return Err(CommandError::BOX_NEGATIVE);
                }
                self.unit_m = unit_m(args.at(at + 2))?;
                area.shape = Some(Shape::Rectangle { width_m: width * self.unit_m, height_m: height * self.unit_m });
                Ok(3)
            }
            _ => Err(CommandError::SYNTAX),
        }
    }

    /// The radius and unit at a position.
    fn circle(&mut self, area: &mut Area, args: Args<'_>, at: usize) -> Result<(), CommandError> {
        let radius = float(args, at, CommandError::RADIUS_NOT_NUMERIC)?;
        if radius < 0.0 {
            return Err(CommandError::RADIUS_NEGATIVE);
        }
        self.unit_m = unit_m(args.at(at + 1))?;
        area.shape = Some(Shape::Circle { radius_m: radius * self.unit_m });
        Ok(())
    }

    /// Options that do not fit together, or are missing.
    fn check(&self, area: &Area, name: &[u8], form: Form) -> Result<(), CommandError> {
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_place) {
            let what = if form == Form::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(CommandError::store_with_reply(what));
        }
        if matches!(form, Form::Search | Form::SearchStore) {
            if area.from.is_none() {
                return Err(CommandError::exactly_one_of("FROMMEMBER or FROMLONLAT", name));
            }
            if area.shape.is_none() {
                return Err(CommandError::exactly_one_of("BYRADIUS and BYBOX", name));
            }
        }
        if self.any && self.count == 0 {
            return Err(CommandError::ANY_WITHOUT_COUNT);
        }
        Ok(())
    }
}

fn place_of(set: &SortedSet, member: &[u8]) -> Result<Point, CommandError> {
    set.score(member).map(Point::from_score).ok_or(CommandError::MEMBER_WITHOUT_POSITION)
}

// ---- the search ------------------------------------------------------------------------------------------------------

/// A member in the area.
struct Place {
    point: Point,
    distance_m: f64,
    score: f64,
    /// Where its bytes are.
    start: usize,
    len: usize,
}

/// The members in the area.
#[derive(Default)]
struct Found {
    places: Vec<Place>,
    members: Vec<u8>,
}

/// Ranks looked at between two checks whether enough was found.
const STRIDE: usize = 64;

impl Found {
    fn member(&self, place: &Place) -> &[u8] {
        &self.members[place.start..place.start + place.len]
    }

    /// Collects the members in the area, at most `limit` if it is not 0.
    fn search(&mut self, set: &SortedSet, centre: Point, shape: Shape, limit: usize) {
        let limit = if limit == 0 { usize::MAX } else { limit };
        let stride = if limit == usize::MAX { usize::MAX } else { STRIDE };
        for (min, max) in shape.cover(centre) {
            let min = ScoreBound { score: min, exclusive: false };
            let max = ScoreBound { score: max, exclusive: true };
            let ranks = set.ranks_by_score(&ScoreRange { min, max });
            let mut start = ranks.start;
            while start < ranks.end && self.places.len() < limit {
                let end = ranks.end.min(start.saturating_add(stride));
                set.for_range(start..end, false, |member, score| {
                    let score = score.number();
                    let point = Point::from_score(score);
                    if self.places.len() < limit
                        && let Some(distance_m) = shape.distance_within_m(centre, point)
                    {
                        let mut digits = [0; 24];
                        let member = member.as_str_buf(&mut digits);
                        let (start, len) = (self.members.len(), member.len());
                        self.places.push(Place { point, distance_m, score, start, len });
                        self.members.extend_from_slice(member);
                    }
                });
                start = end;
            }
        }
    }

    /// Puts the places in order and keeps the first `count`, all if it is 0. Equal distances keep their order.
    fn arrange(&mut self, order: Order, count: usize) {
        let count = if count == 0 { self.places.len() } else { count.min(self.places.len()) };
        let compare = |a: &Place, b: &Place| {
            let by_distance = match order {
                Order::Farthest => b.distance_m.total_cmp(&a.distance_m),
                _ => a.distance_m.total_cmp(&b.distance_m),
            };
            by_distance.then_with(|| (a.start, a.len).cmp(&(b.start, b.len)))
        };
        if order != Order::None {
            if count > 0 && count < self.places.len() {
                self.places.select_nth_unstable_by(count - 1, compare);
                self.places.truncate(count);
            }
            self.places.sort_unstable_by(compare);
        }
        self.places.truncate(count);
    }
}
