//! Reads the keys that sign images, and those that verify signatures.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::Engine;
use super::binding::{Use, Wanted};
use super::context::Cx;
use crate::outcome::{Fault, Outputs, StepError};
use crate::signature::{PrivateKey, PublicKey};
use crate::step::sign::COSIGN_PASSWORD;
use crate::step::{Entry, ImageKey, SecretKey, Step, Steps};

/// The maximum size in bytes of a file with keys, and of a passphrase.
const MOST: usize = 16 << 10;

/// One encrypted key is opened at a time in this process. Each takes 64 MiB, for a fraction of a second.
static TURN: Semaphore = Semaphore::const_new(1);

/// The private keys that a node has opened. Clones share them.
#[derive(Clone, Default)]
pub(super) struct OpenedKeys(Arc<Mutex<HashMap<ImageKey, PrivateKey>>>);

impl OpenedKeys {
    fn get(&self, wanted: &ImageKey) -> Option<PrivateKey> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(wanted).cloned()
    }

    fn keep(&self, wanted: &ImageKey, key: &PrivateKey) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(wanted.clone(), key.clone());
    }
}

impl Engine {
    /// The private key `wanted`, which signs images.
    pub(super) async fn image_key(&self, cx: &Cx, wanted: &ImageKey) -> Result<PrivateKey, StepError> {
        if let Some(key) = cx.keys.get(wanted) {
            return Ok(key);
        }
        let text = self.signing_text(cx, &wanted.key, MOST).await?;
        let passphrase = self.passphrase(cx, wanted).await?;
        let turn = TURN.acquire().await;
        let read = move || PrivateKey::read(&text, passphrase.as_ref());
        let read = tokio::task::spawn_blocking(read).await;
        drop(turn);
        let read = read
            .map_err(|_| StepError::new(Fault::Ours, "reading a key ended unexpectedly; please report it"))?;
        let key = read.map_err(|error| named(&wanted.key, error))?;
        cx.keys.keep(wanted, &key);
        Ok(key)
    }

    /// The passphrase: the one that the step names, else the one beside the key, if there is one.
    async fn passphrase(&self, cx: &Cx, wanted: &ImageKey) -> Result<Option<SecretString>, StepError> {
        if let Some(passphrase) = &wanted.passphrase {
            return self.signing_text(cx, passphrase, MOST).await.map(Some);
        }
        let secret = self.secret(cx, &wanted.key.name).await?;
        match secret.first_of(&[COSIGN_PASSWORD]) {
            Ok(key) => {
                let beside = SecretKey { name: wanted.key.name.clone(), key: key.to_owned() };
                self.signing_text(cx, &beside, MOST).await.map(Some)
            }
            Err(_) => Ok(None),
        }
    }

    /// The public keys in the Secret `wanted`. They are no secret, so they are not kept out of messages.
    pub(super) async fn public_keys(&self, cx: &Cx, wanted: &SecretKey) -> Result<Vec<PublicKey>, StepError> {
        let purpose = Wanted { purpose: Use::Signing, server: None };
        let secret = self.secret_for(cx, &wanted.name, &purpose).await?;
        let text = secret.short_key(&wanted.key, MOST)?;
        PublicKey::read_all(text.expose_secret()).map_err(|error| named(wanted, error))
    }

    /// Reads the keys of the entries that are known to run, so that a key that cannot be used fails the node before it has done
    /// anything. `checked` has the entries that were checked before.
    ///
    /// # Errors The place of the entry with such a key, and why.
    pub(super) async fn check_keys(
        &self,
        cx: &Cx,
        steps: &Steps,
        outputs: &BTreeMap<String, Outputs>,
        checked: &mut [bool],
    ) -> Result<(), (usize, StepError)> {
        for (place, entry) in steps.entries.iter().enumerate() {
            if checked[place] || entry.runs(outputs) != Ok(true) {
                continue;
            }
            checked[place] = true;
            self.check_key(cx, entry).await.map_err(|error| (place, error))?;
        }
        Ok(())
    }

    async fn check_key(&self, cx: &Cx, entry: &Entry) -> Result<(), StepError> {
        if !entry.is_settled("key") || !entry.is_settled("passphrase") {
            return Ok(());
        }
        match &entry.template {
            Step::Sign(sign) => match &sign.target {
                Some(target) => self.image_key(cx, &target.key).await.map(drop),
                None => Ok(()),
            },
            Step::Verify(verify) => match &verify.key {
                Some(key) => self.public_keys(cx, key).await.map(drop),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn named(key: &SecretKey, error: impl std::fmt::Display) -> StepError {
    StepError::user(format!("secret `{}`, key `{}`: {error}", key.name, key.key))
}
