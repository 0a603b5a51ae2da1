//! Mail: what is written, and what each word of the server means.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::base::chance::SystemEntropy;
use crate::channel::outside;
use crate::channel::smtp_peer::{Refuse, SmtpPeer};
use crate::channel::tests::{CANARY, message, noon, secret_shown, shown};
use crate::engine::message::{Message, Shown};

const GUEST: &str = "anna@guest.example";

fn settings(peer: &SmtpPeer) -> Settings {
    Settings {
        host: Some("127.0.0.1".into()),
        port: peer.address.port(),
        tls: Tls::None,
        username: Some("alpenhof".into()),
        password: Some(Secret::new("mail-password")),
        from: Some("Hotel Alpenhof <hello@alpenhof.example>".into()),
        reply_to: Some("desk@alpenhof.example".into()),
        timeout_s: 1,
    }
}

fn outside() -> Outside {
    let allow = vec!["127.0.0.0/8".to_owned()];
    Outside::open(&outside::Settings { allow }).unwrap()
}

async fn send_to(peer: &SmtpPeer, message: &Message, address: &str) -> Outcome {
    let channel = open(&settings(peer), &outside()).unwrap().unwrap();
    let now = noon();
    channel
        .send(Push {
            report_url: None,
            message,
            address,
            sealing_key: None,
            now,
            entropy: &SystemEntropy,
        })
        .await
}

async fn send(peer: &SmtpPeer, message: &Message) -> Outcome {
    send_to(peer, message, GUEST).await
}

