//! The supported calls of GitHub's REST API.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::{API, Inner, OWNER, Reply, failed, invalid, reply};

impl Inner {
    pub(super) fn fault(&mut self) -> Reply {
        let (_, status, (name, value), body) = self.faults.pop_front().unwrap();
        let mut reply = reply(status, body);
        reply.1.push((name, value.to_owned()));
        reply
    }

    pub(super) fn route(&mut self, method: &Method, path: &str, query: &str, body: &Value) -> Reply {
        if (method, path) == (&Method::POST, "/api/graphql") {
            return self.graphql(body);
        }
        let path = path.strip_prefix(API).unwrap_or_default();
        let here = format!("/repos/{OWNER}/{}", self.name);
        let Some(below) = path.strip_prefix(&here).or_else(|| path.strip_prefix("/repositories/7")) else {
            return self.elsewhere(method, path);
        };
        let below: Vec<_> = below.split('/').skip(1).collect();
        let number = below.get(1).and_then(|number| number.parse::<usize>().ok());
        let pull = number.and_then(|number| number.checked_sub(1)).filter(|at| *at < self.pulls.len());
        match (method.as_str(), &below[..], pull) {
            ("GET", [], _) => reply(200, self.repository()),
            ("GET", ["pulls"], _) => self.list(query),
            ("POST", ["pulls"], _) => self.create(body),
            ("GET", ["pulls", _], Some(at)) => self.get(at),
            ("PATCH", ["pulls", _], Some(at)) => self.edit(at, body),
            ("PUT", ["pulls", _, "merge"], Some(at)) => self.merge(at, body),
            ("POST", ["issues", _, "labels"], Some(at)) => self.label(at, body),
            ("POST", ["issues", _, "assignees"], Some(at)) => self.assign(at, body),
            ("GET", ["commits", sha, "status"], _) => self.combined(sha, query),
            ("POST", ["statuses", sha], _) => self.set_status(sha, body),
            ("DELETE", ["git", "refs", "heads", branch @ ..], _) => self.delete(&branch.join("/")),
            _ => self.violated(&format!("{method} {path}")),
        }
    }

    /// A call or a field that is not in the documentation.
    pub(super) fn violated(&mut self, what: &str) -> Reply {
        self.violations.push(what.to_owned());
        failed(422, what)
    }

    /// A path of another repository: the old name of this one, or an unknown one.
    fn elsewhere(&self, method: &Method, path: &str) -> Reply {
        if !path.starts_with("/repos/shop/gitops") {
            return failed(404, "Not Found");
        }
        let status = if method == Method::GET { 301 } else { 307 };
        let mut moved = failed(status, "Moved Permanently");
        let to = path.replacen("/repos/shop/gitops", "/repositories/7", 1);
        moved.1.push(("location", format!("{API}{to}")));
        moved
    }

    fn repository(&self) -> Value {
        let mut repository = self.settings.clone();
        repository["id"] = json!(7);
        repository["full_name"] = json!(format!("{OWNER}/{}", self.name));
        repository
    }

    /// The fields of a body. It must contain `required`, and nothing besides `optional`.
    pub(super) fn fields(
        &mut self,
        body: &Value,
        required: &[&str],
        optional: &[&str],
    ) -> Result<Map<String, Value>, Reply> {
        let map = body.as_object().cloned().unwrap_or_default();
        let unknown =
            map.keys().find(|key| !required.contains(&key.as_str()) && !optional.contains(&key.as_str()));
        let missing = required.iter().find(|name| !map.contains_key(**name));
        match (unknown, missing) {
            (None, None) => Ok(map),
            (unknown, missing) => {
                Err(self.violated(&format!("unknown {unknown:?}, missing {missing:?} in {body}")))
            }
        }
    }

