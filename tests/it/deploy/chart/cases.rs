//! A kustomization for each file of deploy/chart/ci.

/// The name of the file, and the kustomization.
pub(super) const CASES: &[(&str, &str)] = &[
    ("production", "resources: [../production]\n"),
    ("local", "resources: [../local]\n"),
    ("agent", AGENT),
    ("agent-gate", AGENT_GATE),
    ("agent-cluster", AGENT_CLUSTER),
    ("rootless", "resources: [../production]\ncomponents: [../../components/buildkitd-no-process-sandbox]\n"),
    ("pool", POOL),
    ("cache-login", "resources: [../production]\ncomponents: [../../components/cache-registry-login]\n"),
    ("no-cache", NO_CACHE),
    ("cert-manager", CERT_MANAGER),
    ("rights", RIGHTS),
    ("metrics", METRICS),
];

const AGENT: &str = r#"
resources: [../production]
components:
- ../../components/agent
- ../../components/agent-rights
- ../../components/sidecar-image
configMapGenerator:
- name: sidecar-image
  behavior: merge
  literals: ["line=image: registry.example.com/tools/argo-buildkit:0.1.0"]
images:
- {name: ghcr.io/argo-buildkit/argo-buildkit, newName: registry.example.com/tools/argo-buildkit, newTag: 0.1.0}
patches:
- target: {kind: ConfigMap, name: buildkit-agent-settings}
  patch: |-
    - {op: add, path: /data/ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS, value: "true"}
"#;

const AGENT_GATE: &str = r#"
resources: [../production]
components:
- ../../components/agent
- ../../components/agent-rights
- ../../components/agent-gate
patches:
- target: {kind: ConfigMap, name: buildkit-agent-settings}
  patch: |-
    - {op: add, path: /data/ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS, value: "true"}
"#;

const AGENT_CLUSTER: &str = r#"
resources: [../production]
components:
- ../../components/agent
- ../../components/agent-rights-cluster
- ../../components/agent-argocd-watch
patches:
- target: {kind: ConfigMap, name: buildkit-agent-settings}
  patch: |-
    - {op: add, path: /data/ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS, value: "true"}
    - {op: remove, path: /data/ARGO_BUILDKIT_NAMESPACES}
    - {op: add, path: /data/ARGO_BUILDKIT_ALL_NAMESPACES, value: "true"}
- target: {kind: ConfigMap, name: buildkit-agent-policy}
  patch: |-
    - op: replace
      path: /data/policy.yaml
      value: |
        namespaces: {builds: {push: ["registry.example.com/shop/**"]}}
"#;

const POOL: &str = r#"
resources: [../production]
components:
- ../../components/agent
- ../../components/agent-rights
- ../../components/buildkitd-pool
patches:
- target: {kind: ConfigMap, name: buildkit-agent-settings}
  patch: |-
    - {op: add, path: /data/ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS, value: "true"}
"#;

const NO_CACHE: &str = "
resources: [../production]
patches:
- target: {namespace: buildkit-cache}
  patch: |-
    $patch: delete
    kind: Any
    metadata: {name: any}
- target: {kind: Namespace, name: buildkit-cache}
  patch: |-
    $patch: delete
    kind: Namespace
    metadata: {name: buildkit-cache}
";

const CERT_MANAGER: &str = r#"
resources: [../production]
components:
- ../../components/agent
- ../../components/agent-rights
- ../../components/cert-manager
- ../../components/agent-cert-manager
patches:
- target: {kind: ConfigMap, name: buildkit-agent-settings}
  patch: |-
    - {op: add, path: /data/ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS, value: "true"}
"#;

const RIGHTS: &str = "
resources: [../production]
components:
- ../../components/submit
- ../../components/supersede
- ../../components/argocd-refresh
- ../../components/argocd-sync
patches:
- target: {kind: Role, name: buildkit-argocd-.*}
  patch: |-
    - {op: replace, path: /rules/0/resourceNames, value: [shop-api, shop-web]}
";

const METRICS: &str = "
resources: [../production]
components: [../../components/dashboards, ../../components/alerts]
patches:
- target: {kind: PrometheusRule, name: argo-buildkit}
  patch: |-
    - {op: add, path: /metadata/labels/release, value: kube-prometheus-stack}
- target: {kind: NetworkPolicy, name: buildkitd}
  patch: |-
    - op: add
      path: /spec/ingress/-
      value:
        from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
        ports: [{port: metrics}]
";
