// The scripted afternoon of the mock: four people at San Francisco International Airport. Pure: time goes in, events come out.

import { readFileSync, readdirSync } from "node:fs";

const FOLDER = new URL("../data/polygons/sfo/", import.meta.url);
export const START = Date.parse("2026-05-04T14:52:00-07:00");
export const PROJECT = { id: "prj_sfo", name: "Bayside Journeys", mode: "test" };
const TAGS = { airport: "airport", terminal: "terminal", boardingarea: "boarding", commonarea: "hall", checkpoint: "security", hotel: "hotel", bart: "transit", garage: "transit", building: "transit" };

/** The geofences as the API gives them. */
export const FENCES = readdirSync(FOLDER).sort().map((file) => {
  const feature = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
  const { properties, geometry } = feature;
  const name = properties["wof:name"];
  return { id: `fen_${properties["wof:id"]}`, name, tag: TAGS[properties["sfomuseum:placetype"]] ?? "place", external_id: String(properties["wof:id"]),
    geometry: { type: geometry.type, coordinates: geometry.coordinates }, radius_m: geometry.type === "Point" ? 28 : null, time_zone: "America/Los_Angeles", version: 1 };
});
const fence = (name) => FENCES.find((each) => each.name.includes(name));
const placeOf = (name) => {
  const { id, external_id, tag, name: full, version } = fence(name);
  return { id, external_id, tag, name: full, version };
};

/** Way points: seconds of the scenario, latitude, longitude, accuracy in metres. */
export const PEOPLE = [
  { user_id: "usr_ana", device_id: "dev_ana", name: "Ana Keller", platform: "ios",
    way: [[0, 37.61815, -122.39235, 22], [300, 37.61725, -122.3903, 14], [560, 37.6161, -122.3894, 12], [760, 37.61518, -122.3904, 16], [1000, 37.6141, -122.3927, 20], [1160, 37.6129, -122.39402, 18], [1800, 37.61284, -122.39397, 24]] },
  { user_id: "usr_ben", device_id: "dev_ben", name: "Ben Okafor", platform: "android",
    way: [[0, 37.61608, -122.39235, 30], [220, 37.6162, -122.3908, 18], [480, 37.6155, -122.38915, 12], [760, 37.61444, -122.38874, 10], [1040, 37.6135, -122.3889, 14], [1400, 37.6123, -122.3894, 12], [1800, 37.6121, -122.38955, 12]] },
  { user_id: "usr_cho", device_id: "dev_cho", name: "Cho Min-ji", platform: "ios",
    way: [[0, 37.61395, -122.38395, 16], [400, 37.61505, -122.3848, 20], [800, 37.61615, -122.38585, 55], [1200, 37.6164, -122.3862, 35], [1800, 37.61648, -122.3863, 30]] },
  { user_id: "usr_x3", device_id: "dev_x3", name: "", platform: "android",
    way: [[0, 37.6172, -122.3835, 25], [600, 37.6167, -122.3822, 18], [1200, 37.6162, -122.3816, 14], [1800, 37.616, -122.3814, 15]] },
];

/** Where a person is after `s` seconds of the scenario. */
export function positionAt(person, s) {
  const next = person.way.findIndex(([at]) => at > s);
  const [b, a] = next < 0 ? [person.way.at(-1), person.way.at(-1)] : [person.way[next], person.way[Math.max(0, next - 1)]];
  const t = b[0] === a[0] ? 1 : (s - a[0]) / (b[0] - a[0]);
  const sway = Math.sin(s / 37 + person.user_id.length * 2) * 0.00002;
  return { lat: a[1] + (b[1] - a[1]) * t + sway, lng: a[2] + (b[2] - a[2]) * t - sway, accuracy_m: Math.round(a[3] + (b[3] - a[3]) * t) };
}

const pass = (step, says, values) => ({ step, passed: true, says, ...(values ? { values } : {}) });
const stop = (step, says, values) => ({ step, passed: false, says, ...(values ? { values } : {}) });
const consent = pass("consent", "Service messages are allowed.", { purpose: "service", given_at: "2026-04-28T09:12:00Z" });
const fresh = pass("staleness", "The fix is 4 s old; 15 min are allowed.", { age_s: 4, max_age: "PT15M" });
const flight = pass("facts", "Flight FL1 is active.", { flight: { key: "FL1", number: "XY87", departs_at: "2026-05-05T00:10:00Z" } });

