//! The types every project starts with: what is well known of a stay, a flight and an order, and leniently so.

use super::{FactSchema, FactType};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

type Described = (Arc<FactType>, Option<Arc<FactSchema>>);

static BUILTIN: LazyLock<Vec<Described>> = LazyLock::new(|| {
    let described = |described: Value| {
        let fact_type: FactType = serde_json::from_value(described).ok()?;
        let schema = fact_type
            .schema
            .as_ref()
            .and_then(|schema| FactSchema::compile(schema).ok());
        Some((Arc::new(fact_type), schema.map(Arc::new)))
    };
    [stay(), flight(), order()].into_iter().filter_map(described).collect()
});

/// The types that are there without being defined, each with its compiled schema. A project's own type of the same name takes
/// the place of one.
pub fn builtin() -> &'static [Described] {
    &BUILTIN
}

fn instant() -> Value {
    json!({ "type": ["string", "null"], "format": "date-time" })
}

fn text() -> Value {
    json!({ "type": ["string", "null"] })
}

/// What some systems number and others name.
fn label() -> Value {
    json!({ "type": ["string", "integer", "null"] })
}

fn stay() -> Value {
    json!({
        "type": "stay",
        "schema": {
            "type": "object",
            "properties": {
                "hotel_id": label(), "status": text(), "room": label(), "room_state": text(), "guest_name": text(),
                "arrives_at": instant(), "departs_at": instant(), "checked_in_at": instant(), "checked_out_at": instant(),
            },
        },
        "sensitive": ["room", "guest_name"],
        "statuses": { "checked_out": "ended", "no_show": "cancelled", "cancelled": "cancelled" },
    })
}

fn flight() -> Value {
    json!({
        "type": "flight",
        "schema": {
            "type": "object",
            "properties": {
                "number": label(), "from": text(), "to": text(), "status": text(), "gate": label(), "seat": label(),
                "terminal": label(), "belt": label(), "passenger_name": text(), "checked_in": { "type": ["boolean", "null"] },
                "departs_at": instant(), "arrives_at": instant(), "boarding_at": instant(), "landed_at": instant(),
                "bar_code": { "type": ["string", "null"], "format": "iata-bcbp" },
            },
        },
        "sensitive": ["seat", "bar_code", "passenger_name"],
        // Landed is not over: there is a belt to name.
        "statuses": { "arrived": "ended", "cancelled": "cancelled" },
    })
}

fn order() -> Value {
    json!({
        "type": "order",
        "schema": {
            "type": "object",
            "properties": {
                "number": label(), "status": text(), "store_id": label(),
                "placed_at": instant(), "ready_at": instant(), "delivered_at": instant(),
            },
        },
        // Delivered is not over for who bought a car.
        "statuses": { "cancelled": "cancelled" },
    })
}
