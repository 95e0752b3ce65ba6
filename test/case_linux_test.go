package test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestCase is the case that the project started from, with the real library and the real server: what the person
// with the problem does, and what they read.
func TestCase(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.InspIRCd(p.Server)
	argv := bot(t, nil)
	const greeting = ":banks.freenode.net NOTICE * :*** Looking up your hostname..."

	t.Run("bare", func(t *testing.T) {
		got := p.Client.With(t).Run(clientTimeout, "", argv...)
		if got.Status != 0 || !strings.HasPrefix(got.Stdout, greeting+"\n") {
			t.Errorf("%+v\nwant exit status 0 and first %q", got, greeting)
		}
	})
	gear := func(t *testing.T, flags ...string) []string {
		run := append([]string{sallyport(t), "run", "--profile", "openshift-v2-gear"}, flags...)
		return append(append(run, "--"), argv...)
	}
	t.Run("denied", func(t *testing.T) {
		got := p.Client.With(t).Run(clientTimeout, "", gear(t)...)
		if got.Status != 1 || got.Stdout != "" {
			t.Errorf("exit status %d, stdout %q, want 1 and none", got.Status, got.Stdout)
		}
		// The bot's own words, and after them the report: the cause and the bind.
		own, report, found := strings.Cut(got.Stderr, "sallyport:")
		if !strings.Contains(own, "[Errno 13] Permission denied") || !found {
			t.Fatalf("stderr %q\nwant the bot's own error and then a report", got.Stderr)
		}
		for _, want := range []string{
			"bind-denied", "any", "EACCES", "--without-bind",
			// The library's line, and below it the bot's own.
			"irc/connection.py:60 in Factory.connect\n      sock.bind(self.bind_address)\n", "bot.py:30 in <module>\n      client.server().connect(",
		} {
			if !strings.Contains(report, want) {
				t.Errorf("report %q\nwant it to name %q", report, want)
			}
		}
	})
	t.Run("without-bind", func(t *testing.T) {
		got := p.Client.With(t).Run(clientTimeout, "", gear(t, "--without-bind")...)
		if got.Status != 0 || !strings.HasPrefix(got.Stdout, greeting+"\n") || got.Stderr != "" {
			t.Errorf("%+v\nwant exit status 0, first %q, and nothing on stderr", got, greeting)
		}
	})
}
