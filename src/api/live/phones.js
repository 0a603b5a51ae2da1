// The phones: one lock screen per device, on which pushes appear, replace one another and are unlocked.

import { ago } from "./clock.js";
import { byId, el, glideAround, icon, setText } from "./dom.js";
import { shortName } from "./people.js";
import { deliveryWords } from "./words.js";

const PHONES_MAX = 24;
const NOTES_MAX = 6;
const WALLPAPERS = 6;
/** On a test project somebody looks at the phone this long after a private message came, and for so long. */
const LOOK_AFTER_MS = 2500;
const LOOK_MS = 4000;

/** Makes the row of phones; `world` gives `clock`, `formats()`, `project()`, `pretends()`, `near(device_id)` and hears `unlocked(user_id, open)`. */
export function createPhones(world) {
    const row = {
        list: byId("phones"),
        empty: byId("phones-empty"),
        phones: new Map(),
        notes: new Map(),
        world,
        made: 0,
    };
    for (const hand of ["pointerdown", "wheel", "keydown"])
        row.list.addEventListener(hand, () => (row.scrolled = true), { passive: true });
    return {
        see: (person, seen) => see(row, person, seen),
        push: (person, push) => receive(row, person, push),
        delivery: (news) => settle(row, news),
        place: (user_id, text) => place(row, user_id, text),
        rename(person) {
            for (const phone of row.phones.values()) if (phone.user_id === person.id) wear(phone, person);
        },
        tick: () => tick(row),
        isOpen: (user_id) => [...row.phones.values()].some((phone) => phone.user_id === user_id && phone.open),
    };
}

/** A device reported or was spoken to: it gets a phone. */
function see(row, person, { device_id, platform, silent }) {
    if (!device_id) return null;
    let phone = row.phones.get(device_id);
    if (!phone) {
        if (row.phones.size >= PHONES_MAX) retire(row);
        phone = build(row, device_id, platform);
        row.phones.set(device_id, phone);
        row.list.append(phone.item);
        row.empty.hidden = true;
        row.list.hidden = false;
        row.list.dataset.count = String(Math.min(row.phones.size, 9));
    }
    if (phone.user_id !== person.id || phone.name !== person.name) wear(phone, person);
    if (!silent) phone.seen = row.world.clock.now();
    order(row);
    return phone;
}

/** Phones with a message come first, then those near what the map shows; otherwise they stay in the order they came. */
function order(row) {
    const rank = (phone) => (phone.notes.length ? 0 : row.world.near(phone.id) ? 1 : 2);
    const sorted = [...row.phones.values()].map((phone) => [rank(phone), phone]).sort((a, b) => a[0] - b[0]);
    if (sorted.every(([, phone], i) => row.list.children[i] === phone.item)) return;
    glideAround(row.list, () => {
        sorted.forEach(([, phone], i) => {
            if (row.list.children[i] !== phone.item) row.list.insertBefore(phone.item, row.list.children[i] ?? null);
        });
        // The browser keeps the old first phone in sight; until somebody scrolls, the new first one should be.
        if (!row.scrolled) row.list.scrollLeft = 0;
    });
}

/** The phone that was silent the longest makes room. */
function retire(row) {
    const oldest = [...row.phones.values()].reduce((a, b) => (a.seen <= b.seen ? a : b));
    oldest.item.remove();
    row.phones.delete(oldest.id);
    for (const [id, note] of row.notes) if (note.phone === oldest) row.notes.delete(id);
}

function wear(phone, person) {
    phone.user_id = person.id;
    phone.name = person.name;
    setText(phone.owner, person.name);
    phone.item.className = `phone person-${person.colour}${phone.item.classList.contains("looks") ? " looks" : ""}`;
    phone.device.setAttribute("aria-label", `Lock screen of ${person.name}`);
}

