package probe

import (
	"errors"
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
	if v := p.named(t); v != nil && !p.exempt(t) && t.portCount() <= MaxProxied && (!t.Prefix.IsValid() || t.Prefix.IsSingleIP()) {
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
