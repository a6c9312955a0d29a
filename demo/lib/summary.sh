# What came of it, as the servers have it.
# shellcheck shell=bash disable=SC2034,SC2154 # scripts/demo and its parts share their variables

readonly MANIFEST_TYPES='Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json'

summary() {
  heading 'The image, as the registry has it'
  show_image "$version"
  heading 'The commit in the GitOps repository'
  show_commit
  heading 'How long it took'
  show_durations
  heading 'Where to look'
  if [[ -n $keep ]]; then show_kept; else show_tree; fi
}

show_image() { # VERSION
  doing='asking the registry for the image' log=$room/logs/docker-registry.log
  local url=http://$registry/v2/shop/api/manifests/$1 digest
  digest=$(curl -sf -I -H "$MANIFEST_TYPES" "$url" | tr -d '\r' | awk 'tolower($1) == "docker-content-digest:" {print $2}')
  [[ -n $digest ]] || fail "the registry has no $registry/shop/api:$1"
  note 'image   %s' "$registry/shop/api:$1"
  note 'digest  %s' "$digest"
  note 'layers  %s' "$(layers "$url")"
  note 'tags    %s' "$(curl -sf "http://$registry/v2/shop/api/tags/list" | jq -r '.tags | sort | join(", ")')"
  doing='comparing digests' log=''
  [[ $digest == "$(output digest)" ]] || fail "the node's output says $(output digest)"
  git -C "$room/git/gitops.git" show main:charts/api/values.yaml | grep -qF "digest: \"$digest\"" ||
    fail "values.yaml does not have $digest"
  note '%s' "${green}✓${plain} the node's output, the registry and values.yaml name the same digest"
}

layers() { # MANIFEST-URL
  curl -sf -H "$MANIFEST_TYPES" "$1" |
    jq -r '.layers | "\(length), \(([.[].size] | add) / 1024 | floor) KiB compressed"'
}

show_commit() {
  local color=never
  [[ -z $green ]] || color=always
  git -C "$room/git/gitops.git" show --color="$color" --unified=1 \
    --format='%C(auto)commit %H%nAuthor: %an <%ae>%n%n%w(0,4,4)%B' main | cat -s | indented '  '
}

show_durations() {
  note '%-32s %6s   %s' 'first build and commit' "$(seconds "${durations[0]}")" "${cached[0]}"
  note '%-32s %6s   %s' 'after the source change' "$(seconds "${durations[1]}")" "${cached[1]}"
  note '%s' "${dim}From the first request to the node's end, polled as Argo's agent polls.$plain"
}

show_tree() {
  note '%-24s %s' demo/template.json 'the template that ran' demo/shop-api 'the service' \
    demo/gitops 'the chart' docs/steps.md 'every field of a step' docs/architecture.md 'how it works, on one page'
  note 'The servers are stopped and removed now. %s leaves them running.' "${bold}make demo KEEP=1$plain"
}

show_kept() {
  note '%-10s %s' logs "$room/logs" template "$room/template.json" service "$room/work/shop-api" \
    gitops "git -C $room/git/gitops.git log -p main" metrics "curl $ops/metrics"
  printf '\n'
  note 'The last steps again, by hand:'
  # shellcheck disable=SC1003 # a backslash it is
  note '  %s %s' "$(realpath "$binary") run --buildkit-host $buildkit" '\'
  note '    %s' "--secrets-dir $room/secrets $room/template.json"
  note 'Stop and remove everything:'
  note '  %s' "scripts/demo stop $room"
}
