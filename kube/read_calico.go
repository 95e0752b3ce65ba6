package kube

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/selector"
	"github.com/sallyport/sallyport/kube/internal/tree"
)

// The checks are those of Calico v3.32: libcalico-go/lib/validator/v3/validator.go, and the CRDs' own rules
// (api/pkg/apis/projectcalico/v3), but for how long lists and texts may be. What they refuse, Felix drops, if it comes to it at all.

func (r *reader) calicoNetworkPolicy(m Meta, n *tree.Node)       { r.calicoPolicy(m, n, false) }
func (r *reader) calicoGlobalNetworkPolicy(m Meta, n *tree.Node) { r.calicoPolicy(m, n, true) }

func (r *reader) calicoPolicy(m Meta, n *tree.Node, global bool) {
	p := &CalicoPolicy{Meta: m}
	r.meta = &p.Meta
	r.out.cluster.CalicoPolicies = append(r.out.cluster.CalicoPolicies, p)
	spec, _ := r.body(n)
	if spec == nil {
		return
	}
	var h maphash.Hash
	h.SetSeed(seed)
	sum(&h, spec)
	p.spec = h.Sum64()
	flags := map[string]*bool{}
	known := []string{"tier", "order", "selector", "serviceAccountSelector", "types", "ingress", "egress", "performanceHints"}
	if global {
		flags = map[string]*bool{"doNotTrack": &p.DoNotTrack, "preDNAT": &p.PreDNAT, "applyOnForward": &p.ApplyOnForward}
		known = append(known, "namespaceSelector", "doNotTrack", "preDNAT", "applyOnForward")
	}
	for k, v := range r.fields(spec) {
		if to := flags[k.Value]; to != nil {
			*to, _ = r.boolean(v)
			continue
		}
		if !slices.Contains(known, k.Value) {
			r.unknown(k, known...)
			continue
		}
		switch k.Value {
		case "tier":
			p.Tier = r.tierName(v)
		case "order":
			p.Order = r.float(v)
		case "selector":
			p.Selector = r.calicoSelector(k, v, false)
		case "namespaceSelector":
			p.NamespaceSelector = r.calicoSelector(k, v, false)
		case "serviceAccountSelector":
			p.ServiceAccounts = r.calicoSelector(k, v, false)
		case "types":
			p.TypesPos = r.pos(k)
			p.Types = r.calicoTypes(v)
		case "ingress":
			p.Ingress = r.calicoRules(v, p, Ingress)
		case "egress":
			p.Egress = r.calicoRules(v, p, Egress)
		case "performanceHints": // change how fast, not what
			for _, hint := range r.texts(v) {
				if hint != "AssumeNeededOnEveryNode" {
					r.errorf(v, "performanceHints: %q: want AssumeNeededOnEveryNode", hint)
				}
			}
		}
	}
	r.calicoFlags(spec, p)
	if len(p.Types) == 0 && p.APIVersion == "crd.projectcalico.org/v1" {
		r.warnf(spec, "has no types: Felix takes an object of %s for ingress and egress, while Calico's API would fill in what it has rules for", p.APIVersion)
	}
}

// calicoFlags checks what says that the policy is for host endpoints.
func (r *reader) calicoFlags(spec *tree.Node, p *CalicoPolicy) {
	switch {
	case p.DoNotTrack && p.PreDNAT:
		r.errorf(spec, "has doNotTrack and preDNAT: want one of them")
	case (p.DoNotTrack || p.PreDNAT) && !p.ApplyOnForward:
		r.errorf(spec, "has doNotTrack or preDNAT without applyOnForward: want applyOnForward: true as well")
	}
	if p.PreDNAT && (len(p.Egress) > 0 || slices.Contains(p.Types, Egress)) {
		r.errorf(spec, "has preDNAT and egress: the address of a service is translated where traffic comes in, want ingress only")
	}
}

