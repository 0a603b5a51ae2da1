//! Journeys and their versions: every edit is a new draft, and what is published stays for who follows it.

use super::codec::{from_json, from_word, to_json, to_word};
use super::connect::Store;
use super::error::StoreError;
use super::paging::{Page, PageAsk, named};
use super::projects::bump_catalogue;
use super::triggers::{RevisionState, TriggerState};
use crate::base::id::{JourneyId, ProjectId};
use crate::base::time::Timestamp;
use crate::engine::journey::Journey;
use ::entity::{journey, journey_version as version};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

/// One journey through all its versions, as stored. It is live or at rest as a trigger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyRow {
    pub id: JourneyId,
    pub project_id: ProjectId,
    pub name: String,
    pub state: TriggerState,
    /// The published version; none while it is a draft.
    pub live_version: Option<i64>,
    pub created_at: Timestamp,
}

/// One edit of a journey, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRow {
    pub journey_id: JourneyId,
    pub version: i64,
    pub definition: Journey,
    pub state: RevisionState,
    pub created_at: Timestamp,
    pub published_at: Option<Timestamp>,
    pub retired_at: Option<Timestamp>,
}

impl Store {
    /// Stores an edit as the newest draft of this journey, which is made when it is new. The same words as in the newest
    /// version are no edit. `Conflict` when another journey of the project has the name.
    pub async fn put_journey(
        &self,
        project: ProjectId,
        id: JourneyId,
        definition: &Journey,
        at: Timestamp,
    ) -> Result<(JourneyRow, VersionRow), StoreError> {
        let txn = self.write_txn().await?;
        let row = match held(&txn, project, id).await? {
            Some(model) => journey_row(model)?,
            None => added(&txn, project, id, &definition.name, at).await?,
        };
        let newest = newest(&txn, project, id).await?;
        if let Some(newest) = &newest
            && newest.definition == *definition
        {
            txn.commit().await?;
            return Ok((row, newest.clone()));
        }
        let number = newest.map_or(0, |newest| newest.version) + 1;
        let draft = add_version(&txn, project, (id, number), definition, at).await?;
        txn.commit().await?;
        Ok((row, draft))
    }

    pub async fn journey_by_name(&self, project: ProjectId, name: &str) -> Result<Option<JourneyRow>, StoreError> {
        let select = journey::Entity::find()
            .filter(journey::Column::ProjectId.eq(project.uuid()))
            .filter(journey::Column::Name.eq(name));
        select.one(&self.reader).await?.map(journey_row).transpose()
    }

    /// Journeys of a project, newest first.
    pub async fn journeys(&self, project: ProjectId, ask: &PageAsk) -> Result<Page<JourneyRow>, StoreError> {
        let mut select = journey::Entity::find().filter(journey::Column::ProjectId.eq(project.uuid()));
        if let Some(after) = &ask.after {
            let id = uuid::Uuid::try_parse(&after.id).unwrap_or_default();
            select = select.filter(journey::Column::Id.lt(id));
        }
        let models = select
            .order_by_desc(journey::Column::Id)
            .limit(ask.rows() + 1)
            .all(&self.reader)
            .await?;
        Page::cut(models, ask, |model| named(model.id.simple().to_string()), journey_row)
    }

    /// All versions of a journey, newest first.
    pub async fn journey_versions(&self, project: ProjectId, id: JourneyId) -> Result<Vec<VersionRow>, StoreError> {
        let models = version::Entity::find()
            .filter(version::Column::ProjectId.eq(project.uuid()))
            .filter(version::Column::JourneyId.eq(id.uuid()))
            .order_by_desc(version::Column::Version)
            .all(&self.reader)
            .await?;
        models.into_iter().map(|model| version_row(&model)).collect()
    }

    /// Makes a draft live and retires the version that was; a paused journey speaks again. None when there is no such draft.
    pub async fn publish_journey(
        &self,
        project: ProjectId,
        id: JourneyId,
        number: i64,
        at: Timestamp,
    ) -> Result<Option<JourneyRow>, StoreError> {
        let txn = self.write_txn().await?;
        let Some(model) = held(&txn, project, id).await? else {
            return Ok(None);
        };
        let draft = find(&txn, project, (id, number)).await?;
        if draft.is_none_or(|draft| draft.state != RevisionState::Draft) {
            return Ok(None);
        }
        make_live(&txn, project, (id, number), at).await?;
        txn.commit().await?;
        Ok(Some(JourneyRow {
            state: TriggerState::Live,
            live_version: Some(number),
            ..journey_row(model)?
        }))
    }

    /// Publishes an older version again, as a new one: history only grows. None when there is no such version.
    pub async fn rollback_journey(
        &self,
        project: ProjectId,
        id: JourneyId,
        to: i64,
        at: Timestamp,
    ) -> Result<Option<VersionRow>, StoreError> {
        let txn = self.write_txn().await?;
        if held(&txn, project, id).await?.is_none() {
            return Ok(None);
        }
        let older = find(&txn, project, (id, to)).await?;
        let Some(older) = older.filter(|older| older.published_at.is_some()) else {
            return Ok(None);
        };
        let number = newest(&txn, project, id).await?.map_or(0, |newest| newest.version) + 1;
        let again = add_version(&txn, project, (id, number), &older.definition, at).await?;
        make_live(&txn, project, (id, number), at).await?;
        txn.commit().await?;
        Ok(Some(VersionRow {
            state: RevisionState::Live,
            published_at: Some(at),
            ..again
        }))
    }

