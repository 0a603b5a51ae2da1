//! Geometry from outside that is wrong in every known way: the documented answer, and nothing half-written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::caller::is_code;
use super::server::{Project, Usher, test_file};
use reqwest::Method;
use serde_json::{Value, json};
use usher::engine::catalogue::Mode;

const NOW: &str = "2026-05-04T12:00:00Z";
const FOLDER: &str = "geometry/geojson-invalid-geometry";

/// Name of each file with what becomes of it, as `geojson-outcomes.txt` says.
fn cases() -> Vec<(String, String)> {
    let text = String::from_utf8(test_file("geometry/geojson-outcomes.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            line.split_once(' ')
                .map(|(name, outcome)| (name.to_owned(), outcome.to_owned()))
                .unwrap()
        })
        .collect()
}

async fn places(project: &Project) -> usize {
    project.business.list("/v1/geofences").await.len()
}

fn assert_row(name: &str, row: &Value, expected: &str) {
    if row["outcome"] != json!("invalid") {
        assert_eq!(
            (&row["outcome"], expected),
            (&json!("added"), "accept"),
            "{name}: {row}"
        );
        return;
    }
    let (code, pointer) = (row["code"].as_str().unwrap(), row["pointer"].as_str().unwrap());
    assert!(
        is_code(code) && (pointer.is_empty() || pointer.starts_with('/')),
        "{name}: {row}"
    );
    assert!(
        row["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
        "{name}: {row}"
    );
    if expected == "accept" {
        // The geometry is right, but nothing names the place.
        assert_eq!(code, "field_invalid", "{name}: {row}");
        assert!(
            pointer.ends_with("/external_id") || pointer.ends_with("/name"),
            "{name}: {row}"
        );
    } else {
        let (expected_code, expected_pointer) = expected.split_once(' ').unwrap_or((expected, ""));
        assert_eq!((code, pointer), (expected_code, expected_pointer), "{name}: {row}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b8_every_wrong_file_is_imported_or_refused_with_its_place() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("import", Mode::Live).await;
    let cases = cases();
    assert_eq!(cases.len(), 74);
    let mut there = 0;
    for (name, outcome) in cases {
        let file = test_file(&format!("{FOLDER}/{name}.geojson"));
        let headers = [("content-type", "application/geo+json")];
        let path = format!("/v1/geofences/import?tag={}", name.split('/').next_back().unwrap());
        let dry = project
            .business
            .send(Method::POST, &format!("{path}&dry_run=true"), &headers, file.clone())
            .await;
        assert_eq!(places(&project).await, there, "{name}: a dry run writes nothing");
        let answer = project.business.send(Method::POST, &path, &headers, file).await;
        assert_eq!(dry.status, answer.status, "{name}");
        if let Some(expected) = outcome.strip_prefix("refused ") {
            let body = answer.refused(422, "import_invalid");
            let (code, pointer) = expected.split_once(' ').unwrap();
            assert_eq!(
                (body["errors"][0]["code"].as_str(), body["pointer"].as_str()),
                (Some(code), Some(pointer)),
                "{name}: {body}"
            );
        } else {
            let body = answer.ok();
            let rows = body["rows"].as_array().unwrap();
            let expected: Vec<&str> = if outcome == "empty" {
                Vec::new()
            } else {
                outcome.split(" + ").collect()
            };
            assert_eq!(rows.len(), expected.len(), "{name}: {body}");
            rows.iter()
                .zip(expected)
                .for_each(|(row, expected)| assert_row(&name, row, expected));
            there += usize::try_from(body["added"].as_u64().unwrap()).unwrap();
        }
        assert_eq!(places(&project).await, there, "{name}: what is stored is what was said");
    }
    assert!(there > 0);
}

/// The first geometry of a GeoJSON text, wherever it stands.
fn first_geometry(text: &Value) -> Value {
    let geometry = text.pointer("/features/0/geometry").or_else(|| text.get("geometry"));
    geometry.unwrap_or(text).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b8_every_wrong_geometry_is_taken_or_refused_one_by_one() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("one", Mode::Live).await;
    let (mut taken, mut refused) = (0, 0);
    for (name, _) in cases() {
        let Ok(text) = serde_json::from_slice::<Value>(&test_file(&format!("{FOLDER}/{name}.geojson"))) else {
            continue;
        };
        let body = json!({ "name": name, "tag": "t", "external_id": name, "geometry": first_geometry(&text) });
        let answer = project.business.post("/v1/geofences", &body).await;
        if answer.never_5xx() {
            assert_eq!(answer.status, 201, "{name}");
            taken += 1;
        } else {
            let body = answer.refusal();
            assert_eq!(answer.status, 422, "{name}: {body}");
            assert!(
                body["pointer"].as_str().unwrap().starts_with("/geometry"),
                "{name}: {body}"
            );
            refused += 1;
        }
        assert_eq!(places(&project).await, taken, "{name}");
    }
    assert!(taken >= 15 && refused >= 40, "{taken} taken, {refused} refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b8_absurd_numbers_are_refused_with_a_hint_where_they_look_swapped() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("numbers", Mode::Live).await;
    let circle = |center: &str, radius: &str| {
        format!(r#"{{"name":"n","tag":"t","external_id":"e","center":{center},"radius_m":{radius}}}"#).into_bytes()
    };
    let ring = |ring: &str| {
        format!(r#"{{"name":"n","tag":"t","external_id":"e","geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}"#)
            .into_bytes()
    };
    let good = r#"{"lat":48.2,"lng":16.4}"#;
    let cases = [
        circle(r#"{"lat":91,"lng":16.4}"#, "100"),
        circle(r#"{"lat":48.2,"lng":181}"#, "100"),
        circle(r#"{"lat":1e308,"lng":1e308}"#, "100"),
        circle(r#"{"lat":1e309,"lng":0}"#, "100"),
        circle(r#"{"lat":"NaN","lng":0}"#, "100"),
        circle(r#"{"lat":NaN,"lng":0}"#, "100"),
        circle(r#"{"lat":null,"lng":0}"#, "100"),
        circle(r#"{"lat":48.2}"#, "100"),
        circle(good, "0"),
        circle(good, "-1"),
        circle(good, "1e308"),
        circle(good, "\"100\""),
        ring("[[16,148],[17,148],[17,149],[16,148]]"),
        ring("[[1e308,1],[2,1],[2,2],[1e308,1]]"),
        ring("[[\"16\",48],[17,48],[17,49],[\"16\",48]]"),
        ring("[[16],[17,48],[17,49],[16]]"),
        ring("[]"),
        ring("[[]]"),
        br#"{"name":"n","tag":"t","external_id":"e"}"#.to_vec(),
        br#"{"name":"n","tag":"t","external_id":"e","center":{"lat":1,"lng":1},"radius_m":9,"geometry":{"type":"Point","coordinates":[1,1]}}"#.to_vec(),
    ];
    for body in cases {
        let text = String::from_utf8_lossy(&body).into_owned();
        let answer = project
            .business
            .send(
                Method::POST,
                "/v1/geofences",
                &[("content-type", "application/json")],
                body,
            )
            .await;
        let refusal = answer.refusal();
        assert!([400, 422].contains(&answer.status), "{text}: {refusal}");
    }
    let swapped = ring("[[48,116],[49,116],[49,117],[48,116]]");
    let answer = project
        .business
        .send(
            Method::POST,
            "/v1/geofences",
            &[("content-type", "application/json")],
            swapped,
        )
        .await;
    let refusal = answer.refused(422, "geometry_invalid");
    assert!(
        refusal["hint"].as_str().is_some_and(|hint| hint.contains("longitude")),
        "{refusal}"
    );
    assert_eq!(places(&project).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_row_of_a_csv_harms_no_other() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("csv", Mode::Live).await;
    let csv = "name,tag,external_id,lat,lng,radius_m\n\
        Good,hotel,h1,48.2,16.4,100\n\
        Not a number,hotel,h2,NaN,16.4,100\n\
        Too far north,hotel,h3,91,16.4,100\n\
        Huge,hotel,h4,48.2,16.4,1e308\n\
        Short,hotel\n\
        \"A, quoted one\",hotel,h5,48.2,16.4,100\n\
        Nameless,,,48.2,16.4,100\n\
        Infinite,hotel,h6,48.2,inf,100\n";
    let headers = [("content-type", "text/csv")];
    let body = project
        .business
        .send(Method::POST, "/v1/geofences/import", &headers, csv.into())
        .await
        .ok();
    assert_eq!((&body["added"], &body["invalid"]), (&json!(2), &json!(6)), "{body}");
    for row in body["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["outcome"] == json!("invalid"))
    {
        assert!(
            is_code(row["code"].as_str().unwrap()) && row["pointer"].is_string(),
            "{row}"
        );
    }
    assert_eq!(places(&project).await, 2);
    for wrong in ["", "a,b\n1,2\n", "\u{0}\u{1}", "lat,lng\n\"unclosed"] {
        project
            .business
            .send(Method::POST, "/v1/geofences/import", &headers, wrong.into())
            .await
            .refused(422, "import_invalid");
    }
    assert_eq!(places(&project).await, 2);
}
