//! The card: what a pass shows, from the present facts, laid out once for the page, Apple Wallet and Google Wallet.

use super::words::Words;
use super::{BAR_CODE, Bcbp, Leg, Symbology};
use crate::base::limits;
use crate::base::time::Timestamp;
use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

/// The property of a fact that opens a door; a fact with one has a pass even without a bar code.
const ROOM: &str = "room";

/// What a fact's pass is made from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The key of the fact, for a pass that has no better name.
    pub key: &'a str,
    pub properties: &'a Map<String, Value>,
    pub valid_to: Option<Timestamp>,
    pub changed_at: Timestamp,
    /// Instants in UTC are shown in this zone; those with an offset as they stand.
    pub zone: Tz,
    /// BCP 47; what the person reads.
    pub locale: Option<&'a str>,
}

/// What a pass shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// With a boarding pass; none for a room or an entry.
    pub flight: Option<Flight>,
    /// `AC 834`, `Room 407`.
    pub title: String,
    pub header: Vec<Line>,
    pub primary: Vec<Line>,
    pub secondary: Vec<Line>,
    pub auxiliary: Vec<Line>,
    /// What stands on the back.
    pub back: Vec<Line>,
    /// What the reader at the gate is shown, and how it is drawn.
    pub bar_code: Option<(String, Symbology)>,
    /// When a wallet should bring it up by itself.
    pub relevant_at: Option<DateTime<FixedOffset>>,
    pub ends_at: Option<Timestamp>,
}

/// The flight of a boarding pass, for those who want it in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    pub carrier: String,
    /// Without leading zeros.
    pub number: String,
    pub from: String,
    pub to: String,
    pub passenger: String,
    pub booking: String,
    pub departs_at: Option<DateTime<FixedOffset>>,
    pub boarding_at: Option<DateTime<FixedOffset>>,
    pub date: Option<NaiveDate>,
    /// The day in the bar code, which no delay moves.
    pub scheduled_on: Option<NaiveDate>,
    pub gate: Option<String>,
    pub terminal: Option<String>,
    pub seat: Option<String>,
    pub sequence: Option<String>,
}

/// One thing a pass shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Stable: `gate`.
    pub key: &'static str,
    /// In the reader's language: `Gate`.
    pub label: &'static str,
    pub said: Said,
}

/// The value of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Text(String),
    /// The time on the wall where it happens.
    Time(DateTime<FixedOffset>),
    Moment(DateTime<FixedOffset>),
    Day(NaiveDate),
}

impl Said {
    /// As a person reads it.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Time(at) => at.format("%H:%M").to_string(),
            Self::Moment(at) => at.format("%Y-%m-%d %H:%M").to_string(),
            Self::Day(day) => day.format("%Y-%m-%d").to_string(),
        }
    }
}

/// Do these properties make a pass? Those with a bar code or a room do.
pub fn makes_pass(properties: &Map<String, Value>) -> bool {
    bar_code(properties).is_some() || text(properties, ROOM).is_some()
}

/// The bar code of these properties, if one could be drawn.
pub fn bar_code(properties: &Map<String, Value>) -> Option<&str> {
    let code = properties.get(BAR_CODE)?.as_str()?;
    (!code.trim().is_empty() && code.len() <= limits::BAR_CODE_BYTES_MAX).then_some(code)
}

impl Card {
    /// The card of a fact; none when nothing in it makes a pass.
    pub fn of(source: &Source<'_>) -> Option<Self> {
        let code = bar_code(source.properties);
        let boarding = code.and_then(|code| Bcbp::read(code).ok().map(|pass| (code, pass)));
        match boarding {
            Some((code, pass)) => boarding_card(source, code, &pass),
            None if makes_pass(source.properties) => Some(door_card(source, code)),
            None => None,
        }
    }

    /// Every line, front before back.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        let front = [&self.header, &self.primary, &self.secondary, &self.auxiliary];
        front.into_iter().chain([&self.back]).flatten()
    }

    /// What this line says, if the card has it.
    pub fn line(&self, key: &str) -> Option<String> {
        self.lines().find(|line| line.key == key).map(|line| line.said.text())
    }
}

/// The day a boarding pass without a year is nearest to: when it departs, or else when we heard of it.
pub fn near(properties: &Map<String, Value>, changed_at: Timestamp) -> NaiveDate {
    let departs_at = properties.get("departs_at").and_then(Value::as_str);
    let departs_at = departs_at.and_then(|text| text.parse::<DateTime<Utc>>().ok());
    departs_at.unwrap_or(changed_at).date_naive()
}

fn flight_of(source: &Source<'_>, pass: &Bcbp, leg: &Leg) -> Flight {
    let told = |name: &str| text(source.properties, name);
    let at = |name: &str| instant(source, name);
    let departs_at = at("departs_at");
    let scheduled_on = leg.date(near(source.properties, source.changed_at));
    let seat = told("seat").or_else(|| Some(leg.seat_name().to_owned()).filter(|seat| !seat.is_empty()));
    Flight {
        carrier: leg.carrier.clone(),
        number: leg.flight.trim_start_matches('0').to_owned(),
        from: told("from").unwrap_or_else(|| leg.from.clone()),
        to: told("to").unwrap_or_else(|| leg.to.clone()),
        passenger: readable(&pass.passenger),
        booking: leg.booking.clone(),
        date: departs_at.map(|at| at.date_naive()).or(scheduled_on),
        scheduled_on,
        departs_at,
        boarding_at: at("boarding_at"),
        gate: told("gate"),
        terminal: told("terminal"),
        seat,
        sequence: Some(leg.sequence.trim_start_matches('0').to_owned()).filter(|number| !number.is_empty()),
    }
}

