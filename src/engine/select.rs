//! `select`: decides which services a push touches, and submits the Workflows that build them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::Engine;
use super::context::Cx;
use super::sanitize::{list_that_fits, without_expressions};
use super::submission::{Wish, pushed_at, submit};
use crate::kube::Submitted;
use crate::outcome::{Fault, Outputs, StepError, Success};
use crate::selection::{BadGlob, Change, ChangedFiles, Decision, GitRef};
use crate::step::select::{Choice, Push, Service};
use crate::step::{Select, WorkflowCall};
use crate::text;

/// How many Workflows are submitted at a time.
const AT_A_TIME: usize = 8;
/// How long the globs of all services may take. The services after that are built.
const GLOBS: Duration = Duration::from_secs(10);
/// The most bytes of the reasons of several services.
const REASONS: usize = 8 << 10;

/// The result of a step.
#[derive(Default)]
struct Selected {
    selected: bool,
    reason: String,
    files: Vec<Vec<u8>>,
    services: Vec<String>,
    submitted: Vec<String>,
}

pub(super) async fn run(engine: &Engine, select: &Select, cx: &Cx) -> Result<Success, StepError> {
    let Some(push) = &select.push else {
        let reason = "selection is off".to_owned();
        return Ok(Selected { selected: true, reason, ..Selected::default() }.success());
    };
    let select = Arc::new(select.clone());
    let change = Arc::new(match refused_by_all(&select, &push.git_ref).await? {
        true => Change::Deleted,
        false => engine.change(cx, push).await?,
    });
    let decisions = decide(&select, &push.git_ref, &change).await?;
    let files = match &*change {
        Change::Files(ChangedFiles(files)) => files.clone(),
        _ => Vec::new(),
    };
    let selected = match &select.choice {
        Choice::Whole(_) => {
            let decision = decisions.into_iter().next();
            let Decision { selected, reason } = decision.ok_or_else(|| lost("decision"))?;
            Selected { selected, reason, files, ..Selected::default() }
        }
        Choice::Services(services) => {
            Selected { files, ..submit_all(engine, cx, push, services, decisions).await? }
        }
    };
    Ok(selected.success())
}

fn lost(what: &str) -> StepError {
    StepError::new(Fault::Ours, format!("the {what} was lost; report this"))
}

/// Whether the ref alone decides, so that nothing has to be read. On a blocking thread: the patterns of a thousand services are compiled.
async fn refused_by_all(select: &Arc<Select>, git_ref: &GitRef) -> Result<bool, StepError> {
    let (select, git_ref) = (Arc::clone(select), git_ref.clone());
    let refused = tokio::task::spawn_blocking(move || match &select.choice {
        Choice::Whole(rule) => rule.refuses(&git_ref).is_some(),
        Choice::Services(services) => services.iter().all(|service| service.rule.refuses(&git_ref).is_some()),
    });
    refused.await.map_err(|_| lost("decision"))
}

/// Decides on a blocking thread: the globs of a thousand services against fifty thousand files take seconds.
async fn decide(
    select: &Arc<Select>,
    git_ref: &GitRef,
    change: &Arc<Change>,
) -> Result<Vec<Decision>, StepError> {
    let (select, git_ref, change) = (Arc::clone(select), git_ref.clone(), Arc::clone(change));
    let work = move || {
        let end = Instant::now() + GLOBS;
        match &select.choice {
            Choice::Whole(rule) => Ok(vec![rule.decide(&git_ref, &change)?]),
            Choice::Services(services) => {
                services.iter().map(|service| one(service, &git_ref, &change, end)).collect()
            }
        }
    };
    let decided = tokio::task::spawn_blocking(work).await;
    let decided: Result<_, BadGlob> = decided.map_err(|_| lost("decision"))?;
    decided.map_err(StepError::user)
}

fn one(service: &Service, git_ref: &GitRef, change: &Change, end: Instant) -> Result<Decision, BadGlob> {
    match service.rule.refuses(git_ref) {
        None if Instant::now() > end => {
            let reason =
                "everything counts as changed: the comparison with all globs takes too long".to_owned();
            Ok(Decision { selected: true, reason })
        }
        _ => service.rule.decide(git_ref, change),
    }
}

