//! `commit-status`: sets the status of a commit on its forge, and links the image to its repository.

use secrecy::SecretString;

use super::Engine;
use super::context::Cx;
use super::sanitize::without_expressions;
use crate::argocd::short;
use crate::forge::Status;
use crate::oci::ImageRef;
use crate::outcome::{Outputs, StepError, Success};
use crate::step::CommitStatus;
use crate::step::commit_status::{WantedStatus, own_context};

pub(super) async fn run(engine: &Engine, status: &CommitStatus, cx: &Cx) -> Result<Success, StepError> {
    let Some(wanted) = &status.wanted else {
        return Ok(Success {
            summary: "the commit status is off".to_owned(),
            outputs: completed(Outputs::new()),
        });
    };
    match set_and_link(engine, wanted, cx).await {
        Err(error) if status.ignore_error => Ok(ignored(error)),
        shown => shown,
    }
}

/// The success of a step that has not done its work, and may. It keeps the outputs of what it has done.
fn ignored(error: StepError) -> Success {
    let problem = without_expressions(error.message);
    let summary = format!("the commit status is not complete (`ignore-error`): {problem}");
    let mut outputs = completed(error.outputs);
    outputs.insert("status-problem".to_owned(), problem);
    Success { summary, outputs }
}

/// `outputs`, and those that are missing as empty.
fn completed(mut outputs: Outputs) -> Outputs {
    for name in ["state", "context", "posted", "linked", "status-problem"] {
        outputs.entry(name.to_owned()).or_default();
    }
    outputs
}

/// Sets the status, and links the image.
async fn set_and_link(engine: &Engine, wanted: &WantedStatus, cx: &Cx) -> Result<Success, StepError> {
    let set = set(engine, wanted, cx).await;
    engine.metrics.commit_status_set(match &set {
        Ok(SetStatus { posted: true, .. }) => "posted",
        Ok(_) => "unchanged",
        Err(_) => "failed",
    });
    let set = set?;
    match link(engine, wanted, &set.token, cx).await {
        Ok(linked) => {
            let summary = format!("{}{}", set.summary(wanted), linked.map(link_text).unwrap_or_default());
            let linked = if linked.is_some() { "true" } else { "" };
            Ok(Success { summary, outputs: set.outputs(linked) })
        }
        Err(error) => {
            let message = format!("{}, but the image is not linked: {}", set.summary(wanted), error.message);
            Err(StepError { message, outputs: set.outputs("false"), ..error })
        }
    }
}

/// A status that the commit has now.
struct SetStatus {
    status: Status,
    /// False if the commit had it already.
    posted: bool,
    /// The token of the forge's API, read once for the status and the link.
    token: SecretString,
}

impl SetStatus {
    fn summary(&self, wanted: &WantedStatus) -> String {
        let Status { commit, context, state, .. } = &self.status;
        let (commit, state) = (short(commit), state.name());
        let did = if self.posted { "is now" } else { "is already" };
        format!("`{context}` {did} `{state}` at {commit} of {}", wanted.repo)
    }

    fn outputs(&self, linked: &str) -> Outputs {
        let Status { context, state, .. } = &self.status;
        let outputs = [
            ("state", state.name().to_owned()),
            ("context", context.clone()),
            ("posted", self.posted.to_string()),
            ("linked", linked.to_owned()),
        ];
        completed(Outputs::from(outputs.map(|(name, value)| (name.to_owned(), value))))
    }
}

async fn set(engine: &Engine, wanted: &WantedStatus, cx: &Cx) -> Result<SetStatus, StepError> {
    if let Some(image) = &wanted.link_package {
        check_registry(wanted, image)?;
    }
    cx.now(format!("setting the status of {} of {}", short(&wanted.commit), wanted.repo));
    let token = engine.api_token(cx, &wanted.repository, &wanted.secret).await?;
    let page = || engine.argo_url.as_deref().map(|ui| cx.workflow.page(ui));
    let status = Status {
        commit: wanted.commit.clone(),
        context: wanted.context.clone().unwrap_or_else(|| own_context(&cx.workflow.namespace)),
        state: wanted.state,
        // Everybody who sees the repository reads it.
        description: cx.redactor.lines(&wanted.description),
        url: wanted.url.clone().or_else(page),
    };
    let posted = engine.forge.set_status(&wanted.repository, &token, &status).await?;
    Ok(SetStatus { status, posted, token })
}

/// The policy has compared the image with the list of its own registry. So it must be the image there that is linked.
fn check_registry(wanted: &WantedStatus, image: &ImageRef) -> Result<(), StepError> {
    if wanted.repository.is_registry(image.registry()) {
        return Ok(());
    }
    Err(StepError::user(format!(
        "commit-status.link-package: the image is in the registry {}, and the forge is {}; name an image in the forge's own \
         registry, or set `forge.url` to the address of its API at that registry",
        image.registry(),
        wanted.repository.server()
    )))
}

/// Links the image, if the step asks for it. Returns whether it was not linked before.
async fn link(
    engine: &Engine,
    wanted: &WantedStatus,
    token: &SecretString,
    cx: &Cx,
) -> Result<Option<bool>, StepError> {
    let Some(image) = &wanted.link_package else { return Ok(None) };
    cx.now(format!("linking {} to {}", image.name(), wanted.repo));
    let linked = engine.forge.link_package(&wanted.repository, token, image.repository()).await?;
    Ok(Some(linked))
}

fn link_text(is_new: bool) -> &'static str {
    if is_new { "; the image is linked to the repository" } else { "; the image was linked already" }
}
