//! Areas as others want them: the outline of overlapping parts as one, and `GeoJSON` cut at the antimeridian (RFC 7946, 3.1.9).

use super::area::Part;
use super::edge::Line;
use super::ring::Ring;
use geo::{BooleanOps, Coord, LineString, MultiPolygon, Polygon};
use serde_json::{Value, json};

/// Merging and cutting work on a grid of 2^-30 of the extent; what lies this near to a border of the map (in degrees) lies on it.
const SNAP_DEGREES: f64 = 1e-6;

/// The edges of the whole, and its area in square metres, where they are not simply those of all rings.
///
/// Overlapping parts are merged (exact to a few centimetres for areas as wide as the globe, to a millimetre up to 1,000 km); edges
/// at the antimeridian with the area on both sides, and edges that are nothing but a pole, are no edges.
pub(super) fn outline_of(parts: &[Part]) -> (Option<Vec<Line>>, Option<f64>) {
    let plain = parts
        .iter()
        .flat_map(Part::rings)
        .all(|ring| ring.real == ring.coords.len());
    let merged = (plain && overlap(parts)).then(|| merge(parts));
    let area_m2 = merged
        .as_ref()
        .map(|whole| rings_of(whole).map(|(sign, ring)| sign * ring.area_m2()).sum());
    let lines: Vec<Line> = if let Some(whole) = &merged {
        rings_of(whole)
            .flat_map(|(_, ring)| ring.edges().collect::<Vec<_>>())
            .collect()
    } else {
        let special = |line: Line| is_seam(line) || is_pole(line);
        if plain && !parts.iter().flat_map(Part::rings).flat_map(Ring::edges).any(special) {
            return (None, None);
        }
        parts.iter().flat_map(Part::rings).flat_map(Ring::real_edges).collect()
    };
    (Some(without_seams(lines)), area_m2)
}

fn overlap(parts: &[Part]) -> bool {
    parts.iter().enumerate().any(|(number, one)| {
        parts
            .iter()
            .skip(number + 1)
            .any(|two| one.shell.extent.meets(&two.shell.extent))
    })
}

fn merge(parts: &[Part]) -> MultiPolygon<f64> {
    let polygons: Vec<Polygon<f64>> = parts.iter().map(|part| polygon_of(part, 0.0)).collect();
    geo::unary_union(polygons.iter())
}

/// The rings of merged polygons, with the sign their areas count with.
fn rings_of(whole: &MultiPolygon<f64>) -> impl Iterator<Item = (f64, Ring)> + '_ {
    whole.iter().flat_map(|polygon| {
        let shell = std::iter::once((1.0, polygon.exterior()));
        shell
            .chain(polygon.interiors().iter().map(|hole| (-1.0, hole)))
            .map(|(sign, line)| (sign, ring_of(line)))
    })
}

fn ring_of(line: &LineString<f64>) -> Ring {
    let open = line.0.len().saturating_sub(1);
    Ring::plain(line.0.iter().take(open).map(|at| snapped(*at)).collect())
}

fn snapped(at: Coord<f64>) -> Coord<f64> {
    let snap = |value: f64, to: f64| {
        if (value.abs() - to).abs() < SNAP_DEGREES {
            to.copysign(value)
        } else {
            value
        }
    };
    Coord {
        x: snap(at.x, 180.0),
        y: snap(at.y, 90.0),
    }
}

fn is_seam((a, b): Line) -> bool {
    a.x == b.x && (a.x - 180.0) % 360.0 == 0.0
}

fn is_pole((a, b): Line) -> bool {
    a.y == b.y && a.y.abs() == 90.0
}

