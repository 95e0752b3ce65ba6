package report

import (
	"bytes"
	"io"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport/sallyport/attempt"
)

// played is a demo as it goes in namespaces.
func played(t *testing.T) *Demo {
	const saw = "connected from 172.16.6.170:17919\n:banks.freenode.net NOTICE * :*** Looking up your hostname...\r\n"
	local := netip.MustParseAddrPort("172.16.6.170:17919")
	left := step(attempt.CallBind, "0.0.0.0:0", 0, time.Microsecond)
	left.How = attempt.Elided
	return &Demo{
		Network: "namespaces", Name: "banks.freenode.net", Server: netip.MustParseAddrPort("203.0.113.10:8001"),
		Gear: netip.MustParseAddr("172.16.6.170"), Profile: "openshift-v2-gear",
		Runs: []DemoRun{
			{
				Script: 1, Does: "binds to an address of its own, then connects", Saw: "script1: connect: [Errno 110] connection timed out\n",
				Outcome: attempt.OutcomeOf(attempt.ETIMEDOUT), Took: 2 * time.Second, Run: *fromLoopback(t),
			},
			{
				Script: 2, Does: "binds to any address, then connects",
				Saw: "Traceback (most recent call last):\n  File \"script2.py\", line 4, in <module>\n    s.bind(('', 0))\n    ~~~~~~^^^^^^^\n" +
					"PermissionError: [Errno 13] Permission denied\n",
				Outcome: attempt.OutcomeOf(attempt.EACCES), Run: *deniedByProfile(t),
			},
			{
				Script: 3, Does: "connects, without a bind", Saw: saw, Outcome: attempt.OutcomeOf(0), Local: local,
				Run: Run{Program: []string{"script3"}},
			},
			{
				Script: 2, Does: "unchanged, under sallyport run --without-bind", WithoutBind: true, Saw: saw, Outcome: attempt.OutcomeOf(0), Local: local,
				Run: *reportOf(t, facts, always{}, life(1, 0, left, step(attempt.CallConnect, bot, 0, time.Millisecond))),
			},
		},
	}
}

// show writes all of a demo.
func show(t *testing.T, d *Demo, o TextOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	part := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	part(DemoStart(&b, d, o))
	for i := range d.Runs {
		part(DemoBegin(&b, &d.Runs[i], o))
		part(DemoEnd(&b, &d.Runs[i], o))
	}
	part(DemoFinish(&b, o))
	return b.Bytes()
}

func TestDemo(t *testing.T) {
	golden(t, "demo.txt", show(t, played(t), TextOptions{Width: 100}))
	golden(t, "demo-color.txt", show(t, played(t), TextOptions{Width: 100, Color: true}))

	d := played(t)
	d.Network, d.Because = "loopback", "user namespaces are forbidden: operation not permitted"
	d.Server, d.Gear = netip.MustParseAddrPort("172.17.0.2:8001"), netip.MustParseAddr("172.17.0.2")
	d.Variant, d.Runs = "its rule is another", nil
	golden(t, "demo-loopback.txt", show(t, d, TextOptions{Width: 100}))
}

// What a program wrote is not trusted to be harmless.
func TestDemoIsPrintable(t *testing.T) {
	r := DemoRun{Saw: "\x1b[2Jgone\r\n\n"}
	var b bytes.Buffer
	if err := DemoEnd(&b, &r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := []byte("  it saw  ?[2Jgone\n"); !bytes.HasPrefix(b.Bytes(), want) {
		t.Errorf("got  %q\nwant %q first", b.Bytes(), want)
	}
}

func TestDemoJSON(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, file := range []string{"demo.schema.json", "run.schema.json", "events.schema.json"} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(mustRead(t, filepath.Join("..", "docs", file))))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("https://github.com/sallyport/sallyport/docs/"+file, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("https://github.com/sallyport/sallyport/docs/demo.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := played(t).JSON(&b); err != nil {
		t.Fatal(err)
	}
	valid(t, s, b.Bytes())
	if bytes.Contains(b.Bytes(), []byte("null")) {
		t.Errorf("null in %s", b.Bytes())
	}
	if err := s.Validate(map[string]any{"version": 1}); err == nil {
		t.Error("the schema takes a document without runs")
	}
	if err := played(t).JSON(failingWriter{}); err == nil {
		t.Error("no error from a full disk")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
