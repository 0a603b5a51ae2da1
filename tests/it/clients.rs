//! Apps from the store: what Overland, `OwnTracks` and Traccar Client really send, the answers they wait for, the moments.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::caller::{Answer, escaped};
use super::server::{LAT, LNG, Phone, Project, Usher, test_json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta};
use reqwest::Method;
use serde_json::{Value, json};
use usher::base::time::Timestamp;
use usher::engine::catalogue::Mode;

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn post(phone: &Phone, app: &str, body: &Value) -> Answer {
    phone.caller.post(&format!("/v1/ingest/{app}"), body).await
}

/// A phone with a place of its own around it, five seconds after the report was made.
async fn at(usher: &Usher, name: &str, made: Timestamp, lat: f64, lng: f64) -> (Project, Phone) {
    usher.set(made + TimeDelta::seconds(5));
    let project = usher.project(name, Mode::Live).await;
    project.content("welcome", "Welcome", "Good to see you").await;
    project
        .trigger("welcome", json!({ "entered": { "tag": "way" } }), "welcome", json!({}))
        .await;
    project.place("way", "here", lat, lng, 250.0).await;
    let phone = usher.phone(&project, name).await;
    (project, phone)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overland_is_told_ok_and_its_fix_is_a_moment() {
    let usher = Usher::start("2015-10-01T15:00:00Z").await;
    let example = test_json("payloads/overland/batch-example.json");
    let body = &example["request"]["body"];
    let (project, phone) = at(
        &usher,
        "overland",
        instant("2015-10-01T15:00:00Z"),
        37.3318,
        -122.030_581,
    )
    .await;
    for _ in 0..3 {
        let answer = post(&phone, "overland", body).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"result":"ok"}"#));
    }
    let entered = project.moments("entered").await;
    assert_eq!(
        (entered.len(), &entered[0]["occurred_at"]),
        (1, &json!("2015-10-01T15:00:00Z"))
    );
    assert_eq!(project.decisions("sent").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overland_with_all_its_quirks_never_sends_one_batch_for_ever() {
    let usher = Usher::start("2026-05-04T12:00:00Z").await;
    let made = instant("2026-05-04T12:00:00Z");
    let (project, phone) = at(&usher, "overland", made, LAT, LNG).await;
    let here = json!({ "type": "Point", "coordinates": [LNG, LAT] });
    let fix = |second: i64| {
        json!({ "type": "Feature", "geometry": here, "properties": {
        "timestamp": (made - TimeDelta::seconds(900 - second)).format("%Y-%m-%dT%H:%M:%S-0000").to_string(),
        "speed": -1, "altitude": -1, "horizontal_accuracy": 10, "battery_level": 0.5, "wifi": "" } })
    };
    let quirks = json!({ "locations": [
        { "type": "Feature", "geometry": here, "properties": { "timestamp": "no time at all" } },
        { "type": "Feature", "geometry": { "type": "Point", "coordinates": [LNG, 91] }, "properties": { "timestamp": made } },
        { "type": "Feature", "geometry": here, "properties": { "action": "visit", "arrival_date": null, "departure_date": null, "timestamp": made } },
        { "type": "Feature", "geometry": null, "properties": { "action": "will_terminate" } },
        { "type": "Feature", "properties": { "action": "paused_location_updates", "timestamp": made } },
        7, null, fix(899),
    ], "current": {}, "trip": {} });
    for _ in 0..2 {
        assert_eq!(post(&phone, "overland", &quirks).await.ok(), json!({ "result": "ok" }));
    }
    assert_eq!(project.moments("entered").await.len(), 1);
    let names: Vec<Value> = project
        .moments("event")
        .await
        .iter()
        .map(|moment| moment["name"].clone())
        .collect();
    assert_eq!(
        names.iter().filter(|name| **name == json!("overland.visit")).count(),
        1,
        "{names:?}"
    );

    let full: Vec<Value> = (0..1_000).map(fix).collect();
    assert_eq!(
        post(&phone, "overland", &json!({ "locations": full })).await.ok(),
        json!({ "result": "ok" })
    );
    let over: Vec<Value> = (0..1_001).map(fix).collect();
    post(&phone, "overland", &json!({ "locations": over }))
        .await
        .refused(413, "too_many_records");
    for wrong in ["", "[]", "{", "{\"locations\":{}}"] {
        let headers = [("content-type", "application/json")];
        phone
            .caller
            .send(Method::POST, "/v1/ingest/overland", &headers, wrong.into())
            .await
            .refused(400, "report_invalid");
    }
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("anna:{}", phone.caller.credential()))
    );
    let headers = [("content-type", "application/json"), ("authorization", basic.as_str())];
    let answer = phone
        .caller
        .send(Method::POST, "/v1/ingest/overland", &headers, quirks.to_string().into())
        .await;
    assert_eq!(answer.ok(), json!({ "result": "ok" }));
    phone
        .caller
        .with("dt_wrong")
        .post("/v1/ingest/overland", &quirks)
        .await
        .refused(401, "unauthorized");
    assert_eq!(project.moments("entered").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owntracks_is_answered_with_a_list_and_its_fix_is_a_moment() {
    let usher = Usher::start("2017-01-01T00:00:00Z").await;
    let file = test_json("payloads/traccar/owntracks.json");
    for (index, case) in file["cases"].as_array().unwrap().iter().enumerate() {
        let body = &case["body"];
        let made = DateTime::from_timestamp(body["tst"].as_i64().unwrap(), 0).unwrap();
        let (lat, lng) = (body["lat"].as_f64().unwrap(), body["lon"].as_f64().unwrap());
        let (project, phone) = at(&usher, &format!("owntracks-{index}"), made, lat, lng).await;
        let basic = format!(
            "Basic {}",
            STANDARD.encode(format!("anna:{}", phone.caller.credential()))
        );
        let headers = [
            ("content-type", "application/json"),
            ("authorization", basic.as_str()),
            ("x-limit-u", "anna"),
            ("x-limit-d", "phone"),
        ];
        for _ in 0..2 {
            let answer = phone
                .caller
                .send(Method::POST, "/v1/ingest/owntracks", &headers, body.to_string().into())
                .await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "[]"), "{body}");
        }
        let entered = project.moments("entered").await;
        assert_eq!(entered.len(), 1, "{body}");
        assert_eq!(instant(entered[0]["occurred_at"].as_str().unwrap()), made, "{body}");
        for quiet in [
            "",
            r#"{"_type":"lwt","tst":1497349316}"#,
            r#"{"_type":"cmd","action":"reportLocation"}"#,
            r#"{"_type":"card","name":"x"}"#,
            r#"{"_type":"waypoint","desc":"home","lat":1,"lon":1,"rad":10,"tst":1497349316}"#,
            r#"{"_type":"nothing_we_know"}"#,
        ] {
            let answer = phone
                .caller
                .send(Method::POST, "/v1/ingest/owntracks", &headers, quiet.into())
                .await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "[]"), "{quiet}");
        }
        assert_eq!(project.moments("entered").await.len(), 1);
    }
}

