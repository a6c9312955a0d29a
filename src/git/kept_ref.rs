//! A branch or tag as files of a `.git` directory.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A tag object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(super) id: String,
    pub(super) bytes: Vec<u8>,
}

/// A ref that points at a proven commit, directly or through tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptRef {
    /// The full name, such as `refs/tags/v1`.
    name: String,
    /// The id of the first tag, or of the commit.
    target: String,
    tags: Vec<Tag>,
}

impl KeptRef {
    /// `None` if `name`, which a server may have sent, is not the full name of a ref.
    pub(super) fn new(name: &str, commit: &str, tags: Vec<Tag>) -> Option<Self> {
        let is_full = name.starts_with("refs/") && super::check_name(name).is_ok();
        let target = tags.first().map_or(commit, |tag| &tag.id).to_owned();
        is_full.then(|| Self { name: name.to_owned(), target, tags })
    }

    /// The full name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The tag's name, without `refs/tags/`; `None` if it is a branch.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.name.strip_prefix("refs/tags/")
    }

    /// The paths and contents of the files in `.git`: the ref, and each tag as a loose object (git
    /// `gitrepository-layout.txt`).
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let reference = (self.name.clone(), format!("{}\n", self.target).into_bytes());
        let objects = self.tags.iter().filter_map(|tag| {
            let (directory, rest) = tag.id.split_at_checked(2)?;
            Some((format!("objects/{directory}/{rest}"), loose(&tag.bytes).ok()?))
        });
        objects.chain([reference]).collect()
    }
}

/// A tag in the format of a loose object (git `object-file.c`).
fn loose(tag: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    write!(encoder, "tag {}\0", tag.len())?;
    encoder.write_all(tag)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_name_leaves_refs_in_no_way() {
        let rows = [
            ("refs/tags/v1", true),
            ("refs/heads/fix/#42", true),
            ("refs/pull/3/head", true),
            ("HEAD", false),
            ("config", false),
            ("refs/../config", false),
            ("refs/heads/../../hooks/post-checkout", false),
            ("refs//heads/x", false),
            ("refs/heads/x\n", false),
        ];
        for (name, is_kept) in rows {
            assert_eq!(KeptRef::new(name, "0123", Vec::new()).is_some(), is_kept, "{name:?}");
        }
    }
}
