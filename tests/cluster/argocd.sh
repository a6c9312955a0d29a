# Argo CD's application controller and repo-server as processes of this host: an application is synced 6 s after their
# start, where pods take 35. Sourced.

argocd_up() {
  local objects=$share/argocd
  inside kubectl apply --server-side -f "$objects/crds/application-crd.yaml" -f "$objects/crds/appproject-crd.yaml" >/dev/null
  inside kubectl create namespace argocd --dry-run=client -o yaml | inside kubectl apply -f - >/dev/null
  inside kubectl apply -n argocd -k "$objects/base/config" >/dev/null
  inside kubectl apply -n argocd -f - >/dev/null <<'EOF'
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", server: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, labels: {app.kubernetes.io/part-of: argocd}}
stringData: {server.secretkey: made-for-one-cluster-of-tests}
EOF
  mkdir -p "$state/argocd/bin" "$state/argocd/tmp"
  ln -sf "$bin/argocd" "$state/argocd/bin/argocd" # git asks it for passwords by this name
  spawn redis redis-server --port 6390 --bind 127.0.0.1 --save "" --appendonly no
  spawn argocd-repo-server env ARGOCD_BINARY_NAME=argocd-repo-server ARGOCD_GPG_ENABLED=false \
    PATH="$state/argocd/bin:$PATH" TMPDIR="$state/argocd/tmp" HOME="$state/argocd" \
    "$bin/argocd" --disable-tls --address 127.0.0.1 --port 8185 --metrics-address 127.0.0.1 --metrics-port 8184 \
    --redis 127.0.0.1:6390
  # Beside its own namespace it serves one of a test, whose project does not permit that.
  spawn argocd-controller env ARGOCD_BINARY_NAME=argocd-application-controller ARGOCD_FAKE_IN_CLUSTER=true \
    HOME="$state/argocd" "$bin/argocd" --kubeconfig "$KUBECONFIG" -n argocd --redis 127.0.0.1:6390 \
    --repo-server 127.0.0.1:8185 --repo-server-plaintext --metrics-port 8182 --application-namespaces 'sync-*-served'
}
