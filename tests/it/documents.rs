//! The examples of the documents are true: every sentence in docs/TRIGGERS.md compiles.

use usher::base::id::IdSource;
use usher::engine::trigger::{CompiledTrigger, Trigger};

const PAGE: &str = include_str!("../../docs/TRIGGERS.md");

#[test]
fn every_sentence_of_the_page_on_triggers_compiles() {
    let mut ids = IdSource::new(uuid::Uuid::from_u128(1), usher::base::time::Timestamp::default());
    let mut count = 0;
    for block in PAGE.split("```json\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default();
        let sentence: Trigger = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        let name = sentence.name.clone();
        if let Err(errors) = CompiledTrigger::compile(ids.draw(), 1, sentence) {
            panic!("{name}: {errors:?}");
        }
        count += 1;
    }
    assert!(count >= 10, "only {count} examples were found");
}
