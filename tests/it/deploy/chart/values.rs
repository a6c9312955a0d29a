//! The values: each is documented, unknown and wrong ones are refused, and a matrix of them renders.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{MONITORS, Release, chart, identity};
use crate::deploy::{ROOT, object, parse, succeeded};
use crate::support::bin;

fn read(file: &str) -> String {
    fs::read_to_string(chart().join(file)).unwrap()
}

#[test]
fn copies_and_the_table_of_values_are_those_of_their_sources() {
    succeeded(&mut Command::new(Path::new(ROOT).join("scripts/chart-files")));
}

/// The paths of the values that are no map, or an empty one.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value.as_object().filter(|map| !map.is_empty()) {
        Some(map) => map.iter().for_each(|(key, value)| leaves(value, &format!("{path}.{key}"), found)),
        None => found.push(path.trim_start_matches('.').to_owned()),
    }
}

#[test]
fn every_value_has_a_row_in_the_readme() {
    let mut paths = Vec::new();
    leaves(&parse(&read("values.yaml"))[0], "", &mut paths);
    let readme = read("README.md");
    let (_, table) = readme.split_once("| Key |").unwrap();
    let rows: BTreeSet<_> =
        table.lines().skip(2).filter_map(|row| row.split('|').nth(1)).map(str::trim).collect();
    let has_row = |path: &&String| rows.iter().any(|row| path == row || path.starts_with(&format!("{row}.")));
    let missing: Vec<_> = paths.iter().filter(|path| !has_row(path)).collect();
    assert!(missing.is_empty() && paths.len() > 60, "{missing:?} of {}", paths.len());
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    for file in fs::read_dir(chart().join("ci")).unwrap() {
        let mut helm = Command::new(bin::testbed("helm"));
        helm.args(["lint", "--strict", "--kube-version", "1.36.0"]).arg(chart());
        succeeded(helm.arg("--values").arg(file.unwrap().path()));
    }
}

#[test]
fn wrong_values_are_refused() {
    for (value, reason) in [
        ("buildkit.enabled=true", "additional properties 'buildkit' not allowed"),
        ("image.tga=1", "additional properties 'tga' not allowed"),
        ("agent.enabled=yes", "got string, want boolean"),
        ("image.tag=a/b", "does not match pattern"),
        ("image.digest=sha256:0123", "does not match pattern"),
        ("cacheRegistry.collectAt=24", "maximum: got 24, want 23"),
        ("workflows.namespaces={}", "does not match pattern"),
        ("workflows.namespaces={Builds}", "does not match pattern"),
        ("agent.enabled=true,agent.allNamespaces=true", "needs agent.policy"),
        ("agent.enabled=true,workflows.namespaces={a,b}", "needs agent.policy"),
        ("agent.enabled=true,cacheRegistry.login.enabled=true", "takes the agent's tokens only"),
    ] {
        let told = Release::new("bad").set(value).refused();
        assert!(told.contains(reason), "{value}: {told}");
    }
    let old = Release::new("old").with(&["--kube-version", "1.32.9"]);
    assert!(old.refused().contains("set buildkitd.rootless=true"));
    assert!(!Release::case("rootless").with(&["--kube-version", "1.32.9"]).objects().is_empty());
}

/// Each pair of the switches that change the most.
#[test]
fn every_pair_of_switches_renders() {
    let switches = [
        "buildkitd.enabled=false",
        "buildkitd.pool.enabled=true",
        "buildkitd.rootless=true",
        "cacheRegistry.enabled=false",
        "agent.enabled=true",
        "certManager.enabled=true",
    ];
    for (n, first) in switches.iter().enumerate() {
        for second in &switches[n..] {
            let objects = Release::new("pair").set(first).set(second).objects();
            let identities: BTreeSet<_> = objects.iter().map(identity).collect();
            assert_eq!(identities.len(), objects.len(), "{first} {second}");
        }
    }
}

#[test]
fn monitors_are_made_where_they_are_wanted_and_their_kinds_exist() {
    let wanted = "metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true,\
                  metrics.prometheusRule.enabled=true,agent.enabled=true";
    let kinds = |release: Release| -> BTreeSet<String> {
        let kinds = release.objects().into_iter().map(|o| o["kind"].as_str().unwrap().to_owned());
        kinds.filter(|kind| MONITORS.contains(&kind.as_str())).collect()
    };
    assert_eq!(kinds(Release::new("a").set(wanted)), BTreeSet::new());
    assert_eq!(kinds(Release::new("a").with_monitors()), BTreeSet::new());
    assert_eq!(
        kinds(Release::new("a").set(wanted).with_monitors()),
        BTreeSet::from(MONITORS.map(str::to_owned))
    );
}

