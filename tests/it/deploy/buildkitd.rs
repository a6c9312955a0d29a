//! buildkitd accepts the deployed configuration and certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use argo_buildkit::metrics::Metrics;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde_json::{Value, json};

use super::rights::EVERYTHING;
use super::{ROOT, Site, object, overlay, parse, succeeded};
use crate::support::bin;
use crate::support::net::{client, free_port};
use crate::support::process::{self, Process};

/// The example of an autoscaler for a pool.
pub(super) const AUTOSCALER: &str = include_str!("../../../deploy/components/buildkitd-pool/hpa.yaml");

/// A daemon with the deployed buildkitd.toml, with this machine's paths and ports.
pub(crate) struct Daemon {
    process: Process,
    root: tempfile::TempDir,
    port: u16,
    metrics: u16,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        let root = process::directory("deploy-");
        let (port, metrics) = (free_port(), free_port());
        let objects = overlay("production");
        let secrets = parse(&succeeded(&mut Command::new(Path::new(ROOT).join("scripts/certificates"))));
        for name in ["buildkitd-tls", "buildkit-client-tls"] {
            write_secret(object(&secrets, "Secret", name), &root.path().join(name));
        }
        let config = root.path().join("buildkitd.toml");
        let path = |name: &str| root.path().join(name).display().to_string();
        let text = deployed(&objects)
            .replace("/etc/buildkit-tls", &path("buildkitd-tls"))
            .replace("/run/buildkit", &path(""))
            .replace("0.0.0.0:1234", &format!("127.0.0.1:{port}"))
            .replace("0.0.0.0:6060", &format!("127.0.0.1:{metrics}"));
        fs::write(&config, text).unwrap();
        let mut command = Command::new(bin::testbed("buildkitd"));
        command.arg("--config").arg(&config).arg("--root").arg(root.path().join("state"));
        command.arg("--oci-worker-net=host");
        let mut process = Process::spawn("buildkitd", command, &root.path().join("log"));
        let serving = format!("running server on 127.0.0.1:{port}");
        process.wait_until("for it to serve", |log| log.contains(&serving).then_some(()));
        Self { process, root, port, metrics }
    }

    /// `buildctl` with the client's certificate.
    pub(crate) fn client(&self) -> Command {
        let mut command = self.buildctl();
        command.arg("--tlscert").arg(self.client_file("tls.crt"));
        command.arg("--tlskey").arg(self.client_file("tls.key"));
        command
    }

    fn buildctl(&self) -> Command {
        let mut command = Command::new(bin::testbed("buildctl"));
        command.arg("--addr").arg(format!("tcp://127.0.0.1:{}", self.port));
        command.args(["--tlsservername", "buildkitd.buildkit.svc"]);
        command.arg("--tlscacert").arg(self.client_file("ca.crt"));
        command
    }

    fn client_file(&self, key: &str) -> PathBuf {
        self.root.path().join("buildkit-client-tls").join(key)
    }
}

/// buildkitd.toml, as the ConfigMap has it.
fn deployed(objects: &[Value]) -> String {
    let mut maps = objects.iter().filter(|o| o["kind"] == "ConfigMap");
    let map = maps.find(|o| o["metadata"]["name"].as_str().unwrap().starts_with("buildkitd-")).unwrap();
    map["data"]["buildkitd.toml"].as_str().unwrap().to_owned()
}

