// Checks the pure parts of the live page against the engine's own lists: `node --test tests/live/`.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ago } from "../../src/api/live/clock.js";
import * as geo from "../../src/api/live/geo.js";
import { People, shortName } from "../../src/api/live/people.js";
import * as regions from "../../src/api/live/regions.js";
import { backoff_ms, eventParser } from "../../src/api/live/stream.js";
import * as words from "../../src/api/live/words.js";
import { FENCES, script } from "./scenario.mjs";

const LIVE = new URL("../../src/api/live/", import.meta.url);
const near = (a, b, by) => assert.ok(Math.abs(a - b) <= by, `${a} is not within ${by} of ${b}`);
const view = { width: 800, height: 600, pad: { top: 0, right: 0, bottom: 200, left: 0 } };

/** The variants of an enum of the engine, in snake_case as serde writes them. */
function variants(file, name) {
    const source = readFileSync(new URL(`../../src/engine/${file}`, import.meta.url), "utf8");
    const body = new RegExp(`pub enum ${name} \\{([^}]*)\\}`).exec(source)[1];
    const names = [...body.replace(/\/\/.*|#\[[^\]]*\]/g, "").matchAll(/[A-Z]\w*/g)].map(([each]) => each);
    assert.ok(names.length > 3, `${name} was not read`);
    return names.map((each) => each.replace(/(?<!^)[A-Z]/g, "_$&").toLowerCase());
}

test("every file parses and keeps to 400 lines", () => {
    for (const file of readdirSync(LIVE)) {
        const text = readFileSync(new URL(file, LIVE), "utf8");
        assert.ok(text.split("\n").length <= 401, `${file} is too long`);
        if (file.endsWith(".js")) execFileSync(process.execPath, ["--input-type=module", "--check"], { input: text });
    }
});

test("the page loads nothing from elsewhere and writes no markup", () => {
    for (const file of readdirSync(LIVE)) {
        const text = readFileSync(new URL(file, LIVE), "utf8").replaceAll("http://www.w3.org/2000/svg", "");
        assert.doesNotMatch(
            text,
            /https?:\/\/|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|@import|\burl\(/,
            file,
        );
        if (file.endsWith(".html"))
            assert.doesNotMatch(text, /\sstyle=|\son[a-z]+=|<style|<script(?![^>]*\ssrc=)/, file);
    }
});

test("every element a script asks for is in the page, and every icon in the sprite", () => {
    const html = readFileSync(new URL("index.html", LIVE), "utf8");
    for (const file of readdirSync(LIVE).filter((each) => each.endsWith(".js"))) {
        const text = readFileSync(new URL(file, LIVE), "utf8");
        for (const [, id] of text.matchAll(/byId\("([\w-]+)"\)/g))
            assert.ok(html.includes(`id="${id}"`), `${file} asks for #${id}`);
        for (const [, name] of text.matchAll(/icon\("([\w-]+)"\)/g))
            assert.ok(html.includes(`id="i-${name}"`), `${file} asks for icon ${name}`);
    }
    for (const tone of Object.keys(words.TONES)) assert.ok(html.includes(`id="i-${tone}"`), tone);
});

test("every reason code of the engine has a tone, a sentence and a short name, and there is no other", () => {
    const codes = variants("decision.rs", "ReasonCode");
    assert.deepEqual(Object.keys(words.CODES).sort(), codes.sort());
    for (const code of codes) {
        const [tone, sentence, short] = words.CODES[code];
        assert.ok(words.TONES[tone], code);
        assert.match(sentence, /^[a-z][^_.]{8,}$/, code);
        assert.match(short, /^[A-Z][^_]+$/, code);
        assert.match(words.sentence({ code, trace: [] }), /^(Sent|Waiting|Held back|Could not send): /, code);
    }
});

test("the waiting codes of the engine are the waiting tone here", () => {
    const source = readFileSync(new URL("../../src/engine/decision.rs", import.meta.url), "utf8");
    const waiting = /fn is_waiting[\s\S]*?matches!\(\s*self,([^)]*)\)/.exec(source)[1];
    const names = [...waiting.matchAll(/Self::(\w+)/g)].map(([, name]) =>
        name.replace(/(?<!^)[A-Z]/g, "_$&").toLowerCase(),
    );
    assert.deepEqual(
        Object.keys(words.CODES)
            .filter((code) => words.toneOf(code) === "wait")
            .sort(),
        names.sort(),
    );
});

test("every step of the engine has a name of its own", () => {
    const names = variants("decision.rs", "Step").map(words.stepName);
    assert.equal(new Set(names).size, names.length);
});

test("a verdict speaks with the words of the step that settled it", () => {
    const trace = [
        { step: "facts", passed: true, says: "Stay ST1 is active." },
        { step: "condition", passed: false, says: "The stay is at another hotel." },
    ];
    assert.equal(words.sentence({ code: "condition_false", trace }), "Held back: the stay is at another hotel");
    assert.equal(words.sentence({ code: "sent", trace: [] }, "Your room is 1204"), "Sent: Your room is 1204");
    assert.equal(
        words.sentence({ code: "sent", late: true, trace: [] }, "Your room is 1204"),
        "Sent late: Your room is 1204",
    );
    assert.equal(words.sentence({ code: "of_tomorrow" }), "Held back: of tomorrow");
});

test("values become rows of name and text", () => {
    assert.deepEqual(words.valueRows({ stay: { hotel_id: "H1", open: false }, p: 0.99871 }), [
        ["stay.hotel_id", "H1"],
        ["stay.open", "no"],
        ["P", "0.999"],
    ]);
    assert.deepEqual(
        words.valueRows(
            { accuracy_m: 55, max_age: "PT15M", given_at: "2026-05-04T10:00:00Z", key: "P12" },
            9,
            () => "4 May",
        ),
        [
            ["Accuracy", "55 m"],
            ["Max age", "15 min"],
            ["Given at", "4 May"],
            ["Key", "P12"],
        ],
    );
    assert.deepEqual(words.valueRows(null), []);
    assert.equal(words.valueRows(Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`k${i}`, i]))).length, 14);
    assert.equal(words.spanWords("PT1H30M"), "1 h 30 min");
});

