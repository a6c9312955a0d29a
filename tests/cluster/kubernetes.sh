# A single node out of genuine programs: etcd, kube-apiserver, controller-manager, scheduler, kubelet, kube-proxy,
# containerd, CoreDNS. Sourced.

# Kubelet does not set the group of such volumes, so they belong to those who write to them.
volumes_up() {
  install -d "$VOLUMES/buildkitd"
  install -d -o 65532 -g 65532 "$VOLUMES/cache-registry"
  install -d -o 1000 -g 1000 "$VOLUMES/event-bus"
}

etcd_up() {
  spawn etcd etcd --data-dir "$state/etcd" --unsafe-no-fsync \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380
}

control_plane_up() {
  local pki=$state/pki
  spawn kube-apiserver kube-apiserver --bind-address=$NODE --advertise-address=$NODE --secure-port=6443 \
    --etcd-servers=http://127.0.0.1:2379 --authorization-mode=Node,RBAC \
    --enable-admission-plugins=NodeRestriction --allow-privileged --service-cluster-ip-range=$SERVICES \
    --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc \
    --kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --cert-dir "$state/pki"
  await 90 kube-apiserver inside kubectl get --raw /readyz
  spawn kube-controller-manager kube-controller-manager --kubeconfig "$state/controller-manager.kubeconfig" \
    --leader-elect=false --use-service-account-credentials --bind-address=127.0.0.1 \
    --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key"
  spawn kube-scheduler kube-scheduler --kubeconfig "$state/scheduler.kubeconfig" --leader-elect=false \
    --bind-address=127.0.0.1
}

containerd_up() {
  local pause=$REGISTRY/pause:1 certs=$state/certs.d
  put "$certs/$REGISTRY/hosts.toml" <<<"server = \"http://$REGISTRY\""
  put "$certs/$GITEA/hosts.toml" <<<"server = \"http://$GITEA\""
  put "$state/cni/10-bridge.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$state/ipam",
            "ranges": [[{"subnet": "$PODS.0/24", "rangeStart": "$PODS.10", "rangeEnd": "$PODS.250", "gateway": "$NODE"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
EOF
  # Its state holds the roots of containers, to which root of a pod's own user namespace needs a way: none leads through /root.
  # oom_score_adj: kubelet asks for a score that a machine without CAP_SYS_RESOURCE may not give.
  put "$state/containerd.toml" <<EOF
version = 3
root = '$state/containerd'
state = '$VOLUMES/containerd'
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.tracing.processor.v1.otlp']
[grpc]
  address = '$state/containerd.sock'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '$pause'
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '$certs'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['/usr/lib/cni']
  conf_dir = '$state/cni'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = '$share/runc/runc'
  SystemdCgroup = false
EOF
  alive containerd || rm -f "$state/logs/containerd.log"
  spawn containerd containerd --config "$state/containerd.toml"
  # Its socket answers before what kubelet asks is ready, and then kubelet ends.
  await 60 containerd grep -q 'containerd successfully booted' "$state/logs/containerd.log"
}

kubelet_up() {
  put "$state/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $state/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $state/pki/kubelet.crt
tlsPrivateKeyFile: $state/pki/kubelet.key
containerRuntimeEndpoint: unix://$state/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
resolvConf: ""
clusterDNS: [$NODE]
clusterDomain: cluster.local
serializeImagePulls: false
imageGCHighThresholdPercent: 100
# 0% turns an eviction off. A disk that is nearly full would cost the images of this cluster, which nobody could pull again.
evictionHard: {memory.available: 50Mi, nodefs.available: 0%, imagefs.available: 0%}
podLogsDir: $state/pod-logs
healthzBindAddress: 127.0.0.1
EOF
  mkdir -p "$state/pod-logs"
  spawn kubelet kubelet --kubeconfig "$state/node.kubeconfig" --config "$state/kubelet.yaml" --node-ip=$NODE \
    --hostname-override=node --root-dir="$state/kubelet"
  put "$state/proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clientConnection: {kubeconfig: $state/proxy.kubeconfig}
hostnameOverride: node
nodePortAddresses: [primary]
conntrack: {maxPerCore: 0, min: 0}
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
EOF
  spawn kube-proxy kube-proxy --config "$state/proxy.yaml"
  put "$state/Corefile" <<EOF
.:53 {
  errors
  ready
  kubernetes cluster.local {
    kubeconfig $state/admin.kubeconfig
    pods insecure
  }
}
EOF
  spawn coredns coredns -conf "$state/Corefile"
  await 30 coredns inside curl -fsS --max-time 2 "http://127.0.0.1:8181/ready"
}

node_ready() {
  [[ $(inside kubectl get node node -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}
