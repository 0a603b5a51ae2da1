//! A disturbed walk that was saved runs by itself, as it was.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests may panic and look at one kind of step alone"
)]

use super::*;
use crate::cli::paint::Paint;

const OUT: Out = Out {
    json: false,
    paint: Paint::OFF,
};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/walks/hotel-arrival")
}

fn arguments(path: PathBuf) -> SimulateArguments {
    SimulateArguments {
        path,
        seed: 7,
        noise: None,
        offline: Vec::new(),
        skew: Vec::new(),
        track: Vec::new(),
        save: None,
    }
}

fn devices() -> Vec<String> {
    let walk = load(&example()).unwrap();
    let devices = walk
        .users
        .iter()
        .flat_map(|user| user.devices.iter().map(|device| device.id.clone()));
    devices.collect()
}

#[test]
fn a_saved_simulation_runs_as_it_ran() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("noisy");
    let mut asked = arguments(example());
    asked.noise = Some(15.0);
    asked.skew = vec![skew(&format!("{}=-PT3H", devices()[0])).unwrap()];
    asked.save = Some(saved.clone());
    run(&asked, OUT).unwrap();
    run(&arguments(saved), OUT).unwrap();
    let again = run(&asked, OUT).unwrap_err();
    assert!(format!("{again:?}").contains("is there already"), "{again:?}");
}

#[test]
fn a_device_follows_a_track_from_the_walks_first_step_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ana.csv");
    std::fs::write(
        &file,
        "time,lat,lng,accuracy\n2019-01-01T00:00:00Z,48.2,16.37,5\n2019-01-01T00:00:30Z,48.3,16.37,\n",
    )
    .unwrap();
    let mut walk = load(&example()).unwrap();
    let first = walk.steps[0].at;
    follow(&mut walk, &devices()[0], &file.display().to_string()).unwrap();
    let path = walk.steps.iter().find_map(|step| match &step.act {
        crate::walk::format::Act::Path(path) => Some(path),
        _ => None,
    });
    let points = &path.unwrap().points;
    assert_eq!(points[0].at, Some(first));
    assert_eq!(points[1].at, Some(first + chrono::TimeDelta::seconds(30)));
    assert_eq!((points[0].accuracy_m, points[1].accuracy_m), (Some(5.0), None));
    let dated = format!("{}@2026-05-04T12:00:00Z", file.display());
    let mut walk = load(&example()).unwrap();
    follow(&mut walk, "d1", &dated).unwrap();
    assert!(
        walk.steps
            .iter()
            .any(|step| step.at.to_rfc3339() == "2026-05-04T12:00:00+00:00")
    );
}

#[test]
fn arguments_that_cannot_be_read_say_how_to_write_them() {
    assert!(offline("d1").unwrap_err().contains("DEVICE="));
    assert!(offline("d1=yesterday").unwrap_err().contains("FROM/TO"));
    assert!(offline("d1=yesterday/today").unwrap_err().contains("RFC 3339"));
    assert!(skew("d1=3h").unwrap_err().contains("-PT3H"));
    let mut asked = arguments(example());
    asked.offline = vec![offline("nobody=2026-05-04T12:00:00Z/2026-05-04T13:00:00Z").unwrap()];
    let told = format!("{:?}", run(&asked, OUT).unwrap_err());
    assert!(told.contains("no device `nobody`"), "{told}");
}
