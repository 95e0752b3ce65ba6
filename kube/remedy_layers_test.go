package kube

import (
	"strings"
	"testing"
)

// TestLayerRemedies does what a denial by a layer says is to be done, and asks again.
func TestLayerRemedies(t *testing.T) {
	deny := "  - {type: Deny, to: {cidrSelector: 0.0.0.0/0}}\n"
	only := meshConfigYAML(registryOnly)
	for name, tt := range map[string]struct {
		from, to, words string
		before, after   []string
	}{
		"EgressFirewall": {
			"shop/web", "198.51.100.7:443", "let a rule of type Allow for 198.51.100.7 stand before rule 1",
			[]string{clusterYAML, networkYAML, firewallYAML(deny)},
			[]string{clusterYAML, networkYAML, firewallYAML("  - {type: Allow, to: {cidrSelector: 198.51.100.7/32}, ports: [{protocol: TCP, port: 443}]}\n" + deny)},
		},
		"EgressNetworkPolicy": {
			"shop/web", "198.51.100.7:443", "let a rule of type Allow for 198.51.100.7 stand before rule 1",
			[]string{clusterYAML, sdnYAML("e", deny)},
			[]string{clusterYAML, sdnYAML("e", "  - {type: Allow, to: {cidrSelector: 198.51.100.7/32}}\n"+deny)},
		},
		"several": {
			"shop/web", "198.51.100.7:443", "the namespace has to have one of them",
			[]string{clusterYAML, sdnYAML("e", "  - {type: Deny, to: {cidrSelector: 10.0.0.0/8}}\n"), sdnYAML("f", "  - {type: Deny, to: {cidrSelector: 10.0.0.0/8}}\n")},
			[]string{clusterYAML, sdnYAML("e", "  - {type: Deny, to: {cidrSelector: 10.0.0.0/8}}\n")},
		},
		"a name": {
			"shop/web", "www.example.org:443", "a ServiceEntry with hosts: [www.example.org] and port 443, exported to the namespace",
			[]string{meshYAML, only},
			[]string{meshYAML, only, istio("ServiceEntry", "data/e", "  hosts: [www.example.org]\n  ports: [{number: 443, name: t, protocol: TLS}]\n")},
		},
		"an address": {
			"shop/web", "198.51.100.7:22", "or with addresses: [198.51.100.7] and protocol TCP",
			[]string{meshYAML, only},
			[]string{meshYAML, only, istio("ServiceEntry", "shop/e", "  hosts: [ssh.example.org]\n  addresses: [198.51.100.7]\n  ports: [{number: 22, name: t, protocol: TCP}]\n")},
		},
		"a service": {
			"shop/web", "service data/db:5432", "a Sidecar's egress hosts to have data/db.data.svc.cluster.local",
			[]string{meshYAML, only, istio("Sidecar", "shop/d", "  egress:\n  - hosts: [./*]\n")},
			[]string{meshYAML, only, istio("Sidecar", "shop/d", "  egress:\n  - hosts: [./*, data/db.data.svc.cluster.local]\n")},
		},
		"a pod": {
			"shop/web", "pod data/db:80", "a Service has to lead to the pods by this port",
			[]string{meshYAML, only},
			[]string{meshYAML, only, "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: data}\nspec: {clusterIP: 10.96.0.11, selector: {app: db}, ports: [{port: 80}]}\n"},
		},
		"plain": {
			"shop/plain", "pod data/db:80", "or its mode to be PERMISSIVE",
			[]string{meshYAML, meshConfigYAML(""), istio("PeerAuthentication", "data/d", "  mtls: {mode: STRICT}\n")},
			[]string{meshYAML, meshConfigYAML(""), istio("PeerAuthentication", "data/d", "  mtls: {mode: PERMISSIVE}\n")},
		},
		"not authorized": {
			"shop/web", "pod data/db:80", "an AuthorizationPolicy has to allow this",
			[]string{meshYAML, meshConfigYAML(""), istio("AuthorizationPolicy", "data/none", "  {}\n")},
			[]string{meshYAML, meshConfigYAML(""), istio("AuthorizationPolicy", "data/none", "  {}\n"), istio("AuthorizationPolicy", "data/all", "  rules: [{}]\n")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := askLayers(t, evaluate(t, tt.before...), tt.from, tt.to)
			if d.Verdict != Denied || len(d.Remedies) != 1 || !strings.Contains(d.Remedies[0].Words, tt.words) {
				t.Fatalf("%v, remedies %+v, want %q", d.Verdict, d.Remedies, tt.words)
			}
			if d := askLayers(t, evaluate(t, tt.after...), tt.from, tt.to); d.Verdict != Allowed {
				t.Errorf("%v once it was done\n%s", d.Verdict, lines(d))
			}
		})
	}
}
