//! The ladder: which further way is taken, when, why not, and that each is taken once.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::stage_tests::{Person, Stage, at, record, stay};
use super::*;
use crate::engine::fact::Lifecycle;
use crate::engine::fix::{Body, Receipt};
use crate::engine::subject::Consent;
use serde_json::{Value, json};

/// Push, then an SMS after 2 minutes, then a mail after 10; the message lives 2 hours.
fn stage_with(changes: &Value) -> Stage {
    let ladder = json!([{ "channel": "sms", "after": "PT2M" }, { "channel": "email", "after": "PT10M" }]);
    let mut trigger = json!({ "name": "room", "when": { "event": { "name": "tick" } },
        "then": { "content": "hello", "fallback": ladder } });
    trigger
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    Stage::with(&[trigger])
}

fn stage() -> Stage {
    stage_with(&json!({}))
}

/// Somebody with a phone number and a mail address, who agreed to both.
fn person() -> Person {
    let mut ana = Person::new(1);
    ana.subject.profile.reached_by = [ChannelKind::Sms, ChannelKind::Email].into();
    for purpose in [Purpose::Sms, Purpose::Email] {
        say(&mut ana, purpose, true);
    }
    ana
}

fn say(ana: &mut Person, purpose: Purpose, granted: bool) {
    let at = at("00:00");
    ana.subject.consents.insert(purpose, Consent { granted, at });
}

/// The ways taken until then, by timers alone, each with when and why.
fn ways(ana: &mut Person, stage: &Stage, until: &str) -> Vec<(Timestamp, ChannelKind, Option<String>)> {
    let mut taken = Vec::new();
    while let Some(due) = ana.wake_at.filter(|due| *due <= at(until)) {
        let effects = ana.step(stage, due, &Input::Tick);
        let more = effects.redirected.into_iter();
        taken.extend(more.map(|(_, planned)| (due, planned.channel, planned.because)));
        assert!(taken.len() < 10, "{taken:?}");
    }
    taken
}

fn channels(taken: &[(Timestamp, ChannelKind, Option<String>)]) -> Vec<ChannelKind> {
    taken.iter().map(|(_, channel, _)| *channel).collect()
}

fn failed(ana: &mut Person, stage: &Stage, when: &str, channel: ChannelKind) -> Effects {
    let sent = ana.subject.sent.last().unwrap();
    let input = Input::Undelivered {
        message_id: sent.message_id,
        device_id: sent.course.tried.last().copied().filter(|_| !channel.is_personal()),
        channel: Some(channel),
        why: "no".to_owned(),
    };
    ana.step(stage, at(when), &input)
}

fn receipt(ana: &mut Person, stage: &Stage, when: &str, status: ReceiptStatus) {
    let receipt = Receipt {
        message_id: ana.messages.last().unwrap().id,
        status,
        action: None,
        text: None,
    };
    let records = vec![record(&format!("{status:?} {when}"), at(when), Body::Receipt(receipt))];
    let device_id = ana.device;
    ana.step(stage, at(when), &Input::Records { device_id, records });
}

#[test]
fn a_message_that_is_not_received_takes_each_further_way_once_and_in_time() {
    let (stage, mut ana) = (stage(), person());
    let first = ana.event(&stage, "12:00", "tick");
    assert_eq!(first.messages[0].deliveries.len(), 1);
    assert_eq!(first.wake_at, Some(at("12:02")));
    let trace = first.decisions[0].trace.last().unwrap();
    assert_eq!(trace.values["fallback"][0]["channel"], json!("sms"));
    let taken = ways(&mut ana, &stage, "15:00");
    let because = |text: &str| Some(text.to_owned());
    assert_eq!(
        taken,
        [
            (at("12:02"), ChannelKind::Sms, because("not received within PT2M")),
            (at("12:10"), ChannelKind::Email, because("not received within PT10M")),
        ]
    );
    assert_eq!(ana.messages.len(), 1, "the same message");
    assert_eq!(ana.codes(), ["sent"]);
    assert_eq!(ana.wake_at, None);
}

