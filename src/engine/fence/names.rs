//! What a geofence is called: its tag, its external id and its name, as one piece of text.

use std::fmt;

/// Tag, external id and name, one after the other: of a million circles, three texts of their own would be a third of what they weigh.
#[derive(Clone, PartialEq, Eq)]
pub struct Names {
    text: Box<str>,
    /// Where the tag ends, and where the external id does. Both are far below 64 KiB (`NAME_CHARS_MAX`).
    ends: [u16; 2],
}

impl Names {
    pub fn of(tag: &str, external_id: &str, name: &str) -> Self {
        let end = |bytes: usize| u16::try_from(bytes).unwrap_or_default();
        Self {
            text: [tag, external_id, name].concat().into(),
            ends: [end(tag.len()), end(tag.len() + external_id.len())],
        }
    }

    /// What kind of place it is: `hotel`, `airport`, `store`. With the external id it names the geofence to the business.
    pub fn tag(&self) -> &str {
        self.part(0, self.ends[0].into())
    }

    pub fn external_id(&self) -> &str {
        self.part(self.ends[0].into(), self.ends[1].into())
    }

    pub fn name(&self) -> &str {
        self.part(self.ends[1].into(), self.text.len())
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?} {:?}", self.tag(), self.external_id(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn each_comes_back_as_it_was() {
        for (tag, external_id, name) in [
            ("hotel", "H1", "Hôtel à la Tour"),
            ("", "", ""),
            ("t", "", "n"),
            ("", "é", ""),
        ] {
            let names = Names::of(tag, external_id, name);
            assert_eq!(
                (names.tag(), names.external_id(), names.name()),
                (tag, external_id, name)
            );
        }
    }
}
