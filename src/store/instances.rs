//! Instances of journeys: written with the effects that moved them, listed for who looks after them, and counted by state.

use super::change::Change;
use super::connect::Store;
use super::error::StoreError;
use super::paging::{Page, PageAsk, named};
use super::script::Script;
use crate::base::id::{InstanceId, JourneyId, ProjectId, UserId};
use crate::base::time::{Span, Timestamp};
use crate::engine::step::InstanceChange;
use ::entity::{journey_instance as instance, journey_passage as passage};
use sea_orm::sea_query::{Condition, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use std::collections::BTreeMap;
use uuid::Uuid;

/// One way of one person through a journey, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRow {
    pub id: InstanceId,
    pub journey_id: JourneyId,
    pub version: i64,
    pub user_id: UserId,
    pub key: String,
    pub state: String,
    pub started_at: Timestamp,
    /// When its state began.
    pub since: Timestamp,
    /// When the limit of its state comes.
    pub ends_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Why it ended; none while it is open.
    pub exit: Option<String>,
}

/// Which instances; what is not said is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceFilter {
    pub state: Option<String>,
    pub user_id: Option<UserId>,
    pub open: Option<bool>,
    pub stuck: Option<Stuck>,
}

/// What counts as stuck: open, and past its limit at `now` or in one of these states for longer than its span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    pub now: Timestamp,
    /// Version and state -> how long is too long.
    pub after: BTreeMap<(i64, String), Span>,
}

/// One state of a journey in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Instances that are in it.
    pub open: u64,
    /// Stays in it that are over.
    pub left: u64,
    /// The median of those, in seconds.
    pub median_s: Option<i64>,
    /// Reason -> how many left the journey from here for it.
    pub exits: BTreeMap<String, u64>,
}

impl Stuck {
    /// Is this one?
    pub fn is(&self, row: &InstanceRow) -> bool {
        let after = self.after.get(&(row.version, row.state.clone()));
        let too_long = after.is_some_and(|span| row.since + span.delta() <= self.now);
        row.exit.is_none() && (too_long || row.ends_at <= self.now)
    }

    fn condition(&self) -> Condition {
        let mut any = Condition::any().add(instance::Column::EndsAt.lte(self.now));
        for ((version, state), span) in &self.after {
            any = any.add(
                Condition::all()
                    .add(instance::Column::Version.eq(*version))
                    .add(instance::Column::State.eq(state.as_str()))
                    .add(instance::Column::Since.lte(self.now - span.delta())),
            );
        }
        Condition::all().add(instance::Column::EndedAt.is_null()).add(any)
    }
}

impl Store {
    /// Instances of a journey, newest first.
    pub async fn instances(
        &self,
        project: ProjectId,
        journey: JourneyId,
        filter: &InstanceFilter,
        ask: &PageAsk,
    ) -> Result<Page<InstanceRow>, StoreError> {
        let mut select = of_journey(project, journey);
        if let Some(state) = &filter.state {
            select = select.filter(instance::Column::State.eq(state.as_str()));
        }
        if let Some(user) = filter.user_id {
            select = select.filter(instance::Column::UserId.eq(user.uuid()));
        }
        match filter.open {
            Some(true) => select = select.filter(instance::Column::EndedAt.is_null()),
            Some(false) => select = select.filter(instance::Column::EndedAt.is_not_null()),
            None => {}
        }
        if let Some(stuck) = &filter.stuck {
            select = select.filter(stuck.condition());
        }
        if let Some(after) = &ask.after {
            let id = Uuid::try_parse(&after.id).unwrap_or_default();
            select = select.filter(instance::Column::Id.lt(id));
        }
        let models = select
            .order_by_desc(instance::Column::Id)
            .limit(ask.rows() + 1)
            .all(&self.reader)
            .await?;
        Page::cut(
            models,
            ask,
            |model| named(model.id.simple().to_string()),
            |model| Ok(instance_row(model)),
        )
    }

    pub async fn instance(
        &self,
        project: ProjectId,
        journey: JourneyId,
        id: InstanceId,
    ) -> Result<Option<InstanceRow>, StoreError> {
        let select = of_journey(project, journey).filter(instance::Column::Id.eq(id.uuid()));
        Ok(select.one(&self.reader).await?.map(instance_row))
    }

    /// The versions of a journey that open instances follow.
    pub async fn versions_followed(&self, project: ProjectId, journey: JourneyId) -> Result<Vec<i64>, StoreError> {
        let versions = of_journey(project, journey)
            .filter(instance::Column::EndedAt.is_null())
            .select_only()
            .column(instance::Column::Version)
            .group_by(instance::Column::Version);
        Ok(versions.into_tuple().all(&self.reader).await?)
    }