/** One moment with its decisions and pushes: `[second, person, kind, place name, [decision…]]`. */
const STORY = [
  [20, 2, "entered", "Terminal 1", [{ trigger: "pass-at-airport", code: "no_fact", facts: {}, trace: [stop("facts", "No active flight of this person.", { type: "flight", found: 0 })] }]],
  [60, 0, "entered", "Boarding Area G", [{ trigger: "welcome-arrivals", code: "sent", facts: { flight: ["flight", "FL9"] }, trace: [pass("facts", "Flight FL9 is active.", { flight: { key: "FL9", status: "landed" } }), consent, fresh, pass("compose", "Written in German.", { locale: "de" })],
    push: { title: "Willkommen in San Francisco", body: "Gepäckband 5. Ihr Hotel ist 12 Minuten entfernt.", tag: "flight:FL9" } }]],
  [240, 1, "entered", "Main Hall", [
    { trigger: "pass-at-airport", code: "sent", facts: { flight: ["flight", "FL1"] }, trace: [flight, pass("condition", "The flight leaves from here and Ben is checked in.", { "flight.from": "SFO", "place.external_id": "1947304205", "flight.checked_in": true }), consent, fresh, pass("once_key", "Not said before for FL1.", { key: "pass:FL1:ben" }), pass("holdout", "Drawn into the group that is spoken to.", { share: 0.1, drawn: 0.62 }), pass("compose", "Written in English.", { locale: "en" })],
      push: { title: "XY87 to New York", body: "Gate A9, boarding 16:20, seat 14C.", tag: "flight:FL1", sensitive: true, public_title: "Your boarding pass is ready", public_body: "Unlock to see gate and seat.", urgency: "high", actions: [{ id: "pass", title: "Show pass", link: "app://pass/FL1" }] } },
    { trigger: "lounge-offer", code: "cooldown", facts: {}, trace: [pass("condition", "Ben is in tier 2.", { "user.tier": 2 }), consent, stop("cooldown", "The last offer was 40 min ago; 6 h must pass.", { last_at: "2026-05-04T21:16:00Z", cooldown: "PT6H" })] }]],
  [420, 0, "entered", "International Terminal Main Hall", [{ trigger: "room-on-arrival", code: "condition_false", facts: { stay: ["stay", "ST1"] }, trace: [pass("facts", "Stay ST1 is active.", { stay: { key: "ST1", hotel_id: "1477856005", status: "booked" } }), stop("condition", "The stay is at another place.", { "place.external_id": "1947304205", "stay.hotel_id": "1477856005" })] }]],
  [520, 3, "entered", "Terminal 2", [{ trigger: "coffee-before-flight", code: "no_consent", facts: {}, trace: [pass("condition", "The coffee bar is open.", { "place.open": true }), stop("consent", "This person has not agreed to offers.", { purpose: "promo", given: false })] }]],
  [760, 1, "entered", "Security Checkpoint A", [{ trigger: "wait-at-security", code: "sent", facts: { flight: ["flight", "FL1"] }, trace: [flight, consent, fresh, pass("compose", "Written in English.", { locale: "en" })], push: { title: "Security takes about 6 minutes", body: "You have 52 minutes until boarding.", tag: "security" } }]],
  [880, 2, "entered", "Central Parking", [{ trigger: "find-my-car", code: "low_accuracy", facts: {}, trace: [stop("plausibility", "The position was good to 55 m only; this message needs 30 m.", { accuracy_m: 55, needed_m: 30 })] }]],
  [1000, 1, "fact", "flight FL1", [{ trigger: "gate-changed", code: "sent", facts: { flight: ["flight", "FL1"] }, trace: [flight, pass("replaces", "Takes the place of the boarding pass on the screen.", { tag: "flight:FL1" }), pass("compose", "Written in English.", { locale: "en" })],
    push: { title: "Gate changed: A11", body: "Boarding stays at 16:20. It is a 3 minute walk.", tag: "flight:FL1", urgency: "high", actions: [{ id: "way", title: "Show the way", link: "app://map/A11" }, { id: "ok", title: "OK" }] } }]],
  [1130, 0, "entered", "Grand Hyatt", [{ trigger: "room-on-arrival", code: "waiting_fact", until: 36000, facts: { stay: ["stay", "ST1"] }, trace: [pass("facts", "Stay ST1 is active.", { stay: { key: "ST1", status: "booked" } }), pass("condition", "The stay is at this hotel.", { "place.external_id": "1477856005", "stay.hotel_id": "1477856005" }), stop("wait", "The room is still being prepared.", { "stay.room_state": "cleaning", at_most: "PT10H" })] }]],
  [1300, 0, "fact", "stay ST1", [{ trigger: "room-on-arrival", code: "sent", facts: { stay: ["stay", "ST1"] }, trace: [pass("condition", "The stay is at this hotel.", { "place.external_id": "1477856005", "stay.hotel_id": "1477856005", "stay.status": "booked" }), pass("inside", "Ana is in the Grand Hyatt.", { p: 0.9987, evidence_age: "PT3M" }), pass("wait", "The room is ready.", { "stay.room_state": "ready" }), consent, pass("once_key", "Not said before for this stay.", { key: "ST1:ana" }), pass("compose", "Written in English.", { locale: "en" })],
    push: { title: "Your room is 1204", body: "Welcome, Ana. Your phone opens the door.", tag: "stay:ST1", sensitive: true, public_title: "Your room is ready", public_body: "Unlock to see your room.", urgency: "high", actions: [{ id: "key", title: "Open key", link: "app://stay/ST1/key" }, { id: "desk", title: "Front desk" }] } }]],
  [1420, 3, "dwelled", "Terminal 2", [{ trigger: "coffee-before-flight", code: "cap", facts: {}, trace: [consent, stop("cap", "Three messages in 24 h are enough.", { sent: 3, max: 3, per: "PT24H" })] }]],
];

