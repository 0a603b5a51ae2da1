//! What a circle weighs all told, as the engine keeps it: the geofence with what it is called, the way to it by its id, the index.

use crate::{resident, step};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use usher::cli::bench::workload::{Drawn, Workload};
use usher::engine::fence::Geofence;

/// Prints, for [`in_a_process_of_its_own`], what the circles of a workload weigh.
pub fn circles(count: usize) {
    let workload = Workload::new();
    let before = resident();
    let mut fences = Vec::with_capacity(count);
    let drawn = workload.fences(count).enumerate();
    for (number, drawn) in drawn.filter(|(_, drawn)| matches!(drawn, Drawn::Circle { .. })) {
        fences.push(step::fence(number, drawn.shape().unwrap()));
    }
    let circles = fences.len() as f64;
    let names = fences
        .iter()
        .map(|fence| fence.tag().len() + fence.external_id().len() + fence.name().len());
    let names = names.sum::<usize>() as f64 / circles;
    let pointers = fences.len() * size_of::<Arc<Geofence>>();
    let geofences = (resident() - before).saturating_sub(pointers) as f64 / circles;
    let catalogue = step::catalogue_of(fences);
    let all = (resident() - before) as f64 / circles;
    let index = catalogue.index.weight();
    let each = |bytes: usize| bytes as f64 / circles;
    let told = json!({ "all": all, "geofence": size_of::<Geofence>() + 2 * size_of::<usize>(), "names": names,
        "geofence_resident": geofences, "by_id": each(catalogue.fences.bytes()), "squares": each(index.squares), "postings": each(index.postings), "keys": each(index.keys),
        "circles": circles, "tiles": index.tiles, "cells": index.cells });
    println!("{told}");
}

/// Memory that was freed before would be taken again and not be seen.
pub fn in_a_process_of_its_own(count: usize) -> Value {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let told = child.args(["--weigh", &count.to_string()]).output().unwrap();
    serde_json::from_slice(&told.stdout).unwrap()
}

pub fn tell(circle: &Value) {
    let of = |name: &str| circle[name].as_f64().unwrap();
    let index = of("squares") + of("postings") + of("keys");
    println!(
        "  {:.0} B a circle all told: geofence {:.0}, its names {:.0}, by its id {:.0}, index {index:.0} (squares {:.0}, postings {:.0}, keys {:.0})",
        of("geofence") + of("names") + of("by_id") + index,
        of("geofence"),
        of("names"),
        of("by_id"),
        of("squares"),
        of("postings"),
        of("keys"),
    );
    println!(
        "  {:.0} B resident, with what the allocator adds and the build leaves behind; {:.0} circles in {:.0} cells of {:.0} tiles",
        of("all"),
        of("circles"),
        of("cells"),
        of("tiles"),
    );
}
