//! The main job over HTTP: a business and a phone, from the first request to the reason on record.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, Answer, FOREIGN, Site, site, site_with};
use super::server::Settings;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

async fn ok(site: &Site, method: &str, path: &str, token: &str, body: Value) -> Value {
    let body = (!body.is_null()).then_some(body);
    let answer = site.ask(method, path, token, body).await;
    assert!(
        answer.status.is_success(),
        "{method} {path}: {} {}",
        answer.status,
        answer.text
    );
    answer.body
}

fn hotel() -> Value {
    json!({ "name": "Grand Hotel", "tag": "hotel", "external_id": "H1", "center": { "lat": 48.2, "lng": 16.37 }, "radius_m": 120 })
}

/// A hotel, a text with a secret in it and a trigger that sends it to who walks in.
async fn furnish(site: &Site) {
    ok(site, "POST", "/v1/geofences", ALL, hotel()).await;
    let content = json!({
        "name": "room-ready", "default_locale": "en", "ttl": "PT2H", "variables": { "stay.room": "do_not_send" },
        "locales": { "en": { "title": "Welcome", "body": "Room {{ stay.room }}", "public_body": "Your room is ready" } },
    });
    ok(site, "PUT", "/v1/contents/room-ready", ALL, content).await;
    let trigger = json!({
        "name": "room-on-arrival", "class": "service", "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" },
        "if": "place.external_id == stay.hotel_id", "once_per": "stay.key", "max_age": "PT15M", "then": { "content": "room-ready" },
    });
    ok(site, "PUT", "/v1/triggers/room-on-arrival", ALL, trigger).await;
    ok(site, "POST", "/v1/triggers/room-on-arrival/publish", ALL, json!({})).await;
}

async fn arrive(site: &Site, token: &str) -> Value {
    let batch = json!({ "sent_at": "2026-05-04T12:00:00Z", "records": [
        { "type": "fix", "id": "r1", "at": "2026-05-04T12:00:00Z", "lat": 48.2, "lng": 16.37, "accuracy_m": 10 },
        { "type": "fix", "id": "r2", "at": "2026-05-04T12:00:00Z", "lat": "north", "lng": 16.37 },
        { "type": "fix", "id": "r3", "at": "2026-05-04T12:00:00Z", "lat": 148.2, "lng": 16.37 },
        { "id": "r4" }, 7,
    ] });
    ok(site, "POST", "/v1/track", token, batch).await
}

