// The list "Why": every decision as a sentence, newest first, and behind each the trace that led to it.

import { byId, el, icon, setText } from "./dom.js";
import {
    TONES,
    clause,
    deliveryWords,
    momentWords,
    plainer,
    sentenceCase,
    shortOf,
    stepName,
    toneOf,
    valueRows,
    verdict,
} from "./words.js";

const ROWS_MAX = 200;
const CODES_MAX = 5000;
const MOMENTS_MAX = 2000;
/** A screen reader hears at most one verdict in this time (WCAG 4.1.3 without a flood). */
const SAY_EVERY_MS = 5000;

/** Makes the list; `world` gives `formats()`, `person(id, name)`, `isOpen(user_id)` and hears `counted(counts)`. */
export function createWhy(world) {
    const why = {
        list: byId("why"),
        empty: byId("why-empty"),
        say: byId("say"),
        world,
        said: 0,
        filter: "all",
        rows: new Map(),
        codes: new Map(),
        moments: new Map(),
        messages: new Map(),
        deliveries: new Map(),
    };
    why.list.addEventListener("keydown", (event) => walk(why, event));
    for (const button of document.querySelectorAll("#filters button")) {
        button.addEventListener("click", () => sieve(why, button));
    }
    return {
        add: (decisions, live) => add(why, decisions, live),
        moment: (moment) => heed(why, moment),
        push: (push) => word(why, push),
        delivery: (news) => settle(why, news),
        reword: (user_id) =>
            [...why.rows.values()].forEach((row) => row.decision.user_id === user_id && head(why, row)),
        gap: (from, to) => gap(why, from, to),
        rewordAll: () => [...why.rows.values()].forEach((row) => head(why, row)),
    };
}

/** Adds decisions, the oldest first; one that is known already is updated in its place. */
function add(why, decisions, live) {
    const ordered = [...decisions].sort((a, b) => Date.parse(a.decided_at) - Date.parse(b.decided_at));
    for (const decision of ordered) {
        if (!decision?.id) continue;
        remember(why.codes, decision.id, { code: decision.code, moment_id: decision.moment_id }, CODES_MAX);
        const known = why.rows.get(decision.id);
        if (known) {
            known.decision = { ...decision, name: decision.name || known.decision.name };
            head(why, known);
            if (known.open) trace(known);
        } else {
            insert(why, decision, live);
        }
    }
    if (live && ordered.length) announce(why, why.rows.get(ordered.at(-1).id));
    why.empty.hidden = why.rows.size > 0;
    count(why);
}

function insert(why, decision, live) {
    const row = { decision, open: false, item: el("li", "decision"), detail: null };
    row.button = el("button", "decision-head");
    row.button.type = "button";
    row.button.setAttribute("aria-expanded", "false");
    row.button.addEventListener("click", () => toggle(row));
    row.item.append(row.button);
    if (live) row.item.classList.add("fresh");
    head(why, row);
    why.rows.set(decision.id, row);
    // A refetched list may hold decisions that fell into a gap: each finds its place by time.
    const later = [...why.list.children].find((item) => !(Number(item.dataset.at) > Date.parse(decision.decided_at)));
    row.item.dataset.at = String(Date.parse(decision.decided_at));
    why.list.insertBefore(row.item, later ?? null);
    hide(why, row);
    while (why.list.children.length > ROWS_MAX) {
        const last = why.list.lastElementChild;
        for (const [id, each] of why.rows) if (each.item === last) why.rows.delete(id);
        last.remove();
    }
}

/** The row in short: mark, sentence, and a line that says which trigger, who, after what and when. */
function head(why, row) {
    const { decision } = row;
    const person = why.world.person(decision.user_id, decision.name);
    const shown = why.messages.get(decision.message_id);
    const said = verdict(decision, shown ? textOf(why, decision, shown) : null);
    const mark = el("span", `mark ${said.tone}`, icon(said.tone));
    const line = el("span", "verdict", el("b", said.tone, said.lead + (said.joint ?? ": ")), said.rest);
    const time = el("time", "", why.world.formats().second(decision.decided_at));
    time.dateTime = String(decision.decided_at);
    const moment = why.moments.get(decision.moment_id);
    const about = el("span", "about", el("i", `dot person-${person.colour}`), el("b", "", person.name));
    if (moment) about.append((moment.kind === "fact" ? "· " : "") + momentWords(moment));
    const news = why.deliveries.get(decision.message_id);
    if (news) about.append(el("span", `fate ${news.state}`, deliveryWords(news.state)));
    const trigger = el("span", "trigger", sentenceCase(decision.trigger || "A trigger"));
    trigger.title = decision.trigger || "";
    const top = el("span", "top", trigger, time, icon("more"));
    row.button.replaceChildren(mark, el("span", "words", top, line, about));
    row.line = line;
    row.when = why.world.formats().instant;
}

