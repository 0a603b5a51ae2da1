//! For each reason the nearest change; what is not reached, what is gone, and what stays hidden.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::mask::MASKED;
use super::{Check, CheckState, Explanation, Gone, Known, explain};
use crate::base::time::Timestamp;
use crate::engine::decision::{Decision, ReasonCode, Step, TraceStep};
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use crate::engine::moment::{Evidence, Moment, MomentKind, Place};
use crate::engine::trigger::Trigger;
use chrono_tz::Europe::Vienna;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

fn at(text: &str) -> Timestamp {
    format!("2026-05-04T{text}:00+02:00").parse().unwrap()
}

fn note(step: Step, passed: bool, says: &str, values: Value) -> TraceStep {
    TraceStep {
        step,
        passed,
        says: says.to_owned(),
        values,
    }
}

fn clause(text: &str, holds: Option<bool>, values: Value) -> Value {
    json!({ "clause": text, "holds": holds, "values": values })
}

fn stay() -> FactRef {
    FactRef {
        kind: "stay".into(),
        key: "ST1".into(),
    }
}

fn decision(code: ReasonCode, trace: Vec<TraceStep>) -> Decision {
    Decision {
        id: Uuid::from_u128(1).into(),
        user_id: Uuid::from_u128(2).into(),
        moment_id: Uuid::from_u128(3).into(),
        trigger_id: Uuid::from_u128(4).into(),
        trigger: "room-on-arrival".into(),
        revision: 1,
        facts: BTreeMap::from([("stay".to_owned(), stay())]),
        code,
        decided_at: at("16:05"),
        until: None,
        message_id: None,
        late: false,
        arm: None,
        trace,
    }
}

fn moment() -> Moment {
    let place = Place {
        id: Uuid::from_u128(5).into(),
        external_id: "H1".into(),
        tag: "hotel".into(),
        name: "Hotel One".into(),
        version: 1,
    };
    Moment {
        id: Uuid::from_u128(3).into(),
        user_id: Uuid::from_u128(2).into(),
        device_id: None,
        occurred_at: at("16:00"),
        noticed_at: at("16:01"),
        kind: MomentKind::Entered { place },
        evidence: Evidence {
            record_id: Some("r1".into()),
            probability: Some(0.93),
            accuracy_m: Some(10.0),
            ..Evidence::default()
        },
        of: None,
    }
}

fn sentence() -> Trigger {
    let whole = json!({ "name": "room-on-arrival", "class": "service", "when": { "entered": { "tag": "hotel" } },
        "for_each": { "stay": "stay" }, "if": "stay.status == 'booked'",
        "wait": { "until": "stay.room_state == 'ready'", "at_most": "PT10H", "while": "inside" },
        "once_per": "stay.key + stay.room", "max_age": "PT15M", "then": { "content": "room-ready" },
        "guards": { "cooldown": "PT1H" } });
    serde_json::from_value(whole).unwrap()
}

fn told(decision: &Decision, earlier: &[Decision], properties: &Value) -> Explanation {
    let fact = Fact {
        id: stay(),
        seq: 1,
        subjects: Vec::new(),
        lifecycle: Lifecycle::Active,
        valid_from: None,
        valid_to: None,
        sensitive: vec!["room".into()],
        properties: properties.as_object().unwrap().clone(),
        changed_at: at("12:00"),
    };
    let (moment, sentence) = (moment(), sentence());
    explain(&Known {
        decision,
        earlier,
        moment: Some(&moment),
        fix: None,
        sentence: Some(&sentence),
        facts: &BTreeMap::from([("stay".to_owned(), fact)]),
        sensitive: &BTreeMap::from([("stay".to_owned(), BTreeSet::from(["room".to_owned()]))]),
        secrets: &[],
        thresholds: None,
        message: None,
        sendings: &[],
        receipts: &[],
        zone: Vienna,
    })
}

