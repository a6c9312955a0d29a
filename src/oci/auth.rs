//! The logins of a docker config, by registry host.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use serde::Deserialize;

use super::CacheRights;

/// How to log in to one registry.
#[derive(Debug, Clone)]
pub enum Login {
    /// A user name and a password, or an access token in the password's place.
    Password {
        /// The user's name.
        user: String,
        /// The password or access token.
        password: SecretString,
    },
    /// An OAuth refresh token (`identitytoken`).
    Identity(SecretString),
}

/// The logins of a docker config (`config.json`, or a `kubernetes.io/dockerconfigjson` secret).
#[derive(Debug, Clone, Default)]
pub struct Auth {
    logins: BTreeMap<String, Login>,
    cache: Option<CacheRights>,
}

/// A docker config that cannot be used. The message never quotes the config.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDockerConfig {
    /// Not the JSON of a docker config.
    #[error(
        "the docker config is not JSON of the form `{{\"auths\": {{\"registry\": {{…}}}}}}` (line {line}, column {column}); \
         make the Secret with `kubectl create secret docker-registry`"
    )]
    Shape {
        /// The line that JSON parsing stopped at.
        line: usize,
        /// The column that JSON parsing stopped at.
        column: usize,
    },
    /// An `auth` that is not base64 of `user:password`.
    #[error(
        "the docker config's `auth` of registry `{registry}` is not base64 of `user:password`; make the Secret with \
         `kubectl create secret docker-registry`"
    )]
    Entry {
        /// The registry as the config spells it.
        registry: String,
    },
    /// All logins are in programs of the user's machine.
    #[error(
        "the docker config has no login of its own, only the names of credential helpers, which are programs of the machine \
         where `docker login` ran; make the Secret with `kubectl create secret docker-registry`"
    )]
    Helpers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigWire {
    auths: Option<BTreeMap<String, EntryWire>>,
    #[serde(default)]
    creds_store: String,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
}

/// The credential helpers of a docker config, by registry as the config spells it: those that it names for a registry, and
/// the store of all registries of which it has no login (docker `cli/config/configfile/file.go`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialHelpers(pub BTreeMap<String, String>);

#[derive(Deserialize, Default)]
#[serde(default)]
struct EntryWire {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

impl Auth {
    /// Reads `auths` of a docker config. Entries without a login are skipped.
    pub fn from_docker_config(json: &[u8]) -> Result<Self, BadDockerConfig> {
        let wire = ConfigWire::read(json)?;
        let (mut logins, is_config) = (BTreeMap::new(), wire.auths.is_some());
        for (registry, entry) in wire.auths.into_iter().flatten() {
            if let Some(login) = entry.login(&registry)? {
                logins.insert(normalise(&registry), login);
            }
        }
        let has_helpers = !wire.creds_store.is_empty() || !wire.cred_helpers.is_empty();
        match (is_config, logins.is_empty()) {
            (_, true) if has_helpers => Err(BadDockerConfig::Helpers),
            (false, _) => Err(BadDockerConfig::Shape { line: 1, column: 0 }),
            _ => Ok(Self { logins, cache: None }),
        }
    }

    /// Adds a login; it replaces an earlier one of the same registry.
    #[must_use]
    pub fn with(mut self, registry: &str, login: Login) -> Self {
        self.logins.insert(normalise(registry), login);
        self
    }

    /// The same logins, with the step's rights at the registry whose tokens we sign ourselves.
    #[must_use]
    pub fn with_cache(self, cache: Option<CacheRights>) -> Self {
        Self { cache, ..self }
    }

    /// The login for `host` (`host`, `host:port`, or one of Docker Hub's names). `None` for the registry whose tokens
    /// we sign ourselves.
    pub fn login(&self, host: &str) -> Option<&Login> {
        match self.cache(host) {
            Some(_) => None,
            None => self.logins.get(&normalise(host)),
        }
    }

    /// The step's rights at `host`, if we sign its tokens ourselves.
    pub(crate) fn cache(&self, host: &str) -> Option<&CacheRights> {
        self.cache.as_ref().filter(|cache| cache.are_at(host))
    }

    /// Every password with its user, and every token with an empty user, for the redactor.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.logins.values().map(|login| match login {
            Login::Password { user, password } => (user.as_str(), password),
            Login::Identity(token) => ("", token),
        })
    }
}

impl CredentialHelpers {
    /// Reads the names of the helpers in a docker config.
    ///
    /// # Errors It is not the JSON of a docker config.
    pub fn from_docker_config(json: &[u8]) -> Result<Self, BadDockerConfig> {
        let wire = ConfigWire::read(json)?;
        let mut helpers = BTreeMap::new();
        for (registry, entry) in wire.auths.into_iter().flatten() {
            if !wire.creds_store.is_empty() && entry.login(&registry)?.is_none() {
                helpers.insert(registry, wire.creds_store.clone());
            }
        }
        helpers.extend(wire.cred_helpers);
        Ok(Self(helpers))
    }
}

impl ConfigWire {
    fn read(json: &[u8]) -> Result<Self, BadDockerConfig> {
        let shape = |e: serde_json::Error| BadDockerConfig::Shape { line: e.line(), column: e.column() };
        serde_json::from_slice(json).map_err(shape)
    }
}

