//! Real polygons: airports, a hotel, countries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use geo::{Intersects, LineString, MultiPolygon, Point, Polygon};
use serde_json::Value;
use std::sync::Arc;

fn features_of(path: &str) -> Vec<Result<FeatureDraft, FeatureError>> {
    let path = format!("{}/tests/data/polygons/{path}", env!("CARGO_MANIFEST_DIR"));
    parse_features(&std::fs::read(&path).expect(&path), &ShapeLimits::default()).expect(&path)
}

fn sfo(id: &str) -> Shape {
    features_of(&format!("sfo/{id}.geojson")).remove(0).unwrap().shape
}

fn at(lat: f64, lng: f64) -> Position {
    Position::new(lat, lng).unwrap()
}

#[test]
fn known_places_at_san_francisco_airport() {
    let (airport, hotel, terminal) = (sfo("102527513"), sfo("1477856005"), sfo("1947304069"));
    assert_eq!(airport.vertices(), 2_190 - 6, "closing positions are not counted");
    let checkpoints = [at(37.614_441_197_884_766, -122.388_763_875_880_43)];
    for p in checkpoints {
        assert!(
            airport.contains(p) && terminal.contains(p) && !hotel.contains(p),
            "{p:?}"
        );
    }
    let downtown = at(37.7749, -122.4194);
    assert!(!airport.contains(downtown) && airport.signed_distance_m(downtown) < -10_000.0);
    let lobby = at(37.6139, -122.3935);
    let away_m = hotel.signed_distance_m(lobby);
    assert!(away_m.abs() < 500.0 && airport.contains(lobby), "{away_m}");
    // The file says 9,124,709 m2 on a sphere, holes left out; the ellipsoid differs by up to half a per cent.
    let area_m2 = std::f64::consts::PI * airport.effective_radius_m().powi(2);
    assert!((area_m2 / 9_124_709.0 - 1.0).abs() < 0.01, "{area_m2}");
}

#[test]
fn every_real_polygon_is_read_and_sudan_is_refused() {
    for folder in ["sfo", "airports"] {
        let path = format!("{}/tests/data/polygons/{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(path).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_point = name == "1947304207.geojson" || name == "1947304209.geojson";
            for feature in features_of(&format!("{folder}/{name}")) {
                match feature {
                    Ok(_) => assert!(!is_point, "{name}"),
                    Err(error) => assert!(
                        is_point && error.error.code == GeometryCode::PointNeedsRadius,
                        "{name}: {error}"
                    ),
                }
            }
        }
    }
    let countries = features_of("naturalearth/ne_110m_admin_0_countries.json");
    assert_eq!(countries.len(), 177);
    let refused: Vec<_> = countries.iter().filter_map(|country| country.as_ref().err()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].error.code, GeometryCode::SelfCrossing);
    assert!(
        refused[0].error.detail.contains("longitude 33.96"),
        "{}",
        refused[0].error.detail
    );
}

#[test]
fn countries_at_the_seam_and_the_pole() {
    let countries = features_of("naturalearth/ne_110m_admin_0_countries.json");
    let find = |name: &str| {
        let named = countries.iter().flatten().find(|country| {
            country
                .properties
                .get("NAME")
                .or(country.properties.get("name"))
                .and_then(Value::as_str)
                == Some(name)
        });
        named.unwrap_or_else(|| panic!("{name}")).shape.clone()
    };
    let (russia, antarctica) = (find("Russia"), find("Antarctica"));
    for lng in [180.0, -180.0, 179.999, -179.999] {
        assert!(
            russia.contains(at(67.5, lng)) && russia.signed_distance_m(at(67.5, lng)) > 50_000.0,
            "{lng}"
        );
    }
    for lng in [-180.0, 0.0, 13.0, 180.0] {
        assert!(
            antarctica.contains(at(-90.0, lng)) && antarctica.signed_distance_m(at(-90.0, lng)) > 480_000.0,
            "{lng}"
        );
        assert!(antarctica.contains(at(-88.0, lng)) && !antarctica.contains(at(-50.0, lng)));
    }
}

/// A seeded stream of numbers in 0..1 (splitmix64), so that a failing run is the same run again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.roll()
    }
}

/// The polygons of a shape for the oracle, straight from its `GeoJSON`.
fn plain_of(shape: &Shape) -> MultiPolygon<f64> {
    let geometry = shape.to_geojson();
    let ring = |ring: &Value| -> LineString<f64> {
        ring.as_array()
            .unwrap()
            .iter()
            .map(|at| (at[0].as_f64().unwrap(), at[1].as_f64().unwrap()))
            .collect()
    };
    let polygon = |rings: &Value| {
        let mut rings: Vec<_> = rings.as_array().unwrap().iter().map(ring).collect();
        let shell = rings.remove(0);
        Polygon::new(shell, rings)
    };
    if geometry["type"] == "Polygon" {
        MultiPolygon::new(vec![polygon(&geometry["coordinates"])])
    } else {
        MultiPolygon::new(
            geometry["coordinates"]
                .as_array()
                .unwrap()
                .iter()
                .map(polygon)
                .collect(),
        )
    }
}

