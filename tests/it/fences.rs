//! The fence index against brute force: the same fences for every fix, after any edits, at edges, poles and 180 degrees.
//!
//! A failure prints the seed of its round. `USHER_ORACLE_CASES=100000000` runs as many pairs of a fix and a fence.

use geo::{Destination, Geodesic, Point};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::sync::Arc;
use usher::cli::bench::workload::{Drawn, Workload};
use usher::engine::fence::{Change, FenceIndex, Position, Shape, ShapeLimits};
use usher::engine::presence::Likelihood;

type Dice = chacha20::ChaCha8Rng;
type Fences = BTreeMap<u32, Arc<Shape>>;

/// A border of the finest cells, so that shapes can be drawn along it.
const CELL: f64 = 360.0 / 65_536.0;

/// Pairs of a fix and a fence that a run compares at least.
fn cases() -> usize {
    #[expect(
        clippy::disallowed_methods,
        reason = "a wish of whoever runs the tests, not a setting"
    )]
    let wish = std::env::var("USHER_ORACLE_CASES");
    wish.ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000_000)
}

fn at(lat: f64, lng: f64) -> Position {
    Position::new(lat.clamp(-90.0, 90.0), (lng + 540.0).rem_euclid(360.0) - 180.0).unwrap()
}

fn log_uniform(dice: &mut Dice, low: f64, high: f64) -> f64 {
    dice.random_range(low.ln()..high.ln()).exp()
}

/// Where things happen: a few crowded towns, the seam, both poles, and anywhere.
fn anchor(dice: &mut Dice) -> Position {
    let near = |dice: &mut Dice, lat: f64, lng: f64, spread: f64| {
        at(
            lat + dice.random_range(-spread..spread),
            lng + dice.random_range(-spread..spread),
        )
    };
    match dice.random_range(0..10) {
        0..3 => near(dice, 48.2, 16.37, 0.05),
        3 => near(dice, 0.0, 0.0, 0.02),
        4 => near(dice, -17.0, 180.0, 0.1),
        5 => near(dice, 78.2, 15.6, 0.3),
        6 => at(dice.random_range(89.0..90.0), dice.random_range(-180.0..180.0)),
        7 => at(dice.random_range(-90.0..-89.9), dice.random_range(-180.0..180.0)),
        8 => near(dice, 66.0, -179.99, 0.5),
        _ => at(dice.random_range(-90.0..90.0), dice.random_range(-180.0..180.0)),
    }
}

fn star(dice: &mut Dice, center: Position, mean_m: f64, count: usize) -> Vec<[f64; 2]> {
    let swing = dice.random_range(0.0..0.7);
    let mut ring: Vec<[f64; 2]> = (0..count)
        .map(|index| {
            let angle = (index as f64 + dice.random_range(0.0..0.7)) / count as f64 * TAU;
            let radius_m = mean_m * (1.0 - dice.random_range(0.0..=swing));
            let lat = (center.lat + radius_m * angle.sin() / 111_195.0).clamp(-90.0, 90.0);
            let lng = center.lng + radius_m * angle.cos() / (111_195.0 * center.lat.to_radians().cos().max(0.01));
            [lng, lat]
        })
        .collect();
    ring.push(ring[0]);
    ring
}

fn rect(west: f64, south: f64, east: f64, north: f64) -> Vec<[f64; 2]> {
    vec![
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south],
    ]
}

