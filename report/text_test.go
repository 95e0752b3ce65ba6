package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
)

func TestText(t *testing.T) {
	for _, tt := range []struct {
		golden string
		run    func(*testing.T) *Run
		o      TextOptions
	}{
		{"bind-denied.txt", denied, TextOptions{Width: 100}},
		{"bind-denied-profile.txt", deniedByProfile, TextOptions{Width: 100}},
		{"loopback.txt", fromLoopback, TextOptions{Width: 100}},
		{"several.txt", several, TextOptions{Width: 100}},
		{"verbose.txt", several, TextOptions{Width: 100, Verbose: true}},
		{"color.txt", denied, TextOptions{Width: 100, Color: true}},
		{"narrow.txt", denied, TextOptions{Width: 60}},
		{"where.txt", located, TextOptions{Width: 100}},
		{"elided.txt", elided, TextOptions{Width: 100}},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			var b bytes.Buffer
			if err := tt.run(t).Text(&b, tt.o); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.golden, b.Bytes())
		})
	}
}

// located is a finding with a call stack: one line that can't be read, and more than are shown.
func located(t *testing.T) *Run {
	r := denied(t)
	r.Findings[0].Where = []diagnose.Frame{
		{File: "/usr/lib/python3/dist-packages/irc/connection.py", Line: 60, Function: "Factory.connect", Text: "sock.bind(self.bind_address)"},
		{File: "<string>", Line: 1},
		{File: "/app/bot.py", Line: 30, Function: "<module>", Text: "client.connect()\x1b[2J"},
	}
	for range 5 {
		r.Findings[0].Where = append(r.Findings[0].Where, diagnose.Frame{File: "/app/run.py", Line: 7, Function: "main"})
	}
	return r
}

func TestNothingToSay(t *testing.T) {
	quiet := &Run{Program: []string{"true"}, Notes: []diagnose.Note{{Text: "x"}}, Lives: []*attempt.Life{life(1, 0, step(attempt.CallConnect, bot, 0, 0))}}
	var b bytes.Buffer
	if err := quiet.Text(&b, TextOptions{}); err != nil || b.Len() > 0 {
		t.Errorf("got %q, %v, want nothing", b.String(), err)
	}
	e := elided(t)
	e.Lives[0].Steps[0].Address = step(0, "0.0.0.0:0", 0, 0).Address
	if err := e.Text(&b, TextOptions{}); err != nil || b.Len() > 0 {
		t.Errorf("a bind without a port, elided: got %q, %v, want nothing", b.String(), err)
	}
	quiet.Warnings = []string{"the program outlives sallyport"}
	if err := quiet.Text(&b, TextOptions{}); err != nil || b.String() != "sallyport: warning: the program outlives sallyport\n" {
		t.Errorf("got %q, %v, want the warning", b.String(), err)
	}
}

func TestNoControlCharactersReachTheTerminal(t *testing.T) {
	r := denied(t)
	r.Findings[0].Summary = "evil\x1b[2J\rname\u009b"
	var b bytes.Buffer
	if err := r.Text(&b, TextOptions{}); err != nil || strings.ContainsAny(b.String(), "\x1b\r\u009b") {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

func TestManyFindings(t *testing.T) {
	r := denied(t)
	for range 30 {
		r.Findings = append(r.Findings, r.Findings[0])
	}
	var b bytes.Buffer
	if err := r.Text(&b, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "sallyport: bind-denied"); got != shown || !strings.Contains(b.String(), "sallyport: 21 more findings") {
		t.Errorf("showed %d findings, want %d and the number of the rest", got, shown)
	}
}

// TestTellingNote holds that what may be why a program failed is shown, though it is no finding.
func TestTellingNote(t *testing.T) {
	note := diagnose.Note{Kind: diagnose.NoteProxy, Text: "curl (pid 7) was answered \"403 Forbidden\" by way of the proxy p:3128", Count: 1}
	for _, tt := range []struct {
		status int
		want   string
	}{
		{56, "sallyport: note: " + note.Text + "\n"},
		{0, ""},
	} {
		var b bytes.Buffer
		r := Run{Version: 1, ExitStatus: tt.status, Notes: []diagnose.Note{note}}
		if err := r.Text(&b, TextOptions{}); err != nil || b.String() != tt.want {
			t.Errorf("status %d: %v\n got %q\nwant %q", tt.status, err, b.String(), tt.want)
		}
	}
}
