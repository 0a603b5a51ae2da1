//! The plain icon of a pass for who names none: a light ticket with its perforation on a dark square.

/// Background and ticket, as RGB.
const COLOURS: [[u8; 3]; 2] = [[16, 42, 76], [255, 255, 255]];

/// A square PNG of this many pixels.
pub(super) fn png(side: u32) -> Result<Vec<u8>, String> {
    let width = f64::from(side);
    let rows = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
    let pixels: Vec<u8> = rows
        .flat_map(|(x, y)| {
            let at = |pixel: u32| (f64::from(pixel) + 0.5) / width;
            COLOURS[usize::from(is_ticket(at(x), at(y)))]
        })
        .collect();
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, side, side);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer.write_image_data(&pixels).map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(picture)
}

/// Both from 0 to 1.
fn is_ticket(x: f64, y: f64) -> bool {
    let inside = (0.15..0.85).contains(&x) && (0.3..0.7).contains(&y);
    let notch = |edge: f64| (x - 0.62).hypot(y - edge) < 0.07;
    let is_perforated = (x - 0.62).abs() < 0.02 && (y * 20.0).fract() < 0.5;
    inside && !notch(0.3) && !notch(0.7) && !is_perforated
}
