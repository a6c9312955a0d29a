//! Lists of a registry that have several pages: tags and referrers.

use ::http::header::LINK;
use reqwest::Response;

use super::OciError;
use super::repository::ImageRepository;

/// The most pages that are read of one list.
pub(super) const PAGES: usize = 100;

impl ImageRepository<'_> {
    /// The address of the page after `answer`, which must be on the registry's own server: the login is sent there. `what` names
    /// the list in errors.
    pub(super) fn next_page(&self, answer: &Response, what: &str) -> Result<Option<String>, OciError> {
        let links = answer.headers().get_all(LINK);
        let Some(link) = links.iter().find_map(|link| next_link(link.to_str().ok()?)) else {
            return Ok(None);
        };
        let next = answer
            .url()
            .join(link)
            .map_err(|e| self.unexpected(format!("its {what} goes on at no address: {e}")))?;
        match self.is_ours(&next) {
            true => Ok(Some(next.into())),
            false => Err(self.unexpected(format!("its {what} goes on at another server"))),
        }
    }
}

/// The target of the link with `rel="next"` (RFC 8288). Registries send one link: Gitea a relative address, others an
/// absolute one, and some leave out the quotes.
fn next_link(value: &str) -> Option<&str> {
    let (target, parameters) = value.trim_start().strip_prefix('<')?.split_once('>')?;
    let is_next = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
    };
    parameters.split([';', ',']).any(is_next).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::next_link;

    #[test]
    fn the_next_page_in_the_forms_of_registries() {
        for (value, next) in [
            (r#"</v2/acme/app/tags/list?last=b&n=2>; rel="next""#, Some("/v2/acme/app/tags/list?last=b&n=2")),
            (
                r#"<https://r.io/v2/a/tags/list?n=2&last=b>;rel=next"#,
                Some("https://r.io/v2/a/tags/list?n=2&last=b"),
            ),
            (r#"</x>; title="a"; REL="Next""#, Some("/x")),
            (r#"</x>; rel="prev""#, None),
            ("</x", None),
            ("", None),
        ] {
            assert_eq!(next_link(value), next, "{value}");
        }
    }
}
