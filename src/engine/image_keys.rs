//! Reads the keys that sign images, and those that verify signatures.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::{JoinError, spawn_blocking};

use super::Engine;
use super::binding::{Use, Wanted};
use super::context::Cx;
use crate::limits::Budget;
use crate::outcome::{Fault, Outputs, StepError};
use crate::signature::{KeyError, PrivateKey, PublicKey};
pub(crate) use crate::step::sign::{COSIGN_KEY, COSIGN_PASSWORD};
pub(crate) use crate::step::verify::COSIGN_PUB;
use crate::step::{Entry, ImageKey, SecretKey, Step, Steps};

/// The maximum size in bytes of a file with keys, and of a passphrase.
pub(crate) const KEY_FILE: usize = 16 << 10;

/// One encrypted key is opened at a time in this process. Each takes up to 128 MiB, for a fraction of a second. Tenants take turns,
/// since whoever writes a Secret chooses how long its key takes.
static TURNS: LazyLock<Budget> = LazyLock::new(|| Budget::in_turns(1));

impl Engine {
    /// The private key `wanted`, which signs images.
    pub(super) async fn image_key(&self, cx: &Cx, wanted: &ImageKey) -> Result<PrivateKey, StepError> {
        if let Some(key) = cx.keys.get(wanted) {
            return Ok(key);
        }
        let text = self.signing_text(cx, &wanted.key, KEY_FILE).await?;
        let passphrase = self.passphrase(cx, wanted).await?;
        let opened = open(text, passphrase, self.tenancy.tenant(&cx.workflow)).await?;
        let key = opened.map_err(|error| named(&wanted.key, error))?;
        cx.keys.keep(wanted, &key);
        Ok(key)
    }

    /// The passphrase: the one that the step names, else the one beside the key, if there is one.
    async fn passphrase(&self, cx: &Cx, wanted: &ImageKey) -> Result<Option<SecretString>, StepError> {
        if let Some(passphrase) = &wanted.passphrase {
            return self.signing_text(cx, passphrase, KEY_FILE).await.map(Some);
        }
        let secret = self.secret(cx, &wanted.key.name).await?;
        match secret.first_of(&[COSIGN_PASSWORD]) {
            Ok(key) => {
                let beside = SecretKey { name: wanted.key.name.clone(), key: key.to_owned() };
                self.signing_text(cx, &beside, KEY_FILE).await.map(Some)
            }
            Err(_) => Ok(None),
        }
    }

    /// The public keys in the Secret `wanted`. They are no secret, so they are not kept out of messages.
    pub(super) async fn public_keys(&self, cx: &Cx, wanted: &SecretKey) -> Result<Vec<PublicKey>, StepError> {
        let purpose = Wanted { purpose: Use::Signing, server: None };
        let secret = self.secret_for(cx, &wanted.name, &purpose).await?;
        let text = secret.short_key(&wanted.key, KEY_FILE)?;
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
        // Whether the step is on may depend on earlier entries too. One that is off needs no key.
        if !["enabled", "key", "passphrase"].iter().all(|field| entry.is_settled(field)) {
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

/// Opens the private key in `text`. An encrypted key waits for a turn of `tenant`.
///
/// # Errors The outer error: the thread that reads the key has panicked. The inner one: the key cannot be used.
pub(crate) async fn open(
    text: SecretString,
    passphrase: Option<SecretString>,
    tenant: Option<&str>,
) -> Result<Result<PrivateKey, KeyError>, StepError> {
    let turns = TURNS.of(tenant);
    let turns = PrivateKey::is_encrypted(&text).then_some(&turns);
    let read = in_turn(turns, move || PrivateKey::read(&text, passphrase.as_ref())).await;
    read.map_err(|_| StepError::new(Fault::Ours, "reading a key ended unexpectedly; please report it"))
}

/// Runs `work` on a thread for such work, if there are `turns`, in one of them. Nothing ends that thread: it goes on if the step is
/// stopped, and so does its turn.
async fn in_turn<T: Send + 'static>(
    turns: Option<&Budget>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let turn = match turns {
        // One turn is never more than there are.
        Some(turns) => turns.take(1).await.ok(),
        None => None,
    };
    spawn_blocking(move || {
        let _turn = turn;
        work()
    })
    .await
}

fn named(key: &SecretKey, error: impl std::fmt::Display) -> StepError {
    StepError::user(format!("secret `{}`, key `{}`: {error}", key.name, key.key))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_the_work_even_if_nobody_waits_for_it() {
        let (turns, (done, waiting)) = (Budget::in_turns(1), mpsc::channel::<()>());
        let work = move || {
            let _ = waiting.recv();
        };
        timeout(Duration::from_millis(50), in_turn(Some(&turns), work)).await.unwrap_err();
        assert!(turns.try_take(1).is_none(), "the work still runs");
        in_turn(None, || ()).await.unwrap();
        done.send(()).unwrap();
        timeout(Duration::from_secs(30), in_turn(Some(&turns), || ())).await.unwrap().unwrap();
    }
}
