//! Names of forges' APIs and addresses on the web, as several kinds take them.

use url::Url;

use super::form::names;
use crate::forge::Dialect;

/// The kinds of forge.
pub(super) const DIALECTS: &[(&str, Dialect)] = &[("gitea", Dialect::Gitea), ("github", Dialect::GitHub)];

/// The names of [`DIALECTS`].
pub(super) const DIALECT_NAMES: &[&str] = &names::<_, { DIALECTS.len() }>(DIALECTS);

/// Checks an API's address, which may not contain a login.
pub(super) fn address(word: &str) -> Result<String, String> {
    check_web(word, "name a `secret` instead")?;
    Ok(word.trim_end_matches('/').to_owned())
}

/// Checks that `word` is an http(s) address without a login. `advice` says what to do about a login.
pub(super) fn check_web(word: &str, advice: &str) -> Result<(), String> {
    let url: Url = word.parse().map_err(|bad| format!("is not a URL: {bad}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("is not an http(s) address".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("must not hold a login; {advice}"));
    }
    Ok(())
}
