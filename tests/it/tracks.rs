//! Real tracks played through `/v1/track`: the moments are those that a plain reading of the file finds, however often it is sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::server::{Phone, Usher, fix, test_file};
use chrono::TimeDelta;
use geographiclib_rs::{Geodesic, InverseGeodesic};
use serde_json::{Value, json};
use usher::base::time::Timestamp;
use usher::cli::tracks::{Track, read_track};
use usher::engine::catalogue::Mode;
use usher::engine::fix::{Fix, RawBody, RawRecord};

/// A circle, and what a plain reader knows of one phone in it.
struct Circle {
    name: String,
    lat: f64,
    lng: f64,
    radius_m: f64,
    is_inside: bool,
    leaving: Option<(Timestamp, u32)>,
}

/// What happened: kind, place, when, and the record that tipped it.
type Happened = (String, String, Timestamp, String);

fn fix_of(record: &RawRecord) -> &Fix {
    match &record.body {
        RawBody::Fix(fix) => fix,
        other @ (RawBody::Crossing(_) | RawBody::Event(_) | RawBody::Context(_) | RawBody::Receipt(_)) => {
            panic!("a track holds fixes alone: {other:?}")
        }
    }
}

fn distance_m(from: (f64, f64), to: (f64, f64)) -> f64 {
    Geodesic::wgs84().inverse(from.0, from.1, to.0, to.1)
}

