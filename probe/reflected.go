package probe

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Reflected is what a reflector of the user's own saw of an attempt, beside what the attempt itself saw.
type Reflected struct {
	Seen    netip.AddrPort // the source, as the reflector saw it
	Local   netip.AddrPort // the source, as the socket itself has it
	Reached netip.AddrPort // the reflector's own address and port that was reached
	Out     Passage        // of the bytes to the reflector
	Back    Passage        // of those from it
	Name    string         // that was said in TLS's hello or HTTP's Host; "" for none
	Said    string         // the name as it arrived
	Between string         // the issuer of a certificate that is not the reflector's own: TLS ended on the way; "" where it did not
	Changes []string       // of HTTP's header: "via: 1.1 proxy.example was added"
}

// Passage is what became of bytes on the way.
type Passage struct {
	Sent, Came int
	Differ     int // where they differ first; -1: they came as they were sent
}

// Intact reports whether all bytes came as they were sent, both ways.
func (r *Reflected) Intact() bool { return r.Out.Differ < 0 && r.Back.Differ < 0 }

// Of the targets that are asked of a reflector.
const (
	reflectBare = "reflect"
	reflectTLS  = "reflect-tls"
	reflectHTTP = "reflect-http"
)

// ForReflector reports whether a target is a reflector, which takes a token.
func (t *Target) ForReflector() bool {
	return t.Service == reflectBare || t.Service == reflectTLS || t.Service == reflectHTTP
}

// SaidName is the name that a target has a reflector asked by; "" for that of its host.
func (t *Target) SaidName() string { return strings.Trim(t.Path, "/") }

// Companions are the targets that tell whether a name, or TLS or HTTP as such, made the difference: the same without the name, and by no
// protocol that anything on the way knows.
func (t *Target) Companions() []Target {
	if t.Service != reflectTLS && t.Service != reflectHTTP {
		return nil
	}
	_, rest, _ := strings.Cut(t.Text, "://")
	rest = strings.TrimSuffix(rest, t.Path)
	bare := *t
	bare.Text, bare.Service, bare.Path = "reflect://"+rest, reflectBare, ""
	if t.SaidName() == "" {
		return []Target{bare}
	}
	nameless := *t
	nameless.Text, nameless.Path = strings.TrimSuffix(t.Text, t.Path), ""
	return []Target{nameless, bare}
}

// SeenAs are the addresses by which reflectors saw attempts without a bind, sorted.
func (m *Matrix) SeenAs() []netip.Addr {
	var list []netip.Addr
	for _, r := range m.rows {
		if r.order() != 0 {
			continue
		}
		for _, e := range r.Ends {
			if e.Answer != nil && e.Answer.Service == reflectBare && e.Answer.Reflected != nil {
				list = append(list, e.Answer.Reflected.Seen.Addr().WithZone(""))
			}
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// NameContrast is a way to ask a reflector that does not get through where another does, to the same ports.
type NameContrast struct {
	Target  string // that which does not
	Other   string // that which does
	Addr    netip.Addr
	Service string // of Target: reflect, reflect-tls or reflect-http
	Name    string // the name that is to blame; "" where it is the protocol
	Verdict Verdict
	Layer   Layer
	Stage   Stage
	Outcome attempt.Outcome
	Took    time.Duration
	ports   []uint16
}

// Ports are those where it is so.
func (c *NameContrast) Ports() flowset.Ports { return flowset.PortsOf(c.ports...) }

// What is "name" or "protocol": what made the difference.
func (c *NameContrast) What() string {
	if c.Name != "" {
		return "name"
	}
	return "protocol"
}

// NameContrasts are what a name, TLS or HTTP made of attempts at reflectors without a bind.
func (m *Matrix) NameContrasts() []NameContrast {
	type at struct {
		addr netip.Addr
		port uint16
	}
	passed := map[string]map[at]bool{} // by the target's text
	var rows []*MatrixRow
	for _, r := range m.Rows() {
		if r.order() != 0 || r.Protocol != attempt.TCP || reflectorOf(r.Target) == "" {
			continue
		}
		rows = append(rows, r)
		if passed[r.Target] == nil {
			passed[r.Target] = map[at]bool{}
		}
		for _, e := range r.Ends {
			for _, p := range e.ports {
				if e.Answer != nil && e.Answer.Reflected != nil {
					passed[r.Target][at{r.Addr, p}] = true
				}
			}
		}
	}
	tried := func(service string, addr netip.Addr, port uint16) bool { // without a name
		return slices.ContainsFunc(rows, func(r *MatrixRow) bool {
			return reflectorOf(r.Target) == service && saidIn(r.Target) == "" && r.Addr == addr &&
				slices.ContainsFunc(r.Ends, func(e *End) bool { return slices.Contains(e.ports, port) })
		})
	}
	var list []NameContrast
	for _, r := range rows {
		service := reflectorOf(r.Target)
		for _, e := range r.Ends {
			if e.Answer != nil && e.Answer.Reflected != nil || e.Outcome.Kind == attempt.Cancelled {
				continue
			}
			for _, p := range e.ports {
				other, name := "", ""
				for _, x := range rows { // the nearest: the same without its name; else bare; else what gets through where bare does not
					if x.Addr != r.Addr || !passed[x.Target][at{r.Addr, p}] {
						continue
					}
					switch s := reflectorOf(x.Target); {
					case s == service && saidIn(r.Target) != "" && saidIn(x.Target) != saidIn(r.Target):
						other, name = x.Target, saidIn(r.Target)
					case s != service && name == "" && (s == reflectBare || service == reflectBare):
						other = x.Target
					}
				}
				if other == "" || name == "" && saidIn(r.Target) != "" && tried(service, r.Addr, p) { // the same without the name tells it
					continue
				}
				i := slices.IndexFunc(list, func(c NameContrast) bool {
					return c.Target == r.Target && c.Other == other && c.Addr == r.Addr && c.Stage == e.Stage && c.Outcome == e.Outcome
				})
				if i < 0 {
					list = append(list, NameContrast{Target: r.Target, Other: other, Addr: r.Addr, Service: service, Name: name, Verdict: e.Verdict, Layer: e.Layer, Stage: e.Stage, Outcome: e.Outcome})
					i = len(list) - 1
				}
				list[i].ports = append(list[i].ports, p)
				list[i].Took = max(list[i].Took, e.Took)
			}
		}
	}
	return list
}

// reflectorOf is the service of a reflector's target; "" for other targets.
func reflectorOf(text string) string {
	name, _, _ := strings.Cut(text, "://")
	if s, known := schemes[strings.ToLower(name)]; known && strings.HasPrefix(s.service, reflectBare) {
		return s.service
	}
	return ""
}

func saidIn(text string) string {
	_, rest, _ := strings.Cut(text, "://")
	_, path, _ := strings.Cut(rest, "/")
	return strings.Trim(path, "/")
}
