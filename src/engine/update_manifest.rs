//! `update-manifest`: writes values into manifests with one commit and without a clone.

mod api;
mod intent;
mod proposal;
mod refresh;
mod words;

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::context::Cx;
use crate::git::{Credentials, RepoUrl, SigningKey};
use crate::manifest;
use crate::metrics::WriteBackResult;
use crate::outcome::{Outputs, StepError, Success};
use crate::step::update_manifest::Mode;
use crate::step::{SecretKey, UpdateManifest};
use crate::write_back::{self, Landed, Places, WriteBack};
use api::Api;
use intent::Intent;
use proposal::{Proposed, Unproposed};
use refresh::Refreshed;
use words::Words;

/// The last try may begin this long before the step's timeout. An error that names the conflict says more than
/// an error that names the timeout.
const MARGIN: Duration = Duration::from_secs(1);

/// The largest diff returned, in bytes: a node's outputs live in etcd.
const DIFF_LIMIT: usize = 16 << 10;

pub(super) async fn run(engine: &Engine, update: &UpdateManifest, cx: &Cx) -> Result<Success, StepError> {
    cx.now(format!("reading {} of {}", update.branch, update.repo));
    let words = Words::new(update, &cx.workflow, engine.argo_url.as_deref());
    let intent = Arc::new(Intent::new(update, words));
    let head = match &update.mode {
        Mode::PullRequest(pull) => Some(proposal::head(pull, update, &intent.words)?),
        Mode::Push => None,
    };
    let (api, logins) = tokio::try_join!(api(engine, update, cx), CommitLogins::read(engine, update, cx))?;
    let request = request(engine, update, head, api.as_ref(), logins, cx);
    let edit = {
        let intent = Arc::clone(&intent);
        Arc::new(move |files: &write_back::Files| intent.apply(files))
    };
    let mut landed = engine.pusher.of(engine.tenancy.tenant(&cx.workflow)).write_back(request, edit).await?;
    let proposed = match (&update.mode, &api) {
        (Mode::PullRequest(pull), Some(api)) if update.commit => {
            match proposal::propose(engine, update, pull, &intent, &mut landed, api, cx).await {
                Ok(proposed) => proposed,
                Err(unproposed) => return Err(failed(landed, &intent, unproposed).await),
            }
        }
        _ => None,
    };
    engine.metrics.write_back_ended(result(update, &landed, proposed.as_ref()), landed.attempts.into());
    let refreshed = refresh::refresh(engine, update, &landed, cx).await;
    let files = FileSummary::of(&mut landed, &intent).await;
    Ok(success(update, &landed, files, proposed, &refreshed))
}

/// The diff and the editor's warnings for the outputs.
struct FileSummary {
    diff: String,
    warnings: String,
}

impl FileSummary {
    /// Runs on a blocking thread, because a diff of thousands of changed lines takes a while.
    async fn of(landed: &mut Landed, intent: &Arc<Intent>) -> Self {
        let files = std::mem::take(&mut landed.files);
        let intent = Arc::clone(intent);
        let made = tokio::task::spawn_blocking(move || Self {
            diff: diff(&files),
            warnings: intent.warnings(&files).join("\n"),
        });
        let broken = |broken| Self { diff: format!("(no diff: {broken})"), warnings: String::new() };
        made.await.unwrap_or_else(broken)
    }
}

/// The error for a commit that landed without a correct pull request. It lists what was done.
async fn failed(mut landed: Landed, intent: &Arc<Intent>, unproposed: Unproposed) -> StepError {
    let Unproposed { error, pull } = unproposed;
    let files = FileSummary::of(&mut landed, intent).await;
    let done = match &pull {
        Some(pull) => {
            format!("pull request {} is there ({}), but not as it should be", pull.number, pull.url)
        }
        None if landed.changed => {
            format!("commit {} is on the pull request's branch, without a pull request", landed.commit)
        }
        None => "nothing was written".to_owned(),
    };
    let pull = pull.map(|pull| (pull.number.to_string(), pull.url)).unwrap_or_default();
    let message = format!("{}; {done}: run the step again once that is mended", error.message);
    StepError { message, outputs: outputs(&landed, files, pull, &None), ..error }
}

/// The forge's API, for a step that calls it.
async fn api(engine: &Engine, update: &UpdateManifest, cx: &Cx) -> Result<Option<Api>, StepError> {
    let proposes = update.commit && matches!(update.mode, Mode::PullRequest(_));
    if !proposes && !update.via_api {
        return Ok(None);
    }
    let api = api::api(engine, update, cx).await?;
    // Check the pull request's fields before anything is pushed.
    if proposes {
        engine.forge.takes_pull_requests(&api.repository, &api.token).await?;
    }
    Ok(Some(api))
}

/// What a commit needs of the namespace's Secrets.
struct CommitLogins {
    credentials: Credentials,
    signing_key: Option<SigningKey>,
    source: Option<write_back::SourceCommit>,
}

impl CommitLogins {
    async fn read(engine: &Engine, update: &UpdateManifest, cx: &Cx) -> Result<Self, StepError> {
        let (credentials, signing_key, source) = tokio::try_join!(
            engine.git_credentials(cx, &update.repo, update.secret.as_ref()),
            signing_key(engine, update.signing_key.as_ref(), cx),
            source(engine, update, cx),
        )?;
        Ok(Self { credentials, signing_key, source })
    }
}

