//go:build linux

package measure

import (
	"context"
	"iter"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// Plan is which attempts are made for targets.
type Plan struct {
	Place    *probe.Place
	Sources  Sources
	Families []attempt.Family // empty: both
	Timeout  time.Duration    // of a lookup
	// Resolve looks a name up; nil is the resolver of this host. It is called once for each name in a row.
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
	// Unresolved is told of a target whose name was not found.
	Unresolved func(probe.Target, error)
	// Proxies are those by way of which a target of TCP is tried as well; nil: none.
	Proxies func(*probe.Target) []*probe.Via

	once  sync.Once
	fixed [2]uint16
}

// Sources is from which sources a target is tried.
type Sources uint8

const (
	// AutoSources is every source for targets of one port, and no bind for those of several.
	AutoSources Sources = iota
	NoBind              // no bind alone
	AllSources          // every source, whatever the number of ports
)

// Attempts are those that a plan makes of targets: of several at a time in turns, so that none waits for another's host or name; of each address
// by address, port by port, source by source. It ends when ctx is done, which reading the targets has to end with as well.
func (p *Plan) Attempts(ctx context.Context, targets iter.Seq[probe.Target]) iter.Seq[probe.Attempt] {
	return p.inTurns(ctx, func(yield func(planned) bool) {
		for t := range targets {
			if !yield(planned{target: t, of: p.everyWay}) {
				return
			}
		}
	}, true)
}

// of are the attempts at the addresses of one target.
func (p *Plan) of(t *probe.Target, addrs iter.Seq[netip.Addr]) iter.Seq[probe.Attempt] {
	return func(yield func(probe.Attempt) bool) {
		variants := map[attempt.Family][]probe.Variant{}
		for a := range addrs {
			family := attempt.FamilyOf(a)
			if !p.wants(family) {
				continue
			}
			if variants[family] == nil {
				variants[family] = p.variants(t, family)
			}
			for _, r := range t.Ports {
				for port := int(r.First); port <= int(r.Last); port++ {
					for i := range variants[family] {
						try := variants[family][i].To(netip.AddrPortFrom(a, uint16(port)), t.Protocol)
						try.Name, try.Target = t.Host, t
						if !yield(try) {
							return
						}
					}
				}
			}
		}
	}
}

// wants reports whether a family is to be tried.
func (p *Plan) wants(f attempt.Family) bool {
	return len(p.Families) == 0 || slices.Contains(p.Families, f)
}

func (p *Plan) variants(t *probe.Target, family attempt.Family) []probe.Variant {
	ports := 0
	for _, r := range t.Ports {
		ports += r.Len()
	}
	if t.Prefix.IsValid() && !t.Prefix.IsSingleIP() {
		ports = 2 // many destinations, as many ports are
	}
	if p.Place == nil || p.Sources == NoBind || p.Sources == AutoSources && ports > 1 {
		return []probe.Variant{{Name: "no bind", Family: family}}
	}
	p.once.Do(func() {
		p.fixed = [2]uint16{freePort(attempt.IPv4), freePort(attempt.IPv6)}
	})
	fixed := p.fixed[0]
	if family == attempt.IPv6 {
		fixed = p.fixed[1]
	}
	return p.Place.Variants(family, fixed)
}

func (p *Plan) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	if p.Resolve != nil {
		return p.Resolve(ctx, name)
	}
	timeout := p.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// Expected are the attempts that show whether expectations are met. A given source goes to addresses of its own family alone.
func (p *Plan) Expected(ctx context.Context, list []probe.Expectation) iter.Seq[probe.Attempt] {
	bare := &Plan{Sources: NoBind, Families: p.Families, Timeout: p.Timeout, Resolve: p.Resolve, Unresolved: p.Unresolved}
	return bare.inTurns(ctx, func(yield func(planned) bool) {
		for i := range list {
			if !yield(planned{target: list[i].Target, of: bare.expected(&list[i])}) {
				return
			}
		}
	}, false)
}

func (p *Plan) expected(x *probe.Expectation) func(*probe.Target, iter.Seq[netip.Addr]) iter.Seq[probe.Attempt] {
	return func(t *probe.Target, addrs iter.Seq[netip.Addr]) iter.Seq[probe.Attempt] {
		return func(yield func(probe.Attempt) bool) {
			for a := range p.of(t, addrs) {
				if x.Source.Kind == attempt.SourceGiven && x.Source.Addr.Addr().Is4() != a.Destination.Addr().Is4() {
					continue
				}
				a.Source, a.Variant, a.Expected = x.Source, x.Source.String(), x
				if x.Source.Kind == attempt.SourceNone {
					a.Variant = "no bind"
				}
				if !yield(a) {
					return
				}
			}
		}
	}
}
