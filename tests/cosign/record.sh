#!/usr/bin/env bash
# Records what both cosigns write for a small image with the test key, into v2/ and v3/ beside this file.
#
#   tests/testbed/build.sh apt cosign-v2 cosign-v3 && tests/cosign/record.sh
#
# Needs docker-registry, curl and jq. The key pair in keys/cosign.key and keys/cosign.pub is made once, and kept.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${ARGO_BUILDKIT_TESTBED:-${XDG_CACHE_HOME:-$HOME/.cache}/argo-buildkit/testbed}/bin
work=$(mktemp -d)
registry=127.0.0.1:5987
export COSIGN_PASSWORD=open-sesame HOME=$work
readonly here bin work registry

cat >"$work/config.yml" <<EOF
version: 0.1
storage: {filesystem: {rootdirectory: $work/data}}
http: {addr: $registry}
EOF
docker-registry serve "$work/config.yml" >"$work/log" 2>&1 &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until curl -fs "http://$registry/v2/" >/dev/null; do sleep 0.1; done

put_blob() { # REPOSITORY FILE
  local place
  place=$(curl -fsi -X POST "http://$registry/v2/$1/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
  curl -fs -X PUT -H 'content-type: application/octet-stream' --data-binary "@$2" "$place&digest=$(digest "$2")"
}

digest() { echo "sha256:$(sha256sum <"$1" | cut -d ' ' -f 1)"; }

get() { # REPOSITORY PATH FILE
  curl -fs -H 'accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json' \
    "http://$registry/v2/$1/$2" -o "$3"
}

[[ -f $here/keys/cosign.key ]] || (cd "$here/keys" && "$bin/cosign-v3" generate-key-pair)

# The image: its config is its only blob.
image=$here/image.json config=$here/config.json
printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}' >"$config"
jq -cnj --arg digest "$(digest "$config")" --argjson size "$(stat -c %s "$config")" '{schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: {mediaType: "application/vnd.oci.image.config.v1+json", $digest, $size}, layers: []}' >"$image"

record() { # DIRECTORY ARGUMENTS...: of a cosign that writes into the repository DIRECTORY
  local to=$here/$1 repository=$1 cosign=$bin/cosign-${1%%-*} tag
  shift
  rm -rf "$to" && mkdir "$to"
  put_blob "$repository" "$config"
  curl -fs -X PUT -H 'content-type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$image" \
    "http://$registry/v2/$repository/manifests/1"
  "$cosign" sign --yes --key "$here/keys/cosign.key" -a stage=dev "$@" "$registry/$repository@$(digest "$image")"
  tag=$(digest "$image" | tr : -)
  if get "$repository" "manifests/$tag.sig" "$to/signatures.json"; then
    get "$repository" "blobs/$(jq -r .config.digest "$to/signatures.json")" "$to/config.json"
    get "$repository" "blobs/$(jq -r '.layers[0].digest' "$to/signatures.json")" "$to/payload.json"
  fi
  if get "$repository" "manifests/$tag" "$to/list.json"; then
    get "$repository" "manifests/$(jq -r '.manifests[0].digest' "$to/list.json")" "$to/artifact.json"
    get "$repository" "blobs/$(jq -r '.layers[0].digest' "$to/artifact.json")" "$to/bundle.json"
  fi
}

record v2-classic --tlog-upload=false
record v3-classic --use-signing-config=false --tlog-upload=false --new-bundle-format=false
record v3-bundle --use-signing-config=false --tlog-upload=false
