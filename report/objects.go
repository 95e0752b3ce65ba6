package report

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// ported is every port of the protocols that policies of objects know. Nothing connects to port 0.
var ported = flowset.Transport(flowset.TCP, realPorts).
	Union(flowset.Transport(flowset.UDP, realPorts)).
	Union(flowset.Transport(flowset.SCTP, realPorts))

const everyPort = "every port"

var realPorts = flowset.PortRange(1, 65535)

// portWords is ports as Kubernetes writes protocols: "TCP 80,443, UDP 53", "every port", "every port but TCP 25".
func portWords(t flowset.Transports) string {
	t = t.Intersect(ported)
	rest := ported.Subtract(t)
	switch {
	case t.IsEmpty():
		return "no port"
	case rest.IsEmpty():
		return everyPort
	}
	s := portList(t)
	if r := portList(rest); len(r) < len(s) && !strings.Contains(r, "every") {
		return "every port but " + r
	}
	return s
}

func portList(t flowset.Transports) string {
	var list []string
	for p, ports := range t.All() {
		name := strings.ToUpper(p.String())
		s := name + " " + ports.String()
		if rest := realPorts.Subtract(ports); rest.IsEmpty() {
			s = "every " + name + " port"
		} else if r := rest.String(); len(r) < len(ports.String()) {
			s = "every " + name + " port but " + r
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

func originWords(o kube.Origin) string {
	if o.Workload != nil {
		return o.Workload.String()
	}
	return o.Addr.String()
}

func destinationWords(d kube.Destination) string {
	switch {
	case d.Workload != nil:
		return d.Workload.String()
	case d.Service != nil:
		return d.Service.String()
	case d.Name != "":
		return d.Name
	case d.Prefix.IsValid():
		return d.Prefix.String()
	}
	return d.Addr.String()
}

// ruleWords is "NetworkPolicy shop/db rule 2", with the rule's name where it has one.
func ruleWords(c kube.Considered) string {
	s := c.Object
	if s == "" {
		s = c.Layer.String()
	}
	if c.Rule > 0 {
		s += fmt.Sprintf(" rule %d", c.Rule)
	}
	if c.Name != "" {
		s += " (" + c.Name + ")"
	}
	return s
}

// at is " (file:line)", or nothing.
func at(p kube.Pos) string {
	if p.File == "" {
		return ""
	}
	return " (" + p.String() + ")"
}