#[actix_web::test]
async fn a_guest_walks_in_and_the_reason_is_on_record() {
    let site = site().await;
    let token = site.device("installation-1").await;
    ok(
        &site,
        "POST",
        "/v1/devices/me/identify",
        &token,
        json!({ "user_ref": "ada", "locale": "en" }),
    )
    .await;
    furnish(&site).await;
    let stay = json!({ "seq": 1, "subjects": ["ada"], "sensitive": ["room"], "properties": { "hotel_id": "H1", "room": "1204" } });
    let stored = ok(&site, "PUT", "/v1/facts/stay/S1", ALL, stay.clone()).await;
    assert_eq!(stored["outcome"], "stored");
    assert_eq!(
        ok(&site, "PUT", "/v1/facts/stay/S1", ALL, stay).await["outcome"],
        "repeated"
    );

    let taken = arrive(&site, &token).await;
    let acks: Vec<(&str, &str)> = taken["acks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ack| (ack["id"].as_str().unwrap(), ack["status"].as_str().unwrap()))
        .collect();
    let expected = [
        ("r1", "accepted"),
        ("r2", "rejected"),
        ("r3", "rejected"),
        ("r4", "rejected"),
        ("", "rejected"),
    ];
    assert_eq!(acks, expected, "{taken}");
    assert_eq!(taken["moments"][0]["kind"], "entered", "{taken}");

    let decisions = ok(
        &site,
        "GET",
        "/v1/decisions?user_ref=ada&trigger=room-on-arrival&code=sent",
        ALL,
        Value::Null,
    )
    .await;
    let decision = decisions["items"][0].clone();
    assert_eq!(decision["code"], "sent", "{decisions}");
    let path = format!("/v1/decisions/{}", decision["id"].as_str().unwrap());
    let explained = ok(&site, "GET", &path, ALL, Value::Null).await;
    assert_eq!(explained["message"]["body"], "Room 1204", "{explained}");
    assert_eq!(explained["moment"]["kind"], "entered");
    let delivery = explained["deliveries"][0]["id"].as_str().unwrap().to_owned();

    let message = format!("/v1/devices/me/messages/{}", decision["message_id"].as_str().unwrap());
    assert_eq!(
        ok(&site, "GET", &message, &token, Value::Null).await["body"],
        "Room 1204"
    );
    let other = site.device("installation-2").await;
    assert_eq!(
        site.ask("GET", &message, &other, None).await.status.as_u16(),
        404,
        "only the device it was for"
    );
    assert_eq!(site.ask("GET", &path, FOREIGN, None).await.status.as_u16(), 404);
    let delivery = format!("/v1/deliveries/{delivery}");
    assert_eq!(site.ask("GET", &delivery, FOREIGN, None).await.status.as_u16(), 404);
    assert_eq!(ok(&site, "GET", &delivery, ALL, Value::Null).await["state"], "queued");
}

#[actix_web::test]
async fn what_is_somebody_elses_looks_like_what_is_not_there() {
    let site = site().await;
    site.device("installation-1").await;
    furnish(&site).await;
    ok(&site, "PUT", "/v1/users/ada", ALL, json!({})).await;
    ok(
        &site,
        "PUT",
        "/v1/facts/stay/S1",
        ALL,
        json!({ "seq": 1, "subjects": ["ada"], "properties": {} }),
    )
    .await;
    let fences = ok(&site, "GET", "/v1/geofences", ALL, Value::Null).await;
    assert_eq!(fences["items"][0]["geometry"]["type"], "Point", "{fences}");
    assert_eq!(fences["items"][0]["radius_m"], 120.0);
    let fence = format!("/v1/geofences/{}", fences["items"][0]["id"].as_str().unwrap());
    for (method, path, absent) in [
        (
            "GET",
            fence.as_str(),
            "/v1/geofences/fen_01970a3e5c0070008000000000000001",
        ),
        (
            "DELETE",
            fence.as_str(),
            "/v1/geofences/fen_01970a3e5c0070008000000000000001",
        ),
        ("GET", "/v1/users/ada", "/v1/users/nobody"),
        ("DELETE", "/v1/users/ada", "/v1/users/nobody"),
        ("GET", "/v1/users/ada/export", "/v1/users/nobody/export"),
        ("GET", "/v1/users/ada/facts", "/v1/users/nobody/facts"),
        ("GET", "/v1/users/ada/consents", "/v1/users/nobody/consents"),
        ("GET", "/v1/facts/stay/S1", "/v1/facts/stay/S2"),
        ("GET", "/v1/contents/room-ready", "/v1/contents/nothing"),
        ("GET", "/v1/triggers/room-on-arrival", "/v1/triggers/nothing"),
        (
            "POST",
            "/v1/triggers/room-on-arrival/pause",
            "/v1/triggers/nothing/pause",
        ),
    ] {
        let (theirs, nothing) = (
            site.ask(method, path, FOREIGN, None).await,
            site.ask(method, absent, FOREIGN, None).await,
        );
        assert_eq!(
            (theirs.status.as_u16(), &theirs.text),
            (404, &nothing.text),
            "{method} {path}"
        );
    }
    for list in [
        "users",
        "geofences",
        "contents",
        "triggers",
        "moments",
        "decisions",
        "deliveries",
    ] {
        let page = ok(&site, "GET", &format!("/v1/{list}"), FOREIGN, Value::Null).await;
        assert_eq!(page["items"], json!([]), "{list}");
    }
}

#[actix_web::test]
async fn a_wrong_trigger_is_refused_with_every_error() {
    let site = site().await;
    let trigger = json!({
        "name": "t", "class": "service", "when": { "entered": { "tag": "hotel" } }, "if": "stey.room == 1",
        "wait": { "until": "nonsense((", "at_most": "PT1H" }, "then": { "content": "missing" },
    });
    let told = ok(&site, "POST", "/v1/triggers/validate", ALL, trigger.clone()).await;
    assert_eq!(told["valid"], false);
    let pointers: Vec<&str> = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert!(
        ["/if", "/wait/until", "/then/content"]
            .iter()
            .all(|pointer| pointers.contains(pointer)),
        "{told}"
    );
    let refused = site.ask("PUT", "/v1/triggers/t", ALL, Some(trigger)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.body["code"].as_str()),
        (422, Some("trigger_invalid")),
        "{}",
        refused.text
    );
    assert_eq!(refused.body["errors"].as_array().map(Vec::len), Some(pointers.len()));
    let shape = ok(&site, "POST", "/v1/triggers/validate", ALL, json!({ "name": 7 })).await;
    assert_eq!(shape["valid"], false);
}

