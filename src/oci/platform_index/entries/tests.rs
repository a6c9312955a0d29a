#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn read(manifest: &Value) -> RawManifest {
    // Other spaces than ours, as BuildKit writes them.
    RawManifest::read(serde_json::to_vec_pretty(manifest).unwrap().into(), None, "r.io/a").unwrap()
}

fn digest(n: u32) -> String {
    format!("sha256:{n:064}")
}

/// The entry of an image with the digest `n`, and that of its attestation.
fn pair(n: u32, architecture: &str) -> [Value; 2] {
    let entry = |n: u32, os: &str, architecture: &str| {
        json!({"mediaType": MANIFEST, "digest": digest(n), "size": n,
            "platform": {"architecture": architecture, "os": os}})
    };
    let mut attestation = entry(n + 1, "unknown", "unknown");
    attestation["annotations"] = json!({"vnd.docker.reference.digest": digest(n),
        "vnd.docker.reference.type": "attestation-manifest"});
    [entry(n, "linux", architecture), attestation]
}

fn index(entries: &[Value]) -> RawManifest {
    read(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries,
        "annotations": {"org.example/b": "2", "org.example/a": "1"}}))
}

fn joined(children: &[(&str, RawManifest)]) -> Result<(String, &'static str), String> {
    let mut entries = Entries::default();
    children.iter().try_for_each(|(platform, child)| entries.add(platform, child))?;
    let (bytes, media_type) = entries.index()?;
    Ok((String::from_utf8(bytes).unwrap(), media_type))
}

#[test]
fn the_entries_of_all_platforms_are_those_of_one_index() {
    let (amd, arm) = (pair(1, "amd64"), pair(3, "arm64"));
    let (text, media_type) = joined(&[("linux/amd64", index(&amd)), ("linux/arm64", index(&arm))]).unwrap();
    assert_eq!(media_type, INDEX);
    let read: Value = serde_json::from_str(&text).unwrap();
    // First the images, then what is attested about each.
    let expected = [&amd[0], &arm[0], &amd[1], &arm[1]];
    assert!(read["manifests"].as_array().unwrap().iter().eq(expected), "{text}");
    assert_eq!(read["annotations"], json!({"org.example/a": "1", "org.example/b": "2"}));
}

/// Whoever repeats a build writes the same index, also with another version of this program.
#[test]
fn the_bytes_of_an_index_never_change() {
    let children = [("linux/amd64", index(&pair(1, "amd64"))), ("linux/arm64", index(&pair(3, "arm64")))];
    let (text, _) = joined(&children).unwrap();
    // Each digest by its last digit.
    let short = text.replace(&"0".repeat(63), "").replace("application/vnd.oci.image.", "");
    insta::assert_snapshot!(short, @r#"{"schemaVersion":2,"mediaType":"index.v1+json","manifests":[{"digest":"sha256:1","mediaType":"manifest.v1+json","platform":{"architecture":"amd64","os":"linux"},"size":1},{"digest":"sha256:3","mediaType":"manifest.v1+json","platform":{"architecture":"arm64","os":"linux"},"size":3},{"annotations":{"vnd.docker.reference.digest":"sha256:1","vnd.docker.reference.type":"attestation-manifest"},"digest":"sha256:2","mediaType":"manifest.v1+json","platform":{"architecture":"unknown","os":"unknown"},"size":2},{"annotations":{"vnd.docker.reference.digest":"sha256:3","vnd.docker.reference.type":"attestation-manifest"},"digest":"sha256:4","mediaType":"manifest.v1+json","platform":{"architecture":"unknown","os":"unknown"},"size":4}],"annotations":{"org.example/a":"1","org.example/b":"2"}}"#);
}

#[test]
fn an_image_without_an_index_gets_an_entry() {
    let image = |kind: &str| read(&json!({"schemaVersion": 2, "mediaType": kind, "layers": []}));
    for (kind, list) in [(MANIFEST, INDEX), (DOCKER_MANIFEST, DOCKER_LIST)] {
        let (text, media_type) = joined(&[("linux/arm/v7", image(kind))]).unwrap();
        assert_eq!(media_type, list);
        let read: Value = serde_json::from_str(&text).unwrap();
        let platform = json!({"os": "linux", "architecture": "arm", "variant": "v7"});
        assert_eq!((&read["manifests"][0]["platform"], &read["annotations"]), (&platform, &Value::Null));
        assert_eq!(read["manifests"][0]["digest"], image(kind).digest);
    }
}

#[test]
fn what_cannot_be_one_index_is_refused() {
    let docker = read(&json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": []}));
    let mixed = [("linux/amd64", index(&pair(1, "amd64"))), ("linux/arm64", docker)];
    assert!(joined(&mixed).unwrap_err().contains("unlike the others"));
    assert_eq!(joined(&[]).unwrap_err(), "no platform was built");
    let artifact =
        read(&json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.artifact.manifest.v1+json"}));
    assert!(joined(&[("linux/amd64", artifact)]).unwrap_err().contains("and no image"));
    let large = |n: u32| {
        let mut entries = pair(n, "amd64");
        entries[0]["annotations"] = json!({"a": "x".repeat(MANIFEST_READ / 2)});
        index(&entries)
    };
    let large = [("linux/amd64", large(1)), ("linux/arm64", large(3))];
    assert!(joined(&large).unwrap_err().contains("annotate less"));
}