/// The instants of the reports in the file, in its order; none where a report has none.
const OSMAND_TIMES: [Option<&str>; 15] = [
    Some("2025-06-15T13:45:12.862Z"),
    Some("2025-06-15T13:45:12.862Z"),
    Some("2025-05-09T04:11:30.579Z"),
    Some("2021-07-21T08:06:34.444Z"),
    Some("2013-08-22T13:14:27Z"),
    Some("2013-08-22T13:14:27Z"),
    Some("2016-01-27T18:55:47Z"),
    Some("2015-09-12T14:38:06.579Z"),
    Some("2014-06-04T09:10:11Z"),
    Some("2013-08-22T13:14:27Z"),
    Some("2013-08-22T13:14:27Z"),
    None,
    None,
    Some("2013-08-22T13:14:27Z"),
    Some("2017-09-07T05:56:50Z"),
];

/// Where a report says it was made, if anywhere.
fn place_of(case: &Value) -> Option<(f64, f64)> {
    if let Some(coords) = case.pointer("/body/location/coords") {
        return Some((coords["latitude"].as_f64()?, coords["longitude"].as_f64()?));
    }
    let query = case["path"].as_str()?.trim_start_matches("/?");
    let pair = |name: &str| {
        query
            .split('&')
            .find_map(|part| part.strip_prefix(&format!("{name}=")).map(str::to_owned))
    };
    match pair("location") {
        Some(both) => both
            .split_once(',')
            .map(|(lat, lng)| (lat.parse().unwrap(), lng.parse().unwrap())),
        None => Some((pair("lat")?.parse().ok()?, pair("lon")?.parse().ok()?)),
    }
}

