//! `usher bench-ceiling`: what HTTP and JSON alone can do here, in the same binary and with the same libraries.

use crate::cli::out::{Failure, Out};
use crate::engine::fix::RawRecord;
use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::net::TcpListener;

/// A batch as `POST /v1/track` reads it.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Batch {
    sent_at: Option<DateTime<Utc>>,
    sent_mono_ms: Option<u64>,
    boot_id: Option<String>,
    records: Vec<RawRecord>,
}

/// Answers until it is killed.
///
/// # Errors
/// No port on loopback.
pub async fn serve(out: Out) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot listen: {error}"), "is loopback up?");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let app = || {
        App::new()
            .app_data(web::PayloadConfig::new(crate::base::limits::BODY_BYTES_MAX))
            .route("/empty", web::post().to(empty))
            .route("/decode", web::post().to(decode))
    };
    let server = HttpServer::new(app)
        .disable_signals()
        .listen(listener)
        .map_err(failed)?
        .run();
    out.line(&format!("listening on http://{address}"))?;
    server.await.map_err(failed)
}

/// It reads the body all the same: a body left unread costs the connection.
async fn empty(_body: Bytes) -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn decode(body: Bytes) -> HttpResponse {
    match serde_json::from_slice::<Batch>(&body) {
        Ok(batch) => HttpResponse::Ok().body(batch.records.len().to_string()),
        Err(error) => HttpResponse::BadRequest().body(error.to_string()),
    }
}
