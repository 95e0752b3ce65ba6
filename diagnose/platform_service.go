package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// service is the Service that the destination is the address of, or a pod behind it; Name is "" where it is not known to be either. What the DNS says
// now counts more than the environment, which is of the time when the pod was started, and names only the pod's own namespace.
func (x *examined) service() clusterName {
	c := x.cluster
	if c.service.Name != "" && (len(c.service.Ports) > 0 || c.pod) {
		return c
	}
	i := slices.IndexFunc(x.facts.Services, func(s Service) bool { return s.Addr == x.Destination.Addr().Unmap() })
	if i < 0 {
		return c
	}
	c = clusterName{service: x.facts.Services[i]}
	if c.service.Namespace == "" {
		c.service.Namespace = x.facts.Namespace
	}
	return c
}

// has reports whether the Service has the attempt's port.
func (c *clusterName) has(x *examined) bool {
	protocol := "udp"
	if x.Protocol.Stream() {
		protocol = "tcp"
	}
	return slices.ContainsFunc(c.service.Ports, func(p PublishedPort) bool {
		return p.Port == x.Destination.Port() && (p.Protocol == "" || p.Protocol == protocol)
	})
}

// serviceCause is the refiner for a port that a Service does not have.
func serviceCause(x *examined) string {
	if x.Decided || x.Call == attempt.CallBind || !x.Destination.IsValid() || x.again(attempt.Connected) {
		return ""
	}
	switch x.plainCause() {
	case Refused, TimedOut, Unreachable:
	default:
		return ""
	}
	c := x.service()
	if len(c.service.Ports) == 0 || c.has(x) {
		return ""
	}
	// A pod can listen on ports that no Service names, so of its silence nothing can be said; only that it does not, where it says so itself.
	if (c.pod || c.headless) && (!c.headless || x.Outcome.Kind != attempt.Refused || x.path.same.From.IsValid()) {
		return ""
	}
	return ServicePort
}

func explainServicePort(x *examined, e *explanation) {
	c := x.service()
	s, port, kubectl := &c.service, x.Destination.Port(), x.facts.command()
	e.summary = fmt.Sprintf("%s can't reach %s: the Service %s has no port %d, only %s: %s", x.who(), x.to(), s.shown(), port, s.ports(), x.ended())
	if c.headless {
		e.summary = fmt.Sprintf("%s can't reach %s: the Service %s is headless, and its pods do not listen on port %d, but on %s: %s", x.who(), x.to(), s.Name, port, s.ports(), x.ended())
	}
	e.summary += x.noBindHelps()
	switch {
	case c.headless:
		e.saw("%s is headless: its name leads to the pods themselves, and nothing translates ports: the one to use is the one that they listen on (targetPort)", s.Name)
	case s.Addr.IsValid():
		e.saw("%v is an address that no host has: a packet to one of its ports is sent on to a pod (to the targetPort there); one to any other port goes nowhere, or is refused", s.Addr)
	}
	switch {
	case x.cluster.service.Name != "" && len(x.cluster.service.Ports) > 0:
		e.saw("the ports are those that the cluster's DNS names now (SRV)")
	default:
		e.saw("the ports are those in the program's environment (%s_PORT_...), as they were when its pod was started", variable(s.Name))
	}
	if len(s.Ports) == 1 {
		e.advise("connect to port %d of %s", s.Ports[0].Port, s.Name)
	} else {
		e.advise("connect to one of the ports of %s: %s", s.Name, s.ports())
	}
	if c.headless {
		e.advise("see what the pods listen on: `%s%s get endpointslices -l kubernetes.io/service-name=%s`", kubectl, s.in(), s.Name)
		return
	}
	e.advise("%d may be its targetPort, which only the pods' own addresses have: `%s%s get service %s -o jsonpath='{.spec.ports}'` shows port and targetPort", port, kubectl, s.in(), s.Name)
	e.advise("or give the Service that port: `ports: [{port: %d, targetPort: ...}]`", port)
}