    fn list(&mut self, query: &str) -> Reply {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let known = ["state", "head", "base", "sort", "direction", "per_page", "page"];
        if let Some((key, _)) = pairs.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            return self.violated(&format!("query {key}"));
        }
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let state = value("state").unwrap_or("open");
        let head = value("head").and_then(|head| head.strip_prefix(&format!("{OWNER}:")));
        if self.behind > 0 {
            self.behind -= 1;
            return reply(200, json!([]));
        }
        let fits = |pull: &&Value| {
            (state == "all" || pull["state"] == state)
                && head.is_none_or(|head| pull["head"]["ref"] == head)
                && value("base").is_none_or(|base| pull["base"]["ref"] == base)
        };
        let simple = |pull: &Value| {
            let mut pull = pull.clone();
            let fields = pull.as_object_mut().unwrap();
            fields.retain(|name, _| !name.starts_with("merge"));
            pull
        };
        reply(200, self.pulls.iter().filter(fits).map(simple).collect())
    }

    fn create(&mut self, body: &Value) -> Reply {
        let optional = ["title", "head_repo", "body", "maintainer_can_modify", "draft", "issue"];
        let fields = match self.fields(body, &["head", "base"], &optional) {
            Ok(fields) => fields,
            Err(reply) => return reply,
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (head, base) = (text("head"), text("base"));
        if !self.branches.contains(&head) || !self.branches.contains(&base) {
            let field = if self.branches.contains(&head) { "base" } else { "head" };
            let error = json!({"resource": "PullRequest", "field": field, "code": "invalid"});
            return reply(422, json!({"message": "Validation Failed", "errors": [error], "status": "422"}));
        }
        let same = |pull: &Value| {
            pull["state"] == "open"
                && pull["head"]["ref"] == head.as_str()
                && pull["base"]["ref"] == base.as_str()
        };
        if self.pulls.iter().any(same) {
            return invalid(&format!("A pull request already exists for {OWNER}:{head}."));
        }
        let number = self.pulls.len() + 1;
        let branch = |name: &str| json!({"ref": name, "sha": format!("{:040x}", name.len()), "repo": {"id": 7}, "label": format!("{OWNER}:{name}")});
        let pull = json!({
            "number": number, "node_id": format!("PR_{number}"), "state": "open", "title": text("title"),
            "body": fields.get("body"), "html_url": format!("https://ghe.example.com/{OWNER}/{}/pull/{number}", self.name),
            "labels": [], "assignees": [], "auto_merge": null, "merged": false, "mergeable": true,
            "mergeable_state": "blocked", "head": branch(&head), "base": branch(&base), "draft": false,
        });
        self.pulls.push(pull.clone());
        if std::mem::take(&mut self.lose_answer) {
            return failed(502, "Server Error");
        }
        reply(201, pull)
    }

    fn get(&mut self, at: usize) -> Reply {
        let mut pull = self.pulls[at].clone();
        if self.undecided > 0 {
            self.undecided -= 1;
            pull["mergeable"] = Value::Null;
        }
        reply(200, pull)
    }

    fn edit(&mut self, at: usize, body: &Value) -> Reply {
        let known = ["title", "body", "state", "base", "maintainer_can_modify"];
        match self.fields(body, &[], &known) {
            Ok(fields) => {
                fields.into_iter().for_each(|(name, value)| self.pulls[at][name] = value);
                reply(200, self.pulls[at].clone())
            }
            Err(reply) => reply,
        }
    }

    fn merge(&mut self, at: usize, body: &Value) -> Reply {
        let fields = match self.fields(body, &[], &["commit_title", "commit_message", "sha", "merge_method"])
        {
            Ok(fields) => fields,
            Err(reply) => return reply,
        };
        let method = fields.get("merge_method").and_then(Value::as_str).unwrap_or("merge");
        if !["merge", "squash", "rebase"].contains(&method) {
            return self.violated(&format!("merge_method {method}"));
        }
        if fields.get("sha").is_some_and(|sha| *sha != self.pulls[at]["head"]["sha"]) {
            return failed(409, "Head branch was modified. Review and try the merge again.");
        }
        if self.pulls[at]["mergeable"] != true {
            return failed(405, "Pull Request is not mergeable");
        }
        self.pulls[at]["merged"] = json!(true);
        self.pulls[at]["state"] = json!("closed");
        self.pulls[at]["merged_by"] = json!({"method": method, "title": fields.get("commit_title"),
            "message": fields.get("commit_message")});
        reply(
            200,
            json!({"sha": "f".repeat(40), "merged": true, "message": "Pull Request successfully merged"}),
        )
    }

    /// Adds labels. A missing label is created.
    fn label(&mut self, at: usize, body: &Value) -> Reply {
        let fields = match self.fields(body, &["labels"], &[]) {
            Ok(fields) => fields,
            Err(reply) => return reply,
        };
        // An empty list removes all labels.
        let names: Vec<_> = fields["labels"].as_array().into_iter().flatten().cloned().collect();
        if names.is_empty() || !names.iter().all(Value::is_string) {
            return self.violated(&format!("labels {names:?}"));
        }
        let labels = self.pulls[at]["labels"].as_array_mut().unwrap();
        for name in names {
            if !labels.iter().any(|label| label["name"] == name) {
                labels.push(json!({"id": labels.len(), "name": name, "color": "ededed"}));
            }
        }
        reply(200, Value::Array(labels.clone()))
    }

    /// Adds assignees. People whose name begins with `x` have no access, and are ignored.
    fn assign(&mut self, at: usize, body: &Value) -> Reply {
        let fields = match self.fields(body, &["assignees"], &[]) {
            Ok(fields) => fields,
            Err(reply) => return reply,
        };
        let there = self.pulls[at]["assignees"].as_array_mut().unwrap();
        for login in fields["assignees"].as_array().unwrap() {
            if !login.as_str().unwrap().starts_with('x') {
                there.push(json!({"login": login}));
            }
        }
        reply(201, json!({"number": at + 1, "assignees": there}))
    }

    fn delete(&mut self, branch: &str) -> Reply {
        match self.branches.remove(branch) {
            true => reply(204, Value::Null),
            false => failed(422, "Reference does not exist"),
        }
    }
}