fn request(
    engine: &Engine,
    update: &UpdateManifest,
    head: Option<String>,
    api: Option<&Api>,
    logins: CommitLogins,
    cx: &Cx,
) -> WriteBack {
    let CommitLogins { credentials, signing_key, source } = logins;
    let publish = api.filter(|_| update.via_api).map(|api| api::publish(&engine.forge, api));
    WriteBack {
        repo: update.repo.clone(),
        credentials,
        branch: update.branch.clone(),
        files: update.targets.iter().map(|target| target.file.clone()).collect(),
        author: update.author.clone(),
        committer: update.committer.clone(),
        signing_key,
        source,
        places: Some(Places::new(intent::named)),
        head,
        dry_run: !update.commit,
        publish,
        deadline: cx.before_deadline(MARGIN),
        push_gate: cx.gate.clone(),
    }
}

/// The key that signs commits, read from the namespace's Secret.
pub(super) async fn signing_key(
    engine: &Engine,
    reference: Option<&SecretKey>,
    cx: &Cx,
) -> Result<Option<SigningKey>, StepError> {
    let Some(reference) = reference else { return Ok(None) };
    let key = engine.signing_value(cx, reference).await?;
    let named = |bad| StepError::user(format!("secret `{}`, key `{}`: {bad}", reference.name, reference.key));
    SigningKey::from_openssh(&key).map(Some).map_err(named)
}

/// The source and its login. On the GitOps repository's own server, that repository's login is used.
async fn source(
    engine: &Engine,
    update: &UpdateManifest,
    cx: &Cx,
) -> Result<Option<write_back::SourceCommit>, StepError> {
    let Some(source) = &update.source else { return Ok(None) };
    let server = |repo: &RepoUrl| (repo.scheme().to_owned(), repo.host_port());
    let own = update.secret.as_ref().filter(|_| server(&source.repo) == server(&update.repo));
    let secret = source.secret.as_ref().or(own);
    let credentials = engine.git_credentials(cx, &source.repo, secret).await?;
    Ok(Some(write_back::SourceCommit {
        repo: source.repo.clone(),
        credentials,
        commit: source.commit.clone(),
    }))
}

fn result(update: &UpdateManifest, landed: &Landed, proposed: Option<&Proposed>) -> WriteBackResult {
    match (landed, proposed) {
        _ if !update.commit => WriteBackResult::Previewed,
        (Landed { superseded_by: Some(_), .. }, _) => WriteBackResult::Superseded,
        (Landed { changed: false, .. }, _) => WriteBackResult::Unchanged,
        (_, Some(_)) => WriteBackResult::Proposed,
        (Landed { batched: 2.., .. }, _) => WriteBackResult::Batched,
        _ => WriteBackResult::Committed,
    }
}

fn success(
    update: &UpdateManifest,
    landed: &Landed,
    files: FileSummary,
    proposed: Option<Proposed>,
    refreshed: &Refreshed,
) -> Success {
    let summary = summary(update, landed, proposed.as_ref()) + &refresh::summary(update, refreshed);
    let pull = proposed.map(|p| (p.number.to_string(), p.url)).unwrap_or_default();
    Success { summary, outputs: outputs(landed, files, pull, refreshed) }
}

/// The outputs. A pull request is given by number and page.
fn outputs(
    landed: &Landed,
    files: FileSummary,
    (number, url): (String, String),
    refreshed: &Refreshed,
) -> Outputs {
    let outputs = [
        ("commit", landed.commit.clone()),
        ("changed", landed.changed.to_string()),
        ("diff", files.diff),
        ("notices", files.warnings),
        ("superseded-by", landed.superseded_by.clone().unwrap_or_default()),
        ("assumed", landed.assumed.join("\n")),
        ("number", number),
        ("url", url),
        ("refreshed", refreshed.as_ref().map(|ended| ended.is_ok().to_string()).unwrap_or_default()),
    ];
    Outputs::from(outputs.map(|(name, value)| (name.to_owned(), value)))
}

fn summary(update: &UpdateManifest, landed: &Landed, proposed: Option<&Proposed>) -> String {
    let short = |commit: &str| commit.chars().take(10).collect::<String>();
    let (commit, place) = (short(&landed.commit), format!("{} of {}", update.branch, update.repo));
    if let Some(newer) = &landed.superseded_by {
        return format!("superseded: {place} already has what source commit {} brought", short(newer));
    }
    let mut summary = match (landed.changed, proposed) {
        (_, Some(proposed)) => proposed.summary(&place),
        (true, None) if !update.commit => format!("would change {place}; nothing was committed"),
        (true, None) => format!("committed {commit} to {place}"),
        (false, None) => format!("nothing to change: {place} is at {commit}"),
    };
    if landed.batched > 1 {
        summary.push_str(&format!(", together with {} more", landed.batched - 1));
    }
    summary
}

/// The diff of the files, up to the limit.
fn diff(files: &[write_back::FileChange]) -> String {
    let mut text = String::new();
    for file in files {
        text.push_str(&manifest::unified_diff(&file.path, &file.old, &file.new));
        if text.len() > DIFF_LIMIT {
            text.truncate(text.floor_char_boundary(DIFF_LIMIT));
            text.push_str("\n… (cut)\n");
            break;
        }
    }
    text
}
