//! The wire shapes of `POST /v1/track`: what a phone knew, when, and by which clock.

use crate::base::id::{FenceId, MessageId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Both clocks of the phone at the moment of sending: they tell how wrong its wall clock is (DESIGN.md 5.1).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The phone's wall clock when it sent the batch.
    pub sent_at: Option<DateTime<Utc>>,
    /// Milliseconds since the phone booted, when it sent the batch.
    pub sent_mono_ms: Option<u64>,
    /// Names the boot that `sent_mono_ms` counts from.
    #[schema(max_length = 128)]
    pub boot_id: Option<String>,
}

/// One record as sent: its id, its clocks and what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RawRecord {
    /// Made once at capture (`UUIDv7` recommended); repeats of one id are one record.
    #[schema(min_length = 1, max_length = 128)]
    pub id: String,
    /// The phone's wall clock when it happened.
    pub at: Option<DateTime<Utc>>,
    /// Milliseconds since boot when it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mono_ms: Option<u64>,
    /// Names the boot that `mono_ms` counts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub boot_id: Option<String>,
    #[serde(flatten)]
    pub body: RawBody,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RawBody {
    Fix(Fix),
    Crossing(Crossing),
    Event(Event),
    Context(DeviceContext),
    Receipt(Receipt),
}

impl RawBody {
    /// The word for this kind, as in `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fix(_) => "fix",
            Self::Crossing(_) => "crossing",
            Self::Event(_) => "event",
            Self::Context(_) => "context",
            Self::Receipt(_) => "receipt",
        }
    }
}

/// Where the phone was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fix {
    /// WGS84 degrees.
    #[schema(minimum = -90, maximum = 90)]
    pub lat: f64,
    /// WGS84 degrees.
    #[schema(minimum = -180, maximum = 180)]
    pub lng: f64,
    /// Radius in metres that holds the true place with 68 % probability; unknown counts as 100 m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub accuracy_m: Option<f64>,
    /// Metres per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub speed_mps: Option<f64>,
    /// Degrees clockwise from north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 360)]
    pub heading_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub altitude_m: Option<f64>,
    /// Who made it: `gps`, `network`, `fused`, an adapter's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub source: Option<String>,
    /// The operating system says that this place is made up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// What the phone's own region monitoring reported: evidence, not truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Crossing {
    pub geofence_id: FenceId,
    pub transition: Transition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    Enter,
    Exit,
    Dwell,
}

/// Something the app or the business says happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
}

/// What else the phone knew.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceContext {
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub battery: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charging: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub activity: Option<String>,
    /// BCP 47, such as `pt-BR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 35)]
    pub locale: Option<String>,
    /// IANA name, such as `Europe/Vienna`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub time_zone: Option<String>,
    /// May the app show notifications?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Permission>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub wifi_zone: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub beacons: Vec<String>,
}

/// What the person allowed the app to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    Granted,
    Denied,
    /// Not asked, or the app did not say: a send is tried.
    #[default]
    Unknown,
}

/// What became of a message on the phone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    pub message_id: MessageId,
    pub status: ReceiptStatus,
    /// Which action was tapped, with `action`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub action: Option<String>,
    /// What the person wrote back, with `reply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub text: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    Received,
    Displayed,
    Opened,
    Action,
    Reply,
    Failed,
}
