//! What the ladder of a sentence must be like: channels that reach people, in the order of their times.

use super::sentence::{Audience, Trigger};
use super::wording::Fail;
use crate::base::limits;
use crate::base::time::Span;
use crate::engine::delivery::ChannelKind;

pub(super) fn check_ladder(sentence: &Trigger, fail: &mut Fail<'_>) {
    let rungs = &sentence.then.fallback;
    if rungs.is_empty() {
        return;
    }
    if sentence.then.to == Audience::Business {
        fail(
            "fallback_to_business",
            "/then/fallback".into(),
            "what the business reads goes to its endpoints, or else to its tray, and has no other way",
            Some("leave `fallback` out, or `to`"),
        );
    }
    if rungs.len() > limits::RUNGS_PER_MESSAGE_MAX {
        fail(
            "too_many_rungs",
            "/then/fallback".into(),
            "at most 4 further ways",
            None,
        );
    }
    let mut before = Span::seconds(0);
    for (index, rung) in rungs.iter().enumerate() {
        let at = format!("/then/fallback/{index}");
        if rung.channel == ChannelKind::Webhook {
            fail(
                "fallback_channel_invalid",
                format!("{at}/channel"),
                "a webhook reaches systems, not people",
                Some("use `sms`, `email`, `fcm`, `apns`, `webpush` or `tray`"),
            );
        }
        if rungs[..index].iter().any(|earlier| earlier.channel == rung.channel) {
            fail(
                "fallback_channel_repeated",
                format!("{at}/channel"),
                "this channel is a way already",
                Some("name each channel once"),
            );
        }
        let is_bounded = rung.after.as_seconds() >= 1 && rung.after.delta() <= limits::RUNG_AFTER_MAX;
        if !is_bounded {
            fail(
                "span_out_of_bounds",
                format!("{at}/after"),
                "a further way waits from 1 second to 7 days",
                Some("it is counted from when the message is made, such as PT2M"),
            );
        } else if rung.after <= before {
            fail(
                "fallback_out_of_order",
                format!("{at}/after"),
                "it would come no later than the way before it",
                Some("each `after` is counted from when the message is made, and is longer than the one before"),
            );
        }
        before = before.max(rung.after);
    }
}
