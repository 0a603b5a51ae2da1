//! What the operator must hear of channels: said at once, and not again with every message.

use super::Pipeline;
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::delivery::ChannelKind;
use crate::store::Claimed;
use crate::telemetry::measure;
use chrono::TimeDelta;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// One trouble is told once in this time.
const TOLD_EVERY: TimeDelta = TimeDelta::minutes(1);

/// When each trouble was told of.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<HashMap<(ProjectId, ChannelKind, String), Timestamp>>);

impl Troubles {
    fn is_news(&self, project_id: ProjectId, channel: ChannelKind, code: &str, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (project_id, channel, code.to_owned());
        if told.get(&key).is_some_and(|at| now - *at < TOLD_EVERY) {
            return false;
        }
        if told.len() >= limits::ROUTES_REMEMBERED_MAX {
            told.retain(|_, at| now - *at < TOLD_EVERY);
        }
        told.insert(key, now);
        true
    }
}

impl Pipeline {
    /// The provider refuses our keys, permissions or sender: no message of this kind goes until somebody acts.
    pub(super) fn misconfigured(&self, claimed: &Claimed, code: &str, detail: &str, now: Timestamp) {
        let (project_id, channel) = (claimed.delivery.project_id, claimed.delivery.channel);
        measure::misconfigured(channel, code);
        if !self.0.troubles.is_news(project_id, channel, code, now) {
            return;
        }
        tracing::error!(
            project = %project_id,
            channel = channel.as_str(),
            code,
            detail,
            "the provider refuses our keys, permissions or sender: messages fail until they are put right"
        );
        let body = json!({ "channel": channel, "code": code, "detail": detail, "at": now });
        self.0.stream.publish(project_id, "trouble", body);
    }

    /// A route answers nothing but failures: it is only probed now.
    pub(super) fn route_closed(&self, claimed: &Claimed, why: Option<&str>) {
        let (project_id, channel) = (claimed.delivery.project_id, claimed.delivery.channel);
        measure::route_closed(channel);
        tracing::warn!(
            project = %project_id,
            channel = channel.as_str(),
            why = why.unwrap_or_default(),
            "too many sends failed in a row: what is due waits while single messages probe the way"
        );
        let body = json!({ "channel": channel, "code": "silent", "detail": why, "at": self.now() });
        self.0.stream.publish(project_id, "trouble", body);
    }
}
