//! A PEM block with a secret (RFC 7468). Its content is in no buffer that stays as it was when it is freed, as it would be with the
//! crate `pem`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What OpenSSL writes before a key: the parameters of the curve.
const PARAMETERS: &str = "EC PARAMETERS";

/// A PEM block. Its content is overwritten when it is dropped.
pub(super) struct SecretBlock<'t> {
    pub(super) label: &'t str,
    /// Whether its headers say that it is encrypted in an old form of OpenSSL, in which MD5 makes a key of the passphrase.
    pub(super) is_old: bool,
    pub(super) content: Zeroizing<Vec<u8>>,
}

impl<'t> SecretBlock<'t> {
    /// Reads the first block with a key; `None` if there is none, or a broken one.
    pub(super) fn first(text: &'t str) -> Option<Self> {
        let mut rest = text;
        loop {
            let (label, body, after) = split(rest)?;
            if label != PARAMETERS {
                return Self::read(label, body);
            }
            rest = after;
        }
    }

    fn read(label: &'t str, body: &str) -> Option<Self> {
        let (headers, lines): (Vec<_>, Vec<_>) = body.lines().partition(|line| line.contains(':'));
        let is_old = headers.iter().any(|line| line.starts_with("Proc-Type") && line.contains("ENCRYPTED"));
        // Both buffers are as large as they become, since one that grows leaves its content behind.
        let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
        base64.extend(lines.into_iter().flat_map(str::chars).filter(|c| !c.is_whitespace()));
        let mut content = Zeroizing::new(Vec::with_capacity(body.len()));
        STANDARD.decode_vec(base64.as_bytes(), &mut content).ok()?;
        Some(Self { label, is_old, content })
    }
}

/// The label and the body of the first block of `text`, and what follows.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (_, begun) = text.split_once("-----BEGIN ")?;
    let (label, rest) = begun.split_once("-----").filter(|(label, _)| !label.contains('\n'))?;
    let (body, after) = rest.split_once(&format!("-----END {label}-----"))?;
    Some((label, body, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<(&str, bool, Vec<u8>)> {
        SecretBlock::first(text).map(|block| (block.label, block.is_old, block.content.to_vec()))
    }

    #[test]
    fn the_first_key_is_read_however_its_lines_end() {
        let text = "some words\n-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n-----BEGIN K-----\nQUJD\nREVG\n-----END K-----\nmore";
        let expected = Some(("K", false, b"ABCDEF".to_vec()));
        for ends in ["\n", "\r\n", " \n\n"] {
            assert_eq!(first(&text.replace('\n', ends)), expected, "{ends:?}");
        }
        let old =
            "-----BEGIN K-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nQUJD\n-----END K-----";
        assert_eq!(first(old), Some(("K", true, b"ABC".to_vec())));
    }

    #[test]
    fn what_is_no_block_is_none() {
        for text in [
            "",
            "hunter22",
            "-----BEGIN K-----\nQUJD\n",
            "-----BEGIN K-----\nQUJD\n-----END L-----",
            "-----BEGIN K-----\nQUJ%\n-----END K-----",
            "-----BEGIN K-----\nQUJ\n-----END K-----",
            "-----BEGIN \n-----\nQUJD\n-----END \n-----",
            "-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n",
        ] {
            assert_eq!(first(text), None, "{text}");
        }
    }

    #[test]
    fn no_buffer_grows() {
        let body = "QUJD".repeat(1_000);
        let text = format!("-----BEGIN K-----\n{body}\n-----END K-----");
        let content = SecretBlock::first(&text).map(|block| (block.content.len(), block.content.capacity()));
        assert_eq!(content, Some((3_000, body.len() + 2)));
    }
}
