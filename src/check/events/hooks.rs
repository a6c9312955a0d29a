//! The webhooks of a repository: whether one of them posts its pushes to an EventSource.

use serde_json::Value;

use super::super::target::Repository;
use super::super::{Doctor, Finding};
use crate::forge::{ForgeRepository, Hook};
use crate::git::Credentials;
use crate::outcome::chain;

impl Doctor {
    /// Checks the hooks that the forge has for `target`.
    pub(in crate::check) async fn hooks(&self, target: &Repository) -> Finding {
        let subject = format!("hook of {}", target.repo);
        let hooks = match self.hooks_of(target).await {
            Ok(hooks) => hooks,
            Err(error) => return Finding::fail(subject, error),
        };
        let sources = self.of_events("EventSource").await.unwrap_or_default();
        judge(subject, &hooks, &endpoints(&sources))
    }

    async fn hooks_of(&self, target: &Repository) -> Result<Vec<Hook>, String> {
        let login = self.login(target).await.map_err(|error| error.message)?;
        let Credentials::Basic { token, .. } = login else {
            return Err(
                "needs a token, which reads the hooks through the forge's API: write `=SECRET` behind it"
                    .to_owned(),
            );
        };
        let repository =
            ForgeRepository::from_clone_url(&target.url, None, None).map_err(|error| error.to_string())?;
        self.engine.forge.hooks(&repository, &token).await.map_err(|error| chain(&error))
    }
}

/// The paths at which EventSources take posts.
pub(super) fn endpoints(sources: &[Value]) -> Vec<String> {
    let kinds = sources.iter().filter_map(|source| source["spec"].as_object()).flatten();
    let events = kinds.filter_map(|(_, events)| events.as_object()).flat_map(|events| events.values());
    let paths = events
        .filter_map(|event| event["endpoint"].as_str().or_else(|| event["webhook"]["endpoint"].as_str()));
    paths.map(str::to_owned).collect()
}

/// Judges the hooks of a repository by the endpoints of the cluster. Without any, every address is taken for right.
pub(super) fn judge(subject: String, hooks: &[Hook], endpoints: &[String]) -> Finding {
    let path =
        |hook: &Hook| hook.url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned();
    let fits = |hook: &&Hook| {
        endpoints.is_empty()
            || endpoints.iter().any(|endpoint| path(hook).ends_with(endpoint.trim_end_matches('/')))
    };
    let known = if endpoints.is_empty() { "an EventSource".to_owned() } else { endpoints.join(" or ") };
    let ours: Vec<_> = hooks.iter().filter(fits).collect();
    if ours.is_empty() {
        let text = format!(
            "none of its {} hooks, with those of its organisation that this token may read, posts to {known}, so no push begins a \
             workflow; make one (docs/events.md)",
            hooks.len()
        );
        return Finding::fail(subject, text);
    }
    // One good hook is enough; otherwise the first says what to correct.
    let judged: Vec<_> = ours.into_iter().map(|hook| (hook, flaw(hook))).collect();
    let good = judged.iter().find(|(_, flaw)| flaw.is_none());
    let Some((hook, flaw)) = good.or(judged.first()) else { return Finding::fail(subject, "has no hook") };
    let whose = if hook.is_of_organisation { "its organisation's hook" } else { "its hook" };
    match flaw {
        Some(flaw) => Finding::fail(subject, format!("{whose} to {} {flaw}", path(hook))),
        None => Finding::ok(subject, format!("{whose} posts to {}; {}", path(hook), outcome(hook))),
    }
}

fn outcome(hook: &Hook) -> String {
    match &hook.last {
        Some((code, _)) => format!("its last delivery was answered with {code}"),
        None => "the forge's API does not tell of its deliveries, its page does".to_owned(),
    }
}

/// What is wrong with a hook.
fn flaw(hook: &Hook) -> Option<String> {
    if !hook.active {
        return Some("is not active, so nothing is posted; activate it".to_owned());
    }
    if hook.content_type != "json" {
        let kind = &hook.content_type;
        return Some(format!(
            "has the content type `{kind}`, for which the signature does not fit; set `application/json`"
        ));
    }
    if !hook.events.iter().any(|event| event == "push" || event == "*") {
        return Some("is not sent for pushes; choose the event `push`".to_owned());
    }
    match &hook.last {
        Some((code, message)) if *code >= 300 => Some(format!(
            "got {code} for its last delivery ({message}); its secret, the EventSource or the way there is wrong"
        )),
        _ => None,
    }
}
