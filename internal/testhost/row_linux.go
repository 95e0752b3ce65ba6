package testhost

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Row is three hosts in a row: the router has a card on the client's network, eth0, and one on the server's, eth1.
type Row struct {
	Client *Host // 172.16.7.2 and fd00:7::2
	Router *Host // 172.16.7.1 and fd00:7::1; 172.16.8.1 and fd00:8::1
	Server *Host // 172.16.8.2 and fd00:8::2
}

// Addresses of a row. Nobody has the absent ones: one on the client's network, one on the server's.
const (
	RowServer4   = "172.16.8.2"
	RowServer6   = "fd00:8::2"
	RowRouter4   = "172.16.7.1" // as the client sees it
	RowRouter6   = "fd00:7::1"
	RowAbsent4   = "172.16.7.99"
	RowAbsent6   = "fd00:7::99"
	RowAbsentFar = "172.16.8.99"
)

// NewRow makes the hosts; they end with the test.
func NewRow(t testing.TB) *Row {
	t.Helper()
	NeedRoot(t)
	Need(t, "ip", "iproute2")
	r := &Row{Client: newHost(t), Router: newHost(t), Server: newHost(t)}
	cable := func(h *Host, card string) {
		peer := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), r.Router.ns.Fd())
		h.IP("link", "add", "eth0", "type", "veth", "peer", "name", card, "netns", peer)
	}
	cable(r.Client, "eth0")
	cable(r.Server, "eth1")
	r.Router.IP("addr", "add", "172.16.8.1/24", "dev", "eth1")
	r.Router.IP("-6", "addr", "add", "fd00:8::1/64", "dev", "eth1", "nodad")
	r.Router.IP("link", "set", "eth1", "up")
	r.Router.plug("172.16.7.1/24", "fd00:7::1/64")
	r.Client.plug("172.16.7.2/24", "fd00:7::2/64")
	r.Server.plug("172.16.8.2/24", "fd00:8::2/64")
	r.Client.IP("route", "add", "default", "via", "172.16.7.1")
	r.Client.IP("-6", "route", "add", "default", "via", "fd00:7::1")
	r.Server.IP("route", "add", "default", "via", "172.16.8.1")
	r.Server.IP("-6", "route", "add", "default", "via", "fd00:8::1")
	r.Router.Sysctl("net.ipv4.ip_forward", "1")
	r.Router.Sysctl("net.ipv6.conf.all.forwarding", "1")
	for _, h := range []*Host{r.Client, r.Router, r.Server} { // as in Wall: each refusal is sent
		h.Sysctl("net.ipv4.icmp_ratelimit", "0")
		h.Sysctl("net.ipv6.icmp.ratelimit", "0")
	}
	return r
}

// Filter gives the host a firewall: nftables rules for a chain of the hook, "forward" or "input" or "output".
func (h *Host) Filter(hook string, rules ...string) {
	h.t.Helper()
	cmd := exec.Command(Need(h.t, "nft", "nftables"), "-f", "-")
	cmd.Stdin = strings.NewReader("table inet filter_" + hook + " {\n chain rules {\n type filter hook " + hook +
		" priority filter; policy accept;\n " + strings.Join(rules, "\n ") + "\n }\n}\n")
	h.must(cmd)
}
