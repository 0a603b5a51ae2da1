//! An area: one or more polygons with holes, and the questions asked of it.

use super::cut;
use super::edge::{self, LOCAL_LAT_MAX, LOCAL_M_MAX, Line};
use super::geodesy::Position;
use super::ring::{Extent, Ring, Side};
use super::shape::Bounds;
use std::sync::OnceLock;

/// No cell of the grid that a ring within this touches reaches 180 degrees.
const CLEAR_LNG: f64 = 179.9;

/// One polygon: a shell with its inside to the left, and holes with theirs to the right.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) shell: Ring,
    pub(super) holes: Box<[Ring]>,
}

impl Part {
    pub(super) fn of(shell: Ring, holes: Vec<Ring>) -> Self {
        Self {
            shell,
            holes: holes.into(),
        }
    }

    pub(super) fn area_m2(&self) -> f64 {
        self.shell.area_m2() - self.holes.iter().map(Ring::area_m2).sum::<f64>()
    }

    /// Makes its rings quick to ask.
    fn prepare(&mut self) {
        self.shell.prepare();
        self.holes.iter_mut().for_each(Ring::prepare);
    }

    pub(super) fn rings(&self) -> impl Iterator<Item = &Ring> {
        std::iter::once(&self.shell).chain(&self.holes)
    }

    pub(super) fn contains(&self, p: Position) -> bool {
        if p.lat.abs() == 90.0 {
            return self.contains_pole(p.lat);
        }
        self.shell.side(p.lat, p.lng) != Side::Outside
            && self.holes.iter().all(|hole| hole.side(p.lat, p.lng) != Side::Inside)
    }

    /// At a pole all longitudes are one place: a shell that reaches it holds it, unless a hole goes round it.
    fn contains_pole(&self, lat: f64) -> bool {
        let reaches = |ring: &Ring| ring.extent.min.y == lat || ring.extent.max.y == lat;
        reaches(&self.shell)
            && !self
                .holes
                .iter()
                .any(|hole| hole.pole.is_some_and(|pole| pole.lat() == lat))
    }
}

/// A polygon or multipolygon with holes, valid, safe at the antimeridian and at the poles.
///
/// It is kept in longitudes that run on over 180 instead of in pieces, so that no seam can be mistaken for an edge; the pieces
/// RFC 7946 asks for are made by [`super::Shape::to_geojson`] and [`super::Shape::bounds`].
#[derive(Clone, Debug)]
pub struct Area {
    parts: Box<[Part]>,
    /// The edges of the whole where they differ from those of the rings: overlapping parts, seams at 180, poles.
    outline: Option<Box<[Line]>>,
    /// Worked out when it is first asked for: a start reads a hundred thousand areas, and people come near few of them.
    size_m2: OnceLock<f64>,
}

impl Area {
    pub(super) fn of(mut parts: Vec<Part>) -> Self {
        for part in &mut parts {
            part.prepare();
        }
        let (outline, merged_m2) = cut::outline_of(&parts);
        Self {
            parts: parts.into(),
            outline: outline.map(Vec::into_boxed_slice),
            size_m2: merged_m2.map_or_else(OnceLock::new, OnceLock::from),
        }
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its only ring, if it has but one and that one stays clear of the antimeridian.
    pub(super) fn only_ring(&self) -> Option<&Ring> {
        let [Part { shell, holes }] = &*self.parts else {
            return None;
        };
        let clear = holes.is_empty()
            && shell.pole.is_none()
            && shell.real == shell.coords.len()
            && shell.extent.min.x > -CLEAR_LNG
            && shell.extent.max.x < CLEAR_LNG;
        clear.then_some(shell)
    }

    pub(super) fn contains(&self, p: Position) -> bool {
        self.parts.iter().any(|part| part.contains(p))
    }

    /// Distance to the nearest edge in metres, never negative; infinite for an area without edges (the whole globe).
    pub(super) fn edge_distance_m(&self, p: Position) -> f64 {
        match &self.outline {
            Some(lines) => edge::distance_m(p, || lines.iter().copied()),
            None => edge::distance_m(p, || self.parts.iter().flat_map(Part::rings).flat_map(Ring::real_edges)),
        }
    }

    /// [`Area::edge_distance_m`] where that is below so many metres, measured to the edges alone that are so near; where it is not,
    /// any distance of at least as many.
    pub(super) fn edge_distance_up_to_m(&self, p: Position, metres: f64) -> f64 {
        match self.edges_within(p, metres) {
            // What lies outside of the box is farther away than that, by more than any measure is off: it cannot have been nearest.
            Some(edges) if edges.is_empty() => metres,
            Some(edges) if self.outline.is_none() => edge::distance_m(p, || edges.iter().copied()),
            Some(_) | None => self.edge_distance_m(p),
        }
    }

    /// The edges of the rings that may be so near; none where it takes measuring all of them to know.
    fn edges_within(&self, p: Position, metres: f64) -> Option<Vec<Line>> {
        // Elsewhere the nearest edge is not looked for in a plane.
        if p.lat.abs() > LOCAL_LAT_MAX || metres > LOCAL_M_MAX {
            return None;
        }
        let near = Extent::around(p, metres)?;
        let mut edges = Vec::new();
        let mut rings = self.parts.iter().flat_map(Part::rings);
        rings.all(|ring| ring.add_edges_in(&near, &mut edges)).then_some(edges)
    }

    /// The area in square metres.
    pub(super) fn area_m2(&self) -> f64 {
        *self.size_m2.get_or_init(|| self.parts.iter().map(Part::area_m2).sum())
    }

    pub(super) fn vertices(&self) -> usize {
        self.parts.iter().flat_map(Part::rings).map(|ring| ring.real).sum()
    }

    pub(super) fn bounds(&self) -> Vec<Bounds> {
        self.parts.iter().flat_map(|part| boxes_of(part.shell.extent)).collect()
    }

    pub(super) fn to_geojson(&self) -> serde_json::Value {
        cut::to_geojson(&self.parts)
    }
}

/// A box in unrolled longitudes as one or two that stay within 180.
pub(super) fn boxes_of(extent: Extent) -> Vec<Bounds> {
    let (south, north) = (extent.min.y, extent.max.y);
    if extent.max.x - extent.min.x >= 360.0 {
        return vec![Bounds {
            south,
            north,
            west: -180.0,
            east: 180.0,
        }];
    }
    let mut boxes = Vec::new();
    for turn in [-720.0, -360.0, 0.0, 360.0, 720.0] {
        let (west, east) = ((extent.min.x + turn).max(-180.0), (extent.max.x + turn).min(180.0));
        if west < east {
            boxes.push(Bounds {
                south,
                north,
                west,
                east,
            });
        }
    }
    boxes
}
