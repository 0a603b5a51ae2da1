//! Every bound of the house, with its reason. Nothing in Usher grows without one.

/// Records in one `POST /v1/track` (Overland sends up to 1,000 in one batch).
pub const RECORDS_PER_BATCH_MAX: usize = 1_000;
/// Bytes of a request body after decompression: 1,000 Overland fixes are about 600 KB.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of an imported geofence file.
pub const IMPORT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Nesting of a JSON body: deeper bodies are attacks.
pub const JSON_DEPTH_MAX: usize = 32;
/// Characters of a name, key, tag or reference.
pub const NAME_CHARS_MAX: usize = 128;
/// Bytes of the properties of one fact, event, user or geofence.
pub const PROPERTIES_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a condition text (DESIGN.md 3).
pub const CONDITION_BYTES_MAX: usize = 1024;
/// Characters of one template text.
pub const TEMPLATE_CHARS_MAX: usize = 2_000;
/// Characters of one rendered text: FCM takes 4,096 bytes for the whole payload.
pub const RENDERED_CHARS_MAX: usize = 1_000;
/// Steps a template may take while it renders.
pub const TEMPLATE_FUEL: u64 = 10_000;
/// Locales of one content.
pub const LOCALES_MAX: usize = 60;
/// Bytes of the bar code of a boarding pass: four legs with all their fields stay far below.
pub const BAR_CODE_BYTES_MAX: usize = 1_024;
/// Characters of one value on a pass; a longer one is not shown.
pub const PASS_TEXT_CHARS_MAX: usize = 100;
/// Wallets that one pass of one person may lie in.
pub const WALLETS_PER_PASS_MAX: u64 = 50;
/// Passes of one wallet that are told; a frequent flyer has fewer.
pub const PASSES_PER_WALLET_MAX: u64 = 500;
/// Bytes of the name an Apple phone gives its wallet, of a push token, and of what it logs: theirs stay below 100.
pub const WALLET_NAME_BYTES_MAX: usize = 256;
/// Wallets woken in one round.
pub const WALLETS_PER_ROUND_MAX: u64 = 100;
/// Times a wallet is woken for one piece of news; it asks by itself as well.
pub const WALLET_ATTEMPTS_MAX: u32 = 8;
/// Hours that a link to a pass may be good for.
pub const LINK_HOURS_MAX: u32 = 168;
/// Bytes of the token of a link: ids, type and key of a fact, and the seal, in base64url.
pub const LINK_TOKEN_BYTES_MAX: usize = 1_024;
/// How long a pass that is over is still told, so that apps take it away.
pub const PASS_TOLD_FOR: chrono::TimeDelta = chrono::TimeDelta::days(1);
/// Subjects of one fact: a family, a tour group.
pub const SUBJECTS_PER_FACT_MAX: usize = 50;
/// Facts remembered for one user; the oldest ended ones go first.
pub const FACTS_PER_USER_MAX: usize = 200;
/// Devices remembered for one user; the one silent longest goes first.
pub const DEVICES_PER_USER_MAX: usize = 20;
/// Open waits of one user; a further one is refused with a recorded reason.
pub const WAITS_PER_USER_MAX: usize = 100;
/// Geofences one user can be inside of or have left lately; the oldest visit goes first.
pub const VISITS_PER_USER_MAX: usize = 200;
/// Sends remembered per user for caps and cool-downs; more than any sensible cap counts.
pub const SENDS_PER_USER_MAX: usize = 300;
/// Days for which sends are remembered: the longest window of a cap or a cool-down.
pub const SENDS_KEPT_DAYS: i64 = 92;
/// Moments one input may notice; a batch of 1,000 fixes over nested fences stays far below.
pub const MOMENTS_PER_INPUT_MAX: usize = 5_000;
/// The longest a wait may stay open (DESIGN.md 5.8 asks for a limit; a month covers a travel booking).
pub const WAIT_DAYS_MAX: i64 = 31;
/// Attempts of one delivery, whatever its life allows.
pub const ATTEMPTS_MAX: u32 = 12;
/// Rows of one page.
pub const PAGE_ROWS_MAX: u64 = 200;
/// Inputs a lane takes in one go, and so the most one commit of a lane holds.
pub const INPUTS_PER_LANE_BATCH_MAX: usize = 512;
/// Inputs queued for one lane before callers are told to come back later.
pub const INPUTS_QUEUED_PER_LANE_MAX: usize = 4_096;
/// So few inputs wait in a lane without being asked how long it will take.
pub const INPUTS_ALWAYS_QUEUED: usize = 256;
/// How long an input may have to wait in a lane; when it would be longer, callers are told to come back later.
pub const INPUT_WAIT_MAX: std::time::Duration = std::time::Duration::from_millis(400);
/// Inputs of one project queued for one lane: a flood of one leaves room for the others.
pub const INPUTS_QUEUED_PER_PROJECT_MAX: usize = 3_072;
/// Bytes of request bodies that are being read, waited for or worked on; what they become takes a few times as much.
pub const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Requests after which the buckets of those who have been silent are forgotten.
pub const BUCKETS_SWEPT_EVERY: usize = 10_000;
/// Times an entry of the inbox may fail through a fault of its own before it is set aside.
pub const INBOX_TRIES_MAX: i64 = 5;
/// Subjects kept in memory per lane, of some hundred bytes to a few kilobytes each: on two cores those of a hundred thousand phones.
pub const SUBJECTS_PER_LANE_MAX: usize = 64_000;
/// Deliveries claimed in one go.
pub const DELIVERIES_PER_CLAIM_MAX: u64 = 512;
/// Pages of devices looked at for one page of silent ones.
pub const PAGES_PER_LOOK_MAX: usize = 10;
/// Timers fired in one go.
pub const TIMERS_PER_TICK_MAX: u64 = 1_000;
/// Sends under way at once. At a provider's usual 50 ms these are some 10,000 messages a second; each holds a few KiB.
pub const SENDS_AT_ONCE_MAX: usize = 512;
/// Routes (a tenant's channel) that one claim takes from; further ones have their turn next.
pub const ROUTES_PER_CLAIM_MAX: usize = 64;
/// Routes remembered with their pace and their troubles; those at rest are forgotten first.
pub const ROUTES_REMEMBERED_MAX: usize = 4_096;
/// Sends by one route that fail in a row before it is only probed. At one failure in ten a row like this comes once in 10^10 sends.
pub const FAILURES_IN_A_ROW_MAX: u32 = 10;
/// Sends that have ended and wait to be settled in one transaction; more sends begin when they are written.
pub const SETTLED_AT_ONCE_MAX: usize = 256;
/// Listeners of the live stream, each with a bounded backlog.
pub const STREAM_BACKLOG_MAX: usize = 1_024;
/// Levels of the tree of one condition, such as the sums in `1 + 1 + 1`: recursion over it must stay shallow.
pub const CONDITION_DEPTH_MAX: usize = 32;
/// `+` on texts or lists in one condition: enough for a once-key, too few to build a big text.
pub const CONDITION_JOINS_MAX: usize = 16;
/// Bytes of a regular expression in `matches()`.
pub const PATTERN_BYTES_MAX: usize = 256;
/// Bytes a compiled regular expression may take (RELIABILITY C6): `a{1000}{1000}` needs more.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a text an expression answers, such as a once-key.
pub const EXPRESSION_ANSWER_BYTES_MAX: usize = 512;
/// `for` inside `for` in one template: a list of a list is the most a message shows.
pub const TEMPLATE_LOOPS_DEEP_MAX: usize = 2;
/// Characters of what one filter of a template returns: filters that multiply a text must not build a big one.
pub const FILTERED_CHARS_MAX: usize = 4_000;
/// Characters of a date format such as `%d.%m.`.
pub const DATE_FORMAT_CHARS_MAX: usize = 32;
/// Nested calls and blocks while a template renders.
pub const TEMPLATE_RECURSION_MAX: usize = 32;
/// How long a key is taken from memory before the store is asked again: a revocation on another node is noticed after it.
pub const KEY_CACHED_FOR: chrono::TimeDelta = chrono::TimeDelta::seconds(5);
/// Keys kept in memory; more than one node's servers use.
pub const KEYS_CACHED_MAX: usize = 10_000;
/// Devices kept in memory with who holds them; at some 250 bytes each they take 50 MB at most.
pub const DEVICES_CACHED_MAX: usize = 200_000;
/// How long a device is taken from memory where other processes write the database: what another one changed is noticed after it.
pub const DEVICE_CACHED_FOR: chrono::TimeDelta = chrono::TimeDelta::seconds(60);
/// The same where this process alone writes: it hears of every change, so this only clears up.
pub const DEVICE_CACHED_ALONE_FOR: chrono::TimeDelta = chrono::TimeDelta::hours(6);
/// Bytes of a credential: ours have 60.
pub const TOKEN_BYTES_MAX: usize = 256;
/// Characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Bytes of a push address: FCM registration tokens have about 200, web push subscriptions stay below 2,000.
pub const PUSH_ADDRESS_BYTES_MAX: usize = 4_096;
/// Bytes of the address at a browser's push service: they have some 200.
pub const PUSH_ENDPOINT_BYTES_MAX: usize = 2_048;
/// Characters of a device token of APNs: it has 64 today, and Apple asks not to rely on it.
pub const APNS_TOKEN_CHARS_MAX: usize = 200;
/// Watchers of the live stream at once; each holds a connection.
pub const STREAM_WATCHERS_MAX: usize = 200;
/// Connections at once: idle phones are cheap, but not free.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Regions one phone can be given: Android takes 100 per app, of which 95 are ours (SDK.md).
pub const REGIONS_MAX: usize = 95;
/// Purposes, hours and such in one small map of a body.
pub const ENTRIES_PER_MAP_MAX: usize = 100;
/// Positions of one geofence (DESIGN.md 5.5).
pub const FENCE_VERTICES_MAX: usize = 10_000;
/// Bytes of the geometry of one geofence (DESIGN.md 5.5).
pub const FENCE_BYTES_MAX: usize = 1024 * 1024;
/// Cells of the fence index (at most 611 m wide) that one geofence may touch; a larger one is kept in tiles of 16 by 16 cells.
pub const FENCE_CELLS_MAX: i64 = 4_096;
/// Tiles of the fence index that one geofence may touch; a larger one is kept in the 2,048 shards of the globe.
pub const FENCE_TILES_MAX: i64 = 1_024;
/// Smallest radius of a circle in metres: below it no phone can tell inside from outside.
pub const FENCE_RADIUS_M_MIN: f64 = 1.0;
/// Largest radius of a circle in metres: a country; what is larger is drawn as a polygon.
pub const FENCE_RADIUS_M_MAX: f64 = 1_000_000.0;
/// Features of one imported file.
pub const FEATURES_PER_IMPORT_MAX: usize = 10_000;
/// Pairs of edges looked at before an outline counts as too complex; at 40 nanoseconds each the check ends within 50 milliseconds.
pub const EDGE_PAIRS_MAX: usize = 1_200_000;
/// Places where the outlines of one geofence's polygons may meet: merging them costs time and memory for each.
pub const OUTLINE_MEETINGS_MAX: usize = 20_000;
/// Edge tests the placing of holes may cost, a nanosecond or two each.
pub const HOLE_TESTS_MAX: usize = 20_000_000;
/// Pieces the edges of a far or polar area are cut into while its distance is measured, which keeps that below two milliseconds.
pub const EDGE_PIECES_MAX: u32 = 20_000;
/// An answer to a write with an `Idempotency-Key` is kept this long (DESIGN.md 6).
pub const ANSWER_KEPT: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// A request that began this long ago and never finished died with its process: its key may be used again.
pub const ANSWER_LOST_AFTER: chrono::TimeDelta = chrono::TimeDelta::seconds(60);
/// Days that anything is kept at least: a record that is repeated within a week must be known.
pub const KEPT_DAYS_MIN: u32 = 8;
/// Rows removed in one step of retention.
pub const PURGED_PER_STEP_MAX: u64 = 500;
/// Words and signs in one tag of a template, which bounds how deep the parser recurses over it.
pub const TEMPLATE_WORDS_PER_TAG_MAX: usize = 100;
/// Brackets in brackets in one condition. The parser takes some 170 KiB of stack for each without optimisation, and an
/// overflow ends the process: this must fit a worker's 2 MiB with room to spare.
pub const CONDITION_BRACKETS_DEEP_MAX: usize = 7;
/// `? :` in one condition, over which the parser recurses as well.
pub const CONDITION_CONDITIONALS_MAX: usize = 7;
/// Times one input is stepped when send keys turn out to be taken: each time all taken keys are learnt, so a few are enough.
pub const STEPS_PER_INPUT_MAX: usize = 16;
/// Lanes of one process: each is a task with a cache of its own.
pub const LANES_MAX: usize = 64;
/// Deliveries of one round of dispatch, after which the other work of its loop has its turn.
pub const DELIVERIES_PER_ROUND_MAX: usize = 10_000;
/// Seconds a delivery may be leased: a sender that died must not hold a message back for longer.
pub const LEASE_S_MAX: i64 = 600;
/// Rounds of one recovery: an inbox that fills faster than it is stepped is taken up again by the next tick.
pub const RECOVERY_ROUNDS_MAX: usize = 1_000;
/// Pushes to tray phones that the live stream repeats to a new watcher; a restart forgets them.
pub const PUSHES_REMEMBERED_MAX: usize = 100;
/// Times of facts remembered as come for one user: 200 facts with a dozen times each stay below.
pub const REACHED_PER_USER_MAX: usize = 4_096;
/// Events remembered for one user because some trigger counts them; the oldest go first.
pub const COUNTED_PER_USER_MAX: usize = 1_000;
/// Bytes of a property that a trigger compares between events (`same`): an id, not a document.
pub const COUNTED_VALUE_BYTES_MAX: usize = 256;
/// The most often an event can be counted by one trigger.
pub const COUNTED_TIMES_MAX: u32 = 100;
/// The longest time within which events are counted.
pub const COUNTED_DAYS_MAX: i64 = 92;
/// Characters of what a person wrote back to a message.
pub const REPLY_CHARS_MAX: usize = 2_000;
/// How often what became of all deliveries is counted for the measures, at most.
pub const BOOKS_COUNTED_EVERY: chrono::TimeDelta = chrono::TimeDelta::seconds(10);
/// One part in so many of the time goes into counting them, at most.
pub const BOOKS_COUNTED_SHARE: i32 = 100;
/// Further ways of one message.
pub const RUNGS_PER_MESSAGE_MAX: usize = 4;
/// The longest a further way of a message waits for the ways before it.
pub const RUNG_AFTER_MAX: chrono::TimeDelta = chrono::TimeDelta::days(7);
/// How far around a time Explain looks for a moment when nothing was decided.
pub const EXPLAIN_AROUND: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// Geofences that one finding of the lint names; the others are counted.
pub const FENCES_NAMED_MAX: usize = 3;
/// States of one journey: more than a person can draw on one page.
pub const STATES_PER_JOURNEY_MAX: usize = 32;
/// Triggers of one state of a journey.
pub const TRIGGERS_PER_STATE_MAX: usize = 16;
/// Ways out of one state of a journey, besides its limit.
pub const MOVES_PER_STATE_MAX: usize = 16;
/// Characters of the name of a state, and of a reason to leave a journey.
pub const STATE_NAME_CHARS_MAX: usize = 64;
/// The longest a state of a journey may last: three years cover a lease or a warranty.
pub const STATE_DAYS_MAX: i64 = 1_096;
/// Open instances of journeys of one user; a further one ends as `too_many` when it begins.
pub const INSTANCES_PER_USER_MAX: usize = 50;
/// Versions of a journey whose own word on what is stuck is heard; instances of older ones are stuck at their limit alone.
pub const VERSIONS_WATCHED_MAX: usize = 16;
/// States one instance goes through in one step; one that goes on is in a circle and ends as `circling`.
pub const MOVES_PER_STEP_MAX: usize = 16;
/// Bytes of the schema of one fact type: as many as the properties it describes may have.
pub const FACT_SCHEMA_BYTES_MAX: usize = 16 * 1024;
/// Levels of the schema of one fact type, references followed.
pub const FACT_SCHEMA_DEPTH_MAX: usize = 32;
/// Parts of one schema, references followed: what each check of a fact goes through at most.
pub const FACT_SCHEMA_PARTS_MAX: usize = 2_000;
/// Patterns of one schema; each takes up to [`PATTERN_COMPILED_BYTES_MAX`].
pub const FACT_SCHEMA_PATTERNS_MAX: usize = 32;
/// Violations that are told of one fact.
pub const FACT_ERRORS_MAX: usize = 50;
/// Fact types of one project.
pub const FACT_TYPES_MAX: usize = 200;
/// Steps of one walk, its paths cut into fixes: a day of a fix every half second.
pub const STEPS_PER_WALK_MAX: usize = 200_000;
/// Timers that may fire in one walk: a story of a month with a timer a minute stays below; more is a loop.
pub const TIMERS_PER_WALK_MAX: usize = 50_000;
/// Steps of one simulation over HTTP: three days of a fix every half minute.
pub const STEPS_PER_SIMULATION_MAX: usize = 10_000;
/// Timers that may fire in one simulation over HTTP.
pub const TIMERS_PER_SIMULATION_MAX: usize = 10_000;
/// Time from the first to the last step of one simulation over HTTP.
pub const SIMULATION_SPAN_MAX: chrono::TimeDelta = chrono::TimeDelta::days(366);
/// Moments, decisions, messages and refusals that one simulation may answer.
pub const ROWS_PER_SIMULATION_MAX: usize = 5_000;
/// Bytes of the answer of one simulation: every decision brings the trace of its values.
pub const SIMULATION_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Simulations under way at once in one process: each fills a core.
pub const SIMULATIONS_AT_ONCE_MAX: usize = 2;
/// A simulation that takes longer is given up.
pub const SIMULATION_LASTS_MAX: std::time::Duration = std::time::Duration::from_secs(20);
/// Metres of noise: beyond it a fix says nothing about any place on foot.
pub const NOISE_M_MAX: f64 = 100_000.0;
/// Drafts that one simulation tries beside what is live.
pub const DRAFTS_PER_SIMULATION_MAX: usize = 20;
/// Timers that may fire for one person in a backtest: one an hour for a quarter, five times over.
pub const TIMERS_PER_REPLAY_MAX: usize = 10_000;
/// Moments that a backtest names for each reason.
pub const EXAMPLES_PER_REASON_MAX: usize = 10;
/// Moments one backtest goes through.
pub const MOMENTS_PER_BACKTEST_MAX: u64 = 1_000_000;
/// Moments of one person in one backtest: they are in memory at once.
pub const MOMENTS_PER_REPLAY_MAX: u64 = 50_000;
/// Moments read and replayed in one go; more come along only when they are one person's.
pub const MOMENTS_PER_PAGE_MAX: u64 = 4_000;
/// People read and replayed in one go.
pub const PEOPLE_PER_PAGE_MAX: u64 = 500;
/// Time a backtest spans: sends are remembered no longer.
pub const BACKTEST_SPAN_MAX: chrono::TimeDelta = chrono::TimeDelta::days(92);
/// Moments are read from this long before a backtest begins: who was where when it did.
pub const BACKTEST_LOOKBACK: chrono::TimeDelta = chrono::TimeDelta::days(7);
/// Backtests under way at once in one process: each fills a core.
pub const BACKTESTS_AT_ONCE_MAX: usize = 2;
/// Backtests remembered for one project; the oldest that is done goes first.
pub const BACKTESTS_KEPT_MAX: usize = 20;
/// A backtest that is done is remembered this long.
pub const BACKTEST_KEPT: chrono::TimeDelta = chrono::TimeDelta::hours(1);
/// Keys of the vault: one that seals, and those of rotations that are not over.
pub const VAULT_KEYS_MAX: usize = 16;
/// Channels that projects set up themselves, open at once in one process; each has a pool of connections.
pub const SENDERS_OPEN_MAX: usize = 1_000;
/// Credentials that were replaced may be used this long while the provider refuses the new ones.
pub const CREDENTIALS_OVERLAP: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// Rows looked at in one step of sealing anew.
pub const RESEALED_PER_STEP_MAX: u64 = 200;
/// Bytes of a provider's report of one delivery: Twilio posts about 500.
pub const REPORT_BYTES_MAX: usize = 16 * 1024;
/// Bytes that are read of an answer from an address a tenant has set (RELIABILITY.md C3).
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Time to connect to an address a tenant has set.
pub const OUTSIDE_CONNECT_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// Time one exchange with an address a tenant has set may take, whatever its channel asks for.
pub const OUTSIDE_EXCHANGE_MAX: std::time::Duration = std::time::Duration::from_secs(60);
/// Idle connections kept to one host a tenant has set.
pub const OUTSIDE_IDLE_PER_HOST_MAX: usize = 4;
/// The longest `Retry-After` that is believed: more is a mistake of some machine in between.
pub const RETRY_AFTER_MAX: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// Webhook endpoints of one project: each message to the business goes to all of them.
pub const WEBHOOK_ENDPOINTS_MAX: u64 = 20;
/// Characters of a webhook's address.
pub const WEBHOOK_URL_CHARS_MAX: usize = 2_000;
/// A rotated signing secret still signs, beside the new one, for this long.
pub const SECRET_OVERLAP: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// An endpoint that has answered nothing but failures for this long is switched off.
pub const ENDPOINT_FAILS_FOR_MAX: chrono::TimeDelta = chrono::TimeDelta::days(5);
/// How long an endpoint that asks to slow down is left alone when it does not say.
pub const ENDPOINT_REST: chrono::TimeDelta = chrono::TimeDelta::minutes(1);
/// Characters of a text message: ten parts of the alphabet that phones charge least for. A longer text is cut.
pub const SMS_CHARS_MAX: usize = 1_530;
/// Deliveries that one call replays; ask again for the rest.
pub const REPLAYS_PER_CALL_MAX: u64 = 1_000;
/// Former signing secrets of an endpoint that still sign: somebody who rotates more often is not followed anyway.
pub const FORMER_SECRETS_MAX: usize = 4;
