//! Which squares of the grid a circle touches, and which of them it fills.

use super::cover::{Covered, How, Window, pole_rows};
use super::geodesy::{Position, distance_m, scale_m_per_degree, wrap_lng};
use super::grid::{Level, Square};
use super::near::floor_m;
use super::shape::{Bounds, Circle};

pub(super) fn cover_circle(circle: &Circle, level: Level, squares: &mut Vec<Covered>) {
    let extent = circle.extent();
    let window = Window::of(extent, level);
    let poles = pole_rows(extent, level);
    let flat = Flat::of(circle);
    for (column, row) in window.places() {
        let bounds = window.bounds(column, row);
        let (touches, fills) = match &flat {
            Some(flat) => flat.meets(&bounds),
            None if poles.contains(&Some(row)) => (true, false),
            None => (
                floor_m(circle.center(), &bounds) <= circle.radius_m(),
                fills(circle, &bounds),
            ),
        };
        if touches {
            squares.push(Covered {
                square: Square::wrapped(level, column, row),
                how: if fills { How::Fills } else { How::Touches },
            });
        }
    }
}

/// A circle so small and so far from the poles that a plane in the scale of its centre says, to half a hundredth, how far away a
/// place within its reach is; a hundredth is allowed for.
struct Flat {
    center: Position,
    lat_m: f64,
    lng_m: f64,
    outer_m: f64,
    inner_m: f64,
}

impl Flat {
    fn of(circle: &Circle) -> Option<Self> {
        let (center, radius_m) = (circle.center(), circle.radius_m());
        let (lat_m, lng_m) = scale_m_per_degree(center.lat);
        (center.lat.abs() < 70.0 && radius_m < 10_000.0).then_some(Self {
            center,
            lat_m,
            lng_m,
            outer_m: radius_m * 1.01 + 1.0,
            inner_m: (radius_m * 0.99 - 0.1).max(0.0),
        })
    }

    /// Whether it may reach into a box, and whether it certainly holds all of it.
    fn meets(&self, bounds: &Bounds) -> (bool, bool) {
        let west = wrap_lng(bounds.west - self.center.lng) * self.lng_m;
        let east = west + (bounds.east - bounds.west) * self.lng_m;
        let south = (bounds.south - self.center.lat) * self.lat_m;
        let north = (bounds.north - self.center.lat) * self.lat_m;
        let square = |x: f64, y: f64| x * x + y * y;
        let nearest = square(0.0_f64.clamp(west, east), 0.0_f64.clamp(south, north));
        let farthest = square(west.abs().max(east.abs()), south.abs().max(north.abs()));
        (
            nearest <= self.outer_m * self.outer_m,
            farthest <= self.inner_m * self.inner_m,
        )
    }
}

/// Whether a circle certainly holds all of a box: on a sphere, its farthest place within a quarter of the globe is a corner.
fn fills(circle: &Circle, bounds: &Bounds) -> bool {
    let (center, radius_m) = (circle.center(), circle.radius_m());
    let height_m = (bounds.north - bounds.south) * 110_000.0;
    if height_m > 2.0 * radius_m {
        return false;
    }
    [bounds.south, bounds.north].into_iter().all(|lat| {
        [bounds.west, bounds.east].into_iter().all(|lng| {
            let corner = Position {
                lat: lat.clamp(-90.0, 90.0),
                lng: wrap_lng(lng),
            };
            wrap_lng(lng - center.lng).abs() < 80.0 && distance_m(center, corner) <= radius_m * 0.99 - 0.1
        })
    })
}
