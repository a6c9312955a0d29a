//! Go's templates (package `text/template`): what cannot be parsed, and names that give nothing.

use super::{GoError, functions};
use crate::step::hint;

/// Blocks that an `end` closes.
const BLOCKS: [&str; 5] = ["if", "range", "with", "block", "define"];

/// Words that are no functions.
const WORDS: [&str; 11] =
    ["if", "range", "with", "block", "define", "else", "end", "template", "break", "continue", "nil"];

/// The only field of the value that Argo Events gives to a template.
const ROOT: &str = "Input";

/// Reads a template as Argo Events does.
pub(crate) fn parse(text: &str) -> Result<(), GoError> {
    let (mut rest, mut open) = (text, Vec::new());
    while let Some((_, action)) = rest.split_once("{{") {
        let (tokens, after) = tokens(action)?;
        let whole = &action[..action.len() - after.len()];
        check(&tokens, whole, &open)?;
        match tokens.first() {
            Some(Token::Word(word)) if BLOCKS.contains(word) => open.push(*word),
            Some(Token::Word("end")) if open.pop().is_none() => {
                return Err(GoError::new("an `end` without its beginning", whole));
            }
            Some(Token::Word("else")) if open.is_empty() => {
                return Err(GoError::new("an `else` without an `if`", whole));
            }
            _ => {}
        }
        rest = after;
    }
    match open.first() {
        Some(word) => Err(GoError::new(format!("the `{word}` has no `end`"), *word)),
        None => Ok(()),
    }
}

/// A part of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A keyword or a function.
    Word(&'a str),
    /// `.a.b`, `$x.y`.
    Field(&'a str),
    /// Whatever else.
    Other,
}

/// The tokens of an action, and what is behind its `}}`.
fn tokens(action: &str) -> Result<(Vec<Token<'_>>, &str), GoError> {
    let (mut tokens, mut rest, mut open) = (Vec::new(), action, 0_usize);
    // A field behind a `)` belongs to what is in the parentheses.
    let mut closed_at = None;
    if let Some(comment) = action.trim_start_matches("- ").strip_prefix("/*") {
        let after = comment.split_once("*/").and_then(|(_, after)| after.split_once("}}"));
        return after
            .map(|(_, after)| (tokens, after))
            .ok_or_else(|| GoError::new("a comment without its end", "/*"));
    }
    loop {
        rest = rest.trim_start();
        let Some(next) = rest.chars().next() else {
            return Err(GoError::new("a `{{` without a `}}`", format!("{{{{{action}")));
        };
        if let Some(after) = rest.strip_prefix("}}").or_else(|| rest.strip_prefix("-}}")) {
            return match open {
                0 => Ok((tokens, after)),
                _ => Err(GoError::new("a `(` without a `)`", &action[..action.len() - rest.len()])),
            };
        }
        let length = match next {
            '"' | '`' | '\'' => quoted(rest, next)?,
            '(' => {
                open += 1;
                1
            }
            ')' if open == 0 => return Err(GoError::new("a `)` without a `(`", rest)),
            ')' => {
                open -= 1;
                closed_at = Some(rest.len() - 1);
                1
            }
            '.' | '$' => name(rest),
            c if c.is_alphanumeric() || c == '_' => name(rest),
            c => c.len_utf8(),
        };
        let is_inner = closed_at == Some(rest.len());
        let (token, after) = rest.split_at(length);
        let is_name = matches!(next, '.' | '$');
        if is_name && after.starts_with('-') && after[1..].starts_with(|c: char| c.is_alphanumeric()) {
            return Err(GoError::new("a name with a `-`, which Go takes for a mistake", token));
        }
        tokens.push(match next {
            _ if is_inner => Token::Other,
            _ if is_name => Token::Field(token),
            c if c.is_alphabetic() || c == '_' => Token::Word(token),
            _ => Token::Other,
        });
        rest = after;
    }
}

/// The length of a name, with its fields.
fn name(text: &str) -> usize {
    let end = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'));
    let after = text.strip_prefix('$').unwrap_or(text);
    text.len() - after.len() + after.find(end).unwrap_or(after.len())
}

/// The length of a text in quotes.
fn quoted(text: &str, quote: char) -> Result<usize, GoError> {
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if quote != '`' => drop(letters.next()),
            '\n' if quote != '`' => break,
            letter if letter == quote => return Ok(at + letter.len_utf8()),
            _ => {}
        }
    }
    let line = text.lines().next().unwrap_or_default();
    Err(GoError::new(format!("a {quote} without its end"), line))
}

