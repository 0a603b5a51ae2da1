//! Collections, single features, bare geometries, circles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use serde_json::json;

fn read(value: &Value) -> Vec<Result<FeatureDraft, FeatureError>> {
    parse_features(value.to_string().as_bytes(), &ShapeLimits::default()).unwrap()
}

fn point(radius: &Value) -> Value {
    json!({ "type": "Feature", "id": 7, "properties": radius, "geometry": { "type": "Point", "coordinates": [13.4, 52.5] } })
}

#[test]
fn a_point_with_a_radius_is_a_circle() {
    for key in ["radius_m", "radius"] {
        let features = read(&point(&json!({ key: 150, "name": "office" })));
        let draft = features[0].as_ref().unwrap();
        assert_eq!((draft.index, draft.id.as_deref()), (0, Some("7")));
        assert_eq!(draft.properties["name"], "office");
        let Shape::Circle(circle) = &draft.shape else {
            panic!("no circle")
        };
        assert!((circle.radius_m() - 150.0).abs() < 1e-9);
        assert_eq!(circle.center(), Position { lat: 52.5, lng: 13.4 });
    }
    for (radius, pointer) in [
        (json!("150"), "/properties/radius_m"),
        (json!(0), "/properties/radius_m"),
        (json!(-5), "/properties/radius_m"),
    ] {
        let error = read(&point(&json!({ "radius_m": radius })))[0].clone().unwrap_err();
        assert_eq!(
            (error.error.code, error.error.pointer.as_str()),
            (GeometryCode::RadiusOutOfRange, pointer)
        );
        assert_eq!(error.id.as_deref(), Some("7"));
    }
}

#[test]
fn one_bad_feature_does_not_spoil_the_rest() {
    let good = point(&json!({ "radius_m": 50 }));
    let bad = json!({ "type": "Feature", "properties": {}, "geometry":
        { "type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 99], [0, 0]]] } });
    let far = json!({ "type": "Feature", "properties": { "radius_m": 5 }, "geometry": { "type": "Point", "coordinates": [0, 95] } });
    let features = read(&json!({ "type": "FeatureCollection", "features": [good, bad, far, 5] }));
    assert!(features[0].is_ok());
    let pointer = |index: usize| features[index].as_ref().unwrap_err().error.pointer.clone();
    assert_eq!(pointer(1), "/features/1/geometry/coordinates/0/2");
    assert_eq!(pointer(2), "/features/2/geometry/coordinates");
    assert_eq!(pointer(3), "/features/3");
}

#[test]
fn too_many_features_are_refused() {
    let limits = ShapeLimits {
        features_max: 2,
        ..ShapeLimits::default()
    };
    let text = json!({ "type": "FeatureCollection", "features": [1, 2, 3] }).to_string();
    assert_eq!(
        parse_features(text.as_bytes(), &limits).unwrap_err().code,
        GeometryCode::TooManyFeatures
    );
}
