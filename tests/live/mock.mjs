// Serves the live page and plays the scripted scenario to it: `node tests/live/mock.mjs [--port 8797] [--speed 30] [--minutes 10]
// [--from 0] [--until 1500] [--empty] [--drop-after 0]`. For work on the page alone; it is in no binary, and it ends by itself.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { FENCES, PEOPLE, PROJECT, iso, positionAt, script } from "./scenario.mjs";

const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({
    options: {
        port: text("8797"),
        speed: text("30"),
        minutes: text("10"),
        from: text("0"),
        until: text("1500"),
        "drop-after": text("0"),
        empty: { type: "boolean", default: false },
    },
});
const number = (name) => Number(values[name]);
const ROOT = new URL("../../src/api/live/", import.meta.url);
const KEY = "sk_test_mock";
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:";
const KINDS = {
    html: "text/html; charset=utf-8",
    css: "text/css; charset=utf-8",
    js: "text/javascript; charset=utf-8",
};
const EVENTS = script();
const started = Date.now();
const now_s = () => Math.min(number("until"), number("from") + ((Date.now() - started) / 1000) * number("speed"));
const streams = new Set();
let drops = number("drop-after") > 0 ? 1 : 0;

async function file(response, name) {
    const body = await readFile(new URL(name, ROOT)).catch(() => null);
    if (!body) return json(response, 404, { title: "Not found" });
    response.writeHead(200, {
        "content-type": KINDS[name.split(".").pop()],
        "content-security-policy": CSP,
        "cache-control": "no-store",
    });
    response.end(body);
}

function json(response, status, body) {
    response.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" });
    response.end(JSON.stringify(body));
}

const send = (stream, name, body) => stream.write(`event: ${name}\ndata: ${JSON.stringify(body)}\n\n`);

function positions(stream, s) {
    for (const person of PEOPLE) {
        const { user_id, device_id, name, platform } = person;
        send(stream, "position", { user_id, device_id, name, platform, at: iso(s), ...positionAt(person, s) });
    }
}

/** A new stream starts where the story stands; the way up to there is sent as positions, so that trails are seen. */
function open(response) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    send(response, "hello", { project: PROJECT, now: iso(now_s()), speed: number("speed") });
    streams.add(response);
    response.on("close", () => streams.delete(response));
    if (values.empty) return;
    const s = now_s();
    for (let at = Math.max(0, s - 900); at < s; at += 20) positions(response, at);
    for (const event of EVENTS)
        if (event.s <= s && (event.name === "push" || event.name === "moment")) send(response, event.name, event.body);
}

const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (request.method !== "GET") return json(response, 405, { title: "Method not allowed" });
    if (pathname === "/") return file(response, "index.html");
    if (/^\/live\/[a-z]+\.(js|css)$/.test(pathname)) return file(response, pathname.slice(6));
    if (pathname === "/openapi.yaml") return json(response, 404, { title: "The mock has no API description" });
    if (request.headers.authorization !== `Bearer ${KEY}`) {
        return json(response, 401, {
            title: "Unauthorized",
            detail: `This key is not known here. The mock's key is ${KEY}.`,
        });
    }
    if (pathname === "/v1/geofences")
        return json(response, 200, { items: values.empty ? [] : FENCES, next_cursor: null });
    if (pathname === "/v1/decisions") {
        const items = EVENTS.filter((event) => event.name === "decision" && event.s <= now_s())
            .map((event) => event.body)
            .reverse();
        return json(response, 200, { items: values.empty ? [] : items.slice(0, 50), next_cursor: null });
    }
    if (pathname === "/v1/stream") return open(response);
    return json(response, 404, { title: "Not found" });
});

let sent_s = now_s();
const beat = setInterval(() => {
    const s = now_s();
    for (const stream of streams) {
        if (values.empty || s === sent_s) {
            stream.write(": still here\n\n");
            continue;
        }
        positions(stream, s);
        for (const event of EVENTS) if (event.s > sent_s && event.s <= s) send(stream, event.name, event.body);
    }
    sent_s = s;
    if (drops && Date.now() - started > number("drop-after") * 1000) {
        drops = 0;
        for (const stream of streams) stream.destroy();
    }
}, 500);

server.listen(number("port"), "127.0.0.1", () => {
    process.stdout.write(`http://127.0.0.1:${server.address().port}/#key=${KEY}\n`);
});
setTimeout(
    () => {
        clearInterval(beat);
        for (const stream of streams) stream.end();
        server.close();
        server.closeAllConnections();
    },
    number("minutes") * 60e3,
);
