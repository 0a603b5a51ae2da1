// Makes elements without markup: every text goes in as text, so that no name or message can become code.

const SVG = "http://www.w3.org/2000/svg";

/** `el("p", "note", "text", child…)`: an element with classes and children; strings become text. */
export function el(name, classes = "", ...children) {
    const element = document.createElement(name);
    if (classes) element.className = classes;
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
}

/** An icon of the sprite in the page, hidden from screen readers. */
export function icon(name) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(SVG, "use");
    use.setAttribute("href", `#i-${name}`);
    svg.append(use);
    return svg;
}

export const byId = (id) => document.getElementById(id);

/** Writes text only when it differs, so that a clock does not disturb the layout every second. */
export function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

/** Moves the children of `list` from where they stood before `change` to where they stand after it. */
export function glideAround(list, change) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return change();
    const before = new Map([...list.children].map((child) => [child, child.getBoundingClientRect()]));
    change();
    for (const [child, { left, top }] of before) {
        if (!child.isConnected) continue;
        const after = child.getBoundingClientRect();
        const [dx, dy] = [left - after.left, top - after.top];
        if (Math.hypot(dx, dy) < 1) continue;
        child.animate([{ transform: `translate(${dx}px, ${dy}px)` }, { transform: "none" }], {
            duration: 420,
            easing: "cubic-bezier(.2,.9,.25,1)",
        });
    }
}
