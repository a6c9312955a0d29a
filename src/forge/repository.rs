//! The location of a repository on its forge, derived from its clone URL.

mod clone_url;

use std::fmt;

use url::Url;

use clone_url::CloneUrl;

/// The API of a forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Gitea's `/api/v1`, which Forgejo has too.
    Gitea,
    /// The REST and GraphQL APIs of github.com or of a GitHub Enterprise Server.
    GitHub,
}

impl Dialect {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gitea => "Gitea",
            Self::GitHub => "GitHub",
        }
    }
}

/// A repository of a forge. It holds no secret. `Display` is `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ForgeRepository {
    dialect: Dialect,
    api: Url,
    web: Url,
    owner: String,
    name: String,
}

/// A URL that does not name a repository of a forge. No variant repeats the URL, because it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRepository {
    /// The URL holds a login, which would appear in logs and links.
    #[error(
        "a repository URL must not contain a user name or password: give the token as a secret reference"
    )]
    Login,
    /// The URL has none of the forms of a clone URL.
    #[error(
        "the repository URL does not name a forge's repository: expected https://host/owner/name.git, \
         ssh://git@host/owner/name.git or git@host:owner/name.git"
    )]
    Malformed,
    /// The API's base URL is not usable.
    #[error("the forge's API URL is not usable: expected something like https://gitea.example.com/api/v1")]
    Api,
}

impl ForgeRepository {
    /// The repository that is cloned from `url`.
    ///
    /// Without `dialect`, github.com and APIs that end in `/api/v3` are GitHub's, all others are Gitea's. Without
    /// `api`, the forge's default is used: `/api/v1` below Gitea's root, `api.github.com`, and `/api/v3` of a GitHub
    /// Enterprise Server. An SSH URL does not contain the scheme and the port of the web server, so https on its
    /// default port is assumed unless `api` is given.
    ///
    /// # Errors [`BadRepository`], which does not repeat the URL.
    pub fn from_clone_url(
        url: &str,
        dialect: Option<Dialect>,
        api: Option<&str>,
    ) -> Result<Self, BadRepository> {
        let CloneUrl { mut web, ssh, owner, name } = url.parse()?;
        let api = api.map(parse_api).transpose()?;
        let dialect = dialect.unwrap_or_else(|| guess(&web, api.as_ref()));
        if let Some(api) = api.as_ref().filter(|_| ssh) {
            web = web_of(api);
        }
        let api = api.unwrap_or_else(|| default_api(dialect, &web));
        Ok(Self { dialect, api, web, owner, name })
    }

    /// The API of the forge.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// A user or an organisation.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The name without `.git`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The page that compares two commits, branches or tags. Both forges have the same URL.
    pub fn compare_url(&self, old: &str, new: &str) -> String {
        let range = format!("{old}...{new}");
        let path = [&self.owner, &self.name, "compare"];
        below(&self.web, path.into_iter().chain(range.split('/'))).into()
    }

    /// The same repository with the name that the server has for it now.
    pub(super) fn renamed(&self, full_name: &str) -> Option<Self> {
        let (owner, name) = full_name.split_once('/')?;
        Some(Self { owner: owner.to_owned(), name: name.to_owned(), ..self.clone() })
    }

    /// Scheme, host and port of the API. The token is sent there.
    pub fn server(&self) -> String {
        self.api.origin().ascii_serialization()
    }

    /// `repos/{owner}/{name}/…` of the API. Each segment is percent-encoded.
    pub(super) fn api_url(&self, segments: &[&str]) -> Url {
        let repo = ["repos", &self.owner, &self.name];
        below(&self.api, repo.into_iter().chain(segments.iter().copied()))
    }

    /// `packages/{owner}/container/{name}/…` of the API: an image of the owner in the forge's registry.
    pub(super) fn package_url(&self, name: &str, segments: &[&str]) -> Url {
        let package = ["packages", &self.owner, "container", name];
        below(&self.api, package.into_iter().chain(segments.iter().copied()))
    }

    /// Whether the forge's own registry is at `registry`, a host with or without a port: the server of the API serves it.
    pub fn is_registry(&self, registry: &str) -> bool {
        let registry = Url::parse(&format!("{}://{registry}/", self.api.scheme()));
        registry.is_ok_and(|registry| registry.origin() == self.api.origin())
    }

    /// `orgs/{owner}/…` of the API.
    pub(super) fn organisation_url(&self, segments: &[&str]) -> Url {
        below(&self.api, ["orgs", &self.owner].into_iter().chain(segments.iter().copied()))
    }

    /// GitHub's GraphQL endpoint: `/graphql` beside the REST API, `/api/graphql` on an Enterprise Server, whose REST
    /// API is at `/api/v3` (GitHub docs, "Forming calls with GraphQL").
    pub(super) fn graphql_url(&self) -> Url {
        let mut url = self.api.clone();
        let root = url.path().trim_end_matches('/');
        let path = format!("{}/graphql", root.strip_suffix("/v3").unwrap_or(root));
        url.set_path(&path);
        url
    }
}

impl fmt::Display for ForgeRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

fn parse_api(text: &str) -> Result<Url, BadRepository> {
    let url = Url::parse(text).map_err(|_| BadRepository::Api)?;
    let extra = url.query().is_some() || url.fragment().is_some();
    let login = !url.username().is_empty() || url.password().is_some();
    let http = matches!(url.scheme(), "http" | "https");
    if http && !extra && !login { Ok(url) } else { Err(BadRepository::Api) }
}

fn guess(web: &Url, api: Option<&Url>) -> Dialect {
    let enterprise = |api: &Url| {
        api.host_str() == Some("api.github.com") || api.path().trim_end_matches('/').ends_with("/api/v3")
    };
    match web.host_str() == Some("github.com") || api.is_some_and(enterprise) {
        true => Dialect::GitHub,
        false => Dialect::Gitea,
    }
}

fn default_api(dialect: Dialect, web: &Url) -> Url {
    match dialect {
        Dialect::Gitea => below(web, ["api", "v1"]),
        Dialect::GitHub if web.host_str() == Some("github.com") => {
            let mut api = web.clone();
            // This cannot fail: both hosts are valid names for the same scheme.
            let _ = api.set_host(Some("api.github.com"));
            api
        }
        Dialect::GitHub => below(web, ["api", "v3"]),
    }
}

/// The root of the web pages that belong to an API.
fn web_of(api: &Url) -> Url {
    let mut web = api.clone();
    if web.host_str() == Some("api.github.com") {
        let _ = web.set_host(Some("github.com"));
    }
    let path = web.path().trim_end_matches('/');
    let root = ["/api/v1", "/api/v3"].iter().find_map(|tail| path.strip_suffix(tail)).unwrap_or(path);
    let root = root.to_owned();
    web.set_path(&root);
    web
}

/// `base` with more segments. Each is percent-encoded.
fn below<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests;
