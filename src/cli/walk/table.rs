//! The picture of a walk in a terminal: time, person, what happened, and the verdict.

use crate::base::time::Timestamp;
use crate::cli::paint::{Paint, Tone};
use crate::engine::decision::ReasonCode;
use crate::walk::outcome::{Outcome, SeenDecision};
use chrono_tz::Tz;

/// One line of the picture; `rank` keeps cause before effect within one instant.
struct Line {
    at: Timestamp,
    rank: u8,
    user: String,
    what: String,
    tone: Tone,
    verdict: String,
}

/// Draws the outcome in the order of time, with the wall clock of `zone`.
pub fn draw(outcome: &Outcome, zone: Tz, paint: Paint) -> String {
    let mut lines = lines(outcome);
    lines.sort_by_key(|line| (line.at, line.rank));
    let wide = |read: fn(&Line) -> &String| lines.iter().map(|line| read(line).chars().count()).max().unwrap_or(0);
    let (user_wide, what_wide) = (wide(|line| &line.user), wide(|line| &line.what).min(48));
    let mut drawn = String::new();
    let mut day = None;
    for line in &lines {
        let local = line.at.with_timezone(&zone);
        if day != Some(local.date_naive()) {
            day = Some(local.date_naive());
            drawn.push_str(&paint.text(Tone::Strong, &format!("{} ({zone})\n", local.format("%A %-d %B %Y"))));
        }
        let time = paint.text(Tone::Faint, &local.format("%H:%M:%S").to_string());
        let verdict = paint.text(line.tone, &line.verdict);
        let row = format!(
            "  {time}  {:user_wide$}  {:what_wide$}  {verdict}",
            line.user, line.what
        );
        drawn.push_str(row.trim_end());
        drawn.push('\n');
    }
    drawn
}

fn lines(outcome: &Outcome) -> Vec<Line> {
    let moments = outcome.moments.iter().map(|moment| Line {
        at: moment.at,
        rank: 0,
        user: moment.user.clone(),
        what: format!("{} {}", moment.kind, moment.of.as_deref().unwrap_or_default()),
        tone: Tone::Plain,
        verdict: String::new(),
    });
    let refused = outcome.refused.iter().map(|refused| Line {
        at: refused.at,
        rank: 1,
        user: String::new(),
        what: format!("record {}", refused.record),
        tone: Tone::Bad,
        verdict: format!("refused: {}", refused.code),
    });
    let decisions = outcome.decisions.iter().map(decision);
    let messages = outcome.messages.iter().map(|message| Line {
        at: message.at,
        rank: 3,
        user: message.user.clone(),
        what: match message.channel {
            Some(channel) if message.device.is_empty() => format!("    by {}", channel.as_str()),
            Some(_) | None => format!("    on {}", message.device),
        },
        tone: Tone::Strong,
        verdict: format!("“{}” {}", message.title, message.body).trim_end().to_owned(),
    });
    moments.chain(refused).chain(decisions).chain(messages).collect()
}

fn decision(decision: &SeenDecision) -> Line {
    let facts: Vec<&str> = decision.facts.values().map(String::as_str).collect();
    let what = if facts.is_empty() {
        format!("  {}", decision.trigger)
    } else {
        format!("  {} ({})", decision.trigger, facts.join(", "))
    };
    let says = decision
        .says
        .as_deref()
        .map(|says| format!(" - {says}"))
        .unwrap_or_default();
    let tone = if decision.code == ReasonCode::Sent {
        Tone::Good
    } else if decision.code.is_waiting() {
        Tone::Open
    } else {
        Tone::Held
    };
    Line {
        at: decision.at,
        rank: 2,
        user: decision.user.clone(),
        what,
        tone,
        verdict: format!("{}{says}", decision.code.as_str()),
    }
}
