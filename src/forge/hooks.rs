//! Reads the webhooks of a repository and of its organisation. Gitea and GitHub have the same form for them.

use http::{Method, StatusCode};
use serde::Deserialize;

use super::client::{ApiCall, ForgeClient};
use super::error::ForgeError;

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Whether it belongs to the organisation, and so to all its repositories.
    pub is_of_organisation: bool,
    /// Whether it is sent at all.
    pub active: bool,
    /// The events that it is sent for, such as `push`.
    pub events: Vec<String>,
    /// Where it is sent to.
    pub url: String,
    /// `json` or `form`.
    pub content_type: String,
    /// The status of the last delivery's answer, and its message. Gitea does not tell.
    pub last: Option<(u16, String)>,
}

/// A hook of the API (Gitea `modules/structs/hook.go`, GitHub "REST API endpoints for repository webhooks").
#[derive(Debug, Deserialize)]
struct WireHook {
    #[serde(default)]
    active: bool,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    config: WireConfig,
    last_response: Option<WireResponse>,
}

#[derive(Debug, Default, Deserialize)]
struct WireConfig {
    #[serde(default)]
    url: String,
    #[serde(default)]
    content_type: String,
}

#[derive(Debug, Deserialize)]
struct WireResponse {
    code: Option<u16>,
    message: Option<String>,
}

/// The most hooks of a page; GitHub allows 20 for each event, Gitea's default page is smaller.
const PAGE: &str = "50";

/// The hooks of the repository and of its organisation. An owner that is no organisation, or whose hooks the token may not
/// read, has none.
pub(super) async fn read(client: &ForgeClient) -> Result<Vec<Hook>, ForgeError> {
    let own = client.call(Method::GET, &["hooks"]).query(&[("limit", PAGE), ("per_page", PAGE)]);
    let own: Vec<WireHook> = client.ask(&own).await?.json()?;
    let shared = ApiCall::new(Method::GET, client.repository.organisation_url(&["hooks"]));
    let answer = client.send(&shared.query(&[("limit", PAGE), ("per_page", PAGE)])).await?;
    let shared: Vec<WireHook> = match answer.status {
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Vec::new(),
        _ => answer.ok()?.json()?,
    };
    let own = own.into_iter().map(|hook| hook.read(false));
    Ok(own.chain(shared.into_iter().map(|hook| hook.read(true))).collect())
}

impl WireHook {
    fn read(self, is_of_organisation: bool) -> Hook {
        let last = self.last_response.and_then(|last| Some((last.code?, last.message.unwrap_or_default())));
        let WireConfig { url, content_type } = self.config;
        Hook { is_of_organisation, active: self.active, events: self.events, url, content_type, last }
    }
}
