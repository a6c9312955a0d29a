# One CA, a server certificate for the API server, and a kubeconfig for each identity. Sourced.

pki_up() {
  [[ ! -f $state/admin.kubeconfig ]] || return 0
  mkdir -p "$state/pki"
  cd "$state/pki"
  key ca
  openssl req -x509 -new -key ca.key -subj /CN=argo-buildkit-test -days 30 -out ca.crt 2>/dev/null
  key sa
  openssl pkey -in sa.key -pubout -out sa.pub
  certificate apiserver /CN=kube-apiserver \
    "IP:$NODE,IP:127.0.0.1,IP:10.96.0.1,DNS:kubernetes.default.svc,DNS:kubernetes.default,DNS:localhost"
  certificate kubelet "/O=system:nodes/CN=system:node:node" "IP:$NODE,DNS:node"
  identity controller-manager /CN=system:kube-controller-manager
  identity scheduler /CN=system:kube-scheduler
  identity proxy /CN=system:kube-proxy
  identity node "/O=system:nodes/CN=system:node:node"
  identity admin "/O=system:masters/CN=admin"
  cd "$OLDPWD"
}

key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"; }

certificate() { # NAME SUBJECT [ALTERNATIVE NAMES]
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" 2>/dev/null |
    openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" \
      -extfile <(echo "extendedKeyUsage=serverAuth,clientAuth${3:+$'\n'subjectAltName=$3}") 2>/dev/null
}

identity() { # NAME SUBJECT
  certificate "$1" "$2"
  base64_of() { base64 -w0 <"$1"; }
  cat >"$state/$1.kubeconfig.new" <<EOF
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "https://$NODE:6443", certificate-authority-data: $(base64_of ca.crt)}}]
users: [{name: test, user: {client-certificate-data: $(base64_of "$1.crt"), client-key-data: $(base64_of "$1.key")}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
EOF
  chmod 600 "$state/$1.kubeconfig.new"
  mv "$state/$1.kubeconfig.new" "$state/$1.kubeconfig"
}
