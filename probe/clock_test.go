package probe

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestClockFinding(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	at := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
	source := func(to, service string, skew time.Duration) ClockSource { return ClockSource{at(to), service, skew} }
	expired := ClockCertificate{To: at("10.0.0.3:443"), Name: "api.example", NotBefore: now.Add(-time.Hour * 1000), NotAfter: now.Add(-time.Hour), At: now}
	early := ClockCertificate{To: at("10.0.0.3:443"), Name: "api.example", NotBefore: now.Add(time.Hour), NotAfter: now.Add(1000 * time.Hour), At: now}
	for _, c := range []struct {
		name    string
		clock   Clock
		sure    bool
		wants   []string
		without string
	}{
		{"nothing known", Clock{}, false, nil, ""},
		{"right", Clock{Sources: []ClockSource{source("10.0.0.1:123", "ntp", 30*time.Millisecond), source("10.0.0.2:80", "http", -time.Second)}}, false, nil, ""},
		{"a little off", Clock{Sources: []ClockSource{source("10.0.0.1:123", "ntp", 4*time.Minute)}}, false, nil, ""},
		{
			"behind",
			Clock{Sources: []ClockSource{source("10.0.0.1:123", "ntp", 2*time.Hour), source("10.0.0.2:80", "http", 2*time.Hour+time.Second)}, Certificates: []ClockCertificate{early}},
			true,
			[]string{"this host's clock is 2 h 0 min behind: 10.0.0.1:123 by ntp, 10.0.0.2:80 by http say so", "for this alone the certificate of api.example is refused", "set the clock"},
			"one server alone",
		},
		{
			"ahead, by one",
			Clock{Sources: []ClockSource{source("10.0.0.1:123", "ntp", -2*time.Hour), source("10.0.0.1:80", "http", -2*time.Hour)}, Certificates: []ClockCertificate{expired}},
			false,
			[]string{"this host's clock is 2 h 0 min ahead", "one server alone says so", "for this alone the certificate of api.example is refused"},
			"",
		},
		{
			"another's is wrong",
			Clock{Sources: []ClockSource{source("10.0.0.1:123", "ntp", 0), source("10.0.0.2:123", "ntp", time.Millisecond), source("10.0.0.4:80", "http", -24*time.Hour)}},
			false,
			[]string{"this host's clock agrees with", "wrong is the clock of 10.0.0.4:80 by http"},
			"set the clock",
		},
		{
			"they disagree",
			Clock{Sources: []ClockSource{source("10.0.0.1:123", "ntp", 0), source("10.0.0.4:80", "http", -24*time.Hour)}},
			false,
			[]string{"servers disagree about the time"},
			"this host's clock is",
		},
		{
			"expired by itself",
			Clock{Sources: []ClockSource{source("10.0.0.1:123", "ntp", 0)}, Certificates: []ClockCertificate{expired}},
			false,
			[]string{"the certificate of api.example is not valid now", "this host's clock is right"},
			"",
		},
		{"early, and no time told", Clock{Certificates: []ClockCertificate{early}}, false, []string{"one certificate is not valid yet by this host's clock, which may be behind"}, ""},
		{"expired, and no time told", Clock{Certificates: []ClockCertificate{expired}}, false, nil, ""},
		{
			"not of the clock",
			Clock{Sources: []ClockSource{source("10.0.0.1:123", "ntp", 10*time.Minute), source("10.0.0.2:123", "ntp", 10*time.Minute)}, Certificates: []ClockCertificate{early}},
			true,
			[]string{"this host's clock is 10 min"},
			"for this alone",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := c.clock.Finding()
			if f == nil {
				if len(c.wants) > 0 {
					t.Fatalf("nothing found, want %q", c.wants)
				}
				return
			}
			all := strings.Join(f.Words, "\n")
			if len(c.wants) == 0 {
				t.Fatalf("found %s, want nothing", all)
			}
			if f.Sure != c.sure {
				t.Errorf("sure %v, want %v", f.Sure, c.sure)
			}
			for _, want := range c.wants {
				if !strings.Contains(all, want) {
					t.Errorf("%s\nwant %q", all, want)
				}
			}
			if c.without != "" && strings.Contains(all, c.without) {
				t.Errorf("%s\nwant nothing of %q", all, c.without)
			}
		})
	}
}
