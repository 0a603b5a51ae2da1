// Plain words for what the engine decided and noticed: pure functions, one sentence for every reason code.

/** How a verdict looks and begins. `sent` is good news, `wait` is open, `held` is a silence with a reason, `fault` needs somebody. */
export const TONES = {
    sent: { lead: "Sent", label: "Sent" },
    wait: { lead: "Waiting", label: "Waiting" },
    held: { lead: "Held back", label: "Held back" },
    fault: { lead: "Could not send", label: "Fault" },
};

/** Every reason code: its tone, its sentence when the trace says nothing better, and two or three words for the counts. */
export const CODES = {
    sent: ["sent", "the message went out", "Sent"],
    holdout: ["held", "this person is in the holdout group, kept silent to measure the effect", "Holdout group"],
    waiting_fact: ["wait", "a fact the message needs is not there yet", "Waiting for a fact"],
    waiting_time: ["wait", "the right time has not come yet", "Waiting for the time"],
    no_consent: ["held", "this person has not agreed to such messages", "No consent"],
    no_permission: ["held", "the phone does not allow notifications", "No permission"],
    opted_out: ["held", "this person opted out", "Opted out"],
    no_token: ["held", "no phone of this person can receive a push yet", "No reachable phone"],
    no_fact: ["held", "there is no matching fact for this person, such as a stay or a flight", "No matching fact"],
    fact_inactive: ["held", "the fact is not active any more, or not yet", "Fact not active"],
    condition_false: ["held", "the condition did not hold", "Condition not met"],
    condition_error: ["fault", "the condition could not be worked out", "Condition failed"],
    missing_data: ["held", "a value the message needs is missing", "Missing value"],
    not_inside: ["held", "the person is not in the place any more", "Not inside"],
    low_accuracy: ["held", "the position was too rough to be sure", "Position too rough"],
    implausible: ["held", "the phone jumped further than anybody can travel", "Implausible jump"],
    simulated: ["held", "the phone reported a made-up position", "Simulated position"],
    stale: ["held", "the news reached us too late to be useful", "Too old"],
    too_early: ["wait", "it is too early; the moment stays open", "Too early"],
    too_late: ["held", "it is too late for this message", "Too late"],
    outside_window: ["held", "the moment lies outside the time window of the trigger", "Outside the window"],
    hours_closed: ["held", "the place is closed at this hour", "Closed"],
    quiet_deferred: ["wait", "it is quiet hours; the moment is looked at again when they end", "Quiet hours"],
    quiet_expired: ["held", "the message would not have outlived the quiet hours", "Lost to quiet hours"],
    cap: ["held", "this person has had enough messages for now", "Message cap"],
    cooldown: ["held", "the last message of this trigger is too recent", "Cool-down"],
    already_done: ["held", "this was already said once", "Already said"],
    superseded: ["held", "a more important message took its place", "Superseded"],
    render_error: ["fault", "the message could not be written from its template", "Template failed"],
    provider_error: ["fault", "the push service refused the message", "Provider refused"],
    expired: ["held", "the time to say it ran out", "Expired"],
    cancelled: ["held", "the reason to say it went away", "Cancelled"],
    erased: ["held", "this person asked to be forgotten", "Erased"],
    paused: ["held", "the trigger is paused", "Paused"],
};

const STEPS = {
    facts: "Facts",
    condition: "Condition",
    inside: "Still inside",
    wait: "Wait",
    pause: "Trigger is live",
    consent: "Consent",
    plausibility: "Plausible position",
    staleness: "Fresh enough",
    window: "Time window",
    schedule: "Opening hours",
    once_key: "Not said before",
    cooldown: "Cool-down",
    cap: "Message cap",
    quiet_hours: "Quiet hours",
    priority: "Priority",
    replaces: "Replaces an earlier message",
    holdout: "Holdout group",
    compose: "Write the message",
};

/** The tone of a code; a code this page does not know yet counts as held back. */
export function toneOf(code) {
    return CODES[code]?.[0] ?? "held";
}

/** Two or three words for a code: `condition_false` is "Condition not met". */
export function shortOf(code) {
    return CODES[code]?.[2] ?? sentenceCase(String(code));
}

/** The name of a step of the judgement. */
export function stepName(step) {
    return STEPS[step] ?? sentenceCase(String(step));
}

/** `quiet_hours` to "Quiet hours". */
export function sentenceCase(word) {
    const text = word.replace(/[_-]+/g, " ").trim();
    return text ? text[0].toUpperCase() + text.slice(1) : "";
}

/** A sentence made ready to stand after a colon: no full stop, a small first letter unless it is a name or a code. */
export function clause(sentence) {
    const text = String(sentence ?? "")
        .trim()
        .replace(/\.+$/, "");
    return /^(A|An|The|This|It|There|No|Not|In|Is|Was|Has|Quiet|Still|Already|Too)\b/.test(text)
        ? text[0].toLowerCase() + text.slice(1)
        : text;
}

/** The step that settled the decision: the last that did not pass. */
export function settling(decision) {
    const trace = Array.isArray(decision.trace) ? decision.trace : [];
    return trace.findLast((step) => !step.passed) ?? null;
}

