//! The lint: what a trigger that is valid should still not go live with, each with its place and what to do.

mod contents;
mod never;
mod places;

use super::catalogue::Catalogue;
use super::trigger::{Class, CompiledTrigger, When};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Everything the lint can find: a closed list, stable in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    NoOnceKey,
    NoMaximumAge,
    PromoWithoutQuietHours,
    PromoWithoutCap,
    VariableWithoutRule,
    FenceNeverEntered,
    WaitWithoutLimit,
    ConditionNeverTrue,
    TagWithoutFences,
    ServiceHoldout,
    TwoTriggersOneMoment,
    SensitiveWithoutPublicText,
    FallbackAfterLife,
}

impl FindingCode {
    /// The code as it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoOnceKey => "no_once_key",
            Self::NoMaximumAge => "no_maximum_age",
            Self::PromoWithoutQuietHours => "promo_without_quiet_hours",
            Self::PromoWithoutCap => "promo_without_cap",
            Self::VariableWithoutRule => "variable_without_rule",
            Self::FenceNeverEntered => "fence_never_entered",
            Self::WaitWithoutLimit => "wait_without_limit",
            Self::ConditionNeverTrue => "condition_never_true",
            Self::TagWithoutFences => "tag_without_fences",
            Self::ServiceHoldout => "service_holdout",
            Self::TwoTriggersOneMoment => "two_triggers_one_moment",
            Self::SensitiveWithoutPublicText => "sensitive_without_public_text",
            Self::FallbackAfterLife => "fallback_after_life",
        }
    }

    /// How much it weighs.
    pub const fn level(self) -> Level {
        match self {
            Self::NoOnceKey
            | Self::NoMaximumAge
            | Self::PromoWithoutQuietHours
            | Self::PromoWithoutCap
            | Self::VariableWithoutRule
            | Self::FenceNeverEntered
            | Self::WaitWithoutLimit
            | Self::ConditionNeverTrue
            | Self::TagWithoutFences
            | Self::FallbackAfterLife => Level::Blocks,
            Self::ServiceHoldout | Self::TwoTriggersOneMoment | Self::SensitiveWithoutPublicText => Level::Warns,
        }
    }
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not published unless it is accepted by name.
    Blocks,
    Warns,
}

/// Something a trigger should not go live with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    pub code: FindingCode,
    pub level: Level,
    /// JSON pointer into the trigger.
    pub pointer: String,
    /// In a text: the character it stands at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    fn new(code: FindingCode, pointer: impl Into<String>, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            level: code.level(),
            pointer: pointer.into(),
            position: None,
            detail: detail.into(),
            hint: Some(hint.into()),
        }
    }

    /// Does it keep the trigger from going live unless it is accepted?
    pub fn blocks(&self) -> bool {
        self.level == Level::Blocks
    }
}

/// What a revision went live with: the findings that were accepted, the warnings, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    pub findings: Vec<Finding>,
    /// What the publisher had to say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Looks at one trigger in its catalogue. For a trigger inside a journey the pointers start at the trigger itself.
pub fn lint(trigger: &CompiledTrigger, catalogue: &Catalogue) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_sentence(trigger, catalogue, &mut findings);
    check_wait(trigger, &mut findings);
    places::check(trigger, catalogue, &mut findings);
    never::check(trigger, catalogue, &mut findings);
    contents::check(trigger, catalogue, &mut findings);
    check_neighbours(trigger, catalogue, &mut findings);
    findings
}

