// What happens in the scenario: each moment with the decisions it led to and the pushes they sent.

const pass = (step, says, values) => ({ step, passed: true, says, ...(values ? { values } : {}) });
const stop = (step, says, values) => ({ step, passed: false, says, ...(values ? { values } : {}) });
const consent = pass("consent", "Service messages are allowed.", {
    purpose: "service",
    given_at: "2026-04-28T09:12:00Z",
});
const fresh = pass("staleness", "The fix is 4 s old; 15 min are allowed.", { age_s: 4, max_age: "PT15M" });
const flight = pass("facts", "Flight FL1 is active.", {
    flight: { key: "FL1", number: "XY87", departs_at: "2026-05-05T00:10:00Z" },
});

/** One moment with its decisions and pushes: `[second, index of the person, kind, place or fact, [decision…]]`. */
export const STORY = [
    [
        20,
        2,
        "entered",
        "Terminal 1",
        [
            {
                trigger: "pass-at-airport",
                code: "no_fact",
                facts: {},
                trace: [stop("facts", "No active flight of this person.", { type: "flight", found: 0 })],
            },
        ],
    ],
    [
        60,
        0,
        "entered",
        "Boarding Area G",
        [
            {
                trigger: "welcome-arrivals",
                code: "sent",
                facts: { flight: ["flight", "FL9"] },
                trace: [
                    pass("facts", "Flight FL9 is active.", { flight: { key: "FL9", status: "landed" } }),
                    consent,
                    fresh,
                    pass("compose", "Written in German.", { locale: "de" }),
                ],
                push: {
                    title: "Willkommen in San Francisco",
                    body: "Gepäckband 5. Ihr Hotel ist 12 Minuten entfernt.",
                    tag: "flight:FL9",
                },
            },
        ],
    ],
    [
        240,
        1,
        "entered",
        "Main Hall",
        [
            {
                trigger: "pass-at-airport",
                code: "sent",
                facts: { flight: ["flight", "FL1"] },
                trace: [
                    flight,
                    pass("condition", "The flight leaves from here and Ben is checked in.", {
                        "flight.from": "SFO",
                        "place.external_id": "1947304205",
                        "flight.checked_in": true,
                    }),
                    consent,
                    fresh,
                    pass("once_key", "Not said before for FL1.", { key: "pass:FL1:ben" }),
                    pass("holdout", "Drawn into the group that is spoken to.", { share: 0.1, drawn: 0.62 }),
                    pass("compose", "Written in English.", { locale: "en" }),
                ],
                push: {
                    title: "XY87 to New York",
                    body: "Gate A9, boarding 16:20, seat 14C.",
                    tag: "flight:FL1",
                    sensitive: true,
                    public_title: "Your boarding pass is ready",
                    public_body: "Unlock to see gate and seat.",
                    urgency: "high",
                    actions: [{ id: "pass", title: "Show pass", link: "app://pass/FL1" }],
                },
            },
            {
                trigger: "lounge-offer",
                code: "cooldown",
                facts: {},
                trace: [
                    pass("condition", "Ben is in tier 2.", { "user.tier": 2 }),
                    consent,
                    stop("cooldown", "The last offer was 40 min ago; 6 h must pass.", {
                        last_at: "2026-05-04T21:16:00Z",
                        cooldown: "PT6H",
                    }),
                ],
            },
        ],
    ],
    [
        420,
        0,
        "entered",
        "International Terminal Main Hall",
        [
            {
                trigger: "room-on-arrival",
                code: "condition_false",
                facts: { stay: ["stay", "ST1"] },
                trace: [
                    pass("facts", "Stay ST1 is active.", {
                        stay: { key: "ST1", hotel_id: "1477856005", status: "booked" },
                    }),
                    stop("condition", "The stay is at another place.", {
                        "place.external_id": "1947304205",
                        "stay.hotel_id": "1477856005",
                    }),
                ],
            },
        ],
    ],
    [
        520,
        3,
        "entered",
        "Terminal 2",
        [
            {
                trigger: "coffee-before-flight",
                code: "no_consent",
                facts: {},
                trace: [
                    pass("condition", "The coffee bar is open.", { "place.open": true }),
                    stop("consent", "This person has not agreed to offers.", { purpose: "promo", given: false }),
                ],
            },
        ],
    ],
    [
        760,
        1,
        "entered",
        "Security Checkpoint A",
        [
            {
                trigger: "wait-at-security",
                code: "sent",
                facts: { flight: ["flight", "FL1"] },
                trace: [flight, consent, fresh, pass("compose", "Written in English.", { locale: "en" })],
                push: {
                    title: "Security takes about 6 minutes",
                    body: "You have 52 minutes until boarding.",
                    tag: "security",
                },
            },
        ],
    ],
    [
        880,
        2,
        "entered",
        "Central Parking",
        [
            {
                trigger: "find-my-car",
                code: "low_accuracy",
                facts: {},
                trace: [
                    stop("plausibility", "The position was good to 55 m only; this message needs 30 m.", {
                        accuracy_m: 55,
                        needed_m: 30,
                    }),
                ],
            },
        ],
    ],
    [
        1000,
        1,
        "fact",
        "flight FL1",
        [
            {
                trigger: "gate-changed",
                code: "sent",
                facts: { flight: ["flight", "FL1"] },
                trace: [
                    flight,
                    pass("replaces", "Takes the place of the boarding pass on the screen.", { tag: "flight:FL1" }),
                    pass("compose", "Written in English.", { locale: "en" }),
                ],
                push: {
                    title: "Gate changed: A11",
                    body: "Boarding stays at 16:20. It is a 3 minute walk.",
                    tag: "flight:FL1",
                    urgency: "high",
                    actions: [
                        { id: "way", title: "Show the way", link: "app://map/A11" },
                        { id: "ok", title: "OK" },
                    ],
                },
            },
        ],
    ],
    [
        1130,
        0,
        "entered",
        "Grand Hyatt",
        [
            {
                trigger: "room-on-arrival",
                code: "waiting_fact",
                until: 36000,
                facts: { stay: ["stay", "ST1"] },
                trace: [
                    pass("facts", "Stay ST1 is active.", { stay: { key: "ST1", status: "booked" } }),
                    pass("condition", "The stay is at this hotel.", {
                        "place.external_id": "1477856005",
                        "stay.hotel_id": "1477856005",
                    }),
                    stop("wait", "The room is still being prepared.", {
                        "stay.room_state": "cleaning",
                        at_most: "PT10H",
                    }),
                ],
            },
        ],
    ],
    [
        1300,
        0,
        "fact",
        "stay ST1",
        [
            {
                trigger: "room-on-arrival",
                code: "sent",
                facts: { stay: ["stay", "ST1"] },
                trace: [
                    pass("condition", "The stay is at this hotel.", {
                        "place.external_id": "1477856005",
                        "stay.hotel_id": "1477856005",
                        "stay.status": "booked",
                    }),
                    pass("inside", "Ana is in the Grand Hyatt.", { p: 0.9987, evidence_age: "PT3M" }),
                    pass("wait", "The room is ready.", { "stay.room_state": "ready" }),
                    consent,
                    pass("once_key", "Not said before for this stay.", { key: "ST1:ana" }),
                    pass("compose", "Written in English.", { locale: "en" }),
                ],
                push: {
                    title: "Your room is 1204",
                    body: "Welcome, Ana. Your phone opens the door.",
                    tag: "stay:ST1",
                    sensitive: true,
                    public_title: "Your room is ready",
                    public_body: "Unlock to see your room.",
                    urgency: "high",
                    actions: [
                        { id: "key", title: "Open key", link: "app://stay/ST1/key" },
                        { id: "desk", title: "Front desk" },
                    ],
                },
            },
        ],
    ],
    [
        1420,
        3,
        "dwelled",
        "Terminal 2",
        [
            {
                trigger: "coffee-before-flight",
                code: "cap",
                facts: {},
                trace: [consent, stop("cap", "Three messages in 24 h are enough.", { sent: 3, max: 3, per: "PT24H" })],
            },
        ],
    ],
];
