package testhost

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Pod is what a kubelet leaves for a program to see of where it runs.
type Pod struct {
	Namespace  string
	OpenShift  bool
	Resolver   string   // the cluster's DNS; "": the file stays as it is
	NoAccount  bool     // automountServiceAccountToken: false
	Hosts      bool     // /etc/hosts as the kubelet writes it
	OnNode     bool     // hostNetwork, for Hosts
	Env        []string // beside those of the API server
	NoEnv      bool     // of nothing: started by a login shell or cron
	ResolvConf []string // more lines of it
}

// WithPod is a command line to put before a program's, for it to find itself in a pod: the files and the environment that it would have. The
// network is what it was.
func WithPod(t testing.TB, p Pod) []string {
	t.Helper()
	dir := tempDir(t)
	files := []string{"namespace", "token", "ca.crt"}
	if p.OpenShift {
		files = append(files, "service-ca.crt")
	}
	for _, name := range files {
		writeFile(t, dir, name, 0o644, map[string]string{"namespace": p.Namespace}[name])
	}
	script := "mount -t tmpfs tmpfs /run\n"
	if !p.NoAccount {
		script += "mkdir -p /run/secrets/kubernetes.io/serviceaccount\n" +
			`for f in ` + strings.Join(files, " ") + `; do cp "$0/$f" /run/secrets/kubernetes.io/serviceaccount/; done` + "\n"
	}
	if p.Resolver != "" {
		writeFile(t, dir, "resolv.conf", 0o644, append([]string{
			"search " + p.Namespace + ".svc.cluster.local svc.cluster.local cluster.local",
			"nameserver " + p.Resolver, "options ndots:5",
		}, p.ResolvConf...)...)
		script += `mount --bind "$0/resolv.conf" /etc/resolv.conf` + "\n"
	}
	if p.Hosts {
		first := "# Kubernetes-managed hosts file."
		if p.OnNode {
			first = "# Kubernetes-managed hosts file (host network)."
		}
		writeFile(t, dir, "hosts", 0o644, first, "127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback")
		script += `mount --bind "$0/hosts" /etc/hosts` + "\n"
	}
	var env []string
	if !p.NoEnv {
		env = append(ServiceEnv("kubernetes", "10.96.0.1", 443), "HOSTNAME=web-7d4b9c6f5-x2x4k")
		env = append(env, p.Env...)
	}
	return slices.Concat([]string{
		Need(t, "unshare", "util-linux"), "--mount", "--propagation", "private", "sh", "-e", "-c", script + `exec env "$@"`, dir,
	}, env)
}

// ServiceEnv are the variables that a kubelet sets for a Service with these TCP ports.
func ServiceEnv(name, addr string, ports ...int) []string {
	upper := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	env := []string{
		upper + "_SERVICE_HOST=" + addr,
		fmt.Sprintf("%s_SERVICE_PORT=%d", upper, ports[0]),
		fmt.Sprintf("%s_PORT=tcp://%s:%d", upper, addr, ports[0]),
	}
	for _, port := range ports {
		link := fmt.Sprintf("%s_PORT_%d_TCP", upper, port)
		env = append(env, fmt.Sprintf("%s=tcp://%s:%d", link, addr, port), link+"_PROTO=tcp", fmt.Sprintf("%s_PORT=%d", link, port), link+"_ADDR="+addr)
	}
	return env
}

// ClusterDNS starts unbound with what CoreDNS would answer for Services: names, the ports of each (SRV), and whose an address is (PTR). Of
// everything else there is no such name.
func ClusterDNS(h *Host, records ...string) *Server {
	h.t.Helper()
	lines := []string{`  local-zone: "." static`, `  local-data: ". SOA a.test. b.test. 1 1 1 1 1"`}
	for _, r := range records {
		lines = append(lines, `  local-data: "`+r+`"`)
	}
	return h.unbound(nil, lines)
}
