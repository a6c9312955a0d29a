# The images that the cluster runs: no image registry can be reached, so each stand-in is put together from programs of
# the test bed and of this machine, and pushed to the cluster's registry. Sourced.

registry_up() {
  put "$state/registry.yaml" <<EOF
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $state/registry}, delete: {enabled: true}}
http: {addr: "$REGISTRY"}
EOF
  spawn registry docker-registry serve "$state/registry.yaml"
  await 20 registry inside curl -fsS "http://$REGISTRY/v2/"
}

# A daemon of the host that only puts images together. The one under test runs as a pod.
builder_up() {
  put "$state/builder.toml" <<EOF
[registry."$REGISTRY"]
  http = true
EOF
  spawn builder buildkitd --config "$state/builder.toml" --root "$state/builder" --oci-worker-net=host \
    --addr "unix://$state/builder.sock"
  await 30 builder inside buildctl --addr "unix://$state/builder.sock" debug workers
}

# NAME DIRECTORY [INSTRUCTION...]: pushes an image of the directory's content.
push_image() {
  local name=$1 directory=$2
  shift 2
  mkdir -p "$state/dockerfiles/$name"
  { echo 'FROM scratch'; echo 'COPY . /'; printf '%s\n' "$@"; } >"$state/dockerfiles/$name/Dockerfile"
  inside buildctl --addr "unix://$state/builder.sock" build --progress plain --frontend dockerfile.v0 \
    --local context="$directory" --local dockerfile="$state/dockerfiles/$name" \
    --output "type=image,name=$REGISTRY/$name,push=true" >"$state/logs/image-${name//[:\/]/-}.log" 2>&1 ||
    die "image $name: $(tail -n 5 "$state/logs/image-${name//[:\/]/-}.log")"
}

# ROOT PROGRAM...: copies programs to ROOT, at the paths they have here, with the libraries they are linked to.
install_programs() {
  local root=$1 program library
  shift
  for program in "$@"; do
    install -D "$program" "$root$program"
    while read -r library; do
      [[ -e $root$library ]] || install -D "$(readlink -f "$library")" "$root$library"
    done < <(ldd "$program" 2>/dev/null | grep -oE '/[^ ]+' || true)
  done
}

# An image is made again when anything that goes into it is newer.
image() { # NAME RECIPE INPUT...
  local name=$1 recipe=$2 stamp root
  shift 2
  stamp=$state/images/${name//[:\/]/-}
  local current
  current=$({ declare -f "$recipe" push_image install_programs install_busybox install_buildkit; stat -c '%n %Y %s' "$@"; } | sha256sum)
  [[ $(cat "$stamp" 2>/dev/null) != "$current" ]] || return 0
  root=$(mktemp -d "$state/rootfs.XXXX")
  "$recipe" "$root" "$name"
  rm -rf "$root"
  forget_image "$name"
  mkdir -p "$state/images"
  echo "$current" >"$stamp"
}

# NAME: has kubelet ask for it again, which it does not for a name that it has.
forget_image() {
  [[ ! -S $state/containerd.sock ]] ||
    ctr --address "$state/containerd.sock" -n k8s.io images rm --sync "$REGISTRY/$1" >/dev/null 2>&1 || true
}

image_pause() {
  install -D /bin/busybox "$1/bin/busybox"
  push_image "$2" "$1" 'ENTRYPOINT ["/bin/busybox", "sleep", "2147483647"]'
}

image_busybox() {
  install_busybox "$1"
  mkdir -p "$1/tmp"
  push_image "$2" "$1" 'ENV PATH=/bin' 'CMD ["sh"]'
}

image_argoexec() {
  install -D "$bin/argoexec" "$1/bin/argoexec"
  mkdir -p "$1/tmp"
  push_image "$2" "$1" 'ENV PATH=/bin' 'ENTRYPOINT ["argoexec"]'
}

image_workflow_controller() {
  install -D "$bin/workflow-controller" "$1/bin/workflow-controller"
  push_image "$2" "$1" 'ENV PATH=/bin' 'USER 8737' 'ENTRYPOINT ["workflow-controller"]'
}

# ROOT: what both images of moby/buildkit hold.
install_buildkit() {
  local program
  for program in buildkitd buildctl; do install -D "$bin/$program" "$1/usr/bin/$program"; done
  install_programs "$1" /usr/bin/git /usr/lib/git-core/git-remote-http "$share/runc/runc"
  mv "$1$share/runc/runc" "$1/usr/bin/runc" && rm -r "$1$share"
  ln -s git-remote-http "$1/usr/lib/git-core/git-remote-https"
  ln -s ../../bin/git "$1/usr/lib/git-core/git"
  install /usr/lib/git-core/git-{submodule,sh-setup,sh-i18n,sh-i18n--envsubst} "$1/usr/lib/git-core/"
  install_busybox "$1"
  mkdir -p "$1"/{etc,root} && mkdir -p -m 1777 "$1/tmp"
  install -D /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
  echo 'root:x:0:0::/root:/bin/sh' >"$1/etc/passwd"
  echo 'root:x:0:' >"$1/etc/group"
}

# What moby/buildkit holds: buildkitd as root, for a pod with a user namespace of its own.
image_buildkit() {
  install_buildkit "$1"
  push_image "$2" "$1" 'ENV PATH=/usr/bin:/usr/sbin:/bin' 'VOLUME /var/lib/buildkit' 'ENTRYPOINT ["buildkitd"]'
}

# What moby/buildkit:rootless holds: buildkitd in rootlesskit, as user 1000 with subordinate ids.
image_buildkit_rootless() {
  install_buildkit "$1"
  install -D "$bin/rootlesskit" "$1/usr/bin/rootlesskit"
  install_programs "$1" /usr/bin/newuidmap /usr/bin/newgidmap /usr/sbin/setcap
  mkdir -p "$1"/{run/user/1000,home/user/.local/{tmp,share/buildkit}}
  echo 'user:x:1000:1000::/home/user:/bin/sh' >>"$1/etc/passwd"
  echo 'user:x:1000:' >>"$1/etc/group"
  echo user:100000:65536 | tee "$1/etc/subuid" >"$1/etc/subgid"
  # With the setuid bit instead, Debian's newuidmap needs CAP_SYS_ADMIN, which the pod does not have.
  push_image "$2" "$1" 'ENV PATH=/usr/bin:/usr/sbin:/bin' \
    'RUN setcap cap_setuid=ep /usr/bin/newuidmap && setcap cap_setgid=ep /usr/bin/newgidmap' \
    'RUN busybox chown -R 1000:1000 /home/user /run/user/1000' 'USER 1000:1000' 'ENV HOME=/home/user USER=user' \
    'ENV TMPDIR=/home/user/.local/tmp XDG_RUNTIME_DIR=/run/user/1000' \
    'ENV BUILDKIT_HOST=unix:///run/user/1000/buildkit/buildkitd.sock' 'VOLUME /home/user/.local/share/buildkit' \
    'ENTRYPOINT ["rootlesskit", "buildkitd"]'
}

# Puts busybox and all that it can be called into /bin.
install_busybox() {
  local applet
  install -D /bin/busybox "$1/bin/busybox"
  for applet in $("$1/bin/busybox" --list); do [[ $applet == busybox ]] || ln -s busybox "$1/bin/$applet"; done
}

# What registry:2 holds.
image_registry() {
  install_programs "$1" /usr/bin/docker-registry
  mkdir -p "$1/bin" "$1/etc/docker/registry" "$1/var/lib/registry"
  ln -s ../usr/bin/docker-registry "$1/bin/registry"
  install_busybox "$1"
  push_image "$2" "$1" 'ENV PATH=/bin:/usr/bin' 'ENTRYPOINT ["registry"]' 'CMD ["serve", "/etc/docker/registry/config.yml"]'
}

# What quay.io/argoproj/argo-events holds, but for the CLI that the `argoWorkflow` trigger runs.
image_argo_events() {
  install -D "$bin/argo-events" "$1/bin/argo-events"
  mkdir -p "$1/tmp"
  push_image "$2" "$1" 'USER 9731' 'ENTRYPOINT ["/bin/argo-events"]'
}

# What nats holds.
image_nats() {
  install -D "$bin/nats-server" "$1/nats-server"
  push_image "$2" "$1" 'ENTRYPOINT ["/nats-server"]'
}

# Stands for NATS's config reloader and its metrics exporter: does nothing, whatever it is told.
image_idle() {
  install_busybox "$1"
  push_image "$2" "$1" 'ENTRYPOINT ["/bin/sh", "-c", "trap exit TERM; sleep 2147483647 & wait"]'
}

images_up() {
  # What is under test: built anew by every run, under the same name.
  forget_image argo-buildkit:e2e
  image pause:1 image_pause /bin/busybox
  image busybox:1 image_busybox /bin/busybox
  image argoexec:test image_argoexec "$bin/argoexec"
  image workflow-controller:test image_workflow_controller "$bin/workflow-controller"
  image buildkit:test image_buildkit "$bin/buildkitd" "$share/runc/runc"
  image buildkit:rootless image_buildkit_rootless "$bin/buildkitd" "$bin/rootlesskit" "$share/runc/runc"
  image registry:2 image_registry /usr/bin/docker-registry
  image argo-events:test image_argo_events "$bin/argo-events"
  image nats:test image_nats "$bin/nats-server"
  image idle:1 image_idle /bin/busybox
}
