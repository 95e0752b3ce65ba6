package scenes

import (
	"slices"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
	"golang.org/x/sys/unix"
)

// confined are failures that come from what the program runs in: the cgroup's eBPF programs, a Landlock sandbox.
var confined = []Scene{
	{
		Name: "cgroup-connect4", Causes: []string{"denied-by-cgroup"}, Undecided: []string{"connect-denied"},
		Says: []string{"deny_all (id ", "EPERM", "bpftool cgroup show /sys/fs/cgroup/sallyport-test"},
		Make: underCgroup(unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_INET4_CONNECT, toServer(server4, 80, nil)),
	},
	{
		Name: "cgroup-connect6", Causes: []string{"denied-by-cgroup"}, Undecided: []string{"connect-denied"},
		Make: underCgroup(unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_INET6_CONNECT, toServer(server6, 80, nil)),
	},
	{
		Name: "cgroup-sendmsg", Causes: []string{"denied-by-cgroup"}, Undecided: []string{"connect-denied"},
		Make: underCgroup(unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_UDP4_SENDMSG, sendTo(server4, 53, nil)),
	},
	{
		Name: "cgroup-egress", Causes: []string{"denied-by-cgroup"}, Undecided: []string{"timed-out", "dropped-here"},
		Make: underCgroup(unix.BPF_PROG_TYPE_CGROUP_SKB, unix.BPF_CGROUP_INET_EGRESS, toServer(server4, 80, nil)),
	},
	{ // a program for the other family, and a far firewall
		Name: "cgroup-of-the-other-family", Causes: []string{"port-filtered"},
		Make: underCgroup(unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_INET6_CONNECT, toServer(server4, testhost.PortDropped, nil)),
	},
	{ // a packet filter says EPERM to UDP as well
		Name: "udp-drop-in-a-cgroup-for-connects", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"connect-denied"},
		Make: underCgroup(unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_UDP6_SENDMSG, sendTo(server4, 53, output("accept", "udp dport 53 drop"))),
	},
	{
		Name: "landlock-connect", Causes: []string{"denied-by-landlock"}, Undecided: []string{"connect-denied"},
		Says: []string{"no TCP connect to port 80"},
		Make: underLandlock(toServer(server4, 80, nil)),
	},
	{
		Name: "landlock-connect-v6", Causes: []string{"denied-by-landlock"}, Undecided: []string{"connect-denied"},
		Make: underLandlock(toServer(server6, 80, nil)),
	},
	{ // a route denies it, in a sandbox that allows the port
		Name: "landlock-allows-the-port", Causes: []string{"denied-by-route"}, Undecided: []string{"connect-denied"},
		Make: underLandlock(toServer(server4, 443, ip("route", "add", "prohibit", "172.16.6.1/32"))),
	},
	{ // a router's word, in a sandbox that allows the port
		Name: "landlock-allows-and-a-router-denies", Causes: []string{"connect-denied"},
		Make: underLandlock(toServer(server6, 443, func(p *testhost.Pair) {
			p.Server.NFT("table inet far { chain input { type filter hook input priority -10; tcp dport 443 reject with icmpx type admin-prohibited; }; }")
		})),
	},
}

// underCgroup is a place in a cgroup with a program that denies.
func underCgroup(typ, attach uint32, make func(testing.TB) Place) func(testing.TB) Place {
	return func(t testing.TB) Place {
		place := make(t)
		place.Under = slices.Concat(testhost.CgroupDenying(t, typ, attach), place.Under)
		return place
	}
}

// underLandlock is a place in a sandbox that allows TCP connects to port 443 alone.
func underLandlock(make func(testing.TB) Place) func(testing.TB) Place {
	return func(t testing.TB) Place {
		place := make(t)
		place.Under = slices.Concat(testhost.LandlockConnect(t, 443), place.Under)
		return place
	}
}
