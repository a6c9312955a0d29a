//! The rights of one step at the cache registry, and the tokens for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::auth::normalise;
use super::super::token::Token;
use super::super::{ImageRef, OciError};
use super::TokenIssuer;
use super::scope::{self, Grant, Right};

/// The repositories of the cache registry that one step names, each with the step's right.
///
/// The request for a token (realm, service, scopes) comes from the registry that answered the daemon, so it is not
/// trusted. It may ask for less than the step's rights. It never adds to them.
#[derive(Debug, Clone)]
pub struct CacheRights {
    issuer: Arc<TokenIssuer>,
    namespace: String,
    repositories: BTreeMap<String, Right>,
}

impl CacheRights {
    pub(super) fn new<'a>(
        issuer: Arc<TokenIssuer>,
        namespace: &str,
        from: impl IntoIterator<Item = &'a ImageRef>,
        to: Option<&'a ImageRef>,
    ) -> Self {
        let rights = from.into_iter().map(|image| (image, Right::Pull));
        Self::of(issuer, namespace, rights.chain(to.map(|image| (image, Right::PullAndPush))))
    }

    /// The rights of a step that looks for old caches in the repository of `image`, and may delete them.
    pub(super) fn of_cleanup(
        issuer: Arc<TokenIssuer>,
        namespace: &str,
        image: &ImageRef,
        deletes: bool,
    ) -> Self {
        let right = if deletes { Right::PullAndDelete } else { Right::Pull };
        Self::of(issuer, namespace, [(image, right)])
    }

    fn of<'a>(
        issuer: Arc<TokenIssuer>,
        namespace: &str,
        rights: impl IntoIterator<Item = (&'a ImageRef, Right)>,
    ) -> Self {
        let mut repositories = BTreeMap::new();
        let rights = rights.into_iter();
        for (image, right) in rights.filter(|(image, _)| normalise(image.registry()) == issuer.registry) {
            let known = repositories.entry(image.repository().to_owned()).or_insert(right);
            *known = right.max(*known);
        }
        Self { issuer, namespace: namespace.to_owned(), repositories }
    }

    /// Whether we sign the tokens of the registry `host`. `host` is the server that the daemon, or our own client, is
    /// connected to.
    pub(crate) fn are_at(&self, host: &str) -> bool {
        normalise(host) == self.issuer.registry
    }

    /// A token for those of `scopes` that the step has a right to.
    ///
    /// # Errors [`OciError::Withheld`] if the step has a right to none of them.
    pub(crate) fn token(&self, scopes: &[String]) -> Result<Token, OciError> {
        let asked = scopes.iter().flat_map(|scopes| scopes.split(' '));
        let access: Vec<_> = asked.filter_map(|scope| self.grant(scope)).collect();
        if access.is_empty() {
            return Err(OciError::Withheld {
                registry: self.issuer.registry.clone(),
                why: self.refusal(scopes),
                ours: false,
            });
        }
        tracing::debug!(namespace = self.namespace, ?access, "signed a token for the cache registry");
        self.issuer.token(&self.namespace, access)
    }

    /// Strings that differ between the rights of different steps. They keep the daemon from using one step's token
    /// for another step.
    pub(crate) fn identity(&self) -> impl Iterator<Item = String> {
        let repositories = self.repositories.iter().map(|(name, right)| format!("{name}:{right}"));
        std::iter::once(self.namespace.clone()).chain(repositories)
    }

    fn grant(&self, scope: &str) -> Option<Grant> {
        let (name, asked) = scope::parse(scope)?;
        let right = self.repositories.get(name)?;
        let asked: Vec<_> = asked.collect();
        let actions: Vec<_> =
            right.actions().iter().copied().filter(|action| asked.contains(action)).collect();
        (!actions.is_empty()).then(|| Grant { kind: "repository", name: name.to_owned(), actions })
    }

    fn refusal(&self, scopes: &[String]) -> String {
        let asked = scopes.join(" ").escape_debug().take(200).collect::<String>();
        let may: Vec<_> = self.repositories.iter().map(|(name, right)| format!("{name} ({right})")).collect();
        let may = if may.is_empty() { "none".to_owned() } else { may.join(", ") };
        format!(
            "a step reaches the caches there that its `cache.from` and `cache.to` name, and nothing else; this one names: {may}; \
             asked for was: {asked}; name the cache in one of them"
        )
    }
}
