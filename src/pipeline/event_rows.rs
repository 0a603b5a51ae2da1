//! The rows that an input brings by itself: the events it reports.

use super::lane::Job;
use crate::base::time::Timestamp;
use crate::engine::fix::Body;
use crate::engine::step::Input;
use crate::store::change::{EventRow, Row};

/// The events of this job, as they are stored.
pub(super) fn event_rows(job: &Job, received_at: Timestamp) -> Vec<Row> {
    let user_id = job.user_id;
    match job.input() {
        Some(Input::Records { device_id, records }) => records
            .iter()
            .filter_map(|record| match &record.body {
                Body::Event(event) => Some(Row::Event(EventRow {
                    user_id,
                    device_id: Some(*device_id),
                    record_id: record.id.clone(),
                    name: event.name.clone(),
                    properties: event.properties.clone(),
                    occurred_at: record.at,
                    received_at,
                })),
                Body::Fix(_) | Body::Crossing(_) | Body::Context(_) | Body::Receipt(_) => None,
            })
            .collect(),
        Some(Input::Event {
            record_id,
            name,
            properties,
            occurred_at,
        }) => vec![Row::Event(EventRow {
            user_id,
            device_id: None,
            record_id: record_id.clone(),
            name: name.clone(),
            properties: properties.clone(),
            occurred_at: *occurred_at,
            received_at,
        })],
        Some(
            Input::Fact(_)
            | Input::FactGone(_)
            | Input::Consents(_)
            | Input::Profile(_)
            | Input::Device { .. }
            | Input::DeviceGone(_)
            | Input::Moment(_)
            | Input::Replay(_)
            | Input::Merge(_)
            | Input::Undelivered { .. }
            | Input::Reached { .. }
            | Input::CallBack { .. }
            | Input::Instance { .. }
            | Input::Tick,
        )
        | None => Vec::new(),
    }
}
