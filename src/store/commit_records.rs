//! The part of a commit that is about records: events, kept fixes, and receipts that move deliveries forward.

use super::change::{Change, EventRow, Row};
use super::codec::{IN_LIST_MAX, also, do_nothing, from_word, insert_all, to_json, to_word};
use super::commit::rows;
use super::error::StoreError;
use super::script::Script;
use super::sealed;
use super::vault::Vault;
use crate::base::id::ProjectId;
use crate::base::time::Timestamp;
use crate::engine::delivery::DeliveryState;
use crate::engine::fix::ReceiptStatus;
use crate::engine::step::{KeptBecause, Received};
use ::entity::{delivery, event, fix, receipt};
use chrono::TimeDelta;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use std::collections::HashMap;
use uuid::Uuid;

/// Stores events; a repeated record id is no second event.
pub(super) async fn write_events(
    txn: &DatabaseTransaction,
    vault: &Vault,
    changes: &[&Change],
) -> Result<u64, StoreError> {
    let mut models: Vec<event::ActiveModel> = Vec::new();
    for (project, row) in rows(changes) {
        if let Row::Event(row) = row {
            models.push(event_model(vault, project, row)?.into_active_model());
        }
    }
    insert_all(txn, models, Some(do_nothing())).await
}

fn event_model(vault: &Vault, project: ProjectId, row: &EventRow) -> Result<event::Model, StoreError> {
    Ok(event::Model {
        project_id: project.uuid(),
        record_id: row.record_id.clone(),
        user_id: row.user_id.uuid(),
        device_id: row.device_id.map(crate::base::id::DeviceId::uuid),
        name: row.name.clone(),
        properties: vault.seal(project.uuid(), sealed::EVENT, &row.properties)?,
        occurred_at: row.occurred_at,
        received_at: row.received_at,
    })
}

pub(super) fn write_fixes(script: &mut Script, changes: &[&Change]) -> Result<(), StoreError> {
    let mut models = Vec::new();
    for change in changes {
        for kept in &change.effects.fixes {
            models.push(fix::ActiveModel {
                id: ActiveValue::NotSet,
                project_id: ActiveValue::Set(change.project_id.uuid()),
                user_id: ActiveValue::Set(change.effects.subject.user_id.uuid()),
                device_id: ActiveValue::Set(kept.device_id.uuid()),
                record_id: ActiveValue::Set(kept.record_id.clone()),
                at: ActiveValue::Set(kept.at),
                body: ActiveValue::Set(to_json(&kept.fix)?),
                why: ActiveValue::Set(because(kept.why).to_owned()),
            });
        }
    }
    script.insert(models, None);
    Ok(())
}

fn because(why: KeptBecause) -> &'static str {
    match why {
        KeptBecause::Evidence => "evidence",
        KeptBecause::Late => "late",
        KeptBecause::Suspect => "suspect",
        KeptBecause::Implausible => "implausible",
        KeptBecause::Simulated => "simulated",
        KeptBecause::Plain => "plain",
    }
}

/// Stores receipts and moves the deliveries they speak of forward.
/// How many were new, and the hops that were told of for the first time.
pub(super) async fn write_receipts(
    txn: &DatabaseTransaction,
    vault: &Vault,
    changes: &[&Change],
) -> Result<(u64, Vec<Hop>), StoreError> {
    let mut models: Vec<receipt::ActiveModel> = Vec::new();
    let mut hops = Vec::new();
    for change in changes {
        for received in &change.effects.receipts {
            let project = change.project_id.uuid();
            let seal = |text: &String| vault.seal_text(project, sealed::RECEIPT, text);
            let model = receipt::Model {
                project_id: project,
                record_id: received.record_id.clone(),
                user_id: change.effects.subject.user_id.uuid(),
                device_id: received.device_id.uuid(),
                message_id: received.message_id.uuid(),
                status: to_word(&received.status)?,
                action: received.action.clone(),
                text: received.text.as_ref().map(seal).transpose()?,
                at: received.at,
            };
            models.push(model.into_active_model());
        }
        move_forward(txn, change.project_id, &change.effects.receipts, &mut hops).await?;
    }
    let new = insert_all(txn, models, Some(do_nothing())).await?;
    Ok((new, hops))
}

