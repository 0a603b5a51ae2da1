//! The stage of a backtest: the draft, and of the live triggers only those that its answers depend on.

use crate::base::id::TriggerId;
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::trigger::{CompiledTrigger, LiveTriggers};
use std::sync::Arc;

/// What a draft is judged among.
#[derive(Debug, Clone)]
pub struct Stage {
    pub trigger_id: TriggerId,
    pub revision: i64,
    /// The draft and its competitors, live from the first instant on.
    pub(super) judging: Catalogue,
    /// The same places without any trigger: for what happened before.
    pub(super) silent: Catalogue,
}

impl Stage {
    /// Puts a draft among the live triggers it competes with: those that also have a priority, whose messages count for its caps,
    /// or that say what it replaces; and those that these depend on in turn.
    pub fn new(live: &Catalogue, mut draft: CompiledTrigger, from: Timestamp) -> Self {
        draft.paused = false;
        let (trigger_id, revision) = (draft.id, draft.revision);
        let mut cast = vec![Arc::new(draft)];
        let mut left: Vec<&Arc<CompiledTrigger>> = live
            .triggers
            .iter()
            .filter(|known| known.id != trigger_id && !known.paused && known.journey.is_none())
            .collect();
        let mut looked_at = 0;
        while let Some(member) = cast.get(looked_at).cloned() {
            looked_at += 1;
            let (needed, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|known| depends(&member, known));
            cast.extend(needed.into_iter().cloned());
            left = others;
        }
        for trigger in &mut cast {
            Arc::make_mut(trigger).live_since = Some(from);
        }
        cast.sort_by(|a, b| (&a.sentence.name, a.id).cmp(&(&b.sentence.name, b.id)));
        let mut silent = live.clone();
        silent.triggers = LiveTriggers::default();
        silent.retired.clear();
        // What is asked is what it would have said, not whether it may speak today.
        silent.settings.paused = false;
        let mut judging = silent.clone();
        judging.triggers = cast.into();
        Self {
            trigger_id,
            revision,
            judging,
            silent,
        }
    }
}

/// May what `other` says change what `trigger` decides?
fn depends(trigger: &CompiledTrigger, other: &CompiledTrigger) -> bool {
    let guards = &trigger.sentence.guards;
    let rivals = guards.priority.is_some() && other.sentence.guards.priority.is_some();
    let counted = guards
        .caps
        .iter()
        .filter_map(|cap| cap.across.as_ref())
        .any(|tag| other.sentence.tags.contains(tag));
    let replaced = trigger.sentence.then.replaces.as_ref();
    let replaced =
        replaced.is_some_and(|replaced| other.sentence.then.contents().any(|name| name == replaced.content()));
    rivals || counted || replaced
}
