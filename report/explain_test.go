package report

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/diagnose"
)

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExplain(t *testing.T) {
	var b bytes.Buffer
	if err := Explain(&b, diagnose.BindDenied); err != nil {
		t.Fatal(err)
	}
	golden(t, "explain.txt", b.Bytes())
	for _, c := range diagnose.Causes() {
		b.Reset()
		if err := Explain(&b, c.Name); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "**") || strings.Contains(b.String(), "|--") || strings.Contains(b.String(), "\n#") {
			t.Errorf("%s: Markdown is left in\n%s", c.Name, b.String())
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 110 {
				t.Errorf("%s: a line of %d columns: %s", c.Name, n, line)
			}
		}
	}
	if err := Explain(&b, "bind-denid"); err == nil {
		t.Error("an unknown cause was explained")
	}
}

func TestCauses(t *testing.T) {
	var b bytes.Buffer
	if err := Causes(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "causes.txt", b.Bytes())
}
