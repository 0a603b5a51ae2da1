//! The published cases: JTS, antimeridian, broken `GeoJSON`, exact geodesics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn path_of(path: &str) -> String {
    format!("{}/tests/data/geometry/{path}", env!("CARGO_MANIFEST_DIR"))
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(path_of(path)).expect(path)
}

/// JTS works in planar units up to a few hundred; a power of two keeps every predicate exact in degrees.
const SCALE: f64 = 1.0 / 128.0;

/// `POLYGON(..)` or `MULTIPOLYGON(..)` as `GeoJSON`; `None` for what cannot be written so (empty parts, NaN, other types).
fn geojson_of(wkt: &str) -> Option<Value> {
    let wkt = wkt.trim();
    let (name, rest) = wkt.split_at(wkt.find('(')?);
    let kind = match name.trim() {
        "POLYGON" => "Polygon",
        "MULTIPOLYGON" => "MultiPolygon",
        _ => return None,
    };
    if rest.contains("EMPTY") || rest.contains("NaN") {
        return None;
    }
    let mut text = String::new();
    let mut numbers: Vec<f64> = Vec::new();
    let mut word = String::new();
    for symbol in rest.chars() {
        if symbol.is_ascii_digit() || symbol == '-' || symbol == '.' {
            word.push(symbol);
            continue;
        }
        if !word.is_empty() {
            numbers.push(word.parse::<f64>().unwrap() * SCALE);
            word.clear();
        }
        if (symbol == ',' || symbol == ')') && !numbers.is_empty() {
            text.extend(format!("{numbers:?}").chars());
            numbers.clear();
        }
        match symbol {
            '(' => text.push('['),
            ')' => text.push(']'),
            ',' => text.push(','),
            _ => {}
        }
    }
    Some(json!({ "type": kind, "coordinates": serde_json::from_str::<Value>(&text).expect(&text) }))
}

/// The places of a `POINT` or `MULTIPOINT`.
fn points_of(wkt: &str) -> Vec<Position> {
    let numbers: String = wkt
        .chars()
        .map(|symbol| {
            if symbol.is_ascii_digit() || symbol == '.' {
                symbol
            } else {
                ' '
            }
        })
        .collect();
    let numbers: Vec<f64> = numbers
        .split_whitespace()
        .map(|number| number.parse::<f64>().unwrap() * SCALE)
        .collect();
    numbers
        .chunks(2)
        .map(|pair| Position::new(pair[1], pair[0]).unwrap())
        .collect()
}

/// A case of a JTS file: description, first and second geometry, answers by operation.
type Case = (String, String, String, Vec<(String, bool)>);

fn cases_of(path: &str) -> Vec<Case> {
    let text = text_of(path);
    let document = roxmltree::Document::parse(&text).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("case"));
    cases
        .map(|case| {
            let child = |name: &str| {
                case.children()
                    .find(|node| node.has_tag_name(name))
                    .and_then(|node| node.text())
                    .unwrap_or("")
                    .to_owned()
            };
            let answers = case
                .descendants()
                .filter(|node| node.has_tag_name("op"))
                .filter_map(|op| Some((op.attribute("name")?.to_owned(), op.text()?.trim().parse().ok()?)));
            (child("desc"), child("a"), child("b"), answers.collect())
        })
        .collect()
}

#[test]
fn points_and_polygons_agree_with_jts() {
    let (mut cases, mut answers) = (0, 0);
    for path in [
        "jts/validate/TestRelatePA.xml",
        "jts/general/TestPreparedPointPredicate.xml",
    ] {
        for (name, a, b, expected) in cases_of(path) {
            let (points, polygon) = (points_of(&a), geojson_of(&b).expect(&name));
            let shape = Shape::from_geojson(&polygon, &ShapeLimits::default()).expect(&name);
            let any = |test: &dyn Fn(Position) -> bool| points.iter().any(|p| test(*p));
            let all = points.iter().all(|p| shape.contains(*p));
            let held = any(&|p| shape.contains(p));
            let within = any(&|p| shape.contains(p) && shape.signed_distance_m(p) >= 1e-6);
            cases += 1;
            for (operation, answer) in expected {
                let ours = match operation.as_str() {
                    "intersects" => held,
                    "coveredBy" => all,
                    "disjoint" => !held,
                    "touches" => held && !within,
                    "within" => all && within,
                    "crosses" => within && !all,
                    // Points never contain, equal or overlap an area.
                    "contains" | "covers" | "equalsTopo" | "overlaps" => false,
                    "relate" => continue,
                    other => panic!("unknown operation {other}"),
                };
                assert_eq!(ours, answer, "{name}: {operation}");
                answers += 1;
            }
        }
    }
    assert!(cases == 44 && answers == 413, "{cases} cases, {answers} answers");
}

