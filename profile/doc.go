// Package profile reads, checks, writes and decides by profiles: what client sockets may do in an environment. A
// profile is a YAML file in the style of a Kubernetes object, described field by field in docs/profile.md.
//
//	p, err := profile.Load("openshift-v2-gear", nil)
//	d := p.DecideBind(attempt.TCP, netip.MustParseAddrPort("0.0.0.0:0"))
//	fmt.Println(d.Verdict, "by", d.Words())
//
// What it promises: reading is strict, and reports every problem of a file with its line and what was expected;
// whatever is read is written back ([Profile.Encode]) as an equal profile; a decision allocates nothing and names the rule or the
// default that made it; a v4-mapped IPv6 address is the IPv4 address that it is on the wire.
//
// [Profile.Explain] tells what each layer of a profile says of an attempt. [Profile.Flows] is all that a profile allows, and [Diff]
// all that one allows and another denies, as exact sets of flows (package flowset).
//
// What it leaves to others: making a verdict come true, and resolving names. It opens no socket.
package profile
