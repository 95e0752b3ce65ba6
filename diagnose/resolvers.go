package diagnose

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// resolvedStub reports whether an address is one of those that systemd-resolved listens on, systemd-resolved.service(8).
func resolvedStub(a netip.Addr) bool {
	return a == netip.AddrFrom4([4]byte{127, 0, 0, 53}) || a == netip.AddrFrom4([4]byte{127, 0, 0, 54})
}

// dockerDNS is Docker's own resolver in containers of user-defined networks.
var dockerDNS = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// behind tells how to look behind a resolver that passes questions on.
func (r *resolution) behind(e *explanation, l *attempt.Lookup) {
	switch addr := l.Server.Addr().Unmap(); {
	case resolvedStub(addr):
		e.advise("%v is systemd-resolved, which passes questions on: `resolvectl status` names its servers, `resolvectl query %s` tells what they say, `journalctl -u systemd-resolved` what went wrong", addr, l.Name)
	case addr == dockerDNS:
		e.advise("%v is Docker's own resolver, which passes questions on to the servers of the host's /etc/resolv.conf: `docker run --dns ADDRESS` gives it others", addr)
	default:
		r.cluster(e)
	}
}

// inCluster reports whether the resolver is a Kubernetes cluster's, by the search list that its pods get.
func (r *resolution) inCluster() bool {
	c := r.lookups[0].Resolver
	return r.facts != nil && r.facts.Kubernetes || c != nil && slices.ContainsFunc(c.Search, func(s string) bool { return strings.HasPrefix(s, "svc.") && len(c.Search) > 1 })
}

// cluster tells how to look at a cluster's resolver.
func (r *resolution) cluster(e *explanation) {
	switch {
	case !r.inCluster():
	case r.facts != nil && r.facts.OpenShift != "":
		e.advise("OpenShift's resolver: `oc -n openshift-dns get pods -o wide`, `oc -n openshift-dns logs -l dns.operator.openshift.io/daemonset-dns=default -c dns`; its pods listen on port 5353, which a NetworkPolicy for egress has to allow, UDP and TCP")
	default:
		e.advise("the cluster's resolver: `kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide`, `kubectl -n kube-system logs -l k8s-app=kube-dns`; a NetworkPolicy for egress has to allow port 53 to it, UDP and TCP")
	}
}
