//! What a provider reports of a delivery after it took it: as it came, proven to be the provider's, and what it says.

/// A report as it came over HTTP.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// The address that the provider was given for it.
    pub url: &'a str,
    /// What proves who sent it.
    pub signature: &'a str,
    /// The posted fields, as they were posted.
    pub fields: &'a [(String, String)],
}

/// What a report says of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// What the provider called the delivery when it took it.
    pub provider_id: String,
    pub fate: Fate,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing that is not known yet.
    UnderWay,
    /// It got to the phone.
    Received,
    /// It never will. The reason names no address.
    Failed {
        why: String,
        /// The address, when nothing will ever get to it.
        dead: Option<String>,
    },
}

/// Whether an address died, never which.
impl std::fmt::Debug for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnderWay => f.write_str("UnderWay"),
            Self::Received => f.write_str("Received"),
            Self::Failed { why, dead } => {
                let mut fields = f.debug_struct("Failed");
                fields.field("why", why).field("dead", &dead.is_some()).finish()
            }
        }
    }
}

/// The report is not proven to come from the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the report is not signed with these credentials")]
pub struct Unproven;
