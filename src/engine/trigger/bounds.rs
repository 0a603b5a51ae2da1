//! Bounds of what a trigger says and of what may stop it: tags, variants, guards.

use super::compiled::{alternatives, has_place};
use super::sentence::{Cap, Trigger};
use super::wording::Fail;
use crate::base::limits;
use crate::base::time::Span;
use std::collections::BTreeSet;

/// Tags or variants of one trigger.
const LISTED_MAX: usize = 8;
/// Characters of a tag or the name of a variant.
const LISTED_CHARS_MAX: usize = 64;
/// Shares that add up to one may miss it by what rounding does.
const SHARE_SLACK: f64 = 1e-9;

/// Tags, and the variants of what is said.
pub(super) fn check_voice(sentence: &Trigger, fail: &mut Fail<'_>) {
    let mut seen = BTreeSet::new();
    if sentence.tags.len() > LISTED_MAX {
        fail("too_many_tags", "/tags".into(), "at most 8 tags", None);
    }
    for (index, tag) in sentence.tags.iter().enumerate() {
        if !is_name(tag) || !seen.insert(tag.as_str()) {
            fail(
                "tag_invalid",
                format!("/tags/{index}"),
                "a tag has 1 to 64 characters, no slash, and stands once",
                None,
            );
        }
    }
    let arms = &sentence.then.arms;
    if arms.len() > LISTED_MAX {
        fail("too_many_arms", "/then/arms".into(), "at most 8 variants", None);
    }
    let mut seen = BTreeSet::from(["default"]);
    for (index, arm) in arms.iter().enumerate() {
        if !is_name(&arm.name) || !seen.insert(arm.name.as_str()) {
            fail(
                "arm_name_invalid",
                format!("/then/arms/{index}/name"),
                "a variant has a name of its own of 1 to 64 characters without a slash",
                Some("`default` is the name of those that no variant drew"),
            );
        }
        if !(0.0..=1.0).contains(&arm.share) {
            fail(
                "arm_share_out_of_bounds",
                format!("/then/arms/{index}/share"),
                "a share is between 0 and 1",
                None,
            );
        }
    }
    let each_fits = arms.iter().all(|arm| arm.share <= 1.0);
    if each_fits && arms.iter().map(|arm| arm.share).sum::<f64>() > 1.0 + SHARE_SLACK {
        fail(
            "arm_share_out_of_bounds",
            "/then/arms".into(),
            "the shares of all variants add up to more than 1",
            Some("the rest reads `then.content`, so that they may add up to less"),
        );
    }
}

fn is_name(text: &str) -> bool {
    (1..=LISTED_CHARS_MAX).contains(&text.chars().count()) && !text.contains(['\0', '/'])
}

/// The guards: shares, caps, hours.
pub(super) fn check_guards(sentence: &Trigger, fail: &mut Fail<'_>) {
    let guards = &sentence.guards;
    // Without a place these two would silently never object.
    let is_placed = alternatives(&sentence.when).iter().all(has_place);
    let hint = Some("listen to `entered`, `exited`, `dwelled`, or to an `event` with `inside`");
    if guards.open.is_some() && !is_placed {
        fail(
            "place_missing",
            "/guards/open".into(),
            "opening hours of which place?",
            hint,
        );
    }
    if sentence.wait.as_ref().is_some_and(|wait| wait.while_.is_some()) && !is_placed {
        fail("place_missing", "/wait/while".into(), "inside which place?", hint);
    }
    if guards.holdout.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        fail(
            "holdout_out_of_bounds",
            "/guards/holdout".into(),
            "a holdout is a share between 0 and 1",
            None,
        );
    }
    if guards.caps.len() > 8 || guards.schedule.len() > 21 {
        fail(
            "too_many_guards",
            "/guards".into(),
            "at most 8 caps and 21 schedule entries",
            None,
        );
    }
    for (index, cap) in guards.caps.iter().enumerate() {
        // The ledger of a user holds a bounded number of sends: a cap beyond it could never be kept.
        if cap.max == 0 || cap.max as usize > limits::SENDS_PER_USER_MAX || cap.per.as_seconds() < 1 {
            fail(
                "cap_out_of_bounds",
                format!("/guards/caps/{index}"),
                "a cap allows 1 to 300 messages per window",
                None,
            );
        }
        check_cap_reach(sentence, index, cap, fail);
    }
    if guards.cooldown.is_some_and(|span| span > remembered()) {
        fail(
            "span_out_of_bounds",
            "/guards/cooldown".into(),
            "a cool-down lasts up to 92 days: what was sent is remembered no longer",
            Some("for once and for all, use `once_per`"),
        );
    }
}

/// How long sends are remembered.
fn remembered() -> Span {
    Span::hours(24 * limits::SENDS_KEPT_DAYS)
}

fn check_cap_reach(sentence: &Trigger, index: usize, cap: &Cap, fail: &mut Fail<'_>) {
    if cap.per > remembered() {
        fail(
            "span_out_of_bounds",
            format!("/guards/caps/{index}/per"),
            "a cap counts back up to 92 days: what was sent is remembered no longer",
            None,
        );
    }
    // A cap that does not count the messages it holds back would never be full.
    if cap.across.as_ref().is_some_and(|tag| !sentence.tags.contains(tag)) {
        fail(
            "cap_across_foreign_tag",
            format!("/guards/caps/{index}/across"),
            "this cap would not count its own messages",
            Some("add the tag to `tags` of this trigger"),
        );
    }
}