    /// A published journey falls silent, or speaks again. False when it was that way already, or was never published.
    pub async fn pause_journey(&self, project: ProjectId, id: JourneyId, paused: bool) -> Result<bool, StoreError> {
        let (from, to) = if paused {
            (TriggerState::Live, TriggerState::Paused)
        } else {
            (TriggerState::Paused, TriggerState::Live)
        };
        let txn = self.write_txn().await?;
        let updated = journey::Entity::update_many()
            .col_expr(journey::Column::State, Expr::value(to_word(&to)?))
            .filter(journey::Column::ProjectId.eq(project.uuid()))
            .filter(journey::Column::Id.eq(id.uuid()))
            .filter(journey::Column::State.eq(to_word(&from)?))
            .exec(&txn)
            .await?;
        let turned = updated.rows_affected > 0;
        if turned {
            bump_catalogue(&txn, project).await?;
        }
        txn.commit().await?;
        Ok(turned)
    }
}

/// The journey, held until the end of the transaction.
async fn held(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: JourneyId,
) -> Result<Option<journey::Model>, StoreError> {
    let select = journey::Entity::find_by_id(id.uuid()).filter(journey::Column::ProjectId.eq(project.uuid()));
    Ok(select.lock_exclusive().one(txn).await?)
}

async fn find(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    (id, number): (JourneyId, i64),
) -> Result<Option<VersionRow>, StoreError> {
    let select = version::Entity::find_by_id((id.uuid(), number));
    let select = select.filter(version::Column::ProjectId.eq(project.uuid()));
    select.one(conn).await?.map(|model| version_row(&model)).transpose()
}

async fn newest(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: JourneyId,
) -> Result<Option<VersionRow>, StoreError> {
    let select = version::Entity::find()
        .filter(version::Column::ProjectId.eq(project.uuid()))
        .filter(version::Column::JourneyId.eq(id.uuid()))
        .order_by_desc(version::Column::Version);
    select.one(txn).await?.map(|model| version_row(&model)).transpose()
}

async fn added(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: JourneyId,
    name: &str,
    at: Timestamp,
) -> Result<JourneyRow, StoreError> {
    let model = journey::Model {
        id: id.uuid(),
        project_id: project.uuid(),
        name: name.to_owned(),
        state: to_word(&TriggerState::Draft)?,
        live_version: None,
        created_at: at,
    };
    journey::Entity::insert(model.clone().into_active_model())
        .exec_without_returning(txn)
        .await?;
    journey_row(model)
}

async fn add_version(
    txn: &DatabaseTransaction,
    project: ProjectId,
    (id, number): (JourneyId, i64),
    definition: &Journey,
    at: Timestamp,
) -> Result<VersionRow, StoreError> {
    let model = version::Model {
        journey_id: id.uuid(),
        version: number,
        project_id: project.uuid(),
        definition: to_json(definition)?,
        state: to_word(&RevisionState::Draft)?,
        created_at: at,
        published_at: None,
        retired_at: None,
    };
    version::Entity::insert(model.clone().into_active_model())
        .exec_without_returning(txn)
        .await?;
    version_row(&model)
}

/// Retires whatever was live and puts this version in its place.
async fn make_live(
    txn: &DatabaseTransaction,
    project: ProjectId,
    (id, number): (JourneyId, i64),
    at: Timestamp,
) -> Result<(), StoreError> {
    let of_journey = || {
        version::Entity::update_many()
            .filter(version::Column::ProjectId.eq(project.uuid()))
            .filter(version::Column::JourneyId.eq(id.uuid()))
    };
    of_journey()
        .col_expr(version::Column::State, Expr::value(to_word(&RevisionState::Retired)?))
        .col_expr(version::Column::RetiredAt, Expr::value(at))
        .filter(version::Column::State.eq(to_word(&RevisionState::Live)?))
        .exec(txn)
        .await?;
    of_journey()
        .col_expr(version::Column::State, Expr::value(to_word(&RevisionState::Live)?))
        .col_expr(version::Column::PublishedAt, Expr::value(at))
        .filter(version::Column::Version.eq(number))
        .exec(txn)
        .await?;
    journey::Entity::update_many()
        .col_expr(journey::Column::State, Expr::value(to_word(&TriggerState::Live)?))
        .col_expr(journey::Column::LiveVersion, Expr::value(number))
        .filter(journey::Column::ProjectId.eq(project.uuid()))
        .filter(journey::Column::Id.eq(id.uuid()))
        .exec(txn)
        .await?;
    bump_catalogue(txn, project).await
}

fn journey_row(model: journey::Model) -> Result<JourneyRow, StoreError> {
    Ok(JourneyRow {
        id: model.id.into(),
        project_id: model.project_id.into(),
        state: from_word("journeys.state", &model.state)?,
        name: model.name,
        live_version: model.live_version,
        created_at: model.created_at,
    })
}

pub(super) fn version_row(model: &version::Model) -> Result<VersionRow, StoreError> {
    Ok(VersionRow {
        journey_id: model.journey_id.into(),
        version: model.version,
        definition: from_json("journey_versions.definition", &model.definition)?,
        state: from_word("journey_versions.state", &model.state)?,
        created_at: model.created_at,
        published_at: model.published_at,
        retired_at: model.retired_at,
    })
}
