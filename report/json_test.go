package report

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
)

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, file := range []string{"run.schema.json", "events.schema.json", "sheet.schema.json", "probe.schema.json"} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(mustRead(t, filepath.Join("..", "docs", file))))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("https://github.com/sallyport/sallyport/docs/"+file, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("https://github.com/sallyport/sallyport/docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, doc []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatalf("%v: %s", err, doc)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, doc)
	}
}

func TestJSONKeepsToItsSchema(t *testing.T) {
	s := schema(t, "run.schema.json")
	full := several(t)
	full.Findings[0].Where = []diagnose.Frame{{File: "connection.py", Line: 60, Function: "connect", Text: "sock.bind(self.bind_address)"}}
	full.Warnings = []string{"a <warning>"}
	for name, r := range map[string]*Run{
		"empty": {}, "denied": denied(t), "profile": deniedByProfile(t), "loopback": fromLoopback(t), "several": full, "elided": elided(t),
		"bare": {Findings: []diagnose.Finding{{Cause: "unknown", Summary: "x"}}, Notes: []diagnose.Note{{Kind: diagnose.NoteProbe, Text: "x"}}, Lives: []*attempt.Life{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := r.JSON(&b); err != nil {
				t.Fatal(err)
			}
			valid(t, s, b.Bytes())
			if bytes.Contains(b.Bytes(), []byte("null")) {
				t.Errorf("null in %s", b.Bytes())
			}
		})
	}
	if err := s.Validate(map[string]any{"version": 1}); err == nil {
		t.Error("the schema takes a document without findings")
	}
}

func TestJSONOfTheCase(t *testing.T) {
	var b, pretty bytes.Buffer
	if err := fromLoopback(t).JSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&pretty, b.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "loopback.json", pretty.Bytes())
}

func TestEventJSON(t *testing.T) {
	s := schema(t, "events.schema.json")
	zone := netip.MustParseAddrPort("[fe80::1%eth\"0]:80")
	for _, tt := range []struct {
		name   string
		step   attempt.Step
		result any
	}{
		{"failed", step(attempt.CallBind, "0.0.0.0:0", attempt.EACCES, 12*time.Microsecond), -1.0},
		{"sent", attempt.Step{Call: attempt.CallSendto, Result: 12}, 12.0},
		{"elided", attempt.Step{Call: attempt.CallBind, How: attempt.Elided}, 0.0},
		{"error read", attempt.Step{Call: attempt.CallSoError, Errno: attempt.ECONNREFUSED}, 0.0},
		{"given up", attempt.Step{Call: attempt.CallClose, Errno: attempt.ECANCELED}, 0.0},
		{"over", attempt.Step{Call: attempt.CallReady, Result: -1}, -1.0},
		{"unseen", attempt.Step{Call: attempt.CallConnect, How: attempt.Unseen}, nil},
		{"rule with quotes", attempt.Step{Call: attempt.CallConnect, How: attempt.Decided, Rule: "a \"b\" \\ ü\n", Errno: 511, Count: 4}, -1.0},
		{"zone", attempt.Step{Call: attempt.CallConnect, Address: zone, Took: math.MaxInt64}, 0.0},
		{"with its place", attempt.Step{Call: attempt.CallConnect, Where: []attempt.Frame{
			{File: "a \"b\".py", Line: 3, Function: "f", Text: "s.connect(a)"}, {Function: "main"},
		}}, 0.0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := life(math.MaxUint64, 0, tt.step)
			line, err := EventJSON(l, &l.Steps[0])
			if err != nil || bytes.Count(line, []byte("\n")) != 1 || !bytes.HasSuffix(line, []byte("\n")) {
				t.Fatalf("%v: want one line, got %q", err, line)
			}
			valid(t, s, line)
			var got struct {
				Result  any
				Rule    string
				Address string
				At      time.Time
				Where   []attempt.Frame
			}
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatal(err)
			}
			if got.Result != tt.result || got.Rule != tt.step.Rule || !got.At.Equal(l.Steps[0].At) {
				t.Errorf("got %+v, want result %v, rule %q", got, tt.result, tt.step.Rule)
			}
			if !slices.Equal(got.Where, tt.step.Where) {
				t.Errorf("where: got %+v, want %+v", got.Where, tt.step.Where)
			}
			if a := tt.step.Address; a.IsValid() && got.Address != a.String() {
				t.Errorf("address: got %q, want %q", got.Address, a)
			}
		})
	}
	line, err := EventJSON(&attempt.Life{}, &attempt.Step{Call: attempt.CallSocket})
	if err != nil {
		t.Fatal(err)
	}
	valid(t, s, line)
}

func TestEventJSONIsCheap(t *testing.T) {
	l := life(7, 0, step(attempt.CallConnect, bot, attempt.EINPROGRESS, time.Microsecond))
	if n := testing.AllocsPerRun(100, func() { EventJSON(l, &l.Steps[0]) }); n > 1 {
		t.Errorf("%v allocations, want the line alone", n)
	}
}

func BenchmarkEventJSON(b *testing.B) {
	l := life(7, 0, step(attempt.CallConnect, bot, attempt.EINPROGRESS, time.Microsecond))
	for b.Loop() {
		EventJSON(l, &l.Steps[0])
	}
}
