#![expect(clippy::unwrap_used, reason = "tests")]

use super::{Advert, Ref};
use crate::git::pkt::{FLUSH, PktWriter, tests::reader};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

async fn read(lines: &[&str]) -> Advert {
    read_for(lines, &[]).await
}

async fn read_for(lines: &[&str], wanted: &[&str]) -> Advert {
    let mut message = PktWriter::default();
    for line in lines {
        if *line == "0000" {
            message.raw(FLUSH)
        } else {
            message.line(line)
        };
    }
    Advert::read(&mut reader(&message.into_bytes(), 7), wanted).await.unwrap()
}

#[tokio::test]
async fn v2_capabilities() {
    let advert = read(&[
        "version 2",
        "agent=x",
        "ls-refs=unborn",
        "fetch=shallow filter",
        "object-format=sha1",
        "0000",
    ])
    .await;
    assert!(advert.v2 && advert.can_filter() && advert.has("ls-refs"));
    assert_eq!((advert.value("fetch"), advert.object_format()), (Some("shallow filter"), "sha1"));
    let plain = read(&["version 2", "fetch=shallow wait-for-done filterx", "0000"]).await;
    assert!(!plain.can_filter());
}

#[tokio::test]
async fn v0_refs_with_preamble_peeled_tags_and_symref() {
    let head = format!("{A} HEAD\0side-band-64k symref=HEAD:refs/heads/main");
    let (main, tag, peeled) =
        (format!("{A} refs/heads/main"), format!("{B} refs/tags/v1"), format!("{A} refs/tags/v1^{{}}"));
    let advert = read(&["# service=git-upload-pack", "0000", &head, &main, &tag, &peeled, "0000"]).await;
    assert!(!advert.v2 && advert.has("side-band-64k"));
    let refs: Vec<_> = advert.refs(|_| true).collect();
    let names: Vec<_> = refs.iter().map(|r| (r.name.as_str(), &*r.oid)).collect();
    assert_eq!(names, [("HEAD", A), ("refs/heads/main", A), ("refs/tags/v1", B)]);
    assert_eq!(refs[0].symref.as_deref(), Some("refs/heads/main"));
}

#[tokio::test]
async fn an_empty_repository_has_no_refs() {
    let line = format!("{} capabilities^{{}}\0report-status", "0".repeat(40));
    assert_eq!(read(&[&line, "0000"]).await.refs(|_| true).count(), 0);
}

#[tokio::test]
async fn of_a_long_list_what_is_wanted_is_kept_and_a_little_more() {
    let mut kept = Vec::new();
    for count in [10_000, 40_000] {
        let tags = (0..count).flat_map(|n| {
            let name = format!("{A} refs/tags/v{n:05}");
            [
                format!("{name}\0symref=refs/tags/x{n}:refs/heads/x a b c"),
                format!("{B} refs/tags/v{n:05}^{{}}"),
            ]
        });
        let wanted = [format!("{A} refs/zoo/wanted"), format!("{B} refs/zoo/wanted/within")];
        let tags: Vec<String> = tags.chain(wanted.iter().cycle().take(4).cloned()).collect();
        let lines: Vec<&str> = tags.iter().map(String::as_str).chain(["0000"]).collect();
        let advert = read_for(&lines, &["refs/zoo/wanted"]).await;
        assert_eq!(advert.capabilities.len(), 4, "each line would add some, and each ref look through all");
        let found: Vec<_> =
            advert.refs(|name| name.starts_with("refs/zoo/")).map(|found| found.name).collect();
        assert_eq!(found, ["refs/zoo/wanted", "refs/zoo/wanted/within", "refs/zoo/wanted/within"]);
        kept.push(advert.list.len());
    }
    assert_eq!(kept[0], kept[1]);
}

#[tokio::test]
async fn names_that_no_request_can_want_are_not_kept() {
    let long = format!("{A} refs/heads/{}", "x".repeat(2000));
    assert_eq!(read(&[&long, "0000"]).await.list, "");
    assert_eq!(Ref::parse_v2(&long), None);
}

#[test]
fn ls_refs_lines() {
    let tag = Ref::parse_v2(&format!("{B} refs/tags/v1 peeled:{A}")).unwrap();
    assert_eq!((tag.name.as_str(), tag.oid.as_str()), ("refs/tags/v1", B));
    assert_eq!(Ref::parse_v2("unborn HEAD symref-target:refs/heads/main"), None);
    assert_eq!(Ref::parse_v2(&format!("{} refs/heads/x", "Z".repeat(40))), None);
}

#[tokio::test]
async fn a_v0_tag_is_kept_with_its_commit() {
    let main = format!("{A} refs/heads/main\0side-band-64k");
    let (tag, peeled) = (format!("{B} refs/tags/v1"), format!("{A} refs/tags/v1^{{}}"));
    let light = format!("{B} refs/tags/v2");
    let advert = read(&[&main, &tag, &peeled, &light, "0000"]).await;
    let peeled: Vec<_> = advert.refs(|name| name.starts_with("refs/tags/")).map(|r| r.peeled).collect();
    assert_eq!(peeled, [Some(A.to_owned()), None]);
}