test("moments are told in the past tense", () => {
    assert.equal(words.momentWords({ kind: "entered", place: { name: "Grand Hyatt" } }), "entered Grand Hyatt");
    assert.equal(words.momentWords({ kind: "dwelled", place: { name: "G1" }, for: "PT3M" }), "stayed 3 min at G1");
    assert.equal(
        words.momentWords({ kind: "fact", fact: { type: "stay", key: "ST1" }, becomes: "ended" }),
        "stay ST1 ended",
    );
});

test("projection and its inverse agree, and the poles stay finite", () => {
    for (const [lng, lat] of [
        [-122.38, 37.62],
        [16.3696, 48.2048],
        [179.9, -60],
        [0, 0],
    ]) {
        const { x, y } = geo.project(lng, lat);
        const back = geo.unproject(x, y);
        near(back.lng, lng, 1e-9);
        near(back.lat, lat, 1e-9);
    }
    assert.ok(Number.isFinite(geo.project(0, 90).y));
    near(geo.project(180, 0).x, Math.PI * geo.EARTH_M, 1e-6);
});

test("every fence of the airport becomes a shape whose label stands inside it", () => {
    for (const fence of FENCES) {
        const shape = geo.shapeOf(fence);
        assert.ok(shape.area > 0, fence.name);
        if (shape.kind === "circle") continue;
        const [x, y] = [shape.anchor.x - shape.origin.x, shape.anchor.y - shape.origin.y];
        assert.ok(
            shape.parts.some((rings) => geo.contains(rings, x, y)),
            `${fence.name}: the label is outside or in a hole`,
        );
    }
});

test("a fence over the antimeridian stays whole", () => {
    const shape = geo.shapeOf({
        geometry: {
            type: "MultiPolygon",
            coordinates: [
                [
                    [
                        [179, 0],
                        [180, 0],
                        [180, 1],
                        [179, 1],
                        [179, 0],
                    ],
                ],
                [
                    [
                        [-180, 0],
                        [-179, 0],
                        [-179, 1],
                        [-180, 1],
                        [-180, 0],
                    ],
                ],
            ],
        },
    });
    near(shape.box.x1 - shape.box.x0, geo.project(2, 0).x, 1);
});

