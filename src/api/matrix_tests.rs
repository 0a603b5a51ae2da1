//! Every route against every wrong credential, drawn from the description: a new route without protection fails here.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{PUBLISHABLE, REVOKED, site};
use super::openapi::description;
use serde_json::Value;

/// Open on purpose: the operator's probes, links that are secrets themselves, and what is signed by a provider.
const OPEN: [&str; 9] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/p/{token}",
    "/p/{token}/pass.pkpass",
    "/p/{token}/google",
    "/v1/wallet/apple/v1/devices/{device}/registrations/{pass_type}",
    "/v1/wallet/apple/v1/log",
    "/v1/channels/sms/reports/{project_id}",
];

/// Method, path and the names of the security schemes of every operation.
fn operations() -> Vec<(String, String, Vec<String>)> {
    let description = serde_json::to_value(description()).unwrap();
    let mut found = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schemes = operation["security"].as_array().cloned().unwrap_or_default();
            let schemes = schemes
                .iter()
                .flat_map(|one| one.as_object().unwrap().keys().cloned())
                .collect();
            found.push((method.to_uppercase(), path.clone(), schemes));
        }
    }
    found
}

/// The path with something in the place of its parameters.
fn filled(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { "x" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[actix_web::test]
async fn no_route_answers_a_stranger_or_the_wrong_kind_of_credential() {
    let site = site().await;
    let device = site.device("installation-1").await;
    let operations = operations();
    assert!(operations.len() > 50, "the description is not read as it should");
    for (method, path, schemes) in operations {
        if OPEN.contains(&path.as_str()) {
            continue;
        }
        let wrong: &[&str] = match schemes.first().map(String::as_str) {
            Some("secret_key") => &[PUBLISHABLE, &device],
            Some("device_token") => &[PUBLISHABLE, "sk_test_all"],
            Some("publishable_key") => &["sk_test_all", &device],
            _ => &[],
        };
        // The pass itself proves it: to these routes every credential of ours is a stranger's.
        let by_pass = schemes.first().is_some_and(|scheme| scheme == "apple_pass");
        assert!(
            !wrong.is_empty() || by_pass,
            "{method} {path} says nothing about credentials"
        );
        let url = filled(&path);
        for stranger in ["", REVOKED, "sk_test_unknown", "dt_unknown", "rubbish"] {
            assert_eq!(
                site.status(&method, &url, stranger).await,
                401,
                "{method} {path} with `{stranger}`"
            );
        }
        for token in wrong {
            assert_eq!(
                site.status(&method, &url, token).await,
                403,
                "{method} {path} with {}",
                &token[..3]
            );
        }
    }
}

#[actix_web::test]
async fn each_route_of_servers_takes_exactly_one_scope() {
    let site = site().await;
    for (method, path, schemes) in operations() {
        if schemes.first().is_none_or(|scheme| scheme != "secret_key") {
            continue;
        }
        let mut taken = Vec::new();
        for scope in ["read", "write", "admin"] {
            let status = site.status(&method, &filled(&path), &format!("sk_test_{scope}")).await;
            assert_ne!(status, 401, "{method} {path}");
            if status != 403 {
                taken.push(scope);
            }
        }
        assert_eq!(taken.len(), 1, "{method} {path} takes {taken:?}");
        let is_look = method == "GET" || path.ends_with("/validate") || path == "/v1/simulations";
        assert_eq!(taken[0] == "write", !is_look && !is_admins(&path), "{method} {path}");
    }
}

/// What lets others in, or sends guests' messages to another place.
fn is_admins(path: &str) -> bool {
    let is_endpoint = path.starts_with("/v1/webhook-endpoints") && !path.ends_with("/replay");
    path.starts_with("/v1/keys") || path.starts_with("/v1/channels") || path == "/v1/project" || is_endpoint
}

#[test]
fn every_operation_has_its_own_name_and_documents_its_problems() {
    let description = serde_json::to_value(description()).unwrap();
    let mut names = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            names.push(operation["operationId"].as_str().unwrap().to_owned());
            if OPEN.contains(&path.as_str()) {
                continue;
            }
            for status in ["400", "401", "403", "404", "429", "503"] {
                assert_ne!(operation["responses"][status], Value::Null, "{method} {path} {status}");
            }
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_description_is_the_same_each_time() {
    let yaml = super::openapi_yaml();
    assert!(
        yaml.starts_with("openapi: 3.1.0\n"),
        "{}",
        yaml.lines().next().unwrap_or_default()
    );
    assert_eq!(yaml, super::openapi_yaml());
    assert!(yaml.contains("Problem:"));
}
