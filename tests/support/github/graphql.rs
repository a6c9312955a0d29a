//! The two supported mutations of GitHub's GraphQL API.

use serde_json::{Map, Value, json};

use super::{Inner, Reply, reply};

impl Inner {
    pub(super) fn graphql(&mut self, body: &Value) -> Reply {
        let query = body["query"].as_str().unwrap_or_default();
        let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
        let known = |verb: &str| {
            let (upper, lower) = (format!("{verb}PullRequestAutoMerge"), "clientMutationId");
            let field = upper[..1].to_lowercase() + &upper[1..];
            query == format!("mutation($input: {upper}Input!) {{ {field}(input: $input) {{ {lower} }} }}")
        };
        let optional: &[&str] = match () {
            () if known("Enable") => &[
                "authorEmail",
                "clientMutationId",
                "commitBody",
                "commitHeadline",
                "expectedHeadOid",
                "mergeMethod",
            ],
            () if known("Disable") => &["clientMutationId"],
            () => return self.violated(&format!("query {body}")),
        };
        if body.as_object().is_none_or(|body| body.len() != 2) {
            return self.violated(&format!("fields of {body}"));
        }
        match self.fields(&body["variables"]["input"], &["pullRequestId"], optional) {
            Ok(input) if known("Enable") => self.enable(&input),
            Ok(input) => self.disable(&input),
            Err(reply) => reply,
        }
    }

    fn enable(&mut self, input: &Map<String, Value>) -> Reply {
        let method = input.get("mergeMethod").cloned().unwrap_or(json!("MERGE"));
        if !["MERGE", "REBASE", "SQUASH"].iter().any(|known| method == *known) {
            return self.violated(&format!("mergeMethod {method}"));
        }
        let off = "Pull request Auto merge is not allowed for this repository";
        let refusal = self.refusal.or((self.settings["allow_auto_merge"] != true).then_some(off));
        if let Some(message) = refusal {
            let error = json!({"type": "UNPROCESSABLE", "path": ["enablePullRequestAutoMerge"],
                "message": message, "locations": [{"line": 1, "column": 54}]});
            return reply(200, json!({"data": {"enablePullRequestAutoMerge": null}, "errors": [error]}));
        }
        let on = json!({"merge_method": method.as_str().unwrap().to_lowercase(),
            "commit_title": input.get("commitHeadline"), "commit_message": input.get("commitBody")});
        self.set("enablePullRequestAutoMerge", input, on)
    }

    fn disable(&mut self, input: &Map<String, Value>) -> Reply {
        self.set("disablePullRequestAutoMerge", input, Value::Null)
    }

    fn set(&mut self, mutation: &str, input: &Map<String, Value>, auto_merge: Value) -> Reply {
        match self.pulls.iter_mut().find(|pull| pull["node_id"] == input["pullRequestId"]) {
            Some(pull) => pull["auto_merge"] = auto_merge,
            None => return self.violated("pullRequestId"),
        }
        reply(200, json!({"data": {mutation: {"clientMutationId": null}}}))
    }
}
