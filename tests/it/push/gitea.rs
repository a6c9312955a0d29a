//! Gitea's registry, with logins, and as both sides.

use serde_json::json;

use super::breaks::noise;
use super::repository;
use crate::support::images::Repository;
use crate::support::net::unique;
use crate::support::plugin::Setup;
use crate::support::shared::World;

#[tokio::test]
async fn an_image_goes_to_gitea_within_it_and_back() {
    let world = World::shared().await;
    let gitea = world.gitea;
    let (first, second) = (gitea.user("push").await, gitea.user("prod").await);
    let token = gitea.token(&first, &["write:package"]).await;
    let other = gitea.token(&second, &["write:package"]).await;
    let plugin = Setup::new(world.buildkitd.address()).start();
    plugin.put("first", ".dockerconfigjson", &gitea.docker_config_json(&first, &token));
    plugin.put("second", ".dockerconfigjson", &gitea.docker_config_json(&second, &other));

    let (source, back) = (repository("api"), repository("back"));
    source.platforms("1").await;
    // Larger than a chunk.
    source.image("large", noise(12 << 20)).await;
    let api = Repository::new(gitea.host(), &format!("{first}/api")).with_user(&first, &token);
    let prod = Repository::new(gitea.host(), &format!("{second}/api")).with_user(&second, &other);
    for (from, to, secrets) in [
        (&source, &api, json!({"registry-secret": "first"})),
        (&api, &prod, json!({"registry-secret": "second", "source-registry-secret": "first"})),
        (&prod, &back, json!({"registry-secret": "second"})),
    ] {
        let mut fields = json!({"source": format!("{}:1", from.name), "targets": format!("{}:1", to.name), "tags": "also"});
        fields.as_object_mut().unwrap().extend(secrets.as_object().unwrap().clone());
        let node =
            plugin.node(&json!({"name": unique("push"), "plugin": {"buildkit": {"push": fields}}})).await;
        assert_eq!(node["phase"], "Succeeded", "{}", node["message"]);
        assert_eq!((to.checked("1").await, to.checked("also").await), ((5, 8), (5, 8)));
        assert_eq!(to.read("1").await, source.read("1").await);
        fields["source"] = format!("{}:large", from.name).into();
        fields["targets"] = format!("{}:large", to.name).into();
        fields["tags"] = json!([]);
        let node =
            plugin.node(&json!({"name": unique("push"), "plugin": {"buildkit": {"push": fields}}})).await;
        assert_eq!(node["phase"], "Succeeded", "{}", node["message"]);
        assert_eq!(to.checked("large").await, (1, 2));
    }
}
