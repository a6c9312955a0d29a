//! Where a message goes. The address of a webhook is a secret: whoever knows it can write there.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::Channel;
use crate::http;

/// The longest address, in bytes.
const LONGEST: usize = 4096;

/// The address of a webhook, or of a Matrix server. Only its scheme, host and port can be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookAddress(Url);

impl WebhookAddress {
    /// Parses the value of a Secret. The error does not repeat it, and is written to follow the name of the Secret.
    pub fn parse(text: &SecretString) -> Result<Self, &'static str> {
        const FORM: &str =
            "holds no http or https URL; write the address of the webhook into it, and nothing else";
        // A file often ends in a newline.
        let text = text.expose_secret().trim();
        if text.len() > LONGEST || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(FORM);
        }
        let url = Url::parse(text).map_err(|_| FORM)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(FORM);
        }
        match url.username().is_empty() && url.password().is_none() {
            true => Ok(Self(url)),
            false => Err("holds a URL with a login, which is not sent; write the address without it"),
        }
    }

    /// Scheme, host and port, for messages and for the policy.
    pub fn origin(&self) -> String {
        http::origin(&self.0)
    }

    /// Whether the address is no more than its origin, as that of a Matrix server. Then it is no secret.
    pub fn is_origin(&self) -> bool {
        self.0.path() == "/" && self.0.query().is_none()
    }

    /// The parts of the address that a server may repeat, and that nobody else may see.
    pub fn secret_parts(&self) -> impl Iterator<Item = SecretString> {
        let segments = self.0.path_segments().into_iter().flatten().map(str::to_owned);
        let values = self.0.query_pairs().map(|(_, value)| value.into_owned());
        // Words such as `services` and `webhook` are no secrets.
        let is_secret = |part: &String| {
            part.len() >= 16 || part.len() >= 6 && part.bytes().any(|byte| byte.is_ascii_digit())
        };
        segments.chain(values).filter(is_secret).map(SecretString::from)
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for WebhookAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookAddress({})", self.origin())
    }
}

/// Where a message goes, and with which secrets.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The service.
    pub channel: Channel,
    /// Its address.
    pub address: WebhookAddress,
    /// The key that signs requests.
    pub signing_secret: Option<SecretString>,
    /// The access token of a Matrix user.
    pub token: Option<SecretString>,
    /// The id of a Matrix room.
    pub room: Option<String>,
}
