// The map: keeps fences, people and pulses, moves the camera, and asks for a frame only when something changed.

import { emptyBox, fit, grow, nearest, project, shapeOf, stretch, toScreen, zoomAt } from "./geo.js";
import { PULSE_MS, TAG_COLOURS, paint, pathOf, readTheme, scaleOf } from "./paint.js";

const TRAIL_POINTS_MAX = 300;
const MARKERS_MAX = 500;
const GLIDE_MS = 700;
/** A step longer than this is not drawn as a line: nobody walked it. */
const JUMP_M = 20000;
/** The camera that follows people never comes closer than this much ground. */
const FOLLOW_SPAN_M = 420;
const SMALL_FENCE_M = 1000;

/** Makes the map in `canvas`; `parts` holds the scale bar, its label and the buttons. */
export function createMap(canvas, parts) {
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const map = {
        canvas,
        parts,
        still,
        fences: [],
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
    // Labels keep clear of the buttons and of the scale.
    map.view.covered = [map.parts.closer.parentElement, map.parts.bar.parentElement].map((part) => {
        const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = part;
        return {
            x: offsetLeft + offsetWidth / 2,
            y: offsetTop + offsetHeight / 2,
            width: offsetWidth + 12,
            height: offsetHeight + 12,
        };
    });
    aim(map, true);
    ask(map);
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
    aim(map, true);
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
        marker = { id: position.device_id, user_id: person.id, x: at.x, y: at.y, trail: [] };
        map.markers.set(position.device_id, marker);
    }
    const last = marker.trail.at(-1);
    const jump = last ? Math.hypot(at.x - last.x, at.y - last.y) > JUMP_M * stretch(position.lat) : false;
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

/** What the camera should show: the people and the small places around them, or every fence when nobody has moved yet. */
function subject(map) {
    const box = emptyBox();
    for (const marker of map.markers.values()) {
        const half = (FOLLOW_SPAN_M / 2) * stretch(marker.lat);
        for (const point of marker.trail.slice(-60)) grow(grow(box, point.x, point.y), point.x, point.y);
        grow(grow(box, marker.x - half, marker.y - half), marker.x + half, marker.y + half);
    }
    if (!map.following || !map.markers.size) return everything(map, box);
    const people = { ...box };
    for (const { shape } of map.fences) {
        const small = shape.box.x1 - shape.box.x0 < SMALL_FENCE_M * 1.3;
        const meets =
            shape.box.x0 < people.x1 &&
            shape.box.x1 > people.x0 &&
            shape.box.y0 < people.y1 &&
            shape.box.y1 > people.y0;
        if (small && meets) grow(grow(box, shape.box.x0, shape.box.y0), shape.box.x1, shape.box.y1);
    }
    return box;
}

function everything(map, box) {
    for (const { shape } of map.fences) grow(grow(box, shape.box.x0, shape.box.y0), shape.box.x1, shape.box.y1);
    return box;
}

/** Turns the camera to its subject, unless the viewer has taken the map in hand. */
function aim(map, now) {
    if (map.held) return;
    const pad = map.view.pad;
    const view = {
        ...map.view,
        pad: { top: pad.top + 40, right: pad.right + 56, bottom: pad.bottom + 30, left: pad.left + 40 },
    };
    const goal = fit(subject(map), view, 1.6);
    if (!goal) return;
    const settled = map.goal && goal.scale < map.goal.scale * 1.5 && goal.scale > map.goal.scale * 0.92 && !now;
    if (settled && [...map.markers.values()].every((marker) => inView(map, view, marker))) return;
    map.goal = goal;
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
    dragging(map, pan, zoom);
    show(map);
}

function dragging(map, pan, zoom) {
    const { canvas } = map;
    const fingers = new Map();
    const spread = () => {
        const [a, b] = [...fingers.values()];
        return { d: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    };
    canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    });
    canvas.addEventListener("pointermove", (event) => {
        const last = fingers.get(event.pointerId);
        if (!last) return;
        const before = fingers.size === 2 ? spread() : null;
        fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
        if (!before) return pan(event.offsetX - last.x, event.offsetY - last.y);
        const after = spread();
        pan(after.x - before.x, after.y - before.y);
        if (before.d > 0) zoom(after.d / before.d, [after.x, after.y]);
    });
    const lift = (event) => fingers.delete(event.pointerId);
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
}
