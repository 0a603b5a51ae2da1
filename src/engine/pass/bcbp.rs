//! The bar code of a boarding pass (IATA Resolution 792, BCBP): read field by field, and checked.
//!
//! The text is the truth and is what a pass shows; reading it is for checking it before somebody stands at a gate with it, and for
//! the few fields a pass prints. It holds personal data, so nothing here is kept.

use crate::base::limits;
use chrono::{Datelike, NaiveDate};
use thiserror::Error;

/// Legs one bar code may hold.
const LEGS_MAX: u8 = 4;
const NAME_LEN: usize = 20;

/// What is wrong with a bar code, and where. The text itself is not quoted: it names a traveller.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at character {position}, {field}: {detail}")]
pub struct BcbpError {
    /// Characters before the field, from 0.
    pub position: usize,
    /// The field, in the words of the resolution.
    pub field: &'static str,
    pub detail: String,
}

/// A boarding pass as its bar code has it. Fields are trimmed; an empty one was left blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bcbp {
    /// As printed: `DESMARAIS/LUC`, cut after 20 characters.
    pub passenger: String,
    pub electronic_ticket: bool,
    pub legs: Vec<Leg>,
    /// Of the conditional part; none when it is missing.
    pub version: Option<char>,
    pub issue: Issue,
    pub security: Option<Security>,
}

/// How the pass was issued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issue {
    pub passenger_description: String,
    pub check_in_source: String,
    pub issuance_source: String,
    /// Last digit of the year and the day of the year.
    pub date: Option<(u16, u16)>,
    pub document_type: String,
    pub airline: String,
    pub baggage_tags: Vec<String>,
}

/// One flight.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leg {
    pub booking: String,
    pub from: String,
    pub to: String,
    pub carrier: String,
    /// With its leading zeros: `0834`.
    pub flight: String,
    /// Day of the year, from 1; the bar code names no year.
    pub day: u16,
    pub compartment: String,
    pub seat: String,
    pub sequence: String,
    pub passenger_status: String,
    pub ticket: Ticket,
    pub airline_use: String,
}

/// What a leg says about the ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticket {
    pub airline_code: String,
    pub number: String,
    pub selectee: String,
    pub document_verification: String,
    pub marketing_carrier: String,
    pub frequent_flyer_airline: String,
    pub frequent_flyer_number: String,
    pub id_ad: String,
    pub baggage_allowance: String,
    pub fast_track: String,
}

/// The signature at the end; who wants to trust the pass checks it with the airline's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    pub kind: String,
    pub data: String,
}

impl Bcbp {
    /// Reads a bar code. Blanks at its end may be missing, as printers trim them.
    ///
    /// # Errors
    /// The first field that is not as the resolution wants it.
    pub fn read(text: &str) -> Result<Self, BcbpError> {
        let mut reader = Reader::over(text)?;
        let format = reader.take("format code", 1)?;
        if format != "M" {
            return Err(reader.error("format code", "must be `M`".to_owned()));
        }
        let legs = reader.take("number of legs", 1)?;
        let Some(count) = legs.parse().ok().filter(|count| (1..=LEGS_MAX).contains(count)) else {
            return Err(reader.error("number of legs", format!("must be 1 to {LEGS_MAX}")));
        };
        let mut pass = Self {
            passenger: reader.trimmed("passenger name", NAME_LEN)?,
            electronic_ticket: reader.take("electronic ticket indicator", 1)? == "E",
            legs: Vec::new(),
            version: None,
            issue: Issue::default(),
            security: None,
        };
        if pass.passenger.is_empty() {
            return Err(reader.error("passenger name", "must not be blank".to_owned()));
        }
        for number in 0..count {
            let leg = pass.leg(&mut reader, number == 0, number + 1 == count)?;
            pass.legs.push(leg);
        }
        pass.security = security(&mut reader)?;
        Ok(pass)
    }

