//! stub
use super::{
    GitOptions, credentials::Credentials, error::GitError, pkt::PktReader, transport::Service, url::RepoUrl,
};
use bytes::Bytes;
pub(super) struct Channel;
impl Channel {
    pub(super) async fn send(&self, _: Bytes) -> Result<(), GitError> {
        Ok(())
    }
}
pub(super) async fn open(
    _: &GitOptions,
    url: &RepoUrl,
    _: &Credentials,
    _: Service,
) -> Result<(Channel, PktReader), GitError> {
    Err(GitError::Unusable {
        repo: url.to_string(),
        what: "ssh is not served yet; use an http(s) URL".into(),
    })
}
