//! The contents a trigger may say: what becomes of values that are missing, and what stands on a locked screen.

use super::{Finding, FindingCode, LIMIT_HINT, bound};
use crate::engine::catalogue::Catalogue;
use crate::engine::message::content::{CompiledContent, CompiledTexts, Missing};
use crate::engine::message::template::Template;
use crate::engine::pass::PASS_LINK;
use crate::engine::trigger::compiled::has_place;
use crate::engine::trigger::expression::{Comparison, Expression, Said, Sign, With, survey};
use crate::engine::trigger::{AtLimit, CompiledTrigger, When};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(trigger: &CompiledTrigger, catalogue: &Catalogue, findings: &mut Vec<Finding>) {
    let known = Known::of(trigger, catalogue);
    let then = &trigger.sentence.then;
    let arms = then.arms.iter().enumerate();
    let arms = arms.map(|(index, arm)| (format!("/then/arms/{index}/content"), &arm.content));
    for (pointer, name) in std::iter::once(("/then/content".to_owned(), &then.content)).chain(arms) {
        if let Some(content) = catalogue.contents.get(name) {
            known.check_variables(&pointer, content, findings);
            known.check_waits(trigger, content, findings);
            known.check_sensitive(&pointer, content, findings);
        }
    }
}

/// What is certain about a case of this trigger by the time its text is made.
struct Known<'a> {
    /// Name -> type of the facts it stands for.
    bound: BTreeMap<&'a str, &'a str>,
    catalogue: &'a Catalogue,
    has_place: bool,
    has_event: bool,
    /// Paths that the condition has seen a value at.
    proven: BTreeSet<String>,
}

/// What the scene holds in any case, below the facts.
const ALWAYS: [&str; 4] = ["user.ref", "user.time_zone", "user.places", "user.tags"];
const OF_PLACE: [&str; 4] = ["place.id", "place.external_id", "place.tag", "place.name"];
/// What is made of the moment itself, and so is there when it is named at all.
const OF_MOMENT: [&str; 5] = ["now", "moment", "change", "answer", "journey"];

impl<'a> Known<'a> {
    fn of(trigger: &'a CompiledTrigger, catalogue: &'a Catalogue) -> Self {
        let mut known = Self {
            bound: bound(trigger),
            catalogue,
            has_place: trigger.alternatives().iter().all(has_place),
            has_event: trigger.alternatives().iter().all(|when| matches!(when, When::Event(_))),
            proven: BTreeSet::new(),
        };
        let waits = trigger.sentence.wait.as_ref();
        // What says what is known at the limit has not seen its `until` come true.
        let until = trigger
            .until
            .as_ref()
            .filter(|_| waits.is_some_and(|wait| wait.at_limit == AtLimit::Expire));
        let texts = [trigger.condition.as_ref(), until];
        for said in texts
            .into_iter()
            .flatten()
            .filter_map(|text: &Expression| survey(text.text()))
        {
            known.prove(&said);
        }
        known
    }

    fn prove(&mut self, said: &Said) {
        match said {
            Said::All(parts) => parts.iter().for_each(|part| self.prove(part)),
            Said::Has(path) => {
                self.proven.insert(path.clone());
            }
            Said::Compared(comparison) => self.prove_compared(comparison),
            Said::Any(_) | Said::Constant(..) | Said::Other => {}
        }
    }

    /// What is compared has a value; only a null equals a null.
    fn prove_compared(&mut self, comparison: &Comparison) {
        let path = || comparison.path.clone();
        match (comparison.sign, &comparison.with) {
            (Sign::Equal, With::Value(value)) if !value.is_null() && value.as_str() != Some("") => {
                self.proven.insert(path());
            }
            (Sign::Equal, With::Field(other)) => {
                if self.is_there(other) {
                    self.proven.insert(path());
                } else if self.is_there(&comparison.path) {
                    self.proven.insert(other.clone());
                }
            }
            (Sign::Unequal, With::Value(Value::Null)) => {
                self.proven.insert(path());
            }
            (Sign::In, With::Value(Value::Array(list))) if !list.contains(&Value::Null) => {
                self.proven.insert(path());
            }
            (Sign::Less | Sign::AtMost | Sign::Greater | Sign::AtLeast, with) => {
                self.proven.insert(path());
                if let With::Field(other) = with {
                    self.proven.insert(other.clone());
                }
            }
            (Sign::Equal | Sign::Unequal | Sign::In, _) => {}
        }
    }

