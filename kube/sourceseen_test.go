package kube

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func egressIPYAML(name, rest string) string {
	return "apiVersion: k8s.ovn.org/v1\nkind: EgressIP\nmetadata: {name: " + name + "}\n" + rest + "\n"
}

func TestSourceSeen(t *testing.T) {
	one := egressIPYAML("out", `spec: {egressIPs: [203.0.113.50, 203.0.113.51], namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: web}}}
status: {items: [{node: n2, egressIP: 203.0.113.50}]}`)
	for name, tt := range map[string]struct {
		objects []string
		pod     string
		want    string // for each family: addresses, "?" where it is not certain
		words   string
		reason  string
	}{
		"an EgressIP": {[]string{one}, "web", "203.0.113.50; ?", "EgressIP out selects it, carried by n2", ""},
		"two nodes carry it": {
			[]string{strings.Replace(one, "203.0.113.50}]", "203.0.113.50}, {node: n1, egressIP: 203.0.113.51}]", 1)}, "web", "203.0.113.50 203.0.113.51; ?", "each connection has one of these", "",
		},
		"another pod":       {[]string{one}, "db", "192.0.2.2; ?", "the address of its node, n2", ""},
		"on the host":       {[]string{one}, "agent", "192.0.2.2", "it is on the host network: the address of its node, n2", ""},
		"not assigned":      {[]string{one[:strings.Index(one, "status:")] + "status: {items: []}\n"}, "web", "192.0.2.1; ?", "no node carries 203.0.113.50 or 203.0.113.51 yet", ""},
		"without a status":  {[]string{one[:strings.Index(one, "status:")]}, "web", "203.0.113.50 203.0.113.51 ?; ?", "", "status.items of EgressIP out: not in the object"},
		"two objects":       {[]string{one, strings.NewReplacer("name: out", "name: also", "203.0.113.5", "203.0.113.6").Replace(one)}, "web", "203.0.113.50 203.0.113.60 ?; ?", "EgressIP out and EgressIP also both select it", "f3.yaml:1: EgressIP also: OVN-Kubernetes serves a pod by one object, and which of several is not defined"},
		"labels not known":  {[]string{strings.Replace(one, "kubernetes.io/metadata.name: shop", "team: a", 1), "apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: other, labels: {app: web}}\nspec: {containers: [{name: c}]}\nstatus: {podIP: 10.128.0.99}\n"}, "other/x", "203.0.113.50 192.0.2.1 192.0.2.2 ?", "which EgressIP selects it is not known", "label team of Namespace other"},
		"another plugin":    {[]string{one, strings.ReplaceAll(networkYAML, "OVNKubernetes", "OpenShiftSDN")}, "web", "192.0.2.1; ?", "the address of its node, n1", ""},
		"a kind not read":   {[]string{egressIPYAML("none", "spec: {egressIPs: [203.0.113.50], namespaceSelector: {matchLabels: {a: b}}}"), "apiVersion: k8s.ovn.org/v1\nkind: EgressService\nmetadata: {name: s, namespace: shop}\n"}, "web", "192.0.2.1 ?; ?", "", "EgressService shop/s: is not read"},
		"plugin not known":  {[]string{"apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: other}\nspec: {nodeName: n9, containers: [{name: c}]}\nstatus: {podIP: 10.128.0.99, hostIP: 192.0.2.77}\n"}, "other/x", "192.0.2.77", "the address of its node (status.hostIP)", ""},
		"an object's error": {[]string{egressIPYAML("bad", "spec: {egressIPs: [203.0.113.50]}")}, "web", "203.0.113.50 192.0.2.1 ?; ?", "", "f2.yaml:4: EgressIP bad: has no namespaceSelector"},
	} {
		t.Run(name, func(t *testing.T) {
			e := evaluate(t, append([]string{clusterYAML, ""}, tt.objects...)...)
			ns, pod, found := strings.Cut(tt.pod, "/")
			if !found {
				ns, pod = "shop", tt.pod
			}
			w, _ := e.cluster.Workload("Pod", ns, pod)
			var got, words, reasons []string
			for _, s := range e.SourceSeen(w) {
				var list []string
				for _, a := range s.Addresses {
					list = append(list, a.String())
				}
				if !s.Certain {
					list = append(list, "?")
					if len(s.Reasons) == 0 {
						t.Errorf("not certain, and no reason: %v", s)
					}
				}
				got = append(got, strings.Join(list, " "))
				words = append(words, s.Words)
				for _, r := range s.Reasons {
					reasons = append(reasons, r.String())
				}
			}
			if strings.Join(got, "; ") != tt.want || !strings.Contains(strings.Join(words, "\n"), tt.words) || !strings.Contains(strings.Join(reasons, "\n"), tt.reason) {
				t.Errorf("%q, want %q\nwords %q\nreasons %q", got, tt.want, words, reasons)
			}
		})
	}
}

