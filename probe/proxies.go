package probe

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// Proxies are those that targets are tried by way of.
type Proxies struct {
	Env   map[string]string // this process's environment, for what clients make of it
	Given []*Via            // that a flag named: for every target
	ByEnv map[string]*Via   // that the variables name, by their names in lower case
}

// MaxProxied is of how many ports at most a target is tried by way of proxies that the environment names: who asks a proxy for more is taken for a
// scanner. Those of a flag are asked for all.
const MaxProxied = 32

// web tells by which scheme clients ask for a target; "" where nothing tells that it is asked for by URL.
func (t *Target) web() string {
	switch t.Service {
	case "http", "h2c":
		return "http"
	case "https", "h2":
		return "https"
	case "":
		if t.Protocol == attempt.TCP && len(t.Ports) == 1 && t.Ports[0].Len() == 1 {
			switch t.Ports[0].First {
			case 80:
				return "http"
			case 443:
				return "https"
			}
		}
	}
	return ""
}

// url is how a client asks for a port of a target.
func (t *Target) url(port uint16) proxy.URL {
	u := proxy.URL{Scheme: t.web(), Host: t.Name(), Port: port}
	if u.Scheme == "" {
		u.Scheme = "https" // what is not HTTP takes the proxy for tunnels
	}
	return u
}

// For are the proxies by way of which a target is tried. Of the environment it is the one for the target's scheme, and none where all clients would go
// directly.
func (p *Proxies) For(t *Target) []*Via {
	if p == nil || t.Protocol != attempt.TCP || t.Direct {
		return nil
	}
	list := slices.Clone(p.Given)
	if v := p.named(t); v != nil && !p.exempt(t) && t.portCount() <= MaxProxied {
		list = append(list, v)
	}
	return slices.DeleteFunc(list, func(v *Via) bool { // the proxy itself
		return t.portCount() == 1 && t.Ports[0].First == v.Port && (strings.EqualFold(t.Name(), v.Host) || t.Addr == v.Addr.Addr())
	})
}

func (t *Target) portCount() int {
	n := 0
	for _, r := range t.Ports {
		n += r.Len()
	}
	return n
}

// named is the proxy that the environment names for a target; nil for none.
func (p *Proxies) named(t *Target) *Via {
	order := []string{"https_proxy", "all_proxy", "http_proxy"} // what is neither takes a tunnel, as https does
	if t.web() == "http" {
		order = []string{"http_proxy", "all_proxy"}
	}
	if t.web() == "https" {
		order = order[:2]
	}
	if t.Addr.IsLoopback() || t.Addr.IsLinkLocalUnicast() || t.Host == "localhost" {
		return nil
	}
	for _, name := range order {
		if v := p.ByEnv[name]; v != nil {
			return v
		}
	}
	return nil
}

// exempt reports whether a list exempts a target for every client that has one.
func (p *Proxies) exempt(t *Target) bool {
	u := t.url(t.Ports[0].First)
	for _, c := range proxy.Clients {
		lists := []string{p.Env["no_proxy"], p.Env["NO_PROXY"]}
		if lists[0] == "" && lists[1] == "" {
			return false
		}
		for _, list := range lists {
			if list != "" && c != proxy.Node && c.Exempting(list, u) == "" {
				return false
			}
		}
	}
	return true
}

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
			for _, port := range e.ports {
				direct[place{r.Target, port}] = nil
			}
		}
	}
	for _, r := range rows {
		if r.order() != 0 || r.Protocol != attempt.TCP {
			continue
		}
		for _, e := range r.Ends {
			for _, port := range e.ports {
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
			for _, port := range e.ports {
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

// Reading is what clients make of the proxy variables, for targets of which they make the same, where they differ.
type Reading struct {
	Targets []string
	Direct  []proxy.Choice // those that go directly
	By      []proxy.Choice // those that take a proxy
}

// Readings are the targets for which clients choose different ways. Clients that read no variable without more ado are left out.
func (p *Proxies) Readings(targets []Target) []*Reading {
	if p == nil {
		return nil
	}
	var list []*Reading
	byKey := map[string]*Reading{}
	for i := range targets {
		t := &targets[i]
		if t.web() == "" || t.portCount() == 0 {
			continue
		}
		r := &Reading{}
		var key strings.Builder
		for _, c := range append(slices.Clone(proxy.Clients), proxy.Java) {
			x := c.Choose(p.Env, t.url(t.Ports[0].First))
			if c == proxy.Node && p.Env["NODE_USE_ENV_PROXY"] != "1" || c == proxy.Java && x.Variable == "" {
				continue
			}
			if x.Direct() {
				r.Direct = append(r.Direct, x)
			} else {
				r.By = append(r.By, x)
			}
			key.WriteString(strings.Join([]string{x.Variable, x.Exempt, x.List, x.Why}, "\x00") + "\x01")
		}
		if len(r.Direct) == 0 || len(r.By) == 0 {
			continue
		}
		if same := byKey[key.String()]; same != nil {
			r = same
		} else {
			byKey[key.String()] = r
			list = append(list, r)
		}
		if !slices.Contains(r.Targets, t.Text) {
			r.Targets = append(r.Targets, t.Text)
		}
	}
	return list
}

// Reasons are why clients go directly, those with the same reason together: "wget reads https_proxy in lower case alone".
func (r *Reading) Reasons() []string {
	names := map[string][]string{}
	var order []string
	for _, x := range r.Direct {
		why := x.Why
		switch {
		case x.Exempt != "":
			why = "heeds " + x.Exempt + " in " + x.List
		case why == "":
			why = "finds no variable that it reads"
		}
		if names[why] == nil {
			order = append(order, why)
		}
		names[why] = append(names[why], x.Client.String())
	}
	var out []string
	for _, why := range order {
		out = append(out, strings.Join(names[why], ", ")+": "+why)
	}
	return out
}

// Rules are how the items that exempt for some are read.
func (r *Reading) Rules() []string {
	rules := map[string]bool{}
	for _, x := range r.Direct {
		if x.Exempt != "" {
			if words := proxy.Rule(x.Exempt); words != "" {
				rules[x.Exempt+": "+words] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(rules))
}

// ProxyVariables reads the proxies that an environment names, by the variables' names in lower case. Their addresses are not looked up. Where both spellings are set, the lower counts, as
// most clients have it. The errors are of those that cannot be spoken to.
func ProxyVariables(env map[string]string) (list map[string]*Via, bad map[string]error) {
	list, bad = map[string]*Via{}, map[string]error{}
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy"} {
		for _, spelled := range []string{name, strings.ToUpper(name)} {
			if env[spelled] == "" {
				continue
			}
			s, err := proxy.ParseServer(env[spelled])
			if err == nil && !slices.Contains(proxy.Schemes, s.Scheme) {
				err = errScheme
			}
			if err != nil {
				bad[spelled] = err
			} else {
				list[name] = &Via{Server: s, Variable: spelled}
			}
			break
		}
	}
	return list, bad
}

var errScheme = errors.New("names a proxy of another protocol: want " + strings.Join(proxy.Schemes, ", "))
