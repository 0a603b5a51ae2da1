//! The part of a commit that is about messages: their rows, their deliveries, and what must no longer be sent.

use super::change::Change;
use super::codec::{IN_LIST_MAX, also};
use super::commit::{messages, send_key_name};
use super::error::StoreError;
use super::look_deliveries::{DeliveryRow, delivery_row};
use super::script::Script;
use super::sealed;
use super::vault::Vault;
use crate::base::id::{DeviceId, EndpointId, MessageId, ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::{DeliveryState, Planned};
use crate::engine::message::Message;
use crate::engine::step::leaves_at;
use ::entity::{delivery, message};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter};
use std::collections::BTreeMap;

/// Messages, and their deliveries ready to be claimed.
pub(super) fn write(script: &mut Script, vault: &Vault, changes: &[&Change]) -> Result<(usize, usize), StoreError> {
    let mut rows: Vec<message::ActiveModel> = Vec::new();
    let mut outbox: Vec<delivery::ActiveModel> = Vec::new();
    for (change, made) in messages(changes) {
        let project = change.project_id;
        outbox.extend(deliveries(change, made).map(IntoActiveModel::into_active_model));
        // The deliveries have rows of their own, and more of them may come.
        let alone = Message {
            deliveries: Vec::new(),
            ..made.clone()
        };
        let model = message::Model {
            id: made.id.uuid(),
            project_id: project.uuid(),
            user_id: made.user_id.uuid(),
            send_key: send_key_name(vault, project, &made.send_key)?,
            created_at: made.created_at,
            expires_at: made.expires_at,
            body: vault.seal(project.uuid(), sealed::MESSAGE, &alone)?,
        };
        rows.push(model.into_active_model());
    }
    for change in changes {
        let subject = &change.effects.subject;
        let (user, at) = (
            subject.user_id,
            subject.stepped_at.map(Timestamp::from).unwrap_or_default(),
        );
        for (message, planned) in &change.effects.redirected {
            let model = queued(change.project_id, user, *message, planned, at);
            outbox.push(model.into_active_model());
        }
    }
    let counts = (rows.len(), outbox.len());
    script.insert(rows, None);
    script.insert(outbox, None);
    Ok(counts)
}

/// What a change that leases its deliveries will have written of them.
pub fn leased(change: &Change) -> Result<Vec<DeliveryRow>, StoreError> {
    let is_leased = change.leased_until.is_some();
    let messages = change.effects.messages.iter().filter(|_| is_leased);
    messages
        .flat_map(|made| deliveries(change, made))
        .map(delivery_row)
        .collect()
}

/// The deliveries of one message, as they are first written.
fn deliveries(change: &Change, made: &Message) -> impl Iterator<Item = delivery::Model> {
    made.deliveries.iter().map(move |planned| {
        let queued = delivery::Model {
            run_at: leaves_at(&change.effects, made, planned.channel),
            ..queued(change.project_id, made.user_id, made.id, planned, made.created_at)
        };
        match change.leased_until {
            // As if it had been claimed in the same instant.
            Some(until) => delivery::Model {
                state: DeliveryState::Sending.as_str().to_owned(),
                attempts: 1,
                lease_until: Some(until),
                ..queued
            },
            None => queued,
        }
    })
}

/// A delivery that is due at once.
fn queued(project: ProjectId, user: UserId, message: MessageId, planned: &Planned, at: Timestamp) -> delivery::Model {
    delivery::Model {
        id: planned.id.uuid(),
        project_id: project.uuid(),
        message_id: message.uuid(),
        user_id: user.uuid(),
        device_id: planned.device_id.map(DeviceId::uuid),
        channel: planned.channel.as_str().to_owned(),
        endpoint_id: planned.endpoint_id.map(EndpointId::uuid),
        replay_of: None,
        state: DeliveryState::Queued.as_str().to_owned(),
        attempts: 0,
        run_at: at,
        lease_until: None,
        why: None,
        provider_id: None,
        created_at: at,
        updated_at: at,
        because: planned.because.clone(),
        accepted_at: None,
        received_at: None,
        displayed_at: None,
        opened_at: None,
    }
}

/// Takes back what nobody has begun to send; a delivery under way is the dispatcher's to settle.
pub(super) async fn cancel(txn: &DatabaseTransaction, changes: &[&Change]) -> Result<u64, StoreError> {
    let mut back: BTreeMap<(ProjectId, ReasonCode), Vec<(UserId, MessageId)>> = BTreeMap::new();
    for change in changes {
        let (effects, project) = (&change.effects, change.project_id);
        for (messages, why) in [
            (&effects.cancelled, ReasonCode::Cancelled),
            (&effects.superseded, ReasonCode::Superseded),
        ] {
            if !messages.is_empty() {
                let theirs = messages.iter().map(|message| (effects.subject.user_id, *message));
                back.entry((project, why)).or_default().extend(theirs);
            }
        }
    }
    let mut cancelled = 0;
    for ((project, why), messages) in back {
        for chunk in messages.chunks(IN_LIST_MAX) {
            let update = delivery::Entity::update_many()
                .col_expr(delivery::Column::State, Expr::value("cancelled"))
                .col_expr(delivery::Column::Why, Expr::value(why.as_str()))
                .filter(also(delivery::Column::ProjectId, project.uuid()))
                .filter(delivery::Column::UserId.is_in(chunk.iter().map(|(user, _)| user.uuid())))
                .filter(delivery::Column::MessageId.is_in(chunk.iter().map(|(_, message)| message.uuid())))
                .filter(also(delivery::Column::State, "queued"));
            cancelled += update.exec(txn).await?.rows_affected;
        }
    }
    Ok(cancelled)
}
