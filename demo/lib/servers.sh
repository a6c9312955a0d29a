# Starts and stops the servers. Everything of theirs is in $room; their process ids are in $room/pids.
# shellcheck shell=bash disable=SC2034,SC2154 # scripts/demo and its parts share their variables

# In the order in which they are stopped: nobody's neighbour goes before them.
readonly SERVERS=(argo-buildkit buildkitd docker-registry git-http)

start_servers() {
  heading "Starting the servers in $room"
  become_root
  registry=127.0.0.1:$(free_port) git=http://127.0.0.1:$(free_port)
  buildkit=unix://$room/buildkitd.sock
  start_registry
  start_git
  start_buildkitd
}

become_root() { # asks for the password now, if there is one to ask for
  ((EUID != 0)) || return 0
  doing='asking for root' log=''
  command -v sudo >/dev/null || fail 'buildkitd needs root and there is no sudo: run this as root'
  note 'buildkitd runs the steps of a Dockerfile with runc, as root: by sudo.'
  sudo -v
}

start_registry() {
  cat >"$room/registry.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $room/registry}}
http: {addr: $registry}
END
  launch '' docker-registry docker-registry serve "$room/registry.yml"
  await docker-registry "curl -sf http://$registry/v2/"
  started docker-registry "http://$registry"
}

start_git() {
  launch '' git-http "$git_http" -root "$room/git" -user ci -password "$(<"$room/secrets/git-credentials/password")" -listen "${git#http://}"
  await git-http "[[ \$(curl -s -o /dev/null -w '%{http_code}' $git/shop-api.git/info/refs?service=git-upload-pack) == 401 ]]"
  started git-http "$git (401 without its password)"
}

start_buildkitd() {
  printf '[registry."%s"]\n  http = true\n' "$registry" >"$room/buildkitd.toml"
  launch as_root buildkitd "$buildkitd" --config "$room/buildkitd.toml" --root "$room/buildkitd" --addr "$buildkit" \
    --group "$(id -g)" --oci-worker=true --oci-worker-net=host --containerd-worker=false
  await buildkitd "grep -q 'running server on' '$room/logs/buildkitd.log'"
  started buildkitd "$buildkit"
}

start_sidecar() {
  sidecar=http://127.0.0.1:$(free_port) ops=http://127.0.0.1:$(free_port)
  launch '' argo-buildkit "$binary" serve --listen "${sidecar#http://}" --ops-listen "${ops#http://}" \
    --token-file "$room/token" --secrets-dir "$room/secrets" --buildkit-host "$buildkit"
  await argo-buildkit "curl -sf -o /dev/null $ops/readyz"
  started argo-buildkit "$sidecar (serve, with a bearer token)"
}

started() { # NAME TEXT
  done_line "$1" "$2  ${dim}pid $(pid_of "$1")$plain"
}

# A server is no child of ours, so that it can stay. It writes its id, then becomes what it is to run.
launch() { # '' | as_root  NAME COMMAND...
  doing="starting $2" log=$room/logs/$2.log
  # shellcheck disable=SC2016 # for the inner shell
  $1 setsid --fork sh -c 'echo $$ >"$1.new" && mv "$1.new" "$1" && shift && exec "$@"' \
    sh "$room/pids/$2" "${@:3}" >"$log" 2>&1 </dev/null
  await "$2" "[[ -s '$room/pids/$2' ]]"
}

await() { # NAME CONDITION: until it holds; at most half a minute, and not if the server has ended
  local deadline=$((SECONDS + 30))
  until eval "$2" >/dev/null 2>&1; do
    [[ ! -s $room/pids/$1 ]] || alive "$(pid_of "$1")" || fail "$1 ended"
    ((SECONDS < deadline)) || fail "$1 did not get ready within 30 s"
    sleep 0.05
  done
}

pid_of() { cat "$room/pids/$1" 2>/dev/null; }

alive() { # PID
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  [[ $stat != *') Z '* ]]
}

# An id may be another's by now: ours all have the demo's directory among their arguments.
ours() { # PID
  alive "$1" && tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -- "$room"
}

free_port() { # one that nobody listens on, below those that outgoing connections get
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# --- the end ---

stop_builds() {
  local i
  for i in "${!build_pids[@]}"; do
    [[ -n ${build_ended[i]} ]] || kill -TERM -- "-${build_pids[i]}" 2>/dev/null || true
  done
}

stop_servers() {
  local name
  for name in "${SERVERS[@]}"; do
    stop "$name" || true
  done
  unmount
  as_root rm -rf --one-file-system "$room"
}

stop() { # NAME
  local pid deadline=$((SECONDS + 28)) # argo-buildkit's drain takes up to 25 s
  pid=$(pid_of "$1") && ours "$pid" || return 0
  as_root kill -TERM "$pid"
  while ours "$pid"; do
    ((SECONDS < deadline)) || as_root kill -KILL "$pid"
    sleep 0.05
  done
}

unmount() { # what buildkitd left mounted, the innermost first
  local target
  awk -v inside="$room/" 'index($5, inside) == 1 {print $5}' /proc/self/mountinfo | sort -r | while read -r target; do
    as_root umount -l "$target"
  done
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}
