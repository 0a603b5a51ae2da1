// Draws one frame of the map on a canvas: grid, fences, trails, accuracy, pulses, people and labels.

import { overlap, placeLabels, scaleBar, stretch, toScreen, toWorld, unproject } from "./geo.js";

export const TAG_COLOURS = 8;
export const PERSON_COLOURS = 8;
/** How long a pulse and the glow of its fence last. */
export const PULSE_MS = 3200;
const FENCE_FONT =
    "500 12px -apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'Liberation Sans', sans-serif";
const PERSON_FONT =
    "600 12px -apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'Liberation Sans', sans-serif";

/** The colours of the map, read from the style sheet so that light and dark have one home. */
export function readTheme(element) {
    const style = getComputedStyle(element);
    const read = (name) => style.getPropertyValue(name).trim();
    const series = (name, count) => Array.from({ length: count }, (_, i) => read(`--${name}-${i}`));
    return {
        ground: read("--ground"),
        grid: read("--grid"),
        ink: read("--map-ink"),
        soft: read("--map-soft"),
        halo: read("--map-halo"),
        pill: read("--map-pill"),
        ring: read("--map-ring"),
        rim: read("--map-rim"),
        tags: series("tag", TAG_COLOURS),
        people: series("person", PERSON_COLOURS),
    };
}

/** The path of a fence relative to its own origin. */
export function pathOf(shape) {
    const path = new Path2D();
    if (shape.kind === "circle") {
        path.arc(0, 0, Math.max(shape.radius, 0.5), 0, 2 * Math.PI);
        return path;
    }
    for (const rings of shape.parts) {
        for (const ring of rings) {
            ring.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
            path.closePath();
        }
    }
    return path;
}

/** Draws the scene: `{ fences, markers, pulses, camera, view, theme, ratio, now, still }`. */
export function paint(ctx, scene) {
    const { view, theme, ratio } = scene;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = theme.ground;
    ctx.fillRect(0, 0, view.width, view.height);
    drawGrid(ctx, scene);
    for (const fence of scene.fences) drawFence(ctx, scene, fence);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const marker of scene.markers) drawTrail(ctx, scene, marker);
    for (const marker of scene.markers) drawAccuracy(ctx, scene, marker);
    for (const pulse of scene.pulses) drawPulse(ctx, scene, pulse);
    const dots = scene.markers.map((marker) => ({
        ...toScreen(scene.camera, view, marker.x, marker.y),
        width: 18,
        height: 18,
    }));
    const labels = placeFenceLabels(ctx, scene, [...view.covered, ...dots]);
    const names = placeNames(ctx, scene, [...view.covered, ...labels], dots);
    drawFenceLabels(
        ctx,
        scene,
        labels.filter((label) => !names.some((name) => overlap(label, name))),
    );
    for (const marker of scene.markers) drawMarker(ctx, scene, marker);
    drawNames(ctx, scene, names);
}

/** Dots on round distances: they move with the ground, so that panning and zooming can be felt without tiles. */
function drawGrid(ctx, { camera, view, theme }) {
    const step = 2 ** Math.ceil(Math.log2(26 / camera.scale));
    const from = toWorld(camera, view, 0, 0);
    ctx.fillStyle = theme.grid;
    const fine = step * camera.scale;
    for (let column = Math.floor(from.x / step); ; column++) {
        const x = (column * step - camera.x) * camera.scale + view.width / 2;
        if (x > view.width) break;
        for (let row = Math.floor(from.y / step); ; row++) {
            const y = (row * step - camera.y) * camera.scale + view.height / 2;
            if (y > view.height) break;
            const size = column % 4 === 0 && row % 4 === 0 ? 2 : fine > 36 ? 1.25 : 1;
            ctx.fillRect(x - size / 2, y - size / 2, size, size);
        }
    }
}

function drawFence(ctx, { camera, view, theme, ratio, pulses, now, still }, fence) {
    const { shape, path } = fence;
    const at = toScreen(camera, view, shape.origin.x, shape.origin.y);
    const scale = camera.scale * ratio;
    const glow = pulses.reduce(
        (most, pulse) => (pulse.fence_id === fence.id ? Math.max(most, fade(pulse, now, still)) : most),
        0,
    );
    ctx.setTransform(scale, 0, 0, scale, at.x * ratio, at.y * ratio);
    ctx.fillStyle = ctx.strokeStyle = theme.tags[fence.colour];
    // A wide fence holds others: it stays pale so that they stand out.
    const wide = (shape.box.x1 - shape.box.x0) * camera.scale > view.width * 0.6;
    ctx.globalAlpha = (wide ? 0.05 : 0.13) + glow * 0.24;
    ctx.fill(path, "evenodd");
    ctx.globalAlpha = (wide ? 0.5 : 0.85) + glow * 0.15;
    ctx.lineWidth = ((wide ? 1 : 1.4) + glow * 1.4) / camera.scale;
    ctx.lineJoin = "round";
    ctx.stroke(path);
    ctx.globalAlpha = 1;
}

