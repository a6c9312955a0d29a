//! Reads credentials by reference from the workflow's namespace, and registers them with the redactor.

mod chat;

use std::sync::Arc;
use std::time::Duration;

use backon::Retryable;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tokio::time::Instant;
use tracing::warn;

use super::Engine;
use super::binding::{Server, Use, Wanted};
use super::context::Cx;
use crate::forge;
use crate::git::{Credentials, RepoUrl};
use crate::kube::{Secret, SecretError, Secrets};
use crate::oci::Auth;
use crate::outcome::{Fault, StepError};
use crate::redact::Redactor;
use crate::step::build::{DOCKER_CONFIG_KEY, SSH_PRIVATE_KEY};
use crate::step::{SecretKey, SecretRef};
use crate::time_limits::{calls, pauses};

/// Keys of the Secret types `kubernetes.io/basic-auth` and `kubernetes.io/ssh-auth` (Kubernetes: "Types of
/// Secret").
const USERNAME: &str = "username";
const PASSWORD: &str = "password";
/// The usual key of a token. No Secret type defines it.
const TOKEN: &str = "token";
const KNOWN_HOSTS: &str = "known_hosts";

/// How long a step that needs a Secret waits while the API server is away, with the last try.
const AWAY: Duration = Duration::from_secs(60);
/// The longest pause before a try.
const PAUSE: Duration = Duration::from_secs(6);

/// The maximum size in bytes of a token, a password or a private key. Each submodule has a copy of its login.
const MAX_LOGIN: usize = 16 << 10;
/// The maximum size in bytes of `known_hosts`.
const MAX_KNOWN_HOSTS: usize = 64 << 10;

impl Engine {
    /// Reads the Secret `name`, if it may be used as `wanted`.
    pub(super) async fn secret_for(
        &self,
        cx: &Cx,
        name: &str,
        wanted: &Wanted,
    ) -> Result<Arc<Secret>, StepError> {
        let secret = self.secret(cx, name).await?;
        self.secret_rules.admit(&cx.workflow.namespace, &secret, wanted)?;
        Ok(secret)
    }

    /// Reads the Secret `name`. Retries while the API server is away: the server restarts now and then, and a step that has
    /// built for an hour must not fail for that.
    pub(super) async fn secret(&self, cx: &Cx, name: &str) -> Result<Arc<Secret>, StepError> {
        let away = |error: &SecretError| {
            matches!(self.secrets, Secrets::Cluster(_)) && error.fault() == Fault::Transient
        };
        let read = || self.secrets.get(&cx.workflow.namespace, name);
        cx.secrets.get(name, async || while_away(read, away).await).await
    }

    /// The text that `reference` names, for a build to read.
    pub(super) async fn secret_value(
        &self,
        cx: &Cx,
        reference: &SecretKey,
    ) -> Result<SecretString, StepError> {
        self.value_for(cx, reference, Use::Build).await
    }

    /// The bytes that `reference` names, for a `RUN` to mount: a keystore is no text.
    pub(super) async fn secret_bytes(
        &self,
        cx: &Cx,
        reference: &SecretKey,
    ) -> Result<SecretSlice<u8>, StepError> {
        let wanted = Wanted { purpose: Use::Build, server: None };
        let secret = self.secret_for(cx, &reference.name, &wanted).await?;
        let bytes = secret.bytes(&reference.key)?;
        cx.redactor.remember_bytes(bytes);
        Ok(bytes.clone())
    }

    /// The key that `reference` names, for commits to be signed with.
    pub(super) async fn signing_value(
        &self,
        cx: &Cx,
        reference: &SecretKey,
    ) -> Result<SecretString, StepError> {
        self.value_for(cx, reference, Use::Signing).await
    }

    /// The text that `reference` names, of at most `most` bytes: a key that signs images, or its passphrase.
    pub(super) async fn signing_text(
        &self,
        cx: &Cx,
        reference: &SecretKey,
        most: usize,
    ) -> Result<SecretString, StepError> {
        let wanted = Wanted { purpose: Use::Signing, server: None };
        let secret = self.secret_for(cx, &reference.name, &wanted).await?;
        Ok(remembered(secret.short_key(&reference.key, most)?, &cx.redactor))
    }

    async fn value_for(
        &self,
        cx: &Cx,
        reference: &SecretKey,
        purpose: Use,
    ) -> Result<SecretString, StepError> {
        let secret = self.secret_for(cx, &reference.name, &Wanted { purpose, server: None }).await?;
        Ok(remembered(secret.key(&reference.key)?, &cx.redactor))
    }

    /// The credentials for `repo`: anonymous without a reference, otherwise the Secret's token, or its
    /// user name and password, or its ssh key.
    pub(super) async fn git_credentials(
        &self,
        cx: &Cx,
        repo: &RepoUrl,
        reference: Option<&SecretRef>,
    ) -> Result<Credentials, StepError> {
        let Some(reference) = reference else { return Ok(Credentials::Anonymous) };
        let secret = self.secret_for(cx, &reference.name, &wanted_of(repo)?).await?;
        Ok(git_login(&secret, reference.key.as_deref(), repo.is_ssh(), &cx.redactor)?)
    }

