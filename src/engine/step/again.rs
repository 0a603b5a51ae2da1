//! Judging once more: what goes out later than it was decided must still be true when it goes.

use super::judge::{Case, Occasion, condition_holds};
use super::scene::Bound;
use super::stepper::{Given, Stepper};
use crate::engine::decision::ReasonCode;
use crate::engine::moment::Moment;
use crate::engine::subject::Subject;
use crate::engine::trigger::CompiledTrigger;
use std::sync::Arc;

/// May a message that was decided for this moment and these facts still be sent at `given.now`? Asked again are the facts, the
/// condition, the place with `while: inside`, the window and consent. Pure; nothing of the subject changes.
///
/// # Errors
/// Why it must not be sent any more.
pub fn still_may_be_sent(
    subject: &Subject,
    moment: &Moment,
    trigger: &Arc<CompiledTrigger>,
    facts: &Bound,
    given: Given<'_>,
) -> Result<(), ReasonCode> {
    let stepper = Stepper::new(Box::new(subject.clone()), given);
    let (place, is_lost) = match stepper.listens(trigger, moment) {
        Some(Ok(place)) => (place, false),
        Some(Err(_)) => (None, true),
        None => (moment.kind.place().cloned(), false),
    };
    if is_lost && trigger.only_inside() {
        return Err(ReasonCode::NotInside);
    }
    let mut case = Case {
        trigger,
        moment,
        place,
        instance: stepper.instance_that_holds(trigger, facts),
        bound: facts.clone(),
        occasion: Occasion::First,
        trace: Vec::new(),
    };
    stepper.facts_hold(&mut case).map_err(|refusal| refusal.code)?;
    let scene = stepper.scene(&case);
    if !is_lost {
        // Without the place of then, a condition about it cannot be asked as it was.
        condition_holds(&mut case, &scene).map_err(|refusal| refusal.code)?;
    }
    stepper.consented(&mut case).map_err(|refusal| refusal.code)?;
    case.occasion = Occasion::Asked;
    stepper
        .still_inside(&mut case, given.now)
        .map_err(|refusal| refusal.code)?;
    let window_to = trigger
        .window_to
        .as_ref()
        .and_then(|to| to.evaluate_instant(&scene).ok());
    if window_to.is_some_and(|to| given.now > to) {
        return Err(ReasonCode::TooLate);
    }
    Ok(())
}