function build(row, device_id, platform) {
    const ios = String(platform ?? "").toLowerCase() !== "android";
    const phone = { id: device_id, ios, seen: row.world.clock.now(), notes: [], open: false, user_id: null, name: "" };
    phone.owner = el("b", "owner-name");
    phone.whereabouts = el("span", "whereabouts", ios ? "iPhone" : "Android");
    phone.clock = el("p", "lock-clock");
    phone.small = el("span", "status-clock");
    phone.day = el("p", "lock-day");
    phone.list = el("ol", "notes");
    phone.more = el("p", "more");
    phone.more.hidden = true;
    phone.lock = el("button", "lock", icon("lock"), el("span", "", "Unlock"));
    phone.lock.type = "button";
    phone.lock.hidden = true;
    phone.lock.addEventListener("click", () => {
        phone.by_hand = true;
        unlock(row, phone, !phone.open);
    });
    const status = el("div", "status", phone.small, el("span", "status-icons", icon("signal"), icon("battery")));
    const notes = el("div", "notes-scroll", phone.list, phone.more);
    const screen = el(
        "div",
        `screen wall-${row.made++ % WALLPAPERS}`,
        el("span", "camera"),
        status,
        icon("lock"),
        ios ? phone.day : phone.clock,
        ios ? phone.clock : phone.day,
        notes,
        phone.lock,
        el("span", "home"),
    );
    screen.querySelector(":scope > .icon").classList.add("padlock");
    phone.screen = screen;
    phone.device = el("div", `device ${ios ? "ios" : "android"}`, screen);
    phone.device.setAttribute("role", "group");
    phone.item = el("li", "phone", el("p", "owner", el("i", "dot"), phone.owner, phone.whereabouts), phone.device);
    face(row, phone);
    return phone;
}

/** The clock on the lock screen. */
function face(row, phone) {
    const now = row.world.clock.now();
    const formats = row.world.formats();
    setText(phone.clock, phone.ios ? formats.minute(now) : formats.minute(now).replace(":", "\n"));
    setText(phone.small, formats.minute(now));
    setText(phone.day, formats.day(now));
}

function tick(row) {
    for (const phone of row.phones.values()) {
        face(row, phone);
        for (const note of phone.notes) setText(note.age, ago(note.push.at, row.world.clock.now()));
    }
}

/** A message arrives: it takes the place of the one with its tag, or comes on top. */
function receive(row, person, push) {
    const phone = see(row, person, { device_id: push.device_id, platform: push.platform, silent: true });
    if (!phone || !push.shown) return;
    const same = phone.notes.find((note) => note.push.delivery_id === push.delivery_id);
    const old =
        same ?? (push.shown.tag ? phone.notes.find((note) => note.push.shown.tag === push.shown.tag) : undefined);
    const note = write(row, phone, push);
    note.item.classList.add(old ? "replaces" : "arrives");
    glideAround(phone.list, () => {
        if (old) drop(row, phone, old);
        phone.notes.unshift(note);
        phone.list.prepend(note.item);
        for (const last of phone.notes.slice(NOTES_MAX)) drop(row, phone, last);
    });
    row.notes.set(push.delivery_id, note);
    if (phone.notes.length === 1 && row.phones.get(phone.id) === phone) first(row, phone);
    phone.list.parentElement.scrollTop = 0;
    buzz(phone);
    reveal(phone);
    if (push.shown.sensitive && row.world.pretends()) setTimeout(() => look(row, phone), LOOK_AFTER_MS);
}

/** The first message of a phone moves it up behind those that were spoken to before it. */
function first(row, phone) {
    row.phones.delete(phone.id);
    const spoken = [...row.phones.values()].filter((each) => each.notes.length);
    const silent = [...row.phones.values()].filter((each) => !each.notes.length);
    row.phones = new Map([...spoken, phone, ...silent].map((each) => [each.id, each]));
    order(row);
}

/** An invented person picks the phone up and reads. Whoever has used its lock by hand decides alone from then on. */
function look(row, phone) {
    if (phone.open || phone.by_hand || row.phones.get(phone.id) !== phone) return;
    unlock(row, phone, true);
    phone.item.classList.add("looks");
    setText(phone.whereabouts, `${shortName(phone.name)} looks at the phone`);
    setTimeout(() => {
        phone.item.classList.remove("looks");
        stand(phone);
    }, LOOK_MS);
}

