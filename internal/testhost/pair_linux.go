package testhost

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
)

// Pair is two hosts joined by a cable. Each has two IPv4 and two IPv6 addresses, so that an address that was asked
// for can be told from the one that the kernel chooses, which is the first.
type Pair struct {
	Client *Host // 172.16.6.170, the address of the case, and .171; fd00:6::170 and ::171
	Server *Host // 172.16.6.1 and .2; fd00:6::1 and ::2
}

// NewPair makes the hosts; they end with the test.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	NeedRoot(t)
	Need(t, "ip", "iproute2")
	p := &Pair{Client: newHost(t), Server: newHost(t)}
	// ip(8) takes a path where it takes a namespace's name, if there is a slash in it.
	peer := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), p.Server.ns.Fd())
	const clientMAC, serverMAC = "02:00:00:00:00:aa", "02:00:00:00:00:01"
	p.Client.IP("link", "add", "eth0", "address", clientMAC,
		"type", "veth", "peer", "name", "eth0", "address", serverMAC, "netns", peer)
	p.Client.plug("172.16.6.170/24", "172.16.6.171/24", "fd00:6::170/64", "fd00:6::171/64")
	p.Server.plug("172.16.6.1/24", "172.16.6.2/24", "fd00:6::1/64", "fd00:6::2/64")
	p.Client.knows(p.Server, serverMAC)
	p.Server.knows(p.Client, clientMAC)
	// What has no route of its own goes down the cable, and gets no answer.
	p.Client.IP("route", "add", "default", "via", "172.16.6.1")
	p.Client.IP("-6", "route", "add", "default", "via", "fd00:6::1")
	return p
}

// plug gives the host's card its addresses and brings it up.
func (h *Host) plug(prefixes ...string) {
	h.t.Helper()
	for _, s := range prefixes {
		addr := netip.MustParsePrefix(s).Addr()
		if addr.Is4() {
			h.V4 = append(h.V4, addr)
			h.IP("addr", "add", s, "dev", "eth0")
			continue
		}
		h.V6 = append(h.V6, addr)
		args := []string{"-6", "addr", "add", s, "dev", "eth0", "nodad"} // usable at once
		if len(h.V6) > 1 {
			args = append(args, "preferred_lft", "0") // deprecated: chosen by nobody (RFC 6724, rule 3)
		}
		h.IP(args...)
	}
	h.IP("link", "set", "eth0", "up")
}

// knows tells the host which card its neighbour's addresses are at. Left to find that out, it can lose its first question
// over IPv6, and asks again after a second: the neighbour hears it only once the kernel has noticed its card's carrier.
func (h *Host) knows(neighbour *Host, mac string) {
	h.t.Helper()
	for _, addr := range append(append([]netip.Addr{}, neighbour.V4...), neighbour.V6...) {
		h.IP("neigh", "add", addr.String(), "lladdr", mac, "dev", "eth0", "nud", "permanent")
	}
}
