//! What is drawn is well-formed, and says what it shows.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

#[test]
fn growth_is_drawn_and_nothing_is_refused_in_words() {
    let curves = [("this index".to_owned(), vec![(1e3, 30.0), (1e5, 60.0), (1e6, 120.0)])];
    let svg = growth("cost of a fix", "ns", &curves).unwrap();
    let tree = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<&str> = tree
        .descendants()
        .filter_map(|node| node.text())
        .map(str::trim)
        .collect();
    assert!(
        texts.contains(&"this index") && texts.contains(&"geofences"),
        "{texts:?}"
    );
    assert!(growth("nothing", "ns", &[]).is_err());
}

#[test]
fn shares_are_told_where_nines_begin() {
    assert_eq!((nines_label(0.0).as_str(), nines_label(2.0).as_str()), ("0 %", "99 %"));
    let labels = [0.5, 1.0, 3.0, 20.0, 1_000.0].map(ms_label);
    assert_eq!(labels, ["0.5 ms", "1 ms", "", "20 ms", "1000 ms"]);
    assert!((nines(0.999) - 3.0).abs() < 1e-9);
}
