//! The text that Prometheus reads.

use std::time::Duration;

use jiff::Timestamp;

use super::{BuildOutcome, DeploymentOutcome, Metrics, StepOutcome};

/// The value of a series, without an exemplar.
fn value(metrics: &Metrics, series: &str) -> Option<String> {
    let text = metrics.encode(0, 0).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("argo_buildkit_{series} ")));
    line.and_then(|rest| rest.split(' ').next()).map(str::to_owned)
}

/// A date that is `ago` seconds ago, in seconds since 1970.
fn date(ago: i64) -> Option<u32> {
    u32::try_from(Timestamp::now().as_second() - ago).ok()
}

#[test]
fn the_duration_of_a_step_has_its_trace_if_there_is_one() {
    let metrics = Metrics::new();
    metrics.step_ended("build", StepOutcome::Succeeded, Duration::from_secs(1), None);
    assert!(!metrics.encode(0, 0).unwrap_or_default().contains("trace_id"));
    let trace = "0af7651916cd43dd8448eb211c80319c".to_owned();
    metrics.step_ended("build", StepOutcome::Succeeded, Duration::from_secs(1), Some(trace));
    let text = metrics.encode(0, 0).unwrap_or_default();
    let exemplar = " # {trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 1.0";
    let exemplars: Vec<_> = text.lines().filter(|line| line.ends_with(exemplar)).collect();
    assert!(
        matches!(exemplars[..], [line] if line.starts_with("argo_buildkit_step_seconds_bucket{")),
        "{text}"
    );
}

#[test]
fn a_build_is_counted_under_its_image_once_one_has_succeeded() {
    let (metrics, second) = (Metrics::new(), Duration::from_secs(1));
    let image = "registry.example.com/shop/api";
    for outcome in [BuildOutcome::Failed, BuildOutcome::Succeeded, BuildOutcome::Failed] {
        metrics.build_ended("shop", image, outcome, second);
    }
    let builds = |image: &str, outcome: &str| {
        let labels = format!("workflow_namespace=\"shop\",image=\"{image}\",outcome=\"{outcome}\"");
        value(&metrics, &format!("builds_total{{{labels}}}"))
    };
    assert_eq!(builds("other", "failed").as_deref(), Some("1"));
    assert_eq!(builds(image, "failed").as_deref(), Some("1"));
    assert_eq!(builds(image, "succeeded").as_deref(), Some("1"));
    let took = format!("build_seconds_count{{workflow_namespace=\"shop\",image=\"{image}\"}}");
    assert_eq!(value(&metrics, &took).as_deref(), Some("1"));
}

#[test]
fn a_build_that_waits_is_counted_until_it_has_its_place() {
    let metrics = Metrics::new();
    let waiting = metrics.build_waits();
    assert_eq!(value(&metrics, "builds_waiting").as_deref(), Some("1"));
    assert_eq!(value(&metrics, "build_wait_seconds_count").as_deref(), Some("0"));
    drop(waiting);
    assert_eq!(value(&metrics, "builds_waiting").as_deref(), Some("0"));
    assert_eq!(value(&metrics, "build_wait_seconds_count").as_deref(), Some("1"));
}

#[test]
fn the_lead_time_is_that_of_deployments_whose_commit_is_known() {
    let metrics = Metrics::new();
    for (outcome, committed) in [
        (DeploymentOutcome::Healthy, None),
        (DeploymentOutcome::Healthy, date(100)),
        (DeploymentOutcome::Healthy, date(-3600)),
        (DeploymentOutcome::Failed, date(100)),
        (DeploymentOutcome::Superseded, date(100)),
    ] {
        metrics.deployed("shop", "api", outcome, committed);
    }
    let labels = "workflow_namespace=\"shop\",application=\"api\"";
    let lead = |name: &str| value(&metrics, &format!("deployment_lead_seconds_{name}{{{labels}}}"));
    assert_eq!(lead("count").as_deref(), Some("1"));
    let sum = lead("sum").and_then(|sum| sum.parse::<f64>().ok());
    assert!(sum.is_some_and(|sum| sum >= 100.0), "{sum:?}");
    for (result, count) in [("healthy", "3"), ("failed", "1"), ("superseded", "1")] {
        let series = format!("deployments_total{{{labels},result=\"{result}\"}}");
        assert_eq!(value(&metrics, &series).as_deref(), Some(count), "{result}");
    }
}

#[test]
fn the_time_to_restore_begins_with_the_first_failure() {
    let metrics = Metrics::new();
    let deployed = |outcome| metrics.deployed("shop", "api", outcome, None);
    let restored = || {
        let labels = "workflow_namespace=\"shop\",application=\"api\"";
        value(&metrics, &format!("deployment_restore_seconds_count{{{labels}}}"))
    };
    // An Application that has never been healthy was not broken by a deployment.
    deployed(DeploymentOutcome::Failed);
    deployed(DeploymentOutcome::Healthy);
    assert_eq!(restored(), None);
    for outcome in [DeploymentOutcome::Failed, DeploymentOutcome::Error, DeploymentOutcome::Failed] {
        deployed(outcome);
    }
    assert_eq!(restored(), None);
    deployed(DeploymentOutcome::Healthy);
    deployed(DeploymentOutcome::Healthy);
    assert_eq!(restored().as_deref(), Some("1"));
}

#[test]
fn the_end_of_a_poll_is_known_by_namespace() {
    let metrics = Metrics::new();
    metrics.poll_ended("shop");
    let ended = value(&metrics, "poll_ended_timestamp_seconds{workflow_namespace=\"shop\"}");
    let ended = ended.and_then(|ended| ended.parse::<i64>().ok());
    assert!(ended.is_some_and(|ended| ended > 1_700_000_000), "{ended:?}");
}