    /// Every state that somebody is in or has been in.
    pub async fn state_counts(
        &self,
        project: ProjectId,
        journey: JourneyId,
    ) -> Result<BTreeMap<String, StateCounts>, StoreError> {
        let mut counts: BTreeMap<String, StateCounts> = BTreeMap::new();
        let open: Vec<(String, i64)> = of_journey(project, journey)
            .filter(instance::Column::EndedAt.is_null())
            .select_only()
            .column(instance::Column::State)
            .column_as(instance::Column::Id.count(), "open")
            .group_by(instance::Column::State)
            .into_tuple()
            .all(&self.reader)
            .await?;
        for (state, number) in open {
            counts.entry(state).or_default().open = number.unsigned_abs();
        }
        let left: Vec<(String, Option<String>, i64)> = passages(project, journey)
            .select_only()
            .column(passage::Column::State)
            .column(passage::Column::Exit)
            .column_as(passage::Column::InstanceId.count(), "left")
            .group_by(passage::Column::State)
            .group_by(passage::Column::Exit)
            .into_tuple()
            .all(&self.reader)
            .await?;
        for (state, exit, number) in left {
            let state = counts.entry(state).or_default();
            state.left += number.unsigned_abs();
            if let Some(exit) = exit {
                state.exits.insert(exit, number.unsigned_abs());
            }
        }
        for (state, counts) in counts.iter_mut().filter(|(_, counts)| counts.left > 0) {
            counts.median_s = passages(project, journey)
                .filter(passage::Column::State.eq(state.as_str()))
                .select_only()
                .column(passage::Column::Seconds)
                .order_by_asc(passage::Column::Seconds)
                .offset((counts.left - 1) / 2)
                .limit(1)
                .into_tuple()
                .one(&self.reader)
                .await?;
        }
        Ok(counts)
    }
}

fn of_journey(project: ProjectId, journey: JourneyId) -> sea_orm::Select<instance::Entity> {
    instance::Entity::find()
        .filter(instance::Column::ProjectId.eq(project.uuid()))
        .filter(instance::Column::JourneyId.eq(journey.uuid()))
}

fn passages(project: ProjectId, journey: JourneyId) -> sea_orm::Select<passage::Entity> {
    passage::Entity::find()
        .filter(passage::Column::ProjectId.eq(project.uuid()))
        .filter(passage::Column::JourneyId.eq(journey.uuid()))
}

/// Writes the instances as they are after these changes, and the stays that are over.
pub(super) fn write(script: &mut Script, changes: &[&Change]) {
    let mut last: BTreeMap<(ProjectId, InstanceId), instance::Model> = BTreeMap::new();
    let mut over: Vec<passage::ActiveModel> = Vec::new();
    for change in changes {
        let (project, user) = (change.project_id, change.effects.subject.user_id);
        for moved in &change.effects.instances {
            last.insert((project, moved.instance.id), model(project, user, moved));
            over.extend(passed(project, user, moved).map(IntoActiveModel::into_active_model));
        }
    }
    let models = last.into_values().collect();
    let newer = OnConflict::columns([instance::Column::ProjectId, instance::Column::Id])
        .update_columns([
            instance::Column::Version,
            instance::Column::State,
            instance::Column::Since,
            instance::Column::EndsAt,
            instance::Column::EndedAt,
            instance::Column::Exit,
        ])
        .to_owned();
    script.insert::<_, instance::ActiveModel>(models, Some(&newer));
    script.insert(over, None);
}

fn model(project: ProjectId, user: UserId, moved: &InstanceChange) -> instance::Model {
    let now = &moved.instance;
    instance::Model {
        project_id: project.uuid(),
        id: now.id.uuid(),
        journey_id: now.journey_id.uuid(),
        version: now.version,
        user_id: user.uuid(),
        key: now.key.clone(),
        state: now.state.clone(),
        started_at: now.started_at,
        since: now.since,
        ends_at: now.ends_at,
        ended_at: moved.exit.as_ref().map(|_| moved.at),
        exit: moved.exit.clone(),
    }
}

/// The stay that a change ended; none when the instance began, or only goes on in another version.
fn passed(project: ProjectId, user: UserId, moved: &InstanceChange) -> Option<passage::Model> {
    let (state, since) = moved.from.clone().zip(moved.from_since)?;
    moved.is_a_move().then(|| passage::Model {
        project_id: project.uuid(),
        instance_id: moved.instance.id.uuid(),
        number: i64::from(moved.instance.passed),
        left_at: moved.at,
        journey_id: moved.instance.journey_id.uuid(),
        user_id: user.uuid(),
        state,
        seconds: (moved.at - since).num_seconds(),
        exit: moved.exit.clone(),
    })
}

pub(super) fn instance_row(model: instance::Model) -> InstanceRow {
    InstanceRow {
        id: model.id.into(),
        journey_id: model.journey_id.into(),
        version: model.version,
        user_id: model.user_id.into(),
        key: model.key,
        state: model.state,
        started_at: model.started_at,
        since: model.since,
        ends_at: model.ends_at,
        ended_at: model.ended_at,
        exit: model.exit,
    }
}
