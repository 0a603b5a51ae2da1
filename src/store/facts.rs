//! Facts: stored with one inbox entry per subject in one transaction, so that an answered fact is never lost on the way.

use super::change::{FactOutcome, FactPut, InboxEntry, InboxInput};
use super::codec::{IN_LIST_MAX, also, from_json, from_word, insert_all, to_json, to_word};
use super::connect::Store;
use super::error::StoreError;
use super::people::by_ref_or_new;
use super::subjects::erased_among;
use super::vault::Vault;
use super::{fact_versions, inbox, sealed, wallet_passes};
use crate::base::id::{IdSource, ProjectId, UserId};
use crate::engine::fact::{Fact, FactRef};
use ::entity::{fact, fact_subject, user};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

impl Store {
    /// Stores a fact unless a version as new is there. Its subjects are the users named by id in the fact and by name in
    /// `subject_refs`; a user is made for a new name. Former subjects are told that it is gone.
    pub async fn put_fact(
        &self,
        put: FactPut,
        ids: &mut IdSource,
    ) -> Result<(FactOutcome, Vec<InboxEntry>), StoreError> {
        match self.try_put(&put, ids).await {
            // Two nodes met at a new fact: one of them finds the row of the other on the second look.
            Err(StoreError::Conflict(_)) => self.try_put(&put, ids).await,
            done => done,
        }
    }

    async fn try_put(&self, put: &FactPut, ids: &mut IdSource) -> Result<(FactOutcome, Vec<InboxEntry>), StoreError> {
        let txn = self.write_txn().await?;
        let key = (put.project_id.uuid(), put.fact.id.kind.clone(), put.fact.id.key.clone());
        let stored = fact::Entity::find_by_id(key).lock_exclusive().one(&txn).await?;
        if let Some(stored) = &stored {
            if put.fact.seq == stored.seq {
                return Ok((FactOutcome::Repeated, Vec::new()));
            }
            if put.fact.seq < stored.seq {
                return Ok((FactOutcome::Outdated { stored_seq: stored.seq }, Vec::new()));
            }
        }
        let subjects = subjects_of(&txn, &self.vault, put, ids).await?;
        let former: Vec<UserId> = match &stored {
            Some(stored) => from_json::<Vec<UserId>>("facts.subjects", &stored.subjects)?,
            None => Vec::new(),
        };
        let fact = Fact {
            subjects,
            ..put.fact.clone()
        };
        write_fact(&txn, &self.vault, put, &fact, stored.is_some()).await?;
        write_fact_subjects(&txn, put.project_id, &fact).await?;
        fact_versions::remember(&txn, &self.vault, put.project_id, &fact).await?;
        if stored.is_some() {
            wallet_passes::tell(&txn, put.project_id, &fact.id, fact.changed_at).await?;
        }
        let gone = former.into_iter().filter(|user| !fact.subjects.contains(user));
        let entries = entries_for(put.project_id, &fact, gone, ids);
        inbox::add(&txn, &self.vault, &entries, fact.changed_at).await?;
        txn.commit().await?;
        Ok((FactOutcome::Stored, entries))
    }

    pub async fn fact(&self, project: ProjectId, id: &FactRef) -> Result<Option<Fact>, StoreError> {
        let key = (project.uuid(), id.kind.clone(), id.key.clone());
        fact::Entity::find_by_id(key)
            .one(&self.reader)
            .await?
            .map(|model| fact_row(&self.vault, model))
            .transpose()
    }

    /// The facts a user is a subject of, by type and key.
    pub async fn facts_of(&self, project: ProjectId, user: UserId) -> Result<Vec<Fact>, StoreError> {
        let mine = Query::select()
            .columns([fact_subject::Column::Kind, fact_subject::Column::Key])
            .from(fact_subject::Entity)
            .and_where(fact_subject::Column::ProjectId.eq(project.uuid()))
            .and_where(fact_subject::Column::UserId.eq(user.uuid()))
            .take();
        let name = Expr::tuple([Expr::col(fact::Column::Kind), Expr::col(fact::Column::Key)]);
        let models = fact::Entity::find()
            .filter(fact::Column::ProjectId.eq(project.uuid()))
            .filter(ExprTrait::in_subquery(name, mine))
            .order_by_asc(fact::Column::Kind)
            .order_by_asc(fact::Column::Key)
            .all(&self.reader)
            .await?;
        models.into_iter().map(|model| fact_row(&self.vault, model)).collect()
    }
}

