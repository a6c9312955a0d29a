//! Which images one build may read: each is asked about once, of its own registry and with the build's own login.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::Retryable as _;
use tokio::sync::{OnceCell, Semaphore};

use super::auth::normalise;
use super::error::NOBODY;
use super::{Auth, ImageRef, LazyClient, OciError, Registry};
use crate::outcome::{self, Fault};
use crate::time_limits::{calls, pauses};

/// Images that one build may name. Docker's frontend asks about those alone that the result needs.
const IMAGES: usize = 500;
/// Images of one build that are asked about at a time.
const AT_ONCE: usize = 8;
/// For the answer about one image, all attempts and tokens included. The build waits meanwhile.
const WHOLE: Duration = calls::REGISTRY_PULL_RIGHT.whole();
/// How often a registry that is overloaded (429, 5xx) is asked again.
const AGAIN: usize = 2;

/// What registries have said to one build, so that its further solves need not ask again. It holds allowed images alone.
#[derive(Debug, Clone)]
pub struct PullAnswers {
    /// Images by name and digest; set once their registry has allowed them.
    known: Arc<Mutex<HashMap<String, Arc<OnceCell<()>>>>>,
    turns: Arc<Semaphore>,
}

/// Asks registries for one build.
#[derive(Debug)]
pub(crate) struct PullRights {
    logins: Arc<Auth>,
    registry: Registry,
    /// Registries that a login may be sent to over plain http.
    insecure: BTreeSet<String>,
    answers: PullAnswers,
}

/// Why an image may not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPull {
    /// The registry, or its name, says so.
    #[error("no right to read image {image}: {why}")]
    Refused {
        /// The image.
        image: String,
        /// What the registry said, and what to do.
        why: String,
    },
    /// The registry does not say.
    #[error("cannot tell whether image {image} may be read: {why}")]
    Unknown {
        /// The image.
        image: String,
        /// What kept it from answering, and what to do.
        why: String,
    },
}

impl Default for PullAnswers {
    fn default() -> Self {
        Self { known: Arc::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl PullAnswers {
    /// The place for the answer about `key`; none where there are too many.
    fn about(&self, key: String) -> Option<Arc<OnceCell<()>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let full = known.len() >= IMAGES;
        match known.get(&key) {
            Some(answer) => Some(answer.clone()),
            None if full => None,
            None => Some(known.entry(key).or_default().clone()),
        }
    }
}

impl PullRights {
    /// Takes the logins of a build, the registries (`host[:port]`) that it calls insecure, and what registries have said to it.
    pub(crate) fn new(
        logins: Arc<Auth>,
        client: LazyClient,
        insecure: &BTreeSet<String>,
        answers: PullAnswers,
    ) -> Self {
        let told = client.insecure().iter().cloned();
        let insecure = insecure.iter().map(|host| normalise(host)).chain(told).collect();
        Self { logins, registry: Registry::new(client), insecure, answers }
    }

    /// Whether the build may read `image`. What has no digest is not asked about.
    pub(crate) async fn check(&self, image: &ImageRef) -> Result<(), NoPull> {
        let Some(digest) = image.digest() else { return Ok(()) };
        if self.registry.client().mirrored().contains(&normalise(image.registry())) {
            return Ok(());
        }
        let too_many = || refused(image, &format!("one build reads {IMAGES} images at most; name fewer"));
        let answer = self.answers.about(format!("{}@{digest}", image.name())).ok_or_else(too_many)?;
        answer.get_or_try_init(|| self.ask(image, digest)).await.copied()
    }

    async fn ask(&self, image: &ImageRef, digest: &str) -> Result<(), NoPull> {
        // Never closed.
        let _turn = self.answers.turns.acquire().await;
        let pauses = pauses::few().with_max_times(AGAIN);
        let overloaded = |error: &OciError| matches!(error, OciError::Unavailable { .. });
        let asked = (|| self.ask_once(image, digest)).retry(pauses).when(overloaded);
        match tokio::time::timeout(WHOLE, asked).await {
            Ok(answer) => answer.map_err(|error| self.no_pull(image, &error)),
            Err(_) => {
                Err(unknown(image, &format!("no answer within {} s; {}", WHOLE.as_secs(), outcome::AGAIN)))
            }
        }
    }

    async fn ask_once(&self, image: &ImageRef, digest: &str) -> Result<(), OciError> {
        let told = self.registry.may_pull(image, digest, &self.logins, false).await;
        if !matches!(told, Err(OciError::Unreachable { .. } | OciError::Untrusted { .. })) {
            return told;
        }
        // The daemon's own configuration may say plain http. No login goes there unasked.
        let plain = match self.is_insecure(image) {
            true => self.registry.may_pull(image, digest, &self.logins, true).await,
            false => self.registry.may_pull_plainly(image, digest, &Auth::default()).await,
        };
        match plain {
            // A server that speaks https alone, with a certificate that is not trusted.
            Err(OciError::Unexpected { why, .. }) if why.starts_with("status 400") => told,
            Err(OciError::Unreachable { .. } | OciError::Untrusted { .. } | OciError::NotAsked { .. }) => {
                told
            }
            plain => plain,
        }
    }

    fn is_insecure(&self, image: &ImageRef) -> bool {
        self.insecure.contains(&normalise(image.registry()))
    }

    /// What to say of `error`.
    fn no_pull(&self, image: &ImageRef, error: &OciError) -> NoPull {
        let why = format!("{error}{}", self.what_to_do(image, error));
        if error.fault() == Fault::User { refused(image, &why) } else { unknown(image, &why) }
    }

    /// What the error itself cannot know.
    fn what_to_do(&self, image: &ImageRef, error: &OciError) -> String {
        let registry = image.registry();
        match error {
            OciError::Unreachable { .. } => {
                format!(
                    "; if buildkitd reads {registry} from a mirror, name it in --mirrored-registries \
                     (ARGO_BUILDKIT_MIRRORED_REGISTRIES)"
                )
            }
            OciError::Refused { login, .. } | OciError::Absent { login, .. } if login == NOBODY => {
                match self.has_login(image) {
                    true => format!(
                        "; {registry} speaks plain http, and a login is sent to it only where it is named in \
                         --insecure-registries (ARGO_BUILDKIT_INSECURE_REGISTRIES)"
                    ),
                    false => format!(
                        "; check the image's name, or give the step's `registry-secret` a login for {registry}"
                    ),
                }
            }
            _ => String::new(),
        }
    }

    fn has_login(&self, image: &ImageRef) -> bool {
        self.logins.login(image.registry()).is_some()
    }
}

fn refused(image: &ImageRef, why: &str) -> NoPull {
    NoPull::Refused { image: image.to_string(), why: why.to_owned() }
}

fn unknown(image: &ImageRef, why: &str) -> NoPull {
    NoPull::Unknown { image: image.to_string(), why: why.to_owned() }
}

#[cfg(test)]
mod tests;
