//! No figure without it: every design finds what brute force finds.

use crate::designs::{Design, number_of};
use serde_json::{Value, json};
use std::sync::Arc;
use usher::engine::fence::{Bounds, Position, Shape};

/// Pairs of a fix and a fence that are compared with brute force at each size.
const PAIRS: usize = 100_000_000;
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

fn holds(bounds: &Bounds, p: Position) -> bool {
    (bounds.south..=bounds.north).contains(&p.lat) && (bounds.west..=bounds.east).contains(&p.lng)
}

pub fn check(designs: &[Design], shapes: &[(usize, Arc<Shape>)], fixes: &[Position]) -> Checked {
    let mut checked = Checked {
        brute: (PAIRS / shapes.len().max(1)).min(fixes.len()),
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
    // A box is the only shortcut of brute force: the geodesic of a circle half-way round the globe costs a microsecond.
    let boxes: Vec<Vec<Bounds>> = shapes.iter().map(|(_, shape)| shape.bounds()).collect();
    let (usher, others) = designs.split_first().unwrap();
    let mut keys = Vec::new();
    for (place, p) in fixes.iter().enumerate() {
        let ours = found(usher, *p, &mut keys);
        checked.hits += ours.len();
        // Spread over all fixes, so that every part of them is looked at.
        if place % (fixes.len() / checked.brute.max(1)).max(1) == 0 {
            let near = shapes
                .iter()
                .zip(&boxes)
                .filter(|(_, boxes)| boxes.iter().any(|bounds| holds(bounds, *p)));
            let all = near.filter(|((_, shape), _)| shape.contains(*p));
            let all: Vec<u32> = all.map(|((number, _), _)| u32::try_from(*number).unwrap()).collect();
            assert_eq!(ours, all, "usher is not brute force at {p:?}");
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