#[test]
fn the_further_ways_of_a_promo_that_leaves_later_are_counted_from_when_it_leaves() {
    let planned = json!({ "class": "promo", "when": { "schedule": { "at": "10:00" } } });
    let (stage, mut ana) = (stage_with(&planned), person());
    // Firebase is the one that asks for it.
    for device in ana.subject.devices.values_mut() {
        device.describe(|about| about.channel = Some(ChannelKind::Fcm));
    }
    ana.step(&stage, at("09:50"), &Input::Tick);
    let first = ana.step(&stage, at("10:00"), &Input::Tick);
    let leaves = leaves_at(&first, &first.messages[0], first.messages[0].deliveries[0].channel);
    assert!(leaves >= at("10:02"), "{leaves}");
    let taken = ways(&mut ana, &stage, "11:00");
    let times: Vec<_> = taken.iter().map(|(when, ..)| *when - leaves).collect();
    assert_eq!(times, [2, 10].map(chrono::TimeDelta::minutes));
}

#[test]
fn what_the_phone_got_takes_no_further_way() {
    for status in [
        ReceiptStatus::Received,
        ReceiptStatus::Displayed,
        ReceiptStatus::Opened,
        ReceiptStatus::Reply,
    ] {
        let (stage, mut ana) = (stage(), person());
        ana.event(&stage, "12:00", "tick");
        receipt(&mut ana, &stage, "12:01", status);
        assert_eq!(ways(&mut ana, &stage, "15:00"), [], "{status:?}");
    }
    let (stage, mut ana) = (stage(), person());
    ana.event(&stage, "12:00", "tick");
    receipt(&mut ana, &stage, "12:01", ReceiptStatus::Failed);
    assert_eq!(ways(&mut ana, &stage, "15:00").len(), 2, "it failed on the phone");
}

#[test]
fn a_provider_that_delivered_the_sms_spares_the_mail() {
    let (stage, mut ana) = (stage(), person());
    ana.event(&stage, "12:00", "tick");
    assert_eq!(channels(&ways(&mut ana, &stage, "12:05")), [ChannelKind::Sms]);
    let message_id = ana.messages[0].id;
    ana.step(&stage, at("12:06"), &Input::Reached { message_id });
    assert_eq!(ways(&mut ana, &stage, "15:00"), []);
}

#[test]
fn without_consent_or_address_a_way_is_left_out_and_the_trace_says_so() {
    let left_out = |change: &dyn Fn(&mut Person)| {
        let (stage, mut ana) = (stage(), person());
        change(&mut ana);
        let decision = ana.event(&stage, "12:00", "tick").decisions.remove(0);
        let taken = channels(&ways(&mut ana, &stage, "15:00"));
        let told = decision.trace.last().unwrap().values["fallback"][0]["left_out"].clone();
        (taken, told)
    };
    let mail = vec![ChannelKind::Email];
    let no_word = |ana: &mut Person| ana.subject.consents.retain(|purpose, _| *purpose != Purpose::Sms);
    assert_eq!(left_out(&no_word), (mail.clone(), json!("no_consent")));
    assert_eq!(
        left_out(&|ana| say(ana, Purpose::Sms, false)),
        (mail.clone(), json!("opted_out"))
    );
    let no_phone = |ana: &mut Person| {
        ana.subject
            .profile
            .reached_by
            .retain(|channel| *channel != ChannelKind::Sms);
    };
    assert_eq!(left_out(&no_phone), (mail, json!("no_token")));
}

