//! The keys that sign and verify images: whether steps can use them.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::super::{Doctor, Finding};
use super::spec_steps::{SecretValue, SpecStep};
use crate::engine::binding::{Use, Wanted};
use crate::engine::image_keys::{self, COSIGN_KEY, COSIGN_PASSWORD, COSIGN_PUB, KEY_FILE};
use crate::kube::{Secret, SecretError};
use crate::signature::PublicKey;

/// A key that a template names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageKeyUse {
    key: SecretValue,
    purpose: KeyPurpose,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyPurpose {
    /// It signs, and is opened with this passphrase. Without one, with that beside the key, if there is one.
    Signs(Option<SecretValue>),
    Verifies,
}

/// The keys that the templates of `specs` name, each once. A key or a passphrase that is known only in the workflow is left out.
pub(super) fn of_specs(specs: &[Value]) -> Vec<ImageKeyUse> {
    let mut found = Vec::new();
    for step in specs.iter().flat_map(SpecStep::all) {
        let named = [signs(&step), verifies(&step)].into_iter().flatten();
        for wanted in named {
            if !found.contains(&wanted) {
                found.push(wanted);
            }
        }
    }
    found
}

fn signs(step: &SpecStep<'_>) -> Option<ImageKeyUse> {
    let fields = &step.body["sign"];
    let passphrase = match &fields["passphrase"] {
        absent if step.is_absent(absent) => None,
        named => Some(step.secret_value(named, COSIGN_PASSWORD)?),
    };
    let key = step.secret_value(&fields["key"], COSIGN_KEY)?;
    Some(ImageKeyUse { key, purpose: KeyPurpose::Signs(passphrase) })
}

fn verifies(step: &SpecStep<'_>) -> Option<ImageKeyUse> {
    let key = step.secret_value(&step.body["verify"]["key"], COSIGN_PUB)?;
    Some(ImageKeyUse { key, purpose: KeyPurpose::Verifies })
}

impl Doctor {
    /// The findings about the keys in `secret` that `uses` name. Empty if its owner lets no step sign or verify with it: the
    /// finding about the Secret says so.
    pub(super) async fn image_keys(&self, secret: &Secret, uses: &[ImageKeyUse]) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.may_sign(secret) {
            for wanted in uses.iter().filter(|wanted| wanted.key.name == secret.name()) {
                found.push(self.image_key(secret, wanted).await);
            }
        }
        found
    }

    fn may_sign(&self, secret: &Secret) -> bool {
        let wanted = Wanted { purpose: Use::Signing, server: None };
        self.engine.secret_rules.answer(&self.site.namespace, secret, &wanted).is_ok()
    }

    async fn image_key(&self, secret: &Secret, wanted: &ImageKeyUse) -> Finding {
        let SecretValue { name, key } = &wanted.key;
        let subject = format!("image key {}/{name}/{key}", self.site.namespace);
        let text = match secret.short_key(key, KEY_FILE) {
            Ok(text) => text,
            Err(error) => return missing(subject, &error),
        };
        match &wanted.purpose {
            KeyPurpose::Verifies => judge_public(subject, &text),
            KeyPurpose::Signs(named) => match self.passphrase(secret, named.as_ref()).await {
                Ok(passphrase) => self.judge_private(subject, text, passphrase).await,
                Err(error) => missing(subject, &error),
            },
        }
    }

    /// The passphrase that a step would use for the key in `secret`.
    async fn passphrase(
        &self,
        secret: &Secret,
        named: Option<&SecretValue>,
    ) -> Result<Option<SecretString>, SecretError> {
        if let Some(SecretValue { name, key }) = named {
            let other = self.engine.secrets.get(&self.site.namespace, name).await?;
            return other.short_key(key, KEY_FILE).map(Some);
        }
        match secret.first_of(&[COSIGN_PASSWORD]) {
            Ok(key) => secret.short_key(key, KEY_FILE).map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn judge_private(
        &self,
        subject: String,
        text: SecretString,
        passphrase: Option<SecretString>,
    ) -> Finding {
        for secret in std::iter::once(&text).chain(&passphrase) {
            self.redactor.remember(secret);
        }
        match image_keys::open(text, passphrase, None).await {
            Ok(Ok(key)) => {
                Finding::ok(subject, format!("signs images, with the key id {}", key.public().id()))
            }
            Ok(Err(unfit)) => Finding::fail(subject, unfit.to_string()),
            Err(error) => Finding::fail(subject, error.message),
        }
    }
}

fn judge_public(subject: String, text: &SecretString) -> Finding {
    match PublicKey::read_all(text.expose_secret()) {
        Ok(keys) => {
            let ids: Vec<_> = keys.iter().map(PublicKey::id).collect();
            Finding::ok(subject, format!("verifies images, with the key id {}", ids.join(" or ")))
        }
        Err(unfit) => Finding::fail(subject, unfit.to_string()),
    }
}

/// The finding about a key whose value, or whose passphrase, could not be read.
fn missing(subject: String, error: &SecretError) -> Finding {
    match error {
        SecretError::Kube(_) | SecretError::Unreadable { .. } => Finding::skip(subject, error.to_string()),
        _ => Finding::fail(subject, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(name: &str, key: &str) -> SecretValue {
        SecretValue { name: name.to_owned(), key: key.to_owned() }
    }

    #[test]
    fn keys_and_passphrases_have_the_defaults_of_steps() {
        let parameters = json!([
            {"name": "key", "default": "image-key"}, {"name": "none", "default": ""}, {"name": "open"},
        ]);
        let beside = KeyPurpose::Signs(None);
        let elsewhere = |key: &str| KeyPurpose::Signs(Some(value("passphrases", key)));
        for (step, expected) in [
            (json!({"sign": {"key": "a"}}), Some((value("a", "cosign.key"), beside.clone()))),
            (
                json!({"sign": {"key": {"name": "a", "key": "pem"}}}),
                Some((value("a", "pem"), beside.clone())),
            ),
            (
                json!({"sign": {"key": "{{inputs.parameters.key}}", "passphrase": "{{inputs.parameters.none}}"}}),
                Some((value("image-key", "cosign.key"), beside)),
            ),
            (
                json!({"sign": {"key": "a", "passphrase": "passphrases"}}),
                Some((value("a", "cosign.key"), elsewhere("cosign.password"))),
            ),
            (
                json!({"sign": {"key": "a", "passphrase": {"name": "passphrases", "key": "of-a"}}}),
                Some((value("a", "cosign.key"), elsewhere("of-a"))),
            ),
            (json!({"verify": {"key": "a"}}), Some((value("a", "cosign.pub"), KeyPurpose::Verifies))),
            (json!({"sign": {"key": "a", "passphrase": "{{inputs.parameters.open}}"}}), None),
            (json!({"sign": {"key": "{{inputs.parameters.open}}"}}), None),
            (json!({"sign": {"key": ""}}), None),
            (json!({"verify": {"public-keys": "-----BEGIN PUBLIC KEY-----"}}), None),
            (json!({"sign": "{{inputs.parameters.open}}"}), None),
        ] {
            let template = json!({
                "inputs": {"parameters": parameters}, "plugin": {"buildkit": {"steps": [step, step]}},
            });
            let found = of_specs(&[json!({"templates": [template]})]);
            let expected = expected.map(|(key, purpose)| ImageKeyUse { key, purpose });
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{step}");
        }
    }
}
