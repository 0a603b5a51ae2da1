//! What the client makes of FCM's answers, and what a person sees in the end.

use std::time::{Duration, SystemTime};

use fcm::test_server::{Fault, FcmCode, TestServer};
use fcm::{Advice, AndroidConfig, Client, Message, SendError};

use super::{room, start};

#[tokio::test]
async fn an_accepted_message_has_a_name_and_is_shown() {
    let (server, client) = start().await;
    let sent = client.send(&room("stay")).await.unwrap();
    assert!(sent.name.starts_with("projects/fcm-test/messages/0:"), "{}", sent.name);
    let screen = server.screen("phone-1");
    assert_eq!((screen.len(), screen[0].title.as_deref()), (1, Some("Your room")));
    let received = server.received();
    assert_eq!((received[0].token.as_str(), received[0].accepted), ("phone-1", true));
    assert_eq!(received[0].message["android"]["notification"]["tag"], "stay");
    assert!(server.screen("phone-2").is_empty());
}

#[tokio::test]
async fn each_refusal_is_typed() {
    let (server, client) = start().await;
    for (fault, code, advice) in [
        (Fault::unregistered(), "unregistered", Advice::DropToken),
        (
            Fault::status(403, FcmCode::SenderIdMismatch),
            "sender_id_mismatch",
            Advice::DropToken,
        ),
        (Fault::invalid_token(), "invalid_token", Advice::DropToken),
        (
            Fault::BadRequest {
                field: "message.android.ttl".to_owned(),
                description: "Invalid ttl".to_owned(),
            },
            "invalid_payload",
            Advice::Never,
        ),
        (
            Fault::quota_exceeded(),
            "quota_exceeded",
            Advice::Retry {
                after: Some(Duration::from_mins(1)),
            },
        ),
        (
            Fault::unavailable(),
            "unavailable",
            Advice::Retry {
                after: Some(Duration::from_secs(10)),
            },
        ),
        (
            Fault::internal(),
            "internal",
            Advice::Retry {
                after: Some(Duration::from_secs(10)),
            },
        ),
        (
            Fault::status(401, FcmCode::ThirdPartyAuthError),
            "third_party_auth",
            Advice::FixConfiguration,
        ),
        (Fault::status(403, None), "permission_denied", Advice::FixConfiguration),
        (Fault::status(418, None), "unexpected", Advice::Never),
        (
            Fault::InvalidJsonAnswer,
            "unexpected",
            Advice::Retry {
                after: Some(Duration::from_secs(10)),
            },
        ),
    ] {
        server.fail_next("phone-1", fault.clone());
        let error = client.send(&room("a")).await.unwrap_err();
        assert_eq!((error.code(), error.advice()), (code, advice), "{fault:?}");
    }
    assert_eq!(
        server.token_requests(),
        1,
        "no refusal of a message costs the access token"
    );
    assert_eq!(
        server.received().iter().filter(|received| received.accepted).count(),
        1,
        "only the unreadable answer"
    );
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the header holds a real date, and the client compares it with the real time"
)]
async fn retry_after_is_read_as_seconds_and_as_a_date() {
    let (server, client) = start().await;
    server.fail_next_any(Fault::quota_exceeded().retry_after("17"));
    let error = client.send(&room("a")).await.unwrap_err();
    assert_eq!(
        error,
        SendError::QuotaExceeded {
            retry_after: Some(Duration::from_secs(17))
        }
    );

    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_mins(2));
    server.fail_next_any(Fault::unavailable().retry_after(date));
    let error = client.send(&room("a")).await.unwrap_err();
    let SendError::Unavailable {
        retry_after: Some(wait),
    } = error
    else {
        panic!("{error}")
    };
    assert!((100..=120).contains(&wait.as_secs()), "{wait:?}");

    server.fail_next_any(Fault::unavailable().retry_after("soon"));
    assert_eq!(
        client.send(&room("a")).await.unwrap_err(),
        SendError::Unavailable { retry_after: None }
    );
}

#[tokio::test]
async fn a_lost_answer_and_a_repeat_with_the_same_tag_show_one_notification() {
    let (server, client) = start().await;
    client.send(&room("other")).await.unwrap();
    server.fail_next("phone-1", Fault::DropConnectionAfterRead);
    let error = client.send(&room("stay")).await.unwrap_err();
    assert!(matches!(error, SendError::Transport(_)), "{error:?}");
    assert_eq!(error.advice(), Advice::Retry { after: None });
    assert_eq!(server.screen("phone-1").len(), 2, "it was accepted, so it is shown");
    client.send(&room("stay")).await.unwrap();
    assert_eq!(server.screen("phone-1").len(), 2, "the repeat replaced it");
    assert_eq!(
        server.received().len(),
        3,
        "the client itself never repeats a lost message"
    );
}

/// Long enough that a busy machine answers everything else in time, short enough to wait for.
const PATIENCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_late_answer_is_a_timeout_and_the_message_is_shown() {
    let server = TestServer::start().await.unwrap();
    let client = Client::new(server.settings().timeout(PATIENCE)).unwrap();
    server.fail_next("phone-1", Fault::Hang(Duration::from_secs(30)));
    assert_eq!(client.send(&room("a")).await.unwrap_err(), SendError::Timeout);
    assert_eq!(server.screen("phone-1").len(), 1);
    client.send(&room("a")).await.unwrap();
    assert_eq!(server.screen("phone-1").len(), 1);
}