/// The wish for a decision that ended at this step.
fn wish(code: ReasonCode, step: Step, says: &str, values: Value) -> String {
    let decision = decision(code, vec![note(step, false, says, values)]);
    told(&decision, &[], &json!({})).nearest_change.unwrap().says
}

/// Code, step, the recorded values, and the second half of the sentence.
const WISHES: &str = r#"
no_consent|consent|{"purpose":"promo"}|if the person had consented to promo messages
opted_out|consent|{"purpose":"service"}|if the person had not withdrawn consent to service messages
no_permission|consent|{}|if notifications had been allowed on a device
no_token|consent|{}|if a device had had a push address
no_fact|facts|{"type":"stay"}|if there had been a stay about this person
fact_inactive|facts|{}|if the stay ST1 had been active
cancelled|facts|{}|if the stay ST1 had been active
not_inside|inside|{"place":"H1"}|if the person had been in `Hotel One` at 2026-05-04 16:05 Europe/Vienna
low_accuracy|plausibility|{}|if the phone had known its place better
implausible|plausibility|{}|if the fix had been where the phone can have been
simulated|plausibility|{}|if the place had not been made up
stale|staleness|{"max_age_s":900}|if it had been judged before 2026-05-04 16:15 Europe/Vienna
too_late|window|{"to":"2026-05-04T14:02:00Z"}|if it had been judged before 2026-05-04 16:02 Europe/Vienna
outside_window|schedule|{"opens_at":"2026-05-04T16:30:00Z"}|if it had been judged at 2026-05-04 18:30 Europe/Vienna
hours_closed|schedule|{"opens_at":"2026-05-04T16:30:00Z"}|if it had been judged at 2026-05-04 18:30 Europe/Vienna
quiet_expired|quiet_hours|{"until":"2026-05-04T20:00:00Z"}|if it had been worth reading until 2026-05-04 22:00 Europe/Vienna
cap|cap|{"next_at":"2026-05-04T15:30:00Z"}|if it had been judged after 2026-05-04 17:30 Europe/Vienna
cooldown|cooldown|{"next_at":"2026-05-04T15:30:00Z"}|if it had been judged after 2026-05-04 17:30 Europe/Vienna
already_done|once_key|{}|if it had not been said before
superseded|priority|{}|if its priority had been the highest of those that spoke
superseded|replaces|{}|if the message it replaces had been sent before
superseded|wait|{}|if no newer moment or other fact had taken its place
render_error|compose|{}|if the text could have been made
missing_data|compose|{"missing":"stay.floor"}|if `stay.floor` had had a value
condition_error|condition|[]|if the condition could have been computed
holdout|holdout|{}|if this person had not been drawn into the group that is held back
provider_error|deliver|{}|if the provider had taken it
paused|pause|{}|if neither the project nor the trigger had been paused
too_early|window|{"from":"2026-05-04T15:00:00Z"}|at 2026-05-04 17:00 Europe/Vienna
waiting_time|wait|{"until":"2026-05-04T20:00:00Z"}|at 2026-05-04 22:00 Europe/Vienna
quiet_deferred|quiet_hours|{"until":"2026-05-04T20:00:00Z"}|at 2026-05-04 22:00 Europe/Vienna
"#;

#[test]
fn every_reason_has_its_nearest_change() {
    for line in WISHES.lines().filter(|line| !line.is_empty()) {
        let [code, step, values, says] = line.splitn(4, '|').collect::<Vec<_>>().try_into().unwrap();
        let code: ReasonCode = serde_json::from_value(json!(code)).unwrap();
        let step: Step = serde_json::from_value(json!(step)).unwrap();
        let tense = if code.is_waiting() {
            "goes on"
        } else {
            "would have gone on"
        };
        let told = wish(code, step, "", serde_json::from_str(values).unwrap());
        assert_eq!(told, format!("{tense} {says}"), "{line}");
    }
    let sent = decision(ReasonCode::Sent, Vec::new());
    assert_eq!(told(&sent, &[], &json!({})).nearest_change, None);
}

