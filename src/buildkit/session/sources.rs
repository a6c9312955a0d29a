//! Decides on each source that a build reads, cached or not (the daemon's source-policy session, since v0.26).
//!
//! The daemon serves an image named by digest from its store without asking the registry, once any client has pulled it
//! (`util/pull/pull.go`, `tryLocalResolve`). So this module asks the registry, with this build's own login. A tag needs no
//! check: the daemon looks it up with the same login and pins it to a digest. [`super::super::policy`] restricts Git
//! sources; its rules come first, and older daemons support them too.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bollard_buildkit_proto::pb;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::{Request, Response, Status};

use super::ReadImages;
use crate::oci::{ImageRef, PullRightError, PullRights};

/// The only method (`sourcepolicy/policysession/policysession.proto`).
pub(super) const METHOD: &str = "/moby.buildkit.v1.sourcepolicy.policysession.PolicyVerifier/CheckPolicy";

/// `CheckPolicyRequest`. Only the platform and the source are read.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    platform: Option<pb::Platform>,
    #[prost(message, optional, tag = "2")]
    source: Option<Meta>,
}

/// `ResolveSourceMetaResponse` (`frontend/gateway/pb/gateway.proto`).
#[derive(Clone, PartialEq, prost::Message)]
struct Meta {
    #[prost(message, optional, tag = "1")]
    source: Option<pb::SourceOp>,
}

/// `CheckPolicyResponse` is a decision or a question. Ours is always a decision.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    decision: Option<Decision>,
}

/// `DecisionResponse`; `action` 0 is `ALLOW` (`sourcepolicy/pb/policy.proto`).
#[derive(Clone, PartialEq, prost::Message)]
struct Decision {
    #[prost(int32, tag = "1")]
    action: i32,
}

/// The service, as tonic routes it.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    rights: Arc<PullRights>,
    read: ReadImages,
}

pub(super) fn service(rights: PullRights, read: ReadImages) -> Sources {
    Sources { rights: Arc::new(rights), read }
}

impl Sources {
    async fn check(&self, source: &pb::SourceOp, platform: Option<&pb::Platform>) -> Result<(), Status> {
        let (scheme, name) = source.identifier.split_once("://").unwrap_or_default();
        match scheme {
            "docker-image" => self.image(name, source, platform).await,
            // The solve's policy restricts commits. Downloads send no login of ours; those with a checksum are shared like all equal steps.
            "git" | "http" | "https" | "local" => Ok(()),
            // Layouts come from sessions, and this session has none. No frontend of Docker's reads single blobs.
            _ => Err(refused(&source.identifier, "this build reads no sources of this kind")),
        }
    }

    async fn image(
        &self,
        name: &str,
        source: &pb::SourceOp,
        platform: Option<&pb::Platform>,
    ) -> Result<(), Status> {
        let image: ImageRef = name.parse().map_err(|e| refused(name, &format!("{e}")))?;
        // In any other mode the daemon asks the registry for an image without a digest.
        if source.attrs.get("image.resolvemode").is_some_and(|mode| mode == "local") {
            return Err(refused(name, "`image.resolvemode=local` reads what others have pulled"));
        }
        self.rights.check(&image).await.map_err(|error| status(&error))?;
        self.read.note(&image, platform);
        Ok(())
    }
}

/// The daemon copies this message into the build's error, where [`super::super::classify`] recognizes it.
fn status(error: &PullRightError) -> Status {
    match error {
        PullRightError::Refused { .. } => Status::permission_denied(error.to_string()),
        PullRightError::Unknown { .. } => Status::unavailable(error.to_string()),
    }
}

fn refused(source: &str, why: &str) -> Status {
    Status::permission_denied(format!("no right to read image {}: {why}", source.escape_debug()))
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl tonic::server::UnaryService<CheckRequest> for Sources {
    type Response = CheckResponse;
    type Future = Boxed<Result<Response<CheckResponse>, Status>>;

    fn call(&mut self, request: Request<CheckRequest>) -> Self::Future {
        let sources = self.clone();
        Box::pin(async move {
            let CheckRequest { platform, source } = request.into_inner();
            let source = source.and_then(|meta| meta.source).unwrap_or_default();
            sources.check(&source, platform.as_ref()).await?;
            Ok(Response::new(CheckResponse { decision: Some(Decision { action: 0 }) }))
        })
    }
}

impl tonic::server::NamedService for Sources {
    const NAME: &'static str = "moby.buildkit.v1.sourcepolicy.policysession.PolicyVerifier";
}

/// The service has a single method, so the path is not checked.
impl tower::Service<http::Request<Body>> for Sources {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(tonic_prost::ProstCodec::default());
            Ok(grpc.unary(service, request).await)
        })
    }
}
