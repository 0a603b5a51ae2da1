// The scripted afternoon of the mock: four people at San Francisco International Airport. Pure: time goes in, events come out.

import { readFileSync, readdirSync } from "node:fs";
import { STORY } from "./story.mjs";

const FOLDER = new URL("../data/polygons/sfo/", import.meta.url);
export const START = Date.parse("2026-05-04T14:52:00-07:00");
export const PROJECT = { id: "prj_sfo", name: "Bayside Journeys", mode: "test" };
const TAGS = {
    airport: "airport",
    terminal: "terminal",
    boardingarea: "boarding",
    commonarea: "hall",
    checkpoint: "security",
    hotel: "hotel",
    bart: "transit",
    garage: "transit",
    building: "transit",
};

/** The geofences as the API gives them. */
export const FENCES = readdirSync(FOLDER)
    .sort()
    .map((file) => {
        const feature = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
        const { properties, geometry } = feature;
        const name = properties["wof:name"];
        return {
            id: `fen_${properties["wof:id"]}`,
            name,
            tag: TAGS[properties["sfomuseum:placetype"]] ?? "place",
            external_id: String(properties["wof:id"]),
            geometry: { type: geometry.type, coordinates: geometry.coordinates },
            radius_m: geometry.type === "Point" ? 28 : null,
            time_zone: "America/Los_Angeles",
            version: 1,
        };
    });
const fence = (name) => FENCES.find((each) => each.name.includes(name));
const placeOf = (name) => {
    const { id, external_id, tag, name: full, version } = fence(name);
    return { id, external_id, tag, name: full, version };
};

/** Way points: seconds of the scenario, latitude, longitude, accuracy in metres. */
export const PEOPLE = [
    {
        user_id: "usr_ana",
        device_id: "dev_ana",
        name: "Ana Keller",
        platform: "ios",
        way: [
            [0, 37.61815, -122.39235, 22],
            [300, 37.61725, -122.3903, 14],
            [560, 37.6161, -122.3894, 12],
            [760, 37.61518, -122.3904, 16],
            [1000, 37.6141, -122.3927, 20],
            [1160, 37.6129, -122.39402, 18],
            [1800, 37.61284, -122.39397, 24],
        ],
    },
    {
        user_id: "usr_ben",
        device_id: "dev_ben",
        name: "Ben Okafor",
        platform: "android",
        way: [
            [0, 37.61608, -122.39235, 30],
            [220, 37.6162, -122.3908, 18],
            [480, 37.6155, -122.38915, 12],
            [760, 37.61444, -122.38874, 10],
            [1040, 37.6135, -122.3889, 14],
            [1400, 37.6123, -122.3894, 12],
            [1800, 37.6121, -122.38955, 12],
        ],
    },
    {
        user_id: "usr_cho",
        device_id: "dev_cho",
        name: "Cho Min-ji",
        platform: "ios",
        way: [
            [0, 37.61395, -122.38395, 16],
            [400, 37.61505, -122.3848, 20],
            [800, 37.61615, -122.38585, 55],
            [1200, 37.6164, -122.3862, 35],
            [1800, 37.61648, -122.3863, 30],
        ],
    },
    {
        user_id: "usr_x3",
        device_id: "dev_x3",
        name: "",
        platform: "android",
        way: [
            [0, 37.6172, -122.3835, 25],
            [600, 37.6167, -122.3822, 18],
            [1200, 37.6162, -122.3816, 14],
            [1800, 37.616, -122.3814, 15],
        ],
    },
];

/** Where a person is after `s` seconds of the scenario. */
export function positionAt(person, s) {
    const next = person.way.findIndex(([at]) => at > s);
    const [b, a] =
        next < 0 ? [person.way.at(-1), person.way.at(-1)] : [person.way[next], person.way[Math.max(0, next - 1)]];
    const t = b[0] === a[0] ? 1 : (s - a[0]) / (b[0] - a[0]);
    const sway = Math.sin(s / 37 + person.user_id.length * 2) * 0.00002;
    return {
        lat: a[1] + (b[1] - a[1]) * t + sway,
        lng: a[2] + (b[2] - a[2]) * t - sway,
        accuracy_m: Math.round(a[3] + (b[3] - a[3]) * t),
    };
}

/** Every event of the story in order: `{ s, name, body }`. */
export function script() {
    const events = [];
    STORY.forEach(([s, who, kind, where, decisions], i) => {
        const person = PEOPLE[who];
        const at = iso(s);
        const ids = { user_id: person.user_id, device_id: person.device_id };
        const what =
            kind === "fact"
                ? {
                      fact: { type: where.split(" ")[0], key: where.split(" ")[1] },
                      becomes: "changed",
                      fields: ["state"],
                  }
                : { place: placeOf(where) };
        const { lat, lng } = positionAt(person, s);
        const moment = {
            id: `mom_${i}`,
            ...ids,
            occurred_at: at,
            noticed_at: at,
            kind,
            ...what,
            evidence: { probability: 0.97 },
            name: person.name,
            lat,
            lng,
        };
        if (kind === "dwelled") moment.for = "PT15M";
        events.push({ s, name: "moment", body: moment });
        decisions.forEach((decision, j) => events.push(...judged(decision, `${i}${j}`, s + 1, person, moment)));
    });
    return events;
}

function judged({ push, trigger, code, facts, trace, until }, id, s, person, moment) {
    const refs = Object.fromEntries(Object.entries(facts).map(([name, [type, key]]) => [name, { type, key }]));
    const message_id = push ? `msg_${id}` : null;
    const body = {
        id: `dec_${id}`,
        user_id: person.user_id,
        name: person.name,
        moment_id: moment.id,
        trigger_id: `trg_${trigger}`,
        trigger,
        revision: 3,
        facts: refs,
        code,
        decided_at: iso(s),
        until: until ? iso(s + until) : null,
        message_id,
        late: false,
        trace,
    };
    const events = [{ s, name: "decision", body }];
    if (!push) return events;
    const shown = {
        locale: "en",
        sensitive: false,
        public_title: null,
        public_body: null,
        link: null,
        image: null,
        actions: [],
        urgency: "normal",
        ...push,
    };
    const ids = { delivery_id: `dly_${id}`, message_id, device_id: person.device_id, user_id: person.user_id };
    events.push({
        s: s + 1,
        name: "push",
        body: { ...ids, name: person.name, platform: person.platform, at: iso(s + 1), channel: "tray", shown },
    });
    events.push({
        s: s + 2,
        name: "delivery",
        body: { id: ids.delivery_id, message_id, device_id: person.device_id, state: "displayed", why: null },
    });
    return events;
}

export const iso = (s) => new Date(START + s * 1000).toISOString();
