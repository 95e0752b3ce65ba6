package diagnose

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// marked says what the environment is, for a sentence: "a Kubernetes pod"; "" where nothing marks it.
func (p *Platform) marked() string {
	in := ""
	if p.Namespace != "" {
		in = " in namespace " + p.Namespace
	}
	switch {
	case p.OpenShift == "v2":
		return "an OpenShift v2 gear"
	case p.OpenShift != "":
		return "an OpenShift pod" + in
	case p.Kubernetes:
		return "a Kubernetes pod" + in
	case p.Container != "":
		return "a container (" + p.Container + ")"
	}
	return ""
}

// inPod reports whether the program runs in a pod: in Kubernetes, or an OpenShift that is built on it.
func (p *Platform) inPod() bool { return p.Kubernetes || p.OpenShift != "" && p.OpenShift != "v2" }

// command is the platform's command line client.
func (p *Platform) command() string {
	if p.OpenShift != "" {
		return "oc"
	}
	return "kubectl"
}

// inNamespace is the beginning of a command about the pod's own namespace.
func (p *Platform) inNamespace() string {
	if p.Namespace == "" {
		return p.command()
	}
	return p.command() + " -n " + p.Namespace
}

// metadata are the addresses at which clouds tell a machine of itself, and give it credentials.
var metadata = []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254")}

// advisePolicies speaks of what may forbid a pod to reach the destination, in the platform's words.
func (x *examined) advisePolicies(e *explanation) {
	p, to, c := &x.facts.Platform, x.Destination.Addr().Unmap(), x.service()
	policies := fmt.Sprintf("`%s describe networkpolicies`", p.inNamespace())
	switch {
	case p.HostNetwork:
		e.advise("this pod is on its node's network (hostNetwork), where NetworkPolicy mostly has no effect: have %s allowed in the firewalls and security groups of the node", x.destinationRule())
	case to == metadata[0] || to == metadata[1]:
		e.saw("%v is the cloud's metadata service, which many clusters keep from pods", to)
		e.advise("give the pod credentials of its own rather than its node's: EKS Pod Identity or IRSA, GKE or Azure Workload Identity; its client library then needs no %v", to)
		e.advise("if it must be reached: allow it in the namespace's policies (%s)", policies)
	case to == p.APIServer:
		e.saw("%v is the cluster's API server as pods see it (KUBERNETES_SERVICE_HOST)", to)
		e.advise("if a NetworkPolicy restricts the egress, it must name where the API server really is, not %v: `%s get endpointslices -n default -l kubernetes.io/service-name=kubernetes`; then see %s", to, p.command(), policies)
	case c.service.Name != "":
		x.sawService(e, &c)
		other := ""
		if ns := c.service.Namespace; ns != "" && ns != p.Namespace {
			other = fmt.Sprintf("; its ingress rules: `%s -n %s describe networkpolicies`", p.command(), ns)
		}
		e.advise("policies of both ends count: egress rules here: %s%s; they speak of the pods behind %s and the port there (targetPort), not of %v", policies, other, c.service.Name, to)
		if !c.pod {
			e.advise("see whether pods are ready behind it: `%s%s get endpointslices -l kubernetes.io/service-name=%s`", p.command(), c.service.in(), c.service.Name)
		}
	default:
		e.advise("this is %s: if a NetworkPolicy restricts its egress, have %s allowed there: %s", p.marked(), x.destinationRule(), policies)
		if p.OpenShift != "" && !internal(to) {
			e.advise("to leave an OpenShift cluster the namespace's EgressFirewall must allow it too: `%s get egressfirewalls -o yaml` (openshift-sdn: egressnetworkpolicies)", p.inNamespace())
			x.adviseClusterProxy(e)
		}
		e.advise("a network plugin may have policies of its own, cluster-wide ones too: Cilium `%s get ciliumnetworkpolicies -A`, Calico `%s get globalnetworkpolicies`", p.command(), p.command())
	}
}

// adviseClusterProxy says where OpenShift keeps the proxy that the cluster itself uses.
func (x *examined) adviseClusterProxy(e *explanation) {
	if len(x.facts.Proxies) == 0 {
		e.advise("if the cluster goes out by a proxy, pods are not told: `oc get proxy cluster -o yaml` names it; set HTTPS_PROXY and NO_PROXY in the Deployment")
	}
}

// sawService says which Service the destination is, where it has the port.
func (x *examined) sawService(e *explanation, c *clusterName) {
	s := &c.service
	switch {
	case c.pod:
		e.saw("%v is a pod behind the Service %s (namespace %s)", x.Destination.Addr().Unmap(), s.Name, s.Namespace)
	case c.has(x):
		e.saw("%v is the Service %s, which has port %d: what is silent is a pod behind it, or a policy on the way there", x.Destination.Addr().Unmap(), s.shown(), x.Destination.Port())
	default:
		e.saw("%v is the Service %s", x.Destination.Addr().Unmap(), s.shown())
	}
}

// sawMesh says that a sidecar stands between the program and the network.
func (x *examined) sawMesh(e *explanation) {
	mesh := x.facts.Mesh
	if mesh == "" || x.Decided || x.facts.local(x.Destination.Addr()) {
		return
	}
	e.saw("a sidecar of %s runs in this pod: outgoing connections go to it first", mesh)
	if x.Outcome.Kind == attempt.Refused && x.again(attempt.Connected) {
		if mesh == "Istio" {
			e.advise("if it was refused as the pod started: let the program wait for the sidecar (`holdApplicationUntilProxyStarts: true`, or a native sidecar)")
		} else {
			e.advise("if it was refused as the pod started: let the program wait for the sidecar (`config.linkerd.io/proxy-await: enabled`, or a native sidecar)")
		}
	}
}

