//! The alert rules: what they name exists, promtool's tests of them pass, and each alert is tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{ROOT, Site, dashboards, object, parse, promql, succeeded};
use crate::support::bin;

const RULES: &str = include_str!("../../../deploy/components/alerts/rules.yaml");
const TESTS: &str = include_str!("../../../deploy/components/alerts/rules-test.yaml");
const DOCS: &str = include_str!("../../../docs/operate.md");

fn directory() -> PathBuf {
    Path::new(ROOT).join("deploy/components/alerts")
}

fn promtool(directory: &Path) -> Command {
    let mut command = Command::new(bin::testbed("promtool"));
    command.current_dir(directory);
    command
}

fn file() -> Value {
    parse(RULES).remove(0)
}

/// The alerts of all groups.
fn alerts() -> Vec<Value> {
    let file = file();
    let groups = file["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn promtool_takes_the_rules_and_their_tests_pass() {
    succeeded(promtool(&directory()).args(["check", "rules", "rules.yaml"]));
    succeeded(promtool(&directory()).args(["test", "rules", "rules-test.yaml"]));
}

/// Without its rule, the tests of an alert fail.
#[test]
fn every_alert_fires_in_a_test() {
    for alert in alerts() {
        let (name, mut without) = (&alert["alert"], file());
        for group in without["groups"].as_array_mut().unwrap() {
            group["rules"].as_array_mut().unwrap().retain(|rule| rule["alert"] != *name);
        }
        let room = tempfile::tempdir().unwrap();
        fs::write(room.path().join("rules.yaml"), without.to_string()).unwrap();
        fs::write(room.path().join("rules-test.yaml"), TESTS).unwrap();
        let tested = promtool(room.path()).args(["test", "rules", "rules-test.yaml"]).output().unwrap();
        assert!(!tested.status.success(), "no test notices that {name} is missing");
        let told = String::from_utf8_lossy(&tested.stderr) + String::from_utf8_lossy(&tested.stdout);
        assert!(told.contains(name.as_str().unwrap()), "{name}: {told}");
    }
}

#[test]
fn every_alert_names_what_exists_and_says_what_to_do() {
    let (known, mut wrong) = (dashboards::known(), Vec::new());
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let query = promql::read(alert["expr"].as_str().unwrap());
        wrong.extend(promql::unknown(&query, &known).into_iter().map(|why| format!("{name}: {why}")));
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        for field in ["summary", "runbook"] {
            let text = alert["annotations"][field].as_str().unwrap();
            let labels = text.split("$labels.").skip(1).filter_map(|rest| rest.split([' ', '}']).next());
            let others = labels.filter(|label| !query.groupings.contains(*label));
            wrong.extend(others.map(|label| format!("{name}: {field} has the label {label}")));
        }
        assert!(DOCS.contains(&format!("`{name}`")), "docs/operate.md does not list {name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_object_is_made_of_the_rules() {
    let made = succeeded(&mut Command::new(Path::new(ROOT).join("scripts/prometheus-rule")));
    let kept = fs::read_to_string(directory().join("prometheus-rule.yaml")).unwrap();
    assert_eq!(made, kept, "run scripts/prometheus-rule --write");
    let objects = Site::new("components: [../../components/alerts]\n").objects();
    let rule = object(&objects, "PrometheusRule", "argo-buildkit");
    assert_eq!(rule["spec"], file());
}
