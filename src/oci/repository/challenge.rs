//! Answers a registry's challenge with a token or with the login itself.

use ::http::HeaderValue;
use ::http::header::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::token::{self, Scheme};
use super::super::{Login, OciError};
use super::{Access, ImageRepository};

impl ImageRepository<'_> {
    /// Answers the challenge in the headers of a 401. False if we have nothing to answer it with.
    pub(super) async fn authorize(&mut self, headers: &HeaderMap) -> Result<bool, OciError> {
        let answer = match (token::challenge(headers), self.login) {
            // We sign this registry's tokens ourselves, so the realm in the challenge is not asked.
            (Some(Scheme::Bearer(_)), _) if let Some(cache) = self.cache => {
                let token = cache.token(&[self.scope()])?;
                format!("Bearer {}", token.value.expose_secret()).into()
            }
            (Some(Scheme::Bearer(mut challenge)), login) => {
                challenge.scopes = [self.scope()].into_iter().chain(self.also.clone()).collect();
                let (clients, host) = (self.clients, self.image.registry());
                let mut fetched = token::fetch(clients, host, &challenge, login, self.insecure).await;
                // Some token servers refuse the whole request if the login lacks one of several rights.
                if matches!(fetched, Err(OciError::Refused { .. })) && self.also.take().is_some() {
                    challenge.scopes.truncate(1);
                    fetched = token::fetch(clients, host, &challenge, login, self.insecure).await;
                }
                format!("Bearer {}", fetched?.value.expose_secret()).into()
            }
            (Some(Scheme::Basic), Some(Login::Password { user, password })) => basic(user, password),
            _ => return Ok(false),
        };
        let value = HeaderValue::from_str(answer.expose_secret());
        let mut value = value.map_err(|_| self.unexpected("its token is no header value"))?;
        value.set_sensitive(true);
        self.set_authorization(Some(value));
        Ok(true)
    }

    /// The same with the login itself in each request, for an API that takes no token of the registry.
    pub(in crate::oci) fn with_basic_login(self) -> Self {
        if let Some(Login::Password { user, password }) = self.login {
            let mut value = HeaderValue::from_str(basic(user, password).expose_secret()).ok();
            value.iter_mut().for_each(|value| value.set_sensitive(true));
            self.set_authorization(value);
        }
        self
    }

    fn scope(&self) -> String {
        let actions = match self.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
            Access::Delete => "pull,delete",
        };
        format!("repository:{}:{actions}", self.image.repository())
    }
}

fn basic(user: &str, password: &SecretString) -> SecretString {
    use base64::Engine as _;
    let pair = format!("{user}:{}", password.expose_secret());
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)).into()
}
