// The header: project, connection, clock and counts.

import { byId, el, setText } from "./dom.js";

const STATES = {
    connecting: "Connecting",
    live: "Live",
    lost: "Reconnecting",
    refused: "Key refused",
    idle: "Not connected",
};

/** Makes the header; `world` gives `clock` and `formats()`. */
export function createHeader(world) {
    const parts = Object.fromEntries(
        [
            "project",
            "mode",
            "state",
            "state-words",
            "retry",
            "clock",
            "speed",
            "moments",
            "sent",
            "waiting",
            "held",
            "bar",
            "reasons",
            "reasons-none",
        ].map((id) => [id, byId(id)]),
    );
    let retry_at = 0;
    return {
        project({ name, mode }) {
            setText(parts.project, name || "Project");
            document.title = `${name || "Project"} · Usher live`;
            setText(parts.mode, mode === "live" ? "Live data" : "Test data");
            parts.mode.hidden = !mode;
        },
        state(state, detail = {}) {
            parts.state.dataset.state = state;
            parts.state.title = detail.why ?? "";
            retry_at = detail.retry_at ?? 0;
            parts.retry.hidden = state !== "lost";
            setText(parts["state-words"], STATES[state]);
        },
        tick() {
            setText(parts.clock, world.formats().second(world.clock.now()));
            parts.speed.hidden = world.clock.speed === 1;
            setText(parts.speed, `${Math.round(world.clock.speed * 10) / 10}× speed`);
            if (parts.state.dataset.state !== "lost") return;
            const left = Math.max(0, Math.ceil((retry_at - Date.now()) / 1000));
            setText(parts["state-words"], left ? `Reconnecting in ${left} s` : "Reconnecting");
        },
        count: (counts) => count(parts, counts),
    };
}

function count(parts, { moments, tones, reasons }) {
    setText(parts.moments, String(moments));
    setText(parts.sent, String(tones.sent));
    setText(parts.waiting, String(tones.wait));
    setText(parts.held, String(tones.held + tones.fault));
    const total = reasons.reduce((sum, each) => sum + each.n, 0);
    parts.bar.replaceChildren(
        ...reasons.slice(0, 12).map((each, i) => {
            const piece = el("i", `piece ${each.tone} shade-${Math.min(i, 5)}`);
            piece.style.setProperty("flex-grow", String(each.n));
            piece.title = `${each.words}: ${each.n}`;
            return piece;
        }),
    );
    parts.bar.classList.toggle("none", total === 0);
    parts["reasons-none"].hidden = total > 0;
    parts.reasons.replaceChildren(
        ...reasons.map((each, i) => {
            const share = el("i", `piece ${each.tone} shade-${Math.min(i, 5)}`);
            share.style.setProperty("width", `${Math.max(4, (each.n / reasons[0].n) * 100)}%`);
            return el("tr", "", el("th", "", each.words), el("td", "meter", share), el("td", "n", String(each.n)));
        }),
    );
}
