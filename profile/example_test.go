package profile_test

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

func ExampleProfile_DecideBind() {
	p, _ := profile.Builtin("connect-only-landlock")
	d := p.DecideBind(attempt.TCP, netip.MustParseAddrPort("0.0.0.0:0"))
	fmt.Println(d.Verdict)
	fmt.Println(d.Words())
	// Output:
	// EACCES
	// connect-only-landlock, bind rule 1 (line 13): Landlock denies every TCP bind that no rule allows
}

func ExampleProfile_DecideEgress() {
	p, _ := profile.Builtin("openshift-v2-gear")
	a := attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort("192.0.2.1:8001")}
	fmt.Println(a, "->", p.DecideEgress(a).Verdict)
	a.Source = attempt.SourceOf(netip.MustParseAddrPort("127.6.26.1:0"))
	fmt.Println(a, "->", p.DecideEgress(a).Verdict)
	// Output:
	// tcp to 192.0.2.1:8001 -> allow
	// tcp to 192.0.2.1:8001 from 127.6.26.1 -> drop, timed out after 2s
}

func ExampleParse() {
	_, err := profile.Parse("web.yaml", []byte(`apiVersion: sallyport.dev/v1alpha1
kind: EgressProfile
metadata:
  name: web
spec:
  bind:
    rules:
    - ports: [90-80]
      verdict: {errno: EACCES}
  egress:
    rules:
    - {destinations: [10.0.0.1/8], verdict: drop}
`))
	fmt.Println(err)
	// Output:
	// web.yaml:8: bind rule 1: port range 90-80 is reversed: want 80-90
	// web.yaml:12: egress rule 1: destinations: prefix 10.0.0.1/8 has host bits set: want 10.0.0.0/8, or 10.0.0.1 for the one address
}

func ExampleProfile_Encode() {
	p := &profile.Profile{Name: "no-smtp"}
	p.Egress.Rules = []profile.EgressRule{{
		Destinations: []profile.Block{{Except: []profile.Block{{Word: profile.Loopback}}}},
		Ports:        []profile.PortRange{{First: 25, Last: 25}},
		Protocols:    []attempt.Protocol{attempt.TCP},
		Verdict:      profile.Verdict{Kind: profile.Drop},
		Reason:       "mail leaves by the relay",
	}}
	data, err := p.Encode()
	if err != nil {
		fmt.Println(err)
	}
	os.Stdout.Write(data)
	// Output:
	// apiVersion: sallyport.dev/v1alpha1
	// kind: EgressProfile
	// metadata:
	//   name: no-smtp
	// spec:
	//   egress:
	//     default: allow
	//     rules:
	//       - destinations: [{except: [loopback]}]
	//         ports: [25]
	//         protocols: [tcp]
	//         verdict: drop
	//         reason: mail leaves by the relay
}

func ExampleDiff() {
	a, _ := profile.Builtin("openshift-v2-gear")
	b := &profile.Profile{Name: "open"}
	for _, d := range profile.Diff(b, a).OnlyA {
		if !d.Bind {
			fmt.Println("from", d.Sources, "to", d.Flows)
			fmt.Println("denied by", d.Denied.By().Short())
		}
	}
	// Output:
	// from loopback to 0.0.0.0/0 except 127.0.0.0/8, ::/0 except ::1: all
	// denied by egress rule 1 (line 23)
}
