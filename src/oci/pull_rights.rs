//! Checks which images a build may read. Each image is checked once, at its own registry and with the build's own
//! login.

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

/// The most images of one build. Docker's frontend asks only about those that the result needs.
const IMAGES: usize = 500;
/// The number of images of one build that are checked at the same time.
const AT_ONCE: usize = 8;
/// The limit for the check of one image, with all attempts and tokens. The build waits meanwhile.
const WHOLE: Duration = calls::REGISTRY_PULL_RIGHT.whole();
/// How often the request is repeated if a registry is overloaded (429, 5xx).
const AGAIN: usize = 2;

/// The images that registries have allowed one build to read. Its further solves need not ask again.
#[derive(Debug, Clone)]
pub struct PullAnswers {
    /// The key is the name with the digest. The cell is set when the registry has allowed the image.
    known: Arc<Mutex<HashMap<String, Arc<OnceCell<()>>>>>,
    turns: Arc<Semaphore>,
}

/// Checks the images of one build.
#[derive(Debug)]
pub(crate) struct PullRights {
    logins: Arc<Auth>,
    registry: Registry,
    /// The registries that may get a login over plain http.
    insecure: BTreeSet<String>,
    answers: PullAnswers,
}

/// An image that a build may not read, or whose registry gave no clear answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullRightError {
    /// The registry refuses the image, or the name of the image is wrong.
    #[error("no right to read image {image}: {why}")]
    Refused {
        /// The image.
        image: String,
        /// The registry's answer, and what to do.
        why: String,
    },
    /// The registry gave no clear answer.
    #[error("cannot tell whether image {image} may be read: {why}")]
    Unknown {
        /// The image.
        image: String,
        /// The cause, and what to do.
        why: String,
    },
}

impl Default for PullAnswers {
    fn default() -> Self {
        Self { known: Arc::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl PullAnswers {
    /// The cell for the answer about `key`; `None` if the build has too many images.
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
    /// Takes the logins of a build, the registries (`host[:port]`) that it declares insecure, and the earlier answers
    /// of registries to it.
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

    /// Checks whether the build may read `image`. An image without a digest is allowed.
    pub(crate) async fn check(&self, image: &ImageRef) -> Result<(), PullRightError> {
        let Some(digest) = image.digest() else { return Ok(()) };
        if self.registry.client().mirrored().contains(&normalise(image.registry())) {
            return Ok(());
        }
        let too_many = || refused(image, &format!("one build reads {IMAGES} images at most; name fewer"));
        let answer = self.answers.about(format!("{}@{digest}", image.name())).ok_or_else(too_many)?;
        answer.get_or_try_init(|| self.ask(image, digest)).await.copied()
    }

    async fn ask(&self, image: &ImageRef, digest: &str) -> Result<(), PullRightError> {
        // The semaphore is never closed.
        let _turn = self.answers.turns.acquire().await;
        let pauses = pauses::few().with_max_times(AGAIN);
        let overloaded = |error: &OciError| matches!(error, OciError::Unavailable { .. });
        let asked = (|| self.ask_once(image, digest)).retry(pauses).when(overloaded);
        match tokio::time::timeout(WHOLE, asked).await {
            Ok(answer) => answer.map_err(|error| self.pull_right_error(image, &error)),
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
        // The daemon's own configuration may demand plain http. A login is sent over plain http only where a setting
        // allows it.
        let plain = match self.is_insecure(image) {
            true => self.registry.may_pull(image, digest, &self.logins, true).await,
            false => self.registry.may_pull_over_plain_http(image, digest, &Auth::default()).await,
        };
        match plain {
            // This server speaks only https, and its certificate is not trusted.
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

    /// The error that the build gets for `error`.
    fn pull_right_error(&self, image: &ImageRef, error: &OciError) -> PullRightError {
        let why = format!("{error}{}", self.what_to_do(image, error));
        if error.fault() == Fault::User { refused(image, &why) } else { unknown(image, &why) }
    }

    /// Advice that depends on the settings and the logins, which the error does not know.
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

fn refused(image: &ImageRef, why: &str) -> PullRightError {
    PullRightError::Refused { image: image.to_string(), why: why.to_owned() }
}

fn unknown(image: &ImageRef, why: &str) -> PullRightError {
    PullRightError::Unknown { image: image.to_string(), why: why.to_owned() }
}

#[cfg(test)]
mod tests;
