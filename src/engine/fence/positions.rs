//! Positions in a row, in as few bytes as give each of them back bit for bit.
//!
//! Coordinates of one outline lie close together, and are decimals of at most seven places or whole multiples of one small power of
//! two: whole numbers over a divisor. Where dividing them gives back every coordinate as it came, an outline keeps their differences
//! to the smallest, in 8 or 12 bytes a position; any other one keeps its positions as they are, in 16.

use geo::Coord;
use std::sync::Arc;

/// Positions that are shared, and that never change.
#[derive(Clone, Debug, Default)]
pub(super) struct Positions(Arc<[u32]>);

/// How each of the two coordinates is kept, in words: the divisor, then the smallest number.
const AXIS: usize = 3;
/// Before the positions: the words of each, and the two axes.
const HEAD: usize = 1 + 2 * AXIS;
/// Decimals of seven places, a centimetre, as most maps are written in.
const DECIMAL: f64 = 1e7;
/// A difference has fewer bits.
const SPAN_BITS: u32 = 48;
/// The smallest power of two that a coordinate may be a multiple of.
const FRACTION_BITS_MAX: i64 = 100;
const LOW: u64 = 0xFFFF_FFFF;

impl Positions {
    pub(super) fn of(coords: &[Coord<f64>]) -> Self {
        let axis = |of: fn(&Coord<f64>) -> f64| Axis::of(&coords.iter().map(of).collect::<Vec<_>>());
        let (Some((x, xs)), Some((y, ys))) = (axis(|at| at.x), axis(|at| at.y)) else {
            return Self::as_they_are(coords);
        };
        let is_short = xs.iter().chain(&ys).all(|number| *number <= LOW);
        let size = if is_short { 2 } else { 3 };
        let mut words = Vec::with_capacity(HEAD + coords.len() * size);
        words.extend(std::iter::once(short(size as u64)).chain(x.words()).chain(y.words()));
        for (x, y) in xs.into_iter().zip(ys) {
            words.extend([short(x), short(y)]);
            if !is_short {
                words.push(short(x >> 32 | y >> 32 << 16));
            }
        }
        Self(words.into())
    }

    fn as_they_are(coords: &[Coord<f64>]) -> Self {
        let mut words = vec![0; HEAD];
        words.iter_mut().take(1).for_each(|size| *size = 4);
        for at in coords {
            words.extend(halves(at.x.to_bits()).into_iter().chain(halves(at.y.to_bits())));
        }
        Self(words.into())
    }

    /// Makes them ready to be read.
    #[inline]
    pub(super) fn read(&self) -> Row<'_> {
        let Some(([size, head @ ..], words)) = self.0.split_first_chunk::<HEAD>() else {
            return Row::default();
        };
        let (x, y) = head.split_at(AXIS);
        Row {
            size: *size as usize,
            x: Axis::from_words(x),
            y: Axis::from_words(y),
            words,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Coord<f64>> + ExactSizeIterator + Clone {
        let row = self.read();
        (0..row.len()).map(move |number| row.get(number).unwrap_or_default())
    }
}

/// Positions as they are read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row<'a> {
    size: usize,
    x: Axis,
    y: Axis,
    words: &'a [u32],
}

impl Row<'_> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.words.len().checked_div(self.size).unwrap_or_default()
    }

    #[inline]
    pub(super) fn get(&self, number: usize) -> Option<Coord<f64>> {
        let words = self.words.get(number * self.size..)?;
        let long = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        Some(match self.size {
            2 => {
                let [x, y] = *words.first_chunk()?;
                self.at(long(x, 0), long(y, 0))
            }
            3 => {
                let [x, y, high] = *words.first_chunk()?;
                self.at(long(x, high & 0xFFFF), long(y, high >> 16))
            }
            _ => {
                let [x, x_high, y, y_high] = *words.first_chunk()?;
                Coord {
                    x: f64::from_bits(long(x, x_high)),
                    y: f64::from_bits(long(y, y_high)),
                }
            }
        })
    }

    #[inline]
    fn at(&self, x: u64, y: u64) -> Coord<f64> {
        Coord {
            x: self.x.value(x),
            y: self.y.value(y),
        }
    }

    /// The one before: an edge is known by the position it ends in.
    #[inline]
    pub(super) fn before(&self, end: usize) -> Option<Coord<f64>> {
        self.get(end.checked_sub(1).unwrap_or(self.len().saturating_sub(1)))
    }
}

/// One coordinate of all positions: whole numbers from the smallest on, over a divisor.
#[derive(Clone, Copy, Debug)]
struct Axis {
    divisor: f32,
    smallest: i64,
}

impl Default for Axis {
    fn default() -> Self {
        Self {
            divisor: 1.0,
            smallest: 0,
        }
    }
}

impl Axis {
    /// The axis of some values, and each value on it; none when there is no divisor that gives all of them back.
    fn of(values: &[f64]) -> Option<(Self, Vec<u64>)> {
        let bits = values.iter().map(|value| fraction_bits(*value)).max()?;
        let power = i32::try_from(bits).ok().filter(|_| bits <= FRACTION_BITS_MAX)?;
        [DECIMAL, 2.0_f64.powi(power)]
            .into_iter()
            .find_map(|divisor| Self::over(divisor, values))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "what does not come back as it was is found out"
    )]
    fn over(divisor: f64, values: &[f64]) -> Option<(Self, Vec<u64>)> {
        let number = |value: f64| (value * divisor).round() as i64;
        let comes_back = |value: &f64| (number(*value) as f64 / divisor).to_bits() == value.to_bits();
        if !values.iter().all(comes_back) {
            return None;
        }
        let axis = Self {
            divisor: divisor as f32,
            smallest: values.iter().map(|value| number(*value)).min()?,
        };
        let difference = |value: &f64| number(*value).checked_sub(axis.smallest)?.try_into().ok();
        let differences = values.iter().map(difference).collect::<Option<Vec<u64>>>()?;
        let fits = differences.iter().all(|difference| difference >> SPAN_BITS == 0);
        fits.then_some((axis, differences))
    }

    #[inline]
    fn value(self, difference: u64) -> f64 {
        (self.smallest + difference.cast_signed()) as f64 / f64::from(self.divisor)
    }

    fn words(self) -> [u32; AXIS] {
        let [low, high] = halves(self.smallest.cast_unsigned());
        [self.divisor.to_bits(), low, high]
    }

    #[inline]
    fn from_words(words: &[u32]) -> Self {
        let &[divisor, low, high] = words else {
            return Self::default();
        };
        Self {
            divisor: f32::from_bits(divisor),
            smallest: (u64::from(high) << 32 | u64::from(low)).cast_signed(),
        }
    }
}

/// How many bits a value has behind the point.
fn fraction_bits(value: f64) -> i64 {
    if value == 0.0 {
        return 0;
    }
    let exponent = i64::try_from(value.to_bits() >> 52 & 0x7FF).unwrap_or_default() - 1_023;
    let mantissa = value.to_bits() & ((1 << 52) - 1) | 1 << 52;
    (52 - exponent - i64::from(mantissa.trailing_zeros())).max(0)
}

fn halves(bits: u64) -> [u32; 2] {
    [short(bits), short(bits >> 32)]
}

/// The lower half.
fn short(bits: u64) -> u32 {
    u32::try_from(bits & LOW).unwrap_or_default()
}

#[cfg(test)]
#[path = "positions_tests.rs"]
mod tests;
