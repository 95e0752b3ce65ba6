package kube

import (
	"strings"
	"testing"
)

const meshYAML = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: data}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c}, {name: istio-proxy}]}
status: {podIP: 10.244.0.5, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: shop, labels: {app: plain}}
spec: {containers: [{name: c}]}
status: {podIP: 10.244.0.6, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: data, labels: {app: db}}
spec: {initContainers: [{name: istio-proxy, restartPolicy: Always}], containers: [{name: c}]}
status: {podIP: 10.244.0.7, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: cache, namespace: data, labels: {app: cache}}
spec: {containers: [{name: c}]}
status: {podIP: 10.244.0.8, phase: Running}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: later, namespace: shop}
spec: {template: {metadata: {labels: {app: later}}, spec: {containers: [{name: c}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {clusterIP: 10.96.0.9, selector: {app: db}, ports: [{port: 5432, targetPort: 15432}]}
---
apiVersion: v1
kind: Service
metadata: {name: cache, namespace: data}
spec: {clusterIP: None, selector: {app: cache}, ports: [{port: 6379}]}
---
apiVersion: v1
kind: Service
metadata: {name: hidden, namespace: data, annotations: {networking.istio.io/exportTo: "."}}
spec: {clusterIP: 10.96.0.10, selector: {app: cache}, ports: [{port: 80}]}
`

func meshConfigYAML(mesh string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |-\n    accessLogFile: /dev/stdout\n" + mesh
}

const registryOnly = "    outboundTrafficPolicy:\n      mode: REGISTRY_ONLY\n"

func istio(kind, name, spec string) string {
	group := "networking.istio.io/v1"
	if kind == "AuthorizationPolicy" || kind == "PeerAuthentication" {
		group = "security.istio.io/v1"
	}
	ns, n, _ := strings.Cut(name, "/")
	return "apiVersion: " + group + "\nkind: " + kind + "\nmetadata: {name: " + n + ", namespace: " + ns + "}\nspec:\n" + spec
}

func TestOutboundTrafficPolicy(t *testing.T) {
	only := meshConfigYAML(registryOnly)
	entry := istio("ServiceEntry", "shop/ext", `  hosts: [www.example.org, "*.example.net"]
  ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}]
  resolution: DNS
`)
	database := istio("ServiceEntry", "shop/db", `  hosts: [db.example.com]
  addresses: [203.0.113.0/24]
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  resolution: NONE
`)
	carried := istio("ServiceEntry", "shop/any", `  hosts: [legacy.example.com]
  ports: [{number: 7000, name: tcp, protocol: TCP}]
  resolution: DNS
`)
	check(t, evaluate(t, meshYAML, only, entry, database, carried), "shop/web", []want{
		{to: "198.51.100.7:22", verdict: Denied, chain: "=> egress: ConfigMap istio-system/istio denies: outboundTrafficPolicy is REGISTRY_ONLY, and the registry does not have this: connect succeeds, and then the sidecar resets the connection, or answers HTTP with 502 (f1.yaml:1)"},
		{to: "198.51.100.7:22/UDP", verdict: Allowed, chain: "only TCP goes through the sidecar"},
		{to: "www.example.org:443", verdict: Allowed, chain: "=> egress: ServiceEntry shop/ext admits: the registry has the name by it (f2.yaml:6)"},
		{to: "a.b.example.net:80", verdict: Allowed},
		{to: "www.example.org:8443", verdict: Denied},
		{to: "other.example:443", verdict: Denied},
		{to: "198.51.100.7:443", verdict: Undecidable, reason: "ServiceEntry shop/ext: it is told apart by the name that the client sends: ask by the name"},
		{to: "203.0.113.7:5432", verdict: Allowed, chain: "ServiceEntry shop/db admits: the registry has the address by it"},
		{to: "198.51.100.7:5432", verdict: Denied},
		{to: "db.example.com:5432", verdict: Undecidable, reason: "those of the name are not known"},
		{to: "198.51.100.7:7000", verdict: Undecidable, reason: "it takes everything that goes to its port, and carries it to its own endpoints"},
		{to: "legacy.example.com:7000", verdict: Allowed},
		// Services, and pods by what leads to them.
		{to: "service data/db:5432", verdict: Allowed, chain: "=> egress: Service data/db admits: the registry has it"},
		{to: "10.96.0.9:5432", verdict: Allowed, chain: "Service data/db admits"},
		{to: "service data/hidden:80", verdict: Denied, chain: "does not have this"},
		{to: "pod data/db:15432", verdict: Allowed, chain: "Service data/db admits: the registry has it, and it leads to the pod"},
		{to: "pod data/db:5432", verdict: Denied},
		{to: "10.244.0.7:15432", verdict: Denied, chain: "does not have this"}, // by its address it is not in the registry
		{to: "service data/cache:6379", verdict: Allowed},
		{to: "10.244.0.8:6379", verdict: Undecidable, reason: "Service data/cache: it is headless"},
		{to: "pod data/cache:6379", verdict: Allowed},
	})
	check(t, evaluate(t, meshYAML, only), "shop/plain", []want{
		{to: "198.51.100.7:22", verdict: Allowed, chain: "Istio not applicable: Pod shop/plain has no sidecar: it runs without the container istio-proxy"},
	})
	check(t, evaluate(t, meshYAML, only), "shop/later", []want{{to: "198.51.100.7:22", verdict: Denied}})
	check(t, evaluate(t, meshYAML, meshConfigYAML("")), "shop/web", []want{
		{to: "198.51.100.7:22", verdict: Allowed, chain: "=> egress: ConfigMap istio-system/istio admits: outboundTrafficPolicy is ALLOW_ANY"},
	})
	check(t, evaluate(t, meshYAML), "shop/web", []want{
		{to: "198.51.100.7:22", verdict: Undecidable, reason: "outboundTrafficPolicy of MeshConfig: the ConfigMap istio (mostly in istio-system) was not given"},
		{to: "service data/db:5432", verdict: Allowed},
	})
	check(t, evaluate(t, meshYAML, meshConfigYAML("    outboundTrafficPolicy: {}\n")), "shop/web", []want{
		{to: "198.51.100.7:22", verdict: Undecidable, reason: "has no mode: want one, ALLOW_ANY or REGISTRY_ONLY"},
	})
	check(t, evaluate(t, meshYAML, meshConfigYAML("    outboundTrafficPolicy: {mode: NONE}\n")), "shop/web", []want{
		{to: "198.51.100.7:22", verdict: Undecidable, reason: `mesh: mode "NONE": want ALLOW_ANY or REGISTRY_ONLY`},
	})
	check(t, evaluate(t, strings.Replace(meshYAML, "istio-injection: enabled", "istio.io/rev: canary", 1), only), "shop/web", []want{
		{to: "198.51.100.7:22", verdict: Undecidable, reason: "the ConfigMap istio-canary"},
	})
	check(t, evaluate(t, meshYAML, only, istio("VirtualService", "shop/v", "  hosts: [db.data.svc.cluster.local]\n  http: []\n"), istio("EnvoyFilter", "istio-system/f", "  configPatches: []\n")), "shop/web", []want{
		{to: "service data/db:5432", verdict: Allowed, note: "VirtualService shop/v (f2.yaml:1) holds for db.data.svc.cluster.local"},
		{to: "service data/db:5432", verdict: Allowed, note: "EnvoyFilter istio-system/f (f3.yaml:1) changes what the sidecar does"},
	})
}

func TestSidecarEgress(t *testing.T) {
	only := meshConfigYAML(registryOnly)
	own := istio("Sidecar", "shop/default", "  egress:\n  - hosts: [./*, istio-system/*]\n")
	selects := istio("Sidecar", "shop/web", "  workloadSelector: {labels: {app: web}}\n  egress:\n  - hosts: [data/db.data.svc.cluster.local]\n")
	root := istio("Sidecar", "istio-system/default", "  outboundTrafficPolicy: {mode: ALLOW_ANY}\n")
	for name, tt := range map[string]struct {
		objects []string
		wants   []want
	}{
		"namespace": {[]string{only, own}, []want{{to: "service data/db:5432", verdict: Denied, chain: "(of the registry, the sidecar has the hosts of Sidecar shop/default)"}}},
		"selector before namespace": {[]string{only, own, selects}, []want{
			{to: "service data/db:5432", verdict: Allowed},
			{to: "service data/cache:6379", verdict: Denied},
		}},
		"namespace before root": {[]string{only, own, root}, []want{{to: "198.51.100.7:22", verdict: Denied}}},
		"root":                  {[]string{only, root}, []want{{to: "198.51.100.7:22", verdict: Allowed, chain: "=> egress: Sidecar istio-system/default admits: outboundTrafficPolicy is ALLOW_ANY"}}},
		"its own policy": {
			[]string{meshConfigYAML(""), istio("Sidecar", "shop/d", "  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n")},
			[]want{
				{to: "198.51.100.7:22", verdict: Denied, chain: "=> egress: Sidecar shop/d denies"},
				{to: "service data/db:5432", verdict: Allowed}, // without egress everything is imported
			},
		},
		"without egress, below one with it": {[]string{only, own, strings.Replace(selects, "  egress:\n  - hosts: [data/db.data.svc.cluster.local]\n", "", 1)}, []want{{to: "service data/db:5432", verdict: Undecidable, reason: "egress of Sidecar shop/web: absent: whether it has that of Sidecar shop/default"}}},
		"a proxy for the rest":              {[]string{meshConfigYAML("    outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a.b.svc.cluster.local}}\n")}, []want{{to: "198.51.100.7:22", verdict: Allowed, note: "is carried to the egressProxy"}}},
		"two of a rank":                     {[]string{only, own, strings.Replace(own, "name: default", "name: other", 1)}, []want{{to: "service data/db:5432", verdict: Undecidable, reason: "Sidecar shop/other: is of the same rank as Sidecar shop/default: which holds is not defined"}}},
		"nothing":                           {[]string{only, istio("Sidecar", "shop/d", "  egress:\n  - hosts: ['~/*']\n")}, []want{{to: "service data/db:5432", verdict: Denied}}},
		"by port": {
			[]string{only, istio("Sidecar", "shop/d", "  egress:\n  - port: {number: 5432, protocol: TCP, name: pg}\n    hosts: [data/*]\n  - hosts: [./*]\n")},
			[]want{{to: "service data/db:5432", verdict: Allowed}, {to: "service data/cache:6379", verdict: Denied}},
		},
		"a port's own listener": {
			[]string{only, istio("Sidecar", "shop/d", "  egress:\n  - port: {number: 5432, protocol: TCP, name: pg}\n    hosts: [./*]\n  - hosts: ['*/*']\n")},
			[]want{{to: "service data/db:5432", verdict: Undecidable}, {to: "service data/cache:6379", verdict: Allowed}},
		},
		"namespace and every one": {
			[]string{only, istio("Sidecar", "shop/d", "  egress:\n  - hosts: [data/x.data.svc.cluster.local, '*/db.data.svc.cluster.local']\n")},
			[]want{{to: "service data/db:5432", verdict: Undecidable}},
		},
		"with an error": {[]string{only, istio("Sidecar", "shop/d", "  egress:\n  - hosts: [www.example.org]\n")}, []want{{to: "service data/db:5432", verdict: Undecidable, reason: `f2.yaml:6: Sidecar shop/d: egress 1: host "www.example.org": want NAMESPACE/NAME`}}},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, evaluate(t, append([]string{meshYAML}, tt.objects...)...), "shop/web", tt.wants)
		})
	}
}

func TestSidecarCapture(t *testing.T) {
	only := meshConfigYAML(registryOnly)
	for name, tt := range map[string]struct {
		annotations string
		wants       []want
	}{
		"ports": {`traffic.sidecar.istio.io/excludeOutboundPorts: "22, 25"`, []want{
			{to: "198.51.100.7:22", verdict: Allowed, chain: "=> egress: Istio admits: does not go through the sidecar: traffic.sidecar.istio.io/excludeOutboundPorts has the port"},
			{to: "198.51.100.7:23", verdict: Denied},
		}},
		"ranges": {`traffic.sidecar.istio.io/excludeOutboundIPRanges: 198.51.100.0/24`, []want{
			{to: "198.51.100.7:22", verdict: Allowed, chain: "excludeOutboundIPRanges has the address"},
			{to: "198.51.101.7:22", verdict: Denied},
			{to: "other.example:22", verdict: Undecidable, reason: "only some of the addresses go through the sidecar"},
			{to: "198.51.100.0/23:22", verdict: Partly},
		}},
		"only some": {`traffic.sidecar.istio.io/includeOutboundIPRanges: 10.0.0.0/8, traffic.sidecar.istio.io/includeOutboundPorts: "443"`, []want{
			{to: "198.51.100.7:22", verdict: Allowed, chain: "includeOutboundIPRanges lacks the address"},
			{to: "198.51.100.7:443", verdict: Denied},
			{to: "10.9.9.9:22", verdict: Denied},
		}},
		"nothing":        {`traffic.sidecar.istio.io/includeOutboundIPRanges: ""`, []want{{to: "10.9.9.9:22", verdict: Allowed}}},
		"cannot be read": {`traffic.sidecar.istio.io/excludeOutboundPorts: ssh`, []want{{to: "198.51.100.7:22", verdict: Undecidable, reason: `annotation traffic.sidecar.istio.io/excludeOutboundPorts: "ssh" cannot be read`}}},
	} {
		t.Run(name, func(t *testing.T) {
			pods := strings.Replace(meshYAML, "metadata: {name: web, namespace: shop,", "metadata: {name: web, namespace: shop, annotations: {"+tt.annotations+"},", 1)
			check(t, evaluate(t, pods, only), "shop/web", tt.wants)
		})
	}
}

// TestHasSidecar is about which pods have a sidecar.
func TestHasSidecar(t *testing.T) {
	for name, tt := range map[string]struct {
		namespace, labels, annotations string
		want                           Verdict // to an address that the registry does not have
		reason                         string
	}{
		"namespace":          {"istio-injection: enabled", "", "", Denied, ""},
		"not for this pod":   {"istio-injection: enabled", `sidecar.istio.io/inject: "false"`, "", Allowed, ""},
		"by an annotation":   {"istio-injection: enabled", "", `sidecar.istio.io/inject: "false"`, Allowed, ""},
		"revision":           {"istio.io/rev: default", "", "", Denied, ""},
		"label":              {"a: b", `sidecar.istio.io/inject: "true"`, "", Denied, ""},
		"label, disabled":    {"istio-injection: disabled", `sidecar.istio.io/inject: "true"`, "", Allowed, ""},
		"nothing":            {"a: b", "", "", Allowed, ""},
		"OpenShift's way":    {"a: b", "", `sidecar.istio.io/inject: "true"`, Undecidable, "OpenShift Service Mesh injects"},
		"ambient":            {"istio.io/dataplane-mode: ambient", "", "", Undecidable, "ambient mode, which is not evaluated"},
		"ambient, not these": {"istio.io/dataplane-mode: ambient", "istio.io/dataplane-mode: none", "", Allowed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			yaml := "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {" + tt.namespace + "}}\n---\n" +
				"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {template: {metadata: {labels: {" + tt.labels + "}, annotations: {" + tt.annotations + "}}, spec: {containers: [{name: c}]}}}\n"
			check(t, evaluate(t, yaml, meshConfigYAML(registryOnly)), "shop/web", []want{{to: "198.51.100.7:22", verdict: tt.want, reason: tt.reason}})
		})
	}
	yaml := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: other}\nspec: {template: {spec: {containers: [{name: c}]}}}\n"
	check(t, evaluate(t, yaml, meshConfigYAML(registryOnly)), "other/web", []want{
		{to: "198.51.100.7:22", verdict: Undecidable, reason: "no object declares the namespace"},
	})
}

// TestMeshIngress is about what the proxy of a destination refuses.
func TestMeshIngress(t *testing.T) {
	config := meshConfigYAML("")
	strict := istio("PeerAuthentication", "istio-system/default", "  mtls: {mode: STRICT}\n")
	for name, tt := range map[string]struct {
		objects  []string
		from, to string
		want     want
	}{
		"plain to strict":       {[]string{strict}, "shop/plain", "pod data/db:80", want{verdict: Denied, chain: "=> ingress: PeerAuthentication istio-system/default denies: it takes mutual TLS only, and the source has no sidecar that makes it"}},
		"sidecar to strict":     {[]string{strict}, "shop/web", "pod data/db:80", want{verdict: Allowed, chain: "which the source's sidecar makes"}},
		"by its address":        {[]string{strict}, "shop/web", "10.244.0.7:80", want{verdict: Undecidable, reason: "pass the connection through as it is"}},
		"to no sidecar":         {[]string{strict}, "shop/plain", "pod data/cache:80", want{verdict: Allowed}},
		"UDP":                   {[]string{strict}, "shop/plain", "pod data/db:80/UDP", want{verdict: Allowed}},
		"namespace before root": {[]string{strict, istio("PeerAuthentication", "data/d", "  mtls: {mode: PERMISSIVE}\n")}, "shop/plain", "pod data/db:80", want{verdict: Allowed}},
		"workload before it": {
			[]string{istio("PeerAuthentication", "data/d", "  mtls: {mode: PERMISSIVE}\n"), istio("PeerAuthentication", "data/w", "  selector: {matchLabels: {app: db}}\n  portLevelMtls: {\"80\": {mode: STRICT}}\n")},
			"shop/plain", "pod data/db:80",
			want{verdict: Denied, chain: "PeerAuthentication data/w denies"},
		},
		"another port": {
			[]string{istio("PeerAuthentication", "data/d", "  mtls: {mode: PERMISSIVE}\n"), istio("PeerAuthentication", "data/w", "  selector: {matchLabels: {app: db}}\n  portLevelMtls: {80: {mode: STRICT}}\n")},
			"shop/plain", "pod data/db:81",
			want{verdict: Allowed},
		},
		"allows nothing":   {[]string{istio("AuthorizationPolicy", "data/none", "  {}\n")}, "shop/web", "pod data/db:80", want{verdict: Denied, chain: "=> ingress: AuthorizationPolicy data/none denies: it allows nothing: connect succeeds, and then the sidecar resets the connection, or answers HTTP with 403"}},
		"denies all":       {[]string{istio("AuthorizationPolicy", "istio-system/deny", "  action: DENY\n  rules: [{}]\n")}, "shop/web", "pod data/db:80", want{verdict: Denied, chain: "it denies everything"}},
		"denies nothing":   {[]string{istio("AuthorizationPolicy", "data/deny", "  action: DENY\n")}, "shop/web", "pod data/db:80", want{verdict: Allowed}},
		"allows all":       {[]string{istio("AuthorizationPolicy", "data/all", "  rules: [{}]\n"), istio("AuthorizationPolicy", "data/some", "  rules: [{to: [{operation: {ports: ['1']}}]}]\n")}, "shop/web", "pod data/db:80", want{verdict: Allowed, chain: "=> ingress: AuthorizationPolicy data/all admits"}},
		"rules":            {[]string{istio("AuthorizationPolicy", "data/some", "  rules: [{from: [{source: {namespaces: [shop]}}]}]\n")}, "shop/web", "pod data/db:80", want{verdict: Undecidable, reason: "f2.yaml:5: AuthorizationPolicy data/some: its rules are not evaluated"}},
		"other pods":       {[]string{istio("AuthorizationPolicy", "data/some", "  selector: {matchLabels: {app: other}}\n")}, "shop/web", "pod data/db:80", want{verdict: Allowed}},
		"audit":            {[]string{istio("AuthorizationPolicy", "data/some", "  action: AUDIT\n  rules: [{from: [{source: {namespaces: [shop]}}]}]\n")}, "shop/web", "pod data/db:80", want{verdict: Allowed}},
		"an unknown field": {[]string{istio("AuthorizationPolicy", "data/some", "  actoin: DENY\n")}, "shop/web", "pod data/db:80", want{verdict: Undecidable, reason: `AuthorizationPolicy data/some: unknown field "actoin"`}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.want.to = tt.to
			check(t, evaluate(t, append([]string{meshYAML, config}, tt.objects...)...), tt.from, []want{tt.want})
		})
	}
}
