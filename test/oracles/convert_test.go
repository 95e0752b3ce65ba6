package oracles

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	networking "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/kube/convert"
	"github.com/sallyport/sallyport/profile"
)

// sampleProfiles differ in each thing that a policy object has a form of its own for.
func sampleProfiles(t *testing.T) []*profile.Profile {
	t.Helper()
	var out []*profile.Profile
	for _, name := range profile.Builtins() {
		p, _ := profile.Builtin(name)
		out = append(out, p)
	}
	block := func(s string) profile.Block { return profile.Block{Prefix: netip.MustParsePrefix(s)} }
	var many []profile.PortRange
	for i := range uint16(60) {
		many = append(many, profile.PortRange{First: 1000 + 10*i, Last: 1000 + 10*i + i%3})
	}
	destinations := [][]profile.Block{
		nil,
		{block("10.0.0.0/8")},
		{block("192.0.2.7/32"), block("2001:db8::/32")},
		{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Except: []profile.Block{block("10.1.0.0/16"), block("10.2.3.4/32")}}},
		{{Except: []profile.Block{{Word: profile.Loopback}, block("192.168.0.0/16")}}},
	}
	ports := [][]profile.PortRange{nil, {{First: 443, Last: 443}}, {{First: 0, Last: 1023}}, {{First: 1024, Last: 65535}}, many}
	protocols := [][]attempt.Protocol{nil, {attempt.TCP}, {attempt.UDP, attempt.SCTP}, {attempt.ICMP, attempt.ICMPv6}}
	for _, d := range destinations {
		for _, q := range ports {
			for _, r := range protocols {
				for _, def := range []profile.VerdictKind{profile.Allow, profile.Drop} {
					other := profile.Verdict{}
					if def == profile.Allow {
						other.Kind = profile.Refuse
					}
					p := &profile.Profile{Name: fmt.Sprint("p", len(out)), Description: "one of many: #", Egress: profile.Egress{
						Default: profile.Verdict{Kind: def},
						Rules: []profile.EgressRule{
							{Destinations: []profile.Block{block("10.9.0.0/16")}, Verdict: profile.Verdict{Kind: def}, Reason: "an: exception #1"},
							{Destinations: d, Ports: q, Protocols: r, Verdict: other, Reason: "why"},
						},
					}}
					out = append(out, p)
				}
			}
		}
	}
	return out
}

// documents is the objects of a profile, each as JSON.
func documents(t *testing.T, target convert.Target, p *profile.Profile) (out [][]byte) {
	t.Helper()
	r, err := convert.To(target, p, convert.Options{Namespace: "shop", Labels: map[string]string{"app": "web"}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for doc := range strings.SplitSeq(string(text), "\n---\n") {
		data, err := yaml.YAMLToJSONStrict([]byte(doc))
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		out = append(out, data)
	}
	if len(out) != len(r.Objects) {
		t.Fatalf("%d documents, %d objects", len(out), len(r.Objects))
	}
	for i, o := range r.Objects { // the other form of the same
		data, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(data, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out[i], &b); err != nil {
			t.Fatal(err)
		}
		if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
			t.Fatalf("YAML and JSON differ:\n%s\n%s", x, y)
		}
	}
	return out
}

// TestConvertNetworkPolicy decodes what is written with the API's own types, which know no other field.
func TestConvertNetworkPolicy(t *testing.T) {
	rules := 0
	for _, p := range sampleProfiles(t) {
		for _, data := range documents(t, convert.NetworkPolicy, p) {
			var policy networking.NetworkPolicy
			if err := yaml.UnmarshalStrict(data, &policy); err != nil {
				t.Errorf("%v in\n%s", err, data)
			}
			if len(policy.Spec.PolicyTypes) != 1 || policy.Spec.PolicyTypes[0] != networking.PolicyTypeEgress || policy.Namespace != "shop" {
				t.Errorf("policy types %v, namespace %q", policy.Spec.PolicyTypes, policy.Namespace)
			}
			rules += len(policy.Spec.Egress)
		}
	}
	t.Logf("%d rules", rules)
}

// TestConvertCilium checks what is written against the schema that Cilium gives the API server, which is read from the module cache. It
// is made strict: the API server drops fields that it does not know.
func TestConvertCilium(t *testing.T) {
	const module = "github.com/cilium/cilium@v1.20.2"
	got, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Skipf("no %s: %v", module, err)
	}
	var at struct{ Dir string }
	if err := json.Unmarshal(got, &at); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(at.Dir, "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	if len(crd.Spec.Versions) != 1 || crd.Spec.Versions[0].Name != "v2" {
		t.Fatalf("versions: %v", crd.Spec.Versions)
	}
	root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	strict(root["properties"].(map[string]any)["spec"])
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("crd.json", root); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("crd.json")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range sampleProfiles(t) {
		for _, data := range documents(t, convert.CiliumNetworkPolicy, p) {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(v); err != nil {
				t.Errorf("%v in\n%s", err, data)
			}
			n++
		}
	}
	t.Logf("%d objects", n)
	if v, _ := jsonschema.UnmarshalJSON(strings.NewReader(`{"metadata": {}, "spec": {"endpointSelector": {}, "egres": []}}`)); schema.Validate(v) == nil {
		t.Error("a field that the schema does not have is not found")
	}
}

// strict forbids properties that are not named, and takes out what is OpenAPI's alone.
func strict(n any) {
	switch n := n.(type) {
	case map[string]any:
		if n["x-kubernetes-int-or-string"] == true {
			delete(n, "type")
		}
		if n["format"] == "cidr" {
			n["pattern"] = `^[0-9a-f.:]+/\d+$`
		}
		delete(n, "format")
		if properties, ok := n["properties"].(map[string]any); ok {
			if n["type"] == "object" && n["additionalProperties"] == nil {
				n["additionalProperties"] = false
			}
			for _, v := range properties {
				strict(v)
			}
		}
		for k, v := range n {
			if k != "properties" {
				strict(v)
			}
		}
	case []any:
		for _, v := range n {
			strict(v)
		}
	}
}
