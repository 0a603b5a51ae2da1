//! Mail as a further way, from the push that nobody received to what the mail server took.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{World, open_with};
use crate::base::contact::Contact;
use crate::base::id::UserId;
use crate::channel::email::Tls;
use crate::channel::smtp_peer::{Refuse, SmtpPeer};
use crate::channel::{self, Channels};
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::engine::subject::{Profile, Purpose};
use crate::store::DeviceRow;
use ::fcm::test_server::TestServer;
use serde_json::json;

const MAIL: &str = "ana@guest.example";

/// Ana has an app and a mail address; a push that is not received within two minutes is followed by a mail.
async fn town(server: &SmtpPeer) -> (World, DeviceRow, UserId) {
    let mut settings = channel::Settings::default();
    settings.outside.allow = vec!["127.0.0.0/8".into()];
    settings.email.host = Some("127.0.0.1".into());
    settings.email.port = server.address.port();
    settings.email.tls = Tls::None;
    settings.email.from = Some("Hotel Alpenhof <hello@alpenhof.example>".into());
    let mail = Channels::open(&settings).unwrap().shared(ChannelKind::Email).unwrap();
    let world = open_with(Some(TestServer::start().await.unwrap()), 1, vec![mail]).await;
    let trigger = json!({ "name": "key", "class": "service", "when": { "event": { "name": "key_used" } },
        "then": { "content": "welcome", "fallback": [{ "channel": "email", "after": "PT2M" }] } });
    world.publish(trigger).await;
    let agreed = [Purpose::Location, Purpose::Service, Purpose::Email];
    let phone = world.phone_that(1, &agreed).await;
    let contact = Contact {
        phone: None,
        email: Some(MAIL.into()),
    };
    let person = (Profile::default(), contact);
    let ana = world.pipeline.put_user(world.project, "ana", person).await.unwrap().id;
    for purpose in agreed {
        world.consent(ana, purpose, true).await;
    }
    world.pipeline.identify(&phone, "ana", None).await.unwrap();
    (world, phone, ana)
}

impl World {
    async fn key_is_used(&self, ana: UserId, id: &str) {
        let used = self.key_used(id, "b1");
        self.pipeline.event(self.project, ana, used).await.unwrap();
        self.pipeline.dispatch().await.unwrap();
    }

    /// Time passes, and what falls due is done.
    async fn pass(&self, seconds: i64) {
        self.wait(seconds);
        self.pipeline.tick().await.unwrap();
        self.pipeline.dispatch().await.unwrap();
    }
}

#[tokio::test]
async fn a_push_that_is_not_received_in_two_minutes_is_followed_by_a_mail() {
    let server = SmtpPeer::start().await;
    let (world, phone, ana) = town(&server).await;
    world.key_is_used(ana, "e1").await;
    world.pass(119).await;
    assert!(server.taken().is_empty());
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
    world.pass(1).await;
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert!(taken[0].to.contains(MAIL) && taken[0].from.contains("hello@alpenhof.example"));
    assert!(taken[0].text.contains("Good to see you"), "{}", taken[0].text);
    let rows = world.deliveries().await;
    assert_eq!(
        (rows[0].channel, rows[0].state),
        (ChannelKind::Email, DeliveryState::Accepted)
    );
    assert_eq!(rows[0].because.as_deref(), Some("not received within PT2M"));
    assert_eq!((rows[0].message_id, rows[0].device_id), (rows[1].message_id, None));

    // What the phone got is not said twice.
    world.wait(1);
    world.key_is_used(ana, "e2").await;
    let message_id = world.deliveries().await[0].message_id;
    let receipt =
        json!({ "id": "r1", "at": world.now(), "type": "receipt", "message_id": message_id, "status": "received" });
    world
        .track(&phone, vec![serde_json::from_value(receipt).unwrap()])
        .await;
    world.pass(600).await;
    assert_eq!(server.taken().len(), 1);
    assert!(world.fresh.books(world.project).await.unwrap().balance());
}

#[tokio::test]
async fn a_mailbox_that_is_unknown_goes_from_the_contact() {
    let server = SmtpPeer::start().await;
    let (world, _, ana) = town(&server).await;
    world.key_is_used(ana, "e1").await;
    server.refuse_next(Refuse::At("RCPT", "550 5.1.1 no such user"));
    world.pass(120).await;
    assert_eq!(world.deliveries().await[0].state, DeliveryState::Failed);
    let user = world.fresh.user(world.project, ana).await.unwrap().unwrap();
    assert_eq!(user.contact.email, None);
    assert!(world.subject(ana).await.profile.reached_by.is_empty());
    world.key_is_used(ana, "e2").await;
    world.pass(600).await;
    assert!(server.taken().is_empty());
    let mails = world
        .deliveries()
        .await
        .into_iter()
        .filter(|row| row.channel == ChannelKind::Email);
    assert_eq!(mails.count(), 1, "nothing is queued for nobody");
}
