//! The markup of each chat. Texts from commits, logs and servers are escaped, so that they ping nobody and link nowhere.

use std::fmt::Write as _;

/// How a chat marks up text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markup {
    /// Slack's mrkdwn (docs.slack.dev, "Formatting message text"): `&`, `<` and `>` are escaped; `<URL|text>` is a link.
    Slack,
    /// The Markdown of DingTalk and WeCom, each a small part of it: no code blocks, but quotes.
    Markdown {
        /// What ends a line: DingTalk joins lines without two spaces before the break.
        line_break: &'static str,
    },
    /// The HTML of Matrix (its client-server API, "m.room.message msgtypes").
    Html,
}

impl Markup {
    /// `text` without any effect beyond its characters.
    pub(super) fn escaped(self, text: &str) -> String {
        match self {
            Self::Slack => {
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                text.replace("```", "'''")
            }
            // Neither has escapes. A space ends what would be a link, a mention or a tag.
            Self::Markdown { .. } => text.replace("](", "] (").replace('<', "< "),
            Self::Html => {
                text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
            }
        }
    }

    /// The first line of a message. `text` is escaped.
    pub(super) fn heading(self, text: &str) -> String {
        match self {
            Self::Slack => format!("*{text}*"),
            Self::Markdown { .. } => format!("#### {text}"),
            Self::Html => format!("<h4>{text}</h4>"),
        }
    }

    /// `text` in bold. It is escaped.
    pub(super) fn bold(self, text: &str) -> String {
        match self {
            Self::Slack => format!("*{text}*"),
            Self::Markdown { .. } => format!("**{text}**"),
            Self::Html => format!("<strong>{text}</strong>"),
        }
    }

    /// `text`, which is escaped and leads to `url`, if there is one.
    pub(super) fn link(self, text: &str, url: Option<&str>) -> String {
        let Some(url) = url else { return text.to_owned() };
        let url = self.escaped(&plain_url(url));
        match self {
            Self::Slack => format!("<{url}|{}>", text.replace('|', "¦")),
            Self::Markdown { .. } => format!("[{}]({url})", text.replace('[', "(").replace(']', ")")),
            Self::Html => format!("<a href=\"{url}\">{text}</a>"),
        }
    }

    /// Short lines, one below the other. Each is escaped.
    pub(super) fn list(self, lines: &[String]) -> String {
        match self {
            Self::Slack => lines.join("\n"),
            Self::Markdown { .. } => {
                lines.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n")
            }
            Self::Html => {
                let mut list = String::from("<ul>");
                for line in lines {
                    // Writing to a String cannot fail.
                    let _ = write!(list, "<li>{line}</li>");
                }
                list + "</ul>"
            }
        }
    }

    /// Output of a program, line by line. It is escaped here.
    pub(super) fn block(self, text: &str) -> String {
        let escaped = self.escaped(text);
        match self {
            Self::Slack => format!("```\n{escaped}\n```"),
            Self::Markdown { line_break } => {
                let lines: Vec<_> = escaped.lines().map(|line| format!("> {line}")).collect();
                lines.join(line_break)
            }
            Self::Html => format!("<pre><code>{escaped}</code></pre>"),
        }
    }

    /// A part and what belongs to it, one below the other.
    pub(super) fn below(self, parts: &[String]) -> String {
        match self {
            Self::Slack | Self::Markdown { line_break: "\n" } => parts.join("\n"),
            Self::Markdown { .. } => parts.join("\n\n"),
            Self::Html => parts.concat(),
        }
    }
}

/// A URL without the characters that end a link in some chat.
fn plain_url(url: &str) -> String {
    let mut plain = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '(' | ')' | '|' | '<' | '>' | '"' | '\'' | '`' | '[' | ']' => {
                let _ = write!(plain, "%{:02X}", c as u32);
            }
            c => plain.push(c),
        }
    }
    plain
}
