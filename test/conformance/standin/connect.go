package main

import (
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	core "k8s.io/api/core/v1"

	"github.com/sallyport/sallyport/kube"
)

// connection is what agnhost connect was asked to make.
type connection struct {
	to       netip.AddrPort
	protocol kube.Protocol
}

// parse reads the command line of an exec. Only agnhost connect to an address is known here.
func parse(command []string) (connection, error) {
	var c connection
	if len(command) < 3 || command[0] != "/agnhost" || command[1] != "connect" {
		return c, fmt.Errorf("cannot run %q: only /agnhost connect is simulated", command)
	}
	flags := flag.NewFlagSet("connect", flag.ContinueOnError)
	flags.Duration("timeout", time.Duration(0), "")
	protocol := flags.String("protocol", "tcp", "")
	var args []string
	for rest := command[2:]; len(rest) > 0; { // options may follow the argument
		if err := flags.Parse(rest); err != nil {
			return c, err
		}
		if rest = flags.Args(); len(rest) > 0 {
			args, rest = append(args, rest[0]), rest[1:]
		}
	}
	if len(args) != 1 {
		return c, fmt.Errorf("cannot run %q: want one destination", command)
	}
	protocols := map[string]kube.Protocol{"tcp": kube.TCP, "udp": kube.UDP, "sctp": kube.SCTP}
	p, known := protocols[*protocol]
	if !known {
		return c, fmt.Errorf("cannot run %q: protocol %s is not known", command, *protocol)
	}
	to, err := netip.ParseAddrPort(args[0])
	if err != nil {
		return c, fmt.Errorf("cannot run %q: %w", command, err)
	}
	return connection{to, p}, nil
}

// answer is what becomes of a connection: what agnhost connect would write to its standard error, empty where it connects.
type answer string

const (
	connects answer = ""
	timesOut answer = "TIMEOUT\n"
	refused  answer = "REFUSED\n"
)

// connect decides. An error means that there is no answer.
func (s *state) connect(namespace, name string, c connection) (answer, kube.Decision, error) {
	from, _ := s.cluster.Workload("Pod", namespace, name)
	if from == nil {
		return "", kube.Decision{}, fmt.Errorf("there is no pod %s/%s", namespace, name)
	}
	d := s.evaluator.Decide(kube.Origin{Workload: from}, kube.Destination{Addr: c.to.Addr()}, c.protocol, c.to.Port())
	switch d.Verdict {
	case kube.Denied:
		for _, x := range d.Chain {
			if x.Layer == kube.Routing && x.Says == kube.Denies { // of a service without such a port, or without endpoints
				return refused, d, nil
			}
		}
		return timesOut, d, nil
	case kube.Allowed:
		a, err := s.arrive(c)
		return a, d, err
	}
	return "", d, fmt.Errorf("%v: %v", d.Verdict, d.Reasons)
}

// arrive is how a connection ends that nothing denies: it needs a program that listens.
func (s *state) arrive(c connection) (answer, error) {
	ends := s.ends(c)
	if len(ends) == 0 {
		return "", fmt.Errorf("%v leads to nothing in the cluster", c.to)
	}
	heard := 0
	for _, to := range ends {
		if s.listens(to, c.protocol) {
			heard++
		}
	}
	switch heard {
	case len(ends):
		return connects, nil
	case 0:
		return refused, nil
	}
	return "", fmt.Errorf("only %d of the %d endpoints of %v listen", heard, len(ends), c.to)
}

// ends is where an address leads: that of a service to its endpoints, as in kube-proxy.
func (s *state) ends(c connection) []netip.AddrPort {
	for _, service := range s.cluster.Services {
		for _, a := range service.ClusterIPs {
			if a != c.to.Addr() {
				continue
			}
			for _, p := range service.Ports {
				if p.Port == c.to.Port() && p.Protocol == c.protocol {
					return s.endpoints(service, p.Name, c)
				}
			}
			return nil
		}
	}
	return []netip.AddrPort{c.to}
}

func (s *state) endpoints(service *kube.Service, port string, c connection) []netip.AddrPort {
	var ends []netip.AddrPort
	for i := range s.slices {
		slice := &s.slices[i]
		if slice.Namespace != service.Namespace || slice.Labels["kubernetes.io/service-name"] != service.Name {
			continue
		}
		for _, p := range slice.Ports {
			if *p.Name != port || string(*p.Protocol) != c.protocol.String() {
				continue
			}
			for _, x := range slice.Endpoints {
				if a, err := netip.ParseAddr(x.Addresses[0]); err == nil && a.Is4() == c.to.Addr().Is4() {
					ends = append(ends, netip.AddrPortFrom(a, uint16(*p.Port)))
				}
			}
		}
	}
	return ends
}

// reached names the pods that an address leads to.
func (s *state) reached(c connection) []string {
	var names []string
	for _, to := range s.ends(c) {
		for _, p := range s.at(to.Addr()) {
			names = append(names, p.Namespace+"/"+p.Name)
		}
	}
	return names
}

// at is the pods that have an address: of a node, those on its network.
func (s *state) at(a netip.Addr) []*core.Pod {
	var list []*core.Pod
	for i := range s.pods {
		p := &s.pods[i]
		if p.Status.Phase == core.PodRunning && slices.ContainsFunc(p.Status.PodIPs, func(x core.PodIP) bool { return x.IP == a.String() }) {
			list = append(list, p)
		}
	}
	return list
}

// listens reports whether a container has a server at an address.
func (s *state) listens(to netip.AddrPort, protocol kube.Protocol) bool {
	for _, p := range s.at(to.Addr()) {
		for i := range p.Spec.Containers {
			if serves(&p.Spec.Containers[i], protocol, to.Port()) {
				return true
			}
		}
	}
	return false
}

// serves reports whether a container's agnhost is told to listen at a port.
func serves(c *core.Container, protocol kube.Protocol, port uint16) bool {
	words := strings.Fields(strings.Join(slices.Concat(c.Command, c.Args), " "))
	number := strconv.Itoa(int(port))
	has := func(word string) bool { return slices.Contains(words, word) }
	option := func(name string) bool {
		i := slices.Index(words, name)
		return has(name+"="+number) || i >= 0 && i+1 < len(words) && words[i+1] == number
	}
	switch {
	case has("porter"):
		for _, e := range c.Env {
			name := "SERVE_" + protocol.String() + "_PORT_" + number
			if e.Name == name || protocol == kube.TCP && e.Name == "SERVE_PORT_"+number {
				return true
			}
		}
	case has("serve-hostname"):
		return option("--port") && (has("--tcp") && protocol == kube.TCP || has("--udp") && protocol == kube.UDP)
	case has("netexec"):
		return protocol == kube.UDP && option("--udp-port") || protocol == kube.TCP && option("--http-port")
	}
	return false
}