/** Every event of the story in order: `{ s, name, body }`. */
export function script() {
  const events = [];
  STORY.forEach(([s, who, kind, where, decisions], i) => {
    const person = PEOPLE[who];
    const at = iso(s);
    const ids = { user_id: person.user_id, device_id: person.device_id };
    const what = kind === "fact" ? { fact: { type: where.split(" ")[0], key: where.split(" ")[1] }, becomes: "changed", fields: ["state"] } : { place: placeOf(where) };
    const { lat, lng } = positionAt(person, s);
    const moment = { id: `mom_${i}`, ...ids, occurred_at: at, noticed_at: at, kind, ...what, evidence: { probability: 0.97 }, name: person.name, lat, lng };
    if (kind === "dwelled") moment.for = "PT15M";
    events.push({ s, name: "moment", body: moment });
    decisions.forEach((decision, j) => events.push(...judged(decision, `${i}${j}`, s + 1, person, moment)));
  });
  return events;
}

function judged({ push, trigger, code, facts, trace, until }, id, s, person, moment) {
  const refs = Object.fromEntries(Object.entries(facts).map(([name, [type, key]]) => [name, { type, key }]));
  const message_id = push ? `msg_${id}` : null;
  const body = { id: `dec_${id}`, user_id: person.user_id, name: person.name, moment_id: moment.id, trigger_id: `trg_${trigger}`, trigger, revision: 3, facts: refs, code,
    decided_at: iso(s), until: until ? iso(s + until) : null, message_id, late: false, trace };
  const events = [{ s, name: "decision", body }];
  if (!push) return events;
  const shown = { locale: "en", sensitive: false, public_title: null, public_body: null, link: null, image: null, actions: [], urgency: "normal", ...push };
  const ids = { delivery_id: `dly_${id}`, message_id, device_id: person.device_id, user_id: person.user_id };
  events.push({ s: s + 1, name: "push", body: { ...ids, name: person.name, platform: person.platform, at: iso(s + 1), channel: "tray", shown } });
  events.push({ s: s + 2, name: "delivery", body: { id: ids.delivery_id, message_id, device_id: person.device_id, state: "displayed", why: null } });
  return events;
}

export const iso = (s) => new Date(START + s * 1000).toISOString();