#[test]
fn a_clause_is_turned_into_what_it_wanted() {
    let read = json!({ "stay.status": "left", "stay.nights": 2, "stay.hotel_id": "H2", "place.external_id": "H1" });
    for (text, holds, says) in [
        (
            "stay.status == 'booked'",
            Some(false),
            "`stay.status` had been 'booked' (it was 'left')",
        ),
        (
            "stay.nights > 3",
            Some(false),
            "`stay.nights` had been more than 3 (it was 2)",
        ),
        (
            "3 <= stay.nights",
            Some(false),
            "`stay.nights` had been at least 3 (it was 2)",
        ),
        (
            "stay.nights < 2",
            Some(false),
            "`stay.nights` had been less than 2 (it was 2)",
        ),
        (
            "stay.status in ['a', 'b']",
            Some(false),
            "`stay.status` had been one of 'a', 'b' (it was 'left')",
        ),
        (
            "stay.status != 'left'",
            Some(false),
            "`stay.status` had been other than 'left' (it was 'left')",
        ),
        (
            "place.external_id == stay.hotel_id",
            Some(false),
            "`place.external_id` had been `stay.hotel_id` ('H2') (it was 'H1')",
        ),
        ("has(stay.floor)", Some(false), "`stay.floor` had had a value"),
        ("stay.paid", Some(false), "`stay.paid` had been true (it was not there)"),
        (
            "!stay.paid || stay.nights > 3",
            Some(false),
            "`stay.paid` had been false (it was not there) or `stay.nights` had been more than 3 (it was 2)",
        ),
        (
            "stay.name.startsWith('a')",
            Some(false),
            "`stay.name.startsWith('a')` had held",
        ),
        (
            "stay.room == 'CANARY'",
            Some(false),
            "`stay.room` had been '•••' (it was not there)",
        ),
    ] {
        let clauses = json!([clause("true", Some(true), json!({})), clause(text, holds, read.clone())]);
        let said = wish(ReasonCode::ConditionFalse, Step::Condition, "", clauses);
        assert_eq!(said, format!("would have gone on if {says}"), "{text}");
    }
    let missing = note(
        Step::Condition,
        false,
        "`stay.status` has no value",
        json!([clause("stay.status == 'a'", None, json!({}))]),
    );
    let told = told(&decision(ReasonCode::MissingData, vec![missing]), &[], &json!({}));
    assert_eq!(told.nearest_change.unwrap().path.as_deref(), Some("stay.status"));
}

#[test]
fn what_comes_after_the_failed_step_is_not_reached_and_what_is_not_asked_passes() {
    let clauses = json!([
        clause("a == 1", Some(true), json!({ "a": 1 })),
        clause("b == 1", Some(false), json!({ "b": 2 })),
        clause("c == 1", Some(true), json!({ "c": 1 })),
    ]);
    let failed = decision(
        ReasonCode::ConditionFalse,
        vec![
            note(Step::Facts, true, "Judged for these facts", json!({})),
            note(Step::Condition, false, "`b == 1` does not hold", clauses),
        ],
    );
    let explained = told(&failed, &[], &json!({}));
    let state = |check: Check| -> Vec<CheckState> {
        let steps = explained.steps.iter().filter(|step| step.step == check);
        steps.map(|step| step.state).collect()
    };
    assert_eq!(
        state(Check::Condition),
        [CheckState::Passed, CheckState::Failed, CheckState::NotReached]
    );
    assert_eq!(state(Check::Pause), [CheckState::NotReached]);
    assert!(
        explained.steps.is_sorted_by_key(|step| step.step),
        "in the public order"
    );
    assert_eq!(explained.gone, [Gone::Fix]);
    assert!(
        explained
            .verdict
            .starts_with("At 2026-05-04 16:05 Europe/Vienna, the condition did not hold: it would have gone on")
    );

    let capped = decision(
        ReasonCode::AlreadyDone,
        vec![
            note(Step::Facts, true, "", json!({})),
            note(
                Step::Condition,
                true,
                "",
                json!([clause("a == 1", Some(true), json!({}))]),
            ),
            note(
                Step::OnceKey,
                false,
                "This was said before",
                json!({ "once_per": "ST1:12" }),
            ),
        ],
    );
    let explained = told(&capped, &[], &json!({}));
    let step = |check: Check| explained.steps.iter().find(|step| step.step == check).unwrap();
    assert_eq!(
        step(Check::Window).state,
        CheckState::Passed,
        "the trigger has no window"
    );
    assert_eq!(
        step(Check::Staleness).state,
        CheckState::Unknown,
        "it was asked for, and nothing was noted"
    );
    assert_eq!(step(Check::Cooldown).state, CheckState::NotReached);
    // The once-key holds a sensitive field, however short.
    assert_eq!(step(Check::OnceKey).values["once_per"], MASKED);
}

