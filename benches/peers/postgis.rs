//! `PostGIS`: a `GiST` index and a prepared `ST_Covers`, one connection.
//!
//! Circles are stored as rings of 128 corners on the sphere, as one would do it there; a fix nearer to the edge than 0.03 % of
//! the radius may fall on the other side. Polygons are the same corners; edges are straight in degrees on both sides.

use super::ours::Ours;
use super::{World, agree, median, tell};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, query};
use std::rc::Rc;
use std::time::Instant;
use tokio::runtime::Runtime;
use usher::cli::bench::workload::Drawn;
use usher::engine::fence::Position;

/// Corners of a circle.
const CORNERS: u32 = 128;
const RADIUS_M: f64 = 6_371_008.8;
const COVERED: &str = "SELECT id FROM bench_fences WHERE ST_Covers(geom, ST_SetSRID(ST_MakePoint($1, $2), 4326))";

pub fn run(world: &World, url: &str, ours: &dyn Fn() -> Rc<Ours>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut connection = runtime.block_on(PgConnection::connect(url)).unwrap();
    runtime.block_on(load(&mut connection, world));
    let theirs: Vec<Vec<u32>> = world
        .fixes
        .iter()
        .map(|fix| {
            let mut found = ask(&runtime, &mut connection, *fix);
            found.sort_unstable();
            found
        })
        .collect();
    agree(
        "PostGIS",
        world,
        &world.found,
        &theirs,
        "circles are rings of 128 corners there",
    );
    let count = u32::try_from(world.fixes.len()).unwrap();
    let single = median(|| {
        let begun = Instant::now();
        for fix in &world.fixes {
            ask(&runtime, &mut connection, *fix);
        }
        begun.elapsed()
    }) / count;
    let pairs: usize = theirs.iter().map(Vec::len).sum();
    let joined = median(|| {
        let begun = Instant::now();
        let sql = "SELECT count(*) FROM bench_fixes p JOIN bench_fences f ON ST_Covers(f.geom, p.at)";
        let row = runtime.block_on(query(sql).fetch_one(&mut connection)).unwrap();
        assert_eq!(row.get::<i64, _>(0), i64::try_from(pairs).unwrap());
        begun.elapsed()
    }) / count;
    tell(
        "PostGIS, prepared ST_Covers, a query a fix",
        single,
        world.ours,
        Some(300.0),
    );
    tell(
        "PostGIS, one query for all fixes, nothing sent back",
        joined,
        world.ours,
        None,
    );
    let batched = ours().batched();
    println!(
        "Usher's server, batches of 50 over one connection: {:.2} µs a fix",
        batched.as_secs_f64() * 1e6
    );
    tell(
        "PostGIS, a query a fix, against our batches",
        single,
        batched,
        Some(50.0),
    );
    runtime
        .block_on(connection.execute("DROP TABLE bench_fences; DROP TABLE bench_fixes"))
        .unwrap();
}

fn ask(runtime: &Runtime, connection: &mut PgConnection, fix: Position) -> Vec<u32> {
    let asked = query(COVERED).bind(fix.lng).bind(fix.lat).fetch_all(connection);
    let rows = runtime.block_on(asked).unwrap();
    rows.iter()
        .map(|row| u32::try_from(row.get::<i32, _>(0)).unwrap())
        .collect()
}

async fn load(connection: &mut PgConnection, world: &World) {
    let tables = "CREATE EXTENSION IF NOT EXISTS postgis; DROP TABLE IF EXISTS bench_fences, bench_fixes; \
        CREATE TABLE bench_fences (id int PRIMARY KEY, geom geometry(Polygon, 4326)); \
        CREATE TABLE bench_fixes (at geometry(Point, 4326))";
    connection.execute(tables).await.unwrap();
    // Compiling a query that takes microseconds costs it milliseconds.
    connection.execute("SET jit = off").await.unwrap();
    for chunk in world.fences.chunks(500) {
        let values: Vec<String> = chunk
            .iter()
            .map(|(id, fence)| format!("({id}, 'SRID=4326;POLYGON(({}))')", ring(fence)))
            .collect();
        let sql = format!("INSERT INTO bench_fences VALUES {}", values.join(","));
        connection.execute(query(AssertSqlSafe(sql))).await.unwrap();
    }
    for chunk in world.fixes.chunks(1_000) {
        let values: Vec<String> = chunk
            .iter()
            .map(|fix| format!("('SRID=4326;POINT({} {})')", fix.lng, fix.lat))
            .collect();
        let sql = format!("INSERT INTO bench_fixes VALUES {}", values.join(","));
        connection.execute(query(AssertSqlSafe(sql))).await.unwrap();
    }
    connection
        .execute("CREATE INDEX ON bench_fences USING gist (geom); ANALYZE bench_fences; ANALYZE bench_fixes")
        .await
        .unwrap();
}

/// The closed ring of a geofence as text.
fn ring(fence: &Drawn) -> String {
    let mut corners: Vec<(f64, f64)> = match fence {
        Drawn::Polygon { corners, .. } => corners.clone(),
        Drawn::Circle { center, radius_m } => (0..CORNERS)
            .map(|corner| {
                let bearing = f64::from(corner) / f64::from(CORNERS) * std::f64::consts::TAU;
                away(*center, *radius_m, bearing)
            })
            .collect(),
    };
    corners.extend(corners.first().copied());
    let words: Vec<String> = corners.iter().map(|(lng, lat)| format!("{lng} {lat}")).collect();
    words.join(",")
}

/// The place at a distance and bearing, on the sphere; longitude and latitude.
fn away(from: Position, distance_m: f64, bearing: f64) -> (f64, f64) {
    let (lat, lng, angle) = (from.lat.to_radians(), from.lng.to_radians(), distance_m / RADIUS_M);
    let there = (lat.sin() * angle.cos() + lat.cos() * angle.sin() * bearing.cos()).asin();
    let east = (bearing.sin() * angle.sin() * lat.cos()).atan2(angle.cos() - lat.sin() * there.sin());
    ((lng + east).to_degrees(), there.to_degrees())
}
