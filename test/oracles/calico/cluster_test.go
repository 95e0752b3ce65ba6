package calico

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	apiv3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	libapi "github.com/projectcalico/calico/libcalico-go/lib/apis/v3"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/k8s/conversion"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// cluster is objects as text, and as Calico sees them.
type cluster struct {
	text strings.Builder
	pods []endpoint
	sets []endpoint
}

// endpoint is what selectors look at: a pod, or a network set.
type endpoint struct {
	namespace, name string
	labels          map[string]string
	nets            []net.IPNet
	protocol        string // of the port named web
	port            uint16
}

func (e *endpoint) has(ip net.IP) bool {
	for _, n := range e.nets {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

const uid = "30316465-6365-4463-ad63-3564622d3638"

// newCluster makes namespaces, service accounts, pods and network sets, and lets Calico convert them.
func newCluster(t *testing.T, g generator) *cluster {
	t.Helper()
	c := &cluster{}
	converter := conversion.NewConverter()
	inherited := map[string]map[string]string{}
	for _, name := range []string{"ns0", "ns1"} {
		labels := map[string]string{"kubernetes.io/metadata.name": name}
		if g.IntN(3) > 0 {
			labels["team"] = g.pick("a", "b")
		}
		c.add(t, "v1", "Namespace", "", name, labels, "")
		kv, err := converter.NamespaceToProfile(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, UID: uid}})
		if err != nil {
			t.Fatal(err)
		}
		inherited[name] = kv.Value.(*apiv3.Profile).Spec.LabelsToApply
		for _, account := range []string{"default", "robot"} {
			labels := map[string]string{"role": g.pick("x", "y")}
			c.add(t, "v1", "ServiceAccount", name, account, labels, "")
			kv, err := converter.ServiceAccountToProfile(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account, Namespace: name, Labels: labels, UID: uid}})
			if err != nil {
				t.Fatal(err)
			}
			inherited[name+"."+account] = kv.Value.(*apiv3.Profile).Spec.LabelsToApply
		}
	}
	for i := range 3 + g.IntN(3) {
		e := endpoint{namespace: g.pick("ns0", "ns1"), name: fmt.Sprint("w", i), port: uint16(80 + g.IntN(2)), protocol: g.pick("TCP", "UDP")}
		account, ip := g.pick("default", "robot"), net.IPv4(10, 0, byte(g.IntN(2)), byte(10+i))
		pod := c.add(t, "v1", "Pod", e.namespace, e.name, map[string]string{"app": g.pick("x", "y", "z")}, fmt.Sprintf(
			"spec: {nodeName: n%d, serviceAccountName: %s, containers: [{name: c, ports: [{name: web, containerPort: %d, protocol: %s}]}]}\nstatus: {podIP: %s}\n",
			i, account, e.port, e.protocol, ip))
		var object corev1.Pod
		if err := yaml.Unmarshal([]byte(pod), &object); err != nil {
			t.Fatal(err)
		}
		kvs, err := converter.PodToWorkloadEndpoints(&object)
		if err != nil {
			t.Fatal(err)
		}
		e.labels = merge(inherited[e.namespace], inherited[e.namespace+"."+account], kvs[0].Value.(*libapi.WorkloadEndpoint).Labels)
		e.nets = []net.IPNet{{IP: ip, Mask: net.CIDRMask(32, 32)}}
		c.pods = append(c.pods, e)
	}
	for i := range g.IntN(3) {
		cidr, labels, name := g.pick("10.0.0.0/24", "198.51.100.0/24", "10.0.1.11/32"), map[string]string{"app": g.pick("x", "net")}, fmt.Sprint("s", i)
		_, prefix, err := net.ParseCIDR(cidr)
		if err != nil {
			t.Fatal(err)
		}
		kind, namespace, spec := "GlobalNetworkSet", "", "spec: {nets: ["+cidr+"]}\n"
		set := endpoint{labels: labels, nets: []net.IPNet{*prefix}}
		if g.IntN(2) == 0 { // as networksetprocessor.go in updateprocessors gives labels
			kind, namespace = "NetworkSet", g.pick("ns0", "ns1")
			set.labels = merge(inherited[namespace], labels, map[string]string{apiv3.LabelNamespace: namespace})
		}
		c.add(t, "projectcalico.org/v3", kind, namespace, name, labels, spec)
		c.sets = append(c.sets, set)
	}
	return c
}

// add writes an object.
func (c *cluster) add(t *testing.T, version, kind, namespace, name string, labels map[string]string, rest string) string {
	t.Helper()
	meta, err := yaml.Marshal(map[string]any{"metadata": metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}})
	if err != nil {
		t.Fatal(err)
	}
	text := "apiVersion: " + version + "\nkind: " + kind + "\n" + string(meta) + rest
	c.text.WriteString("---\n" + text)
	return text
}

// merge is labels, of which later ones count.
func merge(list ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, labels := range list {
		for k, v := range labels {
			all[k] = v
		}
	}
	return all
}

// generator makes clusters and policies: those that Calico refuses only where bad is set.
type generator struct {
	*rand.Rand
	bad bool
}

// refused are the parts of policies that Calico's validator refuses, by themselves or beside what they are put.
var refused = map[string]bool{
	"app =": true, "global() || all()": true, "10.0.0.1/8": true, "10.0.0.11": true, "2001:db8::/32": true, "['9:8']": true, "[0]": true, "tcp": true,
	"300": true, "5": true, "{code: 1}": true, "[Egress, Egress]": true,
}

