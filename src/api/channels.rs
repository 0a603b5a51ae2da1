//! Channels of the project: whose credentials hold, whether the provider takes them, and whether deliveries wait.

use super::auth::{Administers, Reads};
use super::json::Json;
use super::paging::List;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::base::secret::Secret;
use crate::channel::settable;
use crate::engine::delivery::ChannelKind;
use crate::store::{ChannelRow, Previous, Probed};
use actix_web::{HttpResponse, delete, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Whose credentials a channel uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetUpBy {
    /// The configuration of the server.
    Server,
    /// `PUT /v1/channels/{kind}/credentials`.
    Project,
}

/// What the provider said when it was last asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProbeView {
    pub at: DateTime<Utc>,
    pub passed: bool,
    /// Its own words, when it refused.
    pub says: Option<String>,
}

/// A channel as the project sees it; credentials are never shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelView {
    pub kind: ChannelKind,
    /// None when it is not set up: nothing can be sent by it.
    pub set_up_by: Option<SetUpBy>,
    /// Deliveries wait until it is resumed.
    pub paused: bool,
    /// May a project set it up?
    pub settable: bool,
    /// With credentials that were replaced: until when they are used if the provider refuses the new ones.
    pub previous_until: Option<DateTime<Utc>>,
    pub probe: Option<ProbeView>,
    pub updated_at: Option<DateTime<Utc>>,
}

fn probe_view(probed: &Probed) -> ProbeView {
    ProbeView {
        at: probed.at,
        passed: probed.error.is_none(),
        says: probed.error.clone(),
    }
}

fn view(api: &Api, kind: ChannelKind, row: Option<&ChannelRow>) -> ChannelView {
    let now = api.pipeline.now();
    let own = row.is_some_and(|row| row.set_up.credentials.is_some());
    let of_server = api.pipeline.channels().get(kind).is_some();
    let previous = row.and_then(|row| row.set_up.previous.as_ref());
    ChannelView {
        kind,
        set_up_by: match (own, of_server) {
            (true, _) => Some(SetUpBy::Project),
            (false, true) => Some(SetUpBy::Server),
            (false, false) => None,
        },
        paused: row.is_some_and(|row| row.paused),
        settable: !settable(kind).is_empty(),
        previous_until: previous.map(|previous| previous.until).filter(|until| *until > now),
        probe: row.and_then(|row| row.set_up.probed.as_ref()).map(probe_view),
        updated_at: row.map(|row| row.updated_at),
    }
}

fn kind_of(word: &str) -> Result<ChannelKind, Problem> {
    let found = ChannelKind::ALL.into_iter().find(|kind| kind.as_str() == word);
    found.ok_or_else(|| Problem::not_found("channel"))
}

/// Takes something of a set-up away; it is named when it is not there.
async fn forgotten(
    api: &Api,
    of: (ProjectId, ChannelKind),
    what: &str,
    is_there: fn(&ChannelRow) -> bool,
    forget: fn(&mut ChannelRow),
) -> Result<HttpResponse, Problem> {
    let known = api.pipeline.store().channel_of(of.0, of.1).await?;
    if !known.is_some_and(|row| is_there(&row)) {
        return Err(Problem::not_found(what));
    }
    edited(api, of, forget).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn edited(
    api: &Api,
    (project, kind): (ProjectId, ChannelKind),
    edit: impl FnOnce(&mut ChannelRow) + Send,
) -> Result<ChannelView, Problem> {
    let now = api.pipeline.now();
    let row = api.pipeline.store().edit_channel((project, kind), now, edit).await?;
    Ok(view(api, kind, Some(&row)))
}

/// Channels
///
/// Every channel there is, and whose credentials it uses.
#[utoipa::path(tag = "server", security(("secret_key" = [])), responses((status = 200, description = "all of them", body = List<ChannelView>)))]
#[get("/v1/channels")]
pub async fn list(api: web::Data<Api>, Reads(key): Reads) -> Result<web::Json<List<ChannelView>>, Problem> {
    let rows = api.pipeline.store().channels_of(key.project_id).await?;
    let one = |kind: ChannelKind| view(&api, kind, rows.iter().find(|row| row.kind == kind));
    Ok(web::Json(List::whole(ChannelKind::ALL.into_iter().map(one).collect())))
}

/// Set up a channel with credentials of the project
///
/// The body is what `[channels.<kind>]` of the server's configuration takes, without files and, but for the host of a mail server,
/// without addresses; for `fcm`:
/// `{ "service_account": { … } }`. The provider is asked before anything changes. The credentials that are replaced stay in use
/// for what is being sent, and for 24 hours while the provider refuses the new ones. They are kept sealed and never shown.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("kind" = String, Path, description = "such as `fcm`")),
    request_body(content = Object, content_type = "application/json"), responses((status = 200, description = "taken", body = ChannelView)))]
