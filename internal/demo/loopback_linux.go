package demo

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/sallyport/sallyport/diagnose"
	"github.com/sallyport/sallyport/profile"
)

// playOnLoopback plays in this machine's own network. The server has an address of the machine, which its own processes
// reach by way of the loopback device. Where it has none but loopback addresses, the server has one of
// those, and the profile is a variant: see stageProfile.
func playOnLoopback(ctx context.Context, dir, because string, p *player) error {
	addr := ownAddress()
	from := addr // the kernel sends from an address to itself
	if !addr.IsValid() {
		addr, from = netip.AddrFrom4([4]byte{127, 203, 113, 10}), netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	l, err := greet(netip.AddrPortFrom(addr, serverPort), from)
	if err != nil { // the port is another server's
		if l, err = greet(netip.AddrPortFrom(addr, 0), from); err != nil {
			return err
		}
	}
	defer l.Close()
	s := &Stage{Network: Loopback, Because: because, Gear: from, Profile: gearProfile}
	s.Server = l.at
	if addr.IsLoopback() {
		s.Variant = fmt.Sprintf("this machine has loopback addresses alone, so the rule that drops what a loopback address sends elsewhere drops what $%s sends to %v here", gearVariable, addr)
	}
	p.start(s)
	return perform(ctx, s, dir, func(r *Run) error { p.end(r); return nil })
}

// ownAddress is an IPv4 address of this machine that is not a loopback address; not valid where it has none.
func ownAddress() netip.Addr {
	for _, a := range diagnose.ReadFacts().Addresses {
		if a.Addr.Is4() && a.Addr.IsGlobalUnicast() {
			return a.Addr
		}
	}
	return netip.Addr{}
}

// stageProfile is the profile for a server: the built-in one, or where the server's address is a loopback address, which that one
// allows every source to reach, a variant that drops what a gear's own address sends there.
func stageProfile(server netip.Addr) (*profile.Profile, error) {
	builtin, ok := profile.Builtin(gearProfile)
	if !ok {
		return nil, fmt.Errorf("no built-in profile %s", gearProfile)
	}
	if !server.IsLoopback() {
		return builtin, nil
	}
	own, err := netip.ParseAddr(builtin.Facts.Environment[gearVariable])
	if err != nil {
		return nil, err
	}
	rule := builtin.Egress.Rules[0]
	rule.Sources = []profile.Block{{Prefix: netip.PrefixFrom(own, own.BitLen())}}
	rule.Destinations = []profile.Block{{Prefix: netip.PrefixFrom(server, server.BitLen())}}
	return &profile.Profile{
		Name: builtin.Name, File: builtin.File, Facts: builtin.Facts, Bind: builtin.Bind,
		Egress: profile.Egress{Default: builtin.Egress.Default, Rules: []profile.EgressRule{rule}},
	}, nil
}
