//! What is heard of a message after it was made: the business takes it back, or a provider says what became of it.

use super::lane::Task;
use super::{Pipeline, PipelineError};
use crate::base::id::{MessageId, ProjectId};
use crate::base::limits;
use crate::engine::step::Input;
use crate::store::{DeliveryFilter, DeliveryRow, PageAsk, ProviderSaid, ProviderWord};

/// What became of an order to take a message back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalledBack {
    Unknown,
    /// Nothing is left to be sent.
    TooLate,
    /// Its deliveries as they stand now.
    Done(Vec<DeliveryRow>),
}

impl Pipeline {
    /// Takes a message back. Done twice, the second time changes nothing.
    pub async fn call_back(&self, project_id: ProjectId, id: MessageId) -> Result<CalledBack, PipelineError> {
        let message = self.0.store.message(project_id, id).await?;
        let Some(message) = message.filter(|message| !message.silent) else {
            return Ok(CalledBack::Unknown);
        };
        let subjects = self.0.store.load_subjects(project_id, &[message.user_id]).await?;
        let known = subjects.iter().flat_map(|subject| &subject.sent);
        let known = known.rev().find(|sent| sent.message_id == id);
        let has_ways = known.is_some_and(|sent| !sent.course.ladder.ahead.is_empty());
        let deliveries = self.deliveries_of(project_id, id).await?;
        let is_under_way = deliveries.iter().any(|row| row.state.is_open());
        if known.is_some_and(|sent| sent.called_back) {
            return Ok(CalledBack::Done(deliveries));
        }
        if !(is_under_way || has_ways) {
            return Ok(CalledBack::TooLate);
        }
        let input = Input::CallBack { message_id: id };
        self.run(self.step(project_id, message.user_id, input)).await?;
        Ok(CalledBack::Done(self.deliveries_of(project_id, id).await?))
    }

    /// A provider says what became of a delivery that it took. False when that is no news.
    pub async fn provider_said(&self, word: &ProviderWord) -> Result<bool, PipelineError> {
        let Some(entry) = self.0.store.provider_said(word, self.new_id()).await? else {
            return Ok(false);
        };
        if matches!(word.said, ProviderSaid::Failed { dead: Some(_), .. }) {
            self.tell_of_store(entry.project_id, entry.user_id, Task::TellContact)
                .await;
        }
        self.step_inbox(vec![entry]).await?;
        Ok(true)
    }

    /// All deliveries of one message.
    pub(super) async fn deliveries_of(
        &self,
        project_id: ProjectId,
        id: MessageId,
    ) -> Result<Vec<DeliveryRow>, PipelineError> {
        let filter = DeliveryFilter {
            message_id: Some(id),
            ..DeliveryFilter::default()
        };
        let ask = PageAsk::first(limits::PAGE_ROWS_MAX);
        Ok(self.0.store.deliveries(project_id, &filter, &ask).await?.rows)
    }
}
