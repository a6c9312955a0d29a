//! Fetches bearer tokens from the token server of the distribution specification, with a login.

use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::{LazyClient, Login, OciError, token_servers};
use crate::http::{self, Client, SendError};
use crate::time_limits::calls;

/// The limit for one answer to a request without a login. The daemon waits meanwhile.
const PROBE_TIMEOUT: Duration = calls::REGISTRY_PROBE.whole();
/// The lifetime of a token that states none, in seconds (distribution `token/jwt.md`).
const DEFAULT_LIFETIME: u64 = 60;
/// The most bytes that are read of a token server's answer. No header can hold a token of this size.
const TOKEN_READ: usize = 1 << 20;

/// A registry's challenge: the token server, and the scopes of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The token server's URL.
    pub(crate) realm: String,
    /// The registry's own name.
    pub(crate) service: String,
    /// For example `repository:shop/api:pull,push`; empty for a plain login.
    pub(crate) scopes: Vec<String>,
}

/// A bearer token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// The token itself.
    pub(crate) value: SecretString,
    /// The lifetime, in seconds.
    pub(crate) lifetime: u64,
}

#[derive(Deserialize)]
struct TokenWire {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// Fetches a token for the registry `host`. A password is sent as Basic in a GET; a refresh token is sent in a POST;
/// without a login, the GET has neither. Gitea serves only GET (contracts: gitea-events.md section 2). If the
/// registry is `insecure`, its own token server is too.
pub(crate) async fn fetch(
    clients: &LazyClient,
    host: &str,
    challenge: &Challenge,
    login: Option<&Login>,
    insecure: bool,
) -> Result<Token, OciError> {
    let (realm, network) = clients.token_servers().admit(host, &challenge.realm)?;
    let client = match insecure && token_servers::is_own(host, &realm) {
        true => clients.unverified()?,
        false => clients.reaching(network)?,
    };
    let what = format!("the token server {}", http::origin(&realm));
    let request = match login {
        Some(Login::Identity(token)) => refresh(client, realm, challenge, token),
        Some(Login::Password { user, password }) => {
            get(client, realm, challenge).basic_auth(user, Some(password.expose_secret()))
        }
        None => get(client, realm, challenge),
    };
    let unanswered = |error| match error {
        SendError::Refused(refused) if refused.is_inner() => {
            let why = format!("{refused}; {}", token_servers::hint(host, &challenge.realm));
            OciError::NotAsked { what: what.clone(), why }
        }
        error => OciError::from_send(what.clone(), error),
    };
    let answer = client.send(request).await.map_err(unanswered)?;
    let status = answer.status();
    if status.is_redirection() {
        return Err(OciError::redirected(what, &answer));
    }
    if !status.is_success() {
        return Err(OciError::from_status(what, status.as_u16(), login));
    }
    let body = http::read(answer, "a token server's answer", TOKEN_READ).await;
    let body = body.map_err(|e| OciError::from_body(what.clone(), e))?;
    token(&body).ok_or_else(|| no_token(&what))
}

/// The token in a server's answer. A parser's error could quote the token, so it is dropped.
pub(crate) fn token(body: &[u8]) -> Option<Token> {
    let wire: TokenWire = http::json(body).ok()?;
    let value = wire.token.filter(|token| !token.is_empty()).or(wire.access_token)?;
    Some(Token { value: value.into(), lifetime: wire.expires_in.unwrap_or(DEFAULT_LIFETIME) })
}

fn no_token(what: &str) -> OciError {
    OciError::unexpected(what.to_owned(), "there is no token in it")
}

fn get(client: &Client, mut realm: Url, challenge: &Challenge) -> RequestBuilder {
    {
        let mut query = realm.query_pairs_mut();
        if !challenge.service.is_empty() {
            query.append_pair("service", &challenge.service);
        }
        for scope in &challenge.scopes {
            query.append_pair("scope", scope);
        }
    }
    client.request(Method::GET, realm)
}

/// OAuth 2 refresh (distribution `token/oauth.md`).
fn refresh(client: &Client, realm: Url, challenge: &Challenge, token: &SecretString) -> RequestBuilder {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("client_id", "argo-buildkit");
    form.append_pair("refresh_token", token.expose_secret());
    form.append_pair("service", &challenge.service).append_pair("scope", &challenge.scopes.join(" "));
    let kind = "application/x-www-form-urlencoded";
    client.request(Method::POST, realm).header(CONTENT_TYPE, kind).body(form.finish())
}

/// Whether the registry at `host` asks for bearer tokens. False if it does not answer.
pub(crate) async fn is_bearer(client: &Client, host: &str) -> bool {
    for scheme in ["https", "http"] {
        let url = format!("{scheme}://{host}/v2/");
        // The request has no secret, so plain http is allowed.
        let probe = client.request(Method::GET, url).timeout(PROBE_TIMEOUT);
        if let Ok(reply) = client.send(probe).await {
            return matches!(challenge(reply.headers()), Some(Scheme::Bearer(_)));
        }
    }
    false
}

/// A `WWW-Authenticate` header, parsed: `Bearer realm="…",service="…",scope="…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Exchange the login for a token.
    Bearer(Challenge),
    /// Send the login itself.
    Basic,
}