impl EntryWire {
    fn login(self, registry: &str) -> Result<Option<Login>, BadDockerConfig> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Login::Identity(self.identitytoken.into())));
        }
        if !self.username.is_empty() && !self.password.is_empty() {
            return Ok(Some(Login::Password { user: self.username, password: self.password.into() }));
        }
        if self.auth.is_empty() {
            return Ok(None);
        }
        let bad = || BadDockerConfig::Entry { registry: registry.to_owned() };
        decode_auth(&self.auth).map(Some).ok_or_else(bad)
    }
}

/// Docker ends some passwords with NUL bytes (`cli/config/configfile/file.go`).
fn decode_auth(auth: &str) -> Option<Login> {
    let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    let password = password.trim_matches('\0').trim_end_matches(['\r', '\n']);
    Some(Login::Password { user: user.to_owned(), password: password.into() })
}

/// The host of a registry, in one form. `https://index.docker.io/v1/`, `docker.io` and `registry-1.docker.io` are one
/// registry. `docker login` may store a scheme and a path, which are removed.
pub(super) fn normalise(registry: &str) -> String {
    let host = registry.trim_start_matches("https://").trim_start_matches("http://");
    let host = host.split('/').next().unwrap_or(host).to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        _ => host,
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => write!(f, "user `{user}`"),
            Self::Identity(_) => f.write_str("an identity token"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use secrecy::ExposeSecret as _;

    use super::*;

    fn words(auth: &Auth, host: &str) -> Option<(String, String)> {
        match auth.login(host)? {
            Login::Password { user, password } => Some((user.clone(), password.expose_secret().to_owned())),
            Login::Identity(token) => Some((String::new(), token.expose_secret().to_owned())),
        }
    }

    #[test]
    fn every_form_of_login_is_found_by_host() {
        let json = br#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "aHViOmh1YnB3"},
            "127.0.0.1:3300": {"auth": "YW55OnQwOms6"},
            "https://reg.example:8443/v2/": {"username": "u", "password": "p"},
            "Ident.Example": {"auth": "eDp5", "identitytoken": "refresh"},
            "empty.example": {}
        }, "credsStore": "ignored"}"#;
        let auth = Auth::from_docker_config(json).unwrap();
        let rows = [
            ("registry-1.docker.io", Some(("hub", "hubpw"))),
            ("docker.io", Some(("hub", "hubpw"))),
            ("127.0.0.1:3300", Some(("any", "t0:k:"))),
            ("127.0.0.1", None),
            ("reg.example:8443", Some(("u", "p"))),
            ("ident.example", Some(("", "refresh"))),
            ("empty.example", None),
        ];
        for (host, expected) in rows {
            let expected = expected.map(|(user, password)| (user.to_owned(), password.to_owned()));
            assert_eq!(words(&auth, host), expected, "{host}");
        }
    }

    #[test]
    fn bad_configs_are_named_and_never_quoted() {
        let shape = Auth::from_docker_config(b"{\"auths\": [\"hunter2\"]}").unwrap_err().to_string();
        assert!(shape.contains("auths") && !shape.contains("hunter2"), "{shape}");
        for auth in ["!!!hunter2", "bm9jb2xvbg=="] {
            let json = format!("{{\"auths\": {{\"r.io\": {{\"auth\": \"{auth}\"}}}}}}");
            let message = Auth::from_docker_config(json.as_bytes()).unwrap_err().to_string();
            assert!(message.contains("`r.io`") && !message.contains(auth), "{message}");
        }
    }

    #[test]
    fn helpers_are_found_and_a_config_of_helpers_alone_is_no_login() {
        let json = br#"{"auths": {"https://index.docker.io/v1/": {}, "r.io": {"auth": "YTpi"}},
            "credsStore": "desktop", "credHelpers": {"ecr.example": "ecr-login"}}"#;
        let helpers = CredentialHelpers::from_docker_config(json).unwrap().0;
        let expected = [("ecr.example", "ecr-login"), ("https://index.docker.io/v1/", "desktop")];
        assert_eq!(helpers, expected.map(|(registry, name)| (registry.to_owned(), name.to_owned())).into());
        assert!(Auth::from_docker_config(json).unwrap().login("r.io").is_some());
        for json in [
            &br#"{"auths": {"r.io": {}}, "credsStore": "desktop"}"#[..],
            br#"{"credHelpers": {"r.io": "a"}}"#,
        ] {
            assert_eq!(Auth::from_docker_config(json).unwrap_err(), BadDockerConfig::Helpers);
        }
        assert!(Auth::from_docker_config(br#"{"auths": {"r.io": {}}}"#).is_ok());
        for json in [&b"{}"[..], b"[]", b"{\"auths\": 1}"] {
            assert!(matches!(Auth::from_docker_config(json), Err(BadDockerConfig::Shape { .. })));
        }
    }

    #[test]
    fn debug_hides_passwords() {
        let auth =
            Auth::from_docker_config(br#"{"auths": {"r.io": {"username": "u", "password": "hunter2"}}}"#);
        assert!(!format!("{:?}", auth.unwrap()).contains("hunter2"));
    }
}