    fn leg(&mut self, reader: &mut Reader<'_>, is_first: bool, is_last: bool) -> Result<Leg, BcbpError> {
        let mut leg = Leg {
            booking: reader.trimmed("operating carrier PNR code", 7)?,
            from: reader.airport("from city airport code")?,
            to: reader.airport("to city airport code")?,
            carrier: reader.trimmed("operating carrier designator", 3)?,
            flight: reader.trimmed("flight number", 5)?,
            day: reader.day("date of flight", 3)?,
            ..Leg::default()
        };
        // From here on blanks may have been cut off the end of the last leg.
        reader.lenient = is_last;
        leg.compartment = reader.trimmed("compartment code", 1)?;
        leg.seat = reader.trimmed("seat number", 4)?;
        leg.sequence = reader.trimmed("check-in sequence number", 5)?;
        leg.passenger_status = reader.trimmed("passenger status", 1)?;
        let size = reader.size("size of the variable field")?;
        reader.lenient = false;
        let mut variable = reader.part("variable field", size)?;
        if is_first && variable.rest().starts_with('>') {
            variable.take("beginning of version number", 1)?;
            self.version = variable.take("version number", 1)?.chars().next();
            let size = variable.size("size of the unique conditional fields")?;
            self.issue = issue(&mut variable.part("unique conditional fields", size)?)?;
        }
        let has_ticket = self.version.is_some() && !variable.rest().is_empty();
        if has_ticket {
            let size = variable.size("size of the repeated conditional fields")?;
            leg.ticket = ticket(&mut variable.part("repeated conditional fields", size)?)?;
        }
        variable.rest().trim_end().clone_into(&mut leg.airline_use);
        Ok(leg)
    }
}

impl Leg {
    /// The day of the flight that is nearest to another day: the bar code names none but that of the year.
    pub fn date(&self, near: NaiveDate) -> Option<NaiveDate> {
        let of_year = |year| NaiveDate::from_yo_opt(year, u32::from(self.day));
        let years = near.year() - 1..=near.year() + 1;
        let dates = years.filter_map(of_year);
        dates.min_by_key(|date| (*date - near).abs())
    }

    /// `AC 834`, as people say it.
    pub fn flight_name(&self) -> String {
        format!("{} {}", self.carrier, self.flight.trim_start_matches('0'))
    }

    /// `1A` for `001A`.
    pub fn seat_name(&self) -> &str {
        self.seat.trim_start_matches('0')
    }
}

fn issue(part: &mut Reader<'_>) -> Result<Issue, BcbpError> {
    // Earlier versions of the resolution end earlier.
    part.lenient = true;
    let mut issue = Issue {
        passenger_description: part.trimmed("passenger description", 1)?,
        check_in_source: part.trimmed("source of check-in", 1)?,
        issuance_source: part.trimmed("source of issuance", 1)?,
        ..Issue::default()
    };
    let at = part.position();
    let date = part.trimmed("date of issue", 4)?;
    if !date.is_empty() {
        let parsed = date
            .split_at_checked(1)
            .and_then(|(year, day)| Some((year.parse().ok()?, day.parse().ok()?)));
        let valid = parsed.filter(|(_, day)| (1..=366).contains(day));
        issue.date = Some(valid.ok_or_else(|| BcbpError {
            position: at,
            field: "date of issue",
            detail: "must be a digit of the year and a day of the year".to_owned(),
        })?);
    }
    issue.document_type = part.trimmed("document type", 1)?;
    issue.airline = part.trimmed("airline of issue", 3)?;
    for field in ["baggage tag", "first further baggage tag", "second further baggage tag"] {
        let tag = part.trimmed(field, 13)?;
        if !tag.is_empty() {
            issue.baggage_tags.push(tag);
        }
    }
    Ok(issue)
}

fn ticket(part: &mut Reader<'_>) -> Result<Ticket, BcbpError> {
    part.lenient = true;
    Ok(Ticket {
        airline_code: part.trimmed("airline numeric code", 3)?,
        number: part.trimmed("document number", 10)?,
        selectee: part.trimmed("selectee indicator", 1)?,
        document_verification: part.trimmed("international document verification", 1)?,
        marketing_carrier: part.trimmed("marketing carrier designator", 3)?,
        frequent_flyer_airline: part.trimmed("frequent flyer airline designator", 3)?,
        frequent_flyer_number: part.trimmed("frequent flyer number", 16)?,
        id_ad: part.trimmed("ID/AD indicator", 1)?,
        baggage_allowance: part.trimmed("free baggage allowance", 3)?,
        fast_track: part.trimmed("fast track", 1)?,
    })
}

