package kube

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// ciliumMaxPorts is how many ports an entry of toPorts, and how many fields one of icmps may have (pkg/policy/api/rule_validation.go).
const ciliumMaxPorts = 40

func (c *ciliumReader) ports(n *tree.Node, d Direction, deny bool) []CiliumPorts {
	var out []CiliumPorts
	for _, item := range c.items(n, "ports", "toPorts") {
		out = append(out, c.portRule(item, d, deny))
	}
	return out
}

// portRule reads an entry of toPorts.
func (c *ciliumReader) portRule(n *tree.Node, d Direction, deny bool) CiliumPorts {
	p := CiliumPorts{Pos: c.pos(n)}
	known := []string{"ports"}
	if !deny {
		known = append(known, "rules", "serverNames", "terminatingTLS", "originatingTLS", "listener")
	}
	var ports, rules *tree.Node
	l7 := ""
	narrow := func(k *tree.Node, what string) {
		p.Narrowing = append(p.Narrowing, CiliumNarrowing{c.pos(k), what})
	}
	for k, v := range c.fields(n) {
		switch {
		case !slices.Contains(known, k.Value):
			c.unknown(k, known...)
		case k.Value == "ports":
			ports = v
		case k.Value == "rules":
			rules = k
			l7 = c.l7(v, d, &p)
		case k.Value == "serverNames":
			names := c.texts(v)
			if len(names) == 0 {
				c.errorf(v, "serverNames is empty: want at least one name")
			}
			if slices.Contains(names, "") {
				c.errorf(v, "serverNames has an empty name")
			}
			narrow(k, "serverNames")
		case k.Value == "listener":
			if d == Ingress {
				c.errorf(k, "listener in an ingress rule, where Cilium takes none")
			}
			narrow(k, "a listener of Envoy")
		default:
			narrow(k, k.Value)
		}
	}
	if rules != nil && l7 != "" {
		switch {
		case n.Get("serverNames") != nil && n.Get("terminatingTLS") == nil:
			c.errorf(rules, "%s rules with serverNames, which need terminatingTLS", l7)
		case n.Get("listener") != nil:
			c.errorf(rules, "%s rules with a listener: want one of them", l7)
		}
		if l7 == "dns" && (ports == nil || ports.Kind == tree.Sequence && len(ports.Content) == 0) {
			c.errorf(rules, "dns rules without ports: want port 53")
		}
	}
	if ports == nil {
		return p
	}
	items := 0
	for _, item := range c.items(ports, "ports", "port") {
		items++
		p.Ports = append(p.Ports, c.port(item, d, l7))
	}
	if items > ciliumMaxPorts {
		c.errorf(ports, "%d ports: want at most %d, or a range with endPort", items, ciliumMaxPorts)
	}
	return p
}

// l7 reads the rules of a protocol above the transport, and tells which it is. Only that they are there changes what is decided here,
// and which names may be asked for.
func (c *ciliumReader) l7(n *tree.Node, d Direction, p *CiliumPorts) (protocol string) {
	c.push("rules", 0)
	defer c.pop()
	for k, v := range c.fields(n) {
		switch k.Value {
		case "http", "dns":
		case "kafka", "l7proto", "l7":
			c.warnf(k, "%s is of older versions: Cilium 1.20 has no such rules", k.Value)
		default:
			c.unknown(k, "http", "dns")
			continue
		}
		if k.Value == "l7proto" {
			protocol = "l7"
			p.Narrowing = append(p.Narrowing, CiliumNarrowing{c.pos(k), "l7 rules"})
			continue
		}
		list := c.list(v, "rules")
		if len(list) == 0 || k.Value == "l7" && protocol == "l7" {
			continue
		}
		if protocol != "" {
			c.errorf(k, "has rules of several protocols: want one")
		}
		protocol = k.Value
		p.Narrowing = append(p.Narrowing, CiliumNarrowing{c.pos(k), k.Value + " rules"})
		switch {
		case c.host && (d == Ingress || k.Value != "dns"):
			c.errorf(k, "%s rules for nodes, where Cilium takes none but dns rules of egress", k.Value)
		case k.Value == "dns" && d == Ingress:
			c.errorf(k, "dns rules in an ingress rule: want them in egress")
		}
		if k.Value == "dns" {
			for _, item := range c.items(v, "names", "dns") {
				p.DNS = append(p.DNS, c.name(item))
			}
		}
	}
	return protocol
}

// ciliumProtocols are those that the CRD takes; true: with ports.
var ciliumProtocols = map[string][]Protocol{
	"TCP": {TCP}, "UDP": {UDP}, "SCTP": {SCTP}, "ANY": {TCP, UDP, SCTP},
	"VRRP": nil, "IGMP": nil, "GRE": nil, "IPIP": nil, "IPV6": nil, "ESP": nil, "AH": nil,
}