// tierName reads the name of a tier, which has no dots: it is part of other names.
func (r *reader) tierName(n *tree.Node) string {
	s, ok := r.text(n)
	if ok && s != "" && (!isSubdomain(s) || strings.Contains(s, ".")) {
		r.errorf(n, "tier %q is no name of a tier: want a-z, 0-9 and -, beginning and ending with a letter or digit", s)
	}
	return s
}

func (r *reader) float(n *tree.Node) *float64 {
	if n.IsNull() {
		return nil
	}
	if n.Kind == tree.Scalar && (n.Type() == tree.Int || n.Type() == tree.Float) {
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil && v-v == 0 { // no infinity, which JSON does not have
			return &v
		}
	}
	r.errorf(n, "is %s: want a number", n.Describe())
	return nil
}

// calicoSelector reads an expression. Of namespaces, global() stands alone for none.
func (r *reader) calicoSelector(k, v *tree.Node, namespaces bool) CalicoSelector {
	r.push(k.Value, 0)
	defer r.pop()
	text, ok := r.text(v)
	if !ok || text == "" {
		return CalicoSelector{}
	}
	s := CalicoSelector{Pos: r.pos(v), Text: text}
	x, err := selector.Parse(text)
	switch {
	case err != nil:
		r.errorf(v, "%s: %v", short(text), err)
		return s
	case x.Uses(selector.Global) && !namespaces:
		r.errorf(v, "%s: global() is for the namespaceSelector of a rule only", short(text))
	case x.Uses(selector.Global) && x.Op != selector.Global:
		r.errorf(v, "%s: global() stands alone: want no other condition beside it", short(text))
	}
	s.expr = x
	return s
}

func (r *reader) calicoTypes(n *tree.Node) []Direction {
	var types []Direction
	list := r.list(n, "Ingress and Egress")
	for i := range list {
		d := Ingress
		switch s, ok := r.text(&list[i]); {
		case ok && s == "Egress":
			d = Egress
		case !ok || s != "Ingress":
			r.errorf(&list[i], "types: %s: want Ingress or Egress", list[i].Describe())
			continue
		}
		if slices.Contains(types, d) {
			r.errorf(&list[i], "types: %s is there twice: want it once", list[i].Value)
			continue
		}
		types = append(types, d)
	}
	return types
}

func (r *reader) calicoRules(n *tree.Node, p *CalicoPolicy, d Direction) []CalicoRule {
	var out []CalicoRule
	for _, item := range r.items(n, "rules", d.String()+" rule") {
		out = append(out, r.calicoRule(item, p, d))
	}
	return out
}

func (r *reader) calicoRule(n *tree.Node, p *CalicoPolicy, d Direction) CalicoRule {
	rule := CalicoRule{Pos: r.pos(n)}
	action := false
	for k, v := range r.fields(n) {
		switch k.Value {
		case "action":
			action = true
			rule.Action = r.calicoAction(v)
		case "ipVersion":
			if v, ok := r.integer(v); ok && v != 4 && v != 6 {
				r.errorf(k, "ipVersion %d: want 4 or 6", v)
			} else if ok {
				rule.IPVersion = int(v)
			}
		case "protocol":
			rule.Protocol = r.calicoProtocol(v)
		case "notProtocol":
			rule.NotProtocol = r.calicoProtocol(v)
		case "icmp":
			rule.ICMP = r.icmp(k, v)
		case "notICMP":
			rule.NotICMP = r.icmp(k, v)
		case "source":
			rule.Source = r.calicoEntity(k, v)
		case "destination":
			rule.Destination = r.calicoEntity(k, v)
		case "http":
			at := r.pos(k)
			rule.HTTP = &at
			r.httpMatch(k, v)
		case "metadata":
			for k, v := range r.fields(v) {
				if k.Value != "annotations" {
					r.unknown(k, "annotations")
				} else {
					r.stringMap(v, true)
				}
			}
		default:
			r.unknown(k, "action", "ipVersion", "protocol", "notProtocol", "icmp", "notICMP", "source", "destination", "http", "metadata")
		}
	}
	if !action {
		r.errorf(n, "has no action: want Allow, Deny, Log or Pass")
	}
	r.calicoConditions(n, &rule, p, d)
	return rule
}