fn write_secret(secret: &Value, directory: &Path) {
    assert_eq!(secret["type"], "kubernetes.io/tls");
    fs::create_dir(directory).unwrap();
    for (key, value) in secret["data"].as_object().unwrap() {
        fs::write(directory.join(key), BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap();
    }
}

/// buildkitd ignores a misspelt key of buildkitd.toml, so the test asks the daemon for its settings.
#[tokio::test]
async fn buildkitd_serves_with_the_deployed_configuration_and_certificates() {
    let daemon = Daemon::start();
    let said = succeeded(daemon.client().args(["debug", "workers", "-v"]));
    let rules: Vec<_> = said.lines().skip_while(|line| !line.starts_with("GC")).map(without_share).collect();
    insta::assert_snapshot!(rules.join("\n"), @"
    GC Policy rule#0:
    	All:			false
    	Filters:		type==source.local type==source.git.checkout
    	Keep duration:		48h0m0s
    	Maximum used space:	536.870912MB
    GC Policy rule#1:
    	All:			false
    	Filters:		type==exec.cachemount
    	Keep duration:		336h0m0s
    	Maximum used space:	…
    GC Policy rule#2:
    	All:			false
    	Filters:		type!=exec.cachemount
    	Keep duration:		24h0m0s
    	Reserved space:	…
    	Minimum free space:	…
    	Maximum used space:	…
    GC Policy rule#3:
    	All:			true
    	Reserved space:	…
    	Minimum free space:	…
    	Maximum used space:	…
    ");

    let refused = daemon.buildctl().args(["debug", "workers"]).output().unwrap();
    assert!(!refused.status.success(), "without a client certificate");
    let url = format!("http://127.0.0.1:{}/metrics", daemon.metrics);
    let metrics = client().get(url).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("Control/ListWorkers"), "{metrics}");
    assert!(daemon.process.log().contains(r#""level":"info""#), "its log is JSON");
}

/// Both ways to make a certificate name the same server, which is the one in the settings of sidecars.
#[test]
fn the_certificates_name_the_server_that_is_called() {
    let secrets = parse(&succeeded(&mut Command::new(Path::new(ROOT).join("scripts/certificates"))));
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("made");
    write_secret(object(&secrets, "Secret", "buildkitd-tls"), &made);
    let mut openssl = Command::new(bin::system("openssl", "openssl"));
    openssl.args(["x509", "-noout", "-ext", "subjectAltName", "-in"]).arg(made.join("tls.crt"));
    let text = succeeded(&mut openssl);
    let names: Vec<_> =
        text.lines().nth(1).unwrap().split(", ").map(|n| n.trim().replace("DNS:", "")).collect();

    let objects = Site::new(EVERYTHING).objects();
    let certificate = object(&objects, "Certificate", "buildkitd-tls");
    assert_eq!(json!(names), certificate["spec"]["dnsNames"]);
    let host = object(&objects, "ConfigMap", "buildkit-settings")["data"]["BUILDKIT_HOST"].as_str().unwrap();
    let host = host.strip_prefix("tcp://").unwrap().strip_suffix(":1234").unwrap();
    assert!(names.iter().any(|name| name == host), "{host} {names:?}");
    let service = object(&objects, "Service", "buildkitd");
    let of = |key: &str| service["metadata"][key].as_str().unwrap();
    assert_eq!(host, format!("{}.{}.svc", of("name"), of("namespace")));
}

#[test]
fn each_daemon_of_a_pool_has_a_volume_and_an_address_of_its_own() {
    let own = "resources: [../production]\ncomponents: [../../components/buildkitd-pool]\n";
    let objects = Site::new(own).objects();
    let set = object(&objects, "StatefulSet", "buildkitd");
    let typed: k8s_openapi::api::apps::v1::StatefulSet = serde_json::from_value(set.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), *set, "a field that Kubernetes does not know");
    let claim = &set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"];
    let pod = &set["spec"]["template"]["spec"];
    let names = |list: &Value| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|one| one["name"].clone()).collect()
    };
    assert!(names(&pod["containers"][0]["volumeMounts"]).contains(claim), "{pod}");
    assert!(!names(&pod["volumes"]).contains(claim), "{pod}");
    assert!(
        objects.iter().all(|o| o["kind"] != "PersistentVolumeClaim" || o["metadata"]["name"] != "buildkitd")
    );
    let service = object(&objects, "Service", "buildkitd");
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(set["spec"]["serviceName"], service["metadata"]["name"]);
    let host = &object(&objects, "ConfigMap", "buildkit-settings")["data"]["BUILDKIT_HOST"];
    assert_eq!(host, "dns:buildkitd.buildkit.svc:1234");
}

#[test]
fn the_autoscaler_scales_a_pool_by_metrics_that_we_have() {
    let scaler = parse(AUTOSCALER).remove(0);
    let typed: HorizontalPodAutoscaler = serde_json::from_value(scaler.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), scaler, "a field that Kubernetes does not know");
    let own = "resources: [../production]\ncomponents: [../../components/buildkitd-pool]\n";
    let objects = Site::new(own).objects();
    let set = object(&objects, "StatefulSet", "buildkitd");
    let (kind, name) = (&set["kind"], &set["metadata"]["name"]);
    let target = json!({"apiVersion": set["apiVersion"], "kind": kind, "name": name});
    assert_eq!(scaler["spec"]["scaleTargetRef"], target);
    assert_eq!(scaler["metadata"]["namespace"], set["metadata"]["namespace"]);
    let ours = Metrics::new().encode(0, 0).unwrap();
    let page = include_str!("../../../docs/scaling.md");
    for metric in scaler["spec"]["metrics"].as_array().unwrap() {
        let name = metric["external"]["metric"]["name"].as_str().unwrap();
        assert!(ours.contains(&format!("# TYPE {name} gauge")), "{name}");
        assert!(page.contains(&format!("__name__=\"{name}\"")), "docs/scaling.md has no rule for {name}");
    }
}

/// A share of the disk is a different number on every machine.
fn without_share(line: &str) -> String {
    match line.split_once("space:") {
        Some((what, size)) if size.ends_with("GB") => format!("{what}space:\t…"),
        _ => line.to_owned(),
    }
}

#[test]
fn the_cluster_of_the_tests_runs_the_same_settings_with_two_registries_more() {
    let (ours, theirs) = (
        include_str!("../../../deploy/base/buildkitd/buildkitd.toml"),
        include_str!("../../cluster/overlay/buildkitd.toml"),
    );
    let more = theirs.strip_prefix(ours).unwrap();
    let tables: Vec<_> = more.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(tables, ["[registry.\"10.244.0.1:5000\"]", "[registry.\"10.244.0.1:3000\"]"]);
}
