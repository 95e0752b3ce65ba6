package testhost

import (
	"fmt"
	"os/exec"
	"strings"
)

// TCP ports of a walled host.
const (
	PortDropped     = 9001 // silence
	PortReset       = 9002 // RST, as from a port that nobody listens on
	PortUnreachable = 9003 // ICMP port unreachable: ECONNREFUSED to a TCP client (tcp_v4_err, net/ipv4/tcp_ipv4.c)
	PortProhibited  = 9004 // ICMP administratively prohibited: EHOSTUNREACH over IPv4, EACCES over IPv6 (icmp6_dst_unreach)
	PortNoRoute     = 9005 // ICMP network or route unreachable: ENETUNREACH
)

var wall = fmt.Sprintf(`
table inet testhost {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport %d drop
		tcp dport %d reject with tcp reset
		tcp dport %d reject with icmpx type port-unreachable
		tcp dport %d reject with icmpx type admin-prohibited
		tcp dport %d reject with icmpx type no-route
	}
}
`, PortDropped, PortReset, PortUnreachable, PortProhibited, PortNoRoute)

// Wall gives the host a firewall that denies the Port... ports, each in its way.
func (h *Host) Wall() {
	h.t.Helper()
	// Each refusal is sent, however many there are a second.
	h.Sysctl("net.ipv4.icmp_ratelimit", "0")
	h.Sysctl("net.ipv6.icmp.ratelimit", "0")
	cmd := exec.Command(Need(h.t, "nft", "nftables"), "-f", "-")
	cmd.Stdin = strings.NewReader(wall)
	h.must(cmd)
}
