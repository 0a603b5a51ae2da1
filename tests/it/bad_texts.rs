//! The big list of naughty strings in every text there is: refused or kept byte for byte, never a 5xx, never run as a template.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::caller::{Caller, escaped};
use super::server::{LAT, LNG, Project, Usher, fix, test_json};
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use usher::engine::catalogue::Mode;

const NOW: &str = "2026-05-04T12:00:00Z";
/// Requests under way at once.
const AT_ONCE: usize = 8;

fn naughty() -> Vec<String> {
    let strings: Vec<String> = serde_json::from_value(test_json("fuzz/blns.json")).unwrap();
    assert_eq!(strings.len(), 515);
    strings
}

/// Does something for every string; says for how many it was taken.
async fn for_each<F>(run: F) -> usize
where
    F: AsyncFn(usize, String) -> bool,
{
    let runs = stream::iter(naughty().into_iter().enumerate()).map(|(index, text)| run(index, text));
    runs.buffer_unordered(AT_ONCE)
        .filter(|taken| std::future::ready(*taken))
        .count()
        .await
}

/// A part of a path that a client cannot even send: it walks up the tree.
fn is_walk(text: &str) -> bool {
    [".", ".."].contains(&text)
}

async fn kept(caller: &Caller, path: &str, at: &str, text: &str) {
    let stored = caller.get(path).await.ok();
    assert_eq!(stored.pointer(at).and_then(Value::as_str), Some(text), "{path}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_and_facts_keep_what_they_are_given() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("texts", Mode::Live).await;
    let business = &project.business;
    let taken = for_each(async |_, text: String| {
        let path = format!("/v1/users/{}", escaped(&text));
        let body = json!({ "attributes": { "first_name": text, "list": [text] } });
        let answer = business.put(&path, &body).await;
        if answer.never_5xx() && !is_walk(&text) && !text.is_empty() {
            kept(business, &path, "/user_ref", &text).await;
            kept(business, &path, "/attributes/first_name", &text).await;
            business
                .get(&format!("/v1/moments?user_ref={}", escaped(&text)))
                .await
                .ok();
        }
        business
            .put("/v1/users/x", &json!({ "locale": text }))
            .await
            .never_5xx();
        business
            .put("/v1/users/x", &json!({ "time_zone": text }))
            .await
            .never_5xx();
        answer.is_ok()
    })
    .await;
    assert!(taken > 400, "{taken}");
    let taken = for_each(async |_, text: String| {
        let path = format!("/v1/facts/stay/{}", escaped(&text));
        let mut body = json!({ "seq": 1, "subjects": [text], "sensitive": [text], "properties": { "note": text } });
        body["properties"][&text] = json!(text);
        let answer = business.put(&path, &body).await;
        if answer.never_5xx() && !is_walk(&text) {
            let stored = business.get(&path).await.ok();
            assert_eq!(
                (&stored["properties"]["note"], &stored["properties"][&text]),
                (&json!(text), &json!(text))
            );
            // Beside what is sensitive in every stay.
            let sensitive = stored["sensitive"].as_array().unwrap();
            assert!(sensitive.contains(&json!(text)), "{sensitive:?}");
        }
        business
            .put(&format!("/v1/facts/{}/k", escaped(&text)), &body)
            .await
            .never_5xx();
        answer.is_ok()
    })
    .await;
    assert!(taken > 400, "{taken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_records_and_devices_keep_what_they_are_given() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("texts", Mode::Live).await;
    let phone = usher.phone(&project, "anna").await;
    let taken = for_each(async |index, text: String| {
        let body =
            json!({ "id": format!("e{index}"), "user_ref": "anna", "name": text, "properties": { "note": text } });
        let answer = project.business.post("/v1/events", &body).await;
        if answer.never_5xx() {
            let moment = &answer.value()["moments"][0];
            assert_eq!(
                (&moment["name"], &moment["properties"]["note"]),
                (&json!(text), &json!(text))
            );
        }
        project
            .business
            .post("/v1/events", &json!({ "id": text, "user_ref": text, "name": "n" }))
            .await
            .never_5xx();
        let body = json!({ "installation_id": text, "platform": text, "locale": text, "time_zone": text });
        project.app.post("/v1/devices", &body).await.never_5xx();
        let body =
            json!({ "installation_id": format!("installation-{text}"), "push": { "channel": "fcm", "address": text } });
        project.app.post("/v1/devices", &body).await.never_5xx();
        answer.is_ok()
    })
    .await;
    assert!(taken > 400, "{taken}");
    let now = usher.now();
    let mut records = Vec::new();
    for (index, text) in naughty().into_iter().enumerate() {
        let mut named = fix(&text, now, LAT, LNG);
        named["source"] = json!(text);
        records.push(named);
        records.push(json!({ "id": format!("p{index}"), "at": now, "type": "event", "name": text, "properties": { "note": text } }));
        records.push(json!({ "id": format!("c{index}"), "at": now, "type": "context", "network": text, "locale": text, "beacons": [text] }));
    }
    for batch in records.chunks(1_000) {
        let answer = phone.track(now, batch).await;
        for moment in answer["moments"].as_array().unwrap() {
            assert_eq!(moment["name"], moment["properties"]["note"]);
        }
    }
    for text in naughty() {
        let refs = json!({ "user_ref": text, "attributes": { "note": text } });
        phone.caller.post("/v1/devices/me/identify", &refs).await.never_5xx();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_keys_contents_and_triggers_keep_what_they_are_given() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("texts", Mode::Live).await;
    project.content("plain", "Plain", "Plain").await;
    let features: Vec<Value> = naughty().iter().enumerate().map(|(index, text)| {
        let mut properties = json!({ "name": text, "tag": text, "external_id": format!("x{index}"), "radius_m": 50, "note": text });
        properties[format!("key {text}")] = json!(text);
        json!({ "type": "Feature", "geometry": { "type": "Point", "coordinates": [LNG, LAT] }, "properties": properties })
    }).collect();
    let imported = project
        .business
        .post(
            "/v1/geofences/import",
            &json!({ "type": "FeatureCollection", "features": features }),
        )
        .await
        .ok();
    assert!(imported["added"].as_u64().unwrap() > 400, "{}", imported["added"]);
    let there: BTreeMap<String, Value> = project
        .business
        .list("/v1/geofences")
        .await
        .into_iter()
        .map(|place| (place["external_id"].as_str().unwrap().to_owned(), place))
        .collect();
    assert_eq!(there.len() as u64, imported["added"].as_u64().unwrap());
    for (index, text) in naughty().iter().enumerate() {
        let Some(place) = there.get(&format!("x{index}")) else {
            continue;
        };
        assert_eq!(
            (&place["name"], &place["tag"], &place["metadata"]["note"]),
            (&json!(text), &json!(text), &json!(text))
        );
        assert_eq!(place["metadata"][format!("key {text}")], json!(text));
    }
    let business = &project.business;
    for_each(async |index, text: String| {
        let path = format!("/v1/contents/c{index}");
        let mut body = json!({ "name": format!("c{index}"), "default_locale": "en", "ttl": "P1D", "collapse": text, "link": text,
            "locales": { "en": { "title": text, "body": text, "public_title": text } } });
        let answer = business.put(&path, &body).await;
        if answer.never_5xx() {
            kept(business, &path, "/locales/en/title", &text).await;
            kept(business, &path, "/collapse", &text).await;
        }
        body["variables"] = json!({ text.clone(): { "fallback": text } });
        body["locales"] = json!({ text.clone(): { "title": "t", "body": "b" } });
        business.put(&path, &body).await.never_5xx();
        let mut body = json!({ "name": text, "class": "service", "when": { "event": { "name": text } }, "then": { "content": "plain" } });
        business.post("/v1/triggers/validate", &body).await.ok();
        let path = format!("/v1/triggers/{}", escaped(&text));
        if business.put(&path, &body).await.never_5xx() && !is_walk(&text) && !text.is_empty() {
            kept(business, &path, "/newest/definition/when/event/name", &text).await;
        }
        body["name"] = json!(format!("t{index}"));
        for field in ["if", "once_per"] {
            body[field] = json!(text);
            business.put(&format!("/v1/triggers/t{index}"), &body).await.never_5xx();
        }
        business.post("/v1/keys", &json!({ "kind": "secret", "scopes": ["read"], "label": text })).await.never_5xx();
        for query in ["users?cursor", "geofences?tag", "decisions?trigger", "decisions?code", "moments?kind", "deliveries?state", "users?limit"] {
            business.get(&format!("/v1/{query}={}", escaped(&text))).await.never_5xx();
        }
        answer.is_ok()
    }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_any_kind_are_answered() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("texts", Mode::Live).await;
    let body = json!({ "user_ref": "anna", "name": "n" }).to_string().into_bytes();
    for text in naughty() {
        // What cannot stand in a header cannot be sent in one.
        if reqwest::header::HeaderValue::from_str(&text).is_err() {
            continue;
        }
        for name in [
            "idempotency-key",
            "x-request-id",
            "authorization",
            "content-type",
            "content-encoding",
            "accept",
            "accept-encoding",
            "if-none-match",
            "last-event-id",
        ] {
            let mut headers = vec![(name, text.as_str())];
            if name != "content-type" {
                headers.push(("content-type", "application/json"));
            }
            project
                .business
                .send(Method::POST, "/v1/events", &headers, body.clone())
                .await
                .never_5xx();
        }
    }
}

/// What a value loses on its way into a text: control characters but newlines, and marks that turn the direction of writing.
fn readable(text: &str) -> String {
    let is_mark = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .filter(|c| *c == '\n' || !(c.is_control() || is_mark(*c)))
        .collect()
}

/// Which messages Firebase was given, by their id.
fn bodies(usher: &Usher) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    usher
        .fcm
        .received()
        .iter()
        .map(|one| {
            (
                text(&one.message["data"]["message_id"]),
                text(&one.message["android"]["notification"]["body"]),
            )
        })
        .collect()
}

async fn greeted(project: &Project, index: usize, text: &str) -> Option<String> {
    project
        .business
        .put("/v1/users/anna", &json!({ "attributes": { "first_name": text } }))
        .await
        .ok();
    let event = json!({ "id": format!("hello-{index}"), "user_ref": "anna", "name": "hello" });
    let moment = project.business.post("/v1/events", &event).await.ok()["moments"][0]["id"].clone();
    let decisions = project
        .business
        .list(&format!("/v1/decisions?moment={}", moment.as_str().unwrap()))
        .await;
    assert_eq!(decisions.len(), 1, "{text}");
    let code = decisions[0]["code"].as_str().unwrap();
    if code == "sent" {
        return decisions[0]["message_id"].as_str().map(str::to_owned);
    }
    // An empty name is no name, and a text that is too long is not cut in silence.
    let expected = if text.trim().is_empty() {
        "missing_data"
    } else {
        "render_error"
    };
    assert_eq!(code, expected, "{text:?}");
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_a_naughty_name_comes_out_as_it_is() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("texts", Mode::Live).await;
    project.content("hello", "Hello", "Hello {{ user.first_name }}!").await;
    project
        .trigger("hello", json!({ "event": { "name": "hello" } }), "hello", json!({}))
        .await;
    let phone = usher.phone(&project, "anna").await;
    phone.identify("anna").await;
    phone
        .caller
        .post("/v1/devices/me/consents", &json!({ "location": true, "service": true }))
        .await
        .ok();
    let mut names = naughty();
    names.extend(
        [
            "{{7*7}}",
            "{% for x in y %}",
            "{{ user.email }}",
            "{# hidden #}",
            "{% raw %}",
            "<b>bold</b> & \"quoted\"",
        ]
        .map(str::to_owned),
    );
    let mut expected = BTreeMap::new();
    for (index, text) in names.iter().enumerate() {
        if let Some(message) = greeted(&project, index, text).await {
            expected.insert(message, format!("Hello {}!", readable(text)));
        }
        // The subject remembers a few hundred sends; they leave as they come.
        if index % 100 == 99 {
            usher.turn().await;
        }
    }
    usher.turn().await;
    assert!(expected.len() > 480, "{}", expected.len());
    let bodies = bodies(&usher);
    for (message, text) in &expected {
        assert_eq!(bodies.get(message), Some(text));
    }
}