/// Multipolygons whose parts overlap or share edges are no valid geometry to JTS and a sensible fence to us.
const ACCEPTED_ON_PURPOSE: [&str; 7] = [
    "mA - shells adjacent, same vertices (self-intersection)",
    "mA - shells adjacent, different vertices (self-intersection)",
    "mA - duplicate shells (self-intersection)",
    "mA - shell inside shell, disjoint (nested shells)",
    "mA - shell inside shell, all vertices touch (nested shells)",
    "mA - shell inside shell, hole overlapped, all vertices touch hole (self-intersection)",
    "mA - shell inside shell, all vertices touch hole (nested shells)",
];

#[test]
fn validity_agrees_with_jts() {
    let mut cases = 0;
    for (name, a, _, expected) in cases_of("jts/general/TestValid.xml") {
        let Some(geometry) = geojson_of(&a) else { continue };
        let expected = expected[0].1 || ACCEPTED_ON_PURPOSE.contains(&name.trim());
        let ours = Shape::from_geojson(&geometry, &ShapeLimits::default());
        assert_eq!(ours.is_ok(), expected, "{name}: {:?}", ours.err());
        cases += 1;
    }
    assert!(cases >= 60, "{cases} cases");
}

/// A plain even-odd test on flat published polygons, with a margin: places nearer than that to an edge are left out.
fn flat_contains(geometry: &Value, p: Position) -> Option<bool> {
    let coordinates = geometry["coordinates"].as_array().unwrap();
    let polygons: Vec<&Value> = if geometry["type"] == "Polygon" {
        vec![&geometry["coordinates"]]
    } else {
        coordinates.iter().collect()
    };
    let mut inside_any = false;
    for polygon in polygons {
        let mut inside = false;
        for ring in polygon.as_array().unwrap() {
            let places: Vec<(f64, f64)> = ring
                .as_array()
                .unwrap()
                .iter()
                .map(|at| (at[0].as_f64().unwrap(), at[1].as_f64().unwrap()))
                .collect();
            for pair in places.windows(2) {
                let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
                let length2 = (bx - ax).powi(2) + (by - ay).powi(2);
                let part = (((p.lng - ax) * (bx - ax) + (p.lat - ay) * (by - ay)) / length2).clamp(0.0, 1.0);
                let gap = (ax + (bx - ax) * part - p.lng).hypot(ay + (by - ay) * part - p.lat);
                if gap < 1e-5 && ax.abs() < 180.0 {
                    return None;
                }
                if (ay > p.lat) != (by > p.lat) && p.lng < (bx - ax) * (p.lat - ay) / (by - ay) + ax {
                    inside = !inside;
                }
            }
        }
        inside_any |= inside;
    }
    Some(inside_any)
}