test("a shape that cannot be drawn is no shape", () => {
    for (const geometry of [
        null,
        {},
        { type: "LineString", coordinates: [[0, 0]] },
        { type: "Polygon", coordinates: [] },
    ])
        assert.equal(geo.shapeOf({ geometry }), null);
});

test("fit shows the whole box in the part of the view that is free", () => {
    const box = { x0: 0, y0: 0, x1: 1000, y1: 500 };
    const camera = geo.fit(box, view);
    const a = geo.toScreen(camera, view, box.x0, box.y0);
    const b = geo.toScreen(camera, view, box.x1, box.y1);
    assert.ok(a.x >= -1e-6 && a.y >= -1e-6 && b.x <= 800 + 1e-6 && b.y <= 400 + 1e-6);
    near((a.y + b.y) / 2, 200, 1e-6);
    assert.equal(geo.fit(geo.emptyBox(), view), null);
});

test("zooming holds the point under the pointer", () => {
    const camera = { x: 10, y: 20, scale: 0.5 };
    const before = geo.toWorld(camera, view, 100, 50);
    const after = geo.toWorld(geo.zoomAt(camera, view, 100, 50, 1.7), view, 100, 50);
    near(after.x, before.x, 1e-9);
    near(after.y, before.y, 1e-9);
});

test("the scale bar is round and fits", () => {
    for (const metres_per_px of [0.013, 0.4, 1, 2.3, 77, 12345]) {
        const { px, label } = geo.scaleBar(metres_per_px, 110);
        assert.ok(px <= 110 && px > 110 / 2.51, `${metres_per_px}: ${px}`);
        assert.match(label, /^(1|2|5)0* (cm|m|km)$/);
    }
    assert.equal(geo.scaleBar(NaN, 110).px, 0);
});

test("labels never overlap, and one that has no room is left out unless it is required", () => {
    const items = Array.from({ length: 60 }, (_, i) => ({
        id: i,
        width: 90,
        height: 17,
        candidates: [0, 20, -20].map((dy) => ({ x: 100 + ((i * 137) % 600), y: 100 + ((i * 71) % 400) + dy })),
    }));
    const placed = [...geo.placeLabels(items, view).values()];
    assert.ok(placed.length > 10 && placed.length < 60);
    for (const [i, a] of placed.entries()) for (const b of placed.slice(i + 1)) assert.ok(!geo.overlap(a, b));
    const here = { width: 50, height: 20, candidates: [{ x: 100, y: 100 }] };
    const both = geo.placeLabels(
        [
            { id: "a", ...here },
            { id: "b", ...here },
            { id: "c", ...here, required: true },
        ],
        view,
    );
    assert.deepEqual([...both.keys()], ["a", "c"]);
});

test("events are read from any cut of the stream", () => {
    const stream = ': hi\r\n\r\nevent: push\r\ndata: {"a":\r\ndata: 1}\r\n\r\nevent: moment\ndata: ü\n\ndata: x\n\n';
    const whole = [
        ["push", '{"a":\n1}'],
        ["moment", "ü"],
        ["message", "x"],
    ];
    for (let cut = 1; cut < stream.length; cut++) {
        const seen = [];
        const feed = eventParser((name, text) => seen.push([name, text]));
        feed(stream.slice(0, cut));
        feed(stream.slice(cut));
        assert.deepEqual(seen, whole, `cut at ${cut}`);
    }
});

test("the wait between tries doubles and is bounded", () => {
    assert.ok(backoff_ms(0, 0) < 500 && backoff_ms(0, 1) > 500);
    assert.ok(backoff_ms(99, 1) <= 15000 * 1.25);
});

test("people without a name are guests until they have one", () => {
    const people = new People();
    assert.equal(people.meet("u1", "").name, "Guest 1");
    assert.equal(people.meet("u2").name, "Guest 2");
    assert.equal(people.meet("u1", "Ana Keller").short, "Ana");
    assert.equal(people.meet("u1", "").name, "Ana Keller");
    assert.equal([...shortName("Rhabarberbarbarabarbar Bar")].length, 14);
});

