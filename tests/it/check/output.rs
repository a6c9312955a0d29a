//! The forms of the output: lines with a summary, JSON, and what mends it.

use std::time::Duration;

use serde_json::Value;

use super::provoked::World;
use super::{Report, Run};
use crate::support::kube::Identity;

#[tokio::test]
async fn json_has_the_findings_and_their_numbers() {
    let text = Run::new(&[]).report().await;
    let report = Run::new(&["-o", "json"]).report().await;
    assert_eq!((report.code, report.summary.as_str()), (Some(0), ""));
    let json: Value = serde_json::from_str(&report.text).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let word = |of: &Value| of.as_str().unwrap().to_owned();
    let lines: Vec<_> = findings
        .iter()
        .map(|f| format!("{:<4} {}: {}", word(&f["severity"]), word(&f["subject"]), word(&f["text"])))
        .collect();
    assert_eq!(lines, text.text.lines().collect::<Vec<_>>());
    assert_eq!((json["skip"].as_u64(), json["fail"].as_u64()), (Some(1), Some(0)), "{json}");
    let gone = Run::new(&["-o", "json"]).env("BUILDKIT_HOST", "tcp://127.0.0.1:1").report().await;
    assert_eq!(gone.code, Some(1));
    let json: Value = serde_json::from_str(&gone.text).unwrap();
    assert_eq!(json["fail"], 1, "{json}");
}

impl World {
    async fn fix(&self) -> Report {
        Run::new(&["--fix"]).kubeconfig(&self.0.kubeconfig(Identity::Admin)).report().await
    }

    /// Applies the objects of a script.
    async fn apply_script(&self, script: &str) {
        for rest in script.split("<<'YAML'\n").skip(1) {
            self.0.apply_yaml(rest.split_once("\nYAML\n").unwrap().0).await;
        }
    }
}

/// The script is applied twice: an account must exist before its token is looked at.
#[tokio::test]
async fn what_check_prints_mends_what_it_found() {
    let world = World::open().await;
    let before = world.report().await;
    assert!(before.about("ServiceAccount builds/buildkit-workflow").starts_with("FAIL"), "{}", before.text);
    let script = world.fix().await;
    assert_eq!(script.code, Some(1));
    for line in before.text.lines().filter(|line| line.starts_with("FAIL")) {
        assert!(script.text.contains(&format!("# {line}\n")), "{line}\n{}", script.text);
    }
    let set = "kubectl -n argo set env deployment/workflow-controller ARGO_EXECUTOR_PLUGINS=true\n";
    assert!(script.text.contains(set), "{}", script.text);
    world.apply_script(&script.text).await;
    world.apply_script(&world.fix().await.text).await;
    let mended = async {
        loop {
            let report = world.report().await;
            let rights: Vec<_> = report.text.lines().filter(|line| line.contains(" rights of ")).collect();
            // The API server learns of a Role a moment later.
            if !rights.is_empty() && rights.iter().all(|line| line.starts_with("ok")) {
                return report;
            }
        }
    };
    let report = tokio::time::timeout(Duration::from_secs(60), mended).await.unwrap();
    assert!(report.about("ServiceAccount builds/buildkit-workflow").starts_with("ok"), "{}", report.text);
    // Nothing fills the token here.
    let token = report.about("token Secret builds/buildkit-workflow.service-account-token");
    assert!(token.contains("has no token yet"), "{token}");
}