func TestProxyUse(t *testing.T) {
	proxy := `apiVersion: config.openshift.io/v1
kind: Proxy
metadata: {name: cluster}
spec:
  httpProxy: http://proxy.example:3128
  noProxy: .example.org
`
	status := `status:
  httpProxy: http://proxy.example:3128
  httpsProxy: http://proxy.example:3129
  noProxy: .cluster.local,.example.org,.svc
`
	pod := func(env string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  containers:\n  - name: c\n" + env
	}
	show := func(u ProxyUse) string {
		s := fmt.Sprintf("%t http %s at %v, https %s at %v, no %s at %v", u.Cluster != nil, u.HTTP.Value, u.HTTP.Pos, u.HTTPS.Value, u.HTTPS.Pos, u.No.Value, u.No.Pos)
		for _, c := range u.Containers {
			for _, v := range c.Variables {
				s += fmt.Sprintf("; %s: %s=%s at %v", c.Container.Name, v.Name, v.Value, v.Pos)
			}
		}
		return s
	}
	for name, tt := range map[string]struct {
		proxy, pod, want, reason, note string
	}{
		"in use": {
			proxy + status, pod("    env:\n    - {name: https_proxy, value: 'http://other:1'}\n    - {name: NO_PROXY, value: .svc}\n    - {name: PATH, value: /bin}\n"),
			"true http http://proxy.example:3128 at f0.yaml:8, https http://proxy.example:3129 at f0.yaml:9, no .cluster.local,.example.org,.svc at f0.yaml:10; c: https_proxy=http://other:1 at f1.yaml:8; c: NO_PROXY=.svc at f1.yaml:9", "", "",
		},
		"by the spec": {
			proxy, pod(""),
			"true http http://proxy.example:3128 at f0.yaml:5, https  at , no .example.org at f0.yaml:6", "", "no container of Pod shop/p is told of it",
		},
		"from elsewhere": {
			proxy + status, pod("    env:\n    - {name: HTTP_PROXY, valueFrom: {configMapKeyRef: {name: a, key: b}}}\n    envFrom:\n    - configMapRef: {name: x}\n"),
			"", "f1.yaml:10: envFrom of container c: may set variables that name proxies", "",
		},
		"none": {"", pod(""), "false http  at , https  at , no  at ", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := evaluate(t, tt.proxy, tt.pod)
			w, _ := e.cluster.Workload("Pod", "shop", "p")
			u := e.ProxyUse(w)
			if got := show(u); tt.want != "" && got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			var reasons []string
			for _, r := range u.Reasons {
				reasons = append(reasons, r.String())
			}
			if !strings.Contains(strings.Join(reasons, "\n"), tt.reason) || tt.reason == "" && len(reasons) > 0 {
				t.Errorf("reasons %q, want %q", reasons, tt.reason)
			}
			if tt.note != "" && !slices.ContainsFunc(u.Notes, func(n string) bool { return strings.Contains(n, tt.note) }) {
				t.Errorf("notes %q, want %q", u.Notes, tt.note)
			}
		})
	}
}
