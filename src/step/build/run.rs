//! Limits of a `RUN`: shared memory, ulimits, a cgroup.

use std::collections::BTreeMap;

use crate::step::InvalidStep;
use crate::step::names::is_map;
use crate::step::node::{Node, quoted};

/// Linux' names of limits (docker/go-units `ulimit.go`, which the daemon uses to parse them).
const ULIMITS: &[&str] = &[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// A soft and a hard limit. -1 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulimit {
    /// The limit of a process.
    pub soft: i64,
    /// The highest value to which the process may raise it.
    pub hard: i64,
}

/// Bytes: a number, with `k`, `m` or `g` for powers of 1024, as in `docker build --shm-size`.
pub(in crate::step) fn bytes(node: Node<'_>) -> Result<u64, InvalidStep> {
    let shown = node.clone();
    let text = if node.value().is_number() { node.value().to_string() } else { node.word()? };
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let digits = lower.trim_end_matches(['k', 'm', 'g']);
    let unit = match &lower[digits.len()..] {
        "" => Some(0),
        "k" => Some(10),
        "m" => Some(20),
        "g" => Some(30),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(1 << unit));
    bytes
        .filter(|bytes| *bytes > 0 && i64::try_from(*bytes).is_ok())
        .ok_or_else(|| shown.refuse(format!("{} is no size such as `64m` or `1g`", quoted(&text))))
}

/// Reads a map of names to `soft:hard`, or a list of `name=soft:hard`. A single number sets both.
pub(super) fn ulimits(node: Node<'_>) -> Result<BTreeMap<String, Ulimit>, InvalidStep> {
    if is_map(&node) {
        let read = |(name, node): (String, Node<'_>)| {
            let value = node.value().is_number().then(|| node.value().to_string());
            match value {
                Some(number) => ulimit(&name, &number).map_err(|why| node.refuse(why)),
                None => node.checked(|text| ulimit(&name, text)),
            }
        };
        return node.map()?.into_iter().map(read).collect();
    }
    let read = |node: Node<'_>| {
        node.checked(|line| {
            let (name, limits) = line.split_once('=').ok_or("expected name=soft:hard")?;
            ulimit(name, limits)
        })
    };
    node.words()?.into_iter().map(read).collect()
}

fn ulimit(name: &str, limits: &str) -> Result<(String, Ulimit), String> {
    if !ULIMITS.contains(&name) {
        return Err(format!("{} is no ulimit; there are {}", quoted(name), ULIMITS.join(", ")));
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= -1);
    match (number(soft), number(hard)) {
        (Some(soft), Some(hard)) if hard == -1 || (soft != -1 && soft <= hard) => {
            Ok((name.to_owned(), Ulimit { soft, hard }))
        }
        (Some(_), Some(_)) => Err(format!("the soft limit of {name} is above the hard one")),
        _ => Err(format!("{} is neither a number nor soft:hard", quoted(limits))),
    }
}
