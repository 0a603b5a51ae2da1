//! Tile38: the same geofences as channels, the same fixes as `SET`s; it tells of each object that enters one.
//!
//! It is started here, without its append-only file, when `tile38-server` is on the PATH, and stopped by its own process id.
//! Circles are circles there too, by great-circle distance; polygons are the same corners, with edges straight in degrees.

use super::ours::{BATCH, Ours, TURN};
use super::resp::{Client, Reply};
use super::{World, agree, median};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};
use usher::cli::bench::meter::{processor_time, resident_bytes};
use usher::cli::bench::workload::Drawn;
use usher::engine::fence::Position;

/// Connections that report at once, on both sides.
const CONNECTIONS: usize = 8;
/// Commands sent before their answers are read, while geofences are written and answers compared.
const PIPELINE: usize = 200;
/// A server that does not take the geofences within this is left out.
const LOADED_WITHIN: Duration = Duration::from_secs(300);
const READY_WITHIN: Duration = Duration::from_secs(10);
/// Nothing more is said when nothing came for so long.
const QUIET: Duration = Duration::from_secs(2);
/// From this many geofences on the harder budgets count.
const MANY: usize = 1_000_000;

/// A running server; killed when dropped.
struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn run(world: &World, ours: &dyn Fn() -> Rc<Ours>) {
    let Some(server) = start() else {
        println!("Tile38 is left out: put tile38-server on the PATH (https://tile38.com)");
        return;
    };
    let mut client = Client::connect(server.port);
    if !load(&mut client, world) {
        println!(
            "Tile38 is left out: it took fewer geofences than there are in {LOADED_WITHIN:?}; try fewer with --fences"
        );
        return;
    }
    let theirs = entered(&server, world);
    agree(
        "Tile38",
        world,
        &world.found,
        &theirs,
        "distances are rounded differently",
    );
    client.ask(&["DROP", "fleet"]);
    client.ask(&["GC"]);
    let ours = ours();
    let places = ours.places();
    let [batched, pipelined, single, unpipelined] = turns(&server, &ours, &places);
    let many = world.fences.len() >= MANY * 9 / 10;
    told(
        "batches of 50 against pipelines of 50",
        batched,
        pipelined,
        if many { 20.0 } else { 8.0 },
    );
    told("a single request against a SET", single, unpipelined, 1.0);
    let mib = |bytes: Option<u64>| bytes.unwrap_or(0) as f64 / 1_048_576.0;
    let (ours, theirs) = (mib(ours.resident()), mib(resident_bytes(server.child.id())));
    println!(
        "  resident memory with {} geofences: {ours:.0} MiB here, {theirs:.0} MiB there: 1/{:.1} (budget <= 1/5 at 1,000,000)",
        world.fences.len(),
        theirs / ours
    );
}

/// A line with processor time, ours and theirs.
fn told(what: &str, ours: Duration, theirs: Duration, budget: f64) {
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!(
        "  server time a fix, {what}: {:.2} µs here, {:.2} µs there: {ratio:.1} x, budget >= {budget} x: {}",
        ours.as_secs_f64() * 1e6,
        theirs.as_secs_f64() * 1e6,
        if ratio >= budget { "met" } else { "MISSED" }
    );
}

/// A port on loopback that nobody listens on now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn start() -> Option<Server> {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let spawned = Command::new("tile38-server")
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-q",
            "--appendonly",
            "no",
            "-d",
        ])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("tile38-server does not start: {error}"),
    };
    let server = Server {
        child,
        port,
        _folder: folder,
    };
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < READY_WITHIN, "tile38-server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(server)
}

/// Writes a channel for each geofence; whether it was done in time.
fn load(client: &mut Client, world: &World) -> bool {
    let begun = Instant::now();
    for chunk in world.fences.chunks(PIPELINE) {
        for (number, fence) in chunk {
            let name = format!("f{number}");
            let start = ["SETCHAN", &name, "WITHIN", "fleet", "FENCE", "DETECT", "enter,exit"];
            match fence {
                Drawn::Circle { center, radius_m } => {
                    let area = [center.lat.to_string(), center.lng.to_string(), radius_m.to_string()];
                    client.push(&[&start[..], &["CIRCLE", &area[0], &area[1], &area[2]]].concat());
                }
                Drawn::Polygon { corners, .. } => {
                    let ring: Vec<_> = corners.iter().chain(corners.first()).collect();
                    let area = json!({ "type": "Polygon", "coordinates": [ring] }).to_string();
                    client.push(&[&start[..], &["OBJECT", &area]].concat());
                }
            }
        }
        client.flush();
        for _ in chunk {
            assert_eq!(client.read(), Reply::Number(1), "a channel was refused");
        }
        if begun.elapsed() > LOADED_WITHIN {
            return false;
        }
    }
    println!(
        "Tile38: {} channels in {:.1} s",
        world.fences.len(),
        begun.elapsed().as_secs_f64()
    );
    true
}

