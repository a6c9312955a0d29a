# What every script here knows: where things are, how a process is started in the cluster's network namespace, and how
# one is waited for. Sourced.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/argo-buildkit
bin=${ARGO_BUILDKIT_TESTBED:-$cache/testbed}/bin
share=${ARGO_BUILDKIT_TESTBED:-$cache/testbed}/share
state=${ARGO_BUILDKIT_CLUSTER:-$cache/cluster}
readonly here tree cache bin share state

# The cluster's own network: pods, node and servers share one bridge that has no way out.
readonly NETNS=argo-buildkit BRIDGE=abk0
readonly NODE=10.244.0.1 PODS=10.244.0 SERVICES=10.96.0.0/16
readonly REGISTRY=$NODE:5000 GITEA=$NODE:3000

# What stands for disks, at the paths that overlay/volumes.yaml has.
readonly VOLUMES=/var/tmp/argo-buildkit-cluster

export KUBECONFIG=$state/admin.kubeconfig
export PATH=$bin:/usr/sbin:/sbin:$PATH

die() { echo "$*" >&2; exit 1; }

say() { printf '%6.1f s  %s\n' "$(seconds)" "$*"; }

seconds() { local now; now=$(date +%s%3N); echo "$(((now - started) / 1000)).$(((now - started) % 1000 / 100))"; }
started=$(date +%s%3N)

# Runs a command in the cluster's network namespace. `ip netns exec` would hide the cgroups under /sys.
inside() { nsenter --net="/run/netns/$NETNS" "$@"; }

# NAME COMMAND...: starts a server in the cluster's network, its output in logs/NAME.log, its pid in pids/NAME.
spawn() {
  local name=$1
  shift
  if alive "$name"; then return; fi
  mkdir -p "$state"/{pids,logs}
  setsid nsenter --net="/run/netns/$NETNS" "$@" >>"$state/logs/$name.log" 2>&1 </dev/null &
  echo "$! $(started_at $!)" >"$state/pids/$name"
  disown
}

# PID: when it started, in ticks since boot. A pid alone may be somebody else's by now.
started_at() { cut -d ' ' -f 22 "/proc/$1/stat" 2>/dev/null; }

alive() { # NAME
  local pid at
  read -r pid at 2>/dev/null <"$state/pids/$1" && [[ -n $at && $(started_at "$pid") == "$at" ]]
}

# NAME [SIGNAL]: ends a server that `spawn` started, and waits for its end.
stop() {
  local pid
  if alive "$1"; then
    read -r pid _ <"$state/pids/$1"
    ! kill "-${2:-TERM}" "$pid" 2>/dev/null || wait_gone "$pid"
  fi
  rm -f "$state/pids/$1"
}

wait_gone() { # PID
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    [[ -d /proc/$1 ]] || return 0
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
}

# SECONDS NAME COMMAND...: waits until the command succeeds, or shows the end of NAME's log.
await() {
  local limit=$((SECONDS + $1)) name=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS > limit)); then
      tail -n 20 "$state/logs/$name.log" >&2 2>/dev/null || true
      die "$name: not ready: $*"
    fi
    sleep 0.1
  done
}

# FILE: writes stdin to it, unless it is there already with the same bytes (kube-proxy ends when its file is touched).
put() {
  local new
  mkdir -p "$(dirname "$1")"
  new=$(mktemp "$1.XXXX")
  cat >"$new"
  if cmp -s "$new" "$1"; then rm "$new"; else mv "$new" "$1"; fi
}