#[test]
fn the_antimeridian_and_the_poles_agree_with_the_published_cuts() {
    let mut names: Vec<_> = std::fs::read_dir(path_of("antimeridian/input"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 14);
    for name in names {
        let input: Value = serde_json::from_str(&text_of(&format!("antimeridian/input/{name}"))).unwrap();
        let flat: Value = serde_json::from_str(&text_of(&format!("antimeridian/expected-flat/{name}"))).unwrap();
        let limits = ShapeLimits::default();
        let ours = Shape::from_geojson(&input, &limits).unwrap_or_else(|error| panic!("{name}: {error}"));
        let theirs = Shape::from_geojson(&flat, &limits).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = Shape::from_geojson(&ours.to_geojson(), &limits).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (mut inside, mut asked) = (0, 0);
        for row in 0..179 {
            for column in 0..720 {
                // The odd offset keeps the grid off the round numbers of the cases.
                let p = Position::new(-89.47 + f64::from(row), -179.93 + f64::from(column) * 0.4999).unwrap();
                let Some(expected) = flat_contains(&flat, p) else {
                    continue;
                };
                assert_eq!(ours.contains(p), expected, "{name}: {p:?}");
                assert_eq!(theirs.contains(p), expected, "{name}, published cut: {p:?}");
                assert_eq!(again.contains(p), expected, "{name}, cut again: {p:?}");
                asked += 1;
                inside += usize::from(expected);
            }
        }
        assert!(asked > 120_000, "{name}: {asked} asked");
        assert!(inside > 0 || name == "great-circle.json", "{name}: no place inside");
        let (one, two) = (ours.effective_radius_m(), theirs.effective_radius_m());
        assert!((one / two - 1.0).abs() < 1e-6, "{name}: {one} {two}");
        for bounds in ours.bounds() {
            assert!(
                bounds.west >= -180.0 && bounds.east <= 180.0 && bounds.west < bounds.east,
                "{name}: {bounds:?}"
            );
        }
        for (lat, lng) in [
            (45.3, 179.9),
            (45.3, -179.9),
            (-15.7, -179.99),
            (60.0, 0.0),
            (89.9, 10.0),
            (-66.1, 179.99),
        ] {
            let p = Position::new(lat, lng).unwrap();
            let (one, two) = (ours.signed_distance_m(p), theirs.signed_distance_m(p));
            assert!((one - two).abs() < 1.0 + one.abs() * 1e-3, "{name}: {p:?} {one} {two}");
        }
    }
}

/// What becomes of every file: the outcomes of its features in order, or that of the text.
const OUTCOMES: &str = include_str!("../../../tests/data/geometry/geojson-outcomes.txt");

#[test]
fn every_broken_file_has_its_outcome() {
    let expected: BTreeMap<&str, &str> = OUTCOMES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let mut found = BTreeMap::new();
    for folder in std::fs::read_dir(path_of("geojson-invalid-geometry")).unwrap() {
        let folder = folder.unwrap().path();
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let text = std::fs::read(&file).unwrap();
            let outcome = match parse_features(&text, &ShapeLimits::default()) {
                Err(error) => format!("refused {} {}", error.code.as_str(), error.pointer),
                Ok(features) if features.is_empty() => "empty".to_owned(),
                Ok(features) => features
                    .iter()
                    .map(|feature| match feature {
                        Ok(_) => "accept".to_owned(),
                        Err(error) => format!("{} {}", error.error.code.as_str(), error.error.pointer),
                    })
                    .collect::<Vec<_>>()
                    .join(" + "),
            };
            let name = format!(
                "{}/{}",
                folder.file_name().unwrap().to_str().unwrap(),
                file.file_stem().unwrap().to_str().unwrap()
            );
            found.insert(name, outcome);
        }
    }
    assert_eq!(found.len(), 74);
    let listed: Vec<String> = found
        .iter()
        .map(|(name, outcome)| format!("{name} {outcome}"))
        .collect();
    for (name, outcome) in &found {
        assert_eq!(
            expected.get(name.as_str()).copied(),
            Some(outcome.trim_end()),
            "{name}; all:\n{}",
            listed.join("\n")
        );
    }
    assert_eq!(expected.len(), 74);
}

#[test]
fn distances_agree_with_exact_geodesics() {
    let text = text_of("geodesic/GeodTest-100.dat");
    let mut lines = 0;
    for line in text.lines() {
        let columns: Vec<f64> = line.split_whitespace().map(|column| column.parse().unwrap()).collect();
        let one = Position::new(columns[0], super::geodesy::wrap_lng(columns[1])).unwrap();
        let two = Position::new(columns[3], super::geodesy::wrap_lng(columns[4])).unwrap();
        let exact = columns[6];
        let ours = distance_m(one, two);
        assert!(
            (ours - exact).abs() < 1e-5 + exact.min(10_000.0) * 1e-7,
            "{line}: {ours}"
        );
        lines += 1;
    }
    assert_eq!(lines, 100);
}
