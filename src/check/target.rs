//! The user's targets: images to push or to delete, repositories to read and to write, and the Secrets for them.

use std::fmt;
use std::str::FromStr;

use crate::git::RepoUrl;
use crate::oci::ImageRef;

/// A Secret of the workflows' namespace, with an optional key: `NAME` or `NAME/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretName {
    /// Its name.
    pub name: String,
    /// The key, if it is not the usual one.
    pub key: Option<String>,
}

/// An image that steps push or delete: `[http://]REF[=SECRET]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The image.
    pub image: ImageRef,
    /// Whether its registry is asked over plain http.
    pub insecure: bool,
    /// The docker config with the login.
    pub secret: Option<SecretName>,
}

/// A repository that steps read or write: `REPO[#BRANCH][=SECRET]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The repository's address.
    pub repo: RepoUrl,
    /// The same address, in the form for a forge's API.
    pub url: String,
    /// The branch that is committed to.
    pub branch: Option<String>,
    /// The login.
    pub secret: Option<SecretName>,
}

/// All targets.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// The images to push.
    pub images: Vec<Image>,
    /// The images of repositories in which steps delete.
    pub deletes: Vec<Image>,
    /// The repositories to read.
    pub reads: Vec<Repository>,
    /// The repositories to commit to.
    pub writes: Vec<Repository>,
    /// The repositories whose hooks are looked at.
    pub hooks: Vec<Repository>,
}

impl Targets {
    /// The Secrets that steps with these targets use, each once.
    pub(super) fn secrets(&self) -> Vec<String> {
        let images = self.registry_images().filter_map(|image| image.secret.as_ref());
        let repositories = self.reads.iter().chain(&self.writes).filter_map(|repo| repo.secret.as_ref());
        let mut names: Vec<_> = images.chain(repositories).map(|secret| secret.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The images of which a registry is asked.
    pub(super) fn registry_images(&self) -> impl Iterator<Item = &Image> {
        self.images.iter().chain(&self.deletes)
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.key.iter().try_for_each(|key| write!(f, "/{key}"))
    }
}

impl FromStr for SecretName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, key) = text.split_once('/').map_or((text, None), |(name, key)| (name, Some(key)));
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if name.is_empty() || !name.chars().all(fits) || key == Some("") {
            return Err("after `=` comes the name of a Secret, as NAME or NAME/KEY".to_owned());
        }
        Ok(Self { name: name.to_owned(), key: key.map(str::to_owned) })
    }
}

impl FromStr for Image {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, secret) = split_secret(text)?;
        let (insecure, name) = name.strip_prefix("http://").map_or((false, name), |name| (true, name));
        let image = name.parse::<ImageRef>().map_err(|e| e.to_string())?;
        Ok(Self { image, insecure, secret })
    }
}

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, secret) = split_secret(text)?;
        let (url, branch) = place.split_once('#').map_or((place, None), |(url, b)| (url, Some(b)));
        let repo = url.parse::<RepoUrl>().map_err(|e| e.to_string())?;
        if branch == Some("") {
            return Err("after `#` comes the name of a branch".to_owned());
        }
        Ok(Self { repo, url: url.to_owned(), branch: branch.map(str::to_owned), secret })
    }
}

fn split_secret(text: &str) -> Result<(&str, Option<SecretName>), String> {
    match text.rsplit_once('=') {
        Some((place, secret)) => Ok((place, Some(secret.parse()?))),
        None => Ok((text, None)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn targets_name_a_place_and_perhaps_a_secret() {
        let image: Image = "http://cache.svc:5000/shop/api=registry".parse().unwrap();
        assert_eq!((image.image.name().as_str(), image.insecure), ("cache.svc:5000/shop/api", true));
        assert_eq!(image.secret.unwrap().to_string(), "registry");
        let write: Repository = "https://git.example.com/ops/gitops.git#env/prod=git/token".parse().unwrap();
        assert_eq!(write.branch.as_deref(), Some("env/prod"));
        assert_eq!(write.secret.unwrap().key.as_deref(), Some("token"));
        let read: Repository = "git@git.example.com:shop/api.git".parse().unwrap();
        assert_eq!((read.branch, read.secret), (None, None));
    }

    #[test]
    fn bad_targets_are_refused_without_their_password() {
        for text in
            ["https://u:hunter2@h/r.git", "https://h/r.git#", "https://h/r.git=Nope!", "https://h/r.git="]
        {
            let refused = text.parse::<Repository>().unwrap_err();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        assert!("https://r.io/a".parse::<Image>().unwrap_err().contains("URL scheme"));
    }

    #[test]
    fn each_secret_is_listed_once() {
        let targets = Targets {
            images: vec!["r.io/a=b".parse().unwrap()],
            deletes: vec!["r.io/a=c".parse().unwrap()],
            reads: vec!["https://h/r=a/x".parse().unwrap(), "https://h/q".parse().unwrap()],
            writes: vec!["https://h/r=a/y".parse().unwrap()],
            hooks: Vec::new(),
        };
        assert_eq!(targets.secrets(), ["a", "b", "c"]);
    }
}