#[test]
fn what_was_withdrawn_meanwhile_is_asked_again_and_recorded() {
    let (stage, mut ana) = (stage(), person());
    ana.event(&stage, "12:00", "tick");
    let word = |granted, when| Consent { granted, at: at(when) };
    ana.step(
        &stage,
        at("12:01"),
        &Input::Consents(vec![(Purpose::Sms, word(false, "12:01"))]),
    );
    assert_eq!(channels(&ways(&mut ana, &stage, "12:05")), []);
    assert_eq!(ana.codes(), ["sent", "opted_out"]);
    assert_eq!(ana.decisions[1].message_id, Some(ana.messages[0].id));
    // The mail may still go; without consent to what is said, nothing may.
    let input = Input::Consents(vec![(Purpose::Service, word(false, "12:06"))]);
    ana.step(&stage, at("12:06"), &input);
    assert_eq!(channels(&ways(&mut ana, &stage, "15:00")), []);
    assert_eq!(ana.codes(), ["sent", "opted_out", "opted_out"]);
}

#[test]
fn the_next_way_is_taken_at_once_when_all_before_failed_and_never_twice() {
    let (stage, mut ana) = (stage(), person());
    ana.event(&stage, "12:00", "tick");
    let sms = failed(&mut ana, &stage, "12:00:10", ChannelKind::Tray);
    let planned = &sms.redirected[0].1;
    assert_eq!(planned.channel, ChannelKind::Sms);
    assert_eq!(planned.because.as_deref(), Some("every way before failed"));
    assert!(
        failed(&mut ana, &stage, "12:00:11", ChannelKind::Tray)
            .redirected
            .is_empty()
    );
    assert_eq!(ana.wake_at, Some(at("12:10")), "the mail keeps its time");
    let mail = failed(&mut ana, &stage, "12:00:20", ChannelKind::Sms);
    assert_eq!(mail.redirected[0].1.channel, ChannelKind::Email);
    let end = failed(&mut ana, &stage, "12:00:30", ChannelKind::Email);
    assert!(end.redirected.is_empty());
    assert_eq!(end.decisions[0].code, ReasonCode::ProviderError);
    assert_eq!(ways(&mut ana, &stage, "15:00"), []);
    assert!(ana.subject.sent[0].undelivered);
}

#[test]
fn a_way_that_fails_beside_another_one_changes_nothing() {
    let (stage, mut ana) = (stage(), person());
    ana.event(&stage, "12:00", "tick");
    assert_eq!(channels(&ways(&mut ana, &stage, "12:05")), [ChannelKind::Sms]);
    // The push is accepted and may still get there: the mail keeps its time.
    assert!(
        failed(&mut ana, &stage, "12:06", ChannelKind::Sms)
            .redirected
            .is_empty()
    );
    let taken = ways(&mut ana, &stage, "15:00");
    assert_eq!((taken[0].0, taken[0].1), (at("12:10"), ChannelKind::Email));
}

#[test]
fn nothing_goes_beyond_the_life_of_the_message() {
    let mut stage = stage();
    stage.say(json!({ "name": "hello", "default_locale": "en", "ttl": "PT5M",
        "locales": { "en": { "title": "Hello", "body": "there" } } }));
    let mut ana = person();
    let decision = ana.event(&stage, "12:00", "tick").decisions.remove(0);
    let told = &decision.trace.last().unwrap().values["fallback"];
    assert_eq!(told[1], json!({ "channel": "email", "left_out": "expired" }));
    // Woken too late: the house was down.
    let late = ana.step(&stage, at("12:30"), &Input::Tick);
    assert!(late.redirected.is_empty());
    assert_eq!(late.decisions[0].code, ReasonCode::Expired);
    assert_eq!(late.wake_at, None);
}

#[test]
fn a_house_that_was_down_does_not_take_two_rungs_at_once() {
    let (stage, mut ana) = (stage(), person());
    ana.event(&stage, "12:00", "tick");
    let late = ana.step(&stage, at("12:30"), &Input::Tick);
    assert_eq!(late.redirected.len(), 1);
    assert_eq!(late.wake_at, Some(at("12:38")), "8 minutes are between the two");
}

