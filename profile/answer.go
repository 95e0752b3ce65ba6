package profile

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile/flowset"
)

// EveryPort in a Question is no port in particular.
const EveryPort = -1

// Question asks what becomes of attempts to a destination.
type Question struct {
	Source   attempt.Source
	To       netip.Prefix     // a single address is a prefix of its full length
	Protocol attempt.Protocol // 0: every protocol
	Port     int              // EveryPort: all of them
}

// Attempt is the one attempt that is asked about; false where it is more than one.
func (q Question) Attempt() (attempt.Attempt, bool) {
	a := attempt.Attempt{Protocol: q.Protocol, Source: q.Source, Destination: netip.AddrPortFrom(q.To.Addr(), uint16(max(q.Port, 0)))}
	one := q.Protocol != 0 && q.To.IsSingleIP() && (q.Port != EveryPort || !FlowProtocol(q.Protocol).HasPorts())
	return a, one
}

// flows is what is asked about, by the addresses that it reaches.
func (q Question) flows() flowset.Set {
	to := flowset.AddrsOf(q.To)
	if q.To.IsSingleIP() {
		to = flowset.AddrOf(reached(q.To.Addr(), q.Source))
	}
	ports := flowset.AllPorts()
	if q.Port != EveryPort {
		ports = flowset.Port(uint16(q.Port))
	}
	if q.Protocol == 0 {
		return flowset.Of(to, flowset.AllTransports())
	}
	return flowset.Of(to, flowset.Transport(FlowProtocol(q.Protocol), ports))
}

// Result sums an answer up.
type Result string

// The results.
const (
	Allowed Result = "allowed"
	Denied  Result = "denied"
	Partly  Result = "partly" // some of what was asked about is allowed, some denied
)

// Answer is what becomes of what a Question asks about.
type Answer struct {
	Question Question
	Result   Result
	Shares   []Share      // what was asked about, by what decides
	Chain    []Considered // what each layer says, where one attempt was asked about
	Unbound  bool         // it is the source alone that is denied: without a bind all would be allowed
}

// Answer decides about all that a question asks about. A source that asks for a bind has to be allowed that first, for each
// protocol.
func (p *Profile) Answer(q Question) Answer {
	out := Answer{Question: q}
	flows := q.flows()
	if q.Source.Kind != attempt.SourceNone {
		var left flowset.Builder
		for part := range flows.All() {
			for protocol, ports := range part.Transports.All() {
				some := flowset.Of(part.Addrs, flowset.Transport(protocol, ports))
				at := attempt.Attempt{
					Protocol: socketProtocol(protocol, q.Protocol), Source: q.Source, Destination: netip.AddrPortFrom(q.To.Addr(), 0),
				}
				if d := p.DecideBind(at.Protocol, bound(at)); d.Verdict.Denies() {
					out.deny(some, d)
					continue
				}
				left.AddSet(some)
			}
		}
		flows = left.Set()
	}
	if !flows.IsEmpty() {
		out.Shares = append(out.Shares, p.Shares(q.Source, flows)...)
	}
	allowed, denied := false, false
	for _, s := range out.Shares {
		allowed, denied = allowed || !s.By.Verdict.Denies(), denied || s.By.Verdict.Denies()
	}
	switch {
	case allowed && denied:
		out.Result = Partly
	case denied:
		out.Result = Denied
	default:
		out.Result = Allowed
	}
	if a, one := q.Attempt(); one {
		out.Chain = p.Explain(a)
	}
	if denied && q.Source.Kind != attempt.SourceNone {
		q.Source = attempt.Source{}
		out.Unbound = p.Answer(q).Result == Allowed
	}
	return out
}

// deny adds flows to the share of a decision.
func (a *Answer) deny(flows flowset.Set, d Decision) {
	for i := range a.Shares {
		if a.Shares[i].By == d {
			a.Shares[i].Flows = a.Shares[i].Flows.Union(flows)
			return
		}
	}
	a.Shares = append(a.Shares, Share{flows, d})
}

// socketProtocol is a protocol that stands for one of flows: the one asked about, where it is.
func socketProtocol(p flowset.Protocol, asked attempt.Protocol) attempt.Protocol {
	if asked != 0 {
		return asked
	}
	return [...]attempt.Protocol{attempt.TCP, attempt.UDP, attempt.SCTP, attempt.ICMP, attempt.ICMPv6, 255}[p]
}
