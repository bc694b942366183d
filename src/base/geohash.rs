//! Places on the earth as 52-bit numbers: longitude and latitude as 26 bits each, interleaved, so that near places are
//! often near as numbers. Encoding, decoding, distances, and the cells that cover an area.
//!
//! The arithmetic is that of Redis 7.0, operation by operation: scores, distances and the choice of cells are visible to
//! clients. Latitudes end at 85.05112878 degrees (EPSG:3857); distances are great circles on a sphere.

/// Greatest longitude in degrees, east or west.
pub const LONGITUDE_MAX: f64 = 180.0;
/// Greatest latitude in degrees, north or south.
pub const LATITUDE_MAX: f64 = 85.05112878;
/// Steps, that is bits of each coordinate, in a score.
pub const STEPS_MAX: u32 = 26;

const EARTH_RADIUS_M: f64 = 6372797.560856;
const MERCATOR_MAX_M: f64 = 20037726.37;
const DEGREE: f64 = std::f64::consts::PI / 180.0;
const LONGITUDE_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// East is positive.
    pub longitude: f64,
    /// North is positive.
    pub latitude: f64,
}

impl Point {
    /// Whether the place has a score.
    pub fn is_on_map(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// The score of a place on the map.
    pub fn score(self) -> f64 {
        Cell::of(self, STEPS_MAX).first_score()
    }

    /// The middle of the cell of a score. Any number has one: it is read as C reads it, as an integer of 64 bits.
    pub fn from_score(score: f64) -> Point {
        let area = Cell { bits: c_u64(score), steps: STEPS_MAX }.area();
        let middle = |a: f64, b: f64, most: f64| ((a + b) / 2.0).clamp(-most, most);
        Point {
            longitude: middle(area.west, area.east, LONGITUDE_MAX),
            latitude: middle(area.south, area.north, LATITUDE_MAX),
        }
    }

    /// The eleven characters of the usual geohash, whose latitudes go to 90 degrees; the last is always `0`.
    pub fn geohash(self) -> [u8; 11] {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = interleave(self, 90.0, STEPS_MAX);
        let mut text = [b'0'; 11];
        for (at, character) in text.iter_mut().take(10).enumerate() {
            *character = ALPHABET[(bits >> (52 - (at + 1) * 5)) as usize & 31];
        }
        text
    }

    /// The distance to another place, in metres.
    pub fn distance_m(self, other: Point) -> f64 {
        let v = ((other.longitude * DEGREE - self.longitude * DEGREE) / 2.0).sin();
        if v == 0.0 {
            return latitude_distance_m(self.latitude, other.latitude);
        }
        let (from, to) = (self.latitude * DEGREE, other.latitude * DEGREE);
        let u = ((to - from) / 2.0).sin();
        let a = u * u + from.cos() * to.cos() * v * v;
        // Rounding may lift the root above 1 for places on opposite sides of the earth.
        2.0 * EARTH_RADIUS_M * a.sqrt().min(1.0).asin()
    }
}

fn latitude_distance_m(a: f64, b: f64) -> f64 {
    EARTH_RADIUS_M * (b * DEGREE - a * DEGREE).abs()
}

/// What C on x86-64 makes of a double as an unsigned integer, also where the language leaves it open.
fn c_u64(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    let signed = |number: f64| if (-HALF..HALF).contains(&number) { number as i64 as u64 } else { 1 << 63 };
    if number >= HALF { signed(number - HALF) ^ 1 << 63 } else { signed(number) }
}

/// The shape of an area around a centre, in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// All within a distance.
    Circle {
        /// The distance.
        radius_m: f64,
    },
    /// A rectangle along the coordinates.
    Rectangle {
        /// West to east.
        width_m: f64,
        /// South to north.
        height_m: f64,
    },
}

impl Shape {
    /// The distance of a place from the centre in metres, if it lies in the area.
    pub fn distance_within_m(self, centre: Point, place: Point) -> Option<f64> {
        match self {
            Shape::Circle { radius_m } => {
                let distance = centre.distance_m(place);
                (distance <= radius_m).then_some(distance)
            }
            Shape::Rectangle { width_m, height_m } => {
                if latitude_distance_m(place.latitude, centre.latitude) > height_m / 2.0 {
                    return None;
                }
                let below = Point { longitude: centre.longitude, latitude: place.latitude };
                if place.distance_m(below) > width_m / 2.0 {
                    return None;
                }
                Some(centre.distance_m(place))
            }
        }
    }

    /// Half the width, half the height, and the distance of the farthest place, in metres.
    fn extent_m(self) -> (f64, f64, f64) {
        match self {
            Shape::Circle { radius_m } => (radius_m, radius_m, radius_m),
            Shape::Rectangle { width_m, height_m } => {
                let (width, height) = (width_m / 2.0, height_m / 2.0);
                (width, height, (width * width + height * height).sqrt())
            }
        }
    }