/// The normal distribution by Simpson's rule: slow, plain, and nobody else's code.
fn phi(x: f64) -> f64 {
    const STEPS: u32 = 2_000;
    let end = x.clamp(-9.0, 9.0);
    let width = end / f64::from(STEPS);
    let density = |at: f64| (-at * at / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let inner: f64 = (1..STEPS)
        .map(|step| density(width * f64::from(step)) * if step % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    0.5 + width / 3.0 * (density(0.0) + inner + density(end))
}

impl Circle {
    /// DESIGN.md 5.4, word by word.
    fn see(&mut self, at: Timestamp, fix: &Fix) -> Option<(&'static str, Timestamp)> {
        let sigma = fix.accuracy_m.unwrap_or(100.0).max(1.0) / 1.51;
        let edge = self.radius_m - distance_m((self.lat, self.lng), (fix.lat, fix.lng));
        let enter = phi(edge / sigma).min(1.0 - (-self.radius_m * self.radius_m / (2.0 * sigma * sigma)).exp());
        if !self.is_inside {
            self.is_inside = enter >= 0.75;
            return self.is_inside.then_some(("entered", at));
        }
        if phi(-edge / sigma) < 0.90 {
            self.leaving = None;
            return None;
        }
        let (since, fixes) = self.leaving.map_or((at, 1), |(since, fixes)| (since, fixes + 1));
        self.leaving = Some((since, fixes));
        if fixes < 2 || at - since < TimeDelta::seconds(60) {
            return None;
        }
        (self.is_inside, self.leaving) = (false, None);
        Some(("exited", since))
    }
}

/// Circles along the way: some easy to be in, one too small for a fix without accuracy to be sure of.
fn circles(track: &Track, name: &str) -> Vec<Circle> {
    let ways = [(1, 150.0), (3, 400.0), (5, 250.0), (7, 150.0), (9, 60.0)];
    let at = |tenth: usize| fix_of(&track.records[track.records.len() * tenth / 10]);
    ways.iter()
        .map(|(tenth, radius_m)| Circle {
            name: format!("{name}-{tenth}"),
            lat: at(*tenth).lat,
            lng: at(*tenth).lng,
            radius_m: *radius_m,
            is_inside: false,
            leaving: None,
        })
        .collect()
}

/// What a plain reader finds when the file comes in such batches: each is read in the order of time, and what is older than
/// something read before is passed over.
fn brute_force(batches: &[Vec<RawRecord>], circles: &mut [Circle]) -> Vec<Happened> {
    let (mut happened, mut newest) = (Vec::new(), None);
    for batch in batches {
        let mut ordered: Vec<&RawRecord> = batch.iter().collect();
        ordered.sort_by_key(|record| (record.at, record.id.clone()));
        for record in ordered {
            let mark = (record.at.unwrap(), record.id.clone());
            if newest.as_ref().is_some_and(|newest| *newest >= mark) {
                continue;
            }
            for circle in circles.iter_mut() {
                if let Some((kind, at)) = circle.see(mark.0, fix_of(record)) {
                    happened.push((kind.to_owned(), circle.name.clone(), at, mark.1.clone()));
                }
            }
            newest = Some(mark);
        }
    }
    happened.sort();
    happened
}

fn noticed(moments: &[Value]) -> Vec<Happened> {
    let mut happened: Vec<Happened> = moments
        .iter()
        .map(|moment| {
            assert_eq!(
                (&moment["evidence"]["implausible"], &moment["evidence"]["simulated"]),
                (&json!(false), &json!(false)),
                "{moment}"
            );
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (
                text(&moment["kind"]),
                text(&moment["place"]["external_id"]),
                text(&moment["occurred_at"]).parse().unwrap(),
                text(&moment["evidence"]["record_id"]),
            )
        })
        .collect();
    happened.sort();
    happened
}

fn truncated_to_micros(mut records: Vec<RawRecord>) -> Vec<RawRecord> {
    for record in &mut records {
        record.at = record.at.map(usher::base::time::truncated);
    }
    records
}

/// Sends the batches, each at the time of its newest fix, and gives the moments of all answers.
async fn play(usher: &Usher, phone: &Phone, batches: &[Vec<RawRecord>]) -> Vec<Value> {
    let mut moments = Vec::new();
    for batch in batches {
        let newest = batch.iter().filter_map(|record| record.at).max().unwrap();
        usher.set(usher.now().max(newest + TimeDelta::seconds(1)));
        let records: Vec<Value> = batch
            .iter()
            .map(|record| serde_json::to_value(record).unwrap())
            .collect();
        let answer = phone.track(usher.now(), &records).await;
        let acks = answer["acks"].as_array().unwrap();
        assert!(acks.iter().all(|ack| ack["status"] == json!("accepted")), "{acks:?}");
        moments.extend(answer["moments"].as_array().unwrap().iter().cloned());
    }
    moments
}

/// Plays one track three times over circles of its own; gives the number of its moments.
async fn check(usher: &Usher, name: &str, track: Track, batch: usize) -> usize {
    let project = usher.project(name, Mode::Live).await;
    let mut circles = circles(&track, name);
    for circle in &circles {
        project
            .place("way", &circle.name, circle.lat, circle.lng, circle.radius_m)
            .await;
    }
    let records = truncated_to_micros(track.records);
    usher.set(records.iter().filter_map(|record| record.at).min().unwrap());
    let phone = usher.phone(&project, name).await;
    let batches: Vec<Vec<RawRecord>> = records.chunks(batch).map(<[RawRecord]>::to_vec).collect();
    let expected = brute_force(&batches, &mut circles);
    let got = noticed(&play(usher, &phone, &batches).await);
    assert_eq!(got, expected, "{name}");
    for repeat in 2..=3 {
        assert_eq!(
            play(usher, &phone, &batches).await,
            Vec::<Value>::new(),
            "{name}, sent {repeat} times"
        );
    }
    // The same files as one heap, in the opposite order: another phone, the same moments.
    if records.len() <= 1_000 {
        usher.set(records.iter().filter_map(|record| record.at).max().unwrap());
        let other = usher.phone(&project, &format!("{name}-heap")).await;
        let heap = vec![records.iter().rev().cloned().collect::<Vec<_>>()];
        let sorted = brute_force(
            &heap,
            &mut self::circles(
                &Track {
                    vehicle: None,
                    records: heap[0].iter().rev().cloned().collect(),
                },
                name,
            ),
        );
        assert_eq!(noticed(&play(usher, &other, &heap).await), sorted, "{name} as a heap");
    }
    expected.len()
}

fn read(path: &str) -> Vec<Track> {
    let file = read_track(path.rsplit('/').next().unwrap(), &test_file(&format!("tracks/{path}"))).unwrap();
    file.tracks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn walks_and_drives_give_the_moments_a_plain_reading_finds() {
    let mut found = 0;
    for (name, batch) in [
        ("korita-zbevnica", 400),
        ("cerknicko-jezero", 50),
        ("around-visnjan-with-car", 1_000),
    ] {
        let usher = Usher::start("2010-01-01T00:00:00Z").await;
        let mut tracks = read(&format!("gpxpy/{name}.gpx"));
        assert_eq!(tracks.len(), 1, "{name}");
        found += check(&usher, name, tracks.remove(0), batch).await;
    }
    assert!(found >= 12, "the ways lead through their places: {found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b2_buses_in_the_order_of_their_file_give_the_moments_a_plain_reading_finds() {
    let usher = Usher::start("2026-01-26T00:00:00Z").await;
    let (mut found, mut buses) = (0, 0);
    for track in read("liverpool-bus/route14_outbound.csv")
        .into_iter()
        .filter(|track| track.records.len() >= 30)
        .take(8)
    {
        let name = format!("bus-{}", track.vehicle.clone().unwrap());
        found += check(&usher, &name, track, 20).await;
        buses += 1;
    }
    assert!(buses >= 5 && found >= 2 * buses, "{found} moments of {buses} buses");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_a_phone_that_lives_in_1901_changes_nothing_and_blocks_nothing() {
    let usher = Usher::start("2026-05-04T12:00:00Z").await;
    let project = usher.project("alps", Mode::Live).await;
    let track = read("gpxpy/Mojstrovka.gpx").remove(0);
    let first = fix_of(&track.records[0]).clone();
    project.place("summit", "s1", first.lat, first.lng, 1_000.0).await;
    let phone = usher.phone(&project, "climber").await;
    let records: Vec<Value> = track
        .records
        .iter()
        .map(|record| serde_json::to_value(record).unwrap())
        .collect();
    assert!(records.len() > 100);
    for _ in 0..3 {
        // No envelope: nothing says how wrong the clock is.
        let answer = phone
            .caller
            .post("/v1/track", &json!({ "records": records }))
            .await
            .ok();
        assert!(
            answer["acks"]
                .as_array()
                .unwrap()
                .iter()
                .all(|ack| ack["status"] == json!("accepted"))
        );
        assert_eq!(answer["moments"], json!([]));
    }
    let kept = phone.caller.get("/v1/devices/me/export").await.text();
    assert!(kept.contains("suspect"), "they are kept, and said to be suspect");
    let good = phone
        .track(usher.now(), &[fix("good", usher.now(), first.lat, first.lng)])
        .await;
    assert_eq!(good["moments"][0]["evidence"]["record_id"], json!("good"), "{good}");
    assert_eq!(project.moments("entered").await.len(), 1);
}
