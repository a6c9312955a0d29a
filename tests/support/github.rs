//! A stand-in for GitHub, which cannot be run here: one repository of a GitHub Enterprise Server, in memory.
//!
//! It is stricter than GitHub: a path, a header, a query or a body field that the documentation does not list for a
//! call fails the test when the stand-in is dropped. Its contract was checked in November 2026: the mutations against
//! the GraphQL schema that GitHub publishes (octokit/graphql-schema of 2026-07-22); paths, queries and fields of the
//! REST calls against clients that are generated from github/rest-api-description (openapi-github 0.1.0, roctogen,
//! octorust), since docs.github.com could be read in parts only; rate limits against GitHub's documentation; the
//! texts of GraphQL's refusals against what users report (peter-evans/enable-pull-request-automerge issues 343 and
//! 355, iterative/cml pull request 955). From memory are the statuses and texts of a refused merge (405, 409), of a
//! deleted branch (422), of a doubled pull request (422), and the redirects of a renamed repository (301, 307). It has
//! never been compared with GitHub itself.

mod graphql;
mod rest;
mod statuses;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use secrecy::SecretString;
use serde_json::{Value, json};

const TOKEN: &str = "github_pat_of-the-stand-in";
const OWNER: &str = "shop";
const API: &str = "/api/v3";

/// The only commit.
pub(crate) const COMMIT: &str = "9fceb02d0ae598e95dc970b74767f19372d61af8";

/// A running stand-in. It ends with the test's runtime.
pub(crate) struct GitHub {
    host: String,
    state: Arc<Mutex<Inner>>,
}

/// The state that tests set and read.
pub(crate) struct Inner {
    /// The repository's present name.
    pub(crate) name: String,
    /// Fields of the repository besides its name.
    pub(crate) settings: Value,
    /// Branches that exist.
    pub(crate) branches: BTreeSet<String>,
    /// Pull requests by number, from 1.
    pub(crate) pulls: Vec<Value>,
    /// Every status that was set, the oldest first.
    pub(crate) statuses: Vec<Value>,
    /// Answers to the next calls of this method, instead of the normal ones: status, header, body.
    pub(crate) faults: VecDeque<(Method, u16, (&'static str, &'static str), Value)>,
    /// How many more lists of pull requests are empty.
    pub(crate) behind: u32,
    /// How many more times `mergeable` is null.
    pub(crate) undecided: u32,
    /// Whether the next pull request is opened and the answer is lost.
    pub(crate) lose_answer: bool,
    /// The message with which GraphQL refuses auto-merge.
    pub(crate) refusal: Option<&'static str>,
    /// Method and path of every call.
    pub(crate) calls: Vec<String>,
    violations: Vec<String>,
}

impl GitHub {
    /// A repository `shop/gitops` with the branches `main` and `deploy`.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(Inner {
            name: "gitops".to_owned(),
            settings: json!({"archived": false, "allow_merge_commit": true, "allow_squash_merge": true,
                "allow_rebase_merge": true, "allow_auto_merge": true, "delete_branch_on_merge": false}),
            branches: ["main", "deploy"].map(str::to_owned).into(),
            pulls: Vec::new(),
            statuses: Vec::new(),
            faults: VecDeque::new(),
            behind: 0,
            undecided: 0,
            lose_answer: false,
            refusal: None,
            calls: Vec::new(),
            violations: Vec::new(),
        }));
        let router = axum::Router::new().fallback(answer).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, state }
    }

    /// The clone URL of `shop/gitops`.
    pub(crate) fn clone_url(&self) -> String {
        format!("http://{}/{OWNER}/gitops.git", self.host)
    }

    /// The only accepted token.
    pub(crate) fn token(&self) -> SecretString {
        TOKEN.into()
    }

    /// Changes or reads the state.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        let violations = std::mem::take(&mut self.state.lock().unwrap().violations);
        assert!(std::thread::panicking() || violations.is_empty(), "{violations:#?}");
    }
}

type Reply = (StatusCode, Vec<(&'static str, String)>, Value);

fn reply(status: u16, body: Value) -> Reply {
    (StatusCode::from_u16(status).unwrap(), Vec::new(), body)
}

fn failed(status: u16, message: &str) -> Reply {
    reply(
        status,
        json!({"message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()}),
    )
}

fn invalid(message: &str) -> Reply {
    let error = json!({"resource": "PullRequest", "code": "custom", "message": message});
    reply(422, json!({"message": "Validation Failed", "errors": [error], "status": "422"}))
}

async fn answer(State(state): State<Arc<Mutex<Inner>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut inner = state.lock().unwrap();
    let path = parts.uri.path().to_owned();
    inner.calls.push(format!("{} {path}", parts.method));
    let header = |name| parts.headers.get(name).map_or("", |value| value.to_str().unwrap());
    for (name, want) in [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")] {
        if header(name) != want {
            let got = header(name).to_owned();
            inner.violations.push(format!("{path}: {name} is {got:?}"));
        }
    }
    let (status, headers, value) = match inner.faults.front() {
        _ if header("user-agent").is_empty() => failed(403, "Request forbidden by administrative rules."),
        _ if header("authorization") != format!("Bearer {TOKEN}") => failed(401, "Bad credentials"),
        Some((method, ..)) if *method == parts.method => inner.fault(),
        _ => {
            let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
            inner.route(&parts.method, &path, parts.uri.query().unwrap_or_default(), &body)
        }
    };
    match status {
        StatusCode::NO_CONTENT => status.into_response(),
        _ => (status, AppendHeaders(headers), Json(value)).into_response(),
    }
}