#[test]
fn who_has_no_device_gets_the_first_way_they_agreed_to_at_once() {
    let (stage, mut ana) = (stage(), person());
    ana.subject.devices.clear();
    let effects = ana.event(&stage, "12:00", "tick");
    let planned = &effects.messages[0].deliveries[0];
    assert_eq!((planned.device_id, planned.channel), (None, ChannelKind::Sms));
    assert_eq!(channels(&ways(&mut ana, &stage, "15:00")), [ChannelKind::Email]);
    // Where one was passed over for the first way, it does not come back.
    let (stage, mut ana) = (self::stage(), person());
    ana.subject.devices.clear();
    say(&mut ana, Purpose::Sms, false);
    let effects = ana.event(&stage, "12:00", "tick");
    assert_eq!(effects.messages[0].deliveries[0].channel, ChannelKind::Email);
    assert_eq!(ways(&mut ana, &stage, "15:00"), []);
    let mut ben = Person::new(2);
    ben.subject.devices.clear();
    let silent = ben.event(&stage, "12:00", "tick");
    assert_eq!(silent.decisions[0].code, ReasonCode::NoToken);
    let told = &silent.decisions[0].trace.last().unwrap().values["fallback"];
    assert_eq!(told[0]["left_out"], json!("no_consent"));
}

#[test]
fn a_promo_climbs_by_day_only() {
    let night = json!({ "class": "promo", "guards": { "quiet_hours": { "from": "22:00", "to": "08:00" } } });
    let (stage, mut ana) = (stage_with(&night), person());
    let mut stage = stage;
    stage.say(json!({ "name": "hello", "default_locale": "en", "ttl": "PT14H",
        "locales": { "en": { "title": "Hello", "body": "there" } } }));
    ana.event(&stage, "21:59", "tick");
    let taken = ways(&mut ana, &stage, "5 10:00");
    let times: Vec<Timestamp> = taken.iter().map(|(at, ..)| *at).collect();
    assert_eq!(times, [at("5 08:00"), at("5 08:08")]);
    // Failed in the night: what is next waits for the morning as well, and a service message does not.
    let mut ben = person();
    ben.event(&stage, "21:59", "tick");
    assert!(
        failed(&mut ben, &stage, "22:30", ChannelKind::Tray)
            .redirected
            .is_empty()
    );
    assert_eq!(ways(&mut ben, &stage, "5 08:00").len(), 1);
}

#[test]
fn what_is_called_back_replaced_or_over_takes_no_further_way() {
    let (stage, mut ana) = (stage(), person());
    ana.event(&stage, "12:00", "tick");
    let message_id = ana.messages[0].id;
    let back = ana.step(&stage, at("12:01"), &Input::CallBack { message_id });
    assert_eq!(back.cancelled, [message_id]);
    assert_eq!(back.decisions[0].code, ReasonCode::Cancelled);
    assert!(ana.subject.is_called_back(message_id));
    assert!(
        ana.step(&stage, at("12:01"), &Input::CallBack { message_id })
            .cancelled
            .is_empty()
    );
    assert!(
        failed(&mut ana, &stage, "12:01:10", ChannelKind::Tray)
            .redirected
            .is_empty()
    );
    assert_eq!(ways(&mut ana, &stage, "15:00"), []);

    let ended = stage_with(&json!({ "for_each": { "stay": "stay" } }));
    let mut ana = person();
    ana.fact(&ended, "10:00", stay("ST1", 1, json!({})));
    ana.event(&ended, "12:00", "tick");
    let over = Fact {
        lifecycle: Lifecycle::Cancelled,
        ..stay("ST1", 2, json!({}))
    };
    ana.fact(&ended, "12:01", over);
    assert_eq!(ways(&mut ana, &ended, "15:00"), []);

    let mut replaced = self::stage();
    replaced.say(
        json!({ "name": "hello", "default_locale": "en", "ttl": "PT2H", "collapse": "room",
        "locales": { "en": { "title": "Hello", "body": "there" } } }),
    );
    let mut ana = person();
    ana.event(&replaced, "12:00", "tick");
    ana.event(&replaced, "12:01", "tick");
    let taken = ways(&mut ana, &replaced, "15:00");
    let times: Vec<Timestamp> = taken.iter().map(|(at, ..)| *at).collect();
    assert_eq!(times, [at("12:03"), at("12:11")], "the newer one alone");
    assert_eq!(ana.codes(), ["sent", "sent", "superseded"]);
}

