//! Text messages by the Messages API of Twilio, which most gateways speak as well.

use super::answer::Answer;
use super::exchange::configuration;
use super::outside::{Outside, OutsideError};
use super::plain::Plain;
use super::report::{Report, Reported, Unproven};
use super::sms_report;
use super::{Channel, Push};
use crate::base::limits;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, Outcome};
use chrono::TimeDelta;
use futures_util::future::{BoxFuture, FutureExt};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[channels.sms]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The account (`AC…`). Without one the channel is off.
    pub account_sid: Option<String>,
    pub auth_token: Option<Secret>,
    /// The number or name it comes from; or else a messaging service.
    pub from: Option<String>,
    /// The messaging service (`MG…`) that picks a number.
    pub messaging_service_sid: Option<String>,
    /// Where the API is; other gateways have another place.
    pub base_url: String,
    /// Seconds one exchange may take.
    pub timeout_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account_sid: None,
            auth_token: None,
            from: None,
            messaging_service_sid: None,
            base_url: "https://api.twilio.com".into(),
            timeout_s: 15,
        }
    }
}

/// The channel, or none when no account is set.
pub(super) fn open(settings: &Settings, outside: &Outside) -> Result<Option<Sms>, String> {
    let Some(account) = settings.account_sid.clone() else {
        return Ok(None);
    };
    let in_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if account.is_empty() || !account.chars().all(in_path) {
        return Err("channels.sms.account_sid: it has letters and digits only, such as AC0123…".into());
    }
    let token = settings.auth_token.clone();
    let token =
        token.ok_or("channels.sms.auth_token is missing: the console of the gateway shows it beside the account")?;
    let sender = match (&settings.from, &settings.messaging_service_sid) {
        (Some(from), None) => ("From", from.clone()),
        (None, Some(service)) => ("MessagingServiceSid", service.clone()),
        _ => return Err("channels.sms: set one of `from` and `messaging_service_sid`".into()),
    };
    let base = outside
        .check(&settings.base_url)
        .map_err(|error| format!("channels.sms.base_url: {error}"))?;
    let base = base.as_str().trim_end_matches('/');
    Ok(Some(Sms {
        account_url: format!("{base}/2010-04-01/Accounts/{account}"),
        account,
        token,
        sender,
        outside: outside.clone(),
        timeout: Duration::from_secs(settings.timeout_s.clamp(1, 60)),
    }))
}

/// The open channel.
pub struct Sms {
    account_url: String,
    account: String,
    token: Secret,
    /// The parameter that says who it is from, and its value.
    sender: (&'static str, String),
    outside: Outside,
    timeout: Duration,
}

/// What the gateway says, as far as it matters here. Its words may hold the number: they go into no log.
#[derive(Debug, Default, Deserialize)]
struct Said {
    sid: Option<String>,
    code: Option<u32>,
    message: Option<String>,
}

/// What the gateway has on its list, newest first.
#[derive(Debug, Default, Deserialize)]
struct Listed {
    messages: Vec<ListedMessage>,
}

#[derive(Debug, Deserialize)]
struct ListedMessage {
    sid: String,
    body: String,
    /// As RFC 2822 writes it.
    date_created: String,
}

impl Channel for Sms {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Sms
    }

    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome> {
        async move {
            let plain = Plain::of(&push.message.shown);
            if push.message.silent || plain.is_empty() {
                let why = "there is no text to send".into();
                return Outcome::Rejected { why };
            }
            let text = plain.lines(limits::SMS_CHARS_MAX);
            let error = match self.post(&push, &text).await {
                Ok(answer) => return outcome_of(&answer, push.now),
                Err(error) => error,
            };
            let may_have_been_read = matches!(error, OutsideError::Timeout | OutsideError::Transport);
            if may_have_been_read && let Some(provider_id) = self.taken_all_the_same(&push, &text).await {
                return Outcome::Accepted { provider_id };
            }
            Outcome::Retry {
                after: None,
                why: error.to_string(),
            }
        }
        .boxed()
    }

