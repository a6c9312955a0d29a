//! The installation uses one token that reads sources and another that writes to the GitOps repository.

use std::collections::BTreeMap;

use serde_json::Value;

const INSTALL: &str = include_str!("../../../docs/install.md");

/// The Secrets that the page's commands make, each with the variables of its content.
fn secrets() -> BTreeMap<String, Vec<String>> {
    let commands = INSTALL.replace("\\\n", " ");
    let made = commands.lines().collect::<Vec<_>>().join("\n");
    let mut secrets = BTreeMap::new();
    let mut pipe = String::new();
    for line in made.lines() {
        pipe.push_str(line);
        if line.trim_end().ends_with('|') {
            continue;
        }
        if let Some((_, rest)) = pipe.split_once("create secret generic ") {
            let name = rest.split_whitespace().next().unwrap().to_owned();
            let variables = pipe.split('$').skip(1).map(|rest| {
                rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect::<String>()
            });
            secrets
                .insert(name, variables.filter(|v| v.ends_with("_USER") || v.ends_with("_FILE")).collect());
        }
        pipe.clear();
    }
    secrets
}

#[test]
fn each_secret_of_the_install_has_a_login_of_its_own() {
    let secrets = secrets();
    let names: Vec<_> = secrets.keys().map(String::as_str).collect();
    assert_eq!(names, ["git-write-back", "gitea-credentials", "registry-credentials"]);
    let mut all: Vec<_> = secrets.values().flatten().collect();
    assert_eq!(all.len(), 6, "{secrets:?}");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6, "a login stands in two Secrets: {secrets:?}");
}

#[test]
fn each_secret_of_the_install_and_of_the_templates_is_bound_to_hosts_and_a_use() {
    let annotated = INSTALL.replace("\\\n", " ");
    let line = |secret: &str, name: &str| {
        let mut lines = annotated.lines().filter(|line| line.contains("annotate secret"));
        lines.any(|line| line.contains(secret) && line.contains(name))
    };
    for secret in secrets().keys() {
        assert!(line(secret, "argo-buildkit.io/hosts=") && line(secret, "argo-buildkit.io/use="), "{secret}");
    }
    for template in crate::deploy::rights::templates() {
        let annotations = &template["metadata"]["annotations"];
        let name = template["metadata"]["name"].as_str().unwrap();
        // A signing key is sent to no host.
        let bound = annotations["argo-buildkit.io/hosts"].is_string()
            && annotations["argo-buildkit.io/use"].is_string();
        assert_eq!(bound, name != "git-signing", "{name}: {annotations}");
    }
}

#[test]
fn production_refuses_secrets_that_are_not_bound() {
    let objects = crate::deploy::overlay("production");
    let settings = crate::deploy::object(&objects, "ConfigMap", "buildkit-settings");
    assert_eq!(settings["data"]["ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS"], "true");
}

/// Reading and writing are two parameters, with defaults that are two Secrets.
#[test]
fn the_templates_read_and_write_with_two_secrets() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("workflow-templates");
    let mut read_and_write = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let template: Value = serde_saphyr::from_str(&text).unwrap();
        let parameters = template["spec"]["arguments"]["parameters"].as_array().cloned().unwrap_or_default();
        let default = |name: &str| {
            let found = parameters.iter().find(|p| p["name"] == name)?;
            found["value"].as_str().map(str::to_owned)
        };
        if let (Some(read), Some(write)) = (default("git-secret"), default("gitops-secret")) {
            assert_ne!(read, write, "{}", template["metadata"]["name"]);
            read_and_write += 1;
        }
    }
    assert!(read_and_write >= 3, "{read_and_write}");
}
