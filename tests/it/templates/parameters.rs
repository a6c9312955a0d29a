//! Parameters, as the genuine controller substitutes them, are valid steps.

use argo_buildkit::step;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use super::{installed, submit};
use crate::support::net::PATIENCE;
use crate::support::net::until;

const COMMIT: &str = "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d";

/// The task that the controller gives to the plugin. It must be valid.
async fn body(template: &str, parameters: &[(&str, &str)]) -> Value {
    let argo = installed().await;
    let workflow = submit(argo, template, parameters).await;
    let task = argo.task(&workflow).await;
    argo.terminate(&workflow).await;
    let body = task["plugin"]["buildkit"].clone();
    let step = step::parse(&body).unwrap_or_else(|invalid| panic!("{template}: {invalid}\n{body:#}"));
    let declared = task["outputs"]["parameters"].as_array().unwrap();
    let declared: Vec<_> =
        declared.iter().map(|output| output["name"].as_str().unwrap().to_owned()).collect();
    step.check_declared(&declared).unwrap();
    body
}

/// The Tekton pipeline with a persistent BuildKit: Helm services on GitHub, images on Docker Hub.
#[tokio::test]
async fn the_parameters_of_a_helm_service_fit() {
    let parameters = [
        ("repo", "https://github.com/acme/orders.git"),
        ("image", "acme/orders"),
        ("cache-name", "orders"),
        ("chart-dir", "charts/orders"),
        ("image-tag", COMMIT),
        ("extra-tags", "latest"),
        ("git-ref", "refs/heads/main"),
        ("dockerfile", "Dockerfile"),
        ("push", "true"),
    ];
    assert_json_snapshot!(body("ci-cd-buildkit-deploy", &parameters).await, @r#"
    {
      "steps": [
        {
          "select": {
            "after": "",
            "before": "",
            "enabled": "false",
            "paths": "",
            "paths-ignore": "",
            "ref": "refs/heads/main",
            "repo": "https://github.com/acme/orders.git",
            "secret": "gitea-credentials"
          }
        },
        {
          "supersede": {
            "enabled": "false",
            "line": "ea15cef173ddafd57a55b6c3014cec982c8118a8"
          },
          "when": "$(select.selected)"
        },
        {
          "commit-status": {
            "commit": "",
            "context": "argo-buildkit/builds/acme/orders",
            "enabled": "false",
            "ignore-error": "true",
            "repo": "https://github.com/acme/orders.git",
            "secret": "",
            "state": "pending"
          },
          "name": "pending",
          "when": "$(select.selected)"
        },
        {
          "build": {
            "attest": "",
            "build-args": "",
            "cache": {
              "from": "[{\"insecure\":\"true\",\"ref\":\"cache-registry.buildkit-cache.svc:5000/cache/orders\"}]",
              "git-ref": "refs/heads/main",
              "to": {
                "insecure": "true",
                "mode": "max",
                "ref": "cache-registry.buildkit-cache.svc:5000/cache/orders",
                "when": "changed"
              }
            },
            "context": {
              "repo": "https://github.com/acme/orders.git",
              "revision": "refs/heads/main",
              "secret": "gitea-credentials",
              "subdir": ""
            },
            "dockerfile": "Dockerfile",
            "platforms": "",
            "push": "true",
            "registry-secret": "registry-credentials",
            "tags": "[{\"ref\": \"acme/orders:5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d\", \"insecure\": \"false\"}, {\"ref\": \"acme/orders:latest\", \"insecure\": \"false\"}]",
            "target": ""
          },
          "when": "$(select.selected)"
        },
        {
          "sign": {
            "enabled": "false",
            "image": {
              "insecure": "false",
              "ref": "$(build.image)"
            },
            "key": "",
            "registry-secret": "registry-credentials"
          },
          "when": "$(select.selected)"
        },
        {
          "update-manifest": {
            "branch": "main",
            "commit": "true",
            "image": "acme/orders:5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d@$(build.digest)",
            "message": "",
            "refresh": "",
            "repo": "https://github.com/acme/orders.git",
            "secret": "git-write-back",
            "source": {
              "commit": "$(build.revision)",
              "repo": "https://github.com/acme/orders.git",
              "secret": "gitea-credentials"
            },
            "targets": "[{\"file\": \"charts/orders/values.yaml\", \"helm\": {\"image.tag\": \"5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d\"}, \"create\": false}, {\"file\": \"charts/orders/values.yaml\", \"helm\": {\"image.digest\": \"$(build.digest)\"}, \"create\": true}]"
          },
          "when": "$(select.selected)"
        },
        {
          "sync": {
            "applications": "",
            "branch": "main",
            "commit": "$(update-manifest.commit)",
            "enabled": "false",
            "images": "acme/orders:5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d@$(build.digest)",
            "on-degraded": "fail",
            "repo": "https://github.com/acme/orders.git",
            "secret": "git-write-back",
            "superseded-by": "$(update-manifest.superseded-by)"
          },
          "when": "$(select.selected)"
        }
      ]
    }
    "#);
}

/// The Jobs that n8n starts: name, URL, subdirectory and tag of one web app.
#[tokio::test]
async fn the_parameters_of_an_n8n_job_fit() {
    let parameters = [
        ("app-name", "blog"),
        ("repo", "https://github.com/acme/sites.git"),
        ("subdir", "sites/blog"),
        ("image", "registry.build-system.svc:5000/blog"),
        ("image-tag", "1.4.0"),
        ("platforms", "linux/arm64,linux/amd64"),
        ("git-secret", ""),
    ];
    assert_json_snapshot!(body("build-push", &parameters).await, @r#"
    {
      "steps": [
        {
          "select": {
            "after": "",
            "before": "",
            "enabled": "false",
            "paths": "",
            "paths-ignore": "",
            "ref": "refs/heads/main",
            "repo": "https://github.com/acme/sites.git",
            "secret": ""
          }
        },
        {
          "supersede": {
            "enabled": "false",
            "line": "93ec7bcf3adbddce01d99f3da915c38ece4c499e"
          },
          "when": "$(select.selected)"
        },
        {
          "commit-status": {
            "commit": "",
            "context": "argo-buildkit/builds/blog",
            "enabled": "false",
            "ignore-error": "true",
            "repo": "https://github.com/acme/sites.git",
            "secret": "",
            "state": "pending"
          },
          "name": "pending",
          "when": "$(select.selected)"
        },
        {
          "build": {
            "attest": "",
            "build-args": "",
            "cache": {
              "from": "[{\"insecure\":\"true\",\"ref\":\"cache-registry.buildkit-cache.svc:5000/cache/blog\"}]",
              "git-ref": "refs/heads/main",
              "to": {
                "insecure": "true",
                "mode": "max",
                "ref": "cache-registry.buildkit-cache.svc:5000/cache/blog",
                "when": "changed"
              }
            },
            "context": {
              "repo": "https://github.com/acme/sites.git",
              "revision": "refs/heads/main",
              "secret": "",
              "subdir": "sites/blog"
            },
            "dockerfile": "Dockerfile",
            "platforms": "linux/arm64,linux/amd64",
            "push": "true",
            "registry-secret": "registry-credentials",
            "tags": "[{\"ref\": \"registry.build-system.svc:5000/blog:1.4.0\", \"insecure\": \"false\"}]",
            "target": ""
          },
          "when": "$(select.selected)"
        },
        {
          "sign": {
            "enabled": "false",
            "image": {
              "insecure": "false",
              "ref": "$(build.image)"
            },
            "key": "",
            "registry-secret": "registry-credentials"
          },
          "when": "$(select.selected)"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn the_least_that_can_be_passed_is_enough() {
    let image = "gitea.example.com/shop/api";
    let least = [("repo", "https://gitea.example.com/shop/api.git"), ("image", image)];
    let body = body("ci-cd-buildkit-deploy", &least).await;
    let (build, update) = (&body["steps"][3]["build"], &body["steps"][5]["update-manifest"]);
    assert_eq!(build["context"]["revision"], "refs/heads/main");
    let tags: Value = serde_json::from_str(build["tags"].as_str().unwrap()).unwrap();
    assert_eq!(tags, json!([{"ref": format!("{image}:latest"), "insecure": "false"}]));
    assert_eq!(build["cache"]["to"]["ref"], "cache-registry.buildkit-cache.svc:5000/cache/shop/api");
    assert_eq!(update["repo"], least[0].1, "the chart is in the service's own repository");
}

#[tokio::test]
async fn a_push_is_compared_and_a_cache_is_not_kept_if_asked() {
    let parameters = [
        ("repo", "https://gitea.example.com/shop/api.git"),
        ("image", "gitea.example.com/shop/api"),
        ("revision", COMMIT),
        ("before", "9fceb02d0ae598e95dc970b74767f19372d61af8"),
        ("paths", "services/api,go.mod"),
        ("paths-ignore", r#"["**/*.{md,txt}"]"#),
        ("cache-export", "false"),
    ];
    for template in ["build-push", "ci-cd-buildkit-deploy", "ci-cd-buildkit-deploy-two-nodes"] {
        let body = body(template, &parameters).await;
        let select = &body["steps"][0]["select"];
        assert_eq!((&select["enabled"], &select["after"]), (&json!("true"), &json!(COMMIT)), "{template}");
        for (name, value) in &parameters[3..6] {
            assert_eq!(select[name], *value, "{template}");
        }
        let cache = &body["steps"][3]["build"]["cache"];
        assert_eq!(cache["to"]["ref"], "", "{template}");
        assert!(cache["from"].as_str().unwrap().contains("cache/shop/api"), "{template}");
    }
}

#[tokio::test]
async fn each_branch_has_a_cache_of_its_own_if_asked() {
    let parameters = [
        ("repo", "https://gitea.example.com/shop/api.git"),
        ("image", "gitea.example.com/shop/api"),
        ("git-ref", "refs/heads/dev"),
        ("revision", COMMIT),
        ("cache-when", "branch"),
    ];
    for template in ["build-push", "ci-cd-buildkit-deploy", "ci-cd-buildkit-deploy-two-nodes"] {
        let cache = body(template, &parameters).await["steps"][3]["build"]["cache"].take();
        assert_eq!((&cache["to"]["when"], &cache["git-ref"]), (&json!("branch"), &json!("refs/heads/dev")));
        // With a tag, all branches would share it.
        let name = "cache-registry.buildkit-cache.svc:5000/cache/shop/api";
        assert_eq!(cache["to"]["ref"], name, "{template}");
        let from: Value = serde_json::from_str(cache["from"].as_str().unwrap()).unwrap();
        assert_eq!(from[0]["ref"], name, "{template}");
    }
}

#[tokio::test]
async fn a_promotion_copies_what_was_tested_by_its_digest() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let source = format!("gitea.example.com/dev/api@{digest}");
    let target = "registry.example.com:5000/prod/api:1.4.0";
    let parameters = [
        ("source", source.as_str()),
        ("target", target),
        ("tags", "stable,latest"),
        ("digest", digest),
        ("insecure", "true"),
    ];
    let push = body("promote", &parameters).await["push"].take();
    assert_eq!(push["source"], json!({"ref": source, "insecure": "false"}));
    assert_eq!(push["targets"], json!([{"ref": target, "insecure": "true"}]));
    for (field, value) in [("tags", "stable,latest"), ("expect-digest", digest), ("referrers", "true")] {
        assert_eq!(push[field], value, "{field}");
    }
}

#[tokio::test]
async fn every_parameter_arrives_where_it_belongs() {
    let targets =
        r#"[{"file": "apps/kustomization.yaml", "kustomize": {"name": "api", "digest": "$(build.digest)"}}]"#;
    let parameters = [
        ("repo", "https://gitea.example.com/shop/api.git"),
        ("image", "gitea.example.com/shop/api"),
        ("git-ref", "refs/heads/dev"),
        ("revision", COMMIT),
        ("target", "runtime"),
        ("build-args", r#"{"VERSION": "1.10", "NOTE": "a \"quoted\" word"}"#),
        ("extra-tags", "dev, edge"),
        ("push", "false"),
        ("cache-registry", ""),
        ("registry-secret", ""),
        ("sign-key", "image-key"),
        ("gitops-repo", "https://gitea.example.com/ops/gitops.git"),
        ("gitops-branch", "staging"),
        ("targets", targets),
        ("message", "Deploy $(image-name)"),
        ("concurrency", "supersede"),
    ];
    assert_json_snapshot!(body("ci-cd-buildkit-deploy", &parameters).await, @r#"
    {
      "steps": [
        {
          "select": {
            "after": "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d",
            "before": "",
            "enabled": "false",
            "paths": "",
            "paths-ignore": "",
            "ref": "refs/heads/dev",
            "repo": "https://gitea.example.com/shop/api.git",
            "secret": "gitea-credentials"
          }
        },
        {
          "supersede": {
            "enabled": "true",
            "line": "0d2442e415fe46c00a5447d931aac1f09827e838"
          },
          "when": "$(select.selected)"
        },
        {
          "commit-status": {
            "commit": "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d",
            "context": "argo-buildkit/builds/shop/api",
            "enabled": "false",
            "ignore-error": "true",
            "repo": "https://gitea.example.com/shop/api.git",
            "secret": "",
            "state": "pending"
          },
          "name": "pending",
          "when": "$(select.selected)"
        },
        {
          "build": {
            "attest": "",
            "build-args": "{\"VERSION\": \"1.10\", \"NOTE\": \"a \\\"quoted\\\" word\"}",
            "cache": {
              "from": "",
              "git-ref": "refs/heads/dev",
              "to": {
                "insecure": "true",
                "mode": "max",
                "ref": "",
                "when": "changed"
              }
            },
            "context": {
              "repo": "https://gitea.example.com/shop/api.git",
              "revision": "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d",
              "secret": "gitea-credentials",
              "subdir": ""
            },
            "dockerfile": "Dockerfile",
            "platforms": "",
            "push": "false",
            "registry-secret": "",
            "tags": "[{\"ref\": \"gitea.example.com/shop/api:5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d\", \"insecure\": \"false\"}, {\"ref\": \"gitea.example.com/shop/api:dev\", \"insecure\": \"false\"}, {\"ref\": \"gitea.example.com/shop/api:edge\", \"insecure\": \"false\"}]",
            "target": "runtime"
          },
          "when": "$(select.selected)"
        },
        {
          "sign": {
            "enabled": "false",
            "image": {
              "insecure": "false",
              "ref": "$(build.image)"
            },
            "key": "image-key",
            "registry-secret": ""
          },
          "when": "$(select.selected)"
        },
        {
          "update-manifest": {
            "branch": "staging",
            "commit": "false",
            "image": "gitea.example.com/shop/api:5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d@$(build.digest)",
            "message": "Deploy $(image-name)",
            "refresh": "",
            "repo": "https://gitea.example.com/ops/gitops.git",
            "secret": "git-write-back",
            "source": {
              "commit": "$(build.revision)",
              "repo": "https://gitea.example.com/shop/api.git",
              "secret": "gitea-credentials"
            },
            "targets": "[{\"file\": \"apps/kustomization.yaml\", \"kustomize\": {\"name\": \"api\", \"digest\": \"$(build.digest)\"}}]"
          },
          "when": "$(select.selected)"
        },
        {
          "sync": {
            "applications": "",
            "branch": "staging",
            "commit": "$(update-manifest.commit)",
            "enabled": "false",
            "images": "gitea.example.com/shop/api:5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d@$(build.digest)",
            "on-degraded": "fail",
            "repo": "https://gitea.example.com/ops/gitops.git",
            "secret": "git-write-back",
            "superseded-by": "$(update-manifest.superseded-by)"
          },
          "when": "$(select.selected)"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn update_manifest_alone_takes_what_another_step_built() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let parameters = [
        ("gitops-repo", "https://gitea.example.com/ops/gitops.git"),
        ("image", "gitea.example.com/shop/api"),
        ("image-tag", "1.4.0"),
        ("digest", digest),
        ("repo", "https://gitea.example.com/shop/api.git"),
        ("revision", COMMIT),
    ];
    assert_json_snapshot!(body("update-manifest", &parameters).await, @r#"
    {
      "update-manifest": {
        "branch": "main",
        "image": "gitea.example.com/shop/api:1.4.0@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "message": "",
        "refresh": "",
        "repo": "https://gitea.example.com/ops/gitops.git",
        "secret": "git-write-back",
        "source": "{\"commit\":\"5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d\",\"repo\":\"https://gitea.example.com/shop/api.git\",\"secret\":\"gitea-credentials\"}",
        "targets": "[{\"file\": \"chart/values.yaml\", \"helm\": {\"image.tag\": \"1.4.0\"}, \"create\": false}, {\"file\": \"chart/values.yaml\", \"helm\": {\"image.digest\": \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}, \"create\": true}]"
      }
    }
    "#);
    let least = [("gitops-repo", "https://gitea.example.com/ops/gitops.git"), ("image-tag", "1.4.0")];
    let update = body("update-manifest", &least).await["update-manifest"].take();
    assert_eq!(
        update["targets"],
        r#"[{"file": "chart/values.yaml", "helm": {"image.tag": "1.4.0"}, "create": false}]"#
    );
}

#[tokio::test]
async fn targets_of_ones_own_get_the_digest() {
    let targets = r#"[{"file": "k.yaml", "kustomize": {"name": "api", "digest": "$(build.digest)"}}]"#;
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let repo = "https://gitea.example.com/ops/gitops.git";
    let parameters = [("gitops-repo", repo), ("digest", digest), ("targets", targets)];
    let update = body("update-manifest", &parameters).await["update-manifest"].take();
    assert_eq!(update["targets"], targets.replace("$(build.digest)", digest));
}

#[tokio::test]
async fn what_is_required_is_named_at_once() {
    let argo = installed().await;
    for (template, passed, missing) in [
        ("ci-cd-buildkit-deploy", ("image", "a/b"), "repo"),
        ("ci-cd-buildkit-deploy", ("repo", "https://a/b"), "image"),
        ("ci-cd-buildkit-deploy-two-nodes", ("image", "a/b"), "repo"),
        ("build-push", ("repo", "https://a/b"), "image"),
        ("update-manifest", ("image", "a/b"), "gitops-repo"),
    ] {
        let workflow = submit(argo, template, &[passed]).await;
        let (phase, said) = argo.finished(&workflow).await;
        // On a loaded machine, Argo's controller said the second once.
        let texts = [
            format!("spec.arguments.{missing}.value or spec.arguments.{missing}.valueFrom is required"),
            format!("must be specified in order to set global parameter {missing}"),
        ];
        let is_named = texts.iter().any(|text| said.contains(text));
        assert!(phase == "Failed" && is_named, "{template}: {phase} {said}");
    }
}

/// A label has at most 63 characters, and letters or digits at its ends. With another value, the workflow would end as `Error`.
#[tokio::test]
async fn every_image_has_a_label() {
    let argo = installed().await;
    let long = "a".repeat(70);
    // The cut is behind a character that no label may end with.
    let cut = format!("{}-{}", "b".repeat(62), "c".repeat(9));
    for (template, image, app, expected) in [
        ("ci-cd-buildkit-deploy", format!("r.example.com/shop/{long}"), "", &long[..63]),
        ("ci-cd-buildkit-deploy-two-nodes", format!("r.example.com/shop/{cut}"), "", &cut[..62]),
        ("build-push", "r.example.com/api".to_owned(), "__Shop API (new)_", "Shop-API-new"),
    ] {
        let parameters =
            [("repo", "https://git.example.com/shop/api.git"), ("image", &image), ("app-name", app)];
        let submitted = async || {
            let workflow = submit(argo, template, &parameters).await;
            argo.node_when(&workflow, |_| true).await;
            let labels = argo.workflow(&workflow).await["metadata"]["labels"].take();
            argo.terminate(&workflow).await;
            labels.get("app.kubernetes.io/name").cloned()
        };
        // Argo writes these labels never for some workflows (docs/steps.md, `supersede`).
        let label = until(|| format!("a label of {template}"), PATIENCE, submitted).await;
        assert_eq!(label, expected, "{template}");
    }
}
