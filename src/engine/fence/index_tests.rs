//! Fences come, change and go without a rebuild.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::super::ShapeLimits;
use super::*;

fn circle(lat: f64, lng: f64, radius_m: f64) -> Arc<Shape> {
    Arc::new(Shape::circle(Position::new(lat, lng).unwrap(), radius_m, &ShapeLimits::default()).unwrap())
}

fn at(lat: f64, lng: f64) -> Position {
    Position::new(lat, lng).unwrap()
}

fn change(key: i32, before: Option<Arc<Shape>>, after: Option<Arc<Shape>>) -> Change<i32> {
    Change { key, before, after }
}

#[test]
fn a_fence_that_moves_is_found_only_where_it_is() {
    let (one, three) = (circle(0.0, 0.0, 500.0), circle(0.0, 0.001, 500.0));
    let mut index = FenceIndex::build(vec![(1, Arc::clone(&one)), (2, circle(0.0, 180.0, 5_000.0))]);
    index.apply(&[change(3, None, Some(Arc::clone(&three)))]);
    assert_eq!(index.locate(at(0.0, 0.0)), [1, 3]);
    index.apply(&[change(1, Some(one), Some(circle(10.0, 0.0, 500.0)))]);
    assert_eq!(
        (index.locate(at(0.0, 0.0)), index.locate(at(10.0, 0.0))),
        (vec![3], vec![1])
    );
    index.apply(&[change(3, Some(three), None)]);
    assert!(index.locate(at(0.0, 0.0)).is_empty());
}

#[test]
fn a_fence_in_two_boxes_is_found_once_and_removed_whole() {
    let wide = circle(0.0, 180.0, 5_000.0);
    let mut index = FenceIndex::build(vec![(2, Arc::clone(&wide))]);
    for lng in [180.0, -180.0, 179.99, -179.99] {
        assert_eq!(index.locate(at(0.0, lng)), [2]);
    }
    index.apply(&[change(2, Some(wide), None)]);
    for lng in [180.0, -180.0, 179.99, -179.99] {
        assert!(index.locate(at(0.0, lng)).is_empty());
    }
}

#[test]
fn a_pole_has_every_longitude() {
    let wedge =
        serde_json::json!({ "type": "Polygon", "coordinates": [[[0, 80], [10, 80], [10, 90], [0, 90], [0, 80]]] });
    let wedge = Arc::new(Shape::from_geojson(&wedge, &ShapeLimits::default()).unwrap());
    let index = FenceIndex::build(vec![(1, wedge), (2, circle(89.9, 100.0, 50_000.0))]);
    assert_eq!(index.locate(at(90.0, -77.0)), [1, 2]);
    assert!(index.locate(at(-90.0, 5.0)).is_empty());
}

#[test]
fn what_is_kept_in_larger_squares_is_found_where_no_cell_has_anything() {
    let wide = circle(10.0, 10.0, 60_000.0);
    let small = circle(-40.0, 100.0, 80.0);
    let mut index = FenceIndex::build(vec![(1, Arc::clone(&wide)), (2, small)]);
    for (lat, lng) in [(10.0, 10.0), (10.3, 10.3), (9.6, 9.9)] {
        assert_eq!(index.locate(at(lat, lng)), [1]);
    }
    index.apply(&[change(1, Some(wide), None)]);
    assert!(index.locate(at(10.0, 10.0)).is_empty());
    assert_eq!(index.locate(at(-40.0, 100.0)), [2]);
}

#[test]
fn cells_that_come_one_by_one_pass_the_sieve_and_a_copy_keeps_its_own() {
    let place = |number: i32| (f64::from(number % 40) * 0.7 - 10.0, f64::from(number) * 0.05);
    let mut index: FenceIndex<i32> = FenceIndex::default();
    let before = index.clone();
    for number in 0..600 {
        let (lat, lng) = place(number);
        index.apply(&[change(number, None, Some(circle(lat, lng, 90.0)))]);
    }
    for number in 0..600 {
        let (lat, lng) = place(number);
        assert!(index.locate(at(lat, lng)).contains(&number));
        assert!(before.locate(at(lat, lng)).is_empty());
    }
}
