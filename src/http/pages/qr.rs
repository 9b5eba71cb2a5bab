//! QR codes as one path of an SVG.

use qrcode::{Color, EcLevel, QrCode};

/// White around it, in modules, as ISO/IEC 18004 wants it.
const QUIET: usize = 4;

/// A QR code.
pub struct Qr {
    /// How wide and high it is, in modules, with the white around it.
    pub side: usize,
    /// The dark modules: for the attribute `d` of a path.
    pub path: String,
}

impl Qr {
    /// None: the text is too long for one.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let colors = code.to_colors();
        let mut path = String::new();
        for (y, row) in colors.chunks(code.width()).enumerate() {
            let mut x = QUIET;
            for run in row.chunk_by(PartialEq::eq) {
                if run.first() == Some(&Color::Dark) {
                    path.push_str(&format!("M{x} {}h{width}v1h-{width}z", y + QUIET, width = run.len()));
                }
                x += run.len();
            }
        }
        Some(Self { side: code.width() + 2 * QUIET, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_square_with_white_around_it() {
        let qr = Qr::of("otpauth://totp/a:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=a").unwrap();
        assert!(qr.side > 21 + 2 * QUIET && qr.path.starts_with("M4 4h7v1h-7z"), "a finder pattern in the corner");
        assert!(!qr.path.contains("M3 ") && Qr::of(&"x".repeat(5000)).is_none());
    }
}
