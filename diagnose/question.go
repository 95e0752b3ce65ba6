package diagnose

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Asker is a Trier that can also ask a DNS server.
type Asker interface {
	Trier
	// Ask asks one question, "A" or "AAAA", from where the program stands, as Try does. Without an answer by the end of ctx it is silent.
	Ask(ctx context.Context, pid int, server netip.AddrPort, name, kind string) (attempt.Lookup, error)
}

// Limits of the questions of our own: servers that are asked have answered the program, or are its configuration's.
const (
	questions   = 64              // in a run
	questionFor = 2 * time.Second // how long an answer is waited for
)

// questionKey is what is asked once.
type questionKey struct {
	server     netip.AddrPort
	name, kind string
}

// ask asks a server of the program's the same kind of question; the answer is silence where it could not be asked. The counterfactuals
// have ended by then: it is called by Findings alone.
func (v *Investigation) ask(ctx context.Context, p *attempt.Process, server netip.AddrPort, name, kind string) attempt.Lookup {
	k := questionKey{server, strings.ToLower(name), kind}
	if l, known := v.asked[k]; known {
		return l
	}
	l := attempt.Lookup{Server: server, Name: name, Type: kind, Count: 1}
	asker, ok := v.trier.(Asker)
	if !ok || v.options.NoCounterfactuals || len(v.asked) >= questions || name == "" || v.mute[server] {
		return l
	}
	ctx, cancel := context.WithTimeout(ctx, questionFor)
	defer cancel()
	if got, err := asker.Ask(ctx, pidOf(p), server, name, kind); err == nil {
		l = got
	}
	if v.asked == nil {
		v.asked = map[questionKey]attempt.Lookup{}
	}
	v.asked[k] = l
	if l.Outcome == attempt.LookupSilent && v.mute == nil {
		v.mute = map[netip.AddrPort]bool{}
	}
	if l.Outcome == attempt.LookupSilent {
		v.mute[server] = true
	}
	return l
}

// askAddresses asks for a name's addresses of both families.
func (v *Investigation) askAddresses(ctx context.Context, p *attempt.Process, server netip.AddrPort, name string) told {
	var t told
	for _, kind := range []string{"A", "AAAA"} {
		l := v.ask(ctx, p, server, name, kind)
		t.addrs = append(t.addrs, l.Answers...)
		t.missing = t.missing || l.Outcome == attempt.LookupNoName
		t.exists = t.exists || l.Outcome == attempt.LookupNoData || l.Outcome == attempt.LookupAnswered
	}
	return t
}

// told is what a server says of a name, when asked by ourselves. The zero value is nothing.
type told struct {
	addrs   []netip.Addr
	missing bool // there is no such name
	exists  bool // there is, with whatever records
}

// list is addresses for a sentence.
func list(addrs []netip.Addr) string {
	var out []string
	for i, a := range addrs {
		if i == 3 {
			out = append(out, "...")
			break
		}
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

// overlap reports whether two lists have an address in common.
func overlap(a, b []netip.Addr) bool {
	return slices.ContainsFunc(a, func(x netip.Addr) bool {
		return slices.ContainsFunc(b, func(y netip.Addr) bool { return x.Unmap() == y.Unmap() })
	})
}
