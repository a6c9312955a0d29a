//! Attestations: the provenance and the SBOM, in the index that the step's digest names.

use serde_json::{Value, json};

use super::image::Image;
use crate::support::net::unique;
use crate::support::plugin::output;
use crate::support::shop::Shop;

/// A generator without network: it lists the files of the result (buildkit `docs/attestations/sbom-protocol.md`).
const GENERATOR: &str = r#"
FROM BASE
COPY <<"EOF" /scan
list=$(ls $BUILDKIT_SCAN_SOURCE | tr '\n' ' ')
cat >$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json <<END
{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document",
 "predicate": {"SPDXID": "SPDXRef-DOCUMENT", "name": "$list"}}
END
EOF
ENTRYPOINT ["/bin/sh", "/scan"]
"#;

/// Builds the generator. Returns its name in the open registry.
async fn generator(shop: &Shop) -> String {
    let name = format!("{}/{}", shop.world.registry.host(), unique("scanner"));
    let dockerfile = shop.based(GENERATOR);
    shop.built(json!({"dockerfile-inline": dockerfile, "tags": [name], "registry-secret": null})).await;
    name
}

/// The statements of the attestation manifests of `index`: the type of the predicate, and the statement.
async fn statements(index: &Image) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for entry in index.manifest["manifests"].as_array().unwrap() {
        if entry["annotations"]["vnd.docker.reference.type"] == "attestation-manifest" {
            let manifest = index.child(entry["digest"].as_str().unwrap()).await;
            for layer in manifest.manifest["layers"].as_array().unwrap() {
                let statement: Value = serde_json::from_slice(&manifest.blob(layer).await).unwrap();
                found.push((statement["predicateType"].as_str().unwrap().to_owned(), statement));
            }
        }
    }
    found
}

#[tokio::test]
async fn provenance_and_sbom_are_in_the_index_that_the_digest_names() {
    let shop = Shop::open("FROM BASE\nARG WHO\nCOPY main.txt /\n").await;
    let generator = generator(&shop).await;
    let fields = json!({"attest": {"provenance": "max", "sbom": generator}, "build-args": {"WHO": "me"}});
    let node = shop.built(fields).await;
    assert_eq!(output(&node, "attestations"), r#"["provenance","sbom"]"#);
    assert_eq!(shop.digest("1").await, Some(output(&node, "digest")));
    let index = shop.pushed(&node).await;
    assert_eq!(index.manifest["manifests"].as_array().unwrap().len(), 2, "{}", index.manifest);
    let statements = statements(&index).await;
    let of = |kind: &str| {
        let found: Vec<_> = statements.iter().filter(|(name, _)| name.contains(kind)).collect();
        assert_eq!(found.len(), 1, "{statements:?}");
        found[0].1.clone()
    };
    let (sbom, provenance) = (of("spdx"), of("slsa"));
    assert!(sbom["predicate"]["name"].as_str().unwrap().contains("main.txt"), "{sbom}");
    let text = provenance.to_string();
    let base = shop.world.busybox.split([':', '@']).nth(1).unwrap();
    for said in [shop.sha.as_str(), &shop.service.url(), base, "\"me\""] {
        assert!(text.contains(said), "{said}: {provenance:#}");
    }
    assert!(!text.contains(&shop.token), "{provenance:#}");
}

/// `min` is for images that everybody may pull: no arguments, no Dockerfile.
#[tokio::test]
async fn a_small_provenance_has_no_build_arguments() {
    let shop = Shop::open("FROM scratch\nARG WHO\nCOPY main.txt /\n").await;
    let node = shop.built(json!({"attest": "min", "build-args": {"WHO": "hunter2"}})).await;
    assert_eq!(output(&node, "attestations"), r#"["provenance"]"#);
    let index = shop.pushed(&node).await;
    let statements = statements(&index).await;
    assert_eq!(statements.len(), 1, "{statements:?}");
    let text = statements[0].1.to_string();
    assert!(text.contains(&shop.sha), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("COPY"), "{text}");
}
