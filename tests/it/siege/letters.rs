//! Tenants, phones, and an outbox filled as a commit fills it.
use chrono::TimeDelta;
use usher::base::id::{MessageId, ProjectId};
use usher::base::time::Timestamp;
use usher::engine::catalogue::{Mode, ProjectSettings};
use usher::engine::delivery::{ChannelKind, Planned};
use usher::engine::fix::Permission;
use usher::engine::message::{Message, Shown, Urgency};
use usher::engine::step::Effects;
use usher::engine::subject::{Consent, Purpose, Subject};
use usher::engine::trigger::Audience;
use usher::store::{Change, DeviceRow, ProjectRow, Registration, Store};
use uuid::Uuid;

/// One message to one phone of one tenant.
#[derive(Debug, Clone, Copy)]
pub struct Letter {
    pub tenant: u128,
    pub phone: u128,
    pub number: u128,
    pub lives_s: i64,
}

pub fn project(tenant: u128) -> ProjectId {
    Uuid::from_u128(tenant).into()
}

pub fn token(phone: u128) -> String {
    format!("token-{phone}")
}

/// The id that the message of this number has.
pub fn message_id(number: u128) -> String {
    let id: MessageId = Uuid::from_u128(number).into();
    id.to_string()
}

/// A tenant.
pub async fn found(store: &Store, tenant: u128, now: Timestamp) {
    let row = ProjectRow {
        id: project(tenant),
        name: format!("tenant {tenant}"),
        mode: Mode::Live,
        salt: "salt".into(),
        settings: ProjectSettings::default(),
        catalogue_version: 0,
        created_at: now,
    };
    store.create_project(&row).await.unwrap();
}

/// A phone whose person agreed to be told.
pub async fn register(store: &Store, tenant: u128, phone: u128, now: Timestamp) {
    let granted = Consent {
        granted: true,
        at: now - TimeDelta::days(1),
    };
    let registration = Registration {
        device: device(tenant, phone, now),
        consents: vec![(Purpose::Service, granted)],
        source: "device".into(),
    };
    store.register_device(&registration).await.unwrap();
}

/// Puts messages into the outbox, as a commit does.
pub async fn queue(store: &Store, letters: &[Letter], now: Timestamp) {
    for letters in letters.chunks(500) {
        let changes: Vec<Change> = letters.iter().map(|letter| change(letter, now)).collect();
        store.commit(&changes).await.unwrap();
    }
}

pub fn device(tenant: u128, phone: u128, now: Timestamp) -> DeviceRow {
    DeviceRow {
        id: Uuid::from_u128(phone).into(),
        project_id: project(tenant),
        user_id: Uuid::from_u128(phone).into(),
        installation_id: format!("installation {phone}"),
        token_hash: phone.to_be_bytes().repeat(2),
        platform: Some("android".into()),
        app_version: None,
        locale: None,
        time_zone: None,
        notifications: Permission::Granted,
        push: Some((ChannelKind::Fcm, token(phone))),
        push_set_at: None,
        sealing_key: None,
        created_at: now,
        last_seen_at: None,
    }
}

fn change(letter: &Letter, now: Timestamp) -> Change {
    Change {
        project_id: project(letter.tenant),
        effects: Effects {
            subject: Box::new(Subject::new(Uuid::from_u128(letter.phone).into())),
            changed: true,
            moments: Vec::new(),
            decisions: Vec::new(),
            messages: vec![message(letter, now)],
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

fn message(letter: &Letter, now: Timestamp) -> Message {
    let id = Uuid::from_u128(letter.number);
    Message {
        id: id.into(),
        user_id: Uuid::from_u128(letter.phone).into(),
        decision_id: id.into(),
        trigger_id: Uuid::from_u128(7).into(),
        content: "news".into(),
        send_key: format!("key {}", letter.number),
        created_at: now,
        expires_at: now + TimeDelta::seconds(letter.lives_s),
        facts: Vec::new(),
        shown: Shown {
            locale: "en".into(),
            title: "News".into(),
            body: "Something happened".into(),
            sensitive: false,
            public_title: None,
            public_body: None,
            link: None,
            image: None,
            actions: Vec::new(),
            pass: None,
            tag: format!("news:{}", letter.number),
            urgency: Urgency::Normal,
            ends_at: None,
        },
        promo: false,
        corrects: None,
        silent: false,
        to: Audience::User,
        deliveries: vec![Planned {
            endpoint_id: None,
            id: id.into(),
            device_id: Some(Uuid::from_u128(letter.phone).into()),
            channel: ChannelKind::Fcm,
            because: None,
        }],
    }
}
