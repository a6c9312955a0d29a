# Argo Events as upstream installs it, with images of the test bed. Sourced.

argo_events_up() {
  local install=$state/argo-events config
  config=$install/manifests/base/controller-manager/controller-config.yaml
  mkdir -p "$install"
  rm -rf "$install/manifests"
  cp -r "$share/argo-events/manifests" "$install/manifests"
  sed -i -E -e "s,(natsImage:) .*,\1 $REGISTRY/nats:test," \
    -e "s,(metricsExporterImage|configReloaderImage): .*,\1: $REGISTRY/idle:1," "$config"
  put "$install/kustomization.yaml" <<EOF
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [manifests/cluster-install]
images:
  - {name: quay.io/argoproj/argo-events, newName: $REGISTRY/argo-events, newTag: test}
patches:
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: controller-manager}
      spec:
        template:
          spec:
            containers:
            - name: controller-manager
              env: [{name: ARGO_EVENTS_IMAGE, value: "$REGISTRY/argo-events:test"}]
EOF
  inside kubectl create namespace argo-events --dry-run=client -o yaml | inside kubectl apply -f - >/dev/null
  inside kubectl apply --server-side -k "$install" >/dev/null
}

argo_events_ready() {
  inside kubectl -n argo-events rollout status deployment/controller-manager --timeout=1s
}
