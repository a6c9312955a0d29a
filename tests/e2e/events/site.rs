//! The installation of the front half, once for each cluster: the commands of docs/events.md unchanged, with other values in the
//! first block.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::cluster::{NODE, get, gitea, state, tree};
use crate::install::{self, Site, blocks, run_commands};
use crate::support::gitea::Repo;
use crate::workflow::BUILDS;

/// The address that tests/cluster/eventsources gives the Service of the EventSource.
pub(crate) const EVENT_SOURCE: &str = "http://10.96.12.12:12000/gitea/gitea-push";

/// What docs/events.md leads to.
pub(crate) struct Events {
    /// The organisation that has the hook.
    pub(crate) organisation: String,
    /// Where its services are deployed. The pushes of its owner are ignored.
    pub(crate) gitops: Repo<'static>,
    /// The secret of the hooks.
    pub(crate) secret: String,
}

/// The installed front half. It is installed once. If that fails, all tests of it fail.
pub(crate) async fn events() -> &'static Events {
    static EVENTS: OnceCell<Result<Events, String>> = OnceCell::const_new();
    let install = async || match Events::kept(install::site().await) {
        Some(events) => Ok(events),
        None => Events::install(install::site().await).await,
    };
    EVENTS.get_or_init(install).await.as_ref().unwrap()
}

impl Events {
    async fn install(site: &Site) -> Result<Self, String> {
        let organisation = format!("org-{}", std::process::id());
        let body = json!({"username": organisation, "visibility": "public"});
        gitea().call(Method::POST, &format!("/admin/users/{}/orgs", site.owner), Some(body)).await;
        let gitops = gitea().repo(&site.ops, "gitops").await;
        let room = tempfile::Builder::new().prefix("sensors-").tempdir_in(tree().join("target")).unwrap();
        fs::write(room.path().join("kustomization.yaml"), sensors(site, &organisation, &gitops)).unwrap();
        let token = room.path().join("token");
        fs::write(&token, gitea().token(&site.owner, &["write:organization"]).await).unwrap();
        run_commands(blocks("events.md", "## Installing"), values(&organisation, room.path(), &token))
            .await?;
        let stored = get(BUILDS, "secret", "gitea-webhook")["data"]["secret"].as_str().unwrap().to_owned();
        let secret = String::from_utf8(BASE64_STANDARD.decode(stored).unwrap()).unwrap();
        let events = Self { organisation, gitops, secret };
        events.keep(site);
        Ok(events)
    }

    /// The installation of an earlier run on this cluster.
    fn kept(site: &Site) -> Option<Self> {
        let kept: Value = serde_json::from_slice(&fs::read(state(KEPT)).ok()?).unwrap();
        let text = |key: &str| kept[key].as_str().unwrap().to_owned();
        let gitops = Repo::new(gitea(), &site.ops, text("gitops"));
        Some(Self { organisation: text("organisation"), gitops, secret: text("secret") })
    }

    fn keep(&self, site: &Site) {
        let gitops = self.gitops.full_name().replace(&format!("{}/", site.ops), "");
        let kept = json!({"organisation": self.organisation, "gitops": gitops, "secret": self.secret});
        fs::write(state(KEPT), kept.to_string()).unwrap();
    }
}

/// The file of the cluster that records it. `tests/cluster/down` removes it.
const KEPT: &str = "events.json";

fn values(organisation: &str, sensors: &Path, token: &Path) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("EVENTSOURCES", "tests/cluster/eventsources".to_owned()),
        ("SENSORS", sensors.display().to_string()),
        ("GITEA", gitea().url()),
        ("ORGANISATION", organisation.to_owned()),
        ("GITEA_TOKEN_FILE", token.display().to_string()),
        ("HOOK_URL", EVENT_SOURCE.to_owned()),
    ])
}

/// A user's copy of sensors/kustomization.yaml.
fn sensors(site: &Site, organisation: &str, gitops: &Repo<'_>) -> String {
    let shipped = fs::read_to_string(tree().join("sensors/kustomization.yaml")).unwrap();
    let own = [
        ("- base\n", "- ../../sensors/base\n".to_owned()),
        ("- components/settings\n", "- ../../sensors/components/settings\n".to_owned()),
        ("=^shop/", format!("=^{organisation}/")),
        ("repositories=https://gitea.example.com/", format!("repositories=http://{NODE}:3000/")),
        ("images=gitea.example.com/", format!("images={NODE}:3000/")),
        ("insecure=false", "insecure=true".to_owned()),
        ("https://gitea.example.com/ops/gitops.git", gitops.url()),
        ("deploy-bot", site.ops.clone()),
    ];
    own.iter().fold(shipped, |text, (from, to)| {
        assert!(text.contains(from), "{from} in {text}");
        text.replace(from, to)
    })
}
