//! A private repository over ssh, with a key from a Secret. The server's host key is checked first.

use std::process::Command;

use serde_json::json;

use crate::support::bin;
use crate::support::gitea::Gitea;
use crate::support::net::free_port;
use crate::support::plugin::{Setup, expect_phase, output, tree};
use crate::support::shared::{World, shared_buildkitd};
use crate::support::shop::template;

fn stdout(program: &str, package: &str, arguments: &[&str]) -> String {
    let output = Command::new(bin::system(program, package)).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_private_repository_is_built_and_written_over_ssh() {
    let world = World::shared().await;
    let gitea = Gitea::start_on(free_port(), true);
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("id").display().to_string();
    stdout("ssh-keygen", "openssh-client", &["-q", "-t", "ed25519", "-N", "", "-f", &key]);
    let owner = gitea.user("shop").await;
    gitea.ssh_key(&owner, &std::fs::read_to_string(format!("{key}.pub")).unwrap()).await;
    let (service, gitops) = (gitea.repo(&owner, "api").await, gitea.repo(&owner, "gitops").await);
    let dockerfile = format!("FROM {}\nRUN echo over ssh\n", world.busybox);
    let sha = service.push_directory(tree(&[("Dockerfile", &dockerfile)]).path(), "main", "first").await;
    gitops.commit_file("main", "values.yaml", "image:\n  digest: none\n", "lay out").await;

    let plugin = Setup::new(shared_buildkitd().address()).start();
    plugin.put("deploy-key", "ssh-privatekey", &std::fs::read_to_string(&key).unwrap());
    let image = format!("{}/ssh/api:1", world.registry.host());
    let build = json!({"context": {"repo": service.ssh_url(), "revision": "main", "secret": "deploy-key"}, "tags": image});
    let target = json!({"file": "values.yaml", "helm": {"image.digest": "$(build.digest)"}});
    let update = json!({"repo": gitops.ssh_url(), "secret": "deploy-key", "targets": [target]});
    let steps = template(json!({"steps": [{"build": build}, {"update-manifest": update}]}));

    let node = plugin.node(&steps).await;
    expect_phase(&node, "Failed");
    assert!(
        node["message"].as_str().unwrap().contains("known_hosts"),
        "an unknown server is not trusted: {node}"
    );

    let scan = ["-p", &gitea.ssh_port().to_string(), "127.0.0.1"];
    plugin.put("deploy-key", "known_hosts", &stdout("ssh-keyscan", "openssh-client", &scan));
    let node = plugin.node(&steps).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(output(&node, "build-revision"), sha);
    let values = gitops.read("main", "values.yaml").await.unwrap();
    assert_eq!(values, format!("image:\n  digest: {}\n", output(&node, "digest")));
}
