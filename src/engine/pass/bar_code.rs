//! Bar codes as pictures: Aztec, QR and PDF417, as PNG for an image view and as SVG for everything that scales.

use rxing::{BarcodeFormat, EncodeHints, MultiFormatWriter, Writer};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use utoipa::ToSchema;

/// The symbologies that gates and doors read (IATA Resolution 792 names these three, and Data Matrix).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Symbology {
    /// What most airlines show on phones.
    #[default]
    Aztec,
    Qr,
    Pdf417,
}

/// A bar code as black and white modules, without its quiet zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarCode {
    width: usize,
    height: usize,
    /// Row by row, true is black.
    modules: Vec<bool>,
}

/// White modules around it: what PDF417 and QR ask for is at most this; Aztec asks for none.
const QUIET_MODULES: usize = 4;
/// Pixels of the longer side that a picture should at least have: sharp on a phone at full width.
const PIXELS_WANTED: usize = 720;

impl BarCode {
    /// Draws a text.
    ///
    /// # Errors
    /// Says why this text does not fit into this symbology.
    pub fn of(text: &str, symbology: Symbology) -> Result<Self, String> {
        let format = match symbology {
            Symbology::Aztec => BarcodeFormat::AZTEC,
            Symbology::Qr => BarcodeFormat::QR_CODE,
            Symbology::Pdf417 => BarcodeFormat::PDF_417,
        };
        // A third of an Aztec code, and a quarter of a QR code, may be scratched or glare in the sun.
        let correction = match symbology {
            Symbology::Aztec => Some("33"),
            Symbology::Qr => Some("Q"),
            Symbology::Pdf417 => None,
        };
        let hints = EncodeHints {
            ErrorCorrection: correction.map(str::to_owned),
            Margin: Some("0".to_owned()),
            ..EncodeHints::default()
        };
        let drawn = MultiFormatWriter
            .encode_with_hints(text, &format, 0, 0, &hints)
            .map_err(|error| error.to_string())?;
        let (width, height) = (drawn.width(), drawn.height());
        let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Ok(Self {
            width: width as usize,
            height: height as usize,
            modules: rows.map(|(x, y)| drawn.get(x, y)).collect(),
        })
    }

    fn is_black(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.height && self.modules[y * self.width + x]
    }

    /// Width and height in modules, with the quiet zone.
    fn outside(&self) -> (usize, usize) {
        (self.width + 2 * QUIET_MODULES, self.height + 2 * QUIET_MODULES)
    }

    /// A PNG of one bit per pixel, with its quiet zone, at least 720 pixels on its longer side.
    ///
    /// # Errors
    /// The encoder's words; a code of valid size has no way to fail.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        let (columns, rows) = self.outside();
        let scale = PIXELS_WANTED.div_ceil(columns.max(rows)).max(1);
        let (width, height) = (columns * scale, rows * scale);
        let mut bits = Vec::with_capacity(height * width.div_ceil(8));
        for y in 0..height {
            let mut line = vec![0_u8; width.div_ceil(8)];
            for x in 0..width {
                let inside = (x / scale)
                    .checked_sub(QUIET_MODULES)
                    .zip((y / scale).checked_sub(QUIET_MODULES));
                if !inside.is_some_and(|(x, y)| self.is_black(x, y)) {
                    line[x / 8] |= 0x80 >> (x % 8);
                }
            }
            bits.extend(line);
        }
        let side = |pixels: usize| u32::try_from(pixels).map_err(|error| error.to_string());
        let mut picture = Vec::new();
        let mut encoder = png::Encoder::new(&mut picture, side(width)?, side(height)?);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
        writer.write_image_data(&bits).map_err(|error| error.to_string())?;
        writer.finish().map_err(|error| error.to_string())?;
        Ok(picture)
    }

    /// An SVG with its quiet zone, one unit per module; runs of black are one stroke each.
    pub fn svg(&self) -> String {
        let (columns, rows) = self.outside();
        let mut path = String::new();
        for y in 0..self.height {
            let mut x = 0;
            while x < self.width {
                let run = (x..self.width).take_while(|x| self.is_black(*x, y)).count();
                if run > 0 {
                    let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET_MODULES, y + QUIET_MODULES);
                }
                x += run.max(1);
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {columns} {rows}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{columns}v{rows}H0z\"/><path d=\"{path}\"/></svg>"
        )
    }
}

#[cfg(test)]
#[path = "bar_code_tests.rs"]
mod tests;