/// A monitor selects pods or a Service that exist, by a port that they name.
#[test]
fn monitors_select_what_is_there() {
    let wanted = "metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true,agent.enabled=true";
    let objects = Release::new("a").set(wanted).with_monitors().objects();
    let service = object(&objects, "Service", "buildkitd");
    let monitor = object(&objects, "ServiceMonitor", "buildkitd");
    let label = "app.kubernetes.io/name";
    assert_eq!(monitor["spec"]["selector"]["matchLabels"][label], service["metadata"]["labels"][label]);
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][1]["name"]);
    let agent = &object(&objects, "Deployment", "buildkit-agent")["spec"]["template"];
    let monitor = object(&objects, "PodMonitor", "buildkit-agent");
    assert_eq!(monitor["spec"]["selector"]["matchLabels"], agent["metadata"]["labels"]);
    let port = &agent["spec"]["containers"][0]["ports"][0]["name"];
    for name in ["buildkit-agent", "buildkit-sidecars"] {
        assert_eq!(&object(&objects, "PodMonitor", name)["spec"]["podMetricsEndpoints"][0]["port"], port);
    }
}

#[test]
fn a_second_release_beside_the_first_shares_no_object() {
    let own = "fullnameOverride=b,argo.pluginForm=false,sidecar.enabled=false,buildkitd.namespace=b-buildkit,\
               cacheRegistry.namespace=b-cache,agent.enabled=true,agent.namespace=b-agent,workflows.namespaces={team-b}";
    let (first, second) = (Release::case("agent"), Release::new("b").set(own));
    let identities =
        |release: Release| -> BTreeSet<String> { release.objects().iter().map(identity).collect() };
    let second_objects = second.objects();
    let (first, second) = (identities(first), identities(second));
    assert_eq!(first.intersection(&second).collect::<Vec<_>>(), Vec::<&String>::new());
    let settings = &object(&second_objects, "ConfigMap", "buildkit-settings")["data"];
    assert_eq!(settings["BUILDKIT_HOST"], "tcp://b-buildkitd.b-buildkit.svc:1234");
    let config = &object(&second_objects, "ConfigMap", "b-buildkitd")["data"]["buildkitd.toml"];
    assert!(
        config.as_str().unwrap().contains(r#"[registry."b-cache-registry.b-cache.svc:5000"]"#),
        "{config}"
    );
}

#[test]
fn large_numbers_and_switches_stay_as_they_are_in_the_settings() {
    let values = tempfile::NamedTempFile::new().unwrap();
    let text = "workflows: {settings: {ARGO_BUILDKIT_KEEP_FINISHED_BYTES: 16777216}}\n\
                agent: {enabled: true, settings: {ARGO_BUILDKIT_MAX_RUNNING: 2000000, OTHER: true}}\n";
    fs::write(values.path(), text).unwrap();
    let objects = Release::new("large").with(&["--values", values.path().to_str().unwrap()]).objects();
    let settings = |name| object(&objects, "ConfigMap", name)["data"].clone();
    assert_eq!(settings("buildkit-settings")["ARGO_BUILDKIT_KEEP_FINISHED_BYTES"], "16777216");
    let agent = settings("buildkit-agent-settings");
    assert_eq!((&agent["ARGO_BUILDKIT_MAX_RUNNING"], &agent["OTHER"]), (&json!("2000000"), &json!("true")));
}

#[test]
fn extra_objects_are_rendered_with_the_values() {
    let values = tempfile::NamedTempFile::new().unwrap();
    let text = "extraObjects:\n- {kind: A, apiVersion: v1, metadata: {name: '{{ .Release.Name }}'}}\n\
                - |\n  {kind: B, apiVersion: v1, metadata: {name: '{{ .Values.buildkitd.namespace }}'}}\n";
    fs::write(values.path(), text).unwrap();
    let release = Release::new("extra").with(&["--values", values.path().to_str().unwrap()]);
    let objects = release.objects();
    object(&objects, "A", "extra");
    object(&objects, "B", "buildkit");
}

#[test]
fn the_chart_names_the_versions_that_it_installs() {
    let about = parse(&read("Chart.yaml")).remove(0);
    assert_eq!(about["appVersion"], env!("CARGO_PKG_VERSION"));
    let listed = about["annotations"]["artifacthub.io/images"].as_str().unwrap();
    let objects = Release::case("agent-gate").objects();
    let templates = objects.iter().filter_map(|o| o.pointer("/spec/template/spec/containers"));
    let containers: Vec<_> =
        templates.flat_map(|containers| containers.as_array().unwrap().clone()).collect();
    assert_eq!(containers.len(), 3);
    for container in containers {
        let image = container["image"].as_str().unwrap();
        assert!(listed.contains(&format!("{image}\n")), "{image} is not in artifacthub.io/images: {listed}");
    }
}
