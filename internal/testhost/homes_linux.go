package testhost

import (
	"fmt"
	"os"
	"testing"
)

// Homes is a client with a card on each of two networks, two routers, one on each, and a server behind both.
//
//	            eth0 172.16.7.0/24 First  eth1 172.16.8.0/24
//	Client                                                     Server
//	            eth1 172.16.9.0/24 Second eth1 172.16.10.0/24
//
// Each is sent by way of First unless told otherwise, and the server knows no way back to the second network but by Second.
type Homes struct {
	Client *Host // 172.16.7.2, 172.16.9.2
	First  *Host // 172.16.7.1, 172.16.8.1
	Second *Host // 172.16.9.1, 172.16.10.1
	Server *Host // 172.16.8.2, 172.16.10.2
}

// Addresses of Homes.
const (
	HomesServer  = "172.16.8.2"
	HomesFirst   = "172.16.7.2" // the client's, of eth0
	HomesSecond  = "172.16.9.2" // the client's, of eth1
	HomesRouter2 = "172.16.9.1"
)

// NewHomes makes the hosts; they end with the test. No reverse path filter is on.
func NewHomes(t testing.TB) *Homes {
	t.Helper()
	NeedRoot(t)
	Need(t, "ip", "iproute2")
	h := &Homes{Client: newHost(t), First: newHost(t), Second: newHost(t), Server: newHost(t)}
	cable := func(a *Host, card, prefix string, b *Host, other, otherPrefix string) {
		peer := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), b.ns.Fd())
		a.IP("link", "add", card, "type", "veth", "peer", "name", other, "netns", peer)
		a.IP("addr", "add", prefix, "dev", card)
		b.IP("addr", "add", otherPrefix, "dev", other)
		a.IP("link", "set", card, "up")
		b.IP("link", "set", other, "up")
	}
	for _, x := range []*Host{h.Client, h.First, h.Second, h.Server} {
		x.Sysctl("net.ipv4.conf.all.rp_filter", "0")
		x.Sysctl("net.ipv4.conf.default.rp_filter", "0")
		x.Sysctl("net.ipv4.icmp_ratelimit", "0")
	}
	cable(h.Client, "eth0", HomesFirst+"/24", h.First, "eth0", "172.16.7.1/24")
	cable(h.First, "eth1", "172.16.8.1/24", h.Server, "eth0", HomesServer+"/24")
	cable(h.Client, "eth1", HomesSecond+"/24", h.Second, "eth0", HomesRouter2+"/24")
	cable(h.Second, "eth1", "172.16.10.1/24", h.Server, "eth1", "172.16.10.2/24")
	h.First.Sysctl("net.ipv4.ip_forward", "1")
	h.Second.Sysctl("net.ipv4.ip_forward", "1")
	h.Client.IP("route", "add", "default", "via", "172.16.7.1")
	h.Server.IP("route", "add", "172.16.7.0/24", "via", "172.16.8.1")
	h.Server.IP("route", "add", "172.16.9.0/24", "via", "172.16.10.1")
	h.Second.IP("route", "add", "172.16.8.0/24", "via", "172.16.10.2")
	h.Client.Sysctl("net.ipv4.tcp_syn_retries", "2")
	return h
}