fn boarding_card(source: &Source<'_>, code: &str, pass: &Bcbp) -> Option<Card> {
    let leg = pass.legs.first()?;
    let flight = flight_of(source, pass, leg);
    let lines = Lines(Words::of(source.locale));
    let say = |key: &'static str, text: Option<String>| lines.line(key, text.map(Said::Text));
    let status = text(source.properties, "status").map(|status| spoken(&status));
    let others = pass.legs.iter().skip(1).map(|leg| {
        let route = format!("{} {}–{} {}", leg.flight_name(), leg.from, leg.to, leg.seat_name());
        say("next_flight", Some(route.trim().to_owned()))
    });
    let back = [
        say(
            "booking",
            Some(flight.booking.clone()).filter(|booking| !booking.is_empty()),
        ),
        lines.line("arrives", instant(source, "arrives_at").map(Said::Moment)),
        say("status", status),
    ];
    Some(Card {
        title: leg.flight_name(),
        header: some([say("gate", flight.gate.clone()), say("seat", flight.seat.clone())]),
        primary: some([
            say("from", Some(flight.from.clone())),
            say("to", Some(flight.to.clone())),
        ]),
        secondary: some([
            say("passenger", Some(flight.passenger.clone())),
            say("flight", Some(leg.flight_name())),
        ]),
        auxiliary: some([
            lines.line("boarding", flight.boarding_at.map(Said::Time)),
            lines.line("departs", flight.departs_at.map(Said::Time)),
            lines.line("date", flight.date.map(Said::Day)),
            say("terminal", flight.terminal.clone()),
            say("sequence", flight.sequence.clone()),
        ]),
        back: some(back.into_iter().chain(others)),
        bar_code: Some((code.to_owned(), Symbology::Aztec)),
        relevant_at: flight.boarding_at.or(flight.departs_at),
        ends_at: source.valid_to,
        flight: Some(flight),
    })
}

fn door_card(source: &Source<'_>, code: Option<&str>) -> Card {
    let lines = Lines(Words::of(source.locale));
    let say = |key: &'static str, text: Option<String>| lines.line(key, text.map(Said::Text));
    let told = |name: &str| text(source.properties, name);
    let room = told(ROOM);
    let reference = told("number").unwrap_or_else(|| source.key.to_owned());
    let arrives_at = instant(source, "arrives_at");
    let title = match &room {
        Some(room) => format!("{} {room}", lines.0.label(ROOM)),
        None => reference.clone(),
    };
    Card {
        flight: None,
        title,
        header: Vec::new(),
        primary: some([say(ROOM, room.clone()).or_else(|| say("reference", Some(reference.clone())))]),
        secondary: some([
            lines.line("arrival", arrives_at.map(Said::Moment)),
            lines.line("departure", instant(source, "departs_at").map(Said::Moment)),
        ]),
        auxiliary: some([say("status", told("status").map(|status| spoken(&status)))]),
        back: some([room.and_then(|_| say("reference", Some(reference)))]),
        bar_code: code.map(|code| (code.to_owned(), Symbology::Qr)),
        relevant_at: arrives_at,
        ends_at: source.valid_to,
    }
}

/// Makes lines in one language.
struct Lines(Words);

impl Lines {
    fn line(&self, key: &'static str, said: Option<Said>) -> Option<Line> {
        let label = self.0.label(key);
        said.map(|said| Line { key, label, said })
    }
}

fn some(lines: impl IntoIterator<Item = Option<Line>>) -> Vec<Line> {
    lines.into_iter().flatten().collect()
}

/// A text or a number of the business; blank is none.
fn text(properties: &Map<String, Value>, name: &str) -> Option<String> {
    let text = match properties.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty() && text.chars().count() <= limits::PASS_TEXT_CHARS_MAX).then_some(text)
}

/// An instant as the wall shows it: with its own offset, or in the person's zone when the business speaks UTC.
fn instant(source: &Source<'_>, name: &str) -> Option<DateTime<FixedOffset>> {
    let text = source.properties.get(name)?.as_str()?;
    let at: DateTime<FixedOffset> = text.parse().ok()?;
    let is_utc = text.ends_with(['Z', 'z']);
    Some(if is_utc {
        at.with_timezone(&source.zone).fixed_offset()
    } else {
        at
    })
}

/// `DESMARAIS/LUC` as `LUC DESMARAIS`.
fn readable(name: &str) -> String {
    match name.split_once('/') {
        Some((family, given)) if !given.is_empty() => format!("{given} {family}"),
        Some((family, _)) => family.to_owned(),
        None => name.to_owned(),
    }
}

/// `checked_in` as `Checked in`.
fn spoken(word: &str) -> String {
    let spaced = word.replace('_', " ");
    let mut letters = spaced.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
#[path = "card_tests.rs"]
mod tests;
