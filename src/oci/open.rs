//! Whether a registry lets anybody in.

use reqwest::StatusCode;

use super::{OciError, Registry};

impl Registry {
    /// Whether the registry at `host` (`HOST[:PORT]`) answers without a login (distribution specification, "Determining
    /// Support"). `insecure` asks over plain http.
    pub async fn is_open(&self, host: &str, insecure: bool) -> Result<bool, OciError> {
        let scheme = if insecure { "http" } else { "https" };
        let what = format!("registry {host}");
        let request = self.client().get()?.get(format!("{scheme}://{host}/v2/"));
        let answer = request.send().await.map_err(|e| OciError::from_transport(what.clone(), &e))?;
        match answer.status() {
            StatusCode::OK => Ok(true),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(false),
            status => Err(OciError::from_status(what, status.as_u16(), None)),
        }
    }
}
