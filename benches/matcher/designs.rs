//! The designs that are compared: Usher's index, two R-trees with the exact tests of `geo`, and a map of H3 cells with the same.

use foldhash::fast::FixedState;
use geo::{Contains, Distance, Haversine, Intersects, LineString, Point, Polygon};
use geo_index::rtree::sort::HilbertSort;
use geo_index::rtree::{RTree as PackedTree, RTreeBuilder, RTreeIndex};
use h3o::{CellIndex, LatLng, Resolution};
use rstar::RTree;
use rstar::primitives::{GeomWithData, Rectangle};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use usher::base::id::FenceId;
use usher::cli::bench::workload::Drawn;
use usher::engine::fence::{Bounds, FenceIndex, Position, Shape};
use uuid::Uuid;

/// The key of a fence: its number, as wide as in production.
pub fn key(number: usize) -> FenceId {
    Uuid::from_u128(number as u128).into()
}

pub fn number_of(key: FenceId) -> u32 {
    u32::try_from(key.uuid().as_u128()).unwrap()
}

/// What finds the fences of a fix.
pub enum Design {
    Usher(FenceIndex<FenceId>),
    Rstar(RTree<GeomWithData<Rectangle<[f64; 2]>, u32>>, Arc<Vec<Plain>>),
    GeoIndex(PackedTree<f64>, Vec<u32>, Arc<Vec<Plain>>),
    H3(Cells, Arc<Vec<Plain>>),
}

/// The fences of each cell of resolution 9, the upper bit for those that fill it.
type Cells = HashMap<u64, Vec<u32>, FixedState>;

const FILLS: u32 = 1 << 31;
/// No place of a cell of resolution 9 is farther from its centre.
const CELL_M: f64 = 300.0;

/// A fence as `geo` tests it: circles by haversine, polygons by their edges.
pub enum Plain {
    Circle(Point<f64>, f64),
    Polygon(Polygon<f64>),
}

impl Plain {
    pub fn of(drawn: &Drawn) -> Self {
        match drawn {
            Drawn::Circle { center, radius_m } => Self::Circle(Point::new(center.lng, center.lat), *radius_m),
            Drawn::Polygon { corners, .. } => {
                Self::Polygon(Polygon::new(LineString::from(corners.clone()), Vec::new()))
            }
        }
    }

    fn holds(&self, p: Point<f64>) -> bool {
        match self {
            Self::Circle(center, radius_m) => Haversine.distance(*center, p) <= *radius_m,
            // What lies on an edge is the business of `intersects`; inside it says the same.
            Self::Polygon(polygon) => polygon.contains(&p) || polygon.exterior().intersects(&p),
        }
    }
}

fn cell_of(p: Position) -> CellIndex {
    LatLng::new(p.lat, p.lng).unwrap().to_cell(Resolution::Nine)
}

fn boxes(shapes: &[(usize, Arc<Shape>)]) -> impl Iterator<Item = (u32, Bounds)> {
    shapes.iter().flat_map(|(number, shape)| {
        let bounds = shape.bounds().into_iter();
        bounds.map(|bounds| (u32::try_from(*number).unwrap(), bounds))
    })
}

impl Design {
    pub fn usher(shapes: &[(usize, Arc<Shape>)]) -> Self {
        let keyed = shapes.iter().map(|(number, shape)| (key(*number), Arc::clone(shape)));
        Self::Usher(FenceIndex::build(keyed.collect()))
    }

    pub fn rstar(shapes: &[(usize, Arc<Shape>)], plain: &Arc<Vec<Plain>>) -> Self {
        let entry = |(number, bounds): (u32, Bounds)| {
            let corners = ([bounds.west, bounds.south], [bounds.east, bounds.north]);
            GeomWithData::new(Rectangle::from_corners(corners.0, corners.1), number)
        };
        Self::Rstar(RTree::bulk_load(boxes(shapes).map(entry).collect()), Arc::clone(plain))
    }

    pub fn geo_index(shapes: &[(usize, Arc<Shape>)], plain: &Arc<Vec<Plain>>) -> Self {
        let boxes: Vec<(u32, Bounds)> = boxes(shapes).collect();
        let mut builder = RTreeBuilder::<f64>::new(u32::try_from(boxes.len()).unwrap());
        for (_, bounds) in &boxes {
            builder.add(bounds.west, bounds.south, bounds.east, bounds.north);
        }
        let numbers = boxes.iter().map(|(number, _)| *number).collect();
        Self::GeoIndex(builder.finish::<HilbertSort>(), numbers, Arc::clone(plain))
    }

    /// Cells are found by walking on from the middle of each fence, which all of its cells hang together with.
    pub fn h3(shapes: &[(usize, Arc<Shape>)], drawn: &[Drawn], plain: &Arc<Vec<Plain>>) -> Self {
        let mut cells = Cells::default();
        for (number, shape) in shapes {
            let first = cell_of(drawn[*number].center());
            let (mut seen, mut next) = (HashSet::from([first]), vec![first]);
            while let Some(cell) = next.pop() {
                let center = LatLng::from(cell);
                let center = Position {
                    lat: center.lat(),
                    lng: center.lng(),
                };
                let depth_m = shape.signed_distance_m(center);
                if depth_m >= -CELL_M {
                    let fills = if depth_m > CELL_M { FILLS } else { 0 };
                    let number = u32::try_from(*number).unwrap();
                    cells.entry(cell.into()).or_default().push(number | fills);
                    let around = cell.grid_disk::<Vec<_>>(1).into_iter();
                    next.extend(around.filter(|cell| seen.insert(*cell)));
                }
            }
        }
        Self::H3(cells, Arc::clone(plain))
    }

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Usher(_) => "usher",
            Self::Rstar(..) => "rstar + geo",
            Self::GeoIndex(..) => "geo-index + geo",
            Self::H3(..) => "h3o res 9 + geo",
        }
    }

    /// The fences of one fix, in a list that is emptied first; their order is the design's own.
    pub fn locate(&self, p: Position, keys: &mut Vec<FenceId>) {
        let point = Point::new(p.lng, p.lat);
        match self {
            Self::Usher(index) => index.locate_into(p, keys),
            Self::Rstar(tree, plain) => {
                keys.clear();
                let held = |number: &u32| plain[*number as usize].holds(point);
                let boxes = tree.locate_all_at_point([p.lng, p.lat]).map(|entry| entry.data);
                keys.extend(boxes.filter(held).map(|number| key(number as usize)));
            }
            Self::H3(cells, plain) => {
                keys.clear();
                let here = cells.get(&cell_of(p).into()).into_iter().flatten();
                let held = here.filter(|entry| *entry & FILLS != 0 || plain[(*entry & !FILLS) as usize].holds(point));
                keys.extend(held.map(|entry| key((entry & !FILLS) as usize)));
            }
            Self::GeoIndex(tree, numbers, plain) => {
                keys.clear();
                let boxes = tree
                    .search(p.lng, p.lat, p.lng, p.lat)
                    .into_iter()
                    .map(|place| numbers[place as usize]);
                keys.extend(
                    boxes
                        .filter(|number| plain[*number as usize].holds(point))
                        .map(|number| key(number as usize)),
                );
            }
        }
    }
}
