//! The routes put together, for the binary and for tests alike.

use super::auth::KeyCache;
use super::backtests::Backtests;
use super::gate::{Gate, Rates};
use super::health::Progress;
use super::places::Places;
use super::problem::{ErrorCode, Problem};
use super::stream::Watchers;
use super::{
    backtests, channels, consents, contents, decisions, deliveries, devices, events, explain, fact_kinds, facts,
    geofences, health, import, ingest, journeys, journeys_instances, keys, me, messages, metrics, moments, openapi,
    page, passes, project, publishing, push, regions, reports, requests, silent, simulations, stream, track, triggers,
    users, wallet, webhook_endpoints,
};
use crate::base::limits;
use crate::base::memory::Memory;
use crate::pipeline::Pipeline;
use crate::wallet::{Links, Wallets};
use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::Compress;
use actix_web::{App, Error, HttpRequest, HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

/// How the API listens and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Threads that answer requests; 0 means one per core.
    pub workers: usize,
    /// Take the `OsmAnd` dialect of Traccar Client with the device token in the query (`id=`). Off, because addresses end up
    /// in the logs of proxies, and a credential must not.
    pub osmand_query: bool,
    /// Seconds that requests under way get when the server stops.
    pub shutdown_s: u64,
    pub rates: Rates,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 0,
            osmand_query: false,
            shutdown_s: 20,
            rates: Rates::default(),
        }
    }
}

/// What every handler works with.
pub struct Api {
    pub pipeline: Pipeline,
    pub settings: Settings,
    pub keys: KeyCache,
    pub progress: Progress,
    pub(super) gate: Gate,
    /// What the bodies of all requests under way take.
    pub(super) bodies: Memory,
    /// What `/metrics` shows; none when nothing is recorded.
    pub metrics: Option<PrometheusHandle>,
    pub(super) watchers: Watchers,
    pub(super) simulating: Places,
    pub(super) backtests: Arc<Backtests>,
    /// What gives passes out; none when there are no links.
    pub(super) offer: Option<wallet::Offer>,
}

impl Api {
    pub fn new(pipeline: Pipeline, settings: Settings, progress: Progress, metrics: Option<PrometheusHandle>) -> Self {
        let gate = Gate::new(&settings.rates, pipeline.clock());
        Self {
            gate,
            bodies: Memory::new(limits::BODIES_BYTES_MAX),
            pipeline,
            settings,
            keys: KeyCache::default(),
            progress,
            metrics,
            watchers: Watchers::default(),
            simulating: Places::new(limits::SIMULATIONS_AT_ONCE_MAX),
            backtests: Arc::default(),
            offer: None,
        }
    }

    /// Gives passes out behind these links and into these wallets.
    #[must_use]
    pub fn offering(mut self, links: Links, wallets: Wallets) -> Self {
        self.offer = Some(wallet::Offer::new(links, wallets));
        self
    }
}

/// The table of contents: every route there is. `OpenAPI` is drawn from the same list.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .configure(device_routes)
        .configure(catalogue_routes)
        .configure(look_routes)
        .configure(try_routes)
        .configure(endpoint_routes);
    config.service(ingest::take_overland).service(ingest::take_owntracks);
    config.service(ingest::take_osmand_query).service(ingest::take_osmand);
    config
        .service(health::alive)
        .service(health::ready)
        .service(metrics::show);
}

fn device_routes(config: &mut ServiceConfig<'_>) {
    config.service(silent::list);
    config
        .service(devices::register)
        .service(track::track)
        .service(regions::regions);
    config
        .service(me::show)
        .service(me::edit)
        .service(push::put_push)
        .service(push::delete_push)
        .service(push::put_sealing_key)
        .service(push::delete_sealing_key);
    config.service(me::consents).service(me::identify).service(me::sign_out);
    config.service(me::export).service(me::erase).service(me::read_message);
    config.service(passes::list).service(passes::svg).service(passes::png);
    config
        .service(wallet::links::show)
        .service(wallet::links::apple)
        .service(wallet::links::google);
    config
        .service(wallet::apple::register)
        .service(wallet::apple::unregister)
        .service(wallet::apple::updated)
        .service(wallet::apple::fetch)
        .service(wallet::apple::log);
}