/// The challenge in all `WWW-Authenticate` headers of an answer. Each header may hold several challenges (RFC 9110
/// section 11.6.1). A token is preferred to the login. `None` for schemes that registries do not use.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Scheme> {
    let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let found: Vec<_> = texts.flat_map(schemes).collect();
    let bearer = found.iter().find(|scheme| matches!(scheme, Scheme::Bearer(_)));
    bearer.or(found.first()).cloned()
}

/// The challenges of one header, up to the first that cannot be parsed.
fn schemes(header: &str) -> impl Iterator<Item = Scheme> {
    ChallengeParser::new(header).map_while(Result::ok).filter_map(|challenge| scheme(&challenge))
}

fn scheme(challenge: &ChallengeRef<'_>) -> Option<Scheme> {
    if challenge.scheme.eq_ignore_ascii_case("basic") {
        return Some(Scheme::Basic);
    }
    let parameter = |name: &str| {
        let mut parameters = challenge.params.iter();
        parameters.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_unescaped())
    };
    let realm = parameter("realm").filter(|_| challenge.scheme.eq_ignore_ascii_case("bearer"))?;
    let scopes = parameter("scope").map(|s| s.split(' ').map(str::to_owned).collect());
    let service = parameter("service").unwrap_or_default();
    Some(Scheme::Bearer(Challenge { realm, service, scopes: scopes.unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    fn asked(headers: &[&'static str]) -> Option<Scheme> {
        let values = headers.iter().map(|text| (WWW_AUTHENTICATE, HeaderValue::from_static(text)));
        let mut map = HeaderMap::new();
        values.for_each(|(name, value)| {
            map.append(name, value);
        });
        challenge(&map)
    }

    const BEARER: &str = r#"Bearer realm="http://g:3300/v2/token",service="container_registry",scope="repository:a/b:pull,push""#;

    fn bearer() -> Option<Scheme> {
        Some(Scheme::Bearer(Challenge {
            realm: "http://g:3300/v2/token".into(),
            service: "container_registry".into(),
            scopes: vec!["repository:a/b:pull,push".into()],
        }))
    }

    #[test]
    fn challenges_are_parsed() {
        assert_eq!(asked(&[BEARER]), bearer());
        assert_eq!(asked(&["Basic realm=\"r\""]), Some(Scheme::Basic));
        assert_eq!(asked(&["Basic"]), Some(Scheme::Basic));
        assert_eq!(asked(&["Negotiate"]), None);
        assert_eq!(asked(&["Bearer service=\"x\""]), None);
        assert_eq!(asked(&[]), None);
    }

    #[test]
    fn a_token_is_preferred_wherever_its_challenge_stands() {
        assert_eq!(asked(&["Negotiate", BEARER]), bearer());
        assert_eq!(asked(&["Basic realm=\"r\"", BEARER]), bearer());
        assert_eq!(asked(&[BEARER, "Basic realm=\"r\""]), bearer());
        assert_eq!(asked(&["Negotiate", "Basic realm=\"r\""]), Some(Scheme::Basic));
        let both = r#"Basic realm="r", Bearer realm="http://g:3300/v2/token",service="container_registry",scope="repository:a/b:pull,push""#;
        assert_eq!(asked(&[both]), bearer());
    }
}
