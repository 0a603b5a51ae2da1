//! Every track file of the test data with its counts, the generic formats, and files that lie.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn file(name: &str) -> TrackFile {
    let path = format!("{}/tests/data/tracks/{name}", env!("CARGO_MANIFEST_DIR"));
    read_track(name, &std::fs::read(path).unwrap()).unwrap()
}

fn fix(record: &RawRecord) -> &Fix {
    let RawBody::Fix(fix) = &record.body else {
        panic!("{record:?}")
    };
    fix
}

fn backwards(track: &Track) -> usize {
    track.records.windows(2).filter(|pair| pair[1].at < pair[0].at).count()
}

#[test]
fn every_file_has_the_counts_of_its_description() {
    // (file, tracks, points with a time, points refused)
    for (name, tracks, timed, refused) in [
        ("gpxpy/cerknicko-jezero.gpx", 1, 296, 0),
        ("gpxpy/korita-zbevnica.gpx", 1, 513, 358),
        ("gpxpy/around-visnjan-with-car.gpx", 1, 104, 0),
        ("gpxpy/Mojstrovka.gpx", 1, 184, 0),
        ("gpxpy/first_and_last_elevation.gpx", 1, 10, 0),
        ("gpxpy/track-with-less-sec-time.gpx", 1, 2, 0),
        ("gpxpy/track-with-empty-segment.gpx", 1, 9, 0),
        ("gpxpy/track-with-small-floats.gpx", 0, 0, 3),
        ("gpxpy/track_with_dilution_errors.gpx", 0, 0, 1),
        ("liverpool-bus/route14_outbound.csv", 8, 1_533, 0),
        ("barefoot/x0001-001.json", 1, 1_194, 0),
    ] {
        let read = file(name);
        let records: usize = read.tracks.iter().map(|track| track.records.len()).sum();
        assert_eq!(
            (read.tracks.len(), records, read.refused.len()),
            (tracks, timed, refused),
            "{name}"
        );
        assert!(
            read.refused
                .iter()
                .all(|refused| refused.code == "time_missing" && refused.position.starts_with("track ")),
            "{name}"
        );
        assert!(
            read.tracks
                .iter()
                .flat_map(|track| &track.records)
                .all(|record| record.at.is_some()),
            "{name}"
        );
        assert_eq!(read, file(name), "reading {name} again gives the same ids");
    }
}

#[test]
fn the_buses_stay_apart_and_keep_the_order_of_the_file() {
    let read = file("liverpool-bus/route14_outbound.csv");
    let vehicles: BTreeSet<_> = read.tracks.iter().map(|track| track.vehicle.clone().unwrap()).collect();
    assert_eq!((vehicles.len(), vehicles.contains("4716")), (8, true));
    let first = &read.tracks[0].records[0];
    assert_eq!(
        (first.at, fix(first).lat, fix(first).lng),
        ("2026-01-26T15:57:02Z".parse().ok(), 53.444_51, -2.925_173)
    );
    let without = read
        .tracks
        .iter()
        .flat_map(|track| &track.records)
        .filter(|record| fix(record).heading_deg.is_none())
        .count();
    assert_eq!(without, 399);
    let times = read
        .tracks
        .iter()
        .flat_map(|track| track.records.iter().map(|record| record.at.unwrap()));
    let (first, last) = (times.clone().min().unwrap(), times.max().unwrap());
    assert_eq!(
        (first.format("%H:%M").to_string(), last.format("%H:%M").to_string()),
        ("15:55".into(), "18:19".into())
    );
}

#[test]
fn broken_clocks_pass_as_they_are() {
    let mojstrovka = file("gpxpy/Mojstrovka.gpx");
    let of_1901 =
        |record: &RawRecord| record.at.unwrap().format("%Y-%m-%dT%H:%M:%S").to_string() == "1901-12-13T20:45:52";
    assert!(mojstrovka.tracks[0].records.iter().all(of_1901));
    assert_eq!(backwards(&file("gpxpy/first_and_last_elevation.gpx").tracks[0]), 1);
    let fractions = file("gpxpy/track-with-less-sec-time.gpx");
    assert_eq!(
        fractions.tracks[0].records[1].at,
        "2015-12-11T14:43:13.994Z".parse().ok()
    );
}

#[test]
fn the_car_of_munich_reads_longitude_first_and_its_zone() {
    let read = file("barefoot/x0001-001.json");
    let track = &read.tracks[0];
    assert_eq!(track.vehicle.as_deref(), Some("\\x0001"));
    assert_eq!(track.records[0].at, "2014-09-10T04:54:07Z".parse().ok());
    assert!(
        (11.433..=11.565).contains(&fix(&track.records[0]).lng)
            && (48.124..=48.165).contains(&fix(&track.records[0]).lat)
    );
    let millis = br#"[{"point": "POINT (11.5 48.1)", "time": 1410324847000, "id": "a"}]"#;
    assert_eq!(
        read_track("a.json", millis).unwrap().tracks[0].records[0].at,
        "2014-09-10T04:54:07Z".parse().ok()
    );
}

#[test]
fn dilution_becomes_accuracy_and_points_are_named_by_their_place() {
    let gpx = br#"<gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
        <trkpt lat="48.2" lon="16.37"><ele>150</ele><time>2026-05-04T12:00:00Z</time><hdop>2.5</hdop></trkpt>
        <trkpt lat="48.3" lon="16.37"/></trkseg></trk></gpx>"#;
    let read = read_track("walk.GPX", gpx).unwrap();
    let first = fix(&read.tracks[0].records[0]);
    assert_eq!(
        (first.accuracy_m, first.altitude_m, first.source.as_deref()),
        (Some(12.5), Some(150.0), Some("track"))
    );
    assert_eq!(read.refused[0].position, "track 1, segment 1, point 2/time");
}

