//! `usher bench-ceiling`: what HTTP, JSON and the disk alone can do here, in the same binary and with the same libraries.

use super::page::Pages;
use crate::cli::out::{Failure, Out};
use crate::engine::fix::RawRecord;
use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// A batch as `POST /v1/track` reads it.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Batch {
    sent_at: Option<DateTime<Utc>>,
    sent_mono_ms: Option<u64>,
    boot_id: Option<String>,
    records: Vec<RawRecord>,
}

/// By this the generator knows an answer that waited for the disk.
const LIKE_A_MOMENT: &str = "{\"noticed_at\":0}";

/// One request in so many is answered when a page of it is on the disk.
#[derive(Debug, Deserialize)]
struct Written {
    every: u64,
}

/// Answers until it is killed. Pages are written to a file in `folder`.
///
/// # Errors
/// No port on loopback, or no file.
pub async fn serve(folder: &Path, out: Out) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot listen: {error}"), "is loopback up?");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let pages = web::Data::new(Pages::start(folder).map_err(failed)?);
    let asked = web::Data::new(AtomicU64::new(0));
    let app = move || {
        App::new()
            .app_data(pages.clone())
            .app_data(asked.clone())
            .app_data(web::PayloadConfig::new(crate::base::limits::BODY_BYTES_MAX))
            .route("/empty", web::post().to(empty))
            .route("/decode", web::post().to(decode))
            .route("/written", web::post().to(written))
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

/// The least that an answer which is durable takes: HTTP, and its page, in one write with those that came meanwhile.
async fn written(
    _body: Bytes,
    asked: web::Data<AtomicU64>,
    pages: web::Data<Pages>,
    web::Query(Written { every }): web::Query<Written>,
) -> HttpResponse {
    if !asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(every) {
        return HttpResponse::Ok().finish();
    }
    if pages.write().await {
        HttpResponse::Ok().body(LIKE_A_MOMENT)
    } else {
        HttpResponse::InternalServerError().body("the page could not be written")
    }
}
