#!/usr/bin/env bash
# Builds the real servers that the tests talk to, each from its own pinned Go module beside this file. promtool is Debian's.
#
#   build.sh [TOOL...]   build what is missing (no TOOL: all that `make test` needs)
#   build.sh cluster     what `make cluster` needs beside that
#   build.sh bench       what `make bench-chain` needs beside both
#   build.sh apt         install the Debian or Ubuntu packages the tests need, if any is missing
#   build.sh cluster-apt the same for the cluster
#   build.sh peers-apt   the packages that `make bench` compares with
#   build.sh --list      what the cache holds
#
# Everything lands outside the tree, in $ARGO_BUILDKIT_TESTBED (default: ~/.cache/argo-buildkit/testbed).
set -euo pipefail

readonly TOOLS=(promtool buildkit git-http yaml helm gitea etcd kube argo)
readonly CLUSTER_TOOLS=(node containerd runc coredns rootlesskit argocd argo-events nats)
readonly BENCH_TOOLS=(tekton triggers)
# For `make bench`, `make test-registries` and `make test-peers` only, each by its name.
readonly PEER_TOOLS=(registry-clients distribution cosign-v2 cosign-v3)
readonly PACKAGES=(gcc g++ libc6-dev git curl jq runc docker-registry openssh-client openssh-server openssl iproute2
  busybox-static util-linux)
# For the page of a report. Ubuntu's package is no browser, so there an installed one must do, such as Chrome.
readonly BROWSER_PACKAGES=(chromium fonts-dejavu-core)
readonly PEER_PACKAGES=(skopeo)
readonly CLUSTER_PACKAGES=(containernetworking-plugins iptables conntrack uidmap libcap2-bin procps redis-server
  libseccomp-dev pkg-config)

modules=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ARGO_BUILDKIT_TESTBED:-${XDG_CACHE_HOME:-$HOME/.cache}/argo-buildkit/testbed}
readonly modules cache
export GOWORK=off

# --- one recipe per tool: runs in the tool's module, leaves bin/ and share/ in the directory $1 ---

recipe_buildkit() {
  local version=github.com/moby/buildkit/version
  CGO_ENABLED=0 go_build "$1/bin/" "-X $version.Version=$(pinned github.com/moby/buildkit)" \
    github.com/moby/buildkit/cmd/{buildkitd,buildctl}
}

# The package starts a server on port 9090 when it is installed, where Argo's controller has its metrics. So it is not installed, and
# one program of it is taken.
recipe_promtool() {
  local package as_root=()
  package=$(cat package)
  ((EUID == 0)) || as_root=(sudo)
  cd "$1"
  # A machine on which nothing was installed has no lists of packages.
  apt-get download -qq "$package" || { "${as_root[@]}" apt-get update -qq && apt-get download -qq "$package"; }
  dpkg-deb --extract "$package"_*.deb unpacked
  mv unpacked/usr/bin/promtool bin/
}

recipe_git-http() {
  CGO_ENABLED=0 go_build "$1/bin/" "" .
}

recipe_yaml() {
  CGO_ENABLED=0 go_build "$1/bin/yaml-readers" "" .
  CGO_ENABLED=0 go_build "$1/bin/" "" github.com/mikefarah/yq/v4 sigs.k8s.io/kustomize/kustomize/v5
}

recipe_helm() {
  CGO_ENABLED=0 go_build "$1/bin/" "-X helm.sh/helm/v3/internal/version.version=$(pinned helm.sh/helm/v3)" \
    helm.sh/helm/v3/cmd/helm
}

recipe_distribution() {
  CGO_ENABLED=0 go_build "$1/bin/distribution-v3" "" .
}

# With CGO off it builds too, and then dies at start: its SQLite driver is C.
recipe_gitea() {
  local source
  CGO_ENABLED=1 go_build "$1/bin/" "-X main.Version=$(pinned code.gitea.io/gitea)" \
    -tags "sqlite sqlite_unlock_notify" code.gitea.io/gitea
  source=$(module_dir code.gitea.io/gitea)
  mkdir "$1/share/gitea"
  cp -r --no-preserve=mode "$source"/{options,templates,public} "$1/share/gitea"
}

