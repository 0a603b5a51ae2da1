// Projection, shapes, camera and label placement: pure functions, so that they can be tested without a page.

/** Radius of the sphere of Web Mercator (EPSG:3857), in metres. */
export const EARTH_M = 6378137;
/** Web Mercator ends here: beyond it y runs to infinity. */
export const LAT_MAX = 85.05112878;
const HALF_TURN_M = Math.PI * EARTH_M;

/** Degrees to Web Mercator metres; y grows to the south, as on a screen. */
export function project(lng, lat) {
    const held = Math.max(-LAT_MAX, Math.min(LAT_MAX, lat));
    const x = (lng * Math.PI * EARTH_M) / 180;
    const y = -EARTH_M * Math.log(Math.tan(Math.PI / 4 + (held * Math.PI) / 360));
    return { x, y };
}

/** The inverse of `project`. */
export function unproject(x, y) {
    const lng = (x * 180) / (Math.PI * EARTH_M);
    const lat = ((2 * Math.atan(Math.exp(-y / EARTH_M)) - Math.PI / 2) * 180) / Math.PI;
    return { lng, lat };
}

/** How many projected metres one metre on the ground takes at this latitude. */
export function stretch(lat) {
    return 1 / Math.cos((Math.max(-LAT_MAX, Math.min(LAT_MAX, lat)) * Math.PI) / 180);
}

/** The turn of the world (…, -2πR, 0, 2πR, …) that brings `x` next to `reference`: shapes at the antimeridian stay whole. */
export function nearest(x, reference) {
    return x - 2 * HALF_TURN_M * Math.round((x - reference) / (2 * HALF_TURN_M));
}

/**
 * A geofence as shapes in projected metres, relative to its own origin so that 32-bit paths stay exact.
 * Returns null for a geometry that cannot be drawn.
 */
export function shapeOf(fence, reference = null) {
    const geometry = fence.geometry;
    if (!geometry || !Array.isArray(geometry.coordinates)) return null;
    if (geometry.type === "Point") return circleOf(geometry.coordinates, fence.radius_m ?? 0, reference);
    const polygons =
        geometry.type === "Polygon"
            ? [geometry.coordinates]
            : geometry.type === "MultiPolygon"
              ? geometry.coordinates
              : [];
    const first = polygons[0]?.[0]?.[0];
    if (!first) return null;
    let origin = project(first[0], first[1]);
    if (reference !== null) origin = { x: nearest(origin.x, reference), y: origin.y };
    const box = emptyBox();
    const parts = polygons.map((rings) =>
        rings.map((ring) =>
            ring.map(([lng, lat]) => {
                const at = project(lng, lat);
                const point = [nearest(at.x, origin.x) - origin.x, at.y - origin.y];
                grow(box, origin.x + point[0], origin.y + point[1]);
                return point;
            }),
        ),
    );
    const largest = parts.reduce((best, rings) => (ringArea(rings[0]) > ringArea(best[0]) ? rings : best), parts[0]);
    const anchor = innerPoint(largest);
    const area = parts.reduce((sum, rings) => sum + ringArea(rings[0]), 0);
    return { kind: "polygons", origin, parts, box, area, anchor: { x: origin.x + anchor[0], y: origin.y + anchor[1] } };
}

function circleOf([lng, lat], radius_m, reference) {
    const origin = project(lng, lat);
    if (reference !== null) origin.x = nearest(origin.x, reference);
    const radius = radius_m * stretch(lat);
    const box = { x0: origin.x - radius, y0: origin.y - radius, x1: origin.x + radius, y1: origin.y + radius };
    return { kind: "circle", origin, radius, box, area: Math.PI * radius * radius, anchor: origin };
}

function ringArea(ring) {
    let sum = 0;
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++)
        sum += ring[j][0] * ring[i][1] - ring[i][0] * ring[j][1];
    return Math.abs(sum / 2);
}

/** Is the point inside the rings (holes count as outside)? Even-odd rule. */
export function contains(rings, x, y) {
    let inside = false;
    for (const ring of rings) {
        for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
            const [xi, yi] = ring[i];
            const [xj, yj] = ring[j];
            if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
        }
    }
    return inside;
}

