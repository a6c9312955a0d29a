//! What a message looks like in a chat: its parts, and how they are made to fit.

use super::markup::Markup;
use super::{Message, Row, Status};
use crate::text;

/// Ends a text that was cut.
const CUT: &str = "\n… (cut: the message was too long)";
/// The bytes that each failure, each of the details and each line of a digest may have, until the message fits.
const SHARES: [usize; 8] = [2600, 1600, 1000, 600, 400, 200, 100, 0];
/// The longest title in a digest, in bytes: with it alone, as many messages fit as are sent together.
const SHORT_TITLE: usize = 60;
/// The longest title, and the longest text of a row, in bytes.
const TITLE: usize = 200;
const ROW: usize = 300;
/// The longest reason in a digest, in bytes.
const REASON: usize = 80;
/// The most rows and failures that are shown.
const ROWS: usize = 20;
const FAILURES: usize = 10;
/// The lines of a digest that are one part. Slack limits each part.
const LINES: usize = 8;

/// The first of several texts that fits: with long failures, with shorter ones, and so on. If none does, the last one is cut.
pub(super) fn fitting(limit: usize, write: impl Fn(usize) -> String, size: impl Fn(&str) -> usize) -> String {
    let mut last = String::new();
    for share in SHARES {
        last = write(share);
        if size(&last) <= limit {
            return last;
        }
    }
    cut(last, limit, size)
}

/// `text`, cut at a character so that it and a note have a `size` of at most `limit`.
pub(super) fn cut(text: String, limit: usize, size: impl Fn(&str) -> usize) -> String {
    let excess = size(&text).saturating_sub(limit);
    if excess == 0 {
        return text;
    }
    // Each byte less is at least one less of the size.
    let kept = text::head(&text, text.len().saturating_sub(excess + size(CUT)));
    format!("{kept}{CUT}")
}

/// The parts of the messages in a chat: of a message, or of the digest of several.
pub(super) fn parts(markup: Markup, messages: &[Message], share: usize) -> Vec<String> {
    match messages {
        [one] => message(markup, one, share),
        several => digest(markup, several, share),
    }
}

/// The title of the messages, without markup.
pub(super) fn title(messages: &[Message]) -> String {
    match messages {
        [one] => text::brief(&one.headline(), TITLE),
        several => count(several),
    }
}

fn message(markup: Markup, message: &Message, share: usize) -> Vec<String> {
    let title = markup.escaped(&text::brief(&message.headline(), TITLE));
    let mut head = vec![markup.heading(&markup.link(&title, message.link.as_deref()))];
    let rows: Vec<_> = message.rows.iter().take(ROWS).map(|each| row(markup, each)).collect();
    if !rows.is_empty() {
        head.push(markup.list(&rows));
    }
    let mut parts = vec![markup.below(&head)];
    if share == 0 {
        return parts;
    }
    for failure in message.failures.iter().take(FAILURES) {
        let name = markup.bold(&markup.escaped(&text::brief(&failure.name, TITLE)));
        let text = text::cut(failure.message.trim_end().to_owned(), share);
        let block = markup.block(&text);
        parts.push(if failure.name.is_empty() { block } else { markup.below(&[name, block]) });
    }
    if let Some(more) = message.failures.len().checked_sub(FAILURES).filter(|more| *more > 0) {
        parts.push(format!("… and {more} more"));
    }
    if !message.details.trim().is_empty() {
        parts.push(markup.block(&tail(message.details.trim_end(), share)));
    }
    parts
}

fn row(markup: Markup, row: &Row) -> String {
    let text = markup.escaped(&text::brief(&row.text, ROW));
    let label = markup.escaped(&text::brief(&row.label, SHORT_TITLE));
    format!("{}: {}", markup.bold(&label), markup.link(&text, row.link.as_deref()))
}

/// The last `limit` bytes of `text`, from the beginning of a line.
fn tail(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = &text[text.ceil_char_boundary(text.len() - limit)..];
    let lines = end.split_once('\n').map_or(end, |(_, lines)| lines);
    format!("…\n{lines}")
}

/// The count, and a line for each message.
fn digest(markup: Markup, messages: &[Message], share: usize) -> Vec<String> {
    let mut parts = vec![markup.heading(&count(messages))];
    let lines: Vec<_> = messages.iter().map(|message| line(markup, message, share)).collect();
    parts.extend(lines.chunks(LINES).map(|lines| markup.list(lines)));
    parts
}

fn line(markup: Markup, message: &Message, share: usize) -> String {
    let is_short = share <= 100;
    let title = text::brief(&message.headline(), if is_short { SHORT_TITLE } else { TITLE });
    let title = markup.escaped(&title);
    if is_short {
        return title;
    }
    let title = markup.link(&title, message.link.as_deref());
    let reason = markup.escaped(&text::brief(message.reason(), REASON));
    if reason.is_empty() || share <= 200 { title } else { format!("{title} · {reason}") }
}

/// `12 messages: 10 failed, 2 succeeded`, with the sign of the worst.
fn count(messages: &[Message]) -> String {
    let of = |status| messages.iter().filter(|message| message.status == status).count();
    let counted: Vec<_> =
        Status::NAMES.iter().map(|(_, status)| (*status, of(*status))).filter(|(_, n)| *n > 0).collect();
    let worst = [Status::Failed, Status::Error].into_iter().find(|status| of(*status) > 0);
    let sign = worst.or_else(|| counted.first().map(|(status, _)| *status)).unwrap_or_default().mark();
    let words: Vec<_> = counted.iter().map(|(status, n)| format!("{n} {}", status.words())).collect();
    format!("{sign} {} messages: {}", messages.len(), words.join(", "))
}
