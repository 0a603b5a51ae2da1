//! Sending under siege: everything that can go wrong between the outbox and the screen, at scale.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::wildcard_enum_match_arm,
    reason = "numbers of a small town, and a foreign enum that may grow"
)]

mod cuts;
mod isolation;
mod letters;
mod rules;
mod town;

/// What a developer asks for by the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no setting of the service"
)]
fn asked(name: &str) -> Option<usize> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}
