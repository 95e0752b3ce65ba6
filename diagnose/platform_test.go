package diagnose

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestServicesOf(t *testing.T) {
	env := variables(strings.Fields(`
		KUBERNETES_SERVICE_HOST=10.96.0.1 KUBERNETES_SERVICE_PORT=443 KUBERNETES_SERVICE_PORT_HTTPS=443
		KUBERNETES_PORT=tcp://10.96.0.1:443 KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443 KUBERNETES_PORT_443_TCP_PROTO=tcp
		KUBERNETES_PORT_443_TCP_PORT=443 KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1
		MY_DB_SERVICE_HOST=fd00::7 MY_DB_SERVICE_PORT=5432 MY_DB_SERVICE_PORT_METRICS=9187
		MY_DB_PORT_5432_TCP_ADDR=fd00::7 MY_DB_PORT_9187_TCP_ADDR=fd00::7 MY_DB_PORT_53_UDP_ADDR=fd00::7
		MY_DB_PORT_99999_TCP_ADDR=fd00::7 MY_DB_PORT_80_TCP_ADDR=10.0.0.9 MY_DB_PORT_81_TCP=tcp://[fd00::7]:81
		APP_SERVICE_HOST=db.example.org APP_SERVICE_PORT=80 APP_PORT_80_TCP_ADDR=db.example.org
		OLD_SERVICE_HOST=10.96.0.9 OLD_PORT_80_TCP_ADDR=10.96.0.9
		SET_SERVICE_HOST=10.96.0.8 SET_SERVICE_PORT=80
		_SERVICE_HOST=10.96.0.7 _SERVICE_PORT=80 _PORT_80_TCP_ADDR=10.96.0.7`))
	want := []Service{
		{Name: "kubernetes", Namespace: "default", Addr: netip.MustParseAddr("10.96.0.1"), Ports: []PublishedPort{{443, "tcp"}}},
		{Name: "my-db", Addr: netip.MustParseAddr("fd00::7"), Ports: []PublishedPort{{53, "udp"}, {5432, "tcp"}, {9187, "tcp"}}},
	}
	if got := servicesOf(env); !reflect.DeepEqual(got, want) {
		t.Errorf("\ngot  %+v\nwant %+v", got, want)
	}
	if got := want[1].ports(); got != "53/udp, 5432 and 9187" {
		t.Errorf("ports() = %q", got)
	}
}

