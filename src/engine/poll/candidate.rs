//! A branch or a tag of a service, and the image that is built for it.

use crate::git::heads::Head;
use crate::oci::ImageRef;
use crate::selection::{GitRef, image_tag};
use crate::step::PolledService;

/// What would be built for one ref.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) full_name: String,
    pub(super) git_ref: GitRef,
    pub(super) commit: String,
}

impl Candidate {
    /// The candidate of `head`; the error says why it cannot be built.
    pub(super) fn of(service: &PolledService, head: Head) -> Result<Self, (String, String)> {
        let candidate =
            Self { git_ref: GitRef::parse(&head.name), full_name: head.name, commit: head.commit };
        match candidate.oddity(service) {
            None => Ok(candidate),
            Some(why) => Err((candidate.full_name, why)),
        }
    }

    /// Why a build of this ref would fail before it begins.
    fn oddity(&self, service: &PolledService) -> Option<String> {
        let name = &self.full_name;
        if name.contains("{{") || name.contains("$(") {
            return Some(
                "its name holds `{{` or `$(`, which begins an expression in a workflow; rename it".to_owned(),
            );
        }
        let image = format!("{}:{}", service.image, self.tag());
        image.parse::<ImageRef>().err().map(|bad| format!("its name cannot be the tag of an image: {bad}"))
    }

    /// The tag of the image that is built for it.
    pub(super) fn tag(&self) -> String {
        self.tag_of(&self.commit)
    }

    /// The tag of the image that is built for `commit` on this ref.
    pub(super) fn tag_of(&self, commit: &str) -> String {
        match image_tag(&self.git_ref, commit) {
            tag if tag.is_empty() => commit.to_owned(),
            tag => tag,
        }
    }
}

/// The reason for which a ref with the image `tag` is up to date.
pub(super) fn is_there(service: &PolledService, tag: &str) -> String {
    format!("image {}:{tag} is there", service.image)
}
