// The chips above the map: one button for each neighbourhood to jump to.

import { el, setText } from "./dom.js";

/** Keeps the buttons in `list` as told, in place, so that a button in focus stays there: `[{ name, tail, pressed, press }]`. Says whether the list came or went. */
export function createChips(list) {
    const kept = new Map();
    return (wanted) => {
        const turned = list.hidden === wanted.length > 0;
        list.hidden = !wanted.length;
        for (const [name, chip] of kept) {
            if (wanted.some((each) => each.name === name)) continue;
            chip.button.remove();
            kept.delete(name);
        }
        for (const { name, tail, pressed, press } of wanted) {
            const chip = kept.get(name) ?? mint(list, name);
            kept.set(name, chip);
            setText(chip.tail, tail);
            chip.press = press;
            chip.button.setAttribute("aria-pressed", String(pressed));
        }
        return turned;
    };
}

function mint(list, name) {
    const chip = { tail: el("span"), press: () => {} };
    chip.button = el("button", "", el("b", "", name), chip.tail);
    chip.button.type = "button";
    chip.button.title = name;
    chip.button.addEventListener("click", () => chip.press());
    list.append(chip.button);
    return chip;
}