recipe_etcd() {
  CGO_ENABLED=0 go_build "$1/bin/etcd" "" go.etcd.io/etcd/server/v3
}

# Without a version of its own Kubernetes names itself by a git placeholder, which kubectl cannot parse.
build_kube() { # OUTPUT PACKAGE...
  local output=$1 version ldflags="" package
  shift
  version=$(pinned k8s.io/kubernetes)
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    ldflags+=" -X $package.gitVersion=$version"
    ldflags+=" -X $package.gitMajor=$(cut -d. -f1 <<<"${version#v}") -X $package.gitMinor=$(cut -d. -f2 <<<"$version")"
  done
  CGO_ENABLED=0 go_build "$output" "$ldflags" "$@"
}

recipe_kube() {
  build_kube "$1/bin/" k8s.io/kubernetes/cmd/kube-apiserver
}

recipe_node() {
  build_kube "$1/bin/" k8s.io/kubernetes/cmd/{kube-controller-manager,kube-proxy,kube-scheduler,kubectl,kubelet}
}

recipe_containerd() {
  CGO_ENABLED=0 go_build "$1/bin/" "" github.com/containerd/containerd/v2/cmd/{containerd,containerd-shim-runc-v2,ctr}
}

# Its start-up is C, and without the tag no pod gets a seccomp profile. It replaces Debian's only where the cluster says so.
recipe_runc() {
  mkdir -p "$1/share/runc"
  CGO_ENABLED=1 go_build "$1/share/runc/runc" "-X main.version=$(pinned github.com/opencontainers/runc | tr -d v)" \
    -tags seccomp github.com/opencontainers/runc
}

recipe_registry-clients() {
  CGO_ENABLED=0 go_build "$1/bin/" "" github.com/google/go-containerregistry/cmd/crane github.com/regclient/regclient/cmd/regctl
}

recipe_coredns() {
  CGO_ENABLED=0 go_build "$1/bin/" "" .
}

recipe_rootlesskit() {
  CGO_ENABLED=0 go_build "$1/bin/" "" github.com/rootless-containers/rootlesskit/v2/cmd/rootlesskit
}

recipe_argocd() {
  local source
  CGO_ENABLED=0 go_build "$1/bin/" "" .
  source=$(module_dir github.com/argoproj/argo-cd/v3)
  mkdir -p "$1/share/argocd"
  cp -r --no-preserve=mode "$source"/manifests/{base,crds} "$1/share/argocd"
}

# All of its roles are one program, whose package is called `cmd`.
recipe_argo-events() {
  local module=github.com/argoproj/argo-events source
  CGO_ENABLED=0 go_build "$1/bin/argo-events" "-X $module.version=$(pinned $module)" $module/cmd
  source=$(module_dir $module)
  mkdir -p "$1/share/argo-events"
  cp -r --no-preserve=mode "$source/manifests" "$1/share/argo-events/manifests"
}

recipe_nats() {
  CGO_ENABLED=0 go_build "$1/bin/nats-server" "" github.com/nats-io/nats-server/v2
}

# Its commands have names that anybody's might have, so they go by its own.
recipe_tekton() {
  local module=github.com/tektoncd/pipeline command source
  for command in controller entrypoint nop webhook workingdirinit; do
    CGO_ENABLED=0 go_build "$1/bin/tekton-$command" "" "$module/cmd/$command"
  done
  source=$(module_dir $module)
  cp -r --no-preserve=mode "$source/config" "$1/share/tekton"
}

recipe_triggers() {
  local module=github.com/tektoncd/triggers command source
  for command in controller eventlistenersink interceptors webhook; do
    CGO_ENABLED=0 go_build "$1/bin/triggers-$command" "" "$module/cmd/$command"
  done
  source=$(module_dir $module)
  cp -r --no-preserve=mode "$source/config" "$1/share/triggers"
}

# Both majors are called `cosign`.
build_cosign() { # OUTPUT PACKAGE
  local version=sigs.k8s.io/release-utils/version
  CGO_ENABLED=0 go_build "$1" "-X $version.gitVersion=$(pinned "${2%/cmd/cosign}")" "$2"
}

recipe_cosign-v2() {
  build_cosign "$1/bin/cosign-v2" github.com/sigstore/cosign/v2/cmd/cosign
}

recipe_cosign-v3() {
  build_cosign "$1/bin/cosign-v3" github.com/sigstore/cosign/v3/cmd/cosign
}

# The module zip has neither the one file that git keeps as a symlink nor the UI that the CLI embeds,
# so what is built is a copy of the module with both put back.
recipe_argo() {
  local module=github.com/argoproj/argo-workflows/v4 version source
  version=$(pinned $module)
  source=$(module_dir $module)
  mkdir "$1/share/argo"
  cp -r --no-preserve=mode "$source/manifests/base/crds/minimal" "$1/share/argo/crds"
  cp -r --no-preserve=mode "$source/manifests/base/crds/full" "$1/share/argo/crds-full"
  cp -r --no-preserve=mode "$source/manifests" "$1/share/argo/manifests"
  cp -r --no-preserve=mode "$source" "$1/source"
  cd "$1/source"
  ln -s signal_darwin.go workflow/executor/osspecific/signal_linux.go
  mkdir -p ui/dist/app
  echo 'The UI is not built here.' >ui/dist/app/index.html
  CGO_ENABLED=0 go_build "$1/bin/" \
    "-X $module.gitTag=$version -X $module.gitTreeState=clean -X $module.gitCommit=unknown" \
    ./cmd/{workflow-controller,argoexec,argo}
}

# --- building ---

go_build() { # OUTPUT LDFLAGS PACKAGE...
  local output=$1 ldflags=$2
  shift 2
  nice -n 5 go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w $ldflags" -o "$output" "$@"
}

pinned() { # MODULE: the version go.mod asks for
  go list -mod=readonly -m -f '{{.Version}}' "$1"
}

module_dir() { # MODULE: where its source lies, once downloaded
  go mod download "$1"
  go list -mod=readonly -m -f '{{.Dir}}' "$1"
}

# Changes with the pins, with our own sources and with the recipe, and so tells whether a build is current.
fingerprint() { # TOOL
  {
    declare -f "recipe_$1" go_build pinned module_dir
    ! declare -f "recipe_$1" | grep -q build_kube || declare -f build_kube
    ! declare -f "recipe_$1" | grep -q build_cosign || declare -f build_cosign
    cd "$modules/$1" && sha256sum -- *
  } | sha256sum | cut -d ' ' -f 1
}

# A stamp is the fingerprint, then every path that the build installed.
is_current() { # TOOL
  local stamp=$cache/stamp/$1 path
  [[ -f $stamp && $(head -n 1 "$stamp") == "$(fingerprint "$1")" ]] || return 1
  while read -r path; do
    [[ -e $cache/$path ]] || return 1
  done < <(installed "$1")
}

installed() { # TOOL
  [[ ! -f $cache/stamp/$1 ]] || tail -n +2 "$cache/stamp/$1"
}

build() ( # TOOL
  fingerprint=$(fingerprint "$1") # as it is before the build: what changes meanwhile is not in it
  if ! is_current "$1"; then
    mkdir -p "$cache"/{bin,share,stamp,log,lock}
    exec 9>"$cache/lock/$1"
    flock 9
  fi
  if is_current "$1"; then # perhaps since a moment ago, by whoever held the lock
    printf '%-11s cached\n' "$1"
    exit
  fi
  start=$SECONDS log=$cache/log/$1.log out=$cache/building/$1
  trap 'finish $? "$1" "$log" "$out"' EXIT
  rm -rf "$out" # left by a build that was killed
  mkdir -p "$out"/{bin,share}
  run_recipe "$1" "$out" "$log"
  install_output "$1" "$out" "$fingerprint"
  printf '%-11s built in %d s\n' "$1" $((SECONDS - start))
)

run_recipe() ( # TOOL DIRECTORY LOG
  cd "$modules/$1"
  "recipe_$1" "$2" >"$3" 2>&1 9>&-
)

# The stamp goes first and comes last, so that an interrupted install is not taken for a build.
install_output() { # TOOL DIRECTORY FINGERPRINT
  local path
  rm -f "$cache/stamp/$1"
  (cd "$2" && find bin share -mindepth 1 -maxdepth 1 | sort) >"$2/paths"
  while read -r path; do
    [[ ! -d $cache/$path ]] || rm -rf "${cache:?}/$path"
    mv -T "$2/$path" "$cache/$path" # a binary that is in use is replaced, not written to
  done <"$2/paths"
  { echo "$3"; cat "$2/paths"; } >"$2/stamp"
  mv "$2/stamp" "$cache/stamp/$1"
}

finish() { # STATUS TOOL LOG DIRECTORY
  rm -rf "$4"
  (($1 != 0)) || return 0
  {
    printf '%-11s FAILED; the end of %s:\n' "$2" "$3"
    tail -n 20 "$3" | sed 's/^/    /'
  } >&2
}

# --- packages ---

install_packages() { # PACKAGE...
  local missing=() package as_root=()
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    printf '%-11s installed\n' apt
    return
  fi
  ((EUID == 0)) || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}"
  stop_services
  printf '%-11s installed %s\n' apt "${missing[*]}"
}

