//! What is recorded is what Prometheus reads.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

#[test]
fn what_is_counted_can_be_scraped_and_a_second_set_up_is_the_same() {
    let measures = Measures::install().unwrap();
    records("fix", "accepted", 3);
    decision(ReasonCode::AlreadyDone);
    delivery(ChannelKind::Tray, DeliveryState::Accepted);
    http("GET", "/v1/users/{ref}", 200, Duration::from_millis(3));
    let text = Measures::install().unwrap().render();
    assert_eq!(measures.render(), text);
    assert!(text.contains("usher_records_total{kind=\"fix\",outcome=\"accepted\"} 3"), "{text}");
    assert!(text.contains("usher_decisions_total{code=\"already_done\"} 1"), "{text}");
    assert!(text.contains("usher_http_seconds_bucket{route=\"/v1/users/{ref}\",le=\"0.005\"} 1"), "{text}");
    assert!(text.contains("usher_build_info{version="), "{text}");
}