#[actix_web::test]
async fn an_import_answers_for_each_row() {
    let site = site().await;
    let ring = json!([[[16.0, 48.0], [16.1, 48.0], [16.1, 48.1], [16.0, 48.0]]]);
    let feature = |id: &str, geometry: Value| json!({ "type": "Feature", "geometry": geometry, "properties": { "name": id, "tag": "area", "external_id": id } });
    let file = json!({ "type": "FeatureCollection", "features": [
        feature("A", json!({ "type": "Polygon", "coordinates": ring })),
        feature("B", json!({ "type": "LineString", "coordinates": [[16.0, 48.0], [16.1, 48.0]] })),
    ] });
    let tried = ok(&site, "POST", "/v1/geofences/import?dry_run=true", ALL, file.clone()).await;
    assert_eq!((&tried["added"], &tried["invalid"]), (&json!(1), &json!(1)), "{tried}");
    assert_eq!(tried["rows"][1]["code"], "unsupported_type", "{tried}");
    assert_eq!(
        ok(&site, "GET", "/v1/geofences", ALL, Value::Null).await["items"],
        json!([]),
        "a dry run writes nothing"
    );
    assert_eq!(
        ok(&site, "POST", "/v1/geofences/import", ALL, file.clone()).await["added"],
        1
    );
    assert_eq!(ok(&site, "POST", "/v1/geofences/import", ALL, file).await["same"], 1);
    let csv = "name,tag,external_id,lat,lng,radius_m\nOne,shop,1,48.2,16.3,80\nTwo,shop,2,here,16.3,80\n";
    let request = TestRequest::post()
        .uri("/v1/geofences/import")
        .insert_header(("authorization", format!("Bearer {ALL}")));
    let answer = site
        .send(request.insert_header(("content-type", "text/csv")).set_payload(csv))
        .await;
    assert_eq!(
        (&answer.body["added"], &answer.body["invalid"]),
        (&json!(1), &json!(1)),
        "{}",
        answer.text
    );
    assert_eq!(answer.body["rows"][1]["pointer"], "/1/lat", "{}", answer.text);
}

#[actix_web::test]
async fn a_phone_is_told_what_to_watch() {
    let site = site().await;
    let token = site.device("installation-1").await;
    ok(&site, "POST", "/v1/geofences", ALL, hotel()).await;
    let regions = ok(
        &site,
        "GET",
        "/v1/devices/me/regions?lat=48.2&lng=16.37",
        &token,
        Value::Null,
    )
    .await;
    assert_eq!(regions["regions"][0]["why"], "inside", "{regions}");
    assert_eq!(regions["bubble"]["radius_m"], 5000.0);
    for query in ["lat=91&lng=0", "lat=NaN&lng=0", "lng=0", "lat=0&lng=0&limit=96"] {
        let answer = site
            .ask("GET", &format!("/v1/devices/me/regions?{query}"), &token, None)
            .await;
        assert_eq!(answer.status.as_u16(), 400, "{query}: {}", answer.text);
    }
}

