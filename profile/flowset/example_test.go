package flowset_test

import (
	"fmt"
	"net/netip"

	"github.com/sallyport/sallyport/profile/flowset"
)

func Example() {
	web := flowset.Transport(flowset.TCP, flowset.PortsOf(80, 443))
	open := flowset.Of(flowset.AddrsOf(netip.MustParsePrefix("10.0.0.0/8")), web)
	closed := flowset.Of(flowset.AddrsOf(netip.MustParsePrefix("10.1.0.0/16")), flowset.AllTransports())
	left := open.Subtract(closed)
	fmt.Println(left)
	fmt.Println(left.Contains(netip.MustParseAddr("10.2.0.1"), flowset.TCP, 443))
	fmt.Println(left.SubsetOf(open), left.Union(closed).Equal(open.Union(closed)))
	// Output:
	// 10.0.0.0/8 except 10.1.0.0/16: tcp 80,443
	// true
	// true true
}

func ExampleSet_All() {
	s := flowset.Of(flowset.AllIPv4(), flowset.Transport(flowset.UDP, flowset.Port(53))).
		Union(flowset.OfPeers(flowset.PeersOf(3, 4, 5), flowset.Transport(flowset.TCP, flowset.AllPorts())))
	for part := range s.All() {
		for protocol, ports := range part.Transports.All() {
			fmt.Println(part.Addrs.Prefixes(), part.Peers, protocol, ports)
		}
	}
	// Output:
	// [0.0.0.0/0] no peer udp 53
	// [] peers 3-5 tcp all
}

func ExampleSet_Complement() {
	mail := flowset.Of(flowset.AllAddrs(), flowset.Transport(flowset.TCP, flowset.Port(25)))
	fmt.Println(mail.Complement())
	// Output:
	// every address: all except tcp 25; every peer: all
}

func ExampleAddrs_Blocks() {
	a := flowset.AddrsOf(netip.MustParsePrefix("10.0.0.0/8")).Except(netip.MustParsePrefix("10.1.0.0/16"))
	fmt.Println(len(a.Prefixes()), "prefixes, or", a.Blocks())
	// Output:
	// 8 prefixes, or [10.0.0.0/8 except 10.1.0.0/16]
}

func ExampleBuilder() {
	var b flowset.Builder
	for i := range byte(4) {
		to := netip.AddrFrom4([4]byte{192, 0, 2, i})
		b.Add(flowset.AddrOf(to), flowset.Transport(flowset.TCP, flowset.Port(5432)))
	}
	b.AddPeer(7, flowset.Transport(flowset.TCP, flowset.Port(5432)))
	fmt.Println(b.Set())
	// Output:
	// 192.0.2.0/30, peer 7: tcp 5432
}
