//! The nearest change: what alone would have made the case go on at the step that ended it.

use super::mask::Mask;
use super::words::{clock, value as written};
use super::{Known, NearestChange, trail};
use crate::base::time::Timestamp;
use crate::engine::decision::{Decision, ReasonCode, Step, TraceStep};
use crate::engine::trigger::expression::{Comparison, Said, Sign, With, survey};
use serde_json::{Map, Value, json};

/// What would have had to be different; none when it was sent, or when nothing would have helped.
pub(super) fn of(known: &Known<'_>, mask: &Mask<'_>) -> Option<NearestChange> {
    let decision = known.decision;
    let note = decision.trace.iter().rev().find(|note| !note.passed);
    let teller = Teller { known, mask, note };
    let (step, wish) = teller.wish(decision.code)?;
    let tense = if decision.code.is_waiting() {
        "goes on"
    } else {
        "would have gone on"
    };
    Some(NearestChange {
        step: note.map_or(step, |note| trail::check_of(note.step)),
        says: format!("{tense} {}", wish.says),
        path: wish.path,
        wanted: wish.wanted,
        at: wish.at,
    })
}

/// The second half of the sentence, and its parts.
#[derive(Default)]
struct Wish {
    says: String,
    path: Option<String>,
    wanted: Option<Value>,
    at: Option<Timestamp>,
}

fn wish(says: impl Into<String>) -> Wish {
    Wish {
        says: says.into(),
        ..Wish::default()
    }
}

struct Teller<'a> {
    known: &'a Known<'a>,
    mask: &'a Mask<'a>,
    /// The step that ended it.
    note: Option<&'a TraceStep>,
}

