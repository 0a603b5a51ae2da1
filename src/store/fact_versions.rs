//! The history of facts: every version that was stored, what was known at an instant, and what an erasure leaves of it.

use super::codec::{IN_LIST_MAX, do_nothing, from_json, from_word, insert_all, to_json, to_word};
use super::connect::Store;
use super::error::StoreError;
use super::paging::{Page, PageAsk, named};
use super::sealed;
use super::vault::Vault;
use crate::base::id::{ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::fact::{Fact, FactRef};
use ::entity::{fact_version as version, fact_version_subject as about};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use std::collections::{BTreeMap, BTreeSet};

impl Store {
    /// A fact as it was known at an instant: its last version that had been stored by then.
    pub async fn fact_as_of(
        &self,
        project: ProjectId,
        id: &FactRef,
        at: Timestamp,
    ) -> Result<Option<Fact>, StoreError> {
        let newest = of_fact(project, id)
            .filter(version::Column::RecordedAt.lte(at))
            .order_by_desc(version::Column::Seq);
        let model = newest.one(&self.reader).await?;
        model.map(|model| version_row(&self.vault, model)).transpose()
    }

    /// Every version of a fact, newest first.
    pub async fn fact_versions(
        &self,
        project: ProjectId,
        id: &FactRef,
        ask: &PageAsk,
    ) -> Result<Page<Fact>, StoreError> {
        let mut select = of_fact(project, id);
        if let Some(after) = &ask.after {
            let seq: i64 = after.id.parse().unwrap_or(i64::MIN);
            select = select.filter(version::Column::Seq.lt(seq));
        }
        let models = select
            .order_by_desc(version::Column::Seq)
            .limit(ask.rows() + 1)
            .all(&self.reader)
            .await?;
        Page::cut(
            models,
            ask,
            |model| named(model.seq.to_string()),
            |model| version_row(&self.vault, model),
        )
    }

    /// The facts about a user as they were known at an instant, by type and key.
    pub async fn facts_of_as_of(
        &self,
        project: ProjectId,
        user: UserId,
        at: Timestamp,
    ) -> Result<Vec<Fact>, StoreError> {
        let mut last: BTreeMap<FactRef, Fact> = BTreeMap::new();
        for fact in concerning(&self.reader, &self.vault, project, &[user], Some(at)).await? {
            match last.get(&fact.id) {
                Some(known) if known.seq > fact.seq => {}
                _ => drop(last.insert(fact.id.clone(), fact)),
            }
        }
        Ok(last
            .into_values()
            .filter(|fact| fact.subjects.contains(&user))
            .collect())
    }

    /// Every version that concerned one of these users and was stored by `until`, in the order they came. One that does not
    /// name the user among its subjects says that the fact was no longer about them.
    pub async fn fact_versions_of(
        &self,
        project: ProjectId,
        users: &[UserId],
        until: Timestamp,
    ) -> Result<Vec<(UserId, Fact)>, StoreError> {
        let mut versions = concerning(&self.reader, &self.vault, project, users, Some(until)).await?;
        versions.sort_by(|a, b| (a.changed_at, a.seq, &a.id).cmp(&(b.changed_at, b.seq, &b.id)));
        let wanted: BTreeSet<UserId> = users.iter().copied().collect();
        let mut members: BTreeMap<FactRef, BTreeSet<UserId>> = BTreeMap::new();
        let mut told = Vec::new();
        for fact in versions {
            let known = members.entry(fact.id.clone()).or_default();
            let named: BTreeSet<UserId> = fact
                .subjects
                .iter()
                .copied()
                .filter(|user| wanted.contains(user))
                .collect();
            let concerned: BTreeSet<UserId> = known.union(&named).copied().collect();
            *known = named;
            told.extend(concerned.into_iter().map(|user| (user, fact.clone())));
        }
        Ok(told)
    }
}

fn of_fact(project: ProjectId, id: &FactRef) -> Select<version::Entity> {
    version::Entity::find()
        .filter(version::Column::ProjectId.eq(project.uuid()))
        .filter(version::Column::Kind.eq(id.kind.as_str()))
        .filter(version::Column::Key.eq(id.key.as_str()))
}

/// All versions, up to an instant if one is named, of the facts that have ever been about one of these users.
async fn concerning(
    conn: &impl ConnectionTrait,
    vault: &Vault,
    project: ProjectId,
    users: &[UserId],
    until: Option<Timestamp>,
) -> Result<Vec<Fact>, StoreError> {
    let mut found: BTreeMap<(FactRef, i64), Fact> = BTreeMap::new();
    for chunk in users.chunks(IN_LIST_MAX) {
        let theirs = Query::select()
            .columns([about::Column::Kind, about::Column::Key])
            .from(about::Entity)
            .and_where(about::Column::ProjectId.eq(project.uuid()))
            .and_where(about::Column::UserId.is_in(chunk.iter().map(|user| user.uuid())))
            .take();
        let name = Expr::tuple([Expr::col(version::Column::Kind), Expr::col(version::Column::Key)]);
        let mut select = version::Entity::find()
            .filter(version::Column::ProjectId.eq(project.uuid()))
            .filter(ExprTrait::in_subquery(name, theirs));
        if let Some(until) = until {
            select = select.filter(version::Column::RecordedAt.lte(until));
        }
        for model in select.all(conn).await? {
            let fact = version_row(vault, model)?;
            found.insert((fact.id.clone(), fact.seq), fact);
        }
    }
    Ok(found.into_values().collect())
}

/// Adds a version to the history, with whom it is about.
pub(super) async fn remember(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    fact: &Fact,
) -> Result<(), StoreError> {
    let model = version::Model {
        project_id: project.uuid(),
        kind: fact.id.kind.clone(),
        key: fact.id.key.clone(),
        seq: fact.seq,
        subjects: to_json(&fact.subjects)?,
        lifecycle: to_word(&fact.lifecycle)?,
        valid_from: fact.valid_from,
        valid_to: fact.valid_to,
        sensitive: to_json(&fact.sensitive)?,
        properties: vault.seal(project.uuid(), sealed::FACT_VERSION, &fact.properties)?,
        recorded_at: fact.changed_at,
    };
    version::Entity::insert(model.into_active_model())
        .exec_without_returning(txn)
        .await?;
    let rows: Vec<about::ActiveModel> = fact
        .subjects
        .iter()
        .map(|user| {
            let model = about::Model {
                project_id: project.uuid(),
                user_id: user.uuid(),
                kind: fact.id.kind.clone(),
                key: fact.id.key.clone(),
            };
            model.into_active_model()
        })
        .collect();
    insert_all(txn, rows, Some(do_nothing())).await?;
    Ok(())
}

/// Takes a user out of the history: a version about nobody else goes, one that is shared names them no more.
pub(super) async fn forget(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    user: UserId,
) -> Result<(), StoreError> {
    for fact in concerning(txn, vault, project, &[user], None).await? {
        if !fact.subjects.contains(&user) {
            continue;
        }
        let others: Vec<UserId> = fact
            .subjects
            .iter()
            .copied()
            .filter(|subject| *subject != user)
            .collect();
        let key = (project.uuid(), fact.id.kind, fact.id.key, fact.seq);
        if others.is_empty() {
            version::Entity::delete_by_id(key).exec(txn).await?;
            continue;
        }
        version::Entity::update_many()
            .col_expr(version::Column::Subjects, Expr::value(to_json(&others)?))
            .filter(version::Column::ProjectId.eq(key.0))
            .filter(version::Column::Kind.eq(key.1))
            .filter(version::Column::Key.eq(key.2))
            .filter(version::Column::Seq.eq(key.3))
            .exec(txn)
            .await?;
    }
    about::Entity::delete_many()
        .filter(about::Column::ProjectId.eq(project.uuid()))
        .filter(about::Column::UserId.eq(user.uuid()))
        .exec(txn)
        .await?;
    Ok(())
}

/// The versions that named a user, oldest first, each as that user may know it.
pub(super) async fn versions_naming(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    user: UserId,
) -> Result<Vec<Fact>, StoreError> {
    let mut versions = concerning(txn, vault, project, &[user], None).await?;
    versions.retain(|fact| fact.subjects.contains(&user));
    for fact in &mut versions {
        // Who else it is about is not this person's to know.
        fact.subjects.retain(|subject| *subject == user);
    }
    Ok(versions)
}

fn version_row(vault: &Vault, model: version::Model) -> Result<Fact, StoreError> {
    Ok(Fact {
        seq: model.seq,
        subjects: from_json("fact_versions.subjects", &model.subjects)?,
        lifecycle: from_word("fact_versions.lifecycle", &model.lifecycle)?,
        valid_from: model.valid_from,
        valid_to: model.valid_to,
        sensitive: from_json("fact_versions.sensitive", &model.sensitive)?,
        properties: vault.open(model.project_id, sealed::FACT_VERSION, &model.properties)?,
        changed_at: model.recorded_at,
        id: FactRef {
            kind: model.kind,
            key: model.key,
        },
    })
}
