//! Reports of a gateway over sockets: its posts are proven, moved on, and cost a number that is dead.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, FOREIGN, Site, site_through};
use super::server::serve;
use crate::base::secret::Secret;
use crate::channel::http_peer::{HttpPeer, Reply};
use crate::channel::{Channels, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use ring::hmac;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::Duration;

const TOKEN: &str = "gateway-token";
const PHONE: &str = "+436641234567";
const PUBLIC: &str = "https://usher.example";

/// A business that texts people without an app, its gateway, and the address where Usher listens.
struct Town {
    site: Site,
    gateway: HttpPeer,
    address: String,
    http: reqwest::Client,
    /// Where the gateway was told to report.
    reports: String,
}

impl Town {
    async fn new() -> Self {
        let gateway = HttpPeer::start().await;
        let mut settings = Settings::default();
        settings.outside.allow = vec!["127.0.0.0/8".into()];
        settings.sms.account_sid = Some("AC0123".into());
        settings.sms.auth_token = Some(Secret::new(TOKEN));
        settings.sms.from = Some("Alpenhof".into());
        settings.sms.base_url = gateway.url("");
        let channels = Channels::open(&settings).unwrap().reached_at(Some(PUBLIC));
        let site = site_through(channels).await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        actix_web::rt::spawn(serve(listener, site.api.clone()).unwrap());
        let limit = Duration::from_secs(10);
        let http = reqwest::Client::builder().timeout(limit).connect_timeout(limit);
        let mut town = Self {
            site,
            gateway,
            address,
            http: http.build().unwrap(),
            reports: String::new(),
        };
        town.furnish().await;
        town
    }

    async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then_some(body);
        let answer = self.site.ask(method, path, ALL, body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        answer.body
    }

    async fn furnish(&mut self) {
        let content = json!({ "name": "ready", "default_locale": "en", "ttl": "PT2H",
            "locales": { "en": { "title": "Ready", "body": "Come up" } } });
        self.ok("PUT", "/v1/contents/ready", content).await;
        let trigger = json!({ "name": "ready", "class": "service", "when": { "event": { "name": "ready" } },
            "once_per": "moment.id", "max_age": "PT15M", "then": { "content": "ready", "fallback": [{ "channel": "sms", "after": "PT2M" }] } });
        self.ok("PUT", "/v1/triggers/ready", trigger).await;
        self.ok("POST", "/v1/triggers/ready/publish", json!({})).await;
        self.reachable().await;
        let consents = json!({ "service": true, "sms": true });
        self.ok("POST", "/v1/users/ana/consents", consents).await;
    }

    async fn reachable(&self) {
        self.ok("PUT", "/v1/users/ana", json!({ "phone": PHONE })).await;
    }

    async fn phone(&self) -> Value {
        self.ok("GET", "/v1/users/ana", Value::Null).await["phone"].clone()
    }

    /// Something happens that ana is texted about; the gateway answers so.
    async fn happens(&mut self, id: &str, answer: Reply) {
        self.site
            .clock
            .set(self.site.api.pipeline.now() + TimeDelta::minutes(1));
        self.gateway.reply_next(answer);
        let event = json!({ "id": id, "user_ref": "ana", "name": "ready" });
        self.ok("POST", "/v1/events", event).await;
        self.site.api.pipeline.dispatch().await.unwrap();
        let Some(posted) = self.gateway.received().pop() else {
            return;
        };
        let url = reqwest::Url::parse(&format!("http://x/?{}", posted.body)).unwrap();
        let told = url.query_pairs().find(|(name, _)| name == "StatusCallback");
        self.reports = told.unwrap().1.into_owned();
    }

    /// The state of the newest delivery.
    async fn state(&self) -> Value {
        let listed = self.ok("GET", "/v1/deliveries?user_ref=ana", Value::Null).await;
        listed["items"][0]["state"].clone()
    }

    /// Posts a report about a text; signed for this address, if it is.
    async fn report(&self, sid: &str, (status, code): (&str, &str), signed_for: Option<&str>) -> (u16, String) {
        let mut fields = vec![
            ("MessageSid", sid),
            ("MessageStatus", status),
            ("ErrorCode", code),
            ("To", PHONE),
        ];
        let mut request = self
            .http
            .post(self.reports.replace(PUBLIC, &self.address))
            .form(&fields);
        if let Some(url) = signed_for {
            fields.sort_unstable();
            let said: String = fields.iter().flat_map(|(name, value)| [*name, *value]).collect();
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
            let signature = STANDARD.encode(hmac::sign(&key, format!("{url}{said}").as_bytes()));
            request = request.header("X-Twilio-Signature", signature);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn heard(&self, sid: &str, said: (&str, &str)) {
        let answer = self.report(sid, said, Some(&self.reports)).await;
        assert_eq!(answer, (204, String::new()));
    }
}

fn taken(sid: &str) -> Reply {
    Reply::Full(201, "", json!({ "sid": sid }).to_string())
}

fn refused(code: u32) -> Reply {
    Reply::Full(400, "", json!({ "code": code, "status": 400 }).to_string())
}

#[actix_web::test]
async fn a_report_is_proven_before_it_counts_and_says_each_thing_once() {
    let mut town = Town::new().await;
    town.happens("e1", taken("SM1")).await;
    let path = format!("{PUBLIC}/v1/channels/sms/reports/");
    assert!(town.reports.starts_with(&path), "{}", town.reports);
    assert_eq!(town.state().await, "accepted");
    for signed_for in [None, Some("https://elsewhere.example"), Some(PUBLIC)] {
        let (status, text) = town.report("SM1", ("delivered", ""), signed_for).await;
        assert_eq!(status, 403, "{text}");
        assert!(text.contains("signature_invalid"), "{text}");
    }
    town.heard("SM1", ("sent", "")).await;
    town.heard("SM9", ("failed", "21610")).await;
    assert_eq!(
        (town.state().await, town.phone().await),
        (json!("accepted"), json!(PHONE))
    );
    town.heard("SM1", ("delivered", "")).await;
    town.heard("SM1", ("undelivered", "30008")).await;
    assert_eq!(town.state().await, "received");

    // Of another project nothing can be said with it.
    let theirs = town.site.ask("GET", "/v1/project", FOREIGN, None).await.body;
    let theirs = format!("{path}{}", theirs["id"].as_str().unwrap());
    town.happens("e2", taken("SM2")).await;
    let mine = std::mem::replace(&mut town.reports, theirs);
    town.heard("SM2", ("delivered", "")).await;
    assert_eq!(town.state().await, "accepted");
    town.reports = mine;
    town.heard("SM2", ("delivered", "")).await;
    assert_eq!(town.state().await, "received");
}

#[actix_web::test]
async fn a_number_that_is_dead_for_good_goes_from_the_contact_whoever_says_so() {
    let mut town = Town::new().await;
    town.happens("e1", taken("SM1")).await;
    town.heard("SM1", ("undelivered", "30003")).await;
    assert_eq!(
        (town.state().await, town.phone().await),
        (json!("failed"), json!(PHONE))
    );
    town.happens("e2", taken("SM2")).await;
    town.heard("SM2", ("failed", "21610")).await;
    assert_eq!((town.state().await, town.phone().await), (json!("failed"), Value::Null));

    // The engine knows it too: nothing is queued for nobody.
    let posted = town.gateway.received().len();
    town.ok(
        "POST",
        "/v1/events",
        json!({ "id": "e3", "user_ref": "ana", "name": "ready" }),
    )
    .await;
    town.site.api.pipeline.dispatch().await.unwrap();
    assert_eq!(town.gateway.received().len(), posted);
    let decisions = town
        .ok("GET", "/v1/decisions?user_ref=ana&code=no_token", Value::Null)
        .await;
    assert_eq!(decisions["items"][0]["code"], "no_token", "{decisions}");

    for code in [21_211, 21_610, 21_614, 21_635] {
        town.reachable().await;
        town.happens(&format!("code {code}"), refused(code)).await;
        assert_eq!(
            (town.state().await, town.phone().await),
            (json!("failed"), Value::Null),
            "{code}"
        );
    }
    town.reachable().await;
    town.happens("too long", refused(21_617)).await;
    assert_eq!(
        (town.state().await, town.phone().await),
        (json!("failed"), json!(PHONE))
    );
}