    /// The token for the API of `repository`'s forge.
    pub(super) async fn api_token(
        &self,
        cx: &Cx,
        repository: &forge::ForgeRepository,
        reference: &SecretRef,
    ) -> Result<SecretString, StepError> {
        let server =
            Server::api(repository).map_err(|odd| StepError::user(format!("the forge's API: {odd}")))?;
        let wanted = Wanted { purpose: Use::Git, server: Some(server) };
        let secret = self.secret_for(cx, &reference.name, &wanted).await?;
        let key = reference.key.as_deref().map_or_else(|| secret.first_of(&[TOKEN, PASSWORD]), Ok)?;
        match login(&secret, key, &cx.redactor)? {
            Credentials::Basic { token, .. } => Ok(token),
            _ => Err(StepError::user(format!("secret `{}`, key `{key}`: is empty", reference.name))),
        }
    }

    /// The registry logins of a docker config; those of this process without a reference.
    pub(super) async fn registry_auth(
        &self,
        cx: &Cx,
        reference: Option<&SecretKey>,
    ) -> Result<Auth, StepError> {
        let Some(reference) = reference else {
            self.logins.secrets().for_each(|(user, secret)| cx.redactor.remember_login(user, secret));
            return Ok(self.logins.clone());
        };
        let wanted = Wanted { purpose: Use::Registry, server: None };
        let secret = self.secret_for(cx, &reference.name, &wanted).await?;
        registry_logins(&secret, &reference.key, &cx.redactor)
    }
}

/// Retries `read` on errors that are `away`, while another try would end within [`AWAY`]. The tries count too: a silent server
/// is given up by each only after a while.
async fn while_away<T, F: Future<Output = Result<T, SecretError>>>(
    read: impl FnMut() -> F,
    away: impl Fn(&SecretError) -> bool,
) -> Result<T, SecretError> {
    let begun = Instant::now();
    let last = AWAY - calls::KUBE_OBJECT.whole() - PAUSE;
    let told = |error: &SecretError, pause: Duration| {
        warn!(pause_ms = pause.as_millis(), "{error}; trying again");
    };
    let again = |error: &SecretError| away(error) && begun.elapsed() <= last;
    read.retry(pauses::few().without_max_times()).when(again).notify(told).await
}

/// The use of a Secret for a login to the server of `repo`.
pub(crate) fn wanted_of(repo: &RepoUrl) -> Result<Wanted, StepError> {
    let odd = |odd| StepError::user(format!("the address {repo} has no login sent to it: {odd}"));
    Ok(Wanted { purpose: Use::Git, server: Some(Server::of(repo).map_err(odd)?) })
}

/// The login of `secret` for a Git server: its token, its user name and password, or its ssh key.
pub(crate) fn git_login(
    secret: &Secret,
    key: Option<&str>,
    ssh: bool,
    redactor: &Redactor,
) -> Result<Credentials, SecretError> {
    let key = match (key, ssh) {
        (Some(key), _) => key,
        (None, true) => SSH_PRIVATE_KEY,
        (None, false) => secret.first_of(&[PASSWORD, TOKEN])?,
    };
    if ssh {
        let value = remembered(secret.short_key(key, MAX_LOGIN)?, redactor);
        let known_hosts = match secret.short_key(KNOWN_HOSTS, MAX_KNOWN_HOSTS) {
            Err(error @ SecretError::TooLarge { .. }) => return Err(error),
            known => known.ok().map(|known| known.expose_secret().to_owned()),
        };
        return Ok(Credentials::ssh(&value, known_hosts));
    }
    login(secret, key, redactor)
}

/// The registry logins of the docker config under `key` of `secret`.
pub(crate) fn registry_logins(secret: &Secret, key: &str, redactor: &Redactor) -> Result<Auth, StepError> {
    if key == DOCKER_CONFIG_KEY {
        secret.expect_kind("kubernetes.io/dockerconfigjson")?;
    }
    let config = secret.key(key)?;
    let auth = Auth::from_docker_config(config.expose_secret().as_bytes())
        .map_err(|e| StepError::user(format!("secret `{}`: {e}", secret.name())))?;
    auth.secrets().for_each(|(user, secret)| redactor.remember_login(user, secret));
    Ok(auth)
}

/// A token or a password, with the user name beside it.
fn login(secret: &Secret, key: &str, redactor: &Redactor) -> Result<Credentials, SecretError> {
    let user = secret.short_key(USERNAME, MAX_LOGIN).unwrap_or_default();
    let token = secret.short_key(key, MAX_LOGIN)?;
    let credentials = Credentials::basic(user.expose_secret(), &remembered(token, redactor));
    if let Credentials::Basic { user, token } = &credentials {
        redactor.remember_login(user, token);
    }
    Ok(credentials)
}

fn remembered(value: SecretString, redactor: &Redactor) -> SecretString {
    redactor.remember(&value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_has_the_size_of_a_login() {
        for (size, ssh, is_good) in [
            (MAX_LOGIN, false, true),
            (MAX_LOGIN, true, true),
            (MAX_LOGIN + 1, false, false),
            (MAX_LOGIN + 1, true, false),
        ] {
            let found = git_login(&Secret::of_size(size), Some("key"), ssh, &Redactor::default());
            assert_eq!(found.is_ok(), is_good, "{size} {ssh}");
            let error = found.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(is_good || error.contains("more than 16 KiB"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_api_server_is_waited_for_a_minute_in_all() {
        for each in [Duration::ZERO, calls::KUBE_OBJECT.whole()] {
            let begun = Instant::now();
            let read = || async {
                tokio::time::sleep(each).await;
                Err::<(), _>(SecretError::Unreadable { name: "git".into(), reason: "away".into() })
            };
            assert!(while_away(read, |_| true).await.is_err());
            let took = begun.elapsed();
            assert!(AWAY / 2 < took && took <= AWAY, "{each:?}: {took:?}");
        }
    }
}
