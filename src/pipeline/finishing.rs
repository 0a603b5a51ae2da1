//! The end of a step: what is durable is shown, told to others, counted and answered.

use super::lane::{Answer, Job};
use super::stepping::{Stepped, Worker, unavailable};
use super::ways::{Leased, Place};
use super::{PipelineError, Shared};
use crate::engine::decision::ReasonCode;
use crate::engine::fix::Body;
use crate::engine::step::{Effects, Input};
use crate::store::change::{Change, Row};
use crate::store::{CommitSummary, leased};
use crate::telemetry::measure;

impl Worker {
    /// Shows and answers what is durable, and keeps the subjects as they are now.
    pub(super) fn finish(&mut self, stepped: Vec<Stepped>, summary: &CommitSummary, broke: bool) {
        let mut queued = false;
        for one in stepped {
            let key = one.key();
            let Stepped { pending, mut change } = one;
            let mut job = pending.job;
            if summary.erased.contains(&job.user_id) {
                change.effects.subject.seldom.erased = true;
            }
            if !change.effects.subject.seldom.erased && !pending.places.is_empty() {
                self.hand_over(&change, pending.places);
            }
            let is_queued = change.leased_until.is_none() && !change.effects.messages.is_empty();
            let effects = change.effects;
            if effects.subject.seldom.erased || (broke && pending.leans) {
                job.answer(Err(if effects.subject.seldom.erased {
                    PipelineError::Erased
                } else {
                    unavailable("the record it repeats was not taken")
                }));
                self.subjects.put(key, effects.subject);
                continue;
            }
            queued |= is_queued || !effects.redirected.is_empty();
            self.shared.show(&job, &effects);
            // Batches of several lanes commit together: only who wrote a device asks who lost an address.
            let wrote_device = change.rows.iter().any(|row| matches!(row, Row::Device(_)));
            let lost = summary
                .unreachable
                .iter()
                .filter(|(project_id, ..)| wrote_device && *project_id == job.project_id);
            let unreachable = lost.map(|(_, user_id, device_id)| (*user_id, *device_id)).collect();
            let told = self.shared.tell(job.project_id, &effects);
            self.subjects.put(key, effects.subject);
            job.answer(Ok(Answer {
                moments: effects.moments,
                refused: effects.refused,
                unreachable,
                told,
                ..Answer::default()
            }));
        }
        if queued {
            self.shared.work_ready.notify_one();
        }
    }

    /// What this commit has leased is durable: it may be sent.
    fn hand_over(&self, change: &Change, places: Vec<Place>) {
        match leased(change) {
            Ok(rows) => self.shared.ways.hand_over(Leased { rows, places }),
            Err(error) => tracing::error!(%error, "new deliveries cannot be read: they go out when their leases end"),
        }
    }
}

impl Shared {
    /// Shows and counts what a step came to.
    pub(super) fn show(&self, job: &Job, effects: &Effects) {
        self.stream.publish_effects(job.project_id, effects);
        self.show_position(job, effects);
        count(effects);
    }

    fn show_position(&self, job: &Job, effects: &Effects) {
        let Some(Input::Records { device_id, records }) = job.input() else {
            return;
        };
        if !self.stream.is_watched() {
            return;
        }
        for record in records {
            if let Body::Fix(fix) = &record.body
                && effects.refused.iter().all(|refused| refused.record_id != record.id)
            {
                self.stream
                    .publish_position(job.project_id, &effects.subject, *device_id, record.at, fix);
            }
        }
    }
}

fn count(effects: &Effects) {
    for moment in &effects.moments {
        measure::moment(moment.kind.name());
        if moment.evidence.record_id.is_some() {
            measure::hop("noticed", moment.noticed_at - moment.occurred_at);
        }
    }
    for decision in &effects.decisions {
        measure::decision(decision.code);
        let moment = effects.moments.iter().find(|moment| moment.id == decision.moment_id);
        if let Some(moment) = moment.filter(|_| decision.code == ReasonCode::Sent) {
            measure::hop("judged", decision.decided_at - moment.noticed_at);
        }
    }
}
