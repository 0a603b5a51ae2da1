//! The way out: no spelling leads inside, no name flips, no redirect is followed, and no answer fills the memory.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::channel::http_peer::{HttpPeer, Reply};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers in turn, whatever is asked; counts how often.
#[derive(Default)]
struct Script {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names for Script {
    fn addresses(&self, _: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let answers = self.answers.lock().unwrap();
        let answer = answers.get(turn % answers.len().max(1)).cloned().unwrap_or_default();
        async move { Ok(answer) }.boxed()
    }
}

fn script(answers: &[&[&str]]) -> Arc<Script> {
    let parsed = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Arc::new(Script {
        answers: Mutex::new(answers.iter().map(parsed).collect()),
        asked: AtomicUsize::default(),
    })
}

fn outside(allow: &[&str], names: &Arc<Script>) -> Outside {
    let allow = allow.iter().map(|text| (*text).to_owned()).collect();
    Outside::with_names(&Settings { allow }, Arc::clone(names) as Arc<dyn Names>).unwrap()
}

async fn post(outside: &Outside, url: &str) -> Result<Answer, OutsideError> {
    let timeout = Duration::from_secs(5);
    outside
        .send(Method::POST, url, timeout, |request| request.body("{}"))
        .await
}

/// Loopback, private, metadata and friends, as people and attackers have written them.
const SPELLINGS: [&str; 112] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "127.127.127.127",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7F.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "0177.0x0.0.1",
    "00177.0.0.1",
    "000000177.0.0.1",
    "127.0.0.1.",
    "127.000.000.001",
    "127.0x1",
    "127.0.0x1",
    "127.0.0.01",
    "0x7f.0.0x0.01",
    "%31%32%37.0.0.1",
    "%31%32%37%2e%30%2e%30%2e%31",
    "127%2e0%2e0%2e1",
    "１２７.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "①②⑦.⓪.⓪.①",
    "0",
    "0.0.0.0",
    "0.0.0.1",
    "00.00.00.00",
    "0x0",
    "0x00000000",
    "000",
    "0.1",
    "0.0.1",
    "10.0.0.1",
    "10.1",
    "0xa.1",
    "012.1",
    "167772161",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "100.100.100.200",
    "169.254.169.254",
    "169.254.43518",
    "169.16689662",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.169.254.",
    "169.254.170.2",
    "168.63.129.16",
    "172.16.0.1",
    "172.31.255.254",
    "172.1048577",
    "192.168.0.1",
    "192.168.1",
    "0xc0a80001",
    "3232235521",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.254",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "4294967295",
    "0xffffffff",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:1::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[100::1]",
    "[fc00::1]",
    "[fd00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[feb0::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff05::2]",
    "localhost",
    "LOCALHOST.",
    "127.0.0.1.nip.example",
    "metadata.google.internal",
];

#[tokio::test]
async fn no_spelling_of_an_inner_address_is_connected_to() {
    let trap = HttpPeer::start().await;
    let names = script(&[&["127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1"]]);
    let outside = outside(&[], &names);
    for host in SPELLINGS {
        for url in [
            format!("http://{host}:{}/", trap.address.port()),
            format!("http://{host}/"),
            format!("https://{host}/"),
        ] {
            let said = post(&outside, &url).await.unwrap_err();
            let refused = matches!(said, OutsideError::Refused(_) | OutsideError::Address(_));
            assert!(refused, "{url}: {said:?}");
        }
        let plain = unbracketed(host);
        let raw = outside.resolve_allowed(plain, 25).await;
        assert!(raw.is_err(), "{host}: {raw:?}");
    }
    assert!(trap.received().is_empty());
}

