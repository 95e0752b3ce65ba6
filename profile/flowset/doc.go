// Package flowset holds exact sets of flows. A flow is a destination, a protocol and a port: what a packet filter looks at.
// A destination is an address, or a peer: a number that the caller gives to something that has no fixed
// address, such as a pod.
//
//	web := flowset.Of(flowset.AddrsOf(netip.MustParsePrefix("10.0.0.0/8")), flowset.Transport(flowset.TCP, flowset.PortsOf(80, 443)))
//	open := web.Subtract(flowset.Of(flowset.AddrsOf(netip.MustParsePrefix("10.1.0.0/16")), flowset.AllTransports()))
//	fmt.Println(open) // 10.0.0.0/8 except 10.1.0.0/16: tcp 80,443
//
// What it promises: sets are values, never changed, safe for many goroutines; the zero value is the empty set; equal
// sets are represented equally, and have the same text; every operation is exact, and takes time by the number of
// prefixes and port ranges, never by that of addresses or ports. A v4-mapped IPv6 address is the IPv4 address that it is
// on the wire (RFC 4291, section 2.5.5.2), so ::/0 holds no IPv4; zones are not looked at.
//
// Smaller sets of the same manner are its parts: [Ports], [Transports] (protocols with their ports), [Addrs], [Peers].
//
// What it leaves to others: rules, their order and their reasons. It imports nothing of the project.
package flowset
