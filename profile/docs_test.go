package profile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/profile"
)

// TestReference keeps docs/profile.md true: its example parses, and it names each built-in profile.
func TestReference(t *testing.T) {
	doc, err := os.ReadFile("../docs/profile.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(doc), "```")
	n := 0
	for i := 1; i < len(parts); i += 2 {
		if body, ok := strings.CutPrefix(parts[i], "yaml\n"); ok {
			n++
			p, err := profile.Parse("docs/profile.md", []byte(body))
			if err != nil {
				t.Error(err)
				continue
			}
			roundTrip(t, p)
		}
	}
	if n == 0 {
		t.Error("no example found")
	}
	for _, name := range profile.Builtins() {
		if !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("built-in profile %s is not in the reference", name)
		}
	}
}
