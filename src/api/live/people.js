// Who is who: gives every user a name to show, a colour and a short name, once and for the whole page.

import { PERSON_COLOURS } from "./paint.js";

const PEOPLE_MAX = 5000;

/** Keeps the people seen so far. */
export class People {
    #known = new Map();
    #guests = 0;
    #seen = 0;

    /** The person with this id. A name that comes later replaces "Guest 3"; `renamed` says that it did. */
    meet(user_id, name = "") {
        let person = this.#known.get(user_id);
        if (!person) {
            if (this.#known.size >= PEOPLE_MAX) this.#known.delete(this.#known.keys().next().value);
            person = { id: user_id, name: "", short: "", colour: this.#seen++ % PERSON_COLOURS, guest: true };
            this.#known.set(user_id, person);
        }
        person.renamed = false;
        const given = String(name ?? "")
            .trim()
            .slice(0, 80);
        if (given && given !== person.name) {
            person.renamed = person.name !== "";
            person.guest = false;
            Object.assign(person, { name: given, short: shortName(given) });
        } else if (!person.name) {
            const label = `Guest ${++this.#guests}`;
            Object.assign(person, { name: label, short: label });
        }
        return person;
    }
}

/** The first word of a name, for the map, with the number that tells "Bus 14" from "Bus 15"; a long one is cut. */
export function shortName(name) {
    const [word, second] = name.split(/\s+/);
    const first = second && /^\d/.test(second) ? `${word} ${second}` : word;
    return [...first].length > 14 ? `${[...first].slice(0, 13).join("")}…` : first;
}
