package kube

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Target is a destination with what was said of its port.
type Target struct {
	Destination
	Protocol Protocol // AnyProtocol: none was said
	Port     uint16   // 0: none was said
	Note     string
}

// Target is a destination as a user names it, then :PORT, then /PROTOCOL: an address, a prefix, a workload as [Evaluator.Find]
// takes it, a service (svc/NAMESPACE/NAME), or a DNS name. Names of one label are looked up as a pod's resolver would, in the
// namespace of the source. A port may have a name where the destination is a workload or a service.
func (e *Evaluator) Target(text string, from Origin) (Target, error) {
	const want = "want an address, a prefix, NAMESPACE/NAME, svc/NAMESPACE/NAME or a DNS name, then :PORT, then /PROTOCOL"
	t := Target{Protocol: AnyProtocol}
	host, port, hasPort, protocol, err := splitTarget(text)
	switch {
	case err != nil:
		return t, fmt.Errorf("%s: %w: %s", text, err, want)
	case host == "":
		return t, fmt.Errorf("%q names no destination: %s", text, want)
	case protocol != "":
		if t.Protocol, err = protocolNamed(protocol); err != nil {
			return t, fmt.Errorf("%s: %w", text, err)
		}
	}
	if t.Destination, t.Note, err = e.destinationNamed(host, from); err != nil {
		return t, err
	}
	if !hasPort {
		return t, nil
	}
	if n, err := strconv.ParseUint(port, 10, 64); err == nil {
		if n == 0 || n > 65535 {
			return t, fmt.Errorf("%s: bad port %s: want 1 to 65535", text, port)
		}
		t.Port = uint16(n)
	} else if err := e.portNamed(&t, port); err != nil {
		return t, fmt.Errorf("%s: %w", text, err)
	}
	t.settle()
	return t, nil
}

// settle sets the protocol where a port was given without: TCP, or the one protocol that a service has the port for.
func (t *Target) settle() {
	if t.Protocol != AnyProtocol {
		return
	}
	t.Protocol = TCP
	if t.Service == nil {
		return
	}
	var have []Protocol
	for _, p := range t.Service.Ports {
		if p.Port == t.Port {
			have = append(have, p.Protocol)
		}
	}
	if len(have) > 0 && !slices.Contains(have, TCP) {
		t.Protocol = have[0]
	}
}

// splitTarget takes HOST[:PORT][/PROTOCOL] apart. An IPv6 address before a port stands in brackets.
func splitTarget(text string) (host, port string, hasPort bool, protocol string, err error) {
	rest := text
	if i := strings.LastIndexByte(rest, '/'); i >= 0 && !isPrefix(rest) {
		before, after := rest[:i], rest[i+1:]
		_, err := protocolNamed(after)
		// NAMESPACE/udp is a workload by the name of a protocol; NAMESPACE/NAME/udp, db.shop/udp and 10.0.0.1/udp are not.
		known := err == nil && strings.ContainsAny(before, ":./[")
		meant := strings.Contains(before, ":") && !strings.Contains(after, ":") && strings.Trim(after, "0123456789") != ""
		if known || meant {
			rest, protocol = before, after
		}
	}
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		inner, after, closed := strings.Cut(inner, "]")
		if bits, _, _ := strings.Cut(after, ":"); strings.HasPrefix(bits, "/") { // [2001:db8::]/32:443
			inner += bits
			after = after[len(bits):]
		}
		switch {
		case !closed:
			return "", "", false, "", errors.New("a bracket is not closed")
		case after == "":
			return inner, "", false, protocol, nil
		case !strings.HasPrefix(after, ":") || after == ":":
			return "", "", false, "", errors.New("want :PORT after the bracket")
		}
		return inner, after[1:], true, protocol, nil
	}
	if strings.Count(rest, ":") == 1 {
		host, port, _ = strings.Cut(rest, ":")
		if port == "" {
			return "", "", false, "", errors.New("the port is missing")
		}
		return host, port, true, protocol, nil
	}
	return rest, "", false, protocol, nil
}

func isPrefix(s string) bool {
	_, err := netip.ParsePrefix(s)
	return err == nil
}

func protocolNamed(s string) (Protocol, error) {
	for _, p := range []Protocol{TCP, UDP, SCTP} {
		if strings.EqualFold(s, p.String()) {
			return p, nil
		}
	}
	return AnyProtocol, fmt.Errorf("unknown protocol %q: policies know tcp, udp and sctp", s)
}

// destinationNamed is what a user names without a port.
func (e *Evaluator) destinationNamed(host string, from Origin) (Destination, string, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return Destination{Addr: a.Unmap().WithZone("")}, "", nil
	}
	if strings.Trim(host, "0123456789.:/abcdefABCDEF") == "" && strings.ContainsAny(host, ":.") && strings.Contains(host, "/") {
		p, err := netip.ParsePrefix(host)
		switch {
		case err != nil:
			return Destination{}, "", fmt.Errorf("%s: bad prefix: want one such as 10.0.0.0/8 or 2001:db8::/32", host)
		case p != p.Masked():
			return Destination{}, "", fmt.Errorf("%s: prefix has host bits set: want %v", host, p.Masked())
		}
		return Destination{Prefix: p}, "", nil
	}
	if strings.Contains(host, "/") {
		return e.objectNamed(host)
	}
	return e.dnsName(host, from)
}