install_test_packages() {
  local packages=("${PACKAGES[@]}")
  ! grep -qx 'ID=debian' /etc/os-release || packages+=("${BROWSER_PACKAGES[@]}")
  install_packages "${packages[@]}"
}

# The tests start servers of their own; what a package installed just now must not go on serving.
stop_services() {
  local package
  [[ -d /run/systemd/system ]] || return 0
  for package in "${missing[@]}"; do
    case $package in
      docker-registry) "${as_root[@]}" systemctl disable --quiet --now docker-registry.service || true ;;
      openssh-server) "${as_root[@]}" systemctl disable --quiet --now ssh.service ssh.socket || true ;;
      redis-server) "${as_root[@]}" systemctl disable --quiet --now redis-server.service || true ;;
    esac
  done
}

# --- command line ---

list() {
  local tool state
  echo "$cache"
  for tool in "${TOOLS[@]}" "${CLUSTER_TOOLS[@]}" "${BENCH_TOOLS[@]}" "${PEER_TOOLS[@]}"; do
    state=missing
    [[ ! -f $cache/stamp/$tool ]] || state=outdated
    ! is_current "$tool" || state=current
    printf '%-16s %-9s %s\n' "$tool" "$state" "$(installed "$tool" | paste -sd ' ')"
  done
}

is_tool() { [[ " ${TOOLS[*]} ${CLUSTER_TOOLS[*]} ${BENCH_TOOLS[*]} ${PEER_TOOLS[*]} " == *" $1 "* ]]; }

main() {
  local name tool
  (($# > 0)) || set -- "${TOOLS[@]}"
  for name in "$@"; do
    case $name in
      apt) install_test_packages ;;
      peers-apt) install_packages "${PEER_PACKAGES[@]}" ;;
      cluster-apt) install_packages "${CLUSTER_PACKAGES[@]}" ;;
      cluster) for tool in "${CLUSTER_TOOLS[@]}"; do build "$tool"; done ;;
      bench) for tool in "${BENCH_TOOLS[@]}"; do build "$tool"; done ;;
      --list) list ;;
      *)
        if ! is_tool "$name"; then
          echo "build.sh: no tool \`$name\`; there are: ${TOOLS[*]} ${CLUSTER_TOOLS[*]} ${BENCH_TOOLS[*]} ${PEER_TOOLS[*]}, and cluster, bench, apt, cluster-apt, --list" >&2
          exit 2
        fi
        build "$name"
        ;;
    esac
  done
}

main "$@"
