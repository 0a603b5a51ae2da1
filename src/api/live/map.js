// The map: keeps fences, people and pulses, moves the camera, and asks for a frame only when something changed.

import { createChips } from "./chips.js";
import { listenToFingers } from "./fingers.js";
import { emptyBox, fit, grow, nearest, project, shapeOf, stretch, toScreen, zoomAt } from "./geo.js";
import { around, busiest, bustle, compact, peopled, regionsOf } from "./regions.js";
import { PULSE_MS, TAG_COLOURS, paint, pathOf, readTheme, scaleOf } from "./paint.js";

const TRAIL_POINTS_MAX = 300;
const MARKERS_MAX = 500;
const GLIDE_MS = 700;
/** A step longer than this is not drawn as a line: nobody walked it. */
const JUMP_M = 20000;
/** The camera that follows people never comes closer than this much ground. */
const FOLLOW_SPAN_M = 420;
const SMALL_FENCE_M = 1000;
/** A neighbourhood whose small places lie within this is shown whole; in a wider one the camera keeps to the people. */
const CORE_M = 5000;
/** The busiest neighbourhood is chosen anew for this long after the first data; then the map stays where it is. */
const CHOOSE_MS = 4000;
/** The camera comes closer by itself at most this often. */
const CLOSER_EVERY_MS = 15000;
const CHIPS_MAX = 6;
/** Less than this is the noise of a receiver. */
const STEP_M = 4;

/** Makes the map in `canvas`; `parts` holds the scale bar, its label and the buttons. */
export function createMap(canvas, parts) {
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const map = {
        canvas,
        parts,
        still,
        fences: [],
        regions: [],
        shown: null,
        picked: false,
        choose_until: 0,
        chips: createChips(parts.regions),
        markers: new Map(),
        pulses: [],
        camera: null,
        goal: null,
        following: true,
        held: false,
        view: { width: 1, height: 1, pad: { top: 0, right: 0, bottom: 0, left: 0 }, covered: [] },
        ratio: 1,
        theme: readTheme(canvas),
        asked: false,
        aimed_at: -Infinity,
        reference: null,
    };
    dark.addEventListener("change", () => {
        map.theme = readTheme(canvas);
        ask(map);
    });
    new ResizeObserver(() => resize(map)).observe(canvas);
    listen(map);
    resize(map);
    return {
        setFences: (fences) => setFences(map, fences),
        move: (person, position) => move(map, person, position),
        rename: (person) => rename(map, person),
        pulse: (person, moment) => pulse(map, person, moment),
        /** Is this device in the neighbourhood on the screen? */
        near: (device_id) => Boolean(here(map)?.markers.some((marker) => marker.id === device_id)),
        tick: () => chips(map),
        /** Tells how much of the canvas other panes cover, so that the camera looks past them. */
        setPadding(pad) {
            map.view.pad = pad;
            aim(map, true);
        },
    };
}

function resize(map) {
    const { clientWidth, clientHeight } = map.canvas;
    map.ratio = Math.min(3, devicePixelRatio || 1);
    map.view.width = Math.max(1, clientWidth);
    map.view.height = Math.max(1, clientHeight);
    map.canvas.width = Math.round(map.view.width * map.ratio);
    map.canvas.height = Math.round(map.view.height * map.ratio);
    cover(map);
    aim(map, true);
    ask(map);
}

/** Labels keep clear of the buttons, the scale and the chips. */
function cover(map) {
    const parts = [map.parts.closer.parentElement, map.parts.bar.parentElement, map.parts.regions];
    map.view.covered = parts.map((part) => {
        const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = part;
        const [width, height] = [offsetWidth + 12, offsetHeight + 12];
        return { x: offsetLeft + offsetWidth / 2, y: offsetTop + offsetHeight / 2, width, height };
    });
}