// shown is a Service for a sentence: "db (namespace shop, 10.96.3.4)".
func (s *Service) shown() string {
	var of []string
	if s.Namespace != "" {
		of = append(of, "namespace "+s.Namespace)
	}
	if s.Addr.IsValid() {
		of = append(of, s.Addr.String())
	}
	return s.Name + " (" + strings.Join(of, ", ") + ")"
}

// ports is "80 and 443/udp": TCP goes without saying, and so does what is not known.
func (s *Service) ports() string {
	var out []string
	for _, p := range s.Ports {
		text := fmt.Sprint(p.Port)
		if p.Protocol != "" && p.Protocol != "tcp" {
			text += "/" + p.Protocol
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if n := len(out); n > 1 {
		return strings.Join(out[:n-1], ", ") + " and " + out[n-1]
	}
	return strings.Join(out, "")
}

// in is " -n NAMESPACE" for a command, where the namespace is known.
func (s *Service) in() string {
	if s.Namespace == "" {
		return ""
	}
	return " -n " + s.Namespace
}

// variable is a Service's name as variables have it.
func variable(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

// ended is how the attempt ended, for the end of a sentence.
func (x *examined) ended() string {
	if x.Outcome.Errno == 0 || x.Outcome.Kind == attempt.InProgress || x.Outcome.Kind == attempt.Cancelled {
		return "no answer in " + attempt.DurationText(x.waited.Round(100_000_000))
	}
	return x.errno()
}

// noEndpoints reports whether kube-proxy is what refused: a Service's address, asked for a port that it has, is answered with ICMP only where no
// pod stands behind it (pkg/proxy/iptables and nftables, "has no endpoints"). A pod that does not listen answers with a TCP reset.
func (x *examined) noEndpoints() bool {
	c, same := x.service(), &x.path.same
	return c.service.Name != "" && !c.pod && !c.headless && c.has(x) && same.Outcome.Kind == attempt.Refused && same.From.IsValid() && same.ICMP() == "port unreachable"
}

// refusedByService is what a refusal by a Service's address means; ok is false where it is none.
func (x *examined) refusedByService(e *explanation) (ok bool) {
	c := x.service()
	s, kubectl := &c.service, x.facts.command()
	if x.Decided || s.Name == "" || c.pod || c.headless || !c.has(x) || x.again(attempt.Connected) {
		return false
	}
	slices := fmt.Sprintf("`%s%s get endpointslices -l kubernetes.io/service-name=%s`", kubectl, s.in(), s.Name)
	switch same := &x.path.same; {
	case x.noEndpoints():
		e.summary = fmt.Sprintf("%s was refused by %s: the Service %s has no ready pod behind it", x.who(), x.to(), s.shown())
		e.saw("the SYN sent again was answered by %v: ICMP port unreachable, which is how kube-proxy on the node rejects for a Service without endpoints; a pod would send a TCP reset", same.From)
		e.advise("see whether pods are ready behind it: %s", slices)
		e.advise("none is listed: its selector matches no pod, or they are not ready: `%s%s describe service %s`, `%s%s get pods --show-labels`", kubectl, s.in(), s.Name, kubectl, s.in())
	case same.Outcome.Kind == attempt.Refused && !same.From.IsValid():
		e.summary = fmt.Sprintf("%s was refused by %s: an endpoint of the Service %s answered that nothing listens on the port that it was sent to", x.who(), x.to(), s.shown())
		e.saw("the SYN sent again was answered by a TCP reset: kube-proxy, which rejects for a Service without pods, would have sent ICMP port unreachable")
		e.advise("compare the Service's targetPort with what the pod listens on: %s shows the port, `ss -tln` in the pod what listens; a server on 127.0.0.1 alone refuses everybody else", slices)
	default:
		e.summary = fmt.Sprintf("%s was refused by %s: the Service %s has no ready pod behind it, or that does not listen on its targetPort", x.who(), x.to(), s.shown())
		e.advise("see whether pods are ready behind it, and on which port: %s", slices)
	}
	return true
}
