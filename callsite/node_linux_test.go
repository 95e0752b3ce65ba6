package callsite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNodeEnv: what the user has in NODE_OPTIONS stays, and comes first.
func TestNodeEnv(t *testing.T) {
	n := &Node{dir: "/d"}
	for _, c := range []struct{ env, want []string }{
		{[]string{"A=b"}, []string{"A=b", "NODE_OPTIONS=--require=/d/hook.js"}},
		{[]string{"NODE_OPTIONS=--no-warnings ", "A=b"}, []string{"NODE_OPTIONS=--no-warnings --require=/d/hook.js", "A=b"}},
		{[]string{"NODE_OPTIONS="}, []string{"NODE_OPTIONS= --require=/d/hook.js"}},
	} {
		was := slices.Clone(c.env)
		if got := n.Env(c.env); !slices.Equal(got, c.want) || !slices.Equal(c.env, was) {
			t.Errorf("%q\ngot  %q\nwant %q", was, got, c.want)
		}
	}
}

// TestNodeHostile: what the program put in the place of the hook's stack never leads elsewhere, and never blocks.
func TestNodeHostile(t *testing.T) {
	n, err := NewNode()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Remove()
	p, err := openProcess(unix.Gettid())
	if err != nil {
		t.Fatal(err)
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(n.dir, fmt.Sprintf("%s-%d", strings.Trim(namespace, "pid:[]"), p.innerTid))
	good := `[{"file":"node:net","line":1,"function":"a"},{"file":"file:///a.mjs","line":2,"function":"b"},{"file":"node:x"}]`
	elsewhere := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(elsewhere, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		make func() error
		ok   bool
	}{
		{"as the hook", func() error { return os.WriteFile(record, []byte(good), 0o600) }, true},
		{"none", func() error { return nil }, false},
		{"a link", func() error { return os.Symlink(elsewhere, record) }, false},
		{"a pipe", func() error { return unix.Mkfifo(record, 0o600) }, false},
		{"a directory", func() error { return os.Mkdir(record, 0o700) }, false},
		{"empty", func() error { return os.WriteFile(record, nil, 0o600) }, false},
		{"no frames", func() error { return os.WriteFile(record, []byte("[]"), 0o600) }, false},
		{"endless", func() error { return os.WriteFile(record, make([]byte, 1<<20), 0o600) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.make(); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(record)
			got, err := n.stack(p)
			if c.ok && (err != nil || len(got) != 1 || got[0].File != "/a.mjs" || got[0].Line != 2) {
				t.Errorf("%+v, %v, want /a.mjs:2", got, err)
			}
			if !c.ok && !errors.Is(err, ErrUnknown) {
				t.Errorf("%+v, %v, want ErrUnknown", got, err)
			}
		})
	}
}

func FuzzNode(f *testing.F) {
	f.Add([]byte(`[{"file":"file:///a.mjs","line":-2,"function":"b"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		frames, err := readNode(text)
		if (err == nil) != (len(frames) > 0) || len(frames) > maxFrames {
			t.Errorf("%d frames, %v", len(frames), err)
		}
		for _, frame := range frames {
			if frame.Line < 0 || frame.Text != "" {
				t.Errorf("%+v", frame)
			}
		}
	})
}
