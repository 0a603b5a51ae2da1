//! Bodies: bounded before and after decompression, JSON read strictly, and every mistake told with its place.

use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::limits;
use crate::base::memory::Share;
use actix_web::dev::{Decompress, Payload};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, ContentEncoding, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use std::fmt;
use std::sync::Arc;

/// Compressed bytes handed to the decoder at once. Deflate grows at most a thousandfold, so no step makes more than about
/// 2 MB before the bound is looked at.
const PIECE_BYTES: usize = 2 * 1024;
/// A body smaller than this moves when it grows.
const MOVED_BYTES_MAX: usize = 256 * 1024;

/// A JSON body of the expected shape.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            check_media_type(&request)?;
            let bytes = read(&request, payload, limits::BODY_BYTES_MAX).await?;
            shape_of(value_of(&bytes)?).map(Self)
        })
    }
}

/// Refuses a body that does not say it is JSON: a form of a foreign page must never pass for one.
pub fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let header = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let kind = header.split(';').next().unwrap_or("").trim();
    let is_json =
        |kind: &str| kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    if is_json(kind) || is_json(&kind.to_ascii_lowercase()) {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::MediaTypeUnsupported,
        "send `Content-Type: application/json`",
    ))
}

/// Reads a body of at most `bytes_max` bytes, counted after decompression.
pub async fn read(request: &HttpRequest, payload: Payload, bytes_max: usize) -> Result<Bytes, Problem> {
    match request.headers().get(CONTENT_ENCODING) {
        None => collect(request, payload, bytes_max).await,
        Some(value) if value == "identity" => collect(request, payload, bytes_max).await,
        Some(value) if value == "gzip" => {
            let pieces = Decompress::new(Box::pin(pieces_of(payload)), ContentEncoding::Gzip);
            collect(request, pieces, bytes_max).await
        }
        Some(_) => Err(Problem::new(
            ErrorCode::EncodingUnsupported,
            "send the body as it is, or with gzip",
        )),
    }
}

/// Reads the bytes of a body as they came, at most `bytes_max`.
pub async fn read_raw(request: &HttpRequest, payload: Payload, bytes_max: usize) -> Result<Bytes, Problem> {
    collect(request, payload, bytes_max).await
}

/// The memory that the body of this request takes; whoever outlives the request holds on to it.
pub fn share_of(request: &HttpRequest) -> Option<Arc<Share>> {
    request.extensions().get::<Arc<Share>>().cloned()
}

fn pieces_of(payload: Payload) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    payload
        .map_ok(|chunk| stream::iter(split(chunk).into_iter().map(Ok::<_, PayloadError>)))
        .try_flatten()
}

async fn collect<S>(request: &HttpRequest, mut plain: S, bytes_max: usize) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let api = request.app_data::<web::Data<Api>>();
    let mut share = api.map(|api| api.bodies.share());
    // What comes in one piece, as single records do, is not copied.
    let mut only = Bytes::new();
    let mut body: Vec<u8> = Vec::new();
    while let Some(chunk) = plain.next().await {
        let chunk = chunk.map_err(|error| unreadable(&error))?;
        if only.len() + body.len() + chunk.len() > bytes_max {
            let detail = format!("the body has more than {bytes_max} bytes");
            return Err(Problem::new(ErrorCode::BodyTooLarge, detail).hint("send it in several requests"));
        }
        if share.as_mut().is_some_and(|share| !share.grow(chunk.len())) {
            let detail = "more is being read than memory should hold; send the same again later";
            return Err(Problem::new(ErrorCode::Overloaded, detail).retry_after_s(1));
        }
        if only.is_empty() && body.is_empty() {
            only = chunk;
            continue;
        }
        for piece in [std::mem::take(&mut only), chunk] {
            append(&mut body, &piece, bytes_max);
        }
    }
    if let Some(share) = share {
        request.extensions_mut().insert(Arc::new(share));
    }
    Ok(if body.is_empty() { only } else { body.into() })
}

fn append(body: &mut Vec<u8>, piece: &[u8], bytes_max: usize) {
    if body.capacity() - body.len() < piece.len() {
        // It doubles while it is small. After that it takes the addresses of all it may hold at once: a page that nobody
        // wrote takes no memory, and no body is ever held twice while it moves.
        let doubled = (body.capacity() * 2).max(body.len() + piece.len());
        let room = if doubled < MOVED_BYTES_MAX { doubled } else { bytes_max };
        body.reserve_exact(room - body.len());
    }
    body.extend_from_slice(piece);
}

fn split(mut chunk: Bytes) -> Vec<Bytes> {
    let mut pieces = Vec::with_capacity(chunk.len() / PIECE_BYTES + 1);
    while chunk.len() > PIECE_BYTES {
        pieces.push(chunk.split_to(PIECE_BYTES));
    }
    pieces.push(chunk);
    pieces
}

fn unreadable(error: &PayloadError) -> Problem {
    Problem::new(ErrorCode::JsonInvalid, format!("the body cannot be read: {error}"))
}

/// An answer in JSON. Its media type is known, and not written, copied and read again for each.
pub fn answer_of<T: Serialize>(value: &T) -> Result<HttpResponse, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::new(ErrorCode::Internal, error.to_string()))?;
    let media_type = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(HttpResponse::Ok().insert_header(media_type).body(body))
}

/// Parses JSON without duplicate keys and without deep nesting.
pub fn value_of(bytes: &[u8]) -> Result<Value, Problem> {
    value_within(bytes, 0).map_err(|error| Problem::new(ErrorCode::JsonInvalid, error.to_string()))
}

/// The same for a piece of a body that stands `depth` levels deep in it.
pub fn value_within(bytes: &[u8], depth: usize) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Brings a value into the expected shape, or says at which place it has another.
pub fn shape_of<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer_of(error.path());
        Problem::new(ErrorCode::BodyInvalid, without_values(&error.into_inner().to_string())).at(pointer)
    })
}

/// What serde says of a mistake without the value itself: problems are logged by proxies, and a value may be a secret. Its
/// own words are `invalid type: string "<value>", expected i64` and ``unknown variant `<value>`, expected `a` or `b` ``.
pub fn without_values(said: &str) -> String {
    let quotes_a_value = ["invalid type: ", "invalid value: ", "unknown variant "]
        .iter()
        .any(|start| said.starts_with(start));
    // What is expected never holds these words itself, so the last ones end the value.
    match said.rsplit_once(", expected ").filter(|_| quotes_a_value) {
        Some((mistake, expected)) => {
            let kind = mistake.split(['"', '`']).next().unwrap_or_default().trim_end();
            format!("{kind}, expected {expected}")
        }
        None => said.to_owned(),
    }
}

/// The place of an error as a JSON pointer (RFC 6901).
pub fn pointer_of(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// Reads a value, counting how deep it is in.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= limits::JSON_DEPTH_MAX {
            return Err(E::custom(format!(
                "nested deeper than {} levels",
                limits::JSON_DEPTH_MAX
            )));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            // Two readers of one text must never see two values: which of two equal keys counts is nobody's to guess.
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` stands twice in one object")));
            }
            let value = fields.next_value_seed(inner)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
