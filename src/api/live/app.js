// The composition root of the live page: takes the key, follows the stream, and hands every event to the parts.

import { StreamClock, formats } from "./clock.js";
import { byId } from "./dom.js";
import { createHeader } from "./header.js";
import { createMap } from "./map.js";
import { People } from "./people.js";
import { createPhones } from "./phones.js";
import { KeyRefused, follow, listAll, listOnce } from "./stream.js";
import { createWhy } from "./why.js";

const KEY_NAME = "usher.live.key";
const FENCES = "/v1/geofences?limit=200";
const DECISIONS = "/v1/decisions?limit=50";
/** Fences are asked for again this often: sooner while there is none, so that an import shows by itself. */
const FENCES_AGAIN_MS = { none: 5000, some: 60000 };

/** A moment noticed longer ago than this is history: it is counted, but the map does not pulse for it. */
const NEWS_MS = 15000;

const people = new People();
const clock = new StreamClock();
const page = {
    formats: formats(undefined),
    zone: undefined,
    project: "",
    mode: undefined,
    stream: null,
    key: null,
    lost_at: null,
    fences: [],
    places: new Map(),
    again: 0,
};

const world = {
    clock,
    formats: () => page.formats,
    project: () => page.project || "Usher",
    /** Invented people look at their phones by themselves; real ones do not. */
    pretends: () => page.mode === "test",
    near: (device_id) => map.near(device_id),
    person: (user_id, name) => people.meet(user_id, name),
    isOpen: (user_id) => phones.isOpen(user_id),
    unlocked: (user_id) => why.reword(user_id),
    counted: (counts) => header.count(counts),
};
const header = createHeader(world);
const phones = createPhones(world);
const why = createWhy(world);
const map = createMap(byId("map"), {
    bar: byId("scale-bar"),
    label: byId("scale-label"),
    closer: byId("closer"),
    wider: byId("wider"),
    fit: byId("fit"),
    follow: byId("follow"),
    regions: byId("regions"),
});

const handlers = {
    hello({ project, now, speed }) {
        page.project = String(project?.name ?? "");
        page.mode = project?.mode;
        header.project({ name: page.project, mode: page.mode });
        clock.set(now, Number(speed ?? 1));
        tick();
    },
    position(position) {
        if (!position.device_id || !position.user_id) return;
        clock.witness(position.at);
        const person = meet(position);
        map.move(person, position);
        phones.see(person, position);
        cover();
    },
    moment(moment) {
        if (!moment.user_id) return;
        clock.witness(moment.noticed_at);
        // The name of an event and the name of the person share a field: only the latter may rename somebody.
        const person = moment.kind === "event" ? people.meet(moment.user_id, moment.user_name) : meet(moment);
        const event = moment.event ?? (moment.name && moment.name !== person.name ? moment.name : undefined);
        if (clock.now() - Date.parse(moment.noticed_at) < NEWS_MS * clock.speed) map.pulse(person, moment);
        why.moment(moment.kind === "event" ? { ...moment, event } : moment);
        whereabouts(moment);
        if (moment.place?.id && !page.fences.some((fence) => fence.id === moment.place.id))
            page.again = Math.min(page.again, Date.now() + 1000);
    },
    decision(decision) {
        meet(decision);
        why.add([decision], true);
    },
    push(push) {
        if (!push.user_id) return;
        // A message to the business goes to no phone: it stands among the decisions.
        if (push.device_id) phones.push(meet(push), push);
        why.push(push);
        cover();
    },
    delivery(news) {
        phones.delivery(news);
        why.delivery(news);
    },
};

/** Under the phone stands the place entered last; leaving another one, say the terminal around it, changes nothing. */
function whereabouts({ kind, user_id, place }) {
    if (!place) return;
    if (kind === "exited" && (page.places.get(user_id) ?? place.id) !== place.id) return;
    page.places.set(user_id, place.id);
    phones.place(user_id, `${kind === "exited" ? "left" : "at"} ${place.name || place.external_id}`);
}

function meet({ user_id, name }) {
    const person = people.meet(user_id, name);
    if (person.renamed) {
        map.rename(person);
        phones.rename(person);
        why.reword(user_id);
    }
    return person;
}

