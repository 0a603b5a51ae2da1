//! Texts: composing a message, and JSON in and out.

use super::{each, tell, verdict};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use usher::cli::bench::crowd::{Crowd, Mix, Phone};
use usher::engine::fix::RawRecord;
use usher::engine::message::{CompiledContent, Composed, compose};

const TIMES: usize = 10_000;

#[derive(Deserialize)]
struct Batch {
    records: Vec<RawRecord>,
}

pub fn run() {
    composing();
    let phone = Phone {
        token: String::new(),
        device_id: String::new(),
        place: (48.2, 16.37),
        greeted: false,
        made: AtomicU64::new(0),
    };
    let mix = Mix {
        transitions: 1.0,
        messages: 0.2,
    };
    let crowd = Crowd::new(vec![phone], mix, "bench".into());
    let decode = |body: &[u8]| serde_json::from_slice::<Batch>(body).unwrap().records.len();
    let single = crowd.next(0, 1, "2026-05-04T12:55:00.000Z").body;
    let fifty = crowd.next(0, 50, "2026-05-04T12:55:00.000Z").body;
    assert_eq!((decode(&single), decode(&fifty)), (1, 50));
    let one = each(
        TIMES,
        || (),
        |()| (0..TIMES).map(|_| decode(black_box(&single))).sum::<usize>(),
    );
    tell(
        &format!("decode a request of one fix, {} bytes", single.len()),
        one,
        "prototype 0.7-0.9 µs",
    );
    let many = each(
        TIMES,
        || (),
        |()| (0..TIMES / 50).map(|_| decode(black_box(&fifty))).sum::<usize>(),
    );
    let ratio = many.as_secs_f64() / one.as_secs_f64();
    tell(
        "decode a fix in a batch of 50",
        many,
        &format!("{ratio:.2} x a single one"),
    );
    let acks: Vec<Value> = (0..50)
        .map(|n| json!({ "id": format!("bench-000000-{n:010x}"), "status": "accepted" }))
        .collect();
    let answer = json!({ "acks": acks, "moments": [] });
    let encode = each(
        TIMES,
        || (),
        |()| {
            (0..TIMES / 50)
                .map(|_| serde_json::to_vec(black_box(&answer)).unwrap().len())
                .sum::<usize>()
        },
    );
    tell("encode the ack of a fix in a batch of 50", encode, "");
}

fn composing() {
    let content = serde_json::from_value(json!({ "name": "room", "default_locale": "en", "ttl": "PT2H", "locales": {
        "en": { "title": "Welcome, {{ user.name }}", "body": "Room {{ stay.room }} at {{ place.name }} is ready{% if stay.late %}, late{% endif %}." },
        "de": { "title": "Willkommen, {{ user.name }}", "body": "Zimmer {{ stay.room }} im {{ place.name }}." } } }))
    .unwrap();
    let content = CompiledContent::compile(content).unwrap();
    let Value::Object(scene) = json!({ "user": { "name": "Ana" }, "place": { "name": "Hotel One" }, "stay": { "room": "1204", "late": true } })
    else {
        unreachable!("an object was written")
    };
    let round = |scenes: Vec<serde_json::Map<String, Value>>| {
        let shown = scenes.into_iter().filter(|scene| {
            let composed = compose(&content, Some("en"), scene.clone(), &BTreeMap::new(), "house", false);
            matches!(composed, Composed::Shown(_))
        });
        let count = shown.count();
        assert_eq!(count, TIMES);
        count
    };
    let took = each(TIMES, || vec![scene.clone(); TIMES], round);
    let micros = took.as_secs_f64() * 1e6;
    tell(
        "compose a content of two texts",
        took,
        &verdict(micros, micros <= 50.0, "<= 50 µs, an opinion"),
    );
}
