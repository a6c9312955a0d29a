//! The example of docs/steps.md, with logins for the Git server and the registry.

use serde_json::{Value, json};

use super::world::World;
use crate::support::git::GitServer;
use crate::support::kube::Identity;
use crate::support::registry_proxy::{AuthScheme, RegistryProxy};
use crate::support::shared::shared_registry;

const DOCS: &str = include_str!("../../../docs/steps.md");

#[tokio::test]
async fn the_example_of_the_documentation_runs() {
    let world = World::new().await;
    let git = GitServer::start("ci", "hunter22");
    let api = git.create("shop/api", &[("Dockerfile", "FROM scratch\n")]);
    let shop = GitServer::start("", "");
    let web = shop.create("shop/shop", &[("services/web/Dockerfile", "FROM scratch\n")]);
    let proxy = RegistryProxy::start(AuthScheme::Bearer, "ci", "hunter23", shared_registry().host()).await;
    let pair = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode("ci:hunter23")
    };
    let config = json!({"auths": {proxy.host(): {"auth": pair}}}).to_string();
    let kube = world.kube();
    let git_login = [("username", "ci"), ("password", "hunter22")];
    kube.secret_in(&world.namespace, "git-credentials", "Opaque", &git_login).await;
    let kind = "kubernetes.io/dockerconfigjson";
    kube.secret_in(&world.namespace, "registry-credentials", kind, &[(".dockerconfigjson", &config)]).await;

    let mut blocks = DOCS.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let example = blocks.find(|block| block.contains("    poll:")).unwrap();
    let example = example
        .replace("https://git.example.com/shop/shop.git", &shop.url("shop/shop"))
        .replace("https://git.example.com", git.origin())
        .replace("registry.example.com/shop/api", &format!("{}/{}/api", proxy.host(), world.namespace))
        .replace("registry.example.com/shop/web", &world.image("web"));
    let template: Value = serde_saphyr::from_str(&example).unwrap();
    let body = &template["plugin"]["buildkit"]["poll"];
    let ended = world.run_with(&world.engine(Identity::Admin).await, body).await.unwrap();
    assert_eq!(ended.submitted, [format!("api-{}", &api[..12]), format!("web-{}", &web[..12])]);
    let asked = proxy.requests();
    let manifests = format!("/v2/{}/api/manifests/{api}", world.namespace);
    let paths: Vec<_> = asked.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, [manifests.as_str(), "/token", manifests.as_str()]);
}
