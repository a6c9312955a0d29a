//! Whether a registry lets anybody in.

use reqwest::{Method, StatusCode};

use super::{OciError, Registry};

impl Registry {
    /// Whether the registry at `host` (`HOST[:PORT]`) answers without a login (distribution specification, "Determining
    /// Support"). `insecure` asks over plain http.
    pub async fn is_open(&self, host: &str, insecure: bool) -> Result<bool, OciError> {
        let scheme = if insecure { "http" } else { "https" };
        let what = format!("registry {host}");
        let clients = self.client();
        let client = clients.get()?;
        let request = client.request(Method::GET, format!("{scheme}://{host}/v2/"));
        let answer = client.send(request).await.map_err(|e| OciError::from_send(what.clone(), e))?;
        match answer.status() {
            StatusCode::OK => Ok(true),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(false),
            status if status.is_redirection() => Err(OciError::redirected(what, &answer)),
            status => Err(OciError::from_status(what, status.as_u16(), None)),
        }
    }
}
