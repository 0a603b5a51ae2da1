//! How the client gets, shares, renews and loses its access token.

use std::time::Duration;

use fcm::test_server::Fault;
use fcm::{Advice, Client, Message, SendError};

use super::{room, start};

#[tokio::test]
async fn many_sends_at_once_share_one_token_exchange() {
    let (server, client) = start().await;
    let mut sends = tokio::task::JoinSet::new();
    for number in 0..50 {
        let client = client.clone();
        sends.spawn(async move {
            client
                .send(&Message::to_token(format!("phone-{number}")).entry("k", "v"))
                .await
        });
    }
    assert!(sends.join_all().await.iter().all(Result::is_ok));
    assert_eq!(server.token_requests(), 1);
    assert_eq!(server.received().len(), 50);
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_before_use() {
    let (server, client) = start().await;
    server.set_token_lifetime(Duration::from_secs(25));
    client.send(&room("a")).await.unwrap();
    client.send(&room("a")).await.unwrap();
    assert_eq!(
        server.token_requests(),
        2,
        "25 s are below the margin, so each send gets its own"
    );
    server.set_token_lifetime(Duration::from_hours(1));
    client.send(&room("a")).await.unwrap();
    client.send(&room("a")).await.unwrap();
    assert_eq!(server.token_requests(), 3);
    assert!(server.received().iter().all(|received| received.accepted));
}

#[tokio::test]
async fn a_refused_access_token_is_renewed_once() {
    let (server, client) = start().await;
    client.send(&room("a")).await.unwrap();
    server.expire_access_tokens();
    client.send(&room("a")).await.unwrap();
    assert_eq!((server.token_requests(), server.received().len()), (2, 3));

    server.fail_next("phone-1", Fault::ExpireAccessToken);
    client.send(&room("a")).await.unwrap();
    assert_eq!((server.token_requests(), server.received().len()), (3, 5));

    server.fail_next("phone-1", Fault::ExpireAccessToken);
    server.fail_next("phone-1", Fault::ExpireAccessToken);
    let error = client.send(&room("a")).await.unwrap_err();
    assert!(matches!(error, SendError::Unauthenticated { .. }), "{error}");
    assert_eq!(error.advice(), Advice::FixConfiguration);
    assert_eq!(
        (server.token_requests(), server.received().len()),
        (4, 7),
        "one renewal, not a loop"
    );
    client.send(&room("a")).await.unwrap();
}

#[tokio::test]
async fn the_token_endpoint_failing_is_not_the_key_being_wrong() {
    let (server, client) = start().await;
    for (fault, code) in [
        (Fault::status(503, None), "unavailable"),
        (Fault::status(500, None), "internal"),
        (Fault::status(429, None), "quota_exceeded"),
        (Fault::DropConnectionAfterRead, "transport"),
        (Fault::InvalidJsonAnswer, "unexpected"),
    ] {
        server.fail_next_grant(fault.clone());
        let error = client.send(&room("a")).await.unwrap_err();
        assert_eq!(error.code(), code, "{fault:?}");
        assert!(matches!(error.advice(), Advice::Retry { .. }), "{fault:?}");
    }
    server.fail_next_grant(Fault::status(400, None));
    let error = client.send(&room("a")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "unauthenticated: the token endpoint answered 400 invalid_grant: Scripted error."
    );
    assert_eq!(error.advice(), Advice::FixConfiguration);
    assert!(server.received().is_empty());
    client.send(&room("a")).await.unwrap();
}

#[tokio::test]
async fn the_probe_says_what_google_says() {
    let (server, client) = start().await;
    client.probe().await.unwrap();
    assert!(server.received()[0].validate_only);
    assert!(server.screen("fcm-probe").is_empty(), "a dry run is shown to nobody");

    let stranger = Client::new(server.settings().project_id("another-project")).unwrap();
    let error = stranger.probe().await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("permission_denied: Permission 'cloudmessaging.messages.create' denied"),
        "{error}"
    );

    let other = server.service_account_json().replace("sender@", "nobody@");
    let stranger = Client::new(fcm::Settings::new(other).endpoint(server.endpoint())).unwrap();
    let error = stranger.probe().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("invalid_grant: Invalid grant: account not found"),
        "{error}"
    );
}
