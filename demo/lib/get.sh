# Gets what the demo needs: packages, buildkitd and git-http from the test bed's pinned Go modules, and our binary.
# shellcheck shell=bash disable=SC2034,SC2154 # scripts/demo and its parts share their variables

# Each command, and the Debian or Ubuntu package that has it.
readonly COMMANDS=(
  gcc:gcc git:git curl:curl jq:jq runc:runc docker-registry:docker-registry busybox:busybox-static
  setsid:util-linux umount:mount
)

get_all() {
  heading 'Getting what is needed'
  doing='looking for Rust and Go'
  need cargo 'https://rustup.rs'
  need go 'https://go.dev/dl'
  get_packages
  get_builds
}

need() { # COMMAND WHERE-FROM
  command -v "$1" >/dev/null || fail "$1 is not installed; get it from $2"
}

get_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} == 0)); then
    done_line packages 'all there'
    return
  fi
  doing="installing ${missing[*]}" log=$room/logs/apt.log
  command -v apt-get >/dev/null || fail "these are not installed, and there is no apt-get to install them: ${missing[*]}"
  live "apt-get install ${missing[*]}"
  {
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}"
  } >"$log" 2>&1
  if [[ " ${missing[*]} " == *' docker-registry '* && -d /run/systemd/system ]]; then
    as_root systemctl disable --quiet --now docker-registry # the package starts one; the demo starts its own
  fi
  done_line packages "installed ${missing[*]}"
}

missing_packages() {
  local entry
  for entry in "${COMMANDS[@]}"; do
    command -v "${entry%%:*}" >/dev/null || echo "${entry#*:}"
  done
  [[ -e /usr/include/stdio.h ]] || echo libc6-dev
  # The base image holds nothing but busybox, so a busybox that wants a libc is none.
  if command -v busybox >/dev/null && ldd "$(command -v busybox)" >/dev/null 2>&1; then
    echo busybox-static
  fi
}

# --- builds: side by side, one line each ---

build_names=() build_pids=() build_ended=() build_started=0

get_builds() {
  local tools=(git-http)
  build_started=$SECONDS doing='looking for the binaries'
  name_binaries
  [[ $buildkitd != "$testbed"/* ]] || tools=(buildkit git-http)
  [[ -x $buildkitd && -x $git_http && -x $binary ]] ||
    note 'A first run builds buildkitd with Go and argo-buildkit with Rust: 5 to 10 minutes on two cores, once.'
  start_build "${tools[0]}" tests/testbed/build.sh "${tools[@]}"
  [[ -n ${ARGO_BUILDKIT_BIN:-} ]] || start_build argo-buildkit cargo build --locked --color never
  while ! builds_ended; do
    draw_builds
    sleep 0.2
  done
  doing='looking for the binaries' log=''
  local path
  for path in "$buildkitd" "$git_http" "$binary"; do
    [[ -x $path ]] || fail "$path is not there"
  done
}

name_binaries() {
  testbed=${ARGO_BUILDKIT_TESTBED:-${XDG_CACHE_HOME:-$HOME/.cache}/argo-buildkit/testbed}/bin
  buildkitd=$(command -v buildkitd || echo "$testbed/buildkitd")
  git_http=$testbed/git-http
  binary=${ARGO_BUILDKIT_BIN:-}
  [[ -z $binary || -x $binary ]] || fail "ARGO_BUILDKIT_BIN is $binary, and that is no program"
  [[ -n $binary ]] || binary=$(cargo metadata --locked --no-deps --format-version 1 | jq -r .target_directory)/debug/argo-buildkit
}

start_build() { # NAME COMMAND...: a process group of its own, so that it can be stopped with its children
  setsid nice -n 5 "${@:2}" >"$room/logs/build-$1.log" 2>&1 </dev/null &
  build_names+=("$1") build_pids+=($!) build_ended+=('')
}

builds_ended() {
  local i all=0
  for i in "${!build_names[@]}"; do
    [[ -z ${build_ended[i]} ]] || continue
    if alive "${build_pids[i]}"; then
      all=1
    else
      end_build "$i"
    fi
  done
  return $all
}

end_build() { # INDEX
  doing="building ${build_names[$1]}" log=$room/logs/build-${build_names[$1]}.log
  wait "${build_pids[$1]}" || fail 'the build failed'
  build_ended[$1]=$((SECONDS - build_started))
  done_line "${build_names[$1]}" "$(build_result "$1")"
}

build_result() { # INDEX
  local compiled
  compiled=$(grep -cE 'Compiling|built in' "$room/logs/build-${build_names[$1]}.log") || compiled=0
  if ((compiled == 0)); then echo 'built already'; else echo "built in ${build_ended[$1]} s"; fi
}

# One line for all builds that still run. Off a terminal, a sign of life every half minute is enough.
draw_builds() {
  local i parts=() elapsed=$((SECONDS - build_started)) text
  for i in "${!build_names[@]}"; do
    [[ -n ${build_ended[i]} ]] || parts+=("${build_names[i]}$(build_detail "${build_names[i]}")")
  done
  ((${#parts[@]} > 0)) || return 0
  printf -v text '%s · ' "${parts[@]}"
  ((elapsed < 2)) || live "building ${text}${elapsed} s" "$((elapsed / 30))"
}

build_detail() { # NAME: how far cargo is; Go does not say
  local crates
  [[ $1 == argo-buildkit ]] || return 0
  crates=$(grep -c Compiling "$room/logs/build-$1.log") || return 0
  printf ' (%d crates)' "$crates"
}
