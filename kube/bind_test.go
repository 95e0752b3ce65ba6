package kube

import (
	"strings"
	"testing"
)

const sccYAML = `apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: anyuid}
priority: 10
allowPrivilegeEscalation: true
requiredDropCapabilities: [MKNOD]
runAsUser: {type: RunAsAny}
seLinuxContext: {type: MustRunAs}
volumes: [configMap, secret, emptyDir, projected]
users: []
groups: []
---
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: restricted-v2}
allowPrivilegeEscalation: false
requiredDropCapabilities: [ALL]
allowedCapabilities: [NET_BIND_SERVICE]
runAsUser: {type: MustRunAsRange}
seLinuxContext: {type: MustRunAs}
volumes: [configMap, secret, emptyDir, projected]
users: []
groups: [system:authenticated]
---
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: privileged}
allowPrivilegedContainer: true
allowHostNetwork: true
allowHostPorts: true
allowPrivilegeEscalation: true
allowedCapabilities: ["*"]
runAsUser: {type: RunAsAny}
seLinuxContext: {type: RunAsAny}
volumes: ["*"]
users: []
groups: []
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, annotations: {openshift.io/sa.scc.uid-range: 1000680000/10000}}
`

func nodeYAML(runtime string) string {
	return "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {nodeInfo: {containerRuntimeVersion: '" + runtime + "'}}\n"
}

