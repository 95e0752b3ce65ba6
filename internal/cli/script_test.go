package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// This binary is sallyport as well: for the scripts by that name, and for its own helpers by theirs.
func TestMain(m *testing.M) {
	Init()
	testscript.Main(m, map[string]func(){
		"sallyport": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs testdata/script. Beside testscript's own, a script has the commands
//
//	valid SCHEMA FILE        FILE, or stdout, is JSON that keeps to docs/SCHEMA
//	lines SCHEMA FILE        each line of FILE, of which there are some, keeps to docs/SCHEMA
//	json FILE PATH PATTERN   what stands at PATH (runs.0.errno, or findings.length) in it matches the whole PATTERN
//	empty DIR                nothing is in DIR
//
// and the conditions [root] and [has:PROGRAM].
func TestScripts(t *testing.T) {
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		UpdateScripts:      os.Getenv("UPDATE_SCRIPTS") != "",
		RequireUniqueNames: true,
		Condition: func(cond string) (bool, error) {
			if name, ok := strings.CutPrefix(cond, "has:"); ok {
				_, err := exec.LookPath(name)
				return err == nil, nil
			}
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q: want root, has:PROGRAM or testscript's own", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"valid": func(ts *testscript.TestScript, neg bool, args []string) {
				need(ts, neg, args, "valid SCHEMA FILE")
				ts.Check(valid(filepath.Join(docs, args[0]), ts.ReadFile(args[1])))
			},
			"lines": func(ts *testscript.TestScript, neg bool, args []string) {
				need(ts, neg, args, "lines SCHEMA FILE")
				text := ts.ReadFile(args[1])
				if !strings.HasSuffix(text, "\n") {
					ts.Fatalf("%s is %q, want lines", args[1], text)
				}
				for line := range strings.Lines(text) {
					ts.Check(valid(filepath.Join(docs, args[0]), line))
				}
			},
			"json": func(ts *testscript.TestScript, neg bool, args []string) {
				need(ts, neg, args, "json FILE PATH PATTERN")
				got, err := at(ts.ReadFile(args[0]), args[1])
				ts.Check(err)
				want, err := regexp.Compile(`^(?s:` + args[2] + `)$`)
				ts.Check(err)
				if !want.MatchString(got) {
					ts.Fatalf("%s is %q, want %q", args[1], got, args[2])
				}
			},
			"empty": func(ts *testscript.TestScript, neg bool, args []string) {
				need(ts, neg, args, "empty DIR")
				entries, err := os.ReadDir(ts.MkAbs(args[0]))
				ts.Check(err)
				if len(entries) > 0 {
					ts.Fatalf("%s holds %v", args[0], entries)
				}
			},
		},
	})
}

// need ends a script whose command has the wrong number of arguments.
func need(ts *testscript.TestScript, neg bool, args []string, usage string) {
	if neg || len(args) != len(strings.Fields(usage))-1 {
		ts.Fatalf("usage: %s", usage)
	}
}

// valid checks a document against a schema, which may refer to those beside it.
func valid(schema, doc string) error {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(schema), "*.schema.json"))
	if err != nil {
		return err
	}
	ids := map[string]string{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var s struct {
			ID string `json:"$id"`
		}
		if err := json.Unmarshal(b, &s); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := c.AddResource(s.ID, v); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		ids[file] = s.ID
	}
	s, err := c.Compile(ids[schema])
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// at is what stands at a path of member names and indices in a document; length is how many there are.
func at(doc, path string) (string, error) {
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		return "", err
	}
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			member, ok := x[part]
			if !ok {
				return "", fmt.Errorf("%s: no member %q", path, part)
			}
			v = member
		case []any:
			if part == "length" {
				v = len(x)
				continue
			}
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(x) {
				return "", fmt.Errorf("%s: no element %q of %d", path, part, len(x))
			}
			v = x[i]
		default:
			return "", fmt.Errorf("%s: %q has no parts", path, part)
		}
	}
	return fmt.Sprint(v), nil
}
