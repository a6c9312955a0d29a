# Argo's part: substitutes a template's parameters, posts it to the plugin, and asks again when the reply says so.
# shellcheck shell=bash disable=SC2034,SC2154 # scripts/demo and its parts share their variables

# The Git and registry addresses are not known before the servers are, so they are parameters of the files too.
fill() { # FILE [NAME VALUE]...: the file, with {{NAME}} replaced wherever a string has it, as Argo does it
  local file=$1
  shift
  jq --args '
    ([$ARGS.positional | _nwise(2) | {(.[0]): .[1]}] | add) as $values
    | walk(if type == "string"
      then reduce ($values | to_entries[]) as $p (.; split("{{\($p.key)}}") | join($p.value))
      else . end)
  ' git "$git" registry "$registry" "$@" <"$file"
}

request() { # WORKFLOW TEMPLATE-FILE: what the agent sends (ExecuteTemplateArgs)
  jq --arg name "$1" --arg uid "$(</proc/sys/kernel/random/uuid)" \
    '{workflow: {metadata: {name: $name, namespace: "demo", uid: $uid}}, template: .}' "$2"
}

# Polls until the node has ended. Sets `took` (milliseconds); the last reply stays in $room/reply.json.
execute() { # REQUEST-FILE
  local begin phase requeue message
  begin=$(now)
  while :; do
    post "$1"
    read -r phase requeue < <(jq -r '"\(.node.phase) \(.requeue // "-")"' "$room/reply.json")
    message=$(jq -r .node.message "$room/reply.json")
    case $phase in
      Pending | Running) live "$message" "${message%% · *}" ;;
      Succeeded) break ;;
      *) log='' && fail "the node ended as $phase: $message" ;;
    esac
    sleep "$(in_seconds "$requeue")"
  done
  took=$(($(now) - begin))
  done_line "$phase" "${message//; /$'\n'                     }"
}

post() { # REQUEST-FILE
  local status
  status=$(curl -sS -o "$room/reply.json" -w '%{http_code}' -H @"$room/headers" --data-binary @"$1" \
    "$sidecar/api/v1/template.execute")
  [[ $status == 200 ]] || fail "argo-buildkit answered $status: $(<"$room/reply.json")"
}

in_seconds() { # a Go duration in milliseconds or seconds
  case $1 in
    *ms) printf '%d.%03d' $((${1%ms} / 1000)) $((${1%ms} % 1000)) ;;
    *s) echo "${1%s}" ;;
    *) fail "the reply has no requeue that can be understood: $1" ;;
  esac
}

output() { # NAME: an output parameter of the last reply
  jq -r --arg name "$1" '.node.outputs.parameters[] | select(.name == $name) | .value' "$room/reply.json"
}
