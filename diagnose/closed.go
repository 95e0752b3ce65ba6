package diagnose

import (
	"context"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Visitor is a Sounder that can also see what becomes of a connection on which nothing is sent.
type Visitor interface {
	Sounder
	// Visit makes a TCP connection from where the program stands, as Try does, and reports what the other end does.
	Visit(ctx context.Context, pid int, to netip.AddrPort) (attempt.Visit, error)
}

const (
	maxMeetings = 4               // destinations that are looked at
	meetingWait = 1 * time.Second // for what comes back of the packets whose hops run out
	shortLife   = 1 * time.Second // a program does not give up waiting for an answer so soon
)

// meeting is what was learned of who answers in a destination's name.
type meeting struct {
	looked bool // the other fields say something
	visit  attempt.Visit
	hop    attempt.NextHop
	path   path
	host   attempt.Echo // of a UDP packet to the host
	at     int          // the hop at which somebody answers in its name; 0: none was seen
}

// ranBadly reports whether the program ended by itself, and not well. One that was told to end may have been well.
func (v *Investigation) ranBadly() bool {
	const bySignal = 128
	switch v.status {
	case bySignal + 1, bySignal + 2, bySignal + 3, bySignal + 9, bySignal + 15: // SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM
		return false
	}
	return v.ended && v.status != 0
}

// closings adds a finding for each destination that closed a connection before a byte of it came, where nothing else explains why the
// program ended badly.
func (v *Investigation) closings(ctx context.Context, rec *record, folded *folder) {
	if !v.ranBadly() || len(folded.findings) > 0 {
		return
	}
	seen := make(map[netip.AddrPort]*meeting)
	for i := range rec.all {
		m := &rec.all[i]
		if !rec.closedUnanswered(m) || rec.resolvers[m.life.Cookie] || rec.answered(m) {
			continue
		}
		met := seen[m.Destination]
		if met == nil {
			if len(seen) == maxMeetings {
				break
			}
			met = v.meet(ctx, m)
			seen[m.Destination] = met
		}
		if f := v.facts(); (met.hop.Local || f.local(m.Destination.Addr())) && !met.stillServed() {
			continue // the server may have been the program's own, and its end the end of the program
		}
		x := &examined{made: m, experiment: &experiment{}, facts: v.facts(), rec: rec, options: v.options, met: met}
		if met.looked {
			x.cfs = []Counterfactual{met.counterfactual(m)}
		}
		folded.finding(m, x.finding())
	}
}

// closedUnanswered reports whether an attempt connected, and the other end closed or reset the connection before a byte of it came.
func (rec *record) closedUnanswered(m *made) bool {
	if !m.connected() || m.Decided || m.Protocol != attempt.TCP {
		return false
	}
	if r, ok := connection(m.life); !ok || r.First != m.First {
		return false // the ending is that of the life's last connection
	}
	e := m.life.Ending
	if e.PeerClosed() || e.PeerReset() {
		return true
	}
	// Both ends closed, and which did so first is not known. A program that waited in vain would have waited longer.
	return e.Silent() && e.Received == 1 && e.Retransmits == 0 && e.DataSegsOut > 0 && e.At.Sub(m.End) < shortLife
}

// answered reports whether another connection to the same destination got an answer, or may have got one.
func (rec *record) answered(m *made) bool {
	for i := range rec.all {
		o := &rec.all[i]
		if o != m && o.connected() && o.Protocol == m.Protocol && same(o.Destination, m.Destination) && !o.life.Ending.Silent() {
			return true
		}
	}
	return false
}

// meet looks at who answers in the name of a destination. The program is gone by now: where its connection was in another network
// namespace, and no process is left to reach that by, there is nothing to be looked at.
func (v *Investigation) meet(ctx context.Context, m *made) *meeting {
	s, ok := v.trier.(Visitor)
	met := &meeting{}
	if !ok || v.options.NoCounterfactuals || !stands(m.life) {
		return met
	}
	limit, cancel := context.WithTimeout(ctx, v.options.Timeout)
	defer cancel()
	hop, err := s.NextHop(m.pid(), m.Destination.Addr())
	if err != nil {
		return met
	}
	visit, err := s.Visit(limit, m.pid(), m.Destination)
	if err != nil || visit.Outcome.Kind == attempt.Cancelled {
		return met
	}
	met.looked, met.hop, met.visit = true, hop, visit
	if f := v.facts(); hop.Local || f.local(m.Destination.Addr()) {
		met.visit.Inside, met.hop.Local = netip.AddrPort{}, true
	} else if !visit.Inside.IsValid() && hop.Gateway.IsValid() && visit.Outcome.Kind == attempt.Connected {
		met.sound(limit, s, m)
	}
	return met
}

// sound sends packets whose hops run out on the way, and one to the host.
func (met *meeting) sound(ctx context.Context, s Sounder, m *made) {
	ctx, cancel := context.WithTimeout(ctx, meetingWait)
	defer cancel()
	host := m.Destination.Addr()
	probes := []attempt.Probe{{Protocol: attempt.UDP, To: netip.AddrPortFrom(host, pathPort+pathHops)}}
	for i := range pathHops {
		probes = append(probes, attempt.Probe{Protocol: attempt.TCP, To: m.Destination, Hops: i + 1},
			attempt.Probe{Protocol: attempt.UDP, To: netip.AddrPortFrom(host, pathPort+uint16(i)), Hops: i + 1})
	}
	echoes, err := s.Sound(ctx, m.pid(), probes)
	if err != nil || len(echoes) != len(probes) {
		return
	}
	met.host = echoes[0]
	for i := 1; i < len(echoes); i += 2 {
		met.path.tcp, met.path.udp = append(met.path.tcp, echoes[i]), append(met.path.udp, echoes[i+1])
	}
	met.at = answersEarly(met.path.tcp, met.path.udp)
}

// answersEarly is the hop at which a SYN is answered in the name of a host that is further away; 0 where none is. A packet with one hop
// comes to the first router and no further. Beyond, SYNs and datagrams may take ways of other lengths, so the datagrams have to
// run out of hops one further as well.
func answersEarly(tcp, udp []attempt.Echo) int {
	for i := range tcp {
		answered := tcp[i].Outcome.Kind == attempt.Connected || tcp[i].Outcome.Kind == attempt.Reset
		if !answered || !udp[i].Expired() {
			continue
		}
		if i == 0 || i+1 < len(udp) && udp[i+1].Expired() {
			return i + 1
		}
	}
	return 0
}

// stillServed reports whether somebody accepted there when the program had ended.
func (met *meeting) stillServed() bool {
	return met.looked && met.visit.Outcome.Kind == attempt.Connected
}

// counterfactual is the visit as one.
func (met *meeting) counterfactual(m *made) Counterfactual {
	v := met.visit
	c := Counterfactual{
		Change: "the same again, sending nothing", Attempt: attempt.Attempt{Protocol: m.Protocol, Destination: m.Destination, Name: m.Name},
		Outcome: v.Outcome, Took: v.Took,
	}
	after := attempt.DurationText(v.Lasted.Round(100 * time.Microsecond))
	switch {
	case v.Outcome.Kind != attempt.Connected:
	case v.Reset:
		c.Detail = "and reset by the other end after " + after
	case v.Closed:
		c.Detail = "and closed by the other end after " + after
	case v.Received > 0:
		c.Detail = "and greeted"
	default:
		c.Detail = "and open for " + after + ": the other end waits for the client to speak"
	}
	return c
}

// refineClosed names the cause of a connection that was closed without a byte.
func refineClosed(x *examined) string {
	switch {
	case x.met == nil:
		return ""
	case x.met.visit.Inside.IsValid() || x.met.at > 0:
		return Intercepted
	}
	return ClosedWithoutAnswer
}