/// Checks the names in an action.
fn check(tokens: &[Token<'_>], whole: &str, open: &[&str]) -> Result<(), GoError> {
    if tokens.is_empty() && !whole.contains("/*") {
        return Err(GoError::new("an empty `{{}}`", whole));
    }
    for token in tokens {
        match token {
            Token::Word(word) if !is_word(word) => {
                let near = hint(word, functions::all());
                return Err(GoError::new(format!("there is no function `{word}`{near}"), *word));
            }
            Token::Field(field)
                if !open.iter().any(|block| matches!(*block, "range" | "with" | "block" | "define")) =>
            {
                let root = field.strip_prefix('.').filter(|name| !name.is_empty());
                let root = root.and_then(|path| path.split('.').next());
                if root.is_some_and(|root| root != ROOT) {
                    return Err(GoError::new(
                        format!("`{field}` is nothing: the event is `.{ROOT}`"),
                        *field,
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_word(word: &str) -> bool {
    WORDS.contains(&word) || matches!(word, "true" | "false") || functions::is_known(word)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn templates_that_go_parses_are_accepted() {
        for text in [
            "",
            "main",
            r#"{{ printf "b-%s-%s" (.Input.body.repository.full_name | lower | replace "/" "-" | trunc 40) (.Input.body.after | trunc 12) }}"#,
            "{{- .Input.body.ref -}}",
            "{{/* a }} comment */}}",
            r#"{{ index .Input.body "X-GitHub-Event" }}"#,
            "{{ if eq .Input.body.ref `a}}` }}x{{ else if true }}y{{ else }}z{{ end }}",
            "{{ range .Input.body.commits }}{{ .id }}{{ end }}",
            "{{ $x := .Input.body }}{{ $x.ref }}",
            "{{ with $.Input.body }}{{ .ref }}{{ end }}",
            "{{ len .Input.body.commits }} {{ .Input | toJson }} {{ 1 }} {{ -1 }} {{ .Input.n }}",
            "}} alone",
            "{{ (index .Input.body.commits 0).id }}",
        ] {
            assert_eq!(parse(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn templates_that_fail_name_the_part() {
        for (text, part, problem) in [
            ("{{ .Input.body.ref", "{{ .Input.body.ref", "a `{{` without a `}}`"),
            ("{{ .Input.body.ref }", "{{ .Input.body.ref }", "a `{{` without a `}}`"),
            ("{{ printf \"a }}", "\"a }}", "a \" without its end"),
            ("{{ (.Input.a }}", " (.Input.a ", "a `(` without a `)`"),
            ("{{ .Input.a) }}", ") }}", "a `)` without a `(`"),
            ("{{ .Input.a | slug }}", "slug", "there is no function `slug`"),
            (
                "{{ .Input.a | trimSufix \"-\" }}",
                "trimSufix",
                "there is no function `trimSufix` (did you mean `trimSuffix`?)",
            ),
            ("{{ .body.ref }}", ".body.ref", "`.body.ref` is nothing: the event is `.Input`"),
            (
                "{{ .Input.body.X-GitHub-Event }}",
                ".Input.body.X",
                "a name with a `-`, which Go takes for a mistake",
            ),
            ("{{ if .Input.a }}x", "if", "the `if` has no `end`"),
            ("x{{ end }}", " end }}", "an `end` without its beginning"),
            ("{{ }}", " }}", "an empty `{{}}`"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((&*error.part, &*error.problem), (part, problem), "{text}");
        }
    }
}
