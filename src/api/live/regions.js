// Neighbourhoods: places and people that lie within a day's reach of one another, so that the map need not show the whole world at once.

import { stretch, unproject } from "./geo.js";

/** What lies nearer than this to the middle of a neighbourhood belongs to it. */
export const REACH_M = 50000;
/** Somebody who has not moved for this long stands still. */
const MOVING_MS = 20000;

const ground = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) / a.stretch;

function lead(regions, name, at) {
    const region = { name, x: at.x, y: at.y, stretch: stretch(unproject(at.x, at.y).lat), fences: [], markers: [] };
    regions.push(region);
    return region;
}

const home = (regions, at) => regions.find((region) => ground(region, at) <= REACH_M);

/** The neighbourhoods of the fences, which come largest first: the first of each gives it its middle and its name. */
export function regionsOf(fences) {
    const regions = [];
    const wide = ({ box, anchor }) => box.x1 - box.x0 > 2 * REACH_M * stretch(unproject(anchor.x, anchor.y).lat);
    // A fence as wide as a country would draw everything to its middle.
    const local = fences.filter((fence) => !wide(fence.shape));
    for (const fence of local.length ? local : fences) {
        const { anchor } = fence.shape;
        (home(regions, anchor) ?? lead(regions, fence.name, anchor)).fences.push(fence);
    }
    return regions;
}

/** The same neighbourhoods with the people who are there now; people far from every place make one of their own. */
export function peopled(regions, markers) {
    const all = regions.map((region) => ({ ...region, markers: [] }));
    for (const marker of markers) {
        const at = marker.trail.at(-1) ?? marker;
        (home(all, at) ?? lead(all, `Around ${marker.label}`, at)).markers.push(marker);
    }
    return all;
}

/** The neighbourhood with the most places and people. */
export function busiest(regions) {
    const weight = ({ fences, markers }) => fences.length + markers.length;
    return regions.reduce((best, each) => (!best || weight(each) > weight(best) ? each : best), null);
}

/** The neighbourhood around a point chosen earlier, if it is still there. */
export function around(regions, point) {
    return point ? (regions.find((region) => ground(region, point) <= REACH_M / 2) ?? null) : null;
}

/** "2 moving", "1 person" or "3 places": what is worth knowing before one goes there. */
export function bustle(region, now) {
    const moving = region.markers.filter((marker) => now - marker.moved_at < MOVING_MS).length;
    const many = (n, one, more) => `${n} ${n === 1 ? one : more}`;
    if (moving) return `${moving} moving`;
    return region.markers.length
        ? many(region.markers.length, "person", "people")
        : many(region.fences.length, "place", "places");
}

/** The fences that stand together: one that lies apart, such as a car park far out, would make all others tiny. */
export function compact(fences) {
    if (fences.length < 4) return fences;
    const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
    const anchors = fences.map((fence) => fence.shape.anchor);
    const middle = { x: median(anchors.map(({ x }) => x)), y: median(anchors.map(({ y }) => y)) };
    const away = anchors.map(({ x, y }) => Math.hypot(x - middle.x, y - middle.y));
    const most = 3 * median([...away]);
    return fences.filter((_, i) => away[i] <= most);
}
