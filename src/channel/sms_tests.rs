//! Text messages: what is posted, and what each published code means.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::base::chance::SystemEntropy;
use crate::channel::http_peer::{HttpPeer, Reply};
use crate::channel::outside;
use crate::channel::tests::{CANARY, message, noon, secret_shown, shown};
use crate::engine::message::{Message, Shown};
use base64::Engine as _;
use serde_json::json;

const NUMBER: &str = "+436601234567";

fn settings(peer: &HttpPeer) -> Settings {
    Settings {
        account_sid: Some("AC0123".into()),
        auth_token: Some(Secret::new("gateway-token")),
        from: Some("Alpenhof".into()),
        base_url: peer.url(""),
        timeout_s: 1,
        ..Settings::default()
    }
}

fn outside() -> Outside {
    let allow = vec!["127.0.0.0/8".to_owned()];
    Outside::open(&outside::Settings { allow }).unwrap()
}

async fn send(peer: &HttpPeer, message: &Message) -> Outcome {
    send_reporting(peer, message, None).await
}

async fn send_reporting(peer: &HttpPeer, message: &Message, report_url: Option<&str>) -> Outcome {
    let channel = open(&settings(peer), &outside()).unwrap().unwrap();
    let (address, now) = (NUMBER, noon());
    channel
        .send(Push {
            report_url,
            message,
            address,
            sealing_key: None,
            now,
            entropy: &SystemEntropy,
        })
        .await
}

fn taken() -> Reply {
    Reply::Full(
        201,
        "content-type: application/json\r\n",
        json!({ "sid": "SM1" }).to_string(),
    )
}

/// The posted form, by name.
fn form(body: &str) -> std::collections::BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x/?{body}")).unwrap();
    url.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_text_is_posted_as_the_messages_api_wants_it() {
    let peer = HttpPeer::start().await;
    peer.reply_always(taken());
    let shown = Shown {
        title: "Grüß Gott & welcome".into(),
        link: Some("https://alpenhof.example/?a=1&b=2".into()),
        ..shown()
    };
    let outcome = send(&peer, &message(shown)).await;
    assert_eq!(
        outcome,
        Outcome::Accepted {
            provider_id: "SM1".into()
        }
    );
    let received = &peer.received()[0];
    assert_eq!(received.path, "/2010-04-01/Accounts/AC0123/Messages.json");
    let basic = base64::engine::general_purpose::STANDARD.encode("AC0123:gateway-token");
    assert_eq!(received.header("authorization"), format!("Basic {basic}"));
    let form = form(&received.body);
    assert_eq!(form["To"], NUMBER);
    assert_eq!(form["From"], "Alpenhof");
    assert_eq!(
        form["Body"],
        "Grüß Gott & welcome\nGood to see you\nhttps://alpenhof.example/?a=1&b=2"
    );
    assert_eq!(form["ValidityPeriod"], "900");
    assert_eq!(form.len(), 4, "no StatusCallback: {form:?}");
    let url = "https://usher.example/v1/channels/sms/reports/1";
    send_reporting(&peer, &message(crate::channel::tests::shown()), Some(url)).await;
    let form = self::form(&peer.received()[1].body);
    assert_eq!((form.len(), form["StatusCallback"].as_str()), (5, url));
}

#[tokio::test]
async fn a_sensitive_text_stays_here_and_a_long_one_keeps_its_link() {
    let peer = HttpPeer::start().await;
    peer.reply_always(taken());
    let address = format!("https://alpenhof.example/{CANARY}");
    let link = Some(address.clone());
    send(
        &peer,
        &message(Shown {
            link: link.clone(),
            ..secret_shown()
        }),
    )
    .await;
    let secret = &peer.received()[0].body;
    assert!(!secret.contains(CANARY), "{secret}");
    assert_eq!(form(secret)["Body"], "Alpenhof\nYour room is ready");
    let body = "ä".repeat(5_000);
    send(
        &peer,
        &message(Shown {
            body,
            link: link.clone(),
            ..shown()
        }),
    )
    .await;
    let long = form(&peer.received()[1].body)["Body"].clone();
    assert_eq!(long.chars().count(), limits::SMS_CHARS_MAX);
    assert!(long.ends_with(&address) && long.contains('…'));
    let mut silent = message(shown());
    silent.silent = true;
    assert!(matches!(send(&peer, &silent).await, Outcome::Rejected { .. }));
    assert_eq!(peer.received().len(), 2);
}

