//! The size limits of a step. Anybody who may create a workflow can send one, and one process parses the steps of all.

/// The most values, names and levels of a whole step.
pub(super) const BODY: Body = Body { bytes: 1 << 20, values: 20_000, depth: 64 };

/// The limit of one line of text, in bytes.
pub(super) const LINE: usize = 64 << 10;

/// The limit of a text of several lines, in bytes, such as a Dockerfile or a commit's message.
pub(super) const LINES: usize = 256 << 10;

/// The most items of a list or a map.
pub(super) const ITEMS: usize = 1000;

/// The most entries of `steps`. Each has a dozen outputs, under one or two names.
pub(super) const ENTRIES: usize = 100;

/// The most placeholders in one text.
pub(super) const PLACEHOLDERS: usize = 200;

/// The size of a whole step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) bytes: usize,
    pub(super) values: usize,
    pub(super) depth: usize,
}

impl Body {
    /// The limit that `body` exceeds, if any. Stops reading `body` at that point.
    pub(super) fn excess(self, body: &serde_json::Value) -> Option<String> {
        let mut left = self;
        let mut open = vec![(body, 0)];
        while let Some((value, depth)) = open.pop() {
            if depth > self.depth {
                return Some(format!("is nested more than {} levels deep", self.depth));
            }
            let Some(values) = left.values.checked_sub(1) else {
                return Some(format!("has more than {} values; split the step, or name fewer", self.values));
            };
            let Some(bytes) = left.bytes.checked_sub(own_bytes(value)) else {
                return Some(format!(
                    "has more than {} bytes of text; split the step, or take the text from a file",
                    self.bytes
                ));
            };
            (left.values, left.bytes) = (values, bytes);
            match value {
                serde_json::Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
                serde_json::Value::Object(fields) => {
                    open.extend(fields.values().map(|field| (field, depth + 1)))
                }
                _ => {}
            }
        }
        None
    }
}

/// The bytes of a text, or of a map's keys.
fn own_bytes(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Object(fields) => fields.keys().map(String::len).sum(),
        _ => 0,
    }
}

/// `has N of them; at most LIMIT may be written`.
pub(super) fn too_many(count: usize, what: &str, limit: usize) -> String {
    format!("has {count} {what}; at most {limit} are taken")
}

/// `is N bytes long; …`.
pub(super) fn too_long(length: usize, limit: usize) -> String {
    format!("is {length} bytes long; at most {limit} are taken")
}
