package report

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/sheet"
)

// sheetOf is the sheet of a profile, in one of its forms.
func sheetOf(t *testing.T, name string, form func(*bytes.Buffer, *sheet.Sheet) error) string {
	t.Helper()
	var s *sheet.Sheet
	if workload, file, ok := strings.Cut(name, "@"); ok {
		s = clusterSheet(t, workload, file)
	} else {
		p, err := profile.Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		s = sheet.Of(p)
	}
	var b bytes.Buffer
	if err := form(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// clusterSheet is the sheet of a workload, or a namespace, of the cluster in a file.
func clusterSheet(t *testing.T, workload, file string) *sheet.Sheet {
	t.Helper()
	c, problems := kube.Read(kube.Path(file))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	e := kube.Compile(c, kube.Assumptions{})
	namespace, name, ok := strings.Cut(workload, "/")
	if !ok {
		s, err := e.NamespaceSheet(namespace)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	w, _ := c.Workload("", namespace, name)
	s, err := e.Sheet(w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sheetText(b *bytes.Buffer, s *sheet.Sheet) error { return SheetText(b, s, TextOptions{Width: 96}) }

func sheetMarkdown(b *bytes.Buffer, s *sheet.Sheet) error { return SheetMarkdown(b, s) }

func sheetHTML(b *bytes.Buffer, s *sheet.Sheet) error { return SheetHTML(b, s) }

func TestSheetGolden(t *testing.T) {
	for _, tt := range []struct {
		profile, golden string
		form            func(*bytes.Buffer, *sheet.Sheet) error
	}{
		{"openshift-v2-gear", "sheet-gear.txt", sheetText},
		{"testdata/office.yaml", "sheet-office.txt", sheetText},
		{"testdata/office.yaml", "sheet-office.md", sheetMarkdown},
		{"shop/web-0@testdata/shop.yaml", "sheet-shop.txt", sheetText},
		{"shop/web-0@testdata/shop.yaml", "sheet-shop.md", sheetMarkdown},
		{"shop@testdata/shop.yaml", "sheet-shop-namespace.txt", sheetText},
		{"shop/web@testdata/openshift.yaml", "sheet-openshift.txt", sheetText},
		{"shop/web@testdata/cilium.yaml", "sheet-cilium.txt", sheetText},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			got := sheetOf(t, tt.profile, tt.form)
			path := filepath.Join("testdata", tt.golden)
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs:\n%s", path, got)
			}
		})
	}
}

func TestSheetJSON(t *testing.T) {
	for _, name := range append(profile.Builtins(), "testdata/office.yaml", "shop/web-0@testdata/shop.yaml", "shop@testdata/shop.yaml", "shop/web@testdata/openshift.yaml", "shop/web@testdata/cilium.yaml") {
		text := sheetOf(t, name, func(b *bytes.Buffer, s *sheet.Sheet) error { return SheetJSON(b, s) })
		var doc any
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if err := schema(t, "sheet.schema.json").Validate(doc); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if strings.Contains(text, "secret") {
			t.Errorf("%s: a password is in\n%s", name, text)
		}
	}
}

// TestSheetHTMLIsInert has a profile whose words are markup.
func TestSheetHTMLIsInert(t *testing.T) {
	p, err := profile.Parse("p.yaml", []byte(`{apiVersion: sallyport.dev/v1alpha1, kind: EgressProfile, metadata: {name: x, description: "<script>a</script>"},
		spec: {egress: {default: drop, rules: [{ports: [443], verdict: allow, reason: "<img src=x onerror=b> & more"}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := SheetHTML(&b, sheet.Of(p)); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Contains(text, "<script") || strings.Contains(text, "<img") || !strings.Contains(text, "&lt;img src=x onerror=b&gt; &amp; more") {
		t.Errorf("markup got through:\n%s", text)
	}
}

// TestSheetPrintsOnOnePage has Chromium print it.
func TestSheetPrintsOnOnePage(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium, from the package of that name")
	}
	for _, name := range append(profile.Builtins(), "testdata/office.yaml", "shop/web-0@testdata/shop.yaml", "shop@testdata/shop.yaml", "shop/web@testdata/openshift.yaml", "shop/web@testdata/cilium.yaml") {
		dir := t.TempDir()
		page, pdf := filepath.Join(dir, "sheet.html"), filepath.Join(dir, "sheet.pdf")
		if err := os.WriteFile(page, []byte(sheetOf(t, name, sheetHTML)), 0o644); err != nil {
			t.Fatal(err)
		}
		// It asks nobody for anything: its own look-ups at start are turned off.
		cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--user-data-dir="+filepath.Join(dir, "profile"), "--no-pdf-header-footer", "--print-to-pdf="+pdf, "file://"+page)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		text, err := os.ReadFile(pdf)
		if err != nil {
			t.Fatal(err)
		}
		// A page is an object of this type in a PDF, and its parent another (ISO 32000-1, 7.7.3).
		if pages := len(regexp.MustCompile(`/Type */Page[^s]`).FindAll(text, -1)); pages != 1 {
			t.Errorf("%s prints on %d pages", name, pages)
		}
	}
}