async fn report(phone: &Phone, case: &Value) -> Answer {
    match case["method"].as_str().unwrap() {
        "GET" => {
            phone
                .caller
                .get(&case["path"].as_str().unwrap().replacen("/?", "/v1/ingest/osmand?", 1))
                .await
        }
        _ => post(phone, "osmand", &case["body"]).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traccar_client_and_its_older_dialect_are_understood() {
    let usher = Usher::start("2013-01-01T00:00:00Z").await;
    let file = test_json("payloads/traccar/osmand-and-traccar-client.json");
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), OSMAND_TIMES.len());
    for (index, (case, made)) in cases.iter().zip(OSMAND_TIMES).enumerate() {
        let made = made.map_or_else(|| usher.now(), instant);
        let (lat, lng) = place_of(case).unwrap_or((0.0, 0.0));
        let (project, phone) = at(&usher, &format!("traccar-{index}"), made, lat, lng).await;
        for _ in 0..2 {
            assert_eq!(report(&phone, case).await.status, 200, "{case}");
        }
        let entered = project.moments("entered").await;
        let is_mock = case.pointer("/body/location/mock") == Some(&json!(true));
        match case["assertion"].as_str().unwrap() {
            "verifyPosition" | "verifyAttribute" => assert_eq!(entered.len(), 1, "{case}"),
            _ => assert_eq!(entered.len(), 0, "{case}"),
        }
        // b5: a place that is made up is noticed and explained, and nothing is said.
        let (simulated, sent) = (
            project.decisions("simulated").await.len(),
            project.decisions("sent").await.len(),
        );
        assert_eq!(
            (simulated, sent),
            (usize::from(is_mock), entered.len() - usize::from(is_mock)),
            "{case}"
        );
        assert!(
            entered
                .iter()
                .all(|moment| moment["evidence"]["simulated"] == json!(is_mock))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_may_stand_in_the_query_where_the_operator_allows_it() {
    let made = instant("2026-05-04T12:00:00Z");
    let usher = Usher::start("2026-05-04T12:00:00Z").await;
    let (project, phone) = at(&usher, "query", made, LAT, LNG).await;
    let query = format!(
        "/v1/ingest/osmand?id={}&lat={LAT}&lon={LNG}&timestamp={}&hacc=10",
        escaped(phone.caller.credential()),
        made.timestamp()
    );
    assert_eq!(phone.caller.stranger().get(&query).await.status, 200);
    assert_eq!(project.moments("entered").await.len(), 1);
    phone
        .caller
        .stranger()
        .get(&query.replace("id=dt", "id=dt%5Fx"))
        .await
        .refused(401, "unauthorized");
    // Off as the house comes.
    let process = super::process::Process::start_fresh().await;
    process.caller.get(&query).await.refused(401, "unauthorized");
    for path in [
        "lat=x&lon=y",
        "lat=1e309&lon=1",
        "lat=91&lon=0",
        "timestamp=never&lat=1&lon=1",
        "%ff=%fe",
    ] {
        let answer = phone.caller.get(&format!("/v1/ingest/osmand?id=1&{path}")).await;
        answer.never_5xx();
    }
    assert_eq!(project.moments("entered").await.len(), 1);
}
