//! The dashboards: what their queries name exists, and Prometheus can read them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use argo_buildkit::metrics::{
    BuildOutcome, DeploymentOutcome, Metrics, ReportOutcome, StepOutcome, WriteBackResult,
};
use serde_json::{Value, json};

use super::promql::{self, Known, Selector};
use super::{Site, object, succeeded};
use crate::support::bin;

/// The documentation of the metrics.
const DOCS: [&str; 2] = [include_str!("../../../docs/operate.md"), include_str!("../../../docs/agent.md")];

/// A process that has done everything once, because a metric without a value has no labels.
fn used() -> Metrics {
    let (metrics, agent) = Metrics::with_agent();
    let second = Duration::from_secs(1);
    metrics.step_ended(
        "build",
        StepOutcome::Succeeded,
        second,
        Some("0af7651916cd43dd8448eb211c80319c".into()),
    );
    metrics.job_waited(second);
    metrics.build_ended("shop", "registry.example.com/shop/api", BuildOutcome::Succeeded, second);
    metrics.vertices(1, 2);
    metrics.cache_export_ended("exported");
    metrics.caches_left_out(1);
    metrics.write_back_ended(WriteBackResult::Committed, 1);
    metrics.refreshed(true);
    metrics.synced("healthy");
    for outcome in [DeploymentOutcome::Healthy, DeploymentOutcome::Failed, DeploymentOutcome::Healthy] {
        metrics.deployed("shop", "api", outcome, Some(1_700_000_000));
    }
    metrics.polled("submitted", 1);
    metrics.poll_ended("shop");
    metrics.copied(1, 1, 1);
    metrics.answered(200);
    agent.reported(ReportOutcome::Accepted);
    metrics
}

/// All series of a process, and the labels of each.
pub(super) fn known() -> Known {
    let text = used().encode(0, 0).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    // What follows a `#` is an exemplar.
    let samples = samples.map(|line| line.split(" # ").next().unwrap());
    let mut known = Known::new();
    for Selector { metric, labels } in samples.flat_map(|sample| promql::read(sample).selectors) {
        known.entry(metric).or_default().extend(labels);
    }
    known
}

/// The dashboards as the component renders them.
fn dashboards() -> Vec<(String, Value)> {
    let objects = Site::new("components: [../../components/dashboards]\n").objects();
    let map = object(&objects, "ConfigMap", "argo-buildkit-dashboards");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    let files = map["data"].as_object().unwrap().iter();
    files.map(|(name, text)| (name.clone(), serde_json::from_str(text.as_str().unwrap()).unwrap())).collect()
}

/// The panels of a dashboard, also those of collapsed rows.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let all = dashboard["panels"].as_array().unwrap().iter();
    all.flat_map(|panel| std::iter::once(panel).chain(panel["panels"].as_array().into_iter().flatten()))
        .collect()
}

/// The queries of all panels, each with its legend.
fn queries(dashboard: &Value) -> Vec<(&str, &str)> {
    let targets =
        panels(dashboard).into_iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets
        .map(|it| (it["expr"].as_str().unwrap(), it["legendFormat"].as_str().unwrap_or_default()))
        .collect()
}

/// The labels in texts such as `{{pod}}`.
fn legend_labels(legend: &str) -> impl Iterator<Item = &str> {
    legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).map(str::trim)
}

#[test]
fn every_query_names_metrics_and_labels_that_exist() {
    let (known, mut wrong) = (known(), Vec::new());
    for (name, dashboard) in dashboards() {
        let queries = queries(&dashboard);
        assert!(queries.len() > 5, "{name} has {} queries", queries.len());
        for (text, legend) in queries {
            let query = promql::read(text);
            assert!(!query.selectors.is_empty(), "{name}: {text}");
            wrong.extend(
                promql::unknown(&query, &known).into_iter().map(|why| format!("{name}: {why}: {text}")),
            );
            let others = legend_labels(legend).filter(|label| !query.groupings.contains(*label));
            wrong.extend(others.map(|label| format!("{name}: the legend has {label}: {text}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_variable_lists_values_of_a_label_that_exists() {
    let known = known();
    for (name, dashboard) in dashboards() {
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            if variable["type"] != "query" {
                continue;
            }
            let query = variable["query"].as_str().unwrap();
            let listed = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (metric, label) = listed.and_then(|listed| listed.split_once(", ")).unwrap();
            assert!(known[metric].contains(label), "{name}: {query}");
        }
    }
}

#[test]
fn dashboards_and_their_panels_have_ids_of_their_own() {
    let dashboards = dashboards();
    let uids: BTreeSet<_> = dashboards.iter().map(|(_, it)| it["uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), dashboards.len());
    for (name, dashboard) in &dashboards {
        let panels = panels(dashboard);
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{name}");
    }
}

/// Prometheus's own parser reads each query as the rule of a series.
#[test]
fn prometheus_can_read_every_query() {
    let dashboards = dashboards();
    let all = dashboards.iter().flat_map(|(_, dashboard)| queries(dashboard));
    let rules: Vec<_> = all
        .enumerate()
        .map(|(nth, (text, _))| {
            let text = text.replace("$__rate_interval", "5m").replace("$__range", "1h");
            json!({"record": format!("dashboard:query_{nth}"), "expr": text})
        })
        .collect();
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("queries.json");
    fs::write(&file, json!({"groups": [{"name": "dashboards", "rules": rules}]}).to_string()).unwrap();
    succeeded(Command::new(bin::testbed("promtool")).args(["check", "rules"]).arg(&file));
}

#[test]
fn every_metric_is_documented() {
    let text = used().encode(0, 0).unwrap();
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() })
        .collect();
    assert!(names.len() > 30, "{names:?}");
    // Followed by its labels, or by nothing.
    let is_in = |docs: &str, name: &str| {
        [format!("`{name}`"), format!("`{name}{{")].iter().any(|form| docs.contains(form.as_str()))
    };
    let missing: Vec<_> = names.iter().filter(|name| !DOCS.iter().any(|docs| is_in(docs, name))).collect();
    assert!(missing.is_empty(), "docs/operate.md says nothing of {missing:?}");
}
