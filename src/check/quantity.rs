//! Amounts in Kubernetes' notation.

/// Parses CPUs, bytes or counts: `500m`, `64M`, `256Mi`, `1.5`. None for anything else.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let scale = match &text[at..] {
        "" => 1.0,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    Some(text[..at].parse::<f64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn quantities_are_numbers() {
        for (text, expected) in [("500m", 0.5), ("1", 1.0), ("64M", 64e6), ("2Ki", 2048.0), ("1.5", 1.5)] {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        assert_eq!(number("many"), None);
    }
}
