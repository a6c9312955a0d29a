# The cluster's network namespace: a bridge that is node, gateway and registry address at once. Sourced.

network_up() {
  [[ -e /run/netns/$NETNS ]] || ip netns add "$NETNS"
  inside ip link set lo up
  if ! inside ip link show "$BRIDGE" >/dev/null 2>&1; then
    inside ip link add "$BRIDGE" type bridge
    inside ip address add "$NODE/24" dev "$BRIDGE"
    inside ip link set "$BRIDGE" up
    # Services' addresses need a route to be translated on; nothing else leads out of here.
    inside ip route add default via "$NODE" dev "$BRIDGE"
  fi
  inside sysctl -qw net.ipv4.ip_forward=1
  inside sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true
}

network_down() {
  [[ ! -e /run/netns/$NETNS ]] || ip netns delete "$NETNS"
}
