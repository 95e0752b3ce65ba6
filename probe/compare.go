package probe

import (
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Difference is ports of a row where what was declared and what was observed are not the same.
type Difference struct {
	Row      *MatrixRow
	End      *End
	Declared profile.Decision
	Reason   string // the likely one, one line

	ports []uint16
}

// Ports are the ports of the difference.
func (d *Difference) Ports() flowset.Ports { return flowset.PortsOf(d.ports...) }

// Comparison is a matrix beside a declared profile.
type Comparison struct {
	Differences []*Difference
	Same        int // cells where both say the same
	Unsure      int // cells where nothing conclusive was observed
}

// Compare puts each cell of a matrix beside what a declared profile says of the same attempt. Devices, and what a source's port makes of it, are
// no part of a profile: such rows are left out.
func (m *Matrix) Compare(declared *profile.Profile) Comparison {
	var c Comparison
	for _, r := range m.Rows() {
		if r.Device != "" || r.NoPort || r.Foreign {
			continue
		}
		for _, e := range r.Ends {
			c.cell(declared, r, e)
		}
	}
	return c
}

func (c *Comparison) cell(declared *profile.Profile, r *MatrixRow, e *End) {
	first := len(c.Differences)
	for _, port := range e.ports {
		d := declared.Decide(attempt.Attempt{Protocol: r.Protocol, Source: r.Bound, Destination: netip.AddrPortFrom(r.Addr, port), Name: r.Name})
		denied := d.Verdict.Denies()
		switch {
		case e.Outcome.Kind == attempt.Refused && d.Verdict.Kind == profile.Refuse:
			c.Same++
			continue
		case e.Verdict == Inconclusive && !(denied && e.answered()):
			c.Unsure++
			continue
		case e.Verdict == Allowed && !denied, e.Verdict == Denied && denied:
			c.Same++
			continue
		}
		i := slices.IndexFunc(c.Differences[first:], func(x *Difference) bool { return x.Declared == d })
		if i < 0 {
			c.Differences = append(c.Differences, &Difference{Row: r, End: e, Declared: d, Reason: e.reason(denied)})
			i = len(c.Differences) - 1 - first
		}
		x := c.Differences[first+i]
		x.ports = append(x.ports, port)
	}
}

// answered reports whether the far end itself answered, though nothing there wanted the connection: that a packet came through.
func (e *End) answered() bool {
	return e.Outcome.Kind == attempt.Refused || e.Outcome.Kind == attempt.Reset
}

// reason is why what was observed is most likely not what was declared.
func (e *End) reason(denied bool) string {
	switch {
	case denied && e.answered():
		return "an answer came back: the policy is not enforced here, or it rejects where the profile says otherwise"
	case denied:
		return "the policy is not enforced here: the network plugin does not know it, or the labels or addresses are not those that it selects"
	case e.Stage == StageBind:
		return "a rule of this host that the declared profile does not know: an LSM, a capability, a cgroup program"
	case e.Layer == LocalFirewall:
		return "a packet filter of this host denies it"
	case e.Layer == LocalRoute:
		return "this host has no route there"
	case e.Layer == LocalCall:
		return "the call itself is denied here: seccomp, Landlock, an LSM or a cgroup program"
	case e.Outcome.Kind == attempt.TimedOut:
		return "something on the way drops it that was not declared, or the host is down: try from elsewhere"
	}
	return "something on the way rejects it that was not declared"
}