#[tokio::test]
async fn a_late_access_token_is_a_timeout_and_nothing_is_shown() {
    let server = TestServer::start().await.unwrap();
    let client = Client::new(server.settings().timeout(PATIENCE)).unwrap();
    server.fail_next_grant(Fault::Hang(Duration::from_secs(30)));
    assert_eq!(client.send(&room("a")).await.unwrap_err(), SendError::Timeout);
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_dead_token_lives_again_when_registered() {
    let (server, client) = start().await;
    server.unregister("phone-1");
    for _ in 0..2 {
        assert_eq!(client.send(&room("a")).await.unwrap_err(), SendError::Unregistered);
    }
    server.register("phone-1");
    client.send(&room("a")).await.unwrap();
}

#[tokio::test]
async fn faults_of_a_token_go_before_those_for_any() {
    let (server, client) = start().await;
    server.fail_next_any(Fault::internal());
    server.fail_next("phone-1", Fault::unregistered());
    assert_eq!(client.send(&room("a")).await.unwrap_err(), SendError::Unregistered);
    assert_eq!(
        client.send(&room("a")).await.unwrap_err(),
        SendError::Internal { retry_after: None }
    );
    client.send(&room("a")).await.unwrap();
}

#[tokio::test]
async fn a_payload_over_the_limit_is_not_sent() {
    let (server, client) = start().await;
    let sized = |bytes: usize| "x".repeat(bytes - 1);
    client
        .send(&Message::to_token("t").entry("k", sized(4_096)))
        .await
        .unwrap();
    let error = client
        .send(&Message::to_token("t").entry("k", sized(4_097)))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        SendError::TooLarge {
            size_bytes: 4_097,
            max_bytes: 4_096
        }
    );
    let error = client
        .send(&Message::to_topic("t").entry("k", sized(2_049)))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        SendError::TooLarge {
            size_bytes: 2_049,
            max_bytes: 2_048
        }
    );
    assert_eq!((server.received().len(), error.advice()), (1, Advice::Never));
}

#[tokio::test]
async fn what_fcm_would_refuse_is_refused_with_the_field() {
    let (server, client) = start().await;
    for (message, field) in [
        (Message::to_token("t").entry("from", "x"), "message.data"),
        (Message::to_topic("no spaces"), "message.topic"),
        (
            Message::to_token("t").android(AndroidConfig::default().ttl(Duration::from_secs(2_419_201))),
            "message.android.ttl",
        ),
        (
            Message::to_token("t").apns(fcm::ApnsConfig::default().collapse_id("x".repeat(65))),
            "message.apns.headers",
        ),
        (
            Message::to_token("t").webpush(fcm::WebpushConfig::default().topic("x".repeat(33))),
            "message.webpush.headers",
        ),
        (
            Message::to_token("t").webpush(fcm::WebpushConfig::default().link("http://x")),
            "message.webpush.fcm_options.link",
        ),
        (
            Message::to_token("t")
                .android(AndroidConfig::default())
                .android_v2(fcm::AndroidConfigV2::default()),
            "message.android_v2",
        ),
    ] {
        let error = client.send(&message).await.unwrap_err();
        let SendError::InvalidPayload { detail } = &error else {
            panic!("{field}: {error}")
        };
        assert!(detail.starts_with(&format!("{field}: ")), "{field}: {detail}");
    }
    assert_eq!(
        client.send(&Message::to_token("")).await.unwrap_err(),
        SendError::InvalidToken
    );
    assert!(server.received().iter().all(|received| !received.accepted));
}

#[tokio::test]
async fn secrets_are_in_no_debug_and_no_display() {
    let (server, client) = start().await;
    let settings = server.settings();
    let account: serde_json::Value = serde_json::from_str(&settings.service_account_json).unwrap();
    let key = account["private_key"].as_str().unwrap();
    let key_line = key.lines().nth(1).unwrap();
    server.fail_next(
        "phone-1",
        Fault::BadRequest {
            field: "message".to_owned(),
            description: "phone-1 cannot get Room 412 is ready".to_owned(),
        },
    );
    let error = client.send(&room("a")).await.unwrap_err();
    let shown = [
        format!("{settings:?}"),
        format!("{client:?}"),
        format!("{:?}", room("a")),
        format!("{error} {error:?} {error:#?}"),
        format!("{server:?}"),
    ]
    .join("\n");
    for secret in [key_line, "PRIVATE KEY", "phone-1", "412", "test-access"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("message: [redacted] cannot get [redacted]"), "{shown}");
}

#[tokio::test]
async fn a_stopped_server_is_a_transport_error_to_try_again() {
    let (server, client) = start().await;
    client.send(&room("a")).await.unwrap();
    server.stop().await;
    let error = client.send(&room("a")).await.unwrap_err();
    assert!(matches!(error, SendError::Transport(_)), "{error:?}");
    assert!(!error.to_string().contains("phone-1"));
}
