//! Commit statuses: paths, queries and fields of GitHub's documentation ("REST API endpoints for commit statuses"). The texts of the
//! refusals are those that users report (rust-lang/homu issue 141, vince-riv/argo-diff issue 49). That the combined status of an
//! unknown commit is a 404 is from memory.

use serde_json::{Value, json};

use super::{COMMIT, Inner, Reply, failed, reply};

/// The states of GitHub.
const STATES: [&str; 4] = ["error", "failure", "pending", "success"];

impl Inner {
    /// The newest status of each context.
    pub(super) fn combined(&mut self, sha: &str, query: &str) -> Reply {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        if let Some((key, _)) = pairs.iter().find(|(key, _)| !["per_page", "page"].contains(&key.as_str())) {
            return self.violated(&format!("query {key}"));
        }
        if sha != COMMIT {
            return failed(404, "Not Found");
        }
        let number = |name: &str, default: usize| {
            pairs.iter().find(|(key, _)| key == name).map_or(default, |(_, value)| value.parse().unwrap())
        };
        let (size, page) = (number("per_page", 30).min(100), number("page", 1));
        let mut newest: Vec<Value> = Vec::new();
        for status in self.statuses.iter().rev() {
            if !newest.iter().any(|newer| newer["context"] == status["context"]) {
                newest.push(status.clone());
            }
        }
        let shown: Vec<_> = newest.iter().skip((page - 1) * size).take(size).collect();
        let body = json!({"state": "pending", "sha": sha, "total_count": newest.len(), "statuses": shown});
        let mut answer = reply(200, body);
        if page * size < newest.len() {
            let next = format!("<https://ghe.example.com/next?page={}>; rel=\"next\"", page + 1);
            answer.1.push(("link", next));
        }
        answer
    }

    pub(super) fn set_status(&mut self, sha: &str, body: &Value) -> Reply {
        let fields = match self.fields(body, &["state"], &["target_url", "description", "context"]) {
            Ok(fields) => fields,
            Err(reply) => return reply,
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        if !STATES.contains(&text("state")) || text("context").chars().count() > 255 {
            return self.violated(&format!("{body}"));
        }
        if text("description").chars().count() > 140 {
            let message = "description is too long (maximum is 140 characters)";
            let error =
                json!({"resource": "Status", "code": "custom", "field": "description", "message": message});
            return reply(422, json!({"message": "Validation Failed", "errors": [error], "status": "422"}));
        }
        if sha != COMMIT {
            return failed(422, &format!("No commit found for SHA: {sha}"));
        }
        let status = json!({
            "id": self.statuses.len() + 1, "state": text("state"), "context": text("context"),
            "description": fields.get("description"), "target_url": fields.get("target_url"),
        });
        self.statuses.push(status.clone());
        reply(201, status)
    }
}