#[tokio::test]
async fn each_published_code_is_understood() {
    let peer = HttpPeer::start().await;
    let refused = |status: u16, code: u32| {
        let body = json!({ "code": code, "message": format!("about {NUMBER}"), "status": status });
        Reply::Full(status, "", body.to_string())
    };
    let again = |after: Option<i64>, why: &str| Outcome::Retry {
        after: after.map(TimeDelta::seconds),
        why: why.to_owned(),
    };
    let mend = |why: &str| Outcome::Misconfigured {
        why: why.to_owned(),
        detail: "check channels.sms".into(),
    };
    let gone = |why: &str| Outcome::Unregistered {
        why: why.to_owned(),
        as_of: None,
    };
    let table = [
        (refused(400, 21_211), gone("status_400_code_21211")),
        (refused(400, 21_614), gone("status_400_code_21614")),
        (refused(400, 21_635), gone("status_400_code_21635")),
        (refused(400, 21_610), gone("opted out")),
        (refused(401, 20_003), mend("status_401_code_20003")),
        (refused(400, 21_606), mend("status_400_code_21606")),
        (refused(404, 20_404), mend("status_404_code_20404")),
        (
            refused(400, 21_617),
            Outcome::Rejected {
                why: "status_400_code_21617".into(),
            },
        ),
        (refused(429, 20_429), again(None, "status_429_code_20429")),
        (
            Reply::Full(429, "retry-after: 9\r\n", String::new()),
            again(Some(9), "status_429_code_0"),
        ),
        (Reply::Status(500), again(None, "status_500_code_0")),
        (Reply::Status(503), again(None, "status_503_code_0")),
        (Reply::Status(201), again(None, "the answer names no message")),
        (Reply::Drop, again(None, "the connection broke")),
        (Reply::Hang, again(None, "timeout")),
    ];
    for (reply, expected) in table {
        peer.reply_next(reply.clone());
        assert_eq!(send(&peer, &message(shown())).await, expected, "{reply:?}");
    }
}

#[tokio::test]
async fn a_probe_tells_the_gateways_own_words() {
    let peer = HttpPeer::start().await;
    let channel = open(&settings(&peer), &outside()).unwrap().unwrap();
    channel.probe().await.unwrap();
    assert_eq!(peer.received()[0].path, "/2010-04-01/Accounts/AC0123.json");
    peer.reply_next(Reply::Full(401, "", json!({ "message": "Authenticate" }).to_string()));
    assert_eq!(
        channel.probe().await.unwrap_err(),
        "the gateway answered 401: Authenticate"
    );
}

#[tokio::test]
async fn settings_that_do_not_go_together_say_which() {
    let peer = HttpPeer::start().await;
    let error = |settings: Settings| open(&settings, &outside()).err().unwrap();
    let good = || settings(&peer);
    assert!(open(&Settings::default(), &outside()).unwrap().is_none());
    let said = error(Settings {
        auth_token: None,
        ..good()
    });
    assert!(said.contains("channels.sms.auth_token"), "{said}");
    let both = Settings {
        messaging_service_sid: Some("MG1".into()),
        ..good()
    };
    assert!(error(both).contains("one of `from`"));
    assert!(
        error(Settings {
            account_sid: Some("../x".into()),
            ..good()
        })
        .contains("account_sid")
    );
    let shut = Outside::open(&outside::Settings::default()).unwrap();
    let said = open(&good(), &shut).err().unwrap();
    assert!(
        said.contains("channels.sms.base_url") && said.contains("channels.outside.allow"),
        "{said}"
    );
    assert!(!format!("{:?}", good()).contains("gateway-token"));
}

#[tokio::test]
async fn a_text_whose_answer_was_lost_is_looked_for_before_it_is_sent_again() {
    let peer = HttpPeer::start().await;
    let listed = |body: &str, made: &str| {
        let message = json!({ "sid": "SM7", "body": body, "date_created": made });
        Reply::Full(200, "", json!({ "messages": [message] }).to_string())
    };
    let text = "Welcome\nGood to see you";
    let now = "Mon, 04 May 2026 12:00:01 +0000";
    for lost in [Reply::Drop, Reply::Hang] {
        peer.reply_next(lost);
        peer.reply_next(listed(text, now));
        let provider_id = "SM7".into();
        assert_eq!(send(&peer, &message(shown())).await, Outcome::Accepted { provider_id });
    }
    let asked = peer.received().remove(1);
    assert_eq!(asked.method, "GET");
    assert!(
        asked.path.ends_with("/Messages.json?To=%2B436601234567&PageSize=10"),
        "{}",
        asked.path
    );
    for other in [
        listed("another text", now),
        listed(text, "Mon, 04 May 2026 11:50:00 +0000"),
        Reply::Status(404),
    ] {
        peer.reply_next(Reply::Drop);
        peer.reply_next(other.clone());
        let outcome = send(&peer, &message(shown())).await;
        assert!(matches!(outcome, Outcome::Retry { .. }), "{other:?}: {outcome:?}");
    }
}