/** From 1 at the moment itself to 0; without motion it stands still and then goes. */
function fade(pulse, now, still) {
    const age = (now - pulse.at) / PULSE_MS;
    return age < 0 || age > 1 ? 0 : still ? 0.8 : (1 - age) ** 1.5;
}

function drawTrail(ctx, { camera, view, theme }, marker) {
    const { trail } = marker;
    if (trail.length < 2) return;
    ctx.strokeStyle = theme.people[marker.colour];
    ctx.lineCap = ctx.lineJoin = "round";
    ctx.lineWidth = 2.5;
    // A few strokes of growing strength look like a fading line and cost little.
    const bands = 6;
    for (let band = 0; band < bands; band++) {
        const first = Math.floor(((trail.length - 1) * band) / bands);
        const last = Math.floor(((trail.length - 1) * (band + 1)) / bands);
        if (last <= first) continue;
        ctx.globalAlpha = 0.12 + (0.6 * (band + 1)) / bands;
        ctx.beginPath();
        for (let i = first; i <= last; i++) {
            const end = i === trail.length - 1 ? marker : trail[i];
            const at = toScreen(camera, view, end.x, end.y);
            if (i === first || trail[i].jump) ctx.moveTo(at.x, at.y);
            else ctx.lineTo(at.x, at.y);
        }
        ctx.stroke();
    }
    ctx.globalAlpha = 1;
}

function drawAccuracy(ctx, { camera, view, theme }, marker) {
    const radius = (marker.accuracy_m ?? 0) * stretch(marker.lat) * camera.scale;
    if (!(radius > 9)) return;
    const at = toScreen(camera, view, marker.x, marker.y);
    ctx.beginPath();
    ctx.arc(at.x, at.y, radius, 0, 2 * Math.PI);
    ctx.fillStyle = ctx.strokeStyle = theme.people[marker.colour];
    ctx.globalAlpha = 0.12;
    ctx.fill();
    ctx.globalAlpha = 0.4;
    ctx.lineWidth = 1;
    ctx.stroke();
    ctx.globalAlpha = 1;
}

function drawPulse(ctx, { camera, view, theme, now, still }, pulse) {
    const age = (now - pulse.at) / PULSE_MS;
    if (age < 0 || age > 1) return;
    const at = toScreen(camera, view, pulse.x, pulse.y);
    ctx.strokeStyle = theme.people[pulse.colour];
    ctx.lineWidth = 2.5;
    for (const delay of still ? [0] : [0, 0.18, 0.36]) {
        const t = still ? 0.35 : (age - delay) / (1 - delay);
        if (t < 0 || t > 1) continue;
        ctx.globalAlpha = still ? 0.8 : (1 - t) ** 1.4;
        ctx.beginPath();
        ctx.arc(at.x, at.y, 8 + 46 * (1 - (1 - t) ** 3), 0, 2 * Math.PI);
        ctx.stroke();
    }
    ctx.globalAlpha = 1;
}