// adviseSecurityContext is how a pod's program may bind to a port below 1024.
func (x *examined) adviseSecurityContext(e *explanation) {
	p, port := &x.facts.Platform, x.Source.Addr.Port()
	e.advise("in a pod, if this is a server: let it listen on a port from %d up; the Service can still have port %d (`port: %d, targetPort: ...`)", x.unprivilegedMin(), port, port)
	e.advise("or lower the limit for the pod: `securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: \"%d\"}]}`, a safe sysctl", port)
	e.advise("`capabilities: {add: [NET_BIND_SERVICE]}` helps root alone: for another user the program's file must have it as well (setcap in the image), and allowPrivilegeEscalation must not be false")
	if p.OpenShift != "" && p.Pod != "" {
		e.advise("what the pod may ask for is up to its SCC: `%s get pod %s -o yaml | grep openshift.io/scc`", p.inNamespace(), CommandLine([]string{p.Pod}))
	}
}

// sawConfinement says what a platform has that may deny a bind.
func (x *examined) sawConfinement(e *explanation) {
	p := &x.facts.Platform
	if !p.inPod() {
		e.saw("this is %s: its sandbox (SELinux, Landlock, an eBPF program of the cgroup) may allow connecting only", p.marked())
		return
	}
	e.saw("this is %s: RuntimeDefault's seccomp profile allows bind, so it is another one (securityContext.seccompProfile), SELinux or AppArmor, Landlock, or an eBPF program of the cgroup", p.marked())
	pod := "POD"
	if p.Pod != "" {
		pod = CommandLine([]string{p.Pod})
	}
	if p.OpenShift != "" {
		e.advise("see what confines the pod, and which SCC: `%s get pod %s -o yaml | grep -A5 -e securityContext -e openshift.io/scc`", p.inNamespace(), pod)
	} else {
		e.advise("see what confines the pod: `%s get pod %s -o yaml | grep -A5 securityContext`", p.inNamespace(), pod)
	}
}

// nodeLocalDNS is where NodeLocal DNSCache answers on every node.
var nodeLocalDNS = netip.MustParseAddr("169.254.20.10")

// asks reports whether a server is the resolver that the cluster gave to a pod.
func (p *Platform) asks(server netip.Addr) bool {
	return p.inPod() && !server.IsLoopback() && (len(p.Resolvers) == 0 || p.Resolvers[0] == server.Unmap())
}

// dnsPods is where the cluster's DNS runs: its namespace, and the label of its pods as an option of the client.
func (p *Platform) dnsPods(server netip.Addr) (namespace, selector string) {
	switch {
	case p.OpenShift != "":
		return "openshift-dns", "-l dns.operator.openshift.io/daemonset-dns=default"
	case server == nodeLocalDNS:
		return "kube-system", "-l k8s-app=node-local-dns"
	}
	return "kube-system", "-l k8s-app=kube-dns"
}

// adviseDNS says what may keep a pod from its resolver; false where it is not a pod's.
func (p *Platform) adviseDNS(e *explanation, server netip.Addr) bool {
	if !p.asks(server) {
		return false
	}
	namespace, _ := p.dnsPods(server)
	to := "port 53 to namespace " + namespace
	switch {
	case p.OpenShift != "":
		to = "ports 53 and 5353 (the one that its pods listen on) to namespace " + namespace
	case server == nodeLocalDNS:
		to = "port 53 to " + server.String() + " (NodeLocal DNSCache) by an ipBlock"
	}
	e.advise("this is %s: if a NetworkPolicy restricts its egress, it must let DNS out, UDP and TCP %s: `%s describe networkpolicies`", p.marked(), to, p.inNamespace())
	return p.adviseDNSPods(e, server)
}

// adviseDNSPods asks whether the cluster's DNS is up; false where that is not what was asked.
func (p *Platform) adviseDNSPods(e *explanation, server netip.Addr) bool {
	if !p.asks(server) {
		return false
	}
	namespace, selector := p.dnsPods(server)
	e.advise("is the cluster's DNS up? `%s -n %s get pods %s`", p.command(), namespace, selector)
	return true
}

// otherNamespace says how a Service of another namespace is named: the search list leads to the pod's own alone.
func (r *resolution) otherNamespace(e *explanation) {
	name, p := r.name(), &r.place
	if !p.asks(r.lookups[0].Server.Addr()) || strings.Contains(name, ".") || !isLabel(name) {
		return
	}
	where := "the pod's own namespace"
	if p.Namespace != "" {
		where = "namespace " + p.Namespace
	}
	e.advise("if it is a Service: by this name one of %s is found; one of another namespace is %s.NAMESPACE: `%s get services -A --field-selector metadata.name=%s`", where, name, p.command(), name)
}

// adviseLocalhost says whose localhost is.
func (x *examined) adviseLocalhost(e *explanation) {
	if x.facts.inPod() {
		e.advise("localhost in a pod is the pod's own, shared by its containers alone: a server in another pod is reached by its Service's name")
		return
	}
	e.advise("localhost in %s is that container alone: to reach a server in another, use its name or address", x.facts.marked())
}
