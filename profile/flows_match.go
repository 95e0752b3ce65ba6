package profile

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile/flowset"
)

// blockAddrs is the addresses of any of the blocks, every one for nil.
func blockAddrs(blocks []Block) flowset.Addrs {
	if blocks == nil {
		return flowset.AllAddrs()
	}
	var b flowset.AddrsBuilder
	for _, block := range blocks {
		b.Add(block.Addrs())
	}
	return b.Addrs()
}

var (
	wildcards = flowset.AddrOf(netip.IPv4Unspecified()).Union(flowset.AddrOf(netip.IPv6Unspecified()))
	loopback  = flowset.AddrsOf(netip.MustParsePrefix("127.0.0.0/8")).Union(flowset.AddrOf(netip.IPv6Loopback()))
)

// Addrs is the addresses of the block; None has no addresses.
func (b Block) Addrs() flowset.Addrs {
	a := flowset.AllAddrs()
	switch {
	case b.Word == Any:
		a = wildcards
	case b.Word == Loopback:
		a = loopback
	case b.Word != NoWord:
		return flowset.Addrs{}
	case b.Prefix.IsValid():
		a = flowset.AddrsOf(b.Prefix)
	}
	if len(b.Except) > 0 {
		a = a.Subtract(blockAddrs(b.Except))
	}
	return a
}

// transports is what conditions on protocols and ports leave. A protocol without ports meets no condition on ports.
func transports(protocols []attempt.Protocol, ports []PortRange) flowset.Transports {
	if protocols == nil && ports == nil {
		return flowset.AllTransports()
	}
	set := flowset.AllPorts()
	if ports != nil {
		set = flowset.Ports{}
		for _, r := range ports {
			set = set.Union(flowset.PortRange(r.First, r.Last))
		}
	}
	var t flowset.Transports
	for p := range flowset.Others + 1 {
		if ports != nil && !p.HasPorts() {
			continue
		}
		if protocols == nil || meets(p, protocols) {
			t = t.Union(flowset.Transport(p, set))
		}
	}
	return t
}

func meets(p flowset.Protocol, protocols []attempt.Protocol) bool {
	for _, q := range protocols {
		if FlowProtocol(q) == p && p != flowset.Others {
			return true
		}
	}
	return false
}

// FlowProtocol is a protocol as sets of flows tell them apart: MPTCP is TCP, and what rules cannot name is among the others.
func FlowProtocol(p attempt.Protocol) flowset.Protocol {
	switch p {
	case attempt.TCP, attempt.MPTCP:
		return flowset.TCP
	case attempt.UDP:
		return flowset.UDP
	case attempt.SCTP:
		return flowset.SCTP
	case attempt.ICMP:
		return flowset.ICMP
	case attempt.ICMPv6:
		return flowset.ICMPv6
	}
	return flowset.Others
}