/** Where the names of fences go: the same places as long as the camera rests, so that they do not dance. */
function placeFenceLabels(ctx, { fences, camera, view, pulses, now }, taken) {
    ctx.font = FENCE_FONT;
    const items = [];
    for (const fence of fences) {
        const { box, anchor } = fence.shape;
        const at = toScreen(camera, view, anchor.x, anchor.y);
        if (at.x < -80 || at.y < -20 || at.x > view.width + 80 || at.y > view.height + 20) continue;
        const width_px = (box.x1 - box.x0) * camera.scale;
        const height_px = (box.y1 - box.y0) * camera.scale;
        if (Math.max(width_px, height_px) < 14 || !fence.name) continue;
        fence.text_px ??= ctx.measureText(fence.name).width;
        const half = fence.text_px / 2;
        const first = toScreen(camera, view, box.x0, box.y0);
        const last = toScreen(camera, view, box.x1, box.y1);
        const [above, below] = [first.y - 10, last.y + 10];
        const [right, left] = [Math.max(last.x, at.x + 10) + half + 8, Math.min(first.x, at.x - 10) - half - 8];
        const around = [
            { x: at.x, y: above },
            { x: at.x, y: below },
            { x: right, y: at.y },
            { x: left, y: at.y },
            { x: first.x + half, y: above },
            { x: first.x + half, y: below },
            { x: last.x - half, y: above },
            { x: last.x - half, y: below },
        ];
        const inside = [0, -18, 18].map((dy) => ({ x: at.x, y: at.y + dy }));
        const hot = pulses.some((pulse) => pulse.fence_id === fence.id && now - pulse.at < PULSE_MS);
        // A name may run over the edge of a place that is not tiny: better than standing away from it.
        const roomy = width_px > 64 && height_px > 24;
        items.push({
            id: fence.id,
            fence,
            width: fence.text_px + 10,
            height: 17,
            order: hot ? -1 : width_px > view.width * 0.6 ? 1 : 0,
            candidates: roomy ? [...inside, ...around.slice(0, 2)] : [...around, ...inside],
        });
    }
    // What just happened is named first; then the small and precise places, which people know by name; the widest last.
    items.sort((a, b) => a.order - b.order || b.fence.rank - a.fence.rank);
    const clear = { ...view, height: view.height - (view.pad?.bottom ?? 0) };
    const placed = placeLabels(items, clear, taken);
    return items.flatMap((item) => (placed.has(item.id) ? [{ ...placed.get(item.id), item }] : []));
}

function drawFenceLabels(ctx, { theme }, labels) {
    ctx.font = FENCE_FONT;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    for (const { x, y, item } of labels) {
        ctx.strokeStyle = theme.halo;
        ctx.lineWidth = 3.5;
        ctx.strokeText(item.fence.name, x, y);
        ctx.fillStyle = item.order > 0 ? theme.soft : theme.ink;
        ctx.fillText(item.fence.name, x, y);
    }
}

function drawMarker(ctx, { camera, view, theme }, marker) {
    const at = toScreen(camera, view, marker.x, marker.y);
    ctx.beginPath();
    ctx.arc(at.x, at.y, 8, 0, 2 * Math.PI);
    ctx.shadowColor = "rgba(10, 16, 32, 0.35)";
    ctx.shadowBlur = 6;
    ctx.shadowOffsetY = 1;
    ctx.fillStyle = theme.ring;
    ctx.fill();
    ctx.shadowColor = "transparent";
    ctx.shadowBlur = ctx.shadowOffsetY = 0;
    ctx.beginPath();
    ctx.arc(at.x, at.y, 5.5, 0, 2 * Math.PI);
    ctx.fillStyle = theme.people[marker.colour];
    ctx.fill();
}

/** Where the names of people go: beside the names of fences if there is room, else over them, and those give way. */
function placeNames(ctx, { markers, camera, view }, taken, dots) {
    ctx.font = PERSON_FONT;
    const items = markers.map((marker) => {
        const at = toScreen(camera, view, marker.x, marker.y);
        const width = ctx.measureText(marker.label).width + 16;
        const aside = width / 2 + 13;
        return {
            id: marker.id,
            marker,
            width,
            height: 21,
            candidates: [
                { x: at.x, y: at.y - 23 },
                { x: at.x + aside, y: at.y },
                { x: at.x, y: at.y + 23 },
                { x: at.x - aside, y: at.y },
            ],
        };
    });
    const free = placeLabels(items, view, [...taken, ...dots]);
    const crowded = items.filter((item) => !free.has(item.id)).map((item) => ({ ...item, required: true }));
    const forced = placeLabels(crowded, view, [...view.covered, ...dots, ...free.values()]);
    return items.map((item) => ({ ...(free.get(item.id) ?? forced.get(item.id)), marker: item.marker }));
}

function drawNames(ctx, { theme }, names) {
    ctx.font = PERSON_FONT;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (const { x, y, width, height, marker } of names) {
        ctx.beginPath();
        ctx.roundRect(x - width / 2, y - height / 2, width, height, height / 2);
        ctx.shadowColor = "rgba(10, 16, 32, 0.22)";
        ctx.shadowBlur = 5;
        ctx.fillStyle = theme.pill;
        ctx.fill();
        ctx.shadowColor = "transparent";
        ctx.shadowBlur = 0;
        ctx.strokeStyle = theme.rim;
        ctx.lineWidth = 1;
        ctx.stroke();
        ctx.fillStyle = theme.ink;
        ctx.fillText(marker.label, x, y + 0.5);
    }
}

/** The length and the words of the scale bar at the middle of the view. */
export function scaleOf(camera, px_max) {
    return scaleBar(1 / (camera.scale * stretch(unproject(camera.x, camera.y).lat)), px_max);
}