func (r *reader) calicoAction(n *tree.Node) Action {
	s, _ := r.text(n)
	switch s {
	case "Allow":
		return Allow
	case "Deny":
		return Deny
	case "Pass":
		return Pass
	case "Log":
		return Log
	}
	r.errorf(n, "action %q: want Allow, Deny, Log or Pass", s)
	return Deny
}

// Numbers of protocols that matter here (IANA).
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132
)

var calicoProtocols = map[string]uint8{"TCP": protoTCP, "UDP": protoUDP, "ICMP": protoICMP, "ICMPv6": protoICMPv6, "SCTP": protoSCTP, "UDPLite": 136}

func (r *reader) calicoProtocol(n *tree.Node) *CalicoProtocol {
	p := &CalicoProtocol{Pos: r.pos(n)}
	if n.Kind == tree.Scalar {
		if number, named := calicoProtocols[n.Value]; named && n.Type() == tree.Text {
			p.Number = number
			return p
		}
		if v, err := strconv.ParseUint(n.Value, 10, 8); err == nil && v > 0 && tree.IsDecimal(n.Value) {
			p.Number = uint8(v)
			return p
		}
	}
	r.errorf(n, "protocol %s: want TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or a number from 1 to 255", n.Describe())
	return p
}

func (r *reader) icmp(k, n *tree.Node) *ICMPMatch {
	r.push(k.Value, 0)
	defer r.pop()
	m := &ICMPMatch{r.pos(n), -1, -1}
	read := func(v *tree.Node, name string, most int64, to *int) {
		if v, ok := r.integer(v); ok && (v < 0 || v > most) {
			r.errorf(n, "%s %d is out of range: want 0 to %d", name, v, most)
		} else if ok {
			*to = int(v)
		}
	}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "type":
			read(v, "type", 254, &m.Type)
		case "code":
			read(v, "code", 255, &m.Code)
		default:
			r.unknown(k, "type", "code")
		}
	}
	if m.Code >= 0 && n.Get("type") == nil {
		r.errorf(n, "has a code and no type: want both")
	}
	return m
}

func (r *reader) httpMatch(k, n *tree.Node) {
	r.push(k.Value, 0)
	defer r.pop()
	for k, v := range r.fields(n) {
		switch k.Value {
		case "methods":
			methods := r.texts(v)
			slices.Sort(methods)
			if len(slices.Compact(methods)) < len(methods) {
				r.errorf(v, "methods names one twice: want each once")
			}
		case "paths":
			for _, item := range r.items(v, "paths", "path") {
				r.httpPath(item)
			}
		default:
			r.unknown(k, "methods", "paths")
		}
	}
}

func (r *reader) httpPath(n *tree.Node) {
	fields := 0
	for k, v := range r.fields(n) {
		if k.Value != "exact" && k.Value != "prefix" {
			r.unknown(k, "exact", "prefix")
			continue
		}
		fields++
		if s, ok := r.text(v); ok && (!strings.HasPrefix(s, "/") || strings.ContainsAny(s, "? #")) {
			r.errorf(v, "path %q: want one that begins with /, without ?, # and space", s)
		}
	}
	if fields != 1 {
		r.errorf(n, "has %d of exact and prefix: want one", fields)
	}
}

func (r *reader) calicoEntity(k, n *tree.Node) CalicoEntity {
	r.push(k.Value, 0)
	defer r.pop()
	e := CalicoEntity{Pos: r.pos(n)}
	known := []string{"nets", "notNets", "selector", "notSelector", "namespaceSelector", "serviceAccounts", "services", "ports", "notPorts"}
	if k.Value == "destination" {
		known = append(known, "domains")
	}
	for k, v := range r.fields(n) {
		if !slices.Contains(known, k.Value) {
			r.unknown(k, known...)
			continue
		}
		switch k.Value {
		case "nets":
			e.Nets = r.calicoNets(k, v)
		case "notNets":
			e.NotNets = r.calicoNets(k, v)
		case "selector":
			e.Selector = r.calicoSelector(k, v, false)
		case "notSelector":
			e.NotSelector = r.calicoSelector(k, v, true)
		case "namespaceSelector":
			e.NamespaceSelector = r.calicoSelector(k, v, true)
		case "serviceAccounts":
			e.ServiceAccounts = r.calicoAccounts(v)
		case "services":
			e.Service = r.calicoService(v)
		case "ports":
			e.Ports = r.calicoPorts(k, v)
		case "notPorts":
			e.NotPorts = r.calicoPorts(k, v)
		case "domains":
			e.Domains = r.domainNames(v)
		}
	}
	return e
}