/// What it says: the words of a message that count here.
#[derive(Deserialize)]
struct Message {
    detect: String,
    hook: String,
    id: String,
}

/// The geofences that each fix enters, sent as an object of its own.
fn entered(server: &Server, world: &World) -> Vec<Vec<u32>> {
    let mut ear = Client::connect(server.port);
    ear.ask(&["PSUBSCRIBE", "f*"]);
    let mut client = Client::connect(server.port);
    let numbered: Vec<(usize, &Position)> = world.fixes.iter().enumerate().collect();
    for chunk in numbered.chunks(PIPELINE) {
        for (number, fix) in chunk {
            set(&mut client, &format!("g{number}"), fix);
        }
        client.flush();
        for _ in chunk {
            assert_eq!(client.read(), Reply::Text("OK".into()));
        }
    }
    let mut found = vec![Vec::new(); world.fixes.len()];
    while let Some(reply) = ear.read_within(QUIET) {
        let Reply::Many(words) = reply else { continue };
        let Some(Reply::Text(body)) = words.last() else {
            continue;
        };
        let message: Message = serde_json::from_str(body).unwrap();
        assert_eq!(message.detect, "enter", "each object is new");
        let fix: usize = message.id.trim_start_matches('g').parse().unwrap();
        found[fix].push(message.hook.trim_start_matches('f').parse().unwrap());
    }
    for found in &mut found {
        found.sort_unstable();
    }
    found
}

fn set(client: &mut Client, id: &str, at: &Position) {
    let (lat, lng) = (at.lat.to_string(), at.lng.to_string());
    client.push(&["SET", "fleet", id, "POINT", &lat, &lng]);
}

/// Processor time of each server for a fix: our batches, their pipelines, our single requests, their single commands.
/// Interleaved rounds, the median of each.
fn turns(server: &Server, ours: &Ours, places: &[Vec<Position>]) -> [Duration; 4] {
    // Every object is somewhere before anything is measured, as every phone is.
    load_turn(server, places, 1, None);
    let mut each: HashMap<usize, Vec<Duration>> = HashMap::new();
    for _ in 0..super::ROUNDS {
        for (turn, (batch, is_ours)) in [(BATCH, true), (BATCH, false), (1, true), (1, false)]
            .into_iter()
            .enumerate()
        {
            let took = if is_ours {
                let us = ours.turn(batch, CONNECTIONS).cpu_us_per_fix().unwrap();
                Duration::from_secs_f64(us / 1e6)
            } else {
                load_turn(server, places, batch, Some(TURN))
            };
            each.entry(turn).or_default().push(took);
        }
    }
    [0, 1, 2, 3].map(|turn| {
        let mut took = each[&turn].iter().copied();
        median(|| took.next().unwrap())
    })
}

/// Loads it for a turn, or with every object once; processor time a fix.
fn load_turn(server: &Server, places: &[Vec<Position>], batch: usize, lasts: Option<Duration>) -> Duration {
    let before = processor_time(server.child.id()).unwrap();
    let begun = Instant::now();
    let fixes: u32 = std::thread::scope(|scope| {
        let work = |connection: usize| {
            move || {
                let mut client = Client::connect(server.port);
                let mut sent = 0;
                for round in 0.. {
                    for (phone, places) in places.iter().enumerate().skip(connection).step_by(CONNECTIONS) {
                        if lasts.is_some_and(|lasts| begun.elapsed() >= lasts) {
                            return sent;
                        }
                        let id = format!("p{phone}");
                        for step in 0..batch {
                            set(&mut client, &id, &places[(round + step) % places.len()]);
                        }
                        client.flush();
                        for _ in 0..batch {
                            client.read();
                        }
                        sent += u32::try_from(batch).unwrap();
                    }
                    if lasts.is_none() {
                        break;
                    }
                }
                sent
            }
        };
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|connection| scope.spawn(work(connection)))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    processor_time(server.child.id()).unwrap().saturating_sub(before) / fixes.max(1)
}