#[tokio::test]
async fn what_is_no_address_of_a_receiver_is_told_so() {
    let outside = outside(&["127.0.0.0/8"], &script(&[&["127.0.0.1"]]));
    for url in [
        "",
        "x",
        "/hook",
        "//example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://example.com",
        "http://",
        "https://user@example.com",
        "https://user:password@example.com",
        "http://example.com/#x",
        "javascript:1",
        "http://exa mple.com",
        "http://[::1",
        "http://1.2.3.4.5.6",
    ] {
        assert!(matches!(outside.check(url), Err(OutsideError::Address(_))), "{url}");
    }
    assert!(outside.check("https://example.com/hook?x=1").is_ok());
}

#[tokio::test]
async fn a_name_that_flips_between_two_asks_never_leads_inside() {
    let good = HttpPeer::start_at("127.0.0.2:0").await;
    let trap = HttpPeer::start_at(&format!("127.0.0.1:{}", good.address.port())).await;
    let names = script(&[&["127.0.0.2"], &["127.0.0.1"], &["127.0.0.1", "127.0.0.2"]]);
    let outside = outside(&["127.0.0.2/32"], &names);
    let url = format!("http://rebound.example:{}/", good.address.port());
    let mut refused = 0;
    for _ in 0..1_000 {
        refused += usize::from(matches!(post(&outside, &url).await, Err(OutsideError::Refused(_))));
    }
    assert_eq!(trap.received().len(), 0, "it went to the address that was not judged");
    assert_eq!(names.asked.load(Ordering::Relaxed), 1_000, "each connection asks once");
    assert_eq!((good.received().len(), refused), (667, 333));
    assert!(good.received()[0].header("host").starts_with("rebound.example:"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (peer, trap) = (HttpPeer::start().await, HttpPeer::start().await);
    let outside = outside(&["127.0.0.0/8"], &script(&[]));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}\r\n", trap.url("/"));
        peer.reply_next(Reply::Full(status, Box::leak(location.into_boxed_str()), String::new()));
        assert_eq!(post(&outside, &peer.url("/")).await.unwrap().status.as_u16(), status);
    }
    assert_eq!((peer.received().len(), trap.received().len()), (5, 0));
}

#[tokio::test]
async fn an_answer_is_read_to_its_bound_and_what_does_not_come_is_not_waited_for() {
    let peer = HttpPeer::start().await;
    let outside = outside(&["127.0.0.0/8"], &script(&[]));
    peer.reply_next(Reply::Full(200, "retry-after: 7\r\n", "x".repeat(4 * 1024 * 1024)));
    let answer = post(&outside, &peer.url("/")).await.unwrap();
    assert_eq!(answer.body.len(), limits::ANSWER_BYTES_MAX);
    let noon = crate::channel::tests::noon();
    assert_eq!(answer.retry_after(noon), Some(chrono::TimeDelta::seconds(7)));
    peer.reply_next(Reply::Hang);
    let timeout = Duration::from_millis(50);
    let late = outside
        .send(Method::POST, &peer.url("/"), timeout, |request| request)
        .await;
    assert_eq!(late.unwrap_err(), OutsideError::Timeout);
    peer.reply_next(Reply::Drop);
    assert_eq!(
        post(&outside, &peer.url("/")).await.unwrap_err(),
        OutsideError::Transport
    );
    let in_the_clear = format!("https://{}/", peer.address);
    let clear = outside
        .send(Method::POST, &in_the_clear, timeout, |request| request)
        .await;
    assert_eq!(
        clear.unwrap_err(),
        OutsideError::Timeout,
        "https is never spoken in the clear"
    );
    let nobody = post(&outside, "http://127.0.0.1:1/secret-path").await.unwrap_err();
    assert!(
        matches!(&nobody, OutsideError::Connect(why) if !why.contains("secret")),
        "{nobody:?}"
    );
    let unknown = post(&outside, "http://nowhere.example/").await.unwrap_err();
    assert_eq!(unknown, OutsideError::NameUnknown);
}

#[test]
fn a_network_that_is_none_is_told_with_its_setting() {
    let allow = vec!["10.0.0.1/8".to_owned()];
    let said = Outside::open(&Settings { allow }).unwrap_err();
    assert!(said.starts_with("channels.outside.allow: "), "{said}");
}
