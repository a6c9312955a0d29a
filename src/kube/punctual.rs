//! A client that does not wait for ever: without limits of its own, one whose packets are swallowed would wait until
//! TCP gives up, a quarter of an hour later.

use std::time::Duration;

use kube::Client;
use kube::client::Body;

use super::{Cluster, NoCluster};

impl Cluster {
    /// A client whose every answer must have begun after `limit`. What follows, such as a watch's events, may take longer.
    pub(super) async fn punctual(&self, limit: Duration) -> Result<Client, NoCluster> {
        let client = self.client().await?;
        let namespace = client.default_namespace().to_owned();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let client = client.clone();
            async move {
                let late = |_| tower::BoxError::from(format!("no answer within {} s", limit.as_secs()));
                let answer = tokio::time::timeout(limit, client.send(request)).await.map_err(late)?;
                answer.map_err(tower::BoxError::from)
            }
        });
        Ok(Client::new(service, namespace))
    }
}
