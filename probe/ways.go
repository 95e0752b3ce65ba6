package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// WayKind is how the ways to a destination differ.
type WayKind uint8

// The kinds.
const (
	OnlyByProxy WayKind = iota // it is not reached directly
	OnlyDirect                 // the proxy does not lead there
	WantsLogin                 // the proxy leads nowhere without a user
	Intercepted                // by way of the proxy another authority signs for the server
)

// Way is a destination to which one way leads and another does not.
type Way struct {
	Kind   WayKind
	Target string
	Name   string // as clients name it
	Ports  []uint16
	Via    *Via
	Direct *End // nil: its name was not found
	By     *End
	Next   []string // what to do, each one line
}

// Ways are where the direct way and one by a proxy differ. What proves nothing makes no difference. Unfound are the targets, as they were given, whose
// names were not found.
func (m *Matrix) Ways(p *Proxies, unfound map[string]bool) []*Way {
	if p == nil {
		return nil
	}
	type place struct {
		target string
		port   uint16
	}
	rows := m.Rows()
	direct := map[place]*End{} // of what was tried by way of proxies
	for _, r := range rows {
		if r.Via == nil {
			continue
		}
		for _, e := range r.Ends {
			for _, port := range e.ports.sorted() {
				direct[place{r.Target, port}] = nil
			}
		}
	}
	for _, r := range rows {
		if r.order() != 0 || r.Protocol != attempt.TCP {
			continue
		}
		for _, e := range r.Ends {
			for _, port := range e.ports.sorted() {
				at := place{r.Target, port}
				if was, wanted := direct[at]; !wanted {
					continue
				} else if was == nil || e.Verdict == Allowed && was.Verdict != Allowed || was.Verdict == Denied && e.Verdict == Inconclusive {
					direct[at] = e
				}
			}
		}
	}
	var list []*Way
	for _, r := range rows {
		if !r.ByProxy() {
			continue
		}
		for _, e := range r.Ends {
			for _, port := range e.ports.sorted() {
				d := direct[place{r.Target, port}]
				kind, some := wayKind(d, e)
				if !some || d == nil && !unfound[r.Target] {
					continue
				}
				i := slices.IndexFunc(list, func(w *Way) bool { return w.Kind == kind && w.By == e && w.Direct == d })
				if i < 0 {
					w := &Way{Kind: kind, Target: r.Target, Name: r.Name, Via: r.Via, Direct: d, By: e}
					if w.Name == "" {
						w.Name = r.At()
					}
					list = append(list, w)
					i = len(list) - 1
				}
				list[i].Ports = append(list[i].Ports, port)
			}
		}
	}
	for _, w := range list {
		w.Next = p.next(w)
	}
	return list
}

func wayKind(d, by *End) (WayKind, bool) {
	reached := d != nil && d.Verdict == Allowed
	switch {
	case by.Verdict == Allowed && (d == nil || d.Verdict == Denied):
		return OnlyByProxy, true
	case by.Said == proxy.WantsUser:
		return WantsLogin, true
	case reached && by.Verdict == Denied:
		return OnlyDirect, true
	case reached && by.Said == proxy.CannotReach:
		return OnlyDirect, true
	case reached && by.Verdict == Allowed && d.Answer != nil && by.Answer != nil && d.Answer.TLS != nil && by.Answer.TLS != nil && d.Answer.TLS.Issuer != by.Answer.TLS.Issuer:
		return Intercepted, true
	}
	return 0, false
}

// next says what to do about a way.
func (p *Proxies) next(w *Way) []string {
	t, err := Parse(w.Target)
	if err != nil {
		t = Target{Text: w.Target, Host: w.Name, Protocol: attempt.TCP, Ports: []PortRange{{w.Ports[0], w.Ports[0]}}}
	}
	switch w.Kind {
	case WantsLogin:
		if w.Via.User != "" {
			return []string{"check the user and password: in a URL @ : / % and # are written %40 %3A %2F %25 and %23"}
		}
		return []string{"give it one: " + w.Via.Scheme + "://USER:PASSWORD@" + w.Via.Address()}
	case OnlyDirect:
		return []string{"leave the proxy out for it: add " + w.Name + " to no_proxy and to NO_PROXY, with one value in both: wget reads the former alone, Go the latter first"}
	case Intercepted:
		return []string{"trust the authority that the proxy signs with, where that is meant: " + w.By.Answer.TLS.Issuer}
	}
	if t.web() == "" {
		return []string{"no variable is read for this protocol: the client needs a proxy setting of its own, or a wrapper such as proxychains4"}
	}
	name := t.web() + "_proxy"
	var list, exempt, without []string
	item, set := "", false
	for _, c := range proxy.Clients {
		switch x := c.Choose(p.Env, t.url(w.Ports[0])); {
		case c == proxy.Node:
		case x.Exempt != "":
			exempt = append(exempt, c.String())
			item = x.Exempt + " out of " + x.List
		case x.Direct():
			without = append(without, c.String())
		default:
			set = true
		}
	}
	if item != "" {
		list = append(list, "take "+item+": "+strings.Join(exempt, ", ")+" heed it, and go directly")
	}
	switch {
	case !set && item == "":
		list = append(list, "set "+name+"="+w.Via.String()+", in lower case for curl and wget")
	case len(without) > 0:
		list = append(list, "set "+name+" in lower case too: without it directly goes "+strings.Join(without, ", "))
	}
	return append(list, fmt.Sprintf("Java reads -D%[1]s.proxyHost=%[2]s -D%[1]s.proxyPort=%[3]d alone, Node its variables with NODE_USE_ENV_PROXY=1", t.web(), w.Via.Host, w.Via.Port))
}