/// What the parts of the sentence itself lack.
fn check_sentence(trigger: &CompiledTrigger, catalogue: &Catalogue, findings: &mut Vec<Finding>) {
    let sentence = &trigger.sentence;
    let guards = &sentence.guards;
    if sentence.once_per.is_none() {
        let detail = "nothing keeps it from saying the same again at the next moment";
        let fact = sentence.for_each.keys().next();
        let example = fact.map_or("user.ref".to_owned(), |name| format!("{name}.key + ':' + user.ref"));
        let hint = format!("say what it is once per, such as \"once_per\": \"{example}\"");
        findings.push(Finding::new(FindingCode::NoOnceKey, "/once_per", detail, hint));
    }
    if sentence.max_age.is_none() {
        let detail = "a phone that was offline for hours would make it speak about a moment long gone";
        let hint = "say how old a moment may be, such as \"max_age\": \"PT15M\"";
        findings.push(Finding::new(FindingCode::NoMaximumAge, "/max_age", detail, hint));
    }
    if sentence.class == Class::Promo {
        if guards.quiet_hours.is_none() && catalogue.settings.quiet_hours.is_none() {
            let detail = "neither the trigger nor the project has quiet hours: it may speak at night";
            let hint = "give the trigger `quiet_hours`, or the project";
            let code = FindingCode::PromoWithoutQuietHours;
            findings.push(Finding::new(code, "/guards/quiet_hours", detail, hint));
        }
        if guards.caps.is_empty() && guards.cooldown.is_none() {
            let detail = "nothing limits how often one person hears it";
            let hint = "add a cap, such as \"caps\": [{ \"max\": 1, \"per\": \"P1D\" }], or a `cooldown`";
            let code = FindingCode::PromoWithoutCap;
            findings.push(Finding::new(code, "/guards/caps", detail, hint));
        }
    } else if guards.holdout.is_some_and(|share| share > 0.0) {
        let detail = "some people will not get a message that is a service to them";
        let hint = "say why with `reason` when you publish it, or leave the holdout out";
        let code = FindingCode::ServiceHoldout;
        findings.push(Finding::new(code, "/guards/holdout", detail, hint));
    }
}

/// A delay ends by itself; everything else that keeps a moment open needs a limit.
fn check_wait(trigger: &CompiledTrigger, findings: &mut Vec<Finding>) {
    let Some(wait) = &trigger.sentence.wait else { return };
    let stays_open = wait.until.is_some() || (wait.while_.is_some() && wait.delay.is_none());
    if wait.at_most.is_none() && stays_open {
        let detail = "it may wait, and nobody said for how long";
        let code = FindingCode::WaitWithoutLimit;
        findings.push(Finding::new(code, "/wait", detail, LIMIT_HINT));
    }
}

const LIMIT_HINT: &str = "add a limit to `wait`, such as \"at_most\": \"PT10H\"";

/// Another trigger that would speak at the same moment.
fn check_neighbours(trigger: &CompiledTrigger, catalogue: &Catalogue, findings: &mut Vec<Finding>) {
    let priority = |one: &CompiledTrigger| one.sentence.guards.priority;
    let other = catalogue.triggers.iter().find(|other| {
        other.id != trigger.id
            && other.sentence.name != trigger.sentence.name
            && !other.paused
            && other.journey == trigger.journey
            && (priority(other).is_none() || priority(trigger).is_none())
            && trigger
                .alternatives()
                .iter()
                .any(|when| other.alternatives().contains(when))
    });
    if let Some(other) = other {
        let detail = format!(
            "`{}` listens to the same moment, and nothing says which of the two goes first",
            other.sentence.name
        );
        let hint = "give both a `priority`, or conditions that exclude one another";
        let code = FindingCode::TwoTriggersOneMoment;
        findings.push(Finding::new(code, "/when", detail, hint));
    }
}

/// The alternatives of its `when`, each with its pointer.
fn alternatives(trigger: &CompiledTrigger) -> impl Iterator<Item = (String, &When)> {
    let several = matches!(trigger.sentence.when, When::Any(_));
    let at = move |index: usize| {
        if several {
            format!("/when/any/{index}")
        } else {
            "/when".to_owned()
        }
    };
    trigger
        .alternatives()
        .iter()
        .enumerate()
        .map(move |(index, when)| (at(index), when))
}

/// Every name that stands for facts, with the type of the facts.
fn bound(trigger: &CompiledTrigger) -> BTreeMap<&str, &str> {
    let own = trigger.sentence.for_each.iter();
    let own = own.map(|(name, bind)| (name.as_str(), bind.kind()));
    let inherited = trigger.journey.iter().flat_map(|journey| &journey.facts);
    let inherited = inherited.map(|(name, kind)| (name.as_str(), kind.as_str()));
    inherited.chain(own).collect()
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
