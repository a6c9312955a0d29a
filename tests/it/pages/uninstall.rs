//! docs/uninstall.md takes back what the components set in Argo's controller.

use std::collections::BTreeSet;

use serde_json::Value;

use super::read;

/// The variables that a patch of the controller sets.
fn variables(patch: &str) -> BTreeSet<String> {
    let patch: Value = serde_saphyr::from_str(&read(patch)).unwrap();
    let set = patch["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    set.iter().map(|variable| variable["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_setting_of_the_controller_is_removed() {
    let page = read("docs/uninstall.md");
    let removed = page.split_whitespace().filter_map(|word| word.strip_suffix('-'));
    let removed: BTreeSet<_> = removed.filter(|word| word.contains('_')).map(str::to_owned).collect();
    let mut set = variables("deploy/components/argo-settings/controller.yaml");
    set.append(&mut variables("deploy/components/agent/controller.yaml"));
    assert_eq!(removed, set);
}
