package kube

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Mention is a destination that objects name, and where.
type Mention struct {
	Pos
	Scheme   string // of a URL, in lower case: "postgres"; "" where none was said
	Host     string // a name in lower case, or an address. A Service's is NAME.NAMESPACE.svc
	Ports    []uint16
	Protocol Protocol
	By       string // "DATABASE_URL of container app", "Service shop/db"
}

// Mentions are what objects name as destinations of a workload: its variables, with the ConfigMaps and Secrets that they come of, its command and
// arguments, and what is allowed to it by name or single address. With from nil it is what all workloads name, and all Services and external hosts of the
// objects. Of a Secret's value only host, port and scheme are told, and only where it is a URL or its name says that it is a host. What names no port is
// left out, with a word on it.
func (e *Evaluator) Mentions(from *Workload) (list []Mention, left []string) {
	m := &mentions{e: e, from: from}
	for _, w := range e.cluster.Workloads {
		if from == nil || w == from {
			m.workload(w)
		}
	}
	if from == nil {
		for _, s := range e.cluster.Services {
			m.service(s, s.Pos, "Service "+s.Namespace+"/"+s.Name)
		}
	}
	m.firewalls()
	m.policies()
	m.entries()
	slices.SortStableFunc(m.list, func(a, b Mention) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return m.list, m.left
}

type mentions struct {
	e    *Evaluator
	from *Workload
	list []Mention
	left []string
}

func (m *mentions) add(at Pos, scheme, host string, protocol Protocol, by string, ports ...uint16) {
	if a, err := netip.ParseAddr(host); err == nil && (a.IsLoopback() || a.IsUnspecified() || a.IsMulticast()) || host == "localhost" {
		return
	}
	if len(ports) == 0 && scheme == "" {
		m.left = append(m.left, fmt.Sprintf("%v: %s names %s and no port", at, by, host))
		return
	}
	m.list = append(m.list, Mention{at, scheme, host, ports, protocol, by})
}

// variable is one that a container gets.
type variable struct {
	Pos
	name, value string
	secret      bool
}

// variables are those of a container, as far as they are known.
func (m *mentions) variables(w *Workload, c *Container) []variable {
	var out []variable
	for _, ref := range c.EnvRefs {
		d := m.e.cluster.dataNamed(ref.Kind, w.Namespace, ref.Name)
		if d == nil {
			m.left = append(m.left, fmt.Sprintf("%v: %s %s was not read, so that its values are not known", c.EnvFrom, ref.Kind, ref.Name))
			continue
		}
		for key, v := range d.Values {
			out = append(out, variable{v.Pos, ref.Prefix + key, v.Text, ref.Kind == "Secret"})
		}
	}
	slices.SortFunc(out, func(a, b variable) int { return cmp.Compare(a.name, b.name) })
	for _, v := range c.Env {
		x := variable{Pos: v.Pos, name: v.Name, value: v.Value}
		if v.Ref.Kind != "" {
			d := m.e.cluster.dataNamed(v.Ref.Kind, w.Namespace, v.Ref.Name)
			if d == nil {
				m.left = append(m.left, fmt.Sprintf("%v: %s %s was not read, so that %s is not known", v.Pos, v.Ref.Kind, v.Ref.Name, v.Name))
				continue
			}
			value := d.Values[v.Ref.Key]
			x.Pos, x.value, x.secret = value.Pos, value.Text, v.Ref.Kind == "Secret"
		}
		out = slices.DeleteFunc(out, func(o variable) bool { return o.name == x.name }) // env wins over envFrom
		out = append(out, x)
	}
	for i := range out { // $(NAME), as the API has it
		for _, o := range out[:i] {
			if ref := "$(" + o.name + ")"; strings.Contains(out[i].value, ref) {
				out[i].value = strings.ReplaceAll(out[i].value, ref, o.value)
				out[i].secret = out[i].secret || o.secret
			}
		}
	}
	return out
}

func (m *mentions) workload(w *Workload) {
	for i := range w.Pod.Containers {
		c := &w.Pod.Containers[i]
		vars := m.variables(w, c)
		for _, v := range vars {
			by := v.name + " of container " + c.Name
			if m.text(w, v.Pos, by, v.value, v.secret, isHostName(v.name)) {
				continue
			}
			if stem, ok := hostStem(v.name); ok {
				m.hostAlone(w, v, by, portOf(vars, stem))
			}
		}
		for _, word := range c.Words {
			m.text(w, word.Pos, "arguments of container "+c.Name, word.Text, false, false)
		}
	}
}

// isHostName reports whether a variable's name says that its value is a destination.
func isHostName(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range []string{"HOST", "ADDR", "URL", "URI", "ENDPOINT", "SERVER", "BROKER", "DSN", "SERVICE"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// hostStem is what a variable's name has before HOST: that of its port has the same.
func hostStem(name string) (string, bool) {
	upper := strings.ToUpper(name)
	for _, end := range []string{"HOSTNAME", "HOST", "SERVER", "ADDRESS", "ADDR"} {
		if stem, ok := strings.CutSuffix(upper, end); ok {
			return stem, true
		}
	}
	return "", false
}

func portOf(vars []variable, stem string) uint16 {
	for _, v := range vars {
		if strings.ToUpper(v.name) == stem+"PORT" {
			n, _ := strconv.ParseUint(strings.TrimSpace(v.value), 10, 16)
			return uint16(n)
		}
	}
	return 0
}

// hostAlone is a host whose port stands in another variable, or is its Service's.
func (m *mentions) hostAlone(w *Workload, v variable, by string, port uint16) {
	host := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(v.value), "."))
	if s := m.serviceNamed(w, host); s != nil {
		if port == 0 {
			m.service(s, v.Pos, by)
		} else {
			m.add(v.Pos, "", serviceHost(s), TCP, by, port)
		}
		return
	}
	if !plausibleHost(host) {
		return
	}
	if port == 0 {
		if v.secret { // it may be anything
			return
		}
		m.add(v.Pos, "", host, TCP, by)
		return
	}
	m.add(v.Pos, "", host, TCP, by, port)
}

// service is a Service with all of its ports. An ExternalName is the name behind it, which has the ports that are written on it.
func (m *mentions) service(s *Service, at Pos, by string) {
	host := serviceHost(s)
	if s.Type == "ExternalName" {
		if host = strings.ToLower(strings.TrimSuffix(s.ExternalName, ".")); host == "" {
			return
		}
	}
	if len(s.Ports) == 0 {
		m.add(at, "", host, TCP, by)
	}
	for _, p := range s.Ports {
		if p.Protocol != SCTP {
			m.add(at, "", host, p.Protocol, by, p.Port)
		}
	}
}

// firewalls are the names that egress firewalls allow.
func (m *mentions) firewalls() {
	for _, f := range m.e.cluster.EgressFirewalls {
		if m.from != nil && f.Namespace != m.from.Namespace {
			continue
		}
		for _, r := range f.Rules {
			host := r.Name
			if r.CIDR.IsValid() && r.CIDR.IsSingleIP() {
				host = r.CIDR.Addr().String()
			}
			if r.Action != Allow || host == "" || strings.HasPrefix(host, "*") {
				continue
			}
			by := f.Kind + " " + f.Namespace + "/" + f.Name
			if len(r.Ports) == 0 {
				m.add(r.Pos, "", host, TCP, by)
			}
			for _, p := range r.Ports {
				if p.Port != 0 && p.Protocol != SCTP {
					m.add(r.Pos, "", host, p.Protocol, by, p.Port)
				}
			}
		}
	}
}

// policies are the single addresses that NetworkPolicies allow.
func (m *mentions) policies() {
	for _, p := range m.e.cluster.NetworkPolicies {
		if m.from != nil && (p.Namespace != m.from.Namespace || !p.PodSelector.Matches(m.from.Pod.Labels)) {
			continue
		}
		for _, r := range p.Egress {
			for _, peer := range r.Peers {
				if peer.IPBlock == nil || !peer.IPBlock.CIDR.IsSingleIP() {
					continue
				}
				host, by := peer.IPBlock.CIDR.Addr().String(), "NetworkPolicy "+p.Namespace+"/"+p.Name
				if len(r.Ports) == 0 {
					m.add(peer.Pos, "", host, TCP, by)
				}
				for _, port := range r.Ports {
					if port.Port.Number != 0 && port.Protocol != SCTP {
						m.add(peer.Pos, "", host, port.Protocol, by, port.Port.Number)
					}
				}
			}
		}
	}
}

// entries are the hosts of Istio's ServiceEntries.
func (m *mentions) entries() {
	for _, s := range m.e.cluster.Mesh.Entries {
		for _, host := range s.Hosts {
			if strings.HasPrefix(host, "*") {
				continue
			}
			for _, p := range s.Ports {
				scheme := map[string]string{"HTTP": "http", "HTTPS": "https", "HTTP2": "h2c", "MONGO": "mongodb", "MYSQL": "mysql", "REDIS": "redis", "TLS": "tls"}[p.Protocol]
				m.add(s.Pos, scheme, strings.ToLower(host), TCP, "ServiceEntry "+s.Namespace+"/"+s.Name, p.Number)
			}
		}
	}
}
