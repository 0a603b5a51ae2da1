//! Draws: who is held out, and which variant the others read. The same unit always draws the same, and chance is a hash.

use super::guards::{Refusal, evaluation_refused};
use super::judge::Case;
use super::stepper::Stepper;
use crate::engine::decision::Step;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The arm of those whom no arm drew: they read what `then.content` names.
pub(super) const DEFAULT_ARM: &str = "default";

/// What was drawn for one case before anybody competes: looking at it has no effect.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    /// Who is drawn together.
    unit: String,
    /// Name and share of the variant; none without variants.
    arm: Option<(String, f64)>,
    /// The content that is read.
    pub(super) content: String,
}

impl Drawn {
    pub(super) fn arm(&self) -> Option<&str> {
        self.arm.as_ref().map(|(name, _)| name.as_str())
    }

    /// Says which variant it is, where there are any.
    pub(super) fn note_arm(&self, case: &mut Case<'_>) {
        if let Some((name, share)) = &self.arm {
            let values = json!({ "arm": name, "share": share, "content": self.content, "unit": self.unit });
            case.note(Step::Arm, true, format!("Reads the variant `{name}`"), values);
        }
    }
}

impl Stepper<'_> {
    /// The unit of a case, and the variant it reads.
    pub(super) fn drawn(&self, case: &mut Case<'_>, scene: &Map<String, Value>) -> Result<Drawn, Refusal> {
        let sentence = &case.trigger.sentence;
        let is_drawn = sentence.guards.holdout.is_some() || !sentence.then.arms.is_empty();
        let unit = match case.trigger.unit.as_ref().filter(|_| is_drawn) {
            Some(text) => text
                .evaluate_text(scene)
                .map_err(|error| evaluation_refused(case, Step::Arm, text, &error))?,
            None => self.subject.user_id.to_string(),
        };
        let then = &case.trigger.sentence.then;
        if then.arms.is_empty() {
            let content = then.content.clone();
            return Ok(Drawn {
                unit,
                arm: None,
                content,
            });
        }
        let drawn = self.chance(case, &unit, "|arm");
        let mut reached = 0.0;
        let arm = then.arms.iter().find(|arm| {
            reached += arm.share;
            drawn < reached
        });
        let taken: f64 = then.arms.iter().map(|arm| arm.share).sum();
        let (name, share, content) = match arm {
            Some(arm) => (arm.name.as_str(), arm.share, &arm.content),
            None => (DEFAULT_ARM, (1.0 - taken).max(0.0), &then.content),
        };
        Ok(Drawn {
            unit,
            arm: Some((name.to_owned(), share)),
            content: content.clone(),
        })
    }

    /// Is this unit held back, so that the effect can be measured?
    pub(super) fn is_held_out(&self, case: &Case<'_>, drawn: &Drawn, share: f64) -> bool {
        self.chance(case, &drawn.unit, "") < share
    }

    /// From 0 up to but not including 1: always the same for one unit and trigger, another between projects, and independent
    /// for every purpose.
    fn chance(&self, case: &Case<'_>, unit: &str, purpose: &str) -> f64 {
        let text = format!("{}|{}|{unit}{purpose}", self.given.catalogue.salt, case.trigger.id);
        let digest = Sha256::digest(text.as_bytes());
        let mut first = [0_u8; 8];
        first.copy_from_slice(&digest[..8]);
        // 53 bits are what a double holds exactly: rounding never makes it 1.
        (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
