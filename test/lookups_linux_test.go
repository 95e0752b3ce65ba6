package test

import (
	"slices"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestLookupsTransparent resolves names bare and under sallyport: programs see the same answers and the same errors.
func TestLookupsTransparent(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Unbound(p.Server)
	python := []string{testhost.Need(t, "/usr/bin/python3", "python3"), "-c", `
import socket, sys
for name in sys.argv[1:]:
    try:
        print(name, sorted(a for *_, a in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)))
    except OSError as e:
        print(name, e)
`}
	node := []string{testhost.Need(t, "node", "nodejs"), "-e", `
(async () => {
  for (const name of process.argv.slice(1)) {
    try { console.log(name, (await require("dns").promises.resolve4(name)).sort()) } catch (e) { console.log(name, e.code) }
  }
})()`, "--"}
	names := []string{testhost.NameServer, testhost.NameAlias, testhost.NameMissing, testhost.NameNoData, testhost.NameBroken, testhost.NameForeign, testhost.NameLong}
	for _, tt := range []struct {
		name     string
		program  []string
		resolver string
	}{
		{"getaddrinfo", python, "172.16.6.1"},
		{"getaddrinfo, port closed", python, "127.0.0.1"},
		{"getaddrinfo, port closed elsewhere", python, "172.16.6.2"},
		{"c-ares", node, "172.16.6.1"},
		{"c-ares, port closed", node, "127.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := p.Client.With(t)
			under := testhost.WithResolver(t, "nameserver "+tt.resolver, "options timeout:1 attempts:1")
			program := append(slices.Clone(tt.program), names...)
			want := host.Run(clientTimeout, "", slices.Concat(under, program)...)
			for _, flags := range [][]string{nil, {"--inject"}} {
				argv := slices.Concat(under, []string{sallyport(t), "run", "--no-counterfactuals", "--report", "/dev/null"}, flags, []string{"--"}, program)
				got := host.Run(clientTimeout, "", argv...)
				if got.Stdout != want.Stdout || got.Stderr != want.Stderr || got.Stdout == "" {
					t.Errorf("%v: got\n%s%s\nwant\n%s%s", flags, got.Stdout, got.Stderr, want.Stdout, want.Stderr)
				}
			}
		})
	}
}
