//! The cast of the store's tests: one project, people, devices, and what happens to them.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::change::{Change, DeviceRow, FactPut};
use super::testing::{Fresh, open_fresh};
use super::{FenceRow, ProjectRow, Registration};
use crate::base::id::{DecisionId, DeliveryId, DeviceId, IdSource, MessageId, MomentId, ProjectId, TriggerId, UserId};
use crate::base::time::Timestamp;
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::engine::decision::{Decision, ReasonCode};
use crate::engine::delivery::{ChannelKind, Planned};
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use crate::engine::fix::Permission;
use crate::engine::message::{Message, Shown, Urgency};
use crate::engine::moment::{Evidence, Moment, MomentKind};
use crate::engine::step::Effects;
use crate::engine::subject::{Consent, Purpose, Subject};
use crate::engine::trigger::Audience;
use chrono::TimeDelta;
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

pub(super) fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(number).into()
}

pub(super) fn project() -> ProjectId {
    id(1)
}

pub(super) fn noon() -> Timestamp {
    "2026-05-04T12:00:00Z".parse().unwrap()
}

pub(super) fn after(seconds: i64) -> Timestamp {
    noon() + TimeDelta::seconds(seconds)
}

pub(super) fn project_row(number: u128) -> ProjectRow {
    ProjectRow {
        id: id(number),
        name: format!("project {number}"),
        mode: Mode::Test,
        salt: format!("salt {number}"),
        settings: ProjectSettings::default(),
        catalogue_version: 0,
        created_at: noon(),
    }
}

/// A store with one project.
pub(super) async fn open() -> Fresh {
    let store = open_fresh().await.unwrap();
    store.create_project(&project_row(1)).await.unwrap();
    store
}

/// Device `number` of user `number`, reachable at an address of its own.
pub(super) fn device(number: u128) -> DeviceRow {
    DeviceRow {
        id: id(number),
        project_id: project(),
        user_id: id(number),
        installation_id: format!("installation {number}"),
        token_hash: vec![u8::try_from(number).unwrap(); 32],
        platform: Some("android".into()),
        app_version: Some("1.0".into()),
        locale: Some("de-AT".into()),
        time_zone: Some("Europe/Vienna".into()),
        notifications: Permission::Granted,
        push: Some((ChannelKind::Tray, format!("address {number}"))),
        push_set_at: None,
        sealing_key: None,
        created_at: noon(),
        last_seen_at: None,
    }
}

pub(super) fn registration(number: u128) -> Registration {
    let granted = Consent {
        granted: true,
        at: noon(),
    };
    let consents = vec![(Purpose::Location, granted), (Purpose::Service, granted)];
    Registration {
        device: device(number),
        consents,
        source: "device".into(),
    }
}

/// A change of user `number` that says nothing yet.
pub(super) fn change(number: u128) -> Change {
    Change {
        project_id: project(),
        effects: Effects {
            subject: Box::new(Subject::new(id(number))),
            changed: true,
            moments: Vec::new(),
            decisions: Vec::new(),
            messages: Vec::new(),
            cancelled: Vec::new(),
            superseded: Vec::new(),
            receipts: Vec::new(),
            refused: Vec::new(),
            fixes: Vec::new(),
            forwarded: Vec::new(),
            redirected: Vec::new(),
            instances: Vec::new(),
            held_back: Vec::new(),
            wake_at: None,
        },
        rows: Vec::new(),
        inbox_done: None,
        leased_until: None,
    }
}

/// A change that sends message `message` to device and user `number`.
pub(super) fn sending(number: u128, message: u128, send_key: &str) -> Change {
    let mut change = change(number);
    change.effects.messages.push(self::message(number, message, send_key));
    change
}

pub(super) fn message(number: u128, message: u128, send_key: &str) -> Message {
    Message {
        id: id(message),
        user_id: id(number),
        decision_id: id(message),
        trigger_id: id(7),
        content: "room-ready".into(),
        send_key: send_key.into(),
        created_at: noon(),
        expires_at: after(3600),
        facts: Vec::new(),
        shown: shown(),
        promo: false,
        corrects: None,
        silent: false,
        to: Audience::User,
        deliveries: vec![Planned {
            id: id(message),
            device_id: Some(id(number)),
            channel: ChannelKind::Tray,
            endpoint_id: None,
            because: None,
        }],
    }
}

fn shown() -> Shown {
    Shown {
        locale: "en".into(),
        title: "Your room is ready".into(),
        body: "Room 412".into(),
        sensitive: true,
        public_title: None,
        public_body: Some("Open the app".into()),
        link: None,
        pass: None,
        image: None,
        actions: Vec::new(),
        tag: "stay:1".into(),
        urgency: Urgency::Normal,
        ends_at: None,
    }
}

pub(super) fn moment(number: u128, moment: u128, at: Timestamp) -> Moment {
    Moment {
        id: id::<MomentId>(moment),
        user_id: id::<UserId>(number),
        device_id: Some(id::<DeviceId>(number)),
        occurred_at: at,
        noticed_at: at,
        kind: MomentKind::Event {
            name: "key_used".into(),
            properties: serde_json::Map::new(),
        },
        evidence: Evidence::default(),
        of: None,
    }
}

pub(super) fn decision(number: u128, decision: u128, code: ReasonCode, at: Timestamp) -> Decision {
    Decision {
        id: id::<DecisionId>(decision),
        user_id: id(number),
        moment_id: id(decision),
        trigger_id: id::<TriggerId>(7),
        trigger: "room-on-arrival".into(),
        revision: 1,
        facts: BTreeMap::new(),
        code,
        decided_at: at,
        until: None,
        message_id: None::<MessageId>,
        late: false,
        arm: None,
        trace: Vec::new(),
    }
}

pub(super) fn delivery(number: u128) -> DeliveryId {
    id(number)
}

pub(super) fn ids(seed: u128) -> IdSource {
    IdSource::new(Uuid::from_u128(seed), noon())
}

/// A stay whose guest is named by the canary of the erasure test.
pub(super) fn stay(key: &str, seq: i64, refs: &[&str]) -> FactPut {
    let properties = json!({ "room": "412", "guest": "canary-in-fact" })
        .as_object()
        .unwrap()
        .clone();
    FactPut {
        project_id: project(),
        fact: Fact {
            id: FactRef {
                kind: "stay".into(),
                key: key.into(),
            },
            seq,
            subjects: Vec::new(),
            lifecycle: Lifecycle::Active,
            valid_from: Some(noon()),
            valid_to: None,
            sensitive: vec!["room".into()],
            properties,
            changed_at: after(seq),
        },
        subject_refs: refs.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// Of the tag `hotel`.
pub(super) fn fence(number: u128, external_id: &str, name: &str) -> FenceRow {
    FenceRow {
        id: id(number),
        project_id: project(),
        name: name.into(),
        tag: "hotel".into(),
        external_id: external_id.into(),
        shape: json!({ "type": "Circle", "center": [16.37, 48.2], "radius_m": 150.0 })
            .to_string()
            .into(),
        metadata: serde_json::Map::new(),
        time_zone: Some(chrono_tz::Europe::Vienna),
        opening_hours: BTreeMap::new(),
        thresholds: None,
        version: 0,
        updated_at: noon(),
    }
}
