//! The designs that are compared: Usher's index, and two R-trees with the exact tests of `geo`.

use geo::{Contains, Distance, Haversine, Intersects, LineString, Point, Polygon};
use geo_index::rtree::sort::HilbertSort;
use geo_index::rtree::{RTree as PackedTree, RTreeBuilder, RTreeIndex};
use rstar::RTree;
use rstar::primitives::{GeomWithData, Rectangle};
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
}

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

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Usher(_) => "usher",
            Self::Rstar(..) => "rstar + geo",
            Self::GeoIndex(..) => "geo-index + geo",
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
