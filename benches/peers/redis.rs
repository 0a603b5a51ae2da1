//! Redis `GEOSEARCH`: it knows points alone, so circles only, by their centres.
//!
//! A fix asks for all centres within the largest radius, with their distances, and the caller keeps those nearer than their own
//! radius. Redis stores positions in 52 bits, which moves them by up to 0.6 m: answers differ where a fix is that near to an edge.

use super::resp::{Client, Reply};
use super::{World, agree, median, tell};
use std::collections::HashMap;
use std::time::Instant;
use usher::cli::bench::workload::Drawn;

/// Requests sent before their answers are read, in the pipelined series.
const PIPELINE: usize = 100;

pub fn run(world: &World, port: u16) {
    let mut client = Client::connect(port);
    let circles = load(&mut client, world);
    let radius = circles.values().copied().fold(0.0, f64::max).to_string();
    let ours: Vec<Vec<u32>> = world
        .found
        .iter()
        .map(|found| found.iter().copied().filter(|id| circles.contains_key(id)).collect())
        .collect();
    let words: Vec<(String, String)> = world
        .fixes
        .iter()
        .map(|fix| (fix.lng.to_string(), fix.lat.to_string()))
        .collect();
    let one = |client: &mut Client, fix: &(String, String)| ask_for(client, fix, &radius);
    let theirs: Vec<Vec<u32>> = words
        .iter()
        .map(|fix| {
            one(&mut client, fix);
            client.flush();
            inside(&client.read(), &circles)
        })
        .collect();
    agree(
        "Redis, circles",
        world,
        &ours,
        &theirs,
        "its positions are rounded to 0.6 m",
    );
    let count = u32::try_from(words.len()).unwrap();
    let single = median(|| {
        let begun = Instant::now();
        for fix in &words {
            one(&mut client, fix);
            client.flush();
            inside(&client.read(), &circles);
        }
        begun.elapsed()
    }) / count;
    let pipelined = median(|| {
        let begun = Instant::now();
        for chunk in words.chunks(PIPELINE) {
            for fix in chunk {
                one(&mut client, fix);
            }
            client.flush();
            for _ in chunk {
                inside(&client.read(), &circles);
            }
        }
        begun.elapsed()
    }) / count;
    tell("Redis GEOSEARCH, a request a fix", single, world.ours, None);
    tell(
        "Redis GEOSEARCH, 100 requests in a row",
        pipelined,
        world.ours,
        Some(20.0),
    );
}

/// Asks for all centres this near to a fix, longitude before latitude; the question waits to be flushed.
fn ask_for(client: &mut Client, (lng, lat): &(String, String), radius_m: &str) {
    client.push(&[
        "GEOSEARCH",
        "fences",
        "FROMLONLAT",
        lng,
        lat,
        "BYRADIUS",
        radius_m,
        "m",
        "WITHDIST",
    ]);
}

/// Stores the centres; the radius of each circle.
fn load(client: &mut Client, world: &World) -> HashMap<u32, f64> {
    let mut radii = HashMap::new();
    for chunk in world.fences.chunks(1_000) {
        let mut sent = 0;
        for (id, fence) in chunk {
            let Drawn::Circle { center, radius_m } = fence else {
                continue;
            };
            client.push(&[
                "GEOADD",
                "fences",
                &center.lng.to_string(),
                &center.lat.to_string(),
                &id.to_string(),
            ]);
            radii.insert(*id, *radius_m);
            sent += 1;
        }
        client.flush();
        for _ in 0..sent {
            assert_eq!(client.read(), Reply::Number(1));
        }
    }
    assert_eq!(
        client.ask(&["ZCARD", "fences"]),
        Reply::Number(i64::try_from(radii.len()).unwrap())
    );
    radii
}

fn inside(reply: &Reply, radii: &HashMap<u32, f64>) -> Vec<u32> {
    let Reply::Many(near) = reply else {
        panic!("no list: {reply:?}")
    };
    let mut found: Vec<u32> = near
        .iter()
        .filter_map(|one| {
            let Reply::Many(pair) = one else { return None };
            let [Reply::Text(id), Reply::Text(distance)] = pair.as_slice() else {
                return None;
            };
            let id = id.parse().ok()?;
            (distance.parse::<f64>().ok()? <= *radii.get(&id)?).then_some(id)
        })
        .collect();
    found.sort_unstable();
    found
}
