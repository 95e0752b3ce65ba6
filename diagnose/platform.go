package diagnose

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// Platform is what marks the place that a process runs in: its environment, and files that the platform put into its root directory.
// The zero value knows nothing.
type Platform struct {
	Container   string       // "docker", "podman", or what the variable container says; "" outside
	Kubernetes  bool         // something that only Kubernetes leaves is there
	OpenShift   string       // "v2" in a gear; "v3 or later" where its marks are; "" elsewhere
	Namespace   string       // of the pod; "" where it could not be read
	Pod         string       // its name; "" where it could not be read, or is that of its node
	HostNetwork bool         // the pod is in its node's network namespace
	Domain      string       // of the cluster, "cluster.local"; "" where not known
	Resolvers   []netip.Addr // the name servers of its /etc/resolv.conf
	Mesh        string       // whose sidecar stands between it and the network: "Istio", "Linkerd"; "" where none was seen
	APIServer   netip.Addr   // the API server as pods see it
	Services    []Service    // those that its environment names: of its own namespace, and the API server's
}

// Service is a Kubernetes Service.
type Service struct {
	Name, Namespace string // Namespace is "" where it could not be read
	Addr            netip.Addr
	Ports           []PublishedPort
}

// PublishedPort is one port of a Service, its own and not the targetPort of its pods.
type PublishedPort struct {
	Port     uint16
	Protocol string // "tcp", "udp", "sctp"; "" where not known
}

// marks reads the marks that are in an environment.
func (p *Platform) marks(env map[string]string) {
	for name, value := range env {
		switch {
		case name == "OPENSHIFT_GEAR_UUID" || name == "OPENSHIFT_GEAR_DNS" || name == "OPENSHIFT_APP_DNS":
			p.OpenShift = "v2"
		case strings.HasPrefix(name, "OPENSHIFT_BUILD_") && p.OpenShift == "": // of images that its builds made
			p.OpenShift = "v3 or later"
		case name == "container" && value != "":
			p.Container = value
		case strings.HasPrefix(name, "ISTIO_META_"): // of the sidecar itself, and of what is injected beside it
			p.Mesh = "Istio"
		case strings.HasPrefix(name, "LINKERD2_PROXY_"):
			p.Mesh = "Linkerd"
		}
	}
	if a, err := netip.ParseAddr(env["KUBERNETES_SERVICE_HOST"]); err == nil {
		p.Kubernetes, p.APIServer = true, a.Unmap()
	}
	p.Services = servicesOf(env)
	if p.Kubernetes {
		p.Pod = env["HOSTNAME"]
	}
}

