//! Messages: taking back what did not go out yet.

use super::auth::Writes;
use super::deliveries::DeliveryView;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::MessageId;
use crate::pipeline::CalledBack;
use actix_web::{post, web};
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a message that was taken back.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelledView {
    pub message_id: MessageId,
    /// As they stand now. One that is `sending` is with the provider already: it is not sent a second time.
    pub deliveries: Vec<DeliveryView>,
}

/// Take a message back
///
/// What waits is not sent any more, and no further way is taken. What a phone has got stays there: to change that, say something
/// with the same `collapse`. The same once more changes nothing.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("id" = MessageId, Path, description = "the message")),
    responses((status = 200, description = "taken back", body = CancelledView),
              (status = 409, description = "it went out already, and no further way was planned")))]
#[post("/v1/messages/{id}/cancel")]
pub async fn cancel(
    api: web::Data<Api>,
    Writes(key): Writes,
    id: web::Path<MessageId>,
) -> Result<web::Json<CancelledView>, Problem> {
    match api.pipeline.call_back(key.project_id, *id).await? {
        CalledBack::Unknown => Err(Problem::not_found("message")),
        CalledBack::TooLate => {
            let detail = "nothing of this message is left to be sent: its deliveries say where it is";
            Err(Problem::new(ErrorCode::Conflict, detail))
        }
        CalledBack::Done(rows) => Ok(web::Json(CancelledView {
            message_id: *id,
            deliveries: rows.into_iter().map(|row| DeliveryView::of(row, Vec::new())).collect(),
        })),
    }
}
