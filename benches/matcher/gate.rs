//! No figure without it: every design finds what brute force finds.

use crate::designs::{Design, number_of};
use serde_json::{Value, json};
use std::sync::Arc;
use usher::engine::fence::{Bounds, Position, Shape};

/// Fixes of each order that are compared with brute force: 100,000 in all at each size.
const BRUTE: usize = 50_000;
/// A sphere is off by at most so much of a radius.
const SPHERE_SHARE: f64 = 0.006;

/// What was compared.
pub struct Checked {
    pub brute: usize,
    pub fixes: usize,
    pub hits: usize,
    /// Circles that a sphere puts on the other side of the fix than the ellipsoid does.
    pub sphere: usize,
}

impl Checked {
    pub fn told(&self, order: &str) -> Value {
        let hits = self.hits as f64 / self.fixes as f64;
        println!(
            "  {} fixes, {order}: {hits:.2} hits each; {} of them by brute force; a sphere puts {} circles on the wrong side",
            self.fixes, self.brute, self.sphere
        );
        json!({ "order": order, "fixes": self.fixes, "brute_force": self.brute, "hits_per_fix": hits, "sphere": self.sphere })
    }
}

/// The only shortcut of brute force: boxes in rows of one degree of latitude, each looked through to its end. Without it, 100,000
/// fixes among a million fences would take an hour.
struct Rows(Vec<Vec<(Bounds, usize)>>);

impl Rows {
    fn of(shapes: &[(usize, Arc<Shape>)]) -> Self {
        let mut rows = vec![Vec::new(); 182];
        for (place, (_, shape)) in shapes.iter().enumerate() {
            for bounds in shape.bounds() {
                for row in &mut rows[row_of(bounds.south)..=row_of(bounds.north)] {
                    row.push((bounds, place));
                }
            }
        }
        Self(rows)
    }

    fn all_at(&self, shapes: &[(usize, Arc<Shape>)], p: Position) -> Vec<u32> {
        let row = self.0[row_of(p.lat)].iter();
        let near = row.filter(|(bounds, _)| {
            (bounds.south..=bounds.north).contains(&p.lat) && (bounds.west..=bounds.east).contains(&p.lng)
        });
        let all = near
            .map(|(_, place)| &shapes[*place])
            .filter(|(_, shape)| shape.contains(p));
        let mut numbers: Vec<u32> = all.map(|(number, _)| u32::try_from(*number).unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "latitudes are 0 to 180 then"
)]
fn row_of(lat: f64) -> usize {
    (lat.floor() + 90.0) as usize
}

pub fn check(designs: &[Design], shapes: &[(usize, Arc<Shape>)], fixes: &[Position]) -> Checked {
    let mut checked = Checked {
        brute: 0,
        fixes: fixes.len(),
        hits: 0,
        sphere: 0,
    };
    let found = |design: &Design, p: Position, keys: &mut Vec<_>| -> Vec<u32> {
        design.locate(p, keys);
        let mut numbers: Vec<u32> = keys.iter().map(|key| number_of(*key)).collect();
        numbers.sort_unstable();
        numbers
    };
    let rows = Rows::of(shapes);
    let (usher, others) = designs.split_first().unwrap();
    let mut keys = Vec::new();
    for (place, p) in fixes.iter().enumerate() {
        let ours = found(usher, *p, &mut keys);
        checked.hits += ours.len();
        // Spread over all fixes, so that every part of them is looked at.
        if place % (fixes.len() / BRUTE).max(1) == 0 && checked.brute < BRUTE {
            checked.brute += 1;
            assert_eq!(ours, rows.all_at(shapes, *p), "usher is not brute force at {p:?}");
        }
        for other in others {
            let theirs = found(other, *p, &mut keys);
            let differ = |one: &[u32], two: &[u32]| -> Vec<u32> {
                one.iter()
                    .filter(|number| two.binary_search(number).is_err())
                    .copied()
                    .collect()
            };
            for number in differ(&ours, &theirs).into_iter().chain(differ(&theirs, &ours)) {
                let place = shapes
                    .binary_search_by_key(&(number as usize), |(number, _)| *number)
                    .unwrap();
                let shape = &shapes[place].1;
                let near = shape.signed_distance_m(*p).abs() <= shape.effective_radius_m() * SPHERE_SHARE;
                let name = other.name();
                assert!(
                    matches!(**shape, Shape::Circle(_)) && near,
                    "{name} differs on fence {number} at {p:?}"
                );
                checked.sphere += 1;
            }
        }
    }
    checked
}
