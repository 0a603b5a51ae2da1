//! The ladder through the pipeline: addresses of people as they are when it is sent, what is taken back, and books that balance.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::CalledBack;
use super::world::{World, event, open_with, token};
use crate::base::contact::Contact;
use crate::base::id::UserId;
use crate::base::secret::Secret;
use crate::channel::http_peer::{HttpPeer, Reply};
use crate::channel::{self, Channel, Channels, Push};
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::{ChannelKind, DeliveryState, Outcome};
use crate::engine::subject::{Profile, Purpose};
use crate::store::{DeliveryRow, ProviderSaid, ProviderWord};
use ::fcm::test_server::TestServer;
use futures_util::future::{BoxFuture, FutureExt, ready};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// Text messages, with what the gateway answers next and what it was given.
#[derive(Default)]
struct Gateway {
    answers: Mutex<Vec<Outcome>>,
    sent_to: Mutex<Vec<String>>,
}

struct Sms(Arc<Gateway>);

impl Channel for Sms {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Sms
    }

    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome> {
        self.0.sent_to.lock().unwrap().push(push.address.to_owned());
        let accepted = || Outcome::Accepted {
            provider_id: format!("sms/{}", push.message.id),
        };
        let answer = self.0.answers.lock().unwrap().pop();
        ready(answer.unwrap_or_else(accepted)).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        ready(Ok(())).boxed()
    }
}

/// The channel as the configuration opens it, to a gateway of the test's own.
fn configured(gateway: &HttpPeer) -> Arc<dyn Channel> {
    let mut settings = channel::Settings::default();
    settings.outside.allow = vec!["127.0.0.0/8".into()];
    settings.sms.account_sid = Some("AC0123".into());
    settings.sms.auth_token = Some(Secret::new("gateway-token"));
    settings.sms.from = Some("Alpenhof".into());
    settings.sms.base_url = gateway.url("");
    Channels::open(&settings).unwrap().shared(ChannelKind::Sms).unwrap()
}

const PHONE: &str = "+436641234567";

async fn town(fcm: Option<TestServer>) -> (World, Arc<Gateway>) {
    let gateway = Arc::new(Gateway::default());
    let world = town_with(fcm, Arc::new(Sms(Arc::clone(&gateway)))).await;
    (world, gateway)
}

async fn town_with(fcm: Option<TestServer>, sms: Arc<dyn Channel>) -> World {
    let world = open_with(fcm, 1, vec![sms]).await;
    let trigger = json!({ "name": "key", "class": "service", "when": { "event": { "name": "key_used" } },
        "then": { "content": "welcome", "fallback": [{ "channel": "sms", "after": "PT2M" }] } });
    world.publish(trigger).await;
    world
}

impl World {
    async fn reachable_at(&self, user_ref: &str, phone: Option<&str>) -> UserId {
        let contact = Contact {
            phone: phone.map(str::to_owned),
            email: None,
        };
        let person = (Profile::default(), contact);
        self.pipeline.put_user(self.project, user_ref, person).await.unwrap().id
    }

    /// Somebody without any app, who agreed to text messages.
    async fn without_app(&self) -> UserId {
        let ana = self.reachable_at("ana", Some(PHONE)).await;
        for purpose in [Purpose::Service, Purpose::Sms] {
            self.consent(ana, purpose, true).await;
        }
        ana
    }

    async fn uses_key(&self, user: UserId, id: &str) {
        let used = self.key_used(id, "b1");
        self.pipeline.event(self.project, user, used).await.unwrap();
    }

    async fn books_balance(&self) {
        let books = self.fresh.books(self.project).await.unwrap();
        assert!(books.balance(), "{books:?}");
    }
}

#[tokio::test]
async fn who_has_no_app_gets_the_sms_at_the_number_they_have_when_it_is_sent() {
    let (world, gateway) = town(None).await;
    let ana = world.without_app().await;
    world.uses_key(ana, "e1").await;
    world.reachable_at("ana", Some("+436647654321")).await;
    world.books_balance().await;
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(*gateway.sent_to.lock().unwrap(), ["+436647654321"]);
    let rows = world.deliveries().await;
    let row = &rows[0];
    assert_eq!((row.device_id, row.channel), (None, ChannelKind::Sms));
    assert_eq!(
        (row.state, row.passed.accepted_at),
        (DeliveryState::Accepted, Some(world.now()))
    );
    world.books_balance().await;
}

