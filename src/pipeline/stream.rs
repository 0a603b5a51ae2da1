//! The live stream: what just happened, for whoever watches. A slow watcher misses events; nobody waits for one.

use crate::base::id::{DeviceId, ProjectId, UserId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::fix::Fix;
use crate::engine::step::Effects;
use crate::engine::subject::Subject;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;

/// One event, in the shape it is shown in.
#[derive(Debug, Clone)]
pub struct Live {
    pub project_id: ProjectId,
    /// `position`, `moment`, `decision`, `push`, `asked`, `delivery`, `endpoint` or `trouble`.
    pub event: &'static str,
    pub body: Value,
}

/// Hands events to all watchers.
#[derive(Debug)]
pub struct Stream {
    sender: broadcast::Sender<Arc<Live>>,
    /// The latest pushes to tray phones: whoever opens the page finds on the screens what came before.
    pushed: Mutex<VecDeque<Arc<Live>>>,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(limits::STREAM_BACKLOG_MAX),
            pushed: Mutex::default(),
        }
    }
}

impl Stream {
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Live>> {
        self.sender.subscribe()
    }

    /// The latest pushes of one project, oldest first.
    pub fn pushed_lately(&self, project_id: ProjectId) -> Vec<Arc<Live>> {
        let pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        pushed
            .iter()
            .filter(|live| live.project_id == project_id)
            .cloned()
            .collect()
    }

    /// A tray phone shows something: told to whoever watches, and remembered for whoever comes next.
    pub(super) fn publish_push(&self, project_id: ProjectId, body: Value) {
        let live = Arc::new(Live {
            project_id,
            event: "push",
            body,
        });
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        pushed.push_back(Arc::clone(&live));
        while pushed.len() > limits::PUSHES_REMEMBERED_MAX {
            pushed.pop_front();
        }
        // Told while the list is held: a watcher who subscribes and then reads it misses nothing between the two.
        let _ = self.sender.send(live);
    }

    /// Nothing of an erased user is repeated.
    pub(super) fn forget(&self, user_id: UserId) {
        let name = json!(user_id);
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        pushed.retain(|live| live.body["user_id"] != name);
    }

    /// Is anybody watching? Without watchers nothing is put into shape.
    pub(super) fn is_watched(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    pub(super) fn publish(&self, project_id: ProjectId, event: &'static str, body: Value) {
        // No receiver is no error: they come and go.
        let _ = self.sender.send(Arc::new(Live {
            project_id,
            event,
            body,
        }));
    }

    /// Shows what a committed step did.
    pub(super) fn publish_effects(&self, project_id: ProjectId, effects: &Effects) {
        if !self.is_watched() {
            return;
        }
        let name = display_name(&effects.subject);
        for moment in &effects.moments {
            let at = moment
                .device_id
                .and_then(|id| effects.subject.devices.get(&id))
                .and_then(|device| device.last_fix);
            // An event has a name of its own.
            let mut body = with_name(moment, "user_name", &name);
            body["lat"] = json!(at.map(|at| at.lat));
            body["lng"] = json!(at.map(|at| at.lng));
            self.publish(project_id, "moment", body);
        }
        for decision in &effects.decisions {
            self.publish(project_id, "decision", with_name(decision, "name", &name));
        }
    }

    /// Shows where a phone says it is.
    pub(super) fn publish_position(
        &self,
        project_id: ProjectId,
        subject: &Subject,
        device_id: DeviceId,
        at: Timestamp,
        fix: &Fix,
    ) {
        let platform = subject
            .devices
            .get(&device_id)
            .and_then(|device| device.about.platform.clone());
        let body = json!({
            "user_id": subject.user_id, "device_id": device_id, "name": display_name(subject), "at": at,
            "lat": fix.lat, "lng": fix.lng, "accuracy_m": fix.accuracy_m, "platform": platform,
        });
        self.publish(project_id, "position", body);
    }
}

/// What a person is called on the page: their first name, else the business's name for them.
pub(super) fn display_name(subject: &Subject) -> String {
    let first = subject.profile.attributes.get("first_name").and_then(Value::as_str);
    first
        .map(str::to_owned)
        .or_else(|| subject.profile.user_ref.clone())
        .unwrap_or_default()
}

fn with_name<T: Serialize>(item: &T, field: &str, name: &str) -> Value {
    let mut body = serde_json::to_value(item).unwrap_or_default();
    if let Some(fields) = body.as_object_mut() {
        fields.insert(field.to_owned(), Value::String(name.to_owned()));
    }
    body
}