function start(key) {
    page.stream?.stop();
    page.key = key;
    door(false);
    page.stream = follow(key, {
        event: (name, body) => Object.hasOwn(handlers, name) && handlers[name](body),
        state: (state, detail) => turn(key, state, detail),
    });
}

function turn(key, state, detail) {
    header.state(state, detail);
    document.body.dataset.state = state;
    if (state === "refused") return ask(detail.why);
    if (state === "lost") page.lost_at ??= clock.now();
    if (state !== "live") return;
    sessionStorage.setItem(KEY_NAME, key);
    if (page.lost_at !== null) why.gap(page.lost_at, clock.now());
    page.lost_at = null;
    refetch(key);
}

/** The stream tells what is new; these lists tell what was before it, also after a gap. */
async function refetch(key) {
    fetchFences(key);
    try {
        why.add(await listOnce(DECISIONS, key), false);
    } catch (error) {
        if (error instanceof KeyRefused) ask(error.message);
        // Otherwise the stream itself fails too, and its next success fetches again.
    }
}

async function fetchFences(key) {
    page.again = Infinity;
    try {
        const fences = await listAll(FENCES, key);
        const zones = new Set(fences.map((fence) => fence.time_zone).filter(Boolean));
        const zone = zones.size === 1 ? [...zones][0] : undefined;
        if (zone !== page.zone) {
            page.zone = zone;
            page.formats = formats(zone);
            why.rewordAll();
        }
        if (JSON.stringify(fences) !== JSON.stringify(page.fences)) map.setFences(fences);
        page.fences = fences;
        byId("map-empty").hidden = fences.length > 0;
    } catch (error) {
        if (error instanceof KeyRefused) return ask(error.message);
    }
    page.again = Date.now() + (page.fences.length ? FENCES_AGAIN_MS.some : FENCES_AGAIN_MS.none);
}

/** Asks for the key: there is none, or the server refused it. */
function ask(reason) {
    page.stream?.stop();
    sessionStorage.removeItem(KEY_NAME);
    page.key = null;
    byId("door-reason").textContent = reason ?? "";
    byId("door-reason").hidden = !reason;
    door(true);
}

/** While the door is shown nothing behind it can be reached. */
function door(shown) {
    byId("door").hidden = !shown;
    byId("top").inert = byId("main").inert = shown;
    if (shown) byId("key").focus();
}

byId("door-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const key = byId("key").value.trim();
    byId("key").value = "";
    if (key) start(key);
});
addEventListener(
    "pointerdown",
    (event) => byId("why-not").contains(event.target) || byId("why-not").removeAttribute("open"),
);
byId("why-not").addEventListener(
    "keydown",
    (event) => event.key === "Escape" && byId("why-not").removeAttribute("open"),
);
byId("retry").addEventListener("click", () => page.stream?.retry());
addEventListener("hashchange", () => {
    const key = keyOfAddress();
    if (key) start(key);
});

/** Takes the key out of the address bar, so that it stays out of the history and of screenshots. */
function keyOfAddress() {
    const key = new URLSearchParams(location.hash.slice(1)).get("key");
    if (key) history.replaceState(null, "", location.pathname + location.search);
    return key?.trim();
}

/** How much of the map the phones cover. */
function cover() {
    const canvas = byId("map").getBoundingClientRect();
    const stage = byId("stage").getBoundingClientRect();
    const bottom = Math.round(Math.max(0, canvas.bottom - stage.top));
    if (bottom === page.covered) return;
    page.covered = bottom;
    document.documentElement.style.setProperty("--covered", `${bottom}px`);
    map.setPadding({ top: 0, right: 0, bottom, left: 0 });
}
new ResizeObserver(cover).observe(byId("stage"));
addEventListener("resize", cover);

function tick() {
    header.tick();
    phones.tick();
    map.tick();
    if (page.key && document.body.dataset.state === "live" && Date.now() > page.again) fetchFences(page.key);
}
setInterval(tick, 1000);

header.state("idle");
header.count({ moments: 0, tones: { sent: 0, wait: 0, held: 0, fault: 0 }, reasons: [] });
tick();
cover();
const key = keyOfAddress() || sessionStorage.getItem(KEY_NAME);
if (key) start(key);
else ask();
