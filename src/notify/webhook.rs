//! The JSON body for other programs.

use serde_json::{Map, Value, json};

use super::Message;
use super::layout::cut;

/// The most bytes of each failure's message and of the details.
const LONGEST: usize = 32 << 10;

/// The author's own fields, or all of the message. docs/notify.md lists the keys.
pub(super) fn body(message: &Message) -> Value {
    if let Some(own) = &message.body {
        return json!(own);
    }
    let rows = message.rows.iter().map(|row| (key(&row.label), json!(row.text)));
    let links = message.rows.iter().filter_map(|row| Some((key(&row.label), json!(row.link.as_ref()?))));
    let failures = message.failures.iter().map(
        |failure| json!({"name": failure.name, "message": cut(failure.message.clone(), LONGEST, str::len)}),
    );
    json!({
        "id": message.id,
        "status": message.status.name(),
        "title": message.title,
        "workflow": message.workflow,
        "facts": rows.collect::<Map<_, _>>(),
        "links": links.collect::<Map<_, _>>(),
        "failures": failures.collect::<Vec<_>>(),
        "details": cut(message.details.clone(), LONGEST, str::len),
        "link": message.link,
    })
}

/// `Commit` as `commit`.
fn key(label: &str) -> String {
    label.to_lowercase().replace(' ', "-")
}