/** A point well inside a polygon: the middle of the widest run among a few horizontal cuts. A label stands there. */
export function innerPoint(rings) {
    let top = Infinity;
    let bottom = -Infinity;
    for (const [, y] of rings[0]) {
        top = Math.min(top, y);
        bottom = Math.max(bottom, y);
    }
    let best = { width: -1, point: rings[0][0] };
    for (let cut = 1; cut < 16; cut++) {
        const y = top + ((bottom - top) * cut) / 16;
        const crossings = [];
        for (const ring of rings) {
            for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
                const [xi, yi] = ring[i];
                const [xj, yj] = ring[j];
                if (yi > y !== yj > y) crossings.push(((xj - xi) * (y - yi)) / (yj - yi) + xi);
            }
        }
        crossings.sort((a, b) => a - b);
        for (let i = 0; i + 1 < crossings.length; i += 2) {
            const width = crossings[i + 1] - crossings[i];
            // A cut near the middle is the better place for a word of the same room.
            const weight = width * (1 - Math.abs(cut - 8) / 24);
            if (weight > best.width) best = { width: weight, point: [(crossings[i] + crossings[i + 1]) / 2, y] };
        }
    }
    return best.point;
}

export function emptyBox() {
    return { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
}

export function grow(box, x, y) {
    box.x0 = Math.min(box.x0, x);
    box.y0 = Math.min(box.y0, y);
    box.x1 = Math.max(box.x1, x);
    box.y1 = Math.max(box.y1, y);
    return box;
}

/** The camera that shows the whole box inside the view, less its padding. `scale` is pixels per projected metre. */
export function fit(box, view, scale_max = 4) {
    if (!(box.x1 >= box.x0)) return null;
    const pad = view.pad ?? { top: 0, right: 0, bottom: 0, left: 0 };
    const width = Math.max(40, view.width - pad.left - pad.right);
    const height = Math.max(40, view.height - pad.top - pad.bottom);
    const scale = Math.min(scale_max, width / Math.max(1, box.x1 - box.x0), height / Math.max(1, box.y1 - box.y0));
    const middle = { x: pad.left + width / 2, y: pad.top + height / 2 };
    return {
        x: (box.x0 + box.x1) / 2 + (view.width / 2 - middle.x) / scale,
        y: (box.y0 + box.y1) / 2 + (view.height / 2 - middle.y) / scale,
        scale,
    };
}

/** Projected metres to pixels of the view. */
export function toScreen(camera, view, x, y) {
    return { x: (x - camera.x) * camera.scale + view.width / 2, y: (y - camera.y) * camera.scale + view.height / 2 };
}

/** Pixels of the view to projected metres. */
export function toWorld(camera, view, px, py) {
    return { x: (px - view.width / 2) / camera.scale + camera.x, y: (py - view.height / 2) / camera.scale + camera.y };
}

/** The camera after zooming by `factor` with the pixel (px, py) held still. */
export function zoomAt(camera, view, px, py, factor, bounds = { min: 4e-6, max: 12 }) {
    const held = toWorld(camera, view, px, py);
    const scale = Math.max(bounds.min, Math.min(bounds.max, camera.scale * factor));
    return { x: held.x - (px - view.width / 2) / scale, y: held.y - (py - view.height / 2) / scale, scale };
}

/** The longest round length (1, 2 or 5 times a power of ten) that fits `px_max` pixels. */
export function scaleBar(metres_per_px, px_max) {
    const room = metres_per_px * px_max;
    if (!(room > 0) || !Number.isFinite(room)) return { px: 0, label: "" };
    const power = 10 ** Math.floor(Math.log10(room));
    const step = [5, 2, 1].find((each) => each * power <= room) ?? 1;
    const metres = step * power;
    const label =
        metres >= 1000 ? `${metres / 1000} km` : metres >= 1 ? `${metres} m` : `${Math.round(metres * 100)} cm`;
    return { px: metres / metres_per_px, label };
}

/**
 * Places labels greedily, the first item first: each takes its first candidate that is inside the view and free.
 * An item `{ id, width, height, candidates: [{ x, y }] }` gives the middles it would like; `required` takes its first
 * candidate when none is free. Returns a Map from id to `{ x, y, width, height }` (x, y: the middle).
 */
export function placeLabels(items, view, taken = []) {
    const boxes = [...taken];
    const placed = new Map();
    for (const item of items) {
        const boxAt = (at) => ({ x: at.x, y: at.y, width: item.width, height: item.height });
        const free = item.candidates
            .map(boxAt)
            .find((box) => within(box, view) && !boxes.some((other) => overlap(box, other)));
        const box = free ?? (item.required && item.candidates[0] ? boxAt(item.candidates[0]) : null);
        if (!box) continue;
        boxes.push(box);
        placed.set(item.id, box);
    }
    return placed;
}

/** Do two boxes, given by middle and size, share any area? */
export function overlap(a, b) {
    return Math.abs(a.x - b.x) * 2 < a.width + b.width && Math.abs(a.y - b.y) * 2 < a.height + b.height;
}

function within(box, view) {
    return (
        box.x - box.width / 2 >= 0 &&
        box.y - box.height / 2 >= 0 &&
        box.x + box.width / 2 <= view.width &&
        box.y + box.height / 2 <= view.height
    );
}
