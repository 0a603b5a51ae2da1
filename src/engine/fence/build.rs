//! From rings as they were drawn to an area that is valid: unrolled, wound, holes in place.

use super::area::{Area, Part};
use super::error::{GeometryCode, GeometryError};
use super::geodesy::globe_area_m2;
use super::ring::{Extent, Pole, Ring, Side, orientation};
use super::validity::{Curve, crossings, crowd, split};
use crate::base::limits::HOLE_TESTS_MAX;
use geo::{Coord, Orientation};

/// Where a polygon stands in its geometry, and its closed rings as they were drawn.
pub(super) struct Drawn {
    /// JSON pointer of the polygon's coordinates.
    pub(super) base: String,
    pub(super) rings: Vec<Vec<Coord<f64>>>,
}

/// Builds an area again from the polygons of one that was valid: what costs most to look for, rings that cross, is not looked for.
pub(super) fn stored_area_of(polygons: &[Drawn]) -> Result<Area, GeometryError> {
    let part = |drawn: &Drawn| {
        let (shell, mut holes, curves) = rings_of(drawn)?;
        holes.extend(curves.iter().skip(1).map(|curve| hole_of(curve, &shell)));
        Ok(Part::of(shell, holes))
    };
    Ok(Area::of(polygons.iter().map(part).collect::<Result<_, _>>()?))
}

/// Builds an area from the polygons drawn.
pub(super) fn area_of(polygons: &[Drawn]) -> Result<Area, GeometryError> {
    let parts = polygons.iter().map(part_of).collect::<Result<Vec<_>, _>>()?;
    if parts.len() > 1 {
        crowd(&parts.iter().map(|part| part.rings().collect()).collect::<Vec<_>>())?;
    }
    Ok(Area::of(parts))
}

fn part_of(drawn: &Drawn) -> Result<Part, GeometryError> {
    let (shell, mut holes, curves) = rings_of(drawn)?;
    let touches = crossings(&curves, &drawn.base)?;
    split(&touches, curves.len(), &drawn.base)?;
    let drawn_from = holes.len();
    holes.extend(curves.iter().skip(1).map(|curve| hole_of(curve, &shell)));
    place_holes(&shell, &holes, drawn_from, &drawn.base)?;
    let part = Part::of(shell, holes);
    if part.area_m2() <= f64::MIN_POSITIVE {
        return Err(zero_area(format!("{}/0", drawn.base)));
    }
    Ok(part)
}

/// The shell, the hole that it is when it bounds the outside of what it goes round, and all curves as they were drawn.
fn rings_of(drawn: &Drawn) -> Result<(Ring, Vec<Ring>, Vec<Curve>), GeometryError> {
    let mut curves = Vec::with_capacity(drawn.rings.len());
    for (number, ring) in drawn.rings.iter().enumerate() {
        curves.push(curve_of(ring, &format!("{}/{number}", drawn.base))?);
    }
    let Some((first, rest)) = curves.split_first_mut() else {
        return Err(GeometryError::new(
            GeometryCode::TooFewPositions,
            drawn.base.clone(),
            "the polygon has no rings",
            "give at least the outer ring",
        ));
    };
    let (shell, inverse) = shell_of(first);
    for hole in rest.iter_mut() {
        bring_near(hole, &shell);
    }
    Ok((shell, inverse.into_iter().collect(), curves))
}

fn zero_area(pointer: String) -> GeometryError {
    GeometryError::new(
        GeometryCode::ZeroArea,
        pointer,
        "the ring encloses nothing",
        "give at least three positions that are not on one line",
    )
}

