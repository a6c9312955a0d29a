//! The encoded forms of a value, cut into pieces. One piece is enough to find the run of characters around it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The length of a piece, in characters.
const PIECE: usize = 12;
/// The length of the longest form.
pub(super) const LONGEST: usize = PIECE;
/// The distance between the starts of two pieces. Tools break base64 after 76, 64 or 60 characters, so each line has
/// a complete piece.
const STRIDE: usize = 24;
/// Shorter pieces occur in ordinary text.
const SHORTEST: usize = 7;

/// The pieces of `value` in base64 and in hex.
pub(super) fn forms(value: &[u8]) -> Vec<String> {
    let hex = hex::encode(value);
    let mut forms: Vec<String> = pieces(&hex).into_iter().filter(|piece| piece.len() == PIECE).collect();
    forms.extend(forms.clone().into_iter().map(|piece| piece.to_ascii_uppercase()));
    for offset in 0..3 {
        for piece in pieces(&at(value, offset)) {
            let other = piece.replace('+', "-").replace('/', "_");
            if other != piece {
                forms.push(other);
            }
            forms.push(piece);
        }
    }
    forms
}

/// The characters of base64 that depend on `value` only. The number of bytes before it, modulo three, is `offset`.
fn at(value: &[u8], offset: usize) -> String {
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(value.iter().copied()).collect();
    let mut text = STANDARD_NO_PAD.encode(&padded);
    text.truncate(padded.len() * 8 / 6);
    text.drain(..(offset * 8).div_ceil(6).min(text.len()));
    text
}

fn pieces(text: &str) -> Vec<String> {
    if text.len() < SHORTEST {
        return Vec::new();
    }
    let last = text.len().saturating_sub(PIECE);
    let starts = (0..last).step_by(STRIDE).chain([last]);
    starts.filter_map(|start| text.get(start..text.len().min(start + PIECE))).map(str::to_owned).collect()
}
