//! What is recorded is what Prometheus reads.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

#[test]
fn what_is_counted_can_be_scraped_and_a_second_set_up_is_the_same() {
    let measures = Measures::install().unwrap();
    records("probe", "accepted", 3);
    decision(ReasonCode::AlreadyDone);
    delivery(ChannelKind::Tray, DeliveryState::Accepted);
    send(ChannelKind::Tray, Duration::from_millis(3));
    let text = Measures::install().unwrap().render();
    assert!(measures.render().contains("usher_records_total"));
    assert!(
        text.contains("usher_records_total{kind=\"probe\",outcome=\"accepted\"} 3"),
        "{text}"
    );
    assert!(text.contains("usher_decisions_total{code=\"already_done\"} "), "{text}");
    assert!(
        text.contains("usher_send_seconds_bucket{channel=\"tray\",le=\"0.005\"} "),
        "{text}"
    );
    assert!(text.contains("usher_build_info{version="), "{text}");
}
