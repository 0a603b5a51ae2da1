// Dragging the map with a mouse or a finger, and pinching it with two.

/** Calls `pan(dx, dy)` and `zoom(factor, [x, y])`, in pixels of the canvas. */
export function listenToFingers(canvas, pan, zoom) {
    const fingers = new Map();
    const spread = () => {
        const [a, b] = [...fingers.values()];
        return { d: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    };
    canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    });
    canvas.addEventListener("pointermove", (event) => {
        const last = fingers.get(event.pointerId);
        if (!last) return;
        const before = fingers.size === 2 ? spread() : null;
        fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
        if (!before) return pan(event.offsetX - last.x, event.offsetY - last.y);
        const after = spread();
        pan(after.x - before.x, after.y - before.y);
        if (before.d > 0) zoom(after.d / before.d, [after.x, after.y]);
    });
    const lift = (event) => fingers.delete(event.pointerId);
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
}
