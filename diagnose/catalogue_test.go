package diagnose

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/docs/causes"
)

func TestEveryCauseHasItsPage(t *testing.T) {
	index, err := os.ReadFile("../docs/causes.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(causes.Pages, "*.md")
	if err != nil || len(files) != len(Causes()) || len(explainers)+len(lookupExplainers) != len(Causes()) {
		t.Errorf("%d pages, %d explanations, %d causes", len(files), len(explainers)+len(lookupExplainers), len(Causes()))
	}
	for _, c := range Causes() {
		if explainers[c.Name] == nil && lookupExplainers[c.Name] == nil {
			t.Errorf("%s: nothing explains it", c.Name)
		}
		if c.Title == "" || strings.HasSuffix(c.Title, ".") || !strings.HasPrefix(c.Page, "# "+c.Name+": ") {
			t.Errorf("%s: title %q", c.Name, c.Title)
		}
		for _, want := range []string{
			"\n## What it looks like\n", "\n## Why it happens\n", "\n## How to tell it from similar causes\n", "\n## What to do\n",
			"Python", "Go", "Java", "Node", ".NET", "curl",
		} {
			if !strings.Contains(c.Page, want) {
				t.Errorf("%s: the page lacks %q", c.Name, strings.TrimSpace(want))
			}
		}
		if row := "| [" + c.Name + "](causes/" + c.Name + ".md) | " + c.Title + " |"; !strings.Contains(string(index), row) {
			t.Errorf("docs/causes.md lacks the line\n%s", row)
		}
	}
}

func TestCauseNamed(t *testing.T) {
	if c, err := CauseNamed(BindDenied); err != nil || c.Name != BindDenied {
		t.Errorf("got %v, %v", c.Name, err)
	}
	if _, err := CauseNamed("bind-denid"); err == nil || !strings.Contains(err.Error(), `"bind-denid": want one of refused, `) {
		t.Errorf("got %v", err)
	}
}
