//! Bar codes are read back from their pictures.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

const PASS: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 326J001A0025 100";
const ALL: [(Symbology, BarcodeFormat); 3] = [
    (Symbology::Aztec, BarcodeFormat::AZTEC),
    (Symbology::Qr, BarcodeFormat::QR_CODE),
    (Symbology::Pdf417, BarcodeFormat::PDF_417),
];

/// Width, height and one byte per pixel.
fn pixels(picture: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(picture));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    (info.width, info.height, bytes)
}

#[test]
fn the_picture_of_every_symbology_reads_back_to_the_text() {
    for (symbology, format) in ALL {
        let picture = BarCode::of(PASS, symbology).unwrap().png().unwrap();
        let (width, height, luma) = pixels(&picture);
        assert!(width.max(height) >= 720, "{symbology:?}: {width} x {height}");
        let read = rxing::helpers::detect_in_luma(luma, width, height, Some(format)).unwrap();
        assert_eq!(read.getText(), PASS, "{symbology:?}");
    }
}

#[test]
fn the_drawing_has_as_many_black_modules_as_the_code() {
    for (symbology, _) in ALL {
        let code = BarCode::of(PASS, symbology).unwrap();
        let svg = code.svg();
        let strokes = svg.rsplit("d=\"").next().unwrap();
        let runs = strokes
            .split('h')
            .filter_map(|run| run.split('v').next()?.parse::<usize>().ok());
        let drawn: usize = runs.sum();
        assert_eq!(
            drawn,
            code.modules.iter().filter(|black| **black).count(),
            "{symbology:?}"
        );
    }
}

#[test]
fn a_text_that_does_not_fit_says_so() {
    let long = "X".repeat(5_000);
    assert!(BarCode::of(&long, Symbology::Qr).is_err());
}
