//! `POST /v1/projects/{project}/messages:send`: who asks, what is asked, what goes wrong, what is shown - in this order.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, rt, web};
use serde_json::{Value, json};

use super::book::{Book, Received};
use super::complaint::{self, Violation};
use super::fault::{self, Fault, HANG_MAX};
use super::{PROJECT_ID, rules};

/// The handler.
pub(super) async fn accept(
    request: HttpRequest,
    project: web::Path<String>,
    book: web::Data<Book>,
    body: web::Bytes,
) -> HttpResponse {
    if book.is_closed() {
        return fault::mute(&request);
    }
    let given: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut received = Received {
        token: receiver(&given["message"]),
        validate_only: false,
        message: given["message"].clone(),
        accepted: false,
        at: book.now(),
        fault: None,
    };
    let access_token = bearer(&request);
    let refusal = if access_token.is_none_or(|token| !book.is_in_force(token)) {
        Some(complaint::unauthenticated())
    } else if *project != PROJECT_ID {
        Some(complaint::wrong_project(&project))
    } else {
        match checked(&request, &book, &given) {
            Ok(clean) => {
                received.validate_only = clean["validateOnly"] == true;
                received.message = clean["message"].clone();
                None
            }
            Err(violations) => Some(complaint::bad_request(&violations)),
        }
    };
    if let Some(refusal) = refusal {
        book.note(received);
        return refusal;
    }
    let fault = book.next_fault(&received.token);
    answer(&request, &book, received, fault).await
}

/// Does what the fault says; without one the message is accepted and the answer tells so.
async fn answer(request: &HttpRequest, book: &Book, mut received: Received, fault: Option<Fault>) -> HttpResponse {
    received.fault.clone_from(&fault);
    let mut note = |accepted: bool| {
        received.accepted = accepted;
        let number = book.note(received.clone());
        let id = if received.validate_only {
            "fake_message_id".to_owned()
        } else {
            format!("0:{number:016}")
        };
        HttpResponse::Ok().json(json!({ "name": format!("projects/{PROJECT_ID}/messages/{id}") }))
    };
    match fault {
        None => note(true),
        Some(Fault::Status {
            code,
            fcm_code,
            retry_after,
        }) => {
            note(false);
            complaint::scripted(code, fcm_code, retry_after.as_deref())
        }
        Some(Fault::BadRequest { field, description }) => {
            note(false);
            complaint::bad_request(&[Violation {
                field,
                description,
                by_fcm: false,
            }])
        }
        Some(Fault::ExpireAccessToken) => {
            note(false);
            book.expire_access_tokens();
            complaint::unauthenticated()
        }
        Some(Fault::DropConnectionAfterRead) => {
            let answer = note(true);
            fault::cut(request);
            answer
        }
        Some(Fault::Hang(time)) => {
            let answer = note(true);
            rt::time::sleep(time.min(HANG_MAX)).await;
            answer
        }
        Some(Fault::InvalidJsonAnswer) => {
            note(true);
            HttpResponse::Ok().body("<html>not JSON</html>")
        }
    }
}

/// The request in its clean form, or everything that is wrong with it.
fn checked(request: &HttpRequest, book: &Book, given: &Value) -> Result<Value, Vec<Violation>> {
    let refuse = |description: &str| {
        Err(vec![Violation {
            field: String::new(),
            description: description.to_owned(),
            by_fcm: false,
        }])
    };
    if request.content_type() != "application/json" {
        return refuse("Invalid content type: must be application/json.");
    }
    if given.is_null() {
        return refuse("Invalid JSON payload received. Unable to parse the body.");
    }
    let clean = book.schemas.check_send(given)?;
    let violations = rules::check(&clean["message"]);
    if violations.is_empty() {
        Ok(clean)
    } else {
        Err(violations)
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    request
        .headers()
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

fn receiver(message: &Value) -> String {
    ["token", "fid", "topic", "condition"]
        .into_iter()
        .find_map(|target| message[target].as_str())
        .unwrap_or_default()
        .to_owned()
}