/** The verdict: its tone, its first word and the rest. `shown` is the text of the message when it is known. */
export function verdict(decision, shown = null) {
    const tone = toneOf(decision.code);
    const lead = TONES[tone].lead;
    const standard = CODES[decision.code]?.[1] ?? sentenceCase(String(decision.code)).toLowerCase();
    if (tone === "sent") return { tone, lead: decision.late ? "Sent late" : lead, rest: shown || standard };
    const said = settling(decision)?.says;
    const rest = said ? clause(plainer(said)) : standard;
    // "Waiting until …" is a sentence of its own; "Waiting: Waits until …" would be none.
    return rest.startsWith("Waits ") && tone === "wait" ? { tone, lead, joint: " ", rest: rest.slice(6) } : { tone, lead, rest };
}

/** `stay.hotel_id` to "the stay’s hotel", and the id of a thing to the thing itself. */
function ownWords(owner, field) {
    const bare = field.replace(/_?id$/, "").replace(/_/g, " ");
    return bare === "" || bare === "external" ? `the ${owner}` : `the ${owner}’s ${bare}`;
}

/** The verdict as one line. */
export function sentence(decision, shown = null) {
    const { lead, joint = ": ", rest } = verdict(decision, shown);
    return `${lead}${joint}${rest}`;
}

/** What a step says, with spans and simple comparisons in plain words; what is not simple stays as it was written. */
export function plainer(says) {
    return String(says ?? "")
        .replace(/^Waits for (P[\dDTHMS.]+) to pass$/, (_, span) => `Waits ${spanWords(span)}`)
        .replace(
            /^`([a-z]\w*)\.(\w+) == ([a-z]\w*)\.(\w+)` does not hold$/,
            (_, owner, field, other, its) => `${ownWords(owner, field)} is not ${ownWords(other, its)}`,
        )
        .replace(
            /`([a-z]\w*)\.(\w+) == '([^'`]*)'`/,
            (_, owner, field, value) => `the ${owner}’s ${field.replace(/_/g, " ")} is ${value.replace(/_/g, " ")}`,
        );
}

/** What was noticed, in the past tense: "entered Grand Hyatt". */
export function momentWords(moment) {
    const place = moment.place?.name || moment.place?.external_id || "a place";
    switch (moment.kind) {
        case "entered":
            return `entered ${place}`;
        case "exited":
            return `left ${place}`;
        case "dwelled":
            return `stayed ${spanWords(moment.for)} at ${place}`.replace("  ", " ");
        case "event":
            // The person's name travels beside the event's own name only when the stream says so.
            return moment.event
                ? `did “${sentenceCase(String(moment.event)).toLowerCase()}”`
                : "did something in the app";
        case "fact": {
            const kind = moment.fact?.type ? `${moment.fact.type} ${moment.fact.key}` : "a fact";
            return `${kind} ${{ created: "was created", changed: "changed", ended: "ended" }[moment.becomes] ?? "changed"}`;
        }
        default:
            return sentenceCase(String(moment.kind ?? "moment")).toLowerCase();
    }
}

/** `PT1H30M` to "1 h 30 min". Other text is given back. */
export function spanWords(span) {
    const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?$/.exec(String(span ?? ""));
    if (!match) return String(span ?? "");
    const names = ["d", "h", "min", "s"];
    return match
        .slice(1)
        .flatMap((n, i) => (n && Number(n) ? [`${Number(n)} ${names[i]}`] : []))
        .join(" ");
}

/** Units that the engine writes at the end of a name, and how people write them. */
const UNITS = { _m: " m", _s: " s", _ms: " ms", _mps: " m/s" };

/**
 * The values of a step as rows of name and text, at most `rows_max`. Nested objects become `stay.hotel_id`, as conditions
 * name them; a plain name becomes words. `when` writes an instant.
 */
export function valueRows(values, rows_max = 14, when = (instant) => instant) {
    const rows = [];
    const walk = (name, value, depth) => {
        if (rows.length >= rows_max) return;
        if (value && typeof value === "object" && !Array.isArray(value) && depth < 4) {
            for (const [key, inner] of Object.entries(value)) walk(name ? `${name}.${key}` : key, inner, depth + 1);
            return;
        }
        const unit = typeof value === "number" ? Object.keys(UNITS).find((end) => name.endsWith(end)) : undefined;
        const bare = unit ? name.slice(0, -unit.length) : name;
        const label = bare.includes(".") ? bare : sentenceCase(bare || "value");
        rows.push([label, valueText(value, when) + (unit ? UNITS[unit] : "")]);
    };
    if (values !== null && values !== undefined) walk("", values, 0);
    return rows;
}

function valueText(value, when) {
    if (value === null || value === undefined) return "none";
    if (value === true) return "yes";
    if (value === false) return "no";
    if (typeof value === "number") return String(Math.round(value * 1000) / 1000);
    if (Array.isArray(value)) {
        return value.length
            ? value
                  .map((each) => valueText(each, when))
                  .join(", ")
                  .slice(0, 160)
            : "none";
    }
    if (typeof value === "object") return "…";
    if (value === "") return "empty";
    if (/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(value)) return when(value) || value;
    return (/^P(?=.)[\dDTHMS.]+$/.test(value) && spanWords(value)) || String(value).slice(0, 160);
}

/** What a delivery came to, for the foot of a message. */
export function deliveryWords(state, why) {
    const words = {
        queued: "Queued",
        sending: "Sending",
        accepted: "Accepted",
        received: "Received",
        displayed: "Displayed",
        opened: "Opened",
        failed: "Not delivered",
        expired: "Expired",
        cancelled: "Withdrawn",
    };
    const word = words[state] ?? sentenceCase(String(state ?? ""));
    return why ? `${word}: ${why}` : word;
}