func TestPlatformMarks(t *testing.T) {
	for _, tt := range []struct {
		name string
		mark func(*Platform)
		want string
		pod  string
	}{
		{"nothing", func(p *Platform) { p.marks(variables([]string{"HOSTNAME=laptop", "KUBERNETES_SERVICE_HOST="})) }, "", ""},
		{"environment", func(p *Platform) {
			p.marks(variables([]string{"HOSTNAME=web-1", "KUBERNETES_SERVICE_HOST=10.96.0.1"}))
		}, "a Kubernetes pod", "web-1"},
		{"service account", func(p *Platform) { p.account("shop", false) }, "a Kubernetes pod in namespace shop", ""},
		{"a namespace that is none", func(p *Platform) { p.account("$(reboot)", false) }, "a Kubernetes pod", ""},
		{"OpenShift's signer", func(p *Platform) { p.account("shop", true) }, "an OpenShift pod in namespace shop", ""},
		{"an image of its builds", func(p *Platform) { p.marks(variables([]string{"OPENSHIFT_BUILD_NAME=web-1"})) }, "an OpenShift pod", ""},
		{"a gear", func(p *Platform) { p.marks(variables([]string{"OPENSHIFT_GEAR_UUID=1", "OPENSHIFT_BUILD_X=1"})) }, "an OpenShift v2 gear", ""},
		{"search list", func(p *Platform) {
			p.resolver("nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
		}, "a Kubernetes pod in namespace shop", ""},
		{"another search list", func(p *Platform) { p.resolver("search shop.svc.example.org example.org\n") }, "", ""},
		{"hosts", func(p *Platform) { p.hosts("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n") }, "a Kubernetes pod", ""},
		{"the node's hosts", func(p *Platform) {
			p.marks(variables([]string{"HOSTNAME=node-1", "KUBERNETES_SERVICE_HOST=10.96.0.1"}))
			p.hosts("# Kubernetes-managed hosts file (host network).\n")
		}, "a Kubernetes pod", ""},
		{"Docker", func(p *Platform) { p.Container = "docker" }, "a container (docker)", ""},
	} {
		var p Platform
		tt.mark(&p)
		if got := p.marked(); got != tt.want || p.Pod != tt.pod {
			t.Errorf("%s: %q, pod %q, want %q, %q", tt.name, got, p.Pod, tt.want, tt.pod)
		}
	}
}

// TestPlatformOver: what is known of the program counts more than what is known of sallyport.
func TestPlatformOver(t *testing.T) {
	own := Platform{Kubernetes: true, Namespace: "tools", Pod: "debug", Domain: "cluster.local", OpenShift: "v3 or later"}
	got := Platform{Namespace: "shop"}.over(own)
	want := Platform{Kubernetes: true, Namespace: "shop", Pod: "debug", Domain: "cluster.local", OpenShift: "v3 or later"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\ngot  %+v\nwant %+v", got, want)
	}
	onNode := Platform{Kubernetes: true, HostNetwork: true}.over(own)
	if onNode.Pod != "" || !onNode.HostNetwork {
		t.Errorf("a pod on its node's network got %+v", onNode)
	}
}

func TestListeners(t *testing.T) {
	line := func(port, state string) string {
		return "0: 00000000:" + port + " 00000000:0000 " + state + " 00000000:00000000"
	}
	for _, tt := range []struct {
		lines []string
		want  string
	}{
		{[]string{line("3A99", "0A"), line("3A9E", "0A")}, "Istio"},
		{[]string{line("102C", "0A"), line("102F", "0A")}, "Linkerd"},
		{[]string{line("3A99", "0A")}, ""},
		{[]string{line("3A99", "01"), line("3A9E", "01")}, ""},
		{[]string{"sl local_address", "short"}, ""},
	} {
		var p Platform
		if p.listeners(tt.lines); p.Mesh != tt.want {
			t.Errorf("%q: %q, want %q", tt.lines, p.Mesh, tt.want)
		}
	}
}

func TestServiceName(t *testing.T) {
	p := Platform{Domain: "cluster.local"}
	for name, want := range map[string]string{
		"db.shop.svc.cluster.local":          "db.shop",
		"DB.shop.svc.cluster.local.":         "db.shop",
		"10-0-0-1.db.shop.svc.cluster.local": "db.shop",
		"shop.svc.cluster.local":             "",
		"db.shop.svc.example.org":            "",
		"10-0-0-1.shop.pod.cluster.local":    "",
		"$(x).shop.svc.cluster.local":        "",
		"":                                   "",
	} {
		if got := p.serviceName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := (&Platform{}).serviceName("db.shop.svc."); got != "" {
		t.Errorf("without a domain: %q", got)
	}
}

func TestReverseName(t *testing.T) {
	for addr, want := range map[string]string{
		"10.96.3.4":   "4.3.96.10.in-addr.arpa.",
		"2001:db8::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
	} {
		if got := reverseName(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// FuzzPlatform: what a program's files and environment say never harms, and never gets into a command.
func FuzzPlatform(f *testing.F) {
	f.Add("KUBERNETES_SERVICE_HOST=10.96.0.1 DB_SERVICE_HOST=10.0.0.1 DB_SERVICE_PORT=1 DB_PORT_1_TCP_ADDR=10.0.0.1", "shop", "search shop.svc.cluster.local svc.cluster.local\nnameserver ::1")
	f.Fuzz(func(t *testing.T, env, namespace, resolv string) {
		var p Platform
		p.marks(variables(strings.Fields(env)))
		p.account(namespace, false)
		p.resolver(resolv)
		if got := strings.Fields(p.inNamespace()); len(got) != 1 && len(got) != 3 || strings.ContainsAny(p.inNamespace(), "`$;|&'\"\n") {
			t.Errorf("%q", p.inNamespace())
		}
		for _, s := range p.Services {
			if !isLabel(s.Name) {
				t.Errorf("a Service named %q", s.Name)
			}
		}
	})
}

// TestPlatformCommands: names that the program chose itself are put into commands only if they can be the platform's.
func TestPlatformCommands(t *testing.T) {
	var p Platform
	p.resolver("search `x`.svc.cluster.local svc.cluster.local\n")
	p.marks(variables([]string{"`x`_SERVICE_HOST=10.0.0.1", "`x`_SERVICE_PORT=1", "`x`_PORT_1_TCP_ADDR=10.0.0.1"}))
	if p.inNamespace() != "kubectl" || len(p.Services) != 0 {
		t.Errorf("%q, %+v", p.inNamespace(), p.Services)
	}
}
