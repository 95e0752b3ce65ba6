package kube

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

const named = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 5353, protocol: UDP}]}]}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-5d, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: a, controller: true}]}
spec:
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-5d-x, namespace: shop, labels: {app: web, pod-template-hash: 5d}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d, uid: b, controller: true}]}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 5353, protocol: UDP}]}]}
status: {phase: Running, podIP: 10.0.0.7}
---
apiVersion: v1
kind: Pod
metadata: {name: udp, namespace: shop}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: lone-7f-y, namespace: shop, labels: {pod-template-hash: 7f}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: lone-7f, uid: b, controller: true}]}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 5432}]}
`

func namedCluster(t testing.TB) *Evaluator {
	t.Helper()
	c, problems := Read(Stream("named", strings.NewReader(named)))
	for _, p := range problems {
		if p.Severity == Error {
			t.Fatal(p)
		}
	}
	return Compile(c, Assumptions{})
}

func TestTarget(t *testing.T) {
	e := namedCluster(t)
	from, note, err := e.Origin("shop/web")
	if err != nil || from.Workload.Name != "web-5d-x" || note != "Pod shop/web-5d-x is the pod of Deployment shop/web" {
		t.Fatalf("got %v, %q (%v), want the Deployment's pod", from.Workload, note, err)
	}
	for text, want := range map[string]string{
		"shop/udp":                         "Pod shop/udp any protocol 0",
		"shop/udp:80":                      "Pod shop/udp TCP 80",
		"shop/udp/udp":                     "Pod shop/udp UDP 0",
		"shop/pod/udp:9/sctp":              "Pod shop/udp SCTP 9",
		"pod/shop/web-5d-x":                "Pod shop/web-5d-x any protocol 0",
		"shop/lone":                        "Pod shop/lone-7f-y any protocol 0",
		"shop/web:http":                    "Pod shop/web-5d-x TCP 8080",
		"shop/deploy/web:dns":              "Pod shop/web-5d-x UDP 5353",
		"svc/shop/web:dns":                 "Service shop/web UDP 53",
		"shop/svc/web:53":                  "Service shop/web UDP 53",
		"shop/db:5432":                     "Service shop/db TCP 5432",
		"db":                               "Service shop/db any protocol 0",
		"web:80":                           "Service shop/web TCP 80",
		"web.shop/tcp":                     "Service shop/web TCP 0",
		"web.shop.svc:80":                  "Service shop/web TCP 80",
		"WEB.shop.svc.cluster.local.:http": "Service shop/web TCP 80",
		"www.example.org:443/TCP":          "www.example.org TCP 443",
		"10.0.0.7:80":                      "10.0.0.7 TCP 80",
		"10.0.0.7/udp":                     "10.0.0.7 UDP 0",
		"10.0.0.0/8":                       "10.0.0.0/8 any protocol 0",
		"10.0.0.0/8:80/udp":                "10.0.0.0/8 UDP 80",
		"::1":                              "::1 any protocol 0",
		"[::1]:80":                         "::1 TCP 80",
		"::1/udp":                          "::1 UDP 0",
		"2001:db8::/32":                    "2001:db8::/32 any protocol 0",
		"[2001:db8::]/32:80/udp":           "2001:db8::/32 UDP 80",
		"::ffff:10.0.0.7":                  "10.0.0.7 any protocol 0",
		"":                                 "error",
		":80":                              "error",
		"[::1":                             "error",
		"[::1]x":                           "error",
		"shop/web:":                        "error",
		"shop/web:0":                       "error",
		"shop/web:65536":                   "error",
		"shop/web:nothing":                 "error",
		"shop/web:80/icmp":                 "error",
		"10.0.0.1/33":                      "error",
		"a/b/c/d":                          "error",
		"wb.shop.svc":                      "error",
		"no such name":                     "error",
	} {
		got := "error"
		if to, err := e.Target(text, from); err == nil {
			got = fmt.Sprintf("%s %v %d", destinationText(to.Destination), to.Protocol, to.Port)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func destinationText(d Destination) string {
	switch {
	case d.Workload != nil:
		return d.Workload.String()
	case d.Service != nil:
		return d.Service.String()
	case d.Name != "":
		return d.Name
	case d.Prefix.IsValid():
		return d.Prefix.String()
	}
	return d.Addr.String()
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"shop/web:80/udp", "svc/shop/db", "[2001:db8::]/32:443", "10.0.0.0/8:25/tcp", "www.example.org:https", "db", "[", "/", ":", "%"} {
		f.Add(s)
	}
	e := namedCluster(f)
	from, _, err := e.Origin("shop/udp")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		to, err := e.Target(text, from)
		if err != nil {
			return
		}
		n := 0
		for _, there := range []bool{to.Workload != nil, to.Service != nil, to.Name != "", to.Prefix != netip.Prefix{}, to.Addr != netip.Addr{}} {
			if there {
				n++
			}
		}
		if n != 1 || to.Port != 0 && to.Protocol == AnyProtocol {
			t.Errorf("%q: got %+v", text, to)
		}
		e.Answer(from, to)
	})
}

// A Deployment and its pods, as kubectl get deployments,pods writes them: the ReplicaSet between them is not given.
func TestDeploymentOfPods(t *testing.T) {
	text, _, _ := strings.Cut(named, "---\napiVersion: apps/v1\nkind: ReplicaSet")
	_, rest, _ := strings.Cut(named, "name: c}]}}\n---\n")
	for _, s := range []string{named, text + "---\n" + rest} {
		c, _ := Read(Stream("named", strings.NewReader(s)))
		e := Compile(c, Assumptions{})
		if got := strings.Join(e.Names(), " "); got != "shop/web-5d-x shop/udp shop/lone-7f-y" {
			t.Errorf("rows of %s", got)
		}
		if got := strings.Join(e.Makers(), " "); got != "shop/web  shop/lone" {
			t.Errorf("made by %s", got)
		}
		if f, err := e.Find("shop/deployment/web"); err != nil || f.Name != "web-5d-x" {
			t.Errorf("found %v (%v), want its pod", f.Workload, err)
		}
	}
}
