package main

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// scan is the linear scan: the index of the first rule that matches, from 1, or 0. It knows what the rules of shapes
// say, and no more: no exceptions, of the words only loopback.
func scan(rules []profile.EgressRule, a attempt.Attempt) int {
	for i := range rules {
		if matches(&rules[i], a) {
			return i + 1
		}
	}
	return 0
}

func matches(r *profile.EgressRule, a attempt.Attempt) bool {
	if r.Sources != nil && (a.Source.Kind == attempt.SourceNone || !holds(r.Sources, a.Source.Addr.Addr())) {
		return false
	}
	if r.Destinations != nil && !holds(r.Destinations, a.Destination.Addr()) {
		return false
	}
	if r.Protocols != nil && !slices.Contains(r.Protocols, a.Protocol) {
		return false
	}
	if r.Ports == nil {
		return true
	}
	port := a.Destination.Port()
	return slices.ContainsFunc(r.Ports, func(q profile.PortRange) bool { return q.First <= port && port <= q.Last })
}

func holds(blocks []profile.Block, addr netip.Addr) bool {
	for i := range blocks {
		if b := &blocks[i]; b.Word == profile.Loopback && addr.IsLoopback() || b.Word == profile.NoWord && b.Prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// sameDecision sees to it that both contenders decide the same.
func sameDecision(p *profile.Profile, a attempt.Attempt) error {
	got, want := 0, scan(p.Egress.Rules, a)
	if d := p.DecideEgress(a); d.Rule != nil {
		got = d.Rule.Index
	}
	if got != want {
		return fmt.Errorf("%v: the profile decides by rule %d, the linear scan by rule %d", a, got, want)
	}
	return nil
}