/// Submits the Workflows of the touched services.
async fn submit_all(
    engine: &Engine,
    cx: &Cx,
    push: &Push,
    services: &[Service],
    decisions: Vec<Decision>,
) -> Result<Selected, StepError> {
    let Push { repo, git_ref, after, .. } = push;
    let pairs: Vec<_> = services.iter().zip(&decisions).collect();
    let touched: Vec<_> = pairs.iter().filter(|(_, decision)| decision.selected).copied().collect();
    let calls = touched.iter().filter_map(|(service, decision)| {
        let wish = Wish {
            service: &service.name,
            repo,
            git_ref,
            commit: after.as_ref()?,
            reason: &decision.reason,
            pushed_at: None,
        };
        Some((wish, service.workflow.as_ref()?))
    });
    let calls: Vec<_> = calls.collect();
    let (made, failed) = match calls.is_empty() {
        true => Default::default(),
        false => submit_each(engine, cx, calls).await?,
    };
    let created = made.iter().filter(|(_, submitted)| *submitted == Submitted::Created);
    let selected = Selected {
        selected: !touched.is_empty(),
        reason: reasons(&pairs, &made),
        files: Vec::new(),
        services: touched.iter().map(|(service, _)| service.name.clone()).collect(),
        submitted: created.map(|(name, _)| name.clone()).collect(),
    };
    match failed.into_iter().reduce(worse) {
        None => Ok(selected),
        Some(error) => {
            let Success { summary, outputs } = selected.success();
            let done = if made.is_empty() { String::new() } else { format!("\ndone beside it: {summary}") };
            Err(StepError { message: error.message + &done, outputs, ..error })
        }
    }
}

/// One error for two: it may pass if one of them may.
fn worse(one: StepError, other: StepError) -> StepError {
    let fault = if one.fault == Fault::User { other.fault } else { one.fault };
    let message = text::cut(format!("{}; {}", one.message, other.message), REASONS);
    StepError { fault, message, ..one }
}

type Submissions = (Vec<(String, Submitted)>, Vec<StepError>);

/// Submits each Workflow. One that is refused does not stop the others; an API server that is away is waited for once.
async fn submit_each(
    engine: &Engine,
    cx: &Cx,
    calls: Vec<(Wish<'_>, &WorkflowCall)>,
) -> Result<Submissions, StepError> {
    cx.now(format!("submitting {} workflows", calls.len()));
    let submitter = engine.submitter(cx).await?;
    let pushed_at = pushed_at(&submitter, cx).await?;
    let (submitter, is_away) = (&submitter, &AtomicBool::new(false));
    // Boxed, since the compiler cannot tell that a stream of borrowing futures is `Send`.
    let each = calls.into_iter().map(|(wish, call)| {
        let wish = Wish { pushed_at, ..wish };
        let submitted = async move {
            if is_away.load(Ordering::Relaxed) {
                return None;
            }
            let submitted = submit(submitter, cx, wish, call).await;
            if submitted.as_ref().is_err_and(|error| error.fault != Fault::User) {
                is_away.store(true, Ordering::Relaxed);
            }
            Some(submitted.map(|submitted| (wish.name(), submitted)))
        };
        submitted.boxed()
    });
    let each: Vec<BoxFuture<'_, _>> = each.collect();
    let all: Vec<_> = stream::iter(each).buffered(AT_A_TIME).collect().await;
    let (mut made, mut failed) = Submissions::default();
    for one in all.into_iter().flatten() {
        match one {
            Ok(submitted) => made.push(submitted),
            Err(error) => failed.push(error),
        }
    }
    Ok((made, failed))
}

/// The outcome for each service, beginning with those that were submitted.
fn reasons(pairs: &[(&Service, &Decision)], made: &[(String, Submitted)]) -> String {
    let made = made.iter().map(|(name, submitted)| match submitted {
        Submitted::Created => format!("submitted {name}"),
        Submitted::Exists { phase } if phase.is_empty() => format!("{name} exists already"),
        Submitted::Exists { phase } => format!("{name} exists already ({phase})"),
    });
    let of = |selected: bool| {
        let chosen = pairs.iter().filter(move |(_, decision)| decision.selected == selected);
        chosen.map(|(service, decision)| format!("{}: {}", service.name, decision.reason))
    };
    text::cut(made.chain(of(true)).chain(of(false)).collect::<Vec<_>>().join("; "), REASONS)
}

impl Selected {
    fn success(self) -> Success {
        // Argo would replace `{{…}}` in whatever reads an output.
        let reason = without_expressions(self.reason);
        let files = self.files.iter().map(|path| ChangedFiles::shown(path));
        let outputs = [
            ("selected", self.selected.to_string()),
            ("reason", reason.clone()),
            ("files", list_that_fits(files)),
            ("services", list_that_fits(self.services)),
            ("submitted", list_that_fits(self.submitted)),
        ];
        let outputs: Outputs = outputs.map(|(name, value)| (name.to_owned(), value)).into();
        Success { summary: reason, outputs }
    }
}