    /// The cells that cover the area around a centre on the map: its own cell and those of the eight neighbours that are
    /// needed, as ranges of scores, the upper ends excluded. No range comes twice in a row.
    pub fn cover(self, centre: Point) -> impl Iterator<Item = (f64, f64)> {
        let (half_width, half_height, farthest) = self.extent_m();
        let bounds = bounds(centre, half_width, half_height);
        let mut steps = estimate_steps(farthest, centre.latitude);
        let mut cell = Cell::of(centre, steps);
        if steps > 1 && !cell.neighbours_reach(&bounds) {
            steps -= 1;
            cell = Cell::of(centre, steps);
        }
        let area = cell.area();
        // Neighbours on a side where the cell itself reaches beyond the area are not needed.
        let needed = |dx: i8, dy: i8| {
            steps < 2
                || !(dy < 0 && area.south < bounds.south
                    || dy > 0 && area.north > bounds.north
                    || dx < 0 && area.west < bounds.west
                    || dx > 0 && area.east > bounds.east)
        };
        let moves = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let cells = moves.map(|(dx, dy)| needed(dx, dy).then(|| cell.moved(dx, dy)));
        let mut last = None;
        cells.into_iter().enumerate().filter_map(move |(at, cell)| {
            let cell = cell?;
            if last == Some(cell) {
                return None;
            }
            // The cell in the middle is never compared with.
            last = (at > 0).then_some(cell);
            Some((cell.first_score(), Cell { bits: cell.bits.wrapping_add(1), ..cell }.first_score()))
        })
    }
}

/// The rectangle of coordinates around an area.
fn bounds(centre: Point, half_width_m: f64, half_height_m: f64) -> Area {
    let height = half_height_m / EARTH_RADIUS_M / DEGREE;
    // Parallels are shorter towards the poles, and longitudes wider there.
    let latitude = if centre.latitude < 0.0 { centre.latitude - height } else { centre.latitude + height };
    let width = half_width_m / EARTH_RADIUS_M / (latitude * DEGREE).cos() / DEGREE;
    Area {
        west: centre.longitude - width,
        east: centre.longitude + width,
        south: centre.latitude - height,
        north: centre.latitude + height,
    }
}

/// Steps of cells so large that a cell and its neighbours cover a circle.
fn estimate_steps(mut radius_m: f64, latitude: f64) -> u32 {
    if radius_m == 0.0 {
        return STEPS_MAX;
    }
    let mut steps = 1i32;
    while radius_m < MERCATOR_MAX_M {
        radius_m *= 2.0;
        steps += 1;
    }
    steps -= 2;
    if latitude.abs() > 66.0 {
        steps -= 1;
        if latitude.abs() > 80.0 {
            steps -= 1;
        }
    }
    steps.clamp(1, STEPS_MAX as i32) as u32
}

/// A rectangle of coordinates, in degrees.
#[derive(Debug, Clone, Copy)]
struct Area {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

/// A rectangle of the map: as many bits of both coordinates as there are steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    bits: u64,
    steps: u32,
}

impl Cell {
    fn of(point: Point, steps: u32) -> Cell {
        Cell { bits: interleave(point, LATITUDE_MAX, steps), steps }
    }

    /// The lowest score in the cell.
    fn first_score(self) -> f64 {
        (self.bits << (2 * STEPS_MAX - 2 * self.steps)) as f64
    }

    fn area(self) -> Area {
        let (longitude, latitude) = (gather(self.bits >> 1), gather(self.bits));
        let cells = (1u64 << self.steps) as f64;
        let edge = |number: u32, most: f64| -most + (f64::from(number) / cells) * (most - -most);
        Area {
            west: edge(longitude, LONGITUDE_MAX),
            east: edge(longitude.wrapping_add(1), LONGITUDE_MAX),
            south: edge(latitude, LATITUDE_MAX),
            north: edge(latitude.wrapping_add(1), LATITUDE_MAX),
        }
    }

    /// The neighbour this many cells to the east and the north, around the edges of the map.
    fn moved(self, dx: i8, dy: i8) -> Cell {
        let unused = 64 - 2 * self.steps;
        // To count in every other bit, the bits between are filled with ones for a carry and with zeros for a borrow.
        let step = |bits: u64, own: u64, d: i8| {
            let between = (u64::MAX ^ own) >> unused;
            let coordinate = bits & own;
            let moved = match d {
                0 => return coordinate,
                1.. => coordinate.wrapping_add(between.wrapping_add(1)),
                _ => (coordinate | between).wrapping_sub(between.wrapping_add(1)),
            };
            moved & own >> unused
        };
        Cell { bits: step(self.bits, LONGITUDE_BITS, dx) | step(self.bits, LATITUDE_BITS, dy), ..self }
    }

