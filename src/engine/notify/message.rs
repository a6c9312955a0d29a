//! The message of a step: its own fields, and for what they leave out the outputs of the entries before it.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::earlier::EarlierOutputs;
use crate::argocd::short;
use crate::duration::elapsed_text;
use crate::engine::context::Cx;
use crate::notify::{Failure, Message, Row, Status};
use crate::redact::Redactor;
use crate::step::Kind;
use crate::step::notify::Content;

/// The message, without secrets and control characters. `argo_url` is the address of Argo's UI.
pub(super) fn of(content: &Content, argo_url: Option<&str>, cx: &Cx) -> Message {
    let earlier = EarlierOutputs(&cx.earlier);
    let status = status(content, &earlier);
    let workflow = cx.workflow.full_name();
    let service = chosen(&content.service, earlier.service().unwrap_or(&cx.workflow.name));
    let title = chosen(&content.title, &format!("{service} {}", status.words()));
    let page = || argo_url.map(|url| cx.workflow.page(url));
    let mut rows = commit_rows(content, &earlier);
    rows.extend(earlier.rows());
    rows.extend(content.facts.iter().map(|(label, text)| Row::new(label, text)));
    rows.extend(took(content, cx));
    rows.push(Row::new("Workflow", &workflow));
    let message = Message {
        id: id(content, &title, cx),
        status,
        title,
        workflow,
        rows,
        failures: content.failures.clone(),
        details: content.details.clone(),
        link: content.link.clone().or_else(page),
        text: content.text.clone(),
        body: content.body.clone(),
    };
    clean(message, &cx.redactor)
}

fn chosen(written: &str, otherwise: &str) -> String {
    let written = written.trim();
    if written.is_empty() { otherwise.to_owned() } else { written.to_owned() }
}

fn status(content: &Content, earlier: &EarlierOutputs<'_>) -> Status {
    match content.status {
        Some(status) => status,
        None if !content.failures.is_empty() => Status::Failed,
        None if earlier.is_superseded() => Status::Superseded,
        None => Status::Succeeded,
    }
}

/// Which commit, and by whom.
fn commit_rows(content: &Content, earlier: &EarlierOutputs<'_>) -> Vec<Row> {
    let built = earlier.output(Kind::Build, "revision").unwrap_or_default();
    let commit = chosen(&content.commit, built);
    let change = content.change.lines().next().unwrap_or_default();
    let text = [short(&commit), change].join(" ");
    let commit = (!text.trim().is_empty())
        .then(|| Row { link: content.commit_url.clone(), ..Row::new("Commit", text.trim()) });
    let author = chosen(&content.author, "");
    let author = (!author.is_empty()).then(|| Row::new("By", author));
    commit.into_iter().chain(author).collect()
}

/// How long it took. A step alone in its node does not know, unless it was told. In an exit handler a commit's status is the only
/// other entry: the work was done before the node began.
fn took(content: &Content, cx: &Cx) -> Option<Row> {
    let did_work = cx.earlier.iter().any(|result| result.kind != Kind::CommitStatus);
    let since = did_work.then(|| cx.began.elapsed());
    let duration = content.duration.or(since)?;
    Some(Row::new("Took", elapsed_text(duration)))
}

/// The same for each attempt of one step with one content. A workflow that is retried tells again.
fn id(content: &Content, title: &str, cx: &Cx) -> String {
    let Content { failures, details, duration, .. } = content;
    let texts = [
        cx.workflow.uid.as_str(),
        cx.job().unwrap_or_default(),
        cx.step.as_deref().unwrap_or_default(),
        title,
        details.as_str(),
    ];
    let mut hash = Sha256::new();
    for text in texts.into_iter().chain(failures.iter().map(|failure| failure.message.as_str())) {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update(duration.unwrap_or_default().as_nanos().to_le_bytes());
    hex::encode(&hash.finalize()[..16])
}

/// Removes the values of Secrets, and control characters.
fn clean(message: Message, redactor: &Redactor) -> Message {
    let (line, lines) = (|text: &str| redactor.line(text), |text: &str| redactor.lines(text));
    let row = |row: Row| Row {
        label: line(&row.label),
        text: line(&row.text),
        link: row.link.map(|link| line(&link)),
    };
    let failure = |failure: Failure| Failure { name: line(&failure.name), message: lines(&failure.message) };
    let fields = |body: BTreeMap<String, String>| {
        body.into_iter().map(|(key, value)| (line(&key), lines(&value))).collect()
    };
    let Message { id, status, title, workflow, rows, failures, details, link, text, body } = message;
    Message {
        id,
        status,
        title: line(&title),
        workflow,
        rows: rows.into_iter().map(row).collect(),
        failures: failures.into_iter().map(failure).collect(),
        details: lines(&details),
        link: link.map(|link| line(&link)),
        text: text.map(|text| lines(&text)),
        body: body.map(fields),
    }
}
