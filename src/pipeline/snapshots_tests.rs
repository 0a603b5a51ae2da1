//! A snapshot that was edited is the one that would be read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::super::world::{World, id, world};
use super::*;
use crate::engine::fence::{Position, Shape, ShapeLimits, StoredShape};
use rand::{RngExt, SeedableRng};
use serde_json::json;

type Dice = chacha20::ChaCha8Rng;

fn row(world: &World, dice: &mut Dice) -> FenceRow {
    let number = dice.random_range(0..12_u128);
    let center = Position::new(48.0 + dice.random_range(0.0..0.02), 16.0 + dice.random_range(0.0..0.02)).unwrap();
    let circle = Shape::circle(center, dice.random_range(50.0..2_000.0), &ShapeLimits::default()).unwrap();
    FenceRow {
        id: id(200 + dice.random_range(0..1_000_000)),
        external_id: format!("h{number}"),
        shape: StoredShape::of(&circle),
        ..world.hotel()
    }
}

/// What the snapshot in force says, beside what one that is read from the store says.
async fn check(world: &World, dice: &mut Dice) {
    let edited = world.pipeline.catalogue(world.project).await.unwrap();
    let read = read_catalogue(world.pipeline.store(), world.project, world.now(), None);
    let read = read.await.unwrap().catalogue;
    let listed = |catalogue: &Catalogue| {
        let mut all: Vec<String> = catalogue.fences.values().map(|fence| format!("{fence:?}")).collect();
        all.sort();
        all
    };
    assert_eq!(listed(&edited), listed(&read));
    assert_eq!(edited.fences.len(), read.fences.len());
    for _ in 0..50 {
        let p = Position::new(48.0 + dice.random_range(0.0..0.02), 16.0 + dice.random_range(0.0..0.02)).unwrap();
        assert_eq!(edited.index.locate(p), read.index.locate(p));
        assert_eq!(edited.index.near(p, 5), read.index.near(p, 5));
    }
}

#[tokio::test]
async fn edits_one_by_one_give_what_a_full_load_gives() {
    let world = world().await;
    let mut dice = Dice::seed_from_u64(11);
    for _ in 0..25 {
        let before = world.pipeline.catalogue(world.project).await.unwrap();
        let known: Vec<FenceId> = before.fences.keys().copied().collect();
        let kept = before.fences.len();
        if let Some(gone) = known.get(dice.random_range(0..=known.len() * 2)) {
            assert!(world.pipeline.delete_geofence(world.project, *gone).await.unwrap());
        } else {
            let rows: Vec<FenceRow> = (0..dice.random_range(1..5)).map(|_| row(&world, &mut dice)).collect();
            world.pipeline.put_geofences(world.project, &rows, false).await.unwrap();
        }
        assert_eq!(before.fences.len(), kept, "a snapshot never changes");
        check(&world, &mut dice).await;
    }
}

#[tokio::test]
async fn edits_of_others_are_read_and_other_edits_leave_fences_alone() {
    let world = world().await;
    let mut dice = Dice::seed_from_u64(12);
    let put = [row(&world, &mut dice)];
    world.pipeline.put_geofences(world.project, &put, false).await.unwrap();
    world.say("welcome", "PT1H", "Welcome").await;
    let first = world.pipeline.catalogue(world.project).await.unwrap();
    world.pipeline.follow_catalogues().await.unwrap();
    let followed = world.pipeline.catalogue(world.project).await.unwrap();
    assert!(Arc::ptr_eq(&first, &followed), "nothing new is not read");
    world.say("welcome", "PT1H", "Servus").await;
    let same = world.pipeline.catalogue(world.project).await.unwrap();
    let only = |catalogue: &Catalogue| Arc::clone(catalogue.fences.values().next().unwrap());
    assert!(!Arc::ptr_eq(&first, &same) && Arc::ptr_eq(&only(&first), &only(&same)));
    // Another node writes, and this one hears of it with its own next edit.
    let store = world.pipeline.store();
    let theirs: Vec<FenceRow> = (0..6).map(|_| row(&world, &mut dice)).collect();
    store.upsert_geofences(world.project, &theirs, false).await.unwrap();
    let ours = [row(&world, &mut dice)];
    world.pipeline.put_geofences(world.project, &ours, false).await.unwrap();
    check(&world, &mut dice).await;
    store
        .delete_geofence(world.project, only(&first).id, world.now())
        .await
        .unwrap();
    world.say("welcome", "PT1H", "Hello").await;
    check(&world, &mut dice).await;
    // Or it asks.
    let theirs = [row(&world, &mut dice)];
    store.upsert_geofences(world.project, &theirs, false).await.unwrap();
    let before = world.pipeline.catalogue(world.project).await.unwrap();
    world.pipeline.follow_catalogues().await.unwrap();
    let after = world.pipeline.catalogue(world.project).await.unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    check(&world, &mut dice).await;
}

#[tokio::test]
async fn a_stored_fence_that_does_not_build_is_left_out_whichever_way_it_comes() {
    let world = world().await;
    let mut dice = Dice::seed_from_u64(13);
    let good = FenceRow {
        external_id: "h".into(),
        ..row(&world, &mut dice)
    };
    world.pipeline.catalogue(world.project).await.unwrap();
    world
        .pipeline
        .put_geofences(world.project, std::slice::from_ref(&good), false)
        .await
        .unwrap();
    let bad = FenceRow {
        shape: json!({ "type": "Circle", "center": [16, 48], "radius_m": -1 })
            .to_string()
            .into(),
        ..good
    };
    world
        .pipeline
        .put_geofences(world.project, &[bad], false)
        .await
        .unwrap();
    let catalogue = world.pipeline.catalogue(world.project).await.unwrap();
    assert!(catalogue.fences.values().all(|fence| fence.external_id() != "h"));
    check(&world, &mut dice).await;
}
