package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// filtered are failures that this machine's own packet filter makes, and those that look the same and come from elsewhere.
var filtered = []Scene{
	{
		Name: "output-drop", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"timed-out", "dropped-here"},
		Says: []string{"ip daddr 172.16.6.0/24 tcp dport { 80, 443 } drop", "inet site output"},
		Make: toServer(server4, 80, output("accept", `oifname "lo" accept; ct state established,related accept; ip daddr 172.16.6.0/24 tcp dport { 80, 443 } drop`)),
	},
	{
		Name: "output-drop-v6", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"timed-out", "dropped-here"},
		Says: []string{"ip6 daddr fd00:6::1 drop"},
		Make: toServer(server6, 80, output("accept", `ip6 daddr fd00:6::1 drop`)),
	},
	{ // it waits for less than the kernel, and is gone when that is noticed
		Name: "output-drop-impatient", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"timed-out", "dropped-here"},
		Make: func(t testing.TB) Place {
			place := toServer(server4, 80, output("accept", "tcp dport 80 drop"))(t)
			place.Argv = []string{testhost.Need(t, "curl", "curl"), "-sS", "-m", "2", "http://" + server4 + "/"}
			return place
		},
	},
	{
		Name: "output-policy-drop", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"timed-out", "dropped-here"},
		Says: []string{"policy drop", "nft add rule inet site output ip daddr 172.16.6.1 tcp dport 80 accept"},
		Make: toServer(server4, 80, output("drop", `oifname "lo" accept; tcp dport 22 accept; meta skuid 1234 accept; udp dport 53 accept`)),
	},
	{
		Name: "output-reset", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"refused"},
		Says: []string{"tcp dport 80 counter reject with tcp reset"},
		Make: toServer(server4, 80, output("accept", `jump corporate; }; chain corporate { tcp dport 80 counter reject with tcp reset`)),
	},
	{
		Name: "output-reject", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"refused"},
		Make: toServer(server4, 80, output("accept", `meta l4proto tcp th dport 1-1023 meta skuid 0 reject`)),
	},
	{
		Name: "output-prohibited", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"unreachable"},
		Make: toServer(server4, 80, output("accept", `ip daddr != 10.0.0.0/8 reject with icmp admin-prohibited`)),
	},
	{
		Name: "output-prohibited-v6", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"connect-denied"},
		Make: toServer(server6, 80, output("accept", `meta nfproto ipv6 tcp flags & (fin|syn|rst|ack) == syn accept; }; chain late { type filter hook output priority 10; ip6 daddr fd00::/8 reject with icmpv6 admin-prohibited`)),
	},
	{
		Name: "output-drop-udp", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"connect-denied"},
		Says: []string{"udp dport 53 drop"}, Make: sendTo(server4, 53, output("accept", `udp dport 53 drop`)),
	},
	{
		Name: "iptables-output-drop", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"timed-out", "dropped-here"},
		Make: toServer(server4, 80, iptables("-A", "OUTPUT", "-p", "tcp", "--dport", "80", "-m", "comment", "--comment", "no web", "-j", "DROP")),
	},
	{ // what its match extension asks can't be read from nft's JSON
		Name: "iptables-output-drop-by-owner", Causes: []string{"dropped-here"}, Undecided: []string{"timed-out"},
		Says: []string{"may be the rule"},
		Make: toServer(server4, 80, iptables("-A", "OUTPUT", "-p", "tcp", "-m", "owner", "--uid-owner", "0", "-j", "DROP")),
	},
	{
		Name: "output-drop-unreadable", Causes: []string{"dropped-here"}, Undecided: []string{"timed-out"},
		Says: []string{"TCPRetransFail", "only be read as root"},
		Make: withoutNetAdmin(toServer(server4, 80, output("accept", `ip daddr 172.16.6.1 drop`))),
	},
	{
		Name: "traffic-control-drop", Causes: []string{"dropped-here"}, Undecided: []string{"timed-out"},
		Make: toServer(server4, 80, func(p *testhost.Pair) {
			p.Client.TC("qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "8bit", "burst", "1", "limit", "1")
		}),
	},
	{ // dropped on the other side, while rules here let it pass or are about others
		Name: "remote-drop-beside-output-rules", Causes: []string{"port-filtered"},
		Make: toServer(server4, testhost.PortDropped, output("drop", `tcp dport 80 drop; ip daddr 192.0.2.0/24 drop; udp dport 9001 drop; meta skuid 1234 drop; `+
			`ip daddr 172.16.6.1 accept; tcp dport 9001 drop`)),
	},
	{
		Name: "remote-drop-unreadable", Causes: []string{"port-filtered"},
		Make: withoutNetAdmin(toServer(server4, testhost.PortDropped, nil)),
	},
	{
		Name: "remote-reset-beside-output-rules", Causes: []string{"refused"},
		Make: toServer(server4, testhost.PortReset, output("accept", `tcp dport 80 reject with tcp reset; ip saddr 10.0.0.0/8 reject; oifname != "eth0" reject`)),
	},
	{ // the rule is of a kind that would drop, not refuse: whoever refused, it was not this rule
		Name: "limit-that-is-not-reached", Causes: []string{"refused"},
		Make: toServer(server4, testhost.PortReset, output("accept", `ip daddr 172.16.6.1 limit rate over 100/second reject with tcp reset`)),
	},
	{ // the answer is dropped, not the question
		Name: "input-drop", Causes: []string{"port-filtered"},
		Make: toServer(server4, 9, func(p *testhost.Pair) {
			p.Client.NFT(`table inet site { chain input { type filter hook input priority filter; tcp sport 9 drop; }; }`)
		}),
	},
}

// output prepares a place by an output chain on the client: its policy and its rules.
func output(policy, rules string) func(*testhost.Pair) {
	return func(p *testhost.Pair) {
		p.Client.NFT("table inet site { chain output { type filter hook output priority filter; policy " + policy + "; " + rules + "; }; }")
	}
}

// iptables prepares a place by one rule of iptables, in its nftables form.
func iptables(args ...string) func(*testhost.Pair) {
	return func(p *testhost.Pair) { p.Client.IPTables(args...) }
}

// withoutNetAdmin is a place where nobody may read the packet filter.
func withoutNetAdmin(make func(testing.TB) Place) func(testing.TB) Place {
	return func(t testing.TB) Place {
		place := make(t)
		place.Under = []string{testhost.Need(t, "setpriv", "util-linux"), "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"}
		return place
	}
}