func (g generator) pick(words ...string) string {
	for {
		if w := words[g.IntN(len(words))]; g.bad || !refused[w] {
			return w
		}
	}
}

// global is global() where it may be refused.
func (g generator) global() string {
	if g.bad {
		return "global()"
	}
	return "all()"
}

func (g generator) selector() string {
	return g.pick("", "", "app == 'x'", "app != 'x'", "app in {'x','net'}", "app not in {'y'}", "has(app)", "!has(other)", "all()", "app starts with 'n' || app == 'y'",
		"pcns.team == 'a'", "projectcalico.org/namespace == 'ns0' && app == 'x'", "projectcalico.org/serviceaccount == 'robot'", "pcsa.role == 'x'", "!all()",
		"app ends with 'et'", "app =", g.global())
}

func (g generator) spaces() string {
	return g.pick("", "", "all()", "global()", "team == 'a'", "team != 'a'", "projectcalico.org/name == 'ns0'", "!all()", "has(team) && all()", "global() || all()")
}

// field writes a field in one of so many cases, where its value is not empty.
func (g generator) field(fields []string, in int, name, value string) []string {
	if g.IntN(in) > 0 || value == "" {
		return fields
	}
	return append(fields, name+": "+value)
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("%q", s)
}

// entity is conditions on one end: on the policy's own, seldom some.
func (g generator) entity(own, ported bool) string {
	var f []string
	if !own || g.IntN(5) == 0 {
		net := func() string {
			return "[" + g.pick("10.0.0.0/24", "10.0.1.0/24", "10.0.0.0/8", "0.0.0.0/0", "10.0.0.11/32", "198.51.100.0/24", "2001:db8::/32", "10.0.0.1/8", "10.0.0.11") + "]"
		}
		f = g.field(f, 1, "selector", quoted(g.selector()))
		f = g.field(f, 4, "notSelector", quoted(g.selector()))
		f = g.field(f, 2, "namespaceSelector", quoted(g.spaces()))
		f = g.field(f, 5, "nets", net())
		if n := net(); n != "[0.0.0.0/0]" { // which Calico v3.32 refuses, and this version does not
			f = g.field(f, 7, "notNets", n)
		}
		f = g.field(f, 8, "serviceAccounts", g.pick("{names: [robot]}", `{selector: "role == 'x'"}`, `{names: [robot], selector: "role == 'x'"}`, `{selector: "all()"}`, "{}"))
	}
	if ported {
		ports := []string{"[80]", "[81, '85:90']", "[web]", "['1:65535']", "[web, 80]", "['9:8']", "[0]"}
		f = g.field(f, 3, "ports", g.pick(ports...))
		f = g.field(f, 6, "notPorts", g.pick(ports...))
	}
	if len(f) == 0 {
		return ""
	}
	return "{" + strings.Join(f, ", ") + "}"
}

func (g generator) rule(direction string) string {
	f := []string{"action: " + g.pick("Allow", "Allow", "Deny", "Pass", "Log")}
	protocol := g.pick("", "", "TCP", "TCP", "UDP", "6", "SCTP", "ICMP", "tcp", "300")
	f = g.field(f, 1, "protocol", protocol)
	f = g.field(f, 8, "notProtocol", g.pick("TCP", "UDP", "17"))
	f = g.field(f, 15, "ipVersion", g.pick("4", "6", "5"))
	if g.bad {
		f = g.field(f, 20, "icmp", g.pick("{type: 8}", "{code: 1}"))
		if protocol != "6" { // which v3.32 takes for TCP here, and this version does not
			f = g.field(f, 10, "http", "{methods: [GET]}")
		}
	}
	ported := protocol == "TCP" || protocol == "UDP" || protocol == "6" || protocol == "SCTP"
	f = g.field(f, 1, "source", g.entity(direction == "egress", false))
	f = g.field(f, 1, "destination", g.entity(direction == "ingress", ported || g.bad))
	return "{" + strings.Join(f, ", ") + "}"
}

// policy is a policy's text, and whether it is for all namespaces.
func (g generator) policy(order int) (text string, global bool) {
	global = g.IntN(2) == 0
	f := []string{fmt.Sprint("order: ", order)}
	f = g.field(f, 1, "selector", quoted(g.selector()))
	f = g.field(f, 5, "serviceAccountSelector", quoted(g.pick("role == 'x'", "all()", g.global())))
	if s := g.spaces(); global && (g.bad || !strings.Contains(s, "global")) {
		f = g.field(f, 3, "namespaceSelector", quoted(s))
	}
	f = g.field(f, 3, "types", g.pick("[Ingress]", "[Egress]", "[Ingress, Egress]", "[Egress, Egress]"))
	for _, d := range []string{"ingress", "egress"} {
		var rules []string
		for range g.IntN(3) {
			rules = append(rules, g.rule(d))
		}
		if len(rules) > 0 {
			f = append(f, d+": ["+strings.Join(rules, ", ")+"]")
		}
	}
	kind, namespace := "NetworkPolicy", ", namespace: "+g.pick("ns0", "ns1")
	if global {
		kind, namespace = "GlobalNetworkPolicy", ""
	}
	return fmt.Sprintf("apiVersion: projectcalico.org/v3\nkind: %s\nmetadata: {name: p%d%s}\nspec: {%s}\n", kind, order, namespace, strings.Join(f, ", ")), global
}