#[test]
fn generic_csv_takes_the_plain_names_and_refuses_by_line() {
    let csv = "\u{feff}AT, lat ,lng,accuracy_m,speed\n2026-05-04T12:00:00Z,48.2,16.37,12,1.5\n,48.2,16.37,,\nnoon,48.2,16.37,,\n\
               2026-05-04T12:00:01Z,,16.37,,\n2026-05-04T12:00:01Z,NaN,16.37,,\n1777896002,48.2,16.37,-1,-1\n2026-05-04T12:00:03Z\n";
    let read = read_track("a.csv", csv.as_bytes()).unwrap();
    let [first, last] = &read.tracks[0].records[..] else {
        panic!("{read:?}")
    };
    assert_eq!((fix(first).accuracy_m, fix(first).speed_mps), (Some(12.0), Some(1.5)));
    assert_eq!(
        (fix(last).accuracy_m, fix(last).speed_mps, last.at),
        (None, None, "2026-05-04T12:00:02Z".parse().ok())
    );
    let refused: Vec<_> = read
        .refused
        .iter()
        .map(|refused| (refused.position.as_str(), refused.code))
        .collect();
    assert_eq!(
        refused,
        [
            ("line 3/timestamp", "time_missing"),
            ("line 4/at", "time_invalid"),
            ("line 5/lat", "position_missing"),
            ("line 6/lat", "number_invalid"),
            ("line 8/lat", "position_missing"),
        ]
    );
    let headless = read_track("a.csv", b"48.2,16.37\n").unwrap_err();
    assert_eq!(headless.code, "csv_header");
}

#[test]
fn geojson_points_and_lines_with_times() {
    let points = br#"{"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [16.37, 48.2, 150]}, "properties": {"time": "2026-05-04T12:00:00Z", "accuracy": 8, "device_id": "a"}},
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [16.37, 48.2]}, "properties": {"at": 1777896001, "device_id": "b"}},
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [16.37, 48.2]}, "properties": {}},
        {"type": "Feature", "geometry": null, "properties": null},
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": ["x", 1]}, "properties": {"at": 1}}]}"#;
    let read = read_track("a.geojson", points).unwrap();
    let vehicles: Vec<_> = read.tracks.iter().map(|track| track.vehicle.as_deref()).collect();
    assert_eq!(
        (vehicles, fix(&read.tracks[0].records[0]).accuracy_m),
        (vec![Some("a"), Some("b")], Some(8.0))
    );
    let refused: Vec<_> = read
        .refused
        .iter()
        .map(|refused| (refused.position.as_str(), refused.code))
        .collect();
    assert_eq!(
        refused,
        [
            ("/features/2/properties/timestamp", "time_missing"),
            ("/features/3/geometry", "geometry_unsupported"),
            ("/features/4/geometry/coordinates/0", "number_invalid"),
        ]
    );
    let line = br#"{"type": "Feature", "geometry": {"type": "LineString", "coordinates": [[16.37, 48.2], [16.38, 48.2], [16.39, 48.2]]},
        "properties": {"coordTimes": ["2026-05-04T12:00:00Z", null]}}"#;
    let read = read_track("a.json", line).unwrap();
    assert_eq!(
        (read.tracks[0].records.len(), read.refused.len(), read.refused[0].code),
        (1, 2, "time_missing")
    );
}

#[test]
fn files_that_cannot_be_read_say_why() {
    for (name, bytes, code) in [
        ("a.txt", &b""[..], "format_unknown"),
        ("noending", b"", "format_unknown"),
        ("a.gpx", b"<gpx><trk>", "gpx_invalid"),
        ("a.gpx", b"", "gpx_invalid"),
        ("a.csv", b"", "csv_header"),
        ("a.csv", b"time,lat,lon\n\xff\xfe,1,2\n", "csv_invalid"),
        ("a.json", b"7", "json_shape"),
        ("a.json", b"{\"type\": \"Topology\"}", "json_shape"),
        ("a.geojson", b"{", "body_not_json"),
    ] {
        let error = read_track(name, bytes).unwrap_err();
        assert_eq!((error.code, error.file.as_str()), (code, name), "{error}");
    }
    let large = vec![b' '; limits::IMPORT_BYTES_MAX + 1];
    assert_eq!(read_track("a.csv", &large).unwrap_err().code, "file_too_large");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,60}") {
        for ending in ["gpx", "csv", "json", "geojson"] {
            let _ = read_track(&format!("a.{ending}"), &bytes);
            let _ = read_track(&format!("a.{ending}"), text.as_bytes());
        }
        let csv = format!("time,lat,lon\n{text}\n");
        let _ = read_track("a.csv", csv.as_bytes());
        let point = format!("<gpx version=\"1.1\" creator=\"t\"><trk><trkseg><trkpt lat=\"1\" lon=\"2\"><time>{text}</time></trkpt></trkseg></trk></gpx>");
        let _ = read_track("a.gpx", point.as_bytes());
        let _ = read_track("a.json", serde_json::json!([{ "point": text, "time": text }]).to_string().as_bytes());
    }
}
