//! Parses durations as Argo writes them, and formats them for people.

use std::time::Duration;

use crate::text;

/// The longest duration that is accepted. Clocks overflow far beyond it.
pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// How much of a text that is no duration is shown, in bytes.
const SHOWN: usize = 60;

/// Parses a `timeout` as Argo does: a Go duration (`90s`, `1h30m`), or a number of seconds.
pub fn parse_timeout(text: &str) -> Result<Duration, String> {
    let wrong = || format!("timeout: {} is not a duration such as `90s`, `30m` or `1h30m`", shown(text));
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let parsed = text.parse::<jiff::SignedDuration>().map_err(|_| wrong())?;
            Duration::try_from(parsed).map_err(|_| wrong())?
        }
    };
    match duration {
        Duration::ZERO => Err(wrong()),
        _ if duration > LONGEST => Err(format!("timeout: {} is longer than a year", shown(text))),
        _ => Ok(duration),
    }
}

/// The beginning of a text that is no duration, in quotes. A template may have one of megabytes in its place.
pub(crate) fn shown(text: &str) -> String {
    format!("{:?}", text::cut(text.to_owned(), SHOWN))
}

/// Parses a Go duration as Go's `time.ParseDuration` does: `200ms`, `1.5s`, `1m30s`. `None` if it is invalid or
/// negative.
pub fn parse_go_duration(text: &str) -> Option<Duration> {
    if text.chars().any(char::is_whitespace) {
        return None;
    }
    Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok()
}

/// Parses an age: whole weeks, days and hours (`2w`, `30d`, `36h`, `1d12h`), or a Go duration such as `90m`.
pub fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{} is not an age such as `30d`, `2w` or `36h`", shown(text));
    if let Some(age) = parse_go_duration(text) {
        return if age.is_zero() { Err(wrong()) } else { Ok(age) };
    }
    let (mut rest, mut seconds) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = rest.split_at(digits);
        let unit_seconds = match unit.as_bytes().first() {
            Some(b'w') => 7 * 24 * 3600,
            Some(b'd') => 24 * 3600,
            Some(b'h') => 3600,
            Some(b'm') => 60,
            _ => return Err(wrong()),
        };
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_seconds));
        seconds = part.and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        rest = &unit[1..];
    }
    match seconds {
        0 => Err(wrong()),
        _ => Ok(Duration::from_secs(seconds)),
    }
}

/// Formats an age: `5 m`, `20 h`, `41 d`.
pub fn age_text(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..7_200 => format!("{} m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Formats a duration: `0.4 s`, `41 s`, `3 m 05 s`, `2 h 00 m`.
pub fn elapsed_text(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0..=9 => format!("{:.1} s", elapsed.as_secs_f64()),
        10..=119 => format!("{seconds} s"),
        120..=3599 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Formats a limit, to the hundredth of a second: `10 s`, `0.25 s`.
pub fn limit_text(limit: Duration) -> String {
    let text = format!("{:.2}", limit.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_short() {
        for (milliseconds, text) in [(10_000, "10 s"), (250, "0.25 s"), (4_999, "5 s"), (100_000, "100 s")] {
            assert_eq!(limit_text(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn ages_have_days_and_weeks() {
        for (text, hours) in
            [("30d", 720), ("2w", 336), ("36h", 36), ("1d12h", 36), ("1w1d", 192), ("60m", 1)]
        {
            assert_eq!(parse_age(text), Ok(Duration::from_secs(hours * 3600)), "{text}");
        }
        for text in [
            "",
            "30",
            "d",
            "-1d",
            "1y",
            "0d",
            "1.5d",
            "99999999999999999999d",
            "9999999999999999999w",
            "3 d",
            "0s",
        ] {
            assert!(parse_age(text).is_err_and(|e| e.contains("is not an age")), "{text}");
        }
        for (seconds, text) in [(300, "5 m"), (7_200, "2 h"), (172_800, "2 d"), (3_600 * 24 * 41, "41 d")] {
            assert_eq!(age_text(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn go_durations_have_units() {
        let rows = [("200ms", 200), ("1s", 1000), ("1m30s", 90_000), ("1.5s", 1500)];
        for (text, milliseconds) in rows {
            assert_eq!(parse_go_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "10", "fast", "-1s", "1 s"] {
            assert_eq!(parse_go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn timeouts_are_read_as_argo_reads_them() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("45", 45), ("1h0m0s", 3600)] {
            assert_eq!(parse_timeout(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["soon", "-5s", "0", "0s", "5 parsecs", "{{inputs.parameters.t}}"] {
            assert!(parse_timeout(text).is_err_and(|e| e.contains("is not a duration")), "{text}");
        }
        let long = parse_timeout(&"x".repeat(1 << 20));
        assert!(long.is_err_and(|e| e.len() < 200 && e.contains("x…\" is not")));
        for text in ["18446744073709551615", "9000h"] {
            assert!(parse_timeout(text).is_err_and(|e| e.contains("longer than a year")), "{text}");
        }
    }
}
