package scenes

import (
	"slices"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// A cluster: the client is a pod of the namespace shop, the router its node, and the server the host of the other pods. The Service db has the
// address and the port below, and sends what comes there to port 8080 of the server.
const (
	clusterIP   = "10.96.3.4"
	servicePort = "80"
	targetPort  = "8080"
	clusterDNS  = testhost.RowRouter4
)

// What the cluster's DNS says of it.
var (
	recordsOfDB = []string{
		"db.shop.svc.cluster.local. A " + clusterIP,
		"4.3.96.10.in-addr.arpa. PTR db.shop.svc.cluster.local.",
		"db.shop.svc.cluster.local. SRV 0 100 80 db.shop.svc.cluster.local.",
	}
	recordsOfHeadless = []string{
		"peers.shop.svc.cluster.local. A " + testhost.RowServer4,
		"2.8.16.172.in-addr.arpa. PTR 172-16-8-2.peers.shop.svc.cluster.local.",
		"peers.shop.svc.cluster.local. SRV 0 100 8080 172-16-8-2.peers.shop.svc.cluster.local.",
	}
	envOfDB = testhost.ServiceEnv("db", clusterIP, 80)
)

// How the node treats the Service's address: translated, and the rest as each mode of kube-proxy has it.
const (
	translated   = "ip daddr " + clusterIP + " tcp dport 80 dnat to " + testhost.RowServer4 + ":8080"
	notListening = "ip daddr " + clusterIP + " tcp dport 80 dnat to " + testhost.RowServer4 + ":9"
	noEndpoints  = "ip daddr " + clusterIP + " tcp dport 80 reject with icmp port-unreachable"
	noSuchPort   = "ip daddr " + clusterIP + " reject"
)

var pods = []Scene{
	{
		Name: "target-port-of-a-service", Causes: []string{"service-port"}, Undecided: []string{"timed-out"},
		Says: []string{"the Service db (namespace shop, 10.96.3.4) has no port 8080, only 80", "kubectl -n shop get service db", "DB_PORT_"},
		Make: inPod(testhost.Pod{Namespace: "shop", Env: envOfDB}, clusterIP, targetPort, translated, ""),
	},
	{
		Name: "target-port-of-a-service-rejected", Causes: []string{"service-port"}, Undecided: []string{"refused", "rejected-on-the-way"},
		Says: []string{"has no port 8080, only 80"},
		Make: inPod(testhost.Pod{Namespace: "shop", Env: envOfDB}, clusterIP, targetPort, translated, noSuchPort),
	},
	{ // a Service of another namespace is in no environment
		Name: "target-port-of-a-service-by-dns", Causes: []string{"service-port"}, Undecided: []string{"timed-out"},
		Says: []string{"the Service db (namespace shop, 10.96.3.4) has no port 8080, only 80", "DNS names now"},
		Make: inPod(testhost.Pod{Namespace: "web", Resolver: clusterDNS}, clusterIP, targetPort, translated, "", recordsOfDB...),
	},
	{
		Name: "target-port-of-a-service-by-name", Causes: []string{"service-port"}, Undecided: []string{"timed-out"},
		Says: []string{"(db.shop.svc.cluster.local)", "has no port 8080, only 80"},
		Make: inPodBy(connectName, testhost.Pod{Namespace: "shop", Resolver: clusterDNS, NoAccount: true, NoEnv: true}, "db", targetPort, translated, "", recordsOfDB...),
	},
	{
		Name: "service-port-of-a-headless-service", Causes: []string{"service-port"}, Undecided: []string{"refused"},
		Says: []string{"peers is headless", "connect to port 8080 of peers"},
		Make: inPodBy(connectName, testhost.Pod{Namespace: "shop", Resolver: clusterDNS}, "peers", "81", "", "", recordsOfHeadless...),
	},
	{ // a pod may listen on ports that no Service names: this one can be filtered
		Name: "filtered-port-of-a-headless-service", Causes: []string{"port-filtered"},
		Make: inPodBy(connectName, testhost.Pod{Namespace: "shop", Resolver: clusterDNS}, "peers", "9090", "", "tcp dport 9090 drop", recordsOfHeadless...),
	},
	{ // the marks are the program's alone: sallyport itself stands outside
		Name: "target-port-seen-from-outside", Causes: []string{"service-port"}, Undecided: []string{"timed-out"},
		Says: []string{"kubectl -n shop get service db"},
		Make: func(t testing.TB) Place {
			place := inPod(testhost.Pod{Namespace: "shop", Env: envOfDB}, clusterIP, targetPort, translated, "")(t)
			place.Under, place.Argv = nil, slices.Concat(place.Under, place.Argv)
			return place
		},
	},
	{
		Name: "service-without-endpoints", Causes: []string{"refused"}, Undecided: []string{"rejected-on-the-way"},
		Says: []string{"has no ready pod behind it", "kubectl -n shop get endpointslices -l kubernetes.io/service-name=db"},
		Make: inPod(testhost.Pod{Namespace: "shop", Env: envOfDB}, clusterIP, servicePort, "", noEndpoints),
	},
	{ // the same refusal, by a host that is no Service
		Name: "rejected-in-a-pod", Causes: []string{"rejected-on-the-way"},
		Make: inPod(testhost.Pod{Namespace: "shop", Env: envOfDB}, testhost.RowServer4, targetPort, "", "tcp dport 8080 reject with icmp port-unreachable"),
	},
	{
		Name: "service-with-a-wrong-target-port", Causes: []string{"refused"},
		Says: []string{"an endpoint of the Service db", "compare the Service's targetPort"},
		Make: inPod(testhost.Pod{Namespace: "shop", Env: envOfDB}, clusterIP, servicePort, notListening, ""),
	},
	{ // it got the port after the pod was started
		Name: "service-with-a-new-port", Causes: []string{"refused"}, Says: []string{"an endpoint of the Service db"},
		Make: inPod(testhost.Pod{Namespace: "shop", Env: testhost.ServiceEnv("db", clusterIP, 5432), Resolver: clusterDNS}, clusterIP, servicePort, notListening, "", recordsOfDB...),
	},
	{ // two variables that anybody may set do not say that there are no other ports
		Name: "variables-like-those-of-a-service", Causes: []string{"refused"},
		Make: inPod(testhost.Pod{Namespace: "shop", Env: []string{"DB_SERVICE_HOST=" + testhost.RowServer4, "DB_SERVICE_PORT=80"}}, testhost.RowServer4, "9", "", ""),
	},
	{
		Name: "policy-before-a-service", Causes: []string{"timed-out"},
		Says: []string{"which has port 80: what is silent is a pod behind it", "egress rules here: `kubectl -n shop describe networkpolicies`", "(targetPort)"},
		Make: inPod(testhost.Pod{Namespace: "shop", Env: envOfDB}, clusterIP, servicePort, translated, "tcp dport 8080 drop"),
	},
	{
		Name: "policy-of-another-namespace", Causes: []string{"timed-out"}, Says: []string{"its ingress rules: `kubectl -n shop describe networkpolicies`"},
		Make: inPod(testhost.Pod{Namespace: "web", Resolver: clusterDNS}, clusterIP, servicePort, translated, "tcp dport 8080 drop", recordsOfDB...),
	},
	{
		Name: "policy-of-openshift", Causes: []string{"timed-out"}, Says: []string{"an OpenShift pod in namespace shop", "oc -n shop get egressfirewalls", "oc get proxy cluster"},
		Make: inPod(testhost.Pod{Namespace: "shop", OpenShift: true}, "203.0.113.9", "6697", "", ""),
	},
	{
		Name: "policy-on-the-node", Causes: []string{"timed-out"}, Says: []string{"hostNetwork"},
		Make: inPod(testhost.Pod{Namespace: "shop", Hosts: true, OnNode: true}, "203.0.113.9", "6697", "", ""),
	},
	{
		Name: "metadata-service", Causes: []string{"timed-out"}, Says: []string{"the cloud's metadata service", "IRSA"},
		Make: inPod(testhost.Pod{Namespace: "shop"}, "169.254.169.254", "80", "", ""),
	},
	{
		Name: "api-server", Causes: []string{"timed-out"}, Says: []string{"the cluster's API server", "endpointslices -n default"},
		Make: inPod(testhost.Pod{Namespace: "shop"}, "10.96.0.1", "443", "", "drop"),
	},
	{
		Name: "sidecar-of-istio", Causes: []string{"timed-out"}, Says: []string{"a sidecar of Istio"},
		Make: inPodBy(besideIstio, testhost.Pod{Namespace: "shop"}, "203.0.113.9", "80", "", ""),
	},
	{
		Name: "dns-without-a-policy", Causes: []string{"resolver-silent"},
		Says: []string{"a Kubernetes pod in namespace shop", "UDP and TCP port 53 to namespace kube-system", "kubectl -n kube-system get pods -l k8s-app=kube-dns"},
		Make: inPodBy(connectName, testhost.Pod{Namespace: "shop", Resolver: clusterDNS, ResolvConf: []string{"options timeout:2 attempts:2"}}, "db", "80", "", "", "-"),
	},
	{
		Name: "dns-of-openshift-without-a-policy", Causes: []string{"resolver-silent"}, Says: []string{"5353", "openshift-dns"},
		Make: inPodBy(connectName, testhost.Pod{Namespace: "shop", OpenShift: true, Resolver: clusterDNS, ResolvConf: []string{"options timeout:2 attempts:2"}}, "db", "80", "", "", "-"),
	},
	{
		Name: "service-of-another-namespace", Causes: []string{"name-not-found"}, Says: []string{"db.NAMESPACE"},
		Make: inPodBy(connectName, testhost.Pod{Namespace: "web", Resolver: clusterDNS}, "db", "80", translated, "", recordsOfDB...),
	},
	{
		Name: "localhost-of-a-pod", Causes: []string{"refused"}, Says: []string{"shared by its containers"},
		Make: inPod(testhost.Pod{Namespace: "shop"}, "127.0.0.1", "5432", "", ""),
	},
	{
		Name: "bind-low-port-in-a-pod", Causes: []string{"bind-privileged-port"}, Says: []string{"targetPort", "net.ipv4.ip_unprivileged_port_start", "openshift.io/scc"},
		Make: func(t testing.TB) Place {
			place := unprivileged(bindFirst, server4, "80", "0.0.0.0", "99")(t)
			place.Under = slices.Concat(testhost.WithPod(t, testhost.Pod{Namespace: "shop", OpenShift: true}), place.Under)
			return place
		},
	},
}

// inPod connects from a pod to an address.
func inPod(p testhost.Pod, addr, port, nat, filter string, records ...string) func(testing.TB) Place {
	return inPodBy(connectTo, p, addr, port, nat, filter, records...)
}

// inPodBy is a Python program in a pod. The node translates by one rule, filters by another, and has the cluster's DNS with these records: none, no
// DNS; "-", one that is not reached.
func inPodBy(script string, p testhost.Pod, addr, port, nat, filter string, records ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		r := testhost.NewRow(t)
		r.Client.Sysctl("net.ipv4.tcp_syn_retries", "2")
		// What is for no pod leaves the node by its default route, and is not heard of any more.
		r.Router.IP("route", "add", "default", "via", testhost.RowServer4)
		if nat != "" {
			r.Router.NFT("table ip proxy { chain services { type nat hook prerouting priority dstnat; " + nat + "; }; }")
		}
		if filter != "" {
			r.Router.Filter("forward", filter)
		}
		switch {
		case len(records) == 1 && records[0] == "-":
			r.Router.Filter("input", "udp dport 53 drop", "tcp dport 53 drop")
		case len(records) > 0:
			testhost.ClusterDNS(r.Router, records...)
		}
		return Place{Host: r.Client, Under: testhost.WithPod(t, p), Argv: python(t, script, addr, port)}
	}
}

// besideIstio connects beside sockets that listen where Istio's sidecar does.
const besideIstio = `
import socket, sys
sidecar = [socket.create_server(("0.0.0.0", port)) for port in (15001, 15006)]
s = socket.socket()
s.connect((sys.argv[1], int(sys.argv[2])))
`