test("ages read as on a phone", () => {
    const at = "2026-05-04T10:00:00Z";
    const after = (ms) => ago(at, Date.parse(at) + ms);
    assert.deepEqual(
        [after(-5), after(59e3), after(61e3), after(7200e3), after(2 * 86400e3)],
        ["now", "now", "1 min", "2 h", "2 d"],
    );
});

test("the scenario shows every tone but a fault, and speaks of known fences", () => {
    const decisions = script()
        .filter((event) => event.name === "decision")
        .map((event) => event.body);
    assert.deepEqual([...new Set(decisions.map((each) => words.toneOf(each.code)))].sort(), ["held", "sent", "wait"]);
    const ids = new Set(FENCES.map((fence) => fence.id));
    for (const { name, body } of script()) if (name === "moment" && body.place) assert.ok(ids.has(body.place.id));
});

test("places and people within reach make one neighbourhood, and the busiest is shown first", () => {
    const fence = (name, lng, lat, radius_m = 200) => {
        const shape = geo.shapeOf({ geometry: { type: "Point", coordinates: [lng, lat] }, radius_m });
        return { name, shape };
    };
    const marker = (label, lng, lat, moved_at = 0) => ({ label, ...geo.project(lng, lat), trail: [], moved_at });
    const fences = [
        fence("Europe", 10, 50, 900000),
        fence("Liverpool", -2.94, 53.433, 7000),
        fence("Airport", -122.38, 37.62, 2000),
        fence("Hotel", -122.394, 37.613),
        fence("Station", -122.392, 37.616),
        fence("Stop", -2.98, 53.41),
    ];
    const still = regions.regionsOf(fences);
    assert.deepEqual(
        still.map((region) => region.fences.map((each) => each.name)),
        [
            ["Liverpool", "Stop"],
            ["Airport", "Hotel", "Station"],
        ],
    );
    const markers = [
        marker("Bus 1", -2.95, 53.42, 90e3),
        marker("Bus 2", -2.96, 53.42, 90e3),
        marker("Ana", -122.39, 37.61),
        marker("Zoe", 151, -34),
    ];
    const all = regions.peopled(still, markers);
    assert.deepEqual(
        all.map((region) => [region.name, regions.bustle(region, 100e3)]),
        [
            ["Liverpool", "2 moving"],
            ["Airport", "1 person"],
            ["Around Zoe", "1 person"],
        ],
    );
    assert.equal(regions.busiest(all).name, "Liverpool");
    assert.equal(regions.around(all, geo.project(-122.381, 37.621)).name, "Airport");
    assert.equal(regions.around(all, geo.project(0, 0)), null);
    assert.equal(still[0].markers.length, 0, "the fences alone stay without people");
    assert.equal(regions.busiest([]), null);
    assert.deepEqual(regions.regionsOf([fences[0]])[0].name, "Europe");
});

test("a place far out does not make the others tiny", () => {
    const at = (x, y) => ({ shape: { anchor: { x, y } } });
    const near = [at(0, 0), at(100, 0), at(0, 100), at(100, 100), at(50, 50)];
    assert.deepEqual(regions.compact([...near, at(9000, 9000)]), near);
    assert.deepEqual(regions.compact(near.slice(0, 2)), near.slice(0, 2));
});

test("waiting reads as one sentence, in plain words", () => {
    const waits = (says) => words.sentence({ code: "waiting_fact", trace: [{ step: "wait", passed: false, says }] });
    assert.equal(waits("Waits until `stay.room_state == 'ready'`"), "Waiting until the stay’s room state is ready");
    assert.equal(waits("Waits for PT15S to pass"), "Waiting 15 s");
    assert.equal(waits("Waits until `size(a.b) > 3`"), "Waiting until `size(a.b) > 3`");
    const trace = [
        { step: "condition", passed: false, says: "`place.external_id == stay.hotel_id` does not hold" },
    ];
    assert.equal(
        words.sentence({ code: "condition_false", trace }),
        "Held back: the place is not the stay’s hotel",
    );
    assert.equal(waits("The room is being prepared."), "Waiting: the room is being prepared");
});

test("a bus keeps its number in its short name", () => {
    assert.equal(shortName("Bus 4720"), "Bus 4720");
    assert.equal(shortName("Ana Keller"), "Ana");
});
