package cilium

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2/validator"
	"github.com/cilium/cilium/pkg/policy/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/sallyport/sallyport/kube"
)

// judge is what refuses policies in a cluster with Cilium: the API server by the CRD, and the agent.
type judge struct {
	*validator.NPValidator
}

func (j judge) refuses(t *testing.T, text string) error {
	t.Helper()
	var u unstructured.Unstructured
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &u.Object); err != nil {
		t.Fatal(err)
	}
	check := j.ValidateCNP
	if u.GetKind() == "CiliumClusterwideNetworkPolicy" {
		check = j.ValidateCCNP
	} else if u.GetNamespace() == "" {
		u.SetNamespace("default")
	}
	if err := check(&u); err != nil {
		return err
	}
	put, err := json.Marshal(u.Object)
	if err != nil {
		t.Fatal(err)
	}
	return newEngine().apply(string(put))
}

func newJudge(t *testing.T) judge {
	t.Helper()
	configure(t)
	v, err := validator.NewNPValidator(silent)
	if err != nil {
		t.Fatal(err)
	}
	return judge{v}
}

// compare holds that we mark a policy as broken where Cilium refuses it, and only there.
func (j judge) compare(t *testing.T, name, text string) (refused bool) {
	t.Helper()
	c, problems := kube.Read(kube.Stream(name, strings.NewReader(text)))
	if len(c.CiliumPolicies) != 1 {
		t.Errorf("%s: read as %d policies: %v", name, len(c.CiliumPolicies), problems)
		return false
	}
	p := c.CiliumPolicies[0]
	err := j.refuses(t, text)
	if err != nil && len(p.Flags) > 0 { // an option that is off is not in the objects: what needs it is undecidable
		return true
	}
	if (err != nil) != p.Broken() {
		t.Errorf("%s: Cilium says %v, we say %v\n%s", name, err, p.Errors, text)
	}
	return err != nil
}

