//! Registry authentication. Tokens are fetched here, so that passwords stay in this process.

use std::collections::BTreeSet;
use std::sync::Arc;

use bollard_buildkit_proto::moby::filesync::v1 as proto;
use proto::auth_server::{Auth, AuthServer};
use secrecy::ExposeSecret as _;
use tonic::{Request, Response, Status};

use super::authority::Authority;
use crate::oci::token::{self, Challenge, Token};
use crate::oci::{self, LazyClient, Login, OciError};
use crate::outcome::Fault;

struct ServedLogins {
    logins: Arc<oci::Auth>,
    authority: Authority,
    client: LazyClient,
    /// Registries (`host[:port]`) whose certificate is not verified.
    insecure: BTreeSet<String>,
}

pub(super) fn service(
    logins: Arc<oci::Auth>,
    client: LazyClient,
    insecure: BTreeSet<String>,
) -> AuthServer<impl Auth> {
    AuthServer::new(ServedLogins { logins, authority: Authority::of_process(), client, insecure })
}

#[tonic::async_trait]
impl Auth for ServedLogins {
    /// The daemon calls this for registries that support Basic only. They need the password itself.
    async fn credentials(
        &self,
        request: Request<proto::CredentialsRequest>,
    ) -> Result<Response<proto::CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let client = || match self.insecure.contains(&host) {
            true => self.client.unverified(),
            false => self.client.get(),
        };
        let client = || client().map_err(|e| status(&host, &e));
        let (username, secret) = match self.logins.login(&host) {
            // The daemon also calls this for other clients without an authority, to compare logins.
            Some(Login::Password { user, password }) if !token::is_bearer(client()?, &host).await => {
                (user.clone(), password.expose_secret().to_owned())
            }
            // Only token servers accept an identity token.
            _ => Default::default(),
        };
        Ok(Response::new(proto::CredentialsResponse { username, secret }))
    }

    async fn fetch_token(
        &self,
        request: Request<proto::FetchTokenRequest>,
    ) -> Result<Response<proto::FetchTokenResponse>, Status> {
        let request = request.into_inner();
        let refused = |e: OciError| status(&request.host, &e);
        // The host is the server that the daemon connected to. The other fields come from that server.
        if let Some(cache) = self.logins.cache(&request.host) {
            return Ok(Response::new(answer(&cache.token(&request.scopes).map_err(refused)?)));
        }
        let challenge = Challenge { realm: request.realm, service: request.service, scopes: request.scopes };
        let login = self.logins.login(&request.host);
        let insecure = self.insecure.contains(&request.host);
        let token = token::fetch(&self.client, &request.host, &challenge, login, insecure).await;
        let token = token.map_err(refused)?;
        Ok(Response::new(answer(&token)))
    }

    async fn get_token_authority(
        &self,
        request: Request<proto::GetTokenAuthorityRequest>,
    ) -> Result<Response<proto::GetTokenAuthorityResponse>, Status> {
        let request = request.into_inner();
        let key = self.authority.key(&request.salt, &request.host, &self.logins)?;
        Ok(Response::new(proto::GetTokenAuthorityResponse { public_key: key.public() }))
    }

    async fn verify_token_authority(
        &self,
        request: Request<proto::VerifyTokenAuthorityRequest>,
    ) -> Result<Response<proto::VerifyTokenAuthorityResponse>, Status> {
        let request = request.into_inner();
        let key = self.authority.key(&request.salt, &request.host, &self.logins)?;
        Ok(Response::new(proto::VerifyTokenAuthorityResponse { signed: key.sign(&request.payload) }))
    }
}

fn answer(token: &Token) -> proto::FetchTokenResponse {
    proto::FetchTokenResponse {
        token: token.value.expose_secret().to_owned(),
        expires_in: i64::try_from(token.lifetime).unwrap_or(i64::MAX),
        issued_at: 0,
    }
}

/// Converts the error to a status. The daemon copies its message into the build's error.
fn status(host: &str, error: &OciError) -> Status {
    let message = format!("no access to registry {host}: {error}");
    match error.fault() {
        Fault::User => Status::permission_denied(message),
        Fault::Transient | Fault::Ours => Status::unavailable(message),
    }
}
