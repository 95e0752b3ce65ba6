package callsite

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestLineAt(t *testing.T) {
	for _, test := range []struct {
		name    string
		version pythonVersion
		table   []byte
		last    int
		want    int
	}{
		{"steps", 0x0308, []byte{6, 1, 8, 2}, 7, 11},
		{"steps back", 0x0308, []byte{6, 1, 8, 0xfe}, 14, 9},
		{"steps unsigned", 0x0207, []byte{6, 1, 8, 0xfe}, 14, 265},
		{"ranges", 0x030a, []byte{4, 0, 6, 3, 2, 0x80, 8, 1}, 8, 13},
		{"range without a line", 0x030a, []byte{4, 0, 6, 3, 2, 0x80, 8, 1}, 10, 0},
		{"range after one without", 0x030a, []byte{4, 0, 6, 3, 2, 0x80, 8, 1}, 12, 14},
		{"locations: one line form", 0x030b, []byte{0x80 | 11<<3, 1, 2}, 0, 11},
		{"locations: long form, back", 0x030b, []byte{0x80 | 10<<3 | 1, 1, 2, 0x80 | 14<<3, 5, 0, 0, 0}, 4, 8},
		{"locations: none", 0x030b, []byte{0x80 | 15<<3}, 0, 0},
		{"past the end", 0x030b, []byte{0x80 | 11<<3, 1, 2}, 100, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := lineAt(test.version, test.table, 10, test.last); got != test.want {
				t.Errorf("\ngot  %d\nwant %d", got, test.want)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		in   string
		kind int
		want string
	}{
		{"abc", 1, "abc"},
		{"\xe9", 1, "é"},
		{"\xac\x20", 2, "€"},
		{"\xff\xdc", 2, "\xff"},
		{"\x00\xf6\x01\x00", 4, "😀"},
	} {
		if got := decode([]byte(test.in), test.kind); got != test.want {
			t.Errorf("%q\ngot  %q\nwant %q", test.in, got, test.want)
		}
	}
}

func TestLineOf(t *testing.T) {
	long := strings.Repeat("é", maxText)
	for _, test := range []struct {
		name, text string
		line       int
		want       string
	}{
		{"first", "  one \n two", 1, "one"},
		{"last", "one\r\n two", 2, "two"},
		{"none", "one\n", 2, ""},
		{"long line before", strings.Repeat("x", 1<<16) + "\ntwo\n", 2, "two"},
		{"cut between characters", "x" + long + "\n", 1, ("x" + long)[:maxText-1]},
	} {
		if got := lineOf(strings.NewReader(test.text), test.line); got != test.want {
			t.Errorf("%s\ngot  %q\nwant %q", test.name, got, test.want)
		}
	}
}

func TestUnknown(t *testing.T) {
	if frames, err := Stack(1 << 30); !errors.Is(err, ErrUnknown) {
		t.Errorf("\ngot  %v, %v\nwant ErrUnknown", frames, err)
	}
}

func BenchmarkPython(b *testing.B) {
	for _, python := range interpreters(b) {
		for _, script := range []string{"function", "recursion"} {
			b.Run(python.name+"/"+script, func(b *testing.B) {
				tid := startBlocked(b, exec.Command(python.path, "testdata/"+script+".py"))
				var r Reader
				if _, err := r.Stack(tid); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := r.Stack(tid); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
