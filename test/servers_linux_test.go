package test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestServers runs servers, and a client that is a server too, with their binds elided: they serve as they do bare.
func TestServers(t *testing.T) {
	for _, m := range []mode{{name: "bare", bare: true}, {name: "run"}, {name: "without-bind", withoutBind: true}} {
		t.Run("nginx/"+m.name, func(t *testing.T) {
			p := testhost.NewPair(t)
			testhost.Nginx(p.Server, m.under(t)...)
			for _, url := range []string{page4, page6} {
				fetch(t, p, url, "peer "+peerOf(p, url)+" ")
			}
		})
		t.Run("http.server/"+m.name, func(t *testing.T) {
			p := testhost.NewPair(t)
			testhost.HTTPServer(p.Server, m.under(t)...)
			fetch(t, p, page4+"hello", "hello\n")
		})
		// The server connects back to where the client listens.
		t.Run("ftp-active/"+m.name, func(t *testing.T) {
			p := testhost.NewPair(t)
			testhost.VSFTPD(p.Server)
			for _, addr := range []string{server4, server6} {
				argv, report := m.wrap(t, script("/usr/bin/python3", "python3", "ftp_active.py", addr)(t, nil)...)
				got := p.Client.With(t).Run(clientTimeout, "", argv...)
				if got.Status != 0 || got.Stdout != testhost.FTPFile {
					t.Errorf("from %s: %+v\nwant exit status 0 and %q", addr, got, testhost.FTPFile)
				}
				if report != "" {
					if r := readReport(t, report); len(r.Findings) > 0 {
						t.Errorf("findings %q, want none", r.causes())
					}
				}
			}
		})
	}
}

// under is the command line that a server is run by.
func (m mode) under(t testing.TB) []string {
	if m.bare {
		return nil
	}
	return append(append([]string{sallyport(t), "run"}, m.flags()...), "--")
}

func peerOf(p *testhost.Pair, url string) string {
	if url == page6 {
		return p.Client.V6[0].String()
	}
	return p.Client.V4[0].String()
}

func fetch(t *testing.T, p *testhost.Pair, url, want string) {
	t.Helper()
	got := p.Client.With(t).Run(clientTimeout, "", testhost.Need(t, "curl", "curl"), "-sS", "--max-time", "20", url)
	if got.Status != 0 || !strings.HasPrefix(got.Stdout, want) {
		t.Errorf("curl %s: %+v\nwant exit status 0 and %q", url, got, want)
	}
}
