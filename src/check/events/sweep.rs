//! The sweep: a CronWorkflow with a step `poll`, which finds what no hook has told.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::super::{Doctor, Finding};
use super::last_event::{created, time};
use super::steps::steps;
use super::{leftovers, name};
use crate::duration::elapsed_text;
use crate::kube::ReadError;

/// The label of the workflows of a CronWorkflow.
const OF_CRON: &str = "workflows.argoproj.io/cron-workflow";

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// How long a run takes at the most: `render` gives it an hour.
const LONGEST_RUN: Duration = HOUR;

impl Doctor {
    /// The findings about the sweeps of the namespace.
    pub(super) async fn sweeps(&self, sensors: &[Value]) -> Result<Vec<Finding>, ReadError> {
        let namespace = &self.site.namespace;
        let (crons, written) = (self.of_events("CronWorkflow").await?, self.templates_of_site().await);
        let sweeps: Vec<_> =
            crons.iter().filter(|cron| polls(&cron["spec"]["workflowSpec"], &written)).collect();
        let has_sources = !self.of_events("EventSource").await?.is_empty();
        let mut found = leftovers::judge(namespace, sensors, &crons, &written);
        for cron in &sweeps {
            let label = format!("{OF_CRON}={}", name(cron));
            let runs = self.engine.cluster.labelled_workflows(namespace, &label).await.unwrap_or_default();
            found.push(judge(namespace, cron, &runs, SystemTime::now()));
        }
        if sweeps.is_empty() && has_sources {
            found.push(Finding::warn(
                format!("sweep of namespace {namespace}"),
                "no CronWorkflow has a step `poll`, so a push whose hook is lost is never built, and Gitea sends none again; \
                 `argo-buildkit render` writes one (docs/events.md)",
            ));
        }
        Ok(found)
    }
}

/// Whether a workflow has a step `poll`, of its own or of the template that it is made of.
fn polls(spec: &Value, written: &[Value]) -> bool {
    let has_poll = |spec: &Value| steps(spec).any(|step| step.get("poll").is_some());
    let made_of = spec["workflowTemplateRef"]["name"].as_str();
    has_poll(spec)
        || written.iter().any(|template| made_of == Some(name(template)) && has_poll(&template["spec"]))
}

/// The longest pause between two runs of a schedule, as its coarsest field has it.
fn pause(schedule: &str) -> Duration {
    // Argo and cron allow a time zone before the fields.
    let fields = schedule.split_whitespace().filter(|field| !field.contains('='));
    match fields.collect::<Vec<_>>().as_slice() {
        ["@hourly"] | [_, "*", "*", "*", "*"] => HOUR,
        ["@daily" | "@midnight"] | [_, _, "*", "*", "*"] => DAY,
        ["@weekly"] | [_, _, "*", "*", _] => 7 * DAY,
        ["@monthly"] | [_, _, _, "*", _] => 31 * DAY,
        _ => YEAR,
    }
}

/// Judges a sweep by its schedule and its newest run.
pub(super) fn judge(namespace: &str, cron: &Value, runs: &[Value], now: SystemTime) -> Finding {
    let subject = format!("sweep {namespace}/{}", name(cron));
    if cron["spec"]["suspend"] == true {
        let text = format!(
            "is suspended, so a push whose hook is lost is not built; argo cron resume -n {namespace} {}",
            name(cron)
        );
        return Finding::warn(subject, text);
    }
    let conditions = cron["status"]["conditions"].as_array().into_iter().flatten();
    let mut errors = conditions.filter(|condition| condition["status"] == "True");
    if let Some(error) =
        errors.find(|condition| condition["type"].as_str().is_some_and(|kind| kind.ends_with("Error")))
    {
        let text = format!("cannot be run: {}; correct it", error["message"].as_str().unwrap_or_default());
        return Finding::fail(subject, text);
    }
    let Some(last) = time(&cron["status"]["lastScheduledTime"]) else {
        let text = "has never run: wait for its schedule; if it has passed, see the log of Argo's controller";
        return Finding::warn(subject, text);
    };
    let age = |since: SystemTime| now.duration_since(since).unwrap_or_default();
    let ago = elapsed_text(age(last));
    let newest = runs.iter().max_by_key(|run| created(run));
    let phase =
        newest.map_or("its run is deleted", |run| run["status"]["phase"].as_str().unwrap_or("not begun"));
    let is_open = matches!(phase, "Running" | "Pending" | "not begun");
    let open = newest.filter(|_| is_open).and_then(|run| Some((run, age(created(run)?))));
    if let Some((run, open)) = open.filter(|(_, open)| *open > LONGEST_RUN) {
        let text = format!(
            "its run {} has not ended for {} ({phase}), and no other one begins meanwhile; see `argo get -n {namespace} {0}` and whether \
             Argo's controller and the plugin run",
            name(run),
            elapsed_text(open)
        );
        return Finding::warn(subject, text);
    }
    let schedules = cron["spec"]["schedules"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let longest = schedules.map(pause).min().unwrap_or(YEAR);
    if age(last) > 2 * longest {
        let text = format!(
            "ran {ago} ago, although its schedule asks for more: see the log of Argo's controller, and `kubectl -n {namespace} describe \
             cronworkflow {}`",
            name(cron)
        );
        return Finding::warn(subject, text);
    }
    match (phase, newest) {
        ("Failed" | "Error", Some(run)) => {
            let why = run["status"]["message"].as_str().unwrap_or("without a message");
            Finding::fail(
                subject,
                format!("its last run {} {ago} ago: {phase}: {why}; argo get -n {namespace} {0}", name(run)),
            )
        }
        _ => Finding::ok(subject, format!("ran {ago} ago ({phase})")),
    }
}