fn security(reader: &mut Reader<'_>) -> Result<Option<Security>, BcbpError> {
    if reader.rest().trim_end().is_empty() {
        return Ok(None);
    }
    let begin = reader.take("beginning of security data", 1)?;
    if begin != "^" {
        return Err(reader.error("beginning of security data", "must be `^`, or nothing".to_owned()));
    }
    let kind = reader.take("type of security data", 1)?.to_owned();
    let size = reader.size("length of security data")?;
    let data = reader.take("security data", size)?.to_owned();
    if !reader.rest().trim_end().is_empty() {
        return Err(reader.error("end", "nothing may follow the security data".to_owned()));
    }
    Ok(Some(Security { kind, data }))
}

/// Reads fields of fixed length, one after the other.
struct Reader<'a> {
    text: &'a str,
    /// Bytes already read of `text`; the text is ASCII, so they are characters as well.
    at: usize,
    /// Characters of the whole bar code before `text`.
    before: usize,
    field: usize,
    /// Missing characters at the end are blanks.
    lenient: bool,
}

impl<'a> Reader<'a> {
    fn over(text: &'a str) -> Result<Self, BcbpError> {
        let whole = |position, detail: String| BcbpError {
            position,
            field: "bar code",
            detail,
        };
        if text.len() > limits::BAR_CODE_BYTES_MAX {
            return Err(whole(
                0,
                format!("must have at most {} characters", limits::BAR_CODE_BYTES_MAX),
            ));
        }
        if let Some(at) = text.bytes().position(|byte| !(b' '..=b'~').contains(&byte)) {
            return Err(whole(at, "must be printable ASCII".to_owned()));
        }
        Ok(Self {
            text,
            at: 0,
            before: 0,
            field: 0,
            lenient: false,
        })
    }

    fn position(&self) -> usize {
        self.before + self.at
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// An error about the field read last.
    fn error(&self, field: &'static str, detail: String) -> BcbpError {
        BcbpError {
            position: self.before + self.field,
            field,
            detail,
        }
    }

    fn take(&mut self, field: &'static str, length: usize) -> Result<&'a str, BcbpError> {
        self.field = self.at;
        let rest = self.rest();
        if rest.len() < length && !self.lenient {
            let detail = format!("has {} of its {length} characters", rest.len());
            return Err(self.error(field, detail));
        }
        let taken = &rest[..length.min(rest.len())];
        self.at += taken.len();
        Ok(taken)
    }

    fn trimmed(&mut self, field: &'static str, length: usize) -> Result<String, BcbpError> {
        self.take(field, length).map(|text| text.trim().to_owned())
    }

    fn airport(&mut self, field: &'static str) -> Result<String, BcbpError> {
        let code = self.take(field, 3)?;
        if code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            Ok(code.to_owned())
        } else {
            Err(self.error(field, "must be three capital letters".to_owned()))
        }
    }

    fn day(&mut self, field: &'static str, length: usize) -> Result<u16, BcbpError> {
        let text = self.take(field, length)?;
        let day = text.trim().parse().ok().filter(|day| (1..=366).contains(day));
        day.ok_or_else(|| self.error(field, "must be a day of the year".to_owned()))
    }

    /// Two hexadecimal digits; blank counts as none.
    fn size(&mut self, field: &'static str) -> Result<usize, BcbpError> {
        let text = self.take(field, 2)?;
        if text.trim().is_empty() {
            return Ok(0);
        }
        let size = text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| usize::from_str_radix(text, 16).ok());
        size.flatten()
            .ok_or_else(|| self.error(field, "must be two hexadecimal digits".to_owned()))
    }

    /// The next characters, to be read by themselves.
    fn part(&mut self, field: &'static str, length: usize) -> Result<Reader<'a>, BcbpError> {
        let before = self.position();
        let text = self.take(field, length)?;
        Ok(Reader {
            text,
            at: 0,
            before,
            field: 0,
            lenient: false,
        })
    }
}

#[cfg(test)]
#[path = "bcbp_tests.rs"]
mod tests;
