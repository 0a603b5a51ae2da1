// The server's clock as this page sees it: starts at the stream's `now` and runs at the demo's speed.

/** A clock that can be set; without a word from the server it is the clock of this computer. */
export class StreamClock {
    #at = Date.now();
    #since = performance.now();
    speed = 1;

    set(now, speed = 1) {
        const at = Date.parse(now);
        if (Number.isFinite(at)) this.#at = at;
        this.#since = performance.now();
        this.speed = Number.isFinite(speed) && speed > 0 ? speed : 1;
    }

    /** Something happened at `at`: a demo's clock never stands before what it has shown. Real phones do not set the clock. */
    witness(at) {
        if (this.speed === 1) return;
        const seen = Date.parse(at);
        if (Number.isFinite(seen) && seen > this.now() && seen - this.now() < 3600e3 * this.speed)
            this.set(at, this.speed);
    }

    /** Milliseconds since 1970. */
    now() {
        return this.#at + (performance.now() - this.#since) * this.speed;
    }
}

/** Formats times in one zone: that of the places when they agree, else that of this computer. */
export function formats(zone) {
    const make = (options) => {
        try {
            return new Intl.DateTimeFormat(undefined, { ...options, timeZone: zone });
        } catch {
            return new Intl.DateTimeFormat(undefined, options); // A zone this browser does not know.
        }
    };
    const second = make({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    const minute = make({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const day = make({ weekday: "long", day: "numeric", month: "long" });
    const instant = make({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const valid = (at) => (Number.isFinite(Number(at)) ? Number(at) : Date.parse(at));
    const safe = (format) => (at) => (Number.isFinite(valid(at)) ? format.format(valid(at)) : "");
    return { second: safe(second), minute: safe(minute), day: safe(day), instant: safe(instant) };
}

/** "now", "4 min", "2 h": how long ago, for a phone's screen. */
export function ago(at, now) {
    const minutes = Math.floor((now - Date.parse(at)) / 60e3);
    if (!(minutes >= 1)) return "now";
    return minutes < 60
        ? `${minutes} min`
        : minutes < 1440
          ? `${Math.floor(minutes / 60)} h`
          : `${Math.floor(minutes / 1440)} d`;
}