    /// Has it a value in every case?
    fn is_there(&self, path: &str) -> bool {
        if self.proven.contains(path) || ALWAYS.contains(&path) {
            return true;
        }
        let (root, fields) = path.split_once('.').unwrap_or((path, ""));
        if let Some(kind) = self.bound.get(root) {
            return fields.is_empty() || fields == "key" || self.is_required(kind, fields);
        }
        // `stays` lists every fact bound to `stay`.
        if root.strip_suffix('s').is_some_and(|name| self.bound.contains_key(name)) {
            return fields.is_empty();
        }
        match root {
            "place" => self.has_place && (fields.is_empty() || OF_PLACE.contains(&path)),
            "event" => self.has_event && matches!(fields, "" | "name" | "properties"),
            "user" => fields.is_empty(),
            root => OF_MOMENT.contains(&root),
        }
    }

    /// Does the type of fact refuse a version without this property?
    fn is_required(&self, kind: &str, field: &str) -> bool {
        let schema = self
            .catalogue
            .fact_types
            .get(kind)
            .and_then(|kind| kind.schema.as_ref());
        let required = schema.and_then(|schema| schema.get("required")?.as_array());
        required.is_some_and(|required| required.iter().any(|name| name == field))
    }

    fn check_variables(&self, pointer: &str, content: &CompiledContent, findings: &mut Vec<Finding>) {
        let mut lacking: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
        for (locale, texts) in &content.locales {
            let used = variables(content, texts);
            for path in &used {
                let is_parent = used.iter().any(|other| {
                    other
                        .strip_prefix(path.as_str())
                        .is_some_and(|rest| rest.starts_with('.'))
                });
                let has_rule = content.content.variables.contains_key(*path);
                let defaulted = content.templates(texts).all(|template| template.can_do_without(path));
                if !(is_parent || has_rule || defaulted || self.is_there(path)) {
                    lacking.entry(path).or_default().push(locale);
                }
            }
        }
        for (path, locales) in lacking {
            let name = &content.content.name;
            let detail = format!(
                "`{name}` shows `{path}` ({}), which may have no value",
                locales.join(", ")
            );
            let hint = format!(
                "say what to do then, in `variables` of the content: \"{path}\": {{ \"fallback\": \"…\" }}, \"wait\" or \"do_not_send\""
            );
            let code = FindingCode::VariableWithoutRule;
            findings.push(Finding::new(code, pointer, detail, hint));
        }
    }

    fn check_waits(&self, trigger: &CompiledTrigger, content: &CompiledContent, findings: &mut Vec<Finding>) {
        if trigger
            .sentence
            .wait
            .as_ref()
            .is_some_and(|wait| wait.at_most.is_some())
        {
            return;
        }
        let mut rules = content.content.variables.iter();
        let awaited = rules.find(|(path, rule)| **rule == Missing::Wait && !self.is_there(path));
        if let Some((path, _)) = awaited {
            let name = &content.content.name;
            let detail = format!("`{name}` waits for `{path}`, and nobody said for how long");
            let code = FindingCode::WaitWithoutLimit;
            findings.push(Finding::new(code, "/wait", detail, LIMIT_HINT));
        }
    }

    fn check_sensitive(&self, pointer: &str, content: &CompiledContent, findings: &mut Vec<Finding>) {
        for (locale, texts) in &content.locales {
            let mut shown = [&texts.title, &texts.body].into_iter();
            // A link to a pass is as sensitive as what it opens.
            let pass = content.pass.as_ref().map(|name| format!("{name}.{PASS_LINK}"));
            let Some(path) = shown.find_map(|template| self.sensitive_in(template)).or(pass) else {
                continue;
            };
            let public = [texts.public_title.as_ref(), texts.public_body.as_ref()];
            let has_public = public
                .into_iter()
                .flatten()
                .any(|template| self.sensitive_in(template).is_none());
            if !has_public {
                let name = &content.content.name;
                let detail = format!("`{name}` shows `{path}`, which is sensitive, and has no public text ({locale})");
                let hint = "add `public_title` or `public_body`: it stands on the locked screen instead";
                let code = FindingCode::SensitiveWithoutPublicText;
                findings.push(Finding::new(code, pointer, detail, hint));
            }
        }
    }

    /// The first sensitive field a text reads; a whole fact has all of its fields.
    fn sensitive_in(&self, template: &Template) -> Option<String> {
        let is_sensitive = |path: &&String| {
            let (root, field) = path.split_once('.').unwrap_or((path.as_str(), ""));
            let listed = root.strip_suffix('s').and_then(|name| self.bound.get(name));
            let kind = self.bound.get(root);
            let marked = kind.or(listed).and_then(|kind| self.catalogue.fact_types.get(*kind));
            let field = field.split('.').next().unwrap_or_default();
            marked.is_some_and(|kind| {
                let whole = field.is_empty() || listed.is_some();
                kind.sensitive.iter().any(|name| whole || name == field)
            })
        };
        template.variables().iter().find(is_sensitive).cloned()
    }
}

fn variables<'c>(content: &'c CompiledContent, texts: &'c CompiledTexts) -> BTreeSet<&'c String> {
    content.templates(texts).flat_map(Template::variables).collect()
}