fn catalogue_routes(config: &mut ServiceConfig<'_>) {
    config
        .service(geofences::put)
        .service(geofences::list)
        .service(geofences::show)
        .service(geofences::delete);
    config.service(import::import);
    config
        .service(contents::put)
        .service(contents::show)
        .service(contents::list);
    config
        .service(triggers::validate)
        .service(triggers::list)
        .service(triggers::show)
        .service(triggers::put);
    config
        .service(triggers::list_revisions)
        .service(publishing::publish)
        .service(publishing::rollback);
    config.service(publishing::pause).service(publishing::resume);
    config
        .service(journeys::validate)
        .service(journeys::list)
        .service(journeys::show)
        .service(journeys::put);
    config
        .service(journeys::list_versions)
        .service(journeys::publish)
        .service(journeys::rollback);
    config.service(journeys::pause).service(journeys::resume);
    config
        .service(journeys_instances::list)
        .service(journeys_instances::move_to)
        .service(journeys_instances::cancel);
    config
        .service(fact_kinds::put)
        .service(fact_kinds::show)
        .service(fact_kinds::remove)
        .service(fact_kinds::list);
    config
        .service(channels::list)
        .service(channels::put)
        .service(channels::remove)
        .service(channels::remove_previous);
    config
        .service(channels::probe)
        .service(channels::pause)
        .service(channels::resume)
        .service(reports::take_sms);
    config.service(project::show).service(project::edit);
    config.service(keys::create).service(keys::list).service(keys::revoke);
}

fn look_routes(config: &mut ServiceConfig<'_>) {
    config
        .service(users::list)
        .service(users::put)
        .service(users::show)
        .service(users::erase)
        .service(users::export);
    config.service(consents::give).service(consents::list);
    config
        .service(facts::put)
        .service(facts::show)
        .service(facts::versions)
        .service(facts::of_user);
    config.service(events::create);
    config
        .service(moments::list)
        .service(decisions::list)
        .service(decisions::explain);
    config.service(explain::of_case).service(explain::of_decision);
    config
        .service(deliveries::list)
        .service(deliveries::show)
        .service(deliveries::replay)
        .service(messages::cancel);
    config.service(stream::watch);
}

fn endpoint_routes(config: &mut ServiceConfig<'_>) {
    config
        .service(webhook_endpoints::create)
        .service(webhook_endpoints::list)
        .service(webhook_endpoints::show)
        .service(webhook_endpoints::put)
        .service(webhook_endpoints::delete);
    config
        .service(webhook_endpoints::rotate)
        .service(webhook_endpoints::replay);
}

fn try_routes(config: &mut ServiceConfig<'_>) {
    config.service(simulations::simulate);
    config
        .service(backtests::start)
        .service(backtests::show)
        .service(backtests::cancel);
}

/// The whole application, ready to answer.
pub fn app(
    api: web::Data<Api>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let accompanying = api.clone();
    App::new()
        .into_utoipa_app()
        .app_data(api)
        .app_data(query_config())
        .app_data(path_config())
        .configure(routes)
        .into_app()
        .configure(page::routes)
        .service(openapi::serve)
        .default_service(web::to(nothing_here))
        // The last one wrapped is the first one asked.
        .wrap(requests::Accompany(accompanying))
        .wrap(Compress::default())
}

/// Listens until it is stopped; the server is a future to be awaited.
pub fn serve(listener: TcpListener, api: web::Data<Api>) -> std::io::Result<Server> {
    let settings = api.settings.clone();
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let workers = if settings.workers == 0 { cores } else { settings.workers };
    let server = HttpServer::new(move || app(api.clone()))
        // Slow senders of headers are cut here, idle phones keep their connection for a while.
        .client_request_timeout(Duration::from_secs(5))
        .client_disconnect_timeout(Duration::from_secs(5))
        .keep_alive(Duration::from_secs(75))
        .shutdown_timeout(settings.shutdown_s)
        .workers(workers)
        // Each worker counts its own.
        .max_connections((limits::CONNECTIONS_MAX / workers).max(1))
        .disable_signals();
    Ok(server.listen(listener)?.run())
}

fn query_config() -> web::QueryConfig {
    web::QueryConfig::default()
        .error_handler(|error, _| Problem::new(ErrorCode::QueryInvalid, error.to_string()).into())
}

/// An id that is none names nothing: the same answer as for one that is not there.
fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|error, _| Problem::new(ErrorCode::NotFound, error.to_string()).into())
}

pub(super) async fn nothing_here(request: HttpRequest) -> Result<&'static str, Problem> {
    let methods = openapi::methods_of(request.path());
    if methods.is_empty() {
        let detail = format!(
            "there is nothing at `{}`; /openapi.yaml lists what there is",
            request.path()
        );
        return Err(Problem::new(ErrorCode::NotFound, detail));
    }
    let allowed = methods.join(", ");
    let detail = format!("`{}` is not taken here; use {allowed}", request.method());
    Err(Problem::new(ErrorCode::MethodNotAllowed, detail).allow(allowed))
}