// TestExamples reads the policies that Cilium has as examples.
func TestExamples(t *testing.T) {
	j := newJudge(t)
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/cilium").Output()
	if err != nil {
		t.Fatal(err)
	}
	count, refused := 0, 0
	separator := regexp.MustCompile(`(?m)^---.*$`)
	err = filepath.WalkDir(filepath.Join(strings.TrimSpace(string(out)), "examples", "policies"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, doc := range separator.Split(string(data), -1) {
			var o struct{ Kind string }
			if yaml.Unmarshal([]byte(doc), &o) != nil || !strings.HasPrefix(o.Kind, "Cilium") || !strings.HasSuffix(o.Kind, "NetworkPolicy") {
				continue
			}
			count++
			if filepath.Base(path) == "demo-host-policy.yaml" { // its empty description is lost where the validator looks for unknown fields
				continue
			}
			if j.compare(t, filepath.Base(path), doc) {
				refused++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Cilium's examples: %d policies, of which Cilium itself refuses %d by default", count, refused)
	if count < 50 {
		t.Errorf("only %d policies", count)
	}
}

// TestRefused reads single rules that Cilium refuses, and such that look alike and that it takes.
func TestRefused(t *testing.T) {
	j := newJudge(t)
	const http = `rules: {http: [{method: GET}]}`
	counts := map[bool]int{}
	for _, spec := range []string{
		`{}`,
		`{endpointSelector: {}}`,
		`{endpointSelector: {}, ingress: []}`,
		`{endpointSelector: {}, ingress: [{}]}`,
		`{ingress: [{}]}`,
		`{endpointSelector: {}, nodeSelector: {}, ingress: [{}]}`,
		`{nodeSelector: {}, ingress: [{}]}`,
		`{endpointSelector: {matchLabels: {"k8s:app": x}}, egress: [{}]}`,
		`{endpointSelector: {matchLabels: {"a:b:c": x}}, egress: [{}]}`,
		`{endpointSelector: {matchLabels: {"a-b:c": x}}, egress: [{}]}`,
		`{endpointSelector: {matchLabels: {":c": x}}, egress: [{}]}`,
		`{endpointSelector: {matchLabels: {"$host": ""}}, egress: [{}]}`,
		`{endpointSelector: {matchLabels: {a: "b c"}}, egress: [{}]}`,
		`{endpointSelector: {matchLabels: {a: 1}}, egress: [{}]}`,
		`{endpointSelector: {matchExpressions: [{key: a, operator: In}]}, egress: [{}]}`,
		`{endpointSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}, egress: [{}]}`,
		`{endpointSelector: {matchExpressions: [{key: "any:a", operator: DoesNotExist}]}, egress: [{}]}`,
		`{endpointSelector: {matchExpressions: [{operator: Exists}]}, egress: [{}]}`,
		`{endpointSelector: {}, egress: [{toEndpoints: [{}], toCIDR: [10.0.0.0/8]}]}`,
		`{endpointSelector: {}, egress: [{toEndpoints: [], toCIDR: [10.0.0.0/8]}]}`,
		`{endpointSelector: {}, egress: [{toCIDR: [10.0.0.0/8], toCIDRSet: [{cidr: 10.0.0.0/8}]}]}`,
		`{endpointSelector: {}, egress: [{toFQDNs: [{matchName: a.b}], toEntities: [world]}]}`,
		`{endpointSelector: {}, egress: [{toServices: [{k8sService: {serviceName: a}}], toEndpoints: [{}]}]}`,
		`{endpointSelector: {}, egress: [{toRequires: []}]}`,
		`{endpointSelector: {}, egress: [{toRequires: [{matchLabels: {a: b}}]}]}`,
		`{endpointSelector: {}, egress: [{toCIDR: [10.0.0.1]}]}`,
		`{endpointSelector: {}, egress: [{toCIDR: ["10.0.0.0/33"]}]}`,
		`{endpointSelector: {}, egress: [{toCIDR: ["2001:db8::/32"]}]}`,
		`{endpointSelector: {}, egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}]}]}`,
		`{endpointSelector: {}, egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/8]}]}]}`,
		`{endpointSelector: {}, egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: ["::/0"]}]}]}`,
		`{endpointSelector: {}, egress: [{toCIDRSet: [{except: [11.0.0.0/8]}]}]}`,
		`{endpointSelector: {}, egress: [{toCIDRSet: [{cidrGroupRef: a, cidr: 10.0.0.0/8}]}]}`,
		`{endpointSelector: {}, egress: [{toCIDRSet: [{cidrGroupRef: A_b}]}]}`,
		`{endpointSelector: {}, egress: [{toCIDRSet: [{cidrGroupSelector: {}}]}]}`,
		`{endpointSelector: {}, egress: [{toEntities: [world-ipv4]}]}`,
		`{endpointSelector: {}, egress: [{toEntities: [cluster-mesh, none]}]}`,
		`{endpointSelector: {}, egress: [{toEntities: [World]}]}`,
		`{endpointSelector: {}, egress: [{toFQDNs: [{matchName: a.b, matchPattern: "*"}]}]}`,
		`{endpointSelector: {}, egress: [{toFQDNs: [{}]}]}`,
		`{endpointSelector: {}, egress: [{toFQDNs: [{matchPattern: "**.a_b-c.*d."}]}]}`,
		`{endpointSelector: {}, egress: [{toFQDNs: [{matchName: "*.b"}]}]}`,
		`{endpointSelector: {}, egress: [{toFQDNs: [{matchName: ".b"}]}]}`,
		`{endpointSelector: {}, egress: [{toFQDNs: [{matchName: "a..b"}]}]}`,
		`{endpointSelector: {}, egressDeny: [{toFQDNs: [{matchName: a.b}]}]}`,
		`{endpointSelector: {}, egressDeny: [{toPorts: [{ports: [{port: "80"}]}]}]}`,
		`{endpointSelector: {}, egressDeny: [{toPorts: [{ports: [{port: "80", protocol: TCP}], ` + http + `}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: 80}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "65536"}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "65535", protocol: ANY}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "0x50"}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "a--b"}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "HTTP-alt"}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "a-name-of-16-char"}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80", protocol: tcp}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80", protocol: ICMP}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80", protocol: GRE}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "0", protocol: GRE}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{protocol: GRE}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80", endPort: 65536}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80", endPort: 70}]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [` + strings.Repeat(`{port: "80"}, `, 40) + `]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [` + strings.Repeat(`{port: "80"}, `, 41) + `]}]}]}`,
		`{endpointSelector: {}, egressDeny: [{toPorts: [{ports: [` + strings.Repeat(`{port: "80"}, `, 41) + `]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], ` + http + `}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80"}], ` + http + `}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "0", protocol: TCP}], ` + http + `}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{` + http + `}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "53"}], rules: {dns: [{matchPattern: "*"}]}}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "53", endPort: 54}], rules: {dns: [{matchPattern: "*"}]}}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{rules: {dns: [{matchPattern: "*"}]}}]}]}`,
		`{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "53"}], rules: {dns: [{matchPattern: "*"}]}}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{}], dns: [{matchPattern: "*"}]}}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "443", protocol: TCP}], serverNames: [a.b], ` + http + `}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "443", protocol: TCP}], serverNames: [a.b]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "443", protocol: TCP}], serverNames: []}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "443", protocol: TCP}], serverNames: [""]}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "443", protocol: TCP}], serverNames: [a.b], terminatingTLS: {secret: {name: x}}, ` + http + `}]}]}`,
		`{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], listener: {name: l, priority: 1, envoyConfig: {kind: CiliumEnvoyConfig, name: e}}}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], listener: {name: l, priority: 1, envoyConfig: {kind: CiliumEnvoyConfig, name: e}}}]}]}`,
		`{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], listener: {name: l, priority: 1, envoyConfig: {kind: CiliumEnvoyConfig, name: e}}, ` + http + `}]}]}`,
		`{endpointSelector: {}, egress: [{icmps: [{fields: [{type: 8}]}]}]}`,
		`{endpointSelector: {}, egress: [{icmps: [{fields: [{type: 8, family: IPv5}]}]}]}`,
		`{endpointSelector: {}, egress: [{icmps: [{fields: [{family: IPv4}]}]}]}`,
		`{endpointSelector: {}, egress: [{icmps: [{fields: [{type: 8}]}], toPorts: [{ports: [{port: "80"}]}]}]}`,
		`{endpointSelector: {}, egress: [{authentication: {mode: required}}]}`,
		`{endpointSelector: {}, egress: [{authentication: {mode: maybe}}]}`,
		`{endpointSelector: {}, egressDeny: [{authentication: {mode: required}}]}`,
		`{endpointSelector: {}, egress: [{toNodes: [{}]}]}`,
		`{endpointSelector: {}, egress: [{toGroups: [{aws: {securityGroupsIds: [a]}}]}]}`,
		`{endpointSelector: {}, egress: [{toServices: [{k8sServiceSelector: {selector: {}}}]}]}`,
		`{endpointSelector: {}, egress: [{toServices: [{k8sServiceSelector: {namespace: a}}]}]}`,
		`{endpointSelector: {}, egress: [{to: [a]}]}`,
		`{endpointSelector: {}, ingress: [{fromFQDNs: [{matchName: a.b}]}]}`,
		`{endpointSelector: {}, egress: [{}], enableDefaultDeny: {egress: false}}`,
	} {
		for _, kind := range []string{"CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"} {
			text := "{apiVersion: cilium.io/v2, kind: " + kind + ", metadata: {name: a}, spec: " + spec + "}"
			counts[j.compare(t, spec, text)]++
		}
	}
	t.Logf("Cilium v1.20.2: %d policies refused by both, %d taken by both", counts[true], counts[false])
}

// TestSurprises holds what Cilium v1.20.2 does with rules for services that it cannot resolve: with ports they are for everywhere. We call
// that undecidable, since the service may just not be among the objects.
func TestSurprises(t *testing.T) {
	configure(t)
	w := newWorld(1)
	for i, tt := range []struct {
		section string
		want    types.Decision
	}{
		{`egress: [{toServices: [{k8sService: {serviceName: missing}}], toPorts: [{ports: [{port: "80"}]}]}]`, types.DecisionAllowed},
		{`egress: [{toServices: [{k8sService: {serviceName: missing}}]}]`, types.DecisionDenied},
		{`egressDeny: [{toServices: [{k8sService: {serviceName: missing}}], toPorts: [{ports: [{port: "80"}]}]}], enableDefaultDeny: {egress: false}`, types.DecisionDenied},
		{`egressDeny: [{toServices: [{k8sService: {serviceName: missing}}]}], enableDefaultDeny: {egress: false}`, types.DecisionAllowed},
	} {
		e := newEngine()
		e.known, e.named = w.engine.known, w.engine.named
		for key, id := range w.engine.known {
			e.add(key, id.ID, id.Labels)
		}
		if err := e.apply(`{apiVersion: cilium.io/v2, kind: CiliumClusterwideNetworkPolicy, metadata: {name: a}, spec: {endpointSelector: {}, ` + tt.section + `}}`); err != nil {
			t.Fatal(err)
		}
		if got := e.decide(t, "p0", outside[0], "TCP", 80).Egress; got != tt.want {
			t.Errorf("%d: %s: Cilium says %v, want %v", i+1, tt.section, got, tt.want)
		}
	}
}