    /// Whether the cells around this one reach to all ends of a rectangle.
    fn neighbours_reach(self, bounds: &Area) -> bool {
        let [north, south, east, west] = [(0, 1), (0, -1), (1, 0), (-1, 0)].map(|(dx, dy)| self.moved(dx, dy).area());
        !(north.north < bounds.north
            || south.south > bounds.south
            || east.east < bounds.east
            || west.west > bounds.west)
    }
}

/// The bits of a place, latitudes up to `latitude_max` degrees; longitude in the odd bits.
fn interleave(point: Point, latitude_max: f64, steps: u32) -> u64 {
    let cells = (1u64 << steps) as f64;
    let number = |at: f64, most: f64| ((at - -most) / (most - -most) * cells) as u32;
    spread(number(point.latitude, latitude_max)) | spread(number(point.longitude, LONGITUDE_MAX)) << 1
}

/// Puts the bits of a number into the even bits.
fn spread(number: u32) -> u64 {
    let mut x = u64::from(number);
    x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x << 2) & 0x3333_3333_3333_3333;
    (x | x << 1) & LATITUDE_BITS
}

/// The number in the even bits.
fn gather(bits: u64) -> u32 {
    let mut x = bits & LATITUDE_BITS;
    x = (x | x >> 1) & 0x3333_3333_3333_3333;
    x = (x | x >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x >> 4) & 0x00ff_00ff_00ff_00ff;
    x = (x | x >> 8) & 0x0000_ffff_0000_ffff;
    (x | x >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(longitude: f64, latitude: f64) -> Point {
        Point { longitude, latitude }
    }

    #[test]
    fn places_have_the_scores_distances_and_hashes_of_the_documentation() {
        let (palermo, catania) = (point(13.361389, 38.115556), point(15.087269, 37.502669));
        assert_eq!((palermo.score(), catania.score()), (3479099956230698.0, 3479447370796909.0));
        let (palermo, catania) = (Point::from_score(palermo.score()), Point::from_score(catania.score()));
        assert_eq!(palermo, point(13.361_389_338_970_184, 38.115_556_395_496_3));
        assert_eq!(format!("{:.4}", palermo.distance_m(catania)), "166274.1516");
        assert_eq!((&palermo.geohash(), &catania.geohash()), (b"sqc8b49rny0", b"sqdtr74hyu0"));
    }

    #[test]
    fn a_score_is_decoded_near_its_place_whatever_number_it_is() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..2000 {
            let place = point((rng.f64() - 0.5) * 360.0, (rng.f64() - 0.5) * 2.0 * LATITUDE_MAX);
            assert!(place.distance_m(Point::from_score(place.score())) < 1.0, "{place:?}");
        }
        for score in [-1.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e19, -1e19, 9.3e18, 0.5, 4.6e15] {
            assert!(Point::from_score(score).is_on_map(), "{score}");
        }
        for edge in [point(180.0, LATITUDE_MAX), point(-180.0, -LATITUDE_MAX), point(180.0, 0.0)] {
            assert!(Point::from_score(edge.score()).is_on_map());
        }
    }

    #[test]
    fn the_cover_of_an_area_holds_all_places_in_it() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..2000 {
            let centre = point((rng.f64() - 0.5) * 300.0, (rng.f64() - 0.5) * 120.0);
            let radius_m = 10f64.powf(rng.f64() * 6.0);
            let shape = Shape::Circle { radius_m };
            let ranges: Vec<_> = shape.cover(centre).collect();
            assert!((1..=9).contains(&ranges.len()));
            for _ in 0..20 {
                let degrees = radius_m / 111_000.0;
                let place = point(
                    centre.longitude + (rng.f64() - 0.5) * degrees,
                    (centre.latitude + (rng.f64() - 0.5) * degrees).clamp(-85.0, 85.0),
                );
                if place.is_on_map() && shape.distance_within_m(centre, place).is_some() {
                    let score = place.score();
                    assert!(
                        ranges.iter().any(|(min, max)| (*min..*max).contains(&score)),
                        "{centre:?} {place:?} {radius_m}"
                    );
                }
            }
        }
    }

    #[test]
    fn shapes_of_any_size_have_a_cover() {
        for radius_m in [0.0, 1e-300, 5e-324, 1.0, 1e7, 1e300, f64::INFINITY] {
            for centre in [point(0.0, 0.0), point(180.0, LATITUDE_MAX), point(-180.0, -LATITUDE_MAX)] {
                let circle = Shape::Circle { radius_m }.cover(centre).count();
                let rectangle = Shape::Rectangle { width_m: radius_m, height_m: 1.0 }.cover(centre).count();
                assert!(circle > 0 && rectangle > 0);
            }
        }
    }
}
