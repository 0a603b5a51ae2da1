//! What a fence is to a cell, and how a tile keeps it: in one to four words, so that all that a cell has lies in one piece.

use super::round::Round;
use super::runs::Run;

/// One entry of a cell.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// The fence in a slot fills the cell.
    Fills(u32),
    /// The fence in a slot touches it: its shape is to be asked.
    Touches(u32),
    /// The circle in a slot touches it.
    Round(u32, Round),
    /// Some edges of an outline reach into it; entries of one outline follow one another.
    Crosses(u32, Run),
}

/// The upper bits of the first word.
const KIND: u32 = 0b11 << 30;
const FILLS: u32 = 0;
const TOUCHES: u32 = 0b01 << 30;
const ROUND: u32 = 0b10 << 30;
const CROSSES: u32 = KIND;

impl Entry {
    pub(super) fn write(self, words: &mut Vec<u32>) {
        match self {
            Self::Fills(slot) => words.push(slot | FILLS),
            Self::Touches(slot) => words.push(slot | TOUCHES),
            Self::Round(slot, round) => {
                let [lng, lat, radius2] = round.words();
                words.extend([slot | ROUND, lng, lat, radius2]);
            }
            Self::Crosses(outline, run) => words.extend([outline | CROSSES, run.word()]),
        }
    }

    /// The first entry of some words, and the words after it.
    #[inline]
    pub(super) fn read(words: &[u32]) -> Option<(Self, &[u32])> {
        let (head, rest) = words.split_first()?;
        let number = head & !KIND;
        Some(match head & KIND {
            FILLS => (Self::Fills(number), rest),
            TOUCHES => (Self::Touches(number), rest),
            ROUND => {
                let (round, rest) = rest.split_first_chunk::<3>()?;
                (Self::Round(number, Round::from_words(*round)), rest)
            }
            _ => {
                let (run, rest) = rest.split_first()?;
                (Self::Crosses(number, Run::from_word(*run)), rest)
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
}