/** Tags get colours in the order of their names, so that a reload paints the same map. */
function setFences(map, fences) {
    const tags = [...new Set(fences.map((fence) => fence.tag ?? ""))].sort();
    map.reference = null;
    map.fences = fences.flatMap((fence) => {
        const shape = shapeOf(fence, map.reference);
        if (!shape) return [];
        map.reference ??= shape.origin.x;
        const colour = tags.indexOf(fence.tag ?? "") % TAG_COLOURS;
        return [
            { id: fence.id, name: fence.name || fence.external_id || "", shape, colour, path: pathOf(shape), rank: 0 },
        ];
    });
    // The large lie below the small.
    map.fences.sort((a, b) => b.shape.area - a.shape.area);
    map.fences.forEach((fence, i) => (fence.rank = i));
    map.regions = regionsOf(map.fences);
    choose(map);
    aim(map, true);
    chips(map);
    ask(map);
}

function locate(map, lng, lat) {
    const at = project(lng, lat);
    return map.reference === null ? at : { x: nearest(at.x, map.reference), y: at.y };
}

function move(map, person, position) {
    if (!Number.isFinite(position.lat) || !Number.isFinite(position.lng)) return;
    const at = locate(map, position.lng, position.lat);
    let marker = map.markers.get(position.device_id);
    if (!marker) {
        if (map.markers.size >= MARKERS_MAX) map.markers.delete(map.markers.keys().next().value);
        marker = { id: position.device_id, user_id: person.id, x: at.x, y: at.y, trail: [], moved_at: -Infinity };
        map.markers.set(position.device_id, marker);
    }
    const last = marker.trail.at(-1);
    const jump = last ? Math.hypot(at.x - last.x, at.y - last.y) > JUMP_M * stretch(position.lat) : false;
    const step_m = last ? Math.hypot(at.x - last.x, at.y - last.y) / stretch(position.lat) : 0;
    if (step_m > STEP_M) marker.moved_at = performance.now();
    marker.trail.push({ ...at, jump });
    if (marker.trail.length > TRAIL_POINTS_MAX) marker.trail.shift();
    marker.lat = position.lat;
    marker.accuracy_m = position.accuracy_m;
    marker.label = person.short;
    marker.colour = person.colour;
    marker.user_id = person.id;
    const from = map.still.matches || jump ? at : { x: marker.x, y: marker.y };
    marker.glide = { from, to: at, at: performance.now() };
    if (map.still.matches || jump) Object.assign(marker, at);
    choose(map);
    aim(map, false);
    ask(map);
}

function rename(map, person) {
    for (const marker of map.markers.values()) {
        if (marker.user_id === person.id) Object.assign(marker, { label: person.short, colour: person.colour });
    }
    ask(map);
}

function pulse(map, person, moment) {
    const marker =
        map.markers.get(moment.device_id) ?? [...map.markers.values()].find((each) => each.user_id === person.id);
    const fence = map.fences.find((each) => each.id === moment.place?.id);
    const located = Number.isFinite(moment.lat) && Number.isFinite(moment.lng);
    const at = located
        ? locate(map, moment.lng, moment.lat)
        : marker
          ? { x: marker.x, y: marker.y }
          : fence?.shape.anchor;
    if (!at) return;
    map.pulses.push({ x: at.x, y: at.y, at: performance.now(), colour: person.colour, fence_id: fence?.id ?? null });
    if (map.pulses.length > 64) map.pulses.shift();
    // Without motion nothing else asks for the frame that takes the ring away again.
    if (map.still.matches) setTimeout(() => ask(map), PULSE_MS + 50);
    ask(map);
}

/** Opens the busiest neighbourhood while the first data comes in; whoever picked another one keeps it. */
function choose(map) {
    if (map.picked) return;
    const now = performance.now();
    map.choose_until ||= now + CHOOSE_MS;
    if (!map.shown || now < map.choose_until) map.shown = busiest(peopled(map.regions, map.markers.values()));
}

/** The neighbourhood on the screen with the people in it now. */
function here(map) {
    const regions = peopled(map.regions, map.markers.values());
    return around(regions, map.shown) ?? busiest(regions);
}

