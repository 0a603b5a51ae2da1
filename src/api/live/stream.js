// Talks to the server: lists by pages, and the stream of events with back-off. Knows no element of the page.

const BACKOFF_MS = { first: 500, max: 15000 };
/** The server sends a comment as a sign of life; a stream that is silent for this long is taken for dead. */
const SILENCE_MS = 60000;
const PAGES_MAX = 50;
/** A longer event than this is dropped rather than kept in memory. */
const EVENT_CHARS_MAX = 1 << 20;

/** The server refused the key. */
export class KeyRefused extends Error {}

/** Splits a stream of text into server-sent events; feed it chunks, it calls `emit(name, text)`. */
export function eventParser(emit) {
    let rest = "";
    let name = "";
    let lines = [];
    const line = (text) => {
        if (text === "") {
            if (lines.length) emit(name || "message", lines.join("\n"));
            name = "";
            lines = [];
            return;
        }
        if (text.startsWith(":")) return;
        const colon = text.indexOf(":");
        const field = colon < 0 ? text : text.slice(0, colon);
        const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
        if (field === "event") name = value;
        else if (field === "data") lines.push(value);
    };
    return (chunk) => {
        rest += chunk;
        // A lone CR at the very end may be half of a CRLF: it waits for the next chunk.
        const parts = rest.split(/\r\n|\n|\r(?!$)/);
        rest = parts.pop();
        for (const part of parts) line(part);
        if (rest.length > EVENT_CHARS_MAX) rest = "";
    };
}

/** The wait before try number `tries` (from 0), in milliseconds: doubling, with jitter so that pages do not come in step. */
export function backoff_ms(tries, draw = Math.random()) {
    return Math.min(BACKOFF_MS.max, BACKOFF_MS.first * 2 ** Math.min(tries, 10)) * (0.75 + draw / 2);
}

async function request(path, key, signal) {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${key}` }, signal, cache: "no-store" });
    if (answer.status === 401 || answer.status === 403) {
        throw new KeyRefused(await detailOf(answer, "The server did not accept this key."));
    }
    if (!answer.ok) {
        const error = new Error(await detailOf(answer, `The server answered ${answer.status}.`));
        error.after_ms = Number(answer.headers.get("Retry-After")) * 1000 || 0;
        throw error;
    }
    return answer;
}

/** The words of a problem document (RFC 9457), if the answer is one. */
async function detailOf(answer, otherwise) {
    try {
        const problem = await answer.json();
        return String(problem.detail || problem.title || otherwise);
    } catch {
        return otherwise;
    }
}

/** All items of a list, page by page. */
export async function listAll(path, key, signal) {
    const items = [];
    let cursor = null;
    for (let page = 0; page < PAGES_MAX; page++) {
        const query = cursor ? `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : "";
        const body = await (await request(path + query, key, signal)).json();
        items.push(...(body.items ?? []));
        cursor = body.next_cursor ?? null;
        if (!cursor) break;
    }
    return items;
}

/** One page of a list. */
export async function listOnce(path, key, signal) {
    const body = await (await request(path, key, signal)).json();
    return body.items ?? [];
}

/**
 * Follows the stream until `stop()` is called. `on.event(name, body)` for each event, `on.state(state, detail)` with
 * `connecting`, `live`, `lost` (detail: { retry_at, why }) or `refused` (detail: { why }).
 */
export function follow(key, on) {
    let stopped = false;
    let current = null;
    let wake = () => {};
    const run = async () => {
        for (let tries = 0; !stopped;) {
            on.state("connecting", {});
            let failure = { why: "The server closed the stream.", after_ms: 0 };
            current = new AbortController();
            try {
                await read(
                    key,
                    current,
                    (name, body) => {
                        tries = 0;
                        on.event(name, body);
                    },
                    () => on.state("live", {}),
                );
            } catch (error) {
                if (stopped) return;
                if (error instanceof KeyRefused) return on.state("refused", { why: error.message });
                failure = { why: plain(error), after_ms: error.after_ms ?? 0 };
            }
            if (stopped) return;
            const pause = Math.max(failure.after_ms, backoff_ms(tries++));
            on.state("lost", { why: failure.why, retry_at: Date.now() + pause });
            await new Promise((resolve) => {
                wake = resolve;
                setTimeout(resolve, pause);
            });
        }
    };
    run();
    return {
        stop() {
            stopped = true;
            current?.abort();
            wake();
        },
        /** Tries again at once, for a person who does not want to wait. */
        retry: () => wake(),
    };
}

async function read(key, controller, emit, opened) {
    let watchdog = setTimeout(() => controller.abort(), SILENCE_MS);
    try {
        const answer = await request("/v1/stream", key, controller.signal);
        opened();
        const parse = eventParser((name, text) => {
            let body;
            try {
                body = JSON.parse(text);
            } catch {
                return; // An event that is not JSON is not ours to show.
            }
            if (body && typeof body === "object") emit(name, body);
        });
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            clearTimeout(watchdog);
            watchdog = setTimeout(() => controller.abort(), SILENCE_MS);
            parse(value);
        }
    } finally {
        clearTimeout(watchdog);
    }
}

function plain(error) {
    return error instanceof TypeError || error.name === "AbortError" ? "The server does not answer." : error.message;
}
