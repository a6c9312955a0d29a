//! Links an image in Gitea's registry to the repository that it is built from (Gitea `routers/api/v1/packages/package.go`,
//! since 1.24). A label of the image does not do that there.

use http::{Method, StatusCode};
use serde::Deserialize;

use super::client::{ApiCall, ForgeClient};
use super::error::ForgeError;
use super::repository::Dialect;
use crate::text;

const GITHUB: &str = "GitHub links a package by the image's label `org.opencontainers.image.source` alone; leave `link-package` out, \
                      and set `git-labels` in the build";

/// A package of the API. The repository is null if there is none, or if the token's owner may not see it.
#[derive(Debug, Deserialize)]
struct WirePackage {
    repository: Option<WireRepository>,
}

#[derive(Debug, Deserialize)]
struct WireRepository {
    full_name: String,
}

/// Links the image `path`, such as `shop/api`, to the repository. Returns whether it was not linked before.
pub(super) async fn link(client: &ForgeClient, path: &str) -> Result<bool, ForgeError> {
    let refused = |why: String| ForgeError::Refused { at: client.at(), why };
    if client.repository.dialect() == Dialect::GitHub {
        return Err(refused(GITHUB.to_owned()));
    }
    let owner = client.repository.owner();
    let name = path.split_once('/').filter(|(of, _)| of.eq_ignore_ascii_case(owner)).map(|(_, name)| name);
    let Some(name) = name else {
        let why = format!(
            "the image `{path}` does not belong to `{owner}`, who has the repository; name another image"
        );
        return Err(refused(why));
    };
    if is_linked(client, name).await? {
        return Ok(false);
    }
    let url = client.repository.package_url(name, &["-", "link", client.repository.name()]);
    let answer = client.send(&ApiCall::new(Method::POST, url)).await?;
    if answer.status != StatusCode::BAD_REQUEST {
        return answer.ok().map(|_| true);
    }
    // A repeated request finds the link that the first one has made.
    if is_linked(client, name).await? {
        return Ok(true);
    }
    let hidden =
        "it is linked to a repository that the token's owner may not see; remove that link in Gitea first";
    Err(refused(hidden.to_owned()))
}

/// Whether the package is linked to the repository.
async fn is_linked(client: &ForgeClient, name: &str) -> Result<bool, ForgeError> {
    let url = client.repository.package_url(name, &["-", "latest"]);
    let package: WirePackage = client.ask(&ApiCall::new(Method::GET, url)).await?.json()?;
    let Some(WireRepository { full_name }) = package.repository else { return Ok(false) };
    if full_name.eq_ignore_ascii_case(&client.repository.to_string()) {
        return Ok(true);
    }
    let other = text::brief(&full_name, text::SHOWN);
    let why = format!("it is linked to `{other}`; remove that link in Gitea first");
    Err(ForgeError::Refused { at: client.at(), why })
}