impl Teller<'_> {
    /// For each reason, the step it belongs to when none was noted, and what would have helped.
    fn wish(&self, code: ReasonCode) -> Option<(super::Check, Wish)> {
        use super::Check as C;
        use ReasonCode as R;
        let purpose = self.text("purpose").unwrap_or("this kind of");
        Some(match code {
            R::Sent | R::Erased => return None,
            R::Holdout => (
                C::Holdout,
                wish("if this person had not been drawn into the group that is held back"),
            ),
            R::WaitingFact | R::Expired => (C::Wait, self.awaited(code)),
            R::WaitingTime => (C::Wait, self.at_time("at", self.time("until"))),
            R::NoConsent => (
                C::Consent,
                wish(format!("if the person had consented to {purpose} messages")),
            ),
            R::OptedOut => (
                C::Consent,
                wish(format!("if the person had not withdrawn consent to {purpose} messages")),
            ),
            R::NoPermission => (C::Consent, wish("if notifications had been allowed on a device")),
            R::NoToken => (C::Consent, wish("if a device had had a push address")),
            R::NoFact => (C::Facts, self.fact("had been")),
            R::FactInactive | R::Cancelled => (C::Facts, self.fact_active()),
            R::ConditionFalse => (C::Condition, self.clause()),
            R::ConditionError => (C::Condition, wish("if the condition could have been computed")),
            R::MissingData => (C::Condition, self.missing()),
            R::NotInside => (C::Presence, self.inside()),
            R::LowAccuracy => (C::Fix, wish("if the phone had known its place better")),
            R::Implausible => (C::Fix, wish("if the fix had been where the phone can have been")),
            R::Simulated => (C::Fix, wish("if the place had not been made up")),
            R::Stale => (C::Staleness, self.fresh()),
            R::TooEarly => (C::Window, self.at_time("at", self.time("from"))),
            R::TooLate => (C::Window, self.at_time("if it had been judged before", self.time("to"))),
            R::OutsideWindow | R::HoursClosed => (
                C::Schedule,
                self.at_time("if it had been judged at", self.time("opens_at")),
            ),
            R::QuietDeferred => (C::QuietHours, self.at_time("at", self.time("until"))),
            R::QuietExpired => (
                C::QuietHours,
                self.at_time("if it had been worth reading until", self.time("until")),
            ),
            R::Cap | R::Cooldown => (
                C::Cap,
                self.at_time("if it had been judged after", self.time("next_at")),
            ),
            R::AlreadyDone => (C::OnceKey, wish("if it had not been said before")),
            R::Superseded => (C::Priority, self.superseded()),
            R::RenderError => (C::Render, wish("if the text could have been made")),
            R::ProviderError => (C::Delivery, wish("if the provider had taken it")),
            R::Paused => (C::Pause, wish("if neither the project nor the trigger had been paused")),
        })
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.note?.values.get(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name)?.parse().ok()
    }

    fn at_time(&self, before: &str, at: Option<Timestamp>) -> Wish {
        let at = at.or(self.known.decision.until);
        let says = match at {
            Some(at) => format!("{before} {}", clock(at, self.known.zone)),
            None => "at another time".to_owned(),
        };
        Wish { at, ..wish(says) }
    }

    fn fact(&self, verb: &str) -> Wish {
        let kind = self.text("type").unwrap_or("fact");
        wish(format!("if there {verb} a {kind} about this person"))
    }

    fn fact_active(&self) -> Wish {
        let facts = &self.known.decision.facts;
        match facts.values().next() {
            Some(fact) => wish(format!("if the {} {} had been active", fact.kind, fact.key)),
            None => self.fact("had been an active fact:"),
        }
    }

    fn fresh(&self) -> Wish {
        let seconds = self.value("max_age_s").and_then(Value::as_i64);
        let at = self.known.moment.map(|moment| moment.occurred_at);
        let limit = at
            .zip(seconds)
            .map(|(at, seconds)| at + chrono::TimeDelta::seconds(seconds));
        self.at_time("if it had been judged before", limit)
    }

    fn inside(&self) -> Wish {
        let place = self.known.moment.and_then(|moment| moment.kind.place());
        let name = place.map(|place| place.name.as_str()).or_else(|| self.text("place"));
        let at = self.known.decision.decided_at;
        let what = name.map_or("such a place".to_owned(), |name| format!("`{name}`"));
        let says = format!("if the person had been in {what} at {}", clock(at, self.known.zone));
        Wish {
            at: Some(at),
            ..wish(says)
        }
    }

    fn superseded(&self) -> Wish {
        match self.note.map(|note| note.step) {
            Some(Step::Priority) => wish("if its priority had been the highest of those that spoke"),
            Some(Step::Replaces) => wish("if the message it replaces had been sent before"),
            Some(_) | None => wish("if no newer moment or other fact had taken its place"),
        }
    }

    fn missing(&self) -> Wish {
        let unread = |clauses: &[Value]| {
            let texts = clauses
                .iter()
                .filter(|clause| clause.get("holds").is_none_or(Value::is_null));
            let texts: Vec<&str> = texts.filter_map(|clause| clause.get("clause")?.as_str()).collect();
            texts.first().map(|text| (*text).to_owned())
        };
        let named = self.text("missing").map(str::to_owned);
        // The note says it as `path` has no value.
        let quoted = self
            .note
            .and_then(|note| note.says.split('`').nth(1))
            .map(str::to_owned);
        let path = named.or(quoted);
        let clause = self.note.and_then(|note| unread(note.values.as_array()?));
        match (path, clause) {
            (Some(path), _) => Wish {
                says: format!("if `{path}` had had a value"),
                path: Some(path),
                ..Wish::default()
            },
            (None, Some(clause)) => wish(format!(
                "if every value of `{}` had been there",
                self.mask.text(&clause)
            )),
            (None, None) => wish("if every value had been there"),
        }
    }

    fn clause(&self) -> Wish {
        let clauses = self.note.and_then(|note| note.values.as_array());
        self.clause_of(clauses.map_or(&[], Vec::as_slice), "if")
            .unwrap_or_else(|| wish("if the condition had held"))
    }

    /// What a wait waits for, and until when.
    fn awaited(&self, code: ReasonCode) -> Wish {
        let own = std::iter::once(self.known.decision);
        let decisions: Vec<&Decision> = self.known.earlier.iter().chain(own).collect();
        let notes = decisions.iter().rev().flat_map(|decision| decision.trace.iter().rev());
        let note = notes
            .filter(|note| !note.passed)
            .find(|note| note.values.is_array() || note.values.get("missing").is_some() || note.step == Step::Inside);
        let word = if code == ReasonCode::Expired { "if" } else { "once" };
        let missing = note.and_then(|note| note.values.get("missing")?.as_str());
        let clauses = note
            .and_then(|note| note.values.as_array())
            .map_or(&[][..], Vec::as_slice);
        let mut found = if note.is_some_and(|note| note.step == Step::Inside) {
            wish(format!("{word} the person is back in the place"))
        } else if let Some(path) = missing {
            let has = if word == "if" { "had had" } else { "has" };
            Wish {
                path: Some(path.to_owned()),
                ..wish(format!("{word} `{path}` {has} a value"))
            }
        } else {
            self.clause_of(clauses, word)
                .unwrap_or_else(|| wish(format!("{word} what it waited for had come")))
        };
        found.at = self.time("limit").or(self.known.decision.until);
        if let Some(at) = found.at {
            found.says = format!("{} before {}", found.says, clock(at, self.known.zone));
        }
        found
    }

    /// The first clause that ended it, turned into a wish.
    fn clause_of(&self, clauses: &[Value], word: &str) -> Option<Wish> {
        let holds = |clause: &&Value| clause.get("holds").and_then(Value::as_bool);
        let is_false = clauses.iter().find(|clause| holds(clause) == Some(false));
        let clause = is_false.or_else(|| clauses.iter().find(|clause| holds(clause).is_none()))?;
        let text = clause.get("clause")?.as_str()?;
        let nothing = Map::new();
        let values = clause.get("values").and_then(Value::as_object).unwrap_or(&nothing);
        let had_been = if word == "if" { "had been" } else { "is" };
        if let Some(told) = survey(text).and_then(|said| self.said(&said, values, had_been)) {
            return Some(Wish {
                says: format!("{word} {}", told.says),
                ..told
            });
        }
        let held = if word == "if" { "had held" } else { "holds" };
        Some(wish(format!("{word} `{}` {held}", self.mask.text(text))))
    }

    fn said(&self, said: &Said, values: &Map<String, Value>, had_been: &str) -> Option<Wish> {
        match said {
            Said::Compared(comparison) => self.compared(comparison, values, had_been),
            Said::Has(path) => Some(Wish {
                path: Some(path.clone()),
                ..wish(format!(
                    "`{path}` {} a value",
                    if had_been == "is" { "has" } else { "had had" }
                ))
            }),
            Said::Any(parts) => {
                let parts: Option<Vec<Wish>> = parts.iter().map(|part| self.said(part, values, had_been)).collect();
                let told: Vec<String> = parts?.into_iter().map(|part| part.says).collect();
                Some(wish(told.join(" or ")))
            }
            Said::All(_) | Said::Constant(..) | Said::Other => None,
        }
    }

    fn compared(&self, comparison: &Comparison, values: &Map<String, Value>, had_been: &str) -> Option<Wish> {
        let path = &comparison.path;
        let with = match &comparison.with {
            With::Value(value) => written(&self.mask.at(path, value)),
            With::Field(other) => {
                let value = values.get(other).map(|value| self.hidden(path, other, value));
                value.map_or_else(
                    || format!("`{other}`"),
                    |value| format!("`{other}` ({})", written(&value)),
                )
            }
            With::Computed => return None,
        };
        let how = match comparison.sign {
            Sign::Equal => String::new(),
            Sign::Unequal => "other than ".to_owned(),
            Sign::Less => "less than ".to_owned(),
            Sign::AtMost => "at most ".to_owned(),
            Sign::Greater => "more than ".to_owned(),
            Sign::AtLeast => "at least ".to_owned(),
            Sign::In => "one of ".to_owned(),
        };
        let was = values.get(path).map(|value| match &comparison.with {
            With::Field(other) => self.hidden(other, path, value),
            With::Value(_) | With::Computed => self.mask.at(path, value),
        });
        let is = if had_been == "is" { "it is" } else { "it was" };
        let was = was.map_or_else(
            || format!(" ({is} not there)"),
            |value| format!(" ({is} {})", written(&value)),
        );
        let wanted = match (&comparison.with, comparison.sign) {
            (With::Value(value), Sign::Equal | Sign::In) => Some(self.mask.at(path, value)),
            (With::Field(other), Sign::Equal) => values.get(other).map(|value| self.hidden(path, other, value)),
            _ => None,
        };
        Some(Wish {
            path: Some(path.clone()),
            wanted,
            ..wish(format!("`{path}` {had_been} {how}{with}{was}"))
        })
    }

    /// A value at `path`; what is compared with a sensitive field is as sensitive.
    fn hidden(&self, other: &str, path: &str, value: &Value) -> Value {
        if self.mask.hides(other) {
            json!(super::mask::MASKED)
        } else {
            self.mask.at(path, value)
        }
    }
}
