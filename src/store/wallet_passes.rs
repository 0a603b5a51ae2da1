//! Passes in wallets: who holds which, and which wallets must be told that something is new.

use super::connect::Store;
use super::error::StoreError;
use super::sealed;
use super::vault::Vault;
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::base::link::Link;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::fact::FactRef;
use ::entity::wallet_pass as pass;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

/// A pass in a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletPass {
    pub holder: String,
    pub serial: String,
    pub link: Link,
    /// By which the wallet is woken.
    pub push_token: Option<Secret>,
    /// Since when the wallet is to be told of news, or told again.
    pub due_at: Option<Timestamp>,
    /// Attempts since the news came.
    pub attempts: u32,
}

/// What became of a wallet that wants to be told of news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    New,
    Known,
    /// As many wallets as one pass may lie in have it already.
    TooMany,
}

impl Store {
    /// Notes that this wallet holds the pass; a new push token takes the place of the old one.
    pub async fn hold_pass(&self, held: &WalletPass, now: Timestamp) -> Result<Held, StoreError> {
        let txn = self.write_txn().await?;
        let key = (held.holder.clone(), held.serial.clone());
        let project = held.link.project_id.uuid();
        let seal = |token: &Secret| self.vault.seal_text(project, sealed::WALLET, token.expose());
        let known = pass::Entity::find_by_id(key).lock_exclusive().one(&txn).await?;
        if let Some(known) = known {
            // The same token sealed twice looks different: what is compared is what stands in it.
            if opened(&self.vault, &known)? != held.push_token {
                let mut change = known.into_active_model();
                change.push_token = ActiveValue::Set(held.push_token.as_ref().map(seal).transpose()?);
                change.update(&txn).await?;
                txn.commit().await?;
            }
            return Ok(Held::Known);
        }
        let others = of_fact(held.link.project_id, &held.link.kind, &held.link.key);
        let others = others.filter(pass::Column::UserId.eq(held.link.user_id.uuid()));
        if others.count(&txn).await? >= limits::WALLETS_PER_PASS_MAX {
            return Ok(Held::TooMany);
        }
        let model = pass::Model {
            holder: held.holder.clone(),
            serial: held.serial.clone(),
            project_id: held.link.project_id.uuid(),
            user_id: held.link.user_id.uuid(),
            kind: held.link.kind.clone(),
            key: held.link.key.clone(),
            push_token: held.push_token.as_ref().map(seal).transpose()?,
            due_at: None,
            attempts: 0,
            created_at: now,
        };
        model.into_active_model().insert(&txn).await?;
        txn.commit().await?;
        Ok(Held::New)
    }

    /// The wallet threw the pass away, or is no more.
    pub async fn let_go_of_pass(&self, holder: &str, serial: &str) -> Result<(), StoreError> {
        let txn = self.write_txn().await?;
        pass::Entity::delete_by_id((holder.to_owned(), serial.to_owned()))
            .exec(&txn)
            .await?;
        txn.commit().await?;
        Ok(())
    }

    /// The passes one wallet holds, by their serial numbers.
    pub async fn passes_held(&self, holder: &str) -> Result<Vec<WalletPass>, StoreError> {
        let select = pass::Entity::find()
            .filter(pass::Column::Holder.eq(holder))
            .order_by_asc(pass::Column::Serial)
            .limit(limits::PASSES_PER_WALLET_MAX);
        let models = select.all(&self.reader).await?;
        models.into_iter().map(|model| row(&self.vault, model)).collect()
    }

    /// Wallets that are to be told now, those that wait longest first.
    pub async fn wallets_due(&self, now: Timestamp, limit: u64) -> Result<Vec<WalletPass>, StoreError> {
        let select = pass::Entity::find()
            .filter(pass::Column::DueAt.lte(now))
            .order_by_asc(pass::Column::DueAt)
            .limit(limit);
        let models = select.all(&self.reader).await?;
        models.into_iter().map(|model| row(&self.vault, model)).collect()
    }

    /// After an attempt: none when the wallet was told, or when to try again. News that came meanwhile stand.
    pub async fn settle_wallet(&self, held: &WalletPass, again_at: Option<Timestamp>) -> Result<(), StoreError> {
        let attempts = i32::try_from(held.attempts).unwrap_or(i32::MAX);
        let after = if again_at.is_some() {
            attempts.saturating_add(1)
        } else {
            0
        };
        let txn = self.write_txn().await?;
        pass::Entity::update_many()
            .col_expr(pass::Column::DueAt, Expr::value(again_at))
            .col_expr(pass::Column::Attempts, Expr::value(after))
            .filter(pass::Column::Holder.eq(&held.holder))
            .filter(pass::Column::Serial.eq(&held.serial))
            .filter(pass::Column::DueAt.eq(held.due_at))
            .exec(&txn)
            .await?;
        txn.commit().await?;
        Ok(())
    }
}

/// Every wallet with a pass of this fact is to be told that something is new.
pub(super) async fn tell(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: &FactRef,
    now: Timestamp,
) -> Result<(), StoreError> {
    pass::Entity::update_many()
        .col_expr(pass::Column::DueAt, Expr::value(now))
        .col_expr(pass::Column::Attempts, Expr::value(0))
        .filter(pass::Column::ProjectId.eq(project.uuid()))
        .filter(pass::Column::Kind.eq(&id.kind))
        .filter(pass::Column::Key.eq(&id.key))
        .exec(txn)
        .await?;
    Ok(())
}

fn of_fact(project: ProjectId, kind: &str, key: &str) -> sea_orm::Select<pass::Entity> {
    pass::Entity::find()
        .filter(pass::Column::ProjectId.eq(project.uuid()))
        .filter(pass::Column::Kind.eq(kind))
        .filter(pass::Column::Key.eq(key))
}

fn opened(vault: &Vault, model: &pass::Model) -> Result<Option<Secret>, StoreError> {
    let stored = model.push_token.as_deref();
    let token = stored.map(|stored| vault.open_text(model.project_id, sealed::WALLET, stored));
    Ok(token.transpose()?.map(Secret::new))
}

fn row(vault: &Vault, model: pass::Model) -> Result<WalletPass, StoreError> {
    Ok(WalletPass {
        push_token: opened(vault, &model)?,
        holder: model.holder,
        serial: model.serial,
        link: Link {
            project_id: model.project_id.into(),
            user_id: model.user_id.into(),
            kind: model.kind,
            key: model.key,
        },
        due_at: model.due_at,
        attempts: u32::try_from(model.attempts).unwrap_or(0),
    })
}
