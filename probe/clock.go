package probe

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Clock is this host's clock beside those of servers.
type Clock struct {
	Sources []ClockSource
	// Certificates are those that are not valid at this host's time.
	Certificates []ClockCertificate
}

// ClockSource is a server that told its time.
type ClockSource struct {
	To      netip.AddrPort
	Service string        // how it told: "ntp", "http"
	Skew    time.Duration // how far it is ahead of this host
}

// ClockCertificate is a certificate that is expired, or not valid yet, by this host's clock.
type ClockCertificate struct {
	To                  netip.AddrPort
	Name                string
	NotBefore, NotAfter time.Time
	At                  time.Time // this host's time
}

const (
	// SkewTLS is how far a clock may be off before much fails of it: Kerberos takes 5 minutes (RFC 4120, section 5.2.6 names it as usual), tokens
	// as a rule no more, and certificates that are new fail of their first minutes.
	SkewTLS = 5 * time.Minute
	// skewAgreement is how near to each other clocks are that agree: those of HTTP have whole seconds, and answers take their time.
	skewAgreement = time.Minute
	maxClock      = 64 // sources that are kept
)

// Add takes what a result tells of clocks: one of each address and service.
func (c *Clock) Add(r *Result) {
	a := r.Answer
	if a == nil || r.Via != nil { // it may be the proxy's clock
		return
	}
	if a.Skew != nil && len(c.Sources) < maxClock && !slices.ContainsFunc(c.Sources, func(s ClockSource) bool { return s.To.Addr() == r.Destination.Addr() && s.Service == a.Service }) {
		c.Sources = append(c.Sources, ClockSource{r.Destination, a.Service, *a.Skew})
	}
	if a.TLS == nil || len(c.Certificates) >= maxClock || slices.ContainsFunc(c.Certificates, func(x ClockCertificate) bool { return x.To == r.Destination }) {
		return
	}
	for _, f := range a.TLS.Faults {
		if f.Kind == Expired && r.Begin.After(a.TLS.NotAfter) || f.Kind == NotYetValid {
			c.Certificates = append(c.Certificates, ClockCertificate{r.Destination, r.Name, a.TLS.NotBefore, a.TLS.NotAfter, r.Begin})
			return
		}
	}
}

// ClockFinding is what clocks tell together.
type ClockFinding struct {
	Skew  time.Duration // how far this host's clock is behind; negative: ahead
	Sure  bool          // independent servers agree, and none that told its time says otherwise
	Words []string
}

// Finding is what stands out; nil where nothing does.
func (c *Clock) Finding() *ClockFinding {
	groups := c.groups()
	if len(groups) == 0 {
		return c.ofCertificates()
	}
	most := groups[0]
	skew := most[len(most)/2].Skew
	tie := len(groups) > 1 && hosts(groups[1]) == hosts(most)
	var f *ClockFinding
	switch {
	case len(groups) == 1 && skew.Abs() <= SkewTLS:
		return c.unexplained(skew, len(most))
	case tie:
		f = &ClockFinding{}
		f.say("servers disagree about the time: %s; this host's clock may be right, or not: ask one more (ntp://HOST)", c.list(groups))
		return f
	case skew.Abs() <= SkewTLS:
		f = &ClockFinding{Skew: skew}
		f.say("this host's clock agrees with %s; wrong is the clock of %s", told(most), strings.Join(toldEach(groups[1:]), "; "))
		return f
	}
	f = &ClockFinding{Skew: skew, Sure: hosts(most) > 1 && len(groups) == 1}
	f.say("this host's clock is %s: %s", off(skew), told(most))
	if hosts(most) == 1 {
		f.say("one server alone says so: its own clock may be wrong; ask another (ntp://HOST)")
	}
	if len(groups) > 1 {
		f.say("others say otherwise: %s", strings.Join(toldEach(groups[1:]), "; "))
	}
	for _, x := range c.Certificates {
		if right := x.At.Add(skew); !right.Before(x.NotBefore) && !right.After(x.NotAfter) {
			f.say("for this alone the certificate of %s is refused: it is valid from %s to %s", x.name(), stamp(x.NotBefore), stamp(x.NotAfter))
		}
	}
	if len(f.Words) == 1 || hosts(most) > 1 {
		f.say("TLS certificates, Kerberos tickets (5 minutes) and tokens fail of that: set the clock, `timedatectl` or `chronyc tracking` tell what keeps it")
	}
	return f
}

// ofCertificates is what certificates tell alone.
func (c *Clock) ofCertificates() *ClockFinding {
	early := 0
	for _, x := range c.Certificates {
		if x.At.Before(x.NotBefore) {
			early++
		}
	}
	if early == 0 {
		return nil
	}
	f := &ClockFinding{}
	f.say("%s not valid yet by this host's clock, which may be behind: servers hardly ever show one before its time; probe an ntp:// or http:// target to know", count(early, "certificate is", "certificates are"))
	return f
}

// unexplained tells that certificates are not valid though the clock is right.
func (c *Clock) unexplained(skew time.Duration, n int) *ClockFinding {
	if len(c.Certificates) == 0 {
		return nil
	}
	f := &ClockFinding{Skew: skew, Sure: n > 1}
	for _, x := range c.Certificates {
		f.say("the certificate of %s is not valid now (from %s to %s), and this host's clock is right, as %s", x.name(), stamp(x.NotBefore), stamp(x.NotAfter), told(c.Sources))
	}
	return f
}

func (f *ClockFinding) say(format string, args ...any) {
	f.Words = append(f.Words, fmt.Sprintf(format, args...))
}

// groups are sources that agree, the largest first.
func (c *Clock) groups() [][]ClockSource {
	sorted := slices.SortedFunc(slices.Values(c.Sources), func(a, b ClockSource) int { return cmp.Compare(a.Skew, b.Skew) })
	var groups [][]ClockSource
	for i, s := range sorted {
		if i == 0 || s.Skew-sorted[i-1].Skew > skewAgreement {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], s)
	}
	slices.SortStableFunc(groups, func(a, b []ClockSource) int { return hosts(b) - hosts(a) })
	return groups
}

// hosts is how many addresses a group has: two services of one have one clock.
func hosts(group []ClockSource) int {
	seen := map[netip.Addr]bool{}
	for _, s := range group {
		seen[s.To.Addr()] = true
	}
	return len(seen)
}

func told(group []ClockSource) string {
	var out []string
	for _, s := range group[:min(len(group), 3)] {
		out = append(out, fmt.Sprintf("%v by %s", s.To, s.Service))
	}
	text := strings.Join(out, ", ")
	if n := len(group) - 3; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if len(group) == 1 {
		return text + " says so"
	}
	return text + " say so"
}

func toldEach(groups [][]ClockSource) []string {
	var out []string
	for _, g := range groups {
		s := strings.TrimSuffix(strings.TrimSuffix(told(g), " say so"), " says so")
		out = append(out, s+", by which this host is "+off(g[len(g)/2].Skew))
	}
	return out
}

func (c *Clock) list(groups [][]ClockSource) string { return strings.Join(toldEach(groups), "; ") }

// off is a skew from this host's side: "2h ahead".
func off(skew time.Duration) string {
	switch {
	case skew.Abs() < time.Second:
		return "right"
	case skew > 0:
		return attempt.DurationText(skew.Round(time.Second)) + " behind"
	}
	return attempt.DurationText((-skew).Round(time.Second)) + " ahead"
}

func (x *ClockCertificate) name() string {
	if x.Name != "" {
		return x.Name
	}
	return x.To.String()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func count(n int, one, many string) string {
	if n == 1 {
		return "one " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
