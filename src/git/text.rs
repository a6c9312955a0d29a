//! Makes a Git server's texts safe to show.

use crate::text;

/// The maximum number of bytes of a server's text in an error.
const SHOWN: usize = 1000;

/// Returns one printable line of at most [`SHOWN`] bytes.
pub(crate) fn tidy(raw: &[u8]) -> String {
    let raw = String::from_utf8_lossy(&raw[..raw.len().min(SHOWN * 4)]);
    let line = text::brief(&raw, SHOWN);
    // Gitea's hooks put this prefix before every line, also empty ones. The message around this text says it already.
    let mut line = line.as_str();
    while let Some(rest) = line.strip_prefix("error:") {
        line = rest.trim_start();
    }
    while let Some(rest) = line.strip_suffix(" error:") {
        line = rest;
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn words_are_tidied() {
        assert_eq!(tidy(b"a\x1b[31mb\r\n  c\0"), "ab c");
        assert_eq!(tidy("x\u{202e}y".as_bytes()), "xy");
        assert_eq!(tidy(b"error:\nerror: Not allowed to push\nerror:\n"), "Not allowed to push");
        let long = tidy("é".repeat(5000).as_bytes());
        assert!(long.len() <= 1003 && long.ends_with('…'), "{}", long.len());
    }
}