/// What it ends with, and how long after the hand-over that was.
pub(super) type Hop = (&'static str, TimeDelta);

/// What a receipt says the message has come to; a failure on the phone is kept as a receipt, the delivery stays where it got.
fn seen(status: ReceiptStatus) -> Option<DeliveryState> {
    match status {
        ReceiptStatus::Received => Some(DeliveryState::Received),
        ReceiptStatus::Displayed => Some(DeliveryState::Displayed),
        ReceiptStatus::Opened | ReceiptStatus::Action | ReceiptStatus::Reply => Some(DeliveryState::Opened),
        ReceiptStatus::Failed => None,
    }
}

/// When a phone said each of these of one message, first.
#[derive(Clone, Copy, Default)]
struct Said {
    furthest: Option<(DeliveryState, Timestamp)>,
    received_at: Option<Timestamp>,
    displayed_at: Option<Timestamp>,
    opened_at: Option<Timestamp>,
}

impl Said {
    fn hear(&mut self, state: DeliveryState, at: Timestamp) {
        self.furthest = self.furthest.max(Some((state, at)));
        let first = match state {
            DeliveryState::Received => &mut self.received_at,
            DeliveryState::Displayed => &mut self.displayed_at,
            DeliveryState::Opened => &mut self.opened_at,
            DeliveryState::Queued
            | DeliveryState::Sending
            | DeliveryState::Accepted
            | DeliveryState::Failed
            | DeliveryState::Expired
            | DeliveryState::Cancelled => return,
        };
        *first = Some(first.map_or(at, |known| known.min(at)));
    }
}

async fn move_forward(
    txn: &DatabaseTransaction,
    project: ProjectId,
    receipts: &[Received],
    hops: &mut Vec<Hop>,
) -> Result<(), StoreError> {
    let mut said: HashMap<(Uuid, Uuid), Said> = HashMap::new();
    for received in receipts {
        let Some(state) = seen(received.status) else { continue };
        let news = said.entry((received.message_id.uuid(), received.device_id.uuid()));
        news.or_default().hear(state, received.at);
    }
    let messages: Vec<Uuid> = said.keys().map(|(message, _)| *message).collect();
    for chunk in messages.chunks(IN_LIST_MAX) {
        let deliveries = delivery::Entity::find()
            .filter(also(delivery::Column::ProjectId, project.uuid()))
            .filter(delivery::Column::MessageId.is_in(chunk.iter().copied()))
            .order_by_asc(delivery::Column::Id)
            .lock_exclusive()
            .all(txn)
            .await?;
        for model in deliveries {
            let news = model.device_id.and_then(|device| said.get(&(model.message_id, device)));
            if let Some(news) = news {
                note(txn, &model, news, hops).await?;
            }
        }
    }
    Ok(())
}

/// Moves one delivery forward, and keeps when it was first said to have come so far.
async fn note(
    txn: &DatabaseTransaction,
    model: &delivery::Model,
    news: &Said,
    hops: &mut Vec<Hop>,
) -> Result<(), StoreError> {
    let state: DeliveryState = from_word("deliveries.state", &model.state)?;
    let next = news.furthest.map_or(state, |(seen, _)| state.after_receipt(seen));
    let moved = news.furthest.filter(|_| next != state).map(|(_, at)| at);
    let first = (
        model.received_at.or(news.received_at),
        model.displayed_at.or(news.displayed_at),
        model.opened_at.or(news.opened_at),
    );
    if moved.is_none() && first == (model.received_at, model.displayed_at, model.opened_at) {
        return Ok(());
    }
    for (hop, known, heard) in [
        ("received", model.received_at, news.received_at),
        ("displayed", model.displayed_at, news.displayed_at),
        ("opened", model.opened_at, news.opened_at),
    ] {
        let first = heard.filter(|_| known.is_none()).zip(model.accepted_at);
        hops.extend(first.map(|(at, handed_over)| (hop, at - handed_over)));
    }
    delivery::Entity::update_many()
        .col_expr(delivery::Column::State, Expr::value(next.as_str()))
        .col_expr(
            delivery::Column::UpdatedAt,
            Expr::value(moved.unwrap_or(model.updated_at)),
        )
        .col_expr(delivery::Column::ReceivedAt, Expr::value(first.0))
        .col_expr(delivery::Column::DisplayedAt, Expr::value(first.1))
        .col_expr(delivery::Column::OpenedAt, Expr::value(first.2))
        .filter(delivery::Column::ProjectId.eq(model.project_id))
        .filter(delivery::Column::Id.eq(model.id))
        .exec(txn)
        .await?;
    Ok(())
}
