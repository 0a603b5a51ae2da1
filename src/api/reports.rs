//! Reports of providers: what they post about a delivery that they took. The signature is all the proof there is.

use super::json::read;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::channel::report::Report;
use crate::engine::delivery::ChannelKind;
use actix_web::{HttpRequest, HttpResponse, post, web};

/// What became of a text message
///
/// The status callback of Twilio's Messages API and of gateways that speak it; each text carries this address when
/// `links.public_url` is set. It is signed (`X-Twilio-Signature`) with the auth token that sent the text. `delivered` is a
/// receipt; `undelivered` and `failed` let the message take its next way, and a number that will never take texts is forgotten.
#[utoipa::path(tag = "server", params(("project_id" = String, Path)),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204, description = "heard, also when it says nothing new or names no text of ours"),
        (status = 403, description = "not signed with the token that sends for this project: `signature_invalid`", body = super::problem::ProblemBody,
            content_type = "application/problem+json")))]
#[post("/v1/channels/sms/reports/{project_id}")]
pub async fn take_sms(
    api: web::Data<Api>,
    request: HttpRequest,
    project: web::Path<ProjectId>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let unproven = || {
        let detail = "sign it as the Messages API does (`X-Twilio-Signature`), with the auth token and the address that this server gave";
        Problem::new(ErrorCode::SignatureInvalid, detail)
    };
    let body = read(&request, payload.into_inner(), limits::REPORT_BYTES_MAX).await?;
    let body = std::str::from_utf8(&body).map_err(|_| unproven())?;
    let fields = web::Query::<Vec<(String, String)>>::from_query(body).map_err(|_| unproven())?;
    let signature = request.headers().get("x-twilio-signature");
    let signature = signature.and_then(|value| value.to_str().ok()).ok_or_else(unproven)?;
    let channel = ChannelKind::Sms;
    let url = api.pipeline.channels().report_url(channel, *project);
    let report = Report {
        url: &url.ok_or_else(unproven)?,
        signature,
        fields: &fields,
    };
    let heard = api.pipeline.hear_report(*project, channel, &report).await?;
    heard.map_err(|_| unproven())?;
    Ok(HttpResponse::NoContent().finish())
}
