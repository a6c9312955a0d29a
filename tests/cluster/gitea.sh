# Gitea: Git server (http, and ssh on port 2222) and registry at the node's address, with an administrator whose token is in gitea/token. Sourced.

readonly GITEA_ADMIN=root-admin GITEA_PASSWORD=correct-horse-battery

gitea_up() {
  mkdir -p "$state/gitea"
  # Gitea adds its secrets to the file at its first start: written again, its hooks would be refused.
  [[ -f $state/gitea/app.ini ]] || put "$state/gitea/app.ini" <<EOF
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = $state/gitea
[server]
HTTP_ADDR = $NODE
HTTP_PORT = ${GITEA#*:}
ROOT_URL = http://$GITEA/
STATIC_ROOT_PATH = $share/gitea
OFFLINE_MODE = true
START_SSH_SERVER = true
SSH_LISTEN_HOST = $NODE
SSH_DOMAIN = $NODE
SSH_PORT = 2222
SSH_LISTEN_PORT = 2222
[database]
DB_TYPE = sqlite3
[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = pbkdf2\$1000\$20
[webhook]
ALLOWED_HOST_LIST = *
[queue]
TYPE = ${ARGO_BUILDKIT_GITEA_QUEUE:-channel}
EOF
  if [[ ! -f $state/gitea/token ]]; then
    gitea migrate >>"$state/logs/gitea.log" 2>&1
    gitea admin user create --admin --must-change-password=false --username $GITEA_ADMIN --password $GITEA_PASSWORD \
      --email root@example.com >>"$state/logs/gitea.log" 2>&1
    gitea admin user generate-access-token --username $GITEA_ADMIN --scopes all --raw 2>>"$state/logs/gitea.log" |
      grep -oE '^[0-9a-f]{40}$' >"$state/gitea/token.new"
    mv "$state/gitea/token.new" "$state/gitea/token"
  fi
  spawn gitea env HOME="$state/gitea" "$bin/gitea" --config "$state/gitea/app.ini" web
  await 60 gitea inside curl -fsS "http://$GITEA/api/healthz"
}

gitea() { HOME=$state/gitea command gitea --config "$state/gitea/app.ini" "$@"; }