func (c *ciliumReader) port(n *tree.Node, d Direction, l7 string) CiliumPort {
	p := CiliumPort{Pos: c.pos(n), Protocols: ciliumProtocols["ANY"]}
	port, protocol, end := "", "ANY", int64(0)
	var endAt *tree.Node
	ok := true
	for k, v := range c.fields(n) {
		good := true
		switch k.Value {
		case "port":
			port, good = c.text(v)
		case "protocol":
			protocol, good = c.text(v)
			list, known := ciliumProtocols[protocol]
			switch {
			case !good:
			case strings.HasPrefix(protocol, "ICMP"):
				c.errorf(v, "protocol %s: want icmps: in a rule of its own", protocol)
				good = false
			case !known:
				c.errorf(v, "protocol %q: want TCP, UDP, SCTP or ANY", protocol)
				good = false
			}
			p.Protocols = list
		case "endPort":
			endAt = v
			if end, good = c.integer(v); good && (end < 0 || end > 65535) {
				c.errorf(v, "port %d is out of range: want 0 to 65535", end)
				good = false
			}
		default:
			c.unknown(k, "port", "endPort", "protocol")
		}
		ok = ok && good
	}
	if !ok {
		return p
	}
	if l7 != "" && l7 != "dns" && protocol != "TCP" {
		c.errorf(n, "%s rules for protocol %s: want TCP", l7, protocol)
	}
	if isServiceName(strings.ToLower(port)) {
		p.Name = strings.ToLower(port)
		switch {
		case end != 0 && d == Ingress: // toMapState in pkg/policy/l4.go
			c.errorf(endAt, "endPort with the name of a port: Cilium's documentation says that it is ignored, and v1.20.2 makes a range of it: want the number")
		case end != 0:
			c.warnf(endAt, "endPort has no effect with the name of a port")
		}
		return p
	}
	c.portRange(n, &p, port, end, endAt, l7)
	return p
}

// portRange reads a port by number, as Cilium does: in any of Go's notations, and 0 is every port.
func (c *ciliumReader) portRange(n *tree.Node, p *CiliumPort, port string, end int64, endAt *tree.Node, l7 string) {
	if port == "" {
		c.flag(n, "enable-extended-ip-protocols")
		c.p.Flags[len(c.p.Flags)-1].Field = "toPorts without port"
		port = "0"
	}
	first, err := strconv.ParseUint(port, 0, 16)
	switch {
	case err != nil:
		c.errorf(n, "port %q is no number up to 65535, and no name of a port", short(port))
		return
	case strconv.FormatUint(first, 10) != port:
		c.warnf(n, "port %q is read as %d", short(port), first)
	}
	if p.Protocols == nil && first != 0 {
		c.errorf(n, "port %d of a protocol that has no ports: want 0", first)
	}
	if l7 != "" && first == 0 {
		c.errorf(n, "%s rules for every port: want the port", l7)
	}
	if l7 == "dns" && end > int64(first) {
		c.errorf(n, "dns rules for a range of ports: want the port")
	}
	p.First, p.Last = uint16(first), uint16(first)
	switch {
	case first == 0: // keysForRange in pkg/policy/l4.go
		p.Last = 65535
		if end != 0 {
			c.warnf(endAt, "endPort has no effect with port 0, which is every port")
		}
	case end > int64(first):
		p.Last = uint16(end)
	case endAt != nil && end != 0 && end < int64(first):
		c.warnf(endAt, "endPort %d is below port %d: Cilium reads it as the one port", end, first)
	}
}

// icmps reads icmps, and tells how many entries it has. ICMP is not what connections are made of; but a rule that has them admits
// nothing else.
func (c *ciliumReader) icmps(n *tree.Node) int {
	count := 0
	for _, item := range c.items(n, "rules", "icmps") {
		count++
		for k, v := range c.fields(item) {
			if k.Value != "fields" {
				c.unknown(k, "fields")
				continue
			}
			fields := 0
			for _, f := range c.items(v, "fields", "field") {
				fields++
				c.icmpField(f)
			}
			if fields > ciliumMaxPorts {
				c.errorf(v, "%d fields: want at most %d", fields, ciliumMaxPorts)
			}
		}
	}
	return count
}

func (c *ciliumReader) icmpField(n *tree.Node) {
	given := false
	for k, v := range c.fields(n) {
		switch k.Value {
		case "family":
			if s, ok := c.text(v); ok && s != "IPv4" && s != "IPv6" {
				c.errorf(v, "family %q: want IPv4 or IPv6", short(s))
			}
		case "type":
			given = true
			if n, err := strconv.Atoi(v.Value); v.Kind != tree.Scalar || err == nil && (n < 0 || n > 255) {
				c.errorf(v, "is %s: want a type of ICMP: 0 to 255, or a name such as EchoRequest", v.Describe())
			}
		default:
			c.unknown(k, "family", "type")
		}
	}
	if !given {
		c.errorf(n, "has no type: want one of ICMP, as a number or a name such as EchoRequest")
	}
}