#[test]
fn a_wait_that_ended_shows_what_had_let_it_begin() {
    let wait = json!([clause(
        "stay.room_state == 'ready'",
        Some(false),
        json!({ "stay.room_state": "dirty" })
    )]);
    let began = decision(
        ReasonCode::WaitingFact,
        vec![
            note(Step::Facts, true, "", json!({})),
            note(
                Step::Condition,
                true,
                "",
                json!([clause("stay.status == 'booked'", Some(true), json!({}))]),
            ),
            note(Step::Consent, true, "The person consented", json!({})),
            note(Step::Wait, false, "Waits", wait),
        ],
    );
    let limit = json!({ "waited_for": "waiting_fact", "limit": at("20:00") });
    let ended = Decision {
        decided_at: at("20:00"),
        ..decision(
            ReasonCode::Expired,
            vec![note(Step::Wait, false, "It did not come", limit)],
        )
    };
    let explained = told(&ended, std::slice::from_ref(&began), &json!({}));
    let change = explained.nearest_change.as_ref().unwrap();
    assert_eq!(
        change.says,
        "would have gone on if `stay.room_state` had been 'ready' (it was 'dirty') before 2026-05-04 20:00 Europe/Vienna"
    );
    assert_eq!(
        (change.step, change.wanted.as_ref()),
        (Check::Wait, Some(&json!("ready")))
    );
    let step = |check: Check| explained.steps.iter().find(|step| step.step == check).unwrap();
    assert_eq!(step(Check::Consent).says, "The person consented");
    assert_eq!(step(Check::Condition).state, CheckState::Passed);
    assert_eq!(explained.history[0].code, ReasonCode::WaitingFact);
}

#[test]
fn a_sensitive_value_stands_nowhere() {
    let canary = "CANARY-1204";
    let clauses = json!([
        clause("stay.room == 'CANARY-1204'", Some(true), json!({ "stay.room": canary })),
        clause(
            "stay == stay",
            Some(true),
            json!({ "stay": { "room": canary, "key": "ST1" } })
        ),
        // An older value, known from the record alone.
        clause(
            "stay.room != place.name",
            Some(false),
            json!({ "stay.room": "CANARY-OLD", "place.name": "CANARY-OLD" })
        ),
    ]);
    let failed = decision(
        ReasonCode::ConditionFalse,
        vec![
            note(
                Step::OnceKey,
                true,
                "Not said before",
                json!({ "once_per": format!("ST1{canary}") }),
            ),
            note(Step::Compose, true, "said CANARY-1204", json!({ "other": canary })),
            note(
                Step::Condition,
                false,
                "`stay.room != place.name` does not hold for CANARY-OLD",
                clauses,
            ),
        ],
    );
    let explained = told(&failed, &[], &json!({ "room": canary, "status": "booked" }));
    let text = serde_json::to_string(&explained).unwrap();
    assert!(!text.contains("CANARY"), "{text}");
    assert!(text.contains(MASKED) && text.contains("booked"));
}
