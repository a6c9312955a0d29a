//! What a server said, made fit to show: one line, no control characters, bounded.

/// Bytes of a server's own words that an error may carry.
const SHOWN: usize = 1000;

/// One printable line of at most [`SHOWN`] bytes.
pub(super) fn tidy(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(SHOWN * 4)]).into_owned();
    let spaced: String = text.chars().map(|c| if printable(c) { c } else { ' ' }).collect();
    let mut words: Vec<_> = spaced.split_whitespace().collect();
    // Gitea's hooks say it before every line, empty ones included; the message around this says it once.
    let noise = words.iter().take_while(|word| **word == "error:").count();
    words.drain(..noise);
    while words.last() == Some(&"error:") {
        words.pop();
    }
    let mut line = words.join(" ");
    if line.len() > SHOWN {
        let cut = (0..=SHOWN).rev().find(|i| line.is_char_boundary(*i)).unwrap_or(0);
        line.truncate(cut);
        line.push('…');
    }
    line
}

/// Neither a control character nor one that reorders or hides its neighbours on a terminal.
fn printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// ` (the server says: …)`, or nothing when it said nothing.
pub(super) fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" (the server says: {said})") }
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn words_are_tidied() {
        assert_eq!(tidy(b"a\x1b[31mb\r\n  c\0"), "a [31mb c");
        assert_eq!(tidy("x\u{202e}y".as_bytes()), "x y");
        assert_eq!(tidy(b"error:\nerror: Not allowed to push\nerror:\n"), "Not allowed to push");
        let long = tidy("é".repeat(5000).as_bytes());
        assert!(long.len() <= 1003 && long.ends_with('…'), "{}", long.len());
    }
}