#[tokio::test]
async fn a_number_or_a_consent_that_is_gone_stops_the_sms_with_its_reason() {
    let (world, gateway) = town(None).await;
    let ana = world.without_app().await;
    world.uses_key(ana, "e1").await;
    world.reachable_at("ana", None).await;
    world.pipeline.dispatch().await.unwrap();
    let rows = world.deliveries().await;
    let why = rows[0].why.as_deref().unwrap();
    assert_eq!(rows[0].state, DeliveryState::Failed);
    assert!(why.contains("no address"), "{why}");
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::ProviderError]);

    world.reachable_at("ana", Some(PHONE)).await;
    world.uses_key(ana, "e2").await;
    world.consent(ana, Purpose::Sms, false).await;
    world.pipeline.dispatch().await.unwrap();
    assert!(world.states().await.contains(&DeliveryState::Cancelled));
    assert!(gateway.sent_to.lock().unwrap().is_empty());
    world.books_balance().await;
}

#[tokio::test]
async fn a_dead_token_brings_the_sms_at_once_and_a_silent_phone_after_two_minutes() {
    let (world, gateway) = town(Some(TestServer::start().await.unwrap())).await;
    let phone = world
        .phone_that(1, &[Purpose::Location, Purpose::Service, Purpose::Sms])
        .await;
    let ana = world.reachable_at("ana", Some(PHONE)).await;
    world.consent(ana, Purpose::Service, true).await;
    world.consent(ana, Purpose::Sms, true).await;
    world.pipeline.identify(&phone, "ana", None).await.unwrap();
    world.uses_key(ana, "e1").await;
    world.pipeline.dispatch().await.unwrap();
    world.wait(119);
    world.pipeline.tick().await.unwrap();
    world.pipeline.dispatch().await.unwrap();
    assert!(gateway.sent_to.lock().unwrap().is_empty());
    world.wait(1);
    assert_eq!(world.pipeline.tick().await.unwrap(), 1);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(gateway.sent_to.lock().unwrap().len(), 1);
    let rows = world.deliveries().await;
    assert_eq!(rows[0].because.as_deref(), Some("not received within PT2M"));
    assert_eq!(rows[0].message_id, rows[1].message_id);

    world.server().unregister(&token(1));
    world.uses_key(ana, "e2").await;
    world.pipeline.dispatch().await.unwrap();
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(gateway.sent_to.lock().unwrap().len(), 2);
    world.books_balance().await;
}

