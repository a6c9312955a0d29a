//! The repositories of the services.

use std::collections::BTreeMap;

use sha1::{Digest as _, Sha1};

use super::full_name::full_name;
use super::types::Service;
use crate::git::RepoUrl;

/// The longest slug.
const LONGEST_SLUG: usize = 32;

/// A repository with the services that a push may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository<'a> {
    /// The part of names that stands for it, unique in the namespace.
    pub slug: String,
    /// The owner and the name, as events have them: `shop/api`.
    pub full_name: String,
    /// The URL, as it is written in the catalogue.
    pub url: &'a RepoUrl,
    /// The Secret with the login for it.
    pub git_secret: Option<&'a str>,
    /// Its services, in the order of the catalogue.
    pub services: Vec<&'a Service>,
}

impl Repository<'_> {
    /// The services that the hook builds: all that are not in pull mode.
    pub fn pushed(&self) -> Vec<&Service> {
        self.services.iter().filter(|service| service.pull.is_none()).copied().collect()
    }
}

/// The repositories of `services`, by slug. `catalogue` is the catalogue's name.
pub(super) fn of<'a>(catalogue: &str, services: &'a [Service]) -> Vec<Repository<'a>> {
    let mut groups: BTreeMap<String, Vec<&Service>> = BTreeMap::new();
    for service in services {
        groups.entry(service.repo.origin()).or_default().push(service);
    }
    let made = groups.into_iter().filter_map(|(origin, services)| repository(catalogue, &origin, services));
    let mut repositories: Vec<_> = made.collect();
    repositories.sort_by(|a, b| a.slug.cmp(&b.slug));
    repositories
}

fn repository<'a>(catalogue: &str, origin: &str, services: Vec<&'a Service>) -> Option<Repository<'a>> {
    let first = *services.first()?;
    let full_name = full_name(&first.repo).ok()?;
    let slug = slug(&full_name, &format!("{catalogue} {origin}"));
    Some(Repository { slug, full_name, url: &first.repo, git_secret: first.git_secret.as_deref(), services })
}

/// The owner and the name as a part of an object's name, with six digits of the hash of `unique`: `a-b/c` and `a/b-c` are two
/// repositories, and another catalogue of the namespace may have the same one.
fn slug(full_name: &str, unique: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = full_name.chars().map(plain).collect();
    let hash = hex::encode(Sha1::digest(unique.to_lowercase()));
    let head = &slug[..slug.len().min(LONGEST_SLUG - 7)];
    format!("{}-{}", head.trim_matches('-'), &hash[..6]).trim_start_matches('-').to_owned()
}