/// Leaves out poles, and of the edges along the antimeridian what has the area on both sides.
fn without_seams(lines: Vec<Line>) -> Vec<Line> {
    let (seams, mut rest): (Vec<Line>, Vec<Line>) = lines
        .into_iter()
        .filter(|line| !is_pole(*line))
        .partition(|line| is_seam(*line));
    // With the inside to the left, an edge to the north has it in the west and one to the south in the east.
    let mut steps: Vec<(f64, usize, i32)> = Vec::with_capacity(seams.len() * 2);
    for (a, b) in seams {
        let (side, low, high) = if a.y < b.y { (0, a.y, b.y) } else { (1, b.y, a.y) };
        steps.extend([(low, side, 1), (high, side, -1)]);
    }
    steps.sort_by(|one, two| one.0.total_cmp(&two.0));
    let (mut west, mut east) = (0, 0);
    let mut from = f64::NAN;
    for (lat, side, change) in steps {
        if (west > 0) != (east > 0) && lat > from {
            rest.push((Coord { x: 180.0, y: from }, Coord { x: 180.0, y: lat }));
        }
        if side == 0 {
            west += change;
        } else {
            east += change;
        }
        from = lat;
    }
    rest
}

/// Areas as `GeoJSON` within 180 degrees: shells counter-clockwise, holes clockwise, rings closed.
pub(super) fn to_geojson(parts: &[Part]) -> Value {
    let mut polygons = Vec::with_capacity(parts.len());
    for part in parts {
        if part
            .rings()
            .all(|ring| ring.extent.min.x >= -180.0 && ring.extent.max.x <= 180.0)
        {
            polygons.push(part.rings().map(|ring| closed(ring.coords.iter())).collect::<Vec<_>>());
        } else {
            polygons.extend(pieces_of(part));
        }
    }
    match <[Vec<Value>; 1]>::try_from(polygons) {
        Ok([only]) => json!({ "type": "Polygon", "coordinates": only }),
        Err(many) => json!({ "type": "MultiPolygon", "coordinates": many }),
    }
}

fn closed(coords: impl Iterator<Item = Coord<f64>> + Clone) -> Value {
    let mut places: Vec<Value> = Vec::new();
    let mut before: Option<Coord<f64>> = None;
    for at in coords.clone().chain(coords.take(1)) {
        // An edge of half the globe or more would be read as the short way round, so it gets positions in between.
        if let Some(from) = before.filter(|from| (at.x - from.x).abs() >= 180.0) {
            let between = [1.0, 2.0].map(|third| from + (at - from) * (third / 3.0));
            places.extend(between.map(|at| json!([at.x, at.y])));
        }
        places.push(json!([at.x, at.y]));
        before = Some(at);
    }
    Value::Array(places)
}

/// A part that leaves the map on one side, in pieces that come in again on the other.
fn pieces_of(part: &Part) -> Vec<Vec<Value>> {
    let window = line_of(&Ring::globe(-180.0), 0.0);
    let window = Polygon::new(window, Vec::new());
    let mut pieces = Vec::new();
    for turn in [-720.0, -360.0, 0.0, 360.0, 720.0] {
        let extent = part.shell.extent;
        if extent.max.x + turn <= -180.0 || extent.min.x + turn >= 180.0 {
            continue;
        }
        let mut cut = Polygon::new(line_of(&part.shell, turn), Vec::new()).intersection(&window);
        for hole in &part.holes {
            for around in [-720.0, -360.0, 0.0, 360.0, 720.0] {
                if hole.extent.max.x + around > -180.0 && hole.extent.min.x + around < 180.0 {
                    cut = cut.difference(&Polygon::new(line_of(hole, around), Vec::new()));
                }
            }
        }
        for polygon in &cut {
            let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
            pieces.push(rings.map(|ring| closed(ring_of(ring).coords.iter())).collect());
        }
    }
    pieces
}

fn polygon_of(part: &Part, turn: f64) -> Polygon<f64> {
    Polygon::new(
        line_of(&part.shell, turn),
        part.holes.iter().map(|hole| line_of(hole, turn)).collect(),
    )
}

fn line_of(ring: &Ring, turn: f64) -> LineString<f64> {
    let mut coords: Vec<_> = ring
        .coords
        .iter()
        .map(|at| Coord {
            x: at.x + turn,
            y: at.y,
        })
        .collect();
    coords.extend(coords.first().copied());
    LineString::new(coords)
}
