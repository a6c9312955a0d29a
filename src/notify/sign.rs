//! Signatures of requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{HMAC_SHA256, Key, Tag, sign};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// The address with the signature of a DingTalk robot: HMAC-SHA256 with the robot's secret over `TIMESTAMP\nSECRET`, in base64
/// (open.dingtalk.com, "Custom robot: security settings"). DingTalk refuses a timestamp that is an hour off. `milliseconds` counts
/// from 1970.
pub(super) fn dingtalk(url: &Url, secret: &SecretString, milliseconds: u128) -> Url {
    let secret = secret.expose_secret().trim();
    let signed = hmac(secret, format!("{milliseconds}\n{secret}").as_bytes());
    let mut url = url.clone();
    url.query_pairs_mut()
        .append_pair("timestamp", &milliseconds.to_string())
        .append_pair("sign", &STANDARD.encode(signed));
    url
}

/// The header of a signed webhook, as GitHub and Gitea sign theirs (`X-Hub-Signature-256`): HMAC-SHA256 over the body, in hex.
pub(super) fn webhook(body: &[u8], secret: &SecretString) -> String {
    format!("sha256={}", hex::encode(hmac(secret.expose_secret().trim(), body)))
}

fn hmac(secret: &str, text: &[u8]) -> Tag {
    sign(&Key::new(HMAC_SHA256, secret.as_bytes()), text)
}
