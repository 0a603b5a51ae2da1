//! Everything that is stored about one person, as one JSON document (DESIGN.md 5.16).

use super::codec::from_json;
use super::connect::Store;
use super::devices::{consent_row, device_row};
use super::error::StoreError;
use super::fact_versions::versions_naming;
use super::facts::fact_row;
use super::instances::instance_row;
use super::look::event_row;
use super::merge::merged_users;
use super::people::user_row;
use super::sealed::{self, Column};
use super::vault::Vault;
use crate::base::id::{ProjectId, UserId};
use ::entity::{
    attempt, consent, decision, delivery, device, device_owner, event, fact, fact_subject, fix,
    journey_instance as instance, message, moment, receipt, subject, user,
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

impl Store {
    /// None when there is no such user. Credentials are no part of it: only their hashes exist.
    pub async fn export_user(&self, project: ProjectId, id: UserId) -> Result<Option<Value>, StoreError> {
        let txn = self.read_txn().await?;
        let select = user::Entity::find_by_id(id.uuid()).filter(user::Column::ProjectId.eq(project.uuid()));
        let Some(model) = select.one(&txn).await? else {
            return Ok(None);
        };
        let vault = &self.vault;
        let row = user_row(vault, &model)?;
        let bodies = |column: Column, texts: Vec<String>| {
            let read = |text: &String| vault.open::<Value>(project.uuid(), column, text);
            texts.iter().map(read).collect::<Result<Vec<Value>, StoreError>>()
        };
        let document = json!({
            "user": { "id": row.id, "profile": row.profile, "contact": row.contact, "created_at": row.created_at, "updated_at": row.updated_at },
            "was": was(&txn, vault, project, id).await?,
            "consents": consents(&txn, project, id).await?,
            "devices": devices(&txn, vault, project, id).await?,
            "facts": facts(&txn, vault, project, id).await?,
            "fact_versions": versions_naming(&txn, vault, project, id).await?,
            "events": events(&txn, vault, project, id).await?,
            "fixes": fixes(&txn, project, id).await?,
            "moments": bodies(sealed::MOMENT, rows_of::<moment::Entity>(&txn, (project, id), moment::Column::ProjectId, moment::Column::UserId, moment::Column::NoticedAt).await?.into_iter().map(|model| model.body).collect())?,
            "decisions": bodies(sealed::DECISION, rows_of::<decision::Entity>(&txn, (project, id), decision::Column::ProjectId, decision::Column::UserId, decision::Column::DecidedAt).await?.into_iter().map(|model| model.body).collect())?,
            "messages": bodies(sealed::MESSAGE, rows_of::<message::Entity>(&txn, (project, id), message::Column::ProjectId, message::Column::UserId, message::Column::CreatedAt).await?.into_iter().map(|model| model.body).collect())?,
            "deliveries": deliveries(&txn, project, id).await?,
            "receipts": receipts(&txn, vault, project, id).await?,
            "journeys": journeys(&txn, project, id).await?,
            "state": bodies(sealed::SUBJECT, rows_of::<subject::Entity>(&txn, (project, id), subject::Column::ProjectId, subject::Column::UserId, subject::Column::UserId).await?.into_iter().map(|model| model.state).collect())?,
        });
        txn.commit().await?;
        Ok(Some(document))
    }
}

/// Who the person was before anybody knew them: everything else of that time is among their own.
async fn was(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    id: UserId,
) -> Result<Vec<Value>, StoreError> {
    let mut all = Vec::new();
    for model in merged_users(txn, project, id).await? {
        let former: UserId = model.id.into();
        all.push(json!({
            "id": former, "created_at": model.created_at, "consents": consents(txn, project, former).await?,
            "devices": devices(txn, vault, project, former).await?,
        }));
    }
    Ok(all)
}

/// The rows of a table that are the user's, in order.
async fn rows_of<E: EntityTrait>(
    txn: &DatabaseTransaction,
    (project, id): (ProjectId, UserId),
    project_column: E::Column,
    user_column: E::Column,
    order: E::Column,
) -> Result<Vec<E::Model>, StoreError> {
    let mine = E::find()
        .filter(project_column.eq(project.uuid()))
        .filter(user_column.eq(id.uuid()));
    Ok(mine.order_by_asc(order).all(txn).await?)
}

async fn consents(txn: &DatabaseTransaction, project: ProjectId, id: UserId) -> Result<Vec<Value>, StoreError> {
    let value = |model| {
        let row = consent_row(model)?;
        Ok(json!({ "purpose": row.purpose, "granted": row.granted, "at": row.at, "source": row.source }))
    };
    rows_of::<consent::Entity>(
        txn,
        (project, id),
        consent::Column::ProjectId,
        consent::Column::UserId,
        consent::Column::At,
    )
    .await?
    .into_iter()
    .map(value)
    .collect()
}

async fn devices(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    id: UserId,
) -> Result<Value, StoreError> {
    let mut now = Vec::new();
    for model in rows_of::<device::Entity>(
        txn,
        (project, id),
        device::Column::ProjectId,
        device::Column::UserId,
        device::Column::Id,
    )
    .await?
    {
        let row = device_row(vault, model)?;
        now.push(json!({
            "id": row.id, "installation_id": row.installation_id, "platform": row.platform,
            "app_version": row.app_version, "locale": row.locale, "time_zone": row.time_zone,
            "notifications": row.notifications, "push": row.push, "push_set_at": row.push_set_at,
            "sealing_key": row.sealing_key.map(|key| key.p256dh()), "created_at": row.created_at,
            "last_seen_at": row.last_seen_at,
        }));
    }
    let owned: Vec<Value> = rows_of::<device_owner::Entity>(
        txn,
        (project, id),
        device_owner::Column::ProjectId,
        device_owner::Column::UserId,
        device_owner::Column::FromAt,
    )
    .await?
    .into_iter()
    .map(|model| {
        let device = crate::base::id::DeviceId::from(model.device_id);
        json!({ "device_id": device, "from_at": model.from_at, "to_at": model.to_at })
    })
    .collect();
    Ok(json!({ "now": now, "owned": owned }))
}

async fn facts(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    id: UserId,
) -> Result<Vec<Value>, StoreError> {
    let mut facts = Vec::new();
    for key in rows_of::<fact_subject::Entity>(
        txn,
        (project, id),
        fact_subject::Column::ProjectId,
        fact_subject::Column::UserId,
        fact_subject::Column::Kind,
    )
    .await?
    {
        if let Some(model) = fact::Entity::find_by_id((key.project_id, key.kind, key.key))
            .one(txn)
            .await?
        {
            let mut fact = fact_row(vault, model)?;
            // Who else it is about is not this person's to know.
            fact.subjects.retain(|subject| *subject == id);
            facts.push(json!(fact));
        }
    }
    Ok(facts)
}

async fn journeys(txn: &DatabaseTransaction, project: ProjectId, id: UserId) -> Result<Vec<Value>, StoreError> {
    let value = |model| {
        let row = instance_row(model);
        json!({
            "id": row.id, "journey_id": row.journey_id, "version": row.version, "key": row.key, "state": row.state,
            "started_at": row.started_at, "since": row.since, "ends_at": row.ends_at, "ended_at": row.ended_at,
            "exit": row.exit,
        })
    };
    let rows = rows_of::<instance::Entity>(
        txn,
        (project, id),
        instance::Column::ProjectId,
        instance::Column::UserId,
        instance::Column::StartedAt,
    );
    Ok(rows.await?.into_iter().map(value).collect())
}

async fn events(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    id: UserId,
) -> Result<Vec<Value>, StoreError> {
    let value = |model| {
        let row = event_row(vault, model)?;
        Ok(json!({
            "record_id": row.record_id, "name": row.name, "properties": row.properties, "device_id": row.device_id,
            "occurred_at": row.occurred_at, "received_at": row.received_at,
        }))
    };
    rows_of::<event::Entity>(
        txn,
        (project, id),
        event::Column::ProjectId,
        event::Column::UserId,
        event::Column::OccurredAt,
    )
    .await?
    .into_iter()
    .map(value)
    .collect()
}

async fn fixes(txn: &DatabaseTransaction, project: ProjectId, id: UserId) -> Result<Vec<Value>, StoreError> {
    let value = |model: fix::Model| {
        let body: Value = from_json("fixes.body", &model.body)?;
        Ok(json!({ "record_id": model.record_id, "at": model.at, "fix": body, "kept_as": model.why }))
    };
    rows_of::<fix::Entity>(
        txn,
        (project, id),
        fix::Column::ProjectId,
        fix::Column::UserId,
        fix::Column::At,
    )
    .await?
    .into_iter()
    .map(value)
    .collect()
}

async fn deliveries(txn: &DatabaseTransaction, project: ProjectId, id: UserId) -> Result<Vec<Value>, StoreError> {
    let mut values = Vec::new();
    for model in rows_of::<delivery::Entity>(
        txn,
        (project, id),
        delivery::Column::ProjectId,
        delivery::Column::UserId,
        delivery::Column::CreatedAt,
    )
    .await?
    {
        let attempts = attempt::Entity::find()
            .filter(attempt::Column::DeliveryId.eq(model.id))
            .order_by_asc(attempt::Column::Number)
            .all(txn)
            .await?;
        let attempts: Vec<Value> = attempts
            .into_iter()
            .map(|tried| json!({ "number": tried.number, "at": tried.at, "outcome": tried.outcome, "detail": tried.detail }))
            .collect();
        values.push(json!({
            "id": crate::base::id::DeliveryId::from(model.id),
            "message_id": crate::base::id::MessageId::from(model.message_id),
            "channel": model.channel, "state": model.state, "why": model.why, "because": model.because,
            "accepted_at": model.accepted_at, "received_at": model.received_at, "displayed_at": model.displayed_at,
            "opened_at": model.opened_at,
            "created_at": model.created_at, "updated_at": model.updated_at, "attempts": attempts,
        }));
    }
    Ok(values)
}

async fn receipts(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    id: UserId,
) -> Result<Vec<Value>, StoreError> {
    let value = |model: receipt::Model| {
        let open = |text: &String| vault.open_text(model.project_id, sealed::RECEIPT, text);
        let text = model.text.as_ref().map(open).transpose()?;
        Ok(json!({
            "record_id": model.record_id, "message_id": crate::base::id::MessageId::from(model.message_id),
            "status": model.status, "action": model.action, "text": text, "at": model.at,
        }))
    };
    rows_of::<receipt::Entity>(
        txn,
        (project, id),
        receipt::Column::ProjectId,
        receipt::Column::UserId,
        receipt::Column::At,
    )
    .await?
    .into_iter()
    .map(value)
    .collect()
}