// calicoNets reads CIDRs of a rule, which Calico takes without host bits only.
func (r *reader) calicoNets(k, n *tree.Node) []Network {
	r.push(k.Value, 0)
	defer r.pop()
	var out []Network
	list := r.list(n, "CIDRs")
	for i := range list {
		n := &list[i]
		if s, ok := r.text(n); ok && strings.Contains(s, "/") {
			if p, ok := r.exactPrefix(n, s); ok {
				out = append(out, Network{r.pos(n), p})
			}
		} else if ok {
			r.errorf(n, "%q is no CIDR: want a prefix length, as in 192.0.2.7/32", s)
		} else if n.IsNull() {
			r.errorf(n, "entry %d is nothing: want a CIDR", i+1)
		}
	}
	return out
}

func (r *reader) calicoAccounts(n *tree.Node) *CalicoAccounts {
	r.push("serviceAccounts", 0)
	defer r.pop()
	a := &CalicoAccounts{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "names":
			a.Names = r.texts(v)
		case "selector":
			a.Selector = r.calicoSelector(k, v, true)
		default:
			r.unknown(k, "names", "selector")
		}
	}
	return a
}

func (r *reader) calicoService(n *tree.Node) *CalicoService {
	r.push("services", 0)
	defer r.pop()
	s := &CalicoService{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "name":
			s.Name, _ = r.text(v)
		case "namespace":
			s.Namespace, _ = r.text(v)
		default:
			r.unknown(k, "name", "namespace")
		}
	}
	if s.Name == "" {
		r.errorf(n, "has no name: want that of a service")
	}
	return s
}

// calicoPorts reads ports: numbers, ranges such as "1:1024", names.
func (r *reader) calicoPorts(k, n *tree.Node) []CalicoPort {
	r.push(k.Value, 0)
	defer r.pop()
	var out []CalicoPort
	list := r.list(n, "ports")
	for i := range list {
		n := &list[i]
		if n.IsNull() {
			r.errorf(n, "entry %d is nothing: want a port", i+1)
			continue
		}
		p := CalicoPort{Pos: r.pos(n)}
		if n.Kind == tree.Scalar && n.Type() == tree.Text {
			if !r.portText(n, &p) {
				continue
			}
		} else {
			number, ok := r.portNumber(n)
			if !ok {
				continue
			}
			p.First, p.Last = number, number
		}
		out = append(out, p)
	}
	return out
}

// portText reads a port that is text: a number, a range, or a name (api/pkg/lib/numorstring/port.go).
func (r *reader) portText(n *tree.Node, p *CalicoPort) bool {
	s, ok := r.text(n)
	if !ok {
		return false
	}
	first, last, isRange := strings.Cut(s, ":")
	if !isRange {
		last = first
	}
	if !tree.IsDecimal(first) || !tree.IsDecimal(last) {
		if name := strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"); name != "" || s == "" || len(s) > 128 {
			r.errorf(n, "port %q: want a number, a range such as 8000:8010, or the name of a port", s)
			return false
		}
		p.Name = s
		return true
	}
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	switch {
	case errA != nil || errB != nil || a == 0 || b == 0:
		r.errorf(n, "port %s is out of range: want 1 to 65535", s)
		return false
	case a > b:
		r.errorf(n, "port range %s is reversed: want %d:%d", s, b, a)
		return false
	}
	p.First, p.Last = uint16(a), uint16(b)
	return true
}
