package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// pages answers on port 80 of IPv6 alone.
const pages = `
import http.server, socket
class V6(http.server.HTTPServer):
    address_family = socket.AF_INET6
    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()
class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked for", self.path, [h for h in self.headers])
        self.send_response(401)
        self.end_headers()
V6(("::", 80), Pages).serve_forever()
`

// TestProbeKubernetes finds what each pod has, with stand-ins at the same addresses.
func TestProbeKubernetes(t *testing.T) {
	p := testhost.NewPair(t)
	a := testhost.NewAuthority(t, "kubernetes")
	for _, addr := range []string{"10.96.0.1/32", "169.254.169.254/32", "169.254.170.2/32"} {
		p.Server.IP("addr", "add", addr, "dev", "eth0")
	}
	p.Server.IP("-6", "addr", "add", "fd00:ec2::254/128", "dev", "eth0", "nodad")
	testhost.NginxTLS(p.Server, a, "kubernetes.default.svc", "10.96.0.1")
	six := testhost.Python(p.Server, 80, pages)
	testhost.ClusterDNS(p.Server, "kubernetes.default.svc.cluster.local. A 10.96.0.1")
	p.Server.Filter("input", "ip daddr 169.254.170.2 drop")
	bin := sallyport(t)
	argv := testhost.WithPod(t, testhost.Pod{Namespace: "shop", Resolver: "172.16.6.1", Env: []string{"HOST_IP=172.16.6.2"}})
	argv = append(argv, "sh", "-c", `cp "$0" /run/secrets/kubernetes.io/serviceaccount/ca.crt && exec "$@"`, a.Path)
	got := p.Client.Run(probeTimeout, "", append(argv, bin, "probe", "--timeout", "1s", "--no-counterfactuals", "--sources", "none", "kubernetes")...)
	shows(t, got.Stdout+got.Stderr,
		`10\.96\.0\.1 tcp named in KUBERNETES_SERVICE_HOST, the API service 443 tls allowed connected, tls TLS 1\.3`,
		`kubernetes\.default\.svc \(10\.96\.0\.1\) tcp named in the cluster's DNS, the API service 443 tls allowed connected, tls`,
		`172\.16\.6\.1 udp named in /etc/resolv\.conf 53 dns allowed answered, dns`,
		`172\.16\.6\.1 tcp named in /etc/resolv\.conf 53 dns\+tcp allowed connected, dns`,
		`172\.16\.6\.2 tcp named in HOST_IP, the node's kubelet 10250 tls inconclusive refused`,
		`169\.254\.169\.254 tcp named in metadata of AWS, Azure, Google Cloud, OpenStack and others 80 http allowed connected, http HTTP/1\.1 200`,
		`fd00:ec2::254 tcp named in metadata of AWS by IPv6 80 http allowed connected, http HTTP/1\.0 401`,
		`169\.254\.170\.2 tcp named in metadata and credentials of tasks of AWS ECS 80 http denied silence for 1 s`,
	)
	if strings.Contains(got.Stdout, "does not trust") {
		t.Errorf("the cluster's authority is not trusted:\n%s", got.Stdout)
	}
	six.Stop()
	if out := six.Output(); !strings.Contains(out, "asked for / ") || strings.Contains(strings.ToLower(out), "metadata") {
		t.Errorf("asks the metadata service for more than its root: %s", out)
	}
	if got := p.Client.Run(probeTimeout, "", "env", "-u", "KUBERNETES_SERVICE_HOST", bin, "probe", "kubernetes"); got.Status != 2 || !strings.Contains(got.Stderr, "no pod of a cluster") {
		t.Errorf("outside: %d %s", got.Status, got.Stderr)
	}
}

const shopObjects = `apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: shop}
stringData: {url: "http://shop:hunter2@172.16.6.1:80/orders"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        env:
        - {name: API_URL, valueFrom: {secretKeyRef: {name: keys, key: url}}}
        - {name: BROKER, value: "172.16.6.1:81"}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 172.16.6.1/32}}], ports: [{port: 80}]}]
`

// TestProbeObjects probes what objects name, and compares it with what they allow.
func TestProbeObjects(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Nginx(p.Server)
	testhost.Python(p.Server, 81, acceptor, "81")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop.yaml"), []byte(shopObjects), 0o644); err != nil {
		t.Fatal(err)
	}
	bin := sallyport(t)
	args := []string{"probe", "--sources", "none", "--timeout", "1s", "--from", "shop/web", dir}
	run := func(more ...string) testhost.Result {
		got := p.Client.Run(probeTimeout, "", append([]string{bin}, append(args, more...)...)...)
		if strings.Contains(got.Stdout+got.Stderr, "hunter2") {
			t.Errorf("shows a secret:\n%s%s", got.Stdout, got.Stderr)
		}
		return got
	}
	got := run()
	shows(t, got.Stdout, fmt.Sprintf(`172\.16\.6\.1 tcp named in %s/shop\.yaml:4 \(API_URL of container app\) .* 80 http allowed connected, http HTTP/1\.1 200`, dir),
		`named in .*shop\.yaml:18 \(BROKER of container app\) .* 81 allowed connected`)
	args = []string{"probe", "--sources", "none", "--timeout", "1s", "--from", "shop/web", "--compare", dir, dir}
	if got := run(); got.Status != 1 {
		t.Errorf("--compare: status %d", got.Status)
	} else {
		shows(t, got.Stdout, `172\.16\.6\.1 port 81 by tcp, no bind: declared drop, observed connected`, `likely: the policy is not enforced here`, `1 differ, 2 are as declared`)
	}
	args = []string{"probe", "--list", "--from", "shop/web", dir}
	shows(t, run().Stdout, `http://172\.16\.6\.1:80`, `3 targets, \d+ attempts; nothing was sent`)
	args = []string{"probe", "--compare", dir, "172.16.6.1:80"}
	if got := run(); got.Status != 2 || !strings.Contains(got.Stderr, "want --from") {
		t.Errorf("--compare without --from: %d %s", got.Status, got.Stderr)
	}
}