function drop(row, phone, note) {
    note.item.remove();
    phone.notes = phone.notes.filter((each) => each !== note);
    if (row.notes.get(note.push.delivery_id) === note) row.notes.delete(note.push.delivery_id);
}

function buzz(phone) {
    phone.device.classList.remove("buzz");
    void phone.device.offsetWidth; // Without a layout in between the animation would not start again.
    phone.device.classList.add("buzz");
}

function write(row, phone, push) {
    const { shown } = push;
    const note = { push, phone, age: el("span", "note-age"), title: el("b", "note-title"), body: el("p", "note-body") };
    note.padlock = shown.sensitive ? icon("lock") : null;
    note.foot = el("p", "note-foot");
    note.foot.hidden = true;
    const name = el("span", "note-app", row.world.project());
    const head = el("p", "note-head", el("i", "app-icon", icon("usher")), name, note.padlock, note.age);
    note.item = el("li", "note", head, note.title, note.body);
    if (shown.urgency === "high") note.item.classList.add("urgent");
    if (Array.isArray(shown.actions) && shown.actions.length)
        note.item.append(buttons(note, shown.actions.slice(0, 4)));
    note.item.append(note.foot);
    setText(note.age, ago(push.at, row.world.clock.now()));
    texts(note, phone.open);
    return note;
}

/** On the locked screen a sensitive message shows its public text alone. */
function texts(note, open) {
    const { shown } = note.push;
    const hidden = shown.sensitive && !open;
    setText(note.title, hidden ? shown.public_title || "New message" : shown.title || "");
    setText(note.body, hidden ? shown.public_body || "Unlock to read it." : shown.body || "");
    note.body.hidden = note.body.textContent === "";
    note.item.classList.toggle("private", hidden);
}

function buttons(note, actions) {
    const bar = el("div", "note-actions");
    for (const action of actions) {
        const button = el("button", "", action.title || action.id);
        button.type = "button";
        button.addEventListener("click", () => {
            for (const other of bar.children) other.setAttribute("aria-pressed", String(other === button));
            const link = action.link || note.push.shown.link;
            setText(note.foot, link ? `On the phone this opens ${link}` : "On the phone this answers the message");
            note.foot.hidden = false;
        });
        bar.append(button);
    }
    return bar;
}

function unlock(row, phone, open) {
    phone.open = open;
    phone.screen.classList.toggle("open", open);
    for (const note of phone.notes) {
        if (!note.push.shown.sensitive) continue;
        texts(note, open);
        note.item.classList.remove("arrives", "replaces", "unveils");
        void note.item.offsetWidth;
        if (open) note.item.classList.add("unveils");
    }
    reveal(phone);
    row.world.unlocked(phone.user_id, open);
}

/** Shows the unlock button where there is something to reveal. */
function reveal(phone) {
    const secret = phone.notes.some((note) => note.push.shown.sensitive);
    phone.lock.hidden = !secret;
    phone.screen.classList.toggle("secret", secret);
    phone.lock.replaceChildren(
        icon(phone.open ? "lock" : "unlock"),
        el("span", "", phone.open ? "Lock" : "Unlock to read"),
    );
    phone.lock.setAttribute("aria-label", `${phone.open ? "Lock" : "Unlock"} the phone of ${phone.name}`);
}

/** What became of a delivery: only trouble is worth a line on the screen, success is that it is shown. */
function settle(row, news) {
    const note = row.notes.get(news.id);
    if (!note) return;
    const trouble = ["failed", "expired", "cancelled"].includes(news.state);
    note.item.classList.toggle("trouble", trouble);
    if (!trouble) return;
    setText(note.foot, deliveryWords(news.state, news.why));
    note.foot.hidden = false;
}

function place(row, user_id, text) {
    for (const phone of row.phones.values()) {
        if (phone.user_id !== user_id) continue;
        phone.place = text;
        if (!phone.item.classList.contains("looks")) stand(phone);
    }
}

/** Under the name: where the phone is, else what it is. */
function stand(phone) {
    setText(phone.whereabouts, phone.place || (phone.ios ? "iPhone" : "Android"));
    phone.whereabouts.title = phone.place || "";
}