// objectNamed is a workload or a service. A workload comes first where both have the name NAMESPACE/NAME.
func (e *Evaluator) objectNamed(name string) (Destination, string, error) {
	parts := strings.Split(name, "/")
	isService := func(s string) bool {
		s = strings.ToLower(s)
		return s == "svc" || s == "service" || s == "services"
	}
	if len(parts) == 3 {
		for i, j := range []int{1, 0} { // svc/NS/NAME and NS/svc/NAME
			if isService(parts[i]) {
				s, err := e.service(parts[j], parts[2])
				return Destination{Service: s}, "", err
			}
		}
		if workloadKind(parts[0]) != "" && workloadKind(parts[1]) == "" { // pod/NS/NAME, in the order of svc/NS/NAME
			parts[0], parts[1] = parts[1], parts[0]
			name = strings.Join(parts, "/")
		}
	}
	f, err := e.Find(name)
	if err != nil && len(parts) == 2 {
		if s, _ := e.service(parts[0], parts[1]); s != nil {
			return Destination{Service: s}, "", nil
		}
	}
	return Destination{Workload: f.Workload}, f.Note, err
}

// service finds a service, or says which there are.
func (e *Evaluator) service(namespace, name string) (*Service, error) {
	var here, all []string
	for _, s := range e.cluster.Services {
		if s.Namespace == namespace && s.Name == name {
			return s, nil
		}
		label := s.Namespace + "/" + s.Name
		all = append(all, label)
		if s.Namespace == namespace {
			here = append(here, label)
		}
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("svc/%s/%s: no Service was read", namespace, name)
	case len(here) == 0:
		return nil, fmt.Errorf("svc/%s/%s: namespace %s has no Service: %s", namespace, name, namespace, nearestOr(namespace+"/"+name, all, nil))
	}
	return nil, fmt.Errorf("svc/%s/%s: namespace %s has no Service %s: %s", namespace, name, namespace, name, nearestOr(namespace+"/"+name, here, nil))
}

// dnsName is a name as a pod's resolver completes it: in its own namespace, then as a name of the cluster, then as it is.
func (e *Evaluator) dnsName(name string, from Origin) (Destination, string, error) {
	lower := strings.ToLower(strings.TrimSuffix(name, "."))
	if strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" || lower == "" {
		return Destination{}, "", fmt.Errorf("%s: neither an address nor a DNS name: %q may not be in one", name, strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz0123456789.-_"))
	}
	if !strings.Contains(lower, ".") {
		if w := from.Workload; w != nil {
			if s, _ := e.service(w.Namespace, lower); s != nil {
				return Destination{Service: s}, "", nil
			}
		}
		f, err := e.Find(lower)
		if err != nil && from.Workload != nil {
			return Destination{}, "", fmt.Errorf("%s: namespace %s has no Service of that name, and %w", name, from.Workload.Namespace, err)
		}
		return Destination{Workload: f.Workload}, f.Note, err
	}
	if to, ok := e.Resolve(lower); ok {
		return to, "", nil
	}
	labels := strings.Split(lower, ".")
	for i, l := range labels { // NAME.NAMESPACE, NAME.NAMESPACE.svc and so on
		inside := i > 0 && l == "svc" || i == len(labels)-1 && e.cluster.Namespace(l) != nil && i > 0
		if !inside {
			continue
		}
		namespace, service := l, labels[i-1]
		if l == "svc" && i > 1 {
			namespace, service = labels[i-1], labels[i-2]
		}
		if _, err := e.service(namespace, service); err != nil {
			if w, _ := e.cluster.Workload("", namespace, service); w != nil {
				return Destination{}, "", fmt.Errorf("%s: namespace %s has no Service of that name, but a workload: --to %s/%s", name, namespace, namespace, service)
			}
			return Destination{}, "", fmt.Errorf("%s: %w", name, err)
		}
		return Destination{}, "", fmt.Errorf("%s: no pod of that name was read", name)
	}
	return Destination{Name: lower}, "", nil
}

// portNamed sets the port that has a name on the destination.
func (e *Evaluator) portNamed(t *Target, name string) error {
	var names []string
	found := func(n string, port uint16, p Protocol) bool {
		if n != "" {
			names = append(names, n)
		}
		if n != name || t.Protocol != AnyProtocol && t.Protocol != p {
			return false
		}
		t.Port, t.Protocol = port, p
		return true
	}
	what := ""
	switch {
	case t.Service != nil:
		what = t.Service.String()
		for _, p := range t.Service.Ports {
			if found(p.Name, p.Port, p.Protocol) {
				return nil
			}
		}
	case t.Workload != nil:
		what = t.Workload.String()
		for i := range t.Workload.Pod.Containers {
			for _, p := range t.Workload.Pod.Containers[i].Ports {
				if n, there := t.Workload.Pod.NamedPort(p.Name, p.Protocol); there && found(p.Name, n, p.Protocol) {
					return nil
				}
			}
		}
	default:
		return fmt.Errorf("port %q is a name, and only workloads and services have ports by name: want a number", name)
	}
	if len(names) == 0 {
		if w := t.Workload; w != nil {
			if s, _ := e.service(w.Namespace, w.Name); s != nil {
				return fmt.Errorf("%s has no port with a name: want a number, or its Service, svc/%s/%s:%s", what, s.Namespace, s.Name, name)
			}
		}
		return fmt.Errorf("%s has no port with a name: want a number", what)
	}
	return fmt.Errorf("%s has no port called %s: %s", what, name, wantOneOf(name, names))
}