/// A shape of one of many sorts; None when what was drawn is refused as a fence.
fn shape(dice: &mut Dice) -> Option<Shape> {
    let limits = ShapeLimits::default();
    let center = anchor(dice);
    let count = if dice.random_bool(0.2) {
        dice.random_range(64..400)
    } else {
        dice.random_range(3..40)
    };
    let largest_m = if dice.random_bool(0.2) { 2_000_000.0 } else { 20_000.0 };
    let mean_m = log_uniform(dice, 10.0, largest_m);
    let polygon = |rings: Vec<Vec<[f64; 2]>>| json!({ "type": "Polygon", "coordinates": rings });
    let drawn: Value = match dice.random_range(0..12) {
        0..4 => return Shape::circle(center, mean_m.min(1_000_000.0), &limits).ok(),
        4 => return Shape::circle(center, log_uniform(dice, 1.0, 1_000_000.0), &limits).ok(),
        5 | 6 => polygon(vec![star(dice, center, mean_m, count)]),
        7 => {
            let shell = star(dice, center, mean_m, count);
            let hole = shell
                .iter()
                .rev()
                .map(|[x, y]| [center.lng + (x - center.lng) * 0.5, center.lat + (y - center.lat) * 0.5]);
            polygon(vec![shell.clone(), hole.collect()])
        }
        8 => {
            let parts: Vec<_> = (0..dice.random_range(2..5))
                .map(|_| {
                    let beside = at(
                        center.lat + dice.random_range(-0.02..0.02),
                        center.lng + dice.random_range(-0.02..0.02),
                    );
                    vec![star(dice, beside, mean_m, count.min(30))]
                })
                .collect();
            json!({ "type": "MultiPolygon", "coordinates": parts })
        }
        9 => {
            // Round a pole.
            let lat = dice.random_range(60.0..89.9) * if dice.random_bool(0.5) { 1.0 } else { -1.0 };
            let ring: Vec<[f64; 2]> = (0..=count)
                .map(|k| {
                    [
                        k as f64 / count as f64 * 360.0 - 180.0,
                        if k % count == 0 {
                            lat
                        } else {
                            lat + dice.random_range(-0.1..0.1)
                        },
                    ]
                })
                .collect();
            polygon(vec![ring])
        }
        10 => {
            let west = dice.random_range(-180.0..150.0);
            let (south, north) = if dice.random_bool(0.5) {
                (dice.random_range(60.0..89.0), 90.0)
            } else {
                (-90.0, -70.0)
            };
            polygon(vec![rect(west, south, west + dice.random_range(0.001..30.0), north)])
        }
        _ => {
            // Along the borders of cells, or long and thin.
            let cell = |degrees: f64| (degrees / CELL).round() * CELL;
            let (west, south) = (cell(center.lng), cell(center.lat));
            let (wide, high) = if dice.random_bool(0.5) {
                (CELL * f64::from(dice.random_range(1..40_u8)), CELL)
            } else {
                (dice.random_range(0.1..40.0), 0.000_1)
            };
            polygon(vec![rect(
                west,
                south,
                (west + wide).min(180.0),
                (south + high).min(90.0),
            )])
        }
    };
    Shape::from_geojson(&drawn, &limits).ok()
}

/// Every position of a geometry.
fn positions(value: &Value, into: &mut Vec<[f64; 2]>) {
    match value.as_array().map(Vec::as_slice) {
        Some([Value::Number(x), Value::Number(y)]) => into.push([x.as_f64().unwrap(), y.as_f64().unwrap()]),
        Some(inner) => inner.iter().for_each(|value| positions(value, into)),
        None => {}
    }
}

/// A fix that is likely to tell right from wrong: on an edge, within centimetres of one, on the border of a cell, at a pole.
fn fix(dice: &mut Dice, fences: &Fences) -> Position {
    let Some((_, shape)) = fences.iter().nth(dice.random_range(0..fences.len().max(1))) else {
        return anchor(dice);
    };
    let jitter = [0.0, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3][dice.random_range(0..6)];
    let shake = |dice: &mut Dice| {
        if jitter == 0.0 {
            0.0
        } else {
            dice.random_range(-jitter..jitter)
        }
    };
    let place = match (dice.random_range(0..12), shape.as_ref()) {
        (0, _) => anchor(dice),
        (1, _) => at(dice.random_range(-90.0..90.0), dice.random_range(-180.0..180.0)),
        (2, _) => at(
            [90.0, -90.0, 89.999_999][dice.random_range(0..3)],
            dice.random_range(-180.0..=180.0),
        ),
        (_, Shape::Circle(circle)) => {
            let center = Point::new(circle.center().lng, circle.center().lat);
            let off_m = jitter * 100_000.0 * dice.random_range(-1.0..1.0);
            let to = Geodesic.destination(
                center,
                dice.random_range(0.0..360.0),
                (circle.radius_m() + off_m).max(0.0),
            );
            at(to.y(), to.x())
        }
        (_, Shape::Area(_)) => {
            let mut corners = Vec::new();
            positions(&shape.to_geojson()["coordinates"], &mut corners);
            let first = dice.random_range(0..corners.len());
            let ([ax, ay], [bx, by]) = (corners[first], corners[(first + 1) % corners.len()]);
            let part = if dice.random_bool(0.3) {
                0.0
            } else {
                dice.random_range(0.0..1.0)
            };
            at(ay + (by - ay) * part + shake(dice), ax + (bx - ax) * part + shake(dice))
        }
    };
    let cell = |degrees: f64| (degrees / CELL).round() * CELL;
    match dice.random_range(0..12) {
        0 => at(cell(place.lat), place.lng),
        1 => at(place.lat, cell(place.lng)),
        2 if place.lng.abs() > 179.0 => Position {
            lng: 180.0_f64.copysign(-place.lng),
            ..place
        },
        _ => place,
    }
}