    fn hear(&self, report: &Report<'_>) -> Result<Option<Reported>, Unproven> {
        sms_report::read(&self.token, report)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let url = format!("{}.json", self.account_url);
            let auth = |request: reqwest::RequestBuilder| request.basic_auth(&self.account, Some(self.token.expose()));
            let answer = self.outside.send(Method::GET, &url, self.timeout, auth).await;
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.status.is_success() {
                return Ok(());
            }
            let said = said(&answer).message.unwrap_or_default();
            Err(format!("the gateway answered {}: {said}", answer.status.as_u16()))
        }
        .boxed()
    }
}

/// The gateway's clock may be this much behind ours.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(1);

/// The longest a gateway may hold a text back, and the shortest time it takes.
const VALIDITY_S: (i64, i64) = (5, 36_000);

impl Sms {
    /// The answer was lost: a text that stands twice on a phone cannot be taken back, so the gateway is asked whether it has
    /// this one before it is sent again. One that keeps no list does not know, and gets it again.
    async fn taken_all_the_same(&self, push: &Push<'_>, text: &str) -> Option<String> {
        let mut url = reqwest::Url::parse(&format!("{}/Messages.json", self.account_url)).ok()?;
        url.query_pairs_mut()
            .append_pair("To", push.address)
            .append_pair("PageSize", "10");
        let auth = |request: reqwest::RequestBuilder| request.basic_auth(&self.account, Some(self.token.expose()));
        let asked = self.outside.send(Method::GET, url.as_str(), self.timeout, auth).await;
        let answer = asked.ok()?;
        let listed: Listed = serde_json::from_slice(&answer.body).ok()?;
        let since = push.now - CLOCKS_APART;
        let is_this = |one: &ListedMessage| {
            let made = chrono::DateTime::parse_from_rfc2822(&one.date_created);
            one.body == text && made.is_ok_and(|made| made >= since)
        };
        let found = listed.messages.into_iter().find(is_this);
        found.map(|found| found.sid)
    }

    async fn post(&self, push: &Push<'_>, text: &str) -> Result<Answer, OutsideError> {
        let life = (push.message.expires_at - push.now).num_seconds();
        let life = life.clamp(VALIDITY_S.0, VALIDITY_S.1).to_string();
        let (name, value) = &self.sender;
        let mut form = vec![
            ("To", push.address),
            (*name, value.as_str()),
            ("Body", text),
            ("ValidityPeriod", life.as_str()),
        ];
        form.extend(push.report_url.map(|url| ("StatusCallback", url)));
        let url = format!("{}/Messages.json", self.account_url);
        let shape =
            |request: reqwest::RequestBuilder| request.basic_auth(&self.account, Some(self.token.expose())).form(&form);
        self.outside.send(Method::POST, &url, self.timeout, shape).await
    }
}

fn said(answer: &Answer) -> Said {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Twilio's published codes: 20003 and 401 are our credentials, 21606, 21603 and 21212 our sender.
fn outcome_of(answer: &Answer, now: Timestamp) -> Outcome {
    let said = said(answer);
    if answer.status.is_success() {
        return said.sid.filter(|sid| !sid.is_empty()).map_or_else(
            || Outcome::Retry {
                after: None,
                why: "the answer names no message".into(),
            },
            |provider_id| Outcome::Accepted { provider_id },
        );
    }
    let code = said.code.unwrap_or_default();
    let why = format!("status_{}_code_{code}", answer.status.as_u16());
    let refusals = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
    match code {
        21_610 => {
            return Outcome::Unregistered {
                why: "opted out".into(),
                as_of: None,
            };
        }
        dead if sms_report::is_dead(dead) => return Outcome::Unregistered { why, as_of: None },
        20_003 | 21_212 | 21_603 | 21_606 => return configuration("channels.sms", why),
        _ => {}
    }
    if refusals.contains(&answer.status) {
        return configuration("channels.sms", why);
    }
    if answer.status == StatusCode::TOO_MANY_REQUESTS || answer.status.is_server_error() {
        let after = answer.retry_after(now);
        return Outcome::Retry { after, why };
    }
    Outcome::Rejected { why }
}

#[cfg(test)]
#[path = "sms_tests.rs"]
mod tests;
