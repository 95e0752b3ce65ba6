package kube

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzRead holds that whatever is read has no panic, every problem a place, and every error a mark: an object that is
// broken, or an entry in Unread.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.yaml", "testdata/*/*.yml", "testdata/*/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			for doc := range strings.SplitSeq(string(data), "\n---\n") {
				f.Add(doc)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, problems := Read(Stream("s", strings.NewReader(text)))
		marks := len(c.Unread)
		for _, n := range c.metas() {
			marks += len(n.Errors)
			if n.Kind == "" {
				t.Errorf("an object has no kind: %+v", n)
			}
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 3
		for _, p := range problems {
			if p.File != "s" || p.Line < 0 || p.Line > lines || p.What == "" {
				t.Errorf("problem without a place: %+v in %q", p, text)
			}
			if strings.ContainsFunc(p.Error(), func(c rune) bool { return control(c) }) {
				t.Errorf("a problem has control characters: %q", p.Error())
			}
			if p.Severity == Error && marks == 0 {
				t.Errorf("%s: nothing is marked", p.Error())
			}
		}
		if again, other := Read(Stream("s", strings.NewReader(text))); !reflect.DeepEqual(problems, other) || len(again.metas()) != len(c.metas()) {
			t.Errorf("reading twice gives %v and %v", problems, other)
		}
	})
}

// metas are the metas of all objects.
func (c *Cluster) metas() (out []*Meta) { return metasOf(reflect.ValueOf(c).Elem()) }

func metasOf(v reflect.Value) (out []*Meta) {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() == reflect.Struct {
			out = append(out, metasOf(f)...)
			continue
		}
		for k := range f.Len() {
			switch o := f.Index(k).Interface().(type) {
			case *Meta:
				out = append(out, o)
			case Problem:
			default:
				out = append(out, reflect.ValueOf(o).Elem().FieldByName("Meta").Addr().Interface().(*Meta))
			}
		}
	}
	return out
}
