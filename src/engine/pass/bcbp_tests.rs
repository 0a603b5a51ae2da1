//! Bar codes of the resolution and of airlines, against the fields that others read from them.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use serde_json::Value;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/payloads/bcbp");

struct Sample {
    name: String,
    text: String,
    /// What its `.txt` says, in the order it stands there.
    fields: Vec<(String, String)>,
}

fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(SAMPLES).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let json: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let token = json[0]["reservedTicket"]["ticketToken"].as_str().unwrap();
        let wanted = std::fs::read_to_string(path.with_extension("txt")).unwrap();
        let fields = wanted.lines().filter_map(|line| line.trim().split_once(':'));
        samples.push(Sample {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            text: token.trim_start_matches("aztecCode:").to_owned(),
            fields: fields
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
        });
    }
    samples
}

/// The field as the samples print it; none for what the reader does not keep.
fn told(pass: &Bcbp, name: &str) -> Option<String> {
    let (leg, issue) = (&pass.legs[0], &pass.issue);
    let tag = |index: usize| issue.baggage_tags.get(index).cloned().unwrap_or_default();
    let security = |of: fn(&Security) -> String| pass.security.as_ref().map(of);
    Some(match name {
        "numberOfLegs" => pass.legs.len().to_string(),
        "passengerName" => pass.passenger.clone(),
        "electronicTicketIndicator" => if pass.electronic_ticket { "E" } else { "" }.to_owned(),
        "version" => pass.version.map_or("0".to_owned(), String::from),
        "passengerDescription" => issue.passenger_description.clone(),
        "sourceOfCheckin" => issue.check_in_source.clone(),
        "sourceOfBoardingPassIssuance" => issue.issuance_source.clone(),
        "yearOfIssue" => issue.date.map_or(0, |(year, _)| year).to_string(),
        "dayOfIssue" => issue.date.map_or(0, |(_, day)| day).to_string(),
        "documentType" => issue.document_type.clone(),
        "airlineDesignatorOfBoardingPassIssuer" => issue.airline.clone(),
        "baggageTagLicensePlateNumber1" => tag(0),
        "baggageTagLicensePlateNumber2" => tag(1),
        "baggageTagLicensePlateNumber3" => tag(2),
        "operatingCarrierPNRCode" => leg.booking.clone(),
        "fromCityAirportCode" => leg.from.clone(),
        "toCityAirportCode" => leg.to.clone(),
        "operatingCarrierDesignator" => leg.carrier.clone(),
        "flightNumber" => leg.flight.clone(),
        "dayOfFlight" => leg.day.to_string(),
        "compartmentCode" => leg.compartment.clone(),
        "seatNumber" => leg.seat.clone(),
        "checkinSequenceNumber" => leg.sequence.clone(),
        "passengerStatus" => leg.passenger_status.clone(),
        "airlineNumericCode" => leg.ticket.airline_code.clone(),
        "documentNumber" => leg.ticket.number.clone(),
        "selecteeIndicator" => leg.ticket.selectee.clone(),
        "internationalDocumentVerification" => leg.ticket.document_verification.clone(),
        "marketingCarrierDesignator" => leg.ticket.marketing_carrier.clone(),
        "frequentFlyerAirlineDesignator" => leg.ticket.frequent_flyer_airline.clone(),
        "frequenFlyerNumber" => leg.ticket.frequent_flyer_number.clone(),
        "idAdIndicator" => leg.ticket.id_ad.clone(),
        "freeBaggageAllowance" => leg.ticket.baggage_allowance.clone(),
        "fastTrack" => leg.ticket.fast_track.clone(),
        "Airline use section" => leg.airline_use.clone(),
        "type" => security(|security| security.kind.clone())?,
        "securityData" => security(|security| security.data.clone())?,
        "Date of flight" => leg
            .date(NaiveDate::from_ymd_opt(
                if issue.date.is_some() { 2011 } else { 2018 },
                8,
                1,
            )?)?
            .to_string(),
        _ => return None,
    })
}

#[test]
fn every_sample_reads_to_the_fields_it_is_known_to_have() {
    let samples = samples();
    assert_eq!(samples.len(), 7);
    for Sample { name, text, fields } in samples {
        let pass = Bcbp::read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut checked = 0;
        for (field, value) in fields {
            if let Some(told) = told(&pass, &field) {
                assert_eq!(told, value, "{name}: {field}");
                checked += 1;
            }
        }
        assert!(checked >= 36, "{name}: only {checked} fields");
    }
}

const ONE: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 326J001A0025 100";

#[test]
fn two_legs_are_read_one_after_the_other() {
    let two = "M2DESMARAIS/LUC       EABC123 YULFRAAC 0834 326J001A0025 106>50000DEF456 FRAGVALH 3664 327C012C0002 12E2A0140987654321 1AC AC 1234567890123    4PCNWQ^100";
    let pass = Bcbp::read(two).unwrap();
    assert_eq!(pass.legs.len(), 2);
    assert_eq!(
        (pass.legs[1].flight_name().as_str(), pass.legs[1].seat_name()),
        ("LH 3664", "12C")
    );
    assert_eq!(pass.legs[1].ticket.number, "0987654321");
    assert_eq!(pass.legs[1].airline_use, "WQ");
    assert_eq!(pass.security.unwrap().data, "");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let wrong = [
        (String::new(), 0, "format code"),
        (ONE.replacen('M', "S", 1), 0, "format code"),
        (ONE.replacen("M1", "M5", 1), 1, "number of legs"),
        (ONE.replacen("YUL", "Y1L", 1), 30, "from city airport code"),
        (ONE.replacen("326", "367", 1), 44, "date of flight"),
        (ONE.replacen(" 100", " 10Z", 1), 58, "size of the variable field"),
        (ONE.replacen(" 100", " 1FF", 1), 60, "variable field"),
        (format!("{ONE}?"), 60, "beginning of security data"),
        (format!("{ONE}^1FFabc"), 64, "security data"),
        (ONE[..40].to_owned(), 39, "flight number"),
        (ONE.replacen("LUC", "L\u{fc}C", 1), 13, "bar code"),
        (format!("M1{}", "A".repeat(2_000)), 0, "bar code"),
    ];
    for (text, position, field) in wrong {
        let error = Bcbp::read(&text).unwrap_err();
        assert_eq!((error.position, error.field), (position, field), "{text}: {error}");
    }
}

#[test]
fn the_day_of_a_flight_is_the_nearest_one() {
    let leg = Leg {
        day: 1,
        ..Leg::default()
    };
    let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
    assert_eq!(leg.date(day(2026, 12, 30)), Some(day(2027, 1, 1)));
    assert_eq!(leg.date(day(2026, 2, 1)), Some(day(2026, 1, 1)));
    let last = Leg {
        day: 366,
        ..Leg::default()
    };
    assert_eq!(
        last.date(day(2025, 1, 2)),
        Some(day(2024, 12, 31)),
        "only leap years have it"
    );
    assert_eq!(last.date(day(2026, 6, 1)), None);
}

#[test]
fn no_text_makes_it_panic() {
    for cut in 0..ONE.len() {
        let _ = Bcbp::read(&ONE[..cut]);
        let mut twisted = ONE.to_owned();
        twisted.insert(cut, '>');
        let _ = Bcbp::read(&twisted);
    }
}
