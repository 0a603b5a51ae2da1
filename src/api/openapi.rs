//! The description of the API, drawn from the routes that serve it.

use super::page;
use super::problem::{CONTENT_TYPE, ProblemBody};
use super::server::routes;
use actix_web::dev::ResourceDef;
use actix_web::{App, HttpResponse, get};
use std::sync::LazyLock;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, ResponseBuilder,
    ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_actix_web::AppExt;

const DESCRIPTION: &str = "Usher notices the moment and says the right thing.\n\n\
    Errors are problems (RFC 9457) with a closed list of codes. Times are RFC 3339 in UTC, durations ISO 8601. Lists come in \
    pages: pass `next_cursor` as `cursor`. Writes take an `Idempotency-Key`: a repeat within a day gets the same answer. \
    Bodies may be compressed with gzip.";

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(build);

static PATHS: LazyLock<Vec<(ResourceDef, Vec<&'static str>)>> = LazyLock::new(|| {
    let described = DOCUMENT.paths.paths.iter();
    let described = described.map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item)));
    let others = page::paths()
        .chain(["/openapi.yaml"])
        .map(|path| (ResourceDef::new(path), vec!["GET"]));
    described.chain(others).collect()
});

/// The description as it is committed and served.
pub fn openapi_yaml() -> String {
    DOCUMENT.to_yaml().unwrap_or_default()
}

/// The description itself, for tests that go through every route.
pub fn description() -> &'static OpenApi {
    &DOCUMENT
}

/// What a path can be asked with; nothing when there is no such path.
pub fn methods_of(path: &str) -> Vec<&'static str> {
    let mut found: Vec<&str> = PATHS
        .iter()
        .filter(|(pattern, _)| pattern.is_match(path))
        .flat_map(|(_, methods)| methods.clone())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn methods(item: &PathItem) -> Vec<&'static str> {
    let all = [
        ("DELETE", item.delete.is_some()),
        ("GET", item.get.is_some()),
        ("PATCH", item.patch.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
    ];
    all.into_iter()
        .filter_map(|(method, is_there)| is_there.then_some(method))
        .collect()
}

#[get("/openapi.yaml")]
pub(super) async fn serve() -> HttpResponse {
    HttpResponse::Ok().content_type("application/yaml").body(openapi_yaml())
}

fn build() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Usher")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(License::new(env!("CARGO_PKG_LICENSE"))))
        .build();
    let server = ServerBuilder::new().url("/").description(Some("this server")).build();
    let head = OpenApiBuilder::new().info(info).servers(Some([server])).build();
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(head)
        .configure(routes)
        .split_for_parts();
    let components = document.components.get_or_insert_with(Components::new);
    add_schemes(components);
    add_problem(components);
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (&mut item.get, "get"),
            (&mut item.post, "post"),
            (&mut item.put, "put"),
            (&mut item.patch, "patch"),
            (&mut item.delete, "delete"),
        ];
        for (operation, method) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
                complete(operation, path, method != "get");
            }
        }
    }
    document
}

fn add_schemes(components: &mut Components) {
    let bearer = |description: &str| {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(description))
            .build();
        SecurityScheme::Http(scheme)
    };
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("The device token is the password."));
    components.add_security_scheme(
        "publishable_key",
        bearer("`pk_…`: stands in the app, registers a device."),
    );
    components.add_security_scheme(
        "secret_key",
        bearer("`sk_…`: stays on servers; its scopes say what it may."),
    );
    components.add_security_scheme("device_token", bearer("`dt_…`: a device about itself."));
    let apple_pass = ApiKeyValue::with_description(
        "Authorization",
        "`ApplePass <authenticationToken>`: an Apple phone about a pass it holds.",
    );
    components.add_security_scheme("apple_pass", SecurityScheme::ApiKey(ApiKey::Header(apple_pass)));
    components.add_security_scheme("device_password", SecurityScheme::Http(basic.build()));
}

fn add_problem(components: &mut Components) {
    let mut schemas = Vec::new();
    ProblemBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components.schemas.insert("Problem".to_owned(), ProblemBody::schema());
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new()
        .description("what is wrong, where, and what to do")
        .content(CONTENT_TYPE, content);
    components
        .responses
        .insert("Problem".to_owned(), RefOr::T(response.build()));
}

/// A name that no other operation has: generated clients call their functions by it.
fn operation_id(method: &str, path: &str) -> String {
    let words = path
        .trim_start_matches("/v1")
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |name, word| format!("{name}_{word}"))
}

/// Adds what every operation can answer, so that no answer is undocumented.
fn complete(operation: &mut Operation, path: &str, is_write: bool) {
    if !path.starts_with("/v1/") {
        return;
    }
    let has_body = operation.request_body.is_some();
    let mut statuses = vec!["400", "401", "403", "404", "429", "500", "503"];
    if has_body {
        statuses.extend(["413", "415", "422"]);
    }
    if is_write {
        statuses.extend(["409", "410", "413", "422"]);
        if path != "/v1/devices" {
            operation
                .parameters
                .get_or_insert_default()
                .push(RefOr::T(idempotency_key()));
        }
    }
    for status in statuses {
        let problem = RefOr::Ref(Ref::from_response_name("Problem"));
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert(problem);
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        require(body, path);
    }
}

/// Bodies are needed, except where a phone may come with nothing in its hands.
fn require(body: &mut RequestBody, path: &str) {
    let may_be_empty = path.starts_with("/v1/ingest/");
    body.required = Some(if may_be_empty {
        utoipa::openapi::Required::False
    } else {
        utoipa::openapi::Required::True
    });
}

fn idempotency_key() -> utoipa::openapi::path::Parameter {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .build();
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(utoipa::openapi::Required::False)
        .description(Some(
            "A repeat with the same key within a day gets the same answer and does nothing more.",
        ))
        .schema(Some(text))
        .build()
}