#[tokio::test]
async fn a_mail_has_both_forms_and_a_name_that_a_repeat_shares() {
    let peer = SmtpPeer::start().await;
    let shown = Shown {
        title: "Hello <b>\r\nBcc: all@guest.example".into(),
        body: "One & two\nthree".into(),
        link: Some("https://alpenhof.example/?a=1&b=\"".into()),
        ..shown()
    };
    let message = message(shown);
    for _ in 0..2 {
        let outcome = send(&peer, &message).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
    let taken = peer.taken();
    assert_eq!(taken[0].from.split(' ').next().unwrap(), "MAIL");
    assert!(taken[0].from.contains("<hello@alpenhof.example>") && taken[0].to.contains("<anna@guest.example>"));
    let headers = |text: &str| text.split("\r\n\r\n").next().unwrap().to_owned();
    let header = |name: &str| {
        let head = headers(&taken[0].text);
        let line = head.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.to_owned()
    };
    assert_eq!(
        header("Message-ID"),
        format!("Message-ID: <{}@alpenhof.example>", message.id)
    );
    let named = |at: usize| {
        headers(&taken[at].text)
            .lines()
            .find(|line| line.starts_with("Message-ID"))
            .map(str::to_owned)
    };
    assert_eq!(named(0), named(1), "a repeat can be told");
    assert_eq!(header("Reply-To"), "Reply-To: desk@alpenhof.example");
    assert_eq!(header("Auto-Submitted"), "Auto-Submitted: auto-generated");
    assert_eq!(header("Date"), "Date: Mon, 04 May 2026 12:00:00 +0000");
    assert_eq!(header("Bcc"), "", "a title starts no header");
    assert_eq!(header("List-Unsubscribe"), "");
    let text = &taken[0].text;
    assert!(
        text.contains("text/plain") && text.contains("text/html") && text.contains("multipart/alternative"),
        "{text}"
    );
    assert!(
        text.contains("&lt;b&gt;") && text.contains("One &amp; two<br>"),
        "{text}"
    );
    assert!(
        !text.contains("<b>\r\nBcc") || text.contains("Hello <b>"),
        "the plain form is plain: {text}"
    );
}

#[tokio::test]
async fn a_sensitive_text_stays_here() {
    let peer = SmtpPeer::start().await;
    let link = Some(format!("https://alpenhof.example/{CANARY}"));
    send(&peer, &message(Shown { link, ..secret_shown() })).await;
    let text = &peer.taken()[0].text;
    assert!(!text.contains(CANARY) && text.contains("Your room is ready"), "{text}");
}

#[tokio::test]
async fn each_word_of_the_server_is_understood() {
    let peer = SmtpPeer::start().await;
    let again = |why: &str| Outcome::Retry {
        after: None,
        why: why.to_owned(),
    };
    let mend = |why: &str| Outcome::Misconfigured {
        why: why.to_owned(),
        detail: "check channels.email".into(),
    };
    let gone = |why: &str| Outcome::Unregistered {
        why: why.to_owned(),
        as_of: None,
    };
    let never = |why: &str| Outcome::Rejected { why: why.to_owned() };
    let table = [
        (
            Refuse::At("RCPT", "550 5.1.1 no such user anna@guest.example"),
            gone("recipient: 550"),
        ),
        (Refuse::At("RCPT", "551 5.1.6 moved"), gone("recipient: 551")),
        (Refuse::At("RCPT", "553 5.1.3 not a mailbox"), gone("recipient: 553")),
        (Refuse::At("RCPT", "550 5.7.1 relaying denied"), never("recipient: 550")),
        (Refuse::At("RCPT", "552 5.2.2 mailbox full"), never("recipient: 552")),
        (Refuse::At("RCPT", "450 4.2.0 greylisted"), again("recipient: 450")),
        (Refuse::At("RCPT", "451 4.3.0 try later"), again("recipient: 451")),
        (Refuse::At("MAIL", "550 5.7.1 sender refused"), never("sender: 550")),
        (Refuse::At("MAIL", "421 4.7.0 too many"), again("sender: 421")),
        (Refuse::At("DATA", "554 5.5.1 no"), never("text: 554")),
        (Refuse::At(".", "550 5.7.1 looks like spam"), never("text: 550")),
        (Refuse::At(".", "452 4.3.1 no space"), again("text: 452")),
        (Refuse::At("AUTH", "535 5.7.8 who are you"), mend("login: 535")),
        (Refuse::At("AUTH", "454 4.7.0 later"), again("login: 454")),
        (Refuse::At("EHLO", "554 5.7.1 go away"), mend("connect: 554")),
        (Refuse::Drop, again("text: the connection failed")),
        (Refuse::Hang, again("timeout")),
    ];
    for (refuse, expected) in table {
        peer.refuse_next(refuse.clone());
        assert_eq!(send(&peer, &message(shown())).await, expected, "{refuse:?}");
    }
    assert!(peer.taken().is_empty());
    for nobody in ["", "anna", "anna@", "@x", "anna@x\r\nRCPT TO:<b@x>", "<a@b>"] {
        let outcome = send_to(&peer, &message(shown()), nobody).await;
        assert!(matches!(outcome, Outcome::Unregistered { .. }), "{nobody}: {outcome:?}");
    }
    assert!(matches!(send(&peer, &message(shown())).await, Outcome::Accepted { .. }));
}

#[tokio::test]
async fn a_connection_is_encrypted_unless_it_is_this_machine() {
    let peer = SmtpPeer::start().await;
    let starttls = Settings {
        tls: Tls::Starttls,
        ..settings(&peer)
    };
    let channel = open(&starttls, &outside()).unwrap().unwrap();
    let said = channel.probe().await.unwrap_err();
    assert!(said.contains("STARTTLS"), "{said}");
    let told = peer.said().join("\n");
    assert!(
        !told.contains("AUTH") && !told.contains("MAIL"),
        "nothing went in the clear: {told}"
    );
    let implicit = Settings {
        tls: Tls::Implicit,
        ..settings(&peer)
    };
    let channel = open(&implicit, &outside()).unwrap().unwrap();
    let (text, now) = (message(shown()), noon());
    let outcome = channel
        .send(Push {
            report_url: None,
            message: &text,
            address: GUEST,
            now,
            sealing_key: None,
            entropy: &SystemEntropy,
        })
        .await;
    let why = "connect: the connection failed".to_owned();
    assert_eq!(
        outcome,
        Outcome::Retry { after: None, why },
        "a server that speaks in the clear is no partner"
    );
    assert!(peer.taken().is_empty());
    let elsewhere = Settings {
        host: Some("10.0.0.1".into()),
        ..settings(&peer)
    };
    let allow = vec!["10.0.0.0/8".to_owned()];
    let wide = Outside::open(&outside::Settings { allow }).unwrap();
    let said = open(&elsewhere, &wide).unwrap().unwrap().probe().await.unwrap_err();
    assert!(said.contains("channels.email.tls"), "{said}");
    let shut = Outside::open(&outside::Settings::default()).unwrap();
    let said = open(&settings(&peer), &shut)
        .unwrap()
        .unwrap()
        .probe()
        .await
        .unwrap_err();
    assert!(said.contains("channels.outside.allow"), "{said}");
}

#[tokio::test]
async fn a_probe_logs_in_and_settings_say_what_is_wrong() {
    let peer = SmtpPeer::start().await;
    let good = || settings(&peer);
    open(&good(), &outside()).unwrap().unwrap().probe().await.unwrap();
    peer.refuse_next(Refuse::At("AUTH", "535 5.7.8 who are you"));
    let said = open(&good(), &outside()).unwrap().unwrap().probe().await.unwrap_err();
    assert!(said.contains("who are you"), "{said}");
    let error = |settings: Settings| open(&settings, &outside()).err().unwrap();
    assert!(error(Settings { from: None, ..good() }).contains("channels.email.from"));
    assert!(
        error(Settings {
            password: None,
            ..good()
        })
        .contains("go together")
    );
    assert!(open(&Settings::default(), &outside()).unwrap().is_none());
    assert!(!format!("{:?}", good()).contains("mail-password"));
    assert!(peer.taken().is_empty());
}