/// Checks one ring for itself and unrolls it.
fn curve_of(ring: &[Coord<f64>], pointer: &str) -> Result<Curve, GeometryError> {
    let (Some(first), Some(last)) = (ring.first(), ring.last()) else {
        return Err(too_few(pointer, 0));
    };
    let same_meridian = first.x == last.x || (first.x - last.x).abs() == 360.0;
    if first.y != last.y || !same_meridian {
        return Err(GeometryError::new(
            GeometryCode::UnclosedRing,
            format!("{pointer}/{}", ring.len() - 1),
            format!(
                "the ring ends at [{}, {}] but starts at [{}, {}]",
                last.x, last.y, first.x, first.y
            ),
            "repeat the first position as the last",
        ));
    }
    if ring.len() < 4 {
        return Err(too_few(pointer, ring.len()));
    }
    // A jump of exactly 360 degrees is either an edge all along a parallel or none at all; the reading that makes a ring wins.
    let ambiguous = ring
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if (a.x - b.x).abs() == 360.0));
    if ambiguous
        && let Ok(curve) = unroll(ring, true, pointer)
        && curve.turn == 0.0
        && !is_flat(&curve.coords)
        && crossings(std::slice::from_ref(&curve), pointer).is_ok()
    {
        return Ok(curve);
    }
    let curve = unroll(ring, false, pointer)?;
    if curve.coords.len() < 3 {
        return Err(too_few(pointer, curve.coords.len()));
    }
    if curve.turn == 0.0 && is_flat(&curve.coords) {
        return Err(zero_area(pointer.to_owned()));
    }
    let extent = Extent::of(&curve.coords);
    if curve.turn.abs() > 360.0 || (curve.turn == 0.0 && extent.max.x - extent.min.x > 360.0) {
        return Err(GeometryError::new(
            GeometryCode::TooWide,
            pointer,
            "the ring goes round the globe more than once",
            "check the longitudes; a ring may go round once at most",
        ));
    }
    Ok(curve)
}

fn too_few(pointer: &str, count: usize) -> GeometryError {
    GeometryError::new(
        GeometryCode::TooFewPositions,
        pointer,
        format!("the ring has {count} positions"),
        "a ring needs four positions, the last equal to the first, and three of them different",
    )
}

fn is_flat(coords: &[Coord<f64>]) -> bool {
    let Some((&a, rest)) = coords.split_first() else {
        return true;
    };
    let Some(&b) = rest.iter().find(|at| **at != a) else {
        return true;
    };
    rest.iter().all(|&c| orientation(a, b, c) == Orientation::Collinear)
}

/// Lets the longitudes run on over the antimeridian and leaves out the closing position and repeated ones.
fn unroll(ring: &[Coord<f64>], literal: bool, pointer: &str) -> Result<Curve, GeometryError> {
    let continuous = ring.iter().any(|at| at.x.abs() > 180.0);
    let mut curve = Curve {
        coords: Vec::with_capacity(ring.len()),
        index: Vec::with_capacity(ring.len()),
        turn: 0.0,
    };
    let mut shift = 0.0;
    let mut before: Option<Coord<f64>> = None;
    for (index, at) in ring.iter().enumerate() {
        if let Some(last) = before {
            let jump = at.x - last.x;
            if jump.abs() > 180.0 && !(literal && jump.abs() == 360.0) {
                if continuous && jump.abs() != 360.0 {
                    return Err(GeometryError::new(
                        GeometryCode::LongitudeOutOfRange,
                        format!("{pointer}/{index}"),
                        format!(
                            "longitude {} follows {}, more than half the globe away, in a ring beyond 180",
                            at.x, last.x
                        ),
                        "keep longitudes between -180 and 180, or let them run on without a jump",
                    ));
                }
                shift -= 360.0_f64.copysign(jump);
            }
        }
        before = Some(*at);
        let place = Coord {
            x: at.x + shift,
            y: at.y,
        };
        if curve.coords.last() != Some(&place) {
            curve.coords.push(place);
            curve.index.push(index);
        }
    }
    if let (Some(first), Some(last)) = (curve.coords.first().copied(), curve.coords.pop()) {
        curve.turn = ((last.x - first.x) / 360.0).round() * 360.0;
        curve.index.pop();
    }
    Ok(curve)
}