#[test]
fn another_device_is_a_rung_as_well() {
    let ladder = json!({ "then": { "content": "hello", "fallback": [{ "channel": "webpush", "after": "PT2M" }] } });
    let (stage, mut ana) = (stage_with(&ladder), person());
    let browser = crate::base::id::IdSource::new(uuid::Uuid::from_u128(77), at("09:00")).draw();
    let device = DeviceNews {
        channel: Some(ChannelKind::Webpush),
        ..DeviceNews::default()
    };
    let news = Input::Device {
        device_id: browser,
        device,
    };
    ana.step(&stage, at("09:00"), &news);
    ana.event(&stage, "12:00", "tick");
    let first = ana.messages[0].deliveries[0].device_id;
    ways(&mut ana, &stage, "15:00");
    // The browser was heard from last: it is the first way, and no other one has that channel.
    assert_eq!(first, Some(browser));
    assert_eq!(ana.codes(), ["sent", "no_token"]);
}

#[test]
fn a_ladder_is_checked_when_it_is_saved() {
    use crate::engine::trigger::CompiledTrigger;
    let errors = |then: Value| {
        let sentence =
            json!({ "name": "room", "class": "service", "when": { "event": { "name": "tick" } }, "then": then });
        let sentence = serde_json::from_value(sentence).unwrap();
        let mut ids = crate::base::id::IdSource::new(uuid::Uuid::from_u128(7), at("00:00"));
        let errors = CompiledTrigger::compile(ids.draw(), 1, sentence)
            .err()
            .unwrap_or_default();
        let told = errors.into_iter().map(|error| (error.code, error.pointer));
        told.collect::<Vec<_>>()
    };
    let rungs = |rungs: &[(&str, &str)]| {
        let rungs: Vec<Value> = rungs
            .iter()
            .map(|(channel, after)| json!({ "channel": channel, "after": after }))
            .collect();
        json!({ "content": "hello", "fallback": rungs })
    };
    let one = |code: &str, pointer: &str| vec![(code.to_owned(), pointer.to_owned())];
    assert_eq!(errors(rungs(&[("sms", "PT2M"), ("email", "PT10M")])), []);
    assert_eq!(
        errors(rungs(&[("webhook", "PT2M")])),
        one("fallback_channel_invalid", "/then/fallback/0/channel")
    );
    assert_eq!(
        errors(rungs(&[("sms", "PT2M"), ("sms", "PT3M")])),
        one("fallback_channel_repeated", "/then/fallback/1/channel")
    );
    assert_eq!(
        errors(rungs(&[("sms", "PT2M"), ("email", "PT2M")])),
        one("fallback_out_of_order", "/then/fallback/1/after")
    );
    assert_eq!(
        errors(rungs(&[("sms", "PT0S")])),
        one("span_out_of_bounds", "/then/fallback/0/after")
    );
    assert_eq!(
        errors(rungs(&[("sms", "P8D")])),
        one("span_out_of_bounds", "/then/fallback/0/after")
    );
    let five = ["sms", "email", "fcm", "apns", "tray"];
    let five: Vec<(String, String)> = (1..)
        .zip(five)
        .map(|(n, one)| (one.to_owned(), format!("PT{n}M")))
        .collect();
    let five: Vec<(&str, &str)> = five.iter().map(|(one, after)| (one.as_str(), after.as_str())).collect();
    assert_eq!(errors(rungs(&five)), one("too_many_rungs", "/then/fallback"));
    let mut to_business = rungs(&[("sms", "PT2M")]);
    to_business["to"] = json!("business");
    assert_eq!(errors(to_business), one("fallback_to_business", "/then/fallback"));
}
