//! Reads the names in a query of Prometheus, and in the text that Prometheus reads.

use std::collections::{BTreeMap, BTreeSet};

/// The labels that Prometheus adds to every series, from the pod that it asks.
const TARGET: [&str; 4] = ["instance", "job", "namespace", "pod"];

/// Words before a list of labels.
const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Other words that are no names.
const OPERATORS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// The labels of each metric, without those of [`TARGET`].
pub(super) type Known = BTreeMap<String, BTreeSet<String>>;

/// A metric that a query names, with the labels that are compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) metric: String,
    pub(super) labels: BTreeSet<String>,
}

/// What a query names.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) selectors: Vec<Selector>,
    /// The labels by which it groups.
    pub(super) groupings: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Mark(char),
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// The words and marks of `text`. Numbers, variables, ranges and the content of strings are left out.
fn tokens(text: &str) -> Vec<Token> {
    let (mut tokens, mut chars) = (Vec::new(), text.chars().peekable());
    while let Some(first) = chars.next() {
        match first {
            '"' | '\'' => {
                while let Some(next) = chars.next().filter(|next| *next != first) {
                    if next == '\\' {
                        chars.next();
                    }
                }
            }
            '[' => while chars.next().is_some_and(|next| next != ']') {},
            '$' | '0'..='9' => while chars.next_if(|next| is_word(*next) || *next == '.').is_some() {},
            _ if is_word(first) => {
                let mut word = String::from(first);
                while let Some(next) = chars.next_if(|next| is_word(*next)) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            _ if first.is_whitespace() => {}
            _ => tokens.push(Token::Mark(first)),
        }
    }
    tokens
}

/// The words between `open` at the place `at` and the next `close`, and the place after it; `None` if `open` is not there.
fn between(tokens: &[Token], at: usize, open: char, close: char) -> Option<(BTreeSet<String>, usize)> {
    let rest = tokens.get(at..).filter(|rest| rest.first() == Some(&Token::Mark(open)))?;
    let length = rest.iter().position(|token| *token == Token::Mark(close)).unwrap_or(rest.len());
    let words = rest[..length].iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.clone()),
        Token::Mark(_) => None,
    });
    Some((words.collect(), at + length + 1))
}

/// Reads a query.
pub(super) fn read(text: &str) -> Query {
    let (tokens, mut query, mut at) = (tokens(text), Query::default(), 0);
    while let Some(token) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else { continue };
        let next = tokens.get(at);
        // `sum by (pod) (…)`
        let is_aggregation = matches!(next, Some(Token::Word(next)) if next == "by" || next == "without");
        if GROUPINGS.contains(&word.as_str()) {
            if let Some((labels, after)) = between(&tokens, at, '(', ')') {
                query.groupings.extend(labels);
                at = after;
            }
        } else if next != Some(&Token::Mark('(')) && !is_aggregation && !OPERATORS.contains(&word.as_str()) {
            let (labels, after) = between(&tokens, at, '{', '}').unwrap_or((BTreeSet::new(), at));
            query.selectors.push(Selector { metric: word.clone(), labels });
            at = after;
        }
    }
    query
}

/// What of a query does not exist.
pub(super) fn unknown(query: &Query, known: &Known) -> Vec<String> {
    let mut unknown = Vec::new();
    for Selector { metric, labels } in &query.selectors {
        let Some(has) = known.get(metric) else {
            unknown.push(format!("there is no metric {metric}"));
            continue;
        };
        let others = labels.iter().filter(|label| !has.contains(*label) && !TARGET.contains(&label.as_str()));
        unknown.extend(others.map(|label| format!("{metric} has no label {label}")));
    }
    let metrics = || query.selectors.iter().filter_map(|selector| known.get(&selector.metric));
    let others = query
        .groupings
        .iter()
        .filter(|label| !TARGET.contains(&label.as_str()) && !metrics().any(|has| has.contains(*label)));
    unknown.extend(others.map(|label| format!("no metric of the query has the label {label}")));
    unknown
}

#[test]
fn the_names_of_a_query_are_found() {
    let selector = |metric: &str, labels: &[&str]| Selector {
        metric: metric.to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
    };
    let query = read(
        r#"histogram_quantile(0.95, sum by (le, kind) (rate(a_bucket{x="y}\"{z",w=~"$v.*"}[$__rate_interval])))
           / on (pod) group_left () b_total offset 5m > bool 1e3 and time() - c{} or sum(d) without (e)"#,
    );
    let found =
        [selector("a_bucket", &["x", "w"]), selector("b_total", &[]), selector("c", &[]), selector("d", &[])];
    assert_eq!(query.selectors, found);
    let groupings: Vec<_> = query.groupings.iter().map(String::as_str).collect();
    assert_eq!(groupings, ["e", "kind", "le", "pod"]);

    let known: Known = [("a".to_owned(), ["x".to_owned()].into())].into();
    let problems = |text: &str| unknown(&read(text), &known);
    assert_eq!(problems(r#"sum by (pod, x) (a{x="1",job="j"})"#), [""; 0]);
    assert_eq!(problems("a + b"), ["there is no metric b"]);
    assert_eq!(problems(r#"a{y="1"}"#), ["a has no label y"]);
    assert_eq!(problems("sum by (y) (a)"), ["no metric of the query has the label y"]);
}