func TestBind(t *testing.T) {
	crio, containerd2, containerd1 := nodeYAML("cri-o://1.30.4"), nodeYAML("containerd://2.0.1"), nodeYAML("containerd://1.7.20")
	withoutAnyuid := sccYAML[strings.Index(sccYAML, "---\n")+4:]
	for name, tt := range map[string]struct {
		spec    string // of the pod's containers and securityContext
		meta    string
		objects []string
		port    uint16
		verdict Verdict
		chain   string
		reason  string
		note    string
	}{
		"port of the kernel's choice": {spec: `containers: [{name: c}]`, port: 0, verdict: Allowed, chain: "=> port 0"},
		"high port":                   {spec: `containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, port: 8080, verdict: Allowed, chain: "=> ports from 1024 on"},
		"root":                        {spec: `containers: [{name: c, securityContext: {runAsUser: 0}}]`, objects: []string{crio}, port: 80, verdict: Allowed, chain: "=> runAsUser is 0: root (f1.yaml:4)", note: "default_sysctls"},
		"root of the pod":             {spec: `securityContext: {runAsUser: 0}, containers: [{name: c}]`, objects: []string{crio}, port: 80, verdict: Allowed},
		"the container's user counts": {spec: `securityContext: {runAsUser: 0}, containers: [{name: c, securityContext: {runAsUser: 7, allowPrivilegeEscalation: false}}]`, objects: []string{crio}, port: 80, verdict: Undecidable, chain: "runAsUser is 7"},
		"root without capabilities":   {spec: `containers: [{name: c, securityContext: {runAsUser: 0, capabilities: {drop: [ALL]}}}]`, objects: []string{crio}, port: 80, verdict: Denied, chain: "=> capabilities.drop has ALL, and capabilities.add not NET_BIND_SERVICE (f1.yaml:4)"},
		"drop counts after add":       {spec: `containers: [{name: c, securityContext: {runAsUser: 0, capabilities: {add: [NET_BIND_SERVICE], drop: [NET_BIND_SERVICE]}}}]`, objects: []string{crio}, port: 80, verdict: Denied},
		"add counts after drop ALL":   {spec: `containers: [{name: c, securityContext: {runAsUser: 0, capabilities: {add: [net_bind_service], drop: [all]}}}]`, objects: []string{crio}, port: 80, verdict: Allowed},
		"not root": {
			spec: `containers: [{name: c, securityContext: {runAsUser: 7, capabilities: {add: [NET_BIND_SERVICE]}}}]`, objects: []string{crio}, port: 80, verdict: Undecidable,
			reason: "f1.yaml:4: the program's file: not in the objects: a user other than root has the capability only by a program whose file has it",
		},
		"not root, no escalation": {spec: `containers: [{name: c, securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {add: [NET_BIND_SERVICE]}}}]`, objects: []string{crio}, port: 80, verdict: Undecidable, chain: "runAsNonRoot: the kubelet starts no root", reason: "only as the container's first program"},
		"the image's user":        {spec: `containers: [{name: c}]`, objects: []string{crio}, port: 80, verdict: Undecidable, reason: "securityContext.runAsUser: not given, so that the image's user decides"},
		"privileged root":         {spec: `containers: [{name: c, securityContext: {privileged: true, runAsUser: 0, capabilities: {drop: [ALL]}}}]`, objects: []string{crio}, port: 80, verdict: Allowed, chain: "the container is privileged"},

		"sysctl":               {spec: `securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "80"}]}, containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, objects: []string{crio}, port: 80, verdict: Allowed, chain: "=> net.ipv4.ip_unprivileged_port_start is 80: ports from there on take no right (f1.yaml:4)"},
		"sysctl with slashes":  {spec: `securityContext: {sysctls: [{name: net/ipv4/ip_unprivileged_port_start, value: "0"}]}, containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, port: 1, verdict: Allowed},
		"below the sysctl":     {spec: `securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "2000"}]}, containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, port: 1500, verdict: Denied},
		"sysctl that is none":  {spec: `securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "low"}]}, containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, port: 80, verdict: Undecidable, reason: `"low" is no number`},
		"containerd 2":         {spec: `containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, objects: []string{containerd2}, port: 80, verdict: Allowed, chain: "=> containerd 2 sets", note: "enable_unprivileged_ports"},
		"containerd 1":         {spec: `containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, objects: []string{containerd1}, port: 80, verdict: Undecidable, reason: "enable_unprivileged_ports"},
		"containerd 1, root":   {spec: `containers: [{name: c, securityContext: {runAsUser: 0}}]`, objects: []string{containerd1}, port: 80, verdict: Allowed},
		"runtime not known":    {spec: `containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, port: 80, verdict: Undecidable, reason: "no Node object tells the container runtime"},
		"runtimes that differ": {spec: `containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, objects: []string{crio, strings.ReplaceAll(containerd2, "n1", "n2")}, port: 80, verdict: Undecidable, reason: "different defaults"},
		"its own node counts":  {spec: `nodeName: n1, containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, objects: []string{crio, strings.ReplaceAll(containerd2, "n1", "n2")}, port: 80, verdict: Denied},
		"host network":         {spec: `hostNetwork: true, containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]`, objects: []string{containerd2}, port: 80, verdict: Denied, note: "may be another on the node"},

		// With constraints: anyuid comes first by its priority, and who may use it is not known.
		"either constraints":      {spec: `containers: [{name: c}]`, objects: []string{crio, sccYAML}, port: 80, verdict: Undecidable, reason: "by anyuid the bind is undecidable, by restricted-v2 denied"},
		"restricted-v2":           {spec: `containers: [{name: c}]`, objects: []string{crio, withoutAnyuid}, port: 80, verdict: Denied, chain: "=> capabilities.drop has ALL, and capabilities.add not NET_BIND_SERVICE, by restricted-v2 (f3.yaml:1)"},
		"restricted-v2 with add":  {spec: `containers: [{name: c, securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}}]`, objects: []string{crio, withoutAnyuid}, port: 80, verdict: Undecidable, chain: "runAsUser is out of the namespace's range, by restricted-v2: not root"},
		"required":                {spec: `containers: [{name: c, securityContext: {runAsUser: 0}}]`, meta: "openshift.io/required-scc: anyuid", objects: []string{crio, sccYAML}, port: 80, verdict: Allowed, chain: "anyuid, by openshift.io/required-scc"},
		"required, not given":     {spec: `containers: [{name: c}]`, meta: "openshift.io/required-scc: other", objects: []string{crio, sccYAML}, port: 80, verdict: Undecidable, reason: "the object other was not given"},
		"admitted":                {spec: `containers: [{name: c, securityContext: {runAsUser: 1000680000, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]`, meta: "openshift.io/scc: restricted-v2", objects: []string{crio, sccYAML}, port: 80, verdict: Denied, chain: "admitted by restricted-v2"},
		"privileged pod":          {spec: `containers: [{name: c, securityContext: {privileged: true, runAsUser: 0}}]`, objects: []string{crio, sccYAML}, port: 80, verdict: Allowed, chain: "privileged may admit the pod"},
		"a user out of the range": {spec: `containers: [{name: c, securityContext: {runAsUser: 0, capabilities: {add: [NET_BIND_SERVICE]}}}]`, objects: []string{crio, withoutAnyuid}, port: 80, verdict: Allowed, chain: "privileged may admit"},
		"nobody admits it":        {spec: `containers: [{name: c, securityContext: {runAsUser: 0}}], hostNetwork: true`, objects: []string{crio, withoutAnyuid[:strings.Index(withoutAnyuid, "---\n")]}, port: 80, verdict: Undecidable, reason: "none of those given admits the pod"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, annotations: {" + tt.meta + "}}\nspec: {" + tt.spec + "}\n"
			e := evaluate(t, append([]string{"", pod}, tt.objects...)...)
			w, _ := e.cluster.Workload("Pod", "shop", "p")
			d := e.Bind(w, tt.port)[0]
			chain := ""
			for _, s := range d.Chain {
				if s.Decides {
					chain += "=> "
				}
				chain += s.String() + "\n"
			}
			reasons := ""
			for _, r := range d.Reasons {
				reasons += r.String() + "\n"
			}
			if d.Verdict != tt.verdict || !strings.Contains(chain, tt.chain) || !strings.Contains(reasons, tt.reason) || !strings.Contains(strings.Join(d.Notes, "\n"), tt.note) {
				t.Errorf("%v, want %v, %q, %q, %q\n%s\n%s\n%v", d.Verdict, tt.verdict, tt.chain, tt.reason, tt.note, chain, reasons, d.Notes)
			}
			if decides := strings.Contains(chain, "=> "); decides == (d.Verdict == Undecidable) {
				t.Errorf("%v, and the chain is\n%s", d.Verdict, chain)
			}
		})
	}
}
