//! Which addresses are outside: both ends of every range, and their neighbours.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

fn is_outside(text: &str) -> bool {
    judge(text.parse().unwrap(), &[]).is_ok()
}

/// First and last address of a range, and the neighbours that are outside.
type Range = (&'static str, &'static str, Option<&'static str>, Option<&'static str>);

const RANGES: [Range; 21] = [
    ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
    ("10.0.0.0", "10.255.255.255", Some("9.255.255.255"), Some("11.0.0.0")),
    (
        "100.64.0.0",
        "100.127.255.255",
        Some("100.63.255.255"),
        Some("100.128.0.0"),
    ),
    (
        "127.0.0.0",
        "127.255.255.255",
        Some("126.255.255.255"),
        Some("128.0.0.0"),
    ),
    (
        "168.63.129.16",
        "168.63.129.16",
        Some("168.63.129.15"),
        Some("168.63.129.17"),
    ),
    (
        "169.254.0.0",
        "169.254.255.255",
        Some("169.253.255.255"),
        Some("169.255.0.0"),
    ),
    (
        "172.16.0.0",
        "172.31.255.255",
        Some("172.15.255.255"),
        Some("172.32.0.0"),
    ),
    ("192.0.0.0", "192.0.0.255", Some("191.255.255.255"), Some("192.0.1.0")),
    ("192.0.2.0", "192.0.2.255", Some("192.0.1.255"), Some("192.0.3.0")),
    (
        "192.88.99.0",
        "192.88.99.255",
        Some("192.88.98.255"),
        Some("192.88.100.0"),
    ),
    (
        "192.168.0.0",
        "192.168.255.255",
        Some("192.167.255.255"),
        Some("192.169.0.0"),
    ),
    (
        "198.18.0.0",
        "198.19.255.255",
        Some("198.17.255.255"),
        Some("198.20.0.0"),
    ),
    (
        "198.51.100.0",
        "198.51.100.255",
        Some("198.51.99.255"),
        Some("198.51.101.0"),
    ),
    (
        "203.0.113.0",
        "203.0.113.255",
        Some("203.0.112.255"),
        Some("203.0.114.0"),
    ),
    ("224.0.0.0", "255.255.255.255", Some("223.255.255.255"), None),
    (
        "2001::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        None,
        Some("2001:200::"),
    ),
    (
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        Some("2001:db7::"),
        Some("2001:db9::"),
    ),
    (
        "2002::",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        Some("2001:ffff::"),
        Some("2003::"),
    ),
    (
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        Some("3ffe::"),
        Some("3fff:1000::"),
    ),
    ("::", "1fff:ffff:ffff:ffff:ffff:ffff:0:0", None, Some("2000::")),
    (
        "4000::",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        Some("3fff:ffff::"),
        None,
    ),
];

#[test]
fn first_and_last_of_every_range_are_inside_and_their_neighbours_are_not() {
    for (first, last, before, after) in RANGES {
        assert!(!is_outside(first) && !is_outside(last), "{first} to {last}");
        let neighbours = before.into_iter().chain(after);
        for neighbour in neighbours {
            assert!(is_outside(neighbour), "{neighbour}");
        }
    }
}

#[test]
fn what_hides_a_v4_address_is_judged_by_it_or_refused() {
    let hidden = [
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "100::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "::ffff:0:127.0.0.1",
    ];
    for text in hidden {
        assert!(!is_outside(text), "{text}");
    }
    for text in ["8.8.8.8", "::ffff:8.8.8.8", "2a00:1450:4001::1", "2606:4700::1111"] {
        assert!(is_outside(text), "{text}");
    }
}

#[test]
fn a_network_the_operator_names_is_allowed_and_nothing_beside_it() {
    let allowed: Vec<Net> = ["10.1.0.0/16", "fd00::/8", "127.0.0.1/32"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let is_allowed = |text: &str| judge(text.parse().unwrap(), &allowed).is_ok();
    for text in ["10.1.255.255", "fd12::1", "127.0.0.1", "::ffff:10.1.0.1"] {
        assert!(is_allowed(text), "{text}");
    }
    for text in ["10.2.0.0", "fc00::1", "127.0.0.2", "::1"] {
        assert!(!is_allowed(text), "{text}");
    }
    assert!("0.0.0.0/0".parse::<Net>().unwrap().contains("1.2.3.4".parse().unwrap()));
    for text in [
        "",
        "10.0.0.0",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "::/129",
        "a/8",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
    ] {
        let said = text.parse::<Net>().unwrap_err().to_string();
        assert!(said.contains("10.0.0.0/8"), "what to do instead: {said}");
    }
}
