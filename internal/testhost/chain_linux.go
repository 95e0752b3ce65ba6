package testhost

import (
	"fmt"
	"os"
	"testing"
)

// Chain is hosts in a row of any length: a client, routers, a server. Network i, from 1 on, is 10.7.i.0/24 and fd07:i::/64; on each,
// the host nearer to the client is 1, the other 2.
type Chain struct {
	Client  *Host
	Routers []*Host // the first is the client's neighbour
	Server  *Host
}

// Router4 is the address that router n, from 1 on, answers the client with; Router6 that of IPv6.
func (c *Chain) Router4(n int) string { return fmt.Sprintf("10.7.%d.2", n) }
func (c *Chain) Router6(n int) string { return fmt.Sprintf("fd07:%d::2", n) }

// Server4 is the server's address; Server6 that of IPv6.
func (c *Chain) Server4() string { return c.Router4(len(c.Routers) + 1) }
func (c *Chain) Server6() string { return c.Router6(len(c.Routers) + 1) }

// NewChain makes the hosts, with routers between client and server; they end with the test. Cards towards the client are
// eth0, those towards the server eth1.
func NewChain(t testing.TB, routers int) *Chain {
	t.Helper()
	NeedRoot(t)
	Need(t, "ip", "iproute2")
	c := &Chain{Client: newHost(t), Server: newHost(t)}
	all := []*Host{c.Client}
	for range routers {
		c.Routers = append(c.Routers, newHost(t))
	}
	all = append(append(all, c.Routers...), c.Server)
	for i := range len(all) - 1 {
		near, far, n := all[i], all[i+1], i+1
		near.IP("link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), far.ns.Fd()))
		for _, end := range []struct {
			h    *Host
			card string
			last int
		}{{near, "eth1", 1}, {far, "eth0", 2}} {
			end.h.IP("addr", "add", fmt.Sprintf("10.7.%d.%d/24", n, end.last), "dev", end.card)
			end.h.IP("-6", "addr", "add", fmt.Sprintf("fd07:%d::%d/64", n, end.last), "dev", end.card, "nodad")
			end.h.IP("link", "set", end.card, "up")
		}
	}
	for i, h := range all {
		h.Sysctl("net.ipv4.icmp_ratelimit", "0")
		h.Sysctl("net.ipv6.icmp.ratelimit", "0")
		if i > 0 && i < len(all)-1 {
			h.Sysctl("net.ipv4.ip_forward", "1")
			h.Sysctl("net.ipv6.conf.all.forwarding", "1")
		}
		if i < len(all)-1 { // on towards the server
			h.IP("route", "add", "default", "via", fmt.Sprintf("10.7.%d.2", i+1))
			h.IP("-6", "route", "add", "default", "via", fmt.Sprintf("fd07:%d::2", i+1))
		}
		for n := 1; n < i; n++ { // and back
			h.IP("route", "add", fmt.Sprintf("10.7.%d.0/24", n), "via", fmt.Sprintf("10.7.%d.1", i))
			h.IP("-6", "route", "add", fmt.Sprintf("fd07:%d::/64", n), "via", fmt.Sprintf("fd07:%d::1", i))
		}
	}
	return c
}
