//! What a fence is to a cell, and how a tile keeps it: in one to four words, so that all that a cell has lies in one piece.

use super::patches::Patches;
use super::round::Round;
use super::runs::Run;

/// One entry of a cell, with the slot of its fence.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// It fills the cell.
    Fills(u32),
    /// It touches the cell: its shape is to be asked.
    Touches(u32),
    /// It is a circle and touches the cell.
    Round(u32, Round),
    /// Some edges of its outline reach into the cell, and leave patches of it alone.
    Crosses(u32, Patches, Run),
    /// More edges of the fence before.
    Also(u32, Run),
}

/// The upper bits of the first word.
const KIND: u32 = 0b111 << 29;
const FILLS: u32 = 0;
const TOUCHES: u32 = 1 << 29;
const ROUND: u32 = 2 << 29;
const CROSSES: u32 = 3 << 29;
const ALSO: u32 = 4 << 29;

impl Entry {
    pub(super) fn write(self, words: &mut Vec<u32>) {
        match self {
            Self::Fills(slot) => words.push(slot | FILLS),
            Self::Touches(slot) => words.push(slot | TOUCHES),
            Self::Round(slot, round) => {
                let [lng, lat, radius2] = round.words();
                words.extend([slot | ROUND, lng, lat, radius2]);
            }
            Self::Crosses(slot, patches, run) => words.extend([slot | CROSSES, patches.word(), run.word()]),
            Self::Also(slot, run) => words.extend([slot | ALSO, run.word()]),
        }
    }

    /// The first entry of some words, and the words after it.
    #[inline]
    pub(super) fn read(words: &[u32]) -> Option<(Self, &[u32])> {
        let (head, rest) = words.split_first()?;
        let slot = head & !KIND;
        Some(match head & KIND {
            FILLS => (Self::Fills(slot), rest),
            TOUCHES => (Self::Touches(slot), rest),
            ROUND => {
                let (round, rest) = rest.split_first_chunk::<3>()?;
                (Self::Round(slot, Round::from_words(*round)), rest)
            }
            CROSSES => {
                let ([patches, run], rest) = rest.split_first_chunk::<2>()?;
                let (patches, run) = (Patches::from_word(*patches), Run::from_word(*run));
                (Self::Crosses(slot, patches, run), rest)
            }
            _ => {
                let (run, rest) = rest.split_first()?;
                (Self::Also(slot, Run::from_word(*run)), rest)
            }
        })
    }

    /// All entries of some words.
    pub(super) fn all(mut words: &[u32]) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let (entry, rest) = Self::read(words)?;
            words = rest;
            Some(entry)
        })
    }

    /// The runs that some words begin with.
    pub(super) fn also(words: &[u32]) -> impl Iterator<Item = Run> {
        Self::all(words).map_while(|entry| {
            if let Self::Also(_, run) = entry {
                Some(run)
            } else {
                None
            }
        })
    }

    pub(super) const fn slot(self) -> u32 {
        match self {
            Self::Fills(slot)
            | Self::Touches(slot)
            | Self::Round(slot, _)
            | Self::Crosses(slot, ..)
            | Self::Also(slot, _) => slot,
        }
    }
}
