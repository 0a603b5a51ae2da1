//! A push token belongs to one device at a time, and nobody's message goes to a phone that is another one's: random histories
//! against a model of a few lines.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{World, id, world};
use crate::base::id::{DeviceId, UserId};
use crate::base::limits;
use crate::engine::delivery::ChannelKind;
use crate::engine::fix::Permission;
use crate::engine::subject::{Consent, Purpose};
use crate::store::{DeviceRow, Registration};
use chrono::TimeDelta;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
enum Op {
    /// Installation, token.
    Register(u8, u8),
    Update(u8, Option<u8>),
    Identify(u8, u8),
    SignOut(u8),
    /// Something is said to whoever holds this installation.
    Event(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let (phone, token, name) = (0..3_u8, 0..3_u8, 0..2_u8);
    prop_oneof![
        (phone.clone(), token.clone()).prop_map(|(phone, token)| Op::Register(phone, token)),
        (phone.clone(), proptest::option::of(token)).prop_map(|(phone, token)| Op::Update(phone, token)),
        (phone.clone(), name).prop_map(|(phone, name)| Op::Identify(phone, name)),
        phone.clone().prop_map(Op::SignOut),
        phone.prop_map(Op::Event),
    ]
}

/// Who holds which token, as it must be.
#[derive(Default)]
struct Model {
    phones: BTreeMap<u8, DeviceId>,
    tokens: BTreeMap<u8, u8>,
}

impl Model {
    fn give(&mut self, phone: u8, token: Option<u8>) {
        if let Some(token) = token {
            self.tokens.retain(|_, held| *held != token);
        }
        match token {
            Some(token) => self.tokens.insert(phone, token),
            None => self.tokens.remove(&phone),
        };
    }
}

fn address(token: u8) -> (ChannelKind, String) {
    (ChannelKind::Tray, format!("token-{token}"))
}

async fn register(world: &World, number: u128, phone: u8, token: u8) -> DeviceId {
    let now = world.now();
    let device = DeviceRow {
        id: id(1_000 + number),
        project_id: world.project,
        user_id: id(2_000 + number),
        installation_id: format!("installation {phone}"),
        token_hash: number.to_be_bytes().to_vec(),
        platform: None,
        app_version: None,
        locale: None,
        time_zone: None,
        notifications: Permission::Granted,
        push: Some(address(token)),
        push_set_at: None,
        sealing_key: None,
        created_at: now,
        last_seen_at: Some(now),
    };
    let consent = Consent { granted: true, at: now };
    let registration = Registration {
        device,
        consents: vec![(Purpose::Service, consent)],
        source: "device".into(),
    };
    world.pipeline.register(registration).await.unwrap().device.id
}

async fn apply(world: &World, model: &mut Model, number: usize, op: &Op) {
    let held = async |phone: &u8| match model.phones.get(phone) {
        Some(device) => world.fresh.device(world.project, *device).await.unwrap(),
        None => None,
    };
    match op {
        Op::Register(phone, token) => {
            let device = register(world, number as u128, *phone, *token).await;
            model.phones.insert(*phone, device);
            model.give(*phone, Some(*token));
        }
        Op::Update(phone, token) => {
            let Some(device) = held(phone).await else { return };
            let push = token.map(address);
            world
                .pipeline
                .update_device(DeviceRow { push, ..device })
                .await
                .unwrap();
            model.give(*phone, *token);
        }
        Op::Identify(phone, name) => {
            let Some(device) = held(phone).await else { return };
            world
                .pipeline
                .identify(&device, &format!("user {name}"), None)
                .await
                .unwrap();
        }
        Op::SignOut(phone) => {
            let Some(device) = held(phone).await else { return };
            world.pipeline.sign_out(&device).await.unwrap();
        }
        Op::Event(phone) => {
            let Some(device) = held(phone).await else { return };
            let key = format!("e{number}");
            let event = world.key_used(&key, &key);
            world
                .pipeline
                .event(world.project, device.user_id, event)
                .await
                .unwrap();
        }
    }
}

/// The store's addresses are the model's, no token stands twice, and the engine sees what the store has.
async fn check_addresses(world: &World, model: &Model) {
    let mut seen = BTreeSet::new();
    for (phone, device) in &model.phones {
        let row = world.fresh.device(world.project, *device).await.unwrap().unwrap();
        let wanted = model.tokens.get(phone).map(|token| address(*token));
        assert_eq!(row.push, wanted, "phone {phone}");
        assert!(
            row.push.is_none_or(|push| seen.insert(push.1)),
            "one token at two devices"
        );
        let subject = world.subject(row.user_id).await;
        assert_eq!(
            subject.devices.get(device).unwrap().about.channel.is_some(),
            wanted.is_some(),
            "phone {phone} as the engine knows it"
        );
    }
}

/// Nothing that was said to one person can be sent to a phone that is another one's, or to a token that moved on.
async fn check_claims(world: &World, model: &Model) {
    let claimed = world
        .fresh
        .claim_deliveries(world.now(), TimeDelta::seconds(1), limits::DELIVERIES_PER_CLAIM_MAX)
        .await
        .unwrap();
    for claim in claimed {
        let row = world
            .fresh
            .device(world.project, claim.delivery.device_id.unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(claim.push, row.push, "the address is the one the device has now");
        assert_eq!(claim.owner, Some(row.user_id));
        let phone = model
            .phones
            .iter()
            .find(|(_, device)| **device == row.id)
            .map(|(phone, _)| *phone);
        let wanted = phone
            .and_then(|phone| model.tokens.get(&phone))
            .map(|token| address(*token));
        assert_eq!(claim.push, wanted);
    }
}

/// What goes out goes to who holds the phone: everything that is accepted was for its owner. The phone is looked up after
/// the send, for a message that cannot reach its own phone may go to another one of the same person.
async fn check_sent(world: &World) {
    let before: BTreeSet<_> = accepted(world).await.into_iter().map(|(id, ..)| id).collect();
    world.wait(5);
    while world.pipeline.dispatch().await.unwrap() > 0 {}
    for (delivery, device, user) in accepted(world).await {
        if !before.contains(&delivery) {
            let phone = world.fresh.device(world.project, device).await.unwrap();
            assert_eq!(
                phone.map(|phone| phone.user_id),
                Some(user),
                "sent to a phone that is another one's"
            );
        }
    }
}

async fn accepted(world: &World) -> Vec<(crate::base::id::DeliveryId, DeviceId, UserId)> {
    use crate::engine::delivery::DeliveryState::Accepted;
    let all = world.deliveries().await.into_iter();
    all.filter(|delivery| delivery.state == Accepted)
        .map(|delivery| (delivery.id, delivery.device_id.unwrap(), delivery.user_id))
        .collect()
}

async fn run(ops: &[Op]) {
    let world = world().await;
    world.publish_key().await;
    let mut model = Model::default();
    for (number, op) in ops.iter().enumerate() {
        world.wait(2);
        apply(&world, &mut model, number, op).await;
        check_addresses(&world, &model).await;
        if number % 3 == 0 {
            check_claims(&world, &model).await;
        }
    }
    check_sent(&world).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_token_is_one_devices_and_a_message_its_owners(ops in proptest::collection::vec(op(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&ops));
    }
}