/** What the camera should show: the small places of the neighbourhood and its people, or everything. */
function subject(map, region) {
    const box = emptyBox();
    const markers = region?.markers ?? [...map.markers.values()];
    for (const marker of markers) grow(grow(box, marker.x, marker.y), marker.x, marker.y);
    if (!region) return everything(map, box);
    const size = SMALL_FENCE_M * region.stretch;
    const small = compact(region.fences.filter(({ shape }) => shape.box.x1 - shape.box.x0 < size));
    const core = emptyBox();
    for (const { shape } of small.length ? small : region.fences) hug(core, shape.box);
    const wide = Math.max(core.x1 - core.x0, core.y1 - core.y0) > CORE_M * region.stretch;
    if (!markers.length || (small.length && !wide)) return hug(box, core);
    // Among many places the camera keeps to the people, the way they came and the places they stand in.
    for (const marker of markers) {
        const half = (FOLLOW_SPAN_M / 2) * region.stretch;
        for (const point of marker.trail.slice(-60)) grow(box, point.x, point.y);
        hug(box, { x0: marker.x - half, y0: marker.y - half, x1: marker.x + half, y1: marker.y + half });
    }
    const people = { ...box };
    for (const { shape } of small) {
        const meets =
            shape.box.x0 < people.x1 &&
            shape.box.x1 > people.x0 &&
            shape.box.y0 < people.y1 &&
            shape.box.y1 > people.y0;
        if (meets) hug(box, shape.box);
    }
    return box;
}

function hug(box, other) {
    return other.x1 >= other.x0 ? grow(grow(box, other.x0, other.y0), other.x1, other.y1) : box;
}

function everything(map, box) {
    for (const { shape } of map.fences) hug(box, shape.box);
    return box;
}

/** Turns the camera to its subject, unless the viewer has taken the map in hand. */
function aim(map, now) {
    if (map.held) return;
    const pad = map.view.pad;
    const view = {
        ...map.view,
        pad: { top: pad.top + 58, right: pad.right + 56, bottom: pad.bottom + 30, left: pad.left + 40 },
    };
    const region = map.following ? here(map) : null;
    const goal = fit(subject(map, region), view, 1.6);
    if (!goal) return;
    const rests = performance.now() - map.aimed_at < CLOSER_EVERY_MS;
    const settled = map.goal && !now && (rests || goal.scale < map.goal.scale * 2);
    if (settled && (region?.markers ?? [...map.markers.values()]).every((marker) => inView(map, view, marker))) return;
    map.goal = goal;
    map.aimed_at = performance.now();
    if (!map.camera || map.still.matches || now) map.camera = { ...goal };
    ask(map);
}

function inView(map, view, marker) {
    const at = toScreen(map.goal, view, marker.x, marker.y);
    return (
        at.x > view.pad.left &&
        at.x < view.width - view.pad.right &&
        at.y > view.pad.top &&
        at.y < view.height - view.pad.bottom
    );
}

function ask(map) {
    if (map.asked) return;
    map.asked = true;
    requestAnimationFrame((now) => frame(map, now));
}

function frame(map, now) {
    map.asked = false;
    let moving = false;
    for (const marker of map.markers.values()) moving = glide(marker, now) || moving;
    map.pulses = map.pulses.filter((each) => now - each.at < PULSE_MS);
    if (map.goal && !map.held && map.camera) moving = ease(map) || moving;
    map.camera ??= { x: 0, y: 0, scale: 1e-5 };
    paint(map.canvas.getContext("2d", { alpha: false }), {
        ...map,
        markers: [...map.markers.values()],
        now,
        still: map.still.matches,
    });
    const bar = scaleOf(map.camera, 110);
    map.parts.bar.style.setProperty("width", `${bar.px}px`);
    if (map.parts.label.textContent !== bar.label) map.parts.label.textContent = bar.label;
    if (moving || (map.pulses.length && !map.still.matches)) ask(map);
}