/// Users by id who exist and are not erased, then users by name.
async fn subjects_of(
    txn: &DatabaseTransaction,
    vault: &Vault,
    put: &FactPut,
    ids: &mut IdSource,
) -> Result<Vec<UserId>, StoreError> {
    let mut subjects: Vec<UserId> = Vec::new();
    for chunk in put.fact.subjects.chunks(IN_LIST_MAX) {
        let known: Vec<Uuid> = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(also(user::Column::ProjectId, put.project_id.uuid()))
            .filter(user::Column::Id.is_in(chunk.iter().map(|user| user.uuid())))
            .order_by_asc(user::Column::Id)
            .into_tuple()
            .all(txn)
            .await?;
        subjects.extend(known.into_iter().map(UserId::from));
    }
    for user_ref in &put.subject_refs {
        let new_id = ids.draw();
        let (user, _) = by_ref_or_new(txn, vault, put.project_id, user_ref, new_id, put.fact.changed_at).await?;
        if !subjects.contains(&user.id) {
            subjects.push(user.id);
        }
    }
    let erased = erased_among(txn, put.project_id, &subjects).await?;
    subjects.retain(|user| !erased.contains(user));
    Ok(subjects)
}

async fn write_fact(
    txn: &DatabaseTransaction,
    vault: &Vault,
    put: &FactPut,
    fact: &Fact,
    exists: bool,
) -> Result<(), StoreError> {
    let model = fact::Model {
        project_id: put.project_id.uuid(),
        kind: fact.id.kind.clone(),
        key: fact.id.key.clone(),
        seq: fact.seq,
        subjects: to_json(&fact.subjects)?,
        subject_refs: to_json(&put.subject_refs)?,
        lifecycle: to_word(&fact.lifecycle)?,
        valid_from: fact.valid_from,
        valid_to: fact.valid_to,
        sensitive: to_json(&fact.sensitive)?,
        properties: vault.seal(put.project_id.uuid(), sealed::FACT, &fact.properties)?,
        changed_at: fact.changed_at,
    };
    if exists {
        fact::Entity::update(model.into_active_model().reset_all())
            .exec(txn)
            .await?;
    } else {
        fact::Entity::insert(model.into_active_model())
            .exec_without_returning(txn)
            .await?;
    }
    Ok(())
}

async fn write_fact_subjects(txn: &DatabaseTransaction, project: ProjectId, fact: &Fact) -> Result<(), StoreError> {
    fact_subject::Entity::delete_many()
        .filter(fact_subject::Column::ProjectId.eq(project.uuid()))
        .filter(fact_subject::Column::Kind.eq(fact.id.kind.as_str()))
        .filter(fact_subject::Column::Key.eq(fact.id.key.as_str()))
        .exec(txn)
        .await?;
    let rows: Vec<fact_subject::ActiveModel> = fact
        .subjects
        .iter()
        .map(|user| {
            let model = fact_subject::Model {
                project_id: project.uuid(),
                user_id: user.uuid(),
                kind: fact.id.kind.clone(),
                key: fact.id.key.clone(),
            };
            model.into_active_model()
        })
        .collect();
    insert_all(txn, rows, None).await?;
    Ok(())
}

fn entries_for(
    project: ProjectId,
    fact: &Fact,
    gone: impl Iterator<Item = UserId>,
    ids: &mut IdSource,
) -> Vec<InboxEntry> {
    let mut entries = Vec::new();
    for user in &fact.subjects {
        let input = InboxInput::Fact { fact: fact.clone() };
        entries.push(InboxEntry {
            id: ids.draw(),
            project_id: project,
            user_id: *user,
            input,
        });
    }
    for user in gone {
        let input = InboxInput::FactGone { fact: fact.id.clone() };
        entries.push(InboxEntry {
            id: ids.draw(),
            project_id: project,
            user_id: user,
            input,
        });
    }
    entries
}

pub(super) fn fact_row(vault: &Vault, model: fact::Model) -> Result<Fact, StoreError> {
    Ok(Fact {
        seq: model.seq,
        subjects: from_json("facts.subjects", &model.subjects)?,
        lifecycle: from_word("facts.lifecycle", &model.lifecycle)?,
        valid_from: model.valid_from,
        valid_to: model.valid_to,
        sensitive: from_json("facts.sensitive", &model.sensitive)?,
        properties: vault.open(model.project_id, sealed::FACT, &model.properties)?,
        changed_at: model.changed_at,
        id: FactRef {
            kind: model.kind,
            key: model.key,
        },
    })
}