fn brute(fences: &Fences, p: Position) -> Vec<u32> {
    fences
        .iter()
        .filter(|(_, shape)| shape.contains(p))
        .map(|(key, _)| *key)
        .collect()
}

fn brute_near(fences: &Fences, p: Position, count: usize) -> Vec<(u32, f64)> {
    let mut all: Vec<(u32, f64)> = fences
        .iter()
        .map(|(key, shape)| (*key, shape.signed_distance_m(p)))
        .collect();
    all.sort_by(|one, two| two.1.total_cmp(&one.1).then(one.0.cmp(&two.0)));
    all.truncate(count);
    all
}

/// A change of the index, made in the map as well.
fn change(fences: &mut Fences, key: u32, after: Option<Arc<Shape>>) -> Change<u32> {
    let before = match &after {
        Some(shape) => fences.insert(key, Arc::clone(shape)),
        None => fences.remove(&key),
    };
    Change { key, before, after }
}

fn edit(dice: &mut Dice, index: &mut FenceIndex<u32>, fences: &mut Fences) {
    let key = dice.random_range(0..200);
    match shape(dice).map(Arc::new) {
        Some(shape) if dice.random_bool(0.7) => {
            index.apply(&[change(fences, key, Some(shape))]);
        }
        _ => index.apply(&[change(fences, key, None)]),
    }
}

#[test]
fn the_index_is_brute_force_after_any_edits() {
    let (mut pairs, mut hits, mut seed) = (0, 0, 1);
    while pairs < cases() {
        let mut dice = Dice::seed_from_u64(seed);
        let mut fences: Fences = (0..100)
            .filter_map(|key| Some((key, Arc::new(shape(&mut dice)?))))
            .collect();
        let mut index = FenceIndex::build(fences.iter().map(|(key, shape)| (*key, Arc::clone(shape))).collect());
        let kept = (index.clone(), fences.clone());
        for stage in 0..4 {
            for _ in 0..800 {
                let p = fix(&mut dice, &fences);
                let expected = brute(&fences, p);
                assert_eq!(index.locate(p), expected, "seed {seed}, stage {stage}, {p:?}");
                (pairs, hits) = (pairs + fences.len(), hits + expected.len());
            }
            for _ in 0..6 {
                let (p, count) = (fix(&mut dice, &fences), dice.random_range(0..25));
                assert_eq!(
                    index.near(p, count),
                    brute_near(&fences, p, count),
                    "near: seed {seed}, stage {stage}, {p:?}"
                );
            }
            (0..40).for_each(|_| edit(&mut dice, &mut index, &mut fences));
        }
        for _ in 0..200 {
            let p = fix(&mut dice, &kept.1);
            assert_eq!(kept.0.locate(p), brute(&kept.1, p), "the copy kept: seed {seed}, {p:?}");
        }
        seed += 1;
    }
    println!("{pairs} pairs, {hits} hits, {} rounds", seed - 1);
    assert!(hits > pairs / 100, "{hits} of {pairs}");
}

#[test]
fn the_index_is_brute_force_on_the_workload() {
    let drawn: Vec<Drawn> = Workload::new().fences(2_000).collect();
    let fences: Fences = (0..)
        .zip(&drawn)
        .filter_map(|(key, drawn)| Some((key, Arc::new(drawn.shape().ok()?))))
        .collect();
    let index = FenceIndex::build(fences.iter().map(|(key, shape)| (*key, Arc::clone(shape))).collect());
    let fixes = (cases() / fences.len() / 2).min(100_000);
    let (mut keys, mut hits) = (Vec::new(), 0);
    let (random, device) = (
        Workload::random_fixes(&drawn, fixes),
        Workload::device_fixes(&drawn, fixes),
    );
    for (number, p) in random.into_iter().chain(device).enumerate() {
        index.locate_into(p, &mut keys);
        assert_eq!(keys, brute(&fences, p), "{p:?}");
        hits += keys.len();
        if number % 100 == 0 {
            assert_eq!(index.near(p, 19), brute_near(&fences, p, 19), "{p:?}");
        }
    }
    println!("{hits} hits");
    // A few devices walk where nothing is, so that few fixes have few hits.
    assert!(hits > fixes / 50, "{hits} of {fixes}");
}