/** The title of the message; of a sensitive one only the public title while the phone is locked. */
function textOf(why, decision, shown) {
    if (!shown.sensitive || why.world.isOpen(decision.user_id)) return shown.title;
    return shown.public_title || "a private message";
}

function toggle(row, open = !row.open) {
    row.open = open;
    row.button.setAttribute("aria-expanded", String(open));
    row.item.classList.toggle("open", open);
    if (open) trace(row);
    else row.detail?.remove();
}

/** The judgement step by step, with the values as they were. */
function trace(row) {
    const { decision } = row;
    const steps = el("ol", "steps");
    for (const step of Array.isArray(decision.trace) ? decision.trace : []) {
        const item = el(
            "li",
            step.passed ? "passed" : "stopped",
            icon(step.passed ? "check" : "cross"),
            el("b", "", stepName(step.step)),
            el("span", "sr", step.passed ? " passed: " : " stopped here: "),
            el("span", "says", plainer(step.says)),
        );
        const rows = valueRows(step.values, 14, row.when);
        if (rows.length) {
            const values = el("dl", "values");
            for (const [name, text] of rows) values.append(el("div", "", el("dt", "", name), el("dd", "", text)));
            item.append(values);
        }
        steps.append(item);
    }
    if (!steps.children.length) steps.append(el("li", "none", "No step was recorded for this decision."));
    const foot = el("p", "trace-foot", el("code", "", decision.code), ` · revision ${decision.revision ?? "?"}`);
    for (const fact of Object.values(decision.facts ?? {}))
        foot.append(` · ${fact?.type ?? "fact"} ${fact?.key ?? ""}`);
    const detail = el("div", "trace", steps, foot);
    if (row.detail?.isConnected) row.detail.replaceWith(detail);
    else row.item.append(detail);
    row.detail = detail;
}

/** Arrows, Home and End walk through the rows; Escape closes the open one. */
function walk(why, event) {
    const row = [...why.rows.values()].find((each) => each.button === document.activeElement);
    if (!row) return;
    if (event.key === "Escape") return toggle(row, false);
    const buttons = [...why.list.querySelectorAll("li:not([hidden]) > .decision-head")];
    const here = buttons.indexOf(row.button);
    const there = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (there === undefined || !buttons[there]) return;
    event.preventDefault();
    buttons[there].focus();
}

function sieve(why, chosen) {
    why.filter = chosen.value;
    for (const button of chosen.parentElement.children) button.setAttribute("aria-pressed", String(button === chosen));
    for (const row of why.rows.values()) hide(why, row);
}

function hide(why, row) {
    const tone = toneOf(row.decision.code);
    row.item.hidden = !(why.filter === "all" || why.filter === tone || (why.filter === "held" && tone === "fault"));
}

function heed(why, moment) {
    if (!moment.id) return;
    remember(why.moments, moment.id, moment, MOMENTS_MAX);
    for (const row of why.rows.values()) if (row.decision.moment_id === moment.id) head(why, row);
    count(why);
}

function word(why, push) {
    if (!push.message_id || !push.shown) return;
    remember(why.messages, push.message_id, push.shown, MOMENTS_MAX);
    for (const row of why.rows.values()) if (row.decision.message_id === push.message_id) head(why, row);
}

function settle(why, news) {
    remember(why.deliveries, news.message_id, news, MOMENTS_MAX);
    for (const row of why.rows.values()) if (row.decision.message_id === news.message_id) head(why, row);
}

/** The stream was away: the list is whole again, the movements in between are not known. */
function gap(why, from, to) {
    const format = why.world.formats().second;
    const item = el(
        "li",
        "gap",
        icon("gap"),
        `Connection lost from ${format(from)} to ${format(to)}. The decisions were fetched again.`,
    );
    item.dataset.at = String(to);
    why.list.prepend(item);
}

function remember(map, id, value, most) {
    map.delete(id);
    map.set(id, value);
    if (map.size > most) map.delete(map.keys().next().value);
}

/** How many moments, and how many decisions of each code and tone. */
function count(why) {
    const moments = new Set(why.moments.keys());
    const tones = { sent: 0, wait: 0, held: 0, fault: 0 };
    const reasons = new Map();
    for (const { code, moment_id } of why.codes.values()) {
        moments.add(moment_id);
        const tone = toneOf(code);
        tones[tone]++;
        if (tone !== "sent") reasons.set(code, (reasons.get(code) ?? 0) + 1);
    }
    const sorted = [...reasons]
        .map(([code, n]) => ({ code, n, words: shortOf(code), tone: toneOf(code) }))
        .sort((a, b) => b.n - a.n);
    why.world.counted({ moments: moments.size, tones, reasons: sorted });
}

function announce(why, row) {
    if (!row || performance.now() - why.said < SAY_EVERY_MS) return;
    why.said = performance.now();
    const person = why.world.person(row.decision.user_id, row.decision.name);
    setText(
        why.say,
        `${person.name}. ${TONES[toneOf(row.decision.code)].lead}: ${clause(row.line.lastChild.textContent)}`,
    );
}
