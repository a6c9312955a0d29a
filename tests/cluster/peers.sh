# What `make bench-chain` measures beside the product: an image with git and buildctl, and Tekton Pipelines as upstream
# configures it, with Tekton Triggers, out of programs of the test bed. Sourced.

image_tools() {
  install -D "$bin/buildctl" "$1/usr/bin/buildctl"
  install_programs "$1" /usr/bin/git /usr/lib/git-core/git-remote-http
  ln -s ../../bin/git "$1/usr/lib/git-core/git"
  install_busybox "$1"
  mkdir -p "$1/tmp" "$1/root" "$1/etc"
  echo 'root:x:0:0::/root:/bin/sh' >"$1/etc/passwd"
  push_image "$2" "$1" 'ENV PATH=/usr/bin:/bin' 'ENV HOME=/root' 'CMD ["sh"]'
}

# tekton-PROGRAM:TAG and triggers-PROGRAM:TAG hold that program where Tekton looks for it.
image_tekton() {
  local program=${2%:*}
  install -D "$bin/$program" "$1/ko-app/${program#*-}"
  push_image "$2" "$1" 'USER 65532:65532' "ENTRYPOINT [\"/ko-app/${program#*-}\"]"
}

peers_images_up() {
  local program
  image tools:1 image_tools "$bin/buildctl" /usr/bin/git /usr/lib/git-core/git-remote-http
  for program in tekton-{controller,entrypoint,nop,webhook,workingdirinit} \
    triggers-{controller,eventlistenersink,interceptors,webhook}; do
    image "$program:test" image_tekton "$bin/$program"
  done
}

# Left out: what answers events, remote references and load.
tekton_objects() {
  local file
  for file in "$share"/tekton/{100-namespace/*,200-*,201-*,300-crds/*,config-*,500-*,controller,webhook}; do
    [[ -f $file ]] || file+=.yaml
    printf '\n---\n' # Some files do not end with a newline.
    sed -E -e "s,ko://github.com/tektoncd/pipeline/cmd/([a-z]+),$REGISTRY/tekton-\1:test,g" \
      -e "s,cgr.dev/chainguard/busybox@sha256:[0-9a-f]+,$REGISTRY/busybox:1," "$file"
  done
}

triggers_objects() {
  local file
  for file in "$share"/triggers/{200-*,201-*,300-*,500-*,clusterrole-*,config-*,controller-service,controller,webhook-service,webhook,interceptors/*}; do
    [[ -f $file ]] || file+=.yaml
    printf '\n---\n' # Some files do not end with a newline.
    sed -E "s,ko://github.com/tektoncd/triggers/cmd/([a-z]+),$REGISTRY/triggers-\1:test,g" "$file"
  done
}

# Each is applied until all of it is taken: its own webhook and definitions, which the same files bring, answer for some of its objects.
tekton_up() {
  await 120 tekton applied tekton_objects
  await 120 triggers applied triggers_objects
}

applied() { # OBJECTS
  inside kubectl apply --server-side -f <("$1")
}

tekton_ready() {
  local deployment
  for deployment in tekton-{pipelines-{controller,webhook},triggers-{controller,webhook,core-interceptors}}; do
    inside kubectl -n tekton-pipelines rollout status "deployment/$deployment" --timeout=1s
  done
}
