//! Requests from hell: broken, huge, nested, compressed, of the wrong kind, at the wrong place. Told apart, never a 5xx.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::server::{LAT, LNG, Phone, Project, Usher, fix};
use reqwest::Method;
use serde_json::{Value, json};
use usher::engine::catalogue::Mode;

const NOW: &str = "2026-05-04T12:00:00Z";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn house() -> (Usher, Project, Phone) {
    let usher = Usher::start(NOW).await;
    let project = usher.project("bad", Mode::Live).await;
    project.hotel().await;
    let phone = usher.phone(&project, "anna").await;
    (usher, project, phone)
}

/// Every write with a body of its own, and who may do it: `b`usiness, `d`evice or `a`pp.
const WRITES: [(char, &str, &str); 15] = [
    ('a', "POST", "/v1/devices"),
    ('d', "PATCH", "/v1/devices/me"),
    ('d', "PUT", "/v1/devices/me/push"),
    ('d', "PUT", "/v1/devices/me/sealing-key"),
    ('d', "POST", "/v1/devices/me/consents"),
    ('d', "POST", "/v1/devices/me/identify"),
    ('d', "POST", "/v1/track"),
    ('b', "POST", "/v1/geofences"),
    ('b', "PUT", "/v1/contents/c"),
    ('b', "PUT", "/v1/triggers/t"),
    ('b', "PATCH", "/v1/project"),
    ('b', "POST", "/v1/keys"),
    ('b', "PUT", "/v1/users/anna"),
    ('b', "PUT", "/v1/facts/stay/s1"),
    ('b', "POST", "/v1/events"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_no_body_however_broken_is_taken_or_breaks_anything() {
    let (usher, project, phone) = house().await;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000)).into_bytes();
    let bodies: Vec<(Vec<u8>, u16)> = vec![
        (b"".to_vec(), 400),
        (b"{".to_vec(), 400),
        (b"{\"a\":1,}".to_vec(), 400),
        (b"{'a':1}".to_vec(), 400),
        (b"{\"a\":NaN}".to_vec(), 400),
        (b"{\"a\":1e999}".to_vec(), 400),
        (b"{\"a\":01}".to_vec(), 400),
        (b"{\"a\":\"\\ud800\"}".to_vec(), 400),
        (b"{\"a\":\"\xff\xfe\"}".to_vec(), 400),
        (b"\xef\xbb\xbf{}".to_vec(), 400),
        (b"{} {}".to_vec(), 400),
        (b"{\"name\":\"x\",\"name\":\"y\"}".to_vec(), 400),
        (b"{\"x\":{\"k\":1,\"k\":1}}".to_vec(), 400),
        (deep("[", "]"), 400),
        (deep("{\"a\":", "}"), 400),
        (b"[".repeat(10_000), 400),
        (b"[]".to_vec(), 422),
        (b"null".to_vec(), 422),
        (b"7".to_vec(), 422),
        (b"\"text\"".to_vec(), 422),
        (b"{\"no_such_field\":1}".to_vec(), 422),
        (
            format!("{{\"a\":\"{}\"}}", "x".repeat(3 * 1024 * 1024)).into_bytes(),
            413,
        ),
    ];
    for (who, method, path) in WRITES {
        let caller = match who {
            'a' => &project.app,
            'd' => &phone.caller,
            _ => &project.business,
        };
        let method: Method = method.parse().unwrap();
        for (body, expected) in &bodies {
            let start: String = String::from_utf8_lossy(body).chars().take(40).collect();
            let answer = caller.send(method.clone(), path, &JSON, body.clone()).await;
            let refusal = answer.refusal();
            assert_eq!(answer.status, *expected, "{method} {path} {start}: {refusal}");
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "",
        ] {
            let answer = caller
                .send(method.clone(), path, &[("content-type", kind)], b"{}".to_vec())
                .await;
            answer.refused(415, "media_type_unsupported");
        }
        for encoding in ["br", "deflate", "gzip, gzip", "zstd", "nonsense"] {
            let headers = [JSON[0], ("content-encoding", encoding)];
            caller
                .send(method.clone(), path, &headers, b"{}".to_vec())
                .await
                .refused(415, "encoding_unsupported");
        }
        let headers = [JSON[0], ("content-encoding", "gzip")];
        caller
            .send(method.clone(), path, &headers, b"not gzip at all".to_vec())
            .await
            .refusal();
    }
    // The house still stands.
    let answer = phone.track(usher.now(), &[fix("f", usher.now(), LAT, LNG)]).await;
    assert_eq!(answer["moments"][0]["kind"], json!("entered"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_of_a_batch_is_answered_and_a_bad_one_harms_no_other() {
    let (usher, project, phone) = house().await;
    let now = usher.now();
    let with = |id: &str, changes: Value| {
        let mut record = fix(id, now, LAT, LNG);
        record
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        record
    };
    let bad = vec![
        json!(7),
        json!(null),
        json!([]),
        json!({}),
        json!({ "id": "x", "at": now, "type": "teleport" }),
        json!({ "id": "x", "at": now, "type": "fix" }),
        with("n1", json!({ "lat": "NaN" })),
        with("n2", json!({ "lat": 91.0 })),
        with("n3", json!({ "lat": 116.37, "lng": 48.2 })),
        with("n4", json!({ "lng": -180.001 })),
        with("n5", json!({ "lat": 1e308, "lng": 1e308 })),
        with("n6", json!({ "accuracy_m": -1 })),
        with("n7", json!({ "accuracy_m": 1e300 })),
        with("n8", json!({ "speed_mps": -0.1 })),
        with("n9", json!({ "heading_deg": 361 })),
        with("n10", json!({ "at": "yesterday" })),
        with("n11", json!({ "at": null })),
        with("n12", json!({ "at": "2026-13-45T99:99:99Z" })),
        with("n13", json!({ "source": "x".repeat(129) })),
        with("n14", json!({ "source": "nul\u{0}nul" })),
        with("", json!({})),
        with(&"x".repeat(129), json!({})),
        json!({ "id": "e1", "at": now, "type": "event", "name": "" }),
        json!({ "id": "e2", "at": now, "type": "event", "name": "n", "properties": { "big": "x".repeat(20_000) } }),
        json!({ "id": "c1", "at": now, "type": "context", "battery": 80 }),
        json!({ "id": "c2", "at": now, "type": "context", "time_zone": "Mars/Olympus" }),
        json!({ "id": "r1", "at": now, "type": "receipt", "message_id": "nonsense", "status": "opened" }),
        json!({ "id": "k1", "at": now, "type": "crossing", "geofence_id": "nonsense", "transition": "enter" }),
    ];
    let count = bad.len();
    let mut records = bad;
    records.push(fix("good", now, LAT, LNG));
    let answer = phone.track(now, &records).await;
    let acks = answer["acks"].as_array().unwrap();
    for (ack, record) in acks[..count].iter().zip(&records) {
        assert_eq!(ack["status"], json!("rejected"), "{record}: {ack}");
        assert!(
            ack["code"].as_str().is_some_and(super::caller::is_code),
            "{record}: {ack}"
        );
        assert!(
            ack["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
            "{record}: {ack}"
        );
    }
    let swapped = &acks[8]["detail"];
    assert!(swapped.as_str().unwrap().contains("swapped"), "{swapped}");
    assert_eq!(acks[count], json!({ "id": "good", "status": "accepted" }));
    assert_eq!(answer["moments"].as_array().unwrap().len(), 1);

    let many: Vec<Value> = (0..1_001)
        .map(|index| fix(&format!("m{index}"), now, LAT, LNG))
        .collect();
    let refused = phone.caller.post("/v1/track", &json!({ "records": many })).await;
    assert_eq!(refused.refused(413, "too_many_records")["pointer"], json!("/records"));
    let answer = phone.track(now, &many[..1_000]).await;
    assert!(
        answer["acks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|ack| ack["status"] == json!("accepted"))
    );
    assert_eq!(project.moments("entered").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_clocks_of_any_kind_are_kept_and_change_nothing() {
    let (usher, project, phone) = house().await;
    let now = usher.now();
    let clocks = [
        "1901-12-13T20:45:52Z",
        "1970-01-01T00:00:00Z",
        "2038-01-19T03:14:08Z",
        "9999-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
    ];
    let broken: Vec<Value> = clocks.iter().enumerate().map(|(index, at)| {
        json!({ "id": format!("c{index}"), "at": at, "type": "fix", "lat": LAT, "lng": LNG, "accuracy_m": 5 })
    }).collect();
    let answer = phone.caller.post("/v1/track", &json!({ "records": broken })).await.ok();
    assert_eq!(answer["moments"], json!([]), "{answer}");
    for sent_at in ["1901-12-13T20:45:52Z", "9999-12-31T23:59:59Z"] {
        let body = json!({ "sent_at": sent_at, "sent_mono_ms": u64::MAX, "boot_id": "b", "records": [
            { "id": format!("m-{sent_at}"), "mono_ms": 0, "boot_id": "b", "type": "fix", "lat": LAT, "lng": LNG },
            { "id": format!("n-{sent_at}"), "at": sent_at, "mono_ms": u64::MAX, "type": "context" } ] });
        phone.caller.post("/v1/track", &body).await.ok();
    }
    let answer = phone.track(now, &[fix("good", now, LAT, LNG)]).await;
    assert_eq!(answer["moments"][0]["evidence"]["record_id"], json!("good"), "{answer}");
    assert_eq!(project.moments("entered").await.len(), 1);
    for at in ["1500-01-01T00:00:00Z", "+12345-01-01T00:00:00Z", "soon"] {
        project
            .business
            .post(
                "/v1/events",
                &json!({ "user_ref": "a", "name": "n", "occurred_at": at }),
            )
            .await
            .refusal();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_methods_and_paths_are_told_apart() {
    let (_usher, project, phone) = house().await;
    let wrong = [
        ("DELETE", "/v1/track"),
        ("GET", "/v1/track"),
        ("PUT", "/v1/geofences"),
        ("POST", "/v1/decisions"),
        ("DELETE", "/v1/users"),
        ("PATCH", "/v1/users/anna"),
        ("GET", "/v1/triggers/welcome/publish"),
        ("POST", "/healthz"),
        ("BREW", "/v1/track"),
        ("MKCOFFEE", "/v1/users"),
    ];
    for (method, path) in wrong {
        let answer = project
            .business
            .send(method.parse().unwrap(), path, &JSON, b"{}".to_vec())
            .await;
        answer.refused(405, "method_not_allowed");
        let allowed = answer
            .headers
            .get("allow")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        assert!(
            !allowed.is_empty() && !allowed.contains(method),
            "{method} {path}: {allowed}"
        );
    }
    let measures = project.business.get("/metrics").await.text();
    assert!(measures.contains("method=\"PATCH\"") && measures.contains("method=\"other\""));
    assert!(!measures.contains("COFFEE"), "a caller may make no series of its own");
    let paths = [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v2/track",
        "/v1/track/",
        "/v1/%00",
        "/v1/users/%00",
        "/v1/users/%ff%fe",
        "/v1/geofences/nonsense",
        "/v1/geofences/fen_00000000000000000000000000000000",
        "/.env",
        "/wp-login.php",
        "/v1/facts/stay",
        "/v1/triggers/none",
        "/v1/contents/none",
    ];
    for path in paths {
        for caller in [&project.business, &phone.caller, &project.business.stranger()] {
            let answer = caller.get(path).await;
            let refusal = answer.refusal();
            assert!([401, 403, 404].contains(&answer.status), "{path}: {refusal}");
        }
        assert!([404, 403].contains(&project.business.get(path).await.status), "{path}");
    }
    for query in [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=many",
        "cursor=nonsense",
        "cursor=",
        "code=nonsense",
        "moment=nonsense",
        "no_such=1",
    ] {
        let answer = project.business.get(&format!("/v1/decisions?{query}")).await;
        let refusal = answer.refusal();
        assert_eq!(answer.status, 400, "{query}: {refusal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_c5_bombs_in_conditions_and_templates_are_refused_where_they_are_saved() {
    let (_usher, project, _) = house().await;
    let long = format!("'{}' == 'x'", "a".repeat(1_100));
    let conditions = [
        "[1,2,3].map(x, [1,2,3].map(y, x * y)) == []".to_owned(),
        "[1,2,3].all(x, x > 0)".to_owned(),
        "(".repeat(500),
        format!("{}true{}", "(".repeat(200), ")".repeat(200)),
        format!("{}1{}", "[".repeat(400), "]".repeat(400)),
        format!("true{}", " ? true : true".repeat(70)),
        format!("1{} == 1", "+1".repeat(400)),
        long,
        "'a'.matches('a{1000}{1000}')".to_owned(),
        "user.no_such.thing ==".to_owned(),
        "stay.hotel == 1".to_owned(),
        "\u{0}".to_owned(),
    ];
    for condition in &conditions {
        for field in ["if", "once_per"] {
            let mut body = json!({ "name": "t", "class": "service", "when": { "entered": { "tag": "hotel" } }, "then": { "content": "welcome" } });
            body[field] = json!(condition);
            let start: String = condition.chars().take(30).collect();
            let refusal = project
                .business
                .put("/v1/triggers/t", &body)
                .await
                .refused(422, "trigger_invalid");
            assert!(refusal["errors"][0]["pointer"].is_string(), "{start}: {refusal}");
            let checked = project.business.post("/v1/triggers/validate", &body).await.ok();
            assert_eq!(checked["valid"], json!(false), "{start}: {checked}");
        }
    }
    let loops = "{% for a in 'xxxxxxxxxx' %}".repeat(4) + "x" + &"{% endfor %}".repeat(4);
    let templates = [
        loops,
        "{{ ".repeat(300),
        format!("{{{{ {}1{} }}}}", "(".repeat(150), ")".repeat(150)),
        "x".repeat(2_001),
        "{% include 'etc/passwd' %}".to_owned(),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{{ 'x' * 1000000000 }}".to_owned(),
        "{{ range(1000000000) }}".to_owned(),
        "{% set x = 1 %}".to_owned() + &"{% if x %}".repeat(300),
        "{{ user.first_name".to_owned(),
    ];
    for template in &templates {
        let start: String = template.chars().take(30).collect();
        let body = json!({ "name": "c", "default_locale": "en", "ttl": "P1D", "locales": { "en": { "title": "t", "body": template } } });
        let refusal = project
            .business
            .put("/v1/contents/c", &body)
            .await
            .refused(422, "content_invalid");
        assert_eq!(refusal["pointer"], json!("/locales/en/body"), "{start}");
    }
    project.business.get("/v1/contents/c").await.refused(404, "not_found");
    project.business.get("/v1/triggers/t").await.refused(404, "not_found");
}
