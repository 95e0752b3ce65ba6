package convert

import (
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/profile"
)

// TestPage keeps the examples of docs/convert.md true. UPDATE=1 writes them.
func TestPage(t *testing.T) {
	const page = "../../docs/convert.md"
	doc, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(doc), "```")
	var p *profile.Profile
	n := 0
	for i := 1; i < len(parts); i += 2 {
		body, ok := strings.CutPrefix(parts[i], "yaml\n")
		if !ok {
			continue
		}
		if strings.Contains(body, "kind: EgressProfile") {
			if p, err = profile.Parse("shop.yaml", []byte(body)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for target := NetworkPolicy; target <= CalicoNetworkPolicy; target++ {
			if !strings.HasPrefix(body, "# from profile shop (shop.yaml), as "+target.one()+"\n") {
				continue
			}
			n++
			r, err := To(target, p, Options{Namespace: "shop", Labels: map[string]string{"app": "web"}})
			if err != nil {
				t.Fatal(err)
			}
			want, err := r.YAML()
			if err != nil {
				t.Fatal(err)
			}
			if body != string(want) && os.Getenv("UPDATE") == "" {
				t.Errorf("the example for %s is not what is written:\n%s", target, want)
			}
			parts[i] = "yaml\n" + string(want)
		}
	}
	if n != 2 {
		t.Errorf("%d examples, want 2", n)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(page, []byte(strings.Join(parts, "```")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range Kinds() {
		if !strings.Contains(string(doc), "| `"+string(k)+"` |") {
			t.Errorf("the page does not tell of losses of kind %s", k)
		}
	}
}
