//! Metrics in the text format of Prometheus.

use super::server::Api;
use actix_web::{HttpResponse, get, web};

/// Metrics
///
/// In the Prometheus text format, for a scraper inside the network of the operator.
#[utoipa::path(tag = "operate", responses((status = 200, description = "metrics", body = String, content_type = "text/plain")))]
#[get("/metrics")]
pub async fn show(api: web::Data<Api>) -> HttpResponse {
    let text = api
        .metrics
        .as_ref()
        .map(metrics_exporter_prometheus::PrometheusHandle::render)
        .unwrap_or_default();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(text)
}
