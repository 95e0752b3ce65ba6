package probe

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/profile"
)

// clusterAuthority is where a pod finds the authority that signs for the API service.
const clusterAuthority = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"

// metadata are where clouds tell an instance about itself, by addresses that are the same everywhere. Their names (metadata.google.internal) lead to the first
// of them. Each is asked for its root alone, without the headers and tokens without which they tell nothing worth keeping.
var metadata = []struct{ address, whose string }{
	{"169.254.169.254", "metadata of AWS, Azure, Google Cloud, OpenStack and others"},
	{"fd00:ec2::254", "metadata of AWS by IPv6"},
	{"169.254.170.2", "metadata and credentials of tasks of AWS ECS"},
	{"169.254.170.23", "credentials of pods of AWS EKS, by its Pod Identity agent"},
	{"fd00:ec2::23", "the same by IPv6"},
	{"100.100.100.200", "metadata of Alibaba Cloud"},
}

// nodeVariables are the names that manifests commonly give to status.hostIP of the downward API, which has none of its own.
var nodeVariables = []string{"NODE_IP", "HOST_IP", "K8S_NODE_IP", "KUBERNETES_NODE_IP", "MY_NODE_IP", "MY_HOST_IP", "STATUS_HOST_IP", "NODE_ADDRESS"}

var errNoPod = errors.New("kubernetes: this is no pod of a cluster, as KUBERNETES_SERVICE_HOST is not set: run it inside of one (kubectl exec), or name targets")

// Kubernetes is the set of targets that each pod has: the API service, the cluster's DNS, the kubelet where its node's address is known, and the
// metadata addresses of clouds. Env is the environment of the pod.
func Kubernetes(env map[string]string, resolver profile.Resolver) ([]Target, error) {
	host, port := env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"]
	if host == "" {
		return nil, errNoPod
	}
	if port == "" {
		port = "443"
	}
	var list []Target
	var problems error
	add := func(text, origin, roots string) {
		t, err := Parse(text)
		t.Origin, t.Roots = origin, roots
		if err != nil {
			problems = errors.Join(problems, err)
			return
		}
		if !slices.ContainsFunc(list, func(o Target) bool { return o.Text == t.Text }) {
			list = append(list, t)
		}
	}
	add("tls://"+bracketed(host)+":"+port, "KUBERNETES_SERVICE_HOST, the API service", clusterAuthority)
	add("tls://kubernetes.default.svc:443", "the cluster's DNS, the API service", clusterAuthority)
	for _, a := range resolver.Servers {
		add("dns://"+bracketed(a.String()), "/etc/resolv.conf", "")
		add("dns+tcp://"+bracketed(a.String()), "/etc/resolv.conf", "")
	}
	for _, name := range nodeVariables {
		if a, err := netip.ParseAddr(env[name]); err == nil {
			add("tls://"+bracketed(a.String())+":10250", name+", the node's kubelet", clusterAuthority)
		}
	}
	for _, m := range metadata {
		add("http://"+bracketed(m.address), m.whose, "")
		list[len(list)-1].Direct = true // each of them is the last, as none is there twice
	}
	return list, problems
}

func bracketed(host string) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return "[" + host + "]"
	}
	return host
}
