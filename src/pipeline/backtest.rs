//! Backtests: people are read page by page and replayed on a thread that may take its time.

use super::people::news_of;
use super::{Pipeline, PipelineError};
use crate::base::id::{ProjectId, TriggerId, UserId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::backtest::{Backtest, Person, Report, Stage};
use crate::engine::subject::Consent;
use crate::engine::trigger::{CompiledTrigger, Trigger, TriggerError, When};
use crate::store::{Noticed, StoredPerson};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far a backtest is, and whether anybody still waits for it.
#[derive(Debug, Default)]
pub struct BacktestProgress {
    /// People replayed so far.
    pub done: AtomicU64,
    /// People to be replayed.
    pub total: AtomicU64,
    /// Set to end it at the next person.
    pub cancelled: AtomicBool,
}

/// Why a backtest came to no report.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// There is more than one backtest goes through.
    #[error("{0}")]
    TooMuch(String),
    #[error("it was cancelled")]
    Cancelled,
}

/// A draft on its stage, and the time it is judged over.
#[derive(Debug)]
pub struct BacktestPlan {
    noticed: Noticed,
    from: Timestamp,
    stage: Stage,
    /// A time of day or of a fact may come for people of whom nothing was noticed.
    everybody: bool,
}

impl BacktestPlan {
    #[cfg(test)]
    pub(super) fn stage(&self) -> &Stage {
        &self.stage
    }
}

impl Pipeline {
    /// Puts a sentence on its stage.
    ///
    /// # Errors
    /// Everything that is wrong with the sentence.
    pub async fn plan_backtest(
        &self,
        project_id: ProjectId,
        (id, revision, sentence): (TriggerId, i64, Trigger),
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Result<BacktestPlan, Vec<TriggerError>>, PipelineError> {
        let errors = self.check_trigger(project_id, &sentence).await?;
        if !errors.is_empty() {
            return Ok(Err(errors));
        }
        let draft = match CompiledTrigger::compile(id, revision, sentence) {
            Ok(draft) => draft,
            Err(errors) => return Ok(Err(errors)),
        };
        let is_clock = |when: &When| matches!(when, When::Time(_) | When::Schedule(_));
        let everybody = draft.alternatives().iter().any(is_clock);
        let catalogue = self.catalogue(project_id).await?;
        let noticed = Noticed {
            project_id,
            from: from.checked_sub_signed(limits::BACKTEST_LOOKBACK).unwrap_or(from),
            to,
        };
        Ok(Ok(BacktestPlan {
            noticed,
            from,
            stage: Stage::new(&catalogue, draft, from),
            everybody,
        }))
    }

    /// Are there few enough moments?
    pub async fn weigh_backtest(&self, plan: &BacktestPlan) -> Result<(), BacktestError> {
        let count = self
            .0
            .store
            .count_moments(&plan.noticed)
            .await
            .map_err(PipelineError::from)?;
        if count > limits::MOMENTS_PER_BACKTEST_MAX {
            let most = limits::MOMENTS_PER_BACKTEST_MAX;
            return Err(BacktestError::TooMuch(format!(
                "{count} moments were noticed in this time; at most {most} are replayed, so choose a shorter one"
            )));
        }
        Ok(())
    }

    /// Runs it to its end. Only one page of people is in memory at a time.
    pub async fn run_backtest(&self, plan: BacktestPlan, progress: &BacktestProgress) -> Result<Report, BacktestError> {
        let backtest = Backtest::new(plan.stage.clone(), plan.from, plan.noticed.to);
        Ok(self.replay_all(plan, backtest, progress).await?.report())
    }

    pub(super) async fn replay_all(
        &self,
        plan: BacktestPlan,
        mut backtest: Backtest,
        progress: &BacktestProgress,
    ) -> Result<Backtest, BacktestError> {
        let total = if plan.everybody {
            self.0.store.count_users(plan.noticed.project_id).await
        } else {
            self.0.store.count_noticed(&plan.noticed).await
        };
        progress
            .total
            .store(total.map_err(PipelineError::from)?, Ordering::Relaxed);
        let mut after = None;
        loop {
            if progress.cancelled.load(Ordering::Acquire) {
                return Err(BacktestError::Cancelled);
            }
            let users = self.next_people(&plan, after).await?;
            let Some(last) = users.last() else {
                return Ok(backtest);
            };
            after = Some(*last);
            let stored = self.0.store.people_then(&plan.noticed, &users).await;
            let people: Vec<Person> = stored
                .map_err(PipelineError::from)?
                .into_iter()
                .map(person_of)
                .collect();
            let count = users.len() as u64;
            let replayed = tokio::task::spawn_blocking(move || {
                for person in people {
                    backtest.replay(person);
                }
                backtest
            });
            backtest = replayed.await.map_err(|_| PipelineError::Stopping)?;
            progress.done.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// As many of the next people as have a page of moments together.
    async fn next_people(&self, plan: &BacktestPlan, after: Option<UserId>) -> Result<Vec<UserId>, BacktestError> {
        let (store, limit) = (&self.0.store, limits::PEOPLE_PER_PAGE_MAX);
        let counted = store.users_noticed(&plan.noticed, after, limit).await;
        let mut next = counted.map_err(PipelineError::from)?;
        if plan.everybody {
            // Of the next users, those somebody noticed something of are counted among the same number of noticed ones.
            let users = store.users_after(plan.noticed.project_id, after, limit).await;
            let known: HashMap<UserId, u64> = next.into_iter().collect();
            let users = users.map_err(PipelineError::from)?.into_iter();
            next = users
                .map(|user| (user, known.get(&user).copied().unwrap_or(0)))
                .collect();
        }
        let (mut page, mut moments) = (Vec::new(), 0);
        for (user, count) in next {
            if count > limits::MOMENTS_PER_REPLAY_MAX {
                let most = limits::MOMENTS_PER_REPLAY_MAX;
                return Err(BacktestError::TooMuch(format!(
                    "{user} has {count} moments in this time; at most {most} of one person are replayed, so choose a shorter one"
                )));
            }
            moments += count;
            if moments > limits::MOMENTS_PER_PAGE_MAX && !page.is_empty() {
                break;
            }
            page.push(user);
        }
        Ok(page)
    }
}

fn person_of((user_id, stored): (UserId, StoredPerson)) -> Person {
    let devices = stored.devices.iter();
    let consents = stored.consents.iter();
    Person {
        user_id,
        profile: stored.profile,
        devices: devices.map(|row| (row.created_at, row.id, news_of(row))).collect(),
        facts: stored.facts,
        consents: consents
            .map(|row| {
                let (granted, at) = (row.granted, row.at);
                (row.purpose, Consent { granted, at })
            })
            .collect(),
        moments: stored.moments,
    }
}
