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
    /// The part of names that stands for it, unique in the catalogue.
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

/// The repositories of `services`, by slug.
pub(super) fn of(services: &[Service]) -> Vec<Repository<'_>> {
    let mut groups: BTreeMap<String, Vec<&Service>> = BTreeMap::new();
    for service in services {
        groups.entry(service.repo.origin()).or_default().push(service);
    }
    let mut repositories: Vec<_> = groups.into_values().filter_map(repository).collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for repository in &repositories {
        *seen.entry(repository.slug.clone()).or_default() += 1;
    }
    for repository in &mut repositories {
        if seen.get(&repository.slug).is_some_and(|count| *count > 1) {
            repository.slug = hashed(&repository.slug, &repository.url.origin());
        }
    }
    repositories.sort_by(|a, b| a.slug.cmp(&b.slug));
    repositories
}

fn repository(services: Vec<&Service>) -> Option<Repository<'_>> {
    let first = *services.first()?;
    let full_name = full_name(&first.repo).ok()?;
    let slug = slug(&full_name);
    Some(Repository { slug, full_name, url: &first.repo, git_secret: first.git_secret.as_deref(), services })
}

/// The owner and the name as a part of an object's name.
fn slug(full_name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = full_name.chars().map(plain).collect();
    let slug = slug.trim_matches('-').to_owned();
    if slug.len() > LONGEST_SLUG || slug.is_empty() { hashed(&slug, full_name) } else { slug }
}

/// The beginning of a slug, with six digits of the hash of `text`.
fn hashed(slug: &str, text: &str) -> String {
    let hash = hex::encode(Sha1::digest(text.to_lowercase()));
    let head = &slug[..slug.len().min(LONGEST_SLUG - 7)];
    format!("{}-{}", head.trim_end_matches('-'), &hash[..6]).trim_start_matches('-').to_owned()
}
