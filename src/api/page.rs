//! The live page: its files compiled in, served with a policy that allows nothing from outside.

use super::server::nothing_here;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::LazyLock;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, media type and text of every file.
const FILES: [(&str, &str, &str); 17] = [
    ("/", HTML, include_str!("live/index.html")),
    ("/live/live.css", CSS, include_str!("live/live.css")),
    ("/live/app.js", SCRIPT, include_str!("live/app.js")),
    ("/live/chips.js", SCRIPT, include_str!("live/chips.js")),
    ("/live/clock.js", SCRIPT, include_str!("live/clock.js")),
    ("/live/dom.js", SCRIPT, include_str!("live/dom.js")),
    ("/live/fingers.js", SCRIPT, include_str!("live/fingers.js")),
    ("/live/geo.js", SCRIPT, include_str!("live/geo.js")),
    ("/live/header.js", SCRIPT, include_str!("live/header.js")),
    ("/live/map.js", SCRIPT, include_str!("live/map.js")),
    ("/live/paint.js", SCRIPT, include_str!("live/paint.js")),
    ("/live/people.js", SCRIPT, include_str!("live/people.js")),
    ("/live/phones.js", SCRIPT, include_str!("live/phones.js")),
    ("/live/regions.js", SCRIPT, include_str!("live/regions.js")),
    ("/live/stream.js", SCRIPT, include_str!("live/stream.js")),
    ("/live/why.js", SCRIPT, include_str!("live/why.js")),
    ("/live/words.js", SCRIPT, include_str!("live/words.js")),
];

static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| FILES.iter().map(|(_, _, text)| tag_of(text)).collect());

fn tag_of(text: &str) -> String {
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(text.as_bytes())[..12] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// The paths of the page, which the API's description leaves out.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, _, _)| *path)
}

pub fn routes(config: &mut web::ServiceConfig) {
    for (index, (path, _, _)) in FILES.iter().enumerate() {
        let serve = move |request: HttpRequest| async move { file(&request, index) };
        let resource = web::resource(*path)
            .route(web::get().to(serve))
            .default_service(web::to(nothing_here));
        config.service(resource);
    }
}

fn file(request: &HttpRequest, index: usize) -> HttpResponse {
    let Some(((_, kind, text), tag)) = FILES.get(index).zip(TAGS.get(index)) else {
        return HttpResponse::NotFound().finish();
    };
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let same = known.is_some_and(|known| {
        known
            .split(',')
            .any(|one| one.trim().trim_start_matches("W/") == tag.as_str())
    });
    let mut answer = if same {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    // `no-cache` asks each time: a new version of the server must never run an old page.
    answer
        .insert_header((ETAG, tag.clone()))
        .insert_header((CACHE_CONTROL, "no-cache"));
    answer
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .content_type(*kind);
    if same { answer.finish() } else { answer.body(*text) }
}