#[test]
fn many_changes_at_once_are_as_good_as_one_by_one() {
    let mut dice = Dice::seed_from_u64(5);
    let mut fences = Fences::new();
    let (mut one, mut many) = (FenceIndex::default(), FenceIndex::default());
    for _ in 0..20 {
        let news: BTreeMap<u32, Option<Arc<Shape>>> = (0..20)
            .map(|_| {
                (
                    dice.random_range(0..60),
                    shape(&mut dice).filter(|_| dice.random_bool(0.7)).map(Arc::new),
                )
            })
            .collect();
        let changes: Vec<Change<u32>> = news
            .into_iter()
            .map(|(key, after)| change(&mut fences, key, after))
            .collect();
        for change in &changes {
            one.apply(std::slice::from_ref(change));
        }
        many.apply(&changes);
        for _ in 0..200 {
            let p = fix(&mut dice, &fences);
            let expected = brute(&fences, p);
            assert_eq!((one.locate(p), many.locate(p)), (expected.clone(), expected), "{p:?}");
        }
    }
}

#[test]
fn an_edge_too_far_away_to_matter_gives_the_same_likelihood_to_the_last_bit() {
    let drawn: Vec<_> = Workload::new().fences(3_000).collect();
    let fixes = Workload::random_fixes(&drawn, 3_000);
    let (mut saved, mut asked) = (0, 0);
    let areas = drawn.iter().filter(|fence| matches!(fence, Drawn::Polygon { .. }));
    for fence in areas.filter_map(|fence| fence.shape().ok()) {
        let bounds = fence.bounds()[0];
        let middle = Position {
            lat: f64::midpoint(bounds.south, bounds.north),
            lng: f64::midpoint(bounds.west, bounds.east),
        };
        let near = |fix: &&Position| (fix.lat - middle.lat).abs() < 0.2 && (fix.lng - middle.lng).abs() < 0.2;
        for p in fixes.iter().filter(near).chain([&middle]) {
            for accuracy_m in [0.1, 8.0, 65.0, 1_500.0] {
                let most_m = Likelihood::edge_matters_within_m(accuracy_m);
                let whole = fence.signed_distance_m(*p);
                let quick = fence.signed_distance_up_to_m(*p, most_m, fence.contains(*p));
                let of = |edge_m| Likelihood::of(fence.effective_radius_m(), edge_m, accuracy_m);
                assert_eq!(of(whole), of(quick), "{p:?} at {accuracy_m} m: {whole} and {quick}");
                asked += 1;
                saved += usize::from((quick - whole).abs() > 0.0);
            }
        }
    }
    assert!(saved * 3 > asked, "only {saved} of {asked} are told without measuring");
}

#[test]
fn whoever_is_deep_inside_by_the_cells_around_is_so_by_measuring() {
    let drawn: Vec<_> = Workload::new().fences(20_000).collect();
    let shapes = drawn.iter().zip(0_u32..);
    let shapes = shapes.filter_map(|(fence, number)| Some((number, Arc::new(fence.shape().ok()?))));
    let index = FenceIndex::build(shapes.collect());
    let (mut told, mut found) = (0, 0);
    for p in Workload::random_fixes(&drawn, 20_000) {
        for accuracy_m in [1.0, 8.0, 40.0] {
            for (shape, deep) in index.at(p, Likelihood::edge_matters_within_m(accuracy_m)) {
                found += 1;
                if deep {
                    told += 1;
                    let of = Likelihood::of(shape.effective_radius_m(), shape.signed_distance_m(p), accuracy_m);
                    assert_eq!(of, Likelihood::DEEP_INSIDE, "{p:?} at {accuracy_m} m");
                }
            }
        }
    }
    assert!(told * 5 > found && found > 3_000, "{told} of {found}");
}
