//! The live stream: server-sent events of one project, for whoever watches. A slow watcher is told that it missed some.

use super::auth::{Reads, valid_key};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::limits;
use crate::pipeline::Live;
use crate::store::KeyRow;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse, get, web};
use futures_util::stream;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Interval;

/// A comment this often says that the connection lives, and is when the key is looked at again.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many watch.
#[derive(Debug, Clone, Default)]
pub struct Watchers(Arc<AtomicUsize>);

/// A place among the watchers; given back when the connection ends, however it ends.
struct Place(Watchers);

impl Watchers {
    fn enter(&self) -> Option<Place> {
        let place = Place(self.clone());
        (self.0.fetch_add(1, Ordering::Relaxed) < limits::STREAM_WATCHERS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Watch {
    api: web::Data<Api>,
    key: KeyRow,
    receiver: Receiver<Arc<Live>>,
    greeting: VecDeque<Bytes>,
    clock: Interval,
    _place: Place,
}

/// What happens, as it happens
///
/// Server-sent events `hello`, `position`, `moment`, `decision`, `push`, `asked` (a phone is asked where it is, and shows
/// nothing), `delivery` and `endpoint` (a webhook endpoint was switched off), each with a JSON body; `gap` when this
/// watcher was too slow and missed some. After `hello` the latest pushes to tray phones are repeated. A comment every 15 s shows that the connection lives.
#[utoipa::path(tag = "look", security(("secret_key" = [])), responses((status = 200, description = "events", body = String, content_type = "text/event-stream")))]
#[get("/v1/stream")]
pub async fn watch(api: web::Data<Api>, Reads(key): Reads) -> Result<HttpResponse, Problem> {
    let place = api.watchers.enter();
    let place = place.ok_or_else(|| Problem::new(ErrorCode::Overloaded, "too many are watching").retry_after_s(30))?;
    // Subscribed before the greeting is written, so that nothing between the two is missed.
    let receiver = api.pipeline.stream().subscribe();
    let project = api
        .pipeline
        .store()
        .project(key.project_id)
        .await?
        .ok_or_else(|| Problem::not_found("project"))?;
    let hello = json!({
        "project": { "id": project.id, "name": project.name, "mode": project.mode },
        "now": api.pipeline.now(),
        "speed": 1,
    });
    let pushed = api.pipeline.stream().pushed_lately(key.project_id);
    let watcher = Watch {
        api,
        key,
        receiver,
        greeting: greeting(&hello, &pushed),
        clock: quiet_clock(),
        _place: place,
    };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let bytes = watcher.next().await?;
        Some((Ok::<_, Error>(bytes), watcher))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // A proxy that buffers, or a compressor that collects, would hold events back.
        .insert_header(("x-accel-buffering", "no"))
        .insert_header((CONTENT_ENCODING, "identity"))
        .streaming(events))
}

impl Watch {
    /// The next bytes to send; none ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(next) = self.greeting.pop_front() {
            return Some(next);
        }
        loop {
            let received = tokio::select! {
                received = self.receiver.recv() => received,
                // A clock of its own, so that other projects' events cannot keep the comment and the check away.
                _ = self.clock.tick() => {
                    return self.is_welcome().await.then(|| Bytes::from_static(b": still here\n\n"));
                }
            };
            match received {
                Ok(live) if live.project_id == self.key.project_id => return Some(event(live.event, &live.body)),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => return Some(event("gap", &json!({ "missed": missed }))),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Is the key still valid? A revoked one ends the stream.
    async fn is_welcome(&self) -> bool {
        let hash: Result<[u8; 32], _> = self.key.token_hash.as_slice().try_into();
        match hash {
            Ok(hash) => valid_key(&self.api, hash).await.is_ok_and(|key| key.is_some()),
            Err(_) => false,
        }
    }
}

/// What a new watcher gets first: the greeting, then what tray phones show already. A push may come twice; its tag and id
/// replace the first one.
fn greeting(hello: &Value, pushed: &[Arc<Live>]) -> VecDeque<Bytes> {
    let repeated = pushed.iter().map(|live| event(live.event, &live.body));
    std::iter::once(event("hello", hello)).chain(repeated).collect()
}

/// Ticks first after one period: the greeting is a sign of life itself.
fn quiet_clock() -> Interval {
    let mut clock = tokio::time::interval(KEEP_ALIVE);
    clock.reset();
    clock
}

/// One event in the format of the HTML standard, section 9.2. JSON holds no line break, so one data line is enough.
fn event(name: &str, body: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {body}\n\n"))
}