fn real_areas() -> Vec<Shape> {
    let ids = [
        "102527513",
        "1477856005",
        "1947304069",
        "1947304259",
        "1947304591",
        "1729945785",
        "1360665043",
    ];
    let mut shapes: Vec<Shape> = ids.into_iter().map(sfo).collect();
    for name in [
        "ATL-102526927",
        "BOS-102530741",
        "DEN-102531189",
        "HKG-102541737",
        "OAK-102531041",
        "ORD-102533631",
    ] {
        shapes.extend(
            features_of(&format!("airports/{name}.geojson"))
                .into_iter()
                .flatten()
                .map(|draft| draft.shape),
        );
    }
    let countries = features_of("naturalearth/ne_110m_admin_0_countries.json");
    shapes.extend(countries.into_iter().flatten().map(|draft| draft.shape));
    shapes
}

#[test]
fn the_index_agrees_with_brute_force() {
    let areas = real_areas();
    let plain: Vec<MultiPolygon<f64>> = areas.iter().map(plain_of).collect();
    let mut dice = Dice(42);
    let mut shapes: Vec<(usize, Arc<Shape>)> = areas.into_iter().map(Arc::new).enumerate().collect();
    let circles: Vec<(Position, f64)> = (0..400)
        .map(|_| {
            (
                at(dice.between(-89.9, 89.9), dice.between(-180.0, 180.0)),
                10.0_f64.powf(dice.between(1.5, 5.9)),
            )
        })
        .collect();
    for (center, radius_m) in &circles {
        let circle = Shape::circle(*center, *radius_m, &ShapeLimits::default()).unwrap();
        shapes.push((shapes.len(), Arc::new(circle)));
    }
    let index = FenceIndex::build(shapes.clone());
    let mut hits = 0;
    for number in 0..20_000 {
        // A quarter around San Francisco airport, a quarter around circles, the rest anywhere.
        let p = match number % 4 {
            0 => at(dice.between(37.59, 37.66), dice.between(-122.42, -122.34)),
            1 => {
                let (center, radius_m) = circles[number / 4 % circles.len()];
                let reach = radius_m / 60_000.0;
                at(
                    (center.lat + dice.between(-reach, reach)).clamp(-90.0, 90.0),
                    center.lng,
                )
            }
            _ => at(dice.between(-90.0, 90.0), dice.between(-180.0, 180.0)),
        };
        let mut expected: Vec<usize> = Vec::new();
        let point = Point::new(p.lng, p.lat);
        expected.extend(
            plain
                .iter()
                .enumerate()
                .filter(|(_, polygons)| polygons.intersects(&point))
                .map(|(key, _)| key),
        );
        let inside = |(center, radius_m): &(Position, f64)| distance_m(*center, p) <= *radius_m;
        // Latitude alone rules most circles out; a degree is never shorter than 110.5 km.
        let close = |(center, radius_m): &(Position, f64)| (center.lat - p.lat).abs() * 110_500.0 <= *radius_m;
        let round = circles
            .iter()
            .enumerate()
            .filter(|(_, circle)| close(circle) && inside(circle));
        expected.extend(round.map(|(key, _)| plain.len() + key));
        hits += expected.len();
        assert_eq!(index.locate(p), expected, "{p:?}");
    }
    assert!(hits > 10_000, "{hits}");
}

#[test]
fn a_stored_area_is_read_as_it_was_checked() {
    for area in real_areas() {
        let stored = area.to_geojson();
        let limits = ShapeLimits::default();
        let checked = Shape::from_geojson(&stored, &limits);
        let read = StoredShape::from(stored.to_string()).shape();
        assert_eq!(format!("{:?}", checked.unwrap()), format!("{:?}", read.unwrap()));
    }
}

#[test]
fn nearest_fences_agree_with_brute_force() {
    let mut dice = Dice(7);
    let shapes: Vec<(usize, Arc<Shape>)> = (0..300)
        .map(|key| {
            let center = at(dice.between(-85.0, 85.0), dice.between(-180.0, 180.0));
            (
                key,
                Arc::new(Shape::circle(center, dice.between(100.0, 900_000.0), &ShapeLimits::default()).unwrap()),
            )
        })
        .collect();
    let index = FenceIndex::build(shapes.clone());
    for _ in 0..60 {
        let p = at(dice.between(-90.0, 90.0), dice.between(-180.0, 180.0));
        let mut all: Vec<(usize, f64)> = shapes
            .iter()
            .map(|(key, shape)| (*key, shape.signed_distance_m(p)))
            .collect();
        all.sort_by(|one, two| two.1.total_cmp(&one.1));
        all.truncate(18);
        assert_eq!(index.near(p, 18), all, "{p:?}");
    }
    assert!(index.near(at(0.0, 0.0), 0).is_empty());
}
