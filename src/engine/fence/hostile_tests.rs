//! Whatever is sent is refused with a reason or answers every question; nothing panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Rings over the places where things go wrong: poles, the antimeridian from both sides and beyond, repeated positions.
fn ring() -> impl Strategy<Value = Value> {
    let lng = prop::sample::select(vec![
        -360.0, -181.0, -180.0, -170.0, -90.0, 0.0, 10.0, 90.0, 170.0, 179.0, 180.0, 190.0,
    ]);
    let lat = prop::sample::select(vec![-90.0, -85.0, -10.0, 0.0, 10.0, 85.0, 90.0]);
    prop::collection::vec((lng, lat), 3..7).prop_map(|places| {
        let mut ring: Vec<Value> = places.iter().map(|(x, y)| json!([x, y])).collect();
        ring.push(ring[0].clone());
        Value::Array(ring)
    })
}

/// Any JSON of a few levels that looks a little like a geometry.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_map(|number| json!(number)),
        prop::sample::select(vec![
            "Polygon",
            "MultiPolygon",
            "Point",
            "Feature",
            "FeatureCollection",
            ""
        ])
        .prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let names = prop::sample::select(vec![
            "type",
            "coordinates",
            "geometry",
            "properties",
            "features",
            "radius_m",
            "crs",
            "id",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((names, inner), 0..5).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

fn answers_everything(shape: &Shape, p: Position) -> Result<(), TestCaseError> {
    let signed = shape.signed_distance_m(p);
    let inside = shape.contains(p);
    prop_assert!(
        !signed.is_nan() && (if inside { signed >= 0.0 } else { signed <= 0.0 }),
        "{} {}",
        inside,
        signed
    );
    prop_assert!(shape.effective_radius_m() > 0.0 && shape.vertices() > 0);
    let mut held = false;
    for bounds in shape.bounds() {
        prop_assert!(bounds.west >= -180.0 && bounds.east <= 180.0 && bounds.south >= -90.0 && bounds.north <= 90.0);
        held |= (bounds.west..=bounds.east).contains(&p.lng) && (bounds.south..=bounds.north).contains(&p.lat);
    }
    prop_assert!(
        held || !inside || p.lng.abs() >= 180.0 || p.lat.abs() >= 90.0,
        "inside but out of the bounds"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn odd_rings_are_refused_or_answer(
        rings in prop::collection::vec(prop::collection::vec(ring(), 1..3), 1..3), lat in -90.0..=90.0_f64, lng in -180.0..=180.0_f64,
    ) {
        let geometry = json!({ "type": "MultiPolygon", "coordinates": rings });
        match Shape::from_geojson(&geometry, &ShapeLimits::default()) {
            Err(error) => {
                prop_assert!(geometry.pointer(&error.pointer).is_some(), "{} points nowhere", error);
                prop_assert!(!error.detail.is_empty() && !error.hint.is_empty());
            }
            Ok(shape) => {
                for p in [Position { lat, lng }, Position { lat: 90.0, lng }, Position { lat: -90.0, lng }, Position { lat, lng: 180.0 }] {
                    answers_everything(&shape, p)?;
                }
                // A hole that touches a pole touches the cut around the pole, too; such a cut may be refused when it is read again.
                if rings.iter().any(|polygon| polygon.len() > 1) && geometry.to_string().contains("90.0]") {
                    return Ok(());
                }
                let again = Shape::from_geojson(&shape.to_geojson(), &ShapeLimits::default());
                let again = again.map_err(|error| TestCaseError::fail(format!("{error}: {}", shape.to_geojson())))?;
                let p = Position { lat, lng };
                // Cutting rounds to centimetres; nearer to an edge than that the two may differ.
                if shape.signed_distance_m(p).abs() > 1.0 {
                    prop_assert_eq!(again.contains(p), shape.contains(p));
                }
            }
        }
    }

    #[test]
    fn any_json_is_refused_or_read(value in json_value()) {
        let _ = Shape::from_geojson(&value, &ShapeLimits::default());
        for feature in parse_features(value.to_string().as_bytes(), &ShapeLimits::default()).unwrap_or_default().into_iter().flatten() {
            answers_everything(&feature.shape, Position { lat: 1.0, lng: 2.0 })?;
        }
    }

    #[test]
    fn any_text_is_refused_or_read(text in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(parse_features(&text, &ShapeLimits::default()).is_err());
    }
}