async fn osmand(site: &Site, query: &str) -> Answer {
    site.send(TestRequest::get().uri(&format!("/v1/ingest/osmand?{query}")))
        .await
}

#[actix_web::test]
async fn phones_with_an_app_from_the_store_are_understood() {
    let site = site_with(Settings {
        osmand_query: true,
        ..Settings::default()
    })
    .await;
    let token = site.device("installation-1").await;
    let fix = json!({ "type": "Feature", "geometry": { "type": "Point", "coordinates": [16.37, 48.2] },
        "properties": { "timestamp": "2026-05-04T12:00:00Z", "horizontal_accuracy": 5 } });
    let taken = ok(
        &site,
        "POST",
        "/v1/ingest/overland",
        &token,
        json!({ "locations": [fix] }),
    )
    .await;
    assert_eq!(taken, json!({ "result": "ok" }));
    let message = r#"{"_type":"location","lat":48.2,"lon":16.37,"tst":1777896000,"acc":9}"#;
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("ada:{token}"));
    let request = TestRequest::post()
        .uri("/v1/ingest/owntracks")
        .insert_header(("authorization", format!("Basic {basic}")));
    assert_eq!(site.send(request.set_payload(message)).await.text, "[]");
    let query = format!("id={token}&lat=48.2&lon=16.37&timestamp=1777896000");
    assert_eq!(osmand(&site, &query).await.status.as_u16(), 200);
    assert_eq!(
        osmand(&site, "id=dt_wrong&lat=48.2&lon=16.37").await.status.as_u16(),
        401
    );
    let refused = site
        .ask("POST", "/v1/ingest/overland", &token, Some(json!({ "points": [] })))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.body["code"].as_str()),
        (400, Some("report_invalid"))
    );
    let closed = super::fixture_tests::site().await;
    let token = closed.device("installation-1").await;
    let query = format!("id={token}&lat=48.2&lon=16.37&timestamp=1777896000");
    assert_eq!(
        osmand(&closed, &query).await.status.as_u16(),
        401,
        "off unless the operator allows it"
    );
}

#[actix_web::test]
async fn a_device_may_change_sign_out_and_be_forgotten() {
    let site = site().await;
    let token = site.device("installation-1").await;
    let me = ok(
        &site,
        "PATCH",
        "/v1/devices/me",
        &token,
        json!({ "locale": "pt-BR", "time_zone": "Europe/Lisbon" }),
    )
    .await;
    assert_eq!(
        (&me["locale"], &me["platform"], &me["push_channel"]),
        (&json!("pt-BR"), &json!("android"), &json!("tray"))
    );
    let wrong = site
        .ask(
            "PATCH",
            "/v1/devices/me",
            &token,
            Some(json!({ "time_zone": "Mars/Olympus" })),
        )
        .await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.body["pointer"].as_str()),
        (422, Some("/time_zone"))
    );
    let state = ok(
        &site,
        "POST",
        "/v1/devices/me/consents",
        &token,
        json!({ "promo": false }),
    )
    .await;
    assert_eq!(state["consents"]["promo"]["granted"], false);
    assert_eq!(state["consents"]["location"]["granted"], true);
    let anonymous = ok(&site, "POST", "/v1/devices/me/sign-out", &token, Value::Null).await;
    assert_ne!(anonymous["user_id"], me["user_id"]);
    assert!(
        ok(&site, "GET", "/v1/devices/me/export", &token, Value::Null)
            .await
            .is_object()
    );
    ok(&site, "POST", "/v1/devices/me/erase", &token, Value::Null).await;
    let after = site
        .ask("POST", "/v1/track", &token, Some(json!({ "records": [] })))
        .await;
    assert!(
        after.status.is_client_error() || after.status.is_success(),
        "{}",
        after.text
    );
}