function glide(marker, now) {
    if (!marker.glide) return false;
    const t = Math.min(1, Math.max(0, (now - marker.glide.at) / GLIDE_MS));
    const soft = t * (2 - t);
    marker.x = marker.glide.from.x + (marker.glide.to.x - marker.glide.from.x) * soft;
    marker.y = marker.glide.from.y + (marker.glide.to.y - marker.glide.from.y) * soft;
    if (t === 1) marker.glide = null;
    return t < 1;
}

function ease(map) {
    const { camera, goal } = map;
    const away =
        Math.hypot(goal.x - camera.x, goal.y - camera.y) * camera.scale +
        Math.abs(Math.log(goal.scale / camera.scale)) * 200;
    if (away < 0.3) {
        map.camera = { ...goal };
        return false;
    }
    const share = 0.07;
    camera.x += (goal.x - camera.x) * share;
    camera.y += (goal.y - camera.y) * share;
    camera.scale *= (goal.scale / camera.scale) ** share;
    return true;
}

/** The viewer has the map in hand: nothing moves it until "follow" or "fit" gives it back. */
function hold(map, camera) {
    map.camera = camera;
    map.held = true;
    show(map);
    ask(map);
}

function release(map, following) {
    map.held = false;
    map.following = following;
    const before = map.camera;
    map.goal = null;
    aim(map, false);
    if (!map.still.matches && before) map.camera = before;
    show(map);
}

function show(map) {
    map.parts.follow.setAttribute("aria-pressed", String(!map.held && map.following));
    chips(map);
}

/** One chip for everything and one for each neighbourhood; a single neighbourhood needs none. */
function chips(map) {
    const regions = peopled(map.regions, map.markers.values());
    const shown = map.held || !map.following ? null : here(map)?.name;
    const all = { name: "All places", tail: "", pressed: !map.held && !map.following, press: () => release(map, false) };
    const each = regions.slice(0, CHIPS_MAX).map((region) => ({
        name: region.name,
        tail: ` · ${bustle(region, performance.now())}`,
        pressed: region.name === shown,
        press: () => visit(map, region),
    }));
    if (map.chips(regions.length < 2 ? [] : [all, ...each])) cover(map);
}

function visit(map, region) {
    map.shown = region;
    map.picked = true;
    release(map, true);
}

function listen(map) {
    const { canvas, parts } = map;
    const middle = () => [map.view.width / 2, (map.view.height - map.view.pad.bottom) / 2];
    const zoom = (factor, at = middle()) => map.camera && hold(map, zoomAt(map.camera, map.view, at[0], at[1], factor));
    const pan = (dx, dy) =>
        map.camera &&
        hold(map, { ...map.camera, x: map.camera.x - dx / map.camera.scale, y: map.camera.y - dy / map.camera.scale });
    parts.closer.addEventListener("click", () => zoom(1.6));
    parts.wider.addEventListener("click", () => zoom(1 / 1.6));
    parts.fit.addEventListener("click", () => release(map, false));
    parts.follow.addEventListener("click", () => release(map, true));
    canvas.addEventListener(
        "wheel",
        (event) => {
            event.preventDefault();
            const lines = event.deltaMode === 1 ? 16 : 1;
            zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY * lines)) * (event.ctrlKey ? 0.01 : 0.0025)), [
                event.offsetX,
                event.offsetY,
            ]);
        },
        { passive: false },
    );
    const keys = {
        ArrowLeft: () => pan(60, 0),
        ArrowRight: () => pan(-60, 0),
        ArrowUp: () => pan(0, 60),
        ArrowDown: () => pan(0, -60),
        "+": () => zoom(1.6),
        "=": () => zoom(1.6),
        "-": () => zoom(1 / 1.6),
        f: () => release(map, false),
        0: () => release(map, true),
    };
    canvas.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
        event.preventDefault();
        keys[event.key]();
    });
    listenToFingers(canvas, pan, zoom);
    show(map);
}