/// The shell as a ring with its inside to the left, and, when it bounds the outside of what it goes round, that as a hole.
///
/// A ring is read as drawn, whichever way it is wound, unless it crosses the antimeridian clockwise round more than half the globe:
/// then it bounds the other side. A ring round the globe bounds the smaller of its two sides.
fn shell_of(curve: &mut Curve) -> (Ring, Option<Ring>) {
    if curve.turn != 0.0 {
        return (cap_of(curve, None), None);
    }
    let extent = Extent::of(&curve.coords);
    let home = 360.0 * ((extent.min.x + 180.0) / 360.0).floor();
    if home != 0.0 {
        for at in &mut curve.coords {
            at.x -= home;
        }
    }
    let ring = Ring::plain(curve.coords.clone());
    let clockwise = ring.turn() < 0.0;
    let crosses = ring.extent.max.x > 180.0;
    if clockwise && crosses && ring.area_m2() > globe_area_m2() * 0.5 {
        let margin = (360.0 - (ring.extent.max.x - ring.extent.min.x)) * 0.5;
        return (Ring::globe(ring.extent.min.x - margin), Some(ring));
    }
    (if clockwise { ring.reversed() } else { ring }, None)
}

/// A ring round the globe, closed over the pole given or over the one on its smaller side.
fn cap_of(curve: &Curve, pole: Option<Pole>) -> Ring {
    let eastward = curve.turn > 0.0;
    let drawn = if eastward { Pole::North } else { Pole::South };
    let other = if eastward { Pole::South } else { Pole::North };
    let cap = |pole: Pole| Ring::cap(curve.coords.clone(), eastward, pole);
    if let Some(pole) = pole {
        return cap(pole);
    }
    let ring = cap(drawn);
    if ring.area_m2() > globe_area_m2() * 0.5 {
        cap(other)
    } else {
        ring
    }
}

fn hole_of(curve: &Curve, shell: &Ring) -> Ring {
    if curve.turn != 0.0 {
        return cap_of(curve, shell.pole);
    }
    let ring = Ring::plain(curve.coords.clone());
    if ring.turn() > 0.0 { ring.reversed() } else { ring }
}

/// Moves a hole to the copy of its longitudes that its shell covers, so that the two can be compared.
fn bring_near(hole: &mut Curve, shell: &Ring) {
    let extent = Extent::of(&hole.coords);
    let middle = f64::midpoint(extent.min.x, extent.max.x);
    let target = f64::midpoint(shell.extent.min.x, shell.extent.max.x);
    let inside = shell
        .extent
        .copies(extent.min.x)
        .find(|x| x + extent.max.x - extent.min.x <= shell.extent.max.x);
    let shift = inside.map_or_else(|| 360.0 * ((target - middle) / 360.0).round(), |x| x - extent.min.x);
    if shift != 0.0 {
        for at in &mut hole.coords {
            at.x += shift;
        }
    }
}

/// Refuses holes outside their shell or inside one another. Rings neither cross nor touch twice here, so one place of each decides.
fn place_holes(shell: &Ring, holes: &[Ring], drawn_from: usize, base: &str) -> Result<(), GeometryError> {
    let mut tests = 0_usize;
    for (number, hole) in holes.iter().enumerate().skip(drawn_from) {
        let pointer = format!("{base}/{}", number + 1 - drawn_from);
        tests += shell.coords.len();
        if side_of_ring(hole, shell) == Side::Outside {
            return Err(GeometryError::new(
                GeometryCode::HoleOutside,
                pointer,
                format!("hole {} lies outside its shell", number + 1 - drawn_from),
                "leave the hole out, or draw it inside the outer ring",
            ));
        }
        for (other_number, other) in holes.iter().enumerate() {
            tests += 1;
            if other_number == number || !other.extent.meets(&hole.extent) {
                continue;
            }
            tests += other.coords.len();
            if side_of_ring(hole, other) == Side::Inside {
                return Err(GeometryError::new(
                    GeometryCode::HoleNested,
                    pointer,
                    format!("hole {} lies inside another hole", number + 1 - drawn_from),
                    "leave the inner hole out; for an island draw a polygon of its own",
                ));
            }
        }
        if tests > HOLE_TESTS_MAX {
            return Err(GeometryError::new(
                GeometryCode::TooComplex,
                pointer,
                "the polygon has too many holes lying close together",
                "simplify the outline or draw it as several fences",
            ));
        }
    }
    Ok(())
}

/// On which side of a ring another lies that does not cross it: the first place that is not on the edge tells.
fn side_of_ring(ring: &Ring, of: &Ring) -> Side {
    ring.coords
        .iter()
        .take(ring.real.max(1))
        .map(|at| of.side(at.y, at.x))
        .find(|side| *side != Side::Edge)
        .unwrap_or(Side::Edge)
}