#[tokio::test]
async fn a_number_that_takes_no_texts_costs_no_device_its_address() {
    let gateway = HttpPeer::start().await;
    let json = "content-type: application/json\r\n";
    gateway.reply_always(Reply::Full(400, json, r#"{ "code": 21614 }"#.to_owned()));
    let world = town_with(None, configured(&gateway)).await;
    let phone = world.phone(1).await;
    let ana = world.reachable_at("ana", Some(PHONE)).await;
    for purpose in [Purpose::Service, Purpose::Sms] {
        world.consent(ana, purpose, true).await;
    }
    world.pipeline.identify(&phone, "ana", None).await.unwrap();
    for id in ["e1", "e2"] {
        world.uses_key(ana, id).await;
        world.pipeline.dispatch().await.unwrap();
        world.wait(120);
        world.pipeline.tick().await.unwrap();
        world.pipeline.dispatch().await.unwrap();
        let device = world.fresh.device(world.project, phone.id).await.unwrap().unwrap();
        assert_eq!(device.push, Some((ChannelKind::Tray, token(1))));
    }
    let posted = gateway.received();
    assert_eq!(posted.len(), 1, "the number went with the first refusal");
    assert!(posted[0].body.contains("To=%2B436641234567"), "{}", posted[0].body);
    let mut states = world.states().await;
    states.sort();
    let (shown, refused) = (DeliveryState::Accepted, DeliveryState::Failed);
    assert_eq!(states, [shown, shown, refused]);
    // It was shown on the phone: nobody gives up for the number alone.
    assert_eq!(world.codes().await, [ReasonCode::Sent; 2]);
    world.books_balance().await;
}

#[tokio::test]
async fn a_phone_that_says_it_got_it_spares_the_sms_and_the_hops_are_kept() {
    let (world, gateway) = town(None).await;
    let phone = world.phone(1).await;
    let ana = world.reachable_at("ana", Some(PHONE)).await;
    for purpose in [Purpose::Service, Purpose::Sms] {
        world.consent(ana, purpose, true).await;
    }
    world.pipeline.identify(&phone, "ana", None).await.unwrap();
    let phone = world.fresh.device(world.project, phone.id).await.unwrap().unwrap();
    world.uses_key(ana, "e1").await;
    world.pipeline.dispatch().await.unwrap();
    let message_id = world.deliveries().await[0].message_id;
    let said = |id: &str, status: &str, after: i64| {
        let at = world.now() + chrono::TimeDelta::seconds(after);
        let record = json!({ "id": id, "at": at, "type": "receipt", "message_id": message_id, "status": status });
        serde_json::from_value(record).unwrap()
    };
    world.wait(30);
    // Twice, and in the wrong order: the first time of each is kept.
    let records = vec![said("r2", "displayed", -5), said("r1", "received", -20)];
    world.track(&phone, records.clone()).await;
    world
        .track(&phone, vec![said("r3", "received", -1), records[0].clone()])
        .await;
    let row = world.deliveries().await.remove(0);
    let after = |at: Option<crate::base::time::Timestamp>| at.map(|at| (world.now() - at).num_seconds());
    assert_eq!(row.state, DeliveryState::Displayed);
    assert_eq!(
        (after(row.passed.received_at), after(row.passed.displayed_at)),
        (Some(20), Some(5))
    );
    world.wait(600);
    world.pipeline.tick().await.unwrap();
    world.pipeline.dispatch().await.unwrap();
    assert!(gateway.sent_to.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_taken_back_is_not_sent_also_when_it_was_being_tried_again() {
    let (world, gateway) = town(None).await;
    let ana = world.without_app().await;
    world.uses_key(ana, "e1").await;
    let busy = Outcome::Retry {
        after: None,
        why: "busy".to_owned(),
    };
    gateway.answers.lock().unwrap().push(busy);
    world.pipeline.dispatch().await.unwrap();
    let message_id = world.deliveries().await[0].message_id;
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    for _ in 0..2 {
        let back = world.pipeline.call_back(world.project, message_id).await.unwrap();
        let CalledBack::Done(rows) = back else {
            panic!("{back:?}")
        };
        assert_eq!(rows[0].state, DeliveryState::Cancelled);
    }
    world.wait(60);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(gateway.sent_to.lock().unwrap().len(), 1);
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::Cancelled]);
    let unknown = world.pipeline.call_back(world.project, super::world::id(99)).await;
    assert_eq!(unknown.unwrap(), CalledBack::Unknown);

    world.uses_key(ana, "e2").await;
    world.pipeline.dispatch().await.unwrap();
    let gone = world.deliveries().await;
    let gone = gone.iter().find(|row| row.state == DeliveryState::Accepted).unwrap();
    let late = world.pipeline.call_back(world.project, gone.message_id).await.unwrap();
    assert_eq!(late, CalledBack::TooLate);
    world.books_balance().await;
}

#[tokio::test]
async fn a_receipt_from_somebody_elses_phone_or_about_nothing_changes_nothing() {
    let (world, _) = town(None).await;
    let (mine, theirs) = (world.phone(1).await, world.phone(2).await);
    world.track(&mine, vec![event("e1", world.now(), "key_used")]).await;
    world.pipeline.dispatch().await.unwrap();
    let message_id = world.deliveries().await[0].message_id;
    for (number, message) in [(1, message_id), (2, super::world::id(99))] {
        let record = json!({ "id": format!("r{number}"), "at": world.now(), "type": "receipt", "message_id": message,
            "status": "opened" });
        world
            .track(&theirs, vec![serde_json::from_value(record).unwrap()])
            .await;
    }
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
    assert_eq!(world.moments().await.len(), 1, "nobody answered");
}

#[tokio::test]
async fn what_the_gateway_says_later_moves_the_delivery_and_the_ladder_once() {
    let (world, _) = town(None).await;
    let ana = world.without_app().await;
    world.uses_key(ana, "e1").await;
    world.uses_key(ana, "e2").await;
    world.pipeline.dispatch().await.unwrap();
    let rows = world.deliveries().await;
    let word = |row: &DeliveryRow, said| ProviderWord {
        project_id: world.project,
        channel: ChannelKind::Sms,
        provider_id: row.provider_id.clone().unwrap(),
        said,
        at: world.now(),
    };
    let failed = || ProviderSaid::Failed {
        why: "unknown subscriber".to_owned(),
        dead: None,
    };
    assert!(
        world
            .pipeline
            .provider_said(&word(&rows[0], ProviderSaid::Received))
            .await
            .unwrap()
    );
    assert!(!world.pipeline.provider_said(&word(&rows[0], failed())).await.unwrap());
    assert!(world.pipeline.provider_said(&word(&rows[1], failed())).await.unwrap());
    assert!(!world.pipeline.provider_said(&word(&rows[1], failed())).await.unwrap());
    assert_eq!(world.states().await, [DeliveryState::Received, DeliveryState::Failed]);
    let codes = world.codes().await;
    assert_eq!(
        codes.iter().filter(|code| **code == ReasonCode::ProviderError).count(),
        1
    );
    let mut unknown = word(&rows[0], ProviderSaid::Received);
    unknown.provider_id = "nobody".to_owned();
    assert!(!world.pipeline.provider_said(&unknown).await.unwrap());
    world.books_balance().await;
}
