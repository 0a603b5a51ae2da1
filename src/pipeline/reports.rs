//! Reports of providers: whose they are is proven by the credentials of the project they are about, then the word is taken.

use super::{Pipeline, PipelineError};
use crate::base::id::ProjectId;
use crate::channel::report::{Fate, Report, Reported, Unproven};
use crate::engine::delivery::ChannelKind;
use crate::store::{ProviderSaid, ProviderWord};

impl Pipeline {
    /// Takes a report about a delivery of this project. One about a delivery that nobody knows, or that says nothing new,
    /// changes nothing.
    ///
    /// # Errors
    /// The inner one when no credentials that may have sent the delivery prove the report.
    pub async fn hear_report(
        &self,
        project_id: ProjectId,
        channel: ChannelKind,
        report: &Report<'_>,
    ) -> Result<Result<(), Unproven>, PipelineError> {
        let senders = self.senders_of(project_id, channel).await?;
        let Some(said) = senders.iter().find_map(|sender| sender.hear(report).ok()) else {
            return Ok(Err(Unproven));
        };
        let Some(Reported { provider_id, fate }) = said else {
            return Ok(Ok(()));
        };
        let said = match fate {
            Fate::UnderWay => return Ok(Ok(())),
            Fate::Received => ProviderSaid::Received,
            Fate::Failed { why, dead } => ProviderSaid::Failed { why, dead },
        };
        let word = ProviderWord {
            project_id,
            channel,
            provider_id,
            said,
            at: self.now(),
        };
        self.provider_said(&word).await?;
        Ok(Ok(()))
    }
}
