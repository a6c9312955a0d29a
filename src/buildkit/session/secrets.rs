//! Serves build secrets one by one, when the daemon requests them.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::secrets::v1 as proto;
use proto::secrets_server::{Secrets, SecretsServer};
use secrecy::{ExposeSecret as _, SecretSlice};
use tonic::{Request, Response, Status};

struct ServedSecrets(BTreeMap<String, SecretSlice<u8>>);

pub(super) fn service(secrets: BTreeMap<String, SecretSlice<u8>>) -> SecretsServer<impl Secrets> {
    SecretsServer::new(ServedSecrets(secrets))
}

#[tonic::async_trait]
impl Secrets for ServedSecrets {
    async fn get_secret(
        &self,
        request: Request<proto::GetSecretRequest>,
    ) -> Result<Response<proto::GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        // With NOT_FOUND a secret can be optional, and git tries the next id
        // (`session/secrets/secrets.go`).
        let secret = self.0.get(&id).ok_or_else(|| Status::not_found(format!("secret {id} not found")))?;
        Ok(Response::new(proto::GetSecretResponse { data: secret.expose_secret().to_vec() }))
    }
}
