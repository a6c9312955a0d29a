# Argo Workflows as upstream installs it: full CRDs, cluster install, default settings, images of the test bed. Sourced.

argo_up() {
  local install=$state/argo
  mkdir -p "$install"
  [[ -d $install/manifests ]] || cp -r "$share/argo/manifests" "$install/manifests"
  put "$install/kustomization.yaml" <<EOF
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: argo
resources: [manifests/cluster-install-no-crds]
images:
  - {name: quay.io/argoproj/workflow-controller, newName: $REGISTRY/workflow-controller, newTag: test}
patches:
  # There is no UI here.
  - target: {kind: Deployment, name: argo-server}
    patch: |
      - {op: add, path: /spec/replicas, value: 0}
  # One controller at a time, and no lease to wait for when it is replaced.
  - target: {kind: Deployment, name: workflow-controller}
    patch: |
      - {op: add, path: /spec/strategy, value: {type: Recreate}}
      - {op: add, path: /spec/template/spec/terminationGracePeriodSeconds, value: 1}
      - {op: add, path: /spec/template/spec/containers/0/args/-, value: --executor-image=$REGISTRY/argoexec:test}
      - {op: add, path: /spec/template/spec/containers/0/env/-, value: {name: LEADER_ELECTION_DISABLE, value: "true"}}
EOF
  # Half a minute of the API server's time, so not twice.
  inside kubectl get crd workflows.argoproj.io >/dev/null 2>&1 ||
    inside kubectl apply --server-side -k "$install/manifests/base/crds/full" >/dev/null
  inside kubectl create namespace argo --dry-run=client -o yaml | inside kubectl apply -f - >/dev/null
  inside kubectl apply --server-side -k "$install" >/dev/null
}

argo_ready() {
  inside kubectl -n argo rollout status deployment/workflow-controller --timeout=1s
}