#[put("/v1/channels/{kind}/credentials")]
pub async fn put(
    api: web::Data<Api>,
    Administers(key): Administers,
    kind: web::Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<web::Json<ChannelView>, Problem> {
    let kind = kind_of(&kind)?;
    let credentials = Secret::new(Value::Object(body).to_string());
    let opened = api.pipeline.channels().open_for(kind, &credentials);
    let channel = opened.map_err(|error| Problem::field(error.pointer, error.detail))?;
    if let Err(says) = channel.probe().await {
        let detail = format!("nothing was changed; the provider says: {says}");
        return Err(Problem::new(ErrorCode::ChannelRefused, detail));
    }
    let now = api.pipeline.now();
    let replaced = edited(&api, (key.project_id, kind), |row| {
        row.set_up.probed = Some(Probed { at: now, error: None });
        if row.set_up.credentials.as_ref() == Some(&credentials) {
            return;
        }
        let until = now + limits::CREDENTIALS_OVERLAP;
        let before = row.set_up.credentials.replace(credentials);
        row.set_up.previous = before.map(|credentials| Previous { credentials, until });
    });
    replaced.await.map(web::Json)
}

/// Forget the project's credentials
///
/// Also those they replaced. The channel goes on with what the server's configuration says, if it says anything.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("kind" = String, Path, description = "such as `fcm`")),
    responses((status = 204, description = "forgotten")))]
#[delete("/v1/channels/{kind}/credentials")]
pub async fn remove(
    api: web::Data<Api>,
    Administers(key): Administers,
    kind: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = (key.project_id, kind_of(&kind)?);
    let is_there = |row: &ChannelRow| row.set_up.credentials.is_some();
    let forget = |row: &mut ChannelRow| {
        row.set_up.credentials = None;
        row.set_up.previous = None;
        row.set_up.probed = None;
    };
    forgotten(&api, of, "credentials of this project", is_there, forget).await
}

/// Forget the credentials that were replaced
///
/// They are not used any more from now on, whatever the provider says to the new ones.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("kind" = String, Path, description = "such as `fcm`")),
    responses((status = 204, description = "forgotten")))]
#[delete("/v1/channels/{kind}/credentials/previous")]
pub async fn remove_previous(
    api: web::Data<Api>,
    Administers(key): Administers,
    kind: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = (key.project_id, kind_of(&kind)?);
    let is_there = |row: &ChannelRow| row.set_up.previous.is_some();
    let forget = |row: &mut ChannelRow| row.set_up.previous = None;
    forgotten(&api, of, "replaced credentials", is_there, forget).await
}

/// Ask the provider
///
/// Sends nothing to anybody: it only asks whether the credentials are taken.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("kind" = String, Path, description = "such as `fcm`")),
    responses((status = 200, description = "what it says", body = ProbeView)))]
#[post("/v1/channels/{kind}/probe")]
pub async fn probe(
    api: web::Data<Api>,
    Administers(key): Administers,
    kind: web::Path<String>,
) -> Result<web::Json<ProbeView>, Problem> {
    let kind = kind_of(&kind)?;
    let probed = api.pipeline.probe_channel(key.project_id, kind).await?;
    let Some(outcome) = probed else {
        return Err(Problem::not_found("set-up of this channel"));
    };
    let probed = Probed {
        at: api.pipeline.now(),
        error: outcome.err(),
    };
    let kept = probed.clone();
    edited(&api, (key.project_id, kind), |row| row.set_up.probed = Some(kept)).await?;
    Ok(web::Json(probe_view(&probed)))
}

/// Pause a channel
///
/// Its deliveries wait within their life; nothing fails for it.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("kind" = String, Path, description = "such as `fcm`")),
    responses((status = 200, description = "paused", body = ChannelView)))]
#[post("/v1/channels/{kind}/pause")]
pub async fn pause(
    api: web::Data<Api>,
    Administers(key): Administers,
    kind: web::Path<String>,
) -> Result<web::Json<ChannelView>, Problem> {
    let kind = kind_of(&kind)?;
    let paused = edited(&api, (key.project_id, kind), |row| row.paused = true);
    paused.await.map(web::Json)
}

/// Resume a channel
///
/// What waited goes out within half a minute, as far as it is still true.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("kind" = String, Path, description = "such as `fcm`")),
    responses((status = 200, description = "resumed", body = ChannelView)))]
#[post("/v1/channels/{kind}/resume")]
pub async fn resume(
    api: web::Data<Api>,
    Administers(key): Administers,
    kind: web::Path<String>,
) -> Result<web::Json<ChannelView>, Problem> {
    let kind = kind_of(&kind)?;
    let resumed = edited(&api, (key.project_id, kind), |row| row.paused = false);
    resumed.await.map(web::Json)
}