// servicesOf reads the Services that the kubelet names in an environment (pkg/kubelet/envvars/envvars.go): NAME_SERVICE_HOST and
// NAME_SERVICE_PORT, and for each port a variable in the form of Docker's links, NAME_PORT_8080_TCP_ADDR. They are those of the time when the
// pod was started.
func servicesOf(env map[string]string) []Service {
	var out []Service
	for key, value := range env {
		upper, ok := strings.CutSuffix(key, "_SERVICE_HOST")
		addr, err := netip.ParseAddr(value)
		if !ok || upper == "" || err != nil || env[upper+"_SERVICE_PORT"] == "" {
			continue
		}
		s := Service{Name: strings.ReplaceAll(strings.ToLower(upper), "_", "-"), Addr: addr.Unmap()}
		if s.Name == "kubernetes" {
			s.Namespace = "default"
		}
		if !isLabel(s.Name) {
			continue
		}
		for k, v := range env {
			link, ok := strings.CutPrefix(k, upper+"_PORT_")
			link, isAddr := strings.CutSuffix(link, "_ADDR")
			digits, protocol, cut := strings.Cut(link, "_")
			if port, err := strconv.ParseUint(digits, 10, 16); ok && isAddr && cut && err == nil && v == value {
				s.Ports = append(s.Ports, PublishedPort{uint16(port), strings.ToLower(protocol)})
			}
		}
		if len(s.Ports) == 0 { // whoever set these two alone did not say that there are no others
			continue
		}
		s.sort()
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (s *Service) sort() {
	slices.SortFunc(s.Ports, func(a, b PublishedPort) int {
		if a.Port != b.Port {
			return int(a.Port) - int(b.Port)
		}
		return strings.Compare(a.Protocol, b.Protocol)
	})
	s.Ports = slices.Compact(s.Ports)
}

// hosts reads the first lines of the /etc/hosts that a kubelet wrote (pkg/kubelet/kubelet_pods.go).
func (p *Platform) hosts(text string) {
	switch first, _, _ := strings.Cut(text, "\n"); first {
	case "# Kubernetes-managed hosts file.":
		p.Kubernetes = true
	case "# Kubernetes-managed hosts file (host network).":
		p.Kubernetes, p.HostNetwork, p.Pod = true, true, "" // HOSTNAME is the node's
	}
}

// resolver reads an /etc/resolv.conf. The kubelet's has a search list that begins NAMESPACE.svc.DOMAIN, svc.DOMAIN.
func (p *Platform) resolver(text string) {
	r := attempt.ParseResolver(text)
	for _, a := range r.Servers {
		p.Resolvers = append(p.Resolvers, a.Unmap())
	}
	p.searched(r.Search)
}

func (p *Platform) searched(search []string) {
	if len(search) < 2 {
		return
	}
	namespace, rest, ok := strings.Cut(search[0], ".")
	domain, svc := strings.CutPrefix(rest, "svc.")
	if !ok || !svc || !isLabel(namespace) || search[1] != rest {
		return
	}
	p.Kubernetes, p.Domain = true, domain
	if p.Namespace == "" {
		p.Namespace = namespace
	}
}

// account reads what is in the directory of a service account. OpenShift adds the certificate of its service signer.
func (p *Platform) account(namespace string, hasServiceCA bool) {
	p.Kubernetes = true
	if isLabel(namespace) {
		p.Namespace = namespace
	}
	if hasServiceCA && p.OpenShift == "" {
		p.OpenShift = "v3 or later"
	}
}

// isLabel reports whether s can be a namespace: a label of RFC 1123. It is put into commands that people paste.
func isLabel(s string) bool {
	return s != "" && len(s) <= 63 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
}

// listeners reads /proc/PID/net/tcp or tcp6 as far as its first lines, those of the sockets that listen: where a sidecar does, it takes the pod's
// connections over. Istio's listens on 15001 for those that go out and 15006 for those that come in, Linkerd's on 4140 and 4143.
func (p *Platform) listeners(lines []string) {
	open := map[string]bool{}
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != "0A" {
			continue
		}
		_, port, _ := strings.Cut(fields[1], ":")
		open[port] = true
	}
	switch {
	case open["3A99"] && open["3A9E"]: // 15001, 15006
		p.Mesh = "Istio"
	case open["102C"] && open["102F"]: // 4140, 4143
		p.Mesh = "Linkerd"
	}
}

// over is p, with what o knows where p does not.
func (p Platform) over(o Platform) Platform {
	str := func(to *string, from string) {
		if *to == "" {
			*to = from
		}
	}
	str(&p.Container, o.Container)
	str(&p.OpenShift, o.OpenShift)
	str(&p.Namespace, o.Namespace)
	str(&p.Domain, o.Domain)
	str(&p.Mesh, o.Mesh)
	if !p.HostNetwork {
		p.HostNetwork = o.HostNetwork && !p.Kubernetes
		str(&p.Pod, o.Pod)
	}
	p.Kubernetes = p.Kubernetes || o.Kubernetes
	if !p.APIServer.IsValid() {
		p.APIServer = o.APIServer
	}
	if p.Resolvers == nil {
		p.Resolvers = o.Resolvers
	}
	if p.Services == nil {
		p.Services = o.Services
	}
	return p
}
