//! A user's signing key, verified by Gitea like on its settings page. Gitea only accepts signatures of verified keys.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use reqwest::{StatusCode, header, redirect};

use super::{Gitea, PASSWORD};
use crate::support::bin;
use crate::support::net::plain_http;
use crate::support::sshd::{KeyPair, key_pair};

impl Gitea {
    /// Creates a key of `user` whose signatures Gitea accepts. Returns the private key.
    pub(crate) async fn signing_key(&self, user: &str) -> String {
        let pair = key_pair();
        self.ssh_key(user, &pair.public).await;
        let client = plain_http().redirect(redirect::Policy::none()).build().unwrap();
        let login = client.post(format!("{}/user/login", self.url()));
        let answer = login.form(&[("user_name", user), ("password", PASSWORD)]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        // The session cookie is sent twice. The last one is valid.
        let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
        let pairs = cookies.map(|c| c.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap());
        let cookies: BTreeMap<_, _> = pairs.collect();
        let cookies: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");

        let page = format!("{}/user/settings/keys", self.url());
        let fingerprint = pair.fingerprint().replace('+', "%2B").replace('/', "%2F");
        let show = client.get(format!("{page}?verify_ssh={fingerprint}"));
        let shown = show.header(header::COOKIE, &cookies).send().await.unwrap().text().await.unwrap();
        let token = shown.split("<input readonly=\"\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let signature = sign(&pair, token);
        let form = [
            ("type", "verify_ssh"),
            ("title", "none"),
            ("content", "none"),
            ("fingerprint", &pair.fingerprint()),
            ("signature", &signature),
        ];
        let prove = client.post(&page).header(header::COOKIE, &cookies).form(&form);
        let answer = prove.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
        pair.private
    }
}

/// Signs the token as Gitea's page describes.
fn sign(pair: &KeyPair, token: &str) -> String {
    let root = tempfile::tempdir().unwrap();
    let key = pair.write(root.path());
    let mut command = Command::new(bin::system("ssh-keygen", "openssh-client"));
    command.args(["-Y", "sign", "-n", "gitea", "-f"]).arg(key);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}
