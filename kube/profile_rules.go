package kube

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// add makes rules of a set of flows.
func (x *profiler) add(flows flowset.Set, v profile.Verdict, reason string, from *origin) {
	var o profile.Origin
	if from != nil && from.resets && v == drop {
		v = reset // a sidecar resets what it has accepted: nearer to that than silence
	}
	if from != nil {
		o = profile.Origin{Object: from.String(), File: from.File, Line: from.Line}
		if from.words != "" {
			reason = strings.TrimPrefix(reason+": "+from.words, ": ")
		}
	}
	x.addFrom(flows, v, reason, o)
}

func (x *profiler) addFrom(flows flowset.Set, v profile.Verdict, reason string, from profile.Origin) {
	for part := range flows.All() {
		if part.Addrs.SubsetOf(wildcards) { // no destination: the kernel puts loopback in its place
			continue
		}
		for _, t := range byPorts(part.Transports) {
			r := profile.EgressRule{Protocols: t.protocols, Verdict: v, Reason: reason, From: from}
			if !part.Addrs.IsAll() {
				r.Destinations = blocksOf(part.Addrs)
			}
			if !t.ports.IsAll() {
				for first, last := range t.ports.Ranges() {
					r.Ports = append(r.Ports, profile.PortRange{First: first, Last: last})
				}
			}
			x.rules = append(x.rules, r)
		}
	}
}

var wildcards = flowset.AddrsOf(netip.MustParsePrefix("0.0.0.0/32"), netip.MustParsePrefix("::/128"))

func blocksOf(a flowset.Addrs) []profile.Block {
	var list []profile.Block
	for _, b := range a.Blocks() {
		if b.Prefix.IsSingleIP() && b.Prefix.Addr().IsUnspecified() {
			continue
		}
		block := profile.Block{Prefix: b.Prefix}
		for _, p := range b.Except {
			if p.IsSingleIP() && p.Addr().IsUnspecified() {
				continue
			}
			block.Except = append(block.Except, profile.Block{Prefix: p})
		}
		list = append(list, block)
	}
	return list
}

// samePorts is protocols with equal ports.
type samePorts struct {
	ports     flowset.Ports
	protocols []attempt.Protocol
}

func byPorts(t flowset.Transports) []samePorts {
	var list []samePorts
	for p, ports := range t.All() {
		protocol, known := attemptProtocol[p]
		if !known {
			continue
		}
		i := slices.IndexFunc(list, func(s samePorts) bool { return s.ports.Equal(ports) })
		if i < 0 {
			list = append(list, samePorts{ports: ports})
			i = len(list) - 1
		}
		list[i].protocols = append(list[i].protocols, protocol)
	}
	return list
}

var attemptProtocol = map[flowset.Protocol]attempt.Protocol{
	flowset.TCP: attempt.TCP, flowset.UDP: attempt.UDP, flowset.SCTP: attempt.SCTP, flowset.ICMP: attempt.ICMP, flowset.ICMPv6: attempt.ICMPv6,
}
