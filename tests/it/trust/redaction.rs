//! Outputs for machines are unchanged, or the step fails. Secrets are redacted in every encoding.

use serde_json::json;

use crate::support::plugin::{Setup, expect_phase, output};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::{Shop, template};

/// A key of several lines, like PEM.
fn key() -> String {
    let line = |n: u64| {
        format!(
            "{:016x}{:016x}Zq\n",
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            (!n).wrapping_mul(0x2545_f491_4f6c_dd1d)
        )
    };
    format!("-----BEGIN KEY-----\n{}-----END KEY-----\n", (1..9_u64).map(line).collect::<String>())
}

#[tokio::test]
async fn a_password_that_is_a_word_changes_no_output_and_no_commit() {
    let shop = Shop::with(Setup::new(shared_buildkitd().address()).start(), "FROM BASE\nRUN true\n").await;
    let secrets: Vec<_> = [("a", shop.owner.as_str()), ("b", "true"), ("c", "exported"), ("d", "sha256")]
        .map(|(id, value)| {
            shop.plugin.put(id, "key", value);
            json!({"id": id, "secret": {"name": id, "key": "key"}})
        })
        .into();
    let build = shop.build(json!({"secrets": secrets}));
    let update =
        shop.update(json!({"image.repository": "$(build.image)"}), json!({"image": "$(build.image)"}));
    let node = shop.plugin.node(&template(json!({"steps": [build, update]}))).await;
    expect_phase(&node, "Succeeded");
    let image = format!("{}@{}", shop.image(), output(&node, "digest"));
    assert_eq!(output(&node, "image"), image);
    assert_eq!(
        output(&node, "tags"),
        json!([format!("{}:1", shop.image()), format!("{}:latest", shop.image())]).to_string()
    );
    assert_eq!(output(&node, "changed"), "true");
    assert_eq!(output(&node, "commit"), shop.gitops.head("main").await);
    let committed = shop.gitops.read("main", "chart/values.yaml").await.unwrap();
    assert!(committed.contains(&image), "{committed}");
    // In text for people it is redacted.
    assert!(!output(&node, "diff").contains(&shop.owner), "{}", output(&node, "diff"));
}

#[tokio::test]
async fn a_run_cannot_print_a_secret_in_another_spelling() {
    let (password, key) = ("hunter22/+ü?", key());
    let dockerfile = "FROM BASE\nRUN --mount=type=secret,id=password --mount=type=secret,id=key cd /run/secrets; \
        for f in password key; do base64 $f; (printf x; cat $f) | base64; (printf xy; cat $f) | base64; cat $f | base64 | tr '+/' '-_'; \
        hexdump -v -e '1/1 \"%02x\"' $f; echo; done; \
        echo 'hunter22%2F%2b%c3%BC%3F'; echo 'hunter22\\/+\\u00fc?'; exit 3\n";
    let shop = Shop::with(Setup::new(shared_buildkitd().address()).start(), dockerfile).await;
    shop.plugin.put("both", "password", password);
    shop.plugin.put("both", "key", &key);
    let secrets = json!([
        {"id": "password", "secret": {"name": "both", "key": "password"}},
        {"id": "key", "secret": {"name": "both", "key": "key"}},
    ]);
    let node = shop.plugin.node(&template(shop.build(json!({"secrets": secrets})))).await;
    expect_phase(&node, "Failed");
    let tail = output(&node, "log-tail");
    let printed: Vec<_> = tail.lines().filter(|line| !line.contains("RUN ")).collect();
    assert!(printed.len() > 20, "{tail}");
    for line in &printed {
        // The end of a line and the key's markers may remain.
        let rest = line.replace("***", "");
        let marker = ["LS0tLS1", "eC0tLS0t", "eHktLS0t"].iter().any(|start| line.starts_with(start));
        assert!(rest.len() < 12 || marker && rest.len() < 40, "{line}\nof\n{tail}");
    }
}
